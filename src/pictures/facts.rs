//! What a file says about itself, its makers and its readers, besides what it shows.

use std::fmt;

/// What sort of thing a [`Fact`] is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum FactKind {
    /// What it is called.
    Title,
    /// Who plays or sings.
    Artist,
    /// The album that it belongs to.
    Album,
    /// Whose album it is.
    AlbumArtist,
    /// Its place in the album.
    Track,
    /// The disc of the album that it is on.
    Disc,
    /// The year it came out.
    Year,
    /// The kind of music.
    Genre,
    /// Who composed it.
    Composer,
    /// Whose right it is.
    Copyright,
    /// A remark.
    Comment,
    /// What is sung.
    Lyrics,
    /// A picture inside, such as the cover of an album.
    Cover,
    /// Who wrote it.
    Author,
    /// Who changed it last, or wrote remarks into it.
    Editor,
    /// The company of the author.
    Company,
    /// What it is about, or words to find it by.
    Subject,
    /// When it was made or changed.
    Time,
    /// Where it was made, or where a file lay on the disk of its author.
    Place,
    /// The program or the device that made it.
    Software,
    /// Something else that names its author, the machine or a file of theirs.
    Other,
}

impl FactKind {
    /// Its name, in one or two words of English.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Title => "title",
            Self::Artist => "artist",
            Self::Album => "album",
            Self::AlbumArtist => "album artist",
            Self::Track => "track",
            Self::Disc => "disc",
            Self::Year => "year",
            Self::Genre => "genre",
            Self::Composer => "composer",
            Self::Copyright => "copyright",
            Self::Comment => "comment",
            Self::Lyrics => "lyrics",
            Self::Cover => "cover",
            Self::Author => "author",
            Self::Editor => "editor",
            Self::Company => "company",
            Self::Subject => "subject",
            Self::Time => "time",
            Self::Place => "place",
            Self::Software => "software",
            Self::Other => "other",
        }
    }
}

impl fmt::Display for FactKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Something that a file tells those who look into it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fact {
    kind: FactKind,
    value: String,
}

impl Fact {
    pub(crate) fn new(kind: FactKind, value: impl Into<String>) -> Self {
        Self {
            kind,
            value: value.into(),
        }
    }

    /// What sort of thing it is.
    #[must_use]
    pub const fn kind(&self) -> FactKind {
        self.kind
    }

    /// What is told, as one line of printable text.
    #[must_use]
    pub fn value(&self) -> &str {
        &self.value
    }
}
