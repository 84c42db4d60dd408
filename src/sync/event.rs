//! What the machine is told and what it asks for: plain values, nothing that waits.

use std::fmt;
use std::hash::Hash;
use std::ops::Range;

use bytes::Bytes;

use super::error::PeerError;
use crate::format::{DeviceId, EntryId, FeedId, Lane, LogId, Seq};

/// Milliseconds of a clock that never goes back; only differences mean anything.
pub type Millis = u64;

/// What names a peer: an endpoint id in the library, an integer in simulations.
pub trait PeerIdentity: Copy + Ord + Hash + fmt::Debug {
    /// The 32 bytes that both ends blind their wants with.
    fn to_bytes(&self) -> [u8; 32];
}

/// The highest held entry of a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "a head is its place and its id")]
pub struct Head {
    /// Its place.
    pub seq: Seq,
    /// What it is.
    pub id: EntryId,
}

/// What is held of one log.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(
    clippy::exhaustive_structs,
    reason = "a plain value between two floors of this crate"
)]
pub struct LogSummary {
    /// Whose strand.
    pub device: DeviceId,
    /// Which strand.
    pub lane: Lane,
    /// What is held: ascending, half-open, none empty, none touching the next.
    pub held: Vec<Range<Seq>>,
    /// The highest held entry.
    pub head: Head,
    /// From where on two branches exist, if they do. Nothing from there on is asked for.
    pub forked: Option<Seq>,
    /// Held entries whose bodies are wanted and not at hand.
    pub missing: Vec<(Seq, EntryId)>,
    /// The arrival number of the last thing that changed head or fork; any larger one costs bytes only.
    pub changed: u64,
    /// Whether any entry of it counts, as things stand. What does not is not told.
    pub counts: bool,
    /// In which order logs are told: the generation of the device, lower ones first, then the newest time that a held
    /// entry claims, in milliseconds since the Unix epoch and `i64::MIN` where it is not known, newer ones first.
    pub rank: (u8, i64),
}

/// What is held of one feed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[expect(
    clippy::exhaustive_structs,
    reason = "a plain value between two floors of this crate"
)]
pub struct Replica {
    /// Its logs of which at least one entry is held, or a fork is known.
    pub logs: Vec<LogSummary>,
    /// A hash of its statements, the same wherever the same statements are held; zeros if there are none.
    pub statements: [u8; 16],
    /// The arrival number at which they last changed; any larger one costs bytes only.
    pub statements_changed: u64,
}

/// Names a read that the machine asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ReadId(pub(super) u64);

/// Names something that the machine handed over to be verified and stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TakeId(pub(super) u64);

/// What a read found. Empty means: not held.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Answer {
    /// To [`Output::Read`]: packed runs in ascending order, each at most `limits::RUN_BYTES`.
    Runs(Vec<Bytes>),
    /// To [`Output::ReadBodies`].
    Bodies(Vec<(Seq, Bytes)>),
    /// To [`Output::ReadStatements`]: each at most `limits::STATEMENT_BYTES`.
    Statements(Vec<Bytes>),
    /// To [`Output::ReadProof`].
    Proof(Option<Bytes>),
}

/// What became of something handed over.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Outcome {
    /// It is stored; [`Input::Stored`] or its like came before this.
    Stored,
    /// There was nothing new in it.
    AlreadyHeld,
    /// It does not verify: the peer's fault, which ends its session.
    Rejected {
        /// What is wrong, for people.
        reason: String,
    },
    /// Its device has no counting Admit here yet; asked for again when statements change.
    NotAdmitted,
    /// It lies past the place from which on entries of its log do not count here; nothing from there on is asked for until
    /// statements change.
    NotCounting {
        /// That place.
        from: Seq,
    },
    /// It verifies but does not link: [`Input::Forked`] came before this, if the fork is new.
    Forked,
    /// It verifies, or could not be proved against what is held here, and belongs to a branch that is not taken: never
    /// the peer's fault, who may hold another branch. It counts as not held by that peer.
    OtherBranch,
    /// This node does not want it (quota, block, retention); not asked for again.
    Refused,
    /// The disk is full or the like; asked for again later.
    Trouble,
}

