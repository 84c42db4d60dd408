//! Feeds past their budget, feeds that nobody follows any more, and how little their authors gain by what they sign.

use std::ops::ControlFlow;

use super::super::{FeedStore, Keeping, PageRow, Query, Taken};
use super::world::{
    Chain, NOW, Person, Seen, admit, all_pages, draft, following, hand_over, kind, memory, person,
    pointing, post, shown, timeline, write,
};
use crate::format::limits::LOGS_OF_ADMITTER;
use crate::format::{
    Body, Content as _, DeviceSecret, Follow, LogId, ProfileField, Rel, Seq, Statement, Timestamp,
    encode_content, lanes,
};
use crate::store::Durability;

const DAYS: i64 = 24 * 60 * 60 * 1_000;

fn keep(store: &FeedStore, bytes: u64, entries: u64) {
    store.keep(Keeping {
        bytes,
        entries,
        ..Keeping::default()
    });
}

/// Sweeps until nothing is left to do.
fn sweep(store: &FeedStore, now: Timestamp) -> usize {
    let mut writes = 0;
    while store.next_sweep().unwrap().is_some_and(|due| due <= now) {
        write(store, |batch| batch.sweep(now).unwrap());
        writes += 1;
        assert!(writes < 1_000, "it ends");
    }
    writes
}

fn checked(store: &FeedStore) {
    let report = store.check(&mut |_| ControlFlow::Continue(())).unwrap();
    assert!(report.is_clean(), "{:#?}", report.differences());
}

fn hand_over_all(store: &FeedStore, chain: &Chain) {
    for run in &chain.runs {
        assert_eq!(hand_over(store, run), Taken::Stored);
    }
}

fn held(store: &FeedStore, log: &LogId) -> Vec<(u64, u64)> {
    let replica = store.snapshot().unwrap().replica(&log.feed).unwrap();
    let logs = replica.unwrap().logs;
    let log = logs.iter().find(|held| held.log == *log).unwrap();
    log.held
        .iter()
        .map(|held| (held.start.0, held.end.0))
        .collect()
}

/// Places of a log whose entries can be read.
fn readable(store: &FeedStore, chain: &Chain) -> Vec<u64> {
    let places = (0..chain.len()).map(|seq| (Seq(seq), chain.reference(seq).id));
    let seqs: Vec<_> = places.collect();
    let bodies = store.snapshot().unwrap().bodies(&chain.log, &seqs).unwrap();
    bodies.into_iter().map(|(seq, _)| seq.0).collect()
}

fn another_device(person: &Person, number: u8) -> (DeviceSecret, Statement) {
    let device = DeviceSecret::from_bytes(&[number; 32]);
    let statement = admit(&person.secret, &device);
    (device, statement)
}

fn chain_of(person: &Person, device: &DeviceSecret) -> Chain {
    Chain {
        secret: device.clone(),
        log: LogId {
            feed: person.feed,
            device: device.id(),
            lane: lanes::POSTS,
        },
        runs: Vec::new(),
    }
}

#[test]
fn past_its_budget_a_feed_loses_its_oldest_blocks_and_they_are_not_wanted_again() {
    let friend = person(1);
    let store = following(memory(), &[&friend]);
    let chain = friend.chain(lanes::POSTS).posts(640);
    hand_over_all(&store, &chain);
    keep(&store, u64::MAX, 320);
    assert!(sweep(&store, NOW) > 0);
    // Down to fifteen sixteenths: five blocks go, and one more.
    assert_eq!(readable(&store, &chain), (384..640).collect::<Vec<_>>());
    assert_eq!(
        held(&store, &chain.log),
        [(0, 640)],
        "sync asks for nothing"
    );
    let expected: Vec<u64> = (384..640).rev().collect();
    assert_eq!(shown(&store), expected);
    let last = timeline(&store).pop();
    assert!(matches!(last, Some(Seen::Gap(_, _, 0, 384))), "{last:?}");
    let snapshot = store.snapshot().unwrap();
    let page = snapshot.page(&Query::default(), None, 1_000, NOW).unwrap();
    let says_so = matches!(page.last(), Some(PageRow::Gap { dropped: true, .. }));
    assert!(says_so, "the timeline says why they are not here");
    checked(&store);
    assert_eq!(hand_over(&store, &chain.runs[0]), Taken::AlreadyHeld);
    assert_eq!(sweep(&store, NOW), 0, "it fits");

    let feeds = store.storage(&mut |_| 0).unwrap();
    let of_friend = feeds.iter().find(|of| of.feed() == friend.feed).unwrap();
    assert_eq!(of_friend.entries(), 256);
    assert_eq!(of_friend.dropped_entries(), 384);
    assert_eq!(of_friend.budget(), Some((u64::MAX, 320)));

    let more = chain.clone().posts(10);
    hand_over(&store, more.runs.last().unwrap());
    assert_eq!(readable(&store, &more).last(), Some(&649));
    checked(&store);

    // A larger budget brings back what there is room for.
    keep(&store, u64::MAX, 5_000);
    sweep(&store, NOW);
    assert_eq!(held(&store, &chain.log), [(384, 650)]);
    for run in chain.runs.iter().rev().filter(|run| run.end().0 <= 384) {
        assert_eq!(hand_over(&store, run), Taken::Stored);
    }
    assert_eq!(readable(&store, &more).len(), 650);
    checked(&store);
}

