//! Looking after the store: is it whole, and what takes the space.

use std::ops::ControlFlow;

use super::Node;
use super::archive::StopOnDrop;
use super::error::TidingsError;
use crate::feeds::{CheckProgress, CheckReport, FeedStorage};

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
        Ok(self.snapshot()?.storage(&mut len)?)
    }
}
