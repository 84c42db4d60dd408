//! Rules of the protocol, as the errors that name them when a peer breaks one.

use crate::format::{FormatError, Seq};

/// A rule that a peer broke. Its session is over; what is good of what it sent stays.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PeerError {
    /// A frame that is no message.
    #[error("the peer sent a frame that is no message")]
    Malformed(#[from] FormatError),
    /// A frame larger than any message may be.
    #[error("the peer sent a frame of {found} bytes, at most {limit} are allowed")]
    FrameTooLarge {
        /// Its bytes.
        found: usize,
        /// The bound.
        limit: usize,
    },
    /// Another version of the protocol.
    #[error("the peer speaks version {found} of the protocol, this library speaks version {known}")]
    Version {
        /// The version met.
        found: u8,
        /// The version known.
        known: u8,
    },
    /// A message that this state of the session has no place for.
    #[error("the peer sent {message} {when}")]
    OutOfTurn {
        /// Which message.
        message: &'static str,
        /// Where in the session.
        when: &'static str,
    },
    /// More wanted feeds than one peer may name.
    #[error("the peer wants more than {limit} feeds")]
    TooManyWants {
        /// The bound.
        limit: usize,
    },
    /// A want list that does not have the digest told with it.
    #[error("the peer's want list does not have the digest it told")]
    WantsDigest,
    /// More logs than one session may name.
    #[error("the peer named more than {limit} logs")]
    TooManyAliases {
        /// The bound.
        limit: usize,
    },
    /// More requests than may wait at one time.
    #[error("the peer has more than {limit} requests waiting")]
    TooManyRequests {
        /// The bound.
        limit: usize,
    },
    /// A number that stands for no log of this session.
    #[error("the peer used number {alias} for a log, which it has not been given")]
    UnknownAlias {
        /// The number.
        alias: u64,
    },
    /// An answer to a request that is not open.
    #[error("the peer answered request {request}, which is not open")]
    NotRequested {
        /// The number of the request.
        request: u64,
    },
    /// An answer of another sort than its request.
    #[error("the peer answered request {request} with {found}")]
    WrongAnswer {
        /// The number of the request.
        request: u64,
        /// What came.
        found: &'static str,
    },
    /// A run outside the range that was asked for.
    #[error("the peer sent {count} entries from {first} on where {start} to {end} were asked for")]
    WrongRange {
        /// The run's first place.
        first: Seq,
        /// How many entries it has.
        count: u64,
        /// The request's first place.
        start: Seq,
        /// The place after the request's last.
        end: Seq,
    },
    /// More bytes for one request than any answer has.
    #[error("the peer answered request {request} with more than {limit} bytes")]
    AnswerTooLarge {
        /// The number of the request.
        request: u64,
        /// The bound.
        limit: usize,
    },
    /// A request that breaks a rule by itself.
    #[error("the peer made a request that is not one: {why}")]
    BadRequest {
        /// The rule.
        why: &'static str,
    },
    /// Something that does not verify.
    #[error("the peer sent {what} that does not verify: {reason}")]
    Rejected {
        /// What.
        what: &'static str,
        /// The verdict.
        reason: String,
    },
    /// Nothing came for too long though something was due.
    #[error("nothing came from the peer for {millis} ms though {due} was due")]
    Silent {
        /// How long.
        millis: u64,
        /// What was due.
        due: &'static str,
    },
}

/// How long to stay away from a peer that broke a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Backoff {
    /// As after a lost connection: it may have been the network, or an old version.
    Short,
    /// As from someone who means harm or is broken.
    Long,
}

impl PeerError {
    /// How long to stay away.
    pub const fn backoff(&self) -> Backoff {
        match self {
            Self::Silent { .. } => Backoff::Short,
            _ => Backoff::Long,
        }
    }
}
