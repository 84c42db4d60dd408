//! W4: a new replica of 100 feeds over iroh on loopback, between two processes.

use std::path::Path;
use std::time::Duration;

use tidings::{FeedTicket, Node, PeerState};

use super::child::{self, Child};
use super::data::{self, AUTHORS, World};
use super::limits::{Bare, Echo};
use super::machine::{MemoryPeak, cpu, loopback_bytes, memory, now};
use super::report::{Row, mib, micros, millis, per_second, rate, ratio};
use super::world::{self, Folder};

/// What hypercore reaches at 100,000 posts on a machine of this size.
const HYPERCORE: f64 = 5_400.0;
const MEMORY: u64 = 64 * 1_048_576;
const FIRST_PAGE: Duration = Duration::from_millis(50);
const PATIENCE: Duration = Duration::from_secs(120);

pub(crate) async fn run() {
    for each in [100, 1_000] {
        replica(each).await;
    }
}

async fn replica(each: u64) {
    let folder = Folder::new();
    let (here, there) = (folder.join("server"), folder.join("follower"));
    let (bare, mut world) = (Bare::create(folder.path()), World::new(AUTHORS));
    let server = world::filled(&here, &mut world, each, None).await;
    server.shutdown().await.expect("a clean end");
    drop(server);
    let follower = world::open_offline(&there).await;
    world::follow(&follower, &world.feeds()).await;
    follower.shutdown().await.expect("a clean end");
    drop(follower);

    let mut server = Child::start("serve", &here, &[world.feeds()[0].to_string()]);
    let ticket = server.line();
    let mut follower = Child::start("pull", &there, &[world.posts().to_string(), ticket]);
    follower.line();
    server.say("mark");
    server.line();
    let before = loopback_bytes();
    follower.say("go");
    let came = Came::new(follower.numbers());
    let wire = loopback_bytes() - before;
    server.say("spent");
    let spent = Spent::new(server.numbers());
    follower.end();
    server.end();

    let mut again = World::new(AUTHORS);
    let limit = rate(world.posts(), bare.layout(&again.write(each)));
    let echo = Echo::connect().await.p50(200, 430).await;
    print(world.posts(), &came, &spent, wire, limit, echo);
}

/// What the follower says: times since it was told to go.
struct Came {
    connected: Duration,
    page: Duration,
    page_bytes: u64,
    all: Duration,
    cpu: Duration,
    memory: u64,
    bytes: u64,
}

impl Came {
    fn new(numbers: [u64; 7]) -> Self {
        let [connected, page, page_bytes, all, cpu, memory, bytes] = numbers;
        Self {
            connected: Duration::from_micros(connected),
            page: Duration::from_micros(page),
            page_bytes,
            all: Duration::from_micros(all),
            cpu: Duration::from_micros(cpu),
            memory,
            bytes,
        }
    }
}

/// What the server says.
struct Spent {
    cpu: Duration,
    memory: u64,
}

impl Spent {
    const fn new([cpu, memory]: [u64; 2]) -> Self {
        Self {
            cpu: Duration::from_micros(cpu),
            memory,
        }
    }
}

