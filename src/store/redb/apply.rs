//! One write, in the order of its keys.

use std::ops::Bound;

use redb::{CursorError, Database, Table};

use super::super::Durability;
use super::super::staged::Changes;
use super::TABLE;

/// Above this many changes neighbours are likely enough that a cursor is worth its set-up.
/// Measured: from about a hundred rows on; below, single insertions are as fast.
const WORTH_A_CURSOR: usize = 64;

/// Applies `changes` in one transaction.
pub(super) fn commit(
    database: &Database,
    changes: Changes,
    durability: Durability,
) -> Result<(), redb::Error> {
    let mut transaction = database.begin_write()?;
    match durability {
        Durability::Relaxed => transaction.set_durability(redb::Durability::None)?,
        Durability::Durable => {}
        Durability::Checkpoint => transaction.set_quick_repair(true),
    }
    let mut table = transaction.open_table(TABLE)?;
    if changes.len() < WORTH_A_CURSOR {
        one_by_one(&mut table, &changes)?;
    } else {
        in_runs(&mut table, &changes)?;
    }
    drop(table);
    // The values are in redb's pages now: two copies need not wait for the disk.
    drop(changes);
    transaction.commit()?;
    Ok(())
}

fn one_by_one(
    table: &mut Table<'_, &'static [u8], &'static [u8]>,
    changes: &Changes,
) -> Result<(), redb::Error> {
    for (key, value) in changes {
        match value {
            Some(value) => table.insert(&**key, &**value)?,
            None => table.remove(&**key)?,
        };
    }
    Ok(())
}

/// Inserts through a cursor as long as new keys fall into the same gap between old ones.
fn in_runs(
    table: &mut Table<'_, &'static [u8], &'static [u8]>,
    changes: &Changes,
) -> Result<(), redb::Error> {
    let mut changes = changes.iter().peekable();
    while let Some((key, value)) = changes.next() {
        match value {
            Some(value) => table.insert(&**key, &**value)?,
            None => table.remove(&**key)?,
        };
        if !matches!(changes.peek(), Some((_, Some(_)))) {
            continue;
        }
        let mut cursor = table.lower_bound_mut(Bound::Excluded(&**key))?;
        while let Some((key, Some(value))) = changes.peek() {
            match cursor.insert_before(&***key, &**value) {
                Ok(()) => changes.next(),
                Err(CursorError::UnorderedKey) => break,
                Err(error) => return Err(error.into()),
            };
        }
        cursor.close()?;
    }
    Ok(())
}
