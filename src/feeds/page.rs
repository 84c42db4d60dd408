//! Pages of views, newest first: one query shape for the timeline, a feed, a kind, a tag, a thread.

use std::ops::ControlFlow;

use super::about::{About, EntryState, is_over};
use super::error::FeedsError;
use super::keys::{self, GAP, Key, SHOWN};
use super::rows::{Rows, StoredEntry};
use super::snapshot::FeedSnapshot;
use crate::format::limits::FUTURE_MILLIS;
use crate::format::{Body, EntryId, EntryRef, FeedId, Kind, LogId, OrderKey, Rel, Seq, Timestamp};
use crate::store::Direction;

/// Index rows read in one go beyond those that are still needed: some belong to feeds that are not shown.
const SPARE_ROWS: usize = 16;

/// Which entries a page is made of.
#[derive(Debug, Clone, Default)]
pub(crate) struct Query {
    pub(crate) scope: Scope,
    pub(crate) feed: Option<FeedId>,
    pub(crate) kind: Option<Kind>,
    /// In the form in which tags are compared.
    pub(crate) tag: Option<String>,
}

/// Where the entries of a page are looked for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Scope {
    /// What people read: own and followed feeds.
    #[default]
    Timeline,
    /// All content of one kind, private lanes of the own feed included.
    Kind,
    /// What relates to one entry.
    Target(EntryId, Rel),
}

/// One row of a page.
#[derive(Debug, Clone)]
#[expect(
    clippy::large_enum_variant,
    reason = "nearly all rows of a page are entries"
)]
pub(crate) enum PageRow {
    Entry {
        order: OrderKey,
        entry: StoredEntry,
        /// As last edited.
        body: Option<Body>,
        about: About,
    },
    Gap {
        order: OrderKey,
        log: LogId,
        from: Seq,
        to: Seq,
        /// They were dropped here for want of room, and are not waited for.
        dropped: bool,
    },
    /// An entry that others answer and that cannot be shown; in threads only.
    Missing {
        order: OrderKey,
        entry: EntryRef,
        why: EntryState,
    },
}

impl Query {
    fn prefix(&self, rows: Rows<'_>) -> Result<Option<Key>, FeedsError> {
        if let Scope::Target(target, rel) = self.scope {
            return Ok(Some(keys::of_target(&target).raw(&[rel.into()])));
        }
        if let Some(tag) = &self.tag {
            return Ok(Some(keys::of_tag(tag)));
        }
        if let (Scope::Kind, Some(kind)) = (self.scope, &self.kind) {
            return Ok(rows.kind_no(kind)?.map(keys::of_kind));
        }
        if let Some(feed) = &self.feed {
            return Ok(rows.feed_no(feed)?.map(keys::of_feed));
        }
        // A rare kind is found by its own index, which also holds what timelines never show.
        match &self.kind {
            Some(kind) => Ok(rows.kind_no(kind)?.map(keys::of_kind)),
            None => Ok(Some(keys::timeline())),
        }
    }

    /// Whether an entry that just came in is one of this query.
    pub(crate) fn shows(&self, entry: &StoredEntry, body: Option<&Body>) -> bool {
        let is_read = super::index::is_shown_kind(&entry.kind);
        let content = match self.scope {
            Scope::Timeline => is_read,
            Scope::Target(_, Rel::Root) => {
                is_read && super::index::is_shown_lane(&entry.reference.log.lane)
            }
            Scope::Kind | Scope::Target(..) => true,
        };
        (content || self.kind.is_some()) && self.admits(entry, body)
    }

    /// Whether an entry can be one of this query, by what its header says.
    fn may_admit(&self, entry: &StoredEntry) -> bool {
        let LogId { feed, lane, .. } = &entry.reference.log;
        let shown = self.scope != Scope::Timeline || super::index::is_shown_lane(lane);
        shown
            && self.feed.is_none_or(|wanted| wanted == *feed)
            && self.kind.as_ref().is_none_or(|kind| *kind == entry.kind)
    }

    /// Whether an entry found in an index is one of this query: hashes of tags and targets are checked here.
    pub(crate) fn admits(&self, entry: &StoredEntry, body: Option<&Body>) -> bool {
        let tagged = |tag: &String| {
            body.is_some_and(|body| body.tags.iter().any(|t| Body::fold_tag(t) == *tag))
        };
        let targets = match self.scope {
            Scope::Target(id, rel) => {
                body.is_some_and(|body| body.targets(rel).any(|target| target.id == id))
            }
            Scope::Timeline | Scope::Kind => true,
        };
        self.may_admit(entry) && targets && self.tag.as_ref().is_none_or(tagged)
    }
}

