//! A store for simulations: plain maps, and runs that are modelled instead of signed.
//!
//! A modelled entry is its body's hash behind the id of the entry before; a modelled signature is a hash that only
//! this file makes. What matters here is kept: runs link or do not, end in a signature or in an entry that the
//! receiver holds, leave large bodies out, and come from devices that are admitted or not.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use bytes::Bytes;

use super::super::event::{Head, LogSummary, Outcome, Replica};
use crate::format::{DeviceId, EntryId, FeedId, FormatError, LogId, Reader, Seq, Writer, limits};

/// Bodies beyond it go by hash.
const INLINE: usize = 2_000;

#[derive(Debug, Clone)]
pub(in crate::sync) struct SimEntry {
    pub(in crate::sync) id: EntryId,
    pub(in crate::sync) prev: EntryId,
    hash: [u8; 32],
    pub(in crate::sync) body: Option<Bytes>,
    signed: bool,
}

#[derive(Debug, Clone, Default)]
pub(in crate::sync) struct SimLog {
    pub(in crate::sync) entries: BTreeMap<u64, SimEntry>,
    pub(in crate::sync) forked: Option<u64>,
    pub(in crate::sync) changed: u64,
}

/// Everything one simulated node has on disk.
#[derive(Debug, Clone, Default)]
pub(in crate::sync) struct SimStore {
    pub(in crate::sync) logs: BTreeMap<LogId, SimLog>,
    pub(in crate::sync) statements: BTreeMap<FeedId, BTreeSet<Vec<u8>>>,
    pub(in crate::sync) follows: BTreeSet<FeedId>,
    /// Where statements end a log, which settles its forks: the branch with this entry is the true one.
    pub(in crate::sync) ends: BTreeMap<LogId, Head>,
    pub(in crate::sync) arrival: u64,
    pub(in crate::sync) filled: u64,
    /// Every take fails while it is set.
    pub(in crate::sync) full: bool,
}

/// Entries without a body.
type Lacking = Vec<(Seq, EntryId)>;

/// What taking a run came to.
pub(in crate::sync) struct Took {
    pub(in crate::sync) outcome: Outcome,
    pub(in crate::sync) stored: Option<(Range<Seq>, Head, Lacking)>,
    pub(in crate::sync) forked: Option<Seq>,
    /// Something held was of the wrong branch and is not held any more.
    pub(in crate::sync) reread: bool,
}

impl Took {
    pub(in crate::sync) const fn only(outcome: Outcome) -> Self {
        Self {
            outcome,
            stored: None,
            forked: None,
            reread: false,
        }
    }

    fn rejected(reason: &str) -> Self {
        Self::only(Outcome::Rejected {
            reason: reason.to_owned(),
        })
    }
}

fn hash(parts: &[&[u8]]) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new();
    for part in parts {
        hasher.update(&(part.len() as u64).to_le_bytes());
        hasher.update(part);
    }
    hasher.finalize().into()
}

fn entry_id(log: &LogId, seq: u64, prev: &EntryId, body: &[u8; 32]) -> EntryId {
    let parts: [&[u8]; 6] = [
        log.feed.as_bytes(),
        log.device.as_bytes(),
        log.lane.as_str().as_bytes(),
        &seq.to_le_bytes(),
        prev.as_bytes(),
        body,
    ];
    EntryId::from_bytes(hash(&parts))
}

fn signature(log: &LogId, id: &EntryId) -> [u8; 32] {
    hash(&[b"sig", log.device.as_bytes(), id.as_bytes()])
}

/// A modelled statement: it admits a device.
pub(in crate::sync) fn statement(feed: &FeedId, device: &DeviceId) -> Vec<u8> {
    let mut bytes = device.as_bytes().to_vec();
    bytes.extend(hash(&[b"admit", feed.as_bytes(), device.as_bytes()]));
    bytes
}

fn is_statement(feed: &FeedId, bytes: &[u8]) -> bool {
    let device = bytes
        .first_chunk()
        .map(|device| DeviceId::from_bytes(*device));
    device.is_some_and(|device| statement(feed, &device) == bytes)
}

fn proof_of(log: &LogId, at: u64) -> [u8; 32] {
    hash(&[b"fork", log.device.as_bytes(), &at.to_le_bytes()])
}

/// A run read from its bytes.
pub(in crate::sync) struct SimRun {
    pub(in crate::sync) first: u64,
    pub(in crate::sync) entries: Vec<SimEntry>,
    signature: Option<[u8; 32]>,
}

