//! Asking: what is missing, of whom, in which order; and the answers.
//!
//! A log's turn comes in one of three queues: lane `state` first, then the newest few entries of every log, then whole
//! blocks, newest first; the first of them a moment after the newest are stored, so that the first page is right and
//! looked at before the bulk comes. Each queue goes round, one range a turn. A range is asked of one peer at a time; a log in which only ranges asked of others
//! are missing waits until those are answered.

use bytes::Bytes;

use super::error::PeerError;
use super::event::{Millis, Output, PeerIdentity};
use super::limits::{
    FEW_FEEDS, FIRST_PAGE, IDS_PER_MESSAGE, STATEMENT_LEAST, STATEMENTS_BYTES, TAKING_BYTES, WINDOW,
};
use super::message::Message;
use super::peer::{Asked, Open, Peer};
use super::pick::{Step, Turn, step};
use super::replica::{Log, key_of};
use super::swarm::Swarm;
use super::wire::{RunRequest, Wanted, peek_run};
use crate::format::{LogId, Seq, limits};

impl<P: PeerIdentity> Swarm<P> {
    /// Asks for what is missing as far as the windows allow.
    pub(super) fn pull(&mut self, now: Millis, id: P, peer: &mut Peer) {
        self.look_for_holes(peer);
        if self.paused_until.is_some_and(|until| now < until) {
            return;
        }
        self.ask_small(id, peer);
        // Refilled by the quarter, so that requests share frames.
        if peer.runs_open > WINDOW * 3 / 4 {
            return;
        }
        let mut first = peer.next_request;
        let mut items = Vec::new();
        while self.taking < TAKING_BYTES && peer.runs_open < WINDOW && peer.window_open() {
            let Some((log, what, turn)) = self.next_step(peer) else {
                break;
            };
            match what {
                Step::Run { start, end } => {
                    items.push(self.ask_run(peer, log, start, end, turn));
                }
                Step::Bodies(wanted) => {
                    self.send_requests(id, peer, first, &mut items);
                    self.ask_bodies(id, peer, log, wanted);
                    first = peer.next_request;
                }
                Step::Blocked | Step::Later | Step::Nothing => {}
            }
        }
        self.send_requests(id, peer, first, &mut items);
    }

    fn send_requests(&mut self, id: P, peer: &mut Peer, first: u64, items: &mut Vec<RunRequest>) {
        if !items.is_empty() {
            let items = std::mem::take(items);
            self.send(id, peer, &Message::Requests { first, items });
        }
    }

    /// Heads, proofs and statements: little, and what comes after depends on it.
    fn ask_small(&mut self, id: P, peer: &mut Peer) {
        while peer.window_open() && !peer.queues.asks.is_empty() {
            let next = std::iter::from_fn(|| peer.queues.asks.pop_first());
            let ids = next.take(IDS_PER_MESSAGE).collect();
            let request = self.open(peer, Asked::Heads);
            self.send(id, peer, &Message::Ask { request, ids });
        }
        while peer.window_open() {
            let Some(log) = peer.queues.proofs.pop_first() else {
                break;
            };
            let Some(alias) = peer.logs.get(&log).map(|state| state.alias) else {
                continue;
            };
            let request = self.open(peer, Asked::Proof { log });
            self.send(id, peer, &Message::ProofRequest { request, alias });
        }
        while peer.window_open() {
            let Some(feed) = peer.queues.statements.pop_first() else {
                break;
            };
            if !self.feeds.contains_key(&feed) {
                continue;
            }
            let blinded = self.blind(id, &feed);
            let request = self.open(peer, Asked::Statements { feed });
            self.send(
                id,
                peer,
                &Message::StatementsRequest {
                    request,
                    id: blinded,
                },
            );
        }
    }

