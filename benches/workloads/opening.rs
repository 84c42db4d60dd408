//! W7: opening a store and reading its first page in a fresh process, after a clean end and after kill -9.

use std::path::Path;
use std::time::Duration;

use redb::Database;

use super::child::{self, Child};
use super::data::{self, AUTHORS, World};
use super::machine::{Tries, memory, now, timed};
use super::report::{Row, mib, millis, ms, ratio};
use super::world::{self, Folder, Scale};

const ROUNDS: usize = 7;
const KILLS: usize = 5;
const WARM: Duration = Duration::from_millis(5);
const MEMORY: u64 = 16 * 1_048_576;

pub(crate) async fn run(scale: Scale) {
    let folder = Folder::new();
    let held = folder.join("held");
    let mut world = World::new(AUTHORS);
    let node = world::filled(&held, &mut world, 100, None).await;
    node.shutdown().await.expect("a clean end");
    drop(node);
    warm(&held, world.posts());
    let node = world::open_offline(&held).await;
    world::fill(&node, &mut world, scale.of(900, 9_900), None).await;
    node.shutdown().await.expect("a clean end");
    drop(node);
    let clean = warm(&held, world.posts());
    for rest in [true, false] {
        killed(&held, rest, clean);
    }
}

/// Opens the store in processes of their own: p50 of the time, and the memory at the end.
fn opened(held: &Path) -> (Duration, Duration, u64) {
    let mut child = Child::start("open", held, &[]);
    let [open, page, memory] = child.numbers();
    child.end();
    (
        Duration::from_micros(open),
        Duration::from_micros(page),
        memory,
    )
}

fn warm(held: &Path, posts: u64) -> Duration {
    let rounds: Vec<_> = (0..ROUNDS).map(|_| opened(held)).collect();
    let both = rounds
        .iter()
        .map(|(open, page, _)| *open + *page)
        .collect::<Tries>()
        .p50();
    let page = rounds
        .iter()
        .map(|(_, page, _)| *page)
        .collect::<Tries>()
        .p50();
    let memory = rounds
        .iter()
        .map(|(_, _, memory)| *memory)
        .max()
        .unwrap_or(0);
    let bare = || timed(|| Database::open(held.join("store.redb")).expect("a store")).1;
    let limit = (0..ROUNDS).map(|_| bare()).collect::<Tries>().p50();
    let figure = format!("{}, of that the page {}", millis(both), millis(page));
    Row::new(
        "W7",
        format!("open and first page, warm, {posts} held"),
        figure,
    )
    .bare(ms(both), "ms")
    .beside(
        format!("{} bare redb open", millis(limit)),
        ratio(both, limit),
    )
    .budget("at most 5 ms", both <= WARM);
    Row::new("W7m", format!("memory after it, {posts} held"), mib(memory))
        .bare(memory as f64, "B")
        .budget("at most 16 MiB beyond the runtime", memory <= MEMORY);
    both
}

fn killed(held: &Path, rest: bool, clean: Duration) {
    let mut tries = Tries::default();
    for _ in 0..KILLS {
        let mut child = Child::start("write", held, &[rest.to_string()]);
        child.line();
        child.kill();
        let (open, page, _) = opened(held);
        tries.push(open + page);
    }
    let when = if rest {
        "a second after the last write"
    } else {
        "while writing"
    };
    let times = ratio(tries.p50(), clean);
    Row::new(
        "W7",
        format!("the same after kill -9 {when}"),
        millis(tries.p50()),
    )
    .bare(ms(tries.p50()), "ms")
    .beside(format!("{} after a clean end", millis(clean)), times)
    .budget("ratio at most 2", times <= 2.0);
}

/// The role that opens a store and reads a page.
pub(crate) async fn open_role(folder: &Path) {
    let (before, start) = (memory(), now());
    let node = world::open_offline(folder).await;
    let open = start.elapsed();
    let (page, took) = timed(|| node.timeline().page().expect("a page"));
    assert_eq!(page.entries().count(), 50);
    let used = memory().saturating_sub(before);
    child::tell(&format!("{} {} {used}", open.as_micros(), took.as_micros()));
    node.shutdown().await.expect("a clean end");
}

/// The role that writes until it is killed, or writes and then rests.
pub(crate) async fn write_role(folder: &Path, rest: bool) {
    let node = world::open_offline(folder).await;
    for batch in 0.. {
        let posts = (0..20)
            .map(|post| data::new_post(batch * 20 + post))
            .collect();
        node.send_all(posts).await.expect("a batch");
        if batch == 50 {
            if rest {
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
            child::tell("written");
            if rest {
                return std::future::pending().await;
            }
        }
    }
}
