//! Random lives of honest people among thieves, in groups by what the thieves do.

use tidings::format::{DeviceSecret, Ends, FeedId, Seq, Statement, Timestamp, lanes};
use tidings::worlds::{Hoard, Pen, Prng, delete, device_key, feed_key, post};

use crate::cast::{Cast, FRAMES_FAR, Stolen};
use crate::deeds::{Deed, Thief};

fn setting(name: &str, otherwise: u64) -> u64 {
    let set = std::env::var(name).ok();
    set.map_or(otherwise, |number| number.parse().expect("a number"))
}

/// Which lives are tried. More of them at night: TIDINGS_SEEDS=20000; one again: TIDINGS_SEED=... TIDINGS_SEEDS=1.
fn seeds() -> std::ops::Range<u64> {
    let first = setting("TIDINGS_SEED", 0);
    first..first + setting("TIDINGS_SEEDS", 300)
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

/// Who lives, and what the thieves among them may do.
struct Life<'d> {
    cast: Cast,
    random: Prng,
    thieves: Vec<Thief>,
    deeds: &'d [Deed],
}

impl Life<'_> {
    fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.random.below(bound as u64)).unwrap()
    }

    fn someone(&mut self) -> u32 {
        let honest = self.cast.honest();
        honest[self.below(honest.len())]
    }

    fn post(&mut self) {
        let device = self.below(self.cast.devices.len());
        if self.cast.has(device) {
            self.cast.post(device);
        }
    }

    /// One or two devices are stolen. The desk itself is never gone, since the feed key lies there; its folder may be
    /// copied.
    fn steal(&mut self, loss: Loss) {
        let devices = self.cast.devices.len();
        let first = usize::from(loss != Loss::Copied || self.below(3) > 0);
        for victim in first..devices.min(first + 1 + self.below(2)) {
            let taken = loss == Loss::Taken || (loss == Loss::Any && self.below(2) == 0);
            let stolen = if taken {
                Stolen::Taken(victim)
            } else {
                Stolen::Copied(victim)
            };
            self.thieves.push(Thief::new(&mut self.cast, stolen));
        }
    }

    fn act(&mut self, thief: usize) {
        let deed = self.deeds[self.below(self.deeds.len())];
        self.thieves[thief].act(&mut self.cast, deed);
    }

    fn step(&mut self) {
        match self.below(8) {
            0..=1 => self.post(),
            2..=4 => {
                let thief = self.below(self.thieves.len());
                self.act(thief);
            }
            5 => {
                let (a, b) = (self.someone(), self.someone());
                self.cast.world.cut(a, b);
            }
            6 => {
                let one = self.someone();
                drop(self.cast.world.restart(one));
            }
            _ => {
                let millis = self.random.below(3_000);
                self.cast.world.run_for(millis);
            }
        }
        let millis = self.random.below(200);
        self.cast.world.run_for(millis);
    }

    /// The feed key speaks, and thieves go on all the same.
    fn last_word(&mut self) {
        let stolen: Vec<Stolen> = self.thieves.iter().map(|thief| thief.stolen).collect();
        self.cast.last_word(&stolen);
        for thief in 0..self.thieves.len() {
            self.act(thief);
        }
    }
}

/// One life: honest people post, a thief or two act, sessions are lost, nodes begin anew; mostly the feed key speaks last,
/// and somebody comes late.
fn life(seed: u64, loss: Loss, deeds: &[Deed]) {
    let mut random = Prng::new(seed ^ 0x7e11);
    let devices = 2 + usize::try_from(random.below(2)).unwrap();
    let followers = 1 + usize::try_from(random.below(3)).unwrap();
    let mut cast = Cast::new(seed, devices, followers);
    if deeds.contains(&Deed::Far) {
        cast.frames = FRAMES_FAR;
    }
    let thieves = Vec::new();
    let mut life = Life {
        cast,
        random,
        thieves,
        deeds,
    };
    for _ in 0..2 + life.below(6) {
        life.post();
    }
    life.cast.rest();
    life.steal(loss);
    for _ in 0..6 + life.below(8) {
        life.step();
    }
    if life.below(3) > 0 {
        life.cast.rest();
    }
    let speaks_last = life.below(4) > 0;
    if speaks_last {
        life.last_word();
    }
    life.cast.newcomer();
    if speaks_last {
        life.cast.assert_well();
    } else {
        life.cast.rest();
        life.cast.assert_unhurt();
    }
}

