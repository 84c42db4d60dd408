//! Blobs that come out of an archive instead of from a peer.

use std::io::Read;
use std::sync::Arc;

use super::error::MediaError;
use super::import::Import;
use super::{BLOB_BYTES, MediaStore};
use crate::format::BlobHash;

/// What became of a blob that was offered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Carried {
    /// It is held now.
    Stored,
    /// It was held already.
    AlreadyHeld,
    /// No entry names it, there is no room for it under the cap, or its bytes are not those of the hash.
    Refused,
}

impl MediaStore {
    /// Takes in a blob of `len` bytes that an entry names. It is on disk when this returns, and only if it has the hash.
    ///
    /// # Errors
    ///
    /// If the disk fails or is full. What the reader says of its own failures is left to whoever made it.
    pub(crate) fn take_carried(
        self: &Arc<Self>,
        blob: &BlobHash,
        len: u64,
        bytes: &mut dyn Read,
    ) -> Result<Carried, MediaError> {
        if self.len(blob) == Some(len) {
            return Ok(Carried::AlreadyHeld);
        }
        if len == 0 || len > BLOB_BYTES || !self.index.is_referenced(blob) {
            return Ok(Carried::Refused);
        }
        match self.make_room(blob, len) {
            Err(MediaError::OverCap { .. }) => return Ok(Carried::Refused),
            room => room?,
        }
        let imported = self
            .import(&blob.to_string(), bytes)
            .and_then(Import::finish);
        self.came(blob);
        match imported {
            // What has another hash goes with its guard.
            Ok(imported) if imported.blob == *blob => Ok(Carried::Stored),
            Ok(_) | Err(MediaError::Source { .. } | MediaError::Empty { .. }) => {
                Ok(Carried::Refused)
            }
            Err(error) => Err(error),
        }
    }
}
