//! The caps and the judging once more, slowly and plainly, for the fast ones to be compared with.
//!
//! Everything is a small number: no signatures, so that thousands of random sets cost seconds.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::super::id::{DeviceId, EntryId, FeedId, Lane, Seq, StatementId};
use super::super::key::Signature;
use super::caps::{Caps, Room, Rooms};
use super::{Act, End, Ends, Inner, Retire, Signer, Standing, Statement};

/// A device by its number from 1; 0 is the feed key.
pub(super) type Who = u8;
pub(super) const FEED: Who = 0;

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Admit {
    pub(super) id: u32,
    pub(super) signer: Who,
    pub(super) dev: Who,
    pub(super) admin: bool,
}

impl Admit {
    fn size(&self) -> usize {
        10 + self.id as usize % 5
    }
}

/// Lane, seq, id.
pub(super) type ModelEnd = (char, u64, u8);

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Said {
    Admit(Admit),
    Retire {
        id: u32,
        signer: Who,
        dev: Who,
        ends: Vec<ModelEnd>,
        keep: Vec<Admit>,
    },
}

pub(super) type Set = BTreeSet<Said>;

impl Said {
    pub(super) fn id(&self) -> u32 {
        match self {
            Self::Admit(Admit { id, .. }) | Self::Retire { id, .. } => *id,
        }
    }

    pub(super) fn signer(&self) -> Who {
        match self {
            Self::Admit(Admit { signer, .. }) | Self::Retire { signer, .. } => *signer,
        }
    }

    fn keep(&self) -> &[Admit] {
        match self {
            Self::Admit(_) => &[],
            Self::Retire { keep, .. } => keep,
        }
    }

    /// What it would be long: any number will do that goes with the id.
    pub(super) fn size(&self) -> usize {
        let part = self.id() as usize;
        let carried: usize = self.keep().iter().map(Admit::size).sum();
        match self {
            Self::Admit(admit) => admit.size(),
            Self::Retire { .. } => 6 + part % 23 + carried,
        }
    }

    fn charge(&self, kept_room: usize) -> usize {
        let carried = self.keep().iter().map(|admit| admit.size() + kept_room);
        self.size() + carried.sum::<usize>()
    }

    fn retires(&self) -> Option<Who> {
        match self {
            Self::Admit(_) => None,
            Self::Retire { dev, .. } => Some(*dev),
        }
    }
}

pub(super) fn spread(set: &Set) -> Set {
    let carried = set.iter().flat_map(|s| s.keep()).cloned().map(Said::Admit);
    set.iter().cloned().chain(carried).collect()
}

pub(super) fn trunc(caps: &Caps, set: &Set) -> Set {
    walk(caps, set).0
}

/// How far each signer is from the feed key.
pub(super) fn depths(caps: &Caps, set: &Set) -> BTreeMap<Who, usize> {
    walk(caps, set).1
}

fn walk(caps: &Caps, set: &Set) -> (Set, BTreeMap<Who, usize>) {
    let all = spread(set);
    let mut kept = Set::new();
    let mut signers = BTreeSet::from([FEED]);
    let mut reached = BTreeMap::from([(FEED, 0)]);
    for depth in 0..=3 {
        let mut next = BTreeSet::new();
        for who in &signers {
            let chosen = if depth == 0 {
                choose_of_feed(caps, &all)
            } else if let Some(carried) = ended(caps, &all).get(who) {
                carried.iter().cloned().map(Said::Admit).collect()
            } else {
                choose(&caps.devices[depth - 1], &all, *who)
            };
            next.extend(chosen.iter().filter_map(|said| match said {
                Said::Admit(admit) => Some(admit.dev),
                Said::Retire { .. } => None,
            }));
            kept.extend(spread(&chosen));
        }
        signers = next;
        signers.retain(|who| !reached.contains_key(who));
        reached.extend(signers.iter().map(|who| (*who, depth + 1)));
    }
    (kept, reached)
}

