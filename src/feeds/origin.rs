//! Entries said again: own ones that a Retire cut, until they are, and which of several that say the same is shown.

use std::ops::Range;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::amendments::LookupCache;
use super::batch::{FeedBatch, LogName};
use super::error::FeedsError;
use super::keys::{self, FeedNo, LogNo};
use super::row::{decode, encode};
use super::rows::{Rows, StoredEntry};
use super::snapshot::FeedSnapshot;
use crate::format::{
    Body, EntryId, EntryRef, FeedId, Kind, OrderKey, Rel, Run, Seq, StateItem, Timestamp,
};

/// Entries that say one again that are looked at: honest feeds have one or two. The bound is on the work of a hostile one.
const COPIES: usize = 64;

const WHAT: &str = "an entry that is to be said again";

/// An own entry that was cut, with all that it takes to say it again.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct CutEntry {
    pub(crate) entry: EntryRef,
    pub(crate) time: Timestamp,
    pub(crate) expires: Option<Timestamp>,
    pub(crate) kind: Kind,
    body: Bytes,
}

/// What an entry says again, if it does: entries of its own feed.
pub(crate) fn origins_in<'b>(
    feed: &'b FeedId,
    body: &'b Body,
) -> impl Iterator<Item = EntryRef> + 'b {
    let of_feed = body.targets(Rel::Origin).copied();
    of_feed.filter(move |target| target.log.feed == *feed)
}

