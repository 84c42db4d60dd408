//! What is taken off sounds, and what is kept of music.

use super::sounded::{
    atom, block, chunk, cover, first_version, flac, flac_frames, frame, id3, item, m4a, mp3_frames,
    noise, ogg_flac, opus, packets, recordings, riff, size, song_comments, song_mp3, songs,
    sounds_of, speex, stream, stream_info, telling_comments, text, told_mp3, told_wav, vorbis,
    wave_format,
};
use super::{Done, Kind, Options, assert_tells_nothing, cleaned, holds, keeping, made, prepared};
use crate::pictures::{Fact, FactKind};

fn told(facts: &[Fact], kind: FactKind) -> Option<&str> {
    facts
        .iter()
        .find(|fact| fact.kind() == kind)
        .map(Fact::value)
}

#[test]
fn a_recording_tells_nothing_and_sounds_the_same() {
    for (nth, (bytes, kind, sound)) in recordings().into_iter().enumerate() {
        let (posted, prepared) = cleaned(&bytes);
        assert_eq!(
            (prepared.kind, prepared.done),
            (kind, Done::Cleaned),
            "{nth}"
        );
        assert_eq!(prepared.told, [], "{nth}");
        assert_tells_nothing(&posted);
        assert!(
            !holds(&posted, b"recorder"),
            "the program of {kind:?} {nth}"
        );
        assert!(!holds(&posted, b"24E1"), "the device of {kind:?} {nth}");
        // What is on pages of Ogg is looked at packet by packet, below.
        let is_there = kind == Kind::Ogg || holds(&posted, &sound);
        assert!(is_there, "the sound of {kind:?} {nth} is another");
        assert!(posted.len() < bytes.len());
        let again = cleaned(&posted);
        assert_eq!(again.0, posted, "{kind:?} {nth} is clean");
        assert_eq!(again.1.done, Done::Nothing, "{kind:?} {nth} was clean");
    }
}

#[test]
fn frames_are_all_that_is_left_of_a_recording() {
    assert_eq!(cleaned(&told_mp3()).0, mp3_frames());
    // A frame that was cut off is none, since what follows it may be anything.
    let cut = [
        &mp3_frames()[..],
        &mp3_frames()[..300],
        b"made in the Kitchen",
    ]
    .concat();
    assert_eq!(cleaned(&cut).0, mp3_frames());
    let (wav, prepared) = cleaned(&told_wav());
    let clean = riff(&[
        chunk(b"fmt ", &wave_format()),
        chunk(b"data", &noise(4_411, 6)),
    ]);
    assert_eq!((wav, prepared.duration_ms), (clean, Some(50)));
    let seen = cleaned(&flac(&telling_comments(), true));
    let blocks = [block(0, &stream_info()), block(0x83, &[1; 36])].concat();
    assert_eq!(seen.0, [&b"fLaC"[..], &blocks, &flac_frames()].concat());
    assert_eq!(seen.1.duration_ms, Some(60_000));
}

#[test]
fn a_piece_of_music_keeps_what_it_is_called_and_nothing_else() {
    for (bytes, kind) in songs() {
        let (posted, prepared) = cleaned(&bytes);
        assert_eq!(prepared.kind, kind);
        assert_eq!(
            told(&prepared.told, FactKind::Title),
            Some("Tomatoes"),
            "{kind:?}"
        );
        assert_eq!(
            told(&prepared.told, FactKind::Artist),
            Some("The Growers"),
            "{kind:?}"
        );
        if holds(&bytes, b"image/jpeg") || holds(&bytes, b"METADATA_BLOCK_PICTURE") {
            assert_eq!(
                told(&prepared.told, FactKind::Cover),
                Some("20 x 10"),
                "{kind:?}"
            );
        }
        assert_tells_nothing(&posted);
        assert!(!holds(&posted, b"05-01"), "the day is still in {kind:?}");
        assert!(
            !holds(&posted, b"recorder"),
            "the program is still in {kind:?}"
        );
        let again = cleaned(&posted);
        assert_eq!(
            (again.0, again.1.told),
            (posted, prepared.told),
            "{kind:?} is clean"
        );
    }
}

