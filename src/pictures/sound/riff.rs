//! WAV, with its forms for more than four gigabytes, AIFF and CAF: chunks, of which those that playing needs are kept,
//! by a list.

use super::id3;
use super::tags::Tags;
use crate::pictures::error::Fault;
use crate::pictures::facts::FactKind;
use crate::pictures::patch::{Patch, Scratch};
use crate::pictures::rewrite::Plan;

/// Bytes of a chunk that describes the sound.
const DESCRIPTION: u64 = 1 << 16;

/// Texts of the `INFO` list of WAV that are read, and written in this order.
const INFO: &[([u8; 4], FactKind)] = &[
    (*b"INAM", FactKind::Title),
    (*b"IART", FactKind::Artist),
    (*b"IPRD", FactKind::Album),
    (*b"ITRK", FactKind::Track),
    (*b"IPRT", FactKind::Track),
    (*b"ICRD", FactKind::Year),
    (*b"IGNR", FactKind::Genre),
    (*b"ICOP", FactKind::Copyright),
    (*b"ICMT", FactKind::Comment),
    (*b"ISFT", FactKind::Software),
    (*b"ITCH", FactKind::Software),
];

/// A chunk, its padding left out.
#[derive(Debug, Clone, Copy)]
struct Chunk {
    name: [u8; 4],
    body: u64,
    to: u64,
}

/// A file in chunks before it is decided what becomes of it.
#[derive(Debug)]
pub(super) struct Chunks {
    form: Form,
    /// The first bytes, which say what it is.
    head: [u8; 12],
    kept: Vec<Chunk>,
    /// Samples in all, as a long WAV file says it.
    samples: Option<[u8; 8]>,
    pub(super) tags: Tags,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    /// Little endian, four bytes of length, padded to two.
    Wav,
    /// The same, the lengths of four bytes in a chunk of their own.
    LongWav,
    /// Big endian, four bytes of length, padded to two.
    Aiff,
    /// Big endian, eight bytes of length.
    Caf,
}

impl Form {
    const fn keeps(self, name: [u8; 4]) -> bool {
        match self {
            Self::Wav | Self::LongWav => matches!(&name, b"fmt " | b"fact" | b"data"),
            Self::Aiff => matches!(&name, b"FVER" | b"COMM" | b"SSND"),
            Self::Caf => matches!(&name, b"desc" | b"chan" | b"kuki" | b"pakt" | b"data"),
        }
    }

    const fn is_sound(name: [u8; 4]) -> bool {
        matches!(&name, b"data" | b"SSND")
    }

    fn chunk_head(self, name: [u8; 4], len: u64) -> Result<Vec<u8>, Fault> {
        let mut head = name.to_vec();
        match self {
            Self::Caf => head.extend(len.to_be_bytes()),
            Self::LongWav if name == *b"data" => head.extend(u32::MAX.to_le_bytes()),
            Self::Wav | Self::LongWav => head.extend(short(len)?.to_le_bytes()),
            Self::Aiff => head.extend(short(len)?.to_be_bytes()),
        }
        Ok(head)
    }
}

fn short(len: u64) -> Result<u32, Fault> {
    u32::try_from(len).map_err(|_| Fault::Odd("a length of more than 32 bits"))
}

impl Chunks {
    /// Looks through a whole file.
    pub(super) fn look<F: Scratch>(patch: &mut Patch<'_, F>) -> Result<Self, Fault> {
        let head = patch.read::<12>(0)?;
        let (form, first) = match &head {
            [b'R', b'I', b'F', b'F', ..] => (Form::Wav, 12),
            [b'R', b'F', b'6', b'4', ..] | [b'B', b'W', b'6', b'4', ..] => (Form::LongWav, 12),
            [b'F', b'O', b'R', b'M', ..] => (Form::Aiff, 12),
            _ => (Form::Caf, 8),
        };
        let mut chunks = Self {
            form,
            head,
            kept: Vec::new(),
            samples: None,
            tags: Tags::default(),
        };
        let (mut at, mut long) = (first, None);
        let header = if form == Form::Caf { 12 } else { 8 };
        while at + header <= patch.len() {
            let chunk = chunks.chunk(patch, at, long)?;
            if form == Form::LongWav && chunk.name == *b"ds64" {
                long = Some(u64::from_le_bytes(patch.read(chunk.body + 8)?));
                chunks.samples = Some(patch.read(chunk.body + 16)?);
            }
            chunks.take(patch, chunk)?;
            let len = chunk.to - chunk.body;
            let padding = if form == Form::Caf { 0 } else { len % 2 };
            at = chunk.to + padding;
        }
        if !chunks.kept.iter().any(|chunk| Form::is_sound(chunk.name)) {
            return Err(Fault::Cut);
        }
        Ok(chunks)
    }

