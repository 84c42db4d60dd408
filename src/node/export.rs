//! Feeds written to a file, to be carried by hand.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fmt;
use std::fs::{self, File};
use std::io::{self, BufWriter};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use super::archive::{ArchiveProgress, Progress, Stop, StopOnDrop};
use super::error::TidingsError;
use super::keys::random;
use super::{Node, private};
use crate::feeds::{ArchiveFailure, FeedSnapshot, FeedStore};
use crate::format::{ArchiveWriter, BlobHash, Body, FeedId, Run, to_base32};
use crate::media::{MediaReader, MediaStore};

/// Bytes gathered before they go to the file.
const BUFFER: usize = 256 * 1024;

/// An archive about to be written. Nothing is until [`run`](Self::run).
#[must_use = "nothing is written before `run`"]
pub struct ExportBuilder {
    node: Node,
    path: PathBuf,
    feeds: Vec<FeedId>,
    all: bool,
    media: bool,
    private: bool,
    progress: Option<Progress>,
}

/// What an export wrote.
#[derive(Debug, Clone, Default)]
pub struct ExportReport {
    feeds: Vec<ExportedFeed>,
    blobs: u64,
    blobs_missing: u64,
    bytes: u64,
}

impl ExportReport {
    /// The feeds, in the order of their ids.
    pub fn feeds(&self) -> &[ExportedFeed] {
        &self.feeds
    }

    /// Attached files in it.
    pub const fn blobs(&self) -> u64 {
        self.blobs
    }

    /// Attached files that were to be in it and are not held here.
    pub const fn blobs_missing(&self) -> u64 {
        self.blobs_missing
    }

    /// Bytes of the archive.
    pub const fn bytes(&self) -> u64 {
        self.bytes
    }
}

/// What an export wrote of one feed.
#[derive(Debug, Clone, Copy)]
pub struct ExportedFeed {
    feed: FeedId,
    entries: u64,
    bodies: u64,
}

impl ExportedFeed {
    /// Which feed.
    pub const fn feed(&self) -> FeedId {
        self.feed
    }

    /// Entries of it, state and reactions included.
    pub const fn entries(&self) -> u64 {
        self.entries
    }

    /// Those of them that have their bodies.
    pub const fn bodies(&self) -> u64 {
        self.bodies
    }
}

impl Node {
    /// Writes feeds to a file that anyone can verify, and load, without this node: the own feed, unless others are named.
    ///
    /// The same content gives the same bytes on every node. A file that is there already is replaced once the new one is
    /// whole.
    pub fn export(&self, path: impl AsRef<Path>) -> ExportBuilder {
        ExportBuilder {
            node: self.clone(),
            path: path.as_ref().to_owned(),
            feeds: Vec::new(),
            all: false,
            media: false,
            private: false,
            progress: None,
        }
    }
}

impl ExportBuilder {
    /// This feed, too; the own one only if it is named, once any is.
    pub fn feed(mut self, feed: FeedId) -> Self {
        self.feeds.push(feed);
        self
    }

    /// The own and all followed feeds.
    pub const fn all(mut self) -> Self {
        self.all = true;
        self
    }

    /// With attached pictures, videos and other files, as far as they are held. Without them unless set.
    pub const fn media(mut self, with: bool) -> Self {
        self.media = with;
        self
    }

    /// With the private lanes of the own feed, for the own devices alone: whoever has such a file can read whom one
    /// follows, so it is readable by its owner only. Without them unless set.
    pub const fn private(mut self, with: bool) -> Self {
        self.private = with;
        self
    }

    /// Told again and again how far it is, on another thread, which it holds up.
    pub fn progress(mut self, told: impl FnMut(ArchiveProgress) + Send + 'static) -> Self {
        self.progress = Some(Box::new(told));
        self
    }

