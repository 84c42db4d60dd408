//! Who may have a blob: peers that share a feed in which an entry names it, then those who are said to have such a feed.

use std::collections::{BTreeMap, BTreeSet};

use iroh::endpoint::Connection;
use iroh::{EndpointAddr, EndpointId};
use tokio::sync::{mpsc, oneshot};

use super::super::address::decode_address;
use super::super::media::{Holders, Sharers};
use super::{Actor, Command};
use crate::feeds::FeedSnapshot;
use crate::format::{BlobHash, FeedId};

/// A way to ask the engine that does not keep it going: a transfer ends with the node.
#[derive(Debug, Clone)]
pub(super) struct Asker(pub(super) mpsc::WeakSender<Command>);

impl Holders for Asker {
    async fn holders(&self, blob: BlobHash) -> Option<Vec<EndpointAddr>> {
        let (reply, holders) = oneshot::channel();
        let commands = self.0.upgrade()?;
        commands.send(Command::Holders { blob, reply }).await.ok()?;
        drop(commands);
        holders.await.ok()
    }
}

impl Sharers for Asker {
    async fn shares(&self, peer: EndpointId) -> bool {
        let (reply, shares) = oneshot::channel();
        let Some(commands) = self.0.upgrade() else {
            return false;
        };
        let _shut_down = commands.send(Command::Shares { peer, reply }).await;
        drop(commands);
        shares.await.unwrap_or_default()
    }
}

impl Actor {
    /// The likeliest first; nobody if the store cannot be read.
    pub(super) fn holders(&self, blob: &BlobHash) -> Vec<EndpointAddr> {
        let Ok(snapshot) = self.work.store.snapshot() else {
            return Vec::new();
        };
        let refs = snapshot.blob_refs(blob).unwrap_or_default();
        let feeds: BTreeSet<FeedId> = refs
            .iter()
            .filter(|named| named.served)
            .map(|named| named.log.feed)
            .collect();
        let mut found = found_at(&snapshot, &feeds);
        found.remove(&self.endpoint.id());
        let shares = |peer: &EndpointId| feeds.iter().any(|feed| self.swarm.shares(peer, feed));
        let connected = self.sessions.iter().filter(|(peer, _)| shares(peer));
        let mut holders: Vec<EndpointAddr> = connected
            .map(|(peer, session)| with_paths(found.remove(peer), *peer, &session.connection))
            .collect();
        // Both in the order of ids, which is as good as by chance.
        holders.extend(found.into_values());
        holders
    }
}

/// Where any of the feeds was said to be found.
fn found_at(
    snapshot: &FeedSnapshot,
    feeds: &BTreeSet<FeedId>,
) -> BTreeMap<EndpointId, EndpointAddr> {
    let finders = feeds
        .iter()
        .flat_map(|feed| snapshot.finders(feed).unwrap_or_default());
    let addresses = finders.filter_map(|finder| {
        let bytes = snapshot.peer(&finder).ok()??;
        decode_address(&bytes)
    });
    addresses.map(|address| (address.id, address)).collect()
}

/// A peer's address with those that its open session goes over.
fn with_paths(
    known: Option<EndpointAddr>,
    peer: EndpointId,
    connection: &Connection,
) -> EndpointAddr {
    let mut address = known.unwrap_or_else(|| EndpointAddr::new(peer));
    let paths = connection.paths();
    let open = paths.iter().map(|path| path.remote_addr().clone());
    address.addrs.extend(open);
    address
}
