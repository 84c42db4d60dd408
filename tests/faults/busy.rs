//! kill -9 of a process that does everything at once: posts, imports, edits, deletes, reacts, attaches, syncs, fetches.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use tidings::format::{LogId, Seq};
use tidings::{
    Attach, Attachment, BlobHash, ChangeCursor, ChangeKind, EntryRef, MediaState, NewPost, Node,
    TidingsError,
};
use tokio::time::timeout;

use super::child::{Task, kills, run_and_kill, tell};
use super::help::{PATIENCE, Random, close, offline, online, until};

fn noise(random: &mut Random) -> Vec<u8> {
    let len = [900, 40_000, 700_000][usize::try_from(random.below(3)).unwrap()];
    let mut bytes = vec![0; len + usize::try_from(random.below(100)).unwrap()];
    let mut source = blake3::Hasher::new();
    source.update(&random.below(u64::MAX).to_le_bytes());
    source.finalize_xof().fill(&mut bytes);
    bytes
}

/// Some things that its user wants while others go on; two of these run at the same time.
pub(crate) async fn work(node: &Node, mut random: Random) {
    let mut own: Vec<EntryRef> = Vec::new();
    loop {
        let target = match own.len() {
            0 => None,
            len => own.get(usize::try_from(random.below(len as u64)).unwrap()),
        };
        match (random.below(100), target) {
            (0..25, _) | (_, None) => {
                let sent = node.post("one").tag("tea").send().await.unwrap();
                tell(&format!("ack {sent}"));
                own.push(sent);
            }
            (25..35, _) => {
                let text = |n| NewPost::new(format!("imported {n}"));
                for sent in node.send_all((0..80).map(text).collect()).await.unwrap() {
                    tell(&format!("ack {sent}"));
                    own.push(sent);
                }
            }
            (35..55, _) => {
                let attach = Attach::bytes("noise.bin", noise(&mut random));
                let sent = node.post("look").attach(attach).send().await.unwrap();
                tell(&format!("ack {sent}"));
                own.push(sent);
            }
            (55..63, Some(target)) => settle(node.edit(target, "better").send().await),
            (63..70, Some(target)) => {
                tell(&format!("touched {target}"));
                let target = *target;
                settle(node.delete(&target).await);
                if random.below(2) == 0 {
                    settle(node.undelete(&target).await);
                }
            }
            (70..71, _) => settle(node.purge().await),
            (71..78, Some(target)) => settle(node.react(target, "+1").await),
            (78..85, _) => drop(node.sync(PATIENCE).await.unwrap()),
            _ => fetch_some(node).await,
        }
    }
}

/// What two tasks do to the same entry may be refused: it was deleted meanwhile.
fn settle<T>(done: Result<T, TidingsError>) {
    use TidingsError::{Deleted, NotDeleted, NotEditable, NotKept};
    match done {
        Ok(_) | Err(Deleted { .. } | NotDeleted { .. } | NotEditable { .. } | NotKept { .. }) => {}
        Err(error) => panic!("{error}"),
    }
}

async fn fetch_some(node: &Node) {
    let page = node.timeline().limit(200).page().unwrap();
    let mut media = page.entries().flat_map(|entry| entry.attachments());
    let lacking = |media: &&Attachment| node.media(&media.hash).unwrap() == MediaState::Missing;
    if let Some(wanted) = media.find(lacking).cloned() {
        // The other may be off, or have deleted it.
        let fetch = node.fetch_media(&wanted).unwrap();
        drop(timeout(std::time::Duration::from_secs(2), fetch).await);
    }
}

/// Everything that was acknowledged, over all kills.
#[derive(Default)]
struct Acknowledged {
    places: BTreeMap<(LogId, Seq), EntryRef>,
    touched: BTreeSet<EntryRef>,
}

