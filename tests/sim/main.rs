//! Replication on a simulated network: virtual time, seeds, and budgets counted in bytes and round trips.

#![cfg(feature = "test-util")]
#![expect(
    clippy::cast_possible_truncation,
    reason = "numbers of nodes and feeds are small"
)]

mod holes;
mod lies;
#[cfg(feature = "net")]
mod live;
mod memory;
mod odd;
mod partitions;
mod random;
mod settled;
mod stalls;
mod waiting;

use tidings::format::{LogId, Seq};
use tidings::sync::PeerError;
use tidings::sync::sim::{Sending, Sim, feed, log};

const LATENCY: u64 = 50;
const ROUND_TRIP: u64 = 2 * LATENCY;

/// Tags of messages, as in `docs/protocol.md`.
const HELLO: u8 = 0;
const WANTS: u8 = 1;
const NOW: u8 = 6;
const REQUESTS: u8 = 7;
const RUN: u8 = 11;
const PUSH: u8 = 12;

fn bytes(sent: &[Sending]) -> usize {
    sent.iter().map(|sending| sending.bytes).sum()
}

fn count(sent: &[Sending], tag: u8) -> usize {
    sent.iter().filter(|sending| sending.tag == tag).count()
}

fn posts(number: u32) -> LogId {
    log(number, 1, "posts")
}

fn same(sim: &Sim, a: u32, b: u32, log: &LogId) -> bool {
    sim.entries(a, log) == sim.entries(b, log)
}

/// Two nodes that follow the same feeds; the first holds `entries` of each.
fn pair(seed: u64, feeds: u32, entries: u64) -> (Sim, u32, u32) {
    let mut sim = Sim::new(seed);
    let (a, b) = (sim.add(), sim.add());
    for number in 0..feeds {
        sim.preload(a, posts(number), entries, 300);
        sim.follow(a, feed(number));
        sim.follow(b, feed(number));
    }
    (sim, a, b)
}

/// The same, already synced, settled and disconnected.
fn synced(seed: u64, feeds: u32, entries: u64) -> (Sim, u32, u32) {
    let (mut sim, a, b) = pair(seed, feeds, entries);
    sim.connect(a, b, LATENCY, 0);
    sim.run_until_idle();
    for number in 0..feeds {
        assert!(same(&sim, a, b, &posts(number)), "feed {number}");
    }
    sim.disconnect(a, b);
    sim.take_sent();
    (sim, a, b)
}

#[test]
fn nothing_new_costs_one_round_trip_and_256_bytes() {
    for feeds in [0, 1, 17, 1_000, 10_000] {
        let (mut sim, a, b) = synced(1, feeds, 1);
        let start = sim.now();
        sim.connect(a, b, LATENCY, 0);
        sim.run_until_idle();
        let sent = sim.take_sent();
        assert_eq!(count(&sent, HELLO), 2, "{feeds} feeds: {sent:?}");
        assert_eq!(sent.len(), 2, "{feeds} feeds: {sent:?}");
        assert!(bytes(&sent) <= 256, "{feeds} feeds: {} bytes", bytes(&sent));
        assert_eq!(sim.caught_up(a, b), Some(start + LATENCY), "{feeds} feeds");
        println!("nothing new, {feeds} feeds: {} bytes", bytes(&sent));
    }
}

#[test]
fn first_contact_costs_24_bytes_a_feed() {
    let (mut sim, a, b) = pair(2, 1_000, 0);
    sim.connect(a, b, LATENCY, 0);
    sim.run_for(LATENCY);
    let sent = sim.take_sent();
    let wants: Vec<_> = sent
        .iter()
        .copied()
        .filter(|sending| sending.tag == WANTS)
        .collect();
    assert!(bytes(&wants) <= 2 * 24 * 1_000, "{} bytes", bytes(&wants));
    println!("first contact: {} bytes a feed", bytes(&wants) / 2_000);
}

