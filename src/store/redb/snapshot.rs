//! Reads of one commit.

use std::cell::Cell;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use redb::{ReadOnlyTable, ReadableDatabase as _};

use super::super::staged::bounds;
use super::super::{Direction, ReadTx, StoreError, Visitor};
use super::{Opened, TABLE, fault};

/// A table as of one commit. Holds pages of it, but does not keep the file open.
pub(super) struct Snapshot {
    path: Arc<Path>,
    failed: Arc<AtomicBool>,
    table: ReadOnlyTable<&'static [u8], &'static [u8]>,
}

impl Snapshot {
    pub(super) fn take(path: &Arc<Path>, opened: &Opened) -> Result<Self, StoreError> {
        let table = fault::caught(|| Ok(opened.database.begin_read()?.open_table(TABLE)?));
        Ok(Self {
            table: table.map_err(|error| fault::explain(path, &opened.failed, error))?,
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

impl ReadTx for Snapshot {
    fn get(&self, key: &[u8], visit: &mut dyn FnMut(&[u8])) -> Result<bool, StoreError> {
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

    fn scan(
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
