//! One track of a film: its size, or its end if it is neither seen, heard nor read.

use super::boxes::{Head, clock, each};
use super::error::Fault;
use super::patch::{Patch, Scratch};
use super::scan::Scan;

/// Tracks that people see, hear or read, and those that the others need.
const KEPT: &[&[u8; 4]] = &[
    b"vide", b"soun", b"sbtl", b"subt", b"text", b"clcp", b"tmcd", b"auxv", b"pict", b"hint",
];

/// Boxes of a track that the showing needs.
const TRACK: &[&[u8; 4]] = &[
    b"tkhd", b"tref", b"trgr", b"edts", b"mdia", b"tapt", b"load", b"matt", b"clip", b"crgn",
];

/// Boxes of its media.
const MEDIA: &[&[u8; 4]] = &[b"mdhd", b"hdlr", b"minf", b"elng"];

/// Bytes of a table of samples that is walked to take a track off. Places noted once a second for a day take 700 KiB.
const TABLE: usize = 4 << 20;

/// What was met in a track.
#[derive(Debug, Default)]
struct Met {
    size: Option<(u32, u32)>,
    handler: Option<[u8; 4]>,
    table: Option<Head>,
}

/// Cleans a track; the size of its pictures, upright, if it has any.
pub(super) fn look<F: Scratch>(
    patch: &mut Patch<'_, F>,
    trak: &Head,
) -> Result<Option<(u32, u32)>, Fault> {
    let mut met = Met::default();
    each(patch, trak.body, trak.end, |patch, head| {
        match &head.name {
            b"tkhd" => met.size = header(patch, head)?,
            b"mdia" => media(patch, head, &mut met)?,
            name if TRACK.contains(&name) => {}
            _ => head.void(patch)?,
        }
        Ok(())
    })?;
    let handler = met.handler.unwrap_or_default();
    if !KEPT.contains(&&handler) {
        if let Some(table) = met.table {
            zero_samples(patch, &table)?;
        }
        trak.void(patch)?;
    } else if let Some(table) = met.table {
        unname_encoders(patch, &table, &handler)?;
    }
    Ok(met.size.filter(|_| &handler == b"vide"))
}

/// Takes the times off a `tkhd`; width and height after the turn it asks for.
fn header<F: Scratch>(patch: &mut Patch<'_, F>, head: &Head) -> Result<Option<(u32, u32)>, Fault> {
    let [version, ..] = patch.read::<4>(head.body)?;
    let (times, rest) = if version == 1 { (16, 16) } else { (8, 12) };
    let at = head.body + 4;
    patch.zero(at, at + times)?;
    // Number, length, layer and loudness stand before the matrix of nine numbers.
    let bytes = patch.read::<44>(at + times + rest + 16)?;
    let mut scan = Scan::new(&bytes);
    let (a, b) = (scan.u32()?, scan.u32()?);
    scan.take(28)?;
    // In 65536ths of a pixel.
    let (width, height) = (scan.u32()? >> 16, scan.u32()? >> 16);
    let size = if a == 0 && b != 0 {
        (height, width)
    } else {
        (width, height)
    };
    Ok(Some(size).filter(|size| size.0 > 0 && size.1 > 0))
}

fn media<F: Scratch>(patch: &mut Patch<'_, F>, mdia: &Head, met: &mut Met) -> Result<(), Fault> {
    each(patch, mdia.body, mdia.end, |patch, head| {
        match &head.name {
            b"mdhd" => {
                clock(patch, head)?;
            }
            b"hdlr" => {
                met.handler = Some(patch.read(head.body + 8)?);
                unname(patch, head)?;
            }
            b"minf" => each(patch, head.body, head.end, |patch, head| {
                match &head.name {
                    b"stbl" => met.table = Some(*head),
                    b"hdlr" => unname(patch, head)?,
                    b"udta" | b"meta" | b"uuid" => head.void(patch)?,
                    _ => {}
                }
                Ok(())
            })?,
            name if MEDIA.contains(&name) => {}
            _ => head.void(patch)?,
        }
        Ok(())
    })
}

/// Takes the maker, and the name the device gave to what handles a track, off a `hdlr`.
fn unname<F: Scratch>(patch: &mut Patch<'_, F>, head: &Head) -> Result<(), Fault> {
    patch.zero((head.body + 12).min(head.end), head.end)
}

