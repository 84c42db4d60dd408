//! Films put together by hand, box by box, with a fact wherever one can hide. Each fact begins with `Told-`, and says where
//! it was put.

/// A box with these parts in it.
pub(super) fn small(name: &[u8; 4], parts: &[&[u8]]) -> Vec<u8> {
    let body = parts.concat();
    let len = u32::try_from(body.len() + 8).expect("a small box");
    [&len.to_be_bytes()[..], name, &body].concat()
}

/// Numbers of 32 bits, one behind the other.
pub(super) fn numbers(numbers: &[u32]) -> Vec<u8> {
    numbers.iter().flat_map(|n| n.to_be_bytes()).collect()
}

/// A box of a few numbers, the first of which is its version and flags.
pub(super) fn full(name: &[u8; 4], of: &[u32]) -> Vec<u8> {
    small(name, &[&numbers(of)])
}

/// A fact in boxes that hold notes.
pub(super) fn notes(place: &str) -> Vec<u8> {
    let said = format!("Told-{place}");
    [
        small(b"udta", &[&small(b"\xA9xyz", &[said.as_bytes()])]),
        small(b"meta", &[said.as_bytes()]),
        small(b"uuid", &[&[7; 16], said.as_bytes()]),
        small(b"GPSx", &[said.as_bytes()]),
        small(b"free", &[said.as_bytes()]),
    ]
    .concat()
}

pub(super) fn ftyp() -> Vec<u8> {
    small(b"ftyp", &[b"isom\0\0\0\0isom"])
}

/// The head of a film: 90 seconds in thousandths, made at a time that it tells.
pub(super) fn mvhd() -> Vec<u8> {
    let times = b"TldATldB";
    let told = b"Told-where-it-was-stopped";
    small(
        b"mvhd",
        &[
            &[0; 4],
            times,
            &numbers(&[1_000, 90_000, 0x1_0000]),
            &[1, 0],
            b"Told-mvhdX",
            &MATRIX,
            &told[..24],
            &numbers(&[9]),
        ],
    )
}

/// The picture is not turned.
const MATRIX: [u8; 36] = {
    let mut matrix = [0; 36];
    (matrix[1], matrix[17], matrix[32]) = (1, 1, 0x40);
    matrix
};

/// A track with its samples, each chunk with the sizes of those in it.
pub(super) struct Track<'a> {
    pub(super) id: u32,
    pub(super) handler: &'a [u8; 4],
    /// The description of its form.
    pub(super) entry: Vec<u8>,
    pub(super) chunks: Vec<(u64, Vec<u32>)>,
    /// What stands in place of the sizes of samples.
    pub(super) sizes: Option<Vec<u8>>,
}

