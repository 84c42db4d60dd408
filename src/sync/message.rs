//! Messages and their bytes. `docs/protocol.md` draws each of them.
//!
//! A message is a version byte, a byte that says which, and its fields in postcard's forms. Every count is checked
//! against the bytes that are left before anything is allocated.

use bytes::Bytes;

use super::error::PeerError;
use super::limits::{IDS_PER_MESSAGE, STATEMENTS_PER_MESSAGE, VERSION};
use crate::format::{DeviceId, FormatError, Hash16, Lane, Reader, Seq, Writer, limits};

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

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Message {
    Hello(Hello),
    Wants(Wants),
    /// The change did not fit what is remembered: the whole list, please.
    WantsAsk,
    Buckets {
        bits: u8,
        prints: Vec<Hash8>,
    },
    Heads {
        last: bool,
        feeds: Vec<FeedHeads>,
    },
    /// The heads of these feeds, whatever was told before.
    Ask {
        request: u64,
        ids: Vec<Hash16>,
    },
    Now {
        print: Hash16,
        theirs: Option<Hash16>,
        filled: u64,
    },
    /// Requests numbered upwards from `first`.
    Requests {
        first: u64,
        items: Vec<RunRequest>,
    },
    BodiesRequest {
        request: u64,
        alias: u64,
        seqs: Vec<Seq>,
    },
    StatementsRequest {
        request: u64,
        id: Hash16,
    },
    ProofRequest {
        request: u64,
        alias: u64,
    },
    Run {
        request: u64,
        last: bool,
        run: Bytes,
    },
    /// A run nobody asked for: the entries after those the receiver is known to hold.
    Push {
        name: PushName,
        run: Bytes,
    },
    Body {
        request: u64,
        seq: Seq,
        body: Bytes,
    },
    Statements {
        request: u64,
        items: Vec<Bytes>,
    },
    Proof {
        request: u64,
        proof: Bytes,
    },
    /// Nothing more comes for this request; what did not come is not held.
    Done {
        request: u64,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PushName {
    Known(u64),
    New(Hash16, DeviceId, Lane),
}

impl Message {
    pub(super) const fn name(&self) -> &'static str {
        match self {
            Self::Hello(_) => "a hello",
            Self::Wants(_) => "wants",
            Self::WantsAsk => "a question for wants",
            Self::Buckets { .. } => "buckets",
            Self::Heads { .. } => "heads",
            Self::Ask { .. } => "a question for heads",
            Self::Now { .. } => "a fingerprint",
            Self::Requests { .. } => "requests",
            Self::BodiesRequest { .. } => "a request for bodies",
            Self::StatementsRequest { .. } => "a request for statements",
            Self::ProofRequest { .. } => "a request for a proof",
            Self::Run { .. } => "a run",
            Self::Push { .. } => "a pushed run",
            Self::Body { .. } => "a body",
            Self::Statements { .. } => "statements",
            Self::Proof { .. } => "a proof",
            Self::Done { .. } => "an end of answers",
        }
    }

    const fn tag(&self) -> u8 {
        match self {
            Self::Hello(_) => 0,
            Self::Wants(_) => 1,
            Self::WantsAsk => 2,
            Self::Buckets { .. } => 3,
            Self::Heads { .. } => 4,
            Self::Ask { .. } => 5,
            Self::Now { .. } => 6,
            Self::Requests { .. } => 7,
            Self::BodiesRequest { .. } => 8,
            Self::StatementsRequest { .. } => 9,
            Self::ProofRequest { .. } => 10,
            Self::Run { .. } => 11,
            Self::Push { .. } => 12,
            Self::Body { .. } => 13,
            Self::Statements { .. } => 14,
            Self::Proof { .. } => 15,
            Self::Done { .. } => 16,
        }
    }

    pub(super) fn encode(&self) -> Bytes {
        let mut w = Writer::with_capacity(64 + self.payload());
        w.u8(VERSION);
        w.u8(self.tag());
        self.encode_fields(&mut w);
        w.0.into()
    }

    /// Bytes of the opaque part, so that a run is copied once.
    fn payload(&self) -> usize {
        match self {
            Self::Run { run, .. } | Self::Push { run, .. } => run.len(),
            Self::Body { body, .. } => body.len(),
            Self::Proof { proof, .. } => proof.len(),
            _ => 0,
        }
    }

    fn encode_fields(&self, w: &mut Writer) {
        match self {
            Self::Hello(hello) => hello.encode(w),
            Self::Wants(wants) => wants.encode(w),
            Self::WantsAsk => {}
            Self::Buckets { bits, prints } => {
                w.u8(*bits);
                list(w, prints, |w, print| w.raw(print));
            }
            Self::Heads { last, feeds } => {
                w.u8(u8::from(*last));
                list(w, feeds, |w, feed| feed.encode(w));
            }
            Self::Ask { request, ids } => {
                w.varint(*request);
                list(w, ids, |w, id| w.raw(id));
            }
            Self::Now {
                print,
                theirs,
                filled,
            } => {
                w.raw(print);
                option16(w, theirs.as_ref());
                w.varint(*filled);
            }
            Self::Requests { first, items } => {
                w.varint(*first);
                list(w, items, |w, item| item.encode(w));
            }
            Self::BodiesRequest {
                request,
                alias,
                seqs,
            } => {
                w.varint(*request);
                w.varint(*alias);
                list(w, seqs, |w, seq| w.varint(seq.0));
            }
            Self::StatementsRequest { request, id } => {
                w.varint(*request);
                w.raw(id);
            }
            Self::ProofRequest { request, alias } => {
                w.varint(*request);
                w.varint(*alias);
            }
            Self::Run { request, last, run } => {
                w.varint(*request);
                w.u8(u8::from(*last));
                w.bytes(run);
            }
            Self::Push { name, run } => {
                name.encode(w);
                w.bytes(run);
            }
            Self::Body { request, seq, body } => {
                w.varint(*request);
                w.varint(seq.0);
                w.bytes(body);
            }
            Self::Statements { request, items } => {
                w.varint(*request);
                list(w, items, |w, item| w.bytes(item));
            }
            Self::Proof { request, proof } => {
                w.varint(*request);
                w.bytes(proof);
            }
            Self::Done { request } => w.varint(*request),
        }
    }

    pub(super) fn decode(frame: &Bytes) -> Result<Self, PeerError> {
        if frame.len() > limits::FRAME_BYTES {
            return Err(PeerError::FrameTooLarge {
                found: frame.len(),
                limit: limits::FRAME_BYTES,
            });
        }
        let mut r = Reader::new("a message", frame);
        match r.u8()? {
            VERSION => {}
            found => {
                return Err(PeerError::Version {
                    found,
                    known: VERSION,
                });
            }
        }
        let tag = r.u8()?;
        let message = Self::decode_fields(tag, &mut r, frame)?;
        r.finish()?;
        Ok(message)
    }

    fn decode_fields(tag: u8, r: &mut Reader<'_>, frame: &Bytes) -> Result<Self, FormatError> {
        Ok(match tag {
            0 => Self::Hello(Hello::decode(r)?),
            1 => Self::Wants(Wants::decode(r)?),
            2 => Self::WantsAsk,
            3 => Self::Buckets {
                bits: r.u8()?,
                prints: read_list(r, 8, 1 << 16, Reader::array)?,
            },
            4 => Self::Heads {
                last: flag(r)?,
                feeds: read_list(r, 25, limits::FRAME_BYTES, FeedHeads::decode)?,
            },
            5 => Self::Ask {
                request: r.varint()?,
                ids: read_list(r, 16, IDS_PER_MESSAGE, Reader::array)?,
            },
            6 => Self::Now {
                print: r.array()?,
                theirs: read_option16(r)?,
                filled: r.varint()?,
            },
            7 => Self::Requests {
                first: r.varint()?,
                items: read_list(r, 4, limits::FRAME_BYTES, RunRequest::decode)?,
            },
            8 => {
                let (request, alias) = (r.varint()?, r.varint()?);
                let seqs = read_list(r, 1, limits::BLOCK as usize, |r| r.varint().map(Seq))?;
                Self::BodiesRequest {
                    request,
                    alias,
                    seqs,
                }
            }
            9 => Self::StatementsRequest {
                request: r.varint()?,
                id: r.array()?,
            },
            10 => Self::ProofRequest {
                request: r.varint()?,
                alias: r.varint()?,
            },
            11 => Self::Run {
                request: r.varint()?,
                last: flag(r)?,
                run: bytes(r, frame)?,
            },
            12 => Self::Push {
                name: PushName::decode(r)?,
                run: bytes(r, frame)?,
            },
            13 => Self::Body {
                request: r.varint()?,
                seq: Seq(r.varint()?),
                body: bytes(r, frame)?,
            },
            14 => {
                let request = r.varint()?;
                let items = read_list(r, 1, STATEMENTS_PER_MESSAGE, |r| bytes(r, frame))?;
                Self::Statements { request, items }
            }
            15 => Self::Proof {
                request: r.varint()?,
                proof: bytes(r, frame)?,
            },
            16 => Self::Done {
                request: r.varint()?,
            },
            _ => {
                return Err(FormatError::Malformed {
                    what: "a message of an unknown sort",
                });
            }
        })
    }
}

impl Hello {
    fn encode(&self, w: &mut Writer) {
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

    fn decode(r: &mut Reader<'_>) -> Result<Self, FormatError> {
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
    fn encode(&self, w: &mut Writer) {
        w.u8(u8::from(self.whole));
        option16(w, self.digest.as_ref());
        list(w, &self.added, |w, id| w.raw(id));
        list(w, &self.removed, |w, id| w.raw(id));
    }

    fn decode(r: &mut Reader<'_>) -> Result<Self, FormatError> {
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
    fn encode(&self, w: &mut Writer) {
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

    fn decode(r: &mut Reader<'_>) -> Result<Self, FormatError> {
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

    fn encode(&self, w: &mut Writer) {
        w.raw(&self.id);
        w.raw(&self.statements);
        list(w, &self.logs, |w, log| log.encode(w));
    }

    fn decode(r: &mut Reader<'_>) -> Result<Self, FormatError> {
        let (id, statements) = (r.array()?, r.array()?);
        Ok(Self {
            id,
            statements,
            logs: read_list(r, 2, limits::FRAME_BYTES, LogHead::decode)?,
        })
    }
}

impl RunRequest {
    fn encode(&self, w: &mut Writer) {
        w.varint(self.alias);
        w.varint(self.start.0);
        w.u8(u8::from(self.next_held));
        w.varint(self.count);
    }

    fn decode(r: &mut Reader<'_>) -> Result<Self, FormatError> {
        Ok(Self {
            alias: r.varint()?,
            start: Seq(r.varint()?),
            next_held: flag(r)?,
            count: r.varint()?,
        })
    }
}

impl PushName {
    fn encode(&self, w: &mut Writer) {
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

    fn decode(r: &mut Reader<'_>) -> Result<Self, FormatError> {
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
pub(super) fn peek_run(run: &[u8]) -> Result<(Seq, u64), FormatError> {
    let mut r = Reader::new("a run", run);
    match r.u8()? {
        limits::VERSION => {}
        found => {
            return Err(FormatError::Version {
                what: "a run",
                found,
                known: limits::VERSION,
            });
        }
    }
    let (first, count) = (r.varint()?, r.varint()?);
    let first = Seq(first);
    let room = first.block_end().0.saturating_sub(first.0);
    if count == 0 || count > room {
        return Err(FormatError::Run {
            first,
            why: "it is empty or crosses its block's end",
        });
    }
    Ok((first, count))
}

fn log_name(w: &mut Writer, device: &DeviceId, lane: &Lane) {
    w.raw(device.as_bytes());
    w.bytes(lane.as_str().as_bytes());
}

fn read_log_name(r: &mut Reader<'_>) -> Result<(DeviceId, Lane), FormatError> {
    let device = DeviceId::from_bytes(r.array()?);
    Ok((device, Lane::new(r.str(limits::LANE_BYTES)?)?))
}

fn option16(w: &mut Writer, value: Option<&Hash16>) {
    w.u8(u8::from(value.is_some()));
    if let Some(value) = value {
        w.raw(value);
    }
}

fn read_option16(r: &mut Reader<'_>) -> Result<Option<Hash16>, FormatError> {
    if flag(r)? {
        r.array().map(Some)
    } else {
        Ok(None)
    }
}

fn flag(r: &mut Reader<'_>) -> Result<bool, FormatError> {
    match r.u8()? {
        0 => Ok(false),
        1 => Ok(true),
        _ => Err(FormatError::Malformed {
            what: "a flag of a message",
        }),
    }
}

fn bytes(r: &mut Reader<'_>, frame: &Bytes) -> Result<Bytes, FormatError> {
    r.bytes(limits::FRAME_BYTES)
        .map(|part| frame.slice_ref(part))
}

fn list<T>(w: &mut Writer, items: &[T], mut write: impl FnMut(&mut Writer, &T)) {
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
