//! W1: own posts. One at a time, in batches, from sixteen tasks at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tidings::Node;

use super::bare::Bare;
use super::data::{self, World};
use super::limits::{self, spawn};
use super::machine::{Tries, cpu, now};
use super::report::{Row, Unit, micros, ms, rate};
use super::series;
use super::world::{self, Folder, Scale};

const SINGLE: u64 = 300;
const BATCH: u64 = 1_000;
const TASKS: u64 = 16;
/// What hypercore reaches in batches on a machine of this size, with a signature a post and without an index.
const HYPERCORE: f64 = 30_000.0;

pub(crate) async fn run(scale: Scale) {
    let folder = Folder::new();
    let mut bare = Bare::create(folder.path());
    let node = world::open_offline(&folder.path().join("own")).await;
    let single = one_at_a_time(&node, &mut bare).await;
    let full = scale.of(50, 100);
    batches(&node, &bare, SINGLE, full).await;
    tasks(&node, SINGLE + full * BATCH, single).await;
    node.shutdown().await.expect("a clean end");
}

async fn one_at_a_time(node: &Node, bare: &mut Bare) -> f64 {
    let (mut own, mut limit) = (Tries::default(), Tries::default());
    let mut post = 0;
    while post < SINGLE {
        limit.push(bare.commit_one());
        let new = data::new_post(post);
        let start = now();
        node.send_all(vec![new]).await.expect("a post");
        own.push(start.elapsed());
        post += 1;
    }
    let (p50, commit) = (own.p50(), limit.p50());
    Row::new(
        "W1a",
        "one own post with a tag, durable, p50",
        Unit::Millis,
        ms(p50),
    )
    .more(own.tail())
    .beside(ms(commit), format!("a bare redb commit ({})", limit.tail()))
    .at_most_times(1.3);
    series::spread("W1a", "own post", &own);
    series::spread("W1a", "bare commit", &limit);
    1.0 / p50.as_secs_f64()
}

async fn batches(node: &Node, bare: &Bare, first: u64, batches: u64) {
    let all: Vec<_> = (0..batches)
        .map(|batch| {
            (first + batch * BATCH..first + (batch + 1) * BATCH)
                .map(data::new_post)
                .collect()
        })
        .collect();
    let (start, spent) = (now(), cpu());
    for batch in all {
        node.send_all(batch).await.expect("a batch");
    }
    let (took, spent) = (start.elapsed(), cpu() - spent);
    let posts = batches * BATCH;
    let pace = rate(posts, took);
    // The same rows in a commit for each batch, and a signature a block.
    let runs = World::new(1).write(posts);
    let (start, rows) = (cpu(), bare.layout_in(&runs, BATCH));
    let bare_cpu = micros(cpu() - start + limits::signing(&runs), posts);
    let raw = rate(posts, rows);
    let what = "own posts in batches of 1,000";
    Row::new("W1b", what, Unit::PostsPerSecond, pace)
        .beside(HYPERCORE, "hypercore, measured elsewhere")
        .at_least_times(3.0);
    Row::new(
        "W1b",
        "its processor time a post",
        Unit::Micros,
        micros(spent, posts),
    )
    .beside(bare_cpu, "bare redb rows, Ed25519 and BLAKE3")
    .at_most(12.0);
    Row::new(
        "W1b",
        "the same beside bare redb",
        Unit::PostsPerSecond,
        pace,
    )
    .beside(raw, "bare redb rows, 1,000 posts a commit")
    .note();
}

async fn tasks(node: &Node, first: u64, single: f64) {
    let each = 100;
    // Whoever posts now claims that it is now: one after the other, as all data here, and after all that is held.
    let next = Arc::new(AtomicU64::new(first));
    let start = now();
    let tasks = (0..TASKS).map(|_| {
        let (node, next) = (node.clone(), next.clone());
        spawn(async move {
            for _ in 0..each {
                let new = data::new_post(next.fetch_add(1, Ordering::Relaxed));
                node.send_all(vec![new]).await.expect("a post");
            }
        })
    });
    for task in tasks.collect::<Vec<_>>() {
        task.await.expect("a task");
    }
    let together = rate(TASKS * each, start.elapsed());
    Row::new(
        "W1c",
        "16 tasks posting at once",
        Unit::PostsPerSecond,
        together,
    )
    .beside(single, "one at a time")
    .at_least_times(8.0);
}
