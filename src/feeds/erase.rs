//! Erased bodies: those that a delete or the clock took, put back if a delete stops counting.
//!
//! An entry that counts has its body, or lacks and wants it, or is marked as erased with the reason. What is judged anew
//! is collected in the batch and judged once before the commit, however many deletes name it.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use bytes::Bytes;

use super::about::is_over;
use super::amendments::{self, LookupCache, Verdict};
use super::batch::{FeedBatch, LogName, Note};
use super::error::FeedsError;
use super::index::Index;
use super::keys::{self, LogNo};
use super::row::ArrivalEvent;
use super::rows::Rows;
use super::sweep::{KEPT_MILLIS, PURGED_MILLIS};
use crate::format::{Body, EntryId, Item, Rel, Run, Seq, Timestamp};

/// Why a body is erased, as bits of one byte: both may be true.
pub(super) const DELETED: u8 = 1;
pub(super) const EXPIRED: u8 = 2;

/// What is to become of one entry.
struct Decision {
    seq: Seq,
    why: u8,
    verdict: Verdict,
    is_missing: bool,
    kept: Option<Bytes>,
}

/// Entries that are erased, why, and what their deletes come to.
pub(super) type Erased = BTreeMap<Seq, (u8, Verdict)>;

/// Decisions of the entries of one stored run.
struct Decisions {
    erase: Vec<Decision>,
    revive: Vec<Decision>,
}

/// Whether an entry's time is over. Deletes stay whatever they say of themselves.
pub(super) fn is_due(item: &Item, now: Timestamp) -> bool {
    item.expires.is_some_and(|at| at <= now) && !amendments::is_delete(item.kind())
}

fn reasons(verdict: Verdict, is_over: bool) -> u8 {
    let deleted = if verdict.deleted { DELETED } else { 0 };
    let expired = if is_over { EXPIRED } else { 0 };
    deleted | expired
}

