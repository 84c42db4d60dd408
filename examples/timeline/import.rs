//! `import`: posts from files that people already have. RSS, Atom and JSON Feed, and JSON Lines.
//!
//! All files of one call are read before anything is posted, and then go into one batch: either every new item is in
//! the feed or none is. What is there already is found by its text, title, link and, if the item has one, date.

mod enclosure;
mod feed;
mod fold;
mod html;
mod items;
mod lines;
mod read;
mod repair;

pub(crate) use self::items::{Collected, Item, Known};
pub(crate) use self::lines::{Line, LineReader};
pub(crate) use self::read::read_files;
