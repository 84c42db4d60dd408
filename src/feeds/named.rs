//! What deletes and edits name: kept by the place that is named, so that neither order of arrival nor holes matter.
//!
//! Whether a delete counts is computed anew each time from what is held and counts: nothing is remembered of an answer
//! that another entry or statement could change.

use std::ops::{ControlFlow, Range};

use serde::{Deserialize, Serialize};

use super::batch::{FeedBatch, LogName};
use super::error::FeedsError;
use super::index::Index;
use super::keys::{self, FeedNo, Key, LogNo};
use super::row::{LogRow, decode, encode};
use super::rows::Rows;
use crate::format::{
    Body, Content as _, Delete, DeviceId, Edit, EntryId, EntryRef, Kind, Lane, LogId, Rel, Seq,
    decode_content, lanes,
};
use crate::store::{Direction, prefix_end};

/// Times that one log names a place in one way that are looked at: the last ones. Who deletes and undoes more often than
/// that is read from there on, as if the rest were not held. The bound is on the work of a hostile feed.
const NAMINGS: usize = 128;

/// Bytes of a naming's key up to and with the log that names.
const PLACE_AND_LOG: usize = 26;

const WHAT: &str = "what a delete or an edit names";

/// The value of one naming.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Named {
    target: EntryId,
    by: EntryId,
    purge: bool,
}

/// One delete or edit that names a place of a log; it counts as an entry, and its body is held.
#[derive(Debug, Clone)]
pub(super) struct Naming {
    /// The place that is named.
    pub(super) seq: Seq,
    pub(super) rel: Rel,
    /// The entry that is meant.
    pub(super) target: EntryId,
    /// Who names it: its log, its place there, its id.
    pub(super) log_no: LogNo,
    pub(super) at: Seq,
    pub(super) by: EntryId,
    /// A delete that leaves nothing to undo.
    pub(super) purge: bool,
}

/// What the deletes of one entry come to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Verdict {
    pub(super) deleted: bool,
    /// One of them, said by this store itself, leaves nothing to undo.
    pub(super) purge: bool,
    /// The same, said by another device of the feed: it may be a thief's.
    pub(super) purged_elsewhere: bool,
}

/// Whether entries of this kind can be deleted at all. A delete of a delete is its undo.
pub(super) fn is_delete(kind: &Kind) -> bool {
    kind.as_str() == Delete::KIND
}

/// The lane in which the deletes of a lane's entries stand: what is private is not spoken of in public.
pub(crate) fn lane_of_deletes(target: &Lane) -> Lane {
    if target.is_private() {
        lanes::OWN
    } else {
        lanes::STATE
    }
}

/// The refs of an entry by which it deletes or edits, with their index.
fn namings_of(log: &LogId, kind: &Kind, body: &Body) -> Vec<(u8, Rel, EntryRef)> {
    let is_delete = is_delete(kind);
    if !is_delete && kind.as_str() != Edit::KIND {
        return Vec::new();
    }
    let named = (0..).zip(&body.refs);
    let named = named.filter(|(_, r)| r.target.log.feed == log.feed);
    if is_delete {
        return named
            .filter(|(_, r)| r.rel == Rel::Delete)
            .filter(|(_, r)| lane_of_deletes(&r.target.log.lane) == log.lane)
            .map(|(index, r)| (index, Rel::Delete, r.target))
            .collect();
    }
    edited_by(log, body)
        .map(|target| (0, Rel::Replaces, target))
        .into_iter()
        .collect()
}

/// The entry that an edit edits: its first `replaces` ref, in the lane of the edit.
pub(super) fn edited_by(log: &LogId, body: &Body) -> Option<EntryRef> {
    let first = body.targets(Rel::Replaces).next()?;
    let same = first.log.feed == log.feed && first.log.lane == log.lane;
    same.then_some(*first)
}

/// The rows of what a delete or an edit names.
pub(super) fn rows_of(
    name: LogName,
    (seq, id): (Seq, EntryId),
    kind: &Kind,
    body: &Body,
) -> Vec<(Vec<u8>, Vec<u8>)> {
    let purge = decode_content(&body.content).is_ok_and(|delete: Delete| delete.purge);
    let row = |(index, rel, target): (u8, Rel, EntryRef)| {
        let place = keys::named_at(name.feed_no, &target.log.order(), target.seq);
        let key = keys::naming(place, rel, name.no, seq, index);
        let value = Named {
            target: target.id,
            by: id,
            purge: purge && is_delete(kind),
        };
        (key.into_vec(), encode(&value).to_vec())
    };
    let named = namings_of(&name.id, kind, body);
    named.into_iter().map(row).collect()
}

