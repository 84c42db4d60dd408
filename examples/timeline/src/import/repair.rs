//! A tolerant layer before feed-rs: feeds as the world writes them become feeds as it reads them.
//!
//! Bytes become text ([`text`]). Of XML, one item after the other is read as it stands ([`scan`]), looked at
//! ([`keep`](keep::keep)), and written as a small feed of its own ([`mod@write`]), which feed-rs parses. So an item that it
//! refuses costs only itself, and no more than one is in memory in all these forms.

mod date;
mod entities;
mod exports;
mod item;
pub(super) mod json;
mod keep;
mod markup;
mod scan;
mod space;
mod text;
mod write;

pub(super) use self::entities::references;
pub(super) use self::exports::{author, comments, is_export, owner, tidy};
pub(super) use self::item::{Field, Head, Item};
pub(super) use self::keep::{Keep, keep};
use self::scan::{Found, Scan};
pub(super) use self::text::{glance, once, to_text, without_stray};
pub(super) use self::write::{
    Facts, head as head_document, item as item_document, without_recordings,
};

/// What is said of a feed in XML as a whole; `None` if it is none.
pub(super) fn head(text: &str) -> Option<Head> {
    Scan::head(text)
}

/// The items of a feed in XML, in the order of the file; of those that cannot be read, why.
pub(super) fn items(text: &str) -> impl Iterator<Item = Result<Item, String>> {
    let mut scan = Scan::new(text);
    std::iter::from_fn(move || {
        loop {
            match scan.next()? {
                Found::Item(item) => return Some(Ok(item)),
                Found::Broken(why) => return Some(Err(why)),
                Found::Field(_) => {}
            }
        }
    })
}
