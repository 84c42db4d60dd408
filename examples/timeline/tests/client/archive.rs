//! Feeds carried by hand: `export`, `verify`, `load`.

use std::path::Path;

use serde_json::json;

use crate::support::{Person, ids, rss, says, text};

/// Ada with some posts, and a file of them.
fn exported() -> (Person, String) {
    let ada = Person::named("Ada");
    let feed = ada.file("news.xml", rss(150));
    ada.json(["import", &feed]);
    let file = ada.path("ada.tidings");
    ada.json(["export", &file]);
    (ada, file)
}

#[test]
fn a_feed_goes_from_one_folder_to_another_in_a_file() {
    let (ada, file) = exported();
    let report = ada.json(["export", &file, "--media"]);
    let len = Path::new(&file).metadata().expect("a file").len();
    assert_eq!(report["bytes"], len);
    assert_eq!(report["feeds"][0]["feed"], ada.feed());
    assert_eq!(report["feeds"][0]["name"], "Ada");

    let ben = Person::named("Ben");
    let first = ben.json(["load", &file, "--follow"]);
    assert_eq!(first["feeds"][0]["newly_followed"], true);
    assert_eq!(first["entries"], report["feeds"][0]["entries"]);
    assert!(first["damage"].is_null());
    assert_eq!(ids(&ben.list()), ids(&ada.list()));

    let held = ben.json(["whoami"]);
    let again = ben.json(["load", &file, "--follow"]);
    assert_eq!(
        (&again["entries"], &again["already"]),
        (&json!(0), &first["entries"])
    );
    assert_eq!(ben.json(["whoami"]), held, "a second time adds nothing");
}

#[test]
fn an_archive_reads_well_for_people() {
    let (ada, file) = exported();
    let written = ada.run(["export", &file]).succeeds().out;
    says(&written, &[" written to ", "\n  Ada: 15"]);
    let verified = Person::nobody().run(["verify", &file]).succeeds().out;
    says(&verified, &["all of it is good", &ada.feed()]);
    let ben = Person::named("Ben");
    let loaded = ben.run(["load", &file, "--follow"]).succeeds().out;
    says(
        &loaded,
        &["new entries from", "  Ada: 15", "followed from now on"],
    );
    says(
        &ben.run(["load", &file, "--follow"]).succeeds().out,
        &["held already"],
    );
}

#[test]
fn verify_needs_no_identity_and_makes_none() {
    let (ada, file) = exported();
    let nobody = Person::nobody();
    let report = nobody.json(["verify", &file]);
    assert_eq!(report["good"], true);
    assert_eq!(report["feeds"][0]["feed"], ada.feed());
    assert_eq!(
        report["feeds"][0]["entries"],
        report["feeds"][0]["counting"]
    );
    assert!(!nobody.dir().exists());
}

#[test]
fn several_feeds_go_into_one_file_and_only_those_that_are_here() {
    let (ada, file) = exported();
    let (ben, cleo) = (Person::named("Ben"), Person::named("Cleo"));
    ben.json(["post", "mine"]);
    ben.json(["load", &file, "--follow"]);
    let all = ben.path("all.tidings");
    let report = ben.json(["export", &all, "--all"]);
    assert_eq!(report["feeds"].as_array().map(Vec::len), Some(2));
    cleo.json(["load", &all, "--follow"]);
    assert_eq!(cleo.list().len(), 151);

    let hers = ben.path("hers.tidings");
    let report = ben.json(["export", &hers, "--feed", &ada.feed()]);
    assert_eq!(report["feeds"].as_array().map(Vec::len), Some(1));
    says(
        &cleo.run(["export", &hers, "--feed", "ada"]).fails(),
        &["feed id"],
    );
    let stranger = Person::named("Dora").feed();
    says(
        &ben.run(["export", &hers, "--feed", &stranger]).fails(),
        &["not followed"],
    );
    says(
        &ben.run(["export", "/nowhere/x.tidings"]).fails(),
        &["/nowhere/x.tidings"],
    );
}

