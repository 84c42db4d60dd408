//! Taking bytes in: copied, hashed and made to last in one pass, whatever their size.

use std::fs::{self, File, Metadata};
use std::io::{self, BufWriter, Read, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::error::MediaError;
use super::files::{self, disk};
use super::tree::{TreeHasher, has_tree};
use super::{BLOB_BYTES, Kept, MediaStore};
use crate::format::BlobHash;

/// Bytes copied in one step.
const STEP: usize = 256 * 1024;

/// Bytes that were taken in. They stay while `kept` does, and from then on while an entry names them.
#[derive(Debug)]
pub(crate) struct Imported {
    pub(crate) blob: BlobHash,
    pub(crate) len: u64,
    pub(crate) kept: Kept,
}

impl MediaStore {
    /// Copies a file, to be taken in with [`Import::finish`].
    ///
    /// # Errors
    ///
    /// If it is no file, is empty, cannot be read, changes meanwhile, or there is no room for it; nothing is left then.
    pub(crate) fn import_file(self: &Arc<Self>, path: &Path) -> Result<Import, MediaError> {
        let name = path.display().to_string();
        let unreadable = |source| MediaError::Source {
            name: name.clone(),
            source,
        };
        // Before it is opened: opening a pipe would wait for whoever writes to it.
        if !fs::metadata(path).map_err(unreadable)?.is_file() {
            return Err(MediaError::NotAFile {
                path: path.to_owned(),
            });
        }
        let mut file = File::open(path).map_err(unreadable)?;
        let before = file.metadata().map_err(unreadable)?;
        let mut import = Import::begin(self.clone(), name.clone(), before.len())?;
        import.copy(&mut file)?;
        let after = file.metadata().map_err(unreadable)?;
        if import.len != before.len() || differs(&before, &after) {
            return Err(MediaError::Changed {
                path: path.to_owned(),
            });
        }
        Ok(import)
    }

    /// Copies whatever a reader gives until it ends, to be taken in with [`Import::finish`]. `name` is what errors call it.
    ///
    /// # Errors
    ///
    /// As for [`import_file`](Self::import_file).
    pub(crate) fn import(
        self: &Arc<Self>,
        name: &str,
        reader: &mut dyn Read,
    ) -> Result<Import, MediaError> {
        let mut import = Import::begin(self.clone(), name.to_owned(), 0)?;
        import.copy(reader)?;
        Ok(import)
    }
}

pub(super) fn differs(before: &Metadata, after: &Metadata) -> bool {
    let same_time = match (before.modified(), after.modified()) {
        (Ok(before), Ok(after)) => before == after,
        // There is no telling on such a file system.
        _ => true,
    };
    before.len() != after.len() || !same_time
}

/// A copy that is being taken in. Dropped, nothing of it is left.
#[derive(Debug)]
pub(crate) struct Import {
    paths: Paths,
    name: String,
    /// Bytes that are to come, as far as that is known.
    expected: u64,
    len: u64,
    data: File,
    hasher: TreeHasher<BufWriter<File>>,
    store: Arc<MediaStore>,
}

impl Import {
    pub(crate) fn begin(
        store: Arc<MediaStore>,
        name: String,
        expected: u64,
    ) -> Result<Self, MediaError> {
        let data = store.next_import();
        if let Some(folder) = data.parent() {
            files::make_folder(folder)?;
        }
        let tree = data.with_extension("obao");
        let paths = Paths { data, tree };
        let mut options = File::options();
        options.read(true).write(true).create_new(true);
        let created = options.open(&paths.data);
        let file = created.map_err(|source| disk(&paths.data, "made", source))?;
        Ok(Self {
            hasher: paths.hasher()?,
            paths,
            name,
            expected,
            len: 0,
            data: file,
            store,
        })
    }

    /// Adds bytes at the end.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> Result<(), MediaError> {
        self.len = self.len.saturating_add(bytes.len() as u64);
        if self.len > BLOB_BYTES {
            let (name, limit) = (self.name.clone(), BLOB_BYTES);
            return Err(MediaError::TooLarge { name, limit });
        }
        let written = self.data.write_all(bytes);
        written
            .and_then(|()| self.hasher.update(bytes))
            .map_err(|source| self.failed(source))
    }

    fn copy(&mut self, reader: &mut dyn Read) -> Result<(), MediaError> {
        let mut step = vec![0; STEP];
        loop {
            let read = read_some(reader, &mut step).map_err(|source| MediaError::Source {
                name: self.name.clone(),
                source,
            })?;
            if read == 0 {
                break;
            }
            self.write(step.get(..read).unwrap_or_default())?;
        }
        if self.len == 0 {
            let name = self.name.clone();
            return Err(MediaError::Empty { name });
        }
        Ok(())
    }

    /// The copy, to be looked into. Whoever changes it says so with [`changed`](Self::changed).
    pub(crate) const fn file(&mut self) -> &mut File {
        &mut self.data
    }

    /// The copy is not any more what was written.
    pub(crate) fn changed(&mut self) -> Result<(), MediaError> {
        self.hasher = self.paths.hasher()?;
        self.len = 0;
        self.rehash().map_err(|source| self.failed(source))
    }

    fn rehash(&mut self) -> io::Result<()> {
        self.data.seek(SeekFrom::Start(0))?;
        let mut step = vec![0; STEP];
        loop {
            let read = self.data.read(&mut step)?;
            if read == 0 {
                return Ok(());
            }
            self.len += read as u64;
            self.hasher.update(step.get(..read).unwrap_or_default())?;
        }
    }

    /// Makes it last and gives it its name. It is on disk when this returns.
    ///
    /// # Errors
    ///
    /// If the disk fails; nothing is left then.
    pub(crate) fn finish(mut self) -> Result<Imported, MediaError> {
        let hashed = self.hasher.end();
        let blob = hashed.map_err(|source| self.failed(source))?;
        let has_tree = has_tree(self.len);
        // Some disks tell only now that they are full.
        let synced = self.data.sync_all();
        synced.map_err(|source| self.failed(source))?;
        if has_tree {
            // Open for writing: Windows syncs no other.
            let tree = File::options().write(true).open(&self.paths.tree);
            let synced = tree.and_then(|tree| tree.sync_all());
            synced.map_err(|source| self.failed(source))?;
        }
        let kept = self.store.keep(blob);
        let names = self.store.names(&blob);
        names.settle(
            &self.paths.data,
            has_tree.then_some(self.paths.tree.as_path()),
        )?;
        names.remove_part();
        let len = self.len;
        Ok(Imported { blob, len, kept })
    }

    fn failed(&self, source: io::Error) -> MediaError {
        let needed = self.expected.max(self.len);
        files::write_failed(&self.paths.data, &self.name, needed, source)
    }
}

/// Where a copy lies. What is left there at the end is removed.
#[derive(Debug)]
struct Paths {
    data: PathBuf,
    tree: PathBuf,
}

impl Paths {
    fn hasher(&self) -> Result<TreeHasher<BufWriter<File>>, MediaError> {
        let tree = File::create(&self.tree).map_err(|source| disk(&self.tree, "made", source))?;
        Ok(TreeHasher::new(BufWriter::new(tree)))
    }
}

impl Drop for Paths {
    fn drop(&mut self) {
        // What got its name is no longer there under this one.
        for path in [&self.data, &self.tree] {
            let _renamed = fs::remove_file(path);
        }
    }
}

/// Fills as much of the buffer as there is: a pipe gives little at a time.
fn read_some(reader: &mut dyn Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while let Some(rest) = buffer.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match reader.read(rest) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}
