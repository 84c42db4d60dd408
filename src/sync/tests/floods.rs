//! Peers that say one thing without end and read nothing: each costs a bounded number of bytes of memory.

use bytes::Bytes;

use super::{ME, THEM, hello, run};
use crate::format::{DeviceId, EntryId, FeedId, Hash16, LogId, Seq, derive, lanes};
use crate::sync::event::{Head, LogSummary};
use crate::sync::memory::wants_digest;
use crate::sync::message::Message;
use crate::sync::sim::{SimPeer, feed, log};
use crate::sync::wire::{FeedHeads, LogHead, LogName, PushName, RunRequest, Wants};
use crate::sync::{Input, Output, PeerIdentity as _, Replica, Swarm};

/// Feeds that both want; of each a log with a hole and without a body is held.
const FEEDS: u32 = 64;
/// What a session may hold in memory at the worst, whatever its peer does: see `docs/threats.md`.
const SESSION_BYTES: i64 = 40 * 1024 * 1024;
/// Bytes that each flood says, unless it is sent away before.
const SAYS: usize = 13 * 1024 * 1024;

fn blind(feed: &FeedId) -> Hash16 {
    derive::WANT.hash16(&[&ME.to_bytes(), &THEM.to_bytes(), feed.as_bytes()])
}

fn ids() -> Vec<Hash16> {
    let mut ids: Vec<Hash16> = (0..FEEDS).map(|number| blind(&feed(number))).collect();
    ids.sort_unstable();
    ids
}

fn held(log: &LogId) -> LogSummary {
    LogSummary {
        device: log.device,
        lane: log.lane,
        held: vec![Seq(0)..Seq(10), Seq(500)..Seq(501)],
        head: Head {
            seq: Seq(500),
            id: EntryId::from_bytes([3; 32]),
        },
        forked: None,
        missing: vec![(Seq(3), EntryId::from_bytes([4; 32]))],
        changed: 1,
        counts: true,
        rank: (1, 0),
    }
}

/// A node whose peer reads nothing: frames for it, and what it brings, stay in memory.
struct Node {
    swarm: Swarm<SimPeer>,
    /// Bytes that left the machine and are kept by whoever carries them out.
    handed_out: i64,
    /// The same, written to the disk.
    remembered: usize,
    ended: Option<String>,
    said: usize,
}

impl Node {
    fn new() -> Self {
        let mut node = Self {
            swarm: Swarm::new(ME, 1, 1),
            handed_out: 0,
            remembered: 0,
            ended: None,
            said: 0,
        };
        for number in 0..FEEDS {
            let logs = vec![held(&log(number, 1, "posts"))];
            let replica = Replica {
                logs,
                statements: [1; 16],
                statements_changed: 1,
            };
            let feed = feed(number);
            node.input(Input::Feed { feed, replica });
        }
        node.input(Input::Connected {
            peer: THEM,
            memory: None,
            clock: 0,
            proof: [0; 16],
            waits: false,
            dialed: true,
        });
        let wants = ids();
        let mine = wants_digest(wants.iter());
        node.say(&Message::Hello(hello(mine)));
        node.say(&Message::Wants(Wants {
            whole: true,
            digest: Some(mine),
            added: wants,
            removed: Vec::new(),
        }));
        // So that it tells its heads, and what its numbers mean is known.
        node.say(&Message::Buckets {
            bits: 8,
            prints: vec![[3; 8]; 256],
        });
        let (last, feeds) = (true, Vec::new());
        node.say(&Message::Heads { last, feeds });
        assert_eq!(node.ended, None);
        node
    }

    fn input(&mut self, input: Input<SimPeer>) {
        self.swarm.handle(0, input);
        while let Some(output) = self.swarm.poll() {
            match output {
                Output::Send { frame, .. } => self.handed_out += size(&frame),
                Output::Take { run, .. } => self.handed_out += size(&run),
                Output::Remember { memory, .. } => self.remembered += memory.len(),
                Output::Close { error, .. } => {
                    self.ended = Some(error.to_string());
                    self.handed_out = 0;
                }
                _ => {}
            }
        }
    }

