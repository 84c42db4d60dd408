//! Devices that are not admitted yet, that are retired, and whose end moves.

use bytes::Bytes;

use super::super::{FeedBatch, FeedStore, FeedsError, Query, Scope, Taken};
use super::world::{
    Chain, Person, Seen, admit, all_changes, all_pages, draft, following, hand_over, kind, memory,
    person, pointing, post, shown, timeline, told, write,
};
use crate::format::{
    DeviceSecret, End, Ends, Lane, ProfileField, Reaction, Rel, Seq, Statement, lanes, limits,
};

/// The feed key retires the person's device; nothing named means that nothing counts.
fn retire(person: &Person, ends: &[(Lane, &Chain, u64)]) -> Statement {
    let ends = ends.iter().map(|(lane, chain, seq)| {
        let id = chain.reference(*seq).id;
        (*lane, End { seq: Seq(*seq), id })
    });
    let ends = Ends::new(ends).unwrap();
    Statement::retire(person.feed, &person.secret, person.device.id(), ends, []).unwrap()
}

/// The device retires itself: of several such the higher end counts.
fn retire_itself(person: &Person, chain: &Chain, seq: u64) -> Statement {
    let id = chain.reference(seq).id;
    let ends = Ends::new([(lanes::POSTS, End { seq: Seq(seq), id })]).unwrap();
    Statement::retire(person.feed, &person.device, person.device.id(), ends, []).unwrap()
}

fn say(store: &FeedStore, person: &Person, statement: Statement) {
    let changed = write(store, |batch| {
        batch
            .take_statements(&person.feed, vec![statement])
            .unwrap()
    });
    assert!(changed);
}

fn tagged(chain: Chain, count: u64) -> Chain {
    let mut chain = chain;
    let first = chain.len();
    let time = |n: u64| 1_000 * i64::try_from(n).unwrap();
    let drafts: Vec<_> = (first..first + count)
        .map(|n| post("text", &["tea"], time(n)))
        .collect();
    chain.append(&drafts);
    chain
}

fn by_tag(store: &FeedStore) -> usize {
    let query = Query {
        tag: Some("tea".to_owned()),
        ..Query::default()
    };
    all_pages(store, &query, 50).len()
}

#[test]
fn a_device_that_is_not_admitted_is_turned_away_until_it_is() {
    let friend = person(2);
    let store = following(memory(), &[]);
    let other = DeviceSecret::from_bytes(&[99; 32]);
    write(&store, |batch| {
        super::world::follow(batch, &person(200), &friend.feed, true, 1);
    });
    let mut chain = friend.chain(lanes::POSTS);
    chain.secret = other.clone();
    chain.log.device = other.id();
    let chain = chain.posts(3);
    assert_eq!(hand_over(&store, &chain.part(0, 3)), Taken::NotAdmitted);
    say(&store, &friend, admit(&friend.secret, &other));
    assert_eq!(hand_over(&store, &chain.part(0, 3)), Taken::Stored);
    assert_eq!(shown(&store), vec![2, 1, 0]);
}

#[test]
fn what_lies_past_an_end_vanishes_everywhere_and_stays_provable() {
    let friend = person(2);
    let store = following(memory(), &[&friend]);
    let chain = tagged(friend.chain(lanes::POSTS), 100);
    assert_eq!(hand_over(&store, &chain.part(0, 64)), Taken::Stored);
    assert_eq!(hand_over(&store, &chain.part(64, 100)), Taken::Stored);
    let before = store.snapshot().unwrap().arrival();
    say(
        &store,
        &friend,
        retire(&friend, &[(lanes::POSTS, &chain, 69)]),
    );
    assert_eq!(shown(&store), (0..70).rev().collect::<Vec<_>>());
    assert_eq!(by_tag(&store), 70);
    let posts = Query {
        scope: Scope::Kind,
        kind: Some(kind("post/1")),
        ..Query::default()
    };
    assert_eq!(all_pages(&store, &posts, 50).len(), 70);
    let gone: Vec<_> = all_changes(&store, before, 10).iter().map(told).collect();
    let expected: Vec<_> = (70..100).map(|seq| ("gone", chain.log, seq)).collect();
    assert_eq!(gone, expected);
    let snapshot = store.snapshot().unwrap();
    let runs = snapshot
        .runs(&chain.log, Seq(64)..Seq(70), false, usize::MAX)
        .unwrap();
    let run = crate::format::PackedRun::from_bytes(runs[0].clone());
    let run = run.verify(&chain.log, None).unwrap();
    assert_eq!(
        run.end(),
        Seq(100),
        "headers up to the signature are its proof"
    );
    assert!(run.items()[..6].iter().all(|item| item.body().is_some()));
    assert!(run.items()[6..].iter().all(|item| item.body().is_none()));
    assert!(
        snapshot
            .bodies(&chain.log, &[(Seq(80), chain.reference(80).id)])
            .unwrap()
            .is_empty()
    );
}

