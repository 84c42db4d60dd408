//! What holds for every value, through the public face of the format.

use bytes::Bytes;
use proptest::collection::vec;
use proptest::prelude::*;
use serde::Serialize;
use tidings::format::{
    Attachment, BlobHash, Body, Closing, DeviceId, DeviceSecret, Draft, EndpointAddress, EntryId,
    EntryRef, FeedId, FeedSecret, FeedTicket, ForkProof, Header, Kind, Lane, LogId, OrderKey,
    PackedRun, Ref, Rel, Run, Seq, StateItem, Timestamp, decode, encode, settle,
};

fn a_log() -> impl Strategy<Value = LogId> {
    (any::<[u8; 32]>(), any::<[u8; 32]>(), "[a-z0-9._/~-]{1,32}").prop_map(
        |(feed, device, lane)| LogId {
            feed: FeedId::from_bytes(feed),
            device: DeviceId::from_bytes(device),
            lane: Lane::new(&lane).expect("a lane"),
        },
    )
}

fn a_reference() -> impl Strategy<Value = EntryRef> {
    (a_log(), any::<u64>(), any::<[u8; 32]>()).prop_map(|(log, seq, id)| EntryRef {
        log,
        seq: Seq(seq),
        id: EntryId::from_bytes(id),
    })
}

fn an_attachment() -> impl Strategy<Value = Attachment> {
    (
        (any::<[u8; 32]>(), any::<u64>(), "[a-z/]{0,128}"),
        (
            any::<Option<u32>>(),
            any::<Option<u64>>(),
            any::<Option<u8>>(),
        ),
        proptest::option::of("\\PC{0,60}"),
        proptest::option::of(vec(any::<u8>(), 0..50)),
    )
        .prop_map(
            |((hash, len, mime), (size, duration_ms, rendition_of), name, preview)| Attachment {
                hash: BlobHash::from_bytes(hash),
                len,
                mime,
                alt: name.clone(),
                name,
                width: size,
                height: size.map(|size| !size),
                duration_ms,
                rendition_of,
                preview: preview.map(Bytes::from),
            },
        )
}

fn a_body() -> impl Strategy<Value = Body> {
    (
        any::<[u8; 8]>(),
        vec((any::<u8>(), a_reference()), 0..4),
        vec(any::<[u8; 32]>(), 0..4),
        vec("\\PC{0,16}", 0..5),
        vec(an_attachment(), 0..3),
        vec(any::<u8>(), 0..200),
    )
        .prop_map(|(salt, refs, mentions, tags, attachments, content)| Body {
            salt,
            refs: refs
                .into_iter()
                .map(|(rel, target)| Ref {
                    rel: Rel::from(rel),
                    target,
                })
                .collect(),
            mentions: mentions.into_iter().map(FeedId::from_bytes).collect(),
            tags,
            attachments,
            content: content.into(),
        })
}

/// What postcard would write if the header were an ordinary structure.
#[derive(Debug, Clone, Serialize)]
struct PlainHeader {
    log: LogId,
    seq: Seq,
    prev: EntryId,
    time: i64,
    expires: Option<i64>,
    kind: Kind,
    body_len: u32,
    body_hash: [u8; 32],
}

fn a_header() -> impl Strategy<Value = PlainHeader> {
    (
        (a_log(), 0..=u64::MAX - 64, any::<[u8; 32]>()),
        (any::<i64>(), any::<Option<i64>>()),
        ("[a-z0-9._/~-]{1,64}", 0..=4_096u32, any::<[u8; 32]>()),
    )
        .prop_map(
            |((log, seq, prev), (time, expires), (kind, body_len, body_hash))| PlainHeader {
                log,
                seq: Seq(seq),
                prev: if seq == 0 {
                    EntryId::ZERO
                } else {
                    EntryId::from_bytes(prev)
                },
                time,
                expires,
                kind: Kind::new(&kind).expect("a kind"),
                body_len,
                body_hash,
            },
        )
}

