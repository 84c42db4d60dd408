//! What a file is, told from its first bytes; its name is never asked.
//!
//! A table of our own rather than a crate: what is found decides which of our readers looks into the file, and the
//! readers have to agree with the table on every byte of it.

use super::{closed, svg};

/// How many bytes [`Kind::of`] wants to see.
pub(super) const HEAD: usize = 4_096;

/// A type of file that is told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Jpeg,
    Png,
    Gif,
    Webp,
    Heic,
    Heif,
    Avif,
    Tiff,
    Jxl,
    CanonRaw,
    FujiRaw,
    Bmp,
    Svg,
    Mp4,
    Mov,
    M4a,
    ThreeGp,
    Webm,
    Matroska,
    Avi,
    MpegTs,
    MpegPs,
    Asf,
    Flv,
    RealMedia,
    Dv,
    Mxf,
    Mp3,
    Aac,
    Ogg,
    Flac,
    Wav,
    Aiff,
    Caf,
    Amr,
    Wave64,
    WavPack,
    Monkey,
    Musepack,
    Dsd,
    Dictation,
    Pdf,
    Zip,
    Text,
    /// A picture of a kind that is not looked into, by its media type.
    Closed(&'static str),
    Unknown,
}

/// Which reader looks into a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reader {
    /// Read whole, taken apart and put together again.
    Picture,
    /// XML, read whole and written anew.
    Drawing,
    /// Boxes of ISO/IEC 14496-12, changed in place.
    Boxes,
    /// EBML, changed in place.
    Ebml,
    /// Frames, pages and chunks of sounds, moved together in place.
    Sound,
    /// Known to carry place or device where we do not know how to take it off.
    Sealed,
    /// Left as it is.
    None,
}

impl Kind {
    /// What a file of `len` bytes is that begins with `head`.
    pub(super) fn of(head: &[u8], len: u64) -> Self {
        let by_start = STARTS.iter().find(|(start, _)| head.starts_with(start));
        if let Some((_, kind)) = by_start {
            return *kind;
        }
        if let Some(mime) = closed::mime_of(head) {
            return Self::Closed(mime);
        }
        if let Some(kind) = riff(head).or_else(|| boxes(head, len)) {
            return kind;
        }
        if head.starts_with(&[0x1A, 0x45, 0xDF, 0xA3]) {
            let is_webm = head.windows(4).take(64).any(|at| at == b"webm");
            return if is_webm { Self::Webm } else { Self::Matroska };
        }
        if is_transport(head) {
            return Self::MpegTs;
        }
        match head {
            // A block of heads, then one of what the camera notes.
            [0x1F, 0x07, 0x00, ..] if head.get(80).is_some_and(|next| next >> 5 == 1) => Self::Dv,
            // Layer II or III, with a rate and a frequency that exist; a byte order mark of UTF-16 is no such thing.
            [0xFF, second, third, ..]
                if matches!(second & 0xE6, 0xE2 | 0xE4)
                    && third >> 4 != 15
                    && third & 0x0C != 0x0C =>
            {
                Self::Mp3
            }
            [0xFF, second, ..] if second & 0xF6 == 0xF0 => Self::Aac,
            _ if svg::begins(head) => Self::Svg,
            _ if is_text(head) => Self::Text,
            _ => Self::Unknown,
        }
    }

