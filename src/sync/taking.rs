//! What is handed over to be verified and stored, and what becomes of it.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;

use super::error::PeerError;
use super::event::{Millis, Outcome, Output, PeerIdentity, TakeId};
use super::limits::TROUBLE;
use super::peer::{Asked, Peer};
use super::replica::Feed;
use super::swarm::Swarm;
use crate::format::{FeedId, Hash16, LogId};

/// Something handed over to be stored.
#[derive(Debug)]
pub(super) struct Taking<P> {
    peer: P,
    /// The peer's session then; a later one is not blamed.
    session: u64,
    request: u64,
    bytes: usize,
    /// What was known of the feed then.
    seen: Seen,
    /// A run, to be handed over once more if it was judged by what does not hold any more.
    run: Option<Bytes>,
}

/// A feed at one moment: since when it is wanted without a break, and by which statements entries were judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Seen {
    pub(super) since: u64,
    statements: Hash16,
}

impl<P: PeerIdentity> Swarm<P> {
    pub(super) fn taken(&mut self, now: Millis, take: TakeId, outcome: Outcome) {
        let Some(taking) = self.takes.remove(&take) else {
            return;
        };
        self.taking = self.taking.saturating_sub(taking.bytes);
        let id = taking.peer;
        if self.starved {
            self.starved = false;
            self.touched.extend(self.peers.keys().copied());
        }
        let Some(mut peer) = self.peers.remove(&id) else {
            return;
        };
        let result = if peer.session == taking.session {
            self.took(now, id, &mut peer, &taking, outcome)
        } else {
            Ok(())
        };
        self.peers.insert(id, peer);
        self.touched.insert(id);
        if let Err(error) = result {
            self.close(id, error);
        }
    }

    fn took(
        &mut self,
        now: Millis,
        id: P,
        peer: &mut Peer,
        taking: &Taking<P>,
        outcome: Outcome,
    ) -> Result<(), PeerError> {
        let request = taking.request;
        let Some(open) = peer.open.get_mut(&request) else {
            return Ok(());
        };
        open.takes = open.takes.saturating_sub(1);
        let judged = matches!(
            outcome,
            Outcome::NotAdmitted | Outcome::NotCounting { .. } | Outcome::Refused
        );
        let of_run = match &open.what {
            Asked::Run {
                log,
                start,
                end,
                next_held,
            } => Some((*log, *start, *end, *next_held)),
            _ => None,
        };
        // It may have been judged by what has changed since, and the change, which is waited for, came before this.
        let stale = judged && Self::seen(&self.feeds, &open.what) != taking.seen;
        open.keep |= stale || (judged && outcome != Outcome::Refused);
        open.keep |= outcome == Outcome::Trouble;
        // What leans on another branch may be proved by itself.
        let leans =
            outcome == Outcome::OtherBranch && of_run.is_some_and(|(.., next_held)| next_held);
        open.keep |= leans;
        if let Some((log, start, end, _)) = of_run
            && let Some(state) = peer.logs.get_mut(&log)
        {
            match outcome {
                Outcome::OtherBranch if leans => state.alone.insert(start, end),
                Outcome::OtherBranch => state.strayed(true),
                Outcome::Stored => state.strayed(false),
                _ => {}
            }
        }
        let again = open.what.clone();
        let (what, log) = match &open.what {
            Asked::Run { log, .. } => ("a run", Some(*log)),
            Asked::Bodies { log, .. } => ("a body", Some(*log)),
            Asked::Proof { log } => ("a proof", Some(*log)),
            Asked::Statements { .. } | Asked::Heads => ("statements", None),
        };
        match (outcome, log) {
            (Outcome::Rejected { reason }, _) => return Err(PeerError::Rejected { what, reason }),
            (Outcome::Trouble, _) => {
                self.paused_until = Some(now.saturating_add(TROUBLE));
                ask_again(peer, again);
            }
            _ if stale => match (taking.run.clone(), again) {
                (Some(run), Asked::Run { log, .. }) if self.feeds.contains_key(&log.feed) => {
                    self.take_run(id, peer, request, log, run);
                }
                (_, again) => ask_again(peer, again),
            },
            (Outcome::NotAdmitted, Some(log)) => {
                peer.unadmitted.insert(log);
                halt(peer, &log);
            }
            (Outcome::Refused, Some(log)) => halt(peer, &log),
            (Outcome::NotCounting { from }, Some(log)) => {
                peer.bounded.insert(log);
                if let Some(state) = peer.logs.get_mut(&log) {
                    state.bound = Some(state.bound.map_or(from, |bound| bound.min(from)));
                }
            }
            _ => {}
        }
        self.finish(now, id, peer, request);
        Ok(())
    }

    pub(super) fn take_id(&mut self, id: P, peer: &mut Peer, request: u64, bytes: usize) -> TakeId {
        self.next_take += 1;
        let take = TakeId(self.next_take);
        self.taking += bytes;
        let mut seen = Seen::default();
        if let Some(open) = peer.open.get_mut(&request) {
            open.takes += 1;
            seen = Self::seen(&self.feeds, &open.what);
        }
        self.takes.insert(
            take,
            Taking {
                peer: id,
                session: peer.session,
                request,
                bytes,
                seen,
                run: None,
            },
        );
        take
    }

    /// Hands over a run.
    pub(super) fn take_run(
        &mut self,
        id: P,
        peer: &mut Peer,
        request: u64,
        log: LogId,
        run: Bytes,
    ) {
        let take = self.take_id(id, peer, request, run.len());
        if let Some(taking) = self.takes.get_mut(&take) {
            taking.run = Some(run.clone());
        }
        self.out.push_back(Output::Take {
            take,
            peer: id,
            log,
            run,
        });
    }

    /// What is known now of the feed that a request is about.
    pub(super) fn seen(feeds: &BTreeMap<Arc<FeedId>, Feed>, what: &Asked) -> Seen {
        let feed = match what {
            Asked::Run { log, .. } | Asked::Bodies { log, .. } | Asked::Proof { log } => log.feed,
            Asked::Statements { feed } => *feed,
            Asked::Heads => return Seen::default(),
        };
        feeds.get(&feed).map_or_else(Seen::default, |feed| Seen {
            since: feed.since,
            statements: feed.statements,
        })
    }
}

/// Puts what a request asked for where its turn comes again.
fn ask_again(peer: &mut Peer, what: Asked) {
    match what {
        Asked::Run { log, .. } | Asked::Bodies { log, .. } => {
            peer.queues.waiting.insert(log);
        }
        Asked::Statements { feed } => {
            peer.queues.statements.insert(feed);
        }
        Asked::Proof { log } => {
            peer.queues.proofs.insert(log);
        }
        Asked::Heads => {}
    }
}

fn halt(peer: &mut Peer, log: &LogId) {
    if let Some(state) = peer.logs.get_mut(log) {
        state.halted = true;
    }
}
