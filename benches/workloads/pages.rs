//! W3: pages over 100 follows, warm, at rest and while much is being written.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tidings::format::Run;
use tidings::{EntryRef, NewPost, Node, Timeline};

use super::bare::{Bare, part};
use super::data::{self, AUTHORS, World, packed};
use super::limits::spawn;
use super::machine::{Tries, now, timed};
use super::report::{Row, Unit, ms, per_second, rate};
use super::world::{self, Folder, Scale};

const TRIES: usize = 300;
/// Between two pages while much is written.
const PAUSE: Duration = Duration::from_millis(2);
/// Posts a second that are written while pages are read.
const PACE: u64 = 20_000;

pub(crate) async fn run(scale: Scale) {
    let folder = Folder::new();
    let (bare, mut world) = (Bare::create(folder.path()), World::new(AUTHORS));
    let node = world::filled(&folder.join("held"), &mut world, 100, Some(&bare)).await;
    first_page(&node, &bare, world.posts());
    world::fill(&node, &mut world, 900, Some(&bare)).await;
    first_page(&node, &bare, world.posts());
    others(&node, &bare, &world).await;
    if scale == Scale::Full {
        world::fill(&node, &mut world, 9_000, Some(&bare)).await;
        first_page(&node, &bare, world.posts());
        others(&node, &bare, &world).await;
    }
    while_writing(&node, &bare, &mut world).await;
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
    let limit = bare.pages(b'T', &[], None);
    let what = format!("first page of 50 over {AUTHORS} follows, {held} held, p50");
    Row::new("W3a", what, Unit::Millis, ms(tries.p50()))
        .more(tries.tail())
        .beside(ms(limit), "bare redb reads of the same rows")
        .at_most(0.2);
}

async fn others(node: &Node, bare: &Bare, world: &World) {
    let held = world.posts();
    let first = node.timeline().page().expect("a page");
    let mut cursor = first.next().expect("more than one page");
    for _ in 0..98 {
        let page = node.timeline().before(cursor).page().expect("a page");
        cursor = page.next().expect("more than a hundred pages");
    }
    let root = thread(node, 50).await;
    let (tag, feed) = (part(0, 8), part(7, 4));
    let author = node.timeline().feed(world.authors[7].feed());
    // A thread is a range of an index as a feed is: 50 rows, and the runs that they name.
    let views = [
        (
            "page 100 by cursor",
            node.timeline().before(cursor),
            bare.pages(b'T', &[], Some(held - 99 * 50)),
        ),
        (
            "a tag page",
            node.timeline().tag(&data::tag(0)),
            bare.pages(b'G', &tag, None),
        ),
        ("a feed page", author, bare.pages(b'P', &feed, None)),
        (
            "a thread of 50 replies",
            node.timeline().replies_to(root),
            bare.pages(b'P', &feed, None),
        ),
    ];
    for (what, view, limit) in views {
        assert_eq!(view.page().expect("a page").entries().count(), 50, "{what}");
        let tries = measure(&view);
        let what = format!("{what}, {held} held, p50");
        Row::new("W3b", what, Unit::Millis, ms(tries.p50()))
            .more(tries.tail())
            .beside(ms(limit), "bare redb reads of the same rows")
            .at_most(0.3);
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

async fn while_writing(node: &Node, bare: &Bare, world: &mut World) {
    let mut runs: Vec<Vec<Run>> = Vec::new();
    for _ in 0..8 {
        let mut all = world.write(64);
        while !all.is_empty() {
            runs.push(all.drain(..all.len().min(16)).collect());
        }
    }
    let limit = bare.pages_while_writing(&runs, PACE, PAUSE);
    let parts: Vec<_> = runs.iter().map(|part| packed(part)).collect();
    let ended = Arc::new(AtomicBool::new(false));
    let (reader, end) = (node.clone(), ended.clone());
    let reading = tokio::task::spawn_blocking(move || {
        let mut tries = Tries::default();
        while !end.load(Ordering::Relaxed) {
            tries.push(timed(|| reader.timeline().page().expect("a page")).1);
            std::thread::sleep(PAUSE);
        }
        tries
    });
    let (writer, start) = (node.clone(), now());
    let written = spawn(async move {
        let mut posts = 0;
        for part in parts {
            posts += 64 * part.len() as u64;
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
    Row::new("W3c", what, Unit::Millis, ms(tries.p99()))
        .more(format!("p50 {:.2}, {}", ms(tries.p50()), tries.tail()))
        .beside(ms(limit.p99()), "bare redb beside bare writes, p99")
        .at_most(5.0);
}
