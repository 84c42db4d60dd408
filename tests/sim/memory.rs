//! What a connected peer costs in memory.

use tidings::sync::sim::Machine;

use crate::{LATENCY, synced};

/// What the machine of a node may hold at any moment of a random life among honest nodes: five times the most that 2,000
/// lives came to.
pub(crate) const HONEST_BYTES: i64 = 256 * 1024;
/// The same where one of them lies: a want list of the greatest length takes 1 MiB, and what one that floods may come to is
/// in `src/sync/tests/floods.rs`.
pub(crate) const LIED_TO_BYTES: i64 = 4 * 1024 * 1024;

/// Drops the machine of a node, which was ended at some moment of its life, and sees what it held.
pub(crate) fn assert_small(machine: Machine, most: i64, seed: u64) {
    let freed = allocation_counter::measure(|| drop(machine));
    let held = -freed.bytes_current;
    assert!(held <= most, "seed {seed}: a node held {held} bytes");
}

#[test]
fn a_peer_that_shares_ten_thousand_feeds_costs_40_bytes_a_feed() {
    let (mut sim, a, b) = synced(32, 10_000, 1);
    let used = allocation_counter::measure(|| {
        sim.connect(a, b, LATENCY, 0);
        sim.run_until_idle();
    });
    let each = used.bytes_current / 2;
    println!("a peer that shares 10,000 feeds: {each} bytes at each end");
    assert!(each <= 40 * 10_000, "{each} bytes");
}
