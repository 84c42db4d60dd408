//! Random sets: the fast caps and judging against the slow ones, and what they promise.
//!
//! A failure names its seed; `Random::new(seed)` gives the same set again.

use std::collections::BTreeSet;

use super::caps::{CAPS, Caps, capped, reached, spread};
use super::judge::judge;
use super::model::{self, Admit, FEED, LANES, ModelEnd, Said, Set, Who};
use super::{Statement, Statements};

/// So small that random sets of twenty pass them.
const SMALL: Caps = Caps {
    feed_key: 6,
    device: 2,
    own: 2,
};
const ROUNDS: u64 = 4_000;

/// SplitMix64: small, seeded, the same everywhere.
struct Random(u64);

impl Random {
    fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15))
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.next() % limit as u64).unwrap()
    }

    fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    fn pick<T: Clone>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())].clone()
    }

    fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.below(last + 1));
        }
    }

    fn some<T: Clone>(&mut self, from: &[T], at_most: usize) -> Vec<T> {
        let mut all = from.to_vec();
        self.shuffle(&mut all);
        all.truncate(self.below(at_most.min(all.len()) + 1));
        all
    }

    fn ends(&mut self) -> Vec<ModelEnd> {
        let lanes = self.some(&LANES, 2);
        lanes
            .into_iter()
            .map(|lane| (lane, self.next() % 5, u8::try_from(self.below(9)).unwrap()))
            .collect()
    }
}

/// Statements by anyone about anyone; half the sets leave more to the feed key than the other half.
fn random_set(random: &mut Random, count: usize) -> Set {
    let devices: [Who; 6] = [1, 2, 3, 4, 5, 6];
    let feed_percent = random.pick(&[8, 30]);
    let mut ids = BTreeSet::new();
    let mut set = Set::new();
    for _ in 0..count {
        let signer = if random.chance(feed_percent) {
            FEED
        } else {
            random.pick(&devices)
        };
        let dev = random.pick(&devices);
        let id = 1 + u32::try_from(random.below(1_000_000)).unwrap();
        if !ids.insert(id) {
            continue;
        }
        set.insert(if random.chance(55) {
            Said::Admit(Admit {
                id,
                signer,
                dev,
                admin: random.chance(70),
            })
        } else {
            let pool = admits_of(&set, dev);
            Said::Retire {
                id,
                signer,
                dev,
                ends: random.ends(),
                keep: random.some(&pool, 2),
            }
        });
    }
    set
}

fn admits_of(set: &Set, signer: Who) -> Vec<Admit> {
    let admits = set.iter().filter_map(|s| {
        if let Said::Admit(admit) = s {
            Some(admit)
        } else {
            None
        }
    });
    admits
        .filter(|admit| admit.signer == signer)
        .cloned()
        .collect()
}

fn real(set: &Set) -> Vec<Statement> {
    spread(set.iter().map(model::real).collect())
}

fn cap(held: Vec<Statement>) -> Vec<Statement> {
    capped(SMALL, &spread(held))
}

/// Holds what was offered one by one, each offer cut to the caps.
fn offer(held: Vec<Statement>, order: &[Statement]) -> Vec<Statement> {
    order.iter().fold(held, |held, statement| {
        cap(held.into_iter().chain([statement.clone()]).collect())
    })
}

fn each_random_set(mut check: impl FnMut(&mut Random, &Set, &str)) {
    for seed in 0..ROUNDS {
        let mut random = Random::new(seed);
        let count = 3 + random.below(23);
        let set = random_set(&mut random, count);
        check(&mut random, &set, &format!("seed {seed}"));
    }
}

