//! Previews drawn in the terminal, between the lines of a post.

use std::io::{Cursor, IsTerminal as _};

use image::{DynamicImage, GenericImageView as _, ImageReader, Limits};

/// Columns of a preview at the most; a preview has 256 pixels from side to side.
const COLUMNS: u32 = 48;

/// Lines of a preview at the most: with more, a list is pictures with words between them.
const LINES: u32 = 12;

/// Where a preview begins: where the text does.
const INDENT: u16 = 2;

/// Pixels from side to side of a preview that is drawn. It comes from others and may be no preview at all.
const SIDE: u32 = 1_024;

/// Bytes that its decoder may ask for.
const DECODER_BYTES: u64 = 16 << 20;

/// How previews are drawn here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pictures {
    /// Not at all: nobody looks, or there are no colours.
    No,
    /// By half blocks in the colours of the terminal.
    Blocks,
    /// By what the terminal offers: some show real pictures.
    Best,
}

impl Pictures {
    /// What the terminal on standard output can show. Unless `asking`, it is not asked: the answer comes on standard
    /// input, where somebody may be typing.
    pub(crate) fn here(asking: bool) -> Self {
        let has = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        let dumb = std::env::var_os("TERM").is_none_or(|term| term == "dumb");
        if !std::io::stdout().is_terminal() || !console::colors_enabled() || dumb || has("NO_COLOR")
        {
            return Self::No;
        }
        // A multiplexer between us and the terminal passes such pictures on only in part, or not at all.
        if asking && std::io::stdin().is_terminal() && !has("TMUX") && !has("STY") {
            Self::Best
        } else {
            Self::Blocks
        }
    }
}

/// Draws a preview on standard output, `columns` wide at the most. What is no picture, or too large for a preview, is
/// left out: its name stands below.
pub(crate) fn draw(preview: &[u8], pictures: Pictures, columns: usize) {
    if pictures == Pictures::No {
        return;
    }
    let Some(picture) = decode(preview) else {
        return;
    };
    let columns = u32::try_from(columns).unwrap_or(COLUMNS);
    let (width, lines) = cells(&picture, columns.saturating_sub(4).clamp(8, COLUMNS), LINES);
    let best = pictures == Pictures::Best;
    let config = viuer::Config {
        transparent: true,
        absolute_offset: false,
        x: INDENT,
        width: Some(width),
        height: Some(lines),
        use_kitty: best && answers_like_kitty(),
        use_iterm: best,
        ..viuer::Config::default()
    };
    // A terminal that goes away is noticed at the next line of text.
    let _drawn = viuer::print(&picture, &config);
}

/// Only terminals that are known to answer are asked: one that does not would be waited for until a key is pressed.
fn answers_like_kitty() -> bool {
    let is = |name: &str, part: &str| std::env::var(name).is_ok_and(|value| value.contains(part));
    is("TERM", "kitty") || is("TERM", "ghostty") || is("TERM_PROGRAM", "ghostty")
}

fn decode(preview: &[u8]) -> Option<DynamicImage> {
    let mut limits = Limits::default();
    limits.max_image_width = Some(SIDE);
    limits.max_image_height = Some(SIDE);
    limits.max_alloc = Some(DECODER_BYTES);
    let mut reader = ImageReader::new(Cursor::new(preview))
        .with_guessed_format()
        .ok()?;
    reader.limits(limits);
    crate::guard::guarded(|| reader.decode().ok())?
}

/// Columns and lines that show the whole picture in its own shape. A character is twice as high as it is wide.
fn cells(picture: &DynamicImage, columns: u32, lines: u32) -> (u32, u32) {
    let (width, height) = picture.dimensions();
    let (width, height) = (width.max(1), height.max(1));
    let by_width = (columns, (columns * height).div_ceil(2 * width));
    if by_width.1 <= lines {
        (by_width.0, by_width.1.max(1))
    } else {
        ((2 * lines * width / height).clamp(1, columns), lines)
    }
}