impl FeedBatch<'_> {
    /// Writes or takes away what a delete or an edit names, and remembers what has to be judged again.
    pub(super) fn index_names(
        &mut self,
        name: LogName,
        (seq, id): (Seq, EntryId),
        kind: &Kind,
        body: &Body,
        how: Index,
    ) -> Result<(), FeedsError> {
        let named = namings_of(&name.id, kind, body);
        if named.is_empty() {
            return Ok(());
        }
        let purge = decode_content(&body.content).is_ok_and(|delete: Delete| delete.purge);
        let row = |target| Named {
            target,
            by: id,
            purge: purge && is_delete(kind),
        };
        for (index, rel, target) in named {
            let place = keys::named_at(name.feed_no, &target.log.order(), target.seq);
            let key = keys::naming(place, rel, name.no, seq, index);
            if how == Index::Away {
                self.tx.delete(key.as_slice())?;
            } else {
                self.tx.put(key.as_slice(), encode(&row(target.id)))?;
            }
            let Some(no) = self.met_log(&target.log)? else {
                continue;
            };
            if rel == Rel::Delete {
                self.stale_targets.insert((no, target.seq));
            } else {
                let tags = self.stale_tags.entry((no, target.seq)).or_default();
                tags.extend(super::index::folded(&body.tags));
                self.note_edited((no, target.seq), body);
                if how != Index::Away {
                    let new = self.new_edits.entry((no, target.seq)).or_default();
                    *new.entry(name.no).or_default() += 1;
                }
            }
        }
        Ok(())
    }

    /// Remembers that everything has to be judged again that a delete or an edit names, whose device got or lost its say.
    pub(super) fn rejudge_feed(
        &mut self,
        feed_no: FeedNo,
        changed: &[DeviceId],
    ) -> Result<(), FeedsError> {
        let namings = self.rows().namings(&keys::named_in(feed_no), None)?;
        if namings.is_empty() {
            return Ok(());
        }
        let mut logs = std::collections::HashMap::new();
        for no in self.rows().logs_of(feed_no)? {
            let name = self.log_name(no)?;
            logs.insert(name.order, no);
        }
        for (order, naming) in namings {
            let by = self.log_name(naming.log_no)?.id;
            let Some(no) = logs.get(&order).filter(|_| changed.contains(&by.device)) else {
                continue;
            };
            let target = (*no, naming.seq);
            if naming.rel == Rel::Delete {
                self.stale_targets.insert(target);
            } else if let Some(edit) = self.rows().entry(naming.log_no, &by, naming.at)? {
                let body = edit.body.and_then(|bytes| Body::decode(&bytes).ok());
                let tags = self.stale_tags.entry(target).or_default();
                if let Some(body) = body {
                    tags.extend(super::index::folded(&body.tags));
                    self.note_edited(target, &body);
                }
            }
        }
        Ok(())
    }
}

