//! What this installation knows of itself: the keys it signs and signed with, and whether one of them is used twice.

use std::collections::BTreeSet;

use bytes::Bytes;

use super::aside::Why;
use super::batch::{FeedBatch, LogName};
use super::error::FeedsError;
use super::keys;
use super::row::LogRow;
use super::rows::Rows;
use super::snapshot::FeedSnapshot;
use crate::format::{
    DeviceId, End, FeedId, Lane, Run, Seq, Signer, Standing, Statement, StatementId,
};
use crate::store::prefix_end;

/// Devices left behind by renewals of the key that are remembered: more would be a thief's.
const LEFT_BEHIND: usize = 64;
const SESSIONS: &str = "sessions";
const ONCE: u8 = 0;
const TWICE: u8 = 1;

/// What may have changed of the own feed, cheap to read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct OwnSigns {
    pub(crate) statements: [u8; 16],
    /// The key was seen in use elsewhere.
    pub(crate) is_twice: bool,
    /// Own entries were cut and are not said again yet.
    pub(crate) has_cut: bool,
}

impl FeedBatch<'_> {
    /// Notes that this installation signs with a device's key: what others hold of its logs is looked at closely.
    pub(crate) fn note_own_device(
        &mut self,
        feed: &FeedId,
        device: &DeviceId,
    ) -> Result<(), FeedsError> {
        let feed_no = self.intern_feed(feed)?;
        let key = keys::own_devices(feed_no).raw(device.as_bytes());
        if !self.tx.contains(key.as_slice())? {
            self.tx.put(key.as_slice(), Bytes::from_static(&[ONCE]))?;
        }
        Ok(())
    }

    /// Whether a key of this installation was seen in use elsewhere: a log of it is forked, or has entries that this
    /// store did not write.
    pub(crate) fn is_twice(
        &mut self,
        feed: &FeedId,
        device: &DeviceId,
    ) -> Result<bool, FeedsError> {
        let feed_no = self.intern_feed(feed)?;
        if self.rows().own_device(feed_no, device)? == Some(TWICE) {
            return Ok(true);
        }
        self.is_forked(feed, device)
    }

    /// Whether a log of a device is known to have two branches.
    pub(crate) fn is_forked(
        &mut self,
        feed: &FeedId,
        device: &DeviceId,
    ) -> Result<bool, FeedsError> {
        let logs = self.logs_by(feed, device)?;
        Ok(logs.iter().any(|row| row.forked.is_some()))
    }

    fn logs_by(&mut self, feed: &FeedId, device: &DeviceId) -> Result<Vec<LogRow>, FeedsError> {
        let feed_no = self.intern_feed(feed)?;
        let prefix = keys::logs_of(feed_no).raw(device.as_bytes());
        let what = "the number of a log";
        let numbers = self.rows().collect(&prefix, |_, value| {
            keys::u32_at(value, 0).ok_or(FeedsError::Damaged { what })
        })?;
        numbers
            .into_iter()
            .map(|no| self.log_row(no).cloned())
            .collect()
    }

    /// The highest entries held of a device, in all lanes that a Retire names.
    pub(crate) fn ends_of(
        &mut self,
        feed: &FeedId,
        device: &DeviceId,
    ) -> Result<Vec<(Lane, End)>, FeedsError> {
        let logs = self.logs_by(feed, device)?;
        let public = logs
            .into_iter()
            .filter(|row| !row.log.lane.is_private() && !row.held.is_empty());
        let end = |row: LogRow| {
            let seq = Seq(row.held.end().0.saturating_sub(1));
            (row.log.lane, End { seq, id: row.head })
        };
        Ok(public.map(end).collect())
    }

    /// Notes that entries of a log of this installation came from elsewhere, unless they were held before and set aside.
    pub(super) fn note_adopted(
        &mut self,
        name: LogName,
        run: &Run,
        part: &std::ops::Range<Seq>,
    ) -> Result<(), FeedsError> {
        if !self.feed_row(name.feed_no)?.own {
            return Ok(());
        }
        if self.log_row(name.no)?.aside > 0 {
            let last = Seq(run.end().0.saturating_sub(1));
            let aside = self.rows().aside(name.no, &name.id, last, &run.last_id())?;
            if aside.is_some_and(|aside| aside.why != Why::Fork) {
                return Ok(());
            }
        }
        if self.note_twice(name)? {
            self.log_row_mut(name.no)?.adopted.insert(part.clone());
        }
        Ok(())
    }

    /// Notes that a log of this installation, if it is one, is written elsewhere too; says whether it is one.
    pub(super) fn note_twice(&mut self, name: LogName) -> Result<bool, FeedsError> {
        if !self.feed_row(name.feed_no)?.own {
            return Ok(false);
        }
        let device = &name.id.device;
        let known = self.rows().own_device(name.feed_no, device)?;
        if known == Some(ONCE) {
            let key = keys::own_devices(name.feed_no).raw(device.as_bytes());
            self.tx.put(key.as_slice(), Bytes::from_static(&[TWICE]))?;
        }
        Ok(known.is_some())
    }

    /// The statements held of a feed.
    pub(crate) fn statements_held(&mut self, feed: &FeedId) -> Result<Vec<Statement>, FeedsError> {
        let feed_no = self.intern_feed(feed)?;
        let trust = self.trust(feed_no, feed)?;
        Ok(trust.statements.iter().cloned().collect())
    }

    /// Whether a Retire names the device, even one that does not count: its key is never admitted again.
    pub(crate) fn is_named_retired(
        &mut self,
        feed: &FeedId,
        device: &DeviceId,
    ) -> Result<bool, FeedsError> {
        let feed_no = self.intern_feed(feed)?;
        Ok(self.trust(feed_no, feed)?.statements.names_retired(device))
    }

    /// Admits that a device signed, and which of them a person stands by.
    pub(crate) fn admits_by(
        &mut self,
        feed: &FeedId,
        device: &DeviceId,
    ) -> Result<Vec<(Statement, bool)>, FeedsError> {
        let feed_no = self.intern_feed(feed)?;
        let stood_by = self.rows().stood_by(feed_no)?;
        let held = self.statements_held(feed)?;
        let by = Signer::Device(*device);
        let admits = held
            .into_iter()
            .filter(|statement| statement.signer() == by && statement.as_admit().is_some());
        Ok(admits
            .map(|admit| {
                let is_kept = stood_by.contains(admit.id());
                (admit, is_kept)
            })
            .collect())
    }

    /// Notes that a person stands by an Admit: a renewal of the key that signed it keeps it.
    pub(crate) fn stand_by(&mut self, admit: &Statement) -> Result<(), FeedsError> {
        let feed_no = self.intern_feed(admit.feed())?;
        let key = keys::stood_by(feed_no).raw(admit.id().as_bytes());
        Ok(self.tx.put(key.as_slice(), Bytes::new())?)
    }

    /// Remembers devices whose Admits a renewal does not keep, so that a person can admit them anew.
    pub(crate) fn leave_behind(&mut self, admits: &[Statement]) -> Result<(), FeedsError> {
        for admit in admits {
            let feed_no = self.intern_feed(admit.feed())?;
            let Some(device) = admit.as_admit().map(|admit| *admit.device()) else {
                continue;
            };
            let prefix = keys::left_behind(feed_no);
            if self.rows().collect(&prefix, |_, _| Ok(()))?.len() < LEFT_BEHIND {
                let key = prefix.raw(device.as_bytes());
                self.tx.put(key.as_slice(), admit.encode().into())?;
            }
        }
        Ok(())
    }

    /// The Admit of a device that a renewal left behind.
    pub(crate) fn left_behind(
        &mut self,
        feed: &FeedId,
        device: &DeviceId,
    ) -> Result<Option<Statement>, FeedsError> {
        let feed_no = self.intern_feed(feed)?;
        let left = self.rows().left_behind(feed_no)?;
        let is_it = |admit: &Statement| admit.as_admit().is_some_and(|a| a.device() == device);
        Ok(left.into_iter().find(is_it))
    }

    /// Forgets that a device was left behind.
    pub(crate) fn not_left_behind(
        &mut self,
        feed: &FeedId,
        device: &DeviceId,
    ) -> Result<(), FeedsError> {
        let feed_no = self.intern_feed(feed)?;
        let key = keys::left_behind(feed_no).raw(device.as_bytes());
        Ok(self.tx.delete(key.as_slice())?)
    }

    /// Notes that own entries have been written in so many of the times that the store was open.
    pub(crate) const fn set_sessions(&mut self, count: u64) {
        self.sessions = Some(count);
    }

    pub(super) fn put_sessions(&mut self) -> Result<(), FeedsError> {
        let Some(count) = self.sessions.take() else {
            return Ok(());
        };
        let value = Bytes::copy_from_slice(&count.to_be_bytes());
        Ok(self.tx.put(keys::meta(SESSIONS).as_slice(), value)?)
    }
}

