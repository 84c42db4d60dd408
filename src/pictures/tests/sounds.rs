//! Sounds put together by hand, with something that tells in every place that players and recorders use.

use super::{Done, Kind, Options, assert_tells_nothing, cleaned, holds, keeping, made, prepared};
use crate::pictures::{Fact, FactKind};

/// What stands in all of them, and is to be found again as it was.
pub(super) fn noise(len: usize, seed: u8) -> Vec<u8> {
    let mut state = u32::from(seed) + 1;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        // No byte of ones, so that no frame begins by chance.
        u8::try_from(state >> 25).expect("seven bits")
    };
    (0..len).map(|_| next()).collect()
}

/// A cover that tells where it was taken.
#[cfg(feature = "images")]
fn cover() -> Vec<u8> {
    let picture = image::RgbImage::from_raw(20, 10, made::pixels(20, 10)).expect("as many pixels");
    let mut bytes = std::io::Cursor::new(Vec::new());
    picture
        .write_to(&mut bytes, image::ImageFormat::Jpeg)
        .expect("a picture");
    made::told_jpeg(&bytes.into_inner(), 1)
}

/// Without a decoder a PNG does.
#[cfg(not(feature = "images"))]
fn cover() -> Vec<u8> {
    made::told_png(&made::vast_png(20, 10), 1)
}

/// Forty frames of MP3, 128 kbit/s at 44,100 Hz.
fn mp3_frames() -> Vec<u8> {
    let frame = |nth: u8| [vec![0xFF, 0xFB, 0x90, 0x00], noise(413, nth)].concat();
    (0..40).flat_map(frame).collect()
}

/// Ten frames of AAC with heads.
fn adts_frames() -> Vec<u8> {
    let frame = |nth: u8| {
        let len = 7 + 200u16;
        let [high, low] = (len << 5).to_be_bytes();
        [
            vec![0xFF, 0xF1, 0x50, 0x80, high, low | 0x1F, 0xFC],
            noise(200, nth),
        ]
        .concat()
    };
    (0..10).flat_map(frame).collect()
}

fn size(len: usize) -> [u8; 4] {
    u32::try_from(len).expect("short").to_be_bytes()
}

fn size_le(len: usize) -> [u8; 4] {
    u32::try_from(len).expect("short").to_le_bytes()
}

fn frame(name: &[u8], content: &[u8]) -> Vec<u8> {
    [name, &size(content.len()), &[0, 0], content].concat()
}

fn text(name: &[u8], text: &str) -> Vec<u8> {
    frame(name, &[&[3], text.as_bytes()].concat())
}

/// A tag of version 2.4 or 2.3, with room behind its frames. All sizes stay below 128, so that both read them.
fn id3(version: u8, frames: &[Vec<u8>]) -> Vec<u8> {
    let mut body = frames.concat();
    body.extend([0; 30]);
    let len = body.len();
    let seven = |shift: usize| u8::try_from((len >> shift) & 0x7F).expect("seven bits");
    [
        &b"ID3"[..],
        &[version, 0, 0, seven(21), seven(14), seven(7), seven(0)],
        &body,
    ]
    .concat()
}

/// Frames that tell, whatever else a file is.
fn telling() -> Vec<Vec<u8>> {
    vec![
        text(b"TENC", "Banana Phone 7"),
        text(b"TSSE", "Kitchen recorder 2.0"),
        frame(b"TXXX", b"\x03location\0+52.5200+013.4050"),
        frame(b"PRIV", b"banana\0Banana 1234"),
        frame(b"GEOB", b"\0text/plain\0place\0PlaceTold\0PlaceTold"),
        frame(b"UFID", b"shop\0Kitchen 17"),
        frame(b"WXXX", b"\0\0http://Kitchen.example/"),
        frame(b"COMM", b"\0engiTunNORM\0Banana 0000"),
        text(b"TOWN", "Banana Joe"),
    ]
}

fn musical() -> Vec<Vec<u8>> {
    vec![
        text(b"TIT2", "Tomatoes"),
        text(b"TPE1", "The Growers"),
        text(b"TALB", "Glasshouse"),
        text(b"TRCK", "3/10"),
        text(b"TDRC", "2024-05-01T12:00:01"),
        text(b"TCON", "Folk"),
    ]
}

fn first_version(title: &str, artist: &str) -> Vec<u8> {
    let field = |text: &str, len: usize| {
        let mut bytes = text.as_bytes().to_vec();
        bytes.resize(len, 0);
        bytes
    };
    [
        b"TAG".to_vec(),
        field(title, 30),
        field(artist, 30),
        field("", 30),
        field("2024", 4),
        field("made in the Kitchen", 30),
        vec![12],
    ]
    .concat()
}

