//! Replication, without I/O: events and the time go in, what should be done comes out.

mod error;
mod event;
mod fields;
mod heads;
mod hello;
mod limits;
mod live;
mod memory;
mod message;
mod peer;
mod pick;
mod pull;
mod ranges;
mod replica;
mod serve;
mod swarm;

#[cfg(any(test, feature = "test-util"))]
#[cfg_attr(docsrs, doc(cfg(feature = "test-util")))]
pub mod sim;
#[cfg(any(test, feature = "test-util"))]
mod sim_store;
#[cfg(test)]
mod tests;

pub use self::error::{Backoff, PeerError};
pub use self::event::{
    Answer, Head, Input, LogSummary, Millis, Outcome, Output, PeerIdentity, ReadId, Replica, TakeId,
};
pub use self::swarm::Swarm;
