//! Keys by number, drafts, and pens: whoever holds a key can write what they like, where they like.

use super::sure;
use crate::format::{
    Body, Closing, Content, Delete, DeviceId, DeviceSecret, Draft, Edit, EntryId, EntryRef, FeedId,
    FeedSecret, Follow, Kind, Lane, LogId, Post, Ref, Rel, Run, Seq, Timestamp, encode_content,
};

/// The key of a feed, by its number.
pub fn feed_key(number: u64) -> FeedSecret {
    FeedSecret::from_bytes(&seed(1, number))
}

/// The key of a device, by its number.
pub fn device_key(number: u64) -> DeviceSecret {
    DeviceSecret::from_bytes(&seed(2, number))
}

fn seed(sort: u8, number: u64) -> [u8; 32] {
    let mut bytes = [sort; 32];
    let (head, _) = bytes.split_at_mut(8);
    head.copy_from_slice(&number.to_be_bytes());
    bytes
}

/// A draft of any content.
pub fn draft<C: Content>(content: &C, refs: &[(Rel, EntryRef)], time: Timestamp) -> Draft {
    let refs = refs.iter().map(|(rel, target)| Ref {
        rel: *rel,
        target: *target,
    });
    let body = Body {
        salt: time.as_millis().to_be_bytes(),
        refs: refs.collect(),
        content: sure(encode_content(content)),
        ..Body::default()
    };
    Draft::new(sure(Kind::new(C::KIND)), time, sure(body.encode()))
}

/// A post.
pub fn post(text: &str, time: Timestamp) -> Draft {
    let text = text.to_owned();
    let post = Post {
        text,
        ..Post::default()
    };
    draft(&post, &[], time)
}

/// A delete of up to 64 entries.
pub fn delete(targets: &[EntryRef], purge: bool, time: Timestamp) -> Draft {
    let refs: Vec<_> = targets
        .iter()
        .map(|target| (Rel::Delete, *target))
        .collect();
    draft(&Delete { purge }, &refs, time)
}

/// An edit of a post.
pub fn edit(target: EntryRef, text: &str, time: Timestamp) -> Draft {
    let text = text.to_owned();
    let post = Post {
        text,
        ..Post::default()
    };
    let content = sure(encode_content(&post));
    draft(&Edit { content }, &[(Rel::Replaces, target)], time)
}

pub(super) fn follow(feed: FeedId, following: bool, time: Timestamp) -> Draft {
    draft(&Follow { feed, following }, &[], time)
}

/// Writes one branch of one log, at any place, with whatever key it was given.
#[derive(Clone, Debug)]
pub struct Pen {
    secret: DeviceSecret,
    log: LogId,
    /// One a block, ascending.
    runs: Vec<Run>,
    next: Seq,
    prev: EntryId,
}

impl Pen {
    /// A pen for a log of which nothing is written yet.
    pub fn new(secret: &DeviceSecret, feed: FeedId, lane: Lane) -> Self {
        Self::at(secret, feed, lane, Seq::ZERO, EntryId::ZERO)
    }

    /// A pen that begins at any place, behind an entry of any id.
    pub fn at(secret: &DeviceSecret, feed: FeedId, lane: Lane, next: Seq, prev: EntryId) -> Self {
        let log = LogId {
            feed,
            device: secret.id(),
            lane,
        };
        Self {
            secret: secret.clone(),
            log,
            runs: Vec::new(),
            next,
            prev,
        }
    }

    /// A pen that goes on behind these runs of its log, which follow one another.
    pub(super) fn behind(secret: &DeviceSecret, log: LogId, runs: Vec<Run>) -> Self {
        let next = runs.last().map_or(Seq::ZERO, Run::end);
        let prev = runs.last().map_or(EntryId::ZERO, Run::last_id);
        Self {
            secret: secret.clone(),
            log,
            runs,
            next,
            prev,
        }
    }

    /// Another pen that holds the same up to a place, and writes another branch from there on. It holds nothing that it
    /// could prove until it has written something.
    #[must_use]
    pub fn fork(&self, at: Seq) -> Self {
        let mut runs = Vec::new();
        for run in self.runs.iter().filter(|run| run.first() < at) {
            let whole = run.end() <= at;
            let closing = if whole {
                *run.closing()
            } else {
                Closing::NextHeld
            };
            runs.extend(run.part(run.first(), at, closing));
        }
        Self::behind(&self.secret, self.log, runs)
    }

    /// Signs drafts as the next entries.
    pub fn write(&mut self, drafts: &[Draft]) {
        for run in sure(Run::sign(
            &self.secret,
            &self.log,
            self.next,
            self.prev,
            drafts,
        )) {
            (self.next, self.prev) = (run.end(), run.last_id());
            let joined = match self.runs.last() {
                Some(last) if last.end().block_start() != last.end() => {
                    Run::join(&[last.clone(), run.clone()])
                }
                _ => None,
            };
            if joined.is_some() {
                self.runs.pop();
            }
            self.runs.push(joined.unwrap_or(run));
        }
    }

    /// Leaves places free: what is written next stands behind an entry that nobody has.
    pub fn skip_to(&mut self, next: Seq) {
        self.next = next;
        self.prev = EntryId::from_bytes([7; 32]);
    }

    /// Its log.
    pub const fn log(&self) -> LogId {
        self.log
    }

    /// Whose key it has.
    pub fn device(&self) -> DeviceId {
        self.secret.id()
    }

    /// The place that is written next.
    pub const fn next(&self) -> Seq {
        self.next
    }

    /// What it holds.
    pub fn runs(&self) -> &[Run] {
        &self.runs
    }

    /// All that it holds, by name.
    pub fn references(&self) -> Vec<EntryRef> {
        let entries = self.runs.iter().flat_map(Run::entries);
        entries.map(|entry| entry.reference()).collect()
    }
}
