//! What goes over the simulated network, and when.

use bytes::Bytes;

use super::{Event, Sending, Sim, SimPeer};
use crate::sync::{Input, Millis};

impl Sim {
    pub(super) fn transmit(&mut self, from: u32, to: u32, frame: Bytes) {
        let said = match &mut self.node_mut(from).liar {
            Some(liar) => liar.change(&frame),
            None => vec![frame.clone()],
        };
        // The sender's own queue knows only of what it meant to say.
        let mut meant = frame.len();
        for frame in said {
            self.send_frame(from, to, frame, std::mem::take(&mut meant));
        }
        if meant > 0 {
            self.next_event += 2;
            let session = self.links.get(&(from.min(to), from.max(to)));
            let session = session.map_or(0, |link| link.session);
            let bytes = meant;
            let sent = Event::Sent {
                from,
                to,
                session,
                bytes,
            };
            self.events.insert((self.now, self.next_event), sent);
        }
    }

    /// Puts a frame on its way; `meant` of its bytes are known to the sender's queue.
    fn send_frame(&mut self, from: u32, to: u32, frame: Bytes, meant: usize) {
        let now = self.now;
        let Some(link) = self.links.get_mut(&(from.min(to), from.max(to))) else {
            return;
        };
        let way = usize::from(from > to);
        let Some(busy) = link.busy.get_mut(way) else {
            return;
        };
        *busy = (*busy).max(now * link.rate) + frame.len() as u64;
        let gone = busy.checked_div(link.rate).unwrap_or(now).max(now);
        let session = link.session;
        let [up, down] = link.dead;
        let is_dead = if from > to { down } else { up };
        let there = gone + link.latency;
        let tag = frame.get(1).copied().unwrap_or(255);
        self.sent.push(Sending {
            at: now,
            arrives: there,
            from,
            to,
            bytes: frame.len() + 4,
            tag,
        });
        let queued = self.node_mut(from).queued.entry(to).or_default();
        *queued += meant;
        let queued = *queued;
        self.largest_queue = self.largest_queue.max(queued);
        let bytes = meant;
        self.next_event += 2;
        self.events.insert(
            (gone, self.next_event),
            Event::Sent {
                from,
                to,
                session,
                bytes,
            },
        );
        let frame = Event::Frame {
            from,
            to,
            session,
            frame,
        };
        if !is_dead {
            self.events.insert((there, self.next_event + 1), frame);
        }
    }

    /// Runs until something happened, or the time is over; `false` then.
    pub(super) fn step(&mut self, until: Millis) -> bool {
        let timer = self
            .nodes
            .iter()
            .filter(|node| node.asleep.is_none())
            .filter_map(|node| node.swarm.next_timer())
            .min();
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
        for id in 0..self.nodes.len() {
            let id = u32::try_from(id).unwrap_or(u32::MAX);
            if self.is_asleep(id) {
                continue;
            }
            if self
                .node(id)
                .swarm
                .next_timer()
                .is_some_and(|at| at <= self.now)
            {
                self.input(id, Input::Tick);
            }
        }
        true
    }

    fn happen(&mut self, event: Event) {
        let open = |sim: &Self, a: u32, b: u32, session: u64| {
            sim.links
                .get(&(a.min(b), a.max(b)))
                .is_some_and(|link| link.session == session)
        };
        match event {
            Event::Frame {
                from,
                to,
                session,
                frame,
            } if open(self, from, to, session) => {
                self.answer_hello(from, to);
                let clock = self.node(to).clock;
                self.input(
                    to,
                    Input::Frame {
                        peer: SimPeer(from),
                        bytes: frame,
                        clock,
                    },
                );
            }
            Event::Sent {
                from,
                to,
                session,
                bytes,
            } if open(self, from, to, session) => {
                let queued = self.node_mut(from).queued.entry(to).or_default();
                *queued = queued.saturating_sub(bytes);
                self.input(
                    from,
                    Input::Sent {
                        peer: SimPeer(to),
                        bytes,
                    },
                );
            }
            Event::Frame { .. } | Event::Sent { .. } => {}
            Event::Disk { id } => self.disk(id),
            // The disk of a machine that sleeps answers when it wakes; how much later makes no difference here.
            Event::Answer { id, answer } => self.input(id, answer),
        }
    }
}
