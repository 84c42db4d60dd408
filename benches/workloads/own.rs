//! W1: own posts. One at a time, in batches, from sixteen tasks at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tidings::Node;

use super::data;
use super::limits::{Bare, spawn};
use super::machine::{Tries, cpu, now};
use super::report::{Row, micros, millis, ms, per_second, rate, ratio};
use super::world::{self, Folder, Scale};

const SINGLE: u64 = 300;
const BATCH: u64 = 1_000;
const TASKS: u64 = 16;

pub(crate) async fn run(scale: Scale) {
    let folder = Folder::new();
    let mut bare = Bare::create(folder.path());
    let node = world::open_offline(&folder.path().join("own")).await;
    let single = one_at_a_time(&node, &mut bare).await;
    let full = scale.of(50, 100);
    batches(&node, SINGLE, full).await;
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
    let figure = format!("{} (p99 {})", millis(p50), millis(own.p99()));
    let limit = format!("{} a bare redb commit", millis(commit));
    Row::new("W1a", "one own post with a tag, durable, p50", figure)
        .bare(ms(p50), "ms")
        .beside(limit, ratio(p50, commit))
        .budget("ratio at most 1.3", ratio(p50, commit) <= 1.3);
    1.0 / p50.as_secs_f64()
}

async fn batches(node: &Node, first: u64, batches: u64) {
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
    let each = micros(spent, posts);
    let figure = format!("{}, {each:.1} us CPU a post", per_second(rate(posts, took)));
    let met = each <= 12.0 && rate(posts, took) >= 90_000.0;
    Row::new("W1b", "own posts in batches of 1,000", figure)
        .bare(rate(posts, took), "posts/s")
        .budget("90 k/s (3 x hypercore), 12 us CPU", met);
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
    let times = together / single;
    Row::new("W1c", "16 tasks posting at once", per_second(together))
        .bare(together, "posts/s")
        .beside(format!("{} one at a time", per_second(single)), times)
        .budget("ratio at least 8", times >= 8.0);
}
