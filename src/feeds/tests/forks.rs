//! Two branches of one log: the proof, what is still taken, and what is not.

use super::super::{FeedStore, FeedsError, Taken};
use super::check::assert_whole;
use super::world::{
    Chain, Person, Seen, all_changes, following, hand_over, memory, open, person, post, shown,
    timeline, told, write,
};
use crate::format::{Closing, ForkProof, Lane, Run, Seq, lanes};
use crate::store::MemoryStorage;

fn friend() -> (Person, FeedStore) {
    let friend = person(2);
    let store = following(memory(), &[&friend]);
    (friend, store)
}

/// The proof that a store keeps verifies, names the place, and convinces a store that saw neither branch.
fn assert_proved(store: &FeedStore, friend: &Person, chain: &Chain, at: u64) {
    let bytes = store
        .snapshot()
        .unwrap()
        .proof(&chain.log)
        .unwrap()
        .unwrap();
    let proof = ForkProof::decode(&bytes).unwrap();
    assert_eq!(proof.at(), Seq(at));
    let elsewhere = following(memory(), &[friend]);
    let taken = write(&elsewhere, |batch| batch.take_proof(&proof).unwrap());
    assert_eq!(taken, Taken::Stored);
    let replica = elsewhere
        .snapshot()
        .unwrap()
        .replica(&chain.log.feed)
        .unwrap()
        .unwrap();
    assert_eq!(replica.logs[0].forked, Some(Seq(at)));
    let changes = all_changes(store, 0, 100);
    assert!(
        changes
            .iter()
            .map(told)
            .any(|change| change == ("forked", chain.log, at))
    );
}

#[test]
fn a_branch_inside_what_is_held_is_a_fork() {
    let (friend, store) = friend();
    let chain = friend.chain(lanes::POSTS).posts(20);
    let branch = chain.branch(10).posts(5);
    assert_eq!(hand_over(&store, &chain.part(0, 20)), Taken::Stored);
    assert_eq!(
        hand_over(&store, &branch.part(5, branch.len())),
        Taken::Forked
    );
    assert_proved(&store, &friend, &chain, 10);
    assert_eq!(shown(&store).len(), 20, "what is held stays readable");
}

#[test]
fn a_run_that_does_not_link_to_the_one_before_it_is_a_fork() {
    let (friend, store) = friend();
    let chain = friend.chain(lanes::POSTS).posts(10).posts(60);
    let branch = chain.branch(9).posts(60);
    assert_eq!(hand_over(&store, &chain.part(0, 10)), Taken::Stored);
    let signed = branch.signed_after(11);
    assert_eq!(hand_over(&store, &branch.part(10, signed)), Taken::Forked);
    assert_proved(&store, &friend, &chain, 10);
}

#[test]
fn a_run_that_does_not_link_to_the_block_before_it_is_a_fork() {
    let (friend, store) = friend();
    let chain = friend.chain(lanes::POSTS).posts(100);
    let branch = chain.branch(30).posts(80);
    assert_eq!(hand_over(&store, &chain.part(0, 64)), Taken::Stored);
    let signed = branch.signed_after(65);
    assert_eq!(hand_over(&store, &branch.part(64, signed)), Taken::Forked);
    assert_proved(&store, &friend, &chain, 64);
}

#[test]
fn a_run_that_the_one_after_it_does_not_name_is_a_fork() {
    let (friend, store) = friend();
    let chain = friend.chain(lanes::POSTS).posts(20).posts(10);
    let branch = chain.branch(10).posts(9);
    assert_eq!(hand_over(&store, &chain.part(20, 30)), Taken::Stored);
    assert_eq!(branch.len(), 20);
    assert_eq!(hand_over(&store, &branch.part(15, 20)), Taken::Forked);
    assert_proved(&store, &friend, &chain, 20);
}

#[test]
fn a_block_that_the_next_block_does_not_name_is_a_fork() {
    let (friend, store) = friend();
    let chain = friend.chain(lanes::POSTS).posts(128);
    let branch = chain.branch(10).posts(60);
    assert_eq!(hand_over(&store, &chain.part(64, 128)), Taken::Stored);
    assert_eq!(hand_over(&store, &branch.part(0, 64)), Taken::Forked);
    assert_proved(&store, &friend, &chain, 64);
}

