//! Writes an item as a feed of its own, in the form that feed-rs reads: RSS 2.0 or Atom 1.0, with dates in RFC 3339.

use std::borrow::Cow;

use quick_xml::escape::escape;
use url::Url;

use super::date;
use super::item::{Field, Head, Item, Part, Tag};
use super::markup::content;
use super::space::{ATOM, CONTENT, DC, ITUNES, MEDIA, OWN, TERMS, WRITTEN, XHTML};
use crate::import::html;

/// What feed-rs would not tell of an item.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(in crate::import) struct Facts {
    /// The id as it is given; feed-rs makes one up where there is none.
    pub(in crate::import) id: Option<String>,
    /// Whether the id is said not to be an address, though it may look like one.
    pub(in crate::import) id_is_no_link: bool,
    /// What addresses in its text are relative to, if that is said.
    pub(in crate::import) base: Option<Url>,
    /// There is a date, and nobody can read it.
    pub(in crate::import) date_unread: bool,
}

/// Dates, each with what it is called, best first: when it was published, and when it was last changed.
const PUBLISHED: [(&str, &str); 11] = [
    (OWN, "pubDate"),
    (OWN, "published"),
    (OWN, "issued"),
    (ATOM, "published"),
    (DC, "date"),
    (OWN, "date"),
    (TERMS, "issued"),
    (TERMS, "date"),
    (OWN, "created"),
    (TERMS, "created"),
    (ATOM, "issued"),
];
const CHANGED: [(&str, &str); 6] = [
    (OWN, "updated"),
    (OWN, "modified"),
    (ATOM, "updated"),
    (TERMS, "modified"),
    (ATOM, "modified"),
    (OWN, "lastBuildDate"),
];

/// The feed without its items.
pub(in crate::import) fn head(head: &Head) -> String {
    let mut out = Out::default();
    for field in &head.fields {
        if field.tag.is(OWN, "link") || field.tag.is(ATOM, "link") {
            out.link(field, head.atom);
        } else if field.tag.is(OWN, "id") {
            out.element("id", &field.text());
        }
    }
    out.whole(head.atom, None, false)
}

/// One item, and what else there is to know of it.
pub(in crate::import) fn item(head: &Head, item: &Item) -> (String, Facts) {
    let mut out = Out::default();
    let mut facts = Facts::default();
    out.texts(head, item, &mut facts);
    out.links(head, item, &mut facts);
    out.tags(head, item);
    let (published, unread) = first_date(item, &PUBLISHED);
    let (changed, unread_too) = first_date(item, &CHANGED);
    facts.date_unread = published.is_none() && changed.is_none() && (unread || unread_too);
    if let Some(time) = published {
        out.element(
            if head.atom { "published" } else { "pubDate" },
            &time.to_string(),
        );
    }
    if let Some(time) = changed {
        out.element("updated", &time.to_string());
    }
    for field in &item.fields {
        if [MEDIA, ITUNES].contains(&&*field.tag.space) {
            out.copy(field);
        }
    }
    let base = item.base.as_ref();
    (out.whole(head.atom, base, true), facts)
}

/// Takes from an item what is said of recordings and pictures, beside its texts and links.
pub(in crate::import) fn without_recordings(item: &mut Item) {
    let extra = [MEDIA, ITUNES];
    item.fields
        .retain(|field| !extra.contains(&&*field.tag.space));
}

/// The first date that can be read, and whether there are some that cannot.
fn first_date(item: &Item, names: &[(&str, &str)]) -> (Option<jiff::Timestamp>, bool) {
    let mut unread = false;
    for (space, name) in names {
        for field in item.all(space, name) {
            let text = field.text();
            let time = date::read(&text);
            if time.is_some() {
                return (time, unread);
            }
            unread |= !text.is_empty();
        }
    }
    (None, unread)
}

/// What is written so far.
#[derive(Debug, Default)]
struct Out(String);

