//! The objects that `--json` prints. Their fields are a promise to scripts.

mod archive;
mod import;
mod media;
mod post;
mod upkeep;

use serde::Serialize;
use tidings::{PeerReport, Reached, Timestamp, Unsettled};

pub(crate) use self::archive::{
    DamageObject, ExportObject, ExportedObject, LoadObject, LoadedObject, VerifiedObject,
    VerifyObject,
};
pub(crate) use self::import::{
    AuthorObject, ClosedObject, FirstObject, ImportObject, RefusedObject,
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

/// The time as RFC 3339, whose years are 0000 to 9999. A claim may lie anywhere; what these do not reach becomes the first or
/// last moment that they do.
pub(crate) fn rfc3339(time: Timestamp) -> String {
    calendar(time).to_string()
}

/// The beginning of the year 0.
const FIRST_MILLIS: i64 = -62_167_219_200_000;

/// The time on the calendar of the years 0 to 9999, or its first or last moment.
pub(crate) fn calendar(time: Timestamp) -> jiff::Timestamp {
    let millis = time.0.max(FIRST_MILLIS);
    jiff::Timestamp::from_millisecond(millis).unwrap_or(jiff::Timestamp::MAX)
}
