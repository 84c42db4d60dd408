//! The standard kinds: what content apps of all sorts share.
//!
//! `content` is postcard of these types. Fields can be added at the end of a kind: a decoder ignores bytes after the
//! fields it knows, and reads fields that an older writer left out as none, zero or empty.

use std::borrow::Cow;

use bytes::Bytes;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::error::FormatError;
use super::id::{DeviceId, FeedId, Kind, Lane, Seq};
use super::index_key::IndexKey;
use super::key::Signature;
use super::text::{LINE_CHARS, LINK_CHARS, NAME_CHARS, make_printable};
use super::time::Timestamp;
use super::{codec, content, traced};

/// The library's own lanes.
pub mod lanes {
    use super::Lane;

    /// Small entries that say how things stand; fetched before any content.
    pub const STATE: Lane = Lane::pack(b"state");
    /// What people read.
    pub const POSTS: Lane = Lane::pack(b"posts");
    /// Reactions.
    pub const REACTIONS: Lane = Lane::pack(b"reactions");
    /// What is a person's and not the world's: follows, for instance. Served only to the feed's own devices.
    pub const OWN: Lane = Lane::pack(b"~own");
}

/// A type of content: a standard one of this library, or an app's own.
///
/// # Keys
///
/// Content is found by kind, by feed and by tag. An app that asks for more (what starts between two and three? what is in
/// this room?) lists [`INDEXES`](Self::INDEXES), gives each entry its [`keys`](Self::keys), and tells the node about the
/// type before it opens (`NodeBuilder::content`). What is asked for then is read from an index instead of looked for.
///
/// ```
/// use serde::{Deserialize, Serialize};
/// use tidings::{Content, IndexKey, Timestamp};
///
/// #[derive(Serialize, Deserialize)]
/// struct Talk { title: String, room: String, starts: Timestamp }
///
/// impl Content for Talk {
///     const KIND: &'static str = "conf.talk/2";
///     const LANE: &'static str = "conf.talks";
///     const OLDER: &'static [&'static str] = &["conf.talk/1"];
///     const INDEXES: &'static [&'static str] = &["starts", "room"];
///
///     fn tags(&self) -> Vec<String> { vec!["conference".to_owned()] }
///
///     fn keys(&self) -> Vec<IndexKey> {
///         vec![IndexKey::new("starts", self.starts), IndexKey::new("room", &self.room)]
///     }
///
///     fn from_older(_kind: &str, content: &[u8]) -> Option<Self> {
///         let TalkV1 { title, starts } = tidings::decode_content(content).ok()?;
///         Some(Self { title, room: "Main".to_owned(), starts })
///     }
/// }
///
/// /// What `conf.talk/1` was.
/// #[derive(Serialize, Deserialize)]
/// struct TalkV1 { title: String, starts: Timestamp }
/// ```
///
/// # Versions
///
/// Fields can be added at the end of a type without a new kind: who knows fewer ignores the rest, and where an older
/// writer left them out they are read as none, zero or empty. Any other change is a new kind (`conf.talk/2`), whose type
/// names the kinds it also reads in [`OLDER`](Self::OLDER). What a node does not know the type of it keeps, passes on,
/// and shows in threads and timelines as an entry of that kind.
///
/// # Types that do not fit
///
/// Bodies hold values without names of fields, so a type has to write all its fields, always, in their order. Attributes
/// that leave some out or write them otherwise than they are read (`skip`, `skip_serializing_if`, `flatten`, `untagged`,
/// `tag`) and types that only formats with names can read (`serde_json::Value`) are refused when they are published:
/// [`FormatError::NotReadBack`] names the field. An `Option` that is none takes one byte; it needs no skipping.
pub trait Content: Serialize + DeserializeOwned {
    /// Name and version, such as `conf.talk/1`: at most 64 of `a-z 0-9 . _ / ~ -`.
    const KIND: &'static str;

