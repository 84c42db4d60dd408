//! What is remembered of other endpoints: where they can be found, who said so, and what sync knows of them.
//!
//! All of it is opaque here and can be lost without harm.

use bytes::Bytes;

use super::batch::FeedBatch;
use super::error::FeedsError;
use super::keys;
use super::snapshot::FeedSnapshot;
use crate::format::FeedId;

impl FeedBatch<'_> {
    /// Keeps the address of an endpoint, in place of an earlier one.
    pub(crate) fn put_peer(
        &mut self,
        endpoint: &[u8; 32],
        address: Bytes,
    ) -> Result<(), FeedsError> {
        Ok(self.tx.put(keys::peer(endpoint).as_slice(), address)?)
    }

    /// Keeps that a feed was said to be found at an endpoint.
    pub(crate) fn put_finder(
        &mut self,
        feed: &FeedId,
        endpoint: &[u8; 32],
    ) -> Result<(), FeedsError> {
        Ok(self.tx.put(
            keys::finders_of(feed.as_bytes()).raw(endpoint).as_slice(),
            Bytes::new(),
        )?)
    }

    /// Keeps what sync remembers of an endpoint, in place of what it remembered before.
    pub(crate) fn put_memory(
        &mut self,
        endpoint: &[u8; 32],
        memory: Bytes,
    ) -> Result<(), FeedsError> {
        Ok(self.tx.put(keys::memory(endpoint).as_slice(), memory)?)
    }

    /// Forgets what sync remembers of an endpoint.
    pub(crate) fn drop_memory(&mut self, endpoint: &[u8; 32]) -> Result<(), FeedsError> {
        Ok(self.tx.delete(keys::memory(endpoint).as_slice())?)
    }
}

impl FeedSnapshot {
    /// The address of an endpoint.
    pub(crate) fn peer(&self, endpoint: &[u8; 32]) -> Result<Option<Bytes>, FeedsError> {
        Ok(self
            .tx()
            .value(keys::peer(endpoint).as_slice())?
            .map(Bytes::from))
    }

    /// Endpoints at which a feed was said to be found.
    pub(crate) fn finders(&self, feed: &FeedId) -> Result<Vec<[u8; 32]>, FeedsError> {
        self.endpoints(&keys::finders_of(feed.as_bytes()))
    }

    /// Endpoints of which sync remembers something.
    pub(crate) fn remembered(&self) -> Result<Vec<[u8; 32]>, FeedsError> {
        self.endpoints(&keys::memories())
    }

    fn endpoints(&self, of: &keys::Key) -> Result<Vec<[u8; 32]>, FeedsError> {
        let what = "an endpoint";
        self.rows().collect(of, |key, _| {
            key.last_chunk::<32>()
                .copied()
                .ok_or(FeedsError::Damaged { what })
        })
    }

    /// What sync remembers of an endpoint.
    pub(crate) fn memory(&self, endpoint: &[u8; 32]) -> Result<Option<Bytes>, FeedsError> {
        Ok(self
            .tx()
            .value(keys::memory(endpoint).as_slice())?
            .map(Bytes::from))
    }
}
