//! Power cut at every change to the disk, and disks that fail for a while, under a random mix of everything a node writes.
//!
//! After each: what was acknowledged is there, no place of an own log is given out twice, and the check finds nothing.
//! A share of the cuts is made in each run; `TIDINGS_CUTS=all` makes them all, and `TIDINGS_SEED` says which histories.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::super::{ContentType, FeedStore, FeedsError};
use super::check::assert_whole;
use super::fields::{Dish, drafts, menu};
use super::world::{Chain, NOW, Person, Random, draft, follow, person, pointing, post};
use crate::format::{
    Delete, DeviceSecret, Draft, Edit, End, Ends, EntryId, EntryRef, Lane, LogId, Post,
    ProfileField, Reaction, Rel, Run, Seq, Statement, encode_content, lanes,
};
use crate::store::{Disk, Durability, RedbOptions, RedbStorage, Storage};

/// Steps of one history.
const STEPS: usize = 45;
/// Cuts in a run that does not make them all.
const CUTS: u64 = 120;

fn seed() -> u64 {
    let set = std::env::var("TIDINGS_SEED").ok();
    let seed = set.map_or(1, |seed| seed.parse().expect("a number"));
    println!("TIDINGS_SEED={seed}");
    seed
}

/// Whether a friend's log has two branches in the history of a seed.
const fn is_forked(seed: u64) -> bool {
    seed.is_multiple_of(2)
}

/// What may happen to someone's store, and what of it was acknowledged.
struct World {
    random: Random,
    owner: Person,
    friend: Person,
    /// The friend's runs, cut as a peer may send them, in the order in which they come.
    coming: Vec<Run>,
    bodies: Vec<(EntryRef, bytes::Bytes)>,
    statements: Vec<Statement>,
    clock: i64,
    /// Acknowledged: entries with the step that acknowledged them.
    acked: Vec<(usize, EntryRef)>,
    /// Own entries that a delete was tried on, with the step that first did.
    tried: BTreeMap<EntryRef, usize>,
    step: usize,
    is_forked: bool,
}

type Done = Result<Vec<EntryRef>, FeedsError>;

impl World {
    fn new(seed: u64) -> Self {
        let (owner, friend) = (person(200), person(2));
        let mut random = Random(seed);
        let chain = friend.chain(lanes::POSTS).posts(30).singles(6).posts(120);
        let mut state = friend.chain(lanes::STATE);
        let name = ProfileField::Name("Ben".to_owned());
        state.append(&[draft(&name, Vec::new(), &[], 5)]);
        let target = pointing(Rel::Delete, chain.reference(33));
        state.append(&[draft(&Delete::default(), target, &[], 6)]);
        let mut dishes = friend.chain(menu());
        dishes.append(&drafts(&mut random, 40));
        let mut chains = vec![&chain, &state, &dishes];
        // Somebody else has the friend's key, in every second history.
        let other = chain.branch(20).posts(70);
        if is_forked(seed) {
            chains.push(&other);
        }
        let (mut coming, mut bodies) = (Vec::new(), Vec::new());
        for run in chains.iter().flat_map(|c| &c.runs) {
            if random.chance(40) {
                let entries = run.entries().map(|e| (e.reference(), e.body().cloned()));
                bodies.extend(entries.filter_map(|(name, body)| Some((name, body?))));
                coming.push(run.headers_only());
            } else {
                coming.push(run.clone());
            }
        }
        random.shuffle(&mut coming);
        let statements = statements(&friend, &chain);
        Self {
            random,
            owner,
            friend,
            coming,
            bodies,
            statements,
            clock: 1_000,
            acked: Vec::new(),
            tried: BTreeMap::new(),
            step: 0,
            is_forked: is_forked(seed),
        }
    }

    fn begin(&self, store: &FeedStore) -> Done {
        let mut batch = store.batch()?;
        batch.adopt_own(&self.owner.feed, vec![self.owner.admit.clone()])?;
        follow(&mut batch, &self.owner, &self.friend.feed, true, 1);
        batch.take_statements(&self.friend.feed, vec![self.friend.admit.clone()])?;
        batch.commit(Durability::Checkpoint).map(|_| Vec::new())
    }