    /// The lane its entries are appended to, such as `conf.talks`: at most 32 of the same characters. Content of
    /// one app in a lane of its own can be fetched without the rest.
    const LANE: &'static str;

    /// Older kinds that this type also reads, by [`from_older`](Self::from_older); none unless overridden.
    const OLDER: &'static [&'static str] = &[];

    /// The names of its indexes: at most 16 of at most 32 of the characters of a kind; none unless overridden.
    ///
    /// When names are added or taken away the indexes are built anew at the next opening. The names stand for what
    /// [`keys`](Self::keys) does: who changes what goes into an index gives it another name.
    const INDEXES: &'static [&'static str] = &[];

    /// Tags under which it is found; none unless overridden.
    fn tags(&self) -> Vec<String> {
        Vec::new()
    }

    /// The values by which its [`INDEXES`](Self::INDEXES) find it; none unless overridden.
    ///
    /// An entry may have none in an index, and is not found by it then, or several (each ingredient of a recipe). At
    /// most 16 count. It has to come to the same result each time, and runs for what others wrote as well.
    fn keys(&self) -> Vec<IndexKey> {
        Vec::new()
    }

    /// Reads content of one of the [`OLDER`](Self::OLDER) kinds; none if it cannot be read.
    ///
    /// [`decode_content`] decodes what the older type was.
    fn from_older(kind: &str, content: &[u8]) -> Option<Self> {
        let _unread = (kind, content);
        None
    }
}

/// Decodes the content of a kind, ignoring bytes after the fields that `T` has.
///
/// This is how content of a [`Content`] type is read; [`Content::from_older`] reads what its type was before with it.
///
/// # Errors
///
/// If the bytes are no such content, or end inside a field. They may end between two fields.
pub fn decode_content<T: DeserializeOwned>(content: &[u8]) -> Result<T, FormatError> {
    content::read(content)
}

/// Reads content of a type from an entry of its kind or of an older one.
pub(crate) fn read_content<T: Content>(kind: &Kind, content: &[u8]) -> Result<T, FormatError> {
    if kind.as_str() == T::KIND {
        return decode_content(content);
    }
    if !T::OLDER.contains(&kind.as_str()) {
        return Err(FormatError::Malformed {
            what: "content of another kind",
        });
    }
    T::from_older(kind.as_str(), content).ok_or(FormatError::Malformed {
        what: "content of an older kind",
    })
}

/// Encodes content of a kind of this library: all of these read back as they are.
pub(crate) fn encode_content<T: Serialize>(content: &T) -> Result<Bytes, FormatError> {
    codec::try_encode(content).map(Bytes::from)
}

/// Encodes content of an app's kind, and refuses a value that would not read back equal.
///
/// Signed content cannot be mended: a value that comes back otherwise does so for ever.
pub(crate) fn encode_checked<T: Content>(content: &T) -> Result<Bytes, FormatError> {
    traced::encode(T::KIND, content).map(Bytes::from)
}

macro_rules! kinds {
    ($($type:ty, $constant:ident, $kind:literal, $lane:literal;)*) => {
        $(impl Content for $type {
            const KIND: &'static str = $kind;
            const LANE: &'static str = $lane;
        })*

        /// The standard kinds, and the names reserved for later.
        pub mod standard {
            $(
                #[doc = concat!("`", $kind, "`, in lane `", $lane, "`.")]
                pub const $constant: &str = $kind;
            )*
            /// `sealed/1`, reserved: an encrypted body.
            pub const SEALED: &str = "sealed/1";
            /// `draft/1`, reserved: a post being written.
            pub const DRAFT: &str = "draft/1";
            /// `marker/1`, reserved: what has been read.
            pub const MARKER: &str = "marker/1";
            /// `ends/1`, in lane `~own`: how far a retired device's private lanes count.
            pub const ENDS: &str = "ends/1";

            /// Kinds that say something about other entries or feeds and are not themselves shown in a timeline.
            pub(crate) const UNSHOWN: &[&str] = &[
                PROFILE, FOLLOW, DELETE, PIN, LIST, REACH, MOVED, LABEL, CUT, REACTION, EDIT, DRAFT, MARKER, ENDS,
            ];
        }
    };
}