#[test]
fn the_fast_caps_and_judge_are_the_slow_ones() {
    let (mut retired, mut cut, mut deep) = (0, 0, 0);
    each_random_set(|_, set, seed| {
        let held = real(set);
        assert_eq!(model::outcome(&judge(&held)), model::judge(set), "{seed}");
        let slow = model::trunc(SMALL, set);
        let fast = capped(SMALL, &held);
        assert_eq!(fast, real(&slow), "{seed}");
        let outcome = model::judge(&slow);
        assert_eq!(model::outcome(&judge(&fast)), outcome, "{seed}");
        retired += usize::from(
            outcome
                .values()
                .any(|(_, _, ends)| ends.as_ref().is_some_and(|e| !e.is_empty())),
        );
        cut += usize::from(slow.len() < set.len());
        deep += usize::from(outcome.values().any(|(generation, ..)| *generation == 3));
    });
    // The comparison is worth something only if the sets reach all of it.
    assert!(
        retired > 500 && cut > 2_000 && deep > 150,
        "{retired} {cut} {deep}"
    );
}

#[test]
fn capping_what_is_capped_changes_nothing() {
    each_random_set(|_, set, seed| {
        let full = capped(SMALL, &real(set));
        assert_eq!(cap(full.clone()), full, "{seed}");
    });
}

#[test]
fn replicas_agree_once_they_meet_one_that_keeps_everything() {
    let mut differed = 0;
    each_random_set(|random, set, seed| {
        let all = real(set);
        let full = capped(SMALL, &all);
        let mut order: Vec<Statement> = set.iter().map(model::real).collect();
        random.shuffle(&mut order);
        let one = offer(Vec::new(), &order);
        differed += usize::from(one != full);
        // All at once, as one merge.
        let settled = cap(one.iter().cloned().chain(order.iter().cloned()).collect());
        assert_eq!(settled, full, "{seed}");
        assert_eq!(judge(&settled), judge(&full), "{seed}");
        // One by one, again and again until nothing changes.
        let mut stubborn = one;
        loop {
            random.shuffle(&mut order);
            let next = offer(stubborn.clone(), &order);
            if next == stubborn {
                break;
            }
            stubborn = next;
        }
        assert_eq!(stubborn, full, "{seed}");
    });
    assert!(differed > 200, "only {differed} sets were hard");
}

#[test]
fn what_no_admit_leads_to_is_of_no_use_to_who_keeps_everything() {
    each_random_set(|random, set, seed| {
        let all = real(set);
        assert_eq!(capped(SMALL, &reached(&all)), capped(SMALL, &all), "{seed}");
        let (mut left, mut right) = (Vec::new(), Vec::new());
        for statement in reached(&all) {
            if random.chance(50) {
                left.push(statement);
            } else {
                right.push(statement);
            }
        }
        let mut there = Statements::new(model::feed()).keep_all();
        let mut back = there.clone();
        there.merge(left.iter().cloned());
        there.merge(right.iter().cloned());
        there.merge(left.iter().cloned());
        back.merge(right.into_iter().chain(left));
        // One order in two steps may lose what only the other half leads to, but for it being offered again.
        there.merge(all);
        assert_eq!(there.digest(), back.digest(), "{seed}");
    });
}

#[test]
fn below_the_caps_every_order_ends_in_the_same_set() {
    each_random_set(|random, set, seed| {
        let mut order: Vec<Statement> = set.iter().map(model::real).collect();
        let mut whole = Statements::new(model::feed());
        whole.merge(order.iter().cloned());
        let mut replicas = [
            Statements::new(model::feed()),
            Statements::new(model::feed()),
        ];
        for replica in &mut replicas {
            random.shuffle(&mut order);
            for statement in &order[..random.below(order.len())] {
                replica.insert(statement.clone());
            }
        }
        loop {
            random.shuffle(&mut order);
            let offered = random.pick(&[0, 1]);
            let mut changed = false;
            for statement in &order {
                changed |= replicas[offered].insert(statement.clone());
            }
            let [left, right] = &mut replicas;
            changed |= left.merge(right.iter().cloned());
            changed |= right.merge(left.iter().cloned());
            if !changed && replicas.iter().all(|r| r.digest() == whole.digest()) {
                break;
            }
            assert!(changed, "stuck apart, {seed}");
        }
        assert_eq!(replicas[0].judge(), whole.judge(), "{seed}");
        assert_eq!(
            model::outcome(&whole.judge()),
            model::judge(&model::trunc(CAPS, set)),
            "{seed}"
        );
    });
}

