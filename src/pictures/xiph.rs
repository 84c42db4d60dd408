//! The heads of Vorbis and Theora as they stand in films: three of them, and the second has tags in it.

use super::error::Fault;
use super::patch::{Patch, Scratch};

const ODD: Fault = Fault::Odd("heads of Vorbis or Theora that make no sense");

/// Bytes of the table of lengths: each takes one for every 255.
const LENGTHS: usize = 1_024;

/// Makes the tags among the heads between two places empty, in the same length.
pub(super) fn look<F: Scratch>(patch: &mut Patch<'_, F>, from: u64, to: u64) -> Result<(), Fault> {
    let table = patch.peek::<LENGTHS>(from)?;
    let mut bytes = table.iter().copied();
    if bytes.next() != Some(2) {
        return Err(ODD);
    }
    let (mut lengths, mut read) = ([0u64; 2], 1u64);
    for length in &mut lengths {
        loop {
            let byte = bytes.next().ok_or(ODD)?;
            read += 1;
            *length += u64::from(byte);
            if byte != 255 {
                break;
            }
        }
    }
    let [first, tags] = lengths;
    let at = from + read + first;
    let end = at + tags;
    if end > to {
        return Err(ODD);
    }
    // A mark of seven bytes; a maker and how long that is; how many tags; for Vorbis a bit at the end.
    let [kind, ..] = patch.read::<1>(at)?;
    let behind = if kind == 3 { 5 } else { 4 };
    let maker = tags.checked_sub(7 + 4 + behind).ok_or(ODD)?;
    let maker_len = u32::try_from(maker).map_err(|_| ODD)?;
    patch.write(at + 7, &maker_len.to_le_bytes())?;
    patch.zero(at + 11, at + 11 + maker + 4)?;
    if kind == 3 {
        patch.write(end - 1, &[1])?;
    }
    Ok(())
}
