//! Reactions: one counts per feed, entry and emoji.

use super::Node;
use super::edit::{Pen, Written};
use super::error::TidingsError;
use super::keys::random;
use crate::feeds::{EMOJI_BYTES, FeedBatch};
use crate::format::{Body, Draft, EntryRef, Reaction, Ref, Rel, encode_content, kind_of};

impl Node {
    /// Reacts to an entry with an emoji and returns the name of the reaction once it is on disk.
    ///
    /// Reacting once more with the same emoji returns the reaction there is; one with and one without a variation selector
    /// are the same. It is taken back by
    /// [`delete`](Self::delete) of the reaction.
    ///
    /// # Errors
    ///
    /// [`TidingsError::Emoji`] for an empty one or one of more than 32 bytes; [`TidingsError::Deleted`] and
    /// [`TidingsError::Expired`] if the entry is known to be gone; [`TidingsError::Feeds`] if the disk fails.
    ///
    /// # Cancel safety
    ///
    /// Dropped, the reaction may or may not be made.
    pub async fn react(&self, entry: &EntryRef, emoji: &str) -> Result<EntryRef, TidingsError> {
        let emoji = emoji.trim().to_owned();
        if emoji.len() > EMOJI_BYTES || Reaction::fold(&emoji).is_empty() {
            return Err(TidingsError::Emoji {
                len: emoji.len(),
                limit: EMOJI_BYTES,
            });
        }
        let body = Body {
            salt: random()?,
            refs: vec![Ref {
                rel: Rel::Reaction,
                target: *entry,
            }],
            content: encode_content(&Reaction {
                emoji: emoji.clone(),
            })?,
            ..Body::default()
        };
        let (pen, entry) = (self.pen(), *entry);
        let (kind, _) = kind_of::<Reaction>()?;
        let draft = Draft::new(kind, pen.now, body.encode()?);
        self.change(move |batch| react(batch, &pen, &entry, &emoji, draft))
            .await
    }
}

fn react(
    batch: &mut FeedBatch<'_>,
    pen: &Pen,
    entry: &EntryRef,
    emoji: &str,
    draft: Draft,
) -> Written<EntryRef> {
    let name = entry.to_string();
    match batch.preconditions(entry, &pen.feed, &pen.identity.device())? {
        Some(found) if !found.deletes.is_empty() => {
            return Ok(Err(TidingsError::Deleted { name }));
        }
        Some(found) if found.is_over => return Ok(Err(TidingsError::Expired { name })),
        _ => {}
    }
    if let Some(known) = batch.own_reaction(entry, &pen.feed, emoji)? {
        return Ok(Ok(known));
    }
    let (_, lane) = kind_of::<Reaction>()?;
    let sent = pen.identity.append(batch, lane, &[draft])?;
    Ok(sent.first().copied().ok_or(TidingsError::ShutDown))
}
