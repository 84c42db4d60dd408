//! Floor 1: what is done to an attachment before it is posted, without network, clock or threads.
//!
//! [`prepare`] tells from the bytes what a file is, takes off what tells of place, device and time, turns pictures
//! upright, measures, and makes a preview and a smaller rendition. It works on a *copy* of the file, in place: pictures
//! and office files are read whole up to [`PICTURE_BYTES`], everything else is changed where it lies, so that a film of
//! any length costs a few hundred kilobytes of memory. What cannot be cleaned is refused, unless its metadata is to be
//! kept.
//!
//! Taking apart works on containers and needs no decoder; drawing stands behind the feature `images`.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

use bytes::Bytes;

mod boxes;
mod closed;
mod described;
#[cfg(feature = "images")]
mod draw;
mod ebml;
mod error;
mod exif;
mod facts;
mod flac;
mod fragments;
#[cfg(feature = "test-util")]
pub(crate) mod fuzz;
mod gif;
mod icc;
mod items;
mod jpeg;
mod kind;
mod matroska;
#[cfg(feature = "documents")]
mod office;
mod patch;
mod pdf;
mod png;
mod rewrite;
mod samples;
mod scan;
mod sound;
mod still;
mod svg;
#[cfg(test)]
mod tests;
mod track;
mod units;
mod webp;
mod xiph;

use self::boxes::Film;
pub use self::error::PictureError;
pub use self::facts::{Fact, FactKind};
pub(crate) use self::kind::Kind;
use self::kind::Reader;
use self::patch::Patch;
pub(crate) use self::patch::Scratch;
use self::sound::{How, Listed};
use self::still::Still;

/// Bytes of a picture file that is looked through in memory. The largest photographs of telephones have some 40 MiB.
pub(crate) const PICTURE_BYTES: u64 = 64 << 20;

/// Pixels of a picture that is posted at all. The largest sensors of telephones have 200 million; what claims more was
/// made to use up the memory of those who look at it.
pub(crate) const MOST_PIXELS: u64 = 1 << 28;

/// Bytes of memory that drawing a picture may take: 134 million pixels of three bytes, or half of that if the picture
/// has to be turned. A larger one is posted without a preview, and turning it is left to those who show it.
pub(crate) const DRAWN_BYTES: u64 = 384 << 20;

/// Bytes of an inline preview: what the format allows.
pub(crate) const PREVIEW_BYTES: usize = 4_096;

/// What to do to an attachment.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Options<'a> {
    /// Leaves every byte as it is, place and device included.
    pub(crate) keep_metadata: bool,
    /// Takes off as well what a piece of music or a document tells of itself.
    pub(crate) strip: bool,
    /// A picture whose preview stands for the attachment.
    pub(crate) poster: Option<&'a Path>,
}

impl Options<'_> {
    const fn how(&self) -> How {
        match (self.keep_metadata, self.strip) {
            (true, _) => How::Keep,
            (false, false) => How::Clean,
            (false, true) => How::Strip,
        }
    }
}

/// An attachment that is ready to be posted: the copy now holds its bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Prepared {
    /// What it is; [`Kind::mime_for`] says under which media type to post it.
    pub(crate) kind: Kind,
    /// Bytes of the copy, now.
    pub(crate) len: u64,
    /// Pixels from side to side, as it is shown.
    pub(crate) width: Option<u32>,
    /// Pixels from top to bottom, as it is shown.
    pub(crate) height: Option<u32>,
    /// Playing time in milliseconds.
    pub(crate) duration_ms: Option<u64>,
    /// A small JPEG of at most [`PREVIEW_BYTES`].
    pub(crate) preview: Option<Bytes>,
    /// The same picture, smaller.
    pub(crate) rendition: Option<Rendition>,
    /// What it tells all the same: the title of a piece of music, the author of a document.
    pub(crate) told: Vec<Fact>,
    /// What was done to the copy.
    pub(crate) done: Done,
}

/// The same picture in a smaller size.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Rendition {
    pub(crate) bytes: Bytes,
    pub(crate) mime: &'static str,
    pub(crate) width: u32,
    pub(crate) height: u32,
}

