//! Giving free room of the store's file back.
#![cfg(feature = "net")]
#![allow(missing_docs, reason = "a test")]

use std::path::Path;

use tidings::{NewPost, Node, TidingsError};

fn file(folder: &Path) -> u64 {
    folder.join("store.redb").metadata().unwrap().len()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_purging_freed_goes_back_to_the_disk_and_nothing_else_changes() {
    let folder = tempfile::tempdir().unwrap();
    let node = Node::builder().local_only().offline();
    let node = node.open(folder.path()).await.unwrap();
    let post = |n: usize| NewPost::new(format!("{n:06} ").repeat(1_000));
    let posts = node.send_all((0..600).map(post).collect()).await.unwrap();
    for post in &posts[..550] {
        node.delete(post).await.unwrap();
    }
    node.purge().await.unwrap();
    let (before, page) = (file(folder.path()), texts(&node));
    node.compact().await.unwrap();
    let after = file(folder.path());
    assert!(after * 2 < before, "{after} of {before} are left");
    assert_eq!(texts(&node), page);
    assert!(node.check(|_| {}).await.unwrap().is_clean());
    node.post("still written").send().await.unwrap();
    node.shutdown().await.unwrap();
    let closed = node.compact().await;
    assert!(matches!(closed, Err(TidingsError::ShutDown)), "{closed:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn readers_and_writers_wait_for_compaction_and_go_on() {
    let folder = tempfile::tempdir().unwrap();
    let node = Node::builder().local_only().offline();
    let node = node.open(folder.path()).await.unwrap();
    let writing = async {
        for n in 0..200 {
            node.post(format!("post {n}")).send().await.unwrap();
            assert_eq!(texts(&node).first(), Some(&format!("post {n}")));
        }
    };
    let compacting = async {
        for _ in 0..5 {
            node.compact().await.unwrap();
        }
    };
    futures_util::future::join(writing, compacting).await;
    assert_eq!(texts(&node).len(), 50);
    node.shutdown().await.unwrap();
}

fn texts(node: &Node) -> Vec<String> {
    let page = node.timeline().page().unwrap();
    let posts = page.entries().filter_map(tidings::EntryView::post);
    posts.map(|post| post.text.clone()).collect()
}
