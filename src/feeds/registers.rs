//! State merged from entries that name what they replace: profiles and follows.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;

use bytes::Bytes;

use super::batch::{FeedBatch, LogName, Note};
use super::error::FeedsError;
use super::keys::{self, FeedNo, Key, LogNo};
use super::row::{Profile, RegisterRow, decode, encode};
use super::rows::{Rows, StoredEntry};
use crate::format::limits::TAG_BYTES;
use crate::format::{
    Attachment, Body, Content as _, EntryId, EntryRef, FeedId, Follow, Kind, Label, Lane, List,
    OrderKey, Pin, ProfileField, Rel, Seq, StateItem, decode_content, derive, lanes, settle,
};
use crate::store::{Direction, prefix_end};

/// Changes of one piece of state that are looked at in one log: the last ones. Who changed a name more often than that
/// is read from there on, as if the rest were not held. The bound is on the work of a hostile feed.
const CHANGES: usize = 128;

/// Pieces of state of one kind that are looked at in one feed: declared tags and links, mostly. Which are passed over is
/// the same at every replica, since slots are hashes.
const SLOTS: usize = 256;

/// Bytes of a state key up to and with the log.
const SLOT_AND_LOG: usize = 21;

const WHAT: &str = "a change of state";
const DAMAGED: FeedsError = FeedsError::Damaged { what: WHAT };

/// The changes of each piece of state, with the place of each.
type Slots = BTreeMap<[u8; 8], Vec<((LogNo, Seq), StateItem)>>;

/// Which piece of state an entry is about. Entries of one slot replace one another; those of one lane are apart from those
/// of another, so that what is said in public never changes what is private, nor tells of it.
pub(super) fn slot_of(lane: &Lane, kind: &Kind, body: &Body) -> [u8; 8] {
    let name = match kind.as_str() {
        ProfileField::KIND => decode_content(&body.content)
            .ok()
            .map(|field| profile_slot(&field)),
        Follow::KIND => decode_content(&body.content)
            .ok()
            .map(|follow: Follow| follow.feed.as_bytes().to_vec()),
        // One pin for each entry, one label for each word about each feed or entry, one list for each name.
        Pin::KIND => Some(named_by(body, Rel::Pin)),
        Label::KIND => decode_content(&body.content).ok().map(|label: Label| {
            let of_feed = label.feed.map(|feed| feed.as_bytes().to_vec());
            let name = of_feed.unwrap_or_else(|| named_by(body, Rel::Root));
            [&name, label.value.as_bytes()].concat()
        }),
        List::KIND => decode_content(&body.content)
            .ok()
            .map(|list: List| list.name.into_bytes()),
        _ => None,
    };
    name.map_or([0; 8], |name| slot_in(lane, &name))
}

fn slot_in(lane: &Lane, name: &[u8]) -> [u8; 8] {
    derive::TAG.hash8(&[lane.as_str().as_bytes(), b":", name].concat())
}

fn named_by(body: &Body, rel: Rel) -> Vec<u8> {
    let target = body.targets(rel).next();
    target.map_or_else(Vec::new, |target| target.id.as_bytes().to_vec())
}

fn profile_slot(field: &ProfileField) -> Vec<u8> {
    let (name, value) = match field {
        ProfileField::Name(_) => ("name", ""),
        ProfileField::Bio(_) => ("bio", ""),
        ProfileField::Avatar => ("avatar", ""),
        ProfileField::TagAdded(tag) | ProfileField::TagRemoved(tag) => ("tag:", tag.as_str()),
        ProfileField::LinkAdded(link) | ProfileField::LinkRemoved(link) => ("link:", link.as_str()),
    };
    format!("{name}{value}").into_bytes()
}

/// One change of one piece of state, as the entry that made it says.
pub(super) struct RegisterChange<'a> {
    pub(super) id: EntryId,
    pub(super) order: OrderKey,
    pub(super) kind: &'a Kind,
    pub(super) body: &'a Body,
}