    /// One write, whatever comes up; the entries that it acknowledges.
    fn act(&mut self, store: &FeedStore, storage: &dyn Storage) -> Done {
        self.clock += 10;
        match self.random.below(100) {
            0..20 => self.own(store, lanes::POSTS, 1),
            20..27 => {
                let count = 40 + self.random.below(60);
                self.own(store, lanes::POSTS, count)
            }
            27..35 => self.edit(store),
            35..47 => self.delete(store),
            47..53 => self.react(store),
            53..57 => self.sweep(store),
            57..77 => self.take(store),
            77..87 => self.fill(store),
            87..92 => self.hear(store),
            92..96 => store.save(Durability::Checkpoint).map(|()| Vec::new()),
            _ => Ok(storage.compact().map(|()| Vec::new())?),
        }
    }

    fn append(&self, store: &FeedStore, lane: Lane, drafts: &[Draft]) -> Done {
        let mut batch = store.batch()?.at(NOW);
        let names = batch.append(&self.owner.device, &self.owner.feed, lane, drafts)?;
        batch.commit(Durability::Durable)?;
        Ok(names)
    }

    fn own(&self, store: &FeedStore, lane: Lane, count: u64) -> Done {
        let text = |n| format!("{} {n} {}", self.clock, "x".repeat(200));
        let draft = |n| post(&text(n), &["tea"], self.clock);
        self.append(store, lane, &(0..count).map(draft).collect::<Vec<_>>())
    }

    /// An acknowledged entry in a lane of its own.
    fn a_target(&mut self, lane: Lane) -> Option<EntryRef> {
        let own = |name: &&(usize, EntryRef)| {
            name.1.log.feed == self.owner.feed && name.1.log.lane == lane
        };
        let names: Vec<_> = self.acked.iter().filter(own).map(|(_, n)| *n).collect();
        let at = self.random.index(names.len().max(1));
        names.get(at).copied()
    }

    fn edit(&mut self, store: &FeedStore) -> Done {
        let Some(target) = self.a_target(lanes::POSTS) else {
            return Ok(Vec::new());
        };
        let text = format!("better {}", self.clock);
        let content = Post {
            text,
            ..Post::default()
        };
        let edit = Edit {
            content: encode_content(&content).unwrap(),
        };
        let refs = pointing(Rel::Replaces, target);
        let edit = draft(&edit, refs, &["rust"], self.clock);
        self.append(store, lanes::POSTS, &[edit])
    }

    /// Deletes a post, now and then for good, or takes a delete back.
    fn delete(&mut self, store: &FeedStore) -> Done {
        let lane = [lanes::POSTS, lanes::POSTS, lanes::STATE][self.random.index(3)];
        let Some(target) = self.a_target(lane) else {
            return Ok(Vec::new());
        };
        self.tried.entry(target).or_insert(self.step);
        let purge = self.random.chance(30);
        let refs = pointing(Rel::Delete, target);
        let delete = draft(&Delete { purge }, refs, &[], self.clock);
        self.append(store, lanes::STATE, &[delete])
    }

    fn react(&mut self, store: &FeedStore) -> Done {
        let refs = self.a_target(lanes::POSTS);
        let refs = refs.map(|target| pointing(Rel::Reaction, target));
        let emoji = "+1".to_owned();
        let reaction = draft(
            &Reaction { emoji },
            refs.unwrap_or_default(),
            &[],
            self.clock,
        );
        self.append(store, lanes::REACTIONS, &[reaction])
    }

    fn sweep(&self, store: &FeedStore) -> Done {
        let mut batch = store.batch()?;
        batch.sweep(NOW.plus_millis(40 * 24 * 60 * 60 * 1_000))?;
        batch.commit(Durability::Durable).map(|_| Vec::new())
    }

    fn take(&mut self, store: &FeedStore) -> Done {
        let runs = self.coming.len().min(1 + self.random.index(3));
        let some = self.coming[self.coming.len() - runs..].to_vec();
        let mut batch = store.batch()?.at(NOW);
        for run in &some {
            batch.take_run(run)?;
        }
        let is_saved = match self.random.chance(50) {
            true => batch.commit_soon()?.1,
            false => batch.commit(Durability::Durable).map(|_| true)?,
        };
        self.coming.truncate(self.coming.len() - runs);
        if !is_saved {
            // Seen, and not promised before the next write that is on disk.
            return Ok(Vec::new());
        }
        // What a retired device says after its end is not taken.
        let snapshot = store.snapshot()?;
        let names = some.iter().flat_map(Run::entries).map(|e| e.reference());
        let mut held: Vec<EntryRef> = names.collect();
        // Of a forked log a Retire may set aside what was held.
        held.retain(|name| !self.is_forked || name.log.lane != lanes::POSTS);
        held.retain(|name| snapshot.entry(name).unwrap().is_some());
        Ok(held)
    }

