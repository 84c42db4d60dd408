//! Private keys and signatures. Debug shows nothing secret.

use std::fmt;

use ed25519_dalek::{Signer as _, SigningKey, VerifyingKey};
use serde::de::{Error as _, SeqAccess, Visitor};
use serde::ser::SerializeTuple as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::context::sign;
use super::id::{DeviceId, EntryId, FeedId, StatementId};

/// An Ed25519 signature: 64 raw bytes, checked only under the strict rule.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Signature([u8; 64]);

impl Signature {
    /// Makes it from its 64 bytes; whether it verifies is another question.
    pub const fn from_bytes(bytes: [u8; 64]) -> Self {
        Self(bytes)
    }

    /// Its 64 bytes.
    pub const fn as_bytes(&self) -> &[u8; 64] {
        &self.0
    }
}

impl fmt::Debug for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Signature({}..)",
            data_encoding::HEXLOWER.encode(self.0.get(..4).unwrap_or_default())
        )
    }
}

impl Serialize for Signature {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut tuple = serializer.serialize_tuple(64)?;
        for byte in &self.0 {
            tuple.serialize_element(byte)?;
        }
        tuple.end()
    }
}

impl<'de> Deserialize<'de> for Signature {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Bytes;
        impl<'de> Visitor<'de> for Bytes {
            type Value = Signature;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("64 bytes")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Signature, A::Error> {
                let mut bytes = [0; 64];
                for byte in &mut bytes {
                    *byte = seq
                        .next_element()?
                        .ok_or_else(|| A::Error::custom("64 bytes"))?;
                }
                Ok(Signature(bytes))
            }
        }
        deserializer.deserialize_tuple(64, Bytes)
    }
}

fn signed(context: &[u8], parts: &[&[u8]]) -> Vec<u8> {
    let mut message = context.to_vec();
    for part in parts {
        message.extend_from_slice(part);
    }
    message
}

/// Checks a signature under the strict rule: small-order keys and points, and non-canonical scalars and points, are
/// refused. A non-canonical R is refused by the library, which compares its bytes.
fn verify(key: &[u8; 32], context: &[u8], parts: &[&[u8]], signature: &Signature) -> bool {
    let Some(key) = point(key) else {
        return false;
    };
    let signature = ed25519_dalek::Signature::from_bytes(&signature.0);
    key.verify_strict(&signed(context, parts), &signature)
        .is_ok()
}

/// Whether signatures can be checked against this key at all: it is a point, and not one of small order.
pub(crate) fn is_usable_key(key: &[u8; 32]) -> bool {
    point(key).is_some_and(|key| !key.is_weak())
}

/// The point of a key in its one form. `ed25519-dalek` also takes a y of the field's order or more, modulo it, which
/// RFC 8032, 5.1.3 refuses.
fn point(key: &[u8; 32]) -> Option<VerifyingKey> {
    if is_y_canonical(key) {
        VerifyingKey::from_bytes(key).ok()
    } else {
        None
    }
}

/// Whether the y of a point, the lower 255 bits, is less than 2^255 - 19.
fn is_y_canonical(point: &[u8; 32]) -> bool {
    let [low, middle @ .., high] = point;
    *low < 0xed || high & 0x7f != 0x7f || middle.iter().any(|byte| *byte != 0xff)
}

macro_rules! secret {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone)]
        pub struct $name(SigningKey);

        impl $name {
            /// Makes the key from 32 bytes, which must come from a good source of randomness.
            pub fn from_bytes(bytes: &[u8; 32]) -> Self {
                Self(SigningKey::from_bytes(bytes))
            }

            /// The 32 secret bytes. Whoever has them is the key.
            pub fn to_bytes(&self) -> zeroize::Zeroizing<[u8; 32]> {
                zeroize::Zeroizing::new(self.0.to_bytes())
            }

            fn sign(&self, context: &[u8], parts: &[&[u8]]) -> Signature {
                Signature(self.0.sign(&signed(context, parts)).to_bytes())
            }

            pub(crate) fn sign_statement(&self, id: &StatementId) -> Signature {
                self.sign(sign::STATEMENT, &[id.as_bytes()])
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}(of {:?})", stringify!($name), self.id())
            }
        }
    };
}

secret!(
    /// The feed key: the identity's last word. It admits and retires devices and never signs posts.
    ///
    /// The bytes are erased when the value is dropped.
    FeedSecret
);
secret!(
    /// The signing key of one device for one feed.
    ///
    /// The bytes are erased when the value is dropped. A key that may exist twice must never sign an entry again.
    DeviceSecret
);

impl FeedSecret {
    /// The feed that this key owns.
    pub fn id(&self) -> FeedId {
        FeedId::from_bytes(self.0.verifying_key().to_bytes())
    }

    /// Says that this person goes on under another feed; goes into the body of a `moved/1`.
    pub fn sign_moved(&self, to: &FeedId) -> Signature {
        self.sign(sign::MOVED, &[self.id().as_bytes(), to.as_bytes()])
    }
}

impl DeviceSecret {
    /// The device that this key is.
    pub fn id(&self) -> DeviceId {
        DeviceId::from_bytes(self.0.verifying_key().to_bytes())
    }

    pub(crate) fn sign_entry(&self, id: &EntryId) -> Signature {
        self.sign(sign::ENTRY, &[id.as_bytes()])
    }

    /// Agrees to be a device of a feed, so that nobody's key can be claimed.
    pub fn consent(&self, feed: &FeedId) -> Signature {
        self.sign(sign::CONSENT, &[feed.as_bytes(), self.id().as_bytes()])
    }
}

impl FeedId {
    /// Whether the feed key signed that this feed goes on under `to`.
    pub fn verify_moved(&self, to: &Self, signature: &Signature) -> bool {
        verify(
            self.as_bytes(),
            sign::MOVED,
            &[self.as_bytes(), to.as_bytes()],
            signature,
        )
    }

    pub(crate) fn verify_statement(&self, id: &StatementId, signature: &Signature) -> bool {
        verify(
            self.as_bytes(),
            sign::STATEMENT,
            &[id.as_bytes()],
            signature,
        )
    }
}

impl DeviceId {
    pub(crate) fn verify_entry(&self, id: &EntryId, signature: &Signature) -> bool {
        verify(self.as_bytes(), sign::ENTRY, &[id.as_bytes()], signature)
    }

    pub(crate) fn verify_consent(&self, feed: &FeedId, signature: &Signature) -> bool {
        verify(
            self.as_bytes(),
            sign::CONSENT,
            &[feed.as_bytes(), self.as_bytes()],
            signature,
        )
    }

    pub(crate) fn verify_statement(&self, id: &StatementId, signature: &Signature) -> bool {
        verify(
            self.as_bytes(),
            sign::STATEMENT,
            &[id.as_bytes()],
            signature,
        )
    }
}
