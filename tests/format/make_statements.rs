//! Vectors of statements and of how a feed's devices stand.

use serde_json::{Value, json};
use tidings::format::{
    DeviceId, DeviceSecret, End, Ends, EntryId, FeedSecret, Lane, Seq, Signature, Statement,
    Statements, limits,
};

use crate::bytes::{hex, string, varint};
use crate::make::{bad, device, feed, file, good, other_device, small_order_key};
use crate::make_caps;
use crate::shapes::json_of;
use crate::shapes_statements::{standing_fields, statement_fields};

fn ends(lanes: &[(&str, u64)]) -> Ends {
    let end = |(lane, seq): &(&str, u64)| {
        let id = EntryId::from_bytes([0x0e; 32]);
        let lane = Lane::new(lane).expect("a lane");
        (lane, End { seq: Seq(*seq), id })
    };
    Ends::new(lanes.iter().map(end)).expect("ends")
}

fn third_device() -> DeviceSecret {
    DeviceSecret::from_bytes(&[4; 32])
}

/// The feed key admits the first device as admin, which admits the second, under a label.
fn admits() -> [Statement; 2] {
    let (one, two) = (device(), other_device());
    let by_feed = Statement::admit(
        feed().id(),
        &feed(),
        one.id(),
        true,
        "phone",
        one.consent(&feed().id()),
    );
    let by_device = Statement::admit(
        feed().id(),
        &one,
        two.id(),
        false,
        "",
        two.consent(&feed().id()),
    );
    [
        by_feed.expect("a statement"),
        by_device.expect("a statement"),
    ]
}

fn retire(lanes: &[(&str, u64)], keep: &[Statement]) -> Statement {
    let by = feed();
    Statement::retire(feed().id(), &by, device().id(), ends(lanes), keep.to_vec())
        .expect("a statement")
}

/// The bytes of an Admit before its signature, with a label and a consent of any sort.
fn admit_unsigned(device: &[u8; 32], admin: u8, label: &[u8], consent: &Signature) -> Vec<u8> {
    let feed = feed().id();
    [
        &feed.as_bytes()[..],
        feed.as_bytes(),
        &[0],
        device,
        &[admin],
        &string(label),
        consent.as_bytes(),
    ]
    .concat()
}

/// Signs by hand what the library would not.
fn sealed(unsigned: &[u8]) -> Vec<u8> {
    use ed25519_dalek::{Signer as _, SigningKey};
    let id = blake3::derive_key("tidings v1 2026-11 statement id", unsigned);
    let key = SigningKey::from_bytes(&[1; 32]);
    let signature = key.sign(&[&b"tidings v1 statement:"[..], &id].concat());
    [unsigned, &signature.to_bytes()].concat()
}

/// The point with y 3 in a form that RFC 8032 refuses: y and the order of the field, 2^255 - 19.
fn large_y() -> [u8; 32] {
    let mut bytes = [0xff; 32];
    (bytes[0], bytes[31]) = (0xed + 3, 0x7f);
    bytes
}

fn retire_unsigned(ends: &[(&[u8], u64)], keep: &[Vec<u8>]) -> Vec<u8> {
    let feed = feed().id();
    let mut bytes = [&feed.as_bytes()[..], feed.as_bytes(), &[1]].concat();
    bytes.extend(device().id().as_bytes());
    bytes.extend(varint(ends.len() as u64));
    for (lane, seq) in ends {
        bytes.extend([string(lane), varint(*seq), vec![0x0e; 32]].concat());
    }
    bytes.extend(varint(keep.len() as u64));
    bytes.extend(keep.concat());
    bytes
}

