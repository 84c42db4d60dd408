//! Random posts, edits, deletes, undos, reactions and replies of several devices, some retired, against a slow plain
//! model of the rules between entries: whatever the order of arrival, all stores end with the same view.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bytes::Bytes;

use super::super::{EntryState, FeedStore, PageRow, Query, Taken};
use super::check::assert_whole;
use super::world::{
    Chain, NOW, Person, Random, draft, follow, memory, person, pointing, redb, write,
};
use crate::format::{
    Body, Content as _, Delete, DeviceId, DeviceSecret, Draft, Edit, End, Ends, Entry, EntryRef,
    FeedId, Lane, LogId, PackedRun, Post, Reaction, Ref, Rel, Run, Standing, StateItem, Statement,
    Statements, decode_content, encode_content, lanes, settle,
};
use crate::store::{Durability, Storage};

const TAGS: [&str; 3] = ["tea", "Tea", "rust"];
const EMOJIS: [&str; 2] = ["+1", "-1"];

/// Everything that was ever said, and by whom.
pub(super) struct World {
    random: Random,
    friend: Person,
    other: Person,
    chains: Vec<Chain>,
    statements: Vec<Statement>,
    entries: Vec<Entry>,
    clock: i64,
}

/// What is seen of one entry.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Seen {
    state: EntryState,
    text: Option<String>,
    edited: Option<i64>,
    replies: u64,
    reactions: BTreeMap<String, u64>,
}

fn body(entry: &Entry) -> Body {
    Body::decode(entry.body().unwrap()).unwrap()
}

fn is(entry: &Entry, kind: &str) -> bool {
    entry.header().kind().as_str() == kind
}

impl World {
    pub(super) fn new(seed: u64) -> Self {
        let (friend, other) = (person(2), person(3));
        let device = |number: u8| DeviceSecret::from_bytes(&[number; 32]);
        let devices = [
            (friend.device.clone(), true),
            (device(71), false),
            (device(72), true),
        ];
        let feed = friend.feed;
        let admit = |(secret, admin): &(DeviceSecret, bool)| {
            let consent = secret.consent(&feed);
            Statement::admit(feed, &friend.secret, secret.id(), *admin, "", consent).unwrap()
        };
        let mut statements: Vec<_> = devices.iter().map(admit).collect();
        statements.push(other.admit.clone());
        let mut chains = Vec::new();
        let chain = |secret: &DeviceSecret, feed, lane| Chain {
            secret: secret.clone(),
            log: LogId {
                feed,
                device: secret.id(),
                lane,
            },
            runs: Vec::new(),
        };
        for (secret, _) in &devices {
            for lane in [lanes::POSTS, lanes::STATE, lanes::REACTIONS] {
                chains.push(chain(secret, feed, lane));
            }
        }
        for lane in [lanes::POSTS, lanes::STATE, lanes::REACTIONS] {
            chains.push(chain(&other.device, other.feed, lane));
        }
        Self {
            random: Random(seed),
            friend,
            other,
            chains,
            statements,
            entries: Vec::new(),
            clock: 1_000,
        }
    }

    pub(super) const fn feeds(&self) -> [FeedId; 2] {
        [self.friend.feed, self.other.feed]
    }

    /// Whether an entry counts, once everything is known.
    pub(super) fn counts(&self, entry: &Entry) -> bool {
        Model::new(self).counts(entry)
    }

    /// Whether any device was retired.
    pub(super) fn has_retired(&self) -> bool {
        let devices = self.chains.iter().map(|chain| chain.log.device);
        let standing = Model::new(self).standing;
        devices
            .into_iter()
            .any(|device| standing.is_retired(&device))
    }

    fn say(&mut self, who: usize, lane: Lane, draft: Draft) {
        let of_lane = |chain: &&mut Chain| chain.log.lane == lane;
        let chain = self.chains.iter_mut().filter(of_lane).nth(who).unwrap();
        chain.append(&[draft]);
        self.entries.extend(chain.runs.last().unwrap().entries());
    }

