//! What is set aside: bodies that a Retire cut, and runs of another branch than the one that is taken.
//!
//! They are out of sight and served to nobody, and back without a network when they count again. They go with time, and
//! of others' feeds the oldest go first where they come to more than [`ASIDE_BYTES`], those of the device that has most.

use std::collections::BTreeMap;
use std::ops::{ControlFlow, Range};

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::batch::{FeedBatch, LogName};
use super::error::FeedsError;
use super::keys::{self, FeedNo, LogNo};
use super::row::{decode, encode};
use super::rows::Rows;
use super::snapshot::FeedSnapshot;
use crate::format::{BlobHash, Body, Closing, DeviceId, EntryId, LogId, Run, Seq, Timestamp};

const DAY: i64 = 24 * 60 * 60 * 1_000;
/// How long what is set aside of own feeds stays: as long as a delete can be undone.
pub(super) const OWN_MILLIS: i64 = 30 * DAY;
/// The same of others' feeds: long enough for the owner to find the phrase after a device was stolen.
pub(super) const OTHERS_MILLIS: i64 = 7 * DAY;
/// Bytes set aside of one feed of others, and of any feed what was never held here: a thief's Retires and branches must
/// not fill the disks of followers. A text feed of ten years is some 10 MiB.
pub(super) const ASIDE_BYTES: u64 = 64 << 20;
/// Down to what the oldest go, once there is more than that: not one by one with each run that is set aside.
const ASIDE_LEFT: u64 = ASIDE_BYTES / 4 * 3;
/// What a run counts at least, for its rows: short ones must not make the tables long.
const ASIDE_LEAST: u64 = 1_024;
/// Rows dropped in one write for lack of room.
const DROPPED: usize = 4_096;

const WHAT: &str = "what is set aside";
const DAMAGED: FeedsError = FeedsError::Damaged { what: WHAT };

/// Why a run is set aside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Why {
    /// A Retire cut its bodies; its headers may still be held.
    Cut,
    /// It was held until a Retire named an end on another branch.
    Branch,
    /// It took the place of such a one, until that Retire ceased to count.
    Back,
    /// It was never held here: another branch was, or nothing yet says which branch it is of.
    Fork,
}

/// A run set aside, as it is stored.
#[derive(Debug, Serialize, Deserialize)]
struct AsideRow {
    due: Timestamp,
    why: Why,
    ids: Vec<EntryId>,
    packed: Vec<u8>,
}

/// A run set aside.
#[derive(Debug)]
pub(super) struct Aside {
    pub(super) due: Timestamp,
    pub(super) why: Why,
    pub(super) run: Run,
    pub(super) charge: u64,
}

impl Aside {
    pub(super) fn read(log: &LogId, value: &[u8]) -> Result<Self, FeedsError> {
        let row: AsideRow = decode(WHAT, value)?;
        let run = Run::trusted(log, row.ids, row.packed.into()).map_err(|_| DAMAGED)?;
        Ok(Self {
            due: row.due,
            why: row.why,
            run,
            charge: charge(value.len()),
        })
    }

    /// Its key's end: the place and the id of its last entry.
    pub(super) fn last(&self) -> (Seq, EntryId) {
        last_of(&self.run)
    }
}

fn charge(len: usize) -> u64 {
    (len as u64).max(ASIDE_LEAST)
}

fn last_of(run: &Run) -> (Seq, EntryId) {
    (Seq(run.end().0.saturating_sub(1)), run.last_id())
}

/// The blobs that the bodies of a run name, with the places.
pub(super) fn blobs_of(run: &Run) -> Vec<(BlobHash, Seq)> {
    let places = (run.first().0..).map(Seq).zip(run.items());
    let bodies = places.filter_map(|(seq, item)| Some((seq, Body::decode(item.body()?).ok()?)));
    let named = |(seq, body): (Seq, Body)| {
        let hashes = body.attachments.into_iter().map(|named| named.hash);
        hashes.map(move |hash| (hash, seq)).collect::<Vec<_>>()
    };
    bodies.flat_map(named).collect()
}

