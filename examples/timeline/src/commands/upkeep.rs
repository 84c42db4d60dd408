//! Looking after the folder: what takes the room, and whether all of it is as it should be.

use std::fs;
use std::path::Path;

use indicatif::{BinaryBytes, HumanCount};
use tidings::Node;

use crate::failure::{Failure, Result};
use crate::json::{CheckObject, StorageObject, StoredObject};
use crate::output::{Out, bar};
use crate::render::{clean, counted};

/// Differences that are shown to people; scripts get all that were listed.
const SHOWN: usize = 20;

/// Says what takes the room, the largest feed first; gives back what takes it for nothing before, if asked to.
pub(super) async fn storage(out: &Out, node: &Node, folder: &Path, compact: bool) -> Result {
    if compact {
        node.compact().await?;
    }
    let feeds: Vec<_> = tokio::task::block_in_place(|| node.storage())?
        .iter()
        .map(StoredObject::from)
        .collect();
    let object = StorageObject {
        entries: feeds.iter().map(|feed| feed.entries).sum(),
        entry_bytes: feeds.iter().map(|feed| feed.entry_bytes).sum(),
        folder_bytes: bytes_in(folder)?,
        feeds,
    };
    out.print(&object, || {
        let head = format!("{:>12}  {:>12}  feed", "posts", "attachments");
        let mut lines = vec![out.look.dim(&head)];
        lines.extend(object.feeds.iter().map(line));
        lines.push(format!(
            "{} in {}, indexes and room for more included",
            BinaryBytes(object.folder_bytes),
            folder.display()
        ));
        lines.join("\n")
    })
}

fn line(feed: &StoredObject) -> String {
    let name = match &feed.name {
        Some(name) => clean(name),
        None => feed.feed.chars().take(10).collect(),
    };
    let mut text = format!(
        "{:>12}  {:>12}  {name}, {}",
        BinaryBytes(feed.entry_bytes).to_string(),
        BinaryBytes(feed.media_bytes).to_string(),
        counted(feed.entries, "entry", "entries")
    );
    if feed.erased_bytes > 0 {
        let erased = BinaryBytes(feed.erased_bytes);
        text.push_str(&format!(
            ", {erased} deleted and kept for `timeline undelete`"
        ));
    }
    if feed.dropped_entries > 0 {
        let dropped = counted(feed.dropped_entries, "entry", "entries");
        text.push_str(&format!(", {dropped} dropped past its budget"));
    }
    if feed.passed_over > 0 {
        text.push_str(", too many logs of made-up devices passed over");
    }
    if !feed.shown {
        text.push_str(", not followed");
    }
    text
}

/// Bytes of all files in a folder, as far as they can be seen.
fn bytes_in(folder: &Path) -> Result<u64> {
    let mut bytes = 0;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let kind = entry.file_type()?;
        if kind.is_dir() {
            bytes += bytes_in(&entry.path())?;
        } else if kind.is_file() {
            bytes += entry.metadata().map_or(0, |file| file.len());
        }
    }
    Ok(bytes)
}

/// Computes everything anew from the logs and says what differs. Nothing is changed.
pub(super) async fn check(out: &Out, node: &Node) -> Result {
    let progress = bar(0, "checking");
    let moved = progress.clone();
    let report = node.check(move |now| {
        moved.set_length(now.of());
        moved.set_position(now.entries());
    });
    let report = report.await;
    progress.finish_and_clear();
    let report = report?;
    let differences = report.differences().iter();
    let object = CheckObject {
        clean: report.is_clean(),
        entries: report.entries(),
        rows: report.rows(),
        found: report.found(),
        differences: differences.map(ToString::to_string).collect(),
    };
    out.print(&object, || {
        let mut lines = vec![format!(
            "{} proved, {} looked at",
            counted(object.entries, "entry", "entries"),
            counted(object.rows, "index row", "index rows")
        )];
        let shown = object.differences.iter().take(SHOWN);
        lines.extend(shown.map(|it| format!("  {}", clean(it))));
        let more = object.found.saturating_sub(SHOWN as u64);
        lines.extend((more > 0).then(|| format!("  ... and {} more", HumanCount(more))));
        lines.extend(object.clean.then(|| "nothing differs".to_owned()));
        lines.join("\n")
    })?;
    if object.clean {
        return Ok(());
    }
    Err(Failure::said(format!(
        "{} from what the logs say; export the feeds, and load them into a new folder",
        counted(object.found, "row differs", "rows differ")
    )))
}
