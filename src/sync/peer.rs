//! The state of a session with one peer.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::echo::Echoes;
use super::error::PeerError;
use super::event::Millis;
use super::limits::{
    ALIASES, EMPTY_ANSWERS, FIRST_WINDOW, LOGS_BEYOND, LOGS_OF_ANY_FEED, LOGS_PER_FEED,
    OPEN_REQUESTS, OUTGOING_BYTES, STRAYS, WINDOW_BYTES,
};
use super::lists::Lists;
use super::memory::{Agreement, Memory};
use super::ranges::RangeSet;
use super::replica::LogKey;
use super::wire::{Hash8, Hello, Wanted};
use crate::format::{EntryId, FeedId, Hash16, LogId, Seq};

/// What the peer told of one log, and what became of asking.
#[derive(Debug, Default)]
pub(super) struct PeerLog {
    /// The peer's number for it.
    pub(super) alias: u64,
    /// Its head, as told or pushed; the id is not known of what was pushed.
    pub(super) head: Option<(u64, Option<Hash8>)>,
    pub(super) forked: Option<Seq>,
    /// What it said, or showed, that it does not hold.
    pub(super) not_held: RangeSet,
    pub(super) bodies_not_held: BTreeSet<EntryId>,
    /// Answers in a row that brought nothing.
    empty: u32,
    /// Runs in a row that belong to another branch than is taken here.
    strays: u32,
    /// Places of which it was answered with entries that lean on another branch than is held here: asked for once more,
    /// so that they are proved by themselves.
    pub(super) alone: RangeSet,
    /// Nothing more is asked of it.
    pub(super) halted: bool,
    /// From there on its entries do not count, as things stand.
    pub(super) bound: Option<Seq>,
    /// In one of the queues.
    pub(super) queued: bool,
    /// The head below which the newest few were asked for already.
    pub(super) newest_asked: Option<u64>,
    /// The head that was asked for though an entry is held in its place: it has another id.
    pub(super) branch_asked: Option<u64>,
    pub(super) proof_asked: Option<Seq>,
}

impl PeerLog {
    /// A range was answered, with something or with nothing.
    pub(super) const fn answered(&mut self, with_some: bool) {
        self.empty = if with_some {
            0
        } else {
            self.empty.saturating_add(1)
        };
    }

    /// A run was of another branch, or was taken.
    pub(super) const fn strayed(&mut self, strayed: bool) {
        self.strays = if strayed {
            self.strays.saturating_add(1)
        } else {
            0
        };
    }

    /// Nothing came for so long that what the peer holds may lie at the other end; if not there either, nowhere.
    pub(super) const fn end(&self) -> End {
        if self.strays >= STRAYS {
            End::Neither
        } else if self.empty < EMPTY_ANSWERS {
            End::Newest
        } else if self.empty < 2 * EMPTY_ANSWERS {
            End::Oldest
        } else {
            End::Neither
        }
    }

    /// What it lacked it may have got since.
    pub(super) fn ask_anew(&mut self) {
        self.not_held = RangeSet::default();
        self.alone = RangeSet::default();
        self.empty = 0;
        self.strays = 0;
    }

    /// What is held here of the log is another than before, so that nothing that came of asking means anything now.
    pub(super) fn begin_anew(&mut self) {
        self.ask_anew();
        self.bodies_not_held.clear();
        self.halted = false;
        self.bound = None;
        self.newest_asked = None;
        self.branch_asked = None;
        self.proof_asked = None;
    }
}

/// From which end of a log its holes are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    Newest,
    Oldest,
    Neither,
}

/// Head and fork, as they were told.
pub(super) type ToldState = (Option<(Seq, Hash8)>, Option<Seq>);

/// What was told of one log.
#[derive(Debug)]
pub(super) struct Told {
    pub(super) alias: u64,
    /// Nothing yet, or not since the peer wanted it again.
    pub(super) state: Option<ToldState>,
}