/// The longer of two runs that end with the same entry, with the bodies of both.
fn united(one: &Run, other: &Run) -> Run {
    let (long, short) = if one.first() <= other.first() {
        (one, other)
    } else {
        (other, one)
    };
    let of_short = |seq: Seq| {
        let at = usize::try_from(seq.0.checked_sub(short.first().0)?).ok()?;
        short.items().get(at)?.body().cloned()
    };
    long.with_bodies(|seq, item| item.body().cloned().or_else(|| of_short(seq)))
}

impl FeedBatch<'_> {
    /// Sets a run aside that was held, or the part of one that was.
    pub(super) fn set_aside(
        &mut self,
        name: LogName,
        run: &Run,
        why: Why,
    ) -> Result<(), FeedsError> {
        let (last, id) = last_of(run);
        let known = self.rows().aside(name.no, &name.id, last, &id)?;
        let (mut run, mut why) = (run.clone(), why);
        if let Some(known) = known {
            self.drop_aside(name.no, &known)?;
            run = united(&run, &known.run);
            if why == Why::Cut || (why == Why::Fork && known.why != Why::Cut) {
                why = known.why;
            }
        }
        let own = self.feed_row(name.feed_no)?.own;
        let due = self
            .since
            .plus_millis(if own { OWN_MILLIS } else { OTHERS_MILLIS });
        let value = encode(&AsideRow {
            due,
            why,
            ids: run.ids().to_vec(),
            packed: run.packed().to_vec(),
        });
        let charge = charge(value.len());
        self.tx
            .put(keys::aside(name.no, last, &id).as_slice(), value)?;
        let until = keys::aside_until(due).u32(name.no).u64(last.0);
        self.tx
            .put(until.raw(id.as_bytes()).as_slice(), Bytes::new())?;
        for (hash, seq) in blobs_of(&run) {
            let key = keys::aside_blob(&hash).u32(name.no).u64(seq.0);
            self.tx
                .put(key.raw(id.as_bytes()).as_slice(), Bytes::new())?;
        }
        self.log_row_mut(name.no)?.aside += charge;
        let feed = self.feed_row_mut(name.feed_no)?;
        feed.aside += charge;
        if !own && feed.aside > ASIDE_BYTES {
            self.make_room(name.feed_no)?;
        }
        Ok(())
    }

    /// Sets a run aside that was never held, if there is room for it.
    pub(super) fn set_aside_new(&mut self, name: LogName, run: &Run) -> Result<(), FeedsError> {
        let needed = charge(run.packed().len() + 32 * run.ids().len());
        if self.feed_row(name.feed_no)?.aside + needed > ASIDE_BYTES {
            return Ok(());
        }
        self.set_aside(name, run, Why::Fork)
    }

    /// Drops what is set aside with one key.
    pub(super) fn drop_aside(&mut self, no: LogNo, aside: &Aside) -> Result<(), FeedsError> {
        let (last, id) = aside.last();
        self.tx.delete(keys::aside(no, last, &id).as_slice())?;
        let until = keys::aside_until(aside.due).u32(no).u64(last.0);
        self.tx.delete(until.raw(id.as_bytes()).as_slice())?;
        for (hash, seq) in blobs_of(&aside.run) {
            let key = keys::aside_blob(&hash).u32(no).u64(seq.0);
            self.tx.delete(key.raw(id.as_bytes()).as_slice())?;
            self.unnamed_blobs.insert(hash);
        }
        let row = self.log_row_mut(no)?;
        row.aside = row.aside.saturating_sub(aside.charge);
        let feed_no = row.feed_no;
        let feed = self.feed_row_mut(feed_no)?;
        feed.aside = feed.aside.saturating_sub(aside.charge);
        Ok(())
    }

    /// Drops the oldest of the device that has most set aside, until there is room again.
    fn make_room(&mut self, feed_no: FeedNo) -> Result<(), FeedsError> {
        let mut devices: BTreeMap<DeviceId, (u64, Vec<LogName>)> = BTreeMap::new();
        for no in self.rows().logs_of(feed_no)? {
            let name = self.log_name(no)?;
            let charge = self.log_row(no)?.aside;
            if charge > 0 {
                let (sum, logs) = devices.entry(name.id.device).or_default();
                *sum += charge;
                logs.push(name);
            }
        }
        let mut left = DROPPED;
        while self.feed_row(feed_no)?.aside > ASIDE_LEFT && left > 0 {
            let most = devices.iter().max_by_key(|(_, (sum, _))| *sum);
            let Some(device) = most.map(|(device, _)| *device) else {
                break;
            };
            let (mut sum, logs) = devices.remove(&device).unwrap_or_default();
            let second = devices.values().map(|(sum, _)| *sum).max().unwrap_or(0);
            let mut oldest = Vec::new();
            for name in &logs {
                let ends = self.rows().aside_ends(name.no)?;
                oldest.extend(
                    ends.into_iter()
                        .map(|(due, last, id)| (due, *name, last, id)),
                );
            }
            oldest.sort_by_key(|(due, name, last, _)| (*due, name.no, *last));
            for (_, name, last, id) in oldest {
                let is_enough = self.feed_row(feed_no)?.aside <= ASIDE_LEFT;
                if is_enough || left == 0 || sum < second {
                    break;
                }
                if let Some(aside) = self.rows().aside(name.no, &name.id, last, &id)? {
                    sum = sum.saturating_sub(aside.charge);
                    self.drop_aside(name.no, &aside)?;
                }
                left -= 1;
            }
            if sum > 0 {
                devices.insert(device, (sum, logs));
            }
        }
        Ok(())
    }

    /// Drops what has been aside long enough, at most `limit` runs; says whether there may be more.
    pub(super) fn sweep_aside(&mut self, limit: usize) -> Result<bool, FeedsError> {
        let (from, to) = (
            keys::aside_until(Timestamp(i64::MIN)),
            keys::aside_until(self.due.plus_millis(1)),
        );
        let mut due = Vec::new();
        self.rows()
            .visit(from.as_slice(), Some(to.as_slice()), |key, _| {
                due.push(key.to_vec());
                Ok(if due.len() < limit {
                    ControlFlow::Continue(())
                } else {
                    ControlFlow::Break(())
                })
            })?;
        for key in &due {
            // By its own key as well: a row that stayed behind would be due for ever.
            self.tx.delete(key)?;
            let (no, last, id) = split_until(key).ok_or(DAMAGED)?;
            let name = self.log_name(no)?;
            if let Some(aside) = self.rows().aside(no, &name.id, last, &id)? {
                self.drop_aside(no, &aside)?;
            }
        }
        Ok(due.len() == limit)
    }

    /// A run with what is set aside of its bodies in `part`, which is then aside no longer.
    pub(super) fn with_aside(
        &mut self,
        name: LogName,
        run: &Run,
        part: &Range<Seq>,
    ) -> Result<Option<Run>, FeedsError> {
        if self.log_row(name.no)?.aside == 0 {
            return Ok(None);
        }
        let block = part.start..part.start.block_end();
        let mut bodies = BTreeMap::new();
        for aside in self.rows().aside_in(name.no, &name.id, &block)? {
            let (mut is_used, mut is_used_up) = (false, true);
            let places = (aside.run.first().0..).map(Seq);
            for (seq, item) in places.zip(aside.run.items()) {
                let Some(body) = item.body() else { continue };
                if part.contains(&seq) && aside.run.id_at(seq) == run.id_at(seq) {
                    bodies.insert(seq, body.clone());
                    is_used = true;
                } else {
                    is_used_up = false;
                }
            }
            if is_used && is_used_up {
                self.drop_aside(name.no, &aside)?;
            }
        }
        if bodies.is_empty() {
            return Ok(None);
        }
        let filled = run.with_bodies(|seq, item| {
            let held = item.body().cloned();
            held.or_else(|| bodies.get(&seq).cloned())
        });
        Ok(Some(filled))
    }

    /// The part of a held run with its bodies, those of erased entries included that are kept; none if it has no body.
    pub(super) fn with_kept(
        &self,
        name: LogName,
        run: &Run,
        part: &Range<Seq>,
    ) -> Result<Option<Run>, FeedsError> {
        let closing = if part.end == run.end() {
            *run.closing()
        } else {
            Closing::NextHeld
        };
        let Some(run) = run.part(part.start, part.end, closing) else {
            return Ok(None);
        };
        let mut kept = BTreeMap::new();
        for seq in self.rows().erased_in(name.no, part)? {
            kept.extend(self.rows().kept(name.no, seq)?.map(|body| (seq, body)));
        }
        let run = if kept.is_empty() {
            run
        } else {
            run.with_bodies(|seq, item| kept.get(&seq).or_else(|| item.body()).cloned())
        };
        let has_body = run.items().iter().any(|item| item.body().is_some());
        Ok(has_body.then_some(run))
    }
}

