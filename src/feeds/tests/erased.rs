//! Deletes, their undoing and expiry, one rule at a time; all of them together stand in `between.rs`.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;

use super::super::{Change, FeedStore, Note, Query};
use super::failing::{FOR_EVER, Failing};
use super::world::{
    Chain, NOW, Person, all_changes, body_of, draft, following, hand_over, memory, noting, open,
    person, pointing, post, shown, told, write,
};
use crate::format::{
    Content as _, Delete, DeviceSecret, Draft, EntryRef, FeedId, Lane, Rel, Run, Seq, Statement,
    Timestamp, encode_content, lanes,
};

fn delete(targets: &[EntryRef], time: i64) -> Draft {
    deleting(targets, false, time)
}

pub(super) fn deleting(targets: &[EntryRef], purge: bool, time: i64) -> Draft {
    let refs = targets
        .iter()
        .flat_map(|target| pointing(Rel::Delete, *target));
    draft(&Delete { purge }, refs.collect(), &[], time)
}

/// A friend with posts and a log of state, and a store that follows them.
struct Scene {
    friend: Person,
    posts: Chain,
    state: Chain,
}

fn scene(posts: u64) -> Scene {
    let friend = person(2);
    Scene {
        posts: friend.chain(lanes::POSTS).posts(posts),
        state: friend.chain(lanes::STATE),
        friend,
    }
}

impl Scene {
    fn says(&mut self, draft: Draft) -> Run {
        self.state.append(&[draft]);
        self.state.runs.last().unwrap().clone()
    }
}

/// Whether the body of a place is in what is served.
pub(super) fn serves(store: &FeedStore, chain: &Chain, seq: u64) -> bool {
    let snapshot = store.snapshot().unwrap();
    !snapshot
        .bodies(&chain.log, &[(Seq(seq), chain.reference(seq).id)])
        .unwrap()
        .is_empty()
}

fn missing(store: &FeedStore, feed: &FeedId) -> Vec<Seq> {
    let replica = store.snapshot().unwrap().replica(feed).unwrap().unwrap();
    let logs = replica.logs.into_iter();
    logs.flat_map(|log| log.missing)
        .map(|(seq, _)| seq)
        .collect()
}

/// Another device of a person, admitted with or without rights.
pub(super) fn device(person: &Person, number: u8, admin: bool) -> (DeviceSecret, Statement) {
    let secret = DeviceSecret::from_bytes(&[number; 32]);
    let feed = person.feed;
    let consent = secret.consent(&feed);
    let admit = Statement::admit(feed, &person.secret, secret.id(), admin, "", consent).unwrap();
    (secret, admit)
}

pub(super) fn chain_of(secret: &DeviceSecret, feed: FeedId, lane: Lane) -> Chain {
    let log = crate::format::LogId {
        feed,
        device: secret.id(),
        lane,
    };
    Chain {
        secret: secret.clone(),
        log,
        runs: Vec::new(),
    }
}

#[test]
fn a_delete_counts_whether_it_comes_before_or_after_its_target() {
    for delete_first in [true, false] {
        let mut scene = scene(3);
        let target = scene.posts.reference(1);
        let delete = scene.says(delete(&[target], 9_000));
        let store = following(memory(), &[&scene.friend]);
        let mut runs = vec![scene.posts.runs[0].clone(), delete];
        if delete_first {
            runs.reverse();
        }
        for run in &runs {
            hand_over(&store, run);
        }
        assert_eq!(shown(&store), vec![2, 0], "delete first: {delete_first}");
        assert!(!serves(&store, &scene.posts, 1) && serves(&store, &scene.posts, 2));
        assert_eq!(missing(&store, &scene.friend.feed), vec![]);
        let told: Vec<_> = all_changes(&store, 0, 9).iter().map(told).collect();
        let erased = ("erased", scene.posts.log, 1);
        assert_eq!(told.contains(&erased), !delete_first);
    }
}

