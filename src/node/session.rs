//! Counts the sessions in which own entries are written: what tells a store that was put back from the one that went on.
//!
//! A session is one opening of the store until it is closed. Its first own append counts, and no opening that only reads:
//! a store that is put back forks nothing unless it wrote since. The file outside the folder is told before the store is,
//! and what it says then fits the store with the append and without it.

use std::sync::{Mutex, PoisonError};

use super::marker::Marker;
use crate::feeds::FeedBatch;

#[derive(Debug)]
pub(super) struct Session {
    marker: Marker,
    /// What the store counted when it was opened.
    before: u64,
    told: Mutex<Told>,
}

/// What the file outside was told of this session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Told {
    Nothing,
    /// That the store may count this session.
    Begun,
    /// That it does.
    Counted,
}

impl Session {
    pub(super) const fn new(marker: Marker, before: u64) -> Self {
        Self {
            marker,
            before,
            told: Mutex::new(Told::Nothing),
        }
    }

    const fn next(&self) -> u64 {
        self.before.saturating_add(1)
    }

    /// To be called in every write that appends to the own feed. The first one waits until the file outside is on disk;
    /// a write that fails is counted by the next one.
    pub(super) fn count(&self, batch: &mut FeedBatch<'_>) {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        match *told {
            Told::Nothing => {
                self.marker.count(self.before, self.next());
                *told = Told::Begun;
            }
            Told::Begun => {}
            Told::Counted => return,
        }
        batch.set_sessions(self.next());
    }

    /// Says outside that the store counts this session, if it does: an older one does not pass for it any more.
    pub(super) fn counted(&self, stored: u64) {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if *told == Told::Begun && stored == self.next() {
            self.marker.count(stored, stored);
            *told = Told::Counted;
        }
    }
}
