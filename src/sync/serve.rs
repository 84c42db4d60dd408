//! Answering requests: read when the outgoing queue has room, say plainly what is not held.

use std::collections::BTreeSet;

use bytes::Bytes;

use super::error::PeerError;
use super::event::{Answer, Output, PeerIdentity, ReadId};
use super::limits::{HEADS_BYTES, OUTGOING_BYTES, READS, REQUESTS, STATEMENTS_BYTES, WANTS};
use super::message::Message;
use super::peer::{News, Peer, Serve};
use super::swarm::{Reading, Swarm};
use super::wire::{FeedHeads, RunRequest, Wanted};
use crate::format::{FeedId, Hash16, Lane, LogId, limits};

impl<P: PeerIdentity> Swarm<P> {
    /// Whether a peer may be told of a lane. The seam for proven devices of one feed; today nobody proves anything.
    #[expect(
        clippy::unused_self,
        reason = "what a peer has proved will be known here"
    )]
    pub(super) const fn may_serve(&self, _peer: P, lane: &Lane) -> bool {
        !lane.is_private()
    }

    pub(super) fn on_requests(
        &self,
        peer: &mut Peer,
        first: u64,
        items: &[RunRequest],
    ) -> Result<(), PeerError> {
        check_room(peer, items.len())?;
        let Some(end) = first.checked_add(items.len() as u64) else {
            return Err(PeerError::BadRequest {
                why: "the last of some requests has a number too",
            });
        };
        for (request, item) in (first..end).zip(items) {
            let log = peer.told_of(item.alias)?;
            let room = item.start.block_end().0.saturating_sub(item.start.0);
            if item.count == 0 || item.count > room {
                return Err(PeerError::BadRequest {
                    why: "a range lies in one block and is not empty",
                });
            }
            let end = item.start.plus(item.count);
            peer.serving.push_back(Serve::Run {
                request,
                log,
                start: item.start,
                end,
                next_held: item.next_held,
            });
        }
        Ok(())
    }

    pub(super) fn on_bodies_request(
        &self,
        peer: &mut Peer,
        request: u64,
        alias: u64,
        wanted: Vec<Wanted>,
    ) -> Result<(), PeerError> {
        check_room(peer, 1)?;
        let log = peer.told_of(alias)?;
        if wanted.is_empty() || wanted.len() > super::limits::BODIES_PER_REQUEST {
            return Err(PeerError::BadRequest {
                why: "one to four bodies may be asked for at once",
            });
        }
        if !wanted.is_sorted_by(|a, b| a.0 > b.0) {
            return Err(PeerError::BadRequest {
                why: "bodies are asked for newest first",
            });
        }
        peer.serving.push_back(Serve::Bodies {
            request,
            log,
            wanted,
        });
        Ok(())
    }

    pub(super) fn on_statements_request(
        &self,
        peer: &mut Peer,
        request: u64,
        id: &Hash16,
    ) -> Result<(), PeerError> {
        check_room(peer, 1)?;
        let feed = peer.lists.shared(id);
        peer.serving.push_back(Serve::Statements { request, feed });
        Ok(())
    }

    pub(super) fn on_proof_request(
        &self,
        peer: &mut Peer,
        request: u64,
        alias: u64,
    ) -> Result<(), PeerError> {
        check_room(peer, 1)?;
        let log = peer.told_of(alias)?;
        peer.serving.push_back(Serve::Proof { request, log });
        Ok(())
    }

    pub(super) fn on_ask(
        &self,
        peer: &mut Peer,
        request: u64,
        ids: &[Hash16],
    ) -> Result<(), PeerError> {
        check_room(peer, 1)?;
        // An id that stands there a thousand times is answered once.
        let feeds: BTreeSet<FeedId> = ids.iter().filter_map(|id| peer.lists.shared(id)).collect();
        peer.serving_ids += feeds.len();
        if peer.serving_ids > WANTS {
            return Err(PeerError::TooManyRequests { limit: WANTS });
        }
        peer.serving.push_back(Serve::Heads { request, feeds });
        Ok(())
    }

    /// Begins reads for the peer, and answers what needs none, while its outgoing queue has room.
    pub(super) fn serve(&mut self, id: P, peer: &mut Peer) {
        while peer.reads < READS && peer.outgoing + peer.reads * peer.read_bytes < OUTGOING_BYTES {
            let Some(serve) = peer.serving.pop_front() else {
                break;
            };
            match serve {
                Serve::Run {
                    request,
                    log,
                    start,
                    end,
                    next_held,
                } => {
                    if !self.is_served(id, peer, &log) {
                        self.send(id, peer, &Message::Done { request });
                        continue;
                    }
                    let read = self.read_id(id, peer, Reading::of(request, log.feed));
                    let range = start..end;
                    let max_bytes = limits::RUN_BYTES;
                    self.out.push_back(Output::Read {
                        read,
                        log,
                        range,
                        next_held,
                        max_bytes,
                    });
                }
                Serve::Bodies {
                    request,
                    log,
                    wanted,
                } => {
                    if !self.is_served(id, peer, &log) {
                        self.send(id, peer, &Message::Done { request });
                        continue;
                    }
                    let read = self.read_id(id, peer, Reading::of(request, log.feed));
                    self.out.push_back(Output::ReadBodies { read, log, wanted });
                }
                Serve::Statements { request, feed } => {
                    let Some(feed) = feed.filter(|feed| self.is_common(id, peer, feed)) else {
                        self.send(id, peer, &Message::Done { request });
                        continue;
                    };
                    let read = self.read_id(id, peer, Reading::of(request, feed));
                    self.out.push_back(Output::ReadStatements { read, feed });
                }
                Serve::Proof { request, log } => {
                    if !self.is_served(id, peer, &log) {
                        self.send(id, peer, &Message::Done { request });
                        continue;
                    }
                    let read = self.read_id(id, peer, Reading::of(request, log.feed));
                    self.out.push_back(Output::ReadProof { read, log });
                }
                Serve::Heads { request, feeds } => self.serve_heads(id, peer, request, feeds),
            }
        }
    }

    /// Tells a message's worth of the heads that were asked for; the rest has its turn when the queue has room.
    fn serve_heads(&mut self, id: P, peer: &mut Peer, request: u64, mut feeds: BTreeSet<FeedId>) {
        let mut heads = Vec::new();
        let mut bytes = 0;
        while bytes < HEADS_BYTES {
            let Some(feed) = feeds.pop_first() else {
                break;
            };
            peer.serving_ids = peer.serving_ids.saturating_sub(1);
            let of_feed = self.heads_of(id, peer, feed, &News::All, true);
            bytes += of_feed.iter().map(FeedHeads::bytes_at_most).sum::<usize>();
            heads.extend(of_feed);
        }
        self.send_heads(id, peer, heads, false);
        if feeds.is_empty() {
            self.send(id, peer, &Message::Done { request });
        } else {
            peer.serving.push_front(Serve::Heads { request, feeds });
        }
    }

    fn is_common(&self, id: P, peer: &Peer, feed: &FeedId) -> bool {
        self.feeds.contains_key(feed) && peer.lists.is_shared(&self.blind(id, feed))
    }

    fn is_served(&self, id: P, peer: &Peer, log: &LogId) -> bool {
        self.may_serve(id, &log.lane) && self.is_common(id, peer, &log.feed)
    }

    /// Passes on what a read found.
    pub(super) fn answer(&mut self, id: P, peer: &mut Peer, reading: &Reading, answer: Answer) {
        let request = reading.request;
        peer.reads = peer.reads.saturating_sub(1);
        // The feed may have been left while the disk was read.
        let answer = match reading.feed {
            Some(feed) if !self.feeds.contains_key(&feed) => Answer::Proof(None),
            _ => answer,
        };
        let before = peer.outgoing;
        let ended = match answer {
            Answer::Runs(runs) => {
                let count = runs.len();
                for (place, run) in (1..).zip(runs) {
                    self.send(
                        id,
                        peer,
                        &Message::Run {
                            request,
                            last: place == count,
                            run,
                        },
                    );
                }
                count > 0
            }
            Answer::Bodies(mut bodies) => {
                bodies.sort_by_key(|(seq, _)| std::cmp::Reverse(*seq));
                for (seq, body) in bodies {
                    self.send(id, peer, &Message::Body { request, seq, body });
                }
                false
            }
            Answer::Statements(items) => {
                // In the order of the driver, up to what a receiver takes.
                let mut left = STATEMENTS_BYTES;
                let fits = |item: &Bytes| {
                    let rest = left.checked_sub(item.len());
                    left = rest.unwrap_or(0);
                    rest.is_some()
                };
                let mut items = items.into_iter().take_while(fits).peekable();
                while items.peek().is_some() {
                    let mut bytes = 0;
                    let mut part = Vec::new();
                    while let Some(item) =
                        items.next_if(|item| bytes + item.len() < limits::RUN_BYTES)
                    {
                        bytes += item.len() + 4;
                        part.push(item);
                    }
                    if part.is_empty() {
                        break;
                    }
                    self.send(
                        id,
                        peer,
                        &Message::Statements {
                            request,
                            items: part,
                        },
                    );
                }
                false
            }
            Answer::Proof(Some(proof)) => {
                self.send(id, peer, &Message::Proof { request, proof });
                true
            }
            Answer::Proof(None) => false,
        };
        if !ended {
            self.send(id, peer, &Message::Done { request });
        }
        // Falls slowly and rises at once: a stretch of large bodies narrows the reads ahead.
        peer.read_bytes =
            (peer.read_bytes - peer.read_bytes / 8).max(peer.outgoing.saturating_sub(before));
    }

    fn read_id(&mut self, id: P, peer: &mut Peer, reading: Reading) -> ReadId {
        peer.reads += 1;
        self.next_read += 1;
        let read = ReadId(self.next_read);
        self.reads.insert(read, (id, reading));
        read
    }
}

fn check_room(peer: &Peer, more: usize) -> Result<(), PeerError> {
    if !peer.wants_in {
        return Err(PeerError::OutOfTurn {
            message: "a request",
            when: "before its wants",
        });
    }
    if peer.serving.len() + more > REQUESTS {
        return Err(PeerError::TooManyRequests { limit: REQUESTS });
    }
    Ok(())
}