impl Rows<'_> {
    /// What names places of a log in `range`, ascending by place, within [`NAMINGS`].
    pub(super) fn namings_at(
        &self,
        feed_no: FeedNo,
        log: &[u8; 8],
        range: &Range<Seq>,
    ) -> Result<Vec<Naming>, FeedsError> {
        let from = keys::named_at(feed_no, log, range.start);
        let to = keys::named_at(feed_no, log, range.end);
        let found = self.namings(&from, Some(to.into_vec()))?;
        Ok(found.into_iter().map(|(_, naming)| naming).collect())
    }

    fn namings(
        &self,
        from: &Key,
        to: Option<Vec<u8>>,
    ) -> Result<Vec<([u8; 8], Naming)>, FeedsError> {
        let mut to = to.or_else(|| prefix_end(from.as_slice()));
        let mut found = Vec::new();
        loop {
            let (mut place, mut count, mut full) = (Vec::new(), 0, None);
            let mut failed = None;
            self.0.scan(
                from.as_slice(),
                to.as_deref(),
                Direction::Descending,
                &mut |key, value| {
                    let at = key.get(..PLACE_AND_LOG).unwrap_or(key);
                    if place != at {
                        (place, count) = (at.to_vec(), 0);
                    }
                    if count >= NAMINGS {
                        full = Some(at.to_vec());
                        return ControlFlow::Break(());
                    }
                    count += 1;
                    match read_naming(key, value) {
                        Ok(naming) => found.push(naming),
                        Err(error) => failed = Some(error),
                    }
                    if failed.is_none() {
                        ControlFlow::Continue(())
                    } else {
                        ControlFlow::Break(())
                    }
                },
            )?;
            match (failed, full) {
                (Some(error), _) => return Err(error),
                (None, None) => break,
                // On with the next log, below all of this one's.
                (None, full) => to = full,
            }
        }
        found.reverse();
        Ok(found)
    }

    /// The places in one log of edits of an entry that are past [`NAMINGS`], the `most` latest of them.
    pub(super) fn edits_passed_over(
        &self,
        feed_no: FeedNo,
        (log, seq): (&[u8; 8], Seq),
        by: LogNo,
        most: usize,
    ) -> Result<Vec<Seq>, FeedsError> {
        let place = keys::named_at(feed_no, log, seq);
        let prefix = place.raw(&[Rel::Replaces.into()]).u32(by);
        let to = prefix_end(prefix.as_slice());
        let (mut count, mut found) = (0, Vec::new());
        self.0.scan(
            prefix.as_slice(),
            to.as_deref(),
            Direction::Descending,
            &mut |key, _| {
                if count >= NAMINGS {
                    found.extend(keys::u64_at(key, PLACE_AND_LOG).map(Seq));
                }
                count += 1;
                if count < NAMINGS.saturating_add(most) {
                    ControlFlow::Continue(())
                } else {
                    ControlFlow::Break(())
                }
            },
        )?;
        Ok(found)
    }

    /// Whether what one device says counts for entries of another of the same feed.
    pub(super) fn may(
        &self,
        feed_no: FeedNo,
        by: &DeviceId,
        of: &DeviceId,
    ) -> Result<bool, FeedsError> {
        Ok(by == of || self.0.contains(keys::admin(feed_no, by).as_slice())?)
    }

    /// The deletes among `namings` that count for an entry.
    pub(super) fn counting_deletes(
        &self,
        feed_no: FeedNo,
        (log, seq, id): (&LogId, Seq, EntryId),
        namings: &[Naming],
    ) -> Result<Vec<(LogRow, Naming)>, FeedsError> {
        let mut counting = Vec::new();
        let meant = |n: &&Naming| n.rel == Rel::Delete && n.seq == seq && n.target == id;
        for naming in namings.iter().filter(meant) {
            let by = self.log(naming.log_no)?;
            if self.may(feed_no, &by.log.device, &log.device)?
                && !self.is_undone(feed_no, &by.log, naming)?
            {
                counting.push((by, naming.clone()));
            }
        }
        Ok(counting)
    }

    /// Whether a delete is itself deleted, which is final: what deletes the delete of a delete does nothing.
    fn is_undone(&self, feed_no: FeedNo, log: &LogId, delete: &Naming) -> Result<bool, FeedsError> {
        let place = delete.at..delete.at.next();
        for undo in self.namings_at(feed_no, &log.order(), &place)? {
            let meant = undo.rel == Rel::Delete && undo.target == delete.by;
            if meant && self.may(feed_no, &self.log(undo.log_no)?.log.device, &log.device)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// What the deletes of an entry come to. Deletes themselves stay.
    pub(super) fn judge(
        &self,
        feed_no: FeedNo,
        entry: (&LogId, Seq, EntryId),
        namings: &[Naming],
    ) -> Result<Verdict, FeedsError> {
        let counting = self.counting_deletes(feed_no, entry, namings)?;
        let purges = |ours: bool| {
            let purging = |(row, naming): &(LogRow, Naming)| naming.purge && row.ours == ours;
            counting.iter().any(purging)
        };
        Ok(Verdict {
            deleted: !counting.is_empty(),
            purge: purges(true),
            purged_elsewhere: purges(false),
        })
    }
}

pub(super) fn read_naming(key: &[u8], value: &[u8]) -> Result<([u8; 8], Naming), FeedsError> {
    let damaged = || FeedsError::Damaged { what: WHAT };
    let order = key.get(5..13).and_then(|order| order.try_into().ok());
    let order: [u8; 8] = order.ok_or_else(damaged)?;
    let rel = *key.get(21).ok_or_else(damaged)?;
    let Named { target, by, purge } = decode(WHAT, value)?;
    let naming = Naming {
        seq: Seq(keys::u64_at(key, 13).ok_or_else(damaged)?),
        rel: Rel::from(rel),
        target,
        log_no: keys::u32_at(key, 22).ok_or_else(damaged)?,
        at: Seq(keys::u64_at(key, 26).ok_or_else(damaged)?),
        by,
        purge,
    };
    Ok((order, naming))
}
