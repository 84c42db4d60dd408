//! W10: what a node costs that follows ten thousand feeds and has nothing to do, alone and with peers connected.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::Duration;

use iroh::EndpointAddr;
use tidings::{FeedTicket, Node, PeerState};

use super::child::{self, Child};
use super::data::World;
use super::machine::{cpu, loopback_bytes, memory, now};
use super::report::{Row, Unit, mib};
use super::world::{self, Folder, Scale};
use super::{limits, scale};

/// Posts of each feed.
const EACH: u64 = 2;
/// Feeds that a peer shares with the node, but for the one that shares all of them.
const SHARED: usize = 20;
const PEERS: usize = 50;
/// Peers that the node dials, to see how many it keeps.
const DIALED: usize = 20;
const PATIENCE: Duration = Duration::from_secs(120);
/// Between the first words of two peers. Signs of life come every five seconds from each: all 50 are spread over that
/// time, as peers that came one by one are. Where they come in one burst, one wake-up serves many.
const APART: Duration = Duration::from_millis(100);
/// Nothing has come for so long: what was to be exchanged is exchanged.
const CALM: Duration = Duration::from_secs(5);

/// What a stretch of idling came to.
pub(crate) struct Idle {
    memory: u64,
    pub(crate) wakes: f64,
    pub(crate) cpu: f64,
    own: f64,
    wire: f64,
    pub(crate) connected: u64,
}

pub(crate) async fn run(scale: Scale) {
    let seconds = scale.of(20, 60);
    let folder = Folder::new();
    let few = alone(&folder.join("few"), 10, seconds).await;
    let many = scale.of(1_000, 10_000);
    let all = alone(&folder.join("many"), many, seconds).await;
    let each = all.memory.saturating_sub(few.memory) as f64 / (many - 10) as f64;
    let what = format!("memory a followed feed, online, {many} beside 10 followed");
    let figure = format!("{} beside {}", mib(all.memory), mib(few.memory));
    Row::new("W10", what, Unit::Bytes, each)
        .more(figure)
        .at_most(2_048.0);
    wakes(&all, 0.0, many);
    for peers in [1, PEERS] {
        let with = with_peers(&folder, many, peers, seconds).await;
        let bare = bare(peers, seconds).await;
        wakes(&with, bare.wakes, many);
        connected(&with, &all, &bare, many);
    }
    kept(&folder).await;
}

/// How many connections a node keeps open with nothing to do, of those that it dialed.
async fn kept(folder: &Folder) {
    let node = world::open_online(&folder.join("reader")).await;
    let mut dialed = Vec::new();
    for peer in 0..DIALED {
        let far = world::open_online(&folder.join(&format!("dialed {peer}"))).await;
        let ticket = far.ticket().await.expect("a ticket");
        node.follow(&ticket).await.expect("a place to look");
        dialed.push(far);
    }
    node.sync(PATIENCE).await.expect("a report");
    let most = open(&node);
    // Some seconds after the last word a session is at rest.
    tokio::time::sleep(2 * CALM).await;
    let kept = open(&node);
    let what = format!("connections kept with nothing to do, {DIALED} peers dialed");
    Row::new("W10", what, Unit::Connections, kept as f64)
        .more(format!("of {most} after sync()"))
        .at_most(8.0);
    dialed.push(node);
    for node in dialed {
        node.shutdown().await.expect("a clean end");
    }
}

fn wakes(idle: &Idle, bare: f64, feeds: u64) {
    let Idle { wakes, cpu, .. } = idle;
    let what = format!("wake-ups idle, {feeds} followed, {} peers", idle.connected);
    Row::new("W10", what, Unit::WakesPerSecond, *wakes)
        .more(format!("{cpu:.2} ms CPU a second"))
        .beside(bare, "bare iroh")
        .at_most_beyond(1.0);
}

