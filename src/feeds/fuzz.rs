//! The feed store put to operations in any order, beside a model of it.
//!
//! The fuzzer's bytes are a row of operations: runs of two authors taken whole, in parts, without bodies, changed; bodies
//! by themselves; feeds followed and left; own entries; writes committed or dropped; the store closed and opened. The model
//! knows which entries are held. At the end everything is taken, and the store must show what a store shows that took it
//! all in order: no order of arrival changes what is seen.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, LazyLock};

use bytes::Bytes;

use super::page::{PageRow, Query, Scope};
use super::{FeedStore, FeedsError, Taken};
use crate::format::fuzz::Choices;
use crate::format::{
    Body, Closing, Content, Delete, DeviceSecret, Draft, Edit, EntryId, EntryRef, FeedId,
    FeedSecret, Follow, FormatError, Kind, Lane, LogId, OrderKey, PackedRun, Post, Reaction, Ref,
    Rel, Run, Seq, Statement, Timestamp, encode_content, lanes,
};
use crate::store::{Durability, MemoryStorage, Storage};

/// After the last claim of any entry.
const NOW: Timestamp = Timestamp(1_000_000_000);
/// Operations of one input.
const OPERATIONS: usize = 200;

/// A feed key, the key of a device that it admitted, and what that wrote, whole.
struct Person {
    device: DeviceSecret,
    feed: FeedId,
    admit: Statement,
    logs: Vec<Vec<Run>>,
}

impl Person {
    fn new(number: u8) -> Result<Self, FormatError> {
        let secret = FeedSecret::from_bytes(&[number; 32]);
        let device = DeviceSecret::from_bytes(&[number ^ 0x80; 32]);
        let feed = secret.id();
        let consent = device.consent(&feed);
        let admit = Statement::admit(feed, &secret, device.id(), true, "", consent)?;
        let logs = Vec::new();
        Ok(Self {
            device,
            feed,
            admit,
            logs,
        })
    }

    fn log(&self, lane: Lane) -> LogId {
        LogId {
            feed: self.feed,
            device: self.device.id(),
            lane,
        }
    }

    /// Signs entries as a log, in pieces of these lengths.
    fn write(&mut self, lane: Lane, drafts: &[Draft]) -> Result<(), FormatError> {
        let (mut at, mut prev) = (Seq::ZERO, EntryId::ZERO);
        let mut runs: Vec<Run> = Vec::new();
        let mut rest = drafts;
        for length in [1usize, 3, 30, 1, 60].into_iter().cycle() {
            let (piece, later) = rest.split_at(length.min(rest.len()));
            for run in Run::sign(&self.device, &self.log(lane), at, prev, piece)? {
                (at, prev) = (run.end(), run.last_id());
                runs.push(run);
            }
            rest = later;
            if rest.is_empty() {
                break;
            }
        }
        self.logs.push(runs);
        Ok(())
    }

