//! Giving slices of blobs to whoever asks, within bounds.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use iroh::EndpointId;
use iroh::endpoint::{Connection, ReadExactError, RecvStream, SendStream, VarInt};
use iroh::protocol::{AcceptError, ProtocolHandler};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::code;
use super::wire::{self, Answer, HEAD_BYTES, REQUEST_BYTES};
use crate::feeds::FeedStore;
use crate::format::BlobHash;
use crate::media::{Held, MediaError, MediaStore, Slice};

/// Connections for media held at one time, and of one peer: with the bounds below that is some 35 MiB at the worst,
/// and what QUIC keeps until it has arrived.
const CONNECTIONS: usize = 64;
/// Of these, those that are left for peers with a session who share a feed: keys cost nothing, and whoever makes many must
/// not keep them out.
const FOR_PEERS: usize = 32;
const OF_ONE_PEER: usize = 3;
/// Slices in memory for one connection: one is read while the other is sent.
const IN_MEMORY: usize = 2;
/// Slices read from the disk at one time, all peers together.
const READS: usize = 4;
/// How long a stream may take to say what it is about.
const HEAD: Duration = Duration::from_secs(10);
/// How long a stream, or a connection without one, may stand still.
const IDLE: Duration = Duration::from_secs(30);
/// How long the other end may take to take a slice: some 4 KiB/s.
const TAKE: Duration = Duration::from_secs(60);

/// What all connections share.
#[derive(Debug)]
struct Serving {
    store: Arc<FeedStore>,
    media: Arc<MediaStore>,
    peers: Mutex<HashMap<EndpointId, usize>>,
    reads: Semaphore,
}

/// Knows who has a session with this node and wants a feed that it wants too.
pub(in crate::net) trait Sharers: fmt::Debug + Send + Sync + 'static {
    fn shares(&self, peer: EndpointId) -> impl Future<Output = bool> + Send;
}

/// Accepts connections for media.
#[derive(Debug)]
pub(in crate::net) struct Server<S> {
    serving: Arc<Serving>,
    sharers: S,
}

impl<S> Server<S> {
    pub(in crate::net) fn new(store: Arc<FeedStore>, media: Arc<MediaStore>, sharers: S) -> Self {
        let serving = Serving {
            store,
            media,
            peers: Mutex::default(),
            reads: Semaphore::new(READS),
        };
        Self {
            serving: Arc::new(serving),
            sharers,
        }
    }
}

impl<S: Sharers> ProtocolHandler for Server<S> {
    async fn accept(&self, connection: Connection) -> Result<(), AcceptError> {
        let shares = self.sharers.shares(connection.remote_id()).await;
        // In a task of its own, since a panic in here would close the whole endpoint.
        let _ended = tokio::spawn(serve(self.serving.clone(), connection, shares)).await;
        Ok(())
    }
}

/// One of the connections that may be open.
struct Place {
    serving: Arc<Serving>,
    peer: EndpointId,
}

impl Place {
    fn take(serving: &Arc<Serving>, peer: EndpointId, shares: bool) -> Option<Self> {
        let most = if shares {
            CONNECTIONS
        } else {
            CONNECTIONS - FOR_PEERS
        };
        let mut peers = serving.peers.lock().unwrap_or_else(PoisonError::into_inner);
        let all: usize = peers.values().sum();
        let its = peers.entry(peer).or_default();
        if *its >= OF_ONE_PEER || all >= most {
            peers.retain(|_, count| *count > 0);
            return None;
        }
        *its += 1;
        drop(peers);
        let serving = serving.clone();
        Some(Self { serving, peer })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut peers = self
            .serving
            .peers
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = peers.get_mut(&self.peer) {
            *count -= 1;
        }
        peers.retain(|_, count| *count > 0);
    }
}

async fn serve(serving: Arc<Serving>, connection: Connection, shares: bool) {
    let Some(_place) = Place::take(&serving, connection.remote_id(), shares) else {
        return connection.close(VarInt::from_u32(code::BUSY), b"");
    };
    let memory = Arc::new(Semaphore::new(IN_MEMORY));
    let mut streams = JoinSet::new();
    let code = loop {
        tokio::select! {
            opened = timeout(IDLE, connection.accept_bi()) => match opened {
                Ok(Ok((send, recv))) => {
                    let stream = Stream {
                        serving: serving.clone(),
                        memory: memory.clone(),
                    };
                    streams.spawn(stream.run(send, recv));
                }
                Ok(Err(_)) => break code::BYE,
                Err(_) if streams.is_empty() => break code::IDLE,
                Err(_) => {}
            },
            Some(ended) = streams.join_next() => if let Ok(Err(BrokeARule)) = ended {
                break code::BROKE_A_RULE;
            },
        }
    };
    connection.close(VarInt::from_u32(code), b"");
}

