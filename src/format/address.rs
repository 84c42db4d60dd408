//! Where an endpoint can be dialed, in bytes of our own: tagged, so that readers pass over what they do not know.
//!
//! No other crate's form of an address is frozen into tickets, and one address that cannot be read spoils no other.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::codec;
use super::limits::{ENDPOINT_ADDRESSES, RELAY_BYTES, TICKET_ENDPOINTS};

/// Begins an endpoint: its id. The addresses behind it, up to the next, are its.
const ENDPOINT: u8 = 0;
const IPV4: u8 = 1;
const IPV6: u8 = 2;
const RELAY: u8 = 3;

/// One address of a ticket as it stands there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(
    clippy::exhaustive_structs,
    reason = "an address is these two for ever; what is new is a tag"
)]
pub struct TaggedAddress {
    /// What the bytes are.
    pub tag: u8,
    /// The bytes.
    pub bytes: Bytes,
}

/// An endpoint, and where it can be dialed: what can be read and used of tagged addresses.
///
/// Nothing here is known to be true: the id may be no key, and the text of a relay no address.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct EndpointAddress {
    /// The endpoint's id.
    pub id: [u8; 32],
    /// Its sockets; none that names no single host.
    pub sockets: Vec<SocketAddr>,
    /// Addresses of relays where it can be met.
    pub relays: Vec<String>,
}

impl EndpointAddress {
    /// An endpoint of which no address is known yet.
    pub fn new(id: [u8; 32]) -> Self {
        Self {
            id,
            ..Self::default()
        }
    }

    /// Writes it, up to [`ENDPOINT_ADDRESSES`] addresses that can be used.
    pub(crate) fn tagged(&self) -> Vec<TaggedAddress> {
        let address = |tag, bytes: Vec<u8>| TaggedAddress {
            tag,
            bytes: bytes.into(),
        };
        let sockets = self.sockets.iter().filter(|socket| is_usable(socket));
        let sockets = sockets.map(|socket| {
            let (tag, mut bytes) = match socket.ip() {
                IpAddr::V4(ip) => (IPV4, ip.octets().to_vec()),
                IpAddr::V6(ip) => (IPV6, ip.octets().to_vec()),
            };
            bytes.extend(socket.port().to_be_bytes());
            address(tag, bytes)
        });
        let relays = self.relays.iter();
        let relays = relays.filter(|relay| !relay.is_empty() && relay.len() <= RELAY_BYTES);
        let relays = relays.map(|relay| address(RELAY, relay.clone().into_bytes()));
        let addresses = relays.chain(sockets).take(ENDPOINT_ADDRESSES);
        std::iter::once(address(ENDPOINT, self.id.to_vec()))
            .chain(addresses)
            .collect()
    }

    /// Reads all that can be read and used, within the bounds of a ticket.
    pub(crate) fn read_all(tagged: &[TaggedAddress]) -> Vec<Self> {
        let mut all: Vec<Self> = Vec::new();
        let mut at = None;
        for TaggedAddress { tag, bytes } in tagged {
            if *tag == ENDPOINT {
                at = <[u8; 32]>::try_from(bytes.as_ref()).ok().and_then(|id| {
                    let known = all.iter().position(|endpoint| endpoint.id == id);
                    known.or_else(|| {
                        (all.len() < TICKET_ENDPOINTS).then(|| {
                            all.push(Self::new(id));
                            all.len() - 1
                        })
                    })
                });
            } else if let Some(endpoint) = at.and_then(|at| all.get_mut(at))
                && endpoint.sockets.len() + endpoint.relays.len() < ENDPOINT_ADDRESSES
            {
                endpoint.add(*tag, bytes);
            }
        }
        all
    }

    fn add(&mut self, tag: u8, bytes: &[u8]) {
        if tag == RELAY {
            let text = std::str::from_utf8(bytes).ok();
            let text = text.filter(|text| !text.is_empty() && text.len() <= RELAY_BYTES);
            let new = text.filter(|text| self.relays.iter().all(|known| known != text));
            self.relays.extend(new.map(str::to_owned));
            return;
        }
        let socket = socket(tag, bytes).filter(is_usable);
        let new = socket.filter(|socket| !self.sockets.contains(socket));
        self.sockets.extend(new);
    }

    /// The bytes under which one endpoint is kept: a list of its tagged addresses.
    pub(crate) fn to_bytes(&self) -> Bytes {
        codec::encode(&self.tagged()).into()
    }