    /// Its media type.
    pub(super) fn mime(self) -> &'static str {
        match self {
            Self::Jpeg => "image/jpeg",
            Self::Png => "image/png",
            Self::Gif => "image/gif",
            Self::Webp => "image/webp",
            Self::Heic => "image/heic",
            Self::Heif => "image/heif",
            Self::Avif => "image/avif",
            Self::Tiff => "image/tiff",
            Self::Jxl => "image/jxl",
            Self::CanonRaw => "image/x-canon-cr3",
            Self::FujiRaw => "image/x-fuji-raf",
            Self::Bmp => "image/bmp",
            Self::Svg => "image/svg+xml",
            Self::Mp4 => "video/mp4",
            Self::Mov => "video/quicktime",
            Self::M4a => "audio/mp4",
            Self::ThreeGp => "video/3gpp",
            Self::Webm => "video/webm",
            Self::Matroska => "video/x-matroska",
            Self::Avi => "video/x-msvideo",
            Self::MpegTs => "video/mp2t",
            Self::MpegPs => "video/mpeg",
            Self::Asf => "video/x-ms-asf",
            Self::Flv => "video/x-flv",
            Self::RealMedia => "application/vnd.rn-realmedia",
            Self::Dv => "video/x-dv",
            Self::Mxf => "application/mxf",
            Self::Mp3 => "audio/mpeg",
            Self::Aac => "audio/aac",
            Self::Ogg => "audio/ogg",
            Self::Flac => "audio/flac",
            Self::Wav => "audio/wav",
            Self::Aiff => "audio/aiff",
            Self::Caf => "audio/x-caf",
            Self::Amr => "audio/amr",
            Self::Wave64 => "audio/x-w64",
            Self::WavPack => "audio/x-wavpack",
            Self::Monkey => "audio/x-ape",
            Self::Musepack => "audio/x-musepack",
            Self::Dsd => "audio/x-dsd",
            Self::Dictation => "audio/x-dss",
            Self::Pdf => "application/pdf",
            Self::Zip => "application/zip",
            Self::Text => "text/plain",
            Self::Closed(mime) => mime,
            Self::Unknown => "application/octet-stream",
        }
    }

    /// What it may be called where its own name is nobody's business: a word for it, and the ending that goes with it;
    /// none where files of many sorts look alike.
    pub(crate) fn neutral_name(self) -> (&'static str, Option<&'static str>) {
        let stem = match self.mime().split('/').next() {
            Some("image") => "picture",
            Some("video") => "film",
            Some("audio") => "sound",
            _ if self == Self::Pdf => "document",
            _ => "file",
        };
        let ending = match self {
            Self::Jpeg => "jpg",
            Self::Png => "png",
            Self::Gif => "gif",
            Self::Webp => "webp",
            Self::Heic => "heic",
            Self::Heif => "heif",
            Self::Avif => "avif",
            Self::Bmp => "bmp",
            Self::Svg => "svg",
            Self::Mp4 => "mp4",
            Self::Mov => "mov",
            Self::ThreeGp => "3gp",
            Self::Webm => "webm",
            Self::Matroska => "mkv",
            Self::M4a => "m4a",
            Self::Mp3 => "mp3",
            Self::Aac => "aac",
            Self::Flac => "flac",
            Self::Wav => "wav",
            Self::Pdf => "pdf",
            _ => return (stem, None),
        };
        (stem, Some(ending))
    }

    /// Who looks into it.
    pub(super) fn reader(self) -> Reader {
        match self {
            Self::Jpeg | Self::Png | Self::Gif | Self::Webp => Reader::Picture,
            Self::Heic | Self::Heif | Self::Avif => Reader::Boxes,
            Self::Mp4 | Self::Mov | Self::M4a | Self::ThreeGp => Reader::Boxes,
            Self::Webm | Self::Matroska => Reader::Ebml,
            Self::Mp3 | Self::Aac | Self::Ogg | Self::Flac => Reader::Sound,
            Self::Wav | Self::Aiff | Self::Caf | Self::Amr => Reader::Sound,
            Self::Asf | Self::Flv | Self::RealMedia | Self::Dv | Self::Mxf => Reader::Sealed,
            Self::Wave64 | Self::WavPack | Self::Monkey => Reader::Sealed,
            Self::Musepack | Self::Dsd | Self::Dictation => Reader::Sealed,
            Self::Tiff | Self::Jxl | Self::CanonRaw | Self::FujiRaw => Reader::Sealed,
            Self::Closed(_) => Reader::Sealed,
            Self::Avi | Self::MpegTs | Self::MpegPs => Reader::Sealed,
            Self::Svg => Reader::Drawing,
            Self::Bmp => Reader::None,
            Self::Pdf | Self::Zip | Self::Text | Self::Unknown => Reader::None,
        }
    }

    /// Whether it is a still picture in boxes, whose metadata stands in items.
    pub(super) fn has_items(self) -> bool {
        matches!(self, Self::Heic | Self::Heif | Self::Avif)
    }

    /// The media type to post it under, if the person who attaches it says it is `said`.
    ///
    /// What is told from the bytes stands. Where the bytes tell little (a text, an archive of other files, something
    /// unknown) `said` is taken, unless it names something that would have been told from the bytes.
    pub(crate) fn mime_for(self, said: Option<&str>) -> &str {
        let fits = |said: &&str| match self {
            Self::Text => said.starts_with("text/") || said.starts_with("application/"),
            Self::Zip => said.starts_with("application/"),
            Self::Unknown => true,
            _ => false,
        };
        let is_told = |said: &&str| {
            ALL.iter().any(|kind| kind.mime() == *said && *kind != self) || closed::names(said)
        };
        said.filter(fits)
            .filter(|said| !is_told(said))
            .unwrap_or_else(|| self.mime())
    }
}

