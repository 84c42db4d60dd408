//! Pictures of kinds that are not looked into, and that have room for a place, a person or a device.
//!
//! Raw photographs, files of drawing programs, and pictures of trades. They are told by their first bytes, so that they
//! can be refused by name: posted as they are they would tell what a JPEG is cleaned of.

/// Where bytes stand, which, and the media type of the files that have them there.
const MARKS: &[(usize, &[u8], &str)] = &[
    (0, b"\0MRM", "image/x-minolta-mrw"),
    (0, b"\0MRI", "image/x-minolta-mrw"),
    (6, b"HEAPCCDR", "image/x-canon-crw"),
    (0, b"FOVb", "image/x-sigma-x3f"),
    (0, b"IIRS", "image/x-olympus-orf"),
    (0, b"MMOR", "image/x-olympus-orf"),
    (0, b"ARECOYK", "image/x-contax-raw"),
    (0x19, b"ARECOYK", "image/x-contax-raw"),
    (0, b"qktk", "image/x-quicktake"),
    (0, b"qktn", "image/x-quicktake"),
    (0, b"FFF\0", "image/x-flir"),
    (0, b"AFF\0", "image/x-flir"),
    (0, b"\x89LFP\r\n\x1A\n", "image/x-lytro"),
    (0, b"\0\0\0\x0CjP  \r\n\x87\n", "image/jp2"),
    (0, b"\xFF\x4F\xFF\x51", "image/j2c"),
    (0, b"II\xBC", "image/jxr"),
    (0, b"BPG\xFB", "image/bpg"),
    (0, b"FLIF", "image/flif"),
    (0, b"\x8AMNG\r\n\x1A\n", "image/x-mng"),
    (0, b"\x8BJNG\r\n\x1A\n", "image/x-jng"),
    (0, b"8BPS", "image/vnd.adobe.photoshop"),
    (0, b"gimp xcf", "image/x-xcf"),
    (0, b"Paint Shop Pro Image File", "image/x-psp"),
    (0, b"%!PS", "image/x-eps"),
    (0, b"\xC5\xD0\xD3\xC6", "image/x-eps"),
    (0, b"\x76\x2F\x31\x01", "image/x-exr"),
    (0, b"#?RADIANCE", "image/vnd.radiance"),
    (0, b"#?RGBE", "image/vnd.radiance"),
    (0, b"SIMPLE  =", "image/fits"),
    (128, b"DICM", "application/dicom"),
    (0, b"DDS |\0\0\0", "image/vnd-ms.dds"),
    (0, b"icns\0", "image/icns"),
    (0, b"PGF", "image/x-pgf"),
    (0, b"ADIF", "audio/x-adif"),
    (0, b"\xFF\x01Exiv2", "image/x-exv"),
    (8, b"ILBM", "image/x-ilbm"),
    (8, b"ACONLIST", "image/x-ani"),
    (8, b"ACONanih", "image/x-ani"),
];

/// Of an icon of Windows, which may be a PNG with texts.
const ICON: &str = "image/vnd.microsoft.icon";

/// Of a bitmap of Windows that has a JPEG, a PNG or a profile of colours in it, or the path of one.
const FILLED: &str = "image/x-ms-bmp";

/// Of pixels in a row behind a head of plain text, in which remarks may stand.
const BARE: &str = "image/x-portable-anymap";

/// The media type of the file that begins with `head`, if it is one of these.
pub(super) fn mime_of(head: &[u8]) -> Option<&'static str> {
    let has = |at: usize, mark: &[u8]| head.get(at..).is_some_and(|rest| rest.starts_with(mark));
    let by_mark = MARKS.iter().find(|(at, mark, _)| has(*at, mark));
    match by_mark {
        Some((_, _, mime)) => Some(mime),
        None if is_icon(head) => Some(ICON),
        None if is_filled(head) => Some(FILLED),
        None => is_bare(head).then_some(BARE),
    }
}

/// Whether `mime` names one of these kinds.
pub(super) fn names(mime: &str) -> bool {
    [ICON, FILLED, BARE].contains(&mime) || MARKS.iter().any(|(_, _, named)| *named == mime)
}

/// An icon or a cursor begins with hardly anything: how many pictures, and where the first one lies behind their list.
fn is_icon(head: &[u8]) -> bool {
    let [0, 0, 1 | 2, 0, low, high, _, _, _, 0, rest @ ..] = head else {
        return false;
    };
    let count = u32::from(u16::from_le_bytes([*low, *high]));
    let place = rest.get(8..).and_then(<[u8]>::first_chunk);
    let place = place.map(|place| u32::from_le_bytes(*place));
    count > 0 && place.is_some_and(|place| (6 + 16 * count..1 << 24).contains(&place))
}

/// A picture of plain pixels begins with its sort, then a remark or its size.
fn is_bare(head: &[u8]) -> bool {
    let [
        b'P',
        b'1'..=b'7' | b'F' | b'f',
        b'\n' | b'\r' | b' ' | b'\t',
        rest @ ..,
    ] = head
    else {
        return false;
    };
    let rest = rest.trim_ascii_start();
    let mut words = rest.split(u8::is_ascii_whitespace);
    let is_number = |word: &[u8]| !word.is_empty() && word.iter().all(u8::is_ascii_digit);
    rest.starts_with(b"#")
        || rest.starts_with(b"WIDTH")
        || (words.next().is_some_and(is_number) && words.next().is_some_and(is_number))
}

fn is_filled(head: &[u8]) -> bool {
    let number = |at: usize| {
        let bytes = head.get(at..).and_then(<[u8]>::first_chunk);
        bytes.map_or(0, |bytes| u32::from_le_bytes(*bytes))
    };
    let len = number(14);
    let has_profile = matches!(head.get(70..74), Some(b"KNIL" | b"DEBM"));
    head.starts_with(b"BM")
        && number(6) == 0
        && ((len >= 40 && matches!(number(30), 4 | 5)) || (len >= 124 && has_profile))
}
