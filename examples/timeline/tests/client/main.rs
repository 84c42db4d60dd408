//! The example client `timeline` as people use it: child processes, their output, their status.
//!
//! Everything runs with `--local` in temporary folders. Nothing sleeps: tests wait for lines of output.

#![expect(
    clippy::disallowed_methods,
    reason = "these tests wait for real processes, by the real clock"
)]

mod archive;
mod archives;
mod bad_input;
mod blogs;
mod carried;
mod commands;
mod enclosures;
mod feeds;
mod foreign;
mod import;
mod media;
mod posts;
mod reimport;
mod slips;
mod support;
mod thieves;
mod together;
mod unkind;
