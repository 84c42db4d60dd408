//! Endpoint addresses as tickets and the store hold them, and which of them are dialed.

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
        address.addrs.retain(|address| match address {
            TransportAddr::Ip(_) => true,
            TransportAddr::Relay(url) => relays.contains(url),
            _ => false,
        });
    }
    addresses
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
        assert_eq!(ticket.endpoint_addrs(), [address.clone()]);
        assert_eq!(dialable(&ticket, &[relay("own")]), [own]);
        assert_eq!(decode_address(&encode_address(&address)), Some(address));
        assert_eq!(decode_address(b"nothing"), None);
    }
}
