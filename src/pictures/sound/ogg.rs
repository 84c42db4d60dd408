//! Ogg: pages of several streams. Comments are emptied or written anew, and the pages of the heads laid out again, so
//! that all pages behind move forward and get other numbers and checksums. What is in them stays bit by bit.
//!
//! Streams that are neither seen nor heard go, and what stands between pages.

use std::collections::HashMap;

use super::tags::Tags;
use super::{How, comments};
use crate::pictures::error::Fault;
use crate::pictures::patch::{Patch, Scratch};

/// Bytes of the heads of a stream: comments with a large picture, and room for the tables of a codec.
const HEAD_BYTES: usize = 24 << 20;

/// The same of all streams whose heads are not complete.
const OPEN_BYTES: usize = 2 * HEAD_BYTES;

/// Heads of a stream; only FLAC has more than three.
const HEADS: usize = 1_024;

/// Streams of one file, one behind the other or at the same time.
const STREAMS: usize = 4_096;

/// Where the parts of a page stand.
const FLAGS: usize = 5;
const NUMBER: usize = 18;
const CHECKSUM: usize = 22;
const TABLE: usize = 27;

/// A page that goes on with a packet of the one before.
const CONTINUED: u8 = 1;
/// The first page of a stream.
const FIRST: u8 = 2;

/// What is in a stream, and so how its heads look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Codec {
    Vorbis,
    Opus,
    Speex,
    Flac,
    Theora,
}

/// A stream of pages.
#[derive(Debug)]
struct Stream {
    /// None for one that goes.
    codec: Option<Codec>,
    /// Complete heads behind the first, and the beginning of the next.
    heads: Vec<Vec<u8>>,
    begun: Vec<u8>,
    done: bool,
    /// The number of the page that was written last.
    number: u32,
    /// By how much the numbers of pages became less.
    less: u32,
}

/// A page as it was read.
#[derive(Debug)]
struct Page {
    bytes: Vec<u8>,
    segments: usize,
}

impl Page {
    fn at<const N: usize>(&self, at: usize) -> [u8; N] {
        let bytes = self.bytes.get(at..).and_then(|rest| rest.first_chunk());
        bytes.copied().unwrap_or([0; N])
    }

    fn flags(&self) -> u8 {
        let [flags] = self.at(FLAGS);
        flags
    }

    fn table(&self) -> &[u8] {
        let table = self.bytes.get(TABLE..TABLE + self.segments);
        table.unwrap_or_default()
    }

    fn body(&self) -> &[u8] {
        self.bytes.get(TABLE + self.segments..).unwrap_or_default()
    }

    /// A page of a stream, without number and checksum.
    fn new(like: &Self, flags: u8, granule: [u8; 8], table: &[u8], body: &[u8]) -> Self {
        let mut bytes = b"OggS\0".to_vec();
        bytes.push(flags);
        bytes.extend(granule);
        bytes.extend(like.at::<4>(14));
        bytes.extend([0; 8]);
        bytes.push(u8::try_from(table.len()).unwrap_or(u8::MAX));
        bytes.extend(table);
        bytes.extend(body);
        Self {
            bytes,
            segments: table.len(),
        }
    }

    fn seal(&mut self, number: u32) {
        let mut set = |at: usize, value: u32| {
            if let Some(place) = self.bytes.get_mut(at..at + 4) {
                place.copy_from_slice(&value.to_le_bytes());
            }
        };
        set(NUMBER, number);
        set(CHECKSUM, 0);
        let sum = checksum(&self.bytes);
        if let Some(place) = self.bytes.get_mut(CHECKSUM..CHECKSUM + 4) {
            place.copy_from_slice(&sum.to_le_bytes());
        }
    }
}

/// Looks through a whole file and does what is asked; what is told of it, and where it ends now.
pub(super) fn look<F: Scratch>(patch: &mut Patch<'_, F>, how: How) -> Result<(Tags, u64), Fault> {
    let mut ogg = Ogg {
        how,
        streams: HashMap::new(),
        at: 0,
        out: 0,
        open: 0,
        tags: Tags::default(),
    };
    while let Some(page) = ogg.next(patch)? {
        ogg.page(patch, page)?;
        // For reading only, the heads are enough.
        if !patch.writes() && ogg.streams.values().all(|it| it.done || it.codec.is_none()) {
            break;
        }
    }
    let mut kept = ogg
        .streams
        .values()
        .filter(|it| it.codec.is_some())
        .peekable();
    if kept.peek().is_none() {
        return Err(Fault::Sealed("no stream of a type that is known"));
    }
    if kept.any(|stream| !stream.done) {
        return Err(Fault::Cut);
    }
    Ok((ogg.tags, ogg.out))
}