/// Parts of a feed whose news are to be told.
#[derive(Debug, Clone)]
pub(super) enum News {
    All,
    /// These logs, and the statements.
    Logs(BTreeSet<LogKey>),
}

/// An open request of ours.
#[derive(Debug)]
pub(super) struct Open {
    pub(super) what: Asked,
    /// What was known of the feed when it was asked for.
    pub(super) since: u64,
    /// The peer has answered it to the end.
    pub(super) done: bool,
    /// Answers handed over and not dealt with.
    pub(super) takes: u32,
    /// What did not come is not the peer's lack (trouble here, or not admitted).
    pub(super) keep: bool,
    pub(super) bytes: usize,
    /// Counts in `deep_open`.
    pub(super) deep: bool,
    /// Counts in `newest_open`.
    pub(super) newest: bool,
    /// Nobody asked: the peer pushed it.
    pub(super) pushed: bool,
    /// The first place that the next answer may have.
    pub(super) next: u64,
}

#[derive(Debug, Clone)]
pub(super) enum Asked {
    Run {
        log: LogId,
        start: u64,
        end: u64,
        /// The entry after it is held, which it may close with.
        next_held: bool,
    },
    Bodies {
        log: LogId,
        wanted: Vec<Wanted>,
    },
    Statements {
        feed: FeedId,
    },
    Proof {
        log: LogId,
    },
    Heads,
}

/// A request of the peer that waits for its turn.
#[derive(Debug)]
pub(super) enum Serve {
    Run {
        request: u64,
        log: LogId,
        start: Seq,
        end: Seq,
        next_held: bool,
    },
    Bodies {
        request: u64,
        log: LogId,
        wanted: Vec<Wanted>,
    },
    Statements {
        request: u64,
        feed: Option<FeedId>,
    },
    Proof {
        request: u64,
        log: LogId,
    },
    Heads {
        request: u64,
        feeds: BTreeSet<FeedId>,
    },
}

/// Logs to be asked for, in the order of their turn.
#[derive(Debug, Default)]
pub(super) struct Queues {
    pub(super) statements: BTreeSet<FeedId>,
    pub(super) proofs: BTreeSet<LogId>,
    pub(super) state: VecDeque<LogId>,
    pub(super) newest: VecDeque<LogId>,
    pub(super) deep: VecDeque<LogId>,
    /// Each once, however often the peer gives cause to ask.
    pub(super) asks: BTreeSet<Hash16>,
    /// Nothing to ask now, but what others are being asked for may have to be asked of this peer.
    pub(super) waiting: BTreeSet<LogId>,
}

impl Queues {
    pub(super) fn is_empty(&self) -> bool {
        self.statements.is_empty()
            && self.proofs.is_empty()
            && self.state.is_empty()
            && self.newest.is_empty()
            && self.deep.is_empty()
            && self.asks.is_empty()
            && self.waiting.is_empty()
    }
}

/// How far it is known whether both hold the same.
#[derive(Debug, Clone, Copy)]
pub(super) struct Settling {
    /// How often it is still asked: two sides may never agree, where one refuses what the other holds.
    pub(super) tries: u8,
    pub(super) asked: bool,
    /// It began before this side's hello went out, which the peer's comes after, so what that says is an answer.
    pub(super) fresh: bool,
}

