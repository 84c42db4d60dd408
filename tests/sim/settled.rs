//! Forks that a statement settles, in the middle of sessions: all end with the true branch, and nobody goes round in circles.

use tidings::format::Seq;
use tidings::sync::sim::{Prng, Sim, feed};

use super::random::setting;
use super::{RUN, count, posts};

/// Nodes with one branch or the other and with none, who all meet; then each learns where the log ends.
fn life(seed: u64) {
    let mut random = Prng::new(seed ^ 0x5e77);
    let mut sim = Sim::new(seed);
    let nodes = 3 + random.below(4) as u32;
    for _ in 0..nodes {
        sim.add();
    }
    let log = posts(0);
    // The common part, and then a branch each of the first two.
    let common = random.below(150);
    let of_first = 1 + random.below(150);
    let of_second = 1 + random.below(150);
    sim.preload(0, log, common, 40);
    sim.copy_store(0, 1);
    for (id, count) in [(0, of_first), (1, of_second)] {
        for _ in 0..count {
            sim.append(id, log, 40);
        }
    }
    for id in 0..nodes {
        sim.follow(id, feed(0));
    }
    sim.set_slow_disks([0, 0, 20][random.below(3) as usize]);
    // Not all know of the fork when it is settled, and some have met one side only.
    for id in 2..nodes {
        if random.below(3) > 0 {
            let with = random.below(2) as u32;
            sim.connect(with, id, 20, 0);
        }
    }
    if random.below(2) == 0 {
        sim.connect(0, 1, 20, 0);
    }
    sim.run_for(random.below(4_000));
    let end = Seq(common + random.below(of_first));
    drop(sim.take_sent());
    for id in 0..nodes {
        sim.end_log(id, log, 0, end);
        sim.run_for(random.below(200));
    }
    for a in 0..nodes {
        for b in a + 1..nodes {
            if !sim.is_connected(a, b) {
                sim.connect(a, b, 20, 0);
            }
        }
    }
    sim.run_until_idle();
    for id in 0..nodes {
        assert!(sim.errors(id).is_empty(), "{seed}: {:?}", sim.errors(id));
        assert_eq!(
            sim.entries(id, &log).len() as u64,
            end.0 + 1,
            "{seed}: node {id}"
        );
        assert_eq!(
            sim.entries(id, &log),
            sim.entries(0, &log),
            "{seed}: node {id}"
        );
    }
    let runs = count(&sim.take_sent(), RUN);
    let blocks = (common + of_first.max(of_second)) / 64 + 2;
    let most = 40 * u64::from(nodes * nodes) + 8 * blocks * u64::from(nodes);
    assert!(runs as u64 <= most, "{seed}: {runs} runs, at most {most}");
}

#[test]
fn a_fork_that_is_settled_in_the_middle_of_sessions_leaves_all_with_the_true_branch() {
    let first = setting("TIDINGS_SEED", 1);
    for seed in first..first + setting("TIDINGS_SEEDS", 60) {
        life(seed);
    }
}
