//! A child process that works on a folder until it is killed: this test binary, run again.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use futures_util::StreamExt as _;
use tidings::{EntryRef, NewPost, Node, PeerState, PeerStatus};

use super::busy;
use super::help::{PATIENCE, Random, offline, online};

const TASK: &str = "TIDINGS_CHILD_TASK";
const FOLDER: &str = "TIDINGS_CHILD_FOLDER";
/// Opens each line that is meant for the parent: the test harness prints too.
const MARK: &str = "@@";

/// Posts in one batch: more than a block, so that a batch is several runs.
pub(crate) const BATCH: usize = 70;

/// What a child does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Task {
    /// Posts one by one, online.
    Post,
    /// Posts in batches, online.
    PostBatches,
    /// Syncs from those whom it follows.
    Sync,
    /// Whatever a user may do, two things at a time, online.
    All,
    /// Holds the folder.
    Hold,
    /// Is there, online, and tells how many have a session.
    Serve,
    /// Posts now and then, online, until there is a file `stop` in its folder, and goes with `end`; tells what it holds of
    /// others.
    Talk,
}

/// No test by itself: what the child does. Without the environment of a child it ends at once.
#[tokio::test(flavor = "multi_thread")]
async fn a_child_works_until_it_is_killed() {
    let (Ok(task), Some(folder)) = (std::env::var(TASK), std::env::var_os(FOLDER)) else {
        return;
    };
    let folder = PathBuf::from(folder);
    match task.as_str() {
        "Post" => post(&online(&folder).await).await,
        "PostBatches" => post_batches(&online(&folder).await).await,
        "Sync" => sync(&online(&folder).await).await,
        "All" => {
            let node = online(&folder).await;
            tell("ready");
            tokio::join!(
                busy::work(&node, Random::new("child")),
                busy::work(&node, Random::new("child")),
            );
        }
        "Hold" => hold(&offline(&folder).await).await,
        "Serve" => serve(&online(&folder).await).await,
        "Talk" => talk(&online(&folder).await, &folder).await,
        other => panic!("no task {other}"),
    }
}

async fn post(node: &Node) {
    tell("ready");
    for n in 0_u64.. {
        let sent = node
            .post(format!("one {} {n}", std::process::id()))
            .send()
            .await
            .unwrap();
        tell(&format!("ack {sent}"));
    }
}

