//! Who has the file open: redb holds the lock, a file beside it says whose it is.

use std::fs;
use std::path::{Path, PathBuf};

/// Names this process beside the store; best effort, as nothing depends on it but a message.
#[derive(Debug)]
pub(super) struct PidFile(Option<PathBuf>);

impl PidFile {
    /// Writes it; call only while holding the lock.
    pub(super) fn write(store: &Path) -> Self {
        let path = pid_path(store);
        let written =
            path != store && fs::write(&path, format!("{}\n", std::process::id())).is_ok();
        Self(written.then_some(path))
    }

    pub(super) fn remove(&mut self) {
        if let Some(path) = self.0.take() {
            // Left behind, it means nothing: it is read only when the lock is held.
            drop(fs::remove_file(path));
        }
    }
}

/// The process that holds the lock of `store`, as far as can be told.
pub(super) fn holder(store: &Path) -> Option<u32> {
    let written = fs::read_to_string(pid_path(store)).ok()?;
    let pid = written.trim().parse().ok()?;
    is_running(pid).then_some(pid)
}

/// Whether a process `pid` may exist; told where that takes no foreign call.
fn is_running(pid: u32) -> bool {
    let processes = Path::new("/proc");
    !processes.join("self").exists() || processes.join(pid.to_string()).exists()
}

fn pid_path(store: &Path) -> PathBuf {
    store.with_extension("pid")
}
