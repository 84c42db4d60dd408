//! MP4, QuickTime, HEIF and AVIF, box by box, changed in place: a box that is not wanted becomes `free`, with zeros in
//! it and of the same size, so that nothing else moves and a film of any length costs no memory.
//!
//! Kept are the boxes that the showing needs, by a list of names. A track that is neither seen nor heard nor read (where
//! action cameras and telephones put the places they passed) goes with its samples.

use super::error::Fault;
use super::patch::{Patch, Scratch};
use super::{items, track};

/// Boxes that may stand at the top.
const TOP: &[&[u8; 4]] = &[
    b"ftyp", b"styp", b"moov", b"moof", b"mdat", b"idat", b"pdin", b"sidx", b"ssix", b"prft",
    b"mfra",
];

/// Boxes of a film.
const MOVIE: &[&[u8; 4]] = &[
    b"mvhd", b"trak", b"mvex", b"iods", b"rmra", b"ctab", b"pssh",
];

/// What is known of something in boxes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Film {
    pub(super) width: Option<u32>,
    pub(super) height: Option<u32>,
    pub(super) duration_ms: Option<u64>,
}

/// Where a box stands.
#[derive(Debug, Clone, Copy)]
pub(super) struct Head {
    pub(super) name: [u8; 4],
    pub(super) at: u64,
    /// Where its content begins.
    pub(super) body: u64,
    /// Where the next one begins.
    pub(super) end: u64,
}

impl Head {
    /// The box at `at`, which may go as far as `end`.
    pub(super) fn at<F: Scratch>(
        patch: &mut Patch<'_, F>,
        at: u64,
        end: u64,
    ) -> Result<Self, Fault> {
        patch.count()?;
        let [s0, s1, s2, s3, n0, n1, n2, n3] = patch.read(at)?;
        let size = u32::from_be_bytes([s0, s1, s2, s3]);
        let (size, body) = match size {
            0 => (end - at, 8),
            1 => (u64::from_be_bytes(patch.read(at + 8)?), 16),
            _ => (u64::from(size), 8),
        };
        if size < body {
            return Err(Fault::Odd("a box smaller than its head"));
        }
        Ok(Self {
            name: [n0, n1, n2, n3],
            at,
            body: at + body,
            end: at
                .checked_add(size)
                .filter(|to| *to <= end)
                .ok_or(Fault::Cut)?,
        })
    }

    /// Makes it a `free` box with nothing in it.
    pub(super) fn void<F: Scratch>(&self, patch: &mut Patch<'_, F>) -> Result<(), Fault> {
        patch.write(self.at + 4, b"free")?;
        patch.zero(self.body, self.end)
    }
}

/// Visits the boxes between two places.
pub(super) fn each<F: Scratch>(
    patch: &mut Patch<'_, F>,
    from: u64,
    to: u64,
    mut visit: impl FnMut(&mut Patch<'_, F>, &Head) -> Result<(), Fault>,
) -> Result<(), Fault> {
    let mut at = from;
    while at < to {
        // QuickTime ends some lists with four zeros.
        if to - at < 8 {
            let rest = patch.load(at, to, 8)?;
            return match rest.iter().all(|byte| *byte == 0) {
                true => Ok(()),
                false => Err(Fault::Cut),
            };
        }
        let head = Head::at(patch, at, to)?;
        visit(patch, &head)?;
        at = head.end;
    }
    Ok(())
}

/// Looks through a whole file and takes off what tells of place, device and time.
pub(super) fn look<F: Scratch>(patch: &mut Patch<'_, F>, has_items: bool) -> Result<Film, Fault> {
    let (mut film, len, mut drawn) = (Film::default(), patch.len(), false);
    each(patch, 0, len, |patch, head| {
        match &head.name {
            b"meta" if has_items => {
                film = items::look(patch, head)?;
                drawn = true;
            }
            b"moov" => {
                let of_film = movie(patch, head)?;
                drawn = true;
                if film.width.is_none() {
                    film = of_film;
                } else {
                    film.duration_ms = of_film.duration_ms;
                }
            }
            name if TOP.contains(&name) => {}
            _ => head.void(patch)?,
        }
        Ok(())
    })?;
    if !drawn {
        return Err(Fault::Cut);
    }
    Ok(film)
}

fn movie<F: Scratch>(patch: &mut Patch<'_, F>, moov: &Head) -> Result<Film, Fault> {
    let (mut film, mut of_film, mut of_fragments) = (Film::default(), Clock::default(), None);
    each(patch, moov.body, moov.end, |patch, head| {
        match &head.name {
            b"mvhd" => of_film = clock(patch, head)?,
            b"mvex" => of_fragments = fragments(patch, head)?,
            b"trak" => {
                let size = track::look(patch, head)?;
                if film.width.is_none() {
                    (film.width, film.height) = size.unzip();
                }
            }
            b"cmov" => return Err(Fault::Sealed("its description is compressed")),
            name if MOVIE.contains(&name) => {}
            _ => head.void(patch)?,
        }
        Ok(())
    })?;
    let length = of_film.length.or(of_fragments);
    film.duration_ms = length
        .and_then(|length| length.checked_mul(1_000))
        .and_then(|length| length.checked_div(of_film.ticks));
    Ok(film)
}

/// How long something plays.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Clock {
    /// Ticks a second.
    ticks: u64,
    /// Ticks in all.
    length: Option<u64>,
}

/// Takes the times of making and changing off an `mvhd` or `mdhd`, and reads the rest.
pub(super) fn clock<F: Scratch>(patch: &mut Patch<'_, F>, head: &Head) -> Result<Clock, Fault> {
    let [version, ..] = patch.read::<4>(head.body)?;
    let times = if version == 1 { 16 } else { 8 };
    let at = head.body + 4;
    patch.zero(at, at + times)?;
    let ticks = u32::from_be_bytes(patch.read(at + times)?).into();
    let (length, unknown) = match version {
        1 => (u64::from_be_bytes(patch.read(at + times + 4)?), u64::MAX),
        _ => {
            let length = u32::from_be_bytes(patch.read(at + times + 4)?);
            (length.into(), u32::MAX.into())
        }
    };
    let length = Some(length).filter(|length| *length != 0 && *length != unknown);
    Ok(Clock { ticks, length })
}

/// The length of a film in fragments, where it was known when the file began.
fn fragments<F: Scratch>(patch: &mut Patch<'_, F>, mvex: &Head) -> Result<Option<u64>, Fault> {
    let mut length = None;
    each(patch, mvex.body, mvex.end, |patch, head| {
        match &head.name {
            b"mehd" => {
                let [version, ..] = patch.read::<4>(head.body)?;
                length = Some(match version {
                    1 => u64::from_be_bytes(patch.read(head.body + 4)?),
                    _ => u32::from_be_bytes(patch.read(head.body + 4)?).into(),
                });
            }
            b"udta" | b"meta" | b"uuid" => head.void(patch)?,
            _ => {}
        }
        Ok(())
    })?;
    Ok(length.filter(|length| *length != 0))
}
