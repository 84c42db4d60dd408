//! What a workload costs this machine: processor time, memory, bytes on the loopback interface.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};

/// Now. The one place where benches look at the clock.
#[expect(clippy::disallowed_methods, reason = "benches measure real time")]
pub(crate) fn now() -> Instant {
    Instant::now()
}

/// The machine that all of this is measured on, and the disk that a folder lies on.
pub(crate) fn describe(folder: &Path) -> String {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let (cpu, memory, mounts) = (
        read("/proc/cpuinfo"),
        read("/proc/meminfo"),
        read("/proc/self/mounts"),
    );
    let value = |text: &str, name: &str| {
        let line = text.lines().find(|line| line.starts_with(name));
        let value = line.and_then(|line| Some(line.split_once(':')?.1.trim().to_owned()));
        value.unwrap_or_else(|| "unknown".to_owned())
    };
    let kib = value(&memory, "MemTotal")
        .split(' ')
        .next()
        .map(str::parse::<u64>);
    let gib = kib.and_then(Result::ok).unwrap_or(0) as f64 / 1_048_576.0;
    let mount = mounts
        .lines()
        .filter_map(|line| {
            let mut words = line.split(' ').skip(1);
            let (place, kind) = (words.next()?, words.next()?);
            folder.starts_with(place).then_some((place.len(), kind))
        })
        .max();
    format!(
        "{} cores of {}, {gib:.0} GiB of memory, {}, {} {}",
        std::thread::available_parallelism().map_or(1, usize::from),
        value(&cpu, "model name"),
        mount.map_or("an unknown file system", |(_, kind)| kind),
        std::env::consts::OS,
        read("/proc/sys/kernel/osrelease").trim()
    )
}

/// Processor time of this process so far, all threads.
pub(crate) fn cpu() -> Duration {
    let spent = clock_gettime(ClockId::ProcessCPUTime);
    let part = |number: i64| u64::try_from(number).unwrap_or(0);
    Duration::from_secs(part(spent.tv_sec)) + Duration::from_nanos(part(spent.tv_nsec))
}

/// Bytes that went over the loopback interface so far, whoever sent them, with the headers of IP and UDP.
pub(crate) fn loopback_bytes() -> u64 {
    let table = fs::read_to_string("/proc/net/dev").unwrap_or_default();
    let line = table
        .lines()
        .find_map(|line| line.trim().strip_prefix("lo:"));
    let column = |nth| line.and_then(|line| line.split_whitespace().nth(nth)?.parse::<u64>().ok());
    // Received bytes count the frame header of 14, which the loopback interface does not really have.
    let headers = 14 * column(1).unwrap_or(0);
    column(0).unwrap_or(0).saturating_sub(headers)
}

/// Anonymous memory of this process now, in bytes.
pub(crate) fn memory() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("RssAnon:"));
    let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
    kib.unwrap_or(0) * 1_024
}

/// Watches the memory of this process until it is asked for the peak.
pub(crate) struct MemoryPeak {
    ended: Arc<AtomicBool>,
    peak: Arc<AtomicU64>,
    thread: JoinHandle<()>,
}

impl MemoryPeak {
    pub(crate) fn watch() -> Self {
        let (ended, peak) = (
            Arc::new(AtomicBool::new(false)),
            Arc::new(AtomicU64::new(0)),
        );
        let (end, top) = (ended.clone(), peak.clone());
        let thread = std::thread::spawn(move || {
            while !end.load(Ordering::Relaxed) {
                top.fetch_max(memory(), Ordering::Relaxed);
                std::thread::sleep(Duration::from_millis(5));
            }
        });
        Self {
            ended,
            peak,
            thread,
        }
    }

    pub(crate) fn peak(self) -> u64 {
        self.ended.store(true, Ordering::Relaxed);
        self.thread.join().expect("the watching thread");
        self.peak.load(Ordering::Relaxed)
    }
}

/// Bytes of the files in a folder, by their length.
pub(crate) fn disk(folder: &Path) -> u64 {
    let files = fs::read_dir(folder).expect("a folder").flatten();
    files
        .map(|file| file.metadata().map_or(0, |meta| meta.len()))
        .sum()
}

/// Bytes of the disk that the files in a folder take: parts of a file that were never written take none.
pub(crate) fn disk_taken(folder: &Path) -> u64 {
    let files = fs::read_dir(folder).expect("a folder").flatten();
    files
        .filter_map(|file| file.metadata().ok())
        .map(|meta| std::os::unix::fs::MetadataExt::blocks(&meta) * 512)
        .sum()
}

/// Makes the machine forget what it has read of the files in a folder; says how it was done.
pub(crate) fn cool(folder: &Path) -> &'static str {
    let files = fs::read_dir(folder).expect("a folder").flatten();
    for file in files.filter_map(|entry| fs::File::open(entry.path()).ok()) {
        // What is not on the disk yet cannot be forgotten; a folder has nothing to say to this.
        file.sync_all().unwrap_or_default();
        #[cfg(target_os = "linux")]
        rustix::fs::fadvise(&file, 0, None, rustix::fs::Advice::DontNeed).unwrap_or_default();
    }
    if fs::write("/proc/sys/vm/drop_caches", "3").is_ok() {
        "all caches dropped"
    } else {
        "the store's pages dropped"
    }
}

/// How long something took.
pub(crate) fn timed<T>(act: impl FnOnce() -> T) -> (T, Duration) {
    let start = now();
    let done = act();
    (done, start.elapsed())
}

/// The durations of many tries.
#[derive(Default)]
pub(crate) struct Tries(Vec<Duration>);

impl Tries {
    pub(crate) fn push(&mut self, took: Duration) {
        self.0.push(took);
    }

    pub(crate) fn p50(&self) -> Duration {
        self.part(50)
    }

    pub(crate) fn p99(&self) -> Duration {
        self.part(99)
    }

    /// What a table says beside the middle.
    pub(crate) fn tail(&self) -> String {
        let of = |percent| self.part(percent).as_secs_f64() * 1e3;
        format!(
            "p90 {:.2}, p99 {:.2}, most {:.2} ms of {}",
            of(90),
            of(99),
            of(100),
            self.0.len()
        )
    }

    /// Milliseconds at 0, 1, ... 100 percent.
    pub(crate) fn percentiles(&self) -> Vec<f64> {
        (0..=100)
            .map(|percent| self.part(percent).as_secs_f64() * 1e3)
            .collect()
    }

    /// The shortest, the middle and the longest, and how many: to see what a median is made of.
    pub(crate) fn spread(&self) -> (Duration, Duration, Duration, Duration, usize) {
        (
            self.part(0),
            self.p50(),
            self.part(90),
            self.part(100),
            self.0.len(),
        )
    }

    fn part(&self, percent: usize) -> Duration {
        let mut sorted = self.0.clone();
        sorted.sort();
        let at = (sorted.len() * percent / 100).min(sorted.len().saturating_sub(1));
        sorted.get(at).copied().unwrap_or_default()
    }
}

impl FromIterator<Duration> for Tries {
    fn from_iter<I: IntoIterator<Item = Duration>>(tries: I) -> Self {
        Self(tries.into_iter().collect())
    }
}
