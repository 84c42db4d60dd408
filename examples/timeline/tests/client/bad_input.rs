//! Bad input: one clear sentence, a status, and nothing lost.

use std::fs::File;
use std::io::Write as _;

use serde_json::json;

use crate::support::{Person, data, says};

#[test]
fn commands_without_an_identity_say_how_to_make_one() {
    let nobody = Person::nobody();
    let commands: &[&[&str]] = &[
        &["post", "hello"],
        &["list"],
        &["whoami"],
        &["ticket"],
        &["following"],
        &["sync"],
        &["run"],
        &["import", &data("notes.jsonl")],
        &["edit", "1.0", "x"],
        &["delete", "1.0"],
        &["undelete", "1.0"],
        &["purge"],
        &["react", "1.0", "+"],
        &["thread", "1.0"],
        &["history", "1.0"],
        &["fetch", "1.0"],
        &["export", "x.tidings"],
        &["load", "x.tidings"],
        &["storage"],
        &["check"],
    ];
    for command in commands {
        says(
            &nobody.run(*command).fails(),
            &["no identity", "timeline init --name"],
        );
    }
    assert!(!nobody.dir().exists(), "and none was made");
}

#[test]
fn tickets_empty_cut_of_another_kind_and_mistyped() {
    let ada = Person::named("Ada");
    let ben = Person::named("Ben");
    let good = ada.ticket();
    let mut flipped = good.clone().into_bytes();
    let middle = flipped.len() / 2;
    flipped[middle] = if flipped[middle] == b'a' { b'b' } else { b'a' };
    let flipped = String::from_utf8(flipped).expect("ASCII");
    for bad in [
        "",
        &good[..good.len() - 1],
        &good[..good.len() / 2],
        &flipped,
        &ada.feed(),
        "blobabcdefghijklm",
        "follow me",
    ] {
        let sentence = ben.run(["follow", "--", bad]).fails();
        says(&sentence, &["ticket"]);
    }
    assert_eq!(ben.json(["following"])["count"], 0);
    ben.json(["follow", &good]);
}

#[test]
fn posts_empty_too_long_and_with_tags_over_the_limit() {
    let ada = Person::named("Ada");
    ada.json(["post", "kept"]);
    ada.run(["post", ""]).fails();
    ada.run(["post", "  \n"]).fails();
    ada.run_with_input(["post", "-"], b"").fails();
    for bytes in [70_000, 3_000_000] {
        ada.run_with_input(["post", "-"], "x".repeat(bytes).as_bytes())
            .fails();
    }
    ada.run(["post", "long tag", "--tag", &"t".repeat(65)])
        .fails();
    let many: Vec<_> = (0..33)
        .flat_map(|n| ["--tag".to_owned(), n.to_string()])
        .collect();
    ada.run(
        ["post", "many tags"]
            .map(str::to_owned)
            .into_iter()
            .chain(many),
    )
    .fails();
    assert_eq!(ada.texts(), ["kept"]);
}

#[test]
fn standard_input_that_is_no_text_is_not_posted() {
    let ada = Person::named("Ada");
    let sentence = ada.run_with_input(["post", "-"], b"abc\xff\xfe").fails();
    says(&sentence, &["standard input", "not valid UTF-8", "byte 3"]);
    assert!(ada.texts().is_empty());
}

#[test]
fn ids_feeds_and_cursors_that_are_none() {
    let ada = Person::named("Ada");
    ada.run(["post", "hello", "--reply", "zzzzzzzzzz"]).fails();
    ada.run(["list", "--feed", "ada"]).fails();
    ada.run(["list", "--before", "yesterday"]).fails();
    ada.run(["unfollow", "ada"]).fails();
    ada.run(["ticket", "ada"]).fails();
    ada.run(["ticket", &Person::named("Ben").feed()]).fails();
    assert!(ada.texts().is_empty());
}

