//! Peers that lie: each ends in the named error, and changes nothing.

mod anew;
mod costs;
mod floods;
mod late;
mod memory;
mod order;

use bytes::Bytes;

use super::memory::wants_digest;
use super::message::Message;
use super::sim::{SimPeer, feed, log};
use super::wire::{FeedHeads, Hello, LogHead, LogName, PushName, RunRequest, Wants};
use super::{Backoff, Input, Output, PeerError, PeerIdentity as _, Replica, Swarm};
use crate::format::{EntryId, FeedId, FormatError, Hash16, LogId, Seq, derive, limits};

const ME: SimPeer = SimPeer(1);
const THEM: SimPeer = SimPeer(2);

/// A machine that follows two feeds, and a peer whose every word is written by the test.
struct Table {
    swarm: Swarm<SimPeer>,
    now: u64,
}

fn blind(feed: &FeedId) -> Hash16 {
    derive::WANT.hash16(&[&ME.to_bytes(), &THEM.to_bytes(), feed.as_bytes()])
}

fn posts() -> LogId {
    log(0, 1, "posts")
}

impl Table {
    fn new() -> Self {
        Self::greeted(true)
    }

    /// The peer dialed, and names what it wants first.
    fn dialed_by_them() -> Self {
        Self::greeted(false)
    }

    fn greeted(dialed: bool) -> Self {
        let mut table = Self {
            swarm: Swarm::new(ME, 0, 0),
            now: 0,
        };
        for number in 0..2 {
            table.input(Input::Feed {
                feed: feed(number),
                replica: Replica::default(),
            });
        }
        table.input(Input::Connected {
            peer: THEM,
            memory: None,
            clock: 0,
            proof: [0; 16],
            waits: false,
            dialed,
        });
        table
    }

    /// After hellos and wants: both want feed 0.
    fn open() -> Self {
        let mut table = Self::new();
        let ids = [blind(&feed(0))];
        let mine = wants_digest(ids.iter());
        table.say(&Message::Hello(hello(mine)));
        table.say(&Message::Wants(Wants {
            whole: true,
            digest: Some(mine),
            added: ids.to_vec(),
            removed: Vec::new(),
        }));
        table
    }

    /// After the peer told of ten entries of one log, its number 0.
    fn told() -> (Self, Vec<Output<SimPeer>>) {
        let mut table = Self::open();
        let name = LogName::New(posts().device, posts().lane);
        let logs = vec![LogHead {
            name,
            head: Some((Seq(9), [1; 8])),
            forked: None,
        }];
        let feeds = vec![FeedHeads {
            id: blind(&feed(0)),
            statements: [0; 8],
            logs,
        }];
        let outputs = table.say(&Message::Heads { last: true, feeds });
        (table, outputs)
    }

    fn input(&mut self, input: Input<SimPeer>) -> Vec<Output<SimPeer>> {
        self.swarm.handle(self.now, input);
        std::iter::from_fn(|| self.swarm.poll()).collect()
    }

    fn raw(&mut self, bytes: impl Into<Bytes>) -> Vec<Output<SimPeer>> {
        self.input(Input::Frame {
            peer: THEM,
            bytes: bytes.into(),
            clock: 0,
        })
    }

    fn say(&mut self, message: &Message) -> Vec<Output<SimPeer>> {
        self.raw(message.encode())
    }

    fn fault(&mut self, message: &Message) -> PeerError {
        error_in(self.say(message))
    }
}

fn hello(mine: Hash16) -> Hello {
    Hello {
        clock: 0,
        yours: [0; 16],
        mine,
        now: [0; 16],
        agreed: [0; 16],
        filled: 0,
        proof: [9; 16],
    }
}

fn error_in(outputs: Vec<Output<SimPeer>>) -> PeerError {
    assert!(
        !outputs
            .iter()
            .any(|output| matches!(output, Output::Take { .. })),
        "nothing is taken"
    );
    let error = outputs.into_iter().find_map(|output| match output {
        Output::Close { peer: THEM, error } => Some(error),
        _ => None,
    });
    error.expect("the session ends")
}

