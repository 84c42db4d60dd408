//! Mutations: what a fuzzer without sight does to an input. They shrink to the fewest that matter.

use std::fmt;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;

/// Bytes to put a target to; told as hex, so that they can be written to a file of the corpus.
#[derive(Clone)]
pub(crate) struct Input(pub(crate) Vec<u8>);

impl fmt::Debug for Input {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hex: String = self.0.iter().map(|byte| format!("{byte:02x}")).collect();
        write!(f, "{} bytes: {hex}", self.0.len())
    }
}

/// One change. Places are relative, so that shrinking one change leaves the others where they are.
#[derive(Debug, Clone)]
enum Change {
    Flip(Index, u8),
    Set(Index, u8),
    /// A number in postcard's form in place of a byte: lengths and counts.
    Number(Index, u64),
    Insert(Index, Vec<u8>),
    Remove(Index, usize),
    Repeat(Index, usize, usize),
    /// The rest of another input from some place on.
    Splice(Index, Index, Index),
    Cut(Index),
}

/// An input of the corpus with a few changes, or noise.
pub(crate) fn mutations(corpus: Vec<Vec<u8>>) -> impl Strategy<Value = Input> {
    let seeds = corpus.clone();
    let changed = (any::<Index>(), vec(a_change(), 1..8)).prop_map(move |(seed, changes)| {
        let mut bytes = seed.get(&seeds).clone();
        for change in &changes {
            bytes = change.applied_to(bytes, &corpus);
        }
        Input(bytes)
    });
    prop_oneof![
        15 => changed,
        1 => vec(any::<u8>(), 0..400).prop_map(Input),
    ]
}

fn a_change() -> impl Strategy<Value = Change> {
    let place = any::<Index>;
    prop_oneof![
        3 => (place(), 0u8..8).prop_map(|(at, bit)| Change::Flip(at, bit)),
        3 => (place(), any::<u8>()).prop_map(|(at, to)| Change::Set(at, to)),
        3 => (place(), a_number()).prop_map(|(at, to)| Change::Number(at, to)),
        2 => (place(), vec(any::<u8>(), 1..40)).prop_map(|(at, bytes)| Change::Insert(at, bytes)),
        2 => (place(), 1usize..80).prop_map(|(at, count)| Change::Remove(at, count)),
        2 => (place(), 1usize..120, 1usize..40).prop_map(|(at, count, times)| Change::Repeat(at, count, times)),
        2 => (place(), place(), place()).prop_map(|(at, other, from)| Change::Splice(at, other, from)),
        1 => place().prop_map(Change::Cut),
    ]
}

/// Numbers next to bounds: of bytes, of blocks, of what a count may claim.
fn a_number() -> impl Strategy<Value = u64> {
    let near = prop_oneof![
        Just(0u64),
        Just(16),
        Just(32),
        Just(64),
        Just(128),
        Just(255),
        Just(1 << 12),
        Just(1 << 14),
        Just(1 << 16),
        Just(1 << 18),
        Just(1 << 32),
        Just(1 << 60),
        Just(u64::MAX),
    ];
    prop_oneof![
        (near, -2i64..3).prop_map(|(bound, by)| bound.wrapping_add_signed(by)),
        0..2_000u64,
    ]
}

fn varint(mut value: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while value >= 0x80 {
        bytes.push(value.to_le_bytes()[0] | 0x80);
        value >>= 7;
    }
    bytes.push(value.to_le_bytes()[0]);
    bytes
}

impl Change {
    fn applied_to(&self, mut bytes: Vec<u8>, corpus: &[Vec<u8>]) -> Vec<u8> {
        let place = |at: &Index, bytes: &[u8]| at.index(bytes.len() + 1);
        match self {
            Self::Flip(at, bit) => {
                let at = place(at, &bytes);
                if let Some(byte) = bytes.get_mut(at) {
                    *byte ^= 1 << bit;
                }
            }
            Self::Set(at, to) => {
                let at = place(at, &bytes);
                if let Some(byte) = bytes.get_mut(at) {
                    *byte = *to;
                }
            }
            Self::Number(at, to) => {
                let at = place(at, &bytes);
                let end = (at + 1).min(bytes.len());
                bytes.splice(at..end, varint(*to));
            }
            Self::Insert(at, more) => {
                let at = place(at, &bytes);
                bytes.splice(at..at, more.iter().copied());
            }
            Self::Remove(at, count) => {
                let at = place(at, &bytes);
                let end = (at + count).min(bytes.len());
                bytes.drain(at..end);
            }
            Self::Repeat(at, count, times) => {
                let at = place(at, &bytes);
                let end = (at + count).min(bytes.len());
                let part = bytes[at..end].repeat(*times);
                bytes.splice(end..end, part);
            }
            Self::Splice(at, other, from) => {
                bytes.truncate(place(at, &bytes));
                let other = other.get(corpus);
                bytes.extend(&other[place(from, other)..]);
            }
            Self::Cut(at) => bytes.truncate(place(at, &bytes)),
        }
        bytes
    }
}
