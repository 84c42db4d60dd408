//! Putting a long file together again from pieces of itself and a few new bytes, in place and in bounded memory.

use std::io::{self, Read, SeekFrom};

use super::error::Fault;
use super::patch::Scratch;

/// How much is moved at a time.
const PIECE: u64 = 64 * 1_024;

/// What a file becomes: pieces of it in the order in which they stand, and new bytes between them.
#[derive(Debug, Default)]
pub(super) struct Plan {
    pieces: Vec<Piece>,
}

#[derive(Debug)]
enum Piece {
    /// What stands between two places of the file.
    Keep(u64, u64),
    /// New bytes.
    Put(Vec<u8>),
}

impl Plan {
    /// Goes on with what stands between two places, behind all that was kept before.
    pub(super) fn keep(&mut self, from: u64, to: u64) {
        if from >= to {
            return;
        }
        match self.pieces.last_mut() {
            Some(Piece::Keep(_, end)) if *end == from => *end = to,
            _ => self.pieces.push(Piece::Keep(from, to)),
        }
    }

    /// How many pieces it has: each takes some memory.
    pub(super) const fn pieces(&self) -> usize {
        self.pieces.len()
    }

    /// Goes on with new bytes.
    pub(super) fn put(&mut self, bytes: Vec<u8>) {
        if !bytes.is_empty() {
            self.pieces.push(Piece::Put(bytes));
        }
    }

    /// Goes on with all of another plan.
    pub(super) fn append(&mut self, other: Self) {
        self.pieces.extend(other.pieces);
    }

    /// The length that the file will have.
    pub(super) fn len(&self) -> u64 {
        let lens = self.pieces.iter().map(|piece| match piece {
            Piece::Keep(from, to) => to - from,
            Piece::Put(bytes) => u64::try_from(bytes.len()).unwrap_or(u64::MAX),
        });
        lens.fold(0, u64::saturating_add)
    }

    /// Makes a file of `len` bytes what the plan says; whether it became another.
    ///
    /// Pieces keep their order, so what moves back never lies on what moves forward: first all that moves back, from the
    /// last to the first, then all that moves forward, from the first to the last, then the new bytes between them.
    pub(super) fn apply<F: Scratch>(&self, file: &mut F, len: u64) -> Result<bool, Fault> {
        let (mut at, mut read_to, mut moves, mut new) = (0, 0, Vec::new(), Vec::new());
        for piece in &self.pieces {
            match piece {
                Piece::Keep(from, to) => {
                    if *from < read_to || *to > len {
                        return Err(Fault::Cut);
                    }
                    moves.push(Move {
                        from: *from,
                        to: at,
                        len: to - from,
                    });
                    (read_to, at) = (*to, at + (to - from));
                }
                Piece::Put(bytes) => {
                    new.push((at, bytes));
                    at += u64::try_from(bytes.len()).map_err(|_| Fault::Cut)?;
                }
            }
        }
        let mut changed = at != len;
        for step in moves.iter().rev().filter(|step| step.to > step.from) {
            step.back(file)?;
            changed = true;
        }
        for step in moves.iter().filter(|step| step.to < step.from) {
            step.forward(file)?;
            changed = true;
        }
        for (at, bytes) in new {
            changed |= put(file, at, bytes)?;
        }
        file.cut_to(at)?;
        Ok(changed)
    }
}

/// Bytes on their way.
#[derive(Debug, Clone, Copy)]
struct Move {
    from: u64,
    to: u64,
    len: u64,
}

impl Move {
    fn forward<F: Scratch>(&self, file: &mut F) -> io::Result<()> {
        let mut done = 0;
        while done < self.len {
            let len = (self.len - done).min(PIECE);
            copy(file, self.from + done, self.to + done, len)?;
            done += len;
        }
        Ok(())
    }

    fn back<F: Scratch>(&self, file: &mut F) -> io::Result<()> {
        let mut left = self.len;
        while left > 0 {
            let len = left.min(PIECE);
            left -= len;
            copy(file, self.from + left, self.to + left, len)?;
        }
        Ok(())
    }
}

fn copy<F: Scratch>(file: &mut F, from: u64, to: u64, len: u64) -> io::Result<()> {
    let mut bytes = vec![0; usize::try_from(len).map_err(io::Error::other)?];
    file.seek(SeekFrom::Start(from))?;
    file.read_exact(&mut bytes)?;
    file.seek(SeekFrom::Start(to))?;
    file.write_all(&bytes)
}

/// Writes new bytes, perhaps past the end; whether they are others than those that stood there.
fn put<F: Scratch>(file: &mut F, at: u64, bytes: &[u8]) -> io::Result<bool> {
    let mut before = Vec::new();
    file.seek(SeekFrom::Start(at))?;
    let most = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
    Read::by_ref(file).take(most).read_to_end(&mut before)?;
    if before == bytes {
        return Ok(false);
    }
    file.seek(SeekFrom::Start(at))?;
    file.write_all(bytes)?;
    Ok(true)
}
