//! How a session opens: hellos, want lists, and what they show to be already agreed.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bytes::Bytes;

use super::error::PeerError;
use super::event::{Millis, Output, PeerIdentity};
use super::limits::{CLOCK_DIFFERS, IDS_PER_MESSAGE, QUESTIONS, SETTLE, SETTLE_SECOND, WANTS};
use super::lists::{Ids, Lists};
use super::memory::{Agreement, Memory, wants_digest};
use super::message::Message;
use super::peer::{News, Peer, Settling};
use super::replica::Feed;
use super::swarm::Swarm;
use super::wire::{Hello, Wants};
use crate::format::{FeedId, Hash16, derive};

impl<P: PeerIdentity> Swarm<P> {
    /// The name of a want between this node and a peer.
    pub(super) fn blind(&self, peer: P, feed: &FeedId) -> Hash16 {
        let (a, b) = (self.me.to_bytes(), peer.to_bytes());
        let (low, high) = if a < b { (a, b) } else { (b, a) };
        derive::WANT.hash16(&[&low, &high, feed.as_bytes()])
    }

    /// The want lists of both ends as a session begins, with what is remembered of the last one.
    fn lists_for(&self, peer: P, memory: &mut Memory, dialed: bool) -> Lists {
        let feeds = self.feeds.keys();
        let mine = feeds.map(|feed| (self.blind(peer, feed), feed.clone()));
        let theirs = std::mem::take(&mut memory.theirs);
        // A peer would end the session over a longer list.
        let told = std::mem::take(&mut memory.told);
        Lists::new(mine, WANTS, dialed, theirs, told)
    }

    /// The digest over what both want, as this node sees it.
    pub(super) fn fingerprint(&mut self, peer: &Peer) -> Hash16 {
        fingerprint(&mut self.feeds, peer.lists.common())
    }

    pub(super) fn open_session(
        &mut self,
        now: Millis,
        id: P,
        memory: Option<Bytes>,
        (clock, proof): (i64, [u8; 16]),
        dialed: bool,
    ) {
        let mut memory = memory
            .map(|bytes| Memory::decode(&bytes))
            .unwrap_or_default();
        self.sessions += 1;
        let lists = self.lists_for(id, &mut memory, dialed);
        let mut peer = Peer::new(now, self.sessions, memory, lists, dialed);
        peer.sent = Hello {
            clock,
            yours: wants_digest(peer.lists.theirs().iter()),
            mine: wants_digest(peer.lists.named()),
            now: self.fingerprint(&peer),
            agreed: peer
                .memory
                .agreed
                .map(|agreed| agreed.token())
                .unwrap_or_default(),
            filled: self.filled,
            proof,
        };
        peer.stagger = if self.me > id { SETTLE_SECOND } else { 0 };
        peer.sent_arrival = self.arrival;
        peer.filled_out = self.filled;
        let hello = Message::Hello(peer.sent.clone());
        self.send(id, &mut peer, &hello);
        // Who knows nothing of the peer need not wait to hear that the peer knows nothing of it.
        if dialed && peer.lists.told().is_empty() && !peer.lists.is_empty() {
            self.send_wants(id, &mut peer, false);
        }
        self.peers.insert(id, Box::new(peer));
    }

    pub(super) fn on_hello(
        &mut self,
        now: Millis,
        id: P,
        peer: &mut Peer,
        hello: Hello,
        clock: i64,
    ) -> Result<(), PeerError> {
        if peer.hello.is_some() {
            return Err(PeerError::OutOfTurn {
                message: "a hello",
                when: "after its hello",
            });
        }
        let by = hello.clock.saturating_sub(clock);
        if by.unsigned_abs() > CLOCK_DIFFERS {
            self.out.push_back(Output::ClockDiffers { peer: id, by });
        }
        peer.filled = hello.filled;
        let known = wants_digest(peer.lists.told().iter());
        let owed = hello.yours != peer.sent.mine;
        let owing = peer.sent.yours != hello.mine;
        peer.hello = Some(hello.clone());
        if !owed {
            // The peer knows the list of the hello; what changed since goes out by itself.
            peer.lists.knows_first();
        }
        peer.knows_mine = !owed || known == hello.yours;
        // Who was dialed answers the other's list, once it has it, and whoever dialed waits for that.
        let answers_later = !peer.dialed && owing;
        if owed && !peer.wants_out && !answers_later {
            self.send_wants(id, peer, peer.knows_mine);
        }
        peer.wants_out |= !answers_later;
        peer.wants_in = !(owing || peer.dialed && owed);
        if owed || owing {
            peer.memory.agreed = None;
            peer.memory.settled = None;
            if peer.wants_in {
                self.start_compare(now, id, peer);
            }
            return Ok(());
        }
        self.compare_hellos(now, id, peer, &hello);
        Ok(())
    }

