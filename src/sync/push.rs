//! What happens in the store, passed on: pushed at once where it fits, told in heads where not.

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;

use super::error::PeerError;
use super::event::{Head, Millis, PeerIdentity, Replica};
use super::heads::new_alias;
use super::message::Message;
use super::peer::{Asked, News, Open, Peer, Told};
use super::replica::{LogKey, key_of};
use super::swarm::Swarm;
use super::wire::{PushName, Wanted, peek_run};
use crate::format::{FeedId, LogId, Seq};

/// Requests of this sort are never on the wire: they stand for runs that came without one.
const PUSHED: u64 = 1 << 63;

/// Entries that were just committed.
#[derive(Debug)]
pub(super) struct Commit {
    pub(super) log: LogId,
    pub(super) range: Range<Seq>,
    pub(super) head: Head,
    pub(super) run: Option<Bytes>,
    pub(super) missing: Vec<Wanted>,
}

impl<P: PeerIdentity> Swarm<P> {
    pub(super) fn feed(&mut self, now: Millis, feed_id: FeedId, replica: &Replica) {
        let fresh = !self.feeds.contains_key(&feed_id);
        self.wanted += u64::from(fresh);
        for log in &replica.logs {
            self.arrival = self.arrival.max(if log.changed == u64::MAX {
                0
            } else {
                log.changed
            });
        }
        let wanted = self.wanted;
        let known = self.feeds.get_key_value(&feed_id);
        let name = known.map_or_else(|| Arc::new(feed_id), |(name, _)| name.clone());
        let feed = self.feeds.entry(name.clone()).or_default();
        let statements = feed.statements;
        let changed = feed.replace(replica);
        let is_told_anew = fresh || !changed.is_empty() || feed.statements != statements;
        if fresh {
            feed.since = wanted;
        }
        if !is_told_anew {
            return;
        }
        if !fresh && !changed.is_empty() {
            self.opened = self.arrival;
        }
        self.each_peer(|swarm, id, peer| {
            let blinded = swarm.blind(id, &feed_id);
            if fresh {
                peer.lists.add(blinded, name.clone());
                peer.forget_theirs(&feed_id);
                peer.memory.agreed = None;
                peer.memory.settled = None;
            }
            if peer.lists.is_shared(&blinded) {
                peer.add_news(feed_id, None);
                changed
                    .iter()
                    .for_each(|key| peer.add_news(feed_id, Some(*key)));
                swarm.unsettle(now, peer);
            }
            swarm.ask_all_anew(peer, &feed_id, &changed);
        });
    }

    /// Other things are held of these logs than before, and what came of asking for more of them does not count any more.
    fn ask_all_anew(&self, peer: &mut Peer, feed_id: &FeedId, changed: &BTreeSet<LogKey>) {
        let of_feed = |log: &&LogId| log.feed == *feed_id;
        let logs: Vec<LogId> = peer.logs.keys().filter(of_feed).copied().collect();
        for log in logs {
            if changed.contains(&key_of(&log))
                && let Some(state) = peer.logs.get_mut(&log)
            {
                state.begin_anew();
                peer.unadmitted.remove(&log);
                peer.bounded.remove(&log);
                self.want_proof(peer, log);
            }
            peer.enqueue(log);
        }
        if !changed.is_empty() {
            peer.holes_asked = false;
        }
    }

    pub(super) fn feed_gone(&mut self, now: Millis, feed_id: FeedId) {
        if self.feeds.remove(&feed_id).is_none() {
            return;
        }
        self.each_peer(|swarm, id, peer| {
            let blinded = swarm.blind(id, &feed_id);
            if peer.lists.remove(&blinded) {
                peer.memory.agreed = None;
                swarm.unsettle(now, peer);
            }
            peer.forget_feed(&feed_id);
            peer.forget_theirs(&feed_id);
        });
    }