#[test]
fn nobody_is_followed_without_being_asked() {
    let (_ada, file) = exported();
    let ben = Person::named("Ben");
    let report = ben.json(["load", &file]);
    assert_eq!(report["entries"], 0);
    assert_eq!(report["not_followed"], 1);
    assert_eq!(report["newly_followed"], 0);
    assert_eq!(ben.json(["following"])["count"], 0);
    assert!(ben.list().is_empty());
    let said = ben.run(["load", &file]).succeeds().out;
    says(
        &said,
        &[
            "0 new entries",
            "1 feed in this file is not followed",
            "load --follow",
        ],
    );
    assert_eq!(ben.json(["load", &file, "--follow"])["newly_followed"], 1);
    // Followed by then, it needs no word any more.
    assert_eq!(ben.json(["load", &file])["not_followed"], 0);
}

#[test]
fn an_archive_that_was_cut_is_usable_up_to_there() {
    let (ada, file) = exported();
    let bytes = std::fs::read(&file).expect("the archive");
    let cut = ada.file("cut.tidings", &bytes[..bytes.len() * 2 / 3]);
    let done = Person::nobody().run(["verify", &cut, "--json"]);
    assert_eq!(done.status.code(), Some(1), "{done:?}");
    says(&done.err, &["cut.tidings: the archive is damaged at byte "]);
    let report: serde_json::Value = serde_json::from_str(&done.out).expect("one object");
    assert_eq!(report["good"], false);
    let offset = report["damage"]["offset"].as_u64().expect("an offset");
    says(&done.err, &[&format!("at byte {offset}")]);

    let ben = Person::named("Ben");
    let done = ben.run(["load", &cut, "--follow"]);
    assert_eq!(done.status.code(), Some(1), "{done:?}");
    says(&done.err, &["damaged at byte"]);
    let held = ben.list();
    assert!(!held.is_empty() && held.len() < 150, "{}", held.len());
    // The whole one brings the rest.
    ben.json(["load", &file, "--follow"]);
    assert_eq!(ids(&ben.list()), ids(&ada.list()));
}

#[test]
fn one_bit_is_enough_to_be_noticed() {
    let (ada, file) = exported();
    let good = std::fs::read(&file).expect("the archive");
    for place in [20, good.len() / 2, good.len() - 1] {
        let mut bytes = good.clone();
        bytes[place] ^= 1;
        let bad = ada.file("bad.tidings", bytes);
        let done = Person::nobody().run(["verify", &bad]);
        assert_eq!(done.status.code(), Some(1), "byte {place}: {done:?}");
        says(&done.err, &["bad.tidings: the archive is damaged at byte"]);
        assert_eq!(done.err.lines().count(), 1, "{done:?}");
    }
}

#[test]
fn files_that_are_no_archives_or_of_another_version_change_nothing() {
    let (ada, file) = exported();
    let mut newer = std::fs::read(&file).expect("the archive");
    newer[15] = 9;
    let cases = [
        (
            ada.file("newer.tidings", newer),
            vec!["newer.tidings", "version 9"],
        ),
        (
            ada.file("empty.tidings", ""),
            vec!["empty.tidings", "not an archive"],
        ),
        (
            ada.file("notes.txt", "Dear diary"),
            vec!["notes.txt", "not an archive"],
        ),
        (
            "missing.tidings".to_owned(),
            vec!["missing.tidings", "No such file"],
        ),
        (
            text(&json!({ "dir": ada.dir() }), "dir"),
            vec!["timeline", "directory"],
        ),
    ];
    let ben = Person::named("Ben");
    let before = ben.json(["whoami"]);
    for (file, parts) in cases {
        says(&ben.run(["load", &file, "--follow"]).fails(), &parts);
        says(&Person::nobody().run(["verify", &file]).fails(), &parts);
    }
    assert_eq!(ben.json(["whoami"]), before);
}
