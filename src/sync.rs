//! Replication, without I/O: events and the time go in, what should be done comes out.

mod error;
mod event;
mod heads;
mod hello;
mod limits;
mod live;
mod memory;
mod message;
mod peer;
mod pull;
mod ranges;
mod replica;
mod serve;
mod swarm;

pub use self::error::{Backoff, PeerError};
pub use self::event::{Answer, Head, Input, LogSummary, Millis, Outcome, Output, PeerIdentity, ReadId, Replica, TakeId};
pub use self::swarm::Swarm;
