//! Index rows of entries: by claimed time, feed, kind, tag and target, and the marks of gaps.

use std::collections::BTreeSet;
use std::ops::Range;

use bytes::Bytes;

use super::amendments;
use super::batch::{FeedBatch, LogName};
use super::error::FeedsError;
use super::keys::{self, FeedNo, GAP, Key, LogNo, READ, SHOWN};
use super::registers::RegisterChange;
use crate::format::{
    Body, Content as _, EntryId, Item, Kind, Lane, OrderKey, Reaction, Rel, Run, Seq,
    decode_content, lanes, standard,
};

/// Bytes of an emoji that counts: those made of many joined ones have some thirty.
pub(crate) const EMOJI_BYTES: usize = 32;

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
    /// Writes the index rows of the entries of a run that lie in `part`, or takes them away. Erased ones get none.
    pub(super) fn index_run(
        &mut self,
        name: LogName,
        run: &Run,
        part: Range<Seq>,
        how: Index,
    ) -> Result<(), FeedsError> {
        let erased = match how {
            Index::Away => BTreeSet::new(),
            Index::New | Index::Again => self.rows().erased_in(name.no, &part)?,
        };
        for (seq, rel) in self.rows().named(name.feed_no, &name.order, &part)? {
            if rel == Rel::Replaces {
                self.stale_tags.entry((name.no, seq)).or_default();
            }
        }
        let places = (run.first().0..).map(Seq);
        let entries = places.zip(run.ids().iter().zip(run.items()));
        let counting = |seq: &Seq| part.contains(seq) && !erased.contains(seq);
        for (seq, (id, item)) in entries.filter(|(seq, _)| counting(seq)) {
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
        let end = IndexEnd(&order, name.no);
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
        if let Some(at) = item.expires.filter(|_| !amendments::is_delete(item.kind())) {
            let key = keys::expires(at).u32(name.no).u64(seq.0);
            if how == Index::Away {
                self.tx.delete(key.as_slice())?;
            } else {
                self.tx.put(key.as_slice(), Bytes::new())?;
            }
        }
        let Some(body) = body else { return Ok(()) };
        self.index_names(name, (seq, id), item.kind(), &body, how)?;
        self.index_blobs(name, seq, &body, how)?;
        self.index_fields(name, item.kind(), &body, &end, how)?;
        if is_shown {
            for tag in folded(&body.tags) {
                self.mark(keys::of_tag(&tag), &end, how)?;
            }
        }
        self.index_refs(name, item.kind(), &body, &end, how)?;
        if how != Index::Away {
            self.index_origins(name, (seq, id), &body)?;
        }
        if *lane == lanes::STATE || lane.is_private() {
            let change = RegisterChange {
                id,
                order,
                kind: item.kind(),
                body: &body,
            };
            self.index_state(name, &change, how != Index::Away)?;
        }
        Ok(())
    }

    /// What an entry points at: with what it takes to count reactions and replies without reading entries.
    fn index_refs(
        &mut self,
        name: LogName,
        kind: &Kind,
        body: &Body,
        end: &IndexEnd<'_>,
        how: Index,
    ) -> Result<(), FeedsError> {
        let lane = &name.id.lane;
        let is_read = is_shown_lane(lane) && is_shown_kind(kind);
        let mark = if is_read { SHOWN | READ } else { SHOWN };
        let reacts = reaction(name.feed_no, lane, kind, body);
        for r in body.refs.iter().filter(|r| !matches!(r.rel, Rel::Other(_))) {
            let key = keys::of_target(&r.target.id).raw(&[r.rel.into()]);
            let key = end.key(key);
            if how == Index::Away {
                self.tx.delete(key.as_slice())?;
                continue;
            }
            let mut value = vec![mark];
            if r.rel == Rel::Reaction
                && let Some((target, extra)) = &reacts
                && *target == r.target.id
            {
                value.extend_from_slice(extra);
            }
            self.tx.put(key.as_slice(), value.into())?;
        }
        Ok(())
    }

    pub(super) fn mark(
        &mut self,
        prefix: Key,
        end: &IndexEnd<'_>,
        how: Index,
    ) -> Result<(), FeedsError> {
        let key = end.key(prefix);
        match how {
            Index::New => Ok(self.tx.put(key.as_slice(), Bytes::from_static(&[SHOWN]))?),
            Index::Again => self.set_mark(&key, SHOWN, true),
            Index::Away => self.set_mark(&key, SHOWN, false),
        }
    }

    /// Shows an entry under a tag, or no longer: in an index that has no gaps.
    pub(super) fn set_tag(
        &mut self,
        tag: &str,
        (order, no): (&OrderKey, LogNo),
        on: bool,
    ) -> Result<(), FeedsError> {
        let key = keys::of_tag(tag).place(order, no);
        self.set_mark(&key, SHOWN, on)
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
    pub(super) fn move_gaps(&mut self, name: LogName, run: &Run) -> Result<(), FeedsError> {
        let held = &self.log_row(name.no)?.held;
        let begins = held
            .around(run.first())
            .is_some_and(|range| range.start == run.first() && range.start.0 > 0);
        let closes = held.contains(run.end());
        if let Some(first) = run.items().first().filter(|_| begins) {
            self.set_gap(name, name.place(first.time(), run.first()), true)?;
        }
        // Also behind a fork, where marks may stand from before it was known.
        if closes {
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
        let end = IndexEnd(&order, name.no);
        for table in [keys::timeline(), keys::of_feed(name.feed_no)] {
            self.set_mark(&end.key(table), GAP, on)?;
        }
        Ok(())
    }
}

/// What all index keys of one entry end with: its place in the order of views, and its log.
pub(super) struct IndexEnd<'o>(pub(super) &'o OrderKey, pub(super) LogNo);

impl IndexEnd<'_> {
    /// The key of a row in a table.
    pub(super) fn key(&self, table: Key) -> Key {
        table.place(self.0, self.1)
    }
}

/// The entry that a reaction is to, and what its row says besides: whose it is, and the emoji.
pub(super) fn reaction(
    feed_no: FeedNo,
    lane: &Lane,
    kind: &Kind,
    body: &Body,
) -> Option<(EntryId, Vec<u8>)> {
    if kind.as_str() != Reaction::KIND || *lane != lanes::REACTIONS {
        return None;
    }
    let target = body.targets(Rel::Reaction).next()?;
    let Reaction { emoji } = decode_content(&body.content).ok()?;
    if emoji.len() > EMOJI_BYTES || Reaction::fold(&emoji).is_empty() {
        return None;
    }
    Some((target.id, reaction_value(feed_no, &emoji)))
}

/// What the row of a reaction says besides its mark.
pub(super) fn reaction_value(feed_no: FeedNo, emoji: &str) -> Vec<u8> {
    let mut extra = feed_no.to_be_bytes().to_vec();
    extra.extend_from_slice(emoji.as_bytes());
    extra
}

/// Each tag once, in the form in which tags are compared.
pub(super) fn folded(tags: &[String]) -> BTreeSet<String> {
    tags.iter()
        .map(|tag| Body::fold_tag(tag))
        .filter(|tag| !tag.is_empty())
        .collect()
}