impl FeedBatch<'_> {
    /// Remembers own entries that are about to be cut. Those that came from elsewhere are for whoever wrote them.
    pub(super) fn queue_cut(
        &mut self,
        name: LogName,
        run: &Run,
        part: &Range<Seq>,
    ) -> Result<(), FeedsError> {
        let is_own = self.feed_row(name.feed_no)?.own;
        if !is_own
            || self
                .rows()
                .own_device(name.feed_no, &name.id.device)?
                .is_none()
        {
            return Ok(());
        }
        let adopted = self.log_row(name.no)?.adopted.clone();
        let places = (run.first().0..).map(Seq);
        for (seq, (id, item)) in places.zip(run.ids().iter().zip(run.items())) {
            let Some(body) = item.body().filter(|_| part.contains(&seq)) else {
                continue;
            };
            if adopted.contains(seq) {
                continue;
            }
            let log = name.id;
            let cut = CutEntry {
                entry: EntryRef { log, seq, id: *id },
                time: item.time(),
                expires: item.expires,
                kind: item.kind().clone(),
                body: body.clone(),
            };
            let key = keys::cut_of(name.no).u64(seq.0).raw(id.as_bytes());
            self.tx.put(key.as_slice(), encode(&cut))?;
            // Its media stay until it is said again.
            self.keep_blobs((name.no, seq), body, true)?;
        }
        Ok(())
    }

    /// Entries that count again have not to be said again.
    pub(super) fn unqueue_cut(
        &mut self,
        name: LogName,
        range: &Range<Seq>,
    ) -> Result<(), FeedsError> {
        if !self.feed_row(name.feed_no)?.own {
            return Ok(());
        }
        let (from, to) = (
            keys::cut_of(name.no).u64(range.start.0),
            keys::cut_of(name.no).u64(range.end.0),
        );
        let mut queued: Vec<CutEntry> = Vec::new();
        self.rows()
            .visit(from.as_slice(), Some(to.as_slice()), |_, value| {
                queued.push(decode(WHAT, value)?);
                Ok(std::ops::ControlFlow::Continue(()))
            })?;
        for cut in &queued {
            // Of another branch: it is still cut.
            if self.rows().id(name.no, cut.entry.seq)? == Some(cut.entry.id) {
                self.forget_cut(cut)?;
            }
        }
        Ok(())
    }

    /// The first own entries that were cut and are not said again yet, in the order of their logs.
    pub(crate) fn cut_entries(&self, limit: usize) -> Result<Vec<CutEntry>, FeedsError> {
        self.rows()
            .collect_some(&keys::all_cut(), limit, |_, value| decode(WHAT, value))
    }

    /// The body of an own entry that was cut, if it is at hand.
    #[expect(
        clippy::unnecessary_wraps,
        clippy::unused_self,
        reason = "where cut bodies lie is for this one place to know"
    )]
    pub(crate) fn body_of_cut(&self, cut: &CutEntry) -> Result<Option<Bytes>, FeedsError> {
        Ok(Some(cut.body.clone()))
    }

    /// Takes an entry off the list of those to be said again.
    pub(crate) fn forget_cut(&mut self, cut: &CutEntry) -> Result<(), FeedsError> {
        let EntryRef { log, seq, id } = &cut.entry;
        let Some(no) = self.met_log(log)? else {
            return Ok(());
        };
        self.keep_blobs((no, *seq), &cut.body, false)?;
        let key = keys::cut_of(no).u64(seq.0).raw(id.as_bytes());
        Ok(self.tx.delete(key.as_slice())?)
    }

    /// Whether a counting entry says this one again already.
    pub(crate) fn is_said_again(&mut self, entry: &EntryRef) -> Result<bool, FeedsError> {
        let feed_no = self.intern_feed(&entry.log.feed)?;
        for copy in self.rows().copies(feed_no, entry)? {
            if self.rows().counting(copy.0, copy.1)?.is_some() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Whether a delete that would count is still wanted: one of its targets counts and is not deleted otherwise.
    pub(crate) fn is_delete_due(&mut self, body: &Body) -> Result<bool, FeedsError> {
        for target in body.targets(Rel::Delete) {
            let Some(no) = self.met_log(&target.log)? else {
                continue;
            };
            let name = self.log_name(no)?;
            let rows = self.rows();
            let held = rows.counting(no, target.seq)?;
            if held.is_some_and(|held| held.reference.id == target.id)
                && !rows
                    .is_deleted(name, target.seq, target.id, &mut LookupCache::default())?
                    .deleted
            {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The claimed time of a held entry.
    pub(crate) fn time_of(&mut self, entry: &EntryRef) -> Result<Option<Timestamp>, FeedsError> {
        let Some(no) = self.met_log(&entry.log)? else {
            return Ok(None);
        };
        let held = self.rows().entry(no, &entry.log, entry.seq)?;
        Ok(held.map(|held| held.time))
    }

    /// Writes the rows of what an entry says again. They stay when it is erased or cut: readers look at the entry.
    pub(super) fn index_origins(
        &mut self,
        name: LogName,
        (seq, id): (Seq, EntryId),
        body: &Body,
    ) -> Result<(), FeedsError> {
        let origins: Vec<EntryRef> = origins_in(&name.id.feed, body).collect();
        if origins.is_empty() {
            return Ok(());
        }
        for origin in &origins {
            let place = keys::copies_of(name.feed_no, &origin.log.order(), origin.seq);
            let key = place.u32(name.no).u64(seq.0);
            self.tx.put(key.as_slice(), encode(&(origin.id, id)))?;
        }
        let key = keys::origins_of(name.no, seq);
        Ok(self.tx.put(key.as_slice(), encode(&origins))?)
    }
}

impl Rows<'_> {
    /// The bodies of own entries that are to be said again, and whose they are.
    pub(super) fn cut_bodies(&self) -> Result<Vec<(LogNo, Seq, Bytes)>, FeedsError> {
        self.collect(&keys::all_cut(), |key, value| {
            let no = keys::u32_at(key, 1).ok_or(FeedsError::Damaged { what: WHAT })?;
            let cut: CutEntry = decode(WHAT, value)?;
            Ok((no, cut.entry.seq, cut.body))
        })
    }

    /// The places of entries that say one again.
    fn copies(&self, feed_no: FeedNo, origin: &EntryRef) -> Result<Vec<(LogNo, Seq)>, FeedsError> {
        let damaged = || FeedsError::Damaged { what: WHAT };
        let prefix = keys::copies_of(feed_no, &origin.log.order(), origin.seq);
        let at = prefix.as_slice().len();
        let found = self.collect_some(&prefix, COPIES, |key, value| {
            let (of, _): (EntryId, EntryId) = decode(WHAT, value)?;
            let no = keys::u32_at(key, at).ok_or_else(damaged)?;
            let seq = keys::u64_at(key, at + 4).ok_or_else(damaged)?;
            Ok((of == origin.id).then_some((no, Seq(seq))))
        })?;
        Ok(found.into_iter().flatten().collect())
    }

    /// An entry that is held and counts: its body is held, wanted or erased.
    fn counting(&self, no: LogNo, seq: Seq) -> Result<Option<StoredEntry>, FeedsError> {
        let log = self.log(no)?.log;
        let Some(entry) = self.entry(no, &log, seq)? else {
            return Ok(None);
        };
        let counts = entry.body.is_some()
            || self.erased(no, seq)? != 0
            || self.0.contains(keys::missing(no, seq).as_slice())?;
        Ok(counts.then_some(entry))
    }

    /// Whether an entry counts and speaks for itself: its body is at hand, or erased.
    fn speaks(&self, entry: &EntryRef) -> Result<bool, FeedsError> {
        let Some(no) = self.log_no(&entry.log)? else {
            return Ok(false);
        };
        let held = self.counting(no, entry.seq)?;
        let Some(held) = held.filter(|held| held.reference.id == entry.id) else {
            return Ok(false);
        };
        Ok(held.body.is_some() || self.erased(no, entry.seq)? != 0)
    }

    /// Whether an entry that says others again gives way: to one of those, if it counts, or to another that says the
    /// same and stands before it; or because what it says is deleted.
    pub(super) fn gives_way(
        &self,
        feed_no: FeedNo,
        entry: &StoredEntry,
        origins: &[EntryRef],
    ) -> Result<bool, FeedsError> {
        for origin in origins {
            if self.speaks(origin)? || self.is_origin_deleted(feed_no, origin)? {
                return Ok(true);
            }
        }
        let Some(first) = origins.first() else {
            return Ok(false);
        };
        let place = order_of(entry);
        for (no, seq) in self.copies(feed_no, first)? {
            let Some(other) = self.counting(no, seq)? else {
                continue;
            };
            if order_of(&other) >= place {
                continue;
            }
            let body = other.body.as_deref().and_then(|b| Body::decode(b).ok());
            let log = &other.reference.log;
            if body.is_some_and(|body| origins_in(&log.feed, &body).next() == Some(*first)) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Whether a delete that counts names an entry that does not.
    fn is_origin_deleted(&self, feed_no: FeedNo, origin: &EntryRef) -> Result<bool, FeedsError> {
        let EntryRef { log, seq, id } = origin;
        let verdict = self.judge(feed_no, (log, *seq, *id), &mut LookupCache::default())?;
        Ok(verdict.deleted)
    }
}

impl FeedSnapshot {
    /// The entry that is shown in place of one that is cut, if it was said again.
    pub(crate) fn shown_instead(&self, entry: &EntryRef) -> Result<Option<EntryRef>, FeedsError> {
        let rows = self.rows();
        let Some(feed_no) = rows.feed_no(&entry.log.feed)? else {
            return Ok(None);
        };
        let copies = rows.copies(feed_no, entry)?;
        if copies.is_empty() || rows.speaks(entry)? {
            return Ok(None);
        }
        let mut shown: Option<StoredEntry> = None;
        for (no, seq) in copies {
            let copy = rows.counting(no, seq)?.filter(|copy| copy.body.is_some());
            let smaller = |copy: &StoredEntry| {
                let known = shown.as_ref().map(order_of);
                known.is_none_or(|known| order_of(copy) < known)
            };
            if let Some(copy) = copy.filter(smaller) {
                shown = Some(copy);
            }
        }
        Ok(shown.map(|entry| entry.reference))
    }
}

fn order_of(entry: &StoredEntry) -> OrderKey {
    OrderKey {
        time: entry.time,
        log: entry.reference.log.order(),
        seq: entry.reference.seq,
    }
}

/// An edit as one of the entry that says again what it edits.
pub(super) fn as_edit_of(post: EntryId, mut item: StateItem) -> StateItem {
    if !item.replaces.contains(&post) {
        item.replaces.push(post);
    }
    item
}
