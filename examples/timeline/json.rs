//! The objects that `--json` prints. Their fields are a promise to scripts.

mod archive;
mod media;
mod post;
mod upkeep;

use serde::Serialize;
use tidings::{PeerReport, Reached, Timestamp, Unsettled};

pub(crate) use self::archive::{
    DamageObject, ExportObject, ExportedObject, LoadObject, LoadedObject, VerifiedObject,
    VerifyObject,
};
pub(crate) use self::media::{FetchObject, FetchedObject};
pub(crate) use self::post::{AttachmentObject, ItemObject, VersionObject};
pub(crate) use self::upkeep::{CheckObject, StorageObject, StoredObject};

/// What `init` and `whoami` print.
#[derive(Debug, Serialize)]
pub(crate) struct WhoObject {
    pub(crate) feed: String,
    pub(crate) device: String,
    pub(crate) name: Option<String>,
    pub(crate) bio: Option<String>,
    pub(crate) tags: Vec<String>,
    pub(crate) avatar: Option<AttachmentObject>,
    pub(crate) entries: u64,
    pub(crate) followed: u64,
}

/// One of the feeds that `following` prints.
#[derive(Debug, Serialize)]
pub(crate) struct FollowedObject {
    pub(crate) feed: String,
    pub(crate) name: Option<String>,
    pub(crate) entries: u64,
    pub(crate) last: Option<String>,
    /// Logs of which two histories are known, so that nothing more of them comes.
    pub(crate) unsettled: Vec<UnsettledObject>,
}

/// A log of which two histories are known.
#[derive(Debug, Serialize)]
pub(crate) struct UnsettledObject {
    pub(crate) device: String,
    pub(crate) lane: String,
    /// The first entry at which they differ.
    pub(crate) from: u64,
    /// Entries held from there on.
    pub(crate) held: u64,
}

impl From<&Unsettled> for UnsettledObject {
    fn from(log: &Unsettled) -> Self {
        Self {
            device: log.log().device.to_string(),
            lane: log.log().lane.to_string(),
            from: log.from().0,
            held: log.held(),
        }
    }
}

/// What `import` prints.
#[derive(Debug, Serialize)]
pub(crate) struct ImportObject {
    pub(crate) imported: u64,
    /// Files beside the feeds that were attached.
    pub(crate) attached: u64,
    /// Files beside the feeds that were not, since nobody asked for it.
    pub(crate) not_attached: u64,
    pub(crate) already: u64,
    pub(crate) shortened: u64,
    pub(crate) tags_cut: u64,
    /// Items with nothing in them.
    pub(crate) skipped: u64,
    /// Items that could not be read at all.
    pub(crate) unreadable: u64,
    /// Items with a date that could not be read.
    pub(crate) undated: u64,
    pub(crate) files: u64,
}

/// What `sync` prints.
#[derive(Debug, Serialize)]
pub(crate) struct SyncObject {
    pub(crate) entries: u64,
    pub(crate) received: u64,
    pub(crate) sent: u64,
    pub(crate) behind: u64,
    pub(crate) reached: u64,
    pub(crate) unreached: u64,
    pub(crate) peers: Vec<PeerObject>,
}

/// One of the peers that `sync` asked.
#[derive(Debug, Serialize)]
pub(crate) struct PeerObject {
    pub(crate) endpoint: String,
    /// Whether it answered.
    pub(crate) reached: bool,
    /// Whether all that it had is here.
    pub(crate) complete: bool,
    /// Why it did not go further.
    pub(crate) error: Option<String>,
}

impl From<&PeerReport> for PeerObject {
    fn from(peer: &PeerReport) -> Self {
        Self {
            endpoint: peer.endpoint().to_string(),
            reached: peer.reached() != Reached::No,
            complete: peer.reached() == Reached::Fully,
            error: peer.reason().map(str::to_owned),
        }
    }
}

/// The time as RFC 3339. A claim may lie anywhere; what no calendar reaches becomes its first or last moment.
pub(crate) fn rfc3339(time: Timestamp) -> String {
    calendar(time).to_string()
}

/// The time on the calendar, or the calendar's first or last moment.
pub(crate) fn calendar(time: Timestamp) -> jiff::Timestamp {
    let end = if time.0 < 0 {
        jiff::Timestamp::MIN
    } else {
        jiff::Timestamp::MAX
    };
    jiff::Timestamp::from_millisecond(time.0).unwrap_or(end)
}
