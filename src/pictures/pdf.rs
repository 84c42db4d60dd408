//! What a PDF says about itself. Without the feature `documents` that is what stands in it unpacked; with it the whole
//! file is read, and can be written anew without what it tells.

use std::io::{self, Read, Seek, SeekFrom};

use super::facts::{Fact, FactKind};

#[cfg(feature = "documents")]
mod clean;
#[cfg(feature = "documents")]
mod whole;
#[cfg(feature = "documents")]
mod xmp;

#[cfg(feature = "documents")]
pub(super) use self::whole::stripped;

/// Bytes at either end of a file that are looked through: properties stand near the end, or near the beginning of one
/// that was made for the web.
const LOOKED_AT: u64 = 4 << 20;

/// Bytes of one value.
const VALUE: usize = 1_024;

/// Facts of one file.
const FACTS: usize = 32;

/// Keys of properties.
const KEYS: &[(&[u8], FactKind)] = &[
    (b"/Title", FactKind::Title),
    (b"/Author", FactKind::Author),
    (b"/Company", FactKind::Company),
    (b"/Subject", FactKind::Subject),
    (b"/Keywords", FactKind::Subject),
    (b"/Creator", FactKind::Software),
    (b"/Producer", FactKind::Software),
    (b"/CreationDate", FactKind::Time),
    (b"/ModDate", FactKind::Time),
];

/// What it tells, each once.
pub(super) fn tells<F: Read + Seek>(file: &mut F) -> io::Result<Vec<Fact>> {
    #[cfg(feature = "documents")]
    if let Ok(facts) = whole::tells(file) {
        return Ok(facts);
    }
    unpacked(file)
}

/// What stands at either end of a file that is not read as a whole.
fn unpacked<F: Read + Seek>(file: &mut F) -> io::Result<Vec<Fact>> {
    let len = file.seek(SeekFrom::End(0))?;
    let mut bytes = Vec::new();
    file.seek(SeekFrom::Start(0))?;
    file.by_ref().take(LOOKED_AT).read_to_end(&mut bytes)?;
    let rest = len.saturating_sub(LOOKED_AT).max(LOOKED_AT);
    if rest < len {
        file.seek(SeekFrom::Start(rest))?;
        file.by_ref().take(LOOKED_AT).read_to_end(&mut bytes)?;
    }
    let mut facts = Vec::new();
    for at in (0..bytes.len()).filter(|at| bytes.get(*at) == Some(&b'/')) {
        let here = bytes.get(at..).unwrap_or_default();
        let known = KEYS.iter().find(|(key, _)| here.starts_with(key));
        let Some((key, kind)) = known else {
            continue;
        };
        let value = here.get(key.len()..).and_then(value).unwrap_or_default();
        let fact = Fact::new(*kind, value.trim());
        if !fact.value().is_empty() && !facts.contains(&fact) {
            facts.push(fact);
        }
        if facts.len() >= FACTS {
            break;
        }
    }
    Ok(facts)
}

/// The text that stands here, in brackets or as hexadecimal digits.
fn value(bytes: &[u8]) -> Option<String> {
    let blanks = bytes
        .iter()
        .take(16)
        .take_while(|it| it.is_ascii_whitespace());
    let blanks = blanks.count();
    let rest = bytes.get(blanks..)?;
    let raw = match rest.split_first()? {
        (b'(', rest) => bracketed(rest)?,
        (b'<', rest) => hexadecimal(rest)?,
        _ => return None,
    };
    Some(text(&raw))
}

/// A text of a PDF: UTF-16 or UTF-8 if it begins with their mark, else Latin-1 but for a few signs.
fn text(raw: &[u8]) -> String {
    match raw.strip_prefix(&[0xFE, 0xFF]) {
        Some(wide) => super::sound::utf16(wide),
        None => match raw.strip_prefix(&[0xEF, 0xBB, 0xBF]) {
            Some(text) => String::from_utf8_lossy(text).into_owned(),
            None => raw.iter().map(|byte| char::from(*byte)).collect(),
        },
    }
}

fn bracketed(bytes: &[u8]) -> Option<Vec<u8>> {
    let (mut text, mut depth, mut rest) =
        (Vec::new(), 0, bytes.iter().copied().take(VALUE).peekable());
    while let Some(byte) = rest.next() {
        match byte {
            b'\\' => match rest.next()? {
                digit @ b'0'..=b'7' => {
                    let mut number = u32::from(digit - b'0');
                    for _ in 0..2 {
                        if let Some(digit) = rest.next_if(|it| matches!(it, b'0'..=b'7')) {
                            number = number * 8 + u32::from(digit - b'0');
                        }
                    }
                    text.push(u8::try_from(number & 0xFF).unwrap_or_default());
                }
                b'n' | b'r' | b't' => text.push(b' '),
                other => text.push(other),
            },
            b'(' => {
                depth += 1;
                text.push(byte);
            }
            b')' if depth == 0 => return Some(text),
            b')' => {
                depth -= 1;
                text.push(byte);
            }
            _ => text.push(byte),
        }
    }
    None
}

fn hexadecimal(bytes: &[u8]) -> Option<Vec<u8>> {
    let end = bytes
        .iter()
        .take(2 * VALUE)
        .position(|byte| *byte == b'>')?;
    let digits: Vec<u8> = bytes
        .get(..end)?
        .iter()
        .filter_map(|byte| char::from(*byte).to_digit(16))
        .filter_map(|digit| u8::try_from(digit).ok())
        .collect();
    let byte = |two: &[u8]| match two {
        [high, low] => high << 4 | low,
        [high] => high << 4,
        _ => 0,
    };
    Some(digits.chunks(2).map(byte).collect())
}
