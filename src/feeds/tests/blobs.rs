//! Which blobs are named, served, one's own, and when the last name of one goes.

use super::super::{FeedStore, Note, Taken};
use super::world::{Person, follow, following, hand_over, kind, memory, noting, person, write};
use crate::format::{
    Attachment, BlobHash, Body, Content as _, Delete, Draft, End, Ends, Lane, Post, Rel, Seq,
    Statement, Timestamp, encode_content, lanes,
};

const LEN: u64 = 70_000;

fn blob(n: u8) -> BlobHash {
    BlobHash::from_bytes([n; 32])
}

fn with_media(blobs: &[BlobHash], time: i64) -> Draft {
    let attachment = |hash: &BlobHash| Attachment {
        hash: *hash,
        len: LEN,
        mime: "image/png".to_owned(),
        name: None,
        alt: None,
        width: None,
        height: None,
        duration_ms: None,
        rendition_of: None,
        preview: None,
    };
    let body = Body {
        salt: time.to_be_bytes(),
        attachments: blobs.iter().map(attachment).collect(),
        content: encode_content(&Post::default()).unwrap(),
        ..Body::default()
    };
    Draft::new(kind(Post::KIND), Timestamp(time), body.encode().unwrap())
}

fn post(store: &FeedStore, owner: &Person, lane: Lane, draft: Draft) {
    write(store, |batch| {
        batch
            .append(&owner.device, &owner.feed, lane, &[draft])
            .unwrap();
    });
}

fn is_served(store: &FeedStore, blob: BlobHash) -> bool {
    let snapshot = store.snapshot().unwrap();
    snapshot.is_served_blob(&blob, LEN).unwrap()
}

fn is_own(store: &FeedStore, blob: BlobHash) -> bool {
    store.snapshot().unwrap().is_own_blob(&blob).unwrap()
}

fn is_named(store: &FeedStore, blob: BlobHash) -> bool {
    store.snapshot().unwrap().is_blob_named(&blob).unwrap()
}

#[test]
fn media_of_public_lanes_of_own_feeds_are_served_and_those_of_private_ones_are_not() {
    let owner = person(200);
    let store = following(memory(), &[]);
    post(
        &store,
        &owner,
        lanes::POSTS,
        with_media(&[blob(1), blob(1), blob(2)], 5),
    );
    post(&store, &owner, lanes::OWN, with_media(&[blob(3)], 5));
    for n in 1..=3 {
        assert!(is_named(&store, blob(n)) && is_own(&store, blob(n)));
        assert_eq!(is_served(&store, blob(n)), n < 3);
    }
    assert!(!is_named(&store, blob(4)));
    let snapshot = store.snapshot().unwrap();
    assert!(
        !snapshot.is_served_blob(&blob(1), LEN + 1).unwrap(),
        "another length"
    );
}

#[test]
fn media_of_a_feed_that_is_no_longer_followed_are_kept_and_not_served() {
    let friend = person(2);
    let store = following(memory(), &[&friend]);
    let mut chain = friend.chain(lanes::POSTS);
    chain.append(&[with_media(&[blob(1)], 5)]);
    assert_eq!(hand_over(&store, &chain.part(0, 1)), Taken::Stored);
    assert!(is_served(&store, blob(1)) && !is_own(&store, blob(1)));
    write(&store, |batch| {
        follow(batch, &person(200), &friend.feed, false, 9);
    });
    assert!(!is_served(&store, blob(1)));
    assert!(is_named(&store, blob(1)));
}

