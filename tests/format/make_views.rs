//! Vectors of what every replica shows. What goes in is made here; what comes out is written by hand from the page.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde_json::{Map, Value, json};
use tidings::format::{
    ArchiveWriter, Body, DeviceSecret, Draft, Edit, End, Ends, EntryId, EntryRef, FeedId,
    FeedSecret, Follow, ForkProof, Kind, Lane, LogId, PackedRun, Post, ProfileField, Reaction, Ref,
    Rel, Run, Seq, Statement, Timestamp, encode,
};

use crate::bytes::{RunParts, hex};
use crate::make::file;
use crate::shapes::run_fields;

/// The reader's clock. Nothing here hangs on a later one.
const NOW: i64 = 1_790_000_000_000;
const BEGIN: i64 = 1_780_000_000_000;
const MINUTE: i64 = 60_000;
/// Far ahead of every clock.
const AHEAD: i64 = 1 << 52;

/// Whose device writes: of the first person an admin's, another admin's, one that is no admin and one that nobody
/// admitted; of the second an admin's.
pub(crate) type Who = (usize, usize);
pub(crate) const A: Who = (0, 0);
pub(crate) const B: Who = (0, 1);
pub(crate) const C: Who = (0, 2);
pub(crate) const X: Who = (0, 3);
pub(crate) const D: Who = (1, 0);

/// What was said, by the names that a vector gives it.
#[derive(Clone)]
pub(crate) struct Story {
    logs: BTreeMap<LogId, (DeviceSecret, Vec<Draft>)>,
    statements: Vec<Statement>,
    forks: Vec<ForkProof>,
    names: BTreeMap<&'static str, EntryRef>,
    salt: u64,
}

/// What an entry is besides its refs and content.
#[derive(Clone, Copy)]
pub(crate) struct Said {
    who: Who,
    lane: &'static str,
    kind: &'static str,
    time: i64,
    expires: Option<i64>,
    tags: &'static [&'static str],
}

pub(crate) const fn said(who: Who, kind: &'static str, minute: i64) -> Said {
    Said {
        who,
        lane: "posts",
        kind,
        time: BEGIN + minute * MINUTE,
        expires: None,
        tags: &[],
    }
}

impl Said {
    pub(crate) const fn lane(mut self, lane: &'static str) -> Self {
        self.lane = lane;
        self
    }

    pub(crate) const fn expiring(mut self, at: i64) -> Self {
        self.expires = Some(at);
        self
    }

    pub(crate) const fn ahead(mut self) -> Self {
        self.time = AHEAD;
        self
    }

    pub(crate) const fn tags(mut self, tags: &'static [&'static str]) -> Self {
        self.tags = tags;
        self
    }
}

fn person(number: usize) -> (FeedSecret, Vec<DeviceSecret>) {
    let number = u8::try_from(number).expect("two people") * 20 + 40;
    let devices = (1..=4).map(|n| DeviceSecret::from_bytes(&[number + n; 32]));
    (FeedSecret::from_bytes(&[number; 32]), devices.collect())
}

fn device((who, device): Who) -> DeviceSecret {
    person(who).1.swap_remove(device)
}

impl Story {
    pub(crate) fn new() -> Self {
        let mut story = Self {
            logs: BTreeMap::new(),
            statements: Vec::new(),
            forks: Vec::new(),
            names: BTreeMap::new(),
            salt: 0,
        };
        for (who, admin) in [(A, true), (B, true), (C, false), (D, true)] {
            let (feed, device) = (person(who.0).0, device(who));
            let consent = device.consent(&feed.id());
            let admit = Statement::admit(feed.id(), &feed, device.id(), admin, "", consent);
            story.statements.push(admit.expect("an Admit"));
        }
        story
    }

    /// Appends an entry under a name.
    pub(crate) fn say(
        &mut self,
        name: &'static str,
        said: Said,
        refs: &[(Rel, &str)],
        content: impl Into<Bytes>,
    ) {
        self.salt += 1;
        let refs = refs.iter().map(|(rel, to)| Ref {
            rel: *rel,
            target: self.names[to],
        });
        let body = Body {
            salt: self.salt.to_be_bytes(),
            refs: refs.collect(),
            tags: said.tags.iter().map(|tag| (*tag).to_owned()).collect(),
            content: content.into(),
            ..Body::default()
        };
        self.raw(name, said, body.encode().expect("a body"));
    }

    /// Appends an entry whose body is these bytes.
    pub(crate) fn raw(&mut self, name: &'static str, said: Said, body: impl Into<Bytes>) {
        let secret = device(said.who);
        let log = LogId {
            feed: person(said.who.0).0.id(),
            device: secret.id(),
            lane: Lane::new(said.lane).expect("a lane"),
        };
        let kind = Kind::new(said.kind).expect("a kind");
        let draft = Draft::new(kind, Timestamp(said.time), body.into());
        let draft = match said.expires {
            Some(at) => draft.expiring(Timestamp(at)),
            None => draft,
        };
        let (_, drafts) = self
            .logs
            .entry(log)
            .or_insert_with(|| (secret.clone(), Vec::new()));
        drafts.push(draft);
        let runs = sign(&secret, &log, drafts);
        let last = runs.last().expect("a run");
        let id = last.reference(Seq(last.end().0 - 1)).expect("the last");
        self.names.insert(name, id);
    }

