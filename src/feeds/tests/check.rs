//! The check: nothing to say of a store that is whole, and a name for each row that is not as it should be.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use bytes::Bytes;

use super::super::{CheckReport, ContentType, FeedStore, Taken};
use super::fields::{Dish, drafts, menu};
use super::world::{
    Random, draft, following, hand_over, memory, person, pointing, post, redb, write,
};
use crate::format::{
    Attachment, BlobHash, Body, Content as _, Delete, Draft, Edit, End, Ends, Post, ProfileField,
    Reaction, Rel, Seq, Statement, Timestamp, encode_content, lanes,
};
use crate::store::{Direction, Durability, MemoryStorage, Storage};

/// Tables of which nothing can be computed from logs: what was learned of peers, and what says how far types are built.
const NOT_CHECKED: &[u8] = b"HhYM";

pub(super) fn check(store: &FeedStore) -> CheckReport {
    store.check(&mut |_| ControlFlow::Continue(())).unwrap()
}

pub(super) fn assert_whole(store: &FeedStore) {
    let report = check(store);
    let found: Vec<_> = report
        .differences()
        .iter()
        .map(ToString::to_string)
        .collect();
    assert!(report.is_clean(), "{found:#?}");
}

fn types() -> [ContentType; 1] {
    [ContentType::of::<Dish>()]
}

fn edit(text: &str, tag: &str, time: i64) -> Draft {
    let text = text.to_owned();
    let post = Post {
        text,
        ..Post::default()
    };
    let content = encode_content(&post).unwrap();
    draft(&Edit { content }, Vec::new(), &[tag], time)
}

/// A post with a picture.
fn pictured(time: i64) -> Draft {
    let attachment = Attachment {
        hash: BlobHash::from_bytes([7; 32]),
        len: 9,
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
        attachments: vec![attachment],
        content: encode_content(&Post::default()).unwrap(),
        ..Body::default()
    };
    let kind = crate::format::Kind::new(Post::KIND).unwrap();
    Draft::new(kind, Timestamp(time), body.encode().unwrap())
}

/// An edit of the first post of a log, as an entry of it.
fn naming(mut draft: Draft, rel: Rel, target: crate::format::EntryRef) -> Draft {
    let mut body = Body::decode(draft.body()).unwrap();
    body.refs = pointing(rel, target);
    draft = Draft::new(draft.kind().clone(), draft.time(), body.encode().unwrap());
    draft
}

/// A store with something in every table.
fn scene(storage: Arc<dyn Storage>) -> FeedStore {
    let (owner, people) = (person(200), [person(2), person(3), person(4)]);
    drop(following(
        storage.clone(),
        &people.iter().collect::<Vec<_>>(),
    ));
    let store = FeedStore::open_with(storage, &types()).unwrap();
    let [ada, ben, cem] = &people;
    let mut posts = ada.chain(lanes::POSTS).posts(10).posts(90);
    let first = posts.reference(70);
    posts.append(&[
        post("tagged", &["tea", "Rust"], 200_000),
        pictured(201_000),
        naming(edit("better", "coffee", 202_000), Rel::Replaces, first),
        naming(post("a reply", &[], 203_000), Rel::Reply, first),
    ]);
    hand_over(&store, &posts.part(64, 104));
    hand_over(&store, &posts.part(0, 10).headers_only());
    let mut reactions = ada.chain(lanes::REACTIONS);
    let emoji = "+".to_owned();
    reactions.append(&[draft(
        &Reaction { emoji },
        pointing(Rel::Reaction, first),
        &[],
        5,
    )]);
    hand_over(&store, &reactions.runs[0]);
    let mut state = ada.chain(lanes::STATE);
    let delete = Delete { purge: false };
    state.append(&[
        draft(&ProfileField::Name("Ada".to_owned()), vec![], &[], 6),
        draft(&ProfileField::TagAdded("tea".to_owned()), vec![], &[], 7),
        draft(&delete, pointing(Rel::Delete, posts.reference(80)), &[], 8),
    ]);
    hand_over(&store, &state.runs[0]);
    let mut dishes = ben.chain(menu());
    dishes.append(&drafts(&mut Random(4), 40));
    hand_over(&store, &dishes.part(0, 40));
    let forked = ben.chain(lanes::POSTS).posts(20);
    let branch = forked.branch(10).posts(5);
    hand_over(&store, &forked.part(0, 20));
    assert_eq!(
        hand_over(&store, &branch.part(5, branch.len())),
        Taken::Forked
    );
    let mut cut = cem.chain(lanes::POSTS).posts(30);
    cut.append(&[pictured(303_000)]);
    hand_over(&store, &cut.part(0, 31));
    let id = cut.reference(19).id;
    let ends = Ends::new([(lanes::POSTS, End { seq: Seq(19), id })]).unwrap();
    let retire = Statement::retire(cem.feed, &cem.secret, cem.device.id(), ends, []).unwrap();
    write(&store, |batch| {
        batch.take_statements(&cem.feed, vec![retire]).unwrap();
        let mine = [
            post("mine", &["own"], 300_000),
            post("not for ever", &[], 300_001).expiring(Timestamp(900_000_000)),
            pictured(300_002),
        ];
        batch
            .append(&owner.device, &owner.feed, lanes::POSTS, &mine)
            .unwrap()
    });
    let mine = |seq| crate::format::EntryRef {
        log: owner.log(lanes::POSTS),
        seq,
        id: id_of(&store, &owner, seq),
    };
    let deletes = [mine(Seq(0)), mine(Seq(2))]
        .map(|mine| draft(&delete, pointing(Rel::Delete, mine), &[], 9));
    write(&store, |batch| {
        batch
            .append(&owner.device, &owner.feed, lanes::STATE, &deletes)
            .unwrap()
    });
    store
}

