//! Who is in a world: an owner with devices, followers, thieves; and what has to hold of them.

use std::collections::BTreeMap;

use tidings::FeedsError;
use tidings::format::{
    DeviceSecret, Draft, End, Ends, EntryRef, FeedId, FeedSecret, Lane, LogId, Statement, lanes,
};
use tidings::worlds::{Hoard, Pen, Seen, World, device_key, feed_key, post};

/// How long a frame takes between two nodes, in milliseconds.
pub(crate) const LATENCY: u64 = 20;
/// The most rows that one write may touch: a statement that cuts or restores all of a small feed, and no more. A bound on
/// work that grows with what a thief signed, not with what is written.
const ROWS_A_WRITE: u64 = 60_000;
/// Frames and bytes of a whole life.
const FRAMES: u64 = 60_000;
/// Frames where somebody signs an entry far above all others: 2,048 questions and answers between any two of nine nodes,
/// of some 20 bytes each.
pub(crate) const FRAMES_FAR: u64 = 300_000;
const BYTES: u64 = 64 * 1024 * 1024;
/// Bytes of statements of one feed that anybody keeps.
const STATEMENT_BYTES: usize = 1024 * 1024;
/// What the machine of an honest node may hold when a life is over.
const HELD: i64 = 4 * 1024 * 1024;

/// One who was said to be somewhere: an own device, or a follower.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stolen {
    /// The thing itself: nobody honest has it any more.
    Taken(usize),
    /// A copy of its folder: the honest device goes on.
    Copied(usize),
}

impl Stolen {
    pub(crate) const fn device(self) -> usize {
        match self {
            Self::Taken(device) | Self::Copied(device) => device,
        }
    }
}

pub(crate) struct Cast {
    pub(crate) world: World,
    pub(crate) key: FeedSecret,
    pub(crate) feed: FeedId,
    /// The owner's devices: their nodes, and the keys they have now. The first has the feed key beside it.
    pub(crate) devices: Vec<(u32, DeviceSecret)>,
    pub(crate) followers: Vec<u32>,
    /// Devices that nobody honest has any more.
    gone: Vec<u32>,
    hoards: Vec<u32>,
    /// What honest people posted, and what they could not.
    said: Vec<(EntryRef, String)>,
    unsaid: Vec<(usize, String)>,
    /// Edits that thieves signed: each with what it edits.
    pub(crate) edits: Vec<(EntryRef, EntryRef)>,
    /// The newest entry of each log that an honest device wrote.
    pub(crate) written: BTreeMap<LogId, EntryRef>,
    keys: u64,
    posts: u64,
    /// Frames that this life may have.
    pub(crate) frames: u64,
    pub(crate) seed: u64,
}

impl Cast {
    /// An owner with so many devices, of which all but the third and later are admins, and followers; everybody knows
    /// everybody, and all are at rest.
    pub(crate) fn new(seed: u64, devices: usize, followers: usize) -> Self {
        let key = feed_key(1);
        let mut cast = Self {
            world: World::new(seed),
            feed: key.id(),
            key,
            devices: Vec::new(),
            followers: Vec::new(),
            gone: Vec::new(),
            hoards: Vec::new(),
            said: Vec::new(),
            unsaid: Vec::new(),
            edits: Vec::new(),
            written: BTreeMap::new(),
            keys: 100,
            posts: 0,
            frames: FRAMES,
            seed,
        };
        let admits: Vec<Statement> = (0..devices)
            .map(|at| cast.admit(&device_key(at as u64), at < 2))
            .collect();
        for at in 0..devices {
            let secret = device_key(at as u64);
            let node = cast.world.home(cast.feed, secret.clone(), admits.clone());
            cast.join_all(node);
            cast.devices.push((node, secret));
        }
        for _ in 0..followers {
            cast.newcomer();
        }
        cast.rest();
        cast
    }

    /// The feed key admits a device.
    pub(crate) fn admit(&self, secret: &DeviceSecret, admin: bool) -> Statement {
        let consent = secret.consent(&self.feed);
        Statement::admit(self.feed, &self.key, secret.id(), admin, "", consent).unwrap()
    }

    fn join_all(&mut self, node: u32) {
        for other in self.honest() {
            self.world.join(node, other, LATENCY);
        }
    }