kinds! {
    Post, POST, "post/1", "posts";
    Repost, REPOST, "repost/1", "posts";
    Edit, EDIT, "edit/1", "posts";
    Reaction, REACTION, "reaction/1", "reactions";
    ProfileField, PROFILE, "profile/1", "state";
    Follow, FOLLOW, "follow/1", "~own";
    Delete, DELETE, "delete/1", "state";
    Pin, PIN, "pin/1", "state";
    List, LIST, "list/1", "state";
    Reach, REACH, "reach/1", "state";
    Moved, MOVED, "moved/1", "state";
    Label, LABEL, "label/1", "state";
    Cut, CUT, "cut/1", "state";
}

/// Names a kind of this library, which is known to be a good name.
pub(crate) fn kind_of<T: Content>() -> Result<(Kind, Lane), FormatError> {
    Ok((Kind::new(T::KIND)?, Lane::new(T::LANE)?))
}

/// `post/1`: what people read.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[expect(
    clippy::exhaustive_structs,
    reason = "fields are added by a new version of the kind or at its end"
)]
pub struct Post {
    /// The text, plain.
    pub text: String,
    /// A heading.
    pub title: Option<String>,
    /// What the post points to.
    pub link: Option<String>,
    /// Language of the text, as BCP 47 (`en`, `pt-BR`).
    pub language: Option<String>,
    /// What to know before looking.
    pub warning: Option<String>,
    /// The date it bears where that is not its claimed time: an announcement brought in from elsewhere that is dated
    /// ahead.
    pub dated: Option<Timestamp>,
}

impl Post {
    /// Makes all but the text and the date one line of printable text each; says whether that changed anything.
    pub(crate) fn make_printable(&mut self) -> bool {
        let texts = [
            (&mut self.title, LINE_CHARS),
            (&mut self.link, LINK_CHARS),
            (&mut self.language, NAME_CHARS),
            (&mut self.warning, LINE_CHARS),
        ];
        let mut changed = false;
        for (text, most) in texts {
            changed |= text.as_mut().is_some_and(|text| make_printable(text, most));
        }
        changed
    }
}

/// `profile/1`: one field of a profile an entry; the latest by [`settle`](super::settle) counts for each field.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum ProfileField {
    /// The name to show; empty for none.
    Name(String),
    /// A few words; empty for none.
    Bio(String),
    /// The first attachment of the body is the picture; no attachment for none.
    Avatar,
    /// A tag that this person declares.
    TagAdded(String),
    /// A tag no longer declared.
    TagRemoved(String),
    /// A link elsewhere.
    LinkAdded(String),
    /// A link no longer declared.
    LinkRemoved(String),
}

/// `follow/1`: one entry per change, never the whole list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(
    clippy::exhaustive_structs,
    reason = "fields are added by a new version of the kind or at its end"
)]
pub struct Follow {
    /// Whose list of posts.
    pub feed: FeedId,
    /// Followed from now on, or no longer.
    pub following: bool,
}

/// `delete/1`: the targets of its `delete` refs are gone.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[expect(
    clippy::exhaustive_structs,
    reason = "fields are added by a new version of the kind or at its end"
)]
pub struct Delete {
    /// The author's own devices drop the bodies at once, too.
    pub purge: bool,
}

/// `pin/1`: its `pin` ref is shown first, or no longer.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[expect(
    clippy::exhaustive_structs,
    reason = "fields are added by a new version of the kind or at its end"
)]
pub struct Pin {
    /// Pinned from now on, or no longer.
    pub pinned: bool,
}

