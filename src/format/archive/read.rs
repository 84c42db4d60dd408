//! Reading archives: one verified record after the other, in bounded memory, up to the first that is not good.

use std::fmt;
use std::io::{self, BufReader, Read};

use bytes::Bytes;

use super::super::chain::ForkProof;
use super::super::codec::Reader;
use super::super::context::derive;
use super::super::error::FormatError;
use super::super::id::{BlobHash, DeviceId, FeedId, Lane, LogId};
use super::super::limits;
use super::super::run::{PackedRun, Run};
use super::super::statement::Statement;
use super::{ArchiveError, BLOB, BLOB_PIECE, END, FORK, Fault, MAGIC, Order, RUN, STATEMENT, WHAT};

/// One thing that an archive holds, verified.
#[derive(Debug, Clone)]
#[non_exhaustive]
#[expect(clippy::large_enum_variant, reason = "nearly all items are runs")]
pub enum ArchiveItem {
    /// A statement. Whether it counts is for [`Statements`](super::super::Statements) to say.
    Statement(Statement),
    /// The proof that a log is forked; it comes before the log's runs.
    Fork(ForkProof),
    /// Entries: all that the archive holds of one block without a hole. Whether they count is for the statements to say.
    Run(Run),
    /// A file that has the hash; its bytes have been read.
    Blob {
        /// Its hash.
        hash: BlobHash,
        /// How many bytes it has.
        len: u64,
    },
}

/// What comes next: an item, or the head of one whose bytes are still to be read.
#[derive(Debug)]
pub(crate) enum Next {
    Item(Box<ArchiveItem>),
    /// A blob; [`ArchiveReader::blob`] reads it.
    Blob {
        hash: BlobHash,
        len: u64,
    },
}

/// Reads an archive from front to back: an iterator of its items, which ends at the archive's end or with the first
/// record that is not good.
///
/// Memory is bounded by the largest record, some four megabytes; files go by in pieces.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use tidings::format::{ArchiveItem, ArchiveReader, ArchiveWriter};
///
/// let bytes = ArchiveWriter::new(Vec::new())?.finish()?;
/// for item in ArchiveReader::new(bytes.as_slice()) {
///     if let ArchiveItem::Run(run) = item? {
///         println!("{} entries of {:?}", run.len(), run.log());
///     }
/// }
/// # Ok(())
/// # }
/// ```
pub struct ArchiveReader<R> {
    input: BufReader<R>,
    hasher: Box<blake3::Hasher>,
    /// Bytes read; where a record begins.
    at: u64,
    record: u64,
    order: Order,
    /// A blob of which only the head has been read.
    pending: Option<(BlobHash, u64)>,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Fresh,
    Inside,
    Over,
}

impl<R: Read> ArchiveReader<R> {
    /// Takes an archive as it comes; nothing is read yet.
    pub fn new(input: R) -> Self {
        Self {
            input: BufReader::with_capacity(BLOB_PIECE, input),
            hasher: Box::new(derive::ARCHIVE.hasher()),
            at: 0,
            record: 0,
            order: Order::default(),
            pending: None,
            state: State::Fresh,
        }
    }

    /// How many bytes have been read.
    pub const fn position(&self) -> u64 {
        self.at
    }

    /// The next item, or a blob that is about to come. One that is not taken then is verified and passed over.
    pub(crate) fn advance(&mut self) -> Option<Result<Next, ArchiveError>> {
        if self.pending.is_some()
            && let Err(error) = self.blob(|_| {})
        {
            return Some(Err(error));
        }
        if self.state == State::Over {
            return None;
        }
        let next = self.step();
        if !matches!(next, Ok(Some(_))) {
            self.state = State::Over;
        }
        next.map_err(|fault| self.error(fault)).transpose()
    }

    /// Reads the blob that is about to come: its bytes go through `take`, which may leave some, and are verified.
    pub(crate) fn blob(
        &mut self,
        take: impl FnOnce(&mut dyn Read),
    ) -> Result<ArchiveItem, ArchiveError> {
        let (hash, len) = self
            .pending
            .take()
            .unwrap_or((BlobHash::from_bytes([0; 32]), 0));
        let mut bytes = BlobBytes {
            archive: self,
            hasher: blake3::Hasher::new(),
            left: len,
            fault: None,
        };
        take(&mut bytes);
        let whole = bytes.finish(&hash);
        if whole.is_err() {
            self.state = State::Over;
        }
        match whole {
            Ok(()) => Ok(ArchiveItem::Blob { hash, len }),
            Err(fault) => Err(self.error(fault)),
        }
    }

