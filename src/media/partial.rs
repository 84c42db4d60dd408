//! A blob that is coming: verified slice by slice before it is written, taken up again after any end.

use std::fs::{File, OpenOptions};
use std::path::Path;
use std::sync::Arc;

use bao_tree::io::sync::{WriteAt as _, valid_ranges};
use bao_tree::{ChunkNum, ChunkRanges};

use super::error::MediaError;
use super::files::{self, Names, disk};
use super::proof::Proved;
use super::tree::{self, GROUP_BYTES, Pairs, Slice, has_tree, tree_of};
use super::{BLOB_BYTES, Kept, MediaStore};
use crate::format::BlobHash;

/// What opening a blob to write to it finds.
#[derive(Debug)]
pub(crate) enum Opened {
    /// All of it is held.
    Whole,
    /// Some of it is missing.
    Part(Box<Partial>),
}

/// A blob of which some is missing. It is kept until this is dropped, and after that while an entry names it.
#[derive(Debug)]
pub(crate) struct Partial {
    store: Arc<MediaStore>,
    blob: BlobHash,
    len: u64,
    names: Names,
    data: File,
    tree: Option<File>,
    /// Where the hash pairs of the slice written last are: the next one comes with some of them.
    pairs_before: Vec<u64>,
    have: ChunkRanges,
    kept: Option<Kept>,
}

impl MediaStore {
    /// Opens a blob of `len` bytes to fetch what is missing of it. What is there is read and verified first.
    ///
    /// # Errors
    ///
    /// If the disk fails, or it would take others' media over the cap though all that may go has gone.
    pub(crate) fn open_partial(
        self: &Arc<Self>,
        blob: BlobHash,
        len: u64,
    ) -> Result<Opened, MediaError> {
        if len == 0 || len > BLOB_BYTES {
            let (name, limit) = (blob.to_string(), BLOB_BYTES);
            return Err(MediaError::TooLarge { name, limit });
        }
        let kept = self.keep(blob);
        if self.len(&blob).is_some() {
            return Ok(Opened::Whole);
        }
        self.make_room(&blob, len)?;
        let opened = Partial::open(self.clone(), blob, len, kept);
        if opened.is_err() {
            self.came(&blob);
        }
        opened.map(|partial| Opened::Part(Box::new(partial)))
    }
}

impl Partial {
    fn open(
        store: Arc<MediaStore>,
        blob: BlobHash,
        len: u64,
        kept: Kept,
    ) -> Result<Self, MediaError> {
        let names = store.names(&blob);
        names.make_folder()?;
        let data = open_to_write(&names.part)?;
        let tree = has_tree(len).then(|| open_to_write(&names.part_tree));
        let mut partial = Self {
            store,
            blob,
            len,
            names,
            data,
            tree: tree.transpose()?,
            pairs_before: Vec::new(),
            have: ChunkRanges::empty(),
            kept: Some(kept),
        };
        partial.have = partial.verified()?;
        Ok(partial)
    }

    /// What is there and right.
    fn verified(&self) -> Result<ChunkRanges, MediaError> {
        let unreadable = |source| disk(&self.names.part, "read", source);
        let mut have = ChunkRanges::empty();
        if self.data.metadata().map_err(unreadable)?.len() == 0 {
            return Ok(have);
        }
        let pairs = self.tree.as_ref().map_or(Pairs::None, Pairs::Read);
        let outboard = tree::outboard(&self.blob, self.len, pairs);
        for range in valid_ranges(outboard, &self.data, &ChunkRanges::all()) {
            have |= ChunkRanges::from(range.map_err(unreadable)?);
        }
        Ok(have)
    }

    /// Which blob.
    pub(crate) const fn blob(&self) -> BlobHash {
        self.blob
    }

    /// Its bytes, all of them.
    pub(crate) const fn len(&self) -> u64 {
        self.len
    }

    /// Bytes of it that are there and right.
    pub(crate) fn have(&self) -> u64 {
        let ranges = spans(&self.have, self.len);
        let bytes = ranges.map(|(from, to)| (to * 1024).min(self.len).saturating_sub(from * 1024));
        bytes.sum()
    }

    /// What is missing, in the order of the blob.
    pub(crate) fn missing(&self) -> Vec<Slice> {
        let all = ChunkRanges::from(..tree_of(self.len).chunks());
        let missing = all - self.have.clone();
        let spans = spans(&missing, self.len);
        spans
            .flat_map(|(from, to)| Slice::covering(&(from..to)))
            .collect()
    }

    /// Writes a slice that holds.
    ///
    /// # Errors
    ///
    /// If the disk fails, or it is a slice of another blob.
    pub(crate) fn write(&mut self, proved: &mut Proved) -> Result<(), MediaError> {
        if (proved.blob, proved.len) != (self.blob, self.len) {
            return Err(MediaError::Damaged { blob: self.blob });
        }
        let at = proved.slice.first * GROUP_BYTES as u64;
        let mut written = self.data.write_all_at(at, &proved.bytes);
        if let (Ok(()), Some(tree)) = (&written, &mut self.tree) {
            written = tree::write_pairs(tree, &mut proved.pairs, &mut self.pairs_before);
        }
        match written {
            Ok(()) => {
                let chunks = ChunkRanges::from(..tree_of(self.len).chunks());
                self.have |= proved.slice.chunks() & chunks;
                Ok(())
            }
            Err(source) => {
                let name = self.blob.to_string();
                let error = files::write_failed(&self.names.part, &name, self.len, source);
                if matches!(error, MediaError::DiskFull { .. }) {
                    // A full disk stops everything else; what came of this is the first to go.
                    self.names.remove_part();
                }
                Err(error)
            }
        }
    }

    /// A handle for [`File::sync_data`], which takes its time: begun early, less is left for the end.
    pub(crate) fn to_sync(&self) -> Option<File> {
        self.data.try_clone().ok()
    }

    /// Gives the blob its name once nothing is missing. It is on disk when this returns.
    ///
    /// # Errors
    ///
    /// If the disk fails; what came stays.
    pub(crate) fn finish(self) -> Result<(), MediaError> {
        debug_assert!(self.missing().is_empty());
        let unwritten = |source| disk(&self.names.part, "written", source);
        // It may be longer where it was taken up from a file that was damaged.
        self.data.set_len(self.len).map_err(unwritten)?;
        self.data.sync_all().map_err(unwritten)?;
        if let Some(tree) = &self.tree {
            tree.sync_all().map_err(unwritten)?;
        }
        let tree = self.tree.as_ref().map(|_| self.names.part_tree.as_path());
        match self.names.settle(&self.names.part, tree) {
            // The same bytes were attached meanwhile, which took the part away.
            Err(_) if self.store.len(&self.blob).is_some() => Ok(()),
            settled => settled,
        }
    }
}

impl Drop for Partial {
    fn drop(&mut self) {
        self.store.came(&self.blob);
        drop(self.kept.take());
    }
}

/// The ranges of a set of chunks as numbers, cut off at the end of the blob.
fn spans(set: &ChunkRanges, len: u64) -> impl Iterator<Item = (u64, u64)> {
    let end = tree_of(len).chunks().0;
    let boundaries = set.boundaries().chunks(2);
    boundaries.filter_map(move |range| {
        let from = range.first()?.0.min(end);
        let to = range.get(1).map_or(end, |to: &ChunkNum| to.0.min(end));
        (from < to).then_some((from, to))
    })
}

fn open_to_write(path: &Path) -> Result<File, MediaError> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    options
        .open(path)
        .map_err(|source| disk(path, "opened", source))
}
