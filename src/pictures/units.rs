//! Notes between the pictures of a film in H.264 or H.265: units of a kind of their own (SEI) that nothing is drawn from.
//!
//! Camcorders write place, time and exposure there, encoders their names and settings. What any program may write
//! (ITU-T H.264 and H.265, D.1.6 and D.1.7) is made ones of the same length; what players ask for stays: the version of
//! one encoder whose mistakes they know, the brightness of each scene, and the shape of the picture. Other messages hold
//! numbers that their form prescribes; of those the hour of a scene goes.

use super::boxes::{Head, each};
use super::error::Fault;
use super::patch::{Patch, Scratch};

/// Bytes of one unit of notes that are looked at; cameras write some hundreds.
const NOTES: usize = 1 << 20;

/// Units of notes among samples that lie side by side: those of a day, one for each picture.
const MOST_NOTES: usize = 1 << 22;

/// Where the boxes of a description of pictures begin.
const DESCRIBED: u64 = 78;

/// Messages that any program may write: registered with somebody, or not.
const REGISTERED: u64 = 4;
const UNREGISTERED: u64 = 5;

/// The hour of a scene, in H.265.
const HOUR: u64 = 136;

/// A kind of message that means nothing, and which players pass over.
const NOTHING: u8 = 0xFE;

/// What a byte becomes. Not zero, since a row of those would be taken for the end of a unit.
const BLANK: u8 = 1;

/// The registrations that players ask for: brightness by scene (HDR10+), and what part of a picture to show.
const ASKED_FOR: &[&[u8]] = &[b"\xB5\x00\x3C\x00\x01", b"\xB5\x00\x31DTG1"];

/// What a note of the encoder x264 begins with. Its version follows, which decoders ask for.
const X264: &[u8] = b"\xDC\x45\xE9\xBD\xE6\xD9\x48\xB7\x96\x2C\xD8\x20\xD9\x23\xEE\xEFx264 - core ";

/// How the units of a track are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Form {
    codec: Codec,
    /// Bytes of the length before each.
    prefix: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Codec {
    H264,
    H265,
}

impl Codec {
    /// Whether a unit that begins so holds notes.
    const fn notes(self, first: u8) -> bool {
        match self {
            Self::H264 => first & 0x1F == 6,
            Self::H265 => matches!((first >> 1) & 0x3F, 39 | 40),
        }
    }

    /// Bytes before the notes.
    const fn head(self) -> usize {
        match self {
            Self::H264 => 1,
            Self::H265 => 2,
        }
    }
}

/// How the units of a track are written, by all that its descriptions say; notes in the descriptions go at once.
pub(super) fn forms<F: Scratch>(
    patch: &mut Patch<'_, F>,
    descriptions: &Head,
) -> Result<Vec<Form>, Fault> {
    let mut forms = Vec::new();
    each(
        patch,
        descriptions.body + 8,
        descriptions.end,
        |patch, described| {
            let from = described.body.saturating_add(DESCRIBED);
            if from >= described.end {
                return Ok(());
            }
            each(patch, from, described.end, |patch, head| {
                if !matches!(&head.name, b"avcC" | b"hvcC") {
                    return Ok(());
                }
                let form = configured(patch, head.body, head.end, &head.name == b"avcC")?;
                forms.extend(form.filter(|form| !forms.contains(form)));
                Ok(())
            })
        },
    )?;
    Ok(forms)
}

/// How units are written by what a decoder is told of them (ISO/IEC 14496-15), which stands between two places.
pub(super) fn configured<F: Scratch>(
    patch: &mut Patch<'_, F>,
    from: u64,
    to: u64,
    is_h264: bool,
) -> Result<Option<Form>, Fault> {
    let config = patch.load(from, to, NOTES)?;
    let (codec, at) = match is_h264 {
        true => (Codec::H264, 4),
        false => (Codec::H265, 21),
    };
    if codec == Codec::H265 {
        listed(patch, from, &config)?;
    }
    let form = |byte: &u8| Form {
        codec,
        prefix: u64::from(byte & 3) + 1,
    };
    Ok(config.get(at).map(form))
}

/// Cleans the notes among the units that a description of H.265 lists.
fn listed<F: Scratch>(patch: &mut Patch<'_, F>, at: u64, config: &[u8]) -> Result<(), Fault> {
    let mut rest = config.get(23..).unwrap_or_default();
    while let [_kind, high, low, units @ ..] = rest {
        rest = units;
        for _ in 0..u16::from_be_bytes([*high, *low]) {
            let Some((len, unit)) = rest.split_first_chunk() else {
                return Ok(());
            };
            let Some((unit, after)) = unit.split_at_checked(u16::from_be_bytes(*len).into()) else {
                return Ok(());
            };
            rest = after;
            let skipped = config.len() - after.len() - unit.len();
            let skipped = u64::try_from(skipped).unwrap_or(u64::MAX);
            if unit.first().is_some_and(|first| Codec::H265.notes(*first)) {
                patch.write(at.saturating_add(skipped), &blanked(unit, Codec::H265))?;
            }
        }
    }
    Ok(())
}

