//! The few bytes that are no media: heads, requests, and what stands before each slice.

use crate::format::BlobHash;
use crate::media::{BLOB_BYTES, Slice};

/// The version byte that opens each stream.
const VERSION: u8 = 1;

/// Bytes of the head of a stream: version, hash, length of the blob.
pub(super) const HEAD_BYTES: usize = 1 + 32 + 8;
/// Bytes of one request: first group, number of groups.
pub(super) const REQUEST_BYTES: usize = 8 + 1;
/// Bytes before each slice: how many follow; none if the blob is not served any more.
pub(super) const PREFIX_BYTES: usize = 4;

/// What the other end says to the head of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Answer {
    /// Slices are given.
    Served,
    /// This blob, in this length, is not served here: not held, or nothing served names it. Which one is not told.
    NotServed,
}

impl From<Answer> for u8 {
    fn from(answer: Answer) -> Self {
        match answer {
            Answer::Served => 0,
            Answer::NotServed => 1,
        }
    }
}

/// Reads an answer.
pub(super) const fn answer(byte: u8) -> Option<Answer> {
    match byte {
        0 => Some(Answer::Served),
        1 => Some(Answer::NotServed),
        _ => None,
    }
}

pub(super) fn encode_head(blob: &BlobHash, len: u64) -> [u8; HEAD_BYTES] {
    let mut head = [VERSION; HEAD_BYTES];
    let (_, rest) = head.split_at_mut(1);
    let (hash, length) = rest.split_at_mut(32);
    hash.copy_from_slice(blob.as_bytes());
    length.copy_from_slice(&len.to_be_bytes());
    head
}

/// Reads a head; none if it is of another version or names no possible blob.
pub(super) fn head(bytes: &[u8; HEAD_BYTES]) -> Option<(BlobHash, u64)> {
    let (version, rest) = bytes.split_first()?;
    let (hash, len) = rest.split_first_chunk::<32>()?;
    let len = u64::from_be_bytes(len.try_into().ok()?);
    let valid = *version == VERSION && len > 0 && len <= BLOB_BYTES;
    valid.then_some((BlobHash::from_bytes(*hash), len))
}

pub(super) fn encode_request(slice: Slice, into: &mut Vec<u8>) {
    into.extend_from_slice(&slice.first.to_be_bytes());
    // A slice has at most 16 groups.
    into.push(u8::try_from(slice.count).unwrap_or(u8::MAX));
}

/// Reads a request; none if there are no such groups in a blob of `len` bytes.
pub(super) fn request(bytes: &[u8; REQUEST_BYTES], len: u64) -> Option<Slice> {
    let (first, count) = bytes.split_first_chunk::<8>()?;
    let count = count.first()?;
    Slice::checked(u64::from_be_bytes(*first), u64::from(*count), len)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_and_requests_read_back_and_impossible_ones_do_not() {
        let blob = BlobHash::from_bytes([7; 32]);
        let mut bytes = encode_head(&blob, 70_000);
        assert_eq!(head(&bytes), Some((blob, 70_000)));
        bytes[0] = 2;
        assert_eq!(head(&bytes), None);
        assert_eq!(head(&encode_head(&blob, 0)), None);
        assert_eq!(head(&encode_head(&blob, u64::MAX)), None);
        let most = encode_head(&blob, BLOB_BYTES);
        assert_eq!(head(&most), Some((blob, BLOB_BYTES)));
        assert_eq!(head(&encode_head(&blob, BLOB_BYTES + 1)), None);

        let read = |first, count| {
            let mut bytes = Vec::new();
            encode_request(Slice { first, count }, &mut bytes);
            request(&bytes.try_into().unwrap(), 70_000)
        };
        assert_eq!(read(4, 1), Some(Slice { first: 4, count: 1 }));
        for (first, count) in [(5, 1), (4, 2), (0, 0), (0, 17), (u64::MAX, 1)] {
            assert_eq!(read(first, count), None, "{first} {count}");
        }
    }
}
