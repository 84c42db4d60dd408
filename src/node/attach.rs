//! What is attached to a post: a file, bytes, or whatever a reader gives.

use std::fmt;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;

use super::Node;
use super::error::TidingsError;
use crate::format::limits::ATTACHMENTS;
use crate::format::{Attachment, FormatError, one_line};
use crate::media::{Import, Imported, Kept, MediaError, MediaStore};
use crate::pictures::{self, Done, Options, Prepared};

mod tells;

/// Bytes of previews in one body: what is left of it is for names, descriptions and the text.
const PREVIEWS: usize = 40 * 1024;

/// Media types by the ends of names, of files whose bytes do not tell.
const ENDINGS: &[(&str, &str)] = &[
    ("md", "text/markdown"),
    ("csv", "text/csv"),
    ("html", "text/html"),
    ("json", "application/json"),
    ("svg", "image/svg+xml"),
    ("ics", "text/calendar"),
    ("epub", "application/epub+zip"),
];

/// Something to attach to a post. A path converts into it.
///
/// Pictures get a preview inside the entry while those of one entry take at most 40 KiB together: ten and more. Further ones
/// are attached without.
#[derive(Debug, Clone)]
pub struct Attach {
    source: Source,
    /// What the file is called here.
    called: Option<String>,
    /// What is published as its name; none for one that tells nothing.
    name: Option<String>,
    alt: Option<String>,
    mime: Option<String>,
    keep_metadata: bool,
    strip: bool,
    poster: Option<PathBuf>,
}

#[derive(Clone)]
enum Source {
    File(PathBuf),
    Bytes(Bytes),
    /// Taken when it is read: of several clones the first one gets it.
    Reader(Arc<Mutex<Option<Box<dyn Read + Send>>>>),
    /// Taken in before; of several clones the first one gets it.
    Taken(Arc<Mutex<Option<TakenIn>>>),
}

impl Attach {
    /// A file, by its path. It is read when the post is sent.
    ///
    /// What it is called here is not published, since that tells much, such as second and device
    /// (`PXL_20240501_120001.jpg`): others get it as `picture.jpg`, or what else it is. [`keep_name`](Self::keep_name)
    /// and [`name`](Self::name) publish another one.
    pub fn file(path: impl Into<PathBuf>) -> Self {
        let path = path.into();
        let called = path.file_name();
        let called = called.map(|name| name.to_string_lossy().into_owned());
        Self::new(Source::File(path), called)
    }

    /// Bytes, with the name of the file that they would be.
    pub fn bytes(name: impl Into<String>, bytes: impl Into<Bytes>) -> Self {
        Self::new(Source::Bytes(bytes.into()), Some(name.into())).keep_name()
    }

    /// Whatever a reader gives until it ends, in steps: never all of it in memory. It is read on a thread of its own when
    /// the post is sent, once, even if this is cloned.
    pub fn reader(name: impl Into<String>, reader: impl Read + Send + 'static) -> Self {
        let reader: Box<dyn Read + Send> = Box::new(reader);
        Self::new(
            Source::Reader(Arc::new(Mutex::new(Some(reader)))),
            Some(name.into()),
        )
        .keep_name()
    }

    const fn new(source: Source, called: Option<String>) -> Self {
        Self {
            source,
            called,
            name: None,
            alt: None,
            mime: None,
            keep_metadata: false,
            strip: false,
            poster: None,
        }
    }

