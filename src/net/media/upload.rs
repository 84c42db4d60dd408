//! Giving one blob on one stream: requests in, slices out.

use std::collections::VecDeque;
use std::mem;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use iroh::endpoint::{RecvStream, SendStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::time::timeout;

use super::serve::{Blob, BrokeARule, IDLE, Opened, Serving};
use super::wire::{self, Answer, HEAD_BYTES, PREFIX_BYTES, REQUEST_BYTES};
use crate::format::BlobHash;
use crate::media::Slice;

/// Buffers kept to be used again.
const SPARE: usize = 16;
/// Requests taken out of the stream at one time.
const REQUESTS: usize = 16;
/// How long a stream may take to say what it is about.
const HEAD: Duration = Duration::from_secs(10);
/// How long the other end may take to take a slice: some 4 KiB/s.
const TAKE: Duration = Duration::from_secs(60);

/// One stream: one blob, slice after slice.
pub(super) struct Stream {
    serving: Arc<Serving>,
    /// The slices that its connection may have in memory at any time.
    memory: Arc<Semaphore>,
    spare: Arc<Spare>,
}

/// A slice as it is sent, with the bytes before it, and its part of the memory; no bytes if the blob is not given any more.
type Encoded = (OwnedSemaphorePermit, Bytes);

impl Stream {
    pub(super) fn new(serving: Arc<Serving>, memory: Arc<Semaphore>) -> Self {
        let spare = serving.spare();
        Self {
            serving,
            memory,
            spare,
        }
    }

    pub(super) async fn run(
        self,
        mut send: SendStream,
        mut recv: RecvStream,
    ) -> Result<(), BrokeARule> {
        let mut head = [0; HEAD_BYTES];
        if !matches!(timeout(HEAD, recv.read_exact(&mut head)).await, Ok(Ok(()))) {
            return Ok(());
        }
        let (blob, len) = wire::head(&head).ok_or(BrokeARule)?;
        let serving = self.serving.clone();
        let opened = tokio::task::spawn_blocking(move || serving.open(blob, len)).await;
        let opened = opened.unwrap_or(Opened::NotServed);
        let answer = match opened {
            Opened::Served(_) => Answer::Served,
            Opened::NotServed | Opened::Doubted(_) => Answer::NotServed,
        };
        // Who is gone asks for nothing more.
        let told = send.write_all(&[answer.into()]).await;
        if let Opened::Doubted(blob) = opened {
            let _gone = send.finish();
            self.doubt(blob).await;
            return Ok(());
        }
        if let (Opened::Served(held), Ok(())) = (opened, told) {
            let (to_send, encoded) = mpsc::channel(1);
            let read = self.read(Arc::new(held), Requests::new(recv, len), to_send);
            let (read, ()) = tokio::join!(read, give(&mut send, encoded));
            read?;
        }
        let _gone = send.finish();
        Ok(())
    }

    /// Looks at the file of a blob in the turn of a read: it costs as much as one.
    async fn doubt(&self, blob: BlobHash) {
        let Ok(turn) = self.serving.reads.acquire().await else {
            return;
        };
        let serving = self.serving.clone();
        let _looked = tokio::task::spawn_blocking(move || serving.doubt(&blob)).await;
        drop(turn);
    }

    /// Reads what is asked for, until nothing more is; two slices in one go if they were asked for already, since going to
    /// another thread and back costs as much as some of the work there.
    async fn read(
        &self,
        blob: Arc<Blob>,
        mut requests: Requests,
        to_send: mpsc::Sender<Encoded>,
    ) -> Result<(), BrokeARule> {
        while requests.wait().await? {
            let Some(first) = self.room().await else {
                break;
            };
            let mut room = vec![first];
            if requests.waiting.len() > 1 {
                room.extend(self.room_at_once());
            }
            let slices: Vec<Slice> = requests.waiting.drain(..room.len()).collect();
            let Ok(turn) = self.serving.reads.acquire().await else {
                break;
            };
            let (serving, blob, spare) = (self.serving.clone(), blob.clone(), self.spare.clone());
            let reading = move || {
                let encoded = slices.into_iter().map(|slice| {
                    let len = PREFIX_BYTES + slice.encoded_len(blob.len);
                    let mut buffer = Buffer::new(spare.clone(), len);
                    let is_given = encode(&serving, &blob, slice, &mut buffer.bytes);
                    is_given.then_some(buffer)
                });
                encoded.collect::<Vec<_>>()
            };
            let encoded = tokio::task::spawn_blocking(reading).await;
            drop(turn);
            for (buffer, room) in encoded.unwrap_or_else(|_| vec![None]).into_iter().zip(room) {
                let is_last = buffer.is_none();
                let bytes = buffer.map_or_else(Bytes::new, Bytes::from_owner);
                if to_send.send((room, bytes)).await.is_err() || is_last {
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    /// Room in memory for a slice, once there is some.
    async fn room(&self) -> Option<OwnedSemaphorePermit> {
        match self.room_at_once() {
            Some(room) => Some(room),
            None => self.memory.clone().acquire_owned().await.ok(),
        }
    }

    fn room_at_once(&self) -> Option<OwnedSemaphorePermit> {
        let own = self.memory.clone().try_acquire_owned();
        let room = own.or_else(|_| self.serving.more.clone().try_acquire_owned());
        room.ok()
    }
}

fn encode(serving: &Serving, blob: &Blob, slice: Slice, into: &mut [u8]) -> bool {
    let Some((prefix, encoded)) = into.split_first_chunk_mut::<PREFIX_BYTES>() else {
        return false;
    };
    // A slice is at most 256 KiB and its proof.
    *prefix = u32::try_from(encoded.len()).unwrap_or(0).to_be_bytes();
    serving.encode(blob, slice, encoded)
}

/// Sends what was read; stops when the other end does not take it.
async fn give(send: &mut SendStream, mut encoded: mpsc::Receiver<Encoded>) {
    while let Some((room, bytes)) = encoded.recv().await {
        let bytes = if bytes.is_empty() {
            Bytes::from_static(&[0; PREFIX_BYTES])
        } else {
            bytes
        };
        match timeout(TAKE, send.write_chunk(bytes)).await {
            Ok(Ok(())) => drop(room),
            _ => return,
        }
    }
}

/// The requests of a stream.
struct Requests {
    recv: RecvStream,
    len: u64,
    waiting: VecDeque<Slice>,
    bytes: [u8; REQUESTS * REQUEST_BYTES],
    filled: usize,
}

impl Requests {
    fn new(recv: RecvStream, len: u64) -> Self {
        Self {
            recv,
            len,
            waiting: VecDeque::new(),
            bytes: [0; REQUESTS * REQUEST_BYTES],
            filled: 0,
        }
    }

    /// Waits until there is a request. False if no more come: the other end has what it wants, or is gone.
    async fn wait(&mut self) -> Result<bool, BrokeARule> {
        while self.waiting.is_empty() {
            let free = self.bytes.get_mut(self.filled..).unwrap_or_default();
            match timeout(IDLE, self.recv.read(free)).await {
                Ok(Ok(Some(read))) => self.filled += read,
                Ok(Ok(None)) if self.filled > 0 => return Err(BrokeARule),
                _ => return Ok(false),
            }
            let came = self.bytes.get(..self.filled).unwrap_or_default();
            let (whole, rest) = came.as_chunks::<REQUEST_BYTES>();
            for request in whole {
                let slice = wire::request(request, self.len).ok_or(BrokeARule)?;
                self.waiting.push_back(slice);
            }
            let whole = whole.as_flattened().len();
            self.filled = rest.len();
            self.bytes.copy_within(whole..whole + self.filled, 0);
        }
        Ok(true)
    }
}

/// Buffers that were sent and arrived, to be used again: new memory for each slice costs as much as reading it. All streams
/// share them; they are gone when nothing is given any more.
#[derive(Debug, Default)]
pub(super) struct Spare(Mutex<Vec<Vec<u8>>>);

impl Spare {
    fn buffers(&self) -> MutexGuard<'_, Vec<Vec<u8>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A buffer that goes back to the others.
struct Buffer {
    bytes: Vec<u8>,
    home: Arc<Spare>,
}

impl Buffer {
    fn new(home: Arc<Spare>, len: usize) -> Self {
        let mut bytes = home.buffers().pop().unwrap_or_default();
        bytes.resize(len, 0);
        Self { bytes, home }
    }
}

impl AsRef<[u8]> for Buffer {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        let bytes = mem::take(&mut self.bytes);
        let mut spare = self.home.buffers();
        if spare.len() < SPARE {
            spare.push(bytes);
        }
    }
}
