//! How slow a peer may be before it is left.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// A peer from which nothing came for so long is left for the next one.
pub(super) const STALLED: Duration = Duration::from_secs(2);
/// The same where there is no next one: a bad network is better than none.
const ALONE: Duration = Duration::from_secs(10);
/// Bytes that have to come in [`STALLED`] while there is a next one: less would hold a transfer up with good manners.
const TRICKLE: u64 = 16 * 1024;

/// Watches how fast bytes come from one peer.
#[derive(Debug)]
pub(super) struct Pace {
    /// Somebody else could be asked. That may change while bytes come.
    others: Arc<AtomicBool>,
    since: Instant,
    bytes: u64,
}

impl Pace {
    /// `others` says whether somebody else can be asked.
    pub(super) fn new(others: Arc<AtomicBool>) -> Self {
        Self {
            others,
            since: Instant::now(),
            bytes: 0,
        }
    }

    /// How long to wait for the next bytes.
    pub(super) fn limit(&self) -> Duration {
        if self.others.load(Ordering::Relaxed) {
            STALLED
        } else {
            ALONE
        }
    }

    /// Some bytes came. False if too few come.
    pub(super) fn came(&mut self, bytes: usize) -> bool {
        self.bytes += bytes as u64;
        if self.since.elapsed() < STALLED {
            return true;
        }
        let enough = self.bytes >= TRICKLE || !self.others.load(Ordering::Relaxed);
        self.restart();
        enough
    }

    /// What passed until now was no fault of the peer's.
    pub(super) fn restart(&mut self) {
        self.since = Instant::now();
        self.bytes = 0;
    }
}
