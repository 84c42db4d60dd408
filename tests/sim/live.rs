//! Pages and live streams of real nodes, at random moments of random lives: every entry comes once, and a slow reader loses
//! nothing.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tidings::sync::sim::Prng;
use tidings::{EntryRef, EntryView, Live, NewPost, Node, TimelineItem};
use tokio::time::timeout;

use crate::random::setting;

/// How long anything may take that does not hang.
const PATIENCE: Duration = Duration::from_secs(120);

/// Somebody who read a page down to the first entry, and listens from where it was made.
struct Reader {
    seen: BTreeSet<EntryRef>,
    live: Live,
}

impl Reader {
    /// Reads all pages, while things may happen between one and the next.
    async fn begin(node: &Node, random: &mut Prng, life: &mut Life) -> Self {
        let limit = usize::try_from(1 + random.below(90)).unwrap();
        let first = node.timeline().limit(limit).page().unwrap();
        let live = node.timeline().live(first.newest());
        let mut seen = BTreeSet::new();
        let mut page = first;
        loop {
            for entry in page.entries().filter(|entry| entry.post().is_some()) {
                note(&mut seen, entry);
            }
            let Some(before) = page.next() else {
                return Self { seen, live };
            };
            if random.below(3) == 0 {
                life.post(node, random).await;
            }
            page = node.timeline().limit(limit).before(before).page().unwrap();
        }
    }

    /// Reads on: so many items, or as many as there are to come.
    async fn listen(&mut self, items: usize) {
        for _ in 0..items {
            let next = timeout(PATIENCE, self.live.next()).await;
            let item = next
                .expect("it comes")
                .expect("the stream goes on")
                .unwrap();
            match &item {
                TimelineItem::Entry(entry) => note(&mut self.seen, entry),
                other => panic!("{other:?}"),
            }
        }
    }
}

fn note(seen: &mut BTreeSet<EntryRef>, entry: &EntryView) {
    assert!(seen.insert(entry.id()), "{} came twice", entry.id());
}

struct Life {
    posted: BTreeSet<EntryRef>,
    archive: PathBuf,
    /// What the archive brings, once it is loaded.
    others: BTreeSet<EntryRef>,
    loaded: bool,
}

impl Life {
    async fn post(&mut self, node: &Node, random: &mut Prng) {
        let count = [1, 1, 1, 5, 130][usize::try_from(random.below(5)).unwrap()];
        let text = |n: u64| NewPost::new(format!("post {n}"));
        if count == 1 {
            self.posted.insert(node.post("one").send().await.unwrap());
        } else {
            let sent = node.send_all((0..count).map(text).collect()).await.unwrap();
            self.posted.extend(sent);
        }
    }

    async fn step(&mut self, node: &Node, random: &mut Prng) {
        match random.below(8) {
            0 if !self.loaded => {
                self.loaded = true;
                node.load(&self.archive).follow(true).run().await.unwrap();
                self.posted.append(&mut self.others);
            }
            _ => self.post(node, random).await,
        }
    }
}

async fn offline(folder: &Path) -> Node {
    Node::builder().offline().open(folder).await.unwrap()
}

async fn life(seed: u64, archive: &Path, others: &BTreeSet<EntryRef>) {
    let mut random = Prng::new(seed ^ 0x11fe);
    let folder = tempfile::tempdir().unwrap();
    let node = offline(folder.path()).await;
    let mut life = Life {
        posted: BTreeSet::new(),
        archive: archive.to_owned(),
        others: others.clone(),
        loaded: false,
    };
    let mut readers: Vec<Reader> = Vec::new();
    for _ in 0..10 + random.below(15) {
        match random.below(5) {
            0 => readers.push(Reader::begin(&node, &mut random, &mut life).await),
            1 if !readers.is_empty() => {
                // Some read a little, and many nothing for long.
                let which = usize::try_from(random.below(readers.len() as u64)).unwrap();
                let left = life.posted.len() - readers[which].seen.len();
                let some = usize::try_from(random.below(left as u64 + 1)).unwrap();
                readers[which].listen(some).await;
            }
            _ => life.step(&node, &mut random).await,
        }
    }
    let last = node.post("the end").send().await.unwrap();
    life.posted.insert(last);
    for mut reader in readers {
        let left = life.posted.len() - reader.seen.len();
        reader.listen(left).await;
        assert_eq!(reader.seen, life.posted, "TIDINGS_SEED={seed}");
    }
    node.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_and_its_live_stream_yield_every_entry_once_in_random_lives() {
    let folder = tempfile::tempdir().unwrap();
    let other = offline(&folder.path().join("other")).await;
    let text = |n: u64| NewPost::new(format!("from another {n}"));
    let sent = other.send_all((0..200).map(text).collect()).await.unwrap();
    let archive = folder.path().join("other.tidings");
    other.export(&archive).run().await.unwrap();
    other.shutdown().await.unwrap();
    let first = setting("TIDINGS_SEED", 0);
    for seed in first..first + setting("TIDINGS_SEEDS", 60).min(2_000) {
        println!("TIDINGS_SEED={seed}");
        life(seed, &archive, &sent.iter().copied().collect()).await;
    }
}
