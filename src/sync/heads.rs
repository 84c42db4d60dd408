//! Comparing what both hold: buckets, then heads; and taking in what a peer tells.

use std::collections::BTreeMap;

use super::error::PeerError;
use super::event::{Millis, Output, PeerIdentity};
use super::hello::fingerprint;
use super::limits::{
    ALIASES, BUCKET_BITS, BUCKETS_A_SESSION, FEW_FEEDS, HEADS_BYTES, LOGS_PER_FEED, LOGS_PER_PART,
};
use super::message::Message;
use super::peer::{Asked, News, Open, Peer, Told};
use super::replica::{Log, LogKey, log_of, short};
use super::swarm::Swarm;
use super::wire::{FeedHeads, Hash8, LogHead, LogName};
use crate::format::{FeedId, Hash16, LogId};

/// About the square root of the feeds in number, as bits.
fn bits_for(feeds: usize) -> u8 {
    let mut bits = 1;
    while bits < BUCKET_BITS && (1usize << (2 * bits)) < feeds {
        bits += 1;
    }
    bits
}

fn bucket_of(id: &Hash16, bits: u8) -> usize {
    let [first, ..] = *id;
    usize::from(first) >> (8 - bits)
}

impl<P: PeerIdentity> Swarm<P> {
    /// Nothing agreed helps: few feeds are told as they are, of many it is first found out which differ.
    pub(super) fn start_compare(&mut self, now: Millis, id: P, peer: &mut Peer) {
        self.unsettle(now, peer);
        let common = peer.lists.common().count();
        if common <= FEW_FEEDS {
            for (_, feed) in peer.lists.common() {
                peer.news.insert(*feed, News::All);
            }
            peer.compared_out = true;
            peer.compared_all = true;
            peer.last_due = true;
        } else {
            let bits = bits_for(common);
            self.send_buckets(id, peer, bits);
        }
    }

    /// Everything changed was told and the fingerprints still differ: what was agreed on does not hold any more, as
    /// after a feed was left and followed again while apart.
    pub(super) fn compare_all(&mut self, now: Millis, id: P, peer: &mut Peer) {
        let bits = bits_for(peer.lists.common().count());
        self.send_buckets(id, peer, bits);
        self.unsettle(now, peer);
    }

    fn send_buckets(&mut self, id: P, peer: &mut Peer, bits: u8) {
        peer.buckets_sent = true;
        peer.compared_all = true;
        let prints = self.buckets(peer, bits);
        self.send(id, peer, &Message::Buckets { bits, prints });
    }

    /// Fingerprints of the common feeds by the leading bits of their blinded ids; zeros where there are none.
    fn buckets(&mut self, peer: &Peer, bits: u8) -> Vec<Hash8> {
        let mut prints = Vec::with_capacity(1 << bits);
        let mut rest = peer.lists.common().peekable();
        for bucket in 0..1usize << bits {
            let mut some = Vec::new();
            while let Some(item) = rest.next_if(|(id, _)| bucket_of(id, bits) == bucket) {
                some.push(item);
            }
            prints.push(match some.is_empty() {
                true => Hash8::default(),
                false => short(&fingerprint(&mut self.feeds, some.into_iter())),
            });
        }
        prints
    }

