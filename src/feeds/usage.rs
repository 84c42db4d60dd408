//! What each feed takes on the disk.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;

use super::FeedStore;
use super::budget::Upkeep;
use super::error::FeedsError;
use super::keys::{self, FeedNo, Key, LogNo};
use super::snapshot::FeedSnapshot;
use crate::format::{BlobHash, FeedId};

const WHAT: &str = "a reference to a blob";

/// Bytes held of one feed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeedStorage {
    feed: FeedId,
    name: Option<String>,
    wanted: bool,
    entries: u64,
    entry_bytes: u64,
    erased_bytes: u64,
    aside_bytes: u64,
    media_bytes: u64,
    budget: Option<(u64, u64)>,
    dropped: (u64, u64),
    passed_over: u64,
}

impl FeedStorage {
    /// Whose.
    pub const fn feed(&self) -> FeedId {
        self.feed
    }

    /// The name in that person's profile.
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// Whether the feed is the own one or followed. What is held of others is kept, not shown and not served.
    pub const fn is_wanted(&self) -> bool {
        self.wanted
    }

    /// Entries held, in all lanes.
    pub const fn entries(&self) -> u64 {
        self.entries
    }

    /// Bytes of these entries as they lie in the store, without indexes.
    pub const fn entry_bytes(&self) -> u64 {
        self.entry_bytes
    }

    /// Bytes of deleted entries that can still be put back; a purge frees them.
    pub const fn erased_bytes(&self) -> u64 {
        self.erased_bytes
    }

    /// Bytes of what devices wrote that were retired since, or of another branch than the true one, kept for a while in
    /// case it counts again.
    pub const fn aside_bytes(&self) -> u64 {
        self.aside_bytes
    }

    /// How many bytes and entries are kept of it at the most; none of the own feed, all of which is kept.
    pub const fn budget(&self) -> Option<(u64, u64)> {
        self.budget
    }

    /// Entries that were dropped here since the feed was past its budget, and are not asked for again.
    pub const fn dropped_entries(&self) -> u64 {
        self.dropped.0
    }

    /// Bytes that these took.
    pub const fn dropped_bytes(&self) -> u64 {
        self.dropped.1
    }

    /// Stretches of entries that were not taken, since the devices that one device admitted have as many logs here as are
    /// kept. One that is offered again counts again.
    pub const fn passed_over(&self) -> u64 {
        self.passed_over
    }

    /// Bytes held of what its entries have attached. What several feeds have attached counts for each of them.
    pub const fn media_bytes(&self) -> u64 {
        self.media_bytes
    }
}

impl FeedStore {
    /// What is held of each feed, largest first. `media` says how many bytes are held of a blob.
    pub(crate) fn storage(
        &self,
        media: &mut dyn FnMut(&BlobHash) -> u64,
    ) -> Result<Vec<FeedStorage>, FeedsError> {
        self.snapshot()?.storage(&self.upkeep(), media)
    }
}

impl FeedSnapshot {
    fn storage(
        &self,
        room: &Upkeep,
        media: &mut dyn FnMut(&BlobHash) -> u64,
    ) -> Result<Vec<FeedStorage>, FeedsError> {
        let rows = self.rows();
        let mut feeds = BTreeMap::new();
        for (no, row) in rows.feeds()? {
            let storage = FeedStorage {
                feed: row.id,
                name: rows.profile(no)?.name().map(ToOwned::to_owned),
                wanted: row.is_wanted(),
                entries: rows.entries_of(no)?,
                entry_bytes: 0,
                erased_bytes: 0,
                aside_bytes: 0,
                media_bytes: 0,
                budget: (!row.own).then_some((room.keeping.bytes, room.keeping.entries)),
                passed_over: row.passed,
                dropped: row
                    .dropped
                    .map_or((0, 0), |gone| (gone.entries, gone.bytes)),
            };
            feeds.insert(no, storage);
        }
        let of_log: BTreeMap<LogNo, FeedNo> = self.feeds_of_logs()?;
        let find = |no: &LogNo| of_log.get(no).copied();
        for table in [b'S', b'V', b'Z'] {
            self.lengths(table, |log, len| {
                let Some(storage) = find(&log).and_then(|no| feeds.get_mut(&no)) else {
                    return;
                };
                let bytes = match table {
                    b'S' => &mut storage.entry_bytes,
                    b'V' => &mut storage.erased_bytes,
                    _ => &mut storage.aside_bytes,
                };
                *bytes += len;
            })?;
        }
        self.blobs(|blob, logs| {
            let len = media(blob);
            let naming: BTreeSet<FeedNo> = logs.iter().filter_map(find).collect();
            for no in naming {
                if let Some(storage) = feeds.get_mut(&no) {
                    storage.media_bytes += len;
                }
            }
        })?;
        let mut all: Vec<_> = feeds.into_values().collect();
        all.retain(|feed| feed.wanted || feed.entries > 0 || feed.aside_bytes > 0);
        all.sort_by_key(|feed| std::cmp::Reverse(feed.entry_bytes + feed.media_bytes));
        Ok(all)
    }

    fn feeds_of_logs(&self) -> Result<BTreeMap<LogNo, FeedNo>, FeedsError> {
        let what = "the number of a log";
        let logs = self.rows().collect(&Key::table(b'L'), |key, value| {
            let (feed, log) = (keys::u32_at(key, 1), keys::u32_at(value, 0));
            log.zip(feed).ok_or(FeedsError::Damaged { what })
        })?;
        Ok(logs.into_iter().collect())
    }

    /// The length of each row of a table whose keys begin with a log.
    fn lengths(&self, table: u8, mut tell: impl FnMut(LogNo, u64)) -> Result<(), FeedsError> {
        let (from, to) = ([table], [table + 1]);
        self.rows().visit(&from, Some(&to), |key, value| {
            let log = keys::u32_at(key, 1);
            tell(log.unwrap_or(LogNo::MAX), value.len() as u64);
            Ok(ControlFlow::Continue(()))
        })
    }

    /// Each blob once, with the logs whose entries name it.
    fn blobs(&self, mut tell: impl FnMut(&BlobHash, &BTreeSet<LogNo>)) -> Result<(), FeedsError> {
        let mut last: Option<(BlobHash, BTreeSet<LogNo>)> = None;
        self.rows().visit(b"b", Some(b"c"), |key, _| {
            let hash = key.get(1..33).and_then(|hash| hash.try_into().ok());
            let found = hash.map(BlobHash::from_bytes).zip(keys::u32_at(key, 33));
            let (hash, log) = found.ok_or(FeedsError::Damaged { what: WHAT })?;
            match &mut last {
                Some((known, logs)) if *known == hash => drop(logs.insert(log)),
                _ => {
                    let before = last.replace((hash, BTreeSet::from([log])));
                    if let Some((hash, logs)) = before {
                        tell(&hash, &logs);
                    }
                }
            }
            Ok(ControlFlow::Continue(()))
        })?;
        if let Some((hash, logs)) = last {
            tell(&hash, &logs);
        }
        Ok(())
    }
}
