//! Facts planted in films in boxes, in every place where one can hide.

use super::super::icc;
use super::boxed::{
    DATA, Track, film, ftyp, full, mvhd, notes, numbers, picture_entry, small, sound_entry,
};
use super::{Done, Options, PictureError, Prepared, cleaned, holds, keeping, made, prepared};

/// Looks for what was planted.
fn assert_nothing_told(bytes: &[u8]) {
    for mark in [b"Told-".as_slice(), b"Tld"] {
        let at = bytes.windows(mark.len()).position(|at| at == mark);
        let said = at.map(|at| String::from_utf8_lossy(&bytes[at..(at + 24).min(bytes.len())]));
        assert!(said.is_none(), "{said:?} is still in it");
    }
}

/// Boxes that have others in them, as far as these tests make them.
const PARENTS: [&[u8; 4]; 12] = [
    b"moov", b"trak", b"edts", b"mdia", b"minf", b"dinf", b"stbl", b"mvex", b"moof", b"traf",
    b"mfra", b"tref",
];

/// The names of all boxes, which have to fill the room that there is.
fn names(bytes: &[u8]) -> Vec<[u8; 4]> {
    let (mut names, mut rest) = (Vec::new(), bytes);
    while let Some((size, _)) = rest.split_first_chunk::<4>() {
        let size = u32::from_be_bytes(*size) as usize;
        assert!(size >= 8 && size <= rest.len(), "a box of {size} bytes");
        let name: [u8; 4] = rest[4..8].try_into().expect("four");
        names.push(name);
        if PARENTS.contains(&&name) {
            names.extend(self::names(&rest[8..size]));
        }
        rest = &rest[size..];
    }
    names
}

/// Cleans a film, and makes sure that nothing moved and nothing is told.
fn told_nothing(film: &[u8]) -> (Vec<u8>, Prepared) {
    assert!(holds(film, b"Told-"), "nothing was planted");
    let (posted, prepared) = cleaned(film);
    assert_nothing_told(&posted);
    names(&posted);
    let (again, twice) = cleaned(&posted);
    assert_eq!((again == posted, twice.done), (true, Done::Nothing));
    (posted, prepared)
}

fn refused(film: &[u8]) -> PictureError {
    prepared(film, &Options::default()).expect_err("a film that is refused")
}

#[test]
fn facts_in_any_box_of_a_film_and_between_its_samples_are_gone() {
    let data = b"seen-1Told-gap..heard1seen-2Told-dash-camera-at-52.52heard2Told-end";
    let heard = sound_entry(
        b"mp4a",
        16,
        &[&small(b"esds", &[b"as it wants"]), &notes("mp4a")],
    );
    let colours = small(b"colr", &[b"nclx\0\x01\0\x01\0\x01\0", b"Told-colr"]);
    let shape = small(b"pasp", &[&numbers(&[1, 1]), b"Told-pasp"]);
    let seen = picture_entry(
        b"avc1",
        &[
            &small(b"avcC", &[b"wanted"]),
            &notes("avc1"),
            &colours,
            &shape,
            b"\0\0\0\x02Told-no-box",
        ],
    );
    let tracks = [
        Track::of(1, b"vide", seen, &[(DATA, &[6]), (DATA + 22, &[4, 2])]),
        Track::of(
            2,
            b"soun",
            heard,
            &[(DATA + 16, &[6]), (DATA + 53, &[2, 2, 2])],
        ),
    ];
    let whole = film(data, &tracks);
    let (posted, prepared) = told_nothing(&whole);
    assert_eq!(posted.len(), whole.len());
    assert_eq!(prepared.width.zip(prepared.height), Some((64, 48)));
    assert_eq!(prepared.duration_ms, Some(90_000));
    let left = b"seen-1\0\0\0\0\0\0\0\0\0\0heard1seen-2";
    assert!(posted[28..].starts_with(left));
    assert!(holds(&posted, b"heard2"), "the last sound");
    for kept in [
        b"as it wants".as_slice(),
        b"wanted",
        b"nclx",
        b"avcC",
        b"esds",
    ] {
        assert!(holds(&posted, kept), "{:?}", String::from_utf8_lossy(kept));
    }
    let names = names(&posted);
    for name in [
        b"tkhd", b"elst", b"stsd", b"stts", b"stsc", b"stsz", b"co64", b"dref", b"vmhd",
    ] {
        assert_eq!(names.iter().filter(|found| *found == name).count(), 2);
    }
}

