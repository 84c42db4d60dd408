//! The store in one file, by redb.
//!
//! redb commits by copy on write: what was committed durably survives whatever happens to a later
//! commit. Small writes go into a log in the same file first, and many of them into one commit of
//! redb later. redb also answers nothing more once the disk has failed it, until it is opened anew.
//! That is done here, on the spot, so that a full disk costs the write that met it (and relaxed
//! commits since the last durable one) and not the process: snapshots taken before end with
//! [`StoreError::Interrupted`], new ones and new writes go on.

use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use redb::TableDefinition;

use self::database::Opened;
use self::pid_file::PidFile;
use self::snapshot::Snapshot;
use super::staged::{Base, Changes, StagedTx, Turn, Turnstile};
use super::{Durability, ReadTx, Storage, StoreError, WriteTx};

mod checkpoint;
mod container;
mod database;
mod deferred;
#[cfg(test)]
pub(crate) mod disk;
mod fault;
mod file;
mod memtable;
mod pid_file;
mod snapshot;
#[cfg(test)]
mod tests;
mod wal;

const TABLE: TableDefinition<'static, &[u8], &[u8]> = TableDefinition::new("tidings");
/// Which generation of the log goes on from the last checkpoint.
const LOGS: TableDefinition<'static, &[u8], &[u8]> = TableDefinition::new("log");
const GENERATION: &[u8] = b"generation";

/// How a file is opened.
#[derive(Clone, Debug)]
pub struct RedbOptions {
    cache_bytes: usize,
    check_integrity: bool,
    or_read_only: bool,
    #[cfg(test)]
    disk: Option<disk::Disk>,
}

impl RedbOptions {
    /// Starts from what suits an app on a phone.
    #[must_use]
    pub fn new() -> Self {
        Self {
            // Half of the 16 MiB that opening and a first page may take in all.
            cache_bytes: 8 * 1024 * 1024,
            check_integrity: false,
            or_read_only: false,
            #[cfg(test)]
            disk: None,
        }
    }

    /// Memory for pages of the file, read and not yet written; 8 MiB when unset.
    #[must_use]
    pub fn cache_bytes(mut self, bytes: usize) -> Self {
        self.cache_bytes = bytes;
        self
    }

    /// Reads the whole file on opening and checks every checksum; off when unset.
    ///
    /// For a file that may have been changed by something else: a plain open trusts one that was
    /// closed cleanly, and finds damage when it reads it.
    #[must_use]
    pub fn check_integrity(mut self, check: bool) -> Self {
        self.check_integrity = check;
        self
    }

    /// Opens a file that cannot be written for reading only; each write then fails with [`StoreError::NotWritable`]. Off
    /// when unset.
    #[must_use]
    pub fn or_read_only(mut self, allowed: bool) -> Self {
        self.or_read_only = allowed;
        self
    }

    /// Puts the file on a disk of a test; the path is only its name then.
    #[cfg(test)]
    pub(crate) fn on(mut self, disk: &disk::Disk) -> Self {
        self.disk = Some(disk.clone());
        self
    }

    fn open_file(&self, path: &Path, missing: file::Missing) -> io::Result<file::StoreFile> {
        #[cfg(test)]
        if let Some(disk) = &self.disk {
            return Ok(file::StoreFile::on(Box::new(disk.clone())));
        }
        file::StoreFile::open(path, missing, self.or_read_only)
    }
}

impl Default for RedbOptions {
    fn default() -> Self {
        Self::new()
    }
}

/// Rows in a file that one process has open at a time.
///
/// Dropping it closes the file, also for snapshots that are still held.
#[derive(Debug)]
pub struct RedbStorage {
    store: Arc<Store>,
    turnstile: Arc<Turnstile>,
}

impl RedbStorage {
    /// Opens the store at `path`, or makes one if there is no file or an empty one.
    ///
    /// A new file is readable by its owner only. While open, a small file beside it with the
    /// extension `pid` names this process to others that try; it is left behind by a kill, and
    /// means nothing then. After a kill, at most 128 KiB of rows are put in again.
    ///
    /// # Errors
    ///
    /// [`StoreError::Locked`], [`StoreError::NotAStore`], [`StoreError::Damaged`],
    /// [`StoreError::NotWritable`], [`StoreError::DiskFull`] or [`StoreError::Io`].
    pub fn open(path: impl AsRef<Path>, options: RedbOptions) -> Result<Self, StoreError> {
        Self::open_if(path, options, |_| Ok(()))
    }

