//! Forks that a statement settles, in simulated stores: the chain down from the end is the true one, and what contradicts it
//! is not held any more.

use super::super::event::{Head, Outcome};
use super::store::{SimEntry, SimLog, SimRun, SimStore, Took};
use crate::format::{EntryId, LogId};

impl SimLog {
    /// The lowest place that is held and chained to the end, and the id that is to be held below it; the place after the
    /// end, and no id, if the end itself is not held.
    fn chain(&self, end: &Head) -> (u64, Option<EntryId>) {
        let (mut lowest, mut below) = (end.seq.0 + 1, Some(end.id));
        while let Some((seq, entry)) = lowest
            .checked_sub(1)
            .and_then(|seq| Some((seq, self.entries.get(&seq)?)))
            .filter(|(_, entry)| Some(entry.id) == below)
        {
            (lowest, below) = (seq, Some(entry.prev));
        }
        (lowest, below)
    }

    /// Drops what is held right below the chain and is not of it; says whether there was anything.
    fn drop_strays(&mut self, end: &Head) -> bool {
        let held = self.entries.len();
        loop {
            let (lowest, below) = self.chain(end);
            let stray = lowest.checked_sub(1).filter(|seq| {
                let entry = self.entries.get(seq);
                entry.is_some_and(|entry| Some(entry.id) != below)
            });
            let Some(stray) = stray else { break };
            self.entries.remove(&stray);
        }
        self.entries.len() < held
    }
}

impl SimStore {
    /// Ends a log: what is held of another branch than that of the end is not held any more, as far as is known.
    pub(in crate::sync) fn settle(&mut self, log_id: LogId, end: Head) {
        self.ends.insert(log_id, end);
        self.arrival += 1;
        let arrival = self.arrival;
        let Some(log) = self.logs.get_mut(&log_id) else {
            return;
        };
        log.forked = None;
        log.changed = arrival;
        log.entries.retain(|seq, _| *seq <= end.seq.0);
        if log
            .entries
            .get(&end.seq.0)
            .is_some_and(|held| held.id != end.id)
        {
            log.entries.remove(&end.seq.0);
        }
        log.drop_strays(&end);
    }

    /// The same as `take`, where it is known which branch is the true one.
    pub(in crate::sync) fn take_settled(
        &mut self,
        log_id: &LogId,
        run: SimRun,
        end: &Head,
        contradicts: bool,
    ) -> Took {
        let after = run.first + run.entries.len() as u64;
        if run.first > end.seq.0 {
            return Took::only(Outcome::NotCounting {
                from: end.seq.next(),
            });
        }
        let Some(log) = self.logs.get_mut(log_id) else {
            return Took::only(Outcome::AlreadyHeld);
        };
        let (chain, below) = log.chain(end);
        let names = |(seq, entry): (u64, &SimEntry)| (seq, entry.id) == (end.seq.0, end.id);
        let mut places = (run.first..).zip(&run.entries);
        let is_true = places.any(names)
            || (chain < after
                && run.entries.last().map(|last| last.id)
                    == log.entries.get(&(after - 1)).map(|held| held.id))
            || (after == chain && run.entries.last().map(|last| last.id) == below);
        if contradicts && !is_true {
            return Took::only(Outcome::OtherBranch);
        }
        let held = log.entries.len();
        if contradicts {
            for (seq, entry) in (run.first..).zip(&run.entries) {
                if log
                    .entries
                    .get(&seq)
                    .is_some_and(|held| held.id != entry.id)
                {
                    log.entries.remove(&seq);
                }
            }
        }
        let reread = log.entries.len() < held;
        let mut took = self.store(log_id, run, after.min(end.seq.0 + 1));
        if let Some(log) = self.logs.get_mut(log_id) {
            took.reread = log.drop_strays(end) || reread;
        }
        took
    }
}
