//! The descriptions of what a track shows or plays: the name of the form it is in, a few numbers, and boxes with what a
//! decoder has to know. Encoders write their makers and names here, cameras theirs.

use super::boxes::{Head, each};
use super::error::Fault;
use super::patch::{Patch, Scratch};
use super::{flac, icc};

/// What may stand in a description, and in each box in it that has others. What decoders ask for, in all forms that
/// players know; what they ask for colour, shape and depth; how loudspeakers stand.
const INSIDE: &[(&[u8; 4], &[&[u8; 4]])] = &[
    (
        b"vide",
        &[
            b"avcC", b"avcE", b"hvcC", b"hvcE", b"lhvC", b"vvcC", b"vvnC", b"evcC", b"lvcC",
            b"av1C", b"vpcC", b"apvC", b"mvcC", b"svcC", b"dvcC", b"dvvC", b"dvwC", b"esds",
            b"glbl", b"d263", b"jp2h", b"SMI ", b"strf", b"dvc1", b"ACLR", b"ARES", b"APRG",
            b"bitr", b"colr", b"pasp", b"clap", b"fiel", b"gama", b"mdcv", b"clli", b"cclv",
            b"amve", b"SmDm", b"CoLL", b"btrt", b"ccst", b"auxi", b"st3d", b"sv3d", b"vexu",
            b"hfov",
        ],
    ),
    (
        b"soun",
        &[
            b"esds", b"wave", b"chan", b"chnl", b"dOps", b"dfLa", b"dac3", b"dec3", b"dac4",
            b"dmlp", b"ddts", b"udts", b"alac", b"damr", b"dawp", b"dqcp", b"dsmv", b"devc",
            b"mhaC", b"mhaP", b"iacb", b"pcmC", b"glbl", b"enda", b"srat", b"SA3D", b"btrt",
            b"QDM2", b"QDMC", b"QDCA",
        ],
    ),
    (
        b"wave",
        &[
            b"frma", b"mp4a", b"esds", b"enda", b"alac", b"samr", b"sawb", b"damr", b"glbl",
            b"dfLa", b"dOps", b"chan", b"QDM2", b"QDMC", b"QDCA", b"ac-3", b"dac3",
        ],
    ),
    (
        b"jp2h",
        &[b"ihdr", b"bpcc", b"colr", b"pclr", b"cmap", b"cdef"],
    ),
    (b"sv3d", &[b"svhd", b"proj"]),
    (b"proj", &[b"prhd", b"equi", b"cbmp", b"mshp", b"prji"]),
    (b"vexu", &[b"eyes", b"proj", b"pack"]),
    (b"eyes", &[b"stri", b"hero", b"cams", b"cmfy"]),
    (b"cams", &[b"blin"]),
    (b"cmfy", &[b"dadj"]),
    (b"pack", &[b"pkin"]),
];

/// Forms of notes, places and texts: a track of these is neither seen nor heard, whatever it says of itself.
const NOTES: &[&[u8; 4]] = &[
    b"mett", b"metx", b"mebx", b"gpmd", b"camm", b"tmcd", b"text", b"tx3g", b"sbtt", b"stxt",
    b"stpp", b"wvtt", b"c608", b"c708", b"fdsc", b"rtmd", b"CTMD", b"urim", b"mp4s",
];

/// Forms that only those can see or hear who bought them.
const LOCKED: &[&[u8; 4]] = &[b"encv", b"enca", b"drmi", b"drms", b"p608"];

/// Descriptions of one track. Most films have one, those that change on the way a few.
const MOST: u32 = 64;

/// Sounds that are packed: so many in so many bytes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Packets {
    samples: u32,
    bytes: u32,
}

impl Packets {
    /// Bytes of so many sounds.
    pub(super) fn bytes_of(&self, samples: u32) -> u64 {
        let packets = samples.div_ceil(self.samples.max(1));
        u64::from(packets) * u64::from(self.bytes)
    }
}

