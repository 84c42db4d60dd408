//! W2: taking in posts of others, verified, with all indexes, durable.

use super::data::{AUTHORS, World, packed};
use super::limits::{self, Bare};
use super::machine::{cpu, disk, now};
use super::report::{Row, micros, per_second, rate};
use super::world::{self, Folder, Scale};

/// What nostr-lmdb reaches at 100,000 posts on a machine of this size: 10 to 15 thousand a second.
const NOSTR_LMDB: f64 = 10_300.0;

pub(crate) async fn run(scale: Scale) {
    let folder = Folder::new();
    let (bare, mut world) = (Bare::create(folder.path()), World::new(AUTHORS));
    let node = world::open_offline(&folder.join("taken")).await;
    world::follow(&node, &world.feeds()).await;
    let statements = world.statements();
    let runs = world.write(1_000);
    let posts = world.posts();
    let incoming = packed(&runs);
    let (start, spent) = (now(), cpu());
    world::take_all(&node, statements, incoming).await;
    let (took, spent) = (start.elapsed(), cpu() - spent);
    let ours = rate(posts, took);
    let limit = rate(posts, bare.layout(&runs));
    let figure = format!(
        "{}, {:.1} us CPU a post",
        per_second(ours),
        micros(spent, posts)
    );
    let what = format!("{posts} foreign posts taken in: verified, indexed, durable");
    Row::new("W2a", what, figure)
        .bare(ours, "posts/s")
        .beside(
            format!("{} bare redb rows, sorted", per_second(limit)),
            ours / limit,
        )
        .budget(
            "ratio at least 0.60, 62 k/s (6 x nostr-lmdb)",
            ours / limit >= 0.6 && ours >= 6.0 * NOSTR_LMDB,
        );
    verifying(&runs, posts);
    if scale == Scale::Full {
        to_a_million(&node, &bare, &mut world, ours / limit).await;
    }
    node.shutdown().await.expect("a clean end");
    let each = disk(&folder.join("taken")) as f64 / world.posts() as f64;
    Row::new(
        "W2c",
        format!("disk a post, {} held", world.posts()),
        format!("{each:.0} B"),
    )
    .bare(each, "B")
    .budget("at most 600 B", each <= 600.0);
}

fn verifying(runs: &[tidings::format::Run], posts: u64) {
    let start = now();
    for (log, run) in packed(runs) {
        run.verify(&log, None).expect("a signed run");
    }
    let (ours, limit) = (start.elapsed(), limits::verifying(runs));
    let share = limit.as_secs_f64() / ours.as_secs_f64();
    let figure = per_second(rate(posts, ours));
    Row::new("W2", "of that, verifying, one core", figure)
        .bare(rate(posts, ours), "posts/s")
        .beside(
            format!("{} bare Ed25519 and BLAKE3", per_second(rate(posts, limit))),
            share,
        )
        .note();
}

async fn to_a_million(node: &tidings::Node, bare: &Bare, world: &mut World, before: f64) {
    let mut last = (0.0, 0.0);
    while world.posts() < 1_000_000 {
        let runs = world.write(1_000);
        let incoming = packed(&runs);
        let start = now();
        world::take_all(node, Vec::new(), incoming).await;
        let posts = runs.iter().map(tidings::format::Run::len).sum();
        last = (
            rate(posts, start.elapsed()),
            rate(posts, bare.layout(&runs)),
        );
    }
    let (ours, limit) = last;
    Row::new("W2b", "the last 100,000 of 1,000,000", per_second(ours))
        .bare(ours, "posts/s")
        .beside(
            format!("{} bare redb rows, sorted", per_second(limit)),
            ours / limit,
        )
        .budget(
            &format!("ratio as in W2a, {before:.2}"),
            ours / limit >= 0.95 * before,
        );
}