#[derive(Debug)]
pub(super) struct Peer {
    pub(super) session: u64,
    pub(super) memory: Memory,
    /// What memory was last written with, so that agreements are written seldom.
    pub(super) written_at: Option<Millis>,
    pub(super) unwritten: bool,
    /// What both ends want. In `memory` are no lists while the session is open.
    pub(super) lists: Lists,
    pub(super) sent: Hello,
    /// Its arrival number when `sent` was made.
    pub(super) sent_arrival: u64,
    pub(super) hello: Option<Hello>,
    /// The peer's want list is known; ours was sent.
    pub(super) wants_in: bool,
    pub(super) wants_out: bool,
    pub(super) buckets_sent: bool,
    pub(super) buckets_got: u32,
    /// All common feeds were compared in this session, not only what changed since an agreement.
    pub(super) compared_all: bool,
    /// The peer has told all its heads that matter; so have we.
    pub(super) compared_in: bool,
    pub(super) compared_out: bool,
    /// The message that tells the last of them must be marked so.
    pub(super) last_due: bool,
    pub(super) holes_asked: bool,
    pub(super) told: BTreeMap<LogId, Told>,
    pub(super) told_list: Vec<LogId>,
    pub(super) told_statements: BTreeMap<FeedId, Hash8>,
    pub(super) news: BTreeMap<FeedId, News>,
    /// What its numbers mean; none for what is not wanted here, of which there may be many: they take eight bytes each.
    pub(super) aliases: Vec<Option<Box<LogId>>>,
    pub(super) logs: BTreeMap<LogId, PeerLog>,
    /// How many of them each feed has.
    named: BTreeMap<FeedId, usize>,
    /// How many there are that not every feed may have.
    named_beyond: usize,
    /// How many logs of a feed were passed over, and of which that was not said yet.
    passed_over: BTreeMap<FeedId, (u64, bool)>,
    /// This node dialed.
    pub(super) dialed: bool,
    /// The peer knows the list that this side told it last, or the one of the hello, so that what changed is enough.
    pub(super) knows_mine: bool,
    /// How many ids it named that came to nothing.
    pub(super) questions: usize,
    /// The digests of statements that it told and that were asked for.
    pub(super) statements_asked: BTreeMap<FeedId, Hash8>,
    pub(super) queues: Queues,
    /// So few logs have news that their newest block is asked for whole; false until that queue is empty again.
    pub(super) few: bool,
    pub(super) open: BTreeMap<u64, Open>,
    pub(super) next_request: u64,
    pub(super) runs_open: usize,
    /// Of these, older blocks, and how many of them there may be: it grows with each answer, so that a second peer
    /// finds something left to be asked for.
    pub(super) deep_open: usize,
    pub(super) deep_window: usize,
    /// The newest few of many logs that are asked for and not stored yet, and whether all were once: what is older waits
    /// for that, or it would come and be stored with them, and the first page be right that much later.
    pub(super) newest_open: usize,
    pub(super) newest_held: bool,
    /// Until then what is older waits although they are stored.
    pub(super) deep_at: Option<Millis>,
    /// Mean bytes of an answer, in sixteenths.
    pub(super) mean: usize,
    pub(super) unadmitted: BTreeSet<LogId>,
    /// Logs with a place from which on nothing counts.
    pub(super) bounded: BTreeSet<LogId>,
    pub(super) caught_up: bool,
    pub(super) answers: u64,
    pub(super) serving: VecDeque<Serve>,
    pub(super) serving_ids: usize,
    pub(super) reads: usize,
    /// The largest answer lately: what a read is expected to bring.
    pub(super) read_bytes: usize,
    pub(super) outgoing: usize,
    pub(super) filled: u64,
    /// The last fingerprint told by it, if nothing has changed since.
    pub(super) now_in: Option<Hash16>,
    pub(super) filled_out: u64,
    pub(super) settle_at: Option<Millis>,
    /// Somebody waits to know whether both hold the same: questions left, and whether one is under way.
    pub(super) settling: Option<Settling>,
    /// The peer waits for our fingerprint.
    pub(super) answer_due: bool,
    /// The second of two peers waits longer, so that mostly one fingerprint is enough.
    pub(super) stagger: Millis,
    /// A want list of which parts are still to come.
    pub(super) incoming: Option<BTreeSet<Hash16>>,
    pub(super) incoming_whole: bool,
    pub(super) progress_at: Millis,
    pub(super) due_since: Option<Millis>,
    pub(super) echoes: Echoes,
}

