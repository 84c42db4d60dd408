//! Content of an app's own types: the same question shapes as for posts, and ranges of keys.

use std::marker::PhantomData;
use std::ops::{Bound, RangeBounds};

use super::Node;
use super::cursor::ContentCursor;
use super::error::TidingsError;
use super::view::{EntryView, TimelineItem, Viewer};
use crate::feeds::{Condition, FeedSnapshot, FieldQuery, Query, Registered, Scope};
use crate::format::{Body, Content, FeedId, FormatError, IndexValue, Kind, OrderKey, kind_of};
use crate::store::Direction;

/// A question about content of one type. Filters add up.
///
/// Without keys it is answered newest first, as timelines are. With a [`range`](Self::range) the answer is in the order of
/// that index, from the lowest value up unless [`descending`](Self::descending); entries of one value, and those found
/// with [`by`](Self::by) alone, newest first. Content of the type's older kinds stands among the rest.
///
/// ```no_run
/// # use serde::{Deserialize, Serialize};
/// # use tidings::{Content, IndexKey, Node, TidingsError, Timestamp};
/// # #[derive(Serialize, Deserialize)]
/// # struct Talk { title: String, room: String, starts: Timestamp }
/// # impl Content for Talk {
/// #     const KIND: &'static str = "conf.talk/1";
/// #     const LANE: &'static str = "conf.talks";
/// #     const INDEXES: &'static [&'static str] = &["starts", "room"];
/// #     fn keys(&self) -> Vec<IndexKey> {
/// #         vec![IndexKey::new("starts", self.starts), IndexKey::new("room", &self.room)]
/// #     }
/// # }
/// # async fn example(two: Timestamp, three: Timestamp) -> Result<(), TidingsError> {
/// let node = Node::builder().content::<Talk>().open("./ada").await?;
/// let talks = node.query::<Talk>().range("starts", two..three).by("room", "Main").page()?;
/// if let Some(last) = talks.last() {
///     let more = node.query::<Talk>().range("starts", two..three).after(last.cursor()).page()?;
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
#[must_use = "nothing is read before `page`"]
pub struct ContentQuery<T> {
    node: Node,
    query: Query,
    ranges: Vec<Condition>,
    values: Vec<Condition>,
    descending: bool,
    after: Option<ContentCursor>,
    limit: usize,
    content: PhantomData<fn() -> T>,
}

/// One entry and its decoded content.
#[derive(Debug, Clone)]
pub struct Typed<T> {
    entry: EntryView,
    content: T,
    cursor: ContentCursor,
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

