//! Names of the files, and how they are made to last.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::error::MediaError;
use crate::format::BlobHash;

/// The folder of imports, in that of media.
pub(super) const IMPORTS: &str = "tmp";

const TREE: &str = ".obao";
const PART: &str = ".part";

/// The files of one blob.
#[derive(Debug)]
pub(super) struct Names {
    folder: PathBuf,
    pub(super) data: PathBuf,
    pub(super) tree: PathBuf,
    pub(super) part: PathBuf,
    pub(super) part_tree: PathBuf,
}

impl Names {
    pub(super) fn new(media: &Path, blob: &BlobHash) -> Self {
        let name = blob.to_string();
        let folder = media.join(name.get(..2).unwrap_or_default());
        let file = |ending: &str| folder.join(format!("{name}{ending}"));
        Self {
            data: file(""),
            tree: file(TREE),
            part: file(PART),
            part_tree: file(&format!("{PART}{TREE}")),
            folder,
        }
    }

    pub(super) fn make_folder(&self) -> Result<(), MediaError> {
        make_folder(&self.folder)
    }

    /// Gives finished files their names. What they hold is on disk already; so are the names when this returns.
    pub(super) fn settle(&self, data: &Path, tree: Option<&Path>) -> Result<(), MediaError> {
        self.make_folder()?;
        // The tree first: whoever sees the data finds it.
        if let Some(tree) = tree {
            rename(tree, &self.tree)?;
        }
        rename(data, &self.data)?;
        sync_folder(&self.folder)
    }

    /// Removes what is only a part of the blob.
    pub(super) fn remove_part(&self) -> bool {
        let removed = [&self.part, &self.part_tree].map(fs::remove_file);
        removed.iter().any(Result::is_ok)
    }

    /// Removes all of its files. Says whether there was any.
    pub(super) fn remove(&self) -> bool {
        let removed = [&self.data, &self.tree].map(fs::remove_file);
        let was_part = self.remove_part();
        was_part || removed.iter().any(Result::is_ok)
    }
}

/// One file of a blob.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) blob: BlobHash,
    /// Bytes of the blob in it; none of a tree.
    pub(super) bytes: u64,
    pub(super) used: SystemTime,
}

/// The files of all blobs, one folder at a time. What cannot be read is passed over.
pub(super) fn blobs(media: &Path) -> impl Iterator<Item = Found> + use<> {
    let folders = fs::read_dir(media).into_iter().flatten().flatten();
    let folders = folders.filter(|folder| folder.file_name() != IMPORTS);
    folders.flat_map(|folder| {
        let files = fs::read_dir(folder.path()).into_iter().flatten().flatten();
        files.filter_map(|file| {
            let name = file.file_name();
            let name = name.to_str()?;
            // A tree may have lost its blob to a crash. Its bytes do not count: they are few.
            let (stem, is_tree) = match name.strip_suffix(TREE) {
                Some(stem) => (stem, true),
                None => (name, false),
            };
            let stem = stem.strip_suffix(PART).unwrap_or(stem);
            let about = file.metadata().ok()?;
            Some(Found {
                blob: stem.parse().ok()?,
                bytes: if is_tree { 0 } else { about.len() },
                used: about.modified().unwrap_or(SystemTime::UNIX_EPOCH),
            })
        })
    })
}

pub(super) fn remove_leftovers(imports: &Path) -> Result<(), MediaError> {
    match fs::remove_dir_all(imports) {
        Err(source) if source.kind() != io::ErrorKind::NotFound => {
            Err(disk(imports, "removed", source))
        }
        _ => Ok(()),
    }
}

/// Makes a folder and the one above it, so that both last.
pub(super) fn make_folder(folder: &Path) -> Result<(), MediaError> {
    if folder.is_dir() {
        return Ok(());
    }
    fs::create_dir_all(folder).map_err(|source| disk(folder, "made", source))?;
    let above = [folder.parent(), folder.parent().and_then(Path::parent)];
    above.into_iter().flatten().try_for_each(sync_folder)
}

pub(super) fn rename(from: &Path, to: &Path) -> Result<(), MediaError> {
    fs::rename(from, to).map_err(|source| disk(to, "named", source))
}

/// Sees to it that the names in a folder are on disk.
pub(super) fn sync_folder(folder: &Path) -> Result<(), MediaError> {
    // Elsewhere folders cannot be opened, and names last as they are.
    if cfg!(unix) {
        let synced = File::open(folder).and_then(|folder| folder.sync_all());
        return synced.map_err(|source| disk(folder, "written", source));
    }
    Ok(())
}

pub(super) fn disk(path: &Path, what: &'static str, source: io::Error) -> MediaError {
    MediaError::Disk {
        path: path.to_owned(),
        what,
        source,
    }
}

/// What a failed write means to someone who wanted `needed` bytes stored.
pub(super) fn write_failed(path: &Path, name: &str, needed: u64, source: io::Error) -> MediaError {
    match source.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => MediaError::DiskFull {
            name: name.to_owned(),
            needed,
        },
        _ => disk(path, "written", source),
    }
}
