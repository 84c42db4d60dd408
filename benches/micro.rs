//! Small steps by themselves: signing, verifying and unpacking a block of 64 posts of 300 bytes beside bare Ed25519 and
//! BLAKE3, as rows of the table; and under criterion, with the store's single durable write and a read of 50 rows in a
//! file of 10,000.
//!
//! `cargo bench --bench micro`. The workloads they are part of are in `benches/workloads`.

#[path = "workloads/report.rs"]
#[allow(dead_code, reason = "the workloads print more kinds of rows")]
mod report;

use std::hint::black_box;
use std::ops::ControlFlow;

use bytes::Bytes;
use criterion::{BatchSize, Criterion, Throughput, criterion_group};
use ed25519_dalek::SigningKey;
use ed25519_dalek::ed25519::signature::Signer as _;
use tidings::format::{
    Body, DeviceSecret, Draft, EntryId, FeedSecret, LogId, PackedRun, Run, Seq, encode, lanes,
    standard,
};
use tidings::store::{Direction, Durability, RedbOptions, RedbStorage, Storage as _};
use tidings::{Kind, Post, Timestamp};

use self::report::{Row, Unit};

const BLOCK: u64 = 64;

fn drafts() -> Vec<Draft> {
    let draft = |nth: i64| {
        let content = Post {
            text: "lorem ipsum ".repeat(25),
            ..Post::default()
        };
        let body = Body {
            tags: vec!["tag".to_owned()],
            content: encode(&content).into(),
            ..Body::default()
        };
        let kind = Kind::new(standard::POST).expect("a standard kind");
        let body = body.encode().expect("a small body");
        Draft::new(kind, Timestamp(nth * 1_000), body)
    };
    (0..BLOCK as i64).map(draft).collect()
}

fn signed() -> (DeviceSecret, LogId, Run) {
    let device = DeviceSecret::from_bytes(&[8; 32]);
    let log = LogId {
        feed: FeedSecret::from_bytes(&[7; 32]).id(),
        device: device.id(),
        lane: lanes::POSTS,
    };
    let runs = Run::sign(&device, &log, Seq::ZERO, EntryId::ZERO, &drafts());
    let run = runs.expect("posts within the limits").remove(0);
    (device, log, run)
}

fn blocks(criterion: &mut Criterion) {
    let (device, log, run) = signed();
    let drafts = drafts();
    let packed = PackedRun::from_bytes(run.packed().clone());
    let mut group = criterion.benchmark_group("block of 64 posts");
    group.throughput(Throughput::Elements(BLOCK));
    group.bench_function("sign", |bench| {
        bench.iter(|| Run::sign(&device, &log, Seq::ZERO, EntryId::ZERO, black_box(&drafts)));
    });
    group.bench_function("verify", |bench| {
        bench.iter(|| black_box(&packed).verify(&log, None).expect("a signed run"));
    });
    group.bench_function("decode bodies", |bench| {
        let bodies = || {
            run.items()
                .iter()
                .filter_map(|item| Body::decode(item.body()?).ok())
        };
        bench.iter(|| bodies().map(|body| body.content.len()).sum::<usize>());
    });
    group.finish();
}

fn store(criterion: &mut Criterion) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let store = RedbStorage::open(folder.path().join("store.redb"), RedbOptions::new());
    let store = store.expect("a new file");
    let mut write = store.write().expect("a write");
    let row = Bytes::from(vec![7; 300]);
    for key in 0..10_000_u64 {
        write.put(&key.to_be_bytes(), row.clone()).expect("a row");
    }
    write.commit(Durability::Durable).expect("a commit");
    let mut group = criterion.benchmark_group("store");
    group.bench_function("read 50 rows, newest first", |bench| {
        bench.iter(|| {
            let mut rows = 0;
            let read = store.read().expect("a snapshot");
            let visit = &mut |_: &[u8], value: &[u8]| {
                rows += usize::from(!black_box(value).is_empty());
                if rows < 50 {
                    ControlFlow::Continue(())
                } else {
                    ControlFlow::Break(())
                }
            };
            read.scan(&[], None, Direction::Descending, visit)
                .expect("rows");
            rows
        });
    });
    group.sample_size(50);
    group.bench_function("one row, durable", |bench| {
        let mut key = 10_000_u64;
        let begin = || store.write().expect("a write");
        bench.iter_batched(
            begin,
            |mut write| {
                key += 1;
                write.put(&key.to_be_bytes(), row.clone()).expect("a row");
                write.commit(Durability::Durable).expect("a commit");
            },
            BatchSize::PerIteration,
        );
    });
    group.finish();
}

