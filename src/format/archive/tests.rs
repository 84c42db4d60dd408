//! Archives as they should be, and every way to damage a small one.

use std::io::Read as _;

use bytes::Bytes;

use super::super::chain::ForkProof;
use super::super::codec::Reader;
use super::super::{
    Body, Closing, Content as _, DeviceSecret, Draft, End, Ends, EntryId, FeedSecret, Kind, Lane,
    LogId, Post, Run, Seq, Statement, Timestamp, encode_content, lanes, limits,
};
use super::{
    ArchiveError, ArchiveReader, ArchiveWriter, BLOB, BlobHash, END, FORK, FeedId, FormatError,
    MAGIC, Next, RUN, STATEMENT, WHAT, verify_archive,
};

struct Person {
    secret: FeedSecret,
    device: DeviceSecret,
    other: DeviceSecret,
}

fn person(number: u8) -> Person {
    Person {
        secret: FeedSecret::from_bytes(&[number; 32]),
        device: DeviceSecret::from_bytes(&[number + 1; 32]),
        other: DeviceSecret::from_bytes(&[number + 2; 32]),
    }
}

impl Person {
    fn feed(&self) -> FeedId {
        self.secret.id()
    }

    fn admit(&self, device: &DeviceSecret) -> Statement {
        let feed = self.feed();
        let consent = device.consent(&feed);
        Statement::admit(feed, &self.secret, device.id(), true, "", consent).unwrap()
    }

    fn retire(&self, run: &Run, seq: u64) -> Statement {
        let end = End {
            seq: Seq(seq),
            id: run.id_at(Seq(seq)).unwrap(),
        };
        let ends = Ends::new([(run.log().lane, end)]).unwrap();
        Statement::retire(self.feed(), &self.secret, run.log().device, ends, []).unwrap()
    }

    fn runs(&self, device: &DeviceSecret, lane: Lane, count: u64, text: &str) -> Vec<Run> {
        let log = LogId {
            feed: self.feed(),
            device: device.id(),
            lane,
        };
        let drafts: Vec<Draft> = (0..count).map(|n| post(&format!("{text} {n}"))).collect();
        Run::sign(device, &log, Seq::ZERO, EntryId::ZERO, &drafts).unwrap()
    }
}

fn post(text: &str) -> Draft {
    let content = Post {
        text: text.to_owned(),
        ..Post::default()
    };
    let body = Body {
        content: encode_content(&content).unwrap(),
        ..Body::default()
    };
    let kind = Kind::new(Post::KIND).unwrap();
    Draft::new(kind, Timestamp(1_000), body.encode().unwrap())
}

/// What an archive is made of, in any order.
#[derive(Default, Clone)]
struct Parts {
    statements: Vec<Statement>,
    forks: Vec<ForkProof>,
    runs: Vec<Run>,
    blobs: Vec<Vec<u8>>,
}

impl Parts {
    fn write(mut self) -> Vec<u8> {
        self.statements.sort_by_key(|s| (*s.feed(), *s.id()));
        self.runs.sort_by_key(|run| (*run.log(), run.first()));
        self.blobs
            .sort_by_key(|blob| *blake3::hash(blob).as_bytes());
        let mut feeds: Vec<FeedId> = self.statements.iter().map(|s| *s.feed()).collect();
        feeds.extend(self.runs.iter().map(|run| run.log().feed));
        feeds.sort_unstable();
        feeds.dedup();
        let mut out = ArchiveWriter::new(Vec::new()).unwrap();
        for feed in feeds {
            for statement in self.statements.iter().filter(|s| *s.feed() == feed) {
                out.statement(statement).unwrap();
            }
            let mut last = None;
            for run in self.runs.iter().filter(|run| run.log().feed == feed) {
                if last.replace(*run.log()) != Some(*run.log()) {
                    for proof in self.forks.iter().filter(|proof| proof.log() == run.log()) {
                        out.fork(proof).unwrap();
                    }
                }
                out.run(run).unwrap();
            }
        }
        for blob in &self.blobs {
            let hash = BlobHash::from_bytes(*blake3::hash(blob).as_bytes());
            out.blob(&hash, blob.len() as u64, &mut blob.as_slice())
                .unwrap();
        }
        out.finish().unwrap()
    }
}

