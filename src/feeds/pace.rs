//! How often what others sign may change which devices of a feed count: each such change goes through what is stored.
//!
//! Of each feed sixteen changes are taken at once and then one a minute. What comes beyond waits in memory, all of it as one
//! set, which has the bounds of any other, and is taken with the next change: nothing that honest people sign is lost, and
//! what a restart forgets is told again by peers, since digests differ.

use std::collections::HashMap;

use super::FeedStore;
use super::batch::FeedBatch;
use super::error::FeedsError;
use super::keys::FeedNo;
use crate::format::{FeedId, Statement, Statements, Timestamp};

/// Changes at once. Whoever sets up a few devices, or comes back after a year, needs no more.
const BURST: i64 = 16;
/// Milliseconds until there is room for one more.
const EVERY: i64 = 60 * 1_000;

/// The changes of each feed of late.
#[derive(Debug, Default)]
pub(super) struct Paces(HashMap<FeedNo, FeedPace>);

#[derive(Debug)]
struct FeedPace {
    /// When all the room is there again, if nothing more comes.
    whole: Timestamp,
    waiting: Option<Statements>,
}

impl FeedPace {
    /// When there is room for one more change.
    fn due(&self) -> Timestamp {
        self.whole.plus_millis(-(BURST - 1) * EVERY)
    }

    /// Spends the room for one change, if there is any. A clock that was set back makes nobody wait longer than a change of
    /// all the room takes.
    fn spend(&mut self, now: Timestamp) -> bool {
        self.whole = self.whole.min(now.plus_millis(BURST * EVERY)).max(now);
        let is_due = self.due() <= now;
        if is_due {
            self.whole = self.whole.plus_millis(EVERY);
        }
        is_due
    }
}

impl Paces {
    fn of(&mut self, no: FeedNo, now: Timestamp) -> &mut FeedPace {
        /// Feeds remembered before those are forgotten that have all their room.
        const FEEDS: usize = 1_024;
        if self.0.len() >= FEEDS {
            self.0
                .retain(|_, pace| pace.whole > now || pace.waiting.is_some());
        }
        self.0.entry(no).or_insert_with(|| FeedPace {
            whole: now,
            waiting: None,
        })
    }

    /// When the first of those that wait can be taken.
    pub(super) fn due(&self) -> Option<Timestamp> {
        let waiting = self.0.values().filter(|pace| pace.waiting.is_some());
        waiting.map(FeedPace::due).min()
    }
}

impl FeedStore {
    fn with_pace<T>(&self, no: FeedNo, now: Timestamp, act: impl FnOnce(&mut FeedPace) -> T) -> T {
        act(self.upkeep().paces.of(no, now))
    }
}

impl FeedBatch<'_> {
    /// Takes verified statements that a peer sent, at once or when their feed has room for one more change; says whether
    /// anything changed now.
    pub(crate) fn take_paced_statements(
        &mut self,
        feed: &FeedId,
        items: Vec<Statement>,
    ) -> Result<bool, FeedsError> {
        let (no, now) = (self.intern_feed(feed)?, self.now);
        let before = self.trust(no, feed)?;
        let is_new = |item: &Statement| !before.statements.contains(item.id());
        if !items.iter().any(is_new) {
            return Ok(false);
        }
        let has_room = self
            .store
            .with_pace(no, now, |pace| pace.waiting.is_none() && pace.due() <= now);
        let changes = !has_room || {
            let mut after = before.statements.clone();
            after.merge(items.iter().cloned());
            after.judge() != before.standing
        };
        let waits = changes
            && self.store.with_pace(no, now, |pace| {
                if has_room && pace.spend(now) {
                    return false;
                }
                let waiting = pace
                    .waiting
                    .get_or_insert_with(|| before.statements.clone());
                waiting.merge(items.iter().cloned());
                true
            });
        if waits {
            return Ok(false);
        }
        self.take_statements(feed, items)
    }

    /// Takes the statements that waited long enough.
    pub(super) fn take_waiting(&mut self) -> Result<(), FeedsError> {
        let now = self.now;
        let mut due = Vec::new();
        for (no, pace) in &mut self.store.upkeep().paces.0 {
            if pace.waiting.is_some() && pace.spend(now) {
                due.extend(pace.waiting.take().map(|statements| (*no, statements)));
            }
        }
        for (no, statements) in due {
            let feed = self.feed_row(no)?.id;
            if self.feed_row(no)?.is_wanted() {
                self.take_statements(&feed, statements.iter().cloned().collect())?;
            }
        }
        Ok(())
    }
}
