//! Sessions with nothing to do: a few stay open, the others end and are opened again after a while.

use std::time::{Duration, Instant};

use iroh::EndpointId;
use iroh::endpoint::VarInt;

use super::super::session::code;
use super::{Actor, Session};
use crate::sync::Input;

/// Sessions that this node dialed and keeps open with nothing to do. An idle connection wakes a phone every few seconds.
/// What peers opened is theirs to end.
const KEPT: usize = 8;
/// Nothing moved in a session for so long: longer than both ends wait before they write down that they agree.
const STILL: Duration = Duration::from_secs(6);

impl Actor {
    /// Ends sessions at rest beyond the few that are kept.
    pub(super) fn rest(&mut self) {
        let now = Instant::now();
        let still = self.may_rest().filter(|(_, since)| *since + STILL <= now);
        for peer in beyond(still.collect()) {
            if let Some(session) = self.sessions.remove(&peer) {
                session.connection.close(VarInt::from_u32(code::REST), b"");
            }
            self.handle(Input::Disconnected { peer });
            self.dialer.rest(&peer, now);
            self.status_stale();
        }
    }

    /// When another session may come to rest.
    pub(super) fn next_rest(&self) -> Option<Instant> {
        let now = Instant::now();
        let due = self.may_rest().map(|(_, since)| since + STILL);
        // With as many as are kept, one more does no harm before it is at rest too.
        let due: Vec<Instant> = due.collect();
        let next = due.iter().filter(|at| **at > now).min().copied();
        next.filter(|_| due.len() > KEPT)
    }

    /// Sessions that this node dialed and in which all is done, and since when nothing moved in them.
    fn may_rest(&self) -> impl Iterator<Item = (EndpointId, Instant)> {
        let is_done = |peer: &EndpointId, session: &Session| {
            let standing = &session.standing;
            let waited_for = self.rounds.iter().any(|round| round.waits_for(peer));
            session.dialed && standing.caught_up && !waited_for
        };
        self.sessions
            .iter()
            .filter(move |(peer, session)| is_done(peer, session))
            .map(|(peer, session)| (*peer, session.standing.moved))
    }
}

/// All but those few in which something moved last.
fn beyond(mut still: Vec<(EndpointId, Instant)>) -> Vec<EndpointId> {
    still.sort_by_key(|(_, since)| std::cmp::Reverse(*since));
    still.into_iter().skip(KEPT).map(|(peer, _)| peer).collect()
}

#[cfg(test)]
mod tests {
    use iroh::SecretKey;

    use super::*;

    #[test]
    fn those_in_which_something_moved_last_are_kept() {
        let begun = Instant::now();
        let of = |n: u8| {
            let peer = SecretKey::from_bytes(&[n; 32]).public();
            (peer, begun + Duration::from_secs(n.into()))
        };
        assert_eq!(beyond((1..=8).map(of).collect()), []);
        let ended = beyond((1..=10).map(of).collect());
        assert_eq!(ended, [of(2).0, of(1).0]);
    }
}
