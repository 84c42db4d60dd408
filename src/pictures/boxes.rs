//! MP4, QuickTime, HEIF and AVIF, box by box, changed in place: a box that is not wanted becomes `free`, with zeros in
//! it and of the same size, so that nothing else moves and a film of any length costs no memory.
//!
//! Kept are the boxes that the showing needs, by a list of names for each box they stand in, and no more bytes of them
//! than such a box has. A track that is neither seen nor heard goes: action cameras, telephones and drones put the
//! places they passed into tracks of their own, the last as subtitles. Of the data is kept what the other tracks refer
//! to; what lies between is zeroed.

use super::error::Fault;
use super::patch::{Patch, Scratch};
use super::samples::{self, Ranges};
use super::track::{self, Tracks};
use super::{fragments, items};

/// Boxes that may stand at the top, besides those that are looked into.
const TOP: &[&[u8; 4]] = &[b"ftyp", b"styp", b"moof", b"mdat", b"sidx", b"mfra"];

/// What may stand in a box: its name, and the names of what is kept in it.
const INSIDE: &[(&[u8; 4], &[&[u8; 4]])] = &[
    (b"moov", &[b"mvhd", b"trak", b"mvex"]),
    (b"mvex", &[b"mehd", b"trex"]),
    (b"trak", &[b"tkhd", b"tref", b"edts", b"mdia", b"tapt"]),
    // Of references those between what is seen and heard: pictures and their depth, a sound and its other form.
    (
        b"tref",
        &[
            b"auxl", b"vdep", b"vplx", b"fall", b"sbas", b"scal", b"dpnd",
        ],
    ),
    (b"edts", &[b"elst"]),
    (b"tapt", &[b"clef", b"prof", b"enof"]),
    (b"mdia", &[b"mdhd", b"hdlr", b"minf"]),
    (b"minf", &[b"vmhd", b"smhd", b"hdlr", b"dinf", b"stbl"]),
    (b"dinf", &[b"dref"]),
    (
        b"stbl",
        &[
            b"stsd", b"stts", b"ctts", b"cslg", b"stss", b"stps", b"stsc", b"stsz", b"stz2",
            b"stco", b"co64", b"sdtp", b"sbgp", b"sgpd",
        ],
    ),
    (b"moof", &[b"mfhd", b"traf"]),
    (
        b"traf",
        &[b"tfhd", b"tfdt", b"trun", b"sdtp", b"sbgp", b"sgpd"],
    ),
    (b"mfra", &[b"tfra", b"mfro"]),
];

