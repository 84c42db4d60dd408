//! What is said of imports.

use std::collections::BTreeMap;

use serde::Serialize;

/// What `import` prints. Of a dry run, what it would do.
#[derive(Debug, Clone, Default, Serialize)]
pub(crate) struct ImportObject {
    /// Whether nothing was written.
    pub(crate) dry_run: bool,
    pub(crate) imported: u64,
    /// Posts that say something else since.
    pub(crate) edited: u64,
    /// Files beside the feeds that were attached.
    pub(crate) attached: u64,
    /// Files beside the feeds that were not, since nobody asked for it.
    pub(crate) not_attached: u64,
    /// Files that an archive names and that are not in it.
    pub(crate) missing_files: u64,
    /// Files that could not be attached.
    pub(crate) refused: Vec<RefusedObject>,
    pub(crate) already: u64,
    /// Posts whose items are no longer public where they come from.
    pub(crate) closed: Vec<ClosedObject>,
    /// Items that changed, and whose posts were edited here.
    pub(crate) edited_here: u64,
    /// Items that were public, but in no list.
    pub(crate) unlisted: u64,
    /// Items of which their file does not say who could read them.
    pub(crate) unsaid: u64,
    /// Public items with parts that only some could read, which were left out.
    pub(crate) gated: u64,
    pub(crate) shortened: u64,
    pub(crate) tags_cut: u64,
    /// Items with nothing in them.
    pub(crate) skipped: u64,
    /// Items that could not be read at all.
    pub(crate) unreadable: u64,
    /// Items with a date that could not be read.
    pub(crate) undated: u64,
    /// New items without a date, which are dated by the moment of the import.
    pub(crate) dateless: u64,
    /// What became no post, by its kind.
    pub(crate) left_out: BTreeMap<&'static str, u64>,
    /// Whose posts were left out.
    pub(crate) authors: Vec<AuthorObject>,
    pub(crate) files: u64,
    /// The first posts of a dry run.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) first: Vec<FirstObject>,
}

/// A post that stays, though its item is no longer public where it comes from.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct ClosedObject {
    pub(crate) id: String,
    /// Its title, or how it begins.
    pub(crate) name: String,
    #[serde(skip)]
    pub(crate) short: String,
}

/// A file that could not be attached.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct RefusedObject {
    /// What the item is called, or how it begins.
    pub(crate) item: String,
    pub(crate) file: String,
    pub(crate) why: String,
}

/// Somebody whose posts were left out.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct AuthorObject {
    pub(crate) name: String,
    pub(crate) posts: u64,
}

/// One of the first posts that would come.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct FirstObject {
    pub(crate) time: Option<String>,
    pub(crate) title: Option<String>,
    /// How the text begins.
    pub(crate) text: String,
    pub(crate) link: Option<String>,
    pub(crate) tags: Vec<String>,
    pub(crate) attached: u64,
}
