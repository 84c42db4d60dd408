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

/// Elements looked at in one file: a film of a day in fragments of a second has some two million, one of a day in
/// Matroska some eight.
const ELEMENTS: u32 = 1 << 24;

/// How much is zeroed at a time.
const PIECE: usize = 64 * 1_024;

/// What is zeroed is compared with this, piece by piece.
static ZEROS: [u8; PIECE] = [0; PIECE];

/// Bytes of the window: elements are small and stand beside one another, and asking the system for each would take
/// most of the time.
const WINDOW: usize = 4_096;

/// A file under change.
#[derive(Debug)]
pub(super) struct Patch<'a, F> {
    file: &'a mut F,
    len: u64,
    writes: bool,
    elements: u32,
    to_zero: u64,
    changed: bool,
    window: Window,
}

/// A piece of the file as it is to be; what was changed in it is written when another piece is turned to.
#[derive(Debug, Default)]
struct Window {
    at: u64,
    bytes: Vec<u8>,
    changed: bool,
}

impl Window {
    /// The bytes from `at`, as far as they are here.
    fn from(&mut self, at: u64) -> &mut [u8] {
        let skipped = at
            .checked_sub(self.at)
            .and_then(|from| usize::try_from(from).ok());
        skipped
            .and_then(|from| self.bytes.get_mut(from..))
            .unwrap_or_default()
    }
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
            window: Window::default(),
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
    pub(super) fn finish(mut self) -> io::Result<(u64, bool)> {
        self.flush()?;
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
        let bytes = self.turn_to(at, N)?.first_chunk();
        bytes.copied().ok_or(Fault::Cut)
    }

    /// Reads up to `N` bytes from `at`; those past the end are zero.
    pub(super) fn peek<const N: usize>(&mut self, at: u64) -> Result<[u8; N], Fault> {
        let mut bytes = [0; N];
        let there = self.turn_to(at, N)?;
        for (byte, read) in bytes.iter_mut().zip(there) {
            *byte = *read;
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
        self.flush()?;
        let mut bytes = vec![0; len];
        self.file.seek(SeekFrom::Start(from))?;
        self.file.read_exact(&mut bytes)?;
        Ok(bytes)
    }

    /// Writes at `at`, within the file.
    pub(super) fn write(&mut self, at: u64, bytes: &[u8]) -> Result<(), Fault> {
        let writes = self.writes;
        let there = self.turn_to(at, bytes.len())?;
        let there = there.get_mut(..bytes.len()).ok_or(Fault::Cut)?;
        if writes && there != bytes {
            there.copy_from_slice(bytes);
            self.window.changed = true;
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
        let short = usize::try_from(len).ok().filter(|len| *len <= WINDOW);
        if let Some(zeros) = short.and_then(|len| ZEROS.get(..len)) {
            return self.write(from, zeros);
        }
        self.flush()?;
        self.window = Window::default();
        let (mut at, mut piece) = (from, vec![0; PIECE]);
        while at < to {
            let most = usize::try_from(to - at).unwrap_or(PIECE).min(PIECE);
            let piece = piece.get_mut(..most).unwrap_or_default();
            let zeros = ZEROS.get(..most).unwrap_or_default();
            self.file.seek(SeekFrom::Start(at))?;
            self.file.read_exact(piece)?;
            if piece != zeros {
                self.file.seek(SeekFrom::Start(at))?;
                self.file.write_all(zeros)?;
                self.changed = true;
            }
            at += u64::try_from(most).unwrap_or(u64::MAX);
        }
        Ok(())
    }

    /// Ends the file at `at`.
    pub(super) fn cut(&mut self, at: u64) -> Result<(), Fault> {
        if self.writes && at < self.len {
            self.flush()?;
            self.window = Window::default();
            self.file.cut_to(at)?;
            (self.len, self.changed) = (at, true);
        }
        Ok(())
    }

    /// The bytes from `at`: at least so many as are asked for, or all that there are.
    fn turn_to(&mut self, at: u64, wanted: usize) -> io::Result<&mut [u8]> {
        let left = usize::try_from(self.len.saturating_sub(at)).unwrap_or(usize::MAX);
        if self.window.from(at).len() < wanted.min(left) {
            self.flush()?;
            self.window = Window {
                at,
                bytes: std::mem::take(&mut self.window.bytes),
                changed: false,
            };
            self.window.bytes.resize(left.min(wanted.max(WINDOW)), 0);
            self.file.seek(SeekFrom::Start(at))?;
            let read = self.file.read_exact(&mut self.window.bytes);
            if read.is_err() {
                self.window.bytes.clear();
            }
            read?;
        }
        Ok(self.window.from(at))
    }

    fn flush(&mut self) -> io::Result<()> {
        if std::mem::take(&mut self.window.changed) {
            self.file.seek(SeekFrom::Start(self.window.at))?;
            self.file.write_all(&self.window.bytes)?;
            self.changed = true;
        }
        Ok(())
    }
}
