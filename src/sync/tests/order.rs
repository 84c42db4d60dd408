//! In which order a new replica is asked for.

use super::super::limits::{FIRST_PAGE, NEWEST};
use super::super::message::Message;
use super::super::sim::{SimPeer, feed, log};
use super::super::wire::{FeedHeads, LogHead, LogName, RunRequest};
use super::super::{Input, Output};
use super::{Table, blind};
use crate::format::Seq;

/// Runs asked for, with the numbers of their requests.
fn asked(outputs: &[Output<SimPeer>]) -> Vec<(u64, RunRequest)> {
    let mut found = Vec::new();
    for output in outputs {
        if let Output::Send { frame, .. } = output
            && let Ok(Message::Requests { first, items }) = Message::decode(frame)
        {
            found.extend((first..).zip(items));
        }
    }
    found
}

#[test]
fn older_blocks_of_many_logs_wait_until_the_newest_entries_are_stored() {
    let mut table = Table::open();
    let new = |device| LogHead {
        name: LogName::New(log(0, device, "posts").device, log(0, device, "posts").lane),
        head: Some((Seq(199), [1; 8])),
        forked: None,
    };
    let feeds = vec![FeedHeads {
        id: blind(&feed(0)),
        statements: [0; 8],
        logs: (0..20).map(new).collect(),
    }];
    let newest = asked(&table.say(&Message::Heads { last: true, feeds }));
    assert_eq!(newest.len(), 20);
    assert!(newest.iter().all(|(_, item)| item.count == NEWEST));
    for (request, _) in newest {
        let more = asked(&table.say(&Message::Done { request }));
        assert_eq!(more, [], "asked for more before the newest were there");
    }
    // A moment to look at the first page.
    table.now += FIRST_PAGE - 1;
    assert_eq!(asked(&table.input(Input::Tick)), []);
    table.now += 1;
    assert_eq!(table.swarm.next_timer(), Some(table.now));
    let older = asked(&table.input(Input::Tick));
    assert!(older.len() > 20, "then older blocks have their turn");
}
