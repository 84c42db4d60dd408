//! A write that collects its changes in order and hands them over at commit.
//!
//! Both backends share it. Collected changes make rollback free, let redb insert in key order with
//! its table opened once, and keep a file's own transaction as short as the commit itself.

use std::cell::OnceCell;
use std::collections::BTreeMap;
use std::ops::{Bound, ControlFlow};
use std::sync::{Arc, Condvar, Mutex, PoisonError};

use bytes::Bytes;

use super::{Direction, Durability, ReadTx, StoreError, Visitor, WriteTx};

/// Changes in key order; `None` removes the key.
pub(super) type Changes = BTreeMap<Bytes, Option<Bytes>>;

/// What a backend adds to the shared write.
pub(super) trait Base: Send + Sync {
    /// The newest commit, to read from underneath the changes.
    fn snapshot(&self) -> Result<Box<dyn ReadTx>, StoreError>;

    /// Applies all changes or none; called by the one writer only.
    fn apply(&self, changes: Changes, durability: Durability) -> Result<(), StoreError>;
}

/// Lets one write at a time through.
#[derive(Debug, Default)]
pub(super) struct Turnstile {
    taken: Mutex<bool>,
    freed: Condvar,
}

/// The right to write. Unlike a mutex guard it may change threads, as a write may.
#[derive(Debug)]
pub(super) struct Turn(Arc<Turnstile>);

impl Turn {
    /// Waits for the turn.
    pub(super) fn wait(turnstile: &Arc<Turnstile>) -> Self {
        let taken = turnstile
            .taken
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let mut taken = turnstile
            .freed
            .wait_while(taken, |taken| *taken)
            .unwrap_or_else(PoisonError::into_inner);
        *taken = true;
        Self(turnstile.clone())
    }

    /// Takes the turn if nobody has it.
    #[cfg(feature = "redb")]
    pub(super) fn try_take(turnstile: &Arc<Turnstile>) -> Option<Self> {
        let mut taken = turnstile
            .taken
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        (!std::mem::replace(&mut *taken, true)).then(|| Self(turnstile.clone()))
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        *self.0.taken.lock().unwrap_or_else(PoisonError::into_inner) = false;
        self.0.freed.notify_one();
    }
}

pub(super) struct StagedTx<B> {
    base: Arc<B>,
    changes: Changes,
    // Taken at the first read, so that a write that reads nothing costs nothing. The turn below
    // keeps others from committing, so it does not matter when that is.
    beneath: OnceCell<Box<dyn ReadTx>>,
    // Last, so that the snapshot is gone when the next writer begins.
    turn: Turn,
}

impl<B: Base> StagedTx<B> {
    pub(super) fn new(base: Arc<B>, turn: Turn) -> Self {
        Self {
            base,
            changes: Changes::new(),
            beneath: OnceCell::new(),
            turn,
        }
    }

    fn beneath(&self) -> Result<&dyn ReadTx, StoreError> {
        if let Some(beneath) = self.beneath.get() {
            return Ok(&**beneath);
        }
        let snapshot = self.base.snapshot()?;
        Ok(&**self.beneath.get_or_init(|| snapshot))
    }
}

impl<B: Base> ReadTx for StagedTx<B> {
    fn get(&self, key: &[u8], visit: &mut dyn FnMut(&[u8])) -> Result<bool, StoreError> {
        get_over(&self.changes, key, visit, |visit| {
            self.beneath()?.get(key, visit)
        })
    }

    fn scan(
        &self,
        from: &[u8],
        to: Option<&[u8]>,
        direction: Direction,
        visit: &mut Visitor<'_>,
    ) -> Result<(), StoreError> {
        scan_over(&self.changes, (from, to), direction, visit, |visit| {
            self.beneath()?.scan(from, to, direction, visit)
        })
    }
}

impl<B: Base> WriteTx for StagedTx<B> {
    fn put(&mut self, key: &[u8], value: Bytes) -> Result<(), StoreError> {
        self.changes
            .insert(Bytes::copy_from_slice(key), Some(value));
        Ok(())
    }

    fn delete(&mut self, key: &[u8]) -> Result<(), StoreError> {
        self.changes.insert(Bytes::copy_from_slice(key), None);
        Ok(())
    }

    fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    fn commit(self: Box<Self>, durability: Durability) -> Result<(), StoreError> {
        let Self {
            base,
            changes,
            beneath,
            turn,
        } = *self;
        // Before applying: a snapshot alive makes memory copy its map and redb keep its old pages.
        drop(beneath);
        let applied = base.apply(changes, durability);
        drop(turn);
        applied
    }
}

/// Does as [`ReadTx::get`] of changes laid over what is beneath them.
pub(super) fn get_over(
    changes: &Changes,
    key: &[u8],
    visit: &mut dyn FnMut(&[u8]),
    beneath: impl FnOnce(&mut dyn FnMut(&[u8])) -> Result<bool, StoreError>,
) -> Result<bool, StoreError> {
    match changes.get(key) {
        Some(Some(value)) => {
            visit(value);
            Ok(true)
        }
        Some(None) => Ok(false),
        None => beneath(visit),
    }
}

/// Does as [`ReadTx::scan`] of changes laid over what is beneath them.
pub(super) fn scan_over(
    changes: &Changes,
    (from, to): (&[u8], Option<&[u8]>),
    direction: Direction,
    visit: &mut Visitor<'_>,
    beneath: impl FnOnce(&mut Visitor<'_>) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    let Some(bounds) = bounds(from, to) else {
        return Ok(());
    };
    let mut range = changes.range::<[u8], _>(bounds);
    match direction {
        Direction::Ascending => {
            Merge::new(&mut range, |ours, theirs| ours < theirs, visit).run(beneath)
        }
        Direction::Descending => {
            Merge::new(&mut range.rev(), |ours, theirs| ours > theirs, visit).run(beneath)
        }
    }
}

/// What a map's `range` takes.
pub(super) type Bounds<'k> = (Bound<&'k [u8]>, Bound<&'k [u8]>);

/// Bounds for a map's `range`, which panics on those of an empty range; `None` for that one.
pub(super) fn bounds<'k>(from: &'k [u8], to: Option<&'k [u8]>) -> Option<Bounds<'k>> {
    match to {
        Some(to) if to <= from => None,
        Some(to) => Some((Bound::Included(from), Bound::Excluded(to))),
        None => Some((Bound::Included(from), Bound::Unbounded)),
    }
}

/// Changes laid over a scan of what is beneath them, both in the same order.
struct Merge<'m, 'c, I: Iterator> {
    changes: std::iter::Peekable<&'m mut I>,
    comes_first: fn(&[u8], &[u8]) -> bool,
    visit: &'m mut Visitor<'c>,
}

impl<'m, 'c, 'r, I> Merge<'m, 'c, I>
where
    I: Iterator<Item = (&'r Bytes, &'r Option<Bytes>)>,
{
    fn new(
        changes: &'m mut I,
        comes_first: fn(&[u8], &[u8]) -> bool,
        visit: &'m mut Visitor<'c>,
    ) -> Self {
        Self {
            changes: changes.peekable(),
            comes_first,
            visit,
        }
    }

    fn run(
        mut self,
        scan_beneath: impl FnOnce(&mut Visitor<'_>) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let mut broken = false;
        scan_beneath(&mut |key, value| {
            let flow = self.row_beneath(key, value);
            broken = flow.is_break();
            flow
        })?;
        if !broken {
            // Nothing is left to merge with; a break only ends this loop.
            let _: ControlFlow<()> = self.changes_before(|_| true);
        }
        Ok(())
    }

    fn row_beneath(&mut self, key: &[u8], value: &[u8]) -> ControlFlow<()> {
        let comes_first = self.comes_first;
        self.changes_before(|ours| comes_first(ours, key))?;
        match self.changes.next_if(|(ours, _)| ours.as_ref() == key) {
            Some((_, Some(ours))) => (self.visit)(key, ours),
            Some((_, None)) => ControlFlow::Continue(()),
            None => (self.visit)(key, value),
        }
    }

    fn changes_before(&mut self, before: impl Fn(&[u8]) -> bool) -> ControlFlow<()> {
        while let Some((key, value)) = self.changes.next_if(|(key, _)| before(key)) {
            if let Some(value) = value {
                (self.visit)(key, value)?;
            }
        }
        ControlFlow::Continue(())
    }
}