/// In order of what they are charged and of ids, those up to which all together fit.
fn fitting(room: Room, kept_room: usize, of: impl Iterator<Item = Said>) -> Vec<Said> {
    let mut of: Vec<Said> = of.collect();
    of.sort_by_key(|said| (said.charge(kept_room), said.id()));
    let sum = |upto: usize| -> usize { of[..upto].iter().map(|s| s.charge(kept_room)).sum() };
    let count = (0..=of.len().min(room.count))
        .rev()
        .find(|n| sum(*n) <= room.bytes);
    of[..count.unwrap_or(0)].to_vec()
}

fn signed_by(all: &Set, who: Who) -> impl Iterator<Item = Said> {
    all.iter().filter(move |s| s.signer() == who).cloned()
}

fn feed_retires(caps: &Caps, all: &Set) -> Vec<Said> {
    let retires = signed_by(all, FEED).filter(|said| said.retires().is_some());
    fitting(caps.feed_retires, caps.kept_room, retires)
}

/// Whom the feed key retired, and what stays of them.
pub(super) fn ended(caps: &Caps, all: &Set) -> BTreeMap<Who, Vec<Admit>> {
    let mut ended: BTreeMap<Who, Vec<Admit>> = BTreeMap::new();
    for retire in feed_retires(caps, all) {
        let carried = ended.entry(retire.retires().unwrap()).or_default();
        carried.extend(retire.keep().iter().cloned());
    }
    ended
}

fn choose_of_feed(caps: &Caps, all: &Set) -> Set {
    let ended = ended(caps, all);
    let admits: Vec<Admit> = signed_by(all, FEED)
        .filter_map(|said| match said {
            Said::Admit(admit) => Some(admit),
            Said::Retire { .. } => None,
        })
        .collect();
    let others = admits
        .iter()
        .filter(|admit| !ended.contains_key(&admit.dev));
    let room = Room {
        count: caps.feed_admits,
        bytes: usize::MAX,
    };
    let mut chosen: Set = feed_retires(caps, all).into_iter().collect();
    chosen.extend(fitting(room, 0, others.cloned().map(Said::Admit)));
    for who in ended.keys() {
        let of_it = admits.iter().filter(|admit| admit.dev == *who);
        let best = of_it.min_by_key(|admit| (!admit.admin, admit.size(), admit.id));
        chosen.extend(best.cloned().map(Said::Admit));
    }
    chosen
}

fn choose(rooms: &Rooms, all: &Set, who: Who) -> Set {
    let own = |said: &Said| said.retires() == Some(who);
    let admits = Room {
        count: rooms.admits,
        bytes: usize::MAX,
    };
    let parts = [
        fitting(
            admits,
            0,
            signed_by(all, who).filter(|s| s.retires().is_none()),
        ),
        fitting(rooms.own, 0, signed_by(all, who).filter(own)),
        fitting(
            rooms.retires,
            0,
            signed_by(all, who).filter(|s| s.retires().is_some() && !own(s)),
        ),
    ];
    parts.into_iter().flatten().collect()
}

/// Generation, generation as signer, ends.
pub(super) type Outcome = BTreeMap<Who, (u8, Option<u8>, Option<Vec<ModelEnd>>)>;

pub(super) fn judge(set: &Set) -> Outcome {
    let set = spread(set);
    let mut target = BTreeMap::from([(FEED, 0u8)]);
    let mut signing = BTreeMap::from([(FEED, 0u8)]);
    let mut decided: BTreeMap<Who, (u8, Vec<&Said>)> = BTreeMap::new();
    let of_self = |who| {
        set.iter()
            .filter(|s| s.signer() == who && s.retires() == Some(who))
            .collect::<Vec<_>>()
    };
    for g in 0..=3u8 {
        let members: Vec<Who> = signing
            .iter()
            .filter(|(_, of)| **of == g)
            .map(|(who, _)| *who)
            .collect();
        let before = decided.clone();
        let by_older = |who: &Who| before.get(who).is_some_and(|(of, _)| *of < g);
        for said in &set {
            let Some(dev) = said.retires() else { continue };
            let counts = members.contains(&said.signer())
                && said.signer() != dev
                && !by_older(&said.signer());
            if counts && target.get(&dev).copied().unwrap_or(99) >= g && !by_older(&dev) {
                decided.entry(dev).or_insert((g, Vec::new())).1.push(said);
            }
        }
        for said in set.iter().filter(|_| g < 3) {
            let Said::Admit(admit) = said else { continue };
            let own = of_self(admit.signer);
            let kept = match decided.get(&admit.signer) {
                Some((_, retires)) => retires.iter().all(|r| r.keep().contains(admit)),
                None => own.is_empty() || own.iter().any(|r| r.keep().contains(admit)),
            };
            if kept && members.contains(&admit.signer) {
                target.entry(admit.dev).or_insert(g + 1);
                if admit.admin {
                    signing.entry(admit.dev).or_insert(g + 1);
                }
            }
        }
    }
    target.remove(&FEED);
    let ends = |who: Who| match decided.get(&who) {
        Some((_, retires)) => Some(lowest(retires)),
        None => Some(of_self(who))
            .filter(|own| !own.is_empty())
            .map(|own| highest(&own)),
    };
    target
        .iter()
        .map(|(who, g)| (*who, (*g, signing.get(who).copied(), ends(*who))))
        .collect()
}

