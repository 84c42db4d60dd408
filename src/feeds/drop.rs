//! Entries that go for good: those that there is no room for, and those of feeds that nobody follows any more.

use std::ops::Range;

use bytes::Bytes;

use super::batch::{FeedBatch, LogName, Note};
use super::budget::BLOCKS;
use super::error::FeedsError;
use super::index::Index;
use super::keys::{self, FeedNo};
use super::trust::Trust;
use crate::format::{EntryId, Seq, Statements, Timestamp, lanes};

impl FeedBatch<'_> {
    /// Drops held entries with all their rows: `range` lies in one block and begins and ends where stored runs do.
    ///
    /// With `floor` they are not wanted again either, and neither is what lies below them.
    pub(super) fn drop_range(
        &mut self,
        name: LogName,
        range: &Range<Seq>,
        floor: bool,
    ) -> Result<(), FeedsError> {
        let starts = range.start..range.start.next();
        self.set_gaps(name, &starts, false)?;
        let bound = self.log_row(name.no)?.bound();
        for run in self.rows().segments(name.no, &name.id, range)? {
            let part = run.first()..run.end();
            let counting = part.start..part.end.min(bound);
            if counting.start < counting.end {
                self.index_run(name, &run, counting, Index::Away)?;
            }
            for seq in self.rows().missing(name.no, &part)? {
                self.tx.delete(keys::missing(name.no, seq).as_slice())?;
                let arrival = self.skip_arrival();
                let log = name.id;
                self.notes.push(Note::Erased {
                    log,
                    seq,
                    was_missing: true,
                    arrival,
                });
            }
            self.forget_erased(name, &part)?;
        }
        self.leave_tags(name, range)?;
        self.delete_segments(name.no, range)?;
        let row = self.log_row_mut(name.no)?;
        row.held.remove(range);
        row.quiet.remove(range);
        row.dropped = row.dropped.max(range.end);
        if floor {
            row.floor = row.floor.max(range.end);
        } else if row.held.is_empty() {
            row.head = EntryId::ZERO;
        }
        let goes_on = row.held.contains(range.end);
        if goes_on && range.end < bound {
            self.set_gaps(name, &(range.end..range.end.next()), true)?;
        }
        self.counters.entries = self
            .counters
            .entries
            .saturating_sub(range.end.0 - range.start.0);
        Ok(())
    }

    /// Notes that a feed is not followed any more, or is again: what is left of it goes after some time, or stays.
    pub(super) fn left_or_came(&mut self, no: FeedNo, came: bool) -> Result<(), FeedsError> {
        let now = self.now;
        let row = self.feed_row_mut(no)?;
        let before = std::mem::replace(&mut row.left, (!came).then_some(now));
        if let Some(before) = before {
            self.tx.delete(keys::left(before).u32(no).as_slice())?;
        }
        if !came {
            self.tx
                .put(keys::left(now).u32(no).as_slice(), Bytes::new())?;
        }
        Ok(())
    }

    /// Frees feeds that were left long enough ago; says whether there is more to do.
    pub(super) fn free_left(&mut self) -> Result<bool, FeedsError> {
        let after = self.store.upkeep().keeping.left_millis;
        let due = keys::left(
            self.now
                .plus_millis(after.saturating_neg().saturating_add(1)),
        );
        let from = keys::left(Timestamp(i64::MIN));
        let mut feeds = Vec::new();
        self.rows()
            .visit(from.as_slice(), Some(due.as_slice()), |key, _| {
                feeds.push((key.to_vec(), keys::u32_at(key, 9)));
                Ok(if feeds.len() < BLOCKS {
                    std::ops::ControlFlow::Continue(())
                } else {
                    std::ops::ControlFlow::Break(())
                })
            })?;
        let mut left = BLOCKS;
        for (key, no) in feeds {
            if left == 0 {
                return Ok(true);
            }
            left -= 1;
            if let Some(no) = no
                && !self.feed_row(no)?.is_wanted()
                && !self.free_feed(no, &mut left)?
            {
                return Ok(true);
            }
            self.tx.delete(&key)?;
        }
        Ok(left == 0)
    }

    /// Frees what is held of a feed, as long as any blocks are `left` to drop. Says whether all is gone.
    fn free_feed(&mut self, no: FeedNo, left: &mut usize) -> Result<bool, FeedsError> {
        let mut logs = Vec::new();
        for log in self.rows().logs_of(no)? {
            logs.push(self.log_name(log)?);
        }
        // Without the deletes of a feed what they took would be wanted again.
        logs.sort_by_key(|name| name.id.lane == lanes::STATE);
        for name in logs {
            loop {
                let first = self.log_row(name.no)?.held.iter().next();
                let Some(held) = first else { break };
                if *left == 0 {
                    return Ok(false);
                }
                *left -= 1;
                let block = held.start..held.start.block_end().min(held.end);
                self.drop_range(name, &block, false)?;
            }
            while let Some(aside) = self.rows().aside_after(name.no, &name.id, None)? {
                if *left == 0 {
                    return Ok(false);
                }
                *left -= 1;
                self.drop_aside(name.no, &aside)?;
            }
            self.tx.delete(keys::fork(name.no).as_slice())?;
            self.tx.delete(keys::recount(name.no).as_slice())?;
            let row = self.log_row_mut(name.no)?;
            (row.counted, row.dug) = (None, 0);
            (row.forked, row.floor, row.head) = (None, Seq::ZERO, EntryId::ZERO);
        }
        self.forget_statements(no)?;
        let row = self.feed_row_mut(no)?;
        (row.left, row.dropped, row.passed) = (None, None, 0);
        Ok(true)
    }

    fn forget_statements(&mut self, no: FeedNo) -> Result<(), FeedsError> {
        for table in [keys::statements_of(no), keys::speakers(no)] {
            for key in self.rows().collect(&table, |key, _| Ok(key.to_vec()))? {
                self.tx.delete(&key)?;
            }
        }
        let arrival = self.skip_arrival();
        let row = self.feed_row_mut(no)?;
        row.statements = [0; 16];
        row.statements_changed = arrival;
        let none = Trust::new(Statements::new(row.id));
        self.trust.insert(no, std::sync::Arc::new(none));
        Ok(())
    }
}
