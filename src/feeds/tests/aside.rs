//! What a Retire cuts and what a purge ends: nothing that another device says erases at once.

use super::super::aside::{ASIDE_BYTES, OTHERS_MILLIS, OWN_MILLIS};
use super::super::{FeedStore, Taken};
use super::check::assert_whole;
use super::erased::{chain_of, deleting, device, serves};
use super::world::{
    Chain, NOW, Person, draft, following, hand_over, memory, noting, open, person, pointing, post,
    redb, shown, timeline, write,
};
use crate::format::{
    Delete, Draft, End, Ends, EntryRef, LogId, Rel, Seq, Statement, Timestamp, lanes,
};
use crate::store::Durability;

const DAY: i64 = 24 * 3_600 * 1_000;

/// The owner's own store with some posts, and a thief's admin phone.
struct Scene {
    owner: Person,
    store: FeedStore,
    log: LogId,
    thief: crate::format::DeviceSecret,
    end_of_thief: Statement,
}

fn say(store: &FeedStore, person: &Person, statement: &Statement) {
    let mut batch = store.batch().unwrap().at(NOW);
    batch
        .take_statements(&person.feed, vec![statement.clone()])
        .unwrap();
    batch.commit(Durability::Durable).unwrap();
}

fn scene(posts: u64) -> Scene {
    let (store, owner) = (open(), person(1));
    let (thief, admit) = device(&owner, 66, true);
    let texts: Vec<Draft> = (0..posts)
        .map(|n| {
            post(
                &format!("mine {n}"),
                &["tea"],
                1_000 + i64::try_from(n).unwrap(),
            )
        })
        .collect();
    write(&store, |batch| {
        let statements = vec![owner.admit.clone(), admit];
        batch.adopt_own(&owner.feed, statements).unwrap();
        let lane = lanes::POSTS;
        batch
            .append(&owner.device, &owner.feed, lane, &texts)
            .unwrap();
    });
    let none = Ends::new([]).unwrap();
    let end_of_thief = Statement::retire(owner.feed, &owner.secret, thief.id(), none, []).unwrap();
    Scene {
        log: owner.log(lanes::POSTS),
        owner,
        store,
        thief,
        end_of_thief,
    }
}

impl Scene {
    /// The thief retires the owner's device, without any end.
    fn retired(&self) -> Statement {
        let (feed, device) = (self.owner.feed, self.owner.device.id());
        Statement::retire(feed, &self.thief, device, Ends::new([]).unwrap(), []).unwrap()
    }

    fn append(&self, drafts: &[Draft]) -> Vec<EntryRef> {
        let mut batch = self.store.batch().unwrap().at(NOW);
        let (device, feed) = (&self.owner.device, &self.owner.feed);
        let names = batch.append(device, feed, lanes::STATE, drafts).unwrap();
        batch.commit(Durability::Durable).unwrap();
        names
    }

    fn name(&self, seq: u64) -> EntryRef {
        let snapshot = self.store.snapshot().unwrap();
        let no = snapshot.rows().log_no(&self.log).unwrap().unwrap();
        let entry = snapshot.entry_by_number(no, Seq(seq)).unwrap();
        entry.unwrap().0.reference
    }

    fn chain(&self) -> Chain {
        chain_of(&self.thief, self.owner.feed, lanes::STATE)
    }

    fn serves(&self, seq: u64) -> bool {
        let snapshot = self.store.snapshot().unwrap();
        let log = snapshot.rows().log_no(&self.log).unwrap().unwrap();
        let id = snapshot.rows().id(log, Seq(seq)).unwrap();
        let wanted = id.map(|id| (Seq(seq), id));
        let bodies = snapshot.bodies(&self.log, wanted.as_slice());
        !bodies.unwrap().is_empty()
    }

    fn sweep(&self, at: Timestamp) {
        write(&self.store, |batch| while batch.sweep(at).unwrap() {});
    }
}

#[test]
fn a_thief_with_an_admin_device_erases_nothing() {
    let scene = scene(100);
    scene.append(&[draft(
        &Delete::default(),
        pointing(Rel::Delete, scene.name(7)),
        &[],
        9,
    )]);
    let before = timeline(&scene.store);
    assert_eq!(before.len(), 99);
    say(&scene.store, &scene.owner, &scene.retired());
    assert_eq!(timeline(&scene.store), vec![]);
    assert!(!scene.serves(0), "what is cut is not served");
    assert_whole(&scene.store);
    let own = NOW.plus_millis(OWN_MILLIS - 1);
    scene.sweep(own);
    say(&scene.store, &scene.owner, &scene.end_of_thief);
    assert_eq!(timeline(&scene.store), before);
    assert!(scene.serves(0) && scene.serves(99) && !scene.serves(7));
    assert_whole(&scene.store);
    // The undo of the own delete is as it was.
    let delete = scene.store.snapshot().unwrap();
    let state = scene.owner.log(lanes::STATE);
    let no = delete.rows().log_no(&state).unwrap().unwrap();
    let name = delete.entry_by_number(no, Seq(0)).unwrap().unwrap().0;
    scene.append(&[draft(
        &Delete::default(),
        pointing(Rel::Delete, name.reference),
        &[],
        10,
    )]);
    assert!(scene.serves(7));
    assert_whole(&scene.store);
}

