//! `demo`: two people on two devices, in one process and one temporary folder.

use std::io::Cursor;
use std::path::{Path, PathBuf};
use std::time::Duration;

use image::{ImageFormat, Rgb, RgbImage};
use indicatif::BinaryBytes;
use serde_json::json;
use tidings::{Attach, ChangeCursor, EntryRef, EntryView, NewPost, Node, Timestamp};
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
    if let Some(picture) = newest.attachments().first() {
        ben.fetch_media(picture)?.await?;
        let bytes = BinaryBytes(picture.len);
        steps.done(&format!(
            "Ben fetches the picture that came with it: {bytes}"
        ))?;
    }
    let newest = newest.id();
    let reply = ben.post("Congratulations! Save me a seed of it.");
    let reply = reply.tag("tomato").reply_to(newest).send().await?;
    steps.done("Ben replies to the newest post")?;
    ben.react(&newest, "\u{1f345}").await?;
    steps.done("and reacts to it with a tomato")?;
    ben.edit(&reply, "Congratulations! Save me two seeds of it, please.")
        .send()
        .await?;
    steps.done("and says his reply better")?;

    ada.follow(&ben.ticket().await?).await?;
    steps.done("Ada follows Ben")?;
    timeout(PATIENCE, has_come(ada, reply, newest)).await??;
    steps.done("All that reaches her, since the two are connected already")?;

    show(out, "Ada", ada)?;
    show(out, "Ben", ben)
}

/// Waits until a reply is here as it was edited, and so is a reaction.
async fn has_come(node: &Node, reply: EntryRef, post: EntryRef) -> Result {
    let mut news = node.changes(ChangeCursor::START);
    loop {
        let (reply, post) = (node.entry(&reply)?, node.entry(&post)?);
        let edited = reply.is_some_and(|reply| reply.edited().is_some());
        if edited && post.is_some_and(|post| !post.reactions().is_empty()) {
            return Ok(());
        }
        let next = news.next().await;
        next.ok_or_else(|| Failure::said("Ada went offline"))??;
    }
}

async fn write(ada: &Node, files: &[PathBuf], steps: &mut Steps<'_>) -> Result {
    if files.is_empty() {
        let now = jiff::Timestamp::now().as_millisecond();
        let posts = POSTS.iter().map(|(minutes, text, tags)| {
            let post = NewPost::new(*text).time(Timestamp(now - minutes * 60_000));
            tags.iter().fold(post, |post, tag| post.tag(*tag))
        });
        let mut posts: Vec<_> = posts.collect();
        let picture = Attach::bytes("tomato.png", picture()?).alt("A ripe tomato in the evening");
        if let Some(newest) = posts.pop() {
            posts.push(newest.attach(picture));
        }
        ada.send_all(posts).await?;
        return steps.done(&format!(
            "Ada writes {} posts, one with a picture",
            POSTS.len()
        ));
    }
    let collected = import::read_files(files, &import::Choice::default(), |_| ())?;
    let sent = send_new(ada, collected).await?;
    let files = counted(files.len() as u64, "file", "files");
    steps.done(&format!(
        "Ada imports {} from {files}",
        counted(sent.posts, "post", "posts")
    ))
}

/// A tomato, drawn: the sky, its round body with a light on it, and a green top.
fn picture() -> Result<Vec<u8>> {
    let drawn = RgbImage::from_fn(480, 320, |x, y| {
        let (x, y) = (f64::from(x) - 240.0, f64::from(y) - 180.0);
        let far = |x0: f64, y0: f64| (x - x0).hypot((y - y0) * 1.1);
        let leaf = (y + 112.0 - x.abs() * 0.3).abs() < 14.0 && x.abs() < 80.0;
        let stem = (x - y * 0.1 - 12.0).abs() < 7.0 && (-160.0..-105.0).contains(&y);
        if leaf || stem {
            Rgb([54, 128, 56])
        } else if far(0.0, 0.0) < 120.0 {
            let light = (1.0 - far(-42.0, -42.0) / 190.0).max(0.0);
            Rgb([
                shade(150.0 + 105.0 * light),
                shade(20.0 + 120.0 * light * light),
                30,
            ])
        } else {
            let height = (y + 180.0) / 320.0;
            Rgb([
                shade(90.0 + 150.0 * height),
                shade(140.0 + 40.0 * height),
                shade(210.0 - 90.0 * height),
            ])
        }
    });
    let mut bytes = Cursor::new(Vec::new());
    drawn.write_to(&mut bytes, ImageFormat::Png)?;
    Ok(bytes.into_inner())
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "clamped to what fits"
)]
fn shade(value: f64) -> u8 {
    value.clamp(0.0, 255.0) as u8
}

fn newest_post(node: &Node) -> Result<EntryView> {
    let page = node.timeline().limit(1).page()?;
    let newest = page.into_iter().find_map(|item| item.entry().cloned());
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