    /// The next log's turn that comes to something.
    fn next_step(&self, peer: &mut Peer) -> Option<(LogId, Step, Turn)> {
        let nothing = Log::default();
        if peer.queues.newest.len() > FEW_FEEDS {
            peer.few = false;
        } else if peer.queues.newest.is_empty() {
            peer.few = true;
        }
        loop {
            let (log_id, turn) = next_turn(peer)?;
            let Some(state) = peer.logs.get_mut(&log_id) else {
                continue;
            };
            state.queued = false;
            let Some(feed) = self.feeds.get(&log_id.feed) else {
                continue;
            };
            let log = feed.logs.get(&key_of(&log_id)).unwrap_or(&nothing);
            let step = step(log, state, turn, peer.few);
            if turn == Turn::Newest {
                state.newest_asked = state.head.map(|(seq, _)| seq);
            }
            match step {
                Step::Run { .. } | Step::Bodies(_) => {
                    state.queued = true;
                    match turn {
                        Turn::State => peer.queues.state.push_back(log_id),
                        Turn::Newest | Turn::Deep => peer.queues.deep.push_back(log_id),
                    }
                    return Some((log_id, step, turn));
                }
                Step::Later => {
                    state.queued = true;
                    peer.queues.deep.push_back(log_id);
                }
                Step::Blocked => {
                    peer.queues.waiting.insert(log_id);
                }
                Step::Nothing => {}
            }
        }
    }

    fn ask_run(
        &mut self,
        peer: &mut Peer,
        log_id: LogId,
        start: u64,
        end: u64,
        turn: Turn,
    ) -> RunRequest {
        let is_alone = peer.logs.get(&log_id);
        let is_alone = is_alone.is_some_and(|state| state.alone.contains(start));
        let leans = |log: &Log| log.held.contains(end) && !log.held.contains(start);
        let next_held = !is_alone && self.log(&log_id).is_some_and(leans);
        if let Some(feed) = self.feeds.get_mut(&log_id.feed) {
            feed.logs.of(key_of(&log_id)).inflight.insert(start, end);
        }
        let what = Asked::Run {
            log: log_id,
            start,
            end,
            next_held,
        };
        let request = self.open(peer, what);
        peer.runs_open += 1;
        if let Some(open) = peer.open.get_mut(&request) {
            open.deep = turn == Turn::Deep;
            open.newest = turn == Turn::Newest && !peer.few;
            peer.deep_open += usize::from(open.deep);
            peer.newest_open += usize::from(open.newest);
        }
        let mut alias = 0;
        if let Some(state) = peer.logs.get_mut(&log_id) {
            alias = state.alias;
            if state.head.is_some_and(|(head, _)| head == start) && end == start + 1 {
                state.branch_asked = Some(start);
            }
        }
        RunRequest {
            alias,
            start: Seq(start),
            count: end - start,
            next_held,
        }
    }

    fn ask_bodies(&mut self, id: P, peer: &mut Peer, log_id: LogId, wanted: Vec<Wanted>) {
        if let Some(feed) = self.feeds.get_mut(&log_id.feed) {
            let log = feed.logs.of(key_of(&log_id));
            log.bodies_inflight.extend(wanted.iter().map(|(_, id)| *id));
        }
        let alias = peer.logs.get(&log_id).map_or(0, |state| state.alias);
        let request = self.open(
            peer,
            Asked::Bodies {
                log: log_id,
                wanted: wanted.clone(),
            },
        );
        self.send(
            id,
            peer,
            &Message::BodiesRequest {
                request,
                alias,
                wanted,
            },
        );
    }

    pub(super) fn on_run(
        &mut self,
        now: Millis,
        id: P,
        peer: &mut Peer,
        request: u64,
        last: bool,
        run: Bytes,
    ) -> Result<(), PeerError> {
        let (first, count) = peek_run(&run)?;
        let open = open_request(peer, request)?;
        let Asked::Run {
            log, start, end, ..
        } = open.what
        else {
            return Err(PeerError::WrongAnswer {
                request,
                found: "a run",
            });
        };
        let stop = first.0.saturating_add(count);
        let block_end = Seq(start).block_end().0;
        // A run may go on to the next signature, but it begins where it was asked for and runs do not overlap.
        if first.0 < open.next.max(start) || first.0 >= end || stop > block_end {
            return Err(PeerError::WrongRange {
                first,
                count,
                start: Seq(start),
                end: Seq(end),
            });
        }
        open.next = stop;
        open.bytes += run.len();
        open.done = last;
        if self.feeds.contains_key(&log.feed) {
            self.take_run(id, peer, request, log, run);
        }
        self.finish(now, id, peer, request);
        Ok(())
    }

