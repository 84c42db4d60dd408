//! Makes the vectors, once. The library writes the good ones; the bad ones are put together by hand.

use bytes::Bytes;
use serde_json::{Number, Value, json};
use tidings::format::{
    Body, DeviceId, DeviceSecret, EntryId, EntryRef, FeedId, FeedSecret, Kind, Lane, LogId,
    OrderKey, Seq, Timestamp,
};

use crate::bytes::{HeaderParts, hex, string, varint, zigzag};
use crate::shapes::{header_fields, json_of};
use crate::{make_archives, make_bodies, make_runs, make_statements, make_tickets, make_views};

/// A time in September 2026.
pub(crate) const TIME: i64 = 1_790_000_000_000;

/// The feed of all vectors.
pub(crate) fn feed() -> FeedSecret {
    FeedSecret::from_bytes(&[1; 32])
}

/// The device of all vectors.
pub(crate) fn device() -> DeviceSecret {
    DeviceSecret::from_bytes(&[2; 32])
}

/// Another device of the same feed.
pub(crate) fn other_device() -> DeviceSecret {
    DeviceSecret::from_bytes(&[3; 32])
}

/// A log of the one feed and the one device.
pub(crate) fn log(lane: &str) -> LogId {
    LogId {
        feed: feed().id(),
        device: device().id(),
        lane: Lane::new(lane).expect("a lane"),
    }
}

/// The point of order one, as a key: whatever signature is checked carelessly against it verifies.
pub(crate) fn small_order_key() -> [u8; 32] {
    let mut key = [0; 32];
    key[0] = 1;
    key
}

/// Bytes that are no point of the curve, as a key.
pub(crate) fn no_point() -> [u8; 32] {
    let mut key = [0; 32];
    key[0] = 2;
    key
}

pub(crate) fn kind(name: &str) -> Kind {
    Kind::new(name).expect("a kind")
}

pub(crate) fn file(structure: &str, about: &str, good: Vec<Value>, bad: Vec<Value>) -> Value {
    let file = json!({ "structure": structure, "about": about, "good": good, "bad": bad });
    with_long_numbers_as_text(file)
}

/// What many readers of JSON would round: whole numbers from 2^53 on are text.
const LONG: u64 = 1 << 53;

fn is_long(number: &Number) -> bool {
    let whole = number
        .as_u64()
        .or_else(|| number.as_i64().map(i64::unsigned_abs));
    whole.is_some_and(|whole| whole >= LONG)
}

fn with_long_numbers_as_text(value: Value) -> Value {
    each(value, &|value| match value {
        Value::Number(number) if is_long(&number) => Value::String(number.to_string()),
        other => other,
    })
}

/// Numbers again of the text that stands for them.
pub(crate) fn with_long_numbers(value: Value) -> Value {
    each(value, &|value| {
        let number: Option<Number> = value.as_str().and_then(|text| {
            let number: Number = serde_json::from_str(text).ok()?;
            (is_long(&number) && number.to_string() == text).then_some(number)
        });
        number.map_or(value, Value::Number)
    })
}

fn each(value: Value, turn: &dyn Fn(Value) -> Value) -> Value {
    match value {
        Value::Object(map) => {
            let turned = map
                .into_iter()
                .map(|(name, value)| (name, each(value, turn)));
            Value::Object(turned.collect())
        }
        Value::Array(items) => items.into_iter().map(|item| each(item, turn)).collect(),
        other => turn(other),
    }
}

pub(crate) fn good(name: &str, given: Value, bytes: &[u8], fields: Value) -> Value {
    json!({ "name": name, "given": given, "bytes": hex(bytes), "fields": fields })
}

pub(crate) fn bad(name: &str, given: Value, bytes: &[u8], error: &str) -> Value {
    json!({ "name": name, "given": given, "bytes": hex(bytes), "error": error })
}

pub(crate) fn good_text(name: &str, text: &str, fields: Value) -> Value {
    json!({ "name": name, "text": text, "fields": fields })
}

pub(crate) fn bad_text(name: &str, text: &str, error: &str) -> Value {
    json!({ "name": name, "text": text, "error": error })
}

