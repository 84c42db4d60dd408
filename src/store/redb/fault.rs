//! What redb reports, sorted by what can be done about it.

use std::cell::Cell;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use super::super::StoreError;
use super::pid_file;

/// Turns a panic into an error: redb trusts a cleanly closed file and may panic on a changed one.
///
/// What `act` borrows is redb's and is opened anew, or given up, after an error.
pub(super) fn caught<T>(act: impl FnOnce() -> Result<T, redb::Error>) -> Result<T, redb::Error> {
    caught_unless(&Cell::new(false), act)
}

/// Does as [`caught`], but lets a panic pass on while `foreign` is set: it is not redb's then.
pub(super) fn caught_unless<T>(
    foreign: &Cell<bool>,
    act: impl FnOnce() -> Result<T, redb::Error>,
) -> Result<T, redb::Error> {
    catch_unwind(AssertUnwindSafe(act)).unwrap_or_else(|panic| {
        if foreign.get() {
            resume_unwind(panic);
        }
        let said = panic
            .downcast_ref::<String>()
            .map(String::as_str)
            .or_else(|| panic.downcast_ref::<&str>().copied())
            .unwrap_or("unknown");
        Err(redb::Error::Corrupted(format!("redb panicked: {said}")))
    })
}

/// Explains `error`, and raises `failed` if the file has to be opened anew to go on.
pub(super) fn explain(path: &Path, failed: &AtomicBool, error: redb::Error) -> StoreError {
    if !leaves_usable(&error) {
        failed.store(true, Ordering::Release);
    }
    let owned = path.to_owned();
    match error {
        redb::Error::DatabaseAlreadyOpen => StoreError::Locked {
            path: owned,
            pid: pid_file::holder(path),
        },
        redb::Error::PreviousIo | redb::Error::DatabaseClosed => {
            StoreError::Interrupted { path: owned }
        }
        redb::Error::TransactionInProgress => StoreError::SnapshotsAlive { path: owned },
        redb::Error::Io(source) if source.kind() == io::ErrorKind::InvalidData => {
            StoreError::NotAStore { path: owned }
        }
        redb::Error::Io(source) if source.kind() == io::ErrorKind::UnexpectedEof => {
            StoreError::Damaged {
                path: owned,
                source: source.into(),
            }
        }
        redb::Error::Io(source) => StoreError::from_io(path, source),
        redb::Error::TableDoesNotExist(_) | redb::Error::TableTypeMismatch { .. } => {
            StoreError::NotAStore { path: owned }
        }
        source @ (redb::Error::Corrupted(_) | redb::Error::UpgradeRequired(_)) => {
            StoreError::Damaged {
                path: owned,
                source: source.into(),
            }
        }
        source => StoreError::Backend {
            source: source.into(),
        },
    }
}

fn leaves_usable(error: &redb::Error) -> bool {
    matches!(
        error,
        redb::Error::DatabaseClosed
            | redb::Error::TransactionInProgress
            | redb::Error::ValueTooLarge(_)
    )
}
