//! Entries as an app shows them.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::cursor::Cursor;
use super::error::TidingsError;
use crate::feeds::{About, EntryState, FeedSnapshot, PageRow, StoredEntry};
use crate::format::{
    Attachment, Body, Content, EntryRef, FeedId, FormatError, Kind, LogId, OrderKey, Post, Rel,
    Seq, Timestamp, decode_content, read_content,
};

/// One item of a timeline.
#[derive(Debug, Clone)]
#[non_exhaustive]
#[expect(clippy::large_enum_variant, reason = "nearly all items are entries")]
pub enum TimelineItem {
    /// An entry.
    Entry(EntryView),
    /// Entries that exist and are not held here yet.
    Gap(Gap),
    /// An entry that others answer and that cannot be shown; in threads only.
    Missing(Missing),
}

impl TimelineItem {
    /// Its place, to go on from.
    pub const fn cursor(&self) -> Cursor {
        match self {
            Self::Entry(entry) => entry.cursor,
            Self::Gap(gap) => gap.cursor,
            Self::Missing(missing) => missing.cursor,
        }
    }

    /// The entry, if it is one.
    pub const fn entry(&self) -> Option<&EntryView> {
        match self {
            Self::Entry(entry) => Some(entry),
            Self::Gap(_) | Self::Missing(_) => None,
        }
    }
}

/// Entries of one log that exist and are not held here yet. It stands right below the oldest entry above it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gap {
    log: LogId,
    from: Seq,
    to: Seq,
    dropped: bool,
    cursor: Cursor,
}

impl Gap {
    /// The log they are of.
    pub const fn log(&self) -> &LogId {
        &self.log
    }

    /// The first missing place.
    pub const fn from(&self) -> Seq {
        self.from
    }

    /// The place after the last missing one.
    pub const fn to(&self) -> Seq {
        self.to
    }

    /// How many are missing.
    pub const fn missing(&self) -> u64 {
        self.to.0 - self.from.0
    }

    /// Whether they were here and were dropped, since the feed was past its budget: nobody is asked for them until
    /// [`Node::bring_back`](super::Node::bring_back), or until the budget is raised.
    pub const fn is_dropped(&self) -> bool {
        self.dropped
    }

    /// The place of the entry above it: a page that goes on from here begins below the gap.
    pub const fn cursor(&self) -> Cursor {
        self.cursor
    }
}

/// An entry of a thread that cannot be shown. It stands before the first one that answers it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Missing {
    entry: EntryRef,
    why: EntryState,
    cursor: Cursor,
}

impl Missing {
    /// Which entry.
    pub const fn entry(&self) -> EntryRef {
        self.entry
    }

    /// Not held, deleted or expired.
    pub const fn why(&self) -> EntryState {
        self.why
    }

    /// The place of what answers it.
    pub const fn cursor(&self) -> Cursor {
        self.cursor
    }
}

/// One entry, with what an app shows of it.
#[derive(Debug, Clone)]
pub struct EntryView {
    id: EntryRef,
    short: String,
    author: Option<Arc<str>>,
    time: Timestamp,
    kind: Kind,
    cursor: Cursor,
    body: Option<Body>,
    post: Option<Post>,
    about: About,
}

impl EntryView {
    /// Its full name, to be handed on.
    pub const fn id(&self) -> EntryRef {
        self.id
    }

    /// A short name that only this store understands, such as `3.14`.
    pub fn short(&self) -> &str {
        &self.short
    }

    /// Whose list of posts it is in.
    pub const fn feed(&self) -> FeedId {
        self.id.log.feed
    }

    /// The name in that person's profile.
    pub fn author(&self) -> Option<&str> {
        self.author.as_deref()
    }

    /// What its author claims as its time.
    pub const fn time(&self) -> Timestamp {
        self.time
    }

    /// What it is.
    pub const fn kind(&self) -> &Kind {
        &self.kind
    }

    /// Its place in views.
    pub const fn cursor(&self) -> Cursor {
        self.cursor
    }

    /// Its tags, as their author wrote them. None if the body is unreadable or not held.
    pub fn tags(&self) -> &[String] {
        self.body.as_ref().map_or(&[], |body| &body.tags)
    }

    /// The feeds that it speaks of.
    pub fn mentions(&self) -> &[FeedId] {
        self.body.as_ref().map_or(&[], |body| &body.mentions)
    }

    /// The entry that it answers.
    pub fn reply_to(&self) -> Option<EntryRef> {
        self.body.as_ref()?.targets(Rel::Reply).next().copied()
    }

