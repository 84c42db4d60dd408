//! Statements: small signed records that admit devices to a feed, or retire them.
//!
//! A [`Statement`] is verified when made: its own signature, the consent of an admitted device and every Admit that a
//! Retire carries. Whether it *counts* is another question, answered by [`Statements::judge`] from all that is held. So a
//! device without rights may sign a statement that is valid and changes nothing.

mod caps;
mod ends;
mod judge;
#[cfg(test)]
mod model;
mod set;
#[cfg(test)]
mod tests;
mod wire;

use std::sync::Arc;

pub use self::ends::{End, Ends};
pub use self::judge::{DeviceStanding, Standing};
pub use self::set::Statements;
#[cfg(feature = "test-util")]
pub(super) use self::wire::reread_statement;
use super::error::FormatError;
use super::id::{DeviceId, FeedId, StatementId};
use super::key::{DeviceSecret, FeedSecret, Signature};
use super::limits;

/// Who signed a statement. The feed key sorts before every device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(clippy::exhaustive_enums, reason = "nobody else can sign a statement")]
pub enum Signer {
    /// The feed key, whose id is the feed's own.
    Feed,
    /// A device; whether it may is not said.
    Device(DeviceId),
}

impl Signer {
    fn from_key(feed: &FeedId, key: [u8; 32]) -> Self {
        if key == *feed.as_bytes() {
            Self::Feed
        } else {
            Self::Device(DeviceId::from_bytes(key))
        }
    }

    fn key<'a>(&'a self, feed: &'a FeedId) -> &'a [u8; 32] {
        match self {
            Self::Feed => feed.as_bytes(),
            Self::Device(device) => device.as_bytes(),
        }
    }

    /// The device, if it is one.
    pub const fn device(&self) -> Option<&DeviceId> {
        match self {
            Self::Feed => None,
            Self::Device(device) => Some(device),
        }
    }
}

/// A key that signs statements, borrowed for as long as it signs.
#[derive(Debug, Clone, Copy)]
#[expect(clippy::exhaustive_enums, reason = "nobody else can sign a statement")]
pub enum SignerSecret<'a> {
    /// The feed key.
    Feed(&'a FeedSecret),
    /// The key of a device.
    Device(&'a DeviceSecret),
}

impl SignerSecret<'_> {
    fn signer(self, feed: &FeedId) -> Result<Signer, FormatError> {
        match self {
            Self::Feed(secret) if secret.id() == *feed => Ok(Signer::Feed),
            Self::Feed(_) => Err(invalid("it is signed with another feed's key")),
            Self::Device(secret) => Ok(Signer::from_key(feed, *secret.id().as_bytes())),
        }
    }

    fn sign(self, id: &StatementId) -> Signature {
        match self {
            Self::Feed(secret) => secret.sign_statement(id),
            Self::Device(secret) => secret.sign_statement(id),
        }
    }
}

impl<'a> From<&'a FeedSecret> for SignerSecret<'a> {
    fn from(secret: &'a FeedSecret) -> Self {
        Self::Feed(secret)
    }
}

impl<'a> From<&'a DeviceSecret> for SignerSecret<'a> {
    fn from(secret: &'a DeviceSecret) -> Self {
        Self::Device(secret)
    }
}

/// Admits a device to a feed, with the device's own consent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Admit {
    device: DeviceId,
    admin: bool,
    label: String,
    consent: Signature,
}

impl Admit {
    /// The device admitted.
    pub const fn device(&self) -> &DeviceId {
        &self.device
    }

    /// Whether it may admit and retire others.
    pub const fn is_admin(&self) -> bool {
        self.admin
    }

    /// What people call it; at most 64 bytes, any text, maybe empty.
    pub fn label(&self) -> &str {
        &self.label
    }

    /// The device's signature over feed and device.
    pub const fn consent(&self) -> &Signature {
        &self.consent
    }
}

/// Retires a device for ever: says how far its entries count and which of its Admits stay.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Retire {
    device: DeviceId,
    ends: Ends,
    keep: Vec<Statement>,
}

