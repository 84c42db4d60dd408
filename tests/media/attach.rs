//! Attaching: the bytes are there before the post is, or neither is.

use std::io::Read;

use tidings::{Attach, MediaState, NewPost, TidingsError};

use crate::help::{bytes_of, media_files, noise, offline};

#[tokio::test(flavor = "multi_thread")]
async fn what_is_attached_is_held_and_reads_back_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let picture = folder.path().join("tomato.png");
    let mut bytes = b"\x89PNG\r\n\x1a\n".to_vec();
    bytes.extend(noise(300_000));
    std::fs::write(&picture, &bytes).unwrap();
    let node = offline(&folder.path().join("ada")).await;
    let sent = node
        .post("")
        .attach(Attach::file(&picture).alt("A tomato").keep_metadata())
        .attach(Attach::reader(
            "notes.md",
            std::io::Cursor::new(b"# Notes".to_vec()),
        ))
        .send()
        .await
        .unwrap();
    let view = node.entry(&sent).unwrap().unwrap();
    let [tomato, notes] = view.attachments() else {
        panic!("{:?}", view.attachments())
    };
    assert_eq!(tomato.name.as_deref(), Some("tomato.png"));
    assert_eq!(
        (tomato.mime.as_str(), tomato.alt.as_deref()),
        ("image/png", Some("A tomato"))
    );
    assert_eq!(tomato.len, bytes.len() as u64);
    assert_eq!((notes.mime.as_str(), notes.len), ("text/markdown", 7));
    node.shutdown().await.unwrap();
    let node = offline(&folder.path().join("ada")).await;
    assert_eq!(
        node.media(&tomato.hash).unwrap(),
        MediaState::Held { len: tomato.len }
    );
    assert!(bytes_of(&node, tomato.hash) == bytes);
    assert_eq!(bytes_of(&node, notes.hash), b"# Notes");
    node.fetch_media(tomato).unwrap().await.unwrap();
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

#[tokio::test(flavor = "multi_thread")]
async fn a_poster_stands_beside_what_it_shows() {
    let folder = tempfile::tempdir().unwrap();
    let poster = folder.path().join("poster.png");
    std::fs::write(&poster, b"\x89PNG\r\n\x1a\nand more").unwrap();
    let node = offline(&folder.path().join("ada")).await;
    let film = Attach::bytes("film.mp4", &b"\0\0\0\x18ftypisom and frames"[..]).poster(&poster);
    let sent = node.post("look").attach(film).send().await.unwrap();
    let view = node.entry(&sent).unwrap().unwrap();
    let kinds: Vec<_> = view
        .attachments()
        .iter()
        .map(|it| (it.mime.as_str(), it.rendition_of))
        .collect();
    assert_eq!(kinds, [("video/mp4", None), ("image/png", Some(0))]);
}
