//! The format stamp, and the steps from older stamps.

use std::ops::ControlFlow;

use bytes::Bytes;

use super::Counters;
use super::error::FeedsError;
use super::keys::{self, Key};
use super::row::{Event, decode};
use crate::store::{Direction, Durability, ReadTx, Storage};

/// The store format this library writes. Older ones would be migrated here; there are none yet.
const STAMP: u32 = 1;
const NAME: &str = "stamp";

/// Checks the stamp, and says whether there is one: an empty store has none yet.
pub(super) fn inspect(snapshot: &dyn ReadTx) -> Result<bool, FeedsError> {
    let stamp = snapshot.value(keys::meta(NAME).as_slice())?;
    match stamp.as_deref().map(|bytes| keys::u32_at(bytes, 0)) {
        Some(Some(STAMP)) => Ok(true),
        Some(Some(found)) if found > STAMP => Err(FeedsError::Newer {
            found,
            known: STAMP,
        }),
        Some(_) => Err(FeedsError::Damaged {
            what: "the format stamp",
        }),
        None if last_key(snapshot, &[])?.is_some() => Err(FeedsError::NotOurs),
        None => Ok(false),
    }
}

/// Checks the stamp, and sets it in an empty store.
pub(super) fn check(storage: &dyn Storage) -> Result<(), FeedsError> {
    if inspect(&*storage.read()?)? {
        return Ok(());
    }
    let mut tx = storage.write()?;
    tx.put(
        keys::meta(NAME).as_slice(),
        Bytes::copy_from_slice(&STAMP.to_be_bytes()),
    )?;
    Ok(tx.commit(Durability::Checkpoint)?)
}

/// Finds the next free numbers: one look at the end of each table, however large it is.
pub(super) fn counters(storage: &dyn Storage) -> Result<Counters, FeedsError> {
    let snapshot = storage.read()?;
    let next = |letter: u8| -> Result<u32, FeedsError> {
        let key = last_key(&*snapshot, Key::table(letter).as_slice())?;
        Ok(key
            .and_then(|(key, _)| keys::u32_at(&key, 1))
            .map_or(0, |no| no + 1))
    };
    let last = last_key(&*snapshot, Key::table(keys::ARRIVAL).as_slice())?;
    let arrival = match last {
        None => 0,
        Some((key, value)) => {
            let event: Event = decode("an event", &value)?;
            keys::u64_at(&key, 1).unwrap_or(0) + event.width()
        }
    };
    let filled = snapshot
        .value(keys::meta("filled").as_slice())?
        .and_then(|bytes| keys::u64_at(&bytes, 0));
    let floor = snapshot
        .value(keys::meta("arrival").as_slice())?
        .and_then(|bytes| keys::u64_at(&bytes, 0));
    Ok(Counters {
        arrival: arrival.max(floor.unwrap_or(0)),
        feed: next(keys::FEEDS)?,
        log: next(keys::LOGS)?,
        kind: next(keys::KINDS)?,
        filled: filled.unwrap_or(0),
    })
}

type Row = (Vec<u8>, Vec<u8>);

fn last_key(tx: &dyn ReadTx, prefix: &[u8]) -> Result<Option<Row>, FeedsError> {
    let mut last = None;
    tx.scan_prefix(prefix, Direction::Descending, &mut |key, value| {
        last = Some((key.to_vec(), value.to_vec()));
        ControlFlow::Break(())
    })?;
    Ok(last)
}
