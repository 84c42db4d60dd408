//! Tags of MP3, and of AAC, WAV and AIFF files that borrow them: ID3v2 of all versions is read, version 2.3 is written,
//! which every player knows.

use super::tags::Tags;
use crate::pictures::error::Fault;
use crate::pictures::facts::FactKind;
use crate::pictures::scan::Scan;

/// Bytes of one tag that are looked through. A longer one, which only the largest covers make, goes as a whole.
pub(super) const TAG_BYTES: usize = 16 << 20;

/// Frames of one tag that are looked at.
const FRAMES: usize = 1_024;

/// Frames that are read, by their names of version 2.2 and of the later ones.
const TEXTS: &[(&[u8], &[u8], FactKind)] = &[
    (b"TT2", b"TIT2", FactKind::Title),
    (b"TP1", b"TPE1", FactKind::Artist),
    (b"TAL", b"TALB", FactKind::Album),
    (b"TP2", b"TPE2", FactKind::AlbumArtist),
    (b"TRK", b"TRCK", FactKind::Track),
    (b"TPA", b"TPOS", FactKind::Disc),
    (b"TYE", b"TYER", FactKind::Year),
    (b"TYE", b"TDRC", FactKind::Year),
    (b"TYE", b"TDRL", FactKind::Year),
    (b"TCO", b"TCON", FactKind::Genre),
    (b"TCM", b"TCOM", FactKind::Composer),
    (b"TCR", b"TCOP", FactKind::Copyright),
    (b"TEN", b"TENC", FactKind::Software),
    (b"TSS", b"TSSE", FactKind::Software),
    (b"TOW", b"TOWN", FactKind::Other),
    (b"TRD", b"TRDA", FactKind::Time),
];

/// The whole length of the tag that begins with these ten bytes, if one does.
pub(super) fn len(head: [u8; 10]) -> Option<u64> {
    let [b'I', b'D', b'3', version, revision, flags, size @ ..] = head else {
        return None;
    };
    let is_one = version < 0xFF && revision < 0xFF && size.iter().all(|byte| *byte < 0x80);
    let footer = if flags & 0x10 != 0 { 10 } else { 0 };
    is_one.then(|| 10 + u64::from(seven(size)) + footer)
}

/// A number of 28 bits, seven to a byte.
fn seven([a, b, c, d]: [u8; 4]) -> u32 {
    let part = |byte: u8, shift: u32| u32::from(byte & 0x7F) << shift;
    part(a, 21) | part(b, 14) | part(c, 7) | part(d, 0)
}

/// Reads a whole tag. What makes no sense in it is passed over: none of it will be kept.
pub(super) fn read(bytes: &[u8]) -> Tags {
    let mut tags = Tags::default();
    let _read_until_it_makes_no_sense = frames(bytes, &mut tags);
    tags
}

fn frames(bytes: &[u8], tags: &mut Tags) -> Result<(), Fault> {
    let mut scan = Scan::new(bytes);
    let [_, _, _, version, _, flags, ..] = scan.array::<10>()?;
    let rest = scan.rest();
    let plain = match version < 4 && flags & 0x80 != 0 {
        true => synchronised(rest),
        false => rest.to_vec(),
    };
    let mut scan = Scan::new(&plain);
    if version >= 3 && flags & 0x40 != 0 {
        let size = scan.array()?;
        let further = match version {
            3 => u32::from_be_bytes(size),
            _ => seven(size).saturating_sub(4),
        };
        scan.take(crate::pictures::scan::index(further)?)?;
    }
    for _ in 0..FRAMES {
        let Some(frame) = frame(&mut scan, version)? else {
            break;
        };
        if let Some(content) = opened(version, frame.flags, frame.content) {
            fact(frame.name, version, &content, tags);
        }
    }
    Ok(())
}

/// A frame as it stands in a tag.
#[derive(Debug)]
struct Frame<'a> {
    name: &'a [u8],
    flags: u8,
    content: &'a [u8],
}

