//! `import` of unpacked archives of services: what was public comes in whole, and nothing else does.

use std::path::Path;

use serde_json::{Value, json};

use crate::support::{Person, data, says};

/// A copy of an archive of the test data, to change.
fn copy(person: &Person, name: &str) -> String {
    let to = person.path(name);
    copy_folder(Path::new(&data(name)), Path::new(&to));
    to
}

fn copy_folder(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a folder");
    for entry in std::fs::read_dir(from).expect("a folder").flatten() {
        let to = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy_folder(&entry.path(), &to);
        } else {
            std::fs::copy(entry.path(), to).expect("a copy");
        }
    }
}

/// The one post whose text begins so.
#[track_caller]
fn begins<'a>(posts: &'a [Value], text: &str) -> &'a Value {
    let is = |post: &&Value| post["text"].as_str().is_some_and(|it| it.starts_with(text));
    let found: Vec<_> = posts.iter().filter(is).collect();
    assert_eq!(found.len(), 1, "{text}: {posts:#?}");
    found[0]
}

/// Nothing that is called a secret in the archives is anywhere in the feed.
fn tells_no_secret(person: &Person) {
    let file = person.path("all.jsonl");
    let printed = person
        .run(["list", "--json", "--limit", "1000"])
        .succeeds()
        .out;
    assert!(!printed.contains("SECRET"), "{printed}");
    person.json(["export", &file]);
    let bytes = std::fs::read(&file).expect("a file");
    assert!(!bytes.windows(6).any(|part| part == b"SECRET"));
}

#[test]
fn mastodon_comes_with_threads_pictures_warnings_and_tags() {
    let ada = Person::named("Ada");
    let report = ada.json(["import", &data("mastodon")]);
    assert_eq!(report["imported"], 5, "{report}");
    assert_eq!(
        (&report["unlisted"], &report["attached"]),
        (&json!(1), &json!(1))
    );
    assert_eq!(
        (&report["missing_files"], &report["skipped"]),
        (&json!(1), &json!(1))
    );
    assert_eq!(
        report["left_out"],
        json!({ "followers_only": 3, "direct": 1, "reply": 2, "repost": 2, "other": 1 })
    );
    let posts = ada.list();
    let first = begins(&posts, "First");
    assert_eq!(
        first["text"],
        "First #tomato with @ben\n\nhttps://long.example/a/very/long/path"
    );
    assert_eq!(first["link"], "https://toot.example/@ada/1");
    assert_eq!(first["tags"], json!(["tomato"]));
    assert_eq!(first["time"], "2023-05-01T10:00:00Z");
    assert_eq!(first["attachments"][0]["alt"], "A red bed");
    let second = begins(&posts, "And the second");
    assert_eq!(second["reply_to"], first["id"]);
    let warned = begins(&posts, "Behind a warning");
    assert_eq!(warned["warning"], "Slugs");
    assert_eq!(
        begins(&posts, "Which bed?")["text"],
        "Which bed?\n* The left one\n* The right one"
    );
    tells_no_secret(&ada);
    let again = ada.json(["import", &format!("{}/outbox.json", data("mastodon"))]);
    assert_eq!(
        (&again["imported"], &again["already"]),
        (&json!(0), &json!(5))
    );
}

#[test]
fn replies_and_reposts_of_mastodon_come_when_asked_for_and_what_is_hidden_never() {
    let ada = Person::named("Ada");
    let report = ada.json(["import", &data("mastodon"), "--replies", "--reposts"]);
    assert_eq!(report["imported"], 8, "{report}");
    let posts = ada.list();
    let reply = begins(&posts, "Re: https://other.example/users/ben/statuses/77");
    assert_eq!(
        begins(&posts, "And one thing more")["reply_to"],
        reply["id"]
    );
    let boosts: Vec<_> = posts.iter().filter(|post| post["text"] == "").collect();
    assert_eq!(boosts.len(), 1);
    assert_eq!(
        boosts[0]["link"],
        "https://other.example/users/ben/statuses/78"
    );
    tells_no_secret(&ada);
}

