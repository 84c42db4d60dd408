//! What of a folder nobody else on this machine may look into.
//!
//! A folder is made readable by its owner only; this is for one that was made by something else, or copied, or whose modes
//! somebody widened. Only where the system has such modes.

use std::io;
use std::path::{Path, PathBuf};

/// Takes away from everybody else what they may do with a folder and the keys in it; says where they could do anything.
///
/// A folder that is everybody's, such as that of temporary files, stays as it is.
#[cfg(unix)]
pub(super) fn tighten(folder: &Path) -> Vec<PathBuf> {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::PermissionsExt as _;

    const OTHERS: u32 = 0o077;
    const OF_EVERYBODY: u32 = 0o1000;
    let mut tightened = Vec::new();
    let keys = folder.join("keys");
    for path in [folder, &keys] {
        let Ok(found) = fs::metadata(path) else {
            continue;
        };
        let mode = found.permissions().mode();
        if mode & OTHERS == 0 || mode & OF_EVERYBODY != 0 {
            continue;
        }
        // A file system without modes, or another's folder, refuses; the node works there all the same.
        let owners = Permissions::from_mode(mode & 0o7777 & !OTHERS);
        if fs::set_permissions(path, owners).is_ok() {
            tightened.push(path.to_owned());
        }
    }
    tightened
}

#[cfg(not(unix))]
pub(super) fn tighten(_: &Path) -> Vec<PathBuf> {
    Vec::new()
}

/// A new file that only its owner may read.
pub(super) fn create_new(path: &Path) -> io::Result<std::fs::File> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

#[cfg(all(test, unix))]
mod tests {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o7777
    }

    #[test]
    fn what_others_could_read_is_tightened_and_named_once() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("node");
        let keys = folder.join("keys");
        fs::create_dir(&folder).unwrap();
        fs::write(&keys, "secret").unwrap();
        fs::set_permissions(&folder, Permissions::from_mode(0o755)).unwrap();
        fs::set_permissions(&keys, Permissions::from_mode(0o644)).unwrap();
        assert_eq!(tighten(&folder), [folder.clone(), keys.clone()]);
        assert_eq!((mode(&folder), mode(&keys)), (0o700, 0o600));
        assert!(tighten(&folder).is_empty());
    }

    #[test]
    fn a_folder_of_everybody_stays_as_it_is() {
        let root = tempfile::tempdir().unwrap();
        fs::set_permissions(root.path(), Permissions::from_mode(0o1777)).unwrap();
        assert!(tighten(root.path()).is_empty());
        assert_eq!(mode(root.path()), 0o1777);
        assert!(tighten(&root.path().join("missing")).is_empty());
    }
}