/// The other end sent what no version of the protocol has.
struct BrokeARule;

/// One stream: one blob, slice after slice.
struct Stream {
    serving: Arc<Serving>,
    memory: Arc<Semaphore>,
}

type Encoded = (OwnedSemaphorePermit, Option<Vec<u8>>);

impl Stream {
    async fn run(self, mut send: SendStream, mut recv: RecvStream) -> Result<(), BrokeARule> {
        let mut head = [0; HEAD_BYTES];
        if !matches!(timeout(HEAD, recv.read_exact(&mut head)).await, Ok(Ok(()))) {
            return Ok(());
        }
        let (blob, len) = wire::head(&head).ok_or(BrokeARule)?;
        let held = self.open(blob, len).await;
        let answer = held.as_ref().map_or(Answer::NotServed, |_| Answer::Served);
        // Who is gone asks for nothing more.
        let told = send.write_all(&[answer.into()]).await;
        if let (Some(held), Ok(())) = (held, told) {
            let (to_send, encoded) = mpsc::channel(1);
            let read = self.read(Arc::new(held), recv, to_send);
            let (read, ()) = tokio::join!(read, give(&mut send, encoded));
            read?;
        }
        let _gone = send.finish();
        Ok(())
    }

    async fn open(&self, blob: BlobHash, len: u64) -> Option<Blob> {
        let serving = self.serving.clone();
        let opened = tokio::task::spawn_blocking(move || serving.open(blob, len)).await;
        let held = opened.ok()??;
        Some(Blob { blob, len, held })
    }

    /// Reads what is asked for, until nothing more is.
    async fn read(
        &self,
        blob: Arc<Blob>,
        mut recv: RecvStream,
        to_send: mpsc::Sender<Encoded>,
    ) -> Result<(), BrokeARule> {
        loop {
            let mut request = [0; REQUEST_BYTES];
            match timeout(IDLE, recv.read_exact(&mut request)).await {
                Ok(Ok(())) => {}
                Ok(Err(ReadExactError::FinishedEarly(rest))) if rest > 0 => return Err(BrokeARule),
                // It has what it wants, or is gone.
                _ => return Ok(()),
            }
            let slice = wire::request(&request, blob.len).ok_or(BrokeARule)?;
            let Ok(room) = self.memory.clone().acquire_owned().await else {
                return Ok(());
            };
            let Ok(_turn) = self.serving.reads.acquire().await else {
                return Ok(());
            };
            let (serving, from) = (self.serving.clone(), blob.clone());
            let encoded = tokio::task::spawn_blocking(move || serving.encode(&from, slice));
            let encoded = encoded.await.ok().flatten();
            let is_last = encoded.is_none();
            if to_send.send((room, encoded)).await.is_err() || is_last {
                return Ok(());
            }
        }
    }
}

/// Sends what was read; stops when the other end does not take it.
async fn give(send: &mut SendStream, mut encoded: mpsc::Receiver<Encoded>) {
    while let Some((room, encoded)) = encoded.recv().await {
        let bytes = encoded.unwrap_or_default();
        let prefix = u32::try_from(bytes.len()).unwrap_or(0).to_be_bytes();
        let mut chunks = [Bytes::copy_from_slice(&prefix), Bytes::from(bytes)];
        match timeout(TAKE, send.write_all_chunks(&mut chunks)).await {
            Ok(Ok(())) => drop(room),
            _ => return,
        }
    }
}

/// A blob that is being given.
#[derive(Debug)]
struct Blob {
    blob: BlobHash,
    len: u64,
    held: Held,
}

impl Serving {
    fn is_served(&self, blob: &BlobHash, len: u64) -> bool {
        let served = self
            .store
            .snapshot()
            .and_then(|snapshot| snapshot.is_served_blob(blob, len));
        served.unwrap_or(false)
    }

    fn open(&self, blob: BlobHash, len: u64) -> Option<Held> {
        if !self.is_served(&blob, len) {
            return None;
        }
        let held = self.media.held(&blob, SystemTime::now()).ok()?;
        if held.len() == len {
            return Some(held);
        }
        self.mend(&blob);
        None
    }

    /// Reads a slice; none if it is not served any more, or found damaged.
    fn encode(&self, blob: &Blob, slice: Slice) -> Option<Vec<u8>> {
        // Asked each time: a feed may be unfollowed and a post deleted meanwhile.
        if !self.is_served(&blob.blob, blob.len) {
            return None;
        }
        match blob.held.encode(slice) {
            Err(MediaError::Damaged { .. }) => {
                self.mend(&blob.blob);
                None
            }
            encoded => encoded.ok(),
        }
    }

    fn mend(&self, blob: &BlobHash) {
        // A disk that fails at this tells so to whoever fetches or opens the blob.
        let _told_then = self.media.mend(blob);
    }
}