impl FeedBatch<'_> {
    /// Sets the clock by which entries expire and are erased; until then none does.
    pub(crate) fn at(mut self, now: Timestamp) -> Self {
        (self.now, self.due, self.since) = (now, now, now);
        self
    }

    /// Sets the clock by which what expired is erased, and that from which on erased bodies are kept, where the clock
    /// itself is not to be believed.
    pub(crate) const fn erasing(mut self, due: Timestamp, since: Timestamp) -> Self {
        (self.due, self.since) = (due, since);
        self
    }

    /// Says which entries of a run that counts from now on are erased already, and marks them so.
    pub(super) fn mark_erased(
        &mut self,
        name: LogName,
        run: &Run,
        part: &Range<Seq>,
    ) -> Result<Erased, FeedsError> {
        let named = self.rows().named(name.feed_no, &name.order, part)?;
        let (mut erased, mut cache) = (Erased::new(), LookupCache::default());
        let places = (run.first().0..).map(Seq);
        let entries = places.zip(run.ids().iter().zip(run.items()));
        for (seq, (id, item)) in entries.filter(|(seq, _)| part.contains(seq)) {
            let is_named = named.contains(&(seq, Rel::Delete));
            if amendments::is_delete(item.kind()) || !(is_named || is_due(item, self.due)) {
                continue;
            }
            let entry = (&name.id, seq, *id);
            let verdict = self.rows().judge(name.feed_no, entry, &mut cache)?;
            let why = reasons(verdict, is_due(item, self.due));
            if why != 0 {
                self.mark_why(name.no, seq, why)?;
                erased.insert(seq, (why, verdict));
            }
        }
        Ok(erased)
    }

    /// A run without the bodies that are erased; those of own feeds are kept for the undo.
    pub(super) fn without_erased(
        &mut self,
        name: LogName,
        run: &Run,
        erased: &Erased,
    ) -> Result<Run, FeedsError> {
        for (seq, (why, verdict)) in erased {
            if let Some(body) = body_at(run, *seq) {
                self.keep(name, *seq, &body, (*why, *verdict))?;
            }
        }
        Ok(
            run.with_bodies(|seq, item| {
                item.body().filter(|_| !erased.contains_key(&seq)).cloned()
            }),
        )
    }

    fn mark_why(&mut self, no: LogNo, seq: Seq, why: u8) -> Result<(), FeedsError> {
        let key = keys::erased(no, seq);
        Ok(self
            .tx
            .put(key.as_slice(), Bytes::copy_from_slice(&[why]))?)
    }

    /// Forgets that entries are erased, and what was kept of them: they no longer count.
    pub(super) fn forget_erased(
        &mut self,
        name: LogName,
        part: &Range<Seq>,
    ) -> Result<(), FeedsError> {
        for seq in self.rows().erased_in(name.no, part)? {
            self.tx.delete(keys::erased(name.no, seq).as_slice())?;
            self.drop_kept(name.no, seq)?;
        }
        Ok(())
    }

    /// Judges what changed: once for each entry, however many deletes named it.
    pub(super) fn judge_stale(&mut self) -> Result<(), FeedsError> {
        if self.stale_targets.is_empty() {
            return Ok(());
        }
        let mut stale = std::mem::take(&mut self.stale_targets);
        for (no, seq) in stale.clone() {
            stale.extend(self.undone_by(no, seq)?);
        }
        let mut blocks: BTreeMap<(LogNo, Seq), Vec<Seq>> = BTreeMap::new();
        for (no, seq) in stale {
            blocks.entry((no, seq.block_start())).or_default().push(seq);
        }
        let mut cache = LookupCache::default();
        for ((no, _), seqs) in blocks {
            let name = self.log_name(no)?;
            self.judge_block(name, &seqs, &mut cache)?;
        }
        Ok(())
    }

    /// What the entry at a place deletes, if it is a delete: it may have been undone.
    fn undone_by(&mut self, no: LogNo, seq: Seq) -> Result<Vec<(LogNo, Seq)>, FeedsError> {
        let log = self.log_name(no)?.id;
        let entry = self.rows().entry(no, &log, seq)?;
        let entry = entry.filter(|entry| amendments::is_delete(&entry.kind));
        let bytes = entry.and_then(|entry| entry.body);
        let Some(body) = bytes.and_then(|bytes| Body::decode(&bytes).ok()) else {
            return Ok(Vec::new());
        };
        let mut found = Vec::new();
        for target in body.targets(Rel::Delete) {
            if target.log.feed == log.feed {
                found.extend(self.met_log(&target.log)?.map(|no| (no, target.seq)));
            }
        }
        Ok(found)
    }

    fn judge_block(
        &mut self,
        name: LogName,
        seqs: &[Seq],
        cache: &mut LookupCache,
    ) -> Result<(), FeedsError> {
        let mut turns = Vec::new();
        for seq in seqs {
            turns.extend(self.turn_of(name, *seq, cache)?);
        }
        // Most of what a hostile feed deletes again and again does not turn: then no run is read.
        let (Some(first), Some(last)) = (turns.first(), turns.last()) else {
            return Ok(());
        };
        let range = first.seq..last.seq.next();
        for run in self.rows().segments(name.no, &name.id, &range)? {
            let of_run = |turn: &mut Decision| turn.seq >= run.first() && turn.seq < run.end();
            let of_run: Vec<_> = turns.extract_if(.., of_run).collect();
            if !of_run.is_empty() {
                let (erase, revive) = of_run.into_iter().partition(|turn| turn.why != 0);
                self.turn(name, &run, Decisions { erase, revive })?;
            }
        }
        Ok(())
    }

    /// What is to become of an entry, if anything is.
    fn turn_of(
        &mut self,
        name: LogName,
        seq: Seq,
        cache: &mut LookupCache,
    ) -> Result<Option<Decision>, FeedsError> {
        let rows = self.rows();
        let Some(entry) = rows.entry(name.no, &name.id, seq)? else {
            return Ok(None);
        };
        let old = rows.erased(name.no, seq)?;
        let is_missing = self.tx.contains(keys::missing(name.no, seq).as_slice())?;
        // What has neither does not count: a Retire cut it, or it lies behind a fork.
        let counts = old != 0 || entry.body.is_some() || is_missing;
        if !counts || amendments::is_delete(&entry.kind) {
            return Ok(None);
        }
        let verdict = rows.is_deleted(name, seq, entry.reference.id, cache)?;
        // Time that is over stays over, even if the clock is set back.
        let why = reasons(verdict, is_over(&entry, self.due)) | (old & EXPIRED);
        let mut turn = Decision {
            seq,
            why,
            verdict,
            is_missing,
            kept: None,
        };
        match (old != 0, why != 0) {
            (false, true) => return Ok(Some(turn)),
            (true, false) => {
                turn.kept = rows.kept(name.no, seq)?;
                return Ok(Some(turn));
            }
            (true, true) => {
                self.mark_why(name.no, seq, why)?;
                self.keep_as_said(name.no, seq, (why, verdict))?;
            }
            (false, false) => {}
        }
        Ok(None)
    }

    /// Rewrites a stored run without the bodies that go and with those that come back.
    fn turn(&mut self, name: LogName, run: &Run, turns: Decisions) -> Result<(), FeedsError> {
        for turn in &turns.erase {
            let body = body_at(run, turn.seq);
            self.erase(name, run, turn, body)?;
        }
        let gone: BTreeSet<Seq> = turns.erase.iter().map(|turn| turn.seq).collect();
        let back: BTreeMap<Seq, Bytes> = turns
            .revive
            .iter()
            .filter_map(|turn| Some((turn.seq, turn.kept.clone()?)))
            .collect();
        let rewritten = run.with_bodies(|seq, item| match back.get(&seq) {
            Some(body) => Some(body.clone()),
            None => item.body().filter(|_| !gone.contains(&seq)).cloned(),
        });
        self.rewrite_segment(name.no, &rewritten)?;
        for turn in &turns.revive {
            self.revive(name, &rewritten, turn)?;
        }
        self.unsay(name, &gone);
        Ok(())
    }

    fn erase(
        &mut self,
        name: LogName,
        run: &Run,
        turn: &Decision,
        body: Option<Bytes>,
    ) -> Result<(), FeedsError> {
        let seq = turn.seq;
        self.index_run(name, run, seq..seq.next(), Index::Away)?;
        self.mark_why(name.no, seq, turn.why)?;
        self.tx.delete(keys::missing(name.no, seq).as_slice())?;
        if let Some(body) = body {
            self.keep(name, seq, &body, (turn.why, turn.verdict))?;
        }
        let arrival = self.record(ArrivalEvent::Erased { log: name.no, seq })?;
        self.notes.push(Note::Erased {
            log: name.id,
            seq,
            was_missing: turn.is_missing,
            arrival,
        });
        Ok(())
    }

    /// An entry that no delete takes any more: with the body that was kept, or wanting it again.
    fn revive(&mut self, name: LogName, run: &Run, turn: &Decision) -> Result<(), FeedsError> {
        let seq = turn.seq;
        let part = seq..seq.next();
        self.tx.delete(keys::erased(name.no, seq).as_slice())?;
        self.drop_kept(name.no, seq)?;
        self.index_run(name, run, part.clone(), Index::Again)?;
        if turn.kept.is_some() {
            let arrival = self.record(ArrivalEvent::Body { log: name.no, seq })?;
            self.counters.filled = arrival;
            let log = name.id;
            self.notes.push(Note::Body { log, seq, arrival });
            return Ok(());
        }
        let missing = self.want_bodies(name, run, &part)?;
        self.counts_again(name, part, missing)
    }

    /// What was said of this write before one of its deletes took a body: no body is handed on that is gone.
    fn unsay(&mut self, name: LogName, gone: &BTreeSet<Seq>) {
        for note in &mut self.notes {
            if let Note::Stored {
                log,
                range,
                run,
                missing,
                ..
            } = note
                && *log == name.id
                && gone.range(range.clone()).next().is_some()
            {
                *run = None;
                missing.retain(|(seq, _)| !gone.contains(seq));
            }
        }
    }

    /// Keeps the body of an erased entry of an own feed, if it may be put back.
    fn keep(
        &mut self,
        name: LogName,
        seq: Seq,
        body: &Bytes,
        (why, verdict): (u8, Verdict),
    ) -> Result<(), FeedsError> {
        if why != DELETED || verdict.purge || !self.feed_row(name.feed_no)?.own {
            return Ok(());
        }
        // What was kept before of another entry at this place goes with the blobs that it names.
        self.drop_kept(name.no, seq)?;
        self.keep_blobs((name.no, seq), body, true)?;
        let kept = KeptBody {
            due: self.since.plus_millis(kept_millis(verdict)),
            purged: verdict.purged_elsewhere,
            body: body.clone(),
        };
        self.put_kept(name.no, seq, &kept)
    }

    fn put_kept(&mut self, no: LogNo, seq: Seq, kept: &KeptBody) -> Result<(), FeedsError> {
        let until = keys::kept_until(kept.due).u32(no).u64(seq.0);
        self.tx.put(until.as_slice(), Bytes::new())?;
        let mut row = kept.due.0.to_be_bytes().to_vec();
        row.push(u8::from(kept.purged));
        row.extend_from_slice(&kept.body);
        Ok(self.tx.put(keys::kept(no, seq).as_slice(), row.into())?)
    }

    /// What was kept of an erased entry stays as long as its deletes say now: a purge may have come, or gone.
    fn keep_as_said(
        &mut self,
        no: LogNo,
        seq: Seq,
        (why, verdict): (u8, Verdict),
    ) -> Result<(), FeedsError> {
        if verdict.purge || why & EXPIRED != 0 {
            return self.drop_kept(no, seq);
        }
        let Some(mut kept) = self.rows().kept_row(no, seq)? else {
            return Ok(());
        };
        if kept.purged == verdict.purged_elsewhere {
            return Ok(());
        }
        let until = keys::kept_until(kept.due).u32(no).u64(seq.0);
        self.tx.delete(until.as_slice())?;
        kept.purged = verdict.purged_elsewhere;
        kept.due = if kept.purged {
            kept.due.min(self.since.plus_millis(PURGED_MILLIS))
        } else {
            kept.due.plus_millis(KEPT_MILLIS - PURGED_MILLIS)
        };
        self.put_kept(no, seq, &kept)
    }

    /// Drops what is kept of an erased entry of an own feed, if anything is.
    pub(super) fn drop_kept(&mut self, no: LogNo, seq: Seq) -> Result<(), FeedsError> {
        let Some(kept) = self.rows().kept_row(no, seq)? else {
            return Ok(());
        };
        self.keep_blobs((no, seq), &kept.body, false)?;
        let until = keys::kept_until(kept.due).u32(no).u64(seq.0);
        self.tx.delete(until.as_slice())?;
        Ok(self.tx.delete(keys::kept(no, seq).as_slice())?)
    }
}

