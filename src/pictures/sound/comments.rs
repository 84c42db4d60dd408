//! The comments of Xiph: the tags of Vorbis, Opus, Speex, Theora and FLAC.

use data_encoding::BASE64;

use super::tags::Tags;
use crate::pictures::error::Fault;
use crate::pictures::facts::FactKind;
use crate::pictures::scan::{Scan, index};

/// Comments of one list that are looked at.
const COMMENTS: u32 = 4_096;

/// Names of comments that are read; the first of a kind is the one that is written.
const NAMES: &[(&str, FactKind)] = &[
    ("TITLE", FactKind::Title),
    ("ARTIST", FactKind::Artist),
    ("PERFORMER", FactKind::Artist),
    ("ALBUM", FactKind::Album),
    ("ALBUMARTIST", FactKind::AlbumArtist),
    ("ALBUM ARTIST", FactKind::AlbumArtist),
    ("TRACKNUMBER", FactKind::Track),
    ("TRACK", FactKind::Track),
    ("DISCNUMBER", FactKind::Disc),
    ("DISC", FactKind::Disc),
    ("DATE", FactKind::Year),
    ("YEAR", FactKind::Year),
    ("GENRE", FactKind::Genre),
    ("COMPOSER", FactKind::Composer),
    ("COPYRIGHT", FactKind::Copyright),
    ("COMMENT", FactKind::Comment),
    ("DESCRIPTION", FactKind::Comment),
    ("LYRICS", FactKind::Lyrics),
    ("UNSYNCEDLYRICS", FactKind::Lyrics),
    ("LOCATION", FactKind::Place),
    ("CONTACT", FactKind::Other),
    ("ENCODER", FactKind::Software),
    ("ENCODED-BY", FactKind::Software),
];

const PICTURE: &str = "METADATA_BLOCK_PICTURE";

/// Reads a list of comments. What makes no sense in it is passed over: none of it will be kept.
pub(super) fn read(bytes: &[u8]) -> Tags {
    let mut tags = Tags::default();
    let _read_until_it_makes_no_sense = comments(bytes, &mut tags);
    tags
}

fn comments(bytes: &[u8], tags: &mut Tags) -> Result<(), Fault> {
    let mut scan = Scan::new(bytes);
    let vendor = scan.u32_le()?;
    let vendor = scan.take(index(vendor)?)?;
    for _ in 0..scan.u32_le()?.min(COMMENTS) {
        let len = scan.u32_le()?;
        let comment = scan.take(index(len)?)?;
        let Some(at) = comment.iter().take(64).position(|byte| *byte == b'=') else {
            continue;
        };
        let (name, value) = comment.split_at_checked(at).unwrap_or_default();
        let value = value.get(1..).unwrap_or_default();
        if name.eq_ignore_ascii_case(PICTURE.as_bytes()) {
            let block = BASE64.decode(value).unwrap_or_default();
            picture(&block, tags);
            continue;
        }
        let known = NAMES
            .iter()
            .find(|(known, _)| name.eq_ignore_ascii_case(known.as_bytes()));
        if let Some((_, kind)) = known {
            tags.add(*kind, &String::from_utf8_lossy(value));
        }
    }
    tags.add(FactKind::Software, &String::from_utf8_lossy(vendor));
    Ok(())
}

/// Reads the picture block of FLAC.
pub(super) fn picture(block: &[u8], tags: &mut Tags) {
    let found = || -> Result<&[u8], Fault> {
        let mut scan = Scan::new(block);
        let _what_it_shows = scan.u32()?;
        for _ in 0..2 {
            let len = scan.u32()?;
            scan.take(index(len)?)?;
        }
        scan.take(16)?;
        let len = scan.u32()?;
        scan.take(index(len)?)
    };
    tags.add_cover(found().unwrap_or_default());
}

/// The picture block that shows the cover.
pub(super) fn picture_block(tags: &Tags) -> Option<Vec<u8>> {
    let cover = tags.cover()?;
    let len = |len: usize| u32::try_from(len).unwrap_or(u32::MAX).to_be_bytes();
    // The front.
    let mut block = 3u32.to_be_bytes().to_vec();
    block.extend(len(cover.mime.len()));
    block.extend(cover.mime.as_bytes());
    // No words.
    block.extend(len(0));
    block.extend(cover.width.to_be_bytes());
    block.extend(cover.height.to_be_bytes());
    // Depth and colours are not told.
    block.extend([0; 8]);
    block.extend(len(cover.bytes.len()));
    block.extend(&cover.bytes);
    Some(block)
}

/// A list that says what is kept of a piece of music, or nothing.
pub(super) fn write(tags: Option<&Tags>, with_cover: bool) -> Vec<u8> {
    let mut comments = Vec::new();
    for (kind, text) in tags.into_iter().flat_map(Tags::kept) {
        let known = NAMES.iter().find(|(_, of)| *of == kind);
        if let Some((name, _)) = known {
            comments.push(format!("{name}={text}"));
        }
    }
    let block = tags.filter(|_| with_cover).and_then(picture_block);
    comments.extend(block.map(|block| format!("{PICTURE}={}", BASE64.encode(&block))));
    let len = |len: usize| u32::try_from(len).unwrap_or(u32::MAX).to_le_bytes();
    // Nobody made it.
    let mut list = len(0).to_vec();
    list.extend(len(comments.len()));
    for comment in comments {
        list.extend(len(comment.len()));
        list.extend(comment.into_bytes());
    }
    list
}
