//! What is done to posts later: edited, deleted, brought back, reacted to, answered.

use serde_json::{Value, json};

use crate::support::{Person, says, text, texts, timeline};

/// Posts this and returns its id.
fn post(person: &Person, words: &str) -> String {
    text(&person.json(["post", words]), "id")
}

/// The only post of a timeline.
fn only(person: &Person) -> Value {
    let mut posts = person.list();
    assert_eq!(posts.len(), 1, "{posts:?}");
    posts.remove(0)
}

#[test]
fn an_edit_changes_the_text_and_nothing_else() {
    let ada = Person::named("Ada");
    let sent = ada.json([
        "post",
        "Frist",
        "--title",
        "A title",
        "--tag",
        "tomato",
        "--link",
        "https://x.example/",
    ]);
    let before = only(&ada);
    assert!(before["edited"].is_null());
    let edit = ada.json(["edit", &text(&sent, "short"), "First"]);
    assert_eq!(edit["edited"], sent["id"]);

    let after = only(&ada);
    assert_eq!(after["text"], "First");
    assert!(after["edited"].is_string(), "{after}");
    for kept in ["id", "short", "time", "title", "tags", "link", "cursor"] {
        assert_eq!(after[kept], before[kept], "{kept}");
    }
    let shown = ada.run(["list"]).succeeds().out;
    assert!(shown.contains("just now (edited)  #tomato"), "{shown}");
}

#[test]
fn history_has_every_version_and_says_which_one_shows() {
    let ada = Person::named("Ada");
    let id = post(&ada, "one");
    ada.json(["edit", &id, "two"]);
    ada.run_with_input(["edit", &id, "-"], b"three\n")
        .succeeds();
    let versions = ada.json_lines(["history", &id]);
    assert_eq!(texts(&versions), ["one", "two", "three"]);
    let shown: Vec<_> = versions.iter().map(|it| it["shown"].clone()).collect();
    assert_eq!(shown, [json!(false), json!(false), json!(true)]);
    assert_eq!(versions[0]["id"], id);
    let people = ada.run(["history", &id]).succeeds().out;
    says(
        &people,
        &[
            "version 1",
            "  one\n",
            "version 3  just now, shown\n  three\n",
        ],
    );
}

#[test]
fn what_is_deleted_is_gone_and_can_be_brought_back_until_it_is_purged() {
    let ada = Person::named("Ada");
    let id = post(&ada, "a slip");
    let done = ada.run(["delete", &id]).succeeds();
    says(&done.out, &["deleted ", "timeline undelete ", "30 days"]);
    assert!(ada.list().is_empty());
    assert_eq!(ada.json_lines(["history", &id])[0]["deleted"], true);

    assert_eq!(ada.json(["undelete", &id])["undeleted"], id);
    assert_eq!(ada.texts(), ["a slip"]);

    ada.json(["delete", &id]);
    assert_eq!(ada.json(["purge"])["purged"], 1);
    assert_eq!(ada.json(["purge"])["purged"], 0);
    says(&ada.run(["undelete", &id]).fails(), &["nothing of entry"]);
    assert!(ada.list().is_empty());
}

#[test]
fn what_cannot_be_changed_is_named_and_stays_as_it_was() {
    let (ada, ben) = (Person::named("Ada"), Person::named("Ben"));
    let hers = post(&ada, "hers");
    ben.take(&ada);
    for command in [&["edit", &hers, "his"][..], &["delete", &hers]] {
        says(&ben.run(command).fails(), &[&hers, "not yours"]);
    }
    assert_eq!(ben.texts(), ["hers"]);

    let unknown =
        hers.rsplit_once(':').expect("five parts").0.to_owned() + &hers[hers.len() - 53..];
    let gone = post(&ada, "gone");
    ada.json(["delete", &gone]);
    says(&ada.run(["edit", &gone, "again"]).fails(), &["is deleted"]);
    says(&ada.run(["delete", &gone]).fails(), &["is deleted"]);
    says(&ada.run(["undelete", &unknown]).fails(), &["not deleted"]);
    for command in [
        &["edit", "9.9", "x"][..],
        &["delete", "9.9"],
        &["undelete", "9.9"],
        &["react", "9.9", "+"],
        &["thread", "9.9"],
        &["history", "9.9"],
        &["fetch", "9.9"],
    ] {
        says(&ada.run(command).fails(), &["9.9", "sync first"]);
    }
    says(&ada.run(["edit", &unknown, " "]).fails(), &["needs a text"]);
    assert_eq!(ada.texts(), ["hers"]);
}