#[test]
fn files_that_are_no_feeds_are_named() {
    let ada = Person::named("Ada");
    let cases = [
        (
            data("page.html"),
            vec!["page.html", "web page", "not a feed"],
        ),
        (ada.file("empty.xml", ""), vec!["empty.xml", "empty"]),
        (ada.file("blank.json", " \n\n"), vec!["blank.json", "empty"]),
        (
            ada.file("text.txt", "Dear diary"),
            vec!["text.txt", "neither RSS, Atom, JSON Feed nor JSON Lines"],
        ),
        (
            ada.file("svg.xml", "<svg></svg>"),
            vec!["svg.xml", "not a feed"],
        ),
        (
            ada.file(
                "cut.xml",
                "<rss version=\"2.0\"><channel><item><title>a</ti",
            ),
            vec!["cut.xml", "not a feed"],
        ),
        (
            ada.file("other.json", "{\n \"a\": 1\n}"),
            vec!["other.json", "not a feed"],
        ),
        (
            "missing.xml".to_owned(),
            vec!["missing.xml", "No such file"],
        ),
    ];
    for (file, parts) in cases {
        says(&ada.run(["import", &file]).fails(), &parts);
    }
    assert!(ada.texts().is_empty());
}

#[test]
fn json_lines_are_named_by_number() {
    let ada = Person::named("Ada");
    let cases: [(&[u8], &str); 7] = [
        (b"{\"text\": \"a\"}\n{\"text\": \"b\"", "EOF"),
        (b"{\"text\": \"a\"}\n{\"title\": \"b\"}", "text"),
        (b"{\"text\": \"a\"}\n{\"text\": 5}", "string"),
        (
            b"{\"text\": \"a\"}\n{\"text\": \"\"}",
            "neither text, title nor link",
        ),
        (
            b"{\"text\": \"a\"}\n{\"text\": \"b\", \"time\": \"soon\"}",
            "soon",
        ),
        (b"{\"text\": \"a\"}\n{\"text\": \"\xff\"}", "UTF-8"),
        (b"{\"text\": \"a\"}\n{\"gap\": {}}", "text"),
    ];
    for (content, part) in cases {
        let file = ada.file("bad.jsonl", content);
        says(
            &ada.run(["import", &file]).fails(),
            &["bad.jsonl: line 2: ", part],
        );
    }
    assert!(ada.texts().is_empty());
}

#[test]
fn one_bad_file_among_good_ones_posts_nothing() {
    let ada = Person::named("Ada");
    let sentence = ada
        .run([
            "import",
            &data("notes.jsonl"),
            &data("page.html"),
            &data("garden.rss.xml"),
        ])
        .fails();
    says(&sentence, &["page.html"]);
    assert!(ada.texts().is_empty());
}

#[test]
fn a_line_of_100_megabytes_is_named_and_nothing_is_imported() {
    let ada = Person::named("Ada");
    let path = ada.file("huge.jsonl", "{\"text\": \"a\"}\n{\"text\": \"");
    let mut file = File::options().append(true).open(&path).expect("the file");
    let megabyte = vec![b'x'; 1 << 20];
    for _ in 0..100 {
        file.write_all(&megabyte).expect("room on the disk");
    }
    file.write_all(b"\"}\n").expect("room on the disk");
    says(
        &ada.run(["import", &path]).fails(),
        &["huge.jsonl: line 2: ", "longer than 4 MiB"],
    );
    assert!(ada.texts().is_empty());
}

#[test]
fn a_folder_that_run_holds_names_the_process() {
    let ada = Person::named("Ada");
    let running = ada.online();
    for command in [
        &["list"][..],
        &["post", "hello"],
        &["run"],
        &["edit", "1.0", "x"],
        &["delete", "1.0"],
        &["undelete", "1.0"],
        &["purge"],
        &["react", "1.0", "+"],
        &["thread", "1.0"],
        &["history", "1.0"],
        &["fetch", "1.0"],
        &["export", "x.tidings"],
        &["load", "x.tidings"],
        &["storage"],
        &["check"],
    ] {
        says(&ada.run(command).fails(), &[&running.pid().to_string()]);
    }
    assert!(running.stop("TERM").success());
    ada.json(["post", "free again"]);
}

#[test]
fn nobody_to_ask_is_fine_but_nobody_reached_is_not() {
    let ada = Person::named("Ada");
    let report = ada.json(["sync", "--timeout", "5"]);
    assert_eq!(
        (&report["reached"], &report["unreached"]),
        (&json!(0), &json!(0))
    );
    let ben = Person::named("Ben");
    ben.json(["follow", &ada.ticket()]);
    let done = ben.run(["sync", "--timeout", "2"]);
    assert_eq!(done.status.code(), Some(1), "{done:?}");
    assert_eq!(done.err.lines().count(), 1, "{done:?}");
    assert!(
        done.err.starts_with("timeline: could not reach "),
        "{done:?}"
    );
}
