//! References in XML: characters, names of HTML, and names that the file itself declares.

use std::collections::HashMap;

use markup5ever::data::NAMED_ENTITIES;
use quick_xml::escape::resolve_xml_entity;

use super::text::from_c1;

/// Names that a file may declare, and bytes of each and of what it stands for.
const NAMES: usize = 1_000;
const NAME_BYTES: usize = 64;
const VALUE_BYTES: usize = 16 << 10;

/// Declared names inside what others stand for.
const DEPTH: usize = 8;

/// Bytes by which what all declared names of a file stand for may be longer than the names: a few are a convenience, more
/// are an attack.
const GROWTH_BYTES: usize = 256 << 10;

/// The names that a file declares, and how much they may still grow to.
#[derive(Debug, Default)]
pub(super) struct Entities {
    declared: HashMap<String, String>,
    grown: usize,
}

impl Entities {
    /// Reads the declarations of a `DOCTYPE`. Those that point to other files are left out.
    pub(super) fn declare(&mut self, doctype: &str) {
        for declaration in doctype.split("<!ENTITY").skip(1) {
            let mut words = declaration.trim_start().splitn(2, char::is_whitespace);
            let (Some(name), Some(rest)) = (words.next(), words.next()) else {
                continue;
            };
            let rest = rest.trim_start();
            let quote = rest.chars().next().filter(|it| matches!(it, '"' | '\''));
            let value = quote.and_then(|quote| rest.split(quote).nth(1));
            let Some(value) = value else { continue };
            if name != "%"
                && name.len() <= NAME_BYTES
                && value.len() <= VALUE_BYTES
                && self.declared.len() < NAMES
            {
                // Of two declarations the first counts.
                let value = value.to_owned();
                self.declared.entry(name.to_owned()).or_insert(value);
            }
        }
    }

    /// Writes what a reference stands for. A name that nobody knows stays as it is.
    pub(super) fn resolve(&mut self, name: &str, into: &mut String) {
        self.resolve_at(name, 0, into);
    }

    /// Writes a text with its references resolved, as of an attribute.
    pub(super) fn expand(&mut self, text: &str, into: &mut String) {
        self.expand_at(text, 0, into);
    }

    fn resolve_at(&mut self, name: &str, depth: usize, into: &mut String) {
        if let Some(number) = name.strip_prefix('#') {
            into.extend(character(number));
            return;
        }
        if let Some(text) = resolve_xml_entity(name) {
            into.push_str(text);
            return;
        }
        let declared = self.declared.get(name);
        // A name that is no shorter costs nothing, however often a long feed has it.
        let growth = declared.map_or(0, |it| it.len().saturating_sub(name.len() + 2));
        if let Some(value) = declared.filter(|_| depth < DEPTH)
            && self.grown + growth <= GROWTH_BYTES
        {
            self.grown += growth;
            let value = value.clone();
            self.expand_at(&value, depth + 1, into);
        } else if let Some((first, second)) = html(name).filter(|_| declared.is_none()) {
            into.push(first);
            into.extend(second);
        } else {
            into.push('&');
            into.push_str(name);
            into.push(';');
        }
    }

    fn expand_at(&mut self, text: &str, depth: usize, into: &mut String) {
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('&') {
            push_text(before, into);
            let end = after
                .bytes()
                .take(NAME_BYTES + 1)
                .position(|it| !(it.is_ascii_alphanumeric() || b"#._-:".contains(&it)));
            match end
                .and_then(|end| Some((after.get(..end)?, after.get(end..)?.strip_prefix(';')?)))
            {
                Some((name, after)) if !name.is_empty() => {
                    self.resolve_at(name, depth, into);
                    rest = after;
                }
                _ => {
                    into.push('&');
                    rest = after;
                }
            }
        }
        push_text(rest, into);
    }
}

/// A text with its references resolved, as of HTML without an element in it.
pub(in crate::import) fn references(text: &str) -> String {
    let mut whole = String::with_capacity(text.len());
    Entities::default().expand(text, &mut whole);
    whole
}

/// Appends a text. Characters of C1 in it are bytes of windows-1252 that somebody took for Latin-1.
pub(super) fn push_text(text: &str, into: &mut String) {
    // In UTF-8 all of them begin with this byte.
    if !text.as_bytes().contains(&0xc2) {
        into.push_str(text);
        return;
    }
    into.extend(text.chars().map(|it| from_c1(it.into()).unwrap_or(it)));
}

/// The character of a reference by number; what is none is shown as that, as in HTML.
fn character(number: &str) -> Option<char> {
    let hex = number.strip_prefix(['x', 'X']);
    let code = hex.map_or_else(|| number.parse(), |it| u32::from_str_radix(it, 16));
    let code = code.unwrap_or_default();
    from_c1(code)
        .or_else(|| char::from_u32(code).filter(|it| *it != '\0'))
        .or(Some('\u{fffd}'))
}

/// The character of a name of HTML, and the second one of some.
fn html(name: &str) -> Option<(char, Option<char>)> {
    let (first, second) = NAMED_ENTITIES.get(format!("{name};").as_str())?;
    let second = char::from_u32(*second).filter(|it| *it != '\0');
    Some((char::from_u32(*first)?, second))
}