#[test]
fn reactions_are_counted_by_emoji_and_taken_back_by_deleting_them() {
    let (ada, ben) = (Person::named("Ada"), Person::named("Ben"));
    let id = post(&ada, "ripe");
    ben.take(&ada);
    let heart = text(&ada.json(["react", &id, "\u{2764}\u{fe0f}"]), "id");
    ada.json(["react", &id, "\u{1f345}"]);
    ben.json(["react", &id, "\u{1f345}"]);
    ada.take(&ben);
    assert_eq!(
        only(&ada)["reactions"],
        json!({ "\u{2764}\u{fe0f}": 1, "\u{1f345}": 2 })
    );
    let people = ada.run(["list"]).succeeds().out;
    says(&people, &["\u{1f345} 2"]);
    ada.json(["delete", &heart]);
    assert_eq!(only(&ada)["reactions"], json!({ "\u{1f345}": 2 }));
    for bad in ["", &"x".repeat(200)] {
        says(&ada.run(["react", &id, bad]).fails(), &["emoji"]);
    }
}

#[test]
fn a_thread_begins_with_its_root_whichever_post_is_named() {
    let ada = Person::named("Ada");
    let root = post(&ada, "root");
    let first = text(&ada.json(["post", "first", "--reply", &root]), "id");
    let deep = text(&ada.json(["post", "deep", "--reply", &first]), "id");
    post(&ada, "elsewhere");
    for named in [&root, &first, &deep] {
        let thread = ada.json_lines(["thread", named]);
        assert_eq!(texts(&thread), ["root", "first", "deep"]);
        assert_eq!(thread[0]["replies"], 1);
        assert_eq!(thread[1]["replies"], 1);
    }
    let people = ada.run(["thread", &root]).succeeds().out;
    assert_eq!(people.matches("in reply to").count(), 1, "{people}");
    says(&people, &["in reply to Ada: first"]);

    ada.json(["delete", &first]);
    let thread = ada.json_lines(["thread", &deep]);
    assert_eq!(thread.len(), 3, "{thread:?}");
    assert_eq!(thread[1]["missing"]["id"], first);
    assert_eq!(thread[1]["missing"]["why"], "deleted");
    says(&ada.run(["thread", &root]).succeeds().out, &[": deleted\n"]);
    says(
        &ada.run(["list"]).succeeds().out,
        &["in reply to Ada: (deleted)"],
    );
}

#[test]
fn foreign_text_draws_no_post_and_steers_no_terminal() {
    let (ada, ben) = (Person::named("Ada"), Person::nobody());
    let name = "Ben\n\u{1b}[2J\nAda  just now\n  I owe Ben a cow";
    ben.json(["init", "--name", name, "--tag", "x\r\ny\u{9b}31m"]);
    let text = "one\u{9b}31m\ntwo\u{7f}\u{202e}owt";
    ben.json(["post", text, "--title", "a\nb", "--tag", "t\nAda"]);
    ada.take(&ben);
    let shown = ada.run(["list"]).succeeds().out;
    assert!(
        shown.starts_with("Ben [2J Ada just now I owe Ben a cow"),
        "{shown}"
    );
    assert!(shown.contains("#t Ada") && shown.contains("a b"), "{shown}");
    for said in [
        shown,
        ada.run(["following"]).succeeds().out,
        ada.run(["list", "--json"]).succeeds().out,
        ada.run(["following", "--json"]).succeeds().out,
        ben.run(["whoami"]).succeeds().out,
    ] {
        let steers = |c: char| c != '\n' && (c.is_control() || c == '\u{202e}');
        assert!(!said.contains(steers), "{}", said.escape_unicode());
        assert!(!said.lines().any(|line| line.starts_with("Ada ")), "{said}");
    }
    // Scripts get all of a text, and nothing that steers on the way.
    assert_eq!(ada.list()[0]["text"], text);
}

#[cfg(unix)]
#[test]
fn the_folder_is_its_owners_whatever_the_umask() {
    use std::os::unix::fs::PermissionsExt as _;

    let mode = |path: &std::path::Path| {
        let found = path.metadata().expect("it is there");
        found.permissions().mode() & 0o777
    };
    for umask in ["000", "077"] {
        let ada = Person::nobody();
        let dir = ada.dir();
        let made = std::process::Command::new("sh")
            .args(["-c", &format!("umask {umask}; exec \"$@\""), "sh"])
            .arg(timeline(&dir).get_program())
            .args(timeline(&dir).get_args())
            .args(["init", "--name", "Ada"])
            .status();
        assert!(made.expect("a shell").success());
        assert_eq!((mode(&dir), mode(&dir.join("keys"))), (0o700, 0o600));
        for (path, wide) in [(dir.clone(), 0o755), (dir.join("keys"), 0o644)] {
            let wide = std::fs::Permissions::from_mode(wide);
            std::fs::set_permissions(path, wide).expect("own files");
        }
        let done = ada.run(["whoami"]);
        assert!(done.status.success(), "{done:?}");
        assert_eq!(done.err.matches("could look into").count(), 2, "{done:?}");
        assert_eq!((mode(&dir), mode(&dir.join("keys"))), (0o700, 0o600));
        assert_eq!(ada.run(["whoami"]).succeeds().err, "");
    }
}