#[test]
fn a_thread_goes_on_where_an_earlier_import_stopped() {
    let ada = Person::named("Ada");
    let folder = copy(&ada, "mastodon");
    let outbox = format!("{folder}/outbox.json");
    let whole = std::fs::read_to_string(&outbox).expect("a file");
    let mut first: Value = serde_json::from_str(&whole).expect("JSON");
    let items = first["orderedItems"].as_array_mut().expect("a list");
    items.truncate(1);
    std::fs::write(&outbox, first.to_string()).expect("a file");
    assert_eq!(ada.json(["import", &folder])["imported"], 1);
    let changed = whole.replace("And the second day of it.", "And the second day, mended.");
    std::fs::write(&outbox, whole).expect("a file");
    assert_eq!(ada.json(["import", &folder])["imported"], 4);
    std::fs::write(&outbox, changed).expect("a file");
    let report = ada.json(["import", &folder]);
    assert_eq!(
        (&report["imported"], &report["edited"]),
        (&json!(0), &json!(1))
    );
    let posts = ada.list();
    let second = begins(&posts, "And the second day, mended.");
    assert_eq!(second["reply_to"], begins(&posts, "First")["id"]);
}

#[cfg(unix)]
#[test]
fn an_archive_attaches_nothing_from_outside_of_its_folder() {
    let ada = Person::named("Ada");
    let folder = copy(&ada, "mastodon");
    let secret = ada.file(
        "outside.png",
        std::fs::read(format!(
            "{folder}/media_attachments/files/109/001/original/bed.png"
        ))
        .expect("a file"),
    );
    let link = format!("{folder}/media_attachments/link.png");
    std::os::unix::fs::symlink(&secret, &link).expect("a link");
    std::fs::write(format!("{folder}/.hidden.png"), "secret").expect("a file");
    let outbox = format!("{folder}/outbox.json");
    let text = std::fs::read_to_string(&outbox).expect("a file");
    for target in [
        "/media_attachments/link.png",
        "/../outside.png",
        "/.hidden.png",
        &secret,
    ] {
        let changed = text.replace(
            "/toot-bucket/media_attachments/files/109/001/original/bed.png",
            target,
        );
        std::fs::write(&outbox, changed).expect("a file");
        let report = Person::named("Ben").json(["import", &folder]);
        assert_eq!(
            (&report["imported"], &report["attached"]),
            (&json!(5), &json!(0)),
            "{target}"
        );
    }
}

#[test]
fn twitter_comes_with_threads_pictures_and_whole_addresses() {
    let ada = Person::named("Ada");
    let report = ada.json(["import", &data("twitter")]);
    assert_eq!(report["imported"], 5, "{report}");
    assert_eq!(
        report["left_out"],
        json!({ "repost": 1, "reply": 2, "trash": 1, "followers_only": 1 })
    );
    assert_eq!(
        (&report["attached"], &report["skipped"]),
        (&json!(2), &json!(1))
    );
    let posts = ada.list();
    let first = begins(&posts, "Peas");
    assert_eq!(
        first["text"],
        "Peas & beans <3 #garden https://beans.example/long https://peas.example/"
    );
    assert_eq!(first["link"], "https://twitter.com/ada/status/1001");
    assert_eq!(
        (&first["tags"], &first["time"]),
        (&json!(["garden"]), &json!("2018-10-10T20:19:25Z"))
    );
    assert_eq!(begins(&posts, "Second of")["reply_to"], first["id"]);
    let picture = begins(&posts, "With a picture");
    assert_eq!(picture["text"], "With a picture");
    assert_eq!(picture["attachments"][0]["alt"], "Green");
    assert_eq!(begins(&posts, "A typo")["time"], "2018-10-10T20:19:31Z");
    assert_eq!(
        begins(&posts, "A long one")["text"],
        "A long one that begins here and is cut by the list, but goes on and on https://note.example/"
    );
    tells_no_secret(&ada);
    for again in ["twitter", "twitter/data", "twitter/data/tweets.js"] {
        let report = ada.json(["import", &data(again)]);
        assert_eq!(
            (&report["imported"], &report["already"]),
            (&json!(0), &json!(5)),
            "{again}"
        );
    }
    let ben = Person::named("Ben");
    let report = ben.json(["import", &data("twitter"), "--replies", "--reposts"]);
    assert_eq!(report["imported"], 8);
    begins(
        &ben.list(),
        "Re: https://twitter.com/ben/status/77\n\n@ben I do not",
    );
}

