//! Streams over arrival order: nothing twice, nothing missed, whatever the reader's pace.

use std::collections::{BTreeMap, HashMap};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_core::Stream;
use tokio::sync::{mpsc, watch};

use super::Node;
use super::error::TidingsError;
use super::view::{EntryView, TimelineItem, Viewer};
use crate::feeds::{Change, Changed, EntryState, Query, StoredEntry};
use crate::format::limits::FUTURE_MILLIS;
use crate::format::{EntryId, Timestamp};

/// Items that wait for a reader in memory; what comes after waits in the store.
const WAITING: usize = 64;
/// Changes read in one go.
const READ: usize = 256;
/// Entries ahead of the clock that wait in memory. Later ones are not lost to pages, only to this stream.
const AHEAD: usize = 4_096;
/// Entries remembered as passed on while the stream is behind. Past it one whose body came later may come twice.
const PASSED: usize = 65_536;
/// The longest sleep before the clock is looked at again: it may be set meanwhile.
const LOOK: Duration = Duration::from_secs(60);

/// Where a live stream begins: right after what a page was made from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LiveFrom(pub(super) u64);

/// A stream of timeline items as they arrive.
///
/// It ends when the node is shut down. After an error it goes on with the next item.
#[derive(Debug)]
pub struct Live {
    items: mpsc::Receiver<Result<TimelineItem, TidingsError>>,
}

impl Live {
    /// The next item; none once the node is shut down.
    ///
    /// # Cancel safety
    ///
    /// Safe: an item is taken or it is not.
    pub async fn next(&mut self) -> Option<Result<TimelineItem, TidingsError>> {
        self.items.recv().await
    }
}

impl Stream for Live {
    type Item = Result<TimelineItem, TidingsError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.items.poll_recv(cx)
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the stream is this task; dropping the stream ends it"
)]
pub(super) fn spawn(node: Node, query: Query, from: LiveFrom) -> Live {
    let (send, items) = mpsc::channel(WAITING);
    let arrival = node.inner.writer.arrival();
    // The task must not keep a node alive that its app has dropped.
    let node = std::sync::Arc::downgrade(&node.inner);
    let reader = Reader {
        node,
        query,
        next: from.0,
        ahead: BTreeMap::new(),
        passed: Passed::default(),
        send,
    };
    tokio::spawn(reader.run(arrival));
    Live { items }
}

/// Entries that were read with a body whose own event is still to be read: they are passed on once all the same.
#[derive(Debug, Default)]
struct Passed(HashMap<EntryId, u64>);

impl Passed {
    /// Whether what event `number` brings was passed on already; if not, remembers that it is, as of `arrival`.
    fn is_known(&mut self, id: EntryId, number: u64, arrival: u64) -> bool {
        if self.0.get(&id).is_some_and(|until| number < *until) {
            return true;
        }
        if number + 1 < arrival && self.0.len() < PASSED {
            self.0.insert(id, arrival);
        }
        false
    }

    /// Forgets what no event before `next` can bring again.
    fn forget(&mut self, next: u64) {
        self.0.retain(|_, until| *until > next);
    }
}

struct Reader {
    node: std::sync::Weak<super::Inner>,
    query: Query,
    next: u64,
    ahead: BTreeMap<(Timestamp, EntryId), EntryView>,
    passed: Passed,
    send: mpsc::Sender<Result<TimelineItem, TidingsError>>,
}

impl Reader {
    async fn run(mut self, mut arrival: watch::Receiver<u64>) {
        loop {
            arrival.mark_unchanged();
            let Some(node) = self.node.upgrade().map(|inner| Node { inner }) else {
                return;
            };
            let now = node.now();
            let (from, query) = (self.next, self.query.clone());
            let mut passed = std::mem::take(&mut self.passed);
            let reading = tokio::task::spawn_blocking(move || {
                let read = read(&node, &query, from, &mut passed);
                (read, passed)
            });
            let read = reading.await.map(|(read, passed)| {
                self.passed = passed;
                read
            });
            let (next, found) = match read {
                Ok(Ok(read)) => read,
                Ok(Err(TidingsError::ShutDown)) => return,
                Ok(Err(error)) => {
                    if self.send.send(Err(error)).await.is_err() {
                        return;
                    }
                    (self.next, Vec::new())
                }
                Err(_) => return,
            };
            let moved = next != self.next;
            self.next = next;
            if !self.pass_on(found, now).await {
                return;
            }
            if !moved && !self.wait(&mut arrival, now).await {
                return;
            }
        }
    }

