//! `import` of every feed in `tests/import`, compared field by field with what stands beside it.
//!
//! `NAME.expected` says what `NAME` is there for, and its posts: title, text, link, tags and time, none being the time
//! of the import. `counts` are the counts of the summary that are not 0, `fails` are parts of what is said instead.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde_json::{Map, Value, json};

use crate::support::{Person, says};

/// Counts of a summary that tell of something that was changed or left out.
const COUNTS: [&str; 5] = ["skipped", "unreadable", "undated", "shortened", "tags_cut"];

/// One file, and what is expected of it.
#[derive(Debug)]
struct Feed {
    name: String,
    path: String,
    expected: Map<String, Value>,
}

impl Feed {
    fn all() -> Vec<Self> {
        let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/import");
        let mut feeds = Vec::new();
        for entry in std::fs::read_dir(folder).expect("the feeds") {
            let path = entry.expect("a file").path();
            if path.extension().is_some_and(|it| it == "expected") {
                continue;
            }
            let path = path.to_str().expect("a plain path").to_owned();
            let expected = std::fs::read_to_string(format!("{path}.expected"));
            let expected = expected.unwrap_or_else(|_| panic!("what is expected of {path}?"));
            let expected = serde_json::from_str(&expected).expect("JSON");
            let name = path.rsplit('/').next().unwrap_or_default().to_owned();
            feeds.push(Self {
                name,
                path,
                expected,
            });
        }
        feeds.sort_by(|one, other| one.name.cmp(&other.name));
        feeds
    }

    fn posts(&self) -> Vec<Value> {
        let posts = self.expected.get("posts").and_then(Value::as_array);
        posts.cloned().unwrap_or_default()
    }

    fn count(&self, name: &str) -> u64 {
        let counts = self.expected.get("counts");
        counts.and_then(|it| it[name].as_u64()).unwrap_or_default()
    }

    fn fails(&self) -> Option<Vec<&str>> {
        let parts = self.expected.get("fails")?.as_array()?;
        Some(parts.iter().filter_map(Value::as_str).collect())
    }

    fn is_plain(&self) -> bool {
        COUNTS.iter().all(|name| self.count(name) == 0)
    }
}

/// A post as it is written in what is expected.
fn fields(post: &Value, start: &str) -> Value {
    let time = post["time"].as_str().filter(|time| *time < start);
    json!({
        "title": post["title"],
        "text": post["text"],
        "link": post["link"],
        "tags": post["tags"],
        "time": time,
    })
}

