//! Random lives of honest people among thieves, in groups by what the thieves do.

use tidings::worlds::Prng;

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
    for victim in 1..devices.min(2 + device(below(2))) {
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

fn lives(loss: Loss, deeds: &[Deed]) {
    let begun = std::time::Instant::now();
    for seed in seeds() {
        let ended = std::panic::catch_unwind(|| life(seed, loss, deeds));
        if let Err(panic) = ended {
            println!("TIDINGS_SEED={seed}");
            std::panic::resume_unwind(panic);
        }
    }
    let lives = u32::try_from(seeds().count()).unwrap_or(u32::MAX).max(1);
    println!("{lives} lives, {:?} each", begun.elapsed() / lives);
}

pub(crate) fn thieves_who_post() {
    lives(
        Loss::Taken,
        &[Deed::Post, Deed::Claims, Deed::Expiring, Deed::Far],
    );
}

pub(crate) fn thieves_who_retire_and_admit() {
    let deeds = [
        Deed::RetireWhole,
        Deed::RetirePart,
        Deed::RetireSelf,
        Deed::Devices,
        Deed::Flood,
        Deed::Post,
    ];
    lives(Loss::Taken, &deeds);
}

pub(crate) fn thieves_who_delete_and_edit() {
    lives(
        Loss::Taken,
        &[Deed::Delete, Deed::Undelete, Deed::Edit, Deed::Post],
    );
}

pub(crate) fn thieves_who_purge() {
    lives(Loss::Taken, &[Deed::Purge, Deed::Delete, Deed::Undelete]);
}

pub(crate) fn thieves_who_fork_what_is_gone() {
    lives(Loss::Taken, &[Deed::Fork, Deed::Post, Deed::RetirePart]);
}

pub(crate) fn copies_that_go_on_posting() {
    lives(Loss::Copied, &[Deed::Post, Deed::Fork]);
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
    lives(Loss::Any, &deeds);
}
