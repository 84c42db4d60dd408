//! All peers together: where events come in, what is shared between sessions, and the timers.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use bytes::Bytes;

use super::error::PeerError;
use super::event::{Input, Millis, Output, PeerIdentity, ReadId, TakeId};
use super::limits::{REMEMBER, SILENCE, TAKING_BYTES};
use super::message::Message;
use super::peer::{Asked, Peer, Settling};
use super::push::Commit;
use super::replica::{Feed, Log, key_of};
use super::taking::Taking;
use crate::format::{FeedId, LogId};

/// A read under way for a peer.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reading {
    pub(super) request: u64,
    pub(super) feed: Option<FeedId>,
}

/// Replication with all peers, as a machine without I/O.
///
/// The driver tells it what happens with [`handle`](Self::handle), then carries out everything that
/// [`poll`](Self::poll) gives, in that order, and says [`Input::Tick`] when [`next_timer`](Self::next_timer) is due.
/// Reads and takes may be answered in any order; what a take changed is told before what became of it, and so is
/// whatever was committed before. All of its memory is bounded by the feeds it is told of and by the number of open
/// sessions.
#[derive(Debug)]
pub struct Swarm<P> {
    pub(super) me: P,
    pub(super) feeds: BTreeMap<Arc<FeedId>, Feed>,
    pub(super) peers: BTreeMap<P, Box<Peer>>,
    pub(super) out: VecDeque<Output<P>>,
    /// The store's last arrival number; the one when a hole or body was last filled; and when one last opened.
    pub(super) arrival: u64,
    pub(super) filled: u64,
    pub(super) opened: u64,
    pub(super) reads: BTreeMap<ReadId, (P, Reading)>,
    pub(super) next_read: u64,
    pub(super) takes: BTreeMap<TakeId, Taking<P>>,
    /// Counts how often a feed began to be wanted.
    pub(super) wanted: u64,
    pub(super) next_take: u64,
    pub(super) sessions: u64,
    /// Bytes in `takes`.
    pub(super) taking: usize,
    /// Until then the disk is left alone.
    pub(super) paused_until: Option<Millis>,
    /// Logs of which a request ended: whoever waits for it may be asked.
    pub(super) requeue: Vec<LogId>,
    pub(super) touched: BTreeSet<P>,
    /// Peers whose window was closed because too much waits to be stored.
    pub(super) starved: bool,
}

impl<P: PeerIdentity> Swarm<P> {
    /// Whether a connected peer is known to want a feed too, and so to hold it or to be about to.
    pub fn shares(&self, peer: &P, feed: &FeedId) -> bool {
        let known = self.peers.get(peer);
        known.is_some_and(|peer| peer.lists.common().any(|(_, common)| common == feed))
    }

    /// Whether a feed is wanted and served.
    pub fn wants(&self, feed: &FeedId) -> bool {
        self.feeds.contains_key(feed)
    }

    /// Makes a machine for the endpoint `me`. `arrival` is the store's last arrival number, `filled` the one at which
    /// it last filled a hole or a body behind a head (`arrival` if that is not known: it costs others some requests).
    pub fn new(me: P, arrival: u64, filled: u64) -> Self {
        Self {
            me,
            feeds: BTreeMap::new(),
            peers: BTreeMap::new(),
            out: VecDeque::new(),
            arrival,
            filled,
            opened: arrival,
            reads: BTreeMap::new(),
            next_read: 0,
            takes: BTreeMap::new(),
            wanted: 0,
            next_take: 0,
            sessions: 0,
            taking: 0,
            paused_until: None,
            requeue: Vec::new(),
            touched: BTreeSet::new(),
            starved: false,
        }
    }

