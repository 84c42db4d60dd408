//! Followers of a feed of which somebody else has a key, as processes: what comes in archives that are made by hand.

use tidings::format::{
    ArchiveWriter, Body, Content as _, Delete, DeviceSecret, Draft, End, Ends, EntryId, EntryRef,
    FeedSecret, Kind, Lane, LogId, Post, Ref, Rel, Run, Seq, Statement, Timestamp, lanes,
};

use crate::support::{Person, ids, rss, text, texts};

/// A feed with an owner's laptop and a phone, an admin's, that is stolen.
struct Victim {
    feed: FeedSecret,
    laptop: DeviceSecret,
    phone: DeviceSecret,
    statements: Vec<Statement>,
}

const BEGUN: i64 = 1_790_000_000_000;

fn victim() -> Victim {
    let laptop = DeviceSecret::from_bytes(&[2; 32]);
    robbed(FeedSecret::from_bytes(&[1; 32]), laptop)
}

/// Of somebody's folder, with the keys that lie in it; the phone is admitted besides.
fn victim_of(person: &Person) -> Victim {
    let keys = std::fs::read_to_string(person.dir().join("keys")).expect("keys");
    let secret = |name: &str| {
        let line = keys.lines().find_map(|line| line.strip_prefix(name));
        // Both are 32 bytes in the same letters.
        let bytes: EntryId = line.expect("a key").trim().parse().expect("letters");
        *bytes.as_bytes()
    };
    let feed = FeedSecret::from_bytes(&secret("feed "));
    robbed(feed, DeviceSecret::from_bytes(&secret("device ")))
}

fn robbed(feed: FeedSecret, laptop: DeviceSecret) -> Victim {
    let phone = DeviceSecret::from_bytes(&[3; 32]);
    let mut statements = Vec::new();
    for device in [&laptop, &phone] {
        let consent = device.consent(&feed.id());
        let admit = Statement::admit(feed.id(), &feed, device.id(), true, "", consent);
        statements.push(admit.expect("an Admit"));
    }
    Victim {
        feed,
        laptop,
        phone,
        statements,
    }
}

impl Victim {
    fn posts(&self, device: &DeviceSecret, after: &[Run], texts: &[&str], time: i64) -> Vec<Run> {
        let log = LogId {
            feed: self.feed.id(),
            device: device.id(),
            lane: lanes::POSTS,
        };
        let draft = |(at, text): (i64, &&str)| {
            let post = Post {
                text: (*text).to_owned(),
                ..Post::default()
            };
            let body = Body {
                content: tidings::format::encode(&post).into(),
                ..Body::default()
            };
            let kind = Kind::new(Post::KIND).expect("a kind");
            let body = body.encode().expect("a body");
            Draft::new(kind, Timestamp(time + at * 1_000), body)
        };
        let drafts: Vec<Draft> = (0..).zip(texts).map(draft).collect();
        Self::behind(device, &log, after, &drafts)
    }

    /// Deletes of these entries by a device, so many in a draft, each of all of them.
    fn deletes(
        &self,
        device: &DeviceSecret,
        targets: &[EntryRef],
        count: usize,
        purge: bool,
    ) -> Vec<Run> {
        let log = LogId {
            feed: self.feed.id(),
            device: device.id(),
            lane: lanes::STATE,
        };
        let refs = targets.iter().map(|target| Ref {
            rel: Rel::Delete,
            target: *target,
        });
        let body = Body {
            content: tidings::format::encode(&Delete { purge }).into(),
            refs: refs.collect(),
            ..Body::default()
        };
        let kind = Kind::new(Delete::KIND).expect("a kind");
        let body = body.encode().expect("a body");
        let drafts = vec![Draft::new(kind, Timestamp(BEGUN), body); count];
        Self::behind(device, &log, &[], &drafts)
    }

    fn behind(device: &DeviceSecret, log: &LogId, after: &[Run], drafts: &[Draft]) -> Vec<Run> {
        let (first, prev) = after
            .last()
            .map_or((Seq::ZERO, EntryId::ZERO), |run| (run.end(), run.last_id()));
        Run::sign(device, log, first, prev, drafts).expect("runs")
    }

