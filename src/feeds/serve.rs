//! What sync reads: summaries of replicas, and runs as they go over the wire.

use std::ops::Range;

use bytes::Bytes;

use super::error::FeedsError;
use super::keys::{self, FeedNo, LogNo};
use super::row::LogRow;
use super::rows::Rows;
use super::snapshot::FeedSnapshot;
use super::trust::Trust;
use crate::format::limits::GENERATIONS;
use crate::format::{
    Closing, DeviceStanding, End, EntryId, FeedId, FormatError, LogId, PackedRun, Run, Seq,
    Statement, Statements,
};

/// Logs of a feed up to which it makes no difference in which order they are told: every peer looks at so many.
const FEW_LOGS: usize = 16;

/// What is held of one log.
#[derive(Debug, Clone)]
pub(crate) struct HeldLog {
    pub(crate) log: LogId,
    pub(crate) held: Vec<Range<Seq>>,
    pub(crate) head: (Seq, EntryId),
    pub(crate) forked: Option<Seq>,
    pub(crate) missing: Vec<(Seq, EntryId)>,
    pub(crate) changed: u64,
    /// Whether any of its entries counts.
    pub(crate) counts: bool,
    /// Its device's generation, and the newest time that a held entry claims, where that makes a difference.
    pub(crate) rank: (u8, i64),
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
        let standing = self.standing_of_many(feed, feed_no)?;
        let mut logs = Vec::new();
        let log_nos = rows.logs_of(feed_no)?;
        let are_many = log_nos.len() > FEW_LOGS;
        for log_no in log_nos {
            let row = rows.log(log_no)?;
            let end = standing.as_ref().and_then(|trust| trust.end_of(&row.log));
            let unsettled = self.unsettled_from(log_no, &row, end)?;
            let held: Vec<_> = row.held_or_dropped().within(Seq::ZERO..unsettled);
            if held.is_empty() && row.forked.is_none() {
                continue;
            }
            let what = "a missing body";
            let missing = rows.collect(&keys::missing_of(log_no), |key, id| {
                let seq = keys::u64_at(key, 5).map(Seq);
                let id = id.try_into().map(EntryId::from_bytes).ok();
                seq.zip(id).ok_or(FeedsError::Damaged { what })
            })?;
            let missing = missing
                .into_iter()
                .filter(|(seq, _)| *seq < unsettled)
                .collect();
            let mut head = (row.top(), row.head);
            if unsettled <= head.0 {
                let last = held.last().map_or(0, |part| part.end.0.saturating_sub(1));
                let id = rows.id(log_no, Seq(last))?.unwrap_or(EntryId::ZERO);
                head = (Seq(last), id);
            }
            let (mut generation, mut counts) = (1, true);
            if let Some(trust) = &standing {
                let device = trust.standing.get(&row.log.device);
                generation = device.map_or(GENERATIONS, DeviceStanding::generation);
                counts = trust.bound(&row.log) > Seq::ZERO;
            }
            let mut newest = i64::MIN;
            if are_many && let Some(entry) = rows.entry(log_no, &row.log, head.0)? {
                newest = entry.time.as_millis();
            }
            logs.push(HeldLog {
                log: row.log,
                held,
                head,
                forked: row.forked,
                missing,
                changed: row.changed,
                counts,
                rank: (generation, newest),
            });
        }
        let (statements, statements_changed) = (row.statements, row.statements_changed);
        Ok(Some(HeldReplica {
            logs,
            statements,
            statements_changed,
        }))
    }

    /// From where on another entry is held than the end names that a Retire set to a log: sync is to ask for that one.
    fn unsettled_from(&self, no: LogNo, row: &LogRow, end: Option<End>) -> Result<Seq, FeedsError> {
        let other = match end.filter(|end| row.held.contains(end.seq)) {
            Some(end) if self.rows().id(no, end.seq)? != Some(end.id) => Some(end.seq),
            _ => None,
        };
        Ok(other.unwrap_or(Seq(u64::MAX)))
    }

    /// How the devices of a feed stand. None where one statement is held: nothing retires the one device that there is.
    fn standing_of_many(&self, feed: &FeedId, no: FeedNo) -> Result<Option<Trust>, FeedsError> {
        let statements = self.rows().statement_bytes(no)?;
        if statements.len() < 2 {
            return Ok(None);
        }
        let mut set = Statements::new(*feed);
        set.merge(self.rows().statements(no)?);
        Ok(Some(Trust::new(set)))
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

    /// Bodies of entries, those of them that are held; none of an entry in whose place another one is held.
    pub(crate) fn bodies(
        &self,
        log: &LogId,
        wanted: &[(Seq, EntryId)],
    ) -> Result<Vec<(Seq, Bytes)>, FeedsError> {
        let rows = self.rows();
        let Some(log_no) = rows.log_no(log)? else {
            return Ok(Vec::new());
        };
        let mut bodies = Vec::with_capacity(wanted.len());
        for (seq, id) in wanted {
            let held = rows.entry(log_no, log, *seq)?;
            let held = held.filter(|entry| entry.reference.id == *id);
            let body = held.and_then(|entry| entry.body);
            bodies.extend(body.map(|body| (*seq, body)));
        }
        Ok(bodies)
    }

    /// The statements of a feed, encoded, in the order in which they decide: each part of it stands without what follows.
    pub(crate) fn statements(&self, feed: &FeedId) -> Result<Vec<Bytes>, FeedsError> {
        let mut statements = Statements::new(*feed);
        statements.merge(self.statement_set(feed)?);
        let encoded = statements.deciding_order().map(Statement::encode);
        Ok(encoded.map(Bytes::from).collect())
    }

    /// Verifies encoded statements of one feed and gives those that are not held: whoever has one that is new sends all
    /// it has, and bytes that lie here were verified when they came.
    pub(crate) fn verify_statements(
        &self,
        feed: &FeedId,
        items: &[Bytes],
    ) -> Result<Vec<Statement>, FeedsError> {
        let feed_no = self.rows().feed_no(feed)?;
        let mut fresh = Vec::new();
        for bytes in items {
            let statement = Statement::decode_trusted(bytes)?;
            if statement.feed() != feed {
                return Err(FeedsError::Format(FormatError::Statement {
                    why: "it is of another feed",
                }));
            }
            let key = feed_no.map(|no| keys::statements_of(no).raw(statement.id().as_bytes()));
            let held = key.map(|key| self.rows().0.value(key.as_slice()));
            let held = held.transpose()?.flatten();
            if held.is_none_or(|held| held != bytes.as_ref()) {
                fresh.push(Statement::decode(bytes)?);
            }
        }
        Ok(fresh)
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
