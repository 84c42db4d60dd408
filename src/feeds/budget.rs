//! Upkeep for what others write: how much of each feed is kept, and what goes when it is more.
//!
//! A feed past its budget loses whole blocks, oldest first, until a sixteenth of the budget is free. What it loses is not
//! asked for again: a log has a floor, below which nothing is held or wanted. Claimed times decide only between lanes of one
//! device, since anybody may claim any time. Which device has to give way is said by bytes: first the family that takes
//! most, a device that the feed key admitted with all that it let in, so that made-up devices take their room from whoever
//! admitted them; in it the device that takes most. Lane `state` of a device goes last.

use std::collections::{BTreeMap, BTreeSet};

use super::FeedStore;
use super::batch::{FeedBatch, Note};
use super::error::FeedsError;
use super::keys::{FeedNo, LogNo};
use super::pace::Paces;
use super::row::{Dropped, LogRow};
use super::rows::Rows;
use super::trust::Trust;
use crate::format::{DeviceId, FeedId, Seq, Timestamp, lanes};

/// What is kept of others' feeds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Keeping {
    /// Bytes of the stored runs of one feed.
    pub(crate) bytes: u64,
    /// Entries of one feed.
    pub(crate) entries: u64,
    /// Milliseconds for which a feed stays that is not followed any more.
    pub(crate) left_millis: i64,
}

impl Default for Keeping {
    fn default() -> Self {
        Self {
            // A hundred posts of 300 bytes on each day of twenty years.
            bytes: 256 * 1024 * 1024,
            // Those years, too. Indexes take some 700 bytes an entry, however small it is.
            entries: 1_000_000,
            left_millis: 30 * 24 * 60 * 60 * 1_000,
        }
    }
}

/// What the sweep has to look at.
#[derive(Debug, Default)]
pub(super) struct Upkeep {
    pub(super) keeping: Keeping,
    /// Feeds of which something was stored since they were looked at.
    grown: BTreeSet<FeedNo>,
    /// Feeds of which something has to go, or may come back.
    pub(super) unfit: BTreeSet<FeedNo>,
    is_looked_through: bool,
    pub(super) paces: Paces,
}

impl Upkeep {
    pub(super) fn grew(&mut self, feeds: &BTreeSet<FeedNo>) {
        self.grown.extend(feeds);
    }
}

/// How much is held of a feed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Size {
    pub(super) bytes: u64,
    pub(super) entries: u64,
}

impl Size {
    fn of(row: &LogRow) -> Self {
        Self {
            bytes: row.bytes,
            entries: row.held.count(),
        }
    }

    fn add(&mut self, other: Self) {
        self.bytes += other.bytes;
        self.entries += other.entries;
    }

    const fn is_over(self, bytes: u64, entries: u64) -> bool {
        self.bytes > bytes || self.entries > entries
    }
}

/// Blocks that one sweep drops: all of it is one write.
pub(super) const BLOCKS: usize = 32;

impl FeedStore {
    /// Sets what is kept of others' feeds. What is more goes in the next sweeps.
    pub(crate) fn keep(&self, keeping: Keeping) {
        let mut room = self.upkeep();
        room.keeping = keeping;
        room.is_looked_through = false;
    }

    /// When the next sweep has something to do, if it ever has. Reads the rows of feeds that grew.
    pub(crate) fn next_sweep(&self) -> Result<Option<Timestamp>, FeedsError> {
        let snapshot = self.snapshot()?;
        let (keeping, grown, all) = {
            let mut room = self.upkeep();
            let all = !std::mem::replace(&mut room.is_looked_through, true);
            (room.keeping, std::mem::take(&mut room.grown), all)
        };
        let rows = snapshot.rows();
        let feeds = if all {
            rows.feeds()?.into_iter().map(|(no, _)| no).collect()
        } else {
            grown
        };
        for no in feeds {
            if rows.is_unfit(no, keeping)? {
                self.upkeep().unfit.insert(no);
            }
        }
        if !self.upkeep().unfit.is_empty() {
            return Ok(Some(Timestamp(i64::MIN)));
        }
        let paced = self.upkeep().paces.due();
        Ok(snapshot.next_timed(keeping)?.into_iter().chain(paced).min())
    }
}

