//! Connections to peers for media, kept a while: many small pictures come from one peer, one after the other.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use iroh::endpoint::Connection;
use iroh::{Endpoint, EndpointAddr, EndpointId};
use tokio::time::timeout;

use super::ALPN;

/// How long connecting may take: the peer is one of several, and mostly one that is connected already.
const CONNECT: Duration = Duration::from_secs(5);
/// Connections kept at one time. The other end closes those that idle.
const KEPT: usize = 32;

#[derive(Debug, Clone)]
pub(super) struct Pool {
    endpoint: Endpoint,
    open: Arc<Mutex<HashMap<EndpointId, Connection>>>,
}

impl Pool {
    pub(super) fn new(endpoint: Endpoint) -> Self {
        Self {
            endpoint,
            open: Arc::default(),
        }
    }

    /// An open connection to a peer.
    pub(super) async fn connect(&self, address: EndpointAddr) -> Result<Connection, String> {
        let peer = address.id;
        if let Some(open) = self.kept(&peer) {
            return Ok(open);
        }
        let connected = timeout(CONNECT, self.endpoint.connect(address, ALPN)).await;
        let connected = connected.map_err(|_| "it did not answer in time".to_owned())?;
        let connection = connected.map_err(|error| error.to_string())?;
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.retain(|_, kept| kept.close_reason().is_none());
        if open.len() < KEPT {
            open.insert(peer, connection.clone());
        }
        Ok(connection)
    }

    /// Connects anew the next time: nothing comes from this one.
    pub(super) fn forget(&self, peer: &EndpointId) {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.remove(peer);
    }

    fn kept(&self, peer: &EndpointId) -> Option<Connection> {
        let open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = open.get(peer)?;
        kept.close_reason().is_none().then(|| kept.clone())
    }
}
