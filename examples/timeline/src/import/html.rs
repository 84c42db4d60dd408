//! HTML turned into text that reads well on its own: paragraphs, lists, quotes, and links with their address.

mod dom;

use html2text::config;
use html2text::render::{RichAnnotation, TaggedLine};
use url::Url;

use super::repair::references;
use crate::guard::guarded;

/// Bytes of HTML that are read; the text of a post ends long before.
const HTML_BYTES: usize = 1024 * 1024;

/// Columns to lay text out in: none, in effect, since the reader's screen decides where lines break.
const WIDTH: usize = 100_000;

/// Elements inside one another before the layout is left alone: its time grows with their square.
const DEPTH: usize = 200;

/// Words in one tag, for the same reason: each attribute is compared with all others.
const TAG_WORDS: usize = 2_000;

/// Elements that often have no end tag, and so say nothing about depth.
const OFTEN_OPEN: [&str; 20] = [
    "area", "base", "br", "col", "dd", "dt", "embed", "hr", "img", "input", "li", "link", "meta",
    "option", "p", "source", "td", "th", "tr", "wbr",
];

/// The readable text of some HTML. Relative links are resolved against `base`.
pub(super) fn to_text(html: &str, base: Option<&Url>) -> String {
    if html.len() <= HTML_BYTES {
        return whole(html, base);
    }
    let html = without_data(html);
    let cut = html.floor_char_boundary(HTML_BYTES);
    let mut text = whole(html.get(..cut).unwrap_or_default(), base);
    if cut < html.len() {
        text.push('\u{2026}');
    }
    text
}

fn whole(html: &str, base: Option<&Url>) -> String {
    if has_markup(html) {
        return decode(html, base);
    }
    // Line breaks mean nothing in HTML, but much in text that was only escaped for it.
    let text = references(html);
    let words = |line: &str| {
        line.split(' ')
            .filter(|it| !it.is_empty())
            .collect::<Vec<_>>()
            .join(" ")
    };
    join(text.lines().map(|line| words(&line.replace('\t', " "))))
}

/// The HTML without what pictures are made of where that stands in it: a page may be nothing but that for megabytes.
fn without_data(html: &str) -> String {
    let mut left = String::new();
    let mut pieces = html.split("data:image/");
    left.push_str(pieces.next().unwrap_or_default());
    for piece in pieces {
        let data = |it: char| it.is_ascii_alphanumeric() || "+/=;,.-%:_".contains(it);
        left.push_str("data:");
        left.push_str(piece.trim_start_matches(data));
    }
    left
}

/// Whether there is anything like an element in the text.
pub(super) fn has_markup(text: &str) -> bool {
    tags(text).next().is_some()
}

/// Elements by which a text shows that it is HTML, unless it has an end tag.
const TELLING: [&str; 26] = [
    "a",
    "audio",
    "b",
    "blockquote",
    "br",
    "div",
    "em",
    "embed",
    "figure",
    "h1",
    "h2",
    "h3",
    "hr",
    "i",
    "iframe",
    "img",
    "li",
    "object",
    "ol",
    "p",
    "pre",
    "span",
    "strong",
    "table",
    "ul",
    "video",
];

/// Whether there is an element of HTML in the text, or the end of any.
pub(super) fn has_element(text: &str) -> bool {
    text.contains("</")
        || tags(text).any(|tag| {
            let name = tag.split(|c: char| c.is_whitespace() || c == '/').next();
            let name = name.unwrap_or_default().to_ascii_lowercase();
            TELLING.contains(&name.as_str())
        })
}

/// Whether a text that nobody called HTML is meant as that. An element alone may be what the text is about.
pub(super) fn is_meant(text: &str) -> bool {
    text.contains("</") || tags(text).any(|tag| tag.ends_with('/')) || has_entity(text)
}

/// Whether there is anything like `&amp;` in the text.
fn has_entity(text: &str) -> bool {
    text.split('&').skip(1).any(|rest| {
        let name = rest.split(';').next().unwrap_or_default();
        rest.len() > name.len()
            && !name.is_empty()
            && name.len() <= 10
            && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '#')
    })
}

fn decode(html: &str, base: Option<&Url>) -> String {
    let wild = |tag: &str| tag.split_whitespace().nth(TAG_WORDS).is_some();
    if depth(html) > DEPTH || tags(html).any(wild) {
        return without_tags(html);
    }
    let lines = guarded(|| {
        let config = config::rich().raw_mode(true).no_link_wrapping();
        let page = config.parse_html(html.as_bytes())?;
        dom::prepare(&page, base);
        config.render_to_lines(config.dom_to_render_tree(&page)?, WIDTH)
    });
    match lines {
        Some(Ok(lines)) => join(lines.iter().map(|line| line_text(line, base))),
        _ => without_tags(html),
    }
}

