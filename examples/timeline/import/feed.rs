//! RSS, Atom and JSON Feed.

use feed_rs::model::{Category, Entry, Feed, FeedType, Link, Text};
use feed_rs::parser;
use tidings::Timestamp;
use url::Url;

use super::enclosure::{Enclosure, Folder, enclosures};
use super::fold::{Raw, single_line};
use super::html;
use super::items::Collected;
use crate::failure::{Failure, Result};
use crate::guard::guarded;

/// Reads a whole feed. The bytes are as they were in the file: XML names its own encoding.
///
/// `folder` is where the feed lies; none if it lies nowhere. Files in it are only counted unless they are to be attached.
pub(super) fn read_feed(
    bytes: &[u8],
    folder: Option<&Folder>,
    attach: bool,
    into: &mut Collected,
) -> Result {
    let feed = parse(bytes, None)?;
    // Relative addresses of enclosures are left out by the parser unless it is told what they are relative to, and all
    // other relative addresses would then be taken for files, too. So it is asked twice.
    let has_enclosures = feed.feed_type == FeedType::JSON || contains(bytes, b"enclosure");
    let beside = folder.filter(|_| has_enclosures && feed.feed_type != FeedType::JSON);
    let beside = beside.map(Folder::url);
    let beside = beside.and_then(|url| parse(bytes, Some(url)).ok());
    let home = feed
        .links
        .iter()
        .filter(|link| is_page(link))
        .find_map(|link| Url::parse(&link.href).ok());
    // Feeds have their newest item first. Those without a date keep that order by being posted last.
    for (at, entry) in feed.entries.iter().enumerate().rev() {
        let with_files = beside.as_ref().and_then(|feed| feed.entries.get(at));
        let mut raw = raw(&feed, entry, home.as_ref());
        let page = raw.link.as_deref().and_then(|link| Url::parse(link).ok());
        let page = page.as_ref().or(home.as_ref());
        for enclosure in enclosures(with_files.unwrap_or(entry), folder, page) {
            match enclosure {
                Enclosure::File(path) if attach => raw.files.push(path),
                Enclosure::File(_) => into.notes.not_attached += 1,
                // Pictures that only decorate an item are told from enclosures by there being none of these.
                Enclosure::Address(address) if has_enclosures || raw.link.is_none() => {
                    raw.addresses.push(address);
                }
                Enclosure::Address(_) => {}
            }
        }
        if !has_enclosures {
            raw.addresses.truncate(1);
        }
        if !into.add(raw) {
            into.notes.skipped += 1;
        }
    }
    Ok(())
}

fn parse(bytes: &[u8], base: Option<&Url>) -> Result<Feed> {
    // An id that the parser would make up says nothing: a random one is another each time.
    let parser = parser::Builder::new()
        .sanitize_content(false)
        .id_generator(|_, _, _| String::new());
    let parser = parser.base_uri(base).build();
    let why = match guarded(|| parser.parse(bytes)) {
        Some(Ok(feed)) => return Ok(feed),
        Some(Err(error)) => error.to_string(),
        None => "the parser gave up on it".to_owned(),
    };
    Err(Failure::said(format!("not a feed that can be read: {why}")))
}

fn contains(bytes: &[u8], word: &[u8]) -> bool {
    bytes.windows(word.len()).any(|part| part == word)
}

fn raw(feed: &Feed, entry: &Entry, home: Option<&Url>) -> Raw {
    let link = link(entry, home);
    let page = link.as_deref().and_then(|link| Url::parse(link).ok());
    let given = entry.base.as_deref().and_then(|base| Url::parse(base).ok());
    let reading = Reading {
        unsaid: !matches!(feed.feed_type, FeedType::Atom | FeedType::JSON),
        base: given.as_ref().or(page.as_ref()).or(home),
    };
    let date = entry.published.or(entry.updated);
    Raw {
        id: id(feed, entry, home),
        text: reading.whole(entry),
        title: entry
            .title
            .as_ref()
            .and_then(|title| reading.text(title))
            .map(|title| single_line(&title)),
        link,
        tags: entry.categories.iter().map(tag).collect(),
        time: date.map(|date| Timestamp(date.timestamp_millis())),
        ..Raw::default()
    }
}

/// What the feed calls the item. A name that is none in the world, such as a number, is one together with the feed's.
fn id(feed: &Feed, entry: &Entry, home: Option<&Url>) -> Option<String> {
    let id = entry.id.trim();
    if id.is_empty() || Url::parse(id).is_ok() {
        return Some(id.to_owned()).filter(|id| !id.is_empty());
    }
    let title = feed.title.as_ref().map(|title| title.content.as_str());
    let home = home.and_then(Url::host_str).or(title);
    Some(format!("{} {id}", home.unwrap_or_default()))
}

/// What people call a category, which beside it may have a name for machines.
fn tag(category: &Category) -> String {
    category.label.as_ref().unwrap_or(&category.term).clone()
}

/// Whether a link leads to a page that people read.
fn is_page(link: &Link) -> bool {
    link.target.is_none() && link.rel.as_deref().is_none_or(|rel| rel == "alternate")
}

/// Where the item can be read: its page, else an id that is an address.
fn link(entry: &Entry, home: Option<&Url>) -> Option<String> {
    // Attachments of a JSON Feed come after the item's own links.
    let page = entry
        .links
        .iter()
        .find(|link| is_page(link))
        .and_then(|link| html::absolute(&link.href, home));
    let id = || {
        Some(&entry.id)
            .filter(|id| id.starts_with("https://") || id.starts_with("http://"))
            .cloned()
    };
    page.or_else(id)
}

/// How the texts of one item are read.
struct Reading<'a> {
    /// RSS does not say whether a text is HTML, and both are in use.
    unsaid: bool,
    /// What relative links are relative to.
    base: Option<&'a Url>,
}

impl Reading<'_> {
    /// The whole text, else the summary, else what is said of the recording.
    fn whole(&self, entry: &Entry) -> String {
        let content = entry.content.as_ref().and_then(|content| {
            let body = content.body.as_deref()?;
            self.readable(body, content.content_type.as_str())
        });
        let summary = || self.text(entry.summary.as_ref()?);
        let mut media = entry.media.iter();
        let said = || self.text(media.find_map(|media| media.description.as_ref())?);
        content.or_else(summary).or_else(said).unwrap_or_default()
    }

    fn text(&self, text: &Text) -> Option<String> {
        self.readable(&text.content, text.content_type.as_str())
    }

    /// What has this media type as a readable text; `None` if there is none.
    ///
    /// What does not say that it is HTML is taken for it if it has an end tag or an entity.
    fn readable(&self, body: &str, media_type: &str) -> Option<String> {
        let media_type = media_type.to_ascii_lowercase();
        let looks_like_html = || body.contains("</") || html::has_entity(body);
        let text = if media_type.contains("html") || (self.unsaid && looks_like_html()) {
            html::to_text(body, self.base)
        } else if media_type.starts_with("text/") {
            body.to_owned()
        } else {
            return None;
        };
        Some(text).filter(|text| !text.trim().is_empty())
    }
}
