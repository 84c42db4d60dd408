//! Composing and sending posts.

use super::Node;
use super::attach::Attach;
use super::error::TidingsError;
use super::identity::Identity;
use super::keys::random;
use crate::feeds::{FeedBatch, FeedsError};
use crate::format::limits::LAST_SEQ;
use crate::format::{
    Attachment, Body, DeviceId, Draft, EntryId, EntryRef, FeedId, Lane, LogId, Post, Ref, Rel, Seq,
    Timestamp, encode_content, kind_of, lanes, one_line,
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
    reply_to_nth: Option<usize>,
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

    /// Answers the post at this place, from 0 on, among those that are sent [in the same write](Node::send_all). It has to
    /// stand before this one. What it answers besides, by [`reply_to`](Self::reply_to), is passed over.
    pub const fn reply_to_nth(mut self, nth: usize) -> Self {
        self.reply_to_nth = Some(nth);
        self
    }

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
    /// As for [`PostBuilder::send`], and [`TidingsError::Unknown`] if one is to answer a post that does not stand before
    /// it; nothing was appended then.
    ///
    /// # Cancel safety
    ///
    /// Dropped, all posts may be appended or none.
    pub async fn send_all(&self, posts: Vec<NewPost>) -> Result<Vec<EntryRef>, TidingsError> {
        let now = self.now();
        if posts.iter().any(NewPost::is_empty) {
            return Err(TidingsError::EmptyPost);
        }
        let mut ready = Vec::with_capacity(posts.len());
        let mut kept = Vec::new();
        for (at, mut post) in posts.into_iter().enumerate() {
            if let Some(nth) = post.reply_to_nth.filter(|nth| *nth >= at) {
                let name = format!("number {nth} before number {at} of these posts");
                return Err(TidingsError::Unknown { name });
            }
            let taken = self.take_media(std::mem::take(&mut post.attach)).await?;
            kept.extend(taken.kept);
            ready.push(self.ready(post, taken.attachments, now)?);
        }
        if ready.is_empty() {
            return Ok(Vec::new());
        }
        self.before_writing().await?;
        let identity = self.inner.identity.clone();
        let bytes = ready.iter().map(|post| post.draft.body().len()).sum();
        let written = self
            .inner
            .writer
            .append(bytes, move |batch| {
                let names = append_posts(&identity, batch, ready)?;
                Ok((names, kept))
            })
            .await;
        let (names, _now_named) = written?;
        Ok(names)
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

    fn ready(
        &self,
        new: NewPost,
        attachments: Vec<Attachment>,
        now: Timestamp,
    ) -> Result<Ready, TidingsError> {
        let NewPost {
            mut post,
            tags,
            mentions,
            reply_to,
            reply_to_nth,
            time,
            attach: _,
        } = new;
        let ahead = time.filter(|time| *time > now);
        post.dated = post.dated.or(ahead);
        let refs = match (reply_to_nth, reply_to) {
            (Some(_), _) => reply(WIDEST, WIDEST),
            (None, Some(target)) => self.reply_refs(target)?,
            (None, None) => Vec::new(),
        };
        let body = Body {
            salt: random()?,
            refs,
            mentions,
            tags,
            attachments,
            content: encode_content(&post)?,
        };
        let (kind, _) = kind_of::<Post>()?;
        let root = body.targets(Rel::Root).next().copied();
        let time = time.map_or(now, |time| time.min(now));
        Ok(Ready {
            draft: Draft::new(kind, time, body.encode()?),
            root: root.filter(|_| reply_to_nth.is_none()),
            answers: reply_to_nth.map(|nth| (nth, body)),
        })
    }

    /// A reply names what it answers, and what began the thread, as far as that is known here.
    pub(super) fn reply_refs(&self, target: EntryRef) -> Result<Vec<Ref>, TidingsError> {
        let held = self.snapshot()?.entry(&target)?.and_then(|(_, body)| body);
        let root = held
            .and_then(|body| body.targets(Rel::Root).next().copied())
            .unwrap_or(target);
        Ok(reply(target, root))
    }
}

/// A name that takes as many bytes as any: what stands for a name that is not known yet.
const WIDEST: EntryRef = EntryRef {
    log: LogId {
        feed: FeedId::from_bytes([0; 32]),
        device: DeviceId::from_bytes([0; 32]),
        lane: lanes::POSTS,
    },
    seq: Seq(LAST_SEQ),
    id: EntryId::ZERO,
};

/// A post that only has to be named and signed.
struct Ready {
    draft: Draft,
    /// What began the thread that it belongs to, if that is known already.
    root: Option<EntryRef>,
    /// Which of the posts before it in the same write it answers, and its body, whose refs are to be filled in. The draft
    /// holds a body of at least that length.
    answers: Option<(usize, Body)>,
}

fn reply(target: EntryRef, root: EntryRef) -> Vec<Ref> {
    let refs = [(Rel::Reply, target), (Rel::Root, root)];
    refs.map(|(rel, target)| Ref { rel, target }).into()
}

/// Appends posts of which later ones may answer earlier ones. Those between two answers go in together.
fn append_posts(
    identity: &Identity,
    batch: &mut FeedBatch<'_>,
    posts: Vec<Ready>,
) -> Result<Vec<EntryRef>, FeedsError> {
    let mut names: Vec<EntryRef> = Vec::with_capacity(posts.len());
    let mut roots: Vec<Option<EntryRef>> = Vec::with_capacity(posts.len());
    let mut waiting = Vec::new();
    for mut post in posts {
        if let Some((nth, mut body)) = post.answers {
            if !waiting.is_empty() {
                names.extend(identity.append_later(batch, lanes::POSTS, &waiting)?);
                waiting.clear();
            }
            if let (Some(target), Some(root)) = (names.get(nth), roots.get(nth)) {
                let root = root.unwrap_or(*target);
                body.refs = reply(*target, root);
                post.root = Some(root);
            }
            let (kind, time) = (post.draft.kind().clone(), post.draft.time());
            post.draft = Draft::new(kind, time, body.encode()?);
        }
        roots.push(post.root);
        waiting.push(post.draft);
    }
    names.extend(identity.append_later(batch, lanes::POSTS, &waiting)?);
    Ok(names)
}
