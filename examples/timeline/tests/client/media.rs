//! Pictures and other files: attached, described, fetched, put where people find them.

use std::path::Path;

use image::{ImageFormat, Rgb, RgbImage};
use serde_json::{Value, json};

use crate::support::{Person, says, text};

/// A picture of so many pixels, as a file of the given form.
pub(crate) fn picture(width: u32, height: u32, form: ImageFormat) -> Vec<u8> {
    let pixel = |x, y| {
        let part = |at: u32, of: u32| u8::try_from(at * 255 / of).expect("a part");
        Rgb([part(x, width), part(y, height), 96])
    };
    let mut bytes = std::io::Cursor::new(Vec::new());
    let drawn = RgbImage::from_fn(width, height, pixel).write_to(&mut bytes, form);
    drawn.expect("a picture");
    bytes.into_inner()
}

/// A PNG that claims to be a wall of pixels and has none.
fn huge_png() -> Vec<u8> {
    let chunk = |name: &[u8; 4], data: &[u8]| {
        let body = [&name[..], data].concat();
        let crc = body.iter().fold(u32::MAX, |crc, byte| {
            (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
                (crc >> 1) ^ (0xedb8_8320 & (crc & 1).wrapping_neg())
            })
        });
        let len = u32::try_from(data.len()).expect("a chunk");
        [&len.to_be_bytes()[..], &body, &(!crc).to_be_bytes()].concat()
    };
    let side = 50_000_u32.to_be_bytes();
    let head = [&side[..], &side, &[8, 2, 0, 0, 0]].concat();
    [
        b"\x89PNG\r\n\x1a\n".to_vec(),
        chunk(b"IHDR", &head),
        chunk(b"IDAT", &[0x78, 0x9c, 3, 0, 0, 0, 0, 1]),
        chunk(b"IEND", b""),
    ]
    .concat()
}

/// What is attached to the newest post.
fn attached(person: &Person) -> Vec<Value> {
    let post = person.list().remove(0);
    post["attachments"].as_array().expect("a list").clone()
}

#[test]
fn a_post_carries_files_with_their_descriptions_in_order() {
    let ada = Person::named("Ada");
    let tomato = ada.file("tomato.png", picture(120, 80, ImageFormat::Png));
    let notes = ada.file("notes.txt", "three kinds");
    let sent = ada.json([
        "post",
        "Ripe",
        "--tag",
        "tomato",
        "--attach",
        &tomato,
        &notes,
        "--alt",
        "A red tomato",
    ]);
    let found = attached(&ada);
    assert_eq!(found.len(), 2, "{found:?}");
    let fields = [
        "name", "mime", "len", "hash", "width", "height", "alt", "held",
    ];
    for field in fields {
        assert!(
            found[0].get(field).is_some(),
            "{field} is missing: {found:?}"
        );
    }
    assert_eq!(
        (&found[0]["name"], &found[0]["mime"]),
        (&json!("picture.png"), &json!("image/png"))
    );
    assert_eq!(
        (&found[0]["width"], &found[0]["height"]),
        (&json!(120), &json!(80))
    );
    assert_eq!(
        (&found[0]["alt"], &found[0]["held"]),
        (&json!("A red tomato"), &json!(true))
    );
    assert_eq!(
        (&found[1]["name"], &found[1]["len"]),
        (&json!("file-2.txt"), &json!(11))
    );
    assert!(found[1]["alt"].is_null() && found[1]["width"].is_null());

    let people = ada.run(["list"]).succeeds().out;
    says(
        &people,
        &[
            "  + picture.png, 120 x 80, ",
            ": A red tomato\n  + file-2.txt, 11 B",
        ],
    );
    assert!(
        !people.contains(['\u{1b}', '\u{2584}']),
        "no picture in a pipe: {people:?}"
    );

    // An edit leaves what is attached.
    ada.json(["edit", &text(&sent, "id"), "Riper"]);
    assert_eq!(attached(&ada), found);
    // Several flags are as good as one, and a post may be nothing but files.
    ada.json(["post", "--attach", &tomato, "--attach", &notes]);
    assert_eq!(attached(&ada).len(), 2);
}

