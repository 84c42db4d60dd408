//! Feeds carried by hand: written to a file, taken in from one, and looked at without taking anything in.

use std::fs::File;
use std::path::Path;

use indicatif::{BinaryBytes, ProgressBar};
use tidings::{ArchiveError, ArchiveProgress, FeedId, Node, verify_archive};

use crate::args::Export;
use crate::failure::{Failure, Result};
use crate::json::{
    DamageObject, ExportObject, ExportedObject, LoadObject, LoadedObject, VerifiedObject,
    VerifyObject,
};
use crate::output::{Out, bar, bytes_bar};
use crate::render::{clean, counted};

/// Writes feeds to a file.
pub(super) async fn export(out: &Out, node: &Node, wanted: Export) -> Result {
    let progress = bar(0, "writing");
    let mut export = node
        .export(&wanted.file)
        .media(wanted.media)
        .progress(follow(&progress));
    for feed in &wanted.feeds {
        export = export.feed(feed.parse()?);
    }
    if wanted.all {
        export = export.all();
    }
    let done = export.run().await;
    progress.finish_and_clear();
    let done = done?;
    let feeds = done.feeds().iter();
    let object = ExportObject {
        file: wanted.file.display().to_string(),
        bytes: done.bytes(),
        media: done.blobs(),
        media_missing: done.blobs_missing(),
        feeds: feeds
            .map(|feed| Ok(ExportedObject::new(feed, name(node, feed.feed())?)))
            .collect::<Result<_>>()?,
    };
    out.print(&object, || {
        let mut lines = vec![format!(
            "{} written to {}",
            BinaryBytes(object.bytes),
            object.file
        )];
        lines.extend(object.feeds.iter().map(|feed| {
            let entries = counted(feed.entries, "entry", "entries");
            format!("  {}: {entries}", called(&feed.name, &feed.feed))
        }));
        lines.extend(media(object.media));
        let missing = counted(object.media_missing, "attachment is", "attachments are");
        lines.extend(
            (object.media_missing > 0).then(|| format!("  {missing} not here and not in it")),
        );
        lines.join("\n")
    })
}

/// Takes in what is in a file. What stands before a damage is taken in, and then the damage is named.
pub(super) async fn load(out: &Out, node: &Node, file: &Path, follow_all: bool) -> Result {
    let progress = bytes_bar("loading");
    let load = node.load(file).follow(follow_all);
    let done = load.progress(follow(&progress)).run().await;
    progress.finish_and_clear();
    let done = done.map_err(|error| Failure::from(error).at(file.display()))?;
    let feeds = done.feeds().iter();
    let feeds: Vec<_> = feeds
        .map(|feed| Ok(LoadedObject::new(feed, name(node, feed.feed())?)))
        .collect::<Result<_>>()?;
    let object = LoadObject {
        entries: feeds.iter().map(|feed| feed.entries).sum(),
        already: feeds.iter().map(|feed| feed.already).sum(),
        media: done.blobs(),
        newly_followed: done.newly_followed(),
        not_followed: done.not_followed(),
        feeds,
        damage: done.damage().map(DamageObject::from),
    };
    out.print(&object, || {
        let mut lines = vec![format!(
            "{} from {}",
            counted(object.entries, "new entry", "new entries"),
            file.display()
        )];
        let taken = object.feeds.iter().zip(done.feeds());
        let taken = taken.filter(|(_, feed)| feed.is_wanted());
        lines.extend(taken.map(|(object, _)| loaded(object)));
        lines.extend(media(object.media));
        lines.extend(left_out(&object, follow_all));
        lines.join("\n")
    })?;
    damaged(done.damage(), file)
}

/// Of whom nothing was taken, and how to take it.
fn left_out(done: &LoadObject, follow_all: bool) -> Option<String> {
    let feeds = counted(done.not_followed, "feed", "feeds");
    let is = if done.not_followed == 1 { "is" } else { "are" };
    let left = format!("{feeds} in this file {is} not followed, and nothing of it was taken");
    let how = if follow_all {
        "one load follows only so many; load --follow again follows more"
    } else {
        "load --follow follows what is in it"
    };
    (done.not_followed > 0).then(|| format!("{left}: {how}"))
}

/// Bytes of an archive's head: magic and version.
const HEAD: u64 = 16;

/// Looks at every byte of a file and changes nothing.
pub(super) fn verify(out: &Out, path: &Path) -> Result {
    let at = |failure: Failure| failure.at(path.display());
    let file = File::open(path).map_err(|error| at(error.into()))?;
    let len = file.metadata().map_err(|error| at(error.into()))?.len();
    let progress = bytes_bar("verifying");
    progress.set_length(len);
    let done = verify_archive(progress.wrap_read(file));
    progress.finish_and_clear();
    let object = VerifyObject {
        good: done.damage().is_none(),
        bytes: done.bytes(),
        media: done.blobs(),
        media_bytes: done.blob_bytes(),
        feeds: done.feeds().iter().map(VerifiedObject::from).collect(),
        damage: done.damage().map(DamageObject::from),
    };
    // Of a file that is no archive of this version there is nothing to tell people but that.
    if object.bytes < HEAD && !out.json {
        return damaged(done.damage(), path);
    }
    out.print(&object, || {
        let what = if object.good {
            "all of it is good"
        } else {
            "good up to there"
        };
        let mut lines = vec![format!("{}, {what}", BinaryBytes(object.bytes))];
        lines.extend(object.feeds.iter().map(verified));
        lines.extend(media(object.media));
        lines.join("\n")
    })?;
    damaged(done.damage(), path)
}

/// What was printed is only part of what the file once held.
fn damaged(damage: Option<&ArchiveError>, file: &Path) -> Result {
    match damage {
        Some(damage) => Err(Failure::from(damage.clone()).at(file.display())),
        None => Ok(()),
    }
}

/// Moves a bar along.
fn follow(progress: &ProgressBar) -> impl FnMut(ArchiveProgress) + Send + 'static {
    let progress = progress.clone();
    move |now| {
        progress.set_length(now.total());
        progress.set_position(now.done());
    }
}

fn loaded(feed: &LoadedObject) -> String {
    let new = counted(feed.entries, "new entry", "new entries");
    let mut text = format!("  {}: {new}", called(&feed.name, &feed.feed));
    let notes = [
        (feed.already, "held already"),
        (feed.refused, "not taken"),
        (feed.unsettled, "logs forked"),
    ];
    for (count, what) in notes.iter().filter(|(count, _)| *count > 0) {
        text.push_str(&format!(", {} {what}", indicatif::HumanCount(*count)));
    }
    if feed.newly_followed {
        text.push_str("; followed from now on");
    }
    text
}

fn verified(feed: &VerifiedObject) -> String {
    let entries = counted(feed.entries, "entry", "entries");
    let mut text = format!("  {}: {entries}, {} with text", feed.feed, feed.bodies);
    let out = feed.entries - feed.counting;
    if out > 0 {
        text.push_str(&format!(", {out} that do not count"));
    }
    if feed.forked > 0 {
        let logs = counted(feed.forked, "log", "logs");
        text.push_str(&format!(", {logs} forked ({} unsettled)", feed.unsettled));
    }
    text
}

fn media(count: u64) -> Option<String> {
    let files = counted(count, "attachment", "attachments");
    (count > 0).then(|| format!("  {files}"))
}

fn name(node: &Node, feed: FeedId) -> Result<Option<String>> {
    Ok(node.profile(feed)?.name().map(str::to_owned))
}

fn called(name: &Option<String>, feed: &str) -> String {
    match name {
        Some(name) => clean(name),
        None => feed.chars().take(10).collect(),
    }
}
