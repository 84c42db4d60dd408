//! Whether a folder is still the one that was opened last: what a copy of it, or a backup put back, cannot have.
//!
//! Two things are compared. The *marker*, a file that is written once, says when it was itself made, its inode and the
//! machine: copying makes another file, even where it gets the same inode again. A *counter* goes up with each session that
//! writes own entries, in the store and in a file outside the folder, in the user's state directory: whoever puts an older
//! store in place of the newer one without making another marker file is found by that. Moving the folder within a file
//! system changes neither.
//! The number of the device that the folder is mounted from, and `f_fsid`, which some file systems make of that, are not
//! looked at: they change as a machine starts.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use super::error::TidingsError;
use super::keys::{failed, private, random, sync_folder};
use crate::format::to_base32;

const MARKER: &str = "marker";

/// What the comparison came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// The store was never set up here.
    New,
    /// All that can be compared is the same.
    Same,
    /// All that can be compared is the same, and something that would tell more is not to be had: the time at which the
    /// marker was made, or the counter outside the folder.
    Doubtful,
    /// A backup that was put back in the same place: the newer state of it is gone.
    PutBack,
    /// A copy, or a backup that was put back in another place: the original may still be in use.
    Elsewhere,
}

/// The marker of a folder and the file outside it.
#[derive(Debug, Clone)]
pub(super) struct Marker {
    folder: PathBuf,
    /// The user's state directory; none where there is none.
    outside: Option<PathBuf>,
}

/// What stands in the file outside: what the store counted last, and what it counts if a write that was begun is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Counted {
    current: u64,
    next: u64,
}

impl Marker {
    /// Of a folder, with the state directory that the caller names, or else the user's.
    pub(super) fn of(folder: &Path, state: Option<PathBuf>) -> Self {
        Self {
            folder: folder.to_owned(),
            outside: state.or_else(state_folder),
        }
    }

    /// Whether the store beside the marker has been set up.
    pub(super) fn is_set(folder: &Path) -> Result<bool, TidingsError> {
        let path = folder.join(MARKER);
        path.try_exists()
            .map_err(|error| failed(&path, "read", &error))
    }

    /// Compares what is found with what was left by the last session. The store counts so many `sessions`.
    pub(super) fn judge(&self, sessions: u64) -> Result<Place, TidingsError> {
        let path = self.folder.join(MARKER);
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Place::New),
            Err(error) => return Err(failed(&path, "read", &error)),
        };
        let lines: Vec<&str> = text.lines().collect();
        let [id, place, facts @ ..] = lines.as_slice() else {
            return Ok(Place::Elsewhere);
        };
        let (now, is_sure) = facts_of(&path)?;
        let same_machine = facts.first() == now.lines().next().as_ref();
        let elsewhere = if same_machine && *place == self.place() {
            Place::PutBack
        } else {
            Place::Elsewhere
        };
        if facts.join("\n") != now {
            return Ok(elsewhere);
        }
        match self.outside_file(id).map(|file| read_counted(&file)) {
            Some(Some(counted)) if ![counted.current, counted.next].contains(&sessions) => {
                Ok(elsewhere)
            }
            Some(Some(_)) if is_sure => Ok(Place::Same),
            _ => Ok(Place::Doubtful),
        }
    }

    /// Makes the marker anew, under a new name outside, so that a copy and its original do not count as one.
    pub(super) fn mark(&self) -> Result<(), TidingsError> {
        let path = self.folder.join(MARKER);
        let fresh = self.folder.join("marker.new");
        let (id, place) = (to_base32(&random::<16>()?), self.place());
        let write = || -> io::Result<()> {
            // Another file, put in place whole: the time at which it was made is what tells it from a copy.
            match fs::remove_file(&fresh) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
            let mut file = private().create_new(true).open(&fresh)?;
            let (facts, _) = facts_of(&fresh).map_err(io::Error::other)?;
            file.write_all(format!("id {id}\n{place}\n{facts}").as_bytes())?;
            file.sync_all()?;
            drop(file);
            fs::rename(&fresh, &path)?;
            sync_folder(&self.folder)
        };
        write().map_err(|error| failed(&path, "written", &error))
    }

    /// Says outside that the store is about to count `next` where it counts `current`. What cannot be written leaves a
    /// doubt at the next opening, and is no reason not to open.
    pub(super) fn count(&self, current: u64, next: u64) {
        let id = fs::read_to_string(self.folder.join(MARKER)).unwrap_or_default();
        let Some(file) = id.lines().next().and_then(|id| self.outside_file(id)) else {
            return;
        };
        let _doubtful_then = write_counted(&file, Counted { current, next });
    }

    /// Where the folder lies. It may be moved, so this tells nothing by itself.
    fn place(&self) -> String {
        let path = self.folder.canonicalize();
        let path = path.unwrap_or_else(|_| self.folder.clone());
        let context = "tidings v1 2026-11 place of a folder";
        let hash = blake3::derive_key(context, path.as_os_str().as_encoded_bytes());
        format!("folder {}", to_base32(&hash))
    }

    fn outside_file(&self, id: &str) -> Option<PathBuf> {
        let id = id.strip_prefix("id ")?;
        let is_name = !id.is_empty() && id.bytes().all(|b| b.is_ascii_alphanumeric());
        let folder = self.outside.as_ref().filter(|_| is_name)?;
        Some(folder.join(format!("folder-{id}")))
    }
}

