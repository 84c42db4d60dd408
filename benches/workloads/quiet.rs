//! W5: a fresh connection between two who hold nearly the same.

use std::path::Path;
use std::time::Duration;

use futures_util::StreamExt as _;
use tidings::format::Run;
use tidings::{Node, Status};

use super::data::{World, packed};
use super::limits::{self, Echo, spawn};
use super::machine::{loopback_bytes, now};
use super::report::{Row, Unit, millis};
use super::world::{self, Folder, Scale};

const PATIENCE: Duration = Duration::from_secs(30);
/// Posts of each feed that both hold.
const EACH: u64 = 4;
/// As long as the bare endpoints are listened to, for what a fresh connection says for itself: tickets, path probes.
const SETTLE: Duration = Duration::from_millis(500);

/// Two endpoints probe whichever of their paths wins, so bytes differ from one connection to the next: medians.
const ROUNDS: usize = 7;
/// What a hello takes on its stream. Who sent and got no more has made one round trip: one each way.
const HELLO: u64 = 100;

pub(crate) async fn run(scale: Scale) {
    let bare = bare().await;
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
        let met = rounds(async || meet(&there).await).await;
        nothing_new(&met, feeds, bare);
        if feeds == 1_000 {
            let posts = ten_new(&server, &mut world).await;
            ten_came(&meet(&there).await, posts);
        }
        server.shutdown().await.expect("a clean end");
    }
}

async fn rounds<T>(round: impl AsyncFn() -> T) -> Vec<T> {
    let mut all = Vec::new();
    for _ in 0..ROUNDS {
        all.push(round().await);
    }
    all
}

fn middle<T: Ord + Copy>(mut all: Vec<T>) -> T {
    all.sort_unstable();
    all[all.len() / 2]
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

/// What one meeting cost, from the opening of the node until half a second after `sync()`.
struct Meeting {
    sent: u64,
    received: u64,
    wire: u64,
    trips: u64,
    entries: u64,
    took: Duration,
    /// The same of another `sync()` after that, in the same session: our own bytes and its time.
    again: (u64, Duration),
}

async fn meet(there: &Path) -> Meeting {
    let before = loopback_bytes();
    let node = world::open_online(there).await;
    let watching = spawn(round_trips(node.clone()));
    let took = synced(&node).await;
    tokio::time::sleep(SETTLE).await;
    let wire = loopback_bytes() - before;
    let (status, trips) = (node.status(), watching);
    let again = synced(&node).await;
    let after = node.status();
    let moved = |status: &Status| status.sent() + status.received();
    node.shutdown().await.expect("a clean end");
    drop(node);
    Meeting {
        sent: status.sent(),
        received: status.received(),
        wire,
        trips: trips.await.expect("the watching task"),
        entries: status.entries(),
        took,
        again: (moved(&after) - moved(&status), again),
    }
}

async fn synced(node: &Node) -> Duration {
    let start = now();
    let report = node.sync(PATIENCE).await.expect("a report");
    assert!(report.is_ok(), "{report:?}");
    start.elapsed()
}

/// The same of two bare endpoints of the same settings, told the same addresses, one of which stays and the other comes
/// again with its key and port, as a node does: bytes on the wire for a message each way, and half a second more.
async fn bare() -> u64 {
    let far = limits::bind_as_ours(5, 0).await;
    limits::answer(far.clone());
    let near = limits::bind_as_ours(6, 0).await;
    let port = limits::loopback(&near).port();
    Echo::between(far.clone(), near).await.end().await;
    let again = async || {
        let near = limits::bind_as_ours(6, port).await;
        let echo = Echo::between(far.clone(), near).await;
        let bytes = echo.connect_bytes;
        echo.end().await;
        bytes
    };
    middle(rounds(again).await)
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

fn nothing_new(met: &[Meeting], feeds: u64, bare: u64) {
    let of = |what: fn(&Meeting) -> u64| middle(met.iter().map(what).collect());
    let (sent, received) = (of(|met| met.sent), of(|met| met.received));
    let (own, wire) = (sent + received, of(|met| met.wire));
    let trips = 1 + u64::from(sent.max(received) > HELLO);
    let took = middle(met.iter().map(|met| met.took).collect());
    let name = format!("nothing new, {feeds} shared feeds");
    let what = format!("{name}: our own bytes both ways");
    Row::new("W5a", what, Unit::Bytes, own as f64).at_most(256.0);
    let what = format!("{name}: round trips");
    Row::new("W5a", what, Unit::Trips, trips as f64).at_most(1.0);
    let what = format!("{name}: on the wire");
    Row::new("W5a", what, Unit::Bytes, wire as f64)
        .more(format!("sync() said so after {}", millis(took)))
        .beside(bare as f64, "a bare iroh connection of the same settings")
        .at_most_beyond(1_000.0);
    let own = of(|met| met.again.0);
    let took = middle(met.iter().map(|met| met.again.1).collect());
    let what = format!("{name}: sync() again in that session, our own bytes");
    Row::new("W5a", what, Unit::Bytes, own as f64)
        .more(format!("after {}", millis(took)))
        .at_most(256.0);
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
    let Meeting { trips, entries, .. } = met;
    assert_eq!(*entries, 10, "all of them came");
    let beyond = (met.sent + met.received).saturating_sub(posts);
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
