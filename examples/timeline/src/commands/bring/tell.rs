//! What is said of an import, before it and after it.

use tidings::printable_line;

use super::Sent;
use crate::failure::Result;
use crate::import::{Collected, Item, Plan};
use crate::json::{AuthorObject, ClosedObject, FirstObject, ImportObject, rfc3339};
use crate::output::Out;
use crate::render::counted;

/// Items that a dry run shows.
const SHOWN: usize = 10;

/// Characters of an item's text that a dry run shows.
const CHARS: usize = 100;

/// Refused files, and posts that are no longer public, that are told of one by one.
const REFUSED: usize = 10;

/// What reading the files came to, but for the items.
#[derive(Debug)]
pub(super) struct Gathered {
    object: ImportObject,
    left: Option<String>,
}

impl Gathered {
    pub(super) fn of(collected: &Collected, files: usize) -> Self {
        let notes = collected.notes;
        let others = collected.others.iter();
        let authors = others.map(|(name, posts)| AuthorObject {
            name: name.clone(),
            posts: *posts,
        });
        Self {
            object: ImportObject {
                not_attached: notes.not_attached,
                missing_files: notes.missing_files,
                unlisted: notes.unlisted,
                unsaid: notes.unsaid,
                gated: notes.gated,
                shortened: notes.shortened,
                tags_cut: notes.tags_cut,
                skipped: notes.skipped,
                unreadable: notes.unreadable,
                undated: notes.undated,
                files: files as u64,
                left_out: collected.left.by_name(),
                authors: authors.collect(),
                ..ImportObject::default()
            },
            left: collected.left.in_words(),
        }
    }

    /// Why nothing came of files that have something in them; none if something came, or was here, or there was nothing.
    pub(super) fn nothing_came(&self, sent: &Sent) -> Option<String> {
        if sent.posts + sent.edits + sent.known + sent.edited_here > 0 || !sent.closed.is_empty() {
            return None;
        }
        let refused = sent.refused.first();
        let left = self.left.as_ref().map(|left| format!("left out: {left}"));
        let skipped = (self.object.skipped > 0).then(|| skipped(self.object.skipped));
        let refused = refused.map(|it| format!("{}: {}", it.file, it.why));
        let parts = [left, skipped, authors(&self.object.authors), refused];
        let why: Vec<_> = parts.into_iter().flatten().collect();
        let why = why.join("; ");
        (!why.is_empty()).then(|| format!("nothing in it became a post; {why}"))
    }
}

/// Says what was done.
pub(super) fn done(out: &Out, sent: &Sent, told: &Gathered) -> Result {
    let object = ImportObject {
        imported: sent.posts,
        edited: sent.edits,
        already: sent.known,
        edited_here: sent.edited_here,
        dateless: sent.dateless,
        closed: sent.closed.clone(),
        attached: sent.files,
        refused: sent.refused.clone(),
        ..told.object.clone()
    };
    out.print(&object, || summary("Imported", &object, told))
}

/// Says what would be done: the numbers, and what the first posts would look like.
pub(super) fn dry_run(
    out: &Out,
    plan: &Plan,
    closed: Vec<ClosedObject>,
    told: &Gathered,
) -> Result {
    let items = || plan.new.iter().map(|(item, _)| item);
    let first: Vec<_> = items().take(SHOWN).map(first).collect();
    let object = ImportObject {
        dry_run: true,
        imported: plan.new.len() as u64,
        edited: plan.edits.len() as u64,
        already: plan.known,
        edited_here: plan.edited_here,
        dateless: plan.dateless(),
        closed,
        attached: items().map(|item| item.files.len() as u64).sum(),
        first,
        ..told.object.clone()
    };
    out.print(&object, || {
        let mut text = summary("Nothing was posted. This would import", &object, told);
        if !object.first.is_empty() {
            text.push_str("\nThe first ");
            text.push_str(&counted(object.first.len() as u64, "post", "posts"));
            text.push_str(", oldest first:");
        }
        for item in &object.first {
            text.push('\n');
            text.push_str(&first_line(item));
        }
        text
    })
}

fn first(item: &Item) -> FirstObject {
    FirstObject {
        time: item.time.map(rfc3339),
        title: item.title.clone(),
        text: shown(&item.text),
        link: item.link.clone(),
        tags: item.tags.clone(),
        attached: item.files.len() as u64,
    }
}

/// How a text begins, on one line.
fn shown(text: &str) -> String {
    let line = printable_line(text, CHARS + 1);
    let mut short: String = line.chars().take(CHARS).collect();
    if short.len() < line.len() {
        short.push('\u{2026}');
    }
    short
}

