//! GIF, block by block: pictures, their timing and the loop are kept, comments and other programs' notes are not.

use super::error::Fault;
use super::scan::Scan;
use super::still::Still;

const TRAILER: u8 = 0x3B;

pub(super) fn strip(bytes: &[u8]) -> Result<Still, Fault> {
    let mut scan = Scan::new(bytes);
    let mut out = Vec::with_capacity(bytes.len());
    out.extend_from_slice(scan.take(6)?);
    let mut screen = Scan::new(scan.rest());
    let (width, height) = (screen.u16_le()?, screen.u16_le()?);
    copy_with_colours(&mut scan, 7, 4, &mut out)?;
    let mut frames = 0u32;
    loop {
        // A writer that forgot the end is forgiven, one that stopped within a block is not.
        let block = if scan.is_empty() { TRAILER } else { scan.u8()? };
        match block {
            TRAILER => break,
            0x21 => extension(&mut scan, &mut out)?,
            0x2C => {
                out.push(block);
                copy_with_colours(&mut scan, 9, 8, &mut out)?;
                out.push(scan.u8()?);
                out.extend_from_slice(sub_blocks(&mut scan)?);
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

fn extension(scan: &mut Scan<'_>, out: &mut Vec<u8>) -> Result<(), Fault> {
    let label = scan.u8()?;
    let data = sub_blocks(scan)?;
    let kept = match label {
        // Text to be drawn, and timing.
        0x01 | 0xF9 => true,
        0xFF => data.starts_with(b"\x0BNETSCAPE2.0") || data.starts_with(b"\x0BANIMEXTS1.0"),
        _ => false,
    };
    if kept {
        out.extend([0x21, label]);
        out.extend_from_slice(data);
    }
    Ok(())
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
