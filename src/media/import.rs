//! Taking bytes in: copied, hashed and made to last in one pass, whatever their size.

use std::fs::{self, File, Metadata};
use std::io::{self, BufWriter, Read, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::error::MediaError;
use super::files::{self, disk};
use super::sniff::HEAD;
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
    /// Its first bytes, which tell what it is.
    pub(crate) head: Vec<u8>,
    pub(crate) kept: Kept,
}

impl MediaStore {
    /// Takes a file in. It is on disk when this returns.
    ///
    /// # Errors
    ///
    /// If it is no file, is empty, cannot be read, changes meanwhile, or there is no room for it; nothing is left then.
    pub(crate) fn import_file(self: &Arc<Self>, path: &Path) -> Result<Imported, MediaError> {
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
        self.import_if(&name, before.len(), &mut file, |file, read| {
            let after = file.metadata().map_err(unreadable)?;
            if read != before.len() || differs(&before, &after) {
                return Err(MediaError::Changed {
                    path: path.to_owned(),
                });
            }
            Ok(())
        })
    }

    /// Takes in whatever a reader gives until it ends. `name` is what errors call it.
    ///
    /// # Errors
    ///
    /// As for [`import_file`](Self::import_file).
    pub(crate) fn import(
        self: &Arc<Self>,
        name: &str,
        reader: &mut dyn Read,
    ) -> Result<Imported, MediaError> {
        self.import_if(name, 0, reader, |_, _| Ok(()))
    }

    pub(super) fn import_if<R: Read + ?Sized>(
        self: &Arc<Self>,
        name: &str,
        expected: u64,
        reader: &mut R,
        check: impl FnOnce(&mut R, u64) -> Result<(), MediaError>,
    ) -> Result<Imported, MediaError> {
        let copy = Copy::begin(self.next_import())?;
        let (blob, len, head) = copy.run(name, expected, reader)?;
        check(reader, len)?;
        copy.sync()?;
        let kept = self.keep(blob);
        let names = self.names(&blob);
        let tree = has_tree(len).then_some(copy.tree.as_path());
        names.settle(&copy.data, tree)?;
        names.remove_part();
        Ok(Imported {
            blob,
            len,
            head,
            kept,
        })
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

/// A copy in the making. What is left of it when it is dropped is removed.
struct Copy {
    data: PathBuf,
    tree: PathBuf,
}

impl Copy {
    fn begin(data: PathBuf) -> Result<Self, MediaError> {
        if let Some(folder) = data.parent() {
            files::make_folder(folder)?;
        }
        let tree = data.with_extension("obao");
        Ok(Self { data, tree })
    }

    fn run<R: Read + ?Sized>(
        &self,
        name: &str,
        expected: u64,
        reader: &mut R,
    ) -> Result<(BlobHash, u64, Vec<u8>), MediaError> {
        let create =
            |path: &Path| File::create_new(path).map_err(|source| disk(path, "made", source));
        let (mut data, tree) = (create(&self.data)?, create(&self.tree)?);
        let mut hasher = TreeHasher::new(BufWriter::new(tree));
        let mut step = vec![0; STEP];
        let mut head = Vec::new();
        let mut len = 0_u64;
        let failed =
            |len: u64, source| files::write_failed(&self.data, name, expected.max(len), source);
        loop {
            let read = read_some(reader, &mut step).map_err(|source| MediaError::Source {
                name: name.to_owned(),
                source,
            })?;
            let bytes = step.get(..read).unwrap_or_default();
            if bytes.is_empty() {
                break;
            }
            if len == 0 {
                head.extend(bytes.iter().take(HEAD));
            }
            len += read as u64;
            if len > BLOB_BYTES {
                return Err(MediaError::TooLarge {
                    name: name.to_owned(),
                    limit: BLOB_BYTES,
                });
            }
            let written = data.write_all(bytes).and_then(|()| hasher.update(bytes));
            written.map_err(|source| failed(len, source))?;
        }
        if len == 0 {
            return Err(MediaError::Empty {
                name: name.to_owned(),
            });
        }
        let blob = hasher.finish().map_err(|source| failed(len, source))?;
        Ok((blob, len, head))
    }

    fn sync(&self) -> Result<(), MediaError> {
        for path in [&self.data, &self.tree] {
            let synced = File::open(path).and_then(|file| file.sync_all());
            // Some disks tell only now that they are full.
            synced.map_err(|source| files::write_failed(path, "what is attached", 0, source))?;
        }
        Ok(())
    }
}

impl Drop for Copy {
    fn drop(&mut self) {
        // What got its name is no longer there under this one.
        for path in [&self.data, &self.tree] {
            let _renamed = fs::remove_file(path);
        }
    }
}

/// Fills as much of the buffer as there is: a pipe gives little at a time.
fn read_some<R: Read + ?Sized>(reader: &mut R, buffer: &mut [u8]) -> io::Result<usize> {
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
