//! How long a sound plays, where a few bytes tell it.

use crate::pictures::error::Fault;
use crate::pictures::kind::Kind;
use crate::pictures::patch::{Patch, Scratch};
use crate::pictures::scan::Scan;

/// How far from its end the last page of an Ogg file may begin.
const LAST_PAGE: u64 = 65_307;

/// The playing time in milliseconds; none if the file does not say it where it is looked for.
pub(in crate::pictures) fn duration_ms<F: Scratch>(
    patch: &mut Patch<'_, F>,
    kind: Kind,
) -> Option<u64> {
    let (count, a_second) = match kind {
        Kind::Wav => wav(patch),
        Kind::Flac => flac(patch),
        Kind::Ogg => ogg(patch),
        Kind::Mp3 => mp3(patch),
        _ => return None,
    }
    .ok()?;
    let millis = count.checked_mul(1_000)?.checked_div(a_second)?;
    Some(millis).filter(|millis| *millis > 0)
}

/// What is counted, and how many of it make a second.
type Length = Result<(u64, u64), Fault>;

const UNKNOWN: Fault = Fault::Odd("a length that is not told");

fn wav<F: Scratch>(patch: &mut Patch<'_, F>) -> Length {
    let (mut at, mut a_second) = (12, 0);
    loop {
        patch.count()?;
        let [a, b, c, d, len @ ..] = patch.read::<8>(at)?;
        let len = u64::from(u32::from_le_bytes(len));
        match &[a, b, c, d] {
            b"fmt " => a_second = u32::from_le_bytes(patch.read(at + 16)?).into(),
            b"data" => return Ok((len.min(patch.len() - at - 8), a_second)),
            _ => {}
        }
        at += 8 + len + len % 2;
    }
}

fn flac<F: Scratch>(patch: &mut Patch<'_, F>) -> Length {
    // Rate in 20 bits, channels and depth in 8, count in 36.
    let bits = u64::from_be_bytes(patch.read(18)?);
    Ok((bits & 0xF_FFFF_FFFF, bits >> 44))
}

fn ogg<F: Scratch>(patch: &mut Patch<'_, F>) -> Length {
    let first = patch.peek::<64>(0)?;
    let starts = |what: &[u8]| {
        let at = first.windows(what.len()).position(|at| at == what)?;
        first.get(at + what.len()..)
    };
    let a_second = match (starts(b"OpusHead"), starts(b"\x01vorbis")) {
        (Some(_), _) => 48_000,
        (None, Some(head)) => {
            let mut scan = Scan::new(head);
            scan.take(5)?;
            scan.u32_le()?.into()
        }
        _ => return Err(UNKNOWN),
    };
    let from = patch.len().saturating_sub(LAST_PAGE);
    let end = patch.load(from, patch.len(), 1 << 16)?;
    let last = end
        .windows(4)
        .rposition(|at| at == b"OggS")
        .ok_or(UNKNOWN)?;
    let mut page = Scan::new(end.get(last..).unwrap_or_default());
    page.take(6)?;
    Ok((u64::from_le_bytes(page.array()?), a_second))
}

/// Kilobits a second of layer III, of version 1 and of the later ones.
const RATES: [[u64; 15]; 2] = [
    [
        0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320,
    ],
    [0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160],
];

fn mp3<F: Scratch>(patch: &mut Patch<'_, F>) -> Length {
    let at = match patch.peek::<10>(0)? {
        [b'I', b'D', b'3', _, _, _, a, b, c, d] => {
            let seven = |byte: u8| u64::from(byte & 0x7F);
            10 + (seven(a) << 21 | seven(b) << 14 | seven(c) << 7 | seven(d))
        }
        _ => 0,
    };
    let frame = patch.peek::<64>(at)?;
    let [0xFF, version, rates, channels, ..] = frame else {
        return Err(UNKNOWN);
    };
    let (is_first, is_second) = (version & 0x18 == 0x18, version & 0x18 == 0x10);
    let hertz: u64 = match (rates >> 2) & 3 {
        0 => 44_100,
        1 => 48_000,
        2 => 32_000,
        _ => return Err(UNKNOWN),
    };
    let hertz = match (is_first, is_second) {
        (true, _) => hertz,
        (_, true) => hertz / 2,
        _ => hertz / 4,
    };
    let mono = channels >> 6 == 3;
    let side = match (is_first, mono) {
        (true, false) => 32,
        (true, true) | (false, false) => 17,
        (false, true) => 9,
    };
    let mut scan = Scan::new(&frame);
    scan.take(4 + side)?;
    if matches!(scan.take(4)?, b"Xing" | b"Info") && scan.u32()? & 1 == 1 {
        let frames = u64::from(scan.u32()?);
        return Ok((frames * if is_first { 1_152 } else { 576 }, hertz));
    }
    let table = if is_first { &RATES[0] } else { &RATES[1] };
    let rate = table
        .get(usize::from(rates >> 4))
        .copied()
        .unwrap_or_default();
    Ok((patch.len().saturating_sub(at), rate * 125))
}
