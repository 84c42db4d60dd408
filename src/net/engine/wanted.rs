//! What is wanted, read from the store: what is held of it, and where it may be found.

use std::sync::Arc;

use super::super::error::NetError;
use super::super::work;
use super::Actor;
use crate::format::FeedId;
use crate::sync::Input;

impl Actor {
    /// Tells the machine of every wanted feed.
    pub(super) fn want_all(&mut self) -> Result<(), NetError> {
        let snapshot = self.work.store.snapshot().map_err(Arc::new)?;
        for feed in snapshot.wanted().map_err(Arc::new)? {
            let replica = work::replica(&snapshot, &feed).map_err(Arc::new)?;
            self.handle(Input::Feed { feed, replica });
        }
        drop(snapshot);
        self.retarget();
        Ok(())
    }

    /// Tells the machine what is held of a wanted feed now.
    pub(super) fn read(&mut self, feed: FeedId) {
        let replica = self
            .work
            .store
            .snapshot()
            .and_then(|snapshot| work::replica(&snapshot, &feed));
        // A disk that cannot be read now is asked again at the next start.
        if let Ok(replica) = replica {
            self.handle(Input::Feed { feed, replica });
        }
    }

    /// The same, if it is still wanted.
    pub(super) fn reread(&mut self, feed: FeedId) {
        if self.swarm.wants(&feed) {
            self.read(feed);
        }
    }
}
