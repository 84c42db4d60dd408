//! The envelope that every peer understands around content that only the app may.

use bytes::Bytes;
use caseless::Caseless as _;
use serde::{Deserialize, Serialize};
use unicode_normalization::UnicodeNormalization as _;

use super::error::FormatError;
use super::id::{BlobHash, EntryRef, FeedId};
use super::text::{LINE_CHARS, NAME_CHARS, make_printable};
use super::{codec, content, limits};

/// How an entry relates to another.
///
/// Values that this library does not know are kept and ignored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(from = "u8", into = "u8")]
#[non_exhaustive]
pub enum Rel {
    /// Answers it.
    Reply,
    /// Belongs to the thread that it began.
    Root,
    /// Quotes it.
    Quote,
    /// Hands it on.
    Repost,
    /// Reacts to it.
    Reaction,
    /// Stands in its place: a state item or an edit.
    Replaces,
    /// Deletes it.
    Delete,
    /// Pins it.
    Pin,
    /// Says again what it said, after a Retire cut it.
    Origin,
    /// A relation of a later version.
    Other(u8),
}

impl From<u8> for Rel {
    fn from(value: u8) -> Self {
        match value {
            0 => Self::Reply,
            1 => Self::Root,
            2 => Self::Quote,
            3 => Self::Repost,
            4 => Self::Reaction,
            5 => Self::Replaces,
            6 => Self::Delete,
            7 => Self::Pin,
            8 => Self::Origin,
            other => Self::Other(other),
        }
    }
}

impl From<Rel> for u8 {
    fn from(rel: Rel) -> Self {
        match rel {
            Rel::Reply => 0,
            Rel::Root => 1,
            Rel::Quote => 2,
            Rel::Repost => 3,
            Rel::Reaction => 4,
            Rel::Replaces => 5,
            Rel::Delete => 6,
            Rel::Pin => 7,
            Rel::Origin => 8,
            Rel::Other(other) => other,
        }
    }
}

/// A relation to another entry, which can be fetched and checked without a global index of hashes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[expect(
    clippy::exhaustive_structs,
    reason = "a reference is these two for ever"
)]
pub struct Ref {
    /// How.
    pub rel: Rel,
    /// To which.
    pub target: EntryRef,
}

/// Bytes outside the entry that belong to it: a picture, a video, a document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(
    clippy::exhaustive_structs,
    reason = "part of the envelope, which is fixed in version 1"
)]
pub struct Attachment {
    /// Plain BLAKE3 hash of the bytes.
    pub hash: BlobHash,
    /// How many bytes.
    pub len: u64,
    /// Media type.
    pub mime: String,
    /// File name.
    pub name: Option<String>,
    /// What it shows, for those who cannot see it.
    pub alt: Option<String>,
    /// Pixels from side to side.
    pub width: Option<u32>,
    /// Pixels from top to bottom.
    pub height: Option<u32>,
    /// Playing time in milliseconds.
    pub duration_ms: Option<u64>,
    /// Which attachment of this body it shows in another size, by its index.
    pub rendition_of: Option<u8>,
    /// A small picture of it to draw before the bytes have come.
    pub preview: Option<Bytes>,
}

impl Attachment {
    /// Makes name, description and media type one line of printable text each; says whether that changed anything.
    pub(crate) fn make_printable(&mut self) -> bool {
        let mut changed = make_printable(&mut self.mime, NAME_CHARS);
        for (text, most) in [(&mut self.name, NAME_CHARS), (&mut self.alt, LINE_CHARS)] {
            changed |= text.as_mut().is_some_and(|text| make_printable(text, most));
        }
        changed
    }
}

