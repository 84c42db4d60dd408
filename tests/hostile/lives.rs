//! Random lives of honest people among thieves, in groups by what the thieves do.

use tidings::format::{Ends, Seq, Statement, lanes};
use tidings::worlds::{Hoard, Pen, Prng, delete, device_key, feed_key, post};

use crate::cast::{Cast, Stolen};
use crate::deeds::{Deed, Thief};

fn setting(name: &str, otherwise: u64) -> u64 {
    let set = std::env::var(name).ok();
    set.map_or(otherwise, |number| number.parse().expect("a number"))
}

/// Which lives are tried. More of them at night: TIDINGS_SEEDS=20000; one again: TIDINGS_SEED=... TIDINGS_SEEDS=1.
fn seeds() -> std::ops::Range<u64> {
    let first = setting("TIDINGS_SEED", 0);
    first..first + setting("TIDINGS_SEEDS", 40)
}

/// Who is robbed, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Loss {
    /// A device is gone: an admin's, or another.
    Taken,
    /// A folder was copied; the honest device goes on, and soon both have written.
    Copied,
    Any,
}

/// One life: honest people post, a thief or two act, sessions are lost, nodes begin anew; mostly the feed key speaks last,
/// and somebody comes late.
fn life(seed: u64, loss: Loss, deeds: &[Deed]) {
    let mut random = Prng::new(seed ^ 0x7e11);
    let mut below = |bound: u64| random.below(bound);
    let devices = 2 + usize::try_from(below(2)).unwrap();
    let followers = 1 + usize::try_from(below(3)).unwrap();
    let mut cast = Cast::new(seed, devices, followers);
    let device = |number: u64| usize::try_from(number).unwrap();
    for _ in 0..2 + below(6) {
        let poster = device(below(devices as u64));
        cast.post(poster);
    }
    cast.rest();
    let mut thieves = Vec::new();
    // The desk itself is never gone, since the feed key lies there; its folder may be copied.
    let first = usize::from(loss != Loss::Copied || below(3) > 0);
    for victim in first..devices.min(first + 1 + device(below(2))) {
        let taken = loss == Loss::Taken || (loss == Loss::Any && below(2) == 0);
        let stolen = if taken {
            Stolen::Taken(victim)
        } else {
            Stolen::Copied(victim)
        };
        thieves.push(Thief::new(&mut cast, stolen));
    }
    for _ in 0..6 + below(8) {
        match below(8) {
            0..=1 => {
                let poster = device(below(devices as u64));
                if cast.has(poster) {
                    cast.post(poster);
                }
            }
            2..=4 => {
                let at = device(below(thieves.len() as u64));
                let deed = deeds[device(below(deeds.len() as u64))];
                thieves[at].act(&mut cast, deed);
            }
            5 => {
                let honest = cast.honest();
                let (a, b) = (below(honest.len() as u64), below(honest.len() as u64));
                cast.world.cut(honest[device(a)], honest[device(b)]);
            }
            6 => {
                let honest = cast.honest();
                let one = honest[device(below(honest.len() as u64))];
                drop(cast.world.restart(one));
            }
            _ => cast.world.run_for(below(3_000)),
        }
        cast.world.run_for(below(200));
    }
    let speaks_last = below(4) > 0;
    if below(3) > 0 {
        cast.rest();
    }
    if speaks_last {
        let stolen: Vec<Stolen> = thieves.iter().map(|thief| thief.stolen).collect();
        cast.last_word(&stolen);
        // Thieves go on.
        for thief in &mut thieves {
            let deed = deeds[device(below(deeds.len() as u64))];
            thief.act(&mut cast, deed);
        }
    }
    cast.newcomer();
    if speaks_last {
        cast.assert_well();
    } else {
        cast.rest();
        cast.assert_unhurt();
    }
}

/// One in so many of the lives that are tried, of one group.
fn lives(one_in: u64, loss: Loss, deeds: &[Deed]) {
    all(one_in, |seed| life(seed, loss, deeds));
}

fn all(one_in: u64, life: impl Fn(u64) + std::panic::RefUnwindSafe) {
    let seeds = seeds();
    // At least one, so that a single seed can be had again in any group.
    let seeds = seeds.start..seeds.start + (seeds.end - seeds.start).div_ceil(one_in);
    let count = u32::try_from(seeds.end - seeds.start).unwrap_or(u32::MAX);
    let begun = std::time::Instant::now();
    for seed in seeds {
        let ended = std::panic::catch_unwind(|| life(seed));
        if let Err(panic) = ended {
            println!("TIDINGS_SEED={seed}");
            std::panic::resume_unwind(panic);
        }
    }
    println!("{count} lives, {:?} each", begun.elapsed() / count.max(1));
}

pub(crate) fn thieves_who_post() {
    lives(1, Loss::Taken, &[Deed::Post, Deed::Claims, Deed::Expiring]);
}

