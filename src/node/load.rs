//! Feeds taken in from a file that was carried by hand.

use std::fmt;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, sync_channel};

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

/// Bytes of runs that are verified before they are written together. As many more may be on their way to the disk.
const TOGETHER: usize = 4 * 1024 * 1024;

/// An archive about to be loaded. Nothing is until [`run`](Self::run).
#[must_use = "nothing is loaded before `run`"]
pub struct LoadBuilder {
    node: Node,
    path: PathBuf,
    follow: bool,
    progress: Option<Progress>,
}

/// What became of an archive.
#[derive(Debug, Clone, Default)]
pub struct LoadReport {
    feeds: Vec<LoadedFeed>,
    blobs: u64,
    blobs_already: u64,
    blobs_refused: u64,
    damage: Option<ArchiveError>,
}

impl LoadReport {
    /// The feeds in it, in the order of their ids.
    pub fn feeds(&self) -> &[LoadedFeed] {
        &self.feeds
    }

    /// Attached files that were not held before.
    pub const fn blobs(&self) -> u64 {
        self.blobs
    }

    /// Attached files that were held already.
    pub const fn blobs_already(&self) -> u64 {
        self.blobs_already
    }

    /// Attached files that are not taken: no entry held here names them, or there is no room for them under the cap.
    pub const fn blobs_refused(&self) -> u64 {
        self.blobs_refused
    }

    /// Where the archive ceases to be usable; none if all of it is good. What stands before has been taken in.
    pub const fn damage(&self) -> Option<&ArchiveError> {
        self.damage.as_ref()
    }
}

/// What was taken in of one feed.
#[derive(Debug, Clone)]
pub struct LoadedFeed {
    feed: FeedId,
    followed: bool,
    wanted: bool,
    entries: u64,
    bodies: u64,
    already: u64,
    refused: u64,
    unsettled: Vec<(LogId, Seq)>,
}

impl LoadedFeed {
    /// Which feed.
    pub const fn feed(&self) -> FeedId {
        self.feed
    }

    /// Whether it is followed since this load.
    pub const fn newly_followed(&self) -> bool {
        self.followed
    }

    /// Whether it is the own feed or followed. Of others nothing is taken.
    pub const fn is_wanted(&self) -> bool {
        self.wanted
    }

    /// Entries that were not held before.
    pub const fn entries(&self) -> u64 {
        self.entries
    }

    /// Bodies that were not held before.
    pub const fn bodies(&self) -> u64 {
        self.bodies
    }

    /// Entries that were held already.
    pub const fn already(&self) -> u64 {
        self.already
    }

    /// Entries that are not taken: of devices that are not admitted, behind the end of a retired one, on another branch
    /// of a forked log than the one held, or of a feed that is not followed.
    pub const fn refused(&self) -> u64 {
        self.refused
    }

    /// Logs of the feed that are known to be forked, and from where on: what is held past that is shown, and may turn out
    /// to be the wrong branch.
    pub fn unsettled(&self) -> &[(LogId, Seq)] {
        &self.unsettled
    }
}

impl Node {
    /// Takes in an archive: what is new in it becomes part of this node, and its feeds are followed unless told otherwise.
    ///
    /// Loading the same archive again changes nothing. The order in which several are loaded does not matter, but where a
    /// log is forked: then the branch that comes first stays.
    pub fn load(&self, path: impl AsRef<Path>) -> LoadBuilder {
        LoadBuilder {
            node: self.clone(),
            path: path.as_ref().to_owned(),
            follow: true,
            progress: None,
        }
    }
}

impl LoadBuilder {
    /// Whether the feeds in it are followed from now on; they are unless this says no. Of a feed that is not followed
    /// nothing is taken.
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
            batch: Vec::new(),
            batch_bytes: 0,
            pending: None,
            entries: 0,
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
type Pending = Receiver<Result<Vec<(u64, Loaded)>, Arc<FeedsError>>>;

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
    batch: Vec<Op>,
    batch_bytes: usize,
    pending: Option<Pending>,
    entries: u64,
}

/// The feed that is being read.
struct Current {
    feed: FeedId,
    /// Its statements, until they are written.
    statements: Option<Vec<Statement>>,
    /// The fork of the log that is being read. It is taken after the runs, since nothing past a known fork is.
    fork: Option<ForkProof>,
    log: Option<LogId>,
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
        Ok(self.report)
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
                if current
                    .fork
                    .as_ref()
                    .is_some_and(|fork| is_proof(&run, fork))
                {
                    let fork = current.fork.take();
                    self.add_fork(fork);
                }
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
            self.begin(log.feed, statements)?;
        }
        self.add_fork(fork);
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

    /// Follows a feed, if that is asked for, and takes its statements: before its entries, in a commit of its own.
    fn begin(&mut self, feed: FeedId, statements: Vec<Statement>) -> Result<(), TidingsError> {
        let (identity, own, now, salt) = (self.identity.clone(), self.own, self.now, random()?);
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
        if let Some(report) = self.report.feeds.last_mut() {
            report.followed = followed;
            report.wanted = wanted || followed;
        }
        Ok(())
    }

    /// Ends the feed that is being read.
    fn close(&mut self) -> Result<(), TidingsError> {
        let Some(current) = self.current.take() else {
            return Ok(());
        };
        if let Some(statements) = current.statements {
            self.begin(current.feed, statements)?;
        }
        self.add_fork(current.fork);
        self.send()?;
        self.settle()?;
        let replica = self.node.snapshot()?.replica(&current.feed)?;
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
                    Op::Run(run) => loaded.push((run.len(), batch.load_run(&run)?)),
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
        for (len, loaded) in loaded.map_err(Some)? {
            let Some(report) = self.report.feeds.last_mut() else {
                continue;
            };
            report.entries += loaded.entries;
            report.bodies += loaded.bodies;
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
