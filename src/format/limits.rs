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

/// Bytes of one encoded Admit at most: its label is the one part that varies.
pub const ADMIT_BYTES: usize = 227 + LABEL_BYTES;

/// Bytes of all statements that are kept of one feed, *for ever*, each counted once. Every node keeps, serves and writes
/// into archives no more, and readers refuse more. The bounds below add up to less, whatever is signed:
/// `format::statement::caps` has the sum.
pub const FEED_STATEMENT_BYTES: usize = 1024 * 1024;

/// Admits that are kept of the feed key, *for ever*, beside one of each device that it retired: as many as the library
/// lets live at a time.
pub const FEED_KEY_ADMITS: usize = 32;

/// Retires that are kept of the feed key, *for ever*: two for each device that can live at a time.
pub const FEED_KEY_RETIRES: usize = 64;

/// Bytes charged for the Retires that are kept of the feed key, *for ever*: 64 with some 50 lanes each, or 24 that keep
/// three Admits.
pub const FEED_KEY_RETIRE_BYTES: usize = 160 * 1024;

/// Bytes that a Retire of the feed key is charged besides for each Admit that it carries, *for ever*: the room of the
/// device which it keeps, and of the one that this may admit. So devices that stay after who admitted them are paid for
/// in advance.
pub const KEPT_ROOM: usize = ADMIT_BYTES + 4 * DEEP_RETIRE_BYTES;

/// Admits that are kept of a device which the feed key admitted, *for ever*. Each may cost [`KEPT_ROOM`] more.
pub const DEVICE_ADMITS: usize = 10;

/// Retires of others that are kept of such a device, *for ever*.
pub const DEVICE_RETIRES: usize = 16;

/// Bytes charged for these, *for ever*: nine with four lanes each, or one with 64.
pub const DEVICE_RETIRE_BYTES: usize = 4_096;

/// Retires of itself that are kept of one device at any depth, *for ever*.
pub const SELF_RETIRES: usize = 4;

/// Bytes charged for those of a device which the feed key admitted, *for ever*: one with 50 lanes.
pub const SELF_RETIRE_BYTES: usize = 2_560;

/// Admits that are kept of a device which a device admitted, *for ever*. Whom it admits admits nobody.
pub const DEEP_ADMITS: usize = 1;

/// Retires of others that are kept of a device which a device admitted, *for ever*.
pub const DEEP_RETIRES: usize = 2;

/// Bytes charged for Retires of others, and as much for Retires of itself, that are kept of such a device, *for ever*:
/// one with four lanes whose names have 9 bytes.
pub const DEEP_RETIRE_BYTES: usize = 352;

/// Generations of signers: the feed key is 0; generation 3 admits nobody.
pub const GENERATIONS: u8 = 3;

/// Devices that the library lets live in one feed at a time.
pub const LIVE_DEVICES: usize = 32;

/// Endpoints of one ticket that are written and read; further ones are passed over.
pub const TICKET_ENDPOINTS: usize = 8;

/// Addresses of one endpoint in a ticket that are written and read; further ones are passed over. A machine with two
/// networks and a relay has some six.
pub const ENDPOINT_ADDRESSES: usize = 16;

/// Bytes of the address of a relay.
pub const RELAY_BYTES: usize = 256;

/// Bytes of a ticket: eight endpoints with sixteen sockets each come to some 3,000, and it is text that people paste.
pub const TICKET_BYTES: usize = 16_384;

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

/// How far ahead of the reader's clock a claimed time is believed; later ones are shown when due.
pub const FUTURE_MILLIS: i64 = 10 * 60 * 1000;
