//! W4: a new replica of 100 feeds over iroh on loopback, between two processes.

use std::path::Path;
use std::time::Duration;

use tidings::{FeedTicket, Node};

use super::child::{self, Child};
use super::data::{self, AUTHORS, World};
use super::limits::{Bare, Echo};
use super::machine::{MemoryPeak, cpu, loopback_bytes, memory, now};
use super::report::{Row, mib, micros, millis, ms, per_second, rate, ratio};
use super::world::{self, Folder};

/// What hypercore reaches at 100,000 posts on a machine of this size.
const HYPERCORE: f64 = 5_400.0;
const MEMORY: u64 = 64 * 1_048_576;
const FIRST_PAGE: Duration = Duration::from_millis(50);
const PATIENCE: Duration = Duration::from_secs(120);

pub(crate) async fn run() {
    replica(100, 7).await;
    replica(1_000, 5).await;
}

/// Rounds of one new replica each, all from the same folder: the median counts, the slowest is told.
async fn replica(each: u64, rounds: usize) {
    let folder = Folder::new();
    let here = folder.join("server");
    let (bare, mut world) = (Bare::create(folder.path()), World::new(AUTHORS));
    let server = world::filled(&here, &mut world, each, None).await;
    server.shutdown().await.expect("a clean end");
    drop(server);
    let mut came = Vec::new();
    for nth in 0..rounds {
        came.push(round(&here, &folder.join(&format!("follower {nth}")), &world).await);
    }
    let mut again = World::new(AUTHORS);
    let limit = rate(world.posts(), bare.layout(&again.write(each)));
    let echo = Echo::connect().await;
    print(world.posts(), &came, limit, echo.connect);
}

async fn round(here: &Path, there: &Path, world: &World) -> Came {
    let follower = world::open_offline(there).await;
    world::follow(&follower, &world.feeds()).await;
    follower.shutdown().await.expect("a clean end");
    drop(follower);
    let mut server = Child::start("serve", here, &[world.feeds()[0].to_string()]);
    let ticket = server.line();
    let mut follower = Child::start("pull", there, &[world.posts().to_string(), ticket]);
    follower.line();
    server.say("mark");
    server.line();
    follower.say("go");
    let came = follower.numbers();
    server.say("spent");
    let came = Came::new(came, server.numbers());
    follower.end();
    server.end();
    came
}

/// What both ends say. Times are since the follower was told where to look, connecting and all.
struct Came {
    page: Duration,
    page_bytes: u64,
    all: Duration,
    wire: u64,
    own: u64,
    cpu: Duration,
    memory: u64,
    server_cpu: Duration,
    server_memory: u64,
}

impl Came {
    const fn new(numbers: [u64; 7], server: [u64; 2]) -> Self {
        let [page, page_bytes, all, wire, own, cpu, memory] = numbers;
        let [server_cpu, server_memory] = server;
        Self {
            page: Duration::from_micros(page),
            page_bytes,
            all: Duration::from_micros(all),
            wire,
            own,
            cpu: Duration::from_micros(cpu),
            memory,
            server_cpu: Duration::from_micros(server_cpu),
            server_memory,
        }
    }
}

/// The middle of what the rounds say.
fn middle<T: Ord + Copy>(came: &[Came], what: impl Fn(&Came) -> T) -> T {
    let mut all: Vec<T> = came.iter().map(what).collect();
    all.sort_unstable();
    all[all.len() / 2]
}

