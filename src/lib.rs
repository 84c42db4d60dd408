//! Lists of posts that people own: signed feeds, a merged timeline, and replication between any devices that can reach
//! each other. Nothing waits for a server.
//!
//! A [`Node`] is an identity made on this device, its store, and the peers it replicates with. Reading is answered from
//! the local store; writing returns once what was written is on disk; the network only brings news.
//!
#![cfg_attr(feature = "net", doc = "```no_run")]
#![cfg_attr(not(feature = "net"), doc = "```ignore")]
//! # async fn example() -> Result<(), tidings::TidingsError> {
//! use tidings::Node;
//!
//! let node = Node::open("./ada").await?;
//! node.edit_profile().name("Ada").save().await?;
//! node.post("First tomatoes").tag("tomato").send().await?;
//! println!("{}", node.ticket().await?); // hand this to a friend, who calls `follow` with it
//! let page = node.timeline().limit(50).page()?;
//! let mut news = node.timeline().live(page.newest());
//! # Ok(())
//! # }
//! ```
//!
//! # Words
//!
//! A *feed* is one person's list of posts; a *device* is an installation that may append to it; a *lane* is a named strand
//! of a device's entries; a *log* is one device's entries in one lane, a hash chain; an *entry* is one signed item of a log,
//! a header that is kept and a body that may go; a *kind* says what a body is. A *peer* is the other end of a connection.
//!
//! # Floors
//!
//! [`format`](mod@format) says what the bytes mean, [`store`] keeps ordered keys, [`sync`] finds out what two replicas lack,
//! without I/O; above them stands [`Node`], which most apps need alone.
//!
//! # Features
//!
//! | Feature | Default | Brings |
//! | --- | --- | --- |
//! | `net` | yes | `Node`, and replication over iroh |
//! | `redb` | yes | the file-backed store |
//! | `images` | yes | pictures turned upright, previews and smaller renditions |
//! | `documents` | no | looks into office files, and strips them when that is asked |
//! | `test-util` | no | the contract suite for backends, the simulated network, and what fuzzers call |

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

#[cfg(any(test, feature = "net"))]
#[cfg_attr(
    not(feature = "net"),
    allow(dead_code, unused_imports, reason = "driven by `net`")
)]
mod feeds;
#[cfg_attr(
    not(feature = "net"),
    allow(
        dead_code,
        unused_imports,
        reason = "some of it only the floors above use"
    )
)]
pub mod format;
#[cfg(feature = "test-util")]
#[doc(hidden)]
pub mod fuzzing;
#[cfg(feature = "net")]
mod media;
#[cfg(feature = "net")]
mod net;
#[cfg(feature = "net")]
mod node;
#[cfg(any(test, feature = "net"))]
#[cfg_attr(
    not(all(feature = "net", feature = "images")),
    allow(dead_code, reason = "what draws, and who asks for it, is left out")
)]
mod pictures;
pub mod store;
pub mod sync;
#[cfg(all(feature = "test-util", feature = "net"))]
#[doc(hidden)]
pub mod worlds;

#[cfg(feature = "net")]
pub use self::feeds::{
    CheckProgress, CheckReport, Difference, EntryState, FeedStorage, FeedsError, Profile,
};
pub use self::format::{
    ArchiveError, ArchiveReport, ArchivedFeed, Attachment, BlobHash, Content, DeviceId, EntryRef,
    FeedId, FeedTicket, FormatError, IndexKey, IndexValue, Kind, Post, Timestamp, decode_content,
    printable_line, verify_archive,
};
#[cfg(feature = "net")]
pub use self::media::{MediaError, MediaReader, Tried};
#[cfg(feature = "net")]
pub use self::net::{
    FetchProgress, NetError, PeerReport, PeerState, PeerStatus, Reached, Status, SyncReport,
};
#[cfg(feature = "net")]
pub use self::node::{
    ArchiveProgress, Attach, ChangeCursor, ChangeEvent, ChangeKind, Changes, ContentCursor,
    ContentQuery, Counts, Cursor, Device, DeviceState, EditBuilder, EntryView, ExportBuilder,
    ExportReport, ExportedFeed, Fetch, Followed, Gap, Live, LiveFrom, LoadBuilder, LoadReport,
    LoadedFeed, MediaState, Missing, NewPost, Node, NodeBuilder, Page, PostBuilder, ProfileEdit,
    Publish, ReadOnly, TidingsError, Timeline, TimelineItem, Typed, Unsettled, Version, Wanted,
};
#[cfg(feature = "net")]
pub use self::pictures::{Fact, FactKind, PictureError};

/// The README's code, compiled and run.
#[cfg(all(doctest, feature = "net"))]
#[doc = include_str!("../README.md")]
struct Readme;
