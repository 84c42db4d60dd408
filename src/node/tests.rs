//! What others sign with a key of this installation, or against it, and what becomes of the node.

use std::path::Path;
use std::time::Duration;

use super::{DeviceState, Node, TidingsError};
use crate::feeds::{FeedStore, Taken};
use crate::format::{
    DeviceId, DeviceSecret, Draft, Ends, EntryRef, FeedId, Lane, LogId, PackedRun, Rel, Seq,
    Statement, lanes,
};
use crate::store::{Durability, MemoryStorage};

struct World {
    folder: tempfile::TempDir,
    state: tempfile::TempDir,
}

impl World {
    fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
            state: tempfile::tempdir().unwrap(),
        }
    }

    async fn open(&self) -> Node {
        let builder = Node::builder().local_only().offline();
        let builder = builder.state_folder(self.state.path());
        builder.open(self.folder.path()).await.unwrap()
    }

    /// Makes the folder look like a copy of itself.
    fn copied(&self) {
        let marker = self.folder.path().join("marker");
        let text = std::fs::read(&marker).unwrap();
        std::fs::remove_file(&marker).unwrap();
        std::fs::write(&marker, text).unwrap();
        // Where the time at which a file was made is not to be had, the counter says so.
        for file in std::fs::read_dir(self.state.path()).unwrap() {
            std::fs::write(file.unwrap().path(), "1000 1000\n").unwrap();
        }
    }
}

fn device(number: u16) -> DeviceSecret {
    let mut bytes = [7; 32];
    bytes[..2].copy_from_slice(&number.to_be_bytes());
    DeviceSecret::from_bytes(&bytes)
}

async fn say(node: &Node, statements: Vec<Statement>) {
    let feed = node.feed();
    let said = node.inner.writer.write(0, move |batch| {
        batch.take_statements(&feed, statements)?;
        Ok(())
    });
    said.await.unwrap();
}

/// Admits that somebody signed who has a copy of the device's key.
fn admits_by_copy(node: &Node, count: u16) -> Vec<Statement> {
    let (keys, feed) = (node.inner.identity.keys(), node.feed());
    let admit = |number| {
        let of = device(number);
        let consent = of.consent(&feed);
        Statement::admit(feed, &keys.device, of.id(), true, "phone", consent).unwrap()
    };
    (0..count).map(admit).collect()
}

fn live(node: &Node) -> Vec<DeviceId> {
    let devices = node.devices().unwrap();
    let live = devices
        .iter()
        .filter(|device| matches!(device.state(), DeviceState::This | DeviceState::Live));
    live.map(super::Device::id).collect()
}

fn texts(node: &Node) -> Vec<String> {
    let page = node.timeline().limit(100).page().unwrap();
    let mut texts: Vec<_> = page
        .entries()
        .map(|entry| entry.post().unwrap().text.clone())
        .collect();
    texts.sort();
    texts
}

