//! W11: a year of a busy user, week by week, with the clock set ahead: the file beside what it holds.

use std::fs;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use tidings::format::{
    Body, Delete, DeviceSecret, Draft, EntryId, EntryRef, FeedSecret, Lane, LogId, PackedRun, Ref,
    Rel, Run, Seq, Statement, encode, lanes, standard,
};
use tidings::store::{Direction, RedbOptions, RedbStorage, Storage as _};
use tidings::{FeedTicket, Kind, Node, Timestamp};

use super::machine::{cpu, now};
use super::report::{Row, Unit, mib, millis, ms};
use super::world::{self, Folder, Scale};
use super::{data, series};

const WEEKS: u64 = 52;
const DAY: i64 = 24 * 60 * 60 * 1_000;
/// Posts of a feed in a day; more in a busy season.
const POSTS: u64 = 2;
const BUSY: std::ops::Range<u64> = 14..24;
const BUSY_POSTS: u64 = 10;
/// Feeds followed anew and left in a week, of a hundred.
const FOLLOWED: u64 = 3;
const LEFT: u64 = 2;
/// Own posts of a week, and how many of them are edited, deleted and put back.
const OWN: u64 = 40;
const EDITED: usize = 8;
const DELETED: usize = 6;
const BACK: usize = 2;

/// A foreign feed: its posts, and what it deletes.
struct Friend {
    device: DeviceSecret,
    admit: Statement,
    posts: Log,
    deletes: Log,
    /// Posts that it has not deleted, without end of time, oldest first.
    standing: Vec<EntryRef>,
}

struct Log {
    name: LogId,
    head: (Seq, EntryId),
}

impl Log {
    fn write(&mut self, device: &DeviceSecret, drafts: &[Draft]) -> Vec<Run> {
        let runs = Run::sign(device, &self.name, self.head.0, self.head.1, drafts);
        let runs = runs.expect("posts within the limits");
        if let Some(last) = runs.last() {
            self.head = (last.end(), last.last_id());
        }
        runs
    }
}

impl Friend {
    fn nth(nth: u64) -> Self {
        let mut seed = [17; 32];
        seed[..8].copy_from_slice(&nth.to_le_bytes());
        let feed = FeedSecret::from_bytes(&seed);
        seed[31] = 18;
        let device = DeviceSecret::from_bytes(&seed);
        let consent = device.consent(&feed.id());
        let admit = Statement::admit(feed.id(), &feed, device.id(), true, "", consent);
        let log = |lane: Lane| Log {
            name: LogId {
                feed: feed.id(),
                device: device.id(),
                lane,
            },
            head: (Seq::ZERO, EntryId::ZERO),
        };
        Self {
            admit: admit.expect("a device of its own feed"),
            posts: log(lanes::POSTS),
            deletes: log(lanes::STATE),
            standing: Vec::new(),
            device,
        }
    }

    fn ticket(&self) -> FeedTicket {
        FeedTicket::new(self.posts.name.feed)
    }

    /// A day's posts, a third of them with an end: a week after, or a month in the busy season.
    fn day(&mut self, number: u64, time: Timestamp, posts: u64, is_busy: bool) -> Vec<Run> {
        let lives = if is_busy { 30 * DAY } else { 7 * DAY };
        let ends = |post: u64| is_busy || post.is_multiple_of(3);
        let draft = |post: u64| {
            let draft = data::draft_at(number + post, time);
            if ends(number + post) {
                draft.expiring(time.plus_millis(lives))
            } else {
                draft
            }
        };
        let drafts: Vec<Draft> = (0..posts).map(draft).collect();
        let runs = self.posts.write(&self.device, &drafts);
        let all = runs
            .iter()
            .flat_map(|run| (run.first().0..run.end().0).filter_map(|at| run.reference(Seq(at))));
        let standing = (0..posts).zip(all).filter(|(post, _)| !ends(number + post));
        self.standing.extend(standing.map(|(_, entry)| entry));
        runs
    }

