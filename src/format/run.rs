//! Runs: consecutive entries of one log inside one block, and what proves them.
//!
//! ```text
//! version u8, first seq, count, prev [32],
//! kinds: count, strings in order of first use,
//! entries: flags u8 (1 expires, 2 body absent), time - time before (wrapping, zigzag),
//!          [expires zigzag], index of kind, body (length, bytes) or (length, hash [32]),
//! closing: 0 signature [64] | 1 (the receiver holds the entry after)
//! ```
//!
//! Feed, device and lane stand outside, where the run stands; seq, prev and the hash of a present body are computed. One
//! signature vouches for everything before it, since every header names the id before it.

mod pack;
#[cfg(test)]
mod tests;
mod unsigned;
mod view;

use std::fmt;

use bytes::Bytes;

use self::pack::pack;
pub(crate) use self::unsigned::Unsigned;
use self::view::span;
pub(crate) use self::view::{RawBody, View};
use super::codec::Reader;
use super::entry::{Draft, Entry, Header, HeaderWriter, body_hash};
use super::error::FormatError;
use super::id::{EntryId, EntryRef, Kind, LogId, Seq};
use super::key::{DeviceSecret, Signature};
use super::time::Timestamp;

const WHAT: &str = "run";
/// Flag: the entry expires.
const EXPIRES: u8 = 1;
/// Flag: the body is absent, its hash stands in its place.
const ABSENT: u8 = 2;

/// What proves the last entry of a run, and by that all of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(
    clippy::exhaustive_enums,
    reason = "the two closing proofs of format version 1"
)]
pub enum Closing {
    /// The device's signature over the last entry's id.
    Signed(Signature),
    /// The receiver holds the entry after the last, whose header names it. Only inside a block.
    NextHeld,
}

/// One entry in a run, without what the run itself tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    pub(crate) time: Timestamp,
    pub(crate) expires: Option<Timestamp>,
    pub(crate) kind: Kind,
    pub(crate) body_len: u32,
    /// Known where the body is absent, and where it has been computed.
    pub(crate) body_hash: Option<[u8; 32]>,
    pub(crate) body: Option<Bytes>,
}

impl Item {
    /// What the author claims as its time.
    pub const fn time(&self) -> Timestamp {
        self.time
    }

    /// What the body is.
    pub const fn kind(&self) -> &Kind {
        &self.kind
    }

    /// The body's bytes, if the run carries them.
    pub const fn body(&self) -> Option<&Bytes> {
        self.body.as_ref()
    }

    /// The hash of the body; computed if it is not known yet.
    pub(crate) fn hash(&self) -> [u8; 32] {
        let of_body = || self.body.as_deref().map(body_hash).unwrap_or_default();
        self.body_hash.unwrap_or_else(of_body)
    }

    /// The same entry with its body left out.
    pub(crate) fn without_body(&self) -> Self {
        Self {
            body_hash: Some(self.hash()),
            body: None,
            kind: self.kind.clone(),
            ..*self
        }
    }
}

/// A run as bytes, not verified: what came from a peer or a file.
#[derive(Clone, PartialEq, Eq)]
pub struct PackedRun(Bytes);

impl PackedRun {
    /// Takes bytes as they came; nothing is checked yet.
    pub const fn from_bytes(bytes: Bytes) -> Self {
        Self(bytes)
    }

    /// The bytes.
    pub const fn as_bytes(&self) -> &Bytes {
        &self.0
    }

    /// Reads the place of its first entry and the number of its entries, and nothing else.
    ///
    /// # Errors
    ///
    /// If the version is unknown, the run is empty, or it crosses its block's end.
    pub fn span(&self) -> Result<(Seq, u64), FormatError> {
        span(&mut Reader::new(WHAT, &self.0))
    }

    /// Checks everything that can be known from the bytes and makes them a [`Run`].
    ///
    /// `next` is the `prev` that the entry after the run names, if the caller holds that entry; it is needed only where
    /// the run closes with [`Closing::NextHeld`]. Whether the run links to what is held before it is the caller's
    /// question, since a run that does not is a fork and not an error of the run.
    ///
    /// # Errors
    ///
    /// Malformed bytes, a body over the limit, a missing closing proof, or a signature that does not verify.
    pub fn verify(&self, log: &LogId, next: Option<&EntryId>) -> Result<Run, FormatError> {
        let run = self.read(log, true)?;
        let first = run.first;
        let last = run.last_id();
        match &run.closing {
            Closing::Signed(signature) if log.device.verify_entry(&last, signature) => Ok(run),
            Closing::Signed(_) => Err(FormatError::Signature {
                what: "a run's last entry",
            }),
            Closing::NextHeld => match next {
                Some(next) if *next == last => Ok(run),
                Some(next) => Err(FormatError::Link {
                    seq: first.plus(run.len()),
                    expected: last,
                    found: *next,
                }),
                // A block's end is always signed.
                None if first.plus(run.len()) == first.block_end() => Err(FormatError::Run {
                    first,
                    why: "it reaches its block's end without a signature",
                }),
                None => Err(FormatError::NextNotHeld {
                    first,
                    next: first.plus(run.len()),
                }),
            },
        }
    }