#[test]
fn the_place_of_a_picture_is_taken_off_unless_it_is_to_stay() {
    let ada = Person::named("Ada");
    let mut jpeg = picture(64, 48, ImageFormat::Jpeg);
    let exif = b"Exif\0\0II*\0\x08\0\0\0\0\0SECRETPLACE\0";
    let len = u16::try_from(exif.len() + 2)
        .expect("a segment")
        .to_be_bytes();
    let segment = [&[0xff, 0xe1], &len[..], exif].concat();
    jpeg.splice(2..2, segment);
    let file = ada.file("holiday.jpg", &jpeg);
    let has_place = |id: &str| {
        let got = ada.json(["fetch", id]);
        let bytes = std::fs::read(text(&got["files"][0], "file")).expect("the file");
        bytes.windows(11).any(|part| part == b"SECRETPLACE")
    };
    let stripped = text(&ada.json(["post", "a", "--attach", &file]), "id");
    let kept = text(
        &ada.json(["post", "b", "--attach", &file, "--keep-metadata"]),
        "id",
    );
    assert!(!has_place(&stripped) && has_place(&kept));
}

#[test]
fn what_cannot_be_attached_is_named_and_nothing_is_posted() {
    let ada = Person::named("Ada");
    let whole = picture(200, 200, ImageFormat::Png);
    let loops = ada.path("loop.jpg");
    #[cfg(unix)]
    std::os::unix::fs::symlink(&loops, &loops).expect("a link");
    let cases = [
        (
            text(&json!({ "dir": ada.dir() }), "dir"),
            vec!["timeline", "not a file"],
        ),
        (ada.path("missing.jpg"), vec!["missing.jpg", "No such file"]),
        (ada.file("empty.jpg", ""), vec!["empty.jpg", "empty"]),
        (
            ada.file("cut.png", &whole[..whole.len() / 2]),
            vec!["cut.png"],
        ),
        (ada.file("wall.png", huge_png()), vec!["wall.png", "50000"]),
        #[cfg(unix)]
        (loops, vec!["loop.jpg", "could not be read"]),
    ];
    for (file, parts) in &cases {
        says(&ada.run(["post", "look", "--attach", file]).fails(), parts);
    }
    let good = ada.file("good.png", &whole);
    let bad = &cases[1].0;
    says(
        &ada.run(["post", "look", "--attach", &good, bad]).fails(),
        &["missing.jpg"],
    );
    let alone = ada.run(["post", "x", "--attach", &good, "--alt", "a", "--alt", "b"]);
    says(&alone.fails(), &["2 descriptions and 1 attachment"]);
    let long = "x".repeat(3_000);
    says(
        &ada.run(["post", "x", "--attach", &good, "--alt", &long])
            .fails(),
        &["description"],
    );
    let many: Vec<_> = std::iter::repeat_n(good.as_str(), 33).collect();
    says(
        &ada.run(["post", "x", "--attach"].iter().chain(&many))
            .fails(),
        &["attachments"],
    );
    assert!(ada.list().is_empty());
    let left = std::fs::read_dir(ada.dir().join("media"));
    let left = left.map_or(0, |folder| {
        folder.flatten().filter(|it| it.path().is_file()).count()
    });
    assert_eq!(left, 0, "and nothing is left of it");
}

#[test]
fn a_type_is_what_the_bytes_say_not_the_name() {
    let ada = Person::named("Ada");
    let jpeg = ada.file("really.png", picture(40, 30, ImageFormat::Jpeg));
    let words = ada.file("words.jpg", "no picture at all");
    ada.json(["post", "lies", "--attach", &jpeg, &words]);
    let found = attached(&ada);
    assert_eq!(found[0]["mime"], "image/jpeg");
    assert_ne!(found[1]["mime"], "image/jpeg", "{found:?}");
}

#[test]
fn a_fetched_file_lands_in_the_folder_and_nowhere_else() {
    let ada = Person::named("Ada");
    let names = [
        "..\\..\\evil.txt",
        ".hidden.txt",
        "--rf.txt",
        "\u{1b}[31mred.txt",
        "nul.txt",
        "COM0.txt",
        "lpt9 .txt",
        "com\u{b9}",
        "CONIN$.log",
        "com10.txt",
        "console.txt",
        "dots.. .",
    ];
    let files: Vec<_> = names
        .iter()
        .map(|name| ada.file(name, format!("I am {name}")))
        .collect();
    let id = ada.json(
        ["post", "x", "--keep-name", "--attach"]
            .iter()
            .copied()
            .chain(files.iter().map(String::as_str)),
    );
    let out = ada.path("out");
    let got = ada.json(["fetch", &text(&id, "id"), "--out", &out]);
    let places = got["files"].as_array().expect("files");
    assert_eq!(places.len(), names.len());
    for (place, name) in places.iter().zip(names) {
        let path = text(place, "file");
        assert_eq!(Path::new(&path).parent(), Some(Path::new(&out)), "{path}");
        assert_eq!(
            std::fs::read_to_string(&path).expect("a file"),
            format!("I am {name}")
        );
    }
    let mut there: Vec<_> = std::fs::read_dir(&out)
        .expect("a folder")
        .map(|it| {
            it.expect("a file")
                .file_name()
                .into_string()
                .expect("a plain name")
        })
        .collect();
    there.sort();
    assert_eq!(
        there,
        [
            "[31mred.txt",
            "_COM0.txt",
            "_CONIN$.log",
            "_com\u{b9}",
            "_lpt9 .txt",
            "_nul.txt",
            "com10.txt",
            "console.txt",
            "dots",
            "evil.txt",
            "hidden.txt",
            "rf.txt"
        ]
    );
}

