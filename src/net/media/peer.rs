//! Fetching from one peer: what is missing, a few slices ahead, verified as they come and handed to a thread that writes.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

use bytes::Bytes;
use iroh::endpoint::{Connection, ReadError, RecvStream, SendStream, VarInt, WriteError};
use tokio::sync::{mpsc, watch};
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use super::code;
use super::download::take_in;
use super::fetch::Told;
use super::pace::Pace;
use super::wire::{self, Answer, PREFIX_BYTES};
use crate::format::BlobHash;
use crate::media::{Incoming, MediaError, Partial, Proved, Slice, Wrong};

/// Slices asked for ahead: 4 MiB, which keeps a fast link busy and is what a lying peer can send for nothing.
const AHEAD: usize = 16;
/// Slices that have come and wait for the disk.
const TO_WRITE: usize = 4;
/// Packets taken out of the stream at one time.
const BATCH: usize = 32;

/// Why a peer was left.
#[derive(Debug)]
pub(super) enum Left {
    /// All of it is there.
    Done,
    /// It does not have it, or broke a rule: it is not asked for this blob again.
    Out(String),
    /// It was lost or too slow, which may pass.
    Lost(String),
    /// The disk here failed.
    Disk(MediaError),
}

impl From<ReadError> for Left {
    fn from(error: ReadError) -> Self {
        Self::Lost(error.to_string())
    }
}

fn stalled(pace: &Pace) -> Left {
    Left::Lost(format!("nothing came for {} s", pace.limit().as_secs()))
}

impl From<Wrong> for Left {
    fn from(_: Wrong) -> Self {
        Self::Out("it sent bytes that are not the blob's".to_owned())
    }
}

/// Nothing more is written; why is told by what writes.
struct NotWritten;

impl From<NotWritten> for Left {
    fn from(_: NotWritten) -> Self {
        Self::Lost("nothing more of it can be written".to_owned())
    }
}

/// A blob that is coming from one peer.
struct FromPeer {
    send: SendStream,
    recv: RecvStream,
    pace: Pace,
    blob: BlobHash,
    len: u64,
    /// What came and was not looked at yet.
    came: VecDeque<Bytes>,
    batch: [Bytes; BATCH],
    to_write: mpsc::Sender<Proved>,
    /// Buffers that were written. New memory for each slice would cost more than what is done with it.
    spare: mpsc::Receiver<Vec<u8>>,
}

/// Fetches what is missing of a blob from a peer. Gives back the blob, and why it ended; no blob if the runtime ends.
pub(super) async fn fetch(
    connection: &Connection,
    partial: Partial,
    others: Arc<AtomicBool>,
    told: &watch::Sender<Told>,
) -> (Option<Partial>, Left) {
    let pace = Pace::new(others);
    let opened = match timeout(pace.limit(), connection.open_bi()).await {
        Ok(opened) => opened.map_err(|error| Left::Lost(error.to_string())),
        Err(_) => Err(Left::Lost("it takes no further request".to_owned())),
    };
    let (send, recv) = match opened {
        Ok(streams) => streams,
        Err(left) => return (Some(partial), left),
    };
    let (to_write, slices) = mpsc::channel(TO_WRITE);
    let (written, spare) = mpsc::channel(TO_WRITE + 2);
    let mut from = FromPeer {
        send,
        recv,
        pace,
        blob: partial.blob(),
        len: partial.len(),
        came: VecDeque::new(),
        batch: std::array::from_fn(|_| Bytes::new()),
        to_write,
        spare,
    };
    let head = wire::encode_head(&partial.blob(), partial.len());
    let missing = partial.missing().into();
    let told = told.clone();
    let writing = spawn_blocking(move || take_in(partial, slices, &written, &told));
    let left = from.run(&head, missing).await.err().unwrap_or(Left::Done);
    let _gone = from.recv.stop(VarInt::from_u32(code::BYE));
    // Ends what writes, once it has written what came.
    drop(from);
    match writing.await {
        Ok((partial, Ok(()))) => (Some(partial), left),
        Ok((partial, Err(error))) => (Some(partial), Left::Disk(error)),
        Err(_) => (None, left),
    }
}

