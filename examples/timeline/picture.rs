//! The small picture that comes with an attachment, drawn in terminals that can.
//!
//! The caller sees to it that nothing is drawn among JSON lines; this one sees to it that nothing is drawn into a pipe,
//! or where the terminal knows no colours.

use std::env;
use std::io::{self, IsTerminal as _};

/// Draws a preview `width` cells wide, where the cursor stands; returns having drawn nothing where it cannot be.
///
/// A preview comes from outside: one that makes no sense, or claims more than a preview has, is left out.
pub(crate) fn draw(preview: &[u8], width: u32) -> io::Result<()> {
    let is_dumb = env::var_os("TERM").is_none_or(|term| term == "dumb");
    if is_dumb || env::var_os("NO_COLOR").is_some() || !io::stdout().is_terminal() {
        return Ok(());
    }
    draw_here(preview, width)
}

/// The longest side of a preview that is drawn; the library makes none above 256.
#[cfg(feature = "images")]
const SIDE: u32 = 1_024;

#[cfg(feature = "images")]
fn draw_here(preview: &[u8], width: u32) -> io::Result<()> {
    let mut limits = image::Limits::default();
    limits.max_image_width = Some(SIDE);
    limits.max_image_height = Some(SIDE);
    let mut reader = image::ImageReader::new(io::Cursor::new(preview)).with_guessed_format()?;
    reader.limits(limits);
    let Ok(picture) = reader.decode() else {
        return Ok(());
    };
    let config = viuer::Config {
        absolute_offset: false,
        x: 2,
        width: Some(width.min(picture.width())),
        use_kitty: speaks_kitty(),
        ..viuer::Config::default()
    };
    let drawn = viuer::print(&picture, &config);
    drawn.map(drop).map_err(io::Error::other)
}

/// Whether the terminal draws real pictures by kitty's protocol. Asking the terminal itself would wait for ever for the
/// answer of one that gives none.
#[cfg(feature = "images")]
fn speaks_kitty() -> bool {
    let says = |name: &str, words: &[&str]| {
        let value = env::var(name).unwrap_or_default().to_lowercase();
        words.iter().any(|word| value.contains(word))
    };
    env::var_os("KITTY_WINDOW_ID").is_some()
        || says("TERM", &["kitty", "ghostty"])
        || says("TERM_PROGRAM", &["ghostty", "wezterm"])
}

/// Without decoders there is nothing to draw.
#[cfg(not(feature = "images"))]
fn draw_here(_: &[u8], _: u32) -> io::Result<()> {
    Ok(())
}
