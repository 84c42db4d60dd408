//! Who signs: the keys of this installation, and their renewal where one must not sign again.
//!
//! A device key that may exist twice never signs an entry again. What speaks for that: the folder is a copy or was put
//! back from a backup; a log of the device is forked, or has entries that this store did not write; a Retire names the
//! device. The feed key then admits a new device key, at opening as while the node runs, and the write that met it goes
//! on under that one, so that no post is lost.
//!
//! The old key is *retired* later, at the highest entries of it that are held, once all that peers have of it has come:
//! a Retire can be had only once, and what lies behind its ends is lost to everybody. It is retired at once where its log
//! is forked, since only a Retire settles that, and where it admitted devices that nobody here asked for, since then it
//! is in wrong hands.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::error::TidingsError;
use super::keys::Keys;
use super::session::Session;
use crate::feeds::{FeedBatch, FeedsError};
use crate::format::limits::RETIRE_KEEP;
use crate::format::{DeviceId, Draft, Ends, EntryRef, FeedId, FeedSecret, Lane, Statement};

/// Why a node only reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ReadOnly {
    /// The statements held of the feed leave no room for one that admits this installation.
    NoRoom,
    /// The folder cannot be written.
    Folder,
}

impl fmt::Display for ReadOnly {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Folder => {
                "its folder cannot be written; allow this user to write it and what is in it"
            }
            Self::NoRoom => {
                "the feed has as many statements of devices as it may have, so this installation cannot be admitted to it; \
                 reading, replication and export go on, and posts need a new feed"
            }
        })
    }
}

/// The keys of this installation and whether they may sign.
#[derive(Debug)]
pub(super) struct Identity {
    folder: PathBuf,
    feed: FeedId,
    session: Session,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    keys: Keys,
    read_only: Option<ReadOnly>,
}

impl Identity {
    pub(super) fn new(folder: &Path, keys: Keys, session: Session) -> Self {
        Self {
            folder: folder.to_owned(),
            feed: keys.feed.id(),
            session,
            state: Mutex::new(State {
                keys,
                read_only: None,
            }),
        }
    }

    /// Of a folder that cannot be written.
    pub(super) fn only_reading(folder: &Path, keys: Keys, session: Session) -> Self {
        let identity = Self::new(folder, keys, session);
        identity.state().read_only = Some(ReadOnly::Folder);
        identity
    }

    pub(super) const fn feed(&self) -> FeedId {
        self.feed
    }

    /// The device that signs now.
    pub(super) fn device(&self) -> DeviceId {
        self.state().keys.device.id()
    }

    pub(super) fn feed_secret(&self) -> FeedSecret {
        self.state().keys.feed.clone()
    }

    /// Why this node only reads; none if it may write.
    pub(super) fn read_only(&self) -> Option<ReadOnly> {
        self.state().read_only
    }

    /// Whether an earlier key is still to be retired.
    pub(super) fn has_retiring(&self) -> bool {
        !self.state().keys.retiring.is_empty()
    }

    pub(super) fn keys(&self) -> Keys {
        self.state().keys.clone()
    }

    /// Appends to the own feed under the key that may sign now, which is renewed first where it must be.
    pub(super) fn append(
        &self,
        batch: &mut FeedBatch<'_>,
        lane: Lane,
        drafts: &[Draft],
    ) -> Result<Vec<EntryRef>, FeedsError> {
        let names = self.append_later(batch, lane, drafts)?;
        batch.sign_appended()?;
        Ok(names)
    }

    /// Does as [`append`](Self::append), and leaves signing to the end of the write or the next that is no append.
    pub(super) fn append_later(
        &self,
        batch: &mut FeedBatch<'_>,
        lane: Lane,
        drafts: &[Draft],
    ) -> Result<Vec<EntryRef>, FeedsError> {
        self.session.count(batch);
        let secret = self.state().keys.device.clone();
        match batch.append_later(&secret, &self.feed, lane, drafts) {
            Err(FeedsError::NotAdmitted { .. } | FeedsError::OwnFork { .. }) => {
                self.settle(batch, false)?;
                let State { keys, read_only } = &*self.state();
                if read_only.is_some() {
                    return Err(FeedsError::NoRoom { feed: self.feed });
                }
                let secret = keys.device.clone();
                batch.append_later(&secret, &self.feed, lane, drafts)
            }
            appended => appended,
        }
    }