fn id_of(store: &FeedStore, owner: &super::world::Person, seq: Seq) -> crate::format::EntryId {
    let snapshot = store.snapshot().unwrap();
    let no = snapshot.rows().log_no(&owner.log(lanes::POSTS)).unwrap();
    let entry = snapshot.entry_by_number(no.unwrap(), seq).unwrap();
    entry.unwrap().0.reference.id
}

type Rows = BTreeMap<Vec<u8>, Vec<u8>>;

fn dump(storage: &dyn Storage) -> Rows {
    let mut rows = Rows::new();
    let visit = &mut |key: &[u8], value: &[u8]| {
        rows.insert(key.to_vec(), value.to_vec());
        ControlFlow::Continue(())
    };
    let snapshot = storage.read().unwrap();
    snapshot
        .scan(&[], None, Direction::Ascending, visit)
        .unwrap();
    rows
}

fn filled(rows: &Rows) -> FeedStore {
    let storage = Arc::new(MemoryStorage::new());
    let mut tx = storage.write().unwrap();
    for (key, value) in rows {
        tx.put(key, Bytes::copy_from_slice(value)).unwrap();
    }
    tx.commit(Durability::Relaxed).unwrap();
    FeedStore::open_with(storage, &types()).unwrap()
}

#[test]
fn a_store_with_something_in_every_table_is_whole() {
    let (folder, file) = redb();
    for storage in [memory(), file] {
        let store = scene(storage.clone());
        assert_whole(&store);
        let letters: std::collections::BTreeSet<_> = dump(&*storage)
            .keys()
            .map(|key| char::from(key[0]))
            .collect();
        let letters: String = letters.into_iter().collect();
        assert_eq!(letters, "ABCDEFGIKLMNPQRSTVWXZabfklqvwxyz");
    }
    drop(folder);
}

/// What a difference in a table is reported as.
fn expects(letter: u8) -> &'static [&'static str] {
    match letter {
        b'T' => &["the timeline"],
        b'P' => &["the index by feed"],
        b'C' => &["the index by kind"],
        b'G' => &["the index by tag"],
        b'R' => &["the index of what points at an entry"],
        b'W' => &["the index by key"],
        b'N' => &["what deletes and edits name"],
        b'I' => &["changes of state"],
        b'B' => &["bodies that are missing"],
        b'E' => &["erased bodies"],
        b'x' => &["what expires"],
        b'b' => &["references to media"],
        b'w' => &["media of erased bodies that are kept"],
        b'y' => &["media of what is set aside"],
        b'Z' | b'z' => &["what is set aside"],
        b'V' | b'v' => &["erased bodies that are kept"],
        b'S' => &["the stored runs", "a stored run"],
        b'X' => &["the proofs of forks"],
        b'A' => &["arrival order"],
        b'D' => &["statements", "a statement"],
        b'a' => &["devices whose word counts"],
        b'Q' => &["profiles", "a profile"],
        b'q' => &["profiles by tag"],
        b'F' | b'L' | b'K' => &["the table of names and numbers"],
        _ => &[],
    }
}

fn assert_named(rows: &Rows, letter: u8, how: &str, key: &[u8]) {
    let report = check(&filled(rows));
    let found: Vec<_> = report
        .differences()
        .iter()
        .map(ToString::to_string)
        .collect();
    let of = format!("{how} in {}: {key:?}: {found:#?}", char::from(letter));
    assert!(!report.is_clean(), "{of}");
    let tables = expects(letter);
    let is_named = report
        .differences()
        .iter()
        .any(|d| tables.contains(&d.table()));
    assert!(tables.is_empty() || is_named, "{of}");
}

#[test]
fn each_row_that_is_gone_changed_or_too_many_is_named() {
    let storage = memory();
    drop(scene(storage.clone()));
    let whole = dump(&*storage);
    let mut by_table: BTreeMap<u8, Vec<&Vec<u8>>> = BTreeMap::new();
    for (key, value) in &whole {
        // Of arrival order only that each entry is told of can be computed.
        let is_untold = key[0] == b'A' && (key[1] == 0xff || value[0] != 0);
        if !is_untold {
            by_table.entry(key[0]).or_default().push(key);
        }
    }
    for (letter, keys) in by_table {
        if NOT_CHECKED.contains(&letter) {
            continue;
        }
        let some = [keys[0], keys[keys.len() / 2], keys[keys.len() - 1]];
        for key in some {
            let mut rows = whole.clone();
            let mut value = rows.remove(key).unwrap();
            assert_named(&rows, letter, "a row less", key);
            match value.first_mut() {
                Some(first) => *first ^= 1,
                None => value.push(1),
            }
            rows.insert(key.clone(), value);
            assert_named(&rows, letter, "a row changed", key);
            let mut rows = whole.clone();
            let value = rows[key].clone();
            let other = (1..=u8::MAX).map(|bits| {
                let mut other = key.clone();
                *other.last_mut().unwrap() ^= bits;
                other
            });
            let other = other.rev().find(|other| !rows.contains_key(other));
            rows.insert(other.unwrap(), value);
            assert_named(&rows, letter, "a row more", key);
        }
    }
}

#[test]
fn a_check_can_be_stopped_and_says_that_it_is_not_complete() {
    let store = scene(memory());
    let mut told = Vec::new();
    let report = store.check(&mut |progress| {
        told.push((progress.entries(), progress.of()));
        ControlFlow::Break(())
    });
    assert!(!report.unwrap().is_clean());
    assert_eq!(told.len(), 1);
    assert!(told[0].0 > 0 && told[0].0 < told[0].1);
}
