//! Floor 3: what an app sees.

mod ahead;
mod archive;
mod attach;
#[cfg(feature = "test-util")]
mod bench;
mod builder;
mod check;
mod content;
mod cursor;
mod devices;
mod edit;
mod erase;
mod error;
mod events;
mod export;
mod follow;
mod identity;
mod keeper;
mod keys;
mod live;
mod load;
mod marker;
mod media;
mod post;
mod private;
mod profile;
mod publish;
mod react;
mod session;
mod setup;
#[cfg(test)]
mod tests;
mod timeline;
mod view;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use futures_core::Stream;
use iroh::EndpointId;

pub use self::archive::ArchiveProgress;
pub use self::attach::Attach;
pub use self::builder::NodeBuilder;
pub use self::content::{ContentQuery, Typed};
pub use self::cursor::{ChangeCursor, ContentCursor, Cursor};
pub use self::devices::{Device, DeviceState};
pub use self::edit::{EditBuilder, Version};
pub use self::error::TidingsError;
pub use self::events::{ChangeEvent, ChangeKind, Changes};
pub use self::export::{ExportBuilder, ExportReport, ExportedFeed};
pub use self::follow::{Followed, Unsettled};
use self::identity::Identity;
pub use self::identity::ReadOnly;
pub use self::live::{Live, LiveFrom};
pub use self::load::{LoadBuilder, LoadReport, LoadedFeed};
pub use self::media::{Fetch, MediaState, Wanted};
pub use self::post::{NewPost, PostBuilder};
pub use self::profile::ProfileEdit;
pub use self::publish::Publish;
pub use self::timeline::{Page, Timeline};
pub use self::view::{EntryView, Gap, Missing, TimelineItem};
use crate::feeds::{FeedSnapshot, FeedStore, Profile};
use crate::format::{DeviceId, EntryRef, FeedId, FormatError, Seq, Timestamp};
use crate::media::MediaStore;
use crate::net::{self, Clock, EndpointOptions, Engine, NetError, Status, SyncReport, Writer};

/// This running instance of tidings: an identity, its store, and the peers it replicates with.
///
/// A handle, cheap to clone. Reading is answered from the local store and never waits for the network; writing returns
/// once what was written is on disk. [`shutdown`](Self::shutdown) ends it in order; a node that is only dropped, or
/// killed, loses nothing that was acknowledged.
#[derive(Clone)]
pub struct Node {
    inner: Arc<Inner>,
}

struct Inner {
    store: Arc<FeedStore>,
    media: Arc<MediaStore>,
    writer: Writer,
    identity: Arc<Identity>,
    feed: FeedId,
    /// Whether the first write has to wait for what peers say of the own logs.
    doubt: tokio::sync::Mutex<bool>,
    engine: Option<Engine>,
    endpoint: EndpointOptions,
    clock: Arc<Clock>,
    /// What others could read in the folder before it was opened.
    tightened: Vec<PathBuf>,
}

impl Node {
    /// Opens the node that lives in `folder` with the settings that hold when nothing is set, and makes what is missing.
    ///
    /// # Errors
    ///
    /// As for [`NodeBuilder::open`].
    pub async fn open(folder: impl AsRef<std::path::Path>) -> Result<Self, TidingsError> {
        Self::builder().open(folder).await
    }

    /// Settings of a node, to be opened with [`NodeBuilder::open`].
    pub fn builder() -> NodeBuilder {
        NodeBuilder::default()
    }

    /// Finishes the writes that wait, closes all connections and makes the next opening quick. Repeatable; the folder is
    /// free then, and other handles of the same node fail with [`TidingsError::ShutDown`] from then on.
    ///
    /// # Errors
    ///
    /// None today; a disk that fails while closing may become one.
    ///
    /// # Cancel safety
    ///
    /// Dropped half-way, the rest happens as if the node had only been dropped.
    pub async fn shutdown(&self) -> Result<(), TidingsError> {
        if let Some(engine) = &self.inner.engine {
            engine.shutdown().await;
        }
        self.inner.writer.close().await;
        self.inner.media.close();
        // Streams and reads under way may hold the store a little longer, but not its file.
        let (store, identity) = (self.inner.store.clone(), self.inner.identity.clone());
        let closed = tokio::task::spawn_blocking(move || {
            if let Ok(sessions) = store.snapshot().and_then(|held| held.sessions()) {
                identity.counted(sessions);
            }
            store.close();
        });
        let closed = closed.await;
        closed.map_err(|_| TidingsError::ShutDown)
    }

    /// The folder and the file of its keys, as far as others on this machine could look into them: opening took that away
    /// from them. What they read before, they have. Empty where nothing was amiss.
    pub fn tightened(&self) -> &[PathBuf] {
        &self.inner.tightened
    }

    /// The own feed.
    pub fn feed(&self) -> FeedId {
        self.inner.feed
    }