    const fn error(&self, fault: Fault) -> ArchiveError {
        ArchiveError {
            offset: self.record,
            fault,
        }
    }

    fn step(&mut self) -> Result<Option<Next>, Fault> {
        if self.state == State::Fresh {
            self.begin()?;
            self.state = State::Inside;
        }
        self.record = self.at;
        let tag = self.byte()?;
        if tag != END {
            self.hasher.update(&[tag]);
        }
        let item = match tag {
            END => return self.end().map(|()| None),
            STATEMENT => {
                let bytes = self.payload(limits::STATEMENT_BYTES)?;
                self.statement(&bytes)?
            }
            FORK => {
                let bytes = self.payload(limits::PROOF_BYTES)?;
                let proof = ForkProof::decode(&bytes)?;
                self.order.fork(proof.log())?;
                ArchiveItem::Fork(proof)
            }
            RUN => {
                let bytes = self.payload(limits::ARCHIVE_RUN_BYTES)?;
                self.run(&bytes)?
            }
            BLOB => return self.blob_head().map(Some),
            _ => {
                return Err(FormatError::Archive {
                    why: "a record is of no kind that there is",
                }
                .into());
            }
        };
        Ok(Some(Next::Item(Box::new(item))))
    }

    /// The first bytes tell an archive from other files, and its version from damage.
    fn begin(&mut self) -> Result<(), Fault> {
        let no_archive = Fault::from(FormatError::Archive {
            why: "it does not begin as one does; it is another file, or its beginning is damaged",
        });
        for expected in MAGIC {
            match self.byte() {
                Ok(byte) if byte == *expected => {}
                Err(Fault::Io(error)) => return Err(Fault::Io(error)),
                _ => return Err(no_archive),
            }
        }
        self.record = self.at;
        let version = self.byte()?;
        if version != limits::VERSION {
            return Err(FormatError::Version {
                what: WHAT,
                found: version,
                known: limits::VERSION,
            }
            .into());
        }
        self.hasher.update(MAGIC).update(&[version]);
        Ok(())
    }

    fn statement(&mut self, bytes: &[u8]) -> Result<ArchiveItem, Fault> {
        let statement = Statement::decode(bytes)?;
        let feed = *statement.feed();
        self.order.statement(&feed, statement.id(), bytes.len())?;
        Ok(ArchiveItem::Statement(statement))
    }

    fn run(&mut self, bytes: &Bytes) -> Result<ArchiveItem, Fault> {
        let mut reader = Reader::new(WHAT, bytes);
        let feed = FeedId::from_bytes(reader.array()?);
        let device = DeviceId::from_bytes(reader.array()?);
        let lane = Lane::new(reader.str(limits::LANE_BYTES)?)?;
        let log = LogId { feed, device, lane };
        let packed = PackedRun::from_bytes(bytes.slice_ref(reader.rest()));
        // Nothing is given as held after it, so only a signature can close it.
        let run = packed.verify(&log, None)?;
        self.order.run(&run)?;
        Ok(ArchiveItem::Run(run))
    }

    fn blob_head(&mut self) -> Result<Next, Fault> {
        let len = self.length()?;
        let Some(len) = len.checked_sub(32) else {
            return Err(truncated());
        };
        let mut hash = [0; 32];
        self.fill(&mut hash)?;
        self.hasher.update(&hash);
        let hash = BlobHash::from_bytes(hash);
        self.order.blob(&hash, len)?;
        self.pending = Some((hash, len));
        Ok(Next::Blob { hash, len })
    }

    fn end(&mut self) -> Result<(), Fault> {
        let expected: [u8; 32] = self.hasher.finalize().into();
        let bytes = self.payload(32)?;
        if bytes != expected.as_slice() {
            return Err(FormatError::Archive {
                why: "the hash at its end is not that of what stands before it",
            }
            .into());
        }
        self.record = self.at;
        match self.byte() {
            Err(Fault::Format(FormatError::Truncated { .. })) => Ok(()),
            Err(error) => Err(error),
            Ok(_) => Err(FormatError::Archive {
                why: "bytes follow its end",
            }
            .into()),
        }
    }