#[test]
fn ten_new_entries_in_ten_of_a_thousand_feeds_cost_two_round_trips() {
    let (mut sim, a, b) = synced(3, 1_000, 3);
    for number in 0..10 {
        sim.append(a, posts(number * 97), 300);
    }
    let start = sim.now();
    sim.connect(a, b, LATENCY, 0);
    sim.run_until_idle();
    let sent = sim.take_sent();
    for number in 0..10 {
        assert!(same(&sim, a, b, &posts(number * 97)));
    }
    let caught = sim.caught_up(b, a).unwrap() - start;
    let beyond = bytes(&sent) - 10 * 300;
    println!("10 in 1000: {beyond} bytes beyond the entries, {caught} ms");
    assert!(beyond <= 4_096, "{beyond} bytes");
    assert!(caught <= 2 * ROUND_TRIP, "{caught} ms");
}

#[test]
fn ten_new_entries_in_one_of_a_thousand_feeds_cost_two_round_trips() {
    let (mut sim, a, b) = synced(4, 1_000, 3);
    for _ in 0..10 {
        sim.append(a, posts(5), 300);
    }
    let start = sim.now();
    sim.connect(a, b, LATENCY, 0);
    sim.run_until_idle();
    let beyond = bytes(&sim.take_sent()) - 10 * 300;
    println!("10 in 1 of 1000: {beyond} bytes beyond the entries");
    assert!(same(&sim, a, b, &posts(5)));
    assert!(beyond <= 4_096);
    assert!(sim.caught_up(b, a).unwrap() - start <= 2 * ROUND_TRIP);
}

#[test]
fn a_new_replica_has_a_right_first_page_after_three_round_trips() {
    let (feeds, entries) = (100, 1_000);
    let (mut sim, a, b) = pair(5, feeds, entries);
    for number in 0..feeds {
        sim.preload(a, log(number, 1, "state"), 3, 80);
    }
    sim.restart(a, true);
    // 4 KB/ms, so that what is asked first also comes first.
    sim.connect(a, b, LATENCY, 4_000);
    let mut page_bytes = None;
    for _ in 0..10_000 {
        sim.run_for(1);
        let newest = (0..feeds).all(|number| {
            sim.entries(b, &posts(number)).last().map(|e| e.0) == Some(Seq(entries - 1))
        });
        let state = (0..feeds).all(|number| sim.entries(b, &log(number, 1, "state")).len() == 3);
        if newest && state {
            page_bytes = Some(sim.now());
            break;
        }
    }
    let at = page_bytes.expect("a page");
    let sent = sim.take_sent();
    let came: Vec<_> = sent
        .iter()
        .copied()
        .filter(|sending| sending.to == b && sending.arrives <= at)
        .collect();
    let transfer = bytes(&came) as u64 / 4_000;
    println!(
        "first page: {at} ms ({transfer} of them the line's), {} bytes",
        bytes(&came)
    );
    assert!(at <= 3 * ROUND_TRIP + transfer, "{at} ms");
    assert!(bytes(&came) <= 160_000, "{} bytes", bytes(&came));
    // Nothing of the bulk is on its way yet.
    let under_way = sent.iter().filter(|sending| sending.to == b).count() - came.len();
    assert_eq!(under_way, 0);
    sim.run_until_idle();
    for number in 0..feeds {
        assert!(same(&sim, a, b, &posts(number)));
    }
    let all = sim.take_sent();
    let per_post = (bytes(&sent) + bytes(&all)) as f64 / f64::from(feeds) / entries as f64;
    println!(
        "new replica: {per_post:.1} bytes a post in all, {} messages",
        sent.len() + all.len()
    );
    // Newest first: each log's last entry came before its first.
    let order: Vec<Seq> = sim
        .arrivals(b)
        .iter()
        .filter(|(log, _)| *log == posts(7))
        .map(|(_, seq)| *seq)
        .collect();
    let place = |seq| order.iter().position(|s| *s == seq).unwrap();
    assert!(place(Seq(999)) < place(Seq(500)) && place(Seq(500)) < place(Seq(0)));
}

#[test]
fn bulk_is_not_limited_by_round_trips() {
    let (mut sim, a, b) = pair(6, 10, 10_000);
    // 60 MB/s.
    sim.connect(a, b, LATENCY, 60_000);
    sim.run_until_idle();
    let took = sim.caught_up(b, a).unwrap();
    let ideal = bytes(&sim.take_sent()) as u64 / 60_000;
    println!("100,000 entries: {took} ms, the line alone {ideal} ms");
    assert!(
        took < ideal * 2 + 5 * ROUND_TRIP,
        "{took} ms against {ideal}"
    );
}

