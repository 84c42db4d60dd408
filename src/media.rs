//! Floor 1: media, as plain files beside the store, verified by BLAKE3.
//!
//! ```text
//! media/<2>/<hash>              all bytes of a blob; a file of this name is complete and on disk
//! media/<2>/<hash>.obao         its hash tree, where it is larger than one group of 16 KiB
//! media/<2>/<hash>.part         what has come so far of a blob, with holes
//! media/<2>/<hash>.part.obao    the part of its tree that proves it
//! media/tmp/<n>                 being imported; removed when the node opens
//! ```
//!
//! `<hash>` is the hash as text and `<2>` its first two characters. Which blobs may stay is not decided here: the store
//! asks its [`BlobIndex`]. All I/O blocks.

mod carried;
mod error;
mod files;
mod held;
mod import;
mod partial;
mod proof;
mod reader;
mod room;
#[cfg(test)]
mod tests;
mod tree;

use std::collections::HashMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

pub(crate) use self::carried::Carried;
pub use self::error::{MediaError, Tried};
use self::files::Names;
pub(crate) use self::held::Held;
pub(crate) use self::import::{Import, Imported};
pub(crate) use self::partial::{Opened, Partial};
pub(crate) use self::proof::{Incoming, Proved, Wrong};
pub use self::reader::MediaReader;
pub(crate) use self::tree::Slice;
use crate::format::BlobHash;

/// Bytes of a blob at the most: a number from the network that everything is computed from.
pub(crate) const BLOB_BYTES: u64 = 1 << 40;

/// What the entries held say of blobs. Where that cannot be told, the answer is the one that loses nothing.
pub(crate) trait BlobIndex: fmt::Debug + Send + Sync {
    /// Whether any entry names it, so that it may stay.
    fn is_referenced(&self, blob: &BlobHash) -> bool;

    /// Whether an entry of an own feed names it, so that it stays whatever room it takes.
    fn is_own(&self, blob: &BlobHash) -> bool;
}

/// The media of one node.
#[derive(Debug)]
pub(crate) struct MediaStore {
    folder: PathBuf,
    index: Arc<dyn BlobIndex>,
    cap: u64,
    imports: AtomicU64,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Blobs that stay though no entry names them yet, or while they come; by how many hold them.
    kept: HashMap<BlobHash, usize>,
    /// The sizes of those that are coming.
    coming: HashMap<BlobHash, u64>,
    /// Bytes of others' media, at least; unknown until somebody needs to know.
    foreign: Option<u64>,
    mendings: held::Mendings,
    closed: bool,
}

impl MediaStore {
    /// The media of the node that lives in `folder`. At most `cap` bytes of others' media are kept.
    ///
    /// # Errors
    ///
    /// If what an import left behind cannot be removed.
    pub(crate) fn open(
        folder: PathBuf,
        index: Arc<dyn BlobIndex>,
        cap: u64,
    ) -> Result<Self, MediaError> {
        files::remove_leftovers(&folder.join(files::IMPORTS))?;
        Ok(Self {
            folder,
            index,
            cap,
            imports: AtomicU64::new(0),
            state: Mutex::new(State::default()),
        })
    }

    /// Bytes of a blob, if all of them are held.
    pub(crate) fn len(&self, blob: &BlobHash) -> Option<u64> {
        let file = std::fs::metadata(self.names(blob).data).ok()?;
        file.is_file().then_some(file.len())
    }

    /// How far into a blob that is not held whole anything has come: what is held of it, but for holes.
    pub(crate) fn part_len(&self, blob: &BlobHash) -> Option<u64> {
        let file = std::fs::metadata(self.names(blob).part).ok()?;
        file.is_file().then_some(file.len())
    }

    /// Keeps a blob until the guard is dropped, whatever the index says.
    pub(crate) fn keep(self: &Arc<Self>, blob: BlobHash) -> Kept {
        *self.state().kept.entry(blob).or_default() += 1;
        Kept {
            store: self.clone(),
            blob,
        }
    }

    /// Removes a blob that no entry names and nobody keeps.
    pub(crate) fn free(&self, blob: &BlobHash) {
        // Under the lock, or an import could begin to rely on the file between the question and the removal.
        let mut state = self.state();
        let stays = state.closed || state.kept.contains_key(blob) || self.index.is_referenced(blob);
        if !stays && self.names(blob).remove() {
            // How much smaller others' media have become is found out when it matters.
            state.foreign = None;
        }
    }

    /// Removes every file that no entry names: what a crash or a kill left behind.
    pub(crate) fn sweep(&self) {
        for found in files::blobs(&self.folder) {
            if self.state().closed {
                return;
            }
            self.free(&found.blob);
        }
    }

    /// Removes nothing any more: the folder may be another node's from now on.
    pub(crate) fn close(&self) {
        self.state().closed = true;
    }

    fn names(&self, blob: &BlobHash) -> Names {
        Names::new(&self.folder, blob)
    }

    fn next_import(&self) -> PathBuf {
        let number = self.imports.fetch_add(1, Ordering::Relaxed);
        let name = format!("{}-{number}", std::process::id());
        self.folder.join(files::IMPORTS).join(name)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Keeps a blob that no entry names yet. Dropped, it goes unless one names it by then.
#[derive(Debug)]
pub(crate) struct Kept {
    store: Arc<MediaStore>,
    blob: BlobHash,
}

impl Drop for Kept {
    fn drop(&mut self) {
        let mut state = self.store.state();
        if let Some(count) = state.kept.get_mut(&self.blob) {
            *count -= 1;
            if *count == 0 {
                state.kept.remove(&self.blob);
            }
        }
        drop(state);
        self.store.free(&self.blob);
    }
}
