//! The caps: which statements of a feed are kept, so that a thief can neither flood a signer nor push others out.
//!
//! From the feed key on, whoever a chosen Admit names may have statements kept, each signer within room of its own that
//! shrinks with the distance from the feed key. Retires of others, Retires of itself and Admits of one signer have rooms
//! apart, so that a flood of one sort leaves the others alone. What is kept depends on nothing but the set it is chosen
//! from.
//!
//! **In one room the shortest are kept, then the smallest ids, up to the first that does not fit.** Whatever is left out
//! is no shorter than what is kept, so that it does not fit a larger set either, and what comes after it neither:
//! choosing from a part first and from the rest later ends in the same as choosing once. By ids alone it would not, since
//! a short statement fits in beside a long one that was left out, or not, depending on what came first. Nor may several
//! Retires of one target be reduced to one before they are charged: what the reduced one sets free would have been used
//! for another that is gone by then.
//!
//! **What a replica has dropped it may miss** when a signer is reached later, or nearer to the feed key, or when the feed
//! key's Retire of a device makes room for another Admit. Then it is offered again by who has it. Replicas that go on
//! exchanging all they keep end up equal: the Retires of the feed key depend on nothing else, its Admits on these alone,
//! the first devices on both, and so on down.
//!
//! **The sum** is at most [`FEED_STATEMENT_BYTES`](super::super::limits::FEED_STATEMENT_BYTES) for any set. With Admits of
//! at most 291 bytes, and a kept statement counted once though it is charged as often as it is carried:
//!
//! - the feed key's Admits: (32 + 64) x 291 = 27,936, since at most 64 Retires name 64 devices;
//! - its Retires with what they carry, and 1,699 for each Admit carried: 163,840;
//! - devices of its Admits that it did not retire, at most 32: (10 x 291 + 4,096 + 2,560) x 32 = 306,112. Of those that it
//!   retired nothing is kept but what their Retires carry, which is charged above;
//! - whom those admit, at most 320, and whom these admit in turn, one each: (291 + 2 x 352) + 2 x 352 = 1,699, x 320 =
//!   543,680. Those whom a carried Admit leads to are paid for with it: 1,699 each, a deeper device included.
//!
//! Together 1,041,568 of 1,048,576.

use std::collections::{BTreeMap, BTreeSet};

use super::super::id::{DeviceId, StatementId};
use super::super::limits;
use super::{Act, Signer, Statement};

/// How many statements of one sort are kept of one signer, and how many bytes they may be charged together.
#[derive(Debug, Clone, Copy)]
pub(super) struct Room {
    pub(super) count: usize,
    pub(super) bytes: usize,
}

/// What is kept of a device.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rooms {
    pub(super) admits: usize,
    /// Of other devices.
    pub(super) retires: Room,
    /// Of itself.
    pub(super) own: Room,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Caps {
    /// Admits of the feed key, of devices that it did not retire.
    pub(super) feed_admits: usize,
    pub(super) feed_retires: Room,
    /// What the feed key's Retires are charged besides for each Admit they carry.
    pub(super) kept_room: usize,
    /// Of devices, by their distance from the feed key, which is 1 for the first.
    pub(super) devices: [Rooms; 3],
}

/// What every replica keeps, *for ever*: they would disagree otherwise.
pub(super) const CAPS: Caps = {
    let deep = Room {
        count: limits::DEEP_RETIRES,
        bytes: limits::DEEP_RETIRE_BYTES,
    };
    let last = Rooms {
        admits: 0,
        retires: deep,
        own: Room {
            count: limits::SELF_RETIRES,
            ..deep
        },
    };
    let first = Rooms {
        admits: limits::DEVICE_ADMITS,
        retires: Room {
            count: limits::DEVICE_RETIRES,
            bytes: limits::DEVICE_RETIRE_BYTES,
        },
        own: Room {
            count: limits::SELF_RETIRES,
            bytes: limits::SELF_RETIRE_BYTES,
        },
    };
    let second = Rooms {
        admits: limits::DEEP_ADMITS,
        ..last
    };
    Caps {
        feed_admits: limits::FEED_KEY_ADMITS,
        feed_retires: Room {
            count: limits::FEED_KEY_RETIRES,
            bytes: limits::FEED_KEY_RETIRE_BYTES,
        },
        kept_room: limits::KEPT_ROOM,
        devices: [first, second, last],
    }
};

/// Sorts by id and makes what Retires carry part of the set, each statement once.
pub(super) fn spread(mut statements: Vec<Statement>) -> Vec<Statement> {
    let carried: Vec<Statement> = statements.iter().flat_map(carried_by).cloned().collect();
    statements.extend(carried);
    // Stable, so that of two signatures under one id the one that came first stays.
    statements.sort_by(|a, b| a.id().cmp(b.id()));
    statements.dedup_by(|a, b| a.id() == b.id());
    statements
}

/// What stays of a [`spread`] set under the caps; sorted and spread again.
pub(super) fn capped(caps: &Caps, held: &[Statement]) -> Vec<Statement> {
    let mut kept: Vec<Statement> = deciding_order(caps, held).into_iter().cloned().collect();
    kept.sort_unstable_by(|a, b| a.id().cmp(b.id()));
    kept
}

