//! Own entries that a wrong clock made claim a time to come: shown to their author, and said again.

use super::Node;
use super::edit::{Pen, Written};
use super::erase::delete;
use super::error::TidingsError;
use super::keys::random;
use super::view::{EntryView, TimelineItem, Viewer};
use crate::feeds::FeedBatch;
use crate::format::limits::FUTURE_MILLIS;
use crate::format::{Body, Draft, EntryRef, lanes};

/// Entries that are shown of those ahead: no clock is wrong for longer without being noticed.
const SHOWN: usize = 100;

impl Node {
    /// Own posts that claim a time more than ten minutes ahead of the clock, newest first, 100 at the most: those that a
    /// clock signed which was wrong. Pages leave them out, as the others do, until
    /// [then](EntryView::seen_from); [`say_again`](Self::say_again) says one again under the right time.
    ///
    /// # Errors
    ///
    /// If the store cannot be read.
    pub fn ahead(&self) -> Result<Vec<EntryView>, TidingsError> {
        let (snapshot, now) = (self.snapshot()?, self.now());
        let mut viewer = Viewer::new(&snapshot);
        let mut found = Vec::new();
        for row in snapshot.ahead(&self.feed(), SHOWN, now)? {
            if let TimelineItem::Entry(entry) = viewer.item(row)? {
                found.push(entry);
            }
        }
        Ok(found)
    }

    /// Says an own entry again that claims a time ahead of the clock: the same content, as last edited, under the time it
    /// is now, and then a delete of the first. Both are on disk together. Returns the name of the new entry.
    ///
    /// An entry that expires does so as long after its new time as it would have after the old one.
    ///
    /// # Errors
    ///
    /// As for [`delete`](Self::delete); [`TidingsError::NotEditable`] if it is not ahead of the clock, its body is not held
    /// or unreadable, or it is state such as a follow, which is said anew by changing it. Nothing was appended then.
    ///
    /// # Cancel safety
    ///
    /// Dropped, it may or may not be said again, never half of it.
    pub async fn say_again(&self, entry: &EntryRef) -> Result<EntryRef, TidingsError> {
        let (pen, entry, salt) = (self.pen(), *entry, random()?);
        self.change(move |batch| say_again(batch, &pen, &entry, salt))
            .await
    }
}

fn say_again(
    batch: &mut FeedBatch<'_>,
    pen: &Pen,
    entry: &EntryRef,
    salt: [u8; 8],
) -> Written<EntryRef> {
    let found = match pen.own(batch, entry)? {
        Ok(found) => found,
        Err(refused) => return Ok(Err(refused)),
    };
    let not = |why| TidingsError::NotEditable {
        name: entry.to_string(),
        why,
    };
    let lane = entry.log.lane;
    if found.is_delete || lane == lanes::STATE || lane == lanes::OWN {
        return Ok(Err(not("it is state; change it, and it is said anew")));
    }
    if found.entry.time <= pen.now.plus_millis(FUTURE_MILLIS) {
        return Ok(Err(not("its time is not ahead of the clock")));
    }
    let (kind, time, expires) = (
        found.entry.kind.clone(),
        found.entry.time,
        found.entry.expires,
    );
    let Some(shown) = found.body else {
        return Ok(Err(not("its body is not held here, or unreadable")));
    };
    let body = match (Body { salt, ..shown }).encode() {
        Ok(body) => body,
        Err(refused) => return Ok(Err(refused.into())),
    };
    let mut draft = Draft::new(kind, pen.now, body);
    if let Some(at) = expires {
        let after = at.as_millis().saturating_sub(time.as_millis());
        draft = draft.expiring(pen.now.plus_millis(after));
    }
    let sent = pen.identity.append(batch, lane, &[draft])?;
    // Not refused any more: of what is deleted or over there is no body above.
    if let Err(refused) = delete(batch, pen, entry)? {
        return Ok(Err(refused));
    }
    Ok(sent.first().copied().ok_or(TidingsError::ShutDown))
}