/// Every file, by the name of its structure.
pub(crate) fn all() -> Vec<(&'static str, Value)> {
    vec![
        ("header", header()),
        ("run", make_runs::run()),
        ("fork", make_runs::fork()),
        ("body", make_bodies::body()),
        ("kinds", make_bodies::kinds()),
        ("content", make_bodies::content()),
        ("statement", make_statements::statement()),
        ("standing", make_statements::standing()),
        ("archive", make_archives::archive()),
        ("view", make_views::view()),
        ("ticket", make_tickets::ticket()),
        ("reference", reference()),
        ("order", order()),
        ("tag", tag()),
    ]
}

/// A header as it should be, field by field.
pub(crate) fn header_parts() -> HeaderParts {
    HeaderParts {
        feed: feed().id().as_bytes().to_vec(),
        device: device().id().as_bytes().to_vec(),
        lane: string(b"posts"),
        seq: varint(5),
        prev: vec![0xaa; 32],
        time: zigzag(TIME),
        expires: vec![0],
        kind: string(b"post/1"),
        body_len: varint(100),
        body_hash: vec![0xbb; 32],
    }
}

fn header() -> Value {
    let parts = header_parts();
    let with = |change: &dyn Fn(&mut HeaderParts)| {
        let mut parts = parts.clone();
        change(&mut parts);
        parts.bytes()
    };
    let fine = |name: &str, bytes: &[u8]| {
        let header = tidings::format::Header::decode(bytes).expect(name);
        good(name, Value::Null, bytes, header_fields(&header))
    };
    let signed = |name: &str, lane: &str, seq: u64, prev: EntryId, expires: Option<i64>| {
        let body = b"any bytes";
        let draft =
            tidings::format::Draft::new(kind("post/1"), Timestamp(TIME), Bytes::from_static(body));
        let draft = match expires {
            Some(at) => draft.expiring(Timestamp(at)),
            None => draft,
        };
        let runs = tidings::format::Run::sign(&device(), &log(lane), Seq(seq), prev, &[draft])
            .expect(name);
        let entry = runs[0].entries().next().expect("one");
        let given = json!({ "device_secret": hex(&*device().to_bytes()), "body": hex(body) });
        good(
            name,
            given,
            &entry.header().encode(),
            header_fields(entry.header()),
        )
    };
    let last = u64::MAX - 64;
    let over = |name: &str, error: &str, change: &dyn Fn(&mut HeaderParts)| {
        bad(name, Value::Null, &with(change), error)
    };
    let whole = parts.bytes();
    file(
        "header",
        "the header of an entry; where given, the device's secret key and the body make it",
        vec![
            signed("the first of a log", "posts", 0, EntryId::ZERO, None),
            signed(
                "one that expires",
                "~own",
                7,
                EntryId::from_bytes([9; 32]),
                Some(TIME + 1),
            ),
            signed(
                "a long way on",
                "conf.talks",
                1 << 40,
                EntryId::from_bytes([9; 32]),
                None,
            ),
            fine("body not known", &whole),
            fine("the earliest time", &with(&|p| p.time = zigzag(i64::MIN))),
            fine(
                "the latest times",
                &with(&|p| {
                    p.time = zigzag(i64::MAX);
                    p.expires = [vec![1], zigzag(i64::MAX)].concat();
                }),
            ),
            fine(
                "the longest lane and kind",
                &with(&|p| {
                    p.lane = string(&[b'~'; 32]);
                    p.kind = string(&[b'-'; 64]);
                }),
            ),
            fine(
                "every character of a name",
                &with(&|p| {
                    p.lane = string(b"abcdefghijklmnopqrstuvwxyz");
                    p.kind = string(b"0123456789._/~-");
                }),
            ),
            fine("the longest body", &with(&|p| p.body_len = varint(65_536))),
            fine(
                "the longest body in lane state",
                &with(&|p| {
                    p.lane = string(b"state");
                    p.body_len = varint(4_096);
                }),
            ),
            fine("the last place", &with(&|p| p.seq = varint(last))),
            fine(
                "prev of zeros behind the first place",
                &with(&|p| p.prev = vec![0; 32]),
            ),
            fine(
                "a device of small order, which can sign nothing",
                &with(&|p| {
                    p.device = small_order_key().to_vec();
                }),
            ),
        ],
        vec![
            bad("nothing", Value::Null, &[], "Truncated"),
            bad(
                "the last byte missing",
                Value::Null,
                &whole[..whole.len() - 1],
                "Truncated",
            ),
            bad("cut in the device", Value::Null, &whole[..40], "Truncated"),
            bad(
                "a byte too many",
                Value::Null,
                &[&whole[..], &[0]].concat(),
                "Trailing",
            ),
            over("an over-long place", "NotCanonical", &|p| {
                p.seq = vec![0x85, 0];
            }),
            over("an over-long time", "NotCanonical", &|p| {
                p.time = vec![0x80, 0];
            }),
            over("an over-long length of the lane", "NotCanonical", &|p| {
                p.lane = [&[0x85, 0], &b"posts"[..]].concat();
            }),
            over("an over-long length of the body", "NotCanonical", &|p| {
                p.body_len = vec![0xe4, 0];
            }),
            over("a number of 65 bits", "Malformed", &|p| {
                p.seq = [&[0xff; 9][..], &[2]].concat();
            }),
            over("a number of eleven bytes", "Malformed", &|p| {
                p.seq = [&[0x80; 10][..], &[1]].concat();
            }),
            over("an option that is neither", "Malformed", &|p| {
                p.expires = vec![2];
            }),
            over("an empty lane", "Name", &|p| p.lane = string(b"")),
            over("a lane of 33 bytes", "Name", &|p| {
                p.lane = string(&[b'a'; 33]);
            }),
            over("a lane with a capital", "Name", &|p| {
                p.lane = string(b"Posts");
            }),
            over("a lane with a space", "Name", &|p| {
                p.lane = string(b"po sts");
            }),
            over("a lane with a colon", "Name", &|p| p.lane = string(b"a:b")),
            over("a lane of two scripts", "Name", &|p| {
                p.lane = string("p\u{f6}sts".as_bytes());
            }),
            over("a lane that is not UTF-8", "Malformed", &|p| {
                p.lane = string(&[b'a', 0xff]);
            }),
            over("a lane longer than the header", "Truncated", &|p| {
                p.lane = varint(1 << 60);
            }),
            over("an empty kind", "Name", &|p| p.kind = string(b"")),
            over("a kind of 65 bytes", "Name", &|p| {
                p.kind = string(&[b'a'; 65]);
            }),
            over("a kind with a zero byte", "Name", &|p| {
                p.kind = string(b"post/1\0");
            }),
            over("a kind that is not UTF-8", "Malformed", &|p| {
                p.kind = string(&[0xc3, 0x28]);
            }),
            over("a body over the limit", "TooLarge", &|p| {
                p.body_len = varint(65_537);
            }),
            over("a body of 2^32 bytes", "TooLarge", &|p| {
                p.body_len = varint(1 << 32);
            }),
            over("a body over the limit of lane state", "TooLarge", &|p| {
                p.lane = string(b"state");
                p.body_len = varint(4_097);
            }),
            over("something before the first place", "Link", &|p| {
                p.seq = varint(0);
            }),
            over("behind the last place", "TooLarge", &|p| {
                p.seq = varint(last + 1);
            }),
        ],
    )
}

