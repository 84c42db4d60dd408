//! Composing and sending posts.

use bytes::Bytes;

use super::Node;
use super::attach::Attach;
use super::error::TidingsError;
use super::keys::random;
use crate::format::{
    Attachment, Body, Draft, EntryRef, FeedId, Lane, Post, Ref, Rel, Timestamp, encode_content,
    kind_of, lanes, one_line,
};
use crate::media::Kept;

/// A post before it is sent.
#[derive(Debug, Clone, Default)]
#[must_use = "a post is nothing before it is sent"]
pub struct NewPost {
    post: Post,
    tags: Vec<String>,
    mentions: Vec<FeedId>,
    reply_to: Option<EntryRef>,
    time: Option<Timestamp>,
    attach: Vec<Attach>,
}

macro_rules! setters {
    (|$self:ident| $post:expr) => {
        /// A heading.
        pub fn title(mut $self, title: impl Into<String>) -> Self {
            $post.post.title = Some(one_line(title));
            $self
        }

        /// What it points to.
        pub fn link(mut $self, link: impl Into<String>) -> Self {
            $post.post.link = Some(link.into());
            $self
        }

        /// The language of the text, as BCP 47.
        pub fn language(mut $self, language: impl Into<String>) -> Self {
            $post.post.language = Some(language.into());
            $self
        }

        /// What to know before looking.
        pub fn warning(mut $self, warning: impl Into<String>) -> Self {
            $post.post.warning = Some(warning.into());
            $self
        }

        /// One more tag: at most 32 of 64 bytes.
        pub fn tag(mut $self, tag: impl Into<String>) -> Self {
            $post.tags.push(one_line(tag));
            $self
        }

        /// Speaks of a feed: at most 64.
        pub fn mention(mut $self, feed: FeedId) -> Self {
            $post.mentions.push(feed);
            $self
        }

        /// Answers an entry.
        pub fn reply_to(mut $self, entry: EntryRef) -> Self {
            $post.reply_to = Some(entry);
            $self
        }

        /// Attaches a file by its path, or what [`Attach`] says: at most 32. The bytes are on disk, copied and verified,
        /// before the post is; if they cannot be read nothing is posted.
        pub fn attach(mut $self, attach: impl Into<Attach>) -> Self {
            $post.attach.push(attach.into());
            $self
        }

        /// The time to claim; now unless set. A time ahead of the clock is kept in [`Post::dated`] and not claimed.
        pub fn time(mut $self, time: Timestamp) -> Self {
            $post.time = Some(time);
            $self
        }
    };
}

impl NewPost {
    /// Begins a post with its text, which may be empty if a title or a link is set, or something is attached.
    pub fn new(text: impl Into<String>) -> Self {
        Self {
            post: Post {
                text: text.into(),
                ..Post::default()
            },
            ..Self::default()
        }
    }

    setters!(|self| self);

    fn is_empty(&self) -> bool {
        let blank =
            |text: &Option<String>| text.as_deref().is_none_or(|text| text.trim().is_empty());
        self.attach.is_empty()
            && self.post.text.trim().is_empty()
            && blank(&self.post.title)
            && blank(&self.post.link)
    }
}

/// A post of one node, to be sent with [`send`](Self::send).
#[derive(Debug, Clone)]
#[must_use = "a post is nothing before it is sent"]
pub struct PostBuilder {
    node: Node,
    new: NewPost,
}

impl PostBuilder {
    setters!(|self| self.new);

    /// Appends the post to the own feed and returns its name once it is on disk. Peers get it from then on.
    ///
    /// # Errors
    ///
    /// [`TidingsError::EmptyPost`]; [`TidingsError::Format`] if something is over a limit; [`TidingsError::Media`] if
    /// something cannot be attached; [`TidingsError::Feeds`] if the disk fails. Nothing was appended then, and nothing
    /// is left of what was attached.
    ///
    /// # Cancel safety
    ///
    /// Dropped, the post may or may not be appended; it is never appended in part.
    pub async fn send(self) -> Result<EntryRef, TidingsError> {
        let sent = self.node.send_all(vec![self.new]).await?;
        sent.into_iter().next().ok_or(TidingsError::EmptyPost)
    }
}

impl Node {
    /// Begins a post with its text.
    pub fn post(&self, text: impl Into<String>) -> PostBuilder {
        PostBuilder {
            node: self.clone(),
            new: NewPost::new(text),
        }
    }

    /// Appends many posts in one write: all of them or none. Much faster than one by one.
    ///
    /// # Errors
    ///
    /// As for [`PostBuilder::send`]; nothing was appended then.
    ///
    /// # Cancel safety
    ///
    /// Dropped, all posts may be appended or none.
    pub async fn send_all(&self, posts: Vec<NewPost>) -> Result<Vec<EntryRef>, TidingsError> {
        let now = self.now();
        if posts.iter().any(NewPost::is_empty) {
            return Err(TidingsError::EmptyPost);
        }
        let mut drafts = Vec::with_capacity(posts.len());
        let mut kept = Vec::new();
        for mut post in posts {
            let taken = self.take_media(std::mem::take(&mut post.attach)).await?;
            kept.extend(taken.kept);
            drafts.push(self.draft(post, taken.attachments, now)?);
        }
        if drafts.is_empty() {
            return Ok(Vec::new());
        }
        self.append_with(lanes::POSTS, drafts, kept).await
    }

    /// Appends entries and keeps their media until they are on disk and name them, even if nobody waits for that.
    pub(super) async fn append_with(
        &self,
        lane: Lane,
        drafts: Vec<Draft>,
        kept: Vec<Kept>,
    ) -> Result<Vec<EntryRef>, TidingsError> {
        self.before_writing().await?;
        let identity = self.inner.identity.clone();
        let bytes = drafts.iter().map(|draft| draft.body().len()).sum();
        let written = self
            .inner
            .writer
            .append(bytes, move |batch| {
                let names = identity.append_later(batch, lane, &drafts)?;
                Ok((names, kept))
            })
            .await;
        let (names, _now_named) = written?;
        Ok(names)
    }

    fn draft(
        &self,
        new: NewPost,
        attachments: Vec<Attachment>,
        now: Timestamp,
    ) -> Result<Draft, TidingsError> {
        let NewPost {
            mut post,
            tags,
            mentions,
            reply_to,
            time,
            attach: _,
        } = new;
        let ahead = time.filter(|time| *time > now);
        post.dated = post.dated.or(ahead);
        let refs = reply_to.map_or_else(|| Ok(Vec::new()), |target| self.reply_refs(target))?;
        let content: Bytes = encode_content(&post)?;
        let body = Body {
            salt: random()?,
            refs,
            mentions,
            tags,
            attachments,
            content,
        };
        let (kind, _) = kind_of::<Post>()?;
        Ok(Draft::new(
            kind,
            time.map_or(now, |time| time.min(now)),
            body.encode()?,
        ))
    }

    /// A reply names what it answers, and what began the thread, as far as that is known here.
    pub(super) fn reply_refs(&self, target: EntryRef) -> Result<Vec<Ref>, TidingsError> {
        let held = self.snapshot()?.entry(&target)?.and_then(|(_, body)| body);
        let root = held
            .and_then(|body| body.targets(Rel::Root).next().copied())
            .unwrap_or(target);
        Ok(vec![
            Ref {
                rel: Rel::Reply,
                target,
            },
            Ref {
                rel: Rel::Root,
                target: root,
            },
        ])
    }
}
