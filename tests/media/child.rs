//! A child process that fetches until it is killed: this test binary, run again.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};

use tidings::BlobHash;

use crate::help::online;

const FOLDER: &str = "TIDINGS_CHILD_FOLDER";
const BLOB: &str = "TIDINGS_CHILD_BLOB";
/// Opens each line that is meant for the parent: the test harness prints too.
const MARK: &str = "@@";

/// No test by itself: what the child does. Without the environment of a child it ends at once.
#[tokio::test(flavor = "multi_thread")]
async fn a_child_fetches_until_it_is_killed() {
    let (Ok(wanted), Some(folder)) = (std::env::var(BLOB), std::env::var_os(FOLDER)) else {
        return;
    };
    let (blob, len) = wanted.split_once(' ').unwrap();
    let (blob, len): (BlobHash, u64) = (blob.parse().unwrap(), len.parse().unwrap());
    let node = online(&PathBuf::from(folder)).await;
    let mut fetch = node.fetch_media((blob, len)).unwrap();
    while let Some(progress) = fetch.next().await {
        let mut out = std::io::stdout().lock();
        let line = format!("\n{MARK}{}\n", progress.have());
        out.write_all(line.as_bytes()).unwrap();
        out.flush().unwrap();
    }
}

/// A running child, killed at the latest when it is dropped.
pub(crate) struct Running {
    child: Child,
    out: BufReader<ChildStdout>,
}

impl Running {
    pub(crate) fn spawn(folder: &Path, blob: BlobHash, len: u64) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args([
                "--exact",
                "--nocapture",
                "child::a_child_fetches_until_it_is_killed",
            ])
            .env(FOLDER, folder)
            .env(BLOB, format!("{blob} {len}"))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .unwrap();
        let out = BufReader::new(child.stdout.take().unwrap());
        Self { child, out }
    }

    /// Waits until so many bytes have come.
    pub(crate) fn until(&mut self, bytes: u64) {
        let mut have = 0;
        while have < bytes {
            let mut line = String::new();
            assert!(
                self.out.read_line(&mut line).unwrap() > 0,
                "the child ended"
            );
            if let Some(told) = line.trim_end().strip_prefix(MARK) {
                have = told.parse().unwrap();
            }
        }
    }

    /// kill -9.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
