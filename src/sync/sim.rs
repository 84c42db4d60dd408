//! A simulated network: many nodes, virtual time, seeds.
//!
//! Everything that happens follows from the seed and the calls made, so a failing run can be had again. Stores are
//! plain maps; runs are modelled, not signed.

mod disk;
mod lies;
mod links;
mod look;
mod names;
mod network;
mod settled;
pub(super) mod store;

use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;

use self::lies::Liar;
pub use self::lies::{Fate, Lie};
pub use self::names::{Prng, Sending, SimPeer, feed, log};
use self::store::{SimStore, statement};
use super::{Head, Input, Millis, Output, PeerError, Swarm};
use crate::format::{FeedId, LogId, Seq};

#[derive(Debug)]
struct SimNode {
    swarm: Swarm<SimPeer>,
    store: SimStore,
    memories: BTreeMap<u32, Bytes>,
    /// Frames on their way to the network, a peer.
    queued: BTreeMap<u32, usize>,
    errors: Vec<(u32, PeerError)>,
    caught_up: BTreeMap<u32, Millis>,
    agreed: BTreeMap<u32, Millis>,
    clock: i64,
    clock_differs: Vec<u32>,
    /// Order in which entries were stored.
    arrivals: Vec<(LogId, Seq)>,
    /// What the disk is asked for and has not begun, where it takes its time.
    jobs: Vec<Output<SimPeer>>,
    /// It does not say what it thinks.
    liar: Option<Liar>,
    /// It is suspended: nothing reaches it, and its timers are not looked at. Who had it as a peer when it fell asleep.
    asleep: Option<Vec<u32>>,
}

/// The machine of a node that was ended: how much memory it held, its dropping tells.
#[derive(Debug)]
pub struct Machine {
    _swarm: Swarm<SimPeer>,
}

#[derive(Debug, Clone, Copy)]
struct Link {
    session: u64,
    latency: Millis,
    /// Bytes a millisecond; no bound if 0.
    rate: u64,
    /// How many bytes could have left in each direction when the last frame has.
    busy: [u64; 2],
    /// The node that was dialed and says its hello once it has heard the other's.
    listening: Option<u32>,
    /// Ways in which nothing comes any more, though nothing says so.
    dead: [bool; 2],
}

#[derive(Debug)]
enum Event {
    Frame {
        from: u32,
        to: u32,
        session: u64,
        frame: Bytes,
    },
    Sent {
        from: u32,
        to: u32,
        session: u64,
        bytes: usize,
    },
    /// The disk of a node does some of what it was asked for.
    Disk { id: u32 },
    /// A node hears what became of something.
    Answer { id: u32, answer: Input<SimPeer> },
}

/// A network of simulated nodes.
#[derive(Debug)]
pub struct Sim {
    now: Millis,
    /// Numbers for tests that choose at random.
    pub random: Prng,
    nodes: Vec<SimNode>,
    links: BTreeMap<(u32, u32), Link>,
    events: BTreeMap<(Millis, u64), Event>,
    next_event: u64,
    next_session: u64,
    sent: Vec<Sending>,
    largest_queue: usize,
    slow_disks: Millis,
}

impl Sim {
    /// A network without nodes.
    pub fn new(seed: u64) -> Self {
        Self {
            now: 0,
            random: Prng::new(seed),
            nodes: Vec::new(),
            links: BTreeMap::new(),
            events: BTreeMap::new(),
            next_event: 0,
            next_session: 0,
            sent: Vec::new(),
            largest_queue: 0,
            slow_disks: 0,
        }
    }

    /// From now on every disk takes up to so long, does what it was asked for in any order and in groups, and says of a
    /// whole group what changed before it says what became of each part: as threads and grouped commits do.
    pub const fn set_slow_disks(&mut self, at_most: Millis) {
        self.slow_disks = at_most;
    }

    /// The virtual time.
    pub const fn now(&self) -> Millis {
        self.now
    }

    /// Adds a node and gives its number.
    pub fn add(&mut self) -> u32 {
        let id = u32::try_from(self.nodes.len()).unwrap_or(u32::MAX);
        self.nodes.push(SimNode {
            swarm: Swarm::new(SimPeer(id), 0, 0),
            store: SimStore::default(),
            memories: BTreeMap::new(),
            queued: BTreeMap::new(),
            errors: Vec::new(),
            caught_up: BTreeMap::new(),
            agreed: BTreeMap::new(),
            clock: 1_800_000_000_000,
            clock_differs: Vec::new(),
            arrivals: Vec::new(),
            jobs: Vec::new(),
            liar: None,
            asleep: None,
        });
        id
    }