/// Something that happened.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Input<P> {
    /// A feed is wanted and served from now on. Said again, at any time, it is the whole truth about the replica: what
    /// differs from what peers were told is told, what is missing is asked for, also of those who were asked before, and
    /// forks that it does not name are none any more. If nothing changed it costs nothing.
    Feed {
        /// Which feed.
        feed: FeedId,
        /// What is held of it.
        replica: Replica,
    },
    /// A feed is neither wanted nor served any more.
    FeedGone {
        /// Which feed.
        feed: FeedId,
    },
    /// A session with a peer is open. One is at most open with one peer; a second one ends the first.
    Connected {
        /// The other end.
        peer: P,
        /// What the last [`Output::Remember`] for it said.
        memory: Option<Bytes>,
        /// Milliseconds since the Unix epoch, told to the peer.
        clock: i64,
        /// Sixteen fresh random bytes. They stand where later versions prove to be a device of the same feed.
        proof: [u8; 16],
        /// As [`Settle`](Self::Settle), of a session that this node dialed: the other end says its hello only after it
        /// has this node's, so what that says is an answer, and no further question is needed.
        waits: bool,
        /// Whether this node dialed: who did names all that it wants, the other end only what of that it wants too.
        dialed: bool,
    },
    /// A session ended.
    Disconnected {
        /// The other end.
        peer: P,
    },
    /// A frame came, without its length prefix.
    Frame {
        /// From whom.
        peer: P,
        /// One message.
        bytes: Bytes,
        /// Milliseconds since the Unix epoch, to compare with the peer's; looked at in a hello only.
        clock: i64,
    },
    /// Bytes of frames (length prefixes not counted) left the outgoing queue towards the network.
    Sent {
        /// To whom.
        peer: P,
        /// How many.
        bytes: usize,
    },
    /// Something happened to the connection after which what was said may never come: find out whether it does.
    Doubted {
        /// With whom.
        peer: P,
    },
    /// Somebody waits for this peer: find out as soon as nothing is left to do whether both hold the same, and answer
    /// with [`Output::Agreed`].
    Settle {
        /// With whom.
        peer: P,
    },
    /// Time passed: at the latest when [`next_timer`](super::Swarm::next_timer) said.
    Tick,
    /// Entries of one log were committed, own or taken.
    Stored {
        /// Their log.
        log: LogId,
        /// Their places, half-open.
        range: Range<Seq>,
        /// The log's highest held entry now.
        head: Head,
        /// The entries as a packed run, if at hand: it is pushed to peers without a read.
        run: Option<Bytes>,
        /// Those among them whose bodies are wanted and did not come along.
        missing: Vec<(Seq, EntryId)>,
        /// The arrival number after them.
        arrival: u64,
    },
    /// Bodies were filled in, or are not wanted any more.
    BodiesDone {
        /// Their log.
        log: LogId,
        /// Whose bodies.
        seqs: Vec<Seq>,
        /// The arrival number after them.
        arrival: u64,
    },
    /// The statements of a feed changed.
    StatementsChanged {
        /// Which feed.
        feed: FeedId,
        /// See [`Replica::statements`].
        digest: [u8; 16],
        /// The arrival number after it.
        arrival: u64,
    },
    /// A log is known to have two branches; a proof is held.
    Forked {
        /// Which log.
        log: LogId,
        /// The lowest place at which they differ.
        at: Seq,
        /// The arrival number after it.
        arrival: u64,
    },
    /// A read is done.
    ReadDone {
        /// Which.
        read: ReadId,
        /// What it found, or could not find.
        answer: Answer,
    },
    /// Something handed over was dealt with.
    Taken {
        /// Which.
        take: TakeId,
        /// What became of it.
        outcome: Outcome,
    },
}

