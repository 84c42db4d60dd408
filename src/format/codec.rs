//! Canonical bytes: postcard, with checked lengths, one form for a value and nothing after it.
//!
//! Structures go through [`encode`] and [`decode`]. What is read by the hundred thousand (headers, runs) goes through
//! [`Writer`] and [`Reader`], which speak the same bytes without a detour over serde.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{DeserializeOwned, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

use super::error::FormatError;

/// Encodes a value as postcard.
///
/// A type whose `Serialize` fails by itself gives no bytes. None of this crate does, and content of apps is encoded in a
/// way that reports it.
pub fn encode<T: Serialize + ?Sized>(value: &T) -> Vec<u8> {
    try_encode(value).unwrap_or_default()
}

/// Encodes a value as postcard; fails only if its `Serialize` does.
pub(crate) fn try_encode<T: Serialize + ?Sized>(value: &T) -> Result<Vec<u8>, FormatError> {
    postcard::to_stdvec(value).map_err(|_| FormatError::Malformed {
        what: "a value that refuses to be encoded",
    })
}

/// Decodes a value from the whole of `bytes`.
///
/// # Errors
///
/// [`FormatError::Truncated`], [`FormatError::Malformed`], [`FormatError::Trailing`], or [`FormatError::NotCanonical`] if
/// encoding the value does not give the same bytes again (postcard alone takes over-long numbers).
pub fn decode<T: Serialize + DeserializeOwned>(
    what: &'static str,
    bytes: &[u8],
) -> Result<T, FormatError> {
    let (value, rest) = postcard::take_from_bytes::<T>(bytes).map_err(|error| match error {
        postcard::Error::DeserializeUnexpectedEnd => FormatError::Truncated { what },
        _ => FormatError::Malformed { what },
    })?;
    if !rest.is_empty() {
        return Err(FormatError::Trailing {
            what,
            count: rest.len(),
        });
    }
    if try_encode(&value)? != bytes {
        return Err(FormatError::NotCanonical { what });
    }
    Ok(value)
}

/// Reads a list and makes room as items come, not as its length claims: an item takes more memory than the bytes that
/// claim it.
pub(super) fn list<'de, D, T>(deserializer: D) -> Result<Vec<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    struct List<T>(PhantomData<T>);

    impl<'de, T: Deserialize<'de>> Visitor<'de> for List<T> {
        type Value = Vec<T>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a list")
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Vec<T>, A::Error> {
            let mut list = Vec::with_capacity(items.size_hint().unwrap_or(0).min(4));
            while let Some(item) = items.next_element()? {
                list.push(item);
            }
            Ok(list)
        }
    }

    deserializer.deserialize_seq(List(PhantomData))
}

/// Appends postcard primitives to a buffer.
#[derive(Debug, Default)]
pub(crate) struct Writer(pub(crate) Vec<u8>);

impl Writer {
    pub(crate) fn with_capacity(bytes: usize) -> Self {
        Self(Vec::with_capacity(bytes))
    }

    pub(crate) fn u8(&mut self, value: u8) {
        self.0.push(value);
    }

    pub(crate) fn raw(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    pub(crate) fn varint(&mut self, mut value: u64) {
        loop {
            let low = (value & 0x7f) as u8;
            value >>= 7;
            if value == 0 {
                return self.0.push(low);
            }
            self.0.push(low | 0x80);
        }
    }

    pub(crate) fn zigzag(&mut self, value: i64) {
        #[expect(clippy::cast_sign_loss, reason = "zigzag keeps every bit")]
        self.varint(((value << 1) ^ (value >> 63)) as u64);
    }

    pub(crate) fn bytes(&mut self, bytes: &[u8]) {
        self.varint(bytes.len() as u64);
        self.raw(bytes);
    }

    pub(crate) fn option_zigzag(&mut self, value: Option<i64>) {
        match value {
            None => self.u8(0),
            Some(value) => {
                self.u8(1);
                self.zigzag(value);
            }
        }
    }
}

/// Reads postcard primitives from a buffer, and only their shortest forms.
#[derive(Debug, Clone)]
pub(crate) struct Reader<'a> {
    rest: &'a [u8],
    what: &'static str,
}

impl<'a> Reader<'a> {
    /// `what` names the structure in errors.
    pub(crate) fn new(what: &'static str, bytes: &'a [u8]) -> Self {
        Self { rest: bytes, what }
    }

    pub(crate) fn rest(&self) -> &'a [u8] {
        self.rest
    }

    pub(crate) fn raw(&mut self, count: usize) -> Result<&'a [u8], FormatError> {
        let (head, rest) = self
            .rest
            .split_at_checked(count)
            .ok_or(FormatError::Truncated { what: self.what })?;
        self.rest = rest;
        Ok(head)
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N], FormatError> {
        let (head, rest) = self
            .rest
            .split_first_chunk::<N>()
            .ok_or(FormatError::Truncated { what: self.what })?;
        self.rest = rest;
        Ok(*head)
    }

    pub(crate) fn u8(&mut self) -> Result<u8, FormatError> {
        self.array::<1>().map(|[byte]| byte)
    }

    pub(crate) fn varint(&mut self) -> Result<u64, FormatError> {
        let mut value = 0u64;
        for place in 0..10u32 {
            let byte = self.u8()?;
            let low = u64::from(byte & 0x7f);
            if place == 9 && low > 1 {
                return Err(FormatError::Malformed { what: self.what });
            }
            value |= low << (7 * place);
            if byte & 0x80 == 0 {
                if byte == 0 && place > 0 {
                    return Err(FormatError::NotCanonical { what: self.what });
                }
                return Ok(value);
            }
        }
        Err(FormatError::Malformed { what: self.what })
    }

    pub(crate) fn zigzag(&mut self) -> Result<i64, FormatError> {
        let value = self.varint()?;
        #[expect(clippy::cast_possible_wrap, reason = "zigzag keeps every bit")]
        Ok((value >> 1) as i64 ^ -((value & 1) as i64))
    }

    /// Reads a length-prefixed string of bytes of at most `limit`.
    pub(crate) fn bytes(&mut self, limit: usize) -> Result<&'a [u8], FormatError> {
        let len = self.varint()?;
        let limit = limit as u64;
        if len > limit {
            return Err(FormatError::TooLarge {
                what: self.what,
                found: len,
                limit,
            });
        }
        let len = usize::try_from(len).map_err(|_| FormatError::Truncated { what: self.what })?;
        self.raw(len)
    }

    pub(crate) fn str(&mut self, limit: usize) -> Result<&'a str, FormatError> {
        std::str::from_utf8(self.bytes(limit)?)
            .map_err(|_| FormatError::Malformed { what: self.what })
    }

    /// Reads a string whose bound is checked by what is made of it; nothing is copied.
    pub(crate) fn text(&mut self) -> Result<&'a str, FormatError> {
        self.str(usize::MAX)
    }

    pub(crate) fn option_zigzag(&mut self) -> Result<Option<i64>, FormatError> {
        match self.u8()? {
            0 => Ok(None),
            1 => self.zigzag().map(Some),
            _ => Err(FormatError::Malformed { what: self.what }),
        }
    }

    /// Ends the reading: nothing may be left.
    pub(crate) fn finish(self) -> Result<(), FormatError> {
        match self.rest.len() {
            0 => Ok(()),
            count => Err(FormatError::Trailing {
                what: self.what,
                count,
            }),
        }
    }
}

#[cfg(test)]
mod tests;
