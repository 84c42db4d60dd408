//! Messages made up by a fuzzer: well-formed, and as near to the session's state as a stranger can come.

use bytes::Bytes;

use super::super::memory::wants_digest;
use super::super::message::Message;
use super::super::replica::short;
use super::super::sim::store::SimStore;
use super::super::wire::{
    FeedHeads, Hello, LogHead, LogName, PushName, RunRequest, Wants, peek_run,
};
use crate::format::fuzz::Choices;
use crate::format::{EntryId, FeedId, Hash16, LogId, Seq};

/// What a hostile peer knows: ids that mean something here, logs, and good runs of them.
#[derive(Debug)]
pub(super) struct Known {
    pub(super) ids: Vec<Hash16>,
    pub(super) feeds: Vec<FeedId>,
    pub(super) logs: Vec<LogId>,
    pub(super) store: SimStore,
}

impl Known {
    pub(super) fn message(&self, from: &mut Choices<'_>) -> Message {
        // Most of what can be said needs a session that is open.
        match from.below(20) {
            0 => Message::Hello(hello(from)),
            1 | 17 => Message::Wants(self.wants(from)),
            2 => Message::WantsAsk,
            3 => Message::Buckets {
                bits: from.pick(&[1, 2, 8, 0, 9]),
                prints: (0..from.pick(&[2_u16, 4, 256, 1]))
                    .map(|n| {
                        if from.flag() {
                            [0; 8]
                        } else {
                            [n.to_le_bytes()[0]; 8]
                        }
                    })
                    .collect(),
            },
            4 | 18 => Message::Heads {
                last: from.flag(),
                feeds: (0..from.below(4)).map(|_| self.heads(from)).collect(),
            },
            5 => Message::Ask {
                request: request(from),
                ids: self.some_ids(from),
            },
            6 => Message::Now {
                print: from.array(),
                theirs: from.flag().then(|| from.array()),
                filled: from.number(),
                asks: from.flag(),
                answers: from.flag(),
            },
            7 => Message::Requests {
                first: request(from),
                items: (0..from.below(20)).map(|_| range(from)).collect(),
            },
            8 => Message::BodiesRequest {
                request: request(from),
                alias: alias(from),
                wanted: (0..from.below(5))
                    .map(|_| (Seq(from.number()), EntryId::from_bytes(from.array())))
                    .collect(),
            },
            9 => Message::StatementsRequest {
                request: request(from),
                id: self.id(from),
            },
            10 => Message::ProofRequest {
                request: request(from),
                alias: alias(from),
            },
            11 | 19 => Message::Run {
                request: request(from),
                last: from.flag(),
                run: self.run(from),
            },
            12 => Message::Push {
                name: self.push_name(from),
                run: self.run(from),
            },
            13 => Message::Body {
                request: request(from),
                seq: Seq(from.number()),
                body: Bytes::copy_from_slice(from.bytes(300)),
            },
            14 => Message::Statements {
                request: request(from),
                items: self.statements(from),
            },
            15 => Message::Proof {
                request: request(from),
                proof: Bytes::copy_from_slice(from.bytes(60)),
            },
            16 => Message::Echo {
                answers: from.flag(),
            },
            _ => Message::Done {
                request: request(from),
            },
        }
    }

    fn id(&self, from: &mut Choices<'_>) -> Hash16 {
        let known = self.ids.get(from.below(self.ids.len() + 1)).copied();
        known.unwrap_or_else(|| from.array())
    }

    fn some_ids(&self, from: &mut Choices<'_>) -> Vec<Hash16> {
        match from.byte() {
            // One over and over, up to what a message may hold.
            255 => vec![self.id(from); usize::from(from.byte()) * 32],
            low => (0..low % 6).map(|_| self.id(from)).collect(),
        }
    }

    fn log(&self, from: &mut Choices<'_>) -> Option<LogId> {
        self.logs.get(from.below(self.logs.len())).copied()
    }