fn ape(items: &[(&str, &str)]) -> Vec<u8> {
    let item = |(key, value): &(&str, &str)| {
        [
            &size_le(value.len())[..],
            &[0; 4],
            key.as_bytes(),
            &[0],
            value.as_bytes(),
        ]
        .concat()
    };
    let items_bytes = items.iter().map(item).collect::<Vec<_>>().concat();
    let end = |flags: u32| {
        [
            &b"APETAGEX"[..],
            &2_000u32.to_le_bytes(),
            &size_le(items_bytes.len() + 32),
            &size_le(items.len()),
            &flags.to_le_bytes(),
            &[0; 8],
        ]
        .concat()
    };
    [end(0xA000_0000), items_bytes.clone(), end(0x8000_0000)].concat()
}

fn lyrics() -> Vec<u8> {
    let body = b"LYRICSBEGININD00002EAR00010Banana 123";
    [&body[..], format!("{:06}LYRICS200", body.len()).as_bytes()].concat()
}

/// An MP3 file of a recorder: no title, and all else everywhere.
fn told_mp3() -> Vec<u8> {
    [
        id3(3, &telling()),
        id3(4, &telling()),
        vec![0; 77],
        mp3_frames(),
        lyrics(),
        ape(&[("Record Location", "+52.5200+013.4050"), ("Tool", "Banana")]),
        first_version("", "Kitchen"),
    ]
    .concat()
}

/// An MP3 file of a musician.
fn song_mp3() -> Vec<u8> {
    let picture = [&b"\0image/jpeg\0\x03\0"[..], &cover()].concat();
    let mut frames = [musical(), telling()].concat();
    frames.push(frame(b"APIC", &picture));
    [
        id3(3, &frames),
        mp3_frames(),
        ape(&[("Title", "Tomatoes"), ("Comment", "for all")]),
        first_version("Tomatoes", "The Growers"),
    ]
    .concat()
}

fn list(vendor: &str, comments: &[String]) -> Vec<u8> {
    let mut list = [&size_le(vendor.len())[..], vendor.as_bytes()].concat();
    list.extend(size_le(comments.len()));
    for comment in comments {
        list.extend(size_le(comment.len()));
        list.extend(comment.as_bytes());
    }
    list
}

fn telling_comments() -> Vec<String> {
    [
        "LOCATION=+52.5200+013.4050",
        "ENCODER=Kitchen recorder",
        "DEVICE=Banana Phone 7",
        "GEO_LOCATION=PlaceTold",
        "no comment at all: Banana",
    ]
    .map(str::to_owned)
    .to_vec()
}

fn picture_block(picture: &[u8]) -> Vec<u8> {
    let mime = b"image/jpeg";
    let words = b"made in the Kitchen";
    [
        &size(3)[..],
        &size(mime.len()),
        mime,
        &size(words.len()),
        words,
        &[0; 16],
        &size(picture.len()),
        picture,
    ]
    .concat()
}

fn song_comments() -> Vec<String> {
    let block = data_encoding::BASE64.encode(&picture_block(&cover()));
    let mut comments = telling_comments();
    comments.extend(["title=Tomatoes", "Artist=The Growers", "DATE=2024-05-01"].map(str::to_owned));
    comments.push(format!("METADATA_BLOCK_PICTURE={block}"));
    comments
}

fn block(kind: u8, content: &[u8]) -> Vec<u8> {
    let [_, a, b, c] = size(content.len());
    [&[kind, a, b, c], content].concat()
}

/// A minute of sound at 44,100 Hz, as FLAC describes it.
fn stream_info() -> Vec<u8> {
    let bits = 44_100u64 << 44 | 1 << 41 | 15 << 36 | (44_100 * 60);
    [
        &[16, 0, 16, 0, 0, 0, 0, 0, 0, 0][..],
        &bits.to_be_bytes(),
        &[7; 16],
    ]
    .concat()
}

fn flac_frames() -> Vec<u8> {
    [&[0xFF, 0xF8, 0xC9, 0x18][..], &noise(3_000, 9)].concat()
}

fn flac(comments: &[String], with_cover: bool) -> Vec<u8> {
    let mut blocks = vec![
        block(0, &stream_info()),
        block(2, b"appl made by Banana"),
        block(3, &[1; 36]),
        block(4, &list("Kitchen recorder", comments)),
    ];
    if with_cover {
        blocks.push(block(6, &picture_block(&cover())));
    }
    blocks.push(block(0x81, b"PlaceTold\0\0\0"));
    [&b"fLaC"[..], &blocks.concat(), &flac_frames()].concat()
}

