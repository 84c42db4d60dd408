//! What a test asks of a simulation.

use std::collections::BTreeMap;

use super::{Lie, Sending, Sim};
use crate::format::{EntryId, FeedId, LogId, Seq};
use crate::sync::{Millis, PeerError};

impl Sim {
    /// When a node that was to find out found that it and another hold the same.
    pub fn agreed(&self, id: u32, peer: u32) -> Option<Millis> {
        self.node(id).agreed.get(&peer).copied()
    }

    /// What crossed the network since this was last called.
    pub fn take_sent(&mut self) -> Vec<Sending> {
        std::mem::take(&mut self.sent)
    }

    /// The most bytes that ever waited in one outgoing queue.
    pub const fn largest_queue(&self) -> usize {
        self.largest_queue
    }

    /// How a node's sessions with peers ended by a broken rule.
    pub fn errors(&self, id: u32) -> &[(u32, PeerError)] {
        &self.node(id).errors
    }

    /// The lies that a node told, and how often.
    pub fn lies(&self, id: u32) -> BTreeMap<Lie, u64> {
        let liar = self.node(id).liar.as_ref();
        liar.map(|liar| liar.told().clone()).unwrap_or_default()
    }

    /// When a node last had all that another announced.
    pub fn caught_up(&self, id: u32, peer: u32) -> Option<Millis> {
        self.node(id).caught_up.get(&peer).copied()
    }

    /// Peers whose clocks a node found to differ.
    pub fn clock_differs(&self, id: u32) -> &[u32] {
        &self.node(id).clock_differs
    }

    /// Entries in the order in which a node stored them.
    pub fn arrivals(&self, id: u32) -> &[(LogId, Seq)] {
        &self.node(id).arrivals
    }

    /// The entries of a log that a node holds: places and ids.
    pub fn entries(&self, id: u32, log: &LogId) -> Vec<(Seq, EntryId)> {
        let log = self.node(id).store.logs.get(log);
        log.into_iter()
            .flat_map(|log| &log.entries)
            .map(|(seq, entry)| (Seq(*seq), entry.id))
            .collect()
    }

    /// The statements of a feed that a node holds.
    pub fn statements(&self, id: u32, feed: &FeedId) -> Vec<Vec<u8>> {
        let statements = self.node(id).store.statements.get(feed);
        statements.into_iter().flatten().cloned().collect()
    }

    /// The entries of a log whose bodies a node holds.
    pub fn bodies(&self, id: u32, log: &LogId) -> Vec<Seq> {
        let entries = self
            .node(id)
            .store
            .logs
            .get(log)
            .into_iter()
            .flat_map(|log| &log.entries);
        let held = entries.filter(|(_, entry)| entry.body.is_some());
        held.map(|(seq, _)| Seq(*seq)).collect()
    }

    /// How many entries a node holds without their bodies.
    pub fn bodies_missing(&self, id: u32) -> usize {
        let logs = self.node(id).store.logs.values();
        logs.flat_map(|log| log.entries.values())
            .filter(|entry| entry.body.is_none())
            .count()
    }

    /// From where on a node knows a log to be forked.
    pub fn forked(&self, id: u32, log: &LogId) -> Option<Seq> {
        self.node(id).store.logs.get(log)?.forked.map(Seq)
    }
}