#[test]
fn tweets_of_a_closed_account_never_come() {
    let ada = Person::named("Ada");
    let folder = copy(&ada, "twitter");
    let history = |action: &str| {
        let history = json!([
            { "protectedHistory": { "protectedAt": "2020-01-01T00:00:00.000Z", "action": "Unprotect" } },
            { "protectedHistory": { "protectedAt": "2021-01-01T00:00:00.000Z", "action": action } },
        ]);
        let text = format!("window.YTD.protected_history.part0 = {history}");
        std::fs::write(format!("{folder}/data/protected-history.js"), text).expect("a file");
    };
    history("Protect");
    let refused = ada
        .run(["import", &folder, "--replies", "--reposts"])
        .fails();
    says(
        &refused,
        &["nothing in it became a post", "followers-only posts"],
    );
    history("Unprotect");
    assert_eq!(ada.json(["import", &folder])["imported"], 5);
}

#[test]
fn older_forms_of_twitter_are_read() {
    let ada = Person::named("Ada");
    std::fs::create_dir_all(ada.path("old/data/js/tweets")).expect("a folder");
    let tweet = json!([{
        "source": "web", "id_str": "7", "id": 7, "text": "In the old form &amp; whole",
        "created_at": "2014-01-31 22:33:44 +0000", "entities": { "urls": [], "hashtags": [] },
    }]);
    ada.file(
        "old/data/js/tweets/2014_01.js",
        format!("Grailbird.data.tweets_2014_01 = \n {tweet}"),
    );
    assert_eq!(ada.json(["import", &ada.path("old")])["imported"], 1);
    // On its own a file does not say whose it is, but what it answers stands in it.
    let thread = json!([
        { "id_str": "21", "full_text": "Begun", "created_at": "Wed Oct 10 20:19:24 +0000 2018",
          "edit_info": { "initial": { "editTweetIds": ["20", "21"] } } },
        { "id_str": "22", "full_text": "Gone on", "created_at": "Wed Oct 10 20:19:25 +0000 2018",
          "in_reply_to_status_id_str": "21", "in_reply_to_user_id_str": "5", "in_reply_to_screen_name": "cleo" },
    ]);
    let file = ada.file("thread.js", format!("window.YTD.tweets.part0 = {thread}"));
    assert_eq!(ada.json(["import", &file])["imported"], 2);
    let posts = ada.list();
    assert_eq!(
        begins(&posts, "Gone on")["reply_to"],
        begins(&posts, "Begun")["id"]
    );
    let bare = json!([{ "id_str": "8", "full_text": "Not wrapped", "created_at": "Wed Oct 10 20:19:24 +0000 2018" }]);
    let file = ada.file("tweet.js", format!("window.YTD.tweet.part0 = {bare};\n"));
    assert_eq!(ada.json(["import", &file])["imported"], 1);
    let posts = ada.list();
    assert_eq!(
        begins(&posts, "In the old form & whole")["time"],
        "2014-01-31T22:33:44Z"
    );
    assert_eq!(
        begins(&posts, "Not wrapped")["link"],
        "https://twitter.com/i/web/status/8"
    );
}

#[test]
fn what_is_no_archive_is_named_with_what_can_be_done() {
    let ada = Person::named("Ada");
    let folder = ada.path("folder");
    std::fs::create_dir_all(&folder).expect("a folder");
    let refused = ada.run(["import", &folder]).fails();
    says(&refused, &["no archive that is known here", "outbox.json"]);
    let zip = ada.file("archive.zip", b"PK\x03\x04rest");
    says(
        &ada.run(["import", &zip]).fails(),
        &["packed archive", "unpack it"],
    );
    std::fs::create_dir_all(format!("{folder}/your_instagram_activity")).expect("a folder");
    says(&ada.run(["import", &folder]).fails(), &["Instagram"]);
    for (content, named) in [
        (
            "[{\"media\": [{\"uri\": \"a.jpg\", \"creation_timestamp\": 1}]}]",
            "Instagram",
        ),
        ("---\ntitle: A page\n---\nText\n", "Hugo"),
        (":\u{a2}eroots\u{81}gversion\u{1}", "Bluesky"),
    ] {
        let file = ada.file("other", content);
        says(&ada.run(["import", &file]).fails(), &[named]);
    }
}

