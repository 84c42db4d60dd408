//! `import`: what real files become.

use serde_json::{Value, json};

use crate::support::{Person, data, rss, says, texts};

fn imported(person: &Person, files: &[&str]) -> Value {
    person.json(["import"].iter().chain(files))
}

fn titled<'a>(posts: &'a [Value], title: &str) -> &'a Value {
    let post = posts.iter().find(|post| post["title"] == title);
    post.unwrap_or_else(|| panic!("no post is titled {title}"))
}

#[test]
fn rss_keeps_dates_titles_links_and_categories_and_reads_well() {
    let ada = Person::named("Ada");
    let report = imported(&ada, &[&data("garden.rss.xml")]);
    assert_eq!(report["imported"], 6);
    assert_eq!(report["skipped"], 1, "an item with nothing in it");
    let posts = ada.list();

    let blight = titled(&posts, "Blight & what to do about it");
    assert_eq!(blight["time"], "2024-07-13T05:30:00Z");
    assert_eq!(blight["link"], "https://allotment.example/2024/blight/");
    assert_eq!(blight["tags"], json!(["Tomatoes", "Blight"]));
    assert_eq!(
        blight["text"],
        "Brown spots after three wet days. Cut, bag, burn.\n\
         * Water the soil, never the leaf\n\
         * Read last year's rotation (https://allotment.example/2023/rotation/)\n\n\
         Source: https://rhs.example/blight",
    );
    let cafe = titled(&posts, "Caf\u{e9} in the shed");
    assert_eq!(
        cafe["text"],
        "Tea & scones, 3 < 4 guests.\nBring a mug.\n\n[A chipped mug]"
    );
    assert_eq!(
        titled(&posts, "Seed swap")["link"],
        "https://allotment.example/seed-swap.html"
    );
    assert_eq!(titled(&posts, "Only a title")["text"], "");
}

#[test]
fn dates_of_1970_stand_and_dates_to_come_are_kept_beside_the_claim() {
    let ada = Person::named("Ada");
    let before = jiff::Timestamp::now();
    imported(&ada, &[&data("garden.rss.xml")]);
    let posts = ada.list();
    let oldest = posts.last().expect("posts");
    assert_eq!(oldest["text"], "First light.");
    assert_eq!(oldest["time"], "1970-01-01T00:00:00Z");

    let ahead = titled(&posts, "Centenary of the plot");
    assert_eq!(ahead["dated"], "2100-01-01T12:00:00Z");
    let undated = titled(&posts, "Seed swap");
    assert!(undated["dated"].is_null());
    for post in [ahead, undated] {
        let time: jiff::Timestamp = post["time"]
            .as_str()
            .and_then(|time| time.parse().ok())
            .expect("a time");
        assert!(
            before.as_millisecond() <= time.as_millisecond() && time <= jiff::Timestamp::now(),
            "{post}"
        );
    }
}

#[test]
fn atom_in_xhtml_with_relative_links_and_updates_only() {
    let ben = Person::named("Ben");
    assert_eq!(imported(&ben, &[&data("harbour.atom.xml")])["imported"], 3);
    let posts = ben.list();
    let fleet = titled(&posts, "Vec<Boat> is not a fleet &amp; never was");
    assert_eq!(
        fleet["time"], "2024-05-20T18:30:02.25Z",
        "published, not updated"
    );
    assert_eq!(fleet["link"], "https://harbour.example/log/2024/fleet");
    assert_eq!(fleet["tags"], json!(["Rust", "boats"]));
    assert_eq!(
        fleet["text"],
        "## Moorings\n\nA list is not a fleet (https://harbour.example/log/about).\n\n> Count them twice.\n\n\
         let fleet = boats.len();\n    // indented\n\nhttps://harbour.example/log/2024/fleet.mp3",
    );
    let changed = titled(&posts, "Changed, never published");
    assert_eq!(changed["time"], "2023-11-02T05:00:00Z");
    assert_eq!(changed["text"], "Plain & simple: a < b.");
    assert_eq!(
        titled(&posts, "A sound")["text"],
        "Horn\n3 s\nThe fog horn at six."
    );
}

#[test]
fn json_feed_in_html_and_in_plain_text() {
    let ben = Person::named("Ben");
    assert_eq!(imported(&ben, &[&data("trails.feed.json")])["imported"], 3);
    let posts = ben.list();
    let pass = titled(&posts, "Over the pass");
    assert_eq!(
        pass["text"],
        "Snow until June. The track (https://trails.example/maps/pass.gpx).\n1. Bus\n2. Walk"
    );
    assert_eq!(pass["time"], "2024-06-11T12:00:00Z");
    assert_eq!(pass["tags"], json!(["hiking", "snow", "Gr\u{fc}\u{df}e"]));
    let plain = posts
        .iter()
        .find(|post| post["time"] == "2024-01-01T00:00:00Z")
        .expect("the plain one");
    assert_eq!(
        plain["text"],
        "A line of plain text.\n\nAnd 1 < 2 & \"so on\" \u{1f680}"
    );
}