    /// Its place in the answer, to go on from with [`ContentQuery::after`].
    pub const fn cursor(&self) -> &ContentCursor {
        &self.cursor
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
            ranges: Vec::new(),
            values: Vec::new(),
            descending: false,
            after: None,
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

    /// Goes on after a place of the same question; from the beginning unless set.
    pub fn after(mut self, cursor: &ContentCursor) -> Self {
        self.after = Some(cursor.clone());
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

    /// With a key between two values only, in the order of that index: one of the type's [`INDEXES`](Content::INDEXES).
    ///
    /// An entry with several keys there is found once, at the first of them in range. Of several ranges the first gives
    /// the order; the others cost a look at each entry of the first.
    pub fn range<V: Into<IndexValue> + Clone>(
        mut self,
        index: &str,
        bounds: impl RangeBounds<V>,
    ) -> Self {
        let value = |value: &V| value.clone().into();
        self.ranges.push(Condition {
            index: index.to_owned(),
            from: bounds.start_bound().map(value),
            to: bounds.end_bound().map(value),
        });
        self
    }

    /// With this very value in an index only. Texts have to be the same to the byte.
    pub fn by(mut self, index: &str, value: impl Into<IndexValue>) -> Self {
        let value = value.into();
        self.values.push(Condition {
            index: index.to_owned(),
            from: Bound::Included(value.clone()),
            to: Bound::Included(value),
        });
        self
    }

    /// From the highest value of the range down. Changes nothing where there is no range.
    pub const fn descending(mut self) -> Self {
        self.descending = true;
        self
    }

    /// Reads a page from the local store. Entries whose content does not decode as `T` are left out. A page shorter than
    /// its limit is the last one.
    ///
    /// What claims a time more than ten minutes ahead of the clock is left out until it is due.
    ///
    /// # Errors
    ///
    /// If the store cannot be read, the type's kind is no name, or the cursor is of another question;
    /// [`TidingsError::NotRegistered`] and [`TidingsError::NoIndex`] for keys that this node does not know.
    pub fn page(&self) -> Result<Vec<Typed<T>>, TidingsError> {
        let snapshot = self.node.snapshot()?;
        let mut conditions = self.ranges.iter().chain(&self.values);
        let Some(by) = conditions.next() else {
            return self.newest_first(&snapshot);
        };
        let of = self.registered()?;
        let is_range = !self.ranges.is_empty();
        let query = FieldQuery {
            of,
            by,
            and: conditions.collect(),
            filter: &self.query,
            direction: if is_range && !self.descending {
                Direction::Ascending
            } else {
                Direction::Descending
            },
        };
        self.by_key(&snapshot, &query)
    }

    /// The type as the store knows it, with all indexes that are asked for.
    fn registered(&self) -> Result<&Registered, TidingsError> {
        let of = self.node.inner.store.content_type(T::KIND);
        let of = of.ok_or(TidingsError::NotRegistered { kind: T::KIND })?;
        let conditions = self.ranges.iter().chain(&self.values);
        let unknown = |condition: &&Condition| !of.indexes().contains(&condition.index.as_str());
        match conditions.into_iter().find(unknown) {
            Some(condition) => Err(TidingsError::NoIndex {
                kind: T::KIND,
                index: condition.index.clone(),
                known: of.indexes().join(", "),
            }),
            None => Ok(of),
        }
    }

    fn by_key(
        &self,
        snapshot: &FeedSnapshot,
        query: &FieldQuery<'_>,
    ) -> Result<Vec<Typed<T>>, TidingsError> {
        let after = match &self.after {
            None => None,
            Some(ContentCursor { key: None, .. }) => return Err(OTHER_CURSOR.into()),
            Some(ContentCursor {
                key: Some(key),
                order,
            }) => Some((key.as_slice(), *order)),
        };
        let (mut viewer, now) = (Viewer::new(snapshot), self.node.now());
        let mut found = Vec::new();
        for row in snapshot.page_by_key(query, after, self.limit, now)? {
            let entry = viewer.known(row.entry, row.body, row.about)?;
            let cursor = ContentCursor {
                key: Some(row.key),
                order: row.order,
            };
            found.extend(typed(entry, cursor));
        }
        Ok(found)
    }

    /// The kinds of the type merged, each read from its own index.
    fn newest_first(&self, snapshot: &FeedSnapshot) -> Result<Vec<Typed<T>>, TidingsError> {
        let (kind, _) = kind_of::<T>()?;
        let older = T::OLDER.iter().map(|kind| Kind::new(kind));
        let kinds = [Ok(kind)].into_iter().chain(older);
        let kinds = kinds.collect::<Result<Vec<_>, _>>()?;
        let mut below = match &self.after {
            None => None,
            Some(ContentCursor { key: Some(_), .. }) => return Err(OTHER_CURSOR.into()),
            Some(ContentCursor { key: None, order }) => Some(*order),
        };
        let mut found = Vec::new();
        loop {
            let want = self.limit - found.len();
            let entries = self.newest(snapshot, &kinds, below, want)?;
            let is_last = entries.len() < want;
            below = entries.last().map(|entry| entry.cursor().0);
            for entry in entries {
                let cursor = ContentCursor {
                    key: None,
                    order: entry.cursor().0,
                };
                found.extend(typed(entry, cursor));
            }
            // Where some could not be decoded the page is filled up, or an app would take it for the last one.
            if is_last || found.len() >= self.limit {
                return Ok(found);
            }
        }
    }

    fn newest(
        &self,
        snapshot: &FeedSnapshot,
        kinds: &[Kind],
        below: Option<OrderKey>,
        want: usize,
    ) -> Result<Vec<EntryView>, TidingsError> {
        let mut viewer = Viewer::new(snapshot);
        let mut entries = Vec::new();
        for kind in kinds {
            let query = Query {
                kind: Some(kind.clone()),
                ..self.query.clone()
            };
            for row in snapshot.page(&query, below, want, self.node.now())? {
                if let TimelineItem::Entry(entry) = viewer.item(row)? {
                    entries.push(entry);
                }
            }
        }
        entries.sort_unstable_by_key(|entry| std::cmp::Reverse(entry.cursor()));
        entries.truncate(want);
        Ok(entries)
    }
}

const OTHER_CURSOR: FormatError = FormatError::Text {
    expected: "a cursor of this question",
    why: "it was given by one in another order; take it from `Typed::cursor` of the page before",
};

fn typed<T: Content>(entry: EntryView, cursor: ContentCursor) -> Option<Typed<T>> {
    let content = entry.content().ok()?;
    Some(Typed {
        entry,
        content,
        cursor,
    })
}