    /// Reads it without its proof: what fuzzing asks of the bytes alone.
    #[cfg(feature = "test-util")]
    pub(super) fn unproved(&self, log: &LogId) -> Result<Run, FormatError> {
        self.read(log, true)
    }

    /// Reads all entries; with `ids`, hashes bodies and headers too.
    fn read(&self, log: &LogId, ids: bool) -> Result<Run, FormatError> {
        let mut view = View::open(&self.0)?;
        let kinds = view
            .kinds
            .iter()
            .map(|kind| Kind::new(kind))
            .collect::<Result<Vec<_>, _>>()?;
        if (1..kinds.len()).any(|at| {
            kinds
                .get(..at)
                .is_some_and(|before| before.iter().any(|kind| kinds.get(at) == Some(kind)))
        }) {
            return Err(FormatError::Run {
                first: view.first,
                why: "it lists a kind twice",
            });
        }
        let count = usize::try_from(view.count).unwrap_or(0);
        let mut run = Run {
            log: *log,
            first: view.first,
            prev: view.prev,
            items: Vec::with_capacity(count),
            ids: Vec::with_capacity(count),
            closing: Closing::NextHeld,
            packed: self.0.clone(),
        };
        let mut chain = Chain::new(log, view.first, view.prev);
        for _ in 0..count {
            let raw = view.item(&log.lane)?;
            let Some(kind) = kinds.get(raw.kind) else {
                return Err(FormatError::Malformed { what: WHAT });
            };
            let mut item = raw.to_item(&self.0, kind);
            if ids {
                run.ids.push(chain.next(&mut item));
            }
            run.items.push(item);
        }
        run.closing = view.closing()?;
        Ok(run)
    }
}

impl fmt::Debug for PackedRun {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PackedRun({} bytes, {:?})", self.0.len(), self.span())
    }
}

/// Computes ids one after the other.
struct Chain {
    writer: HeaderWriter,
    seq: Seq,
    prev: EntryId,
}

impl Chain {
    fn new(log: &LogId, first: Seq, prev: EntryId) -> Self {
        Self {
            writer: HeaderWriter::new(log),
            seq: first,
            prev,
        }
    }

    fn next(&mut self, item: &mut Item) -> EntryId {
        let hash = item.hash();
        item.body_hash = Some(hash);
        let Item {
            time,
            expires,
            kind,
            body_len,
            ..
        } = item;
        self.prev = self.writer.id(
            self.seq, &self.prev, *time, *expires, kind, *body_len, &hash,
        );
        self.seq = self.seq.next();
        self.prev
    }
}

/// Consecutive entries of one log inside one block, verified: made by signing or by [`PackedRun::verify`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    log: LogId,
    first: Seq,
    prev: EntryId,
    items: Vec<Item>,
    ids: Vec<EntryId>,
    closing: Closing,
    packed: Bytes,
}

impl Run {
    /// Signs drafts as the next entries of a log: one run for each block they touch, each signed at its last entry.
    ///
    /// `prev` is the id of the log's last entry, or [`EntryId::ZERO`] for an empty log.
    ///
    /// # Errors
    ///
    /// [`FormatError::TooLarge`] if a body is over the lane's limit or a place beyond the last; [`FormatError::Link`] if
    /// something is to stand before a log's first entry; [`FormatError::Run`] if the log is another device's. Nothing is
    /// signed then.
    pub fn sign(
        secret: &DeviceSecret,
        log: &LogId,
        first: Seq,
        prev: EntryId,
        drafts: &[Draft],
    ) -> Result<Vec<Self>, FormatError> {
        let mut unsigned = Unsigned::new(log, first, prev)?;
        unsigned.extend(drafts)?;
        unsigned.sign(secret)
    }

    /// Reads back what this node verified before it stored it.
    pub(crate) fn trusted(
        log: &LogId,
        ids: Vec<EntryId>,
        packed: Bytes,
    ) -> Result<Self, FormatError> {
        let run = PackedRun(packed).read(log, false)?;
        if run.items.len() != ids.len() {
            return Err(FormatError::Run {
                first: run.first,
                why: "it does not have as many entries as ids",
            });
        }
        Ok(Self { ids, ..run })
    }

    /// The log it is of.
    pub const fn log(&self) -> &LogId {
        &self.log
    }

    /// The place of its first entry.
    pub const fn first(&self) -> Seq {
        self.first
    }

    /// The place after its last entry.
    pub const fn end(&self) -> Seq {
        self.first.plus(self.items.len() as u64)
    }

