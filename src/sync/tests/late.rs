//! Outcomes that come late: after what they were judged by has changed.

use super::{THEM, Table, blind, posts, run};
use crate::format::Seq;
use crate::sync::message::Message;
use crate::sync::sim::{SimPeer, feed};
use crate::sync::wire::{FeedHeads, LogHead, LogName};
use crate::sync::{Input, Outcome, Output, Replica, TakeId};

fn taken(outputs: &[Output<SimPeer>]) -> TakeId {
    let take = outputs.iter().find_map(|output| match output {
        Output::Take { take, .. } | Output::TakeProof { take, .. } => Some(*take),
        _ => None,
    });
    take.expect("something is taken")
}

/// What is asked of the peer.
fn asked(outputs: &[Output<SimPeer>]) -> Vec<Message> {
    let messages = outputs.iter().filter_map(|output| match output {
        Output::Send { frame, .. } => Message::decode(frame).ok(),
        _ => None,
    });
    messages
        .filter(|message| {
            matches!(
                message,
                Message::Requests { .. } | Message::ProofRequest { .. }
            )
        })
        .collect()
}

fn ranges(outputs: &[Output<SimPeer>]) -> Vec<(u64, u64)> {
    let items = asked(outputs)
        .into_iter()
        .flat_map(|message| match message {
            Message::Requests { items, .. } => items,
            _ => Vec::new(),
        });
    items
        .map(|item| (item.start.0, item.start.0 + item.count))
        .collect()
}

fn statements(table: &mut Table, digest: u8) -> Vec<Output<SimPeer>> {
    table.input(Input::StatementsChanged {
        feed: feed(0),
        digest: [digest; 16],
        arrival: digest.into(),
    })
}

fn answer(table: &mut Table, request: u64) -> TakeId {
    taken(&table.say(&Message::Run {
        request,
        last: true,
        run: run(0, 10),
    }))
}

#[test]
fn entries_that_were_refused_before_their_statement_came_are_judged_again() {
    let (mut table, _) = Table::told();
    let take = answer(&mut table, 0);
    // One commit: first the run, which is not admitted yet, then the statement. What changed is told first.
    assert_eq!(ranges(&statements(&mut table, 1)), []);
    let outcome = Outcome::NotAdmitted;
    let take = taken(&table.input(Input::Taken { take, outcome }));
    // Refused by what holds now, they wait for another statement.
    let outcome = Outcome::NotAdmitted;
    let outputs = table.input(Input::Taken { take, outcome });
    assert_eq!(ranges(&outputs), []);
    assert_eq!(ranges(&statements(&mut table, 2)), [(0, 10)]);
}

#[test]
fn a_proof_that_was_not_admitted_is_asked_for_again_with_the_next_statement() {
    let mut table = Table::open();
    let logs = vec![LogHead {
        name: LogName::New(posts().device, posts().lane),
        head: None,
        forked: Some(Seq(3)),
    }];
    let feeds = vec![FeedHeads {
        id: blind(&feed(0)),
        statements: [0; 8],
        logs,
    }];
    let wants_proof = |outputs: &[Output<SimPeer>]| {
        asked(outputs)
            .iter()
            .any(|message| matches!(message, Message::ProofRequest { .. }))
    };
    assert!(wants_proof(
        &table.say(&Message::Heads { last: true, feeds })
    ));
    for (request, late) in [(0, false), (1, true)] {
        let proof = run(0, 1);
        let take = taken(&table.say(&Message::Proof { request, proof }));
        let asked_early = late && wants_proof(&statements(&mut table, 9));
        assert!(!asked_early, "it is under way");
        let outcome = Outcome::NotAdmitted;
        let outputs = table.input(Input::Taken { take, outcome });
        let again = if late {
            outputs
        } else {
            assert!(!wants_proof(&outputs));
            statements(&mut table, 1)
        };
        assert!(wants_proof(&again), "late: {late}");
    }
}

#[test]
fn what_was_refused_of_a_feed_that_was_left_is_judged_again_when_it_is_followed_again() {
    let (mut table, _) = Table::told();
    let take = answer(&mut table, 0);
    table.input(Input::FeedGone { feed: feed(0) });
    let replica = Replica::default();
    table.input(Input::Feed {
        feed: feed(0),
        replica,
    });
    let outcome = Outcome::Refused;
    taken(&table.input(Input::Taken { take, outcome }));
}

#[test]
fn past_the_place_where_a_device_was_retired_nothing_is_asked_for_and_before_it_everything() {
    let (mut table, _) = Table::told();
    let take = answer(&mut table, 0);
    let outcome = Outcome::NotCounting { from: Seq(4) };
    let outputs = table.input(Input::Taken { take, outcome });
    assert_eq!(ranges(&outputs), [(0, 4)]);
    // A statement may let more of it count.
    let take = taken(&table.say(&Message::Run {
        request: 1,
        last: true,
        run: run(0, 4),
    }));
    let outcome = Outcome::NotCounting { from: Seq(0) };
    let outputs = table.input(Input::Taken { take, outcome });
    assert_eq!(ranges(&outputs), []);
    assert_eq!(ranges(&statements(&mut table, 1)), [(0, 10)]);
}

#[test]
fn what_was_to_be_said_in_one_session_is_not_said_in_the_next() {
    let mut table = Table::open();
    // Not carried out yet when the connection is replaced by another.
    table.swarm.handle(0, Input::Settle { peer: THEM });
    table.swarm.handle(
        0,
        Input::Feed {
            feed: feed(2),
            replica: Replica::default(),
        },
    );
    table.swarm.handle(0, Input::Disconnected { peer: THEM });
    let outputs = table.input(Input::Connected {
        peer: THEM,
        memory: None,
        clock: 0,
        proof: [0; 16],
        waits: false,
        dialed: true,
    });
    let mut said = outputs.iter().filter_map(|output| match output {
        Output::Send { frame, .. } => Message::decode(frame).ok(),
        _ => None,
    });
    let first = said.next();
    assert!(matches!(first, Some(Message::Hello(_))), "{first:?}");
}
