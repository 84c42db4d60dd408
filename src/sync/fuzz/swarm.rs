//! A node put to whatever peers may say, in any order, with its own life going on beside it.
//!
//! The fuzzer's bytes are a row of events: messages well-formed or not, connections that come and go, own posts, feeds
//! followed and left, a disk that is slow, out of order or full, time that passes. At the end everyone hostile is gone and
//! an honest peer comes: whatever happened before, the two must agree.

use std::collections::{BTreeMap, VecDeque};
use std::sync::LazyLock;

use bytes::Bytes;

use super::super::event::{Input, Millis, Output};
use super::super::limits::{BODIES_PER_REQUEST, OUTGOING_BYTES, READS};
use super::super::memory::Memory;
use super::super::message::Message;
use super::super::sim::store::SimStore;
use super::super::sim::{SimPeer, feed, log};
use super::super::swarm::Swarm;
use super::made::Known;
use crate::format::fuzz::Choices;
use crate::format::{FeedId, LogId, Seq, limits};

const ME: SimPeer = SimPeer(0);
const HONEST: SimPeer = SimPeer(7);
/// Those who may do anything.
const HOSTILE: usize = 2;
const FEEDS: u32 = 3;
/// Events of one input.
const EVENTS: usize = 600;

/// A node: its machine and its disk.
struct Node {
    now: Millis,
    swarm: Swarm<SimPeer>,
    store: SimStore,
    arrivals: Vec<(LogId, Seq)>,
    /// What the disk was asked for and has not done.
    jobs: VecDeque<Output<SimPeer>>,
    /// Bytes on their way out, by peer; whoever is in it is connected.
    queued: BTreeMap<SimPeer, usize>,
    memories: BTreeMap<SimPeer, Bytes>,
    /// Frames that nobody has got yet.
    out: VecDeque<(SimPeer, Bytes)>,
}

impl Node {
    fn new(me: SimPeer, store: SimStore) -> Self {
        let mut node = Self {
            now: 0,
            swarm: Swarm::new(me, store.arrival, store.filled),
            store,
            arrivals: Vec::new(),
            jobs: VecDeque::new(),
            queued: BTreeMap::new(),
            memories: BTreeMap::new(),
            out: VecDeque::new(),
        };
        for number in 0..FEEDS {
            node.follow(feed(number));
        }
        node
    }

    fn follow(&mut self, feed: FeedId) {
        self.store.follows.insert(feed);
        let replica = self.store.replica(&feed);
        self.input(Input::Feed { feed, replica });
    }

    fn leave(&mut self, feed: FeedId) {
        self.store.follows.remove(&feed);
        self.input(Input::FeedGone { feed });
    }

    fn connect(&mut self, peer: SimPeer, memory: Option<Bytes>) {
        self.out.retain(|(to, _)| *to != peer);
        self.queued.insert(peer, 0);
        self.input(Input::Connected {
            peer,
            memory,
            clock: 0,
            proof: [0; 16],
            waits: false,
            dialed: peer != ME,
        });
    }

    fn disconnect(&mut self, peer: SimPeer) {
        self.queued.remove(&peer);
        self.input(Input::Disconnected { peer });
    }

    fn frame(&mut self, peer: SimPeer, bytes: Bytes) {
        self.input(Input::Frame {
            peer,
            bytes,
            clock: 0,
        });
    }

    /// The first frame that waits for a peer; the network takes it.
    fn next_frame(&mut self, peer: SimPeer) -> Option<Bytes> {
        let at = self.out.iter().position(|(to, _)| *to == peer)?;
        let (_, frame) = self.out.remove(at)?;
        self.sent(peer, frame.len());
        Some(frame)
    }

    /// The network takes what waits for a peer.
    fn sent(&mut self, peer: SimPeer, bytes: usize) {
        if let Some(queued) = self.queued.get_mut(&peer) {
            let bytes = bytes.min(*queued);
            *queued -= bytes;
            self.input(Input::Sent { peer, bytes });
        }
    }

    fn append(&mut self, log: LogId, body: &[u8]) {
        self.store.admit(log.feed, log.device);
        let (digest, arrival) = (self.store.digest(&log.feed), self.store.arrival);
        self.input(Input::StatementsChanged {
            feed: log.feed,
            digest,
            arrival,
        });
        let (seq, run) = self.store.append(log, Bytes::copy_from_slice(body));
        let Some(head) = self.store.head(&log) else {
            return;
        };
        let arrival = self.store.arrival;
        self.input(Input::Stored {
            log,
            range: seq..seq.next(),
            head,
            run: Some(run),
            missing: Vec::new(),
            arrival,
        });
    }

    /// Does one of the things the disk was asked for.
    fn work(&mut self, which: usize) {
        let at = which.checked_rem(self.jobs.len()).unwrap_or(0);
        let Some(job) = self.jobs.remove(at) else {
            return;
        };
        for input in self.store.carry_out(job, &mut self.arrivals) {
            self.input(input);
        }
    }

    fn tick(&mut self, millis: Millis) {
        self.now += millis;
        self.input(Input::Tick);
        let next = self.swarm.next_timer();
        assert!(
            next.is_none_or(|at| at > self.now),
            "a timer that is never over"
        );
    }

