//! What fuzzers call: a list of targets, each a function that takes any bytes and panics if a promise is broken.
//!
//! The functions stand beside what they are about (`format/fuzz.rs`, `sync/fuzz.rs`, ...). `fuzz/` runs them under
//! libFuzzer, `tests/fuzz.rs` as property tests: over the corpus in `fuzz/corpus` and over mutations of it. No part of
//! the library's face: names and meaning change without notice.

#[cfg(feature = "net")]
use crate::{feeds, net, pictures};
use crate::{format, sync};

/// Something to be put to any bytes.
#[derive(Debug, Clone, Copy)]
pub struct Target {
    name: &'static str,
    run: fn(&[u8]),
    /// Memory it may have at one time: so much for each byte given, and so much besides.
    each: u64,
    base: u64,
}

const KIB: u64 = 1024;

/// All targets, by name.
pub const TARGETS: &[Target] = &[
    // Its reader and each verification of a file have pieces of 64 KiB.
    Target::new("archive", format::fuzz::archive).with(64, 320 * KIB),
    Target::new("body", format::fuzz::body),
    Target::new("content", format::fuzz::content),
    // A whole store, in memory, and a second one to compare it with.
    #[cfg(feature = "net")]
    Target::new("feeds", feeds::fuzz::feeds).with(4 * KIB, 16 * KIB * KIB),
    Target::new("fork", format::fuzz::fork),
    Target::new("header", format::fuzz::header),
    #[cfg(feature = "net")]
    Target::new("media", net::fuzz_media),
    Target::new("memory", sync::fuzz::memory),
    Target::new("message", sync::fuzz::message),
    // What it puts together was signed once, and is kept.
    Target::new("pieces", format::fuzz::pieces).with(64, 1_024 * KIB),
    // Decoders, which get no more than `DRAWN_BYTES` for the pixels and as much for turning them.
    #[cfg(feature = "net")]
    Target::new("pictures", pictures::fuzz::pictures).with(64, 800 * KIB * KIB),
    Target::new("run_of_entries", format::fuzz::run),
    Target::new("statement", format::fuzz::statement),
    // A whole node, its disk and three peers.
    Target::new("swarm", sync::fuzz::swarm).with(4 * KIB, 4 * KIB * KIB),
    Target::new("text", format::fuzz::text),
    Target::new("ticket", format::fuzz::ticket),
];

impl Target {
    const fn new(name: &'static str, run: fn(&[u8])) -> Self {
        Self {
            name,
            run,
            each: 64,
            base: 64 * KIB,
        }
    }

    const fn with(self, each: u64, base: u64) -> Self {
        Self { each, base, ..self }
    }

    /// Its name: that of its folder in the corpus and of its file in `fuzz/fuzz_targets`.
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// Puts it to these bytes.
    ///
    /// # Panics
    ///
    /// If a promise is broken.
    pub fn run(&self, bytes: &[u8]) {
        (self.run)(bytes);
    }

    /// Bytes of memory that it may have at one time for an input of this length.
    pub const fn most(&self, len: usize) -> u64 {
        self.base
            .saturating_add(self.each.saturating_mul(len as u64))
    }
}

/// The target of a name.
pub fn find(name: &str) -> Option<&'static Target> {
    TARGETS.iter().find(|target| target.name == name)
}