/// What was done to the copy of an attachment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Done {
    /// Nothing: it was clean, or is of a kind that is left as it is.
    Nothing,
    /// Nothing, as was asked.
    Kept,
    /// What tells of place, device and time was taken off; the picture, film or sound is the same bit by bit.
    Cleaned,
    /// Cleaned, turned upright and encoded again.
    Turned,
}

impl Prepared {
    fn new(kind: Kind, len: u64) -> Self {
        Self {
            kind,
            len,
            width: None,
            height: None,
            duration_ms: None,
            preview: None,
            rendition: None,
            told: Vec::new(),
            done: Done::Nothing,
        }
    }

    /// Makes the copy these bytes.
    fn replace<F: Scratch>(&mut self, copy: &mut F, bytes: &[u8]) -> io::Result<()> {
        copy.seek(SeekFrom::Start(0))?;
        copy.write_all(bytes)?;
        self.len = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        copy.cut_to(self.len)?;
        self.done = Done::Cleaned;
        Ok(())
    }

    fn with(self, film: Film) -> Self {
        Self {
            width: film.width,
            height: film.height,
            duration_ms: film.duration_ms,
            ..self
        }
    }
}

/// Prepares the copy of an attachment, and changes it in place.
///
/// With `keep_metadata` not a byte of the copy changes; size, preview and rendition are made all the same.
///
/// # Errors
///
/// [`PictureError`], after which the copy may be half changed and is to be thrown away. Pictures are refused if they
/// are damaged or too large to draw even if their metadata is to be kept; anything else is then taken as it is.
pub(crate) fn prepare<F: Scratch>(
    copy: &mut F,
    options: &Options<'_>,
) -> Result<Prepared, PictureError> {
    let len = copy.seek(SeekFrom::End(0))?;
    if len == 0 {
        return Err(PictureError::Empty);
    }
    let kind = Kind::of(&head(copy)?, len);
    let prepared = match kind.reader() {
        Reader::Picture => picture(copy, kind, len, options.keep_metadata)?,
        Reader::Sound => sounding(copy, kind, len, options)?,
        Reader::Drawing => drawing(copy, kind, len, options.keep_metadata)?,
        Reader::None => document(copy, kind, len, options)?,
        reader => in_place(copy, kind, reader, len, options.how())?,
    };
    match options.poster {
        None => Ok(prepared),
        Some(poster) => Ok(Prepared {
            preview: Some(self::poster(poster).map_err(|source| PictureError::Poster {
                source: Box::new(source),
            })?),
            ..prepared
        }),
    }
}

fn head<F: Read + Seek>(copy: &mut F) -> io::Result<Vec<u8>> {
    copy.seek(SeekFrom::Start(0))?;
    let mut head = Vec::new();
    let most = u64::try_from(kind::HEAD).unwrap_or(u64::MAX);
    copy.by_ref().take(most).read_to_end(&mut head)?;
    Ok(head)
}

/// Whatever is not read whole.
fn in_place<F: Scratch>(
    copy: &mut F,
    kind: Kind,
    reader: Reader,
    len: u64,
    how: How,
) -> Result<Prepared, PictureError> {
    let keep = how == How::Keep;
    let mut patch = Patch::new(copy, len, !keep);
    let mut prepared = Prepared::new(kind, len);
    let list = Some(kind).filter(|kind| *kind == Kind::M4a);
    let list = list.and_then(|_| Listed::find(&mut patch));
    let looked = match reader {
        Reader::Boxes => boxes::look(&mut patch, kind.has_items()),
        Reader::Ebml => matroska::look(&mut patch),
        Reader::Sealed => Err(error::Fault::Sealed(
            "no way to do it is known for this type",
        )),
        Reader::Picture | Reader::Drawing | Reader::Sound | Reader::None => return Ok(prepared),
    };
    if keep {
        prepared.done = Done::Kept;
        prepared.told = list.map(|list| list.facts(how)).unwrap_or_default();
        return Ok(prepared.with(looked.unwrap_or_default()));
    }
    let film = looked.map_err(|fault| fault.of(kind.mime()))?;
    if let Some(list) = list {
        list.write(&mut patch, how)
            .map_err(|fault| fault.of(kind.mime()))?;
        prepared.told = list.facts(how);
    }
    let (len, changed) = patch.finish()?;
    prepared.len = len;
    if changed {
        prepared.done = Done::Cleaned;
    }
    Ok(prepared.with(film))
}

