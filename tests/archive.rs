//! Archives between nodes that never meet: written by one, carried, loaded by another.

#![cfg(feature = "net")]

use std::fs;
use std::io::Read as _;
use std::path::Path;

use tidings::format::{
    ArchiveWriter, Body, DeviceSecret, Draft, EntryId, FeedSecret, ForkProof, Kind, Lane, LogId,
    Post, Run, Seq, Statement, Timestamp, encode,
};
use tidings::{Attach, LoadReport, MediaState, NewPost, Node, TidingsError, verify_archive};

async fn offline(folder: &Path) -> Node {
    Node::builder().offline().open(folder).await.unwrap()
}

fn texts(node: &Node) -> Vec<String> {
    let page = node.timeline().limit(1_000).page().unwrap();
    page.entries()
        .map(|entry| entry.post().unwrap().text.clone())
        .collect()
}

/// Entries, bodies, held already, refused, of the only feed.
fn counts(report: &LoadReport) -> (u64, u64, u64, u64) {
    let [feed] = report.feeds() else {
        panic!("{report:?}")
    };
    (
        feed.entries(),
        feed.bodies(),
        feed.already(),
        feed.refused(),
    )
}

/// A node with a profile, posts one by one and posts at once, in more than one block.
async fn ada(folder: &Path) -> Node {
    let ada = offline(folder).await;
    ada.edit_profile().name("Ada").save().await.unwrap();
    for n in 0..5 {
        ada.post(format!("post {n}")).send().await.unwrap();
    }
    let many = (5..100).map(|n| NewPost::new(format!("post {n}")).tag("many"));
    ada.send_all(many.collect()).await.unwrap();
    for n in 100..103 {
        ada.post(format!("post {n}")).send().await.unwrap();
    }
    ada
}

