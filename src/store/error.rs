//! What can go wrong between the store and the disk.

use std::error::Error;
use std::io;
use std::path::{Path, PathBuf};

/// A read or write of the store that failed; says what to do next.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// Somebody has the store open; one process may have it at a time.
    #[error("{} is in use by {}; close it there first", path.display(), holder(*pid))]
    Locked {
        /// The file of the store.
        path: PathBuf,
        /// The process that has it open, if it could be told.
        pid: Option<u32>,
    },

    /// The file is something else; it was left as it is.
    #[error("{} is not a tidings store; choose another path or move the file away", path.display())]
    NotAStore {
        /// The file that was opened.
        path: PathBuf,
    },

    /// The file is truncated or its content is wrong; it was left as it is when this came on opening.
    #[error("{} is damaged; restore it from a copy, or move it away and replicate again", path.display())]
    Damaged {
        /// The file of the store.
        path: PathBuf,
        /// What does not add up.
        source: Box<dyn Error + Send + Sync>,
    },

    /// The file or its folder may not be written.
    #[error("{} cannot be written; allow this user to write the file and its folder", path.display())]
    NotWritable {
        /// The file of the store.
        path: PathBuf,
        /// What the system answered.
        source: io::Error,
    },

    /// No room for the changes of this write; everything committed durably before is kept.
    #[error("no room left on the disk of {}; free some and write again", path.display())]
    DiskFull {
        /// The file of the store.
        path: PathBuf,
        /// What the system answered.
        source: io::Error,
    },

    /// The system failed to read or write.
    #[error("reading or writing {} failed; check the disk and try again", path.display())]
    Io {
        /// The file of the store.
        path: PathBuf,
        /// What the system answered.
        source: io::Error,
    },

    /// The store had to be opened anew after a failure, which ended this snapshot or write.
    #[error("what was going on in {} ended when its disk failed; begin it again", path.display())]
    Interrupted {
        /// The file of the store.
        path: PathBuf,
    },

    /// The store was closed.
    #[error("{} was closed; open it again", path.display())]
    Closed {
        /// The file of the store.
        path: PathBuf,
    },

    /// Space can be reclaimed only while nothing reads.
    #[error("{} is being read; drop the snapshots of it and compact again", path.display())]
    SnapshotsAlive {
        /// The file of the store.
        path: PathBuf,
    },

    /// The backend refuses to go on until it is opened again.
    #[error("the store refuses to go on; close it and open it again")]
    NeedsReopen {
        /// Why it refuses.
        source: Box<dyn Error + Send + Sync>,
    },

    /// Any other failure of a backend.
    #[error("the store failed; see the source")]
    Backend {
        /// What the backend reported.
        source: Box<dyn Error + Send + Sync>,
    },
}

impl StoreError {
    /// Sorts what the system answered by what the user can do about it.
    #[must_use]
    pub fn from_io(path: &Path, source: io::Error) -> Self {
        let path = path.to_owned();
        match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                Self::DiskFull { path, source }
            }
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
                Self::NotWritable { path, source }
            }
            _ => Self::Io { path, source },
        }
    }
}

fn holder(pid: Option<u32>) -> String {
    match pid {
        Some(pid) if pid == std::process::id() => format!("this process ({pid})"),
        Some(pid) => format!("process {pid}"),
        None => "another process".to_owned(),
    }
}
