//! What is remembered of a peer, and what it may cost.

use super::{THEM, Table};
use crate::format::{DeviceId, LogId, lanes};
use crate::sync::lists::Lists;
use crate::sync::memory::Memory;
use crate::sync::peer::Peer;
use crate::sync::sim::feed;
use crate::sync::{Input, Output};

#[test]
fn a_damaged_memory_costs_bytes_only() {
    let mut table = Table::new();
    for memory in [vec![], vec![1, 0xff], vec![9; 40]] {
        let outputs = table.input(Input::Connected {
            peer: THEM,
            memory: Some(memory.into()),
            clock: 0,
            proof: [0; 16],
            waits: false,
            dialed: true,
        });
        assert!(
            outputs
                .iter()
                .filter(|output| matches!(output, Output::Send { .. }))
                .count()
                == 2
        );
    }
}

#[test]
fn of_a_feed_named_with_logs_without_end_only_some_cost_memory() {
    let log = |number: u64| {
        let mut device = [1; 32];
        device[..8].copy_from_slice(&number.to_be_bytes());
        LogId {
            feed: feed(0),
            device: DeviceId::from_bytes(device),
            lane: lanes::POSTS,
        }
    };
    let mut peer = Peer::new(0, 1, Memory::default(), Lists::default(), true);
    for number in 0..10_000 {
        peer.define(Some(log(number))).expect("no rule is broken");
    }
    assert_eq!(peer.logs.len(), 4_096);
    let more = peer.define(Some(log(20_000)));
    assert_eq!(more, Ok(None), "passed over");
    let again = peer.define(Some(log(7)));
    assert_eq!(again, Ok(Some(log(7))), "named before");
    let other = LogId {
        feed: feed(1),
        ..log(0)
    };
    assert_eq!(peer.define(Some(other)), Ok(Some(other)), "another feed");
}
