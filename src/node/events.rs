//! The node's change feed, for apps that build views of their own.

use std::pin::Pin;
use std::task::{Context, Poll};

use futures_core::Stream;
use tokio::sync::mpsc;

use super::Node;
use super::cursor::ChangeCursor;
use super::error::TidingsError;
use super::view::{EntryView, Viewer};
use crate::feeds::{Change, Changed, FeedSnapshot};
use crate::format::{LogId, Seq, Timestamp};

/// Changes that wait for a reader in memory; what comes after waits in the store.
const WAITING: usize = 64;
/// Changes read in one go.
const READ: usize = 256;

/// One thing that happened to the store.
#[derive(Debug, Clone)]
pub struct ChangeEvent {
    cursor: ChangeCursor,
    kind: ChangeKind,
}

impl ChangeEvent {
    /// Where to go on from once this one is dealt with: keep it with the view that was built.
    pub const fn cursor(&self) -> ChangeCursor {
        self.cursor
    }

    /// What happened.
    pub const fn kind(&self) -> &ChangeKind {
        &self.kind
    }
}

/// What happened to the store.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum ChangeKind {
    /// An entry came in, own or foreign, content or state; its body may come later.
    Entry(EntryView),
    /// The body of an entry came in.
    Body(EntryView),
    /// The body of an entry was dropped: deleted or expired.
    Erased(EntryView),
    /// An entry no longer counts: its device was retired before it.
    Gone(EntryView),
    /// Two branches of a log are known: from a place on, nothing more is taken into it.
    Forked {
        /// Which log.
        log: LogId,
        /// The first place at which the branches differ.
        at: Seq,
    },
    /// It is settled which branch of a log is true.
    Settled {
        /// Which log.
        log: LogId,
    },
}

/// A stream of everything stored, in the order stored.
#[derive(Debug)]
pub struct Changes {
    events: mpsc::Receiver<Result<ChangeEvent, TidingsError>>,
}

impl Changes {
    /// The next change; none once the node is shut down.
    ///
    /// # Cancel safety
    ///
    /// Safe: a change is taken or it is not.
    pub async fn next(&mut self) -> Option<Result<ChangeEvent, TidingsError>> {
        self.events.recv().await
    }
}

impl Stream for Changes {
    type Item = Result<ChangeEvent, TidingsError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.events.poll_recv(cx)
    }
}

impl Node {
    /// Replays everything stored since `from`, each thing once and in the order stored, and goes on live.
    ///
    /// For views that an app builds itself: keep the cursor of the last change with the view, in one transaction, and go
    /// on from it after a restart. All feeds ever held are in it, followed or not. A slow reader loses nothing. What is in
    /// it is on disk: entries of others may come in it some milliseconds after they are seen elsewhere.
    #[expect(
        clippy::disallowed_methods,
        reason = "the stream is this task; dropping the stream ends it"
    )]
    pub fn changes(&self, from: ChangeCursor) -> Changes {
        let (send, events) = mpsc::channel(WAITING);
        let mut arrival = self.inner.writer.saved();
        let node = std::sync::Arc::downgrade(&self.inner);
        tokio::spawn(async move {
            let mut next = from.0;
            loop {
                arrival.mark_unchanged();
                let Some(node) = node.upgrade().map(|inner| Self { inner }) else {
                    return;
                };
                let read = tokio::task::spawn_blocking(move || read(&node, next)).await;
                let Ok(read) = read else { return };
                let events = match read {
                    Ok(events) => events.into_iter().map(Ok).collect(),
                    Err(TidingsError::ShutDown) => return,
                    Err(error) => vec![Err(error)],
                };
                let before = next;
                for event in events {
                    next = event
                        .as_ref()
                        .map_or(next, |event: &ChangeEvent| event.cursor.0);
                    if send.send(event).await.is_err() {
                        return;
                    }
                }
                let waited = async { arrival.changed().await.is_ok() };
                if next == before
                    && !tokio::select! { more = waited => more, () = send.closed() => false }
                {
                    return;
                }
            }
        });
        Changes { events }
    }
}

fn read(node: &Node, from: u64) -> Result<Vec<ChangeEvent>, TidingsError> {
    let snapshot = node.snapshot()?;
    let now = node.now();
    let changes = snapshot.changes(from, READ)?;
    // A cursor outlives a crash, so it must not name what may not.
    let saved = node.inner.store.saved();
    changes
        .into_iter()
        .take_while(|changed| changed.number < saved)
        .map(|changed| event(&snapshot, changed, now))
        .collect()
}

fn event(
    snapshot: &FeedSnapshot,
    changed: Changed,
    now: Timestamp,
) -> Result<ChangeEvent, TidingsError> {
    let view = |entry: crate::feeds::StoredEntry| Viewer::new(snapshot).stored(entry, now);
    let kind = match changed.change {
        Change::Entry(entry) => ChangeKind::Entry(view(entry)?),
        Change::Body(entry) => ChangeKind::Body(view(entry)?),
        Change::Erased(entry) => ChangeKind::Erased(view(entry)?),
        Change::Gone(entry) => ChangeKind::Gone(view(entry)?),
        Change::Forked { log, at } => ChangeKind::Forked { log, at },
        Change::Settled { log } => ChangeKind::Settled { log },
    };
    Ok(ChangeEvent {
        cursor: ChangeCursor(changed.number + 1),
        kind,
    })
}
