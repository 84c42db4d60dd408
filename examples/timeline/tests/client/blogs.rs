//! `import` of exports of blogs: only what was public and is by the owner becomes a post.

use serde_json::{Value, json};

use crate::support::{Person, data, says, texts};

/// The titles of the posts, oldest first.
fn titles(person: &Person) -> Vec<String> {
    let title = |post: &Value| post["title"].as_str().unwrap_or_default().to_owned();
    person.list().iter().rev().map(title).collect()
}

/// Nothing that is called a secret in the exports is anywhere in the feed.
#[track_caller]
fn tells_no_secret(person: &Person) {
    let file = person.path("all.tidings");
    person.json(["export", &file]);
    let bytes = std::fs::read(&file).expect("a file");
    for secret in [
        "SECRET",
        "secret@",
        "hunter2",
        "198.51.100.7",
        "private@mail",
    ] {
        let found = bytes
            .windows(secret.len())
            .any(|part| part == secret.as_bytes());
        assert!(!found, "{secret}");
    }
}

#[test]
fn of_wordpress_only_public_posts_of_the_owner_come() {
    let ann = Person::named("Somebody");
    let report = ann.json(["import", &data("wordpress.xml")]);
    assert_eq!(report["imported"], 2, "{report}");
    assert_eq!(
        report["left_out"],
        json!({
            "draft": 3, "private": 2, "protected": 1, "scheduled": 1, "trash": 1, "page": 2, "menu": 1,
            "attachment": 1, "revision": 1, "template": 1, "setting": 1, "comment": 3, "other": 1,
            "other_author": 1,
        })
    );
    assert_eq!(report["authors"], json!([{ "name": "Ben", "posts": 1 }]));
    assert_eq!(titles(&ann), ["Beans", "Blocks"]);
    let posts = ann.list();
    assert_eq!(
        texts(&posts),
        [
            "In blocks.",
            "First line\nsecond line\n\nA new paragraph.\n\n[Beans] In June",
        ]
    );
    assert_eq!(posts[1]["tags"], json!(["Beds", "bean"]));
    tells_no_secret(&ann);
}

#[test]
fn others_of_a_blog_come_when_asked_for_by_either_name() {
    let ben = Person::named("Somebody");
    assert_eq!(
        ben.json(["import", &data("wordpress.xml"), "--author", "Ben"])["imported"],
        1
    );
    assert_eq!(titles(&ben), ["By Ben"]);
    let both = [
        "import",
        &data("wordpress.xml"),
        "--author",
        "ben",
        "--author",
        "ann gardener",
    ];
    assert_eq!(ben.json(both)["imported"], 2);
    // Whoever is called so in the profile is the owner.
    let ben = Person::named("Ben");
    let report = ben.json(["import", &data("wordpress.xml")]);
    assert_eq!(titles(&ben), ["By Ben"]);
    assert_eq!(
        report["authors"],
        json!([{ "name": "Ann Gardener", "posts": 2 }])
    );
    let none = Person::named("Cleo");
    let said = none
        .run(["import", &data("wordpress.xml"), "--author", "Nobody"])
        .fails();
    says(
        &said,
        &[
            "nothing in it became a post",
            "Ann Gardener (2)",
            "Ben (1)",
            "--author",
        ],
    );
}

#[test]
fn a_dry_run_of_an_export_tells_what_is_left_out() {
    let ann = Person::named("Ann Gardener");
    let said = ann
        .run(["import", "--dry-run", &data("wordpress.xml")])
        .succeeds()
        .out;
    says(
        &said,
        &[
            "Nothing was posted. This would import 2 posts",
            "3 drafts",
            "3 comments of others",
            "2 pages (--pages)",
            "1 post behind a password",
            "by others: Ben (1)",
            "2023-08-02  Beans | First line second line",
        ],
    );
    assert!(ann.list().is_empty());
    assert_eq!(
        ann.json(["import", "--pages", &data("wordpress.xml")])["imported"],
        3
    );
}

