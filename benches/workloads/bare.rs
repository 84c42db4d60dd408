//! Bare redb, with the least rows that could serve: a row a run, four index rows a post.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use redb::{Database, ReadableDatabase as _, TableDefinition};
use tidings::format::Run;

use super::data::{self, AUTHORS};
use super::machine::{Tries, now, timed};

const TABLE: TableDefinition<'static, &[u8], &[u8]> = TableDefinition::new("bare");
/// Posts of a large transaction: more gain nothing, and all of them are held in memory.
const TRANSACTION: u64 = 50_000;
/// Bytes of an index key beyond its time: table, number or hash, place in the log, log.
const INDEX_ROWS: [(u8, usize); 4] = [(b'T', 0), (b'P', 4), (b'C', 4), (b'G', 8)];

type Rows = Vec<(Vec<u8>, Vec<u8>)>;

/// A bare redb database.
pub(crate) struct Bare {
    database: Database,
    single: u64,
}

impl Bare {
    pub(crate) fn create(folder: &Path) -> Self {
        let database = Database::create(folder.join("bare.redb")).expect("a new file");
        Self {
            database,
            single: 0,
        }
    }

    /// The one that was made in this folder.
    pub(crate) fn open(folder: &Path) -> Self {
        let database = Database::open(folder.join("bare.redb")).expect("a file of redb");
        Self {
            database,
            single: 0,
        }
    }

    /// Bytes of the pages in use: the file itself is doubled whenever it is full.
    pub(crate) fn used(&self) -> u64 {
        let write = self.database.begin_write().expect("a transaction");
        let stats = write.stats().expect("its pages");
        let used = stats.allocated_pages() * stats.page_size() as u64;
        write.abort().expect("nothing to write");
        used
    }

    /// Writes one row of 300 bytes in a durable transaction of its own.
    pub(crate) fn commit_one(&mut self) -> Duration {
        self.single += 1;
        let row = (self.single.to_be_bytes().to_vec(), vec![b'r'; 300]);
        timed(|| self.commit(&[row])).1
    }

    fn commit(&self, rows: &[(Vec<u8>, Vec<u8>)]) {
        let write = self.database.begin_write().expect("a transaction");
        {
            let mut table = write.open_table(TABLE).expect("a table");
            for (key, value) in rows {
                table
                    .insert(key.as_slice(), value.as_slice())
                    .expect("a row");
            }
        }
        write.commit().expect("a commit");
    }

    /// Writes what taking these runs in has to write at least, in large transactions, each sorted. How long it took.
    pub(crate) fn layout(&self, runs: &[Run]) -> Duration {
        self.layout_in(runs, TRANSACTION)
    }

    /// The same in transactions of so many posts.
    pub(crate) fn layout_in(&self, runs: &[Run], transaction: u64) -> Duration {
        let mut took = Duration::ZERO;
        let mut rows = Vec::new();
        let mut posts = 0;
        for (nth, run) in runs.iter().enumerate() {
            layout_rows(nth as u64, run, &mut rows);
            posts += run.len();
            if posts >= transaction || nth + 1 == runs.len() {
                took += timed(|| {
                    rows.sort_unstable();
                    self.commit(&rows);
                })
                .1;
                rows.clear();
                posts = 0;
            }
        }
        took
    }

    /// Reads 50 rows of the index of times from the newest on, and the run of each: what a first page reads at least.
    pub(crate) fn first_page(&self) -> Duration {
        self.page(b'T', &[], None)
    }

    /// The same of one value of one index, from before a time on.
    pub(crate) fn page(&self, table: u8, part: &[u8], before: Option<u64>) -> Duration {
        let from = [&[table], part].concat();
        let to = match before {
            Some(post) => [&from, &time_key(post)[..]].concat(),
            None => [&from, &[0xff][..]].concat(),
        };
        timed(|| {
            let read = self.database.begin_read().expect("a snapshot");
            let table = read.open_table(TABLE).expect("a table");
            let newest = table.range::<&[u8]>(from.as_slice()..to.as_slice());
            let rows = newest.expect("a range").rev().take(50).flatten();
            let mut bytes = 0;
            for (key, _) in rows {
                let (log, seq) = key.value()[from.len() + 8..].split_at(8);
                let run = run_key(log, &seq[..8]);
                let from = table
                    .range::<&[u8]>(..=run.as_slice())
                    .expect("a range")
                    .next_back();
                bytes += from.map_or(0, |row| row.expect("a row").1.value().len());
            }
            assert!(bytes > 0, "there are runs");
        })
        .1
    }

    /// The middle of many such pages.
    pub(crate) fn pages(&self, table: u8, part: &[u8], before: Option<u64>) -> Duration {
        let tries = (0..300).map(|_| self.page(table, part, before));
        tries.collect::<Tries>().p50()
    }

    /// Reads first pages, `pause` apart, while the parts are written at so many posts a second, a transaction each.
    pub(crate) fn pages_while_writing(
        &self,
        parts: &[Vec<Run>],
        pace: u64,
        pause: Duration,
    ) -> Tries {
        let ended = AtomicBool::new(false);
        std::thread::scope(|threads| {
            let reading = threads.spawn(|| {
                let mut tries = Tries::default();
                while !ended.load(Ordering::Relaxed) {
                    tries.push(self.first_page());
                    std::thread::sleep(pause);
                }
                tries
            });
            let (start, mut posts) = (now(), 0);
            for part in parts {
                posts += part.iter().map(Run::len).sum::<u64>();
                self.layout_in(part, u64::MAX);
                let due = Duration::from_micros(posts * 1_000_000 / pace);
                std::thread::sleep(due.saturating_sub(start.elapsed()));
            }
            ended.store(true, Ordering::Relaxed);
            reading.join().expect("the reading thread")
        })
    }
}

/// The part of an index key that names an author or a tag.
pub(crate) fn part(number: u64, bytes: usize) -> Vec<u8> {
    number.to_be_bytes()[8 - bytes..].to_vec()
}

fn time_key(post: u64) -> [u8; 8] {
    data::time(post).as_millis().to_be_bytes()
}

fn run_key(log: &[u8], first: &[u8]) -> Vec<u8> {
    [b"S".as_slice(), log, first].concat()
}

fn layout_rows(nth: u64, run: &Run, rows: &mut Rows) {
    let log = run.log().order();
    let mut block = Vec::with_capacity(run.packed().len() + 32 * run.ids().len());
    block.extend(run.ids().iter().flat_map(|id| id.as_bytes()));
    block.extend_from_slice(run.packed());
    rows.push((run_key(&log, &run.first().0.to_be_bytes()), block));
    let author = nth % AUTHORS;
    for (seq, item) in (run.first().0..).zip(run.items()) {
        for (table, extra) in INDEX_ROWS {
            let mut key = vec![table];
            key.extend(match table {
                b'G' => part(seq * 7 % 20, extra),
                b'P' => part(author, extra),
                _ => part(0, extra),
            });
            key.extend_from_slice(&item.time().as_millis().to_be_bytes());
            key.extend_from_slice(&log);
            key.extend_from_slice(&seq.to_be_bytes());
            key.extend_from_slice(&[0; 4]);
            rows.push((key, vec![1]));
        }
    }
}
