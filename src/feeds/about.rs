//! What an entry shows besides its bytes: whether its body is there and why not, edits, reactions, replies.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;

use super::amendments;
use super::erase::DELETED;
use super::error::FeedsError;
use super::keys::{self, FeedNo, Key, LogNo, READ};
use super::origin::origins_in;
use super::rows::{Rows, StoredEntry};
use super::snapshot::FeedSnapshot;
use crate::format::limits::FUTURE_MILLIS;
use crate::format::{Body, EntryId, EntryRef, Reaction, Rel, Timestamp};
use crate::store::prefix_end;

/// Rows read of what points at an entry before it is asked for by relation: most entries have fewer.
const FEW: usize = 64;
/// Rows counted of one relation; what is beyond is not counted. The bound is on the work of a page.
const MANY: usize = 10_000;

/// Whether the body of an entry can be read here, and why not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum EntryState {
    /// It is held.
    Held,
    /// It is not held here yet, which says nothing about whether it still exists.
    NotHeld,
    /// It is held and no body of this format: perhaps one of a later version.
    Unreadable,
    /// Its author deleted it.
    Deleted,
    /// Its time is over.
    Expired,
}

/// What an entry shows besides its bytes.
#[derive(Debug, Clone)]
pub(crate) struct About {
    pub(crate) state: EntryState,
    /// The claimed time of the edit that shows.
    pub(crate) edited: Option<Timestamp>,
    pub(crate) replies: u64,
    /// How many feeds reacted with each emoji, in the greatest of the forms that they wrote.
    pub(crate) reactions: BTreeMap<String, u64>,
    /// It says again what another one shows.
    pub(crate) gives_way: bool,
}

/// One row of what points at an entry.
struct Pointer {
    rel: Rel,
    log_no: LogNo,
    is_read: bool,
    reacts: Option<(FeedNo, String)>,
}

/// Whether an entry's time is over.
pub(super) fn is_over(entry: &StoredEntry, now: Timestamp) -> bool {
    entry.expires.is_some_and(|at| at <= now) && !amendments::is_delete(&entry.kind)
}

fn readable(entry: &StoredEntry, now: Timestamp) -> Option<Body> {
    let bytes = entry.body.as_deref().filter(|_| !is_over(entry, now))?;
    Body::decode(bytes).ok()
}

impl FeedSnapshot {
    /// What an entry shows: its body as last edited, and what others say of it.
    pub(crate) fn about(
        &self,
        entry: &StoredEntry,
        now: Timestamp,
    ) -> Result<(Option<Body>, About), FeedsError> {
        let mut about = About {
            state: EntryState::Held,
            edited: None,
            replies: 0,
            reactions: BTreeMap::new(),
            gives_way: false,
        };
        let body = readable(entry, now);
        let origins: Vec<EntryRef> = match &body {
            Some(body) => origins_in(&entry.reference.log.feed, body).collect(),
            None => Vec::new(),
        };
        let ids: Vec<EntryId> = std::iter::once(entry.reference.id)
            .chain(origins.iter().map(|origin| origin.id))
            .collect();
        let has_edits = self.count(&ids, now, &mut about)?;
        let Some(body) = body else {
            about.state = self.why_not(entry, now)?;
            return Ok((None, about));
        };
        if !has_edits && origins.is_empty() {
            return Ok((Some(body), about));
        }
        let (feed_no, _) = self.facts.log(self.rows(), entry.log_no)?;
        if !origins.is_empty() {
            about.gives_way = self.rows().gives_way(feed_no, entry, &origins)?;
        }
        let Some(edit) = self.rows().shown_edit(feed_no, entry, now)? else {
            return Ok((Some(body), about));
        };
        about.edited = Some(edit.entry.time);
        Ok((Some(edit.applied_to(body)), about))
    }

    /// Whether the body of an entry can be read, and why not.
    pub(crate) fn state_of(
        &self,
        entry: &StoredEntry,
        now: Timestamp,
    ) -> Result<EntryState, FeedsError> {
        match readable(entry, now) {
            Some(_) => Ok(EntryState::Held),
            None => self.why_not(entry, now),
        }
    }

