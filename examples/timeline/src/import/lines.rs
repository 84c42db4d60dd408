//! Lines read in bounded memory.

use std::io::{self, BufRead, Read as _};

/// One line, without its line break.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Line {
    /// What stands on it.
    Text(String),
    /// It is not valid UTF-8.
    NotText,
    /// It is longer than the limit. It has been skipped, not read into memory.
    TooLong,
}

/// Reads lines of at most a given length.
#[derive(Debug)]
pub(crate) struct LineReader<R> {
    input: R,
    limit: usize,
}

impl<R: BufRead> LineReader<R> {
    /// Reads lines of at most `limit` bytes.
    pub(crate) const fn new(input: R, limit: usize) -> Self {
        Self { input, limit }
    }

    /// The next line; `None` at the end.
    pub(crate) fn next_line(&mut self) -> io::Result<Option<Line>> {
        let mut line = Vec::new();
        let with_break = self.limit as u64 + 1;
        if self
            .input
            .by_ref()
            .take(with_break)
            .read_until(b'\n', &mut line)?
            == 0
        {
            return Ok(None);
        }
        if line.last() == Some(&b'\n') {
            line.pop();
        } else if line.len() > self.limit {
            self.input.skip_until(b'\n')?;
            return Ok(Some(Line::TooLong));
        }
        Ok(Some(finish(line)))
    }
}

fn finish(mut line: Vec<u8>) -> Line {
    if line.last() == Some(&b'\r') {
        line.pop();
    }
    String::from_utf8(line).map_or(Line::NotText, Line::Text)
}
