//! The form of Tumblr's second interface: `{"posts": [...]}`, with fields by type or a list of blocks.

use serde::Deserialize;
use serde_json::Value;

use super::{Post, below, quoted, seconds};
use crate::failure::Result;
use crate::import::archives;
use crate::import::html::to_text;

/// A file: an answer of the interface, a list of posts, or one post.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Whole {
    Answer { response: Posts },
    Posts(Posts),
    List(Vec<Value>),
    One(Value),
}

#[derive(Debug, Deserialize)]
struct Posts {
    posts: Vec<Value>,
}

/// All posts, in the order of the file.
pub(super) fn posts(bytes: &[u8]) -> Result<Vec<Option<Post>>> {
    let posts = match archives::json::<Whole>(bytes)? {
        Whole::Answer { response } => response.posts,
        Whole::Posts(posts) => posts.posts,
        Whole::List(posts) => posts,
        Whole::One(post) => vec![post],
    };
    Ok(posts.iter().map(post).collect())
}

/// Whether this is the beginning of such a file.
pub(in crate::import) fn is_posts(head: &str) -> bool {
    let named = ["\"reblog_key\"", "\"post_url\"", "\"blog_name\""];
    named.iter().filter(|name| head.contains(**name)).count() >= 2
}

fn post(post: &Value) -> Option<Post> {
    let text = |name: &str| post.get(name).and_then(Value::as_str).map(str::to_owned);
    let html = |name: &str| text(name).map_or_else(String::new, |html| to_text(&html, None));
    let id = text("id_string").or_else(|| text("id"));
    let id = id.or_else(|| Some(post.get("id")?.as_u64()?.to_string()))?;
    let by_others = ["reblogged_from_id", "reblogged_root_id", "parent_post_url"];
    let time = post.get("timestamp").and_then(Value::as_i64);
    let tags = strings(post.get("tags"));
    let mut media: Vec<_> = pictures(post).collect();
    let mut parts = vec![
        html("body"),
        quoted(&html("question")),
        html("answer"),
        quoted(&html("text")),
        html("source"),
        text("url").unwrap_or_default(),
        html("description"),
        dialogue(post),
        html("caption"),
        text("video_url")
            .or_else(|| text("permalink_url"))
            .unwrap_or_default(),
        text("audio_source_url").unwrap_or_default(),
    ];
    blocks(post, &mut parts, &mut media);
    Some(Post {
        id,
        state: text("state").or_else(|| Some("published".to_owned())),
        is_repost: by_others
            .iter()
            .any(|name| post.get(name).is_some_and(|it| !it.is_null())),
        link: text("post_url"),
        title: text("title").map(|title| to_text(&title, None)),
        text: below(&parts),
        tags,
        time: time.and_then(seconds),
        media,
    })
}

fn strings(list: Option<&Value>) -> Vec<String> {
    let list = list.and_then(Value::as_array).into_iter().flatten();
    list.filter_map(|it| it.as_str().map(str::to_owned))
        .collect()
}

fn pictures(post: &Value) -> impl Iterator<Item = (String, Option<String>)> {
    let photos = post.get("photos").and_then(Value::as_array);
    photos.into_iter().flatten().filter_map(|photo| {
        let address = photo.get("original_size")?.get("url")?.as_str()?;
        let alt = photo.get("caption").and_then(Value::as_str);
        Some((address.to_owned(), alt.map(str::to_owned)))
    })
}

fn dialogue(post: &Value) -> String {
    let lines = post.get("dialogue").and_then(Value::as_array);
    let lines = lines.into_iter().flatten().filter_map(|line| {
        let name = line.get("name").and_then(Value::as_str).unwrap_or_default();
        Some(format!("{name}: {}", line.get("phrase")?.as_str()?))
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// What is written in blocks, as posts are since 2018.
fn blocks(post: &Value, parts: &mut Vec<String>, media: &mut Vec<(String, Option<String>)>) {
    let blocks = post.get("content").and_then(Value::as_array);
    for block in blocks.into_iter().flatten() {
        let text = |name: &str| block.get(name).and_then(Value::as_str).map(str::to_owned);
        match text("type").as_deref() {
            Some("text") => {
                let words = text("text").unwrap_or_default();
                parts.push(match text("subtype").as_deref() {
                    Some("quote" | "indented") => quoted(&words),
                    Some("unordered-list-item") => format!("* {words}"),
                    Some(it) if it.starts_with("heading") => format!("# {words}"),
                    _ => words,
                });
            }
            Some("image") => {
                let sizes = block.get("media").and_then(Value::as_array);
                let largest = sizes.and_then(|it| it.first()?.get("url")?.as_str());
                media.extend(largest.map(|address| (address.to_owned(), text("alt_text"))));
            }
            Some("link" | "video" | "audio") => {
                parts.push(text("title").unwrap_or_default());
                parts.push(text("url").unwrap_or_default());
            }
            _ => {}
        }
    }
}
