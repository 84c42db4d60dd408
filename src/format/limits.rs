//! Every bound on size and count, each with its reason.
//!
//! Bounds marked *for ever* decide whether bytes are valid, so every replica must agree on them and they can never
//! change within format version 1. The others bound what a body may hold before it is shown as unreadable.

/// The version byte that opens every block, message, ticket and archive.
pub const VERSION: u8 = 1;

/// Entries in a block. One signature then costs a post 1 byte and 1 microsecond, and an old entry is proved by at
/// most 63 headers.
pub const BLOCK: u64 = 64;

/// The last place in a log, *for ever*, so that every block has an end that is a number too.
pub const LAST_SEQ: u64 = u64::MAX - BLOCK;

/// Bytes of a lane's name, *for ever*. It is kept in every header.
pub const LANE_BYTES: usize = 32;

/// Lanes one device may use in one feed: what a node takes in, not what is valid, since which of them came first
/// differs between replicas. More would let one key fill the tables of its readers.
pub const LANES_PER_DEVICE: usize = 64;

/// Logs of one feed that a node takes in of devices that the feed key admitted: all lanes of 32 devices.
pub const LOGS_OF_FEED_KEY: usize = 32 * LANES_PER_DEVICE;

/// Logs of one feed that a node takes in of devices that one and the same device admitted. As with lanes, which of them came
/// first differs between replicas; who was admitted by somebody else is not kept out by them.
pub const LOGS_OF_ADMITTER: usize = 256;

/// Devices of a feed whose deletes and edits count for entries of its other devices. Each of them is asked about each entry
/// that anybody names, so that who admits many devices must not make that dear. Every replica has to agree on it for views
/// to be equal.
pub const SPEAKERS: usize = 16;

/// Bytes of a kind's name, *for ever*. It is kept in every header.
pub const KIND_BYTES: usize = 64;

/// Bytes of a body, *for ever*. Larger things are attachments.
pub const BODY_BYTES: u32 = 65_536;

/// Bytes of a body in lane `state`, *for ever*: this lane is fetched whole before any content.
pub const STATE_BODY_BYTES: u32 = 4_096;

/// Tags of one body. Each is an index row at every reader.
pub const TAGS: usize = 32;

/// Bytes of one tag.
pub const TAG_BYTES: usize = 64;

/// References of one body. Each is an index row at every reader.
pub const REFS: usize = 64;

/// Feeds mentioned in one body.
pub const MENTIONS: usize = 64;

/// Attachments of one body.
pub const ATTACHMENTS: usize = 32;

/// Bytes of an attachment's media type.
pub const MIME_BYTES: usize = 128;

/// Bytes of an attachment's file name; what common file systems allow.
pub const NAME_BYTES: usize = 255;

/// Bytes of an attachment's description.
pub const ALT_BYTES: usize = 2_000;

/// Bytes of an attachment's inline preview, so that a timeline draws before any media has come.
pub const PREVIEW_BYTES: usize = 4_096;

/// Bytes of a device's label in an Admit.
pub const LABEL_BYTES: usize = 64;

/// Ends one Retire may name: one a lane.
pub const RETIRE_ENDS: usize = LANES_PER_DEVICE;

/// Admits one Retire may carry.
pub const RETIRE_KEEP: usize = 16;

/// Admits, and Retires, that are kept of the feed key.
pub const FEED_KEY_STATEMENTS: usize = 64;

/// Admits, and Retires of others, that are kept of one device.
pub const DEVICE_STATEMENTS: usize = 16;

/// Retires of itself that are kept of one device.
pub const SELF_RETIRES: usize = 4;

/// Generations of signers: the feed key is 0; generation 3 admits nobody.
pub const GENERATIONS: u8 = 3;

/// Devices that the library lets live in one feed at a time.
pub const LIVE_DEVICES: usize = 32;

/// Endpoint addresses in one ticket.
pub const TICKET_ADDRESSES: usize = 8;

/// Bytes of one opaque endpoint address in a ticket; iroh's largest with a relay and a few sockets is near 250.
pub const TICKET_ADDRESS_BYTES: usize = 1_024;

/// Bytes of one frame between peers: what a node must be ready to buffer before it can prove anything.
pub const FRAME_BYTES: usize = 256 * 1024;

/// Bytes of one packed run, so that with its message's head it fits a frame. Bodies beyond it go by hash.
pub const RUN_BYTES: usize = FRAME_BYTES - 4_096;

/// Bytes of one encoded statement: 16 carried Admits of some 310 bytes and 64 ends of some 75 fit.
pub const STATEMENT_BYTES: usize = 16_384;

/// Bytes of one encoded fork proof: two runs of 64 headers of 64 kinds, without bodies, come to 15,938.
pub const PROOF_BYTES: usize = 16_384;

/// Bytes of a run in an archive, where it carries all its bodies: 64 of the largest, and what stands around them.
pub const ARCHIVE_RUN_BYTES: usize = 65 * 65_536;

/// Bytes of one feed's statements in an archive. Readers keep them while they read that feed; a feed whose devices admit
/// each other has some ten thousand at 400 bytes then, and nobody's has.
pub const ARCHIVE_STATEMENT_BYTES: usize = 4 * 1024 * 1024;

/// How far ahead of the reader's clock a claimed time is believed; later ones are shown when due.
pub const FUTURE_MILLIS: i64 = 10 * 60 * 1000;
