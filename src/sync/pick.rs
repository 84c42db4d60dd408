//! What one log's turn comes to: pure choices over what is held, what is under way and what a peer lacks.

use super::limits::{BODIES_PER_REQUEST, NEWEST, STATE_QUOTA};
use super::peer::{End, PeerLog};
use super::replica::Log;
use super::wire::Wanted;
use crate::format::{Seq, limits};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Turn {
    State,
    Newest,
    Deep,
}

/// What a log's turn comes to.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step {
    Run {
        start: u64,
        end: u64,
    },
    Bodies(Vec<Wanted>),
    /// Only what others are being asked for is missing.
    Blocked,
    /// The rest has a later turn.
    Later,
    Nothing,
}

/// The newest range of at most a block that is neither held nor under way nor known to be lacking.
fn next_range(log: &Log, state: &PeerLog, top: u64, low: u64) -> Step {
    let mut end = top;
    let mut blocked = false;
    while end > low {
        let last = end - 1;
        if let Some((start, _)) = log.inflight.around(last) {
            blocked = true;
            end = start;
        } else if let Some((start, _)) = log
            .held
            .around(last)
            .or_else(|| state.not_held.around(last))
        {
            end = start;
        } else if end != top && !end.is_multiple_of(limits::BLOCK) && log.inflight.contains(end) {
            // Once the entries behind are held, the run can end with the one before them instead of a signature.
            blocked = true;
            end = Seq(last).block_start().0;
        } else {
            let start = Seq(last).block_start().0;
            let sets = [&log.held, &log.inflight, &state.not_held];
            return Step::Run {
                start: sets
                    .iter()
                    .fold(start, |start, set| start.max(set.end_before(end))),
                end,
            };
        }
    }
    if blocked {
        Step::Blocked
    } else {
        Step::Nothing
    }
}

/// The oldest such range.
fn oldest_range(log: &Log, state: &PeerLog, top: u64) -> Step {
    let sets = [&log.held, &log.inflight, &state.not_held];
    let mut start = 0;
    while start < top {
        if let Some(end) = sets.iter().find_map(|set| set.around(start)) {
            start = end.1;
            continue;
        }
        let mut end = Seq(start).block_end().0.min(top);
        while end > start + 1 && sets.iter().any(|set| set.contains(end - 1)) {
            end -= 1;
        }
        return Step::Run { start, end };
    }
    match log.inflight.is_empty() {
        true => Step::Nothing,
        false => Step::Blocked,
    }
}

/// Wanted bodies that the peer may have.
fn next_bodies(log: &Log, state: &PeerLog, top: u64) -> Option<Step> {
    let wanted = log.missing.range(..top).rev();
    let wanted: Vec<Wanted> = wanted
        .filter(|(_, id)| !log.bodies_inflight.contains(id) && !state.bodies_not_held.contains(id))
        .take(BODIES_PER_REQUEST)
        .map(|(seq, id)| (Seq(*seq), *id))
        .collect();
    (!wanted.is_empty()).then_some(Step::Bodies(wanted))
}

pub(super) fn step(log: &Log, state: &PeerLog, turn: Turn, few: bool) -> Step {
    let Some((head, id)) = state.head.filter(|_| !state.halted) else {
        return Step::Nothing;
    };
    let forked = [log.forked, state.forked].into_iter().flatten().min();
    let bound = forked.into_iter().chain(state.bound).min();
    if forked.is_none()
        && let (Some((seq, held)), Some(told)) = (log.short_head(), id)
        && seq.0 == head
        && held != told
        && state.branch_asked != Some(head)
    {
        // Two ids at one place: the entry that is not held proves the fork.
        return Step::Run {
            start: head,
            end: head.saturating_add(1),
        };
    }
    let above = head.saturating_add(1);
    let top = bound.map_or(above, |at| at.0.min(above));
    if turn != Turn::Newest
        && let Some(bodies) = next_bodies(log, state, top)
    {
        return bodies;
    }
    match turn {
        Turn::State => match next_range(log, state, top, top.saturating_sub(STATE_QUOTA)) {
            Step::Nothing => Step::Later,
            step => step,
        },
        Turn::Newest => match next_range(log, state, top, top.saturating_sub(NEWEST)) {
            Step::Run { start, end } if few => Step::Run { start, end },
            Step::Run { start, end } => Step::Run {
                start: start.max(end.saturating_sub(NEWEST)),
                end,
            },
            _ => Step::Later,
        },
        Turn::Deep => match state.end() {
            End::Newest => next_range(log, state, top, 0),
            End::Oldest => oldest_range(log, state, top),
            End::Neither => Step::Nothing,
        },
    }
}
