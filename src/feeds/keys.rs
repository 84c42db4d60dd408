//! Every table: key bytes and value bytes, drawn.
//!
//! Keys are big-endian, so that order is meaning. `#feed`, `#log` and `#kind` are this store's own small numbers; `place`
//! is where an entry stands in views, and its log: an [`OrderKey`] (claimed time, eight bytes of the log's name, seq),
//! #log, and the lengths of these two, since each takes no more bytes than it needs: 20 mostly. There are four or more
//! for each post.
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
//! T place                               -> mark      timeline
//! P #feed place                         -> mark      one feed
//! C #kind place                         -> mark      one kind
//! G tag[8] place                        -> mark      one tag
//! R target[16] rel place                -> mark      what points at an entry; of a reaction also #feed, emoji
//! N #feed log[8] seq[8] rel target[8] #log seq[8] index[1] -> Amendment    what deletes and edits of a feed name in it
//! a #feed device[32]                    -> ()        devices whose word counts for others: some of the admins
//! E #log seq[8]                         -> why       entries whose bodies are erased: deleted, expired
//! V #log seq[8]                         -> due[8], purged, body   erased bodies of own feeds, kept out of sight
//! v due[8] #log seq[8]                  -> ()        the same by when they are dropped
//! Z #log last[8] id[32]                 -> AsideRow  runs set aside: cut by a Retire, or of another branch
//! z due[8] #log last[8] id[32]          -> ()        the same by when they are dropped
//! y hash[32] #log seq[8] id[32]         -> ()        bodies set aside that name a blob; id is that of their run
//! U #log                                -> cursor    logs that have still to follow what the statements say
//! x expires[8] #log seq[8]              -> ()        what expires
//! u when[8] #feed                       -> ()        feeds that are not followed any more, by age
//! W #kind index[1] key place            -> mark      content of a registered type by one of its keys
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
//! o #feed device[32]                    -> twice[1]  devices of own feeds that this installation is, or was
//! m #feed device[32]                    -> Admit     devices that a renewal of the key left behind
//! J #feed statement[32]                 -> ()        Admits that a person stands by
//! j #log seq[8] id[32]                  -> CutEntry  own entries that were cut and are not said again yet
//! O 0 #feed log[8] seq[8] #log seq[8]   -> origin, id  entries that say again what stood at a place
//! O 1 #log seq[8]                       -> origins   what an entry says again
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

    /// A small number in few bytes, whose order is that of the bytes.
    fn small(self, number: u32) -> Self {
        let (bytes, len) = ordered(number.into());
        self.raw(bytes.get(9 - len..).unwrap_or_default())
    }

    /// The place in the order of views: keys of any log there begin so, and no others.
    pub(super) fn order(self, order: &OrderKey) -> Self {
        let (seq, len) = ordered(order.seq.0);
        let seq = seq.get(9 - len..).unwrap_or_default();
        self.time(order.time).raw(&order.log).raw(seq)
    }

    /// The place in the order of views and the log, which end every index key.
    pub(super) fn place(self, order: &OrderKey, log: LogNo) -> Self {
        let (_, seq_len) = ordered(order.seq.0);
        let skipped = usize::try_from(log.leading_zeros() / 8).unwrap_or_default();
        let log = log.to_be_bytes();
        let log = log.get(skipped..).unwrap_or_default();
        let lens = u8::try_from(seq_len << 4 | log.len()).unwrap_or_default();
        self.order(order).raw(log).raw(&[lens])
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
    Key::table(b'P').small(feed)
}

