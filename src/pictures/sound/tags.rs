//! What the tags of a sound say, whichever form they have, and whether that makes it a piece of music.
//!
//! Tags are never changed but read into this list and written anew from it: what is not on the list goes, in whatever
//! frame, chunk or box it stood.

use crate::pictures::facts::{Fact, FactKind};
use crate::pictures::kind::{HEAD, Kind, Reader};
use crate::pictures::still::Still;

/// What is written into a piece of music, in this order. Everything else is read at most.
pub(super) const KEPT: &[FactKind] = &[
    FactKind::Title,
    FactKind::Artist,
    FactKind::Album,
    FactKind::AlbumArtist,
    FactKind::Track,
    FactKind::Disc,
    FactKind::Year,
    FactKind::Genre,
    FactKind::Composer,
    FactKind::Copyright,
    FactKind::Comment,
    FactKind::Lyrics,
];

/// Texts of one file; a piece of music has some ten.
const TEXTS: usize = 64;

/// Bytes of one text: the longest lyrics have some 20,000.
const TEXT_BYTES: usize = 1 << 15;

/// Bytes of a picture inside a sound.
pub(super) const COVER_BYTES: usize = 8 << 20;

/// The tags of one sound.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Tags {
    texts: Vec<(FactKind, String)>,
    cover: Option<Cover>,
}

/// A picture without anything but itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Cover {
    pub(super) mime: &'static str,
    pub(super) bytes: Vec<u8>,
    pub(super) width: u32,
    pub(super) height: u32,
}

impl Tags {
    /// Adds a text; empty ones and ones that are no text are passed over.
    pub(super) fn add(&mut self, kind: FactKind, text: &str) {
        let text = text.trim_matches(|c: char| c.is_whitespace() || c == '\0' || c == '\u{FEFF}');
        let text = match kind {
            FactKind::Year => year(text),
            _ => text,
        };
        let is_new = !self.of(kind).any(|known| known == text);
        if text.is_empty() || text.len() > TEXT_BYTES || self.texts.len() >= TEXTS || !is_new {
            return;
        }
        self.texts.push((kind, text.replace('\0', " ")));
    }

    /// Adds a picture, if there is none yet and it can be cleaned.
    pub(super) fn add_cover(&mut self, bytes: &[u8]) {
        if self.cover.is_none() {
            self.cover = Cover::clean(bytes);
        }
    }

    /// Takes over what only the other ones know.
    pub(super) fn join(&mut self, other: Self) {
        let mine = self.clone();
        for (kind, text) in other.texts {
            if mine.of(kind).next().is_none() {
                self.add(kind, &text);
            }
        }
        if self.cover.is_none() {
            self.cover = other.cover;
        }
    }

    /// The texts of a kind.
    pub(super) fn of(&self, kind: FactKind) -> impl Iterator<Item = &str> {
        let texts = self.texts.iter().filter(move |(of, _)| *of == kind);
        texts.map(|(_, text)| text.as_str())
    }

    /// The texts of a kind in one.
    pub(super) fn line(&self, kind: FactKind) -> Option<String> {
        let all: Vec<&str> = self.of(kind).collect();
        let line = all.join("; ");
        match line.len() <= TEXT_BYTES {
            true => Some(line).filter(|line| !line.is_empty()),
            false => all.first().map(|text| (*text).to_owned()),
        }
    }

    /// What is kept of a piece of music, in order.
    pub(super) fn kept(&self) -> impl Iterator<Item = (FactKind, &str)> {
        let kinds = KEPT.iter();
        kinds.flat_map(|kind| self.of(*kind).map(|text| (*kind, text)))
    }

    /// The same without a picture.
    pub(super) fn without_cover(&self) -> Self {
        Self {
            texts: self.texts.clone(),
            cover: None,
        }
    }

    pub(super) const fn cover(&self) -> Option<&Cover> {
        self.cover.as_ref()
    }

