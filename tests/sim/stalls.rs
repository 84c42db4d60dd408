//! Connections that stay open and bring nothing more.

use tidings::sync::PeerError;
use tidings::sync::sim::{Prng, Sim, feed, log};

use crate::random::seeds;

/// Two who share a feed in which both write.
fn two_writers(sim: &mut Sim) -> [u32; 2] {
    let nodes = [sim.add(), sim.add()];
    nodes.iter().for_each(|node| sim.follow(*node, feed(0)));
    nodes
}

fn post(sim: &mut Sim, node: u32) {
    sim.append(node, log(0, node as u8, "posts"), 300);
}

fn is_equal(sim: &Sim, nodes: [u32; 2]) -> bool {
    let all = |node| {
        let of = |device| sim.entries(node, &log(0, device, "posts"));
        [of(nodes[0] as u8), of(nodes[1] as u8)]
    };
    all(nodes[0]) == all(nodes[1])
}

/// The one who writes notices, although nothing is due to it and the other goes on talking.
#[test]
fn who_talks_to_deaf_ears_notices_within_half_a_minute() {
    let mut sim = Sim::new(1);
    let [a, b] = two_writers(&mut sim);
    sim.connect(a, b, 20, 0);
    sim.run_until_idle();
    sim.deafen(a, b);
    for _ in 0..30 {
        post(&mut sim, a);
        post(&mut sim, b);
        sim.run_for(1_000);
        if !sim.is_connected(a, b) {
            break;
        }
    }
    assert!(!sim.is_connected(a, b), "nobody noticed");
    let silent = |error: &PeerError| matches!(error, PeerError::Silent { due, .. } if due.contains("an echo"));
    assert!(sim.errors(a).iter().all(|(_, error)| silent(error)));
    sim.connect(a, b, 20, 0);
    sim.run_until_idle();
    assert!(is_equal(&sim, [a, b]));
}

/// Where a path of the connection was lost, that takes some seconds.
#[test]
fn who_doubts_a_connection_asks_at_once() {
    let mut sim = Sim::new(3);
    let [a, b] = two_writers(&mut sim);
    sim.connect(a, b, 500, 0);
    sim.run_until_idle();
    post(&mut sim, a);
    sim.doubt(a, b);
    sim.run_until_idle();
    assert!(sim.is_connected(a, b), "it was heard");
    sim.deafen(b, a);
    sim.doubt(a, b);
    sim.run_for(5_000);
    assert!(sim.is_connected(a, b), "the answer may be on its way");
    sim.run_for(1_500);
    assert!(!sim.is_connected(a, b), "nobody noticed");
}

/// A line that is slow and full is not taken for one that is dead.
#[test]
fn a_slow_line_is_waited_for() {
    let mut sim = Sim::new(2);
    let [a, b] = [sim.add(), sim.add()];
    for (node, count) in [(a, 30_000), (b, 20_000)] {
        sim.preload(node, log(0, node as u8, "posts"), count, 300);
        sim.follow(node, feed(0));
    }
    // 16 kB a second, at which what waits to be sent takes minutes.
    sim.connect(a, b, 300, 16);
    sim.run_until_idle();
    assert!(
        sim.is_connected(a, b),
        "{:?} {:?}",
        sim.errors(a),
        sim.errors(b)
    );
    assert!(is_equal(&sim, [a, b]));
}

/// Connections die in one direction or both at any moment, are dialed again when that is noticed, and all come to agree.
fn life(seed: u64) {
    let mut sim = Sim::new(seed);
    let mut random = Prng::new(seed ^ 0xdead);
    let nodes = two_writers(&mut sim);
    let [a, b] = nodes;
    let rates = [0, 0, 100, 5_000];
    let connect = |sim: &mut Sim, random: &mut Prng| {
        let rate = rates[random.below(4) as usize];
        sim.connect(a, b, random.below(300), rate);
    };
    for _ in 0..30 {
        match random.below(8) {
            0..=2 => {
                let node = nodes[random.below(2) as usize];
                (0..1 + random.below(80)).for_each(|_| post(&mut sim, node));
            }
            3 => {
                let way = random.below(2) as usize;
                sim.deafen(nodes[way], nodes[1 - way]);
                if random.below(2) == 0 {
                    sim.doubt(nodes[way], nodes[1 - way]);
                }
            }
            4..=6 => sim.run_for(random.below(1_000)),
            _ => sim.run_for(random.below(60_000)),
        }
        if !sim.is_connected(a, b) {
            connect(&mut sim, &mut random);
        }
    }
    // A dead one is noticed; the last one lives.
    for _ in 0..2 {
        sim.run_until_idle();
        if !sim.is_connected(a, b) {
            connect(&mut sim, &mut random);
        }
    }
    assert!(is_equal(&sim, nodes), "seed {seed}");
    for node in nodes {
        let is_silent = |(_, error): &(u32, PeerError)| matches!(error, PeerError::Silent { .. });
        assert!(
            sim.errors(node).iter().all(is_silent),
            "seed {seed}: {:?}",
            sim.errors(node)
        );
    }
}

#[test]
fn random_lives_with_connections_that_die_unnoticed_end_in_agreement() {
    seeds().step_by(4).for_each(life);
}