/// Two feeds, one with a retired device, a forked log and a file.
fn parts() -> Parts {
    let (ada, ben) = (person(1), person(10));
    let old = ada.runs(&ada.other, lanes::POSTS, 3, "old");
    let fork = ada.runs(&ada.device, lanes::POSTS, 1, "another");
    let mine = ada.runs(&ada.device, lanes::POSTS, 2, "mine");
    Parts {
        statements: vec![
            ada.admit(&ada.device),
            ada.admit(&ada.other),
            ada.retire(&old[0], 1),
            ben.admit(&ben.device),
        ],
        forks: vec![ForkProof::new(&fork[0], &mine[0]).unwrap()],
        runs: [
            old,
            mine,
            ben.runs(&ben.device, lanes::POSTS, 1, "b"),
            ben.runs(&ben.other, lanes::POSTS, 1, "never admitted"),
        ]
        .concat(),
        blobs: vec![b"a picture".to_vec(), b"a".to_vec()],
    }
}

/// What reading gives: the items as text, and where it ended badly.
fn read(bytes: &[u8]) -> (Vec<String>, Option<ArchiveError>) {
    let mut items = Vec::new();
    for item in ArchiveReader::new(bytes) {
        match item {
            Ok(item) => items.push(format!("{item:?}")),
            Err(error) => return (items, Some(error)),
        }
    }
    (items, None)
}

fn fault(bytes: &[u8]) -> (u64, FormatError) {
    let error = read(bytes).1.expect("a damage");
    (error.offset(), error.format_error().unwrap().clone())
}

/// Where each record begins, and where the last ends.
fn records(bytes: &[u8]) -> Vec<usize> {
    let mut at = 16;
    let mut found = vec![at];
    while at < bytes.len() {
        let mut reader = Reader::new(WHAT, &bytes[at + 1..]);
        let len = usize::try_from(reader.varint().unwrap()).unwrap();
        at = bytes.len() - reader.rest().len() + len;
        found.push(at);
    }
    found
}

#[test]
fn an_archive_gives_back_what_was_put_in_and_says_what_counts() {
    let bytes = parts().write();
    let (items, damage) = read(&bytes);
    assert!(damage.is_none(), "{damage:?}");
    assert_eq!(items.len(), 4 + 1 + 4 + 2);
    let report = verify_archive(bytes.as_slice());
    assert_eq!(report.bytes(), bytes.len() as u64);
    assert_eq!((report.blobs(), report.blob_bytes()), (2, 10));
    let (ada, ben) = (person(1).feed(), person(10).feed());
    let of = |feed| report.feeds().iter().find(|f| f.feed() == feed).unwrap();
    let ada = of(ada);
    assert_eq!((ada.statements(), ada.entries(), ada.bodies()), (3, 5, 5));
    assert_eq!((ada.counting(), ada.unsettled()), (4, 2));
    assert_eq!(ada.forked().len(), 1);
    assert_eq!(ada.newest(), Some(Timestamp(1_000)));
    assert_eq!((of(ben).entries(), of(ben).counting()), (2, 1));
}

#[test]
fn an_archive_of_nothing_is_one() {
    let bytes = Parts::default().write();
    assert_eq!(bytes.len(), 16 + 2 + 32);
    assert!(verify_archive(bytes.as_slice()).damage().is_none());
}

#[test]
fn cut_short_at_any_byte_it_gives_what_stands_before() {
    let bytes = parts().write();
    let (whole, _) = read(&bytes);
    let records = records(&bytes);
    for len in 0..bytes.len() {
        let (items, damage) = read(&bytes[..len]);
        let damage = damage.unwrap_or_else(|| panic!("{len} bytes pass for an archive"));
        let complete = records.iter().filter(|at| **at <= len).count();
        let expected = complete.saturating_sub(1);
        assert_eq!(items, whole[..expected], "{len} bytes");
        if len > 15 {
            assert_eq!(damage.offset(), records[expected] as u64, "{len} bytes");
        }
        assert_eq!(
            verify_archive(&bytes[..len]).bytes(),
            damage.offset(),
            "{len} bytes"
        );
    }
}

