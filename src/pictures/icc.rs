//! Colour profiles (ICC.1), cut to what the computing of colours needs.
//!
//! A profile of a camera or a display names its maker, its model, sometimes its serial number and its owner, and when
//! it was measured. None of that changes a colour. What is kept are the tags that colours are computed from, by a list,
//! each written anew in the length its type has, so that nothing hides behind a number. The rest of the file is fixed:
//! profiles that compute the same colours become the same bytes.
//!
//! A profile that makes no sense is dropped, as those who show pictures ignore it too.

use std::collections::BTreeMap;

use bytes::Bytes;

use super::error::Fault;
use super::scan::{Scan, index};

mod lut;

/// Bytes of the header of a profile.
const HEADER: usize = 128;

/// Bytes of a profile that is looked at. Those of presses have some two million.
pub(super) const LARGEST: usize = 8 << 20;

/// Tags looked at in one profile; the fullest have some 30.
const TAGS: u32 = 200;

/// The white that all profiles are connected by, D50 in numbers of 16.16 bits.
const WHITE: [u8; 12] = [0, 0, 0xF6, 0xD6, 0, 1, 0, 0, 0, 0, 0xD3, 0x2D];

/// The tags that colours are computed from.
const KEPT: &[&[u8; 4]] = &[
    b"A2B0", b"A2B1", b"A2B2", b"B2A0", b"B2A1", b"B2A2", b"rXYZ", b"gXYZ", b"bXYZ", b"rTRC",
    b"gTRC", b"bTRC", b"kTRC", b"wtpt", b"bkpt", b"chad", b"gamt", b"cicp",
];

/// What the required texts say. One in the place of a name, since a profile without any is not valid.
const NAME: &str = "Colours";
const RIGHTS: &str = "None stated";

/// The profile with nothing in it but what colours are computed from, or none if it makes no sense.
///
/// It is never more than 300 bytes longer than it was. Cut again it stays as it is.
pub(super) fn cut(profile: &[u8]) -> Option<Vec<u8>> {
    let (header, tags) = read(profile).ok()?;
    Some(write(&header, &tags, true))
}

/// The same in exactly as many bytes as before, for a place that cannot grow or shrink: zeros are put behind it, and the
/// texts are left out where there is no room for them.
pub(super) fn cut_in_place(profile: &[u8]) -> Option<Vec<u8>> {
    let (header, tags) = read(profile).ok()?;
    let with_texts = write(&header, &tags, true);
    let mut out = match with_texts.len() <= profile.len() {
        true => with_texts,
        false => write(&header, &tags, false),
    };
    if out.len() > profile.len() {
        return None;
    }
    out.resize(profile.len(), 0);
    Some(out)
}

type Tags = BTreeMap<[u8; 4], Bytes>;

fn read(profile: &[u8]) -> Result<([u8; HEADER], Tags), Fault> {
    if profile.len() > LARGEST {
        return Err(Fault::Odd("a profile that is too long"));
    }
    let mut scan = Scan::new(profile);
    let header = header(&scan.array()?)?;
    let mut tags = Tags::new();
    // Tags may share a value; values that lie upon one another in other ways would make more of it than there was.
    let (mut known, mut room) = (BTreeMap::new(), profile.len());
    for _ in 0..scan.u32()?.min(TAGS) {
        let (name, at, len) = (scan.array::<4>()?, index(scan.u32()?)?, index(scan.u32()?)?);
        if !KEPT.contains(&&name) || tags.contains_key(&name) {
            continue;
        }
        if let Some(shared) = known.get(&(at, len)) {
            tags.insert(name, Bytes::clone(shared));
            continue;
        }
        let body = at.checked_add(len).and_then(|end| profile.get(at..end));
        if let Some(value) = body.and_then(|body| value(&name, body).ok()) {
            room = room.checked_sub(value.len()).ok_or(Fault::Cut)?;
            let value = Bytes::from(value);
            known.insert((at, len), value.clone());
            tags.insert(name, value);
        }
    }
    // A profile that lost what it computes with would be another profile.
    if !computes(&header, &tags) {
        return Err(Fault::Odd("a profile that computes no colours"));
    }
    Ok((header, tags))
}

/// The header without what says who made the profile, when, on what, and for which device.
fn header(given: &[u8; HEADER]) -> Result<[u8; HEADER], Fault> {
    if given.get(36..40) != Some(b"acsp") {
        return Err(Fault::Odd("no profile"));
    }
    if !matches!(
        given.get(12..16),
        Some(b"mntr" | b"scnr" | b"prtr" | b"spac")
    ) {
        return Err(Fault::Odd("a profile of no device"));
    }
    let mut header = [0; HEADER];
    // Version, class, colours, colours computed with; mark; embedded or not; kind of paper; intent.
    for kept in [8..10, 12..24, 36..40, 47..48, 63..64, 66..68] {
        if let (Some(to), Some(from)) = (header.get_mut(kept.clone()), given.get(kept)) {
            to.copy_from_slice(from);
        }
    }
    if let Some(white) = header.get_mut(68..80) {
        white.copy_from_slice(&WHITE);
    }
    // Only the bits that have a meaning.
    for (at, mask) in [(47, 3), (63, 15)] {
        if let Some(byte) = header.get_mut(at) {
            *byte &= mask;
        }
    }
    Ok(header)
}

