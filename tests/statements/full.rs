//! The bound on the bytes of a feed's statements, with every room filled to the brim by genuine signatures.

use std::sync::LazyLock;

use tidings::format::{
    ArchiveWriter, DeviceSecret, End, Ends, EntryId, Lane, Seq, SignerSecret, Statement,
    Statements, limits, verify_archive,
};

use super::{feed, feed_secret};

const BARE_RETIRE: usize = 163;
const LABEL: usize = limits::LABEL_BYTES;

fn key(number: usize) -> DeviceSecret {
    let mut bytes = [0x77; 32];
    bytes[..8].copy_from_slice(&(number as u64).to_be_bytes());
    DeviceSecret::from_bytes(&bytes)
}

fn admit<'a>(by: impl Into<SignerSecret<'a>>, device: usize, label: usize) -> Statement {
    let (device, label) = (key(device), "x".repeat(label));
    let consent = device.consent(&feed());
    Statement::admit(feed(), by, device.id(), true, &label, consent).unwrap()
}

/// A Retire of exactly so many bytes beside what it keeps.
fn retire<'a>(
    by: impl Into<SignerSecret<'a>>,
    device: usize,
    size: usize,
    keep: &[Statement],
) -> Statement {
    let (around, mut left) = (1 + 1 + 32, size - BARE_RETIRE);
    let count = left.div_ceil(around + limits::LANE_BYTES);
    let ends = (0..count).map(|n| {
        let len = left.div_ceil(count - n) - around;
        left -= len + around;
        let lane = Lane::new(&format!("{n:02}{}", "x".repeat(len - 2))).unwrap();
        let id = EntryId::from_bytes([7; 32]);
        (lane, End { seq: Seq(1), id })
    });
    let (ends, device) = (Ends::new(ends).unwrap(), key(device).id());
    Statement::retire(feed(), by, device, ends, keep.to_vec()).unwrap()
}

/// A device of depth 2 fills its room, and so does the one that it admits.
fn deep(device: usize, into: &mut Vec<Statement>) {
    let (by, next) = (key(device), key(device + 1));
    let size = limits::DEEP_RETIRE_BYTES;
    into.push(admit(&by, device + 1, LABEL));
    into.push(retire(&by, 90_001, size, &[]));
    into.push(retire(&by, device, size, &[]));
    into.push(retire(&next, 90_002, size, &[]));
    into.push(retire(&next, device + 1, size, &[]));
}

/// Every room of every signer filled, by bytes if bytes come first.
static FULL: LazyLock<Vec<Statement>> = LazyLock::new(|| {
    let mut all = Vec::new();
    for device in 1..=limits::FEED_KEY_ADMITS {
        let by = key(device);
        all.push(admit(&feed_secret(), device, LABEL));
        all.push(retire(&by, 90_000, 1_000, &[]));
        let rest = limits::DEVICE_RETIRE_BYTES - 1_000;
        all.push(retire(&by, 90_003, rest, &[]));
        all.push(retire(&by, device, limits::SELF_RETIRE_BYTES, &[]));
        for n in 0..limits::DEVICE_ADMITS {
            let below = 1_000 + 100 * device + 2 * n;
            all.push(admit(&by, below, LABEL));
            deep(below, &mut all);
        }
    }
    // Devices that the feed key retired, and all that their Retires keep.
    let each = 2 * limits::ADMIT_BYTES + limits::KEPT_ROOM;
    let mut left = limits::FEED_KEY_RETIRE_BYTES;
    for (device, count) in (101..).zip([16, 16, 16, 16, 7]) {
        let below = |n| 10_000 + 100 * device + 2 * n;
        let keep: Vec<Statement> = (0..count)
            .map(|n| admit(&key(device), below(n), LABEL))
            .collect();
        (0..count).for_each(|n| deep(below(n), &mut all));
        all.push(admit(&feed_secret(), device, LABEL));
        all.push(retire(&feed_secret(), device, BARE_RETIRE, &keep));
        left -= BARE_RETIRE + count * each;
    }
    all.push(admit(&feed_secret(), 106, LABEL));
    all.push(retire(&feed_secret(), 106, left, &[]));
    all
});

fn of(statements: impl IntoIterator<Item = Statement>) -> Statements {
    let mut held = Statements::new(feed());
    held.merge(statements);
    held
}

fn bytes_of(held: &Statements) -> usize {
    held.iter().map(|statement| statement.encode().len()).sum()
}

#[test]
fn the_fullest_set_is_kept_whole_and_within_the_bound() {
    let full = of(FULL.iter().cloned());
    assert!(FULL.iter().all(|statement| full.contains(statement.id())));
    let bytes = bytes_of(&full);
    assert!(
        (1_000_000..=limits::FEED_STATEMENT_BYTES).contains(&bytes),
        "{bytes}"
    );
}

