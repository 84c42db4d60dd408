//! The thread that owns writes, and its handle.
//!
//! What is waiting is put into one transaction and committed once, so that sixteen tasks posting at the same time pay for
//! one sync of the disk. Nobody is told that something happened before it is on disk.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio::sync::{Semaphore, mpsc, oneshot, watch};

use crate::feeds::{FeedBatch, FeedStore, FeedsError, Note};
use crate::format::BlobHash;
use crate::store::Durability;

/// Writes that may wait at one time; further callers wait for room.
const WAITING: usize = 1_024;
/// Writes in one transaction: one commit then costs each of them next to nothing, and none waits long.
const GROUPED: usize = 256;
/// Bytes in one transaction, as its writes estimate them: all of it is held in memory until the commit.
const GROUPED_BYTES: usize = 8 * 1024 * 1024;
/// How long after a commit the next waits for appends that are likely to come: whoever was answered may append again at
/// once, and would else have to wait for a whole commit.
const GATHER: Duration = Duration::from_micros(200);
/// After so long without a write, one more commit sees to it that opening after a kill is quick.
const REST: Duration = Duration::from_millis(500);

/// A failure that several writes share.
pub(crate) type SharedError = Arc<FeedsError>;

/// One write: what to do in the transaction, and what to do once it is known how that ended.
trait Job: Send {
    fn bytes(&self) -> usize;
    /// Only appends to the own feed, which may be signed together with those before and after.
    fn only_appends(&self) -> bool;
    /// Fails only where the whole transaction is lost.
    fn run(&mut self, batch: &mut FeedBatch<'_>) -> Result<(), FeedsError>;
    fn done(self: Box<Self>, committed: Result<(), SharedError>);
}

struct Write<T, Op, Done> {
    bytes: usize,
    only_appends: bool,
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

    fn only_appends(&self) -> bool {
        self.only_appends
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
    jobs: Mutex<Option<Sender<Box<dyn Job>>>>,
    room: Arc<Semaphore>,
    arrival: watch::Receiver<u64>,
    thread: Mutex<Option<JoinHandle<()>>>,
    resting: Arc<AtomicBool>,
}

/// What the thread works with.
struct Thread {
    store: Arc<FeedStore>,
    notes: Option<mpsc::UnboundedSender<Note>>,
    free: mpsc::UnboundedSender<BlobHash>,
    arrival: watch::Sender<u64>,
    resting: Arc<AtomicBool>,
}

/// What goes into one transaction.
#[derive(Default)]
struct Group {
    jobs: Vec<Box<dyn Job>>,
    bytes: usize,
    /// How many of them are appends.
    appends: usize,
}

impl Group {
    fn push(&mut self, job: Box<dyn Job>) {
        self.bytes += job.bytes();
        self.appends += usize::from(job.only_appends());
        self.jobs.push(job);
    }

    fn has_room(&self) -> bool {
        self.jobs.len() < GROUPED && self.bytes < GROUPED_BYTES
    }

    /// Takes what waits already.
    fn take(&mut self, waiting: &Receiver<Box<dyn Job>>) {
        while self.has_room()
            && let Ok(job) = waiting.try_recv()
        {
            self.push(job);
        }
    }

