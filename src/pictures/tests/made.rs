//! Pictures put together by hand, so that what is in them is known.

/// The colours of a picture: something in each of them, so that decoders have work.
pub(super) fn pixels(width: u32, height: u32) -> Vec<u8> {
    (0..height)
        .flat_map(|y| (0..width).flat_map(move |x| [x * 7 % 256, y * 5 % 256, (x + y) % 256]))
        .map(|colour| u8::try_from(colour).expect("below 256"))
        .collect()
}

/// A block of Exif with a maker, a place and an orientation, little endian.
pub(super) fn exif(orientation: u16) -> Vec<u8> {
    let mut tiff = b"II*\0\x08\0\0\0".to_vec();
    let tag = |tag: u16, kind: u16, count: u32, value: [u8; 4]| {
        [
            &tag.to_le_bytes()[..],
            &kind.to_le_bytes(),
            &count.to_le_bytes(),
            &value,
        ]
        .concat()
    };
    let [o0, o1] = orientation.to_le_bytes();
    // Three tags take 42 bytes behind the head of 8: the maker stands at 50, the places behind it.
    tiff.extend(3u16.to_le_bytes());
    tiff.extend(tag(0x010F, 2, 7, [50, 0, 0, 0]));
    tiff.extend(tag(0x0112, 3, 1, [o0, o1, 0, 0]));
    tiff.extend(tag(0x8825, 4, 1, [57, 0, 0, 0]));
    tiff.extend([0; 4]);
    tiff.extend(b"Banana\0");
    tiff.extend(1u16.to_le_bytes());
    // Map datum, a text.
    tiff.extend(tag(0x0012, 2, 18, [75, 0, 0, 0]));
    tiff.extend([0; 4]);
    tiff.extend(b"+52.5200+013.4050\0");
    tiff
}

pub(super) const XMP: &[u8] = b"<x:xmpmeta xmlns:x='adobe:ns:meta/'>PlaceTold</x:xmpmeta>";

/// A JPEG with what telephones put into it: Exif, XMP, Photoshop's notes, a comment, and a film behind its end.
pub(super) fn told_jpeg(clean: &[u8], orientation: u16) -> Vec<u8> {
    let mut segments = Vec::new();
    let mut segment = |marker: u8, parts: &[&[u8]]| {
        let payload = parts.concat();
        let len = u16::try_from(payload.len() + 2).expect("a short segment");
        segments.extend([0xFF, marker]);
        segments.extend(len.to_be_bytes());
        segments.extend(payload);
    };
    segment(0xE1, &[b"Exif\0\0", &exif(orientation)]);
    segment(0xE1, &[b"http://ns.adobe.com/xap/1.0/\0", XMP]);
    segment(0xE2, &[b"MPF\0", b"Banana"]);
    segment(0xED, &[b"Photoshop 3.0\0", b"PlaceTold"]);
    segment(0xEB, &[b"JP", b"Banana"]);
    segment(0xFE, &[b"made in the Kitchen"]);
    let (start, rest) = clean.split_at(2);
    let film = b"\0\0\0\x18ftypmp42 a film shot at +52.5200+013.4050";
    [start, &segments, rest, film].concat()
}

/// One chunk of a PNG.
pub(super) fn png_chunk(name: &[u8; 4], payload: &[u8]) -> Vec<u8> {
    let len = u32::try_from(payload.len()).expect("a short chunk");
    let named = [name, payload].concat();
    [&len.to_be_bytes(), &*named, &crc(&named).to_be_bytes()].concat()
}

/// A PNG with Exif, texts and a time.
pub(super) fn told_png(clean: &[u8], orientation: u16) -> Vec<u8> {
    let (head, rest) = clean.split_at(33);
    let chunks = [
        png_chunk(b"tEXt", b"Author\0PlaceTold"),
        png_chunk(b"iTXt", &[b"XML:com.adobe.xmp\0\0\0\0\0", XMP].concat()),
        png_chunk(b"eXIf", &exif(orientation)),
        png_chunk(b"tIME", &[7, 232, 5, 6, 7, 8, 9]),
        png_chunk(b"prVt", b"Banana"),
    ]
    .concat();
    [head, &chunks, rest, b"trailing +52.5200"].concat()
}

/// A PNG that claims a size and has hardly any data.
pub(super) fn vast_png(width: u32, height: u32) -> Vec<u8> {
    let head = [
        &width.to_be_bytes()[..],
        &height.to_be_bytes(),
        &[8, 2, 0, 0, 0],
    ]
    .concat();
    [
        b"\x89PNG\r\n\x1A\n".to_vec(),
        png_chunk(b"IHDR", &head),
        png_chunk(b"IDAT", &[0x78, 0x9C, 0x03, 0, 0, 0, 0, 1]),
        png_chunk(b"IEND", b""),
    ]
    .concat()
}

fn crc(bytes: &[u8]) -> u32 {
    let mut crc = u32::MAX;
    for byte in bytes {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = (crc >> 1) ^ if crc & 1 == 1 { 0xEDB8_8320 } else { 0 };
        }
    }
    !crc
}