#[test]
fn a_body_that_was_missing_is_wanted_no_longer_once_it_is_deleted() {
    let mut scene = scene(3);
    let store = following(memory(), &[&scene.friend]);
    hand_over(&store, &scene.posts.runs[0].headers_only());
    assert_eq!(missing(&store, &scene.friend.feed).len(), 3);
    let run = scene.says(delete(&[scene.posts.reference(1)], 9_000));
    let (_, notes) = noting(&store, |batch| batch.take_run(&run).unwrap());
    let erased =
        |note: &Note| matches!(note, Note::Erased { seq, was_missing: true, .. } if *seq == Seq(1));
    assert!(notes.iter().any(erased));
    assert_eq!(missing(&store, &scene.friend.feed), vec![Seq(0), Seq(2)]);
    hand_over(&store, &scene.posts.runs[0]);
    assert!(!serves(&store, &scene.posts, 1) && serves(&store, &scene.posts, 2));
}

#[test]
fn what_one_write_brings_and_deletes_is_not_handed_on() {
    let mut scene = scene(2);
    let delete = scene.says(delete(&[scene.posts.reference(0)], 9_000));
    let store = following(memory(), &[&scene.friend]);
    let (_, notes) = noting(&store, |batch| {
        batch.take_run(&scene.posts.runs[0]).unwrap();
        batch.take_run(&delete).unwrap();
    });
    let of_posts = notes.iter().find_map(|note| match note {
        Note::Stored { log, run, .. } if *log == scene.posts.log => Some(run.clone()),
        _ => None,
    });
    assert_eq!(of_posts, Some(None));
    assert_eq!(shown(&store), vec![1]);
}

#[test]
fn a_delete_that_does_not_match_in_all_parts_does_nothing() {
    let mut scene = scene(2);
    let target = scene.posts.reference(0);
    let other = scene.posts.reference(1);
    let wrong_id = EntryRef {
        id: other.id,
        ..target
    };
    let mut wrong_lane = target;
    wrong_lane.log.lane = Lane::new("conf.talks").unwrap();
    let mut wrong_feed = target;
    wrong_feed.log.feed = person(3).feed;
    let store = following(memory(), &[&scene.friend, &person(3)]);
    hand_over(&store, &scene.posts.runs[0]);
    let run = scene.says(delete(&[wrong_id, wrong_lane, wrong_feed], 9_000));
    hand_over(&store, &run);
    let mut foreign = person(3).chain(lanes::STATE);
    foreign.append(&[delete(&[target], 9_000)]);
    hand_over(&store, &foreign.runs[0]);
    // In the lane of posts nobody looks for deletes.
    let mut posts = scene.posts.clone();
    posts.append(&[delete(&[target], 9_000)]);
    hand_over(&store, posts.runs.last().unwrap());
    assert!(serves(&store, &scene.posts, 0) && serves(&store, &scene.posts, 1));
}

#[test]
fn another_device_deletes_only_with_rights_which_may_come_later() {
    let scene = scene(2);
    let (phone, plain) = device(&scene.friend, 77, false);
    let (_, admin) = device(&scene.friend, 77, true);
    let store = following(memory(), &[&scene.friend]);
    let state = |statement: &Statement| {
        write(&store, |batch| {
            let feed = scene.friend.feed;
            batch
                .take_statements(&feed, vec![statement.clone()])
                .unwrap()
        })
    };
    state(&plain);
    hand_over(&store, &scene.posts.runs[0]);
    let mut chain = chain_of(&phone, scene.friend.feed, lanes::STATE);
    chain.append(&[delete(&[scene.posts.reference(0)], 9_000)]);
    hand_over(&store, &chain.runs[0]);
    assert_eq!(shown(&store), vec![1, 0]);
    state(&admin);
    assert_eq!(shown(&store), vec![1]);
}

