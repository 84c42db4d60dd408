//! The thread that owns writes, and its handle.
//!
//! What is waiting is put into one transaction and committed once, so that sixteen tasks posting at the same time pay for
//! one sync of the disk. Nobody is told that something happened before it is on disk, with one exception: a few new entries
//! of others are seen at once and are on disk some milliseconds later. They can be had again, and what outlives a crash
//! (own entries, cursors of the change feed, what peers are told of filled holes) never runs ahead of the disk.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio::sync::{Semaphore, mpsc, oneshot, watch};

use self::queue::{Group, Nothing, Queue};
use super::clock::Clock;
use crate::feeds::{FeedBatch, FeedStore, FeedsError, Note};
use crate::format::{BlobHash, FeedId};
use crate::store::Durability;

mod queue;

/// Writes that may wait at one time; further callers wait for room.
const WAITING: usize = 1_024;
/// How long after a commit the next waits for appends that are likely to come: whoever was answered may append again at
/// once, and would else have to wait for a whole commit.
const GATHER: Duration = Duration::from_micros(200);
/// Bytes of foreign entries in one transaction up to which it need not be on disk when it is seen: live posts, and not a
/// replica that is filled.
const LIGHT: usize = 64 * 1024;
/// How long what is seen may not be on disk.
const UNSAVED: Duration = Duration::from_millis(50);
/// After so long without a write, one more commit sees to it that opening after a kill is quick.
const REST: Duration = Duration::from_millis(500);

/// A failure that several writes share.
pub(crate) type SharedError = Arc<FeedsError>;

/// What is done with a write besides.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Sort {
    /// It only appends to the own feed, and may be signed together with those before and after.
    Append,
    /// It only takes from others what can be had again, and may be on disk a little later than it is seen.
    Foreign,
    Other,
}

