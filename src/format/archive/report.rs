//! What an archive holds, found out without a store.

use std::io::Read;

use super::super::id::{FeedId, LogId, Seq};
use super::super::run::Run;
use super::super::statement::{Standing, Statement, Statements};
use super::super::time::Timestamp;
use super::{ArchiveError, ArchiveItem, ArchiveReader};

/// What [`verify_archive`] found.
#[derive(Debug, Clone, Default)]
pub struct ArchiveReport {
    feeds: Vec<ArchivedFeed>,
    blobs: u64,
    blob_bytes: u64,
    bytes: u64,
    damage: Option<ArchiveError>,
}

impl ArchiveReport {
    /// The feeds in it, in the order of their ids.
    pub fn feeds(&self) -> &[ArchivedFeed] {
        &self.feeds
    }

    /// How many files it holds: pictures, video and the like.
    pub const fn blobs(&self) -> u64 {
        self.blobs
    }

    /// Bytes of these files.
    pub const fn blob_bytes(&self) -> u64 {
        self.blob_bytes
    }

    /// How many bytes were read and are good.
    pub const fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Where the archive ceases to be usable; none if all of it is good. What is reported stands before.
    pub const fn damage(&self) -> Option<&ArchiveError> {
        self.damage.as_ref()
    }
}

/// What an archive holds of one feed.
#[derive(Debug, Clone)]
pub struct ArchivedFeed {
    feed: FeedId,
    statements: u64,
    entries: u64,
    counting: u64,
    bodies: u64,
    unsettled: u64,
    newest: Option<Timestamp>,
    forked: Vec<(LogId, Seq)>,
}

impl ArchivedFeed {
    const fn new(feed: FeedId) -> Self {
        Self {
            feed,
            statements: 0,
            entries: 0,
            counting: 0,
            bodies: 0,
            unsettled: 0,
            newest: None,
            forked: Vec::new(),
        }
    }

    /// Which feed.
    pub const fn feed(&self) -> FeedId {
        self.feed
    }

    /// Statements that admit and retire its devices, whether they count or not.
    pub const fn statements(&self) -> u64 {
        self.statements
    }

    /// Entries, state and reactions included.
    pub const fn entries(&self) -> u64 {
        self.entries
    }

    /// Those of them that count: of admitted devices, and not behind the end that a Retire sets.
    pub const fn counting(&self) -> u64 {
        self.counting
    }

    /// How many entries have their bodies in the archive. Others were deleted, expired, or not held by who made it.
    pub const fn bodies(&self) -> u64 {
        self.bodies
    }

    /// Counting entries at or past the place where their log is forked: another branch may turn out to be the true one.
    pub const fn unsettled(&self) -> u64 {
        self.unsettled
    }

    /// The latest time that a counting entry claims.
    pub const fn newest(&self) -> Option<Timestamp> {
        self.newest
    }

    /// Logs of admitted devices that are forked, and from where on.
    pub fn forked(&self) -> &[(LogId, Seq)] {
        &self.forked
    }
}

/// Verifies an archive without a store: every hash, link and signature, which entries count, and the hash of it all.
///
/// Reads to the end, or to the first record that is not good, in memory bounded by the largest record, the statements
/// of one feed and a few words for each feed and forked log. Nothing fails: a damage is part of the report.
///
/// ```
/// # fn main() -> std::io::Result<()> {
/// let archive = tidings::format::ArchiveWriter::new(Vec::new())?.finish()?;
/// let report = tidings::verify_archive(archive.as_slice());
/// assert!(report.damage().is_none() && report.feeds().is_empty());
/// # Ok(())
/// # }
/// ```
pub fn verify_archive(input: impl Read) -> ArchiveReport {
    let mut archive = ArchiveReader::new(input);
    let mut tally = Tally::default();
    let mut damage = None;
    for item in archive.by_ref() {
        match item {
            Ok(item) => tally.item(item),
            Err(error) => damage = Some(error),
        }
    }
    let bytes = match &damage {
        Some(damage) => damage.offset(),
        None => archive.position(),
    };
    tally.close();
    ArchiveReport {
        bytes,
        damage,
        ..tally.report
    }
}

