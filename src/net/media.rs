//! Media between peers, on an ALPN of their own: `docs/protocol.md` tells the bytes.
//!
//! Serving answers who asks for slices of what a held, served entry names. Fetching goes from peer to peer in turn until
//! all is there; each slice is verified before it is written, so whoever sends wrong bytes is only left.

mod asking;
mod download;
mod fetch;
#[cfg(feature = "test-util")]
pub(crate) mod fuzz;
mod pace;
mod peer;
mod pool;
mod serve;
mod upload;
mod wire;

pub use self::fetch::FetchProgress;
pub(crate) use self::fetch::Told;
pub(super) use self::fetch::{Fetches, Holders};
pub(super) use self::serve::{Server, Sharers};

/// The name of the protocol and its version, as iroh's endpoints agree on it.
pub(crate) const ALPN: &[u8] = b"tidings/media/1";

/// Why connections and streams of this protocol are closed, as the other end sees it.
mod code {
    /// Not needed any more.
    pub(super) const BYE: u32 = 0;
    /// The other end broke a rule.
    pub(super) const BROKE_A_RULE: u32 = 2;
    /// As many connections as this node holds are open.
    pub(super) const BUSY: u32 = 3;
    /// Nothing moved for too long.
    pub(super) const IDLE: u32 = 4;
}
