//! What becomes of a post once it is sent: edits, deletes, reactions, threads, on one node and between two.

#![cfg(feature = "net")]

use std::path::Path;
use std::time::Duration;

use tidings::{EntryRef, EntryState, Node, TidingsError, TimelineItem};

const PATIENCE: Duration = Duration::from_secs(30);

async fn offline() -> (tempfile::TempDir, Node) {
    let folder = tempfile::tempdir().unwrap();
    let node = Node::builder().offline().open(folder.path()).await.unwrap();
    (folder, node)
}

async fn online(folder: &Path) -> Node {
    Node::builder().local_only().open(folder).await.unwrap()
}

fn texts(node: &Node) -> Vec<String> {
    let page = node.timeline().page().unwrap();
    page.entries()
        .map(|entry| entry.post().unwrap().text.clone())
        .collect()
}

/// The texts of the timeline, those left out whose bodies have not come.
fn shown(node: &Node) -> Vec<String> {
    let page = node.timeline().page().unwrap();
    let posts = page.entries().filter_map(|entry| entry.post());
    posts.map(|post| post.text.clone()).collect()
}

fn text(node: &Node, name: &EntryRef) -> Option<String> {
    let entry = node.entry(name).unwrap().unwrap();
    entry.post().map(|post| post.text.clone())
}

#[tokio::test]
async fn an_edited_post_says_the_new_and_keeps_its_place_tags_and_history() {
    let (_folder, node) = offline().await;
    let post = node
        .post("Frist")
        .title("News")
        .tag("tea")
        .send()
        .await
        .unwrap();
    node.post("second").send().await.unwrap();
    node.edit(&post, "First").send().await.unwrap();
    let last = node
        .edit(&post, "First!")
        .title("")
        .tag("rust")
        .send()
        .await
        .unwrap();
    assert_eq!(texts(&node), ["second", "First!"]);
    let entry = node.entry(&post).unwrap().unwrap();
    assert!(entry.edited().is_some() && entry.state() == EntryState::Held);
    assert_eq!(entry.post().unwrap().title, None);
    assert_eq!(entry.tags(), ["rust"]);
    let tagged = |tag| node.timeline().tag(tag).page().unwrap().entries().count();
    assert_eq!((tagged("tea"), tagged("rust")), (0, 1));
    let history = node.history(&post).unwrap();
    let said: Vec<_> = history.iter().map(|v| v.post().unwrap().text).collect();
    assert_eq!(said, ["Frist", "First", "First!"]);
    let shown: Vec<_> = history.iter().filter(|v| v.is_shown()).collect();
    assert!(shown.len() == 1 && shown[0].id() == last);
    // Without its last edit it says what it said before.
    node.delete(&last).await.unwrap();
    assert_eq!(text(&node, &post).as_deref(), Some("First"));
    assert_eq!((tagged("tea"), tagged("rust")), (1, 0));
}

#[tokio::test]
async fn a_deleted_post_is_gone_until_it_is_put_back_or_purged() {
    let (_folder, node) = offline().await;
    let post = node.post("regret").tag("tea").send().await.unwrap();
    node.edit(&post, "deep regret").send().await.unwrap();
    assert!(matches!(
        node.undelete(&post).await,
        Err(TidingsError::NotDeleted { .. })
    ));
    node.delete(&post).await.unwrap();
    assert!(texts(&node).is_empty());
    let entry = node.entry(&post).unwrap().unwrap();
    assert_eq!(
        (entry.state(), entry.body().is_some()),
        (EntryState::Deleted, false)
    );
    assert_eq!(node.history(&post).unwrap().len(), 1);
    for refused in [
        node.delete(&post).await.err(),
        node.edit(&post, "anew").send().await.err(),
        node.react(&post, "+1").await.err(),
    ] {
        assert!(
            matches!(refused, Some(TidingsError::Deleted { .. })),
            "{refused:?}"
        );
    }
    node.undelete(&post).await.unwrap();
    assert_eq!(texts(&node), ["deep regret"]);
    node.delete(&post).await.unwrap();
    assert_eq!(node.purge().await.unwrap(), 2, "the post and its edit");
    assert_eq!(node.purge().await.unwrap(), 0);
    assert!(matches!(
        node.undelete(&post).await,
        Err(TidingsError::NotKept { .. })
    ));
}