/// Counts feed by feed.
#[derive(Default)]
struct Tally {
    report: ArchiveReport,
    current: Option<Current>,
}

/// The feed that is being read.
struct Current {
    found: ArchivedFeed,
    statements: Vec<Statement>,
    /// Known once the statements are: with the first record that is none.
    standing: Option<Standing>,
    /// The log that was found to be forked last.
    fork: Option<(LogId, Seq)>,
    /// What an end that picks the branch of that log would settle.
    open: Open,
}

/// Entries at or past a fork that count by the statements.
#[derive(Clone, Copy, Default)]
struct Open {
    with_body: u64,
    /// Not counted: they may be there only to prove what stands before the fork.
    without: u64,
}

impl Tally {
    fn item(&mut self, item: ArchiveItem) {
        match item {
            ArchiveItem::Statement(statement) => {
                let current = self.of(*statement.feed());
                current.found.statements += 1;
                current.statements.push(statement);
            }
            ArchiveItem::Fork(proof) => {
                let (log, at) = (*proof.log(), proof.at());
                let current = self.of(log.feed);
                current.fork = Some((log, at));
                current.open = Open::default();
                if current.standing().is_admitted(&log.device) {
                    current.found.forked.push((log, at));
                }
            }
            ArchiveItem::Run(run) => self.of(run.log().feed).run(&run),
            ArchiveItem::Blob { len, .. } => {
                self.report.blobs += 1;
                self.report.blob_bytes += len;
            }
        }
    }

    fn of(&mut self, feed: FeedId) -> &mut Current {
        if self.current.as_ref().map(|current| current.found.feed) != Some(feed) {
            self.close();
        }
        self.current.get_or_insert_with(|| Current {
            found: ArchivedFeed::new(feed),
            statements: Vec::new(),
            standing: None,
            fork: None,
            open: Open::default(),
        })
    }

    fn close(&mut self) {
        self.report
            .feeds
            .extend(self.current.take().map(|current| current.found));
    }
}

impl Current {
    fn standing(&mut self) -> &Standing {
        let (feed, statements) = (self.found.feed, &mut self.statements);
        self.standing.get_or_insert_with(|| {
            let mut set = Statements::new(feed);
            set.merge(std::mem::take(statements));
            set.judge()
        })
    }

    fn run(&mut self, run: &Run) {
        let log = *run.log();
        let fork = self.fork.filter(|(forked, _)| *forked == log);
        let settled = fork.map_or(Seq(u64::MAX), |(_, at)| at);
        let standing = self.standing();
        let end = standing.end(&log.device, &log.lane).copied();
        let (mut counting, mut open, mut newest) = (0, Open::default(), None);
        for (seq, (id, item)) in (run.first().0..)
            .map(Seq)
            .zip(run.ids().iter().zip(run.items()))
        {
            // An archive has one entry a place, so where it is not the one an end names, that one is not held.
            if !standing.counts(&log.device, &log.lane, seq, id, |_| false) {
                continue;
            }
            if seq >= settled && item.body().is_none() {
                open.without += 1;
                continue;
            }
            counting += 1;
            open.with_body += u64::from(seq >= settled);
            newest = newest.max(Some(item.time()));
        }
        self.found.unsettled += open.with_body;
        if fork.is_some() {
            self.open.with_body += open.with_body;
            self.open.without += open.without;
            if end.is_some_and(|end| run.id_at(end.seq) == Some(end.id)) {
                self.settle(&log);
            }
        }
        let found = &mut self.found;
        found.entries += run.len();
        found.counting += counting;
        found.newest = found.newest.max(newest);
        let bodies = run.items().iter().filter(|item| item.body().is_some());
        found.bodies += bodies.count() as u64;
    }

    /// The branch that the archive has is the one that a Retire picked.
    fn settle(&mut self, log: &LogId) {
        let open = std::mem::take(&mut self.open);
        self.fork = None;
        self.found.counting += open.without;
        self.found.unsettled -= open.with_body;
        self.found.forked.retain(|(forked, _)| forked != log);
    }
}
