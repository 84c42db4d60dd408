//! The hash tree of a blob: its geometry, and how it is computed while bytes go by.

use std::fs::File;
use std::io::{self, Write};
use std::ops::Range;

use bao_tree::io::outboard::PostOrderOutboard;
use bao_tree::io::sync::{ReadAt, WriteAt};
use bao_tree::{BaoTree, BlockSize, ChunkNum, ChunkRanges};
use blake3::hazmat::{
    ChainingValue, HasherExt as _, Mode, merge_subtrees_non_root, merge_subtrees_root,
};

use crate::format::BlobHash;

/// Bytes that one hash of the stored tree covers: the tree then takes 1/256 of the data.
pub(super) const GROUP_BYTES: usize = 16 * 1024;
/// The same as the tree's crate says it: two to the power of 4 chunks of 1 KiB.
const GROUP: BlockSize = BlockSize::from_chunk_log(4);
const GROUP_CHUNKS: u64 = 16;

/// Groups in one slice at the most: what is asked for, proved and sent as a whole.
pub(super) const GROUPS_AT_ONCE: u64 = 16;

pub(super) fn tree_of(len: u64) -> BaoTree {
    BaoTree::new(len, GROUP)
}

/// Whether a tree is stored at all: a blob of one group has none.
pub(super) const fn has_tree(len: u64) -> bool {
    len > GROUP_BYTES as u64
}

/// Some groups of a blob, in one row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Slice {
    pub(crate) first: u64,
    pub(crate) count: u64,
}

impl Slice {
    /// None if it is empty, too large or reaches past the end of a blob of `len` bytes.
    pub(crate) fn checked(first: u64, count: u64, len: u64) -> Option<Self> {
        let groups = len.div_ceil(GROUP_BYTES as u64);
        let end = first.checked_add(count)?;
        let fits = count > 0 && count <= GROUPS_AT_ONCE && end <= groups;
        fits.then_some(Self { first, count })
    }

    /// Bytes of the blob in it.
    pub(crate) fn bytes(self, len: u64) -> u64 {
        let end = ((self.first + self.count) * GROUP_BYTES as u64).min(len);
        end.saturating_sub(self.first * GROUP_BYTES as u64)
    }

    pub(super) fn chunks(self) -> ChunkRanges {
        let end = self.first + self.count;
        ChunkRanges::from(ChunkNum(self.first * GROUP_CHUNKS)..ChunkNum(end * GROUP_CHUNKS))
    }

    /// The slices that cover ranges of chunks, aligned, so that two peers are never asked for overlapping ones.
    pub(super) fn covering(chunks: &Range<u64>) -> impl Iterator<Item = Self> + use<> {
        let (first, end) = (
            chunks.start / GROUP_CHUNKS,
            chunks.end.div_ceil(GROUP_CHUNKS),
        );
        let starts = std::iter::successors(Some(first), move |at| {
            Some((at / GROUPS_AT_ONCE + 1) * GROUPS_AT_ONCE)
        });
        let inside = starts.take_while(move |at| *at < end);
        inside.map(move |first| {
            let next = (first / GROUPS_AT_ONCE + 1) * GROUPS_AT_ONCE;
            Self {
                first,
                count: next.min(end) - first,
            }
        })
    }
}

/// The stored tree of a blob, as the tree's crate reads and writes it.
pub(super) type Outboard<'a> = PostOrderOutboard<Pairs<'a>>;

pub(super) fn outboard<'a>(blob: &BlobHash, len: u64, pairs: Pairs<'a>) -> Outboard<'a> {
    PostOrderOutboard {
        root: blake3::Hash::from_bytes(*blob.as_bytes()),
        tree: tree_of(len),
        data: pairs,
    }
}

/// Hash pairs in a file, or nowhere, where the blob has but one group.
#[derive(Debug)]
pub(super) enum Pairs<'a> {
    None,
    Read(&'a File),
}

/// A hash pair, and where in the file of the tree it belongs.
pub(super) type Pair = (u64, [u8; PAIR_BYTES]);

pub(super) const PAIR_BYTES: usize = 64;

