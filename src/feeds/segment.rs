//! Stored runs, cut into pieces that fill the pages of a file.
//!
//! redb gives a row that is larger than a page a power of two of pages: a block of 64 posts of 300 bytes would take 32 KiB
//! for its 24. So a run is stored in pieces of just under one, two or four pages, cut between entries. One piece is enough
//! to read one entry; the bytes of all of them, one after the other, are the run as it goes over the wire.
//!
//! ```text
//! flags u8 (1 begins its run, 2 ends it), entries u8, ids [32] each,
//! unless it begins its run: time of the entry before [8], kinds of the run (count, strings),
//! bytes of the run
//! ```

use bytes::Bytes;

use super::error::FeedsError;
use super::keys::LogNo;
use super::rows::StoredEntry;
use crate::format::{
    EntryId, EntryRef, FormatError, Kind, LogId, RawBody, Reader, Run, Seq, View, Writer, limits,
};

pub(super) const WHAT: &str = "a stored run";
const BEGINS: u8 = 1;
const ENDS: u8 = 2;

/// Bytes of a value that alone in a leaf of one, two or four pages of 4 KiB just fits, with its key and redb's own 12.
const ROOMS: [(usize, usize); 3] = [(1, 4_096 - 32), (2, 8_192 - 32), (4, 16_384 - 32)];

const DAMAGED: FeedsError = FeedsError::Damaged { what: WHAT };

/// One piece of a run, borrowed from its row.
pub(super) struct StoredPiece<'a> {
    pub(super) first: Seq,
    pub(super) count: u8,
    pub(super) begins: bool,
    pub(super) ends: bool,
    ids: &'a [u8],
    rest: &'a [u8],
}

impl<'a> StoredPiece<'a> {
    pub(super) fn read(first: Seq, value: &'a [u8]) -> Result<Self, FeedsError> {
        let [flags, count, rest @ ..] = value else {
            return Err(DAMAGED);
        };
        let ids = 32 * usize::from(*count);
        let (ids, rest) = rest.split_at_checked(ids).ok_or(DAMAGED)?;
        Ok(Self {
            first,
            count: *count,
            begins: flags & BEGINS != 0,
            ends: flags & ENDS != 0,
            ids,
            rest,
        })
    }

    pub(super) fn end(&self) -> Seq {
        self.first.plus(self.count.into())
    }

    pub(super) fn id(&self, seq: Seq) -> Option<EntryId> {
        let index = usize::try_from(seq.0.checked_sub(self.first.0)?).ok()?;
        let id = self
            .ids
            .get(index.checked_mul(32)?..)?
            .first_chunk::<32>()?;
        Some(EntryId::from_bytes(*id))
    }

    /// What precedes the bytes of the run, if this is not where it begins: the time before, the kinds.
    fn head(&self) -> Result<(i64, Vec<&'a str>, &'a [u8]), FormatError> {
        let mut reader = Reader::new(WHAT, self.rest);
        let time = i64::from_be_bytes(reader.array()?);
        let kinds = (0..reader.varint()?.min(limits::BLOCK))
            .map(|_| reader.str(limits::KIND_BYTES))
            .collect::<Result<Vec<_>, _>>()?;
        Ok((time, kinds, reader.rest()))
    }

    fn run_bytes(&self) -> Result<&'a [u8], FeedsError> {
        if self.begins {
            return Ok(self.rest);
        }
        Ok(self.head().map_err(|_| DAMAGED)?.2)
    }

    /// One entry, if it lies in this piece.
    pub(super) fn entry(
        &self,
        no: LogNo,
        log: &LogId,
        seq: Seq,
    ) -> Result<Option<StoredEntry>, FeedsError> {
        if seq < self.first || seq >= self.end() {
            return Ok(None);
        }
        let id = self.id(seq).ok_or(DAMAGED)?;
        self.entry_named(no, EntryRef { log: *log, seq, id })
            .map(Some)
            .map_err(|_| DAMAGED)
    }

    fn entry_named(&self, no: LogNo, reference: EntryRef) -> Result<StoredEntry, FormatError> {
        let mut view = if self.begins {
            View::open(self.rest)?
        } else {
            let (time, kinds, bytes) = self.head()?;
            View::resume(self.first, self.count.into(), kinds, time, bytes)
        };
        for _ in self.first.0..reference.seq.0 {
            view.item(&reference.log.lane)?;
        }
        let item = view.item(&reference.log.lane)?;
        let kind = view.kinds.get(item.kind).copied().unwrap_or_default();
        let body = match item.body {
            RawBody::Held(body) => Some(Bytes::copy_from_slice(body)),
            RawBody::Absent(_) => None,
        };
        Ok(StoredEntry {
            log_no: no,
            reference,
            time: item.time,
            expires: item.expires,
            kind: Kind::new(kind)?,
            body,
        })
    }
}

/// Puts the pieces of runs together again, as they come in the order of their keys.
pub(super) struct Joiner<'l> {
    log: &'l LogId,
    next: Option<Seq>,
    ids: Vec<EntryId>,
    packed: Vec<u8>,
}

