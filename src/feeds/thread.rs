//! A thread: what began it, then all that belongs to it, oldest claim first.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use super::about::{EntryState, is_over};
use super::error::FeedsError;
use super::index::{is_shown_kind, is_shown_lane};
use super::keys::{self, LogNo};
use super::origin::origins_in;
use super::page::PageRow;
use super::snapshot::FeedSnapshot;
use crate::format::limits::FUTURE_MILLIS;
use crate::format::{Body, EntryRef, OrderKey, Rel, Timestamp};
use crate::store::{Direction, prefix_end};

/// Rows read in one go beyond those that are still needed.
const SPARE_ROWS: usize = 16;

/// Where an entry stands.
type Place = (OrderKey, LogNo);

/// A thread being put together.
struct ThreadBuilder<'a> {
    snapshot: &'a FeedSnapshot,
    root: EntryRef,
    /// The root under all its names: what it says again is answered as well.
    names: Vec<EntryRef>,
    now: Timestamp,
    found: Vec<PageRow>,
    entries: usize,
    /// Entries said to be missing already.
    said: BTreeSet<EntryRef>,
}

impl FeedSnapshot {
    /// A thread from its root on, or what follows `after` in it: at most `limit` entries.
    ///
    /// What an entry answers stands before it as missing if it cannot be shown: not held, deleted or expired.
    pub(crate) fn thread(
        &self,
        root: &EntryRef,
        after: Option<OrderKey>,
        limit: usize,
        now: Timestamp,
    ) -> Result<Vec<PageRow>, FeedsError> {
        let names = self.names_of(root)?;
        let root = names.first().unwrap_or(root);
        let mut thread = ThreadBuilder {
            snapshot: self,
            root: *root,
            names: names.clone(),
            now,
            found: Vec::new(),
            entries: 0,
            said: BTreeSet::new(),
        };
        if after.is_none() {
            thread.begin()?;
        }
        let mut after = after;
        while thread.entries < limit {
            let want = limit - thread.entries + SPARE_ROWS;
            let places = self.places_in(&names, after, want, now)?;
            let Some(last) = places.last() else { break };
            after = Some(last.0);
            for place in places {
                thread.place(place)?;
                if thread.entries >= limit {
                    break;
                }
            }
        }
        Ok(thread.found)
    }

    /// The next places of a thread, each once: what names the root as such, and what answers it without saying so.
    fn places_in(
        &self,
        roots: &[EntryRef],
        after: Option<OrderKey>,
        want: usize,
        now: Timestamp,
    ) -> Result<Vec<Place>, FeedsError> {
        let mut places = BTreeSet::new();
        let mut until: Option<Place> = None;
        let ways = roots.iter().flat_map(|root| {
            let by = |rel| (root, rel);
            [Rel::Root, Rel::Reply].map(by)
        });
        for (root, rel) in ways {
            let some = self.places_by(root, rel, after, want, now)?;
            if let Some(last) = some.last().filter(|_| some.len() == want) {
                // Beyond it only one of the two relations has been read.
                until = Some(until.map_or(*last, |until| until.min(*last)));
            }
            places.extend(some);
        }
        places.retain(|place| until.is_none_or(|until| *place <= until));
        Ok(places.into_iter().collect())
    }

    /// An entry, or what is shown in its place, and what that says again.
    fn names_of(&self, entry: &EntryRef) -> Result<Vec<EntryRef>, FeedsError> {
        let mut shown = *entry;
        let mut body = self.entry(entry)?.and_then(|(_, body)| body);
        if body.is_none()
            && let Some(other) = self.shown_instead(entry)?
        {
            shown = other;
            body = self.entry(&other)?.and_then(|(_, body)| body);
        }
        let mut names = vec![shown];
        if let Some(body) = &body {
            names.extend(origins_in(&shown.log.feed, body));
        }
        Ok(names)
    }

