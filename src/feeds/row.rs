//! The rows that are more than a key: what is known of a feed, of a log, and of one change of state.

use std::collections::BTreeSet;
use std::ops::Range;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::error::FeedsError;
use super::keys::FeedNo;
use crate::format::{
    Attachment, EntryId, FeedId, LINE_CHARS, LINK_CHARS, LogId, NAME_CHARS, ProfileField, Seq,
    Timestamp, make_printable, printable_line,
};

/// What this node has to do with a feed.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct FeedRow {
    pub(super) id: FeedId,
    /// One of the node's own.
    pub(super) own: bool,
    /// Followed now. A feed that is neither is kept, but not wanted, served or shown.
    pub(super) followed: bool,
    /// Digest of its statements, as sync compares it.
    pub(super) statements: [u8; 16],
    /// The arrival number at which they last changed.
    pub(super) statements_changed: u64,
    /// What is set aside of it comes to, as [`aside`](super::aside) counts it.
    pub(super) aside: u64,
    /// Since when it is not followed any more; none once what was held of it is freed.
    pub(super) left: Option<Timestamp>,
    /// The budget past which entries were dropped, and how many; none while all is held and wanted.
    pub(super) dropped: Option<Dropped>,
    /// Runs that were not taken since whoever admitted their device has logs enough here.
    pub(super) passed: u64,
}

/// What was dropped of a feed for want of room.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Dropped {
    /// The budget at that time.
    pub(super) of: (u64, u64),
    pub(super) entries: u64,
    pub(super) bytes: u64,
}

impl FeedRow {
    pub(super) const fn new(id: FeedId) -> Self {
        Self {
            id,
            own: false,
            followed: false,
            statements: [0; 16],
            statements_changed: 0,
            aside: 0,
            left: None,
            dropped: None,
            passed: 0,
        }
    }

    pub(super) const fn is_wanted(&self) -> bool {
        self.own || self.followed
    }
}

/// What is held of a log.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct LogRow {
    pub(super) feed_no: FeedNo,
    pub(super) log: LogId,
    pub(super) held: Ranges,
    /// Id of the highest held entry; zeros while none is held.
    pub(super) head: EntryId,
    /// Where two branches part, as long as no Retire says which is true.
    pub(super) forked: Option<Seq>,
    /// The arrival number at which head or fork last changed.
    pub(super) changed: u64,
    /// From here on entries are stored as such that do not count; none if all count. It follows what the statements say,
    /// a bounded piece at a time: a row of [`recount`](super::recount) stands for what is still to be done.
    pub(super) counted: Option<Seq>,
    /// Held behind a fork as the proof of what lies below it, and not counted for that reason.
    pub(super) quiet: Ranges,
    /// What is set aside of it comes to; 0 if nothing is.
    pub(super) aside: u64,
    /// How many times in a row what lies below a true entry was found to be of another branch.
    pub(super) dug: u8,
    /// This store itself appended to it.
    pub(super) ours: bool,
    /// Below it nothing is held or wanted: it was dropped for want of room.
    pub(super) floor: Seq,
    /// Below it entries were held once that are not any more.
    pub(super) dropped: Seq,
    /// Bytes of its stored runs.
    pub(super) bytes: u64,
    /// Entries of a log of this installation that came from elsewhere: it has been set back, or its key is used twice.
    pub(super) adopted: Ranges,
}

impl LogRow {
    pub(super) fn new(feed_no: FeedNo, log: LogId) -> Self {
        Self {
            feed_no,
            log,
            held: Ranges::default(),
            head: EntryId::ZERO,
            forked: None,
            changed: 0,
            counted: None,
            quiet: Ranges::default(),
            aside: 0,
            dug: 0,
            ours: false,
            floor: Seq::ZERO,
            dropped: Seq::ZERO,
            bytes: 0,
            adopted: Ranges::default(),
        }
    }

    /// The place from which on entries are stored as such that do not count.
    pub(super) fn bound(&self) -> Seq {
        self.counted.unwrap_or(Seq(u64::MAX))
    }

    pub(super) fn set_bound(&mut self, bound: Seq) {
        self.counted = (bound != Seq(u64::MAX)).then_some(bound);
    }

    /// The highest place that is held, or was: heads are remembered beyond what there is room for.
    pub(super) fn top(&self) -> Seq {
        Seq(self.held.end().max(self.floor).0.saturating_sub(1))
    }

    /// What is held, and what is not wanted: of neither there is anything to ask for.
    pub(super) fn held_or_dropped(&self) -> Ranges {
        let mut ranges = self.held.clone();
        ranges.insert(Seq::ZERO..self.floor);
        ranges
    }
}

/// Sets of places: ascending, none empty, none touching the next.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Ranges(Vec<(u64, u64)>);

