//! State merged from entries that name what they replace: profiles and follows.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;

use super::batch::{FeedBatch, Note};
use super::error::FeedsError;
use super::keys::{self, FeedNo, LogNo};
use super::row::{LogRow, Profile, StateRow, encode};
use super::rows::{Rows, StoredEntry};
use crate::format::{
    Body, Content as _, EntryId, EntryRef, Follow, Kind, OrderKey, ProfileField, Rel, Seq,
    StateItem, decode_content, derive, lanes, settle,
};

/// Which piece of state an entry is about. Entries of one slot replace one another.
fn slot_of(kind: &Kind, body: &Body) -> [u8; 8] {
    let name = match kind.as_str() {
        ProfileField::KIND => decode_content(&body.content)
            .ok()
            .map(|field| profile_slot(&field)),
        Follow::KIND => decode_content(&body.content)
            .ok()
            .map(|follow: Follow| follow.feed.as_bytes().to_vec()),
        _ => None,
    };
    name.map_or([0; 8], |name| derive::TAG.hash8(&name))
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

impl FeedBatch<'_> {
    /// Writes or takes away the row of one change of state, and remembers what has to be merged again.
    #[expect(
        clippy::too_many_arguments,
        reason = "one entry, as its caller holds it in parts"
    )]
    pub(super) fn index_state(
        &mut self,
        log_no: LogNo,
        row: &LogRow,
        order: OrderKey,
        id: EntryId,
        kind: &Kind,
        body: &Body,
        put: bool,
    ) -> Result<(), FeedsError> {
        let kind_no = self.intern_kind(kind)?;
        let slot = slot_of(kind, body);
        let key = keys::state_slot(row.feed_no, kind_no, &slot)
            .u32(log_no)
            .u64(order.seq.0);
        if put {
            let replaces = body
                .targets(Rel::Replaces)
                .map(|target| target.id)
                .collect();
            self.tx.put(
                key.as_slice(),
                encode(&StateRow {
                    id,
                    time: order.time,
                    replaces,
                }),
            )?;
        } else {
            self.tx.delete(key.as_slice())?;
        }
        if kind.as_str() == ProfileField::KIND && row.log.lane == lanes::STATE {
            self.stale_profiles.insert(row.feed_no);
        }
        if kind.as_str() == Follow::KIND && row.log.lane == lanes::OWN {
            self.stale_follows.insert((row.feed_no, slot));
        }
        Ok(())
    }

    /// Merges what changed: once for each profile and follow, however many entries came.
    pub(super) fn merge_state(&mut self) -> Result<(), FeedsError> {
        for feed_no in std::mem::take(&mut self.stale_profiles) {
            self.merge_profile(feed_no)?;
        }
        for (feed_no, slot) in std::mem::take(&mut self.stale_follows) {
            self.merge_follow(feed_no, slot)?;
        }
        Ok(())
    }

    fn merge_profile(&mut self, feed_no: FeedNo) -> Result<(), FeedsError> {
        let old = self.rows().profile(feed_no)?;
        let mut new = Profile::default();
        for (entry, body) in self.rows().settled(feed_no, ProfileField::KIND, None)? {
            debug_assert_eq!(entry.kind.as_str(), ProfileField::KIND);
            if let Ok(field) = decode_content(&body.content) {
                new.apply(field);
            }
        }
        let tags = |profile: &Profile| {
            profile
                .tags
                .iter()
                .map(|tag| Body::fold_tag(tag))
                .collect::<BTreeSet<_>>()
        };
        for gone in tags(&old).difference(&tags(&new)) {
            self.tx
                .delete(keys::profiles_by_tag(gone).u32(feed_no).as_slice())?;
        }
        for tag in tags(&new).difference(&tags(&old)) {
            self.tx.put(
                keys::profiles_by_tag(tag).u32(feed_no).as_slice(),
                Bytes::new(),
            )?;
        }
        Ok(self
            .tx
            .put(keys::profile(feed_no).as_slice(), encode(&new))?)
    }

    fn merge_follow(&mut self, feed_no: FeedNo, slot: [u8; 8]) -> Result<(), FeedsError> {
        if !self.feed_row(feed_no)?.own {
            return Ok(());
        }
        for (_, body) in self.rows().settled(feed_no, Follow::KIND, Some(slot))? {
            let Ok(Follow { feed, following }) = decode_content(&body.content) else {
                continue;
            };
            let target = self.intern_feed(&feed)?;
            let row = self.feed_row_mut(target)?;
            let (before, own) = (row.followed, row.own);
            row.followed = following;
            if own || before == following {
                continue;
            }
            self.notes.push(if following {
                Note::Wanted { feed }
            } else {
                Note::Unwanted { feed }
            });
        }
        Ok(())
    }

    /// What a new entry about one piece of state has to name as replaced: whatever counts now.
    pub(crate) fn replaced(
        &mut self,
        feed_no: FeedNo,
        kind: &Kind,
        body: &Body,
    ) -> Result<Option<EntryRef>, FeedsError> {
        let slot = slot_of(kind, body);
        let settled = self.rows().settled(feed_no, kind.as_str(), Some(slot))?;
        Ok(settled.into_iter().next().map(|(entry, _)| entry.reference))
    }

    /// The number of a feed that this node has met.
    pub(crate) fn feed_number(
        &mut self,
        feed: &crate::format::FeedId,
    ) -> Result<FeedNo, FeedsError> {
        self.intern_feed(feed)
    }
}

impl Rows<'_> {
    /// The entries that count now: for each slot of a kind the one that the others lead to.
    pub(super) fn settled(
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
        let mut slots: BTreeMap<[u8; 8], Vec<(LogNo, Seq, StateItem)>> = BTreeMap::new();
        for (slot, log_no, seq, StateRow { id, time, replaces }) in self.state(&prefix)? {
            slots
                .entry(slot)
                .or_default()
                .push((log_no, seq, StateItem { id, time, replaces }));
        }
        let mut winners = Vec::with_capacity(slots.len());
        for items in slots.into_values() {
            let (places, items): (Vec<_>, Vec<_>) = items
                .into_iter()
                .map(|(log, seq, item)| ((log, seq), item))
                .unzip();
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
}

impl Profile {
    fn apply(&mut self, field: ProfileField) {
        let some = |text: String| Some(text).filter(|text| !text.is_empty());
        match field {
            ProfileField::Name(name) => self.name = some(name),
            ProfileField::Bio(bio) => self.bio = some(bio),
            ProfileField::TagAdded(tag) => drop(self.tags.insert(tag)),
            ProfileField::LinkAdded(link) => drop(self.links.insert(link)),
            // Removed tags and links are the absence of their slot's winner; pictures come with media.
            ProfileField::TagRemoved(_) | ProfileField::LinkRemoved(_) | ProfileField::Avatar => {}
        }
    }
}
