//! The file underneath redb: who may read it, and what becomes of an unfinished one.

use std::fs::{File, OpenOptions};
use std::io;
use std::ops::Bound;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use redb::backends::FileBackend;
use redb::{BackendError, StorageBackend};

use super::container::Front;
use super::deferred::Journal;

/// What to do when there is no file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Missing {
    Create,
    Fail,
}

/// redb's own file backend behind our front, with care for what an opening that fails would leave behind.
///
/// - Changes made while opening reach the file in [`keep`](Self::keep) only.
/// - A file whose making was cut off counts as empty.
#[derive(Clone, Debug)]
pub(super) struct StoreFile(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    file: Front,
    /// The changes of the opening are held back for good, and others are not made.
    read_only: bool,
    // The first question for the length comes with the lock just taken and nothing read yet; only
    // then nobody is about to finish the file, neither another process nor this one.
    looked_at: AtomicBool,
    held_back: RwLock<Option<Journal>>,
}

impl StoreFile {
    pub(super) fn open(path: &Path, missing: Missing, or_read_only: bool) -> io::Result<Self> {
        let mut options = OpenOptions::new();
        options.read(true).write(true);
        let mut read_only = false;
        let file = match options.open(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound && missing == Missing::Create => {
                create(options, path)?
            }
            Err(error) if or_read_only && is_refused(&error) => {
                read_only = true;
                File::open(path).map_err(|_| error)?
            }
            opened => opened?,
        };
        let file = FileBackend::new(file).map_err(io::Error::other)?;
        Ok(Self::new(Box::new(file), read_only))
    }

    /// Does the same for what stands in for a file.
    #[cfg(test)]
    pub(super) fn on(file: Box<dyn StorageBackend>) -> Self {
        Self::new(file, false)
    }

    fn new(file: Box<dyn StorageBackend>, read_only: bool) -> Self {
        Self(Arc::new(Inner {
            read_only,
            file: Front::new(file),
            looked_at: AtomicBool::new(false),
            held_back: RwLock::new(None),
        }))
    }

    /// Makes the changes of an opening that succeeded; from then on they are made at once.
    ///
    /// After an error they go on being held back, and are dropped with the file.
    pub(super) fn keep(&self) -> io::Result<()> {
        let mut held_back = self.0.held_back_mut();
        match held_back.as_ref() {
            Some(journal) => journal.apply(&self.0.file)?,
            None => self.0.file.finish()?,
        }
        *held_back = None;
        Ok(())
    }

    pub(super) fn is_read_only(&self) -> bool {
        self.0.read_only
    }

    /// The file by its own places, for the log.
    pub(super) fn front(&self) -> &Front {
        &self.0.file
    }
}

fn is_refused(error: &io::Error) -> bool {
    use io::ErrorKind::{PermissionDenied, ReadOnlyFilesystem};
    matches!(error.kind(), PermissionDenied | ReadOnlyFilesystem)
}

impl Inner {
    fn held_back(&self) -> RwLockReadGuard<'_, Option<Journal>> {
        self.held_back
            .read()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn held_back_mut(&self) -> RwLockWriteGuard<'_, Option<Journal>> {
        self.held_back
            .write()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes a change, or holds it back.
    fn change(
        &self,
        now: impl FnOnce(&dyn StorageBackend) -> io::Result<()>,
        later: impl FnOnce(&mut Journal),
    ) -> io::Result<()> {
        if self.held_back().is_none() {
            return now(&self.file);
        }
        // Between the two locks only `keep` could end the journal, and redb is idle while it runs.
        match self.held_back_mut().as_mut() {
            Some(journal) => later(journal),
            None => now(&self.file)?,
        }
        Ok(())
    }

    /// Decides what the file is taken for, and returns the length of redb's part.
    fn look_at(&self) -> io::Result<u64> {
        let len = self.file.look()?;
        if len > 0 {
            *self.held_back_mut() = Some(Journal::new(len));
        }
        Ok(len)
    }
}

fn create(mut options: OpenOptions, path: &Path) -> io::Result<File> {
    options.create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let file = options.open(path)?;
    #[cfg(unix)]
    if let Some(folder) = path.parent() {
        let folder = if folder.as_os_str().is_empty() {
            Path::new(".")
        } else {
            folder
        };
        // Or a power cut could take the name of a file whose content was synced. Not every file
        // system can do it, and without it only the newest of stores is at risk.
        drop(File::open(folder).and_then(|folder| folder.sync_all()));
    }
    Ok(file)
}

impl StorageBackend for StoreFile {
    fn len(&self) -> io::Result<u64> {
        if !self.0.looked_at.swap(true, Ordering::AcqRel) {
            return self.0.look_at();
        }
        match &*self.0.held_back() {
            Some(journal) => Ok(journal.len()),
            None => self.0.file.len(),
        }
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        match &*self.0.held_back() {
            Some(journal) => journal.read(&self.0.file, offset, out),
            None => self.0.file.read(offset, out),
        }
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let now = |file: &dyn StorageBackend| file.set_len(len);
        self.0.change(now, |journal| journal.set_len(len))
    }

    fn sync_data(&self) -> io::Result<()> {
        self.0.change(|file| file.sync_data(), Journal::sync)
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let now = |file: &dyn StorageBackend| file.write(offset, data);
        self.0.change(now, |journal| journal.write(offset, data))
    }

    fn close(&self) -> io::Result<()> {
        self.0.file.close()
    }

    fn try_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        // Systems give no lock to write to who can only read. Who writes keeps readers out all the same.
        if self.0.read_only {
            return self.0.file.try_lock_shared_range(start, end);
        }
        self.0.file.try_lock_range(start, end)
    }

    fn try_lock_shared_range(
        &self,
        start: Bound<u64>,
        end: Bound<u64>,
    ) -> Result<bool, BackendError> {
        self.0.file.try_lock_shared_range(start, end)
    }

    fn lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        if self.0.read_only {
            return self.0.file.lock_shared_range(start, end);
        }
        self.0.file.lock_range(start, end)
    }

    fn lock_shared_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.0.file.lock_shared_range(start, end)
    }

    fn unlock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.0.file.unlock_range(start, end)
    }

    fn query_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.0.file.query_lock_range(start, end)
    }
}