    pub(super) fn on_buckets(
        &mut self,
        now: Millis,
        id: P,
        peer: &mut Peer,
        bits: u8,
        prints: &[Hash8],
    ) -> Result<(), PeerError> {
        if !peer.wants_in || !peer.wants_out {
            return Err(PeerError::OutOfTurn {
                message: "buckets",
                when: "before its wants",
            });
        }
        if bits == 0 || bits > BUCKET_BITS || prints.len() != 1 << bits {
            return Err(PeerError::BadRequest {
                why: "buckets are a power of two, at most 256",
            });
        }
        // Hashing all common feeds is much work for a small message.
        if !peer.has_room() || peer.buckets_got >= BUCKETS_A_SESSION {
            return Err(PeerError::OutOfTurn {
                message: "buckets",
                when: "more often than can be of use",
            });
        }
        peer.buckets_got += 1;
        if !peer.buckets_sent {
            self.send_buckets(id, peer, bits);
        }
        let own = self.buckets(peer, bits);
        let differs: Vec<bool> = own
            .iter()
            .zip(prints)
            .map(|(own, theirs)| own != theirs)
            .collect();
        for (id, feed) in peer.lists.common() {
            if differs.get(bucket_of(id, bits)).copied().unwrap_or(true) {
                peer.news.insert(*feed, News::All);
            }
        }
        peer.compared_out = true;
        peer.last_due = true;
        self.unsettle(now, peer);
        Ok(())
    }

    /// Sends what is to be told, as long as the outgoing queue has room.
    pub(super) fn tell(&mut self, now: Millis, id: P, peer: &mut Peer) {
        if !peer.compared_out {
            return;
        }
        while peer.has_room() && (peer.last_due || !peer.news.is_empty()) {
            let mut feeds = Vec::new();
            let mut bytes = 0;
            while bytes < HEADS_BYTES {
                let Some((feed, news)) = peer.news.pop_first() else {
                    break;
                };
                let heads = self.heads_of(id, peer, feed, &news, false);
                bytes += heads.iter().map(FeedHeads::bytes_at_most).sum::<usize>();
                feeds.extend(heads);
            }
            let last = peer.last_due && peer.news.is_empty();
            if feeds.is_empty() && !last {
                break;
            }
            peer.last_due &= !last;
            self.send_heads(id, peer, feeds, last);
            self.unsettle(now, peer);
        }
    }

    /// Sends heads in as many messages as they need.
    pub(super) fn send_heads(&mut self, id: P, peer: &mut Peer, feeds: Vec<FeedHeads>, last: bool) {
        let mut message = Vec::new();
        let mut bytes = 0;
        for heads in feeds {
            if bytes >= HEADS_BYTES {
                let feeds = std::mem::take(&mut message);
                self.send(id, peer, &Message::Heads { last: false, feeds });
                bytes = 0;
            }
            bytes += heads.bytes_at_most();
            message.push(heads);
        }
        self.send(
            id,
            peer,
            &Message::Heads {
                last,
                feeds: message,
            },
        );
    }

    /// What is to be told of a feed, in parts that fit a message; none if the peer does not want it or knows it all.
    pub(super) fn heads_of(
        &self,
        id: P,
        peer: &mut Peer,
        feed_id: FeedId,
        news: &News,
        again: bool,
    ) -> Vec<FeedHeads> {
        let blinded = self.blind(id, &feed_id);
        let Some(feed) = self
            .feeds
            .get(&feed_id)
            .filter(|_| peer.lists.is_shared(&blinded))
        else {
            return Vec::new();
        };
        let statements = short(&feed.statements);
        let new_statements = peer
            .told_statements
            .insert(feed_id, statements)
            .unwrap_or_default()
            != statements;
        let mut logs = Vec::new();
        let listed = |key: &LogKey| match news {
            News::All => true,
            News::Logs(keys) => keys.contains(key),
        };
        // What is not held any more, or does not count any more.
        for key in feed.untold().filter(|key| listed(key)) {
            if let Some(told) = peer.told.get_mut(&log_of(feed_id, key))
                && told.state.is_some_and(|state| state != (None, None))
            {
                told.state = Some((None, None));
                logs.push(LogHead {
                    name: LogName::Known(told.alias),
                    head: None,
                    forked: None,
                });
            }
        }
        let mut room = usize::MAX;
        if feed.logs.len() > LOGS_PER_FEED {
            let told = peer.told.keys().filter(|log| log.feed == feed_id).count();
            room = LOGS_PER_FEED.saturating_sub(told);
        }
        for (key, log) in feed.in_order() {
            let (_, lane) = key;
            let log_id = log_of(feed_id, key);
            if !listed(key) || !self.may_serve(id, lane) {
                continue;
            }
            let state = (log.short_head(), log.forked);
            if !again
                && peer
                    .told
                    .get(&log_id)
                    .is_some_and(|told| told.state == Some(state))
            {
                continue;
            }
            // Beyond it the other side passes them over.
            if !peer.told.contains_key(&log_id) {
                if room == 0 {
                    continue;
                }
                room -= 1;
            }
            let Some(name) = name_log(peer, log_id) else {
                continue;
            };
            if let Some(told) = peer.told.get_mut(&log_id) {
                told.state = Some(state);
            }
            logs.push(LogHead {
                name,
                head: state.0,
                forked: state.1,
            });
        }
        let part = |logs: &[LogHead]| FeedHeads {
            id: blinded,
            statements,
            logs: logs.to_vec(),
        };
        if logs.is_empty() && (new_statements || again) {
            return vec![part(&[])];
        }
        logs.chunks(LOGS_PER_PART).map(part).collect()
    }

