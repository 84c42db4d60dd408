//! Index rows of entries: by claimed time, feed, kind, tag and target, and the marks of gaps.

use std::collections::BTreeSet;
use std::ops::Range;

use bytes::Bytes;

use super::batch::{FeedBatch, LogName};
use super::error::FeedsError;
use super::keys::{self, GAP, Key, LogNo, SHOWN};
use super::state::Change;
use crate::format::{Body, EntryId, Item, Kind, Lane, OrderKey, Rel, Run, Seq, lanes, standard};

/// What is done with index rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Index {
    /// The entries are new: no row of theirs exists.
    New,
    /// Some rows may exist already.
    Again,
    /// They are taken away.
    Away,
}

/// Whether entries of a lane appear in timelines at all.
pub(super) fn is_shown_lane(lane: &Lane) -> bool {
    !lane.is_private() && *lane != lanes::STATE && *lane != lanes::REACTIONS
}

pub(super) fn is_shown_kind(kind: &Kind) -> bool {
    !standard::UNSHOWN.contains(&kind.as_str())
}

impl FeedBatch<'_> {
    /// Writes the index rows of the entries of a run that lie in `part`, or takes them away.
    pub(super) fn index_run(
        &mut self,
        name: LogName,
        run: &Run,
        part: Range<Seq>,
        how: Index,
    ) -> Result<(), FeedsError> {
        let places = (run.first().0..).map(Seq);
        let entries = places.zip(run.ids().iter().zip(run.items()));
        for (seq, (id, item)) in entries.filter(|(seq, _)| part.contains(seq)) {
            self.index_entry(name, seq, *id, item, how)?;
        }
        Ok(())
    }

    fn index_entry(
        &mut self,
        name: LogName,
        seq: Seq,
        id: EntryId,
        item: &Item,
        how: Index,
    ) -> Result<(), FeedsError> {
        let order = name.place(item.time(), seq);
        let end = IndexEnd::new(&order, name.no);
        let lane = &name.id.lane;
        let is_shown = is_shown_lane(lane) && is_shown_kind(item.kind());
        // A body that is no envelope is kept and shown as unreadable; there is nothing in it to index.
        let body = item.body().and_then(|bytes| Body::decode(bytes).ok());
        if is_shown {
            self.mark(keys::timeline(), &end, how)?;
            self.mark(keys::of_feed(name.feed_no), &end, how)?;
        }
        if *lane != lanes::STATE && *lane != lanes::OWN {
            let kind_no = self.intern_kind(item.kind())?;
            self.mark(keys::of_kind(kind_no), &end, how)?;
        }
        let Some(body) = body else { return Ok(()) };
        self.index_fields(name, item.kind(), &body, &end, how)?;
        if is_shown {
            for tag in folded(&body.tags) {
                self.mark(keys::of_tag(&tag), &end, how)?;
            }
        }
        for target in body.refs.iter().filter(|r| !matches!(r.rel, Rel::Other(_))) {
            let key = keys::of_target(&target.target.id).raw(&[target.rel.into()]);
            self.mark(key, &end, how)?;
        }
        if *lane == lanes::STATE || lane.is_private() {
            let change = Change {
                id,
                order,
                kind: item.kind(),
                body: &body,
            };
            self.index_state(name, &change, how != Index::Away)?;
        }
        Ok(())
    }

    pub(super) fn mark(
        &mut self,
        prefix: Key,
        end: &IndexEnd,
        how: Index,
    ) -> Result<(), FeedsError> {
        let key = prefix.raw(&end.0);
        match how {
            Index::New => Ok(self.tx.put(key.as_slice(), Bytes::from_static(&[SHOWN]))?),
            Index::Again => self.set_mark(&key, SHOWN, true),
            Index::Away => self.set_mark(&key, SHOWN, false),
        }
    }

    fn set_mark(&mut self, key: &Key, bit: u8, on: bool) -> Result<(), FeedsError> {
        let mut mark = 0;
        self.tx.get(key.as_slice(), &mut |value| {
            mark = value.first().copied().unwrap_or(0);
        })?;
        let new = if on { mark | bit } else { mark & !bit };
        if new == mark {
            return Ok(());
        }
        match new {
            0 => self.tx.delete(key.as_slice())?,
            new => self
                .tx
                .put(key.as_slice(), Bytes::copy_from_slice(&[new]))?,
        }
        Ok(())
    }

    /// Moves the marks of gaps when a run has come in: one may begin below it, and the one above it may be closed.
    ///
    /// A gap stands right below the oldest entry above it, and takes its place in the order of views from that one. What
    /// does not count has no gaps.
    pub(super) fn move_gaps(
        &mut self,
        name: LogName,
        run: &Run,
        bound: Seq,
    ) -> Result<(), FeedsError> {
        let held = &self.log_row(name.no)?.held;
        let begins = held
            .around(run.first())
            .is_some_and(|range| range.start == run.first() && range.start.0 > 0);
        let closes = held.contains(run.end());
        if let Some(first) = run.items().first().filter(|_| begins) {
            self.set_gap(name, name.place(first.time(), run.first()), true)?;
        }
        if closes && run.end() < bound {
            self.clear_gap(name, run.end())?;
        }
        Ok(())
    }

    fn clear_gap(&mut self, name: LogName, seq: Seq) -> Result<(), FeedsError> {
        match self.rows().entry(name.no, &name.id, seq)? {
            Some(entry) => self.set_gap(name, name.place(entry.time, seq), false),
            None => Ok(()),
        }
    }

    /// Marks, or no longer marks, all gaps of a log whose upper side lies in a range.
    pub(super) fn set_gaps(
        &mut self,
        name: LogName,
        starts: &Range<Seq>,
        on: bool,
    ) -> Result<(), FeedsError> {
        let held = &self.log_row(name.no)?.held;
        let marked: Vec<Seq> = held
            .iter()
            .map(|range| range.start)
            .filter(|start| start.0 > 0 && starts.contains(start))
            .collect();
        for seq in marked {
            if let Some(entry) = self.rows().entry(name.no, &name.id, seq)? {
                self.set_gap(name, name.place(entry.time, seq), on)?;
            }
        }
        Ok(())
    }

    fn set_gap(&mut self, name: LogName, order: OrderKey, on: bool) -> Result<(), FeedsError> {
        if !is_shown_lane(&name.id.lane) {
            return Ok(());
        }
        let end = IndexEnd::new(&order, name.no);
        for table in [keys::timeline(), keys::of_feed(name.feed_no)] {
            self.set_mark(&table.raw(&end.0), GAP, on)?;
        }
        Ok(())
    }
}

/// What all index keys of one entry end with: its place in the order of views, and its log.
pub(super) struct IndexEnd([u8; 28]);

impl IndexEnd {
    pub(super) fn new(order: &OrderKey, log_no: LogNo) -> Self {
        let mut bytes = [0; 28];
        let (place, log) = bytes.split_at_mut(24);
        place.copy_from_slice(&order.to_bytes());
        log.copy_from_slice(&log_no.to_be_bytes());
        Self(bytes)
    }
}

/// Each tag once, in the form in which tags are compared.
fn folded(tags: &[String]) -> BTreeSet<String> {
    tags.iter()
        .map(|tag| Body::fold_tag(tag))
        .filter(|tag| !tag.is_empty())
        .collect()
}
