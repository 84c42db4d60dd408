//! All peers together.

use std::collections::VecDeque;

use super::event::{Input, Millis, Output, PeerIdentity};

/// All peers together.
#[derive(Debug)]
pub struct Swarm<P> {
    me: P,
    out: VecDeque<Output<P>>,
}

impl<P: PeerIdentity> Swarm<P> {
    /// Makes a machine for the endpoint `me`. `arrival` is the store's last arrival number, `filled` the one at which
    /// it last filled a hole or a body behind a head (`arrival` if that is not known: it costs others some requests).
    pub fn new(me: P, arrival: u64, filled: u64) -> Self {
        let _ = (arrival, filled);
        Self {
            me,
            out: VecDeque::new(),
        }
    }

    /// Takes an event in. `now` never goes back.
    pub fn handle(&mut self, now: Millis, input: Input<P>) {
        let _ = (now, input, self.me);
    }

    /// The next thing to be done, if any. Call until there is none after each [`handle`](Self::handle).
    pub fn poll(&mut self) -> Option<Output<P>> {
        self.out.pop_front()
    }

    /// When [`Input::Tick`] is due; none while nothing waits for time to pass.
    pub fn next_timer(&self) -> Option<Millis> {
        None
    }
}
