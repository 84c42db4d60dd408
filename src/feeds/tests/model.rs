//! Random histories against a slow plain model: one list of entries a log, everything else computed from it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::super::{FeedStore, PageRow, Query, Scope, Taken};
use super::check::assert_whole;
use super::world::{
    Chain, NOW, Person, Random, Seen, all_changes, all_pages, draft, follow, kind, memory, person,
    pointing, post, redb, told, write,
};
use crate::format::{
    Body, Closing, Draft, EntryRef, FeedId, Lane, LogId, OrderKey, PackedRun, Reaction, Rel, Run,
    Seq, Timestamp, lanes,
};
use crate::store::Storage;

const TAGS: [&str; 3] = ["Rust", "rust ", "tea"];

/// What is held of one log.
struct Log {
    chain: Chain,
    held: BTreeSet<u64>,
    bodies: BTreeSet<u64>,
}

struct World {
    random: Random,
    owner: Person,
    people: Vec<Person>,
    /// Own logs first.
    logs: Vec<Log>,
    own_logs: usize,
    followed: BTreeSet<FeedId>,
    clock: i64,
    changes: Vec<(&'static str, LogId, u64)>,
}

impl World {
    fn new(seed: u64) -> Self {
        let owner = person(1);
        let people: Vec<_> = (2..5).map(person).collect();
        let log = |chain| Log {
            chain,
            held: BTreeSet::new(),
            bodies: BTreeSet::new(),
        };
        let mut logs: Vec<_> = [
            lanes::POSTS,
            lanes::REACTIONS,
            lanes::OWN,
            lane("conf.talks"),
        ]
        .map(|lane| log(owner.chain(lane)))
        .into();
        let own_logs = logs.len();
        for person in &people {
            logs.extend([lanes::POSTS, lanes::REACTIONS].map(|lane| log(person.chain(lane))));
        }
        Self {
            random: Random(seed),
            owner,
            people,
            logs,
            own_logs,
            followed: BTreeSet::new(),
            clock: 1_000,
            changes: Vec::new(),
        }
    }

    fn a_draft(&mut self, lane: Lane) -> Draft {
        self.clock += 1;
        // Claims go back and forth, and often are the same in several logs.
        let time = self.clock - i64::try_from(self.random.below(20)).unwrap();
        let target = self.a_target();
        if lane == lanes::REACTIONS {
            let emoji = "+1".to_owned();
            let refs = target.map(|target| pointing(Rel::Reaction, target));
            return draft(&Reaction { emoji }, refs.unwrap_or_default(), &[], time);
        }
        let tags: Vec<_> = TAGS
            .into_iter()
            .filter(|_| self.random.chance(30))
            .collect();
        let Some(target) = target.filter(|_| self.random.chance(20)) else {
            let size = if self.random.chance(5) { 9_000 } else { 20 };
            return post(&"x".repeat(size), &tags, time);
        };
        let reply = crate::format::Post::default();
        draft(&reply, pointing(Rel::Reply, target), &tags, time)
    }

    fn a_target(&mut self) -> Option<EntryRef> {
        let index = self.random.index(self.logs.len());
        let chain = &self.logs[index].chain;
        (chain.len() > 0).then(|| chain.reference(self.random.below(chain.len())))
    }

    fn step(&mut self, store: &FeedStore) {
        match self.random.below(100) {
            0..25 => self.append(store),
            25..40 => self.author(),
            40..80 => self.take(store),
            80..90 => self.fill(store),
            _ => self.follow(store),
        }
    }

    /// Own entries: one, a few, or more than a block.
    fn append(&mut self, store: &FeedStore) {
        let index = self.random.index(self.own_logs);
        let lane = self.logs[index].chain.log.lane;
        if lane == lanes::OWN {
            return;
        }
        let most = [1, 5, 90][self.random.index(3)];
        let count = 1 + self.random.below(most);
        let drafts: Vec<_> = (0..count).map(|_| self.a_draft(lane)).collect();
        let log = &mut self.logs[index];
        log.chain.append(&drafts);
        let names = write(store, |batch| {
            batch
                .append(&self.owner.device, &self.owner.feed, lane, &drafts)
                .unwrap()
        });
        for name in names {
            assert_eq!(
                name,
                log.chain.reference(name.seq.0),
                "signed otherwise than by hand"
            );
            log.held.insert(name.seq.0);
            log.bodies.insert(name.seq.0);
            self.changes.push(("entry", name.log, name.seq.0));
        }
    }

    /// Others write, and nobody hears of it yet.
    fn author(&mut self) {
        let index = self.own_logs + self.random.index(self.logs.len() - self.own_logs);
        let lane = self.logs[index].chain.log.lane;
        let most = [1, 8, 150][self.random.index(3)];
        let count = 1 + self.random.below(most);
        let drafts: Vec<_> = (0..count).map(|_| self.a_draft(lane)).collect();
        self.logs[index].chain.append(&drafts);
    }