#[derive(Debug)]
struct Ogg {
    how: How,
    streams: HashMap<[u8; 4], Stream>,
    /// How far it was read.
    at: u64,
    /// How far it was written: never farther than it was read.
    out: u64,
    /// Bytes of heads in memory.
    open: usize,
    tags: Tags,
}

impl Ogg {
    /// Reads the next page. One that ends with the file cannot be played, and goes.
    fn next<F: Scratch>(&mut self, patch: &mut Patch<'_, F>) -> Result<Option<Page>, Fault> {
        while self.find(patch)? {
            let [head @ .., segments] = patch.read::<TABLE>(self.at)?;
            let from = self.at + 27;
            let to = from + u64::from(segments);
            if to > patch.len() {
                return Ok(None);
            }
            let table = patch.load(from, to, 255)?;
            let end = to + table.iter().copied().map(u64::from).sum::<u64>();
            if end > patch.len() {
                return Ok(None);
            }
            let is_one = matches!(head.get(4), Some(0));
            let at = self.at;
            self.at = if is_one { end } else { at + 4 };
            if is_one {
                return Ok(Some(Page {
                    bytes: patch.load(at, end, 1 << 17)?,
                    segments: table.len(),
                }));
            }
        }
        Ok(None)
    }

    /// Goes to where a page may begin.
    fn find<F: Scratch>(&mut self, patch: &mut Patch<'_, F>) -> Result<bool, Fault> {
        while self.at + 27 <= patch.len() {
            if &patch.read::<4>(self.at)? == b"OggS" {
                return Ok(true);
            }
            let to = (self.at + (1 << 16)).min(patch.len());
            let bytes = patch.load(self.at, to, 1 << 16)?;
            let found = bytes.windows(4).position(|at| at == b"OggS");
            let passed = found.unwrap_or_else(|| bytes.len().saturating_sub(3).max(1));
            self.at += u64::try_from(passed).unwrap_or(u64::MAX);
        }
        Ok(false)
    }

    fn page<F: Scratch>(&mut self, patch: &mut Patch<'_, F>, mut page: Page) -> Result<(), Fault> {
        let name = page.at::<4>(14);
        if page.flags() & FIRST != 0 {
            let stream = Stream::begin(&mut page)?;
            let number = stream.number;
            let goes = stream.codec.is_none();
            self.streams.insert(name, stream);
            if self.streams.len() > STREAMS {
                return Err(Fault::Odd("more streams than any file has"));
            }
            return match goes {
                true => Ok(()),
                false => self.write(patch, page, number),
            };
        }
        let Some(mut stream) = self.streams.remove(&name) else {
            return Ok(());
        };
        let before = stream.held();
        let pages = stream.take(page, self.how, &mut self.tags)?;
        self.open = self.open.saturating_sub(before) + stream.held();
        if self.open > OPEN_BYTES {
            return Err(Fault::Sealed("its comments are too long"));
        }
        self.streams.insert(name, stream);
        for (page, number) in pages {
            self.write(patch, page, number)?;
        }
        Ok(())
    }

    fn write<F: Scratch>(
        &mut self,
        patch: &mut Patch<'_, F>,
        mut page: Page,
        number: u32,
    ) -> Result<(), Fault> {
        page.seal(number);
        let end = self.out + u64::try_from(page.bytes.len()).unwrap_or(u64::MAX);
        if end > self.at {
            return Err(Fault::Sealed("its first pages leave no room"));
        }
        patch.write(self.out, &page.bytes)?;
        self.out = end;
        Ok(())
    }
}

