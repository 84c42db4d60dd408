//! Feeds made up at random, with everything in them that readers must agree on, as one archive.

use std::collections::BTreeMap;

use bytes::Bytes;
use tidings::format::{
    ArchiveWriter, Attachment, BlobHash, Body, Delete, DeviceSecret, Draft, Edit, End, Ends,
    EntryId, EntryRef, FeedSecret, ForkProof, Kind, Lane, LogId, Post, ProfileField, Reaction, Ref,
    Rel, Run, Seq, Statement, Timestamp, encode,
};

/// Numbers that look random and are the same each time.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        let limit = u64::try_from(limit).expect("a small number");
        usize::try_from((z ^ (z >> 31)) % limit).expect("a small number")
    }

    fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    fn of<'a, T>(&mut self, items: &'a [T]) -> Option<&'a T> {
        (!items.is_empty()).then(|| &items[self.below(items.len())])
    }
}

/// A person with an admin's device, another admin's, one that is no admin, and one that nobody admitted.
struct Person {
    secret: FeedSecret,
    devices: Vec<DeviceSecret>,
    statements: Vec<Statement>,
}

fn person(number: u8) -> Person {
    let secret = FeedSecret::from_bytes(&[number; 32]);
    let devices: Vec<_> = (1..=4)
        .map(|n| DeviceSecret::from_bytes(&[number + n; 32]))
        .collect();
    let feed = secret.id();
    let admit = |device: &DeviceSecret, admin| {
        let consent = device.consent(&feed);
        Statement::admit(feed, &secret, device.id(), admin, "", consent).expect("a statement")
    };
    let statements = vec![
        admit(&devices[0], true),
        admit(&devices[1], true),
        admit(&devices[2], false),
    ];
    Person {
        secret,
        devices,
        statements,
    }
}

/// Logs as they grow, and the names of what is in them.
struct World {
    random: Random,
    people: Vec<Person>,
    logs: BTreeMap<LogId, (DeviceSecret, Vec<Draft>)>,
    posts: Vec<EntryRef>,
    edits: Vec<EntryRef>,
    deletes: Vec<EntryRef>,
    all: Vec<EntryRef>,
    forks: Vec<ForkProof>,
}

const NOW: i64 = 1_790_000_000_000;

/// An archive of two people's feeds in which some `entries` things happened; other seeds, other things.
pub(crate) fn archive(seed: u64, entries: usize) -> Vec<u8> {
    let mut world = World {
        random: Random(seed),
        people: vec![person(10), person(20)],
        logs: BTreeMap::new(),
        posts: Vec::new(),
        edits: Vec::new(),
        deletes: Vec::new(),
        all: Vec::new(),
        forks: Vec::new(),
    };
    for _ in 0..entries {
        world.something_happens();
    }
    world.retire_one();
    world.fork_one();
    world.write()
}

impl World {
    fn something_happens(&mut self) {
        let who = self.random.below(10).min(2) / 2;
        let device = self.random.below(20) % 7 % 4;
        match self.random.below(20) {
            0..=5 => self.post(who, device),
            6..=8 => self.edit(who, device),
            9..=11 => self.delete(who, device),
            12..=14 => self.react(who, device),
            15 => self.profile(who, device),
            16 => self.unreadable(who, device),
            17 => self.talk(who, device),
            _ => self.post(who, device),
        }
    }

    /// Few different times, so that many are equal.
    fn time(&mut self) -> Timestamp {
        let odd = [i64::MIN, -62_135_596_800_001, -1, i64::MAX, NOW + 990];
        match self.random.below(40) {
            0 => Timestamp(odd[self.random.below(odd.len())]),
            n => Timestamp(NOW + 60_000 * i64::try_from(n / 4).expect("small")),
        }
    }

    fn append(&mut self, (who, device): (usize, usize), lane: &str, draft: Draft) -> EntryRef {
        let secret = self.people[who].devices[device].clone();
        let log = LogId {
            feed: self.people[who].secret.id(),
            device: secret.id(),
            lane: Lane::new(lane).expect("a lane"),
        };
        let (_, drafts) = self
            .logs
            .entry(log)
            .or_insert_with(|| (secret.clone(), Vec::new()));
        drafts.push(draft);
        let runs = sign(&secret, &log, drafts);
        let last = runs.last().expect("a run");
        let name = last.reference(Seq(last.end().0 - 1)).expect("the last");
        self.all.push(name);
        name
    }

    fn draft(&mut self, kind: &str, body: Body) -> Draft {
        let salt = u64::try_from(self.random.below(1 << 30)).expect("small");
        let body = Body {
            salt: salt.to_be_bytes(),
            ..body
        };
        self.raw(kind, body.encode().expect("a body"))
    }

    fn raw(&mut self, kind: &str, body: Bytes) -> Draft {
        let draft = Draft::new(Kind::new(kind).expect("a kind"), self.time(), body);
        match self.random.below(30) {
            0 => draft.expiring(Timestamp(NOW - 1)),
            1 => draft.expiring(Timestamp(i64::MAX)),
            _ => draft,
        }
    }