    fn any(&mut self, kind: &str) -> Option<EntryRef> {
        let found: Vec<_> = self.entries.iter().filter(|e| is(e, kind)).collect();
        let index = self.random.index(found.len().max(1));
        found.get(index).map(|entry| entry.reference())
    }

    fn tags(&mut self) -> Vec<&'static str> {
        let picked = TAGS.into_iter().filter(|_| self.random.chance(35));
        picked.collect()
    }

    pub(super) fn step(&mut self) {
        // Claims go back and forth.
        self.clock += 1;
        let time = self.clock - i64::try_from(self.random.below(15)).unwrap();
        let who = self.random.index(4);
        let tags = self.tags();
        let text = format!("text {}", self.clock);
        let content = |text: String| Post {
            text,
            ..Post::default()
        };
        match self.random.below(100) {
            0..20 => {
                let draft = draft(&content(text), Vec::new(), &tags, time);
                self.say(who, lanes::POSTS, draft);
            }
            20..30 => {
                let Some(target) = self.any(Post::KIND) else {
                    return;
                };
                let refs = pointing(Rel::Reply, target);
                self.say(who, lanes::POSTS, draft(&content(text), refs, &tags, time));
            }
            30..50 => {
                let Some(target) = self.any(Post::KIND) else {
                    return;
                };
                let mut refs = pointing(Rel::Replaces, target);
                if let Some(edit) = self.any(Edit::KIND).filter(|_| self.random.chance(60)) {
                    refs.extend(pointing(Rel::Replaces, edit));
                }
                let edit = Edit {
                    content: encode_content(&content(text)).unwrap(),
                };
                self.say(who, lanes::POSTS, draft(&edit, refs, &tags, time));
            }
            50..65 => {
                let Some(target) = self.any(Post::KIND) else {
                    return;
                };
                let emoji = EMOJIS[self.random.index(2)].to_owned();
                let refs = pointing(Rel::Reaction, target);
                self.say(
                    who,
                    lanes::REACTIONS,
                    draft(&Reaction { emoji }, refs, &[], time),
                );
            }
            65..85 => self.delete(who, time),
            _ => {
                let Some(target) = self.any(Delete::KIND) else {
                    return;
                };
                let refs = pointing(Rel::Delete, target);
                self.say(
                    who,
                    lanes::STATE,
                    draft(&Delete::default(), refs, &[], time),
                );
            }
        }
    }

    fn delete(&mut self, who: usize, time: i64) {
        let mut refs: Vec<Ref> = Vec::new();
        for _ in 0..=self.random.below(3) {
            let kind = [Post::KIND, Post::KIND, Edit::KIND, Reaction::KIND][self.random.index(4)];
            if let Some(mut target) = self.any(kind) {
                if self.random.chance(5) {
                    target.log.lane = lanes::STATE;
                }
                refs.extend(pointing(Rel::Delete, target));
            }
        }
        let purge = self.random.chance(10);
        self.say(who, lanes::STATE, draft(&Delete { purge }, refs, &[], time));
    }

    /// Retires one of the other devices somewhere, or gives it rights, or neither.
    pub(super) fn judge_devices(&mut self) {
        let Person { feed, secret, .. } = self.friend.clone();
        let number = 71 + u8::from(self.random.chance(50));
        let device = DeviceSecret::from_bytes(&[number; 32]);
        if self.random.chance(40) {
            let consent = device.consent(&feed);
            let admit = Statement::admit(feed, &secret, device.id(), true, "", consent).unwrap();
            self.statements.push(admit);
        }
        if self.random.chance(50) {
            let mut ends = Vec::new();
            for chain in &self.chains {
                if chain.log.device == device.id() && chain.len() > 0 && self.random.chance(80) {
                    let last = chain.reference(self.random.below(chain.len()));
                    let (seq, id) = (last.seq, last.id);
                    ends.push((chain.log.lane, End { seq, id }));
                }
            }
            let ends = Ends::new(ends).unwrap();
            let retire = Statement::retire(feed, &secret, device.id(), ends, []).unwrap();
            self.statements.push(retire);
        }
    }
}

