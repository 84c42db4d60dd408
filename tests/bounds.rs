//! One bound, both ends: what a reader refuses, nobody honest makes. Each bound is gone to, and one past it.
//!
//! The table of all pairs is in `docs/threats.md`; what only crafted bytes can break stands in the vectors.

use bytes::Bytes;
use tidings::format::{
    Attachment, BlobHash, Body, DeviceSecret, Draft, End, EndpointAddress, Ends, EntryId, EntryRef,
    FeedId, FeedSecret, FeedTicket, FormatError, Kind, Lane, LogId, PackedRun, Ref, Rel, Run, Seq,
    Statement, Timestamp, encode, lanes, limits,
};

fn feed() -> FeedSecret {
    FeedSecret::from_bytes(&[1; 32])
}

fn device(number: u8) -> DeviceSecret {
    DeviceSecret::from_bytes(&[number; 32])
}

#[track_caller]
fn assert_too_large<T: std::fmt::Debug>(made: Result<T, FormatError>, bound: usize) {
    assert!(
        matches!(&made, Err(FormatError::TooLarge { limit, .. }) if *limit == bound as u64),
        "{made:?}"
    );
}

#[test]
fn a_label() {
    let (feed, admitted) = (feed(), device(2));
    let admit = |label: &str| {
        let consent = admitted.consent(&feed.id());
        Statement::admit(feed.id(), &feed, admitted.id(), true, label, consent)
    };
    let at = admit(&"x".repeat(limits::LABEL_BYTES)).unwrap();
    assert_eq!(Statement::decode(&at.encode()).unwrap(), at);
    assert_too_large(
        admit(&"x".repeat(limits::LABEL_BYTES + 1)),
        limits::LABEL_BYTES,
    );
}

fn lane(number: usize) -> Lane {
    Lane::new(&format!("{number:0>32}")).unwrap()
}

fn ends(count: usize) -> Result<Ends, FormatError> {
    let end = End {
        seq: Seq(limits::LAST_SEQ),
        id: EntryId::from_bytes([9; 32]),
    };
    Ends::new((0..count).map(|number| (lane(number), end)))
}

#[test]
fn ends_of_a_retire_and_what_it_keeps() {
    let (feed, gone) = (feed(), device(2));
    let kept: Vec<Statement> = (10..)
        .take(limits::RETIRE_KEEP + 1)
        .map(|number| {
            let next = device(number);
            let label = "x".repeat(limits::LABEL_BYTES);
            let consent = next.consent(&feed.id());
            Statement::admit(feed.id(), &gone, next.id(), true, &label, consent).unwrap()
        })
        .collect();
    let retire = |keep: &[Statement]| {
        let ends = ends(limits::RETIRE_ENDS).unwrap();
        Statement::retire(feed.id(), &feed, gone.id(), ends, keep.to_vec())
    };
    let at = retire(&kept[1..]).unwrap();
    let bytes = at.encode();
    assert!(bytes.len() <= limits::STATEMENT_BYTES, "{}", bytes.len());
    assert_eq!(Statement::decode(&bytes).unwrap(), at);
    assert_too_large(retire(&kept), limits::RETIRE_KEEP);
    assert_too_large(ends(limits::RETIRE_ENDS + 1), limits::RETIRE_ENDS);
}

#[test]
fn bytes_of_a_statement() {
    let padding = vec![0; limits::STATEMENT_BYTES + 1];
    assert!(Statement::decode(&padding[1..]).is_err());
    assert_too_large(Statement::decode(&padding), limits::STATEMENT_BYTES);
}

#[test]
fn names_of_lanes_and_kinds() {
    assert!(Lane::new(&"x".repeat(limits::LANE_BYTES)).is_ok());
    assert!(Lane::new(&"x".repeat(limits::LANE_BYTES + 1)).is_err());
    let kind = |length: usize| Kind::new(&format!("{}/1", "x".repeat(length - 2)));
    assert!(kind(limits::KIND_BYTES).is_ok());
    assert!(kind(limits::KIND_BYTES + 1).is_err());
}

fn log(lane: Lane) -> LogId {
    LogId {
        feed: feed().id(),
        device: device(2).id(),
        lane,
    }
}

fn draft(bytes: usize) -> Draft {
    let body = Bytes::from(vec![7; bytes]);
    Draft::new(Kind::new("post/1").unwrap(), Timestamp(0), body)
}

