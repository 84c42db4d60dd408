//! Posts that go into one write, and what is attached to them before it.

#![cfg(feature = "net")]

use std::path::Path;

use tidings::{Attach, NewPost, Node, TidingsError};

async fn open(folder: &Path) -> Node {
    let builder = Node::builder().local_only().offline();
    builder.open(folder).await.unwrap()
}

#[tokio::test]
async fn posts_of_one_write_can_answer_each_other() {
    let folder = tempfile::tempdir().unwrap();
    let node = open(folder.path()).await;
    let first = node.post("before").send().await.unwrap();
    let posts = ["one", "two", "three", "four"].map(NewPost::new);
    let [one, two, three, four] = posts;
    let sent = node
        .send_all(vec![
            one,
            two.reply_to_nth(0),
            three.reply_to_nth(1),
            four.reply_to(first),
        ])
        .await
        .unwrap();
    let entry = |at: usize| node.entry(&sent[at]).unwrap().unwrap();
    let answers: Vec<_> = (0..4).map(|at| entry(at).reply_to()).collect();
    assert_eq!(answers, [None, Some(sent[0]), Some(sent[1]), Some(first)]);
    let roots: Vec<_> = (0..4).map(|at| entry(at).root()).collect();
    assert_eq!(roots, [None, Some(sent[0]), Some(sent[0]), Some(first)]);

    // What stands at its own place or behind it is refused, and nothing is posted.
    let held = node.counts().unwrap().own();
    for nth in [0, 1, 9] {
        let posts = vec![NewPost::new("x").reply_to_nth(nth), NewPost::new("y")];
        let refused = node.send_all(posts).await.unwrap_err();
        assert!(matches!(refused, TidingsError::Unknown { .. }), "{refused}");
    }
    assert_eq!(node.counts().unwrap().own(), held);
    node.shutdown().await.unwrap();
}

#[tokio::test]
async fn what_is_prepared_goes_into_one_post_with_its_words() {
    let folder = tempfile::tempdir().unwrap();
    let node = open(folder.path()).await;
    let bytes = Attach::bytes("notes.txt", "some notes").alt("Notes");
    let taken = node.prepare(bytes).await.unwrap();
    let empty = Attach::bytes("empty.txt", "");
    assert!(node.prepare(empty).await.is_err());
    let again = taken.clone();
    let sent = node.post("with it").attach(taken).send().await.unwrap();
    let entry = node.entry(&sent).unwrap().unwrap();
    let [attachment] = entry.attachments() else {
        panic!("{entry:?}");
    };
    assert_eq!(attachment.alt.as_deref(), Some("Notes"));
    assert!(node.open_media(&attachment.hash).is_ok());
    assert!(node.post("twice").attach(again).send().await.is_err());
    node.shutdown().await.unwrap();
}