/// The checksum of Ogg, bit by bit.
fn checksum(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0u32, |sum, byte| {
        (0..8).fold(sum ^ u32::from(*byte) << 24, |sum, _| {
            (sum << 1) ^ if sum >> 31 == 1 { 0x04C1_1DB7 } else { 0 }
        })
    })
}

/// The pages of a stream: each packet on pages of its own.
fn stream(serial: u32, packets: &[Vec<u8>]) -> Vec<Vec<u8>> {
    let (mut pages, mut number) = (Vec::new(), 0u32);
    for (nth, packet) in packets.iter().enumerate() {
        let mut segments: Vec<&[u8]> = packet.chunks(255).collect();
        if packet.len() % 255 == 0 {
            segments.push(&[]);
        }
        for (part, segments) in segments.chunks(255).enumerate() {
            let first = if nth == 0 { 2 } else { 0 };
            let last = if nth + 1 == packets.len() { 4 } else { 0 };
            let flags = first | last | u8::from(part > 0);
            let granule = (nth as u64).saturating_sub(2) * 960;
            let table: Vec<u8> = segments
                .iter()
                .map(|it| u8::try_from(it.len()).expect("short"))
                .collect();
            let mut page = [
                &b"OggS\0"[..],
                &[flags],
                &granule.to_le_bytes(),
                &serial.to_le_bytes(),
                &number.to_le_bytes(),
                &[0; 4],
                &[u8::try_from(table.len()).expect("short")],
                &table,
                &segments.concat(),
            ]
            .concat();
            let sum = checksum(&page);
            page[22..26].copy_from_slice(&sum.to_le_bytes());
            pages.push(page);
            number += 1;
        }
    }
    pages
}

fn sounds_of(seed: u8) -> Vec<Vec<u8>> {
    (0..20)
        .map(|nth| noise(100 + usize::from(nth) * 37, seed + nth))
        .collect()
}

fn opus(serial: u32, comments: &[String]) -> Vec<Vec<u8>> {
    let head = b"OpusHead\x01\x02\x38\x01\x80\xBB\0\0\0\0\0".to_vec();
    let tags = [
        &b"OpusTags"[..],
        &list("Banana Phone", comments),
        b"PlaceTold behind",
    ]
    .concat();
    stream(serial, &[vec![head, tags], sounds_of(1)].concat())
}

fn vorbis(serial: u32, comments: &[String]) -> Vec<Vec<u8>> {
    let head = [
        &b"\x01vorbis\0\0\0\0\x02"[..],
        &44_100u32.to_le_bytes(),
        &[0; 12],
        &[0xB8, 1],
    ]
    .concat();
    let tags = [&b"\x03vorbis"[..], &list("Banana Phone", comments), &[1]].concat();
    let setup = [&b"\x05vorbis"[..], &noise(4_000, 5)].concat();
    stream(serial, &[vec![head, tags, setup], sounds_of(2)].concat())
}

fn ogg_flac(serial: u32, comments: &[String]) -> Vec<Vec<u8>> {
    let head = [&b"\x7FFLAC\x01\0\0\x03fLaC"[..], &block(0, &stream_info())].concat();
    let tags = block(4, &list("Banana Phone", comments));
    let picture = block(6, &picture_block(&cover()));
    let rest = block(0x81, b"PlaceTold\0\0\0");
    stream(
        serial,
        &[vec![head, tags, picture, rest], sounds_of(3)].concat(),
    )
}

fn speex(serial: u32, comments: &[String]) -> Vec<Vec<u8>> {
    let head = [&b"Speex   "[..], &[0; 72]].concat();
    stream(
        serial,
        &[vec![head, list("Banana Phone", comments)], sounds_of(4)].concat(),
    )
}

/// The packets of each stream, by its number, with every checksum proved and every page in its order.
fn packets(bytes: &[u8]) -> Vec<(u32, Vec<Vec<u8>>)> {
    let mut streams: Vec<(u32, u32, Vec<u8>, Vec<Vec<u8>>)> = Vec::new();
    let mut rest = bytes;
    while !rest.is_empty() {
        let segments = usize::from(rest[26]);
        let table = rest[27..27 + segments].to_vec();
        let len = 27 + segments + table.iter().copied().map(usize::from).sum::<usize>();
        let (page, after) = rest.split_at(len);
        let mut blank = page.to_vec();
        blank[22..26].fill(0);
        assert_eq!(checksum(&blank).to_le_bytes(), page[22..26], "a checksum");
        let serial = u32::from_le_bytes(page[14..18].try_into().expect("four bytes"));
        let number = u32::from_le_bytes(page[18..22].try_into().expect("four bytes"));
        let at = streams
            .iter()
            .position(|it| it.0 == serial)
            .unwrap_or_else(|| {
                streams.push((serial, 0, Vec::new(), Vec::new()));
                streams.len() - 1
            });
        let stream = &mut streams[at];
        assert_eq!(number, stream.1, "the number of a page");
        stream.1 += 1;
        let mut body = &page[27 + segments..];
        for lace in table {
            let (part, behind) = body.split_at(usize::from(lace));
            stream.2.extend(part);
            if lace < 255 {
                stream.3.push(std::mem::take(&mut stream.2));
            }
            body = behind;
        }
        rest = after;
    }
    streams.into_iter().map(|it| (it.0, it.3)).collect()
}

