//! Folders, nodes and stores that workloads begin with.

use std::path::{Path, PathBuf};

use tempfile::TempDir;
use tidings::format::{LogId, PackedRun, Statement};
use tidings::{FeedId, FeedTicket, Node};

use super::bare::Bare;
use super::data::{World, packed};

/// How large the workloads are: scaled down to a few minutes, or whole.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scale {
    Short,
    Full,
}

impl Scale {
    pub(crate) fn from_env() -> Self {
        match std::env::var_os("TIDINGS_BENCH_FULL") {
            Some(set) if set != "0" => Self::Full,
            _ => Self::Short,
        }
    }

    pub(crate) const fn of(self, short: u64, full: u64) -> u64 {
        match self {
            Self::Short => short,
            Self::Full => full,
        }
    }
}

/// A temporary folder; `TMPDIR` says on which disk.
pub(crate) struct Folder(TempDir);

impl Folder {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().expect("a temporary folder"))
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    pub(crate) fn join(&self, name: &str) -> PathBuf {
        self.path().join(name)
    }
}

pub(crate) async fn open_offline(folder: &Path) -> Node {
    let node = Node::builder().local_only().offline().open(folder).await;
    node.expect("a folder of its own")
}

pub(crate) async fn open_online(folder: &Path) -> Node {
    let node = Node::builder().local_only().open(folder).await;
    node.expect("a folder and a port of its own")
}

/// Follows feeds without saying where they may be found.
pub(crate) async fn follow(node: &Node, feeds: &[FeedId]) {
    for feed in feeds {
        node.follow(&FeedTicket::new(*feed))
            .await
            .expect("a feed to follow");
    }
}

/// An offline node that follows all authors and holds the next `each` posts of every one; the same goes into `bare`.
pub(crate) async fn filled(
    folder: &Path,
    world: &mut World,
    each: u64,
    bare: Option<&Bare>,
) -> Node {
    let node = open_offline(folder).await;
    follow(&node, &world.feeds()).await;
    fill(&node, world, each, bare).await;
    node
}

/// Takes the next `each` posts of every author in, a part at a time.
pub(crate) async fn fill(node: &Node, world: &mut World, each: u64, bare: Option<&Bare>) {
    let mut statements = world.statements();
    let mut left = each;
    while left > 0 {
        let now = left.min(640);
        let runs = world.write(now);
        take_all(node, std::mem::take(&mut statements), packed(&runs)).await;
        if let Some(bare) = bare {
            bare.layout(&runs);
        }
        left -= now;
    }
    let held = node.counts().expect("counts").all();
    assert!(
        held >= world.posts(),
        "{held} of {} are held",
        world.posts()
    );
}

/// Takes in what is new; a run that was not stored would make every figure after it worthless.
pub(crate) async fn take_all(
    node: &Node,
    statements: Vec<Statement>,
    runs: Vec<(LogId, PackedRun)>,
) {
    let new = runs.len();
    let stored = node.take_in(statements, runs).await.expect("what fits");
    assert_eq!(stored, new, "all runs are new and were stored");
}
