//! What a file tells those who will have it, before it is posted.

use std::fs::File;
use std::io::Cursor;

use super::{Attach, Source};
use crate::format::printable_line;
use crate::media::MediaError;
use crate::node::error::TidingsError;
use crate::pictures::{self, Fact};

/// Characters of a fact that are shown.
const SHOWN: usize = 200;

/// Facts of one file that are told.
const FACTS: usize = 64;

impl Attach {
    /// What it will tell of itself when it is posted as it is set here: the title of a piece of music, the author and the
    /// company of a document. Each is one line of printable text.
    ///
    /// Pictures, films and recordings tell nothing, since that is taken off; with [`keep_metadata`](Self::keep_metadata)
    /// they may tell more than is known here. Documents are looked into with the feature `documents`. What a reader gives
    /// is not looked into, nor what was [prepared](crate::Node::prepare) already.
    ///
    /// # Errors
    ///
    /// If the file cannot be read.
    pub fn tells(&self) -> Result<Vec<Fact>, TidingsError> {
        let options = self.options();
        let facts = match &self.source {
            Source::File(path) => {
                let failed = |source| MediaError::Source {
                    name: path.display().to_string(),
                    source,
                };
                let mut file = File::open(path).map_err(failed)?;
                pictures::tells(&mut file, &options)?
            }
            Source::Bytes(bytes) => pictures::tells(&mut Cursor::new(bytes.to_vec()), &options)?,
            Source::Reader(_) | Source::Taken(_) => Vec::new(),
        };
        let lines = facts.iter().take(FACTS).map(|fact| {
            let line = printable_line(fact.value(), SHOWN).into_owned();
            Fact::new(fact.kind(), line)
        });
        Ok(lines.filter(|fact| !fact.value().is_empty()).collect())
    }
}
