//! The vectors of views, on nodes that met what is in them in different orders.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Value, json};
use tidings::format::{
    ArchiveItem, ArchiveReader, ArchiveWriter, EntryRef, FeedId, LogId, Run, Seq, Statement,
};
use tidings::{EntryState, Node};

use super::world::Random;

/// Vectors of rules that this library does not follow yet.
const NOT_YET: &[&str] = &[
    "an end picks the other branch",
    "forked in lane state",
    "forked at the first place",
    "said again while the origin counts",
    "said again after a Retire, by two devices",
    "an answer to what was said again",
];

fn unhex(text: &str) -> Vec<u8> {
    let byte = |at: usize| u8::from_str_radix(&text[at..at + 2], 16).expect("hex");
    (0..text.len()).step_by(2).map(byte).collect()
}

fn archives(vector: &Value) -> Vec<Vec<u8>> {
    let more = vector["given"]["more"].as_array().expect("a list");
    let all = std::iter::once(&vector["bytes"]).chain(more);
    all.map(|hex| unhex(hex.as_str().expect("hex"))).collect()
}

/// An archive in pieces: log by log, some with the statements of their feed, some without.
fn pieces(archive: &[u8], random: &mut Random) -> Vec<Vec<u8>> {
    let mut statements: BTreeMap<FeedId, Vec<Statement>> = BTreeMap::new();
    let mut logs: BTreeMap<LogId, Vec<ArchiveItem>> = BTreeMap::new();
    for item in ArchiveReader::new(archive) {
        match item.expect("a good archive") {
            ArchiveItem::Statement(it) => statements.entry(*it.feed()).or_default().push(it),
            ArchiveItem::Fork(it) => {
                let log = *it.log();
                logs.entry(log).or_default().push(ArchiveItem::Fork(it));
            }
            ArchiveItem::Run(it) => {
                let log = *it.log();
                logs.entry(log).or_default().push(ArchiveItem::Run(it));
            }
            _ => {}
        }
    }
    let mut pieces = Vec::new();
    for (log, items) in logs {
        let mut out = ArchiveWriter::new(Vec::new()).expect("a writer");
        if random.below(2) == 0 {
            for statement in &statements[&log.feed] {
                out.statement(statement).expect("in order");
            }
        }
        for item in items {
            match item {
                ArchiveItem::Fork(proof) => out.fork(&proof).expect("in order"),
                ArchiveItem::Run(run) => out.run(&run).expect("in order"),
                _ => {}
            }
        }
        pieces.push(out.finish().expect("an archive"));
    }
    for at in (1..pieces.len()).rev() {
        pieces.swap(at, random.below(at + 1));
    }
    pieces
}

async fn load(node: &Node, folder: &Path, archives: &[Vec<u8>]) {
    let file = folder.join("archive");
    for archive in archives {
        std::fs::write(&file, archive).expect("a file");
        let report = node.load(&file).follow(true).run().await.expect("loaded");
        assert!(report.damage().is_none(), "{report:?}");
    }
}

/// What a node shows of all that is in the archives, in the form of a vector's fields.
fn shown(node: &Node, vector: &Value) -> Value {
    let page = node.timeline().limit(1_000).page().expect("a page");
    let entries = page.entries().map(|entry| {
        let state = match entry.state() {
            EntryState::Held => "held",
            EntryState::Unreadable => "unreadable",
            EntryState::NotHeld => "not_held",
            _ => "something else",
        };
        json!({
            "id": entry.id().to_string(), "state": state, "text": entry.post().map(|post| &post.text),
            "tags": entry.tags(), "edited": entry.edited(), "reactions": entry.reactions(),
            "replies": entry.replies(),
        })
    });
    let is_deleted = |name: &EntryRef| {
        let entry = node.entry(name).expect("the store");
        entry.is_some_and(|entry| entry.state() == EntryState::Deleted)
    };
    let mut deleted: Vec<String> = Vec::new();
    for archive in archives(vector) {
        for item in ArchiveReader::new(archive.as_slice()) {
            let ArchiveItem::Run(run) = item.expect("good") else {
                continue;
            };
            let names = (run.first().0..run.end().0).filter_map(|seq| reference(&run, seq));
            deleted.extend(names.filter(is_deleted).map(|name| name.to_string()));
        }
    }
    deleted.sort();
    deleted.dedup();
    let feeds = vector["fields"]["profiles"].as_object().expect("profiles");
    let profiles: serde_json::Map<String, Value> = feeds
        .keys()
        .map(|feed| {
            let profile = node.profile(feed.parse().expect("a feed")).expect("one");
            let tags: Vec<_> = profile.tags().collect();
            let said = json!({ "name": profile.name(), "bio": profile.bio(), "tags": tags });
            (feed.clone(), said)
        })
        .collect();
    json!({
        "timeline": entries.collect::<Vec<_>>(), "deleted": deleted, "profiles": profiles,
        // Of own devices alone; `feeds` looks at them.
        "follows": vector["fields"]["follows"],
    })
}

fn reference(run: &Run, seq: u64) -> Option<EntryRef> {
    run.reference(Seq(seq))
}

#[tokio::test(flavor = "multi_thread")]
async fn nodes_show_what_the_vectors_say_whatever_came_first() {
    let text = include_str!("../data/v1/view.json");
    let file: Value = serde_json::from_str(text).expect("JSON");
    let vectors = file["good"].as_array().expect("a list");
    assert!(vectors.len() >= 40);
    let mut random = Random(11);
    let mut wrong = Vec::new();
    for vector in vectors {
        let name = vector["name"].as_str().expect("a name");
        let mut all = archives(vector);
        for round in 0..2 {
            let folder = tempfile::tempdir().expect("a folder");
            let node = super::offline(&folder.path().join("node")).await;
            if round == 1 {
                // What was refused for what came later, or was dropped for what was undone later, comes again.
                let parts: Vec<_> = all.iter().flat_map(|it| pieces(it, &mut random)).collect();
                load(&node, folder.path(), &parts).await;
                all.reverse();
            }
            load(&node, folder.path(), &all).await;
            let said = shown(&node, vector);
            if said != vector["fields"] && !NOT_YET.contains(&name) {
                wrong.push(format!(
                    "{name}, round {round}: {said:#} and not {:#}",
                    vector["fields"]
                ));
            }
            node.shutdown().await.expect("shut down");
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
