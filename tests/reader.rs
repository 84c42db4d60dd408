//! The second reader, in `docs/reader`, against this library: what it prints of an archive is what a node shows.
//!
//! It needs Python with what `docs/reader/requirements.txt` lists; `TIDINGS_PYTHON` names the interpreter. Where neither
//! that nor `CI` is set, and `python3` lacks them, these tests say so and pass over everything.

#![cfg(feature = "net")]

#[path = "reader/views.rs"]
mod views;
#[path = "reader/world.rs"]
mod world;

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};
use tidings::format::Body;
use tidings::{Cursor, EntryView, NewPost, Node, Timestamp, verify_archive};

use crate::world::Random;

const READER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/reader/tidings_reader.py");

const VIEWS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/reader/tidings_views.py");

/// A Python that has what the reader needs.
fn python() -> Option<String> {
    let name = std::env::var("TIDINGS_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let asked = Command::new(&name)
        .args(["-c", "import blake3, nacl"])
        .output();
    if asked.is_ok_and(|asked| asked.status.success()) {
        return Some(name);
    }
    assert!(
        ["CI", "TIDINGS_PYTHON"]
            .iter()
            .all(|name| std::env::var_os(name).is_none()),
        "{name} lacks what docs/reader/requirements.txt lists; name another one in TIDINGS_PYTHON"
    );
    println!("left out: {name} lacks what docs/reader/requirements.txt lists");
    None
}

fn read(python: &str, file: &Path, salvage: bool) -> Output {
    let mut command = Command::new(python);
    command.arg(READER).arg(file);
    if salvage {
        command.arg("--salvage");
    }
    command.output().expect("running the reader")
}

fn lines(output: &Output) -> Vec<Value> {
    let text = String::from_utf8(output.stdout.clone()).expect("UTF-8");
    text.lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect()
}

fn rfc3339(time: Timestamp) -> String {
    // The beginning of the year 0: RFC 3339 has none before it.
    let millis = time.0.max(-62_167_219_200_000);
    jiff::Timestamp::from_millisecond(millis)
        .unwrap_or(jiff::Timestamp::MAX)
        .to_string()
}

/// An entry as the client prints it, without what only a store knows.
fn object(entry: &EntryView) -> Value {
    let post = entry.post();
    let attachment = |it: &tidings::format::Attachment| {
        json!({
            "name": it.name, "mime": it.mime, "len": it.len, "hash": it.hash.to_string(),
            "width": it.width, "height": it.height, "alt": it.alt,
            "rendition_of": it.rendition_of,
        })
    };
    let attachments: Vec<Value> = entry.attachments().iter().map(attachment).collect();
    let mentions: Vec<String> = entry.mentions().iter().map(ToString::to_string).collect();
    json!({
        "id": entry.id().to_string(), "feed": entry.feed().to_string(), "author": entry.author(),
        "time": rfc3339(entry.time()), "kind": entry.kind().as_str(), "text": post.map(|post| &post.text),
        "title": post.and_then(|post| post.title.as_ref()), "link": post.and_then(|post| post.link.as_ref()),
        "tags": entry.tags(), "reply_to": entry.reply_to().map(|target| target.to_string()), "mentions": mentions,
        "dated": post.and_then(|post| post.dated).map(rfc3339), "attachments": attachments,
        "edited": entry.edited().map(rfc3339), "deleted": false, "reactions": entry.reactions(),
        "replies": entry.replies(),
    })
}

/// All that a node shows, newest first.
fn shown(node: &Node) -> Vec<Value> {
    let mut all = Vec::new();
    let mut before: Option<Cursor> = None;
    loop {
        let mut timeline = node.timeline().limit(1_000);
        if let Some(before) = before {
            timeline = timeline.before(before);
        }
        let page = timeline.page().expect("a page");
        all.extend(page.entries().map(object));
        before = page.next();
        if before.is_none() {
            return all;
        }
    }
}

fn assert_same(what: &str, printed: &[Value], shown: &[Value]) {
    for (at, (printed, shown)) in printed.iter().zip(shown).enumerate() {
        assert_eq!(printed, shown, "{what}, line {at}");
    }
    assert_eq!(printed.len(), shown.len(), "{what}");
}

async fn offline(folder: &Path) -> Node {
    let opened = Node::builder().offline().open(folder).await;
    opened.expect("a node")
}

#[tokio::test(flavor = "multi_thread")]
async fn both_readers_see_the_same_in_feeds_where_everything_happens() {
    let Some(python) = python() else { return };
    for seed in 0..12 {
        let folder = tempfile::tempdir().expect("a folder");
        let (made, exported) = (folder.path().join("made"), folder.path().join("exported"));
        fs::write(&made, world::archive(seed, 150)).expect("a file");
        let node = offline(&folder.path().join("node")).await;
        let report = node.load(&made).follow(true).run().await.expect("loaded");
        assert!(report.damage().is_none(), "{report:?}");
        let shown = shown(&node);
        assert!(shown.len() > 20, "seed {seed}: {}", shown.len());
        node.export(&exported).all().run().await.expect("exported");
        for file in [&made, &exported] {
            let output = read(&python, file, false);
            let errors = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "seed {seed}: {errors}");
            let what = format!("seed {seed}, {}", file.display());
            assert_same(&what, &lines(&output), &shown);
        }
        node.shutdown().await.expect("shut down");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn both_readers_see_the_same_in_what_a_node_wrote() {
    let Some(python) = python() else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let ada = offline(&folder.path().join("ada")).await;
    ada.edit_profile().name("Ada").save().await.expect("saved");
    let many = (0..130).map(|n| NewPost::new(format!("post {n}")).tag("many"));
    let many = ada.send_all(many.collect()).await.expect("sent");
    let first = ada.post("First tomatoes").tag("tomato").send().await;
    let first = first.expect("sent");
    let answer = ada.post("Ripe?").reply_to(first).send().await;
    answer.expect("sent");
    ada.edit(&first, "First ripe tomatoes")
        .send()
        .await
        .expect("edited");
    ada.react(&first, "+").await.expect("reacted");
    ada.delete(&many[3]).await.expect("deleted");
    ada.delete(&many[70]).await.expect("deleted");
    ada.undelete(&many[70]).await.expect("undeleted");
    let file = folder.path().join("ada.tidings");
    ada.export(&file).run().await.expect("exported");
    let shown = shown(&ada);
    assert_eq!(shown.len(), 131);
    assert_same("own", &lines(&read(&python, &file, false)), &shown);

    // On another node it comes to the same, what was deleted included.
    let ben = offline(&folder.path().join("ben")).await;
    ben.load(&file).follow(true).run().await.expect("loaded");
    assert_eq!(self::shown(&ben), shown);
    let back = folder.path().join("back.tidings");
    ben.export(&back)
        .feed(ada.feed())
        .run()
        .await
        .expect("exported");
    assert_eq!(
        fs::read(&back).expect("a file"),
        fs::read(&file).expect("a file")
    );
}

#[test]
fn the_reader_agrees_with_the_vectors_and_is_short() {
    for part in [READER, VIEWS] {
        let script = fs::read_to_string(part).expect("the reader");
        assert!(script.lines().count() < 300, "or the format is wrong");
    }
    let Some(python) = python() else { return };
    let vectors = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/reader/vectors.py");
    let output = Command::new(python).arg(vectors).output();
    let output = output.expect("running the vectors");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
}

#[test]
fn both_readers_fold_every_letter_the_same() {
    let Some(python) = python() else { return };
    let mut folded = serde_json::Map::new();
    for letter in '\0'..=char::MAX {
        let text = format!("a{letter}b");
        let tag = Body::fold_tag(&text);
        assert_eq!(Body::fold_tag(&tag), tag, "{letter:?} folded twice");
        if tag != text {
            folded.insert(u32::from(letter).to_string(), tag.into());
        }
    }
    assert!(folded.len() > 6_000, "{}", folded.len());
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/reader/fold.py");
    let mut asked = Command::new(python)
        .arg(script)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("running the script");
    let to = asked.stdin.take().expect("a pipe");
    serde_json::to_writer(to, &folded).expect("written");
    let output = asked.wait_with_output().expect("an answer");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    let compared = String::from_utf8_lossy(&output.stdout);
    let compared: u32 = compared.trim().parse().expect("a number");
    assert!(compared > 140_000, "{compared}");
}

#[test]
fn both_readers_name_the_same_byte_of_a_damaged_archive() {
    let Some(python) = python() else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("damaged");
    let whole = world::archive(1, 20);
    let mut random = Random(7);
    for round in 0..40 {
        let mut bytes = whole.clone();
        let at = random.below(bytes.len());
        if round % 4 == 0 {
            bytes.truncate(at);
        } else {
            bytes[at] ^= 1 << random.below(8);
        }
        fs::write(&file, &bytes).expect("a file");
        let damage = verify_archive(bytes.as_slice()).damage().cloned();
        let offset = damage.expect("a damage").offset();
        let output = read(&python, &file, round % 2 == 0);
        let said = String::from_utf8_lossy(&output.stderr);
        let expected = format!("damaged at byte {offset}: ");
        assert_eq!(output.status.code(), Some(1), "round {round}: {said}");
        assert!(said.contains(&expected), "round {round}, {offset}: {said}");
        assert_eq!(said.lines().count(), 1, "round {round}: {said}");
        assert!(round % 2 == 0 || output.stdout.is_empty(), "round {round}");
    }
}
