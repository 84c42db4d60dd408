//! Reading a held blob as a file, verified on the way.

use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use super::error::MediaError;
use super::held::Held;
use super::tree::{GROUP_BYTES, GROUPS_AT_ONCE, Slice};
use super::{Kept, MediaStore};
use crate::format::BlobHash;

/// The bytes of a blob that is held, as a file to read from and to seek in.
///
/// What is read was verified against the hash: a file that is damaged on disk gives an error of
/// [`io::ErrorKind::InvalidData`] where it is wrong, never wrong bytes, and can be fetched again then.
#[derive(Debug)]
pub struct MediaReader {
    store: Arc<MediaStore>,
    blob: BlobHash,
    path: PathBuf,
    held: Held,
    at: u64,
    /// The verified bytes around the place, and where they begin.
    window: Vec<u8>,
    start: u64,
    /// While somebody reads, it does not go to make room.
    _kept: Kept,
}

impl MediaStore {
    /// Opens a held blob as a file, and notes that it was used at `now`.
    ///
    /// # Errors
    ///
    /// As for [`held`](Self::held).
    pub(crate) fn reader(
        self: &Arc<Self>,
        blob: BlobHash,
        now: SystemTime,
    ) -> Result<MediaReader, MediaError> {
        let kept = self.keep(blob);
        Ok(MediaReader {
            held: self.held(&blob, now)?,
            store: self.clone(),
            path: self.names(&blob).data,
            blob,
            at: 0,
            window: Vec::new(),
            start: 0,
            _kept: kept,
        })
    }
}

impl MediaReader {
    /// Its bytes, all of them.
    pub const fn len(&self) -> u64 {
        self.held.len()
    }

    /// Never: what is empty is not attached.
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Where the file lies, for programs that want a path: not verified, and to be read only.
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn fill(&mut self) -> io::Result<()> {
        const GROUPS: u64 = GROUPS_AT_ONCE;
        let groups = self.len().div_ceil(GROUP_BYTES as u64);
        let first = self.at / GROUP_BYTES as u64 / GROUPS * GROUPS;
        let slice = Slice {
            first,
            count: GROUPS.min(groups.saturating_sub(first)),
        };
        self.start = first * GROUP_BYTES as u64;
        if let Err(error) = self.held.read(slice, &mut self.window) {
            self.window.clear();
            if matches!(error, MediaError::Damaged { .. }) {
                // It was damaged before; that it could not be mended is told by the next fetch.
                let _told_then = self.store.mend(&self.blob);
            }
            return Err(io::Error::new(io::ErrorKind::InvalidData, error));
        }
        Ok(())
    }

    fn in_window(&self) -> &[u8] {
        let skip = self.at.checked_sub(self.start);
        let skip = skip.and_then(|skip| usize::try_from(skip).ok());
        skip.and_then(|skip| self.window.get(skip..))
            .unwrap_or_default()
    }
}

impl Read for MediaReader {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if self.at >= self.len() {
            return Ok(0);
        }
        if self.in_window().is_empty() {
            self.fill()?;
        }
        let read = self.in_window().read(buf)?;
        self.at += read as u64;
        Ok(read)
    }
}

impl Seek for MediaReader {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let at = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::End(by) => self.len().checked_add_signed(by),
            SeekFrom::Current(by) => self.at.checked_add_signed(by),
        };
        self.at = at.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.at)
    }
}
