//! Sessions as they open, speak and end.

use std::time::{Duration, Instant};

use iroh::EndpointId;
use iroh::endpoint::VarInt;

use super::super::endpoint;
use super::super::session::{Ended, FromSession, Opened, SessionId, code, on_stream};
use super::super::waiting::Standing;
use super::{Actor, Session, ShutOut, questions, random};
use crate::sync::{Backoff, Input, PeerError};

/// Sessions of others that are held at one time.
const SESSIONS: usize = 256;
/// How long a peer may take to show that it wants a feed that this node wants too. After that, others may have its place.
const GRACE: Duration = Duration::from_secs(10);
/// How long one that shares a feed and has all of it keeps its place while others wait: they take turns, since a feed may
/// have more followers than places.
const TURN: Duration = Duration::from_secs(60);
/// The same of one that shares a feed and has not all of it yet, or says so.
const LONG_TURN: Duration = Duration::from_secs(10 * 60);
/// Peers whose misbehaviour is remembered.
const REMEMBERED: usize = 1_024;
/// How long a peer that broke a rule is not let in.
const SHUT_OUT: Duration = Duration::from_secs(10 * 60);

impl Actor {
    /// A session is over, by whatever cause but a broken rule.
    fn ended(&mut self, peer: &EndpointId, ended: Ended) {
        match ended {
            // The other connection between the two is about to open, or will be made: nobody has failed.
            Ended::Duplicate => self.dialer.failed(peer, Instant::now(), ended.to_string()),
            // Who waits for it meanwhile dials it again at once.
            Ended::Rests if self.rounds.iter().any(|round| round.waits_for(peer)) => {
                self.dialer.failed(peer, Instant::now(), ended.to_string());
            }
            Ended::Rests => {
                self.status_stale();
                self.dialer.rest(peer, Instant::now());
            }
            _ => self.failed(peer, ended.to_string()),
        }
    }

    pub(super) fn failed(&mut self, peer: &EndpointId, reason: String) {
        self.status_stale();
        if self.sessions.contains_key(peer) {
            // Dialing failed, but the other end came to us meanwhile.
            return self.dialer.connected(peer);
        }
        self.rounds
            .iter_mut()
            .for_each(|round| round.ended(peer, &reason));
        self.dialer.failed(peer, Instant::now(), reason);
    }

    pub(super) fn mail(&mut self, mail: FromSession) {
        self.status_stale();
        let now = Instant::now();
        match mail {
            FromSession::Opened(opened) => self.opened(opened),
            FromSession::Frame { id, peer, bytes } => {
                self.spoke(id, &peer);
                if !self.moved(id, &peer, now) {
                    return;
                }
                self.hear(&peer);
                self.totals.received += on_stream(bytes.len());
                self.handle(Input::Frame {
                    peer,
                    bytes,
                    clock: crate::net::now().as_millis(),
                });
                self.widen(&peer);
            }
            FromSession::Sent { id, peer, bytes } => {
                if self.moved(id, &peer, now) {
                    self.totals.sent += on_stream(bytes);
                    self.handle(Input::Sent { peer, bytes });
                }
            }
            FromSession::PathLost { id, peer } => {
                if self
                    .sessions
                    .get(&peer)
                    .is_some_and(|session| session.id == id)
                {
                    self.handle(Input::Doubted { peer });
                }
            }
            FromSession::TooLarge { id, peer, found } => {
                self.spare.retain(|_, spare| spare.id != id);
                if self.moved(id, &peer, now) {
                    self.handle(Input::Disconnected { peer });
                    let limit = crate::format::limits::FRAME_BYTES;
                    self.broke_a_rule(peer, &PeerError::FrameTooLarge { found, limit });
                }
            }
            FromSession::Ended { id, peer, ended } => {
                self.spare.retain(|_, spare| spare.id != id);
                if self.moved(id, &peer, now) {
                    self.sessions.remove(&peer);
                    self.handle(Input::Disconnected { peer });
                    match self.spare.remove(&peer) {
                        Some(spare) => self.begin(spare),
                        None => self.ended(&peer, ended),
                    }
                }
            }
        }
    }

    /// Whether a session still counts; notes that something moved in it.
    fn moved(&mut self, id: SessionId, peer: &EndpointId, now: Instant) -> bool {
        let session = self
            .sessions
            .get_mut(peer)
            .filter(|session| session.id == id);
        session
            .map(|session| session.standing.moved = now)
            .is_some()
    }

    /// A peer speaks on its second connection: it has lost the first, though nothing said so here.
    fn spoke(&mut self, id: SessionId, peer: &EndpointId) {
        if self.spare.get(peer).is_some_and(|spare| spare.id == id)
            && let Some(spare) = self.spare.remove(peer)
            // What it said before it ended this one itself, in favour of the first, means nothing.
            && spare.connection.close_reason().is_none()
        {
            self.replace(peer);
            self.begin(spare);
        }
    }

    /// Ends a session of which another connection to the same peer takes the place.
    fn replace(&mut self, peer: &EndpointId) {
        if let Some(old) = self.sessions.remove(peer) {
            old.connection.close(VarInt::from_u32(code::DUPLICATE), b"");
            self.handle(Input::Disconnected { peer: *peer });
        }
    }

