//! Writing what comes of a blob, on a thread of its own: the network goes on while the disk works.

use tokio::sync::{mpsc, watch};
use tokio::task::{JoinHandle, spawn_blocking};

use super::fetch::Told;
use crate::media::{MediaError, Partial, Proved};

/// Bytes between two early syncs of the file: the disk works while the network does.
const SYNC_EVERY: u64 = 8 * 1024 * 1024;

/// Writes slices until no more come, or the disk fails. Gives the blob back, and each buffer as it becomes free.
pub(super) fn take_in(
    mut partial: Partial,
    mut slices: mpsc::Receiver<Proved>,
    spare: &mpsc::Sender<Vec<u8>>,
    told: &watch::Sender<Told>,
) -> (Partial, Result<(), MediaError>) {
    let mut syncing: Option<JoinHandle<()>> = None;
    let mut unsynced = 0;
    while let Some(mut proved) = slices.blocking_recv() {
        if let Err(error) = partial.write(&mut proved) {
            return (partial, Err(error));
        }
        let bytes = proved.slice().bytes(partial.len());
        told.send_modify(|told| told.progress.have += bytes);
        // Where there is no room for it, memory is asked for anew.
        let _not_used_again = spare.try_send(proved.into_buffer());
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