impl FeedBatch<'_> {
    /// Writes or takes away the row of one change of state, and remembers what has to be merged again.
    pub(super) fn index_state(
        &mut self,
        name: LogName,
        change: &RegisterChange<'_>,
        put: bool,
    ) -> Result<(), FeedsError> {
        let RegisterChange {
            kind, body, order, ..
        } = change;
        let kind_no = self.intern_kind(kind)?;
        let slot = slot_of(&name.id.lane, kind, body);
        let key = keys::state_slot(name.feed_no, kind_no, &slot)
            .u32(name.no)
            .u64(order.seq.0);
        if put {
            let replaces = body.targets(Rel::Replaces);
            let row = RegisterRow {
                id: change.id,
                time: order.time,
                replaces: replaces.map(|target| target.id).collect(),
            };
            self.tx.put(key.as_slice(), encode(&row))?;
        } else {
            self.tx.delete(key.as_slice())?;
        }
        let lane = name.id.lane;
        if kind.as_str() == ProfileField::KIND && lane == lanes::STATE {
            self.stale_profiles.insert(name.feed_no);
        }
        if kind.as_str() == Follow::KIND
            && lane == lanes::OWN
            && let Ok(Follow { feed, .. }) = decode_content(&body.content)
        {
            self.stale_follows.insert((name.feed_no, feed));
        }
        Ok(())
    }

    /// Merges what changed: once for each profile and follow, however many entries came.
    pub(super) fn merge_state(&mut self) -> Result<(), FeedsError> {
        for feed_no in std::mem::take(&mut self.stale_profiles) {
            self.merge_profile(feed_no)?;
        }
        for (feed_no, target) in std::mem::take(&mut self.stale_follows) {
            self.merge_follow(feed_no, &target)?;
        }
        Ok(())
    }

    fn merge_profile(&mut self, feed_no: FeedNo) -> Result<(), FeedsError> {
        let old = self.rows().profile(feed_no)?;
        let new = self.rows().merged_profile(feed_no)?;
        if new == old {
            return Ok(());
        }
        for gone in old.folded_tags().difference(&new.folded_tags()) {
            self.tx
                .delete(keys::profiles_by_tag(gone).u32(feed_no).as_slice())?;
        }
        for tag in new.folded_tags().difference(&old.folded_tags()) {
            self.tx.put(
                keys::profiles_by_tag(tag).u32(feed_no).as_slice(),
                Bytes::new(),
            )?;
        }
        Ok(self
            .tx
            .put(keys::profile(feed_no).as_slice(), encode(&new))?)
    }

    /// Follows what any own feed says is followed.
    fn merge_follow(&mut self, feed_no: FeedNo, feed: &FeedId) -> Result<(), FeedsError> {
        if !self.feed_row(feed_no)?.own {
            return Ok(());
        }
        let following =
            self.rows().follows(feed_no, feed)? || self.another_follows(feed_no, feed)?;
        let target = self.intern_feed(feed)?;
        let row = self.feed_row_mut(target)?;
        let (before, own) = (row.followed, row.own);
        row.followed = following;
        if own || before == following {
            return Ok(());
        }
        self.left_or_came(target, following)?;
        let feed = *feed;
        self.wanted_changed(if following {
            Note::Wanted { feed }
        } else {
            Note::Unwanted { feed }
        });
        Ok(())
    }

    fn another_follows(&self, but: FeedNo, feed: &FeedId) -> Result<bool, FeedsError> {
        let rows = self.rows();
        for (no, _) in rows
            .feeds()?
            .iter()
            .filter(|(no, row)| row.own && *no != but)
        {
            if rows.follows(*no, feed)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// What a new entry about one piece of state has to name as replaced: whatever counts now.
    pub(crate) fn replaced(
        &self,
        feed_no: FeedNo,
        (lane, kind): (&Lane, &Kind),
        body: &Body,
    ) -> Result<Option<EntryRef>, FeedsError> {
        let slot = slot_of(lane, kind, body);
        let winners = self
            .rows()
            .register_winners(feed_no, kind.as_str(), Some(slot))?;
        Ok(winners.into_iter().next().map(|(entry, _)| entry.reference))
    }

    /// The number of a feed that this node has met.
    pub(crate) fn feed_number(&mut self, feed: &FeedId) -> Result<FeedNo, FeedsError> {
        self.intern_feed(feed)
    }
}

impl Rows<'_> {
    /// A profile as the entries that are held of it say.
    pub(super) fn merged_profile(&self, feed_no: FeedNo) -> Result<Profile, FeedsError> {
        let mut profile = Profile::default();
        let mut winners = self.register_winners(feed_no, ProfileField::KIND, None)?;
        // Of too many pieces of state some are passed over; never these three.
        for field in [
            ProfileField::Name(String::new()),
            ProfileField::Bio(String::new()),
            ProfileField::Avatar,
        ] {
            let slot = slot_in(&lanes::STATE, &profile_slot(&field));
            winners.extend(self.register_winners(feed_no, ProfileField::KIND, Some(slot))?);
        }
        let public = winners
            .into_iter()
            .filter(|(entry, _)| entry.reference.log.lane == lanes::STATE);
        for (_, body) in public {
            if let Ok(field) = decode_content(&body.content) {
                profile.apply(field, body.attachments);
            }
        }
        Ok(profile)
    }

    /// Whether the state of an own feed says that another feed is followed.
    pub(super) fn follows(&self, own: FeedNo, feed: &FeedId) -> Result<bool, FeedsError> {
        let slot = slot_in(&lanes::OWN, feed.as_bytes());
        let says = |body: &Body| {
            decode_content(&body.content)
                .is_ok_and(|follow: Follow| follow.feed == *feed && follow.following)
        };
        let winners = self.register_winners(own, Follow::KIND, Some(slot))?;
        Ok(winners.iter().any(|(_, body)| says(body)))
    }

    /// The entries that count now: for each slot of a kind the one that the others lead to.
    pub(super) fn register_winners(
        &self,
        feed_no: FeedNo,
        kind: &str,
        slot: Option<[u8; 8]>,
    ) -> Result<Vec<(StoredEntry, Body)>, FeedsError> {
        let kind = Kind::new(kind)?;
        let Some(kind_no) = self.kind_no(&kind)? else {
            return Ok(Vec::new());
        };
        let prefix = slot.map_or_else(
            || keys::state_of(feed_no, kind_no),
            |slot| keys::state_slot(feed_no, kind_no, &slot),
        );
        let mut winners = Vec::new();
        for changes in self.changes_of_state(&prefix)?.into_values() {
            let (places, items): (Vec<_>, Vec<_>) = changes.into_iter().unzip();
            let Some(&(log_no, seq)) = settle(&items).and_then(|winner| places.get(winner)) else {
                continue;
            };
            let log = self.log(log_no)?.log;
            let Some(entry) = self.entry(log_no, &log, seq)? else {
                continue;
            };
            let body = entry
                .body
                .as_deref()
                .and_then(|bytes| Body::decode(bytes).ok());
            winners.extend(body.map(|body| (entry, body)));
        }
        Ok(winners)
    }

    /// The changes of each piece of state under a prefix, within [`SLOTS`] and [`CHANGES`].
    fn changes_of_state(&self, prefix: &Key) -> Result<Slots, FeedsError> {
        let mut slots = Slots::new();
        let mut to = prefix_end(prefix.as_slice());
        loop {
            let (mut place, mut count, mut full) = (None, 0, None);
            let mut failed = None;
            self.0.scan(
                prefix.as_slice(),
                to.as_deref(),
                Direction::Descending,
                &mut |key, value| {
                    let Ok((slot, log, seq, item)) = read_change(key, value) else {
                        failed = Some(DAMAGED);
                        return ControlFlow::Break(());
                    };
                    if place != Some((slot, log)) {
                        (place, count) = (Some((slot, log)), 0);
                    }
                    if !slots.contains_key(&slot) && slots.len() >= SLOTS {
                        return ControlFlow::Break(());
                    }
                    if count >= CHANGES {
                        full = key.get(..SLOT_AND_LOG).map(<[u8]>::to_vec);
                        return ControlFlow::Break(());
                    }
                    count += 1;
                    slots.entry(slot).or_default().push(((log, seq), item));
                    ControlFlow::Continue(())
                },
            )?;
            match (failed, full) {
                (Some(error), _) => return Err(error),
                (None, None) => return Ok(slots),
                // On with the next log, below all of this one's.
                (None, full) => to = full,
            }
        }
    }
}