#[test]
fn of_blogger_in_its_old_form_only_the_real_post_comes() {
    let ann = Person::named("Ann");
    let report = ann.json(["import", &data("blogger-old.xml")]);
    assert_eq!(report["imported"], 1);
    assert_eq!(
        report["left_out"],
        json!({ "draft": 2, "comment": 1, "setting": 1, "template": 1 })
    );
    let post = ann.list().remove(0);
    assert_eq!(
        (&post["title"], &post["tags"]),
        (&json!("Real post"), &json!(["garden"]))
    );
    assert_eq!(post["link"], "https://plot9.example/2013/real.html");
    tells_no_secret(&ann);
}

#[test]
fn of_blogger_in_its_new_form_only_what_is_live_comes() {
    let ann = Person::named("Ann");
    let report = ann.json(["import", &data("blogger.xml")]);
    assert_eq!(report["imported"], 1, "{report}");
    assert_eq!(
        report["left_out"],
        json!({
            "draft": 1, "scheduled": 2, "trash": 1, "comment": 1, "page": 1, "private": 1, "other_author": 1,
        })
    );
    assert_eq!(ann.texts(), ["In the new form."]);
    tells_no_secret(&ann);
}

#[test]
fn drafts_and_closed_entries_of_other_feeds_stay_out() {
    let ann = Person::named("Ann");
    let feed = ann.file(
        "feed.xml",
        "<?xml version=\"1.0\"?><feed xmlns=\"http://www.w3.org/2005/Atom\" xmlns:app=\"http://www.w3.org/2007/app\">\
         <id>urn:f</id><title>t</title><updated>2020-01-01T00:00:00Z</updated>\
         <entry><id>urn:1</id><title>open</title><updated>2020-01-01T00:00:00Z</updated>\
         <app:control><app:draft>no</app:draft></app:control></entry>\
         <entry><id>urn:2</id><title>SECRET</title><updated>2020-01-01T00:00:00Z</updated>\
         <app:control><app:draft>yes</app:draft></app:control></entry></feed>",
    );
    let journal = ann.file(
        "journal.xml",
        "<?xml version=\"1.0\"?><rss version=\"2.0\" xmlns:lj=\"http://www.livejournal.org/rss/lj/1.0/\"><channel>\
         <title>j</title><item><title>for all</title><lj:security>public</lj:security></item>\
         <item><title>SECRET</title><lj:security>friends</lj:security></item>\
         <item><title>SECRET mine</title><lj:security>private</lj:security></item></channel></rss>",
    );
    let report = ann.json(["import", &feed, &journal]);
    assert_eq!(
        report["left_out"],
        json!({ "draft": 1, "followers_only": 1, "private": 1 })
    );
    let mut found = titles(&ann);
    found.sort();
    assert_eq!(found, ["for all", "open"]);
    tells_no_secret(&ann);
}

#[test]
fn an_export_of_drafts_alone_says_so_and_is_no_success() {
    let ann = Person::named("Ann");
    let file = ann.file(
        "drafts.xml",
        "<?xml version=\"1.0\"?><rss version=\"2.0\" xmlns:wp=\"http://wordpress.org/export/1.1/\"><channel>\
         <title>t</title><item><title>a</title><wp:post_type>post</wp:post_type><wp:status>draft</wp:status></item>\
         <item><title>b</title><wp:post_type>post</wp:post_type><wp:status>draft</wp:status></item></channel></rss>",
    );
    says(
        &ann.run(["import", &file]).fails(),
        &["nothing in it became a post", "2 drafts"],
    );
}

