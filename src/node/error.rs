//! The umbrella over the errors of the floors.

use std::path::PathBuf;
use std::sync::Arc;

use super::identity::ReadOnly;
use crate::feeds::FeedsError;
use crate::format::{ArchiveError, DeviceId, FeedId, FormatError};
use crate::media::MediaError;
use crate::net::NetError;
use crate::pictures::PictureError;
use crate::store::StoreError;

/// Why a [`Node`](crate::Node) could not do what was asked.
///
/// Its text is one sentence that says what happened, to what, and what to do next.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum TidingsError {
    /// The store failed or refused. Nothing already stored is lost.
    #[error(transparent)]
    Feeds(Arc<FeedsError>),
    /// Something handed in is not valid: a ticket, an id, a post over a limit.
    #[error(transparent)]
    Format(#[from] FormatError),
    /// The network could not be used.
    #[error(transparent)]
    Net(Arc<NetError>),
    /// Media could not be attached, read or fetched.
    #[error(transparent)]
    Media(Arc<MediaError>),
    /// One of the things attached cannot be posted as it is.
    #[error("{name} (attachment {}): {source}", index + 1)]
    Attachment {
        /// Its place among those that were attached, from 0 on.
        index: usize,
        /// Its file name.
        name: String,
        /// Why.
        source: Arc<PictureError>,
    },
    /// A picture cannot be used as it is.
    #[error(transparent)]
    Picture(Arc<PictureError>),
    /// A post without text, title, link or attachment.
    #[error("a post needs a text, a title, a link or an attachment")]
    EmptyPost,
    /// The entry is not held here, so it cannot be named by its short form, or replied to.
    #[error("no entry {name} is held here; sync first, or give its full name")]
    Unknown {
        /// How it was named.
        name: String,
    },
    /// Content was asked for by its keys, and the node was opened without its type.
    #[error(
        "content of kind {kind} is not found by its keys here, since this node does not know its type; open it with `Node::builder().content::<..>()`"
    )]
    NotRegistered {
        /// The type's kind.
        kind: &'static str,
    },
    /// Content was asked for by a key that its type does not have.
    #[error(
        "kind {kind} has no index {index:?}, it has: {known}; list the name in `Content::INDEXES`"
    )]
    NoIndex {
        /// The type's kind.
        kind: &'static str,
        /// The name asked for.
        index: String,
        /// The names there are.
        known: String,
    },
    /// The entry is not one that this device may change: of another feed, or of another device without the rights.
    #[error("entry {name} is not yours to change; only its author's devices can")]
    NotYours {
        /// Which entry.
        name: String,
    },
    /// The entry is deleted.
    #[error("entry {name} is deleted; undelete it first if it is yours")]
    Deleted {
        /// Which entry.
        name: String,
    },
    /// The entry is over, for good.
    #[error("entry {name} has expired, and nothing of it is left; post it anew")]
    Expired {
        /// Which entry.
        name: String,
    },
    /// The entry is to be put back and is not deleted.
    #[error("entry {name} is not deleted; there is nothing to undo")]
    NotDeleted {
        /// Which entry.
        name: String,
    },
    /// The entry is deleted and its body no longer kept.
    #[error(
        "nothing of entry {name} is kept here any more: its 30 days are over or it was purged; post it anew"
    )]
    NotKept {
        /// Which entry.
        name: String,
    },
    /// The entry cannot be changed in this way.
    #[error("entry {name} cannot be changed so: {why}")]
    NotEditable {
        /// Which entry.
        name: String,
        /// What is in the way.
        why: &'static str,
    },
    /// What is to be shown beside a name is no picture.
    #[error("{name} is no picture but {mime}; give a JPEG, PNG, GIF or WebP file")]
    NotAPicture {
        /// Its name.
        name: String,
        /// What it is.
        mime: String,
    },
    /// A text that is no emoji.
    #[error("an emoji of {len} bytes does not count as one; use one of 1 to {limit} bytes")]
    Emoji {
        /// Its length.
        len: usize,
        /// The bound.
        limit: usize,
    },
    /// The feed is neither the own one nor followed.
    #[error("feed {feed} is not followed here; follow it with a ticket first")]
    NotFollowed {
        /// Which feed.
        feed: FeedId,
    },
    /// Following the own feed.
    #[error("this is the ticket of your own feed; give it to others to be followed")]
    OwnFeed,
    /// This node only reads, see [`Node::read_only`](crate::Node::read_only).
    #[error("nothing can be written with this node: {why}")]
    ReadOnly {
        /// What is in the way, and what to do.
        why: ReadOnly,
    },
    /// The device is none that could be kept.
    #[error(
        "{device} is no device of this feed that could be kept; one that was retired has to be set up anew"
    )]
    UnknownDevice {
        /// Which device.
        device: DeviceId,
    },
    /// The keys of the folder cannot be used.
    #[error("the keys in {} cannot be used: {why}", path.display())]
    Keys {
        /// The file.
        path: PathBuf,
        /// What is wrong, and what to do.
        why: String,
    },
    /// A file of the folder could not be read or written.
    #[error("{} could not be {what}: {why}", path.display())]
    Folder {
        /// The file or folder.
        path: PathBuf,
        /// Read, written, made.
        what: &'static str,
        /// What the system said.
        why: String,
    },
    /// What was to be loaded is no archive, or of a version that this library does not know.
    #[error(transparent)]
    Archive(ArchiveError),
    /// The node has been shut down.
    #[error("this node has been shut down")]
    ShutDown,
}

impl From<FeedsError> for TidingsError {
    fn from(error: FeedsError) -> Self {
        match error {
            FeedsError::Format(error) => Self::Format(error),
            FeedsError::NoRoom { .. } => Self::ReadOnly {
                why: ReadOnly::NoRoom,
            },
            FeedsError::Store(StoreError::Closed { .. }) => Self::ShutDown,
            error => Self::Feeds(Arc::new(error)),
        }
    }
}

impl From<StoreError> for TidingsError {
    fn from(error: StoreError) -> Self {
        FeedsError::from(error).into()
    }
}

impl From<NetError> for TidingsError {
    fn from(error: NetError) -> Self {
        Self::Net(Arc::new(error))
    }
}

impl From<PictureError> for TidingsError {
    fn from(error: PictureError) -> Self {
        Self::Picture(Arc::new(error))
    }
}

impl From<MediaError> for TidingsError {
    fn from(error: MediaError) -> Self {
        Self::Media(Arc::new(error))
    }
}

impl From<Option<Arc<FeedsError>>> for TidingsError {
    fn from(error: Option<Arc<FeedsError>>) -> Self {
        match error {
            None => Self::ShutDown,
            Some(error) => match &*error {
                FeedsError::Format(format) => Self::Format(format.clone()),
                FeedsError::NoRoom { .. } => Self::ReadOnly {
                    why: ReadOnly::NoRoom,
                },
                FeedsError::Store(StoreError::Closed { .. }) => Self::ShutDown,
                _ => Self::Feeds(error),
            },
        }
    }
}
