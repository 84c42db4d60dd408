//! W9: a million entries in ten thousand feeds on disk, beside ten thousand entries in a hundred feeds.

use std::path::Path;
use std::time::Duration;

use futures_util::{StreamExt as _, stream};
use tidings::{FeedTicket, Node};

use super::child::Child;
use super::data::{World, packed};
use super::machine::{Tries, cpu, disk, now};
use super::report::{Row, Unit, micros, millis, ms, rate};
use super::world::{self, Folder, Scale};

const ROUNDS: usize = 7;
const KILLS: usize = 3;
const MEMORY: f64 = 16.0 * 1_048_576.0;
/// Posts of each feed.
const EACH: u64 = 100;
/// Feeds whose posts are made and taken in at a time.
const TOGETHER: usize = 250;
/// Follows under way at a time.
const FOLLOWS: usize = 64;

/// What one store came to.
struct Held {
    open: Duration,
    page: Duration,
    memory: u64,
    each: f64,
}

pub(crate) async fn run(scale: Scale) {
    let folder = Folder::new();
    let small = measure(&folder.join("small"), 100).await;
    let large = measure(&folder.join("large"), scale.of(1_000, 10_000)).await;
    Row::new("W9", "the same, a post on disk", Unit::Bytes, large.each)
        .beside(small.each, "at 10,000")
        .at_most_times(1.25);
    let both = |held: &Held| ms(held.open + held.page);
    Row::new(
        "W9",
        "the same, open and first page",
        Unit::Millis,
        both(&large),
    )
    .beside(both(&small), "at 10,000")
    .note();
    let what = "the same, memory after the first page";
    Row::new("W9", what, Unit::Mib, large.memory as f64)
        .beside(small.memory as f64, "at 10,000")
        .note();
}

async fn measure(folder: &Path, feeds: u64) -> Held {
    let mut world = World::new(feeds);
    let node = world::open_offline(folder).await;
    follow_all(&node, &world).await;
    take_in_all(&node, &mut world, EACH).await;
    node.shutdown().await.expect("a clean end");
    drop(node);
    let posts = feeds * EACH;
    let each = disk(folder) as f64 / posts as f64;
    let clean = opened(folder, ROUNDS);
    let held = Held { each, ..clean };
    tell(&held, feeds, posts);
    killed(folder, &held, posts);
    held
}

fn tell(held: &Held, feeds: u64, posts: u64) {
    let Held {
        open, page, memory, ..
    } = held;
    let what = format!("open and first page, warm, {posts} held of {feeds} feeds");
    Row::new("W9", what, Unit::Millis, ms(*open + *page))
        .more(format!("of that the page {}", millis(*page)))
        .at_most(5.0);
    let what = format!("memory after it, {posts} held of {feeds} feeds");
    Row::new("W9", what, Unit::Mib, *memory as f64).at_most(MEMORY);
}

/// Opens a store in processes of their own; the middle of each figure, the most memory.
fn opened(folder: &Path, rounds: usize) -> Held {
    let (mut open, mut page, mut most) = (Tries::default(), Tries::default(), 0);
    for _ in 0..rounds {
        let mut child = Child::start("open", folder, &[]);
        let [opening, first, memory] = child.numbers();
        child.end();
        open.push(Duration::from_micros(opening));
        page.push(Duration::from_micros(first));
        most = most.max(memory);
    }
    Held {
        open: open.p50(),
        page: page.p50(),
        memory: most,
        each: 0.0,
    }
}

fn killed(folder: &Path, clean: &Held, posts: u64) {
    let mut tries = Tries::default();
    for _ in 0..KILLS {
        let mut child = Child::start("write", folder, &[true.to_string()]);
        child.line();
        child.kill();
        let after = opened(folder, 1);
        tries.push(after.open + after.page);
    }
    let what = format!("the same after kill -9 at rest, {posts} held");
    Row::new("W9", what, Unit::Millis, ms(tries.p50()))
        .more(tries.tail())
        .beside(ms(clean.open + clean.page), "after a clean end")
        .at_most_times(2.0);
}

/// Follows all authors, many at a time: one after the other, most of the time goes by waiting for the disk.
pub(crate) async fn follow_all(node: &Node, world: &World) {
    let follow = |feed| async move { node.follow(&FeedTicket::new(feed)).await };
    let mut follows = stream::iter(world.feeds())
        .map(follow)
        .buffer_unordered(FOLLOWS);
    while let Some(followed) = follows.next().await {
        followed.expect("a feed to follow");
    }
}

/// Takes the first `each` posts of every author in, some authors at a time: all of it at once takes much memory.
pub(crate) async fn take_in_all(node: &Node, world: &mut World, each: u64) {
    let authors = world.authors.len() as u64;
    let (start, spent) = (now(), cpu());
    let mut writing = Duration::ZERO;
    for (part, some) in (0..).zip(world.authors.chunks_mut(TOGETHER)) {
        let (begun, first) = (now(), part * TOGETHER as u64);
        let statements = some.iter().map(|author| author.admit.clone()).collect();
        let mut runs = Vec::new();
        for (nth, author) in (first..).zip(some) {
            runs.extend(author.write((0..each).map(|round| round * authors + nth)));
        }
        let runs = packed(&runs);
        writing += begun.elapsed();
        world::take_all(node, statements, runs).await;
    }
    let posts = authors * each;
    let took = start.elapsed().saturating_sub(writing);
    let spent = micros(cpu() - spent, posts);
    if each > 10 {
        let what = format!("{posts} posts of {authors} feeds taken in");
        Row::new("W9", what, Unit::PostsPerSecond, rate(posts, took))
            .more(format!("{spent:.1} us CPU a post, signing included"))
            .note();
    }
}
