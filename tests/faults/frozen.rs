//! Processes that stand still, as suspended machines do, and a network that is gone meanwhile.

use std::process::Command;

use futures_util::StreamExt as _;
use tidings::{Node, PeerState};
use tokio::time::timeout;

use super::child::{Running, Task, acks};
use super::help::{Ledger, PATIENCE, close, offline, online, posts, until};

pub(crate) fn signal(child: &Running, name: &str) {
    let mut kill = Command::new("kill");
    kill.args([&format!("-{name}"), &child.id().to_string()]);
    assert!(kill.status().unwrap().success());
}

/// Waits until a node has given every connection up.
async fn until_alone(node: &Node) {
    let mut status = node.watch_status();
    let alone = timeout(PATIENCE, async {
        let connected = |node: &Node| {
            let status = node.status();
            let peers = status.peers().iter();
            peers
                .filter(|peer| matches!(peer.state(), PeerState::Connected))
                .count()
        };
        while connected(node) > 0 {
            status.next().await.expect("the node goes on");
        }
    });
    assert!(alone.await.is_ok(), "{:?}", node.status());
}

/// A suspended machine and a network that is cut look the same from outside: nothing comes, and nobody says so.
#[tokio::test(flavor = "multi_thread")]
async fn a_peer_that_stands_still_for_long_is_given_up_and_goes_on_where_it_was() {
    let folders = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (ada, ben) = (folders.0.path(), online(folders.1.path()).await);
    let node = offline(ada).await;
    let feed = node.feed();
    node.follow(&ben.ticket().await.unwrap()).await.unwrap();
    ben.follow(&node.ticket().await.unwrap()).await.unwrap();
    close(node).await;

    let mut child = Running::spawn(Task::Post, ada);
    child.until_ready();
    until(&ben, || posts(&ben, feed).len() > 5).await;
    // In the middle of what it sends.
    signal(&child, "STOP");
    until_alone(&ben).await;
    let meanwhile = ben.post("while you were away").send().await.unwrap();
    let before = posts(&ben, feed).len();
    signal(&child, "CONT");
    // Neither is restarted, and both have everything in the end.
    until(&ben, || posts(&ben, feed).len() > before + 5).await;
    let told = child.kill();
    let node = online(ada).await;
    let held = posts(&node, feed).len();
    assert!(acks(&told).len() <= held);
    until(&ben, || posts(&ben, feed).len() == held).await;
    until(&node, || node.entry(&meanwhile).unwrap().is_some()).await;
    Ledger::default().read_on(&ben).await;
    assert_eq!(posts(&ben, feed), posts(&node, feed));
    for node in [&node, &ben] {
        assert!(node.check(|_| ()).await.unwrap().is_clean());
    }
    close(node).await;
    close(ben).await;
}
