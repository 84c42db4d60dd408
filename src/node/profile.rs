//! The own profile: one entry per field that changes, each naming what it replaces.

use super::Node;
use super::attach::Attach;
use super::error::TidingsError;
use super::identity::Identity;
use super::keys::random;
use crate::feeds::FeedBatch;
use crate::format::{
    Attachment, Body, Content, Draft, FeedId, ProfileField, Ref, Rel, Timestamp, encode_content,
    kind_of, one_line,
};

/// Changes of the own profile, to be made with [`save`](Self::save).
#[derive(Debug, Clone)]
#[must_use = "nothing changes before `save`"]
pub struct ProfileEdit {
    node: Node,
    fields: Vec<(ProfileField, Option<Attachment>)>,
    picture: Option<Attach>,
}

impl Node {
    /// Begins to change the own profile.
    pub fn edit_profile(&self) -> ProfileEdit {
        ProfileEdit {
            node: self.clone(),
            fields: Vec::new(),
            picture: None,
        }
    }
}

impl ProfileEdit {
    fn with(mut self, field: ProfileField) -> Self {
        self.fields.push((field, None));
        self
    }

    /// The name to show, on one line; empty for none.
    pub fn name(self, name: impl Into<String>) -> Self {
        self.with(ProfileField::Name(one_line(name)))
    }

    /// A few words; empty for none.
    pub fn bio(self, bio: impl Into<String>) -> Self {
        self.with(ProfileField::Bio(bio.into()))
    }

    /// Declares a tag.
    pub fn add_tag(self, tag: impl Into<String>) -> Self {
        self.with(ProfileField::TagAdded(one_line(tag)))
    }

    /// Declares a tag no longer.
    pub fn remove_tag(self, tag: impl Into<String>) -> Self {
        self.with(ProfileField::TagRemoved(tag.into()))
    }

    /// Declares a link.
    pub fn add_link(self, link: impl Into<String>) -> Self {
        self.with(ProfileField::LinkAdded(link.into()))
    }

    /// Declares a link no longer.
    pub fn remove_link(self, link: impl Into<String>) -> Self {
        self.with(ProfileField::LinkRemoved(link.into()))
    }

    /// The picture to show beside the name; none for no picture. A preview of more than 2,048 bytes is left out, since
    /// entries of this kind are small.
    pub fn avatar(mut self, picture: Option<Attachment>) -> Self {
        self.fields.push((ProfileField::Avatar, picture.map(small)));
        self
    }

    /// A picture to show beside the name, prepared as one that is attached to a post; of a large one its smaller copy.
    pub fn picture(mut self, picture: impl Into<Attach>) -> Self {
        self.picture = Some(picture.into());
        self
    }

    /// Makes the changes in one write, all of them or none; what is so already is left out.
    ///
    /// # Errors
    ///
    /// [`TidingsError::Format`] if a field is over 4,096 bytes; [`TidingsError::NotAPicture`], or what says why it cannot
    /// be attached, for the picture; [`TidingsError::Feeds`] if the disk fails. Nothing changes then.
    ///
    /// # Cancel safety
    ///
    /// Dropped, all changes may be made or none.
    pub async fn save(self) -> Result<(), TidingsError> {
        let Self {
            node,
            mut fields,
            picture,
        } = self;
        let called = picture
            .as_ref()
            .and_then(Attach::called)
            .unwrap_or_default();
        let called = called.to_owned();
        let taken = node.take_media(picture.into_iter().collect()).await?;
        // The last one is the smallest.
        if let Some(mut picture) = taken.attachments.into_iter().next_back() {
            if !picture.mime.starts_with("image/") {
                return Err(TidingsError::NotAPicture {
                    name: called,
                    mime: picture.mime,
                });
            }
            picture.rendition_of = None;
            fields.push((ProfileField::Avatar, Some(small(picture))));
        }
        let kept = taken.kept;
        let profile = node.profile(node.feed())?;
        let fields: Vec<_> = fields
            .into_iter()
            .filter(|(field, picture)| match field {
                ProfileField::Avatar => profile.avatar() != picture.as_ref(),
                field => !profile.says(field),
            })
            .collect();
        if fields.is_empty() {
            return Ok(());
        }
        let salts = fields
            .iter()
            .map(|_| random())
            .collect::<Result<Vec<[u8; 8]>, _>>()?;
        node.before_writing().await?;
        let (identity, feed, now) = (node.inner.identity.clone(), node.inner.feed, node.now());
        let saved = node.inner.writer.write(0, move |batch| {
            let drafts = fields.iter().zip(salts).map(|((field, picture), salt)| {
                draft_with(batch, &feed, field, picture.clone(), salt, now)
            });
            let drafts = drafts.collect::<Result<Vec<_>, _>>()?;
            append_state::<ProfileField>(batch, &identity, &drafts)?;
            Ok(kept)
        });
        drop(saved.await?);
        Ok(())
    }
}

/// A picture as a small entry can carry it.
fn small(mut picture: Attachment) -> Attachment {
    picture.preview = picture.preview.filter(|bytes| bytes.len() <= 2_048);
    picture
}

/// Drafts one change of state, naming what it replaces.
pub(super) fn draft<T: Content>(
    batch: &mut FeedBatch<'_>,
    feed: &FeedId,
    content: &T,
    salt: [u8; 8],
    time: Timestamp,
) -> Result<Draft, crate::feeds::FeedsError> {
    draft_with(batch, feed, content, None, salt, time)
}

fn draft_with<T: Content>(
    batch: &mut FeedBatch<'_>,
    feed: &FeedId,
    content: &T,
    picture: Option<Attachment>,
    salt: [u8; 8],
    time: Timestamp,
) -> Result<Draft, crate::feeds::FeedsError> {
    let (kind, lane) = kind_of::<T>()?;
    let mut body = Body {
        salt,
        attachments: picture.into_iter().collect(),
        content: encode_content(content)?,
        ..Body::default()
    };
    let feed_no = batch.feed_number(feed)?;
    let replaced = batch.replaced(feed_no, (&lane, &kind), &body)?;
    body.refs.extend(replaced.map(|target| Ref {
        rel: Rel::Replaces,
        target,
    }));
    Ok(Draft::new(kind, time, body.encode()?))
}

/// Appends changes of state to the lane of their kind.
pub(super) fn append_state<T: Content>(
    batch: &mut FeedBatch<'_>,
    identity: &Identity,
    drafts: &[Draft],
) -> Result<(), crate::feeds::FeedsError> {
    let (_, lane) = kind_of::<T>()?;
    identity.append(batch, lane, drafts)?;
    Ok(())
}
