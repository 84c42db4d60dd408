//! Looking after the store: is it whole, and what takes the space.

use std::ops::ControlFlow;
use std::time::Duration;

use super::Node;
use super::archive::StopOnDrop;
use super::error::TidingsError;
use crate::feeds::{CheckProgress, CheckReport, FeedStorage, FeedsError};
use crate::store::StoreError;

/// How often compaction tries to find a moment in which nobody reads, and how long it waits in between.
const COMPACT_TRIES: u32 = 200;
const COMPACT_WAIT: Duration = Duration::from_millis(25);

impl Node {
    /// Proves everything held anew and recomputes all indexes from it: hashes, links and signatures of all entries,
    /// statements and what they come to, every row by which entries are found, profiles, follows, counters. Says what
    /// differs and changes nothing.
    ///
    /// It reads the whole store, as it is at this moment, in bounded memory; the node goes on meanwhile. `progress` is
    /// told now and then how far it is, on another thread. What the node learned of its peers, and the bytes of media,
    /// are not looked at: media are verified whenever they are read.
    ///
    /// # Errors
    ///
    /// If the file itself cannot be read. What can be read and is wrong is in the report.
    ///
    /// # Cancel safety
    ///
    /// Dropped, the check ends soon; it changes nothing anyway.
    pub async fn check(
        &self,
        mut progress: impl FnMut(CheckProgress) + Send + 'static,
    ) -> Result<CheckReport, TidingsError> {
        let store = self.inner.store.clone();
        let waits = StopOnDrop::default();
        let stop = waits.flag();
        let check = tokio::task::spawn_blocking(move || {
            store.check(&mut |at| {
                progress(at);
                if stop.is_set() {
                    ControlFlow::Break(())
                } else {
                    ControlFlow::Continue(())
                }
            })
        });
        let report = check.await.map_err(|_| TidingsError::ShutDown)?;
        drop(waits);
        Ok(report?)
    }

    /// Moves what the store holds together and gives the room between back to the disk.
    ///
    /// Never needed: room that deletes and expiry free is used again. Worth it after much was deleted or has expired, at a moment of the app's choosing: all reads and writes of
    /// the node wait until it is done, about a second for a file of 130 MB. A kill or a power cut in between loses nothing.
    /// Waits up to five seconds for reads under way to end. The file's length may double again with the next write; that
    /// end of it takes no room on the disk until it is used.
    ///
    /// # Errors
    ///
    /// If an export, a load or a [`check`](Self::check) goes on reading, with nothing done; if the disk fails or is full.
    ///
    /// # Cancel safety
    ///
    /// Dropped, a compaction under way goes on to its end.
    pub async fn compact(&self) -> Result<(), TidingsError> {
        let mut tries = 0;
        loop {
            let store = self.inner.store.clone();
            let compacted = tokio::task::spawn_blocking(move || store.compact()).await;
            match compacted.map_err(|_| TidingsError::ShutDown)? {
                Err(FeedsError::Store(StoreError::SnapshotsAlive { .. }))
                    if tries < COMPACT_TRIES =>
                {
                    tries += 1;
                    tokio::time::sleep(COMPACT_WAIT).await;
                }
                done => return Ok(done?),
            }
        }
    }

    /// What is held of each feed, in bytes, the largest first: own and followed feeds, and what is left of others.
    ///
    /// Reads the whole store; a node with many entries should be asked on a thread where waiting does no harm.
    ///
    /// # Errors
    ///
    /// If the store cannot be read.
    pub fn storage(&self) -> Result<Vec<FeedStorage>, TidingsError> {
        let media = &self.inner.media;
        let held = |blob: &_| media.len(blob).or_else(|| media.part_len(blob));
        let mut len = |blob: &_| held(blob).unwrap_or(0);
        Ok(self.inner.store.storage(&mut len)?)
    }
}