    /// A run of any range, from anywhere in a log.
    fn take(&mut self, store: &FeedStore) {
        let index = self.own_logs + self.random.index(self.logs.len() - self.own_logs);
        let Some(run) = self.a_run(index) else { return };
        let packed = PackedRun::from_bytes(run.packed().clone());
        let verified = store
            .snapshot()
            .unwrap()
            .verify(run.log(), &packed)
            .unwrap();
        let taken = write(store, |batch| batch.take_run(&verified).unwrap());
        let is_followed = self.followed.contains(&run.log().feed);
        let expected = if is_followed {
            self.expect(index, &run)
        } else {
            Taken::Refused
        };
        assert_eq!(taken, expected);
    }

    fn a_run(&mut self, index: usize) -> Option<Run> {
        let log = &self.logs[index];
        let len = log.chain.len();
        if len == 0 {
            return None;
        }
        // Newest first, more often than not.
        let near = len - 1 - self.random.below(len).min(self.random.below(len));
        let block = Seq(near).block_start().0..Seq(near).block_end().0.min(len);
        let from = block.start + self.random.below(block.end - block.start);
        let mut to = from + 1 + self.random.below(block.end - from);
        let may_lean = log.held.contains(&to) && to < Seq(near).block_end().0;
        if !may_lean {
            to = log.chain.signed_after(to);
        }
        let run = log.chain.part(from, to);
        Some(match self.random.below(4) {
            0 => run.headers_only(),
            1 => {
                let mask = self.random.next();
                run.with_bodies(|seq, item| {
                    item.body()
                        .filter(|_| mask >> (seq.0 % 64) & 1 == 1)
                        .cloned()
                })
            }
            _ => run,
        })
    }

    fn expect(&mut self, index: usize, run: &Run) -> Taken {
        let log = &mut self.logs[index];
        let id = *run.log();
        let (mut bodies, mut entries) = (Vec::new(), Vec::new());
        for (seq, item) in (run.first().0..).zip(run.items()) {
            if log.held.insert(seq) {
                entries.push(("entry", id, seq));
            } else if item.body().is_some() && !log.bodies.contains(&seq) {
                bodies.push(("body", id, seq));
            }
            if item.body().is_some() {
                log.bodies.insert(seq);
            }
        }
        let is_new = !bodies.is_empty() || !entries.is_empty();
        self.changes.extend(bodies.into_iter().chain(entries));
        if is_new {
            Taken::Stored
        } else {
            Taken::AlreadyHeld
        }
    }

    /// A body that was missing comes by itself; sometimes a wrong one.
    fn fill(&mut self, store: &FeedStore) {
        let index = self.random.index(self.logs.len());
        let log = &mut self.logs[index];
        let missing: Vec<_> = log.held.difference(&log.bodies).copied().collect();
        if missing.is_empty() || !self.followed.contains(&log.chain.log.feed) {
            return;
        }
        let seq = missing[self.random.index(missing.len())];
        let body = super::world::body_of(&log.chain, seq);
        let id = log.chain.log;
        let entry = log.chain.reference(seq).id;
        let wrong = bytes::Bytes::from_static(b"not this one");
        write(store, |batch| {
            let taken = batch.take_body(&id, Seq(seq), &entry, &wrong).unwrap();
            assert_eq!(taken, Taken::Mismatch);
            assert_eq!(
                batch.take_body(&id, Seq(seq), &entry, &body).unwrap(),
                Taken::Stored
            );
            let again = batch.take_body(&id, Seq(seq), &entry, &body).unwrap();
            assert_eq!(again, Taken::AlreadyHeld);
        });
        log.bodies.insert(seq);
        self.changes.push(("body", id, seq));
    }

    fn follow(&mut self, store: &FeedStore) {
        let person = &self.people[self.random.index(self.people.len())];
        let following = self.random.chance(75);
        self.clock += 1;
        let change = crate::format::Follow {
            feed: person.feed,
            following,
        };
        let change = draft(&change, Vec::new(), &[], self.clock);
        let log = self
            .logs
            .iter_mut()
            .find(|log| log.chain.log.lane == lanes::OWN)
            .unwrap();
        let seq = log.chain.len();
        log.chain.append(std::slice::from_ref(&change));
        log.held.insert(seq);
        log.bodies.insert(seq);
        self.changes.push(("entry", log.chain.log, seq));
        if following {
            self.followed.insert(person.feed);
        } else {
            self.followed.remove(&person.feed);
        }
        write(store, |batch| {
            batch
                .append(&self.owner.device, &self.owner.feed, lanes::OWN, &[change])
                .unwrap();
            batch
                .take_statements(&person.feed, vec![person.admit.clone()])
                .unwrap();
        });
    }