    pub(super) fn stored(&mut self, now: Millis, news: &Commit, arrival: u64) {
        self.arrival = self.arrival.max(arrival);
        let Commit {
            log: log_id,
            range,
            head,
            ..
        } = news;
        let Some(feed) = self.feeds.get_mut(&log_id.feed) else {
            return;
        };
        feed.touch();
        let log = feed.met(key_of(log_id));
        let before = log.head;
        log.held.insert(range.start.0, range.end.0);
        log.head = Some(*head);
        log.missing
            .extend(news.missing.iter().map(|(seq, id)| (seq.0, *id)));
        let moved = before != Some(*head);
        if moved {
            log.changed = arrival;
        } else {
            self.filled = arrival;
        }
        let next = before.map_or(Seq::ZERO, |head| head.seq.next());
        if log.has_holes() && (!news.missing.is_empty() || range.start != next) {
            self.opened = arrival;
        }
        if log_id.lane.is_private() {
            return;
        }
        // Only what follows the head before it: a peer that was told that head knows where this belongs.
        let follows = range.start == next && range.end == head.seq.next();
        self.each_peer(|swarm, id, peer| swarm.pass_on(now, id, peer, news, moved, follows));
        if !news.missing.is_empty() {
            self.requeue_everywhere(*log_id);
        }
    }

    fn pass_on(
        &mut self,
        now: Millis,
        id: P,
        peer: &mut Peer,
        news: &Commit,
        moved: bool,
        follows: bool,
    ) {
        let log_id = news.log;
        if !peer.lists.is_shared(&self.blind(id, &log_id.feed)) {
            return;
        }
        if peer.compared_out {
            self.unsettle(now, peer);
        }
        if !moved {
            return;
        }
        let key = key_of(&log_id);
        let last = news.head.seq.0;
        let theirs = peer
            .logs
            .get(&log_id)
            .and_then(|state| state.head)
            .map(|(seq, _)| seq);
        if theirs.is_some_and(|theirs| theirs >= last) {
            self.note_told(peer, log_id);
            return;
        }
        let behind = match peer.news.get(&log_id.feed) {
            None => false,
            Some(News::All) => true,
            Some(News::Logs(keys)) => keys.contains(&key),
        };
        // An entry is told after what it follows, so a log with news that wait gets no push.
        let ready = follows && !behind && peer.compared_out && peer.compared_in && peer.has_room();
        match news.run.as_ref().filter(|_| ready) {
            Some(run) => self.push(id, peer, log_id, run.clone()),
            None => peer.add_news(log_id.feed, Some(key)),
        }
    }

    fn push(&mut self, id: P, peer: &mut Peer, log_id: LogId, run: Bytes) {
        let name = match peer.told.get(&log_id) {
            Some(Told { alias, .. }) => PushName::Known(*alias),
            None => {
                let blinded = self.blind(id, &log_id.feed);
                if new_alias(&mut peer.told, &mut peer.told_list, log_id).is_none() {
                    return;
                }
                PushName::New(blinded, log_id.device, log_id.lane)
            }
        };
        self.note_told(peer, log_id);
        self.send(id, peer, &Message::Push { name, run });
    }

    /// The peer knows the head that is held now; heads need not say it again.
    fn note_told(&self, peer: &mut Peer, log_id: LogId) {
        let Some(log) = self.log(&log_id) else { return };
        if let Some(told) = peer.told.get_mut(&log_id) {
            told.state = Some((log.short_head(), log.forked));
        }
    }

    pub(super) fn on_push(
        &mut self,
        now: Millis,
        id: P,
        peer: &mut Peer,
        name: PushName,
        run: Bytes,
    ) -> Result<(), PeerError> {
        if !peer.compared_in {
            return Err(PeerError::OutOfTurn {
                message: "a pushed run",
                when: "before its heads",
            });
        }
        let (first, count) = peek_run(&run)?;
        let log_id = match name {
            PushName::Known(alias) => peer.log_of(alias)?,
            PushName::New(blinded, device, lane) => {
                let feed = peer.lists.shared(&blinded).filter(|_| !lane.is_private());
                let log = feed.map(|feed| LogId { feed, device, lane });
                peer.define(log)?
            }
        };
        let Some(log_id) = log_id.filter(|log| self.feeds.contains_key(&log.feed)) else {
            return Ok(());
        };
        let (start, end) = (first.0, first.0.saturating_add(count));
        let Some(state) = peer.logs.get_mut(&log_id) else {
            return Ok(());
        };
        if state.head.is_none_or(|(head, _)| head < end - 1) {
            state.head = Some((end - 1, None));
        }
        state.not_held.remove(start, end);
        let halted = state.halted;
        self.unsettle(now, peer);
        let log = self.log(&log_id);
        let held = log.is_some_and(|log| log.held.around(start).is_some_and(|(_, e)| e >= end));
        let forked = log
            .and_then(|log| log.forked)
            .is_some_and(|at| at.0 <= start);
        if held || forked || halted {
            return Ok(());
        }
        let paused = self.paused_until.is_some_and(|until| now < until);
        if self.taking >= super::limits::TAKING_BYTES || paused || !peer.window_open() {
            // Asked for later, when there is room.
            peer.enqueue(log_id);
            return Ok(());
        }
        self.take_pushed(id, peer, log_id, (start, end), run);
        peer.enqueue(log_id);
        Ok(())
    }

