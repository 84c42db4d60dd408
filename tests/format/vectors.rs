//! Reads every vector and holds the library to it, in both directions.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::make;
use crate::shapes::{Reader, SHAPES};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/v1")
}

fn sums_file() -> PathBuf {
    folder().join("SUMS")
}

fn sum(bytes: &[u8]) -> String {
    blake3::hash(bytes).to_hex().to_string()
}

/// File name to BLAKE3 hash, as `SUMS` lists them.
fn sums() -> BTreeMap<String, String> {
    let text = fs::read_to_string(sums_file()).unwrap_or_default();
    let line = |line: &str| {
        let (sum, name) = line.split_once("  ")?;
        Some((name.to_owned(), sum.to_owned()))
    };
    text.lines().filter_map(line).collect()
}

/// The name of the error's variant.
fn variant(error: &tidings::format::FormatError) -> String {
    let text = format!("{error:?}");
    text.split([' ', '{']).next().unwrap_or_default().to_owned()
}

fn check(structure: &str, read: Reader) {
    let path = folder().join(format!("{structure}.json"));
    let text =
        fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let file: Value = serde_json::from_str(&text).expect("JSON");
    let file = make::with_long_numbers(file);
    assert_eq!(file["structure"], structure);
    let mut names = BTreeSet::new();
    for (list, good) in [("good", true), ("bad", false)] {
        for vector in file[list].as_array().expect("a list") {
            let name = vector["name"].as_str().expect("a name");
            assert!(
                names.insert(name),
                "{structure}: two vectors named {name:?}"
            );
            let input = vector.get("bytes").or_else(|| vector.get("text"));
            match read(vector) {
                Ok((fields, again)) => {
                    assert!(
                        good,
                        "{structure}, {name:?}: should be refused, is {fields}"
                    );
                    assert_eq!(
                        fields, vector["fields"],
                        "{structure}, {name:?}: what it says"
                    );
                    assert_eq!(
                        Some(again.as_str()),
                        input.and_then(Value::as_str),
                        "{structure}, {name:?}: written again"
                    );
                }
                Err(error) => {
                    assert!(!good, "{structure}, {name:?}: {error}");
                    assert_eq!(
                        vector["error"],
                        variant(&error),
                        "{structure}, {name:?}: {error}"
                    );
                }
            }
        }
    }
}

#[test]
fn every_vector_reads_and_writes_as_it_says() {
    write_missing();
    for (structure, read) in SHAPES {
        check(structure, *read);
    }
}

#[test]
fn order_keys_stand_in_the_order_of_views() {
    write_missing();
    let text = fs::read_to_string(folder().join("order.json")).expect("order.json");
    let file: Value = serde_json::from_str(&text).expect("JSON");
    let keys: Vec<&str> = file["good"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|vector| vector["bytes"].as_str().expect("bytes"))
        .collect();
    assert!(keys.is_sorted(), "{keys:#?}");
}

#[test]
fn no_vector_has_changed_and_every_file_is_read() {
    write_missing();
    let listed = sums();
    let known: BTreeSet<String> = SHAPES
        .iter()
        .map(|(name, _)| format!("{name}.json"))
        .collect();
    let files: BTreeSet<String> = fs::read_dir(folder())
        .expect("the folder of vectors")
        .map(|file| {
            file.expect("a file")
                .file_name()
                .into_string()
                .expect("a name")
        })
        .filter(|name| name != "SUMS")
        .collect();
    assert_eq!(
        files, known,
        "files in the folder, and those that a test reads"
    );
    assert_eq!(
        listed.keys().cloned().collect::<BTreeSet<_>>(),
        known,
        "files listed in SUMS"
    );
    for (name, sum_of) in listed {
        let bytes = fs::read(folder().join(&name)).expect("a vector file");
        assert_eq!(sum(&bytes), sum_of, "{name} is not what SUMS says it was");
    }
}

/// Adds files that are missing, if that is asked for. What is there stays as it is.
fn write_missing() {
    use std::sync::Once;
    static ONCE: Once = Once::new();
    if std::env::var_os("TIDINGS_WRITE_VECTORS").is_none() {
        return;
    }
    ONCE.call_once(|| {
        for (name, file) in make::all() {
            let path = folder().join(format!("{name}.json"));
            if path.exists() {
                continue;
            }
            let text = format!("{}\n", serde_json::to_string_pretty(&file).expect("JSON"));
            fs::write(&path, &text).expect("writing a vector file");
            let mut listed = sums();
            listed.insert(format!("{name}.json"), sum(text.as_bytes()));
            let lines: String = listed
                .iter()
                .map(|(name, sum)| format!("{sum}  {name}\n"))
                .collect();
            fs::write(sums_file(), lines).expect("writing SUMS");
        }
    });
}