/// One in so many of the lives that are tried, of one group.
fn lives(one_in: u64, loss: Loss, deeds: &[Deed]) {
    all(one_in, |seed| life(seed, loss, deeds));
}

#[expect(clippy::disallowed_methods, reason = "it says how long it took")]
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
    lives(4, Loss::Any, &deeds);
}

/// A feed whose owner is hostile: its devices, what they signed, and a pen for each of their logs.
struct Foe {
    feed: FeedId,
    devices: Vec<DeviceSecret>,
    words: Vec<Statement>,
    pens: Vec<Pen>,
}

impl Foe {
    fn new(random: &mut Prng, now: Timestamp) -> Self {
        let key = feed_key(7);
        let feed = key.id();
        let devices: Vec<_> = (0..3).map(|n| device_key(700 + n)).collect();
        let admit = |device: &DeviceSecret| {
            let consent = device.consent(&feed);
            Statement::admit(feed, &key, device.id(), true, "", consent).unwrap()
        };
        let words = devices.iter().map(admit).collect();
        let mut pens = Vec::new();
        for device in &devices {
            for lane in [lanes::POSTS, lanes::STATE] {
                let mut pen = Pen::new(device, feed, lane);
                let posts: Vec<_> = (0..=random.below(4))
                    .map(|n| post(&n.to_string(), now))
                    .collect();
                pen.write(&posts);
                pens.push(pen);
            }
        }
        Self {
            feed,
            devices,
            words,
            pens,
        }
    }

    /// Another branch of some log, a delete of all of it, and now and then a Retire of one of its own devices; served
    /// with the branch whole or without bodies.
    fn act(&mut self, random: &mut Prng, now: Timestamp) -> impl FnOnce(&mut Hoard) + use<> {
        let mut below = |bound: u64| usize::try_from(random.below(bound)).unwrap();
        let at = below(self.pens.len() as u64);
        let mut branch = self.pens[at].fork(Seq(below(self.pens[at].next().0 + 1) as u64));
        let texts = ["a", "b", "c"].map(|text| format!("{text} {}", below(100)));
        branch.write(&texts.map(|text| post(&text, now)));
        let all = branch.references();
        let mut rubout = Pen::new(&self.devices[0], self.feed, lanes::REACTIONS);
        rubout.write(&[delete(&all[..all.len().min(40)], true, now)]);
        if below(3) == 0 {
            let (by, target) = (&self.devices[below(3)], self.devices[below(3)].id());
            let word = Statement::retire(self.feed, by, target, Ends::default(), []);
            self.words.push(word.unwrap());
        }
        let (feed, words, pens) = (self.feed, self.words.clone(), self.pens.clone());
        let without_bodies = below(2) == 0;
        if below(2) == 0 {
            self.pens[at] = branch.clone();
        }
        move |hoard| {
            *hoard = Hoard::default();
            hoard.statements(feed, &words);
            pens.iter().for_each(|pen| hoard.log(pen));
            if without_bodies {
                hoard.headers(&branch);
            } else {
                hoard.log(&branch);
            }
            hoard.log(&rubout);
        }
    }
}

/// A hostile feed, followed by honest people: branches and statements without measure, by several nodes at once. What
/// becomes of it is its owner's loss; nobody honest is hurt, and their own feed goes on.
fn hostile_feed(seed: u64) {
    let mut random = Prng::new(seed ^ 0xfeed);
    let mut cast = Cast::new(seed, 1, 2 + usize::try_from(random.below(2)).unwrap());
    let mut foe = Foe::new(&mut random, cast.world.clock());
    for follower in cast.followers.clone() {
        cast.world.follow(follower, foe.feed);
    }
    let feed = foe.feed;
    let nodes = [(); 3].map(|()| cast.hoard(|hoard| hoard.want(feed)));
    for _ in 0..5 + random.below(6) {
        let node = nodes[usize::try_from(random.below(3)).unwrap()];
        let gift = foe.act(&mut random, cast.world.clock());
        cast.world.give(node, gift);
        cast.post(0);
        let followers = cast.followers.clone();
        cast.world.cut(followers[0], followers[1]);
        cast.world.run_for(random.below(4_000));
    }
    cast.rest();
    cast.assert_unhurt();
    cast.assert_well();
}

pub(crate) fn hostile_feeds() {
    all(1, hostile_feed);
}
