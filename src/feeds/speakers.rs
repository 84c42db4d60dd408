//! Whose deletes and edits count for the entries of other devices, and who let a device in.
//!
//! All admins have a say, but no more than a few of them are asked: the work for one entry must not grow with the devices
//! that somebody admits. Which ones is said by the statements alone, so every replica asks the same.

use std::collections::{BTreeMap, BTreeSet};

use super::trust::Trust;
use crate::format::limits::SPEAKERS;
use crate::format::{DeviceId, Signer, Statement};

impl Trust {
    /// The admins whose word counts for entries of others: the elder generation first; within one, those who let devices in
    /// take turns, each with its own in order of their ids. So nobody keeps out elders, or what a sibling admitted.
    pub(super) fn speakers(&self) -> BTreeSet<DeviceId> {
        let admins = self.standing.devices().filter_map(|(device, standing)| {
            let generation = standing.admin_generation()?;
            Some((generation, *device))
        });
        let admins: BTreeSet<_> = admins.collect();
        if admins.len() <= SPEAKERS {
            return admins.into_iter().map(|(_, device)| device).collect();
        }
        let admitters = self.admitters();
        let mut turns: BTreeMap<(u8, Option<DeviceId>), usize> = BTreeMap::new();
        let mut ranked = Vec::with_capacity(admins.len());
        for (generation, device) in admins {
            let by = admitters.get(&device).copied().flatten();
            let turn = turns.entry((generation, by)).or_default();
            ranked.push((generation, *turn, device));
            *turn += 1;
        }
        ranked.sort_unstable();
        let first = ranked.into_iter().take(SPEAKERS);
        first.map(|(_, _, device)| device).collect()
    }

    /// The device that let each one in; none where the feed key did.
    ///
    /// Of several the one of the elder generation, then the one whose statement has the smaller id.
    pub(super) fn admitters(&self) -> BTreeMap<DeviceId, Option<DeviceId>> {
        let mut found: BTreeMap<DeviceId, (u8, &Statement)> = BTreeMap::new();
        for statement in self.statements.iter() {
            let Some(admit) = statement.as_admit() else {
                continue;
            };
            let signer = match statement.signer() {
                Signer::Feed => Some(0),
                Signer::Device(by) => {
                    let by = self.standing.get(&by);
                    by.and_then(|by| by.admin_generation())
                }
            };
            let Some(signer) = signer else { continue };
            let known = found.entry(*admit.device()).or_insert((signer, statement));
            if (signer, statement.id()) < (known.0, known.1.id()) {
                *known = (signer, statement);
            }
        }
        let by = |statement: &Statement| match statement.signer() {
            Signer::Feed => None,
            Signer::Device(by) => Some(by),
        };
        let found = found.into_iter();
        found.map(|(device, (_, how))| (device, by(how))).collect()
    }
}
