//! Texts of fields: what stands in them as one piece of text, markup that nobody escaped included.

use quick_xml::escape::escape;
use url::Url;

use super::item::{Field, Part, Tag};
use crate::import::html;

/// Elements of HTML that have no end.
const VOID: [&str; 14] = [
    "area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "param", "source",
    "track", "wbr",
];

/// Attributes of an element that are kept.
const ATTRIBUTES: usize = 64;

/// Attributes of HTML that are addresses.
const ADDRESSES: [&str; 5] = ["href", "src", "poster", "data", "cite"];

/// The text of a field. With elements in it, it is HTML, written as that.
///
/// `literal` says that text is text even if it looks like HTML, as in XHTML. Elsewhere people mix escaped markup with
/// markup that is not.
pub(super) fn content(field: &Field, literal: bool) -> String {
    let markup = field.has_markup();
    let mut text = String::new();
    let mut bases = Bases::default();
    for part in &field.parts {
        match part {
            Part::Text(it) | Part::Data(it) if markup && (literal || !html::has_element(it)) => {
                text.push_str(&escape(it.as_str()));
            }
            Part::Text(it) | Part::Data(it) => text.push_str(it),
            Part::Open(tag) => {
                bases.open(tag, field.base.as_ref());
                open(tag, bases.current(), &mut text);
            }
            Part::Close(name) => {
                bases.close(name);
                let name = name.to_ascii_lowercase();
                if !VOID.contains(&name.as_str()) {
                    text.push_str(&format!("</{name}>"));
                }
            }
        }
    }
    text
}

fn open(tag: &Tag, base: Option<&Url>, text: &mut String) {
    text.push('<');
    text.push_str(&tag.name.to_ascii_lowercase());
    for (name, value) in tag.attributes.iter().take(ATTRIBUTES) {
        if name.contains(':') || name == "xmlns" {
            continue;
        }
        let resolved = base
            .filter(|_| ADDRESSES.contains(&name.as_str()))
            .and_then(|base| base.join(value).ok());
        let value = resolved.as_ref().map_or(value.as_str(), Url::as_str);
        text.push_str(&format!(" {name}=\"{}\"", escape(value)));
    }
    let alone = VOID.contains(&tag.name.to_ascii_lowercase().as_str());
    text.push_str(if alone { "/>" } else { ">" });
}

/// What addresses are relative to inside elements of a text that say so themselves.
#[derive(Debug, Default)]
struct Bases(Vec<(String, Url)>);

impl Bases {
    fn open(&mut self, tag: &Tag, around: Option<&Url>) {
        let Some(given) = tag.attribute("xml:base") else {
            return;
        };
        let around = self.current().or(around);
        if let Ok(base) = Url::options().base_url(around).parse(given) {
            self.0.push((tag.name.clone(), base));
        }
    }

    /// An element of the same name inside would end it early, which only costs the rest of it its base.
    fn close(&mut self, name: &str) {
        if self.0.last().is_some_and(|(it, _)| it == name) {
            self.0.pop();
        }
    }

    fn current(&self) -> Option<&Url> {
        self.0.last().map(|(_, base)| base)
    }
}