impl Track<'_> {
    /// A track of pictures.
    pub(super) fn seen(id: u32, chunks: &[(u64, &[u32])]) -> Self {
        let entry = picture_entry(b"avc1", &[&small(b"avcC", &[b"as the decoder wants"])]);
        Self::of(id, b"vide", entry, chunks)
    }

    pub(super) fn of<'a>(
        id: u32,
        handler: &'a [u8; 4],
        entry: Vec<u8>,
        chunks: &[(u64, &[u32])],
    ) -> Track<'a> {
        let chunks = chunks.iter().map(|(at, sizes)| (*at, sizes.to_vec()));
        Track {
            id,
            handler,
            entry,
            chunks: chunks.collect(),
            sizes: None,
        }
    }

    pub(super) fn trak(&self) -> Vec<u8> {
        let tkhd = small(
            b"tkhd",
            &[
                &[0, 0, 0, 7],
                b"TldCTldD",
                &numbers(&[self.id]),
                b"TldE",
                &numbers(&[90_000]),
                b"Told-tkh",
                &[0; 6],
                b"TF",
                &MATRIX,
                &numbers(&[64 << 16, 48 << 16]),
                b"Told-behind-tkhd",
            ],
        );
        let mdhd = small(
            b"mdhd",
            &[
                &[0; 4],
                b"TldGTldH",
                &numbers(&[1_000, 90_000]),
                &[0x55, 0xC4],
                b"Told-behind-mdhd",
            ],
        );
        let hdlr = |kind: &[u8; 4]| small(b"hdlr", &[&[0; 8], kind, b"Told-hdlr-name-and-maker"]);
        let path = small(b"url ", &[&[0, 0, 0, 1], b"Told-dref-path"]);
        let dref = small(b"dref", &[&numbers(&[0, 1]), &path]);
        let minf = small(
            b"minf",
            &[
                &small(b"vmhd", &[&[0; 12], b"Told-behind-vmhd"]),
                &small(b"gmhd", &[b"Told-gmhd"]),
                &hdlr(b"url "),
                &small(b"dinf", &[&dref, &notes("dinf")]),
                &self.stbl(),
                &notes("minf"),
            ],
        );
        let elng = small(b"elng", &[b"Told-elng"]);
        let mdia = small(
            b"mdia",
            &[&mdhd, &hdlr(self.handler), &elng, &minf, &notes("mdia")],
        );
        let elst = small(
            b"elst",
            &[&numbers(&[0, 1, 90_000, 0, 1 << 16]), b"Told-elst"],
        );
        let edts = small(b"edts", &[&elst, &notes("edts")]);
        let tref = small(b"tref", &[&small(b"cdsc", &[b"Told-tref"]), &notes("tref")]);
        small(b"trak", &[&tkhd, &edts, &tref, &mdia, &notes("trak")])
    }

    fn stbl(&self) -> Vec<u8> {
        let count = |len: usize| u32::try_from(len).expect("few");
        let stsd = small(
            b"stsd",
            &[&numbers(&[0, 1]), &self.entry, b"\0\0\0\x11TEXTTold-stsd"],
        );
        let places: Vec<_> = self
            .chunks
            .iter()
            .flat_map(|(at, _)| at.to_be_bytes())
            .collect();
        let co64 = small(
            b"co64",
            &[
                &numbers(&[0, count(self.chunks.len())]),
                &places,
                b"Told-co64",
            ],
        );
        let runs: Vec<_> = (1u32..).zip(&self.chunks).collect();
        let runs = runs
            .iter()
            .flat_map(|(n, (_, sizes))| [*n, count(sizes.len()), 1]);
        let stsc = small(
            b"stsc",
            &[
                &numbers(&[0, count(self.chunks.len())]),
                &numbers(&runs.collect::<Vec<_>>()),
                b"Told-stsc",
            ],
        );
        let sizes: Vec<_> = self
            .chunks
            .iter()
            .flat_map(|(_, sizes)| sizes.clone())
            .collect();
        let stsz = small(
            b"stsz",
            &[
                &numbers(&[0, 0, count(sizes.len())]),
                &numbers(&sizes),
                b"Told-stsz",
            ],
        );
        let stts = small(
            b"stts",
            &[&numbers(&[0, 1, count(sizes.len()), 40]), b"Told-stts"],
        );
        let group = small(b"sgpd", &[&[1, 0, 0, 0], b"GPSg", b"Told-sgpd"]);
        let aux = small(b"senc", &[b"Told-senc"]);
        let sizes = self.sizes.clone().unwrap_or(stsz);
        small(
            b"stbl",
            &[
                &stsd,
                &stts,
                &stsc,
                &sizes,
                &co64,
                &group,
                &aux,
                &notes("stbl"),
            ],
        )
    }
}

/// A description of pictures.
pub(super) fn picture_entry(form: &[u8; 4], boxes: &[&[u8]]) -> Vec<u8> {
    small(
        form,
        &[
            b"Told-p\0\x01\0\0\0\0TldITold-qua",
            &[0, 64, 0, 48, 0, 72, 0, 0, 0, 72, 0, 0],
            b"TldJ\0\x01",
            b"\x1FTold-compressor-of-this-camera ",
            &[0, 24, 0xFF, 0xFF],
            &boxes.concat(),
        ],
    )
}

/// A description of sounds.
pub(super) fn sound_entry(form: &[u8; 4], bits: u8, boxes: &[&[u8]]) -> Vec<u8> {
    small(
        form,
        &[
            b"Told-s\0\x01\0\0TKTldL",
            &[0, 1, 0, bits, 0, 0, 0, 0, 0x1F, 0x40, 0, 0],
            &boxes.concat(),
        ],
    )
}

/// A film with its data first, so that the places in it are known: data begin at byte 28.
pub(super) fn film(data: &[u8], tracks: &[Track<'_>]) -> Vec<u8> {
    let traks: Vec<_> = tracks.iter().flat_map(Track::trak).collect();
    [
        ftyp(),
        small(b"mdat", &[data]),
        notes("top"),
        small(b"prft", &[b"Told-prft"]),
        small(b"moov", &[&mvhd(), &traks, &notes("moov")]),
    ]
    .concat()
}

/// Where the data of [`film`] begin.
pub(super) const DATA: u64 = 28;
