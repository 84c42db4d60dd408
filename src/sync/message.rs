//! Messages and their bytes. `docs/protocol.md` draws each of them.
//!
//! A message is a version byte, a byte that says which, and its fields in postcard's forms. Every count is checked
//! against the bytes that are left before anything is allocated.

use bytes::Bytes;

use super::error::PeerError;
use super::limits::{BODIES_PER_REQUEST, IDS_PER_MESSAGE, STATEMENTS_PER_MESSAGE, VERSION};
use super::wire::{
    FeedHeads, Hash8, Hello, PushName, RunRequest, Wanted, Wants, bytes, flag, list, option16,
    read_list, read_option16,
};
use crate::format::{EntryId, FormatError, Hash16, Reader, Seq, Writer, limits};

const ECHO: u8 = 17;

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
        /// The sender waits for the receiver's, as soon as that has nothing left to do.
        asks: bool,
        /// The receiver asked for this one.
        answers: bool,
    },
    /// Requests numbered upwards from `first`.
    Requests {
        first: u64,
        items: Vec<RunRequest>,
    },
    BodiesRequest {
        request: u64,
        alias: u64,
        wanted: Vec<Wanted>,
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
    /// Whether all that was said before it has come, or that it has.
    Echo {
        answers: bool,
    },
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
            Self::Echo { .. } => "an echo",
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
            Self::Echo { .. } => ECHO,
        }
    }

    pub(super) fn encode(&self) -> Bytes {
        // Who asks for echoes without end makes as many of them wait as fit: they take no memory of their own.
        match self {
            Self::Echo { answers: false } => return Bytes::from_static(&[VERSION, ECHO, 0]),
            Self::Echo { answers: true } => return Bytes::from_static(&[VERSION, ECHO, 1]),
            _ => {}
        }
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
                asks,
                answers,
            } => {
                w.raw(print);
                option16(w, theirs.as_ref());
                w.varint(*filled);
                w.u8(u8::from(*asks) | u8::from(*answers) << 1);
            }
            Self::Requests { first, items } => {
                w.varint(*first);
                list(w, items, |w, item| item.encode(w));
            }
            Self::BodiesRequest {
                request,
                alias,
                wanted,
            } => {
                w.varint(*request);
                w.varint(*alias);
                list(w, wanted, |w, (seq, id)| {
                    w.varint(seq.0);
                    w.raw(id.as_bytes());
                });
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
            // A frame of its own.
            Self::Echo { .. } => {}
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
            6 => {
                let (print, theirs) = (r.array()?, read_option16(r)?);
                let (filled, why) = (r.varint()?, r.u8()?);
                if why > 3 {
                    return Err(FormatError::Malformed {
                        what: "a fingerprint",
                    });
                }
                Self::Now {
                    print,
                    theirs,
                    filled,
                    asks: why & 1 != 0,
                    answers: why & 2 != 0,
                }
            }
            7 => Self::Requests {
                first: r.varint()?,
                items: read_list(r, 4, limits::FRAME_BYTES, RunRequest::decode)?,
            },
            8 => {
                let (request, alias) = (r.varint()?, r.varint()?);
                let wanted = read_list(r, 33, BODIES_PER_REQUEST, |r| {
                    Ok((Seq(r.varint()?), EntryId::from_bytes(r.array()?)))
                })?;
                Self::BodiesRequest {
                    request,
                    alias,
                    wanted,
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
            ECHO => Self::Echo { answers: flag(r)? },
            _ => {
                return Err(FormatError::Malformed {
                    what: "a message of an unknown sort",
                });
            }
        })
    }
}