    fn check(&mut self, store: &FeedStore) {
        self.check_pages(store);
        self.check_changes(store);
        self.check_replicas(store);
    }

    fn check_pages(&mut self, store: &FeedStore) {
        let feed = self.people[self.random.index(self.people.len())].feed;
        let target = self.a_target();
        let mut queries = vec![
            Query::default(),
            Query {
                feed: Some(feed),
                ..Query::default()
            },
            Query {
                kind: Some(kind("post/1")),
                ..Query::default()
            },
            Query {
                scope: Scope::Kind,
                kind: Some(kind("reaction/1")),
                ..Query::default()
            },
            Query {
                tag: Some("rust".to_owned()),
                ..Query::default()
            },
            Query {
                feed: Some(feed),
                tag: Some("tea".to_owned()),
                ..Query::default()
            },
        ];
        queries.extend(target.into_iter().flat_map(|target| {
            [Rel::Reply, Rel::Reaction].map(|rel| Query {
                scope: Scope::Target(target.id, rel),
                ..Query::default()
            })
        }));
        for query in queries {
            let limit = [1, 3, 50][self.random.index(3)];
            let expected = self.expected(&query);
            assert_eq!(
                all_pages(store, &query, limit),
                expected,
                "{query:?} by {limit}"
            );
        }
    }

    fn expected(&self, query: &Query) -> Vec<Seen> {
        let is_wanted = |feed: &FeedId| *feed == self.owner.feed || self.followed.contains(feed);
        let has_gaps =
            query.scope == Scope::Timeline && query.kind.is_none() && query.tag.is_none();
        let mut rows = Vec::new();
        for log in self
            .logs
            .iter()
            .filter(|log| is_wanted(&log.chain.log.feed))
        {
            let LogId { feed, lane, .. } = log.chain.log;
            if query.feed.is_some_and(|wanted| wanted != feed) {
                continue;
            }
            let is_content = lane == lanes::POSTS || lane.as_str() == "conf.talks";
            for run in &log.chain.runs {
                for entry in run.entries() {
                    let seq = entry.header().seq().0;
                    if !log.held.contains(&seq) {
                        continue;
                    }
                    let has_body = log.bodies.contains(&seq);
                    let body = Body::decode(entry.body().unwrap()).unwrap();
                    let matches = match query.scope {
                        Scope::Target(id, rel) => {
                            has_body && body.targets(rel).any(|target| target.id == id)
                        }
                        Scope::Kind => lane != lanes::OWN,
                        Scope::Timeline => is_content,
                    };
                    let kind = entry.header().kind();
                    let of_kind = query.kind.as_ref().is_none_or(|wanted| wanted == kind);
                    let tagged = query.tag.as_ref().is_none_or(|tag| {
                        has_body && body.tags.iter().any(|t| Body::fold_tag(t) == *tag)
                    });
                    let order = order(&log.chain.log, entry.header().time(), seq);
                    if matches && of_kind && tagged {
                        rows.push(Seen::Entry(order, entry.reference(), has_body));
                    }
                    let begins = seq > 0 && !log.held.contains(&(seq - 1));
                    if has_gaps && is_content && begins {
                        let from = log.held.range(..seq).next_back().map_or(0, |last| last + 1);
                        rows.push(Seen::Gap(order, log.chain.log, from, seq));
                    }
                }
            }
        }
        // Stable: an entry stands before the gap below it.
        rows.sort_by_key(|row| std::cmp::Reverse(row.order()));
        rows
    }

    fn check_changes(&mut self, store: &FeedStore) {
        let limit = [1, 7, 1_000][self.random.index(3)];
        let all = all_changes(store, 0, limit);
        assert_eq!(all.iter().map(told).collect::<Vec<_>>(), self.changes);
        assert!(all.is_sorted_by(|a, b| a.number < b.number));
        let from = self.random.below(store.snapshot().unwrap().arrival() + 2);
        let rest = all_changes(store, from, limit);
        let expected: Vec<_> = all.iter().filter(|c| c.number >= from).map(told).collect();
        assert_eq!(
            rest.iter().map(told).collect::<Vec<_>>(),
            expected,
            "from {from} on"
        );
    }

