//! Files: which kind each one is, by its content, and where in it something is wrong.

use std::fs::File;
use std::io::{BufRead, BufReader, Read as _};
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::Value;
use tidings::Timestamp;

use super::choice::Choice;
use super::enclosure::Folder;
use super::feed::{read_json, read_xml};
use super::fold::Raw;
use super::items::Collected;
use super::left::Left;
use super::lines::{Line, LineReader};
use super::repair::{glance, to_text};
use super::{archives, ghost, mastodon, tumblr, twitter};
use crate::failure::{Failure, Result};

/// Bytes of a line of JSON Lines. A post holds 64 KiB of text, six times that if every character is escaped.
const JSON_LINE_BYTES: usize = 4 << 20;

/// Bytes of a line of a feed: some are one line from end to end.
const FEED_LINE_BYTES: usize = 64 << 20;

/// Bytes of a feed. It has to be in memory as a whole.
const FEED_BYTES: usize = 512 << 20;

/// Bytes at a file's beginning that show what it is, with the rest of the first line where that goes on.
const HEAD_BYTES: usize = 16 << 10;

/// Reads all files, and of them what is asked for; the first thing wrong in any of them ends it. `done` is called after
/// each.
pub(crate) fn read_files(
    files: &[PathBuf],
    choice: &Choice,
    mut done: impl FnMut(&Collected),
) -> Result<Collected> {
    let mut all = Collected::default();
    for (at, path) in files.iter().enumerate() {
        all.file = at;
        read_file(path, choice, &mut all).map_err(|failure| failure.at(path.display()))?;
        done(&all);
    }
    Ok(all)
}

/// Reads it from front to back only: it may be a pipe.
fn read_file(path: &Path, choice: &Choice, into: &mut Collected) -> Result {
    if path.is_dir() {
        return archives::read_folder(path, choice, into);
    }
    let mut file = BufReader::new(File::open(path)?);
    let mut head = Vec::new();
    file.by_ref()
        .take(HEAD_BYTES as u64)
        .read_to_end(&mut head)?;
    if !head.contains(&b'\n') {
        let rest = JSON_LINE_BYTES as u64;
        file.by_ref().take(rest).read_until(b'\n', &mut head)?;
    }
    let form = Form::of(&head)?;
    let whole = head.as_slice().chain(file);
    match form {
        Form::Feed => {
            let text = to_text(read_whole(whole)?)?;
            let folder = Folder::of(path);
            if text.trim_start().starts_with('{') {
                read_json(&text, folder.as_ref(), choice.enclosures, into)
            } else {
                read_xml(&text, folder.as_ref(), choice, into)
            }
        }
        Form::JsonLines => read_json_lines(whole, into),
        Form::Outbox => {
            let folder = Folder::of(path);
            mastodon::read(&read_all(whole)?, folder.as_ref(), choice, into)
        }
        Form::Tweets => twitter::read_file(path, &read_all(whole)?, choice, into),
        Form::Ghost => ghost::read(&read_all(whole)?, choice, into),
        Form::Tumblr => tumblr::read_file(path, &read_all(whole)?, choice, into),
    }
}

/// The whole file, whatever its lines are.
fn read_all(file: impl BufRead) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let most = FEED_BYTES as u64;
    file.take(most + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > most {
        let most = most >> 20;
        return Err(Failure::said(format!("the file is larger than {most} MiB")));
    }
    Ok(bytes)
}

/// What a file is.
enum Form {
    /// RSS, Atom or JSON Feed, in whatever encoding.
    Feed,
    JsonLines,
    /// The outbox of a Mastodon account.
    Outbox,
    /// The tweets of a Twitter account.
    Tweets,
    /// An export of a Ghost blog.
    Ghost,
    /// The posts of a Tumblr blog, in XML or JSON.
    Tumblr,
}

