//! WebM and Matroska, element by element, changed in place: what is not wanted becomes a `Void` of the same size.
//!
//! Kept is what the showing needs, by a list for each element that has others in it. Tracks that are neither seen nor
//! heard go with all that is in them: drones note the places they passed as subtitles.

use std::collections::BTreeMap;
use std::time::Duration;

use super::boxes::Film;
use super::ebml::Element;
use super::error::Fault;
use super::patch::{Patch, Scratch};
use super::units::{self, Form};
use super::{flac, xiph};

const HEAD: u32 = 0x1A45_DFA3;
const SEGMENT: u32 = 0x1853_8067;
const CLUSTER: u32 = 0x1F43_B675;
const INFO: u32 = 0x1549_A966;
const TRACKS: u32 = 0x1654_AE6B;
const SEEK_HEAD: u32 = 0x114D_9B74;
const CUES: u32 = 0x1C53_BB6B;

const SEEK: u32 = 0x4DBB;
const SEEK_ID: u32 = 0x53AB;

const TIMESTAMP_SCALE: u32 = 0x2A_D7B1;
const DURATION: u32 = 0x4489;
/// The programs that wrote it: a file has to have these, so that their text alone goes.
const WRITERS: [u32; 2] = [0x4D80, 0x5741];

const TRACK: u32 = 0xAE;
const NUMBER: u32 = 0xD7;
const KIND: u32 = 0x83;
const LANGUAGE: u32 = 0x22_B59C;
const CODEC: u32 = 0x86;
const CODEC_PRIVATE: u32 = 0x63A2;
const ENCODING: u32 = 0x6240;
const ENCRYPTION: u32 = 0x5035;
const VIDEO: u32 = 0xE0;
const WIDTH: u32 = 0xB0;
const HEIGHT: u32 = 0xBA;
const ALPHA: u32 = 0x53C0;

const SIMPLE_BLOCK: u32 = 0xA3;
const GROUP: u32 = 0xA0;
const BLOCK: u32 = 0xA1;
const ADDITIONS: u32 = 0x75A1;
const MORE: u32 = 0xA6;
const MORE_ID: u32 = 0xEE;

const CUE: u32 = 0xBB;
const CUE_PLACE: u32 = 0xB7;
const CUE_TRACK: u32 = 0xF7;

/// What is kept in an element.
const INSIDE: &[(u32, &[u32])] = &[
    // Versions, longest lengths, and which of the two it is.
    (
        HEAD,
        &[0x4286, 0x42F7, 0x42F2, 0x42F3, 0x4282, 0x4287, 0x4285],
    ),
    (SEGMENT, &[SEEK_HEAD, INFO, TRACKS, CLUSTER, CUES]),
    (SEEK_HEAD, &[SEEK]),
    (SEEK, &[SEEK_ID, 0x53AC]),
    (INFO, &[TIMESTAMP_SCALE, DURATION, WRITERS[0], WRITERS[1]]),
    (TRACKS, &[TRACK]),
    // Number, kind and flags; times, delays and how blocks are packed; codec; what is seen or heard.
    (
        TRACK,
        &[
            NUMBER,
            0x73C5,
            KIND,
            0xB9,
            0x88,
            0x55AA,
            0x55AB,
            0x55AC,
            0x55AE,
            0x55AF,
            0x9C,
            0x6DE7,
            0x6DF8,
            0x23_E383,
            0x23_4E7A,
            0x23_314F,
            0x55EE,
            LANGUAGE,
            CODEC,
            CODEC_PRIVATE,
            0x56AA,
            0x56BB,
            0xAA,
            0x6D80,
            VIDEO,
            0xE1,
        ],
    ),
    (0x6D80, &[ENCODING]),
    (ENCODING, &[0x5031, 0x5032, 0x5033, 0x5034]),
    (0x5034, &[0x4254, 0x4255]),
    // Lines, eyes, transparency, size, crop, shape, form, colours, and where a film around one looks.
    (
        VIDEO,
        &[
            0x9A, 0x9D, 0x53B8, 0x53B9, ALPHA, WIDTH, HEIGHT, 0x54AA, 0x54BB, 0x54CC, 0x54DD,
            0x54B0, 0x54BA, 0x54B2, 0x54B3, 0x2E_B524, 0x2F_B523, 0x23_83E3, 0x55B0, 0x7670,
        ],
    ),
    (
        0x55B0,
        &[
            0x55B1, 0x55B2, 0x55B3, 0x55B4, 0x55B5, 0x55B6, 0x55B7, 0x55B8, 0x55B9, 0x55BA, 0x55BB,
            0x55BC, 0x55BD, 0x55D0,
        ],
    ),
    (
        0x55D0,
        &[
            0x55D1, 0x55D2, 0x55D3, 0x55D4, 0x55D5, 0x55D6, 0x55D7, 0x55D8, 0x55D9, 0x55DA,
        ],
    ),
    (0x7670, &[0x7671, 0x7672, 0x7673, 0x7674, 0x7675]),
    (0xE1, &[0xB5, 0x78B5, 0x9F, 0x6264, 0x52F1]),
    (CLUSTER, &[0xE7, 0xA7, 0xAB, SIMPLE_BLOCK, GROUP]),
    (GROUP, &[BLOCK, 0x9B, 0xFA, 0xFB, 0x75A2, ADDITIONS]),
    (ADDITIONS, &[MORE]),
    (MORE, &[MORE_ID, 0xA5]),
    (CUES, &[CUE]),
    (CUE, &[0xB3, CUE_PLACE]),
    (CUE_PLACE, &[CUE_TRACK, 0xF1, 0xF0, 0xB2, 0x5378]),
];

