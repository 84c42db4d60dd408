//! `import --enclosures`: files are found whatever form their names have, and one that cannot be posted costs only itself.

use serde_json::{Value, json};
use unicode_normalization::UnicodeNormalization as _;

use crate::support::{Person, data, says};

/// A feed of one item for each file, with a text unless it is to have none.
fn feed(files: &[(&str, &str)]) -> String {
    let item = |(title, file): &(&str, &str)| {
        format!(
            "<item><title>{title}</title><guid isPermaLink=\"false\">urn:{file}</guid><enclosure url=\"{file}\" length=\"1\" type=\"image/png\"/></item>"
        )
    };
    let items: String = files.iter().map(item).collect();
    format!(
        "<?xml version=\"1.0\"?><rss version=\"2.0\"><channel><title>t</title>{items}</channel></rss>"
    )
}

fn picture() -> Vec<u8> {
    let path = format!("{}/data/tweets_media/1001-other.png", data("twitter"));
    std::fs::read(path).expect("a picture")
}

/// How many files are attached to the post with this title.
#[track_caller]
fn attached(posts: &[Value], title: &str) -> usize {
    let post = posts.iter().find(|post| post["title"] == title);
    let post = post.unwrap_or_else(|| panic!("{title}: {posts:#?}"));
    post["attachments"].as_array().expect("a list").len()
}

#[test]
fn names_are_found_in_whatever_unicode_form() {
    let ada = Person::named("Ada");
    let composed: String = "\u{fc}ber \u{c5}s/Gr\u{fc}\u{df}e \u{ac00}.png"
        .nfc()
        .collect();
    let taken_apart: String = composed.nfd().collect();
    assert_ne!(composed, taken_apart);
    for (at, (disk, given)) in [(&composed, &taken_apart), (&taken_apart, &composed)]
        .into_iter()
        .enumerate()
    {
        let folder = ada.path(&format!("{at}"));
        let path = format!("{folder}/{disk}");
        let parent = std::path::Path::new(&path).parent().expect("a folder");
        std::fs::create_dir_all(parent).expect("a folder");
        std::fs::write(&path, picture()).expect("a file");
        let escaped = given.replace(' ', "%20");
        let file = ada.file(
            &format!("{at}/feed.xml"),
            feed(&[
                (&format!("plain {at}"), given),
                (&format!("escaped {at}"), &escaped),
            ]),
        );
        let report = ada.json(["import", "--enclosures", &file]);
        assert_eq!(
            (&report["imported"], &report["attached"]),
            (&json!(2), &json!(2)),
            "{at}"
        );
    }
}

#[cfg(unix)]
#[test]
fn another_form_of_a_name_leads_no_further_than_the_same_form() {
    let ada = Person::named("Ada");
    std::fs::create_dir_all(ada.path("feed")).expect("a folder");
    let secret = ada.file("secret.png", picture());
    let disk: String = "\u{fc}.png".nfd().collect();
    std::os::unix::fs::symlink(secret, ada.path(&format!("feed/{disk}"))).expect("a link");
    let hidden: String = ".\u{fc}.png".nfd().collect();
    ada.file(&format!("feed/{hidden}"), picture());
    let file = ada.file(
        "feed/feed.xml",
        feed(&[("link", "\u{fc}.png"), ("hidden", ".\u{fc}.png")]),
    );
    let report = ada.json(["import", "--enclosures", &file]);
    assert_eq!(
        (&report["imported"], &report["attached"]),
        (&json!(2), &json!(0))
    );
}

#[test]
fn one_bad_file_skips_itself_and_says_so() {
    let ada = Person::named("Ada");
    let whole = picture();
    ada.file("good.png", &whole);
    ada.file("half.png", &whole[..whole.len() / 2]);
    ada.file("scan.tif", b"II*\0\x08\0\0\0\0\0\0\0\0\0");
    let file = ada.file(
        "feed.xml",
        feed(&[
            ("first", "good.png"),
            ("cut off", "half.png"),
            ("sealed", "scan.tif"),
        ]),
    );
    let report = ada.json(["import", "--enclosures", &file]);
    assert_eq!(
        (&report["imported"], &report["attached"]),
        (&json!(3), &json!(1))
    );
    let refused = report["refused"].as_array().expect("a list");
    let named: Vec<_> = refused.iter().map(|it| &it["item"]).collect();
    assert_eq!(named, ["sealed", "cut off"], "oldest first");
    assert!(
        refused[1]["file"]
            .as_str()
            .is_some_and(|it| it.ends_with("half.png"))
    );
    let why = refused[0]["why"].as_str().expect("a text");
    assert!(
        !why.contains("choose to keep"),
        "no choice of an import: {why}"
    );
    says(why, &["post --attach --keep-metadata"]);
    let posts = ada.list();
    for (title, files) in [("first", 1), ("cut off", 0), ("sealed", 0)] {
        assert_eq!(attached(&posts, title), files, "{title}");
    }
    let ben = Person::named("Ben");
    let said = ben.run(["import", "--enclosures", &file]).succeeds().out;
    says(
        &said,
        &["2 files could not be attached", "cut off: ", "half.png: "],
    );
}

