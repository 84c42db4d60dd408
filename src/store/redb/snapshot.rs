//! Reads of one commit.

use std::cell::Cell;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use redb::ReadableDatabase as _;

use super::super::staged::{Changes, bounds, get_over, scan_over};
use super::super::{Direction, ReadTx, StoreError, Visitor};
use super::memtable::Table;
use super::{Opened, TABLE, fault};

/// The rows as of one commit. Holds pages of it, but does not keep the file open.
pub(super) struct Snapshot {
    path: Arc<Path>,
    failed: Arc<AtomicBool>,
    table: Arc<Table>,
    laid: Arc<Changes>,
}

impl Snapshot {
    pub(super) fn take(path: &Arc<Path>, opened: &Opened) -> Result<Self, StoreError> {
        let open = || Ok(opened.database.begin_read()?.open_table(TABLE)?);
        let taken = opened.laid.over(|| fault::caught(open));
        let (laid, table) = taken.map_err(|error| fault::explain(path, &opened.failed, error))?;
        Ok(Self {
            laid,
            table,
            path: path.clone(),
            failed: opened.failed.clone(),
        })
    }

    /// Runs `act`, which tells by its argument while a visitor runs: a panic is the visitor's then.
    fn caught<T>(
        &self,
        act: impl FnOnce(&Cell<bool>) -> Result<T, redb::StorageError>,
    ) -> Result<T, StoreError> {
        let visiting = Cell::new(false);
        fault::caught_unless(&visiting, || Ok(act(&visiting)?))
            .map_err(|error| fault::explain(&self.path, &self.failed, error))
    }
}

impl Snapshot {
    fn get_in_table(&self, key: &[u8], visit: &mut dyn FnMut(&[u8])) -> Result<bool, StoreError> {
        self.caught(|visiting| {
            let value = self.table.get(key)?;
            if let Some(value) = &value {
                visiting.set(true);
                visit(value.value());
                visiting.set(false);
            }
            Ok(value.is_some())
        })
    }

    fn scan_table(
        &self,
        from: &[u8],
        to: Option<&[u8]>,
        direction: Direction,
        visit: &mut Visitor<'_>,
    ) -> Result<(), StoreError> {
        let Some(bounds) = bounds(from, to) else {
            return Ok(());
        };
        self.caught(|visiting| {
            let mut range = self.table.range::<&[u8]>(bounds)?;
            while let Some(row) = match direction {
                Direction::Ascending => range.next(),
                Direction::Descending => range.next_back(),
            } {
                let (key, value) = row?;
                visiting.set(true);
                let flow = visit(key.value(), value.value());
                visiting.set(false);
                if flow.is_break() {
                    break;
                }
            }
            Ok(())
        })
    }
}

impl ReadTx for Snapshot {
    fn get(&self, key: &[u8], visit: &mut dyn FnMut(&[u8])) -> Result<bool, StoreError> {
        if self.laid.is_empty() {
            return self.get_in_table(key, visit);
        }
        get_over(&self.laid, key, visit, |visit| {
            self.get_in_table(key, visit)
        })
    }

    fn scan(
        &self,
        from: &[u8],
        to: Option<&[u8]>,
        direction: Direction,
        visit: &mut Visitor<'_>,
    ) -> Result<(), StoreError> {
        if self.laid.is_empty() {
            return self.scan_table(from, to, direction, visit);
        }
        scan_over(&self.laid, (from, to), direction, visit, |visit| {
            self.scan_table(from, to, direction, visit)
        })
    }
}
