//! The rows that an entry should have, computed from it and from what counts for it.

use std::collections::{BTreeMap, BTreeSet};

use super::report::Fault;
use super::{Check, LogFacts};
use crate::feeds::amendments::{self, LookupCache};
use crate::feeds::erase::{DELETED, EXPIRED};
use crate::feeds::error::FeedsError;
use crate::feeds::fields;
use crate::feeds::index::{self, IndexEnd, folded};
use crate::feeds::keys::{self, GAP, Key, READ, SHOWN};
use crate::feeds::registers::slot_of;
use crate::feeds::row::{RegisterRow, encode};
use crate::feeds::rows::StoredEntry;
use crate::format::{Body, EntryId, EntryRef, Item, Rel, Run, Seq, lanes};

/// Keys and values.
pub(super) type Rows = BTreeMap<Vec<u8>, Vec<u8>>;

/// One entry, with what deletes and edits name it.
struct One<'a> {
    log: &'a LogFacts,
    seq: Seq,
    id: EntryId,
    item: &'a Item,
    named: &'a BTreeSet<(Seq, Rel)>,
    why: u8,
}

impl One<'_> {
    fn stored(&self) -> StoredEntry {
        StoredEntry {
            log_no: self.log.name.no,
            reference: EntryRef {
                log: self.log.name.id,
                seq: self.seq,
                id: self.id,
            },
            time: self.item.time,
            expires: self.item.expires,
            kind: self.item.kind.clone(),
            body: self.item.body.clone(),
        }
    }

    fn is_edited(&self) -> bool {
        self.named.contains(&(self.seq, Rel::Replaces))
    }
}

/// What a table is called in a report.
pub(super) fn table(letter: u8) -> &'static str {
    match letter {
        b'T' => "the timeline",
        b'P' => "the index by feed",
        b'C' => "the index by kind",
        b'G' => "the index by tag",
        b'R' => "the index of what points at an entry",
        b'W' => "the index by key",
        b'N' => "what deletes and edits name",
        b'I' => "changes of state",
        b'B' => "bodies that are missing",
        b'E' => "erased bodies",
        b'x' => "what expires",
        b'b' => "references to media",
        b'w' => "media of erased bodies that are kept",
        b'y' => "media of what is set aside",
        b'S' => "the stored runs",
        b'U' => "what is to be counted again",
        b'X' => "the proofs of forks",
        _ => "another table",
    }
}

