//! State merges by naming what it replaces.
//!
//! Whatever changes state names, with a `replaces` ref, the item it replaces. Among siblings (and roots) the later
//! claim wins, then the larger id; go on below the winner. So a clock that was wrong for an hour cannot win for
//! ever: whoever has seen its claim replaces it by name. The outcome depends on nothing but the set of items.

use std::collections::{BTreeMap, BTreeSet};

use super::id::EntryId;
use super::time::Timestamp;

/// One change of one piece of state, as far as merging needs it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(
    clippy::exhaustive_structs,
    reason = "merging needs these three and no more"
)]
pub struct StateItem {
    /// The entry that made the change.
    pub id: EntryId,
    /// What its author claims.
    pub time: Timestamp,
    /// The entries that it replaces; those not among the items are passed over.
    pub replaces: Vec<EntryId>,
}

/// Says which of `items` counts now: its index, or none if there are no items.
///
/// An item all of whose `replaces` are unknown here is a root, so that a replica with holes still shows something. The
/// work is that of sorting the items: whoever writes a hundred thousand changes of one field costs no more.
pub fn settle(items: &[StateItem]) -> Option<usize> {
    let known: BTreeSet<EntryId> = items.iter().map(|item| item.id).collect();
    let mut root = None;
    let mut below: BTreeMap<EntryId, Claim> = BTreeMap::new();
    for (index, item) in items.iter().enumerate() {
        let claim = (item.time, item.id, index);
        let mut replaced = item
            .replaces
            .iter()
            .filter(|id| known.contains(*id))
            .peekable();
        if replaced.peek().is_none() {
            root = root.max(Some(claim));
        }
        for id in replaced {
            let winner = below.entry(*id).or_insert(claim);
            *winner = claim.max(*winner);
        }
    }
    let mut winner = root?;
    // Ids are hashes that cover the refs, so there is no ring; the bound holds even if somebody hands one in.
    for _ in 0..items.len() {
        match below.get(&winner.1) {
            Some(next) => winner = *next,
            None => break,
        }
    }
    Some(winner.2)
}

/// What decides among siblings, and where the item stands among the items.
type Claim = (Timestamp, EntryId, usize);

#[cfg(test)]
mod tests {
    use super::*;

    fn item(id: u8, time: i64, replaces: &[u8]) -> StateItem {
        let id_of = |n: u8| EntryId::from_bytes([n; 32]);
        StateItem {
            id: id_of(id),
            time: Timestamp(time),
            replaces: replaces.iter().copied().map(id_of).collect(),
        }
    }

    #[test]
    fn the_later_claim_wins_among_siblings() {
        assert_eq!(
            settle(&[item(1, 10, &[]), item(2, 20, &[]), item(3, 15, &[])]),
            Some(1)
        );
        assert_eq!(
            settle(&[item(1, 10, &[]), item(2, 10, &[])]),
            Some(1),
            "equal claims: the larger id"
        );
        assert_eq!(settle(&[]), None);
    }

    #[test]
    fn a_clock_that_was_wrong_is_replaced_by_name() {
        let wrong = item(1, 9_000_000, &[]);
        let right = item(2, 10, &[1]);
        assert_eq!(settle(&[wrong.clone(), right.clone()]), Some(1));
        assert_eq!(
            settle(&[right, wrong]),
            Some(0),
            "whatever the order of arrival"
        );
    }

    #[test]
    fn what_replaces_something_unknown_is_a_root() {
        assert_eq!(settle(&[item(1, 10, &[]), item(2, 20, &[9])]), Some(1));
    }

    #[test]
    fn a_ring_handed_in_by_mistake_ends() {
        assert_eq!(settle(&[item(1, 10, &[2]), item(2, 20, &[1])]), None);
        assert!(settle(&[item(3, 1, &[]), item(1, 10, &[2, 3]), item(2, 20, &[1])]).is_some());
    }
}
