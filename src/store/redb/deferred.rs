//! What opening would change in a file, held back until it has succeeded.
//!
//! redb marks and repairs a file before it is done with looking at it. A file that turns out to be
//! damaged, or somebody else's, is to be left as it is, if only for those who repair files.

use std::io;

use redb::StorageBackend;

/// Changes in the order they were made, and the length they lead to.
#[derive(Debug)]
pub(super) struct Journal {
    len: u64,
    steps: Vec<Step>,
}

#[derive(Debug)]
enum Step {
    Write { offset: u64, data: Vec<u8> },
    SetLen(u64),
    Sync,
}

impl Journal {
    pub(super) fn new(len: u64) -> Self {
        let steps = Vec::new();
        Self { len, steps }
    }

    pub(super) fn len(&self) -> u64 {
        self.len
    }

    pub(super) fn write(&mut self, offset: u64, data: &[u8]) {
        self.len = self.len.max(end(offset, data));
        let data = data.to_vec();
        self.steps.push(Step::Write { offset, data });
    }

    pub(super) fn set_len(&mut self, len: u64) {
        self.len = len;
        self.steps.push(Step::SetLen(len));
    }

    pub(super) fn sync(&mut self) {
        self.steps.push(Step::Sync);
    }

    /// Reads what `file` would hold with the changes made.
    pub(super) fn read(
        &self,
        file: &dyn StorageBackend,
        offset: u64,
        out: &mut [u8],
    ) -> io::Result<()> {
        if end(offset, out) > self.len {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let (there, beyond) = out.split_at_mut(overlap(file.len()?, offset, out.len()));
        if !there.is_empty() {
            file.read(offset, there)?;
        }
        beyond.fill(0);
        for step in &self.steps {
            match step {
                Step::Write { offset: at, data } => lay_over(out, offset, data, *at),
                Step::SetLen(len) => {
                    let kept = overlap(*len, offset, out.len());
                    out.split_at_mut(kept).1.fill(0);
                }
                Step::Sync => {}
            }
        }
        Ok(())
    }

    /// Makes the changes, as redb ordered them and with its syncs, so that a crash in between is
    /// one that redb is prepared for.
    pub(super) fn apply(&self, file: &dyn StorageBackend) -> io::Result<()> {
        for step in &self.steps {
            match step {
                Step::Write { offset, data } => file.write(*offset, data)?,
                Step::SetLen(len) => file.set_len(*len)?,
                Step::Sync => file.sync_data()?,
            }
        }
        Ok(())
    }
}

fn end(offset: u64, bytes: &[u8]) -> u64 {
    offset.saturating_add(u64::try_from(bytes.len()).unwrap_or(u64::MAX))
}

/// How many of `count` bytes from `offset` on lie below `len`.
fn overlap(len: u64, offset: u64, count: usize) -> usize {
    usize::try_from(len.saturating_sub(offset)).map_or(count, |below| below.min(count))
}

/// Copies the part of `data`, which begins at `at`, that `out`, which begins at `offset`, shows.
fn lay_over(out: &mut [u8], offset: u64, data: &[u8], at: u64) {
    let into = overlap(at, offset, out.len());
    let skipped = overlap(offset, at, data.len());
    let (_, out) = out.split_at_mut(into);
    let (_, data) = data.split_at(skipped);
    for (out, byte) in out.iter_mut().zip(data) {
        *out = *byte;
    }
}

#[cfg(test)]
mod tests {
    use redb::backends::InMemoryBackend;

    use super::*;

    #[test]
    fn reading_through_the_journal_is_reading_after_it() {
        let (through, after) = (InMemoryBackend::new(), InMemoryBackend::new());
        for file in [&through, &after] {
            file.set_len(100).unwrap();
            file.write(0, &[1; 100]).unwrap();
        }
        let mut journal = Journal::new(100);
        journal.write(10, &[2; 20]);
        journal.set_len(25);
        journal.sync();
        journal.set_len(120);
        journal.write(110, &[3; 10]);
        journal.write(5, &[4; 10]);
        journal.apply(&after).unwrap();
        assert_eq!(journal.len(), after.len().unwrap());
        for offset in 0..120 {
            for count in 1..=(120 - offset) {
                let (mut one, mut other) = (vec![9; count], vec![9; count]);
                journal.read(&through, offset as u64, &mut one).unwrap();
                after.read(offset as u64, &mut other).unwrap();
                assert_eq!(one, other, "{count} bytes from {offset}");
            }
        }
        assert!(journal.read(&through, 120, &mut [0]).is_err());
        assert_eq!(through.len().unwrap(), 100);
    }
}
