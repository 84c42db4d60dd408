//! Clocks that jump years both ways under nodes that run: nothing is lost, and no own claim of time goes back.
//!
//! In a file of its own, since the clock is one for all nodes of a process.

#![cfg(all(feature = "net", feature = "test-util"))]

use std::path::Path;
use std::time::Duration;

use tidings::{ChangeCursor, EntryRef, Node};
use tokio::time::timeout;

const PATIENCE: Duration = Duration::from_secs(120);
const YEAR: i64 = 365 * 24 * 60 * 60 * 1_000;

async fn online(folder: &Path) -> Node {
    Node::builder().local_only().open(folder).await.unwrap()
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

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_jumps_years_both_ways_loses_nothing() {
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
        if jump % 2 == 1 {
            ada.shutdown().await.unwrap();
            ada = online(folders.0.path()).await;
        }
    }
    for node in [&ada, &ben] {
        let times = sent
            .iter()
            .map(|name| node.entry(name).unwrap().unwrap().time());
        assert!(times.is_sorted(), "claims of time went back");
        assert!(node.check(|_| ()).await.unwrap().is_clean());
    }
    ada.shutdown().await.unwrap();
    ben.shutdown().await.unwrap();
}
