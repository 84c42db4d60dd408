//! What is seen before it is on disk: lost to a crash it comes again, and nothing that outlives the crash names it.

use std::sync::Arc;

use super::super::{FeedBatch, FeedStore, Taken};
use super::world::{Chain, following, hand_over, memory, person, post, timeline};
use crate::format::{Run, lanes};
use crate::store::{Disk, Durability, RedbOptions, RedbStorage};

/// Stores what comes, to be saved later where that may be; whether it is on disk.
fn soon(store: &FeedStore, act: impl FnOnce(&mut FeedBatch<'_>)) -> bool {
    let mut batch = store.batch().unwrap();
    act(&mut batch);
    batch.commit_soon().unwrap().1
}

fn take(run: Run) -> impl FnOnce(&mut FeedBatch<'_>) {
    move |batch| assert_eq!(batch.take_run(&run).unwrap(), Taken::Stored)
}

fn storage(disk: &Disk) -> Arc<RedbStorage> {
    let options = RedbOptions::new().on(disk);
    Arc::new(RedbStorage::open("/no/such/folder/store", options).unwrap())
}

/// The store as a power cut at this moment leaves it, if nothing but what was synced is kept.
fn cut(disk: &Disk) -> FeedStore {
    let left = disk.cut(disk.steps(), &mut |_| 1);
    FeedStore::open(storage(&Disk::new(left))).unwrap()
}

fn posts_in_parts() -> Chain {
    let chain = person(2).chain(lanes::POSTS);
    (0..3).fold(chain, |chain, _| chain.posts(4))
}

#[test]
fn foreign_entries_that_a_crash_took_come_again_and_no_cursor_names_them() {
    let disk = Disk::new(Vec::new());
    let store = following(storage(&disk), &[&person(2)]);
    let chain = posts_in_parts();
    assert_eq!(hand_over(&store, &chain.part(0, 4)), Taken::Stored);
    let saved = store.saved();
    assert_eq!(saved, store.arrival());
    assert!(!soon(&store, take(chain.part(4, 8))));
    assert_eq!(timeline(&store).len(), 8, "seen at once");
    assert_eq!((store.saved(), store.arrival()), (saved, saved + 4));

    let after = cut(&disk);
    assert_eq!(timeline(&after).len(), 4);
    assert_eq!((after.saved(), after.arrival()), (saved, saved));
    assert_eq!(hand_over(&after, &chain.part(4, 8)), Taken::Stored);
    assert_eq!(timeline(&after), timeline(&store));

    store.save(Durability::Durable).unwrap();
    assert_eq!(store.saved(), store.arrival());
    assert_eq!(timeline(&cut(&disk)).len(), 8);
}

#[test]
fn an_own_entry_takes_what_was_seen_before_it_to_disk_with_it() {
    let disk = Disk::new(Vec::new());
    let owner = person(200);
    let store = following(storage(&disk), &[&person(2)]);
    assert!(!soon(&store, take(posts_in_parts().part(0, 4))));
    let own = [post("own", &[], 9)];
    assert!(soon(&store, |batch| {
        batch
            .append(&owner.device, &owner.feed, lanes::POSTS, &own)
            .unwrap();
    }));
    assert_eq!(store.saved(), store.arrival());
    assert_eq!(timeline(&cut(&disk)).len(), 5);
}

#[test]
fn what_peers_remember_of_this_node_is_on_disk_at_once() {
    let (friend, another) = (person(2), person(3));
    let store = following(memory(), &[&friend]);
    let chain = posts_in_parts();
    assert!(!soon(&store, take(chain.part(8, 12))));
    assert!(soon(&store, take(chain.part(0, 4))), "a hole, in part");
    assert!(soon(&store, |batch| {
        let admit = another.admit.clone();
        batch.take_statements(&another.feed, vec![admit]).unwrap();
    }));
}
