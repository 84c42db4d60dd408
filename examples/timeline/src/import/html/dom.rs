//! Changes a parsed page so that its layout as text loses nothing: embeds become their address, emoji in pictures
//! become characters, rows of a table become lines.

use std::collections::HashSet;

use html2text::{Element, Handle, RcDom};
use markup5ever::interface::{ElementFlags, NodeOrText, TreeSink as _};
use markup5ever::{LocalName, QualName, local_name, ns};
use url::Url;

use super::absolute;

/// Elements that stand on lines of their own, which the layout does not know as such.
const BLOCKS: [&str; 24] = [
    "address",
    "article",
    "aside",
    "caption",
    "center",
    "details",
    "dir",
    "fieldset",
    "figcaption",
    "figure",
    "footer",
    "form",
    "header",
    "hgroup",
    "legend",
    "main",
    "menu",
    "nav",
    "noscript",
    "optgroup",
    "option",
    "section",
    "select",
    "summary",
];

/// Elements by which a table shows that it is there for the layout: its cells are more than a line.
const MORE_THAN_A_LINE: [&str; 20] = [
    "p",
    "div",
    "ul",
    "ol",
    "dl",
    "table",
    "blockquote",
    "pre",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "br",
    "hr",
    "figure",
    "iframe",
    "video",
    "audio",
];

/// Bytes of what stands in a superscript that is looked at as one.
const SUPERSCRIPT_BYTES: usize = 200;

/// Changes all of a page. Addresses in it are relative to `base`.
pub(super) fn prepare(dom: &RcDom, base: Option<&Url>) {
    let mut page = Page {
        dom,
        base,
        shown: HashSet::new(),
    };
    // Each element that is still to be looked into, with the address of the link that it is in.
    let mut open: Vec<(Handle, Option<String>)> = vec![(dom.document.clone(), None)];
    while let Some((node, link)) = open.pop() {
        let link = attribute(&node, "href").filter(|_| is(&node, "a")).or(link);
        let old = std::mem::take(&mut *node.children.borrow_mut());
        let mut new: Vec<Handle> = Vec::with_capacity(old.len());
        for child in old {
            // A rule between two blocks changes nothing: they stand apart already.
            let apart = new.last().is_none_or(is_block);
            if !(apart && is(&child, "hr")) {
                new.push(page.changed(child, link.as_deref()));
            }
        }
        // What comes first in the page is looked at first.
        open.extend(new.iter().rev().map(|it| (it.clone(), link.clone())));
        *node.children.borrow_mut() = new;
    }
}

struct Page<'a> {
    dom: &'a RcDom,
    base: Option<&'a Url>,
    /// Addresses of pictures so far: what loads late has them twice.
    shown: HashSet<String>,
}

