//! Rules between neighbours in a log, and the proof that a log is forked.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::error::FormatError;
use super::id::{LogId, Seq};
use super::run::{Closing, PackedRun, Run};
use super::{codec, limits};

const WHAT: &str = "fork proof";

/// Two signed runs of headers of one log that cannot both belong to it.
///
/// They differ at one place, or one ends at *n* - 1 and the other begins at *n* and names another entry before it. In
/// the wild this is a restored backup, a copied folder or a machine set back; never the fault of whoever hands it on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForkProof {
    log: LogId,
    one: Run,
    other: Run,
    at: Seq,
}

/// What goes over the wire and to disk.
#[derive(Serialize, Deserialize)]
struct Wire {
    version: u8,
    log: LogId,
    one: Bytes,
    other: Bytes,
}

impl ForkProof {
    /// Makes the proof from two verified runs that are both closed by a signature. Bodies are left out.
    ///
    /// # Errors
    ///
    /// [`FormatError::NoFork`] if the runs are of different logs, one is not signed, or they do not contradict.
    pub fn new(one: &Run, other: &Run) -> Result<Self, FormatError> {
        let no = |why| FormatError::NoFork { why };
        if one.log() != other.log() {
            return Err(no("its runs are of different logs"));
        }
        if [one, other]
            .iter()
            .any(|run| !matches!(run.closing(), Closing::Signed(_)))
        {
            return Err(no("one of its runs is not signed"));
        }
        let at = contradiction(one, other).ok_or_else(|| no("its runs agree"))?;
        // One order, so that the same fork has one proof whoever meets it.
        let (one, other) = if one.last_id() <= other.last_id() {
            (one, other)
        } else {
            (other, one)
        };
        Ok(Self {
            log: *one.log(),
            one: one.headers_only(),
            other: other.headers_only(),
            at,
        })
    }

    /// The log that is forked.
    pub const fn log(&self) -> &LogId {
        &self.log
    }

    /// The first place at which it is known to be forked.
    pub const fn at(&self) -> Seq {
        self.at
    }

    /// The proof's bytes.
    pub fn encode(&self) -> Vec<u8> {
        let (one, other) = (self.one.packed().clone(), self.other.packed().clone());
        codec::encode(&Wire {
            version: limits::VERSION,
            log: self.log,
            one,
            other,
        })
    }

    /// Reads and checks a proof.
    ///
    /// # Errors
    ///
    /// If the bytes are not a proof in its one form, a signature does not verify, or the runs do not contradict.
    pub fn decode(bytes: &[u8]) -> Result<Self, FormatError> {
        let version = *bytes.first().ok_or(FormatError::Truncated { what: WHAT })?;
        if version != limits::VERSION {
            return Err(FormatError::Version {
                what: WHAT,
                found: version,
                known: limits::VERSION,
            });
        }
        let wire: Wire = codec::decode(WHAT, bytes)?;
        let verify = |bytes: Bytes| PackedRun::from_bytes(bytes).verify(&wire.log, None);
        let proof = Self::new(&verify(wire.one.clone())?, &verify(wire.other.clone())?)?;
        if proof.encode() != bytes {
            return Err(FormatError::NotCanonical { what: WHAT });
        }
        Ok(proof)
    }
}

/// The first place at which two runs of one log cannot both be right.
fn contradiction(one: &Run, other: &Run) -> Option<Seq> {
    let from = one.first().max(other.first());
    let to = one.end().min(other.end());
    for seq in from.0..to.0 {
        if one.id_at(Seq(seq)) != other.id_at(Seq(seq)) {
            return Some(Seq(seq));
        }
    }
    // Where they overlap and agree they agree about all before it, so only a seam is left to look at.
    let seam = |before: &Run, after: &Run| {
        (before.end() == after.first() && before.last_id() != after.prev()).then(|| after.first())
    };
    seam(one, other).or_else(|| seam(other, one))
}
