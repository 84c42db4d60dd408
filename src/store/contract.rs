//! What every backend promises, as one suite: [`check`].
//!
//! For those who bring a backend of their own: call it from a test with a function that makes an
//! empty store. It panics with the promise that was broken.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use bytes::Bytes;

use super::{Direction, Durability, ReadTx, Storage, WriteTx};

mod random;

const DIRECTIONS: [Direction; 2] = [Direction::Ascending, Direction::Descending];

type Rows = Vec<(Vec<u8>, Vec<u8>)>;

/// Checks every promise of [`Storage`] on stores made by `make`, each of them empty.
///
/// # Panics
///
/// When a promise is broken; the message says which, and the seed where chance was involved.
pub fn check(mut make: impl FnMut() -> Arc<dyn Storage>) {
    a_new_store_is_empty(&*make());
    rows_come_back_in_order(&*make());
    scans_keep_to_their_bounds(&*make());
    scans_end_when_told(&*make());
    empty_keys_and_values_are_values(&*make());
    a_snapshot_does_not_change(&*make());
    a_dropped_write_leaves_nothing(&*make());
    a_write_reads_its_own_changes(&*make());
    the_last_change_of_a_key_counts(&*make());
    every_durability_is_visible_at_once(&*make());
    large_values_come_back(&*make());
    many_rows_come_back(&*make());
    compacting_loses_nothing(&*make());
    readers_see_whole_commits(&make());
    a_second_write_waits_for_the_first(&make());
    for seed in 1..=8 {
        random::agrees_with_a_map(&*make(), seed);
    }
}

fn a_new_store_is_empty(store: &dyn Storage) {
    let snapshot = store.read().expect("a snapshot");
    assert_eq!(all(&*snapshot), rows([]), "a new store has rows");
    assert_eq!(snapshot.value(b"a").expect("a read"), None);
    assert!(!snapshot.contains(b"").expect("a read"));
}

fn rows_come_back_in_order(store: &dyn Storage) {
    put_all(store, ["b", "", "ab", "a", "a\0", "\u{7f}"]);
    let sorted = rows(["", "a", "a\0", "ab", "b", "\u{7f}"]);
    let snapshot = store.read().expect("a snapshot");
    assert_eq!(all(&*snapshot), sorted, "not in the order of bytes");
    assert_eq!(snapshot.value(b"ab").expect("a read"), Some(b"ab".to_vec()));
    assert_eq!(snapshot.value(b"abc").expect("a read"), None);
}

fn scans_keep_to_their_bounds(store: &dyn Storage) {
    put_all(store, ["a", "b", "ba", "c", "d"]);
    let mut write = store.write().expect("a write");
    let both: [&dyn ReadTx; 2] = [&*store.read().expect("a snapshot"), {
        put(&mut *write, "bb");
        write.delete(b"bb").expect("a deletion");
        &*write
    }];
    for reads in both {
        let range = |from: &str, to| scan(reads, from.as_bytes(), to, Direction::Ascending);
        assert_eq!(range("b", Some(b"d")), rows(["b", "ba", "c"]));
        assert_eq!(range("b\0", Some(b"c")), rows(["ba"]));
        assert_eq!(range("c", None), rows(["c", "d"]));
        assert_eq!(range("", Some(b"a")), rows([]), "the end is not part");
        assert_eq!(range("c", Some(b"c")), rows([]));
        assert_eq!(range("d", Some(b"b")), rows([]), "an end below the start");
        assert_eq!(range("e", None), rows([]));
    }
    let mut prefixed = Rows::new();
    let mut keep = |key: &[u8], value: &[u8]| {
        prefixed.push((key.to_vec(), value.to_vec()));
        ControlFlow::Continue(())
    };
    write
        .scan_prefix(b"b", Direction::Descending, &mut keep)
        .expect("a scan");
    assert_eq!(prefixed, rows(["ba", "b"]));
}

fn scans_end_when_told(store: &dyn Storage) {
    put_all(store, ["a", "c", "e"]);
    let mut write = store.write().expect("a write");
    put(&mut *write, "b");
    put(&mut *write, "f");
    let first = |count: usize, direction| {
        let mut visited = Vec::new();
        let mut visit = |key: &[u8], _: &[u8]| {
            visited.push(key.to_vec());
            if visited.len() == count {
                return ControlFlow::Break(());
            }
            ControlFlow::Continue(())
        };
        write
            .scan(b"", None, direction, &mut visit)
            .expect("a scan");
        visited.concat()
    };
    for (count, up, down) in [(1, "a", "f"), (2, "ab", "fe"), (4, "abce", "fecb")] {
        assert_eq!(first(count, Direction::Ascending), up.as_bytes());
        assert_eq!(first(count, Direction::Descending), down.as_bytes());
    }
}

