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

#[test]
fn pictures_that_are_not_looked_into_are_refused_by_name() {
    let at = |place: usize, mark: &[u8]| [&vec![1; place], mark].concat();
    let kinds = [
        (at(0, b"8BPS\0\x01"), "photoshop"),
        (at(0, b"\0MRM\0\0"), "mrw"),
        (at(0, b"II\x1A\0\0\0HEAPCCDR"), "crw"),
        (at(0, b"FOVb\0\0"), "x3f"),
        (at(0, b"IIRS\x08\0"), "orf"),
        (at(0, b"\0\0\0\x0CjP  \r\n\x87\n"), "jp2"),
        (at(0, b"%!PS-Adobe-3.0 EPSF-3.0\n"), "eps"),
        (at(0, b"BPG\xFB"), "bpg"),
        (at(0, b"PGF6"), "pgf"),
        (at(0, b"ADIF"), "adif"),
        (bitmap(124, 0, b"KNIL"), "bmp"),
        (bitmap(124, 0, b"DEBM"), "bmp"),
        (bitmap(40, 4, b""), "bmp"),
        (bitmap(40, 5, b""), "bmp"),
        (at(0, b"\xFF\x01Exiv2"), "exv"),
        (at(0, b"P6\n# by Banana\n2 2\n255\n"), "anymap"),
        (at(0, b"P3 2 2 255 "), "anymap"),
        (at(128, b"DICM"), "dicom"),
        (at(0, b"\x76\x2F\x31\x01"), "exr"),
        (
            at(
                0,
                b"\0\0\x01\0\x01\0\x10\x10\0\0\x01\0\x20\0\0\0\0\0\x16\0\0\0",
            ),
            "icon",
        ),
    ];
    for (start, name) in kinds {
        let bytes = [start.as_slice(), b"+52.5200 PlaceTold"].concat();
        let refused = prepared(&bytes, &Options::default());
        let Err(error @ PictureError::Sealed { mime, .. }) = refused else {
            panic!("{name}: {refused:?}");
        };
        assert!(mime.contains(name), "{mime}");
        assert!(error.to_string().contains(mime), "{error}");
        let (posted, kept) = prepared(&bytes, &keeping()).expect("kept as it is");
        assert_eq!((posted, kept.done), (bytes, Done::Kept));
        // Nor may something else be called so.
        assert_eq!(
            Kind::Unknown.mime_for(Some(mime)),
            "application/octet-stream"
        );
    }
    // A text may begin as such a picture does.
    assert_eq!(Kind::of(b"P1 is the first prize", 21), Kind::Text);
    // Neither a font nor the start of a film is an icon.
    let font = b"\0\x01\0\0\0\x0C\0\x80\0\x03\0\x40";
    assert_eq!(Kind::of(font, 100), Kind::Unknown);
    assert_eq!(Kind::of(b"\0\0\x01\xBA", 100), Kind::MpegPs);
}

#[test]
fn a_gif_keeps_no_byte_behind_a_code_or_in_an_extension_that_is_not_needed() {
    let told = [
        b"GIF89a\x02\0\x02\0\x80\0\0\0\0\0\xFF\xFF\xFF".as_slice(),
        b"\x21\xFF\x0BNETSCAPE2.0\x06Banana\x03\x01\x07\0\x07Kitchen\0",
        b"\x21\x01\x0CKitchen12345\x06Banana\0",
        b"\x21\xF9\x04\0\x0A\0\0\0",
        b"\x21\xF9\x04\x01\x0B\0\0\x06Banana\0",
        b"\0\0\x2C\0\0\0\0\x02\0\x02\0\0\x02",
        // Begin, four points, end, and a place in the same block and in the next.
        b"\x0A\x04\0\x05Kitchen\x09PlaceTold\0",
        b"\x3B",
    ]
    .concat();
    let still = Still::of(Kind::Gif, &told).expect("a GIF");
    let expected = [
        b"GIF89a\x02\0\x02\0\x80\0\0\0\0\0\xFF\xFF\xFF".as_slice(),
        b"\x21\xFF\x0BNETSCAPE2.0\x03\x01\x07\0\0",
        b"\x21\xF9\x04\x01\x0B\0\0\0",
        b"\x2C\0\0\0\0\x02\0\x02\0\0\x02\x03\x04\0\x05\0\x3B",
    ]
    .concat();
    assert_eq!(
        still.bytes.escape_ascii().to_string(),
        expected.escape_ascii().to_string()
    );
}

#[test]
fn chunks_of_a_png_have_the_length_of_their_kind_and_come_once() {
    let long = [0u32.to_be_bytes().as_slice(), b"PlaceTold"].concat();
    let png = made::vast_png(9, 9);
    let (head, rest) = png.split_at(33);
    let chunks = [
        made::png_chunk(b"gAMA", &long),
        made::png_chunk(b"gAMA", &45_455u32.to_be_bytes()),
        made::png_chunk(b"sPLT", b"Banana\0\x08"),
        made::png_chunk(b"iCCP", b"Banana\0\0PlaceTold"),
    ];
    let (data, end) = rest.split_at(rest.len() - 12);
    let behind = made::png_chunk(b"IDAT", b"behind it: PlaceTold");
    let end = [end, b"Kitchen"].concat();
    let still = Still::of(
        Kind::Png,
        &[head, &chunks.concat(), data, &behind, &end].concat(),
    );
    let still = still.expect("a PNG");
    let expected = [head, &made::png_chunk(b"gAMA", &[0; 4]), data, &end[..12]].concat();
    assert_eq!(
        still.bytes.escape_ascii().to_string(),
        expected.escape_ascii().to_string()
    );
    let needed = [head, &made::png_chunk(b"CgBI", b"Banana"), rest].concat();
    let refused = prepared(&needed, &Options::default());
    assert!(
        matches!(refused, Err(PictureError::Sealed { .. })),
        "{refused:?}"
    );
}

/// The beginning of a bitmap of Windows whose head has `len` bytes.
fn bitmap(len: u8, compression: u8, colours: &[u8]) -> Vec<u8> {
    let mut bytes = b"BM\0\x10\0\0\0\0\0\0\x8A\0\0\0".to_vec();
    bytes.extend([
        len,
        0,
        0,
        0,
        2,
        0,
        0,
        0,
        2,
        0,
        0,
        0,
        1,
        0,
        24,
        0,
        compression,
    ]);
    bytes.resize(70, 0);
    bytes.extend(colours);
    bytes.resize(138, 0);
    bytes
}

#[test]
fn a_bitmap_of_plain_pixels_is_taken() {
    for head in [
        bitmap(40, 0, b""),
        bitmap(124, 3, b"BGRs"),
        bitmap(40, 0, b"KNIL"),
    ] {
        assert_eq!(Kind::of(&head, 200), Kind::Bmp);
    }
}

#[test]
fn a_damaged_beginning_does_not_make_a_picture_something_unknown() {
    for start in [b"\xFF\xD8\0\xE1".as_slice(), b"\x89PNG\n\x1A\n\0"] {
        let bytes = [start, b"Exif +52.5200 PlaceTold"].concat();
        let refused = prepared(&bytes, &Options::default());
        assert!(refused.is_err(), "{refused:?}");
    }
}