    /// Takes an event in. `now` never goes back.
    pub fn handle(&mut self, now: Millis, input: Input<P>) {
        match input {
            Input::Feed { feed, replica } => self.feed(now, feed, &replica),
            Input::FeedGone { feed } => self.feed_gone(now, feed),
            Input::Connected {
                peer,
                memory,
                clock,
                proof,
                waits,
                dialed,
            } => {
                self.end_session(peer);
                self.open_session(now, peer, memory, (clock, proof), dialed);
                if waits {
                    self.with_peer(peer, |_, peer| begin_settling(peer, true));
                }
                self.touched.insert(peer);
            }
            Input::Disconnected { peer } => self.end_session(peer),
            Input::Frame { peer, bytes, clock } => self.frame(now, peer, &bytes, clock),
            Input::Sent { peer, bytes } => self.with_peer(peer, |_, peer| {
                peer.outgoing = peer.outgoing.saturating_sub(bytes);
            }),
            Input::Settle { peer } => self.with_peer(peer, |_, peer| begin_settling(peer, false)),
            Input::Doubted { peer } => {
                let id = peer;
                self.with_peer(id, |swarm, peer| swarm.doubt(now, id, peer));
            }
            Input::Tick => self.tick(now),
            Input::Stored {
                log,
                range,
                head,
                run,
                missing,
                arrival,
            } => {
                self.stored(
                    now,
                    &Commit {
                        log,
                        range,
                        head,
                        run,
                        missing,
                    },
                    arrival,
                );
            }
            Input::BodiesDone { log, seqs, arrival } => self.bodies_done(now, &log, &seqs, arrival),
            Input::StatementsChanged {
                feed,
                digest,
                arrival,
            } => self.statements_changed(now, feed, digest, arrival),
            Input::Forked { log, at, arrival } => self.forked(now, log, at, arrival),
            Input::ReadDone { read, answer } => {
                if let Some((id, reading)) = self.reads.remove(&read) {
                    self.with_peer(id, |swarm, peer| swarm.answer(id, peer, &reading, answer));
                }
            }
            Input::Taken { take, outcome } => self.taken(now, take, outcome),
        }
        self.flush(now);
    }

    /// The next thing to be done, if any. Call until there is none after each [`handle`](Self::handle).
    pub fn poll(&mut self) -> Option<Output<P>> {
        self.out.pop_front()
    }

    /// Whether a peer with a session wants a feed that this node wants too, as far as is known yet.
    pub fn shares_any(&self, peer: P) -> bool {
        self.peers
            .get(&peer)
            .is_some_and(|peer| peer.lists.common().next().is_some())
    }

    /// Whether so much waits to be stored that no more frames should be handed over until some of it is. What was asked
    /// for is less by far, but a peer may answer with more than was to be expected.
    pub const fn is_full(&self) -> bool {
        self.taking >= 4 * TAKING_BYTES
    }

    /// When [`Input::Tick`] is due; none while nothing waits for time to pass.
    pub fn next_timer(&self) -> Option<Millis> {
        let peers = self.peers.values().flat_map(|peer| {
            let echo = peer.echoes.next();
            [peer.settle_at, peer.deep_at, silent_at(peer), echo]
        });
        peers.chain([self.paused_until]).flatten().min()
    }

    fn frame(&mut self, now: Millis, id: P, bytes: &Bytes, clock: i64) {
        let Some(mut peer) = self.peers.remove(&id) else {
            return;
        };
        let result = Message::decode(bytes)
            .and_then(|message| self.message(now, id, &mut peer, message, clock));
        self.peers.insert(id, peer);
        self.touched.insert(id);
        if let Err(error) = result {
            self.close(id, error);
        }
    }

    fn message(
        &mut self,
        now: Millis,
        id: P,
        peer: &mut Peer,
        message: Message,
        clock: i64,
    ) -> Result<(), PeerError> {
        if peer.hello.is_none() && !matches!(message, Message::Hello(_)) {
            return Err(PeerError::OutOfTurn {
                message: message.name(),
                when: "before its hello",
            });
        }
        if is_progress(&message) {
            peer.progress_at = now;
        }
        if is_answer(&message) {
            peer.echoes.heard(now);
        }
        match message {
            Message::Hello(hello) => self.on_hello(now, id, peer, hello, clock),
            Message::Wants(wants) => self.on_wants(now, id, peer, wants),
            Message::WantsAsk => self.on_wants_ask(id, peer),
            Message::Buckets { bits, prints } => self.on_buckets(now, id, peer, bits, &prints),
            Message::Heads { last, feeds } => self.on_heads(now, id, peer, last, feeds),
            Message::Ask { request, ids } => self.on_ask(peer, request, &ids),
            Message::Now {
                print,
                theirs,
                filled,
                asks,
                answers,
            } => {
                peer.answer_due |= asks;
                let told = self.on_now(now, id, peer, print, theirs, filled);
                if answers {
                    self.settled(id, peer, print);
                }
                told
            }
            Message::Requests { first, items } => self.on_requests(peer, first, &items),
            Message::BodiesRequest {
                request,
                alias,
                wanted,
            } => self.on_bodies_request(peer, request, alias, wanted),
            Message::StatementsRequest { request, id } => {
                self.on_statements_request(peer, request, &id)
            }
            Message::ProofRequest { request, alias } => self.on_proof_request(peer, request, alias),
            Message::Run { request, last, run } => self.on_run(now, id, peer, request, last, run),
            Message::Push { name, run } => self.on_push(now, id, peer, name, run),
            Message::Body { request, seq, body } => self.on_body(id, peer, request, seq, body),
            Message::Statements { request, items } => self.on_statements(id, peer, request, items),
            Message::Proof { request, proof } => self.on_proof(now, id, peer, request, proof),
            Message::Done { request } => self.on_done(now, id, peer, request),
            Message::Echo { answers } => Self::on_echo(peer, answers),
        }
    }

