//! What is said of the folder.

use serde::Serialize;
use tidings::FeedStorage;

/// What `storage` prints.
#[derive(Debug, Serialize)]
pub(crate) struct StorageObject {
    pub(crate) entries: u64,
    /// Bytes of all entries, without indexes.
    pub(crate) entry_bytes: u64,
    /// Bytes of all files of the folder.
    pub(crate) folder_bytes: u64,
    pub(crate) feeds: Vec<StoredObject>,
}

/// What a feed takes.
#[derive(Debug, Serialize)]
pub(crate) struct StoredObject {
    pub(crate) feed: String,
    pub(crate) name: Option<String>,
    /// Whether it is the own one or followed.
    pub(crate) shown: bool,
    pub(crate) entries: u64,
    pub(crate) entry_bytes: u64,
    /// Bytes of deleted posts that can still be brought back.
    pub(crate) erased_bytes: u64,
    pub(crate) media_bytes: u64,
    /// How many bytes and entries are kept at the most; null for the own feed.
    pub(crate) budget_bytes: Option<u64>,
    pub(crate) budget_entries: Option<u64>,
    /// What was dropped past that.
    pub(crate) dropped_entries: u64,
    pub(crate) dropped_bytes: u64,
    /// Stretches not taken since this program opened the folder: too many logs of devices that one device admitted.
    pub(crate) passed_over: u64,
}

impl From<&FeedStorage> for StoredObject {
    fn from(feed: &FeedStorage) -> Self {
        Self {
            feed: feed.feed().to_string(),
            name: feed.name().map(str::to_owned),
            shown: feed.is_wanted(),
            entries: feed.entries(),
            entry_bytes: feed.entry_bytes(),
            erased_bytes: feed.erased_bytes(),
            media_bytes: feed.media_bytes(),
            budget_bytes: feed.budget().map(|(bytes, _)| bytes),
            budget_entries: feed.budget().map(|(_, entries)| entries),
            dropped_entries: feed.dropped_entries(),
            dropped_bytes: feed.dropped_bytes(),
            passed_over: feed.passed_over(),
        }
    }
}

/// What `check` prints.
#[derive(Debug, Serialize)]
pub(crate) struct CheckObject {
    pub(crate) clean: bool,
    /// Entries that were proved anew.
    pub(crate) entries: u64,
    /// Index rows that are as they should be.
    pub(crate) rows: u64,
    /// How many differ.
    pub(crate) found: u64,
    /// The first thousand of them.
    pub(crate) differences: Vec<String>,
}
