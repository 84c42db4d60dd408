//! Folders that are damaged, copied, full, read-only, or somebody else's.

use std::fs;
use std::path::Path;

use bytes::Bytes;
use tidings::store::{Durability, RedbOptions, RedbStorage, Storage as _};
use tidings::{ChangeCursor, ChangeKind, Node};

use super::child::{Running, Task};
use super::help::{
    PATIENCE, SmallDisk, close, copy, files, offline, online, open_offline, posts, refusal, texts,
    until,
};

/// A folder with some posts in it, closed.
async fn written() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let node = offline(folder.path()).await;
    for n in 0..20 {
        node.post(format!("post {n}")).send().await.unwrap();
    }
    close(node).await;
    folder
}

/// Opening is refused in these words, and nothing in the folder is changed by that.
async fn assert_refused(folder: &Path, says: &[&str]) {
    let before = files(folder);
    let said = refusal(folder).await;
    for word in says {
        assert!(said.contains(word), "{said:?} does not say {word:?}");
    }
    let after = files(folder);
    assert_eq!(
        before.keys().collect::<Vec<_>>(),
        after.keys().collect::<Vec<_>>(),
        "after {said:?}"
    );
    for (path, bytes) in &before {
        assert!(
            after[path] == *bytes,
            "{} was changed by {said:?}",
            path.display()
        );
    }
    println!("{said}");
}

