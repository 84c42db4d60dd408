//! The one thing in Exif that a picture cannot do without: which way is up.

use super::scan::Scan;

/// Tags looked at; a camera writes some twenty.
const TAGS: u16 = 512;

/// The tag that says which way is up.
const ORIENTATION: u16 = 0x0112;

/// Which way is up, from 1 (upright) to 8, in a block of Exif with or without its opening `Exif`.
///
/// A block that makes no sense says 1.
pub(super) fn orientation(block: &[u8]) -> u8 {
    let block = block.strip_prefix(b"Exif\0\0").unwrap_or(block);
    find(block).filter(|o| (1..=8).contains(o)).unwrap_or(1)
}

fn find(tiff: &[u8]) -> Option<u8> {
    let mut scan = Scan::new(tiff);
    let little = match scan.take(4).ok()? {
        b"II*\0" => true,
        b"MM\0*" => false,
        _ => return None,
    };
    let short = |scan: &mut Scan<'_>| match little {
        true => scan.u16_le().ok(),
        false => scan.u16().ok(),
    };
    let long = |scan: &mut Scan<'_>| match little {
        true => scan.u32_le().ok(),
        false => scan.u32().ok(),
    };
    let first = long(&mut scan)?;
    let mut tags = Scan::new(tiff.get(usize::try_from(first).ok()?..)?);
    for _ in 0..short(&mut tags)?.min(TAGS) {
        let mut tag = Scan::new(tags.take(12).ok()?);
        if short(&mut tag)? != ORIENTATION {
            continue;
        }
        let (kind, _count) = (short(&mut tag)?, tag.take(4).ok()?);
        // A number of 16 bits, by the book. Some programs write one of 8 or of 32: browsers do not read those, other
        // readers do, and since nobody can read it once it is taken off, what was meant is done.
        let number = match kind {
            1 => tag.u8().ok()?.into(),
            3 => short(&mut tag)?.into(),
            4 => long(&mut tag)?,
            _ => return None,
        };
        return u8::try_from(number).ok();
    }
    None
}

/// A block of Exif, without its opening `Exif`, that says nothing but which way is up.
pub(super) fn only(orientation: u8) -> Vec<u8> {
    let mut block = b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0".to_vec();
    block.extend([orientation, 0, 0, 0, 0, 0, 0]);
    block
}
