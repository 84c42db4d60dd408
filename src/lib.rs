//! Lists of posts that people own.

#![cfg_attr(docsrs, feature(doc_cfg))]
#![cfg_attr(
    not(test),
    warn(
        clippy::unwrap_used,
        clippy::indexing_slicing,
        clippy::print_stdout,
        clippy::print_stderr,
        clippy::exhaustive_enums,
        clippy::exhaustive_structs
    )
)]

#[cfg_attr(not(feature = "net"), allow(dead_code, reason = "driven by `net`"))]
mod feeds;
pub mod format;
#[cfg(feature = "net")]
mod net;
#[cfg(feature = "net")]
mod node;
pub mod store;
pub mod sync;

#[cfg(feature = "net")]
pub use self::feeds::{FeedsError, Profile};
pub use self::format::{
    Content, DeviceId, EntryRef, FeedId, FeedTicket, FormatError, Kind, Post, Timestamp,
};
#[cfg(feature = "net")]
pub use self::net::{NetError, PeerReport, PeerState, PeerStatus, Reached, Status, SyncReport};
#[cfg(feature = "net")]
pub use self::node::{
    ChangeCursor, ChangeEvent, ChangeKind, Changes, ContentQuery, Counts, Cursor, EntryView,
    Followed, Gap, Live, LiveFrom, NewPost, Node, NodeBuilder, Page, PostBuilder, ProfileEdit,
    TidingsError, Timeline, TimelineItem, Typed,
};