async fn post_batches(node: &Node) {
    tell("ready");
    for n in 0_u64.. {
        let text = |place| NewPost::new(format!("batch {}-{n} {place}", std::process::id()));
        let sent = node.send_all((0..BATCH).map(text).collect()).await.unwrap();
        for sent in sent {
            tell(&format!("ack {sent}"));
        }
        // So that hundreds of kills leave no more than can be read again after each.
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

async fn sync(node: &Node) {
    tell("ready");
    loop {
        node.sync(PATIENCE).await.unwrap();
        tell("synced");
    }
}

async fn hold(_node: &Node) {
    tell("ready");
    std::future::pending::<()>().await;
}

async fn serve(node: &Node) {
    tell("ready");
    let mut status = node.watch_status();
    while status.next().await.is_some() {
        tell(&format!("sessions {}", connected(node)));
    }
}

async fn talk(node: &Node, folder: &Path) {
    tell("ready");
    let (stop, end, ahead) = (
        folder.join("stop"),
        folder.join("end"),
        folder.join("ahead"),
    );
    let mut pause = tokio::time::interval(Duration::from_millis(40));
    let (mut before, mut posted, mut jumped) = (String::new(), 0, false);
    loop {
        pause.tick().await;
        // Its clock was set while it stood still.
        if !jumped && let Ok(millis) = std::fs::read_to_string(&ahead) {
            jumped = true;
            jump(millis.parse().unwrap());
        }
        if end.exists() {
            node.shutdown().await.unwrap();
            return tell("closed");
        }
        if stop.exists() {
            tell(&format!("posted {posted}"));
        } else {
            let sent = node.post(format!("talk {posted}")).send().await.unwrap();
            tell(&format!("ack {sent}"));
            posted += 1;
        }
        let counts = node.counts().unwrap();
        let held = counts.all() - counts.own();
        let now = format!("held {held} from {}", connected(node));
        if now != before {
            tell(&now);
            before = now;
        }
    }
}

#[cfg(feature = "test-util")]
fn jump(millis: i64) {
    Node::set_clock_ahead(millis);
}

#[cfg(not(feature = "test-util"))]
fn jump(_millis: i64) {}

/// With how many a node has a session.
pub(crate) fn connected(node: &Node) -> usize {
    let is_connected = |peer: &&PeerStatus| matches!(peer.state(), PeerState::Connected);
    node.status().peers().iter().filter(is_connected).count()
}

pub(crate) fn tell(line: &str) {
    let mut out = std::io::stdout().lock();
    out.write_all(format!("\n{MARK}{line}\n").as_bytes())
        .unwrap();
    out.flush().unwrap();
}

/// A running child, killed at the latest when it is dropped.
pub(crate) struct Running {
    child: Child,
    lines: Receiver<String>,
    told: Vec<String>,
}

impl Running {
    pub(crate) fn spawn(task: Task, folder: &Path) -> Self {
        Self::spawn_in(None, task, folder)
    }

    /// The same in a network namespace.
    pub(crate) fn spawn_in(namespace: Option<&str>, task: Task, folder: &Path) -> Self {
        let exe = std::env::current_exe().unwrap();
        let mut command = match namespace {
            None => Command::new(exe),
            Some(name) => {
                let mut command = Command::new("ip");
                command.args(["netns", "exec", name]).arg(exe);
                command
            }
        };
        let mut child = command
            .args([
                "--exact",
                "--nocapture",
                "child::a_child_works_until_it_is_killed",
            ])
            .env(TASK, format!("{task:?}"))
            .env(FOLDER, folder)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .unwrap();
        let out = BufReader::new(child.stdout.take().unwrap());
        let (send, lines) = channel();
        std::thread::spawn(move || {
            for line in out.lines().map_while(Result::ok) {
                if let Some(told) = line.strip_prefix(MARK) {
                    drop(send.send(told.to_owned()));
                }
            }
        });
        Self {
            child,
            lines,
            told: Vec::new(),
        }
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Waits until the child has opened its folder.
    pub(crate) fn until_ready(&mut self) {
        while self
            .line(Instant::now() + PATIENCE)
            .expect("the child gets ready")
            != "ready"
        {}
    }

    /// Waits until the child tells a line that is wanted.
    pub(crate) fn until(&mut self, what: &str, wanted: impl Fn(&str) -> bool) -> String {
        let end = Instant::now() + PATIENCE;
        loop {
            let line = self.line(end);
            let line = line.unwrap_or_else(|| panic!("{what}: {}", self.last_words()));
            if wanted(&line) {
                return line;
            }
        }
    }

    /// The last line of each sort that the child told.
    fn last_words(&self) -> String {
        let mut last = std::collections::BTreeMap::new();
        for line in &self.told {
            last.insert(line.split(' ').next(), line.as_str());
        }
        last.into_values().collect::<Vec<_>>().join(", ")
    }

    /// What the child told so far.
    pub(crate) fn told(&mut self) -> &[String] {
        while self.line(Instant::now()).is_some() {}
        &self.told
    }

    /// Lets the child work for a while.
    pub(crate) fn work(&mut self, time: Duration) {
        let end = Instant::now() + time;
        while self.line(end).is_some() {}
    }

    /// kill -9; returns all that the child told.
    pub(crate) fn kill(mut self) -> Vec<String> {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        // The pipe ends with the process.
        while self.line(Instant::now() + PATIENCE).is_some() {}
        std::mem::take(&mut self.told)
    }

    /// The next line before `end`.
    fn line(&mut self, end: Instant) -> Option<String> {
        let line = match self
            .lines
            .recv_timeout(end.saturating_duration_since(Instant::now()))
        {
            Ok(line) => line,
            Err(RecvTimeoutError::Timeout) => return None,
            Err(RecvTimeoutError::Disconnected) => return None,
        };
        self.told.push(line.clone());
        Some(line)
    }
}

/// What a child acknowledged.
pub(crate) fn acks(told: &[String]) -> Vec<EntryRef> {
    let names = told.iter().filter_map(|line| line.strip_prefix("ack "));
    names.map(|name| name.parse().unwrap()).collect()
}

/// How many children each test kills. More on demand: TIDINGS_KILLS=200.
pub(crate) fn kills() -> u64 {
    let count = std::env::var("TIDINGS_KILLS");
    count.map_or(20, |count| count.parse().expect("a number"))
}

/// Runs a child and kills it: one time in four while it opens, else while it works.
pub(crate) fn run_and_kill(task: Task, folder: &Path, random: &mut Random) -> Vec<String> {
    let mut child = Running::spawn(task, folder);
    if random.below(4) == 0 {
        child.work(Duration::from_millis(random.below(120)));
    } else {
        child.until_ready();
        child.work(Duration::from_micros(random.below(400_000)));
    }
    child.kill()
}

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