    /// The entry that began the thread it belongs to; none if it belongs to none.
    pub fn root(&self) -> Option<EntryRef> {
        self.body.as_ref()?.targets(Rel::Root).next().copied()
    }

    /// Media that belongs to it, as last edited.
    pub fn attachments(&self) -> &[Attachment] {
        self.body.as_ref().map_or(&[], |body| &body.attachments)
    }

    /// Emojis and how many feeds reacted with each; of own and followed feeds, as everything that is shown.
    pub const fn reactions(&self) -> &BTreeMap<String, u64> {
        &self.about.reactions
    }

    /// How many entries answer it; at most 10,000 are counted.
    pub const fn replies(&self) -> u64 {
        self.about.replies
    }

    /// The claimed time of the edit that shows; none if it shows as it was first.
    pub const fn edited(&self) -> Option<Timestamp> {
        self.about.edited
    }

    /// Whether its body can be read here, and why not.
    pub const fn state(&self) -> EntryState {
        self.about.state
    }

    /// The envelope as last edited; none if the body is unreadable or not held.
    pub const fn body(&self) -> Option<&Body> {
        self.body.as_ref()
    }

    /// The post; none if it is of another kind, unreadable, or its body is not held.
    pub const fn post(&self) -> Option<&Post> {
        self.post.as_ref()
    }

    /// Decodes the content of an app's own type, of its kind or of one of its [older](Content::OLDER) ones.
    ///
    /// # Errors
    ///
    /// If the entry is of another kind, or its body is unreadable or not held.
    pub fn content<T: Content>(&self) -> Result<T, FormatError> {
        let body = self.body.as_ref().ok_or(FormatError::Malformed {
            what: "a body that is not held",
        })?;
        read_content(&self.kind, &body.content)
    }
}

/// Makes views, looking each author's name up once.
pub(super) struct Viewer<'a> {
    snapshot: &'a FeedSnapshot,
    names: HashMap<FeedId, Option<Arc<str>>>,
}

impl<'a> Viewer<'a> {
    pub(super) fn new(snapshot: &'a FeedSnapshot) -> Self {
        Self {
            snapshot,
            names: HashMap::new(),
        }
    }

    pub(super) fn item(&mut self, row: PageRow) -> Result<TimelineItem, TidingsError> {
        Ok(match row {
            PageRow::Entry {
                order,
                entry,
                body,
                about,
            } => TimelineItem::Entry(self.entry(order, entry, body, about)?),
            PageRow::Missing { order, entry, why } => TimelineItem::Missing(Missing {
                entry,
                why,
                cursor: Cursor(order),
            }),
            PageRow::Gap {
                order,
                log,
                from,
                to,
                dropped,
            } => TimelineItem::Gap(Gap {
                log,
                from,
                to,
                dropped,
                cursor: Cursor(order),
            }),
        })
    }

    pub(super) fn stored(
        &mut self,
        entry: StoredEntry,
        now: Timestamp,
    ) -> Result<EntryView, TidingsError> {
        let (body, about) = self.snapshot.about(&entry, now)?;
        self.known(entry, body, about)
    }

    /// The view of an entry of which is known already what it shows.
    pub(super) fn known(
        &mut self,
        entry: StoredEntry,
        body: Option<Body>,
        about: About,
    ) -> Result<EntryView, TidingsError> {
        let EntryRef { log, seq, .. } = entry.reference;
        let order = OrderKey {
            time: entry.time,
            log: log.order(),
            seq,
        };
        self.entry(order, entry, body, about)
    }

    fn entry(
        &mut self,
        order: OrderKey,
        entry: StoredEntry,
        body: Option<Body>,
        mut about: About,
    ) -> Result<EntryView, TidingsError> {
        let author = self.name(&entry.reference.log.feed)?;
        let is_post = entry.kind.as_str() == Post::KIND;
        let post = body
            .as_ref()
            .filter(|_| is_post)
            .and_then(|body| decode_content(&body.content).ok());
        if is_post && post.is_none() && about.state == EntryState::Held {
            about.state = EntryState::Unreadable;
        }
        Ok(EntryView {
            id: entry.reference,
            short: format!("{}.{}", entry.log_no, entry.reference.seq),
            author,
            time: entry.time,
            kind: entry.kind,
            cursor: Cursor(order),
            body,
            post,
            about,
        })
    }

    fn name(&mut self, feed: &FeedId) -> Result<Option<Arc<str>>, TidingsError> {
        if let Some(name) = self.names.get(feed) {
            return Ok(name.clone());
        }
        let name: Option<Arc<str>> = self.snapshot.profile(feed)?.name().map(Arc::from);
        self.names.insert(*feed, name.clone());
        Ok(name)
    }
}