impl Out {
    /// Texts, each once: of several with the same name, the first that has something in it.
    fn texts(&mut self, head: &Head, item: &Item, facts: &mut Facts) {
        let forms: &[(&str, &[(&str, &str)])] = if head.atom {
            &[
                ("title", &[(OWN, "title"), (DC, "title"), (MEDIA, "title")]),
                ("content", &[(OWN, "content"), (CONTENT, "encoded")]),
                (
                    "summary",
                    &[(OWN, "summary"), (OWN, "description"), (DC, "description")],
                ),
            ]
        } else {
            &[
                (
                    "title",
                    &[
                        (OWN, "title"),
                        (ATOM, "title"),
                        (DC, "title"),
                        (MEDIA, "title"),
                    ],
                ),
                (
                    "content:encoded",
                    &[
                        (CONTENT, "encoded"),
                        (OWN, "encoded"),
                        (XHTML, "body"),
                        (XHTML, "div"),
                        (ATOM, "content"),
                        (OWN, "body"),
                        (OWN, "content"),
                        (OWN, "fullitem"),
                    ],
                ),
                (
                    "description",
                    &[
                        (OWN, "description"),
                        (DC, "description"),
                        (ATOM, "summary"),
                        (OWN, "abstract"),
                        (OWN, "summary"),
                    ],
                ),
            ]
        };
        let mut told = false;
        for (name, sources) in forms {
            let all = sources
                .iter()
                .flat_map(|(space, name)| item.all(space, name));
            for field in all {
                let (kind, text) = if head.atom {
                    typed(field)
                } else {
                    ("html", content(field, false))
                };
                if text.trim().is_empty() {
                    continue;
                }
                if *name != "title" {
                    told = true;
                    if facts.base.is_none() {
                        facts.base = field.base.clone();
                    }
                }
                if head.atom {
                    self.0.push_str(&format!(
                        "<{name} type=\"{kind}\">{}</{name}>",
                        escape(text.as_str())
                    ));
                } else {
                    self.element(name, &text);
                }
                break;
            }
        }
        // Of a group without a recording in it, feed-rs tells nothing.
        let mut groups = item.all(MEDIA, "group").filter(|_| !told);
        if let Some(text) = groups.find_map(|it| it.inner(MEDIA, "description")) {
            self.element(if head.atom { "summary" } else { "description" }, &text);
        }
    }

    fn links(&mut self, head: &Head, item: &Item, facts: &mut Facts) {
        let mut pages = 0;
        for field in item.all(OWN, "link").chain(item.all(ATOM, "link")) {
            // Beside a link of its own, RSS has those of Atom for other things.
            if head.atom || pages == 0 {
                pages += usize::from(self.link(field, head.atom));
            }
        }
        // The Channel Definition Format has it on the item itself.
        let own = item.tag.attribute("href").filter(|it| !it.is_empty());
        if let Some(address) = own.filter(|_| !head.atom && pages == 0) {
            let resolved = item.base.as_ref().and_then(|base| base.join(address).ok());
            self.element("link", resolved.as_ref().map_or(address, Url::as_str));
        }
        let given = if head.atom {
            item.text(OWN, "id")
        } else {
            item.text(OWN, "guid")
        };
        let given = given.or_else(|| item.tag.attribute("rdf:about").map(str::to_owned));
        let given = given
            .or_else(|| item.text(ATOM, "id"))
            .filter(|it| !it.is_empty());
        let guid = item
            .all(OWN, "guid")
            .find_map(|it| it.tag.attribute("isPermaLink"));
        facts.id_is_no_link = guid.is_some_and(|it| it.eq_ignore_ascii_case("false"));
        if let Some(id) = &given {
            self.element(if head.atom { "id" } else { "guid" }, id);
        }
        facts.id = given;
        for field in item.all(OWN, "enclosure") {
            self.open("enclosure", &field.tag);
            self.0.push_str("</enclosure>");
        }
        let content = item
            .all(OWN, "content")
            .find_map(|it| it.tag.attribute("src"));
        if let Some(address) = content.filter(|_| head.atom && pages == 0) {
            self.0
                .push_str(&format!("<link href=\"{}\"/>", escape(address)));
        }
    }

    fn tags(&mut self, head: &Head, item: &Item) {
        let subjects = item.all(DC, "subject").chain(item.all(OWN, "subject"));
        for field in item
            .all(OWN, "category")
            .chain(item.all(ATOM, "category"))
            .chain(subjects)
        {
            let given = field
                .tag
                .attribute("label")
                .or_else(|| field.tag.attribute("term"));
            let text = field.text();
            let name = if text.is_empty() {
                given.unwrap_or_default()
            } else {
                &text
            };
            if name.is_empty() {
                continue;
            }
            let given = given.filter(|it| head.atom && !it.is_empty());
            self.tag(head, given.unwrap_or(name));
        }
        self.keywords(head, item);
    }