    /// Mostly with the digest that it has.
    fn wants(&self, from: &mut Choices<'_>) -> Wants {
        let (whole, mut added, removed) = (from.flag(), self.some_ids(from), self.some_ids(from));
        let right = from.below(4) != 0;
        if right {
            added.sort_unstable();
            added.dedup();
        }
        let digest = right.then(|| wants_digest(added.iter()));
        Wants {
            whole,
            digest: digest.or_else(|| from.flag().then(|| from.array())),
            removed: if whole && right { Vec::new() } else { removed },
            added,
        }
    }

    fn heads(&self, from: &mut Choices<'_>) -> FeedHeads {
        FeedHeads {
            id: self.id(from),
            statements: from.array(),
            logs: (0..from.below(5)).map(|_| self.head(from)).collect(),
        }
    }

    fn head(&self, from: &mut Choices<'_>) -> LogHead {
        let log = self.log(from);
        let name = match log.filter(|_| from.flag()) {
            Some(log) => LogName::New(log.device, log.lane),
            None => LogName::Known(alias(from)),
        };
        let real = log.and_then(|log| self.store.head(&log));
        let head = match real.filter(|_| from.below(3) != 0) {
            Some(head) => Some((head.seq, short(head.id.as_bytes()))),
            None => from.flag().then(|| (Seq(from.number()), from.array())),
        };
        LogHead {
            name,
            head,
            forked: (from.below(8) == 0).then(|| Seq(from.number())),
        }
    }

    fn push_name(&self, from: &mut Choices<'_>) -> PushName {
        match self.log(from).filter(|_| from.flag()) {
            Some(log) => PushName::New(self.id(from), log.device, log.lane),
            None => PushName::Known(alias(from)),
        }
    }

    /// A good run, one that was changed, or noise.
    fn run(&self, from: &mut Choices<'_>) -> Bytes {
        let how = from.below(8);
        if how == 7 {
            return Bytes::copy_from_slice(from.bytes(400));
        }
        let start = from.number();
        let end = start
            .saturating_add(1 + from.number() % 64)
            .min(Seq(start).block_end().0);
        let runs = self
            .log(from)
            .map(|log| self.store.runs(&log, start..end, from.flag()));
        let good = runs.and_then(|mut runs| runs.pop()).unwrap_or_default();
        let at = usize::from(from.byte())
            .checked_rem(good.len())
            .unwrap_or(0);
        match (how, peek_run(&good)) {
            (6, Ok(_)) => {
                let mut bytes = good.to_vec();
                if let Some(byte) = bytes.get_mut(at) {
                    *byte = from.byte();
                }
                bytes.into()
            }
            _ => good,
        }
    }

    fn statements(&self, from: &mut Choices<'_>) -> Vec<Bytes> {
        let feed = self.feeds.get(from.below(self.feeds.len()));
        let known = feed.and_then(|feed| self.store.statements.get(feed));
        let known = known.into_iter().flatten().map(|item| item.clone().into());
        let more = (0..from.below(3)).map(|_| Bytes::copy_from_slice(from.bytes(100)));
        known.chain(more).collect()
    }
}

fn hello(from: &mut Choices<'_>) -> Hello {
    let mut hash = || if from.flag() { [0; 16] } else { from.array() };
    let (yours, mine, now, agreed, proof) = (hash(), hash(), hash(), hash(), hash());
    Hello {
        clock: from.number().cast_signed(),
        yours,
        mine,
        now,
        agreed,
        filled: from.number(),
        proof,
    }
}

/// Numbers of requests begin low and count up.
fn request(from: &mut Choices<'_>) -> u64 {
    match from.byte() {
        255 => from.number(),
        low => u64::from(low % 48),
    }
}

fn alias(from: &mut Choices<'_>) -> u64 {
    match from.byte() {
        255 => from.number(),
        low => u64::from(low % 8),
    }
}

fn range(from: &mut Choices<'_>) -> RunRequest {
    let start = Seq(from.number());
    let room = start.block_end().0.saturating_sub(start.0).max(1);
    let count = match from.byte() {
        255 => from.number(),
        low => 1 + u64::from(low) % room,
    };
    RunRequest {
        alias: alias(from),
        start,
        count,
        next_held: from.flag(),
    }
}