#[test]
fn music_is_stripped_when_that_is_asked() {
    let options = Options {
        strip: true,
        ..Options::default()
    };
    for (bytes, kind) in songs() {
        let (posted, found) = prepared(&bytes, &options).expect("a sound");
        assert_eq!((found.told, found.done), (Vec::new(), Done::Cleaned));
        assert!(!holds(&posted, b"Tomatoes"), "a title in {kind:?}");
        assert!(!holds(&posted, b"T\0o\0m\0a\0t\0"), "a title in {kind:?}");
        assert!(!holds(&posted, b"METADATA"), "a cover in {kind:?}");
        assert_tells_nothing(&posted);
    }
}

#[test]
fn all_of_it_is_told_when_it_is_kept() {
    let (posted, found) = prepared(&song_mp3(), &keeping()).expect("a sound");
    assert_eq!((posted, found.done), (song_mp3(), Done::Kept));
    assert_eq!(told(&found.told, FactKind::Year), Some("2024"));
    assert_eq!(
        told(&found.told, FactKind::Software),
        Some("Banana Phone 7")
    );
    let (_, found) = prepared(&told_wav(), &keeping()).expect("a sound");
    assert_eq!(
        told(&found.told, FactKind::Comment),
        Some("Recorded by a Banana 24E1")
    );
}

#[test]
fn packets_of_ogg_stay_what_they_were() {
    let files = [
        opus(1, &telling_comments()),
        opus(1, &song_comments()),
        vorbis(2, &telling_comments()),
        vorbis(2, &song_comments()),
        speex(4, &telling_comments()),
    ];
    for pages in files {
        let before = packets(&pages.concat());
        let after = packets(&cleaned(&pages.concat()).0);
        let ([(_, before)], [(_, after)]) = (&before[..], &after[..]) else {
            panic!("one stream");
        };
        assert_eq!(after.len(), before.len());
        assert_eq!((&after[0], &after[2..]), (&before[0], &before[2..]));
    }
    // Blocks of FLAC that go are packets, too.
    let after = packets(&cleaned(&ogg_flac(3, &telling_comments()).concat()).0);
    let (_, after) = &after[0];
    assert_eq!(after[0][7..9], [0, 1], "one block behind the first");
    assert_eq!(after[1], block(0x84, &[0; 8]));
    assert_eq!(after[2..], sounds_of(3));
}

#[test]
fn pictures_in_ogg_that_are_not_known_are_not_lost_in_silence() {
    for head in [&b"OVP80\x01\x01\0"[..], b"BBCD\0", b"\x01video\0\0\0"] {
        let seen = stream(9, &[head.to_vec(), b"Told".to_vec()]);
        let film = [seen, opus(1, &song_comments())].concat().concat();
        let refused = prepared(&film, &Options::default()).expect_err("a film");
        assert!(refused.to_string().contains("its pictures"), "{refused}");
    }
}

#[test]
fn streams_of_ogg_at_the_same_time_and_one_behind_the_other_are_all_cleaned() {
    let bones = stream(
        9,
        &[b"fishead\0Banana".to_vec(), b"fisbone\0Kitchen".to_vec()],
    );
    let (mut a, mut b) = (
        vorbis(2, &telling_comments()).into_iter(),
        opus(1, &song_comments()).into_iter(),
    );
    let mut pages: Vec<Vec<u8>> = vec![bones[0].clone()];
    pages.extend(a.next());
    pages.extend(b.next());
    pages.push(bones[1].clone());
    loop {
        let (one, other) = (a.next(), b.next());
        if one.is_none() && other.is_none() {
            break;
        }
        pages.extend(one);
        pages.extend(other);
    }
    pages.push(b"between pages: Banana".to_vec());
    pages.extend(speex(4, &telling_comments()));
    let mut cut = opus(5, &telling_comments());
    cut.last_mut().expect("a page").truncate(60);
    pages.extend(cut);
    let (posted, _) = cleaned(&pages.concat());
    assert_tells_nothing(&posted);
    let streams = packets(&posted);
    let counts: Vec<_> = streams
        .iter()
        .map(|(name, all)| (*name, all.len()))
        .collect();
    assert_eq!(counts, [(2, 23), (1, 22), (4, 22), (5, 21)]);
    assert_eq!(streams[0].1[3..], sounds_of(2));
    assert_eq!(streams[1].1[2..], sounds_of(1));
}