#[test]
fn a_better_end_brings_entries_back_with_the_bodies_that_were_set_aside() {
    let friend = person(2);
    let store = following(memory(), &[&friend]);
    let chain = tagged(friend.chain(lanes::POSTS), 100);
    assert_eq!(hand_over(&store, &chain.part(0, 64)), Taken::Stored);
    assert_eq!(hand_over(&store, &chain.part(64, 100)), Taken::Stored);
    say(&store, &friend, retire_itself(&friend, &chain, 39));
    assert_eq!(shown(&store).len(), 40);
    let before = store.snapshot().unwrap().arrival();
    say(&store, &friend, retire_itself(&friend, &chain, 79));
    assert_eq!(shown(&store), (0..80).rev().collect::<Vec<_>>());
    assert_eq!(by_tag(&store), 80, "tags are in the bodies");
    let back: Vec<_> = all_changes(&store, before, 7).iter().map(told).collect();
    let expected: Vec<_> = (40..80).map(|seq| ("entry", chain.log, seq)).collect();
    assert_eq!(back, expected);
    let snapshot = store.snapshot().unwrap();
    let replica = snapshot.replica(&friend.feed).unwrap().unwrap();
    assert_eq!(replica.logs[0].missing, vec![], "nothing is asked for");
    let left: Vec<_> = snapshot.aside(&chain.log, None, 9).unwrap();
    let left: Vec<_> = left.iter().map(|run| (run.first(), run.end())).collect();
    assert_eq!(left, vec![(Seq(64), Seq(100))], "bodies past the end");
    super::check::assert_whole(&store);
}

#[test]
fn of_a_run_that_straddles_an_end_only_headers_are_kept_past_it() {
    let friend = person(2);
    let store = following(memory(), &[&friend]);
    let chain = tagged(friend.chain(lanes::POSTS), 130);
    say(
        &store,
        &friend,
        retire(&friend, &[(lanes::POSTS, &chain, 69)]),
    );
    assert_eq!(
        hand_over(&store, &chain.part(128, 130)),
        Taken::NotCounting { from: Seq(70) }
    );
    assert_eq!(hand_over(&store, &chain.part(64, 128)), Taken::Stored);
    assert_eq!(shown(&store), (64..70).rev().collect::<Vec<_>>());
    assert_eq!(by_tag(&store), 6);
    let told: Vec<_> = all_changes(&store, 0, 100).iter().map(told).collect();
    assert_eq!(
        told.iter().filter(|change| change.1 == chain.log).count(),
        6
    );
    assert!(
        store
            .snapshot()
            .unwrap()
            .bodies(&chain.log, &[(Seq(70), chain.reference(70).id)])
            .unwrap()
            .is_empty()
    );
    say(
        &store,
        &friend,
        admit(&friend.secret, &DeviceSecret::from_bytes(&[98; 32])),
    );
    assert_eq!(
        by_tag(&store),
        6,
        "a statement about another device changes nothing"
    );
}

