//! Looks after the own key while the node runs, and says again what a Retire cut of the own entries.

use std::sync::Weak;
use std::time::Duration;

use super::error::TidingsError;
use super::identity::Identity;
use super::{Inner, Node};
use crate::feeds::{CutEntry, FeedBatch, FeedsError, OwnSigns, origins_in};
use crate::format::limits::REFS;
use crate::format::{Body, Content as _, Delete, Draft, Follow, ProfileField, Ref, Rel, Timestamp};
use crate::net::{PeerState, Reached, SyncReport};

/// Things come in in crowds; one look a moment later is enough for all of them.
const SETTLED: Duration = Duration::from_millis(300);
/// How often peers are looked at while an old key waits to be retired.
const LOOK: Duration = Duration::from_secs(30);
/// So long after opening, what has come from peers of an old key is taken for all there is.
const CAUGHT_UP: Duration = Duration::from_secs(5 * 60);
/// How long one round with all peers may take before an old key is retired.
const ROUND: Duration = Duration::from_secs(60);
/// Entries said again in one write.
const TOGETHER: usize = 64;
/// How long the first write after opening waits for what peers say of the own logs, where it is in doubt whether the folder
/// was put back from a backup.
pub(super) const DOUBT: Duration = Duration::from_secs(2);

/// Spawns what looks after the key. It ends with the node, which it does not keep alive.
#[expect(
    clippy::disallowed_methods,
    reason = "the task ends with the node, of which it holds nothing alive"
)]
pub(super) fn spawn(node: &Node) {
    let mut arrival = node.inner.writer.arrival();
    let node = std::sync::Arc::downgrade(&node.inner);
    tokio::spawn(async move {
        let (mut known, opened) = (None, tokio::time::Instant::now());
        loop {
            arrival.mark_unchanged();
            let Some(is_retiring) = look(&node, &mut known, opened.elapsed()).await else {
                return;
            };
            let waited = async {
                match is_retiring {
                    true => tokio::time::sleep(LOOK).await,
                    false => std::future::pending().await,
                }
            };
            tokio::select! {
                () = waited => {}
                changed = arrival.changed() => {
                    if changed.is_err() {
                        return;
                    }
                    tokio::time::sleep(SETTLED).await;
                }
            }
        }
    });
}

/// Does what is to be done now; says whether an old key waits to be retired, none once the node is gone.
async fn look(node: &Weak<Inner>, known: &mut Option<OwnSigns>, running: Duration) -> Option<bool> {
    let node = node.upgrade().map(|inner| Node { inner })?;
    let identity = &node.inner.identity;
    let read = node.snapshot().and_then(|snapshot| {
        let signs = snapshot.own_signs(&node.feed(), &node.device())?;
        Ok((signs, snapshot.sessions()?))
    });
    let signs = match read {
        Ok((signs, sessions)) => {
            identity.counted(sessions);
            signs
        }
        Err(TidingsError::ShutDown) => return None,
        // A store that cannot be read now may be later.
        Err(_) => return Some(false),
    };
    let is_new = *known != Some(signs);
    // Opening has seen to the key already.
    let is_first = known.replace(signs).is_none();
    if is_new && !is_first {
        // What fails now is tried again by the next append, and at the next opening.
        let _later = node.settle_key(false).await;
    }
    if signs.has_cut && is_new {
        node.say_cut_again().await;
    }
    let is_retiring = identity.has_retiring() && node.inner.engine.is_some();
    if is_retiring && running >= CAUGHT_UP && node.is_connected() {
        node.retire_if_caught_up(ROUND).await;
    }
    Some(is_retiring)
}

impl Node {
    /// Sees to it that a key may sign, and that earlier ones are retired if it is time for that.
    pub(super) async fn settle_key(&self, caught_up: bool) -> Result<(), TidingsError> {
        let identity = self.inner.identity.clone();
        let settled = self
            .inner
            .writer
            .write(0, move |batch| identity.settle(batch, caught_up));
        Ok(settled.await?)
    }

    fn is_connected(&self) -> bool {
        let status = self.status();
        let mut peers = status.peers().iter();
        peers.any(|peer| *peer.state() == PeerState::Connected)
    }

    /// Retires earlier keys if everyone known was asked for what they have of them.
    pub(super) async fn retire_if_caught_up(&self, limit: Duration) {
        let Some(engine) = &self.inner.engine else {
            return;
        };
        if let Ok(report) = engine.sync(limit).await {
            // What fails now is done at another time.
            let _later = self.retire_after(&report).await;
        }
    }

