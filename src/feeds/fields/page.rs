//! Pages of content in the order of its keys.

use std::ops::{Bound, ControlFlow};

use super::Registered;
use crate::feeds::about::{About, is_over};
use crate::feeds::error::FeedsError;
use crate::feeds::keys;
use crate::feeds::page::Query;
use crate::feeds::rows::StoredEntry;
use crate::feeds::snapshot::FeedSnapshot;
use crate::format::limits::FUTURE_MILLIS;
use crate::format::{Body, IndexKey, IndexValue, OrderKey, Timestamp};
use crate::store::{Direction, prefix_end};

/// Index rows read in one go beyond those that are still needed: some belong to entries that are filtered out.
const SPARE_ROWS: usize = 16;

/// That an entry has a key between two bounds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Condition {
    pub(crate) index: String,
    pub(crate) from: Bound<IndexValue>,
    pub(crate) to: Bound<IndexValue>,
}

/// Which content a page is made of, and in which order.
#[derive(Debug, Clone)]
pub(crate) struct FieldQuery<'a> {
    pub(crate) of: &'a Registered,
    /// The index that is walked.
    pub(crate) by: &'a Condition,
    /// What else has to hold.
    pub(crate) and: Vec<&'a Condition>,
    /// Feed and tag.
    pub(crate) filter: &'a Query,
    pub(crate) direction: Direction,
}

/// An entry that was found, and where in the index.
#[derive(Debug, Clone)]
pub(crate) struct FieldRow {
    pub(crate) key: Vec<u8>,
    pub(crate) order: OrderKey,
    pub(crate) entry: StoredEntry,
    /// As last edited.
    pub(crate) body: Option<Body>,
    pub(crate) about: About,
}

impl Condition {
    fn admits(&self, key: &IndexKey) -> bool {
        let above = match &self.from {
            Bound::Included(from) => key.value() >= from,
            Bound::Excluded(from) => key.value() > from,
            Bound::Unbounded => true,
        };
        let below = match &self.to {
            Bound::Included(to) => key.value() <= to,
            Bound::Excluded(to) => key.value() < to,
            Bound::Unbounded => true,
        };
        above && below && key.name() == self.index
    }

    /// The rows to look at. They are those of the condition, and of texts that their first bytes do not tell from it.
    fn span(&self, prefix: &[u8]) -> (Vec<u8>, Option<Vec<u8>>) {
        let row = |value: &IndexValue| [prefix, &value.ordered()].concat();
        let behind = |value: &IndexValue| prefix_end(&row(value));
        let from = match &self.from {
            Bound::Included(from) => row(from),
            Bound::Excluded(from) if from.is_cut() => row(from),
            Bound::Excluded(from) => behind(from).unwrap_or_else(|| row(from)),
            Bound::Unbounded => prefix.to_vec(),
        };
        let to = match &self.to {
            Bound::Included(to) => behind(to),
            Bound::Excluded(to) if to.is_cut() => behind(to),
            Bound::Excluded(to) => Some(row(to)),
            Bound::Unbounded => prefix_end(prefix),
        };
        (from, to)
    }
}

impl FieldQuery<'_> {
    /// Whether an entry is to be shown at a row: at the first of its keys that the walk meets, or it would stand in a
    /// page as often as it has keys.
    fn shows(&self, entry: &StoredEntry, body: &Body, key: &[u8]) -> bool {
        let keys = (self.of.of.keys)(&entry.kind, &body.content);
        let held = |condition: &&Condition| keys.iter().any(|key| condition.admits(key));
        let met = keys
            .iter()
            .filter(|key| self.by.admits(key))
            .map(IndexKey::value);
        let first = match self.direction {
            Direction::Ascending => met.min(),
            Direction::Descending => met.max(),
        };
        first.is_some_and(|first| first.ordered() == key)
            && self.and.iter().all(held)
            && self.filter.admits(entry, Some(body))
    }
}

impl FeedSnapshot {
    /// The first `limit` entries of a query after a place, in the order of an index; then in the order of views.
    ///
    /// What claims a time more than ten minutes after `now` is left out until it is due, and so is what is not wanted.
    pub(crate) fn page_by_key(
        &self,
        query: &FieldQuery<'_>,
        after: Option<(&[u8], OrderKey)>,
        limit: usize,
        now: Timestamp,
    ) -> Result<Vec<FieldRow>, FeedsError> {
        let Some(index) = query.of.of.index(&query.by.index) else {
            return Ok(Vec::new());
        };
        let prefix = keys::of_index(query.of.no, index).into_vec();
        let (mut from, mut to) = query.by.span(&prefix);
        if let Some((key, order)) = after {
            let place = keys::of_index(query.of.no, index).raw(key).order(&order);
            let place = place.into_vec();
            match query.direction {
                Direction::Ascending => from = from.max(prefix_end(&place).unwrap_or(place)),
                Direction::Descending => to = to.into_iter().chain([place]).min(),
            }
        }
        let mut found = Vec::new();
        loop {
            let want = limit - found.len() + SPARE_ROWS;
            let rows = self.field_rows(&from, to.as_deref(), query.direction, want)?;
            for row in &rows {
                let key = row.get(prefix.len()..).unwrap_or_default();
                found.extend(self.field_row(query, key, now)?);
                if found.len() >= limit {
                    return Ok(found);
                }
            }
            let is_last = rows.len() < want;
            match (rows.into_iter().next_back(), query.direction) {
                (Some(mut last), Direction::Ascending) if !is_last => {
                    last.push(0);
                    from = last;
                }
                (Some(last), Direction::Descending) if !is_last => to = Some(last),
                _ => return Ok(found),
            }
        }
    }

    fn field_rows(
        &self,
        from: &[u8],
        to: Option<&[u8]>,
        direction: Direction,
        want: usize,
    ) -> Result<Vec<Vec<u8>>, FeedsError> {
        let mut rows = Vec::with_capacity(want);
        self.tx().scan(from, to, direction, &mut |key, _| {
            rows.push(key.to_vec());
            if rows.len() < want {
                ControlFlow::Continue(())
            } else {
                ControlFlow::Break(())
            }
        })?;
        Ok(rows)
    }

    /// The entry of a row, if it is one of the query.
    fn field_row(
        &self,
        query: &FieldQuery<'_>,
        row: &[u8],
        now: Timestamp,
    ) -> Result<Option<FieldRow>, FeedsError> {
        let (key, order, log_no) = keys::split_place(row).ok_or(FeedsError::Damaged {
            what: "an index row",
        })?;
        if order.time > now.plus_millis(FUTURE_MILLIS) {
            return Ok(None);
        }
        let rows = self.rows();
        let (feed_no, log) = self.facts.log(rows, log_no)?;
        if !self.facts.is_wanted(rows, self.wanted_version(), feed_no)? {
            return Ok(None);
        }
        let Some(entry) = rows.entry(log_no, &log, order.seq)? else {
            return Ok(None);
        };
        if is_over(&entry, now) {
            return Ok(None);
        }
        let Some(Ok(mut body)) = entry.body.as_deref().map(Body::decode) else {
            return Ok(None);
        };
        if let Some(edit) = rows.shown_edit(feed_no, &entry, now)? {
            body = edit.applied_to(body);
        }
        if !query.shows(&entry, &body, key) {
            return Ok(None);
        }
        let (body, about) = self.about(&entry, now)?;
        if about.gives_way {
            return Ok(None);
        }
        Ok(Some(FieldRow {
            key: key.to_vec(),
            order,
            entry,
            body,
            about,
        }))
    }
}