#[test]
fn files_of_an_archive_that_hold_no_public_tweets_are_refused() {
    let ada = Person::named("Ada");
    for name in ["deleted-tweets", "twitter-circle-tweet", "account"] {
        let content = std::fs::read(format!("{}/data/{name}.js", data("twitter")));
        let file = ada.file(&format!("{name}.js"), content.expect("a file"));
        let refused = ada.run(["import", &file]).fails();
        says(&refused, &["holds no public posts", "data/tweets.js"]);
    }
    assert!(ada.list().is_empty());
}

#[test]
fn tumblr_comes_from_its_xml_with_its_pictures() {
    let ada = Person::named("Ada");
    let report = ada.json(["import", &data("tumblr")]);
    assert_eq!(report["imported"], 4, "{report}");
    assert_eq!(
        report["left_out"],
        json!({ "private": 1, "draft": 1, "scheduled": 1, "repost": 1 })
    );
    assert_eq!(
        (&report["attached"], &report["unsaid"]),
        (&json!(2), &json!(0))
    );
    let posts = ada.list();
    let beans = begins(&posts, "Beans & peas");
    assert_eq!(
        (&beans["title"], &beans["tags"]),
        (&json!("In the bed"), &json!(["garden", "two words"]))
    );
    assert_eq!(
        (&beans["time"], &beans["link"]),
        (
            &json!("2010-09-12T17:30:12Z"),
            &json!("https://plot14.tumblr.example/post/101/in-the-bed"),
        )
    );
    let set = begins(&posts, "Two pictures");
    let attached = set["attachments"].as_array().expect("a list");
    let alts: Vec<_> = attached.iter().map(|it| &it["alt"]).collect();
    assert_eq!(alts, [&json!("Red"), &Value::Null]);
    assert_eq!(
        begins(&posts, "> Said well")["text"],
        "> Said well.\n\nBy somebody"
    );
    assert_eq!(
        begins(&posts, "> Which bed?")["text"],
        "> Which bed?\n\nThe left one."
    );
    tells_no_secret(&ada);
    let file = format!("{}/posts/posts.xml", data("tumblr"));
    let again = ada.json(["import", &file]);
    assert_eq!(
        (&again["imported"], &again["already"]),
        (&json!(0), &json!(4))
    );
    assert_eq!(ada.json(["import", &file, "--reposts"])["imported"], 1);
}

#[test]
fn tumblr_comes_from_its_pages_which_do_not_say_who_could_read_them() {
    let ada = Person::named("Ada");
    let root = ada.path("export");
    for folder in ["posts/html", "media"] {
        std::fs::create_dir_all(format!("{root}/{folder}")).expect("a folder");
    }
    let picture = format!("{}/media/102_0.png", data("tumblr"));
    std::fs::copy(picture, format!("{root}/media/201_0.png")).expect("a copy");
    let page = |body: &str| {
        format!(
            "<!DOCTYPE HTML><html><head><link rel=\"stylesheet\" href=\"../style.css\"/></head><body>{body}\
             <div id=\"footer\"><span id=\"timestamp\"> November 17th, 2013 12:43pm </span>\
             <span class=\"tag\">seeds &amp; soil</span> <span class=\"tag\">bean</span></div></body></html>"
        )
    };
    let own = page(
        "<h1>A title</h1><p>With words.</p><img src=\"../../media/201_0.png\" alt=\"A bed\"/>",
    );
    let repost = page(
        "<p><a class=\"tumblr_blog\" href=\"https://ben.example\">ben</a>:</p><blockquote>SECRET</blockquote>",
    );
    std::fs::write(format!("{root}/posts/html/201.html"), own).expect("a file");
    std::fs::write(format!("{root}/posts/html/202.html"), repost).expect("a file");
    std::fs::write(format!("{root}/posts/posts_index.html"), "SECRET").expect("a file");
    let report = ada.json(["import", &root]);
    assert_eq!(
        (&report["imported"], &report["attached"]),
        (&json!(1), &json!(1)),
        "{report}"
    );
    assert_eq!(report["unsaid"], 1);
    let post = ada.list().remove(0);
    assert_eq!(
        (&post["title"], &post["text"]),
        (&json!("A title"), &json!("With words."))
    );
    assert_eq!(
        (&post["time"], &post["tags"]),
        (
            &json!("2013-11-17T12:43:00Z"),
            &json!(["seeds & soil", "bean"])
        )
    );
    assert_eq!(post["attachments"][0]["alt"], "A bed");
    tells_no_secret(&ada);
}

