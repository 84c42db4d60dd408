//! Hostile authors among honest people, on real feed stores and with real signatures: whatever a stolen key signs, honest
//! people keep all they wrote, their followers get all of it, and nobody honest is shut out.
//!
//! `TIDINGS_SEED` sets the first life of each group, `TIDINGS_SEEDS` how many there are.

#![cfg(all(feature = "test-util", feature = "net"))]

mod all;
mod cast;
mod deeds;
mod lives;
mod scenarios;