    /// Retires earlier keys after a round of syncing in which everyone known said what they have.
    pub(super) async fn retire_after(&self, report: &SyncReport) -> Result<(), TidingsError> {
        let mut peers = report.peers().iter();
        if report.peers().is_empty() || !peers.all(|peer| peer.reached() == Reached::Fully) {
            return Ok(());
        }
        self.settle_key(true).await
    }

    /// Whether this node may write, once that is known. To be awaited before each write.
    ///
    /// The first one after opening waits for peers if the folder may have been put back from a backup without a trace, and
    /// the node is online and knows peers; for two seconds at the most.
    pub(super) async fn before_writing(&self) -> Result<(), TidingsError> {
        if let Some(why) = self.inner.identity.read_only() {
            return Err(TidingsError::ReadOnly { why });
        }
        let Some(engine) = &self.inner.engine else {
            return Ok(());
        };
        let mut doubt = self.inner.doubt.lock().await;
        if *doubt {
            // Over at once where nobody is known. Whatever it comes to: writing does not wait for a network any longer than that.
            let _heard = engine.sync(DOUBT).await;
        }
        *doubt = false;
        Ok(())
    }

    /// Says again own entries that were cut, in writes that do some each: what one of them said is off the list with it.
    async fn say_cut_again(&self) {
        loop {
            let (identity, now) = (self.inner.identity.clone(), self.now());
            let some = self
                .inner
                .writer
                .write(0, move |batch| say_some_again(batch, &identity, now));
            match some.await {
                Ok(true) => {}
                // What fails now is tried again when something changes.
                Ok(false) | Err(_) => return,
            }
        }
    }
}

/// Says again the first entries of the list; says whether there are more.
fn say_some_again(
    batch: &mut FeedBatch<'_>,
    identity: &Identity,
    now: Timestamp,
) -> Result<bool, FeedsError> {
    identity.settle(batch, false)?;
    if identity.read_only().is_some() {
        return Ok(false);
    }
    let some = batch.cut_entries(TOGETHER)?;
    for cut in &some {
        if let Some(draft) = again(batch, cut, now)? {
            match identity.append(batch, cut.entry.log.lane, &[draft]) {
                // With one more ref it is too large. It stays among what is set aside.
                Err(FeedsError::Format(_)) | Ok(_) => {}
                Err(error) => return Err(error),
            }
        }
        batch.forget_cut(cut)?;
    }
    Ok(some.len() == TOGETHER)
}

/// The draft that says an entry again; none if there is no need for it.
fn again(
    batch: &mut FeedBatch<'_>,
    cut: &CutEntry,
    now: Timestamp,
) -> Result<Option<Draft>, FeedsError> {
    let feed = cut.entry.log.feed;
    let is_over = cut.expires.is_some_and(|at| at <= now);
    // What a log says of itself is over with the log.
    if is_over || cut.kind.as_str() == "cut/1" || batch.is_said_again(&cut.entry)? {
        return Ok(None);
    }
    let body = batch.body_of_cut(cut)?;
    let Some(mut body) = body.and_then(|bytes| Body::decode(&bytes).ok()) else {
        return Ok(None);
    };
    for origin in origins_in(&feed, &body).collect::<Vec<_>>() {
        if batch.is_said_again(&origin)? {
            return Ok(None);
        }
    }
    match cut.kind.as_str() {
        Delete::KIND if !batch.is_delete_due(&body)? => return Ok(None),
        ProfileField::KIND | Follow::KIND if !renew_state(batch, cut, &mut body)? => {
            return Ok(None);
        }
        _ => {}
    }
    body.refs.truncate(REFS - 1);
    body.refs.push(Ref {
        rel: Rel::Origin,
        target: cut.entry,
    });
    let Ok(bytes) = body.encode() else {
        return Ok(None);
    };
    let draft = Draft::new(cut.kind.clone(), cut.time.min(now), bytes);
    Ok(Some(match cut.expires {
        Some(at) => draft.expiring(at),
        None => draft,
    }))
}

/// Lets a change of state name what counts now as replaced; says whether it is still news beside that.
fn renew_state(
    batch: &mut FeedBatch<'_>,
    cut: &CutEntry,
    body: &mut Body,
) -> Result<bool, FeedsError> {
    let feed_no = batch.feed_number(&cut.entry.log.feed)?;
    let counting = batch.replaced(feed_no, (&cut.entry.log.lane, &cut.kind), body)?;
    if let Some(counting) = &counting
        && batch.time_of(counting)?.is_some_and(|time| time > cut.time)
    {
        return Ok(false);
    }
    body.refs.retain(|r| r.rel != Rel::Replaces);
    body.refs.extend(counting.map(|target| Ref {
        rel: Rel::Replaces,
        target,
    }));
    Ok(true)
}