#[tokio::test]
async fn a_post_that_was_edited_very_often_goes_with_all_of_its_edits_and_comes_back_with_them() {
    let (_folder, node) = offline().await;
    let post = node.post("0").send().await.unwrap();
    let mut edits = Vec::new();
    for n in 1..=131 {
        let edit = node.edit(&post, n.to_string()).tag(format!("tag{n}"));
        edits.push(edit.send().await.unwrap());
    }
    let report = node.check(|_| {}).await.unwrap();
    assert!(report.is_clean(), "{report:?}");
    node.delete(&post).await.unwrap();
    for (n, edit) in edits.iter().enumerate() {
        let edit = node.entry(edit).unwrap().unwrap();
        assert_eq!(edit.state(), EntryState::Deleted, "edit {n}");
    }
    node.undelete(&post).await.unwrap();
    assert_eq!(text(&node, &post).as_deref(), Some("131"));
    let held = |edit: &&EntryRef| node.entry(edit).unwrap().unwrap().state() == EntryState::Held;
    assert_eq!(edits.iter().filter(held).count(), 131);
}

#[tokio::test]
async fn what_cannot_be_changed_is_refused_with_a_reason() {
    let (_folder, node) = offline().await;
    let (_other, stranger) = offline().await;
    let post = node.post("mine").send().await.unwrap();
    let foreign = stranger.post("theirs").send().await.unwrap();
    let mut unknown = post;
    unknown.seq.0 += 7;
    for (name, expected) in [(foreign, "NotYours"), (unknown, "Unknown")] {
        for refused in [
            node.delete(&name).await.err(),
            node.undelete(&name).await.err(),
            node.edit(&name, "x").send().await.err(),
        ] {
            assert!(format!("{refused:?}").contains(expected), "{refused:?}");
        }
    }
    let reaction = node.react(&post, "+1").await.unwrap();
    let refused = node.edit(&reaction, "x").send().await.err();
    assert!(
        matches!(refused, Some(TidingsError::NotEditable { .. })),
        "{refused:?}"
    );
    let refused = node.edit(&post, "  ").send().await.err();
    assert!(matches!(refused, Some(TidingsError::EmptyPost)));
    for emoji in ["", "   ", &"x".repeat(33)] {
        let refused = node.react(&post, emoji).await.err();
        assert!(
            matches!(refused, Some(TidingsError::Emoji { .. })),
            "{refused:?}"
        );
    }
    assert_eq!(texts(&node), ["mine"]);
}

#[tokio::test]
async fn a_reaction_counts_once_and_is_taken_back_by_deleting_it() {
    let (_folder, node) = offline().await;
    let post = node.post("look").send().await.unwrap();
    let first = node.react(&post, "+1").await.unwrap();
    assert_eq!(node.react(&post, " +1 ").await.unwrap(), first);
    node.react(&post, "\u{1f389}").await.unwrap();
    node.post("answer").reply_to(post).send().await.unwrap();
    let page = node.timeline().page().unwrap();
    let seen = page.entries().find(|entry| entry.id() == post).unwrap();
    let reactions: Vec<_> = seen
        .reactions()
        .iter()
        .map(|(e, n)| (e.as_str(), *n))
        .collect();
    assert_eq!(reactions, [("+1", 1), ("\u{1f389}", 1)]);
    assert_eq!(seen.replies(), 1);
    node.delete(&first).await.unwrap();
    let again = node.entry(&post).unwrap().unwrap();
    assert_eq!(again.reactions().len(), 1);
    assert_ne!(node.react(&post, "+1").await.unwrap(), first);
}