/// The erased body of an entry of an own feed, and until when it is kept.
struct KeptBody {
    due: Timestamp,
    /// A purge said on another device shortened its time.
    purged: bool,
    body: Bytes,
}

const fn kept_millis(verdict: Verdict) -> i64 {
    if verdict.purged_elsewhere {
        PURGED_MILLIS
    } else {
        KEPT_MILLIS
    }
}

fn body_at(run: &Run, seq: Seq) -> Option<Bytes> {
    let index = usize::try_from(seq.0.checked_sub(run.first().0)?).ok()?;
    run.items().get(index)?.body().cloned()
}

impl Rows<'_> {
    /// Why the body of an entry is erased; 0 if it is not.
    pub(super) fn erased(&self, no: LogNo, seq: Seq) -> Result<u8, FeedsError> {
        let mut why = 0;
        self.0.get(keys::erased(no, seq).as_slice(), &mut |value| {
            why = value.first().copied().unwrap_or(0);
        })?;
        Ok(why)
    }

    /// The places in `range` whose bodies are erased.
    pub(super) fn erased_in(
        &self,
        no: LogNo,
        range: &Range<Seq>,
    ) -> Result<BTreeSet<Seq>, FeedsError> {
        let (from, to) = (keys::erased(no, range.start), keys::erased(no, range.end));
        Ok(self.places(&from, &to)?.into_iter().collect())
    }

    /// The erased body that is kept of an entry of an own feed.
    pub(super) fn kept(&self, no: LogNo, seq: Seq) -> Result<Option<Bytes>, FeedsError> {
        Ok(self.kept_row(no, seq)?.map(|kept| kept.body))
    }

    fn kept_row(&self, no: LogNo, seq: Seq) -> Result<Option<KeptBody>, FeedsError> {
        let what = "an erased body";
        let row = self.0.value(keys::kept(no, seq).as_slice())?;
        row.map(|row| {
            let due = keys::u64_at(&row, 0).zip(row.get(8).copied());
            let (due, purged) = due.ok_or(FeedsError::Damaged { what })?;
            Ok(KeptBody {
                due: Timestamp(due.cast_signed()),
                purged: purged != 0,
                body: Bytes::from(row).slice(9..),
            })
        })
        .transpose()
    }

    /// What the deletes of an entry come to.
    pub(super) fn is_deleted(
        &self,
        name: LogName,
        seq: Seq,
        id: EntryId,
        cache: &mut LookupCache,
    ) -> Result<Verdict, FeedsError> {
        self.judge(name.feed_no, (&name.id, seq, id), cache)
    }
}
