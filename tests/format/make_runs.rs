//! Vectors of runs and fork proofs.

use bytes::Bytes;
use serde_json::{Value, json};
use tidings::format::{Closing, Draft, EntryId, ForkProof, LogId, PackedRun, Run, Seq, Timestamp};

use crate::bytes::{RunParts, hex, string, unhex, varint, zigzag};
use crate::make::{
    TIME, bad, device, feed, file, good, kind, log, no_point, other_device, small_order_key,
};
use crate::shapes::{json_of, run_fields};

/// A key with a part of small order, and a signature under it over the run that [`mixed`] makes. It passes for those
/// who multiply the equation by the cofactor and must not.
const MIXED_KEY: &str = "572727302e00128a6ac4b13774999d45c7c7ccee60ae0e59dcca75495227b567";
const MIXED_SIGNATURE: &str = "17ffad8068dc0de9935d36636f3ad1b5de6de3413b12388e453b05f2a4c1d3db\
                               a8fe07020b5f1aa62ee457c12ba655f23092e051fed427aba456d7e51902c501";

/// The order of the group of signatures, little-endian.
const ORDER: &str = "edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010";

fn draft(name: &str, time: i64, body: &'static [u8]) -> Draft {
    Draft::new(kind(name), Timestamp(time), Bytes::from_static(body))
}

fn sign(first: u64, prev: EntryId, drafts: &[Draft]) -> Run {
    let runs = Run::sign(&device(), &log("posts"), Seq(first), prev, drafts);
    runs.expect("runs").remove(0)
}

fn given(log: &LogId, next: Option<EntryId>) -> Value {
    let mut given = json_of(log);
    given["next"] = json_of(&next);
    given
}

/// Three entries of two kinds, one expiring, in the middle of a block.
fn three() -> Run {
    let drafts = [
        draft("post/1", TIME, b"one"),
        draft("edit/1", TIME - 60_000, b"").expiring(Timestamp(TIME + 1)),
        draft("post/1", TIME + 5, b"three"),
    ];
    sign(5, EntryId::from_bytes([0xaa; 32]), &drafts)
}

/// A good vector whose closing proof or bodies have been taken out.
fn changed(name: &str, run: &Run, change: &dyn Fn(&mut Value)) -> Value {
    let mut fields = run_fields(run);
    change(&mut fields);
    let next = fields["signature"].is_null().then(|| run.last_id());
    let bytes = RunParts::from_fields(&fields).bytes();
    good(name, given(run.log(), next), &bytes, fields)
}

fn signed(name: &str, run: &Run) -> Value {
    let mut given = given(run.log(), None);
    given["device_secret"] = json!(hex(&*device().to_bytes()));
    good(name, given, run.packed(), run_fields(run))
}

fn mixed() -> (LogId, Vec<u8>) {
    let device = unhex(MIXED_KEY).try_into().expect("32 bytes");
    let log = LogId {
        feed: feed().id(),
        device: tidings::format::DeviceId::from_bytes(device),
        lane: log("posts").lane,
    };
    let run = sign(0, EntryId::ZERO, &[draft("post/1", TIME, b"x")]);
    let mut parts = RunParts::from_fields(&run_fields(&run));
    parts.closing = [vec![0], unhex(MIXED_SIGNATURE)].concat();
    (log, parts.bytes())
}

/// The same signature with the group's order added to its scalar.
fn with_order_added(signature: &str) -> Vec<u8> {
    let mut bytes = unhex(signature);
    let mut carry = 0u16;
    for (byte, add) in bytes[32..].iter_mut().zip(unhex(ORDER)) {
        let sum = u16::from(*byte) + u16::from(add) + carry;
        [*byte, _] = sum.to_le_bytes();
        carry = sum >> 8;
    }
    bytes
}

