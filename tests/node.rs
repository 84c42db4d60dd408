//! Two or three real nodes on loopback: few, fast, no fixed sleeps.

#![cfg(feature = "net")]

use std::path::Path;
use std::time::Duration;

use futures_util::StreamExt as _;
use tidings::{FeedId, Node, PeerReport, PeerState, Reached, SyncReport, TimelineItem};

/// How long anything may take that does not hang, on the slowest machine.
const PATIENCE: Duration = Duration::from_secs(180);

async fn open(folder: &Path) -> Node {
    Node::builder().local_only().open(folder).await.unwrap()
}

fn texts(node: &Node) -> Vec<String> {
    let page = node.timeline().limit(1_000).page().unwrap();
    page.entries()
        .map(|entry| entry.post().unwrap().text.clone())
        .collect()
}

/// Syncs with everyone. A machine so slow that a connection is given up is no fault: that is reported, and tried again.
async fn sync(node: &Node) -> SyncReport {
    let fully = |peer: &PeerReport| peer.reached() == Reached::Fully;
    let synced = tokio::time::timeout(PATIENCE, async {
        loop {
            let report = node.sync(PATIENCE).await.unwrap();
            if !report.peers().is_empty() && report.peers().iter().all(fully) {
                return report;
            }
        }
    });
    let Ok(report) = synced.await else {
        panic!("it never came about: {:?}", node.status());
    };
    report
}

