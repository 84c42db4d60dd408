//! The statements of one feed, as far as they are held.

use super::super::context::{Hash16, derive};
use super::super::id::{DeviceId, FeedId, StatementId};
use super::caps::{CAPS, capped, deciding_order, spread};
use super::{Standing, Statement, judge};

/// The statements held of one feed: a set that grows by union and is cut to the caps after every growth.
///
/// Admits that a Retire carries belong to it as statements of their own. Statements whose signer no kept Admit leads to
/// are not taken, so **one that comes before the Admit of its signer is lost** until it is offered again: take several
/// with one [`merge`](Self::merge), whose order does not matter. Sets that were offered the same statements again and
/// again until nothing changed are equal. Every node keeps the same, the feed's own devices too.
///
/// Together they encode to at most [`limits::FEED_STATEMENT_BYTES`](super::super::limits::FEED_STATEMENT_BYTES).
#[derive(Debug, Clone)]
pub struct Statements {
    feed: FeedId,
    /// Sorted by id, each once, with all that is carried. A vector, since most feeds have one or two.
    held: Vec<Statement>,
}

impl Statements {
    /// An empty set.
    pub const fn new(feed: FeedId) -> Self {
        Self {
            feed,
            held: Vec::new(),
        }
    }

    /// Takes one more statement; says whether the set changed. One of another feed changes nothing.
    pub fn insert(&mut self, statement: Statement) -> bool {
        self.merge([statement])
    }

    /// Takes many statements at once, another set's for example; says whether the set changed.
    ///
    /// Growth may also push out statements, and what is already held is never replaced by the same id under another
    /// signature. Statements of other feeds change nothing.
    pub fn merge(&mut self, statements: impl IntoIterator<Item = Statement>) -> bool {
        let feed = self.feed;
        let fresh = statements
            .into_iter()
            .filter(|s| *s.feed() == feed && !self.contains(s.id()))
            .collect::<Vec<_>>();
        if fresh.is_empty() {
            return false;
        }
        let all = spread(self.held.iter().cloned().chain(fresh).collect());
        let kept = capped(&CAPS, &all);
        let changed = !kept
            .iter()
            .map(Statement::id)
            .eq(self.held.iter().map(Statement::id));
        self.held = kept;
        changed
    }

    /// Whether a statement would be kept if it were taken now, and none of the same sort by the same signer pushed out.
    ///
    /// To be asked before a statement is given to others: what does not fit its signer's room is dropped by everyone, and
    /// what pushes out another undoes it. If it is false, another signer has to say it: the feed key, or an older device.
    pub fn would_keep(&self, statement: &Statement) -> bool {
        let mut after = self.clone();
        after.insert(statement.clone());
        let is_like = |other: &Statement| {
            let admits = |s: &Statement| s.as_admit().is_some();
            other.signer() == statement.signer() && admits(other) == admits(statement)
        };
        let stays = |other: &Statement| after.contains(other.id());
        stays(statement) && self.held.iter().filter(|s| is_like(s)).all(stays)
    }

    /// Says which devices the feed has and how far their entries count: a pure function of the set, so that replicas with
    /// the same one agree.
    pub fn judge(&self) -> Standing {
        judge::judge(&self.held)
    }

    /// The feed.
    pub const fn feed(&self) -> &FeedId {
        &self.feed
    }

    /// Sixteen bytes that differ when the sets do: a hash over the ids in their order.
    pub fn digest(&self) -> Hash16 {
        let ids: Vec<&[u8]> = self
            .held
            .iter()
            .map(|statement| statement.id().as_bytes().as_slice())
            .collect();
        derive::STATEMENTS.hash16(&ids)
    }

    /// All that is held, in the order of ids.
    pub fn iter(&self) -> std::slice::Iter<'_, Statement> {
        self.held.iter()
    }

    /// All that is held, in the order in which it decides: breadth first from the feed key, of each signer Retires before
    /// Admits, those that an Admit leads to behind it.
    ///
    /// Any first part of it is kept whole by who holds nothing, so that it can be handed on in pages.
    pub fn deciding_order(&self) -> impl Iterator<Item = &Statement> {
        deciding_order(&CAPS, &self.held).into_iter()
    }

    /// How many are held.
    pub const fn len(&self) -> usize {
        self.held.len()
    }

    /// Whether none is held.
    pub const fn is_empty(&self) -> bool {
        self.held.is_empty()
    }

    /// One statement by its id.
    pub fn get(&self, id: &StatementId) -> Option<&Statement> {
        let at = self
            .held
            .binary_search_by(|statement| statement.id().cmp(id))
            .ok()?;
        self.held.get(at)
    }

    /// Whether it is held.
    pub fn contains(&self, id: &StatementId) -> bool {
        self.get(id).is_some()
    }

    /// Whether any Retire held names this device, counting or not. Such a key is never admitted again.
    pub fn names_retired(&self, device: &DeviceId) -> bool {
        self.held
            .iter()
            .filter_map(Statement::as_retire)
            .any(|retire| retire.device() == device)
    }
}

impl<'a> IntoIterator for &'a Statements {
    type Item = &'a Statement;
    type IntoIter = std::slice::Iter<'a, Statement>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}
