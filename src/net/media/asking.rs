//! Who is asked for a blob next, and what became of those who were.

use std::collections::{HashMap, HashSet, VecDeque};
use std::time::{Duration, Instant};

use iroh::endpoint::Connection;
use iroh::{EndpointAddr, EndpointId};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::pool::Pool;
use crate::media::Tried;

/// How long a look around takes. Without an answer until then the next one is dialed as well: most of those who are not
/// connected are away.
const LOOK: Duration = Duration::from_millis(500);
/// Peers dialed at one time for one blob.
const DIALED: usize = 4;
/// The first rest of a peer that was lost, and the longest: it doubles until something comes from it.
const FIRST_REST: Duration = Duration::from_millis(500);
const LONGEST_REST: Duration = Duration::from_secs(4);
/// How long somebody new, or somebody who was lost, is waited for: longer than the one peer there is may say nothing, so
/// that it is asked twice at least.
const PATIENCE: Duration = Duration::from_secs(12);
/// The same where somebody says that it does not have it, and the others are away: a session may be about to open.
const PATIENCE_REFUSED: Duration = Duration::from_secs(3);

type Dialed = (EndpointAddr, Result<Connection, String>);

#[derive(Debug)]
struct Resting {
    address: EndpointAddr,
    until: Instant,
    /// It was there: it is no more away than the network is bad.
    was_there: bool,
}

/// The peers of one transfer.
#[derive(Debug)]
pub(super) struct Asking {
    pool: Pool,
    known: HashSet<EndpointId>,
    waiting: VecDeque<EndpointAddr>,
    dialing: JoinSet<Dialed>,
    ready: VecDeque<(EndpointAddr, Connection)>,
    /// Those who were lost or are away, until they are asked again.
    resting: Vec<Resting>,
    /// How often each was lost without anything having come from it.
    strikes: HashMap<EndpointId, u32>,
    why: Vec<(EndpointId, String)>,
    /// When somebody was found last, or something came.
    hopeful: Instant,
}

impl Asking {
    pub(super) fn new(pool: Pool) -> Self {
        Self {
            pool,
            known: HashSet::new(),
            waiting: VecDeque::new(),
            dialing: JoinSet::new(),
            ready: VecDeque::new(),
            resting: Vec::new(),
            strikes: HashMap::new(),
            why: Vec::new(),
            hopeful: Instant::now(),
        }
    }

    /// Adds those of whom nothing was known, and where the others are found now.
    pub(super) fn add(&mut self, found: Vec<EndpointAddr>) {
        for address in found {
            if self.known.insert(address.id) {
                self.waiting.push_back(address);
                self.hopeful = Instant::now();
            } else {
                let mut resting = self.resting.iter_mut();
                if let Some(resting) = resting.find(|it| it.address.id == address.id) {
                    resting.address = address;
                }
            }
        }
    }

    /// The next one that answers; none if there is nobody after a look around.
    pub(super) async fn next(&mut self) -> Option<(EndpointAddr, Connection)> {
        if !self.look_around() {
            match timeout(LOOK, self.dialing.join_next()).await {
                Ok(Some(Ok(dialed))) => self.dialed(dialed),
                Ok(None) => sleep(LOOK).await,
                _ => {}
            }
        }
        self.ready.pop_front()
    }

    /// Whether nobody can be asked, and nobody came for so long that it is time to say so.
    pub(super) fn is_hopeless(&self) -> bool {
        let refused = self.known.len() > self.resting.len();
        let may_be_back = self.resting.iter().any(|resting| resting.was_there);
        let patience = if refused && !may_be_back {
            PATIENCE_REFUSED
        } else {
            PATIENCE
        };
        let nobody = self.ready.is_empty() && self.dialing.is_empty() && self.waiting.is_empty();
        nobody && self.hopeful.elapsed() >= patience
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
        let now = Instant::now();
        let rested = self.resting.extract_if(.., |resting| resting.until <= now);
        self.waiting.extend(rested.map(|resting| resting.address));
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
            Err(why) => self.rest(address, why, false),
        }
    }

    /// It is not asked again.
    pub(super) fn out(&mut self, peer: EndpointId, why: String) {
        self.why.retain(|(known, _)| *known != peer);
        self.why.push((peer, why));
    }

    /// It is asked again after a rest. `moved` says whether anything came from it.
    pub(super) fn lost(&mut self, address: EndpointAddr, why: String, moved: bool) {
        self.pool.forget(&address.id);
        if moved {
            self.strikes.remove(&address.id);
        }
        self.rest(address, why, true);
    }

    fn rest(&mut self, address: EndpointAddr, why: String, was_there: bool) {
        self.out(address.id, why);
        let strikes = self.strikes.entry(address.id).or_default();
        let rest = FIRST_REST
            .saturating_mul(1 << (*strikes).min(10))
            .min(LONGEST_REST);
        *strikes = strikes.saturating_add(1);
        self.resting.push(Resting {
            address,
            until: Instant::now() + rest,
            was_there,
        });
    }

    /// Something came.
    pub(super) fn moved(&mut self) {
        self.hopeful = Instant::now();
    }

    /// Who was asked in vain, and why it was.
    pub(super) fn tried(&self) -> Vec<Tried> {
        let tried = self.why.iter();
        let tried = tried.map(|(peer, why)| Tried::new(peer.to_string(), why));
        tried.collect()
    }
}
