//! Which devices of a feed count, and what happens to stored entries when that changes.

use std::sync::Arc;

use super::batch::{FeedBatch, Note};
use super::error::FeedsError;
use super::index::Index;
use super::keys::{self, FeedNo, LogNo};
use super::row::{Event, LogRow, encode};
use crate::format::{EntryId, FeedId, FormatError, LogId, Seq, Standing, Statement, Statements};

/// The statements of a feed and what they come to.
#[derive(Debug)]
pub(super) struct Trust {
    pub(super) statements: Statements,
    pub(super) standing: Standing,
}

impl Trust {
    fn new(statements: Statements) -> Self {
        let standing = statements.judge();
        Self {
            statements,
            standing,
        }
    }

    /// The place from which on entries of a log no longer count; 0 if none does.
    pub(super) fn bound(&self, log: &LogId, id_at: impl Fn(Seq) -> Option<EntryId>) -> Seq {
        let standing = &self.standing;
        if !standing.is_admitted(&log.device) {
            return Seq::ZERO;
        }
        if log.lane.is_private() || !standing.is_retired(&log.device) {
            return Seq(u64::MAX);
        }
        let Some(end) = standing.end(&log.device, &log.lane) else {
            return Seq::ZERO;
        };
        let at_end = id_at(end.seq);
        let holds = |id: &EntryId| at_end == Some(*id);
        let counts =
            at_end.is_none_or(|id| standing.counts(&log.device, &log.lane, end.seq, &id, holds));
        if counts { end.seq.next() } else { end.seq }
    }
}

impl FeedBatch<'_> {
    pub(super) fn trust(
        &mut self,
        feed_no: FeedNo,
        feed: &FeedId,
    ) -> Result<Arc<Trust>, FeedsError> {
        if let Some(trust) = self.trust.get(&feed_no) {
            return Ok(trust.clone());
        }
        let known = self.store.shared().trust.get(&feed_no).cloned();
        let trust = match known {
            Some(trust) => trust,
            None => {
                let own = self.feed_row(feed_no)?.own;
                let mut statements = Statements::new(*feed);
                if own {
                    statements = statements.keep_all();
                }
                statements.merge(self.rows().statements(feed_no)?);
                Arc::new(Trust::new(statements))
            }
        };
        self.trust.insert(feed_no, trust.clone());
        Ok(trust)
    }

    /// Takes verified statements of one feed; says whether anything changed.
    pub(crate) fn take_statements(
        &mut self,
        feed: &FeedId,
        items: Vec<Statement>,
    ) -> Result<bool, FeedsError> {
        let feed_no = self.intern_feed(feed)?;
        let before = self.trust(feed_no, feed)?;
        let mut statements = before.statements.clone();
        if !statements.merge(items) {
            return Ok(false);
        }
        for gone in before
            .statements
            .iter()
            .filter(|old| !statements.contains(old.id()))
        {
            self.tx.delete(
                keys::statements_of(feed_no)
                    .raw(gone.id().as_bytes())
                    .as_slice(),
            )?;
        }
        for new in statements
            .iter()
            .filter(|new| !before.statements.contains(new.id()))
        {
            let key = keys::statements_of(feed_no).raw(new.id().as_bytes());
            self.tx.put(key.as_slice(), new.encode().into())?;
        }
        let after = Arc::new(Trust::new(statements));
        self.trust.insert(feed_no, after.clone());
        let arrival = self.skip_arrival();
        let digest = if after.statements.keeps_all() {
            after.statements.capped().digest()
        } else {
            after.statements.digest()
        };
        let row = self.feed_row_mut(feed_no)?;
        row.statements = digest;
        row.statements_changed = arrival;
        self.notes.push(Note::Statements {
            feed: *feed,
            digest,
            arrival,
        });
        self.recount(feed_no, &before, &after)?;
        Ok(true)
    }

    /// Says what devices the feed has.
    pub(crate) fn standing(&mut self, feed: &FeedId) -> Result<Standing, FeedsError> {
        let feed_no = self.intern_feed(feed)?;
        Ok(self.trust(feed_no, feed)?.standing.clone())
    }

    /// Verifies encoded statements of one feed.
    pub(crate) fn verify_statements(
        feed: &FeedId,
        items: &[bytes::Bytes],
    ) -> Result<Vec<Statement>, FormatError> {
        let items = items
            .iter()
            .map(|bytes| Statement::decode(bytes))
            .collect::<Result<Vec<_>, _>>()?;
        if items.iter().any(|item| item.feed() != feed) {
            return Err(FormatError::Statement {
                why: "it is of another feed",
            });
        }
        Ok(items)
    }

    /// Shows and hides stored entries whose device counts for more, or for less, than before.
    fn recount(
        &mut self,
        feed_no: FeedNo,
        before: &Trust,
        after: &Trust,
    ) -> Result<(), FeedsError> {
        for log_no in self.rows().logs_of(feed_no)? {
            let row = self.log_row(log_no)?.clone();
            let held_end = row.held.end();
            let (old, new) = (
                self.bound_of(before, log_no, &row)?,
                self.bound_of(after, log_no, &row)?,
            );
            if new < old {
                self.cut(log_no, &row, new, old.min(held_end))?;
            } else if old < new {
                self.restore(log_no, &row, old, new.min(held_end))?;
            }
        }
        Ok(())
    }

    pub(super) fn bound_of(
        &self,
        trust: &Trust,
        log_no: LogNo,
        row: &LogRow,
    ) -> Result<Seq, FeedsError> {
        let end = trust.standing.end(&row.log.device, &row.log.lane);
        let at_end = end.map_or(Ok(None), |end| self.rows().id(log_no, &row.log, end.seq))?;
        Ok(trust.bound(&row.log, |_| at_end))
    }

    /// Entries that a Retire cut: bodies go, headers stay.
    fn cut(&mut self, log_no: LogNo, row: &LogRow, from: Seq, to: Seq) -> Result<(), FeedsError> {
        for part in row.held.within(from..to) {
            for run in self.rows().segments(log_no, &row.log, &part)? {
                self.index_run(log_no, row, &run, part.clone(), Index::Away)?;
                let stripped =
                    run.with_bodies(|seq, item| item.body().filter(|_| seq < from).cloned());
                self.put_segment(log_no, &stripped)?;
                for seq in run.first().0.max(part.start.0)..run.end().0.min(part.end.0) {
                    self.tx.delete(keys::missing(log_no, Seq(seq)).as_slice())?;
                }
            }
            let count = part.end.0 - part.start.0;
            self.record(Event::Gone {
                log: log_no,
                first: part.start,
                count,
            })?;
        }
        Ok(())
    }

    /// Entries that count again, or only now: shown from their headers, their bodies wanted.
    fn restore(
        &mut self,
        log_no: LogNo,
        row: &LogRow,
        from: Seq,
        to: Seq,
    ) -> Result<(), FeedsError> {
        for part in row.held.within(from..to) {
            for run in self.rows().segments(log_no, &row.log, &part)? {
                self.index_run(log_no, row, &run, part.clone(), Index::Again)?;
                self.want_bodies(log_no, &run, &part)?;
            }
            let count = part.end.0 - part.start.0;
            self.record(Event::Entries {
                log: log_no,
                first: part.start,
                count,
            })?;
        }
        Ok(())
    }

    pub(super) fn put_trust(
        &mut self,
        feed_no: FeedNo,
        row: &super::row::FeedRow,
    ) -> Result<(), FeedsError> {
        Ok(self.tx.put(keys::feed(feed_no).as_slice(), encode(row))?)
    }
}
