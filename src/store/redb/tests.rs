//! Power cut at every change to the disk under a random mix of small and large writes, kills, closings and failures.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::Path;

use bytes::Bytes;

use super::container::BASE;
use super::disk::Disk;
use super::wal::LOG_BYTES;
use super::{RedbOptions, RedbStorage};
use crate::store::{Direction, Durability, Storage as _, StoreError};

type Rows = BTreeMap<Vec<u8>, Vec<u8>>;

/// A sequence of numbers that a seed brings back.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % limit.max(1)
    }
}

/// A store on a disk, and all that it has been through.
struct History {
    disk: Disk,
    random: Random,
    store: Option<RedbStorage>,
    /// The rows after each commit that was tried; the first of none.
    states: Vec<Rows>,
    /// By steps of the disk: from then on at least this state is there.
    promised: Vec<(usize, usize)>,
}

fn open(disk: &Disk) -> Result<RedbStorage, StoreError> {
    // The folder is not there: only the disk of the test is written.
    RedbStorage::open("/no/such/folder/store", RedbOptions::new().on(disk))
}

fn rows(store: &RedbStorage) -> Rows {
    let mut rows = Rows::new();
    let snapshot = store.read().unwrap();
    snapshot
        .scan(b"", None, Direction::Ascending, &mut |key, value| {
            rows.insert(key.to_vec(), value.to_vec());
            ControlFlow::Continue(())
        })
        .unwrap();
    rows
}

impl History {
    fn new(seed: u64) -> Self {
        let disk = Disk::new(Vec::new());
        let store = open(&disk).unwrap();
        let promised = vec![(disk.steps(), 0)];
        Self {
            disk,
            random: Random(seed),
            store: Some(store),
            states: vec![Rows::new()],
            promised,
        }
    }

    fn store(&self) -> &RedbStorage {
        self.store.as_ref().unwrap()
    }

    fn promise(&mut self) {
        self.promised
            .push((self.disk.steps(), self.states.len() - 1));
    }

    /// One write: mostly a few small rows, now and then more than the log holds.
    fn write(&mut self) -> Result<(), StoreError> {
        let durability = match self.random.below(20) {
            0 => Durability::Checkpoint,
            1..7 => Durability::Relaxed,
            _ => Durability::Durable,
        };
        let mut state = self.states.last().unwrap().clone();
        let mut write = self.store.as_ref().unwrap().write()?;
        let (count, most) = match self.random.below(15) {
            0 => (1, 2 * LOG_BYTES as u64),
            1 => (400, 500),
            2 => (0, 1),
            _ => (5, 1_500),
        };
        for _ in 0..self.random.below(count + 1) {
            let key = self.random.below(50).to_be_bytes()[6..].to_vec();
            if self.random.below(5) == 0 {
                write.delete(&key)?;
                state.remove(&key);
            } else {
                let byte = u8::try_from(self.random.below(256)).unwrap();
                let len = usize::try_from(self.random.below(most)).unwrap();
                let value = vec![byte; len];
                write.put(&key, Bytes::from(value.clone()))?;
                state.insert(key, value);
            }
        }
        let committed = write.commit(durability);
        self.states.push(state);
        committed?;
        if durability != Durability::Relaxed {
            self.promise();
        }
        Ok(())
    }

    fn step(&mut self) -> Result<(), StoreError> {
        match self.random.below(40) {
            0 => {
                // In peace: also what was relaxed is kept.
                self.store = None;
                self.promise();
                self.store = Some(open(&self.disk)?);
            }
            1 => {
                let compacted = self.store().compact();
                self.promise_if(compacted)?;
            }
            _ => self.write()?,
        }
        Ok(())
    }

    fn promise_if(&mut self, done: Result<(), StoreError>) -> Result<(), StoreError> {
        done.map(|()| self.promise())
    }

    /// The store is in one of the states that a power cut at this step may leave.
    fn assert_allowed(&self, found: &Rows, steps: usize) {
        let before = self.promised.iter().rev().find(|(at, _)| *at <= steps);
        let least = before.map_or(0, |(_, state)| *state);
        assert!(
            self.states[least..].contains(found),
            "cut at {steps}: none of the states from {least} on"
        );
    }
}

