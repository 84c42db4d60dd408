//! Floor 1: the feed store, on top of any [`Storage`].
//!
//! It keeps logs as stored runs, and every index beside them in the same transaction, so that nothing is ever rebuilt. One
//! [`FeedBatch`] writes at a time; any number of [`FeedSnapshot`]s read and wait for nobody.

mod append;
mod batch;
mod changes;
mod error;
mod index;
mod keys;
mod migrate;
mod page;
mod peers;
mod row;
mod rows;
mod serve;
mod snapshot;
mod state;
mod take;
mod trust;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

pub(crate) use self::batch::{FeedBatch, Note};
pub(crate) use self::changes::{Change, Changed};
pub use self::error::FeedsError;
use self::keys::FeedNo;
pub(crate) use self::page::{PageRow, Query, Scope};
pub use self::row::Profile;
pub(crate) use self::rows::StoredEntry;
pub(crate) use self::serve::{HeldLog, HeldReplica};
pub(crate) use self::snapshot::{FeedSnapshot, FollowedFeed};
pub(crate) use self::take::Taken;
use self::trust::Trust;
use crate::store::{Durability, ReadTx, Storage};

/// The feed store.
#[derive(Debug)]
pub(crate) struct FeedStore {
    storage: Arc<dyn Storage>,
    shared: Mutex<Shared>,
}

/// What a write finds instead of reading it each time; changed only by a write that was committed.
#[derive(Debug, Default, Clone)]
struct Shared {
    counters: Counters,
    trust: HashMap<FeedNo, Arc<Trust>>,
}

/// The next free numbers.
#[derive(Debug, Default, Clone, Copy)]
struct Counters {
    arrival: u64,
    feed: u32,
    log: u32,
    kind: u32,
    /// The arrival number at which a hole or a body behind a head was last filled.
    filled: u64,
}

impl FeedStore {
    /// Opens what lies in the storage, or makes an empty store there.
    ///
    /// # Errors
    ///
    /// [`FeedsError::Newer`] or [`FeedsError::NotOurs`] for what another program wrote; nothing is changed then.
    pub(crate) fn open(storage: Arc<dyn Storage>) -> Result<Self, FeedsError> {
        migrate::check(&*storage)?;
        let counters = migrate::counters(&*storage)?;
        Ok(Self {
            storage,
            shared: Mutex::new(Shared {
                counters,
                trust: HashMap::new(),
            }),
        })
    }

    /// Reads a store before it is opened; its arrival number is not known then.
    ///
    /// # Errors
    ///
    /// As for [`open`](Self::open).
    pub(crate) fn inspect(held: Box<dyn ReadTx>) -> Result<FeedSnapshot, FeedsError> {
        migrate::inspect(&*held)?;
        Ok(FeedSnapshot::new(held, 0))
    }

    /// Begins a write; waits for the one in progress.
    pub(crate) fn batch(&self) -> Result<FeedBatch<'_>, FeedsError> {
        let tx = self.storage.write()?;
        let counters = self.shared().counters;
        Ok(FeedBatch::new(tx, self, counters))
    }

    /// Takes a snapshot to read from.
    pub(crate) fn snapshot(&self) -> Result<FeedSnapshot, FeedsError> {
        // The counter is read first: a commit in between then shows twice rather than not at all.
        let arrival = self.shared().counters.arrival;
        Ok(FeedSnapshot::new(self.storage.read()?, arrival))
    }

    /// The arrival number that the next thing stored will have.
    pub(crate) fn arrival(&self) -> u64 {
        self.shared().counters.arrival
    }

    /// Commits nothing in such a way that opening after a kill is quick.
    pub(crate) fn checkpoint(&self) -> Result<(), FeedsError> {
        Ok(self.storage.write()?.commit(Durability::Checkpoint)?)
    }

    /// Lets others have the store, whoever still holds this; nothing can be read or written any more.
    pub(crate) fn close(&self) {
        self.storage.close();
    }

    /// The arrival number at which a hole or a body behind a head was last filled.
    pub(crate) fn filled(&self) -> u64 {
        self.shared().counters.filled
    }

    fn shared(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