#[test]
fn a_log_of_which_nothing_is_left_is_not_asked_for_again() {
    let friend = person(1);
    let store = following(memory(), &[&friend]);
    let chain = friend.chain(lanes::POSTS).posts(70);
    hand_over_all(&store, &chain);
    keep(&store, 0, 0);
    sweep(&store, NOW);
    assert_eq!(readable(&store, &chain), Vec::<u64>::new());
    let replica = store
        .snapshot()
        .unwrap()
        .replica(&friend.feed)
        .unwrap()
        .unwrap();
    assert_eq!(replica.logs.len(), 1);
    assert_eq!(replica.logs[0].head, (Seq(69), chain.head()));
    checked(&store);
    let more = chain.clone().posts(3);
    assert_eq!(hand_over(&store, more.runs.last().unwrap()), Taken::Stored);
    checked(&store);
    write(&store, |batch| batch.bring_back(&friend.feed).unwrap());
    assert_eq!(held(&store, &chain.log), [(70, 73)]);
}

#[test]
fn made_up_devices_with_any_claims_take_their_room_from_whoever_admitted_them() {
    let friend = person(1);
    for claim in [i64::MIN, 0, i64::MAX] {
        let store = following(memory(), &[&friend]);
        let honest = friend.chain(lanes::POSTS).posts(256);
        hand_over_all(&store, &honest);
        let (thief, statement) = another_device(&friend, 77);
        let mut statements = vec![statement];
        let mut made_up = Vec::new();
        for number in 0..8_u8 {
            let device = DeviceSecret::from_bytes(&[150 + number; 32]);
            let by = &thief;
            let consent = device.consent(&friend.feed);
            let admitted = Statement::admit(friend.feed, by, device.id(), true, "", consent);
            statements.push(admitted.unwrap());
            made_up.push(chain_of(&friend, &device));
        }
        write(&store, |batch| {
            batch.take_statements(&friend.feed, statements).unwrap()
        });
        for chain in &mut made_up {
            let drafts: Vec<_> = (0..128)
                .map(|n| post(&format!("junk {n}"), &[], claim))
                .collect();
            chain.append(&drafts);
            hand_over_all(&store, chain);
        }
        keep(&store, u64::MAX, 640);
        sweep(&store, NOW);
        assert_eq!(readable(&store, &honest).len(), 256, "claims of {claim}");
        let junk: usize = made_up
            .iter()
            .map(|chain| readable(&store, chain).len())
            .sum();
        assert!(junk < 640 - 256 && junk > 200, "{junk}");
        checked(&store);
    }
}

#[test]
fn lane_state_goes_last_and_the_own_feed_never() {
    let friend = person(1);
    let store = following(memory(), &[&friend]);
    let mut state = friend.chain(lanes::STATE);
    let name = ProfileField::Name("Ada".into());
    state.append(&[draft(&name, Vec::new(), &[], 1)]);
    hand_over_all(&store, &state);
    let posts = friend.chain(lanes::POSTS).posts(300);
    hand_over_all(&store, &posts);
    let own = person(200);
    write(&store, |batch| {
        let drafts: Vec<_> = (0..100).map(|n| post("mine", &[], n)).collect();
        batch
            .append(&own.device, &own.feed, lanes::POSTS, &drafts)
            .unwrap();
    });
    keep(&store, u64::MAX, 60);
    sweep(&store, NOW);
    let profile = store.snapshot().unwrap().profile(&friend.feed).unwrap();
    assert_eq!(profile.name(), Some("Ada"));
    assert_eq!(readable(&store, &posts), (256..300).collect::<Vec<_>>());
    let query = Query {
        feed: Some(own.feed),
        ..Query::default()
    };
    assert_eq!(all_pages(&store, &query, 50).len(), 100);
    checked(&store);
}

