//! Tables that are about more than one entry, and rows that belong to none.

use std::collections::BTreeSet;
use std::ops::{ControlFlow, Range};

use super::Check;
use super::entry::table;
use super::report::Fault;
use crate::feeds::amendments;
use crate::feeds::erase::DELETED;
use crate::feeds::error::FeedsError;
use crate::feeds::keys::{self, Key, LogNo};
use crate::feeds::row::{ArrivalEvent, FeedRow, LogRow, Profile, Ranges, decode};
use crate::format::{BlobHash, Body, Run, Seq, Statement, Timestamp};
use crate::store::Direction;

/// Tables whose rows belong to one entry each.
const OF_ENTRIES: &[u8] = b"TPCGRWNIBExb";
/// Rows of such a table that are looked at in one go.
const ROWS: usize = 4_096;

const NUMBERS: &str = "the table of names and numbers";
const FEEDS: &str = "the table of feeds";
const ARRIVAL: &str = "arrival order";
const PROFILES: &str = "profiles";
const COUNTERS: &str = "the row of counters";

/// Where the number of the log stands in a row of a table, and the place behind it.
fn place_of(key: &[u8]) -> Option<(LogNo, Seq)> {
    let at = match key.first()? {
        b'T' | b'P' | b'C' | b'G' | b'R' | b'W' => {
            let (order, log) = keys::place_at_end(key)?;
            return Some((log, order.seq));
        }
        b'N' => amendments::BY_LOG,
        b'I' => 17,
        b'x' => 9,
        b'b' => 33,
        _ => 1,
    };
    Some((keys::u32_at(key, at)?, Seq(keys::u64_at(key, at + 4)?)))
}

