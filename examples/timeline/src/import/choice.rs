//! What of the files is asked for.

/// What is asked for beside the own public posts.
#[derive(Debug, Clone, Default)]
pub(crate) struct Choice {
    /// Attach files that lie beside a feed.
    pub(crate) enclosures: bool,
    /// What others wrote and the owner passed on.
    pub(crate) reposts: bool,
    /// Answers to others.
    pub(crate) replies: bool,
    /// Pages that stand beside the posts of a blog.
    pub(crate) pages: bool,
    /// Whose posts of a file by several authors come; of the owner if empty.
    pub(crate) authors: Vec<String>,
}
