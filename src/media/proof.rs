//! A slice with its proof: the hash pairs first, then the groups, each verified against the hash above it as it comes.

use bao_tree::ChunkRanges;
use bao_tree::iter::BaoChunk;
use blake3::hazmat::{
    ChainingValue, HasherExt as _, Mode, merge_subtrees_non_root, merge_subtrees_root,
};

use super::tree::{GROUP_BYTES, PAIR_BYTES, Pair, Slice, tree_of};
use crate::format::BlobHash;

/// Bytes that are not those that the hash names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Wrong;

impl Slice {
    /// Bytes of the pairs that prove it.
    pub(crate) fn pair_bytes(self, len: u64) -> usize {
        self.places(len).len() * PAIR_BYTES
    }

    /// Bytes that it takes with its proof, exactly: who sends more or less breaks a rule.
    pub(crate) fn encoded_len(self, len: u64) -> usize {
        // At most 256 KiB.
        self.pair_bytes(len) + usize::try_from(self.bytes(len)).unwrap_or(usize::MAX)
    }

    /// Where in the file of the tree its pairs are, in the order in which they are sent.
    pub(super) fn places(self, len: u64) -> Vec<u64> {
        let mut places = Vec::new();
        each(self, len, |part| {
            if let Part::Pair { at, .. } = part {
                places.push(at);
            }
        });
        places
    }
}

/// What a slice and its proof consist of.
enum Part {
    /// A node of the tree. `left` and `right` say under which of its hashes further parts follow.
    Pair {
        at: u64,
        is_root: bool,
        left: bool,
        right: bool,
    },
    /// A group, of which the hash is above it, unless it is the whole blob.
    Group { is_root: bool },
}

/// Goes through the tree in pre-order, as far as the slice needs it.
fn each(slice: Slice, len: u64, mut part: impl FnMut(Part)) {
    let tree = tree_of(len);
    let ranges: ChunkRanges = slice.chunks();
    let ranges = bao_tree::io::sync::truncate_ranges(&ranges, len);
    for chunk in tree.ranges_pre_order_chunks_iter_ref(ranges, 0) {
        part(match chunk {
            BaoChunk::Parent {
                node,
                is_root,
                left,
                right,
                ..
            } => {
                let place = tree.post_order_offset(node);
                let at = place.map_or(u64::MAX, |place| place.value() * PAIR_BYTES as u64);
                Part::Pair {
                    at,
                    is_root,
                    left,
                    right,
                }
            }
            BaoChunk::Leaf { is_root, .. } => Part::Group { is_root },
        });
    }
}

/// The hashes of the groups of a slice, proved by the pairs above them.
#[derive(Debug)]
pub(super) struct Proof {
    first: u64,
    groups: Vec<(ChainingValue, bool)>,
    pairs: Vec<Pair>,
}

impl Proof {
    /// Verifies the pairs of a slice.
    pub(super) fn new(
        blob: &BlobHash,
        slice: Slice,
        len: u64,
        bytes: &[u8],
    ) -> Result<Self, Wrong> {
        let mut proof = Self {
            first: slice.first,
            groups: Vec::new(),
            pairs: Vec::new(),
        };
        let mut bytes = bytes.chunks_exact(PAIR_BYTES);
        let mut above = vec![*blob.as_bytes()];
        let mut holds = true;
        each(slice, len, |part| {
            let Some(expected) = above.pop().filter(|_| holds) else {
                holds = false;
                return;
            };
            match part {
                Part::Group { is_root } => proof.groups.push((expected, is_root)),
                Part::Pair {
                    at,
                    is_root,
                    left,
                    right,
                } => {
                    let pair = bytes.next().and_then(|pair| pair.try_into().ok());
                    let Some(hashes) = pair.and_then(|pair| under(&pair, is_root, &expected))
                    else {
                        holds = false;
                        return;
                    };
                    let wanted = [right, left].into_iter().zip([hashes[1], hashes[0]]);
                    above.extend(wanted.filter(|(wanted, _)| *wanted).map(|(_, hash)| hash));
                    proof.pairs.push((at, pair.unwrap_or([0; PAIR_BYTES])));
                }
            }
        });
        let is_all = bytes.next().is_none() && bytes.remainder().is_empty();
        if holds && is_all {
            Ok(proof)
        } else {
            Err(Wrong)
        }
    }

    /// Whether these are the bytes of the `nth` group of the slice.
    pub(super) fn holds(&self, nth: usize, bytes: &[u8]) -> bool {
        self.groups.get(nth).is_some_and(|(expected, is_root)| {
            if *is_root {
                return blake3::hash(bytes).as_bytes() == expected;
            }
            let mut hasher = blake3::Hasher::new();
            hasher.set_input_offset((self.first + nth as u64) * GROUP_BYTES as u64);
            hasher.update(bytes);
            hasher.finalize_non_root() == *expected
        })
    }

