//! Each structure as the vectors show it: from bytes to JSON, and from JSON back to bytes.

use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tidings::format::{
    ArchiveError, ArchiveItem, ArchiveReader, ArchiveWriter, Body, Closing, Content, Cut, Delete,
    DeviceSecret, Draft, Edit, EntryId, EntryRef, FeedTicket, Follow, ForkProof, FormatError,
    Header, Kind, Label, List, LogId, Moved, OrderKey, PackedRun, Pin, Post, ProfileField, Reach,
    Reaction, Repost, Run, Seq, Timestamp, decode, decode_content, encode,
};

use crate::bytes::{RunParts, hex, unhex};
use crate::shapes_statements;

/// What a structure's bytes, or text, say; and what is written from that.
pub(crate) type Read = Result<(Value, String), FormatError>;

/// Reads one vector.
pub(crate) type Reader = fn(&Value) -> Read;

/// Every structure that has vectors: the name of its file, and how one vector of it is read.
pub(crate) const SHAPES: &[(&str, Reader)] = &[
    ("archive", archive),
    ("body", body),
    ("content", content),
    ("fork", fork),
    ("header", header),
    ("kinds", kinds),
    ("order", order),
    ("reference", reference),
    ("run", run),
    ("standing", shapes_statements::standing),
    ("statement", shapes_statements::statement),
    ("tag", tag),
    ("ticket", ticket),
    ("view", view),
];

/// The bytes of an id in its text form.
pub(crate) fn id_bytes(id: &Value) -> Vec<u8> {
    let id: EntryId = from(id);
    id.as_bytes().to_vec()
}

pub(crate) fn from<T: DeserializeOwned>(value: &Value) -> T {
    T::deserialize(value).unwrap_or_else(|error| panic!("{value}: {error}"))
}

pub(crate) fn json_of<T: Serialize>(value: &T) -> Value {
    serde_json::to_value(value).expect("JSON")
}

pub(crate) fn bytes_of(vector: &Value) -> Vec<u8> {
    unhex(vector["bytes"].as_str().expect("bytes"))
}

/// Fields of serde types that hold bytes, which JSON would show as lists of numbers.
const BYTE_FIELDS: [&str; 4] = ["salt", "content", "preview", "signature"];
/// The same, in lists.
const BYTE_LISTS: [&str; 2] = ["endpoints", "mirrors"];

/// Shows the bytes in a value as hex.
pub(crate) fn with_hex(value: Value) -> Value {
    let is_bytes = |value: &Value| value.is_array();
    let show = |value: &Value| json!(hex(&from::<Vec<u8>>(value)));
    convert(value, &is_bytes, &show)
}

/// Turns the hex in a value back into bytes.
pub(crate) fn without_hex(value: Value) -> Value {
    let is_hex = |value: &Value| value.is_string();
    let read = |value: &Value| json!(unhex(value.as_str().expect("hex")));
    convert(value, &is_hex, &read)
}

fn convert(
    value: Value,
    applies: &dyn Fn(&Value) -> bool,
    turn: &dyn Fn(&Value) -> Value,
) -> Value {
    match value {
        Value::Object(map) => map
            .into_iter()
            .map(|(name, value)| {
                let turned = if BYTE_FIELDS.contains(&name.as_str()) && applies(&value) {
                    turn(&value)
                } else if BYTE_LISTS.contains(&name.as_str()) {
                    value.as_array().expect("a list").iter().map(turn).collect()
                } else {
                    convert(value, applies, turn)
                };
                (name, turned)
            })
            .collect(),
        Value::Array(items) => items
            .into_iter()
            .map(|item| convert(item, applies, turn))
            .collect(),
        other => other,
    }
}

pub(crate) fn header_fields(header: &Header) -> Value {
    let LogId { feed, device, lane } = header.log();
    json!({
        "feed": feed, "device": device, "lane": lane,
        "seq": header.seq(), "prev": header.prev(), "time": header.time(), "expires": header.expires(),
        "kind": header.kind(), "body_len": header.body_len(), "body_hash": hex(header.body_hash()),
        "id": header.id(),
    })
}