    /// Takes note of what is on disk: in how many sessions own entries were written.
    pub(super) fn counted(&self, sessions: u64) {
        self.session.counted(sessions);
    }

    /// Sees to it that the feed is the node's own, that a key may sign, and that earlier ones are retired when it is
    /// time for that: if `caught_up`, all that peers have of them is held. Harmless to repeat.
    ///
    /// # Errors
    ///
    /// Only of this disk. Where what others signed is in the way, the node is [`read_only`](Self::read_only) after it.
    pub(super) fn settle(
        &self,
        batch: &mut FeedBatch<'_>,
        caught_up: bool,
    ) -> Result<(), FeedsError> {
        batch.sign_appended()?;
        let mut state = self.state();
        let feed = self.feed;
        batch.adopt_own(&feed, Vec::new())?;
        let device = state.keys.device.id();
        if batch.is_named_retired(&feed, &device)? || batch.is_twice(&feed, &device)? {
            let mut keys = state.keys.clone();
            // Before the statements are on disk: a key that they admit and nobody has would be in the way for ever.
            let renewed = keys.renew().and_then(|()| keys.write(&self.folder));
            renewed.map_err(|error| FeedsError::Keys {
                why: error.to_string(),
            })?;
            state.keys = keys;
        }
        let device = state.keys.device.id();
        batch.note_own_device(&feed, &device)?;
        if !batch.standing(&feed)?.is_admitted(&device) {
            let consent = state.keys.device.consent(&feed);
            let admit = Statement::admit(feed, &state.keys.feed, device, true, "", consent)?;
            // One that would not be kept by everyone is not signed into the store either.
            if batch.has_room(&feed, std::slice::from_ref(&admit))? {
                batch.adopt_own(&feed, vec![admit])?;
            }
        }
        for old in state.keys.retiring.clone() {
            batch.note_own_device(&feed, &old)?;
            self.retire(batch, &state.keys, old, caught_up)?;
        }
        let may = batch.standing(&feed)?.is_live(&device);
        state.read_only = (!may).then_some(ReadOnly::NoRoom);
        Ok(())
    }

    /// Retires an earlier key, if it is time for that and nobody did.
    fn retire(
        &self,
        batch: &mut FeedBatch<'_>,
        keys: &Keys,
        old: DeviceId,
        caught_up: bool,
    ) -> Result<(), FeedsError> {
        let feed = self.feed;
        if batch.is_named_retired(&feed, &old)? {
            return Ok(());
        }
        let (stood_by, others): (Vec<_>, Vec<_>) = batch
            .admits_by(&feed, &old)?
            .into_iter()
            .partition(|(_, stood_by)| *stood_by);
        if !caught_up && others.is_empty() && !batch.is_forked(&feed, &old)? {
            return Ok(());
        }
        let standing = batch.standing(&feed)?;
        let keep: Vec<Statement> = stood_by.into_iter().map(|(admit, _)| admit).collect();
        let (keep, past) = keep.split_at(keep.len().min(RETIRE_KEEP));
        let others = others.into_iter().map(|(admit, _)| admit);
        let is_live = |admit: &Statement| {
            admit
                .as_admit()
                .is_some_and(|a| standing.is_live(a.device()))
        };
        let behind: Vec<Statement> = past.iter().cloned().chain(others).filter(is_live).collect();
        batch.leave_behind(&behind)?;
        let ends = Ends::new(batch.ends_of(&feed, &old)?)?;
        let retire = Statement::retire(feed, &keys.feed, old, ends, keep.iter().cloned())?;
        batch.adopt_own(&feed, vec![retire])
    }

    /// Forgets which earlier keys are retired by now, in the folder too. To be called when that is on disk.
    pub(super) fn tidy(&self, batch: &mut FeedBatch<'_>) -> Result<(), TidingsError> {
        let mut state = self.state();
        let mut keys = state.keys.clone();
        let mut left = Vec::new();
        for old in keys.retiring {
            if !batch.is_named_retired(&self.feed, &old)? {
                left.push(old);
            }
        }
        keys.retiring = left;
        if keys.retiring != state.keys.retiring {
            keys.write(&self.folder)?;
            state.keys = keys;
        }
        Ok(())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
