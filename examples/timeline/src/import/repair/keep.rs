//! Which items of a feed are posts.

use super::exports;
use super::item::Item;
use crate::import::left::Left;

/// Whether an item becomes a post.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::import) enum Keep {
    Yes,
    No(Left),
}

/// Looks at an item as it stands in its file, with fields that the parser behind does not know. `pages` is whether pages
/// that stand beside the posts are asked for.
pub(in crate::import) fn keep(item: &Item, pages: bool) -> Keep {
    exports::left(item, pages).map_or(Keep::Yes, Keep::No)
}
