//! Archives, forks and statements made of genuine pieces: every signature and hash holds, so the rules behind them are
//! reached. Which pieces, in what order, is the fuzzer's choice.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use bytes::Bytes;

use super::{Choices, HEAD, archive};
use crate::format::archive::{ArchiveWriter, verify_archive};
use crate::format::context::derive;
use crate::format::{
    BlobHash, Closing, DeviceSecret, Draft, End, Ends, EntryId, FeedId, FeedSecret, ForkProof,
    FormatError, Kind, Lane, LogId, Run, Seq, Statement, Statements, Timestamp, limits,
};

/// Entries of a log: two blocks and some.
const ENTRIES: u64 = 140;
/// Entries between two signatures.
const SIGNED: usize = 7;
/// The first place of the other branch of each author's first log.
const FORK: u64 = 33;

/// What one person signed.
struct Author {
    feed: FeedId,
    /// In the order of their ids.
    statements: Vec<Statement>,
    /// In the order of their names, each in signed parts.
    logs: Vec<Vec<Run>>,
    /// Another end of the first log, and the proof that there are two.
    branch: Vec<Run>,
    fork: ForkProof,
}

/// In the order of their ids.
static AUTHORS: LazyLock<Vec<Author>> = LazyLock::new(|| {
    let authors: Result<Vec<Author>, FormatError> = (1..3).map(Author::new).collect();
    let mut authors = authors.unwrap_or_else(|error| panic!("{error}"));
    authors.sort_by_key(|author| author.feed);
    authors
});

impl Author {
    fn new(number: u8) -> Result<Self, FormatError> {
        let key = FeedSecret::from_bytes(&[number; 32]);
        let feed = key.id();
        let device = |n: u8| DeviceSecret::from_bytes(&[0x10 * number + n; 32]);
        let mut devices: Vec<DeviceSecret> = (1..3).map(device).collect();
        devices.sort_by_key(DeviceSecret::id);
        let lanes = ["posts", "state"];
        let logs = devices.iter().zip(lanes).map(|(device, lane)| {
            let lane = Lane::new(lane)?;
            let device_id = device.id();
            let log = LogId {
                feed,
                device: device_id,
                lane,
            };
            signed(device, &log, Seq::ZERO, EntryId::ZERO, 0)
        });
        let logs = logs.collect::<Result<Vec<_>, _>>()?;
        let trunk = logs.first().map_or(&[][..], Vec::as_slice);
        let before = trunk.iter().find_map(|run| run.id_at(Seq(FORK - 1)));
        let (Some(before), Some(device), Some(first)) = (before, devices.first(), trunk.first())
        else {
            return Err(FormatError::NoFork { why: "nothing" });
        };
        let branch = signed(device, first.log(), Seq(FORK), before, 1)?;
        let fork = trunk.iter().find_map(|run| {
            let other = branch.first()?;
            ForkProof::new(run, other).ok()
        });
        Ok(Self {
            feed,
            statements: statements(&key, number)?,
            fork: fork.ok_or(FormatError::NoFork { why: "no fork" })?,
            logs,
            branch,
        })
    }
}

/// The entries of a log from a place on, signed every few.
fn signed(
    device: &DeviceSecret,
    log: &LogId,
    mut at: Seq,
    mut prev: EntryId,
    time: i64,
) -> Result<Vec<Run>, FormatError> {
    let mut runs = Vec::new();
    while at.0 < ENTRIES {
        let draft = |n: usize| {
            let kind = Kind::new(if n.is_multiple_of(3) {
                "post/1"
            } else {
                "reaction/1"
            })?;
            let body = Bytes::from(vec![b'.'; n]);
            Ok(Draft::new(kind, Timestamp(time), body))
        };
        let drafts: Result<Vec<Draft>, FormatError> = (0..SIGNED).map(draft).collect();
        for run in Run::sign(device, log, at, prev, &drafts?)? {
            (at, prev) = (run.end(), run.last_id());
            runs.push(run);
        }
    }
    Ok(runs)
}

