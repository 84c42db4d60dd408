//! The format stamp, and the steps from older stamps.

use std::ops::ControlFlow;

use bytes::Bytes;

use super::error::FeedsError;
use super::row::{decode, encode};
use super::{Counters, keys};
use crate::store::{Direction, Durability, ReadTx, Storage, WriteTx};

/// The store format this library writes. Older ones would be migrated here; there are none yet.
const STAMP: u32 = 2;
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
        None if !is_empty(snapshot)? => Err(FeedsError::NotOurs),
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
    write_counters(&mut *tx, &Counters::default())?;
    Ok(tx.commit(Durability::Checkpoint)?)
}

/// Reads the next free numbers.
pub(super) fn read_counters(tx: &dyn ReadTx) -> Result<Counters, FeedsError> {
    let bytes = tx.value(keys::counters().as_slice())?;
    let what = "the row of counters";
    decode(what, &bytes.ok_or(FeedsError::Damaged { what })?)
}

/// Writes the next free numbers.
pub(super) fn write_counters(tx: &mut dyn WriteTx, counters: &Counters) -> Result<(), FeedsError> {
    Ok(tx.put(keys::counters().as_slice(), encode(counters))?)
}

fn is_empty(tx: &dyn ReadTx) -> Result<bool, FeedsError> {
    let mut empty = true;
    tx.scan(&[], None, Direction::Ascending, &mut |_, _| {
        empty = false;
        ControlFlow::Break(())
    })?;
    Ok(empty)
}
