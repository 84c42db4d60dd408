//! The log: small writes as they came, on the disk before they are seen.
//!
//! A commit of redb writes a page for each place in its tree that changed, and a kill after it makes the next opening walk
//! through the whole file unless a second sync and a copy of its free space are paid for. A small write pays for neither:
//! its rows go into the log in one piece, one sync puts them on the disk, and redb has them in memory only. When the log is
//! full, or there is a moment of rest, redb commits all of it at once in the dear way (a checkpoint). So what a kill leaves
//! is a checkpoint, which opens at once, and at most 128 KiB of rows to be put in again.
//!
//! ```text
//! record   check [16], generation u64, bytes u32, then the rows:
//! row      key length and key, then 0 for a row that is removed, or value length + 1 and value; lengths are LEB128
//! ```
//!
//! Each checkpoint begins a new generation, whose number stands in redb's file: what an older one left in the log means
//! nothing. A check covers the one before it, so a record counts only behind the very records that it was written behind:
//! one that was torn, or taken back after an error, ends the log.

use std::io;

use bytes::Bytes;

use super::super::Durability;
use super::super::staged::Changes;
use super::container::Front;

/// Room for the records. Opening after a kill reads and puts in again this much at the most: some hundred posts, two
/// milliseconds. With half of it posting one by one would be a tenth slower.
pub(super) const LOG_BYTES: usize = 128 * 1024;
const CHECK: usize = 16;
const HEAD: usize = CHECK + 8 + 4;

/// Where the log stands. Only the one writer has it.
#[derive(Debug)]
pub(super) struct Log {
    generation: u64,
    end: usize,
    check: [u8; CHECK],
    /// Records were written that no sync came after.
    is_unsynced: bool,
    /// redb holds what the log does not, or the log cannot be relied on: nothing is appended before the next checkpoint.
    is_behind: bool,
}

/// How a write reaches the disk.
pub(super) enum Way {
    /// By this record; redb has it in memory.
    Log(Vec<u8>),
    /// It changes nothing: what was appended is put on the disk.
    Sync,
    /// Not yet; redb has it in memory. What redb holds then is gone on from by this generation: if it reaches the disk
    /// without a checkpoint, by closing, the log must not be laid over it.
    Memory(u64),
    /// By a commit of redb with all that it has in memory; begins this generation.
    Checkpoint(u64),
}

impl Log {
    /// The empty log of a generation.
    pub(super) const fn new(generation: u64) -> Self {
        Self {
            generation,
            end: 0,
            check: [0; CHECK],
            is_unsynced: false,
            is_behind: false,
        }
    }

