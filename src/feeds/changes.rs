//! Arrival order: everything stored, each thing once, in the order stored.

use std::ops::ControlFlow;

use super::error::FeedsError;
use super::keys::{self, LogNo};
use super::row::{ArrivalEvent, decode};
use super::rows::StoredEntry;
use super::snapshot::FeedSnapshot;
use crate::format::{EntryId, Item, LogId, Run, Seq};
use crate::store::Direction;

/// One thing that happened to the store.
#[derive(Debug, Clone)]
pub(crate) struct Changed {
    /// Its arrival number. The next one may be more than one higher.
    pub(crate) number: u64,
    pub(crate) change: Change,
}

/// What happened.
#[derive(Debug, Clone)]
pub(crate) enum Change {
    /// An entry came in, perhaps without its body.
    Entry(StoredEntry),
    /// The body of an entry came in.
    Body(StoredEntry),
    /// The body of an entry was dropped: deleted or expired.
    Erased(StoredEntry),
    /// A Retire cut an entry, or it is of another branch than the true one: it no longer counts.
    Gone(StoredEntry),
    /// Two branches of a log are known.
    Forked { log: LogId, at: Seq },
    /// It is settled which branch of a log is true.
    Settled { log: LogId },
}

impl FeedSnapshot {
    /// Changes from number `from` on, at least one if there is one, about `limit` at the most.
    pub(crate) fn changes(&self, from: u64, limit: usize) -> Result<Vec<Changed>, FeedsError> {
        let mut found = Vec::new();
        for (at, event) in self.events(from, limit)? {
            self.expand(at, event, from, &mut found)?;
            if found.len() >= limit {
                break;
            }
        }
        Ok(found)
    }

    fn events(&self, from: u64, limit: usize) -> Result<Vec<(u64, ArrivalEvent)>, FeedsError> {
        let what = "an event";
        let mut events = Vec::new();
        // The row that `from` lies in may begin before it.
        let mut start = keys::arrival(from).into_vec();
        let before = keys::arrival(from.saturating_add(1));
        let table = keys::Key::table(keys::ARRIVAL);
        self.tx().scan(
            table.as_slice(),
            Some(before.as_slice()),
            Direction::Descending,
            &mut |key, _| {
                start = key.to_vec();
                ControlFlow::Break(())
            },
        )?;
        let end = keys::arrival(u64::MAX);
        let mut failed = None;
        self.tx().scan(
            &start,
            Some(end.as_slice()),
            Direction::Ascending,
            &mut |key, value| {
                match (keys::u64_at(key, 1), decode::<ArrivalEvent>(what, value)) {
                    (Some(at), Ok(event)) => {
                        if at.saturating_add(event.width()) > from {
                            events.push((at, event));
                        }
                    }
                    (None, _) => failed = Some(FeedsError::Damaged { what }),
                    (_, Err(error)) => failed = Some(error),
                }
                if failed.is_some() || events.len() >= limit {
                    ControlFlow::Break(())
                } else {
                    ControlFlow::Continue(())
                }
            },
        )?;
        failed.map_or(Ok(events), Err)
    }

    fn expand(
        &self,
        at: u64,
        event: ArrivalEvent,
        from: u64,
        found: &mut Vec<Changed>,
    ) -> Result<(), FeedsError> {
        let rows = self.rows();
        match event {
            ArrivalEvent::Entries { log, first, count } => {
                let skip = from.saturating_sub(at).min(count);
                for (index, entry) in self
                    .stored(log, first.plus(skip)..first.plus(count))?
                    .into_iter()
                    .enumerate()
                {
                    let number = at + skip + index as u64;
                    found.push(Changed {
                        number,
                        change: Change::Entry(entry),
                    });
                }
            }
            ArrivalEvent::Gone { log, first, count } => {
                for entry in self.stored(log, first..first.plus(count))? {
                    found.push(Changed {
                        number: at,
                        change: Change::Gone(entry),
                    });
                }
            }
            ArrivalEvent::Aside { log, end, last, .. } => {
                for entry in self.set_aside(log, end, last)? {
                    found.push(Changed {
                        number: at,
                        change: Change::Gone(entry),
                    });
                }
            }
            ArrivalEvent::Body { log, seq } | ArrivalEvent::Erased { log, seq } => {
                let erased = matches!(event, ArrivalEvent::Erased { .. });
                for entry in self.stored(log, seq..seq.next())? {
                    let change = if erased {
                        Change::Erased(entry)
                    } else {
                        Change::Body(entry)
                    };
                    found.push(Changed { number: at, change });
                }
            }
            ArrivalEvent::Forked { log, at: place } => {
                let log = rows.log(log)?.log;
                found.push(Changed {
                    number: at,
                    change: Change::Forked { log, at: place },
                });
            }
            ArrivalEvent::Settled { log } => {
                let log = rows.log(log)?.log;
                found.push(Changed {
                    number: at,
                    change: Change::Settled { log },
                });
            }
        }
        Ok(())
    }

    /// The entries of a run that was set aside, as long as it is kept.
    fn set_aside(
        &self,
        log_no: LogNo,
        end: Seq,
        last: EntryId,
    ) -> Result<Vec<StoredEntry>, FeedsError> {
        let rows = self.rows();
        let log = rows.log(log_no)?.log;
        let place = Seq(end.0.saturating_sub(1));
        let aside = rows.aside(log_no, &log, place, &last)?;
        let runs = aside.into_iter().map(|aside| aside.run);
        let all = Seq::ZERO..Seq(u64::MAX);
        Ok(runs
            .flat_map(|run| entries_of(log_no, &run, &all))
            .collect())
    }

    fn stored(
        &self,
        log_no: LogNo,
        range: std::ops::Range<Seq>,
    ) -> Result<Vec<StoredEntry>, FeedsError> {
        let rows = self.rows();
        let log = rows.log(log_no)?.log;
        let mut found = Vec::new();
        for run in rows.segments(log_no, &log, &range)? {
            found.extend(entries_of(log_no, &run, &range));
        }
        Ok(found)
    }
}

fn entries_of(log_no: LogNo, run: &Run, range: &std::ops::Range<Seq>) -> Vec<StoredEntry> {
    let places = (run.first().0..).map(Seq).zip(run.items());
    let inside = places.filter(|(seq, _)| range.contains(seq));
    let stored = |(seq, item): (Seq, &Item)| {
        Some(StoredEntry {
            log_no,
            reference: run.reference(seq)?,
            time: item.time,
            expires: item.expires,
            kind: item.kind.clone(),
            body: item.body.clone(),
        })
    };
    inside.filter_map(stored).collect()
}