#[tokio::test]
async fn a_thread_runs_from_its_root_and_says_what_is_missing() {
    let (_folder, node) = offline().await;
    let root = node.post("root").send().await.unwrap();
    let mut names = Vec::new();
    for n in 0..5 {
        let to = *names.last().unwrap_or(&root);
        let reply = node.post(format!("reply {n}")).reply_to(to);
        names.push(reply.send().await.unwrap());
    }
    node.delete(&names[1]).await.unwrap();
    let shown = |item: &TimelineItem| match item {
        TimelineItem::Entry(entry) => entry.post().unwrap().text.clone(),
        TimelineItem::Missing(missing) => {
            assert_eq!(
                (missing.entry(), missing.why()),
                (names[1], EntryState::Deleted)
            );
            "missing".to_owned()
        }
        _ => "gap".to_owned(),
    };
    let whole = node.timeline().thread(root).page().unwrap();
    let seen: Vec<_> = whole.items().iter().map(shown).collect();
    let expected = [
        "root", "reply 0", "missing", "reply 2", "reply 3", "reply 4",
    ];
    assert_eq!(seen, expected);
    // Page by page it is the same.
    let (mut seen, mut thread) = (Vec::new(), node.timeline().thread(root).limit(2));
    loop {
        let page = thread.clone().page().unwrap();
        seen.extend(page.items().iter().map(shown));
        let Some(next) = page.next() else { break };
        thread = thread.before(next);
    }
    assert_eq!(seen, expected);
    assert_eq!(node.entry(&names[4]).unwrap().unwrap().root(), Some(root));
    node.delete(&root).await.unwrap();
    let page = node.timeline().thread(root).page().unwrap();
    assert!(matches!(
        page.items().first(),
        Some(TimelineItem::Missing(root)) if root.why() == EntryState::Deleted
    ));
}

#[tokio::test]
async fn deletes_hold_after_the_node_was_closed() {
    let folder = tempfile::tempdir().unwrap();
    let open = || Node::builder().offline().open(folder.path());
    let node = open().await.unwrap();
    let post = node.post("regret").send().await.unwrap();
    node.delete(&post).await.unwrap();
    node.shutdown().await.unwrap();
    let node = open().await.unwrap();
    assert!(texts(&node).is_empty());
    node.undelete(&post).await.unwrap();
    assert_eq!(texts(&node), ["regret"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_follower_sees_edits_deletes_and_what_is_put_back() {
    let folders = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let ada = online(folders.0.path()).await;
    let ben = online(folders.1.path()).await;
    let post = ada.post("Frist").send().await.unwrap();
    let gone = ada.post("regret").send().await.unwrap();
    ben.follow(&ada.ticket().await.unwrap()).await.unwrap();
    // What is pushed and a report of `sync` may cross: asked again until it is there.
    let arrives = async |expected: &[&str]| {
        let all = async {
            while shown(&ben) != expected {
                ben.sync(PATIENCE).await.unwrap();
            }
        };
        tokio::time::timeout(PATIENCE, all).await.unwrap();
    };
    arrives(&["regret", "Frist"]).await;
    ada.edit(&post, "First").send().await.unwrap();
    ada.delete(&gone).await.unwrap();
    arrives(&["First"]).await;
    let entry = ben.entry(&gone).unwrap().unwrap();
    assert_eq!(entry.state(), EntryState::Deleted);
    ada.undelete(&gone).await.unwrap();
    arrives(&["regret", "First"]).await;
    ada.shutdown().await.unwrap();
    ben.shutdown().await.unwrap();
}

#[tokio::test]
async fn a_live_stream_brings_a_post_once_though_its_body_went_and_came() {
    let (_folder, node) = offline().await;
    let newest = node.timeline().page().unwrap().newest();
    let post = node.post("back again").send().await.unwrap();
    node.delete(&post).await.unwrap();
    node.undelete(&post).await.unwrap();
    let gone = node.post("gone").send().await.unwrap();
    node.delete(&gone).await.unwrap();
    let last = node.post("last").send().await.unwrap();
    let mut live = node.timeline().live(newest);
    let mut came = Vec::new();
    while came.last() != Some(&last) {
        let item = tokio::time::timeout(PATIENCE, live.next()).await.unwrap();
        came.push(item.unwrap().unwrap().entry().unwrap().id());
    }
    assert_eq!(came, [post, last]);
}