fn print(posts: u64, came: &Came, spent: &Spent, wire: u64, limit: f64, echo: Duration) {
    let took = came.all.saturating_sub(came.connected);
    let pace = rate(posts, took);
    let (receiver, sender) = (micros(came.cpu, posts), micros(spent.cpu, posts));
    let figure = format!(
        "{}; CPU a post {receiver:.1} + {sender:.1} us",
        per_second(pace)
    );
    let what = format!("new replica of {AUTHORS} feeds, {posts} posts; receiver + sender");
    let met = pace >= 15.0 * HYPERCORE && receiver + sender <= 25.0;
    Row::new("W4a", what, figure)
        .beside(
            format!("{} bare redb rows, sorted", per_second(limit)),
            pace / limit,
        )
        .budget("81 k/s (15 x hypercore), 25 us", met);
    let (each, own) = (wire / posts, came.bytes / posts);
    Row::new(
        "W4b",
        "its bytes a post on the wire",
        format!("{each} B, of that ours {own} B"),
    )
    .budget("at most 350 B", each <= 350);
    let figure = format!(
        "{} receiver, {} sender",
        mib(came.memory),
        mib(spent.memory)
    );
    Row::new("W4c", "its peak memory beyond the idle node", figure)
        .budget("at most 64 MiB", came.memory.max(spent.memory) <= MEMORY);
    let page = came.page.saturating_sub(came.connected);
    let figure = format!(
        "{} after connecting, {} B received",
        millis(page),
        came.page_bytes
    );
    let met = page <= FIRST_PAGE && came.page_bytes <= 200_000;
    Row::new("W4d", "a right first page in it", figure)
        .beside(
            format!("{} echo on an open stream", millis(echo)),
            ratio(page, echo),
        )
        .budget("50 ms, 200 KB", met);
}

/// The role that serves what its folder holds.
pub(crate) async fn serve_role(folder: &Path, feed: &str) {
    let node = world::open_online(folder).await;
    let ticket = node
        .ticket_for(feed.parse().expect("a feed"))
        .await
        .expect("a ticket");
    child::tell(&ticket.to_string());
    let (mut idle, mut spent, mut peak) = (memory(), cpu(), MemoryPeak::watch());
    while let Some(line) = tokio::task::spawn_blocking(child::heard)
        .await
        .expect("a line")
    {
        match line.as_str() {
            "mark" => {
                (idle, spent, peak) = (memory(), cpu(), MemoryPeak::watch());
                child::tell("marked");
            }
            _ => {
                let used = (cpu() - spent).as_micros();
                child::tell(&format!("{used} {}", peak.peak().saturating_sub(idle)));
                peak = MemoryPeak::watch();
            }
        }
    }
    peak.peak();
    node.shutdown().await.expect("a clean end");
}

/// The role that follows all feeds and brings everything in from one ticket.
pub(crate) async fn pull_role(folder: &Path, posts: &str, ticket: &str) {
    let posts = posts.parse().expect("a number");
    let ticket: FeedTicket = ticket.parse().expect("a ticket");
    let node = world::open_online(folder).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    child::tell("ready");
    child::heard();
    let (idle, peak, spent, start) = (memory(), MemoryPeak::watch(), cpu(), now());
    node.follow(&ticket).await.expect("a place to look");
    let mut connected = None;
    let mut page = None;
    let mut looked = 0;
    let status = loop {
        tokio::time::sleep(Duration::from_millis(1)).await;
        let status = node.status();
        let is_open = |peer: &tidings::PeerStatus| *peer.state() == PeerState::Connected;
        if connected.is_none() && status.peers().iter().any(is_open) {
            connected = Some(start.elapsed());
        }
        if page.is_none() && status.entries() > looked {
            looked = status.entries();
            page = is_right(&node, posts).then(|| (start.elapsed(), status.received()));
        }
        if status.entries() >= posts {
            break status;
        }
        assert!(
            start.elapsed() < PATIENCE,
            "{} of {posts} came",
            status.entries()
        );
    };
    let (all, spent) = (start.elapsed(), cpu() - spent);
    let (page, page_bytes) = page.unwrap_or_else(|| (all, status.received()));
    child::tell(&format!(
        "{} {} {page_bytes} {} {} {} {}",
        connected.unwrap_or_default().as_micros(),
        page.as_micros(),
        all.as_micros(),
        spent.as_micros(),
        peak.peak().saturating_sub(idle),
        status.received() + status.sent(),
    ));
    node.shutdown().await.expect("a clean end");
}

/// Whether the first page is that of the whole.
fn is_right(node: &Node, posts: u64) -> bool {
    let page = node.timeline().page().expect("a page");
    let newest = (0..posts).rev().take(50).map(data::time);
    page.entries().map(tidings::EntryView::time).eq(newest)
}