    /// How many entries it has; never none.
    #[expect(clippy::len_without_is_empty, reason = "a run is never empty")]
    pub const fn len(&self) -> u64 {
        self.items.len() as u64
    }

    /// The id that its first entry names as the one before it.
    pub const fn prev(&self) -> EntryId {
        self.prev
    }

    /// The id of its last entry.
    pub fn last_id(&self) -> EntryId {
        self.ids.last().copied().unwrap_or(self.prev)
    }

    /// The ids of its entries.
    pub fn ids(&self) -> &[EntryId] {
        &self.ids
    }

    /// Its entries without what the run itself tells.
    pub fn items(&self) -> &[Item] {
        &self.items
    }

    /// What proves it.
    pub const fn closing(&self) -> &Closing {
        &self.closing
    }

    /// Its bytes.
    pub const fn packed(&self) -> &Bytes {
        &self.packed
    }

    /// The id of the entry at a place, if it lies in the run.
    pub fn id_at(&self, seq: Seq) -> Option<EntryId> {
        let index = usize::try_from(seq.0.checked_sub(self.first.0)?).ok()?;
        self.ids.get(index).copied()
    }

    /// The full name of the entry at a place, if it lies in the run.
    pub fn reference(&self, seq: Seq) -> Option<EntryRef> {
        self.id_at(seq).map(|id| EntryRef {
            log: self.log,
            seq,
            id,
        })
    }

    /// Its entries, whole.
    pub fn entries(&self) -> impl Iterator<Item = Entry> {
        let before = std::iter::once(&self.prev).chain(&self.ids);
        let places = (self.first.0..).map(Seq);
        places
            .zip(before)
            .zip(self.items.iter().zip(&self.ids))
            .map(|((seq, prev), (item, id))| Entry {
                header: Header {
                    log: self.log,
                    seq,
                    prev: *prev,
                    time: item.time,
                    expires: item.expires,
                    kind: item.kind.clone(),
                    body_len: item.body_len,
                    body_hash: item.hash(),
                },
                id: *id,
                body: item.body.clone(),
            })
    }

    /// The same run with its bodies left out.
    pub(crate) fn headers_only(&self) -> Self {
        let items: Vec<Item> = self.items.iter().map(Item::without_body).collect();
        let packed = pack(self.first, &self.prev, &items, &self.closing);
        Self {
            items,
            packed,
            ids: self.ids.clone(),
            ..*self
        }
    }

    /// The part of the run in `from..to`, closed as given. None if nothing of it lies there.
    pub(crate) fn part(&self, from: Seq, to: Seq, closing: Closing) -> Option<Self> {
        let (from, to) = (from.max(self.first), to.min(self.end()));
        let at = |seq: Seq| usize::try_from(seq.0.checked_sub(self.first.0)?).ok();
        let (start, end) = (at(from)?, at(to)?);
        let items = self
            .items
            .get(start..end)
            .filter(|items| !items.is_empty())?
            .to_vec();
        let ids = self.ids.get(start..end)?.to_vec();
        let prev = start
            .checked_sub(1)
            .and_then(|before| self.ids.get(before))
            .copied()
            .unwrap_or(self.prev);
        let packed = pack(from, &prev, &items, &closing);
        Some(Self {
            first: from,
            prev,
            items,
            ids,
            closing,
            packed,
            ..*self
        })
    }

    /// Joins runs that follow one another inside one block; the last one's closing proves them all.
    ///
    /// None if they do not follow one another.
    pub(crate) fn join(parts: &[Self]) -> Option<Self> {
        let (head, last) = (parts.first()?, parts.last()?);
        let linked = |pair: &[Self]| matches!(pair, [a, b] if a.end() == b.first && a.last_id() == b.prev && a.log == b.log);
        if !parts.windows(2).all(linked) || last.end() > head.first.block_end() {
            return None;
        }
        let items: Vec<Item> = parts
            .iter()
            .flat_map(|part| part.items.iter().cloned())
            .collect();
        let ids = parts
            .iter()
            .flat_map(|part| part.ids.iter().copied())
            .collect();
        let packed = pack(head.first, &head.prev, &items, &last.closing);
        Some(Self {
            items,
            ids,
            packed,
            closing: last.closing,
            ..*head
        })
    }

    /// The same run with some bodies put in or left out.
    pub(crate) fn with_bodies(&self, body: impl Fn(Seq, &Item) -> Option<Bytes>) -> Self {
        let place = |index: usize| self.first.plus(index as u64);
        let change = |(index, item): (usize, &Item)| {
            let body = body(place(index), item);
            Item {
                body_hash: Some(item.hash()),
                body,
                kind: item.kind.clone(),
                ..*item
            }
        };
        let items: Vec<Item> = self.items.iter().enumerate().map(change).collect();
        let packed = pack(self.first, &self.prev, &items, &self.closing);
        Self {
            items,
            packed,
            ids: self.ids.clone(),
            ..*self
        }
    }
}