fn run(first: u64, count: u8) -> Bytes {
    let mut bytes = vec![1, u8::try_from(first).unwrap(), count];
    bytes.extend([0; 40]);
    bytes.into()
}

#[test]
fn every_message_reads_back_and_none_takes_more_or_less() {
    let log = posts();
    let heads = FeedHeads {
        id: [3; 16],
        statements: [4; 8],
        logs: vec![
            LogHead {
                name: LogName::Known(300),
                head: Some((Seq(70), [5; 8])),
                forked: Some(Seq(9)),
            },
            LogHead {
                name: LogName::New(log.device, log.lane),
                head: None,
                forked: Some(Seq(0)),
            },
        ],
    };
    let item = RunRequest {
        alias: 1,
        start: Seq(64),
        count: 64,
        next_held: true,
    };
    let wants = Wants {
        whole: false,
        digest: Some([1; 16]),
        added: vec![[2; 16]],
        removed: vec![[3; 16]],
    };
    let messages = [
        Message::Hello(hello([8; 16])),
        Message::Wants(wants),
        Message::WantsAsk,
        Message::Buckets {
            bits: 1,
            prints: vec![[1; 8], [2; 8]],
        },
        Message::Heads {
            last: true,
            feeds: vec![heads],
        },
        Message::Ask {
            request: 7,
            ids: vec![[1; 16]],
        },
        Message::Now {
            print: [1; 16],
            theirs: Some([2; 16]),
            filled: 300,
            asks: true,
            answers: true,
        },
        Message::Requests {
            first: 3,
            items: vec![item],
        },
        Message::BodiesRequest {
            request: 1,
            alias: 2,
            wanted: vec![
                (Seq(9), EntryId::from_bytes([1; 32])),
                (Seq(3), EntryId::from_bytes([2; 32])),
            ],
        },
        Message::StatementsRequest {
            request: 1,
            id: [1; 16],
        },
        Message::ProofRequest {
            request: 1,
            alias: 200,
        },
        Message::Run {
            request: 1,
            last: true,
            run: run(0, 1),
        },
        Message::Push {
            name: PushName::New([1; 16], log.device, log.lane),
            run: run(0, 1),
        },
        Message::Push {
            name: PushName::Known(1),
            run: run(0, 1),
        },
        Message::Body {
            request: 1,
            seq: Seq(3),
            body: Bytes::from_static(b"text"),
        },
        Message::Statements {
            request: 1,
            items: vec![Bytes::from_static(b"one"), Bytes::new()],
        },
        Message::Proof {
            request: 1,
            proof: Bytes::from_static(b"two"),
        },
        Message::Done { request: 1 },
    ];
    for message in messages {
        let bytes = message.encode();
        assert_eq!(Message::decode(&bytes), Ok(message.clone()));
        for cut in 0..bytes.len() {
            assert!(
                Message::decode(&bytes.slice(..cut)).is_err(),
                "{message:?} cut at {cut}"
            );
        }
        let mut longer = bytes.to_vec();
        longer.push(0);
        assert!(
            Message::decode(&longer.into()).is_err(),
            "{message:?} with a byte more"
        );
    }
}

#[test]
fn any_bytes_end_in_an_error_or_in_nothing() {
    let mut random = super::sim::Prng::new(5);
    for _ in 0..20_000 {
        let mut bytes: Vec<u8> = (0..random.below(60))
            .map(|_| random.below(256).to_le_bytes()[0])
            .collect();
        if bytes.len() > 2 {
            bytes[0] = 1;
            bytes[1] %= 18;
        }
        let mut table = Table::told().0;
        table.raw(bytes);
    }
}

#[test]
fn garbage_and_other_versions() {
    let error = error_in(Table::new().raw(Bytes::new()));
    assert!(matches!(
        error,
        PeerError::Malformed(FormatError::Truncated { .. })
    ));
    let error = error_in(Table::new().raw(vec![2, 0, 0]));
    assert_eq!(error, PeerError::Version { found: 2, known: 1 });
    assert_eq!(error.backoff(), Backoff::Long);
    let error = error_in(Table::new().raw(vec![1; limits::FRAME_BYTES + 1]));
    assert!(matches!(error, PeerError::FrameTooLarge { .. }));
    // A count that no frame can hold is refused before anything is allocated.
    let error = error_in(Table::open().raw(vec![1, 7, 0, 0xff, 0xff, 0x0f]));
    assert!(matches!(error, PeerError::Malformed(_)), "{error}");
}

