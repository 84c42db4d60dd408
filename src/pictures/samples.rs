//! The samples of tracks: where they lie, read from the tables piece by piece, and what lies between those that are kept.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::boxes::{Head, each};
use super::error::Fault;
use super::patch::{Patch, Scratch};
use super::track::Track;
use super::units;

/// Pieces of data that are told apart, with others between them: those of a dash camera of a day, which notes a place a
/// second, are 90,000. They take 16 MiB of memory.
const PIECES: usize = 1 << 20;

/// Parts of a file that are kept.
#[derive(Debug, Default)]
pub(super) struct Ranges {
    list: Vec<(u64, u64)>,
}

impl Ranges {
    /// Adds what lies between two places.
    pub(super) fn add(&mut self, from: u64, to: u64) -> Result<(), Fault> {
        if from >= to {
            return Ok(());
        }
        match self.list.last_mut() {
            Some(last) if last.0 <= from && from <= last.1 => last.1 = last.1.max(to),
            _ => self.list.push((from, to)),
        }
        if self.list.len() < PIECES {
            return Ok(());
        }
        self.join();
        match self.list.len() < PIECES / 2 {
            true => Ok(()),
            false => Err(Fault::Sealed(
                "its samples lie in more pieces than can be followed",
            )),
        }
    }

    /// Brings them in order, and joins those that touch.
    fn join(&mut self) {
        self.list.sort_unstable();
        self.list.dedup_by(|next, last| {
            let touches = next.0 <= last.1;
            if touches {
                last.1 = last.1.max(next.1);
            }
            touches
        });
    }
}

/// Zeroes all data that is not to be kept.
pub(super) fn sweep<F: Scratch>(patch: &mut Patch<'_, F>, mut kept: Ranges) -> Result<(), Fault> {
    kept.join();
    let mut kept = kept.list.into_iter().peekable();
    let len = patch.len();
    each(patch, 0, len, |patch, head| {
        if &head.name != b"mdat" {
            return Ok(());
        }
        let mut at = head.body;
        while let Some((from, to)) = kept.next_if(|(from, _)| *from < head.end) {
            if from < head.body {
                return Err(OUTSIDE);
            }
            patch.zero(at, from)?;
            at = to.min(head.end);
        }
        patch.zero(at, head.end)
    })?;
    match kept.next() {
        None => Ok(()),
        Some(_) => Err(OUTSIDE),
    }
}

const OUTSIDE: Fault = Fault::Odd("samples that do not lie in its data");

/// Adds the samples of these tracks that the tables tell of. All tables are read at once in the order of the file, so
/// that what lies side by side becomes one part.
pub(super) fn of_tables<F: Scratch>(
    patch: &mut Patch<'_, F>,
    tracks: &[Track],
    kept: &mut Ranges,
) -> Result<(), Fault> {
    let mut all = Vec::new();
    for track in tracks {
        all.extend(Chunks::of(patch, track)?);
    }
    let mut next = BinaryHeap::new();
    for (index, chunks) in all.iter_mut().enumerate() {
        next.extend(chunks.next(patch)?.map(|chunk| Reverse((chunk, index))));
    }
    while let Some(Reverse(((from, to), index))) = next.pop() {
        kept.add(from, to)?;
        if let Some(chunks) = all.get_mut(index) {
            units::clean(patch, (from, to), &chunks.track.forms)?;
            next.extend(chunks.next(patch)?.map(|chunk| Reverse((chunk, index))));
        }
    }
    Ok(())
}

/// Zeroes all samples of these tracks that the tables tell of.
pub(super) fn zero_tables<F: Scratch>(
    patch: &mut Patch<'_, F>,
    tracks: &[Track],
) -> Result<(), Fault> {
    for track in tracks {
        let Some(mut chunks) = Chunks::of(patch, track)? else {
            continue;
        };
        while let Some((from, to)) = chunks.next(patch)? {
            patch.zero(from, to)?;
        }
    }
    Ok(())
}

/// The chunks of a track, one after the other.
#[derive(Debug)]
struct Chunks<'a> {
    track: &'a Track,
    places: Column,
    wide: bool,
    chunk: u32,
    runs: Runs,
    sizes: Sizes,
}

