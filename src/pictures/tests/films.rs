//! Films, sounds and pictures in boxes, which are changed in place.

use std::io::{Read as _, Seek as _, SeekFrom, Write as _};

use super::boxed::{Track, ftyp, mvhd, small};
use super::{
    Done, Kind, Options, PictureError, assert_tells_nothing, cleaned, holds, keeping, prepared,
};

const MOV: &[u8] = include_bytes!("../../../tests/data/media/place.mov");
const TELEMETRY: &[u8] = include_bytes!("../../../tests/data/media/telemetry.mp4");
const WEBM: &[u8] = include_bytes!("../../../tests/data/media/place.webm");
const MKV: &[u8] = include_bytes!("../../../tests/data/media/place.mkv");
const HEIC: &[u8] = include_bytes!("../../../tests/data/media/place.heic");
const AVIF: &[u8] = include_bytes!("../../../tests/data/media/place.avif");

/// Every sample, and what it is.
pub(super) const SAMPLES: [(&[u8], Kind); 6] = [
    (MOV, Kind::Mov),
    (TELEMETRY, Kind::Mp4),
    (WEBM, Kind::Webm),
    (MKV, Kind::Matroska),
    (HEIC, Kind::Heic),
    (AVIF, Kind::Avif),
];

#[test]
fn what_tells_of_a_place_is_overwritten_and_nothing_moves() {
    for (sample, kind) in SAMPLES {
        let told = super::SECRETS.iter().any(|secret| holds(sample, secret));
        assert!(told, "{kind:?} has nothing to take off");
        let (posted, prepared) = cleaned(sample);
        assert_eq!((prepared.kind, prepared.done), (kind, Done::Cleaned));
        assert_eq!(posted.len(), sample.len());
        assert_tells_nothing(&posted);
        let (again, prepared) = cleaned(&posted);
        assert_eq!(
            (again == posted, prepared.done),
            (true, Done::Nothing),
            "{kind:?}"
        );
    }
}

#[test]
fn films_are_measured() {
    let films = [
        (MOV, 2_000),
        (TELEMETRY, 2_000),
        (WEBM, 2_000),
        (MKV, 2_000),
    ];
    for (sample, about) in films {
        let (_, prepared) = cleaned(sample);
        assert_eq!((prepared.width, prepared.height), (Some(64), Some(48)));
        let duration = prepared.duration_ms.expect("a duration");
        assert!(
            (about - 100..about + 100).contains(&duration),
            "{duration} ms"
        );
    }
}

#[test]
fn pictures_in_boxes_are_measured() {
    for (sample, size) in [(HEIC, (128, 96)), (AVIF, (64, 48))] {
        let (_, prepared) = cleaned(sample);
        assert_eq!(prepared.width.zip(prepared.height), Some(size));
        assert_eq!(prepared.duration_ms, None);
    }
}

#[test]
fn a_film_whose_metadata_is_kept_is_measured_and_not_changed() {
    for (sample, _) in SAMPLES {
        let (posted, prepared) = prepared(sample, &keeping()).expect("a sample");
        assert_eq!(posted, sample);
        assert_eq!(prepared.done, Done::Kept);
        assert!(prepared.width.is_some());
    }
}

#[test]
fn a_film_that_makes_no_sense_is_posted_only_as_it_is() {
    let cut = &MOV[..MOV.len() / 2];
    let refused = prepared(cut, &Options::default());
    assert!(
        matches!(refused, Err(PictureError::CutOff { .. })),
        "{refused:?}"
    );
    let (posted, prepared) = prepared(cut, &keeping()).expect("kept as it is");
    assert_eq!((posted.as_slice(), prepared.width), (cut, None));
}

#[test]
fn a_picture_whose_items_cannot_be_told_apart_is_refused() {
    let at = HEIC
        .windows(4)
        .position(|at| at == b"iloc")
        .expect("a table");
    let mut odd = HEIC.to_vec();
    odd[at + 4] = 9;
    let refused = prepared(&odd, &Options::default());
    assert!(
        matches!(refused, Err(PictureError::Sealed { .. })),
        "{refused:?}"
    );
}

#[test]
fn a_hidden_track_goes_with_what_it_recorded() {
    let (posted, _) = cleaned(TELEMETRY);
    let tracks = |bytes: &[u8]| bytes.windows(4).filter(|at| at == b"trak").count();
    assert_eq!((tracks(TELEMETRY), tracks(&posted)), (2, 1));
}

#[test]
fn sounds_are_measured_and_left_as_they_are() {
    let data = vec![0; 8_000];
    let head = [
        b"RIFF".as_slice(),
        &8_036u32.to_le_bytes(),
        b"WAVEfmt ",
        &16u32.to_le_bytes(),
        &[1, 0, 1, 0],
        &8_000u32.to_le_bytes(),
        &8_000u32.to_le_bytes(),
        &[1, 0, 8, 0],
        b"data",
        &8_000u32.to_le_bytes(),
    ]
    .concat();
    let (_, prepared) = cleaned(&[head, data].concat());
    assert_eq!(
        (prepared.kind, prepared.duration_ms),
        (Kind::Wav, Some(1_000))
    );
    assert_eq!(prepared.done, Done::Nothing);
}

