//! Indexes of types that the store did not know before: built once, at opening, in bounded writes.
//!
//! A row for each type ever registered says what its rows were made from and how far that is done, so that a kill in
//! between costs no work twice. A type that the store was opened without may have missed entries and deletes: its rows
//! are made anew when it comes back.

use std::ops::ControlFlow;

use serde::{Deserialize, Serialize};

use super::{ContentType, Registered, Types};
use crate::feeds::FeedStore;
use crate::feeds::batch::FeedBatch;
use crate::feeds::error::FeedsError;
use crate::feeds::index::{Index, IndexEnd};
use crate::feeds::keys::{self, SHOWN};
use crate::feeds::row::{decode, encode};
use crate::format::Kind;
use crate::store::{Direction, Durability, prefix_end};

/// Rows looked at in one write: some megabytes of changes at the most. Tests want many writes of few entries.
const ROWS: usize = if cfg!(test) { 16 } else { 2_048 };

const WHAT: &str = "the row of a type";

/// What the rows of a type were made from, and how far.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct TypeRow {
    older: Vec<String>,
    indexes: Vec<String>,
    built: Built,
}

/// How far the rows of a type are made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
enum Built {
    /// There may be wrong ones, which must go first.
    Not,
    /// Those of so many kinds, and of the next one up to a row of the index by kind.
    Part { kinds: u32, from: Vec<u8> },
    /// All, and each write keeps them so.
    Whole,
}

impl TypeRow {
    fn new(of: &ContentType) -> Self {
        let owned = |names: &[&str]| names.iter().map(ToString::to_string).collect();
        Self {
            older: owned(of.older),
            indexes: owned(of.indexes),
            built: Built::Not,
        }
    }
}

/// Sees to it that the rows of the given types are whole, and that those of others are known not to be.
pub(in crate::feeds) fn register(
    store: &FeedStore,
    types: &[ContentType],
) -> Result<Types, FeedsError> {
    let mut batch = store.batch()?;
    let mut changed = batch.forget_others(types)?;
    let mut registered = Vec::with_capacity(types.len());
    let mut begun = Vec::new();
    for of in types {
        let no = batch.intern_kind(&Kind::new(of.kind)?)?;
        registered.push(Registered { of: *of, no });
        let known = batch.type_row(of.kind)?;
        let mut row = TypeRow::new(of);
        if let Some(known) = known.filter(|known| known.is_of(&row)) {
            row = known;
        } else {
            batch.put_type(of.kind, &row)?;
            changed = true;
        }
        begun.push(row);
    }
    if changed {
        batch.commit(Durability::Durable)?;
    } else {
        drop(batch);
    }
    for (registered, row) in registered.iter().zip(begun) {
        build(store, registered, row)?;
    }
    Ok(Types::new(registered))
}

impl TypeRow {
    fn is_of(&self, other: &Self) -> bool {
        self.older == other.older && self.indexes == other.indexes
    }
}

fn build(store: &FeedStore, of: &Registered, mut row: TypeRow) -> Result<(), FeedsError> {
    while row.built != Built::Whole {
        let mut batch = store.batch()?;
        row.built = match row.built {
            Built::Not if batch.clear_some(of)? => Built::Not,
            Built::Not => Built::Part {
                kinds: 0,
                from: Vec::new(),
            },
            Built::Part { kinds, from } => batch.build_some(of, kinds, from)?,
            Built::Whole => Built::Whole,
        };
        batch.put_type(of.of.kind, &row)?;
        let durability = if row.built == Built::Whole {
            Durability::Checkpoint
        } else {
            Durability::Relaxed
        };
        batch.commit(durability)?;
    }
    Ok(())
}