#[test]
fn every_feed_comes_in_as_expected() {
    let ada = Person::named("Ada");
    let start = jiff::Timestamp::now().to_string();
    let feeds = Feed::all();
    assert!(feeds.len() >= 120, "{} feeds", feeds.len());

    let mut expected: BTreeMap<String, &str> = BTreeMap::new();
    for feed in &feeds {
        for post in feed.posts() {
            let twin = expected.insert(post.to_string(), &feed.name);
            assert_eq!(
                twin, None,
                "{} has a post that another feed has: {post}",
                feed.name
            );
        }
    }

    // Each that changes a count by itself, all others at once: so it takes few processes.
    let (fail, come): (Vec<_>, Vec<_>) = feeds.iter().partition(|feed| feed.fails().is_some());
    let (plain, counted): (Vec<_>, Vec<_>) = come.into_iter().partition(|feed| feed.is_plain());
    let mut wrong = Vec::new();
    for feed in fail {
        says(
            &ada.run(["import", &feed.path]).fails(),
            &feed.fails().unwrap_or_default(),
        );
    }
    let groups = counted.into_iter().map(|feed| vec![feed]).chain([plain]);
    for group in groups {
        let paths = group.iter().map(|feed| feed.path.as_str());
        let report = ada.json(["import"].into_iter().chain(paths));
        let name = if group.len() == 1 {
            group[0].name.as_str()
        } else {
            "all others"
        };
        for count in COUNTS {
            let sum: u64 = group.iter().map(|feed| feed.count(count)).sum();
            if report[count] != sum {
                wrong.push(format!("{name}: {count} is {}, not {sum}", report[count]));
            }
        }
    }

    for post in ada.list() {
        let post = fields(&post, &start).to_string();
        if expected.remove(&post).is_none() {
            wrong.push(format!("unexpected: {post}"));
        }
    }
    wrong.extend(
        expected
            .iter()
            .map(|(post, name)| format!("missing of {name}: {post}")),
    );
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Megabytes of the large feed. `just nightly` sets 100, which takes too long where nothing is optimised.
fn large() -> usize {
    let given = std::env::var("TIDINGS_FEED_MB").ok();
    given.map_or(24, |it| it.parse().expect("megabytes"))
}

#[cfg(target_os = "linux")]
#[test]
fn a_large_feed_takes_little_more_memory_than_it_is_long() {
    use std::io::Write as _;

    let ada = Person::named("Ada");
    let path = ada.path("large.xml");
    let file = std::fs::File::create(&path).expect("a file");
    let mut file = std::io::BufWriter::new(file);
    file.write_all(b"<rss version=\"2.0\"><channel><title>Large</title>")
        .expect("room");
    // Long texts, short ones, and what nobody needs.
    let text = "A line of words in the feed.\n".repeat(15_000);
    for n in 0..large() {
        let (hour, minute) = (n / 60, n % 60);
        write!(
            file,
            "<item><title>Long {n}</title><pubDate>2024-01-01T{hour:02}:{minute:02}:00Z</pubDate><description>{text}</description>\
             <other><part>{text}</part></other></item><item><title>Short {n}</title><description>&lt;p&gt;s&lt;/p&gt;</description></item>"
        )
        .expect("room");
    }
    file.write_all(b"</channel></rss>").expect("room");
    drop(file);

    // What the process may take besides code: the file and half as much for its growing buffer and the posts, then what
    // any command takes, and stacks of as many threads as there are cores.
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let kilobytes = (large() * 3 / 2 + 64 + 4 * cores) * 1_024;
    let limited = format!("ulimit -d {kilobytes}; exec \"$0\" \"$@\"");
    let client = crate::support::timeline(&ada.dir());
    let done = std::process::Command::new("sh")
        .args(["-c", &limited])
        .arg(client.get_program())
        .args(client.get_args())
        .args(["import", &path, "--json"])
        .output()
        .expect("a shell");
    assert!(done.status.success(), "{done:?}");
    let report: Value = serde_json::from_slice(&done.stdout).expect("JSON");
    assert_eq!(report["imported"], 2 * large());
    assert_eq!(report["shortened"], large());
}

#[test]
fn a_declared_name_may_stand_in_a_long_feed_as_often_as_it_likes() {
    let ada = Person::named("Ada");
    let item = format!("<item><title>{}</title></item>", "&plot; ".repeat(100));
    let items = item.repeat(2_000);
    let last = "<item><title>Last of &plot;</title></item>";
    let file = ada.file(
        "names.xml",
        format!(
            "<!DOCTYPE rss [<!ENTITY plot \"Plot 9\">]><rss version=\"2.0\"><channel>{items}{last}</channel></rss>"
        ),
    );
    ada.json(["import", &file]);
    let titles: Vec<Value> = ada.list().iter().map(|it| it["title"].clone()).collect();
    assert!(titles.contains(&json!("Last of Plot 9")), "{titles:?}");
}

#[test]
fn a_summary_for_people_names_what_could_not_be_read() {
    let ada = Person::named("Ada");
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/import");
    let done = ada.run([
        "import",
        &format!("{folder}/bad-cut-off.rss.xml"),
        &format!("{folder}/dates-place.rss.xml"),
    ]);
    assert_eq!(
        done.succeeds().out,
        "Imported 7 posts from 2 files; 1 could not be read; 4 have a date that could not be read and are dated now; 1 has no date and is dated now.\n"
    );
}

#[test]
fn items_without_a_date_are_told_before_and_after() {
    let ada = Person::named("Ada");
    let items = "<item><title>One</title></item><item><title>Two</title></item>";
    let feed = format!("<rss version='2.0'><channel><title>News</title>{items}</channel></rss>");
    let file = ada.file("news.xml", feed);
    let no_date = &["2 have no date and are dated now"];
    says(
        &ada.run(["import", &file, "--dry-run"]).succeeds().out,
        no_date,
    );
    says(&ada.run(["import", &file]).succeeds().out, no_date);
    // They are here now, with a date.
    assert_eq!(ada.json(["import", &file])["dateless"], 0);
}

#[test]
fn what_cannot_be_laid_out_takes_no_time() {
    let ada = Person::named("Ada");
    let attributes: String = (0..50_000).map(|n| format!(" a{n}='x'")).collect();
    let spaces: String = (0..30_000)
        .map(|n| format!("<b xmlns:n{n}='u{n}'>"))
        .collect();
    let images: String = (0..20_000)
        .map(|n| format!("<img src='https://plot9.example/{n}.jpg'>"))
        .collect();
    let texts = [
        format!("<p{attributes}>attributes</p>"),
        format!("<![CDATA[<p{attributes}>attributes in data</p>]]>"),
        format!("{spaces}vocabularies"),
        format!("<![CDATA[{images}]]>"),
        format!("{}references", "&".repeat(200_000)),
        format!("{}markup", "<b>".repeat(40_000)),
    ];
    let items: String = texts
        .iter()
        .map(|text| format!("<item><description>{text}</description></item>"))
        .collect();
    let file = ada.file(
        "hostile.xml",
        format!("<rss version=\"2.0\"><channel>{items}</channel></rss>"),
    );
    let start = std::time::Instant::now();
    assert_eq!(ada.json(["import", &file])["imported"], 6);
    // A second or two where nothing is optimised; any of them alone would take longer with its square.
    assert!(start.elapsed().as_secs() < 60, "{:?}", start.elapsed());
}
