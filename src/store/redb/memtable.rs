//! Rows that are committed, and in the log, and not in redb yet: reads have them laid over it.
//!
//! To put the rows of a post into redb's pages takes a third as long as to sync them, and nobody who waits for the commit
//! needs to wait for that: all that the log holds is put in together when a checkpoint is due. So these rows are never more
//! than the log has room for. In between redb does not change, and all snapshots share one read of it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use redb::ReadOnlyTable;

use super::super::staged::Changes;

pub(super) type Table = ReadOnlyTable<&'static [u8], &'static [u8]>;

#[derive(Default)]
pub(super) struct Laid(Mutex<Newest>);

#[derive(Default)]
struct Newest {
    rows: Arc<Changes>,
    /// None until somebody reads, and while redb changes: it keeps pages for as long as they can be read.
    table: Option<Arc<Table>>,
    is_changing: bool,
}

impl Laid {
    pub(super) fn new(changes: Changes) -> Self {
        let laid = Self::default();
        laid.add(changes);
        laid
    }

    /// Adds the rows of a commit, which are seen from now on.
    pub(super) fn add(&self, changes: Changes) {
        // Copied only while a snapshot has them.
        Arc::make_mut(&mut self.newest().rows).extend(changes);
    }

    /// The rows, and redb beneath them as of the same moment.
    pub(super) fn over<E>(
        &self,
        read: impl FnOnce() -> Result<Table, E>,
    ) -> Result<(Arc<Changes>, Arc<Table>), E> {
        let mut newest = self.newest();
        let table = match &newest.table {
            Some(table) => table.clone(),
            None => {
                let table = Arc::new(read()?);
                if !newest.is_changing {
                    newest.table = Some(table.clone());
                }
                table
            }
        };
        Ok((newest.rows.clone(), table))
    }

    /// Has redb changed by `change`, to which the rows are given, and lets go of them: redb holds them then. In between
    /// they are seen in both, which makes no difference.
    pub(super) fn put_in<E>(
        &self,
        change: impl FnOnce(&Changes) -> Result<(), E>,
    ) -> Result<(), E> {
        let _changing = self.changing();
        let rows = self.newest().rows.clone();
        if !rows.is_empty() {
            change(&rows)?;
            self.newest().rows = Arc::default();
        }
        Ok(())
    }

    /// Lets redb change until it is dropped: no read of it is shared by those who come meanwhile.
    pub(super) fn changing(&self) -> Changing<'_> {
        let mut newest = self.newest();
        newest.is_changing = true;
        newest.table = None;
        Changing(self)
    }

    fn newest(&self) -> MutexGuard<'_, Newest> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

pub(super) struct Changing<'l>(&'l Laid);

impl Drop for Changing<'_> {
    fn drop(&mut self) {
        self.0.newest().is_changing = false;
    }
}
