//! Two and three people on one machine's network.

use serde_json::{Value, json};

use crate::support::{Person, ids, rss, text, texts};

#[test]
fn an_imported_feed_arrives_whole_in_the_same_order() {
    let ada = Person::named("Ada");
    let ben = Person::named("Ben");
    let file = ada.file("news.xml", rss(300));
    ada.json(["import", &file]);
    let running = ada.online();
    ben.json(["follow", &running.ticket]);
    let report = ben.json(["sync", "--timeout", "60"]);
    assert_eq!(
        (&report["reached"], &report["behind"]),
        (&json!(1), &json!(0)),
        "{report}"
    );
    assert!(report["entries"].as_u64() >= Some(300), "{report}");
    assert!(running.stop("TERM").success());

    let (at_ada, at_ben) = (ada.list(), ben.list());
    assert_eq!(at_ben.len(), 300);
    assert_eq!(ids(&at_ben), ids(&at_ada));
    let cursors = |posts: &[Value]| {
        posts
            .iter()
            .map(|post| text(post, "cursor"))
            .collect::<Vec<_>>()
    };
    assert_eq!(cursors(&at_ben), cursors(&at_ada));
    assert_eq!(texts(&at_ben), texts(&at_ada));
    assert_eq!(at_ben[0]["author"], "Ada");
    assert_eq!(ben.json(["following"])["following"][0]["name"], "Ada");
    assert_eq!(
        ben.json_lines(["list", "--tag", "even1", "--limit", "1000"])
            .len(),
        150
    );
}

#[test]
fn sync_for_people_says_what_came_and_from_whom() {
    let (ada, ben) = (Person::named("Ada"), Person::named("Ben"));
    let file = ada.file("news.xml", rss(20));
    ada.json(["import", &file]);
    let at_ada = ada.online();
    ben.json(["follow", &at_ada.ticket]);
    let first = ben.run(["sync"]).succeeds().out;
    let mut lines = first.lines();
    let headline = lines.next().expect("a headline");
    assert!(headline.contains("new entries from 1 peer ("), "{first}");
    assert!(
        lines
            .next()
            .is_some_and(|line| line.starts_with("  Ada: 2")),
        "{first}"
    );
    let second = ben.run(["sync"]).succeeds().out;
    assert!(
        second.starts_with("0 new entries from 1 peer ("),
        "{second}"
    );
    assert_eq!(second.lines().count(), 1, "{second}");
    assert!(at_ada.stop("TERM").success());
}

#[test]
fn a_third_gets_the_feed_from_the_second_while_the_first_is_off() {
    let (ada, ben, cleo) = (
        Person::named("Ada"),
        Person::named("Ben"),
        Person::named("Cleo"),
    );
    let file = ada.file("news.xml", rss(100));
    ada.json(["import", &file]);
    let at_ada = ada.online();
    ben.json(["follow", &at_ada.ticket]);
    ben.json(["sync"]);
    assert!(at_ada.stop("TERM").success());

    let ticket = text(&ben.json(["ticket", &ada.feed()]), "ticket");
    let at_ben = ben.online();
    assert_eq!(cleo.json(["follow", &ticket])["followed"], ada.feed());
    let report = cleo.json(["sync"]);
    assert_eq!(report["behind"], 0, "{report}");
    assert_eq!(ids(&cleo.list()), ids(&ada.list()));
    assert!(at_ben.stop("TERM").success());
}

