//! Entries that have their names already and no signature yet: any number of appends then share one.

use super::super::entry::{Draft, check_body_len, check_place};
use super::super::error::FormatError;
use super::super::id::{EntryId, EntryRef, LogId, Seq};
use super::super::key::DeviceSecret;
use super::pack::pack;
use super::{Chain, Closing, Item, Run};

/// The next entries of one log, chained and not signed.
pub(crate) struct Unsigned {
    log: LogId,
    first: Seq,
    prev: EntryId,
    chain: Chain,
    items: Vec<Item>,
    ids: Vec<EntryId>,
}

impl Unsigned {
    /// Begins after the log's last entry, whose id is `prev`.
    pub(crate) fn new(log: &LogId, first: Seq, prev: EntryId) -> Result<Self, FormatError> {
        check_place(first, prev)?;
        Ok(Self {
            log: *log,
            first,
            prev,
            chain: Chain::new(log, first, prev),
            items: Vec::new(),
            ids: Vec::new(),
        })
    }

    pub(crate) const fn log(&self) -> &LogId {
        &self.log
    }

    pub(crate) const fn len(&self) -> usize {
        self.items.len()
    }

    /// Adds drafts as the next entries, all of them or none, and names them.
    pub(crate) fn extend(&mut self, drafts: &[Draft]) -> Result<Vec<EntryRef>, FormatError> {
        let begin = self.chain.seq;
        let last = begin.plus((drafts.len() as u64).saturating_sub(1));
        check_place(last, self.prev)?;
        let mut items = drafts
            .iter()
            .map(|draft| {
                let body_len = check_body_len(&self.log.lane, draft.body.len() as u64)?;
                Ok(Item {
                    time: draft.time,
                    expires: draft.expires,
                    kind: draft.kind.clone(),
                    body_len,
                    body_hash: None,
                    body: Some(draft.body.clone()),
                })
            })
            .collect::<Result<Vec<_>, FormatError>>()?;
        let ids: Vec<EntryId> = items.iter_mut().map(|item| self.chain.next(item)).collect();
        let names = (begin.0..).map(Seq).zip(&ids).map(|(seq, id)| EntryRef {
            log: self.log,
            seq,
            id: *id,
        });
        let names = names.collect();
        self.items.append(&mut items);
        self.ids.extend(ids);
        Ok(names)
    }

    /// Signs them: one run for each block they touch, each signed at its last entry.
    pub(crate) fn sign(self, secret: &DeviceSecret) -> Result<Vec<Run>, FormatError> {
        let Self {
            log,
            mut first,
            mut prev,
            items,
            ids,
            ..
        } = self;
        if secret.id() != log.device {
            return Err(FormatError::Run {
                first,
                why: "its log is that of another device than the one that signs",
            });
        }
        let mut runs = Vec::new();
        let (mut items, mut ids) = (items.into_iter(), ids.into_iter());
        while items.len() > 0 {
            let room = usize::try_from(first.block_end().0 - first.0).unwrap_or(1);
            let part: Vec<Item> = items.by_ref().take(room).collect();
            let ids: Vec<EntryId> = ids.by_ref().take(room).collect();
            let last = ids.last().copied().unwrap_or(prev);
            let closing = Closing::Signed(secret.sign_entry(&last));
            let packed = pack(first, &prev, &part, &closing);
            let run = Run {
                log,
                first,
                prev,
                items: part,
                ids,
                closing,
                packed,
            };
            (first, prev) = (run.end(), last);
            runs.push(run);
        }
        Ok(runs)
    }
}
