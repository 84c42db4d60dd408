//! Whom to dial, and when again.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use iroh::{EndpointAddr, EndpointId};

/// Peers dialed at one time.
const AT_ONCE: usize = 8;
/// Sessions this node opens by itself; further peers wait until one ends or comes to rest.
const SESSIONS: usize = 32;
/// The first wait after a failure. It doubles with each further one.
const FIRST_WAIT: Duration = Duration::from_millis(500);
/// The longest wait: a peer that comes back is met within a minute.
const LONGEST_WAIT: Duration = Duration::from_secs(60);
/// The wait after a peer broke a rule.
const LONG_WAIT: Duration = Duration::from_secs(10 * 60);

/// The wait after a session in which there was nothing more to do: what is new there comes by others, who are kept, or
/// then. With 500 peers that is one connection every two seconds.
const REST_WAIT: Duration = Duration::from_secs(15 * 60);

/// Tries after which an endpoint that never answered is given up, until somebody asks for news, the network changes or
/// another address of it comes: at one a minute, an hour. Whoever hands on a ticket may write any address into it, of
/// those, too, who never heard of us.
const TRIES: u32 = 60;
/// Endpoints that are dialed for one feed.
pub(super) const FINDERS: usize = 32;

/// One endpoint that is likely to have a wanted feed.
#[derive(Debug)]
pub(super) struct Target {
    pub(super) address: EndpointAddr,
    pub(super) state: State,
    pub(super) reason: String,
    failures: u32,
    /// It answered, in this run or an earlier one: it is there, and comes back.
    answered: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    Waiting { until: Instant },
    GivenUp,
    Dialing,
    Connected,
}

/// All endpoints that are likely to have a wanted feed.
#[derive(Debug)]
pub(super) struct Dialer {
    targets: BTreeMap<EndpointId, Target>,
    me: EndpointId,
    jitter: u64,
}

impl Dialer {
    /// `seed` makes the waits of many nodes that lost the same peer differ.
    pub(super) const fn new(me: EndpointId, seed: u64) -> Self {
        Self {
            targets: BTreeMap::new(),
            me,
            jitter: seed,
        }
    }

    /// Replaces the set of targets, keeping what is known of those that stay. `has_answered` says of whom something is
    /// remembered from an earlier run.
    pub(super) fn set(
        &mut self,
        addresses: Vec<EndpointAddr>,
        has_answered: impl Fn(&EndpointId) -> bool,
        now: Instant,
    ) {
        let mut old = std::mem::take(&mut self.targets);
        for address in addresses
            .into_iter()
            .filter(|address| address.id != self.me)
        {
            let id = address.id;
            let mut target = old.remove(&id).unwrap_or_else(|| Target {
                address: EndpointAddr::new(id),
                state: State::Waiting { until: now },
                reason: "not dialed yet".to_owned(),
                failures: 0,
                answered: false,
            });
            target.answered |= has_answered(&id);
            let is_idle = matches!(target.state, State::Waiting { .. } | State::GivenUp);
            if target.address != address && is_idle {
                target.state = State::Waiting { until: now };
                target.failures = 0;
            }
            target.address = address;
            self.targets.insert(id, target);
        }
    }

    /// Dials everyone who waits at once: somebody asked for news now.
    pub(super) fn hurry(&mut self, now: Instant) {
        for target in self.targets.values_mut() {
            if matches!(target.state, State::Waiting { .. } | State::GivenUp) {
                target.state = State::Waiting { until: now };
            }
        }
    }

    /// Whom to dial now; they count as being dialed from here on.
    pub(super) fn due(&mut self, now: Instant) -> Vec<EndpointAddr> {
        let count = |state: State| {
            self.targets
                .values()
                .filter(|target| target.state == state)
                .count()
        };
        let (dialing, connected) = (count(State::Dialing), count(State::Connected));
        let room = AT_ONCE
            .saturating_sub(dialing)
            .min(SESSIONS.saturating_sub(connected + dialing));
        let is_due =
            |target: &Target| matches!(target.state, State::Waiting { until } if until <= now);
        let due = self
            .targets
            .values_mut()
            .filter(|target| is_due(target))
            .take(room);
        due.map(|target| {
            target.state = State::Dialing;
            target.address.clone()
        })
        .collect()
    }

    /// When somebody is due next.
    pub(super) fn next(&self) -> Option<Instant> {
        let busy = |state| {
            self.targets
                .values()
                .filter(|target| target.state == state)
                .count()
        };
        if busy(State::Dialing) >= AT_ONCE
            || busy(State::Dialing) + busy(State::Connected) >= SESSIONS
        {
            return None;
        }
        let until = |target: &Target| match target.state {
            State::Waiting { until } => Some(until),
            State::Dialing | State::Connected | State::GivenUp => None,
        };
        self.targets.values().filter_map(until).min()
    }

    pub(super) fn connected(&mut self, peer: &EndpointId) {
        if let Some(target) = self.targets.get_mut(peer) {
            target.state = State::Connected;
            target.answered = true;
        }
    }

    /// A session went well: the next failure is the first one again.
    pub(super) fn went_well(&mut self, peer: &EndpointId) {
        if let Some(target) = self.targets.get_mut(peer) {
            target.failures = 0;
        }
    }

    /// Dialing failed or a session ended.
    pub(super) fn failed(&mut self, peer: &EndpointId, now: Instant, reason: String) {
        let random = self.random();
        if let Some(target) = self.targets.get_mut(peer) {
            let wait = FIRST_WAIT
                .saturating_mul(1 << target.failures.min(10))
                .min(LONGEST_WAIT);
            target.failures = target.failures.saturating_add(1);
            target.wait(now, wait, random, reason);
            if target.failures >= TRIES && !target.answered {
                target.state = State::GivenUp;
                target
                    .reason
                    .push_str("; it never answered and is given up until you sync");
            }
        }
    }

