//! `import` a second time, and before the first: what is known, what changed, what would come.

use serde_json::{Value, json};

use crate::support::{Person, rss, says, texts};

/// An Atom feed of entries with an id, a link, a date and a text each.
fn atom(entries: &[(&str, &str, &str, &str)]) -> String {
    let entry = |(id, link, date, text): &(&str, &str, &str, &str)| {
        format!(
            "<entry><id>{id}</id><title>About {id}</title><link href=\"{link}\"/>\
             <updated>{date}</updated><content type=\"text\">{text}</content></entry>"
        )
    };
    let entries: String = entries.iter().map(entry).collect();
    format!(
        "<?xml version=\"1.0\"?><feed xmlns=\"http://www.w3.org/2005/Atom\"><title>t</title>\
         <id>urn:feed</id><updated>2020-01-01T00:00:00Z</updated>{entries}</feed>"
    )
}

const FIRST: (&str, &str, &str, &str) = (
    "urn:post:1",
    "https://p.example/1",
    "2020-01-01T00:00:00Z",
    "Same words.",
);
const SECOND: (&str, &str, &str, &str) = (
    "urn:post:2",
    "https://p.example/2",
    "2020-01-02T00:00:00Z",
    "A tpyo here.",
);

fn counts(report: &Value) -> [u64; 3] {
    ["imported", "edited", "already"].map(|name| report[name].as_u64().expect("a count"))
}

#[test]
fn a_changed_item_is_an_edit_and_a_moved_date_is_nothing_new() {
    let ada = Person::named("Ada");
    let feed = |entries: &[_]| ada.file("feed.xml", atom(entries));
    assert_eq!(
        counts(&ada.json(["import", &feed(&[FIRST, SECOND])])),
        [2, 0, 0]
    );
    let before = ada.list();

    let moved = (FIRST.0, FIRST.1, "2023-06-01T00:00:00Z", FIRST.3);
    let mended = (SECOND.0, SECOND.1, SECOND.2, "A typo here.");
    let file = feed(&[moved, mended]);
    assert_eq!(counts(&ada.json(["import", &file])), [0, 1, 1]);
    let posts = ada.list();
    assert_eq!(texts(&posts), ["A typo here.", "Same words."]);
    for (old, new) in before.iter().zip(&posts) {
        assert_eq!((&old["id"], &old["time"]), (&new["id"], &new["time"]));
    }
    assert_eq!(counts(&ada.json(["import", &file])), [0, 0, 2]);
    // Another link and another date at once: the id still tells.
    let elsewhere = (
        FIRST.0,
        "https://new.example/1",
        "2024-01-01T00:00:00Z",
        FIRST.3,
    );
    assert_eq!(
        counts(&ada.json(["import", &feed(&[elsewhere])])),
        [0, 1, 0]
    );
    assert_eq!(ada.list().len(), 2);
}

#[test]
fn a_page_without_an_id_is_known_by_its_link() {
    let ada = Person::named("Ada");
    let file = ada.file("news.xml", rss(3));
    ada.json(["import", &file]);
    let changed = rss(3).replace("Text of <b>1</b>", "Better text of <b>1</b>");
    let changed = changed.replace("Sep 2020", "Oct 2020");
    let file = ada.file("news.xml", changed);
    assert_eq!(counts(&ada.json(["import", &file])), [0, 1, 2]);
    let texts = ada.texts();
    assert!(texts.contains(&"Better text of 1.".to_owned()), "{texts:?}");
    assert_eq!(texts.len(), 3);
}

#[test]
fn what_was_edited_or_deleted_here_stays_so() {
    let ada = Person::named("Ada");
    let file = ada.file("feed.xml", atom(&[FIRST, SECOND]));
    ada.json(["import", &file]);
    let posts = ada.list();
    let id = |at: usize| posts[at]["id"].as_str().expect("an id");
    ada.json(["edit", id(0), "said better here"]);
    ada.json(["delete", id(1)]);
    assert_eq!(counts(&ada.json(["import", &file])), [0, 0, 2]);
    let changed = [
        (FIRST.0, FIRST.1, FIRST.2, "Other words."),
        (SECOND.0, SECOND.1, SECOND.2, "A typo there."),
    ];
    let file = ada.file("feed.xml", atom(&changed));
    let report = ada.json(["import", &file]);
    assert_eq!(counts(&report), [0, 0, 1]);
    assert_eq!(report["edited_here"], 1);
    assert_eq!(ada.texts(), ["said better here"]);
}