/// Kinds of groups of samples that players ask for: where one can begin, and how much before it has to be decoded.
const GROUPS: &[&[u8; 4]] = &[
    b"roll", b"prol", b"rap ", b"sync", b"tele", b"tsas", b"stsa", b"tscl", b"alst",
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

    /// Bytes of its content.
    pub(super) fn len(&self) -> u64 {
        self.end - self.body
    }

    /// Makes it a `free` box with nothing in it.
    pub(super) fn void<F: Scratch>(&self, patch: &mut Patch<'_, F>) -> Result<(), Fault> {
        patch.write(self.at + 4, b"free")?;
        patch.zero(self.body, self.end)
    }

    /// Makes zero what stands behind `most` bytes of its content.
    pub(super) fn trim<F: Scratch>(
        &self,
        patch: &mut Patch<'_, F>,
        most: u64,
    ) -> Result<(), Fault> {
        patch.zero(self.body.saturating_add(most).min(self.end), self.end)
    }

    /// A number of 32 bits in its content.
    pub(super) fn number<F: Scratch>(
        &self,
        patch: &mut Patch<'_, F>,
        skipped: u64,
    ) -> Result<u32, Fault> {
        if self.len() < skipped + 4 {
            return Err(Fault::Odd("a box that is too small"));
        }
        patch.read(self.body + skipped).map(u32::from_be_bytes)
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

/// Visits the boxes in another one that are wanted there, and takes off the rest.
pub(super) fn keep<F: Scratch>(
    patch: &mut Patch<'_, F>,
    parent: &Head,
    mut visit: impl FnMut(&mut Patch<'_, F>, &Head) -> Result<(), Fault>,
) -> Result<(), Fault> {
    let inside = INSIDE.iter().find(|(name, _)| **name == parent.name);
    let wanted = inside.map(|(_, wanted)| *wanted).unwrap_or_default();
    each(patch, parent.body, parent.end, |patch, head| {
        if !wanted.contains(&&head.name) {
            return head.void(patch);
        }
        match &head.name {
            b"sbgp" | b"sgpd" if !is_known_group(patch, head)? => head.void(patch),
            name => {
                if let Some(most) = most(name) {
                    // The second version has numbers of 64 bits where the first has 32.
                    let is_first = patch.peek::<1>(head.body)? == [0];
                    let less = match name {
                        b"mehd" | b"tfdt" if is_first => 4,
                        b"cslg" if is_first => 20,
                        _ => 0,
                    };
                    head.trim(patch, most - less)?;
                }
                visit(patch, head)
            }
        }
    })
}

fn is_known_group<F: Scratch>(patch: &mut Patch<'_, F>, head: &Head) -> Result<bool, Fault> {
    let kind = head.number(patch, 4)?.to_be_bytes();
    Ok(GROUPS.contains(&&kind))
}

/// The most bytes of content that a box of a fixed length has; those with tables are measured where they are read.
fn most(name: &[u8; 4]) -> Option<u64> {
    Some(match name {
        b"mfhd" => 8,
        b"mfro" => 8,
        b"vmhd" | b"mehd" | b"tfdt" | b"clef" | b"prof" | b"enof" => 12,
        b"smhd" => 8,
        b"trex" => 24,
        b"cslg" => 44,
        _ => return None,
    })
}

/// Looks through a whole file and takes off what tells of place, device and time.
pub(super) fn look<F: Scratch>(patch: &mut Patch<'_, F>, has_items: bool) -> Result<Film, Fault> {
    let (mut film, mut tracks, mut drawn, mut at) = (Film::default(), None, false, 0);
    let mut has_pieces = false;
    while at < patch.len() {
        let Some(head) = top(patch, at, has_items, drawn)? else {
            break;
        };
        at = head.end;
        has_pieces |= &head.name == b"moof";
        match &head.name {
            b"meta" if has_items => {
                film = items::look(patch, &head)?;
                drawn = true;
            }
            b"moov" if tracks.is_none() => {
                let (of_film, found) = movie(patch, &head)?;
                film.duration_ms = of_film.duration_ms;
                if film.width.is_none() {
                    film = of_film;
                }
                (tracks, drawn) = (Some(found), true);
            }
            b"sidx" => {
                let [version, ..] = head.number(patch, 0)?.to_be_bytes();
                let before = if version == 0 { 20 } else { 28 };
                let rows = u64::from(head.number(patch, before)? & 0xFFFF);
                head.trim(patch, before + 4 + rows * 12)?;
            }
            name if TOP.contains(&name) => {}
            _ => head.void(patch)?,
        }
    }
    if !drawn && has_pieces {
        return Err(Fault::Sealed("it is a piece of a film without its head"));
    }
    if !drawn {
        return Err(Fault::Cut);
    }
    if let Some(tracks) = tracks {
        data(patch, &tracks, has_items)?;
    }
    Ok(film)
}

/// The box at the top at `at`, or none if the file was cut there: makers put things behind the end of a film that are no
/// boxes. A file whose description is not complete, or that ends within a box that is needed, was cut off itself.
fn top<F: Scratch>(
    patch: &mut Patch<'_, F>,
    at: u64,
    has_items: bool,
    complete: bool,
) -> Result<Option<Head>, Fault> {
    let len = patch.len();
    let [s0, s1, s2, s3, name @ ..] = patch.peek::<8>(at)?;
    let has_name = len - at >= 8;
    let wanted = has_name
        && match &name {
            b"moov" => true,
            b"meta" => has_items,
            name => TOP.contains(&name),
        };
    let to_the_end = [s0, s1, s2, s3] == [0; 4];
    let fault = match Head::at(patch, at, len) {
        Ok(head) if wanted || !to_the_end => return Ok(Some(head)),
        Ok(_) => Fault::Cut,
        Err(Fault::Io(error)) => return Err(Fault::Io(error)),
        Err(fault) => fault,
    };
    if wanted || !complete {
        return Err(fault);
    }
    patch.cut(at)?;
    Ok(None)
}

/// Takes off what the tracks that are kept do not refer to.
fn data<F: Scratch>(
    patch: &mut Patch<'_, F>,
    tracks: &Tracks,
    has_items: bool,
) -> Result<(), Fault> {
    if !patch.writes() {
        return Ok(());
    }
    if !has_items && !tracks.has_kept() {
        return Err(Fault::Sealed("nothing in it is seen or heard"));
    }
    let mut kept = Ranges::default();
    samples::of_tables(patch, &tracks.kept, &mut kept)?;
    let len = patch.len();
    each(patch, 0, len, |patch, head| match &head.name {
        b"moof" => fragments::look(patch, head, tracks, &mut kept),
        b"mfra" => fragments::index(patch, head, tracks),
        b"sidx" if !tracks.keeps(head.number(patch, 4)?) => head.void(patch),
        _ => Ok(()),
    })?;
    // Pictures that are items lie in the same data.
    match has_items {
        true => samples::zero_tables(patch, &tracks.dropped)?,
        false => samples::sweep(patch, kept)?,
    }
    for track in &tracks.dropped {
        track.whole.void(patch)?;
    }
    Ok(())
}

fn movie<F: Scratch>(patch: &mut Patch<'_, F>, moov: &Head) -> Result<(Film, Tracks), Fault> {
    let (mut film, mut of_film, mut of_fragments) = (Film::default(), Clock::default(), None);
    let mut tracks = Tracks::default();
    each(patch, moov.body, moov.end, |_, head| match &head.name {
        b"cmov" => Err(Fault::Sealed("its description is compressed")),
        _ => Ok(()),
    })?;
    keep(patch, moov, |patch, head| {
        match &head.name {
            b"mvhd" => {
                of_film = clock(patch, head)?;
                film_header(patch, head)?;
            }
            b"mvex" => of_fragments = extends(patch, head, &mut tracks)?,
            _ => {
                let size = track::look(patch, head, &mut tracks)?;
                if film.width.is_none() {
                    (film.width, film.height) = size.unzip();
                }
            }
        }
        Ok(())
    })?;
    tracks.drop_extensions(patch)?;
    let length = of_film.length.or(of_fragments);
    film.duration_ms = length
        .and_then(|length| length.checked_mul(1_000))
        .and_then(|length| length.checked_div(of_film.ticks));
    Ok((film, tracks))
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
    let [version, ..] = head.number(patch, 0)?.to_be_bytes();
    let times = if version == 1 { 16 } else { 8 };
    let at = head.body + 4;
    patch.zero(at, at + times)?;
    let ticks = head.number(patch, 4 + times)?.into();
    let (length, unknown) = match version {
        1 => (u64::from_be_bytes(patch.read(at + times + 4)?), u64::MAX),
        _ => {
            let length = head.number(patch, 8 + times)?;
            (length.into(), u32::MAX.into())
        }
    };
    let length = Some(length).filter(|length| *length != 0 && *length != unknown);
    Ok(Clock { ticks, length })
}

/// Takes off an `mvhd` what nothing needs: where a person stopped playing, and what they had marked.
fn film_header<F: Scratch>(patch: &mut Patch<'_, F>, head: &Head) -> Result<(), Fault> {
    let [version, ..] = head.number(patch, 0)?.to_be_bytes();
    // Length, speed, loudness, and ten bytes that are not used; then nine numbers that turn the picture.
    let spare = if version == 1 { 38 } else { 26 };
    let zero = |patch: &mut Patch<'_, F>, from: u64, to: u64| {
        let end = head.end;
        patch.zero((head.body + from).min(end), (head.body + to).min(end))
    };
    zero(patch, spare, spare + 10)?;
    zero(patch, spare + 46, spare + 70)?;
    head.trim(patch, spare + 74)
}

/// The length of a film in fragments, where it was known when the file began, and what holds for their samples.
fn extends<F: Scratch>(
    patch: &mut Patch<'_, F>,
    mvex: &Head,
    tracks: &mut Tracks,
) -> Result<Option<u64>, Fault> {
    let mut length = None;
    keep(patch, mvex, |patch, head| {
        if &head.name == b"trex" {
            return tracks.extend(patch, head);
        }
        let [version, ..] = head.number(patch, 0)?.to_be_bytes();
        length = Some(match version {
            1 => u64::from_be_bytes(patch.read(head.body + 4)?),
            _ => head.number(patch, 4)?.into(),
        });
        Ok(())
    })?;
    Ok(length.filter(|length| *length != 0))
}
