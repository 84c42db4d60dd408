//! What a peer can make this node hold, send and write: no more for saying the same again.

use std::collections::BTreeSet;

use super::{THEM, Table, blind, hello, posts, run};
use crate::format::{DeviceId, EntryId, Hash16, Seq, limits};
use crate::sync::memory::wants_digest;
use crate::sync::message::Message;
use crate::sync::sim::{SimPeer, feed};
use crate::sync::wire::{FeedHeads, LogHead, LogName, RunRequest, Wants};
use crate::sync::{Head, Input, LogSummary, Output, PeerError, Replica};

/// A peer that took nothing yet may be sent so much: the queue's bound, and a frame that goes beyond it.
const QUEUE: usize = 1024 * 1024 + limits::FRAME_BYTES;

fn bytes_sent(outputs: &[Output<SimPeer>]) -> usize {
    let frames = outputs.iter().map(|output| match output {
        Output::Send { frame, .. } => frame.len(),
        _ => 0,
    });
    frames.sum()
}

fn says(outputs: &[Output<SimPeer>], wanted: impl Fn(&Message) -> bool) -> usize {
    let messages = outputs.iter().filter(|output| match output {
        Output::Send { frame, .. } => Message::decode(frame).is_ok_and(|message| wanted(&message)),
        _ => false,
    });
    messages.count()
}

/// Entries 0 and 2 of one log: there is a hole, and nobody told of it.
fn with_a_hole() -> LogSummary {
    LogSummary {
        device: posts().device,
        lane: posts().lane,
        held: vec![Seq(0)..Seq(1), Seq(2)..Seq(3)],
        head: Head {
            seq: Seq(2),
            id: EntryId::from_bytes([3; 32]),
        },
        forked: None,
        missing: Vec::new(),
        changed: 1,
        counts: true,
        rank: (1, 0),
    }
}

/// After the opening: both want some feeds, of each of which this node holds these logs and the peer none.
fn holding_feeds(count: u32, logs: &[LogSummary]) -> Table {
    let mut table = Table::new();
    for number in 0..count {
        let replica = Replica {
            logs: logs.to_vec(),
            ..Replica::default()
        };
        let feed = feed(number);
        table.input(Input::Feed { feed, replica });
    }
    let ids: BTreeSet<Hash16> = (0..count).map(|number| blind(&feed(number))).collect();
    let (mine, ids) = (wants_digest(ids.iter()), Vec::from_iter(ids));
    table.say(&Message::Hello(hello(mine)));
    table.say(&wants(true, &ids, &[], mine));
    table
}

fn holding(logs: &[LogSummary]) -> Table {
    holding_feeds(1, logs)
}

fn wants(whole: bool, added: &[Hash16], removed: &[Hash16], digest: Hash16) -> Message {
    Message::Wants(Wants {
        whole,
        digest: Some(digest),
        added: added.to_vec(),
        removed: removed.to_vec(),
    })
}

fn last_heads() -> Message {
    let feeds = Vec::new();
    Message::Heads { last: true, feeds }
}

fn now(filled: u64, asks: bool) -> Message {
    Message::Now {
        print: [7; 16],
        theirs: None,
        filled,
        asks,
        answers: false,
    }
}

#[test]
fn requests_whose_numbers_go_beyond_the_last_there_is() {
    let item = RunRequest {
        alias: 0,
        start: Seq(0),
        count: 1,
        next_held: false,
    };
    for (first, count) in [(u64::MAX, 1), (u64::MAX - 3, 4), (u64::MAX - 3, 5)] {
        let mut table = holding(&[with_a_hole()]);
        let items = vec![item; count];
        let error = table.fault(&Message::Requests { first, items });
        assert!(
            matches!(error, PeerError::BadRequest { .. }),
            "{first} {count}"
        );
    }
    let mut table = holding(&[with_a_hole()]);
    let (first, items) = (u64::MAX - 4, vec![item; 4]);
    let outputs = table.say(&Message::Requests { first, items });
    let reads = outputs
        .iter()
        .filter(|output| matches!(output, Output::Read { .. }));
    assert_eq!(reads.count(), 4, "the last of them are served");
}

#[test]
fn who_says_again_and_again_that_holes_were_filled_is_asked_once_at_a_time() {
    let mut table = holding(&[with_a_hole()]);
    let asks = |message: &Message| matches!(message, Message::Ask { .. });
    assert_eq!(says(&table.say(&last_heads()), asks), 1);
    let again = (1..1_000)
        .map(|filled| says(&table.say(&now(filled, false)), asks))
        .sum::<usize>();
    assert_eq!(again, 0, "it has not answered yet");
    let outputs = table.say(&Message::Done { request: 0 });
    assert_eq!(says(&outputs, asks), 1, "it may have something new");
}