pub(crate) fn run() -> Value {
    let run = three();
    let parts = RunParts::from_fields(&run_fields(&run));
    let block: Vec<Draft> = (0..64).map(|i| draft("post/1", TIME + i, b"b")).collect();
    let block = sign(128, EntryId::from_bytes([0xab; 32]), &block);
    let times = [i64::MAX, i64::MIN, 0, -1];
    let wrapped: Vec<Draft> = times.map(|time| draft("post/1", time, b"t")).to_vec();
    let last = u64::MAX - 64;
    let good = vec![
        signed(
            "the first of a log",
            &sign(0, EntryId::ZERO, &[draft("post/1", TIME, b"hello")]),
        ),
        signed("three of two kinds", &run),
        signed("a whole block", &block),
        signed("times that wrap around", &sign(1, EntryId::ZERO, &wrapped)),
        signed(
            "the last place",
            &sign(
                last,
                EntryId::from_bytes([1; 32]),
                &[draft("post/1", 0, b"")],
            ),
        ),
        changed("without bodies", &run, &|fields| {
            for entry in fields["entries"].as_array_mut().expect("entries") {
                entry["body"] = Value::Null;
            }
        }),
        changed("one body absent", &run, &|fields| {
            fields["entries"][1]["body"] = Value::Null;
        }),
        changed("the next entry is held", &run, &|fields| {
            fields["signature"] = Value::Null;
        }),
    ];
    file(
        "run",
        "entries of one log, with their closing proof; next is the prev of the entry behind the run, if the receiver holds it",
        good,
        [bad_shape(&run, &parts), bad_proof(&run, &parts)].concat(),
    )
}

/// What makes a good run a bad one.
type Change<'a> = &'a dyn Fn(&mut RunParts);

fn changer<'a>(run: &'a Run, parts: &'a RunParts) -> impl Fn(&str, &str, Change<'_>) -> Value + 'a {
    move |name, error, change| {
        let mut parts = parts.clone();
        change(&mut parts);
        bad(name, given(run.log(), None), &parts.bytes(), error)
    }
}

fn bad_shape(run: &Run, parts: &RunParts) -> Vec<Value> {
    let over = changer(run, parts);
    let whole = parts.bytes();
    let plain =
        |name: &str, bytes: &[u8], error: &str| bad(name, given(run.log(), None), bytes, error);
    // An entry up to its body.
    let entry = |flags: u8, time: Vec<u8>, kind: u64, body_len: u64| {
        [vec![flags], time, varint(kind), varint(body_len)].concat()
    };
    let one = |p: &mut RunParts, entry: Vec<u8>| {
        p.count = varint(1);
        p.kinds.truncate(1);
        p.entries = vec![entry];
    };
    vec![
        plain("nothing", &[], "Truncated"),
        plain(
            "the last byte missing",
            &whole[..whole.len() - 1],
            "Truncated",
        ),
        plain("cut in the middle", &whole[..whole.len() / 2], "Truncated"),
        plain("a byte too many", &[&whole[..], &[0]].concat(), "Trailing"),
        over("version 0", "Version", &|p| p.version = 0),
        over("version 2", "Version", &|p| p.version = 2),
        over("an over-long place", "NotCanonical", &|p| {
            p.first = vec![0x85, 0];
        }),
        over("an over-long count", "NotCanonical", &|p| {
            p.count = vec![0x83, 0];
        }),
        over("an over-long time", "NotCanonical", &|p| {
            one(p, entry(0, vec![0x80, 0], 0, 0));
        }),
        over("empty", "Run", &|p| {
            p.count = varint(0);
            p.kinds.clear();
            p.entries.clear();
        }),
        over("it crosses its block's end", "Run", &|p| {
            p.first = varint(62);
        }),
        over("65 entries", "Run", &|p| {
            p.first = varint(64);
            p.count = varint(65);
        }),
        over("2^60 entries", "Run", &|p| p.count = varint(1 << 60)),
        over("behind the last place", "TooLarge", &|p| {
            p.first = varint(u64::MAX - 63);
        }),
        over("something before the first place", "Link", &|p| {
            p.first = varint(0);
        }),
        over("no kinds", "Run", &|p| p.kinds.clear()),
        over("more kinds than entries", "Run", &|p| {
            p.kinds.extend([b"a".to_vec(), b"b".to_vec()]);
        }),
        over("a kind that no entry has", "Run", &|p| {
            p.kinds.push(b"pin/1".to_vec());
        }),
        over("a kind listed twice", "Run", &|p| {
            p.kinds[1] = p.kinds[0].clone();
        }),
        over("kinds out of the order of first use", "Run", &|p| {
            p.count = varint(2);
            p.entries = vec![entry(0, zigzag(TIME), 1, 0), entry(0, zigzag(0), 0, 0)];
        }),
        over("an index beyond the kinds", "Run", &|p| {
            one(p, entry(0, zigzag(TIME), 1, 0));
        }),
        over("a kind with a capital", "Name", &|p| {
            p.kinds[0] = b"Post/1".to_vec();
        }),
        over("an empty kind", "Name", &|p| p.kinds[0] = Vec::new()),
        over("a kind of 65 bytes", "Name", &|p| {
            p.kinds[0] = vec![b'a'; 65];
        }),
        over("a kind that is not UTF-8", "Malformed", &|p| {
            p.kinds[0] = vec![0xff];
        }),
        over("a flag that is not known", "Malformed", &|p| {
            p.entries[0][0] = 4;
        }),
        over("a body over the limit", "TooLarge", &|p| {
            one(p, entry(0, zigzag(TIME), 0, 65_537));
        }),
        over("an absent body over the limit", "TooLarge", &|p| {
            one(p, entry(2, zigzag(TIME), 0, 65_537));
        }),
        over("a closing proof that is not known", "Malformed", &|p| {
            p.closing[0] = 2;
        }),
    ]
}

