//! Which devices of a feed count, and what happens to stored entries when that changes.

use std::sync::Arc;

use bytes::Bytes;

use super::batch::{FeedBatch, Note};
use super::error::FeedsError;
use super::keys::{self, FeedNo};
use crate::format::{End, FeedId, LogId, Seq, Standing, Statement, Statements};

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

    /// The end that a counting Retire names for a log: it says which of two branches is true.
    pub(super) fn end_of(&self, log: &LogId) -> Option<End> {
        let is_ended = !log.lane.is_private() && self.standing.is_admitted(&log.device);
        let end = is_ended.then(|| self.standing.end(&log.device, &log.lane));
        end.flatten().copied()
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
    fn reload_trust(&mut self, feed_no: FeedNo, feed: &FeedId) -> Result<Arc<Trust>, FeedsError> {
        let mut statements = Statements::new(*feed);
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
        let digest = after.statements.digest();
        let row = self.feed_row_mut(feed_no)?;
        row.statements = digest;
        row.statements_changed = arrival;
        self.notes.push(Note::Statements {
            feed: *feed,
            digest,
            arrival,
        });
        self.logs_by_admitter.remove(&feed_no);
        self.note_recounts(feed_no, &before, &after)?;
        self.put_speakers(feed_no, &before, &after)?;
        self.recount_some()?;
        // Other logs may count now, and be told or not.
        self.reread.insert(*feed);
        Ok(true)
    }

    /// Notes whose word counts for entries of others, and judges anew what those said who got or lost it.
    fn put_speakers(
        &mut self,
        feed_no: FeedNo,
        before: &Trust,
        after: &Trust,
    ) -> Result<(), FeedsError> {
        let (old, new) = (before.speakers(), after.speakers());
        for gone in old.difference(&new) {
            self.tx.delete(keys::speaker(feed_no, gone).as_slice())?;
        }
        for come in new.difference(&old) {
            self.tx
                .put(keys::speaker(feed_no, come).as_slice(), Bytes::new())?;
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

    /// Whether statements that are about to be signed for a feed would all be kept, by everyone who takes them.
    ///
    /// A Retire may make room for an Admit, so Retires are looked at first.
    pub(crate) fn has_room(
        &mut self,
        feed: &FeedId,
        statements: &[Statement],
    ) -> Result<bool, FeedsError> {
        let feed_no = self.intern_feed(feed)?;
        let mut held = self.trust(feed_no, feed)?.statements.clone();
        let is_retire = |statement: &&Statement| statement.as_retire().is_some();
        let (retires, admits): (Vec<_>, Vec<_>) = statements.iter().partition(is_retire);
        for statement in retires.into_iter().chain(admits) {
            if !held.contains(statement.id()) && !held.would_keep(statement) {
                return Ok(false);
            }
            held.insert(statement.clone());
        }
        Ok(true)
    }
}
