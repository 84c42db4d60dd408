//! Every table: key bytes and value bytes, drawn.
//!
//! Keys are big-endian, so that order is meaning. `#feed`, `#log` and `#kind` are this store's own small numbers; `order`
//! is an [`OrderKey`]: claimed time, eight bytes of the log's name, seq.
//!
//! ```text
//! M name                                -> meta: "stamp" u32
//! F feed[32]                            -> #feed
//! f #feed                               -> FeedRow
//! L #feed device[32] lane               -> #log
//! l #log                                -> LogRow
//! K name                                -> #kind
//! k #kind                               -> name
//! S #log first[8]                       -> piece of a stored run, with the ids of its entries
//! T order #log                          -> mark      timeline
//! P #feed order #log                    -> mark      one feed
//! C #kind order #log                    -> mark      one kind
//! G tag[8] order #log                   -> mark      one tag
//! R target[16] rel order #log           -> mark      what points at an entry; of a reaction also #feed, emoji
//! N #feed log[8] seq[8] rel #log seq[8] index[1] -> Naming    what deletes and edits of a feed name in it
//! a #feed device[32]                    -> ()        devices whose word counts for others: admins
//! E #log seq[8]                         -> why       entries whose bodies are erased: deleted, expired
//! V #log seq[8]                         -> when, body   erased bodies of own feeds, kept out of sight
//! v when[8] #log seq[8]                 -> ()        the same by age
//! x expires[8] #log seq[8]              -> ()        what expires
//! W #kind index[1] key order #log       -> mark      content of a registered type by one of its keys
//! M "type/" kind                        -> TypeRow   how far those rows are made
//! I #feed #kind slot[8] #log seq[8]     -> StateRow  changes of one piece of state
//! A arrival[8]                          -> Event     what was stored, in order
//! A ff[9]                               -> Counters  right behind the newest event, so both lie in one page
//! B #log seq[8]                         -> ()        bodies wanted and not held
//! D #feed statement[32]                 -> statement
//! X #log                                -> fork proof
//! Q #feed                               -> Profile, merged
//! q tag[8] #feed                        -> ()        profiles by tag
//! H endpoint[32]                        -> address of a peer (opaque)
//! h feed[32] endpoint[32]               -> ()        where a feed was said to be found
//! Y endpoint[32]                        -> what sync remembers of a peer (opaque)
//! b hash[32] #log seq[8]                -> len[8]    entries that name a blob
//! w hash[32] #log seq[8]                -> ()        erased bodies that are kept and name a blob
//! ```
//!
//! A mark is one byte: bit 0, the entry is shown here; bit 1, entries older than it in its log are not held; bit 2, what
//! points at an entry is something that people read.
//!
//! The logs that `N` speaks of go by eight bytes of a hash of their names: a delete may come before anything of the log
//! that it speaks of, and who names logs that do not exist must not fill the tables of logs.

use crate::format::{BlobHash, DeviceId, EntryId, OrderKey, Rel, Seq, Timestamp, derive};

pub(super) type FeedNo = u32;
pub(super) type LogNo = u32;
pub(super) type KindNo = u32;

/// The entry itself is shown at this place.
pub(super) const SHOWN: u8 = 1;
/// Below this place entries of the same log are not held.
pub(super) const GAP: u8 = 2;
/// What points at an entry is something that people read.
pub(super) const READ: u8 = 4;

/// Bytes of the place and the log that end every index key.
pub(super) const PLACE_BYTES: usize = 28;

pub(super) const FEEDS: u8 = b'f';
pub(super) const LOGS: u8 = b'l';
pub(super) const KINDS: u8 = b'k';
pub(super) const ARRIVAL: u8 = b'A';
pub(super) const TIMELINE: u8 = b'T';

/// Builds a key from a table's letter and parts.
#[derive(Debug, Clone)]
pub(super) struct Key(Vec<u8>);

