//! Sounds that are nothing but frames, one behind the other: MP3, AAC and AMR. Frames are kept; whatever stands before,
//! between and behind them goes.

use super::window::Window;
use crate::pictures::error::Fault;
use crate::pictures::kind::Kind;
use crate::pictures::patch::{Patch, Scratch};
use crate::pictures::rewrite::Plan;

/// Pieces of one sound: damage is rare.
const PIECES: usize = 1 << 18;

/// What the beginning of a frame says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Frame {
    len: u64,
    /// The same in all frames of a sound: version, layer, frequency.
    key: u32,
}

/// Kilobits a second of layers II and III of version 1, and of both in the later versions.
const RATES: [[u64; 15]; 3] = [
    [
        0, 32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384,
    ],
    [
        0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320,
    ],
    [0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160],
];

/// The frames of an MP3 or AAC file between two places.
pub(super) fn look<F: Scratch>(
    patch: &mut Patch<'_, F>,
    kind: Kind,
    from: u64,
    to: u64,
    plan: &mut Plan,
) -> Result<(), Fault> {
    let read = match kind {
        Kind::Aac => adts,
        _ => mpeg,
    };
    let mut window = Window::new(to);
    let (mut at, mut key, mut frames) = (from, None, 0u64);
    while at < to {
        let frame = window.get::<8, F>(patch, at)?.and_then(read);
        let is_sure = match frame {
            Some(frame) => {
                let is_known = Some(frame.key) == key;
                let next = behind(patch, &mut window, read, at, frame)?;
                next.is_some_and(|next| is_known || next.key == frame.key)
            }
            None => false,
        };
        match frame.filter(|_| is_sure) {
            Some(frame) => {
                let end = at.saturating_add(frame.len);
                plan.keep(at, end);
                if plan.pieces() > PIECES {
                    return Err(Fault::Odd("more gaps between frames than sound"));
                }
                (at, key, frames) = (end, Some(frame.key), frames + 1);
            }
            None => (at, key) = (at + 1, None),
        }
    }
    match frames {
        0 => Err(Fault::Sealed("no sound is found in it")),
        _ => Ok(()),
    }
}

/// The frame behind another one; where the file ends there, the same again. A frame that has neither behind it was cut
/// off, and what it claims may be something else.
fn behind<F: Scratch>(
    patch: &mut Patch<'_, F>,
    window: &mut Window,
    read: fn([u8; 8]) -> Option<Frame>,
    at: u64,
    frame: Frame,
) -> Result<Option<Frame>, Fault> {
    let next = at.saturating_add(frame.len);
    if next >= window.end() {
        return Ok(Some(frame).filter(|_| next == window.end()));
    }
    // Both are looked at from the first, so that the window goes forward only.
    window.reach(patch, at, frame.len + 8)?;
    Ok(window.get::<8, F>(patch, next)?.and_then(read))
}

fn mpeg([a, b, c, ..]: [u8; 8]) -> Option<Frame> {
    let (version, layer, rate) = ((b >> 3) & 3, (b >> 1) & 3, usize::from(c >> 4));
    if a != 0xFF || b & 0xE0 != 0xE0 || version == 1 || !matches!(layer, 1 | 2) {
        return None;
    }
    let hertz: u64 = match (c >> 2) & 3 {
        0 => 44_100,
        1 => 48_000,
        2 => 32_000,
        _ => return None,
    };
    let (is_first, is_third) = (version == 3, layer == 1);
    let hertz = match version {
        3 => hertz,
        2 => hertz / 2,
        _ => hertz / 4,
    };
    let [two, three, later] = &RATES;
    let table = match (is_first, is_third) {
        (true, false) => two,
        (true, true) => three,
        (false, _) => later,
    };
    let rate = table.get(rate).copied().filter(|rate| *rate > 0)?;
    let samples = if is_third && !is_first { 72 } else { 144 };
    Some(Frame {
        len: samples * rate * 1_000 / hertz + u64::from((c >> 1) & 1),
        key: u32::from_be_bytes([0, 0, b & 0xFE, c & 0x0C]),
    })
}

fn adts([a, b, c, d, e, f, ..]: [u8; 8]) -> Option<Frame> {
    let len = u64::from(d & 3) << 11 | u64::from(e) << 3 | u64::from(f >> 5);
    let is_one = a == 0xFF && b & 0xF6 == 0xF0 && len >= 7;
    is_one.then(|| Frame {
        len,
        key: u32::from_be_bytes([0, b, c, d & 0xC0]),
    })
}

/// The frames of an AMR file, as telephones and messengers write it.
pub(super) fn amr<F: Scratch>(patch: &mut Patch<'_, F>, plan: &mut Plan) -> Result<(), Fault> {
    const NARROW: [u64; 16] = [13, 14, 16, 18, 20, 21, 27, 32, 6, 0, 0, 0, 0, 0, 0, 1];
    const WIDE: [u64; 16] = [18, 24, 33, 37, 41, 47, 51, 59, 61, 6, 0, 0, 0, 0, 1, 1];
    let (lens, from) = match patch.peek::<12>(0)? {
        [b'#', b'!', b'A', b'M', b'R', b'\n', ..] => (NARROW, 6),
        [b'#', b'!', b'A', b'M', b'R', b'-', b'W', b'B', b'\n', ..] => (WIDE, 9),
        _ => return Err(Fault::Sealed("more than one channel")),
    };
    let end = patch.len();
    let mut window = Window::new(end);
    let mut at = from;
    while let Some([head]) = window.get::<1, F>(patch, at)? {
        let len = lens.get(usize::from((head >> 3) & 15)).copied();
        let len = len.unwrap_or_default();
        if len == 0 || head & 0x83 != 0 || at + len > end {
            break;
        }
        at += len;
    }
    plan.keep(0, at);
    Ok(())
}
