//! Floor 0: what the bytes mean. No I/O, clock, randomness or async.

pub mod limits;

mod codec;
mod context;
mod error;
mod id;
mod key;
mod time;

pub(crate) use self::codec::{Reader, Writer};
pub use self::codec::{decode, encode};
pub(crate) use self::context::{Hash16, derive};
pub use self::error::FormatError;
pub use self::id::{
    BlobHash, DeviceId, EntryId, EntryRef, FeedId, Kind, Lane, LogId, Seq, StatementId,
};
pub use self::key::{DeviceSecret, FeedSecret, Signature};
pub use self::time::{OrderKey, Timestamp};
