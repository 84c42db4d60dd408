//! Judging: which devices a feed has, what they may, and how far their entries count.
//!
//! The feed key is generation 0. A device has two generations: as *target*, one more than the lowest generation whose
//! counting Admit names it; as *signer*, one more than the lowest that admits it as admin. For each signer generation in
//! turn, first its Retires count, unless an older generation retired their signer, against targets that are no older;
//! then its Admits, those of a retired signer only if they are kept. So nothing that a younger device signs can touch an
//! older one, and one Retire by the feed key undoes whatever a thief signed, before or after.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use super::super::id::{DeviceId, EntryId, Lane, Seq, StatementId};
use super::super::limits::GENERATIONS;
use super::{Act, Admit, End, Ends, Retire, Signer, Statement};

/// Which devices a feed has and how far their entries count, as judged from one set of statements.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Standing {
    devices: BTreeMap<DeviceId, DeviceStanding>,
}

/// How one device stands in its feed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceStanding {
    generation: u8,
    admitted_by: Signer,
    admin_generation: Option<u8>,
    label: String,
    ends: Option<Ends>,
}

impl DeviceStanding {
    /// How far from the feed key the device was admitted: 1 to 3, lower outranks higher.
    pub const fn generation(&self) -> u8 {
        self.generation
    }

    /// Who signed the Admit that counts: by the lowest generation, of several the one with the smallest id.
    pub const fn admitted_by(&self) -> Signer {
        self.admitted_by
    }

    /// Its generation as a signer of statements, 1 to 3; none if it is no admin. 3 may retire, but admits nobody.
    pub const fn admin_generation(&self) -> Option<u8> {
        self.admin_generation
    }

    /// What the Admit that counts calls it; of several of the same generation the one with the smallest id.
    pub fn label(&self) -> &str {
        &self.label
    }

    /// Where its logs end; none if it is not retired.
    pub const fn ends(&self) -> Option<&Ends> {
        self.ends.as_ref()
    }
}

impl Standing {
    /// Whether an entry of this device counts.
    ///
    /// An entry counts if its device is admitted and, where a Retire ends the lane, it does not lie behind the end. At
    /// the end's own seq it must be the entry that the end names, but only if `holds` says that this one is held: an end
    /// whose id is not held cuts by seq alone. Below the end it is for the chain to say which of two branches is meant.
    ///
    /// Private lanes are never named in a Retire, so it does not cut them: their entries count here, and what
    /// cuts them stands in lane `~own`.
    pub fn counts(
        &self,
        device: &DeviceId,
        lane: &Lane,
        seq: Seq,
        id: &EntryId,
        holds: impl FnOnce(&EntryId) -> bool,
    ) -> bool {
        let Some(standing) = self.devices.get(device) else {
            return false;
        };
        let Some(ends) = &standing.ends else {
            return true;
        };
        if lane.is_private() {
            return true;
        }
        ends.get(lane).is_some_and(|end| {
            seq < end.seq || (seq == end.seq && (*id == end.id || !holds(&end.id)))
        })
    }

    /// Where a log ends. None if nothing ends it, or if nothing of it counts: [`counts`](Self::counts) tells which.
    pub fn end(&self, device: &DeviceId, lane: &Lane) -> Option<&End> {
        self.get(device)?.ends()?.get(lane)
    }

    /// Whether a counting Admit names the device. It stays so when the device is retired.
    pub fn is_admitted(&self, device: &DeviceId) -> bool {
        self.devices.contains_key(device)
    }

    /// Whether the device is admitted as admin. It stays so when the device is retired: what it signed then, and what its
    /// counting entries say, goes on with an admin's weight.
    pub fn is_admin(&self, device: &DeviceId) -> bool {
        self.get(device)
            .is_some_and(|standing| standing.admin_generation.is_some())
    }

    /// Whether the device is admitted and a Retire of it counts.
    ///
    /// A key that is named by a Retire must never be admitted again, even where that Retire does not count: ask
    /// [`Statements::names_retired`](super::Statements::names_retired).
    pub fn is_retired(&self, device: &DeviceId) -> bool {
        self.get(device)
            .is_some_and(|standing| standing.ends.is_some())
    }

    /// Whether the device is admitted and not retired: it may append.
    pub fn is_live(&self, device: &DeviceId) -> bool {
        self.get(device)
            .is_some_and(|standing| standing.ends.is_none())
    }

    /// Whether Admits that the device signs from now on count: it is a live admin, and not of the last generation.
    pub fn may_admit(&self, device: &DeviceId) -> bool {
        let admin = self
            .get(device)
            .filter(|standing| standing.ends.is_none())
            .and_then(|s| s.admin_generation);
        admin.is_some_and(|generation| generation < GENERATIONS)
    }

    /// One device.
    pub fn get(&self, device: &DeviceId) -> Option<&DeviceStanding> {
        self.devices.get(device)
    }

    /// All admitted devices, retired ones too, in the order of ids.
    pub fn devices(&self) -> impl Iterator<Item = (&DeviceId, &DeviceStanding)> {
        self.devices.iter()
    }

    /// How many devices are admitted and not retired.
    pub fn live(&self) -> usize {
        self.devices
            .values()
            .filter(|standing| standing.ends.is_none())
            .count()
    }
}

/// Judges a set that is sorted by id and holds what its Retires carry.
pub(super) fn judge(held: &[Statement]) -> Standing {
    let mut judge = Judge::new(held);
    for generation in 0..=GENERATIONS {
        let members = judge.members(generation);
        judge.retire(generation, &members);
        if generation < GENERATIONS {
            judge.admit(generation, &members);
        }
    }
    judge.standing()
}

