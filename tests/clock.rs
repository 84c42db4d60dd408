//! Clocks that jump years both ways under nodes that run: nothing is lost, nothing is erased before its time, and what was
//! claimed under a wrong clock moves no later claim.
//!
//! In a file of its own, since the clock is one for all nodes of a process; the tests take turns for the same reason.

#![cfg(all(feature = "net", feature = "test-util"))]

use std::path::Path;
use std::time::Duration;

use tidings::{ChangeCursor, EntryRef, EntryState, Node, TidingsError};
use tokio::sync::{Mutex, MutexGuard};
use tokio::time::timeout;

const PATIENCE: Duration = Duration::from_secs(120);
const MINUTE: i64 = 60 * 1_000;
const DAY: i64 = 24 * 60 * MINUTE;
const YEAR: i64 = 365 * DAY;

static CLOCK: Mutex<()> = Mutex::const_new(());

/// The clock for one test: as the system's to begin with.
async fn clock() -> MutexGuard<'static, ()> {
    let guard = CLOCK.lock().await;
    Node::set_clock_ahead(0);
    guard
}

async fn online(folder: &Path) -> Node {
    Node::builder().local_only().open(folder).await.unwrap()
}

async fn offline(folder: &Path) -> Node {
    Node::builder().offline().open(folder).await.unwrap()
}

/// The system's clock.
fn system() -> i64 {
    let since = std::time::UNIX_EPOCH.elapsed().unwrap();
    i64::try_from(since.as_millis()).unwrap()
}

/// Waits until a node holds an entry with its body.
async fn until_held(node: &Node, name: &EntryRef) {
    let mut changes = node.changes(ChangeCursor::START);
    let held = timeout(PATIENCE, async {
        while node
            .entry(name)
            .unwrap()
            .is_none_or(|entry| entry.post().is_none())
        {
            changes.next().await.expect("the node goes on").unwrap();
        }
    });
    assert!(
        held.await.is_ok(),
        "{name} did not come: {:?}",
        node.status()
    );
}