#[test]
fn a_live_post_is_pushed_at_once_without_a_request() {
    let (mut sim, a, b) = pair(7, 3, 5);
    sim.connect(a, b, LATENCY, 0);
    sim.run_until_idle();
    sim.take_sent();
    let start = sim.now();
    sim.append(a, posts(1), 300);
    sim.run_for(LATENCY);
    assert!(same(&sim, a, b, &posts(1)), "after half a round trip");
    sim.run_until_idle();
    let sent = sim.take_sent();
    assert_eq!(count(&sent, PUSH), 1);
    assert_eq!(count(&sent, REQUESTS), 0);
    assert_eq!(count(&sent, NOW), 1, "{sent:?}");
    println!(
        "live: {} bytes in {} messages, settled after {} ms",
        bytes(&sent),
        sent.len(),
        sim.now() - start
    );
    assert!(bytes(&sent) <= 700);
    // What was agreed live holds after a reconnect.
    sim.disconnect(a, b);
    sim.connect(a, b, LATENCY, 0);
    sim.run_until_idle();
    assert_eq!(sim.take_sent().len(), 2);
}

#[test]
fn a_new_lane_is_pushed_too_and_others_pass_it_on() {
    let (mut sim, a, b) = pair(8, 1, 2);
    let c = sim.add();
    sim.follow(c, feed(0));
    sim.connect(a, b, LATENCY, 0);
    sim.connect(b, c, LATENCY, 0);
    sim.run_until_idle();
    sim.take_sent();
    sim.append(a, log(0, 1, "reactions"), 20);
    sim.run_for(2 * LATENCY);
    assert!(same(&sim, a, c, &log(0, 1, "reactions")));
    sim.run_until_idle();
    assert_eq!(count(&sim.take_sent(), PUSH), 2, "nothing is pushed back");
}

#[test]
fn follow_and_unfollow_while_connected() {
    let (mut sim, a, b) = pair(9, 2, 5);
    sim.preload(a, posts(9), 20, 300);
    sim.follow(a, feed(9));
    sim.connect(a, b, LATENCY, 0);
    sim.run_until_idle();
    sim.take_sent();
    assert!(sim.entries(b, &posts(9)).is_empty());
    sim.follow(b, feed(9));
    sim.run_until_idle();
    assert!(same(&sim, a, b, &posts(9)));
    let sent = sim.take_sent();
    let wants: Vec<_> = sent
        .iter()
        .copied()
        .filter(|sending| sending.tag == WANTS)
        .collect();
    assert!(bytes(&wants) < 64, "only the change is told");
    sim.unfollow(a, feed(9));
    sim.append(a, posts(9), 300);
    sim.run_until_idle();
    assert_eq!(count(&sim.take_sent(), PUSH), 0);
    assert_eq!(sim.entries(b, &posts(9)).len(), 20);
    // And again.
    sim.follow(a, feed(9));
    sim.run_until_idle();
    assert!(same(&sim, a, b, &posts(9)));
    assert!(sim.errors(a).is_empty() && sim.errors(b).is_empty());
}

#[test]
fn follow_and_unfollow_while_apart_send_only_the_change() {
    let (mut sim, a, b) = synced(10, 1_000, 1);
    sim.preload(a, posts(5_000), 3, 300);
    sim.follow(a, feed(5_000));
    sim.follow(b, feed(5_000));
    sim.unfollow(b, feed(3));
    sim.connect(a, b, LATENCY, 0);
    sim.run_until_idle();
    assert!(same(&sim, a, b, &posts(5_000)));
    let sent = sim.take_sent();
    let wants: Vec<_> = sent
        .iter()
        .copied()
        .filter(|sending| sending.tag == WANTS)
        .collect();
    assert!(bytes(&wants) < 160, "{}", bytes(&wants));
    println!("one followed, one left among 1000: {} bytes", bytes(&sent));
    assert!(bytes(&sent) < 16_384, "{} bytes", bytes(&sent));
}