    /// Whether it is a piece of music: it has a title that a person gave it, and somebody who plays it or an album that it
    /// belongs to. Recorders write a name of their own for the one, or the name of the street; or only themselves for the
    /// other.
    pub(super) fn is_music(&self) -> bool {
        let is_given = |kind| self.of(kind).any(|text| !is_counted(text));
        is_given(FactKind::Title) && (is_given(FactKind::Artist) || is_given(FactKind::Album))
    }

    /// What they tell: all of it, or what is kept of a piece of music.
    pub(super) fn facts(&self, all: bool) -> Vec<Fact> {
        let mut facts: Vec<Fact> = self
            .kept()
            .map(|(kind, text)| Fact::new(kind, text))
            .collect();
        if let Some(cover) = &self.cover {
            let size = format!("{} x {}", cover.width, cover.height);
            facts.push(Fact::new(FactKind::Cover, size));
        }
        if all {
            let others = self.texts.iter().filter(|(kind, _)| !KEPT.contains(kind));
            facts.extend(others.map(|(kind, text)| Fact::new(*kind, text.as_str())));
        }
        facts
    }
}

impl Cover {
    /// A picture without what it tells of place, device and time; none if that cannot be had.
    pub(super) fn clean(bytes: &[u8]) -> Option<Self> {
        if bytes.len() > COVER_BYTES {
            return None;
        }
        let head = bytes.get(..HEAD.min(bytes.len()))?;
        let kind = Kind::of(head, u64::try_from(bytes.len()).ok()?);
        if kind.reader() != Reader::Picture {
            return None;
        }
        let mut still = Still::of(kind, bytes).ok()?;
        still.tag_orientation(kind);
        Some(Self {
            mime: kind.mime(),
            width: still.width,
            height: still.height,
            bytes: still.bytes,
        })
    }
}

/// The year of a date; day and second of it are nobody's affair.
fn year(text: &str) -> &str {
    let is_year = |part: &&str| part.bytes().all(|byte| byte.is_ascii_digit());
    text.get(..4).filter(is_year).unwrap_or_default()
}

/// Whether a text is one that a recorder counted or dated rather than one that a person wrote: `240501_1200`,
/// `REC0001`, `Voice 003`, `New Recording`.
fn is_counted(text: &str) -> bool {
    let lower = text.to_lowercase();
    if NAMED_BY_RECORDERS.contains(&lower.trim()) {
        return true;
    }
    let digits = lower.chars().filter(char::is_ascii_digit).count();
    let mut words = lower
        .split(|c: char| !c.is_alphabetic())
        .filter(|word| !word.is_empty())
        .peekable();
    match words.peek() {
        Some(_) => digits > 0 && words.all(|word| COUNTED_BY_RECORDERS.contains(&word)),
        // A song may be called 1999 or 4:33, but hardly 20240501.
        None => digits >= 6,
    }
}

/// What recorders write for a title, an artist or an album.
#[rustfmt::skip]
const NAMED_BY_RECORDERS: &[&str] = &[
    "audio recorder", "audio recording", "aufnahme", "aufnahmen", "easy voice recorder", "memo", "my recording",
    "my recordings", "neue aufnahme", "new recording", "recorder", "recording", "recordings", "sound recorder",
    "sound recording", "unknown", "unknown album", "unknown artist", "untitled", "voice memo", "voice memos",
    "voice recorder", "voice recording", "voice recordings", "<unknown>",
];

/// What recorders write beside a number or a date.
#[rustfmt::skip]
const COUNTED_BY_RECORDERS: &[&str] = &[
    "am", "aud", "audio", "aufnahme", "aufzeichnung", "clip", "dictation", "enregistrement", "folder", "grabaci\u{f3}n", "ls",
    "memo", "mono", "msg", "my", "neue", "new", "nouvel", "nueva", "pm", "ptt", "rec", "record", "recorder", "recording",
    "registrazione", "sound", "standard", "stereo", "t", "untitled", "vm", "vn", "vo", "voice", "wa", "wav", "z", "zoom",
];
