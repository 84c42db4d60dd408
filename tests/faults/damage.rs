//! Folders that are damaged, copied, full, read-only, or somebody else's.

use std::fs;
use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use tidings::store::{Durability, RedbOptions, RedbStorage, Storage as _};
use tidings::{DeviceState, Node, ReadOnly};

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
    assert_refused(folder.path(), &["999", "up to 2", "newer release"]).await;
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
async fn a_folder_that_cannot_be_written_is_read_and_nothing_else() {
    let Some(disk) = SmallDisk::mount("8m") else {
        return;
    };
    let node = offline(disk.path()).await;
    node.post("hello").send().await.unwrap();
    close(node).await;
    disk.make_read_only();
    let node = offline(disk.path()).await;
    assert_eq!(texts(&node, node.feed()), ["hello"]);
    assert_eq!(node.read_only(), Some(ReadOnly::Folder));
    let said = node.post("more").send().await.unwrap_err().to_string();
    assert!(said.contains("cannot be written"), "{said}");
    close(node).await;
    // Whoever goes online has to take in what comes.
    let online = Node::builder().local_only().open(disk.path()).await;
    let said = online.unwrap_err().to_string();
    assert!(
        said.contains("store.redb") && said.contains("cannot be written"),
        "{said}"
    );
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

#[tokio::test(flavor = "multi_thread")]
async fn a_copied_folder_goes_on_under_a_new_key_and_neither_loses_a_post() {
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
    until(&copy, || has(&copy, "from the original")).await;

    // Once it was told all there is, the copy retires the key that both had, and the original takes another.
    copy.sync(PATIENCE).await.unwrap();
    // Nothing that the change feed tells of comes of that.
    let renewed = async {
        while original.device() == late.log.device {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, renewed).await.unwrap();
    let again = original.post("once more").send().await.unwrap();
    assert_eq!(again.log.device, original.device());
    assert_ne!(original.device(), copy.device());
    for node in [&copy, &reader, &original] {
        until(node, || texts(node, feed).len() == 23).await;
        assert!(has(node, "from the original") && has(node, "once more"));
    }
    close(original).await;
    let original = open_offline(folder.path()).await.unwrap();
    assert_eq!(original.device(), again.log.device);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_put_back_in_place_is_noticed_and_what_a_peer_knows_is_not_lost() {
    let parent = tempfile::tempdir().unwrap();
    let (folder, backup) = (parent.path().join("ada"), parent.path().join("backup"));
    let node = online(&folder).await;
    let feed = node.feed();
    for n in 0..5 {
        node.post(format!("post {n}")).send().await.unwrap();
    }
    close(node).await;
    copy(&folder, &backup);

    let node = online(&folder).await;
    let old = node.device();
    let friend = tempfile::tempdir().unwrap();
    let friend = online(friend.path()).await;
    friend.follow(&node.ticket().await.unwrap()).await.unwrap();
    node.post("after the backup").send().await.unwrap();
    let has = |node: &Node, text: &str| texts(node, feed).iter().any(|held| held == text);
    until(&friend, || has(&friend, "after the backup")).await;
    close(node).await;

    fs::remove_dir_all(&folder).unwrap();
    copy(&backup, &folder);
    let node = online(&folder).await;
    assert_ne!(node.device(), old);
    let next = node.post("after it was put back").send().await.unwrap();
    assert_eq!(next.log.device, node.device());
    friend.network_changed().await;
    until(&node, || has(&node, "after the backup")).await;
    until(&friend, || has(&friend, "after it was put back")).await;
    node.sync(PATIENCE).await.unwrap();
    let is_retired = || {
        let devices = node.devices().unwrap();
        let old = devices.into_iter().find(|device| device.id() == old);
        old.unwrap().state() == DeviceState::Retired
    };
    assert!(is_retired(), "once all that peers have of it is held");
    friend.sync(PATIENCE).await.unwrap();
    assert_eq!(texts(&node, feed).len(), 7);
    assert_eq!(posts(&node, feed), posts(&friend, feed));
}

/// The files keep their places and times, so only the counter outside the folder can tell.
#[tokio::test(flavor = "multi_thread")]
async fn a_store_written_over_by_an_older_one_is_noticed_if_it_would_fork() {
    let (parent, state) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (folder, backup) = (parent.path().join("ada"), parent.path().join("backup"));
    let open = || {
        let builder = Node::builder().offline().state_folder(state.path());
        builder.open(&folder)
    };
    let put_back = || {
        for (path, bytes) in files(&backup) {
            fs::write(folder.join(path.file_name().unwrap()), bytes).unwrap();
        }
    };
    let node = open().await.unwrap();
    node.post("before").send().await.unwrap();
    let first = node.device();
    close(node).await;
    copy(&folder, &backup);

    // Whoever only reads leaves nothing that a later post could fork.
    close(open().await.unwrap()).await;
    put_back();
    let node = open().await.unwrap();
    assert_eq!(node.device(), first);
    node.post("newer").send().await.unwrap();
    close(node).await;

    put_back();
    let node = open().await.unwrap();
    assert_ne!(node.device(), first);
    node.post("next").send().await.unwrap();
    assert_eq!(texts(&node, node.feed()).len(), 2);
    close(node).await;
    // The counter goes on under the new marker.
    let node = open().await.unwrap();
    let second = node.device();
    assert_ne!(second, first);
    close(node).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_put_back_without_a_trace_is_learned_of_before_the_first_post() {
    let (parent, state) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (folder, backup) = (parent.path().join("ada"), parent.path().join("backup"));
    let open = || {
        let builder = Node::builder().local_only().state_folder(state.path());
        builder.open(&folder)
    };
    let friend = tempfile::tempdir().unwrap();
    let friend = online(friend.path()).await;
    let node = open().await.unwrap();
    let (feed, old) = (node.feed(), node.device());
    node.follow(&friend.ticket().await.unwrap()).await.unwrap();
    node.post("before").send().await.unwrap();
    friend.follow(&node.ticket().await.unwrap()).await.unwrap();
    close(node).await;
    copy(&folder, &backup);

    let node = open().await.unwrap();
    node.post("newer").send().await.unwrap();
    let has = |node: &Node, text: &str| texts(node, feed).iter().any(|held| held == text);
    until(&friend, || has(&friend, "newer")).await;
    close(node).await;
    // Written over in place, and with the counter gone nothing tells it from what was there.
    for (path, bytes) in files(&backup) {
        fs::write(folder.join(path.file_name().unwrap()), bytes).unwrap();
    }
    fs::remove_dir_all(state.path()).unwrap();

    let node = open().await.unwrap();
    assert_eq!(node.device(), old);
    let next = node.post("next").send().await.unwrap();
    assert_ne!(next.log.device, old, "not signed with a key used before");
    assert!(has(&node, "newer"));
    until(&friend, || has(&friend, "next")).await;
    assert_eq!(texts(&friend, feed).len(), 3);
}
