//! What is wanted, read from the store: what is held of it, and where it may be found.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use iroh::{EndpointAddr, EndpointId};

use super::super::address::decode_address;
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

    /// Reads from the store who may have what is wanted.
    pub(super) fn retarget(&mut self) {
        let Ok(snapshot) = self.work.store.snapshot() else {
            return;
        };
        let mut addresses: BTreeMap<EndpointId, EndpointAddr> = BTreeMap::new();
        for feed in snapshot.wanted().unwrap_or_default() {
            for finder in snapshot.finders(&feed).unwrap_or_default() {
                let address = snapshot.peer(&finder).ok().flatten();
                let address = address.and_then(|bytes| decode_address(&bytes).ok());
                addresses.extend(address.map(|address| (address.id, address)));
            }
        }
        self.dialer
            .set(addresses.into_values().collect(), Instant::now());
        // Who came here has a session already; dialing it would only put another one in its place.
        for peer in self.sessions.keys() {
            self.dialer.connected(peer);
        }
    }
}
