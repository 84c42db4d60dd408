//! Notes between the pictures of films in H.264 and H.265.

use super::boxed::{DATA, Track, film, picture_entry, small};
use super::{Done, cleaned, holds, keeping, matroska, prepared};

/// What a decoder of H.264 is told: units have four bytes of length before them.
const AVC: &[u8] = b"\x01\x64\0\x0A\xFF\xE0\0";

/// The same of H.265, with a unit of notes in a list of units.
fn hvc() -> Vec<u8> {
    let notes = [
        &b"\x4E\x01"[..],
        &message(5, &[ID, b"Told-settings"].concat()),
    ]
    .concat();
    let len = u16::try_from(notes.len()).expect("short");
    [
        &[1; 21][..],
        &[0xFF, 1],
        &[39, 0, 1],
        &len.to_be_bytes(),
        &notes,
    ]
    .concat()
}

/// Who wrote a note that is registered with nobody.
const ID: &[u8] = b"\x17\xEE\x8C\x60\xF8\x4D\x11\xD9\x8C\xD6\x08\0\x20\x0C\x9A\x66";

fn message(kind: u8, said: &[u8]) -> Vec<u8> {
    let len = u8::try_from(said.len()).expect("a short message");
    [&[kind, len][..], said].concat()
}

fn unit(bytes: &[&[u8]]) -> Vec<u8> {
    let body = bytes.concat();
    let len = u32::try_from(body.len()).expect("short");
    [&len.to_be_bytes()[..], &body].concat()
}

/// Pictures with all sorts of notes before them.
fn pictures(is_h264: bool) -> Vec<u8> {
    let (notes, seen): (&[u8], &[u8]) = match is_h264 {
        true => (b"\x06", b"\x65seen-1"),
        false => (b"\x4E\x01", b"\x26\x01seen-1"),
    };
    let hour = message(136, b"Told-hour");
    let mut place = message(5, &[ID, b"MDPM Told-place \0\0\x03\x01 Told-more"].concat());
    // The byte behind two zeros is not counted.
    place[1] -= 1;
    let long = [&b"\x05\xFF\x2D"[..], &[b'T'; 300]].concat();
    let captions = message(4, b"\xB5\0\x31GA94 Told-captions");
    let encoder = b"\xDC\x45\xE9\xBD\xE6\xD9\x48\xB7\x96\x2C\xD8\x20\xD9\x23\xEE\xEFx264 - core 164 r9 - Told-options";
    [
        unit(&[
            notes,
            &message(1, b"as pictures follow"),
            &place,
            &hour,
            b"\x80",
        ]),
        unit(&[notes, &long, &captions, b"\x80"]),
        unit(&[
            notes,
            &message(5, encoder),
            &message(4, b"\xB5\0\x3C\0\x01 how bright"),
            b"\x80",
        ]),
        // It says that it is longer than it is.
        unit(&[notes, b"\x05\x60Told-by-a-liar"]),
        unit(&[seen]),
    ]
    .concat()
}

fn filmed(is_h264: bool) -> Vec<u8> {
    let data = pictures(is_h264);
    let (form, config) = match is_h264 {
        true => (b"avc1", small(b"avcC", &[AVC])),
        false => (b"hvc1", small(b"hvcC", &[&hvc()])),
    };
    let len = u32::try_from(data.len()).expect("short");
    let track = Track::of(
        1,
        b"vide",
        picture_entry(form, &[&config]),
        &[(DATA, &[len])],
    );
    film(&data, &[track])
}

fn assert_without_notes(told: &[u8], posted: &[u8]) {
    assert_eq!(posted.len(), told.len());
    assert!(holds(told, b"Told-place") && holds(told, b"TTTT"));
    assert!(!holds(posted, b"Told-") && !holds(posted, b"MDPM") && !holds(posted, b"TTTT"));
    for kept in [
        &b"seen-1"[..],
        b"as pictures follow",
        b"x264 - core 164\x01",
        b" how bright",
        // Bytes that keep two zeros from being taken for an end.
        b"\x01\0\0\x03\x01",
    ] {
        assert!(holds(posted, kept), "{}", kept.escape_ascii());
    }
}

#[test]
fn notes_between_pictures_are_made_ones() {
    for is_h264 in [true, false] {
        let told = filmed(is_h264);
        let (posted, found) = cleaned(&told);
        assert_eq!(found.done, Done::Cleaned);
        assert_without_notes(&told, &posted);
        assert_eq!(cleaned(&posted).1.done, Done::Nothing);
        assert_eq!(prepared(&told, &keeping()).expect("a film").0, told);
    }
}

#[test]
fn so_are_those_in_matroska() {
    for (is_h264, codec, config) in [
        (true, "V_MPEG4/ISO/AVC", AVC.to_vec()),
        (false, "V_MPEGH/ISO/HEVC", hvc()),
    ] {
        let told = matroska::of_pictures(codec, &config, &pictures(is_h264));
        assert_without_notes(&told, &cleaned(&told).0);
    }
}

#[test]
fn what_is_no_row_of_units_stays_as_it_is() {
    let mut data = pictures(true);
    data.extend(b"\0\0\xFF");
    let len = u32::try_from(data.len()).expect("short");
    let entry = picture_entry(b"avc1", &[&small(b"avcC", &[AVC])]);
    let track = Track::of(1, b"vide", entry, &[(DATA, &[len])]);
    assert!(holds(&cleaned(&film(&data, &[track])).0, &data));
}