    /// Both lists are known on both sides, so both come to the same result here.
    fn compare_hellos(&mut self, now: Millis, id: P, peer: &mut Peer, hello: &Hello) {
        if peer.sent.now == hello.now {
            let agreed = Agreement {
                mine: hello.now,
                theirs: hello.now,
                arrival: peer.sent_arrival,
            };
            peer.now_in = Some(hello.now);
            self.nothing_to_tell(peer);
            self.agree(now, id, peer, agreed);
            return;
        }
        let agreed = peer.token().filter(|_| peer.sent.agreed == hello.agreed);
        match agreed {
            Some(agreed) if agreed.mine == peer.sent.now && agreed.theirs == hello.now => {
                self.nothing_to_tell(peer);
            }
            Some(agreed) => self.tell_since(now, peer, agreed.arrival),
            None => self.start_compare(now, id, peer),
        }
    }

    fn nothing_to_tell(&self, peer: &mut Peer) {
        peer.compared_in = true;
        peer.compared_out = true;
        // What was stored after the hello went out is not in its fingerprint.
        let arrival = peer.sent_arrival;
        self.add_changed_since(peer, arrival);
    }

    fn tell_since(&self, now: Millis, peer: &mut Peer, arrival: u64) {
        self.add_changed_since(peer, arrival);
        peer.compared_out = true;
        peer.last_due = true;
        self.unsettle(now, peer);
    }

    fn add_changed_since(&self, peer: &mut Peer, arrival: u64) {
        if arrival >= self.arrival {
            return;
        }
        for (_, feed_id) in peer.lists.common() {
            let Some(feed) = self.feeds.get(feed_id) else {
                continue;
            };
            let changed: BTreeSet<_> = feed
                .public()
                .filter(|(_, log)| log.changed > arrival)
                .map(|(key, _)| *key)
                .collect();
            if !changed.is_empty() || feed.statements_changed > arrival {
                peer.news.insert(*feed_id, News::Logs(changed));
            }
        }
    }

    /// Sends the want list: what changed against what the peer knows, or all of it.
    pub(super) fn send_wants(&mut self, id: P, peer: &mut Peer, as_change: bool) {
        let (added, removed) = match as_change {
            true => peer.lists.changes(),
            false => (peer.lists.named().copied().collect(), Vec::new()),
        };
        let digest = wants_digest(peer.lists.named());
        peer.lists.tell();
        peer.wants_out = true;
        let half = IDS_PER_MESSAGE / 2;
        let count = added
            .len()
            .div_ceil(half)
            .max(removed.len().div_ceil(half))
            .max(1);
        for part in 0..count {
            let chunk = |list: &[Hash16]| {
                list.chunks(half)
                    .nth(part)
                    .map(<[Hash16]>::to_vec)
                    .unwrap_or_default()
            };
            let wants = Message::Wants(Wants {
                whole: !as_change && part == 0,
                digest: (part + 1 == count).then_some(digest),
                added: chunk(&added),
                removed: chunk(&removed),
            });
            self.send(id, peer, &wants);
        }
    }

    /// Tells feeds that were followed or left since the list was sent.
    pub(super) fn send_wants_changes(&mut self, id: P, peer: &mut Peer) {
        if peer.wants_out && peer.lists.has_changes() {
            self.send_wants(id, peer, true);
        }
    }

    pub(super) fn on_wants(
        &mut self,
        now: Millis,
        id: P,
        peer: &mut Peer,
        wants: Wants,
    ) -> Result<(), PeerError> {
        if peer.hello.is_none() {
            return Err(PeerError::OutOfTurn {
                message: "wants",
                when: "before its hello",
            });
        }
        let mut list = match peer.incoming.take() {
            _ if wants.whole => BTreeSet::new(),
            Some(list) => list,
            None => peer.lists.theirs().iter().copied().collect(),
        };
        if !peer.dialed {
            self.count_questions(id, peer, &wants.added, &list)?;
        }
        list.extend(wants.added);
        if list.len() > WANTS {
            return Err(PeerError::TooManyWants { limit: WANTS });
        }
        for id in &wants.removed {
            list.remove(id);
        }
        peer.incoming_whole |= wants.whole;
        let Some(digest) = wants.digest else {
            peer.incoming = Some(list);
            return Ok(());
        };
        let whole = std::mem::take(&mut peer.incoming_whole);
        if wants_digest(list.iter()) != digest {
            // After a change, what is remembered may be wrong on either side; after a whole list it cannot.
            return if whole {
                Err(PeerError::WantsDigest)
            } else {
                self.ask_wants(id, peer)
            };
        }
        self.take_wants(now, id, peer, list.into_iter().collect());
        Ok(())
    }