    /// This installation, as one of the feed's devices. Another one from the moment on at which its key is renewed: see
    /// [`devices`](Self::devices).
    pub fn device(&self) -> DeviceId {
        self.inner.identity.device()
    }

    /// Why this node only reads; none if it may write.
    ///
    /// What others signed never keeps a node from opening. Where it cannot be mended here, reading, replication and
    /// export go on, and each write fails with [`TidingsError::ReadOnly`].
    pub fn read_only(&self) -> Option<ReadOnly> {
        self.inner.identity.read_only()
    }

    /// The network identity of this node. It is not the device's: one belongs to a running process, the other signs
    /// posts for years.
    pub fn endpoint(&self) -> EndpointId {
        self.inner.endpoint.secret.public()
    }

    /// The profile of a feed, as far as it is held; empty for a feed never met. Each text in it is one line of printable
    /// text; [`Profile::raw`] has it as it was signed.
    ///
    /// # Errors
    ///
    /// If the store cannot be read.
    pub fn profile(&self, feed: FeedId) -> Result<Profile, TidingsError> {
        Ok(self.snapshot()?.profile(&feed)?.printable())
    }

    /// Entries held: of the own feed, and of all feeds, state and private ones included.
    ///
    /// # Errors
    ///
    /// If the store cannot be read.
    pub fn counts(&self) -> Result<Counts, TidingsError> {
        let (own, all) = self.snapshot()?.counts()?;
        Ok(Counts { own, all })
    }

    /// Reads the name of an entry: its full form, or the short one of this store, if the entry is held.
    ///
    /// # Errors
    ///
    /// [`TidingsError::Format`] for a text that is neither; [`TidingsError::Unknown`] for a short name of nothing held.
    pub fn resolve(&self, name: &str) -> Result<EntryRef, TidingsError> {
        if name.contains(':') {
            return Ok(name.parse()?);
        }
        let wrong = FormatError::Text {
            expected: "the name of a post",
            why: "neither feed:device:lane:seq:id nor a short name such as 3.14",
        };
        let (log, seq) = name.split_once('.').ok_or_else(|| wrong.clone())?;
        let (Ok(log), Ok(seq)) = (log.parse(), seq.parse()) else {
            return Err(wrong.into());
        };
        let found = self.snapshot()?.entry_by_number(log, Seq(seq))?;
        let unknown = || TidingsError::Unknown {
            name: name.to_owned(),
        };
        found.map(|(entry, _)| entry.reference).ok_or_else(unknown)
    }

    /// Asks everyone who may have news, and waits until all that they have is held here and they have what is held here,
    /// or they cannot be reached, or `limit` is over.
    ///
    /// # Errors
    ///
    /// [`NetError::Offline`] if the node was opened offline or is shut down. A peer that cannot be reached is no error:
    /// the report says so.
    ///
    /// # Cancel safety
    ///
    /// Dropped, replication goes on; only the report is lost.
    pub async fn sync(&self, limit: Duration) -> Result<SyncReport, TidingsError> {
        let engine = self.inner.engine.as_ref().ok_or(NetError::Offline)?;
        let report = engine.sync(limit).await?;
        self.inner.writer.save().await?;
        if self.inner.identity.has_retiring() {
            self.retire_after(&report).await?;
        }
        Ok(report)
    }

    /// How replication stands now.
    pub fn status(&self) -> Status {
        self.inner
            .engine
            .as_ref()
            .map(|engine| engine.status().borrow().clone())
            .unwrap_or_default()
    }

    /// How replication stands, again each time that it changes. A slow reader sees the newest only. Ends with the node.
    pub fn watch_status(&self) -> impl Stream<Item = Status> + Send + Unpin + use<> {
        live::watch(self.inner.engine.as_ref().map(Engine::status))
    }

    /// Tells the node that the network changed, or that the app came back to the front: whoever waits is dialed at once.
    pub async fn network_changed(&self) {
        if let Some(engine) = &self.inner.engine {
            engine.endpoint().network_change().await;
            engine.hurry().await;
        }
    }

    fn snapshot(&self) -> Result<FeedSnapshot, TidingsError> {
        Ok(self.inner.store.snapshot()?)
    }

    /// The same as a time since 1970.
    fn now_since_epoch(&self) -> Duration {
        Duration::from_millis(u64::try_from(self.now().as_millis()).unwrap_or(0))
    }

    /// The time to claim and to read by: the system's, no earlier than this release. Nothing that was signed moves it: one
    /// claim far ahead, of whatever device, would move it for ever.
    fn now(&self) -> Timestamp {
        net::now().max(net::RELEASED)
    }
}

impl std::fmt::Debug for Node {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "Node({:?}, online: {})",
            self.inner.feed,
            self.inner.engine.is_some()
        )
    }
}

/// How many entries are held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counts {
    own: u64,
    all: u64,
}

impl Counts {
    /// Of the own feed.
    pub const fn own(&self) -> u64 {
        self.own
    }

    /// Of all feeds.
    pub const fn all(&self) -> u64 {
        self.all
    }
}
