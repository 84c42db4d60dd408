//! W8a: a large file from one peer, from `fetch_media` to the last byte on disk and verified, beside a bare stream, and
//! beside one whose bytes are read, hashed twice, written and synced.

use std::fs::File;
use std::io::Read;
use std::time::Duration;

use tidings::{Attach, Attachment, Node};

use super::limits;
use super::machine::{MemoryPeak, Tries, cpu, memory, now};
use super::report::{Row, Unit};
use super::world::{self, Folder};

const BYTES: u64 = 256 * 1024 * 1024;
/// What iroh-blobs' own downloader reaches on a machine of this size.
const IROH_BLOBS: f64 = 190.0;
const TRIES: usize = 3;
const PATIENCE: Duration = Duration::from_secs(60);

/// How often something was done, how long each time took, and the processor time of all.
#[derive(Default)]
struct Spent {
    took: Tries,
    cpu: Duration,
}

impl Spent {
    async fn on<T>(&mut self, work: impl Future<Output = T>) -> T {
        let (start, spent) = (now(), cpu());
        let done = work.await;
        self.took.push(start.elapsed());
        self.cpu += cpu() - spent;
        done
    }

    /// MiB/s, and processor seconds a GiB.
    fn rates(&self) -> (f64, f64) {
        let per_gib = self.cpu.as_secs_f64() * 1_073_741_824.0 / BYTES as f64 / TRIES as f64;
        (per_second(self.took.p50()), per_gib)
    }
}

fn per_second(time: Duration) -> f64 {
    BYTES as f64 / 1_048_576.0 / time.as_secs_f64()
}

pub(crate) async fn run() {
    let folder = Folder::new();
    let author = world::open_online(&folder.join("author")).await;
    let (media, attaching) = attach(&author).await;
    let source = folder.join("source");
    let mut file = File::create(&source).expect("room on the disk");
    std::io::copy(&mut noise().take(BYTES), &mut file).expect("room on the disk");
    file.sync_all().expect("a disk");
    let (mut fetched, mut streamed, mut stored) =
        (Spent::default(), Spent::default(), Spent::default());
    let mut grown = 0;
    for nth in 0..TRIES {
        let reader = world::open_online(&folder.join(&format!("reader {nth}"))).await;
        let ticket = author.ticket().await.expect("a ticket");
        reader.follow(&ticket).await.expect("a feed");
        reader.sync(PATIENCE).await.expect("a report");
        // One right after the other, since a busy machine makes any ratio of figures from different minutes.
        streamed.on(Box::pin(limits::stream(BYTES))).await;
        let target = folder.join(&format!("target {nth}"));
        stored
            .on(Box::pin(limits::stored_stream(&source, &target)))
            .await;
        let (before, peak) = (memory(), MemoryPeak::watch());
        let fetch = reader.fetch_media(&media).expect("a post that names it");
        fetched.on(fetch).await.expect("all of it");
        grown = grown.max(peak.peak().saturating_sub(before));
        reader.shutdown().await.expect("a clean end");
    }
    author.shutdown().await.expect("a clean end");
    rows(&fetched, &streamed, &stored);
    Row::new(
        "W8a",
        "its memory, both ends together",
        Unit::Mib,
        grown as f64,
    )
    .note();
    let attached = per_second(attaching);
    Row::new("W8a", "attaching it", Unit::MibPerSecond, attached).note();
}

fn rows(fetched: &Spent, streamed: &Spent, stored: &Spent) {
    let (fetched, fetch_cpu) = fetched.rates();
    let (stream, stream_cpu) = streamed.rates();
    let (store, store_cpu) = stored.rates();
    let row = |what: &str| Row::new("W8a", what, Unit::MibPerSecond, fetched);
    row("256 MiB from one peer, verified and on disk")
        .beside(stream, "one QUIC stream")
        .at_least_times(0.8);
    row("the same, beside iroh-blobs")
        .beside(IROH_BLOBS, "iroh-blobs, measured elsewhere")
        .at_least_times(1.2);
    row("the same, beside a stream that is hashed at both ends, written and synced")
        .beside(store, "that stream")
        .note();
    let cpu = |limit, what: &str| {
        let own = "its processor time, both ends together";
        Row::new("W8a", own, Unit::CpuSecondsPerGib, fetch_cpu)
            .beside(limit, what)
            .note();
    };
    cpu(stream_cpu, "one QUIC stream");
    cpu(store_cpu, "the hashed and written one");
}

/// Posts a file that no compression makes smaller.
async fn attach(author: &Node) -> (Attachment, Duration) {
    let start = now();
    let file = Attach::reader("film.bin", noise().take(BYTES));
    let post = author.post("look").attach(file).send().await;
    let took = start.elapsed();
    let post = author.entry(&post.expect("room on the disk"));
    let post = post.expect("a store").expect("a post");
    (post.attachments()[0].clone(), took)
}

pub(crate) fn noise() -> impl Read + Send + 'static {
    blake3::Hasher::new().update(b"film").finalize_xof()
}
