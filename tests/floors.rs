//! Imports point down: each floor names only those it may stand on.
//!
//! Reads every path that begins with `crate::` or `super::` under `src/`. `lib.rs` is the door and may name all.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Each floor, and what it may import of ours besides itself.
const MAY_IMPORT: &[(&str, &[&str])] = &[
    ("format", &[]),
    ("store", &[]),
    ("pictures", &[]),
    ("feeds", &["format", "store"]),
    ("sync", &["format"]),
    ("media", &["format"]),
    ("net", &["format", "store", "feeds", "sync", "media"]),
    (
        "node",
        &[
            "format", "store", "pictures", "feeds", "sync", "media", "net",
        ],
    ),
    // Stands beside the house: a list of what fuzzers call on each floor.
    ("fuzzing", &["format", "feeds", "sync", "net", "pictures"]),
    // The same: nodes without a network, for simulations.
    ("worlds", &["format", "store", "feeds", "sync", "net"]),
];

/// One path of ours, in full, and the line it stands on.
struct Import {
    line: usize,
    path: Vec<String>,
}

fn source_files(folder: &Path, into: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder of sources") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            source_files(&path, into);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            into.push(path);
        }
    }
}

/// The module that a file is: `src/format/run.rs` is `format::run`.
fn module_of(file: &Path) -> Vec<String> {
    let under = file.strip_prefix(root()).expect("a file under src");
    let name = |part: &std::ffi::OsStr| part.to_str().expect("UTF-8").to_owned();
    let mut module: Vec<String> = under.with_extension("").iter().map(name).collect();
    if module
        .last()
        .is_some_and(|last| last == "lib" || last == "mod")
    {
        module.pop();
    }
    module
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// The paths that follow `crate::` or `super::` in one file, braces opened up, resolved to full paths.
///
/// A module written in the file itself counts as one level for `super`: that of `mod tests` and the like is told from
/// the braces around it.
fn imports(module: &[String], text: &str) -> Vec<Import> {
    let mut found = Vec::new();
    let mut inner: Vec<(String, usize)> = Vec::new();
    let mut depth = 0usize;
    let mut statement = String::new();
    let mut began = 1;
    for (number, line) in text.lines().enumerate() {
        let code = line.split("//").next().unwrap_or_default();
        if statement.is_empty() {
            began = number + 1;
        }
        let opens = code.trim_start();
        let declared = ["mod ", "pub mod ", "pub(crate) mod "]
            .iter()
            .find_map(|before| opens.strip_prefix(before));
        if let Some(name) = declared.filter(|rest| rest.trim_end().ends_with('{')) {
            let name: String = name.chars().take_while(|c| is_word(*c)).collect();
            inner.push((name, depth));
        }
        statement.push_str(code);
        statement.push(' ');
        let is_use = ["use ", "pub use ", "pub(crate) use ", "pub(super) use "]
            .iter()
            .any(|before| statement.trim_start().starts_with(before));
        if !is_use || code.contains(';') {
            let here: Vec<String> = module
                .iter()
                .chain(inner.iter().map(|(name, _)| name))
                .cloned()
                .collect();
            paths_in(&here, &statement, began, &mut found);
            statement.clear();
        }
        depth += code.matches('{').count();
        depth = depth.saturating_sub(code.matches('}').count());
        while inner.last().is_some_and(|(_, outside)| depth <= *outside) {
            inner.pop();
        }
    }
    found
}

fn paths_in(here: &[String], statement: &str, line: usize, found: &mut Vec<Import>) {
    for start in ["crate::", "super::"] {
        for (at, _) in statement.match_indices(start) {
            let before = &statement[..at];
            if before.ends_with("super::") || before.ends_with(is_word) {
                continue;
            }
            let mut path = here.to_vec();
            let mut rest = &statement[at..];
            if let Some(after) = rest.strip_prefix("crate::") {
                path.clear();
                rest = after;
            }
            while let Some(after) = rest.strip_prefix("super::") {
                path.pop();
                rest = after;
            }
            for part in opened(rest) {
                let path = path.iter().cloned().chain(part).collect();
                found.push(Import { line, path });
            }
        }
    }
}

/// The paths that `a::b`, `a::{b, c::d}` and `{a, b}` stand for, one segment after the other.
fn opened(rest: &str) -> Vec<Vec<String>> {
    let word: String = rest.chars().take_while(|c| is_word(*c)).collect();
    let after = &rest[word.len()..];
    if let Some(list) = after.strip_prefix('{').filter(|_| word.is_empty()) {
        let (mut depth, mut start, mut parts) = (0usize, 0, Vec::new());
        for (at, c) in list.char_indices() {
            match c {
                '{' => depth += 1,
                '}' if depth == 0 => {
                    parts.push(&list[start..at]);
                    break;
                }
                '}' => depth -= 1,
                ',' if depth == 0 => {
                    parts.push(&list[start..at]);
                    start = at + 1;
                }
                _ => {}
            }
        }
        let parts = parts.iter().map(|part| part.trim());
        return parts
            .filter(|part| !part.is_empty())
            .flat_map(opened)
            .collect();
    }
    match after.strip_prefix("::").filter(|_| !word.is_empty()) {
        Some(after) => opened(after)
            .into_iter()
            .map(|tail| std::iter::once(word.clone()).chain(tail).collect())
            .collect(),
        None => vec![Vec::from_iter((!word.is_empty()).then_some(word))],
    }
}

fn all_imports() -> Vec<(PathBuf, Vec<String>, Import)> {
    let mut files = Vec::new();
    source_files(&root(), &mut files);
    files.sort();
    let mut all = Vec::new();
    for file in files {
        let module = module_of(&file);
        let text = fs::read_to_string(&file).expect("a source file");
        for import in imports(&module, &text) {
            all.push((file.clone(), module.clone(), import));
        }
    }
    all
}

#[test]
fn imports_point_down() {
    let allowed: BTreeMap<&str, &[&str]> = MAY_IMPORT.iter().copied().collect();
    let mut wrong = Vec::new();
    for (file, module, import) in all_imports() {
        let Some(floor) = module.first() else {
            continue;
        };
        let Some(may) = allowed.get(floor.as_str()) else {
            panic!(
                "{} belongs to no floor: add {floor} to the table",
                file.display()
            );
        };
        let to = import.path.first().map(String::as_str).unwrap_or_default();
        let is_floor = allowed.contains_key(to);
        if to != floor && (!is_floor || !may.contains(&to)) {
            let what = import.path.join("::");
            wrong.push(format!(
                "{}:{}: `{floor}` may import {may:?} and itself, not `{what}`",
                file.display(),
                import.line
            ));
        }
    }
    assert!(
        wrong.is_empty(),
        "imports that do not point down:\n{}",
        wrong.join("\n")
    );
}

#[test]
fn every_module_under_src_stands_on_a_floor() {
    let mut files = Vec::new();
    source_files(&root(), &mut files);
    let floors: BTreeSet<String> = files
        .iter()
        .filter_map(|file| module_of(file).into_iter().next())
        .collect();
    for floor in floors {
        assert!(
            MAY_IMPORT.iter().any(|(name, _)| *name == floor),
            "src/{floor} is in no row of the table"
        );
    }
}

#[test]
fn the_reader_of_imports_sees_every_way_to_write_one() {
    let here = ["net".to_owned(), "engine".to_owned()];
    let text = "use crate::sync::{Input, peer::{Peer, Other}};\n\
                use super::frame::Frame; // use crate::node::Not\n\
                pub use super::super::feeds;\n\
                use crate::{\n    format::Entry,\n    store,\n};\n\
                fn f() { crate::node::g() }\n\
                mod tests {\n    use super::*;\n    use super::super::frame;\n}\n\
                fn h() { super::writer::w(); mycrate::x() }\n";
    let found: Vec<(usize, String)> = imports(&here, text)
        .into_iter()
        .map(|import| (import.line, import.path.join("::")))
        .collect();
    let expected = [
        (1, "sync::Input"),
        (1, "sync::peer::Peer"),
        (1, "sync::peer::Other"),
        (2, "net::frame::Frame"),
        (3, "feeds"),
        (4, "format::Entry"),
        (4, "store"),
        (8, "node::g"),
        (10, "net::engine"),
        (11, "net::frame"),
        (13, "net::writer::w"),
    ];
    assert_eq!(
        found,
        expected
            .map(|(line, path)| (line, path.to_owned()))
            .to_vec()
    );
}