fn chunk(name: &[u8], content: &[u8]) -> Vec<u8> {
    let padding = vec![0; content.len() % 2];
    [name, &size_le(content.len()), content, &padding].concat()
}

fn wave_format() -> Vec<u8> {
    let [a, b, c, d] = 44_100u32.to_le_bytes();
    let [e, f, g, h] = 88_200u32.to_le_bytes();
    vec![1, 0, 1, 0, a, b, c, d, e, f, g, h, 2, 0, 16, 0]
}

fn riff(chunks: &[Vec<u8>]) -> Vec<u8> {
    let body = chunks.concat();
    [&b"RIFF"[..], &size_le(body.len() + 4), b"WAVE", &body].concat()
}

fn telling_chunks() -> Vec<Vec<u8>> {
    let text = |name: &[u8], text: &[u8]| chunk(name, text);
    vec![
        text(b"bext", b"recorded in the Kitchen with a Banana"),
        text(b"iXML", b"<BWFXML><LOCATION>PlaceTold</LOCATION></BWFXML>"),
        text(b"JUNK", b"Banana"),
        text(b"_PMX", made::XMP),
        text(b"cart", b"Kitchen"),
        text(
            b"LIST",
            &[
                b"INFO".to_vec(),
                chunk(b"ICMT", b"Recorded by a Banana 24E1"),
                chunk(b"IART", b"Banana 24E1\0"),
                chunk(b"ISFT", b"Kitchen recorder\0"),
            ]
            .concat(),
        ),
        text(b"id3 ", &id3(3, &telling())),
    ]
}

fn told_wav() -> Vec<u8> {
    let mut chunks = vec![chunk(b"fmt ", &wave_format())];
    chunks.extend(telling_chunks());
    chunks.push(chunk(b"data", &noise(4_411, 6)));
    chunks.extend(telling_chunks());
    [riff(&chunks), b"behind the end: Banana".to_vec()].concat()
}

fn song_wav() -> Vec<u8> {
    let info = [
        b"INFO".to_vec(),
        chunk(b"INAM", b"Tomatoes\0"),
        chunk(b"IART", b"The Growers\0"),
        chunk(b"ISFT", b"Kitchen recorder\0"),
    ];
    riff(&[
        chunk(b"fmt ", &wave_format()),
        chunk(b"LIST", &info.concat()),
        chunk(b"data", &noise(4_411, 6)),
        chunk(b"id3 ", &id3(4, &telling())),
    ])
}

fn told_aiff() -> Vec<u8> {
    let chunk = |name: &[u8], content: &[u8]| {
        let padding = vec![0; content.len() % 2];
        [name, &size(content.len()), content, &padding].concat()
    };
    let body = [
        chunk(b"NAME", b"REC0001"),
        chunk(b"AUTH", b"Banana"),
        chunk(b"ANNO", b"made in the Kitchen"),
        chunk(
            b"COMM",
            &[
                0, 1, 0, 0, 8, 152, 0, 16, 0x40, 0x0E, 0xAC, 0x44, 0, 0, 0, 0, 0, 0,
            ],
        ),
        chunk(b"APPL", b"PlaceTold"),
        chunk(b"SSND", &[vec![0; 8], noise(4_400, 7)].concat()),
        chunk(b"ID3 ", &id3(3, &telling())),
    ]
    .concat();
    [&b"FORM"[..], &size(body.len() + 4), b"AIFF", &body].concat()
}

fn told_caf() -> Vec<u8> {
    let chunk = |name: &[u8], content: &[u8]| {
        [name, &(content.len() as u64).to_be_bytes(), content].concat()
    };
    [
        b"caff\0\x01\0\0".to_vec(),
        chunk(b"desc", &[0; 32]),
        chunk(b"info", b"\0\0\0\x01recorded\0in the Kitchen\0"),
        chunk(b"free", b"Banana"),
        chunk(b"data", &[vec![0; 4], noise(4_401, 8)].concat()),
        chunk(b"uuid", b"0123456789ABCDEFPlaceTold"),
    ]
    .concat()
}