async fn befriend(one: &Node, other: &Node) {
    one.follow(&other.ticket().await.unwrap()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_follower_gets_posts_and_profile_and_new_posts_live() {
    let folders = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let ada = open(folders.0.path()).await;
    let ben = open(folders.1.path()).await;
    ada.edit_profile()
        .name("Ada")
        .add_tag("gardening")
        .save()
        .await
        .unwrap();
    ada.post("First tomatoes")
        .tag("tomato")
        .send()
        .await
        .unwrap();
    befriend(&ben, &ada).await;
    sync(&ben).await;
    assert_eq!(texts(&ben), ["First tomatoes"]);
    assert_eq!(ben.profile(ada.feed()).unwrap().name(), Some("Ada"));

    let page = ben.timeline().page().unwrap();
    let mut live = ben.timeline().live(page.newest());
    let sent = ada.post("and the second").send().await.unwrap();
    let came = tokio::time::timeout(PATIENCE, live.next())
        .await
        .unwrap()
        .unwrap()
        .unwrap();
    let TimelineItem::Entry(came) = came else {
        panic!("a gap came")
    };
    assert_eq!(came.id(), sent);
    ada.shutdown().await.unwrap();
    ben.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn many_posts_come_whole_and_in_the_same_order() {
    let folders = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let ada = open(folders.0.path()).await;
    let ben = open(folders.1.path()).await;
    let posts = (0..1_000).map(|n| tidings::NewPost::new(format!("post {n}")).tag("many"));
    ada.send_all(posts.collect()).await.unwrap();
    befriend(&ben, &ada).await;
    sync(&ben).await;
    assert_eq!(texts(&ben), texts(&ada));
    assert_eq!(texts(&ben).len(), 1_000);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_third_gets_a_feed_from_a_follower_while_its_author_is_away() {
    let folders: Vec<_> = (0..3).map(|_| tempfile::tempdir().unwrap()).collect();
    let ada = open(folders[0].path()).await;
    let ben = open(folders[1].path()).await;
    ada.post("hello").send().await.unwrap();
    let feed: FeedId = ada.feed();
    befriend(&ben, &ada).await;
    sync(&ben).await;
    ada.shutdown().await.unwrap();
    drop(ada);
    let cem = open(folders[2].path()).await;
    cem.follow(&ben.ticket_for(feed).await.unwrap())
        .await
        .unwrap();
    sync(&cem).await;
    assert_eq!(texts(&cem), ["hello"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn posts_written_offline_arrive_once_the_author_is_back() {
    let folders = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let ada = open(folders.0.path()).await;
    let ben = open(folders.1.path()).await;
    befriend(&ben, &ada).await;
    befriend(&ada, &ben).await;
    sync(&ben).await;
    ben.shutdown().await.unwrap();
    drop(ben);
    let ben = Node::builder()
        .local_only()
        .offline()
        .open(folders.1.path())
        .await
        .unwrap();
    ben.post("written on the train").send().await.unwrap();
    ben.shutdown().await.unwrap();
    drop(ben);
    let page = ada.timeline().page().unwrap();
    let mut live = ada.timeline().live(page.newest());
    let ben = open(folders.1.path()).await;
    let came = tokio::time::timeout(PATIENCE, live.next())
        .await
        .unwrap()
        .unwrap()
        .unwrap();
    assert_eq!(
        came.entry().unwrap().post().unwrap().text,
        "written on the train"
    );
    drop(ben);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_followed_over_an_open_session_is_synced_before_the_call_returns() {
    let folders = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let ada = open(folders.0.path()).await;
    let ben = open(folders.1.path()).await;
    ben.post("a reply to come").send().await.unwrap();
    befriend(&ben, &ada).await;
    sync(&ben).await;
    befriend(&ada, &ben).await;
    sync(&ada).await;
    assert_eq!(texts(&ada), ["a reply to come"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_written_meanwhile_is_with_the_other_before_the_call_returns() {
    let folders = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let ada = open(folders.0.path()).await;
    let ben = open(folders.1.path()).await;
    befriend(&ada, &ben).await;
    befriend(&ben, &ada).await;
    for number in 0..5 {
        ben.post(format!("news {number}")).send().await.unwrap();
    }
    sync(&ben).await;
    assert_eq!(texts(&ada), texts(&ben));
    assert_eq!(texts(&ada).len(), 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_new_costs_two_small_messages() {
    let folders = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let ada = open(folders.0.path()).await;
    ada.post("hello").send().await.unwrap();
    let ben = open(folders.1.path()).await;
    befriend(&ben, &ada).await;
    sync(&ben).await;
    ben.shutdown().await.unwrap();
    drop(ben);
    let ben = open(folders.1.path()).await;
    let report = sync(&ben).await;
    assert_eq!(report.entries(), 0);
    let bytes = report.received() + report.sent();
    assert!((1..=256).contains(&bytes), "{bytes} bytes");
}

/// How many sessions are open.
fn connected(node: &Node) -> usize {
    let status = node.status();
    let open = |peer: &&tidings::PeerStatus| *peer.state() == PeerState::Connected;
    status.peers().iter().filter(open).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_peers_with_nothing_new_few_stay_connected_and_all_are_asked() {
    let folder = tempfile::tempdir().unwrap();
    let reader = open(folder.path()).await;
    let mut friends = Vec::new();
    for number in 0..10 {
        let home = tempfile::tempdir().unwrap();
        let friend = open(home.path()).await;
        friend.post(format!("of {number}")).send().await.unwrap();
        befriend(&reader, &friend).await;
        friends.push((friend, home));
    }
    sync(&reader).await;
    assert_eq!(texts(&reader).len(), 10);

    let rested = async {
        let mut statuses = reader.watch_status();
        while connected(&reader) > 8 {
            statuses.next().await.expect("the node goes on");
        }
    };
    let rested = tokio::time::timeout(PATIENCE, rested).await;
    assert!(rested.is_ok(), "all stay: {:?}", reader.status());
    assert_eq!(connected(&reader), 8);

    // Whoever asks for news gets it from all of them.
    for (friend, _) in &friends {
        friend.post("more").send().await.unwrap();
    }
    sync(&reader).await;
    assert_eq!(texts(&reader).len(), 20);
    for (friend, _) in &friends {
        friend.shutdown().await.unwrap();
    }
    reader.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn syncing_for_as_long_as_it_takes_with_nobody_is_over_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let ada = open(folder.path()).await;
    let report = tokio::time::timeout(PATIENCE, ada.sync(Duration::MAX)).await;
    let report = report.expect("it does not wait for ever").unwrap();
    assert_eq!(report.peers().len(), 0);
    ada.shutdown().await.unwrap();
}
