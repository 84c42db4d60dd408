//! Connections between simulated nodes.

use super::{Input, Link, Millis, Sim, SimPeer};

impl Sim {
    /// Connects two nodes: one way takes so long, and so many bytes a millisecond fit (any number if 0). Both say hello
    /// at once, `a` as who dialed.
    pub fn connect(&mut self, a: u32, b: u32, latency: Millis, rate: u64) {
        self.link(a, b, (latency, rate), None);
        for (me, other) in [(a, b), (b, a)] {
            self.greet(me, other, false, me == a);
        }
    }

    /// Connects two nodes as the network does: `a` dials, and `b` says hello once it has heard that of `a`. Whether
    /// somebody at `a` waits for `b` already; see [`agreed`](Self::agreed).
    pub fn dial(&mut self, a: u32, b: u32, latency: Millis, waits: bool) {
        self.link(a, b, (latency, 0), Some(b));
        self.greet(a, b, waits, true);
    }

    fn link(&mut self, a: u32, b: u32, (latency, rate): (Millis, u64), listening: Option<u32>) {
        self.disconnect(a, b);
        self.next_session += 1;
        let link = Link {
            session: self.next_session,
            latency,
            rate,
            busy: [0; 2],
            listening,
            dead: [false; 2],
        };
        self.links.insert((a.min(b), a.max(b)), link);
    }

    fn greet(&mut self, me: u32, other: u32, waits: bool, dialed: bool) {
        let node = self.node_mut(me);
        node.queued.insert(other, 0);
        if waits {
            node.agreed.remove(&other);
        }
        let memory = node.memories.get(&other).cloned();
        let clock = node.clock;
        let mut proof = [0; 16];
        proof.fill_with(|| self.random.below(256).to_le_bytes()[0]);
        self.input(
            me,
            Input::Connected {
                peer: SimPeer(other),
                memory,
                clock,
                proof,
                waits,
                dialed,
            },
        );
    }

    /// Who was dialed says hello when the first frame comes.
    pub(super) fn answer_hello(&mut self, from: u32, to: u32) {
        let link = self.links.get_mut(&(from.min(to), from.max(to)));
        if link.is_some_and(|link| link.listening.take_if(|me| *me == to).is_some()) {
            self.greet(to, from, false, false);
        }
    }

    /// Cuts a connection; what is under way is lost.
    pub fn disconnect(&mut self, a: u32, b: u32) {
        if self.links.remove(&(a.min(b), a.max(b))).is_some() {
            self.input(a, Input::Disconnected { peer: SimPeer(b) });
            self.input(b, Input::Disconnected { peer: SimPeer(a) });
        }
    }

    /// From now on nothing of what `from` says comes to `to` in the connection that they have, and neither is told so.
    pub fn deafen(&mut self, from: u32, to: u32) {
        if let Some(link) = self.links.get_mut(&(from.min(to), from.max(to))) {
            let [up, down] = &mut link.dead;
            *(if from > to { down } else { up }) = true;
        }
    }

    /// Tells a node that something happened to its connection.
    pub fn doubt(&mut self, node: u32, peer: u32) {
        let peer = SimPeer(peer);
        self.input(node, Input::Doubted { peer });
    }

    /// Whether two nodes are connected.
    pub fn is_connected(&self, a: u32, b: u32) -> bool {
        self.links.contains_key(&(a.min(b), a.max(b)))
    }
}
