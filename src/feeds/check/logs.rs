//! Logs: what is held of them is there, proved, told of, and has its rows.

use std::ops::{ControlFlow, Range};

use super::report::{CheckProgress, Fault};
use super::{Check, LogFacts, Watch};
use crate::feeds::batch::LogName;
use crate::feeds::error::FeedsError;
use crate::feeds::keys::{self, LogNo};
use crate::feeds::row::Ranges;
use crate::feeds::segment::StoredPiece;
use crate::format::{Closing, EntryId, ForkProof, PackedRun, Run, Seq};

const RUNS: &str = "the stored runs";
const LOGS: &str = "the table of logs";

impl Check<'_> {
    pub(super) fn log(
        &mut self,
        no: LogNo,
        watch: &mut Watch<'_>,
    ) -> Result<ControlFlow<()>, FeedsError> {
        let log = self.facts(no)?;
        self.stored(&log)?;
        self.fork(&log)?;
        self.pending(&log)?;
        self.told_of(&log);
        let mut head = EntryId::ZERO;
        for held in log.row.held.iter() {
            let mut at = held.start;
            let mut before = None;
            while at < held.end {
                let block = at..at.block_end().min(held.end);
                at = block.end;
                before = self.block(&log, &block, before)?;
                let progress = CheckProgress {
                    entries: self.report.entries,
                    of: self.counters.entries,
                };
                if watch(progress).is_break() {
                    return Ok(ControlFlow::Break(()));
                }
            }
            head = before.unwrap_or(EntryId::ZERO);
        }
        // Of what was dropped the head is remembered, so that it is not asked for again.
        let is_held = !log.row.held.is_empty() || log.row.floor == Seq::ZERO;
        if is_held && head != log.row.head {
            self.note(LOGS, Fault::Wrong, format!("{}, its head", log.text()));
        }
        Ok(ControlFlow::Continue(()))
    }

    pub(super) fn facts(&mut self, no: LogNo) -> Result<LogFacts, FeedsError> {
        let row = self.rows().log(no)?;
        let feed = self.rows().feed(row.feed_no)?;
        let feed = feed.ok_or(FeedsError::Damaged {
            what: "the row of a feed",
        })?;
        let trust = self.trust_of(row.feed_no, &feed)?;
        Ok(LogFacts {
            name: LogName {
                no,
                feed_no: row.feed_no,
                id: row.log,
                order: row.log.order(),
            },
            bound: row.bound(),
            target: trust.bound(&row.log),
            own: feed.own,
            row,
        })
    }

    /// What the pieces of a log make up is what its row says is held.
    fn stored(&mut self, log: &LogFacts) -> Result<(), FeedsError> {
        let mut stored = Ranges::default();
        let ends = self
            .rows()
            .collect(&keys::segments_of(log.name.no), |key, value| {
                let first = keys::u64_at(key, 5).ok_or(FeedsError::Damaged { what: RUNS })?;
                let piece = StoredPiece::read(Seq(first), value)?;
                Ok((piece.first..piece.end(), value.len() as u64))
            })?;
        let mut bytes = 0;
        for (piece, len) in ends {
            self.meet(b'S');
            bytes += len;
            stored.insert(piece);
        }
        let low = log.row.held.within(Seq::ZERO..log.row.floor);
        if bytes != log.row.bytes || !low.is_empty() {
            self.note(LOGS, Fault::Wrong, format!("{}, its size", log.text()));
        }
        for (have, want, fault) in [
            (&stored, &log.row.held, Fault::Missing),
            (&log.row.held, &stored, Fault::Extra),
        ] {
            for held in want.iter() {
                for Range { start, end } in have.absent(held) {
                    let of = format!("entries {start} to {end} of {}", log.text());
                    self.note(RUNS, fault, of);
                }
            }
        }
        let count = log.row.held.count();
        self.entries += count;
        self.own_entries += if log.own { count } else { 0 };
        Ok(())
    }

    fn fork(&mut self, log: &LogFacts) -> Result<(), FeedsError> {
        let proof = self
            .snapshot
            .tx()
            .value(keys::fork(log.name.no).as_slice())?;
        if proof.is_some() {
            self.meet(b'X');
        }
        let proves =
            proof.map(|bytes| ForkProof::decode(&bytes).map(|proof| (*proof.log(), proof.at())));
        let is_right = match (proves, log.row.forked) {
            (None, None) => true,
            (Some(Ok(proved)), Some(at)) => proved == (log.name.id, at),
            _ => false,
        };
        if !is_right {
            self.note("the proofs of forks", Fault::Wrong, log.text());
        }
        Ok(())
    }

    /// What of a log does not follow the statements yet is noted as pending.
    fn pending(&mut self, log: &LogFacts) -> Result<(), FeedsError> {
        let key = keys::recount(log.name.no);
        let is_noted = self.snapshot.tx().contains(key.as_slice())?;
        if is_noted {
            self.meet(b'U');
        } else if log.bound != log.target
            && !log
                .row
                .held
                .within(log.bound.min(log.target)..log.bound.max(log.target))
                .is_empty()
        {
            self.note(LOGS, Fault::Wrong, format!("{}, what counts", log.text()));
        }
        Ok(())
    }

    /// Whatever counts was told in arrival order.
    fn told_of(&mut self, log: &LogFacts) {
        let nothing = Ranges::default();
        let told = self.told.get(&log.name.no).unwrap_or(&nothing);
        let bound = log.row.forked.map_or(log.bound, |fork| log.bound.min(fork));
        let mut counting = log.row.held.clone();
        for quiet in log.row.quiet.iter() {
            counting.remove(&quiet);
        }
        let counting = counting.within(Seq::ZERO..bound);
        let untold: Vec<_> = counting
            .into_iter()
            .flat_map(|part| told.absent(part))
            .collect();
        for Range { start, end } in untold {
            let of = format!("entries {start} to {end} of {}", log.text());
            self.note("arrival order", Fault::Missing, of);
        }
    }

    /// Proves the runs of a block and looks up the rows of their entries; gives the id of the last one.
    fn block(
        &mut self,
        log: &LogFacts,
        block: &Range<Seq>,
        before: Option<EntryId>,
    ) -> Result<Option<EntryId>, FeedsError> {
        let runs = self.rows().segments(log.name.no, &log.name.id, block)?;
        let mut before = before;
        for (at, run) in runs.iter().enumerate() {
            let next = runs.get(at + 1).map(Run::prev);
            let of = || format!("entries {} to {} of {}", run.first(), run.end(), log.text());
            let proved =
                PackedRun::from_bytes(run.packed().clone()).verify(&log.name.id, next.as_ref());
            let links = before.is_none_or(|before| before == run.prev());
            let is_last = next.is_none() && run.end() >= block.end;
            let is_signed = matches!(run.closing(), Closing::Signed(_)) || !is_last;
            match proved {
                Ok(proved) if proved.ids() == run.ids() && links && is_signed => {}
                _ => self.note(RUNS, Fault::Wrong, of()),
            }
            before = Some(run.last_id());
            self.run_rows(log, run)?;
        }
        Ok(before)
    }
}
