//! Writes that fail at any of their operations: nothing half visible, and everything goes on.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;

use super::super::{FeedStore, FeedsError, Query};
use super::world::{
    Chain, NOW, Seen, all_changes, all_pages, following, kind, memory, person, post, timeline,
    told, write,
};
use crate::format::{ProfileField, Seq, lanes};
use crate::store::{Direction, Durability, ReadTx, Storage, StoreError, Visitor, WriteTx};

/// A storage whose operations fail once a countdown has run out.
#[derive(Debug)]
pub(super) struct Failing {
    pub(super) inner: Arc<dyn Storage>,
    pub(super) left: Arc<AtomicU64>,
}

struct FailingWrite<'s> {
    inner: Box<dyn WriteTx + 's>,
    left: Arc<AtomicU64>,
}

fn spend(left: &AtomicU64) -> Result<(), StoreError> {
    let spent = left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| {
        left.checked_sub(1)
    });
    spent.map(drop).map_err(|_| StoreError::Interrupted {
        path: "test".into(),
    })
}

impl Storage for Failing {
    fn read(&self) -> Result<Box<dyn ReadTx>, StoreError> {
        self.inner.read()
    }

    fn write(&self) -> Result<Box<dyn WriteTx + '_>, StoreError> {
        Ok(Box::new(FailingWrite {
            inner: self.inner.write()?,
            left: self.left.clone(),
        }))
    }

    fn compact(&self) -> Result<(), StoreError> {
        self.inner.compact()
    }
}

impl ReadTx for FailingWrite<'_> {
    fn get(&self, key: &[u8], visit: &mut dyn FnMut(&[u8])) -> Result<bool, StoreError> {
        spend(&self.left)?;
        self.inner.get(key, visit)
    }

    fn scan(
        &self,
        from: &[u8],
        to: Option<&[u8]>,
        direction: Direction,
        visit: &mut Visitor<'_>,
    ) -> Result<(), StoreError> {
        spend(&self.left)?;
        self.inner.scan(from, to, direction, visit)
    }
}

impl WriteTx for FailingWrite<'_> {
    fn put(&mut self, key: &[u8], value: Bytes) -> Result<(), StoreError> {
        spend(&self.left)?;
        self.inner.put(key, value)
    }

    fn delete(&mut self, key: &[u8]) -> Result<(), StoreError> {
        spend(&self.left)?;
        self.inner.delete(key)
    }

    fn is_empty(&self) -> bool {
        self.inner.is_empty()
    }

    fn commit(self: Box<Self>, durability: Durability) -> Result<(), StoreError> {
        spend(&self.left)?;
        self.inner.commit(durability)
    }
}

pub(super) const FOR_EVER: u64 = u64::MAX;

