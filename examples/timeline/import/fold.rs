//! Bringing what others wrote within the limits of a post.

use std::collections::HashSet;
use std::path::PathBuf;

use tidings::Timestamp;
use tidings::format::limits;

use super::items::{Collected, Item};

/// Bytes of a title: a line or three on a screen.
const TITLE_BYTES: usize = 1_024;

/// Bytes of a link. Browsers and servers agree on about this much.
const LINK_BYTES: usize = 2_048;

/// Bytes of a body that are neither text, title, link nor tags: salt, lengths and lists, generously.
const BODY_OVERHEAD: usize = 128;

/// What stands for the rest of a text that was cut.
const ELLIPSIS: char = '\u{2026}';

/// An item as its file has it.
#[derive(Debug, Default)]
pub(super) struct Raw {
    pub(super) text: String,
    pub(super) title: Option<String>,
    pub(super) link: Option<String>,
    pub(super) tags: Vec<String>,
    pub(super) time: Option<Timestamp>,
    /// There is a date, and nobody can read it.
    pub(super) unread: bool,
    /// Files that go with it.
    pub(super) files: Vec<PathBuf>,
    /// Where else something can be had that goes with it.
    pub(super) addresses: Vec<String>,
}

impl Collected {
    /// Takes an item in, within the limits; false if it has neither text, title nor link.
    pub(super) fn add(&mut self, raw: Raw) -> bool {
        let item = self.fold(raw);
        let found = item.is_some();
        self.items.extend(item);
        found
    }

    /// Brings an item within the limits; `None` if it has neither text, title nor link.
    pub(super) fn fold(&mut self, raw: Raw) -> Option<Item> {
        let (title, title_cut) = shorten(single_line(&raw.title.unwrap_or_default()), TITLE_BYTES);
        let title = Some(title).filter(|title| !title.is_empty());
        let link = raw
            .link
            .map(|link| link.trim().to_owned())
            .filter(|link| !link.is_empty() && link.len() <= LINK_BYTES);
        let tags = self.fold_tags(&raw.tags);
        let text = readable(&raw.text);
        let mut addresses = raw.addresses;
        addresses.retain(|it| it.len() <= LINK_BYTES && !text.contains(it));
        // Without a page of its own, an item is about the first thing that it brings along.
        let first = || (!addresses.is_empty()).then(|| addresses.remove(0));
        let link = link.or_else(first);
        addresses.retain(|it| Some(it) != link.as_ref());
        addresses.truncate(limits::ATTACHMENTS);
        if text.is_empty() && title.is_none() && link.is_none() && raw.files.is_empty() {
            return None;
        }
        let around: usize = title
            .iter()
            .chain(&link)
            .chain(&tags)
            .chain(&addresses)
            .map(|part| part.len() + 4)
            .sum();
        let (text, text_cut) = shorten(text, limits::BODY_BYTES as usize - BODY_OVERHEAD - around);
        self.notes.shortened += u64::from(title_cut || text_cut);
        let text = with_addresses(text, &addresses);
        let mut files = raw.files;
        files.truncate(limits::ATTACHMENTS);
        Some(Item {
            text,
            title,
            link,
            tags,
            time: raw.time,
            unread: raw.unread,
            placed: None,
            files,
        })
    }

    /// Tags without spaces at the ends, without `#` and without twins, as many and as long as a post may have.
    fn fold_tags(&mut self, tags: &[String]) -> Vec<String> {
        let mut seen = HashSet::new();
        let mut folded = Vec::new();
        for tag in tags {
            let tag = single_line(tag.trim().trim_start_matches('#'));
            let (tag, cut) = cut_at(tag, limits::TAG_BYTES);
            if tag.is_empty() || !seen.insert(tag.to_lowercase()) {
                continue;
            }
            let full = folded.len() == limits::TAGS;
            self.notes.tags_cut += u64::from(cut || full);
            if !full {
                folded.push(tag);
            }
        }
        folded
    }
}

/// The text with a line for each address below it.
fn with_addresses(text: String, addresses: &[String]) -> String {
    let (mut text, mut gap) = (text, "\n\n");
    for address in addresses {
        if !text.is_empty() {
            text.push_str(gap);
        }
        text.push_str(address);
        gap = "\n";
    }
    text
}

/// The text without control characters but line breaks and tabs, and without empty lines at its ends.
fn readable(text: &str) -> String {
    let text = text.replace("\r\n", "\n");
    let kept: String = text
        .chars()
        .filter(|c| !c.is_control() || matches!(c, '\n' | '\t'))
        .collect();
    kept.trim().to_owned()
}

/// The text on one line, with single spaces.
pub(super) fn single_line(text: &str) -> String {
    let words = text
        .split(|c: char| c.is_whitespace() || c.is_control())
        .filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().join(" ")
}

/// At most `limit` bytes of the text, an ellipsis for the rest included; and whether anything was cut.
fn shorten(text: String, limit: usize) -> (String, bool) {
    if text.len() <= limit {
        return (text, false);
    }
    let (mut text, cut) = cut_at(text, limit - ELLIPSIS.len_utf8());
    text.push(ELLIPSIS);
    (text, cut)
}

/// At most `limit` bytes of the text, whole characters only; and whether anything was cut.
fn cut_at(mut text: String, limit: usize) -> (String, bool) {
    let cut = text.len() > limit;
    text.truncate(text.floor_char_boundary(limit));
    let end = text.trim_end().len();
    text.truncate(end);
    // Much longer ones would keep the memory of what was cut.
    text.shrink_to_fit();
    (text, cut)
}
