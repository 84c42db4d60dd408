//! Fetching a blob from all who may have it, in turn; several who want the same one share one transfer.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use iroh::endpoint::Connection;
use iroh::{Endpoint, EndpointAddr, EndpointId};
use tokio::sync::{Semaphore, SemaphorePermit, watch};
use tokio::task::spawn_blocking;

use super::asking::Asking;
use super::pace::STALLED;
use super::peer::{self, Left};
use super::pool::Pool;
use crate::format::BlobHash;
use crate::media::{MediaError, MediaStore, Opened, Partial};

/// Transfers that run at one time; further ones wait in the order in which they were asked for. Less than the streams
/// that a peer lets us open.
const AT_ONCE: usize = 6;
/// Transfers that wait for somebody to ask without holding up the others. Each keeps two files open.
const ASIDE: usize = 32;

/// How far a transfer has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FetchProgress {
    pub(super) have: u64,
    pub(super) len: u64,
    pub(super) peer: Option<EndpointId>,
}

impl FetchProgress {
    /// Bytes that are here and verified.
    pub const fn have(&self) -> u64 {
        self.have
    }

    /// Bytes of the blob.
    pub const fn len(&self) -> u64 {
        self.len
    }

    /// Never: what is empty is not attached.
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Whom it comes from just now.
    pub const fn peer(&self) -> Option<EndpointId> {
        self.peer
    }
}

/// What a transfer tells those who wait for it.
#[derive(Debug, Clone)]
pub(crate) struct Told {
    pub(crate) progress: FetchProgress,
    /// How it ended; none while it goes on.
    pub(crate) end: Option<Result<(), Arc<MediaError>>>,
}

impl Told {
    /// Of a blob that is held already.
    pub(crate) const fn done(len: u64) -> Self {
        let progress = FetchProgress {
            have: len,
            len,
            peer: None,
        };
        Self {
            progress,
            end: Some(Ok(())),
        }
    }
}

/// Knows who may have a blob: first those who are likeliest.
pub(in crate::net) trait Holders: Clone + Send + Sync + 'static {
    /// Whom to ask now; none once the node has ended.
    fn holders(&self, blob: BlobHash) -> impl Future<Output = Option<Vec<EndpointAddr>>> + Send;
}

/// All transfers of a node. Cheap to clone.
#[derive(Debug, Clone)]
pub(in crate::net) struct Fetches {
    media: Arc<MediaStore>,
    pool: Pool,
    turns: Arc<Semaphore>,
    aside: Arc<Semaphore>,
    running: Arc<Mutex<Running>>,
}

/// Transfers by what they are of. Of lengths that entries claim of one blob one is true; who fetches that must not wait for,
/// and fail with, a transfer of another.
type Running = BTreeMap<(BlobHash, u64), watch::Sender<Told>>;

impl Fetches {
    pub(in crate::net) fn new(endpoint: Endpoint, media: Arc<MediaStore>) -> Self {
        Self {
            media,
            pool: Pool::new(endpoint),
            turns: Arc::new(Semaphore::new(AT_ONCE)),
            aside: Arc::new(Semaphore::new(ASIDE)),
            running: Arc::default(),
        }
    }

    /// Joins the transfer of a blob, or begins it. It goes on for as long as anybody listens.
    pub(in crate::net) fn join(
        &self,
        blob: BlobHash,
        len: u64,
        holders: impl Holders,
    ) -> watch::Receiver<Told> {
        let mut running = self.running();
        if let Some(told) = running.get(&(blob, len)) {
            return told.subscribe();
        }
        let progress = FetchProgress {
            have: 0,
            len,
            peer: None,
        };
        let (told, heard) = watch::channel(Told {
            progress,
            end: None,
        });
        running.insert((blob, len), told.clone());
        drop(running);
        let transfer = Transfer {
            fetches: self.clone(),
            blob,
            len,
            holders,
            told,
        };
        tokio::spawn(transfer.run());
        heard
    }

    /// How far a blob has come.
    pub(in crate::net) fn progress(&self, blob: &BlobHash) -> Option<FetchProgress> {
        let running = self.running();
        let of_blob = running.range((*blob, 0)..=(*blob, u64::MAX));
        let progress = of_blob.map(|(_, told)| told.borrow().progress);
        progress.max_by_key(FetchProgress::have)
    }