    /// Waits for so many appends, but not for long.
    fn gather(&mut self, waiting: &Receiver<Box<dyn Job>>, appends: usize, until: Instant) {
        while self.appends < appends && self.has_room() {
            let left = until.saturating_duration_since(Instant::now());
            let Ok(job) = waiting.recv_timeout(left) else {
                break;
            };
            self.push(job);
        }
    }
}

impl Writer {
    /// Spawns the thread. `notes` is told of each change after its commit and before the caller of the write; `free` of
    /// blobs that no entry names any more.
    pub(crate) fn spawn(
        store: Arc<FeedStore>,
        notes: Option<mpsc::UnboundedSender<Note>>,
        free: mpsc::UnboundedSender<BlobHash>,
    ) -> Result<Self, std::io::Error> {
        let (jobs, waiting) = channel();
        let (told, arrival) = watch::channel(0);
        let resting = Arc::new(AtomicBool::new(true));
        let thread = Thread {
            store,
            notes,
            free,
            arrival: told,
            resting: resting.clone(),
        };
        let thread = std::thread::Builder::new()
            .name("tidings-writer".into())
            .spawn(move || thread.run(&waiting))?;
        let inner = Inner {
            jobs: Mutex::new(Some(jobs)),
            room: Arc::new(Semaphore::new(WAITING)),
            arrival,
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
        self.ask(bytes, false, op).await
    }

    /// Does as [`write`](Self::write) where `op` does nothing to the batch but [`FeedBatch::append_later`].
    pub(crate) async fn append<T: Send + 'static>(
        &self,
        bytes: usize,
        op: impl FnOnce(&mut FeedBatch<'_>) -> Result<T, FeedsError> + Send + 'static,
    ) -> Result<T, Option<SharedError>> {
        self.ask(bytes, true, op).await
    }

    async fn ask<T: Send + 'static>(
        &self,
        bytes: usize,
        only_appends: bool,
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
        self.queue(Box::new(Write {
            bytes,
            only_appends,
            op: Some(op),
            outcome: None,
            done,
        }));
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
        self.queue(Box::new(Write {
            bytes,
            only_appends: false,
            op: Some(op),
            outcome: None,
            done,
        }));
    }

    fn queue(&self, job: Box<dyn Job>) {
        if let Some(jobs) = &*self
            .inner
            .jobs
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
        {
            // A thread that has ended drops the job, and with it `done`, whose channel then tells.
            let _ended = jobs.send(job);
        }
    }

    /// The arrival number after the newest commit, as it moves.
    pub(crate) fn arrival(&self) -> watch::Receiver<u64> {
        self.inner.arrival.clone()
    }

    /// Finishes the writes that wait, makes the next opening quick, and ends the thread. Repeatable.
    pub(crate) async fn close(&self) {
        drop(
            self.inner
                .jobs
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .take(),
        );
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

impl fmt::Debug for Writer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let resting = self.inner.resting.load(Ordering::Relaxed);
        write!(f, "Writer(resting: {resting})")
    }
}

impl Thread {
    fn run(self, waiting: &Receiver<Box<dyn Job>>) {
        let mut group = Group::default();
        // Who was answered by the last commit and who waited for it: as many may be about to append again.
        let (mut appending, mut answered) = (0, Instant::now());
        loop {
            if group.jobs.is_empty() {
                match self.first(waiting) {
                    Ok(first) => group.push(first),
                    Err(RecvTimeoutError::Timeout) => {
                        self.rest();
                        continue;
                    }
                    Err(RecvTimeoutError::Disconnected) => break self.rest(),
                }
            }
            group.take(waiting);
            // One alone has nobody to wait for.
            if appending > 1 {
                group.gather(waiting, appending, answered + GATHER);
            }
            self.resting.store(false, Ordering::Relaxed);
            let committed = self.commit(&mut group.jobs).map_err(Arc::new);
            let mut next = Group::default();
            next.take(waiting);
            (appending, answered) = (group.appends + next.appends, Instant::now());
            for job in std::mem::replace(&mut group, next).jobs {
                job.done(committed.clone());
            }
        }
    }

    fn first(&self, waiting: &Receiver<Box<dyn Job>>) -> Result<Box<dyn Job>, RecvTimeoutError> {
        if self.resting.load(Ordering::Relaxed) {
            waiting.recv().map_err(|_| RecvTimeoutError::Disconnected)
        } else {
            waiting.recv_timeout(REST)
        }
    }

    fn commit(&self, jobs: &mut [Box<dyn Job>]) -> Result<(), FeedsError> {
        let mut batch = self.store.batch()?.at(super::now());
        for job in jobs {
            if !job.only_appends() {
                batch.sign_appended()?;
            }
            job.run(&mut batch)?;
        }
        let notes = batch.commit(Durability::Durable)?;
        for note in notes {
            if let Note::BlobFree { hash } = note {
                // What is not freed now is swept when the node opens.
                let _later = self.free.send(hash);
            } else if let Some(told) = &self.notes {
                // Nobody listens while the node is offline.
                let _offline = told.send(note);
            }
        }
        self.arrival.send_replace(self.store.arrival());
        Ok(())
    }

    fn rest(&self) {
        if !self.resting.swap(true, Ordering::Relaxed) {
            // Only the next opening would be slower without it.
            let _slower = self.store.checkpoint();
        }
    }
}