    pub(super) fn on_body(
        &mut self,
        id: P,
        peer: &mut Peer,
        request: u64,
        seq: Seq,
        body: Bytes,
    ) -> Result<(), PeerError> {
        let open = open_request(peer, request)?;
        let Asked::Bodies { log, wanted } = &open.what else {
            return Err(PeerError::WrongAnswer {
                request,
                found: "a body",
            });
        };
        let log = *log;
        // Bodies come in the order of the request, so none comes twice.
        let place = (0u64..)
            .zip(wanted)
            .find(|(place, asked)| asked.0 == seq && *place >= open.next);
        let Some((place, (_, entry))) = place.filter(|_| body.len() <= limits::BODY_BYTES as usize)
        else {
            return Err(PeerError::WrongAnswer {
                request,
                found: "another body than was asked for",
            });
        };
        let entry = *entry;
        open.next = place + 1;
        open.bytes += body.len();
        if self.feeds.contains_key(&log.feed) {
            let take = self.take_id(id, peer, request, body.len());
            self.out.push_back(Output::TakeBody {
                take,
                peer: id,
                log,
                seq,
                id: entry,
                body,
            });
        }
        Ok(())
    }

    pub(super) fn on_statements(
        &mut self,
        id: P,
        peer: &mut Peer,
        request: u64,
        items: Vec<Bytes>,
    ) -> Result<(), PeerError> {
        let open = open_request(peer, request)?;
        let Asked::Statements { feed } = open.what else {
            return Err(PeerError::WrongAnswer {
                request,
                found: "statements",
            });
        };
        if items.iter().any(|item| item.len() < STATEMENT_LEAST) {
            return Err(PeerError::Rejected {
                what: "a statement",
                reason: "it is too short for a signature".to_owned(),
            });
        }
        let bytes = items.iter().map(Bytes::len).sum::<usize>();
        open.bytes += bytes;
        if open.bytes > STATEMENTS_BYTES
            || items
                .iter()
                .any(|item| item.len() > limits::STATEMENT_BYTES)
        {
            return Err(PeerError::AnswerTooLarge {
                request,
                limit: STATEMENTS_BYTES,
            });
        }
        if self.feeds.contains_key(&feed) && !items.is_empty() {
            let take = self.take_id(id, peer, request, bytes);
            self.out.push_back(Output::TakeStatements {
                take,
                peer: id,
                feed,
                items,
            });
        }
        Ok(())
    }

    pub(super) fn on_proof(
        &mut self,
        now: Millis,
        id: P,
        peer: &mut Peer,
        request: u64,
        proof: Bytes,
    ) -> Result<(), PeerError> {
        let open = open_request(peer, request)?;
        let Asked::Proof { log } = open.what else {
            return Err(PeerError::WrongAnswer {
                request,
                found: "a proof",
            });
        };
        open.bytes += proof.len();
        open.done = true;
        if self.feeds.contains_key(&log.feed) {
            let take = self.take_id(id, peer, request, proof.len());
            self.out.push_back(Output::TakeProof {
                take,
                peer: id,
                log,
                proof,
            });
        }
        self.finish(now, id, peer, request);
        Ok(())
    }

    pub(super) fn on_done(
        &mut self,
        now: Millis,
        id: P,
        peer: &mut Peer,
        request: u64,
    ) -> Result<(), PeerError> {
        open_request(peer, request)?.done = true;
        self.finish(now, id, peer, request);
        Ok(())
    }