pub(crate) fn entry_ref(lane: &str, seq: u64) -> EntryRef {
    EntryRef {
        log: log(lane),
        seq: Seq(seq),
        id: EntryId::from_bytes([0xcc; 32]),
    }
}

fn reference() -> Value {
    let entry = entry_ref("posts", 42);
    let text = entry.to_string();
    let parts: Vec<&str> = text.split(':').collect();
    let [feed, device, lane, seq, id] = parts[..] else {
        panic!("five parts");
    };
    let joined = |parts: [&str; 5]| parts.join(":");
    // The last character of 52 holds one bit of the id and four that must be zero.
    let loose = format!("{}b", &id[..51]);
    let far = entry_ref("~own", u64::MAX - 64);
    file(
        "reference",
        "the text form of a reference to an entry, and of the ids in it",
        vec![
            good_text("a post", &text, json_of(&entry)),
            good_text(
                "the last place of a private lane",
                &far.to_string(),
                json_of(&far),
            ),
        ],
        vec![
            bad_text("empty", "", "Text"),
            bad_text("four parts", &parts[..4].join(":"), "Text"),
            bad_text("six parts", &format!("{text}:"), "Text"),
            bad_text(
                "a feed in capitals",
                &joined([&feed.to_uppercase(), device, lane, seq, id]),
                "Text",
            ),
            bad_text(
                "an id cut by one",
                &joined([feed, device, lane, seq, &id[..51]]),
                "Text",
            ),
            bad_text(
                "an id with bits to spare",
                &joined([feed, device, lane, seq, &loose]),
                "Text",
            ),
            bad_text("an id with padding", &format!("{text}===="), "Text"),
            bad_text(
                "a place with a zero before it",
                &joined([feed, device, lane, "042", id]),
                "Text",
            ),
            bad_text(
                "a place with a plus",
                &joined([feed, device, lane, "+42", id]),
                "Text",
            ),
            bad_text(
                "a place of 65 bits",
                &joined([feed, device, lane, "18446744073709551616", id]),
                "Text",
            ),
            bad_text(
                "a lane that is no name",
                &joined([feed, device, "Posts", seq, id]),
                "Name",
            ),
            bad_text("space around it", &format!(" {text}"), "Text"),
        ],
    )
}

