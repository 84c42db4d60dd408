//! Lies: for each message, what can be said in it that is not so, or not in its place. A simulated node that lies thinks
//! as an honest one does; its words are changed on their way out.

mod tell;

use std::collections::BTreeMap;

use bytes::Bytes;

use self::tell::tell;
use super::super::message::Message;
use super::names::Prng;

/// What becomes of a session in which a lie was told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "a record of a simulation")]
pub enum Fate {
    /// It ends, with an error that says one of these.
    Named(&'static [&'static str]),
    /// It goes on, and the lie costs bytes; or it ends so.
    Borne(&'static [&'static str]),
}

use Fate::{Borne, Named};

macro_rules! lies {
    ($($(#[doc = $what:literal])* $name:ident: $message:literal => $fate:expr;)*) => {
        /// One way to lie.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        #[expect(clippy::exhaustive_enums, reason = "tests go through all of them")]
        pub enum Lie {
            $($(#[doc = $what])* $name,)*
        }

        impl Lie {
            /// Every lie there is.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// The message in which it is told; none if it may be any.
            const fn message(self) -> Option<&'static str> {
                let message = match self {
                    $(Self::$name => $message,)*
                };
                if message.is_empty() { None } else { Some(message) }
            }

            /// What becomes of a session in which it is told.
            pub const fn fate(self) -> Fate {
                match self {
                    $(Self::$name => $fate,)*
                }
            }
        }
    };
}

/// What a list, heads or an answer that never comes ends in.
const SILENT: &[&str] = &["nothing came"];
/// The two sides take the session to open in different ways, so that what follows comes out of turn.
const OPENING: &[&str] = &[
    "nothing came",
    "before its",
    "without need",
    "the digest it told",
];
const UNKNOWN: &[&str] = &["has not been given"];
const NOT_OPEN: &[&str] = &["which is not open", "nothing came", "were asked for"];
/// Its own numbers do not mean any more what it thinks.
const MISTAKEN: &[&str] = &[
    "does not verify",
    "were asked for",
    "has not been given",
    "no message",
];
const NO_MESSAGE: &[&str] = &["no message"];

lies! {
    /// A clock that is years ahead.
    Clock: "a hello" => Borne(&[]);
    /// It remembers other wants of the other side than it was told.
    HelloYours: "a hello" => Borne(OPENING);
    /// It wants something else than its list will say.
    HelloMine: "a hello" => Borne(OPENING);
    /// It holds something else than it does.
    HelloNow: "a hello" => Borne(OPENING);
    /// It agreed on something else.
    HelloAgreed: "a hello" => Borne(OPENING);
    /// It filled holes that it did not fill.
    HelloFilled: "a hello" => Borne(&[]);
    /// The same hello twice.
    HelloTwice: "a hello" => Named(&["after its hello"]);
    /// Wants that it has not, with the right digest.
    WantsMore: "wants" => Borne(SILENT);
    /// None of the wants that it has, with the right digest.
    WantsNone: "wants" => Borne(SILENT);
    /// A digest that is not that of the list.
    WantsDigest: "wants" => Borne(&["the digest it told", "nothing came", "without need", "before its wants"]);
    /// A list that does not end.
    WantsEndless: "wants" => Borne(&["nothing came", "before its wants"]);
    /// More wants than anybody may have.
    WantsTooMany: "wants" => Named(&["more than 65536 feeds"]);
    /// A whole list said to be a change, and the other way round.
    WantsWhole: "wants" => Borne(&["the digest it told", "nothing came", "without need", "before its wants"]);
    /// Questions for wants that nobody needs.
    WantsAsked: "" => Borne(&["without need"]);
    /// Other fingerprints.
    BucketsPrints: "buckets" => Borne(&[]);
    /// More buckets than bits.
    BucketsCount: "buckets" => Named(&["power of two", "no message"]);
    /// Buckets without end.
    BucketsEndless: "buckets" => Named(&["more often than can be of use"]);
    /// All is told, or not all.
    HeadsLast: "heads" => Borne(&["nothing came", "before its heads"]);
    /// Heads of a feed that nobody wants.
    HeadsOfNobody: "heads" => Borne(&["has not been given"]);
    /// Other statements than it has.
    HeadsStatements: "heads" => Borne(&[]);
    /// A number that was never given.
    HeadsNumber: "heads" => Named(UNKNOWN);
    /// A head one above what it holds.
    HeadsHigher: "heads" => Borne(&[]);
    /// The highest head there can be.
    HeadsHighest: "heads" => Borne(&[]);
    /// A head below what it holds.
    HeadsLower: "heads" => Borne(&[]);
    /// Another id of its head.
    HeadsId: "heads" => Borne(&[]);
    /// A fork where none is.
    HeadsForked: "heads" => Borne(&[]);
    /// A log of a device that nobody knows.
    HeadsDevice: "heads" => Borne(MISTAKEN);
    /// A log of a private lane.
    HeadsPrivate: "heads" => Borne(MISTAKEN);
    /// Questions for heads of feeds that nobody wants.
    AskOfNobody: "a question for heads" => Borne(&[]);
    /// The same question for many heads.
    AskMany: "a question for heads" => Borne(&["more than 65536 requests"]);
    /// Another fingerprint.
    NowPrint: "a fingerprint" => Borne(&[]);
    /// Another fingerprint of the other side.
    NowTheirs: "a fingerprint" => Borne(&[]);
    /// Holes that it did not fill.
    NowFilled: "a fingerprint" => Borne(&[]);
    /// It waits, or it answers, and does not.
    NowWhy: "a fingerprint" => Borne(&[]);
    /// A fingerprint before its time.
    NowEarly: "wants" => Borne(&["before its heads", "before its wants", "nothing came"]);
    /// A request for a log that was never told.
    RequestNumber: "requests" => Named(UNKNOWN);
    /// A request for what does not exist.
    RequestBeyond: "requests" => Borne(&[]);
    /// A request for nothing.
    RequestNothing: "requests" => Named(&["lies in one block"]);
    /// A request over two blocks.
    RequestLong: "requests" => Named(&["lies in one block"]);
    /// It holds, or does not hold, what comes after.
    RequestNext: "requests" => Borne(&[]);
    /// More requests than may wait.
    RequestTooMany: "requests" => Named(&["more than 1024 requests"]);
    /// Bodies in the wrong order.
    BodiesOrder: "a request for bodies" => Named(&["newest first"]);
    /// No bodies, or very many.
    BodiesCount: "a request for bodies" => Named(&["one to four", "no message"]);
    /// Bodies of entries that do not exist.
    BodiesBeyond: "a request for bodies" => Borne(&[]);
    /// Bodies of a log that was never told.
    BodiesNumber: "a request for bodies" => Named(UNKNOWN);
    /// Statements of a feed that nobody wants.
    StatementsOfNobody: "a request for statements" => Borne(&[]);
    /// The proof of a log that was never told.
    ProofNumber: "a request for a proof" => Named(UNKNOWN);
    /// An answer to what was not asked.
    RunRequest: "a run" => Named(NOT_OPEN);
    /// More comes, or nothing more, and it is not so.
    RunLast: "a run" => Borne(NOT_OPEN);
    /// One byte of what is signed is another.
    RunByte: "a run" => Named(&["does not verify", "no message", "were asked for"]);
    /// Entries of another place.
    RunPlace: "a run" => Named(&["were asked for"]);
    /// Fewer bytes than it says.
    RunCut: "a run" => Named(&["does not verify", "no message"]);
    /// A signature that is none.
    RunSignature: "a run" => Named(&["does not verify"]);
    /// The same run twice.
    RunTwice: "a run" => Named(&["which is not open", "were asked for"]);
    /// It has not what it told.
    RunHeldBack: "a run" => Borne(NOT_OPEN);
    /// A log that was never told.
    PushNumber: "a pushed run" => Named(UNKNOWN);
    /// One byte of what is signed is another.
    PushByte: "a pushed run" => Borne(&["does not verify", "no message"]);
    /// A log of a device that nobody knows.
    PushDevice: "a pushed run" => Borne(MISTAKEN);
    /// A log of a private lane.
    PushPrivate: "a pushed run" => Borne(MISTAKEN);
    /// An answer to what was not asked.
    BodyRequest: "a body" => Named(NOT_OPEN);
    /// The body of another entry.
    BodyPlace: "a body" => Named(&["another body"]);
    /// Another body.
    BodyByte: "a body" => Named(&["does not verify"]);
    /// An answer to what was not asked.
    StatementsRequest: "statements" => Named(NOT_OPEN);
    /// A statement that nobody made.
    StatementsByte: "statements" => Named(&["does not verify"]);
    /// It has no statements.
    StatementsNone: "statements" => Borne(NOT_OPEN);
    /// More of them than there can be.
    StatementsTooMany: "statements" => Named(&["more than 1048576 bytes", "does not verify"]);
    /// An answer to what was not asked.
    ProofRequest: "a proof" => Named(NOT_OPEN);
    /// A proof of something else.
    ProofByte: "a proof" => Named(&["does not verify"]);
    /// An end of what was not asked.
    DoneRequest: "an end of answers" => Named(NOT_OPEN);
    /// An echo of what was not asked.
    EchoTwice: "an echo" => Borne(&["without a question"]);
    /// It asks, and never answers.
    EchoNone: "an echo" => Borne(&["nothing came"]);
    /// Bytes that are no message.
    Garbage: "" => Named(NO_MESSAGE);
    /// Another version of the protocol.
    Version: "" => Named(&["speaks version 9"]);
    /// A frame that is larger than any may be.
    TooLarge: "" => Named(&["at most 262144 are allowed"]);
    /// Nothing where something was to be said.
    Silence: "" => Borne(&[
        "nothing came",
        "before its",
        "has not been given",
        "which is not open",
        "does not verify",
        "were asked for",
        "the digest it told",
        "without need",
    ]);
}

/// A node that lies.
#[derive(Debug)]
pub(super) struct Liar {
    lies: Vec<Lie>,
    /// It lies one time in so many that it could.
    one_in: u64,
    /// So often at the most.
    left: u64,
    random: Prng,
    told: BTreeMap<Lie, u64>,
}

impl Liar {
    pub(super) fn new(lies: &[Lie], one_in: u64, most: u64, seed: u64) -> Self {
        Self {
            lies: lies.to_vec(),
            one_in,
            left: most,
            random: Prng::new(seed),
            told: BTreeMap::new(),
        }
    }

    pub(super) const fn told(&self) -> &BTreeMap<Lie, u64> {
        &self.told
    }

    /// What is said in place of a frame.
    pub(super) fn change(&mut self, frame: &Bytes) -> Vec<Bytes> {
        let honest = || vec![frame.clone()];
        let Ok(message) = Message::decode(frame) else {
            return honest();
        };
        let name = message.name();
        let fits = |lie: &&Lie| lie.message().is_none_or(|of| of == name);
        let fitting: Vec<Lie> = self.lies.iter().filter(fits).copied().collect();
        let which = self.random.below(fitting.len() as u64);
        let which = usize::try_from(which).unwrap_or(0);
        let Some(lie) = fitting.get(which).copied() else {
            return honest();
        };
        if self.left == 0 || self.random.below(self.one_in) != 0 {
            return honest();
        }
        let Some(frames) = tell(lie, message, frame, &mut self.random) else {
            return honest();
        };
        self.left -= 1;
        *self.told.entry(lie).or_default() += 1;
        frames
    }
}
