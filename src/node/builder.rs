//! Opening a node: every setting says what holds when it is unset.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicI64;

use tokio::sync::mpsc;

use super::erase::spawn_sweeper;
use super::error::TidingsError;
use super::{Inner, Node, keeper, media, setup};
use crate::feeds::{ContentType, FeedStore, Query};
use crate::format::{Content, FeedId, Timestamp};
use crate::media::MediaStore;
use crate::net::{self, EndpointOptions, Engine, Writer};

/// When this release was made: a clock that says less is wrong.
const RELEASED: Timestamp = Timestamp(1_795_392_000_000);

/// Bytes of others' media that are kept unless set otherwise.
const MEDIA_CAP: u64 = 10 * 1024 * 1024 * 1024;

/// Settings of a [`Node`], before it is opened.
#[derive(Debug, Clone, Default)]
pub struct NodeBuilder {
    local_only: bool,
    offline: bool,
    types: Vec<ContentType>,
    media_cap: Option<u64>,
    state_folder: Option<PathBuf>,
}

impl NodeBuilder {
    /// Uses no relay, no DNS and nothing else of the internet: peers are found by the addresses in tickets alone.
    ///
    /// Unset, iroh's relays and address lookup help to find and reach peers.
    #[must_use]
    pub const fn local_only(mut self) -> Self {
        self.local_only = true;
        self
    }

    /// Opens the store only: everything works but [`Node::sync`] and replication.
    ///
    /// Unset, the node goes online as it opens.
    #[must_use]
    pub const fn offline(mut self) -> Self {
        self.offline = true;
        self
    }

    /// Makes known a type of the app's own, so that its content is found by its [keys](Content::keys).
    ///
    /// When a type is first made known, or its indexes changed, or the folder was opened without it in between, its
    /// indexes are built at opening from what is held. Unset, content of that type is kept and found by kind, feed and
    /// tag all the same.
    #[must_use]
    pub fn content<T: Content>(mut self) -> Self {
        self.types.push(ContentType::of::<T>());
        self
    }

    /// Bytes of others' media that are kept at the most. Beyond them what was used longest ago goes; it can be fetched
    /// again. Own media stay and do not count.
    ///
    /// Unset, 10 GiB.
    #[must_use]
    pub const fn media_cap(mut self, bytes: u64) -> Self {
        self.media_cap = Some(bytes);
        self
    }

    /// Where a counter is kept outside the node's folder, by which a folder that was put back from a backup is found: a
    /// directory that backups of the folder do not put back with it.
    ///
    /// Unset, `tidings` in the user's state directory (`$XDG_STATE_HOME`, or `~/.local/state`; on Windows
    /// `%LOCALAPPDATA%`). Where there is none, other signs have to do.
    #[must_use]
    pub fn state_folder(mut self, folder: impl Into<PathBuf>) -> Self {
        self.state_folder = Some(folder.into());
        self
    }

    /// Opens the node that lives in `folder`, and makes what is missing: the folder, an identity, an empty store.
    ///
    /// One process at a time can hold a folder. Needs a tokio runtime with time and I/O.
    ///
    /// # Errors
    ///
    /// Never for what others signed: a node that cannot mend that opens [read-only](Node::read_only).
    /// If another process holds the folder, it cannot be read or written, it was written by a newer release, or its
    /// keys and store do not belong together, or a type made known has a bad name or comes twice. What lies there is not
    /// changed then.
    ///
    /// # Cancel safety
    ///
    /// Dropped half-way, the folder holds a new identity or none; opening it again goes on from there.
    pub async fn open(self, folder: impl AsRef<Path>) -> Result<Node, TidingsError> {
        ContentType::check_all(&self.types)?;
        let folder = folder.as_ref().to_owned();
        let cap = self.media_cap.unwrap_or(MEDIA_CAP);
        let opened = tokio::task::spawn_blocking(move || {
            let opened = setup::open(&folder, &self.types, self.state_folder)?;
            let index = Arc::new(media::Index(Arc::downgrade(&opened.store)));
            let media = MediaStore::open(folder.join("media"), index, cap)?;
            Ok::<_, TidingsError>((opened, Arc::new(media)))
        });
        let (opened, media) = opened.await.map_err(|_| TidingsError::ShutDown)??;
        let (store, identity) = (opened.store, Arc::new(opened.identity));
        let keys = identity.keys();
        let floor = clock_floor(&store, &keys.feed.id())?;
        let (notes, told) = mpsc::unbounded_channel();
        let notes = (!self.offline).then_some(notes);
        let (free, freed) = mpsc::unbounded_channel();
        let writer = Writer::spawn(store.clone(), notes, free).map_err(net::NetError::Thread)?;
        media::spawn_cleaner(media.clone(), freed);
        let endpoint = EndpointOptions {
            secret: keys.endpoint.clone(),
            port: keys.port,
            local_only: self.local_only,
        };
        let engine = if self.offline {
            None
        } else {
            let bound = net::bind(&endpoint).await?;
            Some(Engine::spawn(
                bound,
                store.clone(),
                media.clone(),
                writer.clone(),
                told,
                keys.device.id(),
            )?)
        };
        let (feed, floor) = (keys.feed.id(), AtomicI64::new(floor.as_millis()));
        let node = Node {
            inner: Arc::new(Inner {
                store,
                media,
                writer,
                identity,
                feed,
                doubt: tokio::sync::Mutex::new(opened.is_doubtful),
                engine,
                endpoint,
                floor,
            }),
        };
        spawn_sweeper(&node);
        keeper::spawn(&node);
        Ok(node)
    }
}

/// The clock is taken as no earlier than the newest own entry and this release.
fn clock_floor(store: &FeedStore, feed: &FeedId) -> Result<Timestamp, TidingsError> {
    let snapshot = store.snapshot()?;
    let query = Query {
        feed: Some(*feed),
        ..Query::default()
    };
    let newest = snapshot.page(&query, None, 1, Timestamp(i64::MAX))?;
    let newest = newest.iter().find_map(|row| match row {
        crate::feeds::PageRow::Entry { order, .. } => Some(order.time),
        _ => None,
    });
    Ok(newest.map_or(RELEASED, |newest| newest.max(RELEASED)))
}
