//! Archives that services hand out, by their unpacked folder or the file in it that holds the posts.
//!
//! Pictures are part of such an archive and come along. As with feeds, nothing outside of the folder is opened, and no
//! hidden file.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use serde::Deserialize;
use serde::de::{DeserializeOwned, IgnoredAny};
use tidings::Timestamp;

use super::choice::Choice;
use super::enclosure::Folder;
use super::fold::Raw;
use super::items::Collected;
use super::{mastodon, tumblr, twitter};
use crate::failure::{Failure, Result};

/// Bytes of one file of an archive. It has to be in memory as a whole.
const FILE_BYTES: u64 = 512 << 20;

/// What is said of a folder in which nothing is found.
const UNKNOWN: &str = "no archive that is known here: of Mastodon it has an outbox.json, of Twitter data/tweets.js, of \
    Tumblr posts/; name feeds and other files one by one";

/// Something that can be read, or not; one odd item in a list leaves the others alone.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum Lenient<T> {
    Read(T),
    Not(IgnoredAny),
}

impl<T> Lenient<T> {
    /// What was read.
    pub(super) fn read(self) -> Option<T> {
        match self {
            Self::Read(it) => Some(it),
            Self::Not(_) => None,
        }
    }
}

/// Reads an archive by its folder.
pub(super) fn read_folder(path: &Path, choice: &Choice, into: &mut Collected) -> Result {
    let is_at = |root: &Path, name: &str| root.join(name).exists();
    for root in roots(path) {
        let folder = Folder::at(&root);
        if is_at(&root, "outbox.json") {
            let bytes = read_bytes(&root.join("outbox.json"))?;
            return mastodon::read(&bytes, folder.as_ref(), choice, into);
        }
        let Some(folder) = folder else { continue };
        if twitter::is_archive(&folder) {
            return twitter::read_folder(&folder, choice, into);
        }
        if tumblr::is_archive(&folder) && other_kind(&root).is_none() {
            return tumblr::read_folder(&folder, choice, into);
        }
    }
    Err(Failure::said(other_kind(path).unwrap_or(UNKNOWN)))
}

/// Where an archive may begin: in the folder, or in the one folder that is in it, as many unpack it.
fn roots(path: &Path) -> Vec<std::path::PathBuf> {
    let mut roots = vec![path.to_owned()];
    let inside = path.read_dir().into_iter().flatten().flatten();
    let mut folders = inside.filter(|it| {
        let is_hidden = it.file_name().as_encoded_bytes().starts_with(b".");
        !is_hidden && it.file_type().is_ok_and(|it| it.is_dir())
    });
    if let (Some(only), None) = (folders.next(), folders.next()) {
        roots.push(only.path());
    }
    // Who names the folder of the data means the archive around it.
    if path.file_name().is_some_and(|name| name == "data")
        && let Some(parent) = path.parent()
    {
        roots.push(parent.to_owned());
    }
    roots
}

/// What can be done with archives that are known, but not read.
fn other_kind(path: &Path) -> Option<&'static str> {
    let has = |names: &[&str]| names.iter().any(|name| path.join(name).exists());
    let ends = |ending: &str| {
        let listed = path.read_dir().into_iter().flatten().flatten();
        let mut names = listed.take(10_000).map(|it| it.file_name());
        names.any(|name| name.to_string_lossy().to_lowercase().ends_with(ending))
    };
    if has(&["your_instagram_activity", "content/posts_1.json"]) {
        Some(
            "this is an archive of Instagram, which is not read yet; post its pictures with `post --attach`",
        )
    } else if has(&["your_facebook_activity", "posts/your_posts_1.json"]) {
        Some(
            "this is an archive of Facebook, which is not read: who could read each post is not told in it",
        )
    } else if has(&["posts.csv", "../posts.csv"]) {
        Some(
            "this is an export of Substack, which is not read: letters to subscribers and drafts lie among its posts; import the RSS feed (its address with /feed)",
        )
    } else if has(&["profile/profile.html", "../profile/profile.html"]) {
        Some(
            "this is an archive of Medium, which is not read: drafts and answers to others lie among its posts; import the RSS feed (medium.com/feed/@name)",
        )
    } else if has(&["Blogger/Blogs", "Takeout/Blogger/Blogs", "Blogs"]) {
        Some(
            "this is a Takeout of Blogger; import the feed.atom of a blog, which lies in Blogger/Blogs",
        )
    } else if has(&["feed.atom", "feed.xml", "atom.xml", "rss.xml"]) {
        Some("there is a feed in this folder; import that file")
    } else if ends(".wxr") || wordpress_part(path) {
        Some(
            "there is an export of WordPress in this folder; import its files, in one call if there are several",
        )
    } else if ends(".car") {
        Some(
            "this is an archive of Bluesky (CAR), which is not read yet; the account's RSS feed (profile address + /rss) is",
        )
    } else if has(&[
        "_posts",
        "content",
        "hugo.toml",
        "config.toml",
        "_config.yml",
    ]) {
        Some(
            "these look like the sources of a web site (Hugo, Jekyll); import the RSS or Atom file that it builds, such as public/index.xml",
        )
    } else if ends(".zip") || ends(".tar.gz") {
        Some(
            "there are packed archives in this folder; unpack one, then import the folder that comes of it",
        )
    } else {
        None
    }
}

