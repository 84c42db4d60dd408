//! The head of FLAC as it stands in films: what a decoder asks for, and tags.

use super::error::Fault;
use super::patch::{Patch, Scratch};

/// Makes all blocks of metadata between two places empty, besides the first kind: how the sound is to be read.
pub(super) fn look<F: Scratch>(patch: &mut Patch<'_, F>, from: u64, to: u64) -> Result<(), Fault> {
    let mut at = from;
    while at < to {
        if to - at < 4 {
            return patch.zero(at, to);
        }
        patch.count()?;
        let [kind, a, b, c] = patch.read(at)?;
        let body = at + 4;
        let end = body + u64::from(u32::from_be_bytes([0, a, b, c]));
        if end > to {
            return Err(Fault::Odd("a head of FLAC that goes on past its end"));
        }
        if kind & 0x7F != 0 {
            // Padding, with the mark of the last block where it was.
            patch.write(at, &[kind & 0x80 | 1])?;
            patch.zero(body, end)?;
        }
        at = end;
        if kind & 0x80 != 0 {
            return patch.zero(at, to);
        }
    }
    Ok(())
}
