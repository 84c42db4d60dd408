//! Floor 1: an ordered, transactional key-value store, the waist between feeds and the disk.
//!
//! A store is ONE keyspace of byte strings in lexicographic order. Everything above it (tables,
//! indexes, feed rules) is key bytes, so that a backend is some two hundred lines: snapshots to
//! read from, one atomic write at a time, and scans in both directions. [`MemoryStorage`] is the
//! reference behaviour, [`RedbStorage`] keeps a file, and `contract::check` (feature `test-util`)
//! tells whether a third one keeps the promises made here.
//!
//! The trait is synchronous: callers that must not block put it on a thread of its own.

use std::fmt::Debug;
use std::ops::ControlFlow;

use bytes::Bytes;

#[cfg(any(test, feature = "test-util"))]
pub mod contract;
mod error;
mod memory;
#[cfg(feature = "redb")]
mod redb;
mod staged;

pub use self::error::StoreError;
pub use self::memory::MemoryStorage;
#[cfg(all(test, feature = "redb"))]
pub(crate) use self::redb::disk::Disk;
#[cfg(feature = "redb")]
pub use self::redb::{RedbOptions, RedbStorage};

/// An ordered keyspace that can be read as of a moment and written atomically.
pub trait Storage: Send + Sync + Debug + 'static {
    /// Takes a snapshot: it sees every commit that returned before, and none that comes later.
    ///
    /// Never waits for a writer. A snapshot may be held as long as the store, on any thread; space
    /// freed by later writes is reused only once it is dropped.
    ///
    /// # Errors
    ///
    /// When the backend cannot be reached.
    fn read(&self) -> Result<Box<dyn ReadTx>, StoreError>;

    /// Begins a write on top of the newest commit; waits for the write in progress, if any.
    ///
    /// Beginning a second write on the thread that holds the first one waits for ever.
    ///
    /// # Errors
    ///
    /// When the backend cannot be reached.
    fn write(&self) -> Result<Box<dyn WriteTx + '_>, StoreError>;

    /// Gives space that is no longer used back to the disk; waits for the write in progress.
    ///
    /// Reads may wait meanwhile. A backend without such a step returns at once.
    ///
    /// # Errors
    ///
    /// [`StoreError::SnapshotsAlive`] when it would have to move what a snapshot still reads.
    fn compact(&self) -> Result<(), StoreError>;

    /// Whether nothing can be written, so that each commit fails with [`StoreError::NotWritable`].
    fn is_read_only(&self) -> bool {
        false
    }

    /// Ends it, whoever still holds it: waits for the write in progress, and lets others have the store. Repeatable.
    ///
    /// Everything fails with [`StoreError::Closed`] or [`StoreError::Interrupted`] from then on. A backend that nobody
    /// else could have open need not do anything.
    fn close(&self) {}
}

/// Reads of one state of the store: a snapshot's, or a write's own.
///
/// Rows are lent to a visitor rather than returned, so that no backend has to copy them.
pub trait ReadTx: Send {
    /// Lends the value of `key` to `visit`; returns whether there is one.
    ///
    /// # Errors
    ///
    /// When the backend fails, or [`StoreError::Interrupted`].
    fn get(&self, key: &[u8], visit: &mut dyn FnMut(&[u8])) -> Result<bool, StoreError>;

    /// Lends the rows with `from <= key`, and `key < to` if given, until `visit` breaks.
    ///
    /// Each row once, in the order of `direction`. A range whose end is not above its start is
    /// empty.
    ///
    /// # Errors
    ///
    /// When the backend fails, or [`StoreError::Interrupted`]; rows visited before that were true.
    fn scan(
        &self,
        from: &[u8],
        to: Option<&[u8]>,
        direction: Direction,
        visit: &mut Visitor<'_>,
    ) -> Result<(), StoreError>;