#[test]
fn messages_out_of_turn() {
    let done = Message::Done { request: 0 };
    assert!(matches!(
        Table::new().fault(&done),
        PeerError::OutOfTurn {
            message: "an end of answers",
            ..
        }
    ));
    let again = Message::Hello(hello([0; 16]));
    assert!(matches!(
        Table::open().fault(&again),
        PeerError::OutOfTurn {
            message: "a hello",
            ..
        }
    ));
}

#[test]
fn a_million_wants() {
    let mut table = Table::new();
    table.say(&Message::Hello(hello([1; 16])));
    for part in 0u32.. {
        let id = |n: u32| -> Hash16 {
            let mut id = [0; 16];
            id[..4].copy_from_slice(&(part * 8_000 + n).to_be_bytes());
            id
        };
        let added = (0..8_000).map(id).collect();
        let outputs = table.say(&Message::Wants(Wants {
            whole: part == 0,
            digest: None,
            added,
            removed: Vec::new(),
        }));
        if part < 8 {
            assert!(outputs.is_empty());
        } else {
            assert_eq!(error_in(outputs), PeerError::TooManyWants { limit: 65_536 });
            return;
        }
    }
}

#[test]
fn a_want_list_with_a_wrong_digest() {
    let mut table = Table::new();
    table.say(&Message::Hello(hello([1; 16])));
    let wants = Wants {
        whole: true,
        digest: Some([1; 16]),
        added: vec![[5; 16]],
        removed: Vec::new(),
    };
    assert_eq!(table.fault(&Message::Wants(wants)), PeerError::WantsDigest);
}

#[test]
fn runs_nobody_asked_for() {
    let (mut table, _) = Table::told();
    let message = Message::Run {
        request: 77,
        last: true,
        run: run(0, 1),
    };
    assert_eq!(
        table.fault(&message),
        PeerError::NotRequested { request: 77 }
    );
    let (mut table, _) = Table::told();
    let message = Message::Push {
        name: PushName::Known(5),
        run: run(0, 1),
    };
    assert_eq!(table.fault(&message), PeerError::UnknownAlias { alias: 5 });
    let message = Message::Body {
        request: 0,
        seq: Seq(0),
        body: Bytes::new(),
    };
    let (mut table, _) = Table::told();
    assert!(matches!(
        table.fault(&message),
        PeerError::WrongAnswer { request: 0, .. }
    ));
}

#[test]
fn a_run_outside_its_range() {
    for (first, count) in [(0, 64), (10, 1), (60, 4)] {
        let (mut table, outputs) = Table::told();
        assert!(
            outputs
                .iter()
                .any(|output| matches!(output, Output::Send { .. })),
            "it is asked for"
        );
        let message = Message::Run {
            request: 0,
            last: true,
            run: run(first, count),
        };
        match (first, count) {
            // It may go on to the next signature.
            (0, 64) => assert!(
                table
                    .say(&message)
                    .iter()
                    .any(|output| matches!(output, Output::Take { .. }))
            ),
            _ => assert!(
                matches!(table.fault(&message), PeerError::WrongRange { .. }),
                "{first} {count}"
            ),
        }
    }
    let (mut table, _) = Table::told();
    let message = Message::Run {
        request: 0,
        last: true,
        run: run(1, 64),
    };
    assert!(matches!(
        table.fault(&message),
        PeerError::Malformed(FormatError::Run { .. })
    ));
}

