//! Each command alone, in both kinds of output.

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Command, Stdio};

use crate::support::{Person, ids, rss, text, texts, timeline};

#[test]
fn init_makes_an_identity_and_later_updates_its_profile() {
    let ada = Person::nobody();
    let first = ada.json([
        "init", "--name", "Ada", "--bio", "Plot 17", "--tag", "garden", "--tag", "tomato",
    ]);
    assert_eq!(first["name"], "Ada");
    assert_eq!(first["bio"], "Plot 17");
    assert_eq!(first["tags"], serde_json::json!(["garden", "tomato"]));
    assert_eq!(first["followed"], 0);

    let second = ada.json([
        "init", "--name", "Ada L.", "--tag", "tomato", "--tag", "maths",
    ]);
    assert_eq!(second["feed"], first["feed"]);
    assert_eq!(second["device"], first["device"]);
    assert_eq!(second["name"], "Ada L.");
    assert_eq!(second["bio"], "Plot 17");
    let mut tags: Vec<_> = second["tags"]
        .as_array()
        .expect("a list")
        .iter()
        .filter_map(|tag| tag.as_str())
        .collect();
    tags.sort_unstable();
    assert_eq!(tags, ["maths", "tomato"]);

    let again = ada.json(["init", "--name", "Ada L."]);
    assert_eq!(
        again["entries"], second["entries"],
        "nothing changed, so nothing was written"
    );
    assert_eq!(ada.json(["whoami"]), again);
}

#[test]
fn whoami_reads_well_without_json() {
    let ada = Person::named("Ada");
    let done = ada.run(["whoami"]).succeeds();
    assert!(done.out.starts_with("name       Ada\n"), "{}", done.out);
    assert!(done.out.contains(&ada.feed()), "{}", done.out);
}

#[test]
fn post_prints_an_id_that_can_be_replied_to_in_both_forms() {
    let ada = Person::named("Ada");
    let first = ada
        .run([
            "post",
            "First tomatoes",
            "--tag",
            "tomato",
            "--tag",
            "garden",
        ])
        .succeeds();
    let first = first.out.trim_end();
    let sent = ada.json([
        "post",
        "Second",
        "--title",
        "More",
        "--link",
        "https://x.example/",
        "--reply",
        first,
    ]);
    let by_short = ada.json(["post", "Third", "--reply", &text(&sent, "short")]);

    let posts = ada.list();
    assert_eq!(texts(&posts), ["Third", "Second", "First tomatoes"]);
    assert_eq!(
        ids(&posts),
        [text(&by_short, "id"), text(&sent, "id"), first.to_owned()]
    );
    assert_eq!(posts[2]["tags"], serde_json::json!(["tomato", "garden"]));
    assert_eq!(posts[1]["title"], "More");
    assert_eq!(posts[1]["link"], "https://x.example/");
    assert_eq!(posts[1]["reply_to"], first);
    assert_eq!(posts[0]["reply_to"], sent["id"]);
}

#[test]
fn a_post_has_every_field_that_scripts_rely_on() {
    let ada = Person::named("Ada");
    ada.json(["post", "Hello"]);
    let post = ada.list().remove(0);
    let fields = [
        "id", "short", "feed", "author", "time", "kind", "text", "title", "link", "tags",
        "reply_to", "mentions", "cursor",
    ];
    for field in fields {
        assert!(post.get(field).is_some(), "{field} is missing: {post}");
    }
    assert_eq!(post["feed"], ada.feed());
    assert_eq!(post["author"], "Ada");
    assert_eq!(post["kind"], "post/1");
    assert!(post["title"].is_null() && post["reply_to"].is_null());
    assert_eq!(post["mentions"], serde_json::json!([]));
    let time: jiff::Timestamp = text(&post, "time").parse().expect("RFC 3339");
    assert!(time <= jiff::Timestamp::now());
}

#[test]
fn post_reads_standard_input_to_its_end() {
    let ada = Person::named("Ada");
    let gruesse = "Gr\u{fc}\u{df}e\n\nzwei Zeilen";
    ada.run_with_input(["post", "-"], format!("{gruesse}\n").as_bytes())
        .succeeds();
    assert_eq!(ada.texts(), [gruesse]);
}

