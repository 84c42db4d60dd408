//! Attachments brought here: what is asked for, from whoever has it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use indicatif::{BinaryBytes, ProgressBar};
use tidings::{Attachment, EntryState, EntryView, MediaState, Node};
use tokio::time::timeout;

use crate::args::Fetch;
use crate::attached::{Held, caption, originals};
use crate::context::Context;
use crate::failure::{Failure, Result};
use crate::json::{FetchObject, FetchedObject};
use crate::output::bytes_bar;
use crate::save::save;

/// Fetches what is attached to a post. What is here already needs no network.
pub(super) async fn fetch(context: &Context, wanted: &Fetch) -> Result {
    let is_here = async |node: &Node| {
        let entry = post(node, &wanted.id)?;
        let held = Held::of(node, entry.attachments())?;
        Ok(originals(entry.attachments()).all(|attachment| held.has(attachment)))
    };
    if let Some(out) = &wanted.out {
        std::fs::create_dir_all(out).map_err(|error| Failure::from(error).at(out.display()))?;
    }
    let failed = if context.offline(is_here).await? {
        context
            .offline(async |node| bring(context, node, wanted).await)
            .await?
    } else {
        context
            .online(async |node| bring(context, node, wanted).await)
            .await?
    };
    if failed.is_empty() {
        Ok(())
    } else {
        Err(Failure::said(failed.join("; ")))
    }
}

/// The post of that name, which must have something attached.
fn post(node: &Node, id: &str) -> Result<EntryView> {
    let name = node.resolve(id)?;
    let entry = node.entry(&name)?;
    let entry = entry.ok_or_else(|| Failure::said(format!("no post {id} is here; sync first")))?;
    if originals(entry.attachments()).next().is_some() {
        return Ok(entry);
    }
    Err(Failure::said(match entry.state() {
        EntryState::Deleted => format!("post {id} is deleted, and what was attached to it"),
        EntryState::Expired => format!("post {id} has expired, and what was attached to it"),
        EntryState::NotHeld => format!("the content of post {id} is not here yet; sync first"),
        _ => format!("nothing is attached to post {id}"),
    }))
}

/// Brings one attachment after the other, says where they are, and returns what could not be had.
async fn bring(context: &Context, node: &Node, wanted: &Fetch) -> Result<Vec<String>> {
    let entry = post(node, &wanted.id)?;
    let patience = Duration::from_secs(wanted.timeout);
    let (mut files, mut failed) = (Vec::new(), Vec::new());
    for attachment in originals(entry.attachments()) {
        let had = match node.media(&attachment.hash)? {
            MediaState::Held { len } => len,
            MediaState::Partial { have, .. } => have,
            _ => 0,
        };
        let file = match transfer(node, attachment, patience).await {
            Ok(()) => {
                let place = tokio::task::block_in_place(|| place(node, attachment, wanted));
                Some(place?.display().to_string())
            }
            Err(Failure::Said(why)) => {
                failed.push(format!("{}: {why}", short(attachment)));
                None
            }
            Err(closed) => return Err(closed),
        };
        files.push(Brought {
            attachment,
            had,
            file,
        });
    }
    let object = FetchObject {
        id: entry.id().to_string(),
        files: files
            .iter()
            .map(|it| FetchedObject::new(it.attachment, it.had, it.file.clone()))
            .collect(),
    };
    if object.files.iter().any(|file| file.held) || context.out.json {
        context.out.print(&object, || {
            let lines: Vec<_> = files.iter().filter_map(Brought::line).collect();
            lines.join("\n")
        })?;
    }
    Ok(failed)
}

/// An attachment that was to be brought here.
struct Brought<'a> {
    attachment: &'a Attachment,
    /// Bytes that were here before.
    had: u64,
    /// Where it is.
    file: Option<String>,
}

impl Brought<'_> {
    fn line(&self) -> Option<String> {
        let file = self.file.as_deref()?;
        let resumed = if (1..self.attachment.len).contains(&self.had) {
            format!("\n  {} of it were here before", BinaryBytes(self.had))
        } else {
            String::new()
        };
        let caption = caption(self.attachment);
        Some(format!("{caption}\n  {file}{resumed}"))
    }
}

/// How an attachment is called where there is little room.
fn short(attachment: &Attachment) -> String {
    let text = caption(attachment);
    text.split(',').next().unwrap_or_default().to_owned()
}

/// Fetches one attachment and shows how far it is. What came stays, whatever comes of the rest.
async fn transfer(node: &Node, attachment: &Attachment, patience: Duration) -> Result {
    let mut fetch = node.fetch_media(attachment)?;
    let bar = bytes_bar(short(attachment));
    bar.set_length(attachment.len);
    let came = follow(&mut fetch, &bar, patience).await;
    bar.finish_and_clear();
    if came.is_none() {
        let have = BinaryBytes(fetch.progress().have());
        let all = BinaryBytes(attachment.len);
        let waited = patience.as_secs();
        return Err(Failure::said(format!(
            "nothing came for {waited} seconds; {have} of {all} are here, and the next fetch goes on from there"
        )));
    }
    Ok(fetch.await?)
}

/// Until it has ended; none if nothing came for too long.
async fn follow(fetch: &mut tidings::Fetch, bar: &ProgressBar, patience: Duration) -> Option<()> {
    let mut have = fetch.progress().have();
    let mut since = tokio::time::Instant::now();
    loop {
        match timeout(patience.saturating_sub(since.elapsed()), fetch.next()).await {
            Ok(Some(now)) => {
                bar.set_position(now.have());
                if now.have() > have {
                    have = now.have();
                    since = tokio::time::Instant::now();
                }
            }
            Ok(None) => return Some(()),
            Err(_) => return None,
        }
    }
}

/// Where the bytes lie: in the folder of the node, or a copy where it was asked for.
fn place(node: &Node, attachment: &Attachment, wanted: &Fetch) -> Result<PathBuf> {
    let mut bytes = node.open_media(&attachment.hash)?;
    match &wanted.out {
        None => Ok(absolute(bytes.path())),
        Some(folder) => Ok(absolute(&save(attachment, &mut bytes, folder)?)),
    }
}

fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}
