//! Replicas that took the same data in another order show the same, and serve one another.

use super::super::{FeedStore, Query, Scope, Taken};
use super::world::{
    Chain, Person, Random, Seen, all_pages, draft, following, hand_over, kind, memory, person,
    post, timeline,
};
use crate::format::{PackedRun, ProfileField, Run, Seq, lanes};

/// Some logs of three people, of which one part is taken.
fn chains(random: &mut Random, people: &[Person]) -> Vec<Chain> {
    let mut chains = Vec::new();
    for person in people {
        let mut posts = person.chain(lanes::POSTS);
        for _ in 0..1 + random.below(5) {
            let count = 1 + random.below(60);
            let drafts: Vec<_> = (0..count)
                .map(|_| {
                    let time = i64::try_from(random.below(50)).unwrap();
                    post("text", &["tea"], time)
                })
                .collect();
            posts.append(&drafts);
        }
        chains.push(posts);
        let mut state = person.chain(lanes::STATE);
        for _ in 0..1 + random.below(10) {
            let time = i64::try_from(random.below(5)).unwrap();
            let text = format!("{}", random.below(3));
            let field = if random.chance(50) {
                ProfileField::Name(text)
            } else {
                ProfileField::TagAdded(text)
            };
            state.append(&[draft(&field, Vec::new(), &[], time)]);
        }
        chains.push(state);
    }
    chains
}

/// Everything two replicas of the same data agree on.
fn view(store: &FeedStore, people: &[Person]) -> (Vec<Vec<Seen>>, Vec<super::super::Profile>) {
    let queries = [
        Query::default(),
        Query {
            feed: Some(people[0].feed),
            ..Query::default()
        },
        Query {
            tag: Some("tea".to_owned()),
            ..Query::default()
        },
        Query {
            scope: Scope::Kind,
            kind: Some(kind("post/1")),
            ..Query::default()
        },
    ];
    let pages = queries
        .iter()
        .map(|query| all_pages(store, query, 7))
        .collect();
    let snapshot = store.snapshot().unwrap();
    let profiles = people
        .iter()
        .map(|person| snapshot.profile(&person.feed).unwrap());
    (pages, profiles.collect())
}

#[test]
fn the_order_of_arrival_changes_nothing() {
    for seed in 1..=10 {
        println!("seed {seed}");
        let mut random = Random(seed);
        let people: Vec<_> = (2..5).map(person).collect();
        let all: Vec<&Person> = people.iter().collect();
        let chains = chains(&mut random, &people);
        let mut runs: Vec<Run> = chains.iter().flat_map(|chain| chain.runs.clone()).collect();
        runs.retain(|_| random.chance(70));
        let stores = [0, 1].map(|_| {
            random.shuffle(&mut runs);
            let store = following(memory(), &all);
            for run in &runs {
                assert_eq!(hand_over(&store, run), Taken::Stored);
            }
            store
        });
        assert_eq!(view(&stores[0], &people), view(&stores[1], &people));
    }
}

#[test]
fn one_replica_gives_another_all_it_has_from_ranges_of_any_size() {
    for seed in 1..=6 {
        println!("seed {seed}");
        let mut random = Random(seed);
        let people: Vec<_> = (2..5).map(person).collect();
        let all: Vec<&Person> = people.iter().collect();
        let chains = chains(&mut random, &people);
        let (from, to) = (following(memory(), &all), following(memory(), &all));
        for run in chains.iter().flat_map(|chain| &chain.runs) {
            if random.chance(80) {
                hand_over(&from, run);
            }
        }
        for _ in 0..3_000 {
            if !pass_on(&mut random, &from, &to, &people) {
                break;
            }
        }
        assert_eq!(timeline(&from), timeline(&to));
    }
}

/// Asks for the upper part of some hole, as a reader does; false if there is none.
fn pass_on(random: &mut Random, from: &FeedStore, to: &FeedStore, people: &[Person]) -> bool {
    for person in people {
        let (ours, theirs) = (to.snapshot().unwrap(), from.snapshot().unwrap());
        let held = ours.replica(&person.feed).unwrap().unwrap();
        for log in theirs.replica(&person.feed).unwrap().unwrap().logs {
            let have = held.logs.iter().find(|held| held.log == log.log);
            let has = |seq: u64| {
                have.is_some_and(|have| have.held.iter().any(|range| range.contains(&Seq(seq))))
            };
            let places = log.held.iter().flat_map(|range| range.start.0..range.end.0);
            let Some(top) = places.rev().find(|seq| !has(*seq)) else {
                continue;
            };
            let bottom = Seq(top).block_start().0;
            let first = bottom + random.below(top - bottom + 1);
            let range = Seq(first)..Seq(top + 1);
            let leans = has(top + 1) && Seq(top + 1) != Seq(top).block_end();
            for run in theirs.runs(&log.log, range, leans, 20_000).unwrap() {
                let packed = PackedRun::from_bytes(run);
                let run = to.snapshot().unwrap().verify(&log.log, &packed).unwrap();
                hand_over(to, &run);
            }
            return true;
        }
    }
    false
}
