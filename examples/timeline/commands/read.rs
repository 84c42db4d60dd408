//! Reading: lists of posts, from the folder alone.

use tidings::{Cursor, EntryView, FeedId, Node, Timeline, TimelineItem};

use crate::args::List;
use crate::failure::Result;
use crate::json::ItemObject;
use crate::output::Out;

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
    let mut left = wanted.limit;
    let mut printed = false;
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

/// Prints one item of a timeline.
pub(crate) fn print_item(out: &Out, node: &Node, item: &TimelineItem) -> Result {
    let Some(object) = ItemObject::new(item) else {
        return Ok(());
    };
    let target = item.entry().and_then(EntryView::reply_to);
    let answered = target.map_or(Ok(None), |target| node.entry(&target))?;
    out.print(&object, || out.look.item(item, answered.as_ref()))
}