impl Acknowledged {
    fn hear(&mut self, told: &[String]) {
        for line in told {
            if let Some(name) = line.strip_prefix("ack ") {
                let name: EntryRef = name.parse().unwrap();
                let before = self.places.insert((name.log, name.seq), name);
                assert_eq!(before, None, "a place was given out twice");
            } else if let Some(name) = line.strip_prefix("touched ") {
                self.touched.insert(name.parse().unwrap());
            }
        }
    }

    fn assert_kept(&self, node: &Node) {
        for name in self.places.values() {
            let entry = node.entry(name).unwrap();
            let entry = entry.unwrap_or_else(|| panic!("{name} was acknowledged and is lost"));
            if self.touched.contains(name) {
                continue;
            }
            assert!(entry.post().is_some(), "{name} lost its text");
            for media in entry.attachments() {
                let state = node.media(&media.hash).unwrap();
                assert_eq!(state, MediaState::Held { len: media.len }, "{name}");
            }
        }
    }
}

/// Every whole file of media has the name that its bytes give it.
fn assert_media(folder: &Path) -> usize {
    let mut whole = 0;
    let folders = std::fs::read_dir(folder.join("media"));
    for folder in folders.into_iter().flatten() {
        let folder = folder.unwrap().path();
        if folder.ends_with("tmp") {
            continue;
        }
        for file in std::fs::read_dir(folder).unwrap() {
            let file = file.unwrap().path();
            if file.extension().is_none() {
                let hash = *blake3::hash(&std::fs::read(&file).unwrap()).as_bytes();
                let name = BlobHash::from_bytes(hash).to_string();
                assert_eq!(file.file_name().unwrap().to_str(), Some(&*name));
                whole += 1;
            }
        }
    }
    whole
}

async fn assert_clean(node: &Node) {
    let report = node.check(|_| ()).await.unwrap();
    let found: Vec<_> = report
        .differences()
        .iter()
        .map(ToString::to_string)
        .collect();
    assert!(report.is_clean(), "{found:#?}");
}

/// Reads a node's changes up to an entry of its own.
async fn assert_never_forked(node: &Node) {
    let last = node.post("the end").send().await.unwrap();
    let mut changes = node.changes(ChangeCursor::START);
    loop {
        let event = timeout(PATIENCE, changes.next()).await.unwrap();
        match event.unwrap().unwrap().kind() {
            ChangeKind::Entry(entry) if entry.id() == last => return,
            ChangeKind::Forked { log, at } => panic!("{log:?} is forked at {at:?}"),
            _ => {}
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_while_doing_everything_the_store_is_whole_and_media_match() {
    let mut random = Random::new("All");
    let folders = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let ada = folders.0.path();
    let ben = online(folders.1.path()).await;
    let node = offline(ada).await;
    let feed = node.feed();
    node.follow(&ben.ticket().await.unwrap()).await.unwrap();
    ben.follow(&node.ticket().await.unwrap()).await.unwrap();
    close(node).await;
    let mut acknowledged = Acknowledged::default();
    let mut whole = 0;
    for _ in 0..kills() {
        for _ in 0..3 {
            let attach = Attach::bytes("noise.bin", noise(&mut random));
            ben.post("from ben").attach(attach).send().await.unwrap();
        }
        acknowledged.hear(&run_and_kill(Task::All, ada, &mut random));
        whole = assert_media(ada);
        let node = offline(ada).await;
        assert_eq!(node.feed(), feed);
        assert_clean(&node).await;
        acknowledged.assert_kept(&node);
        close(node).await;
    }
    let count = acknowledged.places.len();
    println!(
        "{count} acknowledged, {whole} files of media, {} touched",
        acknowledged.touched.len()
    );
    assert!(count > 0);
    // Who followed all along ends with the same, and no two entries ever stood at one place.
    let node = online(ada).await;
    let all = |node: &Node| {
        let held = |name: &&EntryRef| node.entry(name).unwrap().is_some();
        acknowledged.places.values().filter(held).count()
    };
    assert_eq!(all(&node), count);
    until(&ben, || all(&ben) == count).await;
    assert_never_forked(&ben).await;
    assert_clean(&ben).await;
    close(node).await;
    close(ben).await;
}
