//! Deleting, undoing it, and what goes by itself with time.

use std::collections::BTreeMap;
use std::sync::Weak;
use std::time::Duration;

use super::edit::{Pen, Written};
use super::error::TidingsError;
use super::keys::random;
use super::{Inner, Node};
use crate::feeds::{FeedBatch, FeedsError, lane_of_deletes, origins_in};
use crate::format::{Body, Delete, Draft, EntryRef, Lane, Ref, Rel, encode_content, kind_of};

/// Entries that one delete names: with the longest names they fit the small bodies of lane `state`.
const NAMED: usize = 24;
/// The longest sleep before the clock is looked at again: it may be set meanwhile.
const LOOK: Duration = Duration::from_secs(60 * 60);
/// How soon what came in is looked at for when it expires.
const SETTLED: Duration = Duration::from_secs(5);

impl Node {
    /// Deletes an own entry and all edits of it held: every replica that hears of it drops their bodies.
    ///
    /// The bodies are kept here for 30 days, out of sight and given to nobody, for [`undelete`](Self::undelete). A
    /// replica that never hears of the delete keeps the entry: what was once handed out cannot be called back for sure.
    /// Deleting a reaction takes it back.
    ///
    /// # Errors
    ///
    /// [`TidingsError::Unknown`] if the entry is not held; [`TidingsError::NotYours`] if it is another's;
    /// [`TidingsError::Deleted`] and [`TidingsError::Expired`] if it is gone already; [`TidingsError::NotEditable`] if
    /// it is itself a delete. Nothing was appended then.
    ///
    /// # Cancel safety
    ///
    /// Dropped, the entry may or may not be deleted.
    pub async fn delete(&self, entry: &EntryRef) -> Result<(), TidingsError> {
        let (pen, entry) = (self.pen(), *entry);
        self.change(move |batch| delete(batch, &pen, &entry)).await
    }

    /// Puts a deleted entry back, with the edits that were deleted with it. It can be deleted anew.
    ///
    /// # Errors
    ///
    /// As for [`delete`](Self::delete), and [`TidingsError::NotDeleted`]; [`TidingsError::NotKept`] once 30 days are
    /// over, it was purged, or its body never was here.
    ///
    /// # Cancel safety
    ///
    /// Dropped, the entry may or may not be put back.
    pub async fn undelete(&self, entry: &EntryRef) -> Result<(), TidingsError> {
        let (pen, entry) = (self.pen(), *entry);
        self.change(move |batch| undelete(batch, &pen, &entry))
            .await
    }

    /// Makes all deletes up to now final: here at once, on the other own devices as they hear of it. Says how many
    /// deleted entries that were.
    ///
    /// # Errors
    ///
    /// [`TidingsError::Feeds`] if the disk fails.
    ///
    /// # Cancel safety
    ///
    /// Dropped, it may be done wholly, in part or not at all; doing it again does the rest.
    pub async fn purge(&self) -> Result<u64, TidingsError> {
        let pen = self.pen();
        self.change(move |batch| {
            let mut lanes: BTreeMap<Lane, Vec<EntryRef>> = BTreeMap::new();
            for (lane, target) in batch.unpurged(&pen.feed, &pen.identity.device())? {
                lanes.entry(lane).or_default().push(target);
            }
            let mut count = 0;
            for (lane, targets) in lanes {
                count += targets.len() as u64;
                if let Err(refused) = say(batch, &pen, lane, &targets, true)? {
                    return Ok(Err(refused));
                }
            }
            Ok(Ok(count))
        })
        .await
    }
}

pub(super) fn delete(batch: &mut FeedBatch<'_>, pen: &Pen, entry: &EntryRef) -> Written<()> {
    let found = match pen.own(batch, entry)? {
        Ok(found) => found,
        Err(refused) => return Ok(Err(refused)),
    };
    let name = entry.to_string();
    if found.is_delete {
        let why = "it is a delete; undelete what it deleted instead";
        return Ok(Err(TidingsError::NotEditable { name, why }));
    }
    if !found.deletes.is_empty() {
        return Ok(Err(TidingsError::Deleted { name }));
    }
    if found.is_over {
        return Ok(Err(TidingsError::Expired { name }));
    }
    let lane = lane_of_deletes(&entry.log.lane);
    let mut edits = batch.naming(entry, Rel::Replaces)?;
    // What it says again is deleted with it, or another that says the same would take its place.
    if let Some(body) = &found.body {
        edits.extend(origins_in(&pen.feed, body));
    }
    if edits.is_empty() {
        return say(batch, pen, lane, &[*entry], false);
    }
    // Each of these deletes names the entry, too: whoever undoes those of the entry brings back all of its edits.
    for some in edits.chunks(NAMED - 1) {
        let targets: Vec<_> = std::iter::once(*entry)
            .chain(some.iter().copied())
            .collect();
        if let Err(refused) = say(batch, pen, lane, &targets, false)? {
            return Ok(Err(refused));
        }
    }
    Ok(Ok(()))
}

