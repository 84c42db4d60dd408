//! Feeds, devices and posts for the tests, and chains as their authors have them.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use bytes::Bytes;

use super::super::{Change, Changed, FeedBatch, FeedStore, Note, PageRow, Query, Taken};
use crate::format::{
    Body, Closing, Content, DeviceSecret, Draft, EntryId, EntryRef, FeedId, FeedSecret, Follow,
    Item, Kind, Lane, LogId, OrderKey, PackedRun, Post, Ref, Rel, Run, Seq, Statement, Timestamp,
    encode_content, lanes,
};
use crate::store::{Durability, MemoryStorage, RedbOptions, RedbStorage, Storage};

/// Numbers that look random and are the same each time.
pub(super) struct Random(pub(super) u64);

impl Random {
    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(super) fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }

    pub(super) fn index(&mut self, len: usize) -> usize {
        usize::try_from(self.below(len as u64)).unwrap()
    }

    pub(super) fn chance(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    pub(super) fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.index(last + 1));
        }
    }
}

/// Ten minutes after the last claim of any test that does not look ahead.
pub(super) const NOW: Timestamp = Timestamp(1_000_000_000);

/// A storage in a file, and the folder that goes with it.
pub(super) fn redb() -> (tempfile::TempDir, Arc<dyn Storage>) {
    let folder = tempfile::tempdir().unwrap();
    let storage = RedbStorage::open(folder.path().join("store"), RedbOptions::new()).unwrap();
    (folder, Arc::new(storage))
}

pub(super) fn memory() -> Arc<dyn Storage> {
    Arc::new(MemoryStorage::new())
}

pub(super) fn open() -> FeedStore {
    FeedStore::open(memory()).unwrap()
}

/// A person: a feed key, and the key of a device that it admitted.
#[derive(Clone)]
pub(super) struct Person {
    pub(super) secret: FeedSecret,
    pub(super) device: DeviceSecret,
    pub(super) feed: FeedId,
    pub(super) admit: Statement,
}

pub(super) fn person(number: u8) -> Person {
    // Signing takes milliseconds in a debug build, and some tests begin a thousand times.
    static KNOWN: Mutex<BTreeMap<u8, Person>> = Mutex::new(BTreeMap::new());
    let mut known = KNOWN.lock().unwrap();
    known
        .entry(number)
        .or_insert_with(|| new_person(number))
        .clone()
}

fn new_person(number: u8) -> Person {
    let secret = FeedSecret::from_bytes(&[number; 32]);
    let device = DeviceSecret::from_bytes(&[number ^ 0x80; 32]);
    let feed = secret.id();
    let admit = admit(&secret, &device);
    Person {
        secret,
        device,
        feed,
        admit,
    }
}

pub(super) fn admit(secret: &FeedSecret, device: &DeviceSecret) -> Statement {
    let feed = secret.id();
    Statement::admit(feed, secret, device.id(), true, "", device.consent(&feed)).unwrap()
}

impl Person {
    pub(super) fn log(&self, lane: Lane) -> LogId {
        LogId {
            feed: self.feed,
            device: self.device.id(),
            lane,
        }
    }

    pub(super) fn chain(&self, lane: Lane) -> Chain {
        Chain {
            secret: self.device.clone(),
            log: self.log(lane),
            runs: Vec::new(),
        }
    }
}

/// A log as its author has it, whole: the runs in the order in which they were signed.
#[derive(Clone)]
pub(super) struct Chain {
    pub(super) secret: DeviceSecret,
    pub(super) log: LogId,
    pub(super) runs: Vec<Run>,
}

impl Chain {
    pub(super) fn len(&self) -> u64 {
        self.runs.last().map_or(0, |run| run.end().0)
    }

    pub(super) fn head(&self) -> EntryId {
        self.runs.last().map_or(EntryId::ZERO, Run::last_id)
    }

    pub(super) fn append(&mut self, drafts: &[Draft]) {
        let (first, prev) = (Seq(self.len()), self.head());
        let runs = Run::sign(&self.secret, &self.log, first, prev, drafts).unwrap();
        self.runs.extend(runs);
    }

