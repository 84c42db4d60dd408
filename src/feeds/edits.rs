//! Edits: which of them shows, and the tags under which an edited entry is found.

use std::collections::{BTreeMap, BTreeSet};

use super::batch::FeedBatch;
use super::error::FeedsError;
use super::index::{folded, is_shown_kind, is_shown_lane};
use super::keys::{FeedNo, LogNo};
use super::named::edited_by;
use super::rows::{Rows, StoredEntry};
use super::snapshot::FeedSnapshot;
use crate::format::limits::FUTURE_MILLIS;
use crate::format::{
    Body, Content as _, Edit, EntryId, EntryRef, Rel, Seq, StateItem, Timestamp, decode_content,
    settle,
};

/// One edit that counts for an entry.
#[derive(Debug, Clone)]
pub(crate) struct Version {
    pub(crate) entry: StoredEntry,
    pub(crate) body: Body,
    pub(crate) edit: Edit,
}

impl Version {
    fn item(&self) -> StateItem {
        let replaces = self.body.targets(Rel::Replaces);
        StateItem {
            id: self.entry.reference.id,
            time: self.entry.time,
            replaces: replaces.map(|target| target.id).collect(),
        }
    }

    /// What an entry says after this edit: it stays where it stands, with the refs it has.
    pub(crate) fn applied_to(self, post: Body) -> Body {
        Body {
            salt: post.salt,
            refs: post.refs,
            mentions: self.body.mentions,
            tags: self.body.tags,
            attachments: self.body.attachments,
            content: self.edit.content,
        }
    }
}

impl FeedBatch<'_> {
    /// Puts entries under the tags of all their versions, once for each: which one shows is for the reader to say.
    pub(super) fn settle_tags(&mut self) -> Result<(), FeedsError> {
        for ((no, seq), mut stale) in std::mem::take(&mut self.stale_tags) {
            let name = self.log_name(no)?;
            let contents = self.stale_contents.remove(&(no, seq)).unwrap_or_default();
            let Some(entry) = self.rows().entry(no, &name.id, seq)? else {
                continue;
            };
            self.settle_fields(name, &entry, &contents)?;
            if !is_shown_lane(&name.id.lane) || !is_shown_kind(&entry.kind) {
                continue;
            }
            let order = name.place(entry.time, seq);
            let mut tags = BTreeSet::new();
            for edit in self.rows().edits_of(name.feed_no, &entry)? {
                tags.extend(folded(&edit.body.tags));
            }
            stale.extend(tags.iter().cloned());
            let body = entry.body.and_then(|bytes| Body::decode(&bytes).ok());
            match body {
                Some(body) => tags.extend(folded(&body.tags)),
                // Erased, cut or not come yet: it is under no tag.
                None => tags.clear(),
            }
            for tag in stale.union(&tags) {
                self.set_tag(tag, (&order, no), tags.contains(tag))?;
            }
        }
        Ok(())
    }
}

impl Rows<'_> {
    /// The edits that count for a held entry, in no order that means anything.
    pub(super) fn edits_of(
        &self,
        feed_no: FeedNo,
        post: &StoredEntry,
    ) -> Result<Vec<Version>, FeedsError> {
        let EntryRef { log, seq, id } = post.reference;
        let namings = self.namings_at(feed_no, &log.order(), &(seq..seq.next()))?;
        let mut by_log: BTreeMap<LogNo, Vec<Seq>> = BTreeMap::new();
        for naming in namings {
            if naming.rel == Rel::Replaces && naming.target == id {
                by_log.entry(naming.log_no).or_default().push(naming.at);
            }
        }
        let mut edits = Vec::new();
        for (no, seqs) in by_log {
            let by = self.log(no)?.log;
            if !self.may(feed_no, &by.device, &log.device)? {
                continue;
            }
            for seq in seqs {
                let entry = self.entry(no, &by, seq)?;
                edits.extend(entry.and_then(|entry| version(entry, &post.reference)));
            }
        }
        Ok(edits)
    }

    /// What `settle` says of an entry and its edits: the place of the one that shows, none for the entry itself.
    fn winner(post: &StoredEntry, edits: &[Version]) -> Option<usize> {
        let mut items = vec![StateItem {
            id: post.reference.id,
            time: post.time,
            replaces: Vec::new(),
        }];
        items.extend(edits.iter().map(Version::item));
        settle(&items)?.checked_sub(1)
    }

    /// The edit that shows in place of what an entry first said, if any does.
    pub(super) fn settled_edit(
        &self,
        feed_no: FeedNo,
        post: &StoredEntry,
        now: Timestamp,
    ) -> Result<Option<Version>, FeedsError> {
        let mut edits = self.edits_of(feed_no, post)?;
        let due = now.plus_millis(FUTURE_MILLIS);
        edits.retain(|Version { entry, .. }| {
            entry.time <= due && entry.expires.is_none_or(|at| at > now)
        });
        Ok(Self::winner(post, &edits).and_then(|at| edits.into_iter().nth(at)))
    }
}

impl FeedSnapshot {
    /// The edits that count for a held entry, oldest claim first; and which of them shows.
    pub(crate) fn versions(
        &self,
        post: &StoredEntry,
        now: Timestamp,
    ) -> Result<(Vec<Version>, Option<EntryId>), FeedsError> {
        let (feed_no, _) = self.facts.log(self.rows(), post.log_no)?;
        let mut edits = self.rows().edits_of(feed_no, post)?;
        edits.sort_by_key(|edit| (edit.entry.time, edit.entry.reference.id));
        let shown = self.rows().settled_edit(feed_no, post, now)?;
        Ok((edits, shown.map(|edit| edit.entry.reference.id)))
    }
}

fn version(entry: StoredEntry, post: &EntryRef) -> Option<Version> {
    if entry.kind.as_str() != Edit::KIND {
        return None;
    }
    let body = Body::decode(entry.body.as_deref()?).ok()?;
    let target = edited_by(&entry.reference.log, &body)?;
    let edit = decode_content(&body.content).ok()?;
    (target == *post).then_some(Version { entry, body, edit })
}