/// The rules, read slowly: everything is computed from the whole set each time.
struct Model<'w> {
    world: &'w World,
    standing: Standing,
}

impl Model<'_> {
    fn new(world: &World) -> Model<'_> {
        let mut statements = Statements::new(world.friend.feed);
        let of_friend = world.statements.iter();
        let of_friend = of_friend.filter(|s| *s.feed() == world.friend.feed);
        statements.merge(of_friend.cloned());
        Model {
            world,
            standing: statements.judge(),
        }
    }

    fn counts(&self, entry: &Entry) -> bool {
        let LogId { feed, device, lane } = entry.header().log();
        let (seq, id) = (entry.header().seq(), entry.id());
        *feed == self.world.other.feed || self.standing.counts(device, lane, seq, &id, |_| true)
    }

    fn may(&self, by: &Entry, of: &LogId) -> bool {
        let LogId { feed, device, .. } = by.header().log();
        let is_admin = |device: &DeviceId| match *feed == self.world.friend.feed {
            true => self.standing.is_admin(device),
            false => true,
        };
        *feed == of.feed && (*device == of.device || is_admin(device))
    }

    /// Counting entries of a kind in its lane that point at an entry in one way.
    fn pointing(&self, kind: &str, rel: Rel, target: &EntryRef) -> Vec<&Entry> {
        let entries = self.world.entries.iter();
        let points = |entry: &&Entry| body(entry).targets(rel).any(|t| t == target);
        let of_kind = entries.filter(|entry| is(entry, kind) && self.counts(entry));
        of_kind.filter(points).collect()
    }

    fn deletes(&self, target: &EntryRef) -> Vec<&Entry> {
        let mut found = self.pointing(Delete::KIND, Rel::Delete, target);
        found.retain(|delete| self.may(delete, &target.log));
        found
    }

    fn is_deleted(&self, entry: &Entry) -> bool {
        let deletes = self.deletes(&entry.reference());
        let stands = |delete: &&Entry| self.deletes(&delete.reference()).is_empty();
        !is(entry, Delete::KIND) && deletes.iter().any(stands)
    }

    fn is_there(&self, entry: &Entry) -> bool {
        self.counts(entry) && !self.is_deleted(entry)
    }

    fn edits(&self, post: &Entry) -> Vec<&Entry> {
        let (name, lane) = (post.reference(), post.header().log().lane);
        let mut edits = self.pointing(Edit::KIND, Rel::Replaces, &name);
        edits.retain(|edit| {
            body(edit).targets(Rel::Replaces).next() == Some(&name)
                && edit.header().log().lane == lane
                && self.may(edit, &name.log)
                && !self.is_deleted(edit)
        });
        edits
    }

    fn shown(&self, post: &Entry) -> Option<Entry> {
        let mut versions = vec![post];
        versions.extend(self.edits(post));
        let item = |entry: &&Entry| StateItem {
            id: entry.id(),
            time: entry.header().time(),
            replaces: match is(entry, Edit::KIND) {
                true => body(entry).targets(Rel::Replaces).map(|t| t.id).collect(),
                false => Vec::new(),
            },
        };
        let items: Vec<_> = versions.iter().map(item).collect();
        settle(&items).map(|winner| versions[winner].clone())
    }

    fn tags(&self, post: &Entry) -> BTreeSet<String> {
        let tags = body(&self.shown(post).unwrap()).tags;
        tags.iter().map(|tag| Body::fold_tag(tag)).collect()
    }

    fn seen(&self, post: &Entry) -> Seen {
        let name = post.reference();
        let there = |entry: &&Entry| self.is_there(entry);
        let mut reactions: BTreeMap<String, BTreeSet<_>> = BTreeMap::new();
        for entry in self.pointing(Reaction::KIND, Rel::Reaction, &name) {
            if self.is_there(entry) {
                let Reaction { emoji } = decode_content(&body(entry).content).unwrap();
                let feeds = reactions.entry(emoji).or_default();
                feeds.insert(entry.header().log().feed);
            }
        }
        let replies = self.pointing(Post::KIND, Rel::Reply, &name);
        let mut seen = Seen {
            state: EntryState::Deleted,
            text: None,
            edited: None,
            replies: replies.into_iter().filter(there).count() as u64,
            reactions: reactions
                .into_iter()
                .map(|(emoji, feeds)| (emoji, feeds.len() as u64))
                .collect(),
        };
        if self.is_deleted(post) {
            return seen;
        }
        let shown = self.shown(post).unwrap();
        let mut content = body(&shown).content;
        if shown.id() != post.id() {
            seen.edited = Some(shown.header().time().0);
            content = decode_content::<Edit>(&content).unwrap().content;
        }
        seen.state = EntryState::Held;
        seen.text = Some(decode_content::<Post>(&content).unwrap().text);
        seen
    }
}

