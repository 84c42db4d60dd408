//! W6: a live post to a connected follower, from `send()` to the follower's stream.

use std::time::Duration;

use tidings::Node;

use super::data;
use super::limits::{Bare, Echo};
use super::machine::{Tries, loopback_bytes, now};
use super::report::{Row, millis, ratio};
use super::world::{self, Folder};

const POSTS: u64 = 200;
const PATIENCE: Duration = Duration::from_secs(30);
/// Between two posts: each is one by itself.
const PAUSE: Duration = Duration::from_millis(15);

pub(crate) async fn run() {
    let folder = Folder::new();
    let commit = Bare::create(folder.path()).commit_p50(200);
    let echo = Echo::connect().await.p50(200, 430).await;
    let author = world::open_online(&folder.join("author")).await;
    let follower = world::open_online(&folder.join("follower")).await;
    follower
        .follow(&author.ticket().await.expect("a ticket"))
        .await
        .expect("a feed");
    follower.sync(PATIENCE).await.expect("a report");
    let (tries, each) = posts(&author, &follower).await;
    let own = {
        let status = follower.status();
        (status.received() + status.sent()) / POSTS
    };
    let allowed = commit + echo / 2 + Duration::from_micros(500);
    let figure = format!("{} (p99 {})", millis(tries.p50()), millis(tries.p99()));
    let limit = format!(
        "{} commit + {} half an echo",
        millis(commit),
        millis(echo / 2)
    );
    let met = tries.p50() <= allowed && tries.p99() <= 10 * tries.p50();
    Row::new(
        "W6",
        "live post, from send() to the follower's stream, p50",
        figure,
    )
    .beside(limit, ratio(tries.p50(), commit + echo / 2))
    .budget(
        &format!("the limit and 0.5 ms: {}, p99 10 x p50", millis(allowed)),
        met,
    );
    Row::new(
        "W6",
        "its bytes on the wire",
        format!("{each} B, of that ours {own} B"),
    )
    .budget("at most 700 B", each <= 700);
    for node in [author, follower] {
        node.shutdown().await.expect("a clean end");
    }
}

async fn posts(author: &Node, follower: &Node) -> (Tries, u64) {
    let mut live = follower
        .timeline()
        .live(follower.timeline().page().expect("a page").newest());
    let mut tries = Tries::default();
    let before = loopback_bytes();
    for post in 0..POSTS {
        tokio::time::sleep(PAUSE).await;
        let new = data::new_post(post);
        let start = now();
        author.send_all(vec![new]).await.expect("a post");
        let came = tokio::time::timeout(PATIENCE, live.next()).await;
        assert!(matches!(came, Ok(Some(Ok(_)))), "the post came");
        tries.push(start.elapsed());
    }
    (tries, (loopback_bytes() - before) / POSTS)
}
