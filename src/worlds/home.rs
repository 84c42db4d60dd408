//! An honest node: a device of its owner with the real store, and what the engine does around it.

use std::cell::RefCell;
use std::sync::Arc;

use super::counted::Counted;
use super::{pen, sure};
use crate::feeds::{CheckReport, FeedBatch, FeedSnapshot, FeedStore, FeedsError, Note, Taken};
use crate::format::{
    DeviceId, DeviceSecret, Draft, EntryRef, FeedId, Lane, Statement, Timestamp, lanes,
};
use crate::net::{self, Carry};
use crate::store::{Durability, Storage};
use crate::sync::sim::SimPeer;
use crate::sync::{Answer, Input, Outcome, Output, ReadId, TakeId};

pub(super) struct Home {
    storage: Arc<Counted>,
    store: FeedStore,
    feed: FeedId,
    device: DeviceSecret,
}

impl Home {
    pub(super) fn new(
        feed: FeedId,
        device: DeviceSecret,
        statements: Vec<Statement>,
        now: Timestamp,
    ) -> Self {
        let storage = Arc::new(Counted::default());
        let home = Self {
            store: open(&storage),
            storage,
            feed,
            device,
        };
        let adopted = home.write(now, |batch| batch.adopt_own(&feed, statements));
        let ((), _) = sure(adopted);
        home
    }

    pub(super) fn device(&self) -> DeviceId {
        self.device.id()
    }

    pub(super) fn rekey(&mut self, device: DeviceSecret) {
        self.device = device;
    }

    /// Closes the store and opens it as the next start of a node does.
    pub(super) fn reopen(&mut self) {
        self.store = open(&self.storage);
    }

    pub(super) fn numbers(&self) -> (u64, u64) {
        (self.store.arrival(), self.store.filled())
    }

    pub(super) fn most_rows(&self) -> u64 {
        self.storage.most()
    }

    pub(super) fn snapshot(&self) -> FeedSnapshot {
        sure(self.store.snapshot())
    }

    pub(super) fn check(&self) -> CheckReport {
        sure(
            self.store
                .check(&mut |_| std::ops::ControlFlow::Continue(())),
        )
    }

    /// What the machine is told when it begins.
    pub(super) fn wanted(&self) -> Result<Vec<Input<SimPeer>>, FeedsError> {
        let feeds = self.snapshot().wanted()?;
        feeds
            .into_iter()
            .map(|feed| self.feed_input(feed))
            .collect()
    }

    fn feed_input(&self, feed: FeedId) -> Result<Input<SimPeer>, FeedsError> {
        let replica = net::replica(&self.snapshot(), &feed)?;
        Ok(Input::Feed { feed, replica })
    }

    pub(super) fn follow(
        &self,
        feed: FeedId,
        following: bool,
        now: Timestamp,
    ) -> Result<Vec<Input<SimPeer>>, FeedsError> {
        let change = pen::follow(feed, following, now);
        let (_, inputs) = self.append(lanes::OWN, &[change], now)?;
        Ok(inputs)
    }

    pub(super) fn say(
        &self,
        statements: Vec<Statement>,
        now: Timestamp,
    ) -> Result<Vec<Input<SimPeer>>, FeedsError> {
        let (_, inputs) = self.write(now, |batch| batch.take_statements(&self.feed, statements))?;
        Ok(inputs)
    }

    pub(super) fn append(
        &self,
        lane: Lane,
        drafts: &[Draft],
        now: Timestamp,
    ) -> Result<(Vec<EntryRef>, Vec<Input<SimPeer>>), FeedsError> {
        self.write(now, |batch| {
            batch.append(&self.device, &self.feed, lane, drafts)
        })
    }

    pub(super) fn sweep(&self, now: Timestamp) -> Result<Vec<Input<SimPeer>>, FeedsError> {
        let (_, inputs) = self.write(now, |batch| batch.sweep(now))?;
        Ok(inputs)
    }