    /// Counts the ids that a peer which dialed names and that come to nothing.
    fn count_questions(
        &mut self,
        id: P,
        peer: &mut Peer,
        named: &[Hash16],
        known: &BTreeSet<Hash16>,
    ) -> Result<(), PeerError> {
        let comes_to_nothing = |id: &&Hash16| !known.contains(*id) && !peer.lists.wants(id);
        let ids = named.iter().filter(comes_to_nothing).count();
        if ids > 0 {
            peer.questions += ids;
            self.out.push_back(Output::Questions { peer: id, ids });
        }
        if peer.questions > QUESTIONS {
            return Err(PeerError::TooManyWants { limit: QUESTIONS });
        }
        Ok(())
    }

    fn ask_wants(&mut self, id: P, peer: &mut Peer) -> Result<(), PeerError> {
        peer.wants_in = false;
        self.send(id, peer, &Message::WantsAsk);
        Ok(())
    }

    /// The peer's list is complete: feeds that became common are compared.
    fn take_wants(&mut self, now: Millis, id: P, peer: &mut Peer, theirs: Ids) {
        let first = !peer.wants_in;
        peer.wants_in = true;
        let change = peer.lists.set_theirs(theirs);
        if !(change.fresh.is_empty() && change.gone.is_empty()) {
            peer.memory.agreed = None;
            peer.memory.settled = None;
        }
        for feed in &change.gone {
            peer.forget_feed(feed);
        }
        if !peer.wants_out {
            self.send_wants(id, peer, peer.knows_mine);
        }
        let started = peer.compared_out || peer.buckets_sent;
        if first && !started {
            self.start_compare(now, id, peer);
        } else if started {
            for feed in change.fresh {
                // What it did not deliver while it did not want the feed, it may hold.
                peer.forget_theirs(&feed);
                peer.news.insert(feed, News::All);
            }
            self.unsettle(now, peer);
        }
        self.remember(now, id, peer, true);
    }

    /// Fingerprints are exchanged again when nothing has changed for a while.
    pub(super) fn unsettle(&self, now: Millis, peer: &mut Peer) {
        peer.now_in = None;
        peer.settle_at = Some(now.saturating_add(SETTLE).saturating_add(peer.stagger));
    }

    /// Both sides had the same in view: next time only what changed since is told.
    pub(super) fn agree(&mut self, now: Millis, id: P, peer: &mut Peer, agreed: Agreement) {
        peer.settle_at = None;
        let first = peer.memory.agreed.is_none();
        let same = peer
            .memory
            .agreed
            .is_some_and(|old| old.mine == agreed.mine && old.theirs == agreed.theirs);
        if same {
            return;
        }
        peer.memory.agreed = Some(agreed);
        self.remember(now, id, peer, first);
    }

    /// The settle timer fired: the fingerprint goes out once nothing is left to do.
    pub(super) fn settle(&mut self, now: Millis, id: P, peer: &mut Peer) {
        if !peer.is_idle() {
            // What waits for a statement may wait for ever; its coming sets the timer again.
            peer.settle_at = None;
            if peer.unadmitted.is_empty() {
                self.unsettle(now, peer);
            }
            return;
        }
        peer.settle_at = None;
        let print = self.fingerprint(peer);
        let same = peer
            .memory
            .agreed
            .is_some_and(|agreed| agreed.mine == print);
        if same && peer.filled_out == self.filled {
            return;
        }
        self.send_now(now, id, peer, print, (false, false));
        self.echo_now(now, id, peer);
    }