fn read_change(key: &[u8], value: &[u8]) -> Result<([u8; 8], LogNo, Seq, StateItem), FeedsError> {
    let slot = key.get(9..17).and_then(|slot| slot.try_into().ok());
    let log = keys::u32_at(key, 17);
    let seq = keys::u64_at(key, 21);
    let (Some(slot), Some(log), Some(seq)) = (slot, log, seq) else {
        return Err(DAMAGED);
    };
    let RegisterRow { id, time, replaces } = decode(WHAT, value)?;
    Ok((slot, log, Seq(seq), StateItem { id, time, replaces }))
}

impl Profile {
    /// Its tags, in the form in which tags are compared.
    pub(super) fn folded_tags(&self) -> BTreeSet<String> {
        let folded = self.tags.iter().map(|tag| Body::fold_tag(tag));
        folded.filter(|tag| !tag.is_empty()).collect()
    }

    fn apply(&mut self, field: ProfileField, attachments: Vec<Attachment>) {
        let some = |text: String| Some(text).filter(|text| !text.is_empty());
        match field {
            ProfileField::Name(name) => self.name = some(name),
            ProfileField::Bio(bio) => self.bio = some(bio),
            ProfileField::TagAdded(tag) if tag.len() > TAG_BYTES => {}
            ProfileField::TagAdded(tag) => drop(self.tags.insert(tag)),
            ProfileField::LinkAdded(link) => drop(self.links.insert(link)),
            ProfileField::Avatar => self.avatar = attachments.into_iter().next(),
            // Removed tags and links are the absence of their slot's winner.
            ProfileField::TagRemoved(_) | ProfileField::LinkRemoved(_) => {}
        }
    }
}
