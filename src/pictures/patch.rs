//! Changing a long file in place, with bounds on how much is read and written.

use std::fs::File;
use std::io::{self, Cursor, Read, Seek, SeekFrom, Write};

use super::error::Fault;

/// A copy of an attachment that may be changed and cut: never the file of the person who attaches it.
pub(crate) trait Scratch: Read + Write + Seek {
    /// Makes it `len` bytes long.
    fn cut_to(&mut self, len: u64) -> io::Result<()>;
}

impl Scratch for File {
    fn cut_to(&mut self, len: u64) -> io::Result<()> {
        self.set_len(len)
    }
}

impl Scratch for Cursor<Vec<u8>> {
    fn cut_to(&mut self, len: u64) -> io::Result<()> {
        let len = usize::try_from(len).map_err(io::Error::other)?;
        self.get_mut().resize(len, 0);
        Ok(())
    }
}

/// Elements looked at in one file: a film of a day in fragments of a second has some 200,000.
const ELEMENTS: u32 = 1 << 20;

/// How much is zeroed at a time.
const PIECE: usize = 64 * 1_024;

/// A file under change.
#[derive(Debug)]
pub(super) struct Patch<'a, F> {
    file: &'a mut F,
    len: u64,
    writes: bool,
    elements: u32,
    to_zero: u64,
    changed: bool,
}

impl<'a, F: Scratch> Patch<'a, F> {
    /// Begins; with `writes` false nothing is changed, whatever is asked.
    pub(super) fn new(file: &'a mut F, len: u64, writes: bool) -> Self {
        Self {
            file,
            len,
            writes,
            elements: ELEMENTS,
            // What is zeroed may be named twice, but hardly more often.
            to_zero: len.saturating_mul(2),
            changed: false,
        }
    }

    /// The length of the file.
    pub(super) fn len(&self) -> u64 {
        self.len
    }

    /// Whether the file may be changed.
    pub(super) fn writes(&self) -> bool {
        self.writes
    }

    /// Ends: tells the length of the file, and whether anything became different.
    pub(super) fn finish(self) -> io::Result<(u64, bool)> {
        Ok((self.len, self.changed))
    }

    /// Counts one more element that is looked at.
    pub(super) fn count(&mut self) -> Result<(), Fault> {
        self.elements = self
            .elements
            .checked_sub(1)
            .ok_or(Fault::Odd("more parts than any film has"))?;
        Ok(())
    }

    /// Reads `N` bytes from `at`.
    pub(super) fn read<const N: usize>(&mut self, at: u64) -> Result<[u8; N], Fault> {
        let mut bytes = [0; N];
        self.file.seek(SeekFrom::Start(at))?;
        self.file.read_exact(&mut bytes)?;
        Ok(bytes)
    }

    /// Reads up to `N` bytes from `at`; those past the end are zero.
    pub(super) fn peek<const N: usize>(&mut self, at: u64) -> Result<[u8; N], Fault> {
        let mut bytes = [0; N];
        self.file.seek(SeekFrom::Start(at))?;
        let mut rest = bytes.as_mut_slice();
        while !rest.is_empty() {
            match self.file.read(rest)? {
                0 => break,
                read => rest = rest.get_mut(read..).unwrap_or_default(),
            }
        }
        Ok(bytes)
    }

    /// Reads all between two places, if it is no more than `most` bytes.
    pub(super) fn load(&mut self, from: u64, to: u64, most: usize) -> Result<Vec<u8>, Fault> {
        let len = to.checked_sub(from).ok_or(Fault::Cut)?;
        if to > self.len {
            return Err(Fault::Cut);
        }
        let len = usize::try_from(len)
            .ok()
            .filter(|len| *len <= most)
            .ok_or(Fault::Odd("a table that is too long"))?;
        let mut bytes = vec![0; len];
        self.file.seek(SeekFrom::Start(from))?;
        self.file.read_exact(&mut bytes)?;
        Ok(bytes)
    }

    /// Writes at `at`, within the file.
    pub(super) fn write(&mut self, at: u64, bytes: &[u8]) -> Result<(), Fault> {
        let len = u64::try_from(bytes.len()).map_err(|_| Fault::Cut)?;
        if at.checked_add(len).is_none_or(|end| end > self.len) {
            return Err(Fault::Cut);
        }
        let before = self.load(at, at + len, bytes.len())?;
        if self.writes && before != bytes {
            self.file.seek(SeekFrom::Start(at))?;
            self.file.write_all(bytes)?;
            self.changed = true;
        }
        Ok(())
    }

    /// Makes everything between two places zero, however long.
    pub(super) fn zero(&mut self, from: u64, to: u64) -> Result<(), Fault> {
        let len = to.checked_sub(from).ok_or(Fault::Cut)?;
        if to > self.len {
            return Err(Fault::Cut);
        }
        self.to_zero = self
            .to_zero
            .checked_sub(len)
            .ok_or(Fault::Odd("parts that lie upon one another"))?;
        if !self.writes || len == 0 {
            return Ok(());
        }
        let (mut at, mut piece) = (from, vec![0; PIECE]);
        while at < to {
            let most = usize::try_from(to - at).unwrap_or(PIECE).min(PIECE);
            let piece = piece.get_mut(..most).unwrap_or_default();
            self.file.seek(SeekFrom::Start(at))?;
            self.file.read_exact(piece)?;
            if piece.iter().any(|byte| *byte != 0) {
                piece.fill(0);
                self.file.seek(SeekFrom::Start(at))?;
                self.file.write_all(piece)?;
                self.changed = true;
            }
            at += u64::try_from(most).unwrap_or(u64::MAX);
        }
        Ok(())
    }
}
