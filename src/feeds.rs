//! Floor 1: the feed store, on top of any [`Storage`].
//!
//! It keeps logs as stored runs, and every index beside them in the same transaction, so that nothing is ever rebuilt. One
//! [`FeedBatch`] writes at a time; any number of [`FeedSnapshot`]s read and wait for nobody.

mod about;
mod amendments;
mod append;
mod archive;
mod aside;
mod batch;
mod blobs;
mod budget;
mod changes;
mod check;
mod drop;
mod edits;
mod erase;
mod error;
mod facts;
mod fields;
#[cfg(all(feature = "test-util", feature = "net"))]
pub(crate) mod fuzz;
mod index;
mod ingest;
mod keys;
mod migrate;
mod origin;
mod own;
mod pace;
mod page;
mod peers;
mod preconditions;
mod recount;
mod registers;
mod row;
mod rows;
mod segment;
mod serve;
mod settle;
mod snapshot;
mod speakers;
mod sweep;
#[cfg(all(test, feature = "redb"))]
mod tests;
mod thread;
mod trust;
mod usage;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};

pub(crate) use self::about::About;
pub use self::about::EntryState;
pub(crate) use self::amendments::lane_of_deletes;
pub(crate) use self::archive::{ArchiveFailure, Loaded};
pub(crate) use self::batch::{FeedBatch, Note};
pub(crate) use self::budget::Keeping;
use self::budget::Upkeep;
pub(crate) use self::changes::{Change, Changed};
pub use self::check::{CheckProgress, CheckReport, Difference};
pub use self::error::FeedsError;
use self::facts::Facts;
use self::fields::Types;
pub(crate) use self::fields::{Condition, ContentType, FieldQuery, Registered};
pub(crate) use self::index::EMOJI_BYTES;
pub(crate) use self::ingest::Taken;
use self::keys::FeedNo;
pub(crate) use self::origin::{CutEntry, origins_in};
pub(crate) use self::own::OwnSigns;
pub(crate) use self::page::{PageRow, Query, Scope};
pub(crate) use self::preconditions::Preconditions;
pub use self::row::Profile;
pub(crate) use self::rows::StoredEntry;
pub(crate) use self::serve::HeldLog;
pub(crate) use self::snapshot::{FeedSnapshot, FollowedFeed};
use self::trust::Trust;
pub use self::usage::FeedStorage;
use crate::store::{Durability, ReadTx, Storage};

/// The feed store.
#[derive(Debug)]
pub(crate) struct FeedStore {
    storage: Arc<dyn Storage>,
    shared: Mutex<Shared>,
    upkeep: Mutex<Upkeep>,
    types: Types,
}

/// What is known without reading it each time, as of the commit that left these counters.
#[derive(Debug, Default)]
struct Shared {
    counters: Counters,
    trust: HashMap<FeedNo, Arc<Trust>>,
    facts: Arc<Facts>,
    /// What has a lower arrival number is on disk.
    saved: u64,
}

/// The next free numbers, as one row that every commit writes.
///
/// A write compares the row with what it remembers. They differ where another write has not come round to remembering
/// its own commit yet, and where the backend lost relaxed commits to a crash of its own: all that is remembered is
/// forgotten then, or numbers would be given out for logs that are gone.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Counters {
    /// How many commits changed anything here.
    commits: u64,
    arrival: u64,
    feed: u32,
    log: u32,
    kind: u32,
    /// The arrival number at which a hole or a body behind a head was last filled.
    filled: u64,
    /// How many times a feed began or ceased to be wanted.
    wanted: u64,
    /// Entries held of the own feeds, and of all.
    own_entries: u64,
    entries: u64,
}

impl FeedStore {
    /// Opens what lies in the storage, or makes an empty store there, without any type of an app.
    #[cfg(test)]
    pub(crate) fn open(storage: Arc<dyn Storage>) -> Result<Self, FeedsError> {
        Self::open_with(storage, &[])
    }

