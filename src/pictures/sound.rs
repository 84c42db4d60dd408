//! Sounds: what tells is taken off recordings as off what a camera makes, and a piece of music keeps its title, who plays
//! it and its cover.
//!
//! A recording is a sound without a title and an artist or album that a person gave it. Whatever stands in a piece of
//! music besides what is on the list of [`tags::KEPT`] goes as well: accounts of shops, programs and machines, places and
//! days, and what is hidden in the cover.

use super::error::Fault;
use super::facts::Fact;
use super::kind::Kind;
use super::patch::{Patch, Scratch};
use super::rewrite::Plan;

mod comments;
mod flac;
mod frames;
mod id3;
mod ilst;
mod length;
mod ogg;
mod riff;
mod tags;
mod tail;
mod window;

pub(super) use self::ilst::Listed;
pub(super) use self::length::duration_ms;
use self::tags::Tags;

/// What is to be done with what a sound tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum How {
    /// All of it stays.
    Keep,
    /// All of it goes, unless it is a piece of music.
    Clean,
    /// All of it goes.
    Strip,
}

impl How {
    /// The tags that are written into it.
    fn kept(self, tags: &Tags) -> Option<&Tags> {
        Some(tags).filter(|tags| self != Self::Strip && tags.is_music())
    }

    /// The tags that can be read in it afterwards.
    fn told(self, tags: &Tags) -> Tags {
        match self {
            Self::Keep => tags.clone(),
            _ => self.kept(tags).cloned().unwrap_or_default(),
        }
    }
}

/// What is known of a sound.
#[derive(Debug)]
pub(super) struct Looked {
    /// What it is without its tags.
    pub(super) kind: Kind,
    /// What it tells when it is posted.
    pub(super) told: Vec<Fact>,
    /// What the file is to become.
    pub(super) plan: Plan,
}

/// Looks through a sound. Pages of Ogg are changed while they are looked at; everything else waits for the plan.
pub(super) fn look<F: Scratch>(
    patch: &mut Patch<'_, F>,
    kind: Kind,
    how: How,
) -> Result<Looked, Fault> {
    let (kind, tags, plan) = match kind {
        Kind::Mp3 | Kind::Aac => framed(patch, kind, how)?,
        Kind::Flac => flac(patch, 0, Tags::default(), how)?,
        Kind::Ogg => {
            let (tags, end) = ogg::look(patch, how)?;
            let mut plan = Plan::default();
            plan.keep(0, end);
            (kind, tags, plan)
        }
        Kind::Wav | Kind::Aiff | Kind::Caf => {
            let chunks = riff::Chunks::look(patch)?;
            let plan = chunks.plan(how.kept(&chunks.tags))?;
            (kind, how.told(&chunks.tags), plan)
        }
        Kind::Amr => {
            let mut plan = Plan::default();
            frames::amr(patch, &mut plan)?;
            (kind, Tags::default(), plan)
        }
        _ => return Err(Fault::Sealed("no way to do it is known for this type")),
    };
    Ok(Looked {
        kind,
        told: tags.facts(how == How::Keep),
        plan,
    })
}

/// MP3 and AAC, and FLAC behind a tag that does not belong there.
fn framed<F: Scratch>(
    patch: &mut Patch<'_, F>,
    kind: Kind,
    how: How,
) -> Result<(Kind, Tags, Plan), Fault> {
    let (mut at, mut tags) = (0, Tags::default());
    loop {
        patch.count()?;
        let head = match at < patch.len() {
            true => patch.peek::<32>(at)?,
            false => return Err(Fault::Cut),
        };
        let first = head.first_chunk().copied().unwrap_or_default();
        if let Some(len) = id3::len(first) {
            let end = at + len;
            tags.join(id3::read(
                &patch.load(at, end, id3::TAG_BYTES).unwrap_or_default(),
            ));
            at = end;
        } else if let Some(len) = tail::ape_len(head) {
            let items = patch.load(at + 32, at + len, id3::TAG_BYTES);
            tags.join(tail::items_of(&items.unwrap_or_default()));
            at += len;
        } else {
            break;
        }
    }
    if &patch.peek::<4>(at)? == b"fLaC" {
        return flac(patch, at, tags, how);
    }
    let (end, more) = tail::look(patch, at, patch.len())?;
    tags.join(more);
    let kind = match patch.peek::<2>(at)? {
        [0xFF, second] if second & 0xF6 == 0xF0 => Kind::Aac,
        _ => kind,
    };
    let mut plan = Plan::default();
    if let Some(tags) = how.kept(&tags) {
        plan.put(id3::write(tags));
    }
    frames::look(patch, kind, at, end, &mut plan)?;
    Ok((kind, how.told(&tags), plan))
}

fn flac<F: Scratch>(
    patch: &mut Patch<'_, F>,
    at: u64,
    before: Tags,
    how: How,
) -> Result<(Kind, Tags, Plan), Fault> {
    let mut flac = flac::Flac::look(patch, at)?;
    flac.tags.join(before);
    let plan = flac.plan(how.kept(&flac.tags));
    Ok((Kind::Flac, how.told(&flac.tags), plan))
}

/// Text of two bytes a letter, the higher one first.
pub(super) fn utf16(bytes: &[u8]) -> String {
    id3::utf16(bytes, true)
}