impl Ranges {
    pub(super) fn insert(&mut self, range: Range<Seq>) {
        let (mut start, mut end) = (range.start.0, range.end.0);
        if start >= end {
            return;
        }
        self.0.retain(|&(from, to)| {
            let apart = to < start || from > end;
            if !apart {
                start = start.min(from);
                end = end.max(to);
            }
            apart
        });
        let at = self.0.partition_point(|&(from, _)| from < start);
        self.0.insert(at, (start, end));
    }

    pub(super) fn remove(&mut self, range: &Range<Seq>) {
        let (start, end) = (range.start.0, range.end.0);
        let left = |&(from, to): &(u64, u64)| {
            let parts = [(from, to.min(start)), (from.max(end), to)];
            parts.into_iter().filter(|(from, to)| from < to)
        };
        self.0 = self.0.iter().flat_map(left).collect();
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn contains(&self, seq: Seq) -> bool {
        self.around(seq).is_some()
    }

    /// The range that a place lies in.
    pub(super) fn around(&self, seq: Seq) -> Option<Range<Seq>> {
        let after = self.0.partition_point(|&(from, _)| from <= seq.0);
        let &(from, to) = self.0.get(after.checked_sub(1)?)?;
        (seq.0 < to).then_some(Seq(from)..Seq(to))
    }

    /// The places of `range` that are not in the set.
    pub(super) fn absent(&self, range: Range<Seq>) -> Vec<Range<Seq>> {
        let mut absent = Vec::new();
        let mut at = range.start.0;
        for &(from, to) in self
            .0
            .iter()
            .filter(|&&(from, to)| to > range.start.0 && from < range.end.0)
        {
            if from > at {
                absent.push(Seq(at)..Seq(from));
            }
            at = at.max(to);
        }
        if at < range.end.0 {
            absent.push(Seq(at)..range.end);
        }
        absent
    }

    /// The parts of `range` that are in the set.
    pub(super) fn within(&self, range: Range<Seq>) -> Vec<Range<Seq>> {
        let cut = |&(from, to): &(u64, u64)| Seq(from.max(range.start.0))..Seq(to.min(range.end.0));
        self.0
            .iter()
            .map(cut)
            .filter(|part| part.start < part.end)
            .collect()
    }

    /// Whether a range neither overlaps nor meets what is in the set.
    pub(super) fn is_apart(&self, range: &Range<Seq>) -> bool {
        let after = self.0.partition_point(|&(_, to)| to < range.start.0);
        self.0
            .get(after)
            .is_none_or(|&(from, _)| from > range.end.0)
    }

    /// How many places are in the set.
    pub(super) fn count(&self) -> u64 {
        self.0.iter().map(|&(from, to)| to - from).sum()
    }

    /// How many ranges there are.
    pub(super) const fn len(&self) -> usize {
        self.0.len()
    }

    /// The place after the highest.
    pub(super) fn end(&self) -> Seq {
        Seq(self.0.last().map_or(0, |&(_, to)| to))
    }

    /// The place after the highest below `seq`; 0 if there is none.
    pub(super) fn end_before(&self, seq: Seq) -> Seq {
        let before = self.0.iter().rev().find(|&&(_, to)| to <= seq.0);
        Seq(before.map_or(0, |&(_, to)| to))
    }

    pub(super) fn iter(&self) -> impl DoubleEndedIterator<Item = Range<Seq>> {
        self.0.iter().map(|&(from, to)| Seq(from)..Seq(to))
    }
}

/// One change of one piece of state, as merging needs it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct RegisterRow {
    pub(super) id: EntryId,
    pub(super) time: Timestamp,
    pub(super) replaces: Vec<EntryId>,
}

/// A feed's profile, merged from its entries. Fields nobody set are none or empty.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Profile {
    pub(super) name: Option<String>,
    pub(super) bio: Option<String>,
    pub(super) tags: BTreeSet<String>,
    pub(super) links: BTreeSet<String>,
    pub(super) avatar: Option<Attachment>,
    /// As it is in the store, where what is shown differs from that. Never in the store itself.
    #[serde(skip)]
    pub(super) raw: Option<Box<Self>>,
}

impl Profile {
    /// The profile as it is shown, with what it was beside it.
    pub(crate) fn printable(mut self) -> Self {
        let raw = self.clone();
        let mut changed = false;
        for (text, most) in [(&mut self.name, NAME_CHARS), (&mut self.bio, LINE_CHARS)] {
            changed |= text.as_mut().is_some_and(|text| make_printable(text, most));
            // Nothing that shows is no name.
            text.take_if(|text| text.is_empty());
        }
        for (texts, most) in [(&mut self.tags, NAME_CHARS), (&mut self.links, LINK_CHARS)] {
            let shown = texts
                .iter()
                .map(|text| printable_line(text, most).into_owned());
            let shown: BTreeSet<_> = shown.filter(|text| !text.is_empty()).collect();
            changed |= shown != *texts;
            *texts = shown;
        }
        if let Some(avatar) = &mut self.avatar {
            changed |= avatar.make_printable();
        }
        self.raw = changed.then(|| Box::new(raw));
        self
    }

