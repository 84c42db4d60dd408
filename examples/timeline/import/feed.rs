//! RSS, Atom and JSON Feed.

use feed_rs::model::{Category, Entry, Feed, FeedType, Link, Text};
use feed_rs::parser;
use tidings::Timestamp;
use url::Url;

use super::fold::{Raw, single_line};
use super::html;
use super::items::Collected;
use crate::failure::{Failure, Result};
use crate::guard::guarded;

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
    let reading = Reading {
        unsaid: !matches!(feed.feed_type, FeedType::Atom | FeedType::JSON),
        base: given.as_ref().or(page.as_ref()).or(home),
    };
    let date = entry.published.or(entry.updated);
    Raw {
        text: reading.whole(entry),
        title: entry
            .title
            .as_ref()
            .and_then(|title| reading.text(title))
            .map(|title| single_line(&title)),
        link,
        tags: entry.categories.iter().map(tag).collect(),
        time: date.map(|date| Timestamp(date.timestamp_millis())),
    }
}

/// What people call a category, which beside it may have a name for machines.
fn tag(category: &Category) -> String {
    category.label.as_ref().unwrap_or(&category.term).clone()
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