impl Stream {
    /// The stream that begins with a page.
    fn begin(page: &mut Page) -> Result<Self, Fault> {
        let number = u32::from_le_bytes(page.at(NUMBER));
        let codec = Codec::of(page.body());
        match codec {
            Some(Codec::Flac) => {
                // One block behind the first, which is not the last.
                let from = TABLE + page.segments;
                if let Some([high, low]) = page.bytes.get_mut(from + 7..from + 9) {
                    (*high, *low) = (0, 1);
                }
                if let Some(last) = page.bytes.get_mut(from + 13) {
                    *last &= 0x7F;
                }
            }
            Some(Codec::Speex) => {
                let more = page.body().get(68..72);
                if more.is_some_and(|more| more != [0; 4]) {
                    return Err(Fault::Sealed("further heads of Speex"));
                }
            }
            None if SEEN.iter().any(|start| page.body().starts_with(start)) => {
                return Err(Fault::Sealed(
                    "its pictures are in a form that is not known",
                ));
            }
            _ => {}
        }
        Ok(Self {
            codec,
            heads: Vec::new(),
            begun: Vec::new(),
            done: false,
            number,
            less: 0,
        })
    }

    /// Bytes of heads in memory.
    fn held(&self) -> usize {
        self.begun.len() + self.heads.iter().map(Vec::len).sum::<usize>()
    }

    /// Takes a page, and gives those that are to be written for it.
    fn take(
        &mut self,
        mut page: Page,
        how: How,
        told: &mut Tags,
    ) -> Result<Vec<(Page, u32)>, Fault> {
        let Some(codec) = self.codec else {
            return Ok(Vec::new());
        };
        let number = u32::from_le_bytes(page.at(NUMBER));
        if self.done {
            self.number = number.wrapping_sub(self.less);
            return Ok(vec![(page, self.number)]);
        }
        let (mut used, mut bytes) = (0, 0);
        for lace in page.table() {
            let len = usize::from(*lace);
            let part = page.body().get(bytes..bytes + len).unwrap_or_default();
            self.begun.extend(part);
            (used, bytes) = (used + 1, bytes + len);
            if self.begun.len() > HEAD_BYTES || self.heads.len() > HEADS {
                return Err(Fault::Sealed("its comments are too long"));
            }
            if len < 255 {
                self.heads.push(std::mem::take(&mut self.begun));
                if codec.is_last(&self.heads) {
                    self.done = true;
                    break;
                }
            }
        }
        if !self.done {
            return Ok(Vec::new());
        }
        let heads = codec.renewed(std::mem::take(&mut self.heads), how, told)?;
        let mut pages = laid_out(&page, &heads);
        if used < page.segments {
            let (flags, granule) = (page.flags() & !CONTINUED, page.at(6));
            let table = page.table().get(used..).unwrap_or_default();
            let body = page.body().get(bytes..).unwrap_or_default();
            page = Page::new(&page, flags, granule, table, body);
            pages.push(page);
        }
        let mut numbered = Vec::new();
        for page in pages {
            self.number = self.number.wrapping_add(1);
            numbered.push((page, self.number));
        }
        self.less = number.wrapping_sub(self.number);
        Ok(numbered)
    }
}

/// Packets on as few pages as they need.
fn laid_out(like: &Page, packets: &[Vec<u8>]) -> Vec<Page> {
    let mut segments: Vec<&[u8]> = Vec::new();
    for packet in packets {
        segments.extend(packet.chunks(255));
        if packet.len() % 255 == 0 {
            segments.push(&[]);
        }
    }
    let (mut pages, mut flags) = (Vec::new(), 0);
    for segments in segments.chunks(255) {
        let is_end = |it: &&[u8]| it.len() < 255;
        let granule = match segments.iter().any(is_end) {
            true => [0; 8],
            false => [0xFF; 8],
        };
        let lens = segments
            .iter()
            .map(|it| u8::try_from(it.len()).unwrap_or(u8::MAX));
        let table: Vec<u8> = lens.collect();
        pages.push(Page::new(like, flags, granule, &table, &segments.concat()));
        flags = match segments.last().is_some_and(is_end) {
            true => 0,
            false => CONTINUED,
        };
    }
    pages
}

/// What streams of pictures begin with that are not looked into: VP8, Dirac, Daala and films of OGM. Other streams that
/// are not known are texts and indexes, which go.
const SEEN: &[&[u8]] = &[b"OVP80", b"BBCD\0", b"\x80daala", b"\x01video"];

