//! W2: taking in posts of others, verified, with all indexes, durable.

use std::path::Path;

use serde_json::json;
use tidings::Node;
use tidings::format::Run;

use super::bare::Bare;
use super::data::{AUTHORS, World, packed};
use super::machine::{cpu, disk, disk_taken, now};
use super::report::{Row, Unit, micros, per_second, rate};
use super::world::{self, Folder, Scale};
use super::{limits, series};

/// What nostr-lmdb reaches at 100,000 posts on a machine of this size: 10 to 15 thousand a second.
const NOSTR_LMDB: f64 = 10_300.0;
/// How much more our rate may fall than that of bare rows: what one run says of itself is no better than that.
const NOISE: f64 = 0.95;

pub(crate) async fn run(scale: Scale) {
    let folder = Folder::new();
    small(&folder).await;
    let (bare, mut world) = (Bare::create(folder.path()), World::new(AUTHORS));
    let node = world::open_offline(&folder.join("taken")).await;
    world::follow(&node, &world.feeds()).await;
    let runs = world.write(1_000);
    let spent = cpu();
    let first = take(&node, &world, &runs, true).await;
    let first = Rates {
        cpu: micros(cpu() - spent, world.posts()),
        bare: rate(world.posts(), bare.layout(&runs)),
        ..first
    };
    tell(&first, world.posts());
    verifying(&runs, world.posts());
    room(&folder.join("taken"), bare.used(), world.posts());
    let last = more(&node, &bare, &mut world, scale).await;
    fall(&first, &last, world.posts());
    node.shutdown().await.expect("a clean end");
    if scale == Scale::Full {
        room(&folder.join("taken"), bare.used(), world.posts());
    }
}

/// Posts a second, and microseconds of processor time of each.
#[derive(Default)]
struct Rates {
    ours: f64,
    bare: f64,
    cpu: f64,
}

/// Ten thousand into an empty store: the first point of the line.
async fn small(folder: &Folder) {
    let mut world = World::new(AUTHORS);
    let home = folder.join("small");
    let node = world::open_offline(&home).await;
    world::follow(&node, &world.feeds()).await;
    let runs = world.write(100);
    let rates = take(&node, &world, &runs, true).await;
    node.shutdown().await.expect("a clean end");
    let bare = rate(world.posts(), Bare::create(&home).layout(&runs));
    point(world.posts(), &Rates { bare, ..rates });
}

async fn take(node: &Node, world: &World, runs: &[Run], is_first: bool) -> Rates {
    let statements = if is_first {
        world.statements()
    } else {
        Vec::new()
    };
    let incoming = packed(runs);
    let start = now();
    world::take_all(node, statements, incoming).await;
    Rates {
        ours: rate(runs.iter().map(Run::len).sum(), start.elapsed()),
        ..Rates::default()
    }
}

fn point(held: u64, rates: &Rates) {
    let figures = json!({ "held": held, "ours": rates.ours, "limit": rates.bare });
    series::point("intake", figures);
}

fn tell(rates: &Rates, posts: u64) {
    point(posts, rates);
    let what = format!("{posts} foreign posts taken in: verified, indexed, durable");
    Row::new("W2a", what, Unit::PostsPerSecond, rates.ours)
        .more(format!("{:.1} us CPU a post", rates.cpu))
        .beside(rates.bare, "bare redb rows, sorted")
        .at_least_times(0.6);
    let what = "the same, beside nostr-lmdb";
    Row::new("W2a", what, Unit::PostsPerSecond, rates.ours)
        .beside(NOSTR_LMDB, "nostr-lmdb, measured elsewhere")
        .at_least_times(6.0);
}

fn verifying(runs: &[Run], posts: u64) {
    let start = now();
    for (log, run) in packed(runs) {
        run.verify(&log, None).expect("a signed run");
    }
    let (ours, limit) = (start.elapsed(), limits::verifying(runs));
    let what = "of that, verifying, one core";
    Row::new("W2a", what, Unit::PostsPerSecond, rate(posts, ours))
        .beside(rate(posts, limit), "bare Ed25519 and BLAKE3")
        .note();
}

fn room(folder: &Path, raw: u64, posts: u64) {
    let each = |bytes: u64| bytes as f64 / posts as f64;
    let what = format!("disk a post, {posts} held");
    Row::new("W2c", what, Unit::Bytes, each(disk_taken(folder)))
        .more(format!(
            "{:.0} B by the length of the file",
            each(disk(folder))
        ))
        .beside(each(raw), "the pages of bare redb rows")
        .at_most(600.0);
}

/// On to a million, or to as much as a short run has time for; the rates of the last three hundred thousand at the most:
/// a disk that is busy for a moment makes those of one part differ by a third.
async fn more(node: &Node, bare: &Bare, world: &mut World, scale: Scale) -> Rates {
    let mut all = Vec::new();
    while world.posts() < scale.of(300_000, 1_000_000) {
        let runs = world.write(1_000);
        let mut rates = take(node, world, &runs, false).await;
        rates.bare = rate(runs.iter().map(Run::len).sum(), bare.layout(&runs));
        point(world.posts(), &rates);
        all.push(rates);
    }
    let last = &all[all.len().saturating_sub(3)..];
    // The parts are equally large, so it is their times that add up.
    let mean = |of: fn(&Rates) -> f64| {
        let times: f64 = last.iter().map(|rates| 1.0 / of(rates)).sum();
        last.len() as f64 / times
    };
    Rates {
        ours: mean(|rates| rates.ours),
        bare: mean(|rates| rates.bare),
        ..Rates::default()
    }
}

fn fall(first: &Rates, last: &Rates, held: u64) {
    let what = format!("what is left of the rate towards {held} held, of that up to 100,000");
    let limit = format!("is left of bare redb rows ({})", per_second(last.bare));
    Row::new("W2b", what, Unit::Times, last.ours / first.ours)
        .more(per_second(last.ours))
        .beside(last.bare / first.bare, limit)
        .at_least_times(NOISE);
}