#[test]
fn a_slow_reader_loses_nothing_and_memory_stays_bounded() {
    let (mut sim, a, b) = pair(11, 20, 2_000);
    sim.connect(a, b, LATENCY, 200);
    for step in 0..400 {
        sim.append(a, posts(step % 20), 300);
        sim.run_for(50);
    }
    sim.run_until_idle();
    for number in 0..20 {
        assert!(same(&sim, a, b, &posts(number)), "feed {number}");
    }
    println!("slow reader: at most {} bytes queued", sim.largest_queue());
    assert!(
        sim.largest_queue() <= 2 * 1024 * 1024,
        "{}",
        sim.largest_queue()
    );
    assert!(sim.errors(a).is_empty() && sim.errors(b).is_empty());
}

#[test]
fn pushes_to_a_reader_who_stopped_are_told_later() {
    let (mut sim, a, b) = pair(12, 2, 1);
    sim.connect(a, b, LATENCY, 1);
    sim.run_until_idle();
    for _ in 0..5_000 {
        sim.append(a, posts(0), 1_000);
    }
    assert!(sim.largest_queue() < 1_100_000, "{}", sim.largest_queue());
    sim.disconnect(a, b);
    sim.connect(a, b, LATENCY, 10_000);
    sim.run_until_idle();
    assert!(same(&sim, a, b, &posts(0)));
}

#[test]
fn holes_are_filled_from_another_if_the_first_lacks_them() {
    let mut sim = Sim::new(13);
    let (a, b, c) = (sim.add(), sim.add(), sim.add());
    for id in [a, b] {
        sim.preload(id, posts(0), 500, 300);
    }
    // Both hold the block ends that prove what they keep.
    sim.keep_only(a, posts(0), |seq| seq >= 384);
    sim.keep_only(b, posts(0), |seq| seq < 256);
    for id in [a, b, c] {
        sim.follow(id, feed(0));
    }
    sim.connect(a, c, LATENCY, 0);
    sim.run_until_idle();
    assert_eq!(sim.entries(c, &posts(0)).len(), 116);
    sim.connect(b, c, LATENCY, 0);
    sim.run_until_idle();
    assert_eq!(sim.entries(c, &posts(0)).len(), 116 + 256);
    // And on to the one who lacked them: a filled hole is news.
    assert_eq!(sim.entries(a, &posts(0)).len(), 116 + 256);
}

#[test]
fn holes_are_asked_again_only_when_something_was_filled() {
    let mut sim = Sim::new(14);
    let (a, b, c) = (sim.add(), sim.add(), sim.add());
    sim.preload(a, posts(0), 500, 300);
    sim.keep_only(a, posts(0), |seq| seq >= 384);
    sim.preload(c, posts(0), 500, 300);
    for id in [a, b, c] {
        sim.follow(id, feed(0));
    }
    sim.connect(a, b, LATENCY, 0);
    sim.run_until_idle();
    for _ in 0..2 {
        sim.disconnect(a, b);
        sim.take_sent();
        sim.connect(a, b, LATENCY, 0);
        sim.run_until_idle();
    }
    let sent = sim.take_sent();
    assert_eq!(sent.len(), 2, "the hello is all: {sent:?}");
    sim.disconnect(a, b);
    sim.connect(a, c, LATENCY, 0);
    sim.run_until_idle();
    assert_eq!(sim.entries(a, &posts(0)).len(), 500);
    sim.disconnect(a, c);
    sim.connect(a, b, LATENCY, 0);
    sim.run_until_idle();
    assert_eq!(sim.entries(b, &posts(0)).len(), 500);
}

#[test]
fn large_bodies_follow_in_frames_of_their_own() {
    let (mut sim, a, b) = pair(15, 1, 3);
    for _ in 0..150 {
        sim.append(a, posts(0), 50_000);
    }
    sim.connect(a, b, LATENCY, 0);
    sim.run_until_idle();
    assert!(same(&sim, a, b, &posts(0)));
    assert_eq!(sim.bodies_missing(b), 0);
    // Live as well.
    sim.append(a, posts(0), 60_000);
    sim.run_until_idle();
    assert!(same(&sim, a, b, &posts(0)));
    assert_eq!(sim.bodies_missing(b), 0);
    assert!(sim.errors(a).is_empty() && sim.errors(b).is_empty());
}

