//! What sync reads: summaries of replicas, and runs as they go over the wire.

use std::ops::Range;

use bytes::Bytes;

use super::error::FeedsError;
use super::keys::{self, LogNo};
use super::row::LogRow;
use super::rows::Rows;
use super::snapshot::FeedSnapshot;
use crate::format::{Closing, EntryId, FeedId, LogId, PackedRun, Run, Seq};

/// What is held of one log.
#[derive(Debug, Clone)]
pub(crate) struct HeldLog {
    pub(crate) log: LogId,
    pub(crate) held: Vec<Range<Seq>>,
    pub(crate) head: (Seq, EntryId),
    pub(crate) forked: Option<Seq>,
    pub(crate) missing: Vec<Seq>,
    pub(crate) changed: u64,
}

/// What is held of one feed.
#[derive(Debug, Clone)]
pub(crate) struct HeldReplica {
    pub(crate) logs: Vec<HeldLog>,
    pub(crate) statements: [u8; 16],
    pub(crate) statements_changed: u64,
}

impl FeedSnapshot {
    /// What is held of a feed, if this node has met it.
    pub(crate) fn replica(&self, feed: &FeedId) -> Result<Option<HeldReplica>, FeedsError> {
        let rows = self.rows();
        let Some((feed_no, row)) = rows.known_feed(feed)? else {
            return Ok(None);
        };
        let mut logs = Vec::new();
        for log_no in rows.logs_of(feed_no)? {
            let row = rows.log(log_no)?;
            let held: Vec<_> = row.settled().iter().collect();
            if held.is_empty() && row.forked.is_none() {
                continue;
            }
            let missing = rows.collect(&keys::missing_of(log_no), |key, _| {
                Ok(Seq(keys::u64_at(key, 5).unwrap_or(0)))
            })?;
            let head = (row.top(), row.head);
            logs.push(HeldLog {
                log: row.log,
                held,
                head,
                forked: row.forked,
                missing,
                changed: row.changed,
            });
        }
        let (statements, statements_changed) = (row.statements, row.statements_changed);
        Ok(Some(HeldReplica {
            logs,
            statements,
            statements_changed,
        }))
    }

    /// Held entries in `range`, which lies in one block, as packed runs.
    ///
    /// A run ends with a signature, and is made longer than asked to reach one; it may end at the range's end without
    /// one if `next_held`. Bodies that would make it longer than `max_bytes` go by their hash.
    pub(crate) fn runs(
        &self,
        log: &LogId,
        range: Range<Seq>,
        next_held: bool,
        max_bytes: usize,
    ) -> Result<Vec<Bytes>, FeedsError> {
        let rows = self.rows();
        let Some((log_no, row)) = rows.known_log(log)? else {
            return Ok(Vec::new());
        };
        let mut runs = Vec::new();
        for part in row.held.within(range.clone()) {
            let leans = next_held && part.end == range.end;
            let Some(run) = rows.run_over(log_no, &row, part, leans)? else {
                continue;
            };
            runs.push(fit(run, max_bytes).packed().clone());
        }
        Ok(runs)
    }

    /// Bodies of entries, those of them that are held.
    pub(crate) fn bodies(
        &self,
        log: &LogId,
        seqs: &[Seq],
    ) -> Result<Vec<(Seq, Bytes)>, FeedsError> {
        let rows = self.rows();
        let Some(log_no) = rows.log_no(log)? else {
            return Ok(Vec::new());
        };
        let mut bodies = Vec::with_capacity(seqs.len());
        for seq in seqs {
            let body = rows.entry(log_no, log, *seq)?.and_then(|entry| entry.body);
            bodies.extend(body.map(|body| (*seq, body)));
        }
        Ok(bodies)
    }

    /// The statements of a feed, encoded.
    pub(crate) fn statements(&self, feed: &FeedId) -> Result<Vec<Bytes>, FeedsError> {
        let Some(feed_no) = self.rows().feed_no(feed)? else {
            return Ok(Vec::new());
        };
        self.rows().statement_bytes(feed_no)
    }

    /// The proof that a log is forked, encoded, if there is one.
    pub(crate) fn proof(&self, log: &LogId) -> Result<Option<Bytes>, FeedsError> {
        let Some(log_no) = self.rows().log_no(log)? else {
            return Ok(None);
        };
        Ok(self
            .tx()
            .value(keys::fork(log_no).as_slice())?
            .map(Bytes::from))
    }

    /// Verifies a run that a peer sent, with what is held after it where it leans on that.
    pub(crate) fn verify(&self, log: &LogId, packed: &PackedRun) -> Result<Run, FeedsError> {
        self.rows().verify(log, packed)
    }
}

impl Rows<'_> {
    pub(super) fn verify(self, log: &LogId, packed: &PackedRun) -> Result<Run, FeedsError> {
        let (first, count) = packed.span()?;
        let end = first.plus(count);
        // A run that reaches its block's end never leans on what comes after.
        let mut next = None;
        if end != first.block_end()
            && let Some((log_no, row)) = self.known_log(log)?
            && row.held.contains(end)
        {
            next = self.prev_named_by(log_no, log, end)?;
        }
        Ok(packed.verify(log, next.as_ref())?)
    }

    /// One run over a held part of a block: to the part's end if it may lean on the entry after, else to a signature.
    fn run_over(
        &self,
        log_no: LogNo,
        row: &LogRow,
        part: Range<Seq>,
        leans: bool,
    ) -> Result<Option<Run>, FeedsError> {
        let whole = row.held.around(part.start).unwrap_or_else(|| part.clone());
        let until = if leans {
            part.end
        } else {
            whole.end.min(part.start.block_end())
        };
        let mut parts = Vec::new();
        for run in self.segments(log_no, &row.log, &(part.start..until))? {
            let end = run.end();
            let signed = matches!(run.closing(), Closing::Signed(_));
            let cut = leans && end > part.end;
            let closing = if cut {
                Closing::NextHeld
            } else {
                *run.closing()
            };
            let to = if cut { part.end } else { end };
            let inside = run.first() >= part.start && !cut;
            parts.extend(if inside {
                Some(run)
            } else {
                run.part(part.start, to, closing)
            });
            if end >= part.end && (leans || signed) {
                break;
            }
        }
        if let [only] = parts.as_slice() {
            return Ok(Some(only.clone()));
        }
        Ok(Run::join(&parts))
    }
}

/// Leaves out bodies, the last ones first, until the run fits.
fn fit(run: Run, max_bytes: usize) -> Run {
    if run.packed().len() <= max_bytes {
        return run;
    }
    let mut over = run.packed().len() - max_bytes;
    let mut left_out = Vec::new();
    for (index, item) in run.items().iter().enumerate().rev() {
        let Some(body) = item.body() else { continue };
        if over == 0 {
            break;
        }
        // A hash in place of a body that is no longer makes nothing shorter.
        let Some(saved) = body.len().checked_sub(32).filter(|saved| *saved > 0) else {
            continue;
        };
        over = over.saturating_sub(saved);
        left_out.push(run.first().plus(index as u64));
    }
    run.with_bodies(|seq, item| item.body().filter(|_| !left_out.contains(&seq)).cloned())
}