impl Rows<'_> {
    /// How much is held of a feed.
    pub(super) fn size(&self, no: FeedNo) -> Result<Size, FeedsError> {
        let mut size = Size::default();
        for log in self.logs_of(no)? {
            size.add(Size::of(&self.log(log)?));
        }
        Ok(size)
    }

    fn is_unfit(&self, no: FeedNo, keeping: Keeping) -> Result<bool, FeedsError> {
        let Some(row) = self.feed(no)?.filter(|row| !row.own) else {
            return Ok(false);
        };
        if self.size(no)?.is_over(keeping.bytes, keeping.entries) {
            return Ok(true);
        }
        let was_less = |dropped: Dropped| {
            dropped.of.0 < keeping.bytes && dropped.of.1 <= keeping.entries
                || dropped.of.0 <= keeping.bytes && dropped.of.1 < keeping.entries
        };
        Ok(row.is_wanted() && row.dropped.is_some_and(was_less))
    }
}

/// A log of a feed that is past its budget.
struct Strand {
    no: LogNo,
    row: LogRow,
    counts: bool,
    family: Option<DeviceId>,
}

impl Strand {
    fn first(&self) -> Option<Seq> {
        self.row.held.iter().next().map(|held| held.start)
    }

    fn is_state(&self) -> bool {
        self.row.log.lane == lanes::STATE
    }
}

