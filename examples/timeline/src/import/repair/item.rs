//! What a feed in XML is made of, as it stands in the file: items, and the fields of each.

use std::rc::Rc;

use url::Url;

/// An element with its attributes: where a field, or markup in one, begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::import) struct Tag {
    /// The vocabulary: a short name of those known to [`super::space`], else its address.
    pub(in crate::import) space: Rc<str>,
    /// The name without a prefix, as it is written.
    pub(in crate::import) name: String,
    /// Names as they are written, values with their references resolved.
    pub(in crate::import) attributes: Vec<(String, String)>,
}

impl Tag {
    /// Whether it is this element, in capitals or not.
    pub(in crate::import) fn is(&self, space: &str, name: &str) -> bool {
        &*self.space == space && self.name.eq_ignore_ascii_case(name)
    }

    /// The value of an attribute, without spaces at its ends.
    pub(in crate::import) fn attribute(&self, name: &str) -> Option<&str> {
        let mut all = self.attributes.iter();
        let (_, value) = all.find(|(it, _)| it.eq_ignore_ascii_case(name))?;
        Some(value.trim())
    }
}

/// A piece of what stands in a field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::import) enum Part {
    /// Text, its references resolved.
    Text(String),
    /// Text that needed no references, from `CDATA`.
    Data(String),
    /// An element in the field begins.
    Open(Tag),
    /// An element in the field ends. It need not be the one that began last: markup is as people write it.
    Close(String),
}

/// An element of an item, or of the feed itself, with all that stands in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::import) struct Field {
    pub(in crate::import) tag: Tag,
    /// What stands in it, in order. It is flat, so that nothing has to follow markup into its depth.
    pub(in crate::import) parts: Vec<Part>,
    /// What relative addresses in it are relative to, if that is said of it or around it.
    pub(in crate::import) base: Option<Url>,
}

impl Field {
    /// Its text without markup and without spaces at its ends.
    pub(in crate::import) fn text(&self) -> String {
        text(&self.parts)
    }

    /// Whether there are elements in it.
    pub(in crate::import) fn has_markup(&self) -> bool {
        self.parts.iter().any(|it| matches!(it, Part::Open(_)))
    }

    /// The text of the first element in it that has this name, such as the name of an author.
    pub(in crate::import) fn inner(&self, space: &str, name: &str) -> Option<String> {
        let mut parts = self.parts.iter();
        let found = |it: &Part| matches!(it, Part::Open(tag) if tag.is(space, name));
        parts.by_ref().find(|it| found(it))?;
        let ends = |it: &Part| matches!(it, Part::Close(it) if it.eq_ignore_ascii_case(name));
        let inside: Vec<Part> = parts.take_while(|it| !ends(it)).cloned().collect();
        Some(text(&inside))
    }
}

fn text(parts: &[Part]) -> String {
    let mut text = String::new();
    for part in parts {
        if let Part::Text(it) | Part::Data(it) = part {
            text.push_str(it);
        }
    }
    text.trim().to_owned()
}

/// An item of RSS or an entry of Atom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::import) struct Item {
    pub(in crate::import) tag: Tag,
    pub(in crate::import) fields: Vec<Field>,
    /// As of a [`Field`].
    pub(in crate::import) base: Option<Url>,
}

impl Item {
    /// All fields of this name, in order.
    pub(in crate::import) fn all<'a>(
        &'a self,
        space: &'a str,
        name: &'a str,
    ) -> impl Iterator<Item = &'a Field> {
        self.fields.iter().filter(move |it| it.tag.is(space, name))
    }

    /// The text of the first field of this name that has any.
    pub(in crate::import) fn text(&self, space: &str, name: &str) -> Option<String> {
        let mut texts = self.all(space, name).map(Field::text);
        texts.find(|it| !it.is_empty())
    }
}

/// What is said of a feed as a whole, beside its items.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::import) struct Head {
    pub(in crate::import) atom: bool,
    /// Fields of the feed, as far as they are not long.
    pub(in crate::import) fields: Vec<Field>,
}
