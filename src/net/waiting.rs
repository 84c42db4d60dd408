//! Rounds of syncing that somebody waits for.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use iroh::EndpointId;
use tokio::sync::oneshot;

use super::status::{PeerReport, Reached, SyncReport};

/// A session in which nothing moved for so long has nothing more to give or to take, even if the other end did not say:
/// it waits for others, or for room on its disk. Any other peer says so, however slow its machine is, so this is long.
const QUIET: Duration = Duration::from_secs(10);

/// How a session stands, as a round of syncing sees it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Standing {
    /// All that the peer announced is held.
    pub(super) caught_up: bool,
    /// Both ends know that they hold the same.
    pub(super) agreed: bool,
    /// When a frame last came or went.
    pub(super) moved: Instant,
}

impl Standing {
    fn is_done(&self, now: Instant) -> bool {
        self.agreed || (self.caught_up && now >= self.moved + QUIET)
    }
}

/// One round of syncing.
#[derive(Debug)]
pub(super) struct Round {
    /// Peers that are still to answer, and how far each has come.
    pending: BTreeMap<EndpointId, Reached>,
    report: SyncReport,
    deadline: Instant,
    reply: oneshot::Sender<SyncReport>,
}

impl Round {
    pub(super) fn new(
        peers: impl Iterator<Item = EndpointId>,
        totals: SyncReport,
        deadline: Instant,
        reply: oneshot::Sender<SyncReport>,
    ) -> Self {
        Self {
            pending: peers.map(|peer| (peer, Reached::No)).collect(),
            report: totals,
            deadline,
            reply,
        }
    }

    /// A session with a peer opened.
    pub(super) fn opened(&mut self, peer: &EndpointId) {
        if let Some(reached) = self.pending.get_mut(peer) {
            *reached = Reached::Partly;
        }
    }

    /// Whether a peer is still to answer.
    pub(super) fn waits_for(&self, peer: &EndpointId) -> bool {
        self.pending.contains_key(peer)
    }

    /// Dialing a peer failed, or its session ended.
    pub(super) fn ended(&mut self, peer: &EndpointId, reason: &str) {
        if let Some(reached) = self.pending.remove(peer) {
            let reason = Some(reason.to_owned());
            self.report.peers.push(PeerReport {
                endpoint: *peer,
                reached,
                reason,
            });
        }
    }

    /// Notes which peers are done, and says whether the round is over.
    pub(super) fn is_over(
        &mut self,
        standing: impl Fn(&EndpointId) -> Option<Standing>,
        now: Instant,
    ) -> bool {
        let done = |peer: &EndpointId| standing(peer).is_some_and(|standing| standing.is_done(now));
        let finished: Vec<EndpointId> = self
            .pending
            .keys()
            .filter(|peer| done(peer))
            .copied()
            .collect();
        for endpoint in finished {
            self.pending.remove(&endpoint);
            self.report.peers.push(PeerReport {
                endpoint,
                reached: Reached::Fully,
                reason: None,
            });
        }
        self.pending.is_empty() || now >= self.deadline
    }

    /// When to look again though nothing happened.
    pub(super) fn next(&self, standing: impl Fn(&EndpointId) -> Option<Standing>) -> Instant {
        let waits = self
            .pending
            .keys()
            .filter_map(standing)
            .filter(|standing| standing.caught_up);
        waits
            .map(|standing| standing.moved + QUIET)
            .min()
            .map_or(self.deadline, |quiet| quiet.min(self.deadline))
    }

    /// Ends the round. `totals` are the counters now.
    pub(super) fn finish(mut self, totals: &SyncReport) {
        for (endpoint, reached) in std::mem::take(&mut self.pending) {
            let reason = Some("time ran out".to_owned());
            self.report.peers.push(PeerReport {
                endpoint,
                reached,
                reason,
            });
        }
        let SyncReport {
            peers,
            entries,
            received,
            sent,
            ..
        } = self.report;
        let mut report = SyncReport {
            peers,
            entries: totals.entries - entries,
            received: totals.received - received,
            sent: totals.sent - sent,
            passed_over: totals.passed_over.clone(),
        };
        report.peers.sort_by_key(|peer| peer.endpoint);
        // Whoever waited may have gone meanwhile.
        let _gone = self.reply.send(report);
    }
}
