//! Media types by the first bytes, and by the name where those say nothing.

/// Bytes that are looked at.
pub(super) const HEAD: usize = 512;

/// Where in the head which bytes stand for which type.
const MAGIC: &[(usize, &[u8], &str)] = &[
    (0, b"\x89PNG\r\n\x1a\n", "image/png"),
    (0, b"\xff\xd8\xff", "image/jpeg"),
    (0, b"GIF87a", "image/gif"),
    (0, b"GIF89a", "image/gif"),
    (8, b"WEBP", "image/webp"),
    (8, b"WAVE", "audio/wav"),
    (4, b"ftypavif", "image/avif"),
    (4, b"ftypheic", "image/heic"),
    (4, b"ftypM4A ", "audio/mp4"),
    (4, b"ftypqt  ", "video/quicktime"),
    (4, b"ftyp", "video/mp4"),
    (0, b"\x1a\x45\xdf\xa3", "video/webm"),
    (0, b"OggS", "audio/ogg"),
    (0, b"fLaC", "audio/flac"),
    (0, b"ID3", "audio/mpeg"),
    (0, b"\xff\xfb", "audio/mpeg"),
    (0, b"%PDF-", "application/pdf"),
    (0, b"PK\x03\x04", "application/zip"),
    (0, b"\x1f\x8b", "application/gzip"),
];

/// What names end with, of files that have no mark of their own, or a less telling one.
const ENDINGS: &[(&str, &str)] = &[
    ("txt", "text/plain"),
    ("md", "text/markdown"),
    ("csv", "text/csv"),
    ("html", "text/html"),
    ("json", "application/json"),
    ("svg", "image/svg+xml"),
    ("ics", "text/calendar"),
    ("epub", "application/epub+zip"),
    ("mkv", "video/x-matroska"),
    ("opus", "audio/opus"),
];

/// The media type of bytes that begin with `head`.
pub(crate) fn media_type(head: &[u8], name: Option<&str>) -> &'static str {
    let ending = name.and_then(|name| name.rsplit_once('.'));
    let ending = ending.map(|(_, ending)| ending.to_ascii_lowercase());
    let by_name = ENDINGS
        .iter()
        .find(|(known, _)| Some(*known) == ending.as_deref());
    let by_mark = MAGIC.iter().find(|(at, mark, _)| {
        let rest = head.get(*at..).unwrap_or_default();
        rest.starts_with(mark)
    });
    by_name
        .map(|(_, mime)| *mime)
        .or(by_mark.map(|(_, _, mime)| *mime))
        .unwrap_or("application/octet-stream")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_told_by_the_bytes_and_names_that_lie_about_pictures_are_not_believed() {
        assert_eq!(
            media_type(b"\x89PNG\r\n\x1a\n..", Some("a.jpg")),
            "image/png"
        );
        assert_eq!(media_type(b"RIFF\x10\0\0\0WEBPVP8 ", None), "image/webp");
        assert_eq!(
            media_type(b"\0\0\0\x18ftypisom", Some("a.mp4")),
            "video/mp4"
        );
        assert_eq!(media_type(b"# Notes", Some("Notes.MD")), "text/markdown");
        assert_eq!(
            media_type(b"\x01\x02", Some("data.bin")),
            "application/octet-stream"
        );
        assert_eq!(media_type(b"", None), "application/octet-stream");
    }
}
