//! What stands before redb's own bytes in the file: who made it, how long redb takes its part to be, and room for the log.
//!
//! ```text
//! 0        magic [16]; at 512 and 1,024 a slot each:
//!          turn u64, length u64, filled u64, check [8] (all big-endian; the valid one with the higher turn counts)
//! 4,096    the log, 128 KiB (see `log`)
//! 135,168  redb's bytes, up to the last one that was ever written
//! ```
//!
//! redb doubles the length of its file when it is full. Where it has not written yet nothing need be on the disk, so the
//! length that it set is only noted (in a slot), and the file ends where the last page does. `filled` is how much was
//! certainly there once: less than that means that the file was cut off.

use std::io;
use std::ops::Bound;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use redb::{BackendError, StorageBackend};

use super::wal::LOG_BYTES;

const MAGIC: [u8; 16] = *b"tidings store\r\n1";
/// Of the part with magic and slots.
const PAGE: usize = 4_096;
/// Slots lie in sectors of their own, so that a torn write costs one of them at the most.
const SECTOR: usize = 512;
const SLOT_BYTES: usize = 32;
/// Where redb's bytes begin.
pub(super) const BASE: u64 = (PAGE + LOG_BYTES) as u64;
/// redb's magic number.
const REDB_MAGIC: [u8; 9] = *b"redb\x1a\x0a\xa9\x0d\x0a";
/// redb's new file, with a table in it, is a little over 1 MiB long.
const NEW_FILE_MAX: u64 = BASE + 2 * 1024 * 1024;

/// redb's file within ours.
#[derive(Debug)]
pub(super) struct Front {
    file: Box<dyn StorageBackend>,
    /// What redb takes for the length of its file.
    len: AtomicU64,
    /// How much of that is in the file; zeros follow.
    written: AtomicU64,
    slot: Mutex<Slot>,
}

/// What is known of redb's part, as last written.
#[derive(Clone, Copy, Debug, Default)]
struct Slot {
    turn: u64,
    len: u64,
    filled: u64,
    /// Whether a sync came after it was written.
    is_synced: bool,
    /// The magic number is written: whoever finds the file takes it for a store.
    is_finished: bool,
}

impl Slot {
    fn write(&self) -> [u8; SLOT_BYTES] {
        let mut bytes = [0; SLOT_BYTES];
        let (fields, check) = bytes.split_at_mut(24);
        for (field, number) in fields.chunks_mut(8).zip([self.turn, self.len, self.filled]) {
            field.copy_from_slice(&number.to_be_bytes());
        }
        check.copy_from_slice(&check_of(fields));
        bytes
    }

    fn read(bytes: &[u8]) -> Option<Self> {
        let (fields, rest) = bytes.split_at_checked(24)?;
        if *rest.first_chunk::<8>()? != check_of(fields) {
            return None;
        }
        let number = |at: usize| Some(u64::from_be_bytes(*fields.get(at..)?.first_chunk()?));
        Some(Self {
            turn: number(0)?,
            len: number(8)?,
            filled: number(16)?,
            is_synced: true,
            is_finished: true,
        })
    }

    fn place(&self) -> u64 {
        SECTOR as u64 * (1 + self.turn % 2)
    }
}

fn check_of(fields: &[u8]) -> [u8; 8] {
    let mut check = [0; 8];
    let mut hash = blake3::Hasher::new_derive_key("tidings v1 2026-11 store file");
    hash.update(fields).finalize_xof().fill(&mut check);
    check
}

impl Front {
    pub(super) fn new(file: Box<dyn StorageBackend>) -> Self {
        Self {
            file,
            len: AtomicU64::new(0),
            written: AtomicU64::new(0),
            slot: Mutex::default(),
        }
    }

