//! What the tests share: nodes that follow one another, bytes, and waiting for things to come about.

use std::io::Read as _;
use std::path::Path;
use std::time::Duration;

use tidings::{Attach, Attachment, BlobHash, ChangeCursor, FeedId, Node};
use tokio::time::timeout;

/// How long anything may take that does not hang.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) async fn online(folder: &Path) -> Node {
    Node::builder().local_only().open(folder).await.unwrap()
}

pub(crate) async fn offline(folder: &Path) -> Node {
    let builder = Node::builder().local_only().offline();
    builder.open(folder).await.unwrap()
}

pub(crate) async fn close(node: Node) {
    node.shutdown().await.unwrap();
}

/// Bytes that no compression makes smaller, the same each time.
pub(crate) fn noise(len: usize) -> Vec<u8> {
    let mut bytes = vec![0; len];
    let mut random = blake3::Hasher::new()
        .update(&len.to_le_bytes())
        .finalize_xof();
    random.fill(&mut bytes);
    bytes
}

/// Posts bytes and returns what stands in the post.
pub(crate) async fn post(node: &Node, bytes: &[u8]) -> Attachment {
    let attach = Attach::bytes("noise.bin", bytes.to_vec());
    let sent = node.post("look").attach(attach).send().await.unwrap();
    node.entry(&sent).unwrap().unwrap().attachments()[0].clone()
}

/// Lets one follow another's feed, from whoever it has a ticket of.
pub(crate) async fn follow(reader: &Node, at: &Node, feed: FeedId) {
    let ticket = at.ticket_for(feed).await.unwrap();
    reader.follow(&ticket).await.unwrap();
    let report = reader.sync(PATIENCE).await.unwrap();
    assert!(report.is_ok(), "{report:?}");
}

/// Waits until a node shows a post with the attachment.
pub(crate) async fn until_known(node: &Node, blob: BlobHash) {
    let mut changes = node.changes(ChangeCursor::START);
    let known = timeout(PATIENCE, async {
        loop {
            let page = node.timeline().page().unwrap();
            let mut media = page.entries().flat_map(|entry| entry.attachments());
            if media.any(|attachment| attachment.hash == blob) {
                return;
            }
            changes.next().await.expect("the node goes on").unwrap();
        }
    });
    known.await.expect("the post arrives");
}

pub(crate) async fn fetch(node: &Node, attachment: &Attachment) -> Result<(), String> {
    let fetch = node
        .fetch_media(attachment)
        .map_err(|error| error.to_string())?;
    let ended = timeout(PATIENCE, fetch).await.expect("it ends");
    ended.map_err(|error| error.to_string())
}

pub(crate) fn bytes_of(node: &Node, blob: BlobHash) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut reader = node.open_media(&blob).unwrap();
    reader.read_to_end(&mut bytes).unwrap();
    bytes
}

/// The media files in a node's folder, by their names.
pub(crate) fn media_files(folder: &Path) -> Vec<String> {
    let mut files = Vec::new();
    let folders = std::fs::read_dir(folder.join("media"))
        .into_iter()
        .flatten();
    for folder in folders {
        for file in std::fs::read_dir(folder.unwrap().path()).unwrap() {
            let name = file.unwrap().file_name();
            files.push(name.to_str().unwrap().to_owned());
        }
    }
    files.sort();
    files
}

/// Waits until something holds that no event tells of.
pub(crate) async fn until(holds: impl AsyncFn() -> bool) {
    let reached = timeout(PATIENCE, async {
        while !holds().await {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
    reached.await.expect("it comes about");
}
