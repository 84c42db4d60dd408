//! Exports of Tumblr: `posts.xml`, pages of HTML in `posts`, or JSON, with `media` beside them.
//!
//! Where the form says who may read a post, only what was published is taken. The pages of HTML do not say it, which is
//! counted and told.

mod html;
mod json;
mod xml;

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use tidings::Timestamp;

use super::archives::{self, Media};
use super::choice::Choice;
use super::enclosure::Folder;
use super::fold::Raw;
use super::items::Collected;
use super::left::Left;
use crate::failure::Result;

/// Where pictures lie.
const MEDIA: [&str; 2] = ["media", "posts/media"];

/// Where posts lie that are files of their own, in any form.
const POSTS: [&str; 4] = ["posts", "posts/html", "json", "posts/json"];

/// Files that hold all posts.
const WHOLE: [&str; 4] = [
    "posts.xml",
    "posts/posts.xml",
    "posts.json",
    "posts/posts.json",
];

/// What a post of Tumblr is, in whatever form it was written.
#[derive(Debug, Default)]
struct Post {
    id: String,
    /// `published`, `draft` and so on; none where the form does not say it.
    state: Option<String>,
    is_repost: bool,
    link: Option<String>,
    title: Option<String>,
    text: String,
    tags: Vec<String>,
    time: Option<Timestamp>,
    /// Addresses of what it shows, each with its words.
    media: Vec<(String, Option<String>)>,
}

pub(super) use self::html::attribute;
pub(super) use self::json::is_posts as is_json;

/// Whether this is the beginning of a file of posts in XML.
pub(super) fn is_xml(head: &str) -> bool {
    let head = head
        .get(..head.floor_char_boundary(4_096))
        .unwrap_or_default();
    head.contains("<tumblr ") || head.contains("<tumblr>")
}

/// Whether an export was unpacked here.
pub(super) fn is_archive(folder: &Folder) -> bool {
    let is_page = |path: &PathBuf| has_ending(path, "html") || has_ending(path, "json");
    WHOLE.iter().any(|name| folder.beside(name).is_some())
        || POSTS
            .iter()
            .any(|name| folder.list(name).iter().any(is_page))
}

/// Reads an export by its folder: the file that holds all posts, else each post's own file.
pub(super) fn read_folder(folder: &Folder, choice: &Choice, into: &mut Collected) -> Result {
    let mut reader = Reader::new(Some(folder), choice);
    if let Some(path) = WHOLE.iter().find_map(|name| folder.beside(name)) {
        let bytes = archives::read_bytes(&path)?;
        return reader.whole(&bytes, into);
    }
    for path in POSTS.iter().flat_map(|name| folder.list(name)) {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if has_ending(&path, "json") {
            let bytes = archives::read_bytes(&path)?;
            let read = reader.whole(&bytes, into);
            read.map_err(|failure| failure.at(name))?;
        } else if has_ending(&path, "html")
            && let Some((id, _)) = name.rsplit_once('.')
            && is_number(id)
        {
            let bytes = archives::read_bytes(&path)?;
            let page = String::from_utf8_lossy(&bytes);
            reader.take(html::post(id, &page), into);
        } else if has_ending(&path, "html") {
            into.left.add(Left::Other);
        }
    }
    into.notes.missing_files += reader.media.missing;
    Ok(())
}

/// Reads one file of posts, with the pictures of the export that it lies in.
pub(super) fn read_file(
    path: &Path,
    bytes: &[u8],
    choice: &Choice,
    into: &mut Collected,
) -> Result {
    let parent = path.parent();
    let root = match parent {
        Some(folder) if folder.ends_with("posts") => folder.parent(),
        other => other,
    };
    let root = root.map(|it| {
        if it == Path::new("") {
            Path::new(".")
        } else {
            it
        }
    });
    let folder = root.and_then(Folder::at);
    Reader::new(folder.as_ref(), choice).whole(bytes, into)
}

struct Reader<'a> {
    media: Media<'a>,
    choice: &'a Choice,
    /// Files by the number of the post that they belong to.
    files: HashMap<String, Vec<String>>,
}

