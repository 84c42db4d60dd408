//! What the tests share: nodes, ledgers of what arrived, random numbers, and a small disk.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use tidings::{
    ChangeCursor, ChangeKind, EntryRef, EntryView, FeedId, Node, PeerReport, Reached, TidingsError,
};
use tokio::time::timeout;

/// How long anything may take that does not hang.
pub(crate) const PATIENCE: Duration = Duration::from_secs(180);

pub(crate) async fn online(folder: &Path) -> Node {
    Node::builder().local_only().open(folder).await.unwrap()
}

pub(crate) async fn open_offline(folder: &Path) -> Result<Node, TidingsError> {
    Node::builder().local_only().offline().open(folder).await
}

pub(crate) async fn offline(folder: &Path) -> Node {
    open_offline(folder).await.unwrap()
}

/// The text of the error with which a folder is refused.
pub(crate) async fn refusal(folder: &Path) -> String {
    match open_offline(folder).await {
        Ok(_) => panic!("{} was opened", folder.display()),
        Err(error) => error.to_string(),
    }
}

pub(crate) async fn close(node: Node) {
    node.shutdown().await.unwrap();
}

/// The posts of a feed as a node shows them, oldest first by their place.
pub(crate) fn posts(node: &Node, feed: FeedId) -> Vec<(EntryRef, String)> {
    let mut question = node.timeline().feed(feed).limit(1_000);
    let mut posts = Vec::new();
    loop {
        let page = question.page().unwrap();
        let post = |entry: &EntryView| (entry.id(), entry.post().expect("a post").text.clone());
        posts.extend(page.entries().map(post));
        match page.next() {
            Some(next) => question = question.before(next),
            None => break,
        }
    }
    posts.sort_by_key(|(id, _)| (id.log.device, id.seq));
    posts
}

pub(crate) fn texts(node: &Node, feed: FeedId) -> Vec<String> {
    posts(node, feed)
        .into_iter()
        .map(|(_, text)| text)
        .collect()
}

/// What one reader of a node's change feed has seen, over restarts.
#[derive(Default)]
pub(crate) struct Ledger {
    cursor: ChangeCursor,
    pub(crate) arrived: BTreeSet<EntryRef>,
}

impl Ledger {
    /// Reads on from where it stopped until everything held has arrived, each entry once.
    pub(crate) async fn read_on(&mut self, node: &Node) {
        let held = node.counts().unwrap().all();
        let mut changes = node.changes(self.cursor);
        while (self.arrived.len() as u64) < held {
            let next = timeout(PATIENCE, changes.next()).await;
            let next = next.unwrap_or_else(|_| {
                panic!("{} of {held} entries arrived", self.arrived.len());
            });
            let event = next.expect("the stream goes on").unwrap();
            match event.kind() {
                ChangeKind::Entry(entry) => {
                    assert!(self.arrived.insert(entry.id()), "{} came twice", entry.id());
                }
                ChangeKind::Body(_) => {}
                other => panic!("{other:?}"),
            }
            assert!(event.cursor() > self.cursor);
            self.cursor = event.cursor();
        }
        assert_eq!(self.arrived.len() as u64, held);
    }
}

/// Waits until `done`, looking again whenever something is stored.
pub(crate) async fn until(node: &Node, done: impl Fn() -> bool) {
    let mut changes = node.changes(ChangeCursor::START);
    let reached = timeout(PATIENCE, async {
        while !done() {
            changes.next().await.expect("the node goes on").unwrap();
        }
    });
    assert!(
        reached.await.is_ok(),
        "it did not come about: {:?}",
        node.status()
    );
}

/// Syncs with everyone. A machine so slow that a connection is given up is no fault: that is reported, and tried again.
pub(crate) async fn sync(node: &Node) {
    let begun = Instant::now();
    loop {
        let report = node.sync(PATIENCE).await.unwrap();
        let fully = |peer: &PeerReport| peer.reached() == Reached::Fully;
        if !report.peers().is_empty() && report.peers().iter().all(fully) {
            return;
        }
        assert!(begun.elapsed() < PATIENCE, "{report:?}");
    }
}

/// Every file of a folder with its bytes.
pub(crate) fn files(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let entries = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    entries
        .map(|path| (path.clone(), std::fs::read(path).unwrap()))
        .collect()
}

/// Copies the files of a folder into a new one.
pub(crate) fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for (path, bytes) in files(from) {
        std::fs::write(to.join(path.file_name().unwrap()), bytes).unwrap();
    }
}

/// Random numbers from a seed that is printed: splitmix64.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(what: &str) -> Self {
        let set = std::env::var("TIDINGS_SEED")
            .ok()
            .and_then(|seed| seed.parse().ok());
        let clock = || {
            let now = std::time::SystemTime::now();
            now.duration_since(std::time::UNIX_EPOCH)
                .unwrap()
                .as_nanos()
        };
        let seed = set.unwrap_or_else(|| u64::try_from(clock() % (1 << 60)).unwrap());
        println!("{what}: TIDINGS_SEED={seed}");
        Self(seed)
    }

    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % bound
    }
}

/// A small disk in memory, gone when it is dropped.
pub(crate) struct SmallDisk(tempfile::TempDir);

impl SmallDisk {
    /// None, with the reason printed, where this process may not mount.
    pub(crate) fn mount(size: &str) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let size = format!("size={size}");
        let mut mount = Command::new("mount");
        mount
            .args(["-t", "tmpfs", "-o", &size, "tmpfs"])
            .arg(folder.path());
        run(mount).map(|()| Self(folder))
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    pub(crate) fn make_read_only(&self) {
        let mut mount = Command::new("mount");
        mount.args(["-o", "remount,ro"]).arg(self.path());
        run(mount).expect("what could be mounted can be mounted again");
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let mut umount = Command::new("umount");
        umount.arg("-l").arg(self.path());
        let _left_mounted = run(umount);
    }
}

/// Runs a command. None, with the reason printed, if that fails.
pub(crate) fn run(mut command: Command) -> Option<()> {
    match command.output() {
        Ok(output) if output.status.success() => Some(()),
        Ok(output) => {
            println!(
                "skipped: {}",
                String::from_utf8_lossy(&output.stderr).trim()
            );
            None
        }
        Err(error) => {
            println!("skipped: {command:?}: {error}");
            None
        }
    }
}
