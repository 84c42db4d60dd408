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

pub mod format;
pub mod store;
pub mod sync;
