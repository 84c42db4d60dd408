//! Which devices of a feed count, and what happens to stored entries when that changes.

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;

use super::batch::{FeedBatch, LogName, Note};
use super::error::FeedsError;
use super::index::Index;
use super::keys::{self, FeedNo};
use super::row::Event;
use crate::format::{DeviceId, FeedId, FormatError, LogId, Seq, Standing, Statement, Statements};

/// The statements of a feed and what they come to.
#[derive(Debug)]
pub(super) struct Trust {
    pub(super) statements: Statements,
    pub(super) standing: Standing,
}

impl Trust {
    pub(super) fn new(statements: Statements) -> Self {
        let standing = statements.judge();
        Self {
            statements,
            standing,
        }
    }

    /// The place from which on entries of a log no longer count; 0 if none does.
    ///
    /// The end's own place counts whatever is held there: if it is the entry that the end names, it counts by that, and
    /// if not, the end's entry is not held, and such an end cuts by seq alone.
    pub(super) fn bound(&self, log: &LogId) -> Seq {
        let standing = &self.standing;
        if !standing.is_admitted(&log.device) {
            return Seq::ZERO;
        }
        if log.lane.is_private() || !standing.is_retired(&log.device) {
            return Seq(u64::MAX);
        }
        let end = standing.end(&log.device, &log.lane);
        end.map_or(Seq::ZERO, |end| end.seq.next())
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
        match known {
            Some(trust) => {
                self.trust.insert(feed_no, trust.clone());
                Ok(trust)
            }
            None => self.reload_trust(feed_no, feed),
        }
    }

    /// Reads the statements of a feed and judges them.
    pub(super) fn reload_trust(
        &mut self,
        feed_no: FeedNo,
        feed: &FeedId,
    ) -> Result<Arc<Trust>, FeedsError> {
        let own = self.feed_row(feed_no)?.own;
        let mut statements = Statements::new(*feed);
        if own {
            statements = statements.keep_all();
        }
        statements.merge(self.rows().statements(feed_no)?);
        let trust = Arc::new(Trust::new(statements));
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
        self.put_admins(feed_no, &before, &after)?;
        Ok(true)
    }

    /// Notes whose word counts for entries of others, and judges anew what those said who got or lost it.
    fn put_admins(
        &mut self,
        feed_no: FeedNo,
        before: &Trust,
        after: &Trust,
    ) -> Result<(), FeedsError> {
        let devices = |trust: &Trust| -> BTreeSet<DeviceId> {
            let devices = trust.standing.devices().map(|(device, _)| *device);
            devices
                .filter(|device| trust.standing.is_admin(device))
                .collect()
        };
        let (old, new) = (devices(before), devices(after));
        for gone in old.difference(&new) {
            self.tx.delete(keys::admin(feed_no, gone).as_slice())?;
        }
        for come in new.difference(&old) {
            self.tx
                .put(keys::admin(feed_no, come).as_slice(), Bytes::new())?;
        }
        let changed: Vec<_> = old.symmetric_difference(&new).copied().collect();
        if changed.is_empty() {
            return Ok(());
        }
        self.rejudge_feed(feed_no, &changed)
    }

    /// Says what devices the feed has.
    pub(crate) fn standing(&mut self, feed: &FeedId) -> Result<Standing, FeedsError> {
        let feed_no = self.intern_feed(feed)?;
        Ok(self.trust(feed_no, feed)?.standing.clone())
    }

    /// Verifies encoded statements of one feed.
    pub(crate) fn verify_statements(
        feed: &FeedId,
        items: &[Bytes],
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
            let name = self.log_name(log_no)?;
            let (old, new) = (before.bound(&name.id), after.bound(&name.id));
            if new < old {
                self.cut(name, new..old)?;
            } else if old < new {
                self.restore(name, old..new)?;
            }
        }
        Ok(())
    }

    /// Entries that a Retire cut: bodies go, headers stay.
    fn cut(&mut self, name: LogName, range: Range<Seq>) -> Result<(), FeedsError> {
        self.set_gaps(name, &range, false)?;
        for part in self.held_blocks(name, &range)? {
            for run in self.rows().segments(name.no, &name.id, &part)? {
                let part = part.start.max(run.first())..part.end.min(run.end());
                self.index_run(name, &run, part.clone(), Index::Away)?;
                let kept = |seq| seq < range.start;
                let stripped =
                    run.with_bodies(|seq, item| item.body().filter(|_| kept(seq)).cloned());
                self.rewrite_segment(name.no, &stripped)?;
                for seq in self.rows().missing(name.no, &part)? {
                    self.tx.delete(keys::missing(name.no, seq).as_slice())?;
                }
                self.forget_erased(name, &part)?;
                self.queue_cut(name, &run, &part)?;
                let count = part.end.0 - part.start.0;
                self.record(Event::Gone {
                    log: name.no,
                    first: part.start,
                    count,
                })?;
            }
        }
        Ok(())
    }

    /// Entries that count again, or only now: shown from their headers, their bodies wanted.
    fn restore(&mut self, name: LogName, range: Range<Seq>) -> Result<(), FeedsError> {
        self.set_gaps(name, &range, true)?;
        self.unqueue_cut(name, &range)?;
        for part in self.held_blocks(name, &range)? {
            for run in self.rows().segments(name.no, &name.id, &part)? {
                let part = part.start.max(run.first())..part.end.min(run.end());
                self.mark_erased(name, &run, &part)?;
                self.index_run(name, &run, part.clone(), Index::Again)?;
                let missing = self.want_bodies(name, &run, &part)?;
                self.counts_again(name, part, missing)?;
            }
        }
        Ok(())
    }

    /// Says that stored entries count again and which of their bodies are wanted.
    pub(super) fn counts_again(
        &mut self,
        name: LogName,
        range: Range<Seq>,
        missing: Vec<Seq>,
    ) -> Result<(), FeedsError> {
        let arrival = self.record(Event::Entries {
            log: name.no,
            first: range.start,
            count: range.end.0 - range.start.0,
        })?;
        self.counters.filled = arrival;
        let row = self.log_row(name.no)?;
        let head = (Seq(row.held.end().0.saturating_sub(1)), row.head);
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

    /// What is held of a range, cut at blocks, so that a long log passes through memory piece by piece.
    fn held_blocks(
        &mut self,
        name: LogName,
        range: &Range<Seq>,
    ) -> Result<Vec<Range<Seq>>, FeedsError> {
        let mut blocks = Vec::new();
        for part in self.log_row(name.no)?.held.within(range.clone()) {
            let mut at = part.start;
            while at < part.end {
                let end = at.block_end().min(part.end);
                blocks.push(at..end);
                at = end;
            }
        }
        Ok(blocks)
    }
}