/// A WebP with Exif and XMP around the chunks of a simple one.
pub(super) fn told_webp(simple: &[u8], (width, height): (u32, u32), orientation: u16) -> Vec<u8> {
    let chunk = |name: &[u8; 4], payload: &[u8]| {
        let len = u32::try_from(payload.len()).expect("a short chunk");
        let padding: &[u8] = if len % 2 == 1 { &[0] } else { &[] };
        [name, &len.to_le_bytes()[..], payload, padding].concat()
    };
    let [w0, w1, w2, _] = (width - 1).to_le_bytes();
    let [h0, h1, h2, _] = (height - 1).to_le_bytes();
    let chunks = [
        chunk(b"VP8X", &[0x0C, 0, 0, 0, w0, w1, w2, h0, h1, h2]),
        simple[12..].to_vec(),
        chunk(b"EXIF", &exif(orientation)),
        chunk(b"XMP ", XMP),
        chunk(b"prVt", b"Banana"),
    ]
    .concat();
    let size = u32::try_from(chunks.len() + 4).expect("a short file");
    [b"RIFF", &size.to_le_bytes()[..], b"WEBP", &chunks].concat()
}

/// A WebP of the extended kind with Exif behind its chunks.
pub(super) fn with_exif_webp(extended: &[u8], orientation: u16) -> Vec<u8> {
    let exif = exif(orientation);
    let len = u32::try_from(exif.len()).expect("a short block");
    let padding: &[u8] = if len % 2 == 1 { &[0] } else { &[] };
    let mut out = [extended, b"EXIF", &len.to_le_bytes(), &exif, padding].concat();
    out[20] |= 0x08;
    let size = u32::try_from(out.len() - 8).expect("a short file");
    out[4..8].copy_from_slice(&size.to_le_bytes());
    out
}

/// A GIF of two pictures that loops, with a comment and XMP in it.
pub(super) fn told_gif() -> Vec<u8> {
    let frame: &[u8] = b"\x21\xF9\x04\0\x0A\0\0\0\x2C\0\0\0\0\x02\0\x02\0\0\x02\x03\x84\x5D\x05\0";
    [
        b"GIF89a\x02\0\x02\0\x80\0\0\0\0\0\xFF\xFF\xFF".as_slice(),
        b"\x21\xFF\x0BNETSCAPE2.0\x03\x01\0\0\0",
        b"\x21\xFE\x09PlaceTold\0",
        b"\x21\xFF\x0BXMP DataXMP\x06Banana\0",
        frame,
        frame,
        b"\x3Btrailing +52.5200",
    ]
    .concat()
}

/// A colour profile of curves and a matrix, or of a table, with its maker, model, owner, serial number and date in it.
pub(super) fn told_profile(version: u8, tags: &[(&[u8; 4], Vec<u8>)]) -> Vec<u8> {
    let mut header = [0; 128];
    for (at, value) in [
        (4, b"Bana".as_slice()),
        (8, &[version, 0x20]),
        (12, b"mntrRGB XYZ "),
        (24, &[7, 0xE8, 0, 5, 0, 6, 0, 7, 0, 8, 0, 9]),
        (36, b"acspBana"),
        (48, b"BanaKitc"),
        (68, &[0, 0, 0xF6, 0xD6, 0, 1, 0, 0, 0, 0, 0xD3, 0x2D]),
        (80, b"Kitchen+52.5200 PlaceTold"),
        (105, b"Kitchen"),
    ] {
        header[at..at + value.len()].copy_from_slice(value);
    }
    let text = |says: &str| [b"text\0\0\0\0", says.as_bytes(), b"\0"].concat();
    let mut all: Vec<(&[u8; 4], Vec<u8>)> = vec![
        (b"desc", text("display of the Kitchen")),
        (b"cprt", text("Banana, PlaceTold")),
        (b"dmnd", text("Banana")),
        (b"dmdd", text("Banana 7 at +52.5200")),
        (b"mmod", text("Banana")),
        (b"vcgt", text("Kitchen")),
        (b"meta", text("PlaceTold")),
        (b"MS00", text("Banana")),
    ];
    all.extend(tags.iter().cloned());
    let (mut table, mut values) = (Vec::new(), Vec::new());
    let number = |n: usize| u32::try_from(n).expect("a short profile").to_be_bytes();
    for (name, value) in &all {
        table.extend_from_slice(*name);
        table.extend(number(132 + all.len() * 12 + values.len()));
        table.extend(number(value.len()));
        values.extend_from_slice(value);
        values.resize(values.len().next_multiple_of(4), b'K');
    }
    values.extend(b"behind all: PlaceTold");
    let rest = [number(all.len()).to_vec(), table, values].concat();
    header[..4].copy_from_slice(&number(128 + rest.len()));
    [header.to_vec(), rest].concat()
}

/// The tags of a profile of curves and a matrix; the last number of the red primary is `red`.
pub(super) fn matrix_tags(red: u8) -> Vec<(&'static [u8; 4], Vec<u8>)> {
    let xyz = |last: u8| {
        [
            b"XYZ \0\0\0\0".as_slice(),
            &[0, 0, 0x6F, 0xA2, 0, 0, 0x38, 0xF5, 0, 0, 3, last],
            b"Banana",
        ]
        .concat()
    };
    let curve = b"para\0\0\0\0\0\0Ki\0\x02\x33\x33PlaceTold".to_vec();
    vec![
        (b"wtpt", xyz(1)),
        (b"rXYZ", xyz(red)),
        (b"gXYZ", xyz(3)),
        (b"bXYZ", xyz(4)),
        (b"rTRC", curve.clone()),
        (b"gTRC", curve),
        (
            b"bTRC",
            b"curv\0\0\0\0\0\0\0\x02\0\0\xFF\xFF+52.5200".to_vec(),
        ),
    ]
}
