//! Store and keys of a folder: what belongs together, and a device key that must not be used any more.

use std::path::Path;
use std::sync::Arc;

use super::error::TidingsError;
use super::keys::{self, Found, Keys};
use crate::feeds::{ContentType, FeedBatch, FeedSnapshot, FeedStore};
use crate::format::{DeviceId, End, Ends, FeedId, Signer, Statement};
use crate::store::{Durability, ReadTx, RedbOptions, RedbStorage};

/// Opens store and keys, in that order: the store's lock guards the keys. What is refused is not changed.
pub(super) fn open(
    folder: &Path,
    types: &[ContentType],
) -> Result<(Arc<FeedStore>, Keys), TidingsError> {
    keys::make_folder(folder)?;
    let path = folder.join("store.redb");
    if is_missing_or_empty(&path) {
        // Opening would make a new one.
        belong_together(folder, false)?;
    }
    let storage = RedbStorage::open_if(&path, RedbOptions::new(), |held| judge(folder, held))?;
    let store = Arc::new(FeedStore::open_with(Arc::new(storage), types)?);
    let (keys, set_up) = match Keys::find(folder)? {
        Found::Nothing => {
            let keys = Keys::generate()?;
            keys.write(folder)?;
            (keys, false)
        }
        Found::Keys { keys, moved, .. } if moved || is_forked(&store, &keys)? => {
            let keys = keys.renewed()?;
            keys.write(folder)?;
            (keys, false)
        }
        Found::Keys { keys, set_up, .. } => (keys, set_up),
    };
    let keys = admit(&store, folder, keys)?;
    if !set_up {
        keys::mark(folder)?;
    }
    Ok((store, keys))
}

fn is_missing_or_empty(path: &Path) -> bool {
    std::fs::metadata(path).map_or(true, |file| file.len() == 0)
}

/// Looks into a store before a byte of it is changed.
fn judge(folder: &Path, held: Box<dyn ReadTx>) -> Result<(), TidingsError> {
    let holds_feed = FeedStore::inspect(held)?.wants_any()?;
    belong_together(folder, holds_feed)
}

/// Refuses keys without their store, and a store without its keys.
fn belong_together(folder: &Path, holds_feed: bool) -> Result<(), TidingsError> {
    let why = match Keys::find(folder)? {
        Found::Nothing if holds_feed => "they are gone, though the store beside them is not",
        Found::Keys { set_up: true, .. } if !holds_feed => {
            "the store they belong to is gone, and going on without it would fork the feed"
        }
        _ => return Ok(()),
    };
    Err(TidingsError::Keys {
        path: folder.join("keys"),
        why: format!("{why}; put the whole folder back from a backup, or begin in a new one"),
    })
}

/// Whether a log of the device is known to have two branches: somebody else has its key too.
fn is_forked(store: &FeedStore, keys: &Keys) -> Result<bool, TidingsError> {
    let (replica, device) = (
        store.snapshot()?.replica(&keys.feed.id())?,
        keys.device.id(),
    );
    let mut logs = replica.iter().flat_map(|replica| &replica.logs);
    Ok(logs.any(|log| log.log.device == device && log.forked.is_some()))
}

/// Sees to it that the feed is the node's own, its device admitted, and a key that may exist twice retired.
fn admit(store: &FeedStore, folder: &Path, mut keys: Keys) -> Result<Keys, TidingsError> {
    let feed = keys.feed.id();
    let snapshot = store.snapshot()?;
    let mut batch = store.batch()?;
    batch.adopt_own(&feed, Vec::new())?;
    if is_named_retired(&snapshot, &feed, &keys.device.id())? {
        // By a copy of this folder, or another device. The copy took an endpoint of its own, so this one stays.
        keys = Keys {
            device: keys.renewed()?.device,
            ..keys
        };
        keys.write(folder)?;
    }
    let mut statements = Vec::new();
    statements.extend(admission(&mut batch, &feed, &keys)?);
    if let Some(old) = keys.retiring
        && !is_named_retired(&snapshot, &feed, &old)?
    {
        statements.push(retire(&snapshot, &keys, &feed, old)?);
    }
    if !batch.has_room(&feed, &statements)? {
        return Err(TidingsError::StatementsFull { feed });
    }
    let fresh = !statements.is_empty();
    batch.adopt_own(&feed, statements)?;
    if fresh {
        batch.commit(Durability::Checkpoint)?;
    }
    if keys.retiring.take().is_some() {
        keys.write(folder)?;
    }
    Ok(keys)
}

/// The Admit that the device still needs, if any.
fn admission(
    batch: &mut FeedBatch<'_>,
    feed: &FeedId,
    keys: &Keys,
) -> Result<Option<Statement>, TidingsError> {
    let device = keys.device.id();
    if batch.standing(feed)?.is_admitted(&device) {
        return Ok(None);
    }
    let consent = keys.device.consent(feed);
    let admit = Statement::admit(*feed, &keys.feed, device, true, "", consent)?;
    Ok(Some(admit))
}

/// Whether a Retire names the device, even one that does not count: its key is never admitted again.
fn is_named_retired(
    snapshot: &FeedSnapshot,
    feed: &FeedId,
    device: &DeviceId,
) -> Result<bool, TidingsError> {
    let held = snapshot.statement_set(feed)?;
    let mut retires = held.iter().filter_map(Statement::as_retire);
    Ok(retires.any(|retire| retire.device() == device))
}

/// Retires a device at the highest entries that are held of it, keeping whom it admitted.
fn retire(
    snapshot: &FeedSnapshot,
    keys: &Keys,
    feed: &FeedId,
    old: DeviceId,
) -> Result<Statement, TidingsError> {
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
        statement.signer() == Signer::Device(old) && statement.as_admit().is_some()
    };
    let keep: Vec<Statement> = snapshot
        .statement_set(feed)?
        .into_iter()
        .filter(by_old)
        .collect();
    Ok(Statement::retire(*feed, &keys.feed, old, ends, keep)?)
}
