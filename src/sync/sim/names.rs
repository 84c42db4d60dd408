//! What simulations speak of: numbers for peers and feeds, chance, and what crossed the network.

use super::super::event::{Millis, PeerIdentity};
use crate::format::{DeviceId, FeedId, Lane, LogId};

/// A small generator of numbers that look random: splitmix64.
#[derive(Debug, Clone)]
pub struct Prng(u64);

impl Prng {
    /// Begins where the seed says.
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next number below a bound; 0 if the bound is 0.
    pub const fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^= z >> 31;
        if bound == 0 { 0 } else { z % bound }
    }
}

/// A node of the simulation, by its number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(clippy::exhaustive_structs, reason = "a number and nothing more")]
pub struct SimPeer(pub u32);

impl PeerIdentity for SimPeer {
    fn to_bytes(&self) -> [u8; 32] {
        let mut bytes = [0; 32];
        let (head, _) = bytes.split_at_mut(4);
        head.copy_from_slice(&self.0.to_be_bytes());
        bytes
    }
}

/// A feed of the simulation, by its number.
pub fn feed(number: u32) -> FeedId {
    let mut bytes = [7; 32];
    let (head, _) = bytes.split_at_mut(4);
    head.copy_from_slice(&number.to_be_bytes());
    FeedId::from_bytes(bytes)
}

/// The log of a feed's device in a lane.
///
/// # Panics
///
/// If the lane is no name.
pub fn log(number: u32, device: u8, lane: &str) -> LogId {
    let feed = feed(number);
    let mut bytes = *feed.as_bytes();
    if let Some(last) = bytes.last_mut() {
        *last = device;
    }
    let lane = Lane::new(lane).unwrap_or_else(|error| panic!("{error}"));
    LogId {
        feed,
        device: DeviceId::from_bytes(bytes),
        lane,
    }
}

/// What crossed the network from one node to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "a record of a simulation")]
pub struct Sending {
    /// When it was sent.
    pub at: Millis,
    /// When it comes, if the connection holds.
    pub arrives: Millis,
    /// Who sent it.
    pub from: u32,
    /// Who was to get it.
    pub to: u32,
    /// Its bytes with the length prefix.
    pub bytes: usize,
    /// The second byte of the message: which it is.
    pub tag: u8,
}