    /// One write, and what the machine is told of it.
    fn write<T>(
        &self,
        now: Timestamp,
        op: impl FnOnce(&mut FeedBatch<'_>) -> Result<T, FeedsError>,
    ) -> Result<(T, Vec<Input<SimPeer>>), FeedsError> {
        let mut batch = self.store.batch()?.at(now);
        let done = op(&mut batch)?;
        let mut notes = batch.commit(Durability::Durable)?;
        // What statements changed is followed in pieces, as a node does beside its other work.
        while self.store.snapshot()?.has_recounts()? {
            let mut batch = self.store.batch()?.at(now);
            batch.recount_some()?;
            notes.extend(batch.commit(Durability::Durable)?);
        }
        let inputs = notes.into_iter().filter_map(|note| self.input(note));
        Ok((done, inputs.collect()))
    }

    /// What the engine tells of a commit.
    fn input(&self, note: Note) -> Option<Input<SimPeer>> {
        match note {
            Note::Wanted { feed } => Some(sure(self.feed_input(feed))),
            Note::Reread { feed } => {
                let snapshot = sure(self.store.snapshot());
                sure(snapshot.is_wanted(&feed)).then(|| sure(self.feed_input(feed)))
            }
            note => net::input(note),
        }
    }

    /// Does one of the machine's jobs at once: what it changed comes before what became of it.
    pub(super) fn job(&self, job: Output<SimPeer>, now: Timestamp) -> Vec<Input<SimPeer>> {
        let carrier = Carrier::default();
        let snapshot = self.store.snapshot();
        carrier.job(snapshot.as_ref(), job);
        // A write would have to copy all that a snapshot shows.
        drop(snapshot);
        let mut inputs = carrier.inputs.into_inner();
        for (take, op) in carrier.writes.into_inner() {
            self.take(take, op, now, &mut inputs);
        }
        inputs
    }

    /// # Panics
    ///
    /// If the store is damaged after it: nothing that others send may do that.
    fn take(&self, take: TakeId, op: Op, now: Timestamp, inputs: &mut Vec<Input<SimPeer>>) {
        let done = match self.write(now, op) {
            Ok((taken, notes)) => {
                inputs.extend(notes);
                Ok(taken)
            }
            Err(error @ (FeedsError::Store(_) | FeedsError::Damaged { .. })) => {
                panic!("what a peer sent damaged the store: {error:?}")
            }
            Err(error) => Err(Arc::new(error)),
        };
        let outcome = net::outcome(done);
        inputs.push(Input::Taken { take, outcome });
    }
}

fn open(storage: &Arc<Counted>) -> FeedStore {
    let storage: Arc<dyn Storage> = storage.clone();
    sure(FeedStore::open_with(storage, &[]))
}

/// What a take does in its transaction.
type Op = Box<dyn FnOnce(&mut FeedBatch<'_>) -> Result<Taken, FeedsError> + Send>;

/// Gathers what a job comes to.
#[derive(Default)]
struct Carrier {
    inputs: RefCell<Vec<Input<SimPeer>>>,
    writes: RefCell<Vec<(TakeId, Op)>>,
}

impl Carry for Carrier {
    fn answer(&self, read: ReadId, answer: Answer) {
        self.inputs
            .borrow_mut()
            .push(Input::ReadDone { read, answer });
    }

    fn taken(&self, take: TakeId, outcome: Outcome) {
        self.inputs
            .borrow_mut()
            .push(Input::Taken { take, outcome });
    }

    fn write(
        &self,
        take: TakeId,
        _: usize,
        op: impl FnOnce(&mut FeedBatch<'_>) -> Result<Taken, FeedsError> + Send + 'static,
    ) {
        self.writes.borrow_mut().push((take, Box::new(op)));
    }

    fn write_foreign(
        &self,
        take: TakeId,
        bytes: usize,
        op: impl FnOnce(&mut FeedBatch<'_>) -> Result<Taken, FeedsError> + Send + 'static,
    ) {
        self.write(take, bytes, op);
    }
}
