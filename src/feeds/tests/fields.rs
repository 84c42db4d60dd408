//! Content of registered types: rows that come with entries and rows built at opening are the same, and pages of keys
//! are what a look at every entry gives.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use serde::{Deserialize, Serialize};

use super::super::{
    Condition, ContentType, FeedStore, FeedsError, FieldQuery, Query, Scope, Taken,
};
use super::failing::{FOR_EVER, Failing};
use super::world::{
    Chain, NOW, Random, body_of, draft, follow, following, hand_over, memory, person, redb, write,
};
use crate::format::limits::FUTURE_MILLIS;
use crate::format::{
    Content, Draft, End, Ends, FormatError, IndexKey, IndexValue, Kind, Lane, OrderKey, Seq,
    Statement, decode_content,
};
use crate::store::{Direction, Storage};

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Dish {
    pub(super) price: i64,
    pub(super) parts: Vec<String>,
}

#[derive(Serialize, Deserialize)]
struct OldDish {
    price: u8,
}

impl Content for Dish {
    const KIND: &'static str = "dish/1";
    const LANE: &'static str = "menu";
    const OLDER: &'static [&'static str] = &["dish/0"];
    const INDEXES: &'static [&'static str] = &["price", "part"];

    fn keys(&self) -> Vec<IndexKey> {
        assert!(self.price != 666, "a bug of the app");
        let price = [IndexKey::new("price", self.price)];
        let parts = self.parts.iter().map(|part| IndexKey::new("part", part));
        price.into_iter().chain(parts).collect()
    }

    fn from_older(kind: &str, content: &[u8]) -> Option<Self> {
        assert_eq!(kind, "dish/0");
        let OldDish { price } = decode_content(content).ok()?;
        Some(Self {
            price: price.into(),
            parts: vec!["water".to_owned()],
        })
    }
}

impl Content for OldDish {
    const KIND: &'static str = "dish/0";
    const LANE: &'static str = "menu";
}

/// The same with other indexes.
#[derive(Serialize, Deserialize)]
struct Renamed(Dish);

impl Content for Renamed {
    const KIND: &'static str = "dish/1";
    const LANE: &'static str = "menu";
    const INDEXES: &'static [&'static str] = &["cost"];

    fn keys(&self) -> Vec<IndexKey> {
        vec![IndexKey::new("cost", self.0.price)]
    }
}

const PARTS: [&str; 4] = ["tomato", "rice", "", "long"];

pub(super) fn menu() -> Lane {
    Lane::new("menu").unwrap()
}

fn part(random: &mut Random) -> String {
    match PARTS[random.index(PARTS.len())] {
        // Texts that their first bytes do not tell from one another.
        "long" => format!("{}{}", "x".repeat(63), "abc".repeat(random.index(3))),
        part => part.to_owned(),
    }
}

fn dish(random: &mut Random) -> Dish {
    let count = random.index(4);
    Dish {
        price: i64::try_from(random.below(20)).unwrap() - 10,
        parts: (0..count).map(|_| part(random)).collect(),
    }
}

/// Dishes of both kinds, some not readable, some ahead of the clock.
pub(super) fn drafts(random: &mut Random, count: u64) -> Vec<Draft> {
    let one = |random: &mut Random| {
        let mut time = i64::try_from(random.below(1_000_000)).unwrap();
        if random.chance(5) {
            time = NOW.0 + FUTURE_MILLIS + 1;
        }
        match random.below(10) {
            0 => Draft::new(
                Kind::new("dish/1").unwrap(),
                crate::format::Timestamp(time),
                b"no envelope".as_slice().into(),
            ),
            1..4 => {
                let price = u8::try_from(random.below(10)).unwrap();
                draft(&OldDish { price }, Vec::new(), &["old"], time)
            }
            _ => draft(&dish(random), Vec::new(), &["new"], time),
        }
    };
    (0..count).map(|_| one(random)).collect()
}

fn types() -> [ContentType; 1] {
    [ContentType::of::<Dish>()]
}