    /// Why there is no body to be read.
    fn why_not(&self, entry: &StoredEntry, now: Timestamp) -> Result<EntryState, FeedsError> {
        let why = self.rows().erased(entry.log_no, entry.reference.seq)?;
        Ok(match &entry.body {
            _ if why & DELETED != 0 => EntryState::Deleted,
            _ if why != 0 || is_over(entry, now) => EntryState::Expired,
            Some(_) => EntryState::Unreadable,
            None => EntryState::NotHeld,
        })
    }

    /// What points at an entry, as far as it is counted.
    fn pointers_to(&self, id: &EntryId, now: Timestamp) -> Result<Vec<Pointer>, FeedsError> {
        let target = keys::of_target(id);
        let due = now.plus_millis(FUTURE_MILLIS);
        let (mut pointers, is_all) = self.rows().pointers(&target, due, FEW)?;
        if !is_all {
            pointers.clear();
            for (rel, most) in [
                (Rel::Reply, MANY),
                (Rel::Reaction, MANY),
                (Rel::Replaces, 1),
            ] {
                let of_rel = target.clone().raw(&[rel.into()]);
                pointers.extend(self.rows().pointers(&of_rel, due, most)?.0);
            }
        }
        Ok(pointers)
    }

    /// Counts what points at an entry, or at what it says again; says whether edits do.
    fn count(
        &self,
        ids: &[EntryId],
        now: Timestamp,
        about: &mut About,
    ) -> Result<bool, FeedsError> {
        let mut pointers = Vec::new();
        for id in ids {
            pointers.extend(self.pointers_to(id, now)?);
        }
        let mut reactions = BTreeMap::<String, (String, BTreeSet<FeedNo>)>::new();
        let mut has_edits = false;
        for pointer in pointers {
            match pointer.rel {
                Rel::Reply if pointer.is_read => {
                    about.replies += u64::from(self.is_shown_log(pointer.log_no)?);
                }
                Rel::Reaction => {
                    let Some((feed_no, emoji)) = pointer.reacts else {
                        continue;
                    };
                    if self.is_wanted_no(feed_no)? {
                        let folded = Reaction::fold(&emoji).into_owned();
                        let (written, by) = reactions.entry(folded).or_default();
                        by.insert(feed_no);
                        if *written < emoji {
                            *written = emoji;
                        }
                    }
                }
                Rel::Replaces => has_edits = true,
                _ => {}
            }
        }
        let counts = reactions.into_values();
        about.reactions = counts
            .map(|(written, by)| (written, by.len() as u64))
            .collect();
        Ok(has_edits)
    }

    fn is_shown_log(&self, log_no: LogNo) -> Result<bool, FeedsError> {
        let (feed_no, _) = self.facts.log(self.rows(), log_no)?;
        self.is_wanted_no(feed_no)
    }

    pub(super) fn is_wanted_no(&self, feed_no: FeedNo) -> Result<bool, FeedsError> {
        self.facts
            .is_wanted(self.rows(), self.wanted_version(), feed_no)
    }
}

impl Rows<'_> {
    /// What points at an entry and is due, oldest claim first within each relation, and whether that is all.
    fn pointers(
        &self,
        prefix: &Key,
        due: Timestamp,
        limit: usize,
    ) -> Result<(Vec<Pointer>, bool), FeedsError> {
        let mut left = limit;
        let to = prefix_end(prefix.as_slice());
        let mut found = Vec::new();
        self.visit(prefix.as_slice(), to.as_deref(), |key, value| {
            let damaged = || FeedsError::Damaged {
                what: "an index row",
            };
            let rel = *key.get(17).ok_or_else(damaged)?;
            let (order, log_no) = keys::place_at_end(key).ok_or_else(damaged)?;
            let (mark, extra) = value.split_first().ok_or_else(damaged)?;
            let emoji = extra.get(4..).map(String::from_utf8_lossy);
            let reacts = keys::u32_at(extra, 0).zip(emoji.map(Into::into));
            if order.time <= due {
                found.push(Pointer {
                    rel: Rel::from(rel),
                    log_no,
                    is_read: mark & READ != 0,
                    reacts,
                });
            }
            left -= 1;
            Ok(if left > 0 {
                ControlFlow::Continue(())
            } else {
                ControlFlow::Break(())
            })
        })?;
        Ok((found, left > 0))
    }
}
