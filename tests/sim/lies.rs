//! Peers that lie: each lie that a message allows is told in random worlds. It is named in an error or borne, changes
//! nothing that is held, and costs a bounded number of bytes.
//!
//! `TIDINGS_SEED` sets the first world, `TIDINGS_SEEDS` how many there are for each lie. One lie in one world again:
//! `TIDINGS_SEED=... TIDINGS_SEEDS=1 cargo test --all-features --test sim lie -- --nocapture`.

use std::collections::BTreeSet;
use std::panic::catch_unwind;

use tidings::format::{LogId, Seq};
use tidings::sync::sim::{Fate, Lie, Prng, Sim, feed, log};

use crate::random::setting;

const HONEST: u32 = 0;
const LIAR: u32 = 1;
/// Who holds everything, and never lies.
const OTHER: u32 = 2;

/// What one lie makes an honest node send beyond what it would have sent.
const SENT_FOR_A_LIE: usize = 64 * 1024;
/// What one lie brings it beyond what it would have got: its longest answer is statements.
const GOT_FOR_A_LIE: usize = 5 * 1024 * 1024;

/// Of whom anything may be held: who wrote before, whose log is forked, and the honest node and the liar themselves.
const DEVICES: [u8; 6] = [10, 11, 12, 13, 20, 21];
const LANES: [&str; 4] = ["posts", "state", "reactions", "~own"];

struct World {
    sim: Sim,
    random: Prng,
    feeds: u32,
    shared: Vec<u32>,
}

impl World {
    fn new(seed: u64) -> Self {
        let mut random = Prng::new(seed ^ 0x11e5);
        let mut sim = Sim::new(seed);
        for _ in [HONEST, LIAR, OTHER] {
            sim.add();
        }
        sim.set_slow_disks([0, 0, 30][random.below(3) as usize]);
        let feeds = [1, 3, 20][random.below(3) as usize];
        let mut world = Self {
            sim,
            random,
            feeds,
            shared: Vec::new(),
        };
        if world.random.below(2) == 0 {
            let forked = log(0, 13, "posts");
            for id in [LIAR, OTHER] {
                world.sim.preload(id, forked, 5, 50);
                world.sim.append(id, forked, 60);
                world.sim.append(id, forked, 60);
            }
        }
        for number in 0..feeds {
            world.fill(number);
            world.sim.follow(LIAR, feed(number));
            world.sim.follow(OTHER, feed(number));
            if number == 0 || world.random.below(8) > 0 {
                world.sim.follow(HONEST, feed(number));
                world.shared.push(number);
            }
        }
        world.meet();
        world
    }

    /// Each holds some of each log: of the same entries, so that nothing forks.
    fn fill(&mut self, number: u32) {
        for (device, lane, size) in [(10, "posts", 200), (11, "state", 90), (12, "posts", 4_000)] {
            let log = log(number, device, lane);
            let all = [3, 20, 200][self.random.below(3) as usize];
            for id in [HONEST, LIAR, OTHER] {
                let some = [0, all / 2, all][self.random.below(3) as usize];
                let some = if id == OTHER { all } else { some };
                self.sim.preload(id, log, some, size);
                // A hole in the middle; the end of its first block proves what is kept.
                if id != OTHER && some > 150 && self.random.below(3) == 0 {
                    self.sim.keep_only(id, log, |seq| !(64..128).contains(&seq));
                }
            }
        }
    }

    /// What happened before the lie: some have met.
    fn meet(&mut self) {
        for pair in [
            (HONEST, LIAR),
            (LIAR, OTHER),
            (HONEST, OTHER),
            (HONEST, LIAR),
        ] {
            if self.random.below(3) == 0 {
                self.sim.connect(pair.0, pair.1, 10, 0);
                self.sim.run_until_idle();
                self.sim.disconnect(pair.0, pair.1);
            }
        }
        for id in [HONEST, LIAR] {
            if self.random.below(4) == 0 {
                self.sim.restart(id, false);
            }
        }
        self.sim.take_sent();
    }

    /// The session in which the lie may be told.
    fn session(&mut self) {
        let latency = self.random.below(60);
        self.sim.connect(HONEST, LIAR, latency, 0);
        for _ in 0..self.random.below(6) {
            let time = self.random.below(4_000);
            self.sim.run_for(time);
            let number = self.random.below(self.feeds.into()) as u32;
            let id = [HONEST, LIAR][self.random.below(2) as usize];
            match self.random.below(5) {
                0 if number > 0 => self.sim.unfollow(LIAR, feed(number)),
                1 => self.sim.follow(LIAR, feed(number)),
                _ if id == LIAR || self.shared.contains(&number) => {
                    let lane = LANES[self.random.below(3) as usize];
                    let size = [60, 60, 5_000][self.random.below(3) as usize];
                    self.sim.append(id, log(number, 20 + id as u8, lane), size);
                }
                _ => {}
            }
        }
        self.sim.run_until_idle();
        self.sim.disconnect(HONEST, LIAR);
    }

    /// Bytes that the honest node sent to the liar, and that it got from it.
    fn bytes(&mut self) -> (usize, usize) {
        let sent = self.sim.take_sent();
        let from = |id| {
            let of = sent.iter().filter(move |sending| sending.from == id);
            of.map(|sending| sending.bytes).sum()
        };
        (from(HONEST), from(LIAR))
    }

