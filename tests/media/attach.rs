//! Attaching: the bytes are there before the post is, or neither is.

use std::io::{Read, Write as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tidings::{Attach, BlobHash, MediaState, NewPost, TidingsError};

use crate::help::{PATIENCE, bytes_of, media_files, noise, offline};

#[tokio::test(flavor = "multi_thread")]
async fn what_is_attached_is_held_and_reads_back_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data.bin");
    let bytes = noise(300_000);
    std::fs::write(&data, &bytes).unwrap();
    let node = offline(&folder.path().join("ada")).await;
    let notes = std::io::Cursor::new(b"# Notes".to_vec());
    let sent = node
        .post("")
        .attach(Attach::file(&data).alt("Noise"))
        .attach(Attach::reader("notes.md", notes))
        .send()
        .await
        .unwrap();
    let view = node.entry(&sent).unwrap().unwrap();
    let [data, notes] = view.attachments() else {
        panic!("{:?}", view.attachments())
    };
    assert_eq!(data.name.as_deref(), Some("file.bin"));
    assert_eq!(notes.name.as_deref(), Some("notes.md"));
    assert_eq!(data.alt.as_deref(), Some("Noise"));
    assert_eq!(data.mime, "application/octet-stream");
    assert_eq!(data.len, bytes.len() as u64);
    assert_eq!((notes.mime.as_str(), notes.len), ("text/markdown", 7));
    node.shutdown().await.unwrap();
    let node = offline(&folder.path().join("ada")).await;
    let held = MediaState::Held { len: data.len };
    assert_eq!(node.media(&data.hash).unwrap(), held);
    assert!(bytes_of(&node, data.hash) == bytes);
    assert_eq!(bytes_of(&node, notes.hash), b"# Notes");
    node.fetch_media(data).unwrap().await.unwrap();
}

#[cfg(feature = "images")]
#[tokio::test(flavor = "multi_thread")]
async fn pictures_come_with_their_size_a_preview_and_a_smaller_rendition() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tomato.jpg");
    let drawn = image::RgbImage::from_fn(3_000, 2_000, |x, y| {
        let at = |n: u32| u8::try_from(n % 251).unwrap();
        image::Rgb([at(x / 9), at(y / 7), at(x + y)])
    });
    drawn.save(&path).unwrap();
    let node = offline(&folder.path().join("ada")).await;
    let sent = node.post("").attach(&*path).send().await.unwrap();
    let view = node.entry(&sent).unwrap().unwrap();
    let [whole, smaller] = view.attachments() else {
        panic!("{:?}", view.attachments())
    };
    assert_eq!((whole.width, whole.height), (Some(3_000), Some(2_000)));
    assert_eq!(whole.mime, "image/jpeg");
    assert!(whole.preview.as_ref().is_some_and(|it| it.len() <= 4_096));
    assert_eq!(smaller.rendition_of, Some(0));
    assert!(smaller.len < whole.len && smaller.width < whole.width);
    let bytes = bytes_of(&node, smaller.hash);
    assert!(image::load_from_memory(&bytes).is_ok());
    // Edited, the post shows something else; what it showed is still named by what it said first.
    let edit = node
        .edit(&sent, "No tomato")
        .attach(Attach::bytes("a.bin", noise(9)));
    edit.send().await.unwrap();
    let view = node.entry(&sent).unwrap().unwrap();
    assert_eq!(view.attachments().len(), 1);
    assert_eq!(media_files(&folder.path().join("ada")).len(), 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_grows_while_it_is_read_is_refused_until_nothing_writes_to_it() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log.txt");
    std::fs::write(&log, noise(1_000_000)).unwrap();
    let node = offline(&folder.path().join("ada")).await;
    let is_over = Arc::new(AtomicBool::new(false));
    let (seen, path) = (is_over.clone(), log.clone());
    let writer = std::thread::spawn(move || {
        let mut file = std::fs::File::options().append(true).open(path).unwrap();
        while !seen.load(Ordering::Relaxed) {
            file.write_all(b"x").unwrap();
        }
    });
    // Between two of its writes an attempt may go well.
    let refused = tokio::time::timeout(PATIENCE, async {
        loop {
            if let Err(error) = node.post("look").attach(&*log).send().await {
                return error.to_string();
            }
        }
    });
    let error = refused.await.unwrap();
    is_over.store(true, Ordering::Relaxed);
    writer.join().unwrap();
    assert!(
        error.contains("log.txt changed while it was read"),
        "{error}"
    );
    let sent = node.post("look").attach(&*log).send().await.unwrap();
    let view = node.entry(&sent).unwrap().unwrap();
    let bytes = bytes_of(&node, view.attachments()[0].hash);
    assert!(bytes == std::fs::read(&log).unwrap());
    let files = media_files(&folder.path().join("ada"));
    let is_of_a_blob = |name: &str| name.trim_end_matches(".obao").parse::<BlobHash>().is_ok();
    assert!(files.iter().all(|name| is_of_a_blob(name)), "{files:?}");
}