/// Where programs keep what they have to remember of this user on this machine.
fn state_folder() -> Option<PathBuf> {
    let named = |name: &str| {
        let path = std::env::var_os(name).map(PathBuf::from);
        path.filter(|path| path.is_absolute())
    };
    let base = if cfg!(windows) {
        named("LOCALAPPDATA")?
    } else {
        named("XDG_STATE_HOME").or_else(|| Some(named("HOME")?.join(".local/state")))?
    };
    Some(base.join("tidings"))
}

/// What a copy of the marker does not have, and whether the time at which it was made is among it.
fn facts_of(path: &Path) -> Result<(String, bool), TidingsError> {
    let machine = fs::read_to_string("/etc/machine-id").unwrap_or_default();
    let file = fs::metadata(path).map_err(|error| failed(path, "read", &error))?;
    let made = file
        .created()
        .ok()
        .and_then(|at| at.duration_since(UNIX_EPOCH).ok())
        .filter(|since| !since.is_zero());
    let text = made.map_or_else(
        || "unknown".to_owned(),
        |since| format!("{}.{:09}", since.as_secs(), since.subsec_nanos()),
    );
    let facts = format!(
        "machine {}\nfile {}\nmade {text}",
        machine.trim(),
        inode(&file)
    );
    Ok((facts, made.is_some()))
}

#[cfg(unix)]
fn inode(file: &fs::Metadata) -> u64 {
    std::os::unix::fs::MetadataExt::ino(file)
}

#[cfg(not(unix))]
fn inode(_: &fs::Metadata) -> u64 {
    0
}

fn read_counted(file: &Path) -> Option<Counted> {
    let text = fs::read_to_string(file).ok()?;
    let (current, next) = text.trim_end().split_once(' ')?;
    Some(Counted {
        current: current.parse().ok()?,
        next: next.parse().ok()?,
    })
}

/// The first append of a session waits for this: of a file that is there a few bytes are written over, all of one sector. Torn, they leave a
/// doubt. That the store counts no further any more need not be on disk: without it less is noticed, and nothing wrong.
fn write_counted(file: &Path, counted: Counted) -> io::Result<()> {
    let text = format!("{:020} {:020}\n", counted.current, counted.next);
    if let Ok(mut out) = OpenOptions::new().write(true).open(file) {
        out.write_all(text.as_bytes())?;
        return if counted.current == counted.next {
            Ok(())
        } else {
            out.sync_data()
        };
    }
    let folder = file.parent().unwrap_or_else(|| Path::new("."));
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)?;
    let fresh = file.with_extension("new");
    let mut options: OpenOptions = private();
    let mut out: File = options.create(true).truncate(true).open(&fresh)?;
    out.write_all(text.as_bytes())?;
    out.sync_all()?;
    drop(out);
    fs::rename(&fresh, file)?;
    sync_folder(folder)
}

