//! A film in fragments: each says anew where its samples lie.

use super::boxes::{Head, each, keep};
use super::error::Fault;
use super::patch::{Patch, Scratch};
use super::samples::Ranges;
use super::track::{Tracks, trim_groups};
use super::units;

/// What the head of a part of a fragment says.
#[derive(Debug, Clone, Copy)]
struct Part {
    number: u32,
    /// Where its samples are counted from.
    base: Base,
    sample_size: u32,
}

#[derive(Debug, Clone, Copy)]
enum Base {
    /// This place in the file.
    At(u64),
    /// The fragment.
    Fragment,
    /// Where those of the part before it ended; for the first, the fragment.
    Before,
}

/// Cleans a `moof`, and adds the samples of the tracks that are kept.
pub(super) fn look<F: Scratch>(
    patch: &mut Patch<'_, F>,
    moof: &Head,
    tracks: &Tracks,
    kept: &mut Ranges,
) -> Result<(), Fault> {
    // Where the part before this one ended, and where it will once those of other tracks are gone.
    let (mut ended, mut ends) = (moof.at, moof.at);
    keep(patch, moof, |patch, traf| {
        if &traf.name != b"traf" {
            return Ok(());
        }
        let part = part(patch, traf, tracks)?;
        let stays = tracks.keeps(part.number);
        let (from, to_be) = match part.base {
            Base::At(at) => (at, at),
            Base::Fragment => (moof.at, moof.at),
            Base::Before => (ended, ends),
        };
        let mut runs = Runs {
            base: from,
            at: from,
            any: false,
            moved: (from != to_be && stays).then_some(to_be),
        };
        keep(patch, traf, |patch, head| match &head.name {
            b"trun" => {
                let (from, to) = runs.next(patch, head, part.sample_size)?;
                match stays {
                    true => {
                        units::clean(patch, (from, to), tracks.forms(part.number))?;
                        kept.add(from, to)
                    }
                    false => Ok(()),
                }
            }
            b"sbgp" => trim_groups(patch, head),
            _ => Ok(()),
        })?;
        ended = runs.at;
        if stays {
            ends = if runs.any { runs.at } else { to_be };
            return Ok(());
        }
        traf.void(patch)
    })
}

fn part<F: Scratch>(patch: &mut Patch<'_, F>, traf: &Head, tracks: &Tracks) -> Result<Part, Fault> {
    let mut part = None;
    each(patch, traf.body, traf.end, |patch, head| {
        if &head.name != b"tfhd" {
            return Ok(());
        }
        if part.is_some() {
            return Err(Fault::Odd("a box that stands there twice"));
        }
        let flags = head.number(patch, 0)?;
        let number = head.number(patch, 4)?;
        let has = |flag: u32, len: u64| if flags & flag == 0 { 0 } else { len };
        let size_at = 8 + has(1, 8) + has(2, 4) + has(8, 4);
        let base = match (flags & 1, flags & 0x2_0000) {
            (1, _) => {
                head.number(patch, 12)?;
                Base::At(u64::from_be_bytes(patch.read(head.body + 8)?))
            }
            (_, 0) => Base::Before,
            _ => Base::Fragment,
        };
        let sample_size = match flags & 0x10 {
            0 => tracks.sample_size(number),
            _ => head.number(patch, size_at)?,
        };
        head.trim(patch, size_at + has(0x10, 4) + has(0x20, 4))?;
        part = Some(Part {
            number,
            base,
            sample_size,
        });
        Ok(())
    })?;
    part.ok_or(Fault::Odd("a fragment of no track"))
}

/// The runs of samples of one part of a fragment.
#[derive(Debug)]
struct Runs {
    /// Where their places are counted from.
    base: u64,
    /// Where the last one ended.
    at: u64,
    /// Whether there was one.
    any: bool,
    /// Where they will be counted from, if that is another place.
    moved: Option<u64>,
}

impl Runs {
    /// Where the next run begins and ends.
    fn next<F: Scratch>(
        &mut self,
        patch: &mut Patch<'_, F>,
        trun: &Head,
        sample_size: u32,
    ) -> Result<(u64, u64), Fault> {
        let flags = trun.number(patch, 0)?;
        let samples = trun.number(patch, 4)?;
        let has = |flag: u32| if flags & flag == 0 { 0 } else { 4 };
        let (place, rows) = (8, 8 + has(1) + has(4));
        let row = has(0x100) + has(0x200) + has(0x400) + has(0x800);
        let len = rows + row * u64::from(samples);
        if len > trun.len() {
            return Err(Fault::Odd("a table longer than its box"));
        }
        trun.trim(patch, len)?;
        let from = match flags & 1 {
            0 => self.at,
            _ => {
                let [a, b, c, d] = trun.number(patch, place)?.to_be_bytes();
                let skipped = i64::from(i32::from_be_bytes([a, b, c, d]));
                self.base.checked_add_signed(skipped).ok_or(Fault::Cut)?
            }
        };
        self.count_anew(patch, trun, from, flags & 1 == 1)?;
        self.any = true;
        let bytes = match flags & 0x200 {
            0 => u64::from(sample_size) * u64::from(samples),
            _ => sum(patch, trun.body + rows + has(0x100), row, samples)?,
        };
        self.at = from
            .checked_add(bytes)
            .filter(|to| *to <= patch.len())
            .ok_or(Fault::Cut)?;
        Ok((from, self.at))
    }

    /// Counts the place of a run from where the part before it will end.
    fn count_anew<F: Scratch>(
        &self,
        patch: &mut Patch<'_, F>,
        trun: &Head,
        from: u64,
        has_place: bool,
    ) -> Result<(), Fault> {
        let Some(to_be) = self.moved else {
            return Ok(());
        };
        if !has_place {
            // Those behind the first run follow it; the first has no number that could be changed.
            return match self.any {
                true => Ok(()),
                false => Err(UNMOVABLE),
            };
        }
        let skipped = i64::try_from(from).ok().zip(i64::try_from(to_be).ok());
        let skipped = skipped.and_then(|(from, to_be)| i32::try_from(from - to_be).ok());
        let skipped = skipped.ok_or(UNMOVABLE)?;
        patch.write(trun.body + 8, &skipped.to_be_bytes())
    }
}

const UNMOVABLE: Fault = Fault::Sealed("its fragments are counted from those of a hidden track");

/// Bytes of so many samples, whose sizes stand so far apart.
fn sum<F: Scratch>(
    patch: &mut Patch<'_, F>,
    mut at: u64,
    row: u64,
    samples: u32,
) -> Result<u64, Fault> {
    let mut sum = 0u64;
    for _ in 0..samples {
        sum += u64::from(u32::from_be_bytes(patch.read(at)?));
        at += row;
    }
    Ok(sum)
}

/// Cleans the table at the end that tells where fragments begin.
pub(super) fn index<F: Scratch>(
    patch: &mut Patch<'_, F>,
    mfra: &Head,
    tracks: &Tracks,
) -> Result<(), Fault> {
    keep(patch, mfra, |patch, head| {
        if &head.name == b"tfra" && !tracks.keeps(head.number(patch, 4)?) {
            return head.void(patch);
        }
        Ok(())
    })
}