fn empty_keys_and_values_are_values(store: &dyn Storage) {
    let mut write = store.write().expect("a write");
    write.put(b"", Bytes::new()).expect("a row");
    write.put(b"a", Bytes::new()).expect("a row");
    write.commit(Durability::Durable).expect("a commit");
    store
        .write()
        .expect("a write")
        .commit(Durability::Durable)
        .expect("a commit of nothing");
    let snapshot = store.read().expect("a snapshot");
    assert_eq!(snapshot.value(b"").expect("a read"), Some(Vec::new()));
    assert_eq!(snapshot.value(b"a").expect("a read"), Some(Vec::new()));
    assert_eq!(all(&*snapshot).len(), 2);
}

fn a_snapshot_does_not_change(store: &dyn Storage) {
    put_all(store, ["a", "b"]);
    let before = store.read().expect("a snapshot");
    let mut write = store.write().expect("a write");
    write.delete(b"a").expect("a deletion");
    write.put(b"b", Bytes::from_static(b"new")).expect("a row");
    put(&mut *write, "c");
    let during = store.read().expect("a snapshot");
    assert_eq!(all(&*during), rows(["a", "b"]), "seen before its commit");
    write.commit(Durability::Durable).expect("a commit");
    assert_eq!(all(&*before), rows(["a", "b"]));
    assert_eq!(all(&*during), rows(["a", "b"]));
    let after = store.read().expect("a snapshot");
    let expected = vec![
        (b"b".to_vec(), b"new".to_vec()),
        (b"c".to_vec(), b"c".to_vec()),
    ];
    assert_eq!(all(&*after), expected);
}

fn a_dropped_write_leaves_nothing(store: &dyn Storage) {
    put_all(store, ["a"]);
    let mut write = store.write().expect("a write");
    put(&mut *write, "b");
    write.delete(b"a").expect("a deletion");
    drop(write);
    assert_eq!(all(&*store.read().expect("a snapshot")), rows(["a"]));
    assert_eq!(all(&*store.write().expect("a write")), rows(["a"]));
}

fn a_write_reads_its_own_changes(store: &dyn Storage) {
    put_all(store, ["a", "c", "e"]);
    let mut write = store.write().expect("a write");
    for key in ["0", "b", "c", "f"] {
        put(&mut *write, key);
    }
    write.delete(b"e").expect("a deletion");
    write.delete(b"x").expect("a deletion of what is not there");
    assert_eq!(write.value(b"b").expect("a read"), Some(b"b".to_vec()));
    assert_eq!(write.value(b"a").expect("a read"), Some(b"a".to_vec()));
    assert_eq!(write.value(b"e").expect("a read"), None);
    assert_eq!(all(&*write), rows(["0", "a", "b", "c", "f"]));
}

fn the_last_change_of_a_key_counts(store: &dyn Storage) {
    put_all(store, ["a", "b"]);
    let mut write = store.write().expect("a write");
    for value in ["one", "two"] {
        write
            .put(b"a", Bytes::from_static(value.as_bytes()))
            .expect("a row");
    }
    write.delete(b"b").expect("a deletion");
    put(&mut *write, "b");
    put(&mut *write, "c");
    write.delete(b"c").expect("a deletion");
    write.commit(Durability::Durable).expect("a commit");
    let expected = vec![
        (b"a".to_vec(), b"two".to_vec()),
        (b"b".to_vec(), b"b".to_vec()),
    ];
    assert_eq!(all(&*store.read().expect("a snapshot")), expected);
}

fn every_durability_is_visible_at_once(store: &dyn Storage) {
    let mut expected = Vec::new();
    let steps = [
        ("a", Durability::Relaxed),
        ("b", Durability::Checkpoint),
        ("c", Durability::Relaxed),
        ("d", Durability::Durable),
    ];
    for (key, durability) in steps {
        let mut write = store.write().expect("a write");
        put(&mut *write, key);
        write.commit(durability).expect("a commit");
        expected.push((key.as_bytes().to_vec(), key.as_bytes().to_vec()));
        assert_eq!(
            all(&*store.read().expect("a snapshot")),
            expected,
            "{durability:?}"
        );
    }
}

fn large_values_come_back(store: &dyn Storage) {
    let large: Bytes = (0..4 * 1024 * 1024)
        .map(|at: usize| (at / 7).to_le_bytes()[0])
        .collect();
    let key = vec![7; 4096];
    let mut write = store.write().expect("a write");
    write.put(&key, large.clone()).expect("a row");
    assert_eq!(write.value(&key).expect("a read"), Some(large.to_vec()));
    write.commit(Durability::Durable).expect("a commit");
    let mut same = false;
    let snapshot = store.read().expect("a snapshot");
    let found = snapshot.get(&key, &mut |value| same = value == large);
    assert!(found.expect("a read") && same, "a value of 4 MiB changed");
}

