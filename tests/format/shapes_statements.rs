//! Statements, and how devices stand, as the vectors show them.

use serde_json::{Value, json};
use tidings::format::{
    Act, DeviceId, End, Ends, EntryId, FeedId, Lane, Seq, Signer, Statement, Statements,
};

use crate::bytes::{hex, string, unhex, varint};
use crate::shapes::{Read, bytes_of, from, id_bytes};

fn ends_fields(ends: &Ends) -> Value {
    let end = |(lane, End { seq, id }): &(Lane, End)| json!({ "lane": lane, "seq": seq, "id": id });
    ends.iter().map(end).collect()
}

pub(crate) fn statement_fields(statement: &Statement) -> Value {
    let signer = match statement.signer() {
        Signer::Feed => json!(statement.feed()),
        Signer::Device(device) => json!(device),
    };
    let act = match statement.act() {
        Act::Admit(admit) => json!({ "admit": {
            "device": admit.device(), "admin": admit.is_admin(), "label": admit.label(),
            "consent": hex(admit.consent().as_bytes()),
        }}),
        Act::Retire(retire) => json!({ "retire": {
            "device": retire.device(), "ends": ends_fields(retire.ends()),
            "keep": retire.keep().map(statement_fields).collect::<Vec<_>>(),
        }}),
        other => panic!("{other:?}"),
    };
    json!({
        "feed": statement.feed(), "signer": signer, "act": act, "id": statement.id(),
        "signature": hex(statement.signature().as_bytes()),
    })
}

/// Writes a statement out of its fields, the way `docs/format.md` says.
fn written(fields: &Value) -> Vec<u8> {
    let mut bytes = [id_bytes(&fields["feed"]), id_bytes(&fields["signer"])].concat();
    let text = |value: &Value| value.as_str().expect("text").to_owned();
    let admit = &fields["act"]["admit"];
    if admit.is_object() {
        bytes.push(0);
        bytes.extend(id_bytes(&admit["device"]));
        bytes.push(u8::from(admit["admin"] == true));
        bytes.extend(string(text(&admit["label"]).as_bytes()));
        bytes.extend(unhex(&text(&admit["consent"])));
    } else {
        let retire = &fields["act"]["retire"];
        let list = |name: &str| retire[name].as_array().expect("a list");
        bytes.push(1);
        bytes.extend(id_bytes(&retire["device"]));
        bytes.extend(varint(list("ends").len() as u64));
        for end in list("ends") {
            bytes.extend(string(text(&end["lane"]).as_bytes()));
            let seq = end["seq"].as_u64();
            let seq = seq.or_else(|| end["seq"].as_str()?.parse().ok());
            bytes.extend(varint(seq.expect("a place")));
            bytes.extend(id_bytes(&end["id"]));
        }
        bytes.extend(varint(list("keep").len() as u64));
        bytes.extend(list("keep").iter().flat_map(written));
    }
    bytes.extend(unhex(&text(&fields["signature"])));
    bytes
}

pub(crate) fn statement(vector: &Value) -> Read {
    let statement = Statement::decode(&bytes_of(vector))?;
    let fields = statement_fields(&statement);
    let again = written(vector.get("fields").unwrap_or(&fields));
    assert_eq!(statement.encode(), again);
    Ok((fields, hex(&again)))
}

pub(crate) fn standing_fields(set: &Statements, given: &Value) -> Value {
    let standing = set.judge();
    let devices: Vec<Value> = standing
        .devices()
        .map(|(device, stands)| {
            json!({
                "device": device, "admin": standing.is_admin(device), "label": stands.label(),
                "retired": standing.is_retired(device), "ends": stands.ends().map(ends_fields),
            })
        })
        .collect();
    let counts: Vec<bool> = given["asks"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|ask| {
            let (device, lane): (DeviceId, Lane) = (from(&ask["device"]), from(&ask["lane"]));
            let (seq, id): (Seq, EntryId) = (from(&ask["seq"]), from(&ask["id"]));
            standing.counts(&device, &lane, seq, &id, |_| ask["end_held"] == true)
        })
        .collect();
    json!({ "devices": devices, "counts": counts })
}

pub(crate) fn standing(vector: &Value) -> Read {
    let given = &vector["given"];
    let feed: FeedId = from(&given["feed"]);
    let statements: Vec<String> = from(&given["statements"]);
    let read = |text: &String| Statement::decode(&unhex(text));
    let statements: Vec<Statement> = statements.iter().map(read).collect::<Result<_, _>>()?;
    let mut set = Statements::new(feed);
    set.merge(statements);
    let fields = standing_fields(&set, given);
    Ok((fields, hex(&set.digest())))
}
