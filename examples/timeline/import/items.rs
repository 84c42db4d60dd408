//! What an import gathers before it posts anything.

use std::collections::HashSet;
use std::path::PathBuf;

use tidings::{NewPost, Post, Timestamp};

/// One item of a file, already within the limits of a post.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Item {
    pub(crate) text: String,
    pub(crate) title: Option<String>,
    pub(crate) link: Option<String>,
    pub(crate) tags: Vec<String>,
    /// When it was published, else when it was last changed, else unknown.
    pub(crate) time: Option<Timestamp>,
    /// It has a date, and nobody can read it.
    pub(crate) unread: bool,
    /// Where it stands among the items of its file, if its own date cannot be read. It does not tell one item from another.
    pub(crate) placed: Option<Timestamp>,
    /// What is attached. It does not tell one item from another: files come and go.
    pub(crate) files: Vec<PathBuf>,
}

impl Item {
    /// The post to send. Without a date it is dated by the moment of the import.
    pub(crate) fn into_post(self) -> NewPost {
        let mut post = NewPost::new(self.text);
        if let Some(title) = self.title {
            post = post.title(title);
        }
        if let Some(link) = self.link {
            post = post.link(link);
        }
        for tag in self.tags {
            post = post.tag(tag);
        }
        for file in self.files {
            post = post.attach(file);
        }
        match self.time.or(self.placed) {
            Some(time) => post.time(time),
            None => post,
        }
    }
}

/// What had to be changed on the way, for the summary.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Notes {
    /// Items whose text or title was too long and ends in an ellipsis.
    pub(crate) shortened: u64,
    /// Tags that were shortened, or left out beyond the number a post may have.
    pub(crate) tags_cut: u64,
    /// Items with nothing in them that could be read.
    pub(crate) skipped: u64,
    /// Items that could not be read at all.
    pub(crate) unreadable: u64,
    /// Items with a date that could not be read.
    pub(crate) undated: u64,
    /// Files beside the feeds that are not attached, since nobody asked for it.
    pub(crate) not_attached: u64,
}

/// The items of all files, and what had to be changed.
#[derive(Debug, Default)]
pub(crate) struct Collected {
    pub(crate) items: Vec<Item>,
    pub(crate) notes: Notes,
}

impl Collected {
    /// What is not in the feed yet, oldest first. Undated items come last, in the order of the files.
    pub(crate) fn new_items(mut self, known: &mut Known) -> Vec<Item> {
        // Dated items first, so that an undated twin of one of them is recognised.
        self.items
            .sort_by_key(|item| item.time.map_or(i64::MAX, |time| time.0));
        self.items.retain(|item| {
            known.insert(
                &item.text,
                item.title.as_deref(),
                item.link.as_deref(),
                item.time,
            )
        });
        let place = |item: &Item| item.time.or(item.placed).map_or(i64::MAX, |time| time.0);
        self.items.sort_by_key(place);
        self.items
    }
}

/// Which posts the feed holds, as hashes: an item with a date is known by content and date, one without by content.
#[derive(Debug, Default)]
pub(crate) struct Known {
    content: HashSet<[u8; 32]>,
    dated: HashSet<([u8; 32], i64)>,
}

impl Known {
    /// Notes a post that the feed holds. `claimed` is the time it stands at in the timeline.
    pub(crate) fn insert_post(&mut self, post: &Post, claimed: Timestamp) {
        let time = post.dated.unwrap_or(claimed);
        self.insert(
            &post.text,
            post.title.as_deref(),
            post.link.as_deref(),
            Some(time),
        );
    }

    /// Notes an item; false if it was known.
    fn insert(
        &mut self,
        text: &str,
        title: Option<&str>,
        link: Option<&str>,
        time: Option<Timestamp>,
    ) -> bool {
        let hash = content_hash(text, title, link);
        let new_content = self.content.insert(hash);
        time.map_or(new_content, |time| self.dated.insert((hash, time.0)))
    }
}

/// A hash of what a reader sees. Each part is preceded by its length, so that none can run into the next.
fn content_hash(text: &str, title: Option<&str>, link: Option<&str>) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new();
    for part in [text, title.unwrap_or_default(), link.unwrap_or_default()] {
        hasher.update(&(part.len() as u64).to_le_bytes());
        hasher.update(part.as_bytes());
    }
    *hasher.finalize().as_bytes()
}
