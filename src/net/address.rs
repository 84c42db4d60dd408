//! Endpoint addresses as tickets and the store hold them, and which of them are dialed.

use std::net::IpAddr;

use bytes::Bytes;
use iroh::{EndpointAddr, EndpointId, RelayUrl, TransportAddr};
use iroh_tickets::{ParseError, Ticket};

use crate::format::{EndpointAddress, FeedTicket};
use crate::sync::PeerIdentity;

impl PeerIdentity for EndpointId {
    fn to_bytes(&self) -> [u8; 32] {
        *self.as_bytes()
    }
}

/// Writes an address the way [`decode_address`] reads it.
pub(crate) fn encode_address(address: &EndpointAddr) -> Bytes {
    to_format(address).to_bytes()
}

/// Reads an address out of the store; none if it is no endpoint's.
pub(crate) fn decode_address(bytes: &[u8]) -> Option<EndpointAddr> {
    to_iroh(EndpointAddress::from_bytes(bytes)?)
}

fn to_format(address: &EndpointAddr) -> EndpointAddress {
    let mut endpoint = EndpointAddress::new(*address.id.as_bytes());
    for address in &address.addrs {
        match address {
            TransportAddr::Ip(socket) => endpoint.sockets.push(*socket),
            TransportAddr::Relay(url) => endpoint.relays.push(url.to_string()),
            _ => {}
        }
    }
    endpoint
}

/// None if the id is no key. A relay whose text is no address is passed over.
fn to_iroh(endpoint: EndpointAddress) -> Option<EndpointAddr> {
    let id = EndpointId::from_bytes(&endpoint.id).ok()?;
    let relays = endpoint.relays.iter();
    let relays = relays.filter_map(|relay| relay.parse().ok().map(TransportAddr::Relay));
    let sockets = endpoint.sockets.iter().copied().map(TransportAddr::Ip);
    Some(EndpointAddr {
        id,
        addrs: relays.chain(sockets).collect(),
    })
}

impl FeedTicket {
    /// Adds an endpoint as [`with_endpoint`](Self::with_endpoint) does.
    #[must_use]
    pub fn with_endpoint_addr(self, address: &EndpointAddr) -> Self {
        self.with_endpoint(&to_format(address))
    }

    /// Its endpoints as iroh dials them; those whose id is no key are left out.
    pub fn endpoint_addrs(&self) -> Vec<EndpointAddr> {
        self.endpoints().into_iter().filter_map(to_iroh).collect()
    }
}

/// The endpoints of a ticket that this node dials: relays only where it uses them itself, or whoever hands out a ticket
/// could make it talk to any server there is.
pub(crate) fn dialable(ticket: &FeedTicket, relays: &[RelayUrl]) -> Vec<EndpointAddr> {
    let mut addresses = ticket.endpoint_addrs();
    for address in &mut addresses {
        address.addrs.retain(|way| match way {
            TransportAddr::Relay(url) => relays.contains(url),
            _ => true,
        });
    }
    addresses.into_iter().map(usable_address).collect()
}

/// Ways to one endpoint that are tried: it has a few interfaces, each with an address or two, and a relay.
const ADDRESSES: usize = 16;

/// An address as it may be dialed, of one that somebody wrote down: at most 16 ways that lead to one machine, and of those
/// one relay, which sees who asks for whom.
pub(super) fn usable_address(address: EndpointAddr) -> EndpointAddr {
    let mut relays = 1_usize;
    let mut is_usable = |way: &TransportAddr| match way {
        TransportAddr::Ip(at) => {
            let ip = at.ip().to_canonical();
            let is_broadcast = matches!(ip, IpAddr::V4(ip) if ip.is_broadcast());
            at.port() != 0 && !ip.is_unspecified() && !ip.is_multicast() && !is_broadcast
        }
        TransportAddr::Relay(url) => {
            let is_taken = url.scheme() == "https" && relays > 0;
            relays -= usize::from(is_taken);
            is_taken
        }
        _ => false,
    };
    let ways = address.addrs.into_iter().filter(|way| is_usable(way));
    EndpointAddr::from_parts(address.id, ways.take(ADDRESSES))
}

