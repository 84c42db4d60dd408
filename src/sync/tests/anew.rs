//! What is held changes in the middle of a session, and what counts does.

use super::{Table, blind, posts, run};
use crate::format::{EntryId, Seq};
use crate::sync::memory::wants_digest;
use crate::sync::message::Message;
use crate::sync::sim::{SimPeer, feed, log};
use crate::sync::wire::{FeedHeads, LogHead, LogName, Wants};
use crate::sync::{Head, Input, LogSummary, Outcome, Output, PeerError, Replica, TakeId};

fn said(outputs: &[Output<SimPeer>]) -> Vec<Message> {
    let frames = outputs.iter().filter_map(|output| match output {
        Output::Send { frame, .. } => Message::decode(frame).ok(),
        _ => None,
    });
    frames.collect()
}

fn heads(outputs: &[Output<SimPeer>]) -> Vec<LogHead> {
    let feeds = said(outputs).into_iter().flat_map(|message| match message {
        Message::Heads { feeds, .. } => feeds,
        _ => Vec::new(),
    });
    feeds.flat_map(|feed| feed.logs).collect()
}

fn ranges(outputs: &[Output<SimPeer>]) -> Vec<(u64, u64, bool)> {
    let items = said(outputs).into_iter().flat_map(|message| match message {
        Message::Requests { items, .. } => items,
        _ => Vec::new(),
    });
    items
        .map(|item| (item.start.0, item.start.0 + item.count, item.next_held))
        .collect()
}

fn summary(held: std::ops::Range<u64>, id: u8) -> LogSummary {
    LogSummary {
        device: posts().device,
        lane: posts().lane,
        head: Head {
            seq: Seq(held.end - 1),
            id: EntryId::from_bytes([id; 32]),
        },
        held: vec![Seq(held.start)..Seq(held.end)],
        forked: None,
        missing: Vec::new(),
        changed: 1,
        counts: true,
        rank: (1, 0),
    }
}

fn tell(table: &mut Table, logs: Vec<LogSummary>) -> Vec<Output<SimPeer>> {
    let replica = Replica {
        logs,
        ..Replica::default()
    };
    let feed = feed(0);
    table.input(Input::Feed { feed, replica })
}

fn taken(outputs: &[Output<SimPeer>]) -> TakeId {
    let take = outputs.iter().find_map(|output| match output {
        Output::Take { take, .. } | Output::TakeBody { take, .. } => Some(*take),
        _ => None,
    });
    take.expect("something is taken")
}

#[test]
fn what_is_not_held_any_more_is_told_and_asked_for_again() {
    let (mut table, _) = Table::told();
    table.say(&Message::Done { request: 0 });
    assert_eq!(heads(&tell(&mut table, vec![summary(0..10, 1)])).len(), 1);
    let same = tell(&mut table, vec![summary(0..10, 1)]);
    assert!(same.is_empty(), "nothing changed: {same:?}");
    let outputs = tell(&mut table, vec![summary(0..5, 2)]);
    let told = heads(&outputs);
    assert_eq!(told[0].head, Some((Seq(4), [2; 8])));
    assert_eq!(
        ranges(&outputs),
        [(5, 10, false)],
        "though it lacked it before"
    );
    table.say(&Message::Done { request: 1 });
    let told = heads(&tell(&mut table, Vec::new()));
    assert_eq!((told[0].head, told[0].forked), (None, None));
}

#[test]
fn a_fork_that_is_settled_is_one_no_more() {
    let (mut table, _) = Table::told();
    table.say(&Message::Done { request: 0 });
    let forked = LogSummary {
        forked: Some(Seq(3)),
        ..summary(0..3, 1)
    };
    let outputs = tell(&mut table, vec![forked]);
    assert_eq!(ranges(&outputs), []);
    assert_eq!(heads(&outputs)[0].forked, Some(Seq(3)));
    let outputs = tell(&mut table, vec![summary(0..3, 1)]);
    assert_eq!(ranges(&outputs), [(3, 10, false)]);
    assert_eq!(heads(&outputs)[0].forked, None);
}

#[test]
fn what_does_not_count_is_not_told_and_is_taken_back() {
    let mut table = Table::told().0;
    let hidden = LogSummary {
        counts: false,
        ..summary(0..10, 1)
    };
    assert_eq!(heads(&tell(&mut table, vec![hidden.clone()])), []);
    assert_eq!(heads(&tell(&mut table, vec![summary(0..10, 1)])).len(), 1);
    let told = heads(&tell(&mut table, vec![hidden]));
    assert_eq!(told.len(), 1);
    assert_eq!(told[0].head, None);
}