    fn on_wants_ask(&mut self, id: P, peer: &mut Peer) -> Result<(), PeerError> {
        if !peer.wants_out || !peer.has_room() {
            return Err(PeerError::OutOfTurn {
                message: "a question for wants",
                when: "without need",
            });
        }
        self.send_wants(id, peer, false);
        Ok(())
    }

    /// A session that a peer ended by breaking a rule.
    pub(super) fn close(&mut self, id: P, error: PeerError) {
        self.end_session(id);
        self.out.push_back(Output::Close { peer: id, error });
    }

    fn end_session(&mut self, id: P) {
        // What was said in this session and is not carried out yet must not reach the next one.
        self.out.retain(|output| !output.is_of_session(&id));
        let Some(peer) = self.peers.remove(&id) else {
            return;
        };
        if peer.unwritten {
            self.write_memory(id, &peer);
        }
        for open in peer.open.values() {
            self.release(open);
            if let Asked::Run { log, .. } | Asked::Bodies { log, .. } = &open.what {
                self.requeue.push(*log);
            }
        }
        self.reads.retain(|_, (reader, _)| *reader != id);
        self.touched.remove(&id);
    }

    fn tick(&mut self, now: Millis) {
        if self.paused_until.is_some_and(|until| until <= now) {
            self.paused_until = None;
            self.each_peer(|_, _, peer| {
                for log in std::mem::take(&mut peer.queues.waiting) {
                    peer.enqueue(log);
                }
            });
        }
        let silent: Vec<P> = self
            .peers
            .iter()
            .filter(|(_, peer)| silent_at(peer).is_some_and(|at| at <= now))
            .map(|(id, _)| *id)
            .collect();
        for id in silent {
            let due = self
                .peers
                .get(&id)
                .and_then(|peer| peer.due())
                .unwrap_or("something");
            self.close(
                id,
                PeerError::Silent {
                    millis: SILENCE,
                    due,
                },
            );
        }
        self.tick_echoes(now);
        let settled: Vec<P> = self
            .peers
            .iter()
            .filter(|(_, peer)| peer.settle_at.is_some_and(|at| at <= now))
            .map(|(id, _)| *id)
            .collect();
        for id in settled {
            self.with_peer(id, |swarm, peer| swarm.settle(now, id, peer));
        }
        for (id, peer) in &mut self.peers {
            if peer.deep_at.take_if(|at| *at <= now).is_some() {
                self.touched.insert(*id);
            }
        }
    }

    /// Does for each session that something happened to what can be done now.
    fn flush(&mut self, now: Millis) {
        for log in std::mem::take(&mut self.requeue) {
            self.requeue_everywhere(log);
        }
        while let Some(id) = self.touched.pop_first() {
            let Some(mut peer) = self.peers.remove(&id) else {
                continue;
            };
            self.send_wants_changes(id, &mut peer);
            self.tell(now, id, &mut peer);
            self.serve(id, &mut peer);
            self.pull(now, id, &mut peer);
            self.starved |= self.taking >= TAKING_BYTES;
            self.answer_settling(now, id, &mut peer);
            if peer.has_all() && !peer.caught_up {
                self.caught_up(now, id, &mut peer);
            }
            peer.due_since = peer.due().map(|_| peer.due_since.unwrap_or(now));
            self.echo(now, id, &mut peer);
            self.peers.insert(id, peer);
        }
    }