    /// Lends the rows whose key begins with `prefix`, as [`scan`](Self::scan) does.
    ///
    /// # Errors
    ///
    /// As for [`scan`](Self::scan).
    fn scan_prefix(
        &self,
        prefix: &[u8],
        direction: Direction,
        visit: &mut Visitor<'_>,
    ) -> Result<(), StoreError> {
        self.scan(prefix, prefix_end(prefix).as_deref(), direction, visit)
    }

    /// Copies the value of `key` out.
    ///
    /// # Errors
    ///
    /// As for [`get`](Self::get).
    fn value(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        let mut found = None;
        self.get(key, &mut |value| found = Some(value.to_vec()))?;
        Ok(found)
    }

    /// Tells whether `key` has a value.
    ///
    /// # Errors
    ///
    /// As for [`get`](Self::get).
    fn contains(&self, key: &[u8]) -> Result<bool, StoreError> {
        self.get(key, &mut |_| ())
    }
}

/// What [`ReadTx::scan`] shows each key and value to.
pub type Visitor<'v> = dyn FnMut(&[u8], &[u8]) -> ControlFlow<()> + 'v;

/// Changes that take effect together at [`commit`](Self::commit), or, dropped, not at all.
///
/// Reads see the changes made so far. Changes are held in memory until then: the caller bounds how
/// much goes into one write.
pub trait WriteTx: ReadTx {
    /// Sets the value of `key`, replacing any.
    ///
    /// # Errors
    ///
    /// When the backend fails; the write can then only be dropped.
    fn put(&mut self, key: &[u8], value: Bytes) -> Result<(), StoreError>;

    /// Removes `key`; nothing happens when it is not there.
    ///
    /// # Errors
    ///
    /// When the backend fails; the write can then only be dropped.
    fn delete(&mut self, key: &[u8]) -> Result<(), StoreError>;

    /// Whether nothing has been put or removed.
    fn is_empty(&self) -> bool;

    /// Makes all changes visible at once, as durable as asked.
    ///
    /// # Errors
    ///
    /// The changes are then all there or none of them, and commits that were durable before are
    /// untouched; [`Durability::Relaxed`] commits since the last durable one may be gone.
    fn commit(self: Box<Self>, durability: Durability) -> Result<(), StoreError>;
}

/// Which way a scan goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Direction {
    /// From the lowest key up.
    Ascending,
    /// From the highest key down.
    Descending,
}

/// What holds when a commit returns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Durability {
    /// Visible; survives a crash once a later commit that is durable has returned.
    Relaxed,
    /// On the disk: survives a kill and a power cut.
    Durable,
    /// Durable, and opening after a kill takes no longer than after a clean end.
    ///
    /// Costs more than [`Durable`](Self::Durable). Only the last commit before the kill counts.
    Checkpoint,
}

/// The lowest key above all keys that begin with `prefix`, if there is one.
///
/// There is none for the empty prefix and for one made of 0xff only.
#[must_use]
pub fn prefix_end(prefix: &[u8]) -> Option<Vec<u8>> {
    let kept = prefix.iter().rposition(|byte| *byte != u8::MAX)?;
    let mut end = prefix.get(..=kept)?.to_vec();
    if let Some(last) = end.last_mut() {
        *last += 1;
    }
    Some(end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_ends_below_the_next_key_that_does_not_begin_with_it() {
        assert_eq!(prefix_end(b"ab"), Some(b"ac".to_vec()));
        assert_eq!(prefix_end(b"a\xff\xff"), Some(b"b".to_vec()));
        assert_eq!(prefix_end(b"\xff\xff"), None);
        assert_eq!(prefix_end(b""), None);
    }

    #[test]
    fn memory_keeps_the_contract() {
        contract::check(|| std::sync::Arc::new(MemoryStorage::new()));
    }

    #[cfg(feature = "redb")]
    #[test]
    fn redb_keeps_the_contract() {
        let folder = tempfile::tempdir().unwrap();
        let mut made = 0;
        contract::check(|| {
            made += 1;
            let path = folder.path().join(format!("{made}.redb"));
            std::sync::Arc::new(RedbStorage::open(path, RedbOptions::new()).unwrap())
        });
    }
}
