//! Content of an app's own types: the same question shapes as for posts.

use std::marker::PhantomData;

use super::Node;
use super::cursor::Cursor;
use super::error::TidingsError;
use super::view::{EntryView, TimelineItem, Viewer};
use crate::feeds::{Query, Scope};
use crate::format::{Body, Content, FeedId, kind_of};

/// A question about content of one type, newest first. Filters add up.
#[derive(Debug, Clone)]
#[must_use = "nothing is read before `page`"]
pub struct ContentQuery<T> {
    node: Node,
    query: Query,
    before: Option<Cursor>,
    limit: usize,
    content: PhantomData<fn() -> T>,
}

/// One entry and its decoded content.
#[derive(Debug, Clone)]
pub struct Typed<T> {
    entry: EntryView,
    content: T,
}

impl<T> Typed<T> {
    /// The entry.
    pub const fn entry(&self) -> &EntryView {
        &self.entry
    }

    /// The content.
    pub const fn content(&self) -> &T {
        &self.content
    }

    /// The content, taken out.
    pub fn into_content(self) -> T {
        self.content
    }
}

impl Node {
    /// Asks for content of one type, in own and followed feeds; in private lanes of the own feed as well.
    pub fn query<T: Content>(&self) -> ContentQuery<T> {
        let query = Query {
            scope: Scope::Kind,
            ..Query::default()
        };
        ContentQuery {
            node: self.clone(),
            query,
            before: None,
            limit: 50,
            content: PhantomData,
        }
    }
}

impl<T: Content> ContentQuery<T> {
    /// At most so many a page; 50 unless set, 1,000 at the most.
    pub fn limit(mut self, entries: usize) -> Self {
        self.limit = entries.clamp(1, 1_000);
        self
    }

    /// Goes on below a place; from the newest unless set.
    pub const fn before(mut self, cursor: Cursor) -> Self {
        self.before = Some(cursor);
        self
    }

    /// Of one feed only.
    pub const fn feed(mut self, feed: FeedId) -> Self {
        self.query.feed = Some(feed);
        self
    }

    /// With a tag only. Tags compare in lower case and NFKC.
    pub fn tag(mut self, tag: &str) -> Self {
        self.query.tag = Some(Body::fold_tag(tag));
        self
    }

    /// Reads a page from the local store. Entries whose content does not decode as `T` are left out.
    ///
    /// # Errors
    ///
    /// If the store cannot be read, or the type's kind is no name.
    pub fn page(&self) -> Result<Vec<Typed<T>>, TidingsError> {
        let (kind, _) = kind_of::<T>()?;
        let query = Query {
            kind: Some(kind),
            ..self.query.clone()
        };
        let snapshot = self.node.snapshot()?;
        let rows = snapshot.page(
            &query,
            self.before.map(|cursor| cursor.0),
            self.limit,
            self.node.now(),
        )?;
        let mut viewer = Viewer::new(&snapshot);
        let mut found = Vec::with_capacity(rows.len());
        for row in rows {
            if let TimelineItem::Entry(entry) = viewer.item(row)? {
                found.extend(entry.content().ok().map(|content| Typed { entry, content }));
            }
        }
        Ok(found)
    }
}
