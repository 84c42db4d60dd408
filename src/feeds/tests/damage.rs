//! Files of others, files of newer libraries, and rows that cannot be read.

use std::sync::Arc;

use bytes::Bytes;

use super::super::keys::{self, Key};
use super::super::{FeedStore, FeedsError, Query};
use super::world::{Chain, NOW, Random, following, hand_over, memory, person, post, redb, write};
use crate::format::{ProfileField, Seq, lanes};
use crate::store::{Direction, Durability, Storage};

type Rows = Vec<(Vec<u8>, Vec<u8>)>;

fn rows(storage: &dyn Storage) -> Rows {
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

fn put(storage: &dyn Storage, key: &[u8], value: &[u8]) {
    let mut tx = storage.write().unwrap();
    tx.put(key, Bytes::copy_from_slice(value)).unwrap();
    tx.commit(Durability::Durable).unwrap();
}

#[test]
fn a_store_of_a_newer_library_is_refused_and_left_alone() {
    for (_folder, storage) in [(None, memory()), {
        let (f, s) = redb();
        (Some(f), s)
    }] {
        drop(FeedStore::open(storage.clone()).unwrap());
        put(
            &*storage,
            keys::meta("stamp").as_slice(),
            &9u32.to_be_bytes(),
        );
        let before = rows(&*storage);
        let refused = FeedStore::open(storage.clone());
        assert!(matches!(refused, Err(FeedsError::Newer { found: 9, .. })));
        assert_eq!(rows(&*storage), before);
    }
}

#[test]
fn rows_of_somebody_else_are_refused_and_left_alone() {
    let (_folder, storage) = redb();
    put(&*storage, b"theirs", b"value");
    let before = rows(&*storage);
    assert!(matches!(
        FeedStore::open(storage.clone()),
        Err(FeedsError::NotOurs)
    ));
    assert_eq!(rows(&*storage), before);
}

#[test]
fn a_stamp_that_cannot_be_read_is_damage() {
    let storage = memory();
    drop(FeedStore::open(storage.clone()).unwrap());
    put(&*storage, keys::meta("stamp").as_slice(), b"?");
    assert!(matches!(
        FeedStore::open(storage),
        Err(FeedsError::Damaged { .. })
    ));
}

#[test]
fn lost_counters_are_damage_and_not_a_new_beginning() {
    let storage = memory();
    let store = FeedStore::open(storage.clone()).unwrap();
    let mut tx = storage.write().unwrap();
    tx.delete(keys::counters().as_slice()).unwrap();
    tx.commit(Durability::Durable).unwrap();
    assert!(matches!(store.batch(), Err(FeedsError::Damaged { .. })));
}

/// Uses everything there is, and only wants it not to panic.
fn use_all(store: &FeedStore, more: &Chain) -> usize {
    let (friend, owner) = (person(2), person(200));
    let log = friend.log(lanes::POSTS);
    let mut failed = 0;
    let mut tell = |result: Result<(), FeedsError>| failed += usize::from(result.is_err());
    let Ok(snapshot) = store.snapshot() else {
        return 1;
    };
    tell(snapshot.page(&Query::default(), None, 500, NOW).map(drop));
    tell(snapshot.changes(0, 1_000).map(drop));
    tell(snapshot.replica(&friend.feed).map(drop));
    tell(snapshot.followed(NOW).map(drop));
    tell(snapshot.counts().map(drop));
    tell(snapshot.statement_set(&friend.feed).map(drop));
    for block in 0..3 {
        let range = Seq(block * 64)..Seq(block * 64 + 64);
        tell(snapshot.runs(&log, range, false, usize::MAX).map(drop));
    }
    let Ok(mut batch) = store.batch() else {
        return failed + 1;
    };
    for run in &more.runs {
        tell(batch.take_run(run).map(drop));
    }
    tell(
        batch
            .append(&owner.device, &owner.feed, lanes::OWN, &[post("x", &[], 1)])
            .map(drop),
    );
    tell(batch.commit(Durability::Durable).map(drop));
    failed
}

#[test]
fn damaged_rows_are_reported_and_never_panic() {
    let mut reported = 0;
    let friend = person(2);
    let chain = friend.chain(lanes::POSTS).posts(150);
    let mut state = friend.chain(lanes::STATE);
    let field = ProfileField::Name("Ada".to_owned());
    state.append(&[super::world::draft(&field, Vec::new(), &[], 1)]);
    for seed in 1..=150 {
        let mut random = Random(seed);
        let storage: Arc<dyn Storage> = memory();
        let store = following(storage.clone(), &[&friend]);
        hand_over(&store, &chain.part(64, 128));
        hand_over(&store, &chain.part(0, 64).headers_only());
        hand_over(&store, &state.part(0, 1));
        let all = rows(&*storage);
        // Every table gets its share, however few rows it has.
        let tables: std::collections::BTreeSet<u8> = all.iter().map(|(key, _)| key[0]).collect();
        let tables: Vec<u8> = tables.into_iter().collect();
        let table = tables[random.index(tables.len())];
        let of_table: Vec<_> = all.iter().filter(|(key, _)| key[0] == table).collect();
        let (key, value) = of_table[random.index(of_table.len())];
        let mut value = value.clone();
        let at = if value.is_empty() {
            0
        } else {
            random.index(value.len())
        };
        match random.below(3) {
            0 => value.truncate(at),
            1 if !value.is_empty() => value[at] ^= 1 << random.below(8),
            _ => value.extend([0xff; 3]),
        }
        println!("seed {seed}: table {}", char::from(table));
        put(&*storage, key, &value);
        match FeedStore::open(storage) {
            Ok(store) => reported += usize::from(use_all(&store, &chain) > 0),
            Err(_) => reported += 1,
        }
    }
    assert!(reported > 30, "only {reported} of 150 were noticed");
}

#[test]
fn an_index_row_without_its_entry_is_damage() {
    let friend = person(2);
    let storage = memory();
    let store = following(storage.clone(), &[&friend]);
    let chain = friend.chain(lanes::POSTS).posts(2);
    hand_over(&store, &chain.part(0, 2));
    let segments: Vec<_> = rows(&*storage)
        .into_iter()
        .filter(|(key, _)| key.starts_with(Key::table(b'S').as_slice()))
        .collect();
    let mut tx = storage.write().unwrap();
    for (key, _) in segments {
        tx.delete(&key).unwrap();
    }
    tx.commit(Durability::Durable).unwrap();
    let page = store
        .snapshot()
        .unwrap()
        .page(&Query::default(), None, 5, NOW);
    assert!(matches!(page, Err(FeedsError::Damaged { .. })));
    write(&store, |_| ());
}