fn ends_in(lane: char, retires: &[&Said]) -> Vec<ModelEnd> {
    let all = retires.iter().filter_map(|s| {
        if let Said::Retire { ends, .. } = s {
            Some(ends)
        } else {
            None
        }
    });
    all.flatten().filter(|end| end.0 == lane).copied().collect()
}

fn lowest(retires: &[&Said]) -> Vec<ModelEnd> {
    let all_name = |lane: &char| retires.iter().all(|r| !ends_in(*lane, &[r]).is_empty());
    LANES
        .into_iter()
        .filter(all_name)
        .filter_map(|lane| ends_in(lane, retires).into_iter().min())
        .collect()
}

fn highest(retires: &[&Said]) -> Vec<ModelEnd> {
    let top = |lane| {
        ends_in(lane, retires)
            .into_iter()
            .max_by_key(|(_, seq, id)| (*seq, std::cmp::Reverse(*id)))
    };
    LANES.into_iter().filter_map(top).collect()
}

pub(super) const LANES: [char; 3] = ['x', 'y', 'z'];

pub(super) fn feed() -> FeedId {
    FeedId::from_bytes([0; 32])
}

pub(super) fn device(who: Who) -> DeviceId {
    DeviceId::from_bytes([who; 32])
}

/// The same as a statement, with the same order of ids and without a true signature.
pub(super) fn real(said: &Said) -> Statement {
    let signature = Signature::from_bytes([0; 64]);
    let act = match said {
        Said::Admit(Admit { dev, admin, .. }) => Act::Admit(super::Admit {
            device: device(*dev),
            admin: *admin,
            label: String::new(),
            consent: signature,
        }),
        Said::Retire {
            dev, ends, keep, ..
        } => {
            let end = |(lane, seq, id): &ModelEnd| {
                let end = End {
                    seq: Seq(*seq),
                    id: EntryId::from_bytes([*id; 32]),
                };
                (Lane::new(&lane.to_string()).unwrap(), end)
            };
            let mut keep: Vec<Statement> = keep
                .iter()
                .cloned()
                .map(|admit| real(&Said::Admit(admit)))
                .collect();
            keep.sort_by_key(|carried| *carried.id());
            Act::Retire(Retire {
                device: device(*dev),
                ends: Ends::new(ends.iter().map(end)).unwrap(),
                keep,
            })
        }
    };
    let mut id = [0; 32];
    id[..4].copy_from_slice(&said.id().to_be_bytes());
    let signer = if said.signer() == FEED {
        Signer::Feed
    } else {
        Signer::Device(device(said.signer()))
    };
    Statement(Arc::new(Inner {
        size: said.size(),
        id: StatementId::from_bytes(id),
        feed: feed(),
        signer,
        act,
        signature,
    }))
}

pub(super) fn outcome(standing: &Standing) -> Outcome {
    let end = |(lane, end): &(Lane, End)| {
        (
            lane.as_str().chars().next().unwrap(),
            end.seq.0,
            end.id.as_bytes()[0],
        )
    };
    let stand = |(device, standing): (&DeviceId, &super::DeviceStanding)| {
        let ends = standing.ends().map(|ends| ends.iter().map(end).collect());
        (
            device.as_bytes()[0],
            (standing.generation(), standing.admin_generation(), ends),
        )
    };
    standing.devices().map(stand).collect()
}