    fn opened(&mut self, opened: Opened) {
        let (peer, dialed) = (opened.peer, opened.dialed);
        let now = Instant::now();
        let refuse = |code: u32| opened.connection.close(VarInt::from_u32(code), b"");
        if let Some(shut_out) = self.shut_out.get(&peer).filter(|out| out.until > now) {
            refuse(code::BROKE_A_RULE);
            let reason = shut_out.reason.clone();
            return self.dialer.broke_a_rule(&peer, now, reason);
        }
        if self.sessions.len() >= SESSIONS
            && !self.sessions.contains_key(&peer)
            && !self.make_room(&peer, dialed, now)
        {
            refuse(code::BUSY);
            return self.failed(
                &peer,
                "this node holds as many sessions as it may".to_owned(),
            );
        }
        if let Some(old) = self.sessions.get(&peer) {
            // Both dialed at once: both ends keep the one that the smaller id dialed. Otherwise the newer one stays,
            // since its dialer has lost the older.
            if old.dialed != dialed && old.dialed == (self.endpoint.id() < peer) {
                self.dialer.connected(&peer);
                // A peer that already spoke on the older one may also have lost it since and come anew. It then speaks
                // on the newer one; else it ends that itself.
                if dialed || !old.heard {
                    return refuse(code::DUPLICATE);
                }
                if let Some(before) = self.spare.insert(peer, opened) {
                    let connection = before.connection;
                    connection.close(VarInt::from_u32(code::DUPLICATE), b"");
                }
                return;
            }
        }
        self.replace(&peer);
        self.begin(opened);
    }

    /// A peer named feeds that are not wanted here: an address may do so only so often.
    pub(super) fn asked(&mut self, peer: EndpointId, ids: usize) {
        let Some(session) = self.sessions.get(&peer) else {
            return;
        };
        let from = questions::From::of(&session.connection);
        if self.questions.ask(from, ids, Instant::now()) {
            return;
        }
        if let Some(session) = self.sessions.remove(&peer) {
            let connection = session.connection;
            connection.close(VarInt::from_u32(code::BUSY), b"");
        }
        self.handle(Input::Disconnected { peer });
        self.failed(
            &peer,
            "it asked after more feeds than an hour allows".to_owned(),
        );
    }

    /// A peer that shares a feed is not treated as a stranger any more.
    fn widen(&mut self, peer: &EndpointId) {
        let shares = self.swarm.shares_any(*peer);
        self.with_session(peer, |session| {
            if shares && !std::mem::replace(&mut session.is_wide, true) {
                endpoint::widen(&session.connection);
            }
        });
    }

    /// Ends a session whose turn is over in favour of another peer; `false` if there is none. For one that this node looks
    /// for itself, any that it does not look for goes.
    fn make_room(&mut self, comer: &EndpointId, dialed: bool, now: Instant) -> bool {
        let targets = self.dialer.targets();
        let is_awaited = dialed || targets.contains_key(comer);
        let sessions = self.sessions.iter();
        let others =
            sessions.filter(|(peer, session)| !session.dialed && !targets.contains_key(*peer));
        let places = others.map(|(peer, session)| Place {
            peer: *peer,
            opened: session.opened,
            shares: self.swarm.shares_any(*peer),
            has_all: session.standing.caught_up,
        });
        let Some(peer) = first_to_go(places, is_awaited, now) else {
            return false;
        };
        if let Some(session) = self.sessions.remove(&peer) {
            let connection = session.connection;
            connection.close(VarInt::from_u32(code::BUSY), b"");
        }
        self.handle(Input::Disconnected { peer });
        self.failed(&peer, "others had more use for its session".to_owned());
        true
    }

    /// Begins a session over a connection.
    fn begin(&mut self, opened: Opened) {
        let Opened {
            id,
            peer,
            dialed,
            connection,
            outgoing,
        } = opened;
        let standing = Standing {
            caught_up: false,
            agreed: false,
            moved: Instant::now(),
        };
        let session = Session {
            id,
            dialed,
            connection,
            outgoing,
            behind: 0,
            clock_differs_by: None,
            standing,
            is_wide: dialed,
            heard: false,
            opened: Instant::now(),
        };
        if dialed {
            endpoint::widen(&session.connection);
        }
        self.sessions.insert(peer, session);
        self.dialer.connected(&peer);
        self.rounds.iter_mut().for_each(|round| round.opened(&peer));
        if dialed {
            self.greet(peer, !self.rounds.is_empty(), true);
        }
    }

    /// Says hello in a session. Who dialed does so at once and the other end in answer, so that whoever dials for
    /// somebody who waits need not ask again: what the answer says was so after he began to.
    fn greet(&mut self, peer: EndpointId, waits: bool, dialed: bool) {
        let memory = self
            .work
            .store
            .snapshot()
            .and_then(|snapshot| snapshot.memory(peer.as_bytes()));
        let proof = random().unwrap_or_default();
        let clock = crate::net::now().as_millis();
        self.handle(Input::Connected {
            peer,
            memory: memory.ok().flatten(),
            clock,
            proof,
            waits,
            dialed,
        });
    }

