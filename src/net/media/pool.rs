//! Connections to peers for media, kept a while: many small pictures come from one peer, one after the other.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use iroh::endpoint::Connection;
use iroh::{Endpoint, EndpointAddr, EndpointId};
use tokio::time::timeout;

use super::ALPN;

/// How long connecting may take: the peer is one of several, and mostly one that is connected already.
const CONNECT: Duration = Duration::from_secs(5);
/// Connections kept at one time. The other end closes those that idle.
const KEPT: usize = 32;

/// Where the connection to a peer is, once there is one; locked while it is dialed.
type Slot = Arc<tokio::sync::Mutex<Option<Connection>>>;

#[derive(Debug, Clone)]
pub(super) struct Pool {
    endpoint: Endpoint,
    slots: Arc<Mutex<HashMap<EndpointId, Slot>>>,
}

impl Pool {
    pub(super) fn new(endpoint: Endpoint) -> Self {
        Self {
            endpoint,
            slots: Arc::default(),
        }
    }

    /// An open connection to a peer. Those who want one at the same time get the same one, since a peer takes few.
    pub(super) async fn connect(&self, address: EndpointAddr) -> Result<Connection, String> {
        let slot = self.slot(&address.id);
        let connected = timeout(CONNECT, async {
            let mut open = slot.lock().await;
            if let Some(open) = open.as_ref().filter(|open| is_open(open)) {
                return Ok(open.clone());
            }
            let connected = self.endpoint.connect(address, ALPN).await;
            let connection = connected.map_err(|error| error.to_string())?;
            crate::net::endpoint::widen(&connection);
            *open = Some(connection.clone());
            Ok(connection)
        });
        let connected = connected.await;
        connected.map_err(|_| "it did not answer in time".to_owned())?
    }

    /// Connects anew the next time: nothing comes from this one.
    pub(super) fn forget(&self, peer: &EndpointId) {
        self.slots().remove(peer);
    }

    fn slot(&self, peer: &EndpointId) -> Slot {
        let mut slots = self.slots();
        if !slots.contains_key(peer) && slots.len() >= KEPT {
            let in_use = |slot: &Slot| match slot.try_lock() {
                Ok(open) => open.as_ref().is_some_and(is_open),
                Err(_) => true,
            };
            slots.retain(|_, slot| in_use(slot));
            if slots.len() >= KEPT {
                return Slot::default();
            }
        }
        slots.entry(*peer).or_default().clone()
    }

    fn slots(&self) -> MutexGuard<'_, HashMap<EndpointId, Slot>> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn is_open(connection: &Connection) -> bool {
    connection.close_reason().is_none()
}
