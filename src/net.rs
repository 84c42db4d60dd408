//! Floor 2: peers, over iroh.
//!
//! One [`Engine`] actor owns all sessions, the dialing and the sync machine; everything else holds a cheap handle. Entries
//! are verified on the blocking pool, written by the writer thread, and only then told to the machine.

#![expect(
    clippy::disallowed_methods,
    reason = "clocks and tasks enter here; the floors below take them as arguments"
)]

mod address;
mod clock;
mod dial;
mod endpoint;
mod engine;
mod error;
mod frame;
mod media;
mod session;
mod status;
mod waiting;
mod work;
mod writer;

pub(crate) use self::address::{dialable, encode_address};
pub(crate) use self::clock::{Clock, RELEASED, SETTLES};
pub(crate) use self::endpoint::{EndpointOptions, bind, local_address};
pub(crate) use self::engine::Engine;
pub use self::error::NetError;
pub use self::media::FetchProgress;
pub(crate) use self::media::Told;
#[cfg(feature = "test-util")]
pub(crate) use self::media::fuzz::media as fuzz_media;
pub use self::status::{PeerReport, PeerState, PeerStatus, Reached, Status, SyncReport};
#[cfg(feature = "test-util")]
pub(crate) use self::work::{Carry, input, outcome, replica};
pub(crate) use self::writer::Writer;
use crate::format::Timestamp;

/// The name of the sync protocol and its version, as iroh's endpoints agree on it.
pub(crate) const ALPN: &[u8] = b"tidings/sync/1";

/// How far the clock of this process is set ahead, in milliseconds: a year is simulated in minutes that way.
#[cfg(feature = "test-util")]
pub(crate) static AHEAD: std::sync::atomic::AtomicI64 = std::sync::atomic::AtomicI64::new(0);

/// The device's clock.
pub(crate) fn now() -> Timestamp {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let millis = since.map_or(0, |since| since.as_millis());
    let now = Timestamp(i64::try_from(millis).unwrap_or(i64::MAX));
    #[cfg(feature = "test-util")]
    let now = now.plus_millis(AHEAD.load(std::sync::atomic::Ordering::Relaxed));
    now
}