    fn input(&mut self, input: Input<SimPeer>) {
        self.swarm.handle(self.now, input);
        while let Some(output) = self.swarm.poll() {
            self.check(output);
        }
    }

    /// Nothing is asked for or told that must not be.
    fn check(&mut self, output: Output<SimPeer>) {
        match &output {
            Output::Send { peer, frame } => return self.send(*peer, frame),
            Output::Close { peer, error } => {
                assert!(!error.to_string().is_empty());
                assert!(
                    self.queued.remove(peer).is_some(),
                    "closed and not connected"
                );
                return;
            }
            Output::Remember { peer, memory } => {
                assert_eq!(Memory::decode(memory).encode(), memory.as_ref());
                self.memories.insert(*peer, memory.clone());
                return;
            }
            Output::Read { log, range, .. } => {
                self.is_served(log);
                assert!(range.start < range.end, "a read of nothing");
                assert!(
                    range.end <= range.start.block_end(),
                    "a read beyond its block"
                );
            }
            Output::ReadBodies { log, wanted, .. } => {
                self.is_served(log);
                assert!(!wanted.is_empty() && wanted.len() <= BODIES_PER_REQUEST);
            }
            Output::ReadProof { log, .. } => self.is_served(log),
            Output::Take { log, peer, .. }
            | Output::TakeBody { log, peer, .. }
            | Output::TakeProof { log, peer, .. } => {
                self.is_served(log);
                assert!(self.queued.contains_key(peer), "taken of a stranger");
            }
            Output::ReadStatements { feed, .. } | Output::TakeStatements { feed, .. } => {
                assert!(self.store.follows.contains(feed), "a feed that was left");
            }
            _ => return,
        }
        self.jobs.push_back(output);
    }

    fn is_served(&self, log: &LogId) {
        assert!(!log.lane.is_private(), "a private lane");
        assert!(
            self.store.follows.contains(&log.feed),
            "a feed that was left"
        );
    }

    fn send(&mut self, peer: SimPeer, frame: &Bytes) {
        assert!(frame.len() <= limits::FRAME_BYTES, "a frame too large");
        let message = Message::decode(frame);
        let again = message.unwrap_or_else(|error| panic!("{error}")).encode();
        assert_eq!(again, frame, "written otherwise");
        let queued = self.queued.get_mut(&peer);
        let queued = queued.unwrap_or_else(|| panic!("sent to nobody"));
        *queued += frame.len();
        let most = OUTGOING_BYTES + (READS + 2) * limits::FRAME_BYTES;
        assert!(*queued <= most, "a queue without bound");
        self.out.push_back((peer, frame.clone()));
    }
}

/// The logs of this small world; the last is private.
fn logs() -> Vec<LogId> {
    let lanes = ["posts", "state", "posts", "~own"];
    let all = (0..FEEDS).flat_map(|number| {
        (1u8..)
            .zip(lanes)
            .map(move |(device, lane)| log(number, device % 3, lane))
    });
    all.collect()
}

/// A store that holds some of every log: the more the larger the number.
fn store(entries: u64, private: bool) -> SimStore {
    let mut store = SimStore::default();
    for (log, entries) in logs()
        .into_iter()
        .zip([1, 2, 3, 1, 0, 1].map(|n| n * entries).iter().cycle())
    {
        if log.lane.is_private() && !private {
            continue;
        }
        store.admit(log.feed, log.device);
        for n in 0..*entries {
            store.append(log, Bytes::copy_from_slice(&n.to_be_bytes()));
        }
    }
    store
}

/// What the others hold. Most of the time of an input would go into making it anew.
static THEIRS: LazyLock<SimStore> = LazyLock::new(|| store(60, false));
static HONEST_HOLDS: LazyLock<SimStore> = LazyLock::new(|| store(50, false));

/// A peer that speaks the protocol, and whose words the fuzzer changes on their way.
struct Hostile {
    name: SimPeer,
    brain: Node,
    known: Known,
}

impl Hostile {
    fn new(number: usize, node: &Node) -> Self {
        let name = SimPeer(u32::try_from(1 + number).unwrap_or(1));
        let feeds: Vec<FeedId> = (0..FEEDS).map(feed).collect();
        // It has more to offer, all of it genuine: only order and framing are its own.
        let store = THEIRS.clone();
        let known = Known {
            ids: feeds
                .iter()
                .map(|feed| node.swarm.blind(name, feed))
                .collect(),
            feeds,
            logs: logs(),
            store: store.clone(),
        };
        let brain = Node::new(name, store);
        Self { name, brain, known }
    }

    fn connect(&mut self, node: &mut Node, memory: Option<Bytes>) {
        self.brain.disconnect(ME);
        node.disconnect(self.name);
        node.connect(self.name, memory);
        self.brain.connect(ME, None);
    }