    fn node(&self, id: u32) -> &SimNode {
        let node = usize::try_from(id).ok().and_then(|id| self.nodes.get(id));
        node.unwrap_or_else(|| panic!("there is no node {id}"))
    }

    fn node_mut(&mut self, id: u32) -> &mut SimNode {
        let node = usize::try_from(id)
            .ok()
            .and_then(|id| self.nodes.get_mut(id));
        node.unwrap_or_else(|| panic!("there is no node {id}"))
    }

    /// Lets a node follow (and serve) a feed.
    pub fn follow(&mut self, id: u32, feed: FeedId) {
        let node = self.node_mut(id);
        node.store.follows.insert(feed);
        let replica = node.store.replica(&feed);
        self.input(id, Input::Feed { feed, replica });
    }

    /// Lets a node leave a feed.
    pub fn unfollow(&mut self, id: u32, feed: FeedId) {
        self.node_mut(id).store.follows.remove(&feed);
        self.input(id, Input::FeedGone { feed });
    }

    /// Appends an entry at a node, whose device is admitted first if it is not.
    pub fn append(&mut self, id: u32, log: LogId, bytes: usize) -> Seq {
        self.admit(id, log);
        let mut body = vec![b'x'; bytes];
        for byte in body.iter_mut().take(8) {
            *byte = self.random.below(256).to_le_bytes()[0];
        }
        let node = self.node_mut(id);
        let (seq, run) = node.store.append(log, body.into());
        let arrival = node.store.arrival;
        let head = node
            .store
            .head(&log)
            .unwrap_or_else(|| panic!("{log:?} has no head"));
        node.arrivals.push((log, seq));
        let range = seq..seq.next();
        self.input(
            id,
            Input::Stored {
                log,
                range,
                head,
                run: Some(run),
                missing: Vec::new(),
                arrival,
            },
        );
        seq
    }

    /// Lets a node know a statement that admits the device of a log.
    pub fn admit(&mut self, id: u32, log: LogId) {
        let node = self.node_mut(id);
        let known = node
            .store
            .statements
            .get(&log.feed)
            .is_some_and(|all| all.contains(&statement(&log.feed, &log.device)));
        if known {
            return;
        }
        node.store.admit(log.feed, log.device);
        let (digest, arrival) = (node.store.digest(&log.feed), node.store.arrival);
        self.input(
            id,
            Input::StatementsChanged {
                feed: log.feed,
                digest,
                arrival,
            },
        );
    }

    /// Lets a node know of a statement that ends a log with the entry that another node holds at a place: that settles which
    /// branch of a fork is the true one.
    pub fn end_log(&mut self, id: u32, log: LogId, of: u32, seq: Seq) {
        let entry = self.node(of).store.logs.get(&log);
        let entry = entry.and_then(|log| log.entries.get(&seq.0));
        let end = entry.map(|entry| Head { seq, id: entry.id });
        let end = end.unwrap_or_else(|| panic!("{log:?} is not held up to {seq:?}"));
        let store = &mut self.node_mut(id).store;
        store.settle(log, end);
        let (feed, replica) = (log.feed, store.replica(&log.feed));
        self.input(id, Input::Feed { feed, replica });
    }

    /// Gives a node entries as if they had come before the simulation: nothing is passed on.
    pub fn preload(&mut self, id: u32, log: LogId, count: u64, bytes: usize) {
        let node = self.node_mut(id);
        node.store.admit(log.feed, log.device);
        for n in 0..count {
            let mut body = vec![b'x'; bytes];
            for (byte, seed) in body.iter_mut().zip(n.to_le_bytes()) {
                *byte = seed;
            }
            node.store.append(log, body.into());
        }
    }

    /// The same for one entry at any place, which follows nothing that anybody holds.
    pub fn preload_at(&mut self, id: u32, log: LogId, seq: Seq, bytes: usize) {
        let node = self.node_mut(id);
        node.store.admit(log.feed, log.device);
        node.store.append_at(log, seq, vec![b'x'; bytes].into());
    }