    fn say(&mut self, message: &Message) {
        let bytes = message.encode();
        self.said += bytes.len();
        let clock = 0;
        self.input(Input::Frame {
            peer: THEM,
            bytes,
            clock,
        });
    }
}

fn size(bytes: &Bytes) -> i64 {
    i64::try_from(bytes.len()).unwrap()
}

/// Says what `next` gives until it was enough, and looks at what that costs.
fn flood(name: &str, next: impl FnMut(u64) -> Message) -> Node {
    flood_for(20_000, name, next)
}

/// The same for so many messages at the most.
fn flood_for(turns: u64, name: &str, mut next: impl FnMut(u64) -> Message) -> Node {
    let mut node = Node::new();
    let mut most = 0;
    for turn in 0..turns {
        node.say(&next(turn));
        most = most.max(node.handed_out);
        if node.said > SAYS || node.ended.is_some() {
            break;
        }
    }
    let swarm = std::mem::replace(&mut node.swarm, Swarm::new(ME, 0, 0));
    let freed = allocation_counter::measure(|| drop(swarm)).bytes_current;
    println!(
        "{name}: {} bytes said, {} in the machine, {most} under way, {} to the disk, {:?}",
        node.said, -freed, node.remembered, node.ended
    );
    assert!(most - freed <= SESSION_BYTES, "{name}: {most} and {freed}");
    assert!(
        node.remembered <= 1024 * 1024,
        "{name}: {} bytes written",
        node.remembered
    );
    node
}

fn device(number: u64) -> DeviceId {
    let mut device = [1; 32];
    device[..8].copy_from_slice(&number.to_be_bytes());
    DeviceId::from_bytes(device)
}

fn heads(id: Hash16, logs: Vec<LogHead>) -> Message {
    let feeds = vec![FeedHeads {
        id,
        statements: [0; 8],
        logs,
    }];
    Message::Heads { last: false, feeds }
}

fn new_log(number: u64) -> LogHead {
    LogHead {
        name: LogName::New(device(number), lanes::POSTS),
        head: Some((Seq(9), [1; 8])),
        forked: None,
    }
}

fn new_logs(turn: u64) -> Vec<LogHead> {
    (0..500).map(|n| new_log(turn * 500 + n)).collect()
}

/// One message less than ends the session.
const NEARLY: u64 = 524;

#[test]
fn logs_without_end_of_feeds_that_nobody_wants() {
    flood_for(NEARLY, "nearly", |turn| heads([9; 16], new_logs(turn)));
    let node = flood("logs of nobody", |turn| heads([9; 16], new_logs(turn)));
    assert!(node.ended.unwrap().contains("more than 262144 logs"));
}

#[test]
fn logs_without_end_of_feeds_that_both_want() {
    let ids = ids();
    let one = |turn: u64| ids[usize::try_from(turn).unwrap() % ids.len()];
    flood_for(NEARLY, "nearly", |turn| heads(one(turn), new_logs(turn)));
    let node = flood("logs", |turn| heads(one(turn), new_logs(turn)));
    assert!(node.ended.unwrap().contains("more than 262144 logs"));
}

#[test]
fn pushes_of_logs_without_end() {
    let ids = ids();
    flood("pushes", |turn| Message::Push {
        name: PushName::New(
            ids[usize::try_from(turn).unwrap() % ids.len()],
            device(turn),
            lanes::POSTS,
        ),
        run: run(0, 1),
    });
}

#[test]
fn want_lists_that_change_without_end() {
    flood("wants", |turn| {
        let mut added = ids();
        added.extend((0..8_000u64).map(|n| {
            let mut id = [0xff; 16];
            id[8..].copy_from_slice(&(turn * 8_000 + n).to_be_bytes());
            id
        }));
        let digest = Some(wants_digest(added.iter()));
        Message::Wants(Wants {
            whole: true,
            digest,
            added,
            removed: Vec::new(),
        })
    });
}