fn with_types(storage: &Arc<dyn Storage>) -> FeedStore {
    FeedStore::open_with(storage.clone(), &types()).unwrap()
}

/// All rows of the indexes of types, and what is noted about the types.
fn rows(storage: &dyn Storage) -> BTreeMap<Vec<u8>, Vec<u8>> {
    let mut rows = BTreeMap::new();
    for prefix in [b"W".as_slice(), b"Mtype/"] {
        storage
            .read()
            .unwrap()
            .scan_prefix(prefix, Direction::Ascending, &mut |key, value| {
                rows.insert(key.to_vec(), value.to_vec());
                std::ops::ControlFlow::Continue(())
            })
            .unwrap();
    }
    rows
}

/// A store in which three people wrote dishes, one of them not followed any more.
fn served(storage: Arc<dyn Storage>, with: &[ContentType], seed: u64) -> Vec<Chain> {
    let mut random = Random(seed);
    let people = [person(2), person(3), person(4)];
    drop(following(
        storage.clone(),
        &people.iter().collect::<Vec<_>>(),
    ));
    let store = FeedStore::open_with(storage, with).unwrap();
    let mut chains = Vec::new();
    for person in &people {
        let mut chain = person.chain(menu());
        chain.append(&drafts(&mut random, 60));
        assert_eq!(hand_over(&store, &chain.part(0, 60)), Taken::Stored);
        chains.push(chain);
    }
    write(&store, |batch| {
        follow(batch, &person(200), &people[2].feed, false, 2);
    });
    chains.truncate(2);
    chains
}

type Place = (Vec<u8>, OrderKey);

/// What a look at every entry of the followed people gives.
fn expected(
    chains: &[Chain],
    by: &Condition,
    and: &[Condition],
    tag: Option<&str>,
    direction: Direction,
) -> Vec<Place> {
    let mut found = Vec::new();
    for chain in chains {
        for seq in 0..chain.len() {
            let run = chain.part(seq, seq + 1);
            let item = &run.items()[0];
            let Ok(body) = crate::format::Body::decode(&body_of(chain, seq)) else {
                continue;
            };
            let keys = match item.kind().as_str() {
                "dish/1" => decode_content::<Dish>(&body.content).unwrap().keys(),
                kind => Dish::from_older(kind, &body.content).unwrap().keys(),
            };
            let within = |condition: &Condition| {
                let keys = keys.iter().filter(|key| key.name() == condition.index);
                let bounds = (condition.from.clone(), condition.to.clone());
                let values = keys.map(|key| key.value().clone());
                values
                    .filter(|value| std::ops::RangeBounds::contains(&bounds, value))
                    .collect::<Vec<_>>()
            };
            let mut values = within(by);
            values.sort();
            let first = match direction {
                Direction::Ascending => values.first(),
                Direction::Descending => values.last(),
            };
            let Some(first) = first else { continue };
            let is_tagged = tag.is_none_or(|tag| body.tags.iter().any(|t| t == tag));
            let is_due = item.time() <= NOW.plus_millis(FUTURE_MILLIS);
            if is_tagged && is_due && and.iter().all(|other| !within(other).is_empty()) {
                let order = OrderKey {
                    time: item.time(),
                    log: chain.log.order(),
                    seq: Seq(seq),
                };
                found.push((first.ordered(), order));
            }
        }
    }
    found.sort();
    if direction == Direction::Descending {
        found.reverse();
    }
    found
}

fn pages(
    store: &FeedStore,
    by: &Condition,
    and: &[Condition],
    tag: Option<&str>,
    direction: Direction,
    limit: usize,
) -> Vec<Place> {
    let filter = Query {
        scope: Scope::Kind,
        tag: tag.map(ToOwned::to_owned),
        ..Query::default()
    };
    let query = FieldQuery {
        of: store.content_type("dish/1").unwrap(),
        by,
        and: and.iter().collect(),
        filter: &filter,
        direction,
    };
    let snapshot = store.snapshot().unwrap();
    let mut found: Vec<Place> = Vec::new();
    loop {
        let after = found.last().map(|(key, order)| (key.as_slice(), *order));
        let page = snapshot.page_by_key(&query, after, limit, NOW).unwrap();
        assert!(page.len() <= limit);
        if page.is_empty() {
            return found;
        }
        found.extend(page.into_iter().map(|row| (row.key, row.order)));
    }
}