#[test]
fn a_run_that_leans_on_a_held_entry_is_closed_by_what_closes_that() {
    let (friend, store) = friend();
    // The other branch is held at both ends, this one in the middle: 0..10 of ours, 30..40 of theirs.
    let chain = friend.chain(lanes::POSTS).posts(10).posts(30);
    let branch = chain.branch(5).posts(34);
    assert_eq!(hand_over(&store, &chain.part(0, 10)), Taken::Stored);
    assert_eq!(hand_over(&store, &branch.part(30, 40)), Taken::Stored);
    let leaning = branch.part(10, 30);
    assert_eq!(*leaning.closing(), Closing::NextHeld);
    assert_eq!(hand_over(&store, &leaning), Taken::Forked);
    assert_proved(&store, &friend, &chain, 10);
}

#[test]
fn nothing_is_taken_from_the_fork_on_and_everything_below_it() {
    let (friend, store) = friend();
    let chain = friend.chain(lanes::POSTS).posts(200);
    let branch = chain.branch(150).posts(1);
    assert_eq!(hand_over(&store, &chain.part(128, 192)), Taken::Stored);
    assert_eq!(hand_over(&store, &branch.part(128, 152)), Taken::Forked);
    assert_proved(&store, &friend, &chain, 150);
    assert_eq!(hand_over(&store, &chain.part(192, 200)), Taken::Forked);
    assert_eq!(
        hand_over(&store, &chain.part(128, 192)),
        Taken::Forked,
        "held already"
    );
    assert_eq!(hand_over(&store, &chain.part(0, 64)), Taken::Stored);
    assert_eq!(hand_over(&store, &chain.part(64, 128)), Taken::Stored);
    assert_eq!(shown(&store), (0..192).rev().collect::<Vec<_>>());
}

#[test]
fn the_part_of_a_run_below_a_fork_is_taken() {
    let (friend, store) = friend();
    let chain = friend.chain(lanes::POSTS).posts(64);
    let branch = chain.branch(30).posts(33);
    let proof = ForkProof::new(&chain.part(0, 64), &branch.part(0, 64)).unwrap();
    write(&store, |batch| batch.take_proof(&proof).unwrap());
    // Nothing of this block is held, and no signature stands before the fork: headers past it are the proof.
    assert_eq!(hand_over(&store, &branch.part(0, 64)), Taken::Stored);
    assert_eq!(shown(&store), (0..30).rev().collect::<Vec<_>>());
    assert_eq!(hand_over(&store, &chain.part(0, 64)), Taken::Forked);
    let stored: Vec<_> = all_changes(&store, 0, 100).iter().map(told).collect();
    assert!(
        !stored.contains(&("entry", chain.log, 30)),
        "told of an entry that is not shown"
    );
}

#[test]
fn below_a_fork_what_leans_on_the_held_branch_is_taken() {
    let (friend, store) = friend();
    let chain = friend.chain(lanes::POSTS).posts(64);
    let branch = chain.branch(40).posts(1);
    assert_eq!(hand_over(&store, &chain.part(35, 64)), Taken::Stored);
    assert_eq!(hand_over(&store, &branch.part(35, 42)), Taken::Forked);
    assert_proved(&store, &friend, &chain, 40);
    assert_eq!(hand_over(&store, &chain.part(20, 35)), Taken::Stored);
    assert_eq!(hand_over(&store, &chain.part(0, 64)), Taken::Stored);
    assert_eq!(shown(&store), (0..64).rev().collect::<Vec<_>>());
}

#[test]
fn what_was_held_behind_a_fork_is_joined_to_the_branch_it_links_to_and_to_no_other() {
    let (friend, store) = friend();
    let chain = friend.chain(lanes::POSTS).posts(104);
    let branch = chain.branch(40).posts(63);
    assert_eq!(hand_over(&store, &chain.part(64, 104)), Taken::Stored);
    let proof = ForkProof::new(&chain.part(0, 64), &branch.part(0, 64)).unwrap();
    write(&store, |batch| batch.take_proof(&proof).unwrap());
    assert_whole(&store);
    assert_eq!(hand_over(&store, &branch.part(0, 64)), Taken::Forked);
    assert_whole(&store);
    assert_eq!(hand_over(&store, &chain.part(0, 64)), Taken::Stored);
    assert_whole(&store);
    assert!(
        timeline(&store)
            .iter()
            .all(|row| matches!(row, Seen::Entry(..))),
        "nothing is missing any more"
    );
}

