//! What the nodes of a world show.

use std::collections::BTreeMap;

use super::{Pen, World, sure};
use crate::feeds::{FeedSnapshot, PageRow, Query};
use crate::format::{
    Closing, DeviceSecret, EntryId, EntryRef, FeedId, Lane, LogId, PackedRun, Post, Run, Seq,
    Standing, StatementId, Statements, Timestamp, decode_content,
};

/// All that a replica shows of a feed and that has to be the same everywhere.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[expect(clippy::exhaustive_structs, reason = "a record of a simulation")]
pub struct Seen {
    /// Entries that count, of public lanes, and whether with their bodies.
    pub entries: BTreeMap<LogId, Vec<(Seq, EntryId, bool)>>,
    /// Its statements.
    pub statements: Vec<StatementId>,
    /// Bytes of these.
    pub statement_bytes: usize,
    /// What these come to, device by device.
    pub verdicts: Vec<String>,
    /// The feed's name.
    pub name: Option<String>,
    /// Its timeline, gaps left out: posts and what they say as last edited.
    pub page: Vec<(EntryRef, Option<String>)>,
    /// Gaps in it: a log, and the places that are missing.
    pub gaps: Vec<(LogId, Seq, Seq)>,
}

impl World {
    /// What a node shows of a feed, an hour from now so that nothing waits to be due.
    pub fn seen(&self, id: u32, feed: &FeedId) -> Seen {
        let snapshot = self.home_of(id).snapshot();
        let mut statements = Statements::new(*feed);
        statements.merge(sure(snapshot.statement_set(feed)));
        let standing = statements.judge();
        let encoded = sure(snapshot.statements(feed));
        let mut seen = Seen {
            statement_bytes: encoded.iter().map(bytes::Bytes::len).sum(),
            statements: statements.iter().map(|statement| *statement.id()).collect(),
            verdicts: verdicts(&standing),
            entries: entries(&snapshot, feed, &standing),
            name: sure(snapshot.profile(feed)).name().map(ToOwned::to_owned),
            ..Seen::default()
        };
        let now = self.clock().plus_millis(3_600_000);
        pages(&snapshot, feed, now, &mut seen);
        seen
    }

    /// What is wrong with a node's store.
    pub fn differences(&self, id: u32) -> Vec<String> {
        let report = self.home_of(id).check();
        let mut found: Vec<String> = report
            .differences()
            .iter()
            .map(ToString::to_string)
            .collect();
        if found.is_empty() && !report.is_clean() {
            found.push("the check did not come to its end".to_owned());
        }
        found
    }

    /// A pen for a log as a node holds it: what somebody with a copy of the key and of the store goes on from.
    pub fn copy(&self, id: u32, secret: &DeviceSecret, feed: FeedId, lane: Lane) -> Pen {
        let log = LogId {
            feed,
            device: secret.id(),
            lane,
        };
        let snapshot = self.home_of(id).snapshot();
        Pen::behind(secret, log, runs(&snapshot, &log))
    }

    /// The place and id of the newest entry that a node holds of each public log of a device: the ends to name.
    pub fn ends(&self, id: u32, feed: &FeedId, device: &crate::format::DeviceId) -> Vec<EntryRef> {
        let replica = sure(self.home_of(id).snapshot().replica(feed));
        let logs = replica.into_iter().flat_map(|replica| replica.logs);
        logs.filter(|held| held.log.device == *device && !held.log.lane.is_private())
            .filter(|held| !held.held.is_empty())
            .map(|held| EntryRef {
                log: held.log,
                seq: held.head.0,
                id: held.head.1,
            })
            .collect()
    }

    /// How many logs and entries a node holds of a feed, counting or not.
    pub fn held(&self, id: u32, feed: &FeedId) -> (usize, u64) {
        let snapshot = self.home_of(id).snapshot();
        let logs = sure(snapshot.replica(feed)).map_or(0, |replica| replica.logs.len());
        (logs, sure(snapshot.entries_of(feed)))
    }
}

fn verdicts(standing: &Standing) -> Vec<String> {
    let verdict = |device, ends| format!("{device:?}: {ends:?}");
    let devices = standing.devices();
    devices
        .map(|(device, of)| {
            let live = (standing.is_live(device), standing.is_admin(device));
            verdict(device, (live, of.ends()))
        })
        .collect()
}

/// The place from which on nothing of a public log counts.
fn bound(standing: &Standing, log: &LogId) -> Seq {
    if !standing.is_admitted(&log.device) {
        return Seq::ZERO;
    }
    if !standing.is_retired(&log.device) {
        return Seq(u64::MAX);
    }
    let end = standing.end(&log.device, &log.lane);
    end.map_or(Seq::ZERO, |end| end.seq.next())
}

fn runs(snapshot: &FeedSnapshot, log: &LogId) -> Vec<Run> {
    let replica = sure(snapshot.replica(&log.feed));
    let logs = replica.into_iter().flat_map(|replica| replica.logs);
    let held = logs.filter(|held| held.log == *log);
    let mut found = Vec::new();
    for part in held.flat_map(|held| held.held) {
        let mut at = part.start;
        while at < part.end {
            let to = at.block_end().min(part.end);
            for bytes in sure(snapshot.runs(log, at..to, false, usize::MAX)) {
                found.push(sure(PackedRun::from_bytes(bytes).verify(log, None)));
            }
            at = to;
        }
    }
    debug_assert!(
        found
            .iter()
            .all(|run| matches!(run.closing(), Closing::Signed(_)))
    );
    found
}

fn entries(
    snapshot: &FeedSnapshot,
    feed: &FeedId,
    standing: &Standing,
) -> BTreeMap<LogId, Vec<(Seq, EntryId, bool)>> {
    let replica = sure(snapshot.replica(feed));
    let logs = replica.into_iter().flat_map(|replica| replica.logs);
    let mut entries = BTreeMap::new();
    for held in logs.filter(|held| !held.log.lane.is_private()) {
        let bound = bound(standing, &held.log);
        let runs = runs(snapshot, &held.log);
        let of_log = runs.iter().flat_map(Run::entries);
        let counting = of_log.filter(|entry| entry.header().seq() < bound);
        let counting: Vec<_> = counting
            .map(|entry| (entry.header().seq(), entry.id(), entry.body().is_some()))
            .collect();
        if !counting.is_empty() {
            entries.insert(held.log, counting);
        }
    }
    entries
}

fn pages(snapshot: &FeedSnapshot, feed: &FeedId, now: Timestamp, seen: &mut Seen) {
    let query = Query {
        feed: Some(*feed),
        ..Query::default()
    };
    let mut before = None;
    loop {
        let rows = sure(snapshot.page(&query, before, 64, now));
        let Some(last) = rows.last() else { return };
        before = Some(match last {
            PageRow::Entry { order, .. }
            | PageRow::Gap { order, .. }
            | PageRow::Missing { order, .. } => *order,
        });
        for row in rows {
            match row {
                PageRow::Entry { entry, body, .. } => {
                    let post = body.and_then(|body| decode_content::<Post>(&body.content).ok());
                    seen.page
                        .push((entry.reference, post.map(|post| post.text)));
                }
                PageRow::Gap { log, from, to, .. } => seen.gaps.push((log, from, to)),
                PageRow::Missing { .. } => {}
            }
        }
    }
}