/// The Admit that made a device a target.
struct Target<'a> {
    generation: u8,
    by: Signer,
    label: &'a str,
}

/// Retires of one device by members of one generation, all of which decide together.
struct Decision<'a> {
    generation: u8,
    retires: Vec<&'a Retire>,
}

struct Judge<'a> {
    admits: BTreeMap<Signer, Vec<(&'a StatementId, &'a Admit)>>,
    /// Retires of other devices.
    retires: BTreeMap<Signer, Vec<&'a Retire>>,
    /// Retires of the signer itself.
    own_retires: BTreeMap<DeviceId, Vec<&'a Retire>>,
    targets: BTreeMap<DeviceId, Target<'a>>,
    /// Admins and their generation.
    admins: BTreeMap<DeviceId, u8>,
    decided: BTreeMap<DeviceId, Decision<'a>>,
}

impl<'a> Judge<'a> {
    fn new(held: &'a [Statement]) -> Self {
        let mut judge = Self {
            admits: BTreeMap::new(),
            retires: BTreeMap::new(),
            own_retires: BTreeMap::new(),
            targets: BTreeMap::new(),
            admins: BTreeMap::new(),
            decided: BTreeMap::new(),
        };
        for statement in held {
            let signer = statement.signer();
            match statement.act() {
                Act::Admit(admit) => judge
                    .admits
                    .entry(signer)
                    .or_default()
                    .push((statement.id(), admit)),
                Act::Retire(retire) if signer.device() == Some(&retire.device) => {
                    judge
                        .own_retires
                        .entry(retire.device)
                        .or_default()
                        .push(retire);
                }
                Act::Retire(retire) => judge.retires.entry(signer).or_default().push(retire),
            }
        }
        judge
    }

    /// Who signs in this generation. It is complete once all older generations have been judged.
    fn members(&self, generation: u8) -> Vec<Signer> {
        if generation == 0 {
            return vec![Signer::Feed];
        }
        let members = self.admins.iter().filter(|(_, of)| **of == generation);
        members.map(|(device, _)| Signer::Device(*device)).collect()
    }

    /// Members may retire each other: a Retire of their own generation does not silence them.
    fn retire(&mut self, generation: u8, members: &[Signer]) {
        let retired_by_older = |decided: &BTreeMap<DeviceId, Decision<'_>>, device: &DeviceId| {
            decided
                .get(device)
                .is_some_and(|decision| decision.generation < generation)
        };
        for member in members {
            if member
                .device()
                .is_some_and(|device| retired_by_older(&self.decided, device))
            {
                continue;
            }
            for retire in self.retires.get(member).into_iter().flatten() {
                // Who is not admitted yet can only become a younger target.
                let older = self
                    .targets
                    .get(&retire.device)
                    .is_some_and(|target| target.generation < generation);
                if !older && !retired_by_older(&self.decided, &retire.device) {
                    let decision = self.decided.entry(retire.device);
                    decision
                        .or_insert(Decision {
                            generation,
                            retires: Vec::new(),
                        })
                        .retires
                        .push(retire);
                }
            }
        }
    }

    fn admit(&mut self, generation: u8, members: &[Signer]) {
        let mut counting: Vec<(&'a StatementId, Signer, &'a Admit)> = Vec::new();
        for member in members {
            let admits = self.admits.get(member).into_iter().flatten();
            let kept = admits.filter(|(id, _)| self.is_kept(member, id));
            counting.extend(kept.map(|(id, admit)| (*id, *member, *admit)));
        }
        // So that the label does not depend on whose Admit is read first.
        counting.sort_unstable_by_key(|(id, ..)| *id);
        for (_, by, admit) in counting {
            if let Entry::Vacant(target) = self.targets.entry(admit.device) {
                target.insert(Target {
                    generation: generation + 1,
                    by,
                    label: &admit.label,
                });
            }
            if admit.admin {
                self.admins.entry(admit.device).or_insert(generation + 1);
            }
        }
    }

    /// Whether an Admit survives the Retires of its signer: every one that others decided with, or any of its own.
    fn is_kept(&self, signer: &Signer, admit: &StatementId) -> bool {
        let Signer::Device(device) = signer else {
            return true;
        };
        match (self.decided.get(device), self.own_retires.get(device)) {
            (Some(decision), _) => decision.retires.iter().all(|retire| retire.keeps(admit)),
            (None, Some(own)) => own.iter().any(|retire| retire.keeps(admit)),
            (None, None) => true,
        }
    }

    fn ends(&self, device: &DeviceId) -> Option<Ends> {
        match (self.decided.get(device), self.own_retires.get(device)) {
            (Some(decision), _) => Some(Ends::lowest(
                decision.retires.iter().map(|retire| &retire.ends),
            )),
            (None, Some(own)) => Some(Ends::highest(own.iter().map(|retire| &retire.ends))),
            (None, None) => None,
        }
    }

    fn standing(&self) -> Standing {
        let stand = |(device, target): (&DeviceId, &Target<'a>)| {
            let standing = DeviceStanding {
                generation: target.generation,
                admitted_by: target.by,
                admin_generation: self.admins.get(device).copied(),
                label: target.label.to_owned(),
                ends: self.ends(device),
            };
            (*device, standing)
        };
        Standing {
            devices: self.targets.iter().map(stand).collect(),
        }
    }
}