    pub(super) fn on_heads(
        &mut self,
        now: Millis,
        id: P,
        peer: &mut Peer,
        last: bool,
        feeds: Vec<FeedHeads>,
    ) -> Result<(), PeerError> {
        if !peer.wants_in {
            return Err(PeerError::OutOfTurn {
                message: "heads",
                when: "before its wants",
            });
        }
        for heads in feeds {
            self.take_feed_heads(peer, heads)?;
        }
        for (feed, logs) in peer.take_passed_over() {
            let peer = id;
            self.out.push_back(Output::PassedOver { peer, feed, logs });
        }
        if last {
            peer.caught_up &= peer.compared_in;
            peer.compared_in = true;
            self.report_behind(id, peer);
        }
        self.unsettle(now, peer);
        Ok(())
    }

    fn take_feed_heads(&self, peer: &mut Peer, heads: FeedHeads) -> Result<(), PeerError> {
        // What was not named in a list is not wanted for all that the peer can see, and is not asked for: a list is counted,
        // heads are not.
        let feed_id = peer.lists.shared(&heads.id);
        if let Some(feed_id) = feed_id {
            self.take_statements_digest(peer, feed_id, heads.statements);
        }
        for log in heads.logs {
            let log_id = match log.name {
                LogName::Known(alias) => peer.log_of(alias)?,
                LogName::New(device, lane) => {
                    let log_id = feed_id.filter(|_| !lane.is_private()).map(|feed| LogId {
                        feed,
                        device,
                        lane,
                    });
                    peer.define(log_id)?
                }
            };
            // A number of a feed that is gone here may still be used by a peer that does not know it yet.
            if let Some(log_id) = log_id.filter(|log| self.feeds.contains_key(&log.feed)) {
                self.take_log_head(peer, log_id, &log);
            }
        }
        Ok(())
    }

    fn take_statements_digest(&self, peer: &mut Peer, feed_id: FeedId, told: Hash8) {
        let held = self
            .feeds
            .get(&feed_id)
            .map(|feed| short(&feed.statements))
            .unwrap_or_default();
        if told == held
            || told == Hash8::default()
            || peer.statements_asked.get(&feed_id) == Some(&told)
        {
            return;
        }
        peer.statements_asked.insert(feed_id, told);
        peer.queues.statements.insert(feed_id);
        peer.caught_up = false;
    }

    fn take_log_head(&self, peer: &mut Peer, log_id: LogId, told: &LogHead) {
        let Some(state) = peer.logs.get_mut(&log_id) else {
            return;
        };
        let head = told.head.map(|(seq, id)| (seq.0, Some(id)));
        let moved = |before: (u64, _)| Some(before.0) != head.map(|(seq, _)| seq);
        if state.head.is_some_and(moved) {
            // Told anew: what it lacked it may have got since.
            state.ask_anew();
        }
        state.head = head;
        state.forked = told.forked;
        self.want_proof(peer, log_id);
        peer.enqueue(log_id);
    }

