//! Reading rows, the same way from a snapshot and from inside a write.

use std::ops::{ControlFlow, Range};

use bytes::Bytes;

use super::error::FeedsError;
use super::keys::{self, FeedNo, KindNo, LogNo};
use super::row::{FeedRow, LogRow, Profile, decode};
use super::segment::{self, Joiner, StoredPiece};
use crate::format::{EntryId, EntryRef, FeedId, Kind, LogId, Run, Seq, Statement, Timestamp};
use crate::store::{Direction, ReadTx, prefix_end};

const LOG: &str = "the row of a log";

/// One entry as it lies in the store.
#[derive(Debug, Clone)]
pub(crate) struct StoredEntry {
    pub(crate) log_no: LogNo,
    pub(crate) reference: EntryRef,
    pub(crate) time: Timestamp,
    pub(crate) expires: Option<Timestamp>,
    pub(crate) kind: Kind,
    pub(crate) body: Option<Bytes>,
}

/// Typed reads of any [`ReadTx`].
#[derive(Clone, Copy)]
pub(super) struct Rows<'a>(pub(super) &'a dyn ReadTx);

impl Rows<'_> {
    pub(super) fn number(
        &self,
        key: &keys::Key,
        what: &'static str,
    ) -> Result<Option<u32>, FeedsError> {
        let bytes = self.0.value(key.as_slice())?;
        bytes
            .map(|bytes| keys::u32_at(&bytes, 0).ok_or(FeedsError::Damaged { what }))
            .transpose()
    }

    pub(super) fn feed_no(&self, feed: &FeedId) -> Result<Option<FeedNo>, FeedsError> {
        self.number(&keys::feed_by_id(feed.as_bytes()), "the number of a feed")
    }

    pub(super) fn feed(&self, no: FeedNo) -> Result<Option<FeedRow>, FeedsError> {
        let bytes = self.0.value(keys::feed(no).as_slice())?;
        bytes
            .map(|bytes| decode("the row of a feed", &bytes))
            .transpose()
    }

    /// Number and row of a feed that this node has met.
    pub(super) fn known_feed(
        &self,
        feed: &FeedId,
    ) -> Result<Option<(FeedNo, FeedRow)>, FeedsError> {
        let Some(no) = self.feed_no(feed)? else {
            return Ok(None);
        };
        Ok(self.feed(no)?.map(|row| (no, row)))
    }

    pub(super) fn feeds(&self) -> Result<Vec<(FeedNo, FeedRow)>, FeedsError> {
        let what = "the row of a feed";
        self.collect(&keys::Key::table(keys::FEEDS), |key, value| {
            let no = keys::u32_at(key, 1).ok_or(FeedsError::Damaged { what })?;
            Ok((no, decode(what, value)?))
        })
    }

    pub(super) fn log_no(&self, log: &LogId) -> Result<Option<LogNo>, FeedsError> {
        let Some(feed) = self.feed_no(&log.feed)? else {
            return Ok(None);
        };
        self.log_no_in(feed, log)
    }

    pub(super) fn log_no_in(&self, feed: FeedNo, log: &LogId) -> Result<Option<LogNo>, FeedsError> {
        let key = keys::log_by_id(feed, log.device.as_bytes(), log.lane.as_str());
        self.number(&key, "the number of a log")
    }

    pub(super) fn log(&self, no: LogNo) -> Result<LogRow, FeedsError> {
        let bytes = self
            .0
            .value(keys::log(no).as_slice())?
            .ok_or(FeedsError::Damaged { what: LOG })?;
        decode(LOG, &bytes)
    }

    pub(super) fn known_log(&self, log: &LogId) -> Result<Option<(LogNo, LogRow)>, FeedsError> {
        let Some(no) = self.log_no(log)? else {
            return Ok(None);
        };
        Ok(Some((no, self.log(no)?)))
    }

    pub(super) fn logs_of(&self, feed: FeedNo) -> Result<Vec<LogNo>, FeedsError> {
        self.collect(&keys::logs_of(feed), |_, value| {
            keys::u32_at(value, 0).ok_or(FeedsError::Damaged { what: LOG })
        })
    }

    /// Entries held of a feed, all lanes.
    pub(super) fn entries_of(&self, feed: FeedNo) -> Result<u64, FeedsError> {
        let mut count = 0;
        for no in self.logs_of(feed)? {
            count += self.log(no)?.held.count();
        }
        Ok(count)
    }

    pub(super) fn kind_no(&self, kind: &Kind) -> Result<Option<KindNo>, FeedsError> {
        self.number(&keys::kind_by_name(kind.as_str()), "the number of a kind")
    }

    pub(super) fn profile(&self, feed: FeedNo) -> Result<Profile, FeedsError> {
        let bytes = self.0.value(keys::profile(feed).as_slice())?;
        bytes.map_or_else(
            || Ok(Profile::default()),
            |bytes| decode("a profile", &bytes),
        )
    }

    pub(super) fn statements(&self, feed: FeedNo) -> Result<Vec<Statement>, FeedsError> {
        let what = "a statement";
        self.collect(&keys::statements_of(feed), |_, value| {
            Statement::decode_trusted(value).map_err(|_| FeedsError::Damaged { what })
        })
    }

    /// The statements of a feed as they are stored and handed on.
    pub(super) fn statement_bytes(&self, feed: FeedNo) -> Result<Vec<Bytes>, FeedsError> {
        self.collect(&keys::statements_of(feed), |_, value| {
            Ok(Bytes::copy_from_slice(value))
        })
    }

    /// The stored runs that lie, at least in part, in `range`; ascending.
    pub(super) fn segments(
        &self,
        no: LogNo,
        log: &LogId,
        range: &Range<Seq>,
    ) -> Result<Vec<Run>, FeedsError> {
        let from = keys::segment(no, range.start.block_start());
        let last = Seq(range.end.0.saturating_sub(1));
        let to = keys::segment(no, last.block_end());
        let mut joiner = Joiner::new(log);
        let mut segments = Vec::new();
        self.visit(from.as_slice(), Some(to.as_slice()), |key, value| {
            let piece = read_piece(key, value)?;
            if piece.begins && piece.first >= range.end {
                return Ok(ControlFlow::Break(()));
            }
            if let Some(run) = joiner.push(&piece)?
                && run.end() > range.start
            {
                segments.push(run);
            }
            Ok(ControlFlow::Continue(()))
        })?;
        if joiner.is_inside() {
            return Err(FeedsError::Damaged {
                what: segment::WHAT,
            });
        }
        Ok(segments)
    }

    /// The keys and lengths of the pieces of runs in `range`.
    pub(super) fn piece_keys(
        &self,
        no: LogNo,
        range: &Range<Seq>,
    ) -> Result<Vec<(Vec<u8>, u64)>, FeedsError> {
        let (from, to) = (keys::segment(no, range.start), keys::segment(no, range.end));
        let mut found = Vec::new();
        self.visit(from.as_slice(), Some(to.as_slice()), |key, value| {
            found.push((key.to_vec(), value.len() as u64));
            Ok(ControlFlow::Continue(()))
        })?;
        Ok(found)
    }

    /// Places in `range` whose bodies are wanted and not held.
    pub(super) fn missing(&self, no: LogNo, range: &Range<Seq>) -> Result<Vec<Seq>, FeedsError> {
        let what = "a missing body";
        let (from, to) = (keys::missing(no, range.start), keys::missing(no, range.end));
        let mut found = Vec::new();
        self.visit(from.as_slice(), Some(to.as_slice()), |key, _| {
            let seq = keys::u64_at(key, 5).ok_or(FeedsError::Damaged { what })?;
            found.push(Seq(seq));
            Ok(ControlFlow::Continue(()))
        })?;
        Ok(found)
    }

    /// Lends the piece that a place lies in, if it is held.
    fn with_piece<T>(
        &self,
        no: LogNo,
        seq: Seq,
        mut read: impl FnMut(&StoredPiece<'_>) -> Result<Option<T>, FeedsError>,
    ) -> Result<Option<T>, FeedsError> {
        let from = keys::segment(no, seq.block_start());
        let to = keys::segment(no, seq.next());
        let mut found = Ok(None);
        self.0.scan(
            from.as_slice(),
            Some(to.as_slice()),
            Direction::Descending,
            &mut |key, value| {
                found = read_piece(key, value).and_then(|piece| read(&piece));
                ControlFlow::Break(())
            },
        )?;
        found
    }

    /// One entry, if it is held.
    pub(super) fn entry(
        &self,
        no: LogNo,
        log: &LogId,
        seq: Seq,
    ) -> Result<Option<StoredEntry>, FeedsError> {
        self.with_piece(no, seq, |piece| piece.entry(no, log, seq))
    }

    /// The id of an entry, if it is held.
    pub(super) fn id(&self, no: LogNo, seq: Seq) -> Result<Option<EntryId>, FeedsError> {
        self.with_piece(no, seq, |piece| Ok(piece.id(seq)))
    }

    /// The id that a held entry names as the one before it.
    pub(super) fn prev_named_by(
        &self,
        no: LogNo,
        log: &LogId,
        seq: Seq,
    ) -> Result<Option<EntryId>, FeedsError> {
        let before = seq.0.checked_sub(1).map(Seq);
        let held = |piece: &StoredPiece<'_>| {
            let before = before.filter(|before| *before >= piece.first);
            Ok(before.and_then(|before| piece.id(before)))
        };
        if let Some(id) = self.with_piece(no, seq, held)? {
            return Ok(Some(id));
        }
        let segments = self.segments(no, log, &(seq..seq.next()))?;
        Ok(segments.first().and_then(|run| {
            if run.first() == seq {
                Some(run.prev())
            } else {
                run.id_at(before?)
            }
        }))
    }

    /// Visits rows until told to stop, or until one cannot be read.
    pub(super) fn visit(
        &self,
        from: &[u8],
        to: Option<&[u8]>,
        mut read: impl FnMut(&[u8], &[u8]) -> Result<ControlFlow<()>, FeedsError>,
    ) -> Result<(), FeedsError> {
        let mut failed = None;
        self.0
            .scan(from, to, Direction::Ascending, &mut |key, value| {
                read(key, value).unwrap_or_else(|error| {
                    failed = Some(error);
                    ControlFlow::Break(())
                })
            })?;
        failed.map_or(Ok(()), Err)
    }

    /// Reads all rows under a prefix, ascending.
    pub(super) fn collect<T>(
        &self,
        prefix: &keys::Key,
        read: impl FnMut(&[u8], &[u8]) -> Result<T, FeedsError>,
    ) -> Result<Vec<T>, FeedsError> {
        self.collect_some(prefix, usize::MAX, read)
    }

    /// Reads the first rows under a prefix, ascending.
    pub(super) fn collect_some<T>(
        &self,
        prefix: &keys::Key,
        limit: usize,
        mut read: impl FnMut(&[u8], &[u8]) -> Result<T, FeedsError>,
    ) -> Result<Vec<T>, FeedsError> {
        let mut rows = Vec::new();
        let end = prefix_end(prefix.as_slice());
        self.visit(prefix.as_slice(), end.as_deref(), |key, value| {
            rows.push(read(key, value)?);
            Ok(if rows.len() < limit {
                ControlFlow::Continue(())
            } else {
                ControlFlow::Break(())
            })
        })?;
        Ok(rows)
    }
}

fn read_piece<'a>(key: &[u8], value: &'a [u8]) -> Result<StoredPiece<'a>, FeedsError> {
    let what = segment::WHAT;
    let first = keys::u64_at(key, 5).ok_or(FeedsError::Damaged { what })?;
    StoredPiece::read(Seq(first), value)
}