#[test]
fn heads_asked_for_a_thousand_times_over_are_told_once_and_as_they_are_taken() {
    let many = |number: u32| {
        let mut device = [1; 32];
        device[..4].copy_from_slice(&number.to_be_bytes());
        LogSummary {
            device: DeviceId::from_bytes(device),
            forked: Some(Seq(u64::MAX - 64)),
            ..with_a_hole()
        }
    };
    const FEEDS: u32 = 16;
    let logs: Vec<LogSummary> = (0..8_000).map(many).collect();
    let mut table = holding_feeds(FEEDS, &logs);
    let all = usize::MAX;
    let sent = |table: &mut Table| {
        table.input(Input::Sent {
            peer: THEM,
            bytes: all,
        })
    };
    while bytes_sent(&sent(&mut table)) > 0 {}
    let request = 1;
    let ids = (0..40 * FEEDS).map(|n| blind(&feed(n % FEEDS))).collect();
    let mut outputs = table.say(&Message::Ask { request, ids });
    let (mut told, mut ended) = (0, 0);
    while ended == 0 {
        let now = bytes_sent(&outputs);
        assert!((1..QUEUE).contains(&now), "{now} bytes at one time");
        told += now;
        ended += says(&outputs, |message| *message == Message::Done { request });
        outputs = sent(&mut table);
    }
    assert!(told > QUEUE, "{told} bytes are more than a queue holds");
    assert!(
        told < 16 * 4_096 * 26,
        "{told} bytes, 23 for each log that is told"
    );
}

#[test]
fn who_asks_for_fingerprints_without_reading_them_gets_no_more() {
    let mut table = holding(&[]);
    table.say(&last_heads());
    let sent = (0..100_000)
        .map(|_| bytes_sent(&table.say(&now(0, true))))
        .sum::<usize>();
    assert!((1024..QUEUE).contains(&sent), "{sent} bytes wait");
    let bytes = usize::MAX;
    let outputs = table.input(Input::Sent { peer: THEM, bytes });
    let is_now = |message: &Message| matches!(message, Message::Now { .. });
    assert_eq!(says(&outputs, is_now), 1, "and one once it has read");
}

#[test]
fn a_want_that_comes_and_goes_is_not_written_each_time() {
    let mut table = holding(&[]);
    let (stays, comes) = (blind(&feed(0)), [0xff; 16]);
    let written = |outputs: &[Output<SimPeer>]| {
        let is_write = |output: &&Output<SimPeer>| matches!(output, Output::Remember { .. });
        outputs.iter().filter(is_write).count()
    };
    let both = wants_digest([stays, comes].iter());
    let one = wants_digest([stays].iter());
    let mut writes = 0;
    for _ in 0..500 {
        writes += written(&table.say(&wants(false, &[comes], &[], both)));
        writes += written(&table.say(&wants(false, &[], &[comes], one)));
    }
    assert!(writes <= 1, "{writes} writes within one moment");
    table.say(&wants(false, &[comes], &[], both));
    let outputs = table.input(Input::Disconnected { peer: THEM });
    assert_eq!(written(&outputs), 1, "what it is in the end is written");
}

/// All that a node may keep of a feed comes in some pages, and for one more the peer is to blame.
#[test]
fn statements_of_no_bytes_are_none() {
    let mut table = Table::open();
    let feeds = vec![FeedHeads {
        id: blind(&feed(0)),
        statements: [1; 8],
        logs: vec![LogHead {
            name: LogName::New(posts().device, posts().lane),
            head: None,
            forked: None,
        }],
    }];
    let outputs = table.say(&Message::Heads { last: true, feeds });
    let asks = |message: &Message| matches!(message, Message::StatementsRequest { .. });
    assert_eq!(says(&outputs, asks), 1);
    let (request, items) = (0, vec![run(0, 1).slice(..0); 4_000]);
    let error = table.fault(&Message::Statements { request, items });
    assert!(matches!(error, PeerError::Rejected { .. }), "{error}");
}

#[test]
fn statements_up_to_the_bound_are_taken_and_a_byte_more_is_not() {
    use crate::sync::limits::STATEMENTS_BYTES;
    let page = limits::STATEMENT_BYTES * 8;
    for over in [0, 1] {
        let mut table = Table::open();
        let feeds = vec![FeedHeads {
            id: blind(&feed(0)),
            statements: [1; 8],
            logs: Vec::new(),
        }];
        table.say(&Message::Heads { last: true, feeds });
        let item = bytes::Bytes::from(vec![1; limits::STATEMENT_BYTES]);
        let items = vec![item.clone(); 8];
        for _ in 1..STATEMENTS_BYTES / page {
            let (request, items) = (0, items.clone());
            let outputs = table.say(&Message::Statements { request, items });
            let is_take =
                |output: &Output<SimPeer>| matches!(output, Output::TakeStatements { .. });
            assert!(outputs.iter().any(is_take));
        }
        let mut items = items.clone();
        if over == 1 {
            items.push(item.slice(..64));
        }
        let outputs = table.say(&Message::Statements { request: 0, items });
        let is_close = |output: &Output<SimPeer>| matches!(output, Output::Close { .. });
        assert_eq!(outputs.iter().any(is_close), over == 1);
    }
}
