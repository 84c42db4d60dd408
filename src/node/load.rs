//! Feeds taken in from a file that was carried by hand.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::fs::File;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, sync_channel};

pub use self::report::{LoadReport, LoadedFeed};
use super::Node;
use super::archive::{ArchiveProgress, Progress, Stop, StopOnDrop};
use super::error::TidingsError;
use super::identity::Identity;
use super::keys::random;
use super::profile::{append_state, draft};
use crate::feeds::{FeedBatch, FeedsError, Loaded, Taken};
use crate::format::limits::PROOF_BYTES;
use crate::format::{
    ArchiveError, ArchiveItem, ArchiveReader, BlobHash, FeedId, Follow, ForkProof, FormatError,
    LogId, NextInArchive, Run, Seq, Statement, Timestamp,
};
use crate::media::Carried;
use crate::net::Writer;

mod report;

/// Bytes of runs that are verified before they are written together. As many more may be on their way to the disk.
const TOGETHER: usize = 4 * 1024 * 1024;
/// Feeds that one archive may have followed. Each is kept, served and looked for from then on, and a file of some
/// megabytes can name as many as it likes.
const FOLLOWED: usize = 1_024;
/// Feeds of which nothing is taken that the report names one by one.
const NAMED: u64 = 1_024;

/// An archive about to be loaded. Nothing is until [`run`](Self::run).
#[must_use = "nothing is loaded before `run`"]
pub struct LoadBuilder {
    node: Node,
    path: PathBuf,
    follow: bool,
    progress: Option<Progress>,
}

impl Node {
    /// Takes in an archive: what is new in it of the own feed and of followed ones becomes part of this node. Of other feeds
    /// nothing is taken unless they are to be [followed](LoadBuilder::follow).
    ///
    /// Loading the same archive again changes nothing. The order in which several are loaded does not matter, but where a
    /// log is forked: then the branch that comes first stays.
    pub fn load(&self, path: impl AsRef<Path>) -> LoadBuilder {
        LoadBuilder {
            node: self.clone(),
            path: path.as_ref().to_owned(),
            follow: false,
            progress: None,
        }
    }
}

impl LoadBuilder {
    /// Whether the feeds in it are followed from now on, the first 1,024 of those that are not yet; none are unless this
    /// says so. Of a feed that is not followed nothing is taken.
    pub const fn follow(mut self, follow: bool) -> Self {
        self.follow = follow;
        self
    }

    /// Told again and again how far it is, on another thread, which it holds up.
    pub fn progress(mut self, told: impl FnMut(ArchiveProgress) + Send + 'static) -> Self {
        self.progress = Some(Box::new(told));
        self
    }

    /// Loads the archive. What stands before a damage is taken in, and the report says where it is.
    ///
    /// # Errors
    ///
    /// [`TidingsError::Archive`] for a file that is no archive, or of another version; [`TidingsError::Folder`] if it
    /// cannot be opened; [`TidingsError::Feeds`] and [`TidingsError::Media`] if the disk fails or is full: what was taken in before
    /// stays.
    ///
    /// # Cancel safety
    ///
    /// Dropped half-way, loading stops soon; what has been taken in stays. Load again for the rest.
    pub async fn run(self) -> Result<LoadReport, TidingsError> {
        let Self {
            node,
            path,
            follow,
            progress,
        } = self;
        let stop = StopOnDrop::default();
        let job = Job {
            writer: node.inner.writer.clone(),
            identity: follow.then(|| node.inner.identity.clone()),
            own: node.feed(),
            now: node.now(),
            progress,
            stop: stop.flag(),
            node: node.clone(),
            report: LoadReport::default(),
            current: None,
            again: BTreeSet::new(),
            is_second: false,
            batch: Vec::new(),
            batch_bytes: 0,
            pending: None,
            entries: 0,
            followed: 0,
        };
        let loaded = tokio::task::spawn_blocking(move || job.run(&path));
        let report = loaded.await.map_err(|_| TidingsError::ShutDown)?;
        drop(stop);
        if let Some(engine) = &node.inner.engine {
            engine.retarget().await;
        }
        report
    }
}

impl fmt::Debug for LoadBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let follow = self.follow;
        write!(f, "LoadBuilder({}, follow: {follow})", self.path.display())
    }
}

/// One thing to be written.
enum Op {
    Run(Box<Run>),
    Fork(Box<ForkProof>),
}

