//! Tags that stand behind a sound: ID3v1, APEv2, Lyrics3, and ID3v2 with a footer.

use super::id3;
use super::tags::Tags;
use crate::pictures::error::Fault;
use crate::pictures::facts::FactKind;
use crate::pictures::patch::{Patch, Scratch};

/// Tags one behind the other; a file has at most three.
const MOST: usize = 16;

/// Bytes that Lyrics3 of the first version may have.
const OLD_LYRICS: u64 = 5_120;

/// Where what stands behind a sound begins, and what it says.
pub(super) fn look<F: Scratch>(
    patch: &mut Patch<'_, F>,
    from: u64,
    to: u64,
) -> Result<(u64, Tags), Fault> {
    let (mut end, mut tags) = (to, Tags::default());
    for _ in 0..MOST {
        let Some((start, mut more)) = last(patch, from, end)? else {
            break;
        };
        // The very last one has room for thirty characters only.
        more.join(tags);
        (end, tags) = (start, more);
    }
    Ok((end, tags))
}

/// The tag that ends at `end`.
fn last<F: Scratch>(
    patch: &mut Patch<'_, F>,
    from: u64,
    end: u64,
) -> Result<Option<(u64, Tags)>, Fault> {
    let back = |count: u64| end.checked_sub(count).filter(|at| *at >= from);
    if let Some(at) = back(128) {
        let tag = patch.read::<128>(at)?;
        if tag.starts_with(b"TAG") {
            let wide = at.checked_sub(227).filter(|at| *at >= from);
            let has_more = match wide {
                Some(wide) => &patch.read::<4>(wide)? == b"TAG+",
                None => false,
            };
            let at = wide.filter(|_| has_more).unwrap_or(at);
            return Ok(Some((at, id3::read_first_version(&tag))));
        }
    }
    if let Some(at) = back(32) {
        let footer = patch.read::<32>(at)?;
        if footer.starts_with(b"APETAGEX") {
            return ape(patch, from, end, footer);
        }
    }
    if let Some(at) = back(15) {
        let [size @ .., _, _, _, _, _, _, _, _, _] = patch.read::<15>(at)?;
        let mark = patch.read::<9>(at + 6)?;
        if &mark == b"LYRICS200" {
            let size = std::str::from_utf8(&size)
                .ok()
                .and_then(|it| it.parse::<u64>().ok());
            let start = size.and_then(|size| at.checked_sub(size));
            return Ok(start
                .filter(|start| *start >= from)
                .map(|start| (start, Tags::default())));
        }
        if &mark == b"LYRICSEND" {
            let near = at.saturating_sub(OLD_LYRICS).max(from);
            let bytes = patch.load(near, at, 1 << 14)?;
            let start = bytes.windows(11).rposition(|at| at == b"LYRICSBEGIN");
            let start = start.and_then(|start| u64::try_from(start).ok());
            return Ok(start.map(|start| (near + start, Tags::default())));
        }
    }
    if let Some(at) = back(20) {
        let mut footer = patch.read::<10>(end - 10)?;
        if footer.starts_with(b"3DI") {
            footer[..3].copy_from_slice(b"ID3");
            let start = id3::len(footer).and_then(|len| end.checked_sub(len));
            if let Some(start) = start.filter(|start| *start >= from && *start <= at) {
                let bytes = patch
                    .load(start, end - 10, id3::TAG_BYTES)
                    .unwrap_or_default();
                return Ok(Some((start, id3::read(&bytes))));
            }
        }
    }
    Ok(None)
}

/// The length of the APEv2 tag that begins with these bytes.
pub(super) fn ape_len(head: [u8; 32]) -> Option<u64> {
    let [
        b'A',
        b'P',
        b'E',
        b'T',
        b'A',
        b'G',
        b'E',
        b'X',
        _,
        _,
        _,
        _,
        a,
        b,
        c,
        d,
        ..,
    ] = head
    else {
        return None;
    };
    Some(32 + u64::from(u32::from_le_bytes([a, b, c, d])))
}

fn ape<F: Scratch>(
    patch: &mut Patch<'_, F>,
    from: u64,
    end: u64,
    footer: [u8; 32],
) -> Result<Option<(u64, Tags)>, Fault> {
    let [
        _,
        _,
        _,
        _,
        _,
        _,
        _,
        _,
        _,
        _,
        _,
        _,
        s0,
        s1,
        s2,
        s3,
        _,
        _,
        _,
        _,
        _,
        _,
        _,
        flags,
        ..,
    ] = footer;
    let size = u64::from(u32::from_le_bytes([s0, s1, s2, s3]));
    let Some(first) = end.checked_sub(size).filter(|at| *at >= from && size >= 32) else {
        // A tag that claims more than there is: all of it that is sure is its end.
        return Ok(Some((end - 32, Tags::default())));
    };
    let items = patch
        .load(first, end - 32, id3::TAG_BYTES)
        .unwrap_or_default();
    let head = if flags & 0x80 != 0 { 32 } else { 0 };
    let start = first.checked_sub(head).filter(|at| *at >= from);
    Ok(Some((start.unwrap_or(first), items_of(&items))))
}

/// What the items of an APEv2 tag say.
pub(super) fn items_of(bytes: &[u8]) -> Tags {
    let (mut tags, mut rest) = (Tags::default(), bytes);
    for _ in 0..1_024 {
        let Some((size, after)) = rest.split_first_chunk::<4>() else {
            break;
        };
        let after = after.get(4..).unwrap_or_default();
        let Some(end) = after.iter().take(256).position(|byte| *byte == 0) else {
            break;
        };
        let (key, value) = after.split_at_checked(end).unwrap_or_default();
        let value = value.get(1..).unwrap_or_default();
        let size = usize::try_from(u32::from_le_bytes(*size)).unwrap_or(usize::MAX);
        let Some((value, behind)) = value.split_at_checked(size) else {
            break;
        };
        rest = behind;
        item(&key.to_ascii_lowercase(), value, &mut tags);
    }
    tags
}

fn item(key: &[u8], value: &[u8], tags: &mut Tags) {
    let kind = match key {
        b"title" => FactKind::Title,
        b"artist" => FactKind::Artist,
        b"album" => FactKind::Album,
        b"album artist" => FactKind::AlbumArtist,
        b"track" => FactKind::Track,
        b"disc" => FactKind::Disc,
        b"year" => FactKind::Year,
        b"genre" => FactKind::Genre,
        b"composer" => FactKind::Composer,
        b"copyright" => FactKind::Copyright,
        b"comment" => FactKind::Comment,
        b"lyrics" => FactKind::Lyrics,
        b"record location" => FactKind::Place,
        b"cover art (front)" => {
            let name = value.iter().take(256).position(|byte| *byte == 0);
            let picture = name.and_then(|end| value.get(end + 1..));
            return tags.add_cover(picture.unwrap_or_default());
        }
        _ => return,
    };
    for text in String::from_utf8_lossy(value).split('\0') {
        tags.add(kind, text);
    }
}
