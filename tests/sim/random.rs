//! Random lives of a few nodes: whatever happens to them, they end in agreement.

use tidings::format::{EntryId, Seq};
use tidings::sync::sim::{Prng, Sim, feed, log};

use crate::memory::{HONEST_BYTES, assert_small};

/// One random life of a few nodes; then everyone meets everyone, and all must agree.
fn random_life(seed: u64) {
    let mut sim = Sim::new(seed);
    let mut random = Prng::new(seed ^ 0xabcd);
    let nodes = 2 + random.below(3) as u32;
    let feeds = [1, 3, 20][random.below(3) as usize];
    for _ in 0..nodes {
        sim.add();
    }
    // Every second life has disks that take their time and change the order of things.
    sim.set_slow_disks([0, 5, 0, 200][(seed % 4) as usize]);
    let mut follows = vec![vec![false; feeds as usize]; nodes as usize];
    for step in 0..20 + random.below(40) {
        let a = random.below(nodes.into()) as u32;
        let b = random.below(nodes.into()) as u32;
        let number = random.below(feeds) as u32;
        match random.below(16) {
            0..=2 => {
                sim.follow(a, feed(number));
                follows[a as usize][number as usize] = true;
            }
            3 if random.below(3) == 0 => {
                sim.unfollow(a, feed(number));
                follows[a as usize][number as usize] = false;
            }
            // Each device belongs to one node, so nothing forks.
            3..=8 => {
                let lane = ["posts", "state", "reactions"][random.below(3) as usize];
                if follows[a as usize][number as usize] {
                    for _ in 0..1 + random.below(if step % 7 == 0 { 150 } else { 4 }) {
                        let size = if random.below(20) == 0 { 5_000 } else { 60 };
                        sim.append(a, log(number, a as u8, lane), size);
                    }
                }
            }
            9..=11 if a != b => sim.connect(
                a,
                b,
                random.below(100),
                [0, 0, 50, 5_000][random.below(4) as usize],
            ),
            12 if a != b => sim.disconnect(a, b),
            13 => assert_small(sim.restart(a, random.below(4) != 0), HONEST_BYTES, seed),
            14 => sim.run_for(random.below(5_000)),
            _ => sim.run_for(random.below(200)),
        }
    }
    for a in 0..nodes {
        for b in 0..a {
            if !sim.is_connected(a, b) {
                sim.connect(a, b, 20, 0);
            }
        }
    }
    sim.run_until_idle();
    check(&sim, nodes, feeds as u32, &follows, seed);
    let ended = sim.restart((seed % u64::from(nodes)) as u32, true);
    assert_small(ended, HONEST_BYTES, seed);
}

fn check(sim: &Sim, nodes: u32, feeds: u32, follows: &[Vec<bool>], seed: u64) {
    for id in 0..nodes {
        assert!(
            sim.errors(id).is_empty(),
            "seed {seed}: node {id}: {:?}",
            sim.errors(id)
        );
    }
    for number in 0..feeds {
        for device in 0..nodes {
            for lane in ["posts", "state", "reactions"] {
                let log = log(number, device as u8, lane);
                let held: Vec<Vec<(Seq, EntryId)>> = (0..nodes)
                    .filter(|id| follows[*id as usize][number as usize])
                    .map(|id| sim.entries(id, &log))
                    .collect();
                // Bodies too: what one of them holds, all do.
                let bodies: Vec<Vec<Seq>> = (0..nodes)
                    .filter(|id| follows[*id as usize][number as usize])
                    .map(|id| sim.bodies(id, &log))
                    .collect();
                for pair in bodies.windows(2) {
                    assert_eq!(pair[0], pair[1], "seed {seed}: bodies of {log:?}");
                }
                for pair in held.windows(2) {
                    assert_eq!(
                        pair[0].len(),
                        pair[1].len(),
                        "seed {seed}: feed {number} device {device} {lane}"
                    );
                    assert_eq!(
                        pair[0], pair[1],
                        "seed {seed}: feed {number} device {device} {lane}"
                    );
                }
            }
        }
    }
}

/// A number from the environment.
pub(crate) fn setting(name: &str, otherwise: u64) -> u64 {
    let set = std::env::var(name).ok();
    set.map_or(otherwise, |number| number.parse().expect("a number"))
}

/// Which lives are tried. More of them at night: TIDINGS_SEEDS=20000; one again: TIDINGS_SEED=... TIDINGS_SEEDS=1.
pub(crate) fn seeds() -> std::ops::Range<u64> {
    let first = setting("TIDINGS_SEED", 0);
    first..first + setting("TIDINGS_SEEDS", 1_000)
}

#[test]
fn random_lives_end_in_agreement() {
    seeds().for_each(random_life);
}

/// Whoever waits for a peer holds what it has once it hears that both agree, however slow the disks are and whatever
/// was followed or posted just before.
fn wait(seed: u64) {
    let mut sim = Sim::new(seed);
    let mut random = Prng::new(seed ^ 0x5e77);
    let (a, b) = (sim.add(), sim.add());
    sim.set_slow_disks([0, 3, 50, 5_000][random.below(4) as usize]);
    let feeds = [1, 3, 30][random.below(3) as usize];
    for number in 0..feeds {
        sim.preload(a, log(number, 0, "posts"), random.below(200), 60);
        sim.preload(a, log(number, 0, "state"), 1, 60);
        sim.follow(a, feed(number));
    }
    // Ordinary nodes always want something: their own.
    sim.follow(b, feed(99));
    let late = random.below(4);
    for number in 0..feeds {
        if late > 0 || random.below(2) == 0 {
            sim.follow(b, feed(number));
        }
    }
    sim.connect(a, b, random.below(100), [0, 50][random.below(2) as usize]);
    sim.run_for(random.below(8) * random.below(500));
    for number in 0..feeds {
        sim.follow(b, feed(number));
    }
    if late == 3 {
        sim.append(a, log(0, 3, "posts"), 60);
    }
    sim.settle(b, a);
    while sim.agreed(b, a).is_none() {
        assert!(sim.is_connected(a, b), "seed {seed}: {:?}", sim.errors(b));
        assert!(sim.run_on(), "seed {seed}: it never heard");
    }
    for number in 0..feeds {
        for log in [
            log(number, 0, "posts"),
            log(number, 0, "state"),
            log(number, 3, "posts"),
        ] {
            assert_eq!(
                sim.entries(a, &log).len(),
                sim.entries(b, &log).len(),
                "seed {seed}: {log:?} at {}",
                sim.now()
            );
        }
    }
}

#[test]
fn who_waits_for_a_peer_then_holds_what_it_has() {
    seeds().for_each(wait);
}
