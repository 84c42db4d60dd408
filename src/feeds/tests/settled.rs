//! Forks that a Retire settles: its end picks the branch, whatever was held and in whichever order things came.

use super::super::{FeedStore, Note, Taken};
use super::check::assert_whole;
use super::erased::device;
use super::world::{
    Chain, Person, Random, Seen, all_changes, following, hand_over, memory, noting, person, shown,
    timeline, told, write,
};
use crate::format::{
    DeviceSecret, End, Ends, EntryId, Lane, PackedRun, Run, Seq, Statement, lanes,
};

/// The feed key retires the person's device, whose log ends at a place of the given branch.
fn retire(person: &Person, chain: &Chain, seq: u64) -> Statement {
    let ends = ends(chain, seq);
    Statement::retire(person.feed, &person.secret, person.device.id(), ends, []).unwrap()
}

fn ends(chain: &Chain, seq: u64) -> Ends {
    let id = chain.reference(seq).id;
    Ends::new([(chain.log.lane, End { seq: Seq(seq), id })]).unwrap()
}

fn say(store: &FeedStore, person: &Person, statement: &Statement) -> Vec<Note> {
    let said = vec![statement.clone()];
    let (_, mut notes) = noting(store, |batch| {
        batch.take_statements(&person.feed, said).unwrap()
    });
    notes.extend(recount(store));
    notes
}

/// Does what is pending, each piece in a write of its own.
fn recount(store: &FeedStore) -> Vec<Note> {
    let mut notes = Vec::new();
    for _ in 0..1_000 {
        if !store.snapshot().unwrap().has_recounts().unwrap() {
            return notes;
        }
        notes.extend(noting(store, |batch| batch.recount_some().unwrap()).1);
    }
    panic!("what is pending does not end");
}

fn hand_over_all(store: &FeedStore, chain: &Chain) {
    for run in &chain.runs {
        hand_over(store, run);
    }
}

fn forked(store: &FeedStore, chain: &Chain) -> Option<Seq> {
    let replica = store.snapshot().unwrap().replica(&chain.log.feed);
    let logs = replica.unwrap().unwrap().logs;
    let log = logs.iter().find(|log| log.log == chain.log);
    log.and_then(|log| log.forked)
}

/// The highest place up to `end` that is not held.
fn lacks(store: &FeedStore, chain: &Chain, end: u64) -> Option<u64> {
    let replica = store.snapshot().unwrap().replica(&chain.log.feed);
    let logs = replica.unwrap().unwrap().logs;
    let log = logs.iter().find(|log| log.log == chain.log);
    let held = log.map(|log| log.held.clone()).unwrap_or_default();
    let is_held = |seq: &u64| held.iter().any(|part| part.contains(&Seq(*seq)));
    (0..=end).rev().find(|seq| !is_held(seq))
}

/// Brings what is not held from somebody who has the true branch, as sync asks for it; says how many times.
fn heal(store: &FeedStore, chain: &Chain, end: u64) -> usize {
    for round in 0..100 {
        let Some(seq) = lacks(store, chain, end) else {
            return round;
        };
        let run = chain.part(Seq(seq).block_start().0, chain.signed_after(seq + 1));
        let taken = hand_over(store, &run);
        assert_eq!(taken, Taken::Stored, "{seq} is asked for and not taken");
    }
    panic!("what is asked for does not end");
}

/// What a store shows that never met another branch.
fn expected(friend: &Person, chain: &Chain, end: u64) -> Vec<Seen> {
    let fresh = following(memory(), &[friend]);
    hand_over_all(&fresh, chain);
    say(&fresh, friend, &retire(friend, chain, end));
    assert_whole(&fresh);
    timeline(&fresh)
}

fn state_lane() -> Lane {
    lanes::STATE
}

