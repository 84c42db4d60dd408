//! Media between real nodes in real folders over real connections on loopback: attached, fetched, resumed, refused.

#![cfg(feature = "net")]
#![expect(
    clippy::disallowed_methods,
    reason = "these tests wait for real processes, by the real clock"
)]

mod attach;
mod child;
mod fetch;
mod full;
mod help;
mod hostile;