#[test]
fn restarts_and_lost_memory_converge() {
    for (lose_a, lose_b) in [(false, false), (true, false), (false, true), (true, true)] {
        let (mut sim, a, b) = synced(16, 200, 2);
        for number in 0..20 {
            sim.append(
                if number % 2 == 0 { a } else { b },
                log(number, 1 + (number % 2) as u8, "posts"),
                100,
            );
        }
        sim.restart(a, !lose_a);
        sim.restart(b, !lose_b);
        sim.connect(a, b, LATENCY, 0);
        sim.run_until_idle();
        for number in 0..20 {
            assert!(
                same(&sim, a, b, &posts(number)),
                "{lose_a} {lose_b} {number}"
            );
            assert!(
                same(&sim, a, b, &log(number, 2, "posts")),
                "{lose_a} {lose_b} {number}"
            );
        }
        println!(
            "20 new of 200, memory lost {lose_a} {lose_b}: {} bytes",
            bytes(&sim.take_sent())
        );
        assert!(
            sim.errors(a).is_empty() && sim.errors(b).is_empty(),
            "{:?} {:?}",
            sim.errors(a),
            sim.errors(b)
        );
        sim.disconnect(a, b);
        sim.connect(a, b, LATENCY, 0);
        sim.run_until_idle();
        assert_eq!(sim.take_sent().len(), 2, "agreed again");
    }
}

#[test]
fn a_feed_left_and_followed_again_while_apart_comes_back() {
    let (mut sim, a, b) = synced(27, 50, 30);
    sim.unfollow(b, feed(7));
    sim.forget(b, feed(7));
    sim.follow(b, feed(7));
    sim.connect(a, b, LATENCY, 0);
    sim.run_until_idle();
    assert!(same(&sim, a, b, &posts(7)));
    println!("one of 50 feeds lost: {} messages", sim.take_sent().len());
}

#[test]
fn a_third_gets_a_feed_while_its_owner_is_off() {
    let mut sim = Sim::new(17);
    let (a, b, c) = (sim.add(), sim.add(), sim.add());
    for id in [a, b, c] {
        sim.follow(id, feed(0));
    }
    for _ in 0..100 {
        sim.append(a, posts(0), 100);
    }
    sim.connect(a, b, LATENCY, 0);
    sim.run_until_idle();
    sim.disconnect(a, b);
    sim.connect(b, c, LATENCY, 0);
    sim.run_until_idle();
    assert!(same(&sim, a, c, &posts(0)));
}

#[test]
fn a_range_is_asked_of_one_peer_only() {
    let mut sim = Sim::new(18);
    let (a, b, c) = (sim.add(), sim.add(), sim.add());
    for id in [a, b] {
        for number in 0..10 {
            sim.preload(id, posts(number), 1_000, 300);
        }
    }
    for id in [a, b, c] {
        for number in 0..10 {
            sim.follow(id, feed(number));
        }
    }
    sim.connect(a, c, LATENCY, 1_000);
    sim.connect(b, c, LATENCY, 1_000);
    sim.run_until_idle();
    for number in 0..10 {
        assert!(same(&sim, a, c, &posts(number)));
    }
    let sent = sim.take_sent();
    let to_c: Vec<_> = sent
        .iter()
        .copied()
        .filter(|s| s.to == c && s.tag == RUN)
        .collect();
    let from_b: Vec<_> = to_c.iter().copied().filter(|s| s.from == b).collect();
    println!(
        "two sources: {} bytes, {} of them from the second",
        bytes(&to_c),
        bytes(&from_b)
    );
    assert!(bytes(&to_c) < 10_000 * 330);
    assert!(!from_b.is_empty());
}

#[test]
fn a_silent_peer_is_named() {
    let (mut sim, a, b) = pair(26, 1, 1);
    // A line so slow that not even a hello comes through in half a minute.
    sim.connect(a, b, 40_000, 0);
    sim.run_until_idle();
    assert!(
        matches!(
            sim.errors(a),
            [(_, PeerError::Silent { due: "a hello", .. })]
        ),
        "{:?}",
        sim.errors(a)
    );
    assert!(!sim.is_connected(a, b));
}