    /// Asks for the proof of a fork that the peer told and that is not known here.
    pub(super) fn want_proof(&self, peer: &mut Peer, log_id: LogId) {
        let held = self.log(&log_id).and_then(|log| log.forked);
        let Some(state) = peer.logs.get_mut(&log_id) else {
            return;
        };
        let Some(at) = state.forked else { return };
        let lower = held.is_none_or(|held| at < held);
        if lower && state.proof_asked.is_none_or(|asked| at < asked) {
            state.proof_asked = Some(at);
            peer.queues.proofs.insert(log_id);
            peer.caught_up = false;
        }
    }

    /// Asks for the heads of feeds with holes of which the peer had nothing new to tell.
    pub(super) fn look_for_holes(&self, peer: &mut Peer) {
        if peer.holes_asked || !peer.compared_in {
            return;
        }
        // One round at a time: a peer that says over and over that it filled something would make a list without end.
        let of_heads = |open: &Open| matches!(open.what, Asked::Heads);
        if !peer.queues.asks.is_empty() || peer.open.values().any(of_heads) {
            return;
        }
        peer.holes_asked = true;
        if peer.memory.settled == Some((peer.filled, self.opened)) {
            return;
        }
        let asks: Vec<Hash16> = peer
            .lists
            .common()
            .filter(|(_, feed)| self.has_untold_holes(peer, feed))
            .map(|(id, _)| *id)
            .collect();
        if !asks.is_empty() {
            peer.caught_up = false;
            peer.queues.asks.extend(asks);
        }
    }

    /// Whether a log of the feed has holes and the peer has not told its head in this session, or may have another now.
    fn has_untold_holes(&self, peer: &Peer, feed_id: &FeedId) -> bool {
        // It tells nobody of entries that it has from them, and may since have got what they lack.
        let has_filled = peer
            .hello
            .as_ref()
            .is_some_and(|hello| hello.filled != peer.filled);
        let untold = |&(device, lane): &LogKey, log: &Log| {
            let log_id = LogId {
                feed: *feed_id,
                device,
                lane,
            };
            let told = peer.logs.get(&log_id).and_then(|state| state.head);
            let ours = log.head.map(|head| head.seq.0);
            told.is_none_or(|(told, _)| has_filled && Some(told) < ours)
        };
        let feed = self.feeds.get(feed_id);
        feed.is_some_and(|feed| {
            feed.public()
                .any(|(key, log)| log.has_holes() && untold(key, log))
        })
    }

    pub(super) fn report_behind(&mut self, id: P, peer: &Peer) {
        let mut entries = 0u64;
        for (log_id, state) in &peer.logs {
            let Some((head, _)) = state.head else {
                continue;
            };
            let end = head.saturating_add(1);
            entries = entries.saturating_add(
                self.log(log_id)
                    .map_or(end, |log| log.held.missing_below(end)),
            );
        }
        self.out.push_back(Output::Behind { peer: id, entries });
    }
}

/// The number of a log, given now if it has none; none beyond the cap of a session.
fn name_log(peer: &mut Peer, log: LogId) -> Option<LogName> {
    if let Some(told) = peer.told.get(&log) {
        return Some(LogName::Known(told.alias));
    }
    new_alias(&mut peer.told, &mut peer.told_list, log)?;
    Some(LogName::New(log.device, log.lane))
}

pub(super) fn new_alias(
    told: &mut BTreeMap<LogId, Told>,
    list: &mut Vec<LogId>,
    log: LogId,
) -> Option<u64> {
    if list.len() >= ALIASES {
        return None;
    }
    let alias = list.len() as u64;
    told.insert(log, Told { alias, state: None });
    list.push(log);
    Some(alias)
}