#[test]
fn a_colour_profile_is_cut_to_what_colours_need() {
    let profile = made::told_profile(2, &made::matrix_tags(0x90));
    let colours = small(b"colr", &[b"prof", &profile]);
    let no_colours = small(b"colr", &[b"prof", b"Told-and-no-profile"]);
    let entry = picture_entry(b"apch", &[&colours, &no_colours]);
    let whole = film(b"seen-1", &[Track::of(1, b"vide", entry, &[(DATA, &[6])])]);
    let (posted, _) = told_nothing(&whole);
    super::assert_tells_nothing(&posted);
    let kept = icc::cut_in_place(&profile).expect("a profile");
    assert!(holds(&posted, &kept));
}

#[test]
fn a_track_that_is_neither_seen_nor_heard_goes_with_its_samples() {
    let data = b"seen-1Told-the-place-in-subtitlesseen-2";
    let hidden: [(&[u8; 4], &[u8; 4]); 13] = [
        (b"sbtl", b"tx3g"),
        (b"subt", b"stpp"),
        (b"text", b"text"),
        (b"clcp", b"c608"),
        (b"tmcd", b"tmcd"),
        (b"meta", b"mebx"),
        (b"meta", b"gpmd"),
        (b"hint", b"rtp "),
        (b"camm", b"camm"),
        (b"data", b"fdsc"),
        (b"sdsm", b"mp4s"),
        (b"\0\0\0\0", b"GPSx"),
        // It says that it is seen.
        (b"vide", b"camm"),
    ];
    for (handler, form) in hidden {
        let entry = small(form, &[&[0; 90], b"Told-reel-name"]);
        let tracks = [
            Track::seen(1, &[(DATA, &[6]), (DATA + 33, &[6])]),
            Track::of(2, handler, entry, &[(DATA + 6, &[20, 7])]),
        ];
        let (posted, _) = told_nothing(&film(data, &tracks));
        let name = String::from_utf8_lossy(form);
        assert!(posted[28..].starts_with(b"seen-1\0\0\0"), "{name}");
        assert!(holds(&posted, b"\0\0\0seen-2"), "{name}");
        let tracks = names(&posted)
            .iter()
            .filter(|name| *name == b"trak")
            .count();
        assert_eq!(tracks, 1, "{name}");
    }
}

#[test]
fn a_hidden_track_stays_with_the_rest_where_metadata_are_kept() {
    let tracks = [
        Track::seen(1, &[(DATA, &[6])]),
        Track::of(
            2,
            b"sbtl",
            small(b"tx3g", &[&[0; 90]]),
            &[(DATA + 6, &[10])],
        ),
    ];
    let whole = film(b"seen-1Told-place", &tracks);
    let (posted, prepared) = prepared(&whole, &keeping()).expect("as it is");
    assert_eq!((posted == whole, prepared.done), (true, Done::Kept));
    assert_eq!(prepared.width, Some(64));
}

#[test]
fn sizes_of_samples_in_few_bits_are_read() {
    let data = b"seen-1seen-2Told-between.seen-3";
    for (bits, sizes) in [
        (4, b"\x66\x60".as_slice()),
        (8, b"\x06\x06\x06"),
        (16, b"\0\x06\0\x06\0\x06"),
    ] {
        let mut track = Track::seen(1, &[(DATA, &[6, 6]), (DATA + 25, &[6])]);
        track.sizes = Some(small(
            b"stz2",
            &[&numbers(&[0, bits, 3]), sizes, b"Told-stz2"],
        ));
        let (posted, _) = told_nothing(&film(data, &[track]));
        assert!(posted[28..].starts_with(b"seen-1seen-2\0\0\0\0\0\0\0\0\0\0\0\0\0seen-3"));
    }
}

#[test]
fn sounds_that_are_counted_one_by_one_are_kept_whole() {
    let data = b"heard-this-is-32-bytes-of-sound.Told-behind-it";
    let plain = sound_entry(b"twos", 16, &[]);
    // QuickTime's longer form: 64 sounds in 32 bytes.
    let mut packed = sound_entry(b"ima4", 16, &[&numbers(&[64, 32, 32, 2]), &notes("ima4")]);
    packed[17] = 1;
    for (entry, count) in [(plain, 16), (packed, 64)] {
        let all = vec![1; count];
        let mut track = Track::of(1, b"soun", entry, &[(DATA, &all)]);
        let count = u32::try_from(count).expect("few");
        track.sizes = Some(full(b"stsz", &[0, 1, count]));
        let (posted, _) = told_nothing(&film(data, &[track]));
        assert!(posted[28..].starts_with(b"heard-this-is-32-bytes-of-sound.\0\0\0"));
    }
}