impl FeedBatch<'_> {
    /// Sees to it that feeds fit their budget; says whether there is more to do.
    pub(super) fn fit_feeds(&mut self) -> Result<bool, FeedsError> {
        let keeping = self.store.upkeep().keeping;
        let unfit = self.store.upkeep().unfit.clone();
        let mut left = BLOCKS;
        for no in unfit {
            if left == 0 {
                return Ok(true);
            }
            let is_over = self
                .rows()
                .size(no)?
                .is_over(keeping.bytes, keeping.entries);
            if !is_over && self.rows().is_unfit(no, keeping)? {
                self.want_dropped(no)?;
            } else if is_over && !self.fit(no, keeping, &mut left)? {
                return Ok(true);
            }
            self.store.upkeep().unfit.remove(&no);
        }
        Ok(false)
    }

    /// Drops blocks of a feed until it fits, as long as any are `left` to drop. Says whether it fits.
    fn fit(&mut self, no: FeedNo, keeping: Keeping, left: &mut usize) -> Result<bool, FeedsError> {
        let target = |most: u64| most - most / 16;
        let (bytes, entries) = (target(keeping.bytes), target(keeping.entries));
        let mut strands = self.strands(no)?;
        let mut size = Size::default();
        strands
            .iter()
            .for_each(|strand| size.add(Size::of(&strand.row)));
        while size.is_over(bytes, entries) {
            if *left == 0 {
                return Ok(false);
            }
            *left -= 1;
            let Some(at) = self.next_to_go(&strands)? else {
                return Ok(true);
            };
            let Some(strand) = strands.get_mut(at) else {
                return Ok(true);
            };
            let before = Size::of(&strand.row);
            let Some(held) = strand.row.held.iter().next() else {
                return Ok(true);
            };
            let name = self.log_name(strand.no)?;
            let block = held.start..held.start.block_end().min(held.end);
            self.drop_range(name, &block, true)?;
            strand.row = self.log_row(strand.no)?.clone();
            let after = Size::of(&strand.row);
            let gone = Size {
                bytes: before.bytes.saturating_sub(after.bytes),
                entries: before.entries.saturating_sub(after.entries),
            };
            size.bytes = size.bytes.saturating_sub(gone.bytes);
            size.entries = size.entries.saturating_sub(gone.entries);
            self.count_dropped(no, gone, keeping)?;
        }
        Ok(true)
    }

    fn count_dropped(
        &mut self,
        no: FeedNo,
        gone: Size,
        keeping: Keeping,
    ) -> Result<(), FeedsError> {
        let row = self.feed_row_mut(no)?;
        let before = row.dropped.map_or((0, 0), |was| (was.entries, was.bytes));
        row.dropped = Some(Dropped {
            of: (keeping.bytes, keeping.entries),
            entries: before.0 + gone.entries,
            bytes: before.1 + gone.bytes,
        });
        Ok(())
    }

    fn strands(&mut self, no: FeedNo) -> Result<Vec<Strand>, FeedsError> {
        let feed = self.feed_row(no)?.id;
        let trust = self.trust(no, &feed)?;
        let families = families(&trust);
        let mut strands = Vec::new();
        for log in self.rows().logs_of(no)? {
            let row = self.log_row(log)?.clone();
            strands.push(Strand {
                no: log,
                counts: trust.bound(&row.log) > Seq::ZERO,
                family: families.get(&row.log.device).copied(),
                row,
            });
        }
        Ok(strands)
    }

    /// Which log loses its oldest block next: what does not count, then as the module says.
    fn next_to_go(&self, strands: &[Strand]) -> Result<Option<usize>, FeedsError> {
        let held = || strands.iter().zip(0..).filter(|(s, _)| s.first().is_some());
        if let Some((_, at)) = held().find(|(strand, _)| !strand.counts) {
            return Ok(Some(at));
        }
        let largest = |key: &dyn Fn(&Strand) -> Option<DeviceId>, of: &dyn Fn(&Strand) -> bool| {
            let mut bytes: BTreeMap<Option<DeviceId>, u64> = BTreeMap::new();
            for (strand, _) in held().filter(|(strand, _)| of(strand)) {
                *bytes.entry(key(strand)).or_default() += strand.row.bytes;
            }
            bytes
                .into_iter()
                .max_by_key(|(_, bytes)| *bytes)
                .map(|(key, _)| key)
        };
        let Some(family) = largest(&|strand| strand.family, &|_| true) else {
            return Ok(None);
        };
        let device = largest(&|strand| Some(strand.row.log.device), &|strand| {
            strand.family == family
        });
        let of_device = |strand: &Strand| Some(strand.row.log.device) == device.flatten();
        let mut oldest = None;
        for (strand, at) in held().filter(|(strand, _)| of_device(strand)) {
            let Some(first) = strand.first() else {
                continue;
            };
            let entry = self.rows().entry(strand.no, &strand.row.log, first)?;
            let time = entry.map_or(Timestamp(i64::MIN), |entry| entry.time);
            let rank = (strand.is_state(), time, strand.no);
            if oldest.is_none_or(|(known, _)| rank < known) {
                oldest = Some((rank, at));
            }
        }
        Ok(oldest.map(|(_, at)| at))
    }

    /// Wants again what was dropped of a feed, if anything was. Sync asks for it at once.
    pub(crate) fn bring_back(&mut self, feed: &FeedId) -> Result<bool, FeedsError> {
        match self.met_feed(feed)? {
            Some(no) => self.want_dropped(no),
            None => Ok(false),
        }
    }

    pub(super) fn want_dropped(&mut self, no: FeedNo) -> Result<bool, FeedsError> {
        let feed = self.feed_row(no)?;
        let (id, wanted) = (feed.id, feed.is_wanted());
        if feed.dropped.is_none() {
            return Ok(false);
        }
        self.feed_row_mut(no)?.dropped = None;
        for log in self.rows().logs_of(no)? {
            if self.log_row(log)?.floor > Seq::ZERO {
                let row = self.log_row_mut(log)?;
                row.floor = Seq::ZERO;
                if row.held.is_empty() {
                    row.head = crate::format::EntryId::ZERO;
                }
            }
        }
        if wanted {
            // What sync knows of the feed is read anew.
            self.wanted_changed(Note::Unwanted { feed: id });
            self.wanted_changed(Note::Wanted { feed: id });
        }
        Ok(true)
    }
}

/// The device that the feed key admitted from which each device comes.
fn families(trust: &Trust) -> BTreeMap<DeviceId, DeviceId> {
    /// There are no more generations.
    const GENERATIONS: usize = 4;
    let admitters = trust.admitters();
    let elder = |device: &DeviceId| admitters.get(device).copied().flatten();
    let eldest = |device: &DeviceId| {
        std::iter::successors(Some(*device), elder)
            .take(GENERATIONS)
            .last()
            .unwrap_or(*device)
    };
    admitters
        .keys()
        .map(|device| (*device, eldest(device)))
        .collect()
}
