//! What thieves do.

use std::collections::BTreeMap;

use tidings::format::{
    DeviceSecret, Draft, End, Ends, EntryId, EntryRef, ForkProof, Lane, Seq, Statement, Timestamp,
    lanes,
};
use tidings::worlds::{Pen, Prng, delete, device_key, edit, post};

use crate::cast::{Cast, Stolen};

/// Something that a thief may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Deed {
    /// Posts as the device would.
    Post,
    /// Another branch from any place of any lane, or a further one.
    Fork,
    /// Retires an honest device without ends.
    RetireWhole,
    /// The same with an end below what it wrote, or with one of another branch, or of an id of nothing.
    RetirePart,
    /// Retires itself, and whom it admitted.
    RetireSelf,
    /// Admits devices that it made up, and lets each write in several lanes.
    Devices,
    /// Retires of one device, again and again, with ends that differ.
    Flood,
    /// Claims at both ends of time and around now.
    Claims,
    /// Deletes up to 64 entries, softly.
    Delete,
    /// The same with `purge`.
    Purge,
    /// Deletes deletes.
    Undelete,
    /// Entries that are over soon, or were long ago.
    Expiring,
    /// Edits what others said.
    Edit,
    /// An entry far above all others.
    Far,
}

/// Somebody with a stolen key, and a node for each branch that they wrote.
pub(crate) struct Thief {
    pub(crate) stolen: Stolen,
    secret: DeviceSecret,
    /// What it writes: by branch, by lane.
    branches: Vec<(u32, BTreeMap<Lane, Pen>)>,
    statements: Vec<Statement>,
    made_up: Vec<DeviceSecret>,
    count: u64,
}

fn pick<T: Copy>(random: &mut Prng, of: &[T]) -> Option<T> {
    let at = random.below(of.len() as u64);
    of.get(usize::try_from(at).ok()?).copied()
}

impl Thief {
    /// Steals a device, or copies its folder.
    pub(crate) fn new(cast: &mut Cast, stolen: Stolen) -> Self {
        let device = stolen.device();
        let lanes = [lanes::POSTS, lanes::STATE];
        let pens = lanes.map(|lane| (lane, cast.copy(device, lane)));
        if let Stolen::Taken(device) = stolen {
            cast.lose(device);
        }
        let feed = cast.feed;
        let node = cast.hoard(|hoard| hoard.want(feed));
        Self {
            stolen,
            secret: cast.devices[device].1.clone(),
            branches: vec![(node, pens.into_iter().collect())],
            statements: Vec::new(),
            made_up: Vec::new(),
            count: 0,
        }
    }

    /// Does something, and hands it to whoever listens.
    pub(crate) fn act(&mut self, cast: &mut Cast, deed: Deed) {
        self.count += 1;
        let now = cast.world.clock();
        let all = cast.copy_of_all();
        match deed {
            Deed::Post => {
                self.write(cast, lanes::POSTS, &[post("for a friend", now)]);
            }
            Deed::Fork => self.fork(cast, now),
            Deed::RetireWhole => self.retire(cast, Ends::default()),
            Deed::RetirePart => {
                let ends = self.some_ends(cast);
                self.retire(cast, ends);
            }
            Deed::RetireSelf => {
                let mut targets = vec![self.secret.id()];
                targets.extend(self.made_up.iter().map(DeviceSecret::id));
                let (feed, by) = (cast.feed, &self.secret);
                let word = |target| Statement::retire(feed, by, target, Ends::default(), []);
                let words = targets.into_iter().map(|target| word(target).unwrap());
                self.statements.extend(words.collect::<Vec<_>>());
            }
            Deed::Devices => self.devices(cast, now),
            Deed::Flood => {
                for _ in 0..12 {
                    self.count += 1;
                    let ends = self.some_ends(cast);
                    self.retire(cast, ends);
                }
            }
            Deed::Claims => {
                let around = now.plus_millis(9 * 60_000 + 59_000);
                let times = [i64::MIN, 0, i64::MAX, i64::MAX - 1, around.as_millis()];
                let posts = times.map(|time| post("when?", Timestamp(time)));
                self.write(cast, lanes::POSTS, &posts);
            }
            Deed::Delete | Deed::Purge => {
                let room: Vec<EntryRef> = all.into_iter().take(33).collect();
                let draft = delete(&room, deed == Deed::Purge, now);
                self.write(cast, lanes::STATE, &[draft]);
            }
            Deed::Undelete => {
                let pens = self
                    .branches
                    .iter()
                    .filter_map(|(_, pens)| pens.get(&lanes::STATE));
                let deletes: Vec<EntryRef> = pens.flat_map(Pen::references).take(33).collect();
                let draft = delete(&deletes, false, now);
                self.write(cast, lanes::STATE, &[draft]);
            }
            Deed::Expiring => {
                let soon = post("soon over", now).expiring(now.plus_millis(60_000));
                let past = post("over", now).expiring(Timestamp(5));
                self.write(cast, lanes::POSTS, &[soon, past]);
            }
            Deed::Edit => {
                if let Some(target) = pick(&mut cast.world.random, &all) {
                    let said = edit(target, "I take it all back", now);
                    let edit = self.write(cast, lanes::POSTS, &[said]);
                    cast.edits.extend(edit.map(|edit| (target, edit)));
                }
            }
            Deed::Far => {
                let places = [100, 5_000, u64::MAX / 2, u64::MAX - 64 - 1];
                let place = pick(&mut cast.world.random, &places).unwrap_or_default();
                let lane = Lane::new("far").unwrap();
                let mut pen = Pen::new(&self.secret, cast.feed, lane);
                pen.skip_to(Seq(place));
                pen.write(&[post("up here", now)]);
                if let Some((_, pens)) = self.branches.last_mut() {
                    pens.insert(lane, pen);
                }
            }
        }
        self.serve(cast);
    }

