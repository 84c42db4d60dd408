//! What is remembered of a peer.

use super::{THEM, Table};
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
