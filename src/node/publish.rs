//! Content of an app's own types: composing and sending it.

use std::pin::Pin;

use super::Node;
use super::attach::Attach;
use super::error::TidingsError;
use super::keys::random;
use crate::format::{
    Body, Content, Draft, EntryRef, FeedId, FormatError, INDEX_KEYS, Timestamp, encode_checked,
    kind_of, one_line,
};

/// Content of an app's own type before it is sent, with [`send`](Self::send) or by awaiting it.
#[derive(Debug, Clone)]
#[must_use = "content is nothing before it is sent"]
pub struct Publish<'a, T> {
    node: Node,
    content: &'a T,
    attach: Vec<Attach>,
    tags: Vec<String>,
    mentions: Vec<FeedId>,
    reply_to: Option<EntryRef>,
    time: Option<Timestamp>,
}

impl Node {
    /// Begins an entry with content of an app's own type: `node.publish(&talk).await`.
    pub fn publish<'a, T: Content>(&self, content: &'a T) -> Publish<'a, T> {
        Publish {
            node: self.clone(),
            content,
            attach: Vec::new(),
            tags: content.tags(),
            mentions: Vec::new(),
            reply_to: None,
            time: None,
        }
    }
}

impl<T: Content> Publish<'_, T> {
    /// Attaches a picture, a video, a file: at most 32. It is taken in when the content is sent.
    pub fn attach(mut self, attach: impl Into<Attach>) -> Self {
        self.attach.push(attach.into());
        self
    }

    /// One more tag besides [those of the content](Content::tags): at most 32 of 64 bytes.
    pub fn tag(mut self, tag: impl Into<String>) -> Self {
        self.tags.push(one_line(tag));
        self
    }

    /// Speaks of a feed: at most 64.
    pub fn mention(mut self, feed: FeedId) -> Self {
        self.mentions.push(feed);
        self
    }

    /// Answers an entry.
    pub const fn reply_to(mut self, entry: EntryRef) -> Self {
        self.reply_to = Some(entry);
        self
    }

    /// The time to claim; now unless set, and never later than now.
    pub const fn time(mut self, time: Timestamp) -> Self {
        self.time = Some(time);
        self
    }

    /// Appends the content to the own feed and returns its name once it is on disk.
    ///
    /// # Errors
    ///
    /// [`TidingsError::Format`] if kind or lane are no names, the content would not read back equal
    /// ([`FormatError::NotReadBack`] names the field), is over a limit, or has more than
    /// 16 keys; [`TidingsError::NoIndex`] if it has a key of an index that its type does not list; if something
    /// cannot be attached. Nothing was appended then, and nothing is left of what was attached.
    ///
    /// # Cancel safety
    ///
    /// As for [`PostBuilder::send`](super::PostBuilder::send).
    pub async fn send(self) -> Result<EntryRef, TidingsError> {
        let (kind, lane) = kind_of::<T>()?;
        check_keys(self.content)?;
        let content = encode_checked(self.content)?;
        let now = self.node.now();
        let refs = match self.reply_to {
            Some(target) => self.node.reply_refs(target)?,
            None => Vec::new(),
        };
        let taken = self.node.take_media(self.attach).await?;
        let body = Body {
            salt: random()?,
            refs,
            attachments: taken.attachments,
            mentions: self.mentions,
            tags: self.tags,
            content,
        };
        let time = self.time.map_or(now, |time| time.min(now));
        let draft = Draft::new(kind, time, body.encode()?);
        let sent = self.node.append_with(lane, vec![draft], taken.kept).await?;
        sent.into_iter().next().ok_or(TidingsError::ShutDown)
    }
}

impl<'a, T: Content + Sync> IntoFuture for Publish<'a, T> {
    type Output = Result<EntryRef, TidingsError>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send + 'a>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.send())
    }
}

/// Keys that others would leave out when they read the content are a mistake of the app.
pub(super) fn check_keys<T: Content>(content: &T) -> Result<(), TidingsError> {
    let keys = content.keys();
    if let Some(key) = keys.iter().find(|key| !T::INDEXES.contains(&key.name())) {
        return Err(TidingsError::NoIndex {
            kind: T::KIND,
            index: key.name().to_owned(),
            known: T::INDEXES.join(", "),
        });
    }
    if keys.len() > INDEX_KEYS {
        return Err(FormatError::TooLarge {
            what: "the number of keys of one entry",
            found: keys.len() as u64,
            limit: INDEX_KEYS as u64,
        }
        .into());
    }
    Ok(())
}
