//! Who is asked for a blob next, and what became of those who were.

use std::collections::{HashMap, HashSet, VecDeque};
use std::time::Duration;

use iroh::endpoint::Connection;
use iroh::{EndpointAddr, EndpointId};
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::pool::Pool;
use crate::media::Tried;

/// Times that a peer may be lost or too slow in a row without anything having come from it.
const STRIKES: u32 = 2;
/// After so long without an answer the next one is dialed as well: most of those who are not connected are away.
const NEXT: Duration = Duration::from_millis(500);
/// Peers dialed at one time for one blob.
const DIALED: usize = 4;

type Dialed = (EndpointAddr, Result<Connection, String>);

/// The peers of one transfer.
#[derive(Debug)]
pub(super) struct Asking {
    pool: Pool,
    known: HashSet<EndpointId>,
    waiting: VecDeque<EndpointAddr>,
    dialing: JoinSet<Dialed>,
    ready: VecDeque<(EndpointAddr, Connection)>,
    strikes: HashMap<EndpointId, u32>,
    why: Vec<(EndpointId, String)>,
}

impl Asking {
    pub(super) fn new(pool: Pool) -> Self {
        Self {
            pool,
            known: HashSet::new(),
            waiting: VecDeque::new(),
            dialing: JoinSet::new(),
            ready: VecDeque::new(),
            strikes: HashMap::new(),
            why: Vec::new(),
        }
    }

    /// Adds those of whom nothing was known.
    pub(super) fn add(&mut self, found: Vec<EndpointAddr>) {
        for address in found {
            if self.known.insert(address.id) {
                self.waiting.push_back(address);
            }
        }
    }

    /// The next one that answers; none once all were asked.
    pub(super) async fn next(&mut self) -> Option<(EndpointAddr, Connection)> {
        self.look_around();
        loop {
            if let Some(ready) = self.ready.pop_front() {
                return Some(ready);
            }
            self.dial();
            match timeout(NEXT, self.dialing.join_next()).await {
                Ok(None) if self.waiting.is_empty() => return None,
                Ok(Some(Ok(dialed))) => self.dialed(dialed),
                _ => {}
            }
        }
    }

    /// Whether somebody else is there to be asked.
    pub(super) fn has_others(&self) -> bool {
        !self.ready.is_empty()
    }

    /// Sees whether somebody else is there to be asked, and dials one more if not.
    pub(super) fn look_around(&mut self) -> bool {
        while let Some(dialed) = self.dialing.try_join_next() {
            dialed.into_iter().for_each(|dialed| self.dialed(dialed));
        }
        if !self.has_others() {
            self.dial();
        }
        self.has_others()
    }

    fn dial(&mut self) {
        if self.dialing.len() >= DIALED {
            return;
        }
        if let Some(address) = self.waiting.pop_front() {
            let pool = self.pool.clone();
            self.dialing
                .spawn(async move { (address.clone(), pool.connect(address).await) });
        }
    }

    fn dialed(&mut self, (address, connected): Dialed) {
        match connected {
            Ok(connection) => self.ready.push_back((address, connection)),
            Err(why) => self.out(address.id, why),
        }
    }

    /// It is not asked again.
    pub(super) fn out(&mut self, peer: EndpointId, why: String) {
        self.why.retain(|(known, _)| *known != peer);
        self.why.push((peer, why));
    }

    /// It may be asked again, after the others.
    pub(super) fn lost(&mut self, address: EndpointAddr, why: String, moved: bool) {
        self.pool.forget(&address.id);
        self.out(address.id, why);
        let strikes = self.strikes.entry(address.id).or_default();
        *strikes = if moved { 1 } else { *strikes + 1 };
        if *strikes < STRIKES {
            self.waiting.push_back(address);
        }
    }

    /// Who was asked in vain, and why it was.
    pub(super) fn tried(&self) -> Vec<Tried> {
        let tried = self.why.iter();
        let tried = tried.map(|(peer, why)| Tried::new(peer.to_string(), why.clone()));
        tried.collect()
    }
}