    /// Posts, edits and replies in one lane; deletes, one undone, in another; reactions in a third.
    fn author(number: u8) -> Result<Self, FormatError> {
        let mut person = Self::new(number)?;
        let posts: Vec<Draft> = (0..80).map(a_post).collect::<Result<_, _>>()?;
        person.write(lanes::POSTS, &posts)?;
        let firsts: Vec<EntryRef> = person.references(0);
        let mut drafts = posts;
        for (n, post) in (80..).zip(firsts.iter().step_by(7)) {
            let content = Post {
                text: format!("edited {n}"),
                ..Post::default()
            };
            let content = encode_content(&content)?;
            drafts.push(draft(
                &Edit { content },
                &[(Rel::Replaces, *post)],
                &["tea"],
                n,
            )?);
            drafts.push(draft(
                &Post::default(),
                &[(Rel::Reply, *post), (Rel::Root, *post)],
                &[],
                n,
            )?);
        }
        person.logs.clear();
        person.write(lanes::POSTS, &drafts)?;
        let posts = person.references(0);
        let delete = |(n, post): (i64, &EntryRef)| {
            draft(&Delete::default(), &[(Rel::Delete, *post)], &[], 200 + n)
        };
        let mut deletes: Vec<Draft> = (0..)
            .zip(posts.iter().step_by(9))
            .map(delete)
            .collect::<Result<_, _>>()?;
        person.write(lanes::STATE, &deletes)?;
        let undone = person.references(1);
        deletes.extend(
            undone
                .first()
                .map(|first| delete((90, first)))
                .transpose()?,
        );
        person.logs.truncate(1);
        person.write(lanes::STATE, &deletes)?;
        let react = |(n, post): (i64, &EntryRef)| {
            let emoji = "+".to_owned();
            draft(&Reaction { emoji }, &[(Rel::Reaction, *post)], &[], 300 + n)
        };
        let reactions: Vec<Draft> = (0..)
            .zip(posts.iter().step_by(5))
            .map(react)
            .collect::<Result<_, _>>()?;
        person.write(lanes::REACTIONS, &reactions)?;
        Ok(person)
    }

    fn references(&self, log: usize) -> Vec<EntryRef> {
        let runs = self.logs.get(log).into_iter().flatten();
        runs.flat_map(Run::entries)
            .map(|entry| entry.reference())
            .collect()
    }
}

fn a_post(n: i64) -> Result<Draft, FormatError> {
    let post = Post {
        text: format!("post {n}"),
        ..Post::default()
    };
    let tags: &[&str] = if n % 3 == 0 { &["Tea"] } else { &[] };
    let made = draft(&post, &[], tags, n)?;
    // Some are over long ago.
    Ok(if n % 11 == 10 {
        made.expiring(Timestamp(5_000))
    } else {
        made
    })
}

fn draft<C: Content>(
    content: &C,
    refs: &[(Rel, EntryRef)],
    tags: &[&str],
    time: i64,
) -> Result<Draft, FormatError> {
    let refs = refs.iter().map(|(rel, target)| Ref {
        rel: *rel,
        target: *target,
    });
    let body = Body {
        salt: time.to_be_bytes(),
        refs: refs.collect(),
        tags: tags.iter().map(ToString::to_string).collect(),
        content: encode_content(content)?,
        ..Body::default()
    };
    Ok(Draft::new(
        Kind::new(C::KIND)?,
        Timestamp(1_000 * time),
        body.encode()?,
    ))
}

/// The owner, who writes while the fuzzer runs, and the authors: signing takes too long to do it for each input.
static PEOPLE: LazyLock<(Person, [Person; 2])> = LazyLock::new(|| {
    let made = || Ok((Person::new(9)?, [Person::author(1)?, Person::author(2)?]));
    made().unwrap_or_else(|error: FormatError| panic!("{error}"))
});

/// The store, and what the model knows of it.
struct World {
    storage: Arc<dyn Storage>,
    store: FeedStore,
    held: BTreeMap<LogId, BTreeSet<u64>>,
    followed: BTreeSet<FeedId>,
    clock: i64,
}

pub(crate) fn feeds(bytes: &[u8]) {
    let done = World::open().and_then(|mut world| {
        let mut from = Choices::new(bytes);
        for _ in 0..OPERATIONS {
            if from.is_over() {
                break;
            }
            world.operation(&mut from)?;
        }
        world.check_held()?;
        world.converge()
    });
    assert!(done.is_ok(), "{done:?}");
}

impl World {
    fn open() -> Result<Self, FeedsError> {
        let storage: Arc<dyn Storage> = Arc::new(MemoryStorage::new());
        let mut world = Self {
            store: FeedStore::open_with(storage.clone(), &[])?,
            storage,
            held: BTreeMap::new(),
            followed: BTreeSet::new(),
            clock: 1_000_000,
        };
        let (owner, authors) = &*PEOPLE;
        let mut batch = world.store.batch()?;
        batch.adopt_own(&owner.feed, vec![owner.admit.clone()])?;
        for author in authors {
            batch.take_statements(&author.feed, vec![author.admit.clone()])?;
        }
        batch.commit(Durability::Durable)?;
        for author in authors {
            world.follow(author.feed, true)?;
        }
        Ok(world)
    }