fn print(posts: u64, came: &[Came], limit: f64, connect: Duration) {
    let all = middle(came, |came| came.all);
    let slowest = came.iter().map(|came| came.all).max().unwrap_or_default();
    let pace = rate(posts, all);
    let receiver = micros(middle(came, |came| came.cpu), posts);
    let sender = micros(middle(came, |came| came.server_cpu), posts);
    let figure = format!(
        "{} (slowest of {}: {}); CPU a post {receiver:.1} + {sender:.1} us",
        per_second(pace),
        came.len(),
        per_second(rate(posts, slowest)),
    );
    let what = format!(
        "new replica of {AUTHORS} feeds, {posts} posts, with connecting; receiver + sender"
    );
    // The rate is promised for 100,000 posts; connecting alone is more of a tenth of that than of the whole.
    let is_fast = posts < 100_000 || pace >= 15.0 * HYPERCORE;
    Row::new("W4a", what, figure)
        .bare(pace, "posts/s")
        .beside(
            format!("{} bare redb rows, sorted", per_second(limit)),
            pace / limit,
        )
        .budget(
            "81 k/s (15 x hypercore) at 100,000, 25 us",
            is_fast && receiver + sender <= 25.0,
        );
    let (each, own) = (
        middle(came, |came| came.wire) / posts,
        middle(came, |came| came.own) / posts,
    );
    Row::new(
        "W4b",
        "its bytes a post on the wire",
        format!("{each} B, of that ours {own} B"),
    )
    .bare(each as f64, "B")
    .budget("at most 350 B", each <= 350);
    memory_and_page(came, connect);
}

fn memory_and_page(came: &[Came], connect: Duration) {
    let most = |what: fn(&Came) -> u64| came.iter().map(what).max().unwrap_or(0);
    let (receiver, sender) = (most(|came| came.memory), most(|came| came.server_memory));
    let figure = format!("{} receiver, {} sender", mib(receiver), mib(sender));
    Row::new("W4c", "its peak memory beyond the idle node", figure)
        .bare(receiver.max(sender) as f64, "B")
        .budget("at most 64 MiB", receiver.max(sender) <= MEMORY);
    let page = middle(came, |came| came.page);
    let bytes = middle(came, |came| came.page_bytes);
    let figure = format!("{}, {bytes} B on the wire by then", millis(page));
    Row::new("W4d", "a right first page in it, with connecting", figure)
        .bare(ms(page), "ms")
        .beside(
            format!("{} bare iroh connect and echo", millis(connect)),
            ratio(page, connect),
        )
        .budget("50 ms, 200 KB", page <= FIRST_PAGE && bytes <= 200_000);
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
    let (idle, peak, wire) = (memory(), MemoryPeak::watch(), loopback_bytes());
    let (spent, start) = (cpu(), now());
    node.follow(&ticket).await.expect("a place to look");
    // The store itself is looked at: the status is told now and then only.
    let mut page = None;
    let mut looked = 0;
    loop {
        tokio::time::sleep(Duration::from_millis(1)).await;
        let held = node.counts().expect("counts").all();
        if page.is_none() && held > looked {
            looked = held;
            page = is_right(&node, posts).then(|| (start.elapsed(), loopback_bytes() - wire));
        }
        if held >= posts {
            break;
        }
        assert!(start.elapsed() < PATIENCE, "{held} of {posts} came");
    }
    let (all, spent, wire) = (start.elapsed(), cpu() - spent, loopback_bytes() - wire);
    let (page, page_bytes) = page.expect("a right page of the whole");
    let peak = peak.peak().saturating_sub(idle);
    // Longer than it takes until the status tells of everything.
    tokio::time::sleep(Duration::from_millis(200)).await;
    let status = node.status();
    let own = status.received() + status.sent();
    child::tell(&format!(
        "{} {page_bytes} {} {wire} {own} {} {peak}",
        page.as_micros(),
        all.as_micros(),
        spent.as_micros(),
    ));
    node.shutdown().await.expect("a clean end");
}

/// Whether the first page is that of the whole, and all there.
fn is_right(node: &Node, posts: u64) -> bool {
    let page = node.timeline().page().expect("a page");
    let newest = (0..posts).rev().take(50).map(data::time);
    page.entries().all(|entry| entry.post().is_some())
        && page.entries().map(tidings::EntryView::time).eq(newest)
}