async fn until(mut done: impl FnMut() -> bool) {
    for _ in 0..600 {
        if done() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("it did not come to that");
}

/// An entry signed elsewhere with a device's key.
fn elsewhere(node: &Node, lane: Lane, texts: &[&str]) -> (LogId, PackedRun) {
    let (keys, feed) = (node.inner.identity.keys(), node.feed());
    let store = FeedStore::open(std::sync::Arc::new(MemoryStorage::new())).unwrap();
    let mut batch = store.batch().unwrap();
    let of = keys.device.id();
    let consent = keys.device.consent(&feed);
    let admit = Statement::admit(feed, &keys.feed, of, true, "", consent).unwrap();
    batch.adopt_own(&feed, vec![admit]).unwrap();
    let kind = crate::format::Kind::new("post/1").unwrap();
    let draft = |text: &&str| {
        Draft::new(
            kind.clone(),
            crate::format::Timestamp(5),
            (*text).to_owned().into(),
        )
    };
    let drafts: Vec<_> = texts.iter().map(draft).collect();
    batch.append(&keys.device, &feed, lane, &drafts).unwrap();
    batch.commit(Durability::Durable).unwrap();
    let log = LogId {
        feed,
        device: of,
        lane,
    };
    let end = Seq(texts.len() as u64);
    let runs = store
        .snapshot()
        .unwrap()
        .runs(&log, Seq(0)..end, false, usize::MAX);
    (log, PackedRun::from_bytes(runs.unwrap().remove(0)))
}

async fn take(node: &Node, (log, packed): (LogId, PackedRun)) -> Taken {
    let taken = node.inner.writer.write(0, move |batch| {
        let run = batch.verify(&log, &packed)?;
        batch.take_run(&run)
    });
    taken.await.unwrap()
}

/// The first entries of a lane as they lie here, with their bodies.
fn held(node: &Node, lane: Lane) -> (LogId, PackedRun) {
    let (feed, device) = (node.feed(), node.device());
    let log = LogId { feed, device, lane };
    let runs = node
        .snapshot()
        .unwrap()
        .runs(&log, Seq(0)..Seq(64), false, usize::MAX);
    let runs = runs.unwrap();
    assert_eq!(runs.len(), 1);
    (log, PackedRun::from_bytes(runs[0].clone()))
}

async fn assert_opens_without(count: u16) {
    let world = World::new();
    let node = world.open().await;
    node.post("mine").send().await.unwrap();
    let (old, admits) = (node.device(), admits_by_copy(&node, count));
    say(&node, admits).await;
    node.shutdown().await.unwrap();
    world.copied();
    let node = world.open().await;
    assert_ne!(node.device(), old);
    assert_eq!(node.read_only(), None);
    assert_eq!(live(&node), [node.device()], "{count} admitted");
    let said = node.post("and on").send().await.unwrap();
    assert_eq!(said.log.device, node.device());
    assert_eq!(texts(&node), ["and on", "mine"]);
    let archive = world.folder.path().join("feed.tidings");
    node.export(&archive).run().await.unwrap();
}

#[tokio::test]
async fn a_folder_opens_whatever_a_copy_of_its_key_admitted_and_keeps_none_of_it() {
    assert_opens_without(16).await;
    assert_opens_without(17).await;
    assert_opens_without(40).await;
}

#[tokio::test]
async fn a_device_that_a_person_stands_by_is_kept_and_one_that_was_dropped_comes_back_when_asked_for()
 {
    let world = World::new();
    let node = world.open().await;
    let admits = admits_by_copy(&node, 2);
    say(&node, admits).await;
    let (tablet, phone) = (device(0).id(), device(1).id());
    node.keep_device(&tablet).await.unwrap();
    node.shutdown().await.unwrap();
    world.copied();

    let node = world.open().await;
    assert!(live(&node).contains(&tablet));
    let state = |node: &Node, id| {
        let devices = node.devices().unwrap();
        devices.iter().find(|it| it.id() == id).unwrap().state()
    };
    assert_eq!(state(&node, phone), DeviceState::Dropped);
    node.keep_device(&phone).await.unwrap();
    assert_eq!(state(&node, phone), DeviceState::Live);
    let nobody = device(9).id();
    let refused = node.keep_device(&nobody).await.unwrap_err();
    assert!(matches!(refused, TidingsError::UnknownDevice { .. }));
}

#[tokio::test]
async fn a_feed_without_room_opens_read_only_and_is_exported() {
    let world = World::new();
    let node = world.open().await;
    node.post("before").send().await.unwrap();
    let feed = node.feed();
    let mut next = 0;
    for _ in 0..8 {
        let keys = node.inner.identity.keys();
        let admit = |number| {
            let of = device(number);
            Statement::admit(feed, &keys.feed, of.id(), true, "", of.consent(&feed)).unwrap()
        };
        say(&node, (next..next + 4_000).map(admit).collect()).await;
        next += 4_000;
        // A key that must not be used any more, and no room for another.
        let (log, other) = elsewhere(&node, Lane::new("notes").unwrap(), &["other"]);
        let _maybe_not_admitted = take(&node, (log, other)).await;
        if node.post("after").send().await.is_err() {
            break;
        }
    }
    let refused = node.post("after").send().await.unwrap_err();
    assert!(
        matches!(refused, TidingsError::ReadOnly { .. }),
        "{refused}"
    );
    assert!(node.read_only().is_some());
    node.shutdown().await.unwrap();

    let node = world.open().await;
    assert!(node.read_only().is_some());
    let refused = node.delete(&name_of(feed)).await.unwrap_err();
    assert!(
        matches!(refused, TidingsError::ReadOnly { .. }),
        "{refused}"
    );
    let archive = world.folder.path().join("feed.tidings");
    node.export(&archive).run().await.unwrap();
}

fn name_of(feed: FeedId) -> EntryRef {
    EntryRef {
        log: LogId {
            feed,
            device: device(1).id(),
            lane: lanes::POSTS,
        },
        seq: Seq(0),
        id: crate::format::EntryId::ZERO,
    }
}

#[tokio::test]
async fn a_key_that_turns_out_to_be_used_elsewhere_is_renewed_while_the_node_runs() {
    for (lane, is_fork) in [("notes", false), ("posts", true)] {
        let world = World::new();
        let node = world.open().await;
        node.post("first").send().await.unwrap();
        let old = node.device();
        let other = elsewhere(&node, Lane::new(lane).unwrap(), &["other"]);
        let taken = take(&node, other).await;
        assert_eq!(
            taken,
            if is_fork {
                Taken::Forked
            } else {
                Taken::Stored
            }
        );
        until(|| node.device() != old).await;
        let next = node.post("next").send().await.unwrap();
        assert_ne!(next.log.device, old);
        assert_eq!(next.log.device, node.device());
        node.shutdown().await.unwrap();
        let again = world.open().await;
        assert_eq!(again.device(), next.log.device);
    }
}

#[tokio::test]
async fn a_post_in_flight_goes_on_under_the_new_key() {
    let world = World::new();
    let node = world.open().await;
    node.post("first").send().await.unwrap();
    let other = elsewhere(&node, lanes::POSTS, &["other"]);
    assert_eq!(take(&node, other).await, Taken::Forked);
    // Perhaps before anything else has looked at it.
    node.post("next").send().await.unwrap();
    assert!(texts(&node).contains(&"next".to_owned()));
}

/// Another admin device retires this one, with nothing of it to count.
fn retired_by(node: &Node, thief: &DeviceSecret) -> Vec<Statement> {
    let (keys, feed) = (node.inner.identity.keys(), node.feed());
    let consent = thief.consent(&feed);
    let admit = Statement::admit(feed, &keys.feed, thief.id(), true, "", consent).unwrap();
    let none = Ends::new([]).unwrap();
    let retire = Statement::retire(feed, thief, node.device(), none, []).unwrap();
    vec![admit, retire]
}

#[tokio::test]
async fn what_a_thief_cut_is_said_again_once_and_gives_way_when_it_counts_again() {
    let world = World::new();
    let node = world.open().await;
    node.edit_profile().name("Ada").save().await.unwrap();
    let one = node.post("one").tag("tea").send().await.unwrap();
    let gone = node.post("gone").send().await.unwrap();
    node.delete(&gone).await.unwrap();
    let reply = node.post("two").reply_to(one).send().await.unwrap();
    node.react(&one, "+").await.unwrap();
    let old = node.device();
    let runs: Vec<_> = [lanes::POSTS, lanes::STATE, lanes::REACTIONS]
        .into_iter()
        .map(|lane| held(&node, lane))
        .collect();

    let thief = device(1);
    say(&node, retired_by(&node, &thief)).await;
    until(|| texts(&node) == ["one", "two"] && node.device() != old).await;
    let page = node.timeline().page().unwrap();
    for entry in page.entries() {
        assert_eq!(entry.id().log.device, node.device());
        let origins: Vec<_> = entry.body().unwrap().targets(Rel::Origin).collect();
        assert_eq!(origins.len(), 1, "{:?}", entry.post());
    }
    assert_eq!(node.profile(node.feed()).unwrap().name(), Some("Ada"));
    let tagged = node.timeline().tag("tea").page().unwrap();
    let shown = tagged.entries().next().unwrap();
    assert_eq!((shown.replies(), shown.reactions()["+"]), (1, 1));
    let thread = node.timeline().thread(one).page().unwrap();
    assert_eq!(thread.entries().count(), 2, "the thread of what was cut");
    assert_eq!(thread.items().len(), 2, "nothing of it is missing");

    // Opened again, nothing is said a second time.
    let count = node.counts().unwrap().own();
    node.shutdown().await.unwrap();
    let node = world.open().await;
    tokio::time::sleep(Duration::from_millis(700)).await;
    assert_eq!(node.counts().unwrap().own(), count);

    // The feed key speaks last: the thief is out, and the originals count again.
    let (keys, feed) = (node.inner.identity.keys(), node.feed());
    let none = Ends::new([]).unwrap();
    let last = Statement::retire(feed, &keys.feed, thief.id(), none, []).unwrap();
    say(&node, vec![last]).await;
    // Bodies that are gone come back from whoever has them.
    for run in runs {
        take(&node, run).await;
    }
    until(|| {
        let page = node.timeline().page().unwrap();
        page.entries().all(|entry| entry.id().log.device == old)
    })
    .await;
    let ids: Vec<_> = node
        .timeline()
        .page()
        .unwrap()
        .entries()
        .map(super::EntryView::id)
        .collect();
    assert!(ids.contains(&one) && ids.contains(&reply) && ids.len() == 2);
}

#[tokio::test]
async fn a_deleted_copy_stays_deleted() {
    let world = World::new();
    let node = world.open().await;
    node.post("one").send().await.unwrap();
    say(&node, retired_by(&node, &device(1))).await;
    let old = node.device();
    until(|| texts(&node) == ["one"] && node.device() != old).await;
    let copy = node
        .timeline()
        .page()
        .unwrap()
        .entries()
        .next()
        .unwrap()
        .id();
    assert_eq!(copy.log.device, node.device());
    node.delete(&copy).await.unwrap();
    assert_eq!(texts(&node), Vec::<String>::new());
    node.undelete(&copy).await.unwrap();
    assert_eq!(texts(&node), ["one"]);
}

#[tokio::test]
async fn a_folder_that_is_moved_or_whose_state_directory_is_gone_keeps_its_key() {
    let (parent, state) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let open = |folder: &Path| {
        let builder = Node::builder().offline().state_folder(state.path());
        builder.open(folder.to_owned())
    };
    let (one, other) = (parent.path().join("one"), parent.path().join("other"));
    let node = open(&one).await.unwrap();
    let device = node.device();
    node.shutdown().await.unwrap();
    std::fs::rename(&one, &other).unwrap();
    for _ in 0..2 {
        let node = open(&other).await.unwrap();
        assert_eq!(node.device(), device);
        node.shutdown().await.unwrap();
        for file in std::fs::read_dir(state.path()).unwrap() {
            std::fs::remove_file(file.unwrap().path()).unwrap();
        }
    }
}
