//! What pages ask again and again and what hardly ever changes: the names of logs, and which feeds are wanted.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::error::FeedsError;
use super::keys::{FeedNo, LogNo};
use super::rows::Rows;
use crate::format::LogId;

/// Names of logs remembered at a time: some two megabytes. Past it all are forgotten, which costs one read each.
const LOGS: usize = 16_384;

/// Shared by all snapshots until the store forgets what it remembers.
#[derive(Debug, Default)]
pub(super) struct Facts {
    logs: Mutex<HashMap<LogNo, (FeedNo, LogId)>>,
    wanted: Mutex<WantedFeeds>,
}

/// Which feeds are wanted, as of one change of follows.
#[derive(Debug, Default)]
struct WantedFeeds {
    version: u64,
    feeds: HashMap<FeedNo, bool>,
}

impl Facts {
    /// The name of a log and the number of its feed.
    pub(super) fn log(&self, rows: Rows<'_>, no: LogNo) -> Result<(FeedNo, LogId), FeedsError> {
        if let Some(known) = lock(&self.logs).get(&no) {
            return Ok(*known);
        }
        let row = rows.log(no)?;
        let mut logs = lock(&self.logs);
        if logs.len() >= LOGS {
            logs.clear();
        }
        logs.insert(no, (row.feed_no, row.log));
        Ok((row.feed_no, row.log))
    }

    /// Whether a feed was wanted at a snapshot that saw `version` changes of follows.
    pub(super) fn is_wanted(
        &self,
        rows: Rows<'_>,
        version: u64,
        no: FeedNo,
    ) -> Result<bool, FeedsError> {
        let mut wanted = lock(&self.wanted);
        if wanted.version < version {
            *wanted = WantedFeeds {
                version,
                feeds: HashMap::new(),
            };
        }
        let is_current = wanted.version == version;
        if let Some(known) = wanted.feeds.get(&no).filter(|_| is_current) {
            return Ok(*known);
        }
        drop(wanted);
        let is_wanted = rows.feed(no)?.is_some_and(|row| row.is_wanted());
        let mut wanted = lock(&self.wanted);
        if wanted.version == version {
            wanted.feeds.insert(no, is_wanted);
        }
        Ok(is_wanted)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