#[test]
fn one_statement_more_anywhere_is_not_kept_or_pushes_out_a_longer_one() {
    let full = of(FULL.iter().cloned());
    let bytes = bytes_of(&full);
    let (first, second, third) = (key(1), key(1_100), key(1_101));
    for more in [
        admit(&feed_secret(), 70_000, LABEL),
        admit(&feed_secret(), 70_000, 0),
        retire(&feed_secret(), 70_000, BARE_RETIRE, &[]),
        admit(&first, 70_000, 0),
        retire(&first, 70_000, BARE_RETIRE, &[]),
        retire(&first, 1, BARE_RETIRE, &[]),
        admit(&second, 70_000, 0),
        retire(&second, 70_000, BARE_RETIRE, &[]),
        retire(&second, 1_100, BARE_RETIRE, &[]),
        admit(&third, 70_000, 0),
        retire(&third, 70_000, BARE_RETIRE, &[]),
        retire(&third, 1_101, BARE_RETIRE, &[]),
    ] {
        let signer = more.signer();
        assert!(!full.would_keep(&more), "there is room of {signer:?}");
        let mut after = full.clone();
        after.insert(more.clone());
        assert!(bytes_of(&after) <= bytes, "{signer:?} makes it longer");
        // What a lost Retire carried, and whom a lost Admit led to, go with it; nobody else loses anything.
        let lost: Vec<&Statement> = full.iter().filter(|s| !after.contains(s.id())).collect();
        for old in &lost {
            let goes_with = |top: &&Statement| {
                let mut carried = top.as_retire().into_iter().flat_map(|r| r.keep());
                let leads = top.as_admit().map(|admit| admit.device());
                carried.any(|admit| admit == *old) || leads == old.signer().device()
            };
            assert!(
                old.signer() == signer || lost.iter().any(goes_with),
                "{old:?}"
            );
        }
    }
}

#[test]
fn where_there_is_room_a_statement_would_be_kept() {
    let mut held = of((1..limits::FEED_KEY_ADMITS).map(|n| admit(&feed_secret(), n, 3)));
    let last = admit(&feed_secret(), 60, 9);
    assert!(held.would_keep(&last));
    held.insert(last);
    let shorter = admit(&feed_secret(), 61, 0);
    assert!(!held.would_keep(&shorter), "it pushes out a longer one");
    assert!(!held.would_keep(&admit(&key(77), 61, 0)), "of a stranger");
    let retire = retire(&feed_secret(), 60, BARE_RETIRE, &[]);
    assert!(held.would_keep(&retire));
    held.insert(retire);
    assert!(
        held.would_keep(&shorter),
        "a retired device leaves its place"
    );
    assert!(held.would_keep(&admit(&key(1), 62, 0)));
}

#[test]
fn an_archive_of_the_fullest_set_is_no_damage_and_one_of_more_is() {
    let archive = |statements: &[&Statement]| {
        let mut out = ArchiveWriter::new(Vec::new()).unwrap();
        for statement in statements {
            out.statement(statement)?;
        }
        let archive = out.finish()?;
        let report = verify_archive(archive.as_slice());
        Ok::<_, std::io::Error>(report.damage().is_none())
    };
    let full = of(FULL.iter().cloned());
    let mut statements: Vec<&Statement> = full.iter().collect();
    assert!(archive(&statements).unwrap());
    // Of anyone, up to the bound and one past it.
    let mut bytes = bytes_of(&full);
    let strangers: Vec<Statement> = (0..)
        .map(|n| retire(&key(80_000), 80_001 + n, BARE_RETIRE, &[]))
        .take((limits::FEED_STATEMENT_BYTES - bytes) / BARE_RETIRE + 1)
        .collect();
    statements.extend(&strangers);
    bytes += strangers.len() * BARE_RETIRE;
    assert!(bytes > limits::FEED_STATEMENT_BYTES);
    let last = statements.pop().unwrap();
    statements.sort_by_key(|statement| *statement.id());
    assert!(archive(&statements).unwrap());
    statements.push(last);
    statements.sort_by_key(|statement| *statement.id());
    assert!(
        archive(&statements).is_err(),
        "its writer refuses what a reader would"
    );
}

#[test]
fn in_pages_the_fullest_set_arrives_whole() {
    let full = of(FULL.iter().cloned());
    let order: Vec<&Statement> = full.deciding_order().collect();
    assert_eq!(order.len(), full.len());
    let mut there = Statements::new(feed());
    for page in order.chunks(700) {
        there.merge(page.iter().copied().cloned());
    }
    assert_eq!(there.digest(), full.digest());
}

/// A measurement, not a test: `cargo test --release --test statements -- --ignored --nocapture full`.
#[test]
#[ignore = "it measures, and is worth something in release only"]
#[expect(clippy::disallowed_methods, reason = "it measures")]
fn how_long_the_fullest_set_takes() {
    let full = of(FULL.iter().cloned());
    let timed = |what: &str, work: &mut dyn FnMut()| {
        let start = std::time::Instant::now();
        work();
        println!("{what}: {:?}", start.elapsed());
    };
    println!("{} statements, {} bytes", full.len(), bytes_of(&full));
    timed("capping and holding", &mut || {
        drop(of(full.iter().cloned()));
    });
    timed("judging", &mut || drop(full.judge()));
    timed("a page that changes nothing", &mut || {
        assert!(!full.clone().merge(full.iter().take(700).cloned()));
    });
    let encoded: Vec<Vec<u8>> = full.iter().map(Statement::encode).collect();
    timed("verifying it all", &mut || {
        encoded
            .iter()
            .for_each(|bytes| drop(Statement::decode(bytes)));
    });
}