/// Admits and Retires of six devices, some of which speak against each other.
fn statements(key: &FeedSecret, number: u8) -> Result<Vec<Statement>, FormatError> {
    let feed = key.id();
    let of = |n: u8| DeviceSecret::from_bytes(&[0x10 * number + n; 32]);
    let by_device = |by: &DeviceSecret, n: u8, admin: bool| {
        Statement::admit(feed, by, of(n).id(), admin, "", of(n).consent(&feed))
    };
    let by_key = |n: u8, admin: bool| {
        Statement::admit(feed, key, of(n).id(), admin, "", of(n).consent(&feed))
    };
    let end = |seq: u64| {
        let id = EntryId::from_bytes([number; 32]);
        Ends::new([(Lane::new("posts")?, End { seq: Seq(seq), id })])
    };
    let third = by_device(&of(1), 3, true)?;
    let fifth = by_device(&of(3), 5, false)?;
    let mut all = vec![
        by_key(1, true)?,
        by_key(2, true)?,
        by_key(3, false)?,
        by_device(&of(2), 3, true)?,
        by_device(&of(2), 4, false)?,
        by_device(&of(3), 6, false)?,
        Statement::retire(feed, key, of(4).id(), end(3)?, [])?,
        Statement::retire(feed, &of(1), of(2).id(), end(5)?, [])?,
        Statement::retire(feed, &of(2), of(1).id(), end(9)?, [third.clone()])?,
        Statement::retire(feed, &of(2), of(3).id(), end(2)?, [fifth.clone()])?,
        Statement::retire(feed, &of(6), of(6).id(), end(1)?, [])?,
        third,
        fifth,
    ];
    all.sort_by_key(|statement| *statement.id());
    Ok(all)
}

pub(crate) fn pieces(bytes: &[u8]) {
    let mut from = Choices::new(bytes);
    let Some(author) = AUTHORS.get(from.below(AUTHORS.len())) else {
        return;
    };
    match from.below(3) {
        0 => two_runs(author, &mut from),
        1 => any_order(author, &mut from),
        _ => an_archive(&mut from),
    }
}

/// Some entries of a log in one block, closed by a signature or not.
fn a_part(runs: &[Run], from: &mut Choices<'_>) -> Option<Run> {
    let first = from.below(runs.len());
    let start = runs.get(first)?.first();
    let in_block = |run: &&Run| run.first() < start.block_end();
    let joined: Vec<Run> = runs
        .iter()
        .skip(first)
        .take(1 + from.below(6))
        .take_while(in_block)
        .cloned()
        .collect();
    let run = Run::join(&joined)?;
    let (begin, end) = (run.first().plus(from.below(7) as u64), run.end());
    if from.below(8) == 0 {
        let before_end = Seq(end.0.saturating_sub(1 + from.below(3) as u64));
        return run.part(begin, before_end, Closing::NextHeld);
    }
    run.part(begin, end, *run.closing())
}

/// Two runs of one log prove a fork just where they say different things about one place.
fn two_runs(author: &Author, from: &mut Choices<'_>) {
    let trunk = author.logs.first().map_or(&[][..], Vec::as_slice);
    let one_of = |from: &mut Choices<'_>| {
        let runs = if from.flag() { &author.branch } else { trunk };
        a_part(runs, from)
    };
    let (Some(one), Some(other)) = (one_of(from), one_of(from)) else {
        return;
    };
    /// What it says: the entry before it, in the place below its first, and its own.
    fn says(run: &Run) -> BTreeMap<u64, EntryId> {
        let before = run.first().0.checked_sub(1).map(|at| (at, run.prev()));
        let own = (run.first().0..).zip(run.ids().iter().copied());
        before.into_iter().chain(own).collect()
    }
    let theirs = says(&other);
    let differs = says(&one)
        .into_iter()
        .any(|(at, id)| theirs.get(&at).is_some_and(|other| *other != id));
    let is_signed = |run: &Run| matches!(run.closing(), Closing::Signed(_));
    let proof = ForkProof::new(&one, &other);
    let expected = differs && is_signed(&one) && is_signed(&other);
    assert_eq!(
        proof.is_ok(),
        expected,
        "{proof:?} of {one:?} and {other:?}"
    );
    let Ok(proof) = proof else { return };
    assert!(proof.at() >= Seq(FORK), "forked before the fork");
    let bytes = proof.encode();
    assert!(bytes.len() <= limits::PROOF_BYTES, "a proof over the limit");
    assert_eq!(ForkProof::decode(&bytes).as_ref(), Ok(&proof));
    assert_eq!(ForkProof::new(&other, &one), Ok(proof), "in another order");
}