impl<'l> Joiner<'l> {
    pub(super) const fn new(log: &'l LogId) -> Self {
        Self {
            log,
            next: None,
            ids: Vec::new(),
            packed: Vec::new(),
        }
    }

    /// Whether pieces of a run are still to come.
    pub(super) const fn is_inside(&self) -> bool {
        self.next.is_some()
    }

    /// Takes the next piece; gives the run that it ends.
    pub(super) fn push(&mut self, piece: &StoredPiece<'_>) -> Result<Option<Run>, FeedsError> {
        if self.next != (!piece.begins).then_some(piece.first) {
            return Err(DAMAGED);
        }
        let id = |id: &[u8]| EntryId::from_bytes(id.try_into().unwrap_or([0; 32]));
        self.ids.extend(piece.ids.chunks_exact(32).map(id));
        self.packed.extend_from_slice(piece.run_bytes()?);
        if !piece.ends {
            self.next = Some(piece.end());
            return Ok(None);
        }
        self.next = None;
        let (ids, packed) = (
            std::mem::take(&mut self.ids),
            std::mem::take(&mut self.packed),
        );
        let run = Run::trusted(self.log, ids, packed.into()).map_err(|_| DAMAGED)?;
        Ok(Some(run))
    }
}

/// Where an entry of a packed run begins, and the time of the one before it.
struct CutPoint {
    at: usize,
    time: i64,
}

/// Cuts a run into the pieces that are stored.
pub(super) fn pieces(run: &Run) -> Result<Vec<(Seq, Bytes)>, FeedsError> {
    let packed = run.packed();
    let mut view = View::open(packed)?;
    let kinds = kinds_bytes(&view.kinds);
    let mut cuts = Vec::with_capacity(run.ids().len() + 1);
    for _ in run.ids() {
        let (at, time) = (packed.len() - view.bytes_left(), view.time());
        cuts.push(CutPoint { at, time });
        view.item(&run.log().lane)?;
    }
    if let Some(first) = cuts.first_mut() {
        first.at = 0;
    }
    // The closing belongs to the last piece.
    cuts.push(CutPoint {
        at: packed.len(),
        time: 0,
    });
    let mut pieces = Vec::new();
    let mut from = 0;
    while from < run.ids().len() {
        let to = end_of_piece(&cuts, from, kinds.len());
        pieces.push((
            run.first().plus(from as u64),
            write(run, &cuts, from..to, &kinds)?,
        ));
        from = to;
    }
    Ok(pieces)
}

/// Chooses where the piece that begins at entry `from` ends: where its pages are filled best.
fn end_of_piece(cuts: &[CutPoint], from: usize, kinds: usize) -> usize {
    let at = |index: usize| cuts.get(index).map_or(0, |cut| cut.at);
    let overhead = 2 + 8 + kinds;
    let size = |to: usize| 32 * (to - from) + at(to) - at(from);
    let last = cuts.len() - 1;
    let (mut best, mut best_fill) = (from + 1, 0);
    for (pages, room) in ROOMS {
        let fits = |to: &usize| overhead + size(*to) <= room;
        let Some(to) = (from + 1..=last).take_while(fits).last() else {
            continue;
        };
        if to == last && pages == 1 {
            // It shares its page with the rows after it.
            return last;
        }
        let fill = size(to) / pages;
        if fill > best_fill {
            (best, best_fill) = (to, fill);
        }
    }
    best
}

fn kinds_bytes(kinds: &[&str]) -> Vec<u8> {
    let mut writer = Writer::with_capacity(16 * kinds.len() + 1);
    writer.varint(kinds.len() as u64);
    for kind in kinds {
        writer.bytes(kind.as_bytes());
    }
    writer.0
}

fn write(
    run: &Run,
    cuts: &[CutPoint],
    part: std::ops::Range<usize>,
    kinds: &[u8],
) -> Result<Bytes, FeedsError> {
    let cut = |index: usize| cuts.get(index).ok_or(DAMAGED);
    let (from, to) = (cut(part.start)?, cut(part.end)?);
    let ids = run.ids().get(part.clone()).unwrap_or_default();
    let begins = part.start == 0;
    let ends = part.end == run.ids().len();
    let mut bytes = Vec::with_capacity(10 + kinds.len() + 32 * ids.len() + to.at - from.at);
    bytes.push((u8::from(begins) * BEGINS) | (u8::from(ends) * ENDS));
    // A run has at most 64 entries.
    bytes.push(u8::try_from(ids.len()).unwrap_or(u8::MAX));
    for id in ids {
        bytes.extend_from_slice(id.as_bytes());
    }
    if !begins {
        bytes.extend_from_slice(&from.time.to_be_bytes());
        bytes.extend_from_slice(kinds);
    }
    bytes.extend_from_slice(run.packed().get(from.at..to.at).unwrap_or_default());
    Ok(bytes.into())
}
