//! Vectors of archives.

use serde_json::{Value, json};
use tidings::format::{
    ArchiveWriter, BlobHash, Draft, End, Ends, EntryId, ForkProof, LogId, Run, Seq, Statement,
    Timestamp, encode,
};

use crate::bytes::{hex, varint};
use crate::make::{TIME, device, feed, file, kind, log, other_device};
use crate::shapes::archive_items;

const BLOB: &[u8] = b"not really a picture";

fn admit(by_other: bool) -> Statement {
    let device = if by_other { other_device() } else { device() };
    let consent = device.consent(&feed().id());
    let admit = Statement::admit(feed().id(), &feed(), device.id(), true, "phone", consent);
    admit.expect("a statement")
}

/// One run: the entries from `first` on, after `prev`.
fn run(of_other: bool, lane: &str, first: u64, prev: EntryId, bodies: &[&'static [u8]]) -> Run {
    let device = if of_other { other_device() } else { device() };
    let log = LogId {
        device: device.id(),
        ..log(lane)
    };
    let draft = |body: &&'static [u8]| {
        Draft::new(
            kind("post/1"),
            Timestamp(TIME),
            bytes::Bytes::from_static(body),
        )
    };
    let drafts: Vec<Draft> = bodies.iter().map(draft).collect();
    let runs = Run::sign(&device, &log, Seq(first), prev, &drafts);
    runs.expect("runs").remove(0)
}

fn retire(run: &Run) -> Statement {
    let end = End {
        seq: Seq(0),
        id: run.id_at(Seq(0)).expect("an entry"),
    };
    let ends = Ends::new([(run.log().lane, end)]).expect("ends");
    let retire = Statement::retire(feed().id(), &feed(), run.log().device, ends, []);
    retire.expect("a statement")
}

/// A record as its bytes, whatever they are.
fn record(tag: u8, payload: &[u8]) -> Vec<u8> {
    [vec![tag], varint(payload.len() as u64), payload.to_vec()].concat()
}

fn run_record(run: &Run) -> Vec<u8> {
    record(3, &[encode(run.log()), run.packed().to_vec()].concat())
}

/// An archive of records that nobody has checked, with the right hash at its end.
fn sealed(records: &[Vec<u8>]) -> Vec<u8> {
    let before = [b"tidings archive\x01".to_vec(), records.concat()].concat();
    let hash = blake3::derive_key("tidings v1 2026-11 archive", &before);
    [before, record(0, &hash)].concat()
}

fn sorted(mut statements: Vec<Statement>) -> Vec<Statement> {
    statements.sort_by_key(|statement| *statement.id());
    statements
}

/// A retired device with an entry behind its end, a forked log with a hole, and a file.
fn whole() -> Vec<u8> {
    let one = run(false, "posts", 0, EntryId::ZERO, &[b"one", b"two"]);
    let other = run(false, "posts", 0, EntryId::ZERO, &[b"another"]);
    let later = run(
        false,
        "posts",
        70,
        EntryId::from_bytes([7; 32]),
        &[b"later"],
    );
    let old = run(true, "posts", 0, EntryId::ZERO, &[b"counts", b"does not"]);
    let mut out = ArchiveWriter::new(Vec::new()).expect("a writer");
    for statement in sorted(vec![admit(false), admit(true), retire(&old)]) {
        out.statement(&statement).expect("in order");
    }
    let proof = ForkProof::new(&one, &other).expect("a proof");
    let mut logs = vec![vec![one, later], vec![old]];
    logs.sort_by_key(|runs| *runs[0].log());
    for runs in logs {
        if runs[0].log() == proof.log() {
            out.fork(&proof).expect("in order");
        }
        for run in &runs {
            out.run(run).expect("in order");
        }
    }
    let hash = BlobHash::from_bytes(*blake3::hash(BLOB).as_bytes());
    out.blob(&hash, BLOB.len() as u64, &mut &BLOB[..])
        .expect("the blob");
    out.finish().expect("an archive")
}

fn good(name: &str, bytes: &[u8]) -> Value {
    let fields = archive_items(bytes, &[]).expect(name).0;
    let blobs = if fields["blobs"] == json!([]) {
        vec![]
    } else {
        vec![hex(BLOB)]
    };
    json!({ "name": name, "given": { "blobs": blobs }, "bytes": hex(bytes), "fields": fields })
}

