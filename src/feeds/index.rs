//! Index rows of entries: by claimed time, feed, kind, tag and target, and the marks of gaps.

use std::collections::BTreeSet;
use std::ops::Range;

use bytes::Bytes;

use super::batch::FeedBatch;
use super::error::FeedsError;
use super::keys::{self, GAP, Key, LogNo, SHOWN};
use super::row::{LogRow, Ranges};
use crate::format::{
    Body, EntryId, Item, Kind, Lane, LogId, OrderKey, Rel, Run, Seq, Timestamp, lanes, standard,
};

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
        log_no: LogNo,
        row: &LogRow,
        run: &Run,
        part: Range<Seq>,
        how: Index,
    ) -> Result<(), FeedsError> {
        let order = row.log.order();
        let places = (run.first().0..)
            .map(Seq)
            .zip(run.ids().iter().zip(run.items()));
        for (seq, (id, item)) in places.filter(|(seq, _)| part.contains(seq)) {
            let order = OrderKey {
                time: item.time(),
                log: order,
                seq,
            };
            self.index_entry(log_no, row, order, *id, item, how)?;
        }
        Ok(())
    }

    fn index_entry(
        &mut self,
        log_no: LogNo,
        row: &LogRow,
        order: OrderKey,
        id: EntryId,
        item: &Item,
        how: Index,
    ) -> Result<(), FeedsError> {
        let lane = &row.log.lane;
        let kind_no = self.intern_kind(item.kind())?;
        // A body that is no envelope is kept and shown as unreadable; there is nothing in it to index.
        let body = item.body().and_then(|bytes| Body::decode(bytes).ok());
        if is_shown_lane(lane) && is_shown_kind(item.kind()) {
            self.mark(&keys::timeline(), order, log_no, how)?;
            self.mark(&keys::of_feed(row.feed_no), order, log_no, how)?;
            for tag in body.iter().flat_map(|body| folded(&body.tags)) {
                self.mark(&keys::of_tag(&tag), order, log_no, how)?;
            }
        }
        if *lane != lanes::STATE && *lane != lanes::OWN {
            self.mark(&keys::of_kind(kind_no), order, log_no, how)?;
        }
        let Some(body) = body else { return Ok(()) };
        for target in body.refs.iter().filter(|r| !matches!(r.rel, Rel::Other(_))) {
            let key = keys::of_target(&target.target.id).raw(&[target.rel.into()]);
            self.mark(&key, order, log_no, how)?;
        }
        if *lane == lanes::STATE || lane.is_private() {
            self.index_state(
                log_no,
                row,
                order,
                id,
                item.kind(),
                &body,
                how != Index::Away,
            )?;
        }
        Ok(())
    }

    fn mark(
        &mut self,
        prefix: &Key,
        order: OrderKey,
        log_no: LogNo,
        how: Index,
    ) -> Result<(), FeedsError> {
        let key = prefix.clone().order(&order).u32(log_no);
        match how {
            Index::New => Ok(self.tx.put(key.as_slice(), Bytes::from_static(&[SHOWN]))?),
            Index::Again => self.set_mark(&key, SHOWN, true),
            Index::Away => self.set_mark(&key, SHOWN, false),
        }
    }

    fn set_mark(&mut self, key: &Key, bit: u8, on: bool) -> Result<(), FeedsError> {
        let mut mark = 0;
        self.tx.get(key.as_slice(), &mut |value| {
            mark = value.first().copied().unwrap_or(0)
        })?;
        let new = if on { mark | bit } else { mark & !bit };
        match new {
            0 => self.tx.delete(key.as_slice())?,
            new => self
                .tx
                .put(key.as_slice(), Bytes::copy_from_slice(&[new]))?,
        }
        Ok(())
    }

    /// Moves the marks of gaps to where the ranges of a log begin now.
    ///
    /// A gap stands right below the oldest entry above it, and takes its place in the order of views from that one.
    pub(super) fn move_gaps(
        &mut self,
        log_no: LogNo,
        row: &LogRow,
        before: &Ranges,
    ) -> Result<(), FeedsError> {
        if !is_shown_lane(&row.log.lane) {
            return Ok(());
        }
        let starts = |ranges: &Ranges| {
            ranges
                .iter()
                .map(|r| r.start)
                .filter(|s| s.0 > 0)
                .collect::<BTreeSet<_>>()
        };
        let (old, new) = (starts(before), starts(&row.held));
        for (seq, on) in old
            .difference(&new)
            .map(|s| (*s, false))
            .chain(new.difference(&old).map(|s| (*s, true)))
        {
            let Some(entry) = self.rows().entry(log_no, &row.log, seq)? else {
                continue;
            };
            let order = order_of(&row.log, entry.time, seq);
            for table in [keys::timeline(), keys::of_feed(row.feed_no)] {
                self.set_mark(&table.order(&order).u32(log_no), GAP, on)?;
            }
        }
        Ok(())
    }
}

pub(super) fn order_of(log: &LogId, time: Timestamp, seq: Seq) -> OrderKey {
    OrderKey {
        time,
        log: log.order(),
        seq,
    }
}

/// Each tag once, in the form in which tags are compared.
fn folded(tags: &[String]) -> BTreeSet<String> {
    tags.iter()
        .map(|tag| Body::fold_tag(tag))
        .filter(|tag| !tag.is_empty())
        .collect()
}
