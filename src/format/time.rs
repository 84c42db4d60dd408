//! Claimed times, and the order of views.

use serde::{Deserialize, Serialize};

use super::id::Seq;

/// Milliseconds since the Unix epoch, without leap seconds; may be negative.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[expect(clippy::exhaustive_structs, reason = "a time is a number for ever")]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// Milliseconds since the Unix epoch.
    pub const fn as_millis(self) -> i64 {
        self.0
    }

    /// This time and so many milliseconds more.
    pub const fn plus_millis(self, millis: i64) -> Self {
        Self(self.0.saturating_add(millis))
    }
}

/// The place of an entry in every view: claimed time, then eight bytes of its log's name, then its place in the log.
///
/// It is made of nothing that differs between replicas, so order and cursors are the same on every device. As bytes
/// it is 24 long and sorts as the values do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(
    clippy::exhaustive_structs,
    reason = "the order of views is these three for ever"
)]
pub struct OrderKey {
    /// What the author claims.
    pub time: Timestamp,
    /// [`LogId::order`](super::LogId::order) of its log.
    pub log: [u8; 8],
    /// Its place in the log.
    pub seq: Seq,
}

impl OrderKey {
    /// The key as 24 bytes that sort as keys do.
    pub fn to_bytes(&self) -> [u8; 24] {
        let mut bytes = [0; 24];
        let (time, rest) = bytes.split_at_mut(8);
        let (log, seq) = rest.split_at_mut(8);
        // Flipping the sign bit makes negative times sort before positive ones.
        time.copy_from_slice(&(self.time.0 ^ i64::MIN).to_be_bytes());
        log.copy_from_slice(&self.log);
        seq.copy_from_slice(&self.seq.0.to_be_bytes());
        bytes
    }

    /// Reads what [`to_bytes`](Self::to_bytes) wrote.
    pub fn from_bytes(bytes: &[u8; 24]) -> Self {
        let part = |at: usize| -> [u8; 8] {
            std::array::from_fn(|i| bytes.get(at + i).copied().unwrap_or(0))
        };
        Self {
            time: Timestamp(i64::from_be_bytes(part(0)) ^ i64::MIN),
            log: part(8),
            seq: Seq(u64::from_be_bytes(part(16))),
        }
    }
}