fn bad_proof(run: &Run, parts: &RunParts) -> Vec<Value> {
    let over = changer(run, parts);
    let whole = parts.bytes();
    let mut open = parts.clone();
    open.closing = vec![1];
    let wrong_next = given(run.log(), Some(EntryId::from_bytes([0xee; 32])));
    let mut to_end = open.clone();
    to_end.first = varint(61);
    let elsewhere = |lane: &str, device: Option<[u8; 32]>| {
        let mut log = log(lane);
        if let Some(device) = device {
            log.device = tidings::format::DeviceId::from_bytes(device);
        }
        given(&log, None)
    };
    let mut identity = vec![0; 65];
    identity[1] = 1;
    let mut weak = parts.clone();
    weak.closing = identity;
    let signature = hex(&parts.closing[1..]);
    let (mixed_log, mixed_bytes) = mixed();
    vec![
        over("a bit of the signature flipped", "Signature", &|p| {
            p.closing[10] ^= 1;
        }),
        over("a bit of a body flipped", "Signature", &|p| {
            *p.entries[0].last_mut().expect("a body") ^= 1;
        }),
        over("a time changed", "Signature", &|p| p.entries[2][1] ^= 2),
        over("another entry before it", "Signature", &|p| p.prev[0] ^= 1),
        over("another place", "Signature", &|p| p.first = varint(6)),
        over("an entry left out", "Signature", &|p| {
            p.entries.remove(1);
            p.kinds.pop();
            p.count = varint(2);
        }),
        over("a scalar that is not reduced", "Signature", &|p| {
            p.closing = [vec![0], with_order_added(&signature)].concat();
        }),
        bad(
            "of another lane",
            elsewhere("reactions", None),
            &whole,
            "Signature",
        ),
        bad(
            "of another device",
            elsewhere("posts", Some(*other_device().id().as_bytes())),
            &whole,
            "Signature",
        ),
        bad(
            "a device of small order",
            elsewhere("posts", Some(small_order_key())),
            &weak.bytes(),
            "Signature",
        ),
        bad(
            "a device key that is no point",
            elsewhere("posts", Some(no_point())),
            &whole,
            "Signature",
        ),
        bad(
            "a signature that only the equation with the cofactor takes",
            given(&mixed_log, None),
            &mixed_bytes,
            "Signature",
        ),
        bad(
            "the next entry is not held",
            given(run.log(), None),
            &open.bytes(),
            "NextNotHeld",
        ),
        bad(
            "the next entry names another",
            wrong_next,
            &open.bytes(),
            "Link",
        ),
        bad(
            "it reaches its block's end without a signature",
            given(run.log(), Some(run.last_id())),
            &to_end.bytes(),
            "Run",
        ),
    ]
}

