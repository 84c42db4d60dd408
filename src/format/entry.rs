//! Drafts (unsigned) and entries (verified when made).

use bytes::Bytes;

use super::codec::{Reader, Writer};
use super::context::derive;
use super::error::FormatError;
use super::id::{DeviceId, EntryId, EntryRef, FeedId, Kind, Lane, LogId, Seq};
use super::kinds::lanes;
use super::limits;
use super::time::Timestamp;

/// The largest body a lane takes.
pub(crate) fn body_limit(lane: &Lane) -> u32 {
    if *lane == lanes::STATE {
        limits::STATE_BODY_BYTES
    } else {
        limits::BODY_BYTES
    }
}

pub(crate) fn check_body_len(lane: &Lane, len: u64) -> Result<u32, FormatError> {
    let limit = body_limit(lane);
    match u32::try_from(len) {
        Ok(len) if len <= limit => Ok(len),
        _ => Err(FormatError::TooLarge {
            what: "body, in bytes,",
            found: len,
            limit: limit.into(),
        }),
    }
}

/// Checks what holds at any place of any log: nothing stands before the first entry, and the last block has an end.
pub(crate) fn check_place(seq: Seq, prev: EntryId) -> Result<(), FormatError> {
    if seq.0 > limits::LAST_SEQ {
        return Err(FormatError::TooLarge {
            what: "place in the log",
            found: seq.0,
            limit: limits::LAST_SEQ,
        });
    }
    if seq == Seq::ZERO && prev != EntryId::ZERO {
        return Err(FormatError::Link {
            seq,
            expected: EntryId::ZERO,
            found: prev,
        });
    }
    Ok(())
}

/// The part of an entry that is kept for ever. Its hash is the entry's id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    pub(crate) log: LogId,
    pub(crate) seq: Seq,
    pub(crate) prev: EntryId,
    pub(crate) time: Timestamp,
    pub(crate) expires: Option<Timestamp>,
    pub(crate) kind: Kind,
    pub(crate) body_len: u32,
    pub(crate) body_hash: [u8; 32],
}

impl Header {
    /// Reads a header from the whole of `bytes`.
    ///
    /// # Errors
    ///
    /// Whatever is wrong with the bytes: an unknown character in lane or kind, a body over the limit, a number in a
    /// longer form than needed, bytes missing or left over. Nothing says yet that anyone signed it.
    pub fn decode(bytes: &[u8]) -> Result<Self, FormatError> {
        let mut reader = Reader::new("header", bytes);
        let feed = FeedId::from_bytes(reader.array()?);
        let device = DeviceId::from_bytes(reader.array()?);
        let lane = Lane::new(reader.text()?)?;
        let header = Self {
            log: LogId { feed, device, lane },
            seq: Seq(reader.varint()?),
            prev: EntryId::from_bytes(reader.array()?),
            time: Timestamp(reader.zigzag()?),
            expires: reader.option_zigzag()?.map(Timestamp),
            kind: Kind::new(reader.text()?)?,
            body_len: check_body_len(&lane, reader.varint()?)?,
            body_hash: reader.array()?,
        };
        reader.finish()?;
        check_place(header.seq, header.prev)?;
        Ok(header)
    }

    /// The header's bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut writer = HeaderWriter::new(&self.log);
        writer.fields(
            self.seq,
            &self.prev,
            self.time,
            self.expires,
            &self.kind,
            self.body_len,
            &self.body_hash,
        );
        writer.writer.0
    }

    /// The hash of the header's bytes.
    pub fn id(&self) -> EntryId {
        EntryId::from_bytes(derive::ENTRY_ID.hash(&self.encode()))
    }

    /// The log it stands in.
    pub const fn log(&self) -> &LogId {
        &self.log
    }

    /// Its place in the log.
    pub const fn seq(&self) -> Seq {
        self.seq
    }

    /// The id of the entry before it in the log; zeros at place 0.
    pub const fn prev(&self) -> EntryId {
        self.prev
    }

    /// What the author claims: a free claim that orders views and never decides validity.
    pub const fn time(&self) -> Timestamp {
        self.time
    }

    /// When the body is to be dropped by every replica.
    pub const fn expires(&self) -> Option<Timestamp> {
        self.expires
    }

    /// What the body is.
    pub const fn kind(&self) -> &Kind {
        &self.kind
    }

    /// Bytes of the body.
    pub const fn body_len(&self) -> u32 {
        self.body_len
    }

    /// The hash that the body must have.
    pub const fn body_hash(&self) -> &[u8; 32] {
        &self.body_hash
    }

    /// Whether these bytes are the body that this header names.
    pub fn matches_body(&self, body: &[u8]) -> bool {
        body.len() == self.body_len as usize && body_hash(body) == self.body_hash
    }
}

