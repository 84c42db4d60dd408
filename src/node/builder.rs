//! Opening a node: every setting says what holds when it is unset.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;

use super::erase::spawn_sweeper;
use super::error::TidingsError;
use super::identity::ReadOnly;
use super::{Inner, Node, keeper, media, private, setup};
use crate::feeds::{ContentType, Keeping};
use crate::format::Content;
use crate::media::MediaStore;
use crate::net::{self, Clock, EndpointOptions, Engine, Writer};

/// Bytes of others' media that are kept unless set otherwise.
const MEDIA_CAP: u64 = 10 * 1024 * 1024 * 1024;

/// Settings of a [`Node`], before it is opened.
#[derive(Debug, Clone, Default)]
pub struct NodeBuilder {
    local_only: bool,
    offline: bool,
    types: Vec<ContentType>,
    media_cap: Option<u64>,
    settles: Option<Duration>,
    keeping: Keeping,
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
    /// Such a node also opens a folder that cannot be written, on a medium that is only read or another user's, and is
    /// [read-only](Node::read_only) then.
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

    /// How long a clock that jumped since the last run has to go on without a further jump before anything is erased by it.
    ///
    /// Until then what expired is hidden and not erased, and bodies of deleted entries stay for the undo. Unset, 24 hours;
    /// less is of use in tests.
    #[must_use]
    pub const fn clock_settles(mut self, after: Duration) -> Self {
        self.settles = Some(after);
        self
    }

    /// Bytes and entries that are kept of each followed feed at the most. Past one of them its oldest entries go, and are not
    /// asked for again before the budget is raised or [`Node::bring_back`] asks for them. All of the own feed is kept.
    ///
    /// Unset, 256 MiB, without media and indexes, and a million entries.
    #[must_use]
    pub const fn feed_budget(mut self, bytes: u64, entries: u64) -> Self {
        (self.keeping.bytes, self.keeping.entries) = (bytes, entries);
        self
    }

    /// How long what is held of a feed stays that is not followed any more: followed again before, it is there at once.
    /// With none it goes in the next moments. What the own feed says of it stays.
    ///
    /// Unset, 30 days.
    #[must_use]
    pub fn keep_unfollowed(mut self, time: Duration) -> Self {
        self.keeping.left_millis = i64::try_from(time.as_millis()).unwrap_or(i64::MAX);
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
        let settles = self.settles.unwrap_or(net::SETTLES);
        let opened = tokio::task::spawn_blocking(move || {
            let is_new = !folder.join("store.redb").exists();
            let opened = setup::open(&folder, &self.types, self.state_folder, self.offline)?;
            opened.store.keep(self.keeping);
            let index = Arc::new(media::Index(Arc::downgrade(&opened.store)));
            let media = MediaStore::open(folder.join("media"), index, cap)?;
            let clock = Clock::open(folder.join("clock"), is_new, settles);
            // Last: what is refused is not changed.
            let tightened = match opened.identity.read_only() {
                Some(ReadOnly::Folder) => Vec::new(),
                _ => private::tighten(&folder),
            };
            Ok::<_, TidingsError>((opened, Arc::new(media), Arc::new(clock), tightened))
        });
        let (opened, media, clock, tightened) =
            opened.await.map_err(|_| TidingsError::ShutDown)??;
        let (store, identity) = (opened.store, Arc::new(opened.identity));
        let keys = identity.keys();
        let (notes, told) = mpsc::unbounded_channel();
        let notes = (!self.offline).then_some(notes);
        let (free, freed) = mpsc::unbounded_channel();
        let writer = Writer::spawn(store.clone(), clock.clone(), notes, free)
            .map_err(net::NetError::Thread)?;
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
        let feed = keys.feed.id();
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
                clock,
                tightened,
            }),
        };
        if node.read_only() != Some(ReadOnly::Folder) {
            spawn_sweeper(&node);
            keeper::spawn(&node);
        }
        Ok(node)
    }
}