/// A write on its way: what each run of it came to.
type Pending = Receiver<Result<Vec<(FeedId, u64, Loaded)>, Arc<FeedsError>>>;

/// One load, on a thread that may block.
struct Job {
    node: Node,
    writer: Writer,
    /// The key that signs that feeds are followed, if they are to be.
    identity: Option<Arc<Identity>>,
    own: FeedId,
    now: Timestamp,
    progress: Option<Progress>,
    stop: Stop,
    report: LoadReport,
    current: Option<Current>,
    /// Logs of which the archive has bodies that are wanted now and were not when they came by: a delete that had come
    /// before them was undone by an entry behind them.
    again: BTreeSet<LogId>,
    /// Reading for those bodies alone.
    is_second: bool,
    batch: Vec<Op>,
    batch_bytes: usize,
    pending: Option<Pending>,
    entries: u64,
    /// Feeds that are followed since this load.
    followed: usize,
}

/// The feed that is being read.
struct Current {
    feed: FeedId,
    /// Its statements, until they are written.
    statements: Option<Vec<Statement>>,
    /// The fork of the log that is being read. It is taken after the runs, since nothing past a known fork is.
    fork: Option<ForkProof>,
    log: Option<LogId>,
    /// Whether anything of it is taken.
    is_wanted: bool,
    /// Where the archive has bodies.
    carried: BTreeMap<LogId, Vec<Range<Seq>>>,
}

impl Current {
    /// Notes the places of a run whose bodies it has.
    fn carries(&mut self, run: &Run) {
        let places = (run.first().0..).map(Seq).zip(run.items());
        for (seq, _) in places.filter(|(_, item)| item.body().is_some()) {
            let ranges = self.carried.entry(*run.log()).or_default();
            match ranges.last_mut() {
                Some(last) if last.end == seq => last.end = seq.next(),
                _ => ranges.push(seq..seq.next()),
            }
        }
    }
}

impl Job {
    fn run(mut self, path: &Path) -> Result<LoadReport, TidingsError> {
        let failed = |error: std::io::Error| TidingsError::Folder {
            path: path.to_owned(),
            what: "read",
            why: error.to_string(),
        };
        let file = File::open(path).map_err(failed)?;
        let total = file.metadata().map_err(failed)?.len();
        let mut archive = ArchiveReader::new(file);
        while let Some(next) = archive.advance() {
            match next {
                Ok(NextInArchive::Item(item)) => self.item(*item)?,
                Ok(NextInArchive::Blob { hash, len }) => self.blob(&mut archive, hash, len)?,
                Err(error) if is_no_archive(&error) => return Err(TidingsError::Archive(error)),
                Err(error) => self.report.damage = Some(error),
            }
            if self.stop.is_set() {
                break;
            }
            if let Some(progress) = &mut self.progress {
                progress(ArchiveProgress {
                    entries: self.entries,
                    done: archive.position(),
                    total,
                });
            }
        }
        self.close()?;
        if !self.again.is_empty() && !self.stop.is_set() {
            self.second(File::open(path).map_err(failed)?)?;
        }
        Ok(self.report)
    }

    /// Reads the archive once more for bodies that were not wanted when they came by, so that what is shown in the end
    /// does not depend on the order in which an archive has deletes and their undoing.
    fn second(&mut self, file: File) -> Result<(), TidingsError> {
        self.is_second = true;
        for item in ArchiveReader::new(file) {
            // It is known where a damage is, and that what stands before it is good.
            let Ok(item) = item else { break };
            if self.stop.is_set() {
                break;
            }
            let ArchiveItem::Run(run) = item else {
                continue;
            };
            if self.again.contains(run.log()) {
                self.batch_bytes += run.packed().len();
                self.batch.push(Op::Run(Box::new(run)));
                if self.batch_bytes >= TOGETHER {
                    self.send()?;
                }
            }
        }
        self.send()?;
        self.settle()
    }

