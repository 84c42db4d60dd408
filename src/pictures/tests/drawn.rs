//! Pictures that are drawn: upright, previews, renditions.

use std::io::{Cursor, Write as _};

use image::codecs::jpeg::JpegEncoder;
use image::{DynamicImage, ImageFormat, Rgb, RgbImage, Rgba, RgbaImage};

use super::{
    Done, Kind, Options, PictureError, assert_tells_nothing, cleaned, keeping, made, prepared,
};

/// White but for its left upper quarter, which is red.
fn marked(width: u32, height: u32) -> RgbImage {
    RgbImage::from_fn(width, height, |x, y| {
        match x < width / 2 && y < height / 2 {
            true => Rgb([255, 0, 0]),
            false => Rgb([255; 3]),
        }
    })
}

fn encoded(picture: impl Into<DynamicImage>, format: ImageFormat) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    let picture: DynamicImage = picture.into();
    picture.write_to(&mut bytes, format).expect("a picture");
    bytes.into_inner()
}

fn photograph(width: u32, height: u32) -> Vec<u8> {
    let picture = RgbImage::from_raw(width, height, made::pixels(width, height));
    encoded(picture.expect("as many pixels"), ImageFormat::Jpeg)
}

/// A picture of each format with everything in it that is to go.
fn told(orientation: u16) -> [(Vec<u8>, Kind); 3] {
    let picture = marked(64, 48);
    let jpeg = encoded(picture.clone(), ImageFormat::Jpeg);
    let png = encoded(picture.clone(), ImageFormat::Png);
    let webp = encoded(picture, ImageFormat::WebP);
    [
        (made::told_jpeg(&jpeg, orientation), Kind::Jpeg),
        (made::told_png(&png, orientation), Kind::Png),
        (made::told_webp(&webp, (64, 48), orientation), Kind::Webp),
    ]
}

/// What another reader finds of Exif.
fn fields(bytes: &[u8]) -> Vec<String> {
    match exif::Reader::new().read_from_container(&mut Cursor::new(bytes)) {
        Ok(exif) => exif.fields().map(|field| field.tag.to_string()).collect(),
        Err(exif::Error::NotFound(_)) => Vec::new(),
        Err(error) => panic!("{error}"),
    }
}

fn is_red(picture: &RgbImage, x: u32, y: u32) -> bool {
    let Rgb([red, green, _]) = *picture.get_pixel(x, y);
    red > 200 && green < 80
}

#[test]
fn the_other_reader_finds_what_is_to_be_taken_off() {
    for (bytes, kind) in told(6) {
        let found = fields(&bytes);
        assert_eq!(found, ["Make", "Orientation", "GPSMapDatum"], "{kind:?}");
    }
}

#[test]
fn metadata_is_taken_off_and_the_pixels_stay_as_they_were() {
    for (bytes, kind) in told(1) {
        let (posted, prepared) = cleaned(&bytes);
        assert_eq!((prepared.kind, prepared.done), (kind, Done::Cleaned));
        assert_tells_nothing(&posted);
        assert_eq!(fields(&posted), Vec::<String>::new());
        let pixels = |bytes: &[u8]| image::load_from_memory(bytes).expect("a picture").to_rgb8();
        assert_eq!(pixels(&posted), pixels(&bytes));
    }
}

#[test]
fn preparing_what_was_prepared_changes_nothing() {
    for orientation in [1, 6] {
        for (bytes, _) in told(orientation) {
            let (posted, _) = cleaned(&bytes);
            let (again, prepared) = cleaned(&posted);
            assert_eq!((again == posted, prepared.done), (true, Done::Nothing));
        }
    }
}