/// Every kind that is told from its bytes alone.
const ALL: &[Kind] = &[
    Kind::Jpeg,
    Kind::Png,
    Kind::Gif,
    Kind::Webp,
    Kind::Heic,
    Kind::Heif,
    Kind::Avif,
    Kind::Tiff,
    Kind::Jxl,
    Kind::CanonRaw,
    Kind::FujiRaw,
    Kind::Bmp,
    Kind::Svg,
    Kind::Mp4,
    Kind::Mov,
    Kind::M4a,
    Kind::ThreeGp,
    Kind::Webm,
    Kind::Matroska,
    Kind::Avi,
    Kind::MpegTs,
    Kind::MpegPs,
    Kind::Asf,
    Kind::Flv,
    Kind::RealMedia,
    Kind::Dv,
    Kind::Mxf,
    Kind::Mp3,
    Kind::Aac,
    Kind::Ogg,
    Kind::Flac,
    Kind::Wav,
    Kind::Aiff,
    Kind::Caf,
    Kind::Amr,
    Kind::Wave64,
    Kind::WavPack,
    Kind::Monkey,
    Kind::Musepack,
    Kind::Dsd,
    Kind::Dictation,
    Kind::Pdf,
    Kind::Zip,
    Kind::Text,
];

const STARTS: &[(&[u8], Kind)] = &[
    // A damaged beginning is refused where it is read, rather than posted with all that it has.
    (&[0xFF, 0xD8], Kind::Jpeg),
    (b"\x89PNG", Kind::Png),
    (b"\x09PNG\r\n\x1A\n", Kind::Png),
    (b"GIF87a", Kind::Gif),
    (b"GIF89a", Kind::Gif),
    (b"II*\0", Kind::Tiff),
    (b"MM\0*", Kind::Tiff),
    (b"MM\0+", Kind::Tiff),
    (b"II+\0", Kind::Tiff),
    (b"IIRO", Kind::Tiff),
    (b"IIU\0", Kind::Tiff),
    (b"FUJIFILMCCD-RAW", Kind::FujiRaw),
    (&[0xFF, 0x0A], Kind::Jxl),
    (b"\0\0\0\x0CJXL \r\n\x87\n", Kind::Jxl),
    (&[0x30, 0x26, 0xB2, 0x75, 0x8E, 0x66, 0xCF, 0x11], Kind::Asf),
    (b"FLV\x01", Kind::Flv),
    (b".RMF", Kind::RealMedia),
    (&[0, 0, 1, 0xBA], Kind::MpegPs),
    (&[0, 0, 1, 0xB3], Kind::MpegPs),
    (&[0x06, 0x0E, 0x2B, 0x34, 0x02, 0x05, 0x01, 0x01], Kind::Mxf),
    (b"ID3", Kind::Mp3),
    (b"OggS\0", Kind::Ogg),
    (b"fLaC", Kind::Flac),
    (b"caff\0\x01", Kind::Caf),
    (b"#!AMR", Kind::Amr),
    (
        b"riff\x2E\x91\xCF\x11\xA5\xD6\x28\xDB\x04\xC1\0\0",
        Kind::Wave64,
    ),
    (b"wvpk", Kind::WavPack),
    (b"MAC ", Kind::Monkey),
    (b"MPCK", Kind::Musepack),
    (b"MP+", Kind::Musepack),
    (b"DSD ", Kind::Dsd),
    (b"FRM8", Kind::Dsd),
    (b"\x02dss", Kind::Dictation),
    (b"\x03ds2", Kind::Dictation),
    (b"%PDF-", Kind::Pdf),
    (b"PK\x03\x04", Kind::Zip),
];