    /// Does as [`open`](Self::open), but only if `judge` agrees once it has seen what is in the file.
    ///
    /// A file with anything in it is not changed by a byte before that: neither marked as open, nor repaired.
    ///
    /// # Errors
    ///
    /// As for [`open`](Self::open), or what `judge` says.
    pub fn open_if<E: From<StoreError>>(
        path: impl AsRef<Path>,
        options: RedbOptions,
        judge: impl FnOnce(Box<dyn ReadTx>) -> Result<(), E>,
    ) -> Result<Self, E> {
        let path = path.as_ref().to_owned();
        let opened = Opened::held_back(&path, &options, file::Missing::Create)?;
        let snapshot = Snapshot::take(&Arc::from(&*path), &opened)?;
        judge(Box::new(snapshot))?;
        opened.keep(&path)?;
        let store = Store {
            pid_file: Mutex::new(PidFile::write(&path)),
            path: path.into(),
            options,
            opened: RwLock::new(Some(opened)),
            closed: AtomicBool::new(false),
        };
        Ok(Self {
            store: Arc::new(store),
            turnstile: Arc::default(),
        })
    }
}

impl Storage for RedbStorage {
    fn is_read_only(&self) -> bool {
        self.store.is_read_only()
    }

    fn read(&self) -> Result<Box<dyn ReadTx>, StoreError> {
        if self.store.has_failed() {
            // A write in progress reopens by itself when it finds out.
            if let Some(_turn) = Turn::try_take(&self.turnstile) {
                self.store.reopen_if_failed()?;
            }
        }
        self.store.snapshot()
    }

    fn write(&self) -> Result<Box<dyn WriteTx + '_>, StoreError> {
        let turn = Turn::wait(&self.turnstile);
        self.store.reopen_if_failed()?;
        Ok(Box::new(StagedTx::new(self.store.clone(), turn)))
    }

    fn compact(&self) -> Result<(), StoreError> {
        let _turn = Turn::wait(&self.turnstile);
        self.store.reopen_if_failed()?;
        self.store.compact()
    }

    fn close(&self) {
        let _turn = Turn::wait(&self.turnstile);
        self.store.close();
    }
}

/// The open file, or none while it cannot be opened after a failure.
///
/// Replaced only by whoever has the turn to write, so that a write never finds itself on top of
/// another state than the one it began with.
struct Store {
    path: Arc<Path>,
    options: RedbOptions,
    opened: RwLock<Option<Opened>>,
    /// Not to be opened again.
    closed: AtomicBool,
    pid_file: Mutex<PidFile>,
}

impl Store {
    fn has_failed(&self) -> bool {
        self.with_opened(|opened| Ok(opened.has_failed()))
            .unwrap_or(true)
    }

    fn with_opened<T>(
        &self,
        act: impl FnOnce(&Opened) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let opened = self.opened.read().unwrap_or_else(PoisonError::into_inner);
        opened.as_ref().map_or_else(|| Err(self.interrupted()), act)
    }

    fn is_read_only(&self) -> bool {
        self.with_opened(|opened| Ok(opened.is_read_only()))
            .unwrap_or(false)
    }

    fn interrupted(&self) -> StoreError {
        let path = self.path.to_path_buf();
        if self.closed.load(Ordering::Acquire) {
            StoreError::Closed { path }
        } else {
            StoreError::Interrupted { path }
        }
    }

    fn reopen_if_failed(&self) -> Result<(), StoreError> {
        if self.has_failed() {
            return self.reopen();
        }
        Ok(())
    }

    /// Closes the file for good.
    fn close(&self) {
        let mut opened = self.opened.write().unwrap_or_else(PoisonError::into_inner);
        self.closed.store(true, Ordering::Release);
        self.remove_pid_file();
        if let Some(opened) = opened.take() {
            opened.close();
        }
    }

    /// Before the lock goes, or it would be the next holder's file that is removed.
    fn remove_pid_file(&self) {
        let mut pid_file = self.pid_file.lock().unwrap_or_else(PoisonError::into_inner);
        pid_file.remove();
    }

    fn reopen(&self) -> Result<(), StoreError> {
        let mut opened = self.opened.write().unwrap_or_else(PoisonError::into_inner);
        if self.closed.load(Ordering::Acquire) {
            return Err(self.interrupted());
        }
        if let Some(failed) = opened.take() {
            failed.close();
        }
        // Not created: a file that went away meanwhile must not come back empty.
        *opened = Some(Opened::again(&self.path, &self.options)?);
        Ok(())
    }

    fn compact(&self) -> Result<(), StoreError> {
        let mut opened = self.opened.write().unwrap_or_else(PoisonError::into_inner);
        let Some(opened) = opened.as_mut() else {
            return Err(self.interrupted());
        };
        opened.compact(&self.path)
    }
}

impl Base for Store {
    fn snapshot(&self) -> Result<Box<dyn ReadTx>, StoreError> {
        self.with_opened(|opened| {
            let snapshot = Snapshot::take(&self.path, opened)?;
            Ok(Box::new(snapshot) as Box<dyn ReadTx>)
        })
    }

    fn apply(&self, changes: Changes, durability: Durability) -> Result<(), StoreError> {
        let applied = self.with_opened(|opened| opened.commit(&self.path, changes, durability));
        if applied.is_err() {
            // When it cannot be opened now, the next write tries again and reports that.
            drop(self.reopen_if_failed());
        }
        applied
    }
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Store").field(&self.path).finish()
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        self.remove_pid_file();
    }
}
