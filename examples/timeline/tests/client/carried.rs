//! Media between three folders: from the author, and from a follower while the author is away.

use std::fs;
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use image::ImageFormat;
use serde_json::{Value, json};

use crate::media::picture;
use crate::support::{Person, text, timeline};

/// Bytes of the large file.
const LARGE: usize = 30 << 20;

/// Times the plug is pulled before it is believed that a transfer cannot be caught in the middle.
const ATTEMPTS: usize = 10;

/// How long a transfer may take to begin. Only a failing test waits this long.
const PATIENCE: Duration = Duration::from_secs(60);

/// Bytes without a pattern.
fn noise(len: usize) -> Vec<u8> {
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut bytes = Vec::with_capacity(len + 8);
    while bytes.len() < len {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes.truncate(len);
    bytes
}

/// The newest post.
fn newest(person: &Person) -> Value {
    person.list().remove(0)
}

/// Whether each attachment of the newest post is here.
fn held(person: &Person) -> Vec<bool> {
    let post = newest(person);
    let attachments = post["attachments"].as_array().expect("a list");
    attachments.iter().map(|it| it["held"] == true).collect()
}

/// The bytes of all fetched files, in order.
fn bytes_of(fetched: &Value) -> Vec<Vec<u8>> {
    let files = fetched["files"].as_array().expect("files").iter();
    files
        .map(|file| fs::read(text(file, "file")).expect("a file"))
        .collect()
}

#[test]
fn pictures_come_from_the_author_and_then_from_a_follower() {
    let (ada, ben, cleo) = (
        Person::named("Ada"),
        Person::named("Ben"),
        Person::named("Cleo"),
    );
    let first = ada.file("first.jpg", picture(300, 200, ImageFormat::Jpeg));
    let second = ada.file("second.png", picture(90, 120, ImageFormat::Png));
    ada.json(["post", "two pictures", "--attach", &first, &second]);
    let hers = bytes_of(&ada.json(["fetch", &text(&newest(&ada), "id")]));

    let at_ada = ada.online();
    ben.json(["follow", &at_ada.ticket]);
    ben.json(["sync"]);
    assert_eq!(
        held(&ben),
        [false, false],
        "sync leaves attachments where they are"
    );
    let id = text(&newest(&ben), "id");
    let at_ben = ben.json(["fetch", &id, "--out", &ben.path("out")]);
    assert_eq!(bytes_of(&at_ben), hers);
    assert!(at_ada.stop("TERM").success());

    let ticket = text(&ben.json(["ticket", &ada.feed()]), "ticket");
    let at_ben = ben.online();
    cleo.json(["follow", &ticket]);
    cleo.json(["sync"]);
    let done = cleo.run(["fetch", &id]).succeeds();
    assert!(
        done.out.starts_with("picture.jpg, 300 x 200, "),
        "{}",
        done.out
    );
    assert!(at_ben.stop("TERM").success());
    // All of it is here: that needs nobody.
    assert_eq!(bytes_of(&cleo.json(["fetch", &id])), hers);
    assert_eq!(held(&cleo), [true, true]);
}

#[test]
fn run_fetches_what_is_small_as_it_is_shown() {
    let (ada, ben) = (Person::named("Ada"), Person::named("Ben"));
    let at_ada = ada.online();
    ben.json(["follow", &at_ada.ticket]);
    assert!(at_ada.stop("TERM").success());
    let small = ada.file("small.jpg", picture(60, 40, ImageFormat::Jpeg));
    let large = ada.file("large.bin", noise((8 << 20) + 1));
    ada.json(["post", "look", "--attach", &small, &large]);
    let at_ada = ada.online();
    let at_ben = ben.online();
    let post = at_ben.wait_for("look");
    assert_eq!(post["attachments"][0]["held"], false);
    let came = at_ben.next();
    assert_eq!(came["fetched"], post["attachments"][0]["hash"], "{came}");
    assert_eq!(came["name"], "picture.jpg");
    assert!(at_ada.stop("TERM").success() && at_ben.stop("TERM").success());
    assert_eq!(held(&ben), [true, false]);
}

#[test]
fn a_fetch_that_is_killed_goes_on_where_it_was() {
    let ada = Person::named("Ada");
    let bytes = noise(LARGE);
    let large = ada.file("large.bin", &bytes);
    ada.json(["post", "large", "--attach", &large]);
    let id = text(&newest(&ada), "id");
    let at_ada = ada.online();
    let ben = (0..ATTEMPTS).find_map(|_| {
        let ben = Person::named("Ben");
        ben.json(["follow", &at_ada.ticket]);
        ben.json(["sync"]);
        killed_half_way(&ben, &id).then_some(ben)
    });
    let ben = ben.expect("a transfer that was caught in the middle");
    assert_eq!(held(&ben), [false]);
    let fetched = ben.json(["fetch", &id]);
    let had = fetched["files"][0]["had"].as_u64().expect("a number");
    assert!(had > 0 && had < LARGE as u64, "{fetched}");
    assert_eq!(bytes_of(&fetched), [bytes]);
    assert_eq!(held(&ben), [true]);
    assert_eq!(ben.json(["check"])["clean"], json!(true));
    assert!(at_ada.stop("TERM").success());
}

/// Begins to fetch and pulls the plug once some has come; false if all of it was faster.
fn killed_half_way(person: &Person, id: &str) -> bool {
    let mut fetch = Killed(
        timeline(&person.dir())
            .args(["fetch", id])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("the client starts"),
    );
    let since = Instant::now();
    let media = person.dir().join("media");
    while bytes_in(&media) < 1 << 20 {
        assert!(since.elapsed() < PATIENCE, "nothing came");
        std::thread::yield_now();
    }
    fetch.0.kill().expect("it is killed");
    fetch.0.wait().expect("it is gone");
    held(person) == [false]
}

/// Room that the files of a folder take, which is less than their length while there are holes in them.
fn bytes_in(folder: &Path) -> u64 {
    let files = fs::read_dir(folder).into_iter().flatten().flatten();
    let bytes = files.map(|file| match file.metadata() {
        Ok(it) if it.is_dir() => bytes_in(&file.path()),
        Ok(it) => room(&it),
        Err(_) => 0,
    });
    bytes.sum()
}

#[cfg(unix)]
fn room(file: &fs::Metadata) -> u64 {
    use std::os::unix::fs::MetadataExt as _;
    file.blocks() * 512
}

#[cfg(not(unix))]
fn room(file: &fs::Metadata) -> u64 {
    file.len()
}

/// A process that does not outlive the test.
struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}
