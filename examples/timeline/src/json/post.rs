//! Posts, what stands for one that is not here, and what a post said before.

use std::collections::BTreeMap;

use serde::Serialize;
use tidings::{Attachment, EntryState, EntryView, Gap, Missing, TimelineItem, Version};

use super::rfc3339;
use crate::attached::Held;
use crate::render::ahead;

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
    /// What to know before looking.
    warning: Option<String>,
    tags: Vec<String>,
    reply_to: Option<String>,
    mentions: Vec<String>,
    attachments: Vec<AttachmentObject>,
    reactions: BTreeMap<String, u64>,
    replies: u64,
    edited: Option<String>,
    deleted: bool,
    cursor: String,
    /// The date an import gave it, where that lies in the future.
    dated: Option<String>,
    /// From when on others see it, where a wrong clock dated it ahead.
    ahead_until: Option<String>,
}

impl PostObject {
    fn new(entry: &EntryView, held: &Held) -> Self {
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
            warning: post.and_then(|post| post.warning.clone()),
            tags: entry.tags().to_vec(),
            reply_to: entry.reply_to().map(|target| target.to_string()),
            mentions: entry.mentions().iter().map(ToString::to_string).collect(),
            attachments: AttachmentObject::all(entry.attachments(), held),
            reactions: entry.reactions().clone(),
            replies: entry.replies(),
            edited: entry.edited().map(rfc3339),
            deleted: entry.state() == EntryState::Deleted,
            cursor: entry.cursor().to_string(),
            dated: post.and_then(|post| post.dated).map(rfc3339),
            ahead_until: ahead(entry).map(|from| from.to_string()),
        }
    }
}

/// Something that is attached to a post.
#[derive(Debug, Serialize)]
pub(crate) struct AttachmentObject {
    name: Option<String>,
    mime: String,
    len: u64,
    hash: String,
    width: Option<u32>,
    height: Option<u32>,
    alt: Option<String>,
    /// Whether all of it is here.
    held: bool,
    /// Which of these attachments it shows in another size, counted from 0.
    rendition_of: Option<u8>,
}

impl AttachmentObject {
    pub(crate) fn new(attachment: &Attachment, held: &Held) -> Self {
        Self {
            name: attachment.name.clone(),
            mime: attachment.mime.clone(),
            len: attachment.len,
            hash: attachment.hash.to_string(),
            width: attachment.width,
            height: attachment.height,
            alt: attachment.alt.clone(),
            held: held.has(attachment),
            rendition_of: attachment.rendition_of,
        }
    }

    fn all(attachments: &[Attachment], held: &Held) -> Vec<Self> {
        attachments.iter().map(|it| Self::new(it, held)).collect()
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
    /// They were here and were dropped for want of room.
    dropped: bool,
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
                dropped: gap.is_dropped(),
                cursor: gap.cursor().to_string(),
            },
        }
    }
}

/// A post that something answers and that cannot be shown.
#[derive(Debug, Serialize)]
pub(crate) struct MissingObject {
    missing: Absent,
}

#[derive(Debug, Serialize)]
struct Absent {
    id: String,
    feed: String,
    why: &'static str,
    cursor: String,
}

impl From<&Missing> for MissingObject {
    fn from(missing: &Missing) -> Self {
        Self {
            missing: Absent {
                id: missing.entry().to_string(),
                feed: missing.entry().log.feed.to_string(),
                why: state(missing.why()),
                cursor: missing.cursor().to_string(),
            },
        }
    }
}

/// Whether a body can be read, in one word.
const fn state(state: EntryState) -> &'static str {
    match state {
        EntryState::Held => "held",
        EntryState::NotHeld => "not_held",
        EntryState::Deleted => "deleted",
        EntryState::Expired => "expired",
        _ => "unreadable",
    }
}

/// One line of a timeline.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(crate) enum ItemObject {
    Post(Box<PostObject>),
    Gap(Box<GapObject>),
    Missing(Box<MissingObject>),
}

impl ItemObject {
    /// `None` for items that a later version of the library may add.
    pub(crate) fn new(item: &TimelineItem, held: &Held) -> Option<Self> {
        match item {
            TimelineItem::Entry(entry) => Some(Self::Post(Box::new(PostObject::new(entry, held)))),
            TimelineItem::Gap(gap) => Some(Self::Gap(Box::new(gap.into()))),
            TimelineItem::Missing(missing) => Some(Self::Missing(Box::new(missing.into()))),
            _ => None,
        }
    }
}

/// One of the versions that `history` prints.
#[derive(Debug, Serialize)]
pub(crate) struct VersionObject {
    id: String,
    time: String,
    /// Whether it is what the post says now.
    shown: bool,
    deleted: bool,
    text: Option<String>,
    title: Option<String>,
    link: Option<String>,
    tags: Vec<String>,
    attachments: Vec<AttachmentObject>,
}

impl VersionObject {
    pub(crate) fn new(version: &Version, held: &Held) -> Self {
        let (post, body) = (version.post(), version.body());
        let attachments = body.map_or(&[][..], |body| &body.attachments);
        Self {
            id: version.id().to_string(),
            time: rfc3339(version.time()),
            shown: version.is_shown(),
            deleted: version.state() == EntryState::Deleted,
            text: post.as_ref().map(|post| post.text.clone()),
            title: post.as_ref().and_then(|post| post.title.clone()),
            link: post.and_then(|post| post.link),
            tags: body.map(|body| body.tags.clone()).unwrap_or_default(),
            attachments: AttachmentObject::all(attachments, held),
        }
    }
}
