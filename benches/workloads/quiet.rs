//! W5: a fresh connection between two who hold nearly the same.

use std::path::Path;
use std::time::Duration;

use futures_util::StreamExt as _;
use tidings::format::Run;
use tidings::{Node, Status};

use super::data::{World, packed};
use super::limits::{Echo, spawn};
use super::machine::{loopback_bytes, now};
use super::report::{Row, Unit, millis};
use super::world::{self, Folder, Scale};

const PATIENCE: Duration = Duration::from_secs(30);
/// Posts of each feed that both hold.
const EACH: u64 = 4;
/// As long as the bare endpoints are listened to, for what a fresh connection says for itself.
const SETTLE: Duration = Duration::from_millis(500);

pub(crate) async fn run(scale: Scale) {
    let bare = Echo::connect().await.connect_bytes;
    let sizes = [1, 1_000, 10_000];
    for feeds in sizes
        .into_iter()
        .take(if scale == Scale::Full { 3 } else { 2 })
    {
        let folder = Folder::new();
        let (here, there) = (folder.join("one"), folder.join("other"));
        let mut world = prepare(&here, &there, feeds).await;
        let server = world::open_online(&here).await;
        befriend(&server, &there, &world).await;
        let met = meet(&there).await;
        nothing_new(&met, feeds, bare);
        if feeds == 1_000 {
            let posts = ten_new(&server, &mut world).await;
            ten_came(&meet(&there).await, posts);
        }
        server.shutdown().await.expect("a clean end");
    }
}

/// Two folders that follow the same feeds and hold the same of them.
async fn prepare(here: &Path, there: &Path, feeds: u64) -> World {
    let mut world = World::new(feeds);
    for (folder, world) in [(here, &mut world), (there, &mut World::new(feeds))] {
        let node = world::filled(folder, world, EACH, None).await;
        node.shutdown().await.expect("a clean end");
    }
    world
}

/// Tells one where the other is, and lets them meet once: later meetings go by what is remembered of this one.
async fn befriend(server: &Node, there: &Path, world: &World) {
    let ticket = server.ticket_for(world.feeds()[0]).await.expect("a ticket");
    let node = world::open_online(there).await;
    node.follow(&ticket).await.expect("a place to look");
    node.sync(PATIENCE).await.expect("a report");
    node.shutdown().await.expect("a clean end");
}

/// What one meeting cost.
struct Meeting {
    own: u64,
    wire: u64,
    trips: u64,
    entries: u64,
    took: Duration,
}

async fn meet(there: &Path) -> Meeting {
    let before = loopback_bytes();
    let node = world::open_online(there).await;
    let start = now();
    let watching = spawn(round_trips(node.clone()));
    // The first half second is what the bare endpoints were given.
    tokio::time::sleep(SETTLE).await;
    let wire = loopback_bytes() - before;
    let report = node.sync(PATIENCE).await.expect("a report");
    let took = start.elapsed();
    assert!(report.is_ok(), "{report:?}");
    let status = node.status();
    node.shutdown().await.expect("a clean end");
    drop(node);
    let trips = watching.await.expect("the watching task");
    Meeting {
        own: status.sent() + status.received(),
        wire,
        trips,
        entries: status.entries(),
        took,
    }
}

/// How often something came after something went, as the status shows it.
async fn round_trips(node: Node) -> u64 {
    let mut statuses = node.watch_status();
    drop(node);
    let (mut trips, mut asked, mut before) = (0, false, Status::default());
    while let Some(status) = statuses.next().await {
        asked |= status.sent() > before.sent();
        if status.received() > before.received() && asked {
            trips += 1;
            asked = false;
        }
        before = status;
    }
    trips
}

fn nothing_new(met: &Meeting, feeds: u64, bare: u64) {
    let Meeting {
        own,
        wire,
        trips,
        took,
        ..
    } = met;
    let what = format!("nothing new, {feeds} shared feeds");
    Row::new(
        "W5a",
        format!("{what}: our own bytes both ways"),
        Unit::Bytes,
        *own as f64,
    )
    .at_most(256.0);
    Row::new(
        "W5a",
        format!("{what}: round trips"),
        Unit::Trips,
        *trips as f64,
    )
    .at_most(1.0);
    Row::new(
        "W5a",
        format!("{what}: on the wire"),
        Unit::Bytes,
        *wire as f64,
    )
    .more(format!("sync() said so after {}", millis(*took - SETTLE)))
    .beside(bare as f64, "a bare iroh connection")
    .at_most_beyond(1_000.0);
}

/// One more post in each of ten feeds; their bytes.
async fn ten_new(server: &Node, world: &mut World) -> u64 {
    let from = world.posts();
    let authors = world.authors.iter_mut().step_by(100).take(10);
    let write =
        |(nth, author): (u64, &mut super::data::Author)| author.write(std::iter::once(from + nth));
    let runs: Vec<Run> = (0..).zip(authors).flat_map(write).collect();
    world::take_all(server, Vec::new(), packed(&runs)).await;
    runs.iter().map(|run| run.packed().len() as u64).sum()
}

fn ten_came(met: &Meeting, posts: u64) {
    let Meeting {
        own,
        trips,
        entries,
        ..
    } = met;
    assert_eq!(*entries, 10, "all of them came");
    let beyond = own.saturating_sub(posts);
    let what = "ten new posts in 10 of 1,000 shared feeds";
    Row::new(
        "W5b",
        format!("{what}: bytes beyond the posts"),
        Unit::Bytes,
        beyond as f64,
    )
    .more(format!("the posts are {posts} B"))
    .at_most(4_096.0);
    Row::new(
        "W5b",
        format!("{what}: round trips"),
        Unit::Trips,
        *trips as f64,
    )
    .at_most(2.0);
}