fn all(store: &FeedStore, index: &str) -> Vec<Place> {
    let by = Condition {
        index: index.to_owned(),
        from: Bound::Unbounded,
        to: Bound::Unbounded,
    };
    pages(store, &by, &[], None, Direction::Ascending, 7)
}

fn bound(random: &mut Random, value: IndexValue) -> Bound<IndexValue> {
    match random.below(3) {
        0 => Bound::Included(value),
        1 => Bound::Excluded(value),
        _ => Bound::Unbounded,
    }
}

fn condition(random: &mut Random) -> Condition {
    let is_price = random.chance(50);
    let mut value = || -> IndexValue {
        if is_price {
            dish(random).price.into()
        } else {
            part(random).into()
        }
    };
    let (from, to) = (value(), value());
    Condition {
        index: if is_price { "price" } else { "part" }.to_owned(),
        from: bound(random, from),
        to: bound(random, to),
    }
}

#[test]
fn pages_of_keys_are_what_a_look_at_every_entry_gives() {
    let (folder, file) = redb();
    for (storage, rounds) in [(memory(), 300), (file, 30)] {
        let chains = served(storage.clone(), &types(), 7);
        let store = with_types(&storage);
        let mut random = Random(11);
        let mut hits = 0;
        for round in 0..rounds {
            let by = condition(&mut random);
            let other = condition(&mut random);
            let and = if random.chance(30) {
                vec![other]
            } else {
                vec![]
            };
            let tag = random.chance(20).then_some("old");
            let limit = 1 + random.index(40);
            for direction in [Direction::Ascending, Direction::Descending] {
                let expected = expected(&chains, &by, &and, tag, direction);
                let found = pages(&store, &by, &and, tag, direction, limit);
                assert_eq!(
                    found, expected,
                    "round {round}: {by:?} {and:?} {direction:?}"
                );
                hits += found.len();
            }
        }
        assert!(hits > 10 * rounds, "the questions found something");
    }
    drop(folder);
}

#[test]
fn rows_built_at_opening_are_those_written_with_the_entries() {
    let (folder, file) = redb();
    for storage in [memory(), file] {
        let at_once = memory();
        served(at_once.clone(), &types(), 3);
        served(storage.clone(), &[], 3);
        assert!(rows(&*storage).is_empty());
        drop(with_types(&storage));
        assert_eq!(rows(&*storage), rows(&*at_once));
        assert!(rows(&*storage).len() > 200);
    }
    drop(folder);
}

#[test]
fn what_came_while_the_type_was_unknown_is_found_when_it_is_back() {
    let storage = memory();
    let mut chain = served(storage.clone(), &types(), 5).remove(0);
    let before = all(&with_types(&storage), "price");
    let store = FeedStore::open(storage.clone()).unwrap();
    assert!(store.content_type("dish/1").is_none());
    chain.append(&[draft(&Dish::default(), Vec::new(), &[], 5)]);
    assert_eq!(hand_over(&store, &chain.part(60, 61)), Taken::Stored);
    drop(store);
    let store = with_types(&storage);
    assert_eq!(all(&store, "price").len(), before.len() + 1);
    let built = rows(&*storage);
    drop(with_types(&storage));
    assert_eq!(rows(&*storage), built, "nothing was built again");
}

#[test]
fn other_indexes_of_the_same_kind_are_built_anew() {
    let storage = memory();
    served(storage.clone(), &types(), 5);
    let whole = rows(&*storage);
    let store = FeedStore::open_with(storage.clone(), &[ContentType::of::<Renamed>()]).unwrap();
    assert!(!all(&store, "cost").is_empty() && all(&store, "price").is_empty());
    drop(store);
    drop(with_types(&storage));
    assert_eq!(rows(&*storage), whole);
}

