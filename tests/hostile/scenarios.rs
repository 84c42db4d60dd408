//! What was shown from outside, each once, small, and with nothing left to chance.

use tidings::format::{
    End, Ends, EntryId, EntryRef, ForkProof, Lane, Seq, Statement, Timestamp, lanes,
};
use tidings::worlds::{Pen, delete, device_key, feed_key, post};

use crate::cast::{Cast, LATENCY, Stolen};

const PHONE: usize = 1;

/// An owner with a laptop (0) and a phone (1), both admins, two followers, and ten posts that all have.
fn everyday() -> Cast {
    let mut cast = Cast::new(1, 2, 2);
    for n in 0..10 {
        cast.post(n % 2);
    }
    cast.rest();
    cast
}

/// The phone is stolen and turned off, and the thief has its key.
fn stolen_phone() -> Cast {
    let mut cast = everyday();
    cast.lose(PHONE);
    cast
}

fn retire_laptop(cast: &Cast, ends: Ends) -> Statement {
    let (laptop, thief) = (cast.devices[0].1.id(), &cast.devices[PHONE].1);
    Statement::retire(cast.feed, thief, laptop, ends, []).unwrap()
}

/// Item 1.
pub(crate) fn what_a_thief_retires_is_back_with_all_bodies() {
    let mut cast = stolen_phone();
    let words = [retire_laptop(&cast, Ends::default())];
    let feed = cast.feed;
    cast.hoard(|hoard| hoard.statements(feed, &words));
    cast.rest();
    cast.post(0);
    cast.last_word(&[Stolen::Taken(PHONE)]);
    cast.assert_well();
}

/// Item 1: it is back without a network, too.
pub(crate) fn what_a_thief_retires_is_back_without_a_network() {
    let mut cast = stolen_phone();
    let words = [retire_laptop(&cast, Ends::default())];
    let (feed, honest) = (cast.feed, cast.honest());
    let before = cast.world.seen(honest[1], &feed).page;
    cast.hoard(|hoard| hoard.statements(feed, &words));
    cast.rest();
    for a in &honest {
        for b in honest.iter().filter(|b| *b != a) {
            cast.world.part(*a, *b);
        }
    }
    let ends = cast.true_ends(PHONE);
    let phone = cast.devices[PHONE].1.id();
    let word = Statement::retire(feed, &cast.key, phone, ends, []).unwrap();
    cast.hoard(|hoard| hoard.statements(feed, &[word]));
    cast.rest();
    for id in honest {
        assert_eq!(cast.world.seen(id, &feed).page, before, "node {id}");
    }
}

/// Item 1: a delete of everything, as hard as it goes.
pub(crate) fn what_a_thief_purges_is_back_with_all_bodies() {
    let mut cast = stolen_phone();
    let (feed, time) = (cast.feed, cast.world.clock());
    let targets = cast.copy_of_all();
    let mut pen = cast.copy(PHONE, lanes::STATE);
    pen.write(&[delete(&targets, true, time)]);
    cast.hoard(|hoard| hoard.log(&pen));
    cast.rest();
    cast.last_word(&[Stolen::Taken(PHONE)]);
    assert!(!cast.world.seen(0, &feed).page.is_empty());
    cast.assert_well();
}

/// A fork of the laptop's log at a place: two sides meet, and the feed key says which is true.
fn forked_at(at: u64, lane: Lane) -> Cast {
    let mut cast = everyday();
    let time = cast.world.clock();
    for n in 0..3 {
        let said = post(&format!("state {n}"), time);
        cast.append(0, lanes::STATE, said).unwrap();
    }
    cast.rest();
    let truth = cast.copy(0, lane);
    let mut pen = truth.fork(Seq(at));
    pen.write(&[post("I never said this", time), post("nor this", time)]);
    let proof = ForkProof::new(&truth.runs()[0], &pen.runs()[0]).unwrap();
    assert_eq!(proof.at(), Seq(at));
    cast.hoard(|hoard| {
        hoard.log(&pen);
        hoard.proof(&proof);
    });
    cast.rest();
    cast.post(0);
    cast.rest();
    cast.last_word(&[Stolen::Copied(0)]);
    cast.newcomer();
    cast
}

/// Item 2.
pub(crate) fn a_fork_at_place_0_hides_nothing() {
    forked_at(0, lanes::POSTS).assert_well();
}

/// Item 2.
pub(crate) fn a_fork_in_the_middle_hides_nothing() {
    forked_at(3, lanes::POSTS).assert_well();
}

/// Item 2.
pub(crate) fn a_fork_in_lane_state_hides_nothing() {
    forked_at(0, lanes::STATE).assert_well();
}