fn log_of(value: &Value) -> LogId {
    LogId {
        feed: from(&value["feed"]),
        device: from(&value["device"]),
        lane: from(&value["lane"]),
    }
}

fn draft(entry: &Value) -> Draft {
    let body = unhex(entry["body"].as_str().expect("body"));
    let draft = Draft::new(from(&entry["kind"]), from(&entry["time"]), body.into());
    match from::<Option<Timestamp>>(&entry["expires"]) {
        Some(at) => draft.expiring(at),
        None => draft,
    }
}

fn secret_of(vector: &Value) -> Option<DeviceSecret> {
    let secret = unhex(vector["given"]["device_secret"].as_str()?);
    Some(DeviceSecret::from_bytes(
        &secret.try_into().expect("32 bytes"),
    ))
}

fn header(vector: &Value) -> Read {
    let header = Header::decode(&bytes_of(vector))?;
    let fields = header_fields(&header);
    let Some(secret) = secret_of(vector) else {
        return Ok((fields, hex(&header.encode())));
    };
    let mut entry = vector["fields"].clone();
    entry["body"] = vector["given"]["body"].clone();
    let log = log_of(&entry);
    let seq: Seq = from(&entry["seq"]);
    let runs = Run::sign(&secret, &log, seq, from(&entry["prev"]), &[draft(&entry)])?;
    let entry = runs[0].entries().next().expect("one entry");
    assert_eq!(entry.id(), header.id());
    assert!(header.matches_body(entry.body().expect("body")));
    Ok((fields, hex(&entry.header().encode())))
}

pub(crate) fn run_fields(run: &Run) -> Value {
    let entries: Vec<Value> = run
        .entries()
        .map(|entry| {
            let header = entry.header();
            assert_eq!(header.id(), entry.id());
            json!({
                "time": header.time(), "expires": header.expires(), "kind": header.kind(),
                "body_len": header.body_len(), "body_hash": hex(header.body_hash()),
                "body": entry.body().map(|body| hex(body)), "id": entry.id(),
            })
        })
        .collect();
    let signature = match run.closing() {
        Closing::Signed(signature) => Some(hex(signature.as_bytes())),
        Closing::NextHeld => None,
    };
    json!({
        "first": run.first(), "prev": run.prev(), "entries": entries, "signature": signature,
    })
}

fn run(vector: &Value) -> Read {
    let given = &vector["given"];
    let log = log_of(given);
    let next: Option<EntryId> = from(&given["next"]);
    let run = PackedRun::from_bytes(bytes_of(vector).into()).verify(&log, next.as_ref())?;
    let fields = run_fields(&run);
    let again = RunParts::from_fields(&vector["fields"]).bytes();
    if let Some(secret) = secret_of(vector) {
        let entries = fields["entries"].as_array().expect("entries");
        let drafts: Vec<Draft> = entries.iter().map(draft).collect();
        let signed = Run::sign(&secret, &log, run.first(), run.prev(), &drafts)?;
        assert_eq!(
            hex(signed[0].packed()),
            hex(&again),
            "signing gives the vector"
        );
    }
    Ok((fields, hex(&again)))
}

fn body(vector: &Value) -> Read {
    let bytes = bytes_of(vector);
    if let Some(header) = vector["given"]["header"].as_str() {
        let header = Header::decode(&unhex(header)).expect("the header is good");
        assert!(header.matches_body(&bytes), "and names this body");
    }
    let body = Body::decode(&bytes)?;
    let fields = vector.get("fields").cloned().unwrap_or_default();
    let again: Body = from(&without_hex(fields));
    // What a later version added stays behind what is written here.
    let added = vector["given"]["added"].as_str().unwrap_or_default();
    Ok((with_hex(json_of(&body)), hex(&again.encode()?) + added))
}