#[test]
fn json_lines_with_dates_in_both_forms_or_none() {
    let ada = Person::named("Ada");
    assert_eq!(imported(&ada, &[&data("notes.jsonl")])["imported"], 4);
    let posts = ada.list();
    let texts = texts(&posts);
    assert_eq!(
        texts,
        [
            "Only text\nover two lines",
            "Undated",
            "Written by hand, with a date",
            "Milliseconds will do"
        ],
        "undated ones are as new as the import, in the order of the file",
    );
    assert_eq!(posts[2]["time"], "2024-02-29T12:00:00Z");
    assert_eq!(posts[2]["title"], "Leap day");
    assert_eq!(posts[2]["link"], "https://notes.example/leap");
    assert_eq!(posts[2]["tags"], json!(["notes", "leap"]));
    assert_eq!(posts[3]["time"], "2023-11-14T22:13:20.123Z");
}

#[test]
fn other_encodings_are_read_as_they_say() {
    let ada = Person::named("Ada");
    imported(&ada, &[&data("latin1.rss.xml")]);
    let posts = ada.list();
    assert_eq!(posts[0]["title"], "Gr\u{fc}\u{df}e aus K\u{f6}ln");
    assert_eq!(posts[0]["text"], "Sch\u{f6}ne Stra\u{df}en");
}

#[test]
fn a_second_import_of_the_same_files_adds_nothing() {
    let ada = Person::named("Ada");
    let all = [
        "garden.rss.xml",
        "harbour.atom.xml",
        "trails.feed.json",
        "notes.jsonl",
    ]
    .map(data);
    let all: Vec<_> = all.iter().map(String::as_str).collect();
    let first = imported(&ada, &all);
    assert_eq!(
        (&first["imported"], &first["already"], &first["files"]),
        (&json!(16), &json!(0), &json!(4))
    );
    let held = ada.list();
    let second = imported(&ada, &all);
    assert_eq!(
        (&second["imported"], &second["already"]),
        (&json!(0), &json!(16))
    );
    assert_eq!(ada.list(), held);
}

#[test]
fn twins_in_one_import_are_one_post_but_another_date_is_another_post() {
    let ada = Person::named("Ada");
    let lines = r#"{"text": "twin", "time": 1000}
{"text": "twin", "time": 1000}
{"text": "twin", "time": 2000}
{"text": "twin"}
{"text": "twin", "title": "and a title"}"#;
    let file = ada.file("twins.jsonl", lines);
    let report = imported(&ada, &[&file, &file]);
    assert_eq!(
        (&report["imported"], &report["already"]),
        (&json!(3), &json!(7))
    );
}

#[test]
fn only_what_is_new_in_a_file_that_grew() {
    let ada = Person::named("Ada");
    let old = ada.file("old.xml", rss(10));
    let new = ada.file("new.xml", rss(12));
    assert_eq!(imported(&ada, &[&old])["imported"], 10);
    assert_eq!(imported(&ada, &[&new])["imported"], 2);
    let titles: Vec<_> = ada
        .list()
        .iter()
        .rev()
        .map(|post| post["title"].clone())
        .collect();
    let expected: Vec<_> = (0..12).map(|n| json!(format!("Item {n}"))).collect();
    assert_eq!(titles, expected);
}

#[test]
fn what_list_prints_can_be_imported() {
    let ada = Person::named("Ada");
    imported(&ada, &[&data("notes.jsonl"), &data("garden.rss.xml")]);
    let printed = ada.run(["list", "--json"]).succeeds().out;
    let ben = Person::named("Ben");
    let file = ben.file("ada.jsonl", printed);
    assert_eq!(imported(&ben, &[&file])["imported"], 10);
    let sorted = |mut texts: Vec<String>| {
        texts.sort();
        texts
    };
    assert_eq!(sorted(ben.texts()), sorted(ada.texts()));
    assert_eq!(imported(&ada, &[&file])["imported"], 0);
}

