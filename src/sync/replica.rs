//! What this node holds of one feed, as far as the machine must know it.

use std::collections::{BTreeMap, BTreeSet};

use super::event::{Head, LogSummary, Replica};
use super::logs::Logs;
use super::ranges::RangeSet;
use super::wire::Hash8;
use crate::format::{DeviceId, EntryId, FeedId, Hash16, Lane, LogId, Seq, derive, limits};

/// A log within its feed.
pub(super) type LogKey = (DeviceId, Lane);

pub(super) const fn key_of(log: &LogId) -> LogKey {
    (log.device, log.lane)
}

pub(super) const fn log_of(feed: FeedId, &(device, lane): &LogKey) -> LogId {
    LogId { feed, device, lane }
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
    pub(super) missing: BTreeMap<u64, EntryId>,
    pub(super) changed: u64,
    /// What does not count is not told: whoever may write could otherwise hide the rest behind what nobody takes.
    pub(super) counts: bool,
    pub(super) rank: (u8, i64),
    /// Places asked for, of whichever peer; never the same of two.
    pub(super) inflight: RangeSet,
    pub(super) bodies_inflight: BTreeSet<EntryId>,
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
        let missing = summary.missing.iter().map(|(seq, id)| (seq.0, *id));
        let (forked, changed) = (summary.forked, summary.changed);
        Self {
            held,
            head,
            forked,
            missing: missing.collect(),
            changed,
            counts: summary.counts,
            rank: summary.rank,
            ..Self::default()
        }
    }

    pub(super) fn short_head(&self) -> Option<(Seq, Hash8)> {
        self.head.map(|head| (head.seq, short(head.id.as_bytes())))
    }

    fn is_known(&self) -> bool {
        self.head.is_some() || self.forked.is_some()
    }

    /// Whether others hear of it, if its lane is not private.
    pub(super) fn is_told(&self) -> bool {
        self.is_known() && self.counts
    }

    /// Whether the same is known of both, so that nothing has to be asked or told anew.
    fn is_as(&self, other: &Self) -> bool {
        self.held == other.held
            && self.head == other.head
            && self.forked == other.forked
            && self.counts == other.counts
            && self.missing == other.missing
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
    /// Logs that were held and are not any more, so that others hear of that too.
    gone: BTreeSet<LogKey>,
    digest: Option<Hash16>,
}

impl Feed {
    /// Takes over what is held; requests under way stay known. Gives the logs of which something else was known.
    pub(super) fn replace(&mut self, replica: &Replica) -> BTreeSet<LogKey> {
        let mut changed = BTreeSet::new();
        let mut old = std::mem::take(&mut self.logs);
        for summary in &replica.logs {
            let key = (summary.device, summary.lane);
            let mut log = Log::from_summary(summary);
            let before = old.remove(&key);
            self.gone.remove(&key);
            if !before.as_ref().is_some_and(|before| before.is_as(&log)) {
                changed.insert(key);
            }
            if let Some(before) = before {
                log.inflight = before.inflight;
                log.bodies_inflight = before.bodies_inflight;
            }
            self.logs.insert(key, log);
        }
        for (key, before) in old {
            if before.is_known() {
                changed.insert(key);
                self.gone.insert(key);
            }
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
        changed
    }

    /// The log of this name, made now if something of it just came. It counts, or it would not have been taken; of which
    /// rank it is, its device's other logs tell.
    pub(super) fn met(&mut self, key: LogKey) -> &mut Log {
        let is_known = self.logs.get(&key).is_some_and(Log::is_known);
        if !is_known {
            let of_device = |((device, _), log): &(&LogKey, &Log)| *device == key.0 && log.counts;
            let rank = self.logs.iter().find(of_device).map(|(_, log)| log.rank);
            self.gone.remove(&key);
            let log = self.logs.of(key);
            log.counts = true;
            log.rank = rank.unwrap_or((limits::GENERATIONS, i64::MIN));
        }
        self.logs.of(key)
    }

    /// Logs of which nothing is to be told, though something may have been.
    pub(super) fn untold(&self) -> impl Iterator<Item = &LogKey> {
        let kept = self.logs.iter().filter(|(_, log)| !log.is_told());
        kept.map(|(key, _)| key).chain(&self.gone)
    }

    /// The logs that may be told to others, in the order in which they are: by generation, and within one a lane of each
    /// device before the next of any, those with the newest entries first. So nobody's devices hide another's, however
    /// many there are, and no device's lanes another's.
    pub(super) fn in_order(&self) -> Vec<(&LogKey, &Log)> {
        let mut logs: Vec<_> = self.public().collect();
        if logs.len() < 2 {
            return logs;
        }
        let newest = |log: &Log| std::cmp::Reverse(log.rank.1);
        logs.sort_by_key(|((device, lane), log)| (*device, newest(log), *lane));
        let mut places = Vec::with_capacity(logs.len());
        let mut last = None;
        for (key, log) in logs {
            let place = match last {
                Some((device, place)) if device == key.0 => place + 1,
                _ => 0u32,
            };
            last = Some((key.0, place));
            places.push((log.rank.0, place, newest(log), key, log));
        }
        places.sort_by_key(|(generation, place, newest, key, _)| {
            (*generation, *place, *newest, *key)
        });
        places
            .into_iter()
            .map(|(.., key, log)| (key, log))
            .collect()
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
            .filter(|((_, lane), log)| !lane.is_private() && log.is_told())
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