/// The next frame, if there is one.
fn frame<'a>(scan: &mut Scan<'a>, version: u8) -> Result<Option<Frame<'a>>, Fault> {
    if scan.is_empty() {
        return Ok(None);
    }
    let name = scan.take(if version < 3 { 3 } else { 4 })?;
    if name.first() == Some(&0) {
        return Ok(None);
    }
    let (size, flags) = if version < 3 {
        let [a, b, c] = scan.array()?;
        (u32::from_be_bytes([0, a, b, c]), 0)
    } else {
        let size = scan.array::<4>()?;
        let [_, flags] = scan.array()?;
        // Some programs write sizes of version 2.4 as those of version 2.3.
        let is_plain = version == 3 || size.iter().any(|byte| *byte >= 0x80);
        match is_plain {
            true => (u32::from_be_bytes(size), flags),
            false => (seven(size), flags),
        }
    };
    let content = scan.take(crate::pictures::scan::index(size)?)?;
    Ok(Some(Frame {
        name,
        flags,
        content,
    }))
}

/// What is in a frame, if it is neither compressed nor encrypted.
fn opened(version: u8, flags: u8, content: &[u8]) -> Option<Vec<u8>> {
    if version < 4 {
        let skipped = usize::from(flags & 0x20 != 0);
        return (flags & 0xC0 == 0).then(|| content.get(skipped..).unwrap_or_default().to_vec());
    }
    if flags & 0x0C != 0 {
        return None;
    }
    let skipped = usize::from(flags & 0x40 != 0) + if flags & 1 != 0 { 4 } else { 0 };
    let content = content.get(skipped..)?;
    Some(match flags & 2 != 0 {
        true => synchronised(content),
        false => content.to_vec(),
    })
}

/// Takes the zeros out that were put behind bytes of ones.
fn synchronised(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len());
    let mut before = 0;
    for byte in bytes {
        if !(before == 0xFF && *byte == 0) {
            out.push(*byte);
        }
        before = *byte;
    }
    out
}

fn fact(name: &[u8], version: u8, content: &[u8], tags: &mut Tags) {
    let Some((encoding, content)) = content.split_first() else {
        return;
    };
    match name {
        // A language, a title and a text; one with a title is of a program.
        b"COMM" | b"COM" | b"USLT" | b"ULT" => {
            let (title, text) = split(*encoding, content.get(3..).unwrap_or_default());
            let kind = match name.first() {
                Some(b'C') => FactKind::Comment,
                _ => FactKind::Lyrics,
            };
            if kind == FactKind::Lyrics || decoded(*encoding, title).is_empty() {
                tags.add(kind, &decoded(*encoding, text));
            }
        }
        b"APIC" | b"PIC" => {
            let rest = match version < 3 {
                true => content.get(3..).unwrap_or_default(),
                false => split(0, content).1,
            };
            let (_, picture) = split(*encoding, rest.get(1..).unwrap_or_default());
            tags.add_cover(picture);
        }
        _ => {
            let known = TEXTS
                .iter()
                .find(|(old, new, _)| name == *old || name == *new);
            if let Some((_, _, kind)) = known {
                for text in decoded(*encoding, content).split('\0') {
                    tags.add(*kind, text);
                }
            }
        }
    }
}

/// What stands before and behind the first end of a text.
fn split(encoding: u8, bytes: &[u8]) -> (&[u8], &[u8]) {
    let wide = matches!(encoding, 1 | 2);
    let (step, end) = if wide {
        (2, &[0, 0][..])
    } else {
        (1, &[0][..])
    };
    let at = bytes.chunks(step).position(|at| at == end);
    let at = at.map_or(bytes.len(), |at| at * step);
    let (text, rest) = bytes.split_at_checked(at).unwrap_or((bytes, &[]));
    (text, rest.get(step..).unwrap_or_default())
}