    fn said(&mut self, text: &str) -> Post {
        let some = |yes: bool, text: &str| yes.then(|| text.to_owned());
        Post {
            text: format!("{text} {}\n\"\u{1f345}", self.random.below(1_000)),
            title: some(self.random.chance(20), "a title"),
            link: some(self.random.chance(20), "https://example.org/?a=b"),
            dated: self.random.chance(10).then(|| self.time()),
            ..Post::default()
        }
    }

    fn envelope(&mut self, content: &[u8]) -> Body {
        let tags = ["Tomato", "tomato", "\u{212b}ngstr\u{f6}m", ""];
        let tags = tags.iter().filter(|_| self.random.chance(30));
        let tags = tags.map(|tag| (*tag).to_owned()).collect();
        let mentions = if self.random.chance(20) {
            vec![self.people[1].secret.id()]
        } else {
            vec![]
        };
        let attachment = Attachment {
            hash: BlobHash::from_bytes([7; 32]),
            len: 1 << 40,
            mime: "image/png".into(),
            name: self.random.chance(50).then(|| "a.png".into()),
            alt: self.random.chance(50).then(|| "what it shows".into()),
            width: Some(u32::MAX),
            height: self.random.chance(50).then_some(3),
            duration_ms: Some(5),
            rendition_of: Some(200),
            preview: Some(Bytes::from_static(b"small")),
        };
        Body {
            tags,
            mentions,
            attachments: if self.random.chance(20) {
                vec![attachment]
            } else {
                vec![]
            },
            content: Bytes::copy_from_slice(content),
            ..Body::default()
        }
    }

    fn post(&mut self, who: usize, device: usize) {
        let content = encode(&self.said("post"));
        let mut body = self.envelope(&content);
        if self.random.chance(40) {
            body.refs
                .extend(self.pointing(Rel::Reply, |world| &world.posts));
        }
        let lane = if self.random.chance(90) {
            "posts"
        } else {
            "notes"
        };
        let draft = self.draft("post/1", body);
        let name = self.append((who, device), lane, draft);
        self.posts.push(name);
    }

    /// Refs to one entry, sometimes to something that never was.
    fn pointing(&mut self, rel: Rel, of: impl Fn(&Self) -> &Vec<EntryRef>) -> Vec<Ref> {
        let targets = of(self).clone();
        let Some(mut target) = self.random.of(&targets).copied() else {
            return Vec::new();
        };
        if self.random.chance(5) {
            target.id = EntryId::from_bytes([9; 32]);
        }
        vec![Ref { rel, target }]
    }

    fn edit(&mut self, who: usize, device: usize) {
        let mut refs = self.pointing(Rel::Replaces, |world| &world.posts);
        let Some(first) = refs.first().copied() else {
            return;
        };
        if self.random.chance(60) {
            refs.extend(self.pointing(Rel::Replaces, |world| &world.edits));
        }
        let said = match self.random.below(12) {
            0 => Bytes::from_static(b"\xff\xff"),
            _ => encode(&self.said("edited")).into(),
        };
        let content = encode(&Edit { content: said });
        let content = if self.random.chance(5) {
            b"\xff".as_slice()
        } else {
            &content
        };
        let mut body = self.envelope(content);
        body.refs = refs;
        // Mostly by the one who wrote the post, in its lane.
        let mine = self.whose(&first.target).filter(|_| self.random.chance(80));
        let lane = if self.random.chance(90) {
            first.target.log.lane.to_string()
        } else {
            "posts".to_owned()
        };
        let draft = self.draft("edit/1", body);
        let name = self.append(mine.unwrap_or((who, device)), &lane, draft);
        self.edits.push(name);
    }

    /// Who wrote an entry, and with which device.
    fn whose(&self, name: &EntryRef) -> Option<(usize, usize)> {
        let of = |person: &Person| person.secret.id() == name.log.feed;
        let who = self.people.iter().position(of)?;
        let mut devices = self.people[who].devices.iter();
        Some((who, devices.position(|d| d.id() == name.log.device)?))
    }

    fn delete(&mut self, who: usize, device: usize) {
        let refs = match self.random.below(10) {
            0..=2 => self.pointing(Rel::Delete, |world| &world.deletes),
            3 => self.pointing(Rel::Delete, |world| &world.edits),
            _ => self.pointing(Rel::Delete, |world| &world.all),
        };
        let Some(first) = refs.first().copied() else {
            return;
        };
        let mine = self.whose(&first.target).filter(|_| self.random.chance(60));
        let purge = self.random.chance(20);
        let body = Body {
            refs,
            content: encode(&Delete { purge }).into(),
            ..Body::default()
        };
        let lane = if self.random.chance(95) {
            "state"
        } else {
            "posts"
        };
        let draft = self.draft("delete/1", body);
        let name = self.append(mine.unwrap_or((who, device)), lane, draft);
        self.deletes.push(name);
    }

