//! The file while it is open: redb, and the log before it.

use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use redb::{Database, ReadableDatabase as _, TableError};

use super::super::staged::Changes;
use super::super::{Durability, StoreError};
use super::file::{Missing, StoreFile};
use super::memtable::Laid;
use super::wal::{Log, Way};
use super::{GENERATION, LOGS, RedbOptions, TABLE, checkpoint, fault};

pub(super) struct Opened {
    // Before the database, which it reads.
    pub(super) laid: Laid,
    pub(super) database: Database,
    file: StoreFile,
    // Whoever has the turn to write is alone with it.
    log: Mutex<Log>,
    // Raised by whoever meets a failure after which redb answers nothing more.
    pub(super) failed: Arc<AtomicBool>,
}

impl Opened {
    /// Opens the file, with the changes which that makes still to be kept.
    pub(super) fn held_back(
        path: &Path,
        options: &RedbOptions,
        missing: Missing,
    ) -> Result<Self, StoreError> {
        let failed = Arc::new(AtomicBool::new(false));
        let opened = options.open_file(path, missing).map_err(redb::Error::Io);
        let opened = opened.and_then(|file| {
            fault::caught(|| {
                let database = Database::builder()
                    .set_cache_size(options.cache_bytes)
                    .set_check_integrity_on_open(options.check_integrity)
                    .create_with_backend(file.clone())?;
                let (log, changes) = Log::read(file.front(), generation(&database)?)?;
                Ok((database, file, log, Laid::new(changes)))
            })
        });
        match opened {
            Ok((database, file, log, laid)) => Ok(Self {
                database,
                file,
                laid,
                log: Mutex::new(log),
                failed,
            }),
            Err(error) => Err(fault::explain(path, &failed, error)),
        }
    }

    /// Opens the file anew after a failure.
    pub(super) fn again(path: &Path, options: &RedbOptions) -> Result<Self, StoreError> {
        // Not created: a file that went away meanwhile must not come back empty.
        let opened = Self::held_back(path, options, Missing::Fail)?;
        opened.keep(path)?;
        // A sync that failed is not made good by another: what was read may not be on the disk.
        opened.log().fall_behind();
        Ok(opened)
    }

    /// Lets the changes that opening made reach the file, and sees to it that what was read from the log is on the disk: it
    /// may be seen, and sent, from now on.
    ///
    /// Of a file that cannot be written all stays in memory. Nothing of it is sent.
    pub(super) fn keep(&self, path: &Path) -> Result<(), StoreError> {
        if self.is_read_only() {
            return Ok(());
        }
        let kept = self.file.keep();
        let kept = kept.and_then(|()| self.log().sync(self.file.front()));
        self.explained(path, kept.map_err(redb::Error::Io))
    }

    pub(super) fn is_read_only(&self) -> bool {
        self.file.is_read_only()
    }

    pub(super) fn has_failed(&self) -> bool {
        self.failed.load(Ordering::Acquire)
    }

    pub(super) fn commit(
        &self,
        path: &Path,
        changes: Changes,
        durability: Durability,
    ) -> Result<(), StoreError> {
        if self.is_read_only() {
            let source = io::ErrorKind::ReadOnlyFilesystem.into();
            return Err(StoreError::NotWritable {
                path: path.to_owned(),
                source,
            });
        }
        self.explained(path, fault::caught(|| self.write(changes, durability)))
    }

    fn write(&self, changes: Changes, durability: Durability) -> Result<(), redb::Error> {
        let mut log = self.log();
        let front = self.file.front();
        match log.way(&changes, durability) {
            Way::Log(record) => {
                let place = log.end();
                log.append(front, &record, durability)
                    .inspect_err(|_| log.take_back(front, place))?;
                // Seen only once it is where it was promised to be.
                self.laid.add(changes);
                Ok(())
            }
            Way::Sync => Ok(log.sync(front)?),
            Way::Memory(next) => {
                self.put_in()?;
                let _changing = self.laid.changing();
                log.fall_behind();
                checkpoint::in_memory(&self.database, &changes, Some(next))
            }
            Way::Checkpoint(next) => {
                self.put_in()?;
                let _changing = self.laid.changing();
                checkpoint::checkpoint(&self.database, changes, next)?;
                *log = Log::new(next);
                Ok(())
            }
        }
    }

    /// Puts into redb what is only in the log so far.
    fn put_in(&self) -> Result<(), redb::Error> {
        self.laid
            .put_in(|rows| checkpoint::in_memory(&self.database, rows, None))
    }

    /// Moves redb's pages to the front of the file and cuts the rest off.
    pub(super) fn compact(&mut self, path: &Path) -> Result<(), StoreError> {
        // redb commits while it moves pages; the log must be over by then.
        self.commit(path, Changes::new(), Durability::Checkpoint)?;
        let changing = self.laid.changing();
        let compacted = fault::caught(|| Ok(self.database.compact()?));
        drop(changing);
        self.explained(path, compacted)?;
        self.commit(path, Changes::new(), Durability::Checkpoint)
    }

    pub(super) fn close(self) {
        drop(self.laid);
        // The file is to be opened anew: what fails now was reported already.
        drop(fault::caught(|| Ok(self.database.close()?)));
    }

    fn log(&self) -> MutexGuard<'_, Log> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn explained<T>(&self, path: &Path, result: Result<T, redb::Error>) -> Result<T, StoreError> {
        result.map_err(|error| fault::explain(path, &self.failed, error))
    }
}

/// Which generation of the log goes on from what redb holds. Makes the tables in a new file; refuses a redb file of
/// somebody else.
fn generation(database: &Database) -> Result<u64, redb::Error> {
    let snapshot = database.begin_read()?;
    match snapshot.open_table(TABLE) {
        Err(TableError::TableDoesNotExist(_)) if snapshot.list_tables()?.next().is_none() => {
            checkpoint::checkpoint(database, Changes::new(), FIRST)?;
            return Ok(FIRST);
        }
        opened => drop(opened?),
    }
    let row = snapshot.open_table(LOGS)?.get(GENERATION)?;
    let number = row.and_then(|row| Some(u64::from_be_bytes(*row.value().first_chunk()?)));
    number.ok_or_else(|| redb::Error::Corrupted("no generation of the log".to_owned()))
}

const FIRST: u64 = 1;