impl SimRun {
    fn parse(log: &LogId, bytes: &[u8]) -> Result<Self, FormatError> {
        let mut r = Reader::new("a modelled run", bytes);
        r.u8()?;
        let (first, count) = (r.varint()?, r.varint()?);
        let mut prev = EntryId::from_bytes(r.array()?);
        let mut entries = Vec::new();
        for seq in first..first + count.min(limits::BLOCK) {
            let inline = r.u8()? == 0;
            let body = if inline {
                Some(Bytes::copy_from_slice(r.bytes(limits::FRAME_BYTES)?))
            } else {
                None
            };
            let hash = match &body {
                Some(body) => hash(&[body]),
                None => r.array()?,
            };
            let id = entry_id(log, seq, &prev, &hash);
            entries.push(SimEntry {
                id,
                prev,
                hash,
                body,
                signed: false,
            });
            prev = id;
        }
        let signature = if r.u8()? == 1 { Some(r.array()?) } else { None };
        r.finish()?;
        Ok(Self {
            first,
            entries,
            signature,
        })
    }
}

impl SimStore {
    /// Appends an own entry and gives it as a run.
    pub(in crate::sync) fn append(&mut self, log_id: LogId, body: Bytes) -> (Seq, Bytes) {
        let log = self.logs.entry(log_id).or_default();
        let (seq, prev) = match log.entries.last_key_value() {
            Some((seq, entry)) => (seq + 1, entry.id),
            None => (0, EntryId::ZERO),
        };
        self.put(log_id, Seq(seq), prev, body)
    }

    /// Puts an entry at a place far above all others.
    pub(in crate::sync) fn append_at(&mut self, log: LogId, seq: Seq, body: Bytes) {
        self.put(log, seq, EntryId::from_bytes([9; 32]), body);
    }

    fn put(&mut self, log_id: LogId, Seq(seq): Seq, prev: EntryId, body: Bytes) -> (Seq, Bytes) {
        let log = self.logs.entry(log_id).or_default();
        let hash = hash(&[&body]);
        let id = entry_id(&log_id, seq, &prev, &hash);
        log.entries.insert(
            seq,
            SimEntry {
                id,
                prev,
                hash,
                body: Some(body),
                signed: true,
            },
        );
        self.arrival += 1;
        log.changed = self.arrival;
        let run = self
            .runs(&log_id, seq..seq + 1, false)
            .pop()
            .unwrap_or_default();
        (Seq(seq), run)
    }

    pub(in crate::sync) fn head(&self, log: &LogId) -> Option<Head> {
        let (seq, entry) = self.logs.get(log)?.entries.last_key_value()?;
        Some(Head {
            seq: Seq(*seq),
            id: entry.id,
        })
    }

    /// Makes a device count, by a statement that names it.
    pub(in crate::sync) fn admit(&mut self, feed: FeedId, device: DeviceId) {
        self.statements
            .entry(feed)
            .or_default()
            .insert(statement(&feed, &device));
        self.arrival += 1;
    }

    /// Takes statements in, all of them or none. Says whether that changed anything.
    pub(in crate::sync) fn take_statements(
        &mut self,
        feed: FeedId,
        items: &[Bytes],
    ) -> Result<bool, Outcome> {
        if !items.iter().all(|item| is_statement(&feed, item)) {
            return Err(Outcome::Rejected {
                reason: "nobody made it".to_owned(),
            });
        }
        let held = self.statements.entry(feed).or_default();
        let before = held.len();
        held.extend(items.iter().map(|item| item.to_vec()));
        let changed = held.len() > before;
        self.arrival += u64::from(changed);
        Ok(changed)
    }

    pub(in crate::sync) fn digest(&self, feed: &FeedId) -> [u8; 16] {
        let all: Vec<u8> = self
            .statements
            .get(feed)
            .into_iter()
            .flatten()
            .flatten()
            .copied()
            .collect();
        if all.is_empty() {
            return [0; 16];
        }
        let hash = hash(&[&all]);
        std::array::from_fn(|i| hash.get(i).copied().unwrap_or(0))
    }

    pub(in crate::sync) fn replica(&self, feed: &FeedId) -> Replica {
        let mut logs = Vec::new();
        for (id, log) in self.logs.iter().filter(|(id, _)| id.feed == *feed) {
            let Some(head) = self.head(id) else { continue };
            let missing = log
                .entries
                .iter()
                .filter(|(_, e)| e.body.is_none())
                .map(|(seq, e)| (Seq(*seq), e.id))
                .collect();
            let mut held: Vec<Range<Seq>> = Vec::new();
            for seq in log.entries.keys() {
                match held.last_mut() {
                    Some(range) if range.end.0 == *seq => range.end = Seq(seq + 1),
                    _ => held.push(Seq(*seq)..Seq(seq + 1)),
                }
            }
            let forked = log.forked.map(Seq);
            let (device, lane, changed) = (id.device, id.lane, log.changed);
            logs.push(LogSummary {
                device,
                lane,
                held,
                head,
                forked,
                missing,
                changed,
                counts: self.counts(id),
                rank: (1, i64::try_from(changed).unwrap_or(i64::MAX)),
            });
        }
        Replica {
            logs,
            statements: self.digest(feed),
            statements_changed: self.arrival,
        }
    }