    fn fill(&mut self, store: &FeedStore) -> Done {
        let mut batch = store.batch()?.at(NOW);
        for _ in 0..5.min(self.bodies.len()) {
            let at = self.random.index(self.bodies.len());
            let (name, body) = &self.bodies[at];
            batch.take_body(&name.log, name.seq, &name.id, body)?;
        }
        batch.commit(Durability::Durable).map(|_| Vec::new())
    }

    fn hear(&mut self, store: &FeedStore) -> Done {
        let Some(statement) = self.statements.last() else {
            return Ok(Vec::new());
        };
        let mut batch = store.batch()?;
        batch.take_statements(&self.friend.feed, vec![statement.clone()])?;
        batch.commit(Durability::Durable)?;
        self.statements.pop();
        Ok(Vec::new())
    }

    /// What has to be there once the first steps are acknowledged.
    fn assert_kept(&self, store: &FeedStore, steps: usize) {
        let snapshot = store.snapshot().unwrap();
        for (step, name) in self.acked.iter().filter(|(step, _)| *step < steps) {
            let found = snapshot.entry(name).unwrap();
            let (_, body) = found.unwrap_or_else(|| panic!("{name} of step {step} is lost"));
            let untouched = self.tried.get(name).is_none_or(|tried| *tried > steps);
            let is_own_post = name.log.feed == self.owner.feed && name.log.lane == lanes::POSTS;
            assert!(
                body.is_some() || !is_own_post || !untouched,
                "the body of {name}"
            );
        }
    }

    /// New entries stand at places that nobody was told of; and a reader shows everything.
    fn assert_goes_on(&self, store: &FeedStore, steps: usize) -> Vec<EntryRef> {
        let told: BTreeMap<(LogId, Seq), EntryId> = self
            .acked
            .iter()
            .filter(|(step, _)| *step < steps)
            .map(|(_, name)| ((name.log, name.seq), name.id))
            .collect();
        let mut names = Vec::new();
        for lane in [lanes::POSTS, lanes::STATE, lanes::REACTIONS] {
            for name in self.own(store, lane, 1).unwrap() {
                let before = told.get(&(name.log, name.seq));
                assert_eq!(before, None, "{name} was given out before");
                names.push(name);
            }
        }
        names
    }
}

/// What is said of a friend's devices, the last first: another is admitted, and retired again.
fn statements(friend: &Person, chain: &Chain) -> Vec<Statement> {
    let device = DeviceSecret::from_bytes(&[71; 32]);
    let feed = friend.feed;
    let consent = device.consent(&feed);
    let admit = Statement::admit(feed, &friend.secret, device.id(), true, "", consent).unwrap();
    let last = chain.reference(140);
    let end = End {
        seq: last.seq,
        id: last.id,
    };
    let ends = Ends::new([(lanes::POSTS, end)]).unwrap();
    let retire = Statement::retire(feed, &friend.secret, friend.device.id(), ends, []).unwrap();
    vec![retire, admit]
}

/// A store on a disk of bytes, and the storage underneath.
fn open(disk: &Disk) -> Result<(FeedStore, Arc<dyn Storage>), FeedsError> {
    let options = RedbOptions::new().on(disk);
    // A path whose folder is not there: only the disk of the test is written.
    let storage = RedbStorage::open("/no/such/folder/store", options)?;
    let storage: Arc<dyn Storage> = Arc::new(storage);
    let store = FeedStore::open_with(storage.clone(), &[ContentType::of::<Dish>()])?;
    Ok((store, storage))
}

fn below(random: &mut Random) -> impl FnMut(u64) -> u64 + '_ {
    |limit| random.below(limit)
}

/// A history on a disk, and how many changes to the disk each acknowledged step had taken.
fn lived(seed: u64) -> (World, Disk, Vec<usize>) {
    let disk = Disk::new(Vec::new());
    let mut world = World::new(seed);
    let (store, storage) = open(&disk).unwrap();
    world.begin(&store).unwrap();
    let mut marks = vec![disk.steps()];
    for step in 1..STEPS {
        world.step = step;
        let names = world.act(&store, &*storage).unwrap();
        world
            .acked
            .extend(names.into_iter().map(|name| (step, name)));
        marks.push(disk.steps());
    }
    (world, disk, marks)
}

