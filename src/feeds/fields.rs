//! Apps' own types: the values by which their content is found.
//!
//! The store knows bytes, so a type is registered when it is opened: its kind, the older kinds it reads, the names of its
//! indexes, and a function from content to keys. Rows are then written in the entry's own transaction, like all others.
//! What was stored before a type was known is gone through once, at opening. A row says no more than where to look:
//! whoever reads it asks the content that lies there for its keys.

mod build;
mod page;

use std::collections::{BTreeSet, HashMap};
use std::panic::{AssertUnwindSafe, catch_unwind};

use bytes::Bytes;

pub(super) use self::build::register;
pub(crate) use self::page::{Condition, FieldQuery};
use super::batch::{FeedBatch, LogName};
use super::error::FeedsError;
use super::index::{Index, IndexEnd};
use super::keys::{self, FeedNo, KindNo, LogNo};
use super::rows::{Rows, StoredEntry};
use crate::format::{
    Body, Content, Edit, FormatError, INDEX_KEYS, INDEX_NAME_BYTES, IndexKey, Kind, Lane, Seq,
    decode_content, is_name, lanes, not_a_name, read_content,
};

/// A type of an app, as the store sees it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ContentType {
    kind: &'static str,
    older: &'static [&'static str],
    indexes: &'static [&'static str],
    keys: fn(&Kind, &[u8]) -> Vec<IndexKey>,
}

impl ContentType {
    pub(crate) const fn of<T: Content>() -> Self {
        Self {
            kind: T::KIND,
            older: T::OLDER,
            indexes: T::INDEXES,
            keys: keys_of::<T>,
        }
    }

    /// Refuses types that cannot be registered together.
    ///
    /// # Errors
    ///
    /// If a kind or an index has no good name, a type has too many indexes, or two types have one kind.
    pub(crate) fn check_all(types: &[Self]) -> Result<(), FormatError> {
        let mut kinds = BTreeSet::new();
        for of in types {
            of.check()?;
            if !kinds.insert(of.kind) {
                return Err(FormatError::Text {
                    expected: "a new type",
                    why: "another one of the same kind was made known; a newer type reads an older one by naming its kind in `Content::OLDER`",
                });
            }
        }
        Ok(())
    }

    /// Where an index stands among the type's own.
    fn index(&self, name: &str) -> Option<u8> {
        let at = self.indexes.iter().position(|known| *known == name)?;
        u8::try_from(at).ok()
    }

    /// The kinds it reads, its own first.
    fn kinds(&self) -> impl Iterator<Item = &'static str> {
        [self.kind].into_iter().chain(self.older.iter().copied())
    }

    fn check(&self) -> Result<(), FormatError> {
        for kind in self.kinds() {
            Kind::new(kind)?;
        }
        if self.indexes.len() > INDEX_KEYS {
            return Err(FormatError::TooLarge {
                what: "the number of indexes of one type",
                found: self.indexes.len() as u64,
                limit: INDEX_KEYS as u64,
            });
        }
        let bad = |name: &&&str| !is_name(name, INDEX_NAME_BYTES);
        match self.indexes.iter().find(bad) {
            Some(name) => Err(not_a_name("index", name, INDEX_NAME_BYTES)),
            None => Ok(()),
        }
    }
}

/// The keys of content; none if it is not readable as `T`.
fn keys_of<T: Content>(kind: &Kind, content: &[u8]) -> Vec<IndexKey> {
    // An app's code meets what others wrote here. Its bugs must not end the thread that writes.
    let keys = catch_unwind(AssertUnwindSafe(|| {
        read_content::<T>(kind, content).map_or_else(|_| Vec::new(), |content| content.keys())
    }));
    let mut keys = keys.unwrap_or_default();
    keys.truncate(INDEX_KEYS);
    keys
}

/// The types that a store was opened with.
#[derive(Debug, Default)]
pub(super) struct Types {
    types: Vec<Registered>,
    by_kind: HashMap<&'static str, Vec<usize>>,
}

/// A type, and the number under which its rows stand.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Registered {
    of: ContentType,
    no: KindNo,
}

impl Types {
    fn new(types: Vec<Registered>) -> Self {
        let mut by_kind: HashMap<&'static str, Vec<usize>> = HashMap::new();
        for (at, registered) in types.iter().enumerate() {
            for kind in registered.of.kinds() {
                by_kind.entry(kind).or_default().push(at);
            }
        }
        Self { types, by_kind }
    }

