//! RSS, Atom and JSON Feed.

use feed_rs::model::{Entry, Feed, FeedType, Link, Text};
use feed_rs::parser;
use tidings::Timestamp;
use url::Url;

use super::fold::{Raw, single_line};
use super::guard::guarded;
use super::html;
use super::items::Collected;
use crate::failure::{Failure, Result};

/// Reads a whole feed. The bytes are as they were in the file: XML names its own encoding.
pub(super) fn read_feed(bytes: &[u8], into: &mut Collected) -> Result {
    let parser = parser::Builder::new().sanitize_content(false).build();
    let feed = match guarded(|| parser.parse(bytes)) {
        Some(Ok(feed)) => feed,
        Some(Err(error)) => {
            return Err(Failure::said(format!(
                "not a feed that can be read: {error}"
            )));
        }
        None => {
            return Err(Failure::said(
                "not a feed that can be read: the parser gave up on it",
            ));
        }
    };
    let home = feed
        .links
        .iter()
        .filter(|link| is_page(link))
        .find_map(|link| Url::parse(&link.href).ok());
    // Feeds have their newest item first. Those without a date keep that order by being posted last.
    for entry in feed.entries.iter().rev() {
        if !into.add(raw(&feed, entry, home.as_ref())) {
            into.notes.skipped += 1;
        }
    }
    Ok(())
}

fn raw(feed: &Feed, entry: &Entry, home: Option<&Url>) -> Raw {
    let link = link(entry, home);
    let page = link.as_deref().and_then(|link| Url::parse(link).ok());
    let given = entry.base.as_deref().and_then(|base| Url::parse(base).ok());
    let base = given.as_ref().or(page.as_ref()).or(home);
    Raw {
        text: text(entry, base),
        title: entry.title.as_ref().map(|title| title_text(feed, title)),
        link,
        tags: entry
            .categories
            .iter()
            .map(|category| {
                category
                    .label
                    .clone()
                    .unwrap_or_else(|| category.term.clone())
            })
            .collect(),
        time: entry
            .published
            .or(entry.updated)
            .map(|time| Timestamp(time.timestamp_millis())),
    }
}

/// Whether a link leads to a page that people read.
fn is_page(link: &Link) -> bool {
    link.target.is_none() && link.rel.as_deref().is_none_or(|rel| rel == "alternate")
}

/// Where the item can be read: its page, else an id that is an address, else the recording it is about.
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
    let media = || {
        entry
            .media
            .iter()
            .flat_map(|media| &media.content)
            .find_map(|content| content.url.clone())
            .map(String::from)
    };
    page.or_else(id).or_else(media)
}

/// The whole text, else the summary, else what is said of the recording.
fn text(entry: &Entry, base: Option<&Url>) -> String {
    let content = entry.content.as_ref().and_then(|content| {
        let body = content.body.as_deref()?;
        as_text(body, content.content_type.as_str(), base)
    });
    let summary = || {
        entry
            .summary
            .as_ref()
            .and_then(|text| as_text(&text.content, text.content_type.as_str(), base))
    };
    let said = || {
        entry
            .media
            .iter()
            .find_map(|media| media.description.as_ref())
    };
    let media = || said().and_then(|text| as_text(&text.content, text.content_type.as_str(), base));
    content.or_else(summary).or_else(media).unwrap_or_default()
}

/// The readable text of what has this media type; `None` if there is none.
fn as_text(body: &str, media_type: &str, base: Option<&Url>) -> Option<String> {
    let media_type = media_type.to_ascii_lowercase();
    let text = if media_type.contains("html") {
        html::to_text(body, base)
    } else if media_type.starts_with("text/") {
        body.to_owned()
    } else {
        return None;
    };
    Some(text).filter(|text| !text.trim().is_empty())
}

/// The title on one line. RSS does not say whether a title is HTML, and both are in use: one with an end tag or an
/// entity is.
fn title_text(feed: &Feed, title: &Text) -> String {
    let plain = title.content_type.as_str() == "text/plain";
    let guess = !matches!(feed.feed_type, FeedType::Atom | FeedType::JSON);
    let looks_like_html = || title.content.contains("</") || html::has_entity(&title.content);
    if plain && !(guess && looks_like_html()) {
        return single_line(&title.content);
    }
    single_line(&html::to_text(&title.content, None))
}
