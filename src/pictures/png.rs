//! PNG, chunk by chunk: what is drawn is kept, texts, times and Exif are not.

use super::error::Fault;
use super::exif;
use super::scan::{Scan, index};
use super::still::Still;

const SIGNATURE: &[u8] = b"\x89PNG\r\n\x1A\n";

/// Chunks that a picture may do without and that say how it is to be drawn.
const KEPT: &[&[u8; 4]] = &[
    b"tRNS", b"gAMA", b"cHRM", b"sRGB", b"iCCP", b"sBIT", b"bKGD", b"hIST", b"pHYs", b"sPLT",
    b"cICP", b"mDCV", b"cLLI", b"acTL", b"fcTL", b"fdAT",
];

pub(super) fn strip(bytes: &[u8]) -> Result<Still, Fault> {
    let mut scan = Scan::new(bytes);
    scan.take(SIGNATURE.len())?;
    let mut still = Still {
        bytes: SIGNATURE.to_vec(),
        width: 0,
        height: 0,
        orientation: 1,
        animated: false,
        progressive: false,
    };
    still.bytes.reserve(bytes.len());
    let mut drawn = false;
    loop {
        let mut ahead = scan;
        let len = ahead.u32()?;
        let name = ahead.array::<4>()?;
        let payload = ahead.take(index(len)?)?;
        ahead.take(4)?;
        // Length, name and check bytes stand around the payload.
        let chunk = scan.take(payload.len() + 12)?;
        match &name {
            b"IHDR" => {
                let mut head = Scan::new(payload);
                (still.width, still.height) = (head.u32()?, head.u32()?);
            }
            b"eXIf" => still.orientation = exif::orientation(payload),
            b"acTL" => still.animated = true,
            b"IDAT" => drawn = true,
            _ => {}
        }
        // An upper-case first letter: no picture without it.
        let is_critical = name.first().is_some_and(u8::is_ascii_uppercase);
        if is_critical || KEPT.contains(&&name) {
            still.bytes.extend_from_slice(chunk);
        }
        if &name == b"IEND" {
            break;
        }
    }
    if !drawn {
        return Err(Fault::Odd("no picture is in it"));
    }
    Ok(still)
}

/// Puts a block of Exif behind the header.
pub(super) fn add_exif(file: &mut Vec<u8>, exif: &[u8]) {
    // The signature, and a header chunk of 13 bytes.
    let at = (SIGNATURE.len() + 25).min(file.len());
    let Ok(len) = u32::try_from(exif.len()) else {
        return;
    };
    let named = [b"eXIf", exif].concat();
    let chunk = [&len.to_be_bytes(), &*named, &crc(&named).to_be_bytes()].concat();
    file.splice(at..at, chunk);
}

/// The CRC-32 of PNG, bit by bit: it is only taken of a few bytes of our own.
fn crc(bytes: &[u8]) -> u32 {
    let mut crc = u32::MAX;
    for byte in bytes {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            let poly = if crc & 1 == 1 { 0xEDB8_8320 } else { 0 };
            crc = (crc >> 1) ^ poly;
        }
    }
    !crc
}
