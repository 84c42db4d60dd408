//! What one session may cost, each bound with its reason.

use super::event::Millis;
use crate::format::limits;

/// The version byte that opens every message.
pub(super) const VERSION: u8 = 1;

/// Feeds that one peer may want: a mirror of a large community, at 16 bytes each one MiB.
pub(super) const WANTS: usize = 65_536;

/// Wants that are kept of one peer over restarts; beyond it the list is sent again, 16 bytes a feed.
pub(super) const WANTS_REMEMBERED: usize = 16_384;

/// Ids in one message of wants or asks: 16 bytes each, so that it fills about half a frame.
pub(super) const IDS_PER_MESSAGE: usize = 8_192;

/// Logs that one peer may name in a session: four for each feed it may want.
pub(super) const ALIASES: usize = 4 * WANTS;

/// Logs of one feed that a peer may name in a session and that are looked at: 64 lanes of 64 devices. No more are told.
/// More are passed over without an error, since those that have been told may be others by now, of a feed that means harm.
/// Each takes some 600 bytes, so without this bound whoever knows one feed could take 150 MB.
pub(super) const LOGS_PER_FEED: usize = 4_096;

/// Of these, so many are looked at of any feed, and beyond them so many in a session: who shares many feeds could take
/// those 600 bytes 262,144 times.
pub(super) const LOGS_OF_ANY_FEED: usize = 16;
pub(super) const LOGS_BEYOND: usize = 32_768;

/// Answers in a row for one log that brought nothing, before its holes count as the peer's own: 65,536 entries from above,
/// and as many from below. One who tells a head without end would otherwise be asked without end, and whoever may write
/// in a feed can sign an entry at any place, so that honest peers would ask each other so.
pub(super) const EMPTY_ANSWERS: u32 = 1_024;

/// Runs of one log in a row that belong to a branch that is not taken here, before no more is asked for: who holds that
/// branch has nothing else of the log, until it tells of another head. A few more than one, since what of two branches is
/// taken is put right step by step.
pub(super) const STRAYS: u32 = 16;

/// Bytes at which a message of heads is closed and the next begun.
pub(super) const HEADS_BYTES: usize = 64 * 1024;

/// Logs of one feed in one part of a message of heads: at most 94 bytes each.
pub(super) const LOGS_PER_PART: usize = 512;

/// Bytes of statements that may come for one request: all that is ever kept of a feed.
pub(super) const STATEMENTS_BYTES: usize = limits::FEED_STATEMENT_BYTES;

/// Common feeds up to which heads are told without asking buckets first: some 80 bytes each are less than a round trip.
pub(super) const FEW_FEEDS: usize = 16;

/// Bits of the bucket number; 256 buckets are the square root of the 65,536 feeds a peer may want.
pub(super) const BUCKET_BITS: u8 = 8;

/// Messages of buckets one side may send in a session; one or two are.
pub(super) const BUCKETS_A_SESSION: u32 = 8;

/// Runs asked for and not yet answered, a peer. At 24 KiB a block that is 6 MiB: 100 ms at 60 MiB/s.
pub(super) const WINDOW: usize = 256;

/// Older blocks that are asked of a peer before its first answer. It doubles with every round trip.
pub(super) const FIRST_WINDOW: usize = 32;

/// Bytes expected from one peer, by the mean of its answers, so that large bodies narrow the window.
pub(super) const WINDOW_BYTES: usize = 8 * 1024 * 1024;

/// Bytes handed over to be stored and not yet dealt with; beyond it nothing more is asked for.
pub(super) const TAKING_BYTES: usize = 8 * 1024 * 1024;

/// Requests of one peer that may wait here: its window of runs, and as much again for feeds and bodies.
pub(super) const REQUESTS: usize = 1_024;

/// Requests this side leaves open at one time, of every sort; below [`REQUESTS`] so that two equal nodes never err.
pub(super) const OPEN_REQUESTS: usize = 512;

/// Bytes in the outgoing queue of one peer at which reads for it, pushes and heads wait.
pub(super) const OUTGOING_BYTES: usize = 1024 * 1024;

/// Reads under way for one peer. Few, since each may bring a whole frame.
pub(super) const READS: usize = 8;

/// Newest entries of a log that are asked for before any older ones: of 100 feeds a page six times over, and of the fewest
/// that are asked so (17) still a page of 50.
pub(super) const NEWEST: u64 = 3;

/// How long older blocks wait after the newest entries of many logs are stored. The first page is right by then; this
/// is the time to look at it before the disk, the line and the processor have the bulk to do.
pub(super) const FIRST_PAGE: Millis = 10;

/// Newest entries of a lane `state` that come before content.
pub(super) const STATE_QUOTA: u64 = 4_096;

/// Bodies in one request: four of the largest fill a frame's worth.
pub(super) const BODIES_PER_REQUEST: usize = 4;

/// Bytes that any statement has at least: those of its signature. Without it a page of empty ones would take 32 bytes of
/// memory for each byte that was sent.
pub(super) const STATEMENT_LEAST: usize = 64;

/// Statements in one message: as many of the least as fill a frame.
pub(super) const STATEMENTS_PER_MESSAGE: usize = limits::FRAME_BYTES / STATEMENT_LEAST;

/// Ids that one peer may name in a session and that come to nothing: its whole list, and once more where the first was
/// asked for again, or as many changes. Whoever knows ids of feeds and wants to know who wants them can try no more.
pub(super) const QUESTIONS: usize = 2 * WANTS;

/// Without a frame for so long while something is due, a peer counts as silent.
pub(super) const SILENCE: Millis = 30_000;

/// After the first thing was said that nobody showed to have heard, before it is asked whether it was: one question for
/// all that is said meanwhile.
pub(super) const ECHO: Millis = 5_000;

/// How long the answer may take: longer than a peer's disk holds it up, with some 32 MiB waiting.
pub(super) const ECHO_LIMIT: Millis = 20_000;

/// The same where there is cause to doubt that the connection carries anything: a round trip to a satellite, some times
/// over. Who is wrong pays for a connection.
pub(super) const DOUBT_LIMIT: Millis = 6_000;

/// Bytes a millisecond that a line carries at least: what was said before a question has to go through before it.
pub(super) const SLOWEST: usize = 8;

/// After the last change, before fingerprints are exchanged again: a burst of posts costs one exchange.
pub(super) const SETTLE: Millis = 2_000;

/// How much longer the second of two peers waits, so that mostly one message is enough.
pub(super) const SETTLE_SECOND: Millis = 1_000;

/// After the disk failed, before anything is asked for again.
pub(super) const TROUBLE: Millis = 10_000;

/// What is remembered of a peer is written at most so often, whatever changes: a peer may change its wants at will, and
/// each write is a sync of the disk.
pub(super) const REMEMBER: Millis = 1_000;

/// Clocks that differ by more are told.
pub(super) const CLOCK_DIFFERS: u64 = limits::FUTURE_MILLIS.unsigned_abs();

/// How often a side that waits for agreement asks for the other's fingerprint: where one refuses what the other holds,
/// the two never become equal.
pub(super) const SETTLE_TRIES: u8 = 3;
