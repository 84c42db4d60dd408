//! Pictures of a blog of WordPress: those in its texts and those above them, which lie in `wp-content/uploads` beside an
//! export if somebody put them there.

use std::collections::HashMap;

use super::tumblr::attribute;
use super::{archives, repair};

/// Where WordPress keeps files.
const UPLOADS: &str = "wp-content/uploads/";

/// Pictures of one item, at most.
const PICTURES: usize = 64;

/// A picture that an item shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Picture {
    pub(super) address: String,
    /// What it shows, in words.
    pub(super) alt: Option<String>,
}

impl Picture {
    /// Where it may lie beside the export: as it is named, then as the original of which it is a smaller copy.
    pub(super) fn paths(&self) -> Vec<String> {
        let path = archives::path_of(&self.address);
        let Some(path) = path.find(UPLOADS).and_then(|at| path.get(at..)) else {
            return Vec::new();
        };
        let mut paths = vec![path.to_owned()];
        paths.extend(original(path));
        let inside = |path: &String| path.strip_prefix("wp-content/").map(str::to_owned);
        let short: Vec<_> = paths.iter().filter_map(inside).collect();
        paths.extend(short);
        paths
    }
}

/// The path without a size in its name, such as `-300x200`.
fn original(path: &str) -> Option<String> {
    let (name, ending) = path.rsplit_once('.')?;
    let (name, size) = name.rsplit_once('-')?;
    let (width, height) = size.split_once('x')?;
    let is_number = |it: &str| !it.is_empty() && it.bytes().all(|it| it.is_ascii_digit());
    (is_number(width) && is_number(height)).then(|| format!("{name}.{ending}"))
}

/// Addresses of the files that an export lists, by their number; nothing if no item asks for one.
pub(super) fn listed(text: &str) -> HashMap<String, String> {
    if !text.contains("_thumbnail_id") {
        return HashMap::new();
    }
    let items = repair::items(text).filter_map(Result::ok);
    let files = items.filter_map(|item| {
        let address = item.text("wp", "attachment_url")?;
        Some((item.text("wp", "post_id")?, address))
    });
    files.collect()
}

/// The picture above an item, by its number in the list of files.
pub(super) fn above(item: &repair::Item, listed: &HashMap<String, String>) -> Option<Picture> {
    let mut fields = item.all("wp", "postmeta");
    let number = fields.find_map(|meta| {
        let key = meta.inner("wp", "meta_key")?;
        (key == "_thumbnail_id").then(|| meta.inner("wp", "meta_value"))?
    })?;
    let address = listed.get(&number)?.clone();
    Some(Picture { address, alt: None })
}

/// The pictures in the text of an item.
pub(super) fn within(item: &repair::Item) -> Vec<Picture> {
    let texts = item.fields.iter().filter(|it| {
        it.tag.name.eq_ignore_ascii_case("encoded") && it.tag.space.contains("content")
    });
    let html: String = texts.map(repair::Field::text).collect();
    let tags = html.split("<img ").skip(1);
    let tags = tags.filter_map(|tag| tag.split('>').next());
    let pictures = tags.filter_map(|tag| {
        let tag = format!(" {tag}");
        Some(Picture {
            address: attribute(&tag, "src")?,
            alt: attribute(&tag, "alt").filter(|alt| !alt.is_empty()),
        })
    });
    pictures.take(PICTURES).collect()
}