#[test]
fn a_file_that_is_there_already_is_never_overwritten() {
    let ada = Person::named("Ada");
    let file = ada.file("song.txt", "la la");
    let id = text(
        &ada.json(["post", "x", "--keep-name", "--attach", &file]),
        "id",
    );
    let out = ada.path("out");
    std::fs::create_dir(&out).expect("a folder");
    ada.file("out/song.txt", "mine");
    let fetch = || text(&ada.json(["fetch", &id, "--out", &out])["files"][0], "file");
    let first = fetch();
    assert!(first.ends_with("song-2.txt"), "{first}");
    assert_eq!(fetch(), first, "the same file is not copied twice");
    assert_eq!(
        std::fs::read_to_string(ada.path("out/song.txt")).expect("mine"),
        "mine"
    );
    assert_eq!(std::fs::read_to_string(first).expect("a copy"), "la la");

    says(
        &ada.run(["fetch", &id, "--out", &ada.file("file", "")])
            .fails(),
        &["file"],
    );
    let plain = text(&ada.json(["post", "nothing here"]), "id");
    says(
        &ada.run(["fetch", &plain]).fails(),
        &["nothing is attached"],
    );
}

#[test]
fn what_nobody_has_is_said_and_posts_stay_readable() {
    let (ada, ben) = (Person::named("Ada"), Person::named("Ben"));
    let file = ada.file("song.txt", "la la");
    let id = text(&ada.json(["post", "x", "--attach", &file]), "id");
    let carried = ada.path("ada.tidings");
    ada.json(["export", &carried]);
    ben.json(["load", &carried, "--follow"]);
    assert_eq!(attached(&ben)[0]["held"], false);
    says(
        &ben.run(["list"]).succeeds().out,
        &["file.txt, 5 B (not here; timeline fetch "],
    );
    says(
        &ben.run(["fetch", &id, "--timeout", "5"]).fails(),
        &["file.txt: "],
    );
    assert_eq!(ben.texts(), ["x"]);
}

#[test]
fn media_travel_in_an_archive_if_they_are_asked_for() {
    let (ada, ben) = (Person::named("Ada"), Person::named("Ben"));
    let file = ada.file("song.txt", "la la");
    let id = text(&ada.json(["post", "x", "--attach", &file]), "id");
    ben.take(&ada);
    assert_eq!(attached(&ben)[0]["held"], true);
    let got = ben.json(["fetch", &id]);
    let bytes = std::fs::read(text(&got["files"][0], "file")).expect("the file");
    assert_eq!(bytes, b"la la");
}

#[test]
fn what_is_deleted_frees_its_files_once_it_is_purged() {
    let ada = Person::named("Ada");
    let file = ada.file("song.txt", "la la");
    let id = text(&ada.json(["post", "x", "--attach", &file]), "id");
    ada.json(["delete", &id]);
    ada.json(["undelete", &id]);
    assert_eq!(
        attached(&ada)[0]["held"],
        true,
        "an undo brings all of it back"
    );
    let place = text(&ada.json(["fetch", &id])["files"][0], "file");
    ada.json(["delete", &id]);
    ada.json(["purge"]);
    assert!(!Path::new(&place).exists());
}

#[test]
fn what_a_file_is_called_here_is_published_only_if_asked_for() {
    let ada = Person::named("Ada");
    let bytes = picture(60, 40, ImageFormat::Jpeg);
    let camera = ada.file("PXL_20240501_120001.JPG", bytes);
    let notes = ada.file("my secrets.draft", b"words");
    let names = || -> Vec<String> {
        let found = attached(&ada);
        found.iter().map(|it| text(it, "name")).collect()
    };
    ada.json(["post", "look", "--attach", &camera, &notes, &camera]);
    assert_eq!(names(), ["picture.jpg", "file-2.draft", "picture-3.jpg"]);
    ada.json(["post", "look", "--attach", &camera, "--keep-name"]);
    assert_eq!(names(), ["PXL_20240501_120001.JPG"]);
}

