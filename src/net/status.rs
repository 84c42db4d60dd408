//! How replication stands, for people and apps.

use std::collections::BTreeMap;

use iroh::EndpointId;

use crate::format::FeedId;

/// How replication stands at one moment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Status {
    pub(super) peers: Vec<PeerStatus>,
    pub(super) entries: u64,
    pub(super) received: u64,
    pub(super) sent: u64,
    pub(super) passed_over: BTreeMap<FeedId, u64>,
}

impl Status {
    /// The peers known to this node: connected ones, and those it tries to reach. In the order of their ids.
    pub fn peers(&self) -> &[PeerStatus] {
        &self.peers
    }

    /// Entries that peers announced and that have not come yet.
    pub fn behind(&self) -> u64 {
        self.peers.iter().map(|peer| peer.behind).max().unwrap_or(0)
    }

    /// Entries of other devices stored since this node went online.
    pub const fn entries(&self) -> u64 {
        self.entries
    }

    /// Feeds of which a peer told more logs than are looked at, and how many were passed over, since this node went online:
    /// somebody who may write in them made so many. In the order of their ids.
    pub fn passed_over(&self) -> impl Iterator<Item = (&FeedId, u64)> {
        self.passed_over.iter().map(|(feed, logs)| (feed, *logs))
    }

    /// Bytes of the sync protocol received since this node went online, without what QUIC adds.
    pub const fn received(&self) -> u64 {
        self.received
    }

    /// Bytes of the sync protocol sent since this node went online, without what QUIC adds.
    pub const fn sent(&self) -> u64 {
        self.sent
    }
}

/// How things stand with one peer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeerStatus {
    pub(super) endpoint: EndpointId,
    pub(super) state: PeerState,
    pub(super) behind: u64,
    pub(super) clock_differs_by: Option<i64>,
}

impl PeerStatus {
    /// The other end.
    pub const fn endpoint(&self) -> EndpointId {
        self.endpoint
    }

    /// Whether it is connected, and if not, why.
    pub const fn state(&self) -> &PeerState {
        &self.state
    }

    /// Entries that it announced and that have not come yet.
    pub const fn behind(&self) -> u64 {
        self.behind
    }

    /// Its clock less ours in milliseconds, if they differ by more than ten minutes.
    pub const fn clock_differs_by(&self) -> Option<i64> {
        self.clock_differs_by
    }
}

/// Whether a peer is connected.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum PeerState {
    /// A session is open.
    Connected,
    /// It is being dialed.
    Dialing,
    /// It is dialed again after a while.
    Waiting {
        /// Why it is not connected.
        reason: String,
    },
}

/// What one round of syncing came to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SyncReport {
    pub(super) peers: Vec<PeerReport>,
    pub(super) entries: u64,
    pub(super) received: u64,
    pub(super) sent: u64,
    pub(super) passed_over: BTreeMap<FeedId, u64>,
}

impl SyncReport {
    /// The peers that were asked, in the order of their ids.
    pub fn peers(&self) -> &[PeerReport] {
        &self.peers
    }

    /// Entries that came meanwhile.
    pub const fn entries(&self) -> u64 {
        self.entries
    }

    /// As [`Status::passed_over`].
    pub fn passed_over(&self) -> impl Iterator<Item = (&FeedId, u64)> {
        self.passed_over.iter().map(|(feed, logs)| (feed, *logs))
    }

    /// Bytes of the sync protocol received meanwhile.
    pub const fn received(&self) -> u64 {
        self.received
    }

    /// Bytes of the sync protocol sent meanwhile.
    pub const fn sent(&self) -> u64 {
        self.sent
    }

    /// Whether at least one peer answered, or there was nobody to ask.
    pub fn is_ok(&self) -> bool {
        self.peers.is_empty() || self.peers.iter().any(|peer| peer.reached != Reached::No)
    }
}

/// What became of one peer in a round of syncing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeerReport {
    pub(super) endpoint: EndpointId,
    pub(super) reached: Reached,
    pub(super) reason: Option<String>,
}

impl PeerReport {
    /// The other end.
    pub const fn endpoint(&self) -> EndpointId {
        self.endpoint
    }

    /// How far it went.
    pub const fn reached(&self) -> Reached {
        self.reached
    }

    /// Why it did not go further.
    pub fn reason(&self) -> Option<&str> {
        self.reason.as_deref()
    }
}

/// How far a round of syncing went with one peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reached {
    /// No session came about.
    No,
    /// A session was open, but not all of what the peer has had come when it ended or time ran out.
    Partly,
    /// All that the peer had is held.
    Fully,
}