impl Retire {
    /// The device retired.
    pub const fn device(&self) -> &DeviceId {
        &self.device
    }

    /// The last entry that counts, lane by lane. A public lane that is not named counts for nothing.
    pub const fn ends(&self) -> &Ends {
        &self.ends
    }

    /// The Admits signed by the retired device that stay in force, in id order.
    pub fn keep(&self) -> impl ExactSizeIterator<Item = &Statement> {
        self.keep.iter()
    }

    fn keeps(&self, id: &StatementId) -> bool {
        self.keep
            .binary_search_by(|carried| carried.id().cmp(id))
            .is_ok()
    }
}

/// What a statement does.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Act {
    /// Admits a device.
    Admit(Admit),
    /// Retires a device.
    Retire(Retire),
}

impl Act {
    /// The device it is about.
    pub const fn device(&self) -> &DeviceId {
        match self {
            Self::Admit(admit) => &admit.device,
            Self::Retire(retire) => &retire.device,
        }
    }
}

/// A signed, verified record that admits or retires a device of a feed. Cheap to clone.
///
/// Its id is the hash of its bytes without the signature, so the same words signed twice are one statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement(Arc<Inner>);

#[derive(Debug, PartialEq, Eq)]
struct Inner {
    id: StatementId,
    /// Of its encoding, in bytes.
    size: usize,
    feed: FeedId,
    signer: Signer,
    act: Act,
    signature: Signature,
}

impl Statement {
    /// Admits a device, as admin or not, under a label of at most 64 bytes.
    ///
    /// `consent` is what [`DeviceSecret::consent`] gave for this feed. It is not asked whether the signer is an admin, nor
    /// whether a Retire names the device already: a statement cannot know.
    ///
    /// # Errors
    ///
    /// [`FormatError::TooLarge`] for the label, [`FormatError::Signature`] for the consent, [`FormatError::Statement`]
    /// if the device is the feed key or the signer another feed's key.
    pub fn admit<'a>(
        feed: FeedId,
        by: impl Into<SignerSecret<'a>>,
        device: DeviceId,
        admin: bool,
        label: &str,
        consent: Signature,
    ) -> Result<Self, FormatError> {
        bounded(
            "bytes of a device's label",
            label.len(),
            limits::LABEL_BYTES,
        )?;
        Self::sign(
            feed,
            by.into(),
            Act::Admit(Admit {
                device,
                admin,
                label: label.to_owned(),
                consent,
            }),
        )
    }

    /// Retires a device; `keep` may come in any order and hold an Admit twice.
    ///
    /// A device retires itself by signing this about its own id.
    ///
    /// # Errors
    ///
    /// [`FormatError::Statement`] if `keep` holds anything but Admits signed by that device for this feed, if the device
    /// is the feed key or the signer another feed's key; [`FormatError::TooLarge`] if there are more than 16 to keep.
    pub fn retire<'a>(
        feed: FeedId,
        by: impl Into<SignerSecret<'a>>,
        device: DeviceId,
        ends: Ends,
        keep: impl IntoIterator<Item = Self>,
    ) -> Result<Self, FormatError> {
        let mut keep: Vec<Self> = keep.into_iter().collect();
        keep.sort_by_key(|carried| *carried.id());
        keep.dedup_by_key(|carried| *carried.id());
        bounded(
            "Admits that a Retire keeps",
            keep.len(),
            limits::RETIRE_KEEP,
        )?;
        Self::sign(feed, by.into(), Act::Retire(Retire { device, ends, keep }))
    }

    /// Reads one statement from the whole of `bytes` and verifies all of it.
    ///
    /// # Errors
    ///
    /// [`FormatError::Signature`] if its signature, a consent or the signature of a carried Admit does not verify; the
    /// other variants of [`FormatError`] for bytes that are no statement in its one form.
    pub fn decode(bytes: &[u8]) -> Result<Self, FormatError> {
        wire::decode(bytes)
    }

    /// Reads one from bytes that were verified before, from the own disk: no signature is looked at.
    ///
    /// # Errors
    ///
    /// [`FormatError`] for bytes that are no statement in its one form.
    pub(crate) fn decode_trusted(bytes: &[u8]) -> Result<Self, FormatError> {
        wire::decode_trusted(bytes)
    }

    /// How long its encoding is, in bytes.
    pub(crate) fn size(&self) -> usize {
        self.0.size
    }

    /// Its canonical bytes, signature included; at most [`limits::STATEMENT_BYTES`].
    pub fn encode(&self) -> Vec<u8> {
        wire::encode(self)
    }

    /// The hash of its bytes without the signature.
    pub fn id(&self) -> &StatementId {
        &self.0.id
    }

    /// The feed it is about.
    pub fn feed(&self) -> &FeedId {
        &self.0.feed
    }

    /// Who signed it.
    pub fn signer(&self) -> Signer {
        self.0.signer
    }

    /// What it does.
    pub fn act(&self) -> &Act {
        &self.0.act
    }

    /// The signature over its id.
    pub fn signature(&self) -> &Signature {
        &self.0.signature
    }

    /// The Admit, if it is one.
    pub fn as_admit(&self) -> Option<&Admit> {
        match self.act() {
            Act::Admit(admit) => Some(admit),
            Act::Retire(_) => None,
        }
    }

    /// The Retire, if it is one.
    pub fn as_retire(&self) -> Option<&Retire> {
        match self.act() {
            Act::Admit(_) => None,
            Act::Retire(retire) => Some(retire),
        }
    }

    fn sign(feed: FeedId, by: SignerSecret<'_>, act: Act) -> Result<Self, FormatError> {
        let signer = by.signer(&feed)?;
        let (id, size) = wire::id(&feed, &signer, &act);
        let signature = by.sign(&id);
        Self::verified(Inner {
            id,
            size,
            feed,
            signer,
            act,
            signature,
        })
    }

    /// The way to a `Statement` for what others made: every rule that bytes alone can break is checked here.
    fn verified(inner: Inner) -> Result<Self, FormatError> {
        check_shape(&inner)?;
        let Inner {
            id,
            feed,
            signer,
            act,
            signature,
            ..
        } = &inner;
        if let Act::Admit(admit) = act
            && !admit.device.verify_consent(feed, &admit.consent)
        {
            return Err(FormatError::Signature {
                what: "a device's consent",
            });
        }
        let good = match signer {
            Signer::Feed => feed.verify_statement(id, signature),
            Signer::Device(device) => device.verify_statement(id, signature),
        };
        if good {
            Ok(Self(Arc::new(inner)))
        } else {
            Err(FormatError::Signature {
                what: "a statement",
            })
        }
    }
}

