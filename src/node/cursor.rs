//! Places to go on from: in a view, and in arrival order.

use std::fmt;
use std::str::FromStr;

use crate::format::{FormatError, OrderKey, from_base32, to_base32};

/// A place in a view. It is the same on every device that holds the entry, and stays good for ever.
///
/// Its text form is 39 characters of lower-case base32.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Cursor(pub(super) OrderKey);

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&to_base32(&self.0.to_bytes()))
    }
}

impl FromStr for Cursor {
    type Err = FormatError;

    fn from_str(text: &str) -> Result<Self, FormatError> {
        let bytes = from_base32(text).and_then(|bytes| <[u8; 24]>::try_from(bytes).ok());
        let why = "39 characters of a-z and 2-7 are";
        bytes
            .map(|bytes| Self(OrderKey::from_bytes(&bytes)))
            .ok_or(FormatError::Text {
                expected: "a cursor",
                why,
            })
    }
}

/// A place in the answer to a question about content: good on every device, for the same question.
///
/// Its text form is lower-case base32.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ContentCursor {
    /// Where the entry stands in the index that gives the order; none where views do.
    pub(super) key: Option<Vec<u8>>,
    pub(super) order: OrderKey,
}

impl fmt::Display for ContentCursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = self.key.as_deref().unwrap_or_default();
        f.write_str(&to_base32(&[&self.order.to_bytes(), key].concat()))
    }
}

impl FromStr for ContentCursor {
    type Err = FormatError;

    fn from_str(text: &str) -> Result<Self, FormatError> {
        let bytes = from_base32(text).unwrap_or_default();
        let Some((order, key)) = bytes.split_first_chunk::<24>() else {
            return Err(FormatError::Text {
                expected: "a cursor of content",
                why: "at least 39 characters of a-z and 2-7 are",
            });
        };
        Ok(Self {
            key: Some(key.to_vec()).filter(|key| !key.is_empty()),
            order: OrderKey::from_bytes(order),
        })
    }
}

/// A place in arrival order. It means something to the store that gave it only.
///
/// Its text form is a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct ChangeCursor(pub(super) u64);

impl ChangeCursor {
    /// Before everything.
    pub const START: Self = Self(0);
}

impl fmt::Display for ChangeCursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for ChangeCursor {
    type Err = FormatError;

    fn from_str(text: &str) -> Result<Self, FormatError> {
        let why = "it is not a number";
        text.parse().map(Self).map_err(|_| FormatError::Text {
            expected: "a change cursor",
            why,
        })
    }
}
