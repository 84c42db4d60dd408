//! A store in memory that counts what each write costs.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;

use crate::store::{
    Direction, Durability, MemoryStorage, ReadTx, Storage, StoreError, Visitor, WriteTx,
};

/// Rows in memory, and the most that one write read, visited, put or deleted.
#[derive(Debug, Default)]
pub(super) struct Counted {
    rows: MemoryStorage,
    most: Arc<AtomicU64>,
}

impl Counted {
    pub(super) fn most(&self) -> u64 {
        self.most.load(Ordering::Relaxed)
    }
}

impl Storage for Counted {
    fn read(&self) -> Result<Box<dyn ReadTx>, StoreError> {
        self.rows.read()
    }

    fn write(&self) -> Result<Box<dyn WriteTx + '_>, StoreError> {
        Ok(Box::new(CountedTx {
            tx: self.rows.write()?,
            count: AtomicU64::new(0),
            most: self.most.clone(),
        }))
    }

    fn compact(&self) -> Result<(), StoreError> {
        self.rows.compact()
    }
}

struct CountedTx<'s> {
    tx: Box<dyn WriteTx + 's>,
    count: AtomicU64,
    most: Arc<AtomicU64>,
}

impl CountedTx<'_> {
    fn count(&self) {
        self.count.fetch_add(1, Ordering::Relaxed);
    }
}

impl ReadTx for CountedTx<'_> {
    fn get(&self, key: &[u8], visit: &mut dyn FnMut(&[u8])) -> Result<bool, StoreError> {
        self.count();
        self.tx.get(key, visit)
    }

    fn scan(
        &self,
        from: &[u8],
        to: Option<&[u8]>,
        direction: Direction,
        visit: &mut Visitor<'_>,
    ) -> Result<(), StoreError> {
        self.count();
        self.tx
            .scan(from, to, direction, &mut |key, value| -> ControlFlow<()> {
                self.count();
                visit(key, value)
            })
    }
}

impl WriteTx for CountedTx<'_> {
    fn put(&mut self, key: &[u8], value: Bytes) -> Result<(), StoreError> {
        self.count();
        self.tx.put(key, value)
    }

    fn delete(&mut self, key: &[u8]) -> Result<(), StoreError> {
        self.count();
        self.tx.delete(key)
    }

    fn is_empty(&self) -> bool {
        self.tx.is_empty()
    }

    fn commit(self: Box<Self>, durability: Durability) -> Result<(), StoreError> {
        let count = self.count.load(Ordering::Relaxed);
        self.most.fetch_max(count, Ordering::Relaxed);
        self.tx.commit(durability)
    }
}
