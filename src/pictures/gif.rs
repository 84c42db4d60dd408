//! GIF, block by block: pictures, their timing and the loop are kept, comments, other programs' notes and texts to be drawn
//! (which nobody draws) are not, nor is what stands behind the last code of a picture.

use super::error::Fault;
use super::scan::Scan;
use super::still::Still;

const TRAILER: u8 = 0x3B;

/// The name of the extension that says how often an animation is shown, with its length.
const LOOP: &[u8] = b"\x0BNETSCAPE2.0";

pub(super) fn strip(bytes: &[u8]) -> Result<Still, Fault> {
    let mut scan = Scan::new(bytes);
    let mut out = Vec::with_capacity(bytes.len());
    out.extend_from_slice(scan.take(6)?);
    let mut screen = Scan::new(scan.rest());
    let (width, height) = (screen.u16_le()?, screen.u16_le()?);
    copy_with_colours(&mut scan, 7, 4, &mut out)?;
    let mut frames = 0u32;
    let (mut timing, mut loops) = (None, false);
    loop {
        // A writer that forgot the end is forgiven, one that stopped within a block is not.
        let block = if scan.is_empty() { TRAILER } else { scan.u8()? };
        match block {
            TRAILER => break,
            0x21 => match (scan.u8()?, sub_blocks(&mut scan)?) {
                (0xF9, [4, a, b, c, d, ..]) => timing = Some([*a, *b, *c, *d]),
                (0xFF, data) if !loops => {
                    if let Some([low, high]) = times(data) {
                        out.extend([0x21, 0xFF]);
                        out.extend_from_slice(LOOP);
                        out.extend([3, 1, low, high, 0]);
                        loops = true;
                    }
                }
                _ => {}
            },
            0x2C => {
                // Of two before one picture the last one holds.
                if let Some(timing) = timing.take() {
                    out.extend([0x21, 0xF9, 4]);
                    out.extend(timing);
                    out.push(0);
                }
                out.push(block);
                copy_with_colours(&mut scan, 9, 8, &mut out)?;
                let bits = scan.u8()?;
                out.push(bits);
                drawn(sub_blocks(&mut scan)?, bits, &mut out);
                frames = frames.saturating_add(1);
            }
            0 => {}
            _ => return Err(Fault::Odd("a block of an unknown kind")),
        }
    }
    out.push(TRAILER);
    if frames == 0 {
        return Err(Fault::Odd("no picture is in it"));
    }
    Ok(Still {
        bytes: out,
        width: width.into(),
        height: height.into(),
        orientation: 1,
        animated: frames > 1,
        progressive: false,
    })
}

/// Copies a header of `len` bytes, and the table of colours behind it if the byte at `flags` says there is one.
fn copy_with_colours(
    scan: &mut Scan<'_>,
    len: usize,
    flags: usize,
    out: &mut Vec<u8>,
) -> Result<(), Fault> {
    let head = scan.take(len)?;
    out.extend_from_slice(head);
    let flags = head.get(flags).copied().unwrap_or_default();
    if flags & 0x80 != 0 {
        out.extend_from_slice(scan.take(3 << ((flags & 7) + 1))?);
    }
    Ok(())
}

/// How often an animation is shown, in the extension of a program that says so.
fn times(data: &[u8]) -> Option<[u8; 2]> {
    let known = [LOOP, b"\x0BANIMEXTS1.0"];
    let mut scan = Scan::new(known.iter().find_map(|name| data.strip_prefix(*name))?);
    loop {
        let len = scan.u8().ok().filter(|len| *len > 0)?;
        let block = scan.take(len.into()).ok()?;
        if let [1, low, high, ..] = block {
            return Some([*low, *high]);
        }
    }
}

/// Writes the blocks of a drawing up to the one in which its last code stands.
///
/// The codes are counted, not drawn: how many bits one has follows from how many there were.
fn drawn(blocks: &[u8], bits: u8, out: &mut Vec<u8>) {
    // By the book no drawing has less; decoders do not agree on what such a one means.
    if bits < 2 {
        out.extend_from_slice(blocks);
        return;
    }
    let (mut scan, mut codes) = (Scan::new(blocks), Codes::new(bits));
    while let Ok(len @ 1..) = scan.u8() {
        let block = scan.take(len.into()).unwrap_or_default();
        let read = codes.read(block);
        let kept = block.get(..read).unwrap_or(block);
        if let Ok(len @ 1..) = u8::try_from(kept.len()) {
            out.push(len);
            out.extend_from_slice(kept);
        }
        if codes.ended {
            break;
        }
    }
    out.push(0);
}

/// Codes of LZW as GIF has them: from three to twelve bits, beginning anew at one of them and ending at another.
#[derive(Debug)]
struct Codes {
    least: u8,
    width: u8,
    /// The number that the next code to be learned gets.
    next: u32,
    held: u32,
    bits: u8,
    ended: bool,
}

impl Codes {
    fn new(least: u8) -> Self {
        let least = least.min(11);
        Self {
            least,
            width: least + 1,
            next: 0,
            held: 0,
            bits: 0,
            ended: false,
        }
    }

    /// Reads on, and tells how many bytes were read when the end was met.
    fn read(&mut self, block: &[u8]) -> usize {
        let clear = 1u32 << self.least;
        for (byte, read) in block.iter().zip(1..) {
            self.held |= u32::from(*byte) << self.bits;
            self.bits += 8;
            while self.bits >= self.width {
                let code = self.held & ((1 << self.width) - 1);
                self.held >>= self.width;
                self.bits -= self.width;
                if code == clear + 1 {
                    self.ended = true;
                    return read;
                }
                if code == clear {
                    self.width = self.least + 1;
                    // The first code behind it teaches nothing.
                    self.next = clear + 1;
                    continue;
                }
                self.next = self.next.max(clear + 1) + 1;
                if self.next >= 1 << self.width && self.width < 12 {
                    self.width += 1;
                }
            }
        }
        block.len()
    }
}

/// Blocks with a length each, up to one of no length, which is taken too.
fn sub_blocks<'a>(scan: &mut Scan<'a>) -> Result<&'a [u8], Fault> {
    let before = scan.rest();
    loop {
        let len = scan.u8()?;
        scan.take(len.into())?;
        if len == 0 {
            break;
        }
    }
    let taken = before.len() - scan.rest().len();
    before.get(..taken).ok_or(Fault::Cut)
}