fn told_amr() -> Vec<u8> {
    let frame = |nth: u8| [vec![0x3C], noise(31, nth)].concat();
    let frames: Vec<u8> = (0..10).flat_map(frame).collect();
    [b"#!AMR\n".to_vec(), frames, b"\xFFBanana".to_vec()].concat()
}

/// Recordings of every kind, and what has to stand in each of them afterwards as it was.
pub(super) fn recordings() -> Vec<(Vec<u8>, Kind, Vec<u8>)> {
    let tail = [adts_frames(), first_version("", "Banana")].concat();
    vec![
        (told_mp3(), Kind::Mp3, mp3_frames()),
        (
            [id3(3, &telling()), tail].concat(),
            Kind::Aac,
            adts_frames(),
        ),
        (flac(&telling_comments(), false), Kind::Flac, flac_frames()),
        (flac(&telling_comments(), true), Kind::Flac, stream_info()),
        (
            [id3(4, &telling()), flac(&telling_comments(), true)].concat(),
            Kind::Flac,
            flac_frames(),
        ),
        (told_wav(), Kind::Wav, noise(4_411, 6)),
        (told_aiff(), Kind::Aiff, noise(4_400, 7)),
        (told_caf(), Kind::Caf, noise(4_401, 8)),
        (told_amr(), Kind::Amr, noise(31, 9)),
        (
            opus(1, &telling_comments()).concat(),
            Kind::Ogg,
            sounds_of(1).concat(),
        ),
        (
            vorbis(2, &telling_comments()).concat(),
            Kind::Ogg,
            noise(4_000, 5),
        ),
        (
            ogg_flac(3, &telling_comments()).concat(),
            Kind::Ogg,
            stream_info(),
        ),
        (
            speex(4, &telling_comments()).concat(),
            Kind::Ogg,
            noise(100, 4),
        ),
    ]
}

/// Pieces of music of every kind.
pub(super) fn songs() -> Vec<(Vec<u8>, Kind)> {
    vec![
        (song_mp3(), Kind::Mp3),
        ([id3(3, &musical()), adts_frames()].concat(), Kind::Aac),
        (flac(&song_comments(), true), Kind::Flac),
        (song_wav(), Kind::Wav),
        (opus(1, &song_comments()).concat(), Kind::Ogg),
        (vorbis(2, &song_comments()).concat(), Kind::Ogg),
        (ogg_flac(3, &song_comments()).concat(), Kind::Ogg),
        (speex(4, &song_comments()).concat(), Kind::Ogg),
    ]
}

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
    let asf = b"\x30\x26\xB2\x75\x8E\x66\xCF\x11\xA6\xD9\0\xAA\0\x62\xCE\x6C Banana";
    for bytes in [
        &asf[..],
        b"wvpk Banana",
        b"\x02dss Banana",
        b"ID3\x03\0\0\0\0\0\0 Banana",
    ] {
        let refused = prepared(bytes, &Options::default()).expect_err("a type that is not known");
        assert!(refused.to_string().contains("save it as MP3"), "{refused}");
        assert!(prepared(bytes, &keeping()).is_ok());
    }
}

fn atom(name: &[u8], parts: &[&[u8]]) -> Vec<u8> {
    let content = parts.concat();
    [&size(content.len() + 8)[..], name, &content].concat()
}

fn item(name: &[u8], kind: u8, value: &[u8]) -> Vec<u8> {
    atom(
        name,
        &[&atom(b"data", &[&[0, 0, 0, kind, 0, 0, 0, 0], value])],
    )
}

/// An M4A file without tracks, as far as tags are concerned.
fn m4a(items: &[Vec<u8>]) -> Vec<u8> {
    let handler = atom(b"hdlr", &[&[0; 8], b"mdirappl", &[0; 9]]);
    let list = atom(b"ilst", &[&items.concat()]);
    let meta = atom(b"meta", &[&[0; 4], &handler, &list]);
    let length = [
        &[0; 12][..],
        &1_000u32.to_be_bytes(),
        &2_000u32.to_be_bytes(),
        &[0; 80],
    ];
    [
        atom(b"ftyp", &[b"M4A \0\0\0\0M4A isom"]),
        atom(
            b"moov",
            &[&atom(b"mvhd", &length), &atom(b"udta", &[&meta])],
        ),
        atom(b"mdat", &[&[]]),
    ]
    .concat()
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