#[test]
fn every_flipped_bit_is_found_and_what_stands_before_it_is_good() {
    let bytes = parts().write();
    let (whole, _) = read(&bytes);
    let records = records(&bytes);
    for at in 0..bytes.len() {
        for bit in 0..8 {
            let mut flipped = bytes.clone();
            flipped[at] ^= 1 << bit;
            let (items, damage) = read(&flipped);
            let damage = damage.unwrap_or_else(|| panic!("bit {bit} of byte {at}"));
            assert!(damage.offset() <= at as u64 || at < 16, "byte {at}");
            let before = records.iter().filter(|end| **end <= at).count();
            let before = before.saturating_sub(1).min(whole.len());
            assert_eq!(items, whole[..before], "bit {bit} of byte {at}");
        }
    }
}

#[test]
fn other_files_and_other_versions_are_told_apart() {
    let html = b"<!doctype html><title>Not found</title>";
    let files: [&[u8]; 3] = [b"", html, b"tidings archiv"];
    for file in files {
        let (offset, error) = fault(file);
        assert_eq!(offset, 0);
        assert!(matches!(error, FormatError::Archive { .. }), "{error}");
    }
    let mut newer = parts().write();
    newer[15] = 2;
    let (_, damage) = read(&newer);
    assert_eq!(
        damage.unwrap().to_string(),
        "the archive has version 2, this library reads version 1; a newer release may read it"
    );
}

#[test]
fn lengths_that_lie_take_no_memory() {
    let with_record = |tag: u8, len: u64| {
        let mut bytes = MAGIC.to_vec();
        bytes.extend([1, tag]);
        let mut writer = super::super::codec::Writer::default();
        writer.varint(len);
        bytes.extend(&writer.0);
        bytes.extend([7; 100]);
        bytes
    };
    let gigabyte = 1 << 30;
    for tag in [STATEMENT, FORK, RUN, END] {
        let (offset, error) = fault(&with_record(tag, gigabyte));
        assert_eq!(offset, 16);
        assert!(matches!(error, FormatError::TooLarge { .. }), "{error}");
    }
    let (_, error) = fault(&with_record(BLOB, gigabyte));
    assert!(matches!(error, FormatError::Truncated { .. }), "{error}");
    let (_, error) = fault(&with_record(BLOB, 31));
    assert!(matches!(error, FormatError::Truncated { .. }), "{error}");
    let (_, error) = fault(&with_record(RUN, limits::ARCHIVE_RUN_BYTES as u64));
    assert!(matches!(error, FormatError::Truncated { .. }), "{error}");
    let (_, error) = fault(&with_record(9, 1));
    assert!(matches!(error, FormatError::Archive { .. }), "{error}");
}

#[test]
fn a_length_in_a_longer_form_is_refused() {
    let bytes = Parts::default().write();
    let mut longer = bytes[..17].to_vec();
    longer.extend([0xa0, 0x00]);
    longer.extend(&bytes[18..]);
    let (_, error) = fault(&longer);
    assert!(matches!(error, FormatError::NotCanonical { .. }), "{error}");
}

#[test]
fn bytes_behind_the_end_are_no_part_of_it() {
    let mut bytes = parts().write();
    let end = bytes.len() as u64;
    bytes.push(0);
    assert!(matches!(fault(&bytes), (offset, FormatError::Archive { .. }) if offset == end));
}

#[test]
fn records_out_of_order_are_refused_by_reader_and_writer() {
    let bytes = parts().write();
    let at = records(&bytes);
    // Any two records that follow one another, changed round; only the end must stay.
    for pair in at.windows(3).take(at.len() - 3) {
        let mut swapped = bytes[..pair[0]].to_vec();
        swapped.extend(&bytes[pair[1]..pair[2]]);
        swapped.extend(&bytes[pair[0]..pair[1]]);
        swapped.extend(&bytes[pair[2]..]);
        let (offset, error) = fault(&swapped);
        assert_eq!(offset, (pair[0] + pair[2] - pair[1]) as u64);
        assert!(matches!(error, FormatError::Archive { .. }), "{error}");
    }
    // The same one twice, and one left out.
    let mut twice = bytes[..at[1]].to_vec();
    twice.extend(&bytes[at[0]..]);
    assert!(matches!(fault(&twice).1, FormatError::Archive { .. }));
    let mut without = bytes[..at[0]].to_vec();
    without.extend(&bytes[at[1]..]);
    assert_eq!(fault(&without).0, (at[at.len() - 2] - at[1] + at[0]) as u64);

    let ada = person(1);
    let runs = ada.runs(&ada.device, lanes::POSTS, 2, "mine");
    let mut out = ArchiveWriter::new(Vec::new()).unwrap();
    out.run(&runs[0]).unwrap();
    assert!(out.run(&runs[0]).is_err());
    assert!(out.statement(&ada.admit(&ada.device)).is_err());
    let empty = BlobHash::from_bytes(*blake3::hash(b"").as_bytes());
    assert!(out.blob(&empty, 1, &mut [1u8].as_slice()).is_err());
    assert!(out.blob(&empty, 0, &mut [].as_slice()).is_err());
}

