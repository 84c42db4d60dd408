//! `import`: posts from files that people already have. RSS, Atom and JSON Feed, JSON Lines, and unpacked archives.
//!
//! All files of one call are read before anything is posted, and then go into one write: either every new item is in
//! the feed or none is. What is there already is known by what its source calls it, else by its text, title, link and,
//! if the item has one, date. What its source changed since becomes an edit.

mod archives;
mod choice;
mod enclosure;
mod feed;
mod fold;
mod gates;
mod ghost;
mod html;
mod items;
mod known;
mod left;
mod lines;
mod mastodon;
mod read;
mod repair;
mod threads;
mod tumblr;
mod twitter;
mod uploads;

pub(crate) use self::choice::Choice;
pub(crate) use self::items::{Collected, Item};
pub(crate) use self::known::{Known, Plan, Source, Target};
pub(crate) use self::lines::{Line, LineReader};
pub(crate) use self::read::read_files;