pub(crate) fn statement() -> Value {
    let [by_feed, by_device] = admits();
    let fine = |name: &str, statement: &Statement| {
        let bytes = statement.encode();
        good(name, Value::Null, &bytes, statement_fields(statement))
    };
    let wrong = |name: &str, bytes: &[u8], error: &str| bad(name, Value::Null, bytes, error);
    let whole = by_feed.encode();
    let id = device().id();
    let consent = device().consent(&feed().id());
    let admit = |device: &[u8; 32], admin, label: &[u8], consent: &Signature| {
        sealed(&admit_unsigned(device, admin, label, consent))
    };
    let mut flipped = whole.clone();
    *flipped.last_mut().expect("bytes") ^= 1;
    let mut large_r = whole.clone();
    let signature = whole.len() - 64;
    large_r[signature..signature + 32].copy_from_slice(&large_y());
    let mut label = whole.clone();
    label[99] = b'P';
    let over_long = {
        let bytes = admit_unsigned(id.as_bytes(), 1, b"phone", &consent);
        sealed(&[&bytes[..98], &[0x85, 0], &bytes[99..]].concat())
    };
    let elsewhere = device().consent(&FeedSecret::from_bytes(&[9; 32]).id());
    let keep = by_device.encode();
    let posts = (&b"posts"[..], 9);
    let lanes: Vec<String> = (0..65).map(|n| format!("l{n:02}")).collect();
    let many: Vec<(&[u8], u64)> = lanes.iter().map(|lane| (lane.as_bytes(), 0)).collect();
    let retire_of = |ends: &[(&[u8], u64)], keep: &[Vec<u8>]| sealed(&retire_unsigned(ends, keep));
    file(
        "statement",
        "statements; a good one verifies, whether or not it counts",
        vec![
            fine("an admin, by the feed key", &by_feed),
            fine("a device without a label, by a device", &by_device),
            fine("a Retire that keeps nothing", &retire(&[], &[])),
            fine(
                "a Retire whose end is the last place there is",
                &retire(&[("posts", limits::LAST_SEQ)], &[]),
            ),
            fine(
                "a Retire with ends and an Admit",
                &retire(&[("posts", 9), ("state", 0)], &[by_device]),
            ),
        ],
        vec![
            wrong("nothing", &[], "Truncated"),
            wrong(
                "the last byte missing",
                &whole[..whole.len() - 1],
                "Truncated",
            ),
            wrong("a byte too many", &[&whole[..], &[0]].concat(), "Trailing"),
            wrong("a bit of the signature flipped", &flipped, "Signature"),
            wrong("another label", &label, "Signature"),
            wrong("an over-long length", &over_long, "NotCanonical"),
            wrong(
                "an admin that is neither",
                &admit(id.as_bytes(), 2, b"", &consent),
                "Malformed",
            ),
            wrong(
                "a label of 65 bytes",
                &admit(id.as_bytes(), 1, &[b'l'; 65], &consent),
                "TooLarge",
            ),
            wrong(
                "a label that is not UTF-8",
                &admit(id.as_bytes(), 1, &[0xff], &consent),
                "Malformed",
            ),
            wrong(
                "consent to another feed",
                &admit(id.as_bytes(), 1, b"", &elsewhere),
                "Signature",
            ),
            wrong(
                "an end past the last place",
                &retire_of(&[(b"posts", limits::LAST_SEQ + 1)], &[]),
                "TooLarge",
            ),
            wrong(
                "a device whose y is the field's order and 3",
                &admit(&large_y(), 1, b"", &consent),
                "Signature",
            ),
            wrong(
                "a feed whose y is the field's order and 3",
                &[&large_y()[..], &large_y(), &whole[64..]].concat(),
                "Signature",
            ),
            wrong(
                "an R whose y is the field's order and 3",
                &large_r,
                "Signature",
            ),
            wrong(
                "a device of small order",
                &admit(&small_order_key(), 1, b"", &consent),
                "Signature",
            ),
            wrong(
                "the feed key as a device",
                &admit(feed().id().as_bytes(), 1, b"", &consent),
                "Statement",
            ),
            wrong(
                "an act that is not known",
                &sealed(&[feed().id().as_bytes(), &feed().id().as_bytes()[..], &[2]].concat()),
                "Malformed",
            ),
            wrong(
                "ends out of order",
                &retire_of(&[(b"state", 0), posts], &[]),
                "Statement",
            ),
            wrong(
                "a lane ended twice",
                &retire_of(&[posts, posts], &[]),
                "Statement",
            ),
            wrong(
                "a private lane ended",
                &retire_of(&[(b"~own", 0)], &[]),
                "Statement",
            ),
            wrong(
                "a lane that is no name ended",
                &retire_of(&[(b"Posts", 0)], &[]),
                "Name",
            ),
            wrong("65 ends", &retire_of(&many, &[]), "TooLarge"),
            wrong(
                "an Admit kept twice",
                &retire_of(&[], &[keep.clone(), keep.clone()]),
                "Statement",
            ),
            wrong(
                "an Admit kept that another signed",
                &retire_of(&[], &[whole]),
                "Statement",
            ),
            wrong(
                "a Retire kept",
                &retire_of(&[], &[retire(&[], &[]).encode()]),
                "Statement",
            ),
            wrong(
                "17 Admits kept",
                &retire_of(&[], &vec![keep; 17]),
                "TooLarge",
            ),
        ],
    )
}

