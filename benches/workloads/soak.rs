//! W12: two processes that follow each other, several hundred posts a second, one of them away now and then, for as many
//! minutes as `TIDINGS_SOAK_MINUTES` says: memory stays, files grow with what they hold, both end with the same.

use std::path::Path;
use std::time::Duration;

use tidings::{EntryRef, FeedTicket, Node};

use super::child::{self, Child};
use super::machine::{cpu, disk, memory, now};
use super::report::{Row, Unit};
use super::world::{self, Folder};
use super::{data, series};

const MINUTES: &str = "TIDINGS_SOAK_MINUTES";
/// Posts of each node in a second: so many batches of so many.
const BATCHES: u32 = 10;
const BATCH: u64 = 20;
/// One post of so many is deleted a moment later.
const DELETED: u64 = 50;
const SAMPLE: Duration = Duration::from_secs(5);
/// How often one of the two goes away: in samples.
const AWAY: u64 = 4;
/// How long both may take to come to the same once nobody writes any more.
const PATIENCE: Duration = Duration::from_secs(120);
/// By how much memory may differ between a quarter of the run and its end, beside a quarter of itself.
const SLACK: f64 = 8.0 * 1_048_576.0;

/// What a node says of itself.
#[derive(Clone, Copy)]
struct Sample {
    memory: u64,
    file: u64,
    entries: u64,
    posted: u64,
    cpu: u64,
}

pub(crate) async fn run() {
    let minutes = std::env::var(MINUTES).ok();
    let minutes: u64 = minutes.map_or(30, |minutes| minutes.parse().expect("minutes"));
    let folder = Folder::new();
    let mut nodes = ["one", "other"].map(|name| {
        let home = folder.join(name);
        Child::start(
            "soak",
            &home,
            &[if name == "one" { "1" } else { "2" }.to_owned()],
        )
    });
    let tickets: Vec<String> = nodes.iter_mut().map(Child::line).collect();
    nodes[0].say(&tickets[1]);
    nodes[1].say(&tickets[0]);
    let (start, mut samples) = (now(), Vec::new());
    let mut rounds = 0;
    while start.elapsed() < Duration::from_secs(60 * minutes) {
        tokio::time::sleep(SAMPLE).await;
        rounds += 1;
        if rounds % AWAY == 0 {
            let away = usize::from((rounds / AWAY).is_multiple_of(2));
            nodes[away].say("away");
            nodes[away].line();
        }
        let now = nodes.each_mut().map(sample);
        tell(start.elapsed(), &now);
        samples.push(now);
    }
    nodes.iter_mut().for_each(|node| node.say("enough"));
    let posted: u64 = nodes
        .each_mut()
        .map(|node| node.numbers::<1>()[0])
        .iter()
        .sum();
    let ended = now();
    let met = loop {
        let now = nodes.each_mut().map(sample);
        if now[0].entries == now[1].entries && now[0].entries >= posted {
            break ended.elapsed();
        }
        let entries = now.map(|node| node.entries);
        assert!(
            ended.elapsed() < PATIENCE,
            "{entries:?} held after {posted} posts"
        );
        tokio::time::sleep(Duration::from_millis(250)).await;
    };
    nodes.iter_mut().for_each(|node| node.say("check"));
    for node in &mut nodes {
        assert_eq!(node.line(), "clean");
    }
    nodes.into_iter().for_each(Child::end);
    verdicts(&samples, posted, met, minutes);
}

fn sample(node: &mut Child) -> Sample {
    node.say("sample");
    let [memory, file, entries, posted, cpu] = node.numbers();
    Sample {
        memory,
        file,
        entries,
        posted,
        cpu,
    }
}

fn tell(at: Duration, now: &[Sample; 2]) {
    for (name, node) in ["one", "other"].iter().zip(now) {
        let Sample {
            memory,
            file,
            entries,
            posted,
            cpu,
        } = *node;
        let figures = serde_json::json!({
            "second": at.as_secs(), "node": name, "memory": memory, "file": file,
            "entries": entries, "posted": posted, "cpu_us": cpu,
        });
        series::point("soak", figures);
    }
}