/// The value of a tag in the length that its type has.
fn value(name: &[u8; 4], body: &[u8]) -> Result<Vec<u8>, Fault> {
    let mut scan = Scan::new(body);
    let kind = scan.array::<4>()?;
    scan.take(4)?;
    let value = match (name, &kind) {
        (b"wtpt" | b"bkpt" | b"rXYZ" | b"gXYZ" | b"bXYZ", b"XYZ ") => scan.take(12)?.to_vec(),
        (b"rTRC" | b"gTRC" | b"bTRC" | b"kTRC", b"curv" | b"para") => {
            return lut::curve(&mut Scan::new(body));
        }
        (b"chad", b"sf32") => scan.take(36)?.to_vec(),
        (b"cicp", b"cicp") => scan.take(4)?.to_vec(),
        (b"A2B0" | b"A2B1" | b"A2B2" | b"B2A0" | b"B2A1" | b"B2A2" | b"gamt", _) => {
            return lut::table(body);
        }
        _ => return Err(Fault::Odd("a tag of another type")),
    };
    Ok([&kind, [0; 4].as_slice(), &value].concat())
}

/// Whether colours can be computed with what there is.
fn computes(header: &[u8; HEADER], tags: &Tags) -> bool {
    let has = |names: &[&[u8; 4]]| names.iter().all(|name| tags.contains_key(*name));
    let by_table = has(&[b"A2B0"]) || has(&[b"A2B1"]) || has(&[b"A2B2"]);
    by_table
        || match header.get(16..20) {
            Some(b"GRAY") => has(&[b"kTRC"]),
            Some(b"RGB ") => has(&[b"rXYZ", b"gXYZ", b"bXYZ", b"rTRC", b"gTRC", b"bTRC"]),
            _ => false,
        }
}

fn write(header: &[u8; HEADER], tags: &Tags, with_texts: bool) -> Vec<u8> {
    let mut all: Vec<([u8; 4], Bytes)> = Vec::new();
    if with_texts {
        let is_old = header.get(8).is_some_and(|version| *version < 4);
        let (name, rights) = match is_old {
            true => (old_name(), old_text(RIGHTS)),
            false => (text(NAME), text(RIGHTS)),
        };
        all.extend([(*b"desc", name.into()), (*b"cprt", rights.into())]);
    }
    all.extend(tags.iter().map(|(name, value)| (*name, value.clone())));
    let (mut table, mut values) = (Vec::new(), Vec::<u8>::new());
    let start = HEADER + 4 + all.len() * 12;
    // The three curves of most profiles are one.
    let mut written = BTreeMap::<Bytes, usize>::new();
    for (name, value) in all {
        let len = value.len();
        let at = *written.entry(value).or_insert_with_key(|value| {
            let at = start + values.len();
            values.extend_from_slice(value);
            values.resize(values.len().next_multiple_of(4), 0);
            at
        });
        table.extend(name);
        table.extend(number(at));
        table.extend(number(len));
    }
    let count = number(table.len() / 12);
    let mut out = [header.as_slice(), &count, &table, &values].concat();
    let len = number(out.len());
    if let Some(size) = out.first_chunk_mut() {
        *size = len;
    }
    out
}

/// A length as the format writes it; none here is longer than [`LARGEST`].
fn number(len: usize) -> [u8; 4] {
    u32::try_from(len).unwrap_or(u32::MAX).to_be_bytes()
}

/// A text of version 4: one, in English.
fn text(says: &str) -> Vec<u8> {
    let wide: Vec<u8> = says.encode_utf16().flat_map(u16::to_be_bytes).collect();
    let head = b"mluc\0\0\0\0\0\0\0\x01\0\0\0\x0CenUS";
    [head, number(wide.len()).as_slice(), &number(28), &wide].concat()
}

/// A text of version 2, in ASCII.
fn old_text(says: &str) -> Vec<u8> {
    [b"text\0\0\0\0", says.as_bytes(), b"\0"].concat()
}

/// A name of version 2: in ASCII, and twice not.
fn old_name() -> Vec<u8> {
    let head = [b"desc\0\0\0\0", number(NAME.len() + 1).as_slice()].concat();
    [&head, NAME.as_bytes(), &[0; 1 + 8 + 3 + 67]].concat()
}