#[test]
fn what_is_unfollowed_is_freed_after_a_time_and_followed_before_it_is_as_it_was() {
    let friend = person(1);
    let owner = person(200);
    let store = following(memory(), &[&friend]);
    let chain = friend.chain(lanes::POSTS).posts(300);
    hand_over_all(&store, &chain);
    let set = |following: bool, time: i64| {
        let mut batch = store.batch().unwrap().at(Timestamp(time));
        let feed = friend.feed;
        let follow = Follow { feed, following };
        let no = batch.feed_number(&owner.feed).unwrap();
        let body = Body {
            content: encode_content(&follow).unwrap(),
            ..Body::default()
        };
        let before = batch
            .replaced(no, (&lanes::OWN, &kind(Follow::KIND)), &body)
            .unwrap();
        let refs = pointing(Rel::Replaces, before.unwrap());
        let change = draft(&follow, refs, &[], time);
        batch
            .append(&owner.device, &owner.feed, lanes::OWN, &[change])
            .unwrap();
        batch.commit(Durability::Durable).unwrap();
    };
    set(false, 1_000);
    sweep(&store, Timestamp(1_000 + 30 * DAYS - 1));
    assert_eq!(readable(&store, &chain).len(), 300);
    set(true, 2_000);
    sweep(&store, Timestamp(1_000 + 90 * DAYS));
    assert_eq!(shown(&store).len(), 300, "it is there at once");

    set(false, 3_000);
    sweep(&store, Timestamp(3_000 + 30 * DAYS));
    assert_eq!(readable(&store, &chain), Vec::<u64>::new());
    let snapshot = store.snapshot().unwrap();
    assert!(snapshot.statements(&friend.feed).unwrap().is_empty());
    assert!(
        snapshot
            .replica(&friend.feed)
            .unwrap()
            .unwrap()
            .logs
            .is_empty()
    );
    let rows = |letter: u8| {
        let key = super::super::keys::Key::table(letter);
        snapshot
            .rows()
            .collect(&key, |key, _| Ok(key.to_vec()))
            .unwrap()
            .len()
    };
    // What stays is of the own feed.
    for letter in [b'T', b'P', b'N', b'B', b'u'] {
        assert_eq!(rows(letter), 0, "{}", char::from(letter));
    }
    checked(&store);

    set(true, 4_000);
    write(&store, |batch| {
        batch
            .take_statements(&friend.feed, vec![friend.admit.clone()])
            .unwrap()
    });
    hand_over_all(&store, &chain);
    assert_eq!(shown(&store).len(), 300);
    checked(&store);
}

#[test]
fn statements_that_change_the_verdict_are_taken_at_a_pace_and_none_is_lost() {
    let friend = person(1);
    let store = following(memory(), &[&friend]);
    let devices: Vec<_> = (0..31).map(|n| another_device(&friend, 30 + n)).collect();
    let live = || {
        let standing = write(&store, |batch| batch.standing(&friend.feed).unwrap());
        let is_live = |(device, _): &&(DeviceSecret, Statement)| standing.is_live(&device.id());
        devices.iter().filter(is_live).count()
    };
    let take = |at: i64, statement: &Statement| {
        let mut batch = store.batch().unwrap().at(Timestamp(at));
        let items = vec![statement.clone()];
        let taken = batch.take_paced_statements(&friend.feed, items).unwrap();
        batch.commit(Durability::Durable).unwrap();
        taken
    };
    let taken = devices
        .iter()
        .filter(|(_, statement)| take(5_000, statement));
    assert_eq!(taken.count(), 16);
    assert_eq!(live(), 16);
    assert_eq!(store.next_sweep().unwrap(), Some(Timestamp(5_000 + 60_000)));
    sweep(&store, Timestamp(5_000 + 59_999));
    assert_eq!(live(), 16);
    sweep(&store, Timestamp(5_000 + 60_000));
    assert_eq!(live(), 31, "all that waited is one change");
    assert_eq!(store.next_sweep().unwrap(), None);
    assert!(!take(5_000 + 60_000, &devices[30].1), "it is known");
    checked(&store);
}

#[test]
fn the_devices_that_one_device_admitted_have_so_many_logs_and_keep_nobody_else_out() {
    let friend = person(1);
    let store = following(memory(), &[&friend]);
    let (thief, statement) = another_device(&friend, 77);
    let mut statements = vec![statement];
    let mut taken = 0;
    for number in 0..5_u8 {
        let device = DeviceSecret::from_bytes(&[150 + number; 32]);
        let consent = device.consent(&friend.feed);
        let admitted = Statement::admit(friend.feed, &thief, device.id(), false, "", consent);
        statements.push(admitted.unwrap());
        write(&store, |batch| {
            let items = statements.clone();
            batch.take_statements(&friend.feed, items).unwrap()
        });
        for lane in 0..64 {
            let mut chain = chain_of(&friend, &device);
            chain.log.lane = crate::format::Lane::new(&format!("l{lane}")).unwrap();
            taken += usize::from(hand_over(&store, &chain.posts(1).runs[0]) == Taken::Stored);
        }
    }
    assert_eq!(taken, LOGS_OF_ADMITTER);
    let feeds = store.storage(&mut |_| 0).unwrap();
    let of_friend = feeds.iter().find(|of| of.feed() == friend.feed).unwrap();
    assert_eq!(of_friend.passed_over(), 64);
    hand_over_all(&store, &friend.chain(lanes::POSTS).posts(1));
    hand_over_all(&store, &chain_of(&friend, &thief).posts(1));
    checked(&store);
}
