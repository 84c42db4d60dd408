//! The devices of the own feed, and which of them a person stands by.

use std::collections::BTreeMap;

use super::Node;
use super::error::TidingsError;
use crate::feeds::{FeedBatch, FeedsError};
use crate::format::{DeviceId, Statement};

/// One device of the own feed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Device {
    id: DeviceId,
    label: String,
    is_admin: bool,
    generation: Option<u8>,
    state: DeviceState,
}

/// How a device stands in its feed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum DeviceState {
    /// This installation, under the key that signs now.
    This,
    /// It may post.
    Live,
    /// It is retired: what it posted up to then counts, and nothing else ever will.
    Retired,
    /// It was admitted by an earlier key of this installation, which had to be retired, and nobody had said that the device
    /// belongs. [`Node::keep_device`] admits it again.
    Dropped,
}

impl Device {
    /// Its name.
    pub const fn id(&self) -> DeviceId {
        self.id
    }

    /// What whoever admitted it calls it.
    pub fn label(&self) -> &str {
        &self.label
    }

    /// Whether it may admit and retire others.
    pub const fn is_admin(&self) -> bool {
        self.is_admin
    }

    /// How far from the feed key it was admitted: 1 to 3, lower outranks higher. None if it is dropped.
    pub const fn generation(&self) -> Option<u8> {
        self.generation
    }

    /// How it stands.
    pub const fn state(&self) -> DeviceState {
        self.state
    }
}

impl Node {
    /// The devices of the own feed, in the order of their ids: this one, others, and those that a renewal of this
    /// installation's key dropped.
    ///
    /// # Errors
    ///
    /// If the store cannot be read.
    pub fn devices(&self) -> Result<Vec<Device>, TidingsError> {
        let (snapshot, feed, this) = (self.snapshot()?, self.feed(), self.device());
        let (_, standing) = snapshot.judged(&feed)?;
        let mut devices = BTreeMap::new();
        for admit in snapshot.devices_left_behind(&feed)? {
            if let Some(admit) = admit.as_admit() {
                let device = Device {
                    id: *admit.device(),
                    label: admit.label().to_owned(),
                    is_admin: admit.is_admin(),
                    generation: None,
                    state: DeviceState::Dropped,
                };
                devices.insert(device.id, device);
            }
        }
        for (id, known) in standing.devices() {
            let state = match known.ends() {
                Some(_) => DeviceState::Retired,
                None if *id == this => DeviceState::This,
                None => DeviceState::Live,
            };
            let device = Device {
                id: *id,
                label: known.label().to_owned(),
                is_admin: known.admin_generation().is_some(),
                generation: Some(known.generation()),
                state,
            };
            devices.insert(device.id, device);
        }
        Ok(devices.into_values().collect())
    }

    /// Says that a device belongs to this person: a renewal of this installation's key keeps it from now on, and one that
    /// was dropped by such a renewal is admitted again, by the feed key.
    ///
    /// Where nobody said so, a renewal drops what the old key admitted: whoever had a copy of the key may have admitted
    /// devices with it.
    ///
    /// # Errors
    ///
    /// [`TidingsError::UnknownDevice`] if the device is none of the feed, is retired, or its key was retired: such a key is
    /// never admitted again. [`TidingsError::ReadOnly`].
    ///
    /// # Cancel safety
    ///
    /// Dropped, it may or may not be said.
    pub async fn keep_device(&self, device: &DeviceId) -> Result<(), TidingsError> {
        self.before_writing().await?;
        let (identity, device) = (self.inner.identity.clone(), *device);
        let kept = self.inner.writer.write(0, move |batch| {
            let feed = identity.feed();
            if batch.is_named_retired(&feed, &device)? {
                return Ok(false);
            }
            if batch.standing(&feed)?.is_live(&device) {
                stand_by(batch, &feed, &device)?;
                return Ok(true);
            }
            let Some(old) = batch.left_behind(&feed, &device)? else {
                return Ok(false);
            };
            let Some(admit) = old.as_admit() else {
                return Ok(false);
            };
            let (secret, label) = (identity.feed_secret(), admit.label());
            let (is_admin, consent) = (admit.is_admin(), *admit.consent());
            let anew = Statement::admit(feed, &secret, device, is_admin, label, consent)?;
            if !batch.has_room(&feed, std::slice::from_ref(&anew))? {
                return Err(FeedsError::NoRoom { feed });
            }
            batch.adopt_own(&feed, vec![anew])?;
            batch.not_left_behind(&feed, &device)?;
            Ok(true)
        });
        if kept.await? {
            Ok(())
        } else {
            Err(TidingsError::UnknownDevice { device })
        }
    }
}

/// Stands by all Admits that name a live device.
fn stand_by(
    batch: &mut FeedBatch<'_>,
    feed: &crate::format::FeedId,
    device: &DeviceId,
) -> Result<(), FeedsError> {
    for statement in batch.statements_held(feed)? {
        if statement.as_admit().is_some_and(|a| a.device() == device) {
            batch.stand_by(&statement)?;
        }
    }
    Ok(())
}