proptest! {
    #[test]
    fn a_header_is_postcard_of_its_fields(plain in a_header()) {
        let bytes = encode(&plain);
        let header = Header::decode(&bytes).expect("a header");
        prop_assert_eq!(header.encode(), bytes);
        prop_assert_eq!(header.log(), &plain.log);
        prop_assert_eq!(
            (header.seq(), header.prev(), header.time().0, header.expires().map(|at| at.0)),
            (plain.seq, plain.prev, plain.time, plain.expires)
        );
    }

    #[test]
    fn a_header_cut_anywhere_is_refused(plain in a_header(), extra in vec(any::<u8>(), 1..5)) {
        let bytes = encode(&plain);
        for end in 0..bytes.len() {
            prop_assert!(Header::decode(&bytes[..end]).is_err());
        }
        prop_assert!(Header::decode(&[bytes, extra].concat()).is_err());
    }

    #[test]
    fn what_reads_as_a_header_is_written_the_same(plain in a_header(), at: prop::sample::Index, to: u8) {
        let mut bytes = encode(&plain);
        let at = at.index(bytes.len());
        bytes[at] = to;
        if let Ok(header) = Header::decode(&bytes) {
            prop_assert_eq!(header.encode(), bytes);
        }
    }

    #[test]
    fn a_body_reads_as_it_was_written(body in a_body()) {
        let bytes = body.encode().expect("a body");
        prop_assert_eq!(&Body::decode(&bytes).expect("a body"), &body);
        for end in 0..bytes.len() {
            prop_assert!(Body::decode(&bytes[..end]).is_err());
        }
    }

    #[test]
    fn what_reads_as_a_body_is_written_the_same(body in a_body(), at: prop::sample::Index, to: u8) {
        let mut bytes = body.encode().expect("a body").to_vec();
        let at = at.index(bytes.len());
        bytes[at] = to;
        if let Ok(body) = Body::decode(&bytes) {
            // A change may leave fewer bytes to the fields; the rest is then for newer readers.
            prop_assert!(bytes.starts_with(&body.encode().expect("a body")));
        }
    }

    #[test]
    fn noise_never_panics(noise in vec(any::<u8>(), 0..400), log in a_log()) {
        let bytes = Bytes::from(noise);
        drop(Body::decode(&bytes));
        drop(ForkProof::decode(&bytes));
        drop(FeedTicket::from_bytes(&bytes));
        prop_assert!(Header::decode(&bytes).is_err());
        prop_assert!(PackedRun::from_bytes(bytes).verify(&log, None).is_err());
    }

    #[test]
    fn a_claimed_length_beyond_the_bytes_takes_no_memory(count in 1u64 << 32.., skip in 0usize..4) {
        let bytes = [&[0; 8][..], &vec![0; skip], &encode(&count)].concat();
        prop_assert!(Body::decode(&bytes).is_err());
        prop_assert!(decode::<Vec<Attachment>>("attachments", &encode(&count)).is_err());
        prop_assert!(decode::<Bytes>("bytes", &encode(&count)).is_err());
    }

    #[test]
    fn ids_and_references_have_one_text(entry in a_reference()) {
        let text = entry.to_string();
        prop_assert_eq!(text.parse(), Ok(entry));
        prop_assert_eq!(encode(&entry), encode(&decode::<EntryRef>("a reference", &encode(&entry)).expect("one")));
        let capital = text.to_uppercase();
        prop_assert!(capital.parse::<EntryRef>().is_err());
    }

    #[test]
    fn a_ticket_with_any_character_changed_is_refused(
        secret: [u8; 32],
        ports in vec(any::<u16>(), 0..20),
        entry in proptest::option::of(a_reference()),
        at: prop::sample::Index,
        to in "[a-z2-7A-Z 189=]",
    ) {
        let mut endpoint = EndpointAddress::new(secret);
        endpoint.sockets = ports.iter().map(|port| ([192, 0, 2, 1], *port).into()).collect();
        let ticket = FeedTicket::new(FeedSecret::from_bytes(&secret).id()).with_endpoint(&endpoint);
        let ticket = match entry {
            Some(entry) => ticket.with_entry(entry),
            None => ticket,
        };
        let text = ticket.to_string();
        prop_assert_eq!(&text.parse::<FeedTicket>().expect("a ticket"), &ticket);
        let wrapped: Vec<&str> = text.as_bytes().chunks(60).map(|line| std::str::from_utf8(line).unwrap()).collect();
        let wrapped = wrapped.join("\r\n  ").to_uppercase();
        prop_assert_eq!(wrapped.parse::<FeedTicket>().expect("a ticket"), ticket);
        let at = at.index(text.len());
        let changed = format!("{}{to}{}", &text[..at], &text[at + 1..]);
        // A space is passed over, and then the text is short by one; capitals are read as small letters.
        prop_assert!(changed.eq_ignore_ascii_case(&text) || changed.parse::<FeedTicket>().is_err());
    }

    #[test]
    fn order_keys_sort_as_bytes_as_they_do_as_values(
        times: [(i64, u8, u64); 2],
        near in -2i64..2,
    ) {
        let [one, other] = times.map(|(time, log, seq)| OrderKey {
            time: Timestamp(time),
            log: [log; 8],
            seq: Seq(seq),
        });
        let close = OrderKey { time: one.time.plus_millis(near), ..other };
        for other in [other, close, OrderKey { log: other.log, ..one }] {
            prop_assert_eq!(one.cmp(&other), one.to_bytes().cmp(&other.to_bytes()));
            prop_assert_eq!(OrderKey::from_bytes(&other.to_bytes()), other);
        }
    }

    #[test]
    fn folding_a_tag_twice_is_folding_it_once(tag in "\\PC{0,20}") {
        let folded = Body::fold_tag(&tag);
        prop_assert_eq!(&Body::fold_tag(&folded), &folded);
        prop_assert_eq!(Body::fold_tag(&format!("  {tag}\t")), folded);
    }

    #[test]
    fn settling_does_not_depend_on_order(
        items in vec((0i64..4, vec(0usize..12, 0..3)), 1..12).prop_flat_map(|items| {
            let items: Vec<StateItem> = items
                .iter()
                .enumerate()
                .map(|(index, (time, replaces))| StateItem {
                    id: id(index),
                    time: Timestamp(*time),
                    // Only what came before can be named, since ids are hashes; and what is not held.
                    replaces: replaces.iter().filter(|n| **n < index || **n >= items.len()).map(|n| id(*n)).collect(),
                })
                .collect();
            (Just(items.clone()), Just(items).prop_shuffle())
        })
    ) {
        let (items, shuffled) = items;
        let winner = |items: &[StateItem]| settle(items).map(|at| items[at].id);
        prop_assert_eq!(winner(&items), winner(&shuffled));
        prop_assert_eq!(winner(&items), slowly(&items));
    }

    #[test]
    fn two_branches_of_a_log_prove_a_fork(
        common in 0usize..70, one in 1usize..80, other in 1usize..80, secret: [u8; 32],
    ) {
        let device = DeviceSecret::from_bytes(&secret);
        let log = LogId {
            feed: FeedId::from_bytes([1; 32]),
            device: device.id(),
            lane: Lane::new("posts").expect("a lane"),
        };
        let drafts = |count: usize, text: &'static str| -> Vec<Draft> {
            let kind = Kind::new("post/1").expect("a kind");
            (0..count)
                .map(|at| Draft::new(kind.clone(), Timestamp(at as i64), Bytes::from_static(text.as_bytes())))
                .collect()
        };
        let stem = Run::sign(&device, &log, Seq::ZERO, EntryId::ZERO, &drafts(common, "c")).expect("runs");
        let from = stem.last().map_or(Seq::ZERO, Run::end);
        let before = stem.last().map_or(EntryId::ZERO, Run::last_id);
        let one = Run::sign(&device, &log, from, before, &drafts(one, "one")).expect("runs");
        let other = Run::sign(&device, &log, from, before, &drafts(other, "other")).expect("runs");
        for pair in [&one, &other].map(|branch| branch.windows(2)).into_iter().flatten() {
            prop_assert!(ForkProof::new(&pair[0], &pair[1]).is_err(), "a branch agrees with itself");
        }
        if let Some(last) = stem.last() {
            prop_assert!(ForkProof::new(last, &one[0]).is_err(), "both branches follow the stem");
        }
        let proof = ForkProof::new(&one[0], &other[0]).expect("a proof");
        prop_assert_eq!(proof.at(), from);
        prop_assert_eq!(&ForkProof::new(&other[0], &one[0]).expect("a proof"), &proof);
        prop_assert_eq!(&ForkProof::decode(&proof.encode()).expect("a proof"), &proof);
    }
}

