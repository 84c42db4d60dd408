//! PNG, chunk by chunk: what is drawn is kept, texts, times and Exif are not, nor is what stands behind the numbers of the
//! drawing.

use std::borrow::Cow;
use std::collections::BTreeSet;

use miniz_oxide::deflate::compress_to_vec_zlib;
use miniz_oxide::inflate::core::inflate_flags::{
    TINFL_FLAG_HAS_MORE_INPUT, TINFL_FLAG_PARSE_ZLIB_HEADER,
};
use miniz_oxide::inflate::core::{DecompressorOxide, decompress};
use miniz_oxide::inflate::{TINFLStatus, decompress_to_vec_zlib_with_limit};

use super::error::Fault;
use super::scan::{Scan, index};
use super::still::Still;
use super::{exif, icc};

const SIGNATURE: &[u8] = b"\x89PNG\r\n\x1A\n";

/// The chunks that are drawn or say how, and the most bytes each has; one of each but of the last four.
const KEPT: &[(&[u8; 4], usize)] = &[
    (b"IHDR", 13),
    (b"PLTE", 768),
    (b"IEND", 0),
    (b"tRNS", 256),
    (b"gAMA", 4),
    (b"cHRM", 32),
    (b"sRGB", 1),
    (b"sBIT", 4),
    (b"bKGD", 6),
    (b"hIST", 512),
    (b"pHYs", 9),
    (b"cICP", 4),
    (b"mDCV", 24),
    (b"cLLI", 8),
    (b"acTL", 8),
    (b"iCCP", usize::MAX),
    (b"IDAT", usize::MAX),
    (b"fcTL", 26),
    (b"fdAT", usize::MAX),
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
    let (mut packed, mut seen, mut drawn) = (Packed::default(), BTreeSet::new(), false);
    loop {
        let len = scan.u32()?;
        let name = scan.array::<4>()?;
        let payload = scan.take(index(len)?)?;
        let check = scan.array::<4>()?;
        match &name {
            b"IHDR" => {
                let mut head = Scan::new(payload);
                (still.width, still.height) = (head.u32()?, head.u32()?);
                packed.expect(payload);
            }
            b"eXIf" => still.orientation = exif::orientation(payload),
            b"acTL" => still.animated = true,
            b"IDAT" => drawn = true,
            _ => {}
        }
        let kept = KEPT.iter().find(|(kept, _)| **kept == name);
        let Some((_, most)) = kept else {
            // An upper-case first letter: no picture without it.
            if name.first().is_some_and(u8::is_ascii_uppercase) {
                return Err(Fault::Sealed("a part that it needs is not known"));
            }
            continue;
        };
        let comes_often = matches!(&name, b"IDAT" | b"fcTL" | b"fdAT");
        if !seen.insert(name) && !comes_often {
            continue;
        }
        let kept = match &name {
            b"iCCP" => profile(payload).map(Cow::Owned),
            b"IDAT" => packed.kept(payload).map(Cow::Borrowed),
            _ => Some(payload.get(..*most).unwrap_or(payload).into()),
        };
        match kept {
            Some(same) if same.len() == payload.len() && *same == *payload => {
                still.bytes.extend(len.to_be_bytes());
                still.bytes.extend(name);
                still.bytes.extend_from_slice(payload);
                still.bytes.extend(check);
            }
            Some(other) => write_chunk(&name, &other, &mut still.bytes),
            None => {}
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

/// The packed numbers of a picture, unpacked only to see where they end.
#[derive(Default)]
struct Packed {
    state: Box<DecompressorOxide>,
    window: Vec<u8>,
    at: usize,
    /// Bytes that may still come out.
    room: u64,
    is_odd: bool,
    has_ended: bool,
}

impl Packed {
    /// Bytes of the window; what is packed may refer to as many before.
    const WINDOW: usize = 32 << 10;

    /// Takes up the head of the picture, which says how many numbers there are.
    fn expect(&mut self, head: &[u8]) {
        let mut scan = Scan::new(head);
        let (Ok(width), Ok(height)) = (scan.u32(), scan.u32()) else {
            return;
        };
        // Four colours of 16 bits, and a byte before each line of each of the seven passes.
        self.room = u64::from(width)
            .saturating_mul(8)
            .saturating_add(8)
            .saturating_mul(u64::from(height).saturating_add(8));
    }

    /// What of a chunk is read by those who draw it, if anything.
    fn kept<'c>(&mut self, chunk: &'c [u8]) -> Option<&'c [u8]> {
        if self.has_ended {
            return None;
        }
        let mut rest = chunk;
        while !self.is_odd && !self.has_ended && !rest.is_empty() {
            self.window.resize(Self::WINDOW, 0);
            let flags = TINFL_FLAG_PARSE_ZLIB_HEADER | TINFL_FLAG_HAS_MORE_INPUT;
            let (status, read, written) =
                decompress(&mut self.state, rest, &mut self.window, self.at, flags);
            rest = rest.get(read..).unwrap_or_default();
            self.at = (self.at + written) % Self::WINDOW;
            let written = u64::try_from(written).unwrap_or(u64::MAX);
            self.room = self.room.saturating_sub(written);
            match status {
                TINFLStatus::Done => self.has_ended = true,
                TINFLStatus::HasMoreOutput | TINFLStatus::NeedsMoreInput => {}
                // Those who draw it will say so.
                _ => self.is_odd = true,
            }
            self.is_odd |= self.room == 0;
        }
        if !self.has_ended {
            return Some(chunk);
        }
        chunk.get(..chunk.len() - rest.len())
    }
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
#[cfg(feature = "images")]
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
#[cfg(feature = "images")]
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
#[cfg(feature = "images")]
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