#[test]
fn pictures_are_turned_upright() {
    // Where the red quarter of a picture comes to lie, by what Exif says.
    let (left, right, top, bottom) = (0, 1, 0, 1);
    let corners = [
        (left, top),
        (right, top),
        (right, bottom),
        (left, bottom),
        (left, top),
        (right, top),
        (right, bottom),
        (left, bottom),
    ];
    for (orientation, (across, down)) in (1..).zip(corners) {
        for (bytes, kind) in told(orientation) {
            let (posted, prepared) = cleaned(&bytes);
            let upright = image::load_from_memory(&posted)
                .expect("a picture")
                .to_rgb8();
            let size = if orientation > 4 { (48, 64) } else { (64, 48) };
            assert_eq!(upright.dimensions(), size, "{kind:?} {orientation}");
            assert_eq!(prepared.width.zip(prepared.height), Some(size));
            let (w, h) = size;
            let inside = (w / 4 + across * w / 2, h / 4 + down * h / 2);
            let outside = (w - 1 - inside.0, h - 1 - inside.1);
            assert!(
                is_red(&upright, inside.0, inside.1),
                "{kind:?} {orientation}"
            );
            assert!(
                !is_red(&upright, outside.0, outside.1),
                "{kind:?} {orientation}"
            );
            assert_eq!(fields(&posted), Vec::<String>::new());
            let preview = prepared.preview.expect("a preview");
            let preview = image::load_from_memory(&preview).expect("a JPEG").to_rgb8();
            assert_eq!(preview.dimensions(), size);
            assert!(is_red(&preview, inside.0, inside.1));
        }
    }
}

#[test]
fn a_picture_whose_metadata_is_kept_stays_byte_for_byte() {
    for (bytes, kind) in told(6) {
        let (posted, prepared) = prepared(&bytes, &keeping()).expect("a picture");
        assert_eq!(posted, bytes);
        assert_eq!((prepared.kind, prepared.done), (kind, Done::Kept));
        assert_eq!(prepared.width.zip(prepared.height), Some((48, 64)));
        assert!(prepared.preview.is_some());
    }
}

#[test]
fn what_colours_are_computed_from_survives_turning() {
    let profile = made::told_profile(2, &made::matrix_tags(0x90));
    let kept = super::super::icc::cut(&profile).expect("a profile");
    let mut jpeg = Vec::new();
    let mut encoder = JpegEncoder::new(&mut jpeg);
    image::ImageEncoder::set_icc_profile(&mut encoder, profile.clone()).expect("JPEG has profiles");
    encoder.encode_image(&marked(64, 48)).expect("a picture");
    let mut png = Vec::new();
    let mut encoder = image::codecs::png::PngEncoder::new(&mut png);
    image::ImageEncoder::set_icc_profile(&mut encoder, profile.clone()).expect("PNG too");
    marked(64, 48)
        .write_with_encoder(encoder)
        .expect("a picture");
    let mut webp = Vec::new();
    let mut encoder = image::codecs::webp::WebPEncoder::new_lossless(&mut webp);
    image::ImageEncoder::set_icc_profile(&mut encoder, profile).expect("and WebP");
    marked(64, 48)
        .write_with_encoder(encoder)
        .expect("a picture");
    for orientation in [1, 6] {
        let webp = made::with_exif_webp(&webp, orientation);
        for (bytes, format) in [
            (made::told_jpeg(&jpeg, orientation), ImageFormat::Jpeg),
            (made::told_png(&png, orientation), ImageFormat::Png),
            (webp, ImageFormat::WebP),
        ] {
            let (posted, _) = cleaned(&bytes);
            assert_tells_nothing(&posted);
            let reader = image::ImageReader::with_format(Cursor::new(&posted), format);
            let mut decoder = reader.into_decoder().expect("a picture");
            let found = image::ImageDecoder::icc_profile(&mut decoder).expect("a profile");
            assert_eq!(found.as_ref(), Some(&kept), "{format:?} {orientation}");
            let (again, prepared) = cleaned(&posted);
            assert_eq!((again == posted, prepared.done), (true, Done::Nothing));
        }
    }
}

#[test]
fn a_png_that_is_turned_keeps_its_gamma_and_primaries() {
    let png = encoded(marked(64, 48), ImageFormat::Png);
    let gamma = made::png_chunk(b"gAMA", &100_000u32.to_be_bytes());
    let primaries = made::png_chunk(b"cHRM", &[1; 32]);
    let (head, rest) = png.split_at(33);
    let png = [head, &gamma, &primaries, rest].concat();
    for orientation in [1, 6] {
        let (posted, _) = cleaned(&made::told_png(&png, orientation));
        assert!(super::holds(&posted, &gamma), "{orientation}");
        assert!(super::holds(&posted, &primaries), "{orientation}");
        image::load_from_memory(&posted).expect("a picture");
    }
}

