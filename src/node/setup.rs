//! Store and keys of a folder: what belongs together, and a device key that must not be used any more.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::error::TidingsError;
use super::identity::Identity;
use super::keys::{self, Found, Keys};
use super::marker::{Marker, Place};
use super::session::Session;
use crate::feeds::{ContentType, FeedStore};
use crate::store::{Durability, ReadTx, RedbOptions, RedbStorage, Storage as _};

/// What was opened.
pub(super) struct Opened {
    pub(super) store: Arc<FeedStore>,
    pub(super) identity: Identity,
    /// Whether the folder may have been put back from a backup without a trace.
    pub(super) is_doubtful: bool,
}

/// Opens store and keys, in that order: the store's lock guards the keys. What is refused is not changed.
///
/// A folder that cannot be written is only read if `or_read_only`.
///
/// Whatever others signed, it opens: what cannot be mended leaves the node read-only.
pub(super) fn open(
    folder: &Path,
    types: &[ContentType],
    state: Option<PathBuf>,
    or_read_only: bool,
) -> Result<Opened, TidingsError> {
    keys::make_folder(folder)?;
    let path = folder.join("store.redb");
    if is_missing_or_empty(&path) {
        // Opening would make a new one.
        belong_together(folder, false)?;
    }
    let options = RedbOptions::new().or_read_only(or_read_only);
    let storage = RedbStorage::open_if(&path, options, |held| judge(folder, held))?;
    let is_read_only = storage.is_read_only();
    let store = Arc::new(FeedStore::open_with(Arc::new(storage), types)?);
    let marker = Marker::of(folder, state);
    let sessions = store.snapshot()?.sessions()?;
    if is_read_only {
        return only_read(folder, store, Session::new(marker, sessions));
    }
    let (keys, place) = match Keys::find(folder)? {
        Found::Nothing => {
            let keys = Keys::generate()?;
            keys.write(folder)?;
            (keys, Place::New)
        }
        Found::Keys { mut keys, .. } => {
            let place = marker.judge(sessions)?;
            match place {
                // The endpoint is nobody else's, and tickets name it.
                Place::PutBack => keys.renew()?,
                Place::Elsewhere => keys.renew_all()?,
                Place::New | Place::Same | Place::Doubtful => {}
            }
            if matches!(place, Place::PutBack | Place::Elsewhere) {
                keys.write(folder)?;
            }
            (keys, place)
        }
    };
    let is_marked = matches!(place, Place::Same | Place::Doubtful);
    let session = Session::new(marker.clone(), sessions);
    let identity = Identity::new(folder, keys, session);
    let mut batch = store.batch()?;
    identity.settle(&mut batch, false)?;
    batch.commit_changes(Durability::Checkpoint)?;
    identity.tidy(&mut store.batch()?)?;
    if !is_marked {
        marker.mark()?;
        marker.count(sessions, sessions);
    }
    Ok(Opened {
        store,
        identity,
        is_doubtful: place == Place::Doubtful,
    })
}

/// Nothing is signed, so it does not matter whose the keys are, and nothing is mended.
fn only_read(
    folder: &Path,
    store: Arc<FeedStore>,
    session: Session,
) -> Result<Opened, TidingsError> {
    let Found::Keys { keys, .. } = Keys::find(folder)? else {
        return Err(TidingsError::Keys {
            path: folder.join("keys"),
            why: "there are none, and the folder cannot be written".to_owned(),
        });
    };
    Ok(Opened {
        store,
        identity: Identity::only_reading(folder, keys, session),
        is_doubtful: false,
    })
}

fn is_missing_or_empty(path: &Path) -> bool {
    std::fs::metadata(path).map_or(true, |file| file.len() == 0)
}

/// Looks into a store before a byte of it is changed.
fn judge(folder: &Path, held: Box<dyn ReadTx>) -> Result<(), TidingsError> {
    let holds_feed = FeedStore::inspect(held)?.wants_any()?;
    belong_together(folder, holds_feed)
}

/// Refuses keys without their store, and a store without its keys.
fn belong_together(folder: &Path, holds_feed: bool) -> Result<(), TidingsError> {
    let why = match Keys::find(folder)? {
        Found::Nothing if holds_feed => "they are gone, though the store beside them is not",
        Found::Keys { set_up: true, .. } if !holds_feed => {
            "the store they belong to is gone, and going on without it would fork the feed"
        }
        _ => return Ok(()),
    };
    Err(TidingsError::Keys {
        path: folder.join("keys"),
        why: format!("{why}; put the whole folder back from a backup, or begin in a new one"),
    })
}
