//! SVG, element by element: what is drawn is kept, what the drawing program notes is not.
//!
//! Kept are elements of SVG itself, of XHTML and of MathML, with attributes of no other namespace than those of links and
//! of XML. So notes of programs go whatever they are called: names and paths of files, authors, histories. Comments go as
//! well, the title of the whole drawing, and everything around it. Pictures within it are cleaned as if they were attached
//! themselves.
//!
//! Bytes are looked at rather than characters, since every encoding that is met but UTF-16 has ASCII in it.

use std::collections::BTreeSet;

use data_encoding::BASE64;

use super::error::Fault;
use super::kind::{Kind, Reader};
use super::still::Still;

/// Namespaces of which elements are drawn.
const DRAWN: &[&[u8]] = &[
    b"http://www.w3.org/2000/svg",
    b"http://www.w3.org/1999/xhtml",
    b"http://www.w3.org/1998/Math/MathML",
];

/// The namespace of attributes that are links.
const LINKS: &[u8] = b"http://www.w3.org/1999/xlink";

const NO_TAG: Fault = Fault::Odd("a tag that cannot be read");

/// Whether a file that begins with `head` is a drawing.
pub(super) fn begins(head: &[u8]) -> bool {
    if is_wide(head) {
        let wanted = |pair: &[u8]| pair == b"s\0v\0g\0" || pair == b"\0s\0v\0g";
        return head.windows(6).any(wanted);
    }
    let mut rest = without_mark(head);
    while !rest.is_empty() {
        match Token::next(rest) {
            Ok((Token::Text(text), after)) if text.trim_ascii().is_empty() => rest = after,
            Ok((Token::Note | Token::Declaration(_), after)) => rest = after,
            Ok((Token::Open(tag), _)) => return is_svg(name(tag.get(1..).unwrap_or_default())),
            Ok(_) => return false,
            // Something long before the drawing, or a tag that is longer than what is looked at.
            Err(_) => return rest.starts_with(b"<!DOCTYPE svg") || long_tag(rest),
        }
    }
    false
}

/// Whether it is XML in UTF-16.
fn is_wide(bytes: &[u8]) -> bool {
    let marks: [&[u8]; 4] = [b"\xFF\xFE<\0", b"\xFE\xFF\0<", b"<\0?\0", b"\0<\0?"];
    marks.iter().any(|mark| bytes.starts_with(mark))
}

fn is_svg(name: &[u8]) -> bool {
    local(name) == b"svg"
}

/// Whether a tag begins that is a drawing's.
fn long_tag(rest: &[u8]) -> bool {
    rest.strip_prefix(b"<")
        .is_some_and(|rest| is_svg(name(rest)))
}

/// The drawing without what tells.
pub(super) fn cleaned(bytes: &[u8]) -> Result<Vec<u8>, Fault> {
    if is_wide(bytes) {
        return Err(Fault::Sealed("it is written in UTF-16"));
    }
    let bytes = without_mark(bytes);
    let known = Known::of(bytes)?;
    let mut out = Vec::with_capacity(bytes.len());
    let (mut rest, mut depth, mut gone, mut has_root) = (bytes, 0usize, None, false);
    while !rest.is_empty() {
        let (token, after) = Token::next(rest)?;
        rest = after;
        let is_shown = gone.is_none();
        match token {
            Token::Declaration(text) if out.is_empty() => out.extend_from_slice(text),
            Token::Declaration(_) | Token::Note => {}
            Token::Text(text) if depth > 0 && is_shown => {
                no_picture(text)?;
                out.extend_from_slice(text);
            }
            Token::Text(_) => {}
            Token::Open(tag) => {
                let is_open = !tag.ends_with(b"/>");
                let tag = Tag::read(tag)?;
                if is_shown && known.keeps(&tag, depth) {
                    known.write(&tag, is_open, &mut out)?;
                    has_root = true;
                } else if is_shown && is_open {
                    gone = Some(depth);
                }
                depth += usize::from(is_open);
            }
            Token::Close(tag) => {
                depth = depth.checked_sub(1).ok_or(NO_TAG)?;
                if is_shown {
                    out.extend_from_slice(tag);
                }
                gone = gone.filter(|at| *at != depth);
            }
        }
    }
    match (depth, has_root) {
        (0, true) => Ok(out),
        (0, false) => Err(Fault::Odd("no drawing is in it")),
        _ => Err(Fault::Cut),
    }
}

