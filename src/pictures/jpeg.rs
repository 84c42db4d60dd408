//! JPEG, segment by segment: what is drawn is kept, what tells of the camera is not.
//!
//! Kept are the segments that the drawing needs, what colours are computed from, and Adobe's colour transform. A list of what to
//! keep rather than of what to drop, so that a maker's next idea is dropped too. Whatever follows the end of the picture
//! is cut: phones put a film there, with its place in it, and a second picture with Exif of its own. So is what stands
//! behind the last code of a drawing, and behind the last number of a segment.

use std::collections::{BTreeMap, BTreeSet};

use super::error::Fault;
use super::scan::Scan;
use super::still::Still;
use super::{exif, icc};

mod walk;

use self::walk::{Walk, Walked};

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
    let (mut walk, mut seen) = (Walk::default(), BTreeSet::new());
    let mut skipped = false;
    loop {
        skipped |= drawn && scan.rest().first().is_some_and(|byte| *byte != 0xFF);
        let (marker, payload) = match segment(&mut scan) {
            Ok((END, _)) if walk.goes_on() && (skipped || !may_stand_behind(scan.rest())) => {
                return Err(Fault::Odd("a part of the drawing is broken"));
            }
            Ok((END, _)) => break,
            Err(_) | Ok((0xD8, _)) if walk.goes_on() => return Err(Fault::Cut),
            // A writer that forgot the end is forgiven, one that stopped within the drawing is not.
            Err(_) | Ok((0xD8, _)) if walk.is_whole() => break,
            Ok((0xD8, _)) => return Err(Fault::Odd("a picture begins within the picture")),
            segment => segment?,
        };
        if is_frame(marker) && size.is_none() {
            size = Some(frame_size(payload)?);
            progressive = marker != 0xC0 && marker != 0xC1;
            walk.frame(marker, payload);
        }
        if marker == 0xE1 && payload.starts_with(b"Exif\0\0") && orientation.is_none() {
            orientation = Some(exif::orientation(payload));
        }
        if marker == 0xE2 {
            profile.add(payload);
        }
        // Those of an application count once.
        if marker < 0xE0 || (is_kept(marker, payload) && seen.insert(marker)) {
            keep(marker, payload, &mut walk, &mut out)?;
        }
        // What tells that it is a JPEG of the usual kind comes first.
        if marker == 0xE0 && size.is_none() {
            head = out.len();
        }
        if marker == SCAN {
            let len = drawn_len(&mut walk, payload, scan.rest())?;
            out.extend_from_slice(scan.take(len)?);
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

/// The next segment; marks that stand alone have nothing in them.
fn segment<'a>(scan: &mut Scan<'a>) -> Result<(u8, &'a [u8]), Fault> {
    loop {
        let marker = next_marker(scan)?;
        match marker {
            END | 0xD8 => return Ok((marker, &[])),
            0x01 | 0xD0..=0xD7 => {}
            _ => {
                let len = usize::from(scan.u16()?);
                let len = len.checked_sub(2);
                let payload = scan.take(len.ok_or(Fault::Odd("a segment of no length"))?)?;
                return Ok((marker, payload));
            }
        }
    }
}

/// How many bytes of `data` the pass is drawn with that `head` opens.
///
/// A damaged byte can look like a mark, even like the end. If codes that were not read stand behind it, taking it for the
/// end would lose half of the picture, and keeping what is there might keep anything: such a picture is refused.
fn drawn_len(walk: &mut Walk, head: &[u8], data: &[u8]) -> Result<usize, Fault> {
    match walk.pass(head, data)? {
        Walked::Whole(len) => Ok(len),
        Walked::Cut => Err(Fault::Cut),
        Walked::Unknown => until_mark(data).ok_or(Fault::Cut),
        Walked::Broken => {
            let len = until_mark(data).ok_or(Fault::Cut)?;
            match data.get(len..).is_some_and(may_follow) {
                true => Ok(len),
                false => Err(Fault::Odd("a part of the drawing is broken")),
            }
        }
    }
}

/// How many bytes stand before the next mark that is not part of the drawing.
fn until_mark(data: &[u8]) -> Option<usize> {
    let ends = |pair: &[u8]| match pair {
        [0xFF, next] => !matches!(next, 0 | 0xD0..=0xD7 | 0xFF),
        _ => false,
    };
    data.windows(2).position(ends)
}

/// Whether what begins with a mark can stand behind a drawing: what the next pass needs, or the end with nothing behind
/// it but what telephones put there.
fn may_follow(rest: &[u8]) -> bool {
    match rest {
        [_, 0xC4 | SCAN | 0xDB..=0xDD, ..] => true,
        [_, END, behind @ ..] => may_stand_behind(behind),
        _ => false,
    }
}

/// Whether what stands behind the end is nothing, a further picture or a film.
fn may_stand_behind(behind: &[u8]) -> bool {
    behind.starts_with(&START)
        || behind.get(4..8) == Some(b"ftyp")
        || behind.iter().all(|byte| *byte == 0)
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

fn is_frame(marker: u8) -> bool {
    matches!(marker, 0xC0..=0xCF) && !matches!(marker, 0xC4 | 0xC8 | 0xCC)
}

fn frame_size(payload: &[u8]) -> Result<(u32, u32), Fault> {
    let mut scan = Scan::new(payload);
    let _precision = scan.u8()?;
    let height = scan.u16()?;
    Ok((scan.u16()?.into(), height.into()))
}

/// Whether a segment of an application says how the picture is drawn.
fn is_kept(marker: u8, payload: &[u8]) -> bool {
    match marker {
        0xE0 => payload.starts_with(b"JFIF\0"),
        0xEE => payload.starts_with(b"Adobe"),
        _ => false,
    }
}

/// Writes what is kept of a segment: no more than what its kind has.
fn keep(marker: u8, payload: &[u8], walk: &mut Walk, out: &mut Vec<u8>) -> Result<(), Fault> {
    let count = |at: usize| payload.get(at).copied().map_or(0, usize::from);
    let len = match marker {
        0xC4 => walk.codes(payload)?,
        0xC8 | 0xDE | 0xDF => return Ok(()),
        0xCC => payload.len(),
        SCAN => 4 + 2 * count(0),
        0xDB => quantizers(payload),
        0xDC => 2,
        0xDD => {
            walk.restart(Scan::new(payload).u16()?);
            2
        }
        marker if is_frame(marker) => 6 + 3 * count(5),
        // The thumbnail that may follow would show what was there before an edit.
        0xE0 if is_kept(marker, payload) => {
            let mut head: Vec<u8> = payload.iter().take(12).copied().collect();
            head.resize(14, 0);
            write_segment(marker, &head, out);
            return Ok(());
        }
        0xEE if is_kept(marker, payload) => 12,
        _ => return Ok(()),
    };
    write_segment(marker, Scan::new(payload).take(len)?, out);
    Ok(())
}

/// Bytes that the tables in a segment of quantizers take.
fn quantizers(payload: &[u8]) -> usize {
    let mut at = 0;
    while let Some(head) = payload.get(at) {
        let end = at + if head >> 4 == 0 { 65 } else { 129 };
        if end > payload.len() {
            break;
        }
        at = end;
    }
    at
}

fn write_segment(marker: u8, payload: &[u8], out: &mut Vec<u8>) {
    let Ok(len) = u16::try_from(payload.len() + 2) else {
        return;
    };
    out.extend([0xFF, marker]);
    out.extend(len.to_be_bytes());
    out.extend_from_slice(payload);
}
