//! `import`: files into posts, in one batch.

use std::path::PathBuf;

use tidings::{Content as _, Kind, NewPost, Node, Post};

use crate::context::Context;
use crate::failure::Result;
use crate::import::{self, Collected, Known};
use crate::json::ImportObject;
use crate::output::{bar, spinner};
use crate::render::counted;

/// Own posts that are looked through at once.
const PAGE: usize = 1_000;

/// Reads the files before it opens the folder, so that a bad file changes nothing and holds nobody up.
pub(crate) async fn import(context: &Context, files: &[PathBuf], enclosures: bool) -> Result {
    let progress = bar(files.len() as u64, "reading");
    let collected = import::read_files(files, enclosures, |_| progress.inc(1));
    progress.finish_and_clear();
    let collected = collected?;
    let (notes, found) = (collected.notes, collected.items.len() as u64);
    let sent = context
        .offline(async |node| send_new(node, collected).await)
        .await?;
    let done = ImportObject {
        imported: sent.posts,
        attached: sent.files,
        not_attached: notes.not_attached,
        already: found - sent.posts,
        shortened: notes.shortened,
        tags_cut: notes.tags_cut,
        skipped: notes.skipped,
        unreadable: notes.unreadable,
        undated: notes.undated,
        files: files.len() as u64,
    };
    context.out.print(&done, || summary(&done))
}

/// What an import added.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sent {
    pub(crate) posts: u64,
    /// Files attached to them.
    pub(crate) files: u64,
}

/// Posts what the feed does not have yet, all or nothing, and says how much that was.
pub(crate) async fn send_new(node: &Node, collected: Collected) -> Result<Sent> {
    let progress = spinner("looking for what is here already");
    let mut known = own_posts(node)?;
    let items = collected.new_items(&mut known);
    let sent = Sent {
        posts: items.len() as u64,
        files: items.iter().map(|item| item.files.len() as u64).sum(),
    };
    let posts: Vec<NewPost> = items.into_iter().map(import::Item::into_post).collect();
    progress.set_message(format!("posting {}", counted(sent.posts, "item", "items")));
    if sent.posts > 0 {
        node.send_all(posts).await?;
    }
    progress.finish_and_clear();
    Ok(sent)
}

fn own_posts(node: &Node) -> Result<Known> {
    let mut known = Known::default();
    let mut before = None;
    loop {
        let mut query = node
            .timeline()
            .feed(node.feed())
            .kind(Kind::new(Post::KIND)?)
            .limit(PAGE);
        if let Some(cursor) = before {
            query = query.before(cursor);
        }
        let page = query.page()?;
        for entry in page.entries() {
            if let Some(post) = entry.post_raw() {
                known.insert_post(&post, entry.time());
            }
            // What was edited since it was imported is still the same item.
            if entry.edited().is_some() {
                for version in node.history(&entry.id())? {
                    if let Some(post) = version.post_raw() {
                        known.insert_post(&post, entry.time());
                    }
                }
            }
        }
        before = page.next();
        if before.is_none() {
            return Ok(known);
        }
    }
}

fn summary(done: &ImportObject) -> String {
    let files = counted(done.files, "file", "files");
    let mut text = format!(
        "Imported {} from {files}",
        counted(done.imported, "post", "posts")
    );
    let notes = [
        (
            done.attached,
            counted(
                done.attached,
                "file beside them was attached",
                "files beside them were attached",
            ),
        ),
        (
            done.not_attached,
            counted(
                done.not_attached,
                "file beside them was not attached (--enclosures attaches it)",
                "files beside them were not attached (--enclosures attaches them)",
            ),
        ),
        (
            done.already,
            counted(done.already, "was here already", "were here already"),
        ),
        (
            done.shortened,
            counted(
                done.shortened,
                "was too long and ends in an ellipsis",
                "were too long and end in an ellipsis",
            ),
        ),
        (
            done.tags_cut,
            counted(
                done.tags_cut,
                "tag was shortened or left out",
                "tags were shortened or left out",
            ),
        ),
        (
            done.skipped,
            counted(
                done.skipped,
                "had nothing to read in it",
                "had nothing to read in them",
            ),
        ),
        (
            done.unreadable,
            counted(done.unreadable, "could not be read", "could not be read"),
        ),
        (
            done.undated,
            counted(
                done.undated,
                "has a date that could not be read",
                "have a date that could not be read",
            ),
        ),
    ];
    for (_, note) in notes.iter().filter(|(count, _)| *count > 0) {
        text.push_str("; ");
        text.push_str(note);
    }
    text.push('.');
    text
}