#[test]
fn what_an_undone_delete_took_is_wanted_again() {
    let mut scene = scene(2);
    let target = scene.posts.reference(0);
    let run = scene.says(delete(&[target], 9_000));
    let store = following(memory(), &[&scene.friend]);
    hand_over(&store, &scene.posts.runs[0]);
    hand_over(&store, &run);
    let undo = scene.says(delete(&[scene.state.reference(0)], 9_001));
    hand_over(&store, &undo);
    assert_eq!(shown(&store), vec![1, 0]);
    assert_eq!(missing(&store, &scene.friend.feed), vec![Seq(0)]);
    let body = body_of(&scene.posts, 0);
    write(&store, |batch| {
        let id = scene.posts.reference(0).id;
        batch
            .take_body(&scene.posts.log, Seq(0), &id, &body)
            .unwrap()
    });
    assert!(serves(&store, &scene.posts, 0));
    // An undo is final, and a new delete counts.
    let of_undo = scene.says(delete(&[scene.state.reference(1)], 9_002));
    hand_over(&store, &of_undo);
    assert!(serves(&store, &scene.posts, 0));
    let anew = scene.says(delete(&[target], 9_003));
    hand_over(&store, &anew);
    assert_eq!(shown(&store), vec![1]);
    assert!(!serves(&store, &scene.posts, 0));
}

/// The owner's own store with one post; the batch's clock stands at [`NOW`].
fn own() -> (FeedStore, Person, EntryRef) {
    let (store, owner) = (open(), person(1));
    let name = write(&store, |batch| {
        batch
            .adopt_own(&owner.feed, vec![owner.admit.clone()])
            .unwrap();
        let drafts = [post("mine", &["tea"], 1_000)];
        batch
            .append(&owner.device, &owner.feed, lanes::POSTS, &drafts)
            .unwrap()
    });
    (store, owner, name[0])
}

fn say(store: &FeedStore, owner: &Person, draft: Draft) -> EntryRef {
    let mut batch = store.batch().unwrap().at(NOW);
    let names = batch
        .append(&owner.device, &owner.feed, lanes::STATE, &[draft])
        .unwrap();
    batch.commit(crate::store::Durability::Durable).unwrap();
    names[0]
}

#[test]
fn an_own_deleted_body_is_kept_out_of_sight_and_comes_back() {
    let (store, owner, post) = own();
    let name = say(&store, &owner, delete(&[post], 9_000));
    let bodies = |store: &FeedStore| {
        store
            .snapshot()
            .unwrap()
            .bodies(&post.log, &[(post.seq, post.id)])
    };
    assert!(bodies(&store).unwrap().is_empty() && shown(&store).is_empty());
    say(&store, &owner, delete(&[name], 9_001));
    assert_eq!(bodies(&store).unwrap().len(), 1);
    assert_eq!(shown(&store), vec![0]);
    assert_eq!(missing(&store, &owner.feed), vec![]);
    let changes = all_changes(&store, 0, 9);
    let last = changes.iter().rfind(|c| told(c).1 == post.log);
    assert!(matches!(last.unwrap().change, Change::Body(_)));
}

#[test]
fn a_purge_and_thirty_days_leave_nothing_to_undo() {
    for purged in [true, false] {
        let (store, owner, post) = own();
        let name = say(&store, &owner, delete(&[post], 9_000));
        if purged {
            say(&store, &owner, deleting(&[post], true, 9_001));
        } else {
            let next = store.next_sweep().unwrap().unwrap();
            assert_eq!(next, NOW.plus_millis(30 * 24 * 3_600 * 1_000));
            write(&store, |batch| batch.sweep(next).unwrap());
        }
        assert_eq!(store.next_sweep().unwrap(), None);
        if !purged {
            say(&store, &owner, delete(&[name], 9_002));
            assert_eq!(missing(&store, &owner.feed), vec![post.seq]);
        }
    }
}