#[test]
fn a_build_that_is_cut_off_anywhere_goes_on_at_the_next_opening() {
    let whole = memory();
    served(whole.clone(), &types(), 3);
    let whole = rows(&*whole);
    let mut failures = 0;
    for countdown in (0..).step_by(37) {
        let inner = memory();
        served(inner.clone(), &[], 3);
        let left = Arc::new(AtomicU64::new(countdown));
        let storage = Arc::new(Failing {
            inner: inner.clone(),
            left: left.clone(),
        });
        let opened = FeedStore::open_with(storage.clone(), &types());
        left.store(FOR_EVER, Ordering::SeqCst);
        if opened.is_ok() {
            break;
        }
        failures += 1;
        drop(FeedStore::open_with(storage, &types()).unwrap());
        assert_eq!(rows(&*inner), whole, "after {countdown} operations");
    }
    assert!(failures > 10);
}

#[test]
fn rows_go_with_their_entries_and_come_with_their_bodies() {
    let friend = person(2);
    let storage = memory();
    drop(following(storage.clone(), &[&friend]));
    let store = with_types(&storage);
    let mut chain = friend.chain(menu());
    let dishes: Vec<_> = (0..4)
        .map(|price| {
            let parts = vec!["rice".to_owned()];
            draft(&Dish { price, parts }, Vec::new(), &[], price)
        })
        .collect();
    chain.append(&dishes);
    let bare = chain.part(0, 4).with_bodies(|seq, item| {
        let body = item.body().filter(|_| seq != Seq(1));
        body.cloned()
    });
    assert_eq!(hand_over(&store, &bare), Taken::Stored);
    assert_eq!(all(&store, "price").len(), 3);
    let body = body_of(&chain, 1);
    write(&store, |batch| {
        let id = chain.reference(1).id;
        batch.take_body(&chain.log, Seq(1), &id, &body).unwrap()
    });
    assert_eq!(all(&store, "price").len(), 4);
    let id = chain.reference(1).id;
    let ends = Ends::new([(menu(), End { seq: Seq(1), id })]).unwrap();
    let retire =
        Statement::retire(friend.feed, &friend.secret, friend.device.id(), ends, []).unwrap();
    write(&store, |batch| {
        batch.take_statements(&friend.feed, vec![retire]).unwrap()
    });
    assert_eq!(all(&store, "price").len(), 2);
    // The row of the type itself, and two keys for each entry that is left.
    assert_eq!(rows(&*storage).len(), 1 + 2 * 2);
}

#[test]
fn an_app_that_panics_over_what_others_wrote_loses_only_that_entry() {
    let friend = person(2);
    let storage = memory();
    drop(following(storage.clone(), &[&friend]));
    let store = with_types(&storage);
    let mut chain = friend.chain(menu());
    let price = |price| {
        let parts = Vec::new();
        draft(&Dish { price, parts }, Vec::new(), &[], price)
    };
    chain.append(&[price(1), price(666), price(2)]);
    assert_eq!(hand_over(&store, &chain.part(0, 3)), Taken::Stored);
    assert_eq!(all(&store, "price").len(), 2);
}

#[test]
fn types_with_bad_names_or_the_same_kind_twice_are_refused() {
    #[derive(Serialize, Deserialize)]
    struct Bad;
    impl Content for Bad {
        const KIND: &'static str = "bad/1";
        const LANE: &'static str = "bad";
        const INDEXES: &'static [&'static str] = &["Price"];
    }
    let open = |types: &[ContentType]| FeedStore::open_with(memory(), types).map(drop);
    let bad = open(&[ContentType::of::<Bad>()]);
    assert!(matches!(
        bad,
        Err(FeedsError::Format(FormatError::Name { what: "index", .. }))
    ));
    let twice = open(&[ContentType::of::<Dish>(), ContentType::of::<Renamed>()]);
    assert!(matches!(
        twice,
        Err(FeedsError::Format(FormatError::Text { .. }))
    ));
}