impl Form {
    fn of(head: &[u8]) -> Result<Self> {
        if head.starts_with(b"PK\x03\x04") || head.starts_with(&[0x1f, 0x8b]) {
            return Err(Failure::said(
                "this is a packed archive; unpack it, then import the folder that comes of it",
            ));
        }
        let head = glance(head);
        let json = head.trim_start_matches('\u{feff}').trim_start();
        let text = json.to_lowercase();
        if let Some(why) = archives::other_file(json) {
            return Err(Failure::said(why));
        }
        match text.chars().next() {
            None => Err(Failure::said("the file is empty")),
            Some('<') if is_web_page(&text) => Err(Failure::said(
                "this is a web page (HTML), not a feed; look on it for a link to RSS or Atom",
            )),
            Some('<') if tumblr::is_xml(json) => Ok(Self::Tumblr),
            Some('{' | '[') if tumblr::is_json(json) => Ok(Self::Tumblr),
            Some('<') => Ok(Self::Feed),
            Some('{') if ghost::is_export(json) => Ok(Self::Ghost),
            Some('{') if mastodon::is_outbox(json) => Ok(Self::Outbox),
            Some(_) if twitter::is_of_archive(json) => Ok(Self::Tweets),
            // Servers write warnings before it.
            Some(_) if !text.starts_with('{') && is_feed(&text) => Ok(Self::Feed),
            Some('{') if is_json_feed(json) => Ok(Self::Feed),
            Some('{') => Ok(Self::JsonLines),
            Some(_) => Err(Failure::said(
                "this is neither RSS, Atom, JSON Feed nor JSON Lines",
            )),
        }
    }
}

fn is_web_page(text: &str) -> bool {
    text.starts_with("<!doctype html") || (!is_feed(text) && text.contains("<html"))
}

fn is_feed(text: &str) -> bool {
    let roots = ["<rss", "<feed", "<rdf:rdf", "<entry"];
    roots.iter().any(|root| text.contains(root))
}

/// A JSON Feed says so, or is laid out over several lines, which JSON Lines never is.
fn is_json_feed(text: &str) -> bool {
    let first = text.lines().next().unwrap_or_default().trim_end();
    let item = serde_json::from_str::<JsonItem>(first).is_ok();
    let feed = || text.contains("jsonfeed.org") || text.contains("\"items\"");
    first == "{" || (!item && feed())
}

/// The whole file. Its length is looked at line by line.
fn read_whole(mut file: impl BufRead) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    for number in 1_u64.. {
        let start = bytes.len();
        if file
            .by_ref()
            .take(FEED_LINE_BYTES as u64 + 1)
            .read_until(b'\n', &mut bytes)?
            == 0
        {
            break;
        }
        let line = bytes.get(start..).unwrap_or_default();
        if line.len() > FEED_LINE_BYTES {
            return Err(too_long(FEED_LINE_BYTES).at(format!("line {number}")));
        }
        if bytes.len() > FEED_BYTES {
            return Err(Failure::said(format!(
                "the file is larger than {} MiB",
                FEED_BYTES >> 20
            )));
        }
    }
    Ok(bytes)
}

fn too_long(limit: usize) -> Failure {
    Failure::said(format!("the line is longer than {} MiB", limit >> 20))
}

fn not_utf8() -> Failure {
    Failure::said("not valid UTF-8")
}

fn read_json_lines(file: impl BufRead, into: &mut Collected) -> Result {
    let mut lines = LineReader::new(file, JSON_LINE_BYTES);
    for number in 1_u64.. {
        let Some(line) = lines.next_line()? else {
            break;
        };
        let item = match line {
            Line::Text(text) => read_json_line(&text, into),
            Line::NotText => Err(not_utf8()),
            Line::TooLong => Err(too_long(JSON_LINE_BYTES)),
        };
        item.map_err(|failure| failure.at(format!("line {number}")))?;
    }
    Ok(())
}

/// One line of JSON Lines. Other fields are left alone, so that what `list --json` prints can be read.
#[derive(Debug, Deserialize)]
struct JsonItem {
    text: String,
    time: Option<Value>,
    /// `list` prints it beside the time of a post that was imported with a date to come.
    dated: Option<Value>,
    tags: Option<Vec<String>>,
    title: Option<String>,
    link: Option<String>,
    warning: Option<String>,
    #[serde(flatten)]
    openness: Openness,
}