#[test]
fn a_line_typed_in_one_shows_in_the_other() {
    let (ada, ben) = (Person::named("Ada"), Person::named("Ben"));
    let mut at_ada = ada.online();
    ben.json(["follow", &at_ada.ticket]);
    let mut at_ben = ben.online();
    assert!(at_ada.type_bytes(b"hello Ben\n"));
    let here = at_ada.wait_for("hello Ben");
    let there = at_ben.wait_for("hello Ben");
    assert_eq!(here["id"], there["id"]);
    assert_eq!(here["cursor"], there["cursor"]);
    assert_eq!(there["author"], "Ada");

    // Empty lines and bytes that are no text are passed over; the end of input ends nothing.
    assert!(at_ada.type_bytes(b"\n  \n\xff\xfe\nstill here\n"));
    assert!(at_ada.next_error().contains("not valid UTF-8"));
    at_ben.wait_for("still here");
    at_ada.end_input();
    assert!(at_ben.type_bytes(b"mine\n"));
    at_ben.wait_for("mine");
    assert_eq!(ada_texts_after(at_ada, &ada), ["still here", "hello Ben"]);
    assert!(at_ben.stop("INT").success());
    assert_eq!(ben.texts(), ["mine", "still here", "hello Ben"]);
}

fn ada_texts_after(running: crate::support::Running, ada: &Person) -> Vec<String> {
    assert!(running.stop("INT").success());
    ada.texts()
}

#[test]
fn what_was_written_offline_is_seen_when_its_author_is_back() {
    let (ada, ben) = (Person::named("Ada"), Person::named("Ben"));
    let at_ada = ada.online();
    ben.json(["follow", &at_ada.ticket]);
    ben.json(["post", "on the train"]);
    ben.json(["post", "still on the train"]);
    assert!(at_ada.stop("TERM").success());

    ada.json(["follow", &ben.ticket()]);
    let at_ada = ada.online();
    let at_ben = ben.online();
    at_ada.wait_for("still on the train");
    assert!(at_ben.stop("TERM").success() && at_ada.stop("TERM").success());
    assert_eq!(ada.texts(), ["still on the train", "on the train"]);
}

#[test]
fn one_who_restarts_is_found_again() {
    let (ada, ben) = (Person::named("Ada"), Person::named("Ben"));
    let mut at_ada = ada.online();
    ben.json(["follow", &at_ada.ticket]);
    let at_ben = ben.online();
    assert!(at_ada.type_bytes(b"before\n"));
    at_ben.wait_for("before");
    assert!(at_ada.stop("TERM").success());
    let mut at_ada = ada.online();
    assert!(at_ada.type_bytes(b"after\n"));
    at_ben.wait_for("after");
}

#[test]
fn unfollowing_keeps_what_is_held_and_shows_it_no_more() {
    let (ada, ben) = (Person::named("Ada"), Person::named("Ben"));
    ada.json(["post", "seen once"]);
    let at_ada = ada.online();
    ben.json(["follow", &at_ada.ticket]);
    ben.json(["sync"]);
    assert!(at_ada.stop("TERM").success());
    assert_eq!(ben.texts(), ["seen once"]);
    let held = ben.json(["whoami"])["entries"].clone();
    ben.json(["unfollow", &ada.feed()]);
    assert!(texts(&ben.list()).is_empty());
    assert!(ben.json(["whoami"])["entries"].as_u64() >= held.as_u64());
    ben.run(["ticket", &ada.feed()]).fails();
    // Followed again, what was held is there without asking anybody.
    ben.json(["follow", &ada.ticket()]);
    assert_eq!(ben.texts(), ["seen once"]);
}

#[test]
fn peers_that_are_away_are_named_and_one_that_answers_is_enough() {
    let (ada, ben, cleo) = (
        Person::named("Ada"),
        Person::named("Ben"),
        Person::named("Cleo"),
    );
    ada.json(["post", "here"]);
    let at_ada = ada.online();
    cleo.json(["follow", &at_ada.ticket]);
    cleo.json(["follow", &ben.ticket()]);
    let report = cleo.json(["sync", "--timeout", "5"]);
    assert_eq!(
        (&report["reached"], &report["unreached"]),
        (&json!(1), &json!(1)),
        "{report}"
    );
    let away: Vec<_> = report["peers"]
        .as_array()
        .expect("peers")
        .iter()
        .filter(|peer| peer["reached"] == false)
        .collect();
    assert_eq!(away.len(), 1);
    assert!(
        away[0]["error"].is_string() && away[0]["endpoint"].is_string(),
        "{report}"
    );
    assert_eq!(cleo.texts(), ["here"]);
}