#[test]
fn too_much_is_cut_at_a_character_and_counted() {
    let ada = Person::named("Ada");
    let long = "\u{1f680}".repeat(30_000);
    let tags: Vec<_> = (0..40)
        .map(|n| format!("{n}{}", "\u{fc}".repeat(50)))
        .collect();
    let file = ada.file(
        "long.jsonl",
        json!({ "text": long, "tags": tags, "title": "T".repeat(5_000) }).to_string(),
    );
    let report = imported(&ada, &[&file]);
    assert_eq!(
        (
            &report["imported"],
            &report["shortened"],
            &report["tags_cut"]
        ),
        (&json!(1), &json!(1), &json!(40))
    );
    let post = ada.list().remove(0);
    let text = post["text"].as_str().expect("a text");
    assert!(
        text.ends_with("\u{1f680}\u{2026}") && text.len() > 60_000,
        "{} bytes",
        text.len()
    );
    let tags = post["tags"].as_array().expect("tags");
    assert_eq!(tags.len(), 32);
    assert!(
        tags.iter()
            .all(|tag| tag.as_str().is_some_and(|tag| tag.len() <= 64))
    );
    assert_eq!(
        imported(&ada, &[&file])["already"],
        1,
        "and is still known when it comes again"
    );
}

#[test]
fn html_that_nobody_can_lay_out_is_still_read() {
    let ada = Person::named("Ada");
    let deep = format!(
        "{}the middle{}",
        "<blockquote>".repeat(5_000),
        "</blockquote>".repeat(5_000)
    );
    let feed = json!({
        "version": "https://jsonfeed.org/version/1",
        "title": "odd",
        "items": [
            { "id": "1", "content_html": deep },
            { "id": "2", "content_html": "<table><tr><td colspan=99999999>wide<td rowspan=0>" },
            { "id": "3", "content_html": "<p>never <a href='javascript:alert(1)'>closed <b>&nbsp;&#0;&#xD800; <![CDATA[x" },
        ],
    });
    let file = ada.file("odd.json", feed.to_string());
    assert_eq!(imported(&ada, &[&file])["imported"], 3);
    let texts = ada.texts();
    assert!(texts.iter().any(|text| text == "the middle"), "{texts:?}");
    assert!(
        texts.iter().any(|text| text.starts_with("never closed")),
        "{texts:?}"
    );
    assert!(
        texts.iter().all(|text| !text.contains("javascript")),
        "{texts:?}"
    );
}

#[test]
fn an_import_for_people_sums_up_in_one_line() {
    let ada = Person::named("Ada");
    let done = ada.run(["import", &data("garden.rss.xml")]).succeeds();
    assert_eq!(
        done.out,
        "Imported 6 posts from 1 file; 1 had nothing to read in it; 1 has no date and is dated now.\n"
    );
}

#[cfg(unix)]
#[test]
fn a_pipe_is_as_good_as_a_file() {
    let ada = Person::named("Ada");
    for (content, imported) in [(rss(1_000), 1_000), ("{\"text\": \"a\"}\n".to_owned(), 1)] {
        let done = ada
            .run_with_input(["import", "/dev/stdin", "--json"], content.as_bytes())
            .succeeds();
        let report: Value = serde_json::from_str(&done.out).expect("JSON");
        assert_eq!(report["imported"], imported);
    }
}

/// A feed with enclosures of every sort, and the files that some of them are.
fn podcast(person: &Person) -> String {
    person.file("here.txt", "notes of the show");
    person.file("other.bin", [7; 3_000]);
    std::fs::create_dir_all(person.path("feed/media")).expect("a folder");
    person.file("feed/media/song.bin", [9; 2_000]);
    let outside = format!("file://{}", person.path("other.bin"));
    let inside = format!("file://{}", person.path("feed/media/song.bin"));
    let item = |title: &str, link: &str, enclosures: &[&str]| {
        let enclosures: String = enclosures
            .iter()
            .map(|url| format!("<enclosure url=\"{url}\" length=\"1\" type=\"audio/mpeg\"/>"))
            .collect();
        format!(
            "<item><title>{title}</title>{link}<description>About {title}</description>{enclosures}</item>"
        )
    };
    let page = "<link>https://pod.example/page</link>";
    let items = [
        item("beside", page, &["media/song.bin"]),
        item("by address", page, &[&inside]),
        item("outside", page, &[&outside, "../here.txt", "/etc/passwd"]),
        item("far", page, &["https://cdn.example/far.mp3"]),
        item("far without a page", "", &["https://cdn.example/only.mp3"]),
        item("not there", page, &["media/gone.bin"]),
    ]
    .concat();
    person.file(
        "feed/pod.xml",
        format!(
            "<?xml version=\"1.0\"?><rss version=\"2.0\"><channel><title>Pod</title>\
             <link>https://pod.example/</link>{items}</channel></rss>"
        ),
    )
}

