//! Tags of M4A: a list of items in the user data of a film. The reader of boxes takes all user data off; of a piece of
//! music a list is written anew in its place, if there is room for it.

use super::How;
use super::tags::Tags;
use crate::pictures::boxes::{Head, each};
use crate::pictures::error::Fault;
use crate::pictures::facts::{Fact, FactKind};
use crate::pictures::patch::{Patch, Scratch};
use crate::pictures::scan::{Scan, index};

/// Bytes of a list that are looked at.
const LIST_BYTES: usize = 16 << 20;

/// Items that are texts; the first of a kind is the one that is written.
const TEXTS: &[(&[u8; 4], FactKind)] = &[
    (b"\xA9nam", FactKind::Title),
    (b"\xA9ART", FactKind::Artist),
    (b"\xA9alb", FactKind::Album),
    (b"aART", FactKind::AlbumArtist),
    (b"\xA9day", FactKind::Year),
    (b"\xA9gen", FactKind::Genre),
    (b"\xA9wrt", FactKind::Composer),
    (b"cprt", FactKind::Copyright),
    (b"\xA9cmt", FactKind::Comment),
    (b"desc", FactKind::Comment),
    (b"\xA9lyr", FactKind::Lyrics),
    (b"\xA9too", FactKind::Software),
    (b"\xA9enc", FactKind::Software),
    (b"apID", FactKind::Other),
    (b"ownr", FactKind::Other),
    (b"purd", FactKind::Time),
];

/// Items of two numbers: the place, and how many there are.
const NUMBERS: &[(&[u8; 4], FactKind)] = &[(b"trkn", FactKind::Track), (b"disk", FactKind::Disc)];

/// The user data of a film that has a list of items.
#[derive(Debug)]
pub(in crate::pictures) struct Listed {
    at: u64,
    len: u64,
    tags: Tags,
}

impl Listed {
    /// Looks for it; what cannot be read is not there.
    pub(in crate::pictures) fn find<F: Scratch>(patch: &mut Patch<'_, F>) -> Option<Self> {
        let (mut found, len) = (None, patch.len());
        let _until_it_makes_no_sense = each(patch, 0, len, |patch, moov| {
            if &moov.name != b"moov" {
                return Ok(());
            }
            each(patch, moov.body, moov.end, |patch, udta| {
                if &udta.name == b"udta" && found.is_none() {
                    found = list_in(patch, udta)?.map(|bytes| Self {
                        at: udta.at,
                        len: udta.end - udta.at,
                        tags: items(&bytes),
                    });
                }
                Ok(())
            })
        });
        found
    }

    /// Writes what is kept of it where it stood.
    pub(in crate::pictures) fn write<F: Scratch>(
        &self,
        patch: &mut Patch<'_, F>,
        how: How,
    ) -> Result<(), Fault> {
        match self.renewed(how) {
            Some((_, user)) => patch.write(self.at, &user),
            None => Ok(()),
        }
    }

    /// What it tells afterwards.
    pub(in crate::pictures) fn facts(&self, how: How) -> Vec<Fact> {
        match (how, self.renewed(how)) {
            (How::Keep, _) => self.tags.facts(true),
            (_, Some((tags, _))) => tags.facts(false),
            (_, None) => Vec::new(),
        }
    }

    /// What is kept, and how it is written; none if nothing is.
    fn renewed(&self, how: How) -> Option<(Tags, Vec<u8>)> {
        let whole = how.kept(&self.tags)?;
        for tags in [whole.clone(), whole.without_cover()] {
            let mut user = user_data(&tags);
            let len = u64::try_from(user.len()).ok()?;
            let left = u32::try_from(self.len.checked_sub(len).unwrap_or(1)).ok()?;
            // What is left over is a box of its own, if it is enough for one.
            if left >= 8 {
                user.extend(left.to_be_bytes());
                user.extend(b"free");
            }
            if left == 0 || left >= 8 {
                return Some((tags, user));
            }
        }
        None
    }
}

