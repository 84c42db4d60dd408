//! One write: everything that changes together, with its indexes, and what others must be told once it is on disk.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;

use super::error::FeedsError;
use super::keys::{self, FeedNo, KindNo, LogNo};
use super::migrate::write_counters;
use super::row::{ArrivalEvent, FeedRow, LogRow, encode};
use super::rows::Rows;
use super::trust::Trust;
use super::{Counters, FeedStore, segment};
use crate::format::{
    BlobHash, DeviceId, DeviceSecret, EntryId, FeedId, Kind, LogId, OrderKey, Run, Seq, Timestamp,
    Unsigned,
};
use crate::store::{Durability, WriteTx};

/// What a commit changed, for whoever passes it on: sync, streams.
#[derive(Debug, Clone)]
pub(crate) enum Note {
    /// Entries of one log came in.
    Stored {
        log: LogId,
        range: Range<Seq>,
        head: (Seq, EntryId),
        run: Option<Bytes>,
        missing: Vec<(Seq, EntryId)>,
        arrival: u64,
    },
    /// A body came in.
    Body { log: LogId, seq: Seq, arrival: u64 },
    /// The body of an entry was erased, or is not wanted any more.
    Erased {
        log: LogId,
        seq: Seq,
        /// It was wanted and not held.
        was_missing: bool,
        arrival: u64,
    },
    /// The statements of a feed changed.
    Statements {
        feed: FeedId,
        digest: [u8; 16],
        arrival: u64,
    },
    /// A log was found to be forked.
    Forked { log: LogId, at: Seq, arrival: u64 },
    /// Less is held of a feed than before, a fork was settled, or other logs of it count: sync is to be told of all of it
    /// anew.
    Reread { feed: FeedId },
    /// A feed is wanted and served from now on.
    Wanted { feed: FeedId },
    /// A feed is neither wanted nor served any more.
    Unwanted { feed: FeedId },
    /// The last entry that named a blob does so no longer.
    BlobFree { hash: BlobHash },
}

/// The admitter of each device, none for the feed key; and the logs of devices by their admitter, none if there is none.
pub(super) type LogsByAdmitter = (
    BTreeMap<DeviceId, Option<DeviceId>>,
    BTreeMap<Option<Option<DeviceId>>, usize>,
);

/// What names a log: by this store's own numbers, in full, and in the order of views.
#[derive(Debug, Clone, Copy)]
pub(super) struct LogName {
    pub(super) no: LogNo,
    pub(super) feed_no: FeedNo,
    pub(super) id: LogId,
    pub(super) order: [u8; 8],
}

impl LogName {
    pub(super) const fn place(&self, time: Timestamp, seq: Seq) -> OrderKey {
        OrderKey {
            time,
            log: self.order,
            seq,
        }
    }
}

/// A write in progress: committed as a whole, or dropped and nothing happened.
pub(crate) struct FeedBatch<'s> {
    pub(super) tx: Box<dyn WriteTx + 's>,
    pub(super) store: &'s FeedStore,
    pub(super) counters: Counters,
    begun: Counters,
    pub(super) notes: Vec<Note>,
    /// Entries that are named and not signed yet, and whose key signs them.
    pub(super) appended: Option<(DeviceSecret, Unsigned)>,
    pub(super) trust: HashMap<FeedNo, Arc<Trust>>,
    feeds: BTreeMap<FeedNo, (FeedRow, bool)>,
    logs: BTreeMap<LogNo, (LogRow, bool, [u8; 8])>,
    feed_nos: HashMap<FeedId, FeedNo>,
    log_nos: HashMap<LogId, LogNo>,
    kind_nos: HashMap<Kind, KindNo>,
    /// Entries whose deletes changed, or whose time is over: judged once, before the commit.
    pub(super) stale_targets: BTreeSet<(LogNo, Seq)>,
    /// Entries whose edits changed, and tags that they may no longer have.
    pub(super) stale_tags: BTreeMap<(LogNo, Seq), BTreeSet<String>>,
    /// How many edits of an entry came in by one log: so many older ones may be past what is looked at.
    pub(super) new_edits: BTreeMap<(LogNo, Seq), BTreeMap<LogNo, usize>>,
    /// What edits of an entry said whose keys it may no longer have.
    pub(super) stale_contents: BTreeMap<(LogNo, Seq), Vec<Bytes>>,
    /// The clock by which entries are over.
    pub(super) now: Timestamp,
    /// What is over by this time is erased: no later than the clock, and earlier where that jumped.
    pub(super) due: Timestamp,
    /// Since when something is kept that is kept from now on.
    pub(super) since: Timestamp,
    /// Pieces of state that changed: merged once, before the commit.
    pub(super) stale_profiles: BTreeSet<FeedNo>,
    pub(super) stale_follows: BTreeSet<(FeedNo, FeedId)>,
    /// Blobs that an entry named before this write.
    pub(super) unnamed_blobs: BTreeSet<BlobHash>,
    /// Feeds of which [`Note::Reread`] is told.
    pub(super) reread: BTreeSet<FeedId>,
    /// Who admitted the devices of a feed, and how many logs are known of those that each admitted.
    pub(super) logs_by_admitter: HashMap<FeedNo, LogsByAdmitter>,
    /// Feeds of which runs were stored: they may be past their budget.
    pub(super) grown: BTreeSet<FeedNo>,
    /// In how many sessions own entries were written, where that changes.
    pub(super) sessions: Option<u64>,
}

