//! What a fuzzer begins with: the golden vectors of the format, and messages written by hand from `docs/protocol.md`.

use std::fs;
use std::path::Path;

use serde_json::Value;
use tidings::format::{LogId, encode};

/// Larger ones would make a fuzzer slow, and say nothing that small ones do not.
const MOST: usize = 6_000;

/// Target, name of the file, bytes.
pub(crate) fn all() -> Vec<(&'static str, String, Vec<u8>)> {
    let mut seeds = Vec::new();
    for (structure, target) in [
        ("archive", "archive"),
        ("body", "body"),
        ("fork", "fork"),
        ("header", "header"),
        ("kinds", "content"),
        ("reference", "text"),
        ("run", "run_of_entries"),
        ("statement", "statement"),
        ("tag", "text"),
        ("ticket", "text"),
        ("ticket", "ticket"),
    ] {
        for (name, vector) in vectors(structure) {
            let bytes = bytes_of(target, &vector);
            seeds.extend(bytes.map(|bytes| (target, name, bytes)));
        }
    }
    let messages = messages().into_iter();
    seeds.extend(messages.map(|(name, bytes)| ("message", name.to_owned(), bytes)));
    seeds.push(("memory", "nothing".to_owned(), vec![1, 0, 0, 0, 0]));
    seeds.push(("memory", "all".to_owned(), memory()));
    seeds.extend((0..12).map(|n| ("swarm", format!("noise-{n:02}"), noise(n, 1_200))));
    seeds.extend((0..6).map(|n| ("feeds", format!("noise-{n:02}"), noise(100 + n, 800))));
    seeds.extend((0..6).map(|n| ("pieces", format!("noise-{n:02}"), noise(200 + n, 120))));
    let mut stream = [&[1; 33][..], &70_000u64.to_be_bytes()].concat();
    stream.extend([[0, 0, 0, 0, 0, 0, 0, 0, 5], [0, 0, 0, 0, 0, 0, 0, 4, 1]].concat());
    seeds.push(("media", "two-requests".to_owned(), stream));
    seeds.retain(|(_, _, bytes)| bytes.len() <= MOST);
    seeds
}

/// Bytes that look random, for targets that take them as a row of choices.
fn noise(seed: u64, count: usize) -> Vec<u8> {
    let mut hasher = blake3::Hasher::new_derive_key("tidings corpus");
    hasher.update(&seed.to_be_bytes());
    let mut bytes = vec![0; count];
    hasher.finalize_xof().fill(&mut bytes);
    bytes
}

/// The good vectors of a structure, and what is instructive of the bad.
fn vectors(structure: &str) -> Vec<(String, Value)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/v1");
    let text = fs::read_to_string(folder.join(format!("{structure}.json"))).expect("vectors");
    let file: Value = serde_json::from_str(&text).expect("JSON");
    let mut found = Vec::new();
    for list in ["good", "bad"] {
        for vector in file[list].as_array().expect("a list") {
            let name = vector["name"].as_str().expect("a name").to_lowercase();
            let words: Vec<&str> = name.split(|c: char| !c.is_ascii_alphanumeric()).collect();
            let words: Vec<&str> = words.into_iter().filter(|word| !word.is_empty()).collect();
            found.push((
                format!("{structure}-{list}-{}", words.join("-")),
                vector.clone(),
            ));
        }
    }
    found
}

fn bytes_of(target: &str, vector: &Value) -> Option<Vec<u8>> {
    let bytes = vector.get("bytes").and_then(Value::as_str).map(unhex);
    let text = vector.get("text").and_then(Value::as_str);
    match target {
        "text" => text.map(|text| text.as_bytes().to_vec()),
        "ticket" => {
            let base32 = text?.strip_prefix("tidingsfeed")?.to_uppercase();
            data_encoding::BASE32_NOPAD.decode(base32.as_bytes()).ok()
        }
        "run_of_entries" => {
            let part = |name: &str| vector["given"][name].as_str();
            let log = LogId {
                feed: part("feed")?.parse().ok()?,
                device: part("device")?.parse().ok()?,
                lane: part("lane")?.parse().ok()?,
            };
            Some([encode(&log), bytes?].concat())
        }
        _ => bytes,
    }
}

fn unhex(text: &str) -> Vec<u8> {
    data_encoding::HEXLOWER
        .decode(text.as_bytes())
        .expect("hex")
}

/// One message of each sort, with its longer and its shorter forms.
fn messages() -> Vec<(&'static str, Vec<u8>)> {
    let (id, device) = ([7; 16], [9; 32]);
    let run = short_run();
    let message = |tag: u8, fields: &[&[u8]]| [&[1, tag][..], &fields.concat()].concat();
    let sized = |bytes: &[u8]| [encode(&(bytes.len() as u64)), bytes.to_vec()].concat();
    vec![
        ("hello", message(0, &[&[0x80, 0x01], &[3; 80], &[5]])),
        (
            "wants-whole",
            message(1, &[&[1, 1], &id, &[2], &id, &[8; 16], &[0]]),
        ),
        (
            "wants-change",
            message(1, &[&[0, 0, 1], &id, &[1], &[8; 16]]),
        ),
        ("wants-ask", message(2, &[])),
        ("buckets", message(3, &[&[1, 2], &[4; 16]])),
        (
            "heads-new",
            message(
                4,
                &[
                    &[1, 1],
                    &id,
                    &[2; 8],
                    &[1, 3],
                    &device,
                    &sized(b"posts"),
                    &[5],
                    &[6; 8],
                ],
            ),
        ),
        (
            "heads-known",
            message(
                4,
                &[&[0, 1], &id, &[2; 8], &[2, 2, 0, 5], &[6; 8], &[4, 1, 3]],
            ),
        ),
        ("ask", message(5, &[&[3, 1], &id])),
        ("now", message(6, &[&id, &[1], &[8; 16], &[2, 1]])),
        ("requests", message(7, &[&[4, 2, 0, 0, 1, 64, 1, 62, 0, 2]])),
        ("bodies-request", message(8, &[&[4, 0, 2, 9, 3]])),
        ("statements-request", message(9, &[&[4], &id])),
        ("proof-request", message(10, &[&[4, 0]])),
        ("run", message(11, &[&[4, 1], &sized(&run)])),
        ("push-known", message(12, &[&[0, 0], &sized(&run)])),
        (
            "push-new",
            message(12, &[&[1], &id, &device, &sized(b"state"), &sized(&run)]),
        ),
        ("body", message(13, &[&[4, 9], &sized(b"a body")])),
        (
            "statements",
            message(14, &[&[4, 2], &sized(b"one"), &sized(b"other")]),
        ),
        ("proof", message(15, &[&[4], &sized(b"a proof")])),
        ("done", message(16, &[&[4]])),
    ]
}

/// The shortest good run among the vectors.
fn short_run() -> Vec<u8> {
    let runs = vectors("run").into_iter();
    let good = runs.filter(|(name, _)| name.starts_with("run-good"));
    let bytes = good.filter_map(|(_, vector)| vector["bytes"].as_str().map(unhex));
    bytes.min_by_key(Vec::len).expect("a run")
}

/// Wants of both sides, an agreement, and what was settled.
fn memory() -> Vec<u8> {
    let parts: [&[u8]; 9] = [
        &[1, 2],
        &[1; 16],
        &[2; 16],
        &[1],
        &[3; 16],
        &[1],
        &[4; 32],
        &[0x80, 0x01],
        &[1, 7, 8],
    ];
    parts.concat()
}