    fn places_by(
        &self,
        root: &EntryRef,
        rel: Rel,
        after: Option<OrderKey>,
        want: usize,
        now: Timestamp,
    ) -> Result<Vec<Place>, FeedsError> {
        let prefix = keys::of_target(&root.id).raw(&[rel.into()]);
        let from = match &after {
            // Above all logs at this place.
            Some(after) => prefix.clone().order(after).raw(&[u8::MAX; 5]),
            None => prefix.clone(),
        };
        let due = now.plus_millis(FUTURE_MILLIS);
        let to = prefix_end(prefix.as_slice());
        let mut places = Vec::new();
        self.tx().scan(
            from.as_slice(),
            to.as_deref(),
            Direction::Ascending,
            &mut |key, _| {
                let place = keys::place_at_end(key).filter(|(order, _)| order.time <= due);
                let goes_on = place.is_some() && places.len() + 1 < want;
                places.extend(place);
                if goes_on {
                    ControlFlow::Continue(())
                } else {
                    ControlFlow::Break(())
                }
            },
        )?;
        Ok(places)
    }
}

impl ThreadBuilder<'_> {
    /// The entry that began it, or that it is missing.
    fn begin(&mut self) -> Result<(), FeedsError> {
        let EntryRef { log, seq, id } = self.root;
        let place = |time| OrderKey {
            time,
            log: log.order(),
            seq,
        };
        let rows = self.snapshot.rows();
        let held = match rows.known_log(&log)? {
            Some((no, row)) if self.snapshot.is_wanted_no(row.feed_no)? => {
                rows.entry(no, &log, seq)?
            }
            _ => None,
        };
        let Some(entry) = held.filter(|entry| entry.reference.id == id) else {
            self.missing(place(Timestamp(i64::MIN)), self.root, EntryState::NotHeld);
            return Ok(());
        };
        let order = place(entry.time);
        let (body, about) = self.snapshot.about(&entry, self.now)?;
        if matches!(about.state, EntryState::Deleted | EntryState::Expired) {
            self.missing(order, self.root, about.state);
            return Ok(());
        }
        self.entries += 1;
        self.found.push(PageRow::Entry {
            order,
            entry,
            body,
            about,
        });
        Ok(())
    }

    fn missing(&mut self, order: OrderKey, entry: EntryRef, why: EntryState) {
        if self.said.insert(entry) {
            self.found.push(PageRow::Missing { order, entry, why });
        }
    }

    fn place(&mut self, (order, log_no): Place) -> Result<(), FeedsError> {
        let rows = self.snapshot.rows();
        let (feed_no, log) = self.snapshot.facts.log(rows, log_no)?;
        if !is_shown_lane(&log.lane) || !self.snapshot.is_wanted_no(feed_no)? {
            return Ok(());
        }
        let Some(entry) = rows.entry(log_no, &log, order.seq)? else {
            return Ok(());
        };
        if !is_shown_kind(&entry.kind) || is_over(&entry, self.now) {
            return Ok(());
        }
        let (body, about) = self.snapshot.about(&entry, self.now)?;
        let belongs = |body: &Body| {
            let is_root = |target: &EntryRef| self.names.contains(target);
            body.targets(Rel::Root).any(is_root) || body.targets(Rel::Reply).any(is_root)
        };
        let Some(body) = body.filter(belongs).filter(|_| !about.gives_way) else {
            return Ok(());
        };
        if let Some(parent) = body.targets(Rel::Reply).next() {
            self.parent(order, *parent)?;
        }
        self.entries += 1;
        self.found.push(PageRow::Entry {
            order,
            entry,
            body: Some(body),
            about,
        });
        Ok(())
    }

    /// Says that what an entry answers is missing, if it is.
    fn parent(&mut self, order: OrderKey, parent: EntryRef) -> Result<(), FeedsError> {
        if self.names.contains(&parent) || self.said.contains(&parent) {
            return Ok(());
        }
        let is_wanted = self.snapshot.is_wanted(&parent.log.feed)?;
        let state = match self.snapshot.entry(&parent)? {
            Some((entry, _)) if is_wanted => self.snapshot.state_of(&entry, self.now)?,
            _ => EntryState::NotHeld,
        };
        let is_shown = matches!(state, EntryState::Held | EntryState::Unreadable);
        if !is_shown && self.snapshot.shown_instead(&parent)?.is_none() {
            self.missing(order, parent, state);
        }
        Ok(())
    }
}