/// Content as a reader takes it: it may lack fields at its end, or have more.
fn content(vector: &Value) -> Read {
    fn one<T: Content>(vector: &Value) -> Option<Read> {
        (vector["given"]["kind"] == T::KIND).then(|| {
            let bytes = bytes_of(vector);
            let content: T = decode_content(&bytes)?;
            let again = encode(&content);
            let both = again.len().min(bytes.len());
            assert_eq!(again[..both], bytes[..both], "one form, as far as it goes");
            Ok((with_hex(json_of(&content)), hex(&bytes)))
        })
    }
    let all = [
        one::<Post>,
        one::<ProfileField>,
        one::<Follow>,
        one::<Delete>,
        one::<List>,
        one::<Label>,
        one::<Cut>,
        one::<Edit>,
    ];
    let mut reads = all.iter().filter_map(|read| read(vector));
    reads.next().expect("one of these kinds")
}

fn kinds(vector: &Value) -> Read {
    fn one<T: Content>(vector: &Value) -> Option<Read> {
        if vector["given"]["kind"] != T::KIND {
            return None;
        }
        assert_eq!(vector["given"]["lane"], T::LANE);
        assert!(Kind::new(T::KIND).is_ok());
        let read = decode::<T>("content", &bytes_of(vector)).map(|content| {
            let fields = vector.get("fields").cloned().unwrap_or_default();
            let again: T = from(&without_hex(fields));
            (with_hex(json_of(&content)), hex(&encode(&again)))
        });
        Some(read)
    }
    let all = [
        one::<Post>,
        one::<Repost>,
        one::<Edit>,
        one::<Reaction>,
        one::<ProfileField>,
        one::<Follow>,
        one::<Delete>,
        one::<Pin>,
        one::<List>,
        one::<Reach>,
        one::<Moved>,
        one::<Label>,
        one::<Cut>,
    ];
    let mut reads = all.iter().filter_map(|read| read(vector));
    reads.next().expect("a standard kind")
}

fn fork(vector: &Value) -> Read {
    let proof = ForkProof::decode(&bytes_of(vector))?;
    let again = match &vector["given"] {
        Value::Null => proof.encode(),
        given => {
            let run = |name: &str| {
                let bytes: Bytes = unhex(given[name].as_str().expect("a run")).into();
                PackedRun::from_bytes(bytes).verify(proof.log(), None)
            };
            let (one, other) = (run("one")?, run("other")?);
            assert_eq!(
                ForkProof::new(&one, &other),
                ForkProof::new(&other, &one),
                "one proof a fork"
            );
            ForkProof::new(&one, &other)?.encode()
        }
    };
    let LogId { feed, device, lane } = proof.log();
    let fields = json!({ "feed": feed, "device": device, "lane": lane, "at": proof.at() });
    Ok((fields, hex(&again)))
}

/// What an archive holds, and the same written again with the given blobs.
pub(crate) fn archive_items(
    bytes: &[u8],
    blobs: &[Vec<u8>],
) -> Result<(Value, Vec<u8>), ArchiveError> {
    let mut again = ArchiveWriter::new(Vec::new()).expect("a writer");
    let (mut statements, mut forks, mut runs, mut held) = (vec![], vec![], vec![], vec![]);
    for item in ArchiveReader::new(bytes) {
        match item? {
            ArchiveItem::Statement(statement) => {
                again.statement(&statement).expect("in order");
                statements.push(json_of(statement.id()));
            }
            ArchiveItem::Fork(proof) => {
                again.fork(&proof).expect("in order");
                forks.push(json!({ "log": proof.log(), "at": proof.at() }));
            }
            ArchiveItem::Run(run) => {
                again.run(&run).expect("in order");
                runs.push(
                    json!({ "log": run.log(), "first": run.first(), "ids": json_of(&run.ids()) }),
                );
            }
            ArchiveItem::Blob { hash, len } => {
                let of = |blob: &&Vec<u8>| blake3::hash(blob).as_bytes() == hash.as_bytes();
                if let Some(blob) = blobs.iter().find(of) {
                    let mut bytes = blob.as_slice();
                    again.blob(&hash, len, &mut bytes).expect("the blob");
                }
                held.push(json!({ "hash": hash, "len": len }));
            }
            _ => panic!("a new kind of item"),
        }
    }
    let fields = json!({ "statements": statements, "forks": forks, "runs": runs, "blobs": held });
    Ok((fields, again.finish().expect("an archive")))
}