/// A piece of XML.
#[derive(Debug)]
enum Token<'a> {
    Text(&'a [u8]),
    /// A comment, a document type, or a word to a program.
    Note,
    /// In which version and encoding it is written.
    Declaration(&'a [u8]),
    Open(&'a [u8]),
    Close(&'a [u8]),
}

impl<'a> Token<'a> {
    /// The piece that `rest` begins with, and what stands behind.
    fn next(rest: &'a [u8]) -> Result<(Self, &'a [u8]), Fault> {
        if !rest.starts_with(b"<") {
            let len = rest.iter().position(|byte| *byte == b'<');
            let (text, after) = rest.split_at(len.unwrap_or(rest.len()));
            return Ok((Self::Text(text), after));
        }
        let through = |mark: &[u8]| {
            let at = rest.windows(mark.len()).position(|at| at == mark);
            let split = at.and_then(|at| rest.split_at_checked(at + mark.len()));
            split.ok_or(Fault::Cut)
        };
        if rest.starts_with(b"<!--") {
            return Ok((Self::Note, through(b"-->")?.1));
        }
        if rest.starts_with(b"<![CDATA[") {
            let (text, after) = through(b"]]>")?;
            return Ok((Self::Text(text), after));
        }
        if rest.starts_with(b"<?") {
            let (text, after) = through(b"?>")?;
            return Ok(match text.starts_with(b"<?xml ") {
                true => (Self::Declaration(text), after),
                false => (Self::Note, after),
            });
        }
        let (tag, after) = rest.split_at(tag_len(rest)?);
        Ok(match tag {
            [_, b'!', ..] if tag.contains(&b'[') => {
                return Err(Fault::Sealed("its document type declares entities"));
            }
            [_, b'!', ..] => (Self::Note, after),
            [_, b'/', ..] => (Self::Close(tag), after),
            _ => (Self::Open(tag), after),
        })
    }
}

/// Bytes up to the end of a tag; values in quotes may have such an end in them.
fn tag_len(rest: &[u8]) -> Result<usize, Fault> {
    let mut quote = None;
    for (at, byte) in rest.iter().enumerate() {
        match quote {
            Some(open) if open == *byte => quote = None,
            Some(_) => {}
            None if matches!(byte, b'"' | b'\'') => quote = Some(*byte),
            None if *byte == b'[' && rest.starts_with(b"<!") => return Ok(at + 1),
            None if *byte == b'>' => return Ok(at + 1),
            None => {}
        }
    }
    Err(Fault::Cut)
}

/// An opening tag.
#[derive(Debug)]
struct Tag<'a> {
    name: &'a [u8],
    /// Names and values, these with their quotes.
    attributes: Vec<(&'a [u8], &'a [u8])>,
}

impl<'a> Tag<'a> {
    fn read(tag: &'a [u8]) -> Result<Self, Fault> {
        let inner = tag
            .strip_prefix(b"<")
            .and_then(|tag| tag.strip_suffix(b">"));
        let inner = inner.map(|inner| inner.strip_suffix(b"/").unwrap_or(inner));
        let inner = inner.ok_or(NO_TAG)?;
        let called = name(inner);
        if called.is_empty() {
            return Err(NO_TAG);
        }
        let mut attributes = Vec::new();
        let mut rest = inner.get(called.len()..).unwrap_or_default().trim_ascii();
        while !rest.is_empty() {
            let key = name(rest);
            let after = rest.get(key.len()..).unwrap_or_default().trim_ascii_start();
            let value = after.strip_prefix(b"=").ok_or(NO_TAG)?.trim_ascii_start();
            let (quote, text) = value.split_first().ok_or(NO_TAG)?;
            if key.is_empty() || !matches!(quote, b'"' | b'\'') {
                return Err(NO_TAG);
            }
            let len = text.iter().position(|byte| byte == quote).ok_or(NO_TAG)?;
            let (value, after) = value.split_at_checked(len + 2).ok_or(NO_TAG)?;
            attributes.push((key, value));
            rest = after.trim_ascii_start();
        }
        Ok(Self {
            name: called,
            attributes,
        })
    }
}

/// Prefixes of the namespaces that are known.
#[derive(Debug, Default)]
struct Known<'a> {
    drawn: BTreeSet<&'a [u8]>,
    links: BTreeSet<&'a [u8]>,
}

impl<'a> Known<'a> {
    fn of(bytes: &'a [u8]) -> Result<Self, Fault> {
        let (mut known, mut others, mut rest) = (Self::default(), BTreeSet::new(), bytes);
        while !rest.is_empty() {
            let (token, after) = Token::next(rest)?;
            rest = after;
            let Token::Open(tag) = token else { continue };
            for (key, value) in Tag::read(tag)?.attributes {
                let Some(prefix) = key.strip_prefix(b"xmlns:") else {
                    continue;
                };
                match unquoted(value) {
                    LINKS => known.links.insert(prefix),
                    space if DRAWN.contains(&space) => known.drawn.insert(prefix),
                    _ => others.insert(prefix),
                };
            }
        }
        known.drawn.retain(|prefix| !others.contains(prefix));
        known.links.retain(|prefix| !others.contains(prefix));
        Ok(known)
    }

    /// Whether an element at this depth is drawn.
    fn keeps(&self, tag: &Tag<'_>, depth: usize) -> bool {
        let is_drawn = match prefix(tag.name) {
            Some(prefix) => self.drawn.contains(prefix),
            None => {
                let mut attributes = tag.attributes.iter();
                attributes.all(|(key, value)| *key != b"xmlns" || DRAWN.contains(&unquoted(value)))
            }
        };
        is_drawn
            && match local(tag.name) {
                b"metadata" => false,
                b"title" | b"desc" => depth != 1,
                _ => true,
            }
    }

    fn write(&self, tag: &Tag<'_>, is_open: bool, out: &mut Vec<u8>) -> Result<(), Fault> {
        out.push(b'<');
        out.extend_from_slice(tag.name);
        for (key, value) in &tag.attributes {
            let is_kept = match prefix(key) {
                Some(b"xml") => true,
                Some(b"xmlns") => {
                    let named = local(key);
                    self.drawn.contains(named) || self.links.contains(named)
                }
                Some(prefix) => self.links.contains(prefix),
                None => !key.starts_with(b"data-"),
            };
            let text = unquoted(value).trim_ascii();
            if !is_kept || is_of_a_disk(text) {
                continue;
            }
            out.push(b' ');
            out.extend_from_slice(key);
            match text
                .strip_prefix(b"data:")
                .filter(|_| local(key) == b"href")
            {
                Some(data) => {
                    out.extend(b"=\"data:");
                    out.extend(within(data)?);
                    out.push(b'"');
                }
                None => {
                    no_picture(value)?;
                    out.push(b'=');
                    out.extend_from_slice(value);
                }
            }
        }
        out.extend_from_slice(if is_open { b">" } else { b"/>" });
        Ok(())
    }
}

/// Whether a value is a place on somebody's disk.
fn is_of_a_disk(text: &[u8]) -> bool {
    text.starts_with(b"file:")
        || matches!(text, [letter, b':', b'\\' | b'/', ..] if letter.is_ascii_alphabetic())
}

/// Refuses a picture where it is not looked into, as in a style.
fn no_picture(text: &[u8]) -> Result<(), Fault> {
    match text.windows(10).any(|at| at == b"data:image") {
        true => Err(Fault::Sealed("a picture is in one of its styles")),
        false => Ok(()),
    }
}

/// The data of a link, with a picture in it cleaned.
fn within(data: &[u8]) -> Result<Vec<u8>, Fault> {
    let sealed = Fault::Sealed("a picture in it is of a kind that is not looked into");
    let comma = data.iter().position(|byte| *byte == b',');
    let (head, coded) = data.split_at(comma.ok_or(NO_TAG)?);
    if !head.trim_ascii_end().ends_with(b";base64") {
        return Err(sealed);
    }
    let digit = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=');
    let mut plain = coded
        .iter()
        .skip(1)
        .filter(|byte| !byte.is_ascii_whitespace());
    if !plain.clone().all(digit) {
        return Err(sealed);
    }
    let plain: Vec<u8> = plain.by_ref().copied().collect();
    let Ok(picture) = BASE64.decode(&plain) else {
        return Err(sealed);
    };
    let len = u64::try_from(picture.len()).unwrap_or(u64::MAX);
    let kind = Kind::of(&picture, len);
    if kind.reader() != Reader::Picture {
        return Err(sealed);
    }
    let mut still = Still::taken_apart(kind, &picture)?;
    still.tag_orientation(kind);
    let coded = BASE64.encode(&still.bytes);
    Ok([kind.mime().as_bytes(), b";base64,", coded.as_bytes()].concat())
}

/// Without the mark of UTF-8, which nothing needs.
fn without_mark(bytes: &[u8]) -> &[u8] {
    bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes)
}

/// The name that stands at the beginning.
fn name(text: &[u8]) -> &[u8] {
    let is_end = |byte: &u8| byte.is_ascii_whitespace() || matches!(byte, b'=' | b'/' | b'>');
    let len = text.iter().position(is_end).unwrap_or(text.len());
    text.get(..len).unwrap_or_default()
}

fn prefix(name: &[u8]) -> Option<&[u8]> {
    let colon = name.iter().position(|byte| *byte == b':')?;
    name.get(..colon)
}

fn local(name: &[u8]) -> &[u8] {
    name.rsplit(|byte| *byte == b':').next().unwrap_or(name)
}

fn unquoted(value: &[u8]) -> &[u8] {
    value
        .get(1..value.len().saturating_sub(1))
        .unwrap_or_default()
}