/// From where a fragment counts the places of its samples.
#[derive(Debug, Clone, Copy)]
enum Counted {
    File,
    Fragment,
    PartBefore,
}

/// A film in fragments: subtitles stand before the pictures in each, and a note between them.
fn in_fragments(counted: Counted) -> Vec<u8> {
    let tracks = [
        Track::of(2, b"sbtl", small(b"tx3g", &[b"Told-tx3g"]), &[]),
        Track::seen(1, &[]),
    ];
    let traks: Vec<_> = tracks.iter().flat_map(Track::trak).collect();
    let mvex = small(
        b"mvex",
        &[
            &small(b"mehd", &[&numbers(&[0, 60_000])]),
            &small(b"trex", &[&numbers(&[0, 1, 1, 0, 6, 0]), b"Told-trex"]),
            &small(b"trex", &[&numbers(&[0, 2, 1, 0, 9, 0]), b"Told-trex"]),
            &notes("mvex"),
        ],
    );
    let moov = small(b"moov", &[&mvhd(), &mvex, &traks, &notes("moov")]);
    let mut film = [ftyp(), moov].concat();
    for n in 1..=2 {
        let at = u32::try_from(film.len()).expect("short");
        let moof = fragment(n, at, 0, counted);
        let len = u32::try_from(moof.len()).expect("short");
        film.extend(fragment(n, at, len, counted));
        film.extend(small(b"mdat", &[b"Told-textTold-gap!seen-1seen-2Told"]));
        film.extend(small(b"emsg", &[b"Told-emsg"]));
        film.extend(small(b"prft", &[b"Told-prft"]));
    }
    let tfra = |track| [&numbers(&[0, track, 0, 0])[..], b"Told-tfra"].concat();
    let mfra = [small(b"tfra", &[&tfra(2)]), full(b"mfro", &[0, 40])].concat();
    [film, small(b"mfra", &[&mfra, &notes("mfra")])].concat()
}

fn fragment(n: u32, at: u32, len: u32, counted: Counted) -> Vec<u8> {
    let (flags, base) = match counted {
        Counted::File => (0x1, numbers(&[0, at])),
        Counted::Fragment => (0x2_0000, Vec::new()),
        Counted::PartBefore => (0, Vec::new()),
    };
    let tfhd = |id| small(b"tfhd", &[&numbers(&[flags, id]), &base, b"Told-tfhd"]);
    let data = len + 8;
    let text = small(b"trun", &[&numbers(&[0x1, 1, data]), b"Told-trun"]);
    // Nine bytes of text and as many of nothing lie before what is seen.
    let skipped = match counted {
        Counted::PartBefore => 9,
        _ => data + 18,
    };
    let first = small(b"trun", &[&numbers(&[0x201, 1, skipped, 6]), b"Told-trun"]);
    let second = small(b"trun", &[&numbers(&[0, 1]), b"Told-trun"]);
    let times = small(b"tfdt", &[&numbers(&[0, n]), b"Told-tfdt"]);
    let hidden = [tfhd(2), times.clone(), text, notes("traf")].concat();
    let seen = [
        tfhd(1),
        times,
        first,
        second,
        full(b"saiz", &[7]),
        notes("traf"),
    ]
    .concat();
    small(
        b"moof",
        &[
            &small(b"mfhd", &[&numbers(&[0, n]), b"Told-mfhd"]),
            &small(b"traf", &[&hidden]),
            &small(b"traf", &[&seen]),
            &notes("moof"),
        ],
    )
}

#[test]
fn hidden_tracks_of_a_film_in_fragments_go_with_their_samples() {
    for counted in [Counted::File, Counted::Fragment, Counted::PartBefore] {
        let whole = in_fragments(counted);
        let (posted, prepared) = told_nothing(&whole);
        assert_eq!(posted.len(), whole.len(), "{counted:?}");
        assert_eq!(prepared.duration_ms, Some(90_000));
        let seen = posted
            .windows(12)
            .filter(|at| at == b"seen-1seen-2")
            .count();
        assert_eq!(seen, 2, "{counted:?}");
        let names = names(&posted);
        let count = |name| names.iter().filter(|found| *found == name).count();
        assert_eq!((count(b"traf"), count(b"trun"), count(b"trex")), (2, 4, 1));
        assert_eq!((count(b"tfra"), count(b"mfro")), (0, 1));
    }
}