    /// Deletes the post that has stood longest.
    fn delete(&mut self, time: Timestamp) -> Vec<Run> {
        if self.standing.is_empty() {
            return Vec::new();
        }
        let target = self.standing.remove(0);
        let rel = Rel::Delete;
        let body = Body {
            refs: vec![Ref { rel, target }],
            content: encode(&Delete { purge: false }).into(),
            ..Body::default()
        };
        let kind = Kind::new(standard::DELETE).expect("a standard kind");
        let draft = Draft::new(kind, time, body.encode().expect("a small body"));
        self.deletes.write(&self.device, &[draft])
    }
}

/// What a week came to.
struct Week {
    /// Its length.
    file: u64,
    /// Room that it takes on the disk: the end of it is a hole until it is used.
    disk: u64,
    /// Rows of all tables, keys and values.
    rows: u64,
    /// Of that, entries as they lie in the store.
    entries: u64,
}

/// The simulated year.
struct Year {
    folder: PathBuf,
    friends: Vec<Friend>,
    followed: std::ops::Range<usize>,
    posts: u64,
    own: Vec<EntryRef>,
    /// When it began.
    epoch: Timestamp,
}

pub(crate) async fn run(scale: Scale) {
    let folder = Folder::new();
    let followed = scale.of(40, 200);
    let most = followed + WEEKS * followed * FOLLOWED / 100 + WEEKS;
    let mut year = Year {
        folder: folder.join("year"),
        friends: (0..most).map(Friend::nth).collect(),
        followed: 0..0,
        posts: 0,
        own: Vec::new(),
        epoch: Timestamp(1_795_392_000_000),
    };
    let (mut weeks, mut top) = (Vec::new(), 0);
    for week in 0..WEEKS {
        year.week(week, followed).await;
        let came = year.measure().await;
        top = top.max(came.rows);
        series::point(
            "year",
            serde_json::json!({
                "week": week, "file": came.file, "rows": came.rows, "entries": came.entries,
                "disk": came.disk, "most": top, "posts": year.posts,
            }),
        );
        weeks.push(came);
    }
    let last = weeks.last().expect("a year has weeks");
    let what = format!(
        "the file on the disk after a year, {} posts came",
        year.posts
    );
    Row::new("W11", what, Unit::Mib, last.disk as f64)
        .more(format!("{} long", mib(last.file)))
        .beside(top as f64, "of rows, the most it held")
        .at_most_times(2.0);
    compacted(&year.folder, last).await;
    Node::set_clock_ahead(0);
}

impl Year {
    async fn week(&mut self, week: u64, followed: u64) {
        let node = world::open_offline(&self.folder).await;
        self.follow(&node, week, followed).await;
        for day in 0..7 {
            let days = i64::try_from(week * 7 + day).expect("a year");
            let time = self.epoch.plus_millis(days * DAY);
            let ahead = time.as_millis() - system().as_millis();
            Node::set_clock_ahead(ahead.max(0));
            self.day(&node, week, time).await;
        }
        self.write(&node).await;
        node.sweep_all().await.expect("a sweep");
        node.shutdown().await.expect("a clean end");
    }

    /// Who is followed moves on: the newest come, the first ones go.
    async fn follow(&mut self, node: &Node, week: u64, followed: u64) {
        let (come, go) = if week == 0 {
            (followed, 0)
        } else {
            (followed * FOLLOWED / 100, followed * LEFT / 100)
        };
        let come = self.followed.end + usize::try_from(come).expect("few");
        for friend in &self.friends[self.followed.end..come] {
            node.follow(&friend.ticket()).await.expect("a feed");
            let admit = vec![friend.admit.clone()];
            world::take_all(node, admit, Vec::new()).await;
        }
        self.followed.end = come;
        for _ in 0..go {
            let gone = &self.friends[self.followed.start];
            node.unfollow(gone.posts.name.feed).await.expect("a feed");
            self.followed.start += 1;
        }
    }