/// One write: what to do in the transaction, and what to do once it is known how that ended.
trait Job: Send {
    fn bytes(&self) -> usize;
    fn sort(&self) -> Sort;
    /// Fails only where the whole transaction is lost.
    fn run(&mut self, batch: &mut FeedBatch<'_>) -> Result<(), FeedsError>;
    fn done(self: Box<Self>, committed: Result<(), SharedError>);
}

struct Write<T, Op, Done> {
    bytes: usize,
    sort: Sort,
    op: Option<Op>,
    outcome: Option<Result<T, FeedsError>>,
    done: Done,
}

impl<T, Op, Done> Job for Write<T, Op, Done>
where
    T: Send,
    Op: FnOnce(&mut FeedBatch<'_>) -> Result<T, FeedsError> + Send,
    Done: FnOnce(Result<T, SharedError>) + Send,
{
    fn bytes(&self) -> usize {
        self.bytes
    }

    fn sort(&self) -> Sort {
        self.sort
    }

    fn run(&mut self, batch: &mut FeedBatch<'_>) -> Result<(), FeedsError> {
        let Some(op) = self.op.take() else {
            return Ok(());
        };
        match op(batch) {
            // After these it is not known what the batch holds; the others refuse before they write.
            Err(error @ (FeedsError::Store(_) | FeedsError::Damaged { .. })) => Err(error),
            outcome => {
                self.outcome = Some(outcome);
                Ok(())
            }
        }
    }

    fn done(self: Box<Self>, committed: Result<(), SharedError>) {
        match (committed, self.outcome) {
            (Ok(()), Some(outcome)) => (self.done)(outcome.map_err(Arc::new)),
            (Err(error), _) => (self.done)(Err(error)),
            (Ok(()), None) => {}
        }
    }
}

/// Handle to the thread that owns writes. Cheap to clone.
///
/// Dropping all handles ends the thread after the writes that wait; [`close`](Self::close) also waits for it.
#[derive(Clone)]
pub(crate) struct Writer {
    inner: Arc<Inner>,
}

struct Inner {
    queue: Arc<Queue>,
    room: Arc<Semaphore>,
    arrival: watch::Receiver<u64>,
    saved: watch::Receiver<u64>,
    thread: Mutex<Option<JoinHandle<()>>>,
    resting: Arc<AtomicBool>,
}

/// Drops what waits when the thread ends, in whatever way: those who asked are told by that.
struct Abandoned(Arc<Queue>);

impl Drop for Abandoned {
    fn drop(&mut self) {
        self.0.abandon();
    }
}

/// What the thread works with.
struct Thread {
    store: Arc<FeedStore>,
    clock: Arc<Clock>,
    notes: Option<mpsc::UnboundedSender<Note>>,
    free: mpsc::UnboundedSender<BlobHash>,
    arrival: watch::Sender<u64>,
    saved: watch::Sender<u64>,
    resting: Arc<AtomicBool>,
    unsaved: Option<Unsaved>,
}

/// What is seen and not on disk yet: since when, and of which feeds.
struct Unsaved {
    since: Instant,
    feeds: BTreeSet<FeedId>,
}

impl Writer {
    /// Spawns the thread. `notes` is told of each change after its commit and before the caller of the write; `free` of
    /// blobs that no entry names any more.
    pub(crate) fn spawn(
        store: Arc<FeedStore>,
        clock: Arc<Clock>,
        notes: Option<mpsc::UnboundedSender<Note>>,
        free: mpsc::UnboundedSender<BlobHash>,
    ) -> Result<Self, std::io::Error> {
        let queue = Arc::new(Queue::default());
        let waiting = queue.clone();
        let (told, arrival) = watch::channel(0);
        let (told_saved, saved) = watch::channel(0);
        let resting = Arc::new(AtomicBool::new(true));
        let thread = Thread {
            store,
            clock,
            notes,
            free,
            arrival: told,
            saved: told_saved,
            resting: resting.clone(),
            unsaved: None,
        };
        let thread = std::thread::Builder::new()
            .name("tidings-writer".into())
            .spawn(move || {
                let queue = Abandoned(waiting);
                thread.run(&queue.0);
            })?;
        let inner = Inner {
            queue,
            room: Arc::new(Semaphore::new(WAITING)),
            arrival,
            saved,
            thread: Mutex::new(Some(thread)),
            resting,
        };
        Ok(Self {
            inner: Arc::new(inner),
        })
    }

    /// Runs `op` in the next transaction and returns once that is on disk.
    ///
    /// Cancel safety: dropped while it waits for room, nothing happens; dropped later, the write happens all the same.
    pub(crate) async fn write<T: Send + 'static>(
        &self,
        bytes: usize,
        op: impl FnOnce(&mut FeedBatch<'_>) -> Result<T, FeedsError> + Send + 'static,
    ) -> Result<T, Option<SharedError>> {
        self.ask(bytes, Sort::Other, op).await
    }

    /// Does as [`write`](Self::write) where `op` does nothing to the batch but [`FeedBatch::append_later`].
    pub(crate) async fn append<T: Send + 'static>(
        &self,
        bytes: usize,
        op: impl FnOnce(&mut FeedBatch<'_>) -> Result<T, FeedsError> + Send + 'static,
    ) -> Result<T, Option<SharedError>> {
        self.ask(bytes, Sort::Append, op).await
    }

    async fn ask<T: Send + 'static>(
        &self,
        bytes: usize,
        sort: Sort,
        op: impl FnOnce(&mut FeedBatch<'_>) -> Result<T, FeedsError> + Send + 'static,
    ) -> Result<T, Option<SharedError>> {
        let permit = self
            .inner
            .room
            .clone()
            .acquire_owned()
            .await
            .map_err(|_| None)?;
        let (reply, outcome) = oneshot::channel();
        let done = move |result| {
            drop(permit);
            // Whoever asked may have gone meanwhile.
            let _gone = reply.send(result);
        };
        self.queue(bytes, sort, op, done);
        match outcome.await {
            Ok(result) => result.map_err(Some),
            Err(_) => Err(None),
        }
    }

    /// Runs `op` in the next transaction and `done` after its commit, on the thread, which it must not block.
    ///
    /// The caller bounds how many of these wait.
    pub(crate) fn post<T: Send + 'static>(
        &self,
        bytes: usize,
        op: impl FnOnce(&mut FeedBatch<'_>) -> Result<T, FeedsError> + Send + 'static,
        done: impl FnOnce(Result<T, SharedError>) + Send + 'static,
    ) {
        self.queue(bytes, Sort::Other, op, done);
    }

    /// Does as [`post`](Self::post) where `op` only takes entries of others. They are seen, and `done` is called, perhaps a
    /// little before they are on disk.
    pub(crate) fn post_foreign<T: Send + 'static>(
        &self,
        bytes: usize,
        op: impl FnOnce(&mut FeedBatch<'_>) -> Result<T, FeedsError> + Send + 'static,
        done: impl FnOnce(Result<T, SharedError>) + Send + 'static,
    ) {
        self.queue(bytes, Sort::Foreign, op, done);
    }

    /// Returns once all that is seen is on disk.
    pub(crate) async fn save(&self) -> Result<(), Option<SharedError>> {
        if *self.inner.saved.borrow() < *self.inner.arrival.borrow() {
            self.write(0, |_| Ok(())).await?;
        }
        Ok(())
    }

    fn queue<T: Send + 'static>(
        &self,
        bytes: usize,
        sort: Sort,
        op: impl FnOnce(&mut FeedBatch<'_>) -> Result<T, FeedsError> + Send + 'static,
        done: impl FnOnce(Result<T, SharedError>) + Send + 'static,
    ) {
        let job = Box::new(Write {
            bytes,
            sort,
            op: Some(op),
            outcome: None,
            done,
        });
        // A thread that has ended drops the job, and with it `done`, whose channel then tells.
        self.inner.queue.push(job);
    }

    /// The arrival number after the newest commit, as it moves.
    pub(crate) fn arrival(&self) -> watch::Receiver<u64> {
        self.inner.arrival.clone()
    }

    /// The arrival number up to which all is on disk, as it moves.
    pub(crate) fn saved(&self) -> watch::Receiver<u64> {
        self.inner.saved.clone()
    }

    /// Finishes the writes that wait, makes the next opening quick, and ends the thread. Repeatable.
    pub(crate) async fn close(&self) {
        self.inner.queue.close();
        let thread = self
            .inner
            .thread
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(thread) = thread {
            let joined = tokio::task::spawn_blocking(move || thread.join()).await;
            debug_assert!(matches!(joined, Ok(Ok(()))), "the writer thread panicked");
        }
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.queue.close();
    }
}

impl fmt::Debug for Writer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let resting = self.inner.resting.load(Ordering::Relaxed);
        write!(f, "Writer(resting: {resting})")
    }
}

