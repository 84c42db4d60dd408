//! A moment of the store, to read from for as long as it is held.

use std::ops::ControlFlow;
use std::sync::Arc;

use super::error::FeedsError;
use super::facts::Facts;
use super::row::{FeedRow, Profile, decode};
use super::rows::{Rows, StoredEntry};
use super::{Counters, keys};
use crate::format::{Body, EntryRef, FeedId, Seq, Statement, Timestamp};
use crate::store::{ReadTx, prefix_end};

/// A moment of the store. Writes go on meanwhile and are not seen.
pub(crate) struct FeedSnapshot {
    tx: Box<dyn ReadTx>,
    counters: Counters,
    pub(super) facts: Arc<Facts>,
}

/// One followed feed, as a list of them shows it.
#[derive(Debug, Clone)]
pub(crate) struct FollowedFeed {
    pub(crate) feed: FeedId,
    pub(crate) profile: Profile,
    pub(crate) entries: u64,
    pub(crate) newest: Option<Timestamp>,
}

impl FeedSnapshot {
    pub(super) fn new(tx: Box<dyn ReadTx>, counters: Counters, facts: Arc<Facts>) -> Self {
        Self {
            tx,
            counters,
            facts,
        }
    }

    pub(super) fn tx(&self) -> &dyn ReadTx {
        &*self.tx
    }

    pub(super) fn rows(&self) -> Rows<'_> {
        Rows(&*self.tx)
    }

    pub(super) const fn counters(&self) -> Counters {
        self.counters
    }

    /// The arrival number that the first thing stored after this moment has.
    pub(crate) const fn arrival(&self) -> u64 {
        self.counters.arrival
    }

    /// How many times a feed began or ceased to be wanted before this moment.
    pub(super) const fn wanted_version(&self) -> u64 {
        self.counters.wanted
    }

    /// A feed's profile; empty for a feed never met.
    pub(crate) fn profile(&self, feed: &FeedId) -> Result<Profile, FeedsError> {
        self.rows()
            .feed_no(feed)?
            .map_or_else(|| Ok(Profile::default()), |no| self.rows().profile(no))
    }

    /// Own and followed feeds: what is wanted and served.
    pub(crate) fn wanted(&self) -> Result<Vec<FeedId>, FeedsError> {
        let feeds = self.rows().feeds()?;
        Ok(feeds
            .into_iter()
            .filter(|(_, row)| row.is_wanted())
            .map(|(_, row)| row.id)
            .collect())
    }

    /// Whether any feed is wanted: the own one is the first that a store meets, so this reads one row.
    pub(crate) fn wants_any(&self) -> Result<bool, FeedsError> {
        let what = "the row of a feed";
        let (mut found, end) = (false, prefix_end(&[keys::FEEDS]));
        self.rows()
            .visit(&[keys::FEEDS], end.as_deref(), |_, value| {
                found = decode::<FeedRow>(what, value)?.is_wanted();
                Ok(if found {
                    ControlFlow::Break(())
                } else {
                    ControlFlow::Continue(())
                })
            })?;
        Ok(found)
    }

    /// Whether a feed is wanted, and so shown and served.
    pub(crate) fn is_wanted(&self, feed: &FeedId) -> Result<bool, FeedsError> {
        Ok(self
            .rows()
            .known_feed(feed)?
            .is_some_and(|(_, row)| row.is_wanted()))
    }

    /// Followed feeds, in the order in which this node met them.
    pub(crate) fn followed(&self, now: Timestamp) -> Result<Vec<FollowedFeed>, FeedsError> {
        let rows = self.rows();
        let mut followed = Vec::new();
        for (no, row) in rows
            .feeds()?
            .into_iter()
            .filter(|(_, row)| row.followed && !row.own)
        {
            let newest = self.newest_of(&row.id, now)?;
            followed.push(FollowedFeed {
                feed: row.id,
                profile: rows.profile(no)?,
                entries: rows.entries_of(no)?,
                newest,
            });
        }
        Ok(followed)
    }

    fn newest_of(&self, feed: &FeedId, now: Timestamp) -> Result<Option<Timestamp>, FeedsError> {
        let query = super::Query {
            feed: Some(*feed),
            ..super::Query::default()
        };
        let page = self.page(&query, None, 1, now)?;
        Ok(page.into_iter().find_map(|row| match row {
            super::PageRow::Entry { order, .. } => Some(order.time),
            _ => None,
        }))
    }

    /// Entries held: of the own feeds, and of all.
    pub(crate) fn counts(&self) -> Result<(u64, u64), FeedsError> {
        let Counters {
            own_entries,
            entries,
            ..
        } = self.counters;
        Ok((own_entries, entries))
    }

    /// One entry by its full name, if it is held and is the one that is named.
    pub(crate) fn entry(
        &self,
        name: &EntryRef,
    ) -> Result<Option<(StoredEntry, Option<Body>)>, FeedsError> {
        let Some(log_no) = self.rows().log_no(&name.log)? else {
            return Ok(None);
        };
        let entry = self.rows().entry(log_no, &name.log, name.seq)?;
        Ok(entry
            .filter(|entry| entry.reference.id == name.id)
            .map(with_body))
    }

    /// One entry by this store's own short name for it.
    pub(crate) fn entry_by_number(
        &self,
        log_no: u32,
        seq: Seq,
    ) -> Result<Option<(StoredEntry, Option<Body>)>, FeedsError> {
        if !self.tx.contains(keys::log(log_no).as_slice())? {
            return Ok(None);
        }
        let log = self.rows().log(log_no)?.log;
        Ok(self.rows().entry(log_no, &log, seq)?.map(with_body))
    }

    /// The verified statements of a feed.
    pub(crate) fn statement_set(&self, feed: &FeedId) -> Result<Vec<Statement>, FeedsError> {
        self.rows()
            .feed_no(feed)?
            .map_or_else(|| Ok(Vec::new()), |no| self.rows().statements(no))
    }
}

fn with_body(entry: StoredEntry) -> (StoredEntry, Option<Body>) {
    let body = entry
        .body
        .as_deref()
        .and_then(|bytes| Body::decode(bytes).ok());
    (entry, body)
}

impl std::fmt::Debug for FeedSnapshot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "FeedSnapshot(at {})", self.counters.arrival)
    }
}