#[test]
fn the_end_of_a_retire_picks_the_branch_at_any_place_in_any_lane() {
    let friend = person(2);
    // Where the branches part, and the end on the true one.
    let cases = [
        (0, 0),
        (0, 70),
        (1, 40),
        (30, 30),
        (30, 50),
        (63, 100),
        (64, 64),
        (64, 100),
        (65, 191),
        (5, 300),
    ];
    for (at, end) in cases {
        for lane in [lanes::POSTS, state_lane()] {
            for is_known in [false, true] {
                println!("branches part at {at}, the end is {end}, known {is_known}, {lane}");
                let truth = friend.chain(lane).posts(300).singles(5);
                let other = truth.branch(at).posts(10).posts(290);
                let store = following(memory(), &[&friend]);
                hand_over_all(&store, &other);
                if is_known {
                    let run = truth.part(Seq(at).block_start().0, truth.signed_after(at + 1));
                    assert_eq!(hand_over(&store, &run), Taken::Forked);
                    assert_eq!(forked(&store, &truth), Some(Seq(at)));
                }
                let notes = say(&store, &friend, &retire(&friend, &truth, end));
                assert!(
                    notes
                        .iter()
                        .any(|note| matches!(note, Note::Reread { feed } if *feed == friend.feed))
                );
                assert_whole(&store);
                assert_eq!(forked(&store, &truth), None);
                let rounds = heal(&store, &truth, end);
                assert!(rounds <= 6, "{rounds} questions");
                assert_whole(&store);
                assert_eq!(timeline(&store), expected(&friend, &truth, end));
                let settled = ("settled", truth.log, 0);
                let changes = all_changes(&store, 0, 100);
                assert!(changes.iter().map(told).any(|change| change == settled));
            }
        }
    }
}

#[test]
fn a_run_of_another_branch_than_the_settled_one_is_no_fork_and_is_not_taken() {
    let friend = person(2);
    let truth = friend.chain(lanes::POSTS).posts(100);
    let other = truth.branch(40).posts(60);
    let store = following(memory(), &[&friend]);
    hand_over_all(&store, &truth);
    say(&store, &friend, &retire(&friend, &truth, 80));
    for run in [other.part(0, 41), other.part(64, 101)] {
        assert_eq!(hand_over(&store, &run), Taken::OtherBranch);
    }
    assert_eq!(forked(&store, &truth), None);
    let proof = crate::format::ForkProof::new(&truth.part(0, 64), &other.part(0, 41)).unwrap();
    let taken = write(&store, |batch| batch.take_proof(&proof).unwrap());
    assert_eq!(taken, Taken::AlreadyHeld);
    assert_eq!(forked(&store, &truth), None);
    assert_eq!(timeline(&store), expected(&friend, &truth, 80));
    assert_whole(&store);
}

#[test]
fn a_run_that_leans_on_what_is_not_held_is_no_fault() {
    let friend = person(2);
    let chain = friend.chain(lanes::POSTS).posts(40);
    let other = chain.branch(10).posts(29);
    let store = following(memory(), &[&friend]);
    let leaning = PackedRun::from_bytes(chain.part(5, 20).packed().clone());
    let verify = |store: &FeedStore| {
        let verified = store.snapshot().unwrap().verify(&chain.log, &leaning);
        verified.unwrap_err().to_string()
    };
    assert_eq!(
        verify(&store),
        "the run at entry 5 leans on entry 20, which is not held"
    );
    hand_over_all(&store, &other);
    assert!(verify(&store).starts_with("entry 20 does not link"));
    // Verified where the next was held, taken where it is no longer.
    let taken = write(&following(memory(), &[&friend]), |batch| {
        batch.take_run(&chain.part(5, 20)).unwrap()
    });
    assert_eq!(taken, Taken::OtherBranch);
}

/// All orders of three things.
const ORDERS: [[usize; 3]; 6] = [
    [0, 1, 2],
    [0, 2, 1],
    [1, 0, 2],
    [1, 2, 0],
    [2, 0, 1],
    [2, 1, 0],
];