/// True of a folder with an export of WordPress in it, such as `garden.wordpress.2025-01-19.000.xml`.
fn wordpress_part(path: &Path) -> bool {
    let listed = path.read_dir().into_iter().flatten().flatten();
    let mut names = listed.take(10_000).map(|it| it.file_name());
    names.any(|name| {
        let name = name.to_string_lossy().to_lowercase();
        name.contains("wordpress") && name.ends_with(".xml")
    })
}

/// What can be done with files of other services that are known, but not read.
pub(super) fn other_file(head: &str) -> Option<&'static str> {
    let begins: String = head
        .chars()
        .filter(|c| !c.is_whitespace())
        .take(400)
        .collect();
    let has = |name: &str| begins.contains(name);
    let is_text = begins.starts_with(['<', '{', '[']);
    if begins.starts_with('[') && has("\"media\":[") && has("\"creation_timestamp\"") {
        Some(
            "this is a file of Instagram, which is not read yet; post its pictures with `post --attach`",
        )
    } else if begins.starts_with('[') && has("\"timestamp\"") && has("\"data\"") {
        Some(
            "this is a file of Facebook, which is not read: who could read each post is not told in it",
        )
    } else if has("\"$type\":\"app.bsky.") || (!is_text && has("eroots") && has("gversion")) {
        Some(
            "this is an archive of Bluesky, which is not read yet; import the account's RSS feed (its address with /rss)",
        )
    } else if head.starts_with("---\n") || head.starts_with("+++\n") {
        Some(
            "this is the source of a page (Hugo, Jekyll); import the RSS or Atom file that the site builds, such as public/index.xml",
        )
    } else {
        None
    }
}

/// A whole file.
pub(super) fn read_bytes(path: &Path) -> Result<Vec<u8>> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let mut bytes = Vec::new();
    let read = File::open(path).and_then(|it| it.take(FILE_BYTES + 1).read_to_end(&mut bytes));
    read.map_err(|error| Failure::said(error).at(&name))?;
    if bytes.len() as u64 > FILE_BYTES {
        let most = FILE_BYTES >> 20;
        return Err(Failure::said(format!("the file is larger than {most} MiB")).at(name));
    }
    Ok(bytes)
}

/// What is in some JSON, with or without a mark of byte order.
pub(super) fn json<T: DeserializeOwned>(bytes: &[u8]) -> Result<T> {
    let bytes = bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(bytes);
    serde_json::from_slice(bytes)
        .map_err(|error| Failure::said(format!("not JSON that can be read: {error}")))
}

/// What is in a file of JSON beside the posts; none if it cannot be read.
pub(super) fn json_file<T: DeserializeOwned>(path: &Path) -> Option<T> {
    json(&read_bytes(path).ok()?).ok()
}

/// A time as RFC 3339.
pub(super) fn rfc3339(text: Option<&str>) -> Option<Timestamp> {
    let time: jiff::Timestamp = text?.trim().parse().ok()?;
    Some(Timestamp(time.as_millisecond()))
}

/// The path of an address, without the slash that it begins with.
pub(super) fn path_of(address: &str) -> String {
    let path = match url::Url::parse(address) {
        Ok(url) => url.path().to_owned(),
        Err(_) => address
            .split(['?', '#'])
            .next()
            .unwrap_or_default()
            .to_owned(),
    };
    path.trim_start_matches('/').to_owned()
}

/// The files of an archive.
#[derive(Debug)]
pub(super) struct Media<'a> {
    folder: Option<&'a Folder>,
    /// Files that are named and not there.
    pub(super) missing: u64,
}

impl<'a> Media<'a> {
    pub(super) const fn new(folder: Option<&'a Folder>) -> Self {
        Self { folder, missing: 0 }
    }

    /// Attaches the file that lies at the first of these paths. Where there is none, its address has to do.
    pub(super) fn attach(
        &mut self,
        paths: &[String],
        address: &str,
        alt: Option<String>,
        raw: &mut Raw,
    ) {
        let folder = self.folder;
        let found = folder.and_then(|folder| paths.iter().find_map(|path| folder.beside(path)));
        if let Some(path) = found {
            if !raw.files.contains(&path) {
                raw.files.push(path);
                raw.alts.push(alt);
            }
        } else if address.starts_with("https://") || address.starts_with("http://") {
            raw.addresses.push(address.to_owned());
            self.missing += 1;
        } else {
            self.missing += 1;
        }
    }
}

/// HTML in which people who are spoken to, and tags, are no links: to readers elsewhere their addresses are noise.
pub(super) fn without_mention_links(html: &str) -> String {
    let mut rest = html;
    let mut text = String::with_capacity(html.len());
    while let Some(at) = rest.find("<a ") {
        let (before, link) = rest.split_at(at);
        text.push_str(before);
        let end = link.find('>').map_or(link.len(), |end| end + 1);
        let (tag, behind) = link.split_at(end);
        let class = tag.split_once("class=").map_or("", |(_, class)| class);
        let class = class.get(1..).unwrap_or_default();
        let class = class.split(['"', '\'']).next().unwrap_or_default();
        let is_mention = class
            .split(' ')
            .any(|it| it == "mention" || it == "hashtag");
        text.push_str(if is_mention { "<span>" } else { tag });
        rest = behind;
    }
    text.push_str(rest);
    text
}
