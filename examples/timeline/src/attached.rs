//! What is attached to posts: which of it is here, and how it reads in one line.

use std::collections::HashSet;

use indicatif::BinaryBytes;
use serde::Serialize;
use tidings::{Attach, Attachment, BlobHash, MediaState, Node};

use crate::failure::Result;
use crate::render::clean;

/// Which attachments are here as a whole.
#[derive(Debug, Default)]
pub(crate) struct Held(HashSet<BlobHash>);

impl Held {
    /// Looks at each of them.
    pub(crate) fn of(node: &Node, attachments: &[Attachment]) -> Result<Self> {
        let mut held = HashSet::new();
        for attachment in attachments {
            if let MediaState::Held { .. } = node.media(&attachment.hash)? {
                held.insert(attachment.hash);
            }
        }
        Ok(Self(held))
    }

    pub(crate) fn has(&self, attachment: &Attachment) -> bool {
        self.0.contains(&attachment.hash)
    }
}

/// Those that people attached: not the smaller copies that were made of them.
pub(crate) fn originals(attachments: &[Attachment]) -> impl Iterator<Item = &Attachment> {
    attachments
        .iter()
        .filter(|attachment| attachment.rendition_of.is_none())
}

/// `tomato.jpg, 1200 x 900, 340 KiB: A red tomato`.
pub(crate) fn caption(attachment: &Attachment) -> String {
    let name = attachment.name.as_deref().map(one_line);
    let name = name.filter(|name| !name.is_empty());
    let mut text = name.unwrap_or_else(|| one_line(&attachment.mime));
    if let Some((width, height)) = attachment.width.zip(attachment.height) {
        text.push_str(&format!(", {width} x {height}"));
    }
    if let Some(millis) = attachment.duration_ms {
        let seconds = millis.div_ceil(1_000);
        text.push_str(&format!(", {}:{:02}", seconds / 60, seconds % 60));
    }
    text.push_str(&format!(", {}", BinaryBytes(attachment.len)));
    if let Some(alt) = &attachment.alt {
        text.push_str(&format!(": {}", one_line(alt)));
    }
    text
}

/// What a file that is attached tells those who read the post.
#[derive(Debug, Serialize)]
pub(crate) struct Told {
    file: String,
    facts: Vec<ToldFact>,
}

#[derive(Debug, Serialize)]
struct ToldFact {
    kind: &'static str,
    value: String,
}

impl Told {
    /// None for a file that tells nothing, or that cannot be read: whoever posts it is told why.
    pub(crate) fn of(file: &str, attach: &Attach) -> Option<Self> {
        let facts = attach.tells().ok().filter(|facts| !facts.is_empty())?;
        let facts = facts.iter().map(|fact| ToldFact {
            kind: fact.kind().as_str(),
            value: fact.value().to_owned(),
        });
        Some(Self {
            file: one_line(file),
            facts: facts.collect(),
        })
    }

    /// `song.mp3 tells: title Tomatoes, artist The Growers; --strip takes it off`.
    pub(crate) fn line(&self) -> String {
        let facts: Vec<String> = self
            .facts
            .iter()
            .map(|fact| format!("{} {}", fact.kind, one_line(&fact.value)))
            .collect();
        let facts = facts.join(", ");
        format!("{} tells: {facts}; --strip takes it off", self.file)
    }
}

fn one_line(text: &str) -> String {
    clean(text).replace('\n', " ")
}