/// What is to be checked without a signature.
fn check_shape(inner: &Inner) -> Result<(), FormatError> {
    if inner.act.device().as_bytes() == inner.feed.as_bytes() {
        return Err(invalid("the feed key is no device"));
    }
    match &inner.act {
        Act::Admit(_) => Ok(()),
        Act::Retire(retire) => check_keep(&inner.feed, retire),
    }
}

/// What is carried is verified already, being `Statement`s; here only that it belongs.
fn check_keep(feed: &FeedId, retire: &Retire) -> Result<(), FormatError> {
    for carried in &retire.keep {
        if carried.as_admit().is_none() {
            return Err(invalid("what it keeps is not an Admit"));
        }
        if carried.feed() != feed || carried.signer() != Signer::Device(retire.device) {
            return Err(invalid(
                "what it keeps was not signed by the retired device for this feed",
            ));
        }
    }
    if !retire.keep.is_sorted_by(|a, b| a.id() < b.id()) {
        return Err(invalid(
            "what it keeps is not in the order of ids, each once",
        ));
    }
    Ok(())
}

fn invalid(why: &'static str) -> FormatError {
    FormatError::Statement { why }
}

fn bounded(what: &'static str, found: usize, limit: usize) -> Result<(), FormatError> {
    if found > limit {
        return Err(FormatError::TooLarge {
            what,
            found: found as u64,
            limit: limit as u64,
        });
    }
    Ok(())
}