/// What a file will tell when it was prepared in this way; nothing of it is changed.
///
/// # Errors
///
/// If it cannot be read. Whatever else is wrong with it will be said when it is prepared.
pub(crate) fn tells<F: Scratch>(
    file: &mut F,
    options: &Options<'_>,
) -> Result<Vec<Fact>, PictureError> {
    let len = file.seek(SeekFrom::End(0))?;
    let kind = Kind::of(&head(file)?, len);
    match kind.reader() {
        Reader::Sound => {
            let mut patch = Patch::new(file, len, false);
            let looked = sound::look(&mut patch, kind, options.how());
            Ok(looked.map(|looked| looked.told).unwrap_or_default())
        }
        Reader::Boxes if kind == Kind::M4a => {
            let list = Listed::find(&mut Patch::new(file, len, false));
            Ok(list
                .map(|list| list.facts(options.how()))
                .unwrap_or_default())
        }
        _ if options.how() == How::Strip => Ok(Vec::new()),
        _ => Ok(told_by(file, kind)?),
    }
}

/// What a document says about itself.
fn told_by<F: Scratch>(file: &mut F, kind: Kind) -> io::Result<Vec<Fact>> {
    match kind {
        Kind::Pdf => pdf::tells(file),
        #[cfg(feature = "documents")]
        Kind::Zip => Ok(office::tells(file)),
        _ => Ok(Vec::new()),
    }
}

/// A document, or whatever else is posted as it is unless that is not wanted.
fn document<F: Scratch>(
    copy: &mut F,
    kind: Kind,
    len: u64,
    options: &Options<'_>,
) -> Result<Prepared, PictureError> {
    let mut prepared = Prepared::new(kind, len);
    if options.how() != How::Strip {
        prepared.told = told_by(copy, kind)?;
        return Ok(prepared);
    }
    let sealed = |what| Err(error::Fault::Sealed(what).of(kind.mime()));
    match kind {
        #[cfg(feature = "documents")]
        Kind::Pdf | Kind::Zip => {
            let bytes = match kind {
                Kind::Pdf => pdf::stripped(&mut *copy),
                _ => office::stripped(&mut *copy, 0),
            };
            let bytes = bytes.map_err(|fault| fault.of(kind.mime()))?;
            prepared.replace(copy, &bytes)?;
            Ok(prepared)
        }
        #[cfg(not(feature = "documents"))]
        Kind::Pdf | Kind::Zip => sealed("that needs the feature `documents`"),
        Kind::Unknown => sealed("nothing is known of its type"),
        Kind::Text if head(copy)?.starts_with(b"{\\rtf") => {
            sealed("no way to do it is known for RTF")
        }
        _ => Ok(prepared),
    }
}

/// A sound, which becomes shorter by what is taken off.
fn sounding<F: Scratch>(
    copy: &mut F,
    kind: Kind,
    len: u64,
    options: &Options<'_>,
) -> Result<Prepared, PictureError> {
    let how = options.how();
    let mut prepared = Prepared::new(kind, len);
    let mut patch = Patch::new(copy, len, how != How::Keep);
    let looked = sound::look(&mut patch, kind, how);
    let (_, mut changed) = patch.finish()?;
    match looked {
        Ok(looked) => {
            (prepared.kind, prepared.told) = (looked.kind, looked.told);
            if how != How::Keep {
                let made = looked.plan.apply(copy, len);
                changed |= made.map_err(|fault| fault.of(kind.mime()))?;
            }
        }
        // Whatever it is, it was to stay as it is.
        Err(_) if how == How::Keep => {}
        Err(fault) => return Err(fault.of(kind.mime())),
    }
    prepared.len = copy.seek(SeekFrom::End(0))?;
    let mut patch = Patch::new(copy, prepared.len, false);
    prepared.duration_ms = sound::duration_ms(&mut patch, prepared.kind);
    prepared.done = match (how, changed) {
        (How::Keep, _) => Done::Kept,
        (_, true) => Done::Cleaned,
        (_, false) => Done::Nothing,
    };
    Ok(prepared)
}