/// Item 2: until somebody says which branch is true, nobody loses what they hold, and the common part is served.
pub(crate) fn until_a_fork_is_settled_nobody_loses_what_is_held() {
    let mut cast = everyday();
    let (feed, time) = (cast.feed, cast.world.clock());
    let before = cast.world.seen(cast.followers[0], &feed).page;
    let truth = cast.copy(0, lanes::POSTS);
    let mut pen = truth.fork(Seq(3));
    pen.write(&[post("I never said this", time)]);
    let proof = ForkProof::new(&truth.runs()[0], &pen.runs()[0]).unwrap();
    cast.hoard(|hoard| {
        hoard.log(&pen);
        hoard.proof(&proof);
    });
    cast.rest();
    for id in cast.honest() {
        assert_eq!(cast.world.seen(id, &feed).page, before, "node {id}");
    }
    let late = cast.newcomer();
    cast.rest();
    cast.assert_unhurt();
    let seen = cast.world.seen(late, &feed).page;
    let below = before
        .iter()
        .filter(|(name, _)| name.log.device != cast.devices[0].1.id() || name.seq < Seq(3));
    for shown in below {
        assert!(seen.contains(shown), "{shown:?}");
    }
}

/// Item 2 and 8: followers that took another branch first drop it for the true one.
pub(crate) fn who_took_the_false_branch_first_gets_the_true_one() {
    let mut cast = everyday();
    let (feed, time) = (cast.feed, cast.world.clock());
    let mut pen = cast.copy(0, lanes::POSTS).fork(Seq(1));
    let false_posts: Vec<_> = (0..6).map(|n| post(&format!("false {n}"), time)).collect();
    pen.write(&false_posts);
    // This one meets nobody but the thief at first.
    let late = cast.newcomer();
    let friends: Vec<u32> = cast.honest().into_iter().filter(|id| *id != late).collect();
    friends.iter().for_each(|id| cast.world.part(late, *id));
    let admits = [0, 1].map(|at| cast.admit(&device_key(at), true));
    let thief = cast.world.hoard();
    cast.world.give(thief, |hoard| {
        hoard.statements(feed, &admits);
        hoard.log(&pen);
    });
    cast.world.join(thief, late, LATENCY);
    cast.rest();
    assert_eq!(
        cast.world.seen(late, &feed).page.len(),
        7,
        "it has the false branch"
    );
    friends
        .iter()
        .for_each(|id| cast.world.join(late, *id, LATENCY));
    cast.rest();
    cast.last_word(&[Stolen::Copied(0)]);
    cast.assert_well();
}

/// Item 3, as far as stores go: a claim of the end of time is held, and hides nothing of anybody.
pub(crate) fn claims_at_both_ends_of_time_hide_nothing() {
    let mut cast = stolen_phone();
    let mut pen = cast.copy(PHONE, lanes::POSTS);
    let claims = [i64::MAX, i64::MAX - 1, i64::MIN, 0].map(|at| post("when?", Timestamp(at)));
    pen.write(&claims);
    cast.hoard(|hoard| hoard.log(&pen));
    cast.rest();
    cast.honest()
        .into_iter()
        .for_each(|id| cast.world.sweep(id));
    cast.post(0);
    cast.last_word(&[Stolen::Taken(PHONE)]);
    cast.newcomer();
    cast.assert_well();
}

/// Admits that the phone signed of devices that its thief made up.
fn admits(cast: &Cast, count: u64) -> Vec<Statement> {
    let thief = &cast.devices[PHONE].1;
    let admit = |n| {
        let made_up = device_key(10_000 + n);
        let consent = made_up.consent(&cast.feed);
        Statement::admit(cast.feed, thief, made_up.id(), false, "", consent).unwrap()
    };
    (0..count).map(admit).collect()
}

/// Item 4: more than one answer may hold, and still the last word comes through.
pub(crate) fn a_flood_of_admits_keeps_no_retire_out() {
    let mut cast = stolen_phone();
    let (feed, flood) = (cast.feed, admits(&cast, 500));
    cast.hoard(|hoard| hoard.statements(feed, &flood));
    cast.rest();
    cast.post(0);
    cast.last_word(&[Stolen::Taken(PHONE)]);
    cast.newcomer();
    cast.assert_well();
}