/// The folder holds what [`written`] put there, and posting goes on.
async fn assert_good(folder: &Path) {
    let node = offline(folder).await;
    assert_eq!(texts(&node, node.feed()).len(), 20);
    node.post("and on").send().await.unwrap();
    close(node).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_truncated_or_overwritten_store_is_refused_and_left_as_it_is() {
    let folder = written().await;
    let store = folder.path().join("store.redb");
    let whole = fs::read(&store).unwrap();
    for len in [
        0,
        1,
        100,
        320,
        4_096,
        70_000,
        whole.len() / 2,
        whole.len() - 1,
    ] {
        fs::write(&store, &whole[..len]).unwrap();
        println!("{len} of {} bytes:", whole.len());
        assert_refused(folder.path(), &[folder.path().to_str().unwrap()]).await;
    }
    let garbage: Vec<u8> = (0..whole.len())
        .map(|n| (n * n / 7).to_le_bytes()[0])
        .collect();
    fs::write(&store, garbage).unwrap();
    assert_refused(folder.path(), &["store.redb", "is not a tidings store"]).await;
    fs::write(&store, "# Shopping\nmilk\n").unwrap();
    assert_refused(folder.path(), &["store.redb", "is not a tidings store"]).await;
    fs::write(&store, whole).unwrap();
    assert_good(folder.path()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_of_a_newer_release_is_refused_with_both_versions_named() {
    let folder = written().await;
    let storage = RedbStorage::open(folder.path().join("store.redb"), RedbOptions::new()).unwrap();
    let mut write = storage.write().unwrap();
    write
        .put(b"Mstamp", Bytes::copy_from_slice(&999_u32.to_be_bytes()))
        .unwrap();
    write.commit(Durability::Checkpoint).unwrap();
    drop(storage);
    assert_refused(folder.path(), &["999", "up to 1", "newer release"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_that_another_process_holds_is_refused_with_the_process_named() {
    let folder = written().await;
    let mut holder = Running::spawn(Task::Hold, folder.path());
    holder.until_ready();
    let said = refusal(folder.path()).await;
    assert!(said.contains(&format!("process {}", holder.id())), "{said}");
    holder.kill();
    assert_good(folder.path()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_read_only_folder_is_refused() {
    let Some(disk) = SmallDisk::mount("8m") else {
        return;
    };
    let node = offline(disk.path()).await;
    node.post("hello").send().await.unwrap();
    close(node).await;
    disk.make_read_only();
    assert_refused(disk.path(), &["store.redb", "cannot be written"]).await;
    let said = refusal(&disk.path().join("new")).await;
    assert!(
        said.contains("new") && said.contains("could not be made"),
        "{said}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_costs_the_posts_that_do_not_fit_and_nothing_else() {
    let Some(disk) = SmallDisk::mount("12m") else {
        return;
    };
    let ballast = disk.path().join("ballast");
    let node = offline(disk.path()).await;
    fs::write(&ballast, vec![1; 6 << 20]).unwrap();
    let page = node.timeline().page().unwrap();
    let mut live = node.timeline().live(page.newest());
    let text = |n: u64| format!("{n} {}", "x".repeat(30_000));
    let mut sent = Vec::new();
    let said = loop {
        assert!(sent.len() < 1_000, "the disk never got full");
        match node.post(text(sent.len() as u64)).send().await {
            Ok(id) => sent.push(id),
            Err(error) => break error.to_string(),
        }
    };
    assert!(
        said.contains("no room left") && said.contains("store.redb"),
        "{said}"
    );
    for _ in 0..3 {
        let again = node.post(text(0)).send().await.unwrap_err().to_string();
        assert!(again.contains("no room left"), "{again}");
    }
    let ids = |node: &Node| {
        posts(node, node.feed())
            .into_iter()
            .map(|(id, _)| id)
            .collect::<Vec<_>>()
    };
    assert_eq!(
        ids(&node),
        sent,
        "what was acknowledged can be read while the disk is full"
    );
    fs::remove_file(&ballast).unwrap();
    for n in 0..20 {
        sent.push(node.post(text(n)).send().await.unwrap());
    }
    assert_eq!(ids(&node), sent);
    for id in &sent {
        let item = tokio::time::timeout(PATIENCE, live.next())
            .await
            .unwrap()
            .unwrap()
            .unwrap();
        assert_eq!(
            item.entry().unwrap().id(),
            *id,
            "the live stream goes on over the failure"
        );
    }
    close(node).await;
    assert_eq!(ids(&offline(disk.path()).await), sent);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_folder_on_a_full_disk_is_refused_and_made_once_there_is_room() {
    let Some(disk) = SmallDisk::mount("4m") else {
        return;
    };
    let ballast = disk.path().join("ballast");
    let folder = disk.path().join("ada");
    fs::write(&ballast, vec![1; 4 << 20]).unwrap();
    let said = refusal(&folder).await;
    assert!(said.contains("no room left"), "{said}");
    fs::remove_file(&ballast).unwrap();
    let node = offline(&folder).await;
    node.post("hello").send().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_that_are_missing_or_damaged_are_refused_and_left_alone() {
    let folder = written().await;
    let path = folder.path().join("keys");
    let keys = fs::read(&path).unwrap();
    fs::remove_file(&path).unwrap();
    assert_refused(folder.path(), &["keys", "gone", "backup"]).await;
    let flipped: Vec<u8> = keys.iter().map(|byte| byte ^ 0x80).collect();
    for damaged in [
        &b""[..],
        &keys[..keys.len() / 2],
        &keys[..keys.len() - 2],
        &flipped,
    ] {
        fs::write(&path, damaged).unwrap();
        assert_refused(folder.path(), &["keys", "damaged", "backup"]).await;
    }
    fs::write(&path, keys).unwrap();
    assert_good(folder.path()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_whose_store_is_gone_are_refused_since_going_on_would_fork_the_feed() {
    let folder = written().await;
    let path = folder.path().join("store.redb");
    let store = fs::read(&path).unwrap();
    fs::remove_file(&path).unwrap();
    assert_refused(folder.path(), &["the store they belong to is gone"]).await;
    fs::write(&path, store).unwrap();
    assert_good(folder.path()).await;
}

/// What a change feed told of devices that ended.
async fn gone(node: &Node, count: usize) -> Vec<String> {
    let mut changes = node.changes(ChangeCursor::START);
    let mut gone = Vec::new();
    while gone.len() < count {
        let event = tokio::time::timeout(PATIENCE, changes.next())
            .await
            .unwrap()
            .unwrap()
            .unwrap();
        match event.kind() {
            ChangeKind::Gone(entry) => gone.push(entry.id().to_string()),
            ChangeKind::Entry(_) | ChangeKind::Body(_) => {}
            other => panic!("{other:?}"),
        }
    }
    gone
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copied_folder_goes_on_under_a_new_key_and_the_original_learns_of_it() {
    let folder = written().await;
    let copied = tempfile::tempdir().unwrap();
    copy(folder.path(), copied.path());
    let original = online(folder.path()).await;
    let copy = online(copied.path()).await;
    assert_eq!(copy.feed(), original.feed());
    assert_ne!(copy.device(), original.device());
    assert_ne!(copy.endpoint(), original.endpoint());
    let feed = original.feed();
    let from_copy = copy.post("from the copy").send().await.unwrap();
    assert_eq!(from_copy.log.device, copy.device());
    assert_eq!(
        texts(&copy, feed).len(),
        21,
        "the old posts are shown beside the new"
    );
    // As long as they have not met, the original goes on as if nothing had happened.
    let late = original.post("from the original").send().await.unwrap();
    assert_eq!(texts(&original, feed).len(), 21);

    // A reader who follows both brings them together.
    let reader = tempfile::tempdir().unwrap();
    let reader = online(reader.path()).await;
    reader.follow(&copy.ticket().await.unwrap()).await.unwrap();
    reader
        .follow(&original.ticket().await.unwrap())
        .await
        .unwrap();
    let has = |node: &Node, text: &str| texts(node, feed).iter().any(|held| held == text);
    until(&original, || has(&original, "from the copy")).await;
    until(&reader, || has(&reader, "from the copy")).await;
    assert_eq!(gone(&original, 1).await, [late.to_string()]);
    assert!(!has(&original, "from the original"));
    let said = original
        .post("once more")
        .send()
        .await
        .unwrap_err()
        .to_string();
    assert!(said.contains("key of this device"), "{said}");

    // Opened again, it goes on under a key of its own.
    close(original).await;
    let original = open_offline(folder.path()).await.unwrap();
    let again = original.post("back again").send().await.unwrap();
    assert_eq!(again.log.device, original.device());
    assert_ne!(original.device(), copy.device());
    assert_ne!(original.device(), late.log.device);
}
