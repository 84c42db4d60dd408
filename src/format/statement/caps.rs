//! The caps: which statements of a feed are kept, so that a thief can neither flood a signer nor push others out.
//!
//! From the feed key on, whoever a kept Admit names may have statements kept: the smallest ids of each signer, up to a
//! count. What is kept depends on nothing but the set it is chosen from, and choosing again from what was kept changes
//! nothing. Past the caps two replicas may have chosen from different sets; they agree once both have met one that keeps
//! everything.
//!
//! The counts are per signer. How many signers there are is not bounded here, since a device may admit devices that admit
//! devices; the sum of it all is for a node's quotas.

use std::collections::{BTreeMap, BTreeSet};

use super::super::id::{DeviceId, StatementId};
use super::super::limits;
use super::{Act, Retire, Signer, Statement};

/// How many statements are kept of one signer.
#[derive(Debug, Clone, Copy)]
pub(super) struct Caps {
    /// Admits, and Retires of others, of the feed key.
    pub(super) feed_key: usize,
    /// Admits, and Retires of others, of a device.
    pub(super) device: usize,
    /// Retires that a device signed of itself.
    pub(super) own: usize,
}

/// What every replica keeps, *for ever*: they would disagree otherwise.
pub(super) const CAPS: Caps = Caps {
    feed_key: limits::FEED_KEY_STATEMENTS,
    device: limits::DEVICE_STATEMENTS,
    own: limits::SELF_RETIRES,
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
pub(super) fn capped(caps: Caps, held: &[Statement]) -> Vec<Statement> {
    let mut retired_by_feed: BTreeMap<DeviceId, &Retire> = BTreeMap::new();
    grow(held, |signer, own| {
        if let Some(retire) = signer
            .device()
            .and_then(|device| retired_by_feed.get(device))
        {
            // The last word on this signer: nothing of it stays but what that Retire carries.
            return retire.keep.iter().collect();
        }
        let chosen = choose(caps, signer, own);
        if signer == Signer::Feed {
            // Complete before any device is looked at, as the feed key comes first.
            retired_by_feed.extend(
                chosen
                    .iter()
                    .filter_map(|s| s.as_retire())
                    .map(|retire| (retire.device, retire)),
            );
        }
        chosen
    })
}

/// What stays of a [`spread`] set without caps: all that a signer reached from the feed key has signed.
///
/// Anyone can sign statements about a feed, so those of strangers are not kept even by who keeps everything.
pub(super) fn reached(held: &[Statement]) -> Vec<Statement> {
    grow(held, |_, own| own.to_vec())
}

/// Collects, from the feed key on, what `choose` takes of each signer's statements and what those carry, and goes on with
/// the devices that these admit. The feed key comes first, every signer once; the order among devices means nothing.
fn grow<'a>(
    held: &'a [Statement],
    mut choose: impl FnMut(Signer, &[&'a Statement]) -> Vec<&'a Statement>,
) -> Vec<Statement> {
    let mut by_signer: BTreeMap<Signer, Vec<&Statement>> = BTreeMap::new();
    for statement in held {
        by_signer
            .entry(statement.signer())
            .or_default()
            .push(statement);
    }
    let mut kept: BTreeMap<&StatementId, &Statement> = BTreeMap::new();
    let mut seen = BTreeSet::from([Signer::Feed]);
    let mut open = vec![Signer::Feed];
    while let Some(signer) = open.pop() {
        let own = by_signer
            .get(&signer)
            .map(Vec::as_slice)
            .unwrap_or_default();
        let chosen = choose(signer, own);
        let carried = chosen.iter().flat_map(|statement| carried_by(statement));
        for statement in chosen.iter().copied().chain(carried) {
            kept.insert(statement.id(), statement);
            let next = statement
                .as_admit()
                .map(|admit| Signer::Device(admit.device));
            open.extend(next.filter(|next| seen.insert(*next)));
        }
    }
    kept.into_values().cloned().collect()
}

/// One signer's statements under the caps. `own` is in the order of ids, so the first are the smallest.
fn choose<'a>(caps: Caps, signer: Signer, own: &[&'a Statement]) -> Vec<&'a Statement> {
    let others = if signer == Signer::Feed {
        caps.feed_key
    } else {
        caps.device
    };
    let (mut admits, mut retires, mut selfs) = (others, others, caps.own);
    let mut targets = BTreeSet::new();
    let mut take = |statement: &&Statement| {
        let room = match statement.act() {
            Act::Admit(_) => &mut admits,
            Act::Retire(retire) if signer.device() == Some(&retire.device) => &mut selfs,
            Act::Retire(retire) if !targets.insert(retire.device) => return false,
            Act::Retire(_) => &mut retires,
        };
        let left = room.checked_sub(1);
        *room = left.unwrap_or_default();
        left.is_some()
    };
    own.iter()
        .copied()
        .filter(|statement| take(statement))
        .collect()
}

fn carried_by(statement: &Statement) -> &[Statement] {
    statement
        .as_retire()
        .map(|retire| retire.keep.as_slice())
        .unwrap_or_default()
}
