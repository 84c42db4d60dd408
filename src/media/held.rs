//! A blob that is held whole: read with its proof, and what is done where that does not hold.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{self, BufWriter, Read as _};
use std::path::Path;
use std::time::{Duration, Instant, SystemTime};

use bao_tree::io::sync::ReadAt as _;

use super::MediaStore;
use super::error::MediaError;
use super::files::{self, disk};
use super::proof::Proof;
use super::tree::{self, GROUP_BYTES, PAIR_BYTES, Slice, TreeHasher, has_tree};
use crate::format::BlobHash;

/// How exact the time of last use is: more would write to the disk at every look.
const COARSE: Duration = Duration::from_secs(60 * 60);

/// A file is hashed anew for the sake of others at most so often: who asks again and again must not keep the disk busy.
const MENDED: Duration = Duration::from_secs(60 * 60);
/// Files whose last mending is remembered. While all of them are recent none is mended for others.
const MENDINGS: usize = 1_024;

/// A blob of which all bytes are held, opened to be read. It can be read even if it is removed meanwhile.
#[derive(Debug)]
pub(crate) struct Held {
    blob: BlobHash,
    len: u64,
    data: File,
    tree: Option<File>,
}

impl MediaStore {
    /// Opens a blob to read from it, and notes that it was used at `now`.
    ///
    /// # Errors
    ///
    /// [`MediaError::NotHeld`] if not all of it is held; if the disk fails.
    pub(crate) fn held(&self, blob: &BlobHash, now: SystemTime) -> Result<Held, MediaError> {
        let names = self.names(blob);
        let open = |path| match File::open(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                Err(MediaError::NotHeld { blob: *blob })
            }
            opened => opened.map_err(|source| disk(path, "opened", source)),
        };
        let data = open(&names.data)?;
        let about = data
            .metadata()
            .map_err(|source| disk(&names.data, "read", source))?;
        let used = about.modified().unwrap_or(SystemTime::UNIX_EPOCH);
        if now.duration_since(used).is_ok_and(|since| since > COARSE) {
            // Without it the blob only goes a little sooner when room is needed.
            let touched = File::options().append(true).open(&names.data);
            let _not_ours = touched.and_then(|file| file.set_modified(now));
        }
        let len = about.len();
        // Without its tree nothing is proved, which is found out at the first read.
        let tree = has_tree(len).then(|| open(&names.tree).ok()).flatten();
        Ok(Held {
            blob: *blob,
            len,
            data,
            tree,
        })
    }

    /// Looks at a blob that somebody asked for under another length than its file has: its last group alone proves how long
    /// it is. Only where that proof fails the file is mended, as [`mend_for_others`](Self::mend_for_others) does.
    ///
    /// # Errors
    ///
    /// If the disk fails.
    pub(crate) fn doubt(
        &self,
        blob: &BlobHash,
        (now, instant): (SystemTime, Instant),
    ) -> Result<(), MediaError> {
        match self.held(blob, now) {
            Ok(held) if held.proves_its_length() => Ok(()),
            Ok(_) => self.mend_for_others(blob, instant),
            Err(MediaError::NotHeld { .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Mends a file of which a proof failed while it was served: one at a time, and each at most once an hour.
    ///
    /// # Errors
    ///
    /// If the disk fails.
    pub(crate) fn mend_for_others(&self, blob: &BlobHash, now: Instant) -> Result<(), MediaError> {
        if !self.state().mendings.begin(blob, now) {
            return Ok(());
        }
        let mended = self.mend(blob);
        self.state().mendings.is_busy = false;
        mended
    }

    /// Sees what a file that was found damaged is good for: mended where only its tree was wrong, or else taken as a part,
    /// so that only what is wrong is fetched again.
    ///
    /// # Errors
    ///
    /// If the disk fails.
    pub(crate) fn mend(&self, blob: &BlobHash) -> Result<(), MediaError> {
        let names = self.names(blob);
        let copy = self.next_import();
        if let Some(folder) = copy.parent() {
            files::make_folder(folder)?;
        }
        let unreadable = |source| disk(&names.data, "read", source);
        let mut data = match File::open(&names.data) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            opened => opened.map_err(unreadable)?,
        };
        let hashed = rehash(&mut data, &copy).map_err(unreadable);
        let is_right = hashed.as_ref().is_ok_and(|hash| hash == blob);
        if is_right && has_tree(data.metadata().map_err(unreadable)?.len()) {
            return files::rename(&copy, &names.tree);
        }
        let _not_made = fs::remove_file(&copy);
        if is_right {
            return Ok(());
        }
        if fs::exists(&names.tree).unwrap_or(false) {
            files::rename(&names.tree, &names.part_tree)?;
        }
        files::rename(&names.data, &names.part)?;
        hashed.map(|_| ())
    }
}

/// Which files were mended for others of late, and whether one is just now.
#[derive(Debug, Default)]
pub(super) struct Mendings {
    is_busy: bool,
    last: HashMap<BlobHash, Instant>,
}

impl Mendings {
    fn begin(&mut self, blob: &BlobHash, now: Instant) -> bool {
        let is_recent = |at: &Instant| now.saturating_duration_since(*at) < MENDED;
        if self.is_busy || self.last.get(blob).is_some_and(is_recent) {
            return false;
        }
        if self.last.len() >= MENDINGS {
            self.last.retain(|_, at| is_recent(at));
        }
        if self.last.len() >= MENDINGS {
            return false;
        }
        self.last.insert(*blob, now);
        self.is_busy = true;
        true
    }
}

/// Computes hash and tree of a file anew.
fn rehash(data: &mut File, tree: &Path) -> io::Result<BlobHash> {
    let out = File::create(tree)?;
    let mut hasher = TreeHasher::new(BufWriter::new(&out));
    let mut step = vec![0; 256 * 1024];
    loop {
        let read = data.read(&mut step)?;
        if read == 0 {
            break;
        }
        hasher.update(step.get(..read).unwrap_or_default())?;
    }
    let hash = hasher.end()?;
    out.sync_all()?;
    Ok(hash)
}

impl Held {
    /// Its bytes.
    pub(crate) const fn len(&self) -> u64 {
        self.len
    }

    /// Whether its last bytes are where they belong in a blob of this length.
    fn proves_its_length(&self) -> bool {
        let last = self.len.div_ceil(GROUP_BYTES as u64).checked_sub(1);
        let slice = last.and_then(|last| Slice::checked(last, 1, self.len));
        slice.is_some_and(|slice| self.read(slice, &mut Vec::new()).is_ok())
    }

    /// Reads a slice with its proof, as long as [`Slice::encoded_len`] says. What is wrong on disk is never returned.
    ///
    /// # Errors
    ///
    /// [`MediaError::Damaged`] if it does not hold: see [`MediaStore::mend`].
    pub(crate) fn encode(&self, slice: Slice, into: &mut [u8]) -> Result<(), MediaError> {
        let places = slice.places(self.len);
        let (pairs, bytes) = into.split_at_mut(places.len() * PAIR_BYTES);
        self.read_verified(slice, &places, pairs, bytes)
    }

    /// Reads the bytes of a slice, verified.
    ///
    /// # Errors
    ///
    /// As for [`encode`](Self::encode).
    pub(super) fn read(&self, slice: Slice, into: &mut Vec<u8>) -> Result<(), MediaError> {
        let places = slice.places(self.len);
        let mut pairs = vec![0; places.len() * PAIR_BYTES];
        // At most 256 KiB.
        into.resize(usize::try_from(slice.bytes(self.len)).unwrap_or(0), 0);
        self.read_verified(slice, &places, &mut pairs, into)
    }

    fn read_verified(
        &self,
        slice: Slice,
        places: &[u64],
        pairs: &mut [u8],
        bytes: &mut [u8],
    ) -> Result<(), MediaError> {
        let damaged = || MediaError::Damaged { blob: self.blob };
        let unreadable = |source: io::Error| match source.kind() {
            io::ErrorKind::UnexpectedEof => damaged(),
            _ => disk(Path::new(&self.blob.to_string()), "read", source),
        };
        if !places.is_empty() {
            let tree = self.tree.as_ref().ok_or_else(damaged)?;
            tree::read_pairs(tree, places, pairs).map_err(unreadable)?;
        }
        let proof = Proof::new(&self.blob, slice, self.len, pairs).map_err(|_| damaged())?;
        let at = slice.first * GROUP_BYTES as u64;
        self.data.read_exact_at(at, bytes).map_err(unreadable)?;
        if proof.hold(bytes) {
            Ok(())
        } else {
            Err(damaged())
        }
    }
}
