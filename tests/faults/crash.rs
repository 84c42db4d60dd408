//! kill -9 of a real process at random moments.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::{Duration, Instant};

use tidings::{ChangeCursor, ChangeKind, EntryRef, FeedId, NewPost, Node};

use super::child::{BATCH, Task, acks, kills, run_and_kill};
use super::help::{Ledger, PATIENCE, Random, close, offline, online, posts, texts, until};

/// How long opening took after kills, and after clean ends.
#[derive(Default)]
struct Openings {
    killed: Vec<Duration>,
    clean: Vec<Duration>,
}

impl Openings {
    /// Opens a folder after a kill and once more after a clean end.
    async fn open(&mut self, folder: &Path) -> Node {
        let begun = Instant::now();
        close(offline(folder).await).await;
        self.killed.push(begun.elapsed());
        let begun = Instant::now();
        let node = offline(folder).await;
        self.clean.push(begun.elapsed());
        node
    }

    /// Only so loosely, since other tests run beside this one.
    fn check(mut self) {
        self.killed.sort();
        self.clean.sort();
        let (killed, clean) = (
            self.killed[self.killed.len() / 2],
            self.clean[self.clean.len() / 2],
        );
        let ratio = killed.as_secs_f64() / clean.as_secs_f64();
        println!("opening takes {killed:?} after a kill, {clean:?} else: {ratio:.1} times as long");
        assert!(killed < 20 * clean + Duration::from_secs(1));
    }
}

/// Places 0..n, each once, and among them everything that was acknowledged.
fn assert_whole(node: &Node, acked: &[EntryRef]) {
    let held: Vec<EntryRef> = posts(node, node.feed())
        .into_iter()
        .map(|(id, _)| id)
        .collect();
    let places: Vec<u64> = held.iter().map(|id| id.seq.0).collect();
    assert_eq!(places, (0..held.len() as u64).collect::<Vec<_>>());
    let held: BTreeSet<EntryRef> = held.into_iter().collect();
    for ack in acked {
        assert!(held.contains(ack), "{ack} was acknowledged and is lost");
    }
}

/// Batches are there wholly or not at all.
fn assert_whole_batches(node: &Node) {
    let mut batches: BTreeMap<String, usize> = BTreeMap::new();
    for text in texts(node, node.feed()) {
        if let Some(("batch", rest)) = text.split_once(' ') {
            let batch = rest.split(' ').next().unwrap().to_owned();
            *batches.entry(batch).or_default() += 1;
        }
    }
    assert!(batches.values().all(|count| *count == BATCH), "{batches:?}");
}

async fn befriend(one: &Node, other: &Node) {
    one.follow(&other.ticket().await.unwrap()).await.unwrap();
}

/// Kills children that post, with a follower online all the time.
async fn kill_while_posting(task: Task) {
    let mut random = Random::new(&format!("{task:?}"));
    let folders = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let ada = folders.0.path();
    let ben = online(folders.1.path()).await;
    // The very first opening is killed too.
    run_and_kill(task, ada, &mut random);
    let node = offline(ada).await;
    let feed = node.feed();
    befriend(&node, &ben).await;
    befriend(&ben, &node).await;
    close(node).await;

    let (mut acked, mut ledger, mut openings) =
        (Vec::new(), Ledger::default(), Openings::default());
    for killed in 0..kills() {
        acked.extend(acks(&run_and_kill(task, ada, &mut random)));
        // Sometimes the next child finds the folder as the kill left it.
        if random.below(3) > 0 {
            let node = openings.open(ada).await;
            assert_eq!(node.feed(), feed);
            // What is lost stays lost: it is seen as well after the next nine kills.
            if kills() < 50 || killed % 10 == 0 {
                assert_whole(&node, &acked);
                assert_whole_batches(&node);
                ledger.read_on(&node).await;
            }
            close(node).await;
        }
    }
    let (acks, before) = (acked.len(), posts(&ben, feed).len());
    let node = online(ada).await;
    assert_whole(&node, &acked);
    assert_whole_batches(&node);
    ledger.read_on(&node).await;
    let held = texts(&node, feed);
    println!(
        "{acks} acknowledged, {} held, {before} with the follower before",
        held.len()
    );
    assert!(acks > 0 && held.len() >= acks);
    let all = node.counts().unwrap().all();
    until(&ben, || {
        ben.counts().unwrap().all() >= all && texts(&ben, feed).len() >= held.len()
    })
    .await;
    assert_eq!(texts(&ben, feed), held);
    assert_never_forked(&ben).await;
    openings.check();
}

async fn assert_never_forked(node: &Node) {
    let entries = node.counts().unwrap().all();
    let mut changes = node.changes(ChangeCursor::START);
    let mut seen = 0;
    while seen < entries {
        let event = tokio::time::timeout(PATIENCE, changes.next()).await;
        match event.unwrap().unwrap().unwrap().kind() {
            ChangeKind::Entry(_) => seen += 1,
            ChangeKind::Body(_) => {}
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_while_posting_nothing_acknowledged_is_lost_and_no_place_is_used_twice() {
    kill_while_posting(Task::Post).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_while_posting_batches_each_is_there_wholly_or_not_at_all() {
    kill_while_posting(Task::PostBatches).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_while_syncing_what_came_stays_and_the_rest_comes_later() {
    let mut random = Random::new("Sync");
    let folders = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let ada = online(folders.0.path()).await;
    let cem = folders.1.path();
    let node = offline(cem).await;
    befriend(&node, &ada).await;
    close(node).await;
    let feed: FeedId = ada.feed();
    let (mut ledger, mut openings, mut partly) = (Ledger::default(), Openings::default(), 0);
    for round in 0..kills() {
        let batch = (0..400).map(|n| NewPost::new(format!("{round} {n}")));
        ada.send_all(batch.collect()).await.unwrap();
        run_and_kill(Task::Sync, cem, &mut random);
        let node = openings.open(cem).await;
        ledger.read_on(&node).await;
        let (held, all) = (posts(&node, feed), posts(&ada, feed));
        partly += u64::from(held.len() < all.len());
        let all: BTreeSet<_> = all.into_iter().collect();
        assert!(held.iter().all(|post| all.contains(post)));
        close(node).await;
    }
    println!(
        "{partly} of {} syncs were cut off before they had everything",
        kills()
    );
    let node = online(cem).await;
    until(&node, || texts(&node, feed).len() as u64 == kills() * 400).await;
    assert_eq!(texts(&node, feed), texts(&ada, feed));
    ledger.read_on(&node).await;
    openings.check();
}