#[test]
fn one_retire_by_the_feed_key_ends_any_device() {
    let mut ended = 0;
    each_random_set(|_, set, seed| {
        let last_word = Said::Retire {
            id: 0,
            signer: FEED,
            dev: 1,
            ends: Vec::new(),
            keep: Vec::new(),
        };
        let set: Set = set.iter().cloned().chain([last_word]).collect();
        let outcome = model::outcome(&judge(&capped(SMALL, &real(&set))));
        if let Some((_, _, ends)) = outcome.get(&1) {
            assert_eq!(*ends, Some(Vec::new()), "{seed}");
            ended += 1;
        }
    });
    assert!(ended > 200, "only {ended} sets admit the device");
}

/// A stolen admin phone `T` signs what it likes, also through devices it admits; the feed key ends it with one Retire.
#[test]
fn a_thief_is_undone_by_one_statement_of_the_feed_key() {
    const P: Who = 1;
    const T: Who = 2;
    const Q: Who = 3;
    const Y: Who = 4;
    let admit = |id, signer, dev, admin| Admit {
        id,
        signer,
        dev,
        admin,
    };
    let kept = admit(503, T, Y, false);
    let honest = [
        admit(500, FEED, P, true),
        admit(501, FEED, T, true),
        admit(502, P, Q, false),
        kept.clone(),
    ];
    let rescue = Said::Retire {
        id: 900,
        signer: FEED,
        dev: T,
        ends: vec![('x', 3, 1)],
        keep: vec![kept],
    };
    let honest: Set = honest
        .into_iter()
        .map(Said::Admit)
        .chain([rescue])
        .collect();
    let expected = model::judge(&model::trunc(SMALL, &honest));
    for seed in 0..6_000 {
        let mut random = Random::new(seed);
        let mut set = honest.clone();
        let mut ids: BTreeSet<u32> = set.iter().map(Said::id).collect();
        for _ in 0..=random.below(29) {
            let signer = random.pick(&[T, T, 7, 8, 9]);
            let id = 1 + u32::try_from(random.below(1_000)).unwrap();
            if !ids.insert(id) {
                continue;
            }
            set.insert(if random.chance(50) {
                Said::Admit(admit(
                    id,
                    signer,
                    random.pick(&[7, 8, 9, Y, Q, P]),
                    random.chance(80),
                ))
            } else {
                let dev = random.pick(&[P, Q, Y, T, 7, 8, 9]);
                let pool = admits_of(&set, dev);
                Said::Retire {
                    id,
                    signer,
                    dev,
                    ends: random.ends(),
                    keep: random.some(&pool, 2),
                }
            });
        }
        let outcome = model::outcome(&judge(&capped(SMALL, &real(&set))));
        for who in [P, Q, Y, T] {
            assert_eq!(
                outcome.get(&who),
                expected.get(&who),
                "device {who}, seed {seed}"
            );
        }
    }
}

#[test]
fn the_caps_that_are_shipped_bound_each_signer() {
    let mut set: Set = (0..200)
        .map(|id| {
            Said::Admit(Admit {
                id,
                signer: FEED,
                dev: 1,
                admin: true,
            })
        })
        .collect();
    set.extend((200..400).map(|id| {
        Said::Admit(Admit {
            id,
            signer: 1,
            dev: 2,
            admin: false,
        })
    }));
    let retire = |id, dev| Said::Retire {
        id,
        signer: 1,
        dev,
        ends: Vec::new(),
        keep: Vec::new(),
    };
    set.extend((400..600).map(|id| retire(id, u8::try_from(id - 397).unwrap())));
    set.extend((600..700).map(|id| retire(id, 1)));
    set.extend((700..800).map(|id| retire(id, 3)));
    let mut held = Statements::new(model::feed());
    held.merge(set.iter().rev().map(model::real));
    assert_eq!(held.len(), 64 + 16 + 16 + 4);
    assert!(!held.merge(set.iter().map(model::real)));
    let mut own = Statements::new(model::feed()).keep_all();
    assert!(own.merge(set.iter().map(model::real)));
    assert_eq!(own.len(), set.len());
    assert_eq!(own.capped().digest(), held.digest());
    assert_eq!(own.judge(), held.judge());
}
