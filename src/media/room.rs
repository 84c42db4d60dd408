//! Room for others' media: what was used longest ago goes first, own media never.

use super::error::MediaError;
use super::files::{self, Found};
use super::{MediaStore, State};
use crate::format::BlobHash;

/// This part of the cap is made free when room is needed, in steps of so many bytes: none of it where the cap is small.
const SHARE: u64 = 16;
const STEP: u64 = 64 * 1024 * 1024;

impl MediaStore {
    /// Sees to it that a blob of `len` bytes fits under the cap, and counts it as coming.
    ///
    /// # Errors
    ///
    /// [`MediaError::OverCap`] if it does not even when all has gone that may.
    pub(super) fn make_room(&self, blob: &BlobHash, len: u64) -> Result<(), MediaError> {
        let is_own = self.index.is_own(blob);
        let mut state = self.state();
        if is_own {
            return Ok(());
        }
        state.coming.insert(*blob, len);
        // What is known is never too little, so most fetches need no look at the disk.
        let known = state.foreign.map(|foreign| foreign.saturating_add(len));
        if known.is_some_and(|bytes| bytes <= self.cap) {
            state.foreign = known;
            return Ok(());
        }
        let bytes = self.evict(&state);
        if bytes > self.cap {
            state.coming.remove(blob);
            state.foreign = None;
            let (blob, needed, cap) = (*blob, len, self.cap);
            return Err(MediaError::OverCap { blob, needed, cap });
        }
        state.foreign = Some(bytes);
        Ok(())
    }

    /// A blob does not come any more: all of it is there, or it was left.
    pub(super) fn came(&self, blob: &BlobHash) {
        self.state().coming.remove(blob);
    }

    /// Removes others' media, those used longest ago first, until the rest and what is coming fit. Returns their bytes.
    fn evict(&self, state: &State) -> u64 {
        let is_coming = |found: &Found| state.coming.contains_key(&found.blob);
        let found = files::blobs(&self.folder).filter(|found| !is_coming(found));
        let mut foreign: Vec<Found> = found
            .filter(|found| found.bytes > 0 && !self.index.is_own(&found.blob))
            .collect();
        foreign.sort_by_key(|found| found.used);
        let is_kept = |found: &Found| state.kept.contains_key(&found.blob);
        let coming: u64 = state.coming.values().sum();
        let kept = foreign.iter().filter(|found| is_kept(found));
        let kept: u64 = kept.map(|found| found.bytes).sum();
        let mut bytes = coming + foreign.iter().map(|found| found.bytes).sum::<u64>();
        if coming + kept > self.cap {
            // What an entry claims to be that large makes nothing else go.
            return bytes;
        }
        // A look at the whole folder is dear where it is large, so that some room is made for the next ones too.
        let spare = self.cap / SHARE / STEP * STEP;
        for found in foreign {
            if bytes <= self.cap - spare {
                break;
            }
            if !is_kept(&found) && self.names(&found.blob).remove() {
                bytes = bytes.saturating_sub(found.bytes);
            }
        }
        bytes
    }
}
