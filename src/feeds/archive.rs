//! What goes into an archive of a feed, and how what comes out of one is taken in.

use std::collections::BTreeSet;
use std::io::{self, Write};
use std::ops::Range;

use super::batch::FeedBatch;
use super::error::FeedsError;
use super::ingest::Taken;
use super::row::LogRow;
use super::snapshot::FeedSnapshot;
use super::trust::Trust;
use crate::format::{
    ArchiveWriter, FeedId, ForkProof, LogId, PackedRun, Run, Seq, Statement, Statements,
};

const RUN: FeedsError = FeedsError::Damaged { what: "a run" };

/// Why an archive could not be written: the store, or what it is written to.
#[derive(Debug)]
pub(crate) enum ArchiveFailure {
    Feeds(FeedsError),
    Io(io::Error),
}

impl<T: Into<FeedsError>> From<T> for ArchiveFailure {
    fn from(error: T) -> Self {
        Self::Feeds(error.into())
    }
}

/// What of a run from an archive was new.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Loaded {
    pub(crate) taken: Taken,
    /// Entries that were not held.
    pub(crate) entries: u64,
    /// Bodies that were not held.
    pub(crate) bodies: u64,
    /// Entries of the run that are held now.
    pub(crate) held: u64,
}

impl FeedSnapshot {
    /// Writes what is held of a feed and counts, and tells each run before it is written.
    ///
    /// Private lanes only where that is asked for: the archive is for the owner then.
    pub(crate) fn archive<W: Write>(
        &self,
        feed: &FeedId,
        private: bool,
        out: &mut ArchiveWriter<W>,
        told: &mut dyn FnMut(&Run, u64) -> io::Result<()>,
    ) -> Result<(), ArchiveFailure> {
        let rows = self.rows();
        let Some(feed_no) = rows.feed_no(feed)? else {
            return Ok(());
        };
        let mut statements = Statements::new(*feed);
        statements.merge(rows.statements(feed_no)?);
        for statement in &statements {
            out.statement(statement).map_err(ArchiveFailure::Io)?;
        }
        let standing = statements.judge();
        let trust = Trust {
            statements,
            standing,
        };
        // By device and lane: the order of their keys is that of the archive.
        for log_no in rows.logs_of(feed_no)? {
            let row = rows.log(log_no)?;
            let bound = trust.bound(&row.log);
            if (row.log.lane.is_private() && !private) || bound == Seq::ZERO {
                continue;
            }
            if let Some(proof) = self.proof(&row.log)? {
                let proof = ForkProof::decode(&proof)?;
                out.fork(&proof).map_err(ArchiveFailure::Io)?;
            }
            for block in blocks(&row, bound) {
                for run in self.block_runs(&row.log, block)? {
                    told(&run, out.written()).map_err(ArchiveFailure::Io)?;
                    out.run(&run).map_err(ArchiveFailure::Io)?;
                }
            }
        }
        Ok(())
    }

    /// What is held in one block, each part as one signed run with its bodies.
    fn block_runs(&self, log: &LogId, block: Range<Seq>) -> Result<Vec<Run>, FeedsError> {
        let packed = self.runs(log, block, false, usize::MAX)?;
        let verify = |bytes| PackedRun::from_bytes(bytes).verify(log, None);
        packed
            .into_iter()
            .map(|bytes| verify(bytes).map_err(|_| RUN))
            .collect()
    }

    /// Whether any of these places of a log is held and wants its body.
    pub(crate) fn lacks_body(
        &self,
        log: &LogId,
        ranges: &[Range<Seq>],
    ) -> Result<bool, FeedsError> {
        let rows = self.rows();
        let Some(no) = rows.log_no(log)? else {
            return Ok(false);
        };
        for range in ranges {
            if !rows.missing(no, range)?.is_empty() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// How many entries of a feed are held, private lanes included.
    pub(crate) fn entries_of(&self, feed: &FeedId) -> Result<u64, FeedsError> {
        let no = self.rows().feed_no(feed)?;
        no.map_or(Ok(0), |no| self.rows().entries_of(no))
    }
}

/// The blocks in which something is held that counts, each cut at the place from which on nothing does.
fn blocks(row: &LogRow, bound: Seq) -> Vec<Range<Seq>> {
    let mut blocks = Vec::new();
    for part in row.held.iter() {
        let end = part.end.min(bound);
        let mut at = part.start;
        while at < end {
            let next = at.block_end().min(end);
            blocks.push(at..next);
            at = next;
        }
    }
    blocks
}

impl FeedBatch<'_> {
    /// Takes a verified run out of an archive, as if a peer had sent it, and says what of it was new.
    pub(crate) fn load_run(&mut self, run: &Run) -> Result<Loaded, FeedsError> {
        let range = run.first()..run.end();
        let (absent, lacking) = self.absent_and_lacking(run.log(), &range)?;
        let taken = self.take_run(run)?;
        let (still_absent, still_lacking) = self.absent_and_lacking(run.log(), &range)?;
        let filled = lacking.difference(&still_lacking).count() as u64;
        let fresh: Vec<&Seq> = absent.difference(&still_absent).collect();
        let with_body = |seq: &&&Seq| {
            let index = usize::try_from(seq.0.saturating_sub(range.start.0)).ok();
            let item = index.and_then(|index| run.items().get(index));
            item.is_some_and(|item| item.body().is_some())
        };
        Ok(Loaded {
            taken,
            entries: fresh.len() as u64,
            bodies: filled + fresh.iter().filter(with_body).count() as u64,
            held: run.len() - still_absent.len() as u64,
        })
    }

    /// Places of a range that are not held, and held ones whose bodies are missing.
    fn absent_and_lacking(
        &mut self,
        log: &LogId,
        range: &Range<Seq>,
    ) -> Result<(BTreeSet<Seq>, BTreeSet<Seq>), FeedsError> {
        let places = |range: Range<Seq>| (range.start.0..range.end.0).map(Seq);
        let Some(no) = self.met_log(log)? else {
            return Ok((places(range.clone()).collect(), BTreeSet::new()));
        };
        let absent = self.log_row(no)?.held.absent(range.clone());
        let absent = absent.into_iter().flat_map(places).collect();
        Ok((
            absent,
            self.rows().missing(no, range)?.into_iter().collect(),
        ))
    }

    /// Whether a feed is wanted, so that what is known of it is taken.
    pub(crate) fn wants(&mut self, feed: &FeedId) -> Result<bool, FeedsError> {
        match self.met_feed(feed)? {
            Some(no) => Ok(self.feed_row(no)?.is_wanted()),
            None => Ok(false),
        }
    }

    /// Takes statements out of an archive, all those of a feed at once.
    pub(crate) fn load_statements(
        &mut self,
        feed: &FeedId,
        statements: Vec<Statement>,
    ) -> Result<(), FeedsError> {
        if !statements.is_empty() {
            self.take_statements(feed, statements)?;
        }
        Ok(())
    }
}
