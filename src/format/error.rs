//! What is wrong with some bytes.

use super::id::{EntryId, Seq};

/// Why bytes, or values about to become bytes, are not valid.
///
/// The fault is always with whoever made the bytes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FormatError {
    /// The bytes end before the structure does.
    #[error("{what} is cut short")]
    Truncated {
        /// The structure.
        what: &'static str,
    },
    /// Bytes are left after the structure's end.
    #[error("{what} has {count} bytes too many at its end")]
    Trailing {
        /// The structure.
        what: &'static str,
        /// How many.
        count: usize,
    },
    /// The bytes decode, but are not what encoding gives (an over-long number, say).
    #[error("{what} is not in its one canonical form")]
    NotCanonical {
        /// The structure.
        what: &'static str,
    },
    /// The bytes do not have the structure's shape.
    #[error("{what} cannot be read")]
    Malformed {
        /// The structure.
        what: &'static str,
    },
    /// A version that this library does not know.
    #[error(
        "{what} has version {found}, this library reads version {known}; a newer release may read it"
    )]
    Version {
        /// The structure.
        what: &'static str,
        /// The version met.
        found: u8,
        /// The version known.
        known: u8,
    },
    /// A size or count beyond its bound.
    #[error("{what} is {found}, at most {limit} is allowed")]
    TooLarge {
        /// What was counted, with its unit.
        what: &'static str,
        /// The count.
        found: u64,
        /// The bound, from [`limits`](super::limits).
        limit: u64,
    },
    /// Content of an app's own type that would not read back as the value that it is, since a field is skipped,
    /// flattened, or without a tag.
    #[error(
        "content of kind {kind} would not read back as it is ({}{why}): bodies hold no names of fields, so none can be skipped, flattened or untagged",
        named(field)
    )]
    NotReadBack {
        /// The kind.
        kind: &'static str,
        /// The first field that comes back otherwise, with those around it; empty if it is not known.
        field: String,
        /// What goes wrong.
        why: String,
    },
    /// A lane or kind with characters other than `a-z 0-9 . _ / ~ -`, or empty.
    #[error("{what} {text:?} is not a name: one to {limit} characters of a-z 0-9 . _ / ~ - are")]
    Name {
        /// Lane or kind.
        what: &'static str,
        /// What was given, shortened.
        text: String,
        /// How long it may be.
        limit: usize,
    },
    /// Text that should be an id, a reference or a ticket and is not.
    #[error("this is not {expected}: {why}")]
    Text {
        /// What was expected, with its article.
        expected: &'static str,
        /// What is wrong with it.
        why: &'static str,
    },
    /// A signature that does not verify under the strict rule, or a key that no signature can be checked against.
    #[error("the signature of {what} does not verify")]
    Signature {
        /// What was signed.
        what: &'static str,
    },
    /// An entry that does not follow from the one it should follow.
    #[error("entry {seq} does not link: expected {expected} before it, its header names {found}")]
    Link {
        /// The entry that fails.
        seq: Seq,
        /// The id of the entry that is held before it.
        expected: EntryId,
        /// The id that its header names.
        found: EntryId,
    },
    /// A body whose bytes do not have the hash that the header names.
    #[error("the body of entry {seq} does not match its hash")]
    BodyHash {
        /// The entry.
        seq: Seq,
    },
    /// A run that is empty, crosses its block's end, or lacks the proof that its place demands.
    #[error("the run at entry {first} is not one: {why}")]
    Run {
        /// Its first entry.
        first: Seq,
        /// What is wrong.
        why: &'static str,
    },
    /// A run that ends without a signature, and the entry after it, whose header would prove it, is not held.
    #[error("the run at entry {first} leans on entry {next}, which is not held")]
    NextNotHeld {
        /// Its first entry.
        first: Seq,
        /// The entry that it leans on.
        next: Seq,
    },
    /// Two header runs that do not show a fork.
    #[error("this proves no fork: {why}")]
    NoFork {
        /// What is wrong.
        why: &'static str,
    },
    /// A statement that breaks a rule by itself.
    #[error("this statement is not valid: {why}")]
    Statement {
        /// The rule.
        why: &'static str,
    },
    /// An archive that breaks a rule of its own, beyond those of what it holds.
    #[error("{why}")]
    Archive {
        /// The rule.
        why: &'static str,
    },
}

fn named(field: &str) -> String {
    match field {
        "" => String::new(),
        field => format!("field `{field}`: "),
    }
}