    /// Podcasts and newspapers have their tags in one field, with commas between them; Flickr has spaces there.
    fn keywords(&mut self, head: &Head, item: &Item) {
        for (space, name) in [
            (ITUNES, "keywords"),
            (MEDIA, "keywords"),
            (MEDIA, "category"),
        ] {
            for field in item.all(space, name) {
                let label = field.tag.attribute("label").filter(|it| !it.is_empty());
                let text = label.map_or_else(|| field.text(), str::to_owned);
                let scheme = field.tag.attribute("scheme").unwrap_or_default();
                let (is_flickr, is_list) = (scheme.contains("flickr"), name == "keywords");
                let ends = |it: char| (is_list && it == ',') || (is_flickr && it.is_whitespace());
                let names = text.split(ends).map(str::trim);
                for name in names.filter(|it| !it.is_empty()) {
                    self.tag(head, name);
                }
            }
        }
    }

    fn tag(&mut self, head: &Head, name: &str) {
        if head.atom {
            self.0
                .push_str(&format!("<category term=\"{}\"/>", escape(name)));
        } else {
            self.element("category", name);
        }
    }

    /// Writes a link; true if it leads to a page that people read.
    fn link(&mut self, field: &Field, atom: bool) -> bool {
        let rel = field.tag.attribute("rel").filter(|it| !it.is_empty());
        let is_page = rel.is_none_or(|rel| rel.eq_ignore_ascii_case("alternate"));
        let text = field.text();
        let target = match field.tag.attribute("href") {
            Some(target) if !target.is_empty() => target,
            _ => &text,
        };
        if target.is_empty() || (!atom && !is_page && field.tag.is(OWN, "link")) {
            return false;
        }
        // Of the field itself; that of the item is said on it.
        let resolved = field.base.as_ref().and_then(|base| base.join(target).ok());
        let target = resolved.as_ref().map_or(target, Url::as_str);
        if atom || (field.tag.is(ATOM, "link") && !is_page) {
            let name = if atom { "link" } else { "atom:link" };
            self.0
                .push_str(&format!("<{name} href=\"{}\"", escape(target)));
            for name in ["rel", "type", "title", "length"] {
                if let Some(value) = field.tag.attribute(name).filter(|it| !it.is_empty()) {
                    self.0.push_str(&format!(" {name}=\"{}\"", escape(value)));
                }
            }
            self.0.push_str("/>");
        } else {
            self.element("link", target);
        }
        is_page
    }

    /// Copies a field that feed-rs reads as it is, elements in it included.
    fn copy(&mut self, field: &Field) {
        let names = |tag: &Tag| {
            let known = WRITTEN.iter().any(|(name, _)| *name == &*tag.space);
            known.then(|| format!("{}:{}", tag.space, tag.name))
        };
        let Some(name) = names(&field.tag) else {
            return;
        };
        self.open(&name, &with_known_type(&field.tag));
        let mut open: Vec<(&str, String)> = Vec::new();
        for part in &field.parts {
            match part {
                Part::Text(text) | Part::Data(text) => self.0.push_str(&escape(text.as_str())),
                Part::Open(tag) => {
                    if let Some(name) = names(tag) {
                        self.open(&name, &with_known_type(tag));
                        open.push((&tag.name, name));
                    }
                }
                Part::Close(name) => {
                    if open.last().is_some_and(|(it, _)| it == name)
                        && let Some((_, written)) = open.pop()
                    {
                        self.0.push_str(&format!("</{written}>"));
                    }
                }
            }
        }
        for (_, written) in open.iter().rev() {
            self.0.push_str(&format!("</{written}>"));
        }
        self.0.push_str(&format!("</{name}>"));
    }

    fn open(&mut self, name: &str, tag: &Tag) {
        self.0.push_str(&format!("<{name}"));
        for (name, value) in &tag.attributes {
            if name.contains(':') || name == "xmlns" || !is_name(name) {
                continue;
            }
            self.0
                .push_str(&format!(" {name}=\"{}\"", escape(value.trim())));
        }
        self.0.push('>');
    }

    fn element(&mut self, name: &str, text: &str) {
        self.0
            .push_str(&format!("<{name}>{}</{name}>", escape(text)));
    }

