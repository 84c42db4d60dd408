//! Holes without end: somebody tells of an entry far above what there is, or signs one.

use tidings::format::Seq;
use tidings::sync::sim::{Sim, feed};

use crate::{LATENCY, bytes, posts};

/// Whoever may write in a feed can sign an entry at any place. Those who hold it must not ask each other for all the
/// places below it, of which there are more than can ever be asked for.
#[test]
fn an_entry_signed_at_a_place_far_above_keeps_nobody_busy() {
    for far in [1 << 20, 1 << 40, u64::MAX - 64] {
        let mut sim = Sim::new(61);
        let (a, b) = (sim.add(), sim.add());
        sim.preload(a, posts(0), 200, 100);
        sim.preload_at(a, posts(0), Seq(far), 100);
        for id in [a, b] {
            sim.follow(id, feed(0));
        }
        sim.connect(a, b, LATENCY, 0);
        sim.run_until_idle();
        let sent = sim.take_sent();
        println!(
            "an entry at {far}: {} bytes in {} messages",
            bytes(&sent),
            sent.len()
        );
        assert!(bytes(&sent) < 200_000, "{} bytes", bytes(&sent));
        let errors = (sim.errors(a), sim.errors(b));
        assert!(errors.0.is_empty() && errors.1.is_empty(), "{errors:?}");
        // What is at the other end is found all the same.
        assert_eq!(sim.entries(b, &posts(0)), sim.entries(a, &posts(0)));
        sim.append(a, posts(1), 10);
        sim.disconnect(a, b);
        sim.connect(a, b, LATENCY, 0);
        sim.run_until_idle();
        assert_eq!(sim.take_sent().len(), 2, "and never asked about again");
    }
}
