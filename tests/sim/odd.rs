//! Forks, devices that are not admitted, private lanes, full disks, clocks: what is not everyday, and must end well.

use tidings::format::Seq;
use tidings::sync::sim::{Sim, feed, log};

use crate::{LATENCY, pair, posts, same};

#[test]
fn a_fork_is_found_and_its_proof_spreads() {
    let mut sim = Sim::new(19);
    let (a, b, c, d) = (sim.add(), sim.add(), sim.add(), sim.add());
    for id in [a, c, d] {
        sim.follow(id, feed(0));
    }
    for _ in 0..10 {
        sim.append(a, posts(0), 100);
    }
    // A restored backup: both go on from the same ten entries.
    sim.copy_store(a, b);
    sim.append(a, posts(0), 100);
    sim.append(b, posts(0), 100);
    sim.append(b, posts(0), 100);
    sim.connect(a, c, LATENCY, 0);
    sim.run_until_idle();
    sim.connect(b, c, LATENCY, 0);
    sim.run_until_idle();
    assert_eq!(sim.forked(c, &posts(0)), Some(Seq(10)));
    sim.connect(c, d, LATENCY, 0);
    sim.run_until_idle();
    for id in [a, b, c, d] {
        assert_eq!(sim.forked(id, &posts(0)), Some(Seq(10)), "node {id}");
        assert!(sim.errors(id).is_empty(), "{:?}", sim.errors(id));
    }
    assert_eq!(
        sim.entries(d, &posts(0)).len(),
        10,
        "below the fork all goes on"
    );
}

#[test]
fn heads_of_equal_height_that_differ_are_a_fork() {
    let mut sim = Sim::new(20);
    let (a, b) = (sim.add(), sim.add());
    sim.follow(a, feed(0));
    for _ in 0..3 {
        sim.append(a, posts(0), 100);
    }
    sim.copy_store(a, b);
    sim.append(a, posts(0), 100);
    sim.append(b, posts(0), 101);
    sim.connect(a, b, LATENCY, 0);
    sim.run_until_idle();
    assert_eq!(sim.forked(a, &posts(0)), Some(Seq(3)));
    assert_eq!(sim.forked(b, &posts(0)), Some(Seq(3)));
}

#[test]
fn entries_of_a_device_that_is_not_admitted_come_when_it_is() {
    let mut sim = Sim::new(21);
    let (a, b) = (sim.add(), sim.add());
    sim.follow(a, feed(0));
    sim.append(a, posts(0), 100);
    sim.follow(b, feed(0));
    sim.connect(a, b, LATENCY, 0);
    sim.run_until_idle();
    // A second device: its entries and its statement go out in one breath.
    for _ in 0..5 {
        sim.append(a, log(0, 2, "posts"), 100);
    }
    sim.run_until_idle();
    assert!(same(&sim, a, b, &log(0, 2, "posts")));
    assert!(sim.errors(b).is_empty());
}

#[test]
fn private_lanes_stay_here() {
    let mut sim = Sim::new(22);
    let (a, b) = (sim.add(), sim.add());
    for id in [a, b] {
        sim.follow(id, feed(0));
    }
    sim.append(a, log(0, 1, "~own"), 100);
    sim.append(a, posts(0), 100);
    sim.connect(a, b, LATENCY, 0);
    sim.append(a, log(0, 1, "~own"), 100);
    sim.run_until_idle();
    sim.append(a, log(0, 1, "~own"), 100);
    sim.run_until_idle();
    assert!(sim.entries(b, &log(0, 1, "~own")).is_empty());
    assert!(same(&sim, a, b, &posts(0)));
}

#[test]
fn a_full_disk_is_tried_again() {
    let (mut sim, a, b) = pair(23, 2, 200);
    sim.set_disk_full(b, true);
    sim.connect(a, b, LATENCY, 0);
    sim.run_for(5_000);
    assert!(sim.entries(b, &posts(0)).is_empty());
    assert!(sim.caught_up(b, a).is_none());
    sim.set_disk_full(b, false);
    sim.run_until_idle();
    for number in 0..2 {
        assert!(same(&sim, a, b, &posts(number)));
    }
}

#[test]
fn clocks_that_differ_are_told() {
    let (mut sim, a, b) = pair(24, 1, 1);
    sim.set_clock(b, 11 * 60 * 1_000);
    sim.connect(a, b, LATENCY, 0);
    sim.run_until_idle();
    assert_eq!(sim.clock_differs(a), [b]);
    assert_eq!(sim.clock_differs(b), [a]);
}

#[test]
fn an_idle_network_has_no_timers() {
    let (mut sim, a, b) = pair(25, 10, 10);
    sim.connect(a, b, LATENCY, 0);
    sim.run_until_idle();
    let rest = sim.now();
    sim.run_until_idle();
    assert_eq!(sim.now(), rest);
    assert!(sim.is_connected(a, b));
}