    fn operation(&mut self, from: &mut Choices<'_>) -> Result<(), FeedsError> {
        let (owner, authors) = &*PEOPLE;
        let author = authors.get(from.below(authors.len()));
        let Some(author) = author else { return Ok(()) };
        match from.below(20) {
            0 => self.follow(author.feed, false)?,
            1 | 2 => self.follow(author.feed, true)?,
            3 => {
                // As after a restart.
                self.store = FeedStore::open_with(self.storage.clone(), &[])?;
            }
            4 => self.own(from)?,
            5 => {
                let mut more = true;
                while more {
                    let mut batch = self.store.batch()?.at(NOW);
                    more = batch.sweep(NOW)?;
                    batch.commit(Durability::Durable)?;
                }
                // All that was left was left long before.
                let (owner, followed) = (owner.feed, &self.followed);
                self.held
                    .retain(|log, _| log.feed == owner || followed.contains(&log.feed));
            }
            6 => self.check_held()?,
            7 => drop(check_pages(&self.store, author)?),
            8..=10 => self.body(author, from)?,
            _ => self.run(author, from)?,
        }
        Ok(())
    }

    fn follow(&mut self, feed: FeedId, following: bool) -> Result<(), FeedsError> {
        let (owner, _) = &*PEOPLE;
        self.clock += 1;
        let change = draft(&Follow { feed, following }, &[], &[], self.clock)?;
        let mut batch = self.store.batch()?;
        batch.append(&owner.device, &owner.feed, lanes::OWN, &[change])?;
        batch.commit(Durability::Durable)?;
        if following {
            self.followed.insert(feed);
            // What was left is freed, statements and all.
            let (_, authors) = &*PEOPLE;
            let mut batch = self.store.batch()?;
            for author in authors.iter().filter(|author| author.feed == feed) {
                batch.take_statements(&feed, vec![author.admit.clone()])?;
            }
            batch.commit(Durability::Durable)?;
        } else {
            self.followed.remove(&feed);
        }
        Ok(())
    }

    /// An own entry: one that is written, and one that is dropped again.
    fn own(&mut self, from: &mut Choices<'_>) -> Result<(), FeedsError> {
        let (owner, _) = &*PEOPLE;
        self.clock += 1;
        let post = draft(&Post::default(), &[], &["tea"], self.clock)?;
        let mut batch = self.store.batch()?;
        let names = batch.append(&owner.device, &owner.feed, lanes::POSTS, &[post])?;
        if from.flag() {
            batch.commit(Durability::Durable)?;
            let held = self.held.entry(owner.log(lanes::POSTS)).or_default();
            let news = names.iter().all(|name| held.insert(name.seq.0));
            assert!(news, "a place given out twice");
        }
        Ok(())
    }

    fn body(&self, author: &Person, from: &mut Choices<'_>) -> Result<(), FeedsError> {
        let Some((log, runs)) = a_log(author, from) else {
            return Ok(());
        };
        let seq = Seq(from.number() % 110);
        let item = runs
            .iter()
            .flat_map(Run::entries)
            .find(|entry| entry.header().seq() == seq);
        let id = item.as_ref().map_or(EntryId::ZERO, |entry| entry.id());
        let good = item.and_then(|entry| entry.body().cloned());
        let wrong = Bytes::copy_from_slice(from.bytes(20));
        let is_wrong = from.below(3) == 0 || good.is_none();
        let body = good.filter(|_| !is_wrong).unwrap_or(wrong);
        let mut batch = self.store.batch()?.at(NOW);
        let taken = batch.take_body(&log, seq, &id, &body)?;
        batch.commit(Durability::Durable)?;
        assert!(
            taken != Taken::Stored || !is_wrong,
            "a wrong body was stored"
        );
        Ok(())
    }

