//! Text for people: relative times, counts, wrapped lines, and nothing in them that steers a terminal.

mod post;

use console::Style;
use textwrap::{Options, WordSplitter};
use tidings::{Timestamp, Unsettled};

pub(crate) use self::post::{Around, Part, ahead};
use crate::json::calendar;

/// How text for people looks.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Look {
    /// Columns to wrap at.
    pub(crate) width: usize,
    /// Whether bold and dim may be used.
    pub(crate) color: bool,
}

impl Look {
    /// Long words stay whole: most of them are addresses, and a terminal wraps them so that they can be clicked.
    fn wrapped(&self, text: &str) -> Vec<String> {
        let options = Options::new(self.columns())
            .initial_indent("  ")
            .subsequent_indent("  ")
            .break_words(false)
            .word_splitter(WordSplitter::NoHyphenation);
        textwrap::wrap(text, options)
            .into_iter()
            .map(|line| line.trim_end().to_owned())
            .collect()
    }

    /// Columns in use: long lines are hard to read on any screen.
    pub(crate) fn columns(&self) -> usize {
        self.width.clamp(20, 100)
    }

    pub(crate) fn bold(&self, text: &str) -> String {
        if self.color {
            Style::new()
                .force_styling(true)
                .bold()
                .apply_to(text)
                .to_string()
        } else {
            text.to_owned()
        }
    }

    pub(crate) fn dim(&self, text: &str) -> String {
        if self.color {
            Style::new()
                .force_styling(true)
                .dim()
                .apply_to(text)
                .to_string()
        } else {
            text.to_owned()
        }
    }
}

/// Text of others without what would steer a terminal: control characters, and marks that turn the writing direction.
pub(crate) fn clean(text: &str) -> String {
    let steers = |c: char| {
        (c.is_control() && c != '\n')
            || matches!(c, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    text.replace('\t', "    ")
        .chars()
        .filter(|c| !steers(*c))
        .collect()
}

/// What is known of logs with two histories, a line each: what is missing, and what it waits for.
pub(crate) fn unsettled(name: &str, logs: &[Unsettled]) -> Vec<String> {
    let line = |log: &Unsettled| {
        let device = log.log().device.short();
        let held = match log.held() {
            0 => String::new(),
            held => format!(
                "; {} from there on may not count",
                counted(held, "entry", "entries")
            ),
        };
        format!(
            "one of {name}'s devices ({device}) has written two histories in {}: nothing of it from entry {} on comes until {name} retires it{held}",
            log.log().lane,
            log.from(),
        )
    };
    logs.iter().map(line).collect()
}

/// How long ago that was, in one unit; the date if it is more than a month ago, or to come.
pub(crate) fn relative(time: Timestamp, now: jiff::Timestamp) -> String {
    let seconds = now.as_second() - calendar(time).as_second();
    let ago =
        |n: i64, one: &str, many: &str| format!("{} ago", counted(n.unsigned_abs(), one, many));
    match seconds {
        -60..60 => "just now".to_owned(),
        60..3_600 => ago(seconds / 60, "minute", "minutes"),
        3_600..86_400 => ago(seconds / 3_600, "hour", "hours"),
        86_400..2_592_000 => ago(seconds / 86_400, "day", "days"),
        _ => calendar(time).strftime("%Y-%m-%d").to_string(),
    }
}

/// `1 post`, `12,345 posts`.
pub(crate) fn counted(count: u64, one: &str, many: &str) -> String {
    format!(
        "{} {}",
        indicatif::HumanCount(count),
        if count == 1 { one } else { many }
    )
}
