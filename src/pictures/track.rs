//! One track of a film: its size, or its end if it is neither seen nor heard.

use std::collections::BTreeMap;

use super::boxes::{Head, clock, each, keep};
use super::described::{self, Packets};
use super::error::Fault;
use super::patch::{Patch, Scratch};
use super::scan::Scan;
use super::units::{self, Form};

/// Tracks that people see or hear: films, sounds, what makes a film transparent, and films of stills. Subtitles are not
/// among them: drones write place and height into theirs each second.
const KEPT: &[&[u8; 4]] = &[b"vide", b"soun", b"auxv", b"pict"];

/// Tracks of one film. Those with all languages of a disc have some forty.
const TRACKS: usize = 256;

/// A track whose samples are looked for.
#[derive(Debug)]
pub(super) struct Track {
    /// All of it.
    pub(super) whole: Head,
    /// The tables of its samples.
    pub(super) table: Option<Head>,
    /// How its sounds are packed, where samples are counted singly.
    pub(super) packets: Vec<Packets>,
    /// How its pictures are written, if notes may stand between them.
    pub(super) forms: Vec<Form>,
}

/// The tracks of a film.
#[derive(Debug, Default)]
pub(super) struct Tracks {
    pub(super) kept: Vec<Track>,
    /// Those that go, once their samples are gone.
    pub(super) dropped: Vec<Track>,
    /// The numbers of those that are kept, with their places among them.
    numbers: BTreeMap<u32, usize>,
    /// What holds for the fragments of each: the size of a sample, and where it says so.
    extended: BTreeMap<u32, (u32, Head)>,
}

impl Tracks {
    /// Whether anything is left to be shown.
    pub(super) fn has_kept(&self) -> bool {
        !self.kept.is_empty()
    }

    /// Whether the track with this number is kept.
    pub(super) fn keeps(&self, number: u32) -> bool {
        self.numbers.contains_key(&number)
    }

    /// How the pictures of the track with this number are written.
    pub(super) fn forms(&self, number: u32) -> &[Form] {
        let track = self.numbers.get(&number).and_then(|at| self.kept.get(*at));
        track.map(|track| &*track.forms).unwrap_or_default()
    }

    /// Bytes of a sample of a fragment that does not say how many.
    pub(super) fn sample_size(&self, number: u32) -> u32 {
        let extended = self.extended.get(&number);
        extended.map(|(size, _)| *size).unwrap_or_default()
    }

    /// Takes up a `trex`.
    pub(super) fn extend<F: Scratch>(
        &mut self,
        patch: &mut Patch<'_, F>,
        trex: &Head,
    ) -> Result<(), Fault> {
        let number = trex.number(patch, 4)?;
        let size = trex.number(patch, 16)?;
        let before = self.extended.insert(number, (size, *trex));
        match before.is_none() && self.extended.len() <= TRACKS {
            true => Ok(()),
            false => Err(Fault::Odd("fragments of too many tracks")),
        }
    }

    /// Takes off what is said of the fragments of tracks that are gone.
    pub(super) fn drop_extensions<F: Scratch>(
        &self,
        patch: &mut Patch<'_, F>,
    ) -> Result<(), Fault> {
        let all = self.extended.iter();
        for (_, (_, trex)) in all.filter(|(number, _)| !self.keeps(**number)) {
            trex.void(patch)?;
        }
        Ok(())
    }
}

/// What was met in a track.
#[derive(Debug, Default)]
struct Met {
    number: u32,
    size: Option<(u32, u32)>,
    handler: Option<[u8; 4]>,
    table: Option<Head>,
    descriptions: Option<Head>,
    /// Whether its samples lie in another file.
    elsewhere: bool,
}

/// Takes up something that stands in a track once.
fn once<T>(place: &mut Option<T>, met: T) -> Result<(), Fault> {
    match place.replace(met) {
        None => Ok(()),
        Some(_) => Err(Fault::Odd("a box that stands there twice")),
    }
}

/// Cleans a track; the size of its pictures, upright, if it has any.
pub(super) fn look<F: Scratch>(
    patch: &mut Patch<'_, F>,
    trak: &Head,
    tracks: &mut Tracks,
) -> Result<Option<(u32, u32)>, Fault> {
    let mut met = Met::default();
    keep(patch, trak, |patch, head| match &head.name {
        b"tkhd" => header(patch, head, &mut met),
        b"mdia" => media(patch, head, &mut met),
        b"edts" => keep(patch, head, |patch, head| {
            let [version, ..] = head.number(patch, 0)?.to_be_bytes();
            trim_table(patch, head, 4, if version == 1 { 20 } else { 12 })
        }),
        b"tref" | b"tapt" => keep(patch, head, |_, _| Ok(())),
        _ => Ok(()),
    })?;
    if tracks.kept.len() + tracks.dropped.len() >= TRACKS {
        return Err(Fault::Odd("more tracks than any film has"));
    }
    let handler = met.handler.unwrap_or_default();
    let mut kept = KEPT.contains(&&handler) && !met.elsewhere;
    let (mut packets, mut forms) = (Vec::new(), Vec::new());
    if let Some(descriptions) = met.descriptions.filter(|_| kept) {
        match described::look(patch, &descriptions, &handler)? {
            Some(found) => packets = found,
            None => kept = false,
        }
        if kept && &handler != b"soun" {
            forms = units::forms(patch, &descriptions)?;
        }
    }
    let track = Track {
        whole: *trak,
        table: met.table,
        packets,
        forms,
    };
    if kept {
        tracks.numbers.insert(met.number, tracks.kept.len());
        tracks.kept.push(track);
    } else {
        tracks.dropped.push(track);
    }
    Ok(met.size.filter(|_| kept && &handler == b"vide"))
}