    /// A run of any range: as it is, without bodies, changed, or taken and dropped.
    fn run(&mut self, author: &Person, from: &mut Choices<'_>) -> Result<(), FeedsError> {
        let Some((log, runs)) = a_log(author, from) else {
            return Ok(());
        };
        let held = self.held.entry(log).or_default();
        let Some(run) = part(runs, from, held) else {
            return Ok(());
        };
        let run = match from.below(4) {
            0 => run.headers_only(),
            1 => {
                let mask = u64::from_be_bytes(from.array());
                run.with_bodies(|seq, item| {
                    item.body()
                        .filter(|_| mask >> (seq.0 % 64) & 1 == 1)
                        .cloned()
                })
            }
            _ => run,
        };
        let mut packed = run.packed().to_vec();
        let changed = from.below(6) == 0;
        if changed {
            let at = usize::from(from.byte()) << 8 | usize::from(from.byte());
            let at = at.checked_rem(packed.len()).unwrap_or(0);
            if let Some(byte) = packed.get_mut(at) {
                *byte = from.byte();
            }
        }
        let is_same = packed == run.packed().as_ref();
        let packed = PackedRun::from_bytes(packed.into());
        let verified = match self.store.snapshot()?.verify(&log, &packed) {
            Ok(verified) => verified,
            Err(error) => {
                assert!(!is_same, "{error}");
                return Ok(());
            }
        };
        assert!(is_same, "a changed run verifies");
        let mut batch = self.store.batch()?.at(NOW);
        let taken = batch.take_run(&verified)?;
        if from.below(5) == 0 {
            return Ok(());
        }
        batch.commit(Durability::Durable)?;
        let news = (run.first().0..run.end().0)
            .filter(|seq| !held.contains(seq))
            .count();
        match taken {
            Taken::Refused => assert!(
                !self.followed.contains(&log.feed),
                "a followed feed is refused"
            ),
            Taken::Stored => held.extend(run.first().0..run.end().0),
            Taken::AlreadyHeld => assert_eq!(news, 0, "new entries are not stored"),
            other => panic!("{other:?} of a good run"),
        }
        Ok(())
    }

    /// What the store says it holds is what the model knows.
    fn check_held(&self) -> Result<(), FeedsError> {
        let snapshot = self.store.snapshot()?;
        for (log, held) in &self.held {
            let Some(replica) = snapshot.replica(&log.feed)? else {
                assert!(held.is_empty() || !self.followed.contains(&log.feed));
                continue;
            };
            let mine = replica.logs.iter().filter(|found| found.log == *log);
            let ranges = mine.flat_map(|found| found.held.clone());
            let places: BTreeSet<u64> = ranges
                .flat_map(|range| range.start.0..range.end.0)
                .collect();
            assert_eq!(&places, held, "what is held of {log:?}");
        }
        Ok(())
    }

    /// Takes everything that is missing; what is seen then is what anyone sees who took it in order.
    fn converge(mut self) -> Result<(), FeedsError> {
        for author in &PEOPLE.1 {
            self.take_all(author)?;
        }
        for (author, expected) in PEOPLE.1.iter().zip(&*SEEN) {
            let found = check_pages(&self.store, author)?;
            for (number, (one, two)) in found.iter().zip(expected).enumerate() {
                let first = one.iter().zip(two).find(|(one, two)| one != two);
                assert!(
                    one == two,
                    "what is seen differs: query {number}, {} rows and {}, first {first:?}",
                    one.len(),
                    two.len()
                );
            }
        }
        Ok(())
    }

    fn take_all(&mut self, author: &Person) -> Result<(), FeedsError> {
        self.follow(author.feed, true)?;
        // Twice: a body that a delete took is wanted again once the undo is here.
        for run in author.logs.iter().chain(&author.logs).flatten() {
            let mut batch = self.store.batch()?.at(NOW);
            batch.take_run(run)?;
            batch.commit(Durability::Durable)?;
        }
        let mut batch = self.store.batch()?.at(NOW);
        batch.sweep(NOW)?;
        batch.commit(Durability::Durable)?;
        Ok(())
    }
}

