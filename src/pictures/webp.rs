//! WebP, chunk by chunk: what is drawn is kept, Exif, XMP and what is unknown are not.

use std::collections::BTreeSet;

use super::error::Fault;
use super::scan::{Scan, index};
use super::still::Still;
use super::{exif, icc};

/// The chunks of a picture that are kept as they are.
const KEPT: &[&[u8; 4]] = &[b"ANIM", b"ALPH", b"VP8 ", b"VP8L"];

/// The chunks of one picture of an animation.
const KEPT_IN_FRAME: &[&[u8; 4]] = &[b"ALPH", b"VP8 ", b"VP8L"];

const HAS_PROFILE: u8 = 0x20;
const HAS_ALPHA: u8 = 0x10;
const HAS_EXIF: u8 = 0x08;
const IS_ANIMATED: u8 = 0x02;

/// Where the header that says what is in the file has its flags; it is the first chunk.
const FLAGS: usize = 20;

pub(super) fn strip(bytes: &[u8]) -> Result<Still, Fault> {
    let mut scan = Scan::new(bytes);
    scan.take(4)?;
    let size = index(scan.u32_le()?)?;
    let mut scan = Scan::new(scan.take(size)?);
    scan.take(4)?;
    let mut still = Still {
        bytes: b"RIFF\0\0\0\0WEBP".to_vec(),
        width: 0,
        height: 0,
        orientation: 1,
        animated: false,
        progressive: false,
    };
    let (mut has_size, mut drawn) = (false, false);
    let (mut is_extended, mut has_profile) = (false, false);
    while !scan.is_empty() {
        let (name, payload) = next_chunk(&mut scan)?;
        if let Some(size) = size_in(&name, payload).filter(|_| !has_size) {
            (still.width, still.height) = size;
            has_size = true;
        }
        match &name {
            b"EXIF" => still.orientation = exif::orientation(payload),
            b"ANMF" => {
                still.animated = true;
                drawn = true;
                write_chunk(&name, &frame(payload)?, &mut still.bytes)?;
                continue;
            }
            // Only where it counts, at the beginning.
            b"VP8X" if still.bytes.len() == 12 => {
                let [flags, _, _, _, size @ ..] = Scan::new(payload).array::<10>()?;
                still.animated |= flags & IS_ANIMATED != 0;
                let [w0, w1, w2, h0, h1, h2] = size;
                let flags = flags & (HAS_ALPHA | IS_ANIMATED);
                let head = [flags, 0, 0, 0, w0, w1, w2, h0, h1, h2];
                write_chunk(&name, &head, &mut still.bytes)?;
                is_extended = true;
                continue;
            }
            b"ICCP" if is_extended && !has_profile => {
                if let Some(profile) = icc::cut(payload) {
                    write_chunk(&name, &profile, &mut still.bytes)?;
                    has_profile = true;
                }
                continue;
            }
            // One picture, or those of the animation.
            b"VP8 " | b"VP8L" | b"ALPH" if drawn || still.animated => continue,
            b"VP8 " | b"VP8L" => drawn = true,
            _ => {}
        }
        if KEPT.contains(&&name) {
            write_chunk(&name, payload, &mut still.bytes)?;
        }
    }
    if let Some(flags) = still.bytes.get_mut(FLAGS).filter(|_| has_profile) {
        *flags |= HAS_PROFILE;
    }
    set_size(&mut still.bytes);
    if !drawn {
        return Err(Fault::Odd("no picture is in it"));
    }
    Ok(still)
}

/// Puts a block of Exif at the end, and says in the header that it is there.
pub(super) fn add_exif(file: &mut Vec<u8>, exif: &[u8]) {
    // Only a file with the extended header can have had Exif.
    if file.get(12..16) != Some(b"VP8X".as_slice()) {
        return;
    }
    if let Some(flags) = file.get_mut(FLAGS) {
        *flags |= HAS_EXIF;
    }
    if write_chunk(b"EXIF", exif, file).is_ok() {
        set_size(file);
    }
}

/// One picture of an animation: where it stands, then chunks of its own.
fn frame(payload: &[u8]) -> Result<Vec<u8>, Fault> {
    let mut scan = Scan::new(payload);
    let mut out = scan.take(16)?.to_vec();
    let mut seen = BTreeSet::new();
    while !scan.is_empty() {
        let (name, payload) = next_chunk(&mut scan)?;
        if KEPT_IN_FRAME.contains(&&name) && seen.insert(name) {
            write_chunk(&name, payload, &mut out)?;
        }
    }
    Ok(out)
}

fn next_chunk<'a>(scan: &mut Scan<'a>) -> Result<([u8; 4], &'a [u8]), Fault> {
    let name = scan.array()?;
    let len = index(scan.u32_le()?)?;
    let payload = scan.take(len)?;
    // Some writers leave the last padding byte out.
    if len % 2 == 1 && !scan.is_empty() {
        scan.take(1)?;
    }
    Ok((name, payload))
}

fn write_chunk(name: &[u8; 4], payload: &[u8], out: &mut Vec<u8>) -> Result<(), Fault> {
    let len = u32::try_from(payload.len()).map_err(|_| Fault::Odd("a chunk that is too long"))?;
    out.extend_from_slice(name);
    out.extend(len.to_le_bytes());
    out.extend_from_slice(payload);
    if len % 2 == 1 {
        out.push(0);
    }
    Ok(())
}

fn set_size(file: &mut [u8]) {
    let size = u32::try_from(file.len().saturating_sub(8)).unwrap_or(u32::MAX);
    if let Some(place) = file.get_mut(4..8) {
        place.copy_from_slice(&size.to_le_bytes());
    }
}

fn size_in(name: &[u8; 4], payload: &[u8]) -> Option<(u32, u32)> {
    match (name, payload) {
        (b"VP8X", [_, _, _, _, w0, w1, w2, h0, h1, h2, ..]) => Some((
            u32::from_le_bytes([*w0, *w1, *w2, 0]) + 1,
            u32::from_le_bytes([*h0, *h1, *h2, 0]) + 1,
        )),
        (b"VP8 ", [_, _, _, 0x9D, 0x01, 0x2A, w0, w1, h0, h1, ..]) => Some((
            u32::from(u16::from_le_bytes([*w0, *w1]) & 0x3FFF),
            u32::from(u16::from_le_bytes([*h0, *h1]) & 0x3FFF),
        )),
        (b"VP8L", [0x2F, a, b, c, d, ..]) => {
            let bits = u32::from_le_bytes([*a, *b, *c, *d]);
            Some(((bits & 0x3FFF) + 1, ((bits >> 14) & 0x3FFF) + 1))
        }
        _ => None,
    }
}