    fn item(&mut self, item: ArchiveItem) -> Result<(), TidingsError> {
        match item {
            ArchiveItem::Statement(statement) => {
                let current = self.of(*statement.feed())?;
                current.statements.get_or_insert_default().push(statement);
            }
            ArchiveItem::Fork(proof) => {
                let log = *proof.log();
                self.open_log(&log)?;
                self.of(log.feed)?.fork = Some(proof);
            }
            ArchiveItem::Run(run) => {
                self.open_log(run.log())?;
                self.entries += run.len();
                // Headers past the fork that are only there as proof must not be taken for entries.
                let current = self.of(run.log().feed)?;
                if !current.is_wanted {
                    if let Some(report) = self
                        .report
                        .feeds
                        .last_mut()
                        .filter(|it| it.feed == run.log().feed)
                    {
                        report.refused += run.len();
                    }
                    return Ok(());
                }
                if current
                    .fork
                    .as_ref()
                    .is_some_and(|fork| is_proof(&run, fork))
                {
                    let fork = current.fork.take();
                    self.add_fork(fork);
                }
                self.of(run.log().feed)?.carries(&run);
                self.batch_bytes += run.packed().len();
                self.batch.push(Op::Run(Box::new(run)));
                if self.batch_bytes >= TOGETHER {
                    self.send()?;
                }
            }
            ArchiveItem::Blob { .. } => {}
        }
        Ok(())
    }

    /// Takes in a file, once the entries that may name it are on disk.
    fn blob(
        &mut self,
        archive: &mut ArchiveReader<File>,
        hash: BlobHash,
        len: u64,
    ) -> Result<(), TidingsError> {
        self.close()?;
        let media = self.node.inner.media.clone();
        let mut carried = Ok(Carried::Refused);
        let read = archive.blob(|bytes| carried = media.take_carried(&hash, len, bytes));
        match carried? {
            Carried::Stored => self.report.blobs += 1,
            Carried::AlreadyHeld => self.report.blobs_already += 1,
            Carried::Refused if read.is_ok() => self.report.blobs_refused += 1,
            Carried::Refused => {}
        }
        if let Err(error) = read {
            self.report.damage = Some(error);
        }
        Ok(())
    }

    /// Goes on to a feed: the one before is written first.
    fn of(&mut self, feed: FeedId) -> Result<&mut Current, TidingsError> {
        if self.current.as_ref().is_some_and(|it| it.feed != feed) {
            self.close()?;
        }
        if self.current.is_none() {
            self.report.feeds.push(LoadedFeed {
                feed,
                followed: false,
                wanted: false,
                entries: 0,
                bodies: 0,
                already: 0,
                refused: 0,
                unsettled: Vec::new(),
            });
        }
        Ok(self.current.get_or_insert(Current {
            feed,
            statements: Some(Vec::new()),
            fork: None,
            log: None,
            is_wanted: true,
            carried: BTreeMap::new(),
        }))
    }

    /// Goes on to a log: the statements of its feed, and the fork of the log before, come first.
    fn open_log(&mut self, log: &LogId) -> Result<(), TidingsError> {
        let current = self.of(log.feed)?;
        let statements = current.statements.take();
        let fork = if current.log.replace(*log) == Some(*log) {
            None
        } else {
            current.fork.take()
        };
        if let Some(statements) = statements {
            let is_wanted = self.begin(log.feed, statements)?;
            self.of(log.feed)?.is_wanted = is_wanted;
        }
        let is_wanted = self.of(log.feed)?.is_wanted;
        self.add_fork(fork.filter(|_| is_wanted));
        if self.batch_bytes >= TOGETHER {
            self.send()?;
        }
        Ok(())
    }

    fn add_fork(&mut self, proof: Option<ForkProof>) {
        if let Some(proof) = proof {
            self.batch_bytes += PROOF_BYTES;
            self.batch.push(Op::Fork(Box::new(proof)));
        }
    }

    /// Follows a feed, if that is asked for, and takes its statements: before its entries, in a commit of its own. Says
    /// whether anything of the feed is taken.
    fn begin(&mut self, feed: FeedId, statements: Vec<Statement>) -> Result<bool, TidingsError> {
        let identity = self.identity.clone().filter(|_| self.followed < FOLLOWED);
        if identity.is_none() && !self.node.snapshot()?.is_wanted(&feed)? {
            // A file may hold many of these: nothing is written for them.
            self.report.not_followed += 1;
            if self.report.not_followed > NAMED {
                self.report.feeds.pop();
            }
            return Ok(false);
        }
        let (own, now, salt) = (self.own, self.now, random()?);
        let begun = self.write(0, move |batch| {
            let wanted = batch.wants(&feed)?;
            let follow = identity.filter(|_| !wanted);
            if let Some(identity) = &follow {
                let following = true;
                let change = draft(batch, &own, &Follow { feed, following }, salt, now)?;
                append_state::<Follow>(batch, identity, &[change])?;
            }
            if wanted || follow.is_some() {
                batch.load_statements(&feed, statements)?;
            }
            Ok((wanted, follow.is_some()))
        });
        let begun = begun.recv().map_err(|_| TidingsError::ShutDown)?;
        let (wanted, followed) = begun.map_err(Some)?;
        self.followed += usize::from(followed);
        if let Some(report) = self.report.feeds.last_mut() {
            report.followed = followed;
            report.wanted = wanted || followed;
        }
        Ok(wanted || followed)
    }

