//! What fuzzers call, as tests on stable Rust: over the corpus that is checked in, and over mutations of it.
//!
//! Each target panics if a promise is broken, and may have so much memory at one time for so many bytes given. A night
//! does more of the same (`PROPTEST_CASES`), and `fuzz/` has the same targets under libFuzzer, which sees what code is
//! reached. What either finds becomes a file in `fuzz/corpus`.
#![cfg(all(feature = "test-util", feature = "net"))]

#[path = "fuzz/corpus.rs"]
mod corpus;
#[path = "fuzz/mutate.rs"]
mod mutate;
#[path = "fuzz/seeds.rs"]
mod seeds;

use std::collections::BTreeSet;
use std::fs;
use std::panic::{catch_unwind, resume_unwind};

use proptest::test_runner::{Config, TestRunner};
use tidings::fuzzing::{TARGETS, Target, find};

use crate::mutate::Input;

/// Runs a target and sees to its memory.
fn run(target: &Target, bytes: &[u8]) {
    // Caught inside: the counter would go on counting for who panics through it.
    let mut ran = Ok(());
    let used = allocation_counter::measure(|| ran = catch_unwind(|| target.run(bytes)));
    if let Err(panic) = ran {
        resume_unwind(panic);
    }
    let most = target.most(bytes.len());
    assert!(
        used.bytes_max <= most,
        "{} took {} bytes of memory for {} bytes given, at most {most} are allowed",
        target.name(),
        used.bytes_max,
        bytes.len()
    );
}

fn fuzz(name: &str) {
    let target = find(name).expect("a target of this name");
    let corpus = corpus::read(name);
    for (file, bytes) in &corpus {
        let ran = catch_unwind(|| run(target, bytes));
        assert!(ran.is_ok(), "{} breaks a promise", file.display());
    }
    let seeds: Vec<Vec<u8>> = corpus.into_iter().map(|(_, bytes)| bytes).collect();
    // Whole nodes and stores take tens of milliseconds each.
    let share = match name {
        "feeds" => 10,
        "pictures" | "pieces" | "swarm" => 3,
        _ => 1,
    };
    let usual = Config::default();
    let mut runner = TestRunner::new(Config {
        failure_persistence: None,
        cases: usual.cases / share,
        ..usual
    });
    let each = |Input(bytes): Input| {
        run(target, &bytes);
        Ok(())
    };
    if let Err(error) = runner.run(&mutate::mutations(seeds), each) {
        panic!("{name}: {error}");
    }
}

macro_rules! targets {
    ($($name:ident)*) => {
        $(#[test]
        fn $name() {
            fuzz(stringify!($name));
        })*

        const TESTED: &[&str] = &[$(stringify!($name)),*];
    };
}

targets! {
    archive
    body
    content
    feeds
    fork
    header
    media
    memory
    message
    pieces
    pictures
    run_of_entries
    statement
    swarm
    text
    ticket
}

#[test]
fn memory_is_counted() {
    let used = allocation_counter::measure(|| drop(std::hint::black_box(vec![0u8; 70_000])));
    assert!(used.bytes_max >= 70_000, "{used:?}");
}

#[test]
fn every_target_has_a_test_a_corpus_and_a_file_for_libfuzzer() {
    let known: BTreeSet<&str> = TARGETS.iter().map(Target::name).collect();
    let tested: BTreeSet<&str> = TESTED.iter().copied().collect();
    assert_eq!(known, tested);
    let names = |folder: &str| -> BTreeSet<String> {
        let files = fs::read_dir(corpus::fuzz_folder().join(folder)).expect("a folder");
        let stem = |file: fs::DirEntry| {
            let path = file.path();
            path.file_stem()
                .expect("a name")
                .to_str()
                .map(str::to_owned)
        };
        files
            .filter_map(|file| stem(file.expect("a file")))
            .collect()
    };
    assert_eq!(
        names("corpus"),
        known.iter().map(ToString::to_string).collect()
    );
    assert_eq!(
        names("fuzz_targets"),
        known.iter().map(ToString::to_string).collect()
    );
}
