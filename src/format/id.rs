//! Names of feeds, devices, logs and entries: newtypes with text forms.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use data_encoding::BASE32_NOPAD;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::context::derive;
use super::error::FormatError;
use super::limits;

pub(crate) fn to_base32(bytes: &[u8]) -> String {
    BASE32_NOPAD.encode(bytes).to_ascii_lowercase()
}

/// Reads lower-case base32 only: an id that has two texts is two keys in whatever an app builds on texts.
pub(crate) fn from_base32(text: &str) -> Option<Vec<u8>> {
    if text.bytes().any(|b| b.is_ascii_uppercase()) {
        return None;
    }
    BASE32_NOPAD
        .decode(text.to_ascii_uppercase().as_bytes())
        .ok()
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $article:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name([u8; 32]);

        impl $name {
            /// Makes it from its 32 bytes.
            pub const fn from_bytes(bytes: [u8; 32]) -> Self {
                Self(bytes)
            }

            /// Its 32 bytes.
            pub const fn as_bytes(&self) -> &[u8; 32] {
                &self.0
            }

            /// The first ten characters of its text form: enough for people, never for programs.
            pub fn short(&self) -> String {
                let mut text = to_base32(&self.0);
                text.truncate(10);
                text
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&to_base32(&self.0))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({})", stringify!($name), self.short())
            }
        }

        impl FromStr for $name {
            type Err = FormatError;

            fn from_str(text: &str) -> Result<Self, FormatError> {
                let wrong = |why| FormatError::Text { expected: $article, why };
                let bytes = from_base32(text).ok_or(wrong("52 characters of a-z and 2-7 are"))?;
                bytes.try_into().map(Self).map_err(|_| wrong("it does not have 52 characters"))
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                if serializer.is_human_readable() {
                    serializer.collect_str(self)
                } else {
                    self.0.serialize(serializer)
                }
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                if deserializer.is_human_readable() {
                    let text = String::deserialize(deserializer)?;
                    text.parse().map_err(D::Error::custom)
                } else {
                    <[u8; 32]>::deserialize(deserializer).map(Self)
                }
            }
        }
    };
}

id!(
    /// A feed: one person's list of posts. The public half of the feed key.
    FeedId,
    "a feed id"
);
id!(
    /// A device: one installation that may append to a feed. Its signing key for that feed.
    DeviceId,
    "a device id"
);
id!(
    /// One entry: the hash of its header.
    EntryId,
    "an entry id"
);
id!(
    /// One statement: the hash of its bytes without the signature.
    StatementId,
    "a statement id"
);
id!(
    /// Bytes outside an entry (a picture, say): their plain BLAKE3 hash, as iroh-blobs names them.
    BlobHash,
    "a blob hash"
);

impl EntryId {
    /// What stands as the id before a log's first entry.
    pub const ZERO: Self = Self([0; 32]);
}

/// The place of an entry in its log, from 0.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[expect(clippy::exhaustive_structs, reason = "a place is a number for ever")]
pub struct Seq(pub u64);

impl Seq {
    /// A log's first place.
    pub const ZERO: Self = Self(0);

    /// The place after this one; stays at the last there is.
    pub const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }

    /// The place `count` further on.
    pub const fn plus(self, count: u64) -> Self {
        Self(self.0.saturating_add(count))
    }

    /// The first place of the block this one lies in.
    pub const fn block_start(self) -> Self {
        Self(self.0 - self.0 % limits::BLOCK)
    }

    /// The first place after the block this one lies in.
    pub const fn block_end(self) -> Self {
        Self(self.block_start().0.saturating_add(limits::BLOCK))
    }
}

impl fmt::Display for Seq {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

pub(crate) fn is_name(text: &str, limit: usize) -> bool {
    let allowed = |b: u8| {
        b.is_ascii_lowercase()
            || b.is_ascii_digit()
            || matches!(b, b'.' | b'_' | b'/' | b'~' | b'-')
    };
    !text.is_empty() && text.len() <= limit && text.bytes().all(allowed)
}

pub(crate) fn not_a_name(what: &'static str, text: &str, limit: usize) -> FormatError {
    FormatError::Name {
        what,
        text: text.chars().take(80).collect(),
        limit,
    }
}

/// A named strand of a device's entries: `state`, `posts`, `reactions`, or an app's own.
///
/// One to 32 characters of `a-z 0-9 . _ / ~ -`. A lane whose name begins with `~` is private: it is served only to
/// proven devices of the same feed.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Lane {
    len: u8,
    bytes: [u8; limits::LANE_BYTES],
}