    /// A frame came in a peer's session.
    fn hear(&mut self, peer: &EndpointId) {
        let Some(session) = self.sessions.get_mut(peer) else {
            return;
        };
        let is_first = !std::mem::replace(&mut session.heard, true);
        if is_first && !session.dialed {
            self.greet(*peer, false, false);
            if !self.rounds.is_empty() {
                self.await_agreement(peer);
            }
        }
    }

    /// Somebody waits until both ends hold the same.
    pub(super) fn await_agreement(&mut self, peer: &EndpointId) {
        self.rounds.iter_mut().for_each(|round| round.opened(peer));
        self.with_session(peer, |session| {
            session.standing.agreed = false;
            session.standing.moved = Instant::now();
        });
        self.handle(Input::Settle { peer: *peer });
    }

    pub(super) fn broke_a_rule(&mut self, peer: EndpointId, error: &PeerError) {
        self.status_stale();
        let now = Instant::now();
        let reason = error.to_string();
        if let Some(session) = self.sessions.remove(&peer) {
            session
                .connection
                .close(VarInt::from_u32(code::BROKE_A_RULE), reason.as_bytes());
        }
        if let Some(spare) = self.spare.remove(&peer) {
            let connection = spare.connection;
            connection.close(VarInt::from_u32(code::BROKE_A_RULE), reason.as_bytes());
        }
        self.rounds
            .iter_mut()
            .for_each(|round| round.ended(&peer, &reason));
        if error.backoff() == Backoff::Short {
            return self.dialer.failed(&peer, now, reason);
        }
        self.shut_out.retain(|_, out| out.until > now);
        let shut_out = ShutOut {
            until: now + SHUT_OUT,
            reason: reason.clone(),
        };
        self.shut_out.insert(peer, shut_out);
        if self.shut_out.len() > REMEMBERED {
            let oldest = self.shut_out.iter().min_by_key(|(_, out)| out.until);
            if let Some(oldest) = oldest.map(|(peer, _)| *peer) {
                self.shut_out.remove(&oldest);
            }
        }
        self.dialer.broke_a_rule(&peer, now, reason);
    }
}

/// A session of a peer that this node does not look for itself.
#[derive(Debug, Clone, Copy)]
struct Place {
    peer: EndpointId,
    opened: Instant,
    /// It wants a feed that this node wants too.
    shares: bool,
    /// Nothing is left that it had to give.
    has_all: bool,
}

impl Place {
    /// Until when it keeps its place.
    fn until(&self) -> Instant {
        self.opened
            + match (self.shares, self.has_all) {
                (false, _) => GRACE,
                (true, true) => TURN,
                (true, false) => LONG_TURN,
            }
    }
}

/// Whose turn is over: first of those who share nothing, then of those who have all; of these the one that came first. If
/// somebody is awaited, the same of all.
fn first_to_go(
    places: impl Iterator<Item = Place>,
    is_awaited: bool,
    now: Instant,
) -> Option<EndpointId> {
    places
        .filter(|place| is_awaited || place.until() <= now)
        .min_by_key(|place| (place.shares, !place.has_all, place.opened))
        .map(|place| place.peer)
}

#[cfg(test)]
mod tests {
    use iroh::SecretKey;

    use super::*;

    fn endpoint(n: u8) -> EndpointId {
        SecretKey::from_bytes(&[n; 32]).public()
    }

    /// A place that was taken after so many seconds.
    fn place(n: u8, opened: Instant, shares: bool, has_all: bool) -> Place {
        Place {
            peer: endpoint(n),
            opened: opened + Duration::from_secs(n.into()),
            shares,
            has_all,
        }
    }

    #[test]
    fn strangers_go_first_and_only_after_a_while() {
        let begun = Instant::now();
        let after = |seconds| begun + Duration::from_secs(seconds);
        let places = || (0..4).map(|n| place(n, begun, n == 0, n == 0));
        assert_eq!(first_to_go(places(), false, after(10)), None);
        assert_eq!(
            first_to_go(places(), false, after(30)),
            Some(endpoint(1)),
            "of the others the oldest"
        );
    }

    #[test]
    fn followers_take_turns_and_who_has_all_goes_before_who_has_not() {
        let begun = Instant::now();
        let after = |seconds| begun + Duration::from_secs(seconds);
        let places = || (0..4).map(|n| place(n, begun, true, n > 1));
        assert_eq!(first_to_go(places(), false, after(60)), None);
        assert_eq!(first_to_go(places(), false, after(90)), Some(endpoint(2)));
        let behind = || places().take(2);
        assert_eq!(first_to_go(behind(), false, after(90)), None);
        assert_eq!(first_to_go(behind(), false, after(700)), Some(endpoint(0)));
    }

    #[test]
    fn who_is_awaited_gets_a_place_at_once() {
        let begun = Instant::now();
        let places = (0..4).map(|n| place(n, begun, true, false));
        assert_eq!(first_to_go(places, true, begun), Some(endpoint(0)));
        assert_eq!(first_to_go(std::iter::empty(), true, begun), None);
    }
}