#[test]
fn gaps_past_an_end_are_none() {
    let friend = person(2);
    let chain = tagged(friend.chain(lanes::POSTS), 64 * 4);
    let gaps = |store: &FeedStore| -> Vec<_> {
        let rows = timeline(store).into_iter();
        rows.filter(|row| matches!(row, Seen::Gap(..))).collect()
    };
    // The same data, the end learnt first or last.
    let late = following(memory(), &[&friend]);
    for run in [&chain.runs[3], &chain.runs[1]] {
        assert_eq!(hand_over(&late, run), Taken::Stored);
    }
    assert_eq!(gaps(&late).len(), 2);
    say(
        &late,
        &friend,
        retire(&friend, &[(lanes::POSTS, &chain, 100)]),
    );
    let early = following(memory(), &[&friend]);
    say(
        &early,
        &friend,
        retire(&friend, &[(lanes::POSTS, &chain, 100)]),
    );
    assert_eq!(
        hand_over(&early, &chain.runs[3]),
        Taken::NotCounting { from: Seq(101) }
    );
    assert_eq!(hand_over(&early, &chain.runs[1]), Taken::Stored);
    assert_eq!(timeline(&late), timeline(&early));
    assert_eq!(gaps(&late).len(), 1);
}

#[test]
fn state_of_a_retired_device_is_merged_again_without_it() {
    let friend = person(2);
    let store = following(memory(), &[&friend]);
    let mut chain = friend.chain(lanes::STATE);
    for (time, name) in [(1, "Ada"), (2, "Thief")] {
        chain.append(&[draft(
            &ProfileField::Name(name.to_owned()),
            Vec::new(),
            &[],
            time,
        )]);
        chain.append(&[draft(
            &ProfileField::TagAdded(name.to_owned()),
            Vec::new(),
            &[],
            time,
        )]);
    }
    assert_eq!(hand_over(&store, &chain.part(0, 4)), Taken::Stored);
    let profile = |store: &FeedStore| store.snapshot().unwrap().profile(&friend.feed).unwrap();
    assert_eq!(profile(&store).name(), Some("Thief"));
    say(
        &store,
        &friend,
        retire(&friend, &[(lanes::STATE, &chain, 1)]),
    );
    assert_eq!(profile(&store).name(), Some("Ada"));
    assert_eq!(profile(&store).tags().collect::<Vec<_>>(), vec!["Ada"]);
}

#[test]
fn what_points_at_an_entry_goes_with_its_device() {
    let friend = person(2);
    let store = following(memory(), &[&friend]);
    let target = person(3).chain(lanes::POSTS).posts(1).reference(0);
    let mut chain = friend.chain(lanes::REACTIONS);
    let emoji = "+1".to_owned();
    chain.append(&[draft(
        &Reaction { emoji },
        pointing(Rel::Reaction, target),
        &[],
        5,
    )]);
    assert_eq!(hand_over(&store, &chain.part(0, 1)), Taken::Stored);
    let query = Query {
        scope: Scope::Target(target.id, Rel::Reaction),
        ..Query::default()
    };
    assert_eq!(all_pages(&store, &query, 5).len(), 1);
    say(&store, &friend, retire(&friend, &[]));
    assert_eq!(all_pages(&store, &query, 5).len(), 0);
}

#[test]
fn a_retired_device_cannot_append() {
    let owner = person(1);
    let store = super::world::open();
    write(&store, |batch| {
        batch
            .adopt_own(&owner.feed, vec![owner.admit.clone()])
            .unwrap();
    });
    say(&store, &owner, retire(&owner, &[]));
    let mut batch = store.batch().unwrap();
    let refused = batch.append(
        &owner.device,
        &owner.feed,
        lanes::POSTS,
        &[post("x", &[], 1)],
    );
    assert!(matches!(refused, Err(FeedsError::NotAdmitted { .. })));
}