#[test]
fn archives_of_two_branches_and_of_the_retire_end_equal_in_any_order() {
    let friend = person(2);
    for (at, end) in [(0, 130), (20, 40), (64, 64), (70, 150), (5, 200)] {
        let truth = friend.chain(lanes::POSTS).posts(200).singles(3);
        let other = truth.branch(at).posts(200);
        let expected = expected(&friend, &truth, end);
        for order in ORDERS {
            println!("part at {at}, end {end}, order {order:?}");
            let store = following(memory(), &[&friend]);
            for what in order {
                let load = |chain: &Chain| {
                    write(&store, |batch| {
                        for run in &chain.runs {
                            batch.load_run(run).unwrap();
                        }
                    });
                };
                match what {
                    0 => load(&truth),
                    1 => load(&other),
                    _ => drop(say(&store, &friend, &retire(&friend, &truth, end))),
                }
                recount(&store);
                assert_whole(&store);
            }
            assert_eq!(timeline(&store), expected);
            assert_eq!(forked(&store, &truth), None);
        }
    }
}

#[test]
fn of_three_branches_the_true_one_is_held_in_the_end() {
    let friend = person(2);
    let truth = friend.chain(lanes::POSTS).posts(150);
    let (low, high) = (truth.branch(20).posts(200), truth.branch(90).posts(100));
    for (first, second) in [(&low, &high), (&high, &low)] {
        let store = following(memory(), &[&friend]);
        hand_over_all(&store, first);
        hand_over_all(&store, second);
        assert_whole(&store);
        say(&store, &friend, &retire(&friend, &truth, 120));
        assert_whole(&store);
        heal(&store, &truth, 120);
        assert_whole(&store);
        assert_eq!(timeline(&store), expected(&friend, &truth, 120));
    }
}

#[test]
fn the_common_part_is_held_and_shown_until_the_fork_is_settled() {
    let friend = person(2);
    let truth = friend.chain(lanes::POSTS).posts(150);
    let other = truth.branch(100).posts(20);
    let store = following(memory(), &[&friend]);
    hand_over_all(&store, &other);
    hand_over_all(&store, &truth);
    assert_eq!(forked(&store, &truth), Some(Seq(100)));
    assert_eq!(shown(&store).len(), 121);
    let snapshot = store.snapshot().unwrap();
    let served = |range| {
        !snapshot
            .runs(&truth.log, range, false, 1 << 20)
            .unwrap()
            .is_empty()
    };
    assert!(served(Seq(0)..Seq(64)) && served(Seq(64)..Seq(100)));
}

/// A thief's admin device, its Admit, and the feed key's Retire of it.
fn thief(friend: &Person) -> (DeviceSecret, Statement, Statement) {
    let (secret, admit) = device(friend, 66, true);
    let retire = Statement::retire(
        friend.feed,
        &friend.secret,
        secret.id(),
        Ends::new([]).unwrap(),
        [],
    );
    (secret, admit, retire.unwrap())
}

#[test]
fn what_a_thief_settled_wrongly_is_back_once_he_is_retired() {
    let friend = person(2);
    let (secret, admit, end_of_thief) = thief(&friend);
    for (at, end) in [(0, 10), (50, 60), (64, 100), (10, 140)] {
        let truth = friend.chain(lanes::POSTS).posts(150);
        let other = truth.branch(at).posts(160);
        let store = following(memory(), &[&friend]);
        say(&store, &friend, &admit);
        hand_over_all(&store, &truth);
        let before = timeline(&store);
        let by_thief = ends(&other, end);
        let by_thief =
            Statement::retire(friend.feed, &secret, friend.device.id(), by_thief, []).unwrap();
        say(&store, &friend, &by_thief);
        assert_whole(&store);
        assert_ne!(timeline(&store), before);
        // Half of the times his branch is there.
        if end % 20 == 0 {
            heal(&store, &other, end);
            assert_whole(&store);
        }
        say(&store, &friend, &end_of_thief);
        assert_whole(&store);
        assert_eq!(timeline(&store), before, "at {at}, end {end}");
    }
}

