//! Entries of others: where they fit, whether they link, and what is new in them.

use std::collections::BTreeMap;
use std::ops::Range;

use bytes::Bytes;

use super::batch::{FeedBatch, LogName, Note};
use super::error::FeedsError;
use super::index::Index;
use super::keys::FeedNo;
use super::row::{ArrivalEvent, LogRow};
use super::trust::Trust;
use super::{amendments, erase, keys};
use crate::format::limits::{LANES_PER_DEVICE, LOGS_OF_ADMITTER, LOGS_OF_FEED_KEY};
use crate::format::{Closing, EntryId, ForkProof, LogId, PackedRun, Run, Seq, Timestamp};

/// Separate ranges held of one log. Honest logs have a handful; past it nothing is taken that stands apart from the
/// rest, or a feed with an entry here and one there would make its row, which each commit writes, grow without bound.
const RANGES: usize = 1_024;

/// What became of something that a peer sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Taken {
    /// It is stored.
    Stored,
    /// There was nothing new in it.
    AlreadyHeld,
    /// Its device has no counting Admit here yet.
    NotAdmitted,
    /// It lies past the place from which on entries do not count.
    NotCounting { from: Seq },
    /// It is on the other side of a fork; the proof is kept.
    Forked,
    /// It verifies, or could not be proved against what is held here, and belongs to a branch that is not taken. No fault
    /// of whoever sent it.
    OtherBranch,
    /// This node does not want it.
    Refused,
    /// It does not match what it claims to be.
    Mismatch,
}