/// Cleans the notes among samples that lie side by side, if they are units of one of these forms from end to end.
pub(super) fn clean<F: Scratch>(
    patch: &mut Patch<'_, F>,
    (from, to): (u64, u64),
    forms: &[Form],
) -> Result<(), Fault> {
    for form in forms {
        let Some(notes) = notes(patch, (from, to), *form)? else {
            continue;
        };
        for (from, to) in notes {
            let unit = patch.load(from, to, NOTES)?;
            patch.write(from, &blanked(&unit, form.codec))?;
        }
        break;
    }
    Ok(())
}

/// Where notes begin and end, or nothing if these are no units.
fn notes<F: Scratch>(
    patch: &mut Patch<'_, F>,
    (from, to): (u64, u64),
    form: Form,
) -> Result<Option<Vec<(u64, u64)>>, Fault> {
    let (mut at, mut notes) = (from, Vec::new());
    while at < to {
        patch.count()?;
        let [a, b, c, d, e] = patch.peek(at)?;
        let (len, first) = match form.prefix {
            1 => (u32::from(a), b),
            2 => (u32::from(u16::from_be_bytes([a, b])), c),
            3 => (u32::from_be_bytes([0, a, b, c]), d),
            _ => (u32::from_be_bytes([a, b, c, d]), e),
        };
        let unit = at + form.prefix;
        at = unit + u64::from(len);
        if len == 0 || at > to {
            return Ok(None);
        }
        if form.codec.notes(first) {
            notes.push((unit, at));
        }
        if notes.len() > MOST_NOTES {
            return Err(Fault::Odd(
                "more notes between its pictures than any film has",
            ));
        }
    }
    Ok(Some(notes))
}

/// A unit of notes without what programs and devices wrote into it.
fn blanked(unit: &[u8], codec: Codec) -> Vec<u8> {
    let mut out = unit.to_vec();
    let plain = Plain::of(unit, codec.head());
    let mut at = 0;
    while let Some((kind, body)) = plain.number(at).and_then(|(kind, size_at)| {
        let (size, body) = plain.number(size_at)?;
        // One that says it is longer than all hides nothing by that.
        let end = body.saturating_add(usize::try_from(size).unwrap_or(usize::MAX));
        Some((kind, body..end.min(plain.bytes.len())))
    }) {
        let message = plain.bytes.get(body.clone()).unwrap_or_default();
        let kept = match kind {
            REGISTERED if ASKED_FOR.iter().any(|it| message.starts_with(it)) => message.len(),
            UNREGISTERED => version(message),
            REGISTERED | HOUR => 0,
            _ => message.len(),
        };
        if kind == HOUR {
            plain.put(&mut out, at, NOTHING);
        }
        for at in body.clone().skip(kept) {
            plain.put(&mut out, at, BLANK);
        }
        at = body.end;
    }
    out
}

/// How much of a note is the version of an encoder that players ask for.
fn version(message: &[u8]) -> usize {
    let Some(rest) = message.strip_prefix(X264) else {
        return 0;
    };
    let digits = rest.iter().take(6).take_while(|it| it.is_ascii_digit());
    X264.len() + digits.count()
}

/// The bytes of a unit without those that keep two zeros from being taken for its end.
struct Plain {
    bytes: Vec<u8>,
    /// Where each stands in the unit, unless it has to stay as it is since such a byte follows it.
    places: Vec<Option<usize>>,
}

impl Plain {
    fn of(unit: &[u8], head: usize) -> Self {
        let (mut bytes, mut places, mut zeros) = (Vec::new(), Vec::new(), 0);
        for (at, byte) in unit.iter().enumerate().skip(head) {
            if zeros >= 2 && *byte == 3 {
                zeros = 0;
                for place in places.iter_mut().rev().take(2) {
                    *place = None;
                }
                continue;
            }
            zeros = if *byte == 0 { zeros + 1 } else { 0 };
            bytes.push(*byte);
            places.push(Some(at));
        }
        Self { bytes, places }
    }

    /// The number that begins at `at`, and where it ends: bytes of 255 that are added up, and one of less.
    fn number(&self, mut at: usize) -> Option<(u64, usize)> {
        let mut number = 0u64;
        loop {
            let byte = *self.bytes.get(at)?;
            (number, at) = (number + u64::from(byte), at + 1);
            if byte != 0xFF {
                return Some((number, at));
            }
        }
    }

    fn put(&self, out: &mut [u8], at: usize, byte: u8) {
        let place = self.places.get(at).copied().flatten();
        if let Some(there) = place.and_then(|place| out.get_mut(place)) {
            *there = byte;
        }
    }
}