fn riff(head: &[u8]) -> Option<Kind> {
    if let [b'B', b'M', _, _, _, _, 0, 0, 0, 0, ..] = head {
        return Some(Kind::Bmp);
    }
    match (head.get(..4)?, head.get(8..12)?) {
        (b"RIFF", b"WEBP") => Some(Kind::Webp),
        (b"RIFF" | b"RF64" | b"BW64", b"WAVE") => Some(Kind::Wav),
        (b"FORM", b"AIFF" | b"AIFC") => Some(Kind::Aiff),
        (b"RIFF", b"AVI ") => Some(Kind::Avi),
        _ => None,
    }
}

/// Files made of boxes: by their brands, or for QuickTime files from before there were brands, by the first box.
fn boxes(head: &[u8], len: u64) -> Option<Kind> {
    let (size, rest) = head.split_first_chunk::<4>()?;
    let (name, rest) = rest.split_first_chunk::<4>()?;
    let size = u32::from_be_bytes(*size);
    // Behind the first six what begins pieces of films, which players get one by one, and what makers put first.
    if matches!(
        name,
        b"moov"
            | b"mdat"
            | b"wide"
            | b"free"
            | b"skip"
            | b"pnot"
            | b"styp"
            | b"moof"
            | b"sidx"
            | b"ssix"
            | b"prft"
            | b"emsg"
            | b"uuid"
            | b"udta"
            | b"meta"
            | b"junk"
            | b"PICT"
    ) {
        return (size < 2 || (size >= 8 && u64::from(size) <= len)).then_some(Kind::Mov);
    }
    if name != b"ftyp" {
        return None;
    }
    let brands = usize::try_from(size).ok()?.checked_sub(8)?;
    let brands = rest.get(..brands.min(rest.len()))?;
    let (major, others) = brands.split_first_chunk::<4>()?;
    let others = others.get(4..).unwrap_or_default();
    let has = |wanted: &[&[u8]]| {
        wanted.contains(&major.as_slice()) || others.chunks(4).any(|brand| wanted.contains(&brand))
    };
    Some(match major {
        b"crx " => Kind::CanonRaw,
        b"qt  " => Kind::Mov,
        b"M4A " | b"M4B " => Kind::M4a,
        b"3gp4" | b"3gp5" | b"3gp6" | b"3gp7" | b"3g2a" => Kind::ThreeGp,
        _ if has(&[b"avif", b"avis"]) => Kind::Avif,
        b"heic" | b"heix" | b"hevc" | b"hevx" | b"heim" | b"heis" => Kind::Heic,
        b"mif1" | b"msf1" if has(&[b"heic", b"heix", b"hevc"]) => Kind::Heic,
        b"mif1" | b"mif2" | b"msf1" | b"miaf" | b"jpeg" | b"jpgs" => Kind::Heif,
        _ => Kind::Mp4,
    })
}

/// Whether a file is made of the packets of MPEG-TS: plain, with a time before each as camcorders write them, or with
/// a checksum behind each. Each begins with a `G`, as a text may, but hardly at every such place.
fn is_transport(head: &[u8]) -> bool {
    [(0, 188), (4, 192), (0, 204)]
        .iter()
        .any(|(first, packet)| {
            let begins = head.iter().skip(*first).step_by(*packet);
            begins.clone().count() >= 3 && begins.clone().all(|byte| *byte == 0x47)
        })
}

/// Whether a file's beginning reads as UTF-8 without control characters.
fn is_text(head: &[u8]) -> bool {
    let valid = match std::str::from_utf8(head) {
        Ok(text) => text,
        // A character that goes on past what was looked at.
        Err(error) if error.error_len().is_none() && head.len() >= HEAD => {
            let end = head.get(..error.valid_up_to()).unwrap_or_default();
            std::str::from_utf8(end).unwrap_or_default()
        }
        Err(_) => return false,
    };
    !valid.is_empty()
        && !valid
            .chars()
            .any(|c| c.is_control() && !matches!(c, '\t' | '\n' | '\r' | '\x0C'))
}