pub(crate) fn archive() -> Value {
    let empty = sealed(&[]);
    let whole = whole();
    let first = run(false, "posts", 0, EntryId::ZERO, &[b"one"]);
    let bad = |name: &str, bytes: &[u8], error: &str| {
        let offset = archive_items(bytes, &[]).expect_err(name).offset();
        let given = json!({ "offset": offset });
        json!({ "name": name, "given": given, "bytes": hex(bytes), "error": error })
    };
    let with = |name: &str, error: &str, records: &[Vec<u8>]| bad(name, &sealed(records), error);
    let mut version = empty.clone();
    version[15] = 2;
    let mut hash = whole.clone();
    *hash.last_mut().expect("bytes") ^= 1;
    let admits = sorted(vec![admit(false), admit(true)]);
    let statement = |at: usize| record(1, &admits[at].encode());
    let linked = |first: u64, prev: EntryId| run_record(&run(false, "posts", first, prev, &[b"x"]));
    let block: Vec<&'static [u8]> = vec![b"b"; 64];
    let block = run(false, "posts", 0, EntryId::ZERO, &block);
    let mut leaning = first.packed().to_vec();
    leaning.truncate(leaning.len() - 65);
    leaning.push(1);
    let blob = |hash: &[u8], bytes: &[u8]| record(4, &[hash, bytes].concat());
    let log = first.log();
    let mut newer = first.packed().to_vec();
    newer[0] = 2;
    let newer_run = record(3, &[encode(log), newer].concat());
    let newer_fork = record(2, &[&[2][..], &encode(log)].concat());
    let mut over_long = empty[..17].to_vec();
    over_long.extend([0xa0, 0]);
    over_long.extend(&empty[18..]);
    file(
        "archive",
        "archives; given: the bytes of the blobs, or the offset of the record that is not good",
        vec![
            good("of nothing", &empty),
            good("a retired device, a forked log, a hole and a file", &whole),
            good(
                "an entry of a device that nothing admits",
                &sealed(&[run_record(&first)]),
            ),
            good(
                "of a private lane",
                &sealed(&[run_record(&run(false, "~own", 0, EntryId::ZERO, &[b"x"]))]),
            ),
        ],
        vec![
            bad("nothing", &[], "Archive"),
            bad("another file", b"<!doctype html>", "Archive"),
            bad("version 2", &version, "Version"),
            bad("no end", &whole[..whole.len() - 34], "Truncated"),
            bad("cut in the middle", &whole[..whole.len() / 2], "Truncated"),
            bad("another hash at the end", &hash, "Archive"),
            bad(
                "a byte behind the end",
                &[&whole[..], &[0]].concat(),
                "Archive",
            ),
            bad("an over-long length", &over_long, "NotCanonical"),
            bad(
                "a statement of a gigabyte",
                &[&empty[..16], &[1], &varint(1 << 30)].concat(),
                "TooLarge",
            ),
            with("an unknown record", "Archive", &[record(5, b"")]),
            with(
                "a statement twice",
                "Archive",
                &[statement(0), statement(0)],
            ),
            with(
                "statements out of order",
                "Archive",
                &[statement(1), statement(0)],
            ),
            with(
                "a statement behind a run",
                "Archive",
                &[run_record(&first), statement(0)],
            ),
            with(
                "a byte behind a statement",
                "Trailing",
                &[record(1, &[admits[0].encode(), vec![0]].concat())],
            ),
            with(
                "a run that leans on the next",
                "NextNotHeld",
                &[record(3, &[encode(first.log()), leaning].concat())],
            ),
            with(
                "a run in two pieces",
                "Archive",
                &[run_record(&first), linked(1, first.last_id())],
            ),
            with(
                "a run that does not link",
                "Archive",
                &[run_record(&block), linked(64, first.last_id())],
            ),
            with(
                "runs that overlap",
                "Archive",
                &[run_record(&block), linked(63, first.last_id())],
            ),
            with("a run of another version", "Version", &[newer_run]),
            with("a fork proof of another version", "Version", &[newer_fork]),
            with(
                "a blob with another hash",
                "Archive",
                &[blob(&[7; 32], b"x")],
            ),
            with(
                "a blob of no bytes",
                "Archive",
                &[blob(blake3::hash(b"").as_bytes(), b"")],
            ),
            with(
                "a blob too short for a hash",
                "Truncated",
                &[record(4, &[7; 31])],
            ),
            with(
                "a blob before a run",
                "Archive",
                &[
                    blob(blake3::hash(b"x").as_bytes(), b"x"),
                    run_record(&first),
                ],
            ),
        ],
    )
}