fn decoded(encoding: u8, bytes: &[u8]) -> String {
    match encoding {
        1 => utf16(bytes, false),
        2 => utf16(bytes, true),
        3 => String::from_utf8_lossy(bytes).into_owned(),
        _ => latin1(bytes),
    }
}

pub(super) fn latin1(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| char::from(*byte)).collect()
}

pub(super) fn utf16(bytes: &[u8], big: bool) -> String {
    let (big, bytes) = match bytes {
        [0xFE, 0xFF, rest @ ..] => (true, rest),
        [0xFF, 0xFE, rest @ ..] => (false, rest),
        _ => (big, bytes),
    };
    let units = bytes.chunks_exact(2).filter_map(|two| {
        let two = <[u8; 2]>::try_from(two).ok()?;
        Some(match big {
            true => u16::from_be_bytes(two),
            false => u16::from_le_bytes(two),
        })
    });
    // The mark of the byte order stands before each of several texts.
    let text = char::decode_utf16(units).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER));
    text.filter(|c| *c != '\u{FEFF}').collect()
}

/// Reads the 128 bytes at the end of many files.
pub(super) fn read_first_version(bytes: &[u8]) -> Tags {
    let mut tags = Tags::default();
    let fields = [
        (3, 33, FactKind::Title),
        (33, 63, FactKind::Artist),
        (63, 93, FactKind::Album),
        (93, 97, FactKind::Year),
        (97, 125, FactKind::Comment),
    ];
    for (from, to, kind) in fields {
        let field = bytes.get(from..to).unwrap_or_default();
        let (text, _) = split(0, field);
        tags.add(kind, &latin1(text));
    }
    tags
}

/// A tag of version 2.3 that says what is kept of a piece of music.
pub(super) fn write(tags: &Tags) -> Vec<u8> {
    let mut frames = Vec::new();
    let mut done = Vec::new();
    for (kind, _) in tags.kept() {
        if done.contains(&kind) {
            continue;
        }
        done.push(kind);
        let text = tags.line(kind).unwrap_or_default();
        match kind {
            FactKind::Comment => push(&mut frames, b"COMM", &described(&text)),
            FactKind::Lyrics => push(&mut frames, b"USLT", &described(&text)),
            kind => {
                let known = TEXTS.iter().find(|(_, _, of)| *of == kind);
                let mut content = vec![1];
                content.extend(encoded(&text));
                push(
                    &mut frames,
                    known.map_or(b"TXXX", |(_, name, _)| name),
                    &content,
                );
            }
        }
    }
    if let Some(cover) = tags.cover() {
        let mut content = vec![0];
        content.extend(cover.mime.as_bytes());
        // The front, without words.
        content.extend([0, 3, 0]);
        content.extend(&cover.bytes);
        push(&mut frames, b"APIC", &content);
    }
    let size = u32::try_from(frames.len()).unwrap_or(u32::MAX);
    let part = |shift: u32| u8::try_from((size >> shift) & 0x7F).unwrap_or_default();
    let mut tag = b"ID3\x03\0\0".to_vec();
    tag.extend([part(21), part(14), part(7), part(0)]);
    tag.extend(frames);
    tag
}

fn push(frames: &mut Vec<u8>, name: &[u8], content: &[u8]) {
    frames.extend(name);
    frames.extend(
        u32::try_from(content.len())
            .unwrap_or(u32::MAX)
            .to_be_bytes(),
    );
    frames.extend([0, 0]);
    frames.extend(content);
}

/// A text of an undetermined language, without a title.
fn described(text: &str) -> Vec<u8> {
    let mut content = b"\x01und\xFF\xFE\0\0".to_vec();
    content.extend(encoded(text));
    content
}

fn encoded(text: &str) -> Vec<u8> {
    let mut bytes = vec![0xFF, 0xFE];
    bytes.extend(text.encode_utf16().flat_map(u16::to_le_bytes));
    bytes
}