pub(crate) fn body_hash(body: &[u8]) -> [u8; 32] {
    derive::BODY.hash(body)
}

/// Writes many headers of one log into one buffer, one after the other.
pub(crate) struct HeaderWriter {
    writer: Writer,
    fixed: usize,
}

impl HeaderWriter {
    pub(crate) fn new(log: &LogId) -> Self {
        let mut writer = Writer::with_capacity(256);
        writer.raw(log.feed.as_bytes());
        writer.raw(log.device.as_bytes());
        writer.bytes(log.lane.as_str().as_bytes());
        Self {
            fixed: writer.0.len(),
            writer,
        }
    }

    #[expect(
        clippy::too_many_arguments,
        reason = "the fields of a header, in their order"
    )]
    fn fields(
        &mut self,
        seq: Seq,
        prev: &EntryId,
        time: Timestamp,
        expires: Option<Timestamp>,
        kind: &Kind,
        body_len: u32,
        body_hash: &[u8; 32],
    ) {
        let writer = &mut self.writer;
        writer.varint(seq.0);
        writer.raw(prev.as_bytes());
        writer.zigzag(time.0);
        writer.option_zigzag(expires.map(|time| time.0));
        writer.bytes(kind.as_str().as_bytes());
        writer.varint(body_len.into());
        writer.raw(body_hash);
    }

    #[expect(
        clippy::too_many_arguments,
        reason = "the fields of a header, in their order"
    )]
    pub(crate) fn id(
        &mut self,
        seq: Seq,
        prev: &EntryId,
        time: Timestamp,
        expires: Option<Timestamp>,
        kind: &Kind,
        body_len: u32,
        body_hash: &[u8; 32],
    ) -> EntryId {
        self.writer.0.truncate(self.fixed);
        self.fields(seq, prev, time, expires, kind, body_len, body_hash);
        EntryId::from_bytes(derive::ENTRY_ID.hash(&self.writer.0))
    }
}

/// An entry before it has a place in a log and a signature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Draft {
    pub(crate) kind: Kind,
    pub(crate) time: Timestamp,
    pub(crate) expires: Option<Timestamp>,
    pub(crate) body: Bytes,
}

impl Draft {
    /// Makes a draft. `body` is an encoded [`Body`](super::Body).
    pub const fn new(kind: Kind, time: Timestamp, body: Bytes) -> Self {
        Self {
            kind,
            time,
            expires: None,
            body,
        }
    }

    /// Sets when every replica is to drop the body.
    #[must_use]
    pub const fn expiring(mut self, at: Timestamp) -> Self {
        self.expires = Some(at);
        self
    }

    /// What the body is.
    pub const fn kind(&self) -> &Kind {
        &self.kind
    }

    /// What will be claimed as its time.
    pub const fn time(&self) -> Timestamp {
        self.time
    }

    /// The body.
    pub const fn body(&self) -> &Bytes {
        &self.body
    }
}

/// One item of a log, verified: made by signing a [`Draft`] or by checking a run's closing proof, never otherwise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    pub(crate) header: Header,
    pub(crate) id: EntryId,
    pub(crate) body: Option<Bytes>,
}

impl Entry {
    /// The header.
    pub const fn header(&self) -> &Header {
        &self.header
    }

    /// The hash of the header.
    pub const fn id(&self) -> EntryId {
        self.id
    }

    /// The body's bytes, if they are at hand.
    pub const fn body(&self) -> Option<&Bytes> {
        self.body.as_ref()
    }

    /// Its full name.
    pub const fn reference(&self) -> EntryRef {
        EntryRef {
            log: self.header.log,
            seq: self.header.seq,
            id: self.id,
        }
    }
}