#[test]
fn bytes_of_a_body() {
    for (lane, bound) in [
        (lanes::POSTS, limits::BODY_BYTES),
        (lanes::STATE, limits::STATE_BODY_BYTES),
    ] {
        let bound = usize::try_from(bound).unwrap();
        let sign = |bytes| {
            Run::sign(
                &device(2),
                &log(lane),
                Seq::ZERO,
                EntryId::ZERO,
                &[draft(bytes)],
            )
        };
        let run = sign(bound).unwrap().remove(0);
        let packed = PackedRun::from_bytes(run.packed().clone());
        assert_eq!(packed.verify(&log(lane), None).unwrap(), run);
        assert_too_large(sign(bound + 1), bound);
    }
    // What may stand in `posts` is refused in `state`, whoever packed it.
    let large = Run::sign(
        &device(2),
        &log(lanes::POSTS),
        Seq::ZERO,
        EntryId::ZERO,
        &[draft(5_000)],
    );
    let packed = PackedRun::from_bytes(large.unwrap()[0].packed().clone());
    let bound = usize::try_from(limits::STATE_BODY_BYTES).unwrap();
    assert_too_large(packed.verify(&log(lanes::STATE), None), bound);
}

#[test]
fn the_last_place_of_a_log() {
    let sign = |seq| {
        let prev = EntryId::from_bytes([3; 32]);
        Run::sign(&device(2), &log(lanes::POSTS), Seq(seq), prev, &[draft(1)])
    };
    let run = sign(limits::LAST_SEQ).unwrap().remove(0);
    let packed = PackedRun::from_bytes(run.packed().clone());
    assert!(packed.verify(&log(lanes::POSTS), None).is_ok());
    assert!(sign(limits::LAST_SEQ + 1).is_err());
}

#[test]
fn entries_of_a_block() {
    let block = usize::try_from(limits::BLOCK).unwrap();
    let drafts: Vec<Draft> = (0..=block).map(|_| draft(1)).collect();
    let runs = Run::sign(
        &device(2),
        &log(lanes::POSTS),
        Seq::ZERO,
        EntryId::ZERO,
        &drafts,
    );
    let lengths: Vec<u64> = runs.unwrap().iter().map(Run::len).collect();
    assert_eq!(lengths, [limits::BLOCK, 1], "one past it begins the next");
}

/// What a body may hold: its maker refuses one past the bound, and so does the reader of bytes that no such maker made.
fn assert_bound(bound: usize, body: impl Fn(usize) -> Body) {
    let at = body(bound);
    assert_eq!(Body::decode(&at.encode().unwrap()).unwrap(), at);
    let past = body(bound + 1);
    assert_too_large(past.encode(), bound);
    assert_too_large(Body::decode(&encode(&past)), bound);
}

#[test]
fn lists_and_texts_of_a_body() {
    let target = EntryRef {
        log: log(lanes::POSTS),
        seq: Seq(1),
        id: EntryId::from_bytes([5; 32]),
    };
    let rel = Rel::Delete;
    assert_bound(limits::REFS, |count| Body {
        refs: vec![Ref { rel, target }; count],
        ..Body::default()
    });
    assert_bound(limits::MENTIONS, |count| Body {
        mentions: vec![FeedId::from_bytes([5; 32]); count],
        ..Body::default()
    });
    assert_bound(limits::TAGS, |count| Body {
        tags: vec!["tea".to_owned(); count],
        ..Body::default()
    });
    assert_bound(limits::TAG_BYTES, |bytes| Body {
        tags: vec!["x".repeat(bytes)],
        ..Body::default()
    });
    assert_bound(limits::ATTACHMENTS, |count| Body {
        attachments: vec![attachment(); count],
        ..Body::default()
    });
}

fn attachment() -> Attachment {
    Attachment {
        hash: BlobHash::from_bytes([4; 32]),
        len: 1,
        mime: String::new(),
        name: None,
        alt: None,
        width: None,
        height: None,
        duration_ms: None,
        rendition_of: None,
        preview: None,
    }
}

#[test]
fn texts_of_an_attachment() {
    let with = |change: &dyn Fn(&mut Attachment)| {
        let mut attachment = attachment();
        change(&mut attachment);
        Body {
            attachments: vec![attachment],
            ..Body::default()
        }
    };
    assert_bound(limits::MIME_BYTES, |bytes| {
        with(&|attachment| attachment.mime = "x".repeat(bytes))
    });
    assert_bound(limits::NAME_BYTES, |bytes| {
        with(&|attachment| attachment.name = Some("x".repeat(bytes)))
    });
    assert_bound(limits::ALT_BYTES, |bytes| {
        with(&|attachment| attachment.alt = Some("x".repeat(bytes)))
    });
    assert_bound(limits::PREVIEW_BYTES, |bytes| {
        with(&|attachment| attachment.preview = Some(vec![0; bytes].into()))
    });
}