#[test]
fn past_a_fork_headers_alone_do_not_count() {
    let ada = person(1);
    let mine = ada.runs(&ada.device, lanes::POSTS, 3, "mine");
    let other = ada.runs(&ada.device, lanes::POSTS, 1, "another");
    let fork = ForkProof::new(&other[0], &mine[0]).unwrap();
    assert_eq!(fork.at(), Seq(0));
    let held =
        |seq: Seq, item: &crate::format::Item| item.body().filter(|_| seq == Seq(1)).cloned();
    let mut out = ArchiveWriter::new(Vec::new()).unwrap();
    out.statement(&ada.admit(&ada.device)).unwrap();
    out.fork(&fork).unwrap();
    out.run(&mine[0].with_bodies(held)).unwrap();
    let report = verify_archive(out.finish().unwrap().as_slice());
    let feed = &report.feeds()[0];
    let counts = (
        feed.entries(),
        feed.bodies(),
        feed.counting(),
        feed.unsettled(),
    );
    assert_eq!(counts, (3, 1, 1, 1));

    // An end picks the branch: then nothing of it is left out.
    let mut statements = vec![ada.admit(&ada.device), ada.retire(&mine[0], 1)];
    statements.sort_by_key(|statement| *statement.id());
    let mut out = ArchiveWriter::new(Vec::new()).unwrap();
    for statement in &statements {
        out.statement(statement).unwrap();
    }
    out.fork(&fork).unwrap();
    out.run(&mine[0].with_bodies(held)).unwrap();
    let report = verify_archive(out.finish().unwrap().as_slice());
    let feed = &report.feeds()[0];
    assert_eq!((feed.counting(), feed.unsettled()), (2, 0));
    assert!(feed.forked().is_empty());
}

#[test]
fn runs_of_one_log_must_link_and_be_whole() {
    let ada = person(1);
    let whole = ada.runs(&ada.device, lanes::POSTS, 130, "whole");
    let other = ada.runs(&ada.device, lanes::POSTS, 130, "other");
    let only = |runs: Vec<Run>| {
        let mut out = ArchiveWriter::new(Vec::new()).unwrap();
        runs.iter().try_for_each(|run| out.run(run))?;
        out.finish()
    };
    assert!(only(whole.clone()).is_ok());
    assert!(only(vec![whole[0].clone(), whole[2].clone()]).is_ok());
    assert!(only(vec![whole[0].clone(), other[1].clone()]).is_err());
    let one = ada.runs(&ada.device, lanes::POSTS, 1, "whole");
    let log = *one[0].log();
    let next = Run::sign(
        &ada.device,
        &log,
        Seq(1),
        one[0].last_id(),
        &[post("whole 1")],
    );
    let next = next.unwrap();
    assert!(
        only(vec![one[0].clone(), next[0].clone()]).is_err(),
        "what is held without a hole in a block is one run"
    );
    assert!(only(vec![Run::join(&[one[0].clone(), next[0].clone()]).unwrap()]).is_ok());
    let leaning = whole[0]
        .part(Seq(0), Seq(5), Closing::NextHeld)
        .expect("a part");
    assert!(only(vec![leaning]).is_err());
}

#[test]
fn a_run_that_leans_on_another_is_refused() {
    let ada = person(1);
    let run = &ada.runs(&ada.device, lanes::POSTS, 3, "r")[0];
    let leaning = run.part(Seq(0), Seq(2), Closing::NextHeld).unwrap();
    let mut out = ArchiveWriter::new(Vec::new()).unwrap();
    let log = super::super::encode(run.log());
    out.record(RUN, &[log.as_slice(), leaning.packed()])
        .unwrap();
    let (offset, error) = fault(&out.finish().unwrap());
    assert_eq!(offset, 16);
    assert!(matches!(error, FormatError::NextNotHeld { .. }), "{error}");
}

