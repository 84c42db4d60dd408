//! The caps and the judging once more, slowly and plainly, for the fast ones to be compared with.
//!
//! Everything is a small number: no signatures, so that thousands of random sets cost seconds.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::super::id::{DeviceId, EntryId, FeedId, Lane, Seq, StatementId};
use super::super::key::Signature;
use super::caps::Caps;
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

pub(super) fn trunc(caps: Caps, set: &Set) -> Set {
    let set = spread(set);
    let (mut kept, mut seen, mut todo) = (Set::new(), BTreeSet::new(), vec![FEED]);
    while let Some(signer) = todo.pop() {
        if !seen.insert(signer) {
            continue;
        }
        let last_word = kept
            .iter()
            .find(|s| s.signer() == FEED && s.retires() == Some(signer));
        let chosen = match last_word {
            Some(retire) => retire.keep().iter().cloned().map(Said::Admit).collect(),
            None => choose(caps, &set, signer),
        };
        for said in spread(&chosen) {
            if let Said::Admit(admit) = &said {
                todo.push(admit.dev);
            }
            kept.insert(said);
        }
    }
    kept
}

fn choose(caps: Caps, set: &Set, signer: Who) -> Set {
    let others = if signer == FEED {
        caps.feed_key
    } else {
        caps.device
    };
    let mut own: Vec<Said> = set
        .iter()
        .filter(|s| s.signer() == signer)
        .cloned()
        .collect();
    own.sort_by_key(Said::id);
    let admits = own.iter().filter(|s| s.retires().is_none()).take(others);
    let of_others = own
        .iter()
        .filter(|s| s.retires().is_some_and(|dev| dev != signer));
    let first = of_others
        .filter(|s| own.iter().find(|other| other.retires() == s.retires()) == Some(s))
        .take(others);
    let of_self = own
        .iter()
        .filter(|s| s.retires() == Some(signer))
        .take(caps.own);
    admits.chain(first).chain(of_self).cloned().collect()
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

fn device(who: Who) -> DeviceId {
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