impl<'a> Chunks<'a> {
    /// None if the tables are not all there.
    fn of<F: Scratch>(patch: &mut Patch<'_, F>, track: &'a Track) -> Result<Option<Self>, Fault> {
        let Some(table) = track.table else {
            return Ok(None);
        };
        let (mut sizes, mut runs, mut places) = (None, None, None);
        each(patch, table.body, table.end, |_, head| {
            let place = match &head.name {
                b"stsz" | b"stz2" => &mut sizes,
                b"stsc" => &mut runs,
                b"stco" | b"co64" => &mut places,
                _ => return Ok(()),
            };
            match place.replace(*head) {
                None => Ok(()),
                Some(_) => Err(Fault::Odd("a table that stands there twice")),
            }
        })?;
        let (Some(sizes), Some(runs), Some(places)) = (sizes, runs, places) else {
            return Ok(None);
        };
        let wide = &places.name == b"co64";
        Ok(Some(Self {
            track,
            wide,
            places: Column::of(patch, &places, 4, if wide { 64 } else { 32 })?,
            chunk: 0,
            runs: Runs::of(patch, &runs)?,
            sizes: Sizes::of(patch, &sizes)?,
        }))
    }

    /// Where the next chunk with anything in it begins and ends.
    fn next<F: Scratch>(&mut self, patch: &mut Patch<'_, F>) -> Result<Option<(u64, u64)>, Fault> {
        loop {
            let at = match self.wide {
                true => self.places.next(patch)?.map(u64::from_be_bytes),
                false => self
                    .places
                    .next(patch)?
                    .map(|at| u32::from_be_bytes(at).into()),
            };
            let Some(at) = at else {
                return Ok(None);
            };
            self.chunk = self.chunk.saturating_add(1);
            let samples = self.runs.samples_in(patch, self.chunk)?;
            let told = self.sizes.next(patch, samples)?;
            let end = match self.packed(samples) {
                // Old films say one byte for each sound, however many it has.
                Some(packed) if self.sizes.is_one() => at.saturating_add(packed).min(patch.len()),
                packed => {
                    let end = at.checked_add(told).filter(|end| *end <= patch.len());
                    let packed = at.saturating_add(packed.unwrap_or_default());
                    end.ok_or(Fault::Cut)?.max(packed.min(patch.len()))
                }
            };
            if at < end {
                return Ok(Some((at, end)));
            }
        }
    }

    /// Bytes of so many samples, where they are packed and all alike.
    fn packed(&self, samples: u32) -> Option<u64> {
        if !matches!(self.sizes, Sizes::AllAlike(_)) {
            return None;
        }
        let packets = self.track.packets.iter();
        packets.map(|packets| packets.bytes_of(samples)).max()
    }
}

/// Numbers in the rows of a table, read piece by piece.
#[derive(Debug)]
struct Column {
    at: u64,
    end: u64,
    piece: Vec<u8>,
    taken: usize,
}

impl Column {
    /// Bytes of a piece: a multiple of all rows.
    const PIECE: u64 = 3_072;

    /// The rows of a table, which are counted behind so many bytes and have so many bits each.
    fn of<F: Scratch>(
        patch: &mut Patch<'_, F>,
        head: &Head,
        before: u64,
        bits: u64,
    ) -> Result<Self, Fault> {
        let rows = u64::from(head.number(patch, before)?);
        let at = head.body + before + 4;
        let end = at + (rows * bits).div_ceil(8);
        if end > head.end {
            return Err(Fault::Odd("a table longer than its box"));
        }
        Ok(Self {
            at,
            end,
            piece: Vec::new(),
            taken: 0,
        })
    }

    /// The next row.
    fn next<F: Scratch, const N: usize>(
        &mut self,
        patch: &mut Patch<'_, F>,
    ) -> Result<Option<[u8; N]>, Fault> {
        if self.taken >= self.piece.len() {
            let to = self.end.min(self.at + Self::PIECE);
            self.piece = patch.load(self.at, to, WHOLE_PIECE)?;
            (self.at, self.taken) = (to, 0);
        }
        let rest = self.piece.get(self.taken..).unwrap_or_default();
        self.taken += N;
        Ok(rest.first_chunk().copied())
    }
}

