//! Writing what comes of a blob, on a thread of its own: the network goes on while hashes are computed and the disk works.

use std::collections::VecDeque;
use std::io::{self, Read};

use bytes::{Buf as _, Bytes};
use tokio::sync::{mpsc, watch};
use tokio::task::{JoinHandle, spawn_blocking};

use super::fetch::Told;
use crate::media::{Partial, Refused, Slice};

/// Bytes between two early syncs of the file: the disk works while the network does.
const SYNC_EVERY: u64 = 8 * 1024 * 1024;

/// A slice with its proof, in the pieces in which it came.
#[derive(Debug)]
pub(super) struct Came {
    pub(super) slice: Slice,
    pub(super) encoded: VecDeque<Bytes>,
}

impl Read for Came {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let mut filled = 0;
        while let Some(rest) = buf.get_mut(filled..).filter(|rest| !rest.is_empty()) {
            let Some(first) = self.encoded.front_mut() else {
                break;
            };
            let now = rest.len().min(first.len());
            let (to, _) = rest.split_at_mut(now);
            first.copy_to_slice(to);
            filled += now;
            if first.is_empty() {
                self.encoded.pop_front();
            }
        }
        Ok(filled)
    }
}

/// Verifies and writes slices until no more come, or one is refused. Gives the blob back.
pub(super) fn take_in(
    mut partial: Partial,
    mut slices: mpsc::Receiver<Came>,
    told: &watch::Sender<Told>,
) -> (Partial, Result<(), Refused>) {
    let mut syncing: Option<JoinHandle<()>> = None;
    let mut unsynced = 0;
    while let Some(came) = slices.blocking_recv() {
        let slice = came.slice;
        if let Err(refused) = partial.write(slice, came) {
            return (partial, Err(refused));
        }
        let bytes = slice.bytes(partial.len());
        told.send_modify(|told| told.progress.have += bytes);
        unsynced += bytes;
        let is_syncing = syncing.as_ref().is_some_and(|sync| !sync.is_finished());
        if unsynced >= SYNC_EVERY && !is_syncing {
            unsynced = 0;
            syncing = partial.to_sync().map(|file| {
                spawn_blocking(move || {
                    // That it failed is seen at the end, when all is synced.
                    let _seen_then = file.sync_data();
                })
            });
        }
    }
    (partial, Ok(()))
}