/// The lines as a text, with at most one empty line between paragraphs.
fn join(lines: impl Iterator<Item = String>) -> String {
    let mut text = String::new();
    for line in lines {
        let line = line.trim_end();
        if line.is_empty() && (text.is_empty() || text.ends_with("\n\n")) {
            continue;
        }
        text.push_str(line);
        text.push('\n');
    }
    text.trim_end().to_owned()
}

/// One line, with the address behind each link that does not already read like it.
fn line_text(line: &TaggedLine<Vec<RichAnnotation>>, base: Option<&Url>) -> String {
    let mut text = String::new();
    let mut open: Option<(usize, &str)> = None;
    for part in line.tagged_strings() {
        let link = part.tag.iter().find_map(|tag| match tag {
            RichAnnotation::Link(target) => Some(target.as_str()),
            _ => None,
        });
        if open.map(|(_, target)| target) != link {
            close_link(&mut text, open, base);
            open = link.map(|target| (text.len(), target));
        }
        let image = part
            .tag
            .iter()
            .any(|tag| matches!(tag, RichAnnotation::Image(_)));
        if image && !part.s.trim().is_empty() {
            text.push_str(&format!("[{}]", part.s.trim()));
        } else {
            text.push_str(&part.s);
        }
    }
    close_link(&mut text, open, base);
    text
}

fn close_link(text: &mut String, open: Option<(usize, &str)>, base: Option<&Url>) {
    let Some((start, target)) = open else { return };
    let Some(address) = absolute(target, base) else {
        return;
    };
    let shown = text.get(start..).unwrap_or_default().trim().to_owned();
    let bare = |text: &str| {
        text.trim_start_matches("https://")
            .trim_start_matches("http://")
            .trim_end_matches('/')
            .to_owned()
    };
    if bare(&shown) == bare(&address) || bare(&shown) == bare(target) {
        return;
    }
    if shown.is_empty() {
        text.push_str(&address);
        return;
    }
    // A space at the end of what is linked belongs behind it all.
    let end = text.trim_end().len();
    let space = if end < text.len() { " " } else { "" };
    text.truncate(end);
    text.push_str(&format!(" ({address}){space}"));
}

/// The address a reader can go to; `None` for jumps within the page, scripts and the like.
pub(super) fn absolute(target: &str, base: Option<&Url>) -> Option<String> {
    let target = target.trim();
    if target.is_empty() || target.starts_with('#') {
        return None;
    }
    let url = match (Url::parse(target), base) {
        (Ok(url), _) => url,
        (Err(_), Some(base)) => base.join(target).ok()?,
        (Err(_), None) => return None,
    };
    let followed = matches!(
        url.scheme(),
        "http" | "https" | "mailto" | "gemini" | "gopher" | "ftp" | "magnet" | "xmpp"
    );
    // As it was written where that is enough: `Url` would add a slash or change the case.
    followed.then(|| {
        if Url::parse(target).is_ok() {
            target.to_owned()
        } else {
            url.into()
        }
    })
}

/// The markup's tags, each without its brackets.
fn tags(html: &str) -> impl Iterator<Item = &str> {
    html.split('<').skip(1).filter_map(|rest| {
        let begins = rest.trim_start_matches(['/', '!']);
        begins
            .starts_with(|c: char| c.is_ascii_alphabetic() || c == '-')
            .then(|| rest.split('>').next().unwrap_or_default())
    })
}

/// How many elements are open at once, at most.
fn depth(html: &str) -> usize {
    let mut open = 0_usize;
    let mut deepest = 0;
    for tag in tags(html) {
        let name = tag
            .split(|c: char| c.is_whitespace() || c == '/')
            .find(|part| !part.is_empty())
            .unwrap_or_default();
        if OFTEN_OPEN.contains(&name.to_ascii_lowercase().as_str())
            || tag.starts_with('!')
            || tag.ends_with('/')
        {
            continue;
        }
        open = if tag.starts_with('/') {
            open.saturating_sub(1)
        } else {
            open + 1
        };
        deepest = deepest.max(open);
    }
    deepest
}

/// The text between the tags: what is left to do with HTML that nobody can lay out.
fn without_tags(html: &str) -> String {
    let mut text = String::new();
    for (at, piece) in html.split('<').enumerate() {
        let between = if at == 0 {
            piece
        } else {
            piece.split_once('>').map_or("", |(_, text)| text)
        };
        if !between.trim().is_empty() {
            text.push_str(between.trim());
            text.push('\n');
        }
    }
    let entities = [
        ("&lt;", "<"),
        ("&gt;", ">"),
        ("&quot;", "\""),
        ("&#39;", "'"),
        ("&nbsp;", " "),
        ("&amp;", "&"),
    ];
    for (entity, character) in entities {
        text = text.replace(entity, character);
    }
    text.trim_end().to_owned()
}