#[test]
fn enclosures_beside_the_feed_are_attached_and_of_others_the_address_is_kept() {
    let ada = Person::named("Ada");
    let file = podcast(&ada);
    let report = ada.json(["import", &file, "--enclosures"]);
    assert_eq!(
        (&report["imported"], &report["attached"]),
        (&json!(6), &json!(2))
    );
    let posts = ada.list();
    for title in ["beside", "by address"] {
        let attached = &titled(&posts, title)["attachments"];
        assert_eq!(attached[0]["name"], "song.bin", "{title}");
        assert_eq!(
            (&attached[0]["len"], &attached[0]["held"]),
            (&json!(2_000), &json!(true))
        );
        assert_eq!(titled(&posts, title)["text"], format!("About {title}"));
    }
    let outside = titled(&posts, "outside");
    assert_eq!(outside["attachments"], json!([]));
    assert!(!outside.to_string().contains("file:"), "{outside}");
    assert_eq!(
        titled(&posts, "far")["text"],
        "About far\n\nhttps://cdn.example/far.mp3"
    );
    let alone = titled(&posts, "far without a page");
    assert_eq!(alone["link"], "https://cdn.example/only.mp3");
    assert_eq!(alone["text"], "About far without a page");
    let gone = titled(&posts, "not there");
    assert_eq!(
        gone["text"],
        "About not there\n\nhttps://pod.example/media/gone.bin"
    );

    assert_eq!(imported(&ada, &[&file])["already"], 6);
    let done = Person::named("Ben")
        .run(["import", &file, "--enclosures"])
        .succeeds();
    assert_eq!(
        done.out,
        "Imported 6 posts from 1 file; 2 files beside them were attached; 6 have no date and are dated now.\n"
    );
}

#[test]
fn enclosures_are_not_attached_unless_asked_and_never_what_is_hidden_or_outside() {
    let ada = Person::named("Ada");
    // A feed that lies in a home folder.
    std::fs::create_dir_all(ada.path("home/.ssh")).expect("a folder");
    std::fs::create_dir_all(ada.path("home/media/.cache")).expect("a folder");
    ada.file("home/.ssh/id_ed25519", "secret");
    ada.file("home/.netrc", "secret");
    ada.file("home/media/.cache/x", "secret");
    ada.file("outside", "secret");
    ada.file("home/song.bin", [9; 2_000]);
    #[cfg(unix)]
    for (to, at) in [
        (ada.path("outside"), "home/link"),
        (ada.path("home/.ssh/id_ed25519"), "home/key"),
    ] {
        std::os::unix::fs::symlink(to, ada.path(at)).expect("a link");
    }
    // The identity itself, with a feed that was put into it.
    let copy = ada.path("home/identity");
    std::fs::create_dir_all(&copy).expect("a folder");
    for name in ["keys", "store.redb"] {
        std::fs::copy(
            ada.dir().join(name),
            ada.path(&format!("home/identity/{name}")),
        )
        .expect("a copy");
    }
    let targets = [
        ".ssh/id_ed25519",
        ".netrc",
        "media/.cache/x",
        "../outside",
        "link",
        "key",
        "identity/keys",
        "song.bin",
        "media/../.ssh/id_ed25519",
        "%2essh/id_ed25519",
    ];
    let enclosures: String = targets
        .iter()
        .map(|url| format!("<enclosure url=\"{url}\" length=\"1\" type=\"audio/mpeg\"/>"))
        .collect();
    let feed = format!(
        "<?xml version=\"1.0\"?><rss version=\"2.0\"><channel><title>Home</title>\
         <link>https://home.example/</link><item><title>all</title>\
         <description>of it</description>{enclosures}</item></channel></rss>"
    );
    let file = ada.file("home/feed.xml", feed);
    let report = ada.json(["import", &file]);
    assert_eq!(
        (
            &report["imported"],
            &report["attached"],
            &report["not_attached"]
        ),
        (&json!(1), &json!(0), &json!(1))
    );
    assert_eq!(ada.list()[0]["attachments"], json!([]));
    let ben = Person::named("Ben");
    let said = ben.run(["import", &file]).succeeds().out;
    says(
        &said,
        &["1 file beside them was not attached", "--enclosures"],
    );
    let cleo = Person::named("Cleo");
    let report = cleo.json(["import", &file, "--enclosures"]);
    assert_eq!(report["attached"], 1);
    let posts = cleo.list();
    let attached = posts[0]["attachments"].as_array().expect("a list");
    let names: Vec<_> = attached.iter().map(|it| &it["name"]).collect();
    assert_eq!(names, ["song.bin"]);
}

#[test]
fn what_was_edited_since_is_still_known() {
    let ada = Person::named("Ada");
    let file = ada.file("news.xml", rss(3));
    imported(&ada, &[&file]);
    let id = ada.list()[1]["id"].as_str().expect("an id").to_owned();
    ada.json(["edit", &id, "said better"]);
    assert_eq!(imported(&ada, &[&file])["already"], 3);
}