/// Writes hash pairs, those side by side at once; not those that were written with the slice before, whose places are in
/// `before`.
pub(super) fn write_pairs(
    file: &mut File,
    pairs: &mut Vec<Pair>,
    before: &mut Vec<u64>,
) -> io::Result<()> {
    pairs.sort_unstable_by_key(|(at, _)| *at);
    let now: Vec<u64> = pairs.iter().map(|(at, _)| *at).collect();
    pairs.retain(|(at, _)| before.binary_search(at).is_err());
    for run in pairs.chunk_by(|one, next| side_by_side(&one.0, &next.0)) {
        let bytes: Vec<u8> = run.iter().flat_map(|(_, pair)| *pair).collect();
        let at = run.first().map_or(0, |(at, _)| *at);
        WriteAt::write_all_at(file, at, &bytes)?;
    }
    *before = now;
    Ok(())
}

/// Reads the hash pairs in these places, one after the other into `into`; those side by side in the file at once, which
/// most pairs of a slice are.
pub(super) fn read_pairs(file: &File, places: &[u64], into: &mut [u8]) -> io::Result<()> {
    let mut sorted: Vec<(u64, usize)> = places.iter().copied().zip(0..).collect();
    sorted.sort_unstable();
    let mut bytes = Vec::new();
    for run in sorted.chunk_by(|(one, _), (next, _)| side_by_side(one, next)) {
        bytes.resize(run.len() * PAIR_BYTES, 0);
        let at = run.first().map_or(0, |(at, _)| *at);
        ReadAt::read_exact_at(file, at, &mut bytes)?;
        for ((_, nth), pair) in run.iter().zip(bytes.chunks_exact(PAIR_BYTES)) {
            let to = into.get_mut(nth * PAIR_BYTES..).unwrap_or_default();
            to.iter_mut().zip(pair).for_each(|(to, from)| *to = *from);
        }
    }
    Ok(())
}

const fn side_by_side(one: &u64, next: &u64) -> bool {
    *one + PAIR_BYTES as u64 == *next
}

impl ReadAt for Pairs<'_> {
    fn read_at(&self, at: u64, buf: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::None => Ok(0),
            Self::Read(file) => ReadAt::read_at(*file, at, buf),
        }
    }
}

/// Hashes bytes as they go by and writes the tree in post order, without knowing how many there will be.
#[derive(Debug)]
pub(super) struct TreeHasher<W> {
    out: W,
    /// Hashes of finished subtrees, each larger than the next.
    stack: Vec<ChainingValue>,
    /// The group that is being filled. It is hashed only once more follows: the last one ends the tree.
    group: Vec<u8>,
    groups: u64,
}

impl<W: Write> TreeHasher<W> {
    pub(super) fn new(out: W) -> Self {
        Self {
            out,
            stack: Vec::new(),
            group: Vec::with_capacity(GROUP_BYTES),
            groups: 0,
        }
    }

    pub(super) fn update(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            if self.group.len() == GROUP_BYTES {
                self.end_group()?;
            }
            let room = GROUP_BYTES - self.group.len();
            let (now, later) = bytes.split_at(room.min(bytes.len()));
            self.group.extend_from_slice(now);
            bytes = later;
        }
        Ok(())
    }

    /// The hash of all of it, once; nothing can be added after it.
    pub(super) fn end(&mut self) -> io::Result<BlobHash> {
        if self.groups == 0 {
            return Ok(BlobHash::from_bytes(*blake3::hash(&self.group).as_bytes()));
        }
        self.end_group()?;
        let mut root = None;
        while self.stack.len() > 1 {
            let is_root = self.stack.len() == 2;
            root = self.merge(is_root)?;
        }
        self.out.flush()?;
        let root = root.ok_or(io::ErrorKind::InvalidData)?;
        Ok(BlobHash::from_bytes(*root.as_bytes()))
    }

    fn end_group(&mut self) -> io::Result<()> {
        // Subtrees are joined only now, since the last join of all is another one.
        while self.stack.len() > self.groups.count_ones() as usize {
            self.merge(false)?;
        }
        let mut hasher = blake3::Hasher::new();
        hasher.set_input_offset(self.groups * GROUP_BYTES as u64);
        hasher.update(&self.group);
        self.stack.push(hasher.finalize_non_root());
        self.groups += 1;
        self.group.clear();
        Ok(())
    }

    /// Joins the two topmost subtrees.
    fn merge(&mut self, is_root: bool) -> io::Result<Option<blake3::Hash>> {
        let (Some(right), Some(left)) = (self.stack.pop(), self.stack.pop()) else {
            return Ok(None);
        };
        self.out.write_all(&left)?;
        self.out.write_all(&right)?;
        if is_root {
            return Ok(Some(merge_subtrees_root(&left, &right, Mode::Hash)));
        }
        let joined = merge_subtrees_non_root(&left, &right, Mode::Hash);
        self.stack.push(joined);
        Ok(None)
    }
}
