//! Archives: feeds in one file, carried by hand, verified without a store.
//!
//! ```text
//! "tidings archive" [15], version u8, then records: tag u8, length u64, payload
//!   1 statement   a statement
//!   2 fork proof  a fork proof
//!   3 run         log (feed [32], device [32], lane str), then a run, closed by a signature
//!   4 blob        hash [32], then the bytes
//!   0 end         hash [32] of all bytes before this record
//! ```
//!
//! The order is one: by feed; in it the statements by id, then log by log its proof and its runs; after all feeds the
//! blobs by hash. So whoever holds the same writes the same bytes, and a reader needs to remember one feed's statements at
//! a time and nothing else. Each record proves itself; the hash at the end only tells that nothing was left out.

mod read;
mod report;
#[cfg(test)]
mod tests;
mod write;

use std::fmt;
use std::sync::Arc;

pub(crate) use self::read::Next;
pub use self::read::{ArchiveItem, ArchiveReader};
pub use self::report::{ArchiveReport, ArchivedFeed, verify_archive};
pub use self::write::ArchiveWriter;
use super::error::FormatError;
use super::id::{BlobHash, DeviceId, FeedId, Lane, LogId, Seq, StatementId};
use super::limits;
use super::run::Run;

/// What every archive begins with; the version follows.
const MAGIC: &[u8; 15] = b"tidings archive";
const WHAT: &str = "the archive";
/// Bytes of a file that are in memory at one time.
const BLOB_PIECE: usize = 64 * 1024;

const END: u8 = 0;
const STATEMENT: u8 = 1;
const FORK: u8 = 2;
const RUN: u8 = 3;
const BLOB: u8 = 4;

/// Where an archive ceases to be usable, and why. All that stands before that place is good.
#[derive(Debug, Clone)]
pub struct ArchiveError {
    offset: u64,
    fault: Fault,
}

#[derive(Debug, Clone)]
enum Fault {
    Format(FormatError),
    Io(Arc<std::io::Error>),
}

impl ArchiveError {
    /// The first byte of the record that cannot be used, counted from the beginning of the archive.
    pub const fn offset(&self) -> u64 {
        self.offset
    }

    /// What is wrong with it; none if the archive could not be read, which says nothing about it.
    pub const fn format_error(&self) -> Option<&FormatError> {
        match &self.fault {
            Fault::Format(error) => Some(error),
            Fault::Io(_) => None,
        }
    }
}

impl fmt::Display for ArchiveError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let offset = self.offset;
        match &self.fault {
            Fault::Format(FormatError::Archive { why }) if offset == 0 => {
                write!(f, "this is not an archive of tidings: {why}")
            }
            // Not damaged, if nothing else is wrong with it.
            Fault::Format(error @ FormatError::Version { .. }) if offset == MAGIC.len() as u64 => {
                error.fmt(f)
            }
            Fault::Format(error) => write!(f, "the archive is damaged at byte {offset}: {error}"),
            Fault::Io(error) => write!(f, "the archive cannot be read at byte {offset}: {error}"),
        }
    }
}

impl std::error::Error for ArchiveError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.fault {
            Fault::Format(error) => Some(error),
            Fault::Io(error) => Some(&**error),
        }
    }
}

/// Where a record stands among others; the order of variants and fields is that of the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Place {
    Feed(FeedId, InFeed),
    Blob(BlobHash),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum InFeed {
    Statement(StatementId),
    /// The proof of a fork, which has no place of its own, comes before the runs of its log.
    Log(DeviceId, Lane, Option<Seq>),
}

/// Sees to it that records come in their order, each once, and that what is whole is not cut up.
#[derive(Debug, Default)]
struct Order {
    last: Option<Place>,
    /// End and last id of the run before, if one of the same log could follow.
    run: Option<(LogId, Seq, super::id::EntryId)>,
    /// The feed whose statements came last, and how many bytes of them.
    statements: Option<(FeedId, usize)>,
}

impl Order {
    /// A statement of so many bytes; all of one feed together are bounded, for writers as for readers.
    fn statement(
        &mut self,
        feed: &FeedId,
        id: &StatementId,
        len: usize,
    ) -> Result<(), FormatError> {
        self.run = None;
        self.step(Place::Feed(*feed, InFeed::Statement(*id)))?;
        let before = self.statements.filter(|(last, _)| last == feed);
        let all = before.map_or(0, |(_, held)| held) + len;
        let (found, limit) = (all as u64, limits::FEED_STATEMENT_BYTES as u64);
        if found > limit {
            let what = "size of a feed's statements, in bytes,";
            return Err(FormatError::TooLarge { what, found, limit });
        }
        self.statements = Some((*feed, all));
        Ok(())
    }

    fn fork(&mut self, log: &LogId) -> Result<(), FormatError> {
        self.run = None;
        self.step(Place::Feed(
            log.feed,
            InFeed::Log(log.device, log.lane, None),
        ))
    }

    fn run(&mut self, run: &Run) -> Result<(), FormatError> {
        let wrong = |why| Err(FormatError::Archive { why });
        let log = *run.log();
        let place = InFeed::Log(log.device, log.lane, Some(run.first()));
        self.step(Place::Feed(log.feed, place))?;
        if let Some((before, end, last)) = self.run.replace((log, run.end(), run.last_id()))
            && before == log
        {
            if run.first() < end {
                return wrong("a run overlaps the one before it");
            }
            if run.first() == end && end != end.block_start() {
                return wrong(
                    "a run goes on in the middle of a block where the one before it ends",
                );
            }
            if run.first() == end && run.prev() != last {
                return wrong("a run does not link to the one before it");
            }
        }
        Ok(())
    }

    /// A blob of so many bytes. Media never has an empty one, and neither has an archive.
    fn blob(&mut self, hash: &BlobHash, len: u64) -> Result<(), FormatError> {
        if len == 0 {
            return Err(FormatError::Archive {
                why: "an attached file has no bytes",
            });
        }
        self.step(Place::Blob(*hash))
    }

    fn step(&mut self, place: Place) -> Result<(), FormatError> {
        if self.last.is_some_and(|last| last >= place) {
            return Err(FormatError::Archive {
                why: "a record stands out of order, or twice",
            });
        }
        self.last = Some(place);
        Ok(())
    }
}
