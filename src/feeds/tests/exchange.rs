//! Several stores that each got a part of what was said and hand it on to one another, in any order: in the end they write
//! the same archives: with the same entries, and, unless a device was retired, byte for byte. `TIDINGS_SEED` sets the first history, `TIDINGS_SEEDS` how many there are.

use std::ops::Range;

use bytes::Bytes;

use super::super::{FeedSnapshot, FeedStore};
use super::between::{Piece, World, reader, take};
use super::check::assert_whole;
use super::world::{NOW, Random, memory, write};
use crate::format::{ArchiveWriter, EntryId, EntryRef, FeedId, LogId, PackedRun, Seq, Statement};
use crate::store::Durability;

fn setting(name: &str, otherwise: u64) -> u64 {
    let set = std::env::var(name).ok();
    set.map_or(otherwise, |number| number.parse().expect("a number"))
}

/// What an archive brings: entries that count, and whether with their bodies.
type Content = Vec<(EntryRef, bool)>;

fn archive(world: &World, store: &FeedStore, feed: &FeedId) -> (Content, Vec<u8>) {
    let mut out = ArchiveWriter::new(Vec::new()).unwrap();
    let mut content = Vec::new();
    let snapshot = store.snapshot().unwrap();
    let written = snapshot.archive(feed, false, &mut out, &mut |run, _| {
        let counting = run.entries().filter(|entry| world.counts(entry));
        content.extend(counting.map(|entry| (entry.reference(), entry.body().is_some())));
        Ok(())
    });
    assert!(written.is_ok(), "{:?}", written.err());
    (content, out.finish().unwrap())
}

/// Places and ids of what is held of a block.
fn ids_of(store: &FeedSnapshot, log: &LogId, block: Range<Seq>) -> Vec<(Seq, EntryId)> {
    let runs = store.runs(log, block, false, 0).unwrap().into_iter();
    let runs = runs.map(|run| PackedRun::from_bytes(run).verify(log, None).unwrap());
    let ids = runs.flat_map(|run| {
        let seqs = (run.first().0..run.end().0).map(Seq);
        seqs.map(|seq| (seq, run.id_at(seq).unwrap()))
            .collect::<Vec<_>>()
    });
    ids.collect()
}

/// Hands some or all of what one store holds of a feed to another. Says whether that brought anything.
fn hand_on(from: &FeedStore, to: &FeedStore, feed: &FeedId, some: Option<&mut Random>) -> bool {
    let before = to.snapshot().unwrap().arrival();
    let mut always = Random(0);
    let (random, percent) = match some {
        Some(random) => (random, 50),
        None => (&mut always, 100),
    };
    let snapshot = from.snapshot().unwrap();
    if random.chance(percent) {
        let statements = snapshot.statements(feed).unwrap();
        let decode = |bytes: &Bytes| Statement::decode(bytes).unwrap();
        let statements: Vec<_> = statements.iter().map(decode).collect();
        write(to, |batch| batch.take_statements(feed, statements).unwrap());
    }
    for held in snapshot.replica(feed).unwrap().unwrap().logs {
        let blocks = held.held.iter().flat_map(|part| {
            let starts = std::iter::successors(Some(part.start), |at| Some(at.block_end()));
            let end = part.end;
            starts
                .take_while(move |at| *at < end)
                .map(move |at| at..at.block_end().min(end))
        });
        let mut blocks: Vec<_> = blocks.collect();
        random.shuffle(&mut blocks);
        for block in blocks {
            if !random.chance(percent) {
                continue;
            }
            let most = [0, 300, usize::MAX][random.index(3)];
            let most = if percent == 100 { usize::MAX } else { most };
            for run in snapshot
                .runs(&held.log, block.clone(), false, most)
                .unwrap()
            {
                let packed = PackedRun::from_bytes(run);
                let run = to.snapshot().unwrap().verify(&held.log, &packed).unwrap();
                let mut batch = to.batch().unwrap().at(NOW);
                batch.take_run(&run).unwrap();
                batch.commit(Durability::Durable).unwrap();
            }
            let places = ids_of(&snapshot, &held.log, block);
            for (seq, body) in snapshot.bodies(&held.log, &places).unwrap() {
                let id = places.iter().find(|(place, _)| *place == seq).unwrap().1;
                if random.chance(percent) {
                    let mut batch = to.batch().unwrap().at(NOW);
                    batch.take_body(&held.log, seq, &id, &body).unwrap();
                    batch.commit(Durability::Durable).unwrap();
                }
            }
        }
    }
    to.snapshot().unwrap().arrival() != before
}

/// Everyone hands everything to everyone, until that brings nothing more. Says how many rounds it took.
fn until_settled(stores: &[FeedStore], feeds: &[FeedId]) -> u64 {
    for round in 1.. {
        let mut brought = false;
        for (at, from) in stores.iter().enumerate() {
            for (_, to) in stores.iter().enumerate().filter(|(to, _)| *to != at) {
                for feed in feeds {
                    brought |= hand_on(from, to, feed, None);
                }
            }
        }
        if !brought {
            return round;
        }
        assert!(round < 10, "it goes on for ever");
    }
    0
}

fn history(seed: u64) {
    println!("TIDINGS_SEED={seed}");
    let mut world = World::new(seed);
    for _ in 0..45 {
        world.step();
    }
    let stores = [
        reader(memory(), &world, false),
        reader(memory(), &world, false),
        reader(memory(), &world, true),
    ];
    let feeds = world.feeds();
    let mut random = Random(seed ^ 0xbeef);
    for phase in 0..2 {
        // What devices may say changes once some of it has been handed on.
        if phase == 1 {
            world.judge_devices();
        }
        for piece in world.pieces() {
            let first = random.index(stores.len());
            for (at, store) in stores.iter().enumerate() {
                if at == first || random.chance(20) {
                    write(store, |batch| take(batch, store, &piece));
                }
            }
        }
        for _ in 0..12 {
            let (from, to) = (random.index(stores.len()), random.index(stores.len()));
            let feed = feeds[random.index(feeds.len())];
            if from != to {
                hand_on(&stores[from], &stores[to], &feed, Some(&mut random));
            }
        }
    }
    // What was refused while nobody had admitted its device is said once more, somewhere.
    for piece in world.pieces() {
        if !matches!(piece, Piece::Body(..)) {
            let store = &stores[random.index(stores.len())];
            write(store, |batch| take(batch, store, &piece));
        }
    }
    let rounds = until_settled(&stores, &feeds);
    assert!(rounds <= 4, "{rounds} rounds");
    for feed in &feeds {
        let archives = stores.iter().map(|store| archive(&world, store, feed));
        let archives: Vec<_> = archives.collect();
        assert!(archives[0].1.len() > 100);
        for (content, bytes) in &archives[1..] {
            assert_eq!(*content, archives[0].0, "archives of {feed}");
            // Where a device ended below what it had written, the signature that proves its last entry that counts may
            // stand after it, and which one that is depends on how the entries came.
            assert!(
                *bytes == archives[0].1 || world.has_retired(),
                "bytes of {feed}"
            );
        }
    }
    stores.iter().for_each(assert_whole);
}

/// In it, edits come to count because their device becomes an admin: their tags were not written.
const A_NEW_ADMIN: u64 = 285;

#[test]
fn what_a_new_admin_said_before_is_judged_again() {
    history(A_NEW_ADMIN);
}

#[test]
fn stores_that_hand_on_what_they_have_write_the_same_archives() {
    let first = setting("TIDINGS_SEED", 1);
    for seed in first..first + setting("TIDINGS_SEEDS", 16).min(2_000) {
        history(seed);
    }
}