/// What is kept in an element, if it is one that has others in it.
fn wanted_in(id: u32) -> Option<&'static [u32]> {
    let inside = INSIDE.iter().find(|(parent, _)| *parent == id);
    inside.map(|(_, wanted)| *wanted)
}

/// Visits the elements in another one that are wanted there, and takes off the rest.
fn keep<F: Scratch>(
    patch: &mut Patch<'_, F>,
    parent: &Element,
    mut visit: impl FnMut(&mut Patch<'_, F>, &Element) -> Result<(), Fault>,
) -> Result<(), Fault> {
    let wanted = wanted_in(parent.id).unwrap_or_default();
    parent.each(patch, |patch, element| {
        if element.open {
            return Err(WITHOUT_END);
        }
        match wanted.contains(&element.id) {
            true => visit(patch, element),
            false => element.void(patch),
        }
    })
}

/// Keeps what is wanted in an element, and what is wanted in that.
fn keep_all<F: Scratch>(patch: &mut Patch<'_, F>, element: &Element) -> Result<(), Fault> {
    match wanted_in(element.id) {
        None => Ok(()),
        Some(_) => keep(patch, element, |patch, inner| keep_all(patch, inner)),
    }
}

const WITHOUT_END: Fault = Fault::Odd("a part without an end");

/// Tracks of one film.
const MOST_TRACKS: usize = 256;

/// The tracks that are kept, by their numbers.
type Kept = BTreeMap<u64, Shown>;

/// What is known of a track that is kept.
#[derive(Debug, Clone, Copy)]
struct Shown {
    /// Whether something in it is transparent.
    transparent: bool,
    /// How its pictures are written, if notes may stand between them.
    form: Option<Form>,
}

/// Looks through a whole file and takes off what tells of place, device and time.
pub(super) fn look<F: Scratch>(patch: &mut Patch<'_, F>) -> Result<Film, Fault> {
    let (segment, mut film, mut kept) = (find_segment(patch)?, Film::default(), None);
    // Tracks mostly stand before what is in them, but need not.
    walk(patch, segment, |patch, element| {
        if element.id == TRACKS && kept.is_none() {
            kept = Some(tracks(patch, element, &mut film)?);
        }
        Ok(kept.is_none())
    })?;
    let kept = kept.ok_or(Fault::Cut)?;
    if kept.is_empty() && patch.writes() {
        return Err(Fault::Sealed("nothing in it is seen or heard"));
    }
    let mut has_tracks = false;
    let end = walk(patch, segment, |patch, element| {
        match element.id {
            INFO => film.duration_ms = info(patch, element)?,
            TRACKS if !has_tracks => has_tracks = true,
            SEEK_HEAD => keep(patch, element, |patch, seek| places(patch, seek))?,
            CUES => keep(patch, element, |patch, cue| times(patch, cue, &kept))?,
            CLUSTER if element.open => {}
            CLUSTER => keep(patch, element, |patch, inner| data(patch, inner, &kept))?,
            // What is in a cluster without an end.
            id if wanted_in(CLUSTER).is_some_and(|wanted| wanted.contains(&id)) => {
                data(patch, element, &kept)?;
            }
            _ => element.void(patch)?,
        }
        Ok(true)
    })?;
    patch.cut(end)?;
    Ok(film)
}

/// The part of the file that is the film; what stands before it is cleaned.
fn find_segment<F: Scratch>(patch: &mut Patch<'_, F>) -> Result<Element, Fault> {
    let (mut at, len) = (0, patch.len());
    while at < len {
        let element = Element::at(patch, at, len)?;
        match element.id {
            SEGMENT => return Ok(element),
            _ if element.open => return Err(WITHOUT_END),
            HEAD => keep_all(patch, &element)?,
            _ => element.void(patch)?,
        }
        at = element.end;
    }
    Err(Fault::Cut)
}

/// Visits what is in the film, one by one, and what is in clusters that do not say where they end, until it is told to
/// stop; where it ended.
fn walk<F: Scratch>(
    patch: &mut Patch<'_, F>,
    segment: Element,
    mut visit: impl FnMut(&mut Patch<'_, F>, &Element) -> Result<bool, Fault>,
) -> Result<u64, Fault> {
    let mut at = segment.body;
    while at < segment.end {
        let element = Element::at(patch, at, segment.end)?;
        // A film that does not say where it ends goes as far as the next one.
        if segment.open && matches!(element.id, HEAD | SEGMENT) {
            break;
        }
        let opens = element.open && element.id == CLUSTER;
        if element.open && !opens {
            return Err(WITHOUT_END);
        }
        if !visit(patch, &element)? {
            break;
        }
        at = if opens { element.body } else { element.end };
    }
    Ok(at)
}

/// Where a part of the film stands: only for those that are kept.
fn places<F: Scratch>(patch: &mut Patch<'_, F>, seek: &Element) -> Result<(), Fault> {
    let mut known = false;
    keep(patch, seek, |patch, element| {
        if element.id == SEEK_ID {
            let id = u32::try_from(element.number(patch)?).unwrap_or_default();
            known = wanted_in(SEGMENT).is_some_and(|wanted| wanted.contains(&id));
        }
        Ok(())
    })?;
    match known {
        true => Ok(()),
        false => seek.void(patch),
    }
}

/// Where in the film a time is: only for tracks that are kept.
fn times<F: Scratch>(patch: &mut Patch<'_, F>, cue: &Element, kept: &Kept) -> Result<(), Fault> {
    let mut places = 0u32;
    keep(patch, cue, |patch, place| {
        if place.id != CUE_PLACE {
            return Ok(());
        }
        let mut known = false;
        keep(patch, place, |patch, element| {
            if element.id == CUE_TRACK {
                known = kept.contains_key(&element.number(patch)?);
            }
            Ok(())
        })?;
        match known {
            true => places = places.saturating_add(1),
            false => place.void(patch)?,
        }
        Ok(())
    })?;
    match places {
        0 => cue.void(patch),
        _ => Ok(()),
    }
}

/// Something in a cluster: blocks of the tracks that are kept stay.
fn data<F: Scratch>(patch: &mut Patch<'_, F>, element: &Element, kept: &Kept) -> Result<(), Fault> {
    match element.id {
        SIMPLE_BLOCK => match kept.get(&track_of(patch, element)?) {
            Some(shown) => block(patch, element, shown),
            None => element.void(patch),
        },
        GROUP => group(patch, element, kept),
        _ => Ok(()),
    }
}

/// Takes off the notes in a block of a track that is kept.
fn block<F: Scratch>(
    patch: &mut Patch<'_, F>,
    block: &Element,
    shown: &Shown,
) -> Result<(), Fault> {
    let Some(form) = shown.form else {
        return Ok(());
    };
    // The number of the track, a time and a byte of flags.
    let [first] = patch.read(block.body)?;
    let from = block.body + u64::from(first.leading_zeros()) + 4;
    units::clean(patch, (from, block.end), &[form])
}

/// The number of the track that a block belongs to.
fn track_of<F: Scratch>(patch: &mut Patch<'_, F>, block: &Element) -> Result<u64, Fault> {
    let [first, b, c, d, e, f, g, h] = patch.peek(block.body)?;
    let more = first.leading_zeros();
    if more > 7 || block.end - block.body < u64::from(more) + 4 {
        return Err(Fault::Odd("a block of no track"));
    }
    let all = u64::from_be_bytes([first, b, c, d, e, f, g, h]) >> (8 * (7 - more));
    Ok(all & ((1 << (7 * (more + 1))) - 1))
}

fn group<F: Scratch>(patch: &mut Patch<'_, F>, group: &Element, kept: &Kept) -> Result<(), Fault> {
    let mut shown = None;
    keep(patch, group, |patch, element| {
        if element.id == BLOCK {
            shown = kept.get(&track_of(patch, element)?);
            shown.map_or(Ok(()), |shown| block(patch, element, shown))?;
        }
        Ok(())
    })?;
    let Some(Shown { transparent, .. }) = shown.copied() else {
        return group.void(patch);
    };
    keep(patch, group, |patch, element| match element.id {
        ADDITIONS if !transparent => element.void(patch),
        ADDITIONS => keep(patch, element, |patch, more| {
            // What is transparent is the first kind of what may be added, which need not say so.
            let mut id = 1;
            keep(patch, more, |patch, element| {
                if element.id == MORE_ID {
                    id = element.number(patch)?;
                }
                Ok(())
            })?;
            match id {
                1 => Ok(()),
                _ => more.void(patch),
            }
        }),
        _ => Ok(()),
    })
}

fn info<F: Scratch>(patch: &mut Patch<'_, F>, info: &Element) -> Result<Option<u64>, Fault> {
    let (mut nanos, mut length) = (1_000_000, None);
    keep(patch, info, |patch, element| {
        match element.id {
            TIMESTAMP_SCALE => nanos = element.number(patch)?,
            DURATION => length = float(patch, element)?,
            _ => patch.zero(element.body, element.end)?,
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

/// Cleans the tracks, and tells those that are kept and the size of the first that is seen.
fn tracks<F: Scratch>(
    patch: &mut Patch<'_, F>,
    tracks: &Element,
    film: &mut Film,
) -> Result<Kept, Fault> {
    let mut kept = Kept::new();
    keep(patch, tracks, |patch, track| {
        let found = look_at_track(patch, track)?;
        if !found.is_seen_or_heard() {
            return track.void(patch);
        }
        if film.width.is_none() {
            (film.width, film.height) = found.size.unzip();
        }
        let shown = Shown {
            transparent: found.transparent,
            form: found.form,
        };
        kept.insert(found.number, shown);
        match kept.len() <= MOST_TRACKS {
            true => Ok(()),
            false => Err(Fault::Odd("more tracks than any film has")),
        }
    })?;
    Ok(kept)
}

/// What was found in a track.
#[derive(Debug, Default)]
struct Track {
    number: u64,
    kind: u64,
    codec: Vec<u8>,
    private: Option<Element>,
    size: Option<(u32, u32)>,
    transparent: bool,
    form: Option<Form>,
}

impl Track {
    fn is_seen_or_heard(&self) -> bool {
        match self.kind {
            1 => self.codec.starts_with(b"V_"),
            2 => self.codec.starts_with(b"A_"),
            _ => false,
        }
    }
}

fn look_at_track<F: Scratch>(patch: &mut Patch<'_, F>, track: &Element) -> Result<Track, Fault> {
    let mut found = Track::default();
    track.each(patch, |patch, element| {
        let encodings = element.id == 0x6D80;
        if encodings {
            element.each(patch, |patch, encoding| refuse_locked(patch, encoding))?;
        }
        Ok(())
    })?;
    keep(patch, track, |patch, element| {
        match element.id {
            NUMBER => found.number = element.number(patch)?,
            KIND => found.kind = element.number(patch)?,
            CODEC => found.codec = patch.load(element.body, element.end, 64)?,
            CODEC_PRIVATE => found.private = Some(*element),
            // Three letters, and a country behind them.
            LANGUAGE if element.end - element.body > 8 => element.void(patch)?,
            VIDEO => {
                found.size = video(patch, element, &mut found.transparent)?.or(found.size);
            }
            _ => keep_all(patch, element)?,
        }
        Ok(())
    })?;
    let Some(private) = found.private.filter(|_| found.is_seen_or_heard()) else {
        return Ok(found);
    };
    // What a decoder asks for; some of them get tags with it.
    match found.codec.as_slice() {
        b"A_VORBIS" | b"V_THEORA" => xiph::look(patch, private.body, private.end)?,
        b"A_FLAC" => {
            let marked = &patch.peek::<4>(private.body)? == b"fLaC";
            let from = private.body + if marked { 4 } else { 0 };
            flac::look(patch, from.min(private.end), private.end)?;
        }
        b"V_MPEG4/ISO/AVC" | b"V_MPEGH/ISO/HEVC" => {
            let is_h264 = found.codec.ends_with(b"AVC");
            found.form = units::configured(patch, private.body, private.end, is_h264)?;
        }
        b"V_QUICKTIME" | b"A_QUICKTIME" => {
            return Err(Fault::Sealed(
                "it is a film of another kind in a new wrapper",
            ));
        }
        _ => {}
    }
    Ok(found)
}

fn refuse_locked<F: Scratch>(patch: &mut Patch<'_, F>, encoding: &Element) -> Result<(), Fault> {
    if encoding.id != ENCODING {
        return Ok(());
    }
    encoding.each(patch, |_, element| match element.id {
        ENCRYPTION => Err(Fault::Sealed(
            "it can be played only by those who bought it",
        )),
        _ => Ok(()),
    })
}

fn video<F: Scratch>(
    patch: &mut Patch<'_, F>,
    video: &Element,
    transparent: &mut bool,
) -> Result<Option<(u32, u32)>, Fault> {
    let (mut width, mut height) = (0, 0);
    keep(patch, video, |patch, element| {
        match element.id {
            WIDTH => width = element.number(patch)?,
            HEIGHT => height = element.number(patch)?,
            ALPHA => *transparent = element.number(patch)? == 1,
            _ => keep_all(patch, element)?,
        }
        Ok(())
    })?;
    let size = u32::try_from(width).ok().zip(u32::try_from(height).ok());
    Ok(size.filter(|(width, height)| *width > 0 && *height > 0))
}
