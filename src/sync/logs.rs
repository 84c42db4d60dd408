//! The logs of one feed, in little memory: most feeds have one or two, and a node may follow ten thousand.

use super::replica::{Log, LogKey};

/// A map in a list that is kept sorted. A tree's smallest node has room for eleven logs, which is ten times as much.
#[derive(Debug, Default)]
pub(super) struct Logs(Vec<(LogKey, Box<Log>)>);

impl Logs {
    fn find(&self, key: &LogKey) -> Result<usize, usize> {
        self.0.binary_search_by(|(known, _)| known.cmp(key))
    }

    pub(super) fn get(&self, key: &LogKey) -> Option<&Log> {
        let at = self.find(key).ok()?;
        self.0.get(at).map(|(_, log)| &**log)
    }

    pub(super) fn get_mut(&mut self, key: &LogKey) -> Option<&mut Log> {
        let at = self.find(key).ok()?;
        self.0.get_mut(at).map(|(_, log)| &mut **log)
    }

    /// The log of this name, made now if it is not there.
    #[expect(clippy::indexing_slicing, reason = "found or made a line before")]
    pub(super) fn of(&mut self, key: LogKey) -> &mut Log {
        let at = match self.find(&key) {
            Ok(at) => at,
            Err(at) => {
                self.make_room();
                self.0.insert(at, (key, Box::default()));
                at
            }
        };
        &mut self.0[at].1
    }

    pub(super) fn insert(&mut self, key: LogKey, log: Log) {
        *self.of(key) = log;
    }

    pub(super) fn remove(&mut self, key: &LogKey) -> Option<Log> {
        let at = self.find(key).ok()?;
        Some(*self.0.remove(at).1)
    }

    pub(super) const fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&LogKey, &Log)> {
        self.0.iter().map(|(key, log)| (key, &**log))
    }

    /// The first few get the room that they need and no more.
    fn make_room(&mut self) {
        const FEW: usize = 4;
        if self.0.len() == self.0.capacity() && self.0.len() < FEW {
            self.0.reserve_exact(1);
        }
    }
}

impl IntoIterator for Logs {
    type Item = (LogKey, Log);
    type IntoIter = std::iter::Map<
        std::vec::IntoIter<(LogKey, Box<Log>)>,
        fn((LogKey, Box<Log>)) -> (LogKey, Log),
    >;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter().map(|(key, log)| (key, *log))
    }
}