impl Check<'_> {
    /// LookupCache up the rows of the entries of a run.
    pub(super) fn run_rows(&mut self, log: &LogFacts, run: &Run) -> Result<(), FeedsError> {
        let part = run.first()..run.end();
        let named = self
            .rows()
            .named(log.name.feed_no, &log.name.order, &part)?;
        let places = (run.first().0..).map(Seq);
        for (seq, (id, item)) in places.zip(run.ids().iter().zip(run.items())) {
            self.report.entries += 1;
            let why = self.rows().erased(log.name.no, seq)?;
            let one = One {
                log,
                seq,
                id: *id,
                item,
                named: &named,
                why,
            };
            let of = || format!("entry {seq} of {}", log.text());
            for (key, value) in self.expected(&one)? {
                let letter = key.first().copied().unwrap_or(0);
                self.compare(table(letter), &key, &value, of)?;
            }
            if why != 0 && item.body.is_some() {
                self.note("the stored runs", Fault::Wrong, of());
            }
        }
        Ok(())
    }

    /// The rows that the entry at a place should have; none if nothing is held there.
    pub(super) fn rows_at(&self, log: &LogFacts, seq: Seq) -> Result<Rows, FeedsError> {
        let part = seq..seq.next();
        let named = self
            .rows()
            .named(log.name.feed_no, &log.name.order, &part)?;
        let why = self.rows().erased(log.name.no, seq)?;
        for run in self.rows().segments(log.name.no, &log.name.id, &part)? {
            let index = usize::try_from(seq.0.saturating_sub(run.first().0)).unwrap_or(usize::MAX);
            if let (Some(item), Some(id)) = (run.items().get(index), run.id_at(seq)) {
                return self.expected(&One {
                    log,
                    seq,
                    id,
                    item,
                    named: &named,
                    why,
                });
            }
        }
        Ok(Rows::new())
    }

    fn expected(&self, one: &One<'_>) -> Result<Rows, FeedsError> {
        let mut rows = Rows::new();
        let LogFacts { name, row, .. } = one.log;
        if !self.counts(one)? {
            return Ok(rows);
        }
        let (seq, item) = (one.seq, one.item);
        let erased = self.reasons(one)?;
        let place = |table: Key| table.u32(name.no).u64(seq.0).into_vec();
        if erased != 0 {
            rows.insert(keys::erased(name.no, seq).into_vec(), vec![erased]);
        } else if item.body.is_none() {
            rows.insert(
                keys::missing(name.no, seq).into_vec(),
                one.id.as_bytes().to_vec(),
            );
        }
        let order = name.place(item.time, seq);
        let end = IndexEnd(&order, name.no);
        let lane = &name.id.lane;
        let is_shown =
            index::is_shown_lane(lane) && index::is_shown_kind(&item.kind) && erased == 0;
        let begins = row.held.around(seq).is_some_and(|held| held.start == seq);
        let has_gap = begins && seq > Seq::ZERO && index::is_shown_lane(lane);
        let mark = if is_shown { SHOWN } else { 0 } | if has_gap { GAP } else { 0 };
        if mark != 0 {
            for table in [keys::timeline(), keys::of_feed(name.feed_no)] {
                rows.insert(end.key(table).into_vec(), vec![mark]);
            }
        }
        if erased != 0 {
            return Ok(rows);
        }
        if let Some(at) = item.expires.filter(|_| !amendments::is_delete(&item.kind)) {
            rows.insert(place(keys::expires(at)), Vec::new());
        }
        if fields::is_found_lane(lane)
            && let Some(kind_no) = self.rows().kind_no(&item.kind)?
        {
            rows.insert(end.key(keys::of_kind(kind_no)).into_vec(), vec![SHOWN]);
        }
        let body = item.body.as_deref().map(Body::decode);
        if let Some(Ok(body)) = body {
            self.body_rows(one, &body, &end, is_shown, &mut rows)?;
        }
        Ok(rows)
    }

    /// Whether an entry counts. Behind a fork that is for what is held to say: what came before the proof stays.
    fn counts(&self, one: &One<'_>) -> Result<bool, FeedsError> {
        let LogFacts {
            name, row, bound, ..
        } = one.log;
        if one.seq >= *bound || row.quiet.contains(one.seq) {
            return Ok(false);
        }
        if row.forked.is_none_or(|fork| one.seq < fork) || one.item.body.is_some() || one.why != 0 {
            return Ok(true);
        }
        let missing = keys::missing(name.no, one.seq);
        Ok(self.snapshot.tx().contains(missing.as_slice())?)
    }

    /// Why the body should be erased. What has expired stays so, whatever the clock says now.
    fn reasons(&self, one: &One<'_>) -> Result<u8, FeedsError> {
        if amendments::is_delete(&one.item.kind) {
            return Ok(0);
        }
        let name = &one.log.name;
        let entry = (&name.id, one.seq, one.id);
        let cache = &mut LookupCache::default();
        let verdict = self.rows().judge(name.feed_no, entry, cache)?;
        let deleted = if verdict.deleted { DELETED } else { 0 };
        let expired = if one.item.expires.is_some() {
            one.why & EXPIRED
        } else {
            0
        };
        Ok(deleted | expired)
    }

    /// The rows that come from what is in the body.
    fn body_rows(
        &self,
        one: &One<'_>,
        body: &Body,
        end: &IndexEnd<'_>,
        is_shown: bool,
        rows: &mut Rows,
    ) -> Result<(), FeedsError> {
        let LogFacts { name, .. } = one.log;
        let (item, lane) = (one.item, &name.id.lane);
        let stored = one.stored();
        let edits = if one.is_edited() {
            self.rows().edits_of(name.feed_no, &stored)?
        } else {
            Vec::new()
        };
        if is_shown {
            let edited = edits.iter().flat_map(|edit| folded(&edit.body.tags));
            for tag in folded(&body.tags).into_iter().chain(edited) {
                rows.insert(end.key(keys::of_tag(&tag)).into_vec(), vec![SHOWN]);
            }
        }
        if fields::is_found_lane(lane) {
            for of in self.types.reading(&item.kind) {
                for (index, key) in self.rows().fields_of(name.feed_no, of, &stored)? {
                    let table = keys::of_index(of.number(), index).raw(&key);
                    rows.insert(end.key(table).into_vec(), vec![SHOWN]);
                }
            }
        }
        for attachment in &body.attachments {
            let key = keys::blob_named_by(&attachment.hash, name.no, one.seq);
            rows.insert(key.into_vec(), attachment.len.to_be_bytes().to_vec());
        }
        rows.extend(amendments::rows_of(
            *name,
            (one.seq, one.id),
            &item.kind,
            body,
        ));
        self.ref_rows(one, body, end, rows);
        if *lane == lanes::STATE || lane.is_private() {
            self.state_row(one, body, rows)?;
        }
        Ok(())
    }

    fn ref_rows(&self, one: &One<'_>, body: &Body, end: &IndexEnd<'_>, rows: &mut Rows) {
        let (name, kind) = (&one.log.name, &one.item.kind);
        let is_read = index::is_shown_lane(&name.id.lane) && index::is_shown_kind(kind);
        let reacts = index::reaction(name.feed_no, &name.id.lane, kind, body);
        for r in body.refs.iter().filter(|r| !matches!(r.rel, Rel::Other(_))) {
            let mut value = vec![if is_read { SHOWN | READ } else { SHOWN }];
            if let Some((target, extra)) = &reacts
                && r.rel == Rel::Reaction
                && *target == r.target.id
            {
                value.extend_from_slice(extra);
            }
            let table = keys::of_target(&r.target.id).raw(&[r.rel.into()]);
            rows.insert(end.key(table).into_vec(), value);
        }
    }

    fn state_row(&self, one: &One<'_>, body: &Body, rows: &mut Rows) -> Result<(), FeedsError> {
        let name = &one.log.name;
        let Some(kind_no) = self.rows().kind_no(&one.item.kind)? else {
            return Ok(());
        };
        let slot = slot_of(&name.id.lane, &one.item.kind, body);
        let key = keys::state_slot(name.feed_no, kind_no, &slot);
        let row = RegisterRow {
            id: one.id,
            time: one.item.time,
            replaces: body
                .targets(Rel::Replaces)
                .map(|target| target.id)
                .collect(),
        };
        let key = key.u32(name.no).u64(one.seq.0);
        rows.insert(key.into_vec(), encode(&row).to_vec());
        Ok(())
    }
}