impl Peer {
    pub(super) fn new(
        now: Millis,
        session: u64,
        memory: Memory,
        lists: Lists,
        dialed: bool,
    ) -> Self {
        Self {
            session,
            memory,
            written_at: None,
            unwritten: false,
            lists,
            sent: Hello {
                clock: 0,
                yours: [0; 16],
                mine: [0; 16],
                now: [0; 16],
                agreed: [0; 16],
                filled: 0,
                proof: [0; 16],
            },
            sent_arrival: 0,
            hello: None,
            wants_in: false,
            wants_out: false,
            buckets_sent: false,
            buckets_got: 0,
            compared_all: false,
            compared_in: false,
            compared_out: false,
            last_due: false,
            holes_asked: false,
            told: BTreeMap::new(),
            told_list: Vec::new(),
            told_statements: BTreeMap::new(),
            news: BTreeMap::new(),
            aliases: Vec::new(),
            logs: BTreeMap::new(),
            named: BTreeMap::new(),
            named_beyond: 0,
            passed_over: BTreeMap::new(),
            dialed,
            knows_mine: false,
            questions: 0,
            statements_asked: BTreeMap::new(),
            queues: Queues::default(),
            few: true,
            open: BTreeMap::new(),
            next_request: 0,
            runs_open: 0,
            deep_open: 0,
            deep_window: FIRST_WINDOW,
            newest_open: 0,
            newest_held: false,
            deep_at: None,
            mean: 16 * 16 * 1024,
            unadmitted: BTreeSet::new(),
            bounded: BTreeSet::new(),
            caught_up: false,
            answers: 0,
            serving: VecDeque::new(),
            serving_ids: 0,
            reads: 0,
            read_bytes: 32 * 1024,
            outgoing: 0,
            filled: 0,
            now_in: None,
            filled_out: 0,
            settle_at: None,
            settling: None,
            answer_due: false,
            stagger: 0,
            incoming: None,
            incoming_whole: false,
            progress_at: now,
            due_since: Some(now),
            echoes: Echoes::default(),
        }
    }

    /// What is to be remembered of the peer.
    pub(super) fn memory_now(&self) -> Memory {
        Memory {
            theirs: self.lists.theirs(),
            told: self.lists.told(),
            agreed: self.memory.agreed,
            settled: self.memory.settled,
        }
    }