    /// Appends posts, all with one signature a block.
    pub(super) fn posts(mut self, count: u64) -> Self {
        let from = self.len();
        let drafts: Vec<_> = (from..from + count)
            .map(|n| post(&format!("post {n}"), &[], 1_000 * i64::try_from(n).unwrap()))
            .collect();
        self.append(&drafts);
        self
    }

    /// Appends posts, each signed by itself.
    pub(super) fn singles(mut self, count: u64) -> Self {
        for _ in 0..count {
            self = self.posts(1);
        }
        self
    }

    /// What someone else who has the same key appended after the first `len` entries.
    pub(super) fn branch(&self, len: u64) -> Self {
        let mut branch = self.clone();
        branch.runs.retain(|run| run.end().0 <= len);
        if branch.len() < len {
            let cut = self.part(branch.len(), len);
            let again = |item: &Item| {
                Draft::new(
                    item.kind().clone(),
                    item.time(),
                    item.body().unwrap().clone(),
                )
            };
            let drafts: Vec<_> = cut.items().iter().map(again).collect();
            branch.append(&drafts);
        }
        let time = 500 + 1_000 * i64::try_from(len).unwrap();
        branch.append(&[post("another story", &[], time)]);
        branch
    }

    /// The signed end at or after a place: no run that is to prove it alone can end before.
    pub(super) fn signed_after(&self, end: u64) -> u64 {
        let ends = self.runs.iter().map(|run| run.end().0);
        ends.filter(|at| *at >= end).min().unwrap()
    }

    /// The entries of `from..to`, which lies in one block, closed by a signature if there is one at its end.
    pub(super) fn part(&self, from: u64, to: u64) -> Run {
        let block = Seq(from).block_start()..Seq(from).block_end();
        let inside = |run: &&Run| run.first() >= block.start && run.end() <= block.end;
        let parts: Vec<_> = self.runs.iter().filter(inside).cloned().collect();
        let signed = parts.iter().find(|run| run.end().0 == to);
        let closing = signed.map_or(Closing::NextHeld, |run| *run.closing());
        let whole = Run::join(&parts).unwrap();
        whole.part(Seq(from), Seq(to), closing).unwrap()
    }

    pub(super) fn reference(&self, seq: u64) -> EntryRef {
        self.part(seq, seq + 1).reference(Seq(seq)).unwrap()
    }
}

pub(super) fn kind(name: &str) -> Kind {
    Kind::new(name).unwrap()
}

pub(super) fn draft<C: Content>(content: &C, refs: Vec<Ref>, tags: &[&str], time: i64) -> Draft {
    let body = Body {
        salt: time.to_be_bytes(),
        refs,
        tags: tags.iter().map(ToString::to_string).collect(),
        content: encode_content(content).unwrap(),
        ..Body::default()
    };
    Draft::new(kind(C::KIND), Timestamp(time), body.encode().unwrap())
}

pub(super) fn post(text: &str, tags: &[&str], time: i64) -> Draft {
    let text = text.to_owned();
    draft(
        &Post {
            text,
            ..Post::default()
        },
        Vec::new(),
        tags,
        time,
    )
}

pub(super) fn pointing(rel: Rel, target: EntryRef) -> Vec<Ref> {
    vec![Ref { rel, target }]
}

/// A store whose owner follows the given people, and knows their statements.
pub(super) fn following(storage: Arc<dyn Storage>, people: &[&Person]) -> FeedStore {
    let store = FeedStore::open(storage).unwrap();
    let owner = person(200);
    write(&store, |batch| {
        batch
            .adopt_own(&owner.feed, vec![owner.admit.clone()])
            .unwrap();
        for person in people {
            follow(batch, &owner, &person.feed, true, 1);
            batch
                .take_statements(&person.feed, vec![person.admit.clone()])
                .unwrap();
        }
    });
    store
}

pub(super) fn follow(
    batch: &mut FeedBatch<'_>,
    owner: &Person,
    feed: &FeedId,
    following: bool,
    time: i64,
) {
    let feed = *feed;
    let change = draft(&Follow { feed, following }, Vec::new(), &[], time);
    batch
        .append(&owner.device, &owner.feed, lanes::OWN, &[change])
        .unwrap();
}

