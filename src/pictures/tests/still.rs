//! Still pictures in containers that are taken apart and put together again.

use super::{
    Done, Kind, Options, PictureError, assert_tells_nothing, holds, keeping, made, prepared,
};
use crate::pictures::still::Still;

#[test]
fn a_gif_keeps_its_loop_and_its_pictures_and_loses_its_notes() {
    let told = made::told_gif();
    let still = Still::of(Kind::Gif, &told).expect("a GIF");
    assert_tells_nothing(&still.bytes);
    assert!(holds(&still.bytes, b"NETSCAPE2.0"));
    assert!(still.animated);
    assert_eq!((still.width, still.height), (2, 2));
    assert_eq!(still.bytes.last(), Some(&0x3B));
}

#[test]
fn a_picture_of_50_000_by_50_000_pixels_is_refused_by_its_head() {
    let vast = made::vast_png(50_000, 50_000);
    for options in [Options::default(), keeping()] {
        let refused = prepared(&vast, &options);
        let Err(PictureError::TooManyPixels { width, height, .. }) = refused else {
            panic!("{refused:?}");
        };
        assert_eq!((width, height), (50_000, 50_000));
    }
}

#[test]
fn what_is_not_known_how_to_clean_is_posted_only_as_it_is() {
    let tiff = [b"II*\0".as_slice(), &[7; 100]].concat();
    let refused = prepared(&tiff, &Options::default());
    assert!(
        matches!(refused, Err(PictureError::Sealed { .. })),
        "{refused:?}"
    );
    let (posted, kept) = prepared(&tiff, &keeping()).expect("kept as it is");
    assert_eq!(posted, tiff);
    assert_eq!((kept.kind.mime(), kept.done), ("image/tiff", Done::Kept));
}

#[test]
fn the_type_is_told_from_the_bytes() {
    let html = b"<html><body>not a picture</body></html>";
    let (posted, text) = prepared(html, &Options::default()).expect("text");
    assert_eq!(posted, html);
    assert_eq!(text.kind, Kind::Text);
    assert_eq!(text.kind.mime_for(Some("image/jpeg")), "text/plain");
    assert_eq!(text.kind.mime_for(Some("text/html")), "text/html");
    assert_eq!(text.kind.mime_for(None), "text/plain");
    assert_eq!(Kind::Png.mime_for(Some("image/jpeg")), "image/png");
    assert_eq!(
        Kind::Unknown.mime_for(Some("image/jpeg")),
        "application/octet-stream"
    );
    assert_eq!(Kind::Unknown.mime_for(Some("model/stl")), "model/stl");
    let docx = "application/vnd.openxmlformats-officedocument.wordprocessingml.document";
    assert_eq!(Kind::Zip.mime_for(Some(docx)), docx);
    let told = |bytes: &[u8]| Kind::of(bytes, bytes.len() as u64);
    assert_eq!(told("\u{FEFF}gr\u{FC}n\n".as_bytes()), Kind::Text);
    assert_eq!(told(b"free as in beer"), Kind::Text);
    assert_eq!(told(b"BM is no picture by itself"), Kind::Text);
    assert_eq!(told(b"\xFF\xFEh\0i\0"), Kind::Unknown);
    assert_eq!(told(b"%PDF-1.7"), Kind::Pdf);
    assert_eq!(told(b"\xFF\xFB\x90\x64"), Kind::Mp3);
    assert_eq!(told(b"\0\0\0\x14ftypqt  \0\0\0\0qt  "), Kind::Mov);
    assert_eq!(told(b"\0\0\0\x1Cftypmif1\0\0\0\0mif1heic"), Kind::Heic);
    assert_eq!(told(b"\0\0\0\x1Cftypmif1\0\0\0\0mif1avif"), Kind::Avif);
    assert_eq!(told(b"\0"), Kind::Unknown);
}

#[test]
fn nothing_at_all_is_refused() {
    let refused = prepared(b"", &Options::default());
    assert!(matches!(refused, Err(PictureError::Empty)));
}

/// Pictures whose containers are right, whatever is drawn in them.
fn containers(orientation: u16) -> [(Vec<u8>, Kind); 3] {
    let jpeg = b"\xFF\xD8\xFF\xC0\0\x0B\x08\0\x30\0\x40\x01\x01\x11\0\xFF\xDA\0\x08\x01\x01\0\0\x3F\0\x12\xFF\0\xFF\xD9";
    let webp = b"RIFF\x12\0\0\0WEBPVP8L\x05\0\0\0\x2F\x3F\xC0\x0B\0\0";
    [
        (made::told_jpeg(jpeg, orientation), Kind::Jpeg),
        (
            made::told_png(&made::vast_png(64, 48), orientation),
            Kind::Png,
        ),
        (made::told_webp(webp, (64, 48), orientation), Kind::Webp),
    ]
}

#[test]
fn a_picture_that_cannot_be_turned_says_which_way_is_up_and_nothing_else() {
    for orientation in 2..=8 {
        for (bytes, kind) in containers(orientation) {
            let mut still = Still::of(kind, &bytes).expect("a picture");
            assert_eq!((still.width, still.height), (64, 48), "{kind:?}");
            assert_eq!(u16::from(still.orientation), orientation);
            still.tag_orientation(kind);
            assert_tells_nothing(&still.bytes);
            let mut posted = std::io::Cursor::new(&still.bytes);
            let exif = exif::Reader::new().read_from_container(&mut posted);
            let exif = exif.expect("Exif");
            let fields: Vec<_> = exif.fields().collect();
            assert_eq!(fields.len(), 1);
            assert_eq!(fields[0].tag, exif::Tag::Orientation);
            assert_eq!(fields[0].value.get_uint(0), Some(orientation.into()));
            let again = Still::of(kind, &still.bytes).expect("a picture");
            assert_eq!(u16::from(again.orientation), orientation);
        }
    }
}
