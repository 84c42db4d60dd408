//! Endpoint addresses as tickets and the store hold them.

use bytes::Bytes;
use iroh::{EndpointAddr, EndpointId};
use iroh_tickets::{ParseError, Ticket};

use crate::format::{self, FeedTicket, FormatError};
use crate::sync::PeerIdentity;

impl PeerIdentity for EndpointId {
    fn to_bytes(&self) -> [u8; 32] {
        *self.as_bytes()
    }
}

/// Writes an address the way [`decode_address`] reads it: postcard of iroh's type.
pub(crate) fn encode_address(address: &EndpointAddr) -> Bytes {
    format::encode(address).into()
}

/// Reads an address out of a ticket or the store.
pub(crate) fn decode_address(bytes: &[u8]) -> Result<EndpointAddr, FormatError> {
    format::decode("endpoint address", bytes)
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
        let ticket = FeedTicket::new(feed).with_address(encode_address(&address));
        assert_eq!(ticket.encode_string(), ticket.to_string());
        let read = <FeedTicket as Ticket>::decode_string(&ticket.to_string()).unwrap();
        assert_eq!(read, ticket);
        assert_eq!(decode_address(&read.addresses()[0]).unwrap(), address);
    }
}
