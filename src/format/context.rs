//! Every context string, one a purpose: what is hashed or signed for one purpose never passes for another.

use std::sync::LazyLock;

use blake3::Hasher;

/// Sixteen bytes of a hash: enough where a collision only fools whoever made it.
pub(crate) type Hash16 = [u8; 16];

macro_rules! hashes {
    ($($(#[$doc:meta])* $name:ident = $text:literal;)*) => {
        $($(#[$doc])* pub(crate) static $name: Derive = Derive(LazyLock::new(|| Hasher::new_derive_key($text)));)*
    };
}

/// A BLAKE3 hash function of its own: `derive_key` mode with one context string.
///
/// The keyed state is made once, since deriving the key costs as much as hashing a header.
#[derive(Debug)]
pub(crate) struct Derive(LazyLock<Hasher>);

impl Derive {
    pub(crate) fn hash(&self, bytes: &[u8]) -> [u8; 32] {
        let mut hasher = self.0.clone();
        hasher.update(bytes);
        hasher.finalize().into()
    }

    /// Hashes several pieces one after the other; the caller sees to it that their lengths are fixed.
    pub(crate) fn hash_parts(&self, parts: &[&[u8]]) -> [u8; 32] {
        let mut hasher = self.0.clone();
        for part in parts {
            hasher.update(part);
        }
        hasher.finalize().into()
    }

    /// A hasher of its own, for what does not lie in memory.
    pub(crate) fn hasher(&self) -> Hasher {
        self.0.clone()
    }

    /// The first 16 bytes of the hash of several pieces.
    pub(crate) fn hash16(&self, parts: &[&[u8]]) -> Hash16 {
        first(self.hash_parts(parts))
    }

    /// The first 8 bytes of the hash.
    pub(crate) fn hash8(&self, bytes: &[u8]) -> [u8; 8] {
        first(self.hash(bytes))
    }
}

fn first<const N: usize>(hash: [u8; 32]) -> [u8; N] {
    std::array::from_fn(|i| hash.get(i).copied().unwrap_or(0))
}

/// Hash functions, by purpose.
pub(crate) mod derive {
    use super::{Derive, Hasher, LazyLock};

    hashes! {
        /// Header bytes to entry id.
        ENTRY_ID = "tidings v1 2026-11 entry id";
        /// Body bytes to body hash.
        BODY = "tidings v1 2026-11 body";
        /// Statement bytes without its signature to statement id.
        STATEMENT_ID = "tidings v1 2026-11 statement id";
        /// Sorted statement ids to the digest of a set of statements.
        STATEMENTS = "tidings v1 2026-11 statement set";
        /// Log id to its place among logs with equal claimed times.
        LOG_ORDER = "tidings v1 2026-11 log order";
        /// Ticket kind and payload to its four check bytes.
        TICKET = "tidings v1 2026-11 ticket checksum";
        /// All of an archive before its last record to the hash at its end.
        ARCHIVE = "tidings v1 2026-11 archive";
        /// Folded tag to the key of the tag index.
        TAG = "tidings v1 2026-11 tag";
        /// Both endpoint ids and a feed id to the name of a want between those two.
        WANT = "tidings v1 2026-11 want";
        /// Everything one side wants, to see whether the other still knows it.
        WANTS = "tidings v1 2026-11 want list";
        /// The heads and statements of one feed.
        FEED_DIGEST = "tidings v1 2026-11 feed digest";
        /// The digests of many feeds.
        FINGERPRINT = "tidings v1 2026-11 fingerprint";
    }
}

/// What stands before the bytes that a signature covers.
pub(crate) mod sign {
    /// Before an entry id.
    pub(crate) const ENTRY: &[u8] = b"tidings v1 entry:";
    /// Before a statement id.
    pub(crate) const STATEMENT: &[u8] = b"tidings v1 statement:";
    /// Before feed and device, in the consent of a device.
    pub(crate) const CONSENT: &[u8] = b"tidings v1 consent:";
    /// Before the old and the new feed, in `moved/1`.
    pub(crate) const MOVED: &[u8] = b"tidings v1 moved:";
}
