//! Why a command ends early: one sentence, or nobody listening any more.

use std::fmt::Display;

/// What every fallible function of the client returns.
pub(crate) type Result<T = ()> = std::result::Result<T, Failure>;

/// Why a command ends early.
#[derive(Debug)]
pub(crate) enum Failure {
    /// Whoever read standard output has gone, as in `list | head`: no fault of anybody's.
    Closed,
    /// One sentence for standard error.
    Said(String),
}

impl Failure {
    /// One sentence for standard error, whatever it is made of.
    pub(crate) fn said(sentence: impl Display) -> Self {
        Self::Said(one_line(&sentence.to_string()))
    }

    /// The same failure, with the place where it happened in front.
    pub(crate) fn at(self, place: impl Display) -> Self {
        match self {
            Self::Closed => Self::Closed,
            Self::Said(sentence) => Self::said(format!("{place}: {sentence}")),
        }
    }
}

impl<E: std::error::Error> From<E> for Failure {
    fn from(error: E) -> Self {
        Self::said(error)
    }
}

/// The text on one line: errors of parsers like to quote what they read.
fn one_line(text: &str) -> String {
    text.split(|c: char| c.is_whitespace() || c.is_control())
        .filter(|word| !word.is_empty())
        .collect::<Vec<_>>()
        .join(" ")
}