    /// Writes the archive: beside its place first, and there once it is whole and on disk.
    ///
    /// # Errors
    ///
    /// [`TidingsError::NotFollowed`] for a feed that is neither the own one nor followed; [`TidingsError::Folder`] if the
    /// file cannot be written, a full disk included. Nothing is left behind then, and what was there before is untouched.
    ///
    /// # Cancel safety
    ///
    /// Dropped half-way, writing stops soon and nothing is left behind.
    pub async fn run(self) -> Result<ExportReport, TidingsError> {
        let feeds = self.chosen()?;
        let node = self.node;
        let stop = StopOnDrop::default();
        let job = Job {
            own: node.feed(),
            private: self.private,
            media: self.media.then(|| node.inner.media.clone()),
            now: SystemTime::UNIX_EPOCH + node.now_since_epoch(),
            progress: self.progress,
            stop: stop.flag(),
            wanted: BTreeSet::new(),
            report: ExportReport::default(),
            total: 0,
            entries: 0,
        };
        let (store, path) = (node.inner.store.clone(), self.path);
        let written = tokio::task::spawn_blocking(move || job.run(&store, &path, &feeds));
        let report = written.await.map_err(|_| TidingsError::ShutDown)?;
        drop(stop);
        report
    }

    /// The feeds to write, in the order of an archive.
    fn chosen(&self) -> Result<Vec<FeedId>, TidingsError> {
        let snapshot = self.node.snapshot()?;
        let mut feeds = self.feeds.clone();
        if self.all {
            feeds.extend(snapshot.wanted()?);
        }
        if feeds.is_empty() {
            feeds.push(self.node.feed());
        }
        feeds.sort_unstable();
        feeds.dedup();
        for feed in &feeds {
            if !snapshot.is_wanted(feed)? {
                return Err(TidingsError::NotFollowed { feed: *feed });
            }
        }
        Ok(feeds)
    }
}

impl fmt::Debug for ExportBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "ExportBuilder({}, {:?})",
            self.path.display(),
            self.feeds
        )
    }
}

/// One export, on a thread that may block.
struct Job {
    own: FeedId,
    private: bool,
    media: Option<Arc<MediaStore>>,
    now: SystemTime,
    progress: Option<Progress>,
    stop: Stop,
    /// Files that the written bodies name.
    wanted: BTreeSet<(BlobHash, u64)>,
    report: ExportReport,
    total: u64,
    entries: u64,
}

impl Job {
    fn run(
        mut self,
        store: &FeedStore,
        path: &Path,
        feeds: &[FeedId],
    ) -> Result<ExportReport, TidingsError> {
        let snapshot = store.snapshot()?;
        for feed in feeds {
            self.total += snapshot.entries_of(feed)?;
        }
        let failed = |error: &io::Error| TidingsError::Folder {
            path: path.to_owned(),
            what: "written",
            why: error.to_string(),
        };
        let mut part = PartFile::beside(path)?;
        let written = part
            .create(self.private)
            .map_err(ArchiveFailure::Io)
            .and_then(|file| self.write(&snapshot, feeds, file));
        match written.and_then(|file| part.keep(file, path).map_err(ArchiveFailure::Io)) {
            Ok(()) => Ok(self.report),
            Err(ArchiveFailure::Io(error)) => Err(failed(&error)),
            Err(ArchiveFailure::Feeds(error)) => Err(error.into()),
        }
    }

    fn write(
        &mut self,
        snapshot: &FeedSnapshot,
        feeds: &[FeedId],
        file: File,
    ) -> Result<File, ArchiveFailure> {
        let out = BufWriter::with_capacity(BUFFER, file);
        let mut out = ArchiveWriter::new(out).map_err(ArchiveFailure::Io)?;
        for feed in feeds {
            self.report.feeds.push(ExportedFeed {
                feed: *feed,
                entries: 0,
                bodies: 0,
            });
            let private = self.private && *feed == self.own;
            snapshot.archive(feed, private, &mut out, &mut |run, _| self.told(run))?;
        }
        self.blobs(&mut out).map_err(ArchiveFailure::Io)?;
        let out = out.finish().map_err(ArchiveFailure::Io)?;
        let file = out
            .into_inner()
            .map_err(|error| ArchiveFailure::Io(error.into_error()))?;
        let bytes = file.metadata().map_err(ArchiveFailure::Io)?.len();
        self.report.bytes = bytes;
        Ok(file)
    }

