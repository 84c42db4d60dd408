//! Rows that are committed, and in the log, and not in redb yet: reads have them laid over it.
//!
//! To put the rows of a post into redb's pages takes a third as long as to sync them, and nobody who waits for the commit
//! needs to wait for that: all that the log holds is put in together when a checkpoint is due. So these rows are never more
//! than the log has room for.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::super::staged::Changes;

#[derive(Debug, Default)]
pub(super) struct Laid(Mutex<Arc<Changes>>);

impl Laid {
    pub(super) fn new(changes: Changes) -> Self {
        Self(Mutex::new(Arc::new(changes)))
    }

    /// Adds the rows of a commit, which are seen from now on.
    pub(super) fn add(&self, changes: Changes) {
        // Copied only while a snapshot has them.
        Arc::make_mut(&mut self.rows()).extend(changes);
    }

    /// The rows, and what `read` gives of redb at the same moment.
    pub(super) fn over<T>(&self, read: impl FnOnce() -> T) -> (Arc<Changes>, T) {
        let rows = self.rows();
        (rows.clone(), read())
    }

    /// Lets go of the rows: redb has them all. In between they are seen in both, which makes no difference.
    pub(super) fn clear(&self) {
        *self.rows() = Arc::default();
    }

    fn rows(&self) -> MutexGuard<'_, Arc<Changes>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
