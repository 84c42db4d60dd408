//! Edits: what an own entry says from now on, and what it said before.

use std::sync::Arc;

use super::Node;
use super::attach::Attach;
use super::error::TidingsError;
use super::identity::Identity;
use super::keys::random;
use super::publish::check_keys;
use crate::feeds::{EntryState, FeedBatch, FeedsError, Preconditions};
use crate::format::{
    Attachment, Body, Content, Draft, Edit, EntryRef, FeedId, Kind, Post, Ref, Rel, Timestamp,
    decode_content, encode_checked, encode_content, kind_of, lanes, one_line,
};

/// Earlier edits that one edit names as replaced, at the most: with the entry itself as many refs as there may be.
const REPLACED: usize = 62;
/// The same in lane `state`, where bodies are small. The latest ones are enough: they name the ones before.
const REPLACED_IN_STATE: usize = 8;

/// A new text of an own post, to be sent with [`send`](Self::send).
///
/// What is not set stays as it is. The first tag that is set takes the place of all tags there were, and so on.
#[derive(Debug, Clone)]
#[must_use = "nothing changes before `send`"]
pub struct EditBuilder {
    node: Node,
    entry: EntryRef,
    text: String,
    title: Option<String>,
    link: Option<String>,
    language: Option<String>,
    warning: Option<String>,
    tags: Option<Vec<String>>,
    mentions: Option<Vec<FeedId>>,
    attachments: Option<Vec<Attachment>>,
    attach: Vec<Attach>,
}

/// One version of an entry: what it said first, or what an edit made of it.
#[derive(Debug, Clone)]
pub struct Version {
    id: EntryRef,
    time: Timestamp,
    state: EntryState,
    kind: Kind,
    body: Option<Body>,
    is_shown: bool,
}

/// What a write came to that may be refused by what the store holds; the outer error loses the whole write.
pub(super) type Written<T> = Result<Result<T, TidingsError>, FeedsError>;

/// What an own entry about another one is signed with.
#[derive(Debug, Clone)]
pub(super) struct Pen {
    pub(super) identity: Arc<Identity>,
    pub(super) feed: FeedId,
    pub(super) now: Timestamp,
}

impl Version {
    /// The entry that says it.
    pub const fn id(&self) -> EntryRef {
        self.id
    }

    /// What is claimed as the time of this version.
    pub const fn time(&self) -> Timestamp {
        self.time
    }

    /// Whether its body can be read here, and why not.
    pub const fn state(&self) -> EntryState {
        self.state
    }

    /// Whether this is the version that shows, the same on every device that holds the same versions.
    pub const fn is_shown(&self) -> bool {
        self.is_shown
    }

    /// The post as it was; none if it is of another kind, or the body cannot be read. All but its text is one line of
    /// printable text each.
    pub fn post(&self) -> Option<Post> {
        let mut post = self.post_raw()?;
        post.make_printable();
        Some(post)
    }

    /// The post as its author wrote it, where [`post`](Self::post) gives it as it is to be shown.
    pub fn post_raw(&self) -> Option<Post> {
        let body = self.body.as_ref()?;
        (self.kind.as_str() == Post::KIND)
            .then(|| decode_content(&body.content).ok())
            .flatten()
    }

    /// Tags, attachments and content of this version, raw; none if the body cannot be read.
    pub const fn body(&self) -> Option<&Body> {
        self.body.as_ref()
    }
}