    /// What the peer must send before long, if anything.
    pub(super) fn due(&self) -> Option<&'static str> {
        if self.hello.is_none() {
            Some("a hello")
        } else if !self.wants_in {
            Some("a want list")
        } else if !self.compared_in {
            Some("its heads")
        } else if self.open.values().any(|open| !open.done) {
            Some("an answer")
        } else {
            None
        }
    }

    pub(super) const fn has_room(&self) -> bool {
        self.outgoing < OUTGOING_BYTES
    }

    pub(super) fn window_open(&self) -> bool {
        self.open.len() < OPEN_REQUESTS
            && self.open.len().saturating_mul(self.mean / 16) < WINDOW_BYTES
    }

    /// Nothing is left to be fetched from this peer.
    pub(super) fn has_all(&self) -> bool {
        self.compared_in && self.open.is_empty() && self.queues.is_empty()
    }

    /// Nothing is left in either direction, and nothing waits for statements.
    pub(super) fn is_idle(&self) -> bool {
        self.is_quiet() && self.unadmitted.is_empty()
    }

    /// Nothing is left that this side could do, in either direction.
    pub(super) fn is_quiet(&self) -> bool {
        self.has_all()
            && self.compared_out
            && !self.last_due
            && self.news.is_empty()
            && self.serving.is_empty()
            && self.reads == 0
            && !self.lists.has_changes()
    }

    pub(super) const fn token(&self) -> Option<Agreement> {
        self.memory.agreed
    }

    /// The log behind a number of the peer: `None` if it is not wanted here.
    pub(super) fn log_of(&self, alias: u64) -> Result<Option<LogId>, PeerError> {
        let place = usize::try_from(alias).unwrap_or(usize::MAX);
        let named = self.aliases.get(place).map(|log| log.as_deref().copied());
        named.ok_or(PeerError::UnknownAlias { alias })
    }

    /// The log behind a number of ours.
    pub(super) fn told_of(&self, alias: u64) -> Result<LogId, PeerError> {
        let place = usize::try_from(alias).unwrap_or(usize::MAX);
        self.told_list
            .get(place)
            .copied()
            .ok_or(PeerError::UnknownAlias { alias })
    }

    /// Gives the peer's next number a meaning, and says which: none if that many logs of the feed were named already.
    pub(super) fn define(&mut self, log: Option<LogId>) -> Result<Option<LogId>, PeerError> {
        if self.aliases.len() >= ALIASES {
            return Err(PeerError::TooManyAliases { limit: ALIASES });
        }
        let alias = self.aliases.len() as u64;
        let log = log.filter(|log| self.logs.contains_key(log) || self.may_name(&log.feed));
        self.aliases.push(log.map(Box::new));
        if let Some(log) = log {
            self.logs.entry(log).or_default().alias = alias;
        }
        Ok(log)
    }

    /// Whether one more log of a feed may be named; counts it.
    fn may_name(&mut self, feed: &FeedId) -> bool {
        let named = self.named.entry(*feed).or_default();
        let beyond = *named >= LOGS_OF_ANY_FEED;
        let may = !beyond || (*named < LOGS_PER_FEED && self.named_beyond < LOGS_BEYOND);
        *named += usize::from(may);
        self.named_beyond += usize::from(may && beyond);
        if !may {
            let (logs, said) = self.passed_over.entry(*feed).or_default();
            *logs += 1;
            *said = false;
        }
        may
    }

    /// The feeds of which logs were passed over since this was asked last, and how many of each by now.
    pub(super) fn take_passed_over(&mut self) -> Vec<(FeedId, u64)> {
        let unsaid = self.passed_over.iter_mut().filter(|(_, (_, said))| !said);
        unsaid
            .map(|(feed, (logs, said))| {
                *said = true;
                (*feed, *logs)
            })
            .collect()
    }

    /// Forgets what was told of a feed. Requests under way may still use the old numbers, but its logs get new ones
    /// when they are told again: a peer that had left the feed took the old ones for nothing.
    pub(super) fn forget_feed(&mut self, feed: &FeedId) {
        self.told.retain(|log, _| log.feed != *feed);
        self.told_statements.remove(feed);
        self.statements_asked.remove(feed);
        self.news.remove(feed);
    }

    /// Forgets what the peer told of a feed that is no longer wanted here.
    pub(super) fn forget_theirs(&mut self, feed: &FeedId) {
        for (log, state) in &mut self.logs {
            if log.feed == *feed {
                *state = PeerLog {
                    alias: state.alias,
                    queued: state.queued,
                    ..PeerLog::default()
                };
            }
        }
        self.queues.waiting.retain(|log| log.feed != *feed);
        self.unadmitted.retain(|log| log.feed != *feed);
        self.bounded.retain(|log| log.feed != *feed);
    }

    pub(super) fn add_news(&mut self, feed: FeedId, key: Option<LogKey>) {
        match (self.news.get_mut(&feed), key) {
            (Some(News::All), _) | (Some(News::Logs(_)), None) => {}
            (Some(News::Logs(logs)), Some(key)) => {
                logs.insert(key);
            }
            (None, None) => {
                self.news.insert(feed, News::Logs(BTreeSet::new()));
            }
            (None, Some(key)) => {
                self.news.insert(feed, News::Logs([key].into()));
            }
        }
    }

    /// Puts a log where its turn comes. It is looked at again there, so once too often does no harm.
    pub(super) fn enqueue(&mut self, log: LogId) {
        self.queues.waiting.remove(&log);
        let Some(state) = self.logs.get_mut(&log) else {
            return;
        };
        if state.queued {
            return;
        }
        state.queued = true;
        if log.lane.as_str() == "state" {
            self.queues.state.push_back(log);
        } else if state.newest_asked < state.head.map(|(seq, _)| seq) {
            self.queues.newest.push_back(log);
        } else {
            self.queues.deep.push_back(log);
        }
    }
}