    /// Reads what [`to_bytes`](Self::to_bytes) wrote; none if it names no endpoint.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let tagged: Vec<TaggedAddress> = codec::decode("an address", bytes).ok()?;
        Self::read_all(&tagged).into_iter().next()
    }
}

fn socket(tag: u8, bytes: &[u8]) -> Option<SocketAddr> {
    let (ip, port) = bytes.split_last_chunk::<2>()?;
    let ip: IpAddr = match tag {
        IPV4 => Ipv4Addr::from(<[u8; 4]>::try_from(ip).ok()?).into(),
        IPV6 => Ipv6Addr::from(<[u8; 16]>::try_from(ip).ok()?).into(),
        _ => return None,
    };
    Some((ip, u16::from_be_bytes(*port)).into())
}

/// Whether a packet sent there reaches one host. What is said of a network does not: whoever hands out a ticket could
/// make all who take it send to many.
fn is_usable(socket: &SocketAddr) -> bool {
    let ip = socket.ip().to_canonical();
    let is_broadcast = matches!(ip, IpAddr::V4(ip) if ip.is_broadcast());
    socket.port() != 0 && !ip.is_unspecified() && !ip.is_multicast() && !is_broadcast
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tagged(tag: u8, bytes: &[u8]) -> TaggedAddress {
        TaggedAddress {
            tag,
            bytes: Bytes::copy_from_slice(bytes),
        }
    }

    fn full(id: u8) -> EndpointAddress {
        EndpointAddress {
            id: [id; 32],
            sockets: vec![
                ([192, 0, 2, 1], 4_040).into(),
                (Ipv6Addr::LOCALHOST, 80).into(),
            ],
            relays: vec!["https://relay.example/".to_owned()],
        }
    }

    #[test]
    fn an_endpoint_reads_as_it_was_written() {
        let both = [full(1).tagged(), full(2).tagged()].concat();
        assert_eq!(EndpointAddress::read_all(&both), [full(1), full(2)]);
        let read = EndpointAddress::from_bytes(&full(1).to_bytes());
        assert_eq!(read, Some(full(1)));
        assert_eq!(EndpointAddress::from_bytes(&[0]), None);
    }

    #[test]
    fn what_cannot_be_read_or_used_spoils_nothing() {
        let mut list = vec![tagged(IPV4, &[10, 0, 0, 1, 0, 9])];
        list.extend(full(1).tagged());
        list.extend([
            tagged(99, b"of a later version"),
            tagged(IPV4, &[10, 0, 0, 1, 0, 0]),
            tagged(IPV4, &[0, 0, 0, 0, 0, 9]),
            tagged(IPV4, &[224, 0, 0, 1, 0, 9]),
            tagged(IPV4, &[255, 255, 255, 255, 0, 9]),
            tagged(IPV4, &[1, 2, 3]),
            tagged(IPV6, &[[0xff; 16].as_slice(), &[0, 9]].concat()),
            tagged(RELAY, &[0xff]),
            tagged(RELAY, b""),
            tagged(ENDPOINT, &[1; 31]),
            tagged(IPV4, &[10, 0, 0, 2, 0, 9]),
        ]);
        // The same endpoint again goes on where it was; what stands twice counts once.
        list.extend(full(1).tagged());
        list.push(tagged(IPV4, &[10, 0, 0, 3, 0, 9]));
        let mut expected = full(1);
        expected.sockets.push(([10, 0, 0, 3], 9).into());
        assert_eq!(EndpointAddress::read_all(&list), [expected]);
    }

    #[test]
    fn a_flood_of_addresses_ends_at_the_bounds() {
        let of = |id: u8| EndpointAddress {
            id: [id; 32],
            sockets: (1..=110)
                .map(|port| ([192, 0, 2, 1], port).into())
                .collect(),
            relays: Vec::new(),
        };
        assert_eq!(of(1).tagged().len(), 1 + ENDPOINT_ADDRESSES);
        let sockets = (1u16..=110).map(|port| {
            let bytes = [&[192, 0, 2, 1], port.to_be_bytes().as_slice()].concat();
            tagged(IPV4, &bytes)
        });
        let sockets: Vec<_> = sockets.collect();
        let all: Vec<_> = (1..=9)
            .flat_map(|id| [vec![tagged(ENDPOINT, &[id; 32])], sockets.clone()].concat())
            .collect();
        let read = EndpointAddress::read_all(&all);
        assert_eq!(read.len(), TICKET_ENDPOINTS);
        let count = |endpoint: &EndpointAddress| endpoint.sockets.len();
        assert!(read.iter().all(|it| count(it) == ENDPOINT_ADDRESSES));
    }
}