    /// The types that read a kind.
    pub(super) fn reading(&self, kind: &Kind) -> impl Iterator<Item = &Registered> {
        let at = self.by_kind.get(kind.as_str()).into_iter().flatten();
        at.filter_map(|at| self.types.get(*at))
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.types.is_empty()
    }

    /// Whether one stands under a number.
    pub(super) fn has(&self, no: KindNo) -> bool {
        self.types.iter().any(|registered| registered.no == no)
    }

    pub(super) fn find(&self, kind: &str) -> Option<&Registered> {
        self.types
            .iter()
            .find(|registered| registered.of.kind == kind)
    }
}

impl Registered {
    pub(super) const fn number(&self) -> KindNo {
        self.no
    }

    /// The names of its indexes.
    pub(crate) const fn indexes(&self) -> &'static [&'static str] {
        self.of.indexes
    }

    /// What the keys of its rows begin with, each once.
    fn rows(&self, kind: &Kind, content: &[u8]) -> BTreeSet<(u8, Vec<u8>)> {
        let keys = (self.of.keys)(kind, content);
        let row = |key: &IndexKey| Some((self.of.index(key.name())?, key.value().ordered()));
        keys.iter().filter_map(row).collect()
    }
}

/// Whether content of a lane is found by kind, and so by keys.
pub(super) fn is_found_lane(lane: &Lane) -> bool {
    *lane != lanes::STATE && *lane != lanes::OWN
}

impl FeedBatch<'_> {
    /// Writes or takes away the rows of one entry in the indexes of the types that read it.
    pub(super) fn index_fields(
        &mut self,
        name: LogName,
        kind: &Kind,
        body: &Body,
        end: &IndexEnd<'_>,
        how: Index,
    ) -> Result<(), FeedsError> {
        if !is_found_lane(&name.id.lane) {
            return Ok(());
        }
        for registered in self.store.types.reading(kind) {
            for (index, key) in registered.rows(kind, &body.content) {
                self.mark(keys::of_index(registered.no, index).raw(&key), end, how)?;
            }
        }
        Ok(())
    }

    /// Remembers what an edit of an entry says that comes or goes.
    pub(super) fn note_edited(&mut self, place: (LogNo, Seq), edit: &Body) {
        if self.store.types.is_empty() {
            return;
        }
        if let Ok(Edit { content }) = decode_content(&edit.content) {
            self.stale_contents.entry(place).or_default().push(content);
        }
    }

    /// Puts an edited entry under the keys of all its versions: which one shows is for the reader to say.
    pub(super) fn refile_fields(
        &mut self,
        name: LogName,
        entry: &StoredEntry,
        stale: &[Bytes],
    ) -> Result<(), FeedsError> {
        if !is_found_lane(&name.id.lane) {
            return Ok(());
        }
        let order = name.place(entry.time, entry.reference.seq);
        let end = IndexEnd(&order, name.no);
        for registered in self.store.types.reading(&entry.kind) {
            let old: Vec<_> = self.rows().edits_of(name.feed_no, entry)?;
            let old = old.iter().map(|edit| &edit.edit.content).chain(stale);
            let old: BTreeSet<_> = old
                .flat_map(|content| registered.rows(&entry.kind, content))
                .collect();
            let new = self.rows().fields_of(name.feed_no, registered, entry)?;
            for (index, key) in old.union(&new) {
                let row = (*index, key.clone());
                let how = if new.contains(&row) {
                    Index::Again
                } else {
                    Index::Away
                };
                self.mark(keys::of_index(registered.no, *index).raw(key), &end, how)?;
            }
        }
        Ok(())
    }
}

impl Rows<'_> {
    /// What the keys of an entry's rows begin with: those of all its versions, none if its body is not held.
    pub(super) fn fields_of(
        &self,
        feed_no: FeedNo,
        registered: &Registered,
        entry: &StoredEntry,
    ) -> Result<BTreeSet<(u8, Vec<u8>)>, FeedsError> {
        let body = entry.body.as_deref().map(Body::decode);
        let Some(Ok(body)) = body else {
            return Ok(BTreeSet::new());
        };
        let mut rows = registered.rows(&entry.kind, &body.content);
        for edit in self.edits_of(feed_no, entry)? {
            rows.extend(registered.rows(&entry.kind, &edit.edit.content));
        }
        Ok(rows)
    }
}
