//! Simulated worlds of real feed stores: honest nodes, and hostile ones that hold stolen keys and serve whatever they like.
//!
//! Everything is as in a node but the network, the disk and the clock: real keys and signatures, the store over memory,
//! the sync machine, and between them what carries the machine's jobs out in the engine too (`net::Carry`). Time is virtual
//! and all chance comes from one seed, so a life that fails can be had again. No part of the library's face.

mod counted;
mod hoard;
mod home;
mod look;
mod network;
mod pen;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use bytes::Bytes;

pub use self::hoard::Hoard;
use self::home::Home;
pub use self::look::Seen;
pub use self::pen::{Pen, delete, device_key, draft, edit, feed_key, post};
use crate::feeds::FeedsError;
use crate::format::{DeviceId, DeviceSecret, Draft, EntryRef, FeedId, Lane, Statement, Timestamp};
pub use crate::sync::sim::Prng;
use crate::sync::sim::SimPeer;
use crate::sync::{Input, Millis, PeerError, Swarm};

/// What the clocks of a world show when it begins.
pub const BEGUN: i64 = 1_800_000_000_000;

/// The value of what cannot fail in a world without a disk.
#[track_caller]
pub(crate) fn sure<T, E: fmt::Debug>(made: Result<T, E>) -> T {
    made.unwrap_or_else(|error| panic!("{error:?}"))
}

/// What answers a node's machine.
enum Disk {
    Home(Box<Home>),
    Hoard(Hoard),
}

struct Node {
    swarm: Swarm<SimPeer>,
    disk: Disk,
    memories: BTreeMap<u32, Bytes>,
    /// Whom it named for breaking a rule, and which.
    errors: Vec<(u32, PeerError)>,
    /// How far its clock is ahead.
    ahead: i64,
}

/// The machine of a node that was ended: how much memory it held, its dropping tells.
#[derive(Debug)]
pub struct Machine {
    _swarm: Swarm<SimPeer>,
}

/// What a world has cost up to now.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "a record of a simulation")]
pub struct Costs {
    /// Frames between honest nodes, and between them and others.
    pub frames: u64,
    /// Their bytes.
    pub bytes: u64,
    /// The most rows that one write of an honest node read, visited, put or deleted.
    pub rows_a_write: u64,
}

/// Nodes, whom they look for, and what is under way.
pub struct World {
    now: Millis,
    /// Numbers for those who choose at random.
    pub random: Prng,
    nodes: Vec<Node>,
    /// Pairs that look for each other, and how long a frame takes between them.
    wanted_links: BTreeMap<(u32, u32), Millis>,
    /// Open sessions.
    links: BTreeMap<(u32, u32), u64>,
    /// Of these the ones in which the second was dialed and has heard nothing yet.
    listening: BTreeSet<(u32, u32)>,
    events: BTreeMap<(Millis, u64), network::Event>,
    next_event: u64,
    next_session: u64,
    sent: Costs,
}

impl World {
    /// A world without nodes.
    pub const fn new(seed: u64) -> Self {
        Self {
            now: 0,
            random: Prng::new(seed),
            nodes: Vec::new(),
            wanted_links: BTreeMap::new(),
            links: BTreeMap::new(),
            listening: BTreeSet::new(),
            events: BTreeMap::new(),
            next_event: 0,
            next_session: 0,
            sent: Costs {
                frames: 0,
                bytes: 0,
                rows_a_write: 0,
            },
        }
    }

    /// The virtual time.
    pub const fn now(&self) -> Millis {
        self.now
    }

    /// What a clock that is right shows.
    pub fn clock(&self) -> Timestamp {
        Timestamp(BEGUN).plus_millis(i64::try_from(self.now).unwrap_or(i64::MAX))
    }

    /// Adds an honest node: a device with a store of its own, whose own feed is `feed`.
    pub fn home(&mut self, feed: FeedId, device: DeviceSecret, statements: Vec<Statement>) -> u32 {
        let home = Home::new(feed, device, statements, self.clock());
        self.add(Disk::Home(Box::new(home)))
    }

    /// Adds a hostile node, which holds and serves what it is given and takes nothing.
    pub fn hoard(&mut self) -> u32 {
        self.add(Disk::Hoard(Hoard::default()))
    }

    fn add(&mut self, disk: Disk) -> u32 {
        let id = u32::try_from(self.nodes.len()).unwrap_or(u32::MAX);
        self.nodes.push(Node {
            swarm: Swarm::new(SimPeer(id), 0, 0),
            disk,
            memories: BTreeMap::new(),
            errors: Vec::new(),
            ahead: 0,
        });
        self.begin(id);
        id
    }

    fn node(&self, id: u32) -> &Node {
        let node = usize::try_from(id).ok().and_then(|id| self.nodes.get(id));
        node.unwrap_or_else(|| panic!("there is no node {id}"))
    }

    fn node_mut(&mut self, id: u32) -> &mut Node {
        let node = usize::try_from(id)
            .ok()
            .and_then(|id| self.nodes.get_mut(id));
        node.unwrap_or_else(|| panic!("there is no node {id}"))
    }

    fn home_of(&self, id: u32) -> &Home {
        match &self.node(id).disk {
            Disk::Home(home) => home,
            Disk::Hoard(_) => panic!("node {id} is no honest one"),
        }
    }

    /// Whether a node is one of the honest ones.
    pub fn is_honest(&self, id: u32) -> bool {
        matches!(self.node(id).disk, Disk::Home(_))
    }