#[test]
fn a_person_has_a_picture() {
    let ada = Person::named("Ada");
    let file = ada.file("me.jpg", picture(400, 300, ImageFormat::Jpeg));
    let who = ada.json(["init", "--name", "Ada", "--avatar", &file]);
    assert_eq!(who["avatar"]["name"], "picture.jpg");
    assert_eq!(
        (&who["avatar"]["width"], &who["avatar"]["held"]),
        (&json!(400), &json!(true))
    );
    assert_eq!(
        ada.json(["init", "--name", "Ada", "--avatar", &file]),
        who,
        "nothing changed"
    );
    says(
        &ada.run(["whoami"]).succeeds().out,
        &["picture    picture.jpg, 400 x 300, "],
    );
    let notes = ada.file("notes.txt", "three kinds");
    says(
        &ada.run(["init", "--name", "Ada", "--avatar", &notes])
            .fails(),
        &["notes.txt is no picture but text/plain"],
    );
    assert_eq!(ada.json(["whoami"]), who);
}

#[test]
fn a_ticket_can_be_drawn_for_a_telephone() {
    let ada = Person::named("Ada");
    let ticket = ada.ticket();
    let drawn = ada.run(["ticket", "--qr"]).succeeds().out;
    let lines: Vec<_> = drawn.lines().collect();
    assert_eq!(lines.last(), Some(&ticket.as_str()));
    assert!(
        lines.len() > 20 && lines[0].chars().all(|c| c == '\u{2588}'),
        "{drawn}"
    );
    assert_eq!(ada.json(["ticket", "--qr"]), json!({ "ticket": ticket }));
}

/// Frames of MP3 with a tag before them.
fn song(texts: &[(&str, &str)]) -> Vec<u8> {
    let frames: Vec<u8> = texts
        .iter()
        .flat_map(|(name, text)| {
            let len = u8::try_from(text.len() + 1).expect("a short text");
            let head = [name.as_bytes(), &[0, 0, 0, len, 0, 0, 3]].concat();
            [head, text.as_bytes().to_vec()].concat()
        })
        .collect();
    let len = u8::try_from(frames.len()).expect("a short tag");
    assert!(len < 128, "one byte of length");
    let frame = [&[0xFF, 0xFB, 0x90, 0][..], &[7; 413]].concat();
    [b"ID3\x03\0\0\0\0\0", &[len][..], &frames, &frame.repeat(8)].concat()
}

#[test]
fn a_piece_of_music_says_what_it_tells_and_a_recording_tells_nothing() {
    let ada = Person::named("Ada");
    let music = [
        ("TIT2", "Tomatoes"),
        ("TPE1", "The Growers"),
        ("TENC", "Ada's machine"),
    ];
    let music = ada.file("song.mp3", song(&music));
    let memo = [("TIT2", "240501_1200"), ("TENC", "Ada's telephone")];
    let memo = ada.file("memo.mp3", song(&memo));
    let sent = ada.json(["post", "two", "--attach", &music, &memo]);
    let facts = json!([
        { "kind": "title", "value": "Tomatoes" },
        { "kind": "artist", "value": "The Growers" },
    ]);
    assert_eq!(sent["tells"], json!([{ "file": music, "facts": facts }]));
    let found = attached(&ada);
    assert_eq!(found[1]["len"], 8 * 417, "nothing but frames");
    assert_eq!(found[0]["mime"], "audio/mpeg");

    let stripped = ada.json(["post", "one", "--attach", &music, "--strip"]);
    assert_eq!(stripped["tells"], json!([]));
    assert_eq!(attached(&ada)[0]["len"], 8 * 417);

    let pdf = b"%PDF-1.4\n<< /Author (Ada L.) >>\n%%EOF\n";
    let pdf = ada.file("a.pdf", pdf);
    says(
        &ada.run(["post", "x", "--attach", &pdf, "--strip"]).fails(),
        &["a.pdf", "damaged"],
    );
    assert_eq!(
        ada.json(["post", "x", "--attach", &pdf])["tells"][0]["facts"],
        json!([{ "kind": "author", "value": "Ada L." }])
    );
}