#[test]
fn of_more_logs_than_are_looked_at_the_elders_and_one_of_each_device_are_told() {
    let mut table = Table::told().0;
    let lane = |n: u32| crate::format::Lane::new(&format!("l{n}")).unwrap();
    let mut logs = Vec::new();
    for device in 0..80u8 {
        logs.extend((0..64).map(|n| LogSummary {
            device: log(0, device, "posts").device,
            lane: lane(n),
            rank: (2, i64::MAX),
            ..summary(0..1, 1)
        }));
    }
    for (device, generation) in [(200, 1), (201, 2)] {
        logs.push(LogSummary {
            device: log(0, device, "posts").device,
            rank: (generation, 0),
            ..summary(0..1, 1)
        });
    }
    logs.sort_by_key(|log| (log.device, log.lane));
    let mut outputs = tell(&mut table, logs);
    let peer = super::THEM;
    let bytes = usize::MAX;
    outputs.extend(table.input(Input::Sent { peer, bytes }));
    let told = heads(&outputs);
    assert_eq!(told.len(), 4_096);
    let is_told = |device| {
        let device = log(0, device, "posts").device;
        told.iter()
            .any(|log| matches!(log.name, LogName::New(of, _) if of == device))
    };
    assert!(is_told(200) && is_told(201));
}

#[test]
fn what_is_passed_over_is_counted() {
    let mut table = Table::open();
    let new = |n: u64| {
        let mut device = [1; 32];
        device[..8].copy_from_slice(&n.to_be_bytes());
        LogHead {
            name: LogName::New(crate::format::DeviceId::from_bytes(device), posts().lane),
            head: None,
            forked: None,
        }
    };
    let feeds = vec![FeedHeads {
        id: blind(&feed(0)),
        statements: [0; 8],
        logs: (0..4_099).map(new).collect(),
    }];
    let outputs = table.say(&Message::Heads { last: true, feeds });
    let passed = outputs.iter().find_map(|output| match output {
        Output::PassedOver { feed, logs, .. } => Some((*feed, *logs)),
        _ => None,
    });
    assert_eq!(passed, Some((feed(0), 3)));
}

#[test]
fn a_run_that_leans_on_another_branch_is_asked_for_once_more_by_itself() {
    let (mut table, _) = Table::told();
    table.say(&Message::Done { request: 0 });
    // The newest is held, so that a run before it may lean on it.
    let outputs = tell(&mut table, vec![summary(9..10, 1)]);
    assert_eq!(ranges(&outputs), [(0, 9, true)]);
    let answer = |table: &mut Table, request| {
        let (last, run) = (true, run(0, 9));
        let take = taken(&table.say(&Message::Run { request, last, run }));
        let outcome = Outcome::OtherBranch;
        table.input(Input::Taken { take, outcome })
    };
    assert_eq!(ranges(&answer(&mut table, 1)), [(0, 9, false)]);
    let outputs = answer(&mut table, 2);
    assert_eq!(ranges(&outputs), [], "once");
    let is_close = |output: &Output<SimPeer>| matches!(output, Output::Close { .. });
    assert!(!outputs.iter().any(is_close));
}

#[test]
fn who_holds_another_branch_is_not_asked_without_end() {
    let mut table = Table::open();
    let logs = vec![LogHead {
        name: LogName::New(posts().device, posts().lane),
        head: Some((Seq(64 * 1_000 - 1), [1; 8])),
        forked: None,
    }];
    let feeds = vec![FeedHeads {
        id: blind(&feed(0)),
        statements: [0; 8],
        logs,
    }];
    let mut open: std::collections::VecDeque<_> = std::collections::VecDeque::new();
    let mut next = 0;
    let mut outputs = table.say(&Message::Heads { last: true, feeds });
    let mut asked = 0;
    for _ in 0..2_000 {
        for (start, ..) in ranges(&outputs) {
            open.push_back((next, start));
            next += 1;
            asked += 1;
        }
        let Some((request, start)) = open.pop_front() else {
            break;
        };
        let mut w = crate::format::Writer::default();
        w.u8(1);
        w.varint(start);
        w.varint(1);
        w.raw(&[0; 40]);
        let (last, run) = (true, w.0.into());
        let take = taken(&table.say(&Message::Run { request, last, run }));
        let outcome = Outcome::OtherBranch;
        outputs = table.input(Input::Taken { take, outcome });
    }
    assert!(
        asked < 100,
        "{asked} requests to somebody of another branch"
    );
}

