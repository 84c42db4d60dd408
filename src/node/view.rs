//! Entries as an app shows them.

use std::collections::HashMap;
use std::sync::Arc;

use serde::de::DeserializeOwned;

use super::cursor::Cursor;
use super::error::TidingsError;
use crate::feeds::{FeedSnapshot, PageRow, StoredEntry};
use crate::format::{
    Attachment, Body, Content, EntryRef, FeedId, FormatError, Kind, LogId, OrderKey, Post, Rel,
    Seq, Timestamp, decode_content,
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
}

impl TimelineItem {
    /// Its place, to go on from.
    pub const fn cursor(&self) -> Cursor {
        match self {
            Self::Entry(entry) => entry.cursor,
            Self::Gap(gap) => gap.cursor,
        }
    }

    /// The entry, if it is one.
    pub const fn entry(&self) -> Option<&EntryView> {
        match self {
            Self::Entry(entry) => Some(entry),
            Self::Gap(_) => None,
        }
    }
}

/// Entries of one log that exist and are not held here yet. It stands right below the oldest entry above it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gap {
    log: LogId,
    from: Seq,
    to: Seq,
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

    /// The place of the entry above it: a page that goes on from here begins below the gap.
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

    /// Its media, renditions and posters among them. None if the body is unreadable or not held.
    pub fn attachments(&self) -> &[Attachment] {
        self.body.as_ref().map_or(&[], |body| &body.attachments)
    }

    /// The feeds that it speaks of.
    pub fn mentions(&self) -> &[FeedId] {
        self.body.as_ref().map_or(&[], |body| &body.mentions)
    }

    /// The entry that it answers.
    pub fn reply_to(&self) -> Option<EntryRef> {
        self.body.as_ref()?.targets(Rel::Reply).next().copied()
    }

    /// The envelope; none if the body is unreadable or not held.
    pub const fn body(&self) -> Option<&Body> {
        self.body.as_ref()
    }

    /// The post; none if it is of another kind, unreadable, or its body is not held.
    pub const fn post(&self) -> Option<&Post> {
        self.post.as_ref()
    }

    /// Decodes the content of an app's own kind.
    ///
    /// # Errors
    ///
    /// If the entry is of another kind, or its body is unreadable or not held.
    pub fn content<T: Content>(&self) -> Result<T, FormatError> {
        if self.kind.as_str() != T::KIND {
            return Err(FormatError::Malformed {
                what: "content of another kind",
            });
        }
        self.decode()
    }

    fn decode<T: DeserializeOwned>(&self) -> Result<T, FormatError> {
        let body = self.body.as_ref().ok_or(FormatError::Malformed {
            what: "a body that is not held",
        })?;
        decode_content(&body.content)
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
            PageRow::Entry { order, entry, body } => {
                TimelineItem::Entry(self.entry(order, entry, body)?)
            }
            PageRow::Gap {
                order,
                log,
                from,
                to,
            } => TimelineItem::Gap(Gap {
                log,
                from,
                to,
                cursor: Cursor(order),
            }),
        })
    }

    pub(super) fn stored(
        &mut self,
        entry: StoredEntry,
        body: Option<Body>,
    ) -> Result<EntryView, TidingsError> {
        let EntryRef { log, seq, .. } = entry.reference;
        let order = OrderKey {
            time: entry.time,
            log: log.order(),
            seq,
        };
        self.entry(order, entry, body)
    }

    fn entry(
        &mut self,
        order: OrderKey,
        entry: StoredEntry,
        body: Option<Body>,
    ) -> Result<EntryView, TidingsError> {
        let author = self.name(&entry.reference.log.feed)?;
        let is_post = entry.kind.as_str() == Post::KIND;
        let post = body
            .as_ref()
            .filter(|_| is_post)
            .and_then(|body| decode_content(&body.content).ok());
        Ok(EntryView {
            id: entry.reference,
            short: format!("{}.{}", entry.log_no, entry.reference.seq),
            author,
            time: entry.time,
            kind: entry.kind,
            cursor: Cursor(order),
            body,
            post,
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
