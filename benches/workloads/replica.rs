//! W4: a new replica of 100 feeds over iroh on loopback, between two processes.

use std::path::Path;
use std::time::Duration;

use tidings::format::Run;
use tidings::{FeedTicket, Node};

use super::bare::Bare;
use super::child::{self, Child};
use super::data::{self, AUTHORS, World};
use super::limits::{self, Echo};
use super::machine::{MemoryPeak, cpu, loopback_bytes, memory, now};
use super::report::{Row, Unit, micros, ms, per_second, rate};
use super::world::{self, Folder};
use super::{series, trips};

/// What hypercore reaches at 100,000 posts on a machine of this size.
const HYPERCORE: f64 = 5_400.0;
const MEMORY: f64 = 64.0 * 1_048_576.0;
const PATIENCE: Duration = Duration::from_secs(120);

pub(crate) async fn run() {
    // Sizes without rows are points of a line only.
    for (each, rounds, has_rows) in [
        (10, 3, false),
        (100, 7, true),
        (300, 3, false),
        (1_000, 5, true),
    ] {
        replica(each, rounds, has_rows).await;
    }
    trips::first_page(AUTHORS, 1_000);
}

/// Rounds of one new replica each, all from the same folder: the median counts, the slowest is told.
async fn replica(each: u64, rounds: usize, has_rows: bool) {
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
    let limit = Limit::measure(&bare, each).await;
    point(world.posts(), &came, &limit);
    if !has_rows {
        return;
    }
    speed(world.posts(), &came, &limit);
    bytes(world.posts(), &came, &limit);
    memory_and_page(world.posts(), &came, &limit);
}

/// What the machine can do with the same posts.
struct Limit {
    rate: f64,
    cpu: f64,
    bodies: f64,
    echo: Echo,
}

impl Limit {
    async fn measure(bare: &Bare, each: u64) -> Self {
        let mut world = World::new(AUTHORS);
        let runs = world.write(each);
        let posts = world.posts();
        let bodies = |run: &Run| -> u64 {
            let items = run.items().iter();
            items
                .map(|item| item.body().map_or(0, |body| body.len() as u64))
                .sum()
        };
        // A feed and a device: what no encoding does without.
        let all = 64 * AUTHORS + runs.iter().map(bodies).sum::<u64>();
        Self {
            rate: rate(posts, bare.layout(&runs)),
            cpu: micros(limits::verifying(&runs), posts),
            bodies: all as f64 / posts as f64,
            echo: Echo::connect().await,
        }
    }
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

fn point(posts: u64, came: &[Came], limit: &Limit) {
    let figures = serde_json::json!({
        "posts": posts, "ours": rate(posts, middle(came, |came| came.all)), "limit": limit.rate,
        "receiver": micros(middle(came, |came| came.cpu), posts),
        "sender": micros(middle(came, |came| came.server_cpu), posts), "cpu_limit": limit.cpu,
    });
    series::point("replica", figures);
}

fn speed(posts: u64, came: &[Came], limit: &Limit) {
    let pace = rate(posts, middle(came, |came| came.all));
    let slowest = came.iter().map(|came| came.all).max().unwrap_or_default();
    let slowest = per_second(rate(posts, slowest));
    let what = format!("new replica of {AUTHORS} feeds, {posts} posts, with connecting");
    Row::new("W4a", what, Unit::PostsPerSecond, pace)
        .more(format!("slowest of {}: {slowest}", came.len()))
        .beside(limit.rate, "bare redb rows, sorted")
        .note();
    // The rate is promised for 100,000 posts; connecting alone is more of a tenth of that than of the whole.
    if posts >= 100_000 {
        let what = format!("the same, {posts} posts, beside hypercore");
        Row::new("W4a", what, Unit::PostsPerSecond, pace)
            .beside(HYPERCORE, "hypercore, measured elsewhere")
            .at_least_times(15.0);
    }
    let receiver = micros(middle(came, |came| came.cpu), posts);
    let sender = micros(middle(came, |came| came.server_cpu), posts);
    let what = format!("its processor time a post at both ends, {posts} posts");
    Row::new("W4a", what, Unit::Micros, receiver + sender)
        .more(format!("receiver {receiver:.1}, sender {sender:.1}"))
        .beside(limit.cpu, "bare Ed25519 and BLAKE3")
        .at_most(25.0);
}

fn bytes(posts: u64, came: &[Came], limit: &Limit) {
    let each = |what: fn(&Came) -> u64| middle(came, what) as f64 / posts as f64;
    let what = format!("its bytes a post on the wire, {posts} posts");
    Row::new("W4b", what, Unit::Bytes, each(|came| came.wire))
        .more(format!("of that ours {:.0}", each(|came| came.own)))
        .beside(limit.bodies, "the bodies and keys alone")
        .at_most(350.0);
}

fn memory_and_page(posts: u64, came: &[Came], limit: &Limit) {
    let most = |what: fn(&Came) -> u64| came.iter().map(what).max().unwrap_or(0) as f64;
    for (end, memory) in [
        ("receiver", most(|came| came.memory)),
        ("sender", most(|came| came.server_memory)),
    ] {
        let what = format!("its peak memory beyond the idle node, {end}, {posts} posts");
        Row::new("W4c", what, Unit::Mib, memory).at_most(MEMORY);
    }
    let what = format!("a right first page in it, with connecting, {posts} posts");
    let page = middle(came, |came| came.page);
    Row::new("W4d", &what, Unit::Millis, ms(page))
        .beside(ms(limit.echo.connect), "bare iroh connect and echo")
        .at_most(50.0);
    let bytes = middle(came, |came| came.page_bytes);
    let least = limit.echo.connect_bytes as f64 + 50.0 * limit.bodies;
    Row::new(
        "W4d",
        format!("{what}: on the wire by then"),
        Unit::Bytes,
        bytes as f64,
    )
    .beside(least, "bare iroh connection and 50 bodies")
    .at_most(200_000.0);
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