#[test]
fn a_run_that_does_not_verify() {
    let (mut table, _) = Table::told();
    let outputs = table.say(&Message::Run {
        request: 0,
        last: true,
        run: run(0, 10),
    });
    let take = outputs.iter().find_map(|output| match output {
        Output::Take { take, .. } => Some(*take),
        _ => None,
    });
    let outcome = super::Outcome::Rejected {
        reason: "its signature is wrong".to_owned(),
    };
    let error = error_in(table.input(Input::Taken {
        take: take.unwrap(),
        outcome,
    }));
    assert!(matches!(error, PeerError::Rejected { what: "a run", .. }));
    // What others hold of that range may be asked for again at once.
    assert!(
        table.swarm.log(&posts()).is_none(),
        "nothing is held and nothing is under way"
    );
}

#[test]
fn unknown_numbers_and_requests_that_are_none() {
    let item = RunRequest {
        alias: 0,
        start: Seq(0),
        count: 1,
        next_held: false,
    };
    let error = Table::open().fault(&Message::Requests {
        first: 0,
        items: vec![item],
    });
    assert_eq!(error, PeerError::UnknownAlias { alias: 0 });
    let logs = vec![LogHead {
        name: LogName::Known(3),
        head: None,
        forked: None,
    }];
    let feeds = vec![FeedHeads {
        id: blind(&feed(0)),
        statements: [0; 8],
        logs,
    }];
    let error = Table::open().fault(&Message::Heads { last: false, feeds });
    assert_eq!(error, PeerError::UnknownAlias { alias: 3 });
    let wanted = vec![(Seq(0), EntryId::ZERO); 9];
    let message = Message::BodiesRequest {
        request: 0,
        alias: 0,
        wanted,
    };
    let error = Table::open().fault(&message);
    assert!(matches!(
        error,
        PeerError::Malformed(FormatError::TooLarge { .. })
    ));
    let error = Table::open().fault(&Message::Buckets {
        bits: 9,
        prints: vec![[0; 8]; 512],
    });
    assert!(matches!(error, PeerError::BadRequest { .. }));
}

#[test]
fn requests_without_end() {
    let mut table = Table::open();
    // The reads are never answered, as with a queue that stays full.
    for request in 0..2_000 {
        let outputs = table.say(&Message::StatementsRequest {
            request,
            id: blind(&feed(0)),
        });
        if outputs
            .iter()
            .any(|output| matches!(output, Output::Close { .. }))
        {
            assert_eq!(
                error_in(outputs),
                PeerError::TooManyRequests { limit: 1_024 }
            );
            assert!(request > 1_000);
            return;
        }
    }
    panic!("all were taken");
}

#[test]
fn numbers_without_end() {
    let mut table = Table::open();
    loop {
        let new = |_| LogHead {
            name: LogName::New(posts().device, posts().lane),
            head: None,
            forked: None,
        };
        let logs = (0..5_000).map(new).collect();
        let feeds = vec![FeedHeads {
            id: [0; 16],
            statements: [0; 8],
            logs,
        }];
        let outputs = table.say(&Message::Heads { last: false, feeds });
        if outputs
            .iter()
            .any(|output| matches!(output, Output::Close { .. }))
        {
            assert_eq!(
                error_in(outputs),
                PeerError::TooManyAliases { limit: 262_144 }
            );
            return;
        }
    }
}

#[test]
fn silence_after_half_an_exchange() {
    let (mut table, _) = Table::told();
    let at = table.swarm.next_timer().unwrap();
    table.now = at;
    table.input(Input::Tick);
    // Small talk does not keep the session alive while an answer is due.
    for now in (at..60_000).step_by(1_000) {
        table.now = now;
        let outputs = table.say(&Message::Now {
            print: [0; 16],
            theirs: None,
            filled: now,
            asks: false,
            answers: false,
        });
        assert!(
            outputs
                .iter()
                .all(|output| !matches!(output, Output::Close { .. }))
        );
        let outputs = table.input(Input::Tick);
        if let Some(Output::Close { error, .. }) = outputs
            .into_iter()
            .find(|o| matches!(o, Output::Close { .. }))
        {
            assert_eq!(
                error,
                PeerError::Silent {
                    millis: 30_000,
                    due: "an answer"
                }
            );
            assert_eq!(error.backoff(), Backoff::Short);
            assert!(now <= 31_000);
            return;
        }
    }
    panic!("it was never given up");
}