/// What is seen of each author by who took all of both, in order.
static SEEN: LazyLock<Vec<Vec<Vec<Seen>>>> = LazyLock::new(|| {
    let made = || -> Result<Vec<_>, FeedsError> {
        let mut world = World::open()?;
        for author in &PEOPLE.1 {
            world.take_all(author)?;
        }
        let pages = PEOPLE.1.iter();
        pages
            .map(|author| check_pages(&world.store, author))
            .collect()
    };
    made().unwrap_or_else(|error| panic!("{error}"))
});

fn a_log<'p>(author: &'p Person, from: &mut Choices<'_>) -> Option<(LogId, &'p [Run])> {
    let runs = author.logs.get(from.below(author.logs.len()))?;
    Some((*runs.first()?.log(), runs))
}

/// A range of a log that can be proved to who holds these entries.
fn part(runs: &[Run], from: &mut Choices<'_>, held: &BTreeSet<u64>) -> Option<Run> {
    let len = runs.last()?.end().0;
    let start = Seq(from.number().checked_rem(len)?);
    let block = start.block_start()..start.block_end();
    let inside: Vec<Run> = runs
        .iter()
        .filter(|run| block.contains(&run.first()))
        .cloned()
        .collect();
    let whole = Run::join(&inside)?;
    let end = start.plus(1 + u64::from(from.byte()) % 64).min(whole.end());
    let signed = inside.iter().find(|run| run.end() >= end)?;
    if signed.end() != end && held.contains(&end.0) && end < block.end {
        return whole.part(start, end, Closing::NextHeld);
    }
    whole.part(start, signed.end(), *signed.closing())
}

/// One row of a page: where it stands, what it is, and whether its body is at hand.
type Seen = (OrderKey, Option<EntryRef>, bool);

/// Everything that is seen of an author, page by page.
fn check_pages(store: &FeedStore, author: &Person) -> Result<Vec<Vec<Seen>>, FeedsError> {
    let feed = Some(author.feed);
    let tea = Query {
        tag: Some("tea".to_owned()),
        ..Query::default()
    };
    let mut queries = vec![
        Query {
            feed,
            ..Query::default()
        },
        Query { feed, ..tea },
    ];
    let posts = author.references(0);
    for (rel, post) in [
        (Rel::Reaction, 0),
        (Rel::Reply, 0),
        (Rel::Reply, 7),
        (Rel::Reaction, 10),
    ] {
        queries.extend(posts.get(post).map(|post| Query {
            scope: Scope::Target(post.id, rel),
            ..Query::default()
        }));
    }
    let snapshot = store.snapshot()?;
    let mut all = Vec::new();
    for query in queries {
        let mut seen: Vec<Seen> = Vec::new();
        loop {
            let before = seen.last().map(|(order, ..)| *order);
            let page = snapshot.page(&query, before, 40, NOW)?;
            if page.is_empty() {
                break;
            }
            seen.extend(page.into_iter().map(|row| match row {
                PageRow::Entry {
                    order, entry, body, ..
                } => (order, Some(entry.reference), body.is_some()),
                PageRow::Gap { order, .. } | PageRow::Missing { order, .. } => (order, None, false),
            }));
        }
        // A gap stands right behind the entry above it, at the same place.
        let is_wrong =
            |one: &Seen, next: &Seen| one.0 < next.0 || (one.0 == next.0 && next.1.is_some());
        let wrong = seen
            .windows(2)
            .find(|pair| matches!(pair, [one, next] if is_wrong(one, next)));
        assert!(
            wrong.is_none(),
            "out of order, or twice: {wrong:?} for {query:?}"
        );
        all.push(seen);
    }
    Ok(all)
}
