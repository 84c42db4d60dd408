//! Entries as an app shows them.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::cursor::Cursor;
use super::error::TidingsError;
use crate::feeds::{About, EntryState, FeedSnapshot, PageRow, StoredEntry};
use crate::format::limits::FUTURE_MILLIS;
use crate::format::{
    Attachment, Body, Content, EntryRef, FeedId, FormatError, Kind, LogId, NAME_CHARS, OrderKey,
    Post, Rel, Seq, Timestamp, decode_content, printable_line, read_content,
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
    /// Tags and attachments as they are shown, where that is not as they are.
    printable: Option<Box<Printable>>,
    about: About,
}

/// What an envelope holds that is shown beside the text.
#[derive(Debug, Clone)]
struct Printable {
    tags: Vec<String>,
    attachments: Vec<Attachment>,
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

    /// The name in that person's profile, as one line of printable text.
    pub fn author(&self) -> Option<&str> {
        self.author.as_deref()
    }

    /// What its author claims as its time.
    pub const fn time(&self) -> Timestamp {
        self.time
    }

    /// From when on others show it: they leave out what claims more than ten minutes ahead of their clocks.
    ///
    /// That time lies ahead only of an entry that was signed under a wrong clock: see [`Node::ahead`](super::Node::ahead).
    pub const fn seen_from(&self) -> Timestamp {
        self.time.plus_millis(-FUTURE_MILLIS)
    }

    /// What it is.
    pub const fn kind(&self) -> &Kind {
        &self.kind
    }

    /// Its place in views.
    pub const fn cursor(&self) -> Cursor {
        self.cursor
    }

    /// Its tags, each as one line of printable text; as their author wrote them they are in the [`body`](Self::body). None
    /// if that is unreadable or not held.
    pub fn tags(&self) -> &[String] {
        match (&self.printable, &self.body) {
            (Some(shown), _) => &shown.tags,
            (None, Some(body)) => &body.tags,
            (None, None) => &[],
        }
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

    /// Media that belongs to it, as last edited; names, descriptions and types each as one line of printable text, and as
    /// their author wrote them in the [`body`](Self::body).
    pub fn attachments(&self) -> &[Attachment] {
        match (&self.printable, &self.body) {
            (Some(shown), _) => &shown.attachments,
            (None, Some(body)) => &body.attachments,
            (None, None) => &[],
        }
    }

    /// Emojis, each as one line of printable text, and how many feeds reacted with each; of own and followed feeds, as everything that is shown.
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

    /// The envelope as last edited, raw: its texts may hold anything, line breaks and what steers a terminal. None if the body is unreadable or not held.
    pub const fn body(&self) -> Option<&Body> {
        self.body.as_ref()
    }

    /// The post; none if it is of another kind, unreadable, or its body is not held. All but its text is one line of
    /// printable text each; the text is as its author wrote it.
    pub const fn post(&self) -> Option<&Post> {
        self.post.as_ref()
    }

    /// The post as its author wrote it, where [`post`](Self::post) gives it as it is to be shown.
    pub fn post_raw(&self) -> Option<Post> {
        self.post.as_ref()?;
        decode_content(&self.body.as_ref()?.content).ok()
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

impl Printable {
    /// None if all of it can be shown as it is.
    fn of(body: &Body) -> Option<Self> {
        let is_printable = |text: &String| printable_line(text, NAME_CHARS) == text.as_str();
        let mut shown = Self {
            tags: Vec::new(),
            attachments: body.attachments.clone(),
        };
        let mut changed = !body.tags.iter().all(is_printable);
        for attachment in &mut shown.attachments {
            changed |= attachment.make_printable();
        }
        if !changed {
            return None;
        }
        let lines = body.tags.iter().map(|tag| printable_line(tag, NAME_CHARS));
        let lines = lines.filter(|line| !line.is_empty());
        shown.tags = lines.map(Cow::into_owned).collect();
        Some(shown)
    }
}

/// Emojis are what their authors say they are. Those that show the same count as one.
fn make_emojis_printable(reactions: &mut BTreeMap<String, u64>) {
    let is_printable = |emoji: &String| printable_line(emoji, NAME_CHARS) == emoji.as_str();
    if reactions.keys().all(is_printable) {
        return;
    }
    for (emoji, count) in std::mem::take(reactions) {
        let line = printable_line(&emoji, NAME_CHARS);
        if !line.is_empty() {
            *reactions.entry(line.into_owned()).or_default() += count;
        }
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
        let mut post: Option<Post> = body
            .as_ref()
            .filter(|_| is_post)
            .and_then(|body| decode_content(&body.content).ok());
        if is_post && post.is_none() && about.state == EntryState::Held {
            about.state = EntryState::Unreadable;
        }
        if let Some(post) = &mut post {
            post.make_printable();
        }
        let printable = body.as_ref().and_then(Printable::of).map(Box::new);
        make_emojis_printable(&mut about.reactions);
        Ok(EntryView {
            id: entry.reference,
            short: format!("{}.{}", entry.log_no, entry.reference.seq),
            author,
            time: entry.time,
            kind: entry.kind,
            cursor: Cursor(order),
            body,
            post,
            printable,
            about,
        })
    }

    fn name(&mut self, feed: &FeedId) -> Result<Option<Arc<str>>, TidingsError> {
        if let Some(name) = self.names.get(feed) {
            return Ok(name.clone());
        }
        let name: Option<Arc<str>> = self
            .snapshot
            .profile(feed)?
            .printable()
            .name()
            .map(Arc::from);
        self.names.insert(*feed, name.clone());
        Ok(name)
    }
}