macro_rules! texts {
    ($($(#[$doc:meta])* $name:ident)*) => {
        $($(#[$doc])*
        pub fn $name(mut self, $name: impl Into<String>) -> Self {
            self.$name = Some($name.into());
            self
        })*
    };
}

impl EditBuilder {
    /// Another heading, on one line; empty for none.
    pub fn title(mut self, title: impl Into<String>) -> Self {
        self.title = Some(one_line(title));
        self
    }

    texts! {
        /// Another link; empty for none.
        link
        /// The language of the new text, as BCP 47; empty for none.
        language
        /// What to know before looking; empty for nothing.
        warning
    }

    /// One more tag of the new version; the tags it had are gone.
    pub fn tag(mut self, tag: impl Into<String>) -> Self {
        self.tags.get_or_insert_default().push(one_line(tag));
        self
    }

    /// The new version has no tags but those that are set after this.
    pub fn no_tags(mut self) -> Self {
        self.tags = Some(Vec::new());
        self
    }

    /// Speaks of a feed; the mentions it had are gone.
    pub fn mention(mut self, feed: FeedId) -> Self {
        self.mentions.get_or_insert_default().push(feed);
        self
    }

    /// Attaches one more thing; the attachments it had are gone.
    pub fn attach(mut self, attach: impl Into<Attach>) -> Self {
        self.attach.push(attach.into());
        self
    }

    /// The new version has no attachments but those that are set after this.
    pub fn no_attachments(mut self) -> Self {
        self.attachments = Some(Vec::new());
        self
    }

    /// Appends the edit and returns its name once it is on disk. The post keeps its name, its place and its time.
    ///
    /// # Errors
    ///
    /// [`TidingsError::Unknown`] if the entry is not held; [`TidingsError::NotYours`] if it is another's;
    /// [`TidingsError::Deleted`] and [`TidingsError::Expired`]; [`TidingsError::NotEditable`] if it is no post that can
    /// be read here; [`TidingsError::EmptyPost`]; [`TidingsError::Format`] if something is over a limit. Nothing
    /// was appended then.
    ///
    /// # Cancel safety
    ///
    /// Dropped, the edit may or may not be made; it is never made in part.
    pub async fn send(mut self) -> Result<EntryRef, TidingsError> {
        let (pen, entry, salt) = (self.node.pen(), self.entry, random()?);
        let node = self.node.clone();
        let taken = node.take_media(std::mem::take(&mut self.attach)).await?;
        if !taken.attachments.is_empty() {
            let attachments = self.attachments.get_or_insert_default();
            attachments.extend(taken.attachments);
        }
        let make = move |body: Body| self.version(body);
        let change = move |batch: &mut FeedBatch<'_>| {
            let edited = edit(batch, &pen, &entry, Post::KIND, salt, make)?;
            // Kept until the commit, even if nobody waits for it.
            Ok(edited.map(|edited| (edited, taken.kept)))
        };
        let (edited, _now_named) = node.change(change).await?;
        Ok(edited)
    }

    /// What the edit says, from what the entry says now.
    fn version(self, shown: Body) -> Result<Body, TidingsError> {
        let post: Post = decode_content(&shown.content)?;
        let set = |new: Option<String>, old: Option<String>| match new {
            Some(text) => Some(text).filter(|text| !text.is_empty()),
            None => old,
        };
        let post = Post {
            text: self.text,
            title: set(self.title, post.title),
            link: set(self.link, post.link),
            language: set(self.language, post.language),
            warning: set(self.warning, post.warning),
            dated: post.dated,
        };
        let attachments = self.attachments.unwrap_or(shown.attachments);
        let blank =
            |text: &Option<String>| text.as_deref().is_none_or(|text| text.trim().is_empty());
        let says = !post.text.trim().is_empty() || !blank(&post.title) || !blank(&post.link);
        if !says && attachments.is_empty() {
            return Err(TidingsError::EmptyPost);
        }
        Ok(Body {
            tags: self.tags.unwrap_or(shown.tags),
            mentions: self.mentions.unwrap_or(shown.mentions),
            attachments,
            content: encode_content(&post)?,
            ..Body::default()
        })
    }
}

impl Node {
    /// Begins to edit an own post: what it says from now on.
    pub fn edit(&self, entry: &EntryRef, text: impl Into<String>) -> EditBuilder {
        EditBuilder {
            node: self.clone(),
            entry: *entry,
            text: text.into(),
            title: None,
            link: None,
            language: None,
            warning: None,
            tags: None,
            mentions: None,
            attachments: None,
            attach: Vec::new(),
        }
    }

    /// Edits an own entry of an app's own type; returns the name of the edit once it is on disk.
    ///
    /// Mentions and attachments stay as they are, tags are those of the new content.
    ///
    /// # Errors
    ///
    /// As for [`EditBuilder::send`]; [`TidingsError::NotEditable`] if the entry is of another type.
    ///
    /// # Cancel safety
    ///
    /// As for [`EditBuilder::send`].
    pub async fn revise<T: Content>(
        &self,
        entry: &EntryRef,
        content: &T,
    ) -> Result<EntryRef, TidingsError> {
        check_keys(content)?;
        let (pen, entry, salt) = (self.pen(), *entry, random()?);
        let (tags, content) = (content.tags(), encode_checked(content)?);
        let make = move |shown: Body| {
            Ok(Body {
                tags,
                content,
                ..shown
            })
        };
        self.change(move |batch| edit(batch, &pen, &entry, T::KIND, salt, make))
            .await
    }

    /// What an entry said and says: first what it said first, then its edits, oldest claim first.
    ///
    /// Of a deleted entry only its name is left, and deleted edits are in it no more: what they were about went with
    /// their bodies. Empty if the entry is not held.
    ///
    /// # Errors
    ///
    /// If the store cannot be read.
    pub fn history(&self, entry: &EntryRef) -> Result<Vec<Version>, TidingsError> {
        let (snapshot, now) = (self.snapshot()?, self.now());
        let Some((post, first)) = snapshot.entry(entry)? else {
            return Ok(Vec::new());
        };
        let state = snapshot.state_of(&post, now)?;
        let is_gone = matches!(state, EntryState::Deleted | EntryState::Expired);
        let (edits, shown) = if is_gone {
            (Vec::new(), None)
        } else {
            snapshot.versions(&post, now)?
        };
        let mut versions = vec![Version {
            id: *entry,
            time: post.time,
            state,
            kind: post.kind.clone(),
            body: first.filter(|_| !is_gone),
            is_shown: shown.is_none(),
        }];
        for edit in edits {
            let (id, time) = (edit.entry.reference, edit.entry.time);
            versions.push(Version {
                is_shown: shown == Some(id.id),
                id,
                time,
                state: snapshot.state_of(&edit.entry, now)?,
                kind: post.kind.clone(),
                body: Some(edit.applied_to(Body::default())),
            });
        }
        Ok(versions)
    }

    pub(super) fn pen(&self) -> Pen {
        Pen {
            identity: self.inner.identity.clone(),
            feed: self.inner.feed,
            now: self.now(),
        }
    }

    /// Runs a change of entries that there are, which is made whole or refused.
    pub(super) async fn change<T: Send + 'static>(
        &self,
        op: impl FnOnce(&mut FeedBatch<'_>) -> Written<T> + Send + 'static,
    ) -> Result<T, TidingsError> {
        self.before_writing().await?;
        self.inner.writer.write(0, op).await?
    }
}

impl Pen {
    /// An own entry that can be spoken of: held, of the own feed, neither deleted nor over.
    pub(super) fn own(
        &self,
        batch: &mut FeedBatch<'_>,
        entry: &EntryRef,
    ) -> Written<Preconditions> {
        let name = || entry.to_string();
        if entry.log.feed != self.feed {
            return Ok(Err(TidingsError::NotYours { name: name() }));
        }
        let found = batch.preconditions(entry, &self.feed, &self.identity.device())?;
        Ok(match found {
            None => Err(TidingsError::Unknown { name: name() }),
            Some(found) if !found.may => Err(TidingsError::NotYours { name: name() }),
            Some(found) => Ok(found),
        })
    }
}

/// Appends an edit of an entry of `kind`.
fn edit(
    batch: &mut FeedBatch<'_>,
    pen: &Pen,
    entry: &EntryRef,
    kind: &'static str,
    salt: [u8; 8],
    make: impl FnOnce(Body) -> Result<Body, TidingsError>,
) -> Written<EntryRef> {
    let found = match pen.own(batch, entry)? {
        Ok(found) => found,
        Err(refused) => return Ok(Err(refused)),
    };
    let name = entry.to_string();
    if !found.deletes.is_empty() {
        return Ok(Err(TidingsError::Deleted { name }));
    }
    if found.is_over {
        return Ok(Err(TidingsError::Expired { name }));
    }
    let not = |why| TidingsError::NotEditable {
        name: entry.to_string(),
        why,
    };
    if found.entry.kind.as_str() != kind {
        return Ok(Err(not("it is of another kind")));
    }
    let Some(shown) = found.body else {
        return Ok(Err(not("its body is not held here, or unreadable")));
    };
    let made = make(shown).and_then(|made| {
        let mut earlier: Vec<_> = found
            .edits
            .iter()
            .map(|edit| (edit.entry.time, edit.entry.reference))
            .collect();
        earlier.sort_by_key(|(time, target)| (std::cmp::Reverse(*time), target.id));
        let earlier = earlier.into_iter().map(|(_, target)| target);
        let most = if entry.log.lane == lanes::STATE {
            REPLACED_IN_STATE
        } else {
            REPLACED
        };
        let replaced = std::iter::once(*entry).chain(earlier.take(most));
        let rel = Rel::Replaces;
        let content = encode_content(&Edit {
            content: made.content,
        })?;
        let body = Body {
            salt,
            refs: replaced.map(|target| Ref { rel, target }).collect(),
            content,
            ..made
        };
        let (kind, _) = kind_of::<Edit>()?;
        Ok(Draft::new(kind, pen.now, body.encode()?))
    });
    let draft = match made {
        Ok(draft) => draft,
        Err(refused) => return Ok(Err(refused)),
    };
    let lane = entry.log.lane;
    let sent = pen.identity.append(batch, lane, &[draft])?;
    Ok(sent.first().copied().ok_or(TidingsError::ShutDown))
}