    /// The profile as its feed signed it: the same calls on it give raw text, which may hold anything at all. Of
    /// [`Node::profile`](crate::Node::profile) they give one line of printable text.
    pub fn raw(&self) -> &Self {
        self.raw.as_deref().unwrap_or(self)
    }

    /// The name to show.
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// A few words.
    pub fn bio(&self) -> Option<&str> {
        self.bio.as_deref()
    }

    /// Tags that this person declares, in order of the alphabet.
    pub fn tags(&self) -> impl Iterator<Item = &str> {
        self.tags.iter().map(String::as_str)
    }

    /// The picture to show beside the name.
    pub const fn avatar(&self) -> Option<&Attachment> {
        self.avatar.as_ref()
    }

    /// Whether setting a field would change nothing.
    pub(crate) fn says(&self, field: &ProfileField) -> bool {
        let text = |held: &Option<String>, new: &str| held.as_deref().unwrap_or_default() == new;
        match field {
            ProfileField::Name(name) => text(&self.name, name),
            ProfileField::Bio(bio) => text(&self.bio, bio),
            ProfileField::Avatar => false,
            ProfileField::TagAdded(tag) => self.tags.contains(tag),
            ProfileField::TagRemoved(tag) => !self.tags.contains(tag),
            ProfileField::LinkAdded(link) => self.links.contains(link),
            ProfileField::LinkRemoved(link) => !self.links.contains(link),
        }
    }

    /// Links elsewhere, in order of the alphabet.
    pub fn links(&self) -> impl Iterator<Item = &str> {
        self.links.iter().map(String::as_str)
    }
}

/// What was stored, as the change feed keeps it. A row of [`Entries`](ArrivalEvent::Entries) takes as many numbers as entries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum ArrivalEvent {
    Entries {
        log: u32,
        first: Seq,
        count: u64,
    },
    Body {
        log: u32,
        seq: Seq,
    },
    Erased {
        log: u32,
        seq: Seq,
    },
    Gone {
        log: u32,
        first: Seq,
        count: u64,
    },
    Forked {
        log: u32,
        at: Seq,
    },
    Settled {
        log: u32,
    },
    /// Entries were set aside as of another branch: the run that ends with `last`.
    Aside {
        log: u32,
        first: Seq,
        end: Seq,
        last: EntryId,
    },
}

impl ArrivalEvent {
    /// How many arrival numbers it takes.
    pub(super) const fn width(&self) -> u64 {
        match self {
            Self::Entries { count, .. } => *count,
            _ => 1,
        }
    }
}

pub(super) fn encode<T: Serialize>(row: &T) -> bytes::Bytes {
    crate::format::encode(row).into()
}

pub(super) fn decode<T: DeserializeOwned>(
    what: &'static str,
    bytes: &[u8],
) -> Result<T, FeedsError> {
    postcard::from_bytes(bytes).map_err(|_| FeedsError::Damaged { what })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(ranges: &[(u64, u64)]) -> Ranges {
        let mut set = Ranges::default();
        for &(from, to) in ranges {
            set.insert(Seq(from)..Seq(to));
        }
        set
    }

    #[test]
    fn ranges_that_meet_become_one() {
        assert_eq!(set(&[(5, 7), (0, 2), (2, 5)]), Ranges(vec![(0, 7)]));
        assert_eq!(set(&[(0, 2), (4, 6), (1, 5)]), Ranges(vec![(0, 6)]));
        assert_eq!(set(&[(4, 6), (0, 2)]), Ranges(vec![(0, 2), (4, 6)]));
    }

    #[test]
    fn what_is_absent_and_what_is_within_make_the_whole() {
        let held = set(&[(2, 4), (6, 9)]);
        let absent = held.absent(Seq(0)..Seq(10));
        assert_eq!(
            absent,
            vec![Seq(0)..Seq(2), Seq(4)..Seq(6), Seq(9)..Seq(10)]
        );
        assert_eq!(
            held.within(Seq(3)..Seq(7)),
            vec![Seq(3)..Seq(4), Seq(6)..Seq(7)]
        );
        assert_eq!(held.around(Seq(3)), Some(Seq(2)..Seq(4)));
        assert_eq!(held.around(Seq(4)), None);
        let mut rest = held.clone();
        rest.remove(&(Seq(3)..Seq(7)));
        assert_eq!(rest, set(&[(2, 3), (7, 9)]));
        rest.remove(&(Seq(0)..Seq(9)));
        assert!(rest.is_empty());
        assert_eq!(held.end_before(Seq(6)), Seq(4));
        assert_eq!(held.end_before(Seq(1)), Seq(0));
        assert_eq!((held.len(), held.count()), (2, 5));
        assert!(held.is_apart(&(Seq(10)..Seq(11))) && held.is_apart(&(Seq(0)..Seq(1))));
        assert!(!held.is_apart(&(Seq(9)..Seq(11))) && !held.is_apart(&(Seq(4)..Seq(6))));
    }
}