fn id(n: usize) -> EntryId {
    EntryId::from_bytes([u8::try_from(n).expect("few") * 7 % 251; 32])
}

/// The rule as it is told, without any thought of speed.
fn slowly(items: &[StateItem]) -> Option<EntryId> {
    let known = |id: &EntryId| items.iter().any(|item| item.id == *id);
    let later = |a: &&StateItem, b: &&StateItem| (a.time, a.id).cmp(&(b.time, b.id));
    let roots = items.iter().filter(|item| !item.replaces.iter().any(known));
    let mut winner = roots.max_by(later)?;
    while let Some(below) = items
        .iter()
        .filter(|item| item.replaces.contains(&winner.id))
        .max_by(later)
    {
        winner = below;
    }
    Some(winner.id)
}

#[test]
fn folding_holds_for_every_character() {
    for c in '\0'..=char::MAX {
        let tag = format!("a{c}b");
        for tag in [c.to_string(), tag] {
            let folded = Body::fold_tag(&tag);
            assert_eq!(Body::fold_tag(&folded), folded, "{tag:?}");
        }
    }
}

#[test]
fn a_run_is_signed_only_by_the_device_of_its_log_and_where_a_log_has_room() {
    let device = DeviceSecret::from_bytes(&[2; 32]);
    let log = LogId {
        feed: FeedId::from_bytes([1; 32]),
        device: device.id(),
        lane: Lane::new("posts").expect("a lane"),
    };
    let draft = Draft::new(
        Kind::new("post/1").expect("a kind"),
        Timestamp(0),
        Bytes::new(),
    );
    let sign = |log: &LogId, seq: u64, prev: [u8; 32], count: usize| {
        let drafts = vec![draft.clone(); count];
        Run::sign(&device, log, Seq(seq), EntryId::from_bytes(prev), &drafts)
    };
    let other = LogId {
        device: DeviceId::from_bytes([3; 32]),
        ..log
    };
    let last = u64::MAX - 64;
    assert!(sign(&other, 0, [0; 32], 1).is_err());
    assert!(sign(&log, 0, [1; 32], 1).is_err());
    assert!(sign(&log, last + 1, [1; 32], 1).is_err());
    assert!(sign(&log, u64::MAX, [1; 32], 1).is_err());
    assert!(sign(&log, last, [1; 32], 2).is_err());
    for run in sign(&log, last - 100, [1; 32], 101).expect("up to the last place") {
        let packed = PackedRun::from_bytes(run.packed().clone());
        assert!(matches!(run.closing(), Closing::Signed(_)));
        assert_eq!(packed.verify(&log, None), Ok(run));
    }
    assert_eq!(sign(&log, 3, [1; 32], 0), Ok(Vec::new()));
}
