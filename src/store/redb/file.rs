//! The file underneath redb: who may read it, and what becomes of an unfinished one.

use std::fs::{File, OpenOptions};
use std::io;
use std::ops::Bound;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use redb::backends::FileBackend;
use redb::{BackendError, StorageBackend};

/// What to do when there is no file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Missing {
    Create,
    Fail,
}

/// redb's own file backend, except that a file whose creation was cut off counts as empty.
///
/// redb sets the length first and the magic number last, and takes a file between the two for
/// somebody else's.
#[derive(Debug)]
pub(super) struct StoreFile {
    inner: FileBackend,
    // The first question for the length comes with the lock just taken and nothing read yet; only
    // then nobody is about to finish the file, neither another process nor this one.
    looked_at: AtomicBool,
}

impl StoreFile {
    pub(super) fn open(path: &Path, missing: Missing) -> io::Result<Self> {
        let mut options = OpenOptions::new();
        options.read(true).write(true);
        let file = match options.open(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound && missing == Missing::Create => {
                create(options, path)?
            }
            opened => opened?,
        };
        Ok(Self {
            inner: FileBackend::new(file).map_err(io::Error::other)?,
            looked_at: AtomicBool::new(false),
        })
    }

    /// Whether the file is one that redb began and never finished: nothing can be in it.
    fn is_unfinished(&self, len: u64) -> io::Result<bool> {
        let Some(size) = usize::try_from(len)
            .ok()
            .filter(|size| *size <= NEW_FILE_MAX)
        else {
            return Ok(false);
        };
        let mut content = vec![0; size];
        self.inner.read(0, &mut content)?;
        let (magic, rest) = content.split_at(MAGIC_LEN.min(size));
        let blank = |bytes: &[u8]| bytes.iter().all(|byte| *byte == 0);
        Ok(size > 0 && blank(magic) && blank(rest.get(HEADER_LEN..).unwrap_or(&[])))
    }
}

/// redb's magic number.
const MAGIC_LEN: usize = 9;
/// redb's header and two commit slots, the only bytes it writes into a new file.
const HEADER_LEN: usize = 320;
/// redb's new file is a little over 1 MiB.
const NEW_FILE_MAX: usize = 2 * 1024 * 1024;

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
        let len = self.inner.len()?;
        if !self.looked_at.swap(true, Ordering::AcqRel) && self.is_unfinished(len)? {
            self.inner.set_len(0)?;
            return Ok(0);
        }
        Ok(len)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.inner.read(offset, out)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.inner.set_len(len)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.inner.sync_data()
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.inner.write(offset, data)
    }

    fn close(&self) -> io::Result<()> {
        self.inner.close()
    }

    fn try_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.inner.try_lock_range(start, end)
    }

    fn try_lock_shared_range(
        &self,
        start: Bound<u64>,
        end: Bound<u64>,
    ) -> Result<bool, BackendError> {
        self.inner.try_lock_shared_range(start, end)
    }

    fn lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.inner.lock_range(start, end)
    }

    fn lock_shared_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.inner.lock_shared_range(start, end)
    }

    fn unlock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.inner.unlock_range(start, end)
    }

    fn query_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.inner.query_lock_range(start, end)
    }
}