    fn take_pushed(
        &mut self,
        id: P,
        peer: &mut Peer,
        log: LogId,
        (start, end): (u64, u64),
        run: Bytes,
    ) {
        if let Some(feed) = self.feeds.get_mut(&log.feed) {
            feed.logs.of(key_of(&log)).inflight.insert(start, end);
        }
        let request = PUSHED | peer.next_request;
        peer.next_request += 1;
        peer.caught_up = false;
        let what = Asked::Run {
            log,
            start,
            end,
            next_held: false,
        };
        let bytes = run.len();
        peer.open.insert(
            request,
            Open {
                since: Self::seen(&self.feeds, &what).since,
                what,
                done: true,
                pushed: true,
                deep: false,
                newest: false,
                takes: 0,
                keep: false,
                bytes,
                next: end,
            },
        );
        self.take_run(id, peer, request, log, run);
    }

    pub(super) fn bodies_done(&mut self, now: Millis, log_id: &LogId, seqs: &[Seq], arrival: u64) {
        self.arrival = self.arrival.max(arrival);
        self.filled = arrival;
        let Some(feed) = self.feeds.get_mut(&log_id.feed) else {
            return;
        };
        if let Some(log) = feed.logs.get_mut(&key_of(log_id)) {
            for seq in seqs {
                log.missing.remove(&seq.0);
            }
        }
        self.each_peer(|swarm, _, peer| {
            if peer.compared_out {
                swarm.unsettle(now, peer);
            }
        });
    }

    pub(super) fn statements_changed(
        &mut self,
        now: Millis,
        feed_id: FeedId,
        digest: [u8; 16],
        arrival: u64,
    ) {
        self.arrival = self.arrival.max(arrival);
        let Some(feed) = self.feeds.get_mut(&feed_id) else {
            return;
        };
        feed.statements = digest;
        feed.statements_changed = arrival;
        feed.touch();
        self.each_peer(|swarm, _, peer| {
            peer.add_news(feed_id, None);
            swarm.judge_again(peer, &feed_id);
            swarm.unsettle(now, peer);
        });
    }

    /// What did not count of a feed may count now.
    fn judge_again(&self, peer: &mut Peer, feed_id: &FeedId) {
        let of_feed = |log: &&LogId| log.feed == *feed_id;
        let judged = peer.unadmitted.iter().chain(&peer.bounded);
        let again: BTreeSet<LogId> = judged.filter(of_feed).copied().collect();
        for log in again {
            peer.bounded.remove(&log);
            let unadmitted = peer.unadmitted.remove(&log);
            if let Some(state) = peer.logs.get_mut(&log) {
                state.bound = None;
                if unadmitted {
                    state.halted = false;
                    state.ask_anew();
                    state.newest_asked = None;
                    state.proof_asked = None;
                }
            }
            self.want_proof(peer, log);
            peer.enqueue(log);
        }
    }

    pub(super) fn forked(&mut self, now: Millis, log_id: LogId, at: Seq, arrival: u64) {
        self.arrival = self.arrival.max(arrival);
        let Some(feed) = self.feeds.get_mut(&log_id.feed) else {
            return;
        };
        let log = feed.met(key_of(&log_id));
        log.forked = Some(log.forked.map_or(at, |before| before.min(at)));
        log.changed = arrival;
        feed.touch();
        if log_id.lane.is_private() {
            return;
        }
        let key: LogKey = key_of(&log_id);
        self.each_peer(|swarm, _, peer| {
            peer.add_news(log_id.feed, Some(key));
            peer.enqueue(log_id);
            swarm.unsettle(now, peer);
        });
    }
}