/// `list/1`: feeds with a note and tags each; spotlights, starter packs.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[expect(
    clippy::exhaustive_structs,
    reason = "fields are added by a new version of the kind or at its end"
)]
pub struct List {
    /// Its name.
    pub name: String,
    /// A few words.
    pub description: String,
    /// The feeds, in the order to show.
    #[serde(deserialize_with = "codec::list")]
    pub items: Vec<ListItem>,
}

/// One feed of a [`List`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(
    clippy::exhaustive_structs,
    reason = "stands inside a list, where nothing can be added at its end"
)]
pub struct ListItem {
    /// Whose list of posts.
    pub feed: FeedId,
    /// Why it is here.
    pub note: String,
    /// What it is about.
    #[serde(deserialize_with = "codec::list")]
    pub tags: Vec<String>,
}

/// `reach/1`: where the feed can be found. Off by default, since it names addresses.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[expect(
    clippy::exhaustive_structs,
    reason = "fields are added by a new version of the kind or at its end"
)]
pub struct Reach {
    /// Endpoint addresses, as in a ticket.
    #[serde(deserialize_with = "codec::list")]
    pub endpoints: Vec<Bytes>,
    /// Addresses of mirrors that keep the feed.
    #[serde(deserialize_with = "codec::list")]
    pub mirrors: Vec<Bytes>,
}

/// `moved/1`: this person goes on under another feed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(
    clippy::exhaustive_structs,
    reason = "fields are added by a new version of the kind or at its end"
)]
pub struct Moved {
    /// The feed to follow instead.
    pub to: FeedId,
    /// By the feed key ([`FeedSecret::sign_moved`](super::FeedSecret::sign_moved)), or a thief could lead followers away.
    pub signature: Signature,
}

/// `label/1`: a judgement about a feed or, with a `root` ref, an entry.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[expect(
    clippy::exhaustive_structs,
    reason = "fields are added by a new version of the kind or at its end"
)]
pub struct Label {
    /// The word, such as `spam`.
    pub value: String,
    /// The feed that is judged; none if an entry is.
    pub feed: Option<FeedId>,
    /// Takes an earlier label back.
    pub negated: bool,
    /// Until when it counts.
    pub until: Option<Timestamp>,
}

/// `cut/1`: a log may be forgotten before a place; what still counts has been appended again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(
    clippy::exhaustive_structs,
    reason = "fields are added by a new version of the kind or at its end"
)]
pub struct Cut {
    /// Whose log.
    pub device: DeviceId,
    /// Which lane.
    pub lane: Lane,
    /// The first place that is kept.
    pub before: Seq,
}

/// `repost/1`: its `repost` ref is handed on.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[expect(
    clippy::exhaustive_structs,
    reason = "fields are added by a new version of the kind or at its end"
)]
pub struct Repost {
    /// A few words of one's own; empty for none.
    pub comment: String,
}

/// `reaction/1`: one counts per feed, target (its `reaction` ref) and emoji; undone by deleting it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[expect(
    clippy::exhaustive_structs,
    reason = "fields are added by a new version of the kind or at its end"
)]
pub struct Reaction {
    /// The emoji.
    pub emoji: String,
}

impl Reaction {
    /// The form in which emojis are compared: without the selectors that only ask for a picture or for plain ink, which
    /// keyboards set or leave out as they please.
    pub fn fold(emoji: &str) -> Cow<'_, str> {
        let is_selector = |c: char| matches!(c, '\u{fe0e}' | '\u{fe0f}');
        if emoji.contains(is_selector) {
            Cow::Owned(emoji.replace(is_selector, ""))
        } else {
            Cow::Borrowed(emoji)
        }
    }
}

/// `edit/1`, in the lane of its target (its `replaces` ref): what it says now.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[expect(
    clippy::exhaustive_structs,
    reason = "fields are added by a new version of the kind or at its end"
)]
pub struct Edit {
    /// Content of the target's kind.
    pub content: Bytes,
}
