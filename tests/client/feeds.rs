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
