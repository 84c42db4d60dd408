//! Which entries name which blobs: what media may stay, and be served.
//!
//! A row stands for each attachment of a body that is held and counts. It comes and goes with the entry's other index
//! rows, in the same transaction, so media never outlive the last entry that names them, nor are they lost before it.
//! What an erased body of an own feed names stays as long as that body is kept, and is served to nobody.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use bytes::Bytes;

use super::batch::{FeedBatch, LogName, Note};
use super::error::FeedsError;
use super::index::Index;
use super::keys::{self, Key, LogNo};
use super::rows::Rows;
use super::snapshot::FeedSnapshot;
use crate::format::{BlobHash, Body, LogId, Seq};
use crate::store::prefix_end;

/// Rows looked at for one blob in one log, and in all: a feed may name one in each of its entries, and a question must
/// neither cost that much nor be answered by the first feed alone.
const OF_ONE_LOG: usize = 8;
const LOOKED_AT: usize = 1_024;

const WHAT: &str = "a reference to a blob";
const DAMAGED: FeedsError = FeedsError::Damaged { what: WHAT };

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

    /// Notes that a kept body names blobs, or that it is no longer kept.
    pub(super) fn keep_blobs(
        &mut self,
        (no, seq): (LogNo, Seq),
        body: &[u8],
        on: bool,
    ) -> Result<(), FeedsError> {
        let Ok(body) = Body::decode(body) else {
            return Ok(());
        };
        for attachment in &body.attachments {
            let key = keys::kept_blob(&attachment.hash).u32(no).u64(seq.0);
            if on {
                self.tx.put(key.as_slice(), Bytes::new())?;
            } else {
                self.tx.delete(key.as_slice())?;
                self.unnamed_blobs.insert(attachment.hash);
            }
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

impl Rows<'_> {
    pub(super) fn is_blob_named(&self, blob: &BlobHash) -> Result<bool, FeedsError> {
        Ok(self.names_any(&keys::blob(blob))?
            || self.is_blob_kept(blob)?
            || self.names_any(&keys::aside_blob(blob))?)
    }

    fn names_any(&self, prefix: &Key) -> Result<bool, FeedsError> {
        Ok(!self.collect_some(prefix, 1, |_, _| Ok(()))?.is_empty())
    }

    /// Whether a body that is kept out of sight names a blob: one of an own feed.
    fn is_blob_kept(&self, blob: &BlobHash) -> Result<bool, FeedsError> {
        self.names_any(&keys::kept_blob(blob))
    }

    /// Log, place and length of entries that name a blob: the first of each log, within [`LOOKED_AT`].
    fn naming(&self, blob: &BlobHash) -> Result<Vec<(LogNo, Seq, u64)>, FeedsError> {
        let mut found: Vec<(LogNo, Seq, u64)> = Vec::new();
        let mut from = keys::blob(blob);
        let to = prefix_end(from.as_slice());
        loop {
            let (mut of_log, mut full) = ((0, 0), None);
            self.visit(from.as_slice(), to.as_deref(), |key, value| {
                let (log, seq) = (keys::u32_at(key, 33), keys::u64_at(key, 37));
                let named = log.zip(seq).zip(keys::u64_at(value, 0));
                let ((log, seq), len) = named.ok_or(DAMAGED)?;
                of_log = (log, if of_log.0 == log { of_log.1 + 1 } else { 1 });
                if of_log.1 > OF_ONE_LOG {
                    full = log.checked_add(1);
                    return Ok(ControlFlow::Break(()));
                }
                found.push((log, Seq(seq), len));
                Ok(if found.len() < LOOKED_AT {
                    ControlFlow::Continue(())
                } else {
                    ControlFlow::Break(())
                })
            })?;
            match full {
                // On with the next log.
                Some(next) => from = keys::blob(blob).u32(next),
                None => return Ok(found),
            }
        }
    }

    /// Whether a log of an own feed names a blob.
    fn own_names(&self, blob: &BlobHash) -> Result<bool, FeedsError> {
        for (feed_no, _) in self.feeds()?.iter().filter(|(_, feed)| feed.own) {
            for log_no in self.logs_of(*feed_no)? {
                if self.names_any(&keys::blob(blob).u32(log_no))?
                    || self.names_any(&keys::aside_blob(blob).u32(log_no))?
                {
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }
}

impl FeedSnapshot {
    /// The entries that name a blob, the first of each log where there are very many.
    pub(crate) fn blob_refs(&self, blob: &BlobHash) -> Result<Vec<BlobRef>, FeedsError> {
        let rows = self.rows();
        let mut logs = BTreeMap::new();
        let mut refs = Vec::new();
        for (log_no, seq, len) in rows.naming(blob)? {
            let (log, own, served) = match logs.get(&log_no) {
                Some(known) => *known,
                None => {
                    let row = rows.log(log_no)?;
                    let feed = rows.feed(row.feed_no)?.ok_or(DAMAGED)?;
                    let served = feed.is_wanted() && !row.log.lane.is_private();
                    *logs.entry(log_no).or_insert((row.log, feed.own, served))
                }
            };
            refs.push(BlobRef {
                log,
                seq,
                len,
                own,
                served,
            });
        }
        Ok(refs)
    }

    /// Whether some entry names a blob, or a body that is kept out of sight.
    pub(crate) fn is_blob_named(&self, blob: &BlobHash) -> Result<bool, FeedsError> {
        self.rows().is_blob_named(blob)
    }

    /// Whether a blob of so many bytes is served to whoever asks.
    pub(crate) fn is_served_blob(&self, blob: &BlobHash, len: u64) -> Result<bool, FeedsError> {
        let refs = self.blob_refs(blob)?;
        Ok(refs.iter().any(|named| named.served && named.len == len))
    }

    /// Whether an entry of an own feed names a blob, even a deleted one that can be put back.
    pub(crate) fn is_own_blob(&self, blob: &BlobHash) -> Result<bool, FeedsError> {
        let (rows, refs) = (self.rows(), self.blob_refs(blob)?);
        if refs.iter().any(|named| named.own) || rows.is_blob_kept(blob)? {
            return Ok(true);
        }
        // Others may name it so often that the own name was not among those looked at.
        let may_be = refs.len() >= LOOKED_AT || rows.names_any(&keys::aside_blob(blob))?;
        Ok(may_be && rows.own_names(blob)?)
    }
}
