//! Decoders put to any bytes at all: each function panics if one breaks a promise.
//!
//! The promises: nothing panics; what is read is written as the same bytes again, where the format has one form; what is
//! refused is refused by every way of reading it. See `fuzzing.rs` for who calls these.

mod pieces;

use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;

pub(crate) use self::pieces::pieces;
use super::archive::{ArchiveItem, ArchiveReader, ArchiveWriter, verify_archive};
use super::codec::{Reader, decode, encode};
use super::id::{BlobHash, DeviceId, EntryId, EntryRef, FeedId, Kind, Lane, LogId, StatementId};
use super::kinds::{
    Cut, Delete, Edit, Follow, Label, List, Moved, Pin, Post, ProfileField, Reach, Reaction,
    Repost, decode_content,
};
use super::run::{PackedRun, View};
use super::ticket::check_bytes;
use super::{
    Body, FeedTicket, ForkProof, FormatError, Header, NextInArchive, Rel, Statement, limits,
    reread_statement,
};

/// Bytes of an archive's beginning: what it is, and its version.
const HEAD: usize = 16;

/// A fuzzer's bytes as a row of choices: zeros when there are no more.
#[derive(Debug, Clone)]
pub(crate) struct Choices<'a>(&'a [u8]);

impl<'a> Choices<'a> {
    pub(crate) const fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub(crate) const fn is_over(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn byte(&mut self) -> u8 {
        let Some((first, rest)) = self.0.split_first() else {
            return 0;
        };
        self.0 = rest;
        *first
    }

    pub(crate) fn flag(&mut self) -> bool {
        self.byte() & 1 == 1
    }

    /// Below a bound of at most 256; 0 if that is 0.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        usize::from(self.byte()).checked_rem(bound).unwrap_or(0)
    }

    /// One of some values; the type's own default if there are none.
    pub(crate) fn pick<T: Copy + Default>(&mut self, of: &[T]) -> T {
        let at = self.below(of.len());
        of.get(at).copied().unwrap_or_default()
    }

    /// A number: mostly a small one, often one next to a bound.
    pub(crate) fn number(&mut self) -> u64 {
        let how = self.byte();
        let near = u64::from(how >> 3);
        match how & 7 {
            0..=3 => near,
            4 => limits::BLOCK
                .saturating_mul(1 + near % 4)
                .wrapping_sub(near % 3),
            5 => u64::from(self.byte()) << 8 | u64::from(self.byte()),
            6 => u64::MAX - near,
            _ => u64::from_be_bytes(self.array()),
        }
    }

    pub(crate) fn array<const N: usize>(&mut self) -> [u8; N] {
        std::array::from_fn(|_| self.byte())
    }

    /// Up to so many of the bytes that are left, by a length of two bytes before them.
    pub(crate) fn bytes(&mut self, most: usize) -> &'a [u8] {
        let len = usize::from(self.byte()) << 8 | usize::from(self.byte());
        let (taken, rest) = self.0.split_at(len.min(most).min(self.0.len()));
        self.0 = rest;
        taken
    }
}

pub(crate) fn header(bytes: &[u8]) {
    let Ok(header) = Header::decode(bytes) else {
        return;
    };
    assert_eq!(header.encode(), bytes, "written otherwise");
    assert!(
        header.body_len() <= limits::BODY_BYTES,
        "a body over the limit"
    );
}

pub(crate) fn body(bytes: &[u8]) {
    let Ok(body) = Body::decode(bytes) else {
        return;
    };
    let again = body.encode().unwrap_or_else(|error| panic!("{error}"));
    // What stands behind the fields is for newer readers.
    assert!(bytes.starts_with(&again), "written otherwise");
    for tag in &body.tags {
        let folded = Body::fold_tag(tag);
        assert_eq!(Body::fold_tag(&folded), folded, "folded twice");
    }
    let replaced = body.targets(Rel::Replaces).count();
    assert!(replaced <= limits::REFS);
}

/// Content of every kind, from the same bytes.
pub(crate) fn content(bytes: &[u8]) {
    fn one<T: Serialize + DeserializeOwned + PartialEq + std::fmt::Debug>(bytes: &[u8]) {
        let strictly = decode::<T>("content", bytes);
        if let Ok(value) = &strictly {
            assert_eq!(encode(value), bytes, "written otherwise");
        }
        let Ok(value) = decode_content::<T>(bytes) else {
            assert!(strictly.is_err(), "the strict reader takes more");
            return;
        };
        let again = encode(&value);
        let both = again.len().min(bytes.len());
        assert_eq!(again.get(..both), bytes.get(..both), "not in its one form");
        assert_eq!(decode::<T>("content", &again), Ok(value), "read otherwise");
    }
    one::<Post>(bytes);
    one::<Repost>(bytes);
    one::<Edit>(bytes);
    one::<Reaction>(bytes);
    one::<ProfileField>(bytes);
    one::<Follow>(bytes);
    one::<Delete>(bytes);
    one::<Pin>(bytes);
    one::<List>(bytes);
    one::<Reach>(bytes);
    one::<Moved>(bytes);
    one::<Label>(bytes);
    one::<Cut>(bytes);
}

