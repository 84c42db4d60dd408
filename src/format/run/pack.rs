//! Writing runs.

use bytes::Bytes;

use super::super::codec::Writer;
use super::super::id::{EntryId, Kind, Seq};
use super::super::limits;
use super::{ABSENT, Closing, EXPIRES, Item};

/// Writes a run. An entry with a body at hand carries it, any other its hash.
pub(super) fn pack(first: Seq, prev: &EntryId, items: &[Item], closing: &Closing) -> Bytes {
    let size: usize = items
        .iter()
        .map(|item| item.body.as_ref().map_or(32, Bytes::len) + 16)
        .sum();
    let mut writer = Writer::with_capacity(size + 160);
    writer.u8(limits::VERSION);
    writer.varint(first.0);
    writer.varint(items.len() as u64);
    writer.raw(prev.as_bytes());
    let mut kinds: Vec<&Kind> = Vec::new();
    for item in items {
        if !kinds.contains(&&item.kind) {
            kinds.push(&item.kind);
        }
    }
    writer.varint(kinds.len() as u64);
    for kind in &kinds {
        writer.bytes(kind.as_str().as_bytes());
    }
    let mut time = 0i64;
    for item in items {
        let index = kinds
            .iter()
            .position(|kind| **kind == item.kind)
            .unwrap_or(0);
        pack_item(&mut writer, item, item.time.0.wrapping_sub(time), index);
        time = item.time.0;
    }
    match closing {
        Closing::Signed(signature) => {
            writer.u8(0);
            writer.raw(signature.as_bytes());
        }
        Closing::NextHeld => writer.u8(1),
    }
    writer.0.into()
}

fn pack_item(writer: &mut Writer, item: &Item, time: i64, kind: usize) {
    let expires = if item.expires.is_some() { EXPIRES } else { 0 };
    let absent = if item.body.is_none() { ABSENT } else { 0 };
    writer.u8(expires | absent);
    writer.zigzag(time);
    if let Some(expires) = item.expires {
        writer.zigzag(expires.0);
    }
    writer.varint(kind as u64);
    writer.varint(item.body_len.into());
    match &item.body {
        Some(body) => writer.raw(body),
        None => writer.raw(&item.hash()),
    }
}
