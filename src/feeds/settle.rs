//! Forks that a Retire settles: its end says which branch is true.
//!
//! The chain of `prev` down from the end's entry is the true branch. A run that contains that entry, or that links right
//! below what is chained to it, is *anchored*: it wins over whatever is held in its place, which is set aside and no
//! longer held, so that sync asks for it. Below a true entry that does not link, what is held goes piece by piece,
//! twice as much each time; the parts that both branches share come back from where they were set aside.
//!
//! While the end's entry is not held, its place alone cuts: what is held stays, what does not contradict is taken as it
//! comes, and the rest set aside. Nothing is proved by that, and no fork is told of, since the first anchored run decides.
//! Sync is told of such a log as if nothing from the end's place on were held, so that it asks for the true entry.

use std::ops::Range;

use super::aside::Why;
use super::batch::{FeedBatch, LogName};
use super::error::FeedsError;
use super::index::Index;
use super::ingest::{Taken, leans_on_nothing};
use super::keys;
use super::row::ArrivalEvent;
use crate::format::{Closing, End, EntryId, Run, Seq};

/// Blocks at the most that go in one write below a true entry which does not link, as a power of two.
const DUG: u8 = 5;
/// Runs that one write offers again from what is set aside.
const OFFERED: usize = 32;

/// What is known of the branch that a run is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Branch {
    True,
    Other,
    /// Nothing that is held says.
    Unknown,
}

