//! W8a: a large file from one peer, from `fetch_media` to the last byte on disk and verified, beside a bare stream.

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

pub(crate) async fn run() {
    let folder = Folder::new();
    let author = world::open_online(&folder.join("author")).await;
    let (media, attaching) = attach(&author).await;
    let (mut fetches, mut streams) = (Tries::default(), Tries::default());
    let (mut fetch_cpu, mut stream_cpu) = (Duration::ZERO, Duration::ZERO);
    let mut grown = 0;
    for nth in 0..TRIES {
        let reader = world::open_online(&folder.join(&format!("reader {nth}"))).await;
        let ticket = author.ticket().await.expect("a ticket");
        reader.follow(&ticket).await.expect("a feed");
        reader.sync(PATIENCE).await.expect("a report");
        // One right after the other, since a busy machine makes any ratio of figures from different minutes.
        let (start, spent) = (now(), cpu());
        limits::stream(BYTES).await;
        streams.push(start.elapsed());
        stream_cpu += cpu() - spent;
        let (before, peak) = (memory(), MemoryPeak::watch());
        let (start, spent) = (now(), cpu());
        let fetch = reader.fetch_media(&media).expect("a post that names it");
        fetch.await.expect("all of it");
        fetches.push(start.elapsed());
        fetch_cpu += cpu() - spent;
        grown = grown.max(peak.peak().saturating_sub(before));
        reader.shutdown().await.expect("a clean end");
    }
    author.shutdown().await.expect("a clean end");
    let per_second = |time: Duration| BYTES as f64 / 1_048_576.0 / time.as_secs_f64();
    let per_gib = |time: Duration| time.as_secs_f64() * 4.0 / TRIES as f64;
    let (fetched, streamed) = (per_second(fetches.p50()), per_second(streams.p50()));
    let what = "256 MiB from one peer, verified and on disk";
    Row::new("W8a", what, Unit::MibPerSecond, fetched)
        .beside(streamed, "one QUIC stream")
        .at_least_times(0.8);
    Row::new(
        "W8a",
        "the same, beside iroh-blobs",
        Unit::MibPerSecond,
        fetched,
    )
    .beside(IROH_BLOBS, "iroh-blobs, measured elsewhere")
    .at_least_times(1.2);
    let what = "its processor time, both ends together";
    Row::new("W8a", what, Unit::CpuSecondsPerGib, per_gib(fetch_cpu))
        .beside(per_gib(stream_cpu), "one QUIC stream")
        .note();
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