fn first_line(item: &FirstObject) -> String {
    let date = item.time.as_deref().and_then(|time| time.get(..10));
    let title = item.title.as_deref().map(shown);
    let files = (item.attached > 0).then(|| counted(item.attached, "file", "files"));
    let parts = [
        title,
        Some(item.text.clone()).filter(|text| !text.is_empty()),
        item.link.clone().filter(|_| item.text.is_empty()),
        files,
    ];
    let parts: Vec<_> = parts.into_iter().flatten().collect();
    format!("  {}  {}", date.unwrap_or("no date   "), parts.join(" | "))
}

fn skipped(count: u64) -> String {
    counted(
        count,
        "had nothing to read in it",
        "had nothing to read in them",
    )
}

fn authors(authors: &[AuthorObject]) -> Option<String> {
    const MOST: usize = 20;
    let names = authors.iter().take(MOST);
    let names = names.map(|it| format!("{} ({})", printable_line(&it.name, 60), it.posts));
    let mut names: Vec<_> = names.collect();
    if authors.len() > MOST {
        names.push(format!("and {} more", authors.len() - MOST));
    }
    (!names.is_empty()).then(|| {
        format!(
            "by others: {} (--author NAME takes posts of one)",
            names.join(", ")
        )
    })
}

/// What is worth a word after the number of posts, each with how often it happened.
fn notes(done: &ImportObject) -> [(u64, String); 17] {
    let count = |count: u64, one: &str, many: &str| (count, counted(count, one, many));
    [
        count(
            done.edited,
            "changed since and is an edit",
            "changed since and are edits",
        ),
        count(
            done.attached,
            "file beside them was attached",
            "files beside them were attached",
        ),
        count(
            done.not_attached,
            "file beside them was not attached (--enclosures attaches it)",
            "files beside them were not attached (--enclosures attaches them)",
        ),
        count(
            done.missing_files,
            "file that they name is not there",
            "files that they name are not there",
        ),
        count(
            done.unlisted,
            "was unlisted where it comes from: everybody can read it",
            "were unlisted where they come from: everybody can read them",
        ),
        count(
            done.unsaid,
            "does not say whether it was public",
            "do not say whether they were public",
        ),
        count(
            done.gated,
            "has a part for members alone, which was left out of it",
            "have a part for members alone, which was left out of them",
        ),
        count(done.already, "was here already", "were here already"),
        count(
            done.edited_here,
            "changed since, but was edited here and stays so",
            "changed since, but were edited here and stay so",
        ),
        count(
            done.closed.len() as u64,
            "was posted here before and is no longer public where it comes from; it stays until you delete it",
            "were posted here before and are no longer public where they come from; they stay until you delete them",
        ),
        count(
            done.shortened,
            "was too long and ends in an ellipsis",
            "were too long and end in an ellipsis",
        ),
        count(
            done.tags_cut,
            "tag was shortened or left out",
            "tags were shortened or left out",
        ),
        (done.skipped, skipped(done.skipped)),
        count(done.unreadable, "could not be read", "could not be read"),
        count(
            done.undated,
            "has a date that could not be read and is dated now",
            "have a date that could not be read and are dated now",
        ),
        count(
            done.dateless,
            "has no date and is dated now",
            "have no date and are dated now",
        ),
        count(
            done.refused.len() as u64,
            "file could not be attached",
            "files could not be attached",
        ),
    ]
}

fn summary(begin: &str, done: &ImportObject, told: &Gathered) -> String {
    let files = counted(done.files, "file", "files");
    let posts = counted(done.imported, "post", "posts");
    let mut text = format!("{begin} {posts} from {files}");
    let notes = notes(done).into_iter().filter(|(count, _)| *count > 0);
    let left = told.left.as_ref().map(|left| format!("left out: {left}"));
    let parts = notes.map(|(_, note)| note).chain(left);
    for part in parts.chain(authors(&done.authors)) {
        text.push_str("; ");
        text.push_str(&part);
    }
    text.push('.');
    for closed in done.closed.iter().take(REFUSED) {
        text.push_str(&format!("\n  {}  {}", closed.short, shown(&closed.name)));
    }
    if done.closed.len() > REFUSED {
        text.push_str(&format!("\n  and {} more", done.closed.len() - REFUSED));
    }
    for refused in done.refused.iter().take(REFUSED) {
        let (item, file) = (
            printable_line(&refused.item, 80),
            printable_line(&refused.file, 200),
        );
        text.push_str(&format!("\n  {item}: {file}: {}", refused.why));
    }
    if done.refused.len() > REFUSED {
        text.push_str(&format!("\n  and {} more", done.refused.len() - REFUSED));
    }
    text
}
