//! Bringing what others wrote within the limits of a post.

use std::collections::HashSet;
use std::path::PathBuf;

use tidings::Timestamp;
use tidings::format::limits;

use super::items::{Author, Collected, Item, ItemFile};

/// Bytes of a title: a line or three on a screen.
const TITLE_BYTES: usize = 1_024;

/// Bytes of a link. Browsers and servers agree on about this much.
const LINK_BYTES: usize = 2_048;

/// Bytes of what is said about one attached file, at most: what it shows in words has 2,000 of them.
const ALT_BYTES: usize = limits::ALT_BYTES;

/// Bytes of the words about all files of one item together.
const ALTS_BYTES: usize = 4_096;

/// Bytes of an attachment in a body beside its words and its preview, with those of a smaller rendition.
const FILE_OVERHEAD: usize = 300;

/// Bytes of all addresses that stand below one text.
const ADDRESSES_BYTES: usize = 3_072;

/// Bytes of all previews in one body.
const PREVIEWS_BYTES: usize = 40 * 1_024;

/// Bytes of the names of what a post answers, and of what began the thread.
const ANSWER_OVERHEAD: usize = 300;

/// Bytes of a body that are neither text, title, link nor tags: salt, lengths and lists, generously.
const BODY_OVERHEAD: usize = 128;

/// What stands for the rest of a text that was cut.
const ELLIPSIS: char = '\u{2026}';

/// An item as its file has it.
#[derive(Debug, Default)]
pub(super) struct Raw {
    /// What its source calls it, unique in the world.
    pub(super) id: Option<String>,
    pub(super) text: String,
    pub(super) title: Option<String>,
    pub(super) link: Option<String>,
    pub(super) tags: Vec<String>,
    pub(super) warning: Option<String>,
    pub(super) language: Option<String>,
    pub(super) time: Option<Timestamp>,
    /// There is a date, and nobody can read it.
    pub(super) unread: bool,
    /// Files that go with it.
    pub(super) files: Vec<PathBuf>,
    /// What the files show, in words; the first is for the first of them, and so on.
    pub(super) alts: Vec<Option<String>>,
    /// Where else something can be had that goes with it.
    pub(super) addresses: Vec<String>,
    /// Who wrote it, where the file has posts of several people.
    pub(super) author: Option<Author>,
    /// The id of the item that it answers.
    pub(super) answers: Option<String>,
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
        let (warning, _) = shorten(single_line(&raw.warning.unwrap_or_default()), TITLE_BYTES);
        let warning = Some(warning).filter(|warning| !warning.is_empty());
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
        let mut free = ADDRESSES_BYTES;
        addresses.retain(|it| {
            let left = free.checked_sub(it.len());
            free = left.unwrap_or(free);
            left.is_some()
        });
        if text.is_empty() && title.is_none() && link.is_none() && raw.files.is_empty() {
            return None;
        }
        let files = files(raw.files, raw.alts);
        let around: usize = title
            .iter()
            .chain(&link)
            .chain(&warning)
            .chain(&tags)
            .chain(&addresses)
            .map(|part| part.len() + 4)
            .sum();
        let around = around + room(&files) + raw.answers.as_ref().map_or(0, |_| ANSWER_OVERHEAD);
        let most = (limits::BODY_BYTES as usize).saturating_sub(BODY_OVERHEAD + around);
        let (text, text_cut) = shorten(text, most.max(ELLIPSIS.len_utf8()));
        self.notes.shortened += u64::from(title_cut || text_cut);
        let text = with_addresses(text, &addresses);
        Some(Item {
            id: raw.id.filter(|id| !id.trim().is_empty()),
            text,
            title,
            link,
            tags,
            warning,
            language: raw.language.filter(|it| is_language(it)),
            time: raw.time,
            unread: raw.unread,
            placed: None,
            files,
            author: raw.author,
            answers: raw.answers,
            file: self.file,
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

/// The files with what they show, as many and as much as one post has room for.
fn files(paths: Vec<PathBuf>, alts: Vec<Option<String>>) -> Vec<ItemFile> {
    let mut left = ALTS_BYTES;
    let alts = alts.into_iter().chain(std::iter::repeat(None));
    let files = paths.into_iter().take(limits::ATTACHMENTS).zip(alts);
    let files = files.map(|(path, alt)| {
        let alt = readable(&alt.unwrap_or_default());
        let (alt, _) = shorten(alt, ALT_BYTES);
        let alt = Some(alt).filter(|alt| !alt.is_empty() && alt.len() <= left);
        left -= alt.as_ref().map_or(0, String::len);
        ItemFile { path, alt }
    });
    files.collect()
}

/// Bytes that files take in a body.
fn room(files: &[ItemFile]) -> usize {
    let previews = (files.len() * limits::PREVIEW_BYTES).min(PREVIEWS_BYTES);
    let alts: usize = files
        .iter()
        .filter_map(|it| Some(it.alt.as_ref()?.len()))
        .sum();
    previews + alts + files.len() * FILE_OVERHEAD
}

/// Whether something looks like a name of a language, such as `de` or `pt-BR`.
fn is_language(text: &str) -> bool {
    let is_part = |part: &str| {
        (1..=8).contains(&part.len()) && part.bytes().all(|it| it.is_ascii_alphanumeric())
    };
    text.len() <= 35 && text.split('-').all(is_part) && text != "und"
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
