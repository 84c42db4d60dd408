//! What became of an archive that was loaded.

use crate::format::{ArchiveError, FeedId, LogId, Seq};

/// What became of an archive.
#[derive(Debug, Clone, Default)]
pub struct LoadReport {
    pub(super) feeds: Vec<LoadedFeed>,
    pub(super) not_followed: u64,
    pub(super) blobs: u64,
    pub(super) blobs_already: u64,
    pub(super) blobs_refused: u64,
    pub(super) damage: Option<ArchiveError>,
}

impl LoadReport {
    /// The feeds in it, in the order of their ids. Of those that are [not followed](Self::not_followed) the first 1,024.
    pub fn feeds(&self) -> &[LoadedFeed] {
        &self.feeds
    }

    /// Feeds in it that are neither the own one nor followed, of which nothing was taken.
    pub const fn not_followed(&self) -> u64 {
        self.not_followed
    }

    /// Feeds in it that are followed since this load.
    pub fn newly_followed(&self) -> u64 {
        self.feeds.iter().filter(|feed| feed.followed).count() as u64
    }

    /// Attached files that were not held before.
    pub const fn blobs(&self) -> u64 {
        self.blobs
    }

    /// Attached files that were held already.
    pub const fn blobs_already(&self) -> u64 {
        self.blobs_already
    }

    /// Attached files that are not taken: no entry held here names them, or there is no room for them under the cap.
    pub const fn blobs_refused(&self) -> u64 {
        self.blobs_refused
    }

    /// Where the archive ceases to be usable; none if all of it is good. What stands before has been taken in.
    pub const fn damage(&self) -> Option<&ArchiveError> {
        self.damage.as_ref()
    }
}

/// What was taken in of one feed.
#[derive(Debug, Clone)]
pub struct LoadedFeed {
    pub(super) feed: FeedId,
    pub(super) followed: bool,
    pub(super) wanted: bool,
    pub(super) entries: u64,
    pub(super) bodies: u64,
    pub(super) already: u64,
    pub(super) refused: u64,
    pub(super) unsettled: Vec<(LogId, Seq)>,
}

impl LoadedFeed {
    /// Which feed.
    pub const fn feed(&self) -> FeedId {
        self.feed
    }

    /// Whether it is followed since this load.
    pub const fn newly_followed(&self) -> bool {
        self.followed
    }

    /// Whether it is the own feed or followed. Of others nothing is taken.
    pub const fn is_wanted(&self) -> bool {
        self.wanted
    }

    /// Entries that were not held before.
    pub const fn entries(&self) -> u64 {
        self.entries
    }

    /// Bodies that were not held before.
    pub const fn bodies(&self) -> u64 {
        self.bodies
    }

    /// Entries that were held already.
    pub const fn already(&self) -> u64 {
        self.already
    }

    /// Entries that are not taken: of devices that are not admitted, behind the end of a retired one, on another branch
    /// of a forked log than the one held, or of a feed that is not followed.
    pub const fn refused(&self) -> u64 {
        self.refused
    }

    /// Logs of the feed that are known to be forked, and from where on: what is held past that is shown, and may turn out
    /// to be the wrong branch.
    pub fn unsettled(&self) -> &[(LogId, Seq)] {
        &self.unsettled
    }
}