#[test]
fn bodies_of_the_largest_size_fit_and_those_left_out_go_by_hash() {
    let ada = person(1);
    let log = LogId {
        feed: ada.feed(),
        device: ada.device.id(),
        lane: lanes::POSTS,
    };
    let body = Bytes::from(vec![5; limits::BODY_BYTES as usize]);
    let kinds = (0..64).map(|n| Kind::new(&format!("{n:0>64}")).unwrap());
    let drafts: Vec<Draft> = kinds
        .map(|kind| {
            Draft::new(kind, Timestamp(i64::MIN), body.clone()).expiring(Timestamp(i64::MAX))
        })
        .collect();
    let run = Run::sign(&ada.device, &log, Seq::ZERO, EntryId::ZERO, &drafts).unwrap();
    assert!(run[0].packed().len() + 97 <= limits::ARCHIVE_RUN_BYTES);
    let other = Run::sign(&ada.device, &log, Seq(64), run[0].last_id(), &drafts).unwrap();
    let proof = ForkProof::new(
        &run[0].headers_only(),
        &Run::sign(
            &ada.device,
            &log,
            Seq(64),
            EntryId::from_bytes([1; 32]),
            &drafts,
        )
        .unwrap()[0],
    );
    assert!(proof.unwrap().encode().len() <= limits::PROOF_BYTES);
    let parts = Parts {
        runs: vec![run[0].clone(), other[0].headers_only()],
        ..Parts::default()
    };
    let report = verify_archive(parts.write().as_slice());
    assert!(report.damage().is_none());
    let feed = &report.feeds()[0];
    assert_eq!(
        (feed.entries(), feed.bodies(), feed.counting()),
        (128, 64, 0)
    );
}

#[test]
fn files_are_handed_over_as_they_come_and_judged_at_their_end() {
    let parts = Parts {
        blobs: vec![vec![1; 200_000]],
        ..Parts::default()
    };
    let mut bytes = parts.write();
    // Takes at most `limit` bytes of the blob; how many came, and whether they are good.
    let take_in = |bytes: &[u8], limit: u64| {
        let mut reader = ArchiveReader::new(bytes);
        let next = reader.advance().unwrap().unwrap();
        assert!(matches!(next, Next::Blob { len: 200_000, .. }));
        let mut came = Vec::new();
        let read = reader.blob(|bytes| {
            // What cannot be read is told at the end.
            let _told = bytes.take(limit).read_to_end(&mut came);
        });
        let is_over = reader.advance().is_none();
        (
            came.len(),
            read.map_err(|error| error.offset()).err(),
            is_over,
        )
    };
    assert_eq!(take_in(&bytes, 1 << 20), (200_000, None, true));
    assert_eq!(take_in(&bytes, 10), (10, None, true));
    bytes[100_000] ^= 1;
    assert_eq!(take_in(&bytes, 1 << 20), (200_000, Some(16), true));
    assert_eq!(take_in(&bytes, 10), (10, Some(16), true));
    let (came, offset, _) = take_in(&bytes[..100_000], 1 << 20);
    assert!(came < 100_000 && offset == Some(16), "{came}");
    let mut passing = ArchiveReader::new(bytes.as_slice());
    assert!(passing.advance().unwrap().is_ok());
    assert!(
        passing.advance().unwrap().is_err(),
        "not taken, but verified"
    );
    assert!(passing.advance().is_none());
}

#[test]
fn a_reader_that_fails_is_no_damage() {
    struct Failing;
    impl std::io::Read for Failing {
        fn read(&mut self, _buffer: &mut [u8]) -> std::io::Result<usize> {
            Err(std::io::Error::other("the stick was pulled out"))
        }
    }
    let error = ArchiveReader::new(Failing).next().unwrap().unwrap_err();
    assert!(error.format_error().is_none());
    assert_eq!(
        error.to_string(),
        "the archive cannot be read at byte 0: the stick was pulled out"
    );
}
