//! The want lists of two ends, in little memory: a node may want ten thousand feeds, and so may fifty of its peers.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::limits::WANTS_REMEMBERED;
use super::wire::read_list;
use crate::format::{FeedId, FormatError, Hash16, Reader, Writer};

/// Blinded ids in their order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Ids(Vec<Hash16>);

impl Ids {
    pub(super) fn contains(&self, id: &Hash16) -> bool {
        self.0.binary_search(id).is_ok()
    }

    fn insert(&mut self, id: Hash16) {
        if let Err(at) = self.0.binary_search(&id) {
            self.0.insert(at, id);
        }
    }

    fn remove(&mut self, id: &Hash16) -> bool {
        let found = self.0.binary_search(id);
        found.map(|at| self.0.remove(at)).is_ok()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Hash16> {
        self.0.iter()
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// A list beyond the cap is not remembered at all: it would be sent whole again anyway.
    pub(super) fn encode(&self, w: &mut Writer) {
        let ids = match self.0.len() > WANTS_REMEMBERED {
            true => &[],
            false => self.0.as_slice(),
        };
        w.varint(ids.len() as u64);
        ids.iter().for_each(|id| w.raw(id));
    }

    pub(super) fn decode(r: &mut Reader<'_>) -> Result<Self, FormatError> {
        let ids = read_list(r, 16, WANTS_REMEMBERED, Reader::array)?;
        Ok(ids.into_iter().collect())
    }
}

impl FromIterator<Hash16> for Ids {
    fn from_iter<I: IntoIterator<Item = Hash16>>(ids: I) -> Self {
        let mut ids: Vec<Hash16> = ids.into_iter().collect();
        ids.sort_unstable();
        ids.dedup();
        ids.shrink_to_fit();
        Self(ids)
    }
}

/// A feed that this side wants.
#[derive(Debug)]
struct Want {
    id: Hash16,
    feed: Arc<FeedId>,
    /// The peer wants it too.
    both: bool,
    /// The peer was told so, in the hello's digest or in a list.
    said: bool,
}

/// What two ends want, as one session knows it. What both want is there once.
///
/// Who dialed names all that it wants. The other end names only what of that it wants too, and what it named earlier: a
/// stranger would else be told by how much a list grows, and could try out on it whatever ids he likes without being counted.
#[derive(Debug, Default)]
pub(super) struct Lists {
    /// In the order of ids.
    mine: Vec<Want>,
    /// This side names all of them.
    names_all: bool,
    /// What the peer wants beside what both do.
    others: Ids,
    /// What was told in an earlier session, until it is known whether the peer still knows that.
    before: Option<Ids>,
    /// What is to be named and was not said, and what was said and is not wanted any more.
    added: BTreeSet<Hash16>,
    removed: BTreeSet<Hash16>,
}

/// What a new list of the peer changed.
#[derive(Debug, Default)]
pub(super) struct Change {
    /// What both want now and did not before.
    pub(super) fresh: Vec<FeedId>,
    pub(super) gone: Vec<FeedId>,
}

impl Lists {
    /// `theirs` and `told` are what is remembered of the last session. What is named as things stand counts as said: a
    /// hello tells its digest.
    pub(super) fn new(
        mine: impl Iterator<Item = (Hash16, Arc<FeedId>)>,
        limit: usize,
        names_all: bool,
        theirs: Ids,
        told: Ids,
    ) -> Self {
        let want = |(id, feed)| Want {
            id,
            feed,
            both: false,
            said: false,
        };
        let mut mine: Vec<Want> = mine.map(want).collect();
        mine.sort_unstable_by_key(|want| want.id);
        // Which fall out is the same every time.
        mine.truncate(limit);
        let mut lists = Self {
            mine,
            names_all,
            ..Self::default()
        };
        lists.set_theirs(theirs);
        for want in &mut lists.mine {
            want.said = names_all || want.both || told.contains(&want.id);
        }
        lists.added.clear();
        lists.before = Some(told);
        lists
    }

    fn find(&self, id: &Hash16) -> Result<usize, usize> {
        self.mine.binary_search_by_key(id, |want| want.id)
    }

    fn get(&self, id: &Hash16) -> Option<&Want> {
        self.mine.get(self.find(id).ok()?)
    }

    /// The feed behind an id that both want.
    pub(super) fn shared(&self, id: &Hash16) -> Option<FeedId> {
        self.get(id).filter(|want| want.both).map(|want| *want.feed)
    }

    pub(super) fn is_shared(&self, id: &Hash16) -> bool {
        self.get(id).is_some_and(|want| want.both)
    }

    /// The feeds that both want, in the order of their ids.
    pub(super) fn common(&self) -> impl Iterator<Item = (&Hash16, &FeedId)> {
        let both = self.mine.iter().filter(|want| want.both);
        both.map(|want| (&want.id, &*want.feed))
    }

    /// Whether this side wants the feed behind an id.
    pub(super) fn wants(&self, id: &Hash16) -> bool {
        self.find(id).is_ok()
    }

    /// Whether this side wants nothing.
    pub(super) const fn is_empty(&self) -> bool {
        self.mine.is_empty()
    }

    /// What this side names, in the order of ids.
    pub(super) fn named(&self) -> impl Iterator<Item = &Hash16> {
        let named = |want: &&Want| self.names_all || want.both || want.said;
        self.mine.iter().filter(named).map(|want| &want.id)
    }

    /// What the peer wants.
    pub(super) fn theirs(&self) -> Ids {
        let common = self.common().map(|(id, _)| id);
        common.chain(self.others.iter()).copied().collect()
    }

    /// What the peer was told that this side wants.
    pub(super) fn told(&self) -> Ids {
        if let Some(before) = &self.before {
            return before.clone();
        }
        let said = self.mine.iter().filter(|want| want.said);
        let said = said.map(|want| &want.id);
        said.chain(&self.removed).copied().collect()
    }

    /// What is to be told, if the peer knows what it was told last: added and removed.
    pub(super) fn changes(&self) -> (Vec<Hash16>, Vec<Hash16>) {
        let Some(before) = &self.before else {
            let (added, removed) = (&self.added, &self.removed);
            return (
                added.iter().copied().collect(),
                removed.iter().copied().collect(),
            );
        };
        let added = self.named().filter(|id| !before.contains(id));
        let removed = before.iter().filter(|id| self.find(id).is_err());
        (added.copied().collect(), removed.copied().collect())
    }

    pub(super) fn has_changes(&self) -> bool {
        !(self.added.is_empty() && self.removed.is_empty())
    }

    /// The peer knows the list as it was when the session began.
    pub(super) fn knows_first(&mut self) {
        self.before = None;
    }

    /// The peer was told the list.
    pub(super) fn tell(&mut self) {
        self.before = None;
        for want in &mut self.mine {
            want.said |= self.names_all || want.both;
        }
        self.added.clear();
        self.removed.clear();
    }

    /// Says whether both want it now.
    pub(super) fn add(&mut self, id: Hash16, feed: Arc<FeedId>) -> bool {
        let both = self.others.remove(&id);
        if let Err(at) = self.find(&id) {
            let said = self.removed.remove(&id);
            let want = Want {
                id,
                feed,
                both,
                said,
            };
            self.mine.insert(at, want);
            if !said && (self.names_all || both) {
                self.added.insert(id);
            }
        }
        self.is_shared(&id)
    }

    /// Says whether both wanted it.
    pub(super) fn remove(&mut self, id: &Hash16) -> bool {
        let Ok(at) = self.find(id) else {
            return false;
        };
        let Want { both, said, .. } = self.mine.remove(at);
        if both {
            self.others.insert(*id);
        }
        self.added.remove(id);
        if said {
            self.removed.insert(*id);
        }
        both
    }

    pub(super) fn set_theirs(&mut self, theirs: Ids) -> Change {
        let mut change = Change::default();
        for want in &mut self.mine {
            let both = theirs.contains(&want.id);
            match (want.both, both) {
                (false, true) => change.fresh.push(*want.feed),
                (true, false) => change.gone.push(*want.feed),
                _ => {}
            }
            want.both = both;
            if !self.names_all && !want.said {
                match both {
                    true => self.added.insert(want.id),
                    false => self.added.remove(&want.id),
                };
            }
        }
        let mine = &self.mine;
        let is_mine = |id: &Hash16| mine.binary_search_by_key(id, |want| want.id).is_ok();
        self.others = theirs;
        self.others.0.retain(|id| !is_mine(id));
        self.others.0.shrink_to_fit();
        change
    }
}
