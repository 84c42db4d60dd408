//! Reading small pieces forward through a long file without asking the system for each.

use crate::pictures::error::Fault;
use crate::pictures::patch::{Patch, Scratch};

/// How much is read at a time.
const BYTES: u64 = 64 * 1_024;

/// Some bytes of a file.
#[derive(Debug)]
pub(super) struct Window {
    bytes: Vec<u8>,
    at: u64,
    end: u64,
}

impl Window {
    /// A window that goes as far as `end`.
    pub(super) const fn new(end: u64) -> Self {
        Self {
            bytes: Vec::new(),
            at: 0,
            end,
        }
    }

    /// How far it goes.
    pub(super) const fn end(&self) -> u64 {
        self.end
    }

    /// Sees to it that `len` bytes from `at` are in view, as far as there are so many.
    pub(super) fn reach<F: Scratch>(
        &mut self,
        patch: &mut Patch<'_, F>,
        at: u64,
        len: u64,
    ) -> Result<(), Fault> {
        let wanted = at.saturating_add(len).min(self.end);
        let seen = u64::try_from(self.bytes.len()).unwrap_or(u64::MAX);
        if at < self.at || wanted > self.at.saturating_add(seen) {
            let to = at.saturating_add(BYTES).min(self.end);
            self.bytes = patch.load(at.min(to), to, usize::MAX)?;
            self.at = at;
        }
        Ok(())
    }

    /// The `N` bytes from `at`; those past the end are zero, and none if it begins there.
    pub(super) fn get<const N: usize, F: Scratch>(
        &mut self,
        patch: &mut Patch<'_, F>,
        at: u64,
    ) -> Result<Option<[u8; N]>, Fault> {
        if at >= self.end {
            return Ok(None);
        }
        self.reach(patch, at, u64::try_from(N).unwrap_or(u64::MAX))?;
        let from = usize::try_from(at - self.at).unwrap_or(usize::MAX);
        let seen = self.bytes.get(from..).unwrap_or_default();
        let mut bytes = [0; N];
        for (byte, seen) in bytes.iter_mut().zip(seen) {
            *byte = *seen;
        }
        Ok(Some(bytes))
    }
}