#[test]
fn tumblr_comes_from_json_in_both_of_its_forms() {
    let ada = Person::named("Ada");
    let post = |id: u64, more: Value| {
        let mut post = json!({
            "id": id, "id_string": id.to_string(), "blog_name": "plot", "reblog_key": "k", "timestamp": 1_600_000_000 + id,
            "post_url": format!("https://plot.example/{id}"), "tags": ["bean"], "state": "published",
        });
        let fields = more.as_object().expect("an object").clone();
        post.as_object_mut().expect("an object").extend(fields);
        post
    };
    let posts = json!({ "response": { "posts": [
        post(1, json!({ "type": "text", "title": "Old", "body": "<p>In the old form.</p>" })),
        post(2, json!({ "type": "text", "content": [
            { "type": "text", "text": "In blocks.", "subtype": "heading1" },
            { "type": "text", "text": "And more." },
            { "type": "link", "url": "https://far.example/", "title": "Far" },
        ] })),
        post(3, json!({ "state": "private", "body": "SECRET" })),
        post(4, json!({ "reblogged_from_id": "9", "body": "SECRET" })),
    ] } });
    let file = ada.file("posts.json", posts.to_string());
    let report = ada.json(["import", &file]);
    assert_eq!(report["imported"], 2, "{report}");
    assert_eq!(report["left_out"], json!({ "private": 1, "repost": 1 }));
    let posts = ada.list();
    begins(&posts, "In the old form.");
    assert_eq!(
        begins(&posts, "# In blocks")["text"],
        "# In blocks.\n\nAnd more.\n\nFar\n\nhttps://far.example/"
    );
    tells_no_secret(&ada);
}

#[test]
fn a_list_that_an_outbox_names_twice_is_read_to_its_end() {
    let ada = Person::named("Ada");
    let folder = copy(&ada, "mastodon");
    let outbox = format!("{folder}/outbox.json");
    let whole = std::fs::read_to_string(&outbox).expect("a file");
    let twice = whole.replacen(
        "\"orderedItems\":",
        "\"orderedItems\": [],\n \"orderedItems\":",
        1,
    );
    assert_ne!(whole, twice);
    std::fs::write(&outbox, twice).expect("written");
    assert_eq!(ada.json(["import", &folder])["imported"], 5);
    tells_no_secret(&ada);
}

#[test]
fn what_an_outbox_takes_back_does_not_come() {
    let ada = Person::named("Ada");
    let folder = copy(&ada, "mastodon");
    let outbox = format!("{folder}/outbox.json");
    let whole = std::fs::read_to_string(&outbox).expect("a file");
    let mut parsed: Value = serde_json::from_str(&whole).expect("JSON");
    let items = parsed["orderedItems"].as_array_mut().expect("a list");
    items.push(json!({
        "id": "https://toot.example/users/ada/statuses/1#delete", "type": "Delete",
        "actor": "https://toot.example/users/ada",
        "object": { "id": "https://toot.example/users/ada/statuses/1", "type": "Tombstone" },
    }));
    std::fs::write(&outbox, parsed.to_string()).expect("written");
    let report = ada.json(["import", &folder]);
    assert_eq!(
        (&report["imported"], &report["left_out"]["trash"]),
        (&json!(4), &json!(1)),
        "{report}"
    );
    assert!(ada.texts().iter().all(|text| !text.starts_with("First")));
}