    pub(crate) fn post(&mut self, name: &'static str, who: Who, minute: i64, text: &str) {
        self.say(name, said(who, "post/1", minute), &[], words(text));
    }

    /// An edit, which replaces these edits besides.
    pub(crate) fn edit(
        &mut self,
        name: &'static str,
        (who, minute): (Who, i64),
        of: &[&str],
        text: &str,
    ) {
        let refs: Vec<_> = of.iter().map(|to| (Rel::Replaces, *to)).collect();
        let content = edit(&words(text));
        self.say(name, said(who, "edit/1", minute), &refs, content);
    }

    pub(crate) fn delete(&mut self, name: &'static str, (who, minute): (Who, i64), of: &[&str]) {
        let refs: Vec<_> = of.iter().map(|to| (Rel::Delete, *to)).collect();
        let said = said(who, "delete/1", minute).lane("state");
        self.say(name, said, &refs, vec![0]);
    }

    pub(crate) fn react(&mut self, name: &'static str, who: Who, to: &str, emoji: &str) {
        let said = said(who, "reaction/1", 50).lane("reactions");
        let content = encode(&Reaction {
            emoji: emoji.into(),
        });
        self.say(name, said, &[(Rel::Reaction, to)], content);
    }

    pub(crate) fn profile(
        &mut self,
        name: &'static str,
        (who, minute): (Who, i64),
        replaces: &[&str],
        field: &ProfileField,
    ) {
        let refs: Vec<_> = replaces.iter().map(|to| (Rel::Replaces, *to)).collect();
        let said = said(who, "profile/1", minute).lane("state");
        self.say(name, said, &refs, encode(field));
    }

    /// A follow, or its end.
    pub(crate) fn follow(
        &mut self,
        name: &'static str,
        said: Said,
        replaces: &[&str],
        (feed, following): (u8, bool),
    ) {
        let refs: Vec<_> = replaces.iter().map(|to| (Rel::Replaces, *to)).collect();
        let feed = FeedId::from_bytes([feed; 32]);
        self.say(name, said, &refs, encode(&Follow { feed, following }));
    }

    /// The feed key (none) or a device retires a device, whose logs end with these entries.
    pub(crate) fn retire(&mut self, by: Option<Who>, whom: Who, ends: &[&str]) {
        let ends = ends.iter().map(|name| {
            let EntryRef { log, seq, id } = self.names[name];
            (log.lane, End { seq, id })
        });
        let ends = Ends::new(ends.collect::<Vec<_>>()).expect("ends");
        let (feed, id) = (person(whom.0).0, device(whom).id());
        let retire = match by {
            None => Statement::retire(feed.id(), &feed, id, ends, []),
            Some(by) => Statement::retire(feed.id(), &device(by), id, ends, []),
        };
        self.statements.push(retire.expect("a Retire"));
    }

    /// Keeps the proof that a log of this story goes on otherwise in another.
    pub(crate) fn forks(&mut self, other: &Self, name: &str) {
        let log = self.names[name].log;
        let run = |story: &Self| {
            let (secret, drafts) = &story.logs[&log];
            sign(secret, &log, drafts).swap_remove(0)
        };
        let proof = ForkProof::new(&run(self), &run(other)).expect("a fork");
        self.forks.push(proof);
    }

    /// With what is stated in another story; what is said there is not.
    pub(crate) fn with_statements_of(&self, other: &Self) -> Self {
        let mut both = self.clone();
        both.statements.clone_from(&other.statements);
        both
    }

    /// Leaves out the bodies of these entries.
    fn archive(&self, without: &[&str]) -> Vec<u8> {
        let mut out = ArchiveWriter::new(Vec::new()).expect("a writer");
        let mut feeds = [person(0).0.id(), person(1).0.id()];
        feeds.sort();
        for feed in feeds {
            let mut statements = self.statements.clone();
            statements.retain(|statement| *statement.feed() == feed);
            statements.sort_by_key(|statement| *statement.id());
            for statement in &statements {
                out.statement(statement).expect("in order");
            }
            for (log, (secret, drafts)) in self.logs.iter().filter(|(log, _)| log.feed == feed) {
                for proof in self.forks.iter().filter(|proof| proof.log() == log) {
                    out.fork(proof).expect("in order");
                }
                for run in sign(secret, log, drafts) {
                    let kept = |seq| {
                        let is_left_out = |name: &&str| {
                            let left = self.names[name];
                            left.log == *log && left.seq == seq
                        };
                        !without.iter().any(is_left_out)
                    };
                    out.run(&with_bodies(&run, &kept)).expect("in order");
                }
            }
        }
        out.finish().expect("an archive")
    }

    fn id(&self, name: &str) -> String {
        self.names[name].to_string()
    }
}

