//! Fetching from one peer: what is missing, a few slices ahead, each verified and then written.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

use bytes::Bytes;
use iroh::endpoint::{Connection, ReadError, RecvStream, SendStream, VarInt, WriteError};
use tokio::sync::watch;
use tokio::task::{JoinHandle, spawn_blocking};
use tokio::time::timeout;

use super::code;
use super::fetch::Told;
use super::pace::Pace;
use super::wire::{self, Answer, PREFIX_BYTES};
use crate::media::{MediaError, Partial, Refused, Slice};

/// Slices asked for ahead: 4 MiB, which keeps a fast link busy and is what a lying peer can send for nothing.
const AHEAD: usize = 16;
/// Bytes between two early syncs of the file: the disk works while the network does.
const SYNC_EVERY: u64 = 32 * 1024 * 1024;

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

/// What a write gives back: the blob, what was to be written, and whether it was.
type Written = (Partial, Slice, Result<(), Refused>);

/// A blob that is coming from one peer.
pub(super) struct FromPeer<'a> {
    send: SendStream,
    recv: RecvStream,
    pace: Pace,
    told: &'a watch::Sender<Told>,
    len: u64,
    /// None while a slice is being written.
    partial: Option<Partial>,
    writing: Option<JoinHandle<Written>>,
    syncing: Option<JoinHandle<()>>,
    unsynced: u64,
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
    let mut from = FromPeer {
        send,
        recv,
        pace,
        told,
        len: partial.len(),
        partial: Some(partial),
        writing: None,
        syncing: None,
        unsynced: 0,
    };
    let left = from.run().await.err().unwrap_or(Left::Done);
    let left = match from.written().await {
        Ok(()) => left,
        Err(wrong) => wrong,
    };
    let _gone = from.recv.stop(VarInt::from_u32(code::BYE));
    (from.partial.take(), left)
}

impl FromPeer<'_> {
    async fn run(&mut self) -> Result<(), Left> {
        let Some(partial) = &self.partial else {
            return Ok(());
        };
        let head = wire::encode_head(&partial.blob(), self.len);
        let mut missing: VecDeque<Slice> = partial.missing().into();
        self.send(&head).await?;
        let mut answer = [0];
        self.read(&mut answer).await?;
        match answer.first().copied().and_then(wire::answer) {
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
            let encoded = self.slice(slice).await?;
            self.write(slice, encoded).await?;
        }
        let _gone = self.send.finish();
        Ok(())
    }

    /// Receives one slice, exactly as long as it has to be.
    async fn slice(&mut self, slice: Slice) -> Result<Vec<u8>, Left> {
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
        let mut encoded = Vec::with_capacity(expected);
        while encoded.len() < expected {
            let chunk = self.chunk(expected - encoded.len()).await?;
            encoded.extend_from_slice(&chunk);
        }
        Ok(encoded)
    }

    async fn read(&mut self, into: &mut [u8]) -> Result<(), Left> {
        let mut filled = 0;
        while let Some(rest) = into.get_mut(filled..).filter(|rest| !rest.is_empty()) {
            let chunk = self.chunk(rest.len()).await?;
            let (now, _) = rest.split_at_mut(chunk.len());
            now.copy_from_slice(&chunk);
            filled += chunk.len();
        }
        Ok(())
    }

    /// The next bytes, at most so many.
    async fn chunk(&mut self, at_most: usize) -> Result<Bytes, Left> {
        let came = in_time(&self.pace, self.recv.read_chunk(at_most)).await??;
        let chunk = came.ok_or_else(|| Left::Lost("it ended the stream".to_owned()))?;
        if !self.pace.came(chunk.len()) {
            return Err(Left::Lost("it sends too slowly".to_owned()));
        }
        Ok(chunk)
    }

    async fn send(&mut self, bytes: &[u8]) -> Result<(), Left> {
        match in_time(&self.pace, self.send.write_all(bytes)).await? {
            // It reads no further; what it sent before may tell why.
            Ok(()) | Err(WriteError::Stopped(_)) => Ok(()),
            Err(error) => Err(Left::Lost(error.to_string())),
        }
    }

    /// Verifies and writes a slice while the next one comes.
    async fn write(&mut self, slice: Slice, encoded: Vec<u8>) -> Result<(), Left> {
        let began = Instant::now();
        self.written().await?;
        if began.elapsed() > self.pace.limit() / 4 {
            // The disk was slow, not the peer.
            self.pace.restart();
        }
        if let Some(mut partial) = self.partial.take() {
            self.writing = Some(spawn_blocking(move || {
                let written = partial.write(slice, &encoded);
                (partial, slice, written)
            }));
        }
        Ok(())
    }

    /// Waits until what is being written is.
    async fn written(&mut self) -> Result<(), Left> {
        let Some(writing) = self.writing.take() else {
            return Ok(());
        };
        let Ok((partial, slice, written)) = writing.await else {
            return Err(Left::Lost("this node is shutting down".to_owned()));
        };
        let partial = self.partial.insert(partial);
        match written {
            Ok(()) => {}
            Err(Refused::Wrong) => {
                return Err(Left::Out(
                    "it sent bytes that are not the blob's".to_owned(),
                ));
            }
            Err(Refused::Disk(error)) => return Err(Left::Disk(error)),
        }
        let bytes = slice.bytes(self.len);
        self.told.send_modify(|told| told.progress.have += bytes);
        self.unsynced += bytes;
        let is_syncing = self
            .syncing
            .as_ref()
            .is_some_and(|sync| !sync.is_finished());
        if self.unsynced >= SYNC_EVERY && !is_syncing {
            self.unsynced = 0;
            self.syncing = partial.to_sync().map(|file| {
                spawn_blocking(move || {
                    // That it failed is seen at the end, when all is synced.
                    let _seen_then = file.sync_data();
                })
            });
        }
        Ok(())
    }
}

async fn in_time<F: Future>(pace: &Pace, future: F) -> Result<F::Output, Left> {
    timeout(pace.limit(), future)
        .await
        .map_err(|_| stalled(pace))
}