    /// Drops all but some places of a log from a node's store; only before the feed is followed.
    pub fn keep_only(&mut self, id: u32, log: LogId, keep: impl Fn(u64) -> bool) {
        if let Some(log) = self.node_mut(id).store.logs.get_mut(&log) {
            log.entries.retain(|seq, _| keep(*seq));
        }
    }

    /// Removes all of a feed that a node left.
    pub fn forget(&mut self, id: u32, feed: FeedId) {
        let store = &mut self.node_mut(id).store;
        store.logs.retain(|log, _| log.feed != feed);
        store.statements.remove(&feed);
    }

    /// Copies a node's whole store to another: a restored backup, or a device that was synced before.
    pub fn copy_store(&mut self, from: u32, to: u32) {
        let store = self.node(from).store.clone();
        self.node_mut(to).store = store;
        self.restart(to, true);
    }

    /// From now on a node tells lies of these: one time in so many that it could, so often at the most.
    pub fn make_liar(&mut self, id: u32, lies: &[Lie], one_in: u64, most: u64) {
        let seed = self.random.below(u64::MAX);
        self.node_mut(id).liar = Some(Liar::new(lies, one_in, most, seed));
    }

    /// Ends a node's machine and begins another over the same store; its connections are gone. Gives the old one.
    pub fn restart(&mut self, id: u32, keep_memory: bool) -> Machine {
        let cut: Vec<(u32, u32)> = self
            .links
            .keys()
            .filter(|(a, b)| *a == id || *b == id)
            .copied()
            .collect();
        for (a, b) in cut {
            let other = if a == id { b } else { a };
            self.links.remove(&(a, b));
            self.input(other, Input::Disconnected { peer: SimPeer(id) });
        }
        let node = self.node_mut(id);
        if !keep_memory {
            node.memories.clear();
        }
        node.queued.clear();
        node.jobs.clear();
        node.asleep = None;
        let fresh = Swarm::new(SimPeer(id), node.store.arrival, node.store.filled);
        let swarm = std::mem::replace(&mut node.swarm, fresh);
        self.events
            .retain(|_, event| !matches!(event, Event::Answer { id: of, .. } if *of == id));
        let node = self.node(id);
        let follows: Vec<FeedId> = node.store.follows.iter().copied().collect();
        for feed in follows {
            self.follow(id, feed);
        }
        Machine { _swarm: swarm }
    }

    /// Suspends a node: its peers lose it, and it does not know.
    ///
    /// # Panics
    ///
    /// If it sleeps already.
    pub fn suspend(&mut self, id: u32) {
        assert!(!self.is_asleep(id), "it sleeps already");
        let ends = self.links.keys().copied();
        let others = ends.filter_map(|(a, b)| match (a == id, b == id) {
            (true, _) => Some(b),
            (_, true) => Some(a),
            _ => None,
        });
        let others: Vec<u32> = others.collect();
        self.node_mut(id).asleep = Some(others.clone());
        for other in others {
            self.links.remove(&(id.min(other), id.max(other)));
            self.input(other, Input::Disconnected { peer: SimPeer(id) });
        }
    }

    /// Lets a node that was suspended go on, at whatever time it is now: its timers are due all at once, and only then does
    /// it learn that its connections are gone.
    pub fn resume(&mut self, id: u32) {
        let Some(lost) = self.node_mut(id).asleep.take() else {
            return;
        };
        self.input(id, Input::Tick);
        for other in lost {
            if !self.is_connected(id, other) {
                self.input(
                    id,
                    Input::Disconnected {
                        peer: SimPeer(other),
                    },
                );
            }
        }
        if !self.node(id).jobs.is_empty() {
            self.later(Event::Disk { id });
        }
    }

    /// Whether a node is suspended.
    pub fn is_asleep(&self, id: u32) -> bool {
        self.node(id).asleep.is_some()
    }

    /// Sets how far a node's wall clock is ahead.
    pub fn set_clock(&mut self, id: u32, ahead: i64) {
        self.node_mut(id).clock += ahead;
    }

    /// Lets every take of a node fail, or no more.
    pub fn set_disk_full(&mut self, id: u32, full: bool) {
        self.node_mut(id).store.full = full;
    }