    fn react(&mut self, who: usize, device: usize) {
        let emoji = [
            "+",
            "\u{2764}\u{fe0f}",
            "",
            "far too long to be an emoji, even joined",
        ];
        let emoji = emoji[[0, 0, 0, 0, 1, 1, 2, 3][self.random.below(8)]].to_owned();
        let body = Body {
            refs: self.pointing(Rel::Reaction, |world| &world.posts),
            content: encode(&Reaction { emoji }).into(),
            ..Body::default()
        };
        let lane = if self.random.chance(90) {
            "reactions"
        } else {
            "posts"
        };
        let draft = self.draft("reaction/1", body);
        self.append((who, device), lane, draft);
    }

    fn profile(&mut self, who: usize, device: usize) {
        let field = match self.random.below(4) {
            0 => ProfileField::Bio("a bio".into()),
            1 => ProfileField::Avatar,
            2 if self.random.chance(20) => ProfileField::Name(String::new()),
            _ => ProfileField::Name(format!("name {}", self.random.below(100))),
        };
        let body = Body {
            content: encode(&field).into(),
            ..Body::default()
        };
        let mut draft = self.draft("profile/1", body);
        if self.random.chance(5) {
            draft = self.raw("profile/1", Bytes::from_static(b"no envelope"));
        }
        self.append((who, device), "state", draft);
    }

    /// A body that is no envelope, or content that no post has, or only the first fields of one.
    fn unreadable(&mut self, who: usize, device: usize) {
        let draft = match self.random.below(4) {
            0 => self.raw("post/1", Bytes::new()),
            1 => self.raw("post/1", Bytes::from_static(b"no envelope")),
            2 => {
                let body = self.envelope(b"\x05abc");
                self.draft("post/1", body)
            }
            _ => {
                // A length in a longer form than it needs.
                let body = self.envelope(b"\x83\x00abc");
                self.draft("post/1", body)
            }
        };
        let name = self.append((who, device), "posts", draft);
        self.posts.push(name);
    }

    /// Of a kind that neither reader knows, in a lane of its own.
    fn talk(&mut self, who: usize, device: usize) {
        let body = self.envelope(b"whatever it says");
        let kinds = ["conf.talk/1", "follow/1", "draft/1", "sealed/1", "repost/1"];
        let kind = kinds[self.random.below(kinds.len())];
        let draft = self.draft(kind, body);
        let name = self.append((who, device), "conf.talks", draft);
        self.posts.push(name);
    }

    /// Retires a device of the first person in the middle of its logs.
    fn retire_one(&mut self) {
        let device = 1 + self.random.below(2);
        let person = &self.people[0];
        let id = person.devices[device].id();
        let mut ends = Vec::new();
        for (log, (secret, drafts)) in self.logs.iter().filter(|(log, _)| log.device == id) {
            let seq = Seq(u64::try_from(self.random.below(drafts.len())).expect("small"));
            if self.random.chance(70) {
                let runs = sign(secret, log, drafts);
                let id = runs.iter().find_map(|run| run.id_at(seq)).expect("an id");
                ends.push((log.lane, End { seq, id }));
            }
        }
        let ends = Ends::new(ends).expect("ends");
        let retire = Statement::retire(person.secret.id(), &person.secret, id, ends, []);
        self.people[0].statements.push(retire.expect("a statement"));
    }

    /// Says of one log that it goes another way from its last entry on.
    fn fork_one(&mut self) {
        let id = self.people[0].devices[0].id();
        let Some((log, (secret, drafts))) = self.logs.iter().find(|(log, _)| log.device == id)
        else {
            return;
        };
        let mut others = drafts.clone();
        let at = others.len().saturating_sub(3);
        others.truncate(at);
        let body = Bytes::from_static(b"another story");
        others.push(Draft::new(
            Kind::new("post/1").expect("a kind"),
            Timestamp(1),
            body,
        ));
        let (one, other) = (sign(secret, log, drafts), sign(secret, log, &others));
        let (one, other) = (one.last().expect("a run"), other.last().expect("a run"));
        self.forks.extend(ForkProof::new(one, other).ok());
    }

    fn write(mut self) -> Vec<u8> {
        let mut out = ArchiveWriter::new(Vec::new()).expect("a writer");
        self.people.sort_by_key(|person| person.secret.id());
        for person in &mut self.people {
            person.statements.sort_by_key(|statement| *statement.id());
            for statement in &person.statements {
                out.statement(statement).expect("in order");
            }
            let feed = person.secret.id();
            for (log, (secret, drafts)) in self.logs.iter().filter(|(log, _)| log.feed == feed) {
                for proof in self.forks.iter().filter(|proof| proof.log() == log) {
                    out.fork(proof).expect("in order");
                }
                for run in sign(secret, log, drafts) {
                    out.run(&run).expect("in order");
                }
            }
        }
        out.finish().expect("an archive")
    }
}

fn sign(secret: &DeviceSecret, log: &LogId, drafts: &[Draft]) -> Vec<Run> {
    Run::sign(secret, log, Seq::ZERO, EntryId::ZERO, drafts).expect("runs")
}