/// Something to be done.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Output<P> {
    /// Append a frame to the peer's outgoing queue, behind its length as `u32`.
    Send {
        /// To whom.
        peer: P,
        /// One message, at most `limits::FRAME_BYTES`.
        frame: Bytes,
    },
    /// Read entries that lie in one block; answer with [`Answer::Runs`].
    Read {
        /// To be named in the answer.
        read: ReadId,
        /// Which log.
        log: LogId,
        /// Which places, half-open.
        range: Range<Seq>,
        /// Whether the reader holds the entry after the range, so that a run may end there without a signature.
        /// Otherwise a run is extended to the next signature.
        next_held: bool,
        /// A run may have so many bytes; bodies that do not fit go by their hash.
        max_bytes: usize,
    },
    /// Read bodies; answer with [`Answer::Bodies`]. A body is given only if the entry held at its place is the one named.
    ReadBodies {
        /// To be named in the answer.
        read: ReadId,
        /// Which log.
        log: LogId,
        /// Whose bodies.
        wanted: Vec<(Seq, EntryId)>,
    },
    /// Read all statements of a feed; answer with [`Answer::Statements`].
    ReadStatements {
        /// To be named in the answer.
        read: ReadId,
        /// Which feed.
        feed: FeedId,
    },
    /// Read the proof of a fork; answer with [`Answer::Proof`].
    ReadProof {
        /// To be named in the answer.
        read: ReadId,
        /// Which log.
        log: LogId,
    },
    /// Verify and store a packed run; answer with [`Input::Stored`], then [`Input::Taken`].
    Take {
        /// To be named in the answer.
        take: TakeId,
        /// From whom it came.
        peer: P,
        /// Of which log.
        log: LogId,
        /// As it came.
        run: Bytes,
    },
    /// Check a body against its header and store it; answer with [`Input::BodiesDone`], then [`Input::Taken`].
    ///
    /// If another entry is held at the place by now, that is [`Outcome::AlreadyHeld`]: the peer gave what was asked for.
    TakeBody {
        /// To be named in the answer.
        take: TakeId,
        /// From whom it came.
        peer: P,
        /// Of which log.
        log: LogId,
        /// The place of its entry.
        seq: Seq,
        /// The entry.
        id: EntryId,
        /// As it came.
        body: Bytes,
    },
    /// Verify and store statements; answer with [`Input::StatementsChanged`] if they did, then [`Input::Taken`].
    TakeStatements {
        /// To be named in the answer.
        take: TakeId,
        /// From whom they came.
        peer: P,
        /// Of which feed.
        feed: FeedId,
        /// As they came.
        items: Vec<Bytes>,
    },
    /// Verify and store the proof of a fork; answer with [`Input::Forked`], then [`Input::Taken`].
    TakeProof {
        /// To be named in the answer.
        take: TakeId,
        /// From whom it came.
        peer: P,
        /// Of which log.
        log: LogId,
        /// As it came.
        proof: Bytes,
    },
    /// Keep these bytes in place of earlier ones; they come back in the next [`Input::Connected`].
    Remember {
        /// About whom.
        peer: P,
        /// Opaque.
        memory: Bytes,
    },
    /// The peer broke a rule and its session is over; no [`Input::Disconnected`] is needed.
    Close {
        /// Who.
        peer: P,
        /// Which rule.
        error: PeerError,
    },
    /// All that the peer announced up to now is taken, or it said that it does not hold it.
    CaughtUp {
        /// Who.
        peer: P,
    },
    /// Neither end has anything more to tell the other: both hold what the other offered and they want. Said in answer to
    /// [`Input::Settle`].
    Agreed {
        /// Who.
        peer: P,
    },
    /// The peer's clock differs by more than ten minutes.
    ClockDiffers {
        /// Who.
        peer: P,
        /// Its clock less ours, in milliseconds.
        by: i64,
    },
    /// A peer told of more logs of one feed than are looked at, since somebody who may write in it made so many: those that
    /// it told last are not asked for. Said again as the number grows.
    PassedOver {
        /// Who.
        peer: P,
        /// Which feed.
        feed: FeedId,
        /// How many logs.
        logs: u64,
    },
    /// A peer that dialed named feeds that this node does not want, or does not say that it does. How much of that one
    /// address may do is for the driver to bound, or strangers could try out whatever ids they like.
    Questions {
        /// Who.
        peer: P,
        /// How many.
        ids: usize,
    },
    /// How far behind this node is of what a peer announced.
    Behind {
        /// Who.
        peer: P,
        /// Entries still to come.
        entries: u64,
    },
}

impl<P: PeerIdentity> Output<P> {
    /// Whether it means one session with a peer and nothing to the next one. Why a session was closed is not: it is the
    /// peer that broke a rule.
    pub(super) fn is_of_session(&self, of: &P) -> bool {
        match self {
            Self::Send { peer, .. }
            | Self::CaughtUp { peer }
            | Self::Agreed { peer }
            | Self::ClockDiffers { peer, .. }
            | Self::PassedOver { peer, .. }
            | Self::Behind { peer, .. } => peer == of,
            _ => false,
        }
    }
}
