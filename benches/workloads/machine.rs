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

/// Bytes on disk below a folder.
pub(crate) fn disk(folder: &Path) -> u64 {
    let files = fs::read_dir(folder).expect("a folder").flatten();
    files
        .map(|file| file.metadata().map_or(0, |meta| meta.len()))
        .sum()
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
