//! Media: what is held of it, reading it, and fetching what is not.

use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, Weak};
use std::task::{Context, Poll};
use std::time::SystemTime;

use tokio::sync::{mpsc, watch};

use super::Node;
use super::error::TidingsError;
use crate::feeds::{FeedSnapshot, FeedStore, FeedsError};
use crate::format::{Attachment, BlobHash};
use crate::media::{BlobIndex, MediaError, MediaReader, MediaStore};
use crate::net::{FetchProgress, NetError, Told};

/// What is held of a blob.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum MediaState {
    /// Nothing.
    Missing,
    /// Some of it: a fetch goes on from there.
    Partial {
        /// Bytes that have come. After a restart this is an estimate until the fetch goes on, which verifies them.
        have: u64,
        /// Bytes of all of it.
        len: u64,
    },
    /// All of it.
    Held {
        /// Its bytes.
        len: u64,
    },
}

impl Node {
    /// What is held of a blob.
    ///
    /// # Errors
    ///
    /// If the store cannot be read.
    pub fn media(&self, blob: &BlobHash) -> Result<MediaState, TidingsError> {
        let media = &self.inner.media;
        if let Some(len) = media.len(blob) {
            return Ok(MediaState::Held { len });
        }
        let engine = self.inner.engine.as_ref();
        if let Some(progress) = engine.and_then(|engine| engine.fetching(blob)) {
            let (have, len) = (progress.have(), progress.len());
            return Ok(MediaState::Partial { have, len });
        }
        let Some(part) = media.part_len(blob) else {
            return Ok(MediaState::Missing);
        };
        let refs = self.snapshot()?.blob_refs(blob)?;
        let len = refs.first().map_or(part, |named| named.len);
        let have = part.min(len);
        Ok(MediaState::Partial { have, len })
    }

    /// Opens a blob that is held whole, to read from and to seek in. What is read is verified on the way.
    ///
    /// # Errors
    ///
    /// [`MediaError::NotHeld`] if not all of it is held; if the disk fails.
    pub fn open_media(&self, blob: &BlobHash) -> Result<MediaReader, TidingsError> {
        let now = SystemTime::UNIX_EPOCH + self.now_since_epoch();
        Ok(self.inner.media.reader(*blob, now)?)
    }

    /// Begins to fetch an attachment of an entry that is held, or joins whoever fetches it already; done at once if all
    /// of it is here.
    ///
    /// It comes from peers that share a feed with this node in which an entry names it, one after the other; each piece
    /// is verified before it is kept. What came stays when the [`Fetch`] is dropped, the node is shut down or killed, and
    /// the next fetch goes on from there.
    ///
    /// # Errors
    ///
    /// [`MediaError::Unknown`] if no entry held here names it; [`NetError::Offline`] if the node was opened offline.
    pub fn fetch_media(&self, wanted: impl Into<Wanted>) -> Result<Fetch, TidingsError> {
        let Wanted { blob, len } = wanted.into();
        if let Some(len) = self.inner.media.len(&blob) {
            return Ok(Fetch::new(watch::channel(Told::done(len)).1));
        }
        if !self.snapshot()?.is_blob_named(&blob)? {
            return Err(MediaError::Unknown { blob }.into());
        }
        let engine = self.inner.engine.as_ref().ok_or(NetError::Offline)?;
        Ok(Fetch::new(engine.fetch(blob, len)))
    }
}

/// What to fetch: an attachment converts into it, and so does a hash with the number of bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wanted {
    blob: BlobHash,
    len: u64,
}

impl From<&Attachment> for Wanted {
    fn from(attachment: &Attachment) -> Self {
        Self {
            blob: attachment.hash,
            len: attachment.len,
        }
    }
}

impl From<(BlobHash, u64)> for Wanted {
    fn from((blob, len): (BlobHash, u64)) -> Self {
        Self { blob, len }
    }
}

/// A blob that is being fetched: wait for it with `.await`, or follow it with [`next`](Self::next).
///
/// Dropped, the transfer stops unless somebody else wants the same blob; what came stays.
#[must_use = "it stops when it is dropped"]
pub struct Fetch {
    told: watch::Receiver<Told>,
    end: Pin<Box<dyn Future<Output = Result<(), TidingsError>> + Send>>,
}

impl Fetch {
    fn new(mut told: watch::Receiver<Told>) -> Self {
        told.mark_changed();
        let end = Box::pin(until_end(told.clone()));
        Self { told, end }
    }

    /// How far it has come.
    pub fn progress(&self) -> FetchProgress {
        self.told.borrow().progress
    }

    /// How far it has come, as soon as that is further than what was told last; none once it has ended. How it ended is
    /// told by awaiting it.
    ///
    /// # Cancel safety
    ///
    /// Safe: what is not told now is told by the next call.
    pub async fn next(&mut self) -> Option<FetchProgress> {
        self.told.changed().await.ok()?;
        Some(self.told.borrow_and_update().progress)
    }
}

async fn until_end(mut told: watch::Receiver<Told>) -> Result<(), TidingsError> {
    loop {
        let end = told.borrow_and_update().end.clone();
        if let Some(end) = end {
            return end.map_err(TidingsError::Media);
        }
        if told.changed().await.is_err() {
            return Err(TidingsError::ShutDown);
        }
    }
}

impl Future for Fetch {
    type Output = Result<(), TidingsError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.end.as_mut().poll(cx)
    }
}

impl fmt::Debug for Fetch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Fetch({:?})", self.progress())
    }
}

/// The feed store as the media store asks it. A reader or a transfer that outlives the node must not hold its file open.
#[derive(Debug)]
pub(super) struct Index(pub(super) Weak<FeedStore>);

impl Index {
    fn ask(&self, question: impl FnOnce(FeedSnapshot) -> Result<bool, FeedsError>) -> bool {
        let store = self.0.upgrade();
        let answer = store.map(|store| store.snapshot().and_then(question));
        // What cannot be told is taken to stay.
        !matches!(answer, Some(Ok(false)))
    }
}

impl BlobIndex for Index {
    fn is_referenced(&self, blob: &BlobHash) -> bool {
        self.ask(|snapshot| snapshot.is_blob_named(blob))
    }

    fn is_own(&self, blob: &BlobHash) -> bool {
        self.ask(|snapshot| snapshot.is_own_blob(blob))
    }
}

/// Removes what a crash left behind, and then whatever becomes free, until the writer ends.
#[expect(
    clippy::disallowed_methods,
    reason = "it ends with the writer, which the node closes"
)]
pub(super) fn spawn_cleaner(media: Arc<MediaStore>, mut free: mpsc::UnboundedReceiver<BlobHash>) {
    let sweep = media.clone();
    tokio::task::spawn_blocking(move || sweep.sweep());
    tokio::spawn(async move {
        while let Some(blob) = free.recv().await {
            let media = media.clone();
            let freed = tokio::task::spawn_blocking(move || media.free(&blob));
            // One that fails is swept when the node opens next.
            let _later = freed.await;
        }
    });
}