fn verdicts(samples: &[[Sample; 2]], posted: u64, met: Duration, minutes: u64) {
    let what =
        format!("{posted} posts in {minutes} minutes, both nodes hold the same and check clean");
    let pace = posted as f64 / (minutes * 60).max(1) as f64;
    Row::new("W12", what, Unit::PostsPerSecond, pace)
        .more(format!(
            "the same {:.1} s after the last",
            met.as_secs_f64()
        ))
        .at_least(300.0);
    for node in 0..2 {
        let of = |part: &[[Sample; 2]]| -> (u64, f64) {
            let count = part.len().max(1) as u64;
            let memory = part.iter().map(|both| both[node].memory).sum::<u64>() / count;
            let each = part
                .iter()
                .map(|both| both[node].file as f64 / both[node].entries as f64);
            (memory, each.sum::<f64>() / count as f64)
        };
        let quarter = (samples.len() / 4).max(1);
        let early = of(&samples[quarter.min(samples.len() - 1)..(2 * quarter).min(samples.len())]);
        let late = of(&samples[samples.len() - quarter..]);
        let cpu = samples.last().map_or(0, |both| both[node].cpu) / posted.max(1);
        let (early_memory, late_memory) = (early.0 as f64, late.0 as f64);
        let name = ["one", "other"][node];
        let what = format!("memory in the last quarter, {name}");
        Row::new("W12", what, Unit::Mib, late_memory)
            .more(format!("{cpu} us CPU a post"))
            .beside(early_memory, "in the second quarter")
            .at_most_beyond(early_memory / 4.0 + SLACK);
        let what = format!("the file, a held entry, in the last quarter, {name}");
        Row::new("W12", what, Unit::Bytes, late.1)
            .beside(early.1, "in the second quarter")
            .at_most_times(1.25);
    }
}

/// A node that posts until it is told that it is enough.
struct Poster {
    node: Node,
    next: u64,
    posted: u64,
    last: Option<EntryRef>,
}

impl Poster {
    async fn batch(&mut self) {
        let posts = (self.next..self.next + BATCH)
            .map(|post| tidings::NewPost::new(data::text(post)).tag(data::tag(post)))
            .collect();
        let sent = self.node.send_all(posts).await.expect("a batch");
        let before = self.posted;
        (self.next, self.posted) = (self.next + BATCH, self.posted + BATCH);
        if before / DELETED != self.posted / DELETED
            && let Some(entry) = self.last.take()
        {
            self.node.delete(&entry).await.expect("a delete");
        }
        self.last = sent.last().copied();
    }
}

/// The role of one of the two.
pub(crate) async fn role(folder: &Path, number: &str) {
    let number: u64 = number.parse().expect("a number");
    let node = world::open_online(folder).await;
    child::tell(&node.ticket().await.expect("a ticket").to_string());
    let ticket: FeedTicket = heard().await.parse().expect("a ticket");
    node.follow(&ticket).await.expect("a place to look");
    let mut poster = Poster {
        node,
        next: number << 40,
        posted: 0,
        last: None,
    };
    let (lines, mut said) = tokio::sync::mpsc::unbounded_channel();
    let _reading = std::thread::spawn(move || {
        while let Some(line) = child::heard() {
            if lines.send(line).is_err() {
                return;
            }
        }
    });
    let mut posting = tokio::time::interval(Duration::from_secs(1) / BATCHES);
    posting.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut enough = false;
    loop {
        tokio::select! {
            line = said.recv() => match line.as_deref() {
                Some("sample") => sampled(&poster, folder),
                Some("away") => {
                    poster.node.shutdown().await.expect("a clean end");
                    poster.node = world::open_online(folder).await;
                    child::tell("back");
                }
                Some("enough") => {
                    enough = true;
                    child::tell(&poster.posted.to_string());
                }
                Some(_) => {
                    let report = poster.node.check(|_| {}).await.expect("a readable store");
                    child::tell(if report.is_clean() { "clean" } else { "damaged" });
                }
                None => break,
            },
            _ = posting.tick(), if !enough => poster.batch().await,
        }
    }
    poster.node.shutdown().await.expect("a clean end");
}

fn sampled(poster: &Poster, folder: &Path) {
    let entries = poster.node.counts().expect("counts").all();
    let (memory, file, posted) = (memory(), disk(folder), poster.posted);
    child::tell(&format!(
        "{memory} {file} {entries} {posted} {}",
        cpu().as_micros()
    ));
}

async fn heard() -> String {
    let line = tokio::task::spawn_blocking(child::heard).await;
    line.expect("a line").expect("what to do")
}