#[test]
fn of_two_proofs_the_one_with_the_lower_place_is_kept() {
    let (friend, store) = friend();
    let chain = friend.chain(lanes::POSTS).posts(64);
    let (low, high) = (chain.branch(10), chain.branch(50));
    assert_eq!(hand_over(&store, &chain.part(0, 64)), Taken::Stored);
    assert_eq!(hand_over(&store, &high.part(0, 51)), Taken::Forked);
    assert_proved(&store, &friend, &chain, 50);
    assert_eq!(hand_over(&store, &low.part(0, 11)), Taken::Forked);
    assert_proved(&store, &friend, &chain, 10);
    let late = ForkProof::new(&chain.part(0, 64), &high.part(0, 51)).unwrap();
    let taken = write(&store, |batch| batch.take_proof(&late).unwrap());
    assert_eq!(taken, Taken::AlreadyHeld);
}

#[test]
fn an_own_log_that_is_forked_is_never_appended_to_again() {
    let owner = person(1);
    let store = open();
    let chain = owner.chain(lanes::POSTS).singles(3);
    let branch = chain.branch(1);
    write(&store, |batch| {
        batch
            .adopt_own(&owner.feed, vec![owner.admit.clone()])
            .unwrap();
    });
    assert_eq!(hand_over(&store, &chain.part(0, 3)), Taken::Stored);
    assert_eq!(hand_over(&store, &branch.part(0, 2)), Taken::Forked);
    let mut batch = store.batch().unwrap();
    let refused = batch.append(
        &owner.device,
        &owner.feed,
        lanes::POSTS,
        &[post("more", &[], 9)],
    );
    assert!(matches!(
        refused,
        Err(FeedsError::OwnFork { at: Seq(1), .. })
    ));
    let elsewhere = batch.append(
        &owner.device,
        &owner.feed,
        lanes::STATE,
        &[post("x", &[], 9)],
    );
    assert!(
        elsewhere.is_ok(),
        "another log of the same key; whether it may sign is for the node"
    );
}

#[test]
fn strangers_cannot_fill_tables_with_proofs() {
    let (friend, store) = friend();
    let stranger = person(77);
    let mut log = stranger.chain(lanes::POSTS);
    log.log.feed = friend.feed;
    let chain = log.posts(3);
    let proof = ForkProof::new(&chain.part(0, 3), &chain.branch(1).part(0, 2)).unwrap();
    let taken = write(&store, |batch| batch.take_proof(&proof).unwrap());
    assert_eq!(taken, Taken::NotAdmitted);
    for number in 0..70 {
        let lane = Lane::new(&format!("lane.{number}")).unwrap();
        let chain = friend.chain(lane).posts(2);
        let expected = if number < 64 {
            Taken::Stored
        } else {
            Taken::Refused
        };
        assert_eq!(hand_over(&store, &chain.part(0, 2)), expected);
    }
}

#[test]
fn lanes_whose_names_begin_alike_are_logs_of_their_own() {
    let (friend, store) = friend();
    for name in ["a", "ab", "a.", "abc"] {
        let chain = friend.chain(Lane::new(name).unwrap()).posts(2);
        assert_eq!(hand_over(&store, &chain.part(0, 2)), Taken::Stored);
    }
    assert_eq!(
        store
            .snapshot()
            .unwrap()
            .replica(&friend.feed)
            .unwrap()
            .unwrap()
            .logs
            .len(),
        4
    );
    assert_eq!(
        timeline(&store)
            .iter()
            .filter(|row| matches!(row, Seen::Entry(..)))
            .count(),
        8
    );
}

#[test]
fn a_log_held_in_too_many_pieces_takes_no_more_of_them() {
    let friend = person(2);
    let storage = std::sync::Arc::new(MemoryStorage::new());
    let store = following(storage, &[&friend]);
    let chain = friend.chain(lanes::POSTS).posts(2 * 64 * 1_030);
    let mut refused = 0;
    let runs: Vec<&Run> = chain.runs.iter().step_by(2).collect();
    write(&store, |batch| {
        for run in &runs {
            refused += u32::from(batch.take_run(run).unwrap() == Taken::Refused);
        }
        // What closes a hole is welcome.
        assert_eq!(batch.take_run(&chain.runs[1]).unwrap(), Taken::Stored);
    });
    assert_eq!(refused, 6);
}
