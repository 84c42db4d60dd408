//! How things stand, told to whoever waits or watches.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use iroh::EndpointId;

use super::super::dial::State;
use super::super::status::{PeerState, PeerStatus, Status, SyncReport};
use super::{Actor, Session};

/// The status is told so often at the most: putting it together takes a look at every peer.
const SELDOM: Duration = Duration::from_millis(50);

impl Actor {
    /// Something changed that the status tells of.
    pub(super) fn status_stale(&mut self) {
        let due = || Instant::now() + SELDOM;
        self.status_due = Some(self.status_due.unwrap_or_else(due));
    }

    /// Ends the rounds that are over and says how things stand.
    pub(super) fn settle(&mut self) {
        let now = Instant::now();
        let (mut open, mut over) = (Vec::new(), Vec::new());
        for mut round in std::mem::take(&mut self.rounds) {
            if round.is_over(|peer| self.standing(peer), now) {
                over.push(round);
            } else {
                open.push(round);
            }
        }
        self.rounds = open;
        // Who gets a report may look at the status next, which must not be older.
        if !over.is_empty() || self.status_due.is_some_and(|due| due <= now) {
            self.tell_status();
        }
        for round in over {
            round.finish(&self.totals);
        }
    }

    fn tell_status(&mut self) {
        self.status_due = None;
        let status = self.status();
        self.told.send_if_modified(|told| {
            let changed = *told != status;
            *told = status;
            changed
        });
    }

    fn status(&self) -> Status {
        let mut peers: BTreeMap<EndpointId, PeerStatus> = BTreeMap::new();
        for (endpoint, target) in self.dialer.targets() {
            let state = match target.state {
                State::Connected => PeerState::Connected,
                State::Dialing => PeerState::Dialing,
                State::Waiting { .. } | State::GivenUp => PeerState::Waiting {
                    reason: target.reason.clone(),
                },
            };
            peers.insert(
                *endpoint,
                PeerStatus {
                    endpoint: *endpoint,
                    state,
                    behind: 0,
                    clock_differs_by: None,
                },
            );
        }
        for (endpoint, out) in &self.shut_out {
            let reason = out.reason.clone();
            peers.entry(*endpoint).or_insert_with(|| PeerStatus {
                endpoint: *endpoint,
                state: PeerState::Waiting { reason },
                behind: 0,
                clock_differs_by: None,
            });
        }
        for (endpoint, session) in &self.sessions {
            let Session {
                behind,
                clock_differs_by,
                ..
            } = *session;
            let state = PeerState::Connected;
            peers.insert(
                *endpoint,
                PeerStatus {
                    endpoint: *endpoint,
                    state,
                    behind,
                    clock_differs_by,
                },
            );
        }
        let SyncReport {
            entries,
            received,
            sent,
            ..
        } = self.totals;
        Status {
            peers: peers.into_values().collect(),
            entries,
            received,
            sent,
            passed_over: self.totals.passed_over.clone(),
        }
    }
}