#[test]
fn what_expires_goes_with_the_clock_and_is_not_taken_afterwards() {
    let friend = person(2);
    let mut posts = friend.chain(lanes::POSTS);
    posts.append(&[
        post("for a while", &["tea"], 1_000).expiring(Timestamp(NOW.0 + 5)),
        post("for ever", &[], 2_000),
    ]);
    let early = following(memory(), &[&friend]);
    hand_over(&early, &posts.runs[0]);
    assert!(serves(&early, &posts, 0));
    let due = early.next_sweep().unwrap().unwrap();
    assert_eq!(due, Timestamp(NOW.0 + 5));
    assert!(!write(&early, |batch| batch.sweep(due).unwrap()));
    let late = following(memory(), &[&friend]);
    let mut batch = late.batch().unwrap().at(due);
    batch.take_run(&posts.runs[0]).unwrap();
    batch.commit(crate::store::Durability::Durable).unwrap();
    for store in [&early, &late] {
        assert!(!serves(store, &posts, 0) && serves(store, &posts, 1));
        assert_eq!(shown(store), vec![1]);
        assert_eq!(missing(store, &friend.feed), vec![]);
        assert_eq!(store.next_sweep().unwrap(), None);
    }
}

#[test]
fn what_is_over_by_a_clock_that_jumped_is_hidden_and_not_erased() {
    let friend = person(2);
    let mut posts = friend.chain(lanes::POSTS);
    posts.append(&[post("for a while", &["tea"], 1_000).expiring(Timestamp(NOW.0 + 5))]);
    let store = following(memory(), &[&friend]);
    let wrong = Timestamp(NOW.0 + 1_000_000);
    let mut batch = store.batch().unwrap().at(wrong).erasing(NOW, wrong);
    batch.take_run(&posts.runs[0]).unwrap();
    batch.commit(crate::store::Durability::Durable).unwrap();
    let page = |now| {
        let page = store
            .snapshot()
            .unwrap()
            .page(&Query::default(), None, 9, now);
        page.unwrap().len()
    };
    assert_eq!((page(wrong), page(NOW)), (0, 1));
    // A sweep in between, of whoever still has the believed time, takes nothing either.
    let mut batch = store.batch().unwrap().at(wrong).erasing(NOW, wrong);
    assert!(!batch.sweep(NOW).unwrap());
    batch.commit(crate::store::Durability::Durable).unwrap();
    assert_eq!((page(wrong), page(NOW)), (0, 1));
    assert!(serves(&store, &posts, 0));
}

#[test]
fn an_unreadable_purge_flag_deletes_all_the_same() {
    let mut scene = scene(1);
    let refs = pointing(Rel::Delete, scene.posts.reference(0));
    let body = crate::format::Body {
        refs,
        content: Bytes::from_static(&[7]),
        ..crate::format::Body::default()
    };
    let kind = super::world::kind(Delete::KIND);
    let run = scene.says(Draft::new(kind, Timestamp(9), body.encode().unwrap()));
    assert_ne!(encode_content(&Delete::default()).unwrap(), body.content);
    let store = following(memory(), &[&scene.friend]);
    hand_over(&store, &scene.posts.runs[0]);
    hand_over(&store, &run);
    assert!(shown(&store).is_empty());
}

#[test]
fn what_is_private_is_deleted_in_private() {
    let (store, owner, post) = own();
    let private = |draft: Draft| {
        let names = write(&store, |batch| {
            batch
                .append(&owner.device, &owner.feed, lanes::OWN, &[draft])
                .unwrap()
        });
        names[0]
    };
    let note = private(draft(
        &crate::format::Post::default(),
        Vec::new(),
        &[],
        1_000,
    ));
    let held = |name: &EntryRef| {
        let snapshot = store.snapshot().unwrap();
        !snapshot
            .bodies(&name.log, &[(name.seq, name.id)])
            .unwrap()
            .is_empty()
    };
    // Neither is of the lane of the other.
    say(&store, &owner, delete(&[note], 9_000));
    private(delete(&[post], 9_001));
    assert!(held(&note) && held(&post));
    let name = private(delete(&[note], 9_002));
    assert!(!held(&note));
    private(delete(&[name], 9_003));
    assert!(held(&note));
}