#[test]
fn a_body_is_asked_for_by_its_entry_and_taken_as_that() {
    let mut table = Table::told().0;
    table.say(&Message::Done { request: 0 });
    let id = EntryId::from_bytes([7; 32]);
    let lacking = LogSummary {
        missing: vec![(Seq(3), id)],
        ..summary(0..10, 1)
    };
    let asked = |outputs: &[Output<SimPeer>]| {
        let wanted = said(outputs).into_iter().find_map(|message| match message {
            Message::BodiesRequest { wanted, .. } => Some(wanted),
            _ => None,
        });
        wanted.unwrap_or_default()
    };
    let outputs = tell(&mut table, vec![lacking.clone()]);
    assert_eq!(asked(&outputs), [(Seq(3), id)]);
    // Another entry takes its place while the answer is on its way: that is asked for too.
    let other = EntryId::from_bytes([8; 32]);
    let outputs = tell(
        &mut table,
        vec![LogSummary {
            missing: vec![(Seq(3), other)],
            ..lacking
        }],
    );
    assert_eq!(asked(&outputs), [(Seq(3), other)]);
    let (request, seq, body) = (1, Seq(3), bytes::Bytes::from_static(b"text"));
    let outputs = table.say(&Message::Body { request, seq, body });
    let named = outputs.iter().find_map(|output| match output {
        Output::TakeBody { id, .. } => Some(*id),
        _ => None,
    });
    assert_eq!(named, Some(id), "it is what was asked for");
}

/// Who was dialed names nothing of its own, and answers nothing about what was not named.
#[test]
fn who_was_dialed_tells_only_what_was_named() {
    let mut table = Table::dialed_by_them();
    let hidden = feed(1);
    let mine = [blind(&feed(0)), [9; 16]];
    let mut named = mine.to_vec();
    named.sort_unstable();
    let digest = wants_digest(named.iter());
    table.say(&Message::Hello(super::hello(digest)));
    let whole = |added: Vec<_>, digest| {
        Message::Wants(Wants {
            whole: false,
            digest: Some(digest),
            added,
            removed: Vec::new(),
        })
    };
    let outputs = table.say(&whole(named.clone(), digest));
    let answer = |outputs: &[Output<SimPeer>]| {
        let wants = said(outputs).into_iter().find_map(|message| match message {
            Message::Wants(wants) => Some(wants.added),
            _ => None,
        });
        wants.unwrap_or_default()
    };
    assert_eq!(answer(&outputs), [blind(&feed(0))]);
    let asked = outputs.iter().find_map(|output| match output {
        Output::Questions { ids, .. } => Some(*ids),
        _ => None,
    });
    assert_eq!(asked, Some(1));
    // Heads of what was not named are no question either.
    let feeds = vec![FeedHeads {
        id: blind(&hidden),
        statements: [5; 8],
        logs: Vec::new(),
    }];
    let outputs = table.say(&Message::Heads { last: true, feeds });
    let is_request = |message: &Message| matches!(message, Message::StatementsRequest { .. });
    assert!(!said(&outputs).iter().any(is_request));
    // What this side begins to want is told only if it was named, then or later.
    let follow = |table: &mut Table, number| {
        let (feed, replica) = (feed(number), Replica::default());
        table.input(Input::Feed { feed, replica })
    };
    assert_eq!(answer(&follow(&mut table, 2)), [[0; 16]; 0]);
    named.push(blind(&feed(2)));
    named.push(blind(&feed(3)));
    named.sort_unstable();
    let digest = wants_digest(named.iter());
    let added = vec![blind(&feed(2)), blind(&feed(3))];
    let outputs = table.say(&whole(added, digest));
    assert_eq!(answer(&outputs), [blind(&feed(2))]);
    assert_eq!(answer(&follow(&mut table, 3)), [blind(&feed(3))]);
}

#[test]
fn who_tries_out_ids_without_end_is_sent_away() {
    let mut table = Table::dialed_by_them();
    table.say(&Message::Hello(super::hello([1; 16])));
    let (mut removed, mut said) = (Vec::new(), 0);
    loop {
        let id = |n: u32| {
            let mut id = [0; 16];
            id[..4].copy_from_slice(&(said + n).to_be_bytes());
            id
        };
        let added: Vec<_> = (0..8_000).map(id).collect();
        let message = Message::Wants(Wants {
            whole: false,
            digest: None,
            added: added.clone(),
            removed: std::mem::replace(&mut removed, added),
        });
        said += 8_000;
        let outputs = table.say(&message);
        let error = outputs.into_iter().find_map(|output| match output {
            Output::Close { error, .. } => Some(error),
            _ => None,
        });
        if let Some(error) = error {
            assert_eq!(error, PeerError::TooManyWants { limit: 131_072 });
            return;
        }
        assert!(said < 200_000, "it goes on and on");
    }
}

#[test]
fn the_fingerprint_of_no_feed_is_the_one_that_the_page_names() {
    let mut table = Table::dialed_by_them();
    let hello = table
        .swarm
        .peers
        .get(&super::THEM)
        .map(|peer| peer.sent.now);
    let text = std::fs::read_to_string("docs/protocol.md").unwrap();
    let now: String = hello.unwrap().iter().map(|b| format!("{b:02x}")).collect();
    assert!(text.contains(&now), "{now}");
    assert!(table.swarm.poll().is_none());
}
