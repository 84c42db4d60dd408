//! What goes between nodes, and when.

use bytes::Bytes;

use super::{Disk, World};
use crate::sync::sim::SimPeer;
use crate::sync::{Backoff, Input, Millis, Output};

/// After a session was lost, before it is opened again.
const REDIAL: Millis = 1_000;
/// Virtual time in which a world has to come to rest.
const REST: Millis = 4 * 3_600_000;
/// Events after which it goes round in circles.
const EVENTS: u32 = 400_000;

/// Something that is to happen.
#[derive(Debug)]
pub(super) enum Event {
    Frame {
        from: u32,
        to: u32,
        session: u64,
        frame: Bytes,
    },
    Sent {
        from: u32,
        to: u32,
        session: u64,
        bytes: usize,
    },
    Dial {
        a: u32,
        b: u32,
    },
}

impl World {
    pub(super) fn input(&mut self, id: u32, input: Input<SimPeer>) {
        let now = self.now;
        self.node_mut(id).swarm.handle(now, input);
        while let Some(output) = self.node_mut(id).swarm.poll() {
            self.carry_out(id, output);
        }
    }

    fn carry_out(&mut self, id: u32, output: Output<SimPeer>) {
        match output {
            Output::Send { peer, frame } => self.send(id, peer.0, frame),
            Output::Remember { peer, memory } => {
                self.node_mut(id).memories.insert(peer.0, memory);
            }
            Output::Close { peer, error } => {
                let (a, b) = (id.min(peer.0), id.max(peer.0));
                if self.links.remove(&(a, b)).is_some() {
                    self.listening.remove(&(a, b));
                    let me = SimPeer(id);
                    self.input(peer.0, Input::Disconnected { peer: me });
                    if error.backoff() == Backoff::Short {
                        self.redial_later(a, b);
                    }
                }
                self.node_mut(id).errors.push((peer.0, error));
            }
            Output::CaughtUp { .. }
            | Output::Agreed { .. }
            | Output::ClockDiffers { .. }
            | Output::Behind { .. } => {}
            job => {
                let now = self.clock_of(id);
                let answers = match &mut self.node_mut(id).disk {
                    Disk::Home(home) => home.job(job, now),
                    Disk::Hoard(hoard) => hoard.job(job),
                };
                let now = self.now;
                for answer in answers {
                    self.node_mut(id).swarm.handle(now, answer);
                }
            }
        }
    }

    fn send(&mut self, from: u32, to: u32, frame: Bytes) {
        let pair = (from.min(to), from.max(to));
        let Some(session) = self.links.get(&pair).copied() else {
            return;
        };
        let latency = self.wanted_links.get(&pair).copied().unwrap_or_default();
        self.sent.frames += 1;
        self.sent.bytes += frame.len() as u64 + 4;
        let bytes = frame.len();
        let sent = Event::Sent {
            from,
            to,
            session,
            bytes,
        };
        let came = Event::Frame {
            from,
            to,
            session,
            frame,
        };
        self.later(0, sent);
        self.later(latency, came);
    }

    fn later(&mut self, wait: Millis, event: Event) {
        self.next_event += 1;
        self.events
            .insert((self.now + wait, self.next_event), event);
    }

    pub(super) fn redial_later(&mut self, a: u32, b: u32) {
        self.later(REDIAL, Event::Dial { a, b });
    }

    /// Opens a session, if there is none and the two still look for each other.
    pub(super) fn dial(&mut self, a: u32, b: u32) {
        if self.links.contains_key(&(a, b)) || !self.wanted_links.contains_key(&(a, b)) {
            return;
        }
        self.next_session += 1;
        self.links.insert((a, b), self.next_session);
        self.listening.insert((a, b));
        self.greet(a, b, true);
    }

    /// Tells a node that it has a session: who was dialed hears of it with the first frame.
    fn greet(&mut self, me: u32, other: u32, dialed: bool) {
        let clock = self.clock_of(me).as_millis();
        let memory = self.node(me).memories.get(&other).cloned();
        let mut proof = [0; 16];
        proof.fill_with(|| self.random.below(256).to_le_bytes()[0]);
        let (peer, waits) = (SimPeer(other), false);
        let opened = Input::Connected {
            peer,
            memory,
            clock,
            proof,
            waits,
            dialed,
        };
        self.input(me, opened);
    }

    /// Loses a session, with what is under way; it is opened again if the two look for each other.
    pub fn cut(&mut self, a: u32, b: u32) {
        let (a, b) = (a.min(b), a.max(b));
        if self.links.remove(&(a, b)).is_some() {
            self.input(a, Input::Disconnected { peer: SimPeer(b) });
            if !self.listening.remove(&(a, b)) {
                self.input(b, Input::Disconnected { peer: SimPeer(a) });
            }
            self.redial_later(a, b);
        }
    }

    fn happen(&mut self, event: Event) {
        let is_open = |world: &Self, a: u32, b: u32, session: u64| {
            world.links.get(&(a.min(b), a.max(b))) == Some(&session)
        };
        match event {
            Event::Frame {
                from,
                to,
                session,
                frame,
            } if is_open(self, from, to, session) => {
                if self.listening.remove(&(from, to)) {
                    self.greet(to, from, false);
                }
                let clock = self.clock_of(to).as_millis();
                let (peer, bytes) = (SimPeer(from), frame);
                self.input(to, Input::Frame { peer, bytes, clock });
            }
            Event::Sent {
                from,
                to,
                session,
                bytes,
            } if is_open(self, from, to, session) => {
                let peer = SimPeer(to);
                self.input(from, Input::Sent { peer, bytes });
            }
            Event::Frame { .. } | Event::Sent { .. } => {}
            Event::Dial { a, b } => self.dial(a, b),
        }
    }

    /// Runs until something happened, or the time is over; `false` then.
    fn step(&mut self, until: Millis) -> bool {
        let timers = self.nodes.iter().filter_map(|node| node.swarm.next_timer());
        let timer = timers.min();
        let event = self.events.first_key_value().map(|((at, _), _)| *at);
        let next = [timer, event].into_iter().flatten().min();
        let Some(next) = next.filter(|next| *next <= until) else {
            return false;
        };
        self.now = self.now.max(next);
        if event == Some(next) {
            if let Some((_, event)) = self.events.pop_first() {
                self.happen(event);
            }
            return true;
        }
        for id in (0..).take(self.nodes.len()) {
            let due = self.node(id).swarm.next_timer();
            if due.is_some_and(|at| at <= self.now) {
                self.input(id, Input::Tick);
            }
        }
        true
    }

    /// Lets so much time pass.
    pub fn run_for(&mut self, millis: Millis) {
        let until = self.now + millis;
        while self.step(until) {}
        self.now = until;
    }

    /// Runs until nothing waits any more, neither frames nor timers. Says how long that took, or that it goes on and on.
    ///
    /// # Errors
    ///
    /// If four hours of virtual time or 400,000 events are not enough: what is under way then.
    pub fn rest(&mut self) -> Result<Millis, String> {
        let begun = self.now;
        for _ in 0..EVENTS {
            if !self.step(begun + REST) {
                return if self.events.is_empty() {
                    Ok(self.now - begun)
                } else {
                    Err("frames are still under way after four hours".to_owned())
                };
            }
        }
        let since = self.now - begun;
        Err(format!("{EVENTS} events in {since} ms and no end"))
    }
}
