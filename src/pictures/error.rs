//! Why an attachment was not prepared; each says what the person who attaches it can do.

use std::error::Error;
use std::io;

/// An attachment that cannot be posted as it is.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PictureError {
    /// Nothing is in it.
    #[error("the attachment is empty; attach a file with something in it")]
    Empty,

    /// It ends before what it began is complete.
    #[error(
        "the {mime} attachment ends in the middle, as if it had been cut off; copy it anew from where it came"
    )]
    CutOff {
        /// What its first bytes say it is.
        mime: &'static str,
    },

    /// It contradicts itself.
    #[error(
        "the {mime} attachment is damaged ({what}); copy it anew from where it came, or save it anew in the program that made it"
    )]
    Damaged {
        /// What its first bytes say it is.
        mime: &'static str,
        /// What makes no sense in it.
        what: &'static str,
    },

    /// Its container is whole, but the picture in it cannot be drawn.
    #[error("the {mime} attachment cannot be drawn; save it anew in the program that made it")]
    Undecodable {
        /// What its first bytes say it is.
        mime: &'static str,
        /// What the decoder answered.
        source: Box<dyn Error + Send + Sync>,
    },

    /// It may tell a place or a device, and that cannot be taken off.
    #[error(
        "what the {mime} attachment tells of place, device and people cannot be taken off ({what}); save it as {}, or choose to keep its metadata",
        instead(mime)
    )]
    Sealed {
        /// What its first bytes say it is.
        mime: &'static str,
        /// What stands in the way.
        what: &'static str,
    },

    /// More pixels than any camera makes.
    #[error(
        "a picture of {width} x {height} pixels is larger than can be posted ({most} pixels); make it smaller first"
    )]
    TooManyPixels {
        /// Pixels from side to side.
        width: u32,
        /// Pixels from top to bottom.
        height: u32,
        /// The most pixels in all.
        most: u64,
    },

    /// A picture file too long to be looked through in memory.
    #[error(
        "a {mime} picture of {len} bytes is longer than the {most} that can be looked through; make it smaller first"
    )]
    TooLong {
        /// What its first bytes say it is.
        mime: &'static str,
        /// Its length in bytes.
        len: u64,
        /// The most bytes of a picture file.
        most: u64,
    },

    /// The picture given to stand for the attachment cannot be used.
    #[error("the poster cannot be used; give another picture")]
    Poster {
        /// Why.
        source: Box<Self>,
    },

    /// What was given as a poster is no picture that can be drawn.
    #[error(
        "what was given as a poster is {mime}, not a picture that can be drawn; give a JPEG, PNG, WebP or GIF"
    )]
    NoPicture {
        /// What it is.
        mime: &'static str,
    },

    /// The system failed to read or write.
    #[error("reading or changing the copy of the attachment failed; check the disk and try again")]
    Io(#[from] io::Error),
}

/// What can be posted in place of a file of such a type.
fn instead(mime: &str) -> &'static str {
    match mime.split_once('/') {
        Some(("image", "svg+xml")) => "plain SVG or PNG",
        Some(("audio", _)) => "MP3 or WAV",
        Some(("video", _)) => "MP4",
        Some(("image", _)) => "JPEG or PNG",
        Some(("application", "pdf")) => "a PDF that is printed from it, without properties",
        Some(("application" | "text", _)) => "DOCX, ODT or plain text",
        _ => "JPEG or MP4",
    }
}

/// What a look into a container may meet, before it is known what to call the file.
#[derive(Debug)]
pub(super) enum Fault {
    /// It ends too early.
    Cut,
    /// It contradicts itself.
    Odd(&'static str),
    /// It is made so that metadata cannot be told from the rest.
    Sealed(&'static str),
    /// The disk.
    Io(io::Error),
}

impl Fault {
    /// The error for those who attach it.
    pub(super) fn of(self, mime: &'static str) -> PictureError {
        match self {
            Self::Cut => PictureError::CutOff { mime },
            Self::Odd(what) => PictureError::Damaged { mime, what },
            Self::Sealed(what) => PictureError::Sealed { mime, what },
            Self::Io(error) => PictureError::Io(error),
        }
    }
}

impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::UnexpectedEof {
            return Self::Cut;
        }
        Self::Io(error)
    }
}