/// Statements that are offered until nothing changes come to the same, in whatever order.
fn any_order(author: &Author, from: &mut Choices<'_>) {
    let pick = |from: &mut Choices<'_>| author.statements.get(from.below(author.statements.len()));
    let offered: Vec<&Statement> = (0..from.below(20)).filter_map(|_| pick(from)).collect();
    let settled = |offered: &mut dyn Iterator<Item = &&Statement>| {
        let offered: Vec<Statement> = offered.map(|statement| (*statement).clone()).collect();
        let mut set = Statements::new(author.feed);
        // Each round takes in those whose signer the round before admitted.
        for _ in 0..=offered.len() {
            for statement in &offered {
                set.insert(statement.clone());
            }
        }
        set
    };
    let one = settled(&mut offered.iter());
    let mut at_once = Statements::new(author.feed);
    at_once.merge(offered.iter().map(|statement| (*statement).clone()));
    for other in [settled(&mut offered.iter().rev()), at_once] {
        assert_eq!(one.digest(), other.digest(), "another set");
        assert_eq!(one.judge(), other.judge(), "judged otherwise");
    }
    for statement in &one {
        assert_eq!(
            Statement::decode(&statement.encode()).as_ref(),
            Ok(statement)
        );
    }
}

/// An archive of some of all that there is, in order; then the same with a record moved, or told twice.
fn an_archive(from: &mut Choices<'_>) {
    let (bytes, ends) = write(from).unwrap_or_else(|error| panic!("{error}"));
    let report = verify_archive(bytes.as_slice());
    assert!(report.damage().is_none(), "{:?}", report.damage());
    archive(&bytes);
    let starts = std::iter::once(HEAD).chain(ends.iter().copied());
    let records: Vec<&[u8]> = starts
        .zip(&ends)
        .filter_map(|(start, end)| bytes.get(start..*end))
        .collect();
    let (one, other) = (from.below(records.len()), from.below(records.len()));
    let mut changed = records;
    if one == other {
        let twice = changed.get(one).copied();
        changed.extend(twice);
    } else {
        changed.swap(one, other);
    }
    if changed.is_empty() {
        return;
    }
    let head = bytes.get(..HEAD).unwrap_or_default();
    let mut bytes = [head, &changed.concat()].concat();
    let mut hasher = derive::ARCHIVE.hasher();
    hasher.update(&bytes);
    let hash: [u8; 32] = hasher.finalize().into();
    bytes.extend([0, 32]);
    bytes.extend(hash);
    let report = verify_archive(bytes.as_slice());
    assert!(report.damage().is_some(), "records out of order are taken");
    archive(&bytes);
}

/// The archive, and where each of its records ends.
fn write(from: &mut Choices<'_>) -> std::io::Result<(Vec<u8>, Vec<usize>)> {
    let mut out = ArchiveWriter::new(Vec::new())?;
    let mut ends = Vec::new();
    let end = |out: &ArchiveWriter<_>| usize::try_from(out.written()).unwrap_or(usize::MAX);
    for author in &*AUTHORS {
        for statement in &author.statements {
            if from.flag() {
                out.statement(statement)?;
                ends.push(end(&out));
            }
        }
        for (number, log) in author.logs.iter().enumerate() {
            if number == 0 && from.flag() {
                out.fork(&author.fork)?;
                ends.push(end(&out));
            }
            let mut at = Seq::ZERO;
            for _ in 0..from.below(4) {
                let run = a_part(log, from);
                let is_whole = |run: &Run| matches!(run.closing(), Closing::Signed(_));
                let Some(run) = run.filter(is_whole) else {
                    continue;
                };
                let goes_on = run.first() == at && at != at.block_start();
                if run.first() >= at && !goes_on {
                    at = run.end();
                    out.run(&run)?;
                    ends.push(end(&out));
                }
            }
        }
    }
    let mut blobs: BTreeMap<[u8; 32], Vec<u8>> = BTreeMap::new();
    for _ in 0..from.below(3) {
        let blob = from.bytes(64).to_vec();
        if blob.is_empty() {
            continue;
        }
        blobs.insert(*blake3::hash(&blob).as_bytes(), blob);
    }
    for (hash, blob) in blobs {
        let (hash, len) = (BlobHash::from_bytes(hash), blob.len() as u64);
        out.blob(&hash, len, &mut blob.as_slice())?;
        ends.push(end(&out));
    }
    Ok((out.finish()?, ends))
}
