//! Round trips, counted where time is virtual and nothing but the line takes any: on the simulated network.

use tidings::format::Seq;
use tidings::sync::sim::{Sim, feed, log};

use super::report::{Row, Unit};

/// Milliseconds one way.
const LATENCY: u64 = 50;
/// Bytes a millisecond: so slow that what is asked for first also comes first. What they take is not counted.
const LINE: u64 = 4_000;

/// W4d: from the moment of the connection until a new replica has the newest of all that a first page can show.
pub(crate) fn first_page(feeds: u64, posts: u64) {
    let feeds = u32::try_from(feeds).expect("few feeds");
    let mut sim = Sim::new(5);
    let (here, there) = (sim.add(), sim.add());
    for number in 0..feeds {
        sim.preload(here, log(number, 1, "posts"), posts, 300);
        sim.preload(here, log(number, 1, "state"), 3, 80);
        sim.follow(here, feed(number));
        sim.follow(there, feed(number));
    }
    sim.restart(here, true);
    sim.connect(here, there, LATENCY, LINE);
    let is_there = |sim: &Sim| {
        (0..feeds).all(|number| {
            let newest = sim.entries(there, &log(number, 1, "posts"));
            newest.last().map(|entry| entry.0) == Some(Seq(posts - 1))
                && sim.entries(there, &log(number, 1, "state")).len() == 3
        })
    };
    while !is_there(&sim) {
        assert!(sim.now() < 200 * LATENCY, "a first page never came");
        sim.run_for(1);
    }
    let at = sim.now();
    let sent = sim.take_sent();
    let came = sent
        .iter()
        .filter(|sending| sending.to == there && sending.arrives <= at);
    let bytes: usize = came.map(|sending| sending.bytes).sum();
    let waited = at.saturating_sub(bytes as u64 / LINE);
    let what =
        format!("a right first page in it, on the simulated network, {feeds} feeds: round trips");
    Row::new(
        "W4d",
        what,
        Unit::Trips,
        waited as f64 / (2 * LATENCY) as f64,
    )
    .more(format!("{bytes} B by then"))
    .at_most(3.0);
}