pub(super) fn write<'s, T>(store: &'s FeedStore, act: impl FnOnce(&mut FeedBatch<'s>) -> T) -> T {
    noting(store, act).0
}

pub(super) fn noting<'s, T>(
    store: &'s FeedStore,
    act: impl FnOnce(&mut FeedBatch<'s>) -> T,
) -> (T, Vec<Note>) {
    let mut batch = store.batch().unwrap();
    let done = act(&mut batch);
    (done, batch.commit(Durability::Durable).unwrap())
}

/// Hands a run over as a peer does: as bytes, verified with what is held.
pub(super) fn hand_over(store: &FeedStore, run: &Run) -> Taken {
    let packed = PackedRun::from_bytes(run.packed().clone());
    let verified = store
        .snapshot()
        .unwrap()
        .verify(run.log(), &packed)
        .unwrap();
    write(store, |batch| batch.take_run(&verified).unwrap())
}

pub(super) fn body_of(chain: &Chain, seq: u64) -> Bytes {
    chain.part(seq, seq + 1).items()[0].body().unwrap().clone()
}

/// One row of a page, as far as tests compare it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Seen {
    Entry(OrderKey, EntryRef, bool),
    Gap(OrderKey, LogId, u64, u64),
}

impl Seen {
    pub(super) fn order(&self) -> OrderKey {
        match self {
            Self::Entry(order, ..) | Self::Gap(order, ..) => *order,
        }
    }

    pub(super) fn of(row: PageRow) -> Self {
        match row {
            PageRow::Entry { order, entry, .. } => {
                Self::Entry(order, entry.reference, entry.body.is_some())
            }
            PageRow::Gap {
                order,
                log,
                from,
                to,
                ..
            } => Self::Gap(order, log, from.0, to.0),
            PageRow::Missing { .. } => panic!("only threads say what is missing"),
        }
    }
}

/// A query read to its end, page by page.
pub(super) fn all_pages(store: &FeedStore, query: &Query, limit: usize) -> Vec<Seen> {
    let snapshot = store.snapshot().unwrap();
    let mut seen: Vec<Seen> = Vec::new();
    loop {
        let before = seen.last().map(Seen::order);
        let page = snapshot.page(query, before, limit, NOW).unwrap();
        if page.is_empty() {
            return seen;
        }
        let page: Vec<_> = page.into_iter().map(Seen::of).collect();
        let entries = page.iter().filter(|row| matches!(row, Seen::Entry(..)));
        assert!(entries.count() <= limit, "more entries than asked for");
        seen.extend(page);
    }
}

pub(super) fn timeline(store: &FeedStore) -> Vec<Seen> {
    all_pages(store, &Query::default(), 50)
}

/// The places of one log that a timeline shows, newest first.
pub(super) fn shown(store: &FeedStore) -> Vec<u64> {
    let entry = |row| match row {
        Seen::Entry(_, reference, _) => Some(reference.seq.0),
        Seen::Gap(..) => None,
    };
    timeline(store).into_iter().filter_map(entry).collect()
}

/// One change, as far as tests compare it.
pub(super) fn told(changed: &Changed) -> (&'static str, LogId, u64) {
    let entry = |entry: &super::super::StoredEntry| (entry.reference.log, entry.reference.seq.0);
    let (what, (log, seq)) = match &changed.change {
        Change::Entry(e) => ("entry", entry(e)),
        Change::Body(e) => ("body", entry(e)),
        Change::Erased(e) => ("erased", entry(e)),
        Change::Gone(e) => ("gone", entry(e)),
        Change::Forked { log, at } => ("forked", (*log, at.0)),
        Change::Settled { log } => ("settled", (*log, 0)),
    };
    (what, log, seq)
}

/// All changes from a number on, asked for a few at a time.
pub(super) fn all_changes(store: &FeedStore, from: u64, limit: usize) -> Vec<Changed> {
    let snapshot = store.snapshot().unwrap();
    let mut all: Vec<Changed> = Vec::new();
    let mut at = from;
    loop {
        let some = snapshot.changes(at, limit).unwrap();
        let Some(last) = some.last() else { return all };
        assert!(
            last.number < snapshot.arrival(),
            "a number that is still to be given out"
        );
        at = last.number + 1;
        all.extend(some);
    }
}