#[test]
fn an_id_that_a_feed_gives_to_all_its_items_says_nothing() {
    let ada = Person::named("Ada");
    let entries = [
        (
            "urn:0",
            "https://p.example/1",
            "2020-01-01T00:00:00Z",
            "One.",
        ),
        (
            "urn:0",
            "https://p.example/2",
            "2020-01-02T00:00:00Z",
            "Two.",
        ),
    ];
    let file = ada.file("feed.xml", atom(&entries));
    assert_eq!(counts(&ada.json(["import", &file])), [2, 0, 0]);
    assert_eq!(counts(&ada.json(["import", &file])), [0, 0, 2]);
}

#[test]
fn of_two_versions_in_one_call_the_later_file_counts() {
    let ada = Person::named("Ada");
    let old = ada.file("old.xml", atom(&[FIRST, SECOND]));
    let mended = (SECOND.0, SECOND.1, SECOND.2, "A typo here.");
    let new = ada.file("new.xml", atom(&[FIRST, mended]));
    assert_eq!(counts(&ada.json(["import", &old, &new])), [2, 0, 2]);
    assert_eq!(ada.texts(), ["A typo here.", "Same words."]);
}

#[test]
fn numbers_as_ids_are_those_of_their_feed() {
    let ada = Person::named("Ada");
    let feed = |home: &str, text: &str| {
        json!({
            "version": "https://jsonfeed.org/version/1.1", "title": home,
            "home_page_url": format!("https://{home}.example/"),
            "items": [{ "id": "1", "content_text": text, "date_published": "2020-01-01T00:00:00Z" }],
        })
        .to_string()
    };
    let one = ada.file("one.json", feed("one", "Of the first."));
    let two = ada.file("two.json", feed("two", "Of the second."));
    assert_eq!(counts(&ada.json(["import", &one])), [1, 0, 0]);
    assert_eq!(counts(&ada.json(["import", &two])), [1, 0, 0]);
    let one = ada.file("one.json", feed("one", "Of the first, mended."));
    assert_eq!(counts(&ada.json(["import", &one])), [0, 1, 0]);
}

#[test]
fn without_what_is_kept_privately_an_import_still_knows_its_posts() {
    // What others hold of a feed is its public part: as after a kill before the rest was written.
    let ada = Person::named("Ada");
    let file = ada.file("feed.xml", atom(&[FIRST, SECOND]));
    ada.json(["import", &file]);
    let printed = ada.run(["list", "--json"]).succeeds().out;
    let ben = Person::named("Ben");
    let lines: Vec<Value> = printed
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    for post in lines.iter().rev() {
        let text = |name: &str| post[name].as_str().expect("a text").to_owned();
        let line = json!({ "text": text("text"), "title": text("title"), "link": text("link"), "time": text("time") });
        let file = ben.file("one.jsonl", line.to_string());
        ben.json(["import", &file]);
    }
    assert_eq!(counts(&ben.json(["import", &file])), [0, 0, 2]);
    let mended = (SECOND.0, SECOND.1, SECOND.2, "A typo here.");
    let file = ben.file("feed.xml", atom(&[FIRST, mended]));
    assert_eq!(counts(&ben.json(["import", &file])), [0, 1, 1]);
    assert_eq!(ben.list().len(), 2);
}

#[test]
fn posts_of_files_alone_do_not_double_without_it() {
    let ada = Person::named("Ada");
    let picture = std::fs::read("../../tests/data/media/restarts.jpg").expect("a picture");
    ada.file("a.jpg", picture);
    let feed = |home: &str, ids: [&str; 3]| {
        let item = |nth: usize, id: &str| {
            let hour = nth.min(1);
            format!(
                "<item><guid isPermaLink='false'>{id}</guid><pubDate>Mon, 06 May 2024 1{hour}:00:00 GMT</pubDate>\
                 <enclosure url='a.jpg' type='image/jpeg' length='1'/></item>"
            )
        };
        let items: String = ids
            .iter()
            .enumerate()
            .map(|(nth, id)| item(nth, id))
            .collect();
        format!("<rss version='2.0'><channel><title>Pictures</title>{home}{items}</channel></rss>")
    };
    // Ids of a feed that does not say where it is at home are no names that could be kept.
    let nameless = ada.file("nameless.xml", feed("", ["one", "two", "three"]));
    let import = |file| counts(&ada.json(["import", "--enclosures", file]));
    assert_eq!(
        import(&nameless),
        [2, 0, 1],
        "a file of one time is one post"
    );
    assert_eq!(import(&nameless), [0, 0, 3]);
    let home = "<link>https://ada.example/</link>";
    let named = ada.file("named.xml", feed(home, ["one", "two", "three"]));
    assert_eq!(import(&named), [1, 0, 2], "each post is one of the items");
    assert_eq!(import(&named), [0, 0, 3]);
    assert_eq!(ada.list().len(), 3);
}

