//! Own entries: appended, signed and indexed in one write.

use super::batch::{FeedBatch, Note};
use super::error::FeedsError;
use super::index::Index;
use super::row::Event;
use crate::format::limits::LANES_PER_DEVICE;
use crate::format::{DeviceSecret, Draft, EntryRef, FeedId, Lane, LogId, Run, Statement};

impl FeedBatch<'_> {
    /// Makes a feed one of the node's own: always wanted and served. `statements` admit its devices.
    pub(crate) fn adopt_own(
        &mut self,
        feed: &FeedId,
        statements: Vec<Statement>,
    ) -> Result<(), FeedsError> {
        let no = self.intern_feed(feed)?;
        let row = self.feed_row_mut(no)?;
        if !row.own {
            row.own = true;
            self.notes.push(Note::Wanted { feed: *feed });
        }
        self.take_statements(feed, statements)?;
        Ok(())
    }

    /// Signs drafts as the next entries of the device's log in `lane`; all of them or none.
    ///
    /// # Errors
    ///
    /// [`FeedsError::NotAdmitted`], [`FeedsError::OwnFork`] or [`FeedsError::TooManyLanes`] if the key may not append
    /// there; [`FeedsError::Format`] if a body is too large. Nothing was written then.
    pub(crate) fn append(
        &mut self,
        secret: &DeviceSecret,
        feed: &FeedId,
        lane: Lane,
        drafts: &[Draft],
    ) -> Result<Vec<EntryRef>, FeedsError> {
        let log = LogId {
            feed: *feed,
            device: secret.id(),
            lane,
        };
        let feed_no = self.intern_feed(feed)?;
        if !self.trust(feed_no, feed)?.standing.is_live(&log.device) {
            return Err(FeedsError::NotAdmitted { feed: *feed });
        }
        if self.rows().log_no(&log)?.is_none() && self.lanes_of(&log, feed_no)? >= LANES_PER_DEVICE
        {
            return Err(FeedsError::TooManyLanes {
                limit: LANES_PER_DEVICE,
            });
        }
        let log_no = self.intern_log(&log)?;
        let row = self.log_row(log_no)?;
        if let Some(at) = row.forked {
            return Err(FeedsError::OwnFork {
                log: Box::new(log),
                at,
            });
        }
        let runs = Run::sign(secret, &log, row.held.end(), row.head, drafts)?;
        let mut names = Vec::with_capacity(drafts.len());
        for run in &runs {
            names.extend(
                (run.first().0..run.end().0)
                    .filter_map(|seq| run.reference(crate::format::Seq(seq))),
            );
            self.store_run(log_no, run, true)?;
        }
        Ok(names)
    }

    /// Stores a run of which nothing is held yet: segment, ranges, indexes, arrival.
    pub(super) fn store_run(
        &mut self,
        log_no: u32,
        run: &Run,
        counts: bool,
    ) -> Result<(), FeedsError> {
        let range = run.first()..run.end();
        self.put_segment(log_no, run)?;
        let row = self.log_row_mut(log_no)?;
        let before = row.held.clone();
        row.held.insert(range.clone());
        let is_head = row.held.end() == range.end;
        if is_head {
            row.head = run.last_id();
        }
        let head = (
            crate::format::Seq(row.held.end().0.saturating_sub(1)),
            row.head,
        );
        let row = row.clone();
        let missing = if counts {
            self.index_run(log_no, &row, run, range.clone(), Index::New)?;
            self.want_bodies(log_no, run, &range)?
        } else {
            Vec::new()
        };
        self.move_gaps(log_no, &row, &before)?;
        let arrival = self.record(Event::Entries {
            log: log_no,
            first: range.start,
            count: run.len(),
        })?;
        if is_head {
            self.log_row_mut(log_no)?.changed = arrival;
        } else {
            self.counters.filled = arrival;
        }
        self.feed_row_mut(row.feed_no)?.entries += run.len();
        self.tidy_block(log_no, &row.log, range.start)?;
        let run = Some(run.packed().clone());
        self.notes.push(Note::Stored {
            log: row.log,
            range,
            head,
            run,
            missing,
            arrival,
        });
        Ok(())
    }

    /// Once a block is held whole, its stored runs become one: what others ask for then goes out as it lies on disk.
    fn tidy_block(
        &mut self,
        log_no: u32,
        log: &LogId,
        seq: crate::format::Seq,
    ) -> Result<(), FeedsError> {
        let block = seq.block_start()..seq.block_end();
        if !self.log_row(log_no)?.held.absent(block.clone()).is_empty() {
            return Ok(());
        }
        let parts = self.rows().segments(log_no, log, &block)?;
        let [first, rest @ ..] = parts.as_slice() else {
            return Ok(());
        };
        if rest.is_empty() {
            return Ok(());
        }
        let whole = Run::join(&parts).ok_or(FeedsError::Damaged {
            what: "the runs of a block",
        })?;
        for part in rest {
            self.tx
                .delete(super::keys::segment(log_no, part.first()).as_slice())?;
        }
        debug_assert_eq!(first.first(), block.start);
        self.put_segment(log_no, &whole)
    }
}
