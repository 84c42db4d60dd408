//! Where a JPEG ends: with its mark, without it, before it, and at a damaged byte.

use std::io::Cursor;

use image::codecs::jpeg::JpegEncoder;
use image::{ImageDecoder as _, RgbImage};

use super::{Done, Options, PictureError, assert_tells_nothing, cleaned, made, prepared};

const PROGRESSIVE: &[u8] = include_bytes!("../../../tests/data/media/progressive.jpg");
const RESTARTS: &[u8] = include_bytes!("../../../tests/data/media/restarts.jpg");

fn photograph() -> Vec<u8> {
    let picture = RgbImage::from_raw(200, 150, made::pixels(200, 150)).expect("as many pixels");
    let mut bytes = Vec::new();
    let encoder = JpegEncoder::new_with_quality(&mut bytes, 90);
    picture.write_with_encoder(encoder).expect("a picture");
    bytes
}

fn samples() -> [Vec<u8>; 3] {
    [photograph(), PROGRESSIVE.to_vec(), RESTARTS.to_vec()]
}

fn pixels(bytes: &[u8]) -> Vec<u8> {
    let decoder = image::codecs::jpeg::JpegDecoder::new(Cursor::new(bytes)).expect("a JPEG");
    let mut pixels = vec![0; usize::try_from(decoder.total_bytes()).expect("a small picture")];
    decoder.read_image(&mut pixels).expect("a picture");
    pixels
}

/// Where the codes of the first pass begin.
fn first_code(bytes: &[u8]) -> usize {
    let at = bytes
        .windows(2)
        .position(|at| at == [0xFF, 0xDA])
        .expect("a pass");
    at + 2 + usize::from(u16::from_be_bytes([bytes[at + 2], bytes[at + 3]]))
}

#[test]
fn a_picture_without_its_end_gets_one() {
    for bytes in samples() {
        let without = &bytes[..bytes.len() - 2];
        let (posted, prepared) = cleaned(without);
        assert_eq!(prepared.done, Done::Cleaned);
        assert_eq!(posted[posted.len() - 2..], [0xFF, 0xD9]);
        assert_eq!(pixels(&posted), pixels(&bytes));
        let cut = &bytes[..bytes.len() - 40];
        let refused = prepared_or_error(cut);
        assert!(
            matches!(refused, Err(PictureError::CutOff { .. })),
            "{refused:?}"
        );
    }
}

fn prepared_or_error(bytes: &[u8]) -> Result<Vec<u8>, PictureError> {
    prepared(bytes, &Options::default()).map(|(posted, _)| posted)
}

#[test]
fn what_stands_behind_the_last_code_goes() {
    for bytes in samples() {
        let (clean, _) = cleaned(&bytes);
        let (drawing, end) = bytes.split_at(bytes.len() - 2);
        let (posted, _) = cleaned(&[drawing, b"PlaceTold", end].concat());
        assert_tells_nothing(&posted);
        assert_eq!(posted, clean);
    }
}

#[test]
fn a_damaged_byte_does_not_cut_a_picture() {
    for (sample, bytes) in samples().into_iter().enumerate() {
        let from = first_code(&bytes);
        for part in 1..8 {
            let at = from + (bytes.len() - from) * part / 8;
            for mark in [0xD9, 0xE5, 0xFE, 0xD8, 0x37, 0xC0] {
                let mut damaged = bytes.clone();
                damaged[at..at + 2].copy_from_slice(&[0xFF, mark]);
                // Refused, or whole but for what other readers lose too.
                if let Ok(posted) = prepared_or_error(&damaged) {
                    assert!(
                        posted.len() + 64 >= bytes.len(),
                        "sample {sample}, {mark:X} at {at}: {} of {} bytes are left",
                        posted.len(),
                        bytes.len()
                    );
                }
            }
        }
    }
}

#[test]
fn a_picture_that_says_it_ends_early_is_posted_as_it_is() {
    // As programs save what they got of a picture that was not sent whole.
    let bytes = photograph();
    let half = [&bytes[..bytes.len() / 2], &[0xFF, 0xD9]].concat();
    if let Ok(posted) = prepared_or_error(&half) {
        assert_eq!(posted, half);
    }
    let with_film = [
        &half,
        b"\0\0\0\x18ftypmp42 a film shot at +52.5200".as_slice(),
    ]
    .concat();
    if let Ok(posted) = prepared_or_error(&with_film) {
        assert_eq!(posted, half);
    }
}

#[test]
fn which_way_is_up_may_be_a_number_of_any_length() {
    for (kind, number) in [(1u8, [6, 0, 0, 0]), (3, [6, 0, 0, 0]), (4, [6, 0, 0, 0])] {
        let mut exif = b"Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01".to_vec();
        exif.extend([kind, 0, 1, 0, 0, 0]);
        exif.extend(number);
        exif.extend([0; 4]);
        let len = u16::try_from(exif.len() + 2)
            .expect("a short block")
            .to_be_bytes();
        let (start, rest) = PROGRESSIVE.split_at(2);
        let told = [start, &[0xFF, 0xE1], &len, &exif, rest].concat();
        let (_, upright) = cleaned(PROGRESSIVE);
        let (_, prepared) = cleaned(&told);
        assert_eq!(
            prepared.width.zip(prepared.height),
            upright.height.zip(upright.width)
        );
        assert_eq!(prepared.done, Done::Turned, "{kind}");
    }
}

#[test]
fn segments_have_the_length_of_their_kind() {
    let bytes = photograph();
    let longer = |marker: u8, bytes: &[u8]| {
        let at = bytes.windows(2).position(|at| at == [0xFF, marker]);
        let at = at.unwrap_or_else(|| panic!("no {marker:X}"));
        let len = u16::from_be_bytes([bytes[at + 2], bytes[at + 3]]);
        let (head, tail) = bytes.split_at(at + 2 + usize::from(len));
        let mut out = [head, b"PlaceTold", tail].concat();
        out[at + 2..at + 4].copy_from_slice(&(len + 9).to_be_bytes());
        out
    };
    let (clean, _) = cleaned(&bytes);
    for marker in [0xE0, 0xDB, 0xC0, 0xC4, 0xDA] {
        let told = longer(marker, &bytes);
        let (posted, _) = cleaned(&told);
        assert_tells_nothing(&posted);
        assert_eq!(posted, clean, "{marker:X}");
    }
    let (start, rest) = bytes.split_at(2);
    let adobe = b"\xFF\xEE\0\x17Adobe\0\x64\0\0\0\0\x01PlaceTold";
    let again = b"\xFF\xEE\0\x0FAdobe:Banana\0";
    let (posted, _) = cleaned(&[start, adobe, again, rest].concat());
    assert_tells_nothing(&posted);
    assert!(super::holds(
        &posted,
        b"\xFF\xEE\0\x0EAdobe\0\x64\0\0\0\0\x01"
    ));
}