/// Cleans the descriptions of a track that is seen or heard; how its sounds are packed. None if it turns out that they
/// are of neither.
pub(super) fn look<F: Scratch>(
    patch: &mut Patch<'_, F>,
    stsd: &Head,
    handler: &[u8; 4],
) -> Result<Option<Vec<Packets>>, Fault> {
    if stsd.number(patch, 4)? > MOST {
        return Err(Fault::Odd("more forms than any track has"));
    }
    let (mut packets, mut notes) = (Vec::new(), false);
    let mut left = stsd.number(patch, 4)?;
    each(patch, stsd.body + 8, stsd.end, |patch, entry| {
        if left == 0 {
            return entry.void(patch);
        }
        left -= 1;
        notes |= NOTES.contains(&&entry.name);
        if LOCKED.contains(&&entry.name) {
            return Err(Fault::Sealed(
                "it can be played only by those who bought it",
            ));
        }
        if handler == b"soun" {
            packets.extend(sound(patch, entry)?);
            return Ok(());
        }
        picture(patch, entry)
    })?;
    Ok(Some(packets).filter(|_| !notes))
}

/// A description of pictures: takes off the maker of the encoder, its name, and boxes that are not known.
fn picture<F: Scratch>(patch: &mut Patch<'_, F>, entry: &Head) -> Result<(), Fault> {
    if entry.len() < 78 {
        return Err(Fault::Odd("a description that is too short"));
    }
    let at = entry.body;
    patch.zero(at, at + 6)?;
    // Behind the maker what the encoder aimed at, and behind width, height and points per inch a spare number.
    patch.zero(at + 12, at + 24)?;
    patch.zero(at + 36, at + 40)?;
    patch.zero(at + 42, at + 74)?;
    let [_, depth, table0, table1] = patch.read(at + 74)?;
    // Few colours are listed here, with 8 bytes each.
    let mut from = at + 78;
    if matches!(depth & 0x1F, 1 | 2 | 4 | 8) && [table0, table1] == [0, 0] && depth & 0x20 == 0 {
        let [.., f0, f1, l0, l1] = patch.peek::<8>(from)?;
        let (first, last) = (u16::from_be_bytes([f0, f1]), u16::from_be_bytes([l0, l1]));
        let listed = u64::from(last.saturating_sub(first)) + 1;
        from = from.saturating_add(8 + listed * 8);
    }
    inside(patch, from.min(entry.end), entry.end, b"vide")
}

/// A description of sounds: takes off the maker of the encoder and boxes that are not known, and reads how the sounds
/// are packed.
fn sound<F: Scratch>(patch: &mut Patch<'_, F>, entry: &Head) -> Result<Option<Packets>, Fault> {
    if entry.len() < 28 {
        return Err(Fault::Odd("a description that is too short"));
    }
    let at = entry.body;
    patch.zero(at, at + 6)?;
    patch.zero(at + 10, at + 16)?;
    let [_, version, .., c0, c1, b0, b1] = patch.read::<12>(at + 8)?;
    let channels = u32::from(u16::from_be_bytes([c0, c1]));
    let bits = u32::from(u16::from_be_bytes([b0, b1]));
    let whole = |samples, bytes| Some(Packets { samples, bytes });
    // QuickTime's longer forms. In MP4 the same number says nothing of the length: a box with a name follows, where
    // QuickTime has the bytes of a packet, which are few.
    let [_, _, _, _, named, ..] = patch.peek::<8>(at + 28)?;
    let longer = match version {
        1 if entry.len() >= 44 && named < b' ' => 16,
        2 if entry.len() >= 64 => 36,
        _ => 0,
    };
    let packets = match longer {
        16 => whole(entry.number(patch, 28)?, entry.number(patch, 36)?),
        36 => whole(entry.number(patch, 60)?, entry.number(patch, 56)?),
        _ => None,
    };
    let single = match &entry.name {
        b"ulaw" | b"alaw" => whole(1, channels),
        b"raw " | b"twos" | b"sowt" | b"NONE" | b"in24" | b"in32" | b"fl32" | b"fl64" | b"lpcm"
        | b"ipcm" | b"fpcm" => whole(1, channels.saturating_mul(bits.min(64).div_ceil(8))),
        _ => None,
    };
    inside(patch, at + 28 + longer, entry.end, b"soun")?;
    let is_told = |packets: &Packets| packets.samples > 0 && packets.bytes > 0;
    let single = single.filter(is_told);
    Ok(packets.filter(is_told).or(single))
}

