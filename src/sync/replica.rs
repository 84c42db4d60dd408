//! What this node holds of one feed, as far as the machine must know it.

use std::collections::BTreeSet;

use super::event::{Head, LogSummary, Replica};
use super::fields::Hash8;
use super::logs::Logs;
use super::ranges::RangeSet;
use crate::format::{DeviceId, Hash16, Lane, LogId, Seq, derive};

/// A log within its feed.
pub(super) type LogKey = (DeviceId, Lane);

pub(super) const fn key_of(log: &LogId) -> LogKey {
    (log.device, log.lane)
}

pub(super) fn short(id: &[u8]) -> Hash8 {
    std::array::from_fn(|i| id.get(i).copied().unwrap_or(0))
}

#[derive(Debug, Default)]
pub(super) struct Log {
    pub(super) held: RangeSet,
    /// None while nothing is held.
    pub(super) head: Option<Head>,
    pub(super) forked: Option<Seq>,
    /// Held entries whose bodies are wanted.
    pub(super) missing: BTreeSet<u64>,
    pub(super) changed: u64,
    /// Places asked for, of whichever peer; never the same of two.
    pub(super) inflight: RangeSet,
    pub(super) bodies_inflight: BTreeSet<u64>,
}

impl Log {
    fn from_summary(summary: &LogSummary) -> Self {
        let mut held = RangeSet::default();
        for range in &summary.held {
            held.insert(range.start.0, range.end.0);
        }
        let head = if held.is_empty() {
            None
        } else {
            Some(summary.head)
        };
        let missing = summary.missing.iter().map(|seq| seq.0).collect();
        let (forked, changed) = (summary.forked, summary.changed);
        Self {
            held,
            head,
            forked,
            missing,
            changed,
            ..Self::default()
        }
    }

    pub(super) fn short_head(&self) -> Option<(Seq, Hash8)> {
        self.head.map(|head| (head.seq, short(head.id.as_bytes())))
    }

    fn is_known(&self) -> bool {
        self.head.is_some() || self.forked.is_some()
    }

    fn is_blank(&self) -> bool {
        !self.is_known() && self.inflight.is_empty() && self.bodies_inflight.is_empty()
    }

    /// Whether something behind its head, or a body, is wanted.
    pub(super) fn has_holes(&self) -> bool {
        // Who knows of a fork may have nothing of what lies below it yet, and no fingerprint tells.
        let end = self.head.map_or(0, |head| head.seq.0);
        let end = self.forked.map_or(end, |at| at.0);
        !self.missing.is_empty() || self.held.missing_below(end) > 0
    }
}

#[derive(Debug, Default)]
pub(super) struct Feed {
    pub(super) logs: Logs,
    pub(super) statements: Hash16,
    pub(super) statements_changed: u64,
    /// Which time of being wanted this is.
    pub(super) since: u64,
    digest: Option<Hash16>,
}

impl Feed {
    /// Takes over what is held; requests under way stay known.
    pub(super) fn replace(&mut self, replica: &Replica) {
        let mut old = std::mem::take(&mut self.logs);
        for summary in &replica.logs {
            let key = (summary.device, summary.lane);
            let mut log = Log::from_summary(summary);
            if let Some(before) = old.remove(&key) {
                log.inflight = before.inflight;
                log.bodies_inflight = before.bodies_inflight;
            }
            self.logs.insert(key, log);
        }
        for (key, before) in old {
            let (inflight, bodies_inflight) = (before.inflight, before.bodies_inflight);
            if !inflight.is_empty() || !bodies_inflight.is_empty() {
                self.logs.insert(
                    key,
                    Log {
                        inflight,
                        bodies_inflight,
                        ..Log::default()
                    },
                );
            }
        }
        self.statements = replica.statements;
        self.statements_changed = replica.statements_changed;
        self.digest = None;
    }

    pub(super) fn touch(&mut self) {
        self.digest = None;
    }

    /// Forgets a log that was only asked for and of which nothing came.
    pub(super) fn drop_if_blank(&mut self, key: &LogKey) {
        if self.logs.get(key).is_some_and(Log::is_blank) {
            self.logs.remove(key);
        }
    }

    /// The logs that may be told to others.
    pub(super) fn public(&self) -> impl Iterator<Item = (&LogKey, &Log)> {
        self.logs
            .iter()
            .filter(|((_, lane), log)| !lane.is_private() && log.is_known())
    }

    /// The same wherever the same heads and statements are held; zeros where there are none.
    pub(super) fn digest(&mut self) -> Hash16 {
        if let Some(digest) = self.digest {
            return digest;
        }
        let digest = self.make_digest();
        self.digest = Some(digest);
        digest
    }

    fn make_digest(&self) -> Hash16 {
        let mut bytes = Vec::new();
        for ((device, lane), log) in self.public() {
            bytes.extend_from_slice(device.as_bytes());
            bytes.extend_from_slice(lane.as_str().as_bytes());
            // A byte that no lane has ends the name.
            bytes.push(0);
            match (log.forked, log.head) {
                (None, Some(head)) => bytes.extend_from_slice(head.id.as_bytes()),
                // Two replicas of a forked log may hold different branches for ever.
                _ => bytes.extend_from_slice(b"forked"),
            }
        }
        if bytes.is_empty() && self.statements == Hash16::default() {
            return Hash16::default();
        }
        derive::FEED_DIGEST.hash16(&[&self.statements, &bytes])
    }
}