fn connected(idle: &Idle, alone: &Idle, bare: &Idle, feeds: u64) {
    let peers = idle.connected;
    let what = format!("bytes a minute idle, {feeds} followed, {peers} peers");
    Row::new("W10", format!("{what}: our own"), Unit::Bytes, idle.own).at_most(0.0);
    Row::new(
        "W10",
        format!("{what}: on the wire"),
        Unit::Bytes,
        idle.wire,
    )
    .beside(bare.wire, "bare iroh")
    .note();
    let each = |bytes: u64| bytes as f64 / peers.max(1) as f64;
    let more = each(idle.memory.saturating_sub(alone.memory));
    let what = format!("memory a peer beyond that of no peers, {peers} peers");
    Row::new("W10", what, Unit::Mib, more)
        .more(format!("{} in all", mib(idle.memory)))
        .beside(each(bare.memory), "bare iroh")
        .note();
}

/// Fills a folder and looks at the node in it while nobody is there.
async fn alone(folder: &Path, feeds: u64, seconds: u64) -> Idle {
    fill(folder, feeds).await;
    let mut child = Child::start("idle", folder, &[]);
    child.line();
    let idle = idle(&mut child, 0, seconds);
    child.end();
    idle
}

async fn fill(folder: &Path, feeds: u64) {
    let mut world = World::new(feeds);
    let node = world::open_offline(folder).await;
    scale::follow_all(&node, &world).await;
    scale::take_in_all(&node, &mut world, EACH).await;
    node.shutdown().await.expect("a clean end");
}

/// The same with peers connected, one of whom follows all that it follows.
async fn with_peers(folder: &Folder, feeds: u64, peers: usize, seconds: u64) -> Idle {
    let mut child = Child::start("idle", &folder.join("many"), &[]);
    let ticket: FeedTicket = child.line().parse().expect("a ticket");
    let world = World::new(feeds);
    let mut open = Vec::new();
    for peer in 0..peers {
        let home = folder.join(&format!("peer {peer} of {peers}"));
        if peer == 0 {
            fill(&home, feeds).await;
        }
        let node = world::open_online(&home).await;
        let shared: Vec<_> = world.feeds().into_iter().take(SHARED).collect();
        world::follow(&node, &shared).await;
        open.push(node);
    }
    for node in &open {
        node.follow(&ticket).await.expect("a place to look");
        tokio::time::sleep(APART).await;
    }
    let idle = idle(&mut child, peers, seconds);
    for node in open {
        node.shutdown().await.expect("a clean end");
    }
    child.end();
    idle
}

pub(crate) fn idle(child: &mut Child, peers: usize, seconds: u64) -> Idle {
    child.say(&format!("{peers} {seconds}"));
    let [memory, wakes, cpu, own, wire, connected] = child.numbers();
    let second = |sum: u64| sum as f64 / seconds as f64;
    Idle {
        memory,
        wakes: second(wakes),
        cpu: second(cpu) / 1e3,
        own: second(own) * 60.0,
        wire: second(wire) * 60.0,
        connected,
    }
}

/// The same of endpoints without anything of ours.
pub(crate) async fn bare(peers: usize, seconds: u64) -> Idle {
    let mut child = Child::start("bare", Path::new("none"), &[]);
    let (name, port) = (child.line(), child.line());
    let far = EndpointAddr::new(name.parse().expect("an endpoint"))
        .with_ip_addr(([127, 0, 0, 1], port.parse().expect("a port")).into());
    let mut ends = Vec::new();
    for _ in 0..peers {
        let near = limits::bind().await;
        let connection = near.connect(far.clone(), limits::ALPN).await;
        ends.push((near, connection.expect("the other end")));
        tokio::time::sleep(APART).await;
    }
    let idle = idle(&mut child, peers, seconds);
    drop(ends);
    child.end();
    idle
}

