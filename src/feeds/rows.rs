//! Reading rows, the same way from a snapshot and from inside a write.

use std::ops::{ControlFlow, Range};

use bytes::Bytes;

use super::error::FeedsError;
use super::keys::{self, FeedNo, KindNo, LogNo};
use super::row::{FeedRow, LogRow, Profile, StateRow, decode};
use crate::format::{
    EntryId, EntryRef, FeedId, FormatError, Kind, LogId, RawBody, Run, Seq, Statement, Timestamp,
    View,
};
use crate::store::{Direction, ReadTx};

const LOG: &str = "the row of a log";
const SEGMENT: &str = "a stored run";

/// One entry as it lies in the store.
#[derive(Debug, Clone)]
pub(crate) struct StoredEntry {
    pub(crate) log_no: LogNo,
    pub(crate) reference: EntryRef,
    pub(crate) time: Timestamp,
    pub(crate) expires: Option<Timestamp>,
    pub(crate) kind: Kind,
    pub(crate) body_len: u32,
    pub(crate) body_hash: Option<[u8; 32]>,
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
        self.number(
            &keys::log_by_id(feed, log.device.as_bytes(), log.lane.as_str()),
            "the number of a log",
        )
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
            Statement::decode(value).map_err(|_| FeedsError::Damaged { what })
        })
    }

    pub(super) fn statement_bytes(&self, feed: FeedNo) -> Result<Vec<Bytes>, FeedsError> {
        self.collect(&keys::statements_of(feed), |_, value| {
            Ok(Bytes::copy_from_slice(value))
        })
    }

    /// The changes of one piece of state, with the log and the place of each.
    pub(super) fn state(
        &self,
        prefix: &keys::Key,
    ) -> Result<Vec<([u8; 8], LogNo, Seq, StateRow)>, FeedsError> {
        let what = "a change of state";
        self.collect(prefix, |key, value| {
            let damaged = || FeedsError::Damaged { what };
            let slot = key
                .get(9..17)
                .and_then(|slot| slot.try_into().ok())
                .ok_or_else(damaged)?;
            let log = keys::u32_at(key, 17).ok_or_else(damaged)?;
            let seq = keys::u64_at(key, 21).ok_or_else(damaged)?;
            Ok((slot, log, Seq(seq), decode(what, value)?))
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
        let to = keys::segment(no, range.end);
        let mut segments = Vec::new();
        let mut failed = None;
        self.0.scan(
            from.as_slice(),
            Some(to.as_slice()),
            Direction::Ascending,
            &mut |_, value| {
                match read_segment(log, value) {
                    Ok(run) if run.end() > range.start => segments.push(run),
                    Ok(_) => {}
                    Err(error) => {
                        failed = Some(error);
                        return ControlFlow::Break(());
                    }
                }
                ControlFlow::Continue(())
            },
        )?;
        failed.map_or(Ok(segments), Err)
    }

    /// One entry, if it is held.
    pub(super) fn entry(
        &self,
        no: LogNo,
        log: &LogId,
        seq: Seq,
    ) -> Result<Option<StoredEntry>, FeedsError> {
        let from = keys::segment(no, seq.block_start());
        let to = keys::segment(no, seq.next());
        let mut found = Ok(None);
        self.0.scan(
            from.as_slice(),
            Some(to.as_slice()),
            Direction::Descending,
            &mut |_, value| {
                found = entry_in(no, log, seq, value);
                ControlFlow::Break(())
            },
        )?;
        found
    }

    /// The id of an entry, if it is held.
    pub(super) fn id(
        &self,
        no: LogNo,
        log: &LogId,
        seq: Seq,
    ) -> Result<Option<EntryId>, FeedsError> {
        Ok(self.entry(no, log, seq)?.map(|entry| entry.reference.id))
    }

    /// Reads all rows under a prefix, ascending.
    pub(super) fn collect<T>(
        &self,
        prefix: &keys::Key,
        mut read: impl FnMut(&[u8], &[u8]) -> Result<T, FeedsError>,
    ) -> Result<Vec<T>, FeedsError> {
        let mut rows = Vec::new();
        let mut failed = None;
        self.0.scan_prefix(
            prefix.as_slice(),
            Direction::Ascending,
            &mut |key, value| match read(key, value) {
                Ok(row) => {
                    rows.push(row);
                    ControlFlow::Continue(())
                }
                Err(error) => {
                    failed = Some(error);
                    ControlFlow::Break(())
                }
            },
        )?;
        failed.map_or(Ok(rows), Err)
    }
}

/// Writes a run as a segment: how many entries, their ids, the run as it goes over the wire.
///
/// The ids are kept beside the run, so that a page of fifty posts hashes nothing.
pub(super) fn write_segment(run: &Run) -> Bytes {
    let mut bytes = Vec::with_capacity(1 + 32 * run.ids().len() + run.packed().len());
    // A run has at most 64 entries.
    bytes.push(u8::try_from(run.len()).unwrap_or(u8::MAX));
    for id in run.ids() {
        bytes.extend_from_slice(id.as_bytes());
    }
    bytes.extend_from_slice(run.packed());
    bytes.into()
}

fn split_segment(value: &[u8]) -> Option<(&[u8], &[u8])> {
    let (count, rest) = value.split_first()?;
    rest.split_at_checked(32 * usize::from(*count))
}

fn read_segment(log: &LogId, value: &[u8]) -> Result<Run, FeedsError> {
    let damaged = FeedsError::Damaged { what: SEGMENT };
    let Some((ids, packed)) = split_segment(value) else {
        return Err(damaged);
    };
    let id = |id: &[u8]| EntryId::from_bytes(id.try_into().unwrap_or([0; 32]));
    let ids = ids.chunks_exact(32).map(id).collect();
    Run::trusted(log, ids, Bytes::copy_from_slice(packed)).map_err(|_| damaged)
}

fn entry_in(
    no: LogNo,
    log: &LogId,
    seq: Seq,
    value: &[u8],
) -> Result<Option<StoredEntry>, FeedsError> {
    let damaged = |_: FormatError| FeedsError::Damaged { what: SEGMENT };
    let (ids, packed) = split_segment(value).ok_or(FeedsError::Damaged { what: SEGMENT })?;
    let mut view = View::open(packed).map_err(damaged)?;
    let Some(index) = seq
        .0
        .checked_sub(view.first.0)
        .filter(|index| *index < view.count)
    else {
        return Ok(None);
    };
    for _ in 0..index {
        view.item(&log.lane).map_err(damaged)?;
    }
    let item = view.item(&log.lane).map_err(damaged)?;
    let kind = view.kinds.get(item.kind).copied().unwrap_or_default();
    let id = usize::try_from(index)
        .ok()
        .and_then(|index| ids.get(32 * index..32 * index + 32));
    let id = id
        .and_then(|id| id.try_into().ok())
        .ok_or(FeedsError::Damaged { what: SEGMENT })?;
    let (body, body_hash) = match item.body {
        RawBody::Held(body) => (Some(Bytes::copy_from_slice(body)), None),
        RawBody::Absent(hash) => (None, Some(hash)),
    };
    Ok(Some(StoredEntry {
        log_no: no,
        reference: EntryRef {
            log: *log,
            seq,
            id: EntryId::from_bytes(id),
        },
        time: item.time,
        expires: item.expires,
        kind: Kind::new(kind).map_err(damaged)?,
        body_len: item.body_len,
        body_hash,
        body,
    }))
}
