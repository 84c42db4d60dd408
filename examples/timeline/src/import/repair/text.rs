//! Bytes into text: whatever a feed says of its encoding, and whatever it forgets to say.

use std::borrow::Cow;

use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1252};

use crate::failure::Result;

/// Bytes at a file's beginning in which a declaration may stand.
const DECLARATION_BYTES: usize = 1_024;

/// The text of a file.
///
/// A mark of byte order decides. Without one, bytes that are valid UTF-8 are UTF-8, whatever the declaration says: text
/// in another encoding hardly ever is. All else is what the declaration says, Latin-1 being windows-1252 as in browsers,
/// or windows-1252 where nothing or UTF-8 is declared.
pub(in crate::import) fn to_text(mut bytes: Vec<u8>) -> Result<String> {
    if let Some(text) = very_wide(&bytes) {
        return Ok(text);
    }
    if let Some((encoding, mark)) = Encoding::for_bom(&bytes) {
        if encoding != UTF_8 {
            return Ok(encoding.decode_with_bom_removal(&bytes).0.into_owned());
        }
        bytes.drain(..mark);
    }
    if let Some(encoding) = wide(&bytes) {
        return Ok(encoding.decode_without_bom_handling(&bytes).0.into_owned());
    }
    let bytes = match String::from_utf8(bytes) {
        Ok(text) => return Ok(text),
        Err(error) => error.into_bytes(),
    };
    let encoding = declared(&bytes).or_else(|| {
        let is_utf8 = is_mostly_utf8(&bytes);
        (!is_utf8).then_some(WINDOWS_1252)
    });
    match encoding {
        Some(encoding) => Ok(encoding.decode_without_bom_handling(&bytes).0.into_owned()),
        None => Ok(mended(&bytes)),
    }
}

/// Whether more is right than wrong in what should be UTF-8. Now and then, letters of another encoding that stand side by
/// side look like a character of UTF-8.
fn is_mostly_utf8(bytes: &[u8]) -> bool {
    let (mut right, mut wrong) = (0, 0);
    for chunk in bytes.utf8_chunks() {
        right += chunk.valid().chars().filter(|it| !it.is_ascii()).count();
        wrong += usize::from(!chunk.invalid().is_empty());
    }
    right >= wrong
}

/// Text of what should be UTF-8 and is not. A byte by itself is windows-1252, which programs forget to declare and paste
/// among UTF-8; more than one are a character that somebody cut.
fn mended(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        match chunk.invalid() {
            one @ [_] => text.push_str(&WINDOWS_1252.decode_without_bom_handling(one).0),
            [] => {}
            _ => text.push(char::REPLACEMENT_CHARACTER),
        }
    }
    text
}

/// What the beginning of a file says, to tell what it is; it may end in the middle of a character.
pub(in crate::import) fn glance(head: &[u8]) -> String {
    if let Some(text) = very_wide(head) {
        return text;
    }
    let marked = Encoding::for_bom(head).map(|(encoding, _)| encoding);
    let encoding = marked.or_else(|| wide(head)).unwrap_or(UTF_8);
    encoding.decode(head).0.into_owned()
}

/// UTF-16 without a mark shows in the zero beside the first character, which is always one of ASCII.
fn wide(bytes: &[u8]) -> Option<&'static Encoding> {
    match bytes {
        [0, b'<' | b'{' | b'\n' | b' ', ..] => Some(UTF_16BE),
        [b'<' | b'{' | b'\n' | b' ', 0, ..] => Some(UTF_16LE),
        _ => None,
    }
}

/// Signs in a file that may be escaped: each makes it three bytes longer.
const STRAY: usize = 100_000;