impl FromPeer {
    async fn run(&mut self, head: &[u8], mut missing: VecDeque<Slice>) -> Result<(), Left> {
        self.send(head).await?;
        let mut answer = [0];
        self.read(&mut answer).await?;
        match wire::answer(answer[0]) {
            Some(Answer::Served) => {}
            Some(Answer::NotServed) => return Err(Left::Out("it does not have it".to_owned())),
            None => return Err(Left::Out("its answer is of no known kind".to_owned())),
        }
        let mut asked = VecDeque::with_capacity(AHEAD);
        loop {
            let mut requests = Vec::new();
            // In bundles, so that requests cost few packets.
            if asked.len() <= AHEAD / 2 {
                let room = AHEAD - asked.len();
                for slice in missing.drain(..room.min(missing.len())) {
                    wire::encode_request(slice, &mut requests);
                    asked.push_back(slice);
                }
            }
            if !requests.is_empty() {
                self.send(&requests).await?;
            }
            let Some(slice) = asked.pop_front() else {
                break;
            };
            let proved = self.slice(slice).await?;
            self.write(proved).await?;
        }
        let _gone = self.send.finish();
        Ok(())
    }

    /// Receives one slice, exactly as long as it has to be, and verifies it as it comes.
    async fn slice(&mut self, slice: Slice) -> Result<Proved, Left> {
        let mut prefix = [0; PREFIX_BYTES];
        self.read(&mut prefix).await?;
        let expected = slice.encoded_len(self.len);
        match u32::from_be_bytes(prefix) as usize {
            0 => return Err(Left::Out("it does not have it any more".to_owned())),
            len if len == expected => {}
            len => {
                let why = format!("it sent {len} bytes where {expected} were asked for");
                return Err(Left::Out(why));
            }
        }
        let mut pairs = vec![0; slice.pair_bytes(self.len)];
        self.read(&mut pairs).await?;
        let buffer = self.spare.try_recv();
        let buffer = buffer.unwrap_or_else(|_| Vec::with_capacity(expected));
        let mut incoming = Incoming::new(self.blob, self.len, slice, &pairs, buffer)?;
        while incoming.missing() > 0 {
            if self.came.is_empty() {
                self.more().await?;
            }
            while let Some(chunk) = self.next(incoming.missing()) {
                incoming.add(&chunk)?;
            }
        }
        Ok(incoming.end()?)
    }

    async fn read(&mut self, mut into: &mut [u8]) -> Result<(), Left> {
        while !into.is_empty() {
            match self.next(into.len()) {
                Some(chunk) => {
                    let (now, later) = into.split_at_mut(chunk.len());
                    now.copy_from_slice(&chunk);
                    into = later;
                }
                None => self.more().await?,
            }
        }
        Ok(())
    }

    /// Some of what came, at most so many bytes.
    fn next(&mut self, most: usize) -> Option<Bytes> {
        if most == 0 {
            return None;
        }
        let mut chunk = self.came.pop_front()?;
        if chunk.len() > most {
            self.came.push_front(chunk.split_off(most));
        }
        Some(chunk)
    }

    async fn more(&mut self) -> Result<(), Left> {
        let reading = self.recv.read_many_chunks(&mut self.batch);
        let read = tokio::select! {
            read = in_time(&self.pace, reading) => read??,
            () = self.to_write.closed() => return Err(NotWritten.into()),
        };
        let read = read.ok_or_else(|| Left::Lost("it ended the stream".to_owned()))?;
        let chunks = self.batch.iter_mut().take(read).map(std::mem::take);
        let before = self.came.len();
        self.came.extend(chunks);
        let bytes = self.came.iter().skip(before).map(Bytes::len).sum();
        if !self.pace.came(bytes) {
            return Err(Left::Lost("it sends too slowly".to_owned()));
        }
        Ok(())
    }

    async fn send(&mut self, bytes: &[u8]) -> Result<(), Left> {
        match in_time(&self.pace, self.send.write_all(bytes)).await? {
            // It reads no further; what it sent before may tell why.
            Ok(()) | Err(WriteError::Stopped(_)) => Ok(()),
            Err(error) => Err(Left::Lost(error.to_string())),
        }
    }

    /// Has a slice written while the next ones come.
    async fn write(&mut self, proved: Proved) -> Result<(), Left> {
        let began = Instant::now();
        let sent = self.to_write.send(proved).await;
        if began.elapsed() > self.pace.limit() / 4 {
            // The disk was slow, not the peer.
            self.pace.restart();
        }
        sent.map_err(|_| NotWritten.into())
    }
}

async fn in_time<F: Future>(pace: &Pace, future: F) -> Result<F::Output, Left> {
    timeout(pace.limit(), future)
        .await
        .map_err(|_| stalled(pace))
}