    /// Whether these are the bytes of the slice, all of them.
    pub(super) fn hold(&self, bytes: &[u8]) -> bool {
        let mut groups = bytes.chunks(GROUP_BYTES).enumerate();
        groups.len() == self.groups.len() && groups.all(|(nth, group)| self.holds(nth, group))
    }
}

/// The two hashes of a pair, if the hash above it is that of both.
fn under(
    pair: &[u8; PAIR_BYTES],
    is_root: bool,
    expected: &ChainingValue,
) -> Option<[ChainingValue; 2]> {
    let (left, right) = pair.split_first_chunk::<32>()?;
    let right = right.try_into().ok()?;
    let hash = if is_root {
        *merge_subtrees_root(left, &right, Mode::Hash).as_bytes()
    } else {
        merge_subtrees_non_root(left, &right, Mode::Hash)
    };
    (hash == *expected).then_some([*left, right])
}

/// A slice whose proof came and holds, and whose bytes are coming.
#[derive(Debug)]
pub(crate) struct Incoming {
    blob: BlobHash,
    len: u64,
    slice: Slice,
    proof: Proof,
    bytes: Vec<u8>,
    /// Groups that came whole and hold.
    groups: usize,
}

impl Incoming {
    /// Begins with the pairs. `buffer` is used again, so that memory need not be asked for at each slice.
    pub(crate) fn new(
        blob: BlobHash,
        len: u64,
        slice: Slice,
        pairs: &[u8],
        mut buffer: Vec<u8>,
    ) -> Result<Self, Wrong> {
        let proof = Proof::new(&blob, slice, len, pairs)?;
        buffer.clear();
        Ok(Self {
            blob,
            len,
            slice,
            proof,
            bytes: buffer,
            groups: 0,
        })
    }

    /// Bytes that are to come.
    pub(crate) fn missing(&self) -> usize {
        let bytes = usize::try_from(self.slice.bytes(self.len)).unwrap_or(usize::MAX);
        bytes.saturating_sub(self.bytes.len())
    }

    /// Takes the next bytes, at most those that are missing, and verifies each group once it is whole, while it is still
    /// at hand in the processor's cache.
    pub(crate) fn add(&mut self, mut bytes: &[u8]) -> Result<(), Wrong> {
        while !bytes.is_empty() {
            let begun = self.bytes.len() - self.groups * GROUP_BYTES;
            let group = self.missing().min(GROUP_BYTES - begun);
            if group == 0 {
                return Err(Wrong);
            }
            let (now, later) = bytes.split_at(group.min(bytes.len()));
            self.bytes.extend_from_slice(now);
            bytes = later;
            if now.len() == group {
                let from = self.groups * GROUP_BYTES;
                let whole = self.bytes.get(from..).unwrap_or_default();
                if !self.proof.holds(self.groups, whole) {
                    return Err(Wrong);
                }
                self.groups += 1;
            }
        }
        Ok(())
    }

    /// The slice, if all of it came.
    pub(crate) fn end(self) -> Result<Proved, Wrong> {
        if self.missing() > 0 {
            return Err(Wrong);
        }
        Ok(Proved {
            blob: self.blob,
            len: self.len,
            slice: self.slice,
            pairs: self.proof.pairs,
            bytes: self.bytes,
        })
    }
}

/// A slice that came whole and holds.
#[derive(Debug)]
pub(crate) struct Proved {
    pub(super) blob: BlobHash,
    pub(super) len: u64,
    pub(super) slice: Slice,
    pub(super) pairs: Vec<Pair>,
    pub(super) bytes: Vec<u8>,
}

impl Proved {
    /// Which slice.
    pub(crate) const fn slice(&self) -> Slice {
        self.slice
    }

    /// Its buffer, to be used again.
    pub(crate) fn into_buffer(self) -> Vec<u8> {
        self.bytes
    }

    /// All at once.
    #[cfg(test)]
    pub(super) fn decode(
        blob: BlobHash,
        len: u64,
        slice: Slice,
        encoded: &[u8],
    ) -> Result<Self, Wrong> {
        let pairs = slice.pair_bytes(len).min(encoded.len());
        let (pairs, bytes) = encoded.split_at(pairs);
        let mut incoming = Incoming::new(blob, len, slice, pairs, Vec::new())?;
        if bytes.len() != incoming.missing() {
            return Err(Wrong);
        }
        incoming.add(bytes)?;
        incoming.end()
    }
}
