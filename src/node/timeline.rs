//! Pages of the timeline: own and followed posts, newest first, from the local store alone.

use super::Node;
use super::cursor::Cursor;
use super::error::TidingsError;
use super::live::{self, Live, LiveFrom};
use super::view::{EntryView, TimelineItem, Viewer};
use crate::feeds::{Query, Scope};
use crate::format::{Body, EntryRef, FeedId, Kind, Rel};

/// Entries of a page unless asked otherwise.
const DEFAULT_LIMIT: usize = 50;
/// Entries of a page at the most; more come by going on from its end.
const MAX_LIMIT: usize = 1_000;

/// A question about the timeline: one shape for all of it, a feed, a kind, a tag, the replies to a post.
///
/// Filters add up. Nothing is read before [`page`](Self::page) or [`live`](Self::live).
#[derive(Debug, Clone)]
#[must_use = "nothing is read before `page` or `live`"]
pub struct Timeline {
    node: Node,
    query: Query,
    thread: Option<EntryRef>,
    before: Option<Cursor>,
    limit: usize,
}

impl Node {
    /// The own and the followed feeds merged, newest first by what their authors claim.
    pub fn timeline(&self) -> Timeline {
        Timeline {
            node: self.clone(),
            query: Query::default(),
            thread: None,
            before: None,
            limit: DEFAULT_LIMIT,
        }
    }

    /// One entry by its full name; none if it is not held. A deleted or expired one is there without its body.
    ///
    /// # Errors
    ///
    /// If the store cannot be read.
    pub fn entry(&self, name: &EntryRef) -> Result<Option<EntryView>, TidingsError> {
        let snapshot = self.snapshot()?;
        let found = snapshot.entry(name)?;
        found
            .map(|(entry, _)| Viewer::new(&snapshot).stored(entry, self.now()))
            .transpose()
    }
}

impl Timeline {
    /// At most so many entries a page; 50 unless set, 1,000 at the most.
    pub fn limit(mut self, entries: usize) -> Self {
        self.limit = entries.clamp(1, MAX_LIMIT);
        self
    }

    /// Goes on below a place; from the newest unless set. In a thread, which runs the other way, it goes on after it.
    pub const fn before(mut self, cursor: Cursor) -> Self {
        self.before = Some(cursor);
        self
    }

    /// Of one feed only; of all own and followed ones unless set.
    pub const fn feed(mut self, feed: FeedId) -> Self {
        self.query.feed = Some(feed);
        self
    }

    /// Of one kind only; of all kinds that are content unless set.
    pub fn kind(mut self, kind: Kind) -> Self {
        self.query.kind = Some(kind);
        self
    }

    /// With a tag only. Tags compare in lower case and NFKC.
    pub fn tag(mut self, tag: &str) -> Self {
        self.query.tag = Some(Body::fold_tag(tag));
        self
    }

    /// Replies to one entry only.
    pub const fn replies_to(mut self, entry: EntryRef) -> Self {
        self.query.scope = Scope::Target(entry.id, Rel::Reply);
        self
    }

    /// The thread that one entry began: that entry, then all that belongs to it, oldest first by what is claimed.
    ///
    /// What an entry answers and cannot be shown (not held, deleted, expired) stands before it as
    /// [`TimelineItem::Missing`]. The other filters do not apply to pages of a thread. Name the
    /// [`root`](EntryView::root) of an entry to see the thread that it stands in.
    pub const fn thread(mut self, root: EntryRef) -> Self {
        self.query.scope = Scope::Target(root.id, Rel::Root);
        self.thread = Some(root);
        self
    }

    /// Reads a page from the local store: newest first by (claimed time, log, seq), the same on every device.
    ///
    /// What claims a time more than ten minutes ahead of the clock is left out until it is due. Gaps stand between the
    /// entries and do not count towards the limit.
    ///
    /// # Errors
    ///
    /// If the store cannot be read.
    pub fn page(&self) -> Result<Page, TidingsError> {
        let snapshot = self.node.snapshot()?;
        let (before, now) = (self.before.map(|cursor| cursor.0), self.node.now());
        let rows = match &self.thread {
            Some(root) => snapshot.thread(root, before, self.limit, now)?,
            None => snapshot.page(&self.query, before, self.limit, now)?,
        };
        let mut viewer = Viewer::new(&snapshot);
        let items = rows
            .into_iter()
            .map(|row| viewer.item(row))
            .collect::<Result<Vec<_>, _>>()?;
        let entries = items.iter().filter(|item| item.entry().is_some()).count();
        let next = items
            .last()
            .filter(|_| entries >= self.limit)
            .map(TimelineItem::cursor);
        Ok(Page {
            items,
            next,
            newest: LiveFrom(snapshot.arrival()),
        })
    }

    /// What arrives from `from` on, in the order of arrival, with the filters of this question.
    ///
    /// A page and the stream from its [`newest`](Page::newest) never overlap and never miss. An entry that claims a
    /// time ahead comes when it is due, one whose body is still missing when that has come. A slow reader loses nothing:
    /// what waits for it waits in the store. The stream ends when the node is shut down, and is dropped without harm.
    pub fn live(&self, from: LiveFrom) -> Live {
        live::spawn(self.node.clone(), self.query.clone(), from)
    }
}

/// A page of the timeline.
#[derive(Debug, Clone)]
pub struct Page {
    items: Vec<TimelineItem>,
    next: Option<Cursor>,
    newest: LiveFrom,
}

impl Page {
    /// Its items, newest first.
    pub fn items(&self) -> &[TimelineItem] {
        &self.items
    }

    /// Its entries, newest first, without the gaps.
    pub fn entries(&self) -> impl DoubleEndedIterator<Item = &EntryView> {
        self.items.iter().filter_map(TimelineItem::entry)
    }

    /// Where the next page begins; none if this is the last one.
    pub const fn next(&self) -> Option<Cursor> {
        self.next
    }

    /// From where on a live stream goes on without a gap or an overlap.
    pub const fn newest(&self) -> LiveFrom {
        self.newest
    }
}

impl IntoIterator for Page {
    type Item = TimelineItem;
    type IntoIter = std::vec::IntoIter<TimelineItem>;

    fn into_iter(self) -> Self::IntoIter {
        self.items.into_iter()
    }
}
