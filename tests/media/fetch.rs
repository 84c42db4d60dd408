//! Fetching between nodes: whole, in parts, from whoever is there.

use std::time::Duration;

use tidings::{Attach, MediaState};
use tokio::time::timeout;

use crate::child::Running;
use crate::help::{
    PATIENCE, bytes_of, close, fetch, follow, media_files, noise, online, post, until, until_known,
};

const MIB: usize = 1024 * 1024;

#[tokio::test(flavor = "multi_thread")]
async fn twenty_mebibytes_come_with_their_progress_and_for_all_who_wait() {
    let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (ada, ben) = (online(one.path()).await, online(other.path()).await);
    let bytes = noise(20 * MIB + 12_345);
    let large = post(&ada, &bytes).await;
    let small = post(&ada, &noise(900)).await;
    follow(&ben, &ada, ada.feed()).await;
    assert_eq!(ben.media(&large.hash).unwrap(), MediaState::Missing);
    // What somebody claims of its length is nothing to those who know better.
    let _wrong = ben.fetch_media((large.hash, large.len + 1)).unwrap();
    let mut first = ben.fetch_media(&large).unwrap();
    let second = ben.fetch_media((large.hash, large.len)).unwrap();
    let mut last = 0;
    let mut steps = 0;
    let mut from = None;
    while let Some(progress) = timeout(PATIENCE, first.next()).await.unwrap() {
        assert!(progress.have() >= last && progress.have() <= progress.len());
        last = progress.have();
        from = from.or_else(|| progress.peer());
        steps += 1;
    }
    assert!(steps > 2 && last == large.len, "{steps} steps to {last}");
    assert_eq!(from, Some(ada.endpoint()));
    first.await.unwrap();
    second.await.unwrap();
    fetch(&ben, &small).await.unwrap();
    assert!(bytes_of(&ben, large.hash) == bytes);
    assert_eq!(bytes_of(&ben, small.hash), noise(900));
    assert_eq!(
        ben.media(&large.hash).unwrap(),
        MediaState::Held { len: large.len }
    );
    close(ada).await;
    close(ben).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transfer_goes_on_where_it_was_dropped_and_after_a_restart() {
    let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let ada = online(one.path()).await;
    let bytes = noise(64 * MIB);
    let large = post(&ada, &bytes).await;
    let ben = online(other.path()).await;
    follow(&ben, &ada, ada.feed()).await;
    let mut fetch_some = ben.fetch_media(&large).unwrap();
    while fetch_some.progress().have() < 4 * MIB as u64 {
        timeout(PATIENCE, fetch_some.next()).await.unwrap().unwrap();
    }
    drop(fetch_some);
    close(ben).await;

    let ben = online(other.path()).await;
    let MediaState::Partial { have, len } = ben.media(&large.hash).unwrap() else {
        panic!("{:?}", ben.media(&large.hash))
    };
    assert!(have >= 4 * MIB as u64 && have < len, "{have} of {len}");
    let mut rest = ben.fetch_media(&large).unwrap();
    // The first progress with a peer tells what was there before anything came.
    let began = loop {
        let progress = timeout(PATIENCE, rest.next()).await.unwrap().unwrap();
        if progress.peer().is_some() || progress.have() == progress.len() {
            break progress.have();
        }
    };
    assert!(began >= 4 * MIB as u64, "only {began} bytes were kept");
    rest.await.unwrap();
    assert!(bytes_of(&ben, large.hash) == bytes);
    close(ada).await;
    close(ben).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transfer_goes_on_after_its_process_was_killed() {
    let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let ada = online(one.path()).await;
    let bytes = noise(96 * MIB);
    let large = post(&ada, &bytes).await;
    let ben = online(other.path()).await;
    follow(&ben, &ada, ada.feed()).await;
    close(ben).await;
    let mut child = Running::spawn(other.path(), large.hash, large.len);
    child.until(8 * MIB as u64);
    child.kill();

    let files = media_files(other.path());
    assert!(
        files.iter().any(|name| name.ends_with(".part")),
        "{files:?}"
    );
    let ben = online(other.path()).await;
    fetch(&ben, &large).await.unwrap();
    assert!(bytes_of(&ben, large.hash) == bytes);
    close(ada).await;
    close(ben).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_third_gets_media_from_a_follower_while_their_author_is_away() {
    let folders: Vec<_> = (0..3).map(|_| tempfile::tempdir().unwrap()).collect();
    let ada = online(folders[0].path()).await;
    let ben = online(folders[1].path()).await;
    let bytes = noise(3 * MIB);
    let large = post(&ada, &bytes).await;
    let feed = ada.feed();
    follow(&ben, &ada, feed).await;
    let cem = online(folders[2].path()).await;
    follow(&cem, &ben, feed).await;
    let ticket = ada.ticket().await.unwrap();
    cem.follow(&ticket).await.unwrap();
    close(ada).await;
    drop(ticket);
    let error = fetch(&cem, &large).await.unwrap_err();
    assert!(error.contains("does not have it"), "{error}");

    let ada = online(folders[0].path()).await;
    ben.sync(PATIENCE).await.unwrap();
    fetch(&ben, &large).await.unwrap();
    close(ada).await;
    fetch(&cem, &large).await.unwrap();
    assert!(bytes_of(&cem, large.hash) == bytes);
    close(ben).await;
    close(cem).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn when_the_one_it_comes_from_goes_the_next_one_is_asked() {
    let folders: Vec<_> = (0..3).map(|_| tempfile::tempdir().unwrap()).collect();
    let ada = online(folders[0].path()).await;
    let ben = online(folders[1].path()).await;
    let cem = online(folders[2].path()).await;
    let bytes = noise(64 * MIB);
    let large = post(&ada, &bytes).await;
    let feed = ada.feed();
    follow(&ben, &ada, feed).await;
    fetch(&ben, &large).await.unwrap();
    follow(&cem, &ada, feed).await;
    follow(&cem, &ben, feed).await;
    let mut running = cem.fetch_media(&large).unwrap();
    let from = loop {
        let progress = timeout(PATIENCE, running.next()).await.unwrap().unwrap();
        if let Some(peer) = progress.peer().filter(|_| progress.have() > 0) {
            break peer;
        }
    };
    let (gone, stays) = if from == ada.endpoint() {
        (ada, ben)
    } else {
        (ben, ada)
    };
    close(gone).await;
    timeout(PATIENCE, running).await.unwrap().unwrap();
    assert!(bytes_of(&cem, large.hash) == bytes);
    close(stays).await;
    close(cem).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_damaged_here_is_neither_given_out_nor_lost_for_good() {
    let folders: Vec<_> = (0..2).map(|_| tempfile::tempdir().unwrap()).collect();
    let ada = online(folders[0].path()).await;
    let ben = online(folders[1].path()).await;
    let bytes = noise(2 * MIB);
    let large = post(&ada, &bytes).await;
    follow(&ben, &ada, ada.feed()).await;
    fetch(&ben, &large).await.unwrap();
    let path = ada.open_media(&large.hash).unwrap().path().to_owned();
    let mut wrong = bytes.clone();
    wrong[MIB] ^= 1;
    std::fs::write(&path, &wrong).unwrap();

    // A new follower asks the author, is given nothing wrong, and the author notices.
    let third = tempfile::tempdir().unwrap();
    let cem = online(third.path()).await;
    follow(&cem, &ada, ada.feed()).await;
    let error = fetch(&cem, &large).await.unwrap_err();
    assert!(error.contains("does not have it any more"), "{error}");
    assert!(matches!(
        ada.media(&large.hash).unwrap(),
        MediaState::Partial { .. }
    ));
    // Followers give it back, even the author's own.
    follow(&ada, &ben, ben.feed()).await;
    fetch(&ada, &large).await.unwrap();
    assert!(bytes_of(&ada, large.hash) == bytes);
    fetch(&cem, &large).await.unwrap();
    for node in [ada, ben, cem] {
        close(node).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_follower_who_leaves_serves_no_longer_and_a_cap_makes_room() {
    let folders: Vec<_> = (0..3).map(|_| tempfile::tempdir().unwrap()).collect();
    let ada = online(folders[0].path()).await;
    let builder = tidings::Node::builder()
        .local_only()
        .media_cap(5 * MIB as u64);
    let ben = builder.open(folders[1].path()).await.unwrap();
    let first = post(&ada, &noise(3 * MIB)).await;
    let second = post(&ada, &noise(3 * MIB + 1)).await;
    let third = post(&ada, &noise(6 * MIB)).await;
    let feed = ada.feed();
    follow(&ben, &ada, feed).await;
    fetch(&ben, &first).await.unwrap();
    fetch(&ben, &second).await.unwrap();
    assert_eq!(ben.media(&first.hash).unwrap(), MediaState::Missing);
    assert!(matches!(
        ben.media(&second.hash).unwrap(),
        MediaState::Held { .. }
    ));
    let error = fetch(&ben, &third).await.unwrap_err();
    assert!(error.contains("raise the cap"), "{error}");

    let cem = online(folders[2].path()).await;
    follow(&cem, &ben, feed).await;
    close(ada).await;
    ben.unfollow(feed).await.unwrap();
    let error = fetch(&cem, &second).await.unwrap_err();
    assert!(error.contains("does not have it"), "{error}");
    close(ben).await;
    close(cem).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_picture_can_be_fetched_as_soon_as_its_post_is_here() {
    let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (ada, ben) = (online(one.path()).await, online(other.path()).await);
    follow(&ben, &ada, ada.feed()).await;
    for n in 1..20 {
        let picture = post(&ada, &noise(n * 10_000)).await;
        until_known(&ben, picture.hash).await;
        fetch(&ben, &picture).await.unwrap();
    }
    let unknown = tidings::BlobHash::from_bytes([7; 32]);
    let error = ben.fetch_media((unknown, 5)).unwrap_err().to_string();
    assert!(error.contains("no post held here names"), "{error}");
    let limit = Duration::from_secs(5);
    timeout(limit, async { close(ada).await }).await.unwrap();
    close(ben).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_media_of_a_deleted_post_go_everywhere_but_at_its_author_who_can_put_it_back() {
    let folders: Vec<_> = (0..3).map(|_| tempfile::tempdir().unwrap()).collect();
    let ada = online(folders[0].path()).await;
    let ben = online(folders[1].path()).await;
    let bytes = noise(MIB);
    let attach = || Attach::bytes("noise.bin", bytes.clone());
    let sent = ada.post("look").attach(attach()).send().await.unwrap();
    let media = ada.entry(&sent).unwrap().unwrap().attachments()[0].clone();
    follow(&ben, &ada, ada.feed()).await;
    fetch(&ben, &media).await.unwrap();
    ada.delete(&sent).await.unwrap();
    until(async || media_files(folders[1].path()).is_empty()).await;
    assert_eq!(media_files(folders[0].path()).len(), 2, "kept for 30 days");
    ada.undelete(&sent).await.unwrap();
    assert!(bytes_of(&ada, media.hash) == bytes);
    until_known(&ben, media.hash).await;
    fetch(&ben, &media).await.unwrap();
    ada.delete(&sent).await.unwrap();
    ada.purge().await.unwrap();
    until(async || media_files(folders[0].path()).is_empty()).await;
    until(async || media_files(folders[1].path()).is_empty()).await;
    close(ada).await;
    close(ben).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn media_go_into_an_archive_and_come_out_of_it() {
    let folders: Vec<_> = (0..2).map(|_| tempfile::tempdir().unwrap()).collect();
    let ada = online(folders[0].path()).await;
    let bytes = noise(MIB + 5);
    let media = post(&ada, &bytes).await;
    let file = folders[0].path().join("ada.archive");
    let report = ada.export(&file).media(true).run().await.unwrap();
    assert_eq!((report.blobs(), report.blobs_missing()), (1, 0));
    close(ada).await;
    let ben = online(folders[1].path()).await;
    let report = ben.load(&file).follow(true).run().await.unwrap();
    assert_eq!(report.blobs(), 1);
    assert!(bytes_of(&ben, media.hash) == bytes);
    close(ben).await;
    let ben = online(folders[1].path()).await;
    assert!(bytes_of(&ben, media.hash) == bytes, "it is not swept away");
    close(ben).await;
}
