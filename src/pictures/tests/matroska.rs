//! Facts planted in WebM and Matroska, in every place where one can hide.

use super::{Done, Kind, Options, PictureError, cleaned, holds, keeping, prepared};

/// An element with these parts in it.
fn element(id: u32, parts: &[&[u8]]) -> Vec<u8> {
    let body = parts.concat();
    let len = u32::try_from(body.len()).expect("short") | 0x1000_0000;
    [name(id), len.to_be_bytes().to_vec(), body].concat()
}

/// An element whose writer did not know how long it would get.
fn open(id: u32, parts: &[&[u8]]) -> Vec<u8> {
    [&name(id), &b"\xFF"[..], &parts.concat()].concat()
}

fn name(id: u32) -> Vec<u8> {
    let bytes = id.to_be_bytes();
    let skipped = bytes.iter().take_while(|byte| **byte == 0).count();
    bytes[skipped..].to_vec()
}

/// What can stand anywhere and is needed nowhere.
fn notes(place: &str) -> Vec<u8> {
    let said = format!("Told-{place}");
    let said = said.as_bytes();
    [
        element(0xEC, &[said]),
        element(0xBF, &[b"Told"]),
        element(0x1254_C367, &[&element(0x7373, &[said])]),
        // Nobody knows this one.
        element(0x4FFF, &[said]),
    ]
    .concat()
}

fn track(number: u8, kind: u8, codec: &str, private: &[u8], more: &[&[u8]]) -> Vec<u8> {
    element(
        0xAE,
        &[
            &element(0xD7, &[&[number]]),
            &element(0x73C5, &[&[number]]),
            &element(0x83, &[&[kind]]),
            &element(0x536E, &[b"Told-name-of-track"]),
            &element(0x22_B59C, &[b"ger"]),
            &element(0x86, &[codec.as_bytes()]),
            &element(0x25_8688, &[b"Told-name-of-codec"]),
            &element(0x3A_9697, &[b"Told-settings"]),
            &element(0x63A2, &[private]),
            &notes("track"),
            &more.concat(),
        ],
    )
}

/// Heads of Vorbis: the second has tags in it.
fn vorbis() -> Vec<u8> {
    let first = b"\x01vorbis-what-the-decoder-wants";
    let tags = b"\x03vorbis\x09\0\0\0Told-lib.\x01\0\0\0\x0D\0\0\0PLACE=Told-it\x01";
    let lens = [2, first.len(), tags.len()].map(|len| u8::try_from(len).expect("short"));
    [&lens[..], first, tags, b"\x05vorbis-what-it-wants-too"].concat()
}

fn block(track: u8, said: &[u8]) -> Vec<u8> {
    [&[0x80 | track, 0, 0, 0x80], said].concat()
}

/// What is in a cluster: pictures, sounds, texts with places.
fn data() -> Vec<u8> {
    let more =
        |id: u8, said: &[u8]| element(0xA6, &[&element(0xEE, &[&[id]]), &element(0xA5, &[said])]);
    let additions = element(
        0x75A1,
        &[&more(1, b"see-through"), &more(4, b"Told-addition")],
    );
    let group = |track, said: &[u8], more: &[u8]| {
        let block = element(0xA1, &[&block(track, said)]);
        element(
            0xA0,
            &[&block, &element(0x9B, &[&[9]]), more, &notes("group")],
        )
    };
    [
        element(0xE7, &[&[0]]),
        element(0xA3, &[&block(1, b"seen-1")]),
        element(0xA3, &[&block(3, b"Told-text")]),
        group(1, b"seen-2", &additions),
        group(
            2,
            b"heard1",
            &element(0x75A1, &[&more(1, b"Told-with-sound")]),
        ),
        group(3, b"Told-text-in-a-group", &[]),
        element(0xA3, &[&block(9, b"Told-of-no-track")]),
        element(0x5854, &[b"Told-silent"]),
        notes("cluster"),
    ]
    .concat()
}