    fn chunk<F: Scratch>(
        &self,
        patch: &mut Patch<'_, F>,
        at: u64,
        long: Option<u64>,
    ) -> Result<Chunk, Fault> {
        patch.count()?;
        let name = patch.read::<4>(at)?;
        let (body, len) = match self.form {
            Form::Caf => (at + 12, u64::from_be_bytes(patch.read(at + 4)?)),
            Form::Aiff => (at + 8, u32::from_be_bytes(patch.read(at + 4)?).into()),
            _ => (at + 8, u32::from_le_bytes(patch.read(at + 4)?).into()),
        };
        let end = patch.len();
        let len = match (len, long) {
            (0xFFFF_FFFF, Some(long)) if name == *b"data" => long,
            // Who wrote it did not come to its end, and never filled the length in.
            (0, _) if Form::is_sound(name) && !is_chunk(patch, body)? => end - body,
            (len, _) => len,
        };
        let to = match body.checked_add(len).filter(|to| *to <= end) {
            Some(to) => to,
            // A sound that was cut off plays as far as it goes.
            None if Form::is_sound(name) => end,
            None if self.form.keeps(name) => return Err(Fault::Cut),
            None => end,
        };
        Ok(Chunk { name, body, to })
    }

    fn take<F: Scratch>(&mut self, patch: &mut Patch<'_, F>, chunk: Chunk) -> Result<(), Fault> {
        let Chunk { name, body, to } = chunk;
        if self.form.keeps(name) {
            let is_first = !self.kept.iter().any(|kept| kept.name == name);
            let may_be_long = Form::is_sound(name) || &name == b"pakt";
            if !may_be_long && to - body > DESCRIPTION {
                return Err(Fault::Odd("a description that is too long"));
            }
            if is_first {
                self.kept.push(chunk);
            }
            return Ok(());
        }
        // What cannot be read goes all the same.
        let text = || FactKind::of_aiff(name);
        match &name {
            b"LIST" | b"id3 " | b"ID3 " | b"NAME" | b"AUTH" | b"(c) " | b"ANNO" => {
                let bytes = patch.load(body, to, id3::TAG_BYTES).unwrap_or_default();
                match text() {
                    Some(kind) => self.tags.add(kind, &String::from_utf8_lossy(&bytes)),
                    None if &name == b"LIST" => self.tags.join(info(&bytes)),
                    None => {
                        let mut tags = id3::read(&bytes);
                        tags.join(std::mem::take(&mut self.tags));
                        self.tags = tags;
                    }
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// What is to become of it; with tags, if it is a piece of music.
    pub(super) fn plan(&self, tags: Option<&Tags>) -> Result<Plan, Fault> {
        let mut new = Vec::new();
        if let Some(tags) = tags {
            if matches!(self.form, Form::Wav | Form::LongWav) {
                new.push((*b"LIST", info_list(tags)));
                new.push((*b"id3 ", id3::write(tags)));
            }
            if self.form == Form::Aiff {
                new.push((*b"ID3 ", id3::write(tags)));
            }
        }
        let (mut rest, mut sound) = (Plan::default(), 0);
        for chunk in &self.kept {
            let len = chunk.to - chunk.body;
            if Form::is_sound(chunk.name) {
                sound = len;
            }
            rest.put(self.form.chunk_head(chunk.name, len)?);
            rest.keep(chunk.body, chunk.to);
            rest.put(self.padding(len));
        }
        for (name, content) in new {
            let len = u64::try_from(content.len()).unwrap_or(u64::MAX);
            rest.put(self.form.chunk_head(name, len)?);
            rest.put(content);
            rest.put(self.padding(len));
        }
        let mut plan = self.beginning(rest.len(), sound)?;
        plan.append(rest);
        Ok(plan)
    }

    fn padding(&self, len: u64) -> Vec<u8> {
        let is_padded = self.form != Form::Caf && len % 2 == 1;
        if is_padded { vec![0] } else { Vec::new() }
    }

    /// What stands before the chunks, if there are so many bytes of them.
    fn beginning(&self, rest: u64, sound: u64) -> Result<Plan, Fault> {
        let [a, b, c, d, _, _, _, _, form @ ..] = self.head;
        let mut head = vec![a, b, c, d];
        match self.form {
            // Version 1, no flags.
            Form::Caf => head.extend([0, 1, 0, 0]),
            Form::Wav => head.extend(short(rest + 4)?.to_le_bytes()),
            Form::Aiff => head.extend(short(rest + 4)?.to_be_bytes()),
            Form::LongWav => head.extend(u32::MAX.to_le_bytes()),
        }
        if self.form != Form::Caf {
            head.extend(form);
        }
        if self.form == Form::LongWav {
            head.extend(b"ds64");
            head.extend(28u32.to_le_bytes());
            head.extend((rest + 4 + 36).to_le_bytes());
            head.extend(sound.to_le_bytes());
            head.extend(self.samples.ok_or(Fault::Cut)?);
            // No further lengths.
            head.extend([0; 4]);
        }
        let mut plan = Plan::default();
        plan.put(head);
        Ok(plan)
    }
}

impl FactKind {
    const fn of_aiff(name: [u8; 4]) -> Option<Self> {
        match &name {
            b"NAME" => Some(Self::Title),
            b"AUTH" => Some(Self::Artist),
            b"(c) " => Some(Self::Copyright),
            b"ANNO" => Some(Self::Comment),
            _ => None,
        }
    }
}

/// Whether a chunk could begin here.
fn is_chunk<F: Scratch>(patch: &mut Patch<'_, F>, at: u64) -> Result<bool, Fault> {
    let [name @ .., a, b, c, d] = patch.peek::<8>(at)?;
    let len = u64::from(u32::from_le_bytes([a, b, c, d]).min(u32::from_be_bytes([a, b, c, d])));
    let is_name = name.iter().all(|byte| matches!(byte, b' '..=b'~'));
    Ok(at >= patch.len() || (is_name && len <= patch.len() - at))
}

/// What an `INFO` list says.
fn info(bytes: &[u8]) -> Tags {
    let mut tags = Tags::default();
    let Some(mut rest) = bytes.strip_prefix(b"INFO") else {
        return tags;
    };
    while let Some((head, after)) = rest.split_first_chunk::<8>() {
        let [a, b, c, d, size @ ..] = *head;
        let size = usize::try_from(u32::from_le_bytes(size)).unwrap_or(usize::MAX);
        let size = size.min(after.len());
        let (text, behind) = after.split_at_checked(size).unwrap_or_default();
        let known = INFO.iter().find(|(name, _)| *name == [a, b, c, d]);
        if let Some((_, kind)) = known {
            let text = std::str::from_utf8(text).map_or_else(|_| id3::latin1(text), str::to_owned);
            tags.add(*kind, &text);
        }
        rest = behind.get(size % 2..).unwrap_or_default();
    }
    tags
}

fn info_list(tags: &Tags) -> Vec<u8> {
    let mut list = b"INFO".to_vec();
    let mut done = Vec::new();
    for (name, kind) in INFO {
        let Some(text) = tags.line(*kind).filter(|_| !done.contains(kind)) else {
            continue;
        };
        if kind == &FactKind::Software {
            continue;
        }
        done.push(*kind);
        let mut text = text.into_bytes();
        text.push(0);
        list.extend(name);
        list.extend(u32::try_from(text.len()).unwrap_or(u32::MAX).to_le_bytes());
        list.extend(&text);
        list.extend(vec![0; text.len() % 2]);
    }
    list
}
