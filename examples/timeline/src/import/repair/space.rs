//! Vocabularies of feeds under one short name each: their addresses are written in many ways.

use std::rc::Rc;

/// What belongs to the format itself: RSS of any version, or Atom in a feed of Atom.
pub(in crate::import) const OWN: &str = "";
pub(in crate::import) const ATOM: &str = "atom";
pub(in crate::import) const CONTENT: &str = "content";
pub(in crate::import) const DC: &str = "dc";
pub(in crate::import) const TERMS: &str = "dcterms";
pub(in crate::import) const MEDIA: &str = "media";
pub(in crate::import) const ITUNES: &str = "itunes";
pub(in crate::import) const XHTML: &str = "xhtml";

/// The prefix under which feed-rs is given a vocabulary, and the address that it knows it by.
pub(super) const WRITTEN: [(&str, &str); 5] = [
    (ATOM, "http://www.w3.org/2005/Atom"),
    (CONTENT, "http://purl.org/rss/1.0/modules/content/"),
    (DC, "http://purl.org/dc/elements/1.1/"),
    (MEDIA, "http://search.yahoo.com/mrss/"),
    (ITUNES, "http://www.itunes.com/dtds/podcast-1.0.dtd"),
];

/// Parts of addresses, in small letters, and the vocabulary each tells. The first that fits counts.
const KNOWN: [(&str, &str); 21] = [
    ("purl.org/atom/app", "app"),
    ("www.w3.org/2007/app", "app"),
    ("www.w3.org/2005/atom", ATOM),
    ("purl.org/atom/", ATOM),
    ("purl.org/rss/1.0/modules/content", CONTENT),
    ("purl.org/dc/elements/", DC),
    ("purl.org/rss/1.0/modules/dc", DC),
    ("purl.org/dc/terms", TERMS),
    ("purl.org/rss/1.0/modules/dcterms", TERMS),
    ("search.yahoo.com/mrss", MEDIA),
    ("www.itunes.com/dtds/podcast", ITUNES),
    ("www.w3.org/1999/xhtml", XHTML),
    ("wordpress.org/export/", "wp"),
    ("wordpress.org/excerpt/", "excerpt"),
    ("purl.org/syndication/thread", "thr"),
    ("www.w3.org/1999/02/22-rdf-syntax-ns", "rdf"),
    ("purl.org/rss/1.0/modules/", "module"),
    ("purl.org/rss/", OWN),
    ("netscape.com/", OWN),
    ("userland.com/rss", OWN),
    ("harvard.edu/", OWN),
];

/// The vocabulary that an address names.
pub(super) fn named(address: &str) -> Rc<str> {
    let address = address.trim();
    let small = address.to_ascii_lowercase();
    // Modules are told from RSS itself, but have no name here.
    let known = KNOWN.iter().find(|(part, _)| small.contains(part));
    match known {
        Some((_, name)) if *name != "module" => Rc::from(*name),
        _ => Rc::from(address),
    }
}

/// The vocabulary that a prefix means which nobody declared.
pub(super) fn undeclared(prefix: &str) -> Rc<str> {
    let known = KNOWN.iter().map(|(_, name)| *name);
    let mut known = known.filter(|it| !it.is_empty());
    match known.find(|it| *it == prefix) {
        Some(name) => Rc::from(name),
        None => Rc::from(format!("{prefix}:")),
    }
}