/// The texts that a node's timeline shows.
fn shown(node: &Node) -> Vec<String> {
    let page = node.timeline().page().unwrap();
    let texts = page
        .entries()
        .map(|entry| entry.post().unwrap().text.clone());
    texts.collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_jumps_years_both_ways_loses_nothing() {
    let _clock = clock().await;
    let folders = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (mut ada, ben) = (
        online(folders.0.path()).await,
        online(folders.1.path()).await,
    );
    ben.follow(&ada.ticket().await.unwrap()).await.unwrap();
    // After a restart it is at another port, and the one that knows where to find the other.
    ada.follow(&ben.ticket().await.unwrap()).await.unwrap();
    let mut sent = Vec::new();
    for (jump, years) in [0, 30, -30, 5, -50, 0].into_iter().enumerate() {
        Node::set_clock_ahead(years * YEAR);
        let post = ada.post(format!("after jump {jump}")).send().await.unwrap();
        // An undo is an own entry too, and judged by the clock.
        let deleted = ada.post("deleted and put back").send().await.unwrap();
        ada.delete(&deleted).await.unwrap();
        ada.undelete(&deleted).await.unwrap();
        sent.extend([post, deleted]);
        for name in &sent {
            until_held(&ben, name).await;
        }
        // What was claimed before moves nothing: it is the clock's time, or that of the release where it is behind that.
        let claimed = ada.entry(&post).unwrap().unwrap().time().as_millis();
        let off = claimed - (system() + years * YEAR);
        assert!(off.abs() < MINUTE || years < 0, "jump {jump} claims {off}");
        assert!(claimed < system() + years.max(0) * YEAR + MINUTE);
        if jump % 2 == 1 {
            ada.shutdown().await.unwrap();
            ada = online(folders.0.path()).await;
        }
    }
    for node in [&ada, &ben] {
        assert!(node.check(|_| ()).await.unwrap().is_clean());
    }
    ada.shutdown().await.unwrap();
    ben.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_post_under_a_wrong_clock_spoils_no_later_one_and_can_be_said_again() {
    let _clock = clock().await;
    let folders = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let ben = online(folders.1.path()).await;
    Node::set_clock_ahead(73 * YEAR);
    let ada = online(folders.0.path()).await;
    let wrong = ada.post("in 2099").tag("years").send().await.unwrap();
    ada.shutdown().await.unwrap();
    Node::set_clock_ahead(0);
    let ada = online(folders.0.path()).await;
    ben.follow(&ada.ticket().await.unwrap()).await.unwrap();
    let right = ada.post("with the right clock").send().await.unwrap();
    until_held(&ben, &wrong).await;
    until_held(&ben, &right).await;
    assert_eq!(shown(&ben), ["with the right clock"]);
    let ahead = ada.ahead().unwrap();
    assert_eq!(ahead.len(), 1);
    assert_eq!(ahead[0].id(), wrong);
    let from = ahead[0].seen_from().as_millis();
    assert!((from - (system() + 73 * YEAR)).abs() < 20 * MINUTE);

    let again = ada.say_again(&wrong).await.unwrap();
    until_held(&ben, &again).await;
    assert_eq!(shown(&ada), ["in 2099", "with the right clock"]);
    assert_eq!(shown(&ben), ["in 2099", "with the right clock"]);
    let said = ben.entry(&again).unwrap().unwrap();
    assert_eq!(said.tags(), ["years"]);
    assert!((said.time().as_millis() - system()).abs() < MINUTE);
    assert_eq!(ada.ahead().unwrap().len(), 0);
    let first = ada.entry(&wrong).unwrap().unwrap();
    assert_eq!(first.state(), EntryState::Deleted);
    for name in [&again, &wrong] {
        let refused = ada.say_again(name).await.unwrap_err();
        assert!(
            matches!(refused, TidingsError::NotEditable { .. }),
            "{refused}"
        );
    }
    ada.shutdown().await.unwrap();
    ben.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_undo_outlives_a_clock_that_jumped_past_its_thirty_days() {
    let _clock = clock().await;
    let folder = tempfile::tempdir().unwrap();
    let node = offline(folder.path()).await;
    let post = node.post("deleted").send().await.unwrap();
    node.delete(&post).await.unwrap();
    // While it runs, then between two runs, then back.
    for ahead in [40 * DAY, 73 * YEAR, -YEAR] {
        Node::set_clock_ahead(ahead);
        node.post("something to look at").send().await.unwrap();
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    node.shutdown().await.unwrap();
    for ahead in [40 * DAY, 73 * YEAR, -YEAR, 0] {
        Node::set_clock_ahead(ahead);
        let node = offline(folder.path()).await;
        // Opening sweeps; a write after it is behind that.
        node.post("something to look at").send().await.unwrap();
        tokio::time::sleep(Duration::from_millis(50)).await;
        node.shutdown().await.unwrap();
    }
    let node = offline(folder.path()).await;
    node.undelete(&post).await.unwrap();
    assert!(node.entry(&post).unwrap().unwrap().post().is_some());
    node.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_jumped_is_believed_once_it_has_gone_on_for_long_enough() {
    let _clock = clock().await;
    let folder = tempfile::tempdir().unwrap();
    let node = offline(folder.path()).await;
    let mut deleted = Vec::new();
    for _ in 0..100 {
        let post = node.post("deleted").send().await.unwrap();
        node.delete(&post).await.unwrap();
        deleted.push(post);
    }
    node.shutdown().await.unwrap();
    Node::set_clock_ahead(40 * DAY);
    let settles = Duration::from_secs(1);
    let open = Node::builder().offline().clock_settles(settles);
    let node = open.open(folder.path()).await.unwrap();
    node.undelete(&deleted.pop().unwrap()).await.unwrap();
    let swept = timeout(PATIENCE, async {
        // What is written has the sweeper look again.
        while let Some(post) = deleted.pop() {
            tokio::time::sleep(settles).await;
            match node.undelete(&post).await {
                Err(TidingsError::NotKept { .. }) => return true,
                kept => kept.unwrap(),
            }
        }
        false
    });
    assert!(swept.await.unwrap_or(false), "they are kept for ever");
    node.shutdown().await.unwrap();
}
