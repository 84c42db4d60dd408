//! Plugs pulled and signals sent.

use std::collections::HashSet;
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::Stdio;

use crate::support::{Person, ids, rss, text, timeline};

/// Times the plug is pulled, each after more posts than the time before.
const ROUNDS: usize = 4;

#[test]
fn no_printed_post_is_lost_when_the_plug_is_pulled() {
    let ada = Person::named("Ada");
    let mut printed = Vec::new();
    for round in 0..ROUNDS {
        let mut running = ada.online();
        let lines: String = (0..400)
            .map(|n| format!("round {round} line {n}\n"))
            .collect();
        assert!(running.type_bytes(lines.as_bytes()));
        for _ in 0..round * 7 + 1 {
            printed.push(text(&running.next(), "id"));
        }
        printed.extend(running.kill().iter().map(|post| text(post, "id")));
    }
    let held = ada.list();
    let places: HashSet<_> = held.iter().map(|post| place(&text(post, "id"))).collect();
    assert_eq!(places.len(), held.len(), "no place is taken twice");
    let held: HashSet<_> = ids(&held).into_iter().collect();
    let lost: Vec<_> = printed.iter().filter(|id| !held.contains(*id)).collect();
    assert!(lost.is_empty(), "lost: {lost:?}");
    ada.json(["post", "and it goes on"]);
}

/// The log and the sequence number in a reference: all but the hash at its end.
fn place(id: &str) -> String {
    id.rsplit_once(':').expect("five parts").0.to_owned()
}

#[test]
fn a_follower_who_is_killed_while_receiving_goes_on_where_it_was() {
    let (ada, ben) = (Person::named("Ada"), Person::named("Ben"));
    let file = ada.file("news.xml", rss(2_000));
    ada.json(["import", &file]);
    let at_ada = ada.online();
    ben.json(["follow", &at_ada.ticket]);
    let at_ben = ben.online();
    // Killed in the middle: one post has arrived, most have not.
    at_ben.next();
    at_ben.kill();
    let report = ben.json(["sync"]);
    assert_eq!(report["behind"], 0, "{report}");
    assert!(at_ada.stop("TERM").success());
    assert_eq!(ids(&ben.list()), ids(&ada.list()));
}

#[test]
fn run_ends_cleanly_when_asked_to() {
    for signal in ["TERM", "INT"] {
        let ada = Person::named("Ada");
        let mut running = ada.online();
        assert!(running.type_bytes(b"written before\n"));
        running.wait_for("written before");
        assert_eq!(running.stop(signal).code(), Some(0), "{signal}");
        assert_eq!(ada.texts(), ["written before"]);
    }
}

#[test]
fn run_for_people_begins_with_ready_and_the_ticket() {
    let ada = Person::named("Ada");
    let ticket = ada.ticket();
    let mut child = timeline(&ada.dir())
        .arg("run")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("it starts");
    let mut lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
    let mut line = || lines.next().expect("a line").expect("UTF-8");
    assert_eq!(line(), format!("ready {ticket}"));
    let mut stdin = child.stdin.take().expect("a pipe");
    stdin.write_all(b"typed\n").expect("it reads");
    assert!(line().starts_with("Ada  just now"));
    assert_eq!(line(), "  typed");
    // Whoever read it has gone: that ends it, without a complaint.
    drop(lines);
    stdin.write_all(b"to nobody\n").expect("it reads");
    assert!(child.wait().expect("it ends").success());
}
