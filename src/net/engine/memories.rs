//! What is remembered of peers, of so many: each is a row of up to half a megabyte, and anyone may make any number of
//! endpoints.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use iroh::EndpointId;

use super::Actor;
use crate::feeds::FeedBatch;
use crate::net::NetError;

/// Peers that are remembered: as many as have a session at one time. Without it a session costs some bytes more.
const REMEMBERED: usize = 256;

/// Who is remembered, and in which order they last were.
#[derive(Debug, Default)]
pub(super) struct Memories {
    turns: BTreeMap<EndpointId, u64>,
    turn: u64,
}

impl Memories {
    /// Notes that a peer is remembered. Says who is to be forgotten for it: first of those who are not known, then of
    /// all, whose turn was longest ago.
    fn keep(
        &mut self,
        peer: EndpointId,
        is_known: impl Fn(&EndpointId) -> bool,
    ) -> Option<EndpointId> {
        self.turn += 1;
        self.turns.insert(peer, self.turn);
        if self.turns.len() <= REMEMBERED {
            return None;
        }
        let others = self.turns.iter().filter(|(other, _)| **other != peer);
        let (gone, _) = others.min_by_key(|(other, turn)| (is_known(other), **turn))?;
        let gone = *gone;
        self.turns.remove(&gone);
        Some(gone)
    }
}

impl Actor {
    /// Counts what the store remembers.
    pub(super) fn count_memories(&mut self) -> Result<(), NetError> {
        let snapshot = self.work.store.snapshot().map_err(Arc::new)?;
        let endpoints = snapshot.remembered().map_err(Arc::new)?;
        let mut gone = Vec::new();
        for endpoint in endpoints
            .iter()
            .filter_map(|id| EndpointId::from_bytes(id).ok())
        {
            let targets = self.dialer.targets();
            gone.extend(self.memories.keep(endpoint, |id| targets.contains_key(id)));
        }
        for peer in gone {
            let forget = move |batch: &mut FeedBatch<'_>| batch.drop_memory(peer.as_bytes());
            self.work.writer.post(0, forget, |_| ());
        }
        Ok(())
    }

    pub(super) fn keep_memory(&mut self, peer: EndpointId, memory: Bytes) {
        let (targets, sessions) = (self.dialer.targets(), &self.sessions);
        let is_known = |id: &EndpointId| targets.contains_key(id) || sessions.contains_key(id);
        let gone = self.memories.keep(peer, is_known);
        let keep = move |batch: &mut FeedBatch<'_>| {
            batch.put_memory(peer.as_bytes(), memory)?;
            match gone {
                Some(gone) => batch.drop_memory(gone.as_bytes()),
                None => Ok(()),
            }
        };
        self.work.writer.post(0, keep, |_| ());
    }
}

#[cfg(test)]
mod tests {
    use iroh::SecretKey;

    use super::*;

    fn endpoint(n: usize) -> EndpointId {
        let mut bytes = [7; 32];
        bytes[..8].copy_from_slice(&n.to_be_bytes());
        SecretKey::from_bytes(&bytes).public()
    }

    #[test]
    fn strangers_without_end_are_forgotten_again_and_push_no_friend_out() {
        let mut memories = Memories::default();
        let friend = endpoint(0);
        let mut gone = Vec::new();
        for n in 0..3 * REMEMBERED {
            gone.extend(memories.keep(endpoint(n), |id| *id == friend));
            assert!(memories.turns.len() <= REMEMBERED);
        }
        assert!(memories.turns.contains_key(&friend));
        assert_eq!(gone.len(), 2 * REMEMBERED);
        assert_eq!(gone[0], endpoint(1), "the one whose turn was longest ago");
        assert_eq!(memories.keep(friend, |_| false), None, "is one already");
    }
}
