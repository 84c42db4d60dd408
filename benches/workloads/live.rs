//! W6: a live post to a connected follower, from `send()` to the follower's stream.

use std::time::Duration;

use tidings::{EntryView, Live, Node};

use super::bare::Bare;
use super::limits::Echo;
use super::machine::{Tries, loopback_bytes, now};
use super::report::{Row, Unit, millis, ms};
use super::world::{self, Folder};
use super::{data, series};

const POSTS: u64 = 200;
const PATIENCE: Duration = Duration::from_secs(30);
/// Between two posts: each is one by itself.
const PAUSE: Duration = Duration::from_millis(15);

pub(crate) async fn run() {
    let folder = Folder::new();
    let mut bare = Bare::create(folder.path());
    let author = world::open_online(&folder.join("author")).await;
    let follower = world::open_online(&folder.join("follower")).await;
    let ticket = author.ticket().await.expect("a ticket");
    follower.follow(&ticket).await.expect("a feed");
    follower.sync(PATIENCE).await.expect("a report");
    let (each, own) = bytes(&author, &follower).await;
    let times = times(&author, &follower, &mut bare).await;
    print(&times);
    Row::new("W6", "its bytes on the wire", Unit::Bytes, each as f64)
        .more(format!("of that ours {own}"))
        .beside(echo_bytes().await / 2.0, "half an echo of 430 B")
        .at_most(700.0);
    for node in [author, follower] {
        node.shutdown().await.expect("a clean end");
    }
}

/// Posts, and beside each a bare commit and a bare echo: with limits measured at another moment, a busy disk makes any
/// ratio.
#[derive(Default)]
struct Times {
    posts: Tries,
    sends: Tries,
    commits: Tries,
    echos: Tries,
}

fn print(times: &Times) {
    let (p50, p99) = (times.posts.p50(), times.posts.p99());
    let (commit, half) = (times.commits.p50(), times.echos.p50() / 2);
    let what = "live post, from send() to the follower's stream, p50";
    let limit = format!(
        "{} commit and {} half an echo",
        millis(commit),
        millis(half)
    );
    let send = millis(times.sends.p50());
    Row::new("W6", what, Unit::Millis, ms(p50))
        .more(format!("{}; send() {send}", times.posts.tail()))
        .beside(ms(commit + half), limit)
        .at_most_beyond(0.5);
    Row::new("W6", "the same, p99", Unit::Millis, ms(p99))
        .beside(ms(p50), "p50")
        .at_most_times(10.0);
    series::spread("W6", "live post", &times.posts);
    series::spread("W6", "of that send()", &times.sends);
    series::spread("W6", "bare commit", &times.commits);
    series::spread("W6", "echo", &times.echos);
}

fn stream(follower: &Node) -> Live {
    let page = follower.timeline().page().expect("a page");
    follower.timeline().live(page.newest())
}

/// Sends one post and waits for it at the other end: when `send()` was done, and when the post was there.
async fn one(author: &Node, live: &mut Live, post: u64) -> (Duration, Duration) {
    let new = data::new_post(post);
    let start = now();
    let name = author.send_all(vec![new]).await.expect("a post")[0];
    let sent = start.elapsed();
    let came = tokio::time::timeout(PATIENCE, live.next()).await;
    let took = start.elapsed();
    let item = came
        .expect("in time")
        .expect("an open stream")
        .expect("an item");
    assert_eq!(
        item.entry().map(EntryView::id),
        Some(name),
        "the post that was sent"
    );
    (sent, took)
}

async fn times(author: &Node, follower: &Node, bare: &mut Bare) -> Times {
    let mut echo = Echo::connect().await;
    let mut live = stream(follower);
    let mut times = Times::default();
    for post in 0..POSTS {
        tokio::time::sleep(PAUSE).await;
        times.commits.push(bare.commit_one());
        tokio::time::sleep(PAUSE).await;
        times.echos.push(echo.once(430).await);
        tokio::time::sleep(PAUSE).await;
        let (sent, took) = one(author, &mut live, post).await;
        times.sends.push(sent);
        times.posts.push(took);
    }
    times
}

/// Bytes on the wire of an echo of about what a post comes to.
async fn echo_bytes() -> f64 {
    let mut echo = Echo::connect().await;
    let before = loopback_bytes();
    for _ in 0..POSTS {
        tokio::time::sleep(PAUSE).await;
        echo.once(430).await;
    }
    tokio::time::sleep(PAUSE).await;
    (loopback_bytes() - before) as f64 / POSTS as f64
}

/// Bytes a post on the wire, and those of our own protocol.
async fn bytes(author: &Node, follower: &Node) -> (u64, u64) {
    let mut live = stream(follower);
    let own = || follower.status().received() + follower.status().sent();
    let (before, own_before) = (loopback_bytes(), own());
    for post in 0..POSTS {
        tokio::time::sleep(PAUSE).await;
        one(author, &mut live, post).await;
    }
    tokio::time::sleep(PAUSE).await;
    (
        (loopback_bytes() - before) / POSTS,
        (own() - own_before) / POSTS,
    )
}
