//! `demo`: two people on two devices, in one process and one temporary folder.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::json;
use tidings::{EntryRef, EntryView, NewPost, Node, Timestamp};
use tokio::time::{Instant, timeout};

use crate::commands::{print_item, send_new};
use crate::failure::{Failure, Result};
use crate::import;
use crate::output::Out;
use crate::render::counted;

/// Posts shown of each timeline at the end.
const SHOWN: usize = 5;

/// How long the two look for each other; on one machine it takes milliseconds.
const PATIENCE: Duration = Duration::from_secs(30);

/// What Ada writes if there is no file: minutes ago, text, tags.
const POSTS: [(i64, &str, &[&str]); 5] = [
    (
        3 * 24 * 60,
        "Sowed the tomatoes today, three kinds. The window sill is officially full.",
        &["tomato", "garden"],
    ),
    (
        2 * 24 * 60,
        "Does anyone have a spare cold frame? Happy to swap for seedlings.",
        &["garden", "swap"],
    ),
    (
        26 * 60,
        "Market report: the honey stall is back, and so is the man who plays the saw.",
        &["town"],
    ),
    (
        5 * 60,
        "Rain at last. Stood in the doorway and watched it for a quarter of an hour.",
        &["weather"],
    ),
    (
        12,
        "First ripe tomato of the year. It did not reach the kitchen.",
        &["tomato"],
    ),
];

/// Tells the story from the first identity to both timelines.
pub(crate) async fn demo(out: &Out, files: &[PathBuf]) -> Result {
    let folder = tempfile::Builder::new().prefix("tidings-demo-").tempdir()?;
    out.say(format!(
        "Two people, two folders in {}, no server.\n",
        folder.path().display()
    ))?;
    let mut steps = Steps::new(out);
    let ada = open(folder.path(), "Ada", &mut steps).await?;
    let ben = open(folder.path(), "Ben", &mut steps).await?;
    let told = story(out, &ada, &ben, files, &mut steps).await;
    ada.shutdown().await?;
    ben.shutdown().await?;
    folder.close()?;
    told
}

async fn open(folder: &Path, name: &str, steps: &mut Steps<'_>) -> Result<Node> {
    let node = Node::builder()
        .local_only()
        .open(folder.join(name.to_lowercase()))
        .await?;
    node.edit_profile().name(name).save().await?;
    steps.done(&format!("{name} makes an identity and goes online"))?;
    Ok(node)
}

async fn story(
    out: &Out,
    ada: &Node,
    ben: &Node,
    files: &[PathBuf],
    steps: &mut Steps<'_>,
) -> Result {
    write(ada, files, steps).await?;

    ben.follow(&ada.ticket().await?).await?;
    steps.done("Ben follows Ada by her ticket")?;
    let report = ben.sync(PATIENCE).await?;
    steps.done(&format!(
        "Ben syncs: {}",
        counted(report.entries(), "new entry", "new entries")
    ))?;

    let newest = newest_post(ben)?;
    ben.post("Congratulations! Save me a seed of that one.")
        .tag("tomato")
        .reply_to(newest)
        .send()
        .await?;
    steps.done("Ben replies to the newest post")?;

    let mut news = ada
        .timeline()
        .live(ada.timeline().limit(1).page()?.newest());
    ada.follow(&ben.ticket().await?).await?;
    steps.done("Ada follows Ben")?;
    let reply = timeout(PATIENCE, news.next()).await?;
    reply.ok_or_else(|| Failure::said("Ada went offline"))??;
    steps.done("His reply reaches her, since the two are connected already")?;

    show(out, "Ada", ada)?;
    show(out, "Ben", ben)
}

async fn write(ada: &Node, files: &[PathBuf], steps: &mut Steps<'_>) -> Result {
    if files.is_empty() {
        let now = jiff::Timestamp::now().as_millisecond();
        let posts = POSTS.iter().map(|(minutes, text, tags)| {
            let post = NewPost::new(*text).time(Timestamp(now - minutes * 60_000));
            tags.iter().fold(post, |post, tag| post.tag(*tag))
        });
        ada.send_all(posts.collect()).await?;
        return steps.done(&format!("Ada writes {} posts", POSTS.len()));
    }
    let collected = import::read_files(files, |_| ())?;
    let sent = send_new(ada, collected).await?;
    let files = counted(files.len() as u64, "file", "files");
    steps.done(&format!(
        "Ada imports {} from {files}",
        counted(sent.posts, "post", "posts")
    ))
}

fn newest_post(node: &Node) -> Result<EntryRef> {
    let page = node.timeline().limit(1).page()?;
    let newest = page.entries().next().map(EntryView::id);
    newest.ok_or_else(|| Failure::said("nothing arrived at Ben's"))
}

fn show(out: &Out, name: &str, node: &Node) -> Result {
    let total = counted(node.counts()?.all(), "entry", "entries");
    let heading = format!("{name}'s timeline ({total} held, the newest {SHOWN} shown)");
    out.say(format!(
        "\n{}\n{}\n",
        out.look.bold(&heading),
        "-".repeat(heading.len())
    ))?;
    if out.json {
        out.print(&json!({ "timeline": name }), String::new)?;
    }
    for item in node.timeline().limit(SHOWN).page()?.items() {
        print_item(out, node, item)?;
    }
    Ok(())
}

/// What has been done, and how long each step took.
struct Steps<'a> {
    out: &'a Out,
    number: usize,
    since: Instant,
}

impl<'a> Steps<'a> {
    fn new(out: &'a Out) -> Self {
        Self {
            out,
            number: 0,
            since: Instant::now(),
        }
    }

    /// A step is done; the next begins.
    fn done(&mut self, what: &str) -> Result {
        self.number += 1;
        let millis = self.since.elapsed().as_secs_f64() * 1_000.0;
        let dots = ".".repeat(60_usize.saturating_sub(what.len()));
        let object = json!({ "step": what, "millis": millis });
        self.out.print(&object, || {
            format!("{:2}. {what} {dots} {millis:8.1} ms", self.number)
        })?;
        self.since = Instant::now();
        Ok(())
    }
}
