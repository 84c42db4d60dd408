//! How many feeds one address may ask after. Who knows the id of a feed can name it and see whether this node wants it too,
//! and endpoint ids cost nothing, so it is addresses that are counted.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv6Addr};
use std::time::{Duration, Instant};

use iroh::TransportAddr;
use iroh::endpoint::Connection;

/// Ids an hour that come to nothing, of one address: four full lists, or a list of any length each minute of people who
/// sit behind the same address. What both remember of each other is not named again, and does not count.
const IDS: u64 = 262_144;
/// What a list costs at the least, or a great many short ones would cost nothing: 64 lists an hour.
const LEAST: u64 = IDS / 64;
/// The time in which a bucket fills up.
const HOUR: Duration = Duration::from_secs(3_600);
/// Addresses that are kept in mind. Beyond it the fullest bucket goes, which has the least to say.
const ADDRESSES: usize = 4_096;
/// Those who come by way of a relay share one bucket: which address is behind it is not known. It is as large as those of
/// so many addresses.
const RELAYED: u64 = 16;

/// Where a peer asks from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum From {
    Address(IpAddr),
    Relay,
}

impl From {
    /// Where a connection comes from, as far as is known.
    pub(super) fn of(connection: &Connection) -> Self {
        let paths = connection.paths();
        let address = paths.iter().find_map(|path| match path.remote_addr() {
            TransportAddr::Ip(address) => Some(address.ip()),
            _ => None,
        });
        address.map_or(Self::Relay, |address| Self::Address(network(address)))
    }

    /// What an hour allows.
    const fn allows(self) -> u64 {
        match self {
            Self::Address(_) => IDS,
            Self::Relay => IDS * RELAYED,
        }
    }

    /// What naming so many ids at once costs. On this machine itself any number of lists is one's own business, and only
    /// their length counts.
    fn price(self, ids: usize) -> u64 {
        let ids = ids as u64;
        match self {
            Self::Address(address) if address.is_loopback() => ids,
            _ => ids.max(LEAST),
        }
    }
}

/// What one customer of a provider has: an address, or 64 bits of them.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) if !address.is_loopback() => {
            let network = u128::from(address) >> 64 << 64;
            IpAddr::V6(Ipv6Addr::from(network))
        }
        other => other,
    }
}

/// Token buckets, one an address.
#[derive(Debug, Default)]
pub(super) struct Questions {
    /// What was asked and is not forgotten yet, and when that was reckoned.
    asked: BTreeMap<From, (u64, Instant)>,
}

impl Questions {
    /// Notes that somebody named so many ids that came to nothing; `false` if that is more than an hour allows.
    pub(super) fn ask(&mut self, from: From, ids: usize, now: Instant) -> bool {
        let asked = self.asked_by(from, now).saturating_add(from.price(ids));
        self.asked.insert(from, (asked.min(2 * from.allows()), now));
        if self.asked.len() > ADDRESSES {
            let ask = |from: &From| self.asked_by(*from, now);
            let least = self.asked.keys().min_by_key(|from| ask(from)).copied();
            least.map(|from| self.asked.remove(&from));
        }
        asked <= from.allows()
    }

    /// What is not forgotten of what was asked: an hour's worth is after an hour.
    fn asked_by(&self, from: From, now: Instant) -> u64 {
        let Some((asked, at)) = self.asked.get(&from) else {
            return 0;
        };
        let millis = now.saturating_duration_since(*at).as_millis();
        let forgotten = u128::from(from.allows()) * millis / HOUR.as_millis();
        asked.saturating_sub(u64::try_from(forgotten).unwrap_or(u64::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> From {
        From::Address(network(text.parse().unwrap()))
    }

    #[test]
    fn an_address_may_name_so_many_ids_an_hour_and_not_one_more() {
        let (mut questions, now) = (Questions::default(), Instant::now());
        let (one, other) = (address("192.0.2.1"), address("192.0.2.2"));
        for _ in 0..4 {
            assert!(questions.ask(one, 65_536, now));
        }
        assert!(!questions.ask(one, 1, now));
        assert!(
            questions.ask(other, 65_536, now),
            "another is not held to it"
        );
        let mut later = Questions::default();
        assert!(later.ask(one, 262_144, now));
        assert!(!later.ask(one, 65_536, now + HOUR / 5));
        let mut later = Questions::default();
        assert!(later.ask(one, 262_144, now));
        assert!(
            later.ask(one, 65_536, now + HOUR / 4),
            "a quarter is forgotten"
        );
    }

    #[test]
    fn short_lists_count_too_but_not_on_this_machine() {
        let (mut questions, now) = (Questions::default(), Instant::now());
        let one = address("2001:db8::1");
        for _ in 0..64 {
            assert!(questions.ask(one, 1, now));
        }
        assert!(
            !questions.ask(address("2001:db8::2"), 1, now),
            "the same network"
        );
        let here = address("127.0.0.1");
        assert!((0..10_000).all(|_| questions.ask(here, 1, now)));
        assert!(!questions.ask(here, 262_144, now));
    }

    #[test]
    fn addresses_without_end_are_forgotten_and_the_one_that_asked_most_is_not() {
        let (mut questions, now) = (Questions::default(), Instant::now());
        let one = address("192.0.2.1");
        assert!(questions.ask(one, 262_144, now));
        for n in 0..5_000u32 {
            questions.ask(From::Address(IpAddr::V4((n + (10 << 24)).into())), 1, now);
        }
        assert!(questions.asked.len() <= ADDRESSES);
        assert!(!questions.ask(one, 1, now));
    }
}