    /// Hears a few frames, thinks, and says one as it is, changed, twice, or not at all.
    fn speak(&mut self, node: &mut Node, from: &mut Choices<'_>) {
        if !node.queued.contains_key(&self.name) || !self.brain.queued.contains_key(&ME) {
            self.connect(node, None);
        }
        for _ in 0..from.below(4) {
            if let Some(frame) = node.next_frame(self.name) {
                self.brain.frame(ME, frame);
            }
        }
        for _ in 0..from.below(4) {
            self.brain.work(0);
        }
        let Some(frame) = self.brain.next_frame(ME) else {
            return;
        };
        match from.below(30) {
            0 => {}
            1 => {
                node.frame(self.name, frame.clone());
                node.frame(self.name, frame);
            }
            2 => {
                let mut bytes = frame.to_vec();
                let at = usize::from(from.byte()) << 4 | usize::from(from.byte());
                let at = at.checked_rem(bytes.len()).unwrap_or(0);
                if let Some(byte) = bytes.get_mut(at) {
                    *byte = from.byte();
                }
                node.frame(self.name, bytes.into());
            }
            3 => {
                // In front of its time.
                let message = self.known.message(from).encode();
                node.frame(self.name, message);
                node.frame(self.name, frame);
            }
            _ => node.frame(self.name, frame),
        }
    }
}

pub(crate) fn swarm(bytes: &[u8]) {
    let mut from = Choices::new(bytes);
    let held = u64::from(from.byte() % 40);
    let mut node = Node::new(ME, store(held, true));
    let mut hostile: Vec<Hostile> = (0..HOSTILE)
        .map(|number| Hostile::new(number, &node))
        .collect();
    for _ in 0..EVENTS {
        if from.is_over() {
            break;
        }
        let which = from.below(HOSTILE);
        if let Some(peer) = hostile.get_mut(which) {
            event(&mut node, peer, &mut from);
        }
    }
    for peer in hostile {
        node.disconnect(peer.name);
    }
    reconcile(node);
}

fn event(node: &mut Node, peer: &mut Hostile, from: &mut Choices<'_>) {
    match from.below(40) {
        0 | 1 => {
            let memory = match from.below(3) {
                0 => None,
                1 => Some(Bytes::copy_from_slice(from.bytes(200))),
                _ => node.memories.get(&peer.name).cloned(),
            };
            peer.connect(node, memory);
        }
        2 => node.disconnect(peer.name),
        3 => node.frame(peer.name, Bytes::copy_from_slice(from.bytes(2_000))),
        4 => node.frame(peer.name, peer.known.message(from).encode()),
        5 | 6 => {
            // Logs of its own: two who append to one log make a fork, and then agree on less.
            let lane = ["posts", "state", "~own"].get(from.below(3));
            node.append(
                log(a_feed(from), 5, lane.unwrap_or(&"posts")),
                from.bytes(40),
            );
        }
        7 => node.leave(feed(a_feed(from))),
        8 | 9 => node.follow(feed(a_feed(from))),
        10 => node.input(Input::Settle { peer: peer.name }),
        11 => node.tick(from.number() % 40_000),
        12 => peer.brain.tick(from.number() % 4_000),
        13 => node.store.full = from.below(4) == 0,
        14..=21 => node.work(from.below(256)),
        _ => peer.speak(node, from),
    }
}

fn a_feed(from: &mut Choices<'_>) -> u32 {
    u32::from(from.byte()) % FEEDS
}

/// Everyone hostile goes, the disk works, an honest peer with more of everything comes, and the two agree.
fn reconcile(mut node: Node) {
    node.store.full = false;
    for number in 0..FEEDS {
        node.follow(feed(number));
    }
    let mut other = Node::new(HONEST, HONEST_HOLDS.clone());
    node.connect(HONEST, None);
    other.connect(ME, None);
    for _ in 0..20_000 {
        if !step(&mut node, &mut other) {
            break;
        }
    }
    for log in logs().iter().filter(|log| !log.lane.is_private()) {
        let (one, two) = (places(&node.store, log), places(&other.store, log));
        assert_eq!(one, two, "what the two hold of {log:?}");
    }
    assert!(
        node.queued.contains_key(&HONEST),
        "an honest peer was sent away"
    );
}

/// One thing that is due; false if nothing is.
fn step(node: &mut Node, other: &mut Node) -> bool {
    if !node.jobs.is_empty() || !other.jobs.is_empty() {
        node.work(0);
        other.work(0);
        return true;
    }
    let (there, back) = (node.next_frame(HONEST), other.next_frame(ME));
    if there.is_some() || back.is_some() {
        if let Some(frame) = there {
            other.frame(ME, frame);
        }
        if let Some(frame) = back {
            node.frame(HONEST, frame);
        }
        return true;
    }
    let mut ticked = false;
    for node in [node, other] {
        if let Some(at) = node.swarm.next_timer() {
            node.tick(at.saturating_sub(node.now));
            ticked = true;
        }
    }
    ticked
}

fn places(store: &SimStore, log: &LogId) -> Vec<(u64, [u8; 32])> {
    let entries = store.logs.get(log).into_iter().flat_map(|log| &log.entries);
    entries
        .map(|(seq, entry)| (*seq, *entry.id.as_bytes()))
        .collect()
}