/// Item 4: two halves of what is more than one answer holds, each of which an owner's device takes.
pub(crate) fn more_statements_than_an_answer_holds_ban_nobody() {
    let mut cast = stolen_phone();
    let (feed, phone) = (cast.feed, cast.devices[PHONE].1.clone());
    let id = EntryId::from_bytes([3; 32]);
    let end = |n: u64| {
        let lane = Lane::new(&format!("a-lane-of-thirty-two-bytes-{n:05}")).unwrap();
        let seq = Seq(u64::MAX / 2);
        (lane, End { seq, id })
    };
    let ends = Ends::new((0..64).map(end)).unwrap();
    // Each of some 4.9 kB, with one signature.
    let word = |n: u64| {
        let target = device_key(40_000 + n).id();
        Statement::retire(feed, &phone, target, ends.clone(), []).unwrap()
    };
    for half in [0u64, 1] {
        let words: Vec<Statement> = (0..450).map(|n| word(1_000 * half + n)).collect();
        cast.hoard(|hoard| hoard.statements(feed, &words));
        cast.rest();
    }
    cast.post(0);
    cast.newcomer();
    cast.rest();
    cast.assert_unhurt();
    cast.last_word(&[Stolen::Taken(PHONE)]);
    cast.newcomer();
    cast.assert_well();
}

/// Item 4: each Admit admits the next admin, so that there are signers without end.
pub(crate) fn a_flood_of_signers_is_bounded_too() {
    let mut cast = stolen_phone();
    let feed = cast.feed;
    let phone = cast.devices[PHONE].1.clone();
    let mut flood = Vec::new();
    for n in 0..12 {
        let second = device_key(20_000 + n);
        let consent = second.consent(&feed);
        flood.push(Statement::admit(feed, &phone, second.id(), true, "", consent).unwrap());
        for m in 0..12 {
            let third = device_key(30_000 + 100 * n + m);
            let consent = third.consent(&feed);
            let by = &second;
            flood.push(Statement::admit(feed, by, third.id(), true, "", consent).unwrap());
        }
    }
    cast.hoard(|hoard| hoard.statements(feed, &flood));
    cast.rest();
    cast.assert_unhurt();
    cast.last_word(&[Stolen::Taken(PHONE)]);
    cast.newcomer();
    cast.assert_well();
}

/// Item 5: devices that are made up, one entry in each of many lanes, beside those of the owner. A part of what a peer may
/// name, so that it is quick; `TIDINGS_FULL=1` makes them 80 times 64, which is more.
pub(crate) fn made_up_devices_hide_nobody() {
    let mut cast = stolen_phone();
    let (feed, time) = (cast.feed, cast.world.clock());
    let (devices, lanes) = match std::env::var_os("TIDINGS_FULL") {
        Some(_) => (80, 64),
        None => (16, 12),
    };
    let words = admits(&cast, devices);
    let mut pens = Vec::new();
    for n in 0..devices {
        for lane in 0..lanes {
            let lane = Lane::new(&format!("l{lane}")).unwrap();
            let mut pen = Pen::new(&device_key(10_000 + n), feed, lane);
            pen.write(&[post("look at me", time)]);
            pens.push(pen);
        }
    }
    cast.hoard(|hoard| {
        hoard.statements(feed, &words);
        pens.iter().for_each(|pen| hoard.log(pen));
    });
    cast.rest();
    cast.post(0);
    cast.rest();
    cast.assert_unhurt();
    cast.last_word(&[Stolen::Taken(PHONE)]);
    cast.newcomer();
    cast.assert_well();
}

/// Item 8: a feed whose owner is hostile serves one branch here and another there, without bodies at first; its honest
/// followers hand them on to each other.
pub(crate) fn a_forked_feed_makes_no_follower_name_another() {
    let mut cast = everyday();
    let (key, device) = (feed_key(7), device_key(7));
    let (feed, time) = (key.id(), cast.world.clock());
    let consent = device.consent(&feed);
    let admit = Statement::admit(feed, &key, device.id(), true, "", consent).unwrap();
    let mut common = Pen::new(&device, feed, lanes::POSTS);
    common.write(&[post("a beginning", time)]);
    let branches = ["left", "right"].map(|side| {
        let mut pen = common.fork(Seq(1));
        pen.write(&["one", "two", "three"].map(|text| post(&format!("{side} {text}"), time)));
        pen
    });
    let [one, other] = [cast.followers[0], cast.followers[1]];
    cast.world.part(one, other);
    for (follower, branch) in [(one, &branches[0]), (other, &branches[1])] {
        cast.world.follow(follower, feed);
        let node = cast.world.hoard();
        cast.world.give(node, |hoard| {
            hoard.statements(feed, [&admit]);
            // Whoever gets the left branch has to ask others for its bodies.
            if follower == one {
                hoard.headers(branch);
            } else {
                hoard.log(branch);
            }
        });
        cast.world.join(node, follower, LATENCY);
        cast.rest();
        cast.world.part(node, follower);
        assert_eq!(cast.world.held(follower, &feed), (1, 4));
    }
    cast.world.join(one, other, LATENCY);
    cast.rest();
    cast.assert_unhurt();
    cast.assert_well();
}

