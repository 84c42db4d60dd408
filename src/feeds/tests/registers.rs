//! Profiles and follows, merged from entries that name what they replace.

use super::super::{FeedStore, Note, Taken};
use super::world::{
    Chain, Person, draft, follow, following, hand_over, memory, noting, open, person, pointing,
    write,
};
use crate::format::{
    Content as _, Draft, EntryRef, Follow, ProfileField, Rel, encode_content, lanes,
};

fn name(text: &str, replaces: Option<EntryRef>, time: i64) -> Draft {
    let refs = replaces.map(|target| pointing(Rel::Replaces, target));
    draft(
        &ProfileField::Name(text.to_owned()),
        refs.unwrap_or_default(),
        &[],
        time,
    )
}

fn tag(text: &str, time: i64) -> Draft {
    draft(
        &ProfileField::TagAdded(text.to_owned()),
        Vec::new(),
        &[],
        time,
    )
}

fn named(store: &FeedStore, person: &Person) -> Option<String> {
    let profile = store.snapshot().unwrap().profile(&person.feed).unwrap();
    profile.name().map(ToOwned::to_owned)
}

#[test]
fn a_clock_that_was_wrong_is_replaced_by_name() {
    let friend = person(2);
    let mut chain = friend.chain(lanes::STATE);
    chain.append(&[name("from 2100", None, 4_000_000_000_000)]);
    chain.append(&[name("Ada", Some(chain.reference(0)), 10)]);
    let (first, second) = (chain.part(0, 1), chain.part(1, 2));
    for order in [[&first, &second], [&second, &first]] {
        let store = following(memory(), &[&friend]);
        for run in order {
            assert_eq!(hand_over(&store, run), Taken::Stored);
        }
        assert_eq!(named(&store, &friend).as_deref(), Some("Ada"));
    }
}

#[test]
fn of_siblings_the_later_claim_counts() {
    let friend = person(2);
    let mut chain = friend.chain(lanes::STATE);
    chain.append(&[name("root", None, 10)]);
    let root = chain.reference(0);
    chain.append(&[name("later", Some(root), 30)]);
    chain.append(&[name("earlier", Some(root), 20)]);
    let store = following(memory(), &[&friend]);
    assert_eq!(hand_over(&store, &chain.part(0, 3)), Taken::Stored);
    assert_eq!(named(&store, &friend).as_deref(), Some("later"));
}

#[test]
fn declared_tags_come_and_go_with_their_rows() {
    let friend = person(2);
    let store = following(memory(), &[&friend]);
    let mut chain = friend.chain(lanes::STATE);
    chain.append(&[tag("Gardening", 1), tag("tea", 2), tag(" ", 3)]);
    let gone = ProfileField::TagRemoved("tea".to_owned());
    chain.append(&[draft(
        &gone,
        pointing(Rel::Replaces, chain.reference(1)),
        &[],
        4,
    )]);
    let rows = |store: &FeedStore, tag: &str| {
        let snapshot = store.snapshot().unwrap();
        let prefix = super::super::keys::profiles_by_tag(tag);
        snapshot
            .rows()
            .collect(&prefix, |_, _| Ok(()))
            .unwrap()
            .len()
    };
    assert_eq!(hand_over(&store, &chain.part(0, 3)), Taken::Stored);
    assert_eq!(
        (
            rows(&store, "gardening"),
            rows(&store, "tea"),
            rows(&store, "")
        ),
        (1, 1, 0)
    );
    assert_eq!(hand_over(&store, &chain.part(3, 4)), Taken::Stored);
    assert_eq!((rows(&store, "gardening"), rows(&store, "tea")), (1, 0));
}

#[test]
fn what_counts_now_is_what_a_new_entry_replaces() {
    let owner = person(1);
    let store = open();
    write(&store, |batch| {
        batch
            .adopt_own(&owner.feed, vec![owner.admit.clone()])
            .unwrap();
        let number = batch.feed_number(&owner.feed).unwrap();
        let field = ProfileField::Name("any".to_owned());
        let body = crate::format::Body {
            content: encode_content(&field).unwrap(),
            ..Default::default()
        };
        let kind = super::world::kind(ProfileField::KIND);
        assert_eq!(
            batch
                .replaced(number, (&lanes::STATE, &kind), &body)
                .unwrap(),
            None
        );
        let first = [name("Ada", None, 1)];
        let names = batch
            .append(&owner.device, &owner.feed, lanes::STATE, &first)
            .unwrap();
        let replaced = batch
            .replaced(number, (&lanes::STATE, &kind), &body)
            .unwrap();
        assert_eq!(replaced, Some(names[0]), "even before the commit");
    });
    assert_eq!(named(&store, &owner).as_deref(), Some("Ada"));
}

