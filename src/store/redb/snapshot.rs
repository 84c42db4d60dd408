//! Reads of one commit.

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

    fn caught<T>(
        &self,
        act: impl FnOnce() -> Result<T, redb::StorageError>,
    ) -> Result<T, StoreError> {
        fault::caught(|| Ok(act()?))
            .map_err(|error| fault::explain(&self.path, &self.failed, error))
    }
}

impl ReadTx for Snapshot {
    fn get(&self, key: &[u8], visit: &mut dyn FnMut(&[u8])) -> Result<bool, StoreError> {
        let value = self.caught(|| self.table.get(key))?;
        // Outside of what is caught: a panic of the visitor is the visitor's.
        if let Some(value) = &value {
            visit(value.value());
        }
        Ok(value.is_some())
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
        let mut range = self.caught(|| self.table.range::<&[u8]>(bounds))?;
        loop {
            let row = self.caught(|| {
                match direction {
                    Direction::Ascending => range.next(),
                    Direction::Descending => range.next_back(),
                }
                .transpose()
            })?;
            match row {
                Some((key, value)) if visit(key.value(), value.value()).is_continue() => {}
                _ => return Ok(()),
            }
        }
    }
}