/// Times that each step of a row is taken, in turns.
const TURNS: usize = 400;

/// Microseconds that each of these takes, the middle of many turns.
#[expect(clippy::disallowed_methods, reason = "benches measure real time")]
fn middles<const N: usize>(mut steps: [&mut dyn FnMut(); N]) -> [f64; N] {
    let mut took = [const { Vec::new() }; N];
    for _ in 0..TURNS {
        for (step, took) in steps.iter_mut().zip(&mut took) {
            let start = std::time::Instant::now();
            step();
            took.push(start.elapsed());
        }
    }
    took.map(|mut took| {
        took.sort_unstable();
        took[took.len() / 2].as_secs_f64() * 1e6
    })
}

/// The body of each post, and what stands for it in the chain.
fn hash(run: &Run) {
    for item in run.items() {
        let body = item.body().map_or(&[][..], |body| body);
        black_box((blake3::hash(body), blake3::hash(&[1; 180])));
    }
}

/// The same steps beside bare signatures and hashes: one signature a block, two hashes a post.
fn rows() {
    let (device, log, run) = signed();
    let drafts = drafts();
    let packed = PackedRun::from_bytes(run.packed().clone());
    let secret = SigningKey::from_bytes(&[7; 32]);
    let (key, signature) = (secret.verifying_key(), secret.sign(&[7; 32]));
    let [sign, bare_sign, verify, bare_verify, decode, bare_hash] = middles([
        &mut || {
            let runs = Run::sign(&device, &log, Seq::ZERO, EntryId::ZERO, black_box(&drafts));
            black_box(runs.expect("posts within the limits"));
        },
        &mut || {
            black_box(secret.sign(black_box(&[7; 32])));
            hash(&run);
        },
        &mut || {
            black_box(black_box(&packed).verify(&log, None).expect("a signed run"));
        },
        &mut || {
            let good = key.verify_strict(black_box(&[7; 32]), &signature);
            good.expect("a good signature");
            hash(&run);
        },
        &mut || {
            for item in run.items() {
                black_box(item.body().and_then(|body| Body::decode(body).ok()));
            }
        },
        &mut || hash(&run),
    ]);
    report::head();
    let rows = [
        (
            "packing and signing a block of 64 posts",
            sign,
            bare_sign,
            "bare Ed25519 and BLAKE3",
        ),
        (
            "verifying and unpacking it",
            verify,
            bare_verify,
            "bare Ed25519 and BLAKE3",
        ),
        (
            "decoding its bodies",
            decode,
            bare_hash,
            "bare BLAKE3 of them",
        ),
    ];
    for (what, ours, bare, limit) in rows {
        let each = format!("{:.2} us a post", ours / BLOCK as f64);
        let row = Row::new("micro", what, Unit::Micros, ours).more(each);
        row.beside(bare, limit).note();
    }
}

criterion_group!(benches, blocks, store);

/// The workloads get the same arguments: where one of them is named, nothing here is meant.
fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.iter().any(|argument| report::is_number(argument)) {
        return;
    }
    if arguments.iter().all(|argument| argument.starts_with('-')) {
        rows();
    }
    // What criterion says is for people.
    if !report::is_json() {
        benches();
        Criterion::default().configure_from_args().final_summary();
    }
}
