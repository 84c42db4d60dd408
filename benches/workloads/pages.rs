//! W3: pages over 100 follows, warm, at rest and while much is being written.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tidings::{EntryRef, NewPost, Node, Timeline};

use super::data::{self, AUTHORS, World, packed};
use super::limits::{Bare, spawn};
use super::machine::{Tries, now, timed};
use super::report::{Row, millis, ms, per_second, rate, ratio};
use super::world::{self, Folder, Scale};

const TRIES: usize = 300;
const FIRST: Duration = Duration::from_micros(200);
const OTHER: Duration = Duration::from_micros(300);
const WRITING: Duration = Duration::from_millis(5);
/// Posts a second that are written while pages are read.
const PACE: u64 = 20_000;

pub(crate) async fn run(scale: Scale) {
    let folder = Folder::new();
    let (bare, mut world) = (Bare::create(folder.path()), World::new(AUTHORS));
    let node = world::filled(&folder.join("held"), &mut world, 100, Some(&bare)).await;
    first_page(&node, &bare, world.posts());
    world::fill(&node, &mut world, 900, Some(&bare)).await;
    first_page(&node, &bare, world.posts());
    others(&node, &world).await;
    if scale == Scale::Full {
        world::fill(&node, &mut world, 9_000, Some(&bare)).await;
        first_page(&node, &bare, world.posts());
        others(&node, &world).await;
    }
    while_writing(&node, &mut world).await;
    node.shutdown().await.expect("a clean end");
}

fn measure(timeline: &Timeline) -> Tries {
    // What is asked again and again is warm.
    for _ in 0..20 {
        timeline.page().expect("a page");
    }
    (0..TRIES)
        .map(|_| timed(|| timeline.page().expect("a page")).1)
        .collect()
}

fn first_page(node: &Node, bare: &Bare, held: u64) {
    let timeline = node.timeline();
    let page = timeline.page().expect("a page");
    assert_eq!(page.entries().count(), 50);
    assert!(page.entries().all(|entry| entry.post().is_some()));
    let tries = measure(&timeline);
    let limit = (0..TRIES)
        .map(|_| bare.first_page())
        .collect::<Tries>()
        .p50();
    let what = format!("first page of 50 over {AUTHORS} follows, {held} held, p50");
    let figure = format!("{} (p99 {})", millis(tries.p50()), millis(tries.p99()));
    Row::new("W3a", what, figure)
        .bare(ms(tries.p50()), "ms")
        .beside(
            format!("{} bare redb reads", millis(limit)),
            ratio(tries.p50(), limit),
        )
        .budget("at most 0.2 ms", tries.p50() <= FIRST);
}

async fn others(node: &Node, world: &World) {
    let held = world.posts();
    let first = node.timeline().page().expect("a page");
    let mut cursor = first.next().expect("more than one page");
    for _ in 0..98 {
        let page = node.timeline().before(cursor).page().expect("a page");
        cursor = page.next().expect("more than a hundred pages");
    }
    let root = thread(node, 50).await;
    let views = [
        ("page 100 by cursor", node.timeline().before(cursor)),
        ("a tag page", node.timeline().tag(&data::tag(0))),
        ("a feed page", node.timeline().feed(world.authors[7].feed())),
        ("a thread of 50 replies", node.timeline().replies_to(root)),
    ];
    for (what, view) in views {
        assert_eq!(view.page().expect("a page").entries().count(), 50, "{what}");
        let p50 = measure(&view).p50();
        Row::new("W3b", format!("{what}, {held} held, p50"), millis(p50))
            .bare(ms(p50), "ms")
            .budget("at most 0.3 ms", p50 <= OTHER);
    }
}

async fn thread(node: &Node, replies: u64) -> EntryRef {
    let root = node
        .send_all(vec![data::new_post(0)])
        .await
        .expect("a post")[0];
    let answers = (0..replies).map(|reply| NewPost::new(data::text(reply)).reply_to(root));
    node.send_all(answers.collect()).await.expect("replies");
    root
}

async fn while_writing(node: &Node, world: &mut World) {
    let mut parts: Vec<_> = Vec::new();
    for _ in 0..8 {
        let runs = world.write(64);
        parts.extend(runs.chunks(16).map(packed));
    }
    let ended = Arc::new(AtomicBool::new(false));
    let (reader, end) = (node.clone(), ended.clone());
    let reading = tokio::task::spawn_blocking(move || {
        let mut tries = Tries::default();
        while !end.load(Ordering::Relaxed) {
            tries.push(timed(|| reader.timeline().page().expect("a page")).1);
            std::thread::sleep(Duration::from_millis(2));
        }
        tries
    });
    let (writer, start) = (node.clone(), now());
    let written = spawn(async move {
        let mut posts = 0;
        for part in parts {
            posts += 16 * 64;
            world::take_all(&writer, Vec::new(), part).await;
            let due = Duration::from_micros(posts * 1_000_000 / PACE);
            tokio::time::sleep(due.saturating_sub(start.elapsed())).await;
        }
        posts
    });
    let posts = written.await.expect("the writing task");
    let pace = rate(posts, start.elapsed());
    ended.store(true, Ordering::Relaxed);
    let tries = reading.await.expect("the reading thread");
    let what = format!("first page while {} are written, p99", per_second(pace));
    let figure = format!("{} (p50 {})", millis(tries.p99()), millis(tries.p50()));
    Row::new("W3c", what, figure)
        .bare(ms(tries.p99()), "ms")
        .budget("at most 5 ms", tries.p99() <= WRITING);
}