/// Keeps the boxes that are wanted in a description or a box of it. Where no boxes stand, nothing is kept.
fn inside<F: Scratch>(
    patch: &mut Patch<'_, F>,
    from: u64,
    to: u64,
    parent: &[u8; 4],
) -> Result<(), Fault> {
    let inside = INSIDE.iter().find(|(name, _)| *name == parent);
    let wanted = inside.map(|(_, wanted)| *wanted).unwrap_or_default();
    let mut at = from;
    while to.saturating_sub(at) >= 8 {
        let head = match Head::at(patch, at, to) {
            Ok(head) => head,
            Err(Fault::Io(error)) => return Err(Fault::Io(error)),
            Err(_) => return rest(patch, at, to),
        };
        // Four zeros end a list, and what stands behind them is none of it.
        if head.name == [0; 4] {
            return rest(patch, at, to);
        }
        at = head.end;
        match wanted.contains(&&head.name) {
            true => wanted_box(patch, &head)?,
            false => head.void(patch)?,
        }
    }
    patch.zero(at.min(to), to)
}

/// Takes off what stands at the end of a description and is no box.
fn rest<F: Scratch>(patch: &mut Patch<'_, F>, at: u64, to: u64) -> Result<(), Fault> {
    let Ok(len) = u32::try_from(to - at) else {
        return Err(Fault::Odd("a description that is too long"));
    };
    let before = patch.load(at, to, DESCRIPTION)?;
    if before.iter().all(|byte| *byte == 0) {
        return Ok(());
    }
    // An empty box at the end of a list is what QuickTime writes itself.
    if before.starts_with(&[0, 0, 0, 8, 0, 0, 0, 0]) {
        return patch.zero(at + 8, to);
    }
    patch.write(at, &len.to_be_bytes())?;
    patch.write(at + 4, b"free")?;
    patch.zero(at + 8, to)
}

/// Bytes of a description. What decoders ask for has some hundred.
const DESCRIPTION: usize = 1 << 20;

fn wanted_box<F: Scratch>(patch: &mut Patch<'_, F>, head: &Head) -> Result<(), Fault> {
    match &head.name {
        b"colr" => colour(patch, head),
        // Who wrote it stands before what a decoder asks for.
        b"damr" | b"d263" => patch.zero(head.body, (head.body + 4).min(head.end)),
        // The name of the program that made a film that one stands in.
        b"svhd" => head.trim(patch, 4),
        b"dfLa" => flac::look(patch, (head.body + 4).min(head.end), head.end),
        b"frma" | b"mp4a" | b"gama" | b"clli" => head.trim(patch, 4),
        b"fiel" | b"enda" => head.trim(patch, 2),
        b"pasp" => head.trim(patch, 8),
        b"clap" => head.trim(patch, 32),
        b"mdcv" => head.trim(patch, 24),
        b"btrt" => head.trim(patch, 12),
        // Some of these have others in them.
        name if INSIDE.iter().any(|(parent, _)| *parent == name) => {
            inside(patch, head.body, head.end, name)
        }
        _ => Ok(()),
    }
}

/// What colours mean: numbers of a list, or a profile.
fn colour<F: Scratch>(patch: &mut Patch<'_, F>, colr: &Head) -> Result<(), Fault> {
    if colr.len() < 4 {
        return colr.void(patch);
    }
    match &patch.read(colr.body)? {
        b"nclx" => colr.trim(patch, 11),
        b"nclc" => colr.trim(patch, 10),
        // JPEG 2000 has other words for the same.
        [1, ..] => colr.trim(patch, 7),
        b"prof" | b"rICC" => {
            let at = colr.body + 4;
            let profile = patch.load(at, colr.end, icc::LARGEST)?;
            match icc::cut_in_place(&profile) {
                Some(cut) => patch.write(at, &cut),
                None => colr.void(patch),
            }
        }
        _ => colr.void(patch),
    }
}