    /// Publishes this as the name of the file.
    #[must_use]
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(one_line(name));
        self
    }

    /// Publishes what the file is called here.
    #[must_use]
    pub fn keep_name(mut self) -> Self {
        self.name = self.called.clone().map(one_line);
        self
    }

    /// What it shows, for those who cannot see it. At most 2,000 bytes.
    #[must_use]
    pub fn alt(mut self, alt: impl Into<String>) -> Self {
        self.alt = Some(alt.into());
        self
    }

    /// Its media type, where that cannot be told from its bytes.
    #[must_use]
    pub fn mime(mut self, mime: impl Into<String>) -> Self {
        self.mime = Some(mime.into());
        self
    }

    /// Posts it byte by byte as it is. Unless this is set, what a camera or a recorder wrote into a picture, a film or a
    /// sound about the place, the device and the time is taken off, and pictures are turned upright.
    #[must_use]
    pub const fn keep_metadata(mut self) -> Self {
        self.keep_metadata = true;
        self
    }

    /// Takes off as well what is kept otherwise, since it is meant to be read: title, artist and cover of a piece of music;
    /// author, company and dates of a PDF or an office file, which needs the feature `documents`. [`tells`](Self::tells)
    /// says what that is. A document that cannot be stripped is refused. Nothing happens if the metadata is to be kept.
    #[must_use]
    pub const fn strip(mut self) -> Self {
        self.strip = true;
        self
    }

    /// A picture whose preview stands for a video or a document until that is there.
    #[must_use]
    pub fn poster(mut self, path: impl Into<PathBuf>) -> Self {
        self.poster = Some(path.into());
        self
    }

    pub(super) fn called(&self) -> Option<&str> {
        self.called.as_deref()
    }

    fn options(&self) -> Options<'_> {
        Options {
            keep_metadata: self.keep_metadata,
            strip: self.strip,
            poster: self.poster.as_deref(),
        }
    }

    /// Takes it in: what goes into the body, and what keeps the bytes until the entry names them.
    ///
    /// It is the `nth` thing attached, and `index` is its place in the body. Smaller renditions come right after it if there
    /// is `room` for them.
    fn take_in(
        self,
        media: &Arc<MediaStore>,
        nth: usize,
        index: usize,
        room: bool,
    ) -> Result<TakenIn, TidingsError> {
        if let Source::Taken(taken) = &self.source {
            let taken = taken.lock().unwrap_or_else(PoisonError::into_inner).take();
            let taken = taken.ok_or_else(|| read_before(self.called.as_deref()))?;
            return Ok(taken.at(nth, index, room, self.alt, self.name));
        }
        let source = self.source.clone();
        let import = source.import(media, self.called.as_deref())?;
        let (imported, prepared) = prepare(import, &self.options())
            .map_err(|error| named(error, nth, self.called.as_deref()))?;
        let said = self
            .mime
            .as_deref()
            .or_else(|| by_name(self.called.as_deref()));
        let name = self
            .name
            .or_else(|| Some(neutral(prepared.kind, nth, self.called.as_deref())));
        let attachment = Attachment {
            mime: prepared.kind.mime_for(said).to_owned(),
            width: prepared.width,
            height: prepared.height,
            duration_ms: prepared.duration_ms,
            preview: prepared.preview,
            alt: self.alt,
            ..bare(&imported, name)
        };
        let mut taken = TakenIn::default();
        taken.add(attachment, imported.kept);
        if let Some(smaller) = prepared.rendition.filter(|_| room) {
            let imported = media
                .import("a rendition", &mut &*smaller.bytes)?
                .finish()?;
            let attachment = Attachment {
                mime: smaller.mime.to_owned(),
                width: Some(smaller.width),
                height: Some(smaller.height),
                rendition_of: u8::try_from(index).ok(),
                ..bare(&imported, None)
            };
            taken.add(attachment, imported.kept);
        }
        Ok(taken)
    }
}

impl Source {
    fn import(self, media: &Arc<MediaStore>, name: Option<&str>) -> Result<Import, MediaError> {
        let name = name.unwrap_or("what is attached");
        match self {
            Self::File(path) => media.import_file(&path),
            Self::Bytes(bytes) => media.import(name, &mut &*bytes),
            Self::Reader(reader) => {
                let taken = reader.lock().unwrap_or_else(PoisonError::into_inner).take();
                let mut reader = taken.ok_or_else(|| read_before(Some(name)))?;
                media.import(name, &mut reader)
            }
            Self::Taken(_) => Err(read_before(Some(name))),
        }
    }
}

fn read_before(name: Option<&str>) -> MediaError {
    MediaError::Source {
        name: name.unwrap_or("what is attached").to_owned(),
        source: std::io::Error::other("it was read before, for another post"),
    }
}

/// Looks into the copy, takes off what is not to be posted, and makes it last.
fn prepare(
    mut import: Import,
    options: &Options<'_>,
) -> Result<(Imported, Prepared), TidingsError> {
    let prepared = pictures::prepare(import.file(), options)?;
    if matches!(prepared.done, Done::Cleaned | Done::Turned) {
        import.changed()?;
    }
    Ok((import.finish()?, prepared))
}

/// Says which of several attachments it is that cannot be posted.
fn named(error: TidingsError, index: usize, name: Option<&str>) -> TidingsError {
    match error {
        TidingsError::Picture(source) => TidingsError::Attachment {
            index,
            name: name.unwrap_or("what is attached").to_owned(),
            source,
        },
        other => other,
    }
}

/// An attachment of which nothing is known but its bytes.
fn bare(imported: &Imported, name: Option<String>) -> Attachment {
    Attachment {
        hash: imported.blob,
        len: imported.len,
        mime: String::new(),
        name,
        alt: None,
        width: None,
        height: None,
        duration_ms: None,
        rendition_of: None,
        preview: None,
    }
}

/// A name that tells what kind of file it is, and which of those attached.
fn neutral(kind: pictures::Kind, nth: usize, called: Option<&str>) -> String {
    let (stem, ending) = kind.neutral_name();
    let is_ending = |ending: &&str| {
        (1..=8).contains(&ending.len()) && ending.bytes().all(|b| b.is_ascii_alphanumeric())
    };
    // Of what is not told from its bytes nobody could make use without it.
    let own = called
        .and_then(|name| name.rsplit_once('.'))
        .map(|(_, ending)| ending);
    let own = own.filter(is_ending).map(str::to_ascii_lowercase);
    let ending = ending.map(ToOwned::to_owned).or(own);
    let ending = ending.map_or_else(String::new, |ending| format!(".{ending}"));
    numbered(&format!("{stem}{ending}"), nth)
}