    fn end(runs: &[Run]) -> Ends {
        let last = runs.last().expect("a run");
        let end = End {
            seq: Seq(last.end().0 - 1),
            id: last.last_id(),
        };
        Ends::new([(lanes::POSTS, end)]).expect("ends")
    }

    /// The feed key retires a device, with what its log is.
    fn retire(&self, device: &DeviceSecret, ends: Ends) -> Statement {
        Statement::retire(self.feed.id(), &self.feed, device.id(), ends, []).expect("a Retire")
    }

    fn by_thief(&self, device: &DeviceSecret, ends: Ends) -> Statement {
        Statement::retire(self.feed.id(), &self.phone, device.id(), ends, []).expect("a Retire")
    }

    fn archive(&self, more: &[Statement], runs: &[Vec<Run>]) -> Vec<u8> {
        let mut out = ArchiveWriter::new(Vec::new()).expect("an archive");
        let mut statements: Vec<&Statement> = self.statements.iter().chain(more).collect();
        statements.sort_by_key(|statement| *statement.id());
        for statement in statements {
            out.statement(statement).expect("a statement");
        }
        let mut runs: Vec<&Run> = runs.iter().flatten().collect();
        runs.sort_by_key(|run| (run.log().device, run.log().lane, run.first()));
        for run in runs {
            out.run(run).expect("a run");
        }
        out.finish().expect("written")
    }
}

fn references(posts: &[serde_json::Value]) -> Vec<EntryRef> {
    let ids = ids(posts).into_iter();
    ids.map(|id| id.parse().expect("a name")).collect()
}

impl Person {
    fn takes(&self, archive: &[u8]) -> serde_json::Value {
        let file = self.file("given.tidings", archive);
        self.json(["load", &file, "--follow"])
    }
}

#[test]
fn what_a_stolen_phone_retires_is_hidden_and_back_without_a_network() {
    let (victim, ben) = (victim(), Person::named("Ben"));
    let posts = victim.posts(&victim.laptop, &[], &["one", "two", "three"], BEGUN);
    ben.takes(&victim.archive(&[], std::slice::from_ref(&posts)));
    assert_eq!(ben.texts(), ["three", "two", "one"]);
    let theft = victim.by_thief(&victim.laptop, Ends::default());
    ben.takes(&victim.archive(std::slice::from_ref(&theft), &[]));
    assert!(ben.texts().is_empty());
    let last_word = victim.retire(&victim.phone, Ends::default());
    ben.takes(&victim.archive(&[theft, last_word], &[]));
    assert_eq!(ben.texts(), ["three", "two", "one"]);
    assert!(ben.run(["check"]).status.success());
}

#[test]
fn a_second_entry_at_place_0_hides_nothing_once_the_feed_key_has_spoken() {
    let victim = victim();
    let honest = victim.posts(&victim.laptop, &[], &["one", "two", "three"], BEGUN);
    let forged = victim.posts(&victim.laptop, &[], &["a lie"], BEGUN);
    let settled = victim.retire(&victim.laptop, Victim::end(&honest));
    for honest_first in [true, false] {
        let ben = Person::named("Ben");
        let mut given = [honest.clone(), forged.clone()];
        if !honest_first {
            given.reverse();
        }
        for runs in &given {
            ben.takes(&victim.archive(&[], std::slice::from_ref(runs)));
        }
        let before = ben.texts();
        let expected: &[&str] = if honest_first {
            &["three", "two", "one"]
        } else {
            &["a lie"]
        };
        assert_eq!(before, expected, "nobody loses what is held");
        let following = ben.run(["following"]).succeeds().out;
        assert!(
            following.contains("fork") || following.contains("histor"),
            "{following}"
        );
        let settled = [settled.clone()];
        ben.takes(&victim.archive(&settled, std::slice::from_ref(&honest)));
        assert_eq!(ben.texts(), ["three", "two", "one"]);
        let following = ben.run(["following"]).succeeds().out;
        assert!(!following.contains("fork"), "{following}");
        assert!(ben.run(["check"]).status.success());
    }
}