/// What is cut has no bodies left where it is held: they are set aside already when its headers go, too.
#[test]
fn what_a_thief_cut_and_then_settled_wrongly_comes_back_with_its_bodies() {
    let friend = person(2);
    let (secret, admit, end_of_thief) = thief(&friend);
    let by_thief =
        |ends| Statement::retire(friend.feed, &secret, friend.device.id(), ends, []).unwrap();
    for (cut, at, end) in [(2, 3, 3), (20, 30, 60), (0, 64, 100), (70, 10, 140)] {
        let truth = friend.chain(lanes::POSTS).posts(150);
        let other = truth.branch(at).posts(160);
        for made_up in 0..8 {
            let store = following(memory(), &[&friend]);
            say(&store, &friend, &admit);
            hand_over_all(&store, &truth);
            let id = EntryId::from_bytes([made_up; 32]);
            let place = End { seq: Seq(cut), id };
            let cuts = Ends::new([(truth.log.lane, place)]).unwrap();
            // Which of the two counts hangs on their ids.
            say(&store, &friend, &by_thief(cuts));
            say(&store, &friend, &by_thief(ends(&other, end)));
            hand_over_all(&store, &other);
            assert_whole(&store);
            say(&store, &friend, &end_of_thief);
            say(&store, &friend, &retire(&friend, &truth, 149));
            assert_whole(&store);
            let shown = timeline(&store);
            assert_eq!(
                shown,
                expected(&friend, &truth, 149),
                "{cut}, {at}, {end}, {made_up}"
            );
        }
    }
}

/// Everything at once: branches at random places, told of in pieces and in any order, Retires by a thief and by the feed
/// key that come and go, and in the end the last word of the feed key.
fn life(seed: u64) {
    println!("seed {seed}");
    let mut random = Random(seed);
    let friend = person(2);
    let (secret, admit, end_of_thief) = thief(&friend);
    let mut truth = friend.chain(lanes::POSTS);
    for _ in 0..3 {
        truth = truth.posts(1 + random.below(90));
    }
    let len = truth.len();
    let mut branches = vec![truth.clone()];
    for _ in 0..2 {
        let of = branches[random.index(branches.len())].clone();
        let branch = of.branch(random.below(of.len().min(len)));
        branches.push(branch.posts(1 + random.below(150)));
    }
    let store = following(memory(), &[&friend]);
    say(&store, &friend, &admit);
    let end = random.below(len);
    let mut statements = vec![end_of_thief, retire(&friend, &truth, end)];
    for branch in &branches {
        let ends = ends(branch, random.below(branch.len()));
        let by_thief = Statement::retire(friend.feed, &secret, friend.device.id(), ends, []);
        statements.push(by_thief.unwrap());
    }
    for step in 0..25 {
        let branch = &branches[random.index(branches.len())];
        if random.chance(10) && statements.len() > 2 {
            let statement = statements.pop().unwrap();
            println!("{step}: {:?}", statement.act());
            say(&store, &friend, &statement);
        } else {
            let run = branch.runs[random.index(branch.runs.len())].clone();
            let run = if random.chance(30) {
                run.headers_only()
            } else {
                run
            };
            let taken = hand_over(&store, &run);
            println!(
                "{step}: {} to {} of {:?}: {taken:?}",
                run.first(),
                run.end(),
                run.last_id()
            );
        }
        assert_whole(&store);
    }
    if random.chance(50) {
        statements.swap(0, 1);
    }
    while let Some(statement) = statements.pop() {
        println!("{:?}", statement.act());
        say(&store, &friend, &statement);
        assert_whole(&store);
    }
    heal(&store, &truth, end);
    let bodies: Vec<Run> = truth.runs.clone();
    for run in &bodies {
        // Bodies of what came as headers.
        hand_over(&store, run);
    }
    assert_whole(&store);
    assert_eq!(timeline(&store), expected(&friend, &truth, end));
}

#[test]
fn random_lives_end_with_the_true_branch() {
    let seeds = std::env::var("TIDINGS_SEEDS").map_or(60, |seeds| seeds.parse().unwrap());
    let first = std::env::var("TIDINGS_SEED").map_or(1, |seed| seed.parse().unwrap());
    for seed in first..first + seeds {
        life(seed);
    }
}
