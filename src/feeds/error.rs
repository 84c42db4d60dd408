//! What can go wrong between feeds and the disk.

use crate::format::{FeedId, FormatError, LogId, Seq};
use crate::store::StoreError;

/// Why the feed store could not do what was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FeedsError {
    /// The backend failed; nothing of the write was kept.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Something about to be stored is not valid; nothing of it was kept.
    #[error(transparent)]
    Format(#[from] FormatError),
    /// The store was written by a newer library.
    #[error(
        "this store has format {found}, this library reads up to {known}; open it with a newer release, nothing was changed"
    )]
    Newer {
        /// The stamp met.
        found: u32,
        /// The newest stamp known.
        known: u32,
    },
    /// The file holds something else than a tidings store.
    #[error("this is not a tidings store: it has rows but no format stamp; choose another folder")]
    NotOurs,
    /// A row that this library wrote cannot be read back.
    #[error(
        "the store is damaged: {what} cannot be read; keep a copy of the folder and restore it from another device or an archive"
    )]
    Damaged {
        /// Which row.
        what: &'static str,
    },
    /// The device does not count in the feed, so nothing can be appended with its key.
    #[error(
        "the key of this device is not, or no longer, admitted to feed {feed}; admit the device again from another one"
    )]
    NotAdmitted {
        /// The feed.
        feed: FeedId,
    },
    /// The own log is forked: its key exists twice and must not sign again.
    #[error("the own log in lane {} is forked at entry {at}: this key was used in two places and must not sign again", log.lane)]
    OwnFork {
        /// The log.
        log: Box<LogId>,
        /// Where.
        at: Seq,
    },
    /// The feed has no room for a statement that admits a device.
    #[error(
        "feed {feed} has as many statements of devices as it may have: no further device can be admitted to it"
    )]
    NoRoom {
        /// The feed.
        feed: FeedId,
    },
    /// The own key must not sign again, and a new one could not be written.
    #[error("the key of this device must not sign again, and a new one could not be kept: {why}")]
    Keys {
        /// What the system said.
        why: String,
    },
    /// The device has as many lanes as the format allows.
    #[error("this device already has {limit} lanes in the feed, which is as many as there may be")]
    TooManyLanes {
        /// The bound.
        limit: usize,
    },
}
