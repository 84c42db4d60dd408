//! Entries of others: where they fit, whether they link, and what is new in them.

use std::ops::Range;

use bytes::Bytes;

use super::batch::{FeedBatch, Note};
use super::error::FeedsError;
use super::index::Index;
use super::keys::{self, LogNo};
use super::row::{Event, LogRow};
use crate::format::limits::LANES_PER_DEVICE;
use crate::format::{Closing, EntryId, ForkProof, LogId, Run, Seq};

/// What became of something that a peer sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Taken {
    /// It is stored.
    Stored,
    /// There was nothing new in it.
    AlreadyHeld,
    /// Its device has no counting Admit here yet.
    NotAdmitted,
    /// It is on the other side of a fork; the proof is kept.
    Forked,
    /// This node does not want it.
    Refused,
    /// It does not match what it claims to be.
    Mismatch,
}

impl FeedBatch<'_> {
    /// Takes a verified run of a wanted feed: what is new in it, if it links to what is held.
    pub(crate) fn take_run(&mut self, run: &Run) -> Result<Taken, FeedsError> {
        let log = *run.log();
        let Some((feed_no, feed)) = self.rows().known_feed(&log.feed)? else {
            return Ok(Taken::Refused);
        };
        if !self.feed_row(feed_no)?.is_wanted() || (log.lane.is_private() && !feed.own) {
            return Ok(Taken::Refused);
        }
        let trust = self.trust(feed_no, &log.feed)?;
        if !trust.standing.is_admitted(&log.device) {
            return Ok(Taken::NotAdmitted);
        }
        if self.rows().log_no(&log)?.is_none() && self.lanes_of(&log, feed_no)? >= LANES_PER_DEVICE
        {
            return Ok(Taken::Refused);
        }
        let log_no = self.intern_log(&log)?;
        let row = self.log_row(log_no)?.clone();
        let bound = self.bound_of(&trust, log_no, &row)?;
        if run.first() >= bound {
            return Ok(Taken::Refused);
        }
        if row.forked.is_some_and(|at| run.end() > at) {
            return Ok(Taken::Forked);
        }
        if let Some(ours) = self.contradicting(log_no, &row, run)? {
            return self.fork(log_no, &row, &ours, run);
        }
        self.take_new(log_no, &row, run, bound)
    }

    /// Stores the parts of a linking run that are not held, and fills in bodies of those that are.
    fn take_new(
        &mut self,
        log_no: LogNo,
        row: &LogRow,
        run: &Run,
        bound: Seq,
    ) -> Result<Taken, FeedsError> {
        let range = run.first()..run.end();
        let mut taken = Taken::AlreadyHeld;
        for part in row.held.within(range.clone()) {
            for seq in part.start.0..part.end.0 {
                let index = usize::try_from(seq - run.first().0).unwrap_or(usize::MAX);
                let Some(body) = run.items().get(index).and_then(|item| item.body()) else {
                    continue;
                };
                if self.take_body(run.log(), Seq(seq), body)? == Taken::Stored {
                    taken = Taken::Stored;
                }
            }
        }
        for part in row.held.absent(range.clone()) {
            let closing = if part.end == range.end {
                *run.closing()
            } else {
                Closing::NextHeld
            };
            let new = if part == range {
                run.clone()
            } else {
                cut_out(run, &part, closing)?
            };
            self.store_within(log_no, &new, bound)?;
            taken = Taken::Stored;
        }
        Ok(taken)
    }

    /// Stores a new run, of which entries from `bound` on do not count and are kept as proof only.
    fn store_within(&mut self, log_no: LogNo, run: &Run, bound: Seq) -> Result<(), FeedsError> {
        if run.end() <= bound {
            return self.store_run(log_no, run, true);
        }
        let run = run.with_bodies(|seq, item| item.body().filter(|_| seq < bound).cloned());
        self.store_run(log_no, &run, false)?;
        let row = self.log_row(log_no)?.clone();
        let counting = run.first()..bound;
        self.index_run(log_no, &row, &run, counting.clone(), Index::Again)?;
        self.want_bodies(log_no, &run, &counting)?;
        Ok(())
    }

    /// A held, signed run that the new one cannot stand beside, if there is one.
    fn contradicting(
        &self,
        log_no: LogNo,
        row: &LogRow,
        run: &Run,
    ) -> Result<Option<Run>, FeedsError> {
        let (first, end) = (run.first(), run.end());
        let before = first
            .0
            .checked_sub(1)
            .map(Seq)
            .filter(|seq| row.held.contains(*seq));
        if let Some(before) = before
            && self.rows().id(log_no, &row.log, before)? != Some(run.prev())
        {
            return self.held_run(log_no, row, before);
        }
        for part in row.held.within(first..end) {
            for held in self.rows().segments(log_no, &row.log, &part)? {
                let differs = |seq: u64| held.id_at(Seq(seq)) != run.id_at(Seq(seq));
                let both = held.first().max(first).0..held.end().min(end).0;
                if let Some(seq) = both.into_iter().find(|seq| differs(*seq)) {
                    return self.held_run(log_no, row, Seq(seq));
                }
            }
        }
        if row.held.contains(end) {
            let held = self.rows().segments(log_no, &row.log, &(end..end.next()))?;
            let named = held
                .first()
                .map(|after| after.id_at(run.end()).map(|_| prev_of(after, end)));
            if named
                .flatten()
                .is_some_and(|prev| prev != Some(run.last_id()))
            {
                return self.held_run(log_no, row, end);
            }
        }
        Ok(None)
    }

    /// The held entries around a place as one run that ends with a signature.
    fn held_run(&self, log_no: LogNo, row: &LogRow, seq: Seq) -> Result<Option<Run>, FeedsError> {
        let Some(held) = row.held.around(seq) else {
            return Ok(None);
        };
        let block = seq.block_start().max(held.start)..seq.block_end().min(held.end);
        let parts = self.rows().segments(log_no, &row.log, &block)?;
        let signed = |part: &Run| part.end() > seq && matches!(part.closing(), Closing::Signed(_));
        let Some(last) = parts.iter().position(signed) else {
            return Ok(None);
        };
        Ok(parts.get(..=last).and_then(Run::join))
    }

    /// Keeps the proof of a fork, if the two runs make one.
    fn fork(
        &mut self,
        log_no: LogNo,
        row: &LogRow,
        ours: &Run,
        theirs: &Run,
    ) -> Result<Taken, FeedsError> {
        let theirs = match theirs.closing() {
            Closing::Signed(_) => Some(theirs.clone()),
            // It leans on what is held here, so the held signature after it closes it as well.
            Closing::NextHeld => self.held_run(log_no, row, theirs.end())?.and_then(|after| {
                let after = after.part(theirs.end(), after.end(), *after.closing())?;
                Run::join(&[theirs.clone(), after])
            }),
        };
        let Some(proof) = theirs.and_then(|theirs| ForkProof::new(ours, &theirs).ok()) else {
            return Ok(Taken::Refused);
        };
        self.take_proof(&proof)?;
        Ok(Taken::Forked)
    }

    /// Keeps a verified proof that a log is forked; of several, the one with the lowest place.
    pub(crate) fn take_proof(&mut self, proof: &ForkProof) -> Result<Taken, FeedsError> {
        let log = *proof.log();
        let Some((_, feed)) = self.rows().known_feed(&log.feed)? else {
            return Ok(Taken::Refused);
        };
        if !feed.is_wanted() {
            return Ok(Taken::Refused);
        }
        let log_no = self.intern_log(&log)?;
        let at = proof.at();
        if self
            .log_row(log_no)?
            .forked
            .is_some_and(|known| known <= at)
        {
            return Ok(Taken::AlreadyHeld);
        }
        self.tx
            .put(keys::fork(log_no).as_slice(), proof.encode().into())?;
        let arrival = self.record(Event::Forked { log: log_no, at })?;
        let row = self.log_row_mut(log_no)?;
        row.forked = Some(at);
        row.changed = arrival;
        self.notes.push(Note::Forked { log, at, arrival });
        Ok(Taken::Stored)
    }

    /// Takes the body of a held entry that lacks it, if it is the one that the header names.
    pub(crate) fn take_body(
        &mut self,
        log: &LogId,
        seq: Seq,
        body: &Bytes,
    ) -> Result<Taken, FeedsError> {
        let Some(log_no) = self.rows().log_no(log)? else {
            return Ok(Taken::Refused);
        };
        if !self.tx.contains(keys::missing(log_no, seq).as_slice())? {
            return Ok(Taken::AlreadyHeld);
        }
        let segments = self.rows().segments(log_no, log, &(seq..seq.next()))?;
        let Some(run) = segments.first() else {
            return Ok(Taken::Refused);
        };
        let Some(entry) = run.entries().find(|entry| entry.header().seq() == seq) else {
            return Ok(Taken::Refused);
        };
        if !entry.header().matches_body(body) {
            return Ok(Taken::Mismatch);
        }
        let filled = run.with_bodies(|at, item| {
            if at == seq {
                Some(body.clone())
            } else {
                item.body().cloned()
            }
        });
        self.put_segment(log_no, &filled)?;
        self.tx.delete(keys::missing(log_no, seq).as_slice())?;
        let row = self.log_row(log_no)?.clone();
        self.index_run(log_no, &row, &filled, seq..seq.next(), Index::Again)?;
        let arrival = self.record(Event::Body { log: log_no, seq })?;
        self.counters.filled = arrival;
        self.notes.push(Note::Body {
            log: *log,
            seq,
            arrival,
        });
        Ok(Taken::Stored)
    }

    /// Notes which entries of a part of a run count and lack their bodies.
    pub(super) fn want_bodies(
        &mut self,
        log_no: LogNo,
        run: &Run,
        part: &Range<Seq>,
    ) -> Result<Vec<Seq>, FeedsError> {
        let places = (run.first().0..).map(Seq).zip(run.items());
        let lacking = places.filter(|(seq, item)| part.contains(seq) && item.body().is_none());
        let lacking: Vec<Seq> = lacking.map(|(seq, _)| seq).collect();
        for seq in &lacking {
            self.tx
                .put(keys::missing(log_no, *seq).as_slice(), Bytes::new())?;
        }
        Ok(lacking)
    }
}

fn cut_out(run: &Run, part: &Range<Seq>, closing: Closing) -> Result<Run, FeedsError> {
    run.part(part.start, part.end, closing)
        .ok_or(FeedsError::Damaged {
            what: "the places held of a log",
        })
}

/// The id that the entry at `seq` names as the one before it.
fn prev_of(run: &Run, seq: Seq) -> Option<EntryId> {
    if seq == run.first() {
        Some(run.prev())
    } else {
        run.id_at(Seq(seq.0.checked_sub(1)?))
    }
}
