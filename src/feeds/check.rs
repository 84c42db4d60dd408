//! Recomputes every index from the logs and says what differs. Changes nothing.
//!
//! Logs are read block by block and proved anew: hashes, links, signatures. For each entry the rows that it should have
//! are computed and looked up, and those met are counted by table. Where a table has more rows than were met, its rows are
//! gone through as well, each asked for the entry that it belongs to. So nothing has to be held in memory but numbers.
//!
//! What this node learned of its peers (addresses, what sync remembers) follows from nothing else and is not checked.

mod aside;
mod entry;
mod logs;
mod report;
mod tables;

use std::collections::{BTreeMap, HashMap};
use std::ops::ControlFlow;
use std::sync::Arc;

use self::report::Fault;
pub use self::report::{CheckProgress, CheckReport, Difference};
use super::batch::LogName;
use super::error::FeedsError;
use super::fields::Types;
use super::keys::{FeedNo, LogNo};
use super::row::{FeedRow, LogRow, Ranges};
use super::rows::Rows;
use super::snapshot::FeedSnapshot;
use super::trust::Trust;
use super::{Counters, FeedStore};
use crate::format::{LogId, Seq, Statements};

/// Told how far it is; says whether to go on.
type Watch<'w> = dyn FnMut(CheckProgress) -> ControlFlow<()> + 'w;

/// A check under way.
struct Check<'a> {
    snapshot: &'a FeedSnapshot,
    types: &'a Types,
    counters: Counters,
    report: CheckReport,
    /// Rows that were found where they should be, by table.
    met: BTreeMap<u8, u64>,
    /// Entries that arrival order tells of.
    told: HashMap<LogNo, Ranges>,
    trust: Option<(FeedNo, Arc<Trust>)>,
    own_entries: u64,
    entries: u64,
}

/// What is known of the log that is being looked at.
struct LogFacts {
    name: LogName,
    row: LogRow,
    own: bool,
    /// From here on entries are stored as such that do not count.
    bound: Seq,
    /// From here on nothing counts, as the statements say.
    target: Seq,
}

impl LogFacts {
    fn text(&self) -> String {
        text(&self.name.id)
    }
}

/// How a report names a log.
fn text(log: &LogId) -> String {
    format!("{}:{}:{}", log.feed, log.device, log.lane)
}

impl FeedStore {
    /// Checks the store as it is at this moment. Writes go on meanwhile and are not seen.
    pub(crate) fn check(&self, watch: &mut Watch<'_>) -> Result<CheckReport, FeedsError> {
        let snapshot = self.snapshot()?;
        let check = Check {
            snapshot: &snapshot,
            types: &self.types,
            counters: snapshot.counters(),
            report: CheckReport::default(),
            met: BTreeMap::new(),
            told: HashMap::new(),
            trust: None,
            own_entries: 0,
            entries: 0,
        };
        check.run(watch)
    }
}

impl Check<'_> {
    fn run(mut self, watch: &mut Watch<'_>) -> Result<CheckReport, FeedsError> {
        let arrival = self.arrival();
        self.bear(arrival, || "some event".to_owned())?;
        let names = self.names();
        self.bear(names, || "some name".to_owned())?;
        let feeds = self.feeds();
        self.bear(feeds, || "some feed".to_owned())?;
        let kept = self.kept();
        self.bear(kept, || "some entry".to_owned())?;
        let aside = self.aside();
        self.bear(aside, || "some run".to_owned())?;
        for no in self.logs()? {
            let log = self.log(no, watch);
            let done = self.bear(log, || format!("log {no}"))?;
            if done == Some(ControlFlow::Break(())) {
                return Ok(self.report);
            }
        }
        self.totals();
        self.extras()?;
        self.report.complete = true;
        Ok(self.report)
    }

    /// What cannot be read is a difference, and no reason not to look at the rest.
    fn bear<T>(
        &mut self,
        done: Result<T, FeedsError>,
        of: impl FnOnce() -> String,
    ) -> Result<Option<T>, FeedsError> {
        match done {
            Ok(done) => Ok(Some(done)),
            Err(FeedsError::Damaged { what }) => {
                self.note(what, Fault::Unreadable, of());
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    fn rows(&self) -> Rows<'_> {
        self.snapshot.rows()
    }

    fn note(&mut self, table: &'static str, fault: Fault, of: String) {
        self.report.add(Difference { table, fault, of });
    }

    fn meet(&mut self, table: u8) {
        *self.met.entry(table).or_default() += 1;
        self.report.rows += 1;
    }

    /// Compares a row with what it should be.
    fn compare(
        &mut self,
        table: &'static str,
        key: &[u8],
        expected: &[u8],
        of: impl FnOnce() -> String,
    ) -> Result<(), FeedsError> {
        let Some(found) = self.snapshot.tx().value(key)? else {
            self.note(table, Fault::Missing, of());
            return Ok(());
        };
        self.meet(key.first().copied().unwrap_or(0));
        if found != expected {
            self.note(table, Fault::Wrong, of());
        }
        Ok(())
    }

    /// The statements of a feed and what they come to.
    fn trust_of(&mut self, no: FeedNo, row: &FeedRow) -> Result<Arc<Trust>, FeedsError> {
        if let Some((known, trust)) = &self.trust
            && *known == no
        {
            return Ok(trust.clone());
        }
        let held = self.rows().statements(no)?;
        let mut statements = Statements::new(row.id);
        statements.merge(held);
        let trust = Arc::new(Trust::new(statements));
        self.trust = Some((no, trust.clone()));
        Ok(trust)
    }
}
