//! Enclosures of items: files that lie beside the feed may be attached, of others the address is kept.
//!
//! A feed may come from anywhere and is not to be trusted with the disk: nothing outside its own folder is attached,
//! wherever it points, nor any hidden file in it, and the address of a file is never posted.

use std::cell::RefCell;
use std::collections::HashMap;
use std::ffi::OsString;
use std::path::{Component, Path, PathBuf};

use feed_rs::model::{Entry, Link};
use unicode_normalization::UnicodeNormalization as _;
use url::Url;

use super::html;

/// Something that an item brings along.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Enclosure {
    /// A file beside the feed.
    File(PathBuf),
    /// An address elsewhere.
    Address(String),
}

/// Names that one folder's list is read of; nobody has more files in one.
const NAMES: usize = 1_000_000;

/// The folder that a feed lies in.
#[derive(Debug, Clone)]
pub(super) struct Folder {
    root: PathBuf,
    url: Url,
    /// The names in folders that were looked through, by their composed form.
    names: RefCell<HashMap<PathBuf, HashMap<String, OsString>>>,
}

impl Folder {
    /// None for what lies in no folder, such as a pipe.
    pub(super) fn of(feed: &Path) -> Option<Self> {
        if !feed.is_file() {
            return None;
        }
        let parent = feed.parent().filter(|it| *it != Path::new(""));
        Self::at(parent.unwrap_or_else(|| Path::new(".")))
    }

    /// A folder by its path.
    pub(super) fn at(root: &Path) -> Option<Self> {
        let root = root.canonicalize().ok()?;
        let url = Url::from_directory_path(&root).ok()?;
        let names = RefCell::default();
        Some(Self { root, url, names })
    }

    /// The folder as an address, to resolve relative ones against.
    pub(super) const fn url(&self) -> &Url {
        &self.url
    }

    /// A file in it by its path from there; it may be written in any form, and only plain names are followed.
    pub(super) fn beside(&self, path: &str) -> Option<PathBuf> {
        let parts = path.split(['/', '\\']).filter(|part| !part.is_empty());
        let mut whole = self.root.clone();
        for part in parts {
            let is_plain = matches!(part.as_bytes(), [first, ..] if *first != b'.');
            is_plain.then(|| whole.push(part))?;
        }
        self.open_file(&whole)
    }

    /// The files of a folder in it, in the order of their names; nothing if there is no such folder.
    pub(super) fn list(&self, folder: &str) -> Vec<PathBuf> {
        let listed = self.root.join(folder).read_dir().into_iter().flatten();
        let mut names: Vec<_> = listed
            .flatten()
            .take(NAMES)
            .map(|it| it.file_name())
            .collect();
        names.sort();
        let paths = names.iter().filter_map(|name| {
            let name = name.to_str()?;
            self.beside(&format!("{folder}/{name}"))
        });
        paths.collect()
    }

    /// The file that an address stands for, if it may be attached.
    pub(super) fn file(&self, url: &Url) -> Option<PathBuf> {
        self.open_file(&url.to_file_path().ok()?)
    }

    /// The file at this path, if it may be attached.
    fn open_file(&self, path: &Path) -> Option<PathBuf> {
        let real = path.canonicalize().ok();
        let path = real.or_else(|| self.in_any_form(path)?.canonicalize().ok())?;
        // Links have been followed: what counts is where the file really lies.
        let inside = path.strip_prefix(&self.root).ok()?;
        let is_hidden = |part: Component<'_>| part.as_os_str().as_encoded_bytes().starts_with(b".");
        let is_file = path.metadata().is_ok_and(|it| it.is_file() && it.len() > 0);
        let is_open = !inside.components().any(is_hidden) && !is_identity(&path);
        (is_open && is_file).then_some(path)
    }
}

impl Folder {
    /// The path with each name as the disk has it: one letter with an accent can be written as one character or as two, and
    /// who packed the files may have changed the form.
    fn in_any_form(&self, path: &Path) -> Option<PathBuf> {
        let mut found = self.root.clone();
        for part in path.strip_prefix(&self.root).ok()?.components() {
            let Component::Normal(name) = part else {
                return None;
            };
            let next = found.join(name);
            found = if next.symlink_metadata().is_ok() {
                next
            } else {
                let composed: String = name.to_str()?.nfc().collect();
                found.join(self.name_in(&found, &composed)?)
            };
        }
        Some(found)
    }

    fn name_in(&self, folder: &Path, composed: &str) -> Option<OsString> {
        let mut all = self.names.borrow_mut();
        let names = all.entry(folder.to_owned()).or_insert_with(|| {
            let listed = folder
                .read_dir()
                .into_iter()
                .flatten()
                .flatten()
                .take(NAMES);
            let names = listed.map(|entry| entry.file_name());
            names
                .filter_map(|name| Some((name.to_str()?.nfc().collect(), name)))
                .collect()
        });
        names.get(composed).cloned()
    }
}

/// Says whether a file belongs to an identity: a feed in its folder must not post its keys.
fn is_identity(path: &Path) -> bool {
    let mut folders = path.ancestors().skip(1);
    folders.any(|it| it.join("keys").is_file() && it.join("store.redb").is_file())
}

/// The enclosures of an item, each once, in the order of the item.
pub(super) fn enclosures(
    entry: &Entry,
    folder: Option<&Folder>,
    page: Option<&Url>,
) -> Vec<Enclosure> {
    let media = entry.media.iter().flat_map(|media| &media.content);
    let media = media.filter_map(|content| content.url.as_ref().map(Url::as_str));
    let links = entry.links.iter().filter(|link| is_enclosure(link));
    let mut found = Vec::new();
    for target in media.chain(links.map(|link| link.href.as_str())) {
        if let Some(enclosure) = resolve(target, folder, page)
            && !found.contains(&enclosure)
        {
            found.push(enclosure);
        }
    }
    found
}

/// Attachments of a JSON Feed say what they are; its other links do not.
fn is_enclosure(link: &Link) -> bool {
    link.rel.as_deref() == Some("enclosure") || (link.rel.is_none() && link.media_type.is_some())
}

fn resolve(target: &str, folder: Option<&Folder>, page: Option<&Url>) -> Option<Enclosure> {
    let given = Url::parse(target.trim()).ok();
    let local = match (&given, folder) {
        (Some(url), _) if url.scheme() != "file" => None,
        (Some(url), _) => Some(url.clone()),
        (None, Some(folder)) => folder.url.join(target.trim()).ok(),
        (None, None) => None,
    };
    let file = folder.and_then(|folder| folder.file(local.as_ref()?));
    if let Some(file) = file {
        return Some(Enclosure::File(file));
    }
    // What was relative in the feed may have been resolved against the folder; it is no file, so it means the page.
    let relative = folder.and_then(|folder| folder.url.make_relative(local.as_ref()?));
    let relative = relative.filter(|_| page.is_some());
    let target = relative.as_deref().unwrap_or(target);
    html::absolute(target, page).map(Enclosure::Address)
}
