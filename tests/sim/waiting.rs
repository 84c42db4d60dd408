//! What it costs to wait for a peer, and what is held then.

use tidings::sync::sim::Sim;

use crate::{LATENCY, NOW, ROUND_TRIP, bytes, count, posts, synced};

/// Until when a node waited for another to agree, since the connection was made.
fn waited(sim: &mut Sim, id: u32, other: u32, start: u64) -> u64 {
    while sim.agreed(id, other).is_none() {
        assert!(sim.run_on(), "it never heard");
    }
    sim.agreed(id, other).unwrap() - start
}

#[test]
fn waiting_for_a_peer_costs_one_round_trip_with_connecting_and_one_later() {
    for feeds in [1, 1_000] {
        let (mut sim, a, b) = synced(30, feeds, 1);
        let start = sim.now();
        sim.dial(a, b, LATENCY, true);
        assert_eq!(waited(&mut sim, a, b, start), ROUND_TRIP, "{feeds} feeds");
        let sent = sim.take_sent();
        assert_eq!(sent.len(), 2, "the hellos are all: {sent:?}");
        assert!(bytes(&sent) <= 256, "{} bytes", bytes(&sent));
        sim.run_until_idle();
        assert_eq!(sim.take_sent().len(), 0);
        // The session stays open. What was said earlier says nothing of now, so it is asked, and answered at once.
        for (id, other) in [(a, b), (b, a)] {
            let start = sim.now();
            sim.settle(id, other);
            assert_eq!(waited(&mut sim, id, other, start), ROUND_TRIP);
            let sent = sim.take_sent();
            assert_eq!(count(&sent, NOW), 2, "{sent:?}");
            assert!(bytes(&sent) <= 64, "{} bytes", bytes(&sent));
        }
    }
}

/// A hello may be on its way when somebody begins to wait, and say less than the peer holds by then.
#[test]
fn who_waits_holds_what_the_peer_had_then_though_its_hello_was_on_its_way() {
    // The other end posts before its hello goes out, after that, and after it has heard from here.
    for posted in [LATENCY / 2, LATENCY + LATENCY / 2, 3 * ROUND_TRIP] {
        for wait in [LATENCY / 2, LATENCY + 3 * LATENCY / 4, 3 * ROUND_TRIP + 1] {
            for (id, other) in [(0, 1), (1, 0)] {
                if id == 1 && wait < LATENCY {
                    // It does not know of the connection yet.
                    continue;
                }
                let (mut sim, a, b) = synced(31, 3, 2);
                sim.dial(a, b, LATENCY, false);
                let start = sim.now();
                sim.run_for(posted.min(wait));
                if posted <= wait {
                    sim.append(other, posts(1), 60);
                    sim.run_for(wait - posted);
                }
                let held = sim.entries(other, &posts(1)).len();
                sim.settle(id, other);
                waited(&mut sim, id, other, start);
                assert!(
                    sim.entries(id, &posts(1)).len() >= held,
                    "posted at {posted}, {id} waited from {wait} on"
                );
            }
        }
    }
}