    fn logs(&self) -> impl Iterator<Item = LogId> + use<> {
        let feeds = self.shared.clone();
        feeds.into_iter().flat_map(|number| {
            DEVICES
                .into_iter()
                .flat_map(move |device| LANES.map(|lane| log(number, device, lane)))
        })
    }

    /// What the honest node holds was said by those who may say it, and an honest peer agrees with it in the end.
    fn check(&mut self, what: &str) {
        for log in self.logs() {
            let said = |id| self.sim.entries(id, &log);
            let genuine: BTreeSet<_> = said(LIAR).into_iter().chain(said(OTHER)).collect();
            let own = log.device.as_bytes().last() == Some(&20);
            for entry in said(HONEST) {
                assert!(own || genuine.contains(&entry), "{what}: {log:?} {entry:?}");
            }
            assert!(!log.lane.is_private() || said(HONEST).is_empty(), "{what}");
        }
        self.sim.connect(HONEST, OTHER, 10, 0);
        self.sim.run_until_idle();
        for id in [HONEST, OTHER] {
            let errors = self.sim.errors(id).iter();
            let honest: Vec<_> = errors.filter(|(peer, _)| *peer != LIAR).collect();
            assert!(honest.is_empty(), "{what}: {honest:?}");
        }
        for log in self.logs() {
            let entries = |id| self.sim.entries(id, &log);
            // The two branches of a fork may be held by one each.
            let below = self.sim.forked(HONEST, &log).unwrap_or(Seq(u64::MAX));
            let entries = |id| -> Vec<_> {
                let all = entries(id).into_iter();
                all.filter(|(seq, _)| *seq < below).collect()
            };
            assert_eq!(entries(HONEST), entries(OTHER), "{what}: {log:?}");
            let bodies = |id| -> Vec<_> {
                let all = self.sim.bodies(id, &log).into_iter();
                all.filter(|seq| *seq < below).collect()
            };
            assert_eq!(bodies(HONEST), bodies(OTHER), "{what}: bodies of {log:?}");
        }
        for number in &self.shared {
            let statements = |id| self.sim.statements(id, &feed(*number));
            assert_eq!(statements(HONEST), statements(OTHER), "{what}");
        }
    }
}

/// Tells a lie in a world, where there is place for it. How many bytes it made the honest node send, and brought it.
fn tell(lie: Lie, seed: u64) -> Option<(usize, usize)> {
    let what = format!("{lie:?}, TIDINGS_SEED={seed}");
    let mut world = World::new(seed);
    let one_in = 1 + world.random.below(3);
    let mut twin = World::new(seed);
    twin.random.below(3);
    // Draws the same number of its own, so that the two worlds go the same way.
    twin.sim.make_liar(LIAR, &[], 1, 0);
    world.sim.make_liar(LIAR, &[lie], one_in, 1);
    world.session();
    if world.sim.lies(LIAR).is_empty() {
        return None;
    }
    let mut named: Vec<String> = Vec::new();
    for (peer, error) in world.sim.errors(HONEST) {
        assert_eq!(*peer, LIAR, "{what}: {error}");
        named.push(error.to_string());
    }
    let (must, may) = match lie.fate() {
        Fate::Named(words) => (true, words),
        Fate::Borne(words) => (false, words),
    };
    // Its own machine may give up first over what comes back.
    let gave_up = !world.sim.errors(LIAR).is_empty();
    assert!(
        named.len() == usize::from(must) || !must || gave_up,
        "{what}: {named:?}"
    );
    for error in &named {
        let is_said = may.iter().any(|word| error.contains(word));
        assert!(is_said, "{what}: {error}");
    }
    twin.session();
    let ((sent, got), (usual_sent, usual_got)) = (world.bytes(), twin.bytes());
    let (sent, got) = (
        sent.saturating_sub(usual_sent),
        got.saturating_sub(usual_got),
    );
    assert!(sent <= SENT_FOR_A_LIE, "{what}: {sent} bytes more sent");
    assert!(got <= GOT_FOR_A_LIE, "{what}: {got} bytes more taken");
    world.check(&what);
    Some((sent, got))
}

#[test]
fn each_lie_is_named_or_borne_and_changes_nothing() {
    let first = setting("TIDINGS_SEED", 0);
    let seeds = setting("TIDINGS_SEEDS", 3);
    let mut broken = Vec::new();
    for lie in Lie::ALL {
        let ran = catch_unwind(|| {
            let (mut told, mut most) = (0, (0, 0));
            for seed in first..first + 20 * seeds {
                if let Some((sent, got)) = tell(*lie, seed) {
                    told += 1;
                    most = (most.0.max(sent), most.1.max(got));
                }
                if told == seeds {
                    break;
                }
            }
            println!(
                "{lie:?}: told in {told} worlds, at most {} bytes more sent, {} more got",
                most.0, most.1
            );
            assert!(told > 0 || seeds < 3, "{lie:?} was never told");
        });
        if ran.is_err() {
            broken.push(*lie);
        }
    }
    assert!(broken.is_empty(), "{broken:?}");
}