#[cfg(test)]
mod tests {
    use super::*;

    struct World {
        folder: tempfile::TempDir,
        state: tempfile::TempDir,
    }

    impl World {
        fn marked() -> Self {
            let world = Self {
                folder: tempfile::tempdir().unwrap(),
                state: tempfile::tempdir().unwrap(),
            };
            world.marker().mark().unwrap();
            world.marker().count(1, 1);
            world
        }

        fn marker(&self) -> Marker {
            Marker::of(self.folder.path(), Some(self.state.path().to_owned()))
        }

        fn with_time(&self) -> bool {
            facts_of(&self.folder.path().join(MARKER)).unwrap().1
        }
    }

    fn is_same(place: Place) -> bool {
        matches!(place, Place::Same | Place::Doubtful)
    }

    #[test]
    fn a_copy_is_noticed_and_told_from_what_was_put_back() {
        let (world, copy) = (World::marked(), tempfile::tempdir().unwrap());
        let name = |folder: &Path| folder.join(MARKER);
        fs::copy(name(world.folder.path()), name(copy.path())).unwrap();
        let copied = Marker::of(copy.path(), Some(world.state.path().to_owned()));
        assert_eq!(copied.judge(1).unwrap(), Place::Elsewhere);
        assert!(is_same(world.marker().judge(1).unwrap()));
    }

    #[test]
    fn a_marker_put_back_is_another_file_even_with_the_same_inode() {
        let world = World::marked();
        assert!(is_same(world.marker().judge(1).unwrap()));
        let path = world.folder.path().join(MARKER);
        let text = fs::read(&path).unwrap();
        fs::remove_file(&path).unwrap();
        fs::write(&path, text).unwrap();
        if world.with_time() {
            assert_eq!(world.marker().judge(1).unwrap(), Place::PutBack);
        }
    }

    #[test]
    fn an_older_store_is_noticed_by_the_counter_and_a_kill_while_writing_is_not() {
        let world = World::marked();
        world.marker().count(1, 2);
        assert!(is_same(world.marker().judge(1).unwrap()));
        assert!(is_same(world.marker().judge(2).unwrap()));
        world.marker().count(2, 2);
        assert_eq!(world.marker().judge(1).unwrap(), Place::PutBack);
    }

    #[test]
    fn a_state_directory_that_is_gone_leaves_a_doubt_and_no_verdict() {
        let world = World::marked();
        fs::remove_dir_all(world.state.path()).unwrap();
        assert_eq!(world.marker().judge(1).unwrap(), Place::Doubtful);
        let nowhere = Marker {
            folder: world.folder.path().to_owned(),
            outside: None,
        };
        nowhere.count(1, 2);
        assert_eq!(nowhere.judge(1).unwrap(), Place::Doubtful);
    }

    #[test]
    fn a_folder_that_is_renamed_is_the_same() {
        let parent = tempfile::tempdir().unwrap();
        let state = tempfile::tempdir().unwrap();
        let (one, other) = (parent.path().join("one"), parent.path().join("other"));
        fs::create_dir(&one).unwrap();
        let at = |folder: &Path| Marker::of(folder, Some(state.path().to_owned()));
        at(&one).mark().unwrap();
        at(&one).count(1, 1);
        let before = at(&one).judge(1).unwrap();
        fs::rename(&one, &other).unwrap();
        assert_eq!(at(&other).judge(1).unwrap(), before);
        assert!(is_same(before));
    }
}