/// Takes the maker and the name of the encoder off the descriptions of what is seen or heard; cameras write theirs.
fn unname_encoders<F: Scratch>(
    patch: &mut Patch<'_, F>,
    stbl: &Head,
    handler: &[u8; 4],
) -> Result<(), Fault> {
    each(patch, stbl.body, stbl.end, |patch, head| {
        if &head.name != b"stsd" {
            return Ok(());
        }
        each(patch, head.body + 8, head.end, |patch, entry| {
            let mut zero = |from: u64, to: u64| match entry.at + to <= entry.end {
                true => patch.zero(entry.at + from, entry.at + to),
                false => Ok(()),
            };
            match handler {
                b"vide" => {
                    zero(20, 24)?;
                    zero(50, 82)
                }
                b"soun" => zero(20, 24),
                _ => Ok(()),
            }
        })
    })
}

/// Zeroes all samples of a track.
fn zero_samples<F: Scratch>(patch: &mut Patch<'_, F>, stbl: &Head) -> Result<(), Fault> {
    let (mut sizes, mut runs, mut places, mut wide) = (None, None, None, false);
    each(patch, stbl.body, stbl.end, |patch, head| {
        match &head.name {
            b"stsz" => sizes = Some(patch.load(head.body, head.end, TABLE)?),
            b"stz2" => return Err(Fault::Sealed("a hidden track has a table of a rare kind")),
            b"stsc" => runs = Some(patch.load(head.body, head.end, TABLE)?),
            b"stco" | b"co64" => {
                wide = &head.name == b"co64";
                places = Some(patch.load(head.body, head.end, TABLE)?);
            }
            _ => {}
        }
        Ok(())
    })?;
    let (Some(sizes), Some(runs), Some(places)) = (sizes, runs, places) else {
        return Ok(());
    };
    let mut sizes = Sizes::of(&sizes)?;
    let mut runs = Runs::of(&runs)?;
    let mut places = Scan::new(&places);
    places.take(4)?;
    for chunk in 1..=places.u32()? {
        let at = match wide {
            true => places.u64()?,
            false => places.u32()?.into(),
        };
        let len = sizes.next(runs.samples_in(chunk)?)?;
        let end = at.checked_add(len).ok_or(Fault::Cut)?;
        patch.zero(at, end)?;
    }
    Ok(())
}

/// Sizes of samples in their order.
struct Sizes<'a> {
    all_alike: u32,
    scan: Scan<'a>,
}

impl<'a> Sizes<'a> {
    fn of(table: &'a [u8]) -> Result<Self, Fault> {
        let mut scan = Scan::new(table);
        scan.take(4)?;
        let all_alike = scan.u32()?;
        scan.take(4)?;
        Ok(Self { all_alike, scan })
    }

    /// Bytes of the next so many samples.
    fn next(&mut self, samples: u32) -> Result<u64, Fault> {
        if self.all_alike != 0 {
            return Ok(u64::from(self.all_alike) * u64::from(samples));
        }
        let mut sum = 0u64;
        for _ in 0..samples {
            sum = sum.saturating_add(self.scan.u32()?.into());
        }
        Ok(sum)
    }
}

/// How many samples each chunk has: runs of chunks that have equally many.
struct Runs<'a> {
    samples: u32,
    next: Option<(u32, u32)>,
    scan: Scan<'a>,
}

impl<'a> Runs<'a> {
    fn of(table: &'a [u8]) -> Result<Self, Fault> {
        let mut scan = Scan::new(table);
        scan.take(8)?;
        let mut runs = Self {
            samples: 0,
            next: None,
            scan,
        };
        runs.read_next()?;
        Ok(runs)
    }

    fn read_next(&mut self) -> Result<(), Fault> {
        self.next = match self.scan.is_empty() {
            true => None,
            false => {
                let run = (self.scan.u32()?, self.scan.u32()?);
                self.scan.take(4)?;
                Some(run)
            }
        };
        Ok(())
    }

    fn samples_in(&mut self, chunk: u32) -> Result<u32, Fault> {
        while let Some((_, samples)) = self.next.filter(|(first, _)| *first <= chunk) {
            self.samples = samples;
            self.read_next()?;
        }
        Ok(self.samples)
    }
}