impl FeedSnapshot {
    /// In how many of the times that the store was open own entries were written.
    pub(crate) fn sessions(&self) -> Result<u64, FeedsError> {
        let value = self.tx().value(keys::meta(SESSIONS).as_slice())?;
        Ok(value.and_then(|value| keys::u64_at(&value, 0)).unwrap_or(0))
    }

    /// What may have changed of the own feed.
    pub(crate) fn own_signs(
        &self,
        feed: &FeedId,
        device: &DeviceId,
    ) -> Result<OwnSigns, FeedsError> {
        let rows = self.rows();
        let known = rows.known_feed(feed)?;
        let is_twice = match &known {
            Some((no, _)) => rows.own_device(*no, device)? == Some(TWICE),
            None => false,
        };
        let has_cut = !rows
            .collect_some(&keys::all_cut(), 1, |_, _| Ok(()))?
            .is_empty();
        Ok(OwnSigns {
            statements: known.map_or([0; 16], |(_, row)| row.statements),
            is_twice,
            has_cut,
        })
    }

    /// Devices of the own feed that a renewal left behind, by their Admits.
    pub(crate) fn devices_left_behind(&self, feed: &FeedId) -> Result<Vec<Statement>, FeedsError> {
        let no = self.rows().feed_no(feed)?;
        no.map_or_else(|| Ok(Vec::new()), |no| self.rows().left_behind(no))
    }