/// The log stands before the run, as in an archive.
pub(crate) fn run(bytes: &[u8]) {
    let bytes = Bytes::copy_from_slice(bytes);
    let mut reader = Reader::new("a run and its log", &bytes);
    let Ok(log) = read_log(&mut reader) else {
        return;
    };
    let packed = PackedRun::from_bytes(bytes.slice_ref(reader.rest()));
    let span = packed.span();
    let read = packed.unproved(&log);
    let walked = walk(packed.as_bytes(), &log.lane);
    // The reader that copies checks kinds besides; otherwise the two agree.
    assert!(read.is_err() || walked.is_ok(), "read but not walked over");
    let Ok(run) = read else {
        assert!(packed.verify(&log, None).is_err(), "verified but not read");
        return;
    };
    assert_eq!(span, Ok((run.first(), run.len())), "the span is another");
    assert_eq!(Ok(run.len()), walked, "the walk is another");
    let again = run.part(run.first(), run.end(), *run.closing());
    let again = again.unwrap_or_else(|| panic!("a run without entries"));
    assert_eq!(again.packed(), packed.as_bytes(), "written otherwise");
    assert_eq!(run.entries().count() as u64, run.len());
    let headers = run.headers_only();
    assert_eq!(headers.ids(), run.ids(), "ids depend on bodies");
    let proved = packed.verify(&log, Some(&run.last_id()));
    assert!(proved.is_err() || proved == Ok(run), "verified otherwise");
}

fn read_log(reader: &mut Reader<'_>) -> Result<LogId, FormatError> {
    let feed = FeedId::from_bytes(reader.array()?);
    let device = DeviceId::from_bytes(reader.array()?);
    let lane = Lane::new(reader.str(limits::LANE_BYTES)?)?;
    Ok(LogId { feed, device, lane })
}

fn walk(bytes: &[u8], lane: &Lane) -> Result<u64, FormatError> {
    let mut view = View::open(bytes)?;
    let count = view.count;
    for _ in 0..count {
        view.item(lane)?;
    }
    view.closing().map(|_| count)
}

pub(crate) fn statement(bytes: &[u8]) {
    let reread = reread_statement(bytes);
    if let Ok(again) = &reread {
        assert_eq!(again, bytes, "written otherwise");
    }
    if let Ok(statement) = Statement::decode(bytes) {
        assert_eq!(statement.encode(), bytes, "written otherwise");
        assert!(reread.is_ok(), "verified but not read");
    }
}

pub(crate) fn fork(bytes: &[u8]) {
    if let Ok(proof) = ForkProof::decode(bytes) {
        assert_eq!(proof.encode(), bytes, "written otherwise");
    }
}

/// As bytes, and once more with check bytes that fit.
pub(crate) fn ticket(bytes: &[u8]) {
    let good = [bytes, &check_bytes(bytes)].concat();
    for bytes in [bytes, &good] {
        let Ok(ticket) = FeedTicket::from_bytes(bytes) else {
            continue;
        };
        assert_eq!(ticket.to_bytes(), bytes, "written otherwise");
        assert_eq!(
            ticket.to_string().parse(),
            Ok(ticket),
            "the text is another"
        );
    }
}

/// Text forms: of ids, names, references and tickets.
pub(crate) fn text(bytes: &[u8]) {
    fn one<T: std::str::FromStr + std::fmt::Display>(text: &str) {
        if let Ok(value) = text.parse::<T>() {
            assert_eq!(value.to_string(), text, "written otherwise");
        }
    }
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    one::<FeedId>(text);
    one::<DeviceId>(text);
    one::<EntryId>(text);
    one::<StatementId>(text);
    one::<BlobHash>(text);
    one::<Lane>(text);
    one::<Kind>(text);
    one::<EntryRef>(text);
    // People paste tickets with space around them.
    one::<FeedTicket>(text.trim());
    let folded = Body::fold_tag(text);
    assert_eq!(Body::fold_tag(&folded), folded, "folded twice");
}

pub(crate) fn archive(bytes: &[u8]) {
    let report = verify_archive(bytes);
    let good = usize::try_from(report.bytes()).unwrap_or(usize::MAX);
    assert!(good <= bytes.len(), "more is good than there is");
    let mut reader = ArchiveReader::new(bytes);
    let mut again = ArchiveWriter::new(Vec::new()).unwrap_or_else(|error| panic!("{error}"));
    loop {
        let mut bytes_of_blob = Vec::new();
        let item = match reader.advance() {
            Some(Ok(NextInArchive::Item(item))) => Ok(*item),
            Some(Ok(NextInArchive::Blob { .. })) => {
                reader.blob(|blob| drop(blob.read_to_end(&mut bytes_of_blob)))
            }
            _ => break,
        };
        let written = match item {
            Ok(ArchiveItem::Statement(statement)) => again.statement(&statement),
            Ok(ArchiveItem::Fork(proof)) => again.fork(&proof),
            Ok(ArchiveItem::Run(run)) => again.run(&run),
            Ok(ArchiveItem::Blob { hash, len }) => {
                again.blob(&hash, len, &mut bytes_of_blob.as_slice())
            }
            Err(_) => break,
        };
        assert!(written.is_ok(), "{written:?}");
    }
    if report.damage().is_none() {
        let again = again.finish().unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(again, bytes, "written otherwise");
    } else if let Some(before) = bytes.get(..good).filter(|_| good >= HEAD) {
        // What precedes a damage is usable, and no less of it when the rest is cut off.
        let cut = verify_archive(before);
        assert_eq!(cut.bytes(), report.bytes(), "less is good of what is good");
        assert_eq!(cut.feeds().len(), report.feeds().len());
    }
}
