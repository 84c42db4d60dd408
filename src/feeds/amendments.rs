//! What deletes and edits name: kept by the place that is named, so that neither order of arrival nor holes matter.
//!
//! Whether a delete counts is computed anew each time from what is held and counts: nothing is remembered of an answer
//! that another entry or statement could change.

use std::collections::hash_map::Entry;
use std::collections::{BTreeSet, HashMap};
use std::ops::{ControlFlow, Range};

use serde::{Deserialize, Serialize};

use super::batch::{FeedBatch, LogName};
use super::error::FeedsError;
use super::index::Index;
use super::keys::{self, FeedNo, Key, LogNo};
use super::row::{decode, encode};
use super::rows::Rows;
use crate::format::{
    Body, Content as _, Delete, DeviceId, Edit, EntryId, EntryRef, Kind, Lane, LogId, Rel, Seq,
    decode_content, lanes,
};
use crate::store::{Direction, prefix_end};

/// Times that one log deletes an entry that are looked at: the last ones. Who deletes and undoes more often than that is
/// read from there on, as if the rest were not held. With [`SPEAKERS`](crate::format::limits::SPEAKERS) this bounds what an
/// entry costs, whatever a feed says of it.
const DELETES: usize = 4;
/// Edits of an entry by one log that are looked at: the last ones.
pub(super) const EDITS: usize = 128;

/// Where parts of a naming's key stand: how it names, behind the place; the log that names; its place there.
const REL: usize = 21;
pub(super) const BY_LOG: usize = 30;
const BY_SEQ: usize = 34;

const WHAT: &str = "what a delete or an edit names";

/// The value of one naming.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct AmendmentRow {
    target: EntryId,
    by: EntryId,
    purge: bool,
}