#[test]
fn a_follow_is_undone_by_an_entry_that_names_it() {
    let (owner, friend) = (person(1), person(2));
    let store = open();
    write(&store, |batch| {
        batch
            .adopt_own(&owner.feed, vec![owner.admit.clone()])
            .unwrap();
    });
    // The clock stood in the future when the follow was made.
    let ((), notes) = noting(&store, |batch| {
        follow(batch, &owner, &friend.feed, true, 9_000);
    });
    assert!(
        notes
            .iter()
            .any(|note| matches!(note, Note::Wanted { feed } if *feed == friend.feed))
    );
    let ((), notes) = noting(&store, |batch| {
        follow(batch, &owner, &friend.feed, false, 10);
    });
    assert!(
        !notes
            .iter()
            .any(|note| matches!(note, Note::Unwanted { .. })),
        "claims to be older"
    );
    let ((), notes) = noting(&store, |batch| {
        let log = owner.log(lanes::OWN);
        let (store_no, _) = (batch.intern_log(&log).unwrap(), ());
        let first = batch
            .rows()
            .entry(store_no, &log, crate::format::Seq(0))
            .unwrap()
            .unwrap();
        let change = Follow {
            feed: friend.feed,
            following: false,
        };
        let change = draft(&change, pointing(Rel::Replaces, first.reference), &[], 11);
        batch
            .append(&owner.device, &owner.feed, lanes::OWN, &[change])
            .unwrap();
    });
    assert!(
        notes
            .iter()
            .any(|note| matches!(note, Note::Unwanted { feed } if *feed == friend.feed))
    );
    assert!(!store.snapshot().unwrap().is_wanted(&friend.feed).unwrap());
}

#[test]
fn what_one_own_feed_follows_another_does_not_unfollow() {
    let (one, other, friend) = (person(1), person(3), person(2));
    let store = open();
    write(&store, |batch| {
        for owner in [&one, &other] {
            batch
                .adopt_own(&owner.feed, vec![owner.admit.clone()])
                .unwrap();
            follow(batch, owner, &friend.feed, true, 1);
        }
    });
    write(&store, |batch| {
        follow(batch, &other, &friend.feed, false, 2);
    });
    assert!(store.snapshot().unwrap().is_wanted(&friend.feed).unwrap());
    write(&store, |batch| follow(batch, &one, &friend.feed, false, 2));
    assert!(!store.snapshot().unwrap().is_wanted(&friend.feed).unwrap());
}

#[test]
fn a_feed_that_is_followed_or_not_is_seen_or_not_by_the_next_snapshot() {
    let (owner, friend) = (person(200), person(2));
    let store = following(memory(), &[&friend]);
    let chain = friend.chain(lanes::POSTS).posts(3);
    assert_eq!(hand_over(&store, &chain.part(0, 3)), Taken::Stored);
    let before = store.snapshot().unwrap();
    let shown = |snapshot: &super::super::FeedSnapshot| {
        let query = super::super::Query::default();
        snapshot
            .page(&query, None, 10, super::world::NOW)
            .unwrap()
            .len()
    };
    assert_eq!(shown(&before), 3);
    write(&store, |batch| {
        follow(batch, &owner, &friend.feed, false, 2);
    });
    let after = store.snapshot().unwrap();
    assert_eq!(
        (shown(&after), shown(&before)),
        (0, 3),
        "a snapshot does not change"
    );
}

#[test]
fn a_hundred_thousand_changes_of_a_name_cost_one_look_at_the_last() {
    let friend = person(2);
    let store = following(memory(), &[&friend]);
    let mut chain: Chain = friend.chain(lanes::STATE);
    let drafts: Vec<_> = (0..3_000)
        .map(|n| name(&format!("name {n}"), None, n))
        .collect();
    chain.append(&drafts);
    write(&store, |batch| {
        for run in &chain.runs {
            assert_eq!(batch.take_run(run).unwrap(), Taken::Stored);
        }
    });
    assert_eq!(named(&store, &friend).as_deref(), Some("name 2999"));
    let mut tags = friend.chain(lanes::STATE);
    tags.runs = chain.runs;
    let drafts: Vec<_> = (0..1_000).map(|n| tag(&format!("tag {n}"), n)).collect();
    tags.append(&drafts);
    write(&store, |batch| {
        for run in &tags.runs {
            batch.take_run(run).unwrap();
        }
    });
    let profile = store.snapshot().unwrap().profile(&friend.feed).unwrap();
    assert!(
        (200..=256).contains(&profile.tags().count()),
        "as many as are looked at"
    );
    assert_eq!(
        profile.name(),
        Some("name 2999"),
        "the name is never passed over"
    );
}
