//! Lists of posts that people own.

#![cfg_attr(docsrs, feature(doc_cfg))]
#![cfg_attr(
    not(test),
    warn(
        clippy::unwrap_used,
        clippy::indexing_slicing,
        clippy::print_stdout,
        clippy::print_stderr,
        clippy::exhaustive_enums,
        clippy::exhaustive_structs
    )
)]

#[cfg_attr(not(feature = "net"), allow(dead_code, reason = "driven by `net`"))]
mod feeds;
pub mod format;
pub mod store;
#[cfg(feature = "net")]
mod net;
#[cfg(feature = "net")]
mod node;
pub mod sync;

pub use self::format::Content;