impl Codec {
    /// What a stream is that begins with these bytes.
    fn of(first: &[u8]) -> Option<Self> {
        const STARTS: &[(&[u8], Codec)] = &[
            (b"\x01vorbis", Codec::Vorbis),
            (b"OpusHead", Codec::Opus),
            (b"Speex   ", Codec::Speex),
            (b"\x7FFLAC", Codec::Flac),
            (b"\x80theora", Codec::Theora),
        ];
        let known = STARTS.iter().find(|(start, _)| first.starts_with(start));
        known.map(|(_, codec)| *codec)
    }

    /// Whether these are all heads behind the first one.
    fn is_last(self, heads: &[Vec<u8>]) -> bool {
        match self {
            Self::Vorbis | Self::Theora => heads.len() == 2,
            Self::Opus | Self::Speex => heads.len() == 1,
            Self::Flac => {
                let last = heads.last().and_then(|head| head.first());
                last.is_none_or(|first| first & 0x80 != 0)
            }
        }
    }

    /// The heads behind the first one, with what is kept of the comments.
    fn renewed(
        self,
        mut heads: Vec<Vec<u8>>,
        how: How,
        told: &mut Tags,
    ) -> Result<Vec<Vec<u8>>, Fault> {
        let (start, end): (&[u8], &[u8]) = match self {
            Self::Vorbis => (b"\x03vorbis", &[1]),
            Self::Theora => (b"\x81theora", &[]),
            Self::Opus => (b"OpusTags", &[]),
            Self::Speex => (b"", &[]),
            Self::Flac => (b"\x84", &[]),
        };
        let first = heads.first_mut().ok_or(Fault::Cut)?;
        let (start, content) = match self {
            // Four bytes before each block, of which three are its length.
            Self::Flac if first.first().is_some_and(|it| it & 0x7F == 4) => (start, first.get(4..)),
            Self::Flac => return Err(Fault::Odd("comments that are not where they have to be")),
            _ => (start, first.strip_prefix(start)),
        };
        let content = content.ok_or(Fault::Odd("comments that are none"))?;
        let mut tags = comments::read(content);
        if self == Self::Flac {
            let blocks = heads.iter().skip(1);
            for picture in blocks.filter(|it| it.first().is_some_and(|it| it & 0x7F == 6)) {
                comments::picture(picture.get(4..).unwrap_or_default(), &mut tags);
            }
        }
        let kept = how.kept(&tags);
        let room: usize = heads.iter().map(Vec::len).sum();
        let build = |tags: Option<&Tags>, with_cover: bool| {
            let list = comments::write(tags, with_cover);
            let mut packet = start.to_vec();
            if self == Self::Flac {
                let [.., a, b, c] = u32::try_from(list.len()).unwrap_or(u32::MAX).to_be_bytes();
                packet.extend([a, b, c]);
            }
            packet.extend(list);
            packet.extend(end);
            packet
        };
        let rest: usize = match self {
            Self::Flac => 0,
            _ => heads.iter().skip(1).map(Vec::len).sum(),
        };
        let mut comments = build(kept, true);
        if comments.len() + rest > room {
            comments = build(kept, false);
        }
        if comments.len() + rest > room {
            comments = build(None, false);
        }
        told.join(how.told(&tags));
        let further = if self == Self::Flac { 0 } else { heads.len() };
        let further = heads.into_iter().take(further).skip(1);
        Ok(std::iter::once(comments).chain(further).collect())
    }
}

/// The checksum of Ogg: 32 bits of CRC, the highest first, from zero.
fn checksum(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0, |sum, byte| {
        let [high, ..] = sum.to_be_bytes();
        let step = TABLE_OF_SUMS.get(usize::from(high ^ byte)).copied();
        (sum << 8) ^ step.unwrap_or_default()
    })
}

const TABLE_OF_SUMS: [u32; 256] = sums();

#[expect(
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "computed by the compiler, which sees what is wrong"
)]
const fn sums() -> [u32; 256] {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let (mut sum, mut bit) = ((byte as u32) << 24, 0);
        while bit < 8 {
            let carry = sum & 0x8000_0000 != 0;
            sum <<= 1;
            if carry {
                sum ^= 0x04C1_1DB7;
            }
            bit += 1;
        }
        table[byte] = sum;
        byte += 1;
    }
    table
}