/// What other programs write about who could read an item.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Openness {
    status: Value,
    visibility: Value,
    draft: Value,
    private: Value,
    published: Value,
}

impl Openness {
    /// Why it becomes no post; none if nothing says that it was not public.
    fn left(&self) -> Option<Left> {
        let word = |value: &Value| value.as_str().unwrap_or_default().to_lowercase();
        let of_status = match &*word(&self.status) {
            "draft" | "auto-draft" | "pending" | "unpublished" => Some(Left::Draft),
            "future" | "scheduled" | "queued" => Some(Left::Scheduled),
            "trash" | "trashed" | "deleted" => Some(Left::Trash),
            "private" => Some(Left::Private),
            _ => None,
        };
        let of_visibility = match &*word(&self.visibility) {
            "" | "public" | "unlisted" | "home" | "everyone" => None,
            "direct" | "specified" => Some(Left::Direct),
            "followers" | "friends" | "members" | "paid" => Some(Left::FollowersOnly),
            _ => Some(Left::Private),
        };
        let is_draft = self.draft == true || self.published == false;
        let of_flags = is_draft.then_some(Left::Draft);
        let private = (self.private == true).then_some(Left::Private);
        of_status.or(of_visibility).or(of_flags).or(private)
    }
}

fn read_json_line(line: &str, into: &mut Collected) -> Result {
    let line = line.trim_start_matches('\u{feff}').trim();
    if line.is_empty() {
        return Ok(());
    }
    let item: JsonItem =
        serde_json::from_str(line).map_err(|error| Failure::said(in_line(&error)))?;
    if let Some(left) = item.openness.left() {
        into.left.add(left);
        return Ok(());
    }
    let dated = item.dated.as_ref().map_or(Ok(None), read_time)?;
    let time = item.time.as_ref().map_or(Ok(None), read_time)?;
    let raw = Raw {
        text: item.text,
        title: item.title,
        link: item.link,
        warning: item.warning,
        tags: item.tags.unwrap_or_default(),
        time: dated.or(time),
        ..Raw::default()
    };
    if into.add(raw) {
        Ok(())
    } else {
        Err(Failure::said("there is neither text, title nor link in it"))
    }
}

/// What is wrong and in which column: each line is parsed alone, so the parser's own line number is always 1.
fn in_line(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let what = text.split(" at line ").next().unwrap_or_default();
    format!("{what}, column {}", error.column())
}

/// Numbers below this are seconds since 1970, up to the year 5138; from it on they are milliseconds, from March 1973. Both
/// are in use, and what people posted lies between these years.
const MILLIS_FROM: f64 = 1e11;

/// A time as RFC 3339, or in seconds or milliseconds since 1970.
fn read_time(value: &Value) -> Result<Option<Timestamp>> {
    let wrong = || {
        Failure::said(format!(
            "the time {value} is neither RFC 3339 nor a number of seconds or milliseconds"
        ))
    };
    match value {
        Value::Null => Ok(None),
        Value::Number(number) => {
            let number = number.as_f64().ok_or_else(wrong)?;
            Ok(Some(since_1970(number)))
        }
        Value::String(text) => {
            let text = text.trim();
            let number = text.parse().ok().filter(|number: &f64| number.is_finite());
            if let Some(number) = number {
                return Ok(Some(since_1970(number)));
            }
            let time: jiff::Timestamp = text.parse().map_err(|_| wrong())?;
            Ok(Some(Timestamp(time.as_millisecond())))
        }
        _ => Err(wrong()),
    }
}

fn since_1970(number: f64) -> Timestamp {
    let millis = if number.abs() < MILLIS_FROM {
        number * 1_000.0
    } else {
        number
    };
    #[expect(
        clippy::cast_possible_truncation,
        reason = "what is too large becomes the largest"
    )]
    Timestamp(millis.round() as i64)
}