#[test]
fn a_preview_of_a_png_of_another_gamma_is_as_bright_as_the_picture() {
    let grey = RgbImage::from_pixel(20, 20, Rgb([55; 3]));
    let png = encoded(grey, ImageFormat::Png);
    let (head, rest) = png.split_at(33);
    // Light as it is: a fifth of it is nearly a half of what a screen is told.
    let gamma = made::png_chunk(b"gAMA", &100_000u32.to_be_bytes());
    let (_, prepared) = cleaned(&[head, &gamma, rest].concat());
    let preview = image::load_from_memory(&prepared.preview.expect("a preview"));
    let Rgb([red, ..]) = *preview.expect("a JPEG").to_rgb8().get_pixel(10, 10);
    assert!((122..=132).contains(&red), "{red}");
}

#[test]
fn a_large_picture_gets_a_rendition() {
    let bytes = made::told_jpeg(&photograph(2_000, 1_500), 1);
    let (_, prepared) = cleaned(&bytes);
    let rendition = prepared.rendition.expect("a rendition");
    assert_eq!((rendition.width, rendition.height), (1_280, 960));
    assert_eq!(rendition.mime, "image/jpeg");
    let drawn = image::load_from_memory(&rendition.bytes).expect("a JPEG");
    assert_eq!((drawn.width(), drawn.height()), (1_280, 960));
    assert_tells_nothing(&rendition.bytes);
    let (_, prepared) = cleaned(&photograph(640, 480));
    assert_eq!(prepared.rendition, None);
}

#[test]
fn previews_of_every_shape_fit() {
    for (width, height) in [(1, 1), (4_000, 2), (2, 4_000), (1_500, 1_500), (300, 200)] {
        let (_, prepared) = cleaned(&photograph(width, height));
        let preview = prepared.preview.expect("a preview");
        assert!(preview.len() <= 4_096);
        assert_eq!(&preview[..3], [0xFF, 0xD8, 0xFF]);
    }
}

#[test]
fn what_is_transparent_is_white_in_a_preview() {
    let clear = RgbaImage::from_pixel(20, 20, Rgba([0, 0, 0, 0]));
    let (_, prepared) = cleaned(&encoded(clear, ImageFormat::Png));
    let preview = image::load_from_memory(&prepared.preview.expect("a preview"));
    let Rgb(colour) = *preview.expect("a JPEG").to_rgb8().get_pixel(10, 10);
    assert!(colour.iter().all(|part| *part > 250), "{colour:?}");
}

#[test]
fn animated_pictures_stay_animated() {
    let (posted, prepared) = cleaned(&made::told_gif());
    assert_tells_nothing(&posted);
    let decoder = image::codecs::gif::GifDecoder::new(Cursor::new(&posted)).expect("a GIF");
    let frames = image::AnimationDecoder::into_frames(decoder).count();
    assert_eq!(frames, 2);
    assert!(prepared.preview.is_some());
    assert_eq!(prepared.rendition, None);
}

#[test]
fn a_picture_that_lies_about_its_data_is_refused() {
    let bytes = encoded(marked(64, 48), ImageFormat::Png);
    let at = bytes.windows(4).position(|at| at == b"IDAT").expect("data");
    let mut odd = bytes;
    odd[at + 10] ^= 0x55;
    let refused = prepared(&odd, &Options::default());
    assert!(
        matches!(refused, Err(PictureError::Undecodable { .. })),
        "{refused:?}"
    );
}

#[test]
fn a_poster_stands_for_a_film() {
    let mut poster = tempfile::NamedTempFile::new().expect("a file");
    poster.write_all(&photograph(400, 300)).expect("room");
    let options = Options {
        poster: Some(poster.path()),
        ..Options::default()
    };
    let (sample, _) = super::films::SAMPLES[0];
    let (_, film) = prepared(sample, &options).expect("a film");
    let preview = image::load_from_memory(&film.preview.expect("a preview")).expect("a JPEG");
    assert_eq!(preview.width() * 3, preview.height() * 4);
    poster.as_file().set_len(100).expect("shorter");
    let refused = prepared(sample, &options);
    assert!(
        matches!(refused, Err(PictureError::Poster { .. })),
        "{refused:?}"
    );
}