#[test]
fn a_power_cut_leaves_a_state_no_older_than_what_was_promised() {
    let every = std::env::var("TIDINGS_CUTS").is_ok_and(|cuts| cuts == "all");
    for seed in 1..=if every { 20 } else { 3 } {
        let mut history = History::new(seed);
        for _ in 0..120 {
            history.step().unwrap();
            assert_eq!(rows(history.store()), *history.states.last().unwrap());
        }
        let (disk, all) = (history.disk.clone(), history.disk.steps());
        let mut random = Random(seed);
        let cuts: Vec<usize> = match every {
            true => (0..=all).collect(),
            false => (0..150)
                .map(|_| random.below(all as u64 + 1))
                .map(|at| usize::try_from(at).unwrap())
                .collect(),
        };
        for cut in cuts {
            println!("seed {seed}, cut at {cut} of {all}");
            let left = disk.cut(cut, &mut |limit| random.below(limit));
            let disk = Disk::new(left);
            let again = random.below(3) == 0;
            if again {
                disk.fail(random.below(12), u64::MAX);
                drop(open(&disk));
            }
            let left = disk.cut(disk.steps(), &mut |limit| random.below(limit));
            let store = open(&Disk::new(left)).unwrap();
            let found = rows(&store);
            history.assert_allowed(&found, cut);
            // And goes on from there.
            let mut write = store.write().unwrap();
            write.put(b"onward", Bytes::from_static(b"!")).unwrap();
            write.commit(Durability::Durable).unwrap();
            assert_eq!(rows(&store).len(), found.len() + 1);
        }
    }
}

#[test]
fn a_disk_that_fails_for_a_while_costs_only_the_writes_that_met_it() {
    let mut failed = 0;
    for seed in 1..=60 {
        let mut history = History::new(seed);
        for _ in 0..60 {
            if history.disk.is_well() && history.random.below(4) == 0 {
                let (good, bad) = (history.random.below(8), 1 + history.random.below(4));
                history.disk.fail(good, bad);
            }
            if history.write().is_err() {
                failed += 1;
                history.disk.fail(u64::MAX, 0);
                // All of it or nothing; and relaxed commits before it may be gone.
                let found = rows(history.store());
                let least = history.promised.last().map_or(0, |(_, state)| *state);
                assert!(history.states[least..].contains(&found), "seed {seed}");
                history.states.push(found);
            }
        }
        history.disk.fail(u64::MAX, 0);
        let last = rows(history.store());
        history.store = None;
        assert_eq!(rows(&open(&history.disk).unwrap()), last, "seed {seed}");
    }
    assert!(
        failed > 100,
        "only {failed} writes failed: this tests nothing"
    );
}

#[test]
fn what_is_in_the_log_is_not_laid_over_what_redb_kept_since() {
    let disk = Disk::new(Vec::new());
    let store = open(&disk).unwrap();
    let put = |store: &RedbStorage, value: Vec<u8>, durability| {
        let mut write = store.write().unwrap();
        write.put(b"key", value.into()).unwrap();
        write.commit(durability).unwrap();
    };
    put(&store, vec![1; 10], Durability::Durable);
    // Too large for the log, and not to be synced: redb's alone, until it closes.
    put(&store, vec![2; 2 * LOG_BYTES], Durability::Relaxed);
    drop(store);
    let store = open(&disk).unwrap();
    assert_eq!(rows(&store)[&b"key"[..]], vec![2; 2 * LOG_BYTES]);
}

/// A process that is killed leaves what it wrote with the system, which may not have put it on the disk.
#[test]
fn what_was_seen_after_a_kill_outlives_a_power_cut() {
    let mut random = Random(7);
    for seed in 0..40 {
        let disk = Disk::new(Vec::new());
        let store = open(&disk).unwrap();
        for (value, durability) in [(1, Durability::Durable), (2, Durability::Relaxed)] {
            let mut write = store.write().unwrap();
            write.put(b"key", vec![value; 10].into()).unwrap();
            write.commit(durability).unwrap();
        }
        // Killed: it does nothing any more.
        Box::leak(Box::new(store));
        let seen = rows(Box::leak(Box::new(open(&disk).unwrap())));
        assert_eq!(seen[&b"key"[..]], vec![2; 10]);
        let left = disk.cut(disk.steps(), &mut |limit| random.below(limit));
        assert_eq!(rows(&open(&Disk::new(left)).unwrap()), seen, "seed {seed}");
    }
}

#[test]
fn a_file_ends_where_the_last_page_does() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store");
    let store = RedbStorage::open(&path, RedbOptions::new()).unwrap();
    for number in 0..300_u64 {
        let mut write = store.write().unwrap();
        let value = Bytes::from(vec![7; 20_000]);
        write.put(&number.to_be_bytes(), value).unwrap();
        write.commit(Durability::Checkpoint).unwrap();
    }
    drop(store);
    // A value of 20,000 bytes takes 32 KiB in redb, which doubles 8 MiB to 16 on the way.
    let len = std::fs::metadata(&path).unwrap().len();
    assert!(len < BASE + 300 * 36_000, "{len}");
    assert_eq!(rows(&reopen(&path)).len(), 300);
}

fn reopen(path: &Path) -> RedbStorage {
    RedbStorage::open(path, RedbOptions::new()).unwrap()
}