#[test]
fn what_a_recorder_names_is_no_music() {
    for (title, artist) in [
        ("240501_1200", "Somebody"),
        ("REC0001", "My Recording"),
        ("New Recording 5", "Kitchen"),
        ("Voice Memo", "Kitchen"),
        ("Kitchen street 5", ""),
        ("", "Kitchen"),
    ] {
        let frames = [text(b"TIT2", title), text(b"TPE1", artist)];
        let (posted, _) = cleaned(&[id3(4, &frames), mp3_frames()].concat());
        assert!(posted == mp3_frames(), "{title} of {artist} is still told");
    }
    for title in ["1999", "4:33", "Track 7", "Recording the Beatles", "Sound"] {
        let frames = [text(b"TIT2", title), text(b"TPE1", "Somebody")];
        let (_, prepared) = cleaned(&[id3(4, &frames), mp3_frames()].concat());
        assert_eq!(told(&prepared.told, FactKind::Title), Some(title));
    }
}

#[test]
fn older_forms_of_tags_are_read() {
    let short = |name: &[u8], text: &[u8]| {
        let [_, a, b, c] = size(text.len() + 1);
        [name, &[a, b, c, 0], text].concat()
    };
    let frames = [short(b"TT2", b"Caf\xE9"), short(b"TP1", b"The Growers")];
    let (_, found) = cleaned(&[id3(2, &frames), mp3_frames()].concat());
    assert_eq!(told(&found.told, FactKind::Title), Some("Caf\u{E9}"));
    // Unsynchronised, with a zero behind each byte of ones.
    let wide = b"\x01\xFF\x00\xFET\0o\0";
    let mut tag = id3(3, &[frame(b"TIT2", wide), text(b"TALB", "Glasshouse")]);
    tag[5] = 0x80;
    // The size of a frame is that before zeros were put in.
    tag[17] -= 1;
    let (_, found) = cleaned(&[tag, mp3_frames()].concat());
    assert_eq!(told(&found.told, FactKind::Title), Some("To"));
    let tail = first_version("Tomatoes", "The Growers");
    let (posted, found) = cleaned(&[mp3_frames(), tail].concat());
    assert_eq!(told(&found.told, FactKind::Title), Some("Tomatoes"));
    assert!(posted.ends_with(&mp3_frames()));
}

#[test]
fn a_long_wav_file_says_its_lengths_anew() {
    let sound = noise(5_000, 3);
    let mut long = vec![0; 28];
    long[8..16].copy_from_slice(&5_000u64.to_le_bytes());
    long[16..24].copy_from_slice(&2_500u64.to_le_bytes());
    let head = [&b"data"[..], &[0xFF; 4]].concat();
    let parts = [
        b"RF64\xFF\xFF\xFF\xFFWAVE".to_vec(),
        chunk(b"ds64", &long),
        chunk(b"bext", b"Banana"),
        chunk(b"fmt ", &wave_format()),
        head,
        sound.clone(),
        chunk(b"axml", made::XMP),
    ];
    let (posted, _) = cleaned(&parts.concat());
    assert_tells_nothing(&posted);
    assert!(posted.ends_with(&sound));
    let said = u64::from_le_bytes(posted[20..28].try_into().expect("eight bytes"));
    assert_eq!(said, posted.len() as u64 - 8);
    assert_eq!(posted[28..44], long[8..24]);
}