#[cfg(feature = "images")]
#[tokio::test(flavor = "multi_thread")]
async fn twenty_pictures_go_into_one_post_and_the_first_of_them_have_previews() {
    let folder = tempfile::tempdir().unwrap();
    let node = offline(&folder.path().join("ada")).await;
    let mut post = NewPost::new("The whole walk");
    for n in 0..20_usize {
        let path = folder.path().join(format!("{n}.png"));
        let pixels = noise(300 * 200 * 3 + n);
        let pixels = pixels.get(n..).unwrap().to_vec();
        let drawn = image::RgbImage::from_raw(300, 200, pixels).unwrap();
        drawn.save(&path).unwrap();
        post = post.attach(Attach::file(path));
    }
    let sent = node.send_all(vec![post]).await.unwrap();
    let view = node.entry(&sent[0]).unwrap().unwrap();
    let previews = view
        .attachments()
        .iter()
        .filter_map(|it| it.preview.as_ref());
    assert!(view.attachments()[0].preview.is_some());
    assert!(previews.map(|preview| preview.len()).sum::<usize>() <= 40 * 1024);
    assert_eq!(
        view.attachments()
            .iter()
            .filter(|it| it.rendition_of.is_none())
            .count(),
        20
    );
}

struct Fails;

impl Read for Fails {
    fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
        Err(std::io::Error::other("the cable was pulled"))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_attachment_that_fails_leaves_no_file_and_no_post() {
    let folder = tempfile::tempdir().unwrap();
    let node = offline(folder.path()).await;
    let fine = || Attach::bytes("fine", noise(100_000));
    let post = |second: Attach| node.post("look").attach(fine()).attach(second).send();
    for (second, why) in [
        (Attach::file(folder.path()), "not a file"),
        (Attach::file("nowhere.png"), "nowhere.png could not be read"),
        (Attach::bytes("empty", Vec::new()), "empty is empty"),
        (
            Attach::bytes("a.png", &b"\x89PNG\r\n\x1a\nno picture"[..]),
            "a.png (attachment 2): the image/png attachment",
        ),
        (
            Attach::reader("cable", Fails),
            "cable could not be read: the cable was pulled",
        ),
        (fine().alt("long".repeat(1_000)), "description"),
    ] {
        let error = post(second).await.unwrap_err().to_string();
        assert!(error.contains(why), "{error}");
    }
    let mut many = NewPost::new("look");
    for _ in 0..33 {
        many = many.attach(fine());
    }
    let error = node.send_all(vec![many]).await.unwrap_err();
    assert!(matches!(error, TidingsError::Format(_)), "{error}");
    let empty = node
        .send_all(vec![NewPost::new("a").attach(fine()), NewPost::new(" ")])
        .await;
    assert!(matches!(empty, Err(TidingsError::EmptyPost)));
    assert_eq!(node.timeline().page().unwrap().items().len(), 0);
    assert_eq!(media_files(folder.path()), Vec::<String>::new());
}