#[test]
fn a_retire_that_cuts_a_delete_brings_back_what_it_took() {
    let mut scene = scene(2);
    let run = scene.says(delete(&[scene.posts.reference(0)], 9_000));
    let store = following(memory(), &[&scene.friend]);
    hand_over(&store, &run);
    hand_over(&store, &scene.posts.runs[0]);
    assert_eq!(shown(&store), vec![1]);
    let last = scene.posts.reference(1);
    let end = crate::format::End {
        seq: last.seq,
        id: last.id,
    };
    let ends = crate::format::Ends::new([(lanes::POSTS, end)]).unwrap();
    let Person {
        feed,
        secret,
        device,
        ..
    } = &scene.friend;
    let retire = Statement::retire(*feed, secret, device.id(), ends, []).unwrap();
    write(&store, |batch| {
        batch.take_statements(feed, vec![retire]).unwrap()
    });
    assert_eq!(shown(&store), vec![1, 0]);
    assert_eq!(missing(&store, feed), vec![Seq(0)]);
}

#[test]
fn who_deletes_and_undoes_without_end_costs_a_look_at_the_last_times() {
    let mut scene = scene(1);
    let target = scene.posts.reference(0);
    let drafts: Vec<_> = (0..600).map(|n| delete(&[target], n)).collect();
    scene.state.append(&drafts);
    let undos: Vec<_> = (0..600)
        .map(|n| delete(&[scene.state.reference(n)], 1_000))
        .collect();
    scene.state.append(&undos);
    let orders: [fn(&mut Vec<Run>); 2] = [|_| {}, |runs| runs.reverse()];
    for order in orders {
        let store = following(memory(), &[&scene.friend]);
        let mut runs = scene.state.runs.clone();
        order(&mut runs);
        hand_over(&store, &scene.posts.runs[0]);
        for run in &runs {
            hand_over(&store, run);
        }
        assert_eq!(shown(&store), vec![0]);
        let last = scene.state.clone();
        let mut last = last;
        last.append(&[delete(&[target], 2_000)]);
        hand_over(&store, last.runs.last().unwrap());
        assert!(shown(&store).is_empty());
    }
}

/// Reads of one further delete of 32 entries, as many as fit, that each of so many admins has deleted, with the delete undone.
fn reads_of_a_delete(devices: u8) -> u64 {
    let scene = scene(32);
    let left = Arc::new(AtomicU64::new(FOR_EVER));
    let storage = Failing {
        inner: memory(),
        left: left.clone(),
    };
    let store = following(Arc::new(storage), &[&scene.friend]);
    for run in &scene.posts.runs {
        hand_over(&store, run);
    }
    let targets: Vec<_> = (0..32).map(|seq| scene.posts.reference(seq)).collect();
    for number in 0..devices {
        let (secret, admitted) = device(&scene.friend, 100 + number, true);
        write(&store, |batch| {
            batch
                .take_statements(&scene.friend.feed, vec![admitted])
                .unwrap()
        });
        let mut says = chain_of(&secret, scene.friend.feed, lanes::STATE);
        says.append(&[delete(&targets, 1)]);
        says.append(&[delete(&[says.reference(0)], 2)]);
        for run in &says.runs {
            hand_over(&store, run);
        }
    }
    let mut state = scene.state;
    state.append(&[delete(&targets, 9_000)]);
    let before = left.load(Ordering::SeqCst);
    hand_over(&store, &state.runs[0]);
    assert!(shown(&store).is_empty());
    before - left.load(Ordering::SeqCst)
}

#[test]
fn what_a_delete_costs_does_not_grow_with_the_devices_that_say_something_of_its_targets() {
    let (few, many) = (reads_of_a_delete(17), reads_of_a_delete(28));
    assert!(many <= few + few / 10, "{few} reads, and {many}");
    assert!(many < 10_000, "{many} reads");
}