impl Key {
    pub(super) fn table(letter: u8) -> Self {
        let mut bytes = Vec::with_capacity(48);
        bytes.push(letter);
        Self(bytes)
    }

    pub(super) fn u32(mut self, number: u32) -> Self {
        self.0.extend_from_slice(&number.to_be_bytes());
        self
    }

    pub(super) fn u64(mut self, number: u64) -> Self {
        self.0.extend_from_slice(&number.to_be_bytes());
        self
    }

    pub(super) fn raw(mut self, bytes: &[u8]) -> Self {
        self.0.extend_from_slice(bytes);
        self
    }

    /// A time, so that its order is that of the bytes.
    pub(super) fn time(self, time: Timestamp) -> Self {
        self.u64(time.0.cast_unsigned() ^ (1 << 63))
    }

    pub(super) fn order(self, order: &OrderKey) -> Self {
        self.raw(&order.to_bytes())
    }

    pub(super) fn as_slice(&self) -> &[u8] {
        &self.0
    }

    pub(super) fn into_vec(self) -> Vec<u8> {
        self.0
    }
}

pub(super) fn meta(name: &str) -> Key {
    Key::table(b'M').raw(name.as_bytes())
}

pub(super) fn feed_by_id(feed: &[u8; 32]) -> Key {
    Key::table(b'F').raw(feed)
}

pub(super) fn feed(no: FeedNo) -> Key {
    Key::table(FEEDS).u32(no)
}

pub(super) fn logs_of(feed: FeedNo) -> Key {
    Key::table(b'L').u32(feed)
}

pub(super) fn log_by_id(feed: FeedNo, device: &[u8; 32], lane: &str) -> Key {
    logs_of(feed).raw(device).raw(lane.as_bytes())
}

pub(super) fn log(no: LogNo) -> Key {
    Key::table(LOGS).u32(no)
}

pub(super) fn kind_by_name(name: &str) -> Key {
    Key::table(b'K').raw(name.as_bytes())
}

pub(super) fn kind(no: KindNo) -> Key {
    Key::table(KINDS).u32(no)
}

pub(super) fn segments_of(log: LogNo) -> Key {
    Key::table(b'S').u32(log)
}

pub(super) fn segment(log: LogNo, first: Seq) -> Key {
    segments_of(log).u64(first.0)
}

pub(super) fn timeline() -> Key {
    Key::table(TIMELINE)
}

pub(super) fn of_feed(feed: FeedNo) -> Key {
    Key::table(b'P').u32(feed)
}

pub(super) fn of_kind(kind: KindNo) -> Key {
    Key::table(b'C').u32(kind)
}

/// All indexes of the type whose own kind this is.
pub(super) fn indexes_of(kind: KindNo) -> Key {
    Key::table(b'W').u32(kind)
}

pub(super) fn of_index(kind: KindNo, index: u8) -> Key {
    indexes_of(kind).raw(&[index])
}

pub(super) fn content_type(kind: &str) -> Key {
    meta("type/").raw(kind.as_bytes())
}

pub(super) fn of_tag(folded: &str) -> Key {
    Key::table(b'G').raw(&tag_hash(folded))
}

pub(super) fn of_target(target: &EntryId) -> Key {
    let half: [u8; 16] = std::array::from_fn(|i| target.as_bytes().get(i).copied().unwrap_or(0));
    Key::table(b'R').raw(&half)
}

/// All that is named in a feed.
pub(super) fn named_in(feed: FeedNo) -> Key {
    Key::table(b'N').u32(feed)
}

/// What names one place of a log, which goes by eight bytes of its name's hash.
pub(super) fn named_at(feed: FeedNo, log: &[u8; 8], seq: Seq) -> Key {
    named_in(feed).raw(log).u64(seq.0)
}

/// One naming: how, and which ref of which entry.
pub(super) fn naming(place: Key, rel: Rel, log: LogNo, seq: Seq, index: u8) -> Key {
    place.raw(&[rel.into()]).u32(log).u64(seq.0).raw(&[index])
}

