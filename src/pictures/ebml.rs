//! WebM and Matroska, element by element, changed in place: what is not wanted becomes a `Void` of the same size.
//!
//! Taken off are the tags, the title, the date, file names and the names of the programs that wrote it.

use std::time::Duration;

use super::boxes::Film;
use super::error::Fault;
use super::patch::{Patch, Scratch};

const SEGMENT: u32 = 0x1853_8067;
const CLUSTER: u32 = 0x1F43_B675;
const INFO: u32 = 0x1549_A966;
const TRACKS: u32 = 0x1654_AE6B;
const TAGS: u32 = 0x1254_C367;
const VOID: u32 = 0xEC;
const CHECK: u32 = 0xBF;

const TIMESTAMP_SCALE: u32 = 0x2A_D7B1;
const DURATION: u32 = 0x4489;
const DATE: u32 = 0x4461;
/// Title, file names, and the programs that made it.
const NAMES: [u32; 6] = [0x7BA9, 0x7384, 0x3C_83AB, 0x3E_83BB, 0x4D80, 0x5741];

const TRACK: u32 = 0xAE;
const VIDEO: u32 = 0xE0;
const WIDTH: u32 = 0xB0;
const HEIGHT: u32 = 0xBA;

/// Where an element stands.
#[derive(Debug, Clone, Copy)]
struct Element {
    id: u32,
    at: u64,
    body: u64,
    end: u64,
    /// Whether its writer did not know how long it would get.
    open: bool,
}

impl Element {
    fn at<F: Scratch>(patch: &mut Patch<'_, F>, at: u64, end: u64) -> Result<Self, Fault> {
        patch.count()?;
        let [first, b, c, d] = patch.peek(at)?;
        let shift = first.leading_zeros();
        if shift > 3 {
            return Err(Fault::Odd("an element without a name"));
        }
        let id = u32::from_be_bytes([first, b, c, d]) >> (8 * (3 - shift));
        let size_at = at + 1 + u64::from(shift);
        let [first, rest @ ..] = patch.peek::<8>(size_at)?;
        let more = first.leading_zeros();
        if more > 7 {
            return Err(Fault::Odd("an element without a length"));
        }
        let [b, c, d, e, f, g, h] = rest;
        let bits = 7 * (more + 1);
        let all = u64::from_be_bytes([first, b, c, d, e, f, g, h]) >> (8 * (7 - more));
        let mask = (1 << bits) - 1;
        let size = all & mask;
        let body = size_at + 1 + u64::from(more);
        let open = size == mask;
        let to = if open {
            Some(end)
        } else {
            body.checked_add(size)
        };
        let to = to
            .filter(|to| body <= *to && *to <= end)
            .ok_or(Fault::Cut)?;
        Ok(Self {
            id,
            at,
            body,
            end: to,
            open,
        })
    }

    /// Makes it a `Void` with zeros in it.
    fn void<F: Scratch>(&self, patch: &mut Patch<'_, F>) -> Result<(), Fault> {
        let len = self.end - self.at;
        match u8::try_from(len) {
            Ok(short @ ..9) => {
                patch.write(self.at, &[0xEC, 0x80 | (short - 2)])?;
                patch.zero(self.at + 2, self.end)
            }
            _ => {
                let [_, size @ ..] = (len - 9).to_be_bytes();
                patch.write(self.at, &[0xEC, 0x01])?;
                patch.write(self.at + 2, &size)?;
                patch.zero(self.at + 9, self.end)
            }
        }
    }

    /// Visits the elements in it.
    fn each<F: Scratch>(
        &self,
        patch: &mut Patch<'_, F>,
        mut visit: impl FnMut(&mut Patch<'_, F>, &Self) -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        let mut at = self.body;
        while at < self.end {
            let element = Self::at(patch, at, self.end)?;
            visit(patch, &element)?;
            at = element.end;
        }
        Ok(())
    }

    /// The unsigned number in it.
    fn number<F: Scratch>(&self, patch: &mut Patch<'_, F>) -> Result<u64, Fault> {
        let len = self.end - self.body;
        let bytes = patch.peek::<8>(self.body)?;
        match u32::try_from(len) {
            Ok(0) => Ok(0),
            Ok(len @ ..9) => Ok(u64::from_be_bytes(bytes) >> (8 * (8 - len))),
            _ => Err(Fault::Odd("a number that is too long")),
        }
    }
}

/// Looks through a whole file and takes off what tells of place, device and time.
pub(super) fn look<F: Scratch>(patch: &mut Patch<'_, F>) -> Result<Film, Fault> {
    let (mut film, mut at, len) = (Film::default(), 0, patch.len());
    let mut has_tracks = false;
    while at < len {
        let element = Element::at(patch, at, len)?;
        at = element.end;
        match element.id {
            // What is in a segment is looked at one by one; so is a cluster that does not say where it ends.
            SEGMENT => at = element.body,
            CLUSTER if element.open => at = element.body,
            _ if element.open => return Err(Fault::Odd("a part without an end")),
            INFO => film.duration_ms = info(patch, &element)?,
            TRACKS => {
                (film.width, film.height) = tracks(patch, &element)?.unzip();
                has_tracks = true;
            }
            TAGS | VOID => element.void(patch)?,
            _ => {}
        }
    }
    if !has_tracks {
        return Err(Fault::Cut);
    }
    Ok(film)
}

fn info<F: Scratch>(patch: &mut Patch<'_, F>, info: &Element) -> Result<Option<u64>, Fault> {
    let (mut nanos, mut length) = (1_000_000, None);
    info.each(patch, |patch, element| {
        match element.id {
            TIMESTAMP_SCALE => nanos = element.number(patch)?,
            DURATION => length = float(patch, element)?,
            // A check over what is changed here would be wrong.
            DATE | CHECK | VOID => element.void(patch)?,
            id if NAMES.contains(&id) => patch.zero(element.body, element.end)?,
            _ => {}
        }
        Ok(())
    })?;
    let nanos = u32::try_from(nanos).unwrap_or_default();
    let seconds = length.map(|length| length * f64::from(nanos) / 1e9);
    let length = seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    let millis = length.and_then(|length| u64::try_from(length.as_millis()).ok());
    Ok(millis.filter(|millis| *millis > 0))
}

fn float<F: Scratch>(patch: &mut Patch<'_, F>, element: &Element) -> Result<Option<f64>, Fault> {
    Ok(match element.end - element.body {
        4 => Some(f32::from_be_bytes(patch.read(element.body)?).into()),
        8 => Some(f64::from_be_bytes(patch.read(element.body)?)),
        _ => None,
    })
}

/// The size of the first track that is seen.
fn tracks<F: Scratch>(
    patch: &mut Patch<'_, F>,
    tracks: &Element,
) -> Result<Option<(u32, u32)>, Fault> {
    let mut size = None;
    tracks.each(patch, |patch, track| {
        if track.id != TRACK {
            return Ok(());
        }
        track.each(patch, |patch, video| {
            if video.id != VIDEO {
                return Ok(());
            }
            let (mut width, mut height) = (0, 0);
            video.each(patch, |patch, element| {
                match element.id {
                    WIDTH => width = element.number(patch)?,
                    HEIGHT => height = element.number(patch)?,
                    _ => {}
                }
                Ok(())
            })?;
            let read = u32::try_from(width).ok().zip(u32::try_from(height).ok());
            let read = read.filter(|(width, height)| *width > 0 && *height > 0);
            size = size.or(read);
            Ok(())
        })
    })?;
    Ok(size)
}
