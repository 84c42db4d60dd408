//! The real thing under stress: killed processes, damaged folders, full disks and hostile peers.
//!
//! Real nodes in real folders over real connections on loopback. What is random comes from a seed, which is printed;
//! `TIDINGS_SEED` sets it,
//! and `TIDINGS_KILLS` how many processes each test of kills takes.

#![cfg(feature = "net")]
#![expect(
    clippy::disallowed_methods,
    reason = "these tests wait for real processes, by the real clock"
)]

mod again;
mod busy;
mod child;
mod crash;
#[cfg(target_os = "linux")]
mod crowd;
#[cfg(target_os = "linux")]
mod cut;
mod damage;
#[cfg(unix)]
mod frozen;
mod help;
mod hostile;
