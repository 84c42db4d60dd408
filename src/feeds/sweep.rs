//! What time alone does: entries expire, and what was kept of deleted ones goes.

use std::ops::ControlFlow;

use super::batch::FeedBatch;
use super::budget::Keeping;
use super::error::FeedsError;
use super::keys::{self, Key, LogNo};
use super::rows::Rows;
use super::snapshot::FeedSnapshot;
use crate::format::{Seq, Timestamp};

/// How long an own feed's deleted bodies can be put back, whichever of its devices deleted them.
pub(crate) const KEPT_MILLIS: i64 = 30 * 24 * 60 * 60 * 1_000;
/// How long after a purge that another of the feed's devices said: time to retire a thief who said it.
pub(crate) const PURGED_MILLIS: i64 = 3 * 24 * 60 * 60 * 1_000;
/// Runs set aside that one sweep drops; they may be of a few MiB each.
const SWEPT_ASIDE: usize = 64;
/// Entries that one sweep looks at: all of it is one write.
const SWEPT: usize = 1_000;

const WHAT: &str = "the row of something that expires";

impl FeedBatch<'_> {
    /// Erases what has expired and drops what was kept long enough; says whether there is more to do.
    pub(crate) fn sweep(&mut self, now: Timestamp) -> Result<bool, FeedsError> {
        self.now = self.now.max(now);
        self.due = self.due.max(now);
        self.since = self.since.max(now);
        let due = self.rows().timed(
            &keys::expires(Timestamp(i64::MIN)),
            &keys::expires(self.due.plus_millis(1)),
            SWEPT,
        )?;
        for (key, no, seq) in &due {
            // Taken away whatever comes of it: the mark says that its time is over, and what does not count has no time.
            self.tx.delete(key)?;
            self.stale_targets.insert((*no, *seq));
        }
        let old = self.rows().timed(
            &keys::kept_until(Timestamp(i64::MIN)),
            &keys::kept_until(self.due.plus_millis(1)),
            SWEPT,
        )?;
        for (key, no, seq) in &old {
            // By its own key as well: a row that stayed behind would be due for ever.
            self.tx.delete(key)?;
            self.drop_kept(*no, *seq)?;
        }
        self.take_waiting()?;
        let more = [
            self.sweep_aside(SWEPT_ASIDE)?,
            self.fit_feeds()?,
            self.free_left()?,
        ]
        .contains(&true);
        Ok(more || due.len() == SWEPT || old.len() == SWEPT)
    }
}

impl FeedSnapshot {
    /// When time alone gives the next sweep something to do, if it ever does.
    pub(super) fn next_timed(&self, keeping: Keeping) -> Result<Option<Timestamp>, FeedsError> {
        let rows = self.rows();
        let first = |from: &Key, to: &Key| -> Result<Option<Timestamp>, FeedsError> {
            let mut found = None;
            rows.visit(from.as_slice(), Some(to.as_slice()), |key, _| {
                found = keys::time_at(key, 1);
                Ok(ControlFlow::Break(()))
            })?;
            Ok(found)
        };
        let all = (Timestamp(i64::MIN), Timestamp(i64::MAX));
        let expires = first(&keys::expires(all.0), &keys::expires(all.1))?;
        let kept = first(&keys::kept_until(all.0), &keys::kept_until(all.1))?;
        let aside = first(&keys::aside_until(all.0), &keys::aside_until(all.1))?;
        let left = first(&keys::left(all.0), &keys::left(all.1))?;
        let left = left.map(|since| since.plus_millis(keeping.left_millis));
        Ok(expires
            .into_iter()
            .chain(kept)
            .chain(aside)
            .chain(left)
            .min())
    }
}

impl Rows<'_> {
    fn timed(
        &self,
        from: &Key,
        to: &Key,
        limit: usize,
    ) -> Result<Vec<(Vec<u8>, LogNo, Seq)>, FeedsError> {
        let mut found = Vec::new();
        self.visit(from.as_slice(), Some(to.as_slice()), |key, _| {
            let (no, seq) = (keys::u32_at(key, 9), keys::u64_at(key, 13));
            let (Some(no), Some(seq)) = (no, seq) else {
                return Err(FeedsError::Damaged { what: WHAT });
            };
            found.push((key.to_vec(), no, Seq(seq)));
            Ok(if found.len() < limit {
                ControlFlow::Continue(())
            } else {
                ControlFlow::Break(())
            })
        })?;
        Ok(found)
    }

    /// The places that end the keys of a range of rows by log and place.
    pub(super) fn places(&self, from: &Key, to: &Key) -> Result<Vec<Seq>, FeedsError> {
        let mut found = Vec::new();
        self.visit(from.as_slice(), Some(to.as_slice()), |key, _| {
            let seq = keys::u64_at(key, 5).ok_or(FeedsError::Damaged { what: WHAT })?;
            found.push(Seq(seq));
            Ok(ControlFlow::Continue(()))
        })?;
        Ok(found)
    }
}