/// The role that idles and says what it cost.
pub(crate) async fn idle_role(folder: &Path) {
    let before = memory();
    let node = world::open_online(folder).await;
    let ticket = node.ticket_for(World::new(1).feeds()[0]).await;
    child::tell(&ticket.expect("a ticket").to_string());
    let (peers, seconds) = asked().await;
    calm(&node, peers).await;
    let own = |node: &Node| node.status().sent() + node.status().received();
    let moved = own(&node);
    let [memory, wakes, cpu, wire] = watch(before, seconds).await;
    child::tell(&format!(
        "{memory} {wakes} {cpu} {} {wire} {}",
        own(&node) - moved,
        open(&node)
    ));
    heard().await;
    node.shutdown().await.expect("a clean end");
}

/// The role of an endpoint that only accepts.
pub(crate) async fn bare_role() {
    let endpoint = limits::bind().await;
    child::tell(&endpoint.id().to_string());
    child::tell(&limits::loopback(&endpoint).port().to_string());
    let accepting = endpoint.clone();
    let _accepting = limits::spawn(async move {
        let mut open = Vec::new();
        while let Some(incoming) = accepting.accept().await {
            open.push(incoming.await);
        }
    });
    let before = memory();
    let (peers, seconds) = asked().await;
    tokio::time::sleep(CALM).await;
    let [memory, wakes, cpu, wire] = watch(before, seconds).await;
    child::tell(&format!("{memory} {wakes} {cpu} 0 {wire} {peers}"));
    heard().await;
}

pub(crate) async fn heard() -> Option<String> {
    let line = tokio::task::spawn_blocking(child::heard).await;
    line.expect("a line")
}

pub(crate) async fn asked() -> (u64, u64) {
    let line = heard().await.expect("what to do");
    let mut words = line
        .split_whitespace()
        .map(|word| word.parse().expect("a number"));
    let mut next = || words.next().expect("another number");
    (next(), next())
}

fn open(node: &Node) -> usize {
    let status = node.status();
    let peers = status.peers().iter();
    peers
        .filter(|peer| *peer.state() == PeerState::Connected)
        .count()
}

/// Waits until as many peers as that are connected and nothing has come or gone for a while.
async fn calm(node: &Node, peers: u64) {
    let (start, mut since, mut last) = (now(), now(), 0);
    while since.elapsed() < CALM {
        tokio::time::sleep(Duration::from_millis(100)).await;
        let status = node.status();
        let moved = status.sent() + status.received();
        if moved != last || (open(node) as u64) < peers {
            (since, last) = (now(), moved);
        }
        assert!(start.elapsed() < PATIENCE, "{} of {peers} came", open(node));
    }
}

/// Memory beyond `before`; then wake-ups, microseconds of processor time and bytes on the wire in so many seconds.
pub(crate) async fn watch(before: u64, seconds: u64) -> [u64; 4] {
    let (switched, spent, wire) = (switches(), cpu(), loopback_bytes());
    tokio::time::sleep(Duration::from_secs(seconds)).await;
    let (used, bytes) = (cpu() - spent, loopback_bytes() - wire);
    let woken = woken(&switched);
    let used = u64::try_from(used.as_micros()).unwrap_or(u64::MAX);
    [memory().saturating_sub(before), woken, used, bytes]
}

/// How often threads of this process have been woken since then.
pub(crate) fn woken(since: &BTreeMap<String, u64>) -> u64 {
    let mut woken = 0;
    for (thread, after) in switches() {
        woken += after - since.get(&thread).copied().unwrap_or(0).min(after);
    }
    woken
}

/// How often each thread of this process has gone to sleep so far: each time, something woke it.
pub(crate) fn switches() -> BTreeMap<String, u64> {
    let threads = fs::read_dir("/proc/self/task")
        .into_iter()
        .flatten()
        .flatten();
    let of = |path: &Path| -> Option<u64> {
        let status = fs::read_to_string(path.join("status")).ok()?;
        let mut lines = status.lines();
        let line = lines.find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"))?;
        line.trim().parse().ok()
    };
    threads
        .filter_map(|thread| {
            let name = thread.file_name().to_string_lossy().into_owned();
            Some((name, of(&thread.path())?))
        })
        .collect()
}
