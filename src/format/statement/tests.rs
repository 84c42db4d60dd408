//! Random sets: the fast caps and judging against the slow ones, and what they promise.
//!
//! A failure names its seed; `Random::new(seed)` gives the same set again.

use std::collections::BTreeSet;

use super::super::key::{DeviceSecret, FeedSecret};
use super::caps::{CAPS, Caps, Room, Rooms, capped, deciding_order, spread};
use super::judge::judge;
use super::model::{self, Admit, FEED, LANES, ModelEnd, Said, Set, Who};
use super::{Signer, Statement, Statements};

/// So small that random sets of twenty pass them, by counts and by bytes.
const SMALL: Caps = {
    let last = Rooms {
        admits: 0,
        retires: Room {
            count: 1,
            bytes: 25,
        },
        own: Room {
            count: 2,
            bytes: 40,
        },
    };
    let first = Rooms {
        admits: 3,
        retires: Room {
            count: 3,
            bytes: 60,
        },
        own: Room {
            count: 2,
            bytes: 40,
        },
    };
    Caps {
        feed_admits: 3,
        feed_retires: Room {
            count: 3,
            bytes: 120,
        },
        kept_room: 5,
        devices: [first, Rooms { admits: 1, ..last }, last],
    }
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
    capped(&SMALL, &spread(held))
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
        let slow = model::trunc(&SMALL, set);
        let fast = capped(&SMALL, &held);
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
        let full = capped(&SMALL, &real(set));
        assert_eq!(cap(full.clone()), full, "{seed}");
    });
}

#[test]
fn choosing_from_a_part_first_changes_nothing_where_no_signer_comes_nearer() {
    let (mut same, mut pushed) = (0, 0);
    each_random_set(|random, set, seed| {
        let all = real(set);
        let (part, rest): (Set, Set) = set.iter().cloned().partition(|_| random.chance(60));
        let first = capped(&SMALL, &real(&part));
        let in_two = cap(first.iter().cloned().chain(real(&rest)).collect());
        let (before, after) = (model::depths(&SMALL, &part), model::depths(&SMALL, set));
        let nearer = after
            .iter()
            .any(|(who, depth)| before.get(who).is_none_or(|old| old > depth));
        if nearer || model::ended(&SMALL, &part) != model::ended(&SMALL, set) {
            return;
        }
        assert_eq!(in_two, capped(&SMALL, &all), "{seed}");
        same += 1;
        pushed += usize::from(first.iter().any(|s| !in_two.contains(s)));
    });
    assert!(same > 300 && pushed > 50, "{same} {pushed}");
}

#[test]
fn replicas_that_exchange_what_they_keep_end_up_equal() {
    let mut hard = 0;
    each_random_set(|random, set, seed| {
        let mut order: Vec<Statement> = set.iter().map(model::real).collect();
        let mut replicas: Vec<Vec<Statement>> = (0..3)
            .map(|_| {
                random.shuffle(&mut order);
                offer(Vec::new(), &order)
            })
            .collect();
        hard += usize::from(replicas[0] != replicas[1] || replicas[1] != replicas[2]);
        for round in 0.. {
            assert!(round < 12, "no end, {seed}");
            for (one, other) in [(0, 1), (1, 2), (2, 0)] {
                let both = cap([replicas[one].clone(), replicas[other].clone()].concat());
                (replicas[one], replicas[other]) = (both.clone(), both);
            }
            if replicas[0] == replicas[1] && replicas[1] == replicas[2] {
                break;
            }
        }
        assert_eq!(cap(replicas[0].clone()), replicas[0], "{seed}");
    });
    assert!(hard > 200, "only {hard} sets were hard");
}

#[test]
fn every_first_part_in_deciding_order_stays_whole() {
    let mut deep = 0;
    each_random_set(|random, set, seed| {
        let all = real(set);
        let kept = capped(&SMALL, &all);
        let order = deciding_order(&SMALL, &kept);
        assert_eq!(order.len(), kept.len(), "{seed}");
        let mut held: Vec<Statement> = Vec::new();
        let mut rest = order.as_slice();
        while !rest.is_empty() {
            let (page, after) = rest.split_at(1 + random.below(rest.len()));
            let offered = page.iter().copied().cloned();
            let all: Vec<Statement> = held.iter().cloned().chain(offered).collect();
            held = cap(all.clone());
            assert_eq!(held, spread(all), "{seed}");
            rest = after;
        }
        assert_eq!(held, kept, "{seed}");
        deep += usize::from(kept.len() > 9);
    });
    assert!(deep > 500, "{deep}");
}

#[test]
fn nobody_pushes_out_what_another_signed() {
    let mut full = 0;
    each_random_set(|random, set, seed| {
        let all = real(set);
        let before = capped(&SMALL, &all);
        let who: Who = random.pick(&[1, 2, 3]);
        let thief = Signer::Device(model::device(who));
        // The very shortest and smallest: of sizes and ids that a thief would grind for.
        let flood = (0..12u32).map(|n| {
            let dev = random.pick(&[1, 2, 3, 4, 5, 6, 7, 8]);
            let id = n * 115;
            if n % 2 == 0 {
                let admin = true;
                Said::Admit(Admit {
                    id,
                    signer: who,
                    dev,
                    admin,
                })
            } else {
                Said::Retire {
                    id,
                    signer: who,
                    dev,
                    ends: Vec::new(),
                    keep: Vec::new(),
                }
            }
        });
        let flood: Vec<Statement> = flood.map(|said| model::real(&said)).collect();
        let after = cap(all.iter().cloned().chain(flood).collect());
        let depths = model::depths(&SMALL, set);
        let Some(at) = depths.get(&who) else { return };
        for lost in before.iter().filter(|old| !after.contains(old)) {
            let carried_by_thief = before.iter().any(|s| {
                s.signer() == thief && s.as_retire().is_some_and(|retire| retire.keeps(lost.id()))
            });
            let signer = lost
                .signer()
                .device()
                .map_or(FEED, |device| device.as_bytes()[0]);
            let by_whom_it_admitted = depths.get(&signer).is_none_or(|of| of > at);
            assert!(
                lost.signer() == thief || carried_by_thief || by_whom_it_admitted,
                "{lost:?} is lost, {seed}"
            );
        }
        full += 1;
    });
    assert!(full > 800, "{full}");
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
            model::judge(&model::trunc(&CAPS, set)),
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
        let outcome = model::outcome(&judge(&capped(&SMALL, &real(&set))));
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
    let expected = model::judge(&model::trunc(&SMALL, &honest));
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
        let outcome = model::outcome(&judge(&capped(&SMALL, &real(&set))));
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
fn what_the_own_disk_holds_is_read_without_its_signatures() {
    let secret = FeedSecret::from_bytes(&[1; 32]);
    let device = DeviceSecret::from_bytes(&[2; 32]);
    let (feed, consent) = (secret.id(), device.consent(&secret.id()));
    let statement = Statement::admit(feed, &secret, device.id(), true, "phone", consent).unwrap();
    let bytes = statement.encode();
    assert_eq!(statement.size(), bytes.len());
    let read = Statement::decode_trusted(&bytes).unwrap();
    assert_eq!(read, statement);
    assert_eq!(read.size(), bytes.len());
    let mut unsigned = bytes;
    *unsigned.last_mut().unwrap() ^= 1;
    assert!(Statement::decode(&unsigned).is_err());
    assert!(Statement::decode_trusted(&unsigned).is_ok());
    // Its shape is looked at all the same.
    unsigned.copy_within(0..32, 65);
    assert!(Statement::decode_trusted(&unsigned).is_err());
}
