//! JPEG, segment by segment: what is drawn is kept, what tells of the camera is not.
//!
//! Kept are the segments that the drawing needs, what colours are computed from, and Adobe's colour transform. A list of what to
//! keep rather than of what to drop, so that a maker's next idea is dropped too. Whatever follows the end of the picture
//! is cut: phones put a film there, with its place in it, and a second picture with Exif of its own.

use std::collections::BTreeMap;

use super::error::Fault;
use super::scan::Scan;
use super::still::Still;
use super::{exif, icc};

const START: [u8; 2] = [0xFF, 0xD8];
const END: u8 = 0xD9;
const SCAN: u8 = 0xDA;

pub(super) fn strip(bytes: &[u8]) -> Result<Still, Fault> {
    let mut scan = Scan::new(bytes);
    scan.take(START.len())?;
    let mut out = Vec::with_capacity(bytes.len());
    out.extend(START);
    let (mut size, mut orientation, mut drawn, mut progressive) = (None, None, false, false);
    let (mut profile, mut head) = (Profile::default(), out.len());
    loop {
        let marker = next_marker(&mut scan)?;
        match marker {
            END => break,
            0x01 | 0xD0..=0xD7 => continue,
            0xD8 => return Err(Fault::Odd("a picture begins within the picture")),
            _ => {}
        }
        let len = usize::from(scan.u16()?);
        let payload = scan.take(
            len.checked_sub(2)
                .ok_or(Fault::Odd("a segment of no length"))?,
        )?;
        if is_frame(marker) && size.is_none() {
            size = Some(frame_size(payload)?);
            progressive = marker != 0xC0 && marker != 0xC1;
        }
        if marker == 0xE1 && payload.starts_with(b"Exif\0\0") && orientation.is_none() {
            orientation = Some(exif::orientation(payload));
        }
        if marker == 0xE2 {
            profile.add(payload);
        }
        keep(marker, payload, &mut out);
        // What tells that it is a JPEG of the usual kind comes first.
        if marker == 0xE0 && !drawn && size.is_none() {
            head = out.len();
        }
        if marker == SCAN {
            out.extend_from_slice(drawn_data(&mut scan)?);
            drawn = true;
        }
    }
    out.extend([0xFF, END]);
    out.splice(head..head, profile.segments());
    let (width, height) = size
        .filter(|_| drawn)
        .ok_or(Fault::Odd("no picture is in it"))?;
    Ok(Still {
        bytes: out,
        width,
        height,
        orientation: orientation.unwrap_or(1),
        animated: false,
        progressive,
    })
}

/// Puts a block of Exif at the beginning.
pub(super) fn add_exif(file: &mut Vec<u8>, exif: &[u8]) {
    let payload = [b"Exif\0\0", exif].concat();
    let mut segment = Vec::new();
    write_segment(0xE1, &payload, &mut segment);
    let at = START.len().min(file.len());
    file.splice(at..at, segment);
}

/// A colour profile in as many segments as it takes.
#[derive(Debug, Default)]
struct Profile<'a> {
    parts: BTreeMap<u8, &'a [u8]>,
    of: u8,
    is_odd: bool,
}

impl<'a> Profile<'a> {
    const MARK: &'static [u8] = b"ICC_PROFILE\0";

    /// Bytes of a profile that fit one segment, beside the mark, the number of the part and how many there are.
    const PART: usize = 65_519;

    fn add(&mut self, payload: &'a [u8]) {
        let Some([number, of, part @ ..]) = payload.strip_prefix(Self::MARK) else {
            return;
        };
        self.is_odd |= self.parts.insert(*number, part).is_some();
        self.of = *of;
    }

    /// The segments of what is kept of it: none if a part is missing, as those who show pictures have it too.
    fn segments(&self) -> Vec<u8> {
        let mut out = Vec::new();
        if self.is_odd || !self.parts.keys().copied().eq(1..=self.of) {
            return out;
        }
        let parts: Vec<&[u8]> = self.parts.values().copied().collect();
        let cut = icc::cut(&parts.concat()).unwrap_or_default();
        let of = u8::try_from(cut.len().div_ceil(Self::PART)).unwrap_or(u8::MAX);
        for (part, number) in cut.chunks(Self::PART).zip(1u8..=of) {
            let payload = [Self::MARK, &[number, of], part].concat();
            write_segment(0xE2, &payload, &mut out);
        }
        out
    }
}

/// The next marker; what stands before it is padding, which decoders skip too.
fn next_marker(scan: &mut Scan<'_>) -> Result<u8, Fault> {
    loop {
        while scan.u8()? != 0xFF {}
        let mut marker = scan.u8()?;
        while marker == 0xFF {
            marker = scan.u8()?;
        }
        if marker != 0 {
            return Ok(marker);
        }
    }
}

/// The bytes up to the next marker that is not part of the drawing.
fn drawn_data<'a>(scan: &mut Scan<'a>) -> Result<&'a [u8], Fault> {
    let ends = |pair: &[u8]| match pair {
        [0xFF, next] => !matches!(next, 0 | 0xD0..=0xD7 | 0xFF),
        _ => false,
    };
    let end = scan.rest().windows(2).position(ends).ok_or(Fault::Cut)?;
    scan.take(end)
}

fn is_frame(marker: u8) -> bool {
    matches!(marker, 0xC0..=0xCF) && !matches!(marker, 0xC4 | 0xC8 | 0xCC)
}

fn frame_size(payload: &[u8]) -> Result<(u32, u32), Fault> {
    let mut scan = Scan::new(payload);
    let _precision = scan.u8()?;
    let height = scan.u16()?;
    Ok((scan.u16()?.into(), height.into()))
}

fn keep(marker: u8, payload: &[u8], out: &mut Vec<u8>) {
    match marker {
        0xC0..=0xDF => write_segment(marker, payload, out),
        // The thumbnail that may follow would show what was there before an edit.
        0xE0 if payload.starts_with(b"JFIF\0") => {
            let mut head: Vec<u8> = payload.iter().take(12).copied().collect();
            head.resize(14, 0);
            write_segment(marker, &head, out);
        }
        0xEE if payload.starts_with(b"Adobe") => write_segment(marker, payload, out),
        _ => {}
    }
}

fn write_segment(marker: u8, payload: &[u8], out: &mut Vec<u8>) {
    let Ok(len) = u16::try_from(payload.len() + 2) else {
        return;
    };
    out.extend([0xFF, marker]);
    out.extend(len.to_be_bytes());
    out.extend_from_slice(payload);
}