/// Something that arrives.
#[derive(Clone)]
pub(super) enum Piece {
    Run(Run),
    Body(EntryRef, Bytes),
    Statement(Statement),
}

impl World {
    /// Everything, in an order of its own and in pieces: runs with and without their bodies.
    pub(super) fn pieces(&mut self) -> Vec<Piece> {
        let mut pieces: Vec<_> = self
            .statements
            .iter()
            .cloned()
            .map(Piece::Statement)
            .collect();
        for chain in &self.chains {
            for run in &chain.runs {
                let bare = self.random.chance(30);
                pieces.push(Piece::Run(if bare {
                    run.headers_only()
                } else {
                    run.clone()
                }));
                if bare && self.random.chance(50) {
                    let name = run.reference(run.first()).unwrap();
                    let body = run.items()[0].body().unwrap().clone();
                    pieces.push(Piece::Body(name, body));
                }
            }
        }
        self.random.shuffle(&mut pieces);
        pieces
    }

    /// Hands pieces over until none finds anything new, and then everything whole, as sync would in the end.
    fn deliver(&mut self, store: &FeedStore) {
        let mut pieces = self.pieces();
        while !pieces.is_empty() {
            let before = pieces.len();
            let group = 1 + self.random.index(6);
            let mut left = Vec::new();
            for some in pieces.chunks(group) {
                let mut batch = store.batch().unwrap().at(NOW);
                for piece in some {
                    if take(&mut batch, store, piece) == Taken::NotAdmitted {
                        left.push(piece.clone());
                    }
                }
                batch.commit(Durability::Durable).unwrap();
            }
            pieces = left;
            if pieces.len() == before {
                break;
            }
        }
        for _ in 0..2 {
            for chain in &self.chains {
                for run in &chain.runs {
                    write(store, |batch| take(batch, store, &Piece::Run(run.clone())));
                }
            }
        }
    }