/// The text with `<` escaped where no element can begin, as in `1 < 2` and `<3`.
pub(in crate::import) fn without_stray(text: &str) -> Cow<'_, str> {
    let mut whole = String::new();
    let (mut done, mut at, mut count) = (0, 0, 0);
    while let Some(next) = text.get(at..).and_then(|rest| rest.find('<')) {
        at += next;
        let rest = text.get(at..).unwrap_or_default();
        let apart = [("<![CDATA[", "]]>"), ("<!--", "-->")];
        let apart = apart.iter().find(|(start, _)| rest.starts_with(start));
        let begins = |it: char| it.is_alphabetic() || matches!(it, '/' | '!' | '?' | '_' | ':');
        if let Some((_, end)) = apart {
            match rest.find(end) {
                Some(len) => at += len,
                None => break,
            }
        } else if !rest.chars().nth(1).is_some_and(begins) && count < STRAY {
            whole.push_str(text.get(done..at).unwrap_or_default());
            whole.push_str("&lt;");
            (done, count) = (at + 1, count + 1);
        }
        at += 1;
    }
    if count == 0 {
        return Cow::Borrowed(text);
    }
    whole.push_str(text.get(done..).unwrap_or_default());
    Cow::Owned(whole)
}

/// UTF-32, with a mark or without: browsers do not know it, so neither does the crate that knows all other encodings.
fn very_wide(bytes: &[u8]) -> Option<String> {
    let code: fn([u8; 4]) -> u32 = match bytes {
        [0, 0, 0xfe, 0xff, ..] | [0, 0, 0, b'<' | b'{', ..] => u32::from_be_bytes,
        [0xff, 0xfe, 0, 0, ..] | [b'<' | b'{', 0, 0, 0, ..] => u32::from_le_bytes,
        _ => return None,
    };
    let (codes, _) = bytes.as_chunks();
    let text = codes
        .iter()
        .map(|it| char::from_u32(code(*it)).unwrap_or('\u{fffd}'));
    Some(text.filter(|it| *it != '\u{feff}').collect())
}

/// What the declaration says, if that can be another encoding than UTF-8. A name that nobody knows is some Latin one.
fn declared(bytes: &[u8]) -> Option<&'static Encoding> {
    let head = bytes.get(..DECLARATION_BYTES).unwrap_or(bytes);
    let head = String::from_utf8_lossy(head);
    let head = head.trim_start();
    let declaration = head.strip_prefix("<?xml")?.split("?>").next()?;
    let value = declaration.split("encoding").nth(1)?.trim_start();
    let value = value.strip_prefix('=')?.trim_start();
    let quote = value.chars().next().filter(|c| matches!(c, '"' | '\''))?;
    let name = value.split(quote).nth(1)?.trim();
    let encoding = Encoding::for_label(name.as_bytes()).unwrap_or(WINDOWS_1252);
    // Bytes that stand one beside the other are not in UTF-16, whatever is said.
    match encoding {
        it if it == UTF_8 => None,
        it if it == UTF_16LE || it == UTF_16BE => Some(WINDOWS_1252),
        it => Some(it),
    }
}

/// The text that was meant where UTF-8 was read as windows-1252 and written again, so that `\u{e9}` became `\u{c3}\u{a9}`.
///
/// Every other text stays as it is: hardly any is valid UTF-8 by chance, and one sign that is right shows that all are.
pub(in crate::import) fn once(text: String) -> String {
    if text.is_ascii() {
        return text;
    }
    let bytes: Option<Vec<u8>> = text.chars().map(narrow).collect();
    let meant = bytes.and_then(|bytes| String::from_utf8(bytes).ok());
    meant.unwrap_or(text)
}

/// The byte that windows-1252 has for a character. Bytes that it has none for are read as controls.
fn narrow(sign: char) -> Option<u8> {
    if let Ok(byte) = u8::try_from(u32::from(sign)) {
        return Some(byte);
    }
    let mut utf8 = [0; 4];
    let (bytes, _, unknown) = WINDOWS_1252.encode(sign.encode_utf8(&mut utf8));
    bytes.first().copied().filter(|_| !unknown)
}

/// The character that `&#146;` and the like mean: HTML reads these as windows-1252, and so did who wrote them.
pub(super) fn from_c1(code: u32) -> Option<char> {
    let byte = u8::try_from(code)
        .ok()
        .filter(|it| (0x80..=0x9f).contains(it))?;
    let (text, _) = WINDOWS_1252.decode_without_bom_handling(std::slice::from_ref(&byte));
    text.chars().next()
}
