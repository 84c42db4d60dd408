//! Disks without room: what does not fit says so, leaves nothing behind, and nothing else suffers.

use std::path::Path;
use std::process::Command;

use tidings::{Attach, MediaState, Node};

use crate::help::{close, fetch, follow, media_files, noise, offline, online, post};

const MIB: usize = 1024 * 1024;

/// A small disk in memory, gone when it is dropped.
struct SmallDisk(tempfile::TempDir);

impl SmallDisk {
    /// None, with the reason printed, where this process may not mount.
    fn mount() -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let mut mount = Command::new("mount");
        mount
            .args(["-t", "tmpfs", "-o", "size=24m", "tmpfs"])
            .arg(folder.path());
        let mounted = mount.output().is_ok_and(|output| output.status.success());
        if !mounted {
            println!("skipped: {mount:?} failed");
        }
        mounted.then(|| Self(folder))
    }

    fn path(&self) -> &Path {
        self.0.path()
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let mut umount = Command::new("umount");
        drop(umount.arg("-l").arg(self.path()).output());
    }
}

/// A text can be posted, and an attachment for which there is room.
async fn goes_on(node: &Node) {
    node.post("still here").send().await.unwrap();
    let small = post(node, &noise(MIB)).await;
    let held = MediaState::Held { len: small.len };
    assert_eq!(node.media(&small.hash).unwrap(), held);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_attachment_larger_than_the_disk_says_so_and_leaves_nothing() {
    let Some(disk) = SmallDisk::mount() else {
        return;
    };
    let node = offline(disk.path()).await;
    for _ in 0..2 {
        let film = Attach::bytes("film.mp4", noise(40 * MIB));
        let error = node.post("look").attach(film).send().await.unwrap_err();
        let error = error.to_string();
        assert!(
            error.contains("the disk is full: film.mp4 needs"),
            "{error}"
        );
        assert_eq!(media_files(disk.path()), Vec::<String>::new());
    }
    goes_on(&node).await;
    close(node).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fetch_larger_than_the_disk_says_so_and_leaves_nothing() {
    let Some(disk) = SmallDisk::mount() else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let (ada, ben) = (online(folder.path()).await, online(disk.path()).await);
    let large = post(&ada, &noise(40 * MIB)).await;
    let small = post(&ada, &noise(MIB + 1)).await;
    follow(&ben, &ada, ada.feed()).await;
    let error = fetch(&ben, &large).await.unwrap_err();
    let needs = format!("the disk is full: {} needs {} bytes", large.hash, large.len);
    assert!(error.contains(&needs), "{error}");
    assert_eq!(ben.media(&large.hash).unwrap(), MediaState::Missing);
    assert_eq!(media_files(disk.path()), Vec::<String>::new());
    fetch(&ben, &small).await.unwrap();
    goes_on(&ben).await;
    close(ada).await;
    close(ben).await;
}