#[test]
fn a_recording_that_was_never_closed_is_kept_whole() {
    let head = [&b"data"[..], &[0; 4]].concat();
    let parts = [
        b"RIFF\0\0\0\0WAVE".to_vec(),
        chunk(b"fmt ", &wave_format()),
        chunk(b"bext", b"Banana"),
        head,
        noise(5_000, 3),
    ];
    let (posted, _) = cleaned(&parts.concat());
    assert_eq!(
        posted,
        riff(&[
            chunk(b"fmt ", &wave_format()),
            chunk(b"data", &noise(5_000, 3))
        ])
    );
}

#[test]
fn sounds_that_cannot_be_cleaned_are_refused() {
    // In the same container as films.
    let asf = b"\x30\x26\xB2\x75\x8E\x66\xCF\x11\xA6\xD9\0\xAA\0\x62\xCE\x6C Banana";
    for (bytes, instead) in [
        (&asf[..], "save it as MP4"),
        (b"wvpk Banana", "save it as MP3"),
        (b"\x02dss Banana", "save it as MP3"),
        (b"ID3\x03\0\0\0\0\0\0 Banana", "save it as MP3"),
    ] {
        let refused = prepared(bytes, &Options::default()).expect_err("a type that is not known");
        assert!(refused.to_string().contains(instead), "{refused}");
        assert!(prepared(bytes, &keeping()).is_ok());
    }
}

#[test]
fn a_piece_of_music_in_boxes_keeps_its_list_and_a_memo_loses_it() {
    let telling = || {
        vec![
            item(b"\xA9too", 1, b"Kitchen recorder 2.0"),
            item(b"apID", 1, b"Banana@Kitchen.example"),
            item(b"ownr", 1, b"Banana Joe"),
            item(b"purd", 1, b"2024-05-01 12:00:01"),
            atom(b"----", &[&atom(b"mean", &[b"\0\0\0\0Banana"])]),
        ]
    };
    let mut song = telling();
    song.extend([
        item(b"\xA9nam", 1, b"Tomatoes"),
        item(b"\xA9ART", 1, b"The Growers"),
        item(b"trkn", 0, &[0, 0, 0, 3, 0, 10, 0, 0]),
        item(b"\xA9day", 1, b"2024-05-01T12:00:01Z"),
        item(b"covr", 13, &cover()),
    ]);
    let song = m4a(&song);
    let (posted, found) = cleaned(&song);
    assert_eq!(posted.len(), song.len());
    assert_tells_nothing(&posted);
    assert!(!holds(&posted, b"05-01"));
    let facts = [
        (FactKind::Title, "Tomatoes"),
        (FactKind::Artist, "The Growers"),
        (FactKind::Track, "3/10"),
        (FactKind::Year, "2024"),
        (FactKind::Cover, "20 x 10"),
    ];
    let found: Vec<_> = found
        .told
        .iter()
        .map(|it| (it.kind(), it.value()))
        .collect();
    assert_eq!(found, facts);
    assert_eq!(cleaned(&posted).0, posted, "it is clean");
    let (_, kept) = prepared(&song, &keeping()).expect("a sound");
    assert_eq!(
        told(&kept.told, FactKind::Other),
        Some("Banana@Kitchen.example")
    );
    let options = Options {
        strip: true,
        ..Options::default()
    };
    let (stripped, found) = prepared(&song, &options).expect("a sound");
    assert!(!holds(&stripped, b"Tomatoes") && found.told.is_empty());
    // Telephones name a memo after the street.
    let mut memo = telling();
    memo.push(item(b"\xA9nam", 1, b"Garden street 5"));
    let (posted, found) = cleaned(&m4a(&memo));
    assert!(!holds(&posted, b"Garden") && found.told.is_empty());
    assert_tells_nothing(&posted);
}