pub(super) fn of_kind(kind: KindNo) -> Key {
    Key::table(b'C').small(kind)
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

/// What names one entry at a place in one way. Eight bytes of its id, so that who names other entries at the place, held
/// or made up, makes nobody read that.
pub(super) fn naming_entry(place: Key, rel: Rel, target: &EntryId) -> Key {
    let target: [u8; 8] = std::array::from_fn(|i| target.as_bytes().get(i).copied().unwrap_or(0));
    place.raw(&[rel.into()]).raw(&target)
}

/// One naming: which ref of which entry.
pub(super) fn naming(entry: Key, log: LogNo, seq: Seq, index: u8) -> Key {
    entry.u32(log).u64(seq.0).raw(&[index])
}

/// Devices of a feed whose word counts for entries of its others.
pub(super) fn speakers(feed: FeedNo) -> Key {
    Key::table(b'a').u32(feed)
}

pub(super) fn speaker(feed: FeedNo, device: &DeviceId) -> Key {
    speakers(feed).raw(device.as_bytes())
}

pub(super) fn erased(log: LogNo, seq: Seq) -> Key {
    Key::table(b'E').u32(log).u64(seq.0)
}

pub(super) fn kept(log: LogNo, seq: Seq) -> Key {
    Key::table(b'V').u32(log).u64(seq.0)
}

pub(super) fn kept_until(due: Timestamp) -> Key {
    Key::table(b'v').time(due)
}

pub(super) fn aside_of(log: LogNo) -> Key {
    Key::table(b'Z').u32(log)
}

pub(super) fn aside(log: LogNo, last: Seq, id: &EntryId) -> Key {
    aside_of(log).u64(last.0).raw(id.as_bytes())
}

pub(super) fn aside_until(due: Timestamp) -> Key {
    Key::table(b'z').time(due)
}

/// The bodies set aside that name a blob.
pub(super) fn aside_blob(hash: &BlobHash) -> Key {
    Key::table(b'y').raw(hash.as_bytes())
}

pub(super) fn recounts() -> Key {
    Key::table(b'U')
}

pub(super) fn recount(log: LogNo) -> Key {
    recounts().u32(log)
}

/// Feeds that are not followed since a time.
pub(super) fn left(when: Timestamp) -> Key {
    Key::table(b'u').time(when)
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

pub(super) fn memories() -> Key {
    Key::table(b'Y')
}

pub(super) fn memory(endpoint: &[u8; 32]) -> Key {
    memories().raw(endpoint)
}

/// The devices of an own feed that this installation is or was.
pub(super) fn own_devices(feed: FeedNo) -> Key {
    Key::table(b'o').u32(feed)
}

pub(super) fn left_behind(feed: FeedNo) -> Key {
    Key::table(b'm').u32(feed)
}

pub(super) fn stood_by(feed: FeedNo) -> Key {
    Key::table(b'J').u32(feed)
}

pub(super) fn all_cut() -> Key {
    Key::table(b'j')
}

pub(super) fn cut_of(log: LogNo) -> Key {
    all_cut().u32(log)
}

/// What says again the entries at one place of a log, which goes by eight bytes of its name's hash.
pub(super) fn copies_of(feed: FeedNo, log: &[u8; 8], seq: Seq) -> Key {
    Key::table(b'O').raw(&[0]).u32(feed).raw(log).u64(seq.0)
}

pub(super) fn origins_of(log: LogNo, seq: Seq) -> Key {
    Key::table(b'O').raw(&[1]).u32(log).u64(seq.0)
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

/// Splits an index key into what precedes its end, the place in the order of views, and the log.
pub(super) fn split_place(key: &[u8]) -> Option<(&[u8], OrderKey, LogNo)> {
    let (lens, rest) = key.split_last()?;
    let (seq_len, log_len) = (usize::from(lens >> 4), usize::from(lens & 0xf));
    let (rest, log) = rest.split_at_checked(rest.len().checked_sub(log_len)?)?;
    let (rest, seq) = rest.split_at_checked(rest.len().checked_sub(seq_len)?)?;
    let (before, place) = rest.split_last_chunk::<16>()?;
    let order = OrderKey {
        time: time_at(place, 0)?,
        log: *place.last_chunk()?,
        seq: Seq(number_in(seq)?),
    };
    let number = |log: u32, byte: &u8| log << 8 | u32::from(*byte);
    Some((before, order, log.iter().fold(0, number)))
}

/// Reads the place and the log that end every index key.
pub(super) fn place_at_end(key: &[u8]) -> Option<(OrderKey, LogNo)> {
    split_place(key).map(|(_, order, log)| (order, log))
}

/// A number in one to nine bytes, at the end of the nine; their order is that of the numbers.
///
/// As many ones as bytes follow stand before the first zero of the first byte, as in UTF-8.
const fn ordered(number: u64) -> ([u8; 9], usize) {
    let mut bytes = [0xff; 9];
    let mut len = 1;
    while len < 9 && number >> (7 * len) != 0 {
        len += 1;
    }
    let marked = match len {
        9 => number,
        _ => number | ((1 << len) - 2) << (7 * len),
    };
    let (_, end) = bytes.split_at_mut(1);
    end.copy_from_slice(&marked.to_be_bytes());
    (bytes, len)
}

/// Reads what [`ordered`] wrote.
fn number_in(bytes: &[u8]) -> Option<u64> {
    let (first, rest) = bytes.split_first()?;
    if rest.len() >= 9 || first.leading_ones() as usize != rest.len() {
        return None;
    }
    let marked = bytes
        .iter()
        .fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
    Some(match rest.len() {
        8 => marked,
        rest => marked & ((1 << (7 * (rest + 1))) - 1),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_sort_as_they_should_and_are_read_back() {
        let numbers = (0..64).flat_map(|bit| {
            let power = 1_u64 << bit;
            [power - 1, power, power + 1]
        });
        let mut numbers: Vec<u64> = numbers.chain([u64::MAX - 1, u64::MAX]).collect();
        numbers.sort_unstable();
        numbers.dedup();
        let mut places = Vec::new();
        for time in [i64::MIN, -1, 0, 1, 1_700_000_000_000, i64::MAX] {
            for log in [[0; 8], [7; 8], [0xff; 8]] {
                places.extend(numbers.iter().map(|seq| OrderKey {
                    time: Timestamp(time),
                    log,
                    seq: Seq(*seq),
                }));
            }
        }
        assert!(places.is_sorted());
        let (mut last, mut below) = (Vec::new(), Vec::new());
        for (at, order) in places.iter().enumerate() {
            let log = u32::try_from(numbers[at % numbers.len()] & 0xffff_ffff).unwrap();
            let key = of_feed(300).place(order, log).into_vec();
            assert!(key > last, "{order:?}");
            let begins = of_feed(300).order(order).into_vec();
            assert!(begins > below && key.starts_with(&begins) && !last.starts_with(&begins));
            let before = of_feed(300).into_vec();
            assert_eq!(split_place(&key), Some((&*before, *order, log)));
            (last, below) = (key, begins);
        }
    }

    #[test]
    fn an_end_that_was_not_written_is_read_as_none() {
        for end in [&[][..], &[0xff; 30], &[0; 30], &[0x91; 12], &[0x24; 20]] {
            assert_eq!(place_at_end(end), None, "{end:?}");
        }
    }
}
