//! Replication, without I/O: events and the time go in, what should be done comes out.

mod error;
mod event;
mod swarm;

pub use self::error::{Backoff, PeerError};
pub use self::event::{
    Answer, Head, Input, LogSummary, Millis, Outcome, Output, PeerIdentity, ReadId, Replica, TakeId,
};
pub use self::swarm::Swarm;