/// Takes the times off a `tkhd`; width and height after the turn it asks for.
fn header<F: Scratch>(patch: &mut Patch<'_, F>, head: &Head, met: &mut Met) -> Result<(), Fault> {
    let [version, ..] = head.number(patch, 0)?.to_be_bytes();
    let (times, rest) = if version == 1 { (16, 16) } else { (8, 12) };
    let behind = 4 + times + rest + 60;
    if head.len() < behind {
        return Err(Fault::Odd("a box that is too small"));
    }
    let at = head.body + 4;
    patch.zero(at, at + times)?;
    met.number = head.number(patch, 4 + times)?;
    // Number, length, layer and loudness stand before the matrix of nine numbers, with spare bytes among them.
    patch.zero(at + times + 4, at + times + 8)?;
    patch.zero(at + times + rest, at + times + rest + 8)?;
    patch.zero(at + times + rest + 14, at + times + rest + 16)?;
    head.trim(patch, behind)?;
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
    met.size = Some(size).filter(|size| size.0 > 0 && size.1 > 0);
    Ok(())
}

fn media<F: Scratch>(patch: &mut Patch<'_, F>, mdia: &Head, met: &mut Met) -> Result<(), Fault> {
    keep(patch, mdia, |patch, head| match &head.name {
        b"mdhd" => {
            clock(patch, head)?;
            let [version, ..] = head.number(patch, 0)?.to_be_bytes();
            head.trim(patch, if version == 1 { 34 } else { 22 })
        }
        b"hdlr" => {
            once(&mut met.handler, head.number(patch, 8)?.to_be_bytes())?;
            unname(patch, head)
        }
        _ => keep(patch, head, |patch, head| match &head.name {
            b"hdlr" => unname(patch, head),
            b"dinf" => keep(patch, head, |patch, head| places(patch, head, met)),
            b"stbl" => {
                once(&mut met.table, *head)?;
                keep(patch, head, |patch, head| table(patch, head, met))
            }
            _ => Ok(()),
        }),
    })
}

/// Takes the maker, and the name the device gave to what handles a track, off a `hdlr`.
fn unname<F: Scratch>(patch: &mut Patch<'_, F>, head: &Head) -> Result<(), Fault> {
    head.trim(patch, 12)
}

/// Takes the paths off a `dref`, and notes whether one of them is needed.
fn places<F: Scratch>(patch: &mut Patch<'_, F>, dref: &Head, met: &mut Met) -> Result<(), Fault> {
    dref.number(patch, 4)?;
    each(patch, dref.body + 8, dref.end, |patch, place| {
        let is_here = place.number(patch, 0)? & 1 == 1;
        if !is_here {
            let told = patch.load(place.body + 4, place.end, 1 << 16)?;
            met.elsewhere |= told.iter().any(|byte| *byte != 0);
        }
        place.trim(patch, 4)
    })
}

/// A part of the tables of samples: takes off what stands behind its end.
fn table<F: Scratch>(patch: &mut Patch<'_, F>, head: &Head, met: &mut Met) -> Result<(), Fault> {
    match &head.name {
        b"stsd" => once(&mut met.descriptions, *head),
        b"stts" | b"ctts" | b"co64" => trim_table(patch, head, 4, 8),
        b"stss" | b"stps" | b"stco" => trim_table(patch, head, 4, 4),
        b"stsc" => trim_table(patch, head, 4, 12),
        b"stsz" if head.number(patch, 4)? == 0 => trim_table(patch, head, 8, 4),
        b"stsz" => head.trim(patch, 12),
        b"stz2" => {
            let bits = u64::from(head.number(patch, 4)? & 0xFF);
            let rows = u64::from(head.number(patch, 8)?);
            head.trim(patch, 12 + (rows * bits).div_ceil(8))
        }
        b"sbgp" => trim_groups(patch, head),
        _ => Ok(()),
    }
}

/// Takes off what stands behind the groups of samples in a `sbgp`.
pub(super) fn trim_groups<F: Scratch>(patch: &mut Patch<'_, F>, head: &Head) -> Result<(), Fault> {
    let [version, ..] = head.number(patch, 0)?.to_be_bytes();
    trim_table(patch, head, if version == 1 { 12 } else { 8 }, 8)
}

/// Takes off what stands behind the end of a table: its rows are counted behind so many bytes.
pub(super) fn trim_table<F: Scratch>(
    patch: &mut Patch<'_, F>,
    head: &Head,
    before: u64,
    row: u64,
) -> Result<(), Fault> {
    let rows = u64::from(head.number(patch, before)?);
    let len = before + 4 + rows * row;
    match len <= head.len() {
        true => head.trim(patch, len),
        false => Err(Fault::Odd("a table longer than its box")),
    }
}
