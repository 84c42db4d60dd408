//! What people type or bring that is a little off, and what they mean by it.

use serde_json::json;

use crate::support::{Person, text};

#[test]
fn a_tag_may_be_written_with_its_sign() {
    let ada = Person::named("Ada");
    ada.json(["post", "ripe", "--tag", "#tomato", "--tag", " ##plot 9"]);
    assert_eq!(ada.list()[0]["tags"], json!(["tomato", "plot 9"]));
    for tag in ["tomato", "#Tomato", "plot 9"] {
        assert_eq!(ada.json_lines(["list", "--tag", tag]).len(), 1, "{tag}");
    }
    let who = ada.json(["init", "--name", "Ada", "--tag", "#garden"]);
    assert_eq!(who["tags"], json!(["garden"]));
    assert_eq!(
        ada.run(["post", "x", "--tag", "#"]).status.code(),
        Some(2),
        "a sign alone is no tag"
    );
}

#[test]
fn what_stands_on_one_line_stays_on_one_line() {
    let ada = Person::nobody();
    let who = ada.json(["init", "--name", "Ada\nof plot 9\n"]);
    assert_eq!(who["name"], "Ada of plot 9");
    ada.json([
        "post",
        "two\nlines",
        "--title",
        "A\r\ntitle",
        "--tag",
        "two\nwords",
    ]);
    let post = &ada.list()[0];
    assert_eq!(
        (&post["text"], &post["title"], &post["tags"]),
        (
            &json!("two\nlines"),
            &json!("A title"),
            &json!(["two words"])
        )
    );
}

#[test]
fn a_heart_is_a_heart_with_and_without_its_selector() {
    let ada = Person::named("Ada");
    let id = text(&ada.json(["post", "look"]), "id");
    let first = ada.json(["react", &id, "\u{2764}\u{fe0f}"]);
    let again = ada.json(["react", &id, "\u{2764}"]);
    assert_eq!(first, again);
    assert_eq!(ada.list()[0]["reactions"], json!({ "\u{2764}\u{fe0f}": 1 }));
    assert!(
        ada.run(["react", &id, "\u{fe0f}"])
            .fails()
            .contains("emoji")
    );
}

#[test]
fn a_ticket_may_be_wrapped_and_in_capitals() {
    let (ada, ben) = (Person::named("Ada"), Person::named("Ben"));
    let ticket = ada.ticket();
    let (one, other) = ticket.split_at(ticket.len() / 2);
    let wrapped = format!("  {one}\r\n   {other}\n").to_uppercase();
    assert_eq!(ben.json(["follow", &wrapped])["followed"], ada.feed());
    let short = ben.run(["follow", one]).fails();
    assert!(short.contains("ticket"), "{short}");
}

#[test]
fn seconds_are_told_from_milliseconds() {
    let ada = Person::named("Ada");
    let lines = [
        (r#"1577836800"#, "2020-01-01T00:00:00Z"),
        (r#"1577836800500"#, "2020-01-01T00:00:00.5Z"),
        (r#"1577836860.25"#, "2020-01-01T00:01:00.25Z"),
        (r#""1577836920""#, "2020-01-01T00:02:00Z"),
        (r#""2020-01-01T00:03:00Z""#, "2020-01-01T00:03:00Z"),
    ];
    let items: String = lines
        .iter()
        .map(|(given, time)| format!("{{\"text\":\"{time}\",\"time\":{given}}}\n"))
        .collect();
    let file = ada.file("posts.jsonl", items);
    assert_eq!(ada.json(["import", &file])["imported"], lines.len());
    for post in ada.list() {
        assert_eq!(post["time"], post["text"]);
    }
    for wrong in ["\"nan\"", "\"soon\"", "true"] {
        let file = ada.file(
            "wrong.jsonl",
            format!("{{\"text\":\"x\",\"time\":{wrong}}}"),
        );
        assert!(
            ada.run(["import", &file]).fails().contains("line 1"),
            "{wrong}"
        );
    }
}

#[test]
fn a_time_that_no_calendar_has_is_still_written_as_one() {
    let ada = Person::named("Ada");
    let file = ada.file(
        "odd.jsonl",
        "{\"text\":\"before\",\"time\":-99999999999999}\n{\"text\":\"after\",\"time\":9223372036854775807}\n",
    );
    ada.json(["import", &file]);
    let posts = ada.list();
    let of = |name: &str| {
        posts
            .iter()
            .find(|post| post["text"] == name)
            .expect("a post")
    };
    assert_eq!(of("before")["time"], "0000-01-01T00:00:00Z");
    let dated = text(of("after"), "dated");
    assert!(
        dated.starts_with("9999-") && dated.ends_with('Z'),
        "{dated}"
    );
}