#[test]
fn an_own_feed_keeps_the_same_statements_as_a_followed_one() {
    let owner = person(2);
    let many: Vec<_> = (0..80u8)
        .map(|n| {
            let mut bytes = [77; 32];
            bytes[0] = n;
            admit(&owner.secret, &DeviceSecret::from_bytes(&bytes))
        })
        .collect();
    let kept = |is_own: bool| {
        let store = following(memory(), &[&owner]);
        write(&store, |batch| {
            if is_own {
                batch.adopt_own(&owner.feed, Vec::new()).unwrap();
            }
            batch.take_statements(&owner.feed, many.clone()).unwrap()
        });
        let snapshot = store.snapshot().unwrap();
        snapshot.statement_set(&owner.feed).unwrap()
    };
    assert_eq!(kept(true).len(), limits::FEED_KEY_ADMITS);
    assert_eq!(kept(true), kept(false));
}

#[test]
fn statements_are_handed_on_those_first_that_decide() {
    let owner = person(2);
    let (second, third) = (
        DeviceSecret::from_bytes(&[81; 32]),
        DeviceSecret::from_bytes(&[82; 32]),
    );
    let by_second = Statement::admit(
        owner.feed,
        &second,
        third.id(),
        true,
        "",
        third.consent(&owner.feed),
    )
    .unwrap();
    let last_word = retire(&owner, &[]);
    let all = vec![
        by_second.clone(),
        admit(&owner.secret, &second),
        last_word.clone(),
    ];
    let store = following(memory(), &[&owner]);
    write(&store, |batch| {
        batch.take_statements(&owner.feed, all).unwrap()
    });
    let handed_on = store.snapshot().unwrap().statements(&owner.feed).unwrap();
    let handed_on: Vec<Statement> = handed_on
        .iter()
        .map(|bytes| Statement::decode(bytes).unwrap())
        .collect();
    assert_eq!(handed_on.first(), Some(&last_word));
    assert_eq!(handed_on.last(), Some(&by_second));
}

#[test]
fn of_statements_that_come_again_only_new_ones_are_verified_and_a_forged_one_is_refused() {
    let owner = person(2);
    let by_owner = |n: u8| admit(&owner.secret, &DeviceSecret::from_bytes(&[n; 32]));
    let (held, new) = (by_owner(91), by_owner(92));
    let store = following(memory(), &[&owner]);
    let say_all = |bytes: &[Vec<u8>]| {
        let items: Vec<Bytes> = bytes.iter().cloned().map(Bytes::from).collect();
        let snapshot = store.snapshot().unwrap();
        snapshot.verify_statements(&owner.feed, &items)
    };
    let both = [held.encode(), new.encode()];
    assert_eq!(say_all(&both).unwrap(), [held.clone(), new.clone()]);
    say(&store, &owner, held.clone());
    assert_eq!(say_all(&both).unwrap(), [new]);
    let mut forged = held.encode();
    *forged.last_mut().unwrap() ^= 1;
    assert!(
        say_all(&[forged]).is_err(),
        "the same id, another signature"
    );
    let foreign = person(3);
    let foreign = admit(&foreign.secret, &foreign.device);
    assert!(say_all(&[foreign.encode()]).is_err(), "of another feed");
}

#[test]
fn where_the_feed_key_is_full_a_retire_makes_room_and_an_admit_alone_has_none() {
    let owner = person(2);
    let by_owner = |n: u8| admit(&owner.secret, &DeviceSecret::from_bytes(&[n; 32]));
    let count = u8::try_from(limits::FEED_KEY_ADMITS).unwrap();
    let store = following(memory(), &[&owner]);
    let last_word = retire(&owner, &[]);
    write(&store, |batch| {
        // The owner's own device is one of them.
        let all = (201..200 + count).map(by_owner);
        let all = all.chain([owner.admit.clone()]).collect();
        batch.take_statements(&owner.feed, all).unwrap();
        let more = by_owner(250);
        let has_room = |batch: &mut FeedBatch<'_>, said: &[Statement]| {
            batch.has_room(&owner.feed, said).unwrap()
        };
        assert!(!has_room(batch, std::slice::from_ref(&more)));
        assert!(has_room(batch, &[more, last_word]));
        assert!(
            has_room(batch, std::slice::from_ref(&owner.admit)),
            "it is held"
        );
    });
}