pub(super) fn admin(feed: FeedNo, device: &DeviceId) -> Key {
    Key::table(b'a').u32(feed).raw(device.as_bytes())
}

pub(super) fn erased(log: LogNo, seq: Seq) -> Key {
    Key::table(b'E').u32(log).u64(seq.0)
}

pub(super) fn kept(log: LogNo, seq: Seq) -> Key {
    Key::table(b'V').u32(log).u64(seq.0)
}

pub(super) fn kept_since(when: Timestamp) -> Key {
    Key::table(b'v').time(when)
}

pub(super) fn expires(at: Timestamp) -> Key {
    Key::table(b'x').time(at)
}

pub(super) fn state_of(feed: FeedNo, kind: KindNo) -> Key {
    Key::table(b'I').u32(feed).u32(kind)
}

pub(super) fn state_slot(feed: FeedNo, kind: KindNo, slot: &[u8; 8]) -> Key {
    state_of(feed, kind).raw(slot)
}

pub(super) fn arrival(number: u64) -> Key {
    Key::table(ARRIVAL).u64(number)
}

pub(super) fn counters() -> Key {
    Key::table(ARRIVAL).raw(&[0xff; 9])
}

pub(super) fn missing_of(log: LogNo) -> Key {
    Key::table(b'B').u32(log)
}

pub(super) fn missing(log: LogNo, seq: Seq) -> Key {
    missing_of(log).u64(seq.0)
}

pub(super) fn statements_of(feed: FeedNo) -> Key {
    Key::table(b'D').u32(feed)
}

pub(super) fn fork(log: LogNo) -> Key {
    Key::table(b'X').u32(log)
}

pub(super) fn profile(feed: FeedNo) -> Key {
    Key::table(b'Q').u32(feed)
}

pub(super) fn profiles_by_tag(folded: &str) -> Key {
    Key::table(b'q').raw(&tag_hash(folded))
}

pub(super) fn peer(endpoint: &[u8; 32]) -> Key {
    Key::table(b'H').raw(endpoint)
}

pub(super) fn finders_of(feed: &[u8; 32]) -> Key {
    Key::table(b'h').raw(feed)
}

pub(super) fn memory(endpoint: &[u8; 32]) -> Key {
    Key::table(b'Y').raw(endpoint)
}

pub(super) fn blob(hash: &BlobHash) -> Key {
    Key::table(b'b').raw(hash.as_bytes())
}

pub(super) fn blob_named_by(hash: &BlobHash, log: LogNo, seq: Seq) -> Key {
    blob(hash).u32(log).u64(seq.0)
}

/// The kept bodies that name a blob.
pub(super) fn kept_blob(hash: &BlobHash) -> Key {
    Key::table(b'w').raw(hash.as_bytes())
}

/// Tags go by eight bytes of a hash, checked on reading: hostile tags must not grow a table of names.
pub(super) fn tag_hash(folded: &str) -> [u8; 8] {
    derive::TAG.hash8(folded.as_bytes())
}

/// Reads a big-endian number out of a key.
pub(super) fn u32_at(key: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(
        key.get(at..at.checked_add(4)?)?.try_into().ok()?,
    ))
}

/// Reads a big-endian number out of a key.
pub(super) fn u64_at(key: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_be_bytes(
        key.get(at..at.checked_add(8)?)?.try_into().ok()?,
    ))
}

/// Reads a time out of a key.
pub(super) fn time_at(key: &[u8], at: usize) -> Option<Timestamp> {
    Some(Timestamp((u64_at(key, at)? ^ (1 << 63)).cast_signed()))
}

/// Reads the place and the log that end every index key.
pub(super) fn place_at_end(key: &[u8]) -> Option<(OrderKey, LogNo)> {
    let (rest, log) = key.split_last_chunk::<4>()?;
    let (_, order) = rest.split_last_chunk::<24>()?;
    Some((OrderKey::from_bytes(order), u32::from_be_bytes(*log)))
}