impl Page<'_> {
    /// What stands in the place of a node.
    fn changed(&mut self, node: Handle, link: Option<&str>) -> Handle {
        let Some(name) = name(&node) else { return node };
        match &*name {
            "img" => self.picture(node, link),
            "iframe" | "embed" | "audio" | "video" | "object" => self.embed(node),
            "sup" => self.superscript(node),
            "q" => self.quoted(&node),
            "table" => self.table(&node),
            "hr" => self.element(local_name!("br")),
            name if BLOCKS.contains(&name) => self.moved(&node, local_name!("div")),
            _ => node,
        }
    }

    fn picture(&mut self, node: Handle, link: Option<&str>) -> Handle {
        let alt = attribute(&node, "alt").unwrap_or_default();
        let alt = alt.trim();
        let source = attribute(&node, "src").unwrap_or_default();
        if is_emoji(&node, &source, alt) {
            let character = || from_code_points(&source).unwrap_or_default();
            let text = if alt.is_empty() {
                character()
            } else {
                alt.to_owned()
            };
            return self.text(&text);
        }
        if !alt.is_empty() {
            return node;
        }
        if let Some(title) = attribute(&node, "title").filter(|it| !it.trim().is_empty()) {
            return self.text(&format!("[{}]", title.trim()));
        }
        let counts = |name| {
            attribute(&node, name).is_some_and(|it| matches!(it.trim(), "0" | "1" | "0px" | "1px"))
        };
        if counts("width") || counts("height") {
            return node;
        }
        let first = |list: String| list.split_whitespace().next().map(str::to_owned);
        let late = ["data-src", "data-lazy-src", "data-original"]
            .into_iter()
            .find_map(|name| attribute(&node, name));
        let many = || {
            ["srcset", "data-srcset"]
                .into_iter()
                .find_map(|name| attribute(&node, name).and_then(first))
        };
        let candidates = [Some(source), late, many()];
        let mut addresses = candidates
            .into_iter()
            .flatten()
            .filter_map(|it| absolute(&it, self.base));
        let link = link.and_then(|link| absolute(link, self.base));
        let behind = if link.is_some() { "" } else { " " };
        let address = match (addresses.next(), link) {
            // A picture in a link to itself, only larger, is had by the link; so is what has no address of its own.
            (_, Some(link)) if is_picture(&link) => link,
            (None, Some(link)) => link,
            (Some(address), _) => address,
            (None, None) => return node,
        };
        if !self.shown.insert(address.clone()) {
            return self.text("");
        }
        self.text(&format!(" {address}{behind}"))
    }

    /// The address of what a browser would play or show in the place of an element, else what it has for old browsers.
    fn embed(&mut self, node: Handle) -> Handle {
        let own = ["src", "data", "data-src"]
            .into_iter()
            .find_map(|name| self.address(&node, name));
        let inner = || {
            let children = node.children.borrow();
            children.iter().find_map(|child| match &*name(child)? {
                "source" | "embed" => self.address(child, "src"),
                "param"
                    if attribute(child, "name").is_some_and(|it| it == "movie" || it == "src") =>
                {
                    self.address(child, "value")
                }
                _ => None,
            })
        };
        let Some(address) = own.or_else(inner) else {
            return self.moved(&node, local_name!("div"));
        };
        let block = self.element(local_name!("div"));
        if self.shown.insert(address.clone()) {
            self.append(&block, &address);
        }
        block
    }

    fn address(&self, node: &Handle, name: &str) -> Option<String> {
        let given = attribute(node, name)?;
        let given = given.trim();
        // Frames are often written without a scheme.
        let given = given
            .strip_prefix("//")
            .map_or_else(|| given.to_owned(), |it| format!("https://{it}"));
        absolute(&given, self.base)
    }

    /// Small raised letters, as plain text can have them.
    fn superscript(&self, node: Handle) -> Handle {
        let text = inner_text(&node);
        let text = text.trim();
        let is_note = text.bytes().all(|it| it.is_ascii_digit()) && has_inside(&node, &["a"]);
        if text.len() > SUPERSCRIPT_BYTES
            || text.starts_with(['[', '(', '^'])
            || text.chars().all(char::is_alphabetic) && text != "n"
        {
            return self.moved(&node, local_name!("span"));
        }
        if is_note {
            return self.text(&format!("[{text}]"));
        }
        let raised: Option<String> = text.chars().map(raised).collect();
        match raised {
            Some(raised) => self.text(&raised),
            None if text.chars().any(char::is_alphanumeric) => self.text(&format!("^({text})")),
            None => self.moved(&node, local_name!("span")),
        }
    }

    fn quoted(&self, node: &Handle) -> Handle {
        let outer = self.text("\u{201c}");
        let inner = self.moved(node, local_name!("span"));
        outer.children.borrow_mut().push(inner);
        outer.children.borrow_mut().push(self.text("\u{201d}"));
        outer
    }

    /// A line for each row, its cells with a bar between them; or one cell below the other, if there is more in them.
    fn table(&self, node: &Handle) -> Handle {
        let table = self.element(local_name!("div"));
        let rows = rows(node);
        // One row is no table, but things beside one another.
        let is_row = |it: &&Handle| is(it, "tr");
        let by_line =
            rows.iter().filter(is_row).count() > 1 && !has_inside(node, &MORE_THAN_A_LINE);
        for row in rows {
            if !is(&row, "tr") {
                table
                    .children
                    .borrow_mut()
                    .push(self.moved(&row, local_name!("div")));
                continue;
            }
            let line = self.element(local_name!("div"));
            let cells = std::mem::take(&mut *row.children.borrow_mut());
            let cells = cells.into_iter().filter(|it| is(it, "td") || is(it, "th"));
            for (nth, cell) in cells.enumerate() {
                if by_line && nth > 0 {
                    self.append(&line, " | ");
                }
                let name = if by_line {
                    local_name!("span")
                } else {
                    local_name!("div")
                };
                line.children.borrow_mut().push(self.moved(&cell, name));
            }
            table.children.borrow_mut().push(line);
        }
        table
    }

    fn element(&self, name: LocalName) -> Handle {
        let name = QualName::new(None, ns!(html), name);
        self.dom
            .create_element(name, Vec::new(), ElementFlags::default())
    }

    fn append(&self, to: &Handle, text: &str) {
        self.dom.append(to, NodeOrText::AppendText(text.into()));
    }

    fn text(&self, text: &str) -> Handle {
        let span = self.element(local_name!("span"));
        self.append(&span, text);
        span
    }

    /// Another element with the same in it.
    fn moved(&self, node: &Handle, name: LocalName) -> Handle {
        let new = self.element(name);
        *new.children.borrow_mut() = std::mem::take(&mut *node.children.borrow_mut());
        new
    }
}