#[test]
fn unlisted_replies_that_are_left_out_are_not_counted_among_what_comes() {
    let ada = Person::named("Ada");
    let folder = copy(&ada, "mastodon");
    let outbox = format!("{folder}/outbox.json");
    let whole = std::fs::read_to_string(&outbox).expect("a file");
    let mut parsed: Value = serde_json::from_str(&whole).expect("JSON");
    let items = parsed["orderedItems"].as_array_mut().expect("a list");
    items.push(json!({
        "id": "https://toot.example/users/ada/statuses/900", "type": "Note",
        "attributedTo": "https://toot.example/users/ada", "content": "<p>Yes</p>",
        "inReplyTo": "https://other.example/users/ben/statuses/901",
        "to": [], "cc": ["https://www.w3.org/ns/activitystreams#Public"],
    }));
    std::fs::write(&outbox, parsed.to_string()).expect("written");
    let report = ada.json(["import", &folder]);
    assert_eq!(
        (&report["unlisted"], &report["left_out"]["reply"]),
        (&json!(1), &json!(3)),
        "{report}"
    );
}

#[test]
fn tweets_deleted_since_and_statuses_closed_since_are_told() {
    let ada = Person::named("Ada");
    let folder = copy(&ada, "twitter");
    let report = ada.json(["import", &folder]);
    let count = report["imported"].as_u64().expect("a count");
    let posts = ada.list();
    let tweet = begins(&posts, "With a picture");
    let id = "1003";
    let tweets = format!("{folder}/data/tweets.js");
    let whole = std::fs::read_to_string(&tweets).expect("a file");
    let (name, list) = whole.split_once('=').expect("a list");
    let mut list: Vec<Value> = serde_json::from_str(list).expect("JSON");
    list.retain(|it| it["tweet"]["id_str"] != id);
    std::fs::write(&tweets, format!("{name}= {}", json!(list))).expect("written");
    let deleted = json!([{ "tweet": { "id_str": id, "full_text": "SECRET" } }]);
    let file = format!("{folder}/data/deleted-tweets.js");
    std::fs::write(file, format!("window.YTD.deleted_tweets.part0 = {deleted}")).expect("written");
    let report = ada.json(["import", &folder]);
    assert_eq!(report["imported"], 0, "{report}");
    assert_eq!(report["already"], count - 1);
    assert_eq!(report["closed"][0]["id"], tweet["id"], "{report}");
    tells_no_secret(&ada);

    let ben = Person::named("Ben");
    let folder = copy(&ben, "mastodon");
    ben.json(["import", &folder]);
    let outbox = format!("{folder}/outbox.json");
    let whole = std::fs::read_to_string(&outbox).expect("a file");
    let mut parsed: Value = serde_json::from_str(&whole).expect("JSON");
    let first = &mut parsed["orderedItems"][0];
    first["to"] = json!(["https://toot.example/users/ada/followers"]);
    first["cc"] = json!([]);
    std::fs::write(&outbox, parsed.to_string()).expect("written");
    let report = ben.json(["import", &folder]);
    let posts = ben.list();
    let first = begins(&posts, "First");
    assert_eq!(report["closed"][0]["id"], first["id"], "{report}");
}

#[test]
fn what_a_status_quotes_comes_as_its_address_once() {
    let ada = Person::named("Ada");
    let note = |nth: u8, content: &str| {
        json!({
            "id": format!("https://toot.example/users/ada/statuses/{nth}"), "type": "Note", "content": content,
            "attributedTo": "https://toot.example/users/ada", "to": "as:Public",
            "quoteUrl": "https://other.example/notes/5",
        })
    };
    let outbox = json!({ "type": "OrderedCollection", "orderedItems": [
        note(1, "<p>Look</p>"),
        note(2, "<p>See</p><p class=\"quote-inline\">RE: <a href=\"https://other.example/@ben/5\">that</a></p>"),
    ] });
    let file = ada.file("outbox.json", outbox.to_string());
    assert_eq!(ada.json(["import", &file])["imported"], 2);
    let posts = ada.list();
    assert_eq!(
        begins(&posts, "Look")["text"],
        "Look\n\nhttps://other.example/notes/5"
    );
    let see = begins(&posts, "See")["text"].as_str().expect("a text");
    assert!(!see.contains("notes/5"), "{see}");
}
