//! What is said of archives.

use serde::Serialize;
use tidings::{ArchiveError, ArchivedFeed, ExportedFeed, LoadedFeed};

use super::rfc3339;

/// Where a file ceases to be usable.
#[derive(Debug, Serialize)]
pub(crate) struct DamageObject {
    /// The first byte that cannot be used.
    pub(crate) offset: u64,
    pub(crate) why: String,
}

impl From<&ArchiveError> for DamageObject {
    fn from(error: &ArchiveError) -> Self {
        Self {
            offset: error.offset(),
            why: error.to_string(),
        }
    }
}

/// What `export` prints.
#[derive(Debug, Serialize)]
pub(crate) struct ExportObject {
    pub(crate) file: String,
    pub(crate) bytes: u64,
    /// Attached files in it.
    pub(crate) media: u64,
    /// Attached files that were to be in it and are not here.
    pub(crate) media_missing: u64,
    pub(crate) feeds: Vec<ExportedObject>,
}

/// What `export` wrote of a feed.
#[derive(Debug, Serialize)]
pub(crate) struct ExportedObject {
    pub(crate) feed: String,
    pub(crate) name: Option<String>,
    pub(crate) entries: u64,
    pub(crate) bodies: u64,
}

impl ExportedObject {
    pub(crate) fn new(feed: &ExportedFeed, name: Option<String>) -> Self {
        Self {
            feed: feed.feed().to_string(),
            name,
            entries: feed.entries(),
            bodies: feed.bodies(),
        }
    }
}

/// What `load` prints.
#[derive(Debug, Serialize)]
pub(crate) struct LoadObject {
    pub(crate) entries: u64,
    pub(crate) already: u64,
    pub(crate) media: u64,
    /// Feeds in it that are followed since this load.
    pub(crate) newly_followed: u64,
    /// Feeds in it of which nothing was taken; the first 1,024 are among the feeds.
    pub(crate) not_followed: u64,
    pub(crate) feeds: Vec<LoadedObject>,
    pub(crate) damage: Option<DamageObject>,
}

/// What `load` took in of a feed.
#[derive(Debug, Serialize)]
pub(crate) struct LoadedObject {
    pub(crate) feed: String,
    pub(crate) name: Option<String>,
    /// Whether it is followed since this load.
    pub(crate) newly_followed: bool,
    pub(crate) entries: u64,
    pub(crate) bodies: u64,
    pub(crate) already: u64,
    pub(crate) refused: u64,
    /// How many of its logs are forked, so that what they end in may turn out to be wrong.
    pub(crate) unsettled: u64,
}

impl LoadedObject {
    pub(crate) fn new(feed: &LoadedFeed, name: Option<String>) -> Self {
        Self {
            feed: feed.feed().to_string(),
            name,
            newly_followed: feed.newly_followed(),
            entries: feed.entries(),
            bodies: feed.bodies(),
            already: feed.already(),
            refused: feed.refused(),
            unsettled: feed.unsettled().len() as u64,
        }
    }
}

/// What `verify` prints.
#[derive(Debug, Serialize)]
pub(crate) struct VerifyObject {
    pub(crate) good: bool,
    /// Bytes that were read and are good.
    pub(crate) bytes: u64,
    pub(crate) media: u64,
    pub(crate) media_bytes: u64,
    pub(crate) feeds: Vec<VerifiedObject>,
    pub(crate) damage: Option<DamageObject>,
}

/// What `verify` found of a feed.
#[derive(Debug, Serialize)]
pub(crate) struct VerifiedObject {
    pub(crate) feed: String,
    pub(crate) statements: u64,
    pub(crate) entries: u64,
    pub(crate) counting: u64,
    pub(crate) bodies: u64,
    pub(crate) unsettled: u64,
    pub(crate) newest: Option<String>,
    /// How many of its logs are forked.
    pub(crate) forked: u64,
}

impl From<&ArchivedFeed> for VerifiedObject {
    fn from(feed: &ArchivedFeed) -> Self {
        Self {
            feed: feed.feed().to_string(),
            statements: feed.statements(),
            entries: feed.entries(),
            counting: feed.counting(),
            bodies: feed.bodies(),
            unsettled: feed.unsettled(),
            newest: feed.newest().map(rfc3339),
            forked: feed.forked().len() as u64,
        }
    }
}