    /// Asks for, and answers with, fingerprints that somebody waits for, once nothing is left to do.
    pub(super) fn answer_settling(&mut self, now: Millis, id: P, peer: &mut Peer) {
        let asks = peer.settling.is_some_and(|settling| !settling.asked);
        let fresh = peer.settling.is_some_and(|settling| settling.fresh);
        // A peer that asks again and again and reads no answer gets one when it has read.
        let waits = !peer.wants_in || !peer.is_quiet() || !peer.has_room();
        if !(asks || peer.answer_due) || waits {
            return;
        }
        let print = self.fingerprint(peer);
        if asks && fresh && peer.now_in == Some(print) {
            // The peer said so in its hello: nothing has to be asked. What it said earlier may be on its way to be untrue.
            peer.settling = None;
            self.out.push_back(Output::Agreed { peer: id });
            if !peer.answer_due {
                return;
            }
        }
        let answers = std::mem::take(&mut peer.answer_due);
        let asks = peer
            .settling
            .as_mut()
            .is_some_and(|settling| !std::mem::replace(&mut settling.asked, true));
        self.send_now(now, id, peer, print, (asks, answers));
    }

    /// The peer's fingerprint came: whether that is what somebody waits for.
    pub(super) fn settled(&mut self, id: P, peer: &mut Peer, print: Hash16) {
        let Some(settling) = peer.settling.filter(|settling| settling.asked) else {
            return;
        };
        let same = self.fingerprint(peer) == print;
        if peer.is_quiet() && (same || settling.tries == 0) {
            peer.settling = None;
            self.out.push_back(Output::Agreed { peer: id });
        } else {
            peer.settling = Some(Settling {
                tries: settling.tries.saturating_sub(1),
                asked: false,
                fresh: false,
            });
        }
    }

    fn send_now(
        &mut self,
        now: Millis,
        id: P,
        peer: &mut Peer,
        print: Hash16,
        (asks, answers): (bool, bool),
    ) {
        let theirs = peer.now_in.filter(|theirs| *theirs != print);
        peer.filled_out = self.filled;
        self.send(
            id,
            peer,
            &Message::Now {
                print,
                theirs,
                filled: self.filled,
                asks,
                answers,
            },
        );
        // What waits for a statement has to be told again in the next session.
        if peer.unadmitted.is_empty() {
            let agreed = Agreement {
                mine: print,
                theirs: theirs.unwrap_or(print),
                arrival: self.arrival,
            };
            self.agree(now, id, peer, agreed);
        }
    }

    pub(super) fn on_now(
        &mut self,
        now: Millis,
        id: P,
        peer: &mut Peer,
        print: Hash16,
        theirs: Option<Hash16>,
        filled: u64,
    ) -> Result<(), PeerError> {
        if !peer.compared_in {
            return Err(PeerError::OutOfTurn {
                message: "a fingerprint",
                when: "before its heads",
            });
        }
        peer.now_in = Some(print);
        if filled != peer.filled {
            peer.filled = filled;
            self.look_again(peer);
        }
        if !peer.is_idle() || !peer.has_room() {
            self.unsettle(now, peer);
            return Ok(());
        }
        let mine = self.fingerprint(peer);
        if print == mine {
            peer.echoes.all_heard();
        }
        // Silence would keep from the peer that holes were filled here.
        let told_all = peer.filled_out == self.filled;
        if theirs.unwrap_or(print) == mine && told_all {
            // The peer has written down the same two fingerprints.
            let agreed = Agreement {
                mine,
                theirs: print,
                arrival: self.arrival,
            };
            self.agree(now, id, peer, agreed);
        } else if print != mine && !peer.compared_all {
            self.compare_all(now, id, peer);
        } else {
            self.send_now(now, id, peer, mine, (false, false));
        }
        Ok(())
    }

    /// The peer filled holes: what it did not hold may be asked of it again.
    fn look_again(&self, peer: &mut Peer) {
        let mut again = Vec::new();
        for (log, state) in &mut peer.logs {
            if !state.not_held.is_empty() || !state.bodies_not_held.is_empty() {
                state.ask_anew();
                state.bodies_not_held.clear();
                again.push(*log);
            }
        }
        for log in again {
            peer.enqueue(log);
        }
        peer.holes_asked = false;
    }
}

/// Names the state of some feeds: the sorted terms hashed one after the other, never combined by XOR, which colluding
/// feeds could cancel out.
pub(super) fn fingerprint<'a>(
    feeds: &mut BTreeMap<Arc<FeedId>, Feed>,
    common: impl Iterator<Item = (&'a Hash16, &'a FeedId)>,
) -> Hash16 {
    let mut bytes = Vec::new();
    for (id, feed) in common {
        let digest = feeds.get_mut(feed).map(Feed::digest).unwrap_or_default();
        bytes.extend_from_slice(id);
        bytes.extend_from_slice(&digest);
    }
    derive::FINGERPRINT.hash16(&[&bytes])
}
