//! Reading: lists, threads and what posts said before, from the folder alone.

use tidings::{Cursor, EntryRef, EntryView, FeedId, Node, Timeline, TimelineItem};

use crate::args::List;
use crate::attached::Held;
use crate::failure::{Failure, Result};
use crate::json::{ItemObject, VersionObject};
use crate::output::Out;
use crate::render::Around;

/// Items of a timeline that are in memory at once.
const PAGE: usize = 1_000;

/// Reads page after page and prints as it goes, so that any limit takes the memory of one page.
pub(super) fn list(out: &Out, node: &Node, wanted: &List) -> Result {
    let feed: Option<FeedId> = wanted.feed.as_deref().map(str::parse).transpose()?;
    let mut before: Option<Cursor> = wanted.before.as_deref().map(str::parse).transpose()?;
    let query = || {
        let mut query = node.timeline();
        if let Some(feed) = feed {
            query = query.feed(feed);
        }
        if let Some(tag) = &wanted.tag {
            query = query.tag(tag);
        }
        query
    };
    let mut printed = false;
    // What a wrong clock dated ahead stands above all else, for its author alone.
    let is_of_all = wanted.tag.is_none() && feed.is_none_or(|feed| feed == node.feed());
    if is_of_all && before.is_none() && wanted.limit > 0 {
        for entry in node.ahead()? {
            print_item(out, node, &TimelineItem::Entry(entry))?;
            printed = true;
        }
    }
    let mut left = wanted.limit;
    while left > 0 {
        let page = go_on(query(), before).limit(left.min(PAGE)).page()?;
        for item in page.items() {
            print_item(out, node, item)?;
            printed = true;
        }
        left -= page.entries().count();
        before = page.next();
        if before.is_none() {
            break;
        }
    }
    match before {
        Some(cursor) if printed => {
            // A full page may have been the last one.
            let rest = query().before(cursor).limit(1).page()?;
            let more = format!("There is more: --before {cursor}");
            if rest.items().is_empty() {
                Ok(())
            } else {
                out.say(out.look.dim(&more))
            }
        }
        _ if !printed && wanted.limit > 0 => out.say("Nothing to show."),
        _ => Ok(()),
    }
}

fn go_on(query: Timeline, before: Option<Cursor>) -> Timeline {
    match before {
        Some(cursor) => query.before(cursor),
        None => query,
    }
}

/// Shows the thread that a post stands in.
pub(super) fn thread(out: &Out, node: &Node, id: &str) -> Result {
    let id = node.resolve(id)?;
    let root = node.entry(&id)?.and_then(|entry| entry.root());
    let root = root.unwrap_or(id);
    let mut after = None;
    let mut printed = false;
    loop {
        let page = go_on(node.timeline().thread(root), after)
            .limit(PAGE)
            .page()?;
        for item in page.items() {
            print_in_thread(out, node, item, Some(root))?;
            printed = true;
        }
        after = page.next();
        if after.is_none() {
            break;
        }
    }
    if printed {
        Ok(())
    } else {
        out.say("Nothing of this thread is here.")
    }
}

/// Shows what a post said, first version first.
pub(super) fn history(out: &Out, node: &Node, id: &str) -> Result {
    let id = node.resolve(id)?;
    let versions = node.history(&id)?;
    if versions.is_empty() {
        return Err(Failure::said(format!(
            "no post {id} is here; `timeline sync` may bring it"
        )));
    }
    for (number, version) in (1..).zip(&versions) {
        let attachments = version.body().map_or(&[][..], |body| &body.attachments);
        let held = Held::of(node, attachments)?;
        out.print(&VersionObject::new(version, &held), || {
            out.look.version(number, version)
        })?;
    }
    Ok(())
}

/// Prints one item of a timeline.
pub(crate) fn print_item(out: &Out, node: &Node, item: &TimelineItem) -> Result {
    print_in_thread(out, node, item, None)
}

/// Prints one item; that it answers `above` need not be said.
fn print_in_thread(out: &Out, node: &Node, item: &TimelineItem, above: Option<EntryRef>) -> Result {
    let entry = item.entry();
    let target = entry.and_then(EntryView::reply_to);
    let obvious = target.is_some() && target == above;
    let around = Around {
        answered: match target.filter(|_| !obvious && !out.json) {
            Some(target) => node.entry(&target)?,
            None => None,
        },
        obvious,
        held: Held::of(node, entry.map_or(&[][..], EntryView::attachments))?,
    };
    match ItemObject::new(item, &around.held) {
        Some(object) => out.print_parts(&object, || out.look.item(item, &around)),
        None => Ok(()),
    }
}