/// The rows of a table, and its caption.
fn rows(table: &Handle) -> Vec<Handle> {
    let mut rows = Vec::new();
    for child in table.children.borrow().iter() {
        match name(child).as_deref() {
            Some("tr" | "caption") => rows.push(child.clone()),
            Some("thead" | "tbody" | "tfoot") => {
                let inside = child.children.borrow();
                rows.extend(inside.iter().filter(|it| is(it, "tr")).cloned());
            }
            _ => {}
        }
    }
    rows
}

fn name(node: &Handle) -> Option<LocalName> {
    match &node.data {
        Element { name, .. } => Some(name.local.clone()),
        _ => None,
    }
}

fn is(node: &Handle, wanted: &str) -> bool {
    name(node).is_some_and(|it| &*it == wanted)
}

/// Whether a node stands on lines of its own.
fn is_block(node: &Handle) -> bool {
    name(node).is_some_and(|it| MORE_THAN_A_LINE.contains(&&*it) || BLOCKS.contains(&&*it))
}

fn attribute(node: &Handle, wanted: &str) -> Option<String> {
    match &node.data {
        Element { attrs, .. } => {
            let attributes = attrs.borrow();
            let found = attributes.iter().find(|it| &*it.name.local == wanted)?;
            Some(found.value.to_string())
        }
        _ => None,
    }
}

/// Whether there is any of these elements in it, at whatever depth.
fn has_inside(node: &Handle, wanted: &[&str]) -> bool {
    let mut open: Vec<Handle> = node.children.borrow().clone();
    while let Some(node) = open.pop() {
        if name(&node).is_some_and(|it| wanted.contains(&&*it)) {
            return true;
        }
        open.extend(node.children.borrow().iter().cloned());
    }
    false
}

/// The text in a node. Its kind of data has no public name, but it can be written as HTML.
fn inner_text(node: &Handle) -> String {
    let mut html = Vec::new();
    if node.serialize(&mut html).is_err() {
        return String::new();
    }
    let html = String::from_utf8(html).unwrap_or_default();
    let text: String = html
        .split('<')
        .filter_map(|it| it.split_once('>'))
        .map(|(_, text)| text)
        .collect();
    text.replace("&nbsp;", " ")
        .replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&amp;", "&")
}

fn is_picture(address: &str) -> bool {
    let path = address
        .split(['?', '#'])
        .next()
        .unwrap_or_default()
        .to_ascii_lowercase();
    [".jpg", ".jpeg", ".png", ".gif", ".webp", ".avif"]
        .iter()
        .any(|it| path.ends_with(it))
}

/// Whether a picture stands for a character, as blogs have them instead of emoji.
fn is_emoji(node: &Handle, source: &str, alt: &str) -> bool {
    let class = attribute(node, "class")
        .unwrap_or_default()
        .to_ascii_lowercase();
    let said = class
        .split_whitespace()
        .any(|it| it.contains("emoji") || it.contains("smiley"));
    let known = source.contains("/emoji/") || source.contains("twemoji");
    let is_symbol = |it: char| it >= '\u{2000}' && !it.is_alphanumeric();
    let alone = !alt.is_empty() && alt.chars().count() <= 10 && alt.chars().all(is_symbol);
    (said || known || alone) && (!alt.is_empty() || from_code_points(source).is_some())
}

/// The character that a picture is named after, as in `1f468-200d-1f33e.png`.
fn from_code_points(address: &str) -> Option<String> {
    let file = address.rsplit('/').next()?.split('.').next()?;
    let code = |it: &str| {
        u32::from_str_radix(it, 16)
            .ok()
            .filter(|it| *it >= 0x200d)
            .and_then(char::from_u32)
    };
    file.split('-').map(code).collect()
}

/// A character raised above the line.
fn raised(character: char) -> Option<char> {
    Some(match character {
        '0' => '\u{2070}',
        '1' => '\u{b9}',
        '2' => '\u{b2}',
        '3' => '\u{b3}',
        '4'..='9' => char::from_u32(0x2070 + u32::from(character) - u32::from('0'))?,
        '+' => '\u{207a}',
        '-' | '\u{2212}' | '\u{2013}' => '\u{207b}',
        '=' => '\u{207c}',
        'n' => '\u{207f}',
        _ => return None,
    })
}
