//! Appends of one write: signed together, named and refused one by one.

use super::super::FeedsError;
use super::world::{following, kind, memory, noting, person, post, timeline, write};
use crate::feeds::Note;
use crate::format::{Draft, Lane, Seq, Timestamp, lanes, limits};

#[test]
fn appends_to_one_log_share_a_signature_and_keep_their_order() {
    let owner = person(200);
    let store = following(memory(), &[]);
    let (names, notes) = noting(&store, |batch| {
        let mut say = |lane: Lane, time| {
            let drafts = [post("x", &["tea"], time)];
            let names = batch.append_later(&owner.device, &owner.feed, lane, &drafts);
            names.unwrap()[0]
        };
        let first: Vec<_> = (0..5).map(|time| say(lanes::POSTS, time)).collect();
        let between = say(lanes::STATE, 5);
        let last: Vec<_> = (6..8).map(|time| say(lanes::POSTS, time)).collect();
        assert_eq!(between.seq, Seq(0));
        [first, last].concat()
    });
    let seqs: Vec<u64> = names.iter().map(|name| name.seq.0).collect();
    assert_eq!(seqs, [0, 1, 2, 3, 4, 5, 6]);
    let runs = notes
        .iter()
        .filter(|note| matches!(note, Note::Stored { .. }));
    assert_eq!(
        runs.count(),
        3,
        "of one log, of another, and of the first again"
    );
    let snapshot = store.snapshot().unwrap();
    for name in names {
        assert!(snapshot.entry(&name).unwrap().is_some(), "{name:?}");
    }
    assert_eq!(timeline(&store).len(), 7);
}

#[test]
fn an_append_that_is_refused_takes_no_other_with_it() {
    let owner = person(200);
    let store = following(memory(), &[]);
    let large = vec![7; limits::BODY_BYTES as usize + 1];
    let large = Draft::new(kind("post/1"), Timestamp(2), large.into());
    let names = write(&store, |batch| {
        let mut say = |second: &Draft| {
            let drafts = [post("before it", &[], 1), second.clone()];
            batch.append_later(&owner.device, &owner.feed, lanes::POSTS, &drafts)
        };
        let first = say(&post("a", &[], 1)).unwrap();
        assert!(matches!(say(&large), Err(FeedsError::Format(_))));
        [first, say(&post("b", &[], 3)).unwrap()].concat()
    });
    let seqs: Vec<u64> = names.iter().map(|name| name.seq.0).collect();
    assert_eq!(seqs, [0, 1, 2, 3]);
    let snapshot = store.snapshot().unwrap();
    assert!(
        names
            .iter()
            .all(|name| snapshot.entry(name).unwrap().is_some())
    );
}
