//! FLAC: blocks, then frames. Kept are the blocks that playing and seeking need, by a list.

use super::tags::Tags;
use super::{comments, tail};
use crate::pictures::error::Fault;
use crate::pictures::patch::{Patch, Scratch};
use crate::pictures::rewrite::Plan;

const STREAM: u8 = 0;
const SEEK: u8 = 3;
const COMMENTS: u8 = 4;
const PICTURE: u8 = 6;

/// Longest content of a block: its length has 24 bits.
const BLOCK_BYTES: usize = 1 << 24;

/// What is known of a FLAC file before it is decided what becomes of it.
#[derive(Debug)]
pub(super) struct Flac {
    blocks: Vec<(u8, u64, u64)>,
    frames: (u64, u64),
    pub(super) tags: Tags,
}

impl Flac {
    /// Looks through what begins at `at`.
    pub(super) fn look<F: Scratch>(patch: &mut Patch<'_, F>, at: u64) -> Result<Self, Fault> {
        let (mut at, mut blocks, mut tags) = (at + 4, Vec::new(), Tags::default());
        loop {
            patch.count()?;
            let [head, a, b, c] = patch.read(at)?;
            let from = at + 4;
            let to = from + u64::from(u32::from_be_bytes([0, a, b, c]));
            if to > patch.len() {
                return Err(Fault::Cut);
            }
            match head & 0x7F {
                COMMENTS => tags.join(comments::read(&patch.load(from, to, BLOCK_BYTES)?)),
                PICTURE => comments::picture(&patch.load(from, to, BLOCK_BYTES)?, &mut tags),
                127 => return Err(Fault::Odd("a block of a type that cannot be")),
                _ => {}
            }
            blocks.push((head & 0x7F, from, to));
            at = to;
            if head & 0x80 != 0 {
                break;
            }
        }
        let (end, more) = tail::look(patch, at, patch.len())?;
        tags.join(more);
        if !matches!(blocks.first(), Some((STREAM, _, _))) {
            return Err(Fault::Odd("a sound that is not described first"));
        }
        Ok(Self {
            blocks,
            frames: (at, end),
            tags,
        })
    }

    /// What is to become of it; with tags, if it is a piece of music.
    pub(super) fn plan(&self, tags: Option<&Tags>) -> Plan {
        let mut plan = Plan::default();
        plan.put(b"fLaC".to_vec());
        let is_kept = |kind: u8| matches!(kind, STREAM | SEEK);
        let new: Vec<(u8, Vec<u8>)> = tags.map(new_blocks).unwrap_or_default();
        let mut seen = Vec::new();
        let mut kept = Vec::new();
        for block in self.blocks.iter().filter(|(kind, _, _)| is_kept(*kind)) {
            if !seen.contains(&block.0) {
                seen.push(block.0);
                kept.push(*block);
            }
        }
        let count = kept.len() + new.len();
        let head = |nth: usize, kind: u8, len: u64| {
            let last = if nth + 1 == count { 0x80 } else { 0 };
            let [.., a, b, c] = len.to_be_bytes();
            vec![kind | last, a, b, c]
        };
        for (nth, (kind, from, to)) in kept.iter().enumerate() {
            plan.put(head(nth, *kind, to - from));
            plan.keep(*from, *to);
        }
        for (nth, (kind, content)) in new.into_iter().enumerate() {
            let len = u64::try_from(content.len()).unwrap_or(u64::MAX);
            plan.put(head(kept.len() + nth, kind, len));
            plan.put(content);
        }
        let (from, to) = self.frames;
        plan.keep(from, to);
        plan
    }
}

fn new_blocks(tags: &Tags) -> Vec<(u8, Vec<u8>)> {
    let mut blocks = vec![(COMMENTS, comments::write(Some(tags), false))];
    blocks.extend(comments::picture_block(tags).map(|block| (PICTURE, block)));
    blocks.retain(|(_, content)| content.len() < BLOCK_BYTES);
    blocks
}