#[test]
fn a_film_of_five_gigabytes_is_prepared_where_it_lies() {
    let data = 5u64 << 30;
    let place = ftyp().len() as u64 + 16;
    let track = Track::seen(1, &[(place, &[u32::MAX, (1 << 30) - 15])]);
    let udta = small(b"udta", &[b"+52.5200+013.4050"]);
    let moov = small(b"moov", &[&mvhd(), &track.trak(), &udta]);
    let head = [
        &ftyp()[..],
        &1u32.to_be_bytes(),
        b"mdat",
        &data.to_be_bytes(),
    ]
    .concat();
    let end = ftyp().len() as u64 + data;
    let mut file = tempfile::tempfile().expect("a file");
    file.write_all(&head).expect("room");
    file.seek(SeekFrom::Start(end))
        .expect("a file may have holes");
    file.write_all(&moov).expect("room");
    let film = super::prepare(&mut file, &Options::default()).expect("a film");
    assert_eq!((film.duration_ms, film.done), (Some(90_000), Done::Cleaned));
    assert_eq!(film.len, end + moov.len() as u64);
    let mut after = Vec::new();
    file.seek(SeekFrom::Start(end)).expect("a file");
    file.read_to_end(&mut after).expect("a file");
    assert_eq!(after.len(), moov.len());
    assert_tells_nothing(&after);
}

#[test]
fn a_film_whose_kind_is_not_taken_apart_is_refused_and_told_apart() {
    let packets = |lead: &[u8], packet: usize| {
        let packet: Vec<_> = lead
            .iter()
            .chain(&vec![7; packet - lead.len()])
            .copied()
            .collect();
        packet.repeat(20)
    };
    let avi = b"RIFF\x40\0\0\0AVI LIST\x04\0\0\0hdrlTold-behind-it";
    let dv = [
        &[0x1F, 0x07, 0, 0x3F][..],
        &[0xFF; 76],
        &[0x3F, 0x07, 0],
        &[0; 77],
    ]
    .concat();
    let films = [
        (avi.to_vec(), Kind::Avi),
        (packets(b"\x47\x40\0\x10", 188), Kind::MpegTs),
        (packets(b"\0\0\0\0\x47\x40\0\x10", 192), Kind::MpegTs),
        (packets(b"\x47\x40\0\x10", 204), Kind::MpegTs),
        (b"\0\0\x01\xBA\x44\0\x04\0".to_vec(), Kind::MpegPs),
        (b"0&\xB2\x75\x8E\x66\xCF\x11\xA6\xD9".to_vec(), Kind::Asf),
        (b"FLV\x01\x05\0\0\0\x09".to_vec(), Kind::Flv),
        (b".RMF\0\0\0\x12".to_vec(), Kind::RealMedia),
        (dv, Kind::Dv),
        (b"\x06\x0E\x2B\x34\x02\x05\x01\x01\x0D".to_vec(), Kind::Mxf),
    ];
    for (film, kind) in films {
        let refused = prepared(&film, &Options::default());
        let error = refused.expect_err("a film that cannot be cleaned");
        assert!(
            matches!(error, PictureError::Sealed { .. }),
            "{kind:?}: {error:?}"
        );
        let (posted, prepared) = prepared(&film, &keeping()).expect("as it is");
        assert_eq!((posted == film, prepared.kind), (true, kind));
    }
    let text = format!("G{}\n", "o".repeat(190)).repeat(9);
    assert_eq!(cleaned(text.as_bytes()).1.kind, Kind::Text);
}

/// Films as cameras write them, made with another program, and what they tell.
const OF_CAMERAS: [(&[u8], &[u8]); 4] = [
    (
        include_bytes!("../../../tests/data/media/drone.mp4"),
        b"GPS (",
    ),
    (
        include_bytes!("../../../tests/data/media/drone.mkv"),
        b"GPS (",
    ),
    (
        include_bytes!("../../../tests/data/media/reel.mov"),
        b"SER1234",
    ),
    (
        include_bytes!("../../../tests/data/media/trailer.mp4"),
        b"8db42d694ccc418790edff439fe026bf",
    ),
];

#[test]
fn films_of_drones_and_of_action_cameras_tell_nothing() {
    for (film, told) in OF_CAMERAS {
        assert!(holds(film, told));
        let (posted, prepared) = cleaned(film);
        assert!(!holds(&posted, told), "{:?}", String::from_utf8_lossy(told));
        assert!(!holds(&posted, b"2024.05.06"));
        assert_eq!(prepared.done, Done::Cleaned);
        assert_eq!(prepared.width.zip(prepared.height), Some((160, 120)));
        assert_eq!(
            posted.len() < film.len(),
            told.len() == 32,
            "only a trailer is cut off"
        );
    }
}
