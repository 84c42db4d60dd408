//! Reads XML that people call a feed, item by item.
//!
//! Nothing in it has to be right but the elements around the items. An item's field ends where its own name ends, so
//! that markup in it may be open, closed twice or in the wrong order.

use std::rc::Rc;

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};
use url::Url;

use super::entities::{Entities, push_text};
use super::item::{Field, Head, Item, Part, Tag};
use super::space::{self, ATOM, OWN};

/// Bytes and pieces of an item, beyond which it counts as one that cannot be read. A post holds 64 KiB.
const ITEM_BYTES: usize = 16 << 20;
const ITEM_PARTS: usize = 200_000;

/// Bytes and pieces of what is said of a feed as a whole; the rest is left out.
const HEAD_BYTES: usize = 1 << 20;
const HEAD_FIELDS: usize = 10_000;

/// Prefixes that may hold at once: every name is looked up among them.
const SPACES: usize = 256;

/// Elements whose children are fields or items.
const AROUND: [&str; 6] = ["rss", "rdf", "feed", "channel", "items", "entries"];

/// What [`Scan::next`] comes to.
#[derive(Debug)]
pub(super) enum Found {
    Item(Item),
    /// Something said of the feed as a whole.
    Field(Field),
    /// An item that cannot be read, and why.
    Broken(String),
}

/// A position in a feed.
#[derive(Debug)]
pub(super) struct Scan<'a> {
    reader: Reader<&'a [u8]>,
    entities: Entities,
    root: Option<Root>,
    /// There are elements before the root.
    late: bool,
    /// Prefixes and vocabularies that hold here.
    spaces: Vec<(String, Rc<str>)>,
    /// Of each element around: how many vocabularies hold outside it, and what addresses in it are relative to.
    around: Vec<(usize, Option<Url>)>,
    /// An item that began where another had not ended, and whether it ends at once.
    pending: Option<(Tag, bool)>,
    /// Bytes and pieces of the present item.
    size: (usize, usize),
    ended: bool,
}

/// The outermost element.
#[derive(Debug, Clone)]
struct Root {
    atom: bool,
    /// The vocabulary that its own name is of, which is that of its format whatever it is called.
    space: Rc<str>,
}

/// How a field ended.
enum End {
    /// As it should.
    Own,
    /// With the item around it.
    Item,
    /// With the file.
    File,
}

