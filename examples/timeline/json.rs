//! The objects that `--json` prints. Their fields are a promise to scripts.

use serde::Serialize;
use tidings::{EntryView, Gap, PeerReport, Reached, TimelineItem, Timestamp};

/// A post, or what stands for one that cannot be shown.
#[derive(Debug, Serialize)]
pub(crate) struct PostObject {
    id: String,
    short: String,
    feed: String,
    author: Option<String>,
    time: String,
    kind: String,
    text: Option<String>,
    title: Option<String>,
    link: Option<String>,
    tags: Vec<String>,
    reply_to: Option<String>,
    mentions: Vec<String>,
    cursor: String,
    /// The date an import gave it, where that lies in the future.
    dated: Option<String>,
}

impl From<&EntryView> for PostObject {
    fn from(entry: &EntryView) -> Self {
        let post = entry.post();
        Self {
            id: entry.id().to_string(),
            short: entry.short().to_owned(),
            feed: entry.feed().to_string(),
            author: entry.author().map(str::to_owned),
            time: rfc3339(entry.time()),
            kind: entry.kind().to_string(),
            text: post.map(|post| post.text.clone()),
            title: post.and_then(|post| post.title.clone()),
            link: post.and_then(|post| post.link.clone()),
            tags: entry.tags().to_vec(),
            reply_to: entry.reply_to().map(|target| target.to_string()),
            mentions: entry.mentions().iter().map(ToString::to_string).collect(),
            cursor: entry.cursor().to_string(),
            dated: post.and_then(|post| post.dated).map(rfc3339),
        }
    }
}

/// A stretch of a log that is known to exist but is not here.
#[derive(Debug, Serialize)]
pub(crate) struct GapObject {
    gap: Stretch,
}

#[derive(Debug, Serialize)]
struct Stretch {
    feed: String,
    device: String,
    lane: String,
    /// The first place that is missing.
    from: u64,
    /// The first place after it that is here again.
    to: u64,
    missing: u64,
    cursor: String,
}

impl From<&Gap> for GapObject {
    fn from(gap: &Gap) -> Self {
        let log = gap.log();
        let (feed, device, lane) = (
            log.feed.to_string(),
            log.device.to_string(),
            log.lane.to_string(),
        );
        let (from, to) = (gap.from().0, gap.to().0);
        Self {
            gap: Stretch {
                feed,
                device,
                lane,
                from,
                to,
                missing: gap.missing(),
                cursor: gap.cursor().to_string(),
            },
        }
    }
}

/// One line of a timeline.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(crate) enum ItemObject {
    Post(Box<PostObject>),
    Gap(Box<GapObject>),
}

impl ItemObject {
    /// `None` for items that a later version of the library may add.
    pub(crate) fn new(item: &TimelineItem) -> Option<Self> {
        match item {
            TimelineItem::Entry(entry) => Some(Self::Post(Box::new(entry.into()))),
            TimelineItem::Gap(gap) => Some(Self::Gap(Box::new(gap.into()))),
            _ => None,
        }
    }
}

/// What `init` and `whoami` print.
#[derive(Debug, Serialize)]
pub(crate) struct WhoObject {
    pub(crate) feed: String,
    pub(crate) device: String,
    pub(crate) name: Option<String>,
    pub(crate) bio: Option<String>,
    pub(crate) tags: Vec<String>,
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
}

/// What `import` prints.
#[derive(Debug, Serialize)]
pub(crate) struct ImportObject {
    pub(crate) imported: u64,
    pub(crate) already: u64,
    pub(crate) shortened: u64,
    pub(crate) tags_cut: u64,
    pub(crate) skipped: u64,
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