/// What goes into a view. What comes out of it `tests/reader.rs` asks a node, and the second reader.
fn view(vector: &Value) -> Read {
    let more: Vec<String> = from(&vector["given"]["more"]);
    for bytes in &more {
        archive_items(&unhex(bytes), &[]).expect("an archive");
    }
    let again = archive_items(&bytes_of(vector), &[]).expect("an archive").1;
    Ok((vector["fields"].clone(), hex(&again)))
}

fn archive(vector: &Value) -> Read {
    let given = &vector["given"];
    let blobs: Vec<String> = from(given.get("blobs").unwrap_or(&json!([])));
    let blobs: Vec<Vec<u8>> = blobs.iter().map(|blob| unhex(blob)).collect();
    match archive_items(&bytes_of(vector), &blobs) {
        Ok((fields, again)) => Ok((fields, hex(&again))),
        Err(error) => {
            assert_eq!(given["offset"], error.offset(), "{}", vector["name"]);
            Err(error.format_error().expect("a damage").clone())
        }
    }
}

fn ticket(vector: &Value) -> Read {
    let ticket: FeedTicket = vector["text"].as_str().expect("text").parse()?;
    assert_eq!(
        FeedTicket::from_bytes(&ticket.to_bytes()).as_ref(),
        Ok(&ticket)
    );
    // Written from what it says, unless it has what no writer of this version writes.
    let mut again = FeedTicket::new(ticket.feed());
    for endpoint in ticket.endpoints() {
        again = again.with_endpoint(&endpoint);
    }
    if let Some(entry) = ticket.entry() {
        again = again.with_entry(*entry);
    }
    if again.addresses() != ticket.addresses() {
        again = ticket.clone();
    }
    Ok((ticket_fields(&ticket), again.to_string()))
}

pub(crate) fn ticket_fields(ticket: &FeedTicket) -> Value {
    let endpoints = ticket.endpoints();
    let endpoints = endpoints.iter().map(|endpoint| {
        json!({
            "id": hex(&endpoint.id), "sockets": endpoint.sockets, "relays": endpoint.relays,
        })
    });
    let addresses = ticket.addresses().iter();
    let addresses = addresses.map(|it| json!({ "tag": it.tag, "bytes": hex(&it.bytes) }));
    json!({
        "feed": ticket.feed(), "endpoints": endpoints.collect::<Vec<_>>(),
        "addresses": addresses.collect::<Vec<_>>(), "entry": ticket.entry().map(ToString::to_string),
    })
}

fn reference(vector: &Value) -> Read {
    let entry: EntryRef = vector["text"].as_str().expect("text").parse()?;
    let fields = json_of(&entry);
    let again: EntryRef = from(vector.get("fields").unwrap_or(&fields));
    Ok((fields, again.to_string()))
}

fn order(vector: &Value) -> Read {
    let bytes: [u8; 24] = bytes_of(vector).try_into().expect("24 bytes");
    let key = OrderKey::from_bytes(&bytes);
    let log = log_of(&vector["given"]);
    assert_eq!(key.log, log.order(), "the log's eight bytes");
    let fields = json!({ "time": key.time, "log": hex(&key.log), "seq": key.seq });
    Ok((fields, hex(&key.to_bytes())))
}

fn tag(vector: &Value) -> Read {
    let text = vector["text"].as_str().expect("text");
    Ok((json!(Body::fold_tag(text)), text.to_owned()))
}