impl FeedBatch<'_> {
    /// Takes a run of a log that a Retire ended.
    pub(super) fn take_ended(
        &mut self,
        name: LogName,
        run: &Run,
        end: &End,
    ) -> Result<Taken, FeedsError> {
        let bound = end.seq.next();
        let row = self.log_row(name.no)?.clone();
        let branch = self.branch_of(name, run, end)?;
        if branch == Branch::True {
            if self
                .contradicting(name, &row, run, Seq(u64::MAX))?
                .is_some()
            {
                self.record(ArrivalEvent::Settled { log: name.no })?;
            }
            return self.take_true(name, run, Why::Branch, bound);
        }
        if branch == Branch::Unknown && leans_on_nothing(&row, run) {
            return Ok(Taken::OtherBranch);
        }
        let contradicts = || self.contradicting(name, &row, run, Seq(u64::MAX));
        if branch == Branch::Other || contradicts()?.is_some() {
            self.set_aside_new(name, run)?;
            return Ok(Taken::OtherBranch);
        }
        let taken = self.take_new(name, &row, run, bound)?;
        // It counts by its place, as long as the end's entry is not held; it is not what was asked for.
        let is_other = run.id_at(end.seq).is_some() && taken == Taken::AlreadyHeld;
        Ok(if is_other { Taken::OtherBranch } else { taken })
    }

    fn branch_of(&mut self, name: LogName, run: &Run, end: &End) -> Result<Branch, FeedsError> {
        let said = |is_true| {
            if is_true { Branch::True } else { Branch::Other }
        };
        if run.id_at(end.seq) == Some(end.id) {
            return Ok(Branch::True);
        }
        let Some(anchored) = self.anchored(name, end)? else {
            return Ok(Branch::Unknown);
        };
        if run.end() < anchored.start {
            return Ok(Branch::Unknown);
        }
        if run.end() == anchored.start {
            let named = self
                .rows()
                .prev_named_by(name.no, &name.id, anchored.start)?;
            return Ok(said(named == Some(run.last_id())));
        }
        let both = Seq(run.end().min(anchored.end).0.saturating_sub(1));
        Ok(said(self.rows().id(name.no, both)? == run.id_at(both)))
    }

    /// What is held around the end's entry, if that one is.
    pub(super) fn anchored(
        &mut self,
        name: LogName,
        end: &End,
    ) -> Result<Option<Range<Seq>>, FeedsError> {
        let around = self.log_row(name.no)?.held.around(end.seq);
        let is_it = around.is_some() && self.rows().id(name.no, end.seq)? == Some(end.id);
        Ok(around.filter(|_| is_it))
    }

    /// Takes a run that wins over what is held in its place, and what was set aside right below it.
    pub(super) fn take_true(
        &mut self,
        name: LogName,
        run: &Run,
        why: Why,
        bound: Seq,
    ) -> Result<Taken, FeedsError> {
        self.make_way(name, run, why, bound)?;
        let row = self.log_row(name.no)?.clone();
        let taken = self.take_new(name, &row, run, bound)?;
        self.offer_below(name, (run.first(), run.prev()), why, bound)?;
        Ok(taken)
    }

    /// Takes what is set aside right below a true entry, one after the other; says whether there may be more.
    pub(super) fn offer_below(
        &mut self,
        name: LogName,
        (mut first, mut prev): (Seq, EntryId),
        why: Why,
        bound: Seq,
    ) -> Result<bool, FeedsError> {
        for _ in 0..OFFERED {
            let row = self.log_row(name.no)?;
            let Some(before) = first.0.checked_sub(1).map(Seq) else {
                return Ok(false);
            };
            if row.aside == 0 || row.held.contains(before) || before < row.floor {
                return Ok(false);
            }
            let Some(below) = self.rows().aside(name.no, &name.id, before, &prev)? else {
                return Ok(false);
            };
            self.make_way(name, &below.run, why, bound)?;
            let row = self.log_row(name.no)?.clone();
            self.take_new(name, &row, &below.run, bound)?;
            self.drop_taken(name, &below.run)?;
            (first, prev) = (below.run.first(), below.run.prev());
        }
        Ok(true)
    }

    /// Drops what is set aside of a run that is held now. What is left of its bodies does not count.
    pub(super) fn drop_taken(&mut self, name: LogName, run: &Run) -> Result<(), FeedsError> {
        let last = Seq(run.end().0.saturating_sub(1));
        let left = self.rows().aside(name.no, &name.id, last, &run.last_id())?;
        let is_held = self.rows().id(name.no, last)? == Some(run.last_id());
        if let Some(left) = left.filter(|left| is_held && left.why != Why::Cut) {
            let bound = self.log_row(name.no)?.bound();
            self.drop_aside(name.no, &left)?;
            // A Retire cut it meanwhile: for its bodies it stays aside, as what is cut does.
            let cut = left.run.part(bound, left.run.end(), *left.run.closing());
            let has_body = |run: &Run| run.items().iter().any(|item| item.body().is_some());
            if let Some(cut) = cut.filter(has_body) {
                self.set_aside(name, &cut, Why::Cut)?;
            }
        }
        Ok(())
    }

    /// Sets aside what a run that wins contradicts: in its place, right above it, and right below it. What lies from
    /// `bound` on proves what is below, and may be of either branch.
    fn make_way(
        &mut self,
        name: LogName,
        run: &Run,
        why: Why,
        bound: Seq,
    ) -> Result<(), FeedsError> {
        self.dig_below(name, run, why)?;
        let mut is_true_below = false;
        let held = self.log_row(name.no)?.held.clone();
        for part in held.within(run.first()..run.end()) {
            let Some(at) = self.first_other(name, run, &part)? else {
                continue;
            };
            let around = held.around(at).unwrap_or_else(|| part.clone());
            if at >= bound && around.start < bound {
                is_true_below = true;
                continue;
            }
            // Past the end as a whole, it goes as a whole: its first entries, though true, would lean on nothing.
            let at = if at >= bound { part.start } else { at };
            self.unhold(name, at..around.end.min(at.block_end()), why)?;
        }
        let above = run.end();
        if is_true_below {
            // What is held has a signature of its own above the end, and stays whole.
            return Ok(());
        }
        if let Some(held) = self.log_row(name.no)?.held.around(above)
            && self.rows().prev_named_by(name.no, &name.id, above)? != Some(run.last_id())
        {
            self.unhold(name, above..held.end.min(above.block_end()), why)?;
        }
        Ok(())
    }

    /// The first place of a held part at which another entry than the run's is held.
    fn first_other(
        &self,
        name: LogName,
        run: &Run,
        part: &Range<Seq>,
    ) -> Result<Option<Seq>, FeedsError> {
        for held in self.rows().segments(name.no, &name.id, part)? {
            let both = held.first().max(part.start).0..held.end().min(part.end).0;
            let mut places = both.map(Seq);
            if let Some(at) = places.find(|seq| held.id_at(*seq) != run.id_at(*seq)) {
                return Ok(Some(at));
            }
        }
        Ok(None)
    }

    /// Sets aside what is held right below a true run that does not link to it: twice as much each time.
    fn dig_below(&mut self, name: LogName, run: &Run, why: Why) -> Result<(), FeedsError> {
        let Some(mut at) = run.first().0.checked_sub(1).map(Seq) else {
            return Ok(());
        };
        let row = self.log_row(name.no)?;
        let (held, dug) = (row.held.clone(), row.dug);
        if !held.contains(at) {
            return Ok(());
        }
        if self.rows().id(name.no, at)? == Some(run.prev()) {
            if dug > 0 {
                self.log_row_mut(name.no)?.dug = 0;
            }
            return Ok(());
        }
        self.log_row_mut(name.no)?.dug = DUG.min(dug + 1);
        for step in 0..1_u32 << dug {
            let Some(around) = held.around(at) else { break };
            let top = around.end.min(at.block_end());
            let mut start = around.start.max(at.block_start());
            if step == 0 && dug == 0 {
                start = self.signed_floor(name, start, at)?;
            }
            self.unhold(name, start..top, why)?;
            match start.0.checked_sub(1) {
                Some(below) => at = Seq(below),
                None => break,
            }
        }
        Ok(())
    }

    /// The lowest place from `start` on from which up to `at` no signature is held: what is below has one of its own.
    pub(super) fn signed_floor(
        &self,
        name: LogName,
        start: Seq,
        at: Seq,
    ) -> Result<Seq, FeedsError> {
        let runs = self
            .rows()
            .segments(name.no, &name.id, &(start..at.next()))?;
        let is_signed = |run: &&Run| matches!(run.closing(), Closing::Signed(_));
        let below = runs.iter().filter(|run| run.end() <= at);
        let ends = below.filter(is_signed).map(Run::end);
        Ok(ends.max().unwrap_or(start).max(start))
    }

    /// Sets aside what is held in a range of one block, up to where that ends; it is held no longer.
    ///
    /// Where the range begins inside a stored run, what is left of that leans on what the caller stores in its place.
    pub(super) fn unhold(
        &mut self,
        name: LogName,
        range: Range<Seq>,
        why: Why,
    ) -> Result<(), FeedsError> {
        let before = self.log_row(name.no)?.held.count();
        self.set_gaps(name, &range, false)?;
        let mut parts: Vec<Run> = Vec::new();
        for run in self.rows().segments(name.no, &name.id, &range)? {
            let part = range.start.max(run.first())..run.end();
            parts.extend(self.unstore(name, &run, &part)?);
        }
        let bound = self.log_row(name.no)?.bound();
        let row = self.log_row_mut(name.no)?;
        row.held.remove(&range);
        row.quiet.remove(&range);
        let (left, last) = (row.held.count(), row.held.end().0.checked_sub(1));
        let head = match last {
            Some(last) => self.rows().id(name.no, Seq(last))?,
            None => None,
        };
        let row = self.log_row_mut(name.no)?;
        row.head = head.unwrap_or(EntryId::ZERO);
        if head.is_none() {
            // What was dropped for want of room may have been of the other branch.
            row.floor = Seq::ZERO;
        }
        let gone = before.saturating_sub(left);
        self.counters.entries = self.counters.entries.saturating_sub(gone);
        if self.feed_row(name.feed_no)?.own {
            self.counters.own_entries = self.counters.own_entries.saturating_sub(gone);
        }
        for run in joined(parts) {
            self.set_aside(name, &run, why)?;
            self.record(ArrivalEvent::Aside {
                log: name.no,
                first: run.first(),
                end: run.end(),
                last: run.last_id(),
            })?;
        }
        let above = range.end..range.end.next();
        if range.end < bound && self.log_row(name.no)?.held.contains(range.end) {
            self.set_gaps(name, &above, true)?;
        }
        let arrival = self.skip_arrival();
        self.counters.filled = arrival;
        self.log_row_mut(name.no)?.changed = arrival;
        self.reread.insert(name.id.feed);
        Ok(())
    }

    /// Takes the rows of a part of a stored run away, and that part of it; gives it as it is to be set aside, if it has
    /// a body or counts.
    fn unstore(
        &mut self,
        name: LogName,
        run: &Run,
        part: &Range<Seq>,
    ) -> Result<Option<Run>, FeedsError> {
        let bound = self.log_row(name.no)?.bound();
        let counting = part.start..part.end.min(bound);
        // Bodies that a Retire cut before go with their entries, or those could not come back.
        let filled = self.with_aside(name, run, part)?;
        let mut aside = self.with_kept(name, filled.as_ref().unwrap_or(run), part)?;
        if counting.start < counting.end {
            self.index_run(name, run, counting, Index::Away)?;
            aside = aside.or_else(|| run.part(part.start, part.end, *run.closing()));
        }
        for seq in self.rows().missing(name.no, part)? {
            self.tx.delete(keys::missing(name.no, seq).as_slice())?;
        }
        self.forget_erased(name, part)?;
        self.queue_cut(name, run, part)?;
        self.leave_tags(name, part)?;
        self.delete_segments(name.no, &(run.first()..run.end()))?;
        if let Some(left) = run.part(run.first(), part.start, Closing::NextHeld) {
            self.put_segment(name.no, &left)?;
        }
        Ok(aside)
    }
}

/// Runs that follow one another as one, so that they end with a signature where there is one.
fn joined(parts: Vec<Run>) -> Vec<Run> {
    let mut runs: Vec<Run> = Vec::new();
    for part in parts {
        let whole = runs
            .last()
            .and_then(|last| Run::join(&[last.clone(), part.clone()]));
        match whole {
            Some(whole) => {
                runs.pop();
                runs.push(whole);
            }
            None => runs.push(part),
        }
    }
    runs
}
