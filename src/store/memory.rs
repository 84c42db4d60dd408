//! The store in memory: the reference behaviour, and what tests run on.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;

use super::staged::{Base, Changes, StagedTx, Turn, Turnstile, bounds};
use super::{Direction, Durability, ReadTx, Storage, StoreError, Visitor, WriteTx};

type Rows = BTreeMap<Bytes, Bytes>;

/// Rows in a map; gone when the last handle is dropped.
#[derive(Debug, Default)]
pub struct MemoryStorage {
    newest: Arc<Newest>,
    turnstile: Arc<Turnstile>,
}

impl MemoryStorage {
    /// Makes an empty store.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }
}

impl Storage for MemoryStorage {
    fn read(&self) -> Result<Box<dyn ReadTx>, StoreError> {
        self.newest.snapshot()
    }

    fn write(&self) -> Result<Box<dyn WriteTx + '_>, StoreError> {
        let turn = Turn::wait(&self.turnstile);
        Ok(Box::new(StagedTx::new(self.newest.clone(), turn)))
    }

    fn compact(&self) -> Result<(), StoreError> {
        Ok(())
    }
}

/// The newest commit. Snapshots share it, and a commit copies it only while one does.
#[derive(Debug, Default)]
struct Newest(Mutex<Arc<Rows>>);

impl Newest {
    fn rows(&self) -> MutexGuard<'_, Arc<Rows>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Base for Newest {
    fn snapshot(&self) -> Result<Box<dyn ReadTx>, StoreError> {
        Ok(Box::new(Snapshot(self.rows().clone())))
    }

    fn apply(&self, changes: Changes, _: Durability) -> Result<(), StoreError> {
        let mut rows = self.rows();
        if let Some(unshared) = Arc::get_mut(&mut rows) {
            change(unshared, changes);
            return Ok(());
        }
        let shared = rows.clone();
        // The copy takes a while; readers must not wait for it.
        drop(rows);
        let mut copy = Rows::clone(&shared);
        change(&mut copy, changes);
        *self.rows() = Arc::new(copy);
        Ok(())
    }
}

fn change(rows: &mut Rows, changes: Changes) {
    for (key, value) in changes {
        match value {
            Some(value) => rows.insert(key, value),
            None => rows.remove(&key),
        };
    }
}

struct Snapshot(Arc<Rows>);

impl ReadTx for Snapshot {
    fn get(&self, key: &[u8], visit: &mut dyn FnMut(&[u8])) -> Result<bool, StoreError> {
        let value = self.0.get(key);
        if let Some(value) = value {
            visit(value);
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
        let mut range = self.0.range::<[u8], _>(bounds);
        loop {
            let row = match direction {
                Direction::Ascending => range.next(),
                Direction::Descending => range.next_back(),
            };
            match row {
                Some((key, value)) if visit(key, value).is_continue() => {}
                _ => return Ok(()),
            }
        }
    }
}
