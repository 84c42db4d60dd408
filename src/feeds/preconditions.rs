//! What an own entry that deletes, edits or reacts has to know of the entry it is about, from inside its own write.

use std::ops::ControlFlow;

use super::about::is_over;
use super::amendments::{LookupCache, is_delete, lane_of_deletes, naming_of, read_amendment};
use super::batch::FeedBatch;
use super::edits::{EditVersion, shown_of};
use super::error::FeedsError;
use super::keys::{self, LogNo};
use super::rows::StoredEntry;
use crate::format::{Body, DeviceId, EntryRef, FeedId, Lane, Reaction, Rel, Seq};
use crate::store::prefix_end;

/// What is known of an entry that another one is to be about.
#[derive(Debug)]
pub(crate) struct Preconditions {
    pub(crate) entry: StoredEntry,
    /// Its body as last edited; none if it is not held, unreadable or erased.
    pub(crate) body: Option<Body>,
    /// The edits held that count for it.
    pub(crate) edits: Vec<EditVersion>,
    /// The deletes that count for it.
    pub(crate) deletes: Vec<EntryRef>,
    /// Its time is over.
    pub(crate) is_over: bool,
    /// It is itself a delete.
    pub(crate) is_delete: bool,
    /// If it is deleted: its body can still be put back.
    pub(crate) is_kept: bool,
    /// What the device says of it counts.
    pub(crate) may: bool,
}

impl FeedBatch<'_> {
    /// What is known of a held entry, for something that `device` of `feed` is about to say of it.
    pub(crate) fn preconditions(
        &mut self,
        name: &EntryRef,
        feed: &FeedId,
        device: &DeviceId,
    ) -> Result<Option<Preconditions>, FeedsError> {
        let Some(no) = self.met_log(&name.log)? else {
            return Ok(None);
        };
        let log = self.log_name(no)?;
        let held = self.rows().entry(no, &name.log, name.seq)?;
        let Some(entry) = held.filter(|entry| entry.reference.id == name.id) else {
            return Ok(None);
        };
        let rows = self.rows();
        let subject = (&name.log, name.seq, name.id);
        let counting = rows.counting_deletes(log.feed_no, subject, &mut LookupCache::default())?;
        let deletes: Vec<_> = counting
            .iter()
            .map(|(by, naming)| EntryRef {
                log: *by,
                seq: naming.at,
                id: naming.by,
            })
            .collect();
        let mut purged = false;
        for (_, naming) in counting.iter().filter(|(_, naming)| naming.purge) {
            purged |= rows.log(naming.log_no)?.ours;
        }
        let has_body = entry.body.is_some() || rows.kept(no, name.seq)?.is_some();
        let edits = rows.edits_of(log.feed_no, &entry)?;
        let shown = shown_of(&entry, &edits, self.now).cloned();
        let is_over = is_over(&entry, self.now);
        let held = entry
            .body
            .as_deref()
            .filter(|_| deletes.is_empty() && !is_over);
        let body = held.and_then(|bytes| Body::decode(bytes).ok());
        let body = body.map(|body| match shown {
            Some(edit) => edit.applied_to(body),
            None => body,
        });
        let same = name.log.feed == *feed;
        let may = same && rows.may(log.feed_no, device, &name.log.device)?;
        Ok(Some(Preconditions {
            is_delete: is_delete(&entry.kind),
            is_kept: has_body && !purged,
            entry,
            body,
            edits,
            deletes,
            is_over,
            may,
        }))
    }

    /// All edits or deletes held that name an entry, whether they count or not: however many there are.
    pub(crate) fn naming(
        &mut self,
        name: &EntryRef,
        rel: Rel,
    ) -> Result<Vec<EntryRef>, FeedsError> {
        let Some(no) = self.met_log(&name.log)? else {
            return Ok(Vec::new());
        };
        let feed_no = self.log_name(no)?.feed_no;
        let place = naming_of(feed_no, rel, name);
        let named = self
            .rows()
            .collect(&place, |key, value| Ok(read_amendment(key, value)?.1))?;
        let mut found = Vec::new();
        for naming in named.iter().filter(|naming| naming.target == name.id) {
            found.push(EntryRef {
                log: self.log_name(naming.log_no)?.id,
                seq: naming.at,
                id: naming.by,
            });
        }
        Ok(found)
    }

    /// The own reaction to an entry with an emoji, if there is one.
    pub(crate) fn own_reaction(
        &mut self,
        target: &EntryRef,
        feed: &FeedId,
        emoji: &str,
    ) -> Result<Option<EntryRef>, FeedsError> {
        let feed_no = self.intern_feed(feed)?;
        let prefix = keys::of_target(&target.id).raw(&[Rel::Reaction.into()]);
        let (own, folded) = (feed_no.to_be_bytes(), Reaction::fold(emoji));
        let rows = self.rows();
        let (end, mut place) = (prefix_end(prefix.as_slice()), None);
        rows.visit(prefix.as_slice(), end.as_deref(), |key, value| {
            let said = value.get(1..).and_then(|said| said.strip_prefix(&own));
            let said = said.and_then(|said| std::str::from_utf8(said).ok());
            if said.is_none_or(|said| Reaction::fold(said) != folded) {
                return Ok(ControlFlow::Continue(()));
            }
            place = keys::place_at_end(key);
            Ok(ControlFlow::Break(()))
        })?;
        let Some((order, no)) = place else {
            return Ok(None);
        };
        let log = rows.log(no)?.log;
        let entry = rows.entry(no, &log, order.seq)?;
        Ok(entry.map(|entry| entry.reference))
    }

    /// Deleted entries of a feed of which an own device may still keep the body, by the lane of their deletes.
    pub(crate) fn unpurged(
        &mut self,
        feed: &FeedId,
        device: &DeviceId,
    ) -> Result<Vec<(Lane, EntryRef)>, FeedsError> {
        let feed_no = self.intern_feed(feed)?;
        let (mut found, mut cache) = (Vec::new(), LookupCache::default());
        for no in self.rows().logs_of(feed_no)? {
            let name = self.log_name(no)?;
            let rows = self.rows();
            if !rows.may(feed_no, device, &name.id.device)? {
                continue;
            }
            for seq in self.erased_or_about_to_be(no)? {
                let rows = self.rows();
                let Some(id) = rows.id(no, seq)? else {
                    continue;
                };
                let verdict = rows.is_deleted(name, seq, id, &mut cache)?;
                if verdict.deleted && !verdict.purge {
                    let log = name.id;
                    found.push((lane_of_deletes(&log.lane), EntryRef { log, seq, id }));
                }
            }
        }
        Ok(found)
    }

    /// Places that are marked as erased, or that a delete of this same write names.
    fn erased_or_about_to_be(&self, no: LogNo) -> Result<Vec<Seq>, FeedsError> {
        let mut places = self.rows().erased_in(no, &(Seq(0)..Seq(u64::MAX)))?;
        let of_log = (no, Seq(0))..=(no, Seq(u64::MAX));
        places.extend(self.stale_targets.range(of_log).map(|(_, seq)| *seq));
        Ok(places.into_iter().collect())
    }
}
