//! What is set aside: readable, of the log and the place that its key says, with its rows and counted.

use std::collections::{BTreeMap, BTreeSet};

use super::Check;
use super::entry::table;
use super::report::Fault;
use crate::feeds::aside::{self, Aside};
use crate::feeds::error::FeedsError;
use crate::feeds::keys::{self, FeedNo, Key, LogNo};
use crate::format::PackedRun;

const ASIDE: &str = "what is set aside";

impl Check<'_> {
    pub(super) fn aside(&mut self) -> Result<(), FeedsError> {
        let keys = self
            .rows()
            .collect(&Key::table(b'Z'), |key, _| Ok(key.to_vec()))?;
        let mut charges: BTreeMap<LogNo, u64> = BTreeMap::new();
        for key in keys {
            let no = keys::u32_at(&key, 1).unwrap_or(LogNo::MAX);
            let charge = self.one_aside(no, &key);
            let charge = self.bear(charge, || format!("a run of log {no}"))?;
            *charges.entry(no).or_default() += charge.unwrap_or(0);
        }
        let mut feeds: BTreeMap<FeedNo, u64> = BTreeMap::new();
        for no in self.logs()? {
            let Ok(row) = self.rows().log(no) else {
                continue;
            };
            let charge = charges.remove(&no).unwrap_or(0);
            *feeds.entry(row.feed_no).or_default() += charge;
            if row.aside != charge {
                self.note(ASIDE, Fault::Wrong, format!("the bytes of log {no}"));
            }
        }
        for (no, row) in self.rows().feeds()? {
            if row.aside != feeds.remove(&no).unwrap_or(0) {
                self.note(ASIDE, Fault::Wrong, format!("the bytes of {}", row.id));
            }
        }
        for (letter, what) in [(b'z', ASIDE), (b'y', table(b'y'))] {
            if self.count(letter)? > self.met.get(&letter).copied().unwrap_or(0) {
                self.note(what, Fault::Extra, "a run that is not set aside".to_owned());
            }
        }
        Ok(())
    }

    fn one_aside(&mut self, no: LogNo, key: &[u8]) -> Result<u64, FeedsError> {
        let log = self.rows().log(no)?.log;
        let value = self.snapshot.tx().value(key)?.unwrap_or_default();
        let aside = Aside::read(&log, &value)?;
        let (last, id) = aside.last();
        let of = || format!("entry {last} of log {no}");
        let packed = PackedRun::from_bytes(aside.run.packed().clone());
        // What a run leaned on need not be held any more: that it ends as its key says is all that can be known.
        let proved = packed.verify(&log, Some(&id));
        let is_right = proved.is_ok_and(|proved| proved.ids() == aside.run.ids())
            && keys::aside(no, last, &id).as_slice() == key;
        if !is_right {
            self.note(ASIDE, Fault::Wrong, of());
        }
        let until = keys::aside_until(aside.due).u32(no).u64(last.0);
        self.compare(ASIDE, until.raw(id.as_bytes()).as_slice(), &[], of)?;
        // One body may name a blob twice.
        let blobs: BTreeSet<_> = aside::blobs_of(&aside.run).into_iter().collect();
        for (hash, seq) in blobs {
            let named = keys::aside_blob(&hash).u32(no).u64(seq.0);
            self.compare(table(b'y'), named.raw(id.as_bytes()).as_slice(), &[], of)?;
        }
        Ok(aside.charge)
    }
}