impl Thread {
    fn run(mut self, waiting: &Queue) {
        let mut group = Group::default();
        // Who was answered by the last commit and who waited for it: as many may be about to append again.
        let (mut appending, mut answered) = (0, Instant::now());
        loop {
            if group.jobs.is_empty() {
                match self.first(waiting) {
                    Ok(first) => group.push(first),
                    Err(Nothing::Yet) if self.unsaved.is_some() => {
                        self.save(Durability::Durable);
                        continue;
                    }
                    Err(Nothing::Yet) => {
                        self.rest();
                        continue;
                    }
                    Err(Nothing::Ever) => {
                        self.clock.save();
                        break self.rest();
                    }
                }
            }
            group.take(waiting);
            // One alone has nobody to wait for.
            if appending > 1 {
                group.gather(waiting, appending, answered + GATHER);
            }
            self.resting.store(false, Ordering::Relaxed);
            let committed = self.commit(&mut group).map_err(Arc::new);
            if committed.is_err() {
                self.tell_lost();
            }
            let mut next = Group::default();
            next.take(waiting);
            (appending, answered) = (group.appends + next.appends, Instant::now());
            for job in std::mem::replace(&mut group, next).jobs {
                job.done(committed.clone());
            }
        }
    }

    fn first(&self, waiting: &Queue) -> Result<Box<dyn Job>, Nothing> {
        if let Some(unsaved) = &self.unsaved {
            let due = unsaved.since + UNSAVED;
            return waiting.first(Some(due.saturating_duration_since(Instant::now())));
        }
        let is_resting = self.resting.load(Ordering::Relaxed);
        waiting.first((!is_resting).then_some(REST))
    }

    fn commit(&mut self, group: &mut Group) -> Result<(), FeedsError> {
        let mut batch = self.batch()?;
        for job in &mut group.jobs {
            if job.sort() != Sort::Append {
                batch.sign_appended()?;
            }
            job.run(&mut batch)?;
        }
        let (notes, is_saved) = if self.may_be_saved_later(group) {
            batch.commit_soon()?
        } else {
            (batch.commit(Durability::Durable)?, true)
        };
        if is_saved {
            self.unsaved = None;
        }
        for note in notes {
            if let (false, Note::Stored { log, .. }) = (is_saved, &note) {
                let unsaved = self.unsaved.get_or_insert_with(|| Unsaved {
                    since: Instant::now(),
                    feeds: BTreeSet::new(),
                });
                unsaved.feeds.insert(log.feed);
            }
            if let Note::BlobFree { hash } = note {
                // What is not freed now is swept when the node opens.
                let _later = self.free.send(hash);
            } else {
                self.tell(note);
            }
        }
        // First, so that nobody who was told of something takes it for saved when it is not.
        self.saved.send_replace(self.store.saved());
        self.arrival.send_replace(self.store.arrival());
        Ok(())
    }

    fn batch(&self) -> Result<FeedBatch<'_>, FeedsError> {
        let times = self.clock.times();
        Ok(self
            .store
            .batch()?
            .at(times.now)
            .erasing(times.due, times.since))
    }

    fn may_be_saved_later(&self, group: &Group) -> bool {
        let is_due = |unsaved: &Unsaved| unsaved.since.elapsed() >= UNSAVED;
        group.bytes <= LIGHT
            && group.jobs.iter().all(|job| job.sort() == Sort::Foreign)
            && !self.unsaved.as_ref().is_some_and(is_due)
    }

    fn tell(&self, note: Note) {
        if let Some(told) = &self.notes {
            // Nobody listens while the node is offline.
            let _offline = told.send(note);
        }
    }

    fn save(&mut self, durability: Durability) {
        if self.store.save(durability).is_ok() {
            self.unsaved = None;
            self.saved.send_replace(self.store.saved());
        } else {
            self.tell_lost();
        }
    }

    /// The disk failed, and with it may have gone what was not on it yet: what is held is looked at anew.
    fn tell_lost(&mut self) {
        for feed in self.unsaved.take().into_iter().flat_map(|lost| lost.feeds) {
            self.tell(Note::Unwanted { feed });
            self.tell(Note::Wanted { feed });
        }
    }

    fn rest(&mut self) {
        if !self.resting.swap(true, Ordering::Relaxed) {
            // Only the next opening would be slower without it.
            self.save(Durability::Checkpoint);
        }
    }
}
