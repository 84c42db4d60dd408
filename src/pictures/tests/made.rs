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

/// A box of ISO/IEC 14496-12.
pub(super) fn boxed(name: &[u8; 4], body: &[u8]) -> Vec<u8> {
    let len = u32::try_from(body.len() + 8).expect("a short box");
    [&len.to_be_bytes(), name.as_slice(), body].concat()
}

/// A still picture in boxes, item by item.
#[derive(Debug, Default, Clone)]
pub(super) struct Heif {
    /// Kind, the numbers of its properties with 0x80 on those it needs, data.
    pub(super) items: Vec<(&'static [u8; 4], Vec<u8>, Vec<u8>)>,
    /// Kind, from, to: by the place of an item in the list, from 1.
    pub(super) references: Vec<(&'static [u8; 4], u16, Vec<u16>)>,
    /// By number, from 1.
    pub(super) properties: Vec<(&'static [u8; 4], Vec<u8>)>,
    pub(super) groups: Vec<(&'static [u8; 4], Vec<u32>)>,
    /// Items whose data lie in the list.
    pub(super) in_list: Vec<u16>,
    /// Further boxes of the list.
    pub(super) more: Vec<u8>,
}

impl Heif {
    pub(super) fn write(&self) -> Vec<u8> {
        let ftyp = boxed(b"ftyp", b"heic\0\0\0\0mif1heic");
        // The list is as long whatever the places in it are.
        let at = ftyp.len() + self.list(0).len() + 8;
        let list = self.list(u32::try_from(at).expect("a short file"));
        let data = self.data(false).0;
        let data = [data.as_slice(), b"behind all: PlaceTold"].concat();
        [ftyp, list, boxed(b"mdat", &data)].concat()
    }

    /// The data of those in the list or of those that are not, and where each begins.
    fn data(&self, in_list: bool) -> (Vec<u8>, Vec<(u16, usize, usize)>) {
        let (mut data, mut places) = (Vec::new(), Vec::new());
        for (number, (_, _, item)) in (1..).zip(&self.items) {
            if self.in_list.contains(&number) == in_list {
                data.extend(b"Kitchen");
                places.push((number, data.len(), item.len()));
                data.extend(item);
            }
        }
        (data, places)
    }

    fn list(&self, base: u32) -> Vec<u8> {
        let full =
            |name, parts: &[&[u8]]| boxed(name, &[&[0; 4], parts.concat().as_slice()].concat());
        let count = u16::try_from(self.items.len())
            .expect("a few items")
            .to_be_bytes();
        let mut places = vec![1, 0, 0, 0, 0x44, 0x40];
        places.extend(count);
        for in_list in [false, true] {
            for (number, at, len) in self.data(in_list).1 {
                places.extend(number.to_be_bytes());
                places.extend([0, in_list.into(), 0, 0]);
                places.extend(if in_list { 0 } else { base }.to_be_bytes());
                places.extend(1u16.to_be_bytes());
                places.extend(u32::try_from(at).expect("a short file").to_be_bytes());
                places.extend(u32::try_from(len).expect("a short item").to_be_bytes());
            }
        }
        let (mut infos, mut has) = (
            count.to_vec(),
            u32::from(u16::from_be_bytes(count)).to_be_bytes().to_vec(),
        );
        for (number, (kind, properties, _)) in (1u16..).zip(&self.items) {
            let name: &[u8] = b"\0\0Kitchen\0image/Banana\0";
            let (protection, name) = name.split_at(2);
            infos.extend(boxed(
                b"infe",
                &[
                    &[2, 0, 0, 0],
                    number.to_be_bytes().as_slice(),
                    protection,
                    *kind,
                    name,
                ]
                .concat(),
            ));
            has.extend(number.to_be_bytes());
            has.push(u8::try_from(properties.len()).expect("a few properties"));
            has.extend(properties);
        }
        let mut references = Vec::new();
        for (kind, from, to) in &self.references {
            let count = u16::try_from(to.len()).expect("a few references");
            let numbers: Vec<u8> = [*from, count]
                .iter()
                .chain(to)
                .flat_map(|n| n.to_be_bytes())
                .collect();
            references.extend(boxed(kind, &numbers));
        }
        let properties: Vec<u8> = self
            .properties
            .iter()
            .flat_map(|(name, body)| boxed(name, body))
            .collect();
        let groups: Vec<u8> = self
            .groups
            .iter()
            .flat_map(|(kind, ids)| {
                let count = u32::try_from(ids.len()).expect("a few");
                let numbers: Vec<u8> = [0, 77, count]
                    .iter()
                    .chain(ids)
                    .flat_map(|n| n.to_be_bytes())
                    .collect();
                boxed(kind, &[numbers.as_slice(), b"Banana"].concat())
            })
            .collect();
        let parts = [
            full(b"hdlr", &[b"\0\0\0\0pictBanana..Kit.PlaceTold\0"]),
            boxed(b"dinf", b"Banana"),
            full(b"pitm", &[&[0, 1]]),
            boxed(b"iloc", &places),
            full(b"iinf", &[&infos]),
            full(b"iref", &[&references]),
            boxed(
                b"iprp",
                &[boxed(b"ipco", &properties), full(b"ipma", &[&has])].concat(),
            ),
            boxed(b"idat", &self.data(true).0),
            boxed(b"grpl", &groups),
            boxed(b"xml ", b"\0\0\0\0PlaceTold"),
            boxed(b"uuid", b"Banana"),
            self.more.clone(),
        ];
        full(b"meta", &[&parts.concat()])
    }
}