#[test]
fn list_goes_on_where_it_ended_and_filters() {
    let ada = Person::named("Ada");
    let file = ada.file("news.xml", rss(50));
    ada.json(["import", &file]);
    let all = ada.list();
    assert_eq!(all.len(), 50);
    let first = ada.json_lines(["list", "--limit", "20"]);
    assert_eq!(first, all[..20]);
    let rest = ada.json_lines([
        "list",
        "--limit",
        "1000",
        "--before",
        &text(&first[19], "cursor"),
    ]);
    assert_eq!(rest, all[20..]);
    let even = ada.json_lines(["list", "--limit", "100", "--tag", "even0"]);
    assert_eq!(even.len(), 25);
    assert_eq!(
        ada.json_lines(["list", "--limit", "100", "--feed", &ada.feed()]),
        all
    );
    assert!(
        ada.json_lines(["list", "--feed", &Person::named("Ben").feed()])
            .is_empty()
    );
    assert!(ada.json_lines(["list", "--limit", "0"]).is_empty());
}

#[test]
fn a_list_for_people_wraps_and_says_how_to_go_on() {
    let ada = Person::named("Ada");
    ada.json(["post", "One"]);
    ada.json([
        "post",
        &"word ".repeat(60),
        "--tag",
        "long",
        "--title",
        "A title",
    ]);
    let done = ada.run(["list", "--limit", "1"]).succeeds();
    let lines: Vec<_> = done.out.lines().collect();
    assert!(lines[0].starts_with("Ada  just now  #long"), "{}", done.out);
    assert_eq!(lines[1], "  A title");
    assert!(
        lines
            .iter()
            .all(|line| line.starts_with("There is more") || line.len() <= 80),
        "{}",
        done.out
    );
    let cursor = done
        .out
        .split("--before ")
        .nth(1)
        .expect("how to go on")
        .trim_end();
    let rest = ada.run(["list", "--before", cursor]).succeeds();
    assert!(rest.out.contains("\n  One\n"), "{}", rest.out);
    assert!(!rest.out.contains("There is more"), "{}", rest.out);
}

#[test]
fn a_terminal_is_not_steered_by_what_others_write() {
    let ada = Person::named("Ada \u{1b}[31m");
    ada.run_with_input(
        ["post", "-"],
        "evil \u{1b}]0;title\u{7} \u{202e}text".as_bytes(),
    )
    .succeeds();
    let done = ada.run(["list"]).succeeds();
    assert!(
        !done.out.contains(['\u{1b}', '\u{7}', '\u{202e}']),
        "{:?}",
        done.out
    );
}

#[test]
fn follow_following_and_unfollow() {
    let ada = Person::named("Ada");
    let ben = Person::named("Ben");
    assert_eq!(ben.json(["follow", &ada.ticket()])["followed"], ada.feed());
    let following = ben.json(["following"]);
    assert_eq!(following["count"], 1);
    assert_eq!(following["following"][0]["feed"], ada.feed());
    assert!(following["following"][0]["name"].is_null());
    assert_eq!(ben.json(["whoami"])["followed"], 1);

    assert_eq!(
        ben.json(["unfollow", &ada.feed()])["unfollowed"],
        ada.feed()
    );
    assert_eq!(ben.json(["following"])["count"], 0);
    let sentence = ben.run(["unfollow", &ada.feed()]).fails();
    assert!(sentence.contains("not followed"), "{sentence}");
}

#[test]
fn a_ticket_stays_good_from_one_run_to_the_next() {
    let ada = Person::named("Ada");
    let before = ada.ticket();
    let running = ada.online();
    let ben = Person::named("Ben");
    ben.json(["follow", &before]);
    ada_stops(running);
    let running = ada.online();
    let report = ben.json(["sync", "--timeout", "30"]);
    assert_eq!(report["reached"], 1, "{report}");
    ada_stops(running);
}

fn ada_stops(running: crate::support::Running) {
    assert!(running.stop("TERM").success());
}

#[test]
fn global_flags_stand_before_or_after_the_command() {
    let ada = Person::named("Ada");
    let before = timeline(&ada.dir())
        .args(["--json", "whoami"])
        .output()
        .expect("it runs");
    let after = Command::new(timeline(&ada.dir()).get_program())
        .args(["whoami", "--json", "--local", "--dir"])
        .arg(ada.dir())
        .output()
        .expect("it runs");
    assert!(before.status.success() && after.status.success());
    assert_eq!(before.stdout, after.stdout);
}

#[test]
fn wrong_usage_keeps_the_status_of_wrong_usage() {
    let ada = Person::nobody();
    assert_eq!(ada.run(["sing"]).status.code(), Some(2));
    assert_eq!(ada.run(["list", "--limit", "many"]).status.code(), Some(2));
    assert!(ada.run(["--help"]).succeeds().out.contains("demo"));
}

