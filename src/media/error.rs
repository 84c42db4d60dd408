//! What can go wrong with media: whose fault it is, and what to do.

use std::path::PathBuf;
use std::{fmt, io};

use crate::format::{BlobHash, LINE_CHARS, printable_line};

/// Why bytes could not be attached, read or fetched.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MediaError {
    /// What is to be attached cannot be read.
    #[error("{name} could not be read: {source}")]
    Source {
        /// The file or the name.
        name: String,
        /// What the system said.
        source: io::Error,
    },
    /// What is to be attached is a folder or a device.
    #[error("{} is not a file; attach files one by one", path.display())]
    NotAFile {
        /// What was named.
        path: PathBuf,
    },
    /// The file changed while it was read.
    #[error("{} changed while it was read; attach it again once nothing writes to it", path.display())]
    Changed {
        /// The file.
        path: PathBuf,
    },
    /// There is nothing in it.
    #[error("{name} is empty; there is nothing to attach")]
    Empty {
        /// The file or the name.
        name: String,
    },
    /// It is larger than any blob may be.
    #[error("{name} has more than the {limit} bytes that an attachment may have")]
    TooLarge {
        /// The file, the name or the hash.
        name: String,
        /// The bound.
        limit: u64,
    },
    /// The disk is full. Nothing of it was left there.
    #[error("the disk is full: {name} needs {needed} bytes; free some and try again")]
    DiskFull {
        /// The file, the name or the hash.
        name: String,
        /// Bytes that it takes, as far as is known.
        needed: u64,
    },
    /// A file of the media folder could not be read or written.
    #[error("{} could not be {what}: {source}", path.display())]
    Disk {
        /// The file or folder.
        path: PathBuf,
        /// Read, written, made.
        what: &'static str,
        /// What the system said.
        source: io::Error,
    },
    /// No room is left under the cap on others' media.
    #[error(
        "{blob} needs {needed} bytes, and others' media may take {cap}; raise the cap to fetch it"
    )]
    OverCap {
        /// Which blob.
        blob: BlobHash,
        /// Its bytes.
        needed: u64,
        /// The cap.
        cap: u64,
    },
    /// Its bytes are not held here.
    #[error("the bytes of {blob} are not held here; fetch them first")]
    NotHeld {
        /// Which blob.
        blob: BlobHash,
    },
    /// The file is not what its name says. What is right of it is kept, and the rest can be fetched again.
    #[error("the file of {blob} was found damaged on disk; fetch it again")]
    Damaged {
        /// Which blob.
        blob: BlobHash,
    },
    /// No entry held here names it.
    #[error("no post held here names {blob}; sync first")]
    Unknown {
        /// Which blob.
        blob: BlobHash,
    },
    /// Nobody who may have it could give it.
    #[error("{blob} could not be fetched: {}", told(tried))]
    Unavailable {
        /// Which blob.
        blob: BlobHash,
        /// Who was asked, and what became of it.
        tried: Vec<Tried>,
    },
}

fn told(tried: &[Tried]) -> String {
    if tried.is_empty() {
        return "nobody who may have it is known; sync first".to_owned();
    }
    let each: Vec<String> = tried.iter().map(ToString::to_string).collect();
    each.join("; ")
}

/// A peer that was asked for a blob, and why it did not come from there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tried {
    peer: String,
    why: String,
}

impl Tried {
    /// Part of `why` may be what the peer said.
    pub(crate) fn new(peer: String, why: &str) -> Self {
        let why = printable_line(why, LINE_CHARS).into_owned();
        Self { peer, why }
    }

    /// The peer's endpoint id as text.
    pub fn peer(&self) -> &str {
        &self.peer
    }

    /// What became of it.
    pub fn why(&self) -> &str {
        &self.why
    }
}

impl fmt::Display for Tried {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let peer = self.peer.get(..10).unwrap_or(&self.peer);
        write!(f, "{peer}: {}", self.why)
    }
}