#[test]
fn an_item_that_is_a_bad_file_alone_is_no_post() {
    let ada = Person::named("Ada");
    ada.file("half.png", &picture()[..30]);
    ada.file("good.png", picture());
    let file = ada.file("feed.xml", feed(&[("", "half.png"), ("", "good.png")]));
    let report = ada.json(["import", "--enclosures", &file]);
    assert_eq!(report["imported"], 1);
    assert_eq!(report["refused"].as_array().map(Vec::len), Some(1));
}

#[test]
fn a_long_text_with_many_files_fits_into_one_post() {
    let ada = Person::named("Ada");
    let mut item = format!(
        "<item><title>{}</title><description>{}</description>",
        "T".repeat(900),
        "word ".repeat(20_000)
    );
    for nth in 0..40 {
        let name = format!("{}{nth}.png", "n".repeat(100));
        ada.file(&name, picture());
        item.push_str(&format!(
            "<enclosure url=\"{name}\" length=\"1\" type=\"image/png\"/>"
        ));
        let far = format!("https://cdn.example/{}{nth}.mp3", "f".repeat(1_500));
        item.push_str(&format!(
            "<enclosure url=\"{far}\" length=\"1\" type=\"audio/mpeg\"/>"
        ));
    }
    let file = ada.file(
        "feed.xml",
        format!("<?xml version=\"1.0\"?><rss version=\"2.0\"><channel><title>t</title>{item}</item></channel></rss>"),
    );
    let report = ada.json(["import", "--enclosures", &file]);
    assert_eq!(
        (&report["imported"], &report["attached"]),
        (&json!(1), &json!(32)),
        "{report}"
    );
    assert_eq!(report["shortened"], 1);
}

#[test]
fn pictures_of_wordpress_are_attached_from_its_folder_of_uploads() {
    let ada = Person::named("Ada");
    let picture = std::fs::read(data(
        "mastodon/media_attachments/files/109/001/original/bed.png",
    ));
    let picture = picture.expect("a picture");
    for name in [
        "2020/01/bed.png",
        "2020/01/t\u{e4}t.png",
        "2020/01/secret.png",
    ] {
        let path = ada.path(&format!("wp-content/uploads/{name}"));
        std::fs::create_dir_all(std::path::Path::new(&path).parent().expect("a folder"))
            .expect("a folder");
        // Each its own file.
        std::fs::write(path, &picture).expect("written");
    }
    let at = "https://plot.example/wp-content/uploads/2020/01";
    let item = |nth: u8, text: &str, thumbnail: &str| {
        format!(
            "<item><title>Bed {nth}</title><link>https://plot.example/{nth}</link><wp:post_type>post</wp:post_type>\
             <wp:status>publish</wp:status><content:encoded><![CDATA[{text}]]></content:encoded><wp:postmeta>\
             <wp:meta_key>_thumbnail_id</wp:meta_key><wp:meta_value>{thumbnail}</wp:meta_value></wp:postmeta></item>"
        )
    };
    let file = |id: u8, name: &str| {
        format!(
            "<item><title>f</title><wp:post_id>{id}</wp:post_id><wp:post_type>attachment</wp:post_type>\
             <wp:attachment_url>{at}/{name}</wp:attachment_url></item>"
        )
    };
    let gated = format!(
        "<p>Words.</p><img src=\"{at}/bed-300x200.png\" alt=\"A bed\"/><!-- wp:jetpack/paywall /-->\
         <img src=\"{at}/secret.png\"/>"
    );
    let items = [
        item(1, &gated, "91"),
        item(2, "Elsewhere.", "92"),
        file(91, "t%C3%A4t.png"),
        file(92, "gone.jpg"),
    ];
    let export = format!(
        "<rss version=\"2.0\" xmlns:content=\"http://purl.org/rss/1.0/modules/content/\" \
         xmlns:wp=\"http://wordpress.org/export/1.2/\"><channel><title>Plot</title><link>https://plot.example</link>\
         {}</channel></rss>",
        items.concat()
    );
    let export = ada.file("plot.xml", export);
    assert_eq!(
        ada.json(["import", "--dry-run", &export])["not_attached"],
        2
    );
    let report = ada.json(["import", "--enclosures", &export]);
    assert_eq!(
        (&report["imported"], &report["attached"]),
        (&json!(2), &json!(2)),
        "{report}"
    );
    let posts = ada.list();
    let post = |title: &str| {
        posts
            .iter()
            .find(|it| it["title"] == title)
            .expect("a post")
    };
    let attached = post("Bed 1")["attachments"]
        .as_array()
        .expect("attachments");
    let alts: Vec<_> = attached
        .iter()
        .filter_map(|it| it["alt"].as_str())
        .collect();
    assert_eq!(alts, ["A bed"]);
    assert_eq!(
        post("Bed 2")["text"],
        format!("Elsewhere.\n\n{at}/gone.jpg")
    );
}