impl FeedBatch<'_> {
    fn type_row(&self, kind: &str) -> Result<Option<TypeRow>, FeedsError> {
        let row = self.tx.value(keys::content_type(kind).as_slice())?;
        row.map(|bytes| decode(WHAT, &bytes)).transpose()
    }

    fn put_type(&mut self, kind: &str, row: &TypeRow) -> Result<(), FeedsError> {
        Ok(self
            .tx
            .put(keys::content_type(kind).as_slice(), encode(row))?)
    }

    /// Notes that this store is open without the types of other kinds; says whether that is new.
    fn forget_others(&mut self, types: &[ContentType]) -> Result<bool, FeedsError> {
        let table = keys::content_type("");
        let known = self.rows().collect(&table, |key, value| {
            let kind = key.get(table.as_slice().len()..).unwrap_or_default();
            let kind = String::from_utf8_lossy(kind).into_owned();
            Ok((kind, decode::<TypeRow>(WHAT, value)?))
        })?;
        let mut changed = false;
        for (kind, mut row) in known {
            let is_there = types.iter().any(|of| of.kind == kind);
            if !is_there && row.built != Built::Not {
                row.built = Built::Not;
                self.put_type(&kind, &row)?;
                changed = true;
            }
        }
        Ok(changed)
    }

    /// Takes away some rows of a type; says whether there may be more.
    fn clear_some(&mut self, of: &Registered) -> Result<bool, FeedsError> {
        let prefix = keys::indexes_of(of.no);
        let mut rows = Vec::new();
        self.tx
            .scan_prefix(prefix.as_slice(), Direction::Ascending, &mut |key, _| {
                rows.push(key.to_vec());
                go_on(rows.len() < ROWS)
            })?;
        for key in &rows {
            self.tx.delete(key)?;
        }
        Ok(rows.len() >= ROWS)
    }

    /// Goes through some entries of a kind that a type reads, and says how far that went.
    fn build_some(
        &mut self,
        of: &Registered,
        kinds: u32,
        from: Vec<u8>,
    ) -> Result<Built, FeedsError> {
        let at = usize::try_from(kinds).unwrap_or(usize::MAX);
        let Some(kind) = of.of.kinds().nth(at).filter(|_| !of.of.indexes.is_empty()) else {
            return Ok(Built::Whole);
        };
        let next_kind = Built::Part {
            kinds: kinds + 1,
            from: Vec::new(),
        };
        let kind = Kind::new(kind)?;
        let Some(kind_no) = self.rows().kind_no(&kind)? else {
            return Ok(next_kind);
        };
        let prefix = keys::of_kind(kind_no);
        let start = if from.is_empty() {
            prefix.as_slice()
        } else {
            &from
        };
        let mut rows = Vec::new();
        self.tx.scan(
            start,
            prefix_end(prefix.as_slice()).as_deref(),
            Direction::Ascending,
            &mut |key, mark| {
                rows.push((key.to_vec(), mark.first().copied().unwrap_or(0)));
                go_on(rows.len() < ROWS)
            },
        )?;
        for (key, _) in rows.iter().filter(|(_, mark)| mark & SHOWN != 0) {
            self.build_entry(of, key)?;
        }
        match rows.pop() {
            Some((mut last, _)) if rows.len() + 1 == ROWS => {
                last.push(0);
                Ok(Built::Part { kinds, from: last })
            }
            _ => Ok(next_kind),
        }
    }

    fn build_entry(&mut self, of: &Registered, key: &[u8]) -> Result<(), FeedsError> {
        let what = "an index row";
        let (order, log_no) = keys::place_at_end(key).ok_or(FeedsError::Damaged { what })?;
        let name = self.log_name(log_no)?;
        let Some(entry) = self.rows().entry(log_no, &name.id, order.seq)? else {
            return Ok(());
        };
        let end = IndexEnd(&order, log_no);
        for (index, key) in self.rows().fields_of(name.feed_no, of, &entry)? {
            self.mark(keys::of_index(of.no, index).raw(&key), &end, Index::New)?;
        }
        Ok(())
    }
}

const fn go_on(on: bool) -> ControlFlow<()> {
    if on {
        ControlFlow::Continue(())
    } else {
        ControlFlow::Break(())
    }
}
