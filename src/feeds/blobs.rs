//! Which entries name which blobs: what media may stay, and be served.
//!
//! A row stands for each attachment of a body that is held and counts. It comes and goes with the entry's other index
//! rows, in the same transaction, so media never outlive the last entry that names them, nor are they lost before it.

use std::collections::BTreeMap;

use bytes::Bytes;

use super::batch::{FeedBatch, LogName, Note};
use super::error::FeedsError;
use super::index::Index;
use super::keys::{self, Key, LogNo};
use super::rows::Rows;
use super::snapshot::FeedSnapshot;
use crate::format::{Attachment, BlobHash, Body, LogId, Seq};

/// Rows looked at for one blob: a feed may name one in each of its entries, and a question must not cost that much.
const LOOKED_AT: usize = 256;

const WHAT: &str = "a reference to a blob";
const DAMAGED: FeedsError = FeedsError::Damaged { what: WHAT };

/// Stands behind the length where the body that names the blob is erased and kept out of sight.
const KEPT: u8 = 1;

/// One entry that names a blob.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct BlobRef {
    pub(crate) log: LogId,
    pub(crate) seq: Seq,
    /// Bytes of the blob, as the entry says.
    pub(crate) len: u64,
    /// It is in a feed of the node's own.
    pub(crate) own: bool,
    /// It is in a public lane of a feed that is wanted, and so served.
    pub(crate) served: bool,
}

impl FeedBatch<'_> {
    /// Writes the rows of the attachments of an entry, or takes them away.
    pub(super) fn index_blobs(
        &mut self,
        name: LogName,
        seq: Seq,
        body: &Body,
        how: Index,
    ) -> Result<(), FeedsError> {
        for attachment in &body.attachments {
            let key = keys::blob_named_by(&attachment.hash, name.no, seq);
            if how == Index::Away {
                self.tx.delete(key.as_slice())?;
                self.unnamed_blobs.insert(attachment.hash);
            } else {
                let len = Bytes::copy_from_slice(&attachment.len.to_be_bytes());
                self.tx.put(key.as_slice(), len)?;
            }
        }
        Ok(())
    }

    /// The media of an erased own body stay as long as that is kept, and are served no longer.
    pub(super) fn keep_blobs(
        &mut self,
        log: LogNo,
        seq: Seq,
        body: &[u8],
    ) -> Result<(), FeedsError> {
        for (key, row) in kept_rows(log, seq, body) {
            self.tx.put(key.as_slice(), row.into())?;
        }
        Ok(())
    }

    /// An erased own body is not kept any more.
    pub(super) fn drop_kept_blobs(
        &mut self,
        log: LogNo,
        seq: Seq,
        body: &[u8],
    ) -> Result<(), FeedsError> {
        for attachment in attached(body) {
            let key = keys::blob_named_by(&attachment.hash, log, seq);
            self.tx.delete(key.as_slice())?;
            self.unnamed_blobs.insert(attachment.hash);
        }
        Ok(())
    }

    /// Tells of the blobs that nothing names any more. Last of all before the commit.
    pub(super) fn tell_free_blobs(&mut self) -> Result<(), FeedsError> {
        for hash in std::mem::take(&mut self.unnamed_blobs) {
            if !self.rows().is_blob_named(&hash)? {
                self.notes.push(Note::BlobFree { hash });
            }
        }
        Ok(())
    }
}

/// The rows of the attachments of an erased body that is kept.
pub(super) fn kept_rows(log: LogNo, seq: Seq, body: &[u8]) -> Vec<(Key, Vec<u8>)> {
    let row = |attachment: Attachment| {
        let key = keys::blob_named_by(&attachment.hash, log, seq);
        let mut row = attachment.len.to_be_bytes().to_vec();
        row.push(KEPT);
        (key, row)
    };
    attached(body).into_iter().map(row).collect()
}

/// One row.
struct Naming {
    log: LogNo,
    seq: Seq,
    len: u64,
    is_kept: bool,
}

fn attached(body: &[u8]) -> Vec<Attachment> {
    Body::decode(body).map_or_else(|_| Vec::new(), |body| body.attachments)
}

impl Rows<'_> {
    pub(super) fn is_blob_named(&self, blob: &BlobHash) -> Result<bool, FeedsError> {
        Ok(!self.naming(blob, 1)?.is_empty())
    }

    /// The first entries that name a blob.
    fn naming(&self, blob: &BlobHash, limit: usize) -> Result<Vec<Naming>, FeedsError> {
        self.collect_some(&keys::blob(blob), limit, |key, value| {
            Ok(Naming {
                log: keys::u32_at(key, 33).ok_or(DAMAGED)?,
                seq: Seq(keys::u64_at(key, 37).ok_or(DAMAGED)?),
                len: keys::u64_at(value, 0).ok_or(DAMAGED)?,
                is_kept: value.get(8) == Some(&KEPT),
            })
        })
    }
}

impl FeedSnapshot {
    /// The entries that name a blob, the first of them where there are very many.
    pub(crate) fn blob_refs(&self, blob: &BlobHash) -> Result<Vec<BlobRef>, FeedsError> {
        let rows = self.rows();
        let mut logs = BTreeMap::new();
        let mut refs = Vec::new();
        for naming in rows.naming(blob, LOOKED_AT)? {
            let (log, own, served) = match logs.get(&naming.log) {
                Some(known) => *known,
                None => {
                    let row = rows.log(naming.log)?;
                    let feed = rows.feed(row.feed_no)?.ok_or(DAMAGED)?;
                    let served = feed.is_wanted() && !row.log.lane.is_private();
                    *logs
                        .entry(naming.log)
                        .or_insert((row.log, feed.own, served))
                }
            };
            refs.push(BlobRef {
                log,
                seq: naming.seq,
                len: naming.len,
                own,
                served: served && !naming.is_kept,
            });
        }
        Ok(refs)
    }

    /// Whether some entry names a blob.
    pub(crate) fn is_blob_named(&self, blob: &BlobHash) -> Result<bool, FeedsError> {
        self.rows().is_blob_named(blob)
    }

    /// Whether a blob of so many bytes is served to whoever asks.
    pub(crate) fn is_served_blob(&self, blob: &BlobHash, len: u64) -> Result<bool, FeedsError> {
        let refs = self.blob_refs(blob)?;
        Ok(refs.iter().any(|named| named.served && named.len == len))
    }

    /// Whether an entry of an own feed names a blob.
    pub(crate) fn is_own_blob(&self, blob: &BlobHash) -> Result<bool, FeedsError> {
        Ok(self.blob_refs(blob)?.iter().any(|named| named.own))
    }
}