fn split_until(key: &[u8]) -> Option<(LogNo, Seq, EntryId)> {
    let id = key.get(21..)?.try_into().ok()?;
    let (no, last) = (keys::u32_at(key, 9)?, keys::u64_at(key, 13)?);
    Some((no, Seq(last), EntryId::from_bytes(id)))
}

impl Rows<'_> {
    /// What is set aside and ends with one entry.
    pub(super) fn aside(
        &self,
        no: LogNo,
        log: &LogId,
        last: Seq,
        id: &EntryId,
    ) -> Result<Option<Aside>, FeedsError> {
        let value = self.0.value(keys::aside(no, last, id).as_slice())?;
        value.map(|value| Aside::read(log, &value)).transpose()
    }

    /// What is set aside of a log and ends in a range of places; ascending by its end.
    pub(super) fn aside_in(
        &self,
        no: LogNo,
        log: &LogId,
        lasts: &Range<Seq>,
    ) -> Result<Vec<Aside>, FeedsError> {
        let from = keys::aside_of(no).u64(lasts.start.0);
        let to = keys::aside_of(no).u64(lasts.end.0);
        let mut found = Vec::new();
        self.visit(from.as_slice(), Some(to.as_slice()), |_, value| {
            found.push(Aside::read(log, value)?);
            Ok(ControlFlow::Continue(()))
        })?;
        Ok(found)
    }

    /// The next run set aside of a log, after the one with the given end.
    pub(super) fn aside_after(
        &self,
        no: LogNo,
        log: &LogId,
        after: Option<(Seq, EntryId)>,
    ) -> Result<Option<Aside>, FeedsError> {
        let mut from = keys::aside_of(no).into_vec();
        if let Some((last, id)) = after {
            from = keys::aside(no, last, &id).raw(&[0]).into_vec();
        }
        let to = crate::store::prefix_end(keys::aside_of(no).as_slice());
        let mut found = None;
        self.visit(&from, to.as_deref(), |_, value| {
            found = Some(Aside::read(log, value)?);
            Ok(ControlFlow::Break(()))
        })?;
        Ok(found)
    }

    /// When each run set aside of a log is dropped, and how it ends.
    fn aside_ends(&self, no: LogNo) -> Result<Vec<(Timestamp, Seq, EntryId)>, FeedsError> {
        self.collect(&keys::aside_of(no), |key, value| {
            let row: AsideRow = decode(WHAT, value)?;
            let id = key.get(13..).and_then(|id| id.try_into().ok());
            let (last, id) = keys::u64_at(key, 5).zip(id).ok_or(DAMAGED)?;
            Ok((row.due, Seq(last), EntryId::from_bytes(id)))
        })
    }
}

impl FeedSnapshot {
    /// Runs set aside of a log, after the one that ends with the given entry; ascending, at most `limit`.
    #[cfg_attr(
        not(test),
        expect(dead_code, reason = "who says cut entries again reads them here")
    )]
    pub(crate) fn aside(
        &self,
        log: &LogId,
        after: Option<(Seq, EntryId)>,
        limit: usize,
    ) -> Result<Vec<Run>, FeedsError> {
        let rows = self.rows();
        let Some(no) = rows.log_no(log)? else {
            return Ok(Vec::new());
        };
        let (mut found, mut after) = (Vec::new(), after);
        while found.len() < limit
            && let Some(next) = rows.aside_after(no, log, after)?
        {
            after = Some(next.last());
            found.push(next.run);
        }
        Ok(found)
    }
}
