//! A walk over a packed run that copies nothing: everything about its shape, nothing about its proof.

use bytes::Bytes;

use super::super::codec::Reader;
use super::super::entry::{check_body_len, check_place};
use super::super::error::FormatError;
use super::super::id::{EntryId, Kind, Lane, Seq};
use super::super::key::Signature;
use super::super::limits;
use super::super::time::Timestamp;
use super::{ABSENT, Closing, EXPIRES, Item, WHAT};

/// One entry of a packed run, borrowed from its bytes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RawItem<'a> {
    pub(crate) time: Timestamp,
    pub(crate) expires: Option<Timestamp>,
    pub(crate) kind: usize,
    pub(crate) body_len: u32,
    pub(crate) body: RawBody<'a>,
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum RawBody<'a> {
    Held(&'a [u8]),
    Absent([u8; 32]),
}

/// Walks over a packed run without copying anything.
pub(crate) struct View<'a> {
    pub(crate) first: Seq,
    pub(crate) count: u64,
    pub(crate) prev: EntryId,
    pub(crate) kinds: Vec<&'a str>,
    reader: Reader<'a>,
    time: i64,
    used: usize,
}

impl<'a> View<'a> {
    pub(crate) fn open(bytes: &'a [u8]) -> Result<Self, FormatError> {
        let mut reader = Reader::new(WHAT, bytes);
        let (first, count) = span(&mut reader)?;
        let prev = EntryId::from_bytes(reader.array()?);
        check_place(first, prev)?;
        let kinds = reader.varint()?;
        if kinds == 0 || kinds > count {
            return Err(FormatError::Run {
                first,
                why: "its list of kinds is not that of its entries",
            });
        }
        let kinds = (0..kinds)
            .map(|_| reader.text())
            .collect::<Result<Vec<_>, _>>()?;
        Ok(Self {
            first,
            count,
            prev,
            kinds,
            reader,
            time: 0,
            used: 0,
        })
    }

    /// Goes on in the middle of a run whose head is not at hand: `kinds` are the run's, `time` is the entry before's.
    pub(crate) fn resume(
        first: Seq,
        count: u64,
        kinds: Vec<&'a str>,
        time: i64,
        bytes: &'a [u8],
    ) -> Self {
        Self {
            first,
            count,
            prev: EntryId::ZERO,
            used: kinds.len(),
            kinds,
            reader: Reader::new(WHAT, bytes),
            time,
        }
    }

    /// How many bytes have not been read yet.
    pub(crate) fn bytes_left(&self) -> usize {
        self.reader.rest().len()
    }

    /// The time of the entry read last; 0 before the first.
    pub(crate) const fn time(&self) -> i64 {
        self.time
    }

    pub(crate) fn item(&mut self, lane: &Lane) -> Result<RawItem<'a>, FormatError> {
        let reader = &mut self.reader;
        let flags = reader.u8()?;
        if flags & !(EXPIRES | ABSENT) != 0 {
            return Err(FormatError::Malformed { what: WHAT });
        }
        self.time = self.time.wrapping_add(reader.zigzag()?);
        let expires = if flags & EXPIRES == 0 {
            None
        } else {
            Some(Timestamp(reader.zigzag()?))
        };
        let kind = usize::try_from(reader.varint()?).unwrap_or(usize::MAX);
        if kind > self.used || kind >= self.kinds.len() {
            return Err(FormatError::Run {
                first: self.first,
                why: "its kinds are not listed in order of first use",
            });
        }
        self.used = self.used.max(kind + 1);
        let len = check_body_len(lane, reader.varint()?)?;
        let body = if flags & ABSENT == 0 {
            RawBody::Held(reader.raw(len as usize)?)
        } else {
            RawBody::Absent(reader.array()?)
        };
        Ok(RawItem {
            time: Timestamp(self.time),
            expires,
            kind,
            body_len: len,
            body,
        })
    }

    /// Reads the closing proof; all entries must have been read.
    pub(crate) fn closing(mut self) -> Result<Closing, FormatError> {
        let wrong = |why| FormatError::Run {
            first: self.first,
            why,
        };
        if self.used != self.kinds.len() {
            return Err(wrong("it lists kinds that no entry has"));
        }
        let closing = match self.reader.u8()? {
            0 => Closing::Signed(Signature::from_bytes(self.reader.array()?)),
            1 if self.first.plus(self.count) == self.first.block_end() => {
                return Err(wrong("it reaches its block's end without a signature"));
            }
            1 => Closing::NextHeld,
            _ => return Err(FormatError::Malformed { what: WHAT }),
        };
        self.reader.finish()?;
        Ok(closing)
    }
}

impl RawItem<'_> {
    pub(crate) fn to_item(self, owner: &Bytes, kind: &Kind) -> Item {
        let (body, body_hash) = match self.body {
            RawBody::Held(body) => (Some(owner.slice_ref(body)), None),
            RawBody::Absent(hash) => (None, Some(hash)),
        };
        Item {
            time: self.time,
            expires: self.expires,
            kind: kind.clone(),
            body_len: self.body_len,
            body_hash,
            body,
        }
    }
}

/// Reads the place of the first entry and the number of entries.
pub(super) fn span(reader: &mut Reader<'_>) -> Result<(Seq, u64), FormatError> {
    let version = reader.u8()?;
    if version != limits::VERSION {
        return Err(FormatError::Version {
            what: WHAT,
            found: version,
            known: limits::VERSION,
        });
    }
    let first = Seq(reader.varint()?);
    let count = reader.varint()?;
    if count == 0 {
        return Err(FormatError::Run {
            first,
            why: "it is empty",
        });
    }
    check_place(first, EntryId::ZERO)?;
    if count > first.block_end().0 - first.0 {
        return Err(FormatError::Run {
            first,
            why: "it crosses its block's end",
        });
    }
    Ok((first, count))
}