#[test]
fn a_reader_who_leaves_early_is_no_error() {
    let ada = Person::named("Ada");
    let file = ada.file("news.xml", rss(400));
    ada.json(["import", &file]);
    let mut child = timeline(&ada.dir())
        .args(["list", "--limit", "400", "--json"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts");
    let mut line = String::new();
    // The reader is dropped after one line, with more to come than a pipe holds.
    BufReader::with_capacity(64, child.stdout.take().expect("a pipe"))
        .read_line(&mut line)
        .expect("a line");
    let mut errors = String::new();
    child
        .stderr
        .take()
        .expect("a pipe")
        .read_to_string(&mut errors)
        .expect("its end");
    assert!(child.wait().expect("it ends").success());
    assert_eq!(errors, "");
}

#[test]
fn demo_tells_the_whole_story() {
    let nobody = Person::nobody();
    let done = nobody.run(["demo"]).succeeds();
    assert!(
        done.out.contains("Ada's timeline") && done.out.contains("Ben's timeline"),
        "{}",
        done.out
    );
    let told = |part: &str, times: usize| {
        assert_eq!(
            done.out.matches(part).count(),
            times,
            "{part}: {}",
            done.out
        );
    };
    told("Congratulations! Save me two seeds of it, please.", 2);
    told("  + tomato.png, 480 x 320, ", 2);
    told("  \u{1f345} 1   1 reply", 2);
    told("(edited)", 2);
    let folder = done
        .out
        .split("folders in ")
        .nth(1)
        .and_then(|rest| rest.split(',').next())
        .expect("its folder");
    assert!(
        !std::path::Path::new(folder).exists(),
        "{folder} was left behind"
    );
    assert!(!nobody.dir().exists(), "it needs no folder of ours");
}

#[test]
fn demo_imports_files_and_speaks_json() {
    let nobody = Person::nobody();
    let file = nobody.file("news.xml", rss(300));
    let lines = nobody.json_lines(["demo", &file]);
    let steps: Vec<_> = lines
        .iter()
        .filter_map(|line| line["step"].as_str())
        .collect();
    assert!(
        steps.contains(&"Ada imports 300 posts from 1 file"),
        "{steps:?}"
    );
    assert!(
        lines
            .iter()
            .filter(|line| line.get("step").is_some())
            .all(|line| line["millis"].is_number())
    );
    assert_eq!(
        lines
            .iter()
            .filter(|line| line.get("timeline").is_some())
            .count(),
        2
    );
}

#[test]
fn storage_says_what_each_feed_takes_and_what_can_be_purged() {
    let ada = Person::named("Ada");
    let file = ada.file("notes.txt", "three kinds");
    ada.json(["post", "kept", "--attach", &file]);
    let id = text(&ada.json(["post", "a slip"]), "id");
    ada.json(["delete", &id]);
    let storage = ada.json(["storage"]);
    let feed = &storage["feeds"][0];
    assert_eq!(
        (&feed["name"], &feed["feed"]),
        (&"Ada".into(), &ada.feed().into())
    );
    assert_eq!(feed["entries"], ada.json(["whoami"])["entries"]);
    assert_eq!(feed["media_bytes"], 11);
    for field in ["entry_bytes", "erased_bytes"] {
        assert!(feed[field].as_u64() > Some(0), "{field}: {storage}");
    }
    assert!(storage["folder_bytes"].as_u64() > feed["entry_bytes"].as_u64());
    let people = ada.run(["storage"]).succeeds().out;
    assert!(people.contains("11 B  Ada, "), "{people}");
    ada.json(["purge"]);
    assert_eq!(ada.json(["storage"])["feeds"][0]["erased_bytes"], 0);
}

#[test]
fn check_proves_everything_and_says_so() {
    let ada = Person::named("Ada");
    let file = ada.file("news.xml", rss(120));
    ada.json(["import", &file]);
    let id = ada.list()[3]["id"].as_str().expect("an id").to_owned();
    ada.json(["edit", &id, "better"]);
    ada.json(["react", &id, "+"]);
    ada.json(["delete", &text(&ada.list()[5], "id")]);
    let report = ada.json(["check"]);
    assert_eq!(report["clean"], true, "{report}");
    assert_eq!(report["entries"], ada.json(["whoami"])["entries"]);
    assert!(report["rows"].as_u64() > report["entries"].as_u64());
    let people = ada.run(["check"]).succeeds().out;
    assert!(people.ends_with("nothing differs\n"), "{people}");
}
