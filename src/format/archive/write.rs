//! Writing archives: the caller gives records in order, the writer refuses any other.

use std::io::{self, Read, Write};

use super::super::chain::ForkProof;
use super::super::context::derive;
use super::super::error::FormatError;
use super::super::id::BlobHash;
use super::super::run::{Closing, Run};
use super::super::statement::Statement;
use super::super::{codec, limits};
use super::{BLOB, BLOB_PIECE, END, FORK, MAGIC, Order, RUN, STATEMENT};

/// Writes an archive, record by record.
///
/// The order is by feed id; of each feed first the statements by id, then the logs by device and lane, of each first the
/// proof of its fork and then its runs; after all feeds the blobs by hash. What comes out of order, or twice, is refused
/// with [`io::ErrorKind::InvalidInput`], and nothing of it is written.
#[derive(Debug)]
pub struct ArchiveWriter<W> {
    out: W,
    hasher: Box<blake3::Hasher>,
    order: Order,
    written: u64,
}

impl<W: Write> ArchiveWriter<W> {
    /// Begins an archive. Writes are small: give it something that buffers.
    ///
    /// # Errors
    ///
    /// Those of `out`, here as in the other methods.
    pub fn new(out: W) -> io::Result<Self> {
        let mut archive = Self {
            out,
            hasher: Box::new(derive::ARCHIVE.hasher()),
            order: Order::default(),
            written: 0,
        };
        archive.put(MAGIC)?;
        archive.put(&[limits::VERSION])?;
        Ok(archive)
    }

    /// Bytes written so far.
    pub const fn written(&self) -> u64 {
        self.written
    }

    /// Writes a statement.
    ///
    /// # Errors
    ///
    /// If it stands out of order, or the feed's statements come to more than a reader takes.
    pub fn statement(&mut self, statement: &Statement) -> io::Result<()> {
        let bytes = statement.encode();
        let placed = self
            .order
            .statement(statement.feed(), statement.id(), bytes.len());
        placed.map_err(invalid)?;
        self.record(STATEMENT, &[&bytes])
    }

    /// Writes the proof that a log is forked, before the log's runs.
    ///
    /// # Errors
    ///
    /// If it stands out of order.
    pub fn fork(&mut self, proof: &ForkProof) -> io::Result<()> {
        self.order.fork(proof.log()).map_err(invalid)?;
        self.record(FORK, &[&proof.encode()])
    }

    /// Writes a run: all that is held of a block without a hole, closed by a signature.
    ///
    /// # Errors
    ///
    /// If it stands out of order, is not signed, or does not link to the run that it follows.
    pub fn run(&mut self, run: &Run) -> io::Result<()> {
        if !matches!(run.closing(), Closing::Signed(_)) {
            return Err(invalid(FormatError::Archive {
                why: "a run is not closed by a signature",
            }));
        }
        self.order.run(run).map_err(invalid)?;
        self.record(RUN, &[&codec::encode(run.log()), run.packed()])
    }

    /// Writes the bytes of a blob, which must be `len` and have the hash.
    ///
    /// # Errors
    ///
    /// If it stands out of order or is empty; [`io::ErrorKind::InvalidData`] if the bytes are others than was said: what has been
    /// written is no archive then.
    pub fn blob(&mut self, hash: &BlobHash, len: u64, bytes: &mut impl Read) -> io::Result<()> {
        self.order.blob(hash, len).map_err(invalid)?;
        self.head(BLOB, len.saturating_add(32))?;
        self.put(hash.as_bytes())?;
        let mut of_bytes = blake3::Hasher::new();
        let mut left = len;
        let mut piece = vec![0; BLOB_PIECE];
        let mut bytes = bytes.take(len);
        loop {
            let count = bytes.read(&mut piece)?;
            let Some(read) = piece.get(..count).filter(|read| !read.is_empty()) else {
                break;
            };
            of_bytes.update(read);
            self.put(read)?;
            left = left.saturating_sub(count as u64);
        }
        if left > 0 || of_bytes.finalize().as_bytes() != hash.as_bytes() {
            let changed = "an attached file is not what it was when it was attached";
            return Err(io::Error::new(io::ErrorKind::InvalidData, changed));
        }
        Ok(())
    }

    /// Ends the archive and gives back what was written to, flushed.
    ///
    /// # Errors
    ///
    /// Those of `out`.
    pub fn finish(mut self) -> io::Result<W> {
        let hash: [u8; 32] = self.hasher.finalize().into();
        self.record(END, &[&hash])?;
        self.out.flush()?;
        Ok(self.out)
    }

    pub(super) fn record(&mut self, tag: u8, parts: &[&[u8]]) -> io::Result<()> {
        self.head(tag, parts.iter().map(|part| part.len() as u64).sum())?;
        parts.iter().try_for_each(|part| self.put(part))
    }

    fn head(&mut self, tag: u8, len: u64) -> io::Result<()> {
        let mut head = codec::Writer::with_capacity(11);
        head.u8(tag);
        head.varint(len);
        self.put(&head.0)
    }

    fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.hasher.update(bytes);
        self.out.write_all(bytes)?;
        self.written += bytes.len() as u64;
        Ok(())
    }
}

fn invalid(error: FormatError) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, error)
}