pub(crate) fn fork() -> Value {
    let early = sign(
        0,
        EntryId::ZERO,
        &[draft("post/1", TIME, b"a"), draft("post/1", TIME + 1, b"b")],
    );
    let one = sign(2, early.last_id(), &[draft("post/1", TIME + 2, b"one")]);
    let other = sign(
        2,
        early.last_id(),
        &[
            draft("post/1", TIME + 2, b"other"),
            draft("post/1", TIME + 3, b"more"),
        ],
    );
    // One branch begins where the other ends, and names something else before it.
    let beside = sign(
        2,
        EntryId::from_bytes([0x77; 32]),
        &[draft("post/1", TIME + 2, b"x")],
    );
    let far = sign(
        9,
        EntryId::from_bytes([0x78; 32]),
        &[draft("post/1", TIME + 9, b"far")],
    );
    let fine = |name: &str, one: &Run, other: &Run| {
        let proof = ForkProof::new(one, other).expect(name);
        let given = json!({ "one": hex(one.packed()), "other": hex(other.packed()) });
        let mut fields = json_of(proof.log());
        fields["at"] = json_of(&proof.at());
        good(name, given, &proof.encode(), fields)
    };
    // A proof of any two runs, in either order, with or without bodies.
    let bare = |run: &Run| {
        let mut fields = run_fields(run);
        for entry in fields["entries"].as_array_mut().expect("entries") {
            entry["body"] = Value::Null;
        }
        RunParts::from_fields(&fields)
    };
    let proof = |version: u8, one: &[u8], other: &[u8]| {
        let log = log("posts");
        let mut bytes = vec![version];
        bytes.extend(log.feed.as_bytes());
        bytes.extend(log.device.as_bytes());
        bytes.extend(string(b"posts"));
        bytes.extend(string(one));
        bytes.extend(string(other));
        bytes
    };
    let (small, large) = if one.last_id() <= other.last_id() {
        (&one, &other)
    } else {
        (&other, &one)
    };
    let (a, b) = (bare(small).bytes(), bare(large).bytes());
    let whole = proof(1, &a, &b);
    let with = |change: &dyn Fn(&mut RunParts)| {
        let mut parts = bare(small);
        change(&mut parts);
        proof(1, &parts.bytes(), &b)
    };
    let sorted = |x: &Run, y: &Run| {
        let (x, y) = if x.last_id() <= y.last_id() {
            (x, y)
        } else {
            (y, x)
        };
        proof(1, &bare(x).bytes(), &bare(y).bytes())
    };
    let wrong = |name: &str, bytes: &[u8], error: &str| bad(name, Value::Null, bytes, error);
    let again = PackedRun::from_bytes(early.packed().clone()).verify(early.log(), None);
    assert!(matches!(
        again.expect("a run").closing(),
        Closing::Signed(_)
    ));
    file(
        "fork",
        "the proof that a log is forked; where given, the two runs with their bodies make it",
        vec![
            fine("two entries at one place", &one, &other),
            fine("a seam that does not link", &early, &beside),
        ],
        vec![
            wrong("nothing", &[], "Truncated"),
            wrong(
                "the last byte missing",
                &whole[..whole.len() - 1],
                "Truncated",
            ),
            wrong("a byte too many", &[&whole[..], &[0]].concat(), "Trailing"),
            wrong("version 2", &proof(2, &a, &b), "Version"),
            wrong(
                "its runs the other way round",
                &proof(1, &b, &a),
                "NotCanonical",
            ),
            wrong("with a body", &proof(1, small.packed(), &b), "NotCanonical"),
            wrong("one run twice", &proof(1, &a, &a), "NoFork"),
            wrong("runs that link", &sorted(&early, &one), "NoFork"),
            wrong("runs far from each other", &sorted(&early, &far), "NoFork"),
            wrong(
                "a signature that does not verify",
                &with(&|p| p.closing[5] ^= 1),
                "Signature",
            ),
            wrong(
                "a run without a signature",
                &with(&|p| p.closing = vec![1]),
                "NextNotHeld",
            ),
            wrong("a run of version 2", &with(&|p| p.version = 2), "Version"),
        ],
    )
}