    /// Somebody begins to follow the feed, and knows everybody, thieves too.
    pub(crate) fn newcomer(&mut self) -> u32 {
        let number = 50 + self.followers.len() as u64;
        let (key, device) = (feed_key(number), device_key(number));
        let consent = device.consent(&key.id());
        let admit = Statement::admit(key.id(), &key, device.id(), true, "", consent).unwrap();
        let node = self.world.home(key.id(), device, vec![admit]);
        self.world.follow(node, self.feed);
        self.join_all(node);
        for hoard in self.hoards.clone() {
            self.world.join(node, hoard, LATENCY);
        }
        self.followers.push(node);
        node
    }

    /// The nodes of honest people that are still theirs.
    pub(crate) fn honest(&self) -> Vec<u32> {
        let devices = self.devices.iter().map(|(node, _)| *node);
        let all = devices.chain(self.followers.iter().copied());
        all.filter(|node| !self.gone.contains(node)).collect()
    }

    pub(crate) fn has(&self, device: usize) -> bool {
        !self.gone.contains(&self.devices[device].0)
    }

    /// A device posts; if it may not just now, it does once it may.
    pub(crate) fn post(&mut self, device: usize) -> Option<EntryRef> {
        self.posts += 1;
        let text = format!("post {}", self.posts);
        self.post_text(device, text)
    }

    fn post_text(&mut self, device: usize, text: String) -> Option<EntryRef> {
        let time = self.world.clock_of(self.devices[device].0);
        match self.append(device, lanes::POSTS, post(&text, time)) {
            Some(name) => {
                self.said.push((name, text));
                Some(name)
            }
            None => {
                self.unsaid.push((device, text));
                None
            }
        }
    }

    /// A device appends anything; none if it may not.
    pub(crate) fn append(&mut self, device: usize, lane: Lane, draft: Draft) -> Option<EntryRef> {
        match self.world.append(self.devices[device].0, lane, &[draft]) {
            Ok(names) => {
                self.written.insert(names[0].log, names[0]);
                Some(names[0])
            }
            Err(FeedsError::NotAdmitted { .. } | FeedsError::OwnFork { .. }) => None,
            Err(error) => panic!("seed {}: {error:?}", self.seed),
        }
    }

    /// Somebody gets hold of a device's key, and of its logs as it holds them.
    pub(crate) fn copy(&self, device: usize, lane: Lane) -> Pen {
        let (node, secret) = &self.devices[device];
        self.world.copy(*node, secret, self.feed, lane)
    }

    /// Nobody honest has a device any more.
    pub(crate) fn lose(&mut self, device: usize) {
        let node = self.devices[device].0;
        for other in self.honest() {
            if other != node {
                self.world.part(node, other);
            }
        }
        self.gone.push(node);
    }

    /// A hostile node that everybody honest looks for, those who come later too.
    pub(crate) fn hoard(&mut self, give: impl FnOnce(&mut Hoard)) -> u32 {
        let node = self.world.hoard();
        self.hoards.push(node);
        self.world.give(node, give);
        for other in self.honest() {
            self.world.join(node, other, LATENCY);
        }
        node
    }

    /// What the owner knows a device to have written.
    pub(crate) fn true_ends(&self, device: usize) -> Ends {
        let id = self.devices[device].1.id();
        let mine = self.written.iter().filter(|(log, _)| log.device == id);
        let ends = mine.map(|(log, name)| {
            let end = End {
                seq: name.seq,
                id: name.id,
            };
            (log.lane, end)
        });
        Ends::new(ends).unwrap()
    }

    /// The feed key speaks last: it retires every stolen key with the ends that the owner knows, and admits a new one for
    /// each device that the owner still has.
    pub(crate) fn last_word(&mut self, stolen: &[Stolen]) {
        let mut words = Vec::new();
        for stolen in stolen {
            let (node, secret) = self.devices[stolen.device()].clone();
            let ends = self.true_ends(stolen.device());
            words.push(Statement::retire(self.feed, &self.key, secret.id(), ends, []).unwrap());
            if let Stolen::Copied(device) = *stolen {
                self.keys += 1;
                let fresh = device_key(self.keys);
                words.push(self.admit(&fresh, device < 2));
                self.world.rekey(node, fresh.clone());
                self.devices[device].1 = fresh;
            }
        }
        let desk = self.honest()[0];
        self.world.say(desk, words);
        self.rest();
        self.wait();
        for (device, text) in std::mem::take(&mut self.unsaid) {
            // What a device that is gone did not say, its owner says elsewhere.
            let device = if self.has(device) { device } else { 0 };
            self.post_text(device, text);
        }
    }