impl Lane {
    /// Makes a lane from its name.
    ///
    /// # Errors
    ///
    /// [`FormatError::Name`] if the name is empty, too long or has other characters.
    pub fn new(name: &str) -> Result<Self, FormatError> {
        if !is_name(name, limits::LANE_BYTES) {
            return Err(not_a_name("lane", name, limits::LANE_BYTES));
        }
        Ok(Self::pack(name.as_bytes()))
    }

    /// Makes one of the library's own lanes, whose names are known to be good.
    pub(crate) const fn pack(name: &[u8]) -> Self {
        let mut bytes = [0; limits::LANE_BYTES];
        let (head, _) = bytes.split_at_mut(name.len());
        head.copy_from_slice(name);
        #[expect(clippy::cast_possible_truncation, reason = "at most 32")]
        let len = name.len() as u8;
        Self { len, bytes }
    }

    /// Its name.
    pub fn as_str(&self) -> &str {
        let bytes = self.bytes.get(..usize::from(self.len)).unwrap_or_default();
        std::str::from_utf8(bytes).unwrap_or_default()
    }

    /// Whether it is served only to proven devices of the same feed.
    pub const fn is_private(&self) -> bool {
        self.bytes[0] == b'~'
    }
}

impl Ord for Lane {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.as_str().cmp(other.as_str())
    }
}

impl PartialOrd for Lane {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Debug for Lane {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Lane({})", self.as_str())
    }
}

/// What a body is: name and version in one string, such as `post/1`.
///
/// One to 64 characters of `a-z 0-9 . _ / ~ -`. Cheap to clone.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Kind(Arc<str>);

impl Kind {
    /// Makes a kind from its name.
    ///
    /// # Errors
    ///
    /// [`FormatError::Name`] if the name is empty, too long or has other characters.
    pub fn new(name: &str) -> Result<Self, FormatError> {
        if !is_name(name, limits::KIND_BYTES) {
            return Err(not_a_name("kind", name, limits::KIND_BYTES));
        }
        Ok(Self(name.into()))
    }

    /// Its name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Kind({})", self.0)
    }
}

macro_rules! name_text {
    ($name:ident) => {
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl FromStr for $name {
            type Err = FormatError;

            fn from_str(text: &str) -> Result<Self, FormatError> {
                Self::new(text)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
                Self::new(&text).map_err(D::Error::custom)
            }
        }
    };
}

name_text!(Lane);
name_text!(Kind);

/// What one device appended to one lane of one feed: a hash chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[expect(
    clippy::exhaustive_structs,
    reason = "a log is named by these three for ever"
)]
pub struct LogId {
    /// Whose list of posts.
    pub feed: FeedId,
    /// Which installation appended.
    pub device: DeviceId,
    /// Which strand.
    pub lane: Lane,
}

impl LogId {
    /// Its place among logs whose entries claim the same time: eight bytes that nobody chooses.
    pub fn order(&self) -> [u8; 8] {
        let mut bytes = Vec::with_capacity(97);
        bytes.extend_from_slice(self.feed.as_bytes());
        bytes.extend_from_slice(self.device.as_bytes());
        bytes.extend_from_slice(self.lane.as_str().as_bytes());
        derive::LOG_ORDER.hash8(&bytes)
    }
}

/// The full name of an entry: where it stands and what it is, so that it can be fetched and checked.
///
/// Its text form is `feed:device:lane:seq:id`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[expect(
    clippy::exhaustive_structs,
    reason = "an entry is named by these three for ever"
)]
pub struct EntryRef {
    /// Its log.
    pub log: LogId,
    /// Its place in the log.
    pub seq: Seq,
    /// The hash of its header.
    pub id: EntryId,
}

impl fmt::Display for EntryRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let LogId { feed, device, lane } = self.log;
        write!(f, "{feed}:{device}:{lane}:{}:{}", self.seq, self.id)
    }
}

impl FromStr for EntryRef {
    type Err = FormatError;

    fn from_str(text: &str) -> Result<Self, FormatError> {
        let wrong = |why| FormatError::Text {
            expected: "a reference to an entry",
            why,
        };
        let mut parts = text.split(':');
        let mut part = || {
            parts
                .next()
                .ok_or_else(|| wrong("it does not have the five parts feed:device:lane:seq:id"))
        };
        let feed = part()?.parse()?;
        let device = part()?.parse()?;
        let lane = part()?.parse()?;
        let number = part()?;
        let seq: u64 = number
            .parse()
            .map_err(|_| wrong("its fourth part is not a number"))?;
        if seq.to_string() != number {
            return Err(wrong("its fourth part is not in its one form"));
        }
        let id = part()?.parse()?;
        if parts.next().is_some() {
            return Err(wrong("it has more than five parts"));
        }
        Ok(Self {
            log: LogId { feed, device, lane },
            seq: Seq(seq),
            id,
        })
    }
}