/// A film; `written` makes its segment and its clusters.
fn film(written: fn(u32, &[&[u8]]) -> Vec<u8>, tracks_last: bool) -> Vec<u8> {
    let head = element(
        0x1A45_DFA3,
        &[&element(0x4282, &[b"matroska"]), &notes("head")],
    );
    let info = element(
        0x1549_A966,
        &[
            &element(0x2A_D7B1, &[&[0x0F, 0x42, 0x40]]),
            &element(0x4489, &[&2_000f64.to_be_bytes()]),
            &element(0x4461, &[b"ToldDate"]),
            &element(0x7BA9, &[b"Told-title"]),
            &element(0x4D80, &[b"Told-muxer"]),
            &element(0x5741, &[b"Told-writer"]),
            &element(0x73A4, &[b"Told-uid-of-file"]),
            &element(0x3E_B923, &[b"Told-uid-of-next"]),
            &element(0x7384, &[b"Told-file-name"]),
            &notes("info"),
        ],
    );
    let sizes = [&element(0xB0, &[&[64]])[..], &element(0xBA, &[&[48]])].concat();
    let video = element(0xE0, &[&element(0x53C0, &[&[1]]), &sizes, &notes("video")]);
    let flac = b"fLaC\0\0\0\x04want\x04\0\0\x09Told-tags\x86\0\0\x0CTold-picture";
    let tracks = element(
        0x1654_AE6B,
        &[
            &track(1, 1, "V_VP8", b"decoder", &[&video]),
            &track(
                2,
                2,
                "A_VORBIS",
                &vorbis(),
                &[&element(0xE1, &[&notes("audio")])],
            ),
            &track(4, 2, "A_FLAC", flac, &[]),
            &track(3, 17, "S_TEXT/UTF8", b"Told-private", &[]),
            // It says that it is seen.
            &track(9, 1, "S_TEXT/ASS", b"Told-private", &[&video]),
            &notes("tracks"),
        ],
    );
    let seek = |id: u32| {
        let place = element(0x53AC, &[&[7]]);
        element(
            0x4DBB,
            &[&element(0x53AB, &[&name(id)]), &place, &notes("seek")],
        )
    };
    let seeks = element(0x114D_9B74, &[&seek(0x1654_AE6B), &seek(0x1254_C367)]);
    let place = |track: u8| {
        let at = element(0xF1, &[&[9]]);
        element(0xB7, &[&element(0xF7, &[&[track]]), &at, &notes("place")])
    };
    let cue = |places: &[&[u8]]| element(0xBB, &[&element(0xB3, &[&[0]]), &places.concat()]);
    let cues = element(
        0x1C53_BB6B,
        &[&cue(&[&place(1), &place(3)]), &cue(&[&place(3)])],
    );
    let file = element(0x61A7, &[&element(0x466E, &[b"Told-file"])]);
    let chapter = element(0x1043_A770, &[&element(0x85, &[b"Told-chapter"])]);
    let (first, last) = match tracks_last {
        true => (Vec::new(), tracks),
        false => (tracks, Vec::new()),
    };
    let clusters = [
        written(0x1F43_B675, &[&data()]),
        written(0x1F43_B675, &[&data()]),
    ]
    .concat();
    let segment = written(
        0x1853_8067,
        &[
            &seeks,
            &info,
            &first,
            &element(0x1941_A469, &[&file]),
            &chapter,
            &clusters,
            &last,
            &cues,
            &notes("segment"),
        ],
    );
    [head, segment].concat()
}

/// A film of one track, whose pictures stand in a group of their own and then by themselves.
pub(super) fn of_pictures(codec: &str, config: &[u8], pictures: &[u8]) -> Vec<u8> {
    let seen = block(1, pictures);
    let tracks = element(0x1654_AE6B, &[&track(1, 1, codec, config, &[])]);
    let group = element(0xA0, &[&element(0xA1, &[&seen])]);
    let cluster = element(0x1F43_B675, &[&group, &element(0xA3, &[&seen])]);
    let head = element(0x1A45_DFA3, &[&element(0x4282, &[b"matroska"])]);
    [head, element(0x1853_8067, &[&tracks, &cluster])].concat()
}