    /// Lets everything come to rest.
    pub(crate) fn rest(&mut self) {
        let rested = self.world.rest();
        assert!(rested.is_ok(), "seed {}: {rested:?}", self.seed);
    }

    /// Lets more than a minute pass, and everybody do what they do by the clock: what was put off is done, and what is over
    /// is so everywhere.
    pub(crate) fn wait(&mut self) {
        self.world.run_for(61_000);
        for id in self.honest() {
            self.world.sweep(id);
        }
        self.rest();
    }

    /// What holds at any time, whatever was signed: nobody honest is named by anybody honest, every store is whole and
    /// opens, and no bound is passed.
    pub(crate) fn assert_unhurt(&mut self) {
        let seed = self.seed;
        for id in self.honest() {
            let named = self.world.errors(id).iter();
            let named: Vec<_> = named
                .filter(|(peer, _)| self.world.is_honest(*peer))
                .collect();
            assert!(named.is_empty(), "seed {seed}: node {id} named {named:?}");
        }
        for a in self.honest() {
            for b in self.honest().into_iter().filter(|b| *b != a) {
                assert!(self.world.is_connected(a, b), "seed {seed}: {a} lost {b}");
            }
        }
        let costs = self.world.costs();
        assert!(costs.rows_a_write <= ROWS_A_WRITE, "seed {seed}: {costs:?}");
        assert!(costs.frames <= self.frames, "seed {seed}: {costs:?}");
        assert!(costs.bytes <= BYTES, "seed {seed}: {costs:?}");
        for id in self.honest() {
            let machine = self.world.restart(id);
            let freed = allocation_counter::measure(|| drop(machine));
            let held = -freed.bytes_current;
            assert!(held <= HELD, "seed {seed}: node {id} held {held} bytes");
            let kept = self.world.seen(id, &self.feed).statement_bytes;
            assert!(
                kept <= STATEMENT_BYTES,
                "seed {seed}: node {id} keeps {kept} bytes of statements"
            );
            let differences = self.world.differences(id);
            assert!(differences.is_empty(), "seed {seed}: {id}: {differences:?}");
        }
    }

    /// Whether a thief edited a post in an entry that the owner's last word itself takes for the device's own: a device
    /// whose folder was copied took it up and wrote on behind it. What the post said before is in its history.
    fn is_edited(&self, name: &EntryRef, seen: &Seen) -> bool {
        let counts = |edit: &EntryRef| {
            let log = seen.entries.get(&edit.log);
            log.is_some_and(|log| log.iter().any(|(_, id, _)| *id == edit.id))
        };
        let mut of_it = self.edits.iter().filter(|(target, _)| target == name);
        of_it.any(|(_, edit)| counts(edit))
    }

    /// What holds after the feed key's last word besides: everybody shows the same, and every honest post is read
    /// everywhere.
    pub(crate) fn assert_well(&mut self) {
        self.rest();
        self.assert_unhurt();
        self.rest();
        let seed = self.seed;
        assert!(self.unsaid.is_empty(), "seed {seed}: {:?}", self.unsaid);
        self.wait();
        let honest = self.honest();
        let first = self.world.seen(honest[0], &self.feed);
        for id in &honest {
            let seen = self.world.seen(*id, &self.feed);
            for (name, text) in &self.said {
                let edited = self.is_edited(name, &seen);
                let shown = seen.page.iter().any(|(shown, said)| {
                    shown.id == name.id && (edited || said.as_deref() == Some(text.as_str()))
                });
                assert!(
                    shown,
                    "seed {seed}: node {id} does not show {text:?}, {name:?}"
                );
            }
            assert_eq!(seen.verdicts, first.verdicts, "seed {seed}: node {id}");
            assert_eq!(seen.statements, first.statements, "seed {seed}: node {id}");
            assert_eq!(seen.entries, first.entries, "seed {seed}: node {id}");
            assert_eq!(seen.page, first.page, "seed {seed}: node {id}");
            assert!(seen.gaps.is_empty(), "seed {seed}: {id}: {:?}", seen.gaps);
        }
    }
}