impl<'s> FeedBatch<'s> {
    pub(super) fn new(tx: Box<dyn WriteTx + 's>, store: &'s FeedStore, counters: Counters) -> Self {
        Self {
            tx,
            store,
            counters,
            begun: counters,
            notes: Vec::new(),
            appended: None,
            trust: HashMap::new(),
            feeds: BTreeMap::new(),
            logs: BTreeMap::new(),
            feed_nos: HashMap::new(),
            log_nos: HashMap::new(),
            kind_nos: HashMap::new(),
            stale_targets: BTreeSet::new(),
            stale_tags: BTreeMap::new(),
            new_edits: BTreeMap::new(),
            stale_contents: BTreeMap::new(),
            now: Timestamp(i64::MIN),
            due: Timestamp(i64::MIN),
            since: Timestamp(i64::MIN),
            stale_profiles: BTreeSet::new(),
            stale_follows: BTreeSet::new(),
            unnamed_blobs: BTreeSet::new(),
            reread: BTreeSet::new(),
            logs_by_admitter: HashMap::new(),
            grown: BTreeSet::new(),
            sessions: None,
        }
    }

    /// Makes everything visible at once and says what changed.
    pub(crate) fn commit(mut self, durability: Durability) -> Result<Vec<Note>, FeedsError> {
        self.complete()?;
        self.conclude(durability)
    }

    /// Does as [`commit`](Self::commit), and nothing where nothing changed.
    pub(crate) fn commit_changes(mut self, durability: Durability) -> Result<(), FeedsError> {
        self.complete()?;
        if !self.tx.is_empty() {
            self.conclude(durability)?;
        }
        Ok(())
    }

    /// Makes everything visible at once and says what changed, and whether it is on disk.
    ///
    /// It is not where all of it can be had again: new entries of others at the heads of their logs, with nothing erased
    /// by them. [`FeedStore::save`] sees to that some time later. What is told of holes that were filled has an arrival
    /// number that peers remember, so those are not among it.
    pub(crate) fn commit_soon(mut self) -> Result<(Vec<Note>, bool), FeedsError> {
        self.complete()?;
        let mut can_be_had_again =
            self.counters.filled == self.begun.filled && self.counters.wanted == self.begun.wanted;
        for at in 0..self.notes.len() {
            let feed = match self.notes.get(at) {
                Some(Note::Stored { log, .. }) => log.feed,
                _ => {
                    can_be_had_again = false;
                    break;
                }
            };
            let no = self.intern_feed(&feed)?;
            can_be_had_again &= !self.feed_row(no)?.own;
        }
        if can_be_had_again {
            return Ok((self.conclude(Durability::Relaxed)?, false));
        }
        Ok((self.conclude(Durability::Durable)?, true))
    }

    fn complete(&mut self) -> Result<(), FeedsError> {
        self.sign_appended()?;
        self.put_sessions()?;
        // Merging reads rows of feeds and logs, and changes some.
        self.put_rows()?;
        self.judge_stale()?;
        self.refile_edited()?;
        self.put_rows()?;
        self.merge_state()?;
        self.put_rows()?;
        self.tell_free_blobs()?;
        let reread = std::mem::take(&mut self.reread).into_iter();
        self.notes.extend(reread.map(|feed| Note::Reread { feed }));
        if self.counters != self.begun {
            self.counters.commits += 1;
            write_counters(&mut *self.tx, &self.counters)?;
        }
        Ok(())
    }