impl Check<'_> {
    /// Arrival order tells of things that are held, in numbers that go up.
    pub(super) fn arrival(&mut self) -> Result<(), FeedsError> {
        let (from, to) = (keys::arrival(0), keys::arrival(u64::MAX));
        let mut next = 0;
        let mut wrong = Vec::new();
        let mut told = std::mem::take(&mut self.told);
        self.rows()
            .visit(from.as_slice(), Some(to.as_slice()), |key, value| {
                let at = keys::u64_at(key, 1).unwrap_or(0);
                let Ok(event) = decode::<ArrivalEvent>(ARRIVAL, value) else {
                    wrong.push((at, Fault::Unreadable));
                    return Ok(ControlFlow::Continue(()));
                };
                if at < next {
                    wrong.push((at, Fault::Wrong));
                }
                next = at.saturating_add(event.width());
                match event {
                    ArrivalEvent::Entries { log, first, count } => {
                        let told = told.entry(log).or_default();
                        told.insert(first..first.plus(count));
                    }
                    ArrivalEvent::Aside {
                        log, first, end, ..
                    } => {
                        let told = told.entry(log).or_default();
                        told.remove(&(first..end));
                    }
                    // Where they are told of and held no longer, they count no longer either.
                    ArrivalEvent::Gone { log, first, count } => {
                        let told = told.entry(log).or_default();
                        told.remove(&(first..first.plus(count)));
                    }
                    _ => {}
                }
                Ok(ControlFlow::Continue(()))
            })?;
        if next > self.counters.arrival {
            wrong.push((next, Fault::Extra));
        }
        let untrue: Vec<_> = told.iter().map(|(no, told)| (*no, told.clone())).collect();
        self.told = told;
        for (no, told) in untrue {
            let log = self.rows().log(no);
            let held = log.map_or_else(
                |_| Ranges::default(),
                |row| {
                    let mut held = row.held;
                    held.insert(Seq::ZERO..row.dropped);
                    held
                },
            );
            for Range { start, end } in told.iter().flat_map(|part| held.absent(part)) {
                let of = format!("entries {start} to {end} of log {no}");
                self.note(ARRIVAL, Fault::Extra, of);
            }
        }
        for (at, fault) in wrong {
            self.note(ARRIVAL, fault, format!("number {at}"));
        }
        Ok(())
    }

    /// Feeds, logs and kinds have the numbers that their names have.
    pub(super) fn names(&mut self) -> Result<(), FeedsError> {
        let feeds = self
            .rows()
            .collect(&Key::table(keys::FEEDS), |key, value| {
                let row: FeedRow = decode(FEEDS, value)?;
                Ok((number(key), keys::feed_by_id(row.id.as_bytes())))
            })?;
        let logs = self.rows().collect(&Key::table(keys::LOGS), |key, value| {
            let LogRow { feed_no, log, .. } = decode("the row of a log", value)?;
            let name = keys::log_by_id(feed_no, log.device.as_bytes(), log.lane.as_str());
            Ok((number(key), name))
        })?;
        let kinds = self
            .rows()
            .collect(&Key::table(keys::KINDS), |key, value| {
                Ok((number(key), Key::table(b'K').raw(value)))
            })?;
        let next = [self.counters.feed, self.counters.log, self.counters.kind];
        for ((letter, named), next) in [(b'F', feeds), (b'L', logs), (b'K', kinds)]
            .into_iter()
            .zip(next)
        {
            let mut count = 0;
            for (no, name) in named {
                count += 1;
                let of = || format!("number {no}");
                self.compare(NUMBERS, name.as_slice(), &no.to_be_bytes(), of)?;
                if no >= next {
                    self.note(COUNTERS, Fault::Wrong, of());
                }
            }
            if self.count(letter)? != count {
                self.note(
                    NUMBERS,
                    Fault::Extra,
                    "a name without its number".to_owned(),
                );
            }
        }
        Ok(())
    }

    /// Statements, admins, profiles and follows of each feed.
    pub(super) fn feeds(&mut self) -> Result<(), FeedsError> {
        let feeds = self.rows().feeds()?;
        let own: Vec<_> = feeds
            .iter()
            .filter(|(_, row)| row.own)
            .map(|(no, _)| *no)
            .collect();
        for (no, row) in &feeds {
            let statements = self.statements(*no, row);
            self.bear(statements, || row.id.to_string())?;
            let profile = self.profile(*no, row);
            self.bear(profile, || row.id.to_string())?;
            let mut followed = false;
            for own in &own {
                followed |= self.rows().follows(*own, &row.id)?;
            }
            if row.followed != followed {
                self.note(
                    FEEDS,
                    Fault::Wrong,
                    format!("{}, whether it is followed", row.id),
                );
            }
        }
        for (letter, what) in [
            (b'a', "devices whose word counts"),
            (b'D', "statements"),
            (b'q', "profiles by tag"),
            (b'Q', PROFILES),
        ] {
            let met = self.met.get(&letter).copied().unwrap_or(0);
            if self.count(letter)? > met {
                self.note(what, Fault::Extra, "something that no feed says".to_owned());
            }
        }
        Ok(())
    }

    fn statements(&mut self, no: u32, row: &FeedRow) -> Result<(), FeedsError> {
        let mut held = 0;
        for (key, bytes) in self
            .rows()
            .collect(&keys::statements_of(no), |key, value| {
                Ok((key.to_vec(), value.to_vec()))
            })?
        {
            self.meet(b'D');
            held += 1;
            let is_right = Statement::decode(&bytes).is_ok_and(|statement| {
                let expected = keys::statements_of(no).raw(statement.id().as_bytes());
                *statement.feed() == row.id && expected.as_slice() == key
            });
            if !is_right {
                self.note("statements", Fault::Wrong, row.id.to_string());
                return Ok(());
            }
        }
        let trust = self.trust_of(no, row)?;
        let digest = trust.statements.digest();
        // A feed of which no statement was ever taken has no digest yet.
        let is_new = held == 0 && row.statements == [0; 16];
        if trust.statements.iter().count() != held || (!is_new && digest != row.statements) {
            self.note("statements", Fault::Wrong, row.id.to_string());
        }
        for device in trust.speakers() {
            let key = keys::speaker(no, &device);
            let of = || format!("{device} in {}", row.id);
            self.compare("devices whose word counts", key.as_slice(), &[], of)?;
        }
        Ok(())
    }

    fn profile(&mut self, no: u32, row: &FeedRow) -> Result<(), FeedsError> {
        let stored = self.rows().profile(no)?;
        if self.snapshot.tx().contains(keys::profile(no).as_slice())? {
            self.meet(b'Q');
        }
        let merged: Profile = self.rows().merged_profile(no)?;
        if stored != merged {
            self.note(PROFILES, Fault::Wrong, row.id.to_string());
        }
        for tag in merged.folded_tags() {
            let key = keys::profiles_by_tag(&tag).u32(no);
            let of = || format!("{}, tag {tag}", row.id);
            self.compare("profiles by tag", key.as_slice(), &[], of)?;
        }
        Ok(())
    }

    /// Bodies that are kept out of sight are those of deleted entries of own feeds, and have their time.
    pub(super) fn kept(&mut self) -> Result<(), FeedsError> {
        let what = "erased bodies that are kept";
        let kept = self.rows().collect(&Key::table(b'V'), |key, value| {
            let due = keys::u64_at(value, 0).unwrap_or(0).cast_signed();
            let purged = value.get(8).is_some_and(|flag| *flag != 0);
            let body = value.get(9..).unwrap_or_default();
            Ok((place_of(key), (due, purged), body.to_vec()))
        })?;
        let mut times = 0;
        for (place, (due, purged), body) in kept {
            let Some((no, seq)) = place else { continue };
            let of = || format!("entry {seq} of log {no}");
            let until = keys::kept_until(Timestamp(due)).u32(no).u64(seq.0);
            self.compare(what, until.as_slice(), &[], of)?;
            times += 1;
            let is_its_own = self.facts(no).is_ok_and(|log| {
                let runs = self.rows().segments(no, &log.name.id, &(seq..seq.next()));
                let mut entries = runs.iter().flatten().flat_map(Run::entries);
                let entry = entries.find(|entry| entry.header().seq() == seq);
                let is_kept = |entry: crate::format::Entry| {
                    let cache = &mut amendments::LookupCache::default();
                    let verdict = self.rows().is_deleted(log.name, seq, entry.id(), cache);
                    let as_said = verdict.is_ok_and(|verdict| verdict.purged_elsewhere == purged);
                    as_said && entry.header().matches_body(&body)
                };
                log.own && entry.is_some_and(is_kept)
            });
            if !is_its_own || self.rows().erased(no, seq)? != DELETED {
                self.note(what, Fault::Extra, of());
            }
            for blob in blobs_of(&body) {
                let named = keys::kept_blob(&blob).u32(no).u64(seq.0);
                self.compare(table(b'w'), named.as_slice(), &[], of)?;
            }
        }
        for (no, seq, body) in self.rows().cut_bodies()? {
            for blob in blobs_of(&body) {
                let of = || format!("entry {seq} of log {no}");
                let named = keys::kept_blob(&blob).u32(no).u64(seq.0);
                self.compare(table(b'w'), named.as_slice(), &[], of)?;
            }
        }
        if self.count(b'w')? > self.met.get(&b'w').copied().unwrap_or(0) {
            self.note(table(b'w'), Fault::Extra, "a body not kept".to_owned());
        }
        if self.count(b'v')? > times {
            self.note(what, Fault::Extra, "a time without its body".to_owned());
        }
        Ok(())
    }

    pub(super) fn logs(&self) -> Result<Vec<LogNo>, FeedsError> {
        self.rows()
            .collect(&Key::table(keys::LOGS), |key, _| Ok(number(key)))
    }

    pub(super) fn totals(&mut self) {
        if (self.own_entries, self.entries) != (self.counters.own_entries, self.counters.entries) {
            self.note(
                COUNTERS,
                Fault::Wrong,
                "the number of entries held".to_owned(),
            );
        }
    }

    /// Goes through the tables that have more rows than were met.
    pub(super) fn extras(&mut self) -> Result<(), FeedsError> {
        for letter in [b'S', b'U', b'X'] {
            if self.count(letter)? > self.met.get(&letter).copied().unwrap_or(0) {
                self.note(
                    table(letter),
                    Fault::Extra,
                    "a log that is not known".to_owned(),
                );
            }
        }
        for letter in OF_ENTRIES {
            // Rows of types that the store was opened without stay until they are back.
            let is_stale = *letter == b'W' && self.types.is_empty();
            if !is_stale && self.count(*letter)? > self.met.get(letter).copied().unwrap_or(0) {
                self.extras_of(*letter)?;
            }
        }
        Ok(())
    }

    fn extras_of(&mut self, letter: u8) -> Result<(), FeedsError> {
        let mut from = vec![letter];
        loop {
            let mut keys = Vec::with_capacity(ROWS);
            let end = [letter + 1];
            let visit = &mut |key: &[u8], _: &[u8]| {
                keys.push(key.to_vec());
                if keys.len() < ROWS {
                    ControlFlow::Continue(())
                } else {
                    ControlFlow::Break(())
                }
            };
            self.snapshot
                .tx()
                .scan(&from, Some(&end), Direction::Ascending, visit)?;
            for key in &keys {
                self.extra(letter, key)?;
            }
            match keys.pop() {
                Some(last) if keys.len() + 1 == ROWS => {
                    from = last;
                    from.push(0);
                }
                _ => return Ok(()),
            }
        }
    }

    fn extra(&mut self, letter: u8, key: &[u8]) -> Result<(), FeedsError> {
        let of_unknown_type =
            letter == b'W' && !keys::u32_at(key, 1).is_some_and(|no| self.types.has(no));
        if of_unknown_type {
            return Ok(());
        }
        let Some((no, seq)) = place_of(key) else {
            self.note(table(letter), Fault::Unreadable, "some entry".to_owned());
            return Ok(());
        };
        let expected = match self.facts(no) {
            Ok(log) => self.rows_at(&log, seq).map(|rows| rows.contains_key(key)),
            Err(FeedsError::Damaged { .. }) => Ok(false),
            Err(error) => Err(error),
        };
        // Of a log that cannot be read nothing can be said; that it cannot be was said already.
        let expected = match expected {
            Err(FeedsError::Damaged { .. }) => true,
            expected => expected?,
        };
        if !expected {
            let log = self.rows().log(no).map(|row| super::text(&row.log));
            let log = log.unwrap_or_else(|_| format!("log {no}"));
            self.note(table(letter), Fault::Extra, format!("entry {seq} of {log}"));
        }
        Ok(())
    }

    pub(super) fn count(&self, letter: u8) -> Result<u64, FeedsError> {
        let mut rows = 0;
        let visit = &mut |_: &[u8], _: &[u8]| {
            rows += 1;
            ControlFlow::Continue(())
        };
        self.snapshot
            .tx()
            .scan(&[letter], Some(&[letter + 1]), Direction::Ascending, visit)?;
        Ok(rows)
    }
}

/// The blobs that a body names, each once.
fn blobs_of(body: &[u8]) -> BTreeSet<BlobHash> {
    let body = Body::decode(body);
    let attachments = body.into_iter().flat_map(|body| body.attachments);
    attachments.map(|attachment| attachment.hash).collect()
}

fn number(key: &[u8]) -> u32 {
    keys::u32_at(key, 1).unwrap_or(u32::MAX)
}
