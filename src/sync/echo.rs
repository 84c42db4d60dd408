//! Whether what was said arrives.
//!
//! A connection may live on and bring nothing more: what was on its way over a path that was given up is lost for ever if
//! the word that it was given up is lost too (noq 1.4; draft-ietf-quic-multipath leaves the time of it open), and all that
//! comes after it waits. A peer to which nothing is due would not be missed then. So some time after something was said it
//! is asked whether it came, on the same stream: the answer shows that all before the question did, both ways.

use super::error::PeerError;
use super::event::{Millis, PeerIdentity};
use super::limits::{DOUBT_LIMIT, ECHO, ECHO_LIMIT, SLOWEST};
use super::message::Message;
use super::peer::Peer;
use super::swarm::Swarm;

/// What one side asked in a session, and was asked.
#[derive(Debug, Default)]
pub(super) struct Echoes {
    /// Something was said since the last question that nobody would miss.
    unheard: bool,
    /// Bytes said since the last question.
    said: usize,
    /// When the next question goes out.
    ask_at: Option<Millis>,
    /// Until when the open question has to be answered, and how long that was.
    until: Option<(Millis, Millis)>,
    /// How much of that is for what was said before the question.
    way: Millis,
    /// The peer's question is not answered yet.
    owed: bool,
}

impl Echoes {
    /// Takes note of what goes out. Most of it the peer waits for, or has to answer, so that one of the two ends misses it:
    /// so it is while the session opens.
    pub(super) const fn said(&mut self, message: &Message, bytes: usize, opens: bool) {
        self.said = self.said.saturating_add(bytes);
        match message {
            _ if opens => {}
            Message::Heads { last: true, .. } => {}
            Message::Heads { .. }
            | Message::Push { .. }
            | Message::Wants(_)
            | Message::Now { asks: true, .. } => self.unheard = true,
            _ => {}
        }
    }

    /// An answer to a request came, which was heard, then: the answer to the question may be behind many of those.
    pub(super) const fn heard(&mut self, now: Millis) {
        if let Some((until, limit)) = &mut self.until {
            *until = now.saturating_add(*limit);
        }
    }

    /// The peer holds what this node does, so it heard of it.
    pub(super) const fn all_heard(&mut self) {
        self.unheard = false;
        self.ask_at = None;
    }

    /// When something is to be done though nothing happens.
    pub(super) fn next(&self) -> Option<Millis> {
        let until = self.until.map(|(until, _)| until);
        self.ask_at.or(until)
    }
}

impl<P: PeerIdentity> Swarm<P> {
    /// Answers a question, and sets the time of the next one.
    pub(super) fn echo(&mut self, now: Millis, id: P, peer: &mut Peer) {
        // Who asks again and again and reads no answer gets one when it has read.
        if peer.echoes.owed && peer.has_room() {
            peer.echoes.owed = false;
            self.send(id, peer, &Message::Echo { answers: true });
        }
        let echoes = &mut peer.echoes;
        if echoes.unheard && echoes.ask_at.is_none() && echoes.until.is_none() {
            echoes.ask_at = Some(now.saturating_add(ECHO));
        }
    }

    /// Asks whose time has come, and ends sessions in which no answer came.
    pub(super) fn tick_echoes(&mut self, now: Millis) {
        let is_due = |peer: &Peer| peer.echoes.next().is_some_and(|at| at <= now);
        let peers = self.peers.iter().filter(|(_, peer)| is_due(peer));
        let due: Vec<P> = peers.map(|(id, _)| *id).collect();
        for id in due {
            let mut unanswered = None;
            self.with_peer(id, |swarm, peer| match peer.echoes.until {
                Some((_, millis)) => unanswered = Some(millis),
                None => swarm.ask_for_echo(now, id, peer, ECHO_LIMIT),
            });
            if let Some(millis) = unanswered {
                let due = "an echo of what was said";
                self.close(id, PeerError::Silent { millis, due });
            }
        }
    }

    /// Something else is said anyway, so that a question costs no packet of its own.
    pub(super) fn echo_now(&mut self, now: Millis, id: P, peer: &mut Peer) {
        if peer.echoes.unheard && peer.echoes.until.is_none() {
            self.ask_for_echo(now, id, peer, ECHO_LIMIT);
        }
    }

    /// A path of the connection is no more: asks at once, or waits less long for the answer.
    pub(super) fn doubt(&mut self, now: Millis, id: P, peer: &mut Peer) {
        match &mut peer.echoes.until {
            None => self.ask_for_echo(now, id, peer, DOUBT_LIMIT),
            Some((until, limit)) => {
                let way = peer.echoes.way;
                *limit = (*limit).min(DOUBT_LIMIT.saturating_add(way));
                *until = (*until).min(now.saturating_add(*limit));
            }
        }
    }

    fn ask_for_echo(&mut self, now: Millis, id: P, peer: &mut Peer, limit: Millis) {
        let said = std::mem::take(&mut peer.echoes.said);
        let way = u64::try_from(said / SLOWEST).unwrap_or(Millis::MAX);
        let limit = limit.saturating_add(way);
        peer.echoes.way = way;
        peer.echoes.unheard = false;
        peer.echoes.ask_at = None;
        peer.echoes.until = Some((now.saturating_add(limit), limit));
        self.send(id, peer, &Message::Echo { answers: false });
    }

    pub(super) fn on_echo(peer: &mut Peer, answers: bool) -> Result<(), PeerError> {
        if !answers {
            peer.echoes.owed = true;
            return Ok(());
        }
        match peer.echoes.until.take() {
            Some(_) => Ok(()),
            None => Err(PeerError::OutOfTurn {
                message: "an echo",
                when: "without a question",
            }),
        }
    }
}
