//! What benches need beside what apps do: entries of others taken in without a network, and a clock that can be set.

use std::sync::atomic::Ordering;

use tokio::sync::mpsc;

use super::Node;
use super::error::TidingsError;
use crate::feeds::{FeedBatch, FeedStore, FeedsError, Taken};
use crate::format::{LogId, PackedRun, Run, Statement};
use crate::net;

/// Runs verified in one go on the blocking pool: about what the engine finds in its mail while a session is busy.
const TOGETHER: usize = 16;

impl Node {
    /// Sets the clock of all nodes of this process ahead of the system's, by so many milliseconds.
    #[doc(hidden)]
    pub fn set_clock_ahead(millis: i64) {
        net::AHEAD.store(millis, Ordering::Relaxed);
    }

    /// Erases all that has expired by now and drops what was kept long enough.
    #[doc(hidden)]
    pub async fn sweep_all(&self) -> Result<(), TidingsError> {
        let now = self.now();
        while self
            .inner
            .writer
            .write(0, move |batch| batch.sweep(now))
            .await?
        {}
        Ok(())
    }

    /// Takes statements and runs of followed feeds in the way the engine does: verified on the blocking pool, written by
    /// the writer thread, on disk when this returns. Says how many runs were stored.
    #[doc(hidden)]
    pub async fn take_in(
        &self,
        statements: Vec<Statement>,
        runs: Vec<(LogId, PackedRun)>,
    ) -> Result<usize, TidingsError> {
        let admit = move |batch: &mut FeedBatch<'_>| {
            for statement in statements {
                batch.take_statements(&statement.feed().clone(), vec![statement])?;
            }
            Ok(())
        };
        self.inner.writer.write(0, admit).await?;
        let (done, mut finished) = mpsc::unbounded_channel();
        for group in runs.chunks(TOGETHER) {
            let (group, store) = (group.to_vec(), self.inner.store.clone());
            let verified = tokio::task::spawn_blocking(move || verify(&store, group)).await;
            for run in verified.map_err(|_| TidingsError::ShutDown)?? {
                let (bytes, done) = (run.packed().len(), done.clone());
                let take = move |batch: &mut FeedBatch<'_>| batch.take_run(&run);
                self.inner.writer.post(bytes, take, move |taken| {
                    // The receiver is gone when the caller is.
                    let _gone = done.send(taken);
                });
            }
        }
        drop(done);
        let mut stored = 0;
        while let Some(taken) = finished.recv().await {
            stored += usize::from(taken.map_err(Some)? == Taken::Stored);
        }
        Ok(stored)
    }
}

fn verify(store: &FeedStore, runs: Vec<(LogId, PackedRun)>) -> Result<Vec<Run>, FeedsError> {
    let snapshot = store.snapshot()?;
    runs.iter()
        .map(|(log, packed)| snapshot.verify(log, packed))
        .collect()
}
