//! PNG, chunk by chunk: what is drawn is kept, texts, times and Exif are not.

use miniz_oxide::deflate::compress_to_vec_zlib;
use miniz_oxide::inflate::decompress_to_vec_zlib_with_limit;

use super::error::Fault;
use super::scan::{Scan, index};
use super::still::Still;
use super::{exif, icc};

const SIGNATURE: &[u8] = b"\x89PNG\r\n\x1A\n";

/// Chunks that a picture may do without and that say how it is to be drawn.
const KEPT: &[&[u8; 4]] = &[
    b"tRNS", b"gAMA", b"cHRM", b"sRGB", b"sBIT", b"bKGD", b"hIST", b"pHYs", b"sPLT", b"cICP",
    b"mDCV", b"cLLI", b"acTL", b"fcTL", b"fdAT",
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
            b"iCCP" => {
                if let Some(profile) = profile(payload) {
                    write_chunk(&name, &profile, &mut still.bytes);
                }
                continue;
            }
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

/// What is kept of a colour profile: its name is none of the owner's, and it is packed anew.
fn profile(payload: &[u8]) -> Option<Vec<u8>> {
    let name = payload.iter().position(|byte| *byte == 0)?;
    let (method, packed) = payload.get(name + 1..)?.split_first()?;
    if *method != 0 {
        return None;
    }
    let profile = decompress_to_vec_zlib_with_limit(packed, icc::LARGEST).ok()?;
    let packed = compress_to_vec_zlib(&icc::cut(&profile)?, 9);
    Some([b"ICC\0\0".as_slice(), &packed].concat())
}

/// The chunks of a picture that was taken apart that say which colours its numbers mean; a profile of colours only if it
/// fits.
pub(super) fn colours(file: &[u8], with_profile: bool) -> Vec<u8> {
    let mut out = Vec::new();
    for (name, chunk) in heads(file) {
        let says = matches!(
            &name,
            b"gAMA" | b"cHRM" | b"sRGB" | b"cICP" | b"mDCV" | b"cLLI"
        );
        if says || (with_profile && &name == b"iCCP") {
            out.extend_from_slice(chunk);
        }
    }
    out
}

/// The power that the numbers of a picture were taken to, in parts of 100,000, if nothing says better which colours are
/// meant.
pub(super) fn gamma(file: &[u8]) -> Option<u32> {
    let mut gamma = None;
    for (name, chunk) in heads(file) {
        match &name {
            b"gAMA" => gamma = Some(Scan::new(chunk.get(8..)?).u32().ok()?),
            b"sRGB" | b"iCCP" | b"cICP" => return None,
            _ => {}
        }
    }
    gamma.filter(|gamma| *gamma != 0)
}

/// The chunks before the drawing, whole, and their names.
fn heads(file: &[u8]) -> impl Iterator<Item = ([u8; 4], &[u8])> {
    let mut rest = file.get(SIGNATURE.len()..).unwrap_or_default();
    std::iter::from_fn(move || {
        let mut scan = Scan::new(rest);
        let len = index(scan.u32().ok()?).ok()?;
        let name = scan.array().ok().filter(|name| name != b"IDAT")?;
        let (chunk, after) = rest.split_at_checked(len.checked_add(12)?)?;
        rest = after;
        Some((name, chunk))
    })
}

/// Bytes of the signature and of the header, which is a chunk of 13 bytes.
const HEAD: usize = SIGNATURE.len() + 25;

/// Puts a block of Exif behind the header.
pub(super) fn add_exif(file: &mut Vec<u8>, exif: &[u8]) {
    let mut chunk = Vec::new();
    write_chunk(b"eXIf", exif, &mut chunk);
    add(file, chunk);
}

/// Puts chunks behind the header.
pub(super) fn add(file: &mut Vec<u8>, chunks: Vec<u8>) {
    let at = HEAD.min(file.len());
    file.splice(at..at, chunks);
}

fn write_chunk(name: &[u8; 4], payload: &[u8], out: &mut Vec<u8>) {
    let Ok(len) = u32::try_from(payload.len()) else {
        return;
    };
    let named = [name, payload].concat();
    out.extend(len.to_be_bytes());
    out.extend_from_slice(&named);
    out.extend(crc(&named).to_be_bytes());
}

/// The CRC-32 of PNG, bit by bit: it is only taken of what is written anew.
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
