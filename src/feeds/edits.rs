//! Edits: which of them shows, and the tags under which an edited entry is found.

use std::collections::BTreeSet;
use std::ops::Range;

use super::amendments::{EDITS, LookupCache, edited_by};
use super::batch::{FeedBatch, LogName};
use super::error::FeedsError;
use super::index::{folded, is_shown_kind, is_shown_lane};
use super::keys::FeedNo;
use super::origin::{as_edit_of, origins_in};
use super::rows::{Rows, StoredEntry};
use super::snapshot::FeedSnapshot;
use crate::format::limits::FUTURE_MILLIS;
use crate::format::{
    Body, Content as _, Edit, EntryId, EntryRef, Rel, Seq, StateItem, Timestamp, decode_content,
    settle,
};

/// One edit that counts for an entry.
#[derive(Debug, Clone)]
pub(crate) struct EditVersion {
    pub(crate) entry: StoredEntry,
    pub(crate) body: Body,
    pub(crate) edit: Edit,
}

impl EditVersion {
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
    pub(super) fn refile_edited(&mut self) -> Result<(), FeedsError> {
        for ((no, seq), mut stale) in std::mem::take(&mut self.stale_tags) {
            let name = self.log_name(no)?;
            let mut contents = self.stale_contents.remove(&(no, seq)).unwrap_or_default();
            let Some(entry) = self.rows().entry(no, &name.id, seq)? else {
                continue;
            };
            for passed in self.edits_passed_over(name, &entry)? {
                stale.extend(folded(&passed.body.tags));
                contents.push(passed.edit.content);
            }
            self.refile_fields(name, &entry, &contents)?;
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

    /// Takes entries that are about to go from under the tags and keys of their edits, which may stay.
    pub(super) fn leave_tags(
        &mut self,
        name: LogName,
        part: &Range<Seq>,
    ) -> Result<(), FeedsError> {
        for (seq, rel) in self.rows().named(name.feed_no, &name.order, part)? {
            let Some(entry) = self.rows().entry(name.no, &name.id, seq)? else {
                continue;
            };
            if rel != Rel::Replaces {
                continue;
            }
            let mut tags = self.stale_tags.remove(&(name.no, seq)).unwrap_or_default();
            let contents = self.stale_contents.remove(&(name.no, seq));
            for edit in self.rows().edits_of(name.feed_no, &entry)? {
                tags.extend(folded(&edit.body.tags));
            }
            let order = name.place(entry.time, seq);
            for tag in &tags {
                self.set_tag(tag, (&order, name.no), false)?;
            }
            let bare = StoredEntry {
                body: None,
                ..entry
            };
            self.refile_fields(name, &bare, &contents.unwrap_or_default())?;
        }
        Ok(())
    }

    /// Edits of an entry that this write made too old to be looked at.
    fn edits_passed_over(
        &mut self,
        name: LogName,
        post: &StoredEntry,
    ) -> Result<Vec<EditVersion>, FeedsError> {
        let new = self
            .new_edits
            .remove(&(name.no, post.reference.seq))
            .unwrap_or_default();
        let mut passed = Vec::new();
        for (no, count) in new {
            let by = self.log_name(no)?.id;
            let rows = self.rows();
            for at in rows.edits_passed_over(name.feed_no, &post.reference, no, count)? {
                let entry = rows.entry(no, &by, at)?;
                passed.extend(entry.and_then(|entry| version(entry, &post.reference)));
            }
        }
        Ok(passed)
    }
}

impl Rows<'_> {
    /// The edits that count for a held entry, in no order that means anything.
    pub(super) fn edits_of(
        &self,
        feed_no: FeedNo,
        post: &StoredEntry,
    ) -> Result<Vec<EditVersion>, FeedsError> {
        let mut cache = LookupCache::default();
        let mut edits = self.edits_naming(feed_no, &post.reference, &mut cache)?;
        let body = post.body.as_deref();
        if let Some(body) = body.and_then(|bytes| Body::decode(bytes).ok()) {
            for origin in origins_in(&post.reference.log.feed, &body) {
                edits.extend(self.edits_naming(feed_no, &origin, &mut cache)?);
            }
        }
        Ok(edits)
    }

    fn edits_naming(
        &self,
        feed_no: FeedNo,
        post: &EntryRef,
        cache: &mut LookupCache,
    ) -> Result<Vec<EditVersion>, FeedsError> {
        let EntryRef { log, seq, id } = *post;
        let of = (feed_no, Rel::Replaces);
        let namings = self.namings_of(of, (&log, seq, id), EDITS, cache)?;
        let mut edits = Vec::new();
        for (by, naming) in namings {
            let entry = self.entry(naming.log_no, &by, naming.at)?;
            edits.extend(entry.and_then(|entry| version(entry, post)));
        }
        Ok(edits)
    }

    /// The edit that shows in place of what an entry first said, if any does.
    pub(super) fn shown_edit(
        &self,
        feed_no: FeedNo,
        post: &StoredEntry,
        now: Timestamp,
    ) -> Result<Option<EditVersion>, FeedsError> {
        let edits = self.edits_of(feed_no, post)?;
        Ok(shown_of(post, &edits, now).cloned())
    }
}

impl FeedSnapshot {
    /// The edits that count for a held entry, oldest claim first; and which of them shows.
    pub(crate) fn versions(
        &self,
        post: &StoredEntry,
        now: Timestamp,
    ) -> Result<(Vec<EditVersion>, Option<EntryId>), FeedsError> {
        let (feed_no, _) = self.facts.log(self.rows(), post.log_no)?;
        let mut edits = self.rows().edits_of(feed_no, post)?;
        edits.sort_by_key(|edit| (edit.entry.time, edit.entry.reference.id));
        let shown = shown_of(post, &edits, now).map(|edit| edit.entry.reference.id);
        Ok((edits, shown))
    }
}

/// What `settle` says of an entry and its edits: the one that shows, none for the entry itself.
pub(super) fn shown_of<'e>(
    post: &StoredEntry,
    edits: &'e [EditVersion],
    now: Timestamp,
) -> Option<&'e EditVersion> {
    let due = now.plus_millis(FUTURE_MILLIS);
    let is_due = |EditVersion { entry, .. }: &&EditVersion| {
        entry.time <= due && entry.expires.is_none_or(|at| at > now)
    };
    let edits: Vec<_> = edits.iter().filter(is_due).collect();
    let mut items = vec![StateItem {
        id: post.reference.id,
        time: post.time,
        replaces: Vec::new(),
    }];
    items.extend(
        edits
            .iter()
            .map(|edit| as_edit_of(post.reference.id, edit.item())),
    );
    edits.get(settle(&items)?.checked_sub(1)?).copied()
}

fn version(entry: StoredEntry, post: &EntryRef) -> Option<EditVersion> {
    if entry.kind.as_str() != Edit::KIND {
        return None;
    }
    let body = Body::decode(entry.body.as_deref()?).ok()?;
    let target = edited_by(&entry.reference.log, &body)?;
    let edit = decode_content(&body.content).ok()?;
    (target == *post).then_some(EditVersion { entry, body, edit })
}