    /// The whole feed around what is written, as an item or as what is said of the feed.
    fn whole(self, atom: bool, base: Option<&Url>, item: bool) -> String {
        let (open, close) = if atom {
            ("<feed", "</feed>")
        } else {
            ("<rss version=\"2.0\"", "</channel></rss>")
        };
        let mut text = String::with_capacity(self.0.len() + 512);
        text.push_str(open);
        if atom {
            text.push_str(" xmlns=\"http://www.w3.org/2005/Atom\"");
        }
        for (name, address) in WRITTEN {
            text.push_str(&format!(" xmlns:{name}=\"{address}\""));
        }
        if let Some(base) = base {
            text.push_str(&format!(" xml:base=\"{}\"", escape(base.as_str())));
        }
        text.push('>');
        if !atom {
            text.push_str("<channel>");
        }
        let name = if atom { "entry" } else { "item" };
        if item {
            text.push_str(&format!("<{name}>{}</{name}>", self.0));
        } else {
            text.push_str(&self.0);
        }
        text.push_str(close);
        text
    }
}

/// A text of Media RSS is `plain` or `html`; an item with another word there is refused whole by feed-rs.
fn with_known_type(tag: &Tag) -> Cow<'_, Tag> {
    let is_text = ["title", "description", "text"].iter();
    let is_text = is_text.into_iter().any(|name| tag.is(MEDIA, name));
    let Some(kind) = tag.attribute("type").filter(|_| is_text) else {
        return Cow::Borrowed(tag);
    };
    let known = if kind.to_ascii_lowercase().contains("htm") {
        "html"
    } else {
        "plain"
    };
    let mut tag = tag.clone();
    for (name, value) in &mut tag.attributes {
        if name.eq_ignore_ascii_case("type") {
            known.clone_into(value);
        }
    }
    Cow::Owned(tag)
}

/// What an attribute may be called.
fn is_name(name: &str) -> bool {
    name.starts_with(|it: char| it.is_ascii_alphabetic())
        && name
            .chars()
            .all(|it| it.is_ascii_alphanumeric() || matches!(it, '-' | '_'))
}

/// A text of Atom, of any version, as what it is: `text` or `html`. Empty for what is no text, such as a picture.
fn typed(field: &Field) -> (&'static str, String) {
    let kind = field
        .tag
        .attribute("type")
        .unwrap_or_default()
        .to_ascii_lowercase();
    let mode = field.tag.attribute("mode").unwrap_or_default();
    if mode.eq_ignore_ascii_case("base64") {
        return decoded(field, &kind);
    }
    // Atom 0.3 has the same text in several forms, the plainest first.
    if kind.starts_with("multipart/")
        && let Some(first) = field.inner(OWN, "content")
    {
        return ("text", first);
    }
    // Atom has what is neither text nor XML in base 64; what is none, people wrote as it is.
    if kind.starts_with("application/")
        && !kind.contains("xml")
        && let (form, text) = decoded(field, &kind)
        && !text.is_empty()
    {
        return (form, text);
    }
    let literal = kind.contains("xhtml") || mode.eq_ignore_ascii_case("xml");
    if field.has_markup() {
        return ("html", content(field, literal));
    }
    let text = content(field, literal);
    if kind.contains("xhtml") {
        // A text without elements, all of it text.
        return ("text", text);
    }
    if kind.contains("htm")
        || (mode.eq_ignore_ascii_case("escaped") && html::has_element(&text) && kind.is_empty())
    {
        return ("html", text);
    }
    let other = [
        "image/",
        "audio/",
        "video/",
        "application/octet-stream",
        "application/pdf",
        "application/zip",
    ];
    if other.iter().any(|it| kind.starts_with(it)) {
        return ("text", String::new());
    }
    ("text", text)
}

/// A text that Atom 0.3 has in base 64, if it is one.
fn decoded(field: &Field, kind: &str) -> (&'static str, String) {
    let mut text = field.text();
    text.retain(|it| !it.is_ascii_whitespace());
    let bytes = data_encoding::BASE64.decode(text.as_bytes());
    let text = bytes.ok().and_then(|bytes| String::from_utf8(bytes).ok());
    let text = text.unwrap_or_default();
    let unsaid = kind.ends_with("octet-stream") && html::has_element(&text);
    let form = if kind.contains("htm") || unsaid {
        "html"
    } else {
        "text"
    };
    (form, text)
}