fn undelete(batch: &mut FeedBatch<'_>, pen: &Pen, entry: &EntryRef) -> Written<()> {
    let found = match pen.own(batch, entry)? {
        Ok(found) => found,
        Err(refused) => return Ok(Err(refused)),
    };
    let name = entry.to_string();
    if found.deletes.is_empty() {
        return Ok(Err(TidingsError::NotDeleted { name }));
    }
    if found.is_over {
        return Ok(Err(TidingsError::Expired { name }));
    }
    if !found.is_kept {
        return Ok(Err(TidingsError::NotKept { name }));
    }
    let lane = lane_of_deletes(&entry.log.lane);
    let deletes = all_deletes(batch, pen, entry, found.deletes)?;
    say(batch, pen, lane, &deletes, false)
}

/// All deletes that name an entry and that nothing undoes: of those only the last few are looked at for the entry itself,
/// and one that was edited very often is named by more, which took its edits along.
fn all_deletes(
    batch: &mut FeedBatch<'_>,
    pen: &Pen,
    entry: &EntryRef,
    mut deletes: Vec<EntryRef>,
) -> Result<Vec<EntryRef>, FeedsError> {
    /// More would be a thief's, who can say more at any time.
    const MOST: usize = 1_024;
    let device = pen.identity.device();
    for delete in batch.naming(entry, Rel::Delete)?.into_iter().take(MOST) {
        if deletes.contains(&delete) {
            continue;
        }
        let said = batch.preconditions(&delete, &pen.feed, &device)?;
        if said.is_some_and(|said| said.deletes.is_empty()) {
            deletes.push(delete);
        }
    }
    Ok(deletes)
}

/// Appends deletes that name all of `targets`.
fn say(
    batch: &mut FeedBatch<'_>,
    pen: &Pen,
    lane: Lane,
    targets: &[EntryRef],
    purge: bool,
) -> Written<()> {
    let draft = |targets: &[EntryRef]| -> Result<Draft, TidingsError> {
        let (kind, _) = kind_of::<Delete>()?;
        let rel = Rel::Delete;
        let refs = targets.iter().map(|target| Ref {
            rel,
            target: *target,
        });
        let body = Body {
            salt: random()?,
            refs: refs.collect(),
            content: encode_content(&Delete { purge })?,
            ..Body::default()
        };
        Ok(Draft::new(kind, pen.now, body.encode()?))
    };
    let drafts: Result<Vec<_>, _> = targets.chunks(NAMED).map(draft).collect();
    match drafts {
        Ok(drafts) => {
            pen.identity.append(batch, lane, &drafts)?;
            Ok(Ok(()))
        }
        Err(refused) => Ok(Err(refused)),
    }
}

/// Sweeps what has expired and what was kept long enough: at once, and each time that something is due.
#[expect(
    clippy::disallowed_methods,
    reason = "the task ends with the node, of which it holds nothing alive"
)]
pub(super) fn spawn_sweeper(node: &Node) {
    let mut arrival = node.inner.writer.arrival();
    let node = std::sync::Arc::downgrade(&node.inner);
    tokio::spawn(async move {
        loop {
            arrival.mark_unchanged();
            let Some(wait) = sweep(&node).await else {
                return;
            };
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                changed = arrival.changed() => {
                    if changed.is_err() {
                        return;
                    }
                    // Many things come in at once; one look at them is enough.
                    tokio::time::sleep(SETTLED.min(wait)).await;
                }
            }
        }
    });
}

/// Sweeps if anything is due and says how long nothing else will be. None once the node is gone.
async fn sweep(node: &Weak<Inner>) -> Option<Duration> {
    let node = node.upgrade().map(|inner| Node { inner })?;
    if let Some(wait) = recount(&node).await {
        return wait;
    }
    // Not by the clock where that jumped: what is hidden comes back, what is erased does not.
    let now = node.inner.clock.times().due;
    // A store that cannot be read now may be later.
    let store = node.inner.store.clone();
    let looking = tokio::task::spawn_blocking(move || store.next_sweep());
    let next = match looking.await.ok()?.map_err(TidingsError::from) {
        Ok(next) => next,
        Err(TidingsError::ShutDown) => return None,
        Err(_) => return Some(LOOK),
    };
    let Some(next) = next else {
        return Some(LOOK);
    };
    if next > now {
        let left = u64::try_from(next.as_millis().saturating_sub(now.as_millis()));
        return Some(left.map_or(LOOK, Duration::from_millis).min(LOOK));
    }
    match node
        .inner
        .writer
        .write(0, move |batch| batch.sweep(now))
        .await
    {
        Ok(_) => Some(Duration::from_millis(1)),
        Err(None) => None,
        Err(Some(_)) => Some(LOOK),
    }
}

/// Does a piece of what follows from new statements, if anything is left of that; says when to look again. None once
/// nothing is.
async fn recount(node: &Node) -> Option<Option<Duration>> {
    let pending = node
        .snapshot()
        .and_then(|snapshot| Ok(snapshot.has_recounts()?));
    // A store that cannot be read now is asked by the sweep as well.
    if !pending.unwrap_or(false) {
        return None;
    }
    let done = node.inner.writer.write(0, |batch| batch.recount_some());
    Some(match done.await {
        Ok(_) => Some(Duration::from_millis(1)),
        Err(None) => None,
        Err(Some(_)) => Some(LOOK),
    })
}