#[test]
fn endpoints_of_a_ticket() {
    let endpoint = |id: usize| EndpointAddress::new([u8::try_from(id).unwrap(); 32]);
    let mut ticket = FeedTicket::new(feed().id());
    for id in 0..limits::TICKET_ENDPOINTS {
        ticket = ticket.with_endpoint(&endpoint(id));
    }
    assert_eq!(ticket.endpoints().len(), limits::TICKET_ENDPOINTS);
    assert_eq!(FeedTicket::from_bytes(&ticket.to_bytes()).unwrap(), ticket);
    let more = ticket.clone().with_endpoint(&endpoint(99));
    assert_eq!(more, ticket, "one past is left out by its maker");
}

#[test]
fn addresses_of_an_endpoint() {
    let with = |count: usize| {
        let mut endpoint = EndpointAddress::new([1; 32]);
        let port = |at: usize| 1_000 + u16::try_from(at).unwrap();
        endpoint.sockets = (0..count)
            .map(|at| ([192, 0, 2, 1], port(at)).into())
            .collect();
        FeedTicket::new(feed().id()).with_endpoint(&endpoint)
    };
    let whole = with(limits::ENDPOINT_ADDRESSES);
    assert_eq!(
        whole.endpoints()[0].sockets.len(),
        limits::ENDPOINT_ADDRESSES
    );
    assert_eq!(with(limits::ENDPOINT_ADDRESSES + 1), whole);
}

#[test]
fn a_relay_and_a_whole_ticket() {
    let relay = |bytes: usize| {
        let mut endpoint = EndpointAddress::new([1; 32]);
        endpoint.relays = vec!["r".repeat(bytes)];
        FeedTicket::new(feed().id())
            .with_endpoint(&endpoint)
            .endpoints()[0]
            .relays
            .len()
    };
    assert_eq!(relay(limits::RELAY_BYTES), 1);
    assert_eq!(relay(limits::RELAY_BYTES + 1), 0);
    let mut ticket = FeedTicket::new(feed().id());
    for id in 0..8_u8 {
        let mut endpoint = EndpointAddress::new([id; 32]);
        let named = |at: u8| format!("{at:x}").repeat(limits::RELAY_BYTES);
        endpoint.relays = (0..16).map(named).collect();
        ticket = ticket.with_endpoint(&endpoint);
    }
    let target = EntryRef {
        log: log(lane(0)),
        seq: Seq(limits::LAST_SEQ),
        id: EntryId::from_bytes([5; 32]),
    };
    let bytes = ticket.with_entry(target).to_bytes();
    assert!(bytes.len() <= limits::TICKET_BYTES);
    assert!(FeedTicket::from_bytes(&bytes).is_ok());
}

/// A delete, an edit and what else names entries is cut into pieces by the library: of 24 at most, of which the largest
/// fit into lane `state`, though as many as a body may name do not.
#[test]
fn targets_of_a_delete() {
    let target = EntryRef {
        log: log(lane(0)),
        seq: Seq(limits::LAST_SEQ),
        id: EntryId::from_bytes([5; 32]),
    };
    let rel = Rel::Delete;
    let sign = |count| {
        let body = Body {
            refs: vec![Ref { rel, target }; count],
            content: vec![1].into(),
            ..Body::default()
        };
        let kind = Kind::new("delete/1").unwrap();
        let draft = Draft::new(kind, Timestamp(0), body.encode().unwrap());
        Run::sign(
            &device(2),
            &log(lanes::STATE),
            Seq::ZERO,
            EntryId::ZERO,
            &[draft],
        )
    };
    assert!(sign(24).is_ok());
    let bound = usize::try_from(limits::STATE_BODY_BYTES).unwrap();
    assert_too_large(sign(limits::REFS), bound);
}