fn order() -> Value {
    let other = LogId {
        feed: FeedId::from_bytes([4; 32]),
        device: DeviceId::from_bytes([5; 32]),
        lane: Lane::new("reactions").expect("a lane"),
    };
    let mut keys = Vec::new();
    for time in [i64::MIN, -1, 0, 1, TIME, i64::MAX] {
        for log in [log("posts"), other] {
            for seq in [0, 255, 256, u64::MAX - 64] {
                let (time, seq) = (Timestamp(time), Seq(seq));
                keys.push((
                    OrderKey {
                        time,
                        log: log.order(),
                        seq,
                    },
                    log,
                ));
            }
        }
    }
    keys.sort();
    let vector = |(key, log): &(OrderKey, LogId)| {
        let name = format!("time {}, lane {}, place {}", key.time.0, log.lane, key.seq);
        let fields = json!({ "time": key.time, "log": hex(&key.log), "seq": key.seq });
        good(&name, json_of(log), &key.to_bytes(), fields)
    };
    file(
        "order",
        "places in the order of views, smallest first",
        keys.iter().map(vector).collect(),
        Vec::new(),
    )
}

fn tag() -> Value {
    let tags = [
        ("plain", "tomato"),
        ("capitals", "ToMaTo"),
        ("space at the ends", " \t Open Source\u{a0}"),
        ("empty", ""),
        ("composed", "Caf\u{e9}"),
        ("decomposed", "Cafe\u{301}"),
        ("full width", "\u{ff34}\u{ff29}"),
        ("ligature", "\u{fb01}sh"),
        ("sharp s", "Stra\u{df}e"),
        ("capital sharp s", "STRA\u{1e9e}E"),
        ("all letters of the sharp s", "STRASSE"),
        ("long s", "\u{17f}top"),
        ("final sigma", "\u{3bf}\u{3b4}\u{3bf}\u{3c2}"),
        ("n with an apostrophe", "\u{149}"),
        ("Cherokee", "\u{ab70}\u{13a0}"),
        ("iota below", "\u{1fb3}"),
        ("Armenian ligature", "\u{587}"),
        ("a separator, which is no space", "\u{1f}a\u{1f}"),
        ("sigma at the end", "\u{39f}\u{394}\u{39f}\u{3a3}"),
        ("dotted capital i", "\u{130}stanbul"),
        ("kelvin sign", "273 \u{212a}"),
        ("a form that begins with a space", "\u{a8}a"),
        ("Hangul in pieces", "\u{1112}\u{1161}\u{11ab}"),
        ("emoji", "\u{1f345}"),
    ];
    let vector = |(name, text): &(&str, &str)| good_text(name, text, json!(Body::fold_tag(text)));
    file(
        "tag",
        "the form in which a tag is compared; nothing is refused",
        tags.iter().map(vector).collect(),
        Vec::new(),
    )
}