#[test]
fn facts_in_any_element_are_gone_and_what_is_seen_and_heard_stays() {
    let films = [film(element, false), film(element, true), film(open, false)];
    for film in films {
        let (posted, prepared) = cleaned(&film);
        let at = posted.windows(4).position(|at| at == b"Told");
        let said = at.map(|at| String::from_utf8_lossy(&posted[at..at + 20]));
        assert!(said.is_none(), "{said:?} is still in it");
        assert_eq!(posted.len(), film.len());
        assert_eq!(
            (prepared.kind, prepared.done),
            (Kind::Matroska, Done::Cleaned)
        );
        assert_eq!(prepared.width.zip(prepared.height), Some((64, 48)));
        assert_eq!(prepared.duration_ms, Some(2_000));
        for kept in [b"seen-1".as_slice(), b"seen-2", b"heard1", b"see-through"] {
            let count = |bytes: &[u8]| bytes.windows(kept.len()).filter(|at| *at == kept).count();
            assert_eq!(count(&posted), 2, "{}", String::from_utf8_lossy(kept));
        }
        for kept in [
            b"V_VP8".as_slice(),
            b"decoder",
            b"A_FLAC",
            b"want\x01\0\0\x09",
            b"ger",
        ] {
            assert!(holds(&posted, kept), "{}", String::from_utf8_lossy(kept));
        }
        assert!(!holds(&posted, b"S_TEXT"));
        // A maker as long as all that was there, and no tags.
        let tags = b"\x03vorbis\x1A\0\0\0\0";
        assert!(holds(&posted, tags) && holds(&posted, b"\0\0\0\x01\x05vorbis-what-it-wants-too"));
        let (again, twice) = cleaned(&posted);
        assert_eq!((again == posted, twice.done), (true, Done::Nothing));
        let (kept, _) = self::prepared(&film, &keeping()).expect("as it is");
        assert_eq!(kept, film);
    }
}

#[test]
fn what_stands_behind_the_end_is_cut_off() {
    let whole = film(element, false);
    let (clean, _) = cleaned(&whole);
    for behind in [
        b"Told-by-a-maker".as_slice(),
        &whole,
        b"\0",
        &notes("behind"),
    ] {
        let (posted, _) = cleaned(&[&whole, behind].concat());
        assert!(posted == clean);
    }
    let unknown = film(open, false);
    let (clean, _) = cleaned(&unknown);
    let (posted, _) = cleaned(&[&unknown[..], &whole].concat());
    assert!(posted == clean, "another film behind the first");
}

#[test]
fn a_film_that_cannot_be_read_is_refused() {
    let whole = film(element, false);
    let head = element(0x1A45_DFA3, &[&element(0x4282, &[b"matroska"])]);
    let of_track = |track: &[u8]| {
        let tracks = element(0x1654_AE6B, &[track]);
        [head.clone(), element(0x1853_8067, &[&tracks])].concat()
    };
    let locked = element(0x6D80, &[&element(0x6240, &[&element(0x5035, &[b"key"])])]);
    let odd_tags = b"\x02\xFF\xFF\x01\x05 they are longer than they are";
    let films = [
        whole[..whole.len() - 1].to_vec(),
        of_track(&track(1, 17, "S_TEXT/UTF8", b"", &[])),
        of_track(&track(1, 1, "V_VP8", b"", &[&locked])),
        of_track(&track(1, 2, "A_VORBIS", odd_tags, &[])),
        of_track(&track(1, 1, "V_QUICKTIME", b"Told-entry", &[])),
        head.clone(),
    ];
    for film in films {
        let refused = prepared(&film, &Options::default());
        assert!(refused.is_err(), "{refused:?}");
    }
    let cut = prepared(&whole[..whole.len() / 2], &Options::default());
    assert!(matches!(cut, Err(PictureError::CutOff { .. })), "{cut:?}");
}