fn names_in(folder: &Path) -> Vec<String> {
    let names = fs::read_dir(folder).unwrap();
    let mut names: Vec<String> = names
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[tokio::test(flavor = "multi_thread")]
async fn a_feed_goes_from_node_to_node_on_a_stick_and_comes_out_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let stick = folder.path().join("stick");
    fs::create_dir(&stick).unwrap();
    let ada = ada(&folder.path().join("ada")).await;
    let file = stick.join("ada.tidings");
    let report = ada.export(&file).run().await.unwrap();
    assert_eq!(names_in(&stick), ["ada.tidings"]);
    assert_eq!(report.bytes(), fs::metadata(&file).unwrap().len());
    assert_eq!(report.feeds()[0].entries(), 104);

    let verified = verify_archive(fs::File::open(&file).unwrap());
    assert!(verified.damage().is_none());
    assert_eq!(verified.feeds()[0].feed(), ada.feed());
    assert_eq!(verified.feeds()[0].counting(), 104);

    let ben = offline(&folder.path().join("ben")).await;
    let (told, heard) = std::sync::mpsc::channel();
    let load = ben.load(&file).follow(true).progress(move |so_far| {
        let _ = told.send(so_far);
    });
    let report = load.run().await.unwrap();
    assert_eq!(counts(&report), (104, 104, 0, 0));
    assert!(report.feeds()[0].newly_followed() && report.damage().is_none());
    let last = heard.iter().last().unwrap();
    assert_eq!((last.entries(), last.total()), (104, verified.bytes()));
    assert_eq!(texts(&ben), texts(&ada));
    assert_eq!(ben.following().unwrap()[0].name(), Some("Ada"));

    let again = ben.load(&file).follow(true).run().await.unwrap();
    assert_eq!(counts(&again), (0, 0, 104, 0));
    assert!(!again.feeds()[0].newly_followed());

    let back = stick.join("back.tidings");
    ben.export(&back).feed(ada.feed()).run().await.unwrap();
    assert_eq!(fs::read(&back).unwrap(), fs::read(&file).unwrap());
    ada.shutdown().await.unwrap();
    ben.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_one_follows_is_in_no_archive_for_others() {
    let folder = tempfile::tempdir().unwrap();
    let ada = offline(&folder.path().join("ada")).await;
    let ben = offline(&folder.path().join("ben")).await;
    ben.post("hello").send().await.unwrap();
    ben.export(folder.path().join("b")).run().await.unwrap();
    ada.load(folder.path().join("b"))
        .follow(true)
        .run()
        .await
        .unwrap();
    ada.post("mine").send().await.unwrap();

    let file = folder.path().join("a");
    ada.export(&file).all().run().await.unwrap();
    let entries = |file: &Path| -> u64 {
        let report = verify_archive(fs::File::open(file).unwrap());
        report.feeds().iter().map(|feed| feed.entries()).sum()
    };
    assert_eq!(entries(&file), 2, "one of each, and not the follow");
    ada.export(&file).private(true).run().await.unwrap();
    assert_eq!(entries(&file), 2, "the post and the follow");
    // Others do not take it even so.
    let report = ben.load(&file).follow(true).run().await.unwrap();
    assert_eq!(counts(&report), (1, 1, 0, 1));

    let stranger = FeedSecret::from_bytes(&[9; 32]).id();
    let refused = ada.export(&file).feed(stranger).run().await;
    assert!(matches!(refused, Err(TidingsError::NotFollowed { .. })));
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_feed_that_is_not_to_be_followed_nothing_is_taken() {
    let folder = tempfile::tempdir().unwrap();
    let ada = ada(&folder.path().join("ada")).await;
    let file = folder.path().join("a");
    ada.export(&file).run().await.unwrap();
    let ben = offline(&folder.path().join("ben")).await;
    let report = ben.load(&file).follow(false).run().await.unwrap();
    assert_eq!(counts(&report), (0, 0, 0, 104));
    assert!(!report.feeds()[0].is_wanted());
    assert!(texts(&ben).is_empty() && ben.following().unwrap().is_empty());
    ben.load(&file).follow(true).run().await.unwrap();
    let report = ben.load(&file).follow(false).run().await.unwrap();
    assert_eq!(counts(&report), (0, 0, 104, 0), "followed already");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_archive_is_taken_in_up_to_the_damage() {
    let folder = tempfile::tempdir().unwrap();
    let ada = ada(&folder.path().join("ada")).await;
    let (whole, cut) = (folder.path().join("whole"), folder.path().join("cut"));
    ada.export(&whole).run().await.unwrap();
    let mut bytes = fs::read(&whole).unwrap();
    let middle = bytes.len() - 1_000;
    bytes[middle] ^= 4;
    fs::write(&cut, &bytes).unwrap();

    let ben = offline(&folder.path().join("ben")).await;
    let report = ben.load(&cut).follow(true).run().await.unwrap();
    let damage = report.damage().expect("a damage");
    assert!(damage.offset() < middle as u64);
    assert!(damage.to_string().contains(&damage.offset().to_string()));
    let (entries, ..) = counts(&report);
    assert!(entries > 60 && entries < 104, "{entries}");
    let verified = verify_archive(fs::File::open(&cut).unwrap());
    assert_eq!(verified.damage().unwrap().offset(), damage.offset());
    assert_eq!(verified.feeds()[0].entries(), entries);

    let rest = ben.load(&whole).follow(true).run().await.unwrap();
    assert_eq!(counts(&rest), (104 - entries, 104 - entries, entries, 0));
    assert_eq!(texts(&ben), texts(&ada));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_archive_is_refused_and_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let node = offline(&folder.path().join("node")).await;
    let file = folder.path().join("file");
    for bytes in [&b""[..], b"<!doctype html>", b"tidings archive\x02"] {
        fs::write(&file, bytes).unwrap();
        let refused = node.load(&file).follow(true).run().await;
        assert!(
            matches!(refused, Err(TidingsError::Archive(_))),
            "{refused:?}"
        );
    }
    let missing = node.load(folder.path().join("missing")).run().await;
    assert!(matches!(missing, Err(TidingsError::Folder { .. })));
    let a_folder = node.load(folder.path()).follow(true).run().await;
    assert!(a_folder.is_err(), "{a_folder:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_export_that_fails_leaves_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    let node = offline(&folder.path().join("node")).await;
    node.post("mine").send().await.unwrap();
    let stick = folder.path().join("stick");
    fs::create_dir_all(stick.join("taken/by a folder")).unwrap();
    let refused = node.export(stick.join("taken")).run().await;
    assert!(
        matches!(&refused, Err(TidingsError::Folder { what, .. }) if *what == "written"),
        "{refused:?}"
    );
    assert_eq!(names_in(&stick), ["taken"]);
    assert!(node.export(stick.join("no/where")).run().await.is_err());

    // What was there before stays until the new one is whole.
    fs::write(stick.join("old"), b"old").unwrap();
    let stopped = node.export(stick.join("old")).progress(|_| panic!("stop"));
    assert!(stopped.run().await.is_err());
    assert_eq!(fs::read(stick.join("old")).unwrap(), b"old");
    assert_eq!(names_in(&stick), ["old", "taken"]);
}

fn draft(text: &str) -> Draft {
    let content = Post {
        text: text.to_owned(),
        ..Post::default()
    };
    let body = Body {
        content: encode(&content).into(),
        ..Body::default()
    };
    let kind = Kind::new("post/1").unwrap();
    Draft::new(kind, Timestamp(1_000), body.encode().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forked_log_is_loaded_and_said_to_be_unsettled() {
    let (secret, device) = (
        FeedSecret::from_bytes(&[1; 32]),
        DeviceSecret::from_bytes(&[2; 32]),
    );
    let feed = secret.id();
    let log = LogId {
        feed,
        device: device.id(),
        lane: Lane::new("posts").unwrap(),
    };
    let sign = |texts: &[&str]| {
        let drafts: Vec<Draft> = texts.iter().map(|text| draft(text)).collect();
        let runs = Run::sign(&device, &log, Seq::ZERO, EntryId::ZERO, &drafts);
        runs.unwrap().remove(0)
    };
    let (one, other) = (sign(&["same", "one", "three"]), sign(&["same", "other"]));
    let consent = device.consent(&feed);
    let admit = Statement::admit(feed, &secret, device.id(), true, "", consent).unwrap();
    let mut out = ArchiveWriter::new(Vec::new()).unwrap();
    out.statement(&admit).unwrap();
    out.fork(&ForkProof::new(&one, &other).unwrap()).unwrap();
    out.run(&one).unwrap();
    let bytes = out.finish().unwrap();
    let verified = verify_archive(bytes.as_slice());
    assert_eq!(verified.feeds()[0].forked(), [(log, Seq(1))]);
    assert_eq!(verified.feeds()[0].unsettled(), 2);

    let folder = tempfile::tempdir().unwrap();
    let (file, back) = (folder.path().join("forked"), folder.path().join("back"));
    fs::write(&file, &bytes).unwrap();
    let node = offline(&folder.path().join("node")).await;
    let report = node.load(&file).follow(true).run().await.unwrap();
    assert_eq!(counts(&report), (3, 3, 0, 0));
    assert_eq!(report.feeds()[0].unsettled(), [(log, Seq(1))]);
    assert_eq!(texts(&node).len(), 3);
    let again = node.load(&file).follow(true).run().await.unwrap();
    assert_eq!(again.feeds()[0].unsettled(), [(log, Seq(1))]);
    node.export(&back).feed(feed).run().await.unwrap();
    assert_eq!(fs::read(&back).unwrap(), bytes, "the fork goes on with it");

    // The other branch, from elsewhere: it is not taken, and what is held stays.
    let mut out = ArchiveWriter::new(Vec::new()).unwrap();
    out.statement(&admit).unwrap();
    out.run(&other).unwrap();
    fs::write(&file, out.finish().unwrap()).unwrap();
    let report = node.load(&file).follow(true).run().await.unwrap();
    assert_eq!(counts(&report).0, 0);
    assert_eq!(texts(&node).len(), 3);

    // A node that holds the one branch finds the fork out by itself.
    let second = offline(&folder.path().join("second")).await;
    second.load(&file).follow(true).run().await.unwrap();
    assert_eq!(texts(&second).len(), 2);
    fs::write(&file, &bytes).unwrap();
    let report = second.load(&file).follow(true).run().await.unwrap();
    assert_eq!(report.feeds()[0].unsettled(), [(log, Seq(1))]);
    assert_eq!(texts(&second).len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn attached_files_go_along_if_they_are_to() {
    let folder = tempfile::tempdir().unwrap();
    let ada = offline(&folder.path().join("ada")).await;
    let long = vec![7; 300_000];
    let text = Attach::bytes("notes.txt", b"some notes".to_vec());
    let film = Attach::bytes("data.bin", long.clone());
    let post = ada.post("look").attach(text).attach(film).send().await;
    let post = ada.entry(&post.unwrap()).unwrap().unwrap();
    let [notes, data] = post.attachments() else {
        panic!("{post:?}")
    };
    let (without, with) = (folder.path().join("without"), folder.path().join("with"));
    let report = ada.export(&without).run().await.unwrap();
    assert_eq!((report.blobs(), report.blobs_missing()), (0, 0));
    let report = ada.export(&with).media(true).run().await.unwrap();
    assert_eq!((report.blobs(), report.blobs_missing()), (2, 0));
    let verified = verify_archive(fs::File::open(&with).unwrap());
    assert_eq!((verified.blobs(), verified.blob_bytes()), (2, 300_010));

    let ben = offline(&folder.path().join("ben")).await;
    ben.load(&without).follow(true).run().await.unwrap();
    assert_eq!(ben.media(&data.hash).unwrap(), MediaState::Missing);
    let report = ben.export(folder.path().join("less")).feed(ada.feed());
    let report = report.media(true).run().await.unwrap();
    assert_eq!((report.blobs(), report.blobs_missing()), (0, 2));

    // One bit of the longer file is wrong: it is not taken, and what comes before is.
    let mut bytes = fs::read(&with).unwrap();
    let at = bytes.windows(1_000).position(|w| w == &long[..1_000]);
    bytes[at.unwrap() + 100_000] ^= 1;
    let damaged = folder.path().join("damaged");
    fs::write(&damaged, &bytes).unwrap();
    let report = ben.load(&damaged).follow(true).run().await.unwrap();
    assert!(report.damage().is_some() && report.blobs() <= 1);
    assert_eq!(ben.media(&data.hash).unwrap(), MediaState::Missing);

    let report = ben.load(&with).follow(true).run().await.unwrap();
    assert_eq!(report.blobs() + report.blobs_already(), 2);
    let mut read = Vec::new();
    ben.open_media(&data.hash)
        .unwrap()
        .read_to_end(&mut read)
        .unwrap();
    assert_eq!(read, long);
    assert_eq!(
        ben.media(&notes.hash).unwrap(),
        MediaState::Held { len: 10 }
    );
    let again = ben.load(&with).follow(true).run().await.unwrap();
    assert_eq!((again.blobs(), again.blobs_already()), (0, 2));
    let back = folder.path().join("back");
    let export = ben.export(&back).feed(ada.feed()).media(true);
    export.run().await.unwrap();
    assert_eq!(fs::read(&back).unwrap(), fs::read(&with).unwrap());

    // Of a feed that is not followed, no file is taken either.
    let cara = offline(&folder.path().join("cara")).await;
    let report = cara.load(&with).follow(false).run().await.unwrap();
    assert_eq!((report.blobs(), report.blobs_refused()), (0, 2));
    assert_eq!(cara.media(&data.hash).unwrap(), MediaState::Missing);
}
