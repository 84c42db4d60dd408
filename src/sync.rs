//! Replication, without I/O: events and the time go in, what should be done comes out.
//!
//! # The protocol on one page
//!
//! Who dialed says hello, and the other end says its own in answer. A hello carries digests, not lists: of what the
//! sender wants, of what it remembers the receiver to want, of what it holds of the feeds both want (its fingerprint),
//! and of the state in which both last had nothing more to tell. Mostly that is the whole session: two messages, 186
//! bytes, for any number of feeds.
//!
//! If not, the two hellos lead both sides to the same next step, without a word about it: want lists, or what changed of
//! them (`hello.rs`); then the heads of logs that changed since the last agreement, or, where there is none, fingerprints
//! of some square root of the feeds and the heads of those that differ (`heads.rs`). What a head shows to be missing is
//! asked for in ranges of at most a block, newest first, lane `state` before all, of one peer at a time (`pick.rs`,
//! `pull.rs`), and answered while the outgoing queue has room (`serve.rs`). From then on new entries are pushed at once
//! (`push.rs`), and when two seconds have passed without any, one fingerprint tells that both agree again.
//!
//! Two rules keep it safe to forget. What is remembered of a peer, and what either side writes down as agreed, only saves
//! bytes: when the two memories differ, everything is compared. And nothing is owed per entry: who cannot be sent
//! something now is told the head later, so slow readers cost no memory.
//!
//! # How to drive it
//!
//! Hand every event to [`Swarm::handle`], then carry out what [`Swarm::poll`] gives until it gives nothing, and say
//! [`Input::Tick`] when [`Swarm::next_timer`] is due. The driver verifies and stores what it is handed; runs,
//! bodies and statements are opaque here. It tells of a commit first and of the verdict after it:
//! [`Input::Stored`], then [`Input::Taken`]. All memory is bounded by the feeds told of and the sessions open.
//!
//! The bytes of all messages are in `docs/protocol.md`.

mod echo;
mod error;
mod event;
#[cfg(feature = "test-util")]
pub(crate) mod fuzz;
mod heads;
mod hello;
mod limits;
mod lists;
mod logs;
mod memory;
mod message;
mod peer;
mod pick;
mod pull;
mod push;
mod ranges;
mod replica;
mod serve;
mod swarm;
mod taking;
mod wire;

#[cfg(any(test, feature = "test-util"))]
#[cfg_attr(docsrs, doc(cfg(feature = "test-util")))]
pub mod sim;
#[cfg(test)]
mod tests;

pub use self::error::{Backoff, PeerError};
pub use self::event::{
    Answer, Head, Input, LogSummary, Millis, Outcome, Output, PeerIdentity, ReadId, Replica, TakeId,
};
pub use self::swarm::Swarm;