/// A body: what stands between a header and the content of a kind.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[expect(
    clippy::exhaustive_structs,
    reason = "the envelope is fixed in version 1"
)]
pub struct Body {
    /// Random; it disappears with the body, so that a short deleted text cannot be guessed from the hash that stays.
    pub salt: [u8; 8],
    /// Relations to other entries.
    #[serde(deserialize_with = "codec::list")]
    pub refs: Vec<Ref>,
    /// Feeds that are spoken of.
    #[serde(deserialize_with = "codec::list")]
    pub mentions: Vec<FeedId>,
    /// Tags as their author wrote them; they compare as [`Body::fold_tag`] says.
    #[serde(deserialize_with = "codec::list")]
    pub tags: Vec<String>,
    /// Media.
    #[serde(deserialize_with = "codec::list")]
    pub attachments: Vec<Attachment>,
    /// Postcard of the kind's type.
    pub content: Bytes,
}

fn at_most(what: &'static str, found: usize, limit: usize) -> Result<(), FormatError> {
    if found > limit {
        return Err(FormatError::TooLarge {
            what,
            found: found as u64,
            limit: limit as u64,
        });
    }
    Ok(())
}

impl Body {
    /// Encodes a body.
    ///
    /// # Errors
    ///
    /// [`FormatError::TooLarge`] if a list, a tag or a text is over its limit. The limit of the whole depends on the
    /// lane and is checked when the entry is made.
    pub fn encode(&self) -> Result<Bytes, FormatError> {
        self.check()?;
        Ok(codec::encode(self).into())
    }

    /// Reads a body from the front of `bytes`; what stands behind its fields is for newer readers.
    ///
    /// # Errors
    ///
    /// If the bytes are no envelope, or over a limit. Such a body is kept as bytes and shown as unreadable: it makes
    /// no entry invalid.
    pub fn decode(bytes: &[u8]) -> Result<Self, FormatError> {
        at_most("body, in bytes,", bytes.len(), limits::BODY_BYTES as usize)?;
        // What a newer release wrote behind the fields is kept with the bytes and passed over here.
        let (body, _added): (Self, _) = content::read_whole("body", bytes)?;
        body.check()?;
        Ok(body)
    }

    fn check(&self) -> Result<(), FormatError> {
        at_most("number of tags", self.tags.len(), limits::TAGS)?;
        at_most("number of references", self.refs.len(), limits::REFS)?;
        at_most("number of mentions", self.mentions.len(), limits::MENTIONS)?;
        at_most(
            "number of attachments",
            self.attachments.len(),
            limits::ATTACHMENTS,
        )?;
        for tag in &self.tags {
            at_most("tag, in bytes,", tag.len(), limits::TAG_BYTES)?;
        }
        self.attachments.iter().try_for_each(Attachment::check)
    }

    /// The form in which tags are compared: NFKC, folded in full (`Strasse` for `Stra\u{df}e`), without space at either
    /// end.
    ///
    /// The folding is Unicode's for searching, not lower case, which keeps apart what readers take for the same word.
    pub fn fold_tag(tag: &str) -> String {
        if tag.is_ascii() {
            return tag.trim().to_ascii_lowercase();
        }
        let folded: String = tag.nfkc().default_case_fold().nfkc().collect();
        folded.trim().to_owned()
    }

    /// The entries that this one relates to in one way.
    pub fn targets(&self, rel: Rel) -> impl Iterator<Item = &EntryRef> {
        self.refs
            .iter()
            .filter(move |r| r.rel == rel)
            .map(|r| &r.target)
    }
}

impl Attachment {
    fn check(&self) -> Result<(), FormatError> {
        let len = |text: &Option<String>| text.as_ref().map_or(0, String::len);
        at_most("media type, in bytes,", self.mime.len(), limits::MIME_BYTES)?;
        at_most("file name, in bytes,", len(&self.name), limits::NAME_BYTES)?;
        at_most("description, in bytes,", len(&self.alt), limits::ALT_BYTES)?;
        at_most(
            "preview, in bytes,",
            self.preview.as_ref().map_or(0, Bytes::len),
            limits::PREVIEW_BYTES,
        )
    }
}
