//! What a check found.

use std::fmt;

/// Differences that a report lists; those beyond are counted.
const LISTED: usize = 1_000;

/// How far a check is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CheckProgress {
    pub(super) entries: u64,
    pub(super) of: u64,
}

impl CheckProgress {
    /// Entries that were looked at.
    pub const fn entries(&self) -> u64 {
        self.entries
    }

    /// Entries held.
    pub const fn of(&self) -> u64 {
        self.of
    }
}

/// What a check of the whole store found.
#[derive(Debug, Clone, Default)]
pub struct CheckReport {
    pub(super) entries: u64,
    pub(super) rows: u64,
    pub(super) differences: Vec<Difference>,
    pub(super) found: u64,
    pub(super) complete: bool,
}

impl CheckReport {
    /// Whether nothing differs.
    pub const fn is_clean(&self) -> bool {
        self.complete && self.found == 0
    }

    /// Entries that were proved anew.
    pub const fn entries(&self) -> u64 {
        self.entries
    }

    /// Index rows that were found where they should be.
    pub const fn rows(&self) -> u64 {
        self.rows
    }

    /// How many differences there are.
    pub const fn found(&self) -> u64 {
        self.found
    }

    /// The differences, the first thousand of them.
    pub fn differences(&self) -> &[Difference] {
        &self.differences
    }

    pub(super) fn add(&mut self, difference: Difference) {
        self.found += 1;
        if self.differences.len() < LISTED {
            self.differences.push(difference);
        }
    }
}

/// One row that is not as the logs say. Shown as one line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    pub(super) table: &'static str,
    pub(super) fault: Fault,
    pub(super) of: String,
}

/// What is wrong with a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    Missing,
    Extra,
    Wrong,
    Unreadable,
}

impl Difference {
    /// Which table it is in, in words: `the timeline`, `the index by tag`.
    pub const fn table(&self) -> &'static str {
        self.table
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.fault {
            Fault::Missing => "is missing",
            Fault::Extra => "should not be there",
            Fault::Wrong => "is not what the logs say",
            Fault::Unreadable => "cannot be read",
        };
        write!(f, "{}: the row of {} {what}", self.table, self.of)
    }
}