#[test]
fn one_claim_at_the_end_of_time_moves_no_clock() {
    let (victim, ben) = (victim(), Person::named("Ben"));
    let posts = victim.posts(&victim.phone, &[], &["far"], i64::MAX - 1_000_000);
    ben.takes(&victim.archive(&[], &[posts]));
    let sent = text(&ben.json(["post", "mine"]), "id");
    assert_eq!(ben.texts(), ["mine"], "what is ahead is not shown yet");
    let cyd = Person::named("Cyd");
    cyd.take(&ben);
    assert_eq!(cyd.texts(), ["mine"], "{sent} is shown to others");
}

#[test]
fn thousands_of_statements_stop_neither_the_last_word_nor_an_archive() {
    let (victim, ben) = (victim(), Person::named("Ben"));
    let posts = victim.posts(&victim.laptop, &[], &["one"], BEGUN);
    let mut flood = Vec::new();
    for number in 0..3_000_u32 {
        let mut bytes = [7; 32];
        bytes[..4].copy_from_slice(&number.to_be_bytes());
        let made_up = DeviceSecret::from_bytes(&bytes);
        let consent = made_up.consent(&victim.feed.id());
        let (feed, phone) = (victim.feed.id(), &victim.phone);
        let label = "x".repeat(60);
        let admit = Statement::admit(feed, phone, made_up.id(), true, &label, consent);
        flood.push(admit.expect("an Admit"));
    }
    for part in flood.chunks(1_000) {
        ben.takes(&victim.archive(part, std::slice::from_ref(&posts)));
    }
    let last_word = victim.retire(&victim.phone, Ends::default());
    ben.takes(&victim.archive(&[last_word], &[]));
    assert_eq!(ben.texts(), ["one"]);
    let file = ben.path("all.tidings");
    ben.json(["export", &file, "--all"]);
    assert_eq!(ben.json(["verify", &file])["good"], true);
    let cyd = Person::named("Cyd");
    cyd.json(["load", &file, "--follow"]);
    assert_eq!(cyd.texts(), ["one"]);
}

#[test]
fn made_up_devices_hide_nobody() {
    let (victim, ben) = (victim(), Person::named("Ben"));
    let mut statements = Vec::new();
    let mut logs = Vec::new();
    for number in 0..16_u8 {
        let made_up = DeviceSecret::from_bytes(&[100 + number; 32]);
        let consent = made_up.consent(&victim.feed.id());
        let (feed, phone) = (victim.feed.id(), &victim.phone);
        let admit = Statement::admit(feed, phone, made_up.id(), false, "", consent);
        statements.push(admit.expect("an Admit"));
        for lane in 0..64 {
            let log = LogId {
                feed,
                device: made_up.id(),
                lane: Lane::new(&format!("l{lane}")).expect("a lane"),
            };
            let draft = Draft::new(
                Kind::new("noise/1").expect("a kind"),
                Timestamp(BEGUN),
                Body::default().encode().expect("a body"),
            );
            let signed = Run::sign(&made_up, &log, Seq::ZERO, EntryId::ZERO, &[draft]);
            logs.push(signed.expect("runs"));
        }
    }
    logs.push(victim.posts(&victim.laptop, &[], &["honest"], BEGUN));
    ben.takes(&victim.archive(&statements, &logs));
    let shown = ben.list();
    assert!(shown.iter().any(|post| post["text"] == "honest"));
    let storage = ben.run(["storage"]).succeeds().out;
    assert!(storage.contains("passed over"), "{storage}");
}