    /// There is nothing to do with the peer, and others are kept connected.
    pub(super) fn rest(&mut self, peer: &EndpointId, now: Instant) {
        let random = self.random();
        if let Some(target) = self.targets.get_mut(peer) {
            target.failures = 0;
            let reason = "it is at rest: there was nothing new".to_owned();
            target.wait(now, REST_WAIT, random, reason);
        }
    }

    /// The peer broke a rule.
    pub(super) fn broke_a_rule(&mut self, peer: &EndpointId, now: Instant, reason: String) {
        let random = self.random();
        if let Some(target) = self.targets.get_mut(peer) {
            target.wait(now, LONG_WAIT, random, reason);
        }
    }

    pub(super) const fn targets(&self) -> &BTreeMap<EndpointId, Target> {
        &self.targets
    }

    /// A number from 0 to 999; xorshift is random enough for not dialing in step.
    const fn random(&mut self) -> u32 {
        self.jitter ^= self.jitter << 13;
        self.jitter ^= self.jitter >> 7;
        self.jitter ^= self.jitter << 17;
        (self.jitter % 1_000) as u32
    }
}

impl Target {
    /// Waits half to one and a half times `wait`.
    fn wait(&mut self, now: Instant, wait: Duration, random: u32, reason: String) {
        self.state = State::Waiting {
            until: now + wait / 2 + wait * random / 1_000,
        };
        self.reason = reason;
    }
}

#[cfg(test)]
mod tests {
    use iroh::SecretKey;

    use super::*;

    fn endpoint(n: u8) -> EndpointAddr {
        EndpointAddr::new(SecretKey::from_bytes(&[n; 32]).public())
    }

    #[test]
    fn failures_are_waited_out_longer_each_time_and_a_hurry_ends_the_wait() {
        let now = Instant::now();
        let mut dialer = Dialer::new(endpoint(1).id, 9);
        dialer.set(vec![endpoint(1), endpoint(2)], |_| true, now);
        assert_eq!(dialer.due(now), vec![endpoint(2)], "nobody dials itself");
        assert_eq!(dialer.due(now), vec![], "nobody is dialed twice at a time");
        dialer.failed(&endpoint(2).id, now, "timed out".to_owned());
        let first = dialer.next().unwrap() - now;
        assert!(first >= FIRST_WAIT / 2 && first <= FIRST_WAIT * 3 / 2);
        for _ in 0..20 {
            dialer.failed(&endpoint(2).id, now, "timed out".to_owned());
        }
        let later = dialer.next().unwrap() - now;
        assert!(later >= LONGEST_WAIT / 2 && later <= LONGEST_WAIT * 3 / 2);
        dialer.hurry(now);
        assert_eq!(dialer.due(now), vec![endpoint(2)]);
    }

    #[test]
    fn a_new_address_is_tried_at_once() {
        let now = Instant::now();
        let mut dialer = Dialer::new(endpoint(1).id, 9);
        dialer.set(vec![endpoint(2)], |_| false, now);
        dialer.due(now);
        dialer.failed(&endpoint(2).id, now, "timed out".to_owned());
        let moved = endpoint(2).with_ip_addr(([10, 0, 0, 1], 7).into());
        dialer.set(vec![moved.clone()], |_| false, now);
        assert_eq!(dialer.due(now), vec![moved]);
    }

    #[test]
    fn who_never_answered_is_given_up_until_somebody_asks() {
        let now = Instant::now();
        let (stale, friend) = (endpoint(2), endpoint(3));
        let mut dialer = Dialer::new(endpoint(1).id, 9);
        let answered = |id: &EndpointId| *id == friend.id;
        dialer.set(vec![stale.clone(), friend.clone()], answered, now);
        for _ in 0..TRIES {
            let later = dialer.next().unwrap() + LONGEST_WAIT;
            for address in dialer.due(later) {
                dialer.failed(&address.id, now, "timed out".to_owned());
            }
        }
        let much_later = now + LONG_WAIT;
        assert_eq!(dialer.due(much_later), vec![friend.clone()]);
        let state = |dialer: &Dialer| dialer.targets()[&stale.id].state;
        assert_eq!(state(&dialer), State::GivenUp);
        // Following somebody else changes nothing for it.
        dialer.set(vec![stale.clone(), friend.clone()], answered, much_later);
        assert_eq!(dialer.due(much_later), vec![]);
        dialer.hurry(much_later);
        assert_eq!(dialer.due(much_later), vec![stale.clone()]);
        dialer.failed(&stale.id, much_later, "timed out".to_owned());
        assert_eq!(state(&dialer), State::GivenUp, "one try for each asking");
        let moved = stale.clone().with_ip_addr(([10, 0, 0, 1], 7).into());
        dialer.set(vec![moved.clone()], answered, much_later);
        assert_eq!(dialer.due(much_later), vec![moved]);
        dialer.connected(&stale.id);
        for _ in 0..2 * TRIES {
            dialer.failed(&stale.id, much_later, "timed out".to_owned());
        }
        assert!(dialer.next().is_some(), "who answered once comes back");
    }

    #[test]
    fn only_so_many_are_dialed_at_one_time() {
        let now = Instant::now();
        let mut dialer = Dialer::new(endpoint(1).id, 9);
        dialer.set((2..100).map(endpoint).collect(), |_| false, now);
        assert_eq!(dialer.due(now).len(), AT_ONCE);
        assert_eq!(dialer.next(), None);
    }
}