    fn check(&self, store: &FeedStore) {
        let model = Model::new(self);
        let snapshot = store.snapshot().unwrap();
        let mut shown = BTreeSet::new();
        for post in self.entries.iter().filter(|entry| is(entry, Post::KIND)) {
            if !model.counts(post) {
                continue;
            }
            let name = post.reference();
            let (entry, _) = snapshot.entry(&name).unwrap().unwrap();
            let (body, about) = snapshot.about(&entry, NOW).unwrap();
            let text = |body: &Body| decode_content::<Post>(&body.content).unwrap().text;
            let seen = Seen {
                state: about.state,
                text: body.as_ref().map(text),
                edited: about.edited.map(|time| time.0),
                replies: about.replies,
                reactions: about.reactions,
            };
            assert_eq!(seen, model.seen(post), "{name}");
            if seen.state == EntryState::Held {
                shown.insert(name);
            }
        }
        assert_eq!(listed(store, &Query::default()), shown);
        for tag in ["tea", "rust"] {
            let posts = self
                .entries
                .iter()
                .filter(|e| shown.contains(&e.reference()));
            let tagged = posts.filter(|post| model.tags(post).contains(tag));
            let query = Query {
                tag: Some(tag.to_owned()),
                ..Query::default()
            };
            let tagged: BTreeSet<_> = tagged.map(Entry::reference).collect();
            assert_eq!(listed(store, &query), tagged, "{tag}");
        }
        for entry in &self.entries {
            let name = entry.reference();
            let served = snapshot.bodies(&name.log, &[(name.seq, name.id)]).unwrap();
            assert_eq!(!served.is_empty(), model.is_there(entry), "{name} served");
        }
        for feed in [&self.friend.feed, &self.other.feed] {
            let replica = snapshot.replica(feed).unwrap().unwrap();
            assert!(replica.logs.iter().all(|log| log.missing.is_empty()));
        }
    }
}

pub(super) fn take(
    batch: &mut super::super::FeedBatch<'_>,
    store: &FeedStore,
    piece: &Piece,
) -> Taken {
    match piece {
        Piece::Run(run) => {
            let packed = PackedRun::from_bytes(run.packed().clone());
            let verified = store.snapshot().unwrap().verify(run.log(), &packed);
            batch.take_run(&verified.unwrap()).unwrap()
        }
        Piece::Body(name, body) => batch
            .take_body(&name.log, name.seq, &name.id, body)
            .unwrap(),
        Piece::Statement(statement) => {
            let items = vec![statement.clone()];
            batch.take_statements(statement.feed(), items).unwrap();
            Taken::Stored
        }
    }
}

fn listed(store: &FeedStore, query: &Query) -> BTreeSet<EntryRef> {
    let page = store.snapshot().unwrap().page(query, None, 1_000, NOW);
    let entry = |row| match row {
        PageRow::Entry { entry, .. } => Some(entry.reference),
        _ => None,
    };
    page.unwrap().into_iter().filter_map(entry).collect()
}

/// A store of somebody who follows both, or whose own feed the friend's is.
pub(super) fn reader(storage: Arc<dyn Storage>, world: &World, own: bool) -> FeedStore {
    let store = FeedStore::open(storage).unwrap();
    let owner = person(200);
    write(&store, |batch| {
        batch
            .adopt_own(&owner.feed, vec![owner.admit.clone()])
            .unwrap();
        if own {
            batch.adopt_own(&world.friend.feed, Vec::new()).unwrap();
        } else {
            follow(batch, &owner, &world.friend.feed, true, 1);
        }
        follow(batch, &owner, &world.other.feed, true, 2);
    });
    store
}

fn history(seed: u64, steps: usize, storages: [Arc<dyn Storage>; 2]) {
    println!("seed {seed}");
    let mut world = World::new(seed);
    for _ in 0..steps {
        world.step();
    }
    world.judge_devices();
    let [first, second] = storages;
    let stores = [
        reader(first, &world, false),
        reader(second, &world, false),
        reader(memory(), &world, true),
    ];
    for store in &stores {
        world.deliver(store);
        world.check(store);
    }
    // What devices may say changes when all is there.
    world.judge_devices();
    for store in &stores {
        world.deliver(store);
        world.check(store);
        assert_whole(store);
    }
}

#[test]
fn whatever_the_order_of_arrival_all_stores_show_the_same() {
    for seed in 1..=8 {
        history(seed, 50, [memory(), memory()]);
    }
}

#[test]
fn stores_in_files_show_it_too() {
    let (_folder, file) = redb();
    history(101, 40, [memory(), file]);
}
