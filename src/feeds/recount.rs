//! What follows when the statements of a feed say otherwise of its logs than before: a bounded piece in each write.
//!
//! A log's row says up to which place its entries are stored as such that count. A row of this table stands for each log
//! where that, or the branch that is held, is not yet what the statements say. What is pending outlives a restart.

use std::ops::Range;

use serde::{Deserialize, Serialize};

use super::aside::Why;
use super::batch::{FeedBatch, LogName, Note};
use super::error::FeedsError;
use super::index::Index;
use super::ingest::Taken;
use super::keys::{self, FeedNo, LogNo};
use super::row::{ArrivalEvent, decode, encode};
use super::snapshot::FeedSnapshot;
use super::trust::Trust;
use crate::format::{End, EntryId, Run, Seq};

/// Entries that are cut, restored or set aside in one write: some 32 blocks, a tenth of a second.
const RECOUNTED: u64 = 2_048;

const WHAT: &str = "what is to be counted again";

/// How far what is set aside of a log was offered again: first what was held before, then the rest, and after which run.
#[derive(Debug, Default, Clone, Copy, Serialize, Deserialize)]
struct RecountCursor {
    rest: bool,
    after: Option<(Seq, EntryId)>,
}

impl FeedBatch<'_> {
    /// Notes which logs have to follow a change of the statements.
    pub(super) fn note_recounts(
        &mut self,
        feed_no: FeedNo,
        before: &Trust,
        after: &Trust,
    ) -> Result<(), FeedsError> {
        for no in self.rows().logs_of(feed_no)? {
            let name = self.log_name(no)?;
            let is_same = before.bound(&name.id) == after.bound(&name.id)
                && before.end_of(&name.id) == after.end_of(&name.id);
            if !is_same {
                self.put_cursor(no, RecountCursor::default())?;
            }
        }
        Ok(())
    }

    fn put_cursor(&mut self, no: LogNo, cursor: RecountCursor) -> Result<(), FeedsError> {
        Ok(self.tx.put(keys::recount(no).as_slice(), encode(&cursor))?)
    }

    /// Does a bounded piece of what is pending; says whether there is more to do.
    pub(crate) fn recount_some(&mut self) -> Result<bool, FeedsError> {
        let mut left = RECOUNTED;
        loop {
            let next = self
                .rows()
                .collect_some(&keys::recounts(), 1, |key, value| {
                    let no = keys::u32_at(key, 1).ok_or(FeedsError::Damaged { what: WHAT })?;
                    Ok((no, decode::<RecountCursor>(WHAT, value)?))
                })?;
            let Some((no, mut cursor)) = next.into_iter().next() else {
                return Ok(false);
            };
            if left == 0 {
                return Ok(true);
            }
            let name = self.log_name(no)?;
            if self.recount(name, &mut cursor, &mut left)? {
                self.tx.delete(keys::recount(no).as_slice())?;
            } else {
                self.put_cursor(no, cursor)?;
                return Ok(true);
            }
            left = left.saturating_sub(1);
        }
    }

    /// Makes a log follow what the statements say, as far as `left` allows; says whether it does now.
    fn recount(
        &mut self,
        name: LogName,
        cursor: &mut RecountCursor,
        left: &mut u64,
    ) -> Result<bool, FeedsError> {
        let trust = self.trust(name.feed_no, &name.id.feed)?;
        let (target, end) = (trust.bound(&name.id), trust.end_of(&name.id));
        if end.is_some() {
            self.settle_fork(name)?;
        }
        while self.log_row(name.no)?.bound() != target {
            if *left == 0 {
                return Ok(false);
            }
            let done = self.follow_some(name, target)?;
            *left = left.saturating_sub(done.max(1));
        }
        match end {
            Some(end) => self.hold_true(name, &end, left),
            None if target > Seq::ZERO => self.offer_again(name, cursor, left),
            None => Ok(true),
        }
    }

    /// Lets a log's row say at once what the statements say, where nothing is held that this changes.
    pub(super) fn follow_bound(&mut self, name: LogName, target: Seq) -> Result<(), FeedsError> {
        let row = self.log_row(name.no)?;
        let bound = row.bound();
        if bound == target {
            return Ok(());
        }
        let between = bound.min(target)..bound.max(target);
        if row.held.within(between).is_empty() {
            self.log_row_mut(name.no)?.set_bound(target);
        }
        Ok(())
    }

    /// Cuts the highest block that counts and should not, or restores the lowest that should; says how many entries.
    fn follow_some(&mut self, name: LogName, target: Seq) -> Result<u64, FeedsError> {
        let row = self.log_row(name.no)?;
        let bound = row.bound();
        let part = if target < bound {
            let part = row.held.within(target..bound).pop();
            part.map(|part| {
                part.start
                    .max(Seq(part.end.0.saturating_sub(1)).block_start())..part.end
            })
        } else {
            let part = row.held.within(bound..target).into_iter().next();
            part.map(|part| part.start..part.end.min(part.start.block_end()))
        };
        let Some(part) = part else {
            self.log_row_mut(name.no)?.set_bound(target);
            return Ok(0);
        };
        let count = part.end.0.saturating_sub(part.start.0);
        if target < bound {
            self.cut(name, &part)?;
            self.log_row_mut(name.no)?.set_bound(part.start);
        } else {
            self.log_row_mut(name.no)?.set_bound(part.end);
            self.restore(name, &part)?;
        }
        self.follow_bound(name, target)?;
        Ok(count)
    }

    /// Entries of one block that a Retire cut: their bodies are set aside, their headers stay.
    fn cut(&mut self, name: LogName, range: &Range<Seq>) -> Result<(), FeedsError> {
        self.set_gaps(name, range, false)?;
        for run in self.rows().segments(name.no, &name.id, range)? {
            let part = range.start.max(run.first())..range.end.min(run.end());
            self.index_run(name, &run, part.clone(), Index::Away)?;
            if let Some(aside) = self.with_kept(name, &run, &part)? {
                self.set_aside(name, &aside, Why::Cut)?;
            }
            let stripped =
                run.with_bodies(|seq, item| item.body().filter(|_| !part.contains(&seq)).cloned());
            self.rewrite_segment(name.no, &stripped)?;
            for seq in self.rows().missing(name.no, &part)? {
                self.tx.delete(keys::missing(name.no, seq).as_slice())?;
            }
            self.forget_erased(name, &part)?;
            self.queue_cut(name, &run, &part)?;
            self.record(ArrivalEvent::Gone {
                log: name.no,
                first: part.start,
                count: part.end.0 - part.start.0,
            })?;
        }
        Ok(())
    }

    /// Entries of one block that count again, or only now: shown with the bodies that were set aside; the others wanted.
    fn restore(&mut self, name: LogName, range: &Range<Seq>) -> Result<(), FeedsError> {
        self.set_gaps(name, range, true)?;
        self.unqueue_cut(name, range)?;
        for run in self.rows().segments(name.no, &name.id, range)? {
            let part = range.start.max(run.first())..range.end.min(run.end());
            let filled = self.with_aside(name, &run, &part)?;
            let erased = self.mark_erased(name, &run, &part)?;
            let run = match filled {
                Some(filled) => {
                    let filled = self.without_erased(name, &filled, &erased)?;
                    self.rewrite_segment(name.no, &filled)?;
                    filled
                }
                None => run,
            };
            self.index_run(name, &run, part.clone(), Index::Again)?;
            let missing = self.want_bodies(name, &run, &part)?;
            self.counts_again(name, part, missing)?;
        }
        Ok(())
    }

    /// Says that stored entries count again and which of their bodies are wanted.
    pub(super) fn counts_again(
        &mut self,
        name: LogName,
        range: Range<Seq>,
        missing: Vec<(Seq, EntryId)>,
    ) -> Result<(), FeedsError> {
        let arrival = self.record(ArrivalEvent::Entries {
            log: name.no,
            first: range.start,
            count: range.end.0 - range.start.0,
        })?;
        self.counters.filled = arrival;
        let row = self.log_row(name.no)?;
        let head = (row.top(), row.head);
        self.notes.push(Note::Stored {
            log: name.id,
            range,
            head,
            run: None,
            missing,
            arrival,
        });
        Ok(())
    }

    /// A fork of which a Retire says what is true needs no proof any more, and stops nothing.
    fn settle_fork(&mut self, name: LogName) -> Result<(), FeedsError> {
        if self.log_row(name.no)?.forked.is_none() {
            return Ok(());
        }
        self.tx.delete(keys::fork(name.no).as_slice())?;
        let arrival = self.record(ArrivalEvent::Settled { log: name.no })?;
        let row = self.log_row_mut(name.no)?;
        row.forked = None;
        row.changed = arrival;
        self.reread.insert(name.id.feed);
        Ok(())
    }

    /// Lets go of what is not of the branch that the end names, and takes of it what is set aside.
    fn hold_true(&mut self, name: LogName, end: &End, left: &mut u64) -> Result<bool, FeedsError> {
        let bound = end.seq.next();
        loop {
            if *left == 0 {
                return Ok(false);
            }
            *left = left.saturating_sub(1);
            let held = self.log_row(name.no)?.held.clone();
            let Some(anchored) = self.anchored(name, end)? else {
                if self.take_end_aside(name, end)? {
                    continue;
                }
                self.restore_quiet(name, bound)?;
                return Ok(true);
            };
            // Beyond what is chained to the end nothing is of use: it may be of any branch.
            if let Some(beyond) = held.within(anchored.end..Seq(u64::MAX)).pop() {
                let top = Seq(beyond.end.0.saturating_sub(1)).block_start();
                let start = beyond.start.max(top);
                *left = left.saturating_sub(beyond.end.0.saturating_sub(start.0));
                self.unhold(name, start..beyond.end, Why::Branch)?;
                continue;
            }
            self.restore_quiet(name, bound)?;
            let prev = self
                .rows()
                .prev_named_by(name.no, &name.id, anchored.start)?
                .unwrap_or(EntryId::ZERO);
            let place = (anchored.start, prev);
            return Ok(!self.offer_below(name, place, Why::Branch, bound)?);
        }
    }

    /// Takes the run with the end's entry, if it is set aside.
    fn take_end_aside(&mut self, name: LogName, end: &End) -> Result<bool, FeedsError> {
        if self.log_row(name.no)?.aside == 0 {
            return Ok(false);
        }
        let lasts = end.seq..end.seq.block_end();
        for aside in self.rows().aside_in(name.no, &name.id, &lasts)? {
            if aside.run.id_at(end.seq) == Some(end.id)
                && aside.why != Why::Cut
                && self.take_ended(name, &aside.run, end)? == Taken::Stored
            {
                self.drop_taken(name, &aside.run)?;
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// What was held behind a fork only as a proof counts, now that it is known to be true.
    fn restore_quiet(&mut self, name: LogName, bound: Seq) -> Result<(), FeedsError> {
        let quiet = self.log_row(name.no)?.quiet.clone();
        if quiet.is_empty() {
            return Ok(());
        }
        self.log_row_mut(name.no)?
            .quiet
            .remove(&(Seq::ZERO..Seq(u64::MAX)));
        let held = self.log_row(name.no)?.held.clone();
        for range in quiet.iter() {
            for part in held.within(range.start..range.end.min(bound)) {
                self.restore(name, &part)?;
            }
        }
        Ok(())
    }

    /// Offers what is set aside of a log that no end cuts any more, as if a peer had sent it. What was held until that
    /// end came is held again.
    fn offer_again(
        &mut self,
        name: LogName,
        cursor: &mut RecountCursor,
        left: &mut u64,
    ) -> Result<bool, FeedsError> {
        while self.log_row(name.no)?.aside > 0 {
            let next = self.rows().aside_after(name.no, &name.id, cursor.after)?;
            let Some(aside) = next else {
                if cursor.rest {
                    break;
                }
                *cursor = RecountCursor {
                    rest: true,
                    after: None,
                };
                continue;
            };
            if *left == 0 {
                return Ok(false);
            }
            cursor.after = Some(aside.last());
            if matches!(aside.why, Why::Back | Why::Fork) != cursor.rest {
                *left = left.saturating_sub(1);
                continue;
            }
            *left = left.saturating_sub(aside.run.len());
            let taken = if aside.why == Why::Branch {
                self.take_true(name, &aside.run, Why::Back, Seq(u64::MAX))?
            } else {
                self.take_run(&aside.run)?
            };
            if matches!(taken, Taken::Stored | Taken::AlreadyHeld) {
                self.drop_offered(name, &aside.run)?;
            }
        }
        Ok(true)
    }

    /// Drops what was set aside of a run that counts and is held.
    fn drop_offered(&mut self, name: LogName, run: &Run) -> Result<(), FeedsError> {
        let last = Seq(run.end().0.saturating_sub(1));
        let left = self.rows().aside(name.no, &name.id, last, &run.last_id())?;
        match left {
            Some(left) => self.drop_aside(name.no, &left),
            None => Ok(()),
        }
    }
}

impl FeedSnapshot {
    /// Whether logs have still to follow what the statements say: [`FeedBatch::recount_some`] is to be called.
    pub(crate) fn has_recounts(&self) -> Result<bool, FeedsError> {
        let first = self
            .rows()
            .collect_some(&keys::recounts(), 1, |_, _| Ok(()))?;
        Ok(!first.is_empty())
    }
}