    /// Reads what the log of a generation holds: its rows, to be put into redb again.
    pub(super) fn read(front: &Front, generation: u64) -> io::Result<(Self, Changes)> {
        let mut bytes = vec![0; LOG_BYTES];
        front.read_log(&mut bytes)?;
        let bytes = Bytes::from(bytes);
        let mut log = Self::new(generation);
        let mut changes = Changes::new();
        while let Some(rows) = log.next_in(&bytes) {
            let rows = bytes.slice(rows);
            if read_rows(&rows, &mut changes).is_none() {
                // It has the right check, so it is as it was written; unless somebody made it so.
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        // Who wrote them may have been killed before they were synced.
        log.is_unsynced = log.end > 0;
        Ok((log, changes))
    }

    /// Steps over the next record; gives where its rows are.
    fn next_in(&mut self, bytes: &[u8]) -> Option<std::ops::Range<usize>> {
        let record = bytes.get(self.end..)?;
        let (check, rest) = record.split_first_chunk::<CHECK>()?;
        let (head, rows) = rest.split_first_chunk::<{ HEAD - CHECK }>()?;
        let (generation, len) = head.split_first_chunk::<8>()?;
        if u64::from_be_bytes(*generation) != self.generation {
            return None;
        }
        let len = u32::from_be_bytes(*len.first_chunk::<4>()?);
        let rows = rows.get(..usize::try_from(len).ok()?)?;
        if *check != self.check_of(head, rows) {
            return None;
        }
        let from = self.end + HEAD;
        self.check = *check;
        self.end = from + rows.len();
        Some(from..self.end)
    }

    fn check_of(&self, head: &[u8], rows: &[u8]) -> [u8; CHECK] {
        let mut check = [0; CHECK];
        let mut hash = blake3::Hasher::new();
        hash.update(&self.check).update(head).update(rows);
        hash.finalize_xof().fill(&mut check);
        check
    }

    /// Chooses how a write reaches the disk.
    pub(super) fn way(&self, changes: &Changes, durability: Durability) -> Way {
        let next = self.generation + 1;
        if durability == Durability::Checkpoint {
            return Way::Checkpoint(next);
        }
        if changes.is_empty() && !self.is_behind {
            return Way::Sync;
        }
        let room = LOG_BYTES - self.end;
        let record = match self.is_behind || size_of_rows(changes) > room {
            true => None,
            false => Some(self.record(changes)).filter(|record| record.len() <= room),
        };
        match (record, durability) {
            (Some(record), _) => Way::Log(record),
            (None, Durability::Relaxed) => Way::Memory(next),
            (None, _) => Way::Checkpoint(next),
        }
    }

    fn record(&self, changes: &Changes) -> Vec<u8> {
        let mut record = vec![0; HEAD];
        for (key, value) in changes {
            write_bytes(&mut record, key.len(), key);
            match value {
                Some(value) => write_bytes(&mut record, value.len() + 1, value),
                None => record.push(0),
            }
        }
        let (head, rows) = record.split_at_mut(HEAD);
        let (check, head) = head.split_at_mut(CHECK);
        let (generation, len) = head.split_at_mut(8);
        generation.copy_from_slice(&self.generation.to_be_bytes());
        // Rows that do not fit the log, and so no `u32`, are not written.
        len.copy_from_slice(&u32::try_from(rows.len()).unwrap_or(u32::MAX).to_be_bytes());
        check.copy_from_slice(&self.check_of(head, rows));
        record
    }

    /// Appends a record that was made for this place, and puts it on the disk if that is asked for.
    pub(super) fn append(
        &mut self,
        front: &Front,
        record: &[u8],
        durability: Durability,
    ) -> io::Result<()> {
        let before = (self.end, self.check);
        front.write_log(self.end, record)?;
        if let Some(check) = record.first_chunk() {
            self.check = *check;
        }
        self.end += record.len();
        self.is_unsynced = true;
        if durability == Durability::Relaxed {
            return Ok(());
        }
        self.sync(front)
            .inspect_err(|_| (self.end, self.check) = before)
    }

    /// Puts on the disk what was appended and is not.
    pub(super) fn sync(&mut self, front: &Front) -> io::Result<()> {
        if self.is_unsynced {
            front.sync()?;
            self.is_unsynced = false;
        }
        Ok(())
    }

    /// After an error: sees to it that the record at `place` does not count, as far as the disk lets it.
    ///
    /// Where it does not, the record may be found at the next opening, though whoever wrote it was told of an error.
    pub(super) fn take_back(&mut self, front: &Front, place: usize) {
        self.is_behind = true;
        drop(
            front
                .write_log(place, &[0; HEAD])
                .and_then(|()| front.sync()),
        );
    }

    /// Where the next record goes.
    pub(super) const fn end(&self) -> usize {
        self.end
    }

    /// Nothing is appended before the next checkpoint: redb has in memory what the log lacks.
    pub(super) const fn fall_behind(&mut self) {
        self.is_behind = true;
    }
}

/// What the rows take in a record at the least.
fn size_of_rows(changes: &Changes) -> usize {
    let size =
        |(key, value): (&Bytes, &Option<Bytes>)| key.len() + value.as_ref().map_or(0, Bytes::len);
    changes.iter().map(size).sum()
}

fn write_bytes(out: &mut Vec<u8>, mut number: usize, bytes: &[u8]) {
    while number >= 0x80 {
        out.push(0x80 | u8::try_from(number & 0x7f).unwrap_or_default());
        number >>= 7;
    }
    out.push(u8::try_from(number).unwrap_or_default());
    out.extend_from_slice(bytes);
}

fn read_rows(bytes: &Bytes, changes: &mut Changes) -> Option<()> {
    let mut at = 0;
    while at < bytes.len() {
        let len = read_number(bytes, &mut at)?;
        let key = read_bytes(bytes, &mut at, len)?;
        let value = match read_number(bytes, &mut at)?.checked_sub(1) {
            Some(len) => Some(read_bytes(bytes, &mut at, len)?),
            None => None,
        };
        changes.insert(key, value);
    }
    Some(())
}

fn read_number(bytes: &[u8], at: &mut usize) -> Option<usize> {
    let mut number = 0;
    for shift in (0..28).step_by(7) {
        let byte = *bytes.get(*at)?;
        *at += 1;
        number |= usize::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

fn read_bytes(bytes: &Bytes, at: &mut usize, len: usize) -> Option<Bytes> {
    let end = at.checked_add(len).filter(|end| *end <= bytes.len())?;
    let found = bytes.slice(*at..end);
    *at = end;
    Some(found)
}
