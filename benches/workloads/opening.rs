//! W7: opening a store and reading its first page in a fresh process: warm and from a cold cache, after a clean end and
//! after kill -9.

use std::path::Path;
use std::time::Duration;

use super::bare::Bare;
use super::child::{self, Child};
use super::data::{self, AUTHORS, World};
use super::machine::{Tries, cool, memory, now, timed};
use super::report::{Row, Unit, millis, ms};
use super::world::{self, Folder, Scale};

/// Openings after a clean end, and after a kill.
const ROUNDS: usize = 7;
const KILLS: usize = 5;
const MEMORY: f64 = 16.0 * 1_048_576.0;

pub(crate) async fn run(scale: Scale) {
    let folder = Folder::new();
    let held = folder.join("held");
    let mut world = World::new(AUTHORS);
    let bare = Bare::create(folder.path());
    let node = world::filled(&held, &mut world, 100, Some(&bare)).await;
    node.shutdown().await.expect("a clean end");
    drop((node, bare));
    measure(&held, folder.path(), world.posts());
    let node = world::open_offline(&held).await;
    let bare = Bare::open(folder.path());
    let each = scale.of(900, 9_900);
    world::fill(&node, &mut world, each, Some(&bare)).await;
    node.shutdown().await.expect("a clean end");
    drop((node, bare));
    measure(&held, folder.path(), world.posts());
}

/// The store in `held`, beside the same rows in a file of bare redb.
fn measure(held: &Path, bare: &Path, posts: u64) {
    for cache in [Cache::Warm, Cache::Cold] {
        let clean = opened(held, bare, posts, cache);
        for rest in [true, false] {
            killed(held, posts, cache, rest, clean);
        }
    }
}

/// Whether what is read lies in memory already.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Cache {
    Warm,
    Cold,
}

impl Cache {
    /// Makes it so; says how.
    fn prepare(self, held: &Path) -> String {
        match self {
            Self::Warm => "warm".to_owned(),
            Self::Cold => format!("cold ({})", cool(held)),
        }
    }

    const fn budget(self) -> f64 {
        match self {
            Self::Warm => 5.0,
            Self::Cold => 25.0,
        }
    }
}

/// Opens the store in a process of its own: opening, the page, and the memory after it.
fn open(held: &Path) -> (Duration, Duration, u64) {
    let mut child = Child::start("open", held, &[]);
    let [open, page, memory] = child.numbers();
    child.end();
    (
        Duration::from_micros(open),
        Duration::from_micros(page),
        memory,
    )
}

fn opened(held: &Path, bare_folder: &Path, posts: u64, cache: Cache) -> Duration {
    let (mut both, mut pages, mut bare) = (Tries::default(), Tries::default(), Tries::default());
    let (mut how, mut most) = (String::new(), 0);
    for _ in 0..ROUNDS {
        how = cache.prepare(held);
        let (opening, page, memory) = open(held);
        both.push(opening + page);
        pages.push(page);
        most = most.max(memory);
        cache.prepare(bare_folder);
        bare.push(timed(|| Bare::open(bare_folder)).1);
    }
    let what = format!("open and first page, {how}, {posts} held");
    let page = millis(pages.p50());
    Row::new("W7", what, Unit::Millis, ms(both.p50()))
        .more(format!("of that the page {page}; {}", both.tail()))
        .beside(ms(bare.p50()), "bare redb open")
        .at_most(cache.budget());
    if cache == Cache::Warm {
        let what = format!("memory after it, {posts} held");
        Row::new("W7m", what, Unit::Mib, most as f64).at_most(MEMORY);
    }
    both.p50()
}

fn killed(held: &Path, posts: u64, cache: Cache, rest: bool, clean: Duration) {
    let (mut tries, mut how) = (Tries::default(), String::new());
    for _ in 0..KILLS {
        let mut child = Child::start("write", held, &[rest.to_string()]);
        child.line();
        child.kill();
        how = cache.prepare(held);
        let (open, page, _) = open(held);
        tries.push(open + page);
    }
    let when = if rest { "at rest" } else { "in mid-write" };
    let what = format!("the same after kill -9 {when}, {how}, {posts} held");
    Row::new("W7", what, Unit::Millis, ms(tries.p50()))
        .more(tries.tail())
        .beside(ms(clean), "after a clean end")
        .at_most_times(2.0);
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

/// The role that writes until it is killed, or writes and then rests for a second.
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
