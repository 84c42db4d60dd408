//! Giving slices of blobs to whoever asks, within bounds.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant, SystemTime};

use iroh::EndpointId;
use iroh::endpoint::{Connection, VarInt};
use iroh::protocol::{AcceptError, ProtocolHandler};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::code;
use super::upload::{Spare, Stream};
use crate::feeds::FeedStore;
use crate::format::BlobHash;
use crate::media::{Held, MediaError, MediaStore, Slice};

/// Connections for media held at one time, and of one peer: with the bounds below that is some 45 MiB at the worst,
/// and what QUIC keeps until it has arrived.
const CONNECTIONS: usize = 64;
/// Of these, those that are left for peers with a session who share a feed: keys cost nothing, and whoever makes many must
/// not keep them out.
const FOR_PEERS: usize = 32;
const OF_ONE_PEER: usize = 3;
/// Slices in memory for one connection: one is read while the other is sent.
const IN_MEMORY: usize = 2;
/// Further slices in memory, for all connections together and whoever needs them first: with more, a fast link waits less.
const MORE: usize = 32;
/// Slices read from the disk at one time, all peers together.
const READS: usize = 4;
/// How long a stream, or a connection without one, may stand still.
pub(super) const IDLE: Duration = Duration::from_secs(30);

/// What all connections share.
#[derive(Debug)]
pub(super) struct Serving {
    store: Arc<FeedStore>,
    media: Arc<MediaStore>,
    peers: Mutex<HashMap<EndpointId, usize>>,
    pub(super) reads: Semaphore,
    pub(super) more: Arc<Semaphore>,
    spare: Mutex<Weak<Spare>>,
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
            more: Arc::new(Semaphore::new(MORE)),
            spare: Mutex::default(),
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
                    let stream = Stream::new(serving.clone(), memory.clone());
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
pub(super) struct BrokeARule;

/// A blob that is being given.
#[derive(Debug)]
pub(super) struct Blob {
    blob: BlobHash,
    pub(super) len: u64,
    held: Held,
}

/// What comes of a question for a blob of some length.
pub(super) enum Opened {
    Served(Blob),
    NotServed,
    /// Not served: an entry names that length, but the file has another. Which of the two is wrong is not known.
    Doubted(BlobHash),
}

impl Serving {
    /// The buffers of all who give at this moment.
    pub(super) fn spare(&self) -> Arc<Spare> {
        let mut spare = self.spare.lock().unwrap_or_else(PoisonError::into_inner);
        spare.upgrade().unwrap_or_else(|| {
            let new = Arc::default();
            *spare = Arc::downgrade(&new);
            new
        })
    }

    fn is_served(&self, blob: &BlobHash, len: u64) -> bool {
        let served = self
            .store
            .snapshot()
            .and_then(|snapshot| snapshot.is_served_blob(blob, len));
        served.unwrap_or(false)
    }

    pub(super) fn open(&self, blob: BlobHash, len: u64) -> Opened {
        if !self.is_served(&blob, len) {
            return Opened::NotServed;
        }
        match self.media.held(&blob, SystemTime::now()) {
            Ok(held) if held.len() == len => Opened::Served(Blob { blob, len, held }),
            Ok(_) => Opened::Doubted(blob),
            Err(_) => Opened::NotServed,
        }
    }

    /// Sees whether the file of a blob is cut off, where somebody asked for another length than it has.
    pub(super) fn doubt(&self, blob: &BlobHash) {
        let now = (SystemTime::now(), Instant::now());
        // A disk that fails at this tells so to whoever fetches or opens the blob.
        let _told_then = self.media.doubt(blob, now);
    }

    /// Reads a slice; false if it is not served any more, or found damaged.
    pub(super) fn encode(&self, blob: &Blob, slice: Slice, into: &mut [u8]) -> bool {
        // Asked each time: a feed may be unfollowed and a post deleted meanwhile.
        if !self.is_served(&blob.blob, blob.len) {
            return false;
        }
        let encoded = blob.held.encode(slice, into);
        if matches!(encoded, Err(MediaError::Damaged { .. })) {
            self.mend(&blob.blob);
        }
        encoded.is_ok()
    }

    fn mend(&self, blob: &BlobHash) {
        // A disk that fails at this tells so to whoever fetches or opens the blob.
        let _told_then = self.media.mend_for_others(blob, Instant::now());
    }
}
