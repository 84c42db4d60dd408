//! Own entries: appended, signed and indexed in one write.

use super::aside::Why;
use super::batch::{FeedBatch, LogName, Note};
use super::error::FeedsError;
use super::index::Index;
use super::keys::FeedNo;
use super::row::ArrivalEvent;
use crate::format::limits::LANES_PER_DEVICE;
use crate::format::{
    Closing, DeviceSecret, Draft, EntryId, EntryRef, FeedId, Lane, LogId, Run, Seq, Statement,
    Unsigned,
};

/// Entries that are signed together at the most: a few blocks.
const APPENDED: usize = 1_024;

impl FeedBatch<'_> {
    /// Makes a feed one of the node's own: always wanted and served. `statements` admit its devices.
    pub(crate) fn adopt_own(
        &mut self,
        feed: &FeedId,
        statements: Vec<Statement>,
    ) -> Result<(), FeedsError> {
        let no = self.intern_feed(feed)?;
        if !self.feed_row(no)?.own {
            let row = self.feed_row_mut(no)?;
            row.own = true;
            row.left = None;
            self.wanted_changed(Note::Wanted { feed: *feed });
            self.want_dropped(no)?;
            self.counters.own_entries += self.rows().entries_of(no)?;
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
    #[cfg(any(test, feature = "test-util"))]
    pub(crate) fn append(
        &mut self,
        secret: &DeviceSecret,
        feed: &FeedId,
        lane: Lane,
        drafts: &[Draft],
    ) -> Result<Vec<EntryRef>, FeedsError> {
        let names = self.append_later(secret, feed, lane, drafts)?;
        self.sign_appended()?;
        Ok(names)
    }

    /// Does as [`append`](Self::append), but leaves signing and storing to [`sign_appended`](Self::sign_appended), so that
    /// appends to one log that follow one another are signed together.
    ///
    /// Nothing but more of these may be done to the batch before that; a commit sees to it.
    pub(crate) fn append_later(
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
        if self
            .appended
            .as_ref()
            .is_some_and(|(_, begun)| *begun.log() != log || begun.len() >= APPENDED)
        {
            self.sign_appended()?;
        }
        if let Some((_, begun)) = &mut self.appended {
            return Ok(begun.extend(drafts)?);
        }
        let feed_no = self.intern_feed(feed)?;
        if !self.trust(feed_no, feed)?.standing.is_live(&log.device) {
            return Err(FeedsError::NotAdmitted { feed: *feed });
        }
        if self.met_log(&log)?.is_none() && self.lanes_of(&log, feed_no)? >= LANES_PER_DEVICE {
            return Err(FeedsError::TooManyLanes {
                limit: LANES_PER_DEVICE,
            });
        }
        let no = self.intern_log(&log)?;
        let row = self.log_row(no)?;
        let adopted = row.adopted.iter().next().map(|part| part.start);
        if let Some(at) = row.forked.or(adopted) {
            return Err(FeedsError::OwnFork {
                log: Box::new(log),
                at,
            });
        }
        let mut unsigned = Unsigned::new(&log, row.held.end(), row.head)?;
        let names = unsigned.extend(drafts)?;
        self.appended = Some((secret.clone(), unsigned));
        Ok(names)
    }

    /// Signs and stores what was appended and is not signed yet.
    pub(crate) fn sign_appended(&mut self) -> Result<(), FeedsError> {
        let Some((secret, unsigned)) = self.appended.take() else {
            return Ok(());
        };
        self.store_appended(&secret, unsigned)
            .map_err(|error| match error {
                FeedsError::Store(_) | FeedsError::Damaged { .. } => error,
                // Entries that have their names already are lost: no error of one append, but of the whole write.
                _ => FeedsError::Damaged {
                    what: "what is appended",
                },
            })
    }

    fn store_appended(
        &mut self,
        secret: &DeviceSecret,
        unsigned: Unsigned,
    ) -> Result<(), FeedsError> {
        let no = self.intern_log(unsigned.log())?;
        let name = self.log_name(no)?;
        if !self.log_row(no)?.ours {
            self.log_row_mut(no)?.ours = true;
        }
        for run in unsigned.sign(secret)? {
            let bound = self.log_row(no)?.bound();
            self.store_run(name, &run, bound)?;
        }
        Ok(())
    }

    /// Stores a run of which nothing is held yet: segment, ranges, indexes, arrival.
    ///
    /// Entries from `bound` on do not count: their headers are kept as the proof of those before. Their bodies are set
    /// aside if they are to count as soon as that is worked off, or once it is known of which branch they are.
    pub(super) fn store_run(
        &mut self,
        name: LogName,
        run: &Run,
        bound: Seq,
    ) -> Result<(), FeedsError> {
        if run.end() > bound {
            let trust = self.trust(name.feed_no, &name.id.feed)?;
            let to = run.end().min(trust.bound(&name.id));
            let closing = match to == run.end() {
                true => *run.closing(),
                false => Closing::NextHeld,
            };
            let later = run.part(bound, to, closing);
            let has_body = |run: &Run| run.items().iter().any(|item| item.body().is_some());
            if let Some(later) = later.filter(has_body) {
                self.set_aside(name, &later, Why::Cut)?;
            }
            let counting = |seq| seq < bound;
            let run = run.with_bodies(|seq, item| item.body().filter(|_| counting(seq)).cloned());
            return self.store_stripped(name, &run, bound);
        }
        self.store_stripped(name, run, bound)
    }

    fn store_stripped(&mut self, name: LogName, run: &Run, bound: Seq) -> Result<(), FeedsError> {
        let range = run.first()..run.end();
        let counting = range.start..range.end.min(bound).max(range.start);
        let filled = self.with_aside(name, run, &counting)?;
        let run = filled.as_ref().unwrap_or(run);
        let erased = self.mark_erased(name, run, &counting)?;
        let stripped;
        let run = if erased.is_empty() {
            run
        } else {
            stripped = self.without_erased(name, run, &erased)?;
            &stripped
        };
        self.put_segment(name.no, run)?;
        let (head, is_head) = self.hold(name, run)?;
        self.index_run(name, run, counting.clone(), Index::New)?;
        let missing = self.want_bodies(name, run, &counting)?;
        self.move_gaps(name, run)?;
        let count = counting.end.0 - counting.start.0;
        let arrival = match count {
            0 => self.skip_arrival(),
            _ => self.record(ArrivalEvent::Entries {
                log: name.no,
                first: counting.start,
                count,
            })?,
        };
        if is_head {
            self.log_row_mut(name.no)?.changed = arrival;
        } else {
            self.counters.filled = arrival;
        }
        self.count_entries(name.feed_no, run.len())?;
        self.tidy_block(name, range.start)?;
        self.notes.push(Note::Stored {
            log: name.id,
            range,
            head,
            run: Some(run.packed().clone()),
            missing,
            arrival,
        });
        Ok(())
    }

    /// The totals stand in the row of counters, which is written anyway: an append leaves its feed's row alone.
    fn count_entries(&mut self, feed_no: FeedNo, count: u64) -> Result<(), FeedsError> {
        self.counters.entries += count;
        if self.feed_row(feed_no)?.own {
            self.counters.own_entries += count;
        }
        Ok(())
    }

    /// Notes that a run is held: gives the head, and whether the run brought it.
    fn hold(&mut self, name: LogName, run: &Run) -> Result<((Seq, EntryId), bool), FeedsError> {
        let row = self.log_row_mut(name.no)?;
        row.held.insert(run.first()..run.end());
        let is_head = row.held.end() == run.end();
        if is_head {
            row.head = run.last_id();
        }
        Ok(((row.top(), row.head), is_head))
    }

    /// Once a block is held whole, its stored runs become one: what others ask for then goes out as it lies on disk.
    fn tidy_block(&mut self, name: LogName, seq: Seq) -> Result<(), FeedsError> {
        let block = seq.block_start()..seq.block_end();
        let held = self.log_row(name.no)?.held.around(seq);
        let is_whole = held.is_some_and(|held| held.start <= block.start && held.end >= block.end);
        if !is_whole {
            return Ok(());
        }
        let parts = self.rows().segments(name.no, &name.id, &block)?;
        if parts.len() < 2 {
            return Ok(());
        }
        let whole = Run::join(&parts).ok_or(FeedsError::Damaged {
            what: "the runs of a block",
        })?;
        self.rewrite_segment(name.no, &whole)
    }
}
