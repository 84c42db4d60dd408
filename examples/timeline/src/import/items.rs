//! What an import gathers before it posts anything.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::PathBuf;

use tidings::{Attach, NewPost, Timestamp};

use super::left::{Left, LeftOut};

/// One item of a file, already within the limits of a post.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Item {
    /// What its source calls it: no other item in the world is called so.
    pub(crate) id: Option<String>,
    pub(crate) text: String,
    pub(crate) title: Option<String>,
    pub(crate) link: Option<String>,
    pub(crate) tags: Vec<String>,
    /// What to know before looking.
    pub(crate) warning: Option<String>,
    /// The language of the text, as BCP 47.
    pub(crate) language: Option<String>,
    /// When it was published, else when it was last changed, else unknown.
    pub(crate) time: Option<Timestamp>,
    /// It has a date, and nobody can read it.
    pub(crate) unread: bool,
    /// Where it stands among the items of its file, if its own date cannot be read. It does not tell one item from another.
    pub(crate) placed: Option<Timestamp>,
    /// What is attached. It does not tell one item from another: files come and go.
    pub(crate) files: Vec<ItemFile>,
    /// Who wrote it, where the file has posts of several people.
    pub(crate) author: Option<Author>,
    /// The id of the item that it answers.
    pub(crate) answers: Option<String>,
    /// Which of the files it is from.
    pub(super) file: usize,
}

/// Somebody who wrote in a blog of several people.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Author {
    /// What readers see.
    pub(crate) name: String,
    /// What the blog calls them.
    pub(crate) login: String,
}

impl Author {
    fn is(&self, name: &str) -> bool {
        same_name(name, &self.name) || same_name(name, &self.login)
    }
}

/// A file that goes with an item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ItemFile {
    pub(crate) path: PathBuf,
    /// What it shows, in words.
    pub(crate) alt: Option<String>,
}

impl ItemFile {
    /// What to attach.
    pub(crate) fn attach(&self) -> Attach {
        // What it comes from has told its name already.
        let attach = Attach::file(&self.path).keep_name();
        match &self.alt {
            Some(alt) => attach.alt(alt),
            None => attach,
        }
    }
}

impl Item {
    /// The post to send, without files. Without a date it is dated by the moment of the import.
    pub(crate) fn into_post(self) -> NewPost {
        let mut post = NewPost::new(self.text);
        if let Some(title) = self.title {
            post = post.title(title);
        }
        if let Some(link) = self.link {
            post = post.link(link);
        }
        if let Some(warning) = self.warning {
            post = post.warning(warning);
        }
        if let Some(language) = self.language {
            post = post.language(language);
        }
        for tag in self.tags {
            post = post.tag(tag);
        }
        match self.time.or(self.placed) {
            Some(time) => post.time(time),
            None => post,
        }
    }

    /// What it is called where something is said of it: its title, else how its text begins, else its link.
    pub(crate) fn name(&self) -> String {
        const CHARS: usize = 60;
        let text = self.text.lines().next().unwrap_or_default();
        let text = Some(text).filter(|text| !text.is_empty());
        let name = self.title.as_deref().or(text).or(self.link.as_deref());
        let name = name.unwrap_or("an item without words");
        let mut short: String = name.chars().take(CHARS).collect();
        if short.len() < name.len() {
            short.push('\u{2026}');
        }
        short
    }
}

/// What had to be changed on the way, for the summary.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Notes {
    /// Items whose text or title was too long and ends in an ellipsis.
    pub(crate) shortened: u64,
    /// Tags that were shortened, or left out beyond the number a post may have.
    pub(crate) tags_cut: u64,
    /// Items with nothing in them that could be read.
    pub(crate) skipped: u64,
    /// Items that could not be read at all.
    pub(crate) unreadable: u64,
    /// Items with a date that could not be read.
    pub(crate) undated: u64,
    /// Files beside the feeds that are not attached, since nobody asked for it.
    pub(crate) not_attached: u64,
    /// Items that everybody could read, but that were to be in no list.
    pub(crate) unlisted: u64,
    /// Items of which their file does not say who could read them.
    pub(crate) unsaid: u64,
    /// Public items with parts that only some could read, which are left out.
    pub(crate) gated: u64,
    /// Files that an archive names and that are not in its folder.
    pub(crate) missing_files: u64,
}

/// The items of all files, and what had to be changed.
#[derive(Debug, Default)]
pub(crate) struct Collected {
    pub(crate) items: Vec<Item>,
    pub(crate) notes: Notes,
    /// What becomes no post.
    pub(crate) left: LeftOut,
    /// What is not public, by its id and its link: an earlier import may have posted it when it was.
    pub(super) closed: Vec<(Option<String>, Option<String>)>,
    /// Other people whose posts are in the files, and how many.
    pub(crate) others: BTreeMap<String, u64>,
    /// Files that are exports of blogs.
    exports: HashSet<usize>,
    /// Whose blog each file is, where that is said.
    owners: HashMap<usize, String>,
    /// Which of the files is being read.
    pub(super) file: usize,
}

impl Collected {
    /// Leaves an item out that has an id or a link.
    pub(super) fn leave(&mut self, left: Left, id: Option<String>, link: Option<String>) {
        self.left.add(left);
        if left.is_closed() {
            self.closed.push((id, link));
        }
    }

    /// Notes whose blog the file being read is.
    pub(super) fn owner(&mut self, name: Option<String>) {
        if let Some(name) = name {
            self.owners.insert(self.file, name);
        }
    }

    /// Notes that the file being read is an export, which may hold posts of several people.
    pub(super) fn is_export(&mut self) {
        self.exports.insert(self.file);
    }

    /// Leaves out what is by others than the `wanted` people.
    ///
    /// Where nobody is named, an export of a blog of several people gives the posts of its owner: the one who is called as the profile
    /// says, else whom the file names, else the one who wrote most in it.
    pub(crate) fn choose_authors(&mut self, wanted: &[String], profile: Option<&str>) {
        let mut counts: HashMap<usize, BTreeMap<Author, u64>> = HashMap::new();
        for item in &self.items {
            if let Some(author) = &item.author
                && self.exports.contains(&item.file)
            {
                let of_file = counts.entry(item.file).or_default();
                *of_file.entry(author.clone()).or_default() += 1;
            }
        }
        let owners = counts.into_iter().filter_map(|(file, counts)| {
            let named = self.owners.get(&file).map(String::as_str);
            let mut names = [profile, named].into_iter().flatten();
            let is_named = names.find_map(|name| counts.keys().find(|author| author.is(name)));
            let most = || counts.iter().rev().max_by_key(|(_, count)| **count);
            let owner = is_named.or_else(|| most().map(|(author, _)| author));
            Some((file, owner?.clone()))
        });
        let owners: HashMap<usize, Author> = owners.collect();
        let (left, others) = (&mut self.left, &mut self.others);
        self.items.retain(|item| {
            let Some(author) = &item.author else {
                return true;
            };
            let stays = if wanted.is_empty() {
                owners.get(&item.file).is_none_or(|owner| owner == author)
            } else {
                wanted.iter().any(|name| author.is(name))
            };
            if !stays {
                left.add(Left::OtherAuthor);
                *others.entry(author.name.clone()).or_default() += 1;
            }
            stays
        });
    }
}

fn same_name(a: &str, b: &str) -> bool {
    a.trim().to_lowercase() == b.trim().to_lowercase()
}