fn picture<F: Scratch>(
    copy: &mut F,
    kind: Kind,
    len: u64,
    keep: bool,
) -> Result<Prepared, PictureError> {
    let before = read_whole(copy, kind, len)?;
    let mut still = Still::of(kind, &before)?;
    let mut prepared = Prepared::new(kind, len);
    (prepared.width, prepared.height) = {
        let (width, height) = still.shown();
        (Some(width), Some(height))
    };
    #[cfg(feature = "images")]
    {
        let drawn = draw::draw(kind, &still, !keep)?;
        prepared.preview = drawn.preview;
        prepared.rendition = drawn.rendition;
        if let Some(upright) = drawn.upright {
            // Taken apart again, so that what an encoder writes beside the picture has the form it always has.
            still = Still::of(kind, &upright)?;
            prepared.done = Done::Turned;
        }
    }
    if keep {
        prepared.done = Done::Kept;
        return Ok(prepared);
    }
    still.tag_orientation(kind);
    if still.bytes != before {
        copy.seek(SeekFrom::Start(0))?;
        copy.write_all(&still.bytes)?;
        prepared.len = u64::try_from(still.bytes.len()).unwrap_or(u64::MAX);
        copy.cut_to(prepared.len)?;
        if prepared.done == Done::Nothing {
            prepared.done = Done::Cleaned;
        }
    }
    Ok(prepared)
}

/// A drawing in XML.
fn drawing<F: Scratch>(
    copy: &mut F,
    kind: Kind,
    len: u64,
    keep: bool,
) -> Result<Prepared, PictureError> {
    let mut prepared = Prepared::new(kind, len);
    if keep {
        prepared.done = Done::Kept;
        return Ok(prepared);
    }
    let before = read_whole(copy, kind, len)?;
    let after = svg::cleaned(&before).map_err(|fault| fault.of(kind.mime()))?;
    if after != before {
        prepared.replace(copy, &after)?;
    }
    Ok(prepared)
}

fn read_whole<F: Read + Seek>(copy: &mut F, kind: Kind, len: u64) -> Result<Vec<u8>, PictureError> {
    let too_long = PictureError::TooLong {
        mime: kind.mime(),
        len,
        most: PICTURE_BYTES,
    };
    if len > PICTURE_BYTES {
        return Err(too_long);
    }
    let mut bytes = vec![0; usize::try_from(len).map_err(|_| too_long)?];
    copy.seek(SeekFrom::Start(0))?;
    copy.read_exact(&mut bytes)?;
    Ok(bytes)
}

/// The preview of the picture at `path`.
fn poster(path: &Path) -> Result<Bytes, PictureError> {
    let mut file = File::open(path)?;
    let len = file.seek(SeekFrom::End(0))?;
    let kind = Kind::of(&head(&mut file)?, len);
    if kind.reader() != Reader::Picture {
        return Err(PictureError::NoPicture { mime: kind.mime() });
    }
    let bytes = read_whole(&mut file, kind, len)?;
    let still = Still::of(kind, &bytes)?;
    small(kind, still)
}

#[cfg(feature = "images")]
fn small(kind: Kind, still: Still) -> Result<Bytes, PictureError> {
    let preview = draw::draw(kind, &still, false)?.preview;
    preview.ok_or(PictureError::NoPicture { mime: kind.mime() })
}

/// Without a decoder a poster has to be small enough as it is.
#[cfg(not(feature = "images"))]
fn small(kind: Kind, mut still: Still) -> Result<Bytes, PictureError> {
    still.tag_orientation(kind);
    if still.bytes.len() > PREVIEW_BYTES {
        return Err(PictureError::TooLong {
            mime: kind.mime(),
            len: u64::try_from(still.bytes.len()).unwrap_or(u64::MAX),
            most: u64::try_from(PREVIEW_BYTES).unwrap_or(u64::MAX),
        });
    }
    Ok(Bytes::from(still.bytes))
}
