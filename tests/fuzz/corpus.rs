//! The corpus: what fuzzers begin with, and what they found. One folder a target, one file an input.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Once;

use crate::seeds;

pub(crate) fn fuzz_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz")
}

/// The files of a target, in the order of their names.
pub(crate) fn read(target: &str) -> Vec<(PathBuf, Vec<u8>)> {
    write_seeds();
    let folder = fuzz_folder().join("corpus").join(target);
    let files =
        fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut paths: Vec<PathBuf> = files.map(|file| file.expect("a file").path()).collect();
    paths.sort();
    let bytes = |path: PathBuf| {
        let bytes = fs::read(&path).expect("a file of the corpus");
        (path, bytes)
    };
    let corpus: Vec<_> = paths.into_iter().map(bytes).collect();
    assert!(!corpus.is_empty(), "{} is empty", folder.display());
    corpus
}

/// Writes the inputs that are made from what is in the repository, if that is asked for with `TIDINGS_WRITE_CORPUS=1`.
fn write_seeds() {
    static ONCE: Once = Once::new();
    if std::env::var_os("TIDINGS_WRITE_CORPUS").is_none() {
        return;
    }
    ONCE.call_once(|| {
        for (target, name, bytes) in seeds::all() {
            let folder = fuzz_folder().join("corpus").join(target);
            fs::create_dir_all(&folder).expect("a folder of the corpus");
            fs::write(folder.join(name), bytes).expect("writing a file of the corpus");
        }
    });
}
