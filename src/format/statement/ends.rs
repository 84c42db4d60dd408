//! How far the entries of a retired device count.

use super::super::error::FormatError;
use super::super::id::{EntryId, Lane, Seq};
use super::super::limits;
use super::{bounded, invalid};

/// The last entry of a log that counts. The derived order is by seq, then by id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(clippy::exhaustive_structs, reason = "an end is these two for ever")]
pub struct End {
    /// Its place in the log.
    pub seq: Seq,
    /// Which entry stands there, should the log be forked.
    pub id: EntryId,
}

/// The ends of a retired device, at most one a lane, in the order of lane names.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Ends(Vec<(Lane, End)>);

impl Ends {
    /// Makes them from ends in any order; none at all means that no public entry counts.
    ///
    /// # Errors
    ///
    /// [`FormatError::TooLarge`] for more than 64 or a seq past [`limits::LAST_SEQ`], [`FormatError::Statement`] for a lane named twice or a private one.
    pub fn new(ends: impl IntoIterator<Item = (Lane, End)>) -> Result<Self, FormatError> {
        let mut ends: Vec<(Lane, End)> = ends.into_iter().collect();
        ends.sort_unstable_by_key(|(lane, _)| *lane);
        Self::from_sorted(ends)
    }

    /// Takes ends as they lie in bytes: the order must be right already.
    pub(super) fn from_sorted(ends: Vec<(Lane, End)>) -> Result<Self, FormatError> {
        bounded("ends of a Retire", ends.len(), limits::RETIRE_ENDS)?;
        if let Some((_, end)) = ends.iter().find(|(_, end)| end.seq.0 > limits::LAST_SEQ) {
            return Err(FormatError::TooLarge {
                what: "the seq of a Retire's end",
                found: end.seq.0,
                limit: limits::LAST_SEQ,
            });
        }
        if ends.iter().any(|(lane, _)| lane.is_private()) {
            // Its name alone would tell the world that the lane exists, and how long it is.
            return Err(invalid("it names a private lane"));
        }
        if !ends.is_sorted_by(|a, b| a.0 < b.0) {
            return Err(invalid("its ends are not in the order of lanes, each once"));
        }
        Ok(Self(ends))
    }

    /// The end of one lane.
    pub fn get(&self, lane: &Lane) -> Option<&End> {
        let at = self.0.binary_search_by(|(held, _)| held.cmp(lane)).ok()?;
        self.0.get(at).map(|(_, end)| end)
    }

    /// All of them, in the order of lane names.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &(Lane, End)> {
        self.0.iter()
    }

    /// How many lanes are named.
    pub const fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether no lane is named.
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What others say of one device: lanes that all of them name, the lowest seq, then the smallest id.
    pub(super) fn lowest<'a>(mut all: impl Iterator<Item = &'a Self>) -> Self {
        let mut ends = all.next().cloned().unwrap_or_default();
        for other in all {
            ends.0.retain_mut(|(lane, end)| {
                other
                    .get(lane)
                    .map(|theirs| *end = (*end).min(*theirs))
                    .is_some()
            });
        }
        ends
    }

    /// What a device says of itself: lanes that any names, the highest seq, then the smallest id.
    ///
    /// The result may have more lanes than one Retire can.
    pub(super) fn highest<'a>(all: impl Iterator<Item = &'a Self>) -> Self {
        let mut ends: Vec<(Lane, End)> = all.flat_map(Self::iter).copied().collect();
        ends.sort_unstable_by_key(|(lane, end)| (*lane, std::cmp::Reverse(end.seq), end.id));
        ends.dedup_by_key(|(lane, _)| *lane);
        Self(ends)
    }
}
