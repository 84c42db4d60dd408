//! The worked example of `docs/format.md`, which was computed by other means, is what the library gives.

use std::collections::BTreeMap;

use tidings::format::{
    ArchiveWriter, Body, DeviceSecret, Draft, Edit, EndpointAddress, EntryId, FeedSecret,
    FeedTicket, Header, Kind, Lane, LogId, PackedRun, Post, Ref, Rel, Run, Seq, Statement,
    Timestamp, encode,
};

use crate::bytes::{hex, unhex};

const DOCUMENT: &str = include_str!("../../docs/format.md");

/// The blocks of the document that open with ` ```hex NAME `, and those with ` ```text NAME `.
fn blocks(language: &str) -> BTreeMap<&'static str, String> {
    let mut blocks = BTreeMap::new();
    let mut lines = DOCUMENT.lines();
    while let Some(line) = lines.next() {
        let opens = line
            .strip_prefix("```")
            .and_then(|rest| rest.strip_prefix(language));
        let Some(name) = opens.map(str::trim).filter(|name| !name.is_empty()) else {
            continue;
        };
        let text: String = lines.by_ref().take_while(|line| *line != "```").collect();
        let text = text.chars().filter(|c| !c.is_whitespace()).collect();
        assert!(blocks.insert(name, text).is_none(), "{name} stands twice");
    }
    blocks
}

#[test]
fn the_worked_example_is_what_the_library_gives() {
    let mut hexes = blocks("hex");
    let mut take = |name: &str| {
        hexes
            .remove(name)
            .unwrap_or_else(|| panic!("no block {name}"))
    };
    let key = |text: String| -> [u8; 32] { unhex(&text).try_into().expect("32 bytes") };

    let feed = FeedSecret::from_bytes(&key(take("feed-secret")));
    let device = DeviceSecret::from_bytes(&key(take("device-secret")));
    assert_eq!(hex(feed.id().as_bytes()), take("feed"));
    assert_eq!(hex(device.id().as_bytes()), take("device"));
    let log = LogId {
        feed: feed.id(),
        device: device.id(),
        lane: Lane::new("posts").expect("a lane"),
    };

    let post = |text: &str| Post {
        text: text.into(),
        ..Post::default()
    };
    let draft = |kind: &str, time: i64, body: &Body| {
        let bytes = body.encode().expect("a body");
        Draft::new(Kind::new(kind).expect("a kind"), Timestamp(time), bytes)
    };
    let first = Body {
        salt: [1; 8],
        tags: vec!["tomato".into()],
        content: encode(&post("First tomatoes")).into(),
        ..Body::default()
    };
    assert_eq!(hex(&first.encode().expect("a body")), take("body-0"));
    let drafts = [draft("post/1", 1_790_000_000_000, &first)];
    let alone = Run::sign(&device, &log, Seq::ZERO, EntryId::ZERO, &drafts).expect("runs");
    let target = alone[0].reference(Seq::ZERO).expect("the first");
    let second = Body {
        salt: [2; 8],
        refs: vec![Ref {
            rel: Rel::Replaces,
            target,
        }],
        content: encode(&Edit {
            content: encode(&post("First ripe tomatoes")).into(),
        })
        .into(),
        ..Body::default()
    };
    let third = Body {
        salt: [3; 8],
        content: encode(&post("Gone by tomorrow")).into(),
        ..Body::default()
    };
    let [one] = drafts;
    let drafts = [
        one,
        draft("edit/1", 1_790_000_060_000, &second),
        draft("post/1", 1_790_000_120_000, &third).expiring(Timestamp(1_790_086_400_000)),
    ];
    let runs = Run::sign(&device, &log, Seq::ZERO, EntryId::ZERO, &drafts).expect("runs");
    let [run] = &runs[..] else {
        panic!("one block, one run");
    };
    assert_eq!(hex(&second.encode().expect("a body")), take("body-1"));
    assert_eq!(hex(&third.encode().expect("a body")), take("body-2"));
    for (entry, n) in run.entries().zip(0..) {
        let header = take(&format!("header-{n}"));
        assert_eq!(hex(&entry.header().encode()), header);
        assert_eq!(hex(entry.id().as_bytes()), take(&format!("id-{n}")));
        assert_eq!(Header::decode(&unhex(&header)).as_ref(), Ok(entry.header()));
    }
    assert_eq!(hex(run.packed()), take("run"));
    let packed = PackedRun::from_bytes(run.packed().clone());
    assert_eq!(packed.verify(&log, None).as_ref(), Ok(run));

    let consent = device.consent(&feed.id());
    let admit = Statement::admit(feed.id(), &feed, device.id(), true, "phone", consent);
    let mut archive = ArchiveWriter::new(Vec::new()).expect("a writer");
    archive
        .statement(&admit.expect("a statement"))
        .expect("in order");
    archive.run(run).expect("in order");
    assert_eq!(hex(&archive.finish().expect("an archive")), take("archive"));

    let mut endpoint = EndpointAddress::new([7; 32]);
    endpoint.sockets = vec![([192, 0, 2, 1], 4_040).into()];
    let ticket = FeedTicket::new(feed.id())
        .with_endpoint(&endpoint)
        .with_entry(target);
    assert_eq!(hex(&ticket.to_bytes()), take("ticket"));
    let mut texts = blocks("text");
    assert_eq!(Some(ticket.to_string()), texts.remove("ticket"));
    assert_eq!(Some(target.to_string()), texts.remove("reference"));
    assert!(
        hexes.is_empty(),
        "blocks that nothing checks: {:?}",
        hexes.keys()
    );
    assert!(
        texts.is_empty(),
        "blocks that nothing checks: {:?}",
        texts.keys()
    );
}
