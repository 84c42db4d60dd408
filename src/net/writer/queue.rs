//! Writes that wait for the thread, and what of them goes into one transaction.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::{Job, Sort};

/// Writes in one transaction: one commit then costs each of them next to nothing, and none waits long.
const GROUPED: usize = 256;
/// Bytes in one transaction, as its writes estimate them: all of it is held in memory until the commit.
const GROUPED_BYTES: usize = 8 * 1024 * 1024;

/// The writes that wait, in the order in which they came.
///
/// Not a channel, so that whoever waits for sixteen appends is woken once and not sixteen times: on a machine with few
/// cores the thread would take them away from those who are about to append.
#[derive(Default)]
pub(super) struct Queue {
    state: Mutex<State>,
    came: Condvar,
}

#[derive(Default)]
struct State {
    jobs: VecDeque<Box<dyn Job>>,
    /// How many of them are appends.
    appends: usize,
    /// The thread sleeps until so many appends are there, or something else is.
    awaited: usize,
    is_closed: bool,
}

impl State {
    fn is_enough(&self) -> bool {
        self.is_closed || self.appends >= self.awaited || self.jobs.len() > self.appends
    }
}

/// Why there is no write.
pub(super) enum Nothing {
    /// None came in time.
    Yet,
    /// None comes any more.
    Ever,
}

impl Queue {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a write; drops it if the queue is closed.
    pub(super) fn push(&self, job: Box<dyn Job>) {
        let mut state = self.state();
        if state.is_closed {
            return;
        }
        state.appends += usize::from(job.sort() == Sort::Append);
        state.jobs.push_back(job);
        let wakes = state.is_enough();
        drop(state);
        if wakes {
            self.came.notify_one();
        }
    }

    /// Takes no more writes; those that wait are still given out.
    pub(super) fn close(&self) {
        self.state().is_closed = true;
        self.came.notify_one();
    }

    /// Drops what waits and whatever comes: there is nobody any more to do it.
    pub(super) fn abandon(&self) {
        let mut state = self.state();
        state.is_closed = true;
        state.appends = 0;
        let waiting = std::mem::take(&mut state.jobs);
        drop(state);
        drop(waiting);
    }

    /// Waits for a first write: so long, or for ever.
    pub(super) fn first(&self, limit: Option<Duration>) -> Result<Box<dyn Job>, Nothing> {
        let mut state = self.state();
        state.awaited = 1;
        let is_empty = |state: &mut State| state.jobs.is_empty() && !state.is_closed;
        let mut state = match limit {
            Some(limit) => {
                self.came
                    .wait_timeout_while(state, limit, is_empty)
                    .unwrap_or_else(PoisonError::into_inner)
                    .0
            }
            None => self
                .came
                .wait_while(state, is_empty)
                .unwrap_or_else(PoisonError::into_inner),
        };
        match state.jobs.pop_front() {
            Some(job) => {
                state.appends -= usize::from(job.sort() == Sort::Append);
                Ok(job)
            }
            None if state.is_closed => Err(Nothing::Ever),
            None => Err(Nothing::Yet),
        }
    }
}

/// What goes into one transaction.
#[derive(Default)]
pub(super) struct Group {
    pub(super) jobs: Vec<Box<dyn Job>>,
    pub(super) bytes: usize,
    /// How many of them are appends.
    pub(super) appends: usize,
}

impl Group {
    pub(super) fn push(&mut self, job: Box<dyn Job>) {
        self.bytes += job.bytes();
        self.appends += usize::from(job.sort() == Sort::Append);
        self.jobs.push(job);
    }

    fn has_room(&self) -> bool {
        self.jobs.len() < GROUPED && self.bytes < GROUPED_BYTES
    }

    /// Takes what waits already.
    pub(super) fn take(&mut self, queue: &Queue) {
        self.take_from(&mut queue.state());
    }

    fn take_from(&mut self, state: &mut State) {
        while self.has_room()
            && let Some(job) = state.jobs.pop_front()
        {
            state.appends -= usize::from(job.sort() == Sort::Append);
            self.push(job);
        }
    }

    /// Waits until so many appends are there, or something that is none, but not for long.
    pub(super) fn gather(&mut self, queue: &Queue, appends: usize, until: Instant) {
        let mut state = queue.state();
        state.awaited = appends.saturating_sub(self.appends);
        if self.has_room() {
            let limit = until.saturating_duration_since(Instant::now());
            state = queue
                .came
                .wait_timeout_while(state, limit, |state| !state.is_enough())
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
        self.take_from(&mut state);
    }
}