impl FeedSnapshot {
    /// The newest `limit` entries of a query below `before`, and the gaps between them.
    ///
    /// What claims a time more than ten minutes after `now` is left out until it is due. A gap is never cut from the
    /// entry above it, so there may be more rows than `limit`.
    pub(crate) fn page(
        &self,
        query: &Query,
        before: Option<OrderKey>,
        limit: usize,
        now: Timestamp,
    ) -> Result<Vec<PageRow>, FeedsError> {
        let mut page = PageBuilder {
            snapshot: self,
            found: Vec::new(),
            entries: 0,
            now,
        };
        if limit == 0 {
            return Ok(page.found);
        }
        let Some(prefix) = query.prefix(self.rows())? else {
            return Ok(Vec::new());
        };
        let due = first_ahead(now);
        let mut to = prefix
            .clone()
            .order(&before.map_or(due, |before| before.min(due)))
            .into_vec();
        loop {
            let want = limit - page.entries + SPARE_ROWS;
            let rows = self.index_rows(prefix.as_slice(), &to, want)?;
            for (key, mark) in &rows {
                page.row(query, key, *mark)?;
                if page.entries >= limit {
                    return Ok(page.found);
                }
            }
            match rows.into_iter().nth(want - 1) {
                Some((last, _)) => to = last,
                None => return Ok(page.found),
            }
        }
    }

    /// The newest `limit` entries of a feed that people read and that claim a time more than ten minutes after `now`.
    pub(crate) fn ahead(
        &self,
        feed: &FeedId,
        limit: usize,
        now: Timestamp,
    ) -> Result<Vec<PageRow>, FeedsError> {
        let mut page = PageBuilder {
            snapshot: self,
            found: Vec::new(),
            entries: 0,
            now,
        };
        let Some(feed_no) = self.rows().feed_no(feed)? else {
            return Ok(page.found);
        };
        let query = Query {
            feed: Some(*feed),
            ..Query::default()
        };
        let prefix = keys::of_feed(feed_no);
        let from = prefix.clone().order(&first_ahead(now)).into_vec();
        let to = crate::store::prefix_end(prefix.as_slice()).unwrap_or_default();
        for (key, mark) in self.index_rows(&from, &to, limit)? {
            // Gaps are shown once what stands above them is due.
            page.row(&query, &key, mark & SHOWN)?;
        }
        Ok(page.found)
    }

    fn index_rows(
        &self,
        from: &[u8],
        to: &[u8],
        want: usize,
    ) -> Result<Vec<(Vec<u8>, u8)>, FeedsError> {
        let mut rows = Vec::with_capacity(want);
        self.tx()
            .scan(from, Some(to), Direction::Descending, &mut |key, value| {
                rows.push((key.to_vec(), value.first().copied().unwrap_or(0)));
                if rows.len() < want {
                    ControlFlow::Continue(())
                } else {
                    ControlFlow::Break(())
                }
            })?;
        Ok(rows)
    }
}

/// The first place of what claims a time more than ten minutes after `now`.
const fn first_ahead(now: Timestamp) -> OrderKey {
    OrderKey {
        time: now.plus_millis(FUTURE_MILLIS).plus_millis(1),
        log: [0; 8],
        seq: Seq::ZERO,
    }
}

/// A page being put together.
struct PageBuilder<'a> {
    snapshot: &'a FeedSnapshot,
    found: Vec<PageRow>,
    entries: usize,
    now: Timestamp,
}

impl PageBuilder<'_> {
    fn row(&mut self, query: &Query, key: &[u8], mark: u8) -> Result<(), FeedsError> {
        let Some((order, log_no)) = keys::place_at_end(key) else {
            return Err(FeedsError::Damaged {
                what: "an index row",
            });
        };
        let rows = self.snapshot.rows();
        let facts = &self.snapshot.facts;
        let (feed_no, log) = facts.log(rows, log_no)?;
        if !facts.is_wanted(rows, self.snapshot.wanted_version(), feed_no)? {
            return Ok(());
        }
        if mark & SHOWN != 0 {
            let entry = rows.entry(log_no, &log, order.seq)?;
            let entry = entry.ok_or(FeedsError::Damaged {
                what: "an entry that an index names",
            })?;
            self.entry(query, order, entry)?;
        }
        if mark & GAP != 0 {
            let row = rows.log(log_no)?;
            let dropped = row.floor >= order.seq;
            let from = row.held.end_before(order.seq);
            let from = if dropped { from } else { from.max(row.floor) };
            self.found.push(PageRow::Gap {
                order,
                log,
                from,
                to: order.seq,
                dropped,
            });
        }
        Ok(())
    }

    fn entry(
        &mut self,
        query: &Query,
        order: OrderKey,
        entry: StoredEntry,
    ) -> Result<(), FeedsError> {
        // What is over is hidden by the clock, not only once a sweep has come by.
        if is_over(&entry, self.now) || !query.may_admit(&entry) {
            return Ok(());
        }
        let (body, about) = self.snapshot.about(&entry, self.now)?;
        if !about.gives_way && query.admits(&entry, body.as_ref()) {
            self.entries += 1;
            self.found.push(PageRow::Entry {
                order,
                entry,
                body,
                about,
            });
        }
        Ok(())
    }
}