    /// Sets how far a node's clock is ahead.
    pub fn set_clock(&mut self, id: u32, ahead: i64) {
        self.node_mut(id).ahead = ahead;
    }

    /// What a node's clock shows.
    pub fn clock_of(&self, id: u32) -> Timestamp {
        self.clock().plus_millis(self.node(id).ahead)
    }

    /// Gives a hostile node something, or takes it away; its machine begins anew, and its sessions with it.
    pub fn give(&mut self, id: u32, change: impl FnOnce(&mut Hoard)) {
        match &mut self.node_mut(id).disk {
            Disk::Hoard(hoard) => change(hoard),
            Disk::Home(_) => panic!("node {id} is an honest one"),
        }
        drop(self.restart(id));
    }

    /// Lets a node follow a feed.
    pub fn follow(&mut self, id: u32, feed: FeedId) {
        let now = self.clock_of(id);
        let inputs = sure(self.home_of(id).follow(feed, true, now));
        self.tell(id, inputs);
    }

    /// Lets a node leave a feed.
    pub fn unfollow(&mut self, id: u32, feed: FeedId) {
        let now = self.clock_of(id);
        let inputs = sure(self.home_of(id).follow(feed, false, now));
        self.tell(id, inputs);
    }

    /// Lets a node say statements of its own feed.
    pub fn say(&mut self, id: u32, statements: Vec<Statement>) {
        let now = self.clock_of(id);
        let inputs = sure(self.home_of(id).say(statements, now));
        self.tell(id, inputs);
    }

    /// Lets a node append to its own feed under its own key.
    ///
    /// # Errors
    ///
    /// What the store says: the key may not append, or not now.
    pub fn append(
        &mut self,
        id: u32,
        lane: Lane,
        drafts: &[Draft],
    ) -> Result<Vec<EntryRef>, FeedsError> {
        let now = self.clock_of(id);
        let (names, inputs) = self.home_of(id).append(lane, drafts, now)?;
        self.tell(id, inputs);
        Ok(names)
    }

    /// The key that a node appends under.
    pub fn device(&self, id: u32) -> DeviceId {
        self.home_of(id).device()
    }

    /// Lets a node go on under another key.
    pub fn rekey(&mut self, id: u32, device: DeviceSecret) {
        match &mut self.node_mut(id).disk {
            Disk::Home(home) => home.rekey(device),
            Disk::Hoard(_) => panic!("node {id} has no key of its own"),
        }
    }

    /// Lets a node do what it does by the clock.
    pub fn sweep(&mut self, id: u32) {
        let now = self.clock_of(id);
        let inputs = sure(self.home_of(id).sweep(now));
        self.tell(id, inputs);
    }

    /// Lets two nodes look for each other from now on; a session that was lost is opened again after a second.
    pub fn join(&mut self, a: u32, b: u32, latency: Millis) {
        self.wanted_links.insert((a.min(b), a.max(b)), latency);
        self.dial(a.min(b), a.max(b));
    }

    /// Parts two nodes: their session ends, and they look no more for each other.
    pub fn part(&mut self, a: u32, b: u32) {
        self.wanted_links.remove(&(a.min(b), a.max(b)));
        self.cut(a, b);
    }

    /// Whom a node named for breaking a rule.
    pub fn errors(&self, id: u32) -> &[(u32, PeerError)] {
        &self.node(id).errors
    }

    /// Whether two nodes have a session.
    pub fn is_connected(&self, a: u32, b: u32) -> bool {
        self.links.contains_key(&(a.min(b), a.max(b)))
    }

    /// Ends a node and begins it anew on what it stored. Gives the machine that ended.
    ///
    /// # Panics
    ///
    /// If an honest node's store cannot be opened again.
    pub fn restart(&mut self, id: u32) -> Machine {
        let mine = |(a, b): &&(u32, u32)| *a == id || *b == id;
        let open: BTreeSet<(u32, u32)> = self.links.keys().filter(mine).copied().collect();
        for (a, b) in open {
            let other = if a == id { b } else { a };
            self.links.remove(&(a, b));
            self.listening.remove(&(a, b));
            let peer = SimPeer(id);
            self.input(other, Input::Disconnected { peer });
            self.redial_later(a, b);
        }
        let node = self.node_mut(id);
        let (arrival, filled) = match &mut node.disk {
            Disk::Home(home) => {
                home.reopen();
                home.numbers()
            }
            Disk::Hoard(_) => (1, 1),
        };
        let fresh = Swarm::new(SimPeer(id), arrival, filled);
        let swarm = std::mem::replace(&mut node.swarm, fresh);
        self.begin(id);
        Machine { _swarm: swarm }
    }

    /// Tells a fresh machine what is wanted.
    fn begin(&mut self, id: u32) {
        let inputs = match &self.node(id).disk {
            Disk::Home(home) => sure(home.wanted()),
            Disk::Hoard(hoard) => hoard.wanted(),
        };
        self.tell(id, inputs);
    }

    fn tell(&mut self, id: u32, inputs: Vec<Input<SimPeer>>) {
        for input in inputs {
            self.input(id, input);
        }
    }

    /// What the world has cost up to now.
    pub fn costs(&self) -> Costs {
        let rows = self.nodes.iter().map(|node| match &node.disk {
            Disk::Home(home) => home.most_rows(),
            Disk::Hoard(_) => 0,
        });
        Costs {
            rows_a_write: rows.max().unwrap_or_default(),
            ..self.sent
        }
    }
}

impl fmt::Debug for World {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "World({} nodes at {})", self.nodes.len(), self.now)
    }
}