impl FeedBatch<'_> {
    /// Verifies a run that a peer sent, as [`FeedSnapshot::verify`](super::FeedSnapshot::verify) does.
    pub(crate) fn verify(&self, log: &LogId, packed: &PackedRun) -> Result<Run, FeedsError> {
        self.rows().verify(log, packed)
    }

    /// Takes a verified run of a wanted feed: what is new in it, if it links to what is held.
    pub(crate) fn take_run(&mut self, run: &Run) -> Result<Taken, FeedsError> {
        let (name, bound) = match self.admitted_log(run.log())? {
            Ok(known) => known,
            Err(refused) => return Ok(refused),
        };
        if run.first() >= bound {
            return Ok(Taken::NotCounting { from: bound });
        }
        self.follow_bound(name, bound)?;
        let floor = self.log_row(name.no)?.floor;
        if run.end() <= floor {
            return Ok(Taken::AlreadyHeld);
        }
        let above;
        let run = if run.first() < floor {
            above = cut_out(run, &(floor..run.end()), *run.closing())?;
            &above
        } else {
            run
        };
        let trust = self.trust(name.feed_no, &name.id.feed)?;
        if let Some(end) = trust.end_of(&name.id) {
            return self.take_ended(name, run, &end);
        }
        let row = self.log_row(name.no)?.clone();
        if leans_on_nothing(&row, run) {
            return Ok(Taken::OtherBranch);
        }
        let fork = row.forked.unwrap_or(Seq(u64::MAX));
        if run.first() >= fork {
            self.set_aside_new(name, run)?;
            return Ok(Taken::Forked);
        }
        if let Some(ours) = self.contradicting(name, &row, run, fork)? {
            let taken = self.fork(name, &row, &ours, run)?;
            self.set_aside_new(name, run)?;
            return Ok(taken);
        }
        if run.end() > fork {
            return self.take_below(name, &row, run, fork, bound);
        }
        self.take_new(name, &row, run, bound)
    }

    /// The log of an admitted device of a wanted feed, and the place from which on its entries do not count.
    fn admitted_log(&mut self, log: &LogId) -> Result<Result<(LogName, Seq), Taken>, FeedsError> {
        let Some(feed_no) = self.met_feed(&log.feed)? else {
            return Ok(Err(Taken::Refused));
        };
        let feed = self.feed_row(feed_no)?;
        if !feed.is_wanted() || (log.lane.is_private() && !feed.own) {
            return Ok(Err(Taken::Refused));
        }
        let trust = self.trust(feed_no, &log.feed)?;
        if !trust.standing.is_admitted(&log.device) {
            return Ok(Err(Taken::NotAdmitted));
        }
        if self.met_log(log)?.is_none() && !self.has_room_for(log, feed_no, &trust)? {
            return Ok(Err(Taken::Refused));
        }
        let no = self.intern_log(log)?;
        Ok(Ok((self.log_name(no)?, trust.bound(log))))
    }

    /// Whether a log that this node has not met may be added to those of its device, and of whoever admitted that.
    fn has_room_for(
        &mut self,
        log: &LogId,
        feed_no: FeedNo,
        trust: &Trust,
    ) -> Result<bool, FeedsError> {
        if self.lanes_of(log, feed_no)? >= LANES_PER_DEVICE {
            return Ok(false);
        }
        if !self.logs_by_admitter.contains_key(&feed_no) {
            let admitters = trust.admitters();
            let mut logs = BTreeMap::new();
            for no in self.rows().logs_of(feed_no)? {
                let device = self.log_name(no)?.id.device;
                *logs.entry(admitters.get(&device).copied()).or_insert(0) += 1;
            }
            self.logs_by_admitter.insert(feed_no, (admitters, logs));
        }
        let Some((admitters, logs)) = self.logs_by_admitter.get_mut(&feed_no) else {
            return Ok(true);
        };
        let by = admitters.get(&log.device).copied();
        let most = match by {
            Some(None) => LOGS_OF_FEED_KEY,
            _ => LOGS_OF_ADMITTER,
        };
        let count = logs.entry(by).or_insert(0);
        if *count >= most {
            let row = self.feed_row_mut(feed_no)?;
            row.passed = row.passed.saturating_add(1);
            return Ok(false);
        }
        *count += 1;
        Ok(true)
    }

    /// Stores the parts of a linking run that are not held, and fills in bodies of those that are. Nothing that lies
    /// from `bound` on is worth storing.
    pub(super) fn take_new(
        &mut self,
        name: LogName,
        row: &LogRow,
        run: &Run,
        bound: Seq,
    ) -> Result<Taken, FeedsError> {
        let range = run.first()..run.end();
        if row.held.is_apart(&range) && row.held.len() >= RANGES {
            return Ok(Taken::Refused);
        }
        let mut taken = Taken::AlreadyHeld;
        let mut bodies = Vec::new();
        for part in row.held.within(range.clone()) {
            bodies.extend(self.lacking(name, run, &part)?);
        }
        if !bodies.is_empty() {
            self.fill(name, &bodies)?;
            taken = Taken::Stored;
        }
        let counted = row.bound().min(bound);
        let absent = row.held.absent(range.clone()).into_iter();
        for part in absent.filter(|part| part.start < bound) {
            self.note_adopted(name, run, &part)?;
            let closing = if part.end == range.end {
                *run.closing()
            } else {
                Closing::NextHeld
            };
            if part == range {
                self.store_run(name, run, counted)?;
            } else {
                self.store_run(name, &cut_out(run, &part, closing)?, counted)?;
            }
            self.unqueue_cut(name, &part)?;
            taken = Taken::Stored;
        }
        Ok(taken)
    }

    /// Takes of a run that goes past a fork what lies below it. On which branch it goes on does not matter.
    fn take_below(
        &mut self,
        name: LogName,
        row: &LogRow,
        run: &Run,
        fork: Seq,
        bound: Seq,
    ) -> Result<Taken, FeedsError> {
        let last = run.id_at(Seq(fork.0.saturating_sub(1)));
        // What was held behind the fork before that was known may be on the other branch.
        let links = !row.held.contains(run.end())
            || self.rows().prev_named_by(name.no, &name.id, run.end())? == Some(run.last_id());
        let taken = if row.held.contains(fork) {
            if self.rows().prev_named_by(name.no, &name.id, fork)? != last {
                self.set_aside_new(name, run)?;
                return Ok(Taken::Forked);
            }
            let below = cut_out(run, &(run.first()..fork), Closing::NextHeld)?;
            self.take_new(name, row, &below, bound)?
        } else if links && row.held.within(fork..run.end()).is_empty() {
            // The headers past the fork, up to the signature, are kept as proof and do not count.
            let quiet = fork..run.end().min(bound);
            let taken = self.take_new(name, row, run, bound.min(fork))?;
            if taken == Taken::Stored {
                self.log_row_mut(name.no)?.quiet.insert(quiet);
            }
            taken
        } else {
            Taken::AlreadyHeld
        };
        Ok(match taken {
            Taken::AlreadyHeld => Taken::Forked,
            other => other,
        })
    }

    /// A held, signed run that the new one cannot stand beside below `until`, if there is one.
    pub(super) fn contradicting(
        &self,
        name: LogName,
        row: &LogRow,
        run: &Run,
        until: Seq,
    ) -> Result<Option<Run>, FeedsError> {
        let (first, end) = (run.first(), run.end());
        let before = first.0.checked_sub(1).map(Seq);
        if let Some(before) = before.filter(|seq| row.held.contains(*seq))
            && self.rows().id(name.no, before)? != Some(run.prev())
        {
            return self.held_run(name, row, before);
        }
        for part in row.held.within(first..end.min(until)) {
            for held in self.rows().segments(name.no, &name.id, &part)? {
                let differs = |seq: u64| held.id_at(Seq(seq)) != run.id_at(Seq(seq));
                let mut both = held.first().max(part.start).0..held.end().min(part.end).0;
                if let Some(seq) = both.find(|seq| differs(*seq)) {
                    return self.held_run(name, row, Seq(seq));
                }
            }
        }
        if end <= until
            && row.held.contains(end)
            && self.rows().prev_named_by(name.no, &name.id, end)? != Some(run.last_id())
        {
            return self.held_run(name, row, end);
        }
        Ok(None)
    }

    /// The held entries around a place as one run that ends with a signature.
    ///
    /// There is one in the same block: where a held range ends, and where a block does, a signature is kept.
    fn held_run(&self, name: LogName, row: &LogRow, seq: Seq) -> Result<Option<Run>, FeedsError> {
        let Some(held) = row.held.around(seq) else {
            return Ok(None);
        };
        let block = seq.block_start().max(held.start)..seq.block_end().min(held.end);
        let parts = self.rows().segments(name.no, &name.id, &block)?;
        let signed = |part: &Run| part.end() > seq && matches!(part.closing(), Closing::Signed(_));
        let Some(last) = parts.iter().position(signed) else {
            return Ok(None);
        };
        Ok(parts.get(..=last).and_then(Run::join))
    }

    /// Keeps the proof of a fork, if the two runs make one.
    fn fork(
        &mut self,
        name: LogName,
        row: &LogRow,
        ours: &Run,
        theirs: &Run,
    ) -> Result<Taken, FeedsError> {
        let theirs = match theirs.closing() {
            Closing::Signed(_) => Some(theirs.clone()),
            // It leans on what is held here, so the held signature after it closes it as well.
            Closing::NextHeld => self.held_run(name, row, theirs.end())?.and_then(|after| {
                let after = after.part(theirs.end(), after.end(), *after.closing())?;
                Run::join(&[theirs.clone(), after])
            }),
        };
        let Some(proof) = theirs.and_then(|theirs| ForkProof::new(ours, &theirs).ok()) else {
            return Ok(Taken::OtherBranch);
        };
        self.keep_proof(name, &proof)?;
        Ok(Taken::Forked)
    }

    /// Keeps a verified proof that a log is forked; of several, the one with the lowest place.
    pub(crate) fn take_proof(&mut self, proof: &ForkProof) -> Result<Taken, FeedsError> {
        match self.admitted_log(proof.log())? {
            Ok((name, _)) => self.keep_proof(name, proof),
            Err(refused) => Ok(refused),
        }
    }

    fn keep_proof(&mut self, name: LogName, proof: &ForkProof) -> Result<Taken, FeedsError> {
        let at = proof.at();
        let trust = self.trust(name.feed_no, &name.id.feed)?;
        if trust.end_of(&name.id).is_some() {
            // A Retire says which branch is true: there is nothing to warn of.
            return Ok(Taken::AlreadyHeld);
        }
        if self
            .log_row(name.no)?
            .forked
            .is_some_and(|known| known <= at)
        {
            return Ok(Taken::AlreadyHeld);
        }
        self.tx
            .put(keys::fork(name.no).as_slice(), proof.encode().into())?;
        let arrival = self.record(ArrivalEvent::Forked { log: name.no, at })?;
        let row = self.log_row_mut(name.no)?;
        row.forked = Some(at);
        row.changed = arrival;
        self.note_twice(name)?;
        self.notes.push(Note::Forked {
            log: name.id,
            at,
            arrival,
        });
        Ok(Taken::Stored)
    }

    /// Takes the body of a held entry that lacks it, if it is the one that the header names.
    ///
    /// If another entry is held in its place by now, the body is nobody's fault and of no use.
    pub(crate) fn take_body(
        &mut self,
        log: &LogId,
        seq: Seq,
        id: &EntryId,
        body: &Bytes,
    ) -> Result<Taken, FeedsError> {
        let Some(no) = self.met_log(log)? else {
            return Ok(Taken::Refused);
        };
        let name = self.log_name(no)?;
        if !self.feed_row(name.feed_no)?.is_wanted() {
            return Ok(Taken::Refused);
        }
        if !self.tx.contains(keys::missing(no, seq).as_slice())? {
            return Ok(Taken::AlreadyHeld);
        }
        let segments = self.rows().segments(no, log, &(seq..seq.next()))?;
        let mut entries = segments.iter().flat_map(Run::entries);
        let Some(entry) = entries.find(|entry| entry.header().seq() == seq) else {
            return Ok(Taken::Refused);
        };
        if segments.iter().find_map(|run| run.id_at(seq)) != Some(*id) {
            return Ok(Taken::AlreadyHeld);
        }
        if !entry.header().matches_body(body) {
            return Ok(Taken::Mismatch);
        }
        let is_over =
            |at: Timestamp| at <= self.due && !amendments::is_delete(entry.header().kind());
        if entry.header().expires().is_some_and(is_over) {
            // The next sweep marks it; until then it is wanted and not taken.
            return Ok(Taken::AlreadyHeld);
        }
        self.fill(name, &[(seq, body.clone())])?;
        Ok(Taken::Stored)
    }

    /// Bodies that a run brings for held entries that lack them.
    fn lacking(
        &self,
        name: LogName,
        run: &Run,
        part: &Range<Seq>,
    ) -> Result<Vec<(Seq, Bytes)>, FeedsError> {
        let body = |seq: Seq| {
            let index = usize::try_from(seq.0.checked_sub(run.first().0)?).ok()?;
            let item = run.items().get(index)?;
            let body = item.body().filter(|_| !erase::is_due(item, self.due))?;
            Some((seq, body.clone()))
        };
        let lacking = self.rows().missing(name.no, part)?;
        Ok(lacking.into_iter().filter_map(body).collect())
    }

    /// Puts in bodies that were missing and are known to be the right ones; all of one block, ascending.
    fn fill(&mut self, name: LogName, bodies: &[(Seq, Bytes)]) -> Result<(), FeedsError> {
        let Some(range) = span_of(bodies) else {
            return Ok(());
        };
        let given = |seq: Seq| {
            let at = bodies.binary_search_by_key(&seq, |(seq, _)| *seq).ok()?;
            bodies.get(at).map(|(_, body)| body.clone())
        };
        for run in self.rows().segments(name.no, &name.id, &range)? {
            let of_run = |(seq, _): &&(Seq, Bytes)| *seq >= run.first() && *seq < run.end();
            let mine: Vec<Seq> = bodies.iter().filter(of_run).map(|(seq, _)| *seq).collect();
            if mine.is_empty() {
                continue;
            }
            let filled = run.with_bodies(|seq, item| given(seq).or_else(|| item.body().cloned()));
            self.rewrite_segment(name.no, &filled)?;
            for seq in mine {
                self.tx.delete(keys::missing(name.no, seq).as_slice())?;
                self.index_run(name, &filled, seq..seq.next(), Index::Again)?;
            }
        }
        for (seq, _) in bodies {
            let (log, seq) = (name.id, *seq);
            let arrival = self.record(ArrivalEvent::Body { log: name.no, seq })?;
            self.counters.filled = arrival;
            self.notes.push(Note::Body { log, seq, arrival });
        }
        Ok(())
    }

    /// Notes which entries of a part of a run count and lack their bodies.
    pub(super) fn want_bodies(
        &mut self,
        name: LogName,
        run: &Run,
        part: &Range<Seq>,
    ) -> Result<Vec<(Seq, EntryId)>, FeedsError> {
        let places = (run.first().0..).map(Seq).zip(run.items());
        let erased = self.rows().erased_in(name.no, part)?;
        let wanted = |seq: &Seq| part.contains(seq) && !erased.contains(seq);
        let lacking = places.filter(|(seq, item)| wanted(seq) && item.body().is_none());
        let lacking = lacking.filter_map(|(seq, _)| Some((seq, run.id_at(seq)?)));
        let lacking: Vec<(Seq, EntryId)> = lacking.collect();
        for (seq, id) in &lacking {
            let id = Bytes::copy_from_slice(id.as_bytes());
            self.tx.put(keys::missing(name.no, *seq).as_slice(), id)?;
        }
        Ok(lacking)
    }
}

/// Whether a run closes with an entry that is not held: where that one is of another branch, or has been set aside.
pub(super) fn leans_on_nothing(row: &LogRow, run: &Run) -> bool {
    *run.closing() == Closing::NextHeld && !row.held.contains(run.end())
}

fn span_of(bodies: &[(Seq, Bytes)]) -> Option<Range<Seq>> {
    Some(bodies.first()?.0..bodies.last()?.0.next())
}

fn cut_out(run: &Run, part: &Range<Seq>, closing: Closing) -> Result<Run, FeedsError> {
    run.part(part.start, part.end, closing)
        .ok_or(FeedsError::Damaged {
            what: "the places held of a log",
        })
}
