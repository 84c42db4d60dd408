//! What `run` fetches by itself: small attachments of posts that are shown.

use std::sync::Arc;

use tidings::{Attachment, EntryView, MediaState, Node};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

/// Bytes of an attachment that is fetched without being asked for.
const SMALL: u64 = 8 << 20;

/// Attachments on their way at once.
const AT_ONCE: usize = 4;

/// Attachments that wait for their turn; of more than these, `fetch` brings what is missing.
const WAITING: usize = 256;

/// Fetches what is small, a few at a time.
#[derive(Debug)]
pub(super) struct Picker {
    node: Node,
    turns: Arc<Semaphore>,
    running: JoinSet<Option<Picked>>,
}

/// An attachment that has come.
#[derive(Debug)]
pub(super) struct Picked {
    pub(super) post: String,
    pub(super) attachment: Attachment,
}

impl Picker {
    pub(super) fn new(node: &Node) -> Self {
        Self {
            node: node.clone(),
            turns: Arc::new(Semaphore::new(AT_ONCE)),
            running: JoinSet::new(),
        }
    }

    /// Begins to fetch what a post shows. What cannot be had now is left for `fetch`.
    pub(super) fn want(&mut self, entry: &EntryView) {
        for attachment in small(entry.attachments()) {
            let held = self.node.media(&attachment.hash);
            if matches!(held, Ok(MediaState::Held { .. }) | Err(_)) || self.running.len() >= WAITING
            {
                continue;
            }
            let (node, turns) = (self.node.clone(), self.turns.clone());
            let (post, attachment) = (entry.short().to_owned(), attachment.clone());
            self.running.spawn(async move {
                let _turn = turns.acquire().await.ok()?;
                node.fetch_media(&attachment).ok()?.await.ok()?;
                Some(Picked { post, attachment })
            });
        }
    }

    /// The next that has come; waits for ever if none is on its way.
    pub(super) async fn next(&mut self) -> Picked {
        loop {
            match self.running.join_next().await {
                Some(Ok(Some(picked))) => return picked,
                Some(_) => {}
                None => std::future::pending().await,
            }
        }
    }
}

/// What is small enough; in place of what is not, its smaller copy.
fn small(attachments: &[Attachment]) -> impl Iterator<Item = &Attachment> {
    let copy_of = |at: usize| {
        attachments
            .iter()
            .find(move |it| it.rendition_of.map(usize::from) == Some(at) && it.len <= SMALL)
    };
    attachments
        .iter()
        .enumerate()
        .filter(|(_, it)| it.rendition_of.is_none())
        .filter_map(move |(at, it)| {
            if it.len <= SMALL {
                Some(it)
            } else {
                copy_of(at)
            }
        })
}
