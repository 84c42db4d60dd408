//! Small steps by themselves, under criterion: signing, verifying and packing a block of 64 posts of 300 bytes, and the
//! store's single durable write and a read of 50 rows in a file of 10,000.
//!
//! `cargo bench --bench micro`. The workloads they are part of are in `benches/workloads`.

use std::hint::black_box;
use std::ops::ControlFlow;

use bytes::Bytes;
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use tidings::format::{
    Body, DeviceSecret, Draft, EntryId, FeedSecret, LogId, PackedRun, Run, Seq, encode, lanes,
    standard,
};
use tidings::store::{Direction, Durability, RedbOptions, RedbStorage, Storage as _};
use tidings::{Kind, Post, Timestamp};

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

criterion_group!(benches, blocks, store);
criterion_main!(benches);
