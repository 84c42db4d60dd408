//! Opening a node: every setting says what holds when it is unset.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicI64;

use tokio::sync::mpsc;

use super::error::TidingsError;
use super::keys::{self, Found, Keys};
use super::{Inner, Node};
use crate::feeds::{FeedStore, Query};
use crate::format::{DeviceId, End, Ends, FeedId, Statement, Timestamp};
use crate::net::{self, EndpointOptions, Engine, Writer};
use crate::store::{Durability, RedbOptions, RedbStorage};

/// When this release was made: a clock that says less is wrong.
const RELEASED: Timestamp = Timestamp(1_795_392_000_000);

/// Settings of a [`Node`], before it is opened.
#[derive(Debug, Clone, Default)]
pub struct NodeBuilder {
    local_only: bool,
    offline: bool,
}

impl NodeBuilder {
    /// Uses no relay, no DNS and nothing else of the internet: peers are found by the addresses in tickets alone.
    ///
    /// Unset, iroh's relays and address lookup help to find and reach peers.
    #[must_use]
    pub const fn local_only(mut self) -> Self {
        self.local_only = true;
        self
    }

    /// Opens the store only: everything works but [`Node::sync`] and replication.
    ///
    /// Unset, the node goes online as it opens.
    #[must_use]
    pub const fn offline(mut self) -> Self {
        self.offline = true;
        self
    }

    /// Opens the node that lives in `folder`, and makes what is missing: the folder, an identity, an empty store.
    ///
    /// One process at a time can hold a folder. Needs a tokio runtime with time and I/O.
    ///
    /// # Errors
    ///
    /// If another process holds the folder, it cannot be read or written, it was written by a newer release, or its
    /// keys and store do not belong together. What lies there is not changed then.
    ///
    /// # Cancel safety
    ///
    /// Dropped half-way, the folder holds a new identity or none; opening it again goes on from there.
    pub async fn open(self, folder: impl AsRef<Path>) -> Result<Node, TidingsError> {
        let folder = folder.as_ref().to_owned();
        let opened = tokio::task::spawn_blocking(move || open_store(&folder)).await;
        let (store, keys) = opened.map_err(|_| TidingsError::ShutDown)??;
        let floor = clock_floor(&store, &keys.feed.id())?;
        let (notes, told) = mpsc::unbounded_channel();
        let notes = (!self.offline).then_some(notes);
        let writer = Writer::spawn(store.clone(), notes).map_err(net::NetError::Thread)?;
        let endpoint = EndpointOptions {
            secret: keys.endpoint.clone(),
            port: keys.port,
            local_only: self.local_only,
        };
        let engine = if self.offline {
            None
        } else {
            let bound = net::bind(&endpoint).await?;
            Some(Engine::spawn(bound, store.clone(), writer.clone(), told, keys.device.id()).await?)
        };
        let (feed, floor) = (keys.feed.id(), AtomicI64::new(floor.as_millis()));
        Ok(Node {
            inner: Arc::new(Inner {
                store,
                writer,
                keys,
                feed,
                engine,
                endpoint,
                floor,
            }),
        })
    }
}

/// Opens store and keys, in that order: the store's lock guards the keys.
fn open_store(folder: &Path) -> Result<(Arc<FeedStore>, Keys), TidingsError> {
    keys::make_folder(folder)?;
    let storage = RedbStorage::open(folder.join("store.redb"), RedbOptions::new())?;
    let store = Arc::new(FeedStore::open(Arc::new(storage))?);
    let holds_feed = !store.snapshot()?.wanted()?.is_empty();
    let mut set_up = false;
    let keys = match Keys::find(folder)? {
        Found::Nothing if holds_feed => {
            return Err(lost(
                folder,
                "they are gone, though the store beside them is not",
            ));
        }
        Found::Nothing => {
            let keys = Keys::generate()?;
            keys.write(folder)?;
            keys
        }
        Found::Keys { set_up: true, .. } if !holds_feed => {
            return Err(lost(
                folder,
                "the store they belong to is gone, and going on without it would fork the feed",
            ));
        }
        Found::Keys {
            keys, moved: true, ..
        } => {
            let keys = keys.renewed()?;
            keys.write(folder)?;
            keys
        }
        Found::Keys {
            keys,
            set_up: known,
            ..
        } => {
            set_up = known;
            keys
        }
    };
    let keys = admit(&store, folder, keys)?;
    if !set_up {
        keys::mark(folder)?;
    }
    Ok((store, keys))
}

fn lost(folder: &Path, why: &str) -> TidingsError {
    let path: PathBuf = folder.join("keys");
    TidingsError::Keys {
        path,
        why: format!("{why}; put the whole folder back from a backup, or begin in a new one"),
    }
}

/// Sees to it that the feed is the node's own, its device admitted, and a key that may exist twice retired.
fn admit(store: &FeedStore, folder: &Path, mut keys: Keys) -> Result<Keys, TidingsError> {
    let (feed, device) = (keys.feed.id(), keys.device.id());
    let mut batch = store.batch()?;
    batch.adopt_own(&feed, Vec::new())?;
    let mut statements = Vec::new();
    if !batch.standing(&feed)?.is_admitted(&device) {
        let consent = keys.device.consent(&feed);
        statements.push(Statement::admit(
            feed, &keys.feed, device, true, "", consent,
        )?);
    }
    if let Some(old) = keys.retiring {
        statements.push(retire(store, &keys, &feed, old)?);
    }
    let fresh = !statements.is_empty();
    batch.adopt_own(&feed, statements)?;
    if fresh {
        batch.commit(Durability::Checkpoint)?;
        keys.retiring = None;
        keys.write(folder)?;
    }
    Ok(keys)
}

/// Retires a device at the highest entries that are held of it, keeping whom it admitted.
fn retire(
    store: &FeedStore,
    keys: &Keys,
    feed: &FeedId,
    old: DeviceId,
) -> Result<Statement, TidingsError> {
    let snapshot = store.snapshot()?;
    let replica = snapshot.replica(feed)?;
    let logs = replica.iter().flat_map(|replica| &replica.logs);
    let public = logs
        .filter(|log| log.log.device == old && !log.log.lane.is_private() && !log.held.is_empty());
    let ends = public.map(|log| {
        (
            log.log.lane,
            End {
                seq: log.head.0,
                id: log.head.1,
            },
        )
    });
    let ends = Ends::new(ends.collect::<Vec<_>>())?;
    let by_old = |statement: &Statement| {
        statement.signer() == crate::format::Signer::Device(old) && statement.as_admit().is_some()
    };
    let keep: Vec<Statement> = snapshot
        .statement_set(feed)?
        .into_iter()
        .filter(by_old)
        .collect();
    Ok(Statement::retire(*feed, &keys.feed, old, ends, keep)?)
}

/// The clock is taken as no earlier than the newest own entry and this release.
fn clock_floor(store: &FeedStore, feed: &FeedId) -> Result<Timestamp, TidingsError> {
    let snapshot = store.snapshot()?;
    let query = Query {
        feed: Some(*feed),
        ..Query::default()
    };
    let newest = snapshot.page(&query, None, 1, Timestamp(i64::MAX))?;
    let newest = newest.iter().find_map(|row| match row {
        crate::feeds::PageRow::Entry { order, .. } => Some(order.time),
        crate::feeds::PageRow::Gap { .. } => None,
    });
    Ok(newest.map_or(RELEASED, |newest| newest.max(RELEASED)))
}