    /// Sends what is due and keeps what is not. False once nobody listens.
    async fn pass_on(&mut self, found: Vec<EntryView>, now: Timestamp) -> bool {
        let due = now.plus_millis(FUTURE_MILLIS);
        for view in found {
            if view.time() > due {
                if self.ahead.len() < AHEAD {
                    self.ahead.insert((view.time(), view.id().id), view);
                }
            } else if self.send.send(Ok(TimelineItem::Entry(view))).await.is_err() {
                return false;
            }
        }
        while self
            .ahead
            .first_key_value()
            .is_some_and(|((time, _), _)| *time <= due)
        {
            let Some((_, view)) = self.ahead.pop_first() else {
                break;
            };
            if self.send.send(Ok(TimelineItem::Entry(view))).await.is_err() {
                return false;
            }
        }
        true
    }

    /// Waits until something arrives or is due. False once the node is shut down or nobody listens.
    async fn wait(&self, arrival: &mut watch::Receiver<u64>, now: Timestamp) -> bool {
        let first = self
            .ahead
            .first_key_value()
            .map(|((time, _), _)| time.as_millis());
        let until_due = first.map(|time| {
            time.saturating_sub(now.as_millis())
                .saturating_sub(FUTURE_MILLIS)
        });
        let until_due = until_due
            .and_then(|millis| u64::try_from(millis).ok())
            .map_or(LOOK, Duration::from_millis);
        tokio::select! {
            changed = arrival.changed() => changed.is_ok(),
            () = self.send.closed() => false,
            () = tokio::time::sleep(until_due.clamp(Duration::from_millis(1), LOOK)), if first.is_some() => true,
        }
    }
}

/// Reads changes from a number on: the number to go on from, and the entries among them that the question is about.
fn read(
    node: &Node,
    query: &Query,
    from: u64,
    passed: &mut Passed,
) -> Result<(u64, Vec<EntryView>), TidingsError> {
    let (snapshot, now) = (node.snapshot()?, node.now());
    let changes = snapshot.changes(from, READ)?;
    let next = changes.last().map_or(from, |last| last.number + 1);
    let mut viewer = Viewer::new(&snapshot);
    let mut found = Vec::new();
    for (number, entry) in changes.into_iter().filter_map(came) {
        if !snapshot.is_wanted(&entry.reference.log.feed)? {
            continue;
        }
        // It may have been deleted since, or its time be over.
        let (body, about) = snapshot.about(&entry, now)?;
        let is_gone = matches!(about.state, EntryState::Deleted | EntryState::Expired);
        let id = entry.reference.id;
        let is_shown = !is_gone && !about.gives_way && query.shows(&entry, body.as_ref());
        if is_shown && !passed.is_known(id, number, snapshot.arrival()) {
            found.push(viewer.known(entry, body, about)?);
        }
    }
    passed.forget(next);
    Ok((next, found))
}

/// The entry that a change brings whole: with its body, or when that comes.
fn came(changed: Changed) -> Option<(u64, StoredEntry)> {
    match changed.change {
        Change::Entry(entry) if entry.body.is_some() => Some((changed.number, entry)),
        Change::Body(entry) if entry.body.is_some() => Some((changed.number, entry)),
        _ => None,
    }
}

/// A watched value as a stream, beginning with what it is now.
pub(super) fn watch<T: Clone + Send + Sync + 'static>(
    watched: Option<watch::Receiver<T>>,
) -> impl Stream<Item = T> + Send + Unpin {
    Watched {
        next: watched.map(|mut watched| {
            watched.mark_changed();
            Box::pin(step(watched)) as Step<T>
        }),
    }
}

type Step<T> = Pin<Box<dyn Future<Output = Option<(T, watch::Receiver<T>)>> + Send>>;

struct Watched<T> {
    next: Option<Step<T>>,
}

async fn step<T: Clone>(mut watched: watch::Receiver<T>) -> Option<(T, watch::Receiver<T>)> {
    watched.changed().await.ok()?;
    let value = watched.borrow_and_update().clone();
    Some((value, watched))
}

impl<T: Clone + Send + Sync + 'static> Stream for Watched<T> {
    type Item = T;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<T>> {
        let Some(next) = &mut self.next else {
            return Poll::Ready(None);
        };
        let Poll::Ready(stepped) = next.as_mut().poll(cx) else {
            return Poll::Pending;
        };
        let (value, next) = stepped.map_or((None, None), |(value, watched)| {
            (Some(value), Some(watched))
        });
        self.next = next.map(|watched| Box::pin(step(watched)) as Step<T>);
        Poll::Ready(value)
    }
}
