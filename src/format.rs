//! Floor 0: what the bytes mean. No clock, randomness or async, and no I/O but from and to what is handed in.
//!
//! Every structure here has one encoding, written down in `docs/format.md` and pinned by the vectors in
//! `tests/data/v1/`. A value of a verified type ([`Entry`], [`Statement`], [`ForkProof`]) can only be made by
//! signing it or by checking its signature.

pub mod limits;

mod address;
mod archive;
mod body;
mod chain;
mod codec;
mod content;
mod context;
mod entry;
mod error;
#[cfg(feature = "test-util")]
pub(crate) mod fuzz;
mod id;
mod index_key;
mod key;
mod kinds;
mod merge;
mod run;
mod statement;
mod strict;
mod text;
mod ticket;
mod time;
mod traced;

pub use self::address::{EndpointAddress, TaggedAddress};
pub(crate) use self::archive::Next as NextInArchive;
pub use self::archive::{
    ArchiveError, ArchiveItem, ArchiveReader, ArchiveReport, ArchiveWriter, ArchivedFeed,
    verify_archive,
};
pub use self::body::{Attachment, Body, Ref, Rel};
pub use self::chain::ForkProof;
pub(crate) use self::codec::{Reader, Writer};
pub use self::codec::{decode, encode};
pub(crate) use self::context::{Hash16, derive};
pub use self::entry::{Draft, Entry, Header};
pub use self::error::FormatError;
pub use self::id::{
    BlobHash, DeviceId, EntryId, EntryRef, FeedId, Kind, Lane, LogId, Seq, StatementId,
};
pub(crate) use self::id::{from_base32, is_name, not_a_name, to_base32};
pub(crate) use self::index_key::{INDEX_KEYS, INDEX_NAME_BYTES};
pub use self::index_key::{IndexKey, IndexValue};
pub use self::key::{DeviceSecret, FeedSecret, Signature};
pub use self::kinds::{
    Content, Cut, Delete, Edit, Follow, Label, List, ListItem, Moved, Pin, Post, ProfileField,
    Reach, Reaction, Repost, decode_content, lanes, standard,
};
pub(crate) use self::kinds::{encode_checked, encode_content, kind_of, read_content};
pub use self::merge::{StateItem, settle};
pub use self::run::{Closing, Item, PackedRun, Run};
pub(crate) use self::run::{RawBody, Unsigned, View};
#[cfg(feature = "test-util")]
use self::statement::reread_statement;
pub use self::statement::{
    Act, Admit, DeviceStanding, End, Ends, Retire, Signer, SignerSecret, Standing, Statement,
    Statements,
};
pub use self::text::printable_line;
pub(crate) use self::text::{LINE_CHARS, LINK_CHARS, NAME_CHARS, make_printable, one_line};
pub use self::ticket::FeedTicket;
pub use self::time::{OrderKey, Timestamp};
