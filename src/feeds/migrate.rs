//! The format stamp, and the steps from older stamps.

use std::ops::ControlFlow;

use bytes::Bytes;

use super::error::FeedsError;
use super::row::{decode, encode};
use super::{Counters, keys};
use crate::store::{Direction, Durability, ReadTx, Storage, WriteTx};

/// The store format this library writes. Older ones would be migrated here; there are none yet.
const STAMP: u32 = 1;
const NAME: &str = "stamp";
const COUNTERS: &str = "counters";

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
<<<<<<< HEAD
        None if !is_empty(&*snapshot)? => Err(FeedsError::NotOurs),
        None => {
            drop(snapshot);
            let mut tx = storage.write()?;
            tx.put(
                keys::meta(NAME).as_slice(),
                Bytes::copy_from_slice(&STAMP.to_be_bytes()),
            )?;
            write_counters(&mut *tx, &Counters::default())?;
            Ok(tx.commit(Durability::Checkpoint)?)
        }
    }
}

/// Reads the next free numbers.
pub(super) fn read_counters(tx: &dyn ReadTx) -> Result<Counters, FeedsError> {
    let bytes = tx.value(keys::meta(COUNTERS).as_slice())?;
    let what = "the row of counters";
    decode(what, &bytes.ok_or(FeedsError::Damaged { what })?)
=======
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
>>>>>>> wip-crash
}

/// Writes the next free numbers.
pub(super) fn write_counters(tx: &mut dyn WriteTx, counters: &Counters) -> Result<(), FeedsError> {
    Ok(tx.put(keys::meta(COUNTERS).as_slice(), encode(counters))?)
}

fn is_empty(tx: &dyn ReadTx) -> Result<bool, FeedsError> {
    let mut empty = true;
    tx.scan(&[], None, Direction::Ascending, &mut |_, _| {
        empty = false;
        ControlFlow::Break(())
    })?;
    Ok(empty)
}