const WHOLE_PIECE: usize = 4_096;

/// Sizes of samples in their order.
#[derive(Debug)]
enum Sizes {
    AllAlike(u32),
    Bytes4(Column),
    Bytes2(Column),
    Bytes1(Column),
    /// Two in a byte; the second of the last byte is kept for the next time.
    Half(Column, Option<u8>),
}

impl Sizes {
    fn of<F: Scratch>(patch: &mut Patch<'_, F>, head: &Head) -> Result<Self, Fault> {
        let size = head.number(patch, 4)?;
        if &head.name == b"stsz" {
            return Ok(match size {
                0 => Self::Bytes4(Column::of(patch, head, 8, 32)?),
                size => Self::AllAlike(size),
            });
        }
        let column = Column::of(patch, head, 8, u64::from(size & 0xFF))?;
        match size & 0xFF {
            4 => Ok(Self::Half(column, None)),
            8 => Ok(Self::Bytes1(column)),
            16 => Ok(Self::Bytes2(column)),
            _ => Err(Fault::Odd(
                "a table with rows of a length that is not allowed",
            )),
        }
    }

    fn is_one(&self) -> bool {
        matches!(self, Self::AllAlike(1))
    }

    /// Bytes of the next so many samples, or of as many as there are.
    fn next<F: Scratch>(&mut self, patch: &mut Patch<'_, F>, samples: u32) -> Result<u64, Fault> {
        if let Self::AllAlike(size) = self {
            return Ok(u64::from(*size) * u64::from(samples));
        }
        let mut sum = 0u64;
        for _ in 0..samples {
            let Some(size) = self.one(patch)? else {
                break;
            };
            sum += u64::from(size);
        }
        Ok(sum)
    }

    fn one<F: Scratch>(&mut self, patch: &mut Patch<'_, F>) -> Result<Option<u32>, Fault> {
        Ok(match self {
            Self::AllAlike(size) => Some(*size),
            Self::Bytes4(column) => column.next(patch)?.map(u32::from_be_bytes),
            Self::Bytes2(column) => {
                let size = column.next(patch)?.map(u16::from_be_bytes);
                size.map(u32::from)
            }
            Self::Bytes1(column) => column.next(patch)?.map(|[size]: [u8; 1]| size.into()),
            Self::Half(column, second) => match second.take() {
                Some(size) => Some(size.into()),
                None => column.next(patch)?.map(|[both]: [u8; 1]| {
                    *second = Some(both & 15);
                    (both >> 4).into()
                }),
            },
        })
    }
}

/// How many samples each chunk has: runs of chunks that have equally many.
#[derive(Debug)]
struct Runs {
    samples: u32,
    next: Option<(u32, u32)>,
    rows: Column,
}

impl Runs {
    fn of<F: Scratch>(patch: &mut Patch<'_, F>, head: &Head) -> Result<Self, Fault> {
        let mut runs = Self {
            samples: 0,
            next: None,
            rows: Column::of(patch, head, 4, 96)?,
        };
        runs.read_next(patch)?;
        Ok(runs)
    }

    fn read_next<F: Scratch>(&mut self, patch: &mut Patch<'_, F>) -> Result<(), Fault> {
        let row = self.rows.next::<_, 12>(patch)?;
        self.next = row.map(|[a, b, c, d, e, f, g, h, ..]| {
            let (first, samples) = ([a, b, c, d], [e, f, g, h]);
            (u32::from_be_bytes(first), u32::from_be_bytes(samples))
        });
        Ok(())
    }

    fn samples_in<F: Scratch>(
        &mut self,
        patch: &mut Patch<'_, F>,
        chunk: u32,
    ) -> Result<u32, Fault> {
        while let Some((_, samples)) = self.next.filter(|(first, _)| *first <= chunk) {
            self.samples = samples;
            self.read_next(patch)?;
        }
        Ok(self.samples)
    }
}
