//! The budget of idling: a node that follows 500 feeds, without a network, once an hour, and in the foreground.

use std::path::Path;
use std::time::Duration;

use tidings::{FeedId, Node};

use super::child::{self, Child};
use super::data::World;
use super::limits::Echo;
use super::machine::{cpu, loopback_bytes, memory};
use super::report::{Row, Unit};
use super::world::{self, Folder, Scale};
use super::{idle, scale};

const FEEDS: u64 = 500;
const EACH: u64 = 2;
/// Nodes that have these feeds, each its share of them.
const PEERS: usize = 20;
const PATIENCE: Duration = Duration::from_secs(60);
const STILL: Duration = Duration::from_secs(12);
/// What a fresh connection says for itself has been said by then.
const SETTLE: Duration = Duration::from_millis(500);

pub(crate) async fn run(scale: Scale) {
    let seconds = scale.of(20, 60);
    let folder = Folder::new();
    let home = folder.join("node");
    let feeds = fill(&home).await;
    suspended(&home, seconds);
    background(&folder, &home, &feeds).await;
    foreground(&folder, &home, &feeds, seconds).await;
}

/// A folder that follows all feeds and holds what they have.
async fn fill(home: &Path) -> Vec<FeedId> {
    let mut world = World::new(FEEDS);
    let node = world::open_offline(home).await;
    scale::follow_all(&node, &world).await;
    scale::take_in_all(&node, &mut world, EACH).await;
    node.shutdown().await.expect("a clean end");
    world.feeds()
}

/// As a phone that is put away leaves it: no network, so whatever wakes is our own.
fn suspended(home: &Path, seconds: u64) {
    let mut child = Child::start("still", home, &[]);
    child.line();
    let still = idle::idle(&mut child, 0, seconds);
    child.end();
    let what = format!("suspended: wake-ups of our own, {FEEDS} followed");
    Row::new("idle", what, Unit::WakesPerSecond, still.wakes)
        .more(format!("{:.2} ms CPU a second", still.cpu))
        .at_most(0.0);
}

/// What one sync pass costs on the wire, from opening to the end, with a peer that has nothing new.
async fn background(folder: &Folder, home: &Path, feeds: &[FeedId]) {
    let there = folder.join("all");
    fill(&there).await;
    let peer = world::open_online(&there).await;
    let ticket = peer.ticket_for(feeds[0]).await.expect("a ticket");
    let node = world::open_online(home).await;
    node.follow(&ticket).await.expect("a place to look");
    node.sync(PATIENCE).await.expect("a report");
    node.shutdown().await.expect("a clean end");
    tokio::time::sleep(SETTLE).await;
    let before = loopback_bytes();
    let node = world::open_online(home).await;
    let report = node.sync(PATIENCE).await.expect("a report");
    assert!(report.is_ok(), "{report:?}");
    let own = report.sent() + report.received();
    node.shutdown().await.expect("a clean end");
    tokio::time::sleep(SETTLE).await;
    let wire = loopback_bytes() - before;
    peer.shutdown().await.expect("a clean end");
    let bare = Echo::connect().await.connect_bytes;
    let what = format!("background: one sync pass, {FEEDS} followed, on the wire");
    Row::new("idle", what, Unit::Bytes, wire as f64)
        .more(format!("{own} of our own"))
        .beside(bare as f64, "a bare iroh connection")
        .at_most(20_000.0);
}

/// Many peers with a share of the feeds each, all told where to find each other.
async fn foreground(folder: &Folder, home: &Path, feeds: &[FeedId], seconds: u64) {
    let (mut peers, node) = (Vec::new(), world::open_online(home).await);
    for (nth, share) in feeds.chunks(feeds.len().div_ceil(PEERS)).enumerate() {
        let peer = world::open_online(&folder.join(&format!("peer {nth}"))).await;
        world::follow(&peer, share).await;
        for feed in share {
            let ticket = peer.ticket_for(*feed).await.expect("a ticket");
            node.follow(&ticket).await.expect("a place to look");
        }
        peers.push(peer);
    }
    node.sync(PATIENCE).await.expect("a report");
    node.shutdown().await.expect("a clean end");
    drop(node);
    let mut child = Child::start("idle", home, &[]);
    child.line();
    let idle = idle::idle(&mut child, 0, seconds);
    child.end();
    for peer in peers {
        peer.shutdown().await.expect("a clean end");
    }
    let open = idle.connected;
    let what = format!("foreground: idle connections, {FEEDS} followed, {PEERS} peers have them");
    Row::new("idle", what, Unit::Connections, open as f64).at_most(8.0);
    let bare = idle::bare(usize::try_from(open).expect("few"), seconds).await;
    let what = format!("foreground: wake-ups, {open} connections");
    Row::new("idle", what, Unit::WakesPerSecond, idle.wakes)
        .more(format!("{:.2} ms CPU a second", idle.cpu))
        .beside(bare.wakes, "bare iroh")
        .at_most_beyond(1.0);
}

/// The role of a node without a network that is asked for nothing.
pub(crate) async fn still_role(folder: &Path) {
    let before = memory();
    let node: Node = world::open_offline(folder).await;
    child::tell("open");
    let (_, seconds) = idle::asked().await;
    // What opening began is done, and the threads that tokio keeps for ten seconds more are gone.
    tokio::time::sleep(STILL).await;
    let (woken, spent) = (idle::switches(), cpu());
    // This thread, and no timer of the runtime, which would be one more thread to wake.
    std::thread::sleep(Duration::from_secs(seconds));
    let wakes = idle::woken(&woken).saturating_sub(1);
    let (used, memory) = ((cpu() - spent).as_micros(), memory().saturating_sub(before));
    child::tell(&format!("{memory} {wakes} {used} 0 0 0"));
    idle::heard().await;
    node.shutdown().await.expect("a clean end");
}