#[test]
fn of_ghost_only_what_everybody_could_read_comes() {
    let ann = Person::named("Ann");
    let post = |id: &str, status: &str, visibility: &str, kind: &str, author: &str| {
        json!({
            "id": id, "uuid": format!("u-{id}"), "title": format!("Post {id}"), "type": kind,
            "html": if id == "1" { "<p>A <a href=\"__GHOST_URL__/about\">page</a>.</p>" } else { "<p>SECRET</p>" },
            "status": status, "visibility": visibility, "published_at": "2021-02-03T04:05:06.000Z",
            "author_id": author, "feature_image": null, "locale": null,
        })
    };
    let export = json!({ "db": [{ "meta": { "version": "5.0.0" }, "data": {
        "posts": [
            post("1", "published", "public", "post", "7"), post("2", "draft", "public", "post", "7"),
            post("3", "published", "members", "post", "7"), post("4", "published", "public", "page", "7"),
            post("5", "sent", "public", "post", "7"), post("6", "scheduled", "public", "post", "7"),
            post("8", "published", "public", "post", "9"), { "odd": true },
        ],
        "tags": [{ "id": "a", "name": "garden" }, { "id": "b", "name": "#internal" }],
        "posts_tags": [
            { "post_id": "1", "tag_id": "b", "sort_order": 0 }, { "post_id": "1", "tag_id": "a", "sort_order": 1 },
        ],
        "users": [
            { "id": "7", "name": "Ann", "slug": "ann", "email": "private@mail.example" },
            { "id": "9", "name": "Ben", "slug": "ben" },
        ],
        "settings": [{ "key": "password", "value": "SECRET" }],
    } }] });
    let file = ann.file("ghost.json", export.to_string());
    let report = ann.json(["import", &file]);
    assert_eq!(
        (&report["imported"], &report["skipped"]),
        (&json!(1), &json!(1)),
        "{report}"
    );
    assert_eq!(
        report["left_out"],
        json!({
            "draft": 1, "followers_only": 2, "page": 1, "scheduled": 1, "setting": 1, "other_author": 1,
        })
    );
    let post = ann.list().remove(0);
    assert_eq!(
        (&post["text"], &post["tags"]),
        (&json!("A page."), &json!(["garden"]))
    );
    assert_eq!(post["time"], "2021-02-03T04:05:06Z");
    tells_no_secret(&ann);
    assert_eq!(ann.json(["import", &file])["already"], 1);
}

/// An export of WordPress with one public post of this text, and such a field about it.
fn wordpress_post(text: &str, key: &str, value: &str) -> String {
    format!(
        "<rss version=\"2.0\" xmlns:content=\"http://purl.org/rss/1.0/modules/content/\" \
         xmlns:wp=\"http://wordpress.org/export/1.2/\"><channel><title>Plot</title><link>https://plot.example</link>\
         <item><title>Beds</title><link>https://plot.example/1</link><wp:post_type>post</wp:post_type>\
         <wp:status>publish</wp:status><content:encoded><![CDATA[{text}]]></content:encoded>\
         <wp:postmeta><wp:meta_key>{key}</wp:meta_key><wp:meta_value><![CDATA[{value}]]></wp:meta_value></wp:postmeta>\
         </item></channel></rss>"
    )
}

#[test]
fn posts_of_wordpress_that_a_plugin_keeps_for_members_stay_out() {
    let ann = Person::named("Ann");
    for (key, value) in [
        ("_jetpack_newsletter_access", "paid_subscribers"),
        ("_members_access_role", "editor"),
        ("_wpmem_block", "1"),
    ] {
        let file = ann.file("members.xml", wordpress_post("SECRET", key, value));
        let report = ann.json(["import", "--dry-run", &file]);
        assert_eq!(report["left_out"], json!({ "followers_only": 1 }), "{key}");
        says(&ann.run(["import", &file]).fails(), &["followers-only"]);
    }
    let open = wordpress_post("Open to all", "_jetpack_newsletter_access", "everybody");
    let file = ann.file("open.xml", open);
    assert_eq!(ann.json(["import", &file])["imported"], 1);
    tells_no_secret(&ann);
}

#[test]
fn parts_of_wordpress_posts_that_are_for_members_stay_out_and_are_counted() {
    let ann = Person::named("Ann");
    let texts = [
        (
            "<p>Before.</p><!-- wp:premium-content/container --><!-- wp:premium-content/subscriber-view {\"a\":1} -->\
             <p>SECRET</p><!-- /wp:premium-content/subscriber-view --><!-- /wp:premium-content/container --><p>Behind.</p>",
            "Before.\n\nBehind.",
        ),
        (
            "<p>Open.</p><!-- wp:jetpack/paywall /--><p>SECRET</p>",
            "Open.",
        ),
        // The end of CDATA in the middle of the part.
        (
            "Open. [restrict level=\"1\"]SEC]]><![CDATA[RET[/restrict] Still.",
            "Open. Still.",
        ),
        (
            "Open. <!-- wp:premium-content/subscriber-view -->SECRET without end",
            "Open.",
        ),
    ];
    for (text, expected) in texts {
        let file = ann.file("parts.xml", wordpress_post(text, "any", "thing"));
        let report = ann.json(["import", "--dry-run", &file]);
        assert_eq!(
            (&report["imported"], &report["gated"]),
            (&json!(1), &json!(1)),
            "{report}"
        );
        let shown = report["first"][0]["text"].as_str().expect("a text");
        let words: Vec<_> = expected.split_whitespace().collect();
        assert_eq!(shown.split_whitespace().collect::<Vec<_>>(), words);
    }
    // Words in brackets are words.
    let open = wordpress_post("[private] is a word, [member] too.", "any", "thing");
    let file = ann.file("open.xml", open);
    assert_eq!(ann.json(["import", &file])["gated"], 0);
    assert_eq!(ann.texts(), ["[private] is a word, [member] too."]);
}