/// A place far above all others is asked for some thousand times by everybody, so these lives are long.
pub(crate) fn thieves_who_write_far_above() {
    lives(8, Loss::Taken, &[Deed::Post, Deed::Far]);
}

pub(crate) fn thieves_who_admit() {
    lives(
        1,
        Loss::Taken,
        &[Deed::Devices, Deed::RetireSelf, Deed::Post],
    );
}

pub(crate) fn thieves_who_retire() {
    let deeds = [
        Deed::RetireWhole,
        Deed::RetirePart,
        Deed::RetireSelf,
        Deed::Devices,
        Deed::Flood,
        Deed::Post,
    ];
    lives(1, Loss::Taken, &deeds);
}

pub(crate) fn thieves_who_delete_and_edit() {
    lives(
        1,
        Loss::Taken,
        &[Deed::Delete, Deed::Undelete, Deed::Edit, Deed::Post],
    );
}

pub(crate) fn thieves_who_purge() {
    lives(1, Loss::Taken, &[Deed::Purge, Deed::Delete, Deed::Undelete]);
}

pub(crate) fn thieves_who_fork_what_is_gone() {
    lives(1, Loss::Taken, &[Deed::Fork, Deed::Post, Deed::RetirePart]);
}

pub(crate) fn copies_that_go_on_posting() {
    lives(1, Loss::Copied, &[Deed::Post, Deed::Fork]);
}

/// All of it at once.
pub(crate) fn thieves_of_every_sort() {
    let deeds = [
        Deed::Post,
        Deed::Fork,
        Deed::RetireWhole,
        Deed::RetirePart,
        Deed::RetireSelf,
        Deed::Devices,
        Deed::Flood,
        Deed::Claims,
        Deed::Delete,
        Deed::Purge,
        Deed::Undelete,
        Deed::Expiring,
        Deed::Edit,
        Deed::Far,
    ];
    lives(2, Loss::Any, &deeds);
}

/// A feed whose owner is hostile, followed by honest people: branches and statements without measure, by several nodes at
/// once. What becomes of it is its owner's loss; nobody honest is hurt, and their own feed goes on.
fn hostile_feed(seed: u64) {
    let mut random = Prng::new(seed ^ 0xfeed);
    let mut below = |bound: u64| random.below(bound);
    let mut cast = Cast::new(seed, 1, 2 + usize::try_from(below(2)).unwrap());
    let key = feed_key(7);
    let feed = key.id();
    let devices: Vec<_> = (0..3).map(|n| device_key(700 + n)).collect();
    let mut words: Vec<Statement> = Vec::new();
    for device in &devices {
        let consent = device.consent(&feed);
        words.push(Statement::admit(feed, &key, device.id(), true, "", consent).unwrap());
    }
    let mut pens: Vec<Pen> = Vec::new();
    for device in &devices {
        for lane in [lanes::POSTS, lanes::STATE] {
            let mut pen = Pen::new(device, feed, lane);
            for n in 0..1 + below(5) {
                pen.write(&[post(&format!("hostile {n}"), cast.world.clock())]);
            }
            pens.push(pen);
        }
    }
    for follower in cast.followers.clone() {
        cast.world.follow(follower, feed);
    }
    let nodes: Vec<u32> = (0..3)
        .map(|_| cast.hoard(|hoard| hoard.want(feed)))
        .collect();
    for _ in 0..5 + below(6) {
        let now = cast.world.clock();
        let at = usize::try_from(below(pens.len() as u64)).unwrap();
        let mut pen = pens[at].fork(Seq(below(pens[at].next().0 + 1)));
        let texts = ["a", "b", "c"].map(|text| format!("{text} {}", below(100)));
        pen.write(&texts.map(|text| post(&text, now)));
        let all = pen.references();
        let mut rubout = Pen::new(&devices[0], feed, lanes::REACTIONS);
        rubout.write(&[delete(&all[..all.len().min(40)], true, now)]);
        if below(3) == 0 {
            let by = &devices[usize::try_from(below(3)).unwrap()];
            let target = devices[usize::try_from(below(3)).unwrap()].id();
            words.push(Statement::retire(feed, by, target, Ends::default(), []).unwrap());
        }
        let node = nodes[usize::try_from(below(3)).unwrap()];
        let without_bodies = below(2) == 0;
        cast.world.give(node, |hoard| {
            *hoard = Hoard::default();
            hoard.statements(feed, &words);
            pens.iter().for_each(|pen| hoard.log(pen));
            if without_bodies {
                hoard.headers(&pen);
            } else {
                hoard.log(&pen);
            }
            hoard.log(&rubout);
        });
        if below(2) == 0 {
            pens[at] = pen;
        }
        cast.post(0);
        let followers = cast.followers.clone();
        cast.world.cut(followers[0], followers[1]);
        cast.world.run_for(below(4_000));
    }
    cast.rest();
    cast.assert_unhurt();
    cast.assert_well();
}

pub(crate) fn hostile_feeds() {
    all(1, hostile_feed);
}