pub(crate) fn standing() -> Value {
    let [by_feed, by_device] = admits();
    let third = third_device();
    let of_third = Statement::admit(
        feed().id(),
        &device(),
        third.id(),
        false,
        "tablet",
        third.consent(&feed().id()),
    )
    .expect("a statement");
    let ended = retire(&[("posts", 9)], std::slice::from_ref(&by_device));
    let by = other_device();
    let powerless = Statement::retire(feed().id(), &by, device().id(), ends(&[]), Vec::new());
    let alone = Statement::retire(feed().id(), &by, by.id(), ends(&[("posts", 3)]), Vec::new());
    let asks = |device: &DeviceId| {
        let ask = |lane: &str, seq: u64, id: u8, held: bool| {
            let (device, id) = (json_of(device), EntryId::from_bytes([id; 32]));
            json!({ "device": device, "lane": lane, "seq": seq, "id": id, "end_held": held })
        };
        vec![
            ask("posts", 8, 1, true),
            ask("posts", 9, 0x0e, true),
            ask("posts", 9, 1, true),
            ask("posts", 9, 1, false),
            ask("posts", 10, 1, false),
            ask("state", 0, 1, true),
            ask("~own", 99, 1, true),
        ]
    };
    let of = |name: &str, statements: &[&Statement], devices: &[DeviceId]| {
        let mut set = Statements::new(feed().id());
        set.merge(statements.iter().copied().cloned());
        let hexes: Vec<String> = statements.iter().map(|s| hex(&s.encode())).collect();
        let asks: Vec<Value> = devices.iter().flat_map(asks).collect();
        let given = json!({ "feed": feed().id(), "statements": hexes, "asks": asks });
        let fields = standing_fields(&set, &given);
        good(name, given, &set.digest(), fields)
    };
    let both = [device().id(), other_device().id()];
    let vector = |name: &str, statements: &[&Statement]| of(name, statements, &both);
    let caps = make_caps::caps();
    let caps = caps.iter().map(|(name, statements, devices)| {
        let statements: Vec<&Statement> = statements.iter().collect();
        of(name, &statements, devices)
    });
    let powerless = powerless.expect("a statement");
    let alone = alone.expect("a statement");
    file(
        "standing",
        "which devices and entries count under a set of statements; bytes is the digest of what is kept of it",
        [
            vector("no statement", &[]),
            vector("two devices", &[&by_feed, &by_device]),
            vector("the Admit of a signer nobody knows", &[&by_device]),
            vector(
                "a retired device, one of its Admits kept",
                &[&by_feed, &by_device, &of_third, &ended],
            ),
            vector(
                "a Retire by a device that is no admin",
                &[&by_feed, &by_device, &powerless],
            ),
            vector(
                "a device that retires itself",
                &[&by_feed, &by_device, &alone],
            ),
        ]
        .into_iter()
        .chain(caps)
        .collect(),
        Vec::new(),
    )
}