impl<'a> Scan<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        let mut reader = Reader::from_str(text);
        let config = reader.config_mut();
        config.allow_dangling_amp = true;
        config.allow_unmatched_ends = true;
        config.check_end_names = false;
        Self {
            reader,
            entities: Entities::default(),
            root: None,
            late: false,
            spaces: Vec::new(),
            around: Vec::new(),
            pending: None,
            size: (0, 0),
            ended: false,
        }
    }

    /// Whether it is Atom; `None` if it is no feed, or nothing has been read of it yet.
    pub(super) fn atom(&self) -> Option<bool> {
        self.root.as_ref().map(|root| root.atom)
    }

    /// Everything that is said beside the items.
    pub(super) fn head(text: &'a str) -> Option<Head> {
        let mut scan = Self::new(text);
        let (mut fields, mut bytes) = (Vec::new(), 0);
        while let Some(found) = scan.next() {
            let Found::Field(field) = found else { continue };
            bytes += scan.size.0;
            if bytes <= HEAD_BYTES && fields.len() < HEAD_FIELDS {
                fields.push(field);
            }
        }
        let atom = scan.atom()?;
        Some(Head { atom, fields })
    }

    /// The next item, or the next field of the feed itself.
    pub(super) fn next(&mut self) -> Option<Found> {
        while !self.ended {
            if let Some((tag, empty)) = self.pending.take() {
                self.size = (0, 0);
                let base = self.base(&tag);
                return self.item(tag, base, empty);
            }
            let event = match self.reader.read_event() {
                Ok(event) => event,
                Err(error) => return self.stop(error.to_string()),
            };
            match event {
                Event::DocType(doctype) => self.entities.declare(&doctype),
                Event::Start(start) => {
                    if let Some(found) = self.start(&start, false) {
                        return Some(found);
                    }
                }
                Event::Empty(start) => {
                    if let Some(found) = self.start(&start, true) {
                        return Some(found);
                    }
                }
                Event::End(end) if is_around(local(end.name().as_ref())) => self.leave(),
                Event::Eof => self.ended = true,
                _ => {}
            }
        }
        None
    }

    fn leave(&mut self) {
        if let Some((spaces, _)) = self.around.pop() {
            self.spaces.truncate(spaces);
        }
    }

    /// Ends the reading. Behind the last element, nothing that is wrong costs an item.
    fn stop(&mut self, why: String) -> Option<Found> {
        self.ended = true;
        (!self.around.is_empty()).then_some(Found::Broken(why))
    }

    /// Goes into what is around items; reads what is a field or an item.
    fn start(&mut self, start: &BytesStart<'_>, empty: bool) -> Option<Found> {
        self.size = (0, 0);
        let outside = self.spaces.len();
        let tag = self.tag(start);
        let base = self.base(&tag);
        let name = tag.name.to_ascii_lowercase();
        if self.root.is_none() {
            // Servers write warnings before a feed; only a few names begin one for certain.
            let certain = ["rss", "rdf", "feed"].contains(&name.as_str());
            let first = ["channel", "entry"].contains(&name.as_str()) && !self.late;
            if !certain && !first {
                self.late = true;
                self.spaces.truncate(outside);
                return None;
            }
            let atom = matches!(name.as_str(), "feed" | "entry");
            let space = tag.space.clone();
            self.root = Some(Root { atom, space });
        }
        let tag = self.owned(tag);
        let found = if name == "item" || name == "entry" {
            self.item(tag, base, empty)
        } else if is_around(&name) {
            if !empty {
                self.around.push((outside, base));
                return None;
            }
            None
        } else {
            match self.field(tag, base, None, empty) {
                (_, End::File) => return self.stop("the file ends before its items do".to_owned()),
                (field, _) => Some(Found::Field(field)),
            }
        };
        self.spaces.truncate(outside);
        found
    }

    fn item(&mut self, tag: Tag, base: Option<Url>, empty: bool) -> Option<Found> {
        let mut item = Item {
            tag,
            fields: Vec::new(),
            base,
        };
        if !empty && let Err(why) = self.fields(&mut item) {
            self.ended = true;
            return Some(Found::Broken(why));
        }
        if !self.fits() {
            return Some(Found::Broken("it is too long".to_owned()));
        }
        Some(Found::Item(item))
    }

    /// Reads the fields of an item to its end, or to where the next one begins; the error says why there is none.
    fn fields(&mut self, item: &mut Item) -> Result<(), String> {
        let cut_off = || Err("the file ends in the middle of it".to_owned());
        let name = item.tag.name.clone();
        let inside = self.spaces.len();
        loop {
            let event = self.reader.read_event().map_err(|it| it.to_string())?;
            let (start, alone) = match event {
                Event::Start(start) => (start, false),
                Event::Empty(start) => (start, true),
                Event::End(end) => {
                    let closed = local(end.name().as_ref()).to_owned();
                    if closed.eq_ignore_ascii_case(&name) {
                        return Ok(());
                    }
                    if is_around(&closed) {
                        // Its own end is missing.
                        self.leave();
                        return Ok(());
                    }
                    continue;
                }
                Event::Eof => return cut_off(),
                _ => continue,
            };
            let tag = self.tag(&start);
            let base = self.base_in(&tag, item.base.as_ref());
            let tag = self.owned(tag);
            if tag.is(OWN, &name) {
                self.pending = Some((tag, alone));
                return Ok(());
            }
            let (field, end) = self.field(tag, base, Some(&name), alone);
            self.spaces.truncate(inside);
            if self.fits() {
                item.fields.push(field);
            }
            match end {
                End::Own => {}
                End::Item => return Ok(()),
                End::File => return cut_off(),
            }
        }
    }

    /// Reads up to the end of a field; of one that is too long, without keeping it.
    fn field(
        &mut self,
        tag: Tag,
        base: Option<Url>,
        item: Option<&str>,
        empty: bool,
    ) -> (Field, End) {
        let mut field = Field {
            tag,
            parts: Vec::new(),
            base,
        };
        let name = field.tag.name.clone();
        let mut open = 0_usize;
        let same = |one: &str, other: &str| one.eq_ignore_ascii_case(other);
        let end = loop {
            if empty {
                break End::Own;
            }
            let Ok(event) = self.reader.read_event() else {
                break End::File;
            };
            match event {
                Event::Start(start) => {
                    let tag = self.inner(&start);
                    if begins_item(&tag, item) {
                        self.pending = Some((tag, false));
                        break End::Item;
                    }
                    open += usize::from(same(&tag.name, &name));
                    self.push(&mut field, Part::Open(tag));
                }
                Event::Empty(start) => {
                    let tag = self.inner(&start);
                    let closed = tag.name.clone();
                    self.push(&mut field, Part::Open(tag));
                    self.push(&mut field, Part::Close(closed));
                }
                Event::End(end) => {
                    let closed = local(end.name().as_ref()).to_owned();
                    if same(&closed, &name) {
                        if open == 0 {
                            break End::Own;
                        }
                        open -= 1;
                    } else if item.is_some_and(|it| same(&closed, it)) {
                        break End::Item;
                    }
                    self.push(&mut field, Part::Close(closed));
                }
                Event::Text(text) => {
                    let mut whole = String::new();
                    push_text(&text, &mut whole);
                    self.push(&mut field, Part::Text(whole));
                }
                Event::CData(data) => {
                    let mut whole = String::new();
                    push_text(&data, &mut whole);
                    self.push(&mut field, Part::Data(whole));
                }
                Event::GeneralRef(name) => {
                    let mut whole = String::new();
                    self.entities.resolve(&name, &mut whole);
                    self.push(&mut field, Part::Text(whole));
                }
                Event::Eof => break End::File,
                _ => {}
            }
        };
        (field, end)
    }

    fn fits(&self) -> bool {
        self.size.0 <= ITEM_BYTES && self.size.1 <= ITEM_PARTS
    }

    fn push(&mut self, field: &mut Field, part: Part) {
        self.size.0 += match &part {
            Part::Text(text) | Part::Data(text) | Part::Close(text) => text.len(),
            Part::Open(tag) => {
                self.size.1 += tag.attributes.len();
                tag.attributes
                    .iter()
                    .map(|(name, value)| name.len() + value.len())
                    .sum()
            }
        };
        if !self.fits() {
            field.parts.clear();
            return;
        }
        match (field.parts.last_mut(), part) {
            (Some(Part::Text(before)), Part::Text(text)) => before.push_str(&text),
            (_, part) => {
                self.size.1 += 1;
                field.parts.push(part);
            }
        }
    }

    /// An element in a field: what it declares holds to the end of the field.
    fn inner(&mut self, start: &BytesStart<'_>) -> Tag {
        let tag = self.tag(start);
        self.owned(tag)
    }

    /// The element, and what it declares among what holds.
    fn tag(&mut self, start: &BytesStart<'_>) -> Tag {
        let mut attributes = Vec::new();
        for attribute in start.html_attributes().with_checks(false).flatten() {
            let name: &str = attribute.key.as_ref();
            let mut value = String::new();
            self.entities.expand(&attribute.value, &mut value);
            let prefix = if name == "xmlns" {
                Some("")
            } else {
                name.strip_prefix("xmlns:")
            };
            if let Some(prefix) = prefix.filter(|_| self.spaces.len() < SPACES) {
                self.spaces.push((prefix.to_owned(), space::named(&value)));
            }
            attributes.push((name.to_owned(), value));
        }
        let name = start.name();
        let name: &str = name.as_ref();
        let (prefix, name) = name.split_once(':').unwrap_or(("", name));
        let mut spaces = self.spaces.iter().rev();
        let declared = spaces.find(|(it, _)| it == prefix);
        let space = match declared {
            Some((_, space)) => space.clone(),
            None if prefix.is_empty() => Rc::from(OWN),
            None => space::undeclared(prefix),
        };
        Tag {
            space,
            name: name.to_owned(),
            attributes,
        }
    }

    /// Names in the vocabulary of the root are the format's own.
    fn owned(&self, mut tag: Tag) -> Tag {
        let root = self.root.as_ref();
        let own =
            root.is_some_and(|root| tag.space == root.space || (root.atom && &*tag.space == ATOM));
        if own {
            tag.space = Rc::from(OWN);
        }
        tag
    }

    fn base(&self, tag: &Tag) -> Option<Url> {
        let around = self.around.last().and_then(|(_, base)| base.as_ref());
        self.base_in(tag, around)
    }

    fn base_in(&self, tag: &Tag, around: Option<&Url>) -> Option<Url> {
        match tag.attribute("xml:base") {
            Some(given) => Url::options().base_url(around).parse(given).ok(),
            None => None,
        }
        .or_else(|| around.cloned())
    }
}

fn is_around(name: &str) -> bool {
    AROUND.iter().any(|it| it.eq_ignore_ascii_case(name))
}

/// Whether an item begins within a field of an item of this name, or of the feed itself: the field's own end is missing.
fn begins_item(tag: &Tag, item: Option<&str>) -> bool {
    match item {
        Some(item) => tag.is(OWN, item),
        None => tag.is(OWN, "item") || tag.is(OWN, "entry"),
    }
}

/// The name without its prefix.
fn local(name: &str) -> &str {
    name.rsplit(':').next().unwrap_or(name)
}