    fn slot(&self) -> MutexGuard<'_, Slot> {
        self.slot.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Finds out what the file is, and returns the length of redb's part: 0 if there is nothing yet.
    ///
    /// A file whose making was cut off counts as empty, and is made so. Only to be called while nobody else can have it
    /// open.
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::InvalidData`] for a file of another program, [`io::ErrorKind::UnexpectedEof`] for a damaged one.
    pub(super) fn look(&self) -> io::Result<u64> {
        let len = self.file.len()?;
        if len == 0 {
            return Ok(0);
        }
        let mut page = vec![0; PAGE.min(usize::try_from(len).unwrap_or(PAGE))];
        self.file.read(0, &mut page)?;
        page.resize(PAGE, 0);
        if page.first_chunk() != Some(&MAGIC) {
            if !self.is_unfinished(&page, len)? {
                return Err(io::ErrorKind::InvalidData.into());
            }
            self.file.set_len(0)?;
            return Ok(0);
        }
        let slots = slots(&page).filter_map(Slot::read);
        let slot = slots.max_by_key(|slot| slot.turn).ok_or(DAMAGED)?;
        let written = len.checked_sub(BASE).ok_or(DAMAGED)?;
        if written < slot.filled {
            return Err(DAMAGED.into());
        }
        self.len.store(slot.len, Ordering::Release);
        self.written.store(written, Ordering::Release);
        *self.slot() = slot;
        Ok(slot.len)
    }

    /// Whether the file is one whose making was cut off: nothing can be in it.
    fn is_unfinished(&self, page: &[u8], len: u64) -> io::Result<bool> {
        if len > NEW_FILE_MAX {
            return Ok(false);
        }
        let mut rest = page.to_vec();
        for at in [SECTOR, 2 * SECTOR] {
            let slot = rest.get_mut(at..at + SLOT_BYTES).unwrap_or_default();
            if Slot::read(slot).is_some() {
                slot.fill(0);
            }
        }
        let blank = |bytes: &[u8]| bytes.iter().all(|byte| *byte == 0);
        let mut log = vec![0; LOG_BYTES];
        self.read_there(PAGE as u64, &mut log, len)?;
        let mut redb = [0; REDB_MAGIC.len()];
        self.read_there(BASE, &mut redb, len)?;
        Ok(blank(&rest) && blank(&log) && (blank(&redb) || redb == REDB_MAGIC))
    }

    /// Reads what there is of a file so long; zeros stand for what is not.
    fn read_there(&self, offset: u64, out: &mut [u8], len: u64) -> io::Result<()> {
        let there = usize::try_from(len.saturating_sub(offset)).unwrap_or(usize::MAX);
        let (there, beyond) = out.split_at_mut(there.min(out.len()));
        beyond.fill(0);
        if there.is_empty() {
            return Ok(());
        }
        self.file.read(offset, there)
    }

    /// Makes a new file one that others take for a store, once all is in it that a store has.
    pub(super) fn finish(&self) -> io::Result<()> {
        let mut slot = self.slot();
        if !slot.is_finished {
            self.file.write(0, &MAGIC)?;
            self.file.sync_data()?;
            slot.is_finished = true;
        }
        Ok(())
    }

    /// Notes another length, or how much is filled. redb's file is broken off, or opened anew, after an error.
    fn note(&self, slot: &mut Slot, len: u64, filled: u64) -> io::Result<()> {
        let next = Slot {
            turn: slot.turn + 1,
            len,
            filled,
            is_synced: false,
            is_finished: slot.is_finished,
        };
        self.file.write(next.place(), &next.write())?;
        *slot = next;
        Ok(())
    }

    pub(super) fn read_log(&self, out: &mut [u8]) -> io::Result<()> {
        self.file.read(PAGE as u64, out)
    }

    pub(super) fn write_log(&self, at: usize, bytes: &[u8]) -> io::Result<()> {
        self.file.write((PAGE + at) as u64, bytes)
    }

    /// Puts all that was written on the disk, the log's bytes as well as redb's.
    pub(super) fn sync(&self) -> io::Result<()> {
        let written = self.written.load(Ordering::Acquire);
        self.file.sync_data()?;
        let mut slot = self.slot();
        slot.is_synced = true;
        if written > slot.filled {
            let len = slot.len;
            // Only a file that is cut off later would be found out less surely without it.
            drop(self.note(&mut slot, len, written));
        }
        Ok(())
    }
}

const DAMAGED: io::ErrorKind = io::ErrorKind::UnexpectedEof;

fn slots(page: &[u8]) -> impl Iterator<Item = &[u8]> {
    let slot = |at: usize| page.get(at..at + SLOT_BYTES).unwrap_or_default();
    [slot(SECTOR), slot(2 * SECTOR)].into_iter()
}

impl StorageBackend for Front {
    fn len(&self) -> io::Result<u64> {
        Ok(self.len.load(Ordering::Acquire))
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let end = offset.saturating_add(out.len() as u64);
        if end > self.len.load(Ordering::Acquire) {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let written = self.written.load(Ordering::Acquire);
        self.read_there(BASE + offset, out, BASE + written)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let mut slot = self.slot();
        if slot.turn == 0 {
            // Written rather than left out: a write into it changes nothing about the file but its bytes, so that syncing it
            // takes one write to the disk.
            self.file.write(0, &vec![0; PAGE + LOG_BYTES])?;
        }
        let filled = slot.filled.min(len);
        self.note(&mut slot, len, filled)?;
        if self.written.load(Ordering::Acquire) > len {
            // First the slot: the file must never be shorter than the one that counts says.
            self.file.sync_data()?;
            self.file.set_len(BASE + len)?;
            self.written.store(len, Ordering::Release);
        }
        self.len.store(len, Ordering::Release);
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        self.sync()
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.file.write(BASE + offset, data)?;
        let end = offset + data.len() as u64;
        self.written.fetch_max(end, Ordering::AcqRel);
        Ok(())
    }

    fn close(&self) -> io::Result<()> {
        let is_synced = self.slot().is_synced;
        if !is_synced {
            self.sync()?;
        }
        self.file.close()
    }

    fn try_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.file.try_lock_range(start, end)
    }

    fn try_lock_shared_range(
        &self,
        start: Bound<u64>,
        end: Bound<u64>,
    ) -> Result<bool, BackendError> {
        self.file.try_lock_shared_range(start, end)
    }

    fn lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.file.lock_range(start, end)
    }

    fn lock_shared_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.file.lock_shared_range(start, end)
    }

    fn unlock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.file.unlock_range(start, end)
    }

    fn query_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.file.query_lock_range(start, end)
    }
}