fn sign(secret: &DeviceSecret, log: &LogId, drafts: &[Draft]) -> Vec<Run> {
    Run::sign(secret, log, Seq::ZERO, EntryId::ZERO, drafts).expect("runs")
}

/// A run without some of its bodies.
fn with_bodies(run: &Run, kept: &dyn Fn(Seq) -> bool) -> Run {
    let mut fields = run_fields(run);
    let entries = fields["entries"].as_array_mut().expect("entries");
    for (seq, entry) in (run.first().0..).map(Seq).zip(entries) {
        if !kept(seq) {
            entry["body"] = Value::Null;
        }
    }
    let bytes = RunParts::from_fields(&fields).bytes();
    let packed = PackedRun::from_bytes(bytes.into());
    packed.verify(run.log(), None).expect("a run")
}

/// Content of a post.
pub(crate) fn words(text: &str) -> Vec<u8> {
    encode(&Post {
        text: text.to_owned(),
        ..Post::default()
    })
}

/// Content of an edit to this content.
pub(crate) fn edit(content: &[u8]) -> Vec<u8> {
    encode(&Edit {
        content: Bytes::copy_from_slice(content),
    })
}

/// What is to be shown.
pub(crate) struct Shows {
    name: String,
    archives: Vec<Vec<u8>>,
    story: Story,
    timeline: Vec<Value>,
    deleted: Vec<String>,
    profiles: Map<String, Value>,
    follows: Map<String, Value>,
}

impl Shows {
    pub(crate) fn of(name: &str, story: &Story) -> Self {
        Self {
            name: name.to_owned(),
            archives: vec![story.archive(&[])],
            story: story.clone(),
            timeline: Vec::new(),
            deleted: Vec::new(),
            profiles: Map::new(),
            follows: Map::new(),
        }
    }

    /// The same without the bodies of some entries.
    pub(crate) fn without(mut self, bodies: &[&str]) -> Self {
        self.archives = vec![self.story.archive(bodies)];
        self
    }

    /// With what another archive brings.
    pub(crate) fn and(mut self, story: &Story) -> Self {
        self.archives.push(story.archive(&[]));
        let names = story.names.iter().map(|(name, id)| (*name, *id));
        for (name, id) in names {
            self.story.names.entry(name).or_insert(id);
        }
        self
    }

    /// The next entry of the timeline, from the newest on, and what of it is not as usual.
    pub(crate) fn entry(mut self, name: &str, text: &str, more: Value) -> Self {
        let mut entry = json!({
            "id": self.story.id(name), "state": "held", "text": text, "tags": [], "edited": null,
            "reactions": {}, "replies": 0,
        });
        for (key, value) in more.as_object().into_iter().flatten() {
            entry[key] = match (key.as_str(), value.as_i64()) {
                ("edited", Some(minute)) => json!(BEGIN + minute * MINUTE),
                _ => value.clone(),
            };
        }
        self.timeline.push(entry);
        self
    }

    pub(crate) fn post(self, name: &str, text: &str) -> Self {
        self.entry(name, text, Value::Null)
    }

    pub(crate) fn edited(self, name: &str, text: &str, minute: i64) -> Self {
        self.entry(name, text, json!({ "edited": minute }))
    }

    /// An entry of which only the place is shown.
    pub(crate) fn bare(self, name: &str, state: &str) -> Self {
        self.entry(name, "", json!({ "state": state, "text": null }))
    }

    pub(crate) fn deleted(mut self, name: &str) -> Self {
        self.deleted.push(self.story.id(name));
        self.deleted.sort();
        self
    }

    pub(crate) fn profile(
        mut self,
        who: usize,
        name: Option<&str>,
        bio: Option<&str>,
        tags: &[&str],
    ) -> Self {
        let profile = json!({ "name": name, "bio": bio, "tags": tags });
        self.profiles
            .insert(person(who).0.id().to_string(), profile);
        self
    }

    /// Whom a person follows, as their own devices see it.
    pub(crate) fn follows(mut self, who: usize, feeds: &[u8]) -> Self {
        let feeds = feeds.iter().map(|feed| FeedId::from_bytes([*feed; 32]));
        let mut feeds: Vec<_> = feeds.map(|feed| feed.to_string()).collect();
        feeds.sort();
        let id = person(who).0.id().to_string();
        self.follows.insert(id, feeds.into());
        self
    }

    fn vector(self) -> Value {
        let archives: Vec<_> = self.archives.iter().map(|bytes| hex(bytes)).collect();
        json!({
            "name": self.name,
            "bytes": archives[0],
            "given": { "now": NOW, "more": archives[1..] },
            "fields": {
                "timeline": self.timeline, "deleted": self.deleted, "profiles": self.profiles,
                "follows": self.follows,
            },
        })
    }
}

pub(crate) fn view() -> Value {
    let vectors = crate::make_view_cases::all();
    file(
        "view",
        "what every replica shows that holds what these archives bring, whatever came first",
        vectors.into_iter().map(Shows::vector).collect(),
        Vec::new(),
    )
}