#[test]
fn what_was_cut_is_dropped_after_its_time_and_wanted_again_if_it_counts_then() {
    let friend = person(2);
    let chain = friend.chain(lanes::POSTS).posts(10);
    let (thief, admit) = device(&friend, 66, true);
    let none = || Ends::new([]).unwrap();
    let by_thief = Statement::retire(friend.feed, &thief, friend.device.id(), none(), []).unwrap();
    let end_of_thief =
        Statement::retire(friend.feed, &friend.secret, thief.id(), none(), []).unwrap();
    for (after, is_kept) in [(OTHERS_MILLIS - 1, true), (OTHERS_MILLIS, false)] {
        let store = following(memory(), &[&friend]);
        say(&store, &friend, &admit);
        hand_over(&store, &chain.part(0, 10));
        say(&store, &friend, &by_thief);
        assert_eq!(shown(&store).len(), 0);
        let due = store.next_sweep().unwrap();
        assert_eq!(due, Some(NOW.plus_millis(OTHERS_MILLIS)));
        write(&store, |batch| batch.sweep(NOW.plus_millis(after)).unwrap());
        assert_whole(&store);
        say(&store, &friend, &end_of_thief);
        assert_whole(&store);
        assert_eq!(shown(&store).len(), 10);
        assert_eq!(serves(&store, &chain, 3), is_kept);
    }
}

#[test]
fn what_is_cut_of_others_is_bounded_and_that_of_the_largest_device_goes_first() {
    let friend = person(2);
    let small = friend.chain(lanes::POSTS).posts(10);
    let (other, admit) = device(&friend, 66, false);
    let mut large = chain_of(&other, friend.feed, lanes::POSTS);
    let text = "x".repeat(65_000);
    let drafts: Vec<_> = (0..1_200).map(|n| post(&text, &[], n)).collect();
    large.append(&drafts);
    let store = following(memory(), &[&friend]);
    say(&store, &friend, &admit);
    hand_over(&store, &small.part(0, 10));
    for run in &large.runs {
        hand_over(&store, run);
    }
    let retire = |device| {
        let none = Ends::new([]).unwrap();
        Statement::retire(friend.feed, &friend.secret, device, none, []).unwrap()
    };
    say(&store, &friend, &retire(friend.device.id()));
    say(&store, &friend, &retire(other.id()));
    let snapshot = store.snapshot().unwrap();
    let storage = store.storage(&mut |_| 0).unwrap();
    let of_friend = storage.iter().find(|feed| feed.feed() == friend.feed);
    let aside = of_friend.unwrap().aside_bytes();
    assert!(aside <= ASIDE_BYTES && aside > ASIDE_BYTES / 2, "{aside}");
    assert_eq!(snapshot.aside(&small.log, None, 9).unwrap().len(), 1);
    let left = snapshot.aside(&large.log, None, 99).unwrap();
    let highest = left.iter().map(|run| run.end()).max();
    assert!(left.len() < large.runs.len());
    assert!(highest.is_some());
    assert_whole(&store);
}

#[test]
fn a_long_log_is_cut_and_restored_piece_by_piece_over_restarts() {
    let friend = person(2);
    let chain = friend.chain(lanes::POSTS).posts(7_000);
    let (_folder, storage) = redb();
    let mut store = following(storage.clone(), &[&friend]);
    write(&store, |batch| {
        for run in &chain.runs {
            assert_eq!(batch.take_run(run).unwrap(), Taken::Stored);
        }
    });
    let (thief, admit) = device(&friend, 66, true);
    say(&store, &friend, &admit);
    let none = || Ends::new([]).unwrap();
    let by_thief = Statement::retire(friend.feed, &thief, friend.device.id(), none(), []).unwrap();
    let end_of_thief =
        Statement::retire(friend.feed, &friend.secret, thief.id(), none(), []).unwrap();
    for (statement, end) in [(&by_thief, 0), (&end_of_thief, 7_000)] {
        say(&store, &friend, statement);
        let mut pieces = 1;
        let mut last = shown(&store).len();
        while store.snapshot().unwrap().has_recounts().unwrap() {
            assert_whole(&store);
            drop(store);
            store = FeedStore::open(storage.clone()).unwrap();
            let (_, notes) = noting(&store, |batch| batch.recount_some().unwrap());
            assert!(notes.len() <= 50);
            let now = shown(&store).len();
            assert!(now.abs_diff(last) <= 2_200, "{last} and then {now}");
            (last, pieces) = (now, pieces + 1);
        }
        assert_eq!(last, end);
        assert!(pieces >= 4);
        assert_whole(&store);
    }
    assert!(serves(&store, &chain, 0) && serves(&store, &chain, 6_999));
}

