//! What a connected peer costs in memory.

use crate::{LATENCY, synced};

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