/// Opens what a cut left; with luck power is cut again meanwhile. Checks what then is there.
fn after_a_cut(world: &World, left: Vec<u8>, steps: usize, random: &mut Random) {
    let disk = Disk::new(left);
    let again = random.chance(60);
    if again {
        disk.fail(random.below(25), u64::MAX);
    }
    let told = match open(&disk) {
        Ok((store, _)) if again => world.own(&store, lanes::POSTS, 1).unwrap_or_default(),
        Ok(_) => Vec::new(),
        Err(error) => {
            assert!(again, "it does not open: {error}");
            Vec::new()
        }
    };
    let disk = match again {
        true => Disk::new(disk.cut(disk.steps(), &mut below(random))),
        false => disk,
    };
    let (store, _) = open(&disk).unwrap();
    if steps == 0 && store.snapshot().unwrap().wanted().unwrap().is_empty() {
        return;
    }
    assert_whole(&store);
    world.assert_kept(&store, steps);
    let names = world.assert_goes_on(&store, steps);
    let twice = names.iter().find(|name| {
        told.iter()
            .any(|told| (told.log, told.seq) == (name.log, name.seq))
    });
    assert_eq!(twice, None, "given out before the second cut");
    let snapshot = store.snapshot().unwrap();
    for name in names.iter().chain(&told) {
        assert!(snapshot.entry(name).unwrap().is_some(), "{name} is lost");
    }
    assert_whole(&store);
}

#[test]
fn power_may_be_cut_at_any_change_to_the_disk() {
    let seed = seed();
    cut_at_any_change(seed);
    cut_at_any_change(seed + 1);
}

fn cut_at_any_change(seed: u64) {
    let (world, disk, marks) = lived(seed);
    let every = std::env::var("TIDINGS_CUTS").is_ok_and(|cuts| cuts == "all");
    let mut random = Random(seed);
    let all = disk.steps() as u64;
    let cuts: BTreeSet<u64> = match every {
        true => (0..=all).collect(),
        false => (0..CUTS / 2).map(|_| random.below(all + 1)).collect(),
    };
    println!(
        "{} cuts in {all} changes to the disk, by {STEPS} steps",
        cuts.len()
    );
    for cut in cuts {
        let at = usize::try_from(cut).unwrap();
        let steps = marks.iter().filter(|mark| **mark <= at).count();
        println!("cut at {cut}, when {steps} steps were acknowledged");
        let left = disk.cut(at, &mut below(&mut random));
        after_a_cut(&world, left, steps, &mut random);
    }
}

#[test]
fn a_disk_that_fails_for_a_while_costs_what_was_not_acknowledged_and_no_restart() {
    let seed = seed();
    let runs = std::env::var("TIDINGS_CUTS").map_or(6, |_| 300);
    for run in 0..runs {
        let disk = Disk::new(Vec::new());
        let mut world = World::new(seed + run);
        let (store, storage) = open(&disk).unwrap();
        world.begin(&store).unwrap();
        let mut failed = 0;
        for step in 1..STEPS {
            world.step = step;
            if disk.is_well() && world.random.chance(25) {
                let (good, bad) = (world.random.below(30), 1 + world.random.below(6));
                disk.fail(good, bad);
            }
            match world.act(&store, &*storage) {
                Ok(names) => {
                    let names = names.into_iter().map(|name| (step, name));
                    world.acked.extend(names);
                }
                Err(FeedsError::Store(_)) => failed += 1,
                Err(error) => panic!("{error}"),
            }
        }
        disk.fail(u64::MAX, 0);
        println!("run {run}: {failed} of {STEPS} steps failed");
        // The same process goes on, and one that opens it anew sees the same.
        let told = world.assert_goes_on(&store, STEPS);
        assert_whole(&store);
        world.assert_kept(&store, STEPS);
        drop((store, storage));
        let (store, _) = open(&disk).unwrap();
        assert_whole(&store);
        world.assert_kept(&store, STEPS);
        let snapshot = store.snapshot().unwrap();
        let is_there = |name| snapshot.entry(name).unwrap().is_some();
        assert!(told.iter().all(is_there));
    }
}