    /// Reads a payload of at most `limit` bytes. Room is made as bytes come, not as a length claims.
    fn payload(&mut self, limit: usize) -> Result<Bytes, Fault> {
        let len = self.length()?;
        if len > limit as u64 {
            return Err(FormatError::TooLarge {
                what: "size of a record, in bytes,",
                found: len,
                limit: limit as u64,
            }
            .into());
        }
        let mut bytes = Vec::new();
        let read = self.input.by_ref().take(len).read_to_end(&mut bytes)?;
        self.at += read as u64;
        if (read as u64) < len {
            return Err(truncated());
        }
        self.hasher.update(&bytes);
        Ok(bytes.into())
    }

    /// Reads a length in its shortest form.
    fn length(&mut self) -> Result<u64, Fault> {
        let mut bytes = Vec::with_capacity(10);
        while bytes.len() < 10 && bytes.last().is_none_or(|byte| byte & 0x80 != 0) {
            bytes.push(self.byte()?);
        }
        self.hasher.update(&bytes);
        let mut reader = Reader::new(WHAT, &bytes);
        Ok(reader.varint()?)
    }

    fn byte(&mut self) -> Result<u8, Fault> {
        let mut byte = [0];
        self.fill(&mut byte)?;
        let [byte] = byte;
        Ok(byte)
    }

    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), Fault> {
        self.input
            .read_exact(bytes)
            .map_err(|error| match error.kind() {
                io::ErrorKind::UnexpectedEof => truncated(),
                _ => error.into(),
            })?;
        self.at += bytes.len() as u64;
        Ok(())
    }
}

impl<R: Read> Iterator for ArchiveReader<R> {
    type Item = Result<ArchiveItem, ArchiveError>;

    fn next(&mut self) -> Option<Self::Item> {
        match self.advance()? {
            Ok(Next::Item(item)) => Some(Ok(*item)),
            Ok(Next::Blob { .. }) => Some(self.blob(|_| {})),
            Err(error) => Some(Err(error)),
        }
    }
}

/// The bytes of one blob on their way out of an archive.
struct BlobBytes<'a, R> {
    archive: &'a mut ArchiveReader<R>,
    hasher: blake3::Hasher,
    left: u64,
    fault: Option<Fault>,
}

impl<R: Read> BlobBytes<'_, R> {
    /// Reads what was left, and says whether all of it has the hash.
    fn finish(mut self, hash: &BlobHash) -> Result<(), Fault> {
        if self.fault.is_none() {
            let mut piece = vec![0; BLOB_PIECE];
            while self.left > 0 && self.fault.is_none() {
                // What goes wrong is kept.
                let _kept = self.read(&mut piece);
            }
        }
        match self.fault {
            Some(fault) => Err(fault),
            None if self.hasher.finalize().as_bytes() == hash.as_bytes() => Ok(()),
            None => Err(FormatError::Archive {
                why: "the bytes of a file do not have the hash before them",
            }
            .into()),
        }
    }
}

impl<R: Read> Read for BlobBytes<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let room = usize::try_from(self.left).map_or(buffer.len(), |left| left.min(buffer.len()));
        let room = buffer.get_mut(..room).unwrap_or_default();
        if room.is_empty() {
            return Ok(0);
        }
        let count = match self.archive.input.read(room) {
            Ok(0) => {
                self.fault = Some(truncated());
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return Err(error),
            Err(error) => {
                let told = io::Error::from(error.kind());
                self.fault = Some(error.into());
                return Err(told);
            }
        };
        let read = room.get(..count).unwrap_or_default();
        self.hasher.update(read);
        self.archive.hasher.update(read);
        self.archive.at += count as u64;
        self.left -= count as u64;
        Ok(count)
    }
}

impl<R> fmt::Debug for ArchiveReader<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ArchiveReader(at {}, {:?})", self.at, self.state)
    }
}

impl From<FormatError> for Fault {
    fn from(error: FormatError) -> Self {
        Self::Format(error)
    }
}

impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Self {
        Self::Io(error.into())
    }
}

const fn truncated() -> Fault {
    Fault::Format(FormatError::Truncated { what: WHAT })
}