    fn conclude(self, durability: Durability) -> Result<Vec<Note>, FeedsError> {
        self.tx.commit(durability)?;
        self.store.upkeep().grew(&self.grown);
        let mut shared = self.store.shared();
        // A later write may have been quicker to remember what it committed.
        let is_next = self.counters.commits > shared.counters.commits;
        if is_next || shared.counters == self.counters {
            shared.counters = self.counters;
            shared.trust.extend(self.trust);
        }
        if durability != Durability::Relaxed {
            shared.saved = shared.saved.max(self.counters.arrival);
        }
        Ok(self.notes)
    }

    fn put_rows(&mut self) -> Result<(), FeedsError> {
        for (no, (row, dirty)) in &mut self.feeds {
            if std::mem::take(dirty) {
                self.tx.put(keys::feed(*no).as_slice(), encode(row))?;
            }
        }
        for (no, (row, dirty, _)) in &mut self.logs {
            if std::mem::take(dirty) {
                self.tx.put(keys::log(*no).as_slice(), encode(row))?;
            }
        }
        Ok(())
    }

    pub(super) fn rows(&self) -> Rows<'_> {
        Rows(&*self.tx)
    }

    /// The number of a feed; a new one if it was never met.
    pub(super) fn intern_feed(&mut self, feed: &FeedId) -> Result<FeedNo, FeedsError> {
        if let Some(no) = self.met_feed(feed)? {
            return Ok(no);
        }
        let no = self.counters.feed;
        self.counters.feed += 1;
        self.tx
            .put(keys::feed_by_id(feed.as_bytes()).as_slice(), number(no))?;
        self.feeds.insert(no, (FeedRow::new(*feed), true));
        self.feed_nos.insert(*feed, no);
        Ok(no)
    }

    /// The number of a feed, if this node has met it.
    pub(super) fn met_feed(&mut self, feed: &FeedId) -> Result<Option<FeedNo>, FeedsError> {
        if let Some(no) = self.feed_nos.get(feed) {
            return Ok(Some(*no));
        }
        let no = self.rows().feed_no(feed)?;
        if let Some(no) = no {
            self.feed_nos.insert(*feed, no);
        }
        Ok(no)
    }

    /// The number of a log, if this node has met it.
    pub(super) fn met_log(&mut self, log: &LogId) -> Result<Option<LogNo>, FeedsError> {
        if let Some(no) = self.log_nos.get(log) {
            return Ok(Some(*no));
        }
        let Some(feed_no) = self.met_feed(&log.feed)? else {
            return Ok(None);
        };
        let no = self.rows().log_no_in(feed_no, log)?;
        if let Some(no) = no {
            self.log_nos.insert(*log, no);
        }
        Ok(no)
    }

    /// The number of a log; a new one if it was never met.
    pub(super) fn intern_log(&mut self, log: &LogId) -> Result<LogNo, FeedsError> {
        if let Some(no) = self.met_log(log)? {
            return Ok(no);
        }
        let feed_no = self.intern_feed(&log.feed)?;
        let no = self.counters.log;
        self.counters.log += 1;
        let key = keys::log_by_id(feed_no, log.device.as_bytes(), log.lane.as_str());
        self.tx.put(key.as_slice(), number(no))?;
        let row = LogRow::new(feed_no, *log);
        // At once, since state is merged by reading the rows of logs.
        self.tx.put(keys::log(no).as_slice(), encode(&row))?;
        self.logs.insert(no, (row, false, log.order()));
        self.log_nos.insert(*log, no);
        Ok(no)
    }

    pub(super) fn intern_kind(&mut self, kind: &Kind) -> Result<KindNo, FeedsError> {
        if let Some(no) = self.kind_nos.get(kind) {
            return Ok(*no);
        }
        let no = match self.rows().kind_no(kind)? {
            Some(no) => no,
            None => {
                let no = self.counters.kind;
                self.counters.kind += 1;
                self.tx
                    .put(keys::kind_by_name(kind.as_str()).as_slice(), number(no))?;
                self.tx.put(
                    keys::kind(no).as_slice(),
                    Bytes::copy_from_slice(kind.as_str().as_bytes()),
                )?;
                no
            }
        };
        self.kind_nos.insert(kind.clone(), no);
        Ok(no)
    }

    pub(super) fn feed_row(&mut self, no: FeedNo) -> Result<&FeedRow, FeedsError> {
        Ok(&self.load_feed(no)?.0)
    }

    /// The row of a feed, to be changed: it is written at the commit.
    pub(super) fn feed_row_mut(&mut self, no: FeedNo) -> Result<&mut FeedRow, FeedsError> {
        let (row, dirty) = self.load_feed(no)?;
        *dirty = true;
        Ok(row)
    }

    fn load_feed(&mut self, no: FeedNo) -> Result<&mut (FeedRow, bool), FeedsError> {
        use std::collections::btree_map::Entry;
        match self.feeds.entry(no) {
            Entry::Occupied(known) => Ok(known.into_mut()),
            Entry::Vacant(free) => {
                let what = "the row of a feed";
                let row = Rows(&*self.tx)
                    .feed(no)?
                    .ok_or(FeedsError::Damaged { what })?;
                Ok(free.insert((row, false)))
            }
        }
    }

    pub(super) fn log_row(&mut self, no: LogNo) -> Result<&LogRow, FeedsError> {
        Ok(&self.load_log(no)?.0)
    }

    /// The row of a log, to be changed: it is written at the commit.
    pub(super) fn log_row_mut(&mut self, no: LogNo) -> Result<&mut LogRow, FeedsError> {
        let (row, dirty, _) = self.load_log(no)?;
        *dirty = true;
        Ok(row)
    }

    /// What names a log here.
    pub(super) fn log_name(&mut self, no: LogNo) -> Result<LogName, FeedsError> {
        let (row, _, order) = self.load_log(no)?;
        Ok(LogName {
            no,
            feed_no: row.feed_no,
            id: row.log,
            order: *order,
        })
    }

    fn load_log(&mut self, no: LogNo) -> Result<&mut (LogRow, bool, [u8; 8]), FeedsError> {
        use std::collections::btree_map::Entry;
        match self.logs.entry(no) {
            Entry::Occupied(known) => Ok(known.into_mut()),
            Entry::Vacant(free) => {
                let row = Rows(&*self.tx).log(no)?;
                let order = row.log.order();
                Ok(free.insert((row, false, order)))
            }
        }
    }

    /// Puts an event into arrival order and returns the number after it.
    pub(super) fn record(&mut self, event: ArrivalEvent) -> Result<u64, FeedsError> {
        let at = self.counters.arrival;
        self.tx.put(keys::arrival(at).as_slice(), encode(&event))?;
        self.counters.arrival = at + event.width();
        Ok(self.counters.arrival)
    }

    /// Says that a feed began or ceased to be wanted.
    pub(super) fn wanted_changed(&mut self, note: Note) {
        self.counters.wanted += 1;
        self.notes.push(note);
    }

    /// Takes an arrival number for something that the change feed does not tell.
    pub(super) const fn skip_arrival(&mut self) -> u64 {
        self.counters.arrival += 1;
        self.counters.arrival
    }

    /// Stores a run of which nothing is stored yet.
    pub(super) fn put_segment(&mut self, log_no: LogNo, run: &Run) -> Result<(), FeedsError> {
        let mut bytes = 0;
        for (first, piece) in segment::pieces(run)? {
            bytes += piece.len() as u64;
            self.tx
                .put(keys::segment(log_no, first).as_slice(), piece)?;
        }
        let row = self.log_row_mut(log_no)?;
        row.bytes = row.bytes.saturating_add(bytes);
        let feed = row.feed_no;
        self.grown.insert(feed);
        Ok(())
    }

    /// Stores a run in place of what is stored of the same entries.
    pub(super) fn rewrite_segment(&mut self, log_no: LogNo, run: &Run) -> Result<(), FeedsError> {
        self.delete_segments(log_no, &(run.first()..run.end()))?;
        self.put_segment(log_no, run)
    }

    /// Takes away the stored runs of a range; says how many bytes they were.
    pub(super) fn delete_segments(
        &mut self,
        log_no: LogNo,
        range: &Range<Seq>,
    ) -> Result<u64, FeedsError> {
        let mut bytes = 0;
        for (key, len) in self.rows().piece_keys(log_no, range)? {
            bytes += len;
            self.tx.delete(&key)?;
        }
        let row = self.log_row_mut(log_no)?;
        row.bytes = row.bytes.saturating_sub(bytes);
        Ok(bytes)
    }

    /// How many lanes one device has in a feed.
    pub(super) fn lanes_of(&self, log: &LogId, feed_no: FeedNo) -> Result<usize, FeedsError> {
        let prefix = keys::logs_of(feed_no).raw(log.device.as_bytes());
        Ok(self.rows().collect(&prefix, |_, _| Ok(()))?.len())
    }
}

impl std::fmt::Debug for FeedBatch<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "FeedBatch({} notes)", self.notes.len())
    }
}

pub(super) fn number(no: u32) -> Bytes {
    Bytes::copy_from_slice(&no.to_be_bytes())
}
