//! How slow a peer may be before it is left.

use std::time::{Duration, Instant};

/// A peer from which nothing came for so long is left for the next one.
const STALLED: Duration = Duration::from_secs(2);
/// The same where there is no next one: a bad network is better than none.
const ALONE: Duration = Duration::from_secs(10);
/// Bytes that have to come in [`STALLED`] while there is a next one: less would hold a transfer up with good manners.
const TRICKLE: u64 = 16 * 1024;

/// Watches how fast bytes come from one peer.
#[derive(Debug)]
pub(super) struct Pace {
    alone: bool,
    since: Instant,
    bytes: u64,
}

impl Pace {
    /// `alone` if nobody else can be asked.
    pub(super) fn new(alone: bool) -> Self {
        Self {
            alone,
            since: Instant::now(),
            bytes: 0,
        }
    }

    /// How long to wait for the next bytes.
    pub(super) const fn limit(&self) -> Duration {
        if self.alone { ALONE } else { STALLED }
    }

    /// Some bytes came. False if too few come.
    pub(super) fn came(&mut self, bytes: usize) -> bool {
        self.bytes += bytes as u64;
        if self.since.elapsed() < STALLED {
            return true;
        }
        let enough = self.alone || self.bytes >= TRICKLE;
        self.restart();
        enough
    }

    /// What passed until now was no fault of the peer's.
    pub(super) fn restart(&mut self) {
        self.since = Instant::now();
        self.bytes = 0;
    }
}
