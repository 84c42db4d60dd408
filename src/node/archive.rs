//! What exporting and loading have in common.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// How far an export or a load has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ArchiveProgress {
    pub(super) entries: u64,
    pub(super) done: u64,
    pub(super) total: u64,
}

impl ArchiveProgress {
    /// Entries written, or read, so far.
    pub const fn entries(&self) -> u64 {
        self.entries
    }

    /// How much of [`total`](Self::total) is done: entries when exporting, bytes when loading.
    pub const fn done(&self) -> u64 {
        self.done
    }

    /// How much there is to do, in the same unit; 0 if that is not known.
    pub const fn total(&self) -> u64 {
        self.total
    }
}

/// Where progress is told.
pub(super) type Progress = Box<dyn FnMut(ArchiveProgress) + Send>;

/// Tells a job on another thread that nobody waits for it any more.
#[derive(Debug, Default)]
pub(super) struct StopOnDrop(Arc<AtomicBool>);

impl StopOnDrop {
    /// What the job looks at.
    pub(super) fn flag(&self) -> Stop {
        Stop(self.0.clone())
    }
}

impl Drop for StopOnDrop {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Whether to stop.
#[derive(Debug, Clone)]
pub(super) struct Stop(Arc<AtomicBool>);

impl Stop {
    pub(super) fn is_set(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}
