//! What is shown of odd entries: unreadable, without a body, ahead of the clock.

use bytes::Bytes;

use super::super::{PageRow, Query, Taken};
use super::world::{
    NOW, all_pages, following, hand_over, kind, memory, open, person, post, shown, timeline, write,
};
use crate::format::limits::{FUTURE_MILLIS, TAGS};
use crate::format::{Body, Draft, PackedRun, Seq, Timestamp, lanes};

#[test]
fn a_body_that_is_no_envelope_is_shown_as_unreadable_and_indexed_nowhere() {
    let friend = person(2);
    let store = following(memory(), &[&friend]);
    let mut chain = friend.chain(lanes::POSTS);
    let too_many = Body {
        tags: vec!["tea".to_owned(); TAGS + 1],
        ..Body::default()
    };
    let too_many: Bytes = crate::format::encode(&too_many).into();
    let bodies = [
        Bytes::from_static(b"\xff\xffnot an envelope"),
        Bytes::new(),
        too_many,
    ];
    let drafts: Vec<_> = bodies
        .iter()
        .map(|body| Draft::new(kind("post/1"), Timestamp(5), body.clone()))
        .collect();
    chain.append(&drafts);
    assert_eq!(hand_over(&store, &chain.part(0, 3)), Taken::Stored);
    let page = store
        .snapshot()
        .unwrap()
        .page(&Query::default(), None, 10, NOW)
        .unwrap();
    let unreadable = |row: &PageRow| matches!(row, PageRow::Entry { entry, body: None, .. } if entry.body.is_some());
    assert_eq!(page.iter().filter(|row| unreadable(row)).count(), 3);
    let tagged = Query {
        tag: Some("tea".to_owned()),
        ..Query::default()
    };
    assert!(all_pages(&store, &tagged, 5).is_empty());
    let runs = store.snapshot().unwrap();
    let runs = runs
        .runs(&chain.log, Seq(0)..Seq(3), false, usize::MAX)
        .unwrap();
    assert_eq!(runs[0], *chain.part(0, 3).packed(), "passed on as it came");
}

#[test]
fn what_claims_to_be_ahead_of_the_clock_is_shown_when_due() {
    let friend = person(2);
    let store = following(memory(), &[&friend]);
    let mut chain = friend.chain(lanes::POSTS);
    let due = NOW.plus_millis(FUTURE_MILLIS);
    let times = [
        NOW,
        due,
        due.plus_millis(1),
        Timestamp(i64::MAX),
        Timestamp(i64::MIN),
    ];
    let drafts: Vec<_> = times.iter().map(|time| post("text", &[], time.0)).collect();
    chain.append(&drafts);
    assert_eq!(hand_over(&store, &chain.part(0, 5)), Taken::Stored);
    assert_eq!(shown(&store), vec![1, 0, 4]);
    let later = store.snapshot().unwrap();
    let later = later
        .page(&Query::default(), None, 10, NOW.plus_millis(1))
        .unwrap();
    assert_eq!(later.len(), 4);
    let never = store.snapshot().unwrap();
    let never = never
        .page(&Query::default(), None, 10, Timestamp(i64::MAX))
        .unwrap();
    assert_eq!(
        never.len(),
        4,
        "the end of time never comes, and nothing overflows"
    );
}

#[test]
fn a_page_of_nothing_is_empty() {
    let friend = person(2);
    let store = following(memory(), &[&friend]);
    let chain = friend.chain(lanes::POSTS).posts(3);
    hand_over(&store, &chain.part(0, 3));
    let snapshot = store.snapshot().unwrap();
    assert!(
        snapshot
            .page(&Query::default(), None, 0, NOW)
            .unwrap()
            .is_empty()
    );
    let unknown = Query {
        kind: Some(kind("never.met/1")),
        ..Query::default()
    };
    assert!(snapshot.page(&unknown, None, 5, NOW).unwrap().is_empty());
}

#[test]
fn bodies_that_do_not_fit_go_by_their_hash() {
    let friend = person(2);
    let store = following(memory(), &[&friend]);
    let mut chain = friend.chain(lanes::POSTS);
    let drafts: Vec<_> = (0..64)
        .map(|n| {
            let text = "x".repeat(if n % 2 == 0 { 9_000 } else { 1 });
            post(&text, &[], n)
        })
        .collect();
    chain.append(&drafts);
    hand_over(&store, &chain.part(0, 64));
    let snapshot = store.snapshot().unwrap();
    for max in [250_000, 100_000, 20_000] {
        let runs = snapshot
            .runs(&chain.log, Seq(0)..Seq(64), false, max)
            .unwrap();
        assert!(runs[0].len() <= max, "{} over {max}", runs[0].len());
        let run = PackedRun::from_bytes(runs[0].clone())
            .verify(&chain.log, None)
            .unwrap();
        let short = run
            .items()
            .iter()
            .filter(|item| item.body().is_some())
            .count();
        assert!(
            short >= 32,
            "a hash instead of a short body makes nothing shorter"
        );
    }
}

#[test]
fn large_and_small_bodies_are_cut_into_pieces_and_come_back() {
    let owner = person(1);
    let store = open();
    let mut chain = owner.chain(lanes::POSTS);
    let sizes = [0, 300, 1_500, 3_000, 5_000, 9_000, 17_000, 60_000];
    let drafts: Vec<_> = (0..200_usize)
        .map(|n| {
            post(
                &"x".repeat(sizes[n * n % 8]),
                &["tea"],
                i64::try_from(n).unwrap(),
            )
        })
        .collect();
    chain.append(&drafts);
    write(&store, |batch| {
        batch
            .adopt_own(&owner.feed, vec![owner.admit.clone()])
            .unwrap();
        batch
            .append(&owner.device, &owner.feed, lanes::POSTS, &drafts)
            .unwrap();
    });
    let snapshot = store.snapshot().unwrap();
    for (seq, draft) in (0..).zip(&drafts) {
        let (entry, body) = snapshot.entry(&chain.reference(seq)).unwrap().unwrap();
        assert_eq!(entry.body.as_ref(), Some(draft.body()));
        assert!(body.is_some());
    }
    for block in 0..4 {
        let range = Seq(block * 64)..Seq(block * 64 + 1);
        let runs = snapshot.runs(&chain.log, range, false, usize::MAX).unwrap();
        let end = (block * 64 + 64).min(200);
        assert_eq!(runs[0], *chain.part(block * 64, end).packed());
    }
    assert_eq!(timeline(&store).len(), 200);
}

#[test]
fn private_lanes_of_others_are_not_taken() {
    let friend = person(2);
    let store = following(memory(), &[&friend]);
    let chain = friend.chain(lanes::OWN).posts(3);
    assert_eq!(hand_over(&store, &chain.part(0, 3)), Taken::Refused);
}