    /// Packs what is held of a range: each stretch up to a signature, or up to what the reader holds.
    pub(in crate::sync) fn runs(
        &self,
        log_id: &LogId,
        range: Range<u64>,
        next_held: bool,
    ) -> Vec<Bytes> {
        let Some(log) = self.logs.get(log_id) else {
            return Vec::new();
        };
        let block_end = Seq(range.start).block_end().0;
        let mut runs = Vec::new();
        let mut at = range.start;
        while at < range.end {
            let Some((first, _)) = log.entries.range(at..range.end).next() else {
                break;
            };
            let mut end = *first;
            let mut proved = false;
            while let Some(entry) = log.entries.get(&end).filter(|_| end < block_end) {
                end += 1;
                proved = entry.signed || (end == range.end && next_held);
                let stop = !log.entries.contains_key(&end);
                if (end >= range.end && proved) || stop {
                    break;
                }
            }
            if proved {
                runs.push(pack(log_id, log, *first..end));
            }
            at = end.max(*first + 1);
        }
        runs
    }

    pub(in crate::sync) fn bodies(
        &self,
        log: &LogId,
        wanted: &[(Seq, EntryId)],
    ) -> Vec<(Seq, Bytes)> {
        let Some(log) = self.logs.get(log) else {
            return Vec::new();
        };
        let body = |(seq, id): &(Seq, EntryId)| {
            let entry = log.entries.get(&seq.0).filter(|entry| entry.id == *id)?;
            Some((*seq, entry.body.clone()?))
        };
        wanted.iter().filter_map(body).collect()
    }

    /// Whether the device of a log is admitted.
    fn counts(&self, log: &LogId) -> bool {
        let admit = statement(&log.feed, &log.device);
        let all = self.statements.get(&log.feed);
        all.is_some_and(|all| all.contains(&admit))
    }

    pub(in crate::sync) fn proof(&self, log: &LogId) -> Option<Bytes> {
        let at = self.logs.get(log)?.forked?;
        let mut w = Writer::default();
        w.varint(at);
        w.raw(&proof_of(log, at));
        Some(w.0.into())
    }

    pub(in crate::sync) fn take(&mut self, log_id: &LogId, bytes: &[u8]) -> Took {
        if self.full {
            return Took::only(Outcome::Trouble);
        }
        if !self.counts(log_id) {
            return Took::only(Outcome::NotAdmitted);
        }
        let Ok(run) = SimRun::parse(log_id, bytes) else {
            return Took::rejected("it cannot be read");
        };
        let log = self.logs.entry(*log_id).or_default();
        let (Some(first), Some(last)) = (run.entries.first(), run.entries.last()) else {
            return Took::rejected("it is empty");
        };
        let end = run.first + run.entries.len() as u64;
        let after = log.entries.get(&end);
        match run.signature {
            Some(sig) if sig != signature(log_id, &last.id) => {
                return Took::rejected("its signature is wrong");
            }
            None if after.is_none_or(|after| after.prev != last.id) => {
                // It leans on what was held when it was asked for, or on another branch.
                return Took::only(Outcome::OtherBranch);
            }
            _ => {}
        }
        let fork = fork_in(log, &run, first, last, end);
        if let Some(settled) = self.ends.get(log_id).copied() {
            return self.take_settled(log_id, run, &settled, fork.is_some());
        }
        if let Some(at) = fork {
            let new = log.forked.is_none_or(|held| at < held);
            if new {
                self.arrival += 1;
                log.forked = Some(at);
                log.changed = self.arrival;
            }
            return Took {
                outcome: Outcome::Forked,
                stored: None,
                forked: new.then_some(Seq(at)),
                reread: false,
            };
        }
        // What lies behind a fork only proves what lies before it.
        let end = log.forked.map_or(end, |at| end.min(at));
        if end <= run.first {
            return Took::only(Outcome::Forked);
        }
        self.store(log_id, run, end)
    }