#[test]
fn a_dry_run_tells_numbers_and_the_first_ten_and_writes_nothing() {
    let ada = Person::named("Ada");
    ada.json(["import", &ada.file("old.xml", rss(2))]);
    let new = rss(15).replace("Text of <b>1</b>", "Changed text of <b>1</b>");
    let file = ada.file("new.xml", new);
    let (posts, who) = (ada.list(), ada.json(["whoami"]));
    let report = ada.json(["import", &file, "--dry-run"]);
    assert_eq!(report["dry_run"], true);
    assert_eq!(counts(&report), [13, 1, 1]);
    let first = report["first"].as_array().expect("a list");
    assert_eq!(first.len(), 10);
    assert_eq!(first[0]["title"], "Item 2");
    assert_eq!(first[0]["text"], "Text of 2.");
    let said = ada.run(["import", &file, "--dry-run"]).succeeds().out;
    says(
        &said,
        &[
            "Nothing was posted. This would import 13 posts from 1 file",
            "1 changed since and is an edit; 1 was here already",
            "The first 10 posts",
            "Item 2 | Text of 2.",
        ],
    );
    assert_eq!((ada.list(), ada.json(["whoami"])), (posts, who));
    assert_eq!(counts(&ada.json(["import", &file])), [13, 1, 1]);
}

#[test]
fn a_dry_run_needs_no_identity_and_makes_none() {
    let nobody = Person::nobody();
    let file = nobody.file("news.xml", rss(3));
    let report = nobody.json(["import", "--dry-run", &file]);
    assert_eq!(counts(&report), [3, 0, 0]);
    assert!(!nobody.dir().exists());
}

#[test]
fn what_is_no_longer_public_where_it_comes_from_is_told_and_stays() {
    let ada = Person::named("Ada");
    let export = |first: &str| {
        let item = |nth: u8, status: &str| {
            format!(
                "<item><title>Bed {nth}</title><link>https://plot.example/?p={nth}</link>\
                 <guid isPermaLink=\"false\">https://plot.example/?p={nth}</guid><description>Words {nth}</description>\
                 <wp:post_type>post</wp:post_type><wp:status>{status}</wp:status></item>"
            )
        };
        let items = [item(1, first), item(2, "publish"), item(3, "draft")].concat();
        format!(
            "<rss version=\"2.0\" xmlns:wp=\"http://wordpress.org/export/1.2/\"><channel><title>Plot</title>\
             <link>https://plot.example</link>{items}</channel></rss>"
        )
    };
    let file = ada.file("plot.xml", export("publish"));
    let report = ada.json(["import", &file]);
    assert_eq!(
        (&report["imported"], &report["closed"]),
        (&json!(2), &json!([]))
    );

    let file = ada.file("plot.xml", export("private"));
    let first = ada.list().into_iter().find(|post| post["title"] == "Bed 1");
    let first = first.expect("the post");
    for dry in [true, false] {
        let wanted = ["import", &file, "--dry-run"];
        let wanted = &wanted[..if dry { 3 } else { 2 }];
        let report = ada.json(wanted);
        assert_eq!(counts(&report), [0, 0, 1]);
        assert_eq!(
            report["closed"],
            json!([{ "id": first["id"], "name": "Bed 1" }])
        );
    }
    let said = ada.run(["import", &file]).succeeds().out;
    says(&said, &["no longer public", "Bed 1"]);
    assert_eq!(ada.list().len(), 2);
    // What was deleted here is no news.
    ada.run(["delete", first["id"].as_str().expect("an id")])
        .succeeds();
    assert_eq!(ada.json(["import", &file])["closed"], json!([]));
}