/// What stays of a [`spread`] set, so that any first part of it stays whole under the caps: breadth first from the feed
/// key, of each signer Retires with what they carry before Admits.
pub(super) fn deciding_order<'a>(caps: &Caps, held: &'a [Statement]) -> Vec<&'a Statement> {
    let mut by_signer: BTreeMap<Signer, Vec<&Statement>> = BTreeMap::new();
    for statement in held {
        let own = by_signer.entry(statement.signer()).or_default();
        own.push(statement);
    }
    let own = |signer| by_signer.get(&signer).map_or(&[][..], Vec::as_slice);
    let mut kept = Kept::default();
    let of_feed = choose_of_feed(caps, own(Signer::Feed));
    kept.take(&of_feed.retires);
    kept.take(&of_feed.admits);
    let mut seen = BTreeSet::new();
    let mut level = devices_of(&of_feed.admits);
    for rooms in &caps.devices {
        let mut next = Vec::new();
        for device in level {
            if !seen.insert(device) {
                continue;
            }
            if let Some(carried) = of_feed.ended.get(&device) {
                // The feed key's last word on it: nothing else of it stays. They are taken already.
                next.extend(devices_of(carried));
                continue;
            }
            let chosen = choose(rooms, &device, own(Signer::Device(device)));
            kept.take(&chosen.retires);
            kept.take(&chosen.own);
            kept.take(&chosen.admits);
            next.extend(devices_of(&chosen.admits));
        }
        level = next;
    }
    kept.statements
}

/// Statements in the order in which they were taken, each once.
#[derive(Default)]
struct Kept<'a> {
    ids: BTreeSet<&'a StatementId>,
    statements: Vec<&'a Statement>,
}

impl<'a> Kept<'a> {
    /// Takes statements, and behind each what it carries.
    fn take(&mut self, chosen: &[&'a Statement]) {
        for top in chosen {
            for statement in std::iter::once(*top).chain(carried_by(top)) {
                if self.ids.insert(statement.id()) {
                    self.statements.push(statement);
                }
            }
        }
    }
}

struct OfFeed<'a> {
    retires: Vec<&'a Statement>,
    admits: Vec<&'a Statement>,
    /// Devices that the chosen Retires name, with all that these carry.
    ended: BTreeMap<DeviceId, Vec<&'a Statement>>,
}

fn choose_of_feed<'a>(caps: &Caps, own: &[&'a Statement]) -> OfFeed<'a> {
    let (admits, retires): (Vec<_>, Vec<_>) = own
        .iter()
        .copied()
        .partition(|statement| statement.as_admit().is_some());
    let retires = first(caps.feed_retires, caps.kept_room, retires);
    let mut ended: BTreeMap<DeviceId, Vec<&Statement>> = BTreeMap::new();
    for retire in &retires {
        let carried = ended.entry(*retire.act().device()).or_default();
        carried.extend(carried_by(retire));
    }
    let (of_ended, of_others): (Vec<_>, Vec<_>) = admits
        .into_iter()
        .partition(|admit| ended.contains_key(admit.act().device()));
    let room = Room {
        count: caps.feed_admits,
        bytes: usize::MAX,
    };
    let mut admits = first(room, 0, of_others);
    admits.extend(one_a_device(of_ended));
    OfFeed {
        retires,
        admits,
        ended,
    }
}

/// Of each device the Admit that says most: as admin, then the shortest.
fn one_a_device(mut admits: Vec<&Statement>) -> Vec<&Statement> {
    let is_admin = |statement: &Statement| statement.as_admit().is_some_and(super::Admit::is_admin);
    admits.sort_by_cached_key(|admit| {
        let rank = (!is_admin(admit), charge(admit, 0), *admit.id());
        (*admit.act().device(), rank)
    });
    admits.dedup_by_key(|admit| *admit.act().device());
    admits
}

struct OfDevice<'a> {
    retires: Vec<&'a Statement>,
    own: Vec<&'a Statement>,
    admits: Vec<&'a Statement>,
}

fn choose<'a>(rooms: &Rooms, device: &DeviceId, all: &[&'a Statement]) -> OfDevice<'a> {
    let (mut admits, mut retires, mut own) = (Vec::new(), Vec::new(), Vec::new());
    for statement in all {
        match statement.act() {
            Act::Admit(_) => admits.push(*statement),
            Act::Retire(retire) if retire.device == *device => own.push(*statement),
            Act::Retire(_) => retires.push(*statement),
        }
    }
    let room = Room {
        count: rooms.admits,
        bytes: usize::MAX,
    };
    OfDevice {
        retires: first(rooms.retires, 0, retires),
        own: first(rooms.own, 0, own),
        admits: first(room, 0, admits),
    }
}

/// The shortest, then the smallest ids, up to the first that does not fit the room.
fn first(room: Room, kept_room: usize, mut all: Vec<&Statement>) -> Vec<&Statement> {
    all.sort_by_cached_key(|statement| (charge(statement, kept_room), *statement.id()));
    let mut left = room.bytes;
    let fits = |statement: &&Statement| {
        let rest = left.checked_sub(charge(statement, kept_room));
        left = rest.unwrap_or_default();
        rest.is_some()
    };
    all.into_iter().take(room.count).take_while(fits).collect()
}

/// What a statement costs its signer: its bytes, and those of what it carries once more, since that stands alone too.
fn charge(statement: &Statement, kept_room: usize) -> usize {
    let carried = carried_by(statement).iter();
    statement.size() + carried.map(|admit| admit.size() + kept_room).sum::<usize>()
}

fn devices_of(statements: &[&Statement]) -> Vec<DeviceId> {
    let admits = statements.iter().filter_map(|s| s.as_admit());
    admits.map(|admit| admit.device).collect()
}

fn carried_by(statement: &Statement) -> &[Statement] {
    statement
        .as_retire()
        .map(|retire| retire.keep.as_slice())
        .unwrap_or_default()
}
