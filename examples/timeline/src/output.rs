//! Standard output, a line at a time, and progress on standard error.

use std::borrow::Cow;
use std::fmt::Display;
use std::io::{self, IsTerminal as _, Write as _};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde::Serialize;

use crate::failure::{Failure, Result};
use crate::picture::{self, Pictures};
use crate::render::{Look, Part};

/// Where a command prints.
#[derive(Debug, Clone)]
pub(crate) struct Out {
    /// One JSON object a line, and nothing else.
    pub(crate) json: bool,
    /// How text for people looks.
    pub(crate) look: Look,
    /// How previews are drawn.
    pub(crate) pictures: Pictures,
}

impl Out {
    /// `asking` is whether the terminal may be asked what it can show; the answer comes on standard input.
    pub(crate) fn new(json: bool, asking: bool) -> Self {
        let terminal = console::Term::stdout();
        let width = terminal
            .size_checked()
            .map_or(80, |(_, columns)| usize::from(columns));
        Self {
            json,
            look: Look {
                width,
                color: console::colors_enabled(),
            },
            pictures: if json {
                Pictures::No
            } else {
                Pictures::here(asking)
            },
        }
    }

    /// Prints an object if JSON is wanted, else the text. Each arrives at once, also in a pipe.
    pub(crate) fn print(&self, object: &impl Serialize, text: impl FnOnce() -> String) -> Result {
        if self.json {
            self.line(escaped(&serde_json::to_string(object)?))
        } else {
            self.line(text())
        }
    }

    /// Prints an object if JSON is wanted, else what it looks like, pictures where the terminal can show them.
    pub(crate) fn print_parts(
        &self,
        object: &impl Serialize,
        parts: impl FnOnce() -> Vec<Part>,
    ) -> Result {
        if self.json {
            return self.line(escaped(&serde_json::to_string(object)?));
        }
        for part in parts() {
            match part {
                Part::Text(text) => self.line(text)?,
                Part::Picture(preview) => {
                    picture::draw(&preview, self.pictures, self.look.columns());
                }
            }
        }
        Ok(())
    }

    /// Prints a text for people; nothing if JSON is wanted.
    pub(crate) fn say(&self, text: impl Display) -> Result {
        if self.json { Ok(()) } else { self.line(text) }
    }

    fn line(&self, text: impl Display) -> Result {
        let mut stdout = io::stdout().lock();
        writeln!(stdout, "{text}")
            .and_then(|()| stdout.flush())
            .map_err(|error| match error.kind() {
                io::ErrorKind::BrokenPipe => Failure::Closed,
                _ => Failure::said(format!("standard output: {error}")),
            })
    }
}

/// JSON that steers no terminal: what may stand in it as it is, and yet does so, is written as its number.
fn escaped(json: &str) -> Cow<'_, str> {
    let steers = |c: char| matches!(c, '\u{7f}'..='\u{9f}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    if !json.contains(steers) {
        return Cow::Borrowed(json);
    }
    let mut text = String::with_capacity(json.len() + 64);
    for c in json.chars() {
        if steers(c) {
            // All of them are in the first plane, so this is the whole of it.
            text.push_str(&format!("\\u{:04x}", u32::from(c)));
        } else {
            text.push(c);
        }
    }
    Cow::Owned(text)
}

/// A spinner on standard error that says what is going on; nothing where that is no terminal.
pub(crate) fn spinner(what: impl Into<String>) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(None, draw_target());
    bar.set_style(
        ProgressStyle::with_template("{spinner} {msg} {elapsed:.dim}")
            .unwrap_or_else(|_| ProgressStyle::default_spinner()),
    );
    bar.set_message(what.into());
    bar.enable_steady_tick(Duration::from_millis(100));
    bar
}

/// A bar on standard error for so many steps; nothing where that is no terminal.
pub(crate) fn bar(steps: u64, what: impl Into<String>) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(steps), draw_target());
    let style = ProgressStyle::with_template("{msg} [{bar:30}] {pos}/{len}")
        .unwrap_or_else(|_| ProgressStyle::default_bar());
    bar.set_style(style.progress_chars("=> "));
    bar.set_message(what.into());
    bar
}

/// A bar on standard error for bytes; nothing where that is no terminal.
pub(crate) fn bytes_bar(what: impl Into<String>) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(0), draw_target());
    let style = ProgressStyle::with_template(
        "{msg} [{bar:30}] {binary_bytes} of {binary_total_bytes} {eta:.dim}",
    )
    .unwrap_or_else(|_| ProgressStyle::default_bar());
    bar.set_style(style.progress_chars("=> "));
    bar.set_message(what.into());
    bar
}

fn draw_target() -> ProgressDrawTarget {
    if io::stderr().is_terminal() {
        ProgressDrawTarget::stderr()
    } else {
        ProgressDrawTarget::hidden()
    }
}