    fn caught_up(&mut self, now: Millis, id: P, peer: &mut Peer) {
        peer.caught_up = true;
        self.out.push_back(Output::Behind {
            peer: id,
            entries: 0,
        });
        self.out.push_back(Output::CaughtUp { peer: id });
        let settled = Some((peer.filled, self.opened));
        if peer.unadmitted.is_empty() && peer.memory.settled != settled {
            peer.memory.settled = settled;
            self.remember(now, id, peer, false);
        }
    }

    /// Lets a log that waits for others be asked of every peer again.
    pub(super) fn requeue_everywhere(&mut self, log: LogId) {
        for (id, peer) in &mut self.peers {
            if peer.logs.contains_key(&log) {
                peer.enqueue(log);
                self.touched.insert(*id);
            }
        }
    }

    /// Hands what is known of a peer to the driver: soon if that saves much, else at most once a minute. Of one that
    /// shares no feed nothing is kept, since anyone may make any number of those.
    pub(super) fn remember(&mut self, now: Millis, id: P, peer: &mut Peer, soon: bool) {
        const SELDOM: Millis = 60_000;
        let wait = if soon { REMEMBER } else { SELDOM };
        peer.unwritten = peer
            .written_at
            .is_some_and(|at| now.saturating_sub(at) < wait);
        if !peer.unwritten {
            peer.written_at = Some(now);
            self.write_memory(id, peer);
        }
    }

    fn write_memory(&mut self, id: P, peer: &Peer) {
        if peer.lists.common().next().is_some() {
            self.out.push_back(Output::Remember {
                peer: id,
                memory: peer.memory_now().encode().into(),
            });
        }
    }

    pub(super) fn send(&mut self, id: P, peer: &mut Peer, message: &Message) {
        let frame = message.encode();
        peer.outgoing += frame.len();
        let opens = !(peer.compared_in && peer.compared_out);
        peer.echoes.said(message, frame.len(), opens);
        self.out.push_back(Output::Send { peer: id, frame });
    }

    pub(super) fn log(&self, log: &LogId) -> Option<&Log> {
        self.feeds.get(&log.feed)?.logs.get(&key_of(log))
    }

    pub(super) fn with_peer(&mut self, id: P, act: impl FnOnce(&mut Self, &mut Peer)) {
        if let Some(mut peer) = self.peers.remove(&id) {
            act(self, &mut peer);
            self.peers.insert(id, peer);
            self.touched.insert(id);
        }
    }

    pub(super) fn each_peer(&mut self, mut act: impl FnMut(&mut Self, P, &mut Peer)) {
        let mut peers = std::mem::take(&mut self.peers);
        for (id, peer) in &mut peers {
            act(self, *id, peer);
            self.touched.insert(*id);
        }
        self.peers = peers;
    }
}

impl Reading {
    pub(super) const fn of(request: u64, feed: FeedId) -> Self {
        Self {
            request,
            feed: Some(feed),
        }
    }
}

/// Somebody waits for this peer.
const fn begin_settling(peer: &mut Peer, fresh: bool) {
    peer.settling = Some(Settling {
        tries: super::limits::SETTLE_TRIES,
        asked: false,
        fresh,
    });
}

/// Messages that bring what was due. Others do not keep a session alive, or a peer could hold ranges back for ever.
const fn is_progress(message: &Message) -> bool {
    !matches!(
        message,
        Message::WantsAsk
            | Message::Now { .. }
            | Message::Requests { .. }
            | Message::BodiesRequest { .. }
            | Message::StatementsRequest { .. }
            | Message::ProofRequest { .. }
            | Message::Ask { .. }
            | Message::Push { .. }
            | Message::Echo { .. }
    )
}

/// Messages that show that a request was heard.
const fn is_answer(message: &Message) -> bool {
    matches!(
        message,
        Message::Run { .. }
            | Message::Body { .. }
            | Message::Statements { .. }
            | Message::Proof { .. }
            | Message::Done { .. }
    )
}

fn silent_at(peer: &Peer) -> Option<Millis> {
    peer.due_since
        .map(|since| since.max(peer.progress_at).saturating_add(SILENCE))
}