fn many_rows_come_back(store: &dyn Storage) {
    let key = |number: u32| number.wrapping_mul(2_654_435_761).to_be_bytes();
    let mut expected = BTreeMap::new();
    for batch in 0..4 {
        let mut write = store.write().expect("a write");
        for number in batch * 2500_u32..(batch + 1) * 2500 {
            let value = Bytes::copy_from_slice(&number.to_be_bytes());
            expected.insert(key(number).to_vec(), value.to_vec());
            write.put(&key(number), value).expect("a row");
        }
        write.commit(Durability::Relaxed).expect("a commit");
    }
    let snapshot = store.read().expect("a snapshot");
    let mut expected: Rows = expected.into_iter().collect();
    assert!(all(&*snapshot) == expected, "10,000 rows changed");
    expected.reverse();
    let down = scan(&*snapshot, b"", None, Direction::Descending);
    assert!(down == expected, "10,000 rows changed, read downwards");
}

fn compacting_loses_nothing(store: &dyn Storage) {
    many_rows_come_back(store);
    let before = all(&*store.read().expect("a snapshot"));
    store.compact().expect("to compact while nobody reads");
    assert!(
        all(&*store.read().expect("a snapshot")) == before,
        "rows changed"
    );
}

fn readers_see_whole_commits(store: &Arc<dyn Storage>) {
    let done = Arc::new(AtomicBool::new(false));
    let readers = [(); 2].map(|()| {
        let (store, done) = (store.clone(), done.clone());
        std::thread::spawn(move || {
            let mut last = 0;
            while !done.load(Ordering::Acquire) {
                let rows = all(&*store.read().expect("a snapshot"));
                assert_eq!(rows.len() % 3, 0, "part of a commit was seen");
                assert!(rows.len() >= last, "a commit was seen and gone again");
                last = rows.len();
            }
        })
    });
    for number in 0..100_u8 {
        let mut write = store.write().expect("a write");
        for part in 0..3 {
            write.put(&[number, part], Bytes::new()).expect("a row");
        }
        write.commit(Durability::Relaxed).expect("a commit");
    }
    done.store(true, Ordering::Release);
    for reader in readers {
        reader.join().expect("a reader that saw whole commits");
    }
}

fn a_second_write_waits_for_the_first(store: &Arc<dyn Storage>) {
    let mut first = store.write().expect("a write");
    put(&mut *first, "a");
    let (begun, second_begun) = mpsc::channel();
    let second = {
        let store = store.clone();
        std::thread::spawn(move || {
            let mut write = store.write().expect("a write");
            begun.send(()).expect("somebody listening");
            assert!(
                write.contains(b"a").expect("a read"),
                "not on top of the first"
            );
            put(&mut *write, "b");
            write.commit(Durability::Durable).expect("a commit");
        })
    };
    let waited = second_begun.recv_timeout(Duration::from_millis(50));
    assert!(waited.is_err(), "two writes at a time");
    // A reader passes while both wait.
    assert_eq!(all(&*store.read().expect("a snapshot")), rows([]));
    first.commit(Durability::Durable).expect("a commit");
    second.join().expect("the second write");
    assert_eq!(all(&*store.read().expect("a snapshot")), rows(["a", "b"]));
}

fn put(write: &mut (dyn WriteTx + '_), key: &str) {
    let value = Bytes::copy_from_slice(key.as_bytes());
    write.put(key.as_bytes(), value).expect("a row");
}

fn put_all<const N: usize>(store: &dyn Storage, keys: [&str; N]) {
    let mut write = store.write().expect("a write");
    for key in keys {
        put(&mut *write, key);
    }
    write.commit(Durability::Durable).expect("a commit");
}

/// Rows whose values are their keys.
fn rows<const N: usize>(keys: [&str; N]) -> Rows {
    keys.map(|key| (key.as_bytes().to_vec(), key.as_bytes().to_vec()))
        .to_vec()
}

fn all(reads: &(dyn ReadTx + '_)) -> Rows {
    scan(reads, b"", None, Direction::Ascending)
}

fn scan(reads: &(dyn ReadTx + '_), from: &[u8], to: Option<&[u8]>, direction: Direction) -> Rows {
    let mut rows = Rows::new();
    let mut visit = |key: &[u8], value: &[u8]| {
        rows.push((key.to_vec(), value.to_vec()));
        ControlFlow::Continue(())
    };
    reads.scan(from, to, direction, &mut visit).expect("a scan");
    rows
}