    fn check_replicas(&mut self, store: &FeedStore) {
        let snapshot = store.snapshot().unwrap();
        for log in self.logs.iter().filter(|log| !log.held.is_empty()) {
            let replica = snapshot.replica(&log.chain.log.feed).unwrap().unwrap();
            let held = replica
                .logs
                .iter()
                .find(|held| held.log == log.chain.log)
                .unwrap();
            let places: Vec<u64> = held.held.iter().flat_map(|r| r.start.0..r.end.0).collect();
            assert_eq!(places, log.held.iter().copied().collect::<Vec<_>>());
            let last = *log.held.last().unwrap();
            assert_eq!(held.head, (Seq(last), log.chain.reference(last).id));
            let missing: Vec<_> = log
                .held
                .difference(&log.bodies)
                .map(|seq| (Seq(*seq), log.chain.reference(*seq).id))
                .collect();
            assert_eq!(held.missing, missing);
        }
        let count = |logs: &[Log]| logs.iter().map(|log| log.held.len() as u64).sum::<u64>();
        let counts = (count(&self.logs[..self.own_logs]), count(&self.logs));
        assert_eq!(snapshot.counts().unwrap(), counts);
        let index = self.random.index(self.logs.len());
        self.check_runs(store, index);
    }

    /// What is served of any range verifies, and holds all that is held of it.
    fn check_runs(&mut self, store: &FeedStore, index: usize) {
        let log = &self.logs[index];
        if log.held.is_empty() {
            return;
        }
        let near = self.random.below(log.chain.len());
        let block = Seq(near).block_start().0..Seq(near).block_end().0;
        let from = block.start + self.random.below(64);
        let to = from + 1 + self.random.below(block.end - from);
        let leans = to < log.chain.len() && to < block.end && self.random.chance(50);
        let snapshot = store.snapshot().unwrap();
        let range = Seq(from)..Seq(to);
        let runs = snapshot
            .runs(&log.chain.log, range, leans, usize::MAX)
            .unwrap();
        let mut served = BTreeMap::new();
        for packed in runs {
            let packed = PackedRun::from_bytes(packed);
            let next = leans.then(|| log.chain.reference(to - 1).id);
            let run = packed.verify(&log.chain.log, next.as_ref()).unwrap();
            for entry in run.entries() {
                let seq = entry.header().seq().0;
                assert_eq!(entry.id(), log.chain.reference(seq).id);
                assert_eq!(entry.body().is_some(), log.bodies.contains(&seq));
                let twice = served.insert(seq, ());
                assert!(twice.is_none() || seq >= to, "served twice");
            }
            let whole = run.len() == 64 && run.items().iter().all(|item| item.body().is_some());
            if whole {
                assert_eq!(
                    run,
                    log.chain.part(block.start, block.end),
                    "packed otherwise"
                );
            }
            let ends_signed = matches!(run.closing(), Closing::Signed(_));
            assert!(ends_signed || run.end().0 == to);
        }
        for seq in log.held.range(from..to) {
            assert!(
                served.contains_key(seq),
                "{seq} of {from}..{to} is held and not served"
            );
        }
    }
}

fn lane(name: &str) -> Lane {
    Lane::new(name).unwrap()
}

fn order(log: &LogId, time: Timestamp, seq: u64) -> OrderKey {
    OrderKey {
        time,
        log: log.order(),
        seq: Seq(seq),
    }
}

fn history(storage: &Arc<dyn Storage>, seed: u64, steps: usize) {
    println!("seed {seed}");
    let mut world = World::new(seed);
    let mut store = FeedStore::open(storage.clone()).unwrap();
    write(&store, |batch| {
        let admit = vec![world.owner.admit.clone()];
        batch.adopt_own(&world.owner.feed, admit).unwrap();
    });
    for step in 0..steps {
        world.step(&store);
        if step % 10 == 9 {
            store = FeedStore::open(storage.clone()).unwrap();
        }
        if step % 3 == 0 || step + 1 == steps {
            world.check(&store);
        }
    }
    assert_whole(&store);
    let page = store
        .snapshot()
        .unwrap()
        .page(&Query::default(), None, 3, NOW)
        .unwrap();
    assert!(page.iter().all(
        |row| !matches!(row, PageRow::Entry { body: None, entry, .. } if entry.body.is_some())
    ));
}

#[test]
fn random_histories_agree_with_the_model_in_memory() {
    for seed in 1..=8 {
        history(&memory(), seed, 80);
    }
}

#[test]
fn random_histories_agree_with_the_model_in_a_file() {
    for seed in 101..=102 {
        let (_folder, storage) = redb();
        history(&storage, seed, 60);
    }
}

#[test]
fn follows_are_what_the_last_change_says() {
    let (owner, friend) = (person(1), person(2));
    let store = FeedStore::open(memory()).unwrap();
    write(&store, |batch| {
        batch
            .adopt_own(&owner.feed, vec![owner.admit.clone()])
            .unwrap();
        follow(batch, &owner, &friend.feed, true, 5);
        follow(batch, &owner, &friend.feed, false, 6);
    });
    assert_eq!(
        store.snapshot().unwrap().wanted().unwrap(),
        vec![owner.feed]
    );
}