#[test]
fn when_the_last_body_that_names_a_blob_goes_it_is_told_to_be_free() {
    let friend = person(2);
    let store = following(memory(), &[&friend]);
    let mut chain = friend.chain(lanes::POSTS);
    chain.append(&[with_media(&[blob(1)], 5)]);
    chain.append(&[with_media(&[blob(1), blob(2)], 6)]);
    assert_eq!(hand_over(&store, &chain.part(0, 2)), Taken::Stored);
    // The second entry is past the end, so its body goes.
    let end = End {
        seq: Seq(0),
        id: chain.reference(0).id,
    };
    let ends = Ends::new([(lanes::POSTS, end)]).unwrap();
    let retire =
        Statement::retire(friend.feed, &friend.secret, friend.device.id(), ends, []).unwrap();
    let (_, notes) = noting(&store, |batch| {
        batch.take_statements(&friend.feed, vec![retire]).unwrap()
    });
    let is_free = |note: &Note| matches!(note, Note::BlobFree { .. });
    assert!(!notes.iter().any(is_free), "it may count again");
    assert!(is_named(&store, blob(2)) && !is_served(&store, blob(2)));
    assert!(!is_own(&store, blob(2)));
    let due = store.next_sweep().unwrap().unwrap();
    let (_, notes) = noting(&store, |batch| batch.sweep(due).unwrap());
    let free = notes.iter().filter_map(|note| match note {
        Note::BlobFree { hash } => Some(*hash),
        _ => None,
    });
    assert_eq!(free.collect::<Vec<_>>(), vec![blob(2)]);
    assert!(is_named(&store, blob(1)) && !is_named(&store, blob(2)));
}

#[test]
fn a_blob_that_is_named_very_often_is_still_answered_for() {
    let owner = person(200);
    let store = following(memory(), &[]);
    let many: Vec<Draft> = (0..600).map(|n| with_media(&[blob(7)], n)).collect();
    write(&store, |batch| {
        batch
            .append(&owner.device, &owner.feed, lanes::POSTS, &many)
            .unwrap();
    });
    assert!(is_served(&store, blob(7)));
    assert_eq!(
        store.snapshot().unwrap().blob_refs(&blob(7)).unwrap().len(),
        8
    );
}

#[test]
fn who_names_a_blob_very_often_does_not_hide_that_others_name_it() {
    let (friend, owner) = (person(2), person(200));
    let store = following(memory(), &[&friend]);
    // The friend's log is met first, and goes on past all bounds.
    let mut chain = friend.chain(lanes::POSTS);
    for n in 0..40 {
        let many: Vec<Draft> = (0..30)
            .map(|m| with_media(&[blob(7)], n * 30 + m))
            .collect();
        chain.append(&many);
    }
    for run in chain.runs.clone() {
        hand_over(&store, &run);
    }
    assert!(!is_own(&store, blob(7)));
    let mine = with_media(&[blob(7)], 5);
    post(&store, &owner, Lane::new("~drafts").unwrap(), mine);
    assert!(is_own(&store, blob(7)) && is_served(&store, blob(7)));
    write(&store, |batch| {
        follow(batch, &owner, &friend.feed, false, 2);
    });
    assert!(is_own(&store, blob(7)) && !is_served(&store, blob(7)));
    post(&store, &owner, lanes::POSTS, with_media(&[blob(7)], 6));
    assert!(is_served(&store, blob(7)));
}

#[test]
fn media_of_an_own_deleted_post_stay_unserved_until_nothing_can_put_it_back() {
    let owner = person(200);
    let store = following(memory(), &[]);
    let say = |lane, draft: Draft| {
        noting(&store, |batch| {
            let drafts = [draft];
            let names = batch.append(&owner.device, &owner.feed, lane, &drafts);
            names.unwrap()[0]
        })
    };
    let delete = |target, purge| {
        let refs = super::world::pointing(Rel::Delete, target);
        super::world::draft(&Delete { purge }, refs, &[], 9)
    };
    let freed = |notes: &[Note]| {
        let free = |note: &&Note| matches!(note, Note::BlobFree { .. });
        notes.iter().filter(free).count()
    };
    let (post, _) = say(lanes::POSTS, with_media(&[blob(1)], 5));
    let (first, notes) = say(lanes::STATE, delete(post, false));
    assert_eq!(freed(&notes), 0);
    assert!(is_named(&store, blob(1)) && is_own(&store, blob(1)));
    assert!(!is_served(&store, blob(1)));
    let (_, notes) = say(lanes::STATE, delete(first, false));
    assert!(is_served(&store, blob(1)) && freed(&notes) == 0);
    let (_, notes) = say(lanes::STATE, delete(post, true));
    assert_eq!(freed(&notes), 1);
    assert!(!is_named(&store, blob(1)));
}