#[test]
fn a_want_list_without_end() {
    let node = flood("one list", |turn| {
        let id = |n: u64| {
            let mut id = [0xff; 16];
            id[8..].copy_from_slice(&(turn * 8_000 + n).to_be_bytes());
            id
        };
        Message::Wants(Wants {
            whole: false,
            digest: None,
            added: (0..8_000).map(id).collect(),
            removed: Vec::new(),
        })
    });
    assert!(node.ended.unwrap().contains("more than 65536 feeds"));
}

#[test]
fn questions_for_the_same_heads_again_and_again() {
    let ids = ids();
    // All in one message, of one feed, and of all.
    flood("one feed's heads", |request| Message::Ask {
        request,
        ids: vec![ids[0]; 8_000],
    });
    let all = ids.iter().cycle().take(8_000);
    let all: Vec<Hash16> = all.copied().collect();
    flood("all heads", |request| Message::Ask {
        request,
        ids: all.clone(),
    });
}

#[test]
fn holes_said_to_be_filled_again_and_again() {
    flood("filled", |filled| Message::Now {
        print: [7; 16],
        theirs: None,
        filled: filled + 2,
        asks: true,
        answers: false,
    });
}

#[test]
fn heads_that_move_without_end() {
    let ids = ids();
    flood("heads", |turn| {
        let mut log = new_log(turn % 4_000);
        log.head = Some((Seq(u64::MAX - turn), [1; 8]));
        heads(ids[0], vec![log])
    });
}

#[test]
fn digests_of_statements_that_change_without_end() {
    let ids = ids();
    flood("statements", |turn| {
        let feeds = ids.iter().map(|id| FeedHeads {
            id: *id,
            statements: (turn + 5).to_be_bytes(),
            logs: Vec::new(),
        });
        let feeds = feeds.collect();
        Message::Heads { last: false, feeds }
    });
}

#[test]
fn requests_without_end() {
    let item = RunRequest {
        alias: 0,
        start: Seq(0),
        count: 64,
        next_held: false,
    };
    let node = flood("requests", |turn| Message::Requests {
        first: turn * 100,
        items: vec![item; 100],
    });
    assert!(node.ended.unwrap().contains("more than 1024 requests"));
    let wanted = || (0..4).rev().map(|seq| (Seq(seq), EntryId::ZERO)).collect();
    flood("bodies", |request| Message::BodiesRequest {
        request,
        alias: 0,
        wanted: wanted(),
    });
    let ids = ids();
    flood("requests for statements", |request| {
        Message::StatementsRequest {
            request,
            id: ids[0],
        }
    });
    flood("requests for proofs", |request| Message::ProofRequest {
        request,
        alias: 0,
    });
}

#[test]
fn small_messages_without_end() {
    flood("questions for wants", |_| Message::WantsAsk);
    flood("buckets", |_| Message::Buckets {
        bits: 8,
        prints: vec![[3; 8]; 256],
    });
    flood("fingerprints", |turn| {
        let mut print = [0; 16];
        print[..8].copy_from_slice(&turn.to_be_bytes());
        Message::Now {
            print,
            theirs: None,
            filled: 0,
            asks: true,
            answers: true,
        }
    });
    flood("echoes", |_| Message::Echo { answers: false });
    flood("entries pushed to one log", |turn| Message::Push {
        name: match turn {
            0 => PushName::New(ids()[0], device(1), lanes::POSTS),
            _ => PushName::Known(0),
        },
        run: long_run(turn),
    });
}

/// One entry of 60,000 bytes, as far as its length and place go.
fn long_run(turn: u64) -> Bytes {
    let mut w = crate::format::Writer::default();
    w.u8(1);
    w.varint(turn * 2);
    w.varint(1);
    w.raw(&[0; 60_000]);
    w.0.into()
}