    /// Ends the feed that is being read.
    fn close(&mut self) -> Result<(), TidingsError> {
        let Some(current) = self.current.take() else {
            return Ok(());
        };
        let is_wanted = match current.statements {
            Some(statements) => self.begin(current.feed, statements)?,
            None => current.is_wanted,
        };
        self.add_fork(current.fork.filter(|_| is_wanted));
        self.send()?;
        self.settle()?;
        if !is_wanted {
            return Ok(());
        }
        let snapshot = self.node.snapshot()?;
        for (log, ranges) in &current.carried {
            if snapshot.lacks_body(log, ranges)? {
                self.again.insert(*log);
            }
        }
        let replica = snapshot.replica(&current.feed)?;
        let logs = replica.into_iter().flat_map(|replica| replica.logs);
        let forked = logs.filter_map(|log| Some((log.log, log.forked?)));
        if let Some(report) = self.report.feeds.last_mut() {
            report.unsettled = forked.collect();
        }
        Ok(())
    }

    /// Hands over what has gathered, once what was handed over before is on disk.
    fn send(&mut self) -> Result<(), TidingsError> {
        let (ops, bytes) = (std::mem::take(&mut self.batch), self.batch_bytes);
        self.batch_bytes = 0;
        self.settle()?;
        if ops.is_empty() {
            return Ok(());
        }
        self.pending = Some(self.write(bytes, move |batch| {
            let mut loaded = Vec::with_capacity(ops.len());
            for op in ops {
                match op {
                    Op::Run(run) => {
                        loaded.push((run.log().feed, run.len(), batch.load_run(&run)?));
                    }
                    Op::Fork(proof) => {
                        batch.take_proof(&proof)?;
                    }
                }
            }
            Ok(loaded)
        }));
        Ok(())
    }

    /// Waits for what was handed over and counts what it came to.
    fn settle(&mut self) -> Result<(), TidingsError> {
        let Some(pending) = self.pending.take() else {
            return Ok(());
        };
        let loaded = pending.recv().map_err(|_| TidingsError::ShutDown)?;
        for (feed, len, loaded) in loaded.map_err(Some)? {
            let mut reports = self.report.feeds.iter_mut().rev();
            let Some(report) = reports.find(|report| report.feed == feed) else {
                continue;
            };
            report.entries += loaded.entries;
            report.bodies += loaded.bodies;
            if self.is_second {
                continue;
            }
            let refused = match loaded.taken {
                Taken::Stored | Taken::AlreadyHeld => len - loaded.held,
                _ => len - loaded.entries,
            };
            report.refused += refused;
            report.already += len - loaded.entries - refused;
        }
        Ok(())
    }

    fn write<T: Send + 'static>(
        &self,
        bytes: usize,
        op: impl FnOnce(&mut FeedBatch<'_>) -> Result<T, FeedsError> + Send + 'static,
    ) -> Receiver<Result<T, Arc<FeedsError>>> {
        let (send, receive) = sync_channel(1);
        self.writer.post(bytes, op, move |result| {
            // The receiver is gone when the load is.
            let _gone = send.send(result);
        });
        receive
    }
}

/// Whether what lies past the fork is there only to prove what lies before it.
fn is_proof(run: &Run, fork: &ForkProof) -> bool {
    let past = (run.first().0..)
        .zip(run.items())
        .filter(|(seq, _)| *seq >= fork.at().0);
    run.first() < fork.at()
        && run.end() > fork.at()
        && past.clone().all(|(_, item)| item.body().is_none())
}

/// Another file, or an archive of another version: then nothing has been read that could be taken in.
fn is_no_archive(error: &ArchiveError) -> bool {
    let version = matches!(error.format_error(), Some(FormatError::Version { .. }));
    error.offset() == 0 || (version && error.offset() == 15)
}