#[test]
fn what_a_stolen_phone_purges_is_kept_by_its_owner_and_comes_back_to_followers() {
    let (ada, ben) = (Person::named("Ada"), Person::named("Ben"));
    for post in ["one", "two"] {
        ada.json(["post", post]);
    }
    let victim = victim_of(&ada);
    ben.take(&ada);
    let purge = victim.deletes(&victim.phone, &references(&ada.list()), 1, true);
    let theft = victim.archive(&[], std::slice::from_ref(&purge));
    for person in [&ada, &ben] {
        person.takes(&theft);
        assert!(
            person.texts().is_empty(),
            "a delete of an own device counts"
        );
    }
    let last_word = victim.retire(&victim.phone, Ends::default());
    ada.takes(&victim.archive(&[last_word], &[]));
    assert_eq!(ada.texts(), ["two", "one"], "with their bodies");
    ben.take(&ada);
    assert_eq!(ben.texts(), ["two", "one"]);
    for person in [&ada, &ben] {
        assert!(person.run(["check"]).status.success());
    }
}

#[test]
fn deletes_without_end_of_many_entries_are_taken_and_lose_to_the_last_word() {
    let (ada, ben) = (Person::named("Ada"), Person::named("Ben"));
    let file = ada.file("news.xml", rss(200));
    ada.json(["import", &file]);
    let victim = victim_of(&ada);
    ben.take(&ada);
    let posts = ada.list();
    let mut runs = Vec::new();
    for some in references(&posts).chunks(32) {
        // Each by a device of its own: of one device only a few deletes of an entry are looked at.
        let made_up = DeviceSecret::from_bytes(&[50 + u8::try_from(runs.len()).unwrap(); 32]);
        runs.push((made_up.clone(), victim.deletes(&made_up, some, 100, false)));
    }
    let admits: Vec<Statement> = runs
        .iter()
        .map(|(device, _)| {
            let consent = device.consent(&victim.feed.id());
            let (feed, phone) = (victim.feed.id(), &victim.phone);
            Statement::admit(feed, phone, device.id(), true, "", consent).expect("an Admit")
        })
        .collect();
    let runs: Vec<_> = runs.into_iter().map(|(_, runs)| runs).collect();
    let theft = victim.archive(&admits, &runs);
    for person in [&ada, &ben] {
        person.takes(&theft);
        assert_eq!(person.texts(), Vec::<String>::new());
    }
    ada.json(["post", "still here"]);
    ada.takes(&victim.archive(&[victim.retire(&victim.phone, Ends::default())], &[]));
    ben.take(&ada);
    for person in [&ada, &ben] {
        assert_eq!(person.list().len(), posts.len() + 1);
        assert_eq!(texts(&person.list())[1..], texts(&posts));
        assert!(person.run(["check"]).status.success());
    }
}

#[test]
fn a_key_that_somebody_uses_elsewhere_is_renewed_while_the_node_runs() {
    let (ada, ben) = (Person::named("Ada"), Person::named("Ben"));
    ada.json(["post", "one"]);
    let victim = victim_of(&ada);
    let log_of = |post: &serde_json::Value| {
        let id: EntryRef = text(post, "id").parse().expect("a name");
        id.log
    };
    let old = log_of(&ada.list()[0]);
    // With an older copy of the key: another entry at place 0.
    let forged = victim.posts(&victim.laptop, &[], &["a lie"], BEGUN);
    ben.takes(&victim.archive(&[], &[forged]));
    assert_eq!(ben.texts(), ["a lie"]);

    let mut at_ada = ada.online();
    ben.json(["follow", &at_ada.ticket]);
    let mut at_ben = ben.online();
    assert!(at_ada.type_bytes(b"two\n"));
    // Until the fork is known and settled nobody may say under which key.
    at_ada.wait_for("two");
    at_ben.wait_for("one");
    assert!(at_ada.type_bytes(b"three\n"));
    let three = at_ben.wait_for("three");
    assert_ne!(log_of(&three).device, old.device, "under a key of its own");
    assert!(at_ben.type_bytes(b"\n"));
    assert!(at_ada.stop("TERM").success());
    assert!(at_ben.stop("TERM").success());
    for person in [&ada, &ben] {
        let mut shown = person.texts();
        shown.sort();
        assert_eq!(shown, ["one", "three", "two"]);
        assert!(person.run(["check"]).status.success());
    }
}