/// One name for each of several.
fn numbered(name: &str, nth: usize) -> String {
    if nth == 0 {
        return name.to_owned();
    }
    let (stem, ending) = name.split_at(name.rfind('.').unwrap_or(name.len()));
    format!("{stem}-{}{ending}", nth + 1)
}

/// What the name says of files whose bytes say little.
fn by_name(name: Option<&str>) -> Option<&'static str> {
    let (_, ending) = name?.rsplit_once('.')?;
    let ending = ending.to_ascii_lowercase();
    let known = ENDINGS.iter().find(|(known, _)| *known == ending)?;
    Some(known.1)
}

/// Attachments whose bytes are on disk, and what keeps them there until an entry names them.
#[derive(Debug, Default)]
pub(super) struct TakenIn {
    pub(super) attachments: Vec<Attachment>,
    pub(super) kept: Vec<Kept>,
}

impl TakenIn {
    fn add(&mut self, attachment: Attachment, kept: Kept) {
        self.attachments.push(attachment);
        self.kept.push(kept);
    }

    /// The same as the `nth` thing attached, where the first of it has the place `index` in a body; without smaller renditions
    /// if there is no room for them.
    fn at(
        mut self,
        nth: usize,
        index: usize,
        room: bool,
        alt: Option<String>,
        name: Option<String>,
    ) -> Self {
        if let Some(first) = self.attachments.first_mut() {
            match name {
                Some(name) => first.name = Some(name),
                None => first.name = first.name.take().map(|name| numbered(&name, nth)),
            }
        }
        self.attachments.truncate(if room { usize::MAX } else { 1 });
        for attachment in &mut self.attachments {
            if attachment.rendition_of.is_some() {
                attachment.rendition_of = u8::try_from(index).ok();
            } else if alt.is_some() {
                attachment.alt.clone_from(&alt);
            }
        }
        self
    }

    /// Takes previews away that have no room in a body with the ones before.
    fn thin(&mut self) {
        let mut left = PREVIEWS;
        for attachment in &mut self.attachments {
            let bytes = attachment.preview.as_ref().map_or(0, Bytes::len);
            match left.checked_sub(bytes) {
                Some(rest) => left = rest,
                None => attachment.preview = None,
            }
        }
    }
}

impl Node {
    /// Takes in one thing to attach before the post is sent: copied, looked through, on disk. What cannot be posted is then
    /// known while the rest of the post can go on.
    ///
    /// What comes back goes into one post. It is forgotten if it is dropped before.
    ///
    /// # Errors
    ///
    /// [`TidingsError::Media`] and [`TidingsError::Attachment`], as when a post is sent; nothing is left of it then.
    ///
    /// # Cancel safety
    ///
    /// Dropped, what is being taken in is finished and then removed.
    pub async fn prepare(&self, attach: impl Into<Attach>) -> Result<Attach, TidingsError> {
        let attach = attach.into();
        let (called, name) = (attach.called.clone(), attach.name.clone());
        let taken = self.take_media(vec![attach]).await?;
        let source = Source::Taken(Arc::new(Mutex::new(Some(taken))));
        Ok(Attach {
            name,
            ..Attach::new(source, called)
        })
    }

    /// Takes in what a post brings. If one of it fails nothing is left of any.
    ///
    /// Cancel safety: dropped, what is being taken in is finished and then removed.
    pub(super) async fn take_media(&self, attach: Vec<Attach>) -> Result<TakenIn, TidingsError> {
        if attach.is_empty() {
            return Ok(TakenIn::default());
        }
        let found = attach.len();
        if found > ATTACHMENTS {
            return Err(TidingsError::Format(FormatError::TooLarge {
                what: "number of attachments",
                found: found as u64,
                limit: ATTACHMENTS as u64,
            }));
        }
        let media = self.inner.media.clone();
        let taken = tokio::task::spawn_blocking(move || {
            let mut all = TakenIn::default();
            // Whoever attaches much gets fewer renditions, and never an error for them.
            let mut spare = ATTACHMENTS - found;
            for (nth, attach) in attach.into_iter().enumerate() {
                let taken = attach.take_in(&media, nth, all.attachments.len(), spare > 0)?;
                spare -= taken.attachments.len() - 1;
                all.attachments.extend(taken.attachments);
                all.kept.extend(taken.kept);
            }
            all.thin();
            Ok::<_, TidingsError>(all)
        });
        taken.await.map_err(|_| TidingsError::ShutDown)?
    }
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Bytes(bytes) => write!(f, "{} bytes", bytes.len()),
            Self::Reader(_) => f.write_str("a reader"),
            Self::Taken(_) => f.write_str("what was taken in"),
        }
    }
}

impl From<PathBuf> for Attach {
    fn from(path: PathBuf) -> Self {
        Self::file(path)
    }
}

impl From<&Path> for Attach {
    fn from(path: &Path) -> Self {
        Self::file(path)
    }
}

impl From<&str> for Attach {
    fn from(path: &str) -> Self {
        Self::file(path)
    }
}
