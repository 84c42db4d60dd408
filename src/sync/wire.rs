//! What messages are made of, and the bytes of these parts.

use bytes::Bytes;

use super::limits::IDS_PER_MESSAGE;
use crate::format::{
    DeviceId, EntryId, FormatError, Hash16, Lane, PackedRun, Reader, Seq, Writer, limits,
};

/// Eight bytes of a hash: enough to see that two things differ; what counts is verified elsewhere.
pub(super) type Hash8 = [u8; 8];

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Hello {
    /// Milliseconds since the Unix epoch.
    pub(super) clock: i64,
    /// The digest of what is remembered of the receiver's wants.
    pub(super) yours: Hash16,
    /// The digest of the sender's wants.
    pub(super) mine: Hash16,
    /// The fingerprint of the common feeds, as the sender sees them.
    pub(super) now: Hash16,
    /// The token of the last agreement, zeros if there is none.
    pub(super) agreed: Hash16,
    /// The sender's arrival number at which it last filled a hole or a body.
    pub(super) filled: u64,
    /// Kept for proving to be a device of the same feed.
    pub(super) proof: [u8; 16],
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Wants {
    /// Whether earlier wants are to be forgotten.
    pub(super) whole: bool,
    /// In the last message of a list: the digest of the list that results.
    pub(super) digest: Option<Hash16>,
    pub(super) added: Vec<Hash16>,
    pub(super) removed: Vec<Hash16>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LogName {
    /// A number that the sender of the message gave before.
    Known(u64),
    /// The log takes the sender's next number.
    New(DeviceId, Lane),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct LogHead {
    pub(super) name: LogName,
    pub(super) head: Option<(Seq, Hash8)>,
    pub(super) forked: Option<Seq>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct FeedHeads {
    pub(super) id: Hash16,
    pub(super) statements: Hash8,
    pub(super) logs: Vec<LogHead>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct RunRequest {
    pub(super) alias: u64,
    pub(super) start: Seq,
    pub(super) count: u64,
    pub(super) next_held: bool,
}

/// A body that is asked for. By all of the entry's id: of two entries whose ids begin alike, whoever may write in the feed
/// could make as many as it takes time to.
pub(super) type Wanted = (Seq, EntryId);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PushName {
    Known(u64),
    New(Hash16, DeviceId, Lane),
}

impl Hello {
    pub(super) fn encode(&self, w: &mut Writer) {
        w.zigzag(self.clock);
        for hash in [
            &self.yours,
            &self.mine,
            &self.now,
            &self.agreed,
            &self.proof,
        ] {
            w.raw(hash);
        }
        w.varint(self.filled);
    }

    pub(super) fn decode(r: &mut Reader<'_>) -> Result<Self, FormatError> {
        let clock = r.zigzag()?;
        let (yours, mine, now, agreed, proof) =
            (r.array()?, r.array()?, r.array()?, r.array()?, r.array()?);
        Ok(Self {
            clock,
            yours,
            mine,
            now,
            agreed,
            filled: r.varint()?,
            proof,
        })
    }
}

impl Wants {
    pub(super) fn encode(&self, w: &mut Writer) {
        w.u8(u8::from(self.whole));
        option16(w, self.digest.as_ref());
        list(w, &self.added, |w, id| w.raw(id));
        list(w, &self.removed, |w, id| w.raw(id));
    }

    pub(super) fn decode(r: &mut Reader<'_>) -> Result<Self, FormatError> {
        Ok(Self {
            whole: flag(r)?,
            digest: read_option16(r)?,
            added: read_list(r, 16, IDS_PER_MESSAGE, Reader::array)?,
            removed: read_list(r, 16, IDS_PER_MESSAGE, Reader::array)?,
        })
    }
}

const NEW: u8 = 1;
const HELD: u8 = 2;
const FORKED: u8 = 4;

impl LogHead {
    pub(super) fn encode(&self, w: &mut Writer) {
        let new = if matches!(self.name, LogName::New(..)) {
            NEW
        } else {
            0
        };
        let held = if self.head.is_some() { HELD } else { 0 };
        w.u8(new | held | if self.forked.is_some() { FORKED } else { 0 });
        match &self.name {
            LogName::Known(alias) => w.varint(*alias),
            LogName::New(device, lane) => log_name(w, device, lane),
        }
        if let Some((seq, id)) = &self.head {
            w.varint(seq.0);
            w.raw(id);
        }
        if let Some(at) = self.forked {
            w.varint(at.0);
        }
    }

    pub(super) fn decode(r: &mut Reader<'_>) -> Result<Self, FormatError> {
        let flags = r.u8()?;
        if flags > (NEW | HELD | FORKED) {
            return Err(FormatError::Malformed {
                what: "the head of a log",
            });
        }
        let name = if flags & NEW == 0 {
            LogName::Known(r.varint()?)
        } else {
            let (device, lane) = read_log_name(r)?;
            LogName::New(device, lane)
        };
        let head = if flags & HELD == 0 {
            None
        } else {
            Some((Seq(r.varint()?), r.array()?))
        };
        let forked = if flags & FORKED == 0 {
            None
        } else {
            Some(Seq(r.varint()?))
        };
        Ok(Self { name, head, forked })
    }
}

impl FeedHeads {
    /// Bytes it takes, at most: to close a message before it outgrows a frame.
    pub(super) const fn bytes_at_most(&self) -> usize {
        16 + 8 + 3 + self.logs.len() * (1 + 33 + limits::LANE_BYTES + 10 + 8 + 10)
    }

    pub(super) fn encode(&self, w: &mut Writer) {
        w.raw(&self.id);
        w.raw(&self.statements);
        list(w, &self.logs, |w, log| log.encode(w));
    }

    pub(super) fn decode(r: &mut Reader<'_>) -> Result<Self, FormatError> {
        let (id, statements) = (r.array()?, r.array()?);
        Ok(Self {
            id,
            statements,
            logs: read_list(r, 2, limits::FRAME_BYTES, LogHead::decode)?,
        })
    }
}

impl RunRequest {
    pub(super) fn encode(&self, w: &mut Writer) {
        w.varint(self.alias);
        w.varint(self.start.0);
        w.u8(u8::from(self.next_held));
        w.varint(self.count);
    }

    pub(super) fn decode(r: &mut Reader<'_>) -> Result<Self, FormatError> {
        Ok(Self {
            alias: r.varint()?,
            start: Seq(r.varint()?),
            next_held: flag(r)?,
            count: r.varint()?,
        })
    }
}

impl PushName {
    pub(super) fn encode(&self, w: &mut Writer) {
        match self {
            Self::Known(alias) => {
                w.u8(0);
                w.varint(*alias);
            }
            Self::New(id, device, lane) => {
                w.u8(1);
                w.raw(id);
                log_name(w, device, lane);
            }
        }
    }

    pub(super) fn decode(r: &mut Reader<'_>) -> Result<Self, FormatError> {
        if flag(r)? {
            let id = r.array()?;
            let (device, lane) = read_log_name(r)?;
            Ok(Self::New(id, device, lane))
        } else {
            r.varint().map(Self::Known)
        }
    }
}

/// First place and count of a packed run: all that this floor reads of it.
pub(super) fn peek_run(run: &Bytes) -> Result<(Seq, u64), FormatError> {
    PackedRun::from_bytes(run.clone()).span()
}

fn log_name(w: &mut Writer, device: &DeviceId, lane: &Lane) {
    w.raw(device.as_bytes());
    w.bytes(lane.as_str().as_bytes());
}

fn read_log_name(r: &mut Reader<'_>) -> Result<(DeviceId, Lane), FormatError> {
    let device = DeviceId::from_bytes(r.array()?);
    Ok((device, Lane::new(r.str(limits::LANE_BYTES)?)?))
}

pub(super) fn option16(w: &mut Writer, value: Option<&Hash16>) {
    w.u8(u8::from(value.is_some()));
    if let Some(value) = value {
        w.raw(value);
    }
}

pub(super) fn read_option16(r: &mut Reader<'_>) -> Result<Option<Hash16>, FormatError> {
    if flag(r)? {
        r.array().map(Some)
    } else {
        Ok(None)
    }
}

pub(super) fn flag(r: &mut Reader<'_>) -> Result<bool, FormatError> {
    match r.u8()? {
        0 => Ok(false),
        1 => Ok(true),
        _ => Err(FormatError::Malformed {
            what: "a flag of a message",
        }),
    }
}

pub(super) fn bytes(r: &mut Reader<'_>, frame: &Bytes) -> Result<Bytes, FormatError> {
    r.bytes(limits::FRAME_BYTES)
        .map(|part| frame.slice_ref(part))
}

pub(super) fn list<T>(w: &mut Writer, items: &[T], mut write: impl FnMut(&mut Writer, &T)) {
    w.varint(items.len() as u64);
    for item in items {
        write(w, item);
    }
}

/// Reads a list whose items take at least `least` bytes each.
pub(super) fn read_list<'a, T>(
    r: &mut Reader<'a>,
    least: usize,
    limit: usize,
    mut read: impl FnMut(&mut Reader<'a>) -> Result<T, FormatError>,
) -> Result<Vec<T>, FormatError> {
    let count = r.varint()?;
    let limit = limit as u64;
    if count > limit {
        return Err(FormatError::TooLarge {
            what: "a list of a message",
            found: count,
            limit,
        });
    }
    let count = usize::try_from(count).map_err(|_| FormatError::Truncated {
        what: "a list of a message",
    })?;
    if count.saturating_mul(least) > r.rest().len() {
        return Err(FormatError::Truncated {
            what: "a list of a message",
        });
    }
    let mut items = Vec::with_capacity(count);
    for _ in 0..count {
        items.push(read(r)?);
    }
    Ok(items)
}
