//! One write of redb's, in the order of its keys.

use std::iter::Peekable;
use std::ops::Bound;

use bytes::Bytes;
use redb::{CursorError, Database, Table, WriteTransaction};

use super::super::staged::Changes;
use super::{GENERATION, LOGS, TABLE};

/// Applies `changes` in one transaction, in memory only, and with them the number of a new generation of the log.
pub(super) fn in_memory(
    database: &Database,
    changes: &Changes,
    generation: Option<u64>,
) -> Result<(), redb::Error> {
    let mut transaction = database.begin_write()?;
    transaction.set_durability(redb::Durability::None)?;
    insert_in_runs(&mut transaction.open_table(TABLE)?, changes)?;
    if let Some(generation) = generation {
        note(&transaction, generation)?;
    }
    Ok(transaction.commit()?)
}

/// Puts everything on the disk, `changes` last, in such a way that opening after a kill is quick; a new generation of the
/// log begins with it.
pub(super) fn checkpoint(
    database: &Database,
    changes: Changes,
    generation: u64,
) -> Result<(), redb::Error> {
    let mut transaction = database.begin_write()?;
    transaction.set_quick_repair(true);
    insert_in_runs(&mut transaction.open_table(TABLE)?, &changes)?;
    // The values are in redb's pages now: two copies need not wait for the disk.
    drop(changes);
    note(&transaction, generation)?;
    Ok(transaction.commit()?)
}

fn note(transaction: &WriteTransaction, generation: u64) -> Result<(), redb::Error> {
    let mut logs = transaction.open_table(LOGS)?;
    logs.insert(GENERATION, generation.to_be_bytes().as_slice())?;
    Ok(())
}

/// Inserts through a cursor where many new keys fall into one gap between old ones.
///
/// Measured against single insertions in the same order: a third less time for runs, twice as much
/// for scattered keys. So a cursor is tried at ever larger distances while it does not pay.
fn insert_in_runs(
    table: &mut Table<'_, &'static [u8], &'static [u8]>,
    changes: &Changes,
) -> Result<(), redb::Error> {
    let mut changes = changes.iter().peekable();
    let mut distance = FIRST_DISTANCE;
    let mut until_cursor = distance;
    while let Some((key, value)) = changes.next() {
        match value {
            Some(value) => table.insert(&**key, &**value)?,
            None => table.remove(&**key)?,
        };
        until_cursor -= 1;
        if until_cursor == 0 {
            let run = insert_run(table, key, &mut changes)?;
            distance = match run {
                WORTH_A_CURSOR.. => 1,
                _ => (distance * 2).clamp(FIRST_DISTANCE, LAST_DISTANCE),
            };
            until_cursor = distance;
        }
    }
    Ok(())
}

/// A small write, of one entry with its index rows, ends before the first cursor.
const FIRST_DISTANCE: usize = 16;
/// Keeps what is lost on scattered keys to a few in a hundred.
const LAST_DISTANCE: usize = 64;
/// The run from which on setting up a cursor has paid; a guess between 3, which has not, and 1,000.
const WORTH_A_CURSOR: usize = 32;

/// Inserts what comes next as long as it belongs right after `key`; returns how many rows.
fn insert_run<'c>(
    table: &mut Table<'_, &'static [u8], &'static [u8]>,
    key: &[u8],
    changes: &mut Peekable<impl Iterator<Item = (&'c Bytes, &'c Option<Bytes>)>>,
) -> Result<usize, redb::Error> {
    let mut inserted = 0;
    let mut cursor = table.lower_bound_mut(Bound::Excluded(key))?;
    while let Some((key, Some(value))) = changes.peek() {
        match cursor.insert_before(&***key, &**value) {
            Ok(()) => inserted += 1,
            Err(CursorError::UnorderedKey) => break,
            Err(error) => return Err(error.into()),
        }
        changes.next();
    }
    cursor.close()?;
    Ok(inserted)
}