    fn running(&self) -> MutexGuard<'_, Running> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One blob that is coming.
struct Transfer<H> {
    fetches: Fetches,
    blob: BlobHash,
    len: u64,
    holders: H,
    told: watch::Sender<Told>,
}

impl<H: Holders> Transfer<H> {
    async fn run(self) {
        let mut fetch = std::pin::pin!(self.fetch());
        let end = loop {
            tokio::select! {
                end = &mut fetch => break end,
                () = self.told.closed() => {
                    // Somebody may have joined since; nobody can while this is locked.
                    let mut all = self.fetches.running();
                    if self.told.receiver_count() == 0 {
                        all.remove(&(self.blob, self.len));
                        return;
                    }
                }
            }
        };
        self.fetches.running().remove(&(self.blob, self.len));
        let end = match end {
            Ok(()) => Ok(()),
            Err(Stopped::Failed(error)) => Err(Arc::new(error)),
            // Whoever listens sees that nobody tells any more.
            Err(Stopped::ShutDown) => return,
        };
        self.told.send_modify(|told| {
            told.end = Some(end);
            told.progress.peer = None;
        });
    }

    async fn fetch(&self) -> Result<(), Stopped> {
        let turn = self.fetches.turns.acquire().await.ok();
        let (media, blob, len) = (self.fetches.media.clone(), self.blob, self.len);
        let partial = match blocking(move || media.open_partial(blob, len)).await? {
            Opened::Whole => {
                self.told.send_modify(|told| told.progress.have = len);
                return Ok(());
            }
            Opened::Part(partial) => *partial,
        };
        let have = partial.have();
        self.told.send_modify(|told| told.progress.have = have);
        let whole = if partial.missing().is_empty() {
            partial
        } else {
            self.ask_all(partial, turn).await?
        };
        Ok(blocking(move || whole.finish()).await?)
    }

    /// Asks one peer after the other until nothing is missing.
    async fn ask_all(
        &self,
        mut partial: Partial,
        mut turn: Option<SemaphorePermit<'_>>,
    ) -> Result<Partial, Stopped> {
        let mut asking = Asking::new(self.fetches.pool.clone());
        loop {
            let (address, connection) = self.next_peer(&mut asking, &mut turn).await?;
            let (peer, before) = (address.id, partial.have());
            self.told
                .send_modify(|told| told.progress.peer = Some(peer));
            let others = Arc::new(AtomicBool::new(asking.has_others()));
            let (given_back, left) = tokio::select! {
                ended = peer::fetch(&connection, partial, others.clone(), &self.told) => ended,
                () = self.watch_for_others(&mut asking, &others) => return Err(Stopped::ShutDown),
            };
            partial = given_back.ok_or(Stopped::ShutDown)?;
            let have = partial.have();
            self.told.send_modify(|told| told.progress.have = have);
            if have > before {
                asking.moved();
            }
            match left {
                Left::Done => return Ok(partial),
                Left::Disk(error) => return Err(error.into()),
                Left::Out(why) => asking.out(peer, why),
                Left::Lost(why) => asking.lost(address, why, have > before),
            }
        }
    }

    /// Waits for somebody to ask, as long as there is hope. It lets others have its turn meanwhile.
    async fn next_peer<'a>(
        &'a self,
        asking: &mut Asking,
        turn: &mut Option<SemaphorePermit<'a>>,
    ) -> Result<(EndpointAddr, Connection), Stopped> {
        let mut aside = None;
        loop {
            let holders = self.holders.holders(self.blob).await;
            asking.add(holders.ok_or(Stopped::ShutDown)?);
            if let Some(ready) = asking.next().await {
                if turn.is_none() {
                    *turn = self.fetches.turns.acquire().await.ok();
                }
                return Ok(ready);
            }
            if asking.is_hopeless() {
                let (blob, tried) = (self.blob, asking.tried());
                return Err(MediaError::Unavailable { blob, tried }.into());
            }
            if aside.is_none() {
                aside = self.fetches.aside.try_acquire().ok();
                turn.take_if(|_| aside.is_some());
            }
        }
    }

    /// Says so when somebody else is there to be asked: then a slow peer is no longer better than none. Returns once the
    /// node has ended.
    async fn watch_for_others(&self, asking: &mut Asking, others: &AtomicBool) {
        loop {
            tokio::time::sleep(STALLED / 2).await;
            let Some(holders) = self.holders.holders(self.blob).await else {
                return;
            };
            asking.add(holders);
            others.store(asking.look_around(), Ordering::Relaxed);
        }
    }
}

/// Why a transfer ended before all was there.
enum Stopped {
    /// Nobody has it, or the disk failed.
    Failed(MediaError),
    /// The node ended.
    ShutDown,
}

impl From<MediaError> for Stopped {
    fn from(error: MediaError) -> Self {
        Self::Failed(error)
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, MediaError> + Send + 'static,
) -> Result<T, MediaError> {
    let ended = |error| MediaError::Disk {
        path: "media".into(),
        what: "used",
        source: std::io::Error::other(error),
    };
    spawn_blocking(work).await.map_err(ended)?
}
