//! Whom the engine dials.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use iroh::{EndpointAddr, EndpointId};

use super::Actor;
use crate::net::address::{decode_address, usable_address};
use crate::net::dial::FINDERS;

impl Actor {
    /// Looks up anew whom to dial: those of whom somebody said that they have a wanted feed.
    pub(super) fn retarget(&mut self) {
        let Ok(snapshot) = self.work.store.snapshot() else {
            return;
        };
        let remembered = snapshot.remembered().unwrap_or_default();
        let remembered: BTreeSet<[u8; 32]> = remembered.into_iter().collect();
        let mut addresses: BTreeMap<EndpointId, EndpointAddr> = BTreeMap::new();
        for feed in snapshot.wanted().unwrap_or_default() {
            let mut finders = snapshot.finders(&feed).unwrap_or_default();
            // Those who answered once first: of the others anybody may have written down any number.
            finders.sort_by_key(|finder| !remembered.contains(finder));
            for finder in finders.into_iter().take(FINDERS) {
                let address = snapshot.peer(&finder).ok().flatten();
                let address = address.and_then(|bytes| decode_address(&bytes));
                let address = address.map(usable_address);
                addresses.extend(address.map(|address| (address.id, address)));
            }
        }
        let has_answered = |id: &EndpointId| remembered.contains(id.as_bytes());
        self.dialer.set(
            addresses.into_values().collect(),
            has_answered,
            Instant::now(),
        );
        // Who came here has a session already; dialing it would only put another one in its place.
        for peer in self.sessions.keys() {
            self.dialer.connected(peer);
        }
    }
}