/// Item 8: an end of a Retire that names a place far above, or an id of nothing, is nobody's fault.
pub(crate) fn made_up_ends_bring_no_peer_to_fault() {
    let mut cast = stolen_phone();
    let feed = cast.feed;
    let id = EntryId::from_bytes([9; 32]);
    let words = [Seq(0), Seq(2), Seq(u64::MAX - 64)].map(|seq| {
        let ends = Ends::new([(lanes::POSTS, End { seq, id })]).unwrap();
        retire_laptop(&cast, ends)
    });
    cast.hoard(|hoard| hoard.statements(feed, &words));
    cast.rest();
    cast.post(0);
    cast.last_word(&[Stolen::Taken(PHONE)]);
    cast.newcomer();
    cast.assert_well();
}

/// Item 9: Retires of falling id with alternating ends cut and restore everything again and again; what that may cost
/// is bounded, and so is what followers supply again.
pub(crate) fn retires_that_come_and_go_cost_little() {
    let mut cast = stolen_phone();
    let feed = cast.feed;
    for n in 0..30 {
        cast.post(0);
        if n % 10 == 0 {
            cast.rest();
        }
    }
    cast.rest();
    let before = cast.world.costs();
    let mut words: Vec<Statement> = (0..40)
        .map(|n| {
            let last = cast
                .written
                .values()
                .find(|name| name.log.device != cast.devices[PHONE].1.id());
            let ends = last.filter(|_| n % 2 == 0).map(|name| {
                let (seq, id) = (Seq(name.seq.0 + n), name.id);
                (lanes::POSTS, End { seq, id })
            });
            let more = (
                Lane::new(&format!("x{n}")).unwrap(),
                End {
                    seq: Seq(n),
                    id: EntryId::from_bytes([1; 32]),
                },
            );
            retire_laptop(&cast, Ends::new(ends.into_iter().chain([more])).unwrap())
        })
        .collect();
    words.sort_by_key(|word| std::cmp::Reverse(*word.id()));
    let thief = cast.hoard(|hoard| hoard.want(feed));
    for word in &words {
        cast.world
            .give(thief, |hoard| hoard.statements(feed, [word]));
        cast.world.run_for(3_000);
    }
    cast.rest();
    let after = cast.world.costs();
    let bytes = after.bytes - before.bytes;
    println!("{} rows in one write, {bytes} bytes", after.rows_a_write);
    assert!(after.rows_a_write <= 10_000, "{after:?}");
    assert!(bytes <= 4 * 1024 * 1024, "{bytes} bytes");
    cast.last_word(&[Stolen::Taken(PHONE)]);
    cast.newcomer();
    cast.assert_well();
}

/// Item 9: deletes of 64 targets each, many of which nobody holds, by many devices.
pub(crate) fn huge_deletes_cost_little_each() {
    let mut cast = stolen_phone();
    let (feed, time) = (cast.feed, cast.world.clock());
    let words = admits(&cast, 12);
    let all = cast.copy_of_all();
    let pens: Vec<Pen> = (0..12)
        .map(|n| {
            let mut pen = Pen::new(&device_key(10_000 + n), feed, lanes::STATE);
            let targets: Vec<EntryRef> = (0..33).map(|at| all[at % all.len()]).collect();
            pen.write(&[delete(&targets, true, time), delete(&targets, false, time)]);
            pen
        })
        .collect();
    cast.hoard(|hoard| {
        hoard.statements(feed, &words);
        pens.iter().for_each(|pen| hoard.log(pen));
    });
    cast.rest();
    let costs = cast.world.costs();
    assert!(costs.rows_a_write <= 10_000, "{costs:?}");
    cast.last_word(&[Stolen::Taken(PHONE)]);
    cast.newcomer();
    cast.assert_well();
}

/// The copy of a folder goes on posting beside the device that it was copied from.
pub(crate) fn a_restored_copy_that_goes_on_posting_costs_no_post() {
    let mut cast = everyday();
    let mut pen = cast.copy(0, lanes::POSTS);
    for round in 0..3 {
        cast.post(0);
        let time = cast.world.clock();
        pen.write(&[post(&format!("copy {round}"), time)]);
        cast.hoard(|hoard| hoard.log(&pen));
        cast.rest();
    }
    cast.last_word(&[Stolen::Copied(0)]);
    cast.newcomer();
    cast.assert_well();
}

impl Cast {
    /// All public entries that its first device holds, by name.
    pub(crate) fn copy_of_all(&self) -> Vec<EntryRef> {
        let seen = self.world.seen(self.devices[0].0, &self.feed);
        seen.page.into_iter().map(|(name, _)| name).collect()
    }
}

#[test]
fn honest_people_alone_are_well() {
    let mut cast = everyday();
    cast.newcomer();
    cast.assert_well();
}