#[test]
fn what_follows_a_hidden_part_of_a_fragment_is_counted_anew() {
    let whole = in_fragments(Counted::PartBefore);
    let (posted, _) = cleaned(&whole);
    let moof = posted.windows(4).position(|at| at == b"moof").expect("one") - 4;
    let trun = posted.windows(4).position(|at| at == b"trun").expect("one") + 4;
    let told: [u8; 4] = posted[trun + 8..trun + 12].try_into().expect("four");
    let at = moof + u32::from_be_bytes(told) as usize;
    assert!(posted[at..].starts_with(b"seen-1seen-2"));
}

#[test]
fn what_a_maker_puts_behind_the_end_is_cut_off() {
    let whole = film(b"seen-1", &[Track::seen(1, &[(DATA, &[6])])]);
    let (clean, _) = told_nothing(&whole);
    let behind: [&[u8]; 5] = [
        b"Told-by-a-maker: 8db42d694ccc418790edff439fe026bf",
        b"\0\0\0\0Told-with-no-length",
        b"\0\0\0\x04Told-shorter-than-its-head",
        b"T",
        b"\xFF\xFF\xFF\xFFinstTold-longer-than-the-file",
    ];
    for trailer in behind {
        let (posted, prepared) = cleaned(&[&whole, trailer].concat());
        assert_eq!((posted == clean, prepared.done), (true, Done::Cleaned));
        let kept = [&whole, trailer].concat();
        let (posted, _) = self::prepared(&kept, &keeping()).expect("as it is");
        assert_eq!(posted, kept);
    }
}

#[test]
fn a_film_that_was_cut_off_is_refused_with_that_word() {
    let tracks = [Track::seen(1, &[(DATA, &[6])])];
    let whole = film(b"seen-1", &tracks);
    let fragments = in_fragments(Counted::Fragment);
    let mdat = fragments
        .windows(4)
        .position(|at| at == b"mdat")
        .expect("one");
    let beyond = film(b"seen", &tracks[..]);
    let beyond_all = film(b"", &[Track::seen(1, &[(1 << 40, &[6])])]);
    for cut in [
        &whole[..whole.len() / 2],
        &whole[..whole.len() - 1],
        &fragments[..mdat + 12],
        &beyond_all,
    ] {
        let error = refused(cut);
        assert!(matches!(error, PictureError::CutOff { .. }), "{error:?}");
    }
    // The last sample lies half in the next box.
    let (posted, _) = cleaned(&beyond);
    assert_nothing_told(&posted);
}

#[test]
fn a_film_that_cannot_be_read_is_refused() {
    let locked = picture_entry(b"encv", &[&small(b"sinf", &[b"Told-buyer"])]);
    let lies = |sizes: Vec<u8>| {
        let mut track = Track::seen(1, &[(DATA, &[6])]);
        track.sizes = Some(sizes);
        film(b"seen-1", &[track])
    };
    let twice = [full(b"stsz", &[0, 6, 1]), full(b"stsz", &[0, 6, 1])].concat();
    let many: Vec<_> = (0..300)
        .map(|id| Track::seen(id, &[(DATA, &[6])]))
        .collect();
    let films = [
        film(
            b"Told-text",
            &[Track::of(1, b"text", small(b"text", &[]), &[(DATA, &[9])])],
        ),
        film(b"", &[]),
        film(b"seen-1", &[Track::of(1, b"vide", locked, &[(DATA, &[6])])]),
        lies(full(b"stsz", &[0, 0, u32::MAX])),
        lies(full(b"stsz", &[0, u32::MAX, u32::MAX])),
        lies(full(b"stz2", &[0, 7, 1])),
        lies(twice),
        film(b"seen-1", &[Track::seen(1, &[(2, &[6])])]),
        film(b"seen-1", &many),
    ];
    for film in films {
        refused(&film);
    }
}

#[test]
fn samples_upon_one_another_take_no_longer() {
    let places: Vec<_> = (0..20_000)
        .map(|n| (DATA + 20_000 - n, vec![1u32; 3]))
        .collect();
    let places: Vec<_> = places
        .iter()
        .map(|(at, sizes)| (*at, sizes.as_slice()))
        .collect();
    let tracks: Vec<_> = (0..9).map(|id| Track::seen(id, &places)).collect();
    let data = [vec![b's'; 20_003], b"Told-behind".to_vec()].concat();
    let (posted, _) = told_nothing(&film(&data, &tracks));
    assert!(posted[29..20_031].iter().all(|byte| *byte == b's'));
}
