//! Sounds put together by hand, with something that tells in every place that players and recorders use.

use super::boxed::{Track, small, sound_entry};
use super::{Kind, made};

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
pub(super) fn cover() -> Vec<u8> {
    let picture = image::RgbImage::from_raw(20, 10, made::pixels(20, 10)).expect("as many pixels");
    let mut bytes = std::io::Cursor::new(Vec::new());
    picture
        .write_to(&mut bytes, image::ImageFormat::Jpeg)
        .expect("a picture");
    made::told_jpeg(&bytes.into_inner(), 1)
}

/// Without a decoder a PNG does.
#[cfg(not(feature = "images"))]
pub(super) fn cover() -> Vec<u8> {
    made::told_png(&made::vast_png(20, 10), 1)
}

/// Forty frames of MP3, 128 kbit/s at 44,100 Hz.
pub(super) fn mp3_frames() -> Vec<u8> {
    let frame = |nth: u8| [vec![0xFF, 0xFB, 0x90, 0x00], noise(413, nth)].concat();
    (0..40).flat_map(frame).collect()
}

/// Ten frames of AAC with heads.
pub(super) fn adts_frames() -> Vec<u8> {
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

pub(super) fn size(len: usize) -> [u8; 4] {
    u32::try_from(len).expect("short").to_be_bytes()
}

pub(super) fn size_le(len: usize) -> [u8; 4] {
    u32::try_from(len).expect("short").to_le_bytes()
}

pub(super) fn frame(name: &[u8], content: &[u8]) -> Vec<u8> {
    [name, &size(content.len()), &[0, 0], content].concat()
}

pub(super) fn text(name: &[u8], text: &str) -> Vec<u8> {
    frame(name, &[&[3], text.as_bytes()].concat())
}

/// A tag of version 2.4 or 2.3, with room behind its frames. All sizes stay below 128, so that both read them.
pub(super) fn id3(version: u8, frames: &[Vec<u8>]) -> Vec<u8> {
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
pub(super) fn telling() -> Vec<Vec<u8>> {
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

pub(super) fn musical() -> Vec<Vec<u8>> {
    vec![
        text(b"TIT2", "Tomatoes"),
        text(b"TPE1", "The Growers"),
        text(b"TALB", "Glasshouse"),
        text(b"TRCK", "3/10"),
        text(b"TDRC", "2024-05-01T12:00:01"),
        text(b"TCON", "Folk"),
    ]
}

pub(super) fn first_version(title: &str, artist: &str) -> Vec<u8> {
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

pub(super) fn ape(items: &[(&str, &str)]) -> Vec<u8> {
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

pub(super) fn lyrics() -> Vec<u8> {
    let body = b"LYRICSBEGININD00002EAR00010Banana 123";
    [&body[..], format!("{:06}LYRICS200", body.len()).as_bytes()].concat()
}

/// An MP3 file of a recorder: no title, and all else everywhere.
pub(super) fn told_mp3() -> Vec<u8> {
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
pub(super) fn song_mp3() -> Vec<u8> {
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

pub(super) fn list(vendor: &str, comments: &[String]) -> Vec<u8> {
    let mut list = [&size_le(vendor.len())[..], vendor.as_bytes()].concat();
    list.extend(size_le(comments.len()));
    for comment in comments {
        list.extend(size_le(comment.len()));
        list.extend(comment.as_bytes());
    }
    list
}

pub(super) fn telling_comments() -> Vec<String> {
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

pub(super) fn picture_block(picture: &[u8]) -> Vec<u8> {
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

pub(super) fn song_comments() -> Vec<String> {
    let block = data_encoding::BASE64.encode(&picture_block(&cover()));
    let mut comments = telling_comments();
    comments.extend(["title=Tomatoes", "Artist=The Growers", "DATE=2024-05-01"].map(str::to_owned));
    comments.push(format!("METADATA_BLOCK_PICTURE={block}"));
    comments
}

pub(super) fn block(kind: u8, content: &[u8]) -> Vec<u8> {
    let [_, a, b, c] = size(content.len());
    [&[kind, a, b, c], content].concat()
}

/// A minute of sound at 44,100 Hz, as FLAC describes it.
pub(super) fn stream_info() -> Vec<u8> {
    let bits = 44_100u64 << 44 | 1 << 41 | 15 << 36 | (44_100 * 60);
    [
        &[16, 0, 16, 0, 0, 0, 0, 0, 0, 0][..],
        &bits.to_be_bytes(),
        &[7; 16],
    ]
    .concat()
}

pub(super) fn flac_frames() -> Vec<u8> {
    [&[0xFF, 0xF8, 0xC9, 0x18][..], &noise(3_000, 9)].concat()
}

pub(super) fn flac(comments: &[String], with_cover: bool) -> Vec<u8> {
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
pub(super) fn checksum(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0u32, |sum, byte| {
        (0..8).fold(sum ^ u32::from(*byte) << 24, |sum, _| {
            (sum << 1) ^ if sum >> 31 == 1 { 0x04C1_1DB7 } else { 0 }
        })
    })
}

/// The pages of a stream: each packet on pages of its own.
pub(super) fn stream(serial: u32, packets: &[Vec<u8>]) -> Vec<Vec<u8>> {
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

pub(super) fn sounds_of(seed: u8) -> Vec<Vec<u8>> {
    (0..20)
        .map(|nth| noise(100 + usize::from(nth) * 37, seed + nth))
        .collect()
}

pub(super) fn opus(serial: u32, comments: &[String]) -> Vec<Vec<u8>> {
    let head = b"OpusHead\x01\x02\x38\x01\x80\xBB\0\0\0\0\0".to_vec();
    let tags = [
        &b"OpusTags"[..],
        &list("Banana Phone", comments),
        b"PlaceTold behind",
    ]
    .concat();
    stream(serial, &[vec![head, tags], sounds_of(1)].concat())
}

pub(super) fn vorbis(serial: u32, comments: &[String]) -> Vec<Vec<u8>> {
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

pub(super) fn ogg_flac(serial: u32, comments: &[String]) -> Vec<Vec<u8>> {
    let head = [&b"\x7FFLAC\x01\0\0\x03fLaC"[..], &block(0, &stream_info())].concat();
    let tags = block(4, &list("Banana Phone", comments));
    let picture = block(6, &picture_block(&cover()));
    let rest = block(0x81, b"PlaceTold\0\0\0");
    stream(
        serial,
        &[vec![head, tags, picture, rest], sounds_of(3)].concat(),
    )
}

pub(super) fn speex(serial: u32, comments: &[String]) -> Vec<Vec<u8>> {
    let head = [&b"Speex   "[..], &[0; 72]].concat();
    stream(
        serial,
        &[vec![head, list("Banana Phone", comments)], sounds_of(4)].concat(),
    )
}

/// A stream as it is read: its number, that of its next page, the packet that is not whole yet, and those that are.
type Read = (u32, u32, Vec<u8>, Vec<Vec<u8>>);

/// The packets of each stream, by its number, with every checksum proved and every page in its order.
pub(super) fn packets(bytes: &[u8]) -> Vec<(u32, Vec<Vec<u8>>)> {
    let mut streams: Vec<Read> = Vec::new();
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

pub(super) fn chunk(name: &[u8], content: &[u8]) -> Vec<u8> {
    let padding = vec![0; content.len() % 2];
    [name, &size_le(content.len()), content, &padding].concat()
}

pub(super) fn wave_format() -> Vec<u8> {
    let [a, b, c, d] = 44_100u32.to_le_bytes();
    let [e, f, g, h] = 88_200u32.to_le_bytes();
    vec![1, 0, 1, 0, a, b, c, d, e, f, g, h, 2, 0, 16, 0]
}

pub(super) fn riff(chunks: &[Vec<u8>]) -> Vec<u8> {
    let body = chunks.concat();
    [&b"RIFF"[..], &size_le(body.len() + 4), b"WAVE", &body].concat()
}

pub(super) fn telling_chunks() -> Vec<Vec<u8>> {
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

pub(super) fn told_wav() -> Vec<u8> {
    let mut chunks = vec![chunk(b"fmt ", &wave_format())];
    chunks.extend(telling_chunks());
    chunks.push(chunk(b"data", &noise(4_411, 6)));
    chunks.extend(telling_chunks());
    [riff(&chunks), b"behind the end: Banana".to_vec()].concat()
}

pub(super) fn song_wav() -> Vec<u8> {
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

pub(super) fn told_aiff() -> Vec<u8> {
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

pub(super) fn told_caf() -> Vec<u8> {
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

pub(super) fn told_amr() -> Vec<u8> {
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

pub(super) fn atom(name: &[u8], parts: &[&[u8]]) -> Vec<u8> {
    let content = parts.concat();
    [&size(content.len() + 8)[..], name, &content].concat()
}

pub(super) fn item(name: &[u8], kind: u8, value: &[u8]) -> Vec<u8> {
    atom(
        name,
        &[&atom(b"data", &[&[0, 0, 0, kind, 0, 0, 0, 0], value])],
    )
}

/// An M4A file without tracks, as far as tags are concerned.
pub(super) fn m4a(items: &[Vec<u8>]) -> Vec<u8> {
    let handler = atom(b"hdlr", &[&[0; 8], b"mdirappl", &[0; 9]]);
    let list = atom(b"ilst", &[&items.concat()]);
    let meta = atom(b"meta", &[&[0; 4], &handler, &list]);
    let heard = sound_entry(b"mp4a", 16, &[&small(b"esds", &[b"as it wants"])]);
    let track = Track::of(1, b"soun", heard, &[]).trak();
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
            &[&atom(b"mvhd", &length), &track, &atom(b"udta", &[&meta])],
        ),
        atom(b"mdat", &[&[]]),
    ]
    .concat()
}