    /// Writes on any of its branches; the last entry it wrote.
    fn write(&mut self, cast: &mut Cast, lane: Lane, drafts: &[Draft]) -> Option<EntryRef> {
        let at = cast.world.random.below(self.branches.len() as u64);
        let (_, pens) = self.branches.get_mut(usize::try_from(at).ok()?)?;
        let fresh = || Pen::new(&self.secret, cast.feed, lane);
        let pen = pens.entry(lane).or_insert_with(fresh);
        pen.write(drafts);
        pen.references().last().copied()
    }

    fn fork(&mut self, cast: &mut Cast, now: Timestamp) {
        let random = &mut cast.world.random;
        let lane = pick(random, &[lanes::POSTS, lanes::POSTS, lanes::STATE]).unwrap();
        let Some((_, first)) = self.branches.first() else {
            return;
        };
        let mut pens = first.clone();
        let Some(pen) = pens.get(&lane) else { return };
        let mut branch = pen.fork(Seq(random.below(pen.next().0 + 1)));
        for _ in 0..=random.below(4) {
            branch.write(&[post(&format!("branch {}", self.count), now)]);
        }
        pens.insert(lane, branch);
        // A third branch takes the second one's place now and then.
        if self.branches.len() > 2 {
            if let Some((_, last)) = self.branches.last_mut() {
                *last = pens;
            }
            return;
        }
        let feed = cast.feed;
        let node = cast.hoard(|hoard| hoard.want(feed));
        self.branches.push((node, pens));
    }

    fn retire(&mut self, cast: &mut Cast, ends: Ends) {
        let devices: Vec<_> = cast.devices.iter().map(|(_, secret)| secret.id()).collect();
        let Some(target) = pick(&mut cast.world.random, &devices) else {
            return;
        };
        let word = Statement::retire(cast.feed, &self.secret, target, ends, []).unwrap();
        self.statements.push(word);
    }

    /// Ends of lane `posts`: below what was written, on another branch, or of an id of nothing.
    fn some_ends(&self, cast: &mut Cast) -> Ends {
        let written: Vec<EntryRef> = cast.written.values().copied().collect();
        let random = &mut cast.world.random;
        let made_up = EntryId::from_bytes([u8::try_from(self.count % 250).unwrap(); 32]);
        let of_branch = self
            .branches
            .last()
            .and_then(|(_, pens)| pens.get(&lanes::POSTS));
        let branch = of_branch.and_then(|pen| pen.references().last().copied());
        let some = pick(random, &written);
        let end = match (random.below(4), some, branch) {
            (0, Some(name), _) => End {
                seq: Seq(name.seq.0 / 2),
                id: made_up,
            },
            (1, Some(name), _) => End {
                seq: name.seq,
                id: name.id,
            },
            (2, _, Some(name)) => End {
                seq: name.seq,
                id: name.id,
            },
            _ => End {
                seq: Seq(random.below(1_000) * self.count),
                id: made_up,
            },
        };
        Ends::new([(lanes::POSTS, end)]).unwrap()
    }

    fn devices(&mut self, cast: &Cast, now: Timestamp) {
        for _ in 0..4 {
            self.count += 1;
            let made_up = device_key(1_000 + self.count);
            let consent = made_up.consent(&cast.feed);
            let admin = self.count.is_multiple_of(3);
            let (feed, by) = (cast.feed, &self.secret);
            let word = Statement::admit(feed, by, made_up.id(), admin, "mine", consent);
            self.statements.push(word.unwrap());
            let Some((_, pens)) = self.branches.first_mut() else {
                return;
            };
            for lane in 0..3 {
                // Lanes of other devices stand beside its own under names of their own.
                let lane = Lane::new(&format!("x{}-{lane}", self.count)).unwrap();
                let mut pen = Pen::new(&made_up, cast.feed, lane);
                pen.write(&[post("look at me", now)]);
                pens.insert(lane, pen);
            }
            self.made_up.push(made_up);
        }
    }

    /// Each of its nodes serves one branch and all of its statements.
    fn serve(&self, cast: &mut Cast) {
        let feed = cast.feed;
        for (node, pens) in &self.branches {
            cast.world.give(*node, |hoard| {
                *hoard = tidings::worlds::Hoard::default();
                hoard.statements(feed, &self.statements);
                for (lane, pen) in pens {
                    hoard.log(pen);
                    let first = self.branches.first().and_then(|(_, first)| first.get(lane));
                    let pairs = first
                        .into_iter()
                        .flat_map(|first| first.runs().iter().zip(pen.runs()));
                    let mut proofs =
                        pairs.filter_map(|(one, other)| ForkProof::new(one, other).ok());
                    if let Some(proof) = proofs.next() {
                        hoard.proof(&proof);
                    }
                }
            });
        }
    }
}