    /// The statements of a feed and what they come to.
    pub(crate) fn judged(&self, feed: &FeedId) -> Result<(Vec<Statement>, Standing), FeedsError> {
        let mut statements = crate::format::Statements::new(*feed);
        statements.merge(self.statement_set(feed)?);
        let standing = statements.judge();
        Ok((statements.iter().cloned().collect(), standing))
    }
}

impl Rows<'_> {
    pub(super) fn own_device(
        &self,
        feed: keys::FeedNo,
        device: &DeviceId,
    ) -> Result<Option<u8>, FeedsError> {
        let key = keys::own_devices(feed).raw(device.as_bytes());
        let value = self.0.value(key.as_slice())?;
        Ok(value.map(|value| value.first().copied().unwrap_or(ONCE)))
    }

    fn stood_by(&self, feed: keys::FeedNo) -> Result<BTreeSet<StatementId>, FeedsError> {
        let prefix = keys::stood_by(feed);
        let (mut found, end) = (BTreeSet::new(), prefix_end(prefix.as_slice()));
        self.visit(prefix.as_slice(), end.as_deref(), |key, _| {
            let id = key.get(5..).and_then(|id| <[u8; 32]>::try_from(id).ok());
            found.extend(id.map(StatementId::from_bytes));
            Ok(std::ops::ControlFlow::Continue(()))
        })?;
        Ok(found)
    }

    fn left_behind(&self, feed: keys::FeedNo) -> Result<Vec<Statement>, FeedsError> {
        let what = "a device left behind";
        self.collect(&keys::left_behind(feed), |_, value| {
            Statement::decode(value).map_err(|_| FeedsError::Damaged { what })
        })
    }
}