    /// Lets a node find out whether it and another hold the same; see [`agreed`](Self::agreed).
    pub fn settle(&mut self, id: u32, peer: u32) {
        self.node_mut(id).agreed.remove(&peer);
        self.input(
            id,
            Input::Settle {
                peer: SimPeer(peer),
            },
        );
    }

    fn input(&mut self, id: u32, input: Input<SimPeer>) {
        let now = self.now;
        let node = self.node_mut(id);
        node.swarm.handle(now, input);
        let mut answers = VecDeque::new();
        while let Some(output) = self.node_mut(id).swarm.poll() {
            self.carry_out(id, output, &mut answers);
            while let Some(answer) = answers.pop_front() {
                self.node_mut(id).swarm.handle(now, answer);
            }
        }
    }

    fn carry_out(
        &mut self,
        id: u32,
        output: Output<SimPeer>,
        inputs: &mut VecDeque<Input<SimPeer>>,
    ) {
        let now = self.now;
        match output {
            Output::Send { peer, frame } => return self.transmit(id, peer.0, frame),
            Output::Close { peer, error } => {
                self.node_mut(id).errors.push((peer.0, error));
                if self
                    .links
                    .remove(&(id.min(peer.0), id.max(peer.0)))
                    .is_some()
                {
                    self.input(peer.0, Input::Disconnected { peer: SimPeer(id) });
                }
                return;
            }
            _ => {}
        }
        let slow = self.slow_disks > 0;
        let node = self.node_mut(id);
        match output {
            Output::Remember { peer, memory } => {
                node.memories.insert(peer.0, memory);
            }
            Output::CaughtUp { peer } => {
                node.caught_up.insert(peer.0, now);
            }
            Output::ClockDiffers { peer, .. } => node.clock_differs.push(peer.0),
            Output::Agreed { peer } => {
                node.agreed.insert(peer.0, now);
            }
            Output::Behind { .. } => {}
            job if slow => {
                node.jobs.push(job);
                self.later(Event::Disk { id });
            }
            job => inputs.extend(node.store.carry_out(job, &mut node.arrivals)),
        }
    }

    /// Lets something happen after some time that a slow disk may take.
    fn later(&mut self, event: Event) {
        let at = self.now + self.random.below(self.slow_disks + 1);
        self.next_event += 2;
        self.events.insert((at, self.next_event), event);
    }

    /// A slow disk does some of what it was asked for, in any order, and commits it as one.
    fn disk(&mut self, id: u32) {
        if self.is_asleep(id) {
            return;
        }
        let mut group = Vec::new();
        for _ in 0..=self.random.below(3) {
            let jobs = self.node(id).jobs.len();
            let place = self.random.below(jobs as u64);
            let jobs = &mut self.node_mut(id).jobs;
            if let Some(place) = usize::try_from(place).ok().filter(|at| *at < jobs.len()) {
                group.push(jobs.swap_remove(place));
            }
        }
        let node = self.node_mut(id);
        let (mut notes, mut answers) = (Vec::new(), Vec::new());
        for job in group {
            for input in node.store.carry_out(job, &mut node.arrivals) {
                match input {
                    Input::Taken { .. } | Input::ReadDone { .. } => answers.push(input),
                    note => notes.push(note),
                }
            }
        }
        if !self.node(id).jobs.is_empty() {
            self.later(Event::Disk { id });
        }
        for note in notes {
            self.input(id, note);
        }
        for answer in answers {
            self.later(Event::Answer { id, answer });
        }
    }

    /// Lets the next thing happen; `false` if nothing waits any more.
    pub fn run_on(&mut self) -> bool {
        self.step(self.now + 3_600_000)
    }

    /// Lets so much time pass.
    pub fn run_for(&mut self, millis: Millis) {
        let until = self.now + millis;
        while self.step(until) {}
        self.now = until;
    }

    /// Runs until nothing waits any more, neither frames nor timers.
    ///
    /// # Panics
    ///
    /// If that is not so after an hour of virtual time or a million events: something goes round in circles.
    pub fn run_until_idle(&mut self) {
        let until = self.now + 3_600_000;
        for _ in 0..1_000_000 {
            if !self.step(until) {
                assert!(
                    self.events.is_empty(),
                    "frames are still under way after an hour"
                );
                return;
            }
        }
        panic!("a million events and no end");
    }
}