    /// Ends a request that is answered and whose answers are dealt with.
    pub(super) fn finish(&mut self, now: Millis, id: P, peer: &mut Peer, request: u64) {
        if peer
            .open
            .get(&request)
            .is_none_or(|open| !open.done || open.takes > 0)
        {
            return;
        }
        let Some(open) = peer.open.remove(&request) else {
            return;
        };
        self.release(&open);
        // Of a feed that was left meanwhile nothing was taken, which says nothing about the peer.
        let keep = open.keep || Self::seen(&self.feeds, &open.what).since != open.since;
        match &open.what {
            Asked::Run {
                log, start, end, ..
            } => {
                if !open.pushed {
                    peer.runs_open -= 1;
                    peer.deep_open -= usize::from(open.deep);
                    peer.newest_open -= usize::from(open.newest);
                    if open.newest {
                        newest_came(now, peer);
                    }
                    peer.deep_window = WINDOW.min(peer.deep_window + 1);
                    peer.mean = peer.mean - peer.mean / 16 + open.bytes;
                }
                if !keep {
                    self.mark_not_held(peer, log, *start, *end);
                    if let Some(state) = peer.logs.get_mut(log) {
                        state.answered(open.bytes > 0);
                    }
                }
                self.requeue.push(*log);
            }
            Asked::Bodies { log, wanted } => {
                let missing = self.log(log).map(|log| &log.missing);
                if let (Some(state), Some(missing), false) = (peer.logs.get_mut(log), missing, keep)
                {
                    let lacking = wanted
                        .iter()
                        .filter(|(seq, id)| missing.get(&seq.0) == Some(id));
                    state.bodies_not_held.extend(lacking.map(|(_, id)| *id));
                }
                self.requeue.push(*log);
            }
            Asked::Statements { .. } | Asked::Proof { .. } | Asked::Heads => {}
        }
        peer.answers += 1;
        if peer.answers.is_multiple_of(64) {
            self.report_behind(id, peer);
        }
        if open.bytes > 0 {
            self.unsettle(now, peer);
        }
    }

    /// What came was stored before; the rest of the range the peer does not hold.
    fn mark_not_held(&self, peer: &mut Peer, log_id: &LogId, start: u64, end: u64) {
        let Some(state) = peer.logs.get_mut(log_id) else {
            return;
        };
        state.not_held.insert(start, end);
        for (start, end) in self.log(log_id).into_iter().flat_map(|log| log.held.iter()) {
            state.not_held.remove(start, end);
        }
    }

    fn open(&self, peer: &mut Peer, what: Asked) -> u64 {
        let request = peer.next_request;
        peer.next_request += 1;
        peer.caught_up = false;
        let open = Open {
            since: Self::seen(&self.feeds, &what).since,
            what,
            done: false,
            pushed: false,
            deep: false,
            newest: false,
            takes: 0,
            keep: false,
            bytes: 0,
            next: 0,
        };
        peer.open.insert(request, open);
        request
    }

    /// Lets others be asked for what this request asked for.
    pub(super) fn release(&mut self, open: &Open) {
        let (Asked::Run { log: log_id, .. } | Asked::Bodies { log: log_id, .. }) = &open.what
        else {
            return;
        };
        let Some(feed) = self.feeds.get_mut(&log_id.feed) else {
            return;
        };
        let key = key_of(log_id);
        if let Some(log) = feed.logs.get_mut(&key) {
            match &open.what {
                Asked::Run { start, end, .. } => log.inflight.remove(*start, *end),
                Asked::Bodies { wanted, .. } => {
                    for (_, id) in wanted {
                        log.bodies_inflight.remove(id);
                    }
                }
                Asked::Statements { .. } | Asked::Proof { .. } | Asked::Heads => {}
            }
        }
        feed.drop_if_blank(&key);
    }
}

/// Some of the newest entries of many logs are stored. When all are, a first page is right.
fn newest_came(now: Millis, peer: &mut Peer) {
    let all = peer.compared_in && peer.newest_open == 0 && peer.queues.newest.is_empty();
    if all && !peer.newest_held {
        peer.newest_held = true;
        peer.deep_at = Some(now.saturating_add(FIRST_PAGE));
    }
}

fn next_turn(peer: &mut Peer) -> Option<(LogId, Turn)> {
    let queues = &mut peer.queues;
    if let Some(log) = queues.state.pop_front() {
        return Some((log, Turn::State));
    }
    if let Some(log) = queues.newest.pop_front() {
        return Some((log, Turn::Newest));
    }
    let first_page = peer.deep_at.is_some() || (peer.newest_open > 0 && !peer.newest_held);
    if first_page || peer.deep_open >= peer.deep_window {
        return None;
    }
    queues.deep.pop_front().map(|log| (log, Turn::Deep))
}

fn open_request(peer: &mut Peer, request: u64) -> Result<&mut Open, PeerError> {
    peer.open
        .get_mut(&request)
        .filter(|open| !open.done)
        .ok_or(PeerError::NotRequested { request })
}