    /// Counts a run that is about to be written, and remembers the files that it names.
    fn told(&mut self, run: &Run) -> io::Result<()> {
        if self.stop.is_set() {
            return Err(io::ErrorKind::Interrupted.into());
        }
        let bodies: Vec<_> = run.items().iter().filter_map(|item| item.body()).collect();
        if let Some(feed) = self.report.feeds.last_mut() {
            feed.entries += run.len();
            feed.bodies += bodies.len() as u64;
        }
        if self.media.is_some() {
            let bodies = bodies.iter().filter_map(|bytes| Body::decode(bytes).ok());
            for attachment in bodies.flat_map(|body| body.attachments) {
                // Of several lengths that entries claim, the one that is true is found below.
                self.wanted.insert((attachment.hash, attachment.len));
            }
        }
        self.entries += run.len();
        if let Some(progress) = &mut self.progress {
            progress(ArchiveProgress {
                entries: self.entries,
                done: self.entries,
                total: self.total,
            });
        }
        Ok(())
    }

    /// Writes the files that were named, those of them that are held and whole.
    fn blobs(&mut self, out: &mut ArchiveWriter<BufWriter<File>>) -> io::Result<()> {
        let Some(media) = self.media.take() else {
            return Ok(());
        };
        let open = |hash: &BlobHash, len: u64| {
            let held = media.reader(*hash, self.now).ok();
            held.filter(|bytes| bytes.len() == len)
        };
        for (hash, len) in &self.wanted {
            if self.stop.is_set() {
                return Err(io::ErrorKind::Interrupted.into());
            }
            // Read to its end first, which verifies it: what has been written cannot be taken back.
            let whole = open(hash, *len).is_some_and(|mut bytes| is_whole(&mut bytes, *len));
            match open(hash, *len).filter(|_| whole) {
                Some(mut bytes) => {
                    out.blob(hash, *len, &mut bytes)?;
                    self.report.blobs += 1;
                }
                None => self.report.blobs_missing += 1,
            }
        }
        Ok(())
    }
}

fn is_whole(bytes: &mut MediaReader, len: u64) -> bool {
    io::copy(bytes, &mut io::sink()).is_ok_and(|read| read == len)
}

/// The file while it is written; removed unless it is kept.
struct PartFile {
    path: PathBuf,
    kept: bool,
}

impl PartFile {
    fn beside(path: &Path) -> Result<Self, TidingsError> {
        let mut name: OsString = path.file_name().map(ToOwned::to_owned).unwrap_or_default();
        // Two exports to one place do not meet, and neither follows a link that somebody put there.
        name.push(format!(".{}.part", to_base32(&random::<5>()?)));
        Ok(Self {
            path: path.with_file_name(name),
            kept: true,
        })
    }

    /// Readable by its owner only if something in it `is_private`, else as any new file.
    fn create(&mut self, is_private: bool) -> io::Result<File> {
        let file = if is_private {
            private::create_new(&self.path)?
        } else {
            File::create_new(&self.path)?
        };
        self.kept = false;
        Ok(file)
    }

    /// Puts the file in its place, on disk.
    fn keep(&mut self, file: File, path: &Path) -> io::Result<()> {
        file.sync_all()?;
        drop(file);
        fs::rename(&self.path, path)?;
        self.kept = true;
        let folder = path.parent().filter(|folder| *folder != Path::new(""));
        if cfg!(unix) {
            File::open(folder.unwrap_or_else(|| Path::new(".")))?.sync_all()?;
        }
        Ok(())
    }
}

impl Drop for PartFile {
    fn drop(&mut self) {
        if !self.kept {
            // It is left only where the system refuses even this.
            let _refused = fs::remove_file(&self.path);
        }
    }
}