#[test]
fn parts_of_ghost_posts_that_are_for_members_stay_out_and_are_counted() {
    let ann = Person::named("Ann");
    let html = "<p>Open.</p><!--kg-gated-block:begin nonMember:false memberSegment:\"status:free\" --><p>SECRET</p>\
        <!--kg-gated-block:end--><!--kg-gated-block:begin nonMember:true memberSegment:\"\" --><p>For guests.</p>\
        <!--kg-gated-block:end--><p>Behind.</p><!--members-only--><p>SECRET</p>";
    let export = json!({ "db": [{ "data": { "posts": [{
        "id": "1", "title": "Beds", "html": html, "plaintext": "SECRET", "type": "post", "status": "published",
        "visibility": "public", "published_at": "2021-02-03T04:05:06.000Z",
    }] } }] });
    let file = ann.file("ghost.json", export.to_string());
    assert_eq!(ann.json(["import", &file])["gated"], 1);
    assert_eq!(ann.texts(), ["Open.\n\nFor guests.\n\nBehind."]);
    tells_no_secret(&ann);
}

#[test]
fn lines_of_json_that_say_they_were_not_public_stay_out() {
    let ann = Person::named("Ann");
    let lines = [
        json!({ "text": "Open", "status": "publish", "visibility": "public", "draft": false, "published": "2020" }),
        json!({ "text": "SECRET", "status": "draft" }),
        json!({ "text": "SECRET", "visibility": "followers" }),
        json!({ "text": "SECRET", "visibility": "direct" }),
        json!({ "text": "SECRET", "visibility": "circle" }),
        json!({ "text": "SECRET", "draft": true }),
        json!({ "text": "SECRET", "published": false }),
        json!({ "text": "SECRET", "private": true }),
    ];
    let file = ann.file("notes.jsonl", lines.map(|it| format!("{it}\n")).concat());
    let report = ann.json(["import", &file]);
    assert_eq!(report["imported"], 1);
    assert_eq!(
        report["left_out"],
        json!({ "draft": 3, "followers_only": 1, "direct": 1, "private": 2 })
    );
    assert_eq!(ann.texts(), ["Open"]);
    tells_no_secret(&ann);
}

#[test]
fn recordings_in_shortcodes_of_wordpress_keep_their_address_and_forms_are_left_out() {
    let ann = Person::named("Ann");
    let text = "Before [audio src=\"https://plot.example/a.mp3?x=1\"] then \
        [video width=\"3\" mp4=\"https://plot.example/v.mp4\"][/video] and [youtube https://tube.example/watch?v=abc] \
        [vc_row css=\".a\"][vc_column]inside[/vc_column][/vc_row] [contact-form-7 id=\"1\" title=\"Write\"]\
        [a word] [audio]";
    let file = ann.file("codes.xml", wordpress_post(text, "any", "thing"));
    ann.json(["import", &file]);
    let words = ann.texts().remove(0);
    let words: Vec<_> = words.split_whitespace().collect();
    assert_eq!(
        words.join(" "),
        "Before https://plot.example/a.mp3?x=1 then https://plot.example/v.mp4 and \
         https://tube.example/watch?v=abc inside [a word]"
    );
}

#[test]
fn many_shortcodes_without_an_end_are_read_in_no_time() {
    let ann = Person::named("Ann");
    let text = format!("Begin {}", "[audio [x ".repeat(400_000));
    let file = ann.file("codes.xml", wordpress_post(&text, "any", "thing"));
    let report = ann.json(["import", "--dry-run", &file]);
    assert_eq!(
        (&report["imported"], &report["shortened"]),
        (&json!(1), &json!(1))
    );
}
