//! A blob that is held whole: read with its proof, and what is done where that does not hold.

use std::fs::{self, File};
use std::io::{self, BufWriter, Read as _};
use std::time::{Duration, SystemTime};

use bao_tree::io::EncodeError;
use bao_tree::io::sync::encode_ranges_validated;

use super::MediaStore;
use super::error::MediaError;
use super::files::{self, disk};
use super::tree::{self, Pairs, Slice, TreeHasher, has_tree};
use crate::format::BlobHash;

/// How exact the time of last use is: more would write to the disk at every look.
const COARSE: Duration = Duration::from_secs(60 * 60);

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

/// Computes hash and tree of a file anew.
fn rehash(data: &mut File, tree: &std::path::Path) -> io::Result<BlobHash> {
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

    /// Reads a slice with its proof. What is wrong on disk is never returned.
    ///
    /// # Errors
    ///
    /// [`MediaError::Damaged`] if it does not hold: see [`MediaStore::mend`].
    pub(crate) fn encode(&self, slice: Slice) -> Result<Vec<u8>, MediaError> {
        let mut encoded = Vec::with_capacity(slice.encoded_len(self.len));
        self.encode_into(slice, &mut encoded)?;
        Ok(encoded)
    }

    /// Reads the bytes of a slice, verified.
    ///
    /// # Errors
    ///
    /// As for [`encode`](Self::encode).
    pub(super) fn read(&self, slice: Slice, into: &mut Vec<u8>) -> Result<(), MediaError> {
        into.clear();
        // Verifying on the way out costs the proof once more; the bytes are then picked out of it.
        let mut encoded = Vec::with_capacity(slice.encoded_len(self.len));
        self.encode_into(slice, &mut encoded)?;
        tree::leaves(slice, self.len, &encoded, into);
        Ok(())
    }

    fn encode_into(&self, slice: Slice, encoded: &mut Vec<u8>) -> Result<(), MediaError> {
        let damaged = MediaError::Damaged { blob: self.blob };
        if has_tree(self.len) && self.tree.is_none() {
            return Err(damaged);
        }
        let pairs = self.tree.as_ref().map_or(Pairs::None, Pairs::Read);
        let outboard = tree::outboard(&self.blob, self.len, pairs);
        match encode_ranges_validated(&self.data, outboard, &slice.chunks(), encoded) {
            Ok(()) => Ok(()),
            Err(EncodeError::Io(source)) if source.kind() != io::ErrorKind::UnexpectedEof => {
                let path = std::path::PathBuf::from(self.blob.to_string());
                Err(disk(&path, "read", source))
            }
            Err(_) => Err(damaged),
        }
    }
}