/// What is largest goes from one node to another as the sender's own library made it: runs that have to leave bodies out,
/// those bodies, and the largest statement that there may be.
#[cfg(all(feature = "test-util", feature = "net"))]
#[test]
fn what_is_largest_goes_through_a_session() {
    use tidings::worlds::{World, device_key, feed_key};

    let (key, secret) = (feed_key(1), device_key(1));
    let feed = key.id();
    let admit = |secret: &DeviceSecret| {
        let consent = secret.consent(&feed);
        Statement::admit(feed, &key, secret.id(), true, "", consent).unwrap()
    };
    let mut world = World::new(1);
    let a = world.home(feed, secret.clone(), vec![admit(&secret)]);
    let other = feed_key(2);
    let b = world.home(
        other.id(),
        device_key(2),
        vec![{
            let consent = device_key(2).consent(&other.id());
            Statement::admit(other.id(), &other, device_key(2).id(), true, "", consent).unwrap()
        }],
    );
    world.follow(b, feed);
    let bodies = usize::try_from(limits::BODY_BYTES).unwrap();
    assert!(
        8 * bodies > limits::RUN_BYTES,
        "more than one run may carry"
    );
    let large: Vec<Draft> = (0..8).map(|_| draft(bodies)).collect();
    world.append(a, lanes::POSTS, &large).unwrap();
    let states = usize::try_from(limits::STATE_BODY_BYTES).unwrap();
    world.append(a, lanes::STATE, &[draft(states)]).unwrap();
    let gone = device_key(3);
    let keep = (100..).take(limits::RETIRE_KEEP).map(|number| {
        let next = device_key(number);
        let label = "x".repeat(limits::LABEL_BYTES);
        let consent = next.consent(&feed);
        Statement::admit(feed, &gone, next.id(), true, &label, consent).unwrap()
    });
    let ends = ends(limits::RETIRE_ENDS).unwrap();
    let retire = Statement::retire(feed, &key, gone.id(), ends, keep.collect::<Vec<_>>());
    world.say(a, vec![retire.unwrap()]);
    world.join(a, b, 10);
    world.rest().unwrap();
    assert!(world.errors(a).is_empty() && world.errors(b).is_empty());
    let (ours, theirs) = (world.seen(a, &feed), world.seen(b, &feed));
    assert_eq!(ours, theirs);
    let entries = ours.entries.values().flatten();
    let whole: Vec<bool> = entries.map(|(_, _, has_body)| *has_body).collect();
    assert_eq!(whole, [true; 9]);
}

/// A device writes in so many lanes and no more, and of one that does, others take so many.
#[cfg(all(feature = "test-util", feature = "net"))]
#[test]
fn lanes_of_a_device() {
    use tidings::FeedsError;
    use tidings::worlds::{Pen, World, device_key, feed_key};

    let (key, secret) = (feed_key(1), device_key(1));
    let feed = key.id();
    let admit = |secret: &DeviceSecret| {
        let consent = secret.consent(&feed);
        Statement::admit(feed, &key, secret.id(), true, "", consent).unwrap()
    };
    let mut world = World::new(1);
    let hostile = device_key(9);
    let home = world.home(feed, secret.clone(), vec![admit(&secret), admit(&hostile)]);
    for number in 0..limits::LANES_PER_DEVICE {
        world.append(home, lane(number), &[draft(1)]).unwrap();
    }
    let one_more = world.append(home, lane(limits::LANES_PER_DEVICE), &[draft(1)]);
    assert!(
        matches!(one_more, Err(FeedsError::TooManyLanes { .. })),
        "{one_more:?}"
    );
    assert_eq!(world.held(home, &feed).0, limits::LANES_PER_DEVICE);
    let hoard = world.hoard();
    world.give(hoard, |hoard| {
        for number in 0..=limits::LANES_PER_DEVICE {
            let mut pen = Pen::new(&hostile, feed, lane(number));
            pen.write(&[draft(1)]);
            hoard.log(&pen);
        }
    });
    world.join(home, hoard, 10);
    world.rest().unwrap();
    assert_eq!(world.held(home, &feed).0, 2 * limits::LANES_PER_DEVICE);
    assert!(world.errors(home).is_empty(), "{:?}", world.errors(home));
}

/// Feeds that one peer may want, as in `src/sync/limits.rs`.
#[cfg(feature = "test-util")]
#[test]
fn feeds_that_a_peer_wants() {
    use tidings::sync::sim::{Sim, feed, log};

    const WANTS: u32 = 65_536;
    let mut sim = Sim::new(1);
    let (a, b) = (sim.add(), sim.add());
    let last = log(WANTS, 1, "posts");
    sim.preload(b, last, 1, 10);
    sim.follow(b, feed(WANTS));
    for number in 0..=WANTS {
        sim.follow(a, feed(number));
    }
    sim.connect(a, b, 10, 0);
    sim.run_until_idle();
    assert!(sim.errors(b).is_empty(), "the list was cut by its maker");
    assert!(sim.errors(a).is_empty());
}