/// One delete or edit that names a place of a log; it counts as an entry, and its body is held.
#[derive(Debug, Clone)]
pub(super) struct Amendment {
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
        let entry = naming_of(name.feed_no, rel, &target);
        let key = keys::naming(entry, name.no, seq, index);
        let value = AmendmentRow {
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
        let row = |target| AmendmentRow {
            target,
            by: id,
            purge: purge && is_delete(kind),
        };
        for (index, rel, target) in named {
            let entry = naming_of(name.feed_no, rel, &target);
            let key = keys::naming(entry, name.no, seq, index);
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
        let (mut logs, mut by) = (HashMap::new(), BTreeSet::new());
        for no in self.rows().logs_of(feed_no)? {
            let name = self.log_name(no)?;
            logs.insert(name.order, no);
            if changed.contains(&name.id.device) {
                by.insert(no);
            }
        }
        let namings = self.rows().namings_by(feed_no, &by)?;
        for (order, naming) in namings {
            let by = self.log_name(naming.log_no)?.id;
            let Some(no) = logs.get(&order) else {
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

/// What is asked again and again while many entries are judged: whose word counts, and which deletes are undone.
///
/// It is true for as long as no delete is stored or taken away.
#[derive(Debug, Default)]
pub(super) struct LookupCache {
    speakers: HashMap<FeedNo, Vec<DeviceId>>,
    logs: HashMap<LogId, Option<LogNo>>,
    undone: HashMap<(LogNo, Seq, EntryId), bool>,
}

impl Rows<'_> {
    /// The places of a log in `range` that something names, and in which ways. One look for each, however many name it.
    pub(super) fn named(
        &self,
        feed_no: FeedNo,
        log: &[u8; 8],
        range: &Range<Seq>,
    ) -> Result<BTreeSet<(Seq, Rel)>, FeedsError> {
        let to = keys::named_at(feed_no, log, range.end);
        let mut from = keys::named_at(feed_no, log, range.start).into_vec();
        let mut found = BTreeSet::new();
        loop {
            let mut next = None;
            self.visit(&from, Some(to.as_slice()), |key, _| {
                let (seq, rel) = (keys::u64_at(key, 13), key.get(REL));
                let (Some(seq), Some(rel)) = (seq, rel) else {
                    return Err(FeedsError::Damaged { what: WHAT });
                };
                found.insert((Seq(seq), Rel::from(*rel)));
                next = key.get(..=REL).and_then(prefix_end);
                Ok(ControlFlow::Break(()))
            })?;
            match next {
                Some(next) => from = next,
                None => return Ok(found),
            }
        }
    }

    /// What the logs of some devices name, with the logs that they name.
    fn namings_by(
        &self,
        feed_no: FeedNo,
        by: &BTreeSet<LogNo>,
    ) -> Result<Vec<([u8; 8], Amendment)>, FeedsError> {
        let mut found = Vec::new();
        let from = keys::named_in(feed_no);
        let to = prefix_end(from.as_slice());
        self.visit(from.as_slice(), to.as_deref(), |key, value| {
            if keys::u32_at(key, BY_LOG).is_some_and(|no| by.contains(&no)) {
                found.push(read_amendment(key, value)?);
            }
            Ok(ControlFlow::Continue(()))
        })?;
        Ok(found)
    }

    /// What names an entry in one way and has a say: the last `most` times by its own device and by each that speaks for
    /// others, those of one log together.
    pub(super) fn namings_of(
        &self,
        (feed_no, rel): (FeedNo, Rel),
        (log, seq, id): (&LogId, Seq, EntryId),
        most: usize,
        cache: &mut LookupCache,
    ) -> Result<Vec<(LogId, Amendment)>, FeedsError> {
        let target = EntryRef { log: *log, seq, id };
        let entry = naming_of(feed_no, rel, &target);
        let mut found = Vec::new();
        if self.collect_some(&entry, 1, |_, _| Ok(()))?.is_empty() {
            return Ok(found);
        }
        let lane = match rel {
            Rel::Delete => lane_of_deletes(&log.lane),
            _ => log.lane,
        };
        for device in self.who_may(feed_no, &log.device, cache)? {
            let by = LogId {
                feed: log.feed,
                device,
                lane,
            };
            let Some(no) = self.log_no_known(feed_no, &by, cache)? else {
                continue;
            };
            let of_log = entry.clone().u32(no);
            let to = prefix_end(of_log.as_slice());
            let (mut count, mut failed) = (0, None);
            self.0.scan(
                of_log.as_slice(),
                to.as_deref(),
                Direction::Descending,
                &mut |key, value| {
                    match read_amendment(key, value) {
                        Ok((_, naming)) if naming.target == id => found.push((by, naming)),
                        Ok(_) => {}
                        Err(error) => failed = Some(error),
                    }
                    count += 1;
                    if count < most && failed.is_none() {
                        ControlFlow::Continue(())
                    } else {
                        ControlFlow::Break(())
                    }
                },
            )?;
            failed.map_or(Ok(()), Err)?;
        }
        Ok(found)
    }

    /// The places in one log of edits of an entry that are past [`EDITS`], the `most` latest of them.
    pub(super) fn edits_passed_over(
        &self,
        feed_no: FeedNo,
        target: &EntryRef,
        by: LogNo,
        most: usize,
    ) -> Result<Vec<Seq>, FeedsError> {
        let prefix = naming_of(feed_no, Rel::Replaces, target).u32(by);
        let to = prefix_end(prefix.as_slice());
        let (mut count, mut found) = (0, Vec::new());
        self.0.scan(
            prefix.as_slice(),
            to.as_deref(),
            Direction::Descending,
            &mut |key, _| {
                if count >= EDITS {
                    found.extend(keys::u64_at(key, BY_SEQ).map(Seq));
                }
                count += 1;
                if count < EDITS.saturating_add(most) {
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
        Ok(by == of || self.0.contains(keys::speaker(feed_no, by).as_slice())?)
    }

    /// The devices whose word counts for entries of one: itself first.
    fn who_may(
        &self,
        feed_no: FeedNo,
        of: &DeviceId,
        cache: &mut LookupCache,
    ) -> Result<Vec<DeviceId>, FeedsError> {
        if let Entry::Vacant(free) = cache.speakers.entry(feed_no) {
            let speakers = self.collect(&keys::speakers(feed_no), |key, _| {
                let device = key.get(5..37).and_then(|device| device.try_into().ok());
                let device = device.ok_or(FeedsError::Damaged { what: WHAT })?;
                Ok(DeviceId::from_bytes(device))
            })?;
            free.insert(speakers);
        }
        let speakers = cache.speakers.get(&feed_no).into_iter().flatten();
        let others = speakers.filter(|device| *device != of);
        Ok(std::iter::once(of).chain(others).copied().collect())
    }

    fn log_no_known(
        &self,
        feed_no: FeedNo,
        log: &LogId,
        cache: &mut LookupCache,
    ) -> Result<Option<LogNo>, FeedsError> {
        if let Some(known) = cache.logs.get(log) {
            return Ok(*known);
        }
        let no = self.log_no_in(feed_no, log)?;
        cache.logs.insert(*log, no);
        Ok(no)
    }

    /// The deletes that count for an entry, and that nothing undoes.
    pub(super) fn counting_deletes(
        &self,
        feed_no: FeedNo,
        entry: (&LogId, Seq, EntryId),
        cache: &mut LookupCache,
    ) -> Result<Vec<(LogId, Amendment)>, FeedsError> {
        let mut counting = self.namings_of((feed_no, Rel::Delete), entry, DELETES, cache)?;
        let mut failed = None;
        counting.retain(|(by, naming)| {
            let undone = self.is_undone(feed_no, by, naming, cache);
            undone.map_or_else(
                |error| {
                    failed = Some(error);
                    false
                },
                |undone| !undone,
            )
        });
        failed.map_or(Ok(counting), Err)
    }

    /// Whether a delete is itself deleted, which is final: what deletes the delete of a delete does nothing.
    fn is_undone(
        &self,
        feed_no: FeedNo,
        log: &LogId,
        delete: &Amendment,
        cache: &mut LookupCache,
    ) -> Result<bool, FeedsError> {
        let known = (delete.log_no, delete.at, delete.by);
        if let Some(undone) = cache.undone.get(&known) {
            return Ok(*undone);
        }
        let delete = (log, delete.at, delete.by);
        let undos = self.namings_of((feed_no, Rel::Delete), delete, 1, cache)?;
        cache.undone.insert(known, !undos.is_empty());
        Ok(!undos.is_empty())
    }

    /// What the deletes of an entry come to. Deletes themselves stay.
    pub(super) fn judge(
        &self,
        feed_no: FeedNo,
        entry: (&LogId, Seq, EntryId),
        cache: &mut LookupCache,
    ) -> Result<Verdict, FeedsError> {
        let counting = self.counting_deletes(feed_no, entry, cache)?;
        let mut purges = (false, false);
        for (_, naming) in counting.iter().filter(|(_, naming)| naming.purge) {
            if self.log(naming.log_no)?.ours {
                purges.0 = true;
            } else {
                purges.1 = true;
            }
        }
        Ok(Verdict {
            deleted: !counting.is_empty(),
            purge: purges.0,
            purged_elsewhere: purges.1,
        })
    }
}

/// What the keys of all that names an entry in one way begin with.
pub(super) fn naming_of(feed_no: FeedNo, rel: Rel, target: &EntryRef) -> Key {
    let place = keys::named_at(feed_no, &target.log.order(), target.seq);
    keys::naming_entry(place, rel, &target.id)
}

pub(super) fn read_amendment(key: &[u8], value: &[u8]) -> Result<([u8; 8], Amendment), FeedsError> {
    let damaged = || FeedsError::Damaged { what: WHAT };
    let order = key.get(5..13).and_then(|order| order.try_into().ok());
    let order: [u8; 8] = order.ok_or_else(damaged)?;
    let rel = *key.get(REL).ok_or_else(damaged)?;
    let AmendmentRow { target, by, purge } = decode(WHAT, value)?;
    let naming = Amendment {
        seq: Seq(keys::u64_at(key, 13).ok_or_else(damaged)?),
        rel: Rel::from(rel),
        target,
        log_no: keys::u32_at(key, BY_LOG).ok_or_else(damaged)?,
        at: Seq(keys::u64_at(key, BY_SEQ).ok_or_else(damaged)?),
        by,
        purge,
    };
    Ok((order, naming))
}