/// The timeline, what was told, and the next arrival number.
type Everything = (
    Vec<Seen>,
    Vec<(&'static str, crate::format::LogId, u64)>,
    u64,
);

fn everything(store: &FeedStore) -> Everything {
    let changes = all_changes(store, 0, 100).iter().map(told).collect();
    (
        timeline(store),
        changes,
        store.snapshot().unwrap().arrival(),
    )
}

/// One write that does a bit of everything: a new log, a hole closed, state, own entries, statements.
fn busy(store: &FeedStore, chain: &Chain, state: &Chain) -> Result<(), FeedsError> {
    let (owner, another) = (person(200), person(3));
    let mut batch = store.batch()?;
    batch.take_run(&chain.part(0, 64))?;
    batch.take_run(&state.runs[0])?;
    batch.take_statements(&another.feed, vec![another.admit.clone()])?;
    batch.append(
        &owner.device,
        &owner.feed,
        lanes::POSTS,
        &[post("x", &["tea"], 7)],
    )?;
    batch.commit(Durability::Durable).map(drop)
}

#[test]
fn a_write_that_fails_anywhere_leaves_nothing_and_the_next_one_works() {
    let friend = person(2);
    let chain = friend.chain(lanes::POSTS).posts(100);
    let mut state = friend.chain(lanes::STATE);
    let field = ProfileField::Name("Ada".to_owned());
    state.append(&[super::world::draft(&field, Vec::new(), &[], 1)]);
    let mut expected = None;
    for countdown in (0..).step_by(3) {
        let left = Arc::new(AtomicU64::new(FOR_EVER));
        let inner = memory();
        let storage = Arc::new(Failing {
            inner: inner.clone(),
            left: left.clone(),
        });
        let store = following(storage, &[&friend]);
        write(&store, |batch| {
            batch.take_run(&chain.part(64, 100)).unwrap()
        });
        let before = everything(&store);
        left.store(countdown, Ordering::SeqCst);
        let result = busy(&store, &chain, &state);
        left.store(FOR_EVER, Ordering::SeqCst);
        if result.is_err() {
            assert_eq!(everything(&store), before, "after {countdown} operations");
            busy(&store, &chain, &state).unwrap();
        }
        let after = everything(&store);
        assert_eq!(after, *expected.get_or_insert_with(|| after.clone()));
        assert_eq!(
            after,
            everything(&FeedStore::open(inner).unwrap()),
            "the same after reopening"
        );
        if result.is_ok() {
            assert!(countdown > 50, "the write was too small to tell");
            return;
        }
    }
}

#[test]
fn a_dropped_batch_never_was() {
    let owner = person(1);
    let store = super::world::open();
    write(&store, |batch| {
        batch
            .adopt_own(&owner.feed, vec![owner.admit.clone()])
            .unwrap();
    });
    let before = store.snapshot().unwrap().arrival();
    let lane = lanes::POSTS;
    let mut batch = store.batch().unwrap();
    batch
        .append(
            &owner.device,
            &owner.feed,
            lane,
            &[post("lost", &["tea"], 1)],
        )
        .unwrap();
    drop(batch);
    assert_eq!(store.snapshot().unwrap().arrival(), before);
    let names = write(&store, |batch| {
        batch
            .append(&owner.device, &owner.feed, lane, &[post("kept", &[], 2)])
            .unwrap()
    });
    assert_eq!(names[0].seq, Seq(0));
    assert_eq!(all_changes(&store, before, 5).len(), 1);
    let tagged = Query {
        tag: Some("tea".to_owned()),
        kind: Some(kind("post/1")),
        ..Query::default()
    };
    assert!(all_pages(&store, &tagged, 5).is_empty());
}

#[test]
fn what_a_backend_lost_is_forgotten_here_too() {
    // A backend may lose relaxed commits to a crash of its own and go on: its rows are then those of before.
    let owner = person(1);
    let inner = memory();
    let store = FeedStore::open(inner.clone()).unwrap();
    write(&store, |batch| {
        batch
            .adopt_own(&owner.feed, vec![owner.admit.clone()])
            .unwrap();
    });
    let kept = rows(&*inner);
    let append = |lane| {
        write(&store, |batch| {
            batch
                .append(&owner.device, &owner.feed, lane, &[post("x", &[], 1)])
                .unwrap()
        })
    };
    append(lanes::REACTIONS);
    restore(&*inner, &kept);
    append(lanes::POSTS);
    let page = store
        .snapshot()
        .unwrap()
        .page(&Query::default(), None, 5, NOW)
        .unwrap();
    assert_eq!(page.len(), 1);
    let again = FeedStore::open(inner).unwrap();
    assert_eq!(everything(&again), everything(&store));
}

fn rows(storage: &dyn Storage) -> Vec<(Vec<u8>, Vec<u8>)> {
    let mut rows = Vec::new();
    let snapshot = storage.read().unwrap();
    snapshot
        .scan(&[], None, Direction::Ascending, &mut |key, value| {
            rows.push((key.to_vec(), value.to_vec()));
            std::ops::ControlFlow::Continue(())
        })
        .unwrap();
    rows
}

fn restore(storage: &dyn Storage, kept: &[(Vec<u8>, Vec<u8>)]) {
    let now = rows(storage);
    let mut tx = storage.write().unwrap();
    for (key, _) in now {
        tx.delete(&key).unwrap();
    }
    for (key, value) in kept {
        tx.put(key, Bytes::copy_from_slice(value)).unwrap();
    }
    tx.commit(Durability::Durable).unwrap();
}
