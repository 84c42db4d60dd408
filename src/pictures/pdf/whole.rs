//! A PDF read as a whole: what it tells, and the same file written anew without that.
//!
//! Only objects that the pages lead to are written, so what an earlier saving left behind goes too. What is read here
//! was chosen by the person who attaches it, yet may come from anybody: lengths, unpacked bytes and depth are bounded.

use std::io::{Read, Seek, SeekFrom};

use lopdf::xref::XrefRecovery;
use lopdf::{Dictionary, Document, LoadOptions, Object};

use super::super::PICTURE_BYTES;
use super::super::error::Fault;
use super::super::facts::Fact;
use super::{FACTS, KEYS, VALUE, clean, text, xmp};

/// Bytes that one part of a document may take unpacked.
pub(super) const UNPACKED: usize = 64 << 20;

/// What it tells, each once.
pub(super) fn tells<F: Read + Seek>(file: &mut F) -> Result<Vec<Fact>, Fault> {
    let document = open(file)?;
    let mut facts = Vec::new();
    if let Some(info) = part(&document, &document.trailer, b"Info").and_then(|it| it.as_dict().ok())
    {
        facts.extend(properties(&document, info));
    }
    let catalog = document.catalog().map_err(odd)?;
    if let Some(Object::Stream(packet)) = part(&document, catalog, b"Metadata") {
        let packet = packet.get_plain_content_with_limit(UNPACKED);
        facts.extend(xmp::facts(&packet.unwrap_or_default()));
    }
    let mut told: Vec<Fact> = Vec::new();
    for fact in facts {
        let is_new = !told.iter().any(|it| it.value() == fact.value());
        if is_new && !fact.value().is_empty() && told.len() < FACTS {
            told.push(fact);
        }
    }
    Ok(told)
}

/// The values of the properties that say something about people, programs and times.
fn properties(document: &Document, info: &Dictionary) -> Vec<Fact> {
    let known = KEYS.iter().filter_map(|(key, kind)| {
        let value = part(document, info, key.get(1..)?)?.as_str().ok()?;
        let value = text(value.get(..value.len().min(VALUE))?);
        Some(Fact::new(*kind, value.trim()))
    });
    known.collect()
}

/// The document written anew without what it tells of people, programs and times.
pub(in super::super) fn stripped<F: Read + Seek>(file: &mut F) -> Result<Vec<u8>, Fault> {
    let mut document = open(file)?;
    // Parts of what had to be put together from what was found in it may be missing.
    if document.xref_recovery == Some(XrefRecovery::Reconstructed) {
        return Err(Fault::Odd("its table of contents is broken"));
    }
    let pages = document.page_iter().count();
    if pages == 0 {
        return Err(Fault::Odd("no page of it is found"));
    }
    clean::document(&mut document)?;
    let root = document.trailer.get(b"Root").map_err(odd)?.clone();
    document.trailer = Dictionary::from_iter([("Root", root)]);
    let _gone = document.prune_objects();
    document.renumber_objects();
    let mut bytes = Vec::new();
    document.save_to(&mut bytes)?;
    match parsed(&bytes)?.page_iter().count() == pages {
        true => Ok(bytes),
        false => Err(Fault::Odd("its pages do not hang together")),
    }
}

fn open<F: Read + Seek>(file: &mut F) -> Result<Document, Fault> {
    let len = file.seek(SeekFrom::End(0))?;
    if len > PICTURE_BYTES {
        return Err(Fault::Sealed("it is longer than 64 MiB"));
    }
    file.seek(SeekFrom::Start(0))?;
    let mut bytes = Vec::new();
    file.take(len).read_to_end(&mut bytes)?;
    parsed(&bytes)
}

fn parsed(bytes: &[u8]) -> Result<Document, Fault> {
    let options = LoadOptions {
        max_decompressed_size: Some(UNPACKED),
        ..LoadOptions::default()
    };
    let document = Document::load_mem_with_options(bytes, options).map_err(odd)?;
    match document.is_encrypted() || document.was_encrypted() {
        true => Err(Fault::Sealed("it is encrypted")),
        false => Ok(document),
    }
}

/// What a dictionary holds under a name, or what it refers to there.
fn part<'a>(document: &'a Document, within: &'a Dictionary, key: &[u8]) -> Option<&'a Object> {
    within.get_deref(key, document).ok()
}

fn odd(_: lopdf::Error) -> Fault {
    Fault::Odd("a PDF that cannot be read")
}