    pub(in crate::sync) fn store(&mut self, log_id: &LogId, run: SimRun, end: u64) -> Took {
        let Some(log) = self.logs.get_mut(log_id) else {
            return Took::only(Outcome::AlreadyHeld);
        };
        let head = log.entries.last_key_value().map(|(seq, _)| *seq);
        let (mut new, mut missing) = (false, Vec::new());
        let signed = run.signature.is_some();
        for (seq, mut entry) in (run.first..end).zip(run.entries) {
            entry.signed = signed && seq + 1 == end;
            if let Some(held) = log.entries.get_mut(&seq) {
                held.signed |= entry.signed;
                if held.body.is_none() && entry.body.is_some() {
                    held.body = entry.body;
                }
                continue;
            }
            new = true;
            if entry.body.is_none() {
                missing.push((Seq(seq), entry.id));
            }
            log.entries.insert(seq, entry);
        }
        if !new {
            return Took::only(Outcome::AlreadyHeld);
        }
        self.arrival += 1;
        if log.entries.last_key_value().map(|(seq, _)| *seq) == head {
            self.filled = self.arrival;
        } else {
            log.changed = self.arrival;
        }
        let head = self.head(log_id);
        Took {
            outcome: Outcome::Stored,
            stored: head.map(|head| (Seq(run.first)..Seq(end), head, missing)),
            forked: None,
            reread: false,
        }
    }

    pub(in crate::sync) fn take_body(
        &mut self,
        log: &LogId,
        (seq, id): (Seq, EntryId),
        body: Bytes,
    ) -> Outcome {
        let entry = self
            .logs
            .get_mut(log)
            .and_then(|log| log.entries.get_mut(&seq.0));
        match entry {
            Some(entry) if entry.id != id => Outcome::AlreadyHeld,
            Some(entry) if entry.hash == hash(&[&body]) => {
                entry.body = Some(body);
                self.arrival += 1;
                self.filled = self.arrival;
                Outcome::Stored
            }
            Some(_) => Outcome::Rejected {
                reason: "it has another hash".to_owned(),
            },
            None => Outcome::AlreadyHeld,
        }
    }

    pub(in crate::sync) fn take_proof(
        &mut self,
        log_id: &LogId,
        proof: &[u8],
    ) -> Result<Option<Seq>, Outcome> {
        let wrong = |_| Outcome::Rejected {
            reason: "it proves nothing".to_owned(),
        };
        let mut r = Reader::new("a modelled proof", proof);
        let at = r.varint().map_err(wrong)?;
        let token: [u8; 32] = r.array().map_err(wrong)?;
        if token != proof_of(log_id, at) {
            return Err(Outcome::Rejected {
                reason: "it proves nothing".to_owned(),
            });
        }
        if self.ends.contains_key(log_id) {
            return Ok(None);
        }
        let log = self.logs.entry(*log_id).or_default();
        if log.forked.is_some_and(|held| held <= at) {
            return Ok(None);
        }
        self.arrival += 1;
        log.forked = Some(at);
        log.changed = self.arrival;
        Ok(Some(Seq(at)))
    }
}

/// The lowest place at which a run and what is held differ.
fn fork_in(log: &SimLog, run: &SimRun, first: &SimEntry, last: &SimEntry, end: u64) -> Option<u64> {
    let before = run
        .first
        .checked_sub(1)
        .and_then(|seq| log.entries.get(&seq).map(|entry| (seq, entry)));
    if let Some((seq, _)) = before.filter(|(_, entry)| entry.id != first.prev) {
        return Some(seq);
    }
    for (seq, entry) in (run.first..).zip(&run.entries) {
        if log
            .entries
            .get(&seq)
            .is_some_and(|held| held.id != entry.id)
        {
            return Some(seq);
        }
    }
    log.entries
        .get(&end)
        .filter(|after| after.prev != last.id)
        .map(|_| end)
}

fn pack(log_id: &LogId, log: &SimLog, range: Range<u64>) -> Bytes {
    let mut w = Writer::default();
    w.u8(limits::VERSION);
    w.varint(range.start);
    w.varint(range.end - range.start);
    let mut last = None;
    for (_, entry) in log.entries.range(range) {
        if last.is_none() {
            w.raw(entry.prev.as_bytes());
        }
        match entry.body.as_ref().filter(|body| body.len() <= INLINE) {
            Some(body) => {
                w.u8(0);
                w.bytes(body);
            }
            None => {
                w.u8(1);
                w.raw(&entry.hash);
            }
        }
        last = Some(entry);
    }
    match last.filter(|entry| entry.signed) {
        Some(entry) => {
            w.u8(1);
            w.raw(&signature(log_id, &entry.id));
            // What a real run has besides: kinds, and 32 bytes more of signature.
        }
        None => w.u8(0),
    }
    w.0.into()
}
