//! The text a person hands on: which feed, and where to begin looking.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::address::{EndpointAddress, TaggedAddress};
use super::context::derive;
use super::error::FormatError;
use super::id::{EntryRef, FeedId, from_base32, to_base32};
use super::key::is_usable_key;
use super::{codec, limits};

const WHAT: &str = "ticket";
const EXPECTED: &str = "a feed ticket";

/// A feed, and where to begin looking for it.
///
/// Its text form is `tidingsfeed` and lower-case base32 of the version byte, the fields and four check bytes. Addresses
/// that cannot be read, of a later version or of no use, are kept as they stand and passed over.
#[derive(Clone, PartialEq, Eq)]
pub struct FeedTicket {
    fields: Fields,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Fields {
    feed: FeedId,
    #[serde(deserialize_with = "codec::list")]
    addresses: Vec<TaggedAddress>,
    entry: Option<EntryRef>,
}

/// What a named entry takes at the most: feed, device, lane, place, id.
const ENTRY_BYTES: usize = 32 + 32 + 16 + 10 + 32;

impl FeedTicket {
    /// How the text form begins.
    pub const KIND: &'static str = "tidingsfeed";

    /// Makes a ticket to a feed, with no address yet.
    pub const fn new(feed: FeedId) -> Self {
        Self {
            fields: Fields {
                feed,
                addresses: Vec::new(),
                entry: None,
            },
        }
    }

    /// Adds an endpoint with its addresses. Those that no packet reaches one host by, the seventeenth and later ones, and
    /// the ninth and later endpoints are left out, since a ticket must stay short.
    #[must_use]
    pub fn with_endpoint(mut self, endpoint: &EndpointAddress) -> Self {
        let before = self.fields.addresses.len();
        if self.endpoints().len() < limits::TICKET_ENDPOINTS {
            self.fields.addresses.extend(endpoint.tagged());
        }
        // Relays with the longest names would make it longer than any reader takes.
        if self.to_bytes().len() + ENTRY_BYTES > limits::TICKET_BYTES {
            self.fields.addresses.truncate(before);
        }
        self
    }

    /// Names an entry to open first.
    #[must_use]
    pub const fn with_entry(mut self, entry: EntryRef) -> Self {
        self.fields.entry = Some(entry);
        self
    }

    /// The feed.
    pub const fn feed(&self) -> FeedId {
        self.fields.feed
    }

    /// Endpoints that are likely to have it: what can be read and used, within the bounds.
    pub fn endpoints(&self) -> Vec<EndpointAddress> {
        EndpointAddress::read_all(&self.fields.addresses)
    }

    /// The addresses as they stand in the ticket, unknown ones included.
    pub fn addresses(&self) -> &[TaggedAddress] {
        &self.fields.addresses
    }

    /// The entry to open first.
    pub const fn entry(&self) -> Option<&EntryRef> {
        self.fields.entry.as_ref()
    }

    /// The ticket's bytes: version, fields, check bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = vec![limits::VERSION];
        bytes.extend(codec::encode(&self.fields));
        let check = check_bytes(&bytes);
        bytes.extend(check);
        bytes
    }

    /// Reads a ticket's bytes.
    ///
    /// # Errors
    ///
    /// If the check bytes do not fit (a character was lost or changed), the version is unknown, or a field is wrong.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, FormatError> {
        let (found, limit) = (bytes.len() as u64, limits::TICKET_BYTES as u64);
        if bytes.len() > limits::TICKET_BYTES {
            let what = "ticket, in bytes,";
            return Err(FormatError::TooLarge { what, found, limit });
        }
        let (payload, check) = bytes
            .split_last_chunk::<4>()
            .ok_or(FormatError::Truncated { what: WHAT })?;
        if check_bytes(payload) != *check {
            return Err(FormatError::Text {
                expected: EXPECTED,
                why: "its check bytes do not fit, a part of it was lost or changed",
            });
        }
        let (version, fields) = payload
            .split_first()
            .ok_or(FormatError::Truncated { what: WHAT })?;
        if *version != limits::VERSION {
            return Err(FormatError::Version {
                what: WHAT,
                found: *version,
                known: limits::VERSION,
            });
        }
        let fields: Fields = codec::decode(WHAT, fields)?;
        fields.check()?;
        Ok(Self { fields })
    }
}

impl Fields {
    fn check(&self) -> Result<(), FormatError> {
        if !is_usable_key(self.feed.as_bytes()) {
            return Err(FormatError::Text {
                expected: EXPECTED,
                why: "the feed it names has no usable key",
            });
        }
        Ok(())
    }
}

pub(super) fn check_bytes(payload: &[u8]) -> [u8; 4] {
    let [a, b, c, d, ..] = derive::TICKET.hash_parts(&[FeedTicket::KIND.as_bytes(), payload]);
    [a, b, c, d]
}

impl fmt::Display for FeedTicket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", Self::KIND, to_base32(&self.to_bytes()))
    }
}

impl fmt::Debug for FeedTicket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let endpoints = self.endpoints().len();
        write!(
            f,
            "FeedTicket({:?}, {endpoints} endpoints, entry {:?})",
            self.fields.feed, self.fields.entry
        )
    }
}

impl FromStr for FeedTicket {
    type Err = FormatError;

    fn from_str(text: &str) -> Result<Self, FormatError> {
        let wrong = |why| FormatError::Text {
            expected: EXPECTED,
            why,
        };
        // Mails wrap long words, and QR codes are smaller in capitals.
        let text: String = text.split_whitespace().collect();
        let text = text.to_ascii_lowercase();
        if text.is_empty() {
            return Err(wrong("it is empty"));
        }
        let rest = text
            .strip_prefix(Self::KIND)
            .ok_or_else(|| wrong("it does not begin with tidingsfeed"))?;
        let bytes = from_base32(rest)
            .ok_or_else(|| wrong("it is cut short, or has characters other than a-z and 2-7"))?;
        Self::from_bytes(&bytes)
    }
}