impl<'a> Reader<'a> {
    fn new(folder: Option<&'a Folder>, choice: &'a Choice) -> Self {
        let mut files: HashMap<String, Vec<String>> = HashMap::new();
        for place in MEDIA {
            for path in folder.map(|folder| folder.list(place)).unwrap_or_default() {
                let name = path.file_name().unwrap_or_default().to_string_lossy();
                let id = name.split(['_', '.']).next().unwrap_or_default();
                if is_number(id) {
                    let path = format!("{place}/{name}");
                    files.entry(id.to_owned()).or_default().push(path);
                }
            }
        }
        Self {
            media: Media::new(folder),
            choice,
            files,
        }
    }

    /// Reads a file that holds posts in XML or JSON.
    fn whole(&mut self, bytes: &[u8], into: &mut Collected) -> Result {
        let text = String::from_utf8_lossy(bytes);
        let text = text.trim_start_matches('\u{feff}');
        let posts = if text.trim_start().starts_with('<') {
            xml::posts(text)?
        } else {
            json::posts(text.as_bytes())?
        };
        for post in posts {
            match post {
                Some(post) => self.take(post, into),
                None => into.notes.skipped += 1,
            }
        }
        into.notes.missing_files += std::mem::take(&mut self.media.missing);
        Ok(())
    }

    fn take(&mut self, post: Post, into: &mut Collected) {
        let left = match post.state.as_deref() {
            None | Some("published" | "") => None,
            Some("draft" | "submission" | "unapproved") => Some(Left::Draft),
            Some("queue" | "queued" | "scheduled") => Some(Left::Scheduled),
            Some("trash" | "deleted") => Some(Left::Trash),
            Some(_) => Some(Left::Private),
        };
        let repost = (post.is_repost && !self.choice.reposts).then_some(Left::Repost);
        if let Some(left) = left.or(repost) {
            into.leave(left, Some(format!("tumblr:{}", post.id)), None);
            return;
        }
        into.notes.unsaid += u64::from(post.state.is_none());
        let mut raw = Raw {
            id: Some(format!("tumblr:{}", post.id)),
            text: post.text,
            title: post.title,
            link: post.link,
            tags: post.tags,
            time: post.time,
            ..Raw::default()
        };
        let here = self.files.remove(&post.id).unwrap_or_default();
        let mut here = here.into_iter();
        for (address, alt) in post.media {
            // By its name in the export; those of a post stand in the order in which it shows them.
            let path = archives::path_of(&address);
            let path = path.trim_start_matches("../").to_owned();
            let name = path.rsplit('/').next().unwrap_or_default();
            let named = here.as_slice().iter().any(|it| it.ends_with(name));
            let mut paths = vec![path.clone(), format!("media/{name}")];
            if !named {
                paths.extend(here.next());
            }
            self.media.attach(&paths, &address, alt, &mut raw);
        }
        // What it shows within its text is not always named.
        for path in here {
            self.media.attach(&[path], "", None, &mut raw);
        }
        if !into.add(raw) {
            into.notes.skipped += 1;
        }
    }
}

fn has_ending(path: &Path, ending: &str) -> bool {
    path.extension()
        .is_some_and(|it| it.eq_ignore_ascii_case(ending))
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.len() <= 24 && text.bytes().all(|it| it.is_ascii_digit())
}

/// Texts one below the other, without the empty ones.
fn below(parts: &[String]) -> String {
    let parts = parts.iter().map(|it| it.trim()).filter(|it| !it.is_empty());
    parts.collect::<Vec<_>>().join("\n\n")
}

/// A text as a quotation.
fn quoted(text: &str) -> String {
    let lines = text.trim().lines().map(|line| format!("> {line}"));
    lines.collect::<Vec<_>>().join("\n")
}

/// Seconds since 1970.
fn seconds(seconds: i64) -> Option<Timestamp> {
    seconds.checked_mul(1_000).map(Timestamp)
}
