//! What a file is, told from its first bytes; its name is never asked.
//!
//! A table of our own rather than a crate: what is found decides which of our readers looks into the file, and the
//! readers have to agree with the table on every byte of it.

use super::closed;

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
    Mp4,
    Mov,
    M4a,
    ThreeGp,
    Webm,
    Matroska,
    Avi,
    Mp3,
    Aac,
    Ogg,
    Flac,
    Wav,
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
    /// Boxes of ISO/IEC 14496-12, changed in place.
    Boxes,
    /// EBML, changed in place.
    Ebml,
    /// Only measured.
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
        match head {
            // Layer III, with a rate and a frequency that exist; a byte order mark of UTF-16 is no such thing.
            [0xFF, second, third, ..]
                if second & 0xE6 == 0xE2 && third >> 4 != 15 && third & 0x0C != 0x0C =>
            {
                Self::Mp3
            }
            [0xFF, second, ..] if second & 0xF6 == 0xF0 => Self::Aac,
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
            Self::Mp4 => "video/mp4",
            Self::Mov => "video/quicktime",
            Self::M4a => "audio/mp4",
            Self::ThreeGp => "video/3gpp",
            Self::Webm => "video/webm",
            Self::Matroska => "video/x-matroska",
            Self::Avi => "video/x-msvideo",
            Self::Mp3 => "audio/mpeg",
            Self::Aac => "audio/aac",
            Self::Ogg => "audio/ogg",
            Self::Flac => "audio/flac",
            Self::Wav => "audio/wav",
            Self::Pdf => "application/pdf",
            Self::Zip => "application/zip",
            Self::Text => "text/plain",
            Self::Closed(mime) => mime,
            Self::Unknown => "application/octet-stream",
        }
    }

    /// Who looks into it.
    pub(super) fn reader(self) -> Reader {
        match self {
            Self::Jpeg | Self::Png | Self::Gif | Self::Webp => Reader::Picture,
            Self::Heic | Self::Heif | Self::Avif => Reader::Boxes,
            Self::Mp4 | Self::Mov | Self::M4a | Self::ThreeGp => Reader::Boxes,
            Self::Webm | Self::Matroska => Reader::Ebml,
            Self::Mp3 | Self::Ogg | Self::Flac | Self::Wav => Reader::Sound,
            Self::Tiff | Self::Jxl | Self::CanonRaw | Self::FujiRaw => Reader::Sealed,
            Self::Closed(_) => Reader::Sealed,
            Self::Bmp | Self::Avi | Self::Aac => Reader::None,
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
            Self::Text => {
                said.starts_with("text/")
                    || said.starts_with("application/")
                    || *said == "image/svg+xml"
            }
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
    Kind::Mp4,
    Kind::Mov,
    Kind::M4a,
    Kind::ThreeGp,
    Kind::Webm,
    Kind::Matroska,
    Kind::Avi,
    Kind::Mp3,
    Kind::Aac,
    Kind::Ogg,
    Kind::Flac,
    Kind::Wav,
    Kind::Pdf,
    Kind::Zip,
    Kind::Text,
];

const STARTS: &[(&[u8], Kind)] = &[
    (&[0xFF, 0xD8, 0xFF], Kind::Jpeg),
    (b"\x89PNG\r\n\x1A\n", Kind::Png),
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
    (b"ID3", Kind::Mp3),
    (b"OggS\0", Kind::Ogg),
    (b"fLaC", Kind::Flac),
    (b"%PDF-", Kind::Pdf),
    (b"PK\x03\x04", Kind::Zip),
];

fn riff(head: &[u8]) -> Option<Kind> {
    if let [b'B', b'M', _, _, _, _, 0, 0, 0, 0, ..] = head {
        return Some(Kind::Bmp);
    }
    match (head.get(..4)?, head.get(8..12)?) {
        (b"RIFF", b"WEBP") => Some(Kind::Webp),
        (b"RIFF", b"WAVE") => Some(Kind::Wav),
        (b"RIFF", b"AVI ") => Some(Kind::Avi),
        _ => None,
    }
}

/// Files made of boxes: by their brands, or for QuickTime files from before there were brands, by the first box.
fn boxes(head: &[u8], len: u64) -> Option<Kind> {
    let (size, rest) = head.split_first_chunk::<4>()?;
    let (name, rest) = rest.split_first_chunk::<4>()?;
    let size = u32::from_be_bytes(*size);
    if matches!(
        name,
        b"moov" | b"mdat" | b"wide" | b"free" | b"skip" | b"pnot"
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