/// The content of the list of items in user data.
fn list_in<F: Scratch>(patch: &mut Patch<'_, F>, udta: &Head) -> Result<Option<Vec<u8>>, Fault> {
    let mut list = None;
    each(patch, udta.body, udta.end, |patch, meta| {
        if &meta.name != b"meta" {
            return Ok(());
        }
        // QuickTime has no version here.
        let [_, _, _, _, a, b, c, d] = patch.peek::<8>(meta.body)?;
        let skipped = if &[a, b, c, d] == b"hdlr" { 0 } else { 4 };
        each(patch, meta.body + skipped, meta.end, |patch, ilst| {
            if &ilst.name == b"ilst" && list.is_none() {
                list = Some(patch.load(ilst.body, ilst.end, LIST_BYTES)?);
            }
            Ok(())
        })
    })?;
    Ok(list)
}

fn items(bytes: &[u8]) -> Tags {
    let (mut tags, mut scan) = (Tags::default(), Scan::new(bytes));
    while let Ok((name, content)) = part(&mut scan) {
        let mut inner = Scan::new(content);
        while let Ok((data, content)) = part(&mut inner) {
            // A type and a language stand before the value.
            let value = content.get(8..).unwrap_or_default();
            if &data == b"data" {
                item(name, value, &mut tags);
            }
        }
    }
    tags
}

fn part<'a>(scan: &mut Scan<'a>) -> Result<([u8; 4], &'a [u8]), Fault> {
    let size = index(scan.u32()?)?;
    let name = scan.array()?;
    Ok((name, scan.take(size.checked_sub(8).ok_or(Fault::Cut)?)?))
}

fn item(name: [u8; 4], value: &[u8], tags: &mut Tags) {
    if &name == b"covr" {
        return tags.add_cover(value);
    }
    if let Some((_, kind)) = NUMBERS.iter().find(|(known, _)| **known == name) {
        if let [_, _, a, b, c, d, ..] = value {
            let (nth, of) = (u16::from_be_bytes([*a, *b]), u16::from_be_bytes([*c, *d]));
            match (nth, of) {
                (0, _) => {}
                (nth, 0) => tags.add(*kind, &nth.to_string()),
                (nth, of) => tags.add(*kind, &format!("{nth}/{of}")),
            }
        }
        return;
    }
    if let Some((_, kind)) = TEXTS.iter().find(|(known, _)| **known == name) {
        tags.add(*kind, &String::from_utf8_lossy(value));
    }
}

/// User data that say what is kept of a piece of music.
fn user_data(tags: &Tags) -> Vec<u8> {
    let data = |kind: u32, value: &[u8]| boxed(b"data", &[&kind.to_be_bytes()[..], &[0; 4], value]);
    let (mut list, mut done) = (Vec::new(), Vec::new());
    for (kind, _) in tags.kept() {
        let line = tags.line(kind).filter(|_| !done.contains(&kind));
        let Some(line) = line else {
            continue;
        };
        done.push(kind);
        if let Some((name, _)) = NUMBERS.iter().find(|(_, of)| *of == kind) {
            let mut numbers = line.split('/').map(|part| part.trim().parse::<u16>());
            let mut next = || {
                numbers
                    .next()
                    .and_then(Result::ok)
                    .unwrap_or_default()
                    .to_be_bytes()
            };
            let value = [&[0, 0][..], &next(), &next(), &[0, 0]].concat();
            list.extend(boxed(name, &[&data(0, &value)]));
        } else if let Some((name, _)) = TEXTS.iter().find(|(_, of)| *of == kind) {
            list.extend(boxed(name, &[&data(1, line.as_bytes())]));
        }
    }
    if let Some(cover) = tags.cover() {
        let kind = if cover.mime == "image/png" { 14 } else { 13 };
        list.extend(boxed(b"covr", &[&data(kind, &cover.bytes)]));
    }
    let handler = boxed(b"hdlr", &[&[0; 8], b"mdirappl", &[0; 9]]);
    let list = boxed(b"ilst", &[&list]);
    let meta = boxed(b"meta", &[&[0; 4], &handler, &list]);
    boxed(b"udta", &[&meta])
}

fn boxed(name: &[u8; 4], parts: &[&[u8]]) -> Vec<u8> {
    let content = parts.concat();
    let len = u32::try_from(content.len() + 8).unwrap_or(u32::MAX);
    [&len.to_be_bytes()[..], name, &content].concat()
}
