//! Sets of places in a log: sorted half-open ranges that never touch.

/// A set of numbers as ascending half-open ranges.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct RangeSet(Vec<(u64, u64)>);

impl RangeSet {
    /// Where the first range that ends at or after `at` stands.
    fn touching(&self, at: u64) -> usize {
        self.0.partition_point(|&(_, end)| end < at)
    }

    pub(super) fn insert(&mut self, mut start: u64, mut end: u64) {
        if start >= end {
            return;
        }
        let from = self.touching(start);
        let mut to = from;
        while let Some(&(s, e)) = self.0.get(to) {
            if s > end {
                break;
            }
            start = start.min(s);
            end = end.max(e);
            to += 1;
        }
        self.0.splice(from..to, [(start, end)]);
    }

    pub(super) fn remove(&mut self, start: u64, end: u64) {
        if start >= end {
            return;
        }
        let from = self.0.partition_point(|&(_, e)| e <= start);
        let mut to = from;
        let mut left = Vec::new();
        while let Some(&(s, e)) = self.0.get(to) {
            if s >= end {
                break;
            }
            if s < start {
                left.push((s, start));
            }
            if e > end {
                left.push((end, e));
            }
            to += 1;
        }
        self.0.splice(from..to, left);
    }

    /// The range that `at` lies in.
    pub(super) fn around(&self, at: u64) -> Option<(u64, u64)> {
        let place = self.0.partition_point(|&(_, end)| end <= at);
        self.0.get(place).copied().filter(|&(start, _)| start <= at)
    }

    pub(super) fn contains(&self, at: u64) -> bool {
        self.around(at).is_some()
    }

    /// The end of the last range that ends at or before `at`; 0 if there is none.
    pub(super) fn end_before(&self, at: u64) -> u64 {
        let place = self.0.partition_point(|&(_, end)| end <= at);
        place
            .checked_sub(1)
            .and_then(|i| self.0.get(i))
            .map_or(0, |&(_, end)| end)
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many numbers below `end` are in none of the ranges.
    pub(super) fn missing_below(&self, end: u64) -> u64 {
        let held: u64 = self
            .0
            .iter()
            .map(|&(s, e)| e.min(end).saturating_sub(s))
            .sum();
        end.saturating_sub(held)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (u64, u64)> + '_ {
        self.0.iter().copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agrees_with_a_plain_set() {
        let mut state = 7u64;
        let mut next = move |below: u64| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            (state >> 33) % below
        };
        let mut set = RangeSet::default();
        let mut plain = [false; 64];
        for _ in 0..2_000 {
            let start = next(60);
            let end = start + next(6);
            let insert = next(2) == 0;
            if insert {
                set.insert(start, end);
            } else {
                set.remove(start, end);
            }
            for at in start..end {
                plain[usize::try_from(at).unwrap()] = insert;
            }
            for (at, &held) in (0u64..).zip(&plain) {
                assert_eq!(set.contains(at), held);
            }
            assert!(set.0.windows(2).all(|w| w[0].1 < w[1].0), "{set:?}");
            assert!(set.0.iter().all(|&(s, e)| s < e));
        }
    }
}