    /// Opens what lies in the storage, or makes an empty store there. Where a type is new here, its indexes are built first.
    ///
    /// # Errors
    ///
    /// [`FeedsError::Newer`] or [`FeedsError::NotOurs`] for what another program wrote, [`FeedsError::Format`] for types
    /// that have no good names or are of one kind; nothing is changed then.
    pub(crate) fn open_with(
        storage: Arc<dyn Storage>,
        types: &[ContentType],
    ) -> Result<Self, FeedsError> {
        ContentType::check_all(types)?;
        migrate::check(&*storage)?;
        let counters = migrate::read_counters(&*storage.read()?)?;
        let mut store = Self {
            storage,
            shared: Mutex::new(Shared {
                counters,
                saved: counters.arrival,
                ..Shared::default()
            }),
            upkeep: Mutex::default(),
            types: Types::default(),
        };
        store.types = fields::register(&store, types)?;
        Ok(store)
    }

    /// The type of a kind, if the store was opened with it.
    pub(crate) fn content_type(&self, kind: &str) -> Option<&Registered> {
        self.types.find(kind)
    }

    /// Reads a store before it is opened; its arrival number is not known then.
    ///
    /// # Errors
    ///
    /// As for [`open_with`](Self::open_with).
    pub(crate) fn inspect(held: Box<dyn ReadTx>) -> Result<FeedSnapshot, FeedsError> {
        migrate::inspect(&*held)?;
        Ok(FeedSnapshot::new(
            held,
            Counters::default(),
            Shared::default().facts,
        ))
    }

    /// Begins a write; waits for the one in progress.
    pub(crate) fn batch(&self) -> Result<FeedBatch<'_>, FeedsError> {
        let tx = self.storage.write()?;
        let mut counters = migrate::read_counters(&*tx)?;
        let mut shared = self.shared();
        if shared.counters != counters {
            let saved = shared.saved.min(counters.arrival);
            // Whoever reads in arrival order has passed numbers that were lost: they are not given again.
            counters.arrival = counters.arrival.max(shared.counters.arrival);
            *shared = Shared {
                counters,
                saved,
                ..Shared::default()
            };
        }
        drop(shared);
        Ok(FeedBatch::new(tx, self, counters))
    }

    /// Takes a snapshot to read from.
    pub(crate) fn snapshot(&self) -> Result<FeedSnapshot, FeedsError> {
        let tx = self.storage.read()?;
        let facts = self.shared().facts.clone();
        // Read from the snapshot itself, so that a page and what is told after it never overlap and never miss.
        let counters = migrate::read_counters(&*tx)?;
        Ok(FeedSnapshot::new(tx, counters, facts))
    }

    /// The arrival number that the next thing stored will have.
    pub(crate) fn arrival(&self) -> u64 {
        self.shared().counters.arrival
    }

    /// What has a lower arrival number is on disk; the rest may be lost to a kill and its number be given again.
    pub(crate) fn saved(&self) -> u64 {
        self.shared().saved
    }

    /// Commits nothing in such a way that all is on disk, and at [`Durability::Checkpoint`] opening after a kill quick.
    pub(crate) fn save(&self, durability: Durability) -> Result<(), FeedsError> {
        let tx = self.storage.write()?;
        let arrival = migrate::read_counters(&*tx)?.arrival;
        tx.commit(durability)?;
        let mut shared = self.shared();
        shared.saved = shared.saved.max(arrival);
        Ok(())
    }

    /// Gives free room of the file back; all reads and writes wait meanwhile. Quick to open after a kill then too.
    #[cfg_attr(not(feature = "net"), expect(dead_code, reason = "a node asks for it"))]
    pub(crate) fn compact(&self) -> Result<(), FeedsError> {
        self.storage.compact()?;
        self.save(Durability::Checkpoint)
    }

    /// Lets others have the store, whoever still holds this; nothing can be read or written any more.
    pub(crate) fn close(&self) {
        self.storage.close();
    }

    /// The arrival number at which a hole or a body behind a head was last filled.
    pub(crate) fn filled(&self) -> u64 {
        self.shared().counters.filled
    }

    fn upkeep(&self) -> MutexGuard<'_, Upkeep> {
        self.upkeep.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn shared(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