#[test]
fn what_comes_while_a_log_is_restored_is_shown_in_the_end() {
    let scene = scene(5_000);
    say(&scene.store, &scene.owner, &scene.retired());
    let recount = || write(&scene.store, |batch| while batch.recount_some().unwrap() {});
    recount();
    assert_eq!(shown(&scene.store).len(), 0);
    say(&scene.store, &scene.owner, &scene.end_of_thief);
    assert!(scene.store.snapshot().unwrap().has_recounts().unwrap());
    write(&scene.store, |batch| {
        let more = [post("more", &[], 9_000)];
        let (device, feed) = (&scene.owner.device, &scene.owner.feed);
        batch.append(device, feed, lanes::POSTS, &more).unwrap();
    });
    assert_whole(&scene.store);
    recount();
    assert_whole(&scene.store);
    assert_eq!(shown(&scene.store).len(), 5_001);
    assert!(scene.serves(5_000));
}

#[test]
fn a_purge_of_another_device_is_obeyed_after_three_days_if_it_still_counts() {
    for is_retired in [false, true] {
        let scene = scene(3);
        let mut chain = scene.chain();
        chain.append(&[deleting(&[scene.name(1)], true, 9)]);
        let mut batch = scene.store.batch().unwrap().at(NOW);
        batch.take_run(&chain.runs[0]).unwrap();
        batch.commit(Durability::Durable).unwrap();
        assert_eq!(shown(&scene.store), vec![2, 0]);
        assert_whole(&scene.store);
        let next = scene.store.next_sweep().unwrap();
        assert_eq!(next, Some(NOW.plus_millis(3 * DAY)));
        if is_retired {
            say(&scene.store, &scene.owner, &scene.end_of_thief);
            assert_eq!(shown(&scene.store), vec![2, 1, 0]);
            assert!(scene.serves(1), "back without a network");
        } else {
            scene.sweep(NOW.plus_millis(3 * DAY));
            let next = scene.store.next_sweep().unwrap();
            assert_eq!(next, None, "nothing is kept any more");
        }
        assert_whole(&scene.store);
    }
}

#[test]
fn a_purge_that_stops_counting_leaves_the_time_of_the_delete_beside_it() {
    let scene = scene(2);
    let refs = pointing(Rel::Delete, scene.name(0));
    scene.append(&[draft(&Delete::default(), refs, &[], 8)]);
    let mut chain = scene.chain();
    chain.append(&[deleting(&[scene.name(0)], true, 9)]);
    let mut batch = scene.store.batch().unwrap().at(NOW);
    batch.take_run(&chain.runs[0]).unwrap();
    batch.commit(Durability::Durable).unwrap();
    let next = || scene.store.next_sweep().unwrap();
    assert_eq!(next(), Some(NOW.plus_millis(3 * DAY)));
    say(&scene.store, &scene.owner, &scene.end_of_thief);
    assert_eq!(next(), Some(NOW.plus_millis(OWN_MILLIS)));
    assert_whole(&scene.store);
}

#[test]
fn an_end_on_an_entry_that_is_not_held_cuts_by_its_place_and_asks_for_it() {
    let friend = person(2);
    let chain = friend.chain(lanes::POSTS).posts(200);
    let store = following(memory(), &[&friend]);
    for run in &chain.runs {
        hand_over(&store, run);
    }
    let id = crate::format::EntryId::from_bytes([9; 32]);
    let ends = Ends::new([(lanes::POSTS, End { seq: Seq(150), id })]).unwrap();
    let retire =
        Statement::retire(friend.feed, &friend.secret, friend.device.id(), ends, []).unwrap();
    say(&store, &friend, &retire);
    assert_eq!(shown(&store), (0..151).rev().collect::<Vec<_>>());
    let replica = store.snapshot().unwrap().replica(&friend.feed);
    let told = replica.unwrap().unwrap().logs[0].held.clone();
    assert_eq!(told, vec![Seq(0)..Seq(150)], "the end's entry is asked for");
    assert_whole(&store);
}
