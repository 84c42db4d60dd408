//! What an import keeps about what it posted: in a private lane of the own feed, so that other devices of the person have
//! it, and nobody else.

use serde::{Deserialize, Serialize};
use tidings::format::{EntryId, LogId, Seq};
use tidings::{Content, DeviceId, EntryRef, Kind, Node, Post};

use crate::failure::Result;
use crate::import::{Known, Source};

/// Own posts that are looked through at once.
const PAGE: usize = 1_000;

/// Items told of in one entry: 74 bytes each, so that they are within the 64 KiB of a body.
const ITEMS: usize = 800;

/// Which posts became of items of feeds and archives.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Imported {
    /// The device that wrote these posts.
    device: DeviceId,
    items: Vec<ImportedItem>,
}

/// Which post became of an item.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct ImportedItem {
    /// A hash of what the source calls the item.
    id: [u8; 16],
    /// A hash of what it said when it was taken.
    said: [u8; 16],
    /// The place of the post in the lane of posts, and its id.
    seq: Seq,
    post: EntryId,
}

impl Content for Imported {
    const KIND: &'static str = "timeline.imported/1";
    const LANE: &'static str = "~import";
}

/// Keeps what is to be known by the next import.
pub(super) async fn keep(node: &Node, sources: &[Source]) -> Result {
    let mut devices: Vec<DeviceId> = sources.iter().map(|it| it.post.log.device).collect();
    devices.sort_unstable();
    devices.dedup();
    for device in devices {
        let of_device = sources.iter().filter(|it| it.post.log.device == device);
        let items: Vec<_> = of_device.map(ImportedItem::from).collect();
        for items in items.chunks(ITEMS) {
            let items = items.to_vec();
            node.publish(&Imported { device, items }).await?;
        }
    }
    Ok(())
}

impl From<&Source> for ImportedItem {
    fn from(source: &Source) -> Self {
        Self {
            id: source.id,
            said: source.said,
            seq: source.post.seq,
            post: source.post.id,
        }
    }
}

/// All that an import has to know about the own feed.
pub(super) fn known(node: &Node) -> Result<Known> {
    let mut known = Known::default();
    let lane = tidings::format::lanes::POSTS;
    let mut query = node.query::<Imported>().feed(node.feed()).limit(PAGE);
    loop {
        let page = query.page()?;
        for entry in &page {
            let Imported { device, items } = entry.content();
            let (feed, device) = (node.feed(), *device);
            for item in items {
                let log = LogId { feed, device, lane };
                let (seq, id) = (item.seq, item.post);
                known.insert_source(Source {
                    id: item.id,
                    said: item.said,
                    post: EntryRef { log, seq, id },
                });
            }
        }
        let Some(last) = page.last().filter(|_| page.len() == PAGE) else {
            break;
        };
        query = query.after(last.cursor());
    }
    own_posts(node, &mut known)?;
    Ok(known)
}

fn own_posts(node: &Node, known: &mut Known) -> Result {
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
            let (name, is_edit) = (entry.id(), entry.edited().is_some());
            if let (Some(post), Some(body)) = (entry.post_raw(), entry.body()) {
                known.insert_shown(name, &post, &body.tags, entry.time(), is_edit);
            }
            // What was edited since it was imported is still the same item.
            if is_edit {
                for version in node.history(&name)? {
                    if let Some(post) = version.post_raw() {
                        known.insert_version(name, &post, entry.time());
                    }
                }
            }
        }
        before = page.next();
        if before.is_none() {
            return Ok(());
        }
    }
}