    async fn day(&mut self, node: &Node, week: u64, time: Timestamp) {
        let is_busy = BUSY.contains(&week);
        let posts = if is_busy { BUSY_POSTS } else { POSTS };
        let mut runs = Vec::new();
        for (nth, friend) in self.friends[self.followed.clone()].iter_mut().enumerate() {
            runs.extend(friend.day(self.posts, time, posts, is_busy));
            self.posts += posts;
            if (nth as u64 + time.as_millis().unsigned_abs() / DAY.unsigned_abs()).is_multiple_of(7)
            {
                runs.extend(friend.delete(time));
            }
        }
        // As it comes while connected: a run a feed, twice a day.
        let packed = |run: &Run| (*run.log(), PackedRun::from_bytes(run.packed().clone()));
        let runs: Vec<_> = runs.iter().map(packed).collect();
        for part in runs.chunks(runs.len().div_ceil(2)) {
            world::take_all(node, Vec::new(), part.to_vec()).await;
        }
    }

    /// What the user writes in a week.
    async fn write(&mut self, node: &Node) {
        let mut written = Vec::new();
        for post in 0..OWN {
            let text = data::text(self.own.len() as u64 * 7 + post);
            written.push(node.post(text).tag("own").send().await.expect("a post"));
        }
        for entry in written.iter().take(EDITED) {
            let edit = node.edit(entry, data::text(self.posts)).send().await;
            edit.expect("an edit");
        }
        for entry in written.iter().take(DELETED) {
            node.delete(entry).await.expect("a delete");
        }
        for entry in written.iter().take(BACK) {
            node.undelete(entry).await.expect("an entry that is kept");
        }
        for entry in &written[DELETED..] {
            node.react(entry, "+").await.expect("a reaction");
        }
        self.own.extend(written);
    }

    async fn measure(&self) -> Week {
        let node = world::open_offline(&self.folder).await;
        let storage = node.storage().expect("a readable store");
        let entries = storage
            .iter()
            .map(|feed| feed.entry_bytes() + feed.erased_bytes())
            .sum();
        node.shutdown().await.expect("a clean end");
        let path = self.folder.join("store.redb");
        let (file, disk) = taken(&path);
        Week {
            file,
            disk,
            rows: rows(&path),
            entries,
        }
    }
}

/// The length of a file, and what it takes on the disk.
fn taken(path: &Path) -> (u64, u64) {
    let file = fs::metadata(path).expect("a store");
    #[cfg(unix)]
    let disk = std::os::unix::fs::MetadataExt::blocks(&file) * 512;
    #[cfg(not(unix))]
    let disk = file.len();
    (file.len(), disk)
}

/// Bytes of all rows, keys and values.
fn rows(path: &Path) -> u64 {
    let store = RedbStorage::open(path, RedbOptions::new()).expect("a store");
    let (mut bytes, read) = (0, store.read().expect("a snapshot"));
    let mut add = |key: &[u8], value: &[u8]| {
        bytes += (key.len() + value.len()) as u64;
        ControlFlow::Continue(())
    };
    let scanned = read.scan(&[], None, Direction::Ascending, &mut add);
    scanned.expect("readable rows");
    bytes
}

async fn compacted(folder: &Path, before: &Week) {
    let node = world::open_offline(folder).await;
    let (start, spent) = (now(), cpu());
    node.compact().await.expect("a compacted store");
    let (pause, spent) = (start.elapsed(), cpu() - spent);
    let differs = node.check(|_| {}).await.expect("a readable store");
    assert!(differs.is_clean(), "{differs:?}");
    node.shutdown().await.expect("a clean end");
    let (length, after) = taken(&folder.join("store.redb"));
    series::point(
        "compact",
        serde_json::json!({
            "before": before.disk, "after": after, "length": length, "rows": before.rows,
            "pause_ms": pause.as_millis(), "cpu_ms": spent.as_millis(),
        }),
    );
    let what = "compaction's pause after that year";
    let sizes = format!("{} before, {} after", mib(before.disk), mib(after));
    Row::new("W11", what, Unit::Millis, ms(pause))
        .more(format!("{} CPU; {sizes}", millis(spent)))
        .note();
}

/// The clock that is not set ahead.
#[expect(clippy::disallowed_methods, reason = "benches measure real time")]
fn system() -> Timestamp {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let millis = since.map_or(0, |since| since.as_millis());
    Timestamp(i64::try_from(millis).unwrap_or(i64::MAX))
}
