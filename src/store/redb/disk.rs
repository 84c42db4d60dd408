//! A disk for tests: what was synced stays, and of what came after each change may be there or not once power is cut.
//!
//! redb counts on a single byte being written wholly or not at all, and on nothing else. So each change since the last
//! sync is kept, lost or torn at a sector by itself, whatever the order in which they were made.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use redb::StorageBackend;

/// Where a write may be torn.
const SECTOR: usize = 512;

/// A change to what lies on the disk.
#[derive(Debug, Clone)]
enum Step {
    Write { offset: u64, data: Vec<u8> },
    SetLen(u64),
    Sync,
}

impl Step {
    fn apply(&self, bytes: &mut Vec<u8>) {
        match self {
            Self::Write { offset, data } => {
                let from = usize::try_from(*offset).unwrap();
                let to = from + data.len();
                // A write past the end takes the file with it, even where making it longer was lost.
                bytes.resize(bytes.len().max(to), 0);
                bytes[from..to].copy_from_slice(data);
            }
            Self::SetLen(len) => bytes.resize(usize::try_from(*len).unwrap(), 0),
            Self::Sync => {}
        }
    }

    /// What of it reaches the disk when power is cut.
    fn survivor(&self, random: &mut dyn FnMut(u64) -> u64) -> Option<Self> {
        match (random(4), self) {
            (0, _) => None,
            (1, Self::Write { offset, data }) if data.len() > SECTOR => {
                let sectors = data.len().div_ceil(SECTOR) as u64;
                let cut = SECTOR * usize::try_from(random(sectors)).unwrap();
                let (front, back) = data.split_at(cut);
                Some(match random(2) {
                    0 => Self::Write {
                        offset: *offset,
                        data: front.to_vec(),
                    },
                    _ => Self::Write {
                        offset: *offset + cut as u64,
                        data: back.to_vec(),
                    },
                })
            }
            _ => Some(self.clone()),
        }
    }
}

#[derive(Debug, Default)]
struct State {
    first: Vec<u8>,
    now: Vec<u8>,
    steps: Vec<Step>,
    /// Steps that still work, and how many fail after them.
    good: u64,
    bad: u64,
}

/// A disk of one file, shared by those who hold it.
#[derive(Debug, Clone)]
pub(crate) struct Disk(Arc<Mutex<State>>);

impl Disk {
    /// A disk on which these bytes lie.
    pub(crate) fn new(first: Vec<u8>) -> Self {
        Self(Arc::new(Mutex::new(State {
            now: first.clone(),
            first,
            good: u64::MAX,
            ..State::default()
        })))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many writes, changes of the length and syncs there were.
    pub(crate) fn steps(&self) -> usize {
        self.state().steps.len()
    }

    /// After `good` more of them, so many fail; what comes later works again.
    pub(crate) fn fail(&self, good: u64, bad: u64) {
        let mut state = self.state();
        state.good = good;
        state.bad = bad;
    }

    /// Whether all failures that were asked for are over.
    pub(crate) fn is_well(&self) -> bool {
        self.state().bad == 0
    }

    /// What may lie on the disk after power was cut when so many steps had been made.
    pub(crate) fn cut(&self, steps: usize, random: &mut dyn FnMut(u64) -> u64) -> Vec<u8> {
        let state = self.state();
        let (made, _) = state.steps.split_at(steps);
        let synced = made.iter().rposition(|step| matches!(step, Step::Sync));
        let (kept, loose) = made.split_at(synced.map_or(0, |at| at + 1));
        let mut bytes = state.first.clone();
        for step in kept {
            step.apply(&mut bytes);
        }
        // Often nothing is lost, as when only the process ends, or everything, as when it stood in a cache.
        let how = random(4);
        for step in loose {
            let survivor = match how {
                0 => Some(step.clone()),
                1 => None,
                _ => step.survivor(random),
            };
            if let Some(step) = survivor {
                step.apply(&mut bytes);
            }
        }
        bytes
    }

    fn change(&self, step: Step) -> io::Result<()> {
        let mut state = self.state();
        match (state.good.checked_sub(1), state.bad.checked_sub(1)) {
            (Some(good), _) => state.good = good,
            (None, Some(bad)) => {
                state.bad = bad;
                return Err(io::Error::other("this disk fails for a while"));
            }
            (None, None) => {}
        }
        step.apply(&mut state.now);
        state.steps.push(step);
        Ok(())
    }
}

impl StorageBackend for Disk {
    fn len(&self) -> io::Result<u64> {
        Ok(self.state().now.len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let from = usize::try_from(offset).unwrap();
        let state = self.state();
        let found = state.now.get(from..from + out.len());
        out.copy_from_slice(found.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.change(Step::SetLen(len))
    }

    fn sync_data(&self) -> io::Result<()> {
        self.change(Step::Sync)
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let data = data.to_vec();
        self.change(Step::Write { offset, data })
    }
}