/// So that a feed ticket is an iroh ticket like any other.
impl Ticket for FeedTicket {
    const KIND: &'static str = Self::KIND;

    fn encode_bytes(&self) -> Vec<u8> {
        self.to_bytes()
    }

    fn decode_bytes(bytes: &[u8]) -> Result<Self, ParseError> {
        Self::from_bytes(bytes).map_err(|_| ParseError::verification_failed("not a feed ticket"))
    }
}

#[cfg(test)]
mod tests {
    use iroh::SecretKey;

    use super::*;
    use crate::format::FeedSecret;

    #[test]
    fn of_many_addresses_a_few_that_lead_to_one_machine_are_dialed() {
        let id = SecretKey::from_bytes(&[7; 32]).public();
        let many = (0..880_u16).map(|n| TransportAddr::Ip(([10, 0, 0, 1], 1 + n).into()));
        let address = usable_address(EndpointAddr::from_parts(id, many));
        assert_eq!(address.addrs.len(), ADDRESSES);
        let relay = |name: &str| TransportAddr::Relay(name.parse().unwrap());
        let good = TransportAddr::Ip(([127, 0, 0, 1], 7).into());
        let odd = [
            TransportAddr::Ip(([0, 0, 0, 0], 7).into()),
            TransportAddr::Ip(([224, 0, 0, 1], 7).into()),
            TransportAddr::Ip(([255, 255, 255, 255], 7).into()),
            TransportAddr::Ip(([10, 0, 0, 1], 0).into()),
            relay("http://plain.example"),
            relay("https://one.example"),
            relay("https://two.example"),
            good.clone(),
        ];
        let given = EndpointAddr::from_parts(id, odd);
        let relays =
            |address: &EndpointAddr| address.addrs.iter().filter(|it| it.is_relay()).count();
        let address = usable_address(given);
        assert_eq!((address.addrs.len(), relays(&address)), (2, 1));
        assert!(address.addrs.contains(&good));
    }

    #[test]
    fn a_ticket_reads_the_same_as_an_iroh_ticket() {
        let endpoint = SecretKey::from_bytes(&[7; 32]).public();
        let address = EndpointAddr::new(endpoint).with_ip_addr(([127, 0, 0, 1], 4040).into());
        let feed = FeedSecret::from_bytes(&[1; 32]).id();
        let ticket = FeedTicket::new(feed).with_endpoint_addr(&address);
        assert_eq!(ticket.encode_string(), ticket.to_string());
        let read = <FeedTicket as Ticket>::decode_string(&ticket.to_string()).unwrap();
        assert_eq!(read, ticket);
        assert_eq!(read.endpoint_addrs(), [address]);
    }

    #[test]
    fn relays_of_others_are_not_dialed() {
        let relay =
            |name: &str| -> RelayUrl { format!("https://{name}.example/").parse().unwrap() };
        let endpoint = SecretKey::from_bytes(&[7; 32]).public();
        let own = EndpointAddr::new(endpoint)
            .with_ip_addr(([127, 0, 0, 1], 4040).into())
            .with_relay_url(relay("own"));
        let address = own.clone().with_relay_url(relay("another"));
        let feed = FeedSecret::from_bytes(&[1; 32]).id();
        let ticket = FeedTicket::new(feed).with_endpoint_addr(&address);
        assert_eq!(ticket.endpoint_addrs(), std::slice::from_ref(&address));
        assert_eq!(dialable(&ticket, &[relay("own")]), [own]);
        assert_eq!(decode_address(&encode_address(&address)), Some(address));
        assert_eq!(decode_address(b"nothing"), None);
    }
}
