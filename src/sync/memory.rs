//! What is remembered about a peer over restarts. Nothing in it is needed: without it, a session costs more bytes.

use super::lists::Ids;
use crate::format::{FormatError, Hash16, Reader, Writer, derive};

const VERSION: u8 = 1;

/// What both sides knew when they last had nothing more to tell each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Agreement {
    /// This side's fingerprint.
    pub(super) mine: Hash16,
    /// The other side's: another one where one refuses what the other holds.
    pub(super) theirs: Hash16,
    /// This side's arrival number then.
    pub(super) arrival: u64,
}

impl Agreement {
    /// The same on both sides exactly if they mean the same agreement.
    pub(super) fn token(&self) -> Hash16 {
        let (low, high) = if self.mine < self.theirs {
            (self.mine, self.theirs)
        } else {
            (self.theirs, self.mine)
        };
        derive::FINGERPRINT.hash16(&[b"agreed", &low, &high])
    }
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Memory {
    /// What the peer wants.
    pub(super) theirs: Ids,
    /// What it was told that this side wants.
    pub(super) told: Ids,
    pub(super) agreed: Option<Agreement>,
    /// The peer's `filled` and this side's `opened` when this side last had no more holes to ask it about.
    pub(super) settled: Option<(u64, u64)>,
}

impl Memory {
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut w = Writer::with_capacity(64);
        w.u8(VERSION);
        self.theirs.encode(&mut w);
        self.told.encode(&mut w);
        w.u8(u8::from(self.agreed.is_some()));
        if let Some(agreed) = &self.agreed {
            w.raw(&agreed.mine);
            w.raw(&agreed.theirs);
            w.varint(agreed.arrival);
        }
        w.u8(u8::from(self.settled.is_some()));
        if let Some((filled, opened)) = self.settled {
            w.varint(filled);
            w.varint(opened);
        }
        w.0
    }

    /// What the bytes say; nothing if they are damaged or of another version.
    pub(super) fn decode(bytes: &[u8]) -> Self {
        Self::try_decode(bytes).unwrap_or_default()
    }

    fn try_decode(bytes: &[u8]) -> Result<Self, FormatError> {
        let mut r = Reader::new("a memory of a peer", bytes);
        if r.u8()? != VERSION {
            return Err(FormatError::Malformed {
                what: "a memory of a peer",
            });
        }
        let theirs = Ids::decode(&mut r)?;
        let told = Ids::decode(&mut r)?;
        let agreed = match r.u8()? {
            0 => None,
            _ => Some(Agreement {
                mine: r.array()?,
                theirs: r.array()?,
                arrival: r.varint()?,
            }),
        };
        let settled = match r.u8()? {
            0 => None,
            _ => Some((r.varint()?, r.varint()?)),
        };
        r.finish()?;
        Ok(Self {
            theirs,
            told,
            agreed,
            settled,
        })
    }
}

/// Names a want list: zeros for an empty one.
pub(super) fn wants_digest<'a>(ids: impl Iterator<Item = &'a Hash16>) -> Hash16 {
    let bytes: Vec<u8> = ids.flatten().copied().collect();
    if bytes.is_empty() {
        Hash16::default()
    } else {
        derive::WANTS.hash16(&[&bytes])
    }
}
